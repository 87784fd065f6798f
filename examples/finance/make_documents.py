"""Write the invented 10-K and 10-Q filings of this example: `python examples/finance/make_documents.py`.

The same numbers and prose give the same bytes, on any machine. `--out` writes elsewhere.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from generator.companies import COMPANIES  # noqa: E402 - the folder above has to be on the path first
from generator.filing import Filing  # noqa: E402


def main() -> None:
    """Write every filing into the folder of documents."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=HERE / "documents")
    out: Path = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    for make in COMPANIES:
        company = make()
        filings = [Filing(company, year) for year in company.years[2:]]
        filings += [Filing(company, interim.year, interim) for interim in company.interims]
        for filing in filings:
            name, data = filing.write()
            (out / name).write_bytes(data)
            print(f"{name}: {len(data):,} bytes")


if __name__ == "__main__":
    main()
