"""The table of transcribed notes: rows of a CSV export, some of patients who have a bundle too."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import yaml

from .case import Case

_COLUMNS = ("note_id", "patient_id", "note_type", "chart_date", "text")


def csv_bytes(path: Path, cases: list[Case]) -> bytes:
    """Return the table as UTF-8 CSV.

    A row's `patient` is an invented number, or `case:<name>` for the Patient.id of a bundle; its
    `same_as` repeats the text of an earlier note, as exports do that file a note twice.
    """
    people = {f"case:{case.name}": case.uid("Patient") for case in cases}
    rows = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
    texts: dict[str, str] = {}
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(_COLUMNS)
    for row in rows:
        text = texts[row["same_as"]] if "same_as" in row else row["text"].strip()
        texts[row["id"]] = text
        patient = people.get(row["patient"], row["patient"])
        if patient.startswith("case:"):
            raise ValueError(f"{row['id']}: no such case {patient}")
        writer.writerow([row["id"], patient, row["type"], row["date"], text])
    return out.getvalue().encode("utf-8")
