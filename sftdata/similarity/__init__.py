"""Shingles, MinHash, LSH and clusters: arrays in, arrays out."""
