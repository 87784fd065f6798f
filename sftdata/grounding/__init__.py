"""Numbers, units, periods and quotes against a text: does it re-read, recompute, is it absent."""
