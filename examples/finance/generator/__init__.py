"""Writes the invented filings of `examples/finance/documents`; see the folder's README."""
