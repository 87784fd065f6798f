"""A small project on disk for tests of the command line and of the public face."""

from pathlib import Path

import yaml
from documents import finance, write_filings


def write_project(folder: Path, *, companies: int = 4, **changes: object) -> Path:
    """Write filings and a configuration that builds them in this process; return its path."""
    write_filings(folder / "documents", companies=companies, years=(2024,))
    config = finance(Path("documents"), **changes)
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return path
