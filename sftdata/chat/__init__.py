"""Chat templates, tokens and masks."""
