"""sftdata: raw finance and medical documents to audited SFT datasets."""
