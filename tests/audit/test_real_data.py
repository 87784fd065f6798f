"""Published data, audited as a user would: the leak is shown, and so is the cure."""

import csv
import hashlib
import json
import re

import pytest

from sftdata.audit import audit

pytestmark = pytest.mark.real_data


def fold(key):
    return int(hashlib.sha256(str(key).encode()).hexdigest(), 16) % 5


def side(key):
    return "test" if fold(key) == 0 else "train"


@pytest.fixture(scope="module")
def notes(real_data):
    with (real_data / "mtsamples" / "mtsamples_dev.csv").open(
        encoding="utf-8", newline=""
    ) as handle:
        rows = [r for r in csv.DictReader(handle) if r["transcription"].strip()]
    return [
        {
            "id": f"note-{n}",
            "prompt": r["transcription"],
            "completion": r["medical_specialty"].strip(),
            "text_key": " ".join(r["transcription"].lower().split()),
        }
        for n, r in enumerate(rows)
    ]


def test_notes_that_stand_under_several_specialties(notes):
    rows = [{**r, "split": side(r["id"])} for r in notes]
    report = audit(rows)
    keys = {s: {r["text_key"] for r in rows if r["split"] == s} for s in ("train", "test")}
    both = keys["train"] & keys["test"]
    leaked = {r["id"] for r in rows if r["text_key"] in both}
    assert len(leaked) > 50
    found = {
        i for f in report.check("exact_duplicates").findings if f.severity == "error" for i in f.ids
    }
    assert found == leaked
    assert report.exit_code == 1

    cured = audit([{**r, "split": side(r["text_key"])} for r in notes], group="text_key")
    assert cured.check("exact_duplicates").status != "failed"
    assert cured.check("group_overlap").status == "passed"
    assert cured.leakage[0].index < report.leakage[0].index / 2


def test_report_pages_by_sample_by_page_and_by_company(real_data):
    rows = []
    with (real_data / "convfinqa" / "convfinqa_dev.jsonl").open(encoding="utf-8") as handle:
        for line in handle:
            row = json.loads(line)
            company, page = re.match(r"(?:Single|Double)_(\w+)/(\d+/page_\d+)", row["id"]).groups()
            text = row["doc"]["pre_text"] + "\n\n" + row["doc"]["post_text"]
            questions = row["dialogue"]["conv_questions"]
            answers = row["dialogue"]["conv_answers"]
            rows += [
                {
                    "id": f"{row['id']}#{n}",
                    "prompt": f"{text}\n\n{q}",
                    "completion": a,
                    "company": company,
                    "document_id": f"{company}/{page}",
                }
                for n, (q, a) in enumerate(zip(questions[:2], answers[:2], strict=True))
            ]
    by = {
        name: audit([{**r, "split": side(r[name])} for r in rows], group="company")
        for name in ("id", "document_id", "company")
    }
    index = {name: report.leakage[0].index for name, report in by.items()}
    assert max(index["company"], index["document_id"]) < index["id"] / 5
    assert by["id"].check("document_overlap").status == "failed"
    assert by["document_id"].check("document_overlap").status == "passed"
    assert by["document_id"].check("group_overlap").status == "failed"
    assert by["company"].check("group_overlap").status == "passed"
