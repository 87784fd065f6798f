"""Write the invented patient records of this example: `python examples/medical/make_documents.py`.

The same case files give the same bytes, on any machine. `--out` writes elsewhere.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from generator.bundle import bundle_bytes, file_name  # noqa: E402 - the folder above has to be on the path first
from generator.case import Case  # noqa: E402
from generator.transcriptions import csv_bytes  # noqa: E402


def main() -> None:
    """Write every bundle and the table of notes into the folder of documents."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=HERE / "documents")
    out: Path = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    cases = [Case.load(path) for path in sorted((HERE / "generator" / "cases").glob("*.yaml"))]
    written = {file_name(case): bundle_bytes(case) for case in cases}
    written["notes.csv"] = csv_bytes(HERE / "generator" / "transcriptions.yaml", cases)
    for name, data in written.items():
        (out / name).write_bytes(data)
        print(f"{name}: {len(data):,} bytes")


if __name__ == "__main__":
    main()
