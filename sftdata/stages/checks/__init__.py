"""One audit question per file."""
