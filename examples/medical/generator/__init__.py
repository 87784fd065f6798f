"""Writes the invented patient charts of `examples/medical/documents`; see the folder's README."""
