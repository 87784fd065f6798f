"""Fixtures that every test may use."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Return the folder of real documents, or skip where it is absent."""
    folder = Path(os.environ.get("SFTDATA_REAL_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / "MANIFEST.tsv").is_file():
        pytest.skip(f"real documents not found at {folder} (set SFTDATA_REAL_DATA)")
    return folder
