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


def test_report_questions_by_question_and_by_page(real_data):
    rows = []
    pages = json.loads((real_data / "tatqa" / "tatqa_dev_60.json").read_text(encoding="utf-8"))
    for page in pages:
        table = "\n".join("| " + " | ".join(line) + " |" for line in page["table"]["table"])
        text = "\n\n".join([table, *(p["text"] for p in page["paragraphs"])])
        rows += [
            {
                "id": q["uid"],
                "context": text,
                "question": q["question"],
                "answer": json.dumps(q["answer"]),
                "page": page["table"]["uid"],
            }
            for q in page["questions"]
        ]
    leaky = audit([{**r, "split": side(r["id"])} for r in rows], group="page")
    cured = audit([{**r, "split": side(r["page"])} for r in rows], group="page")
    assert leaky.verdict == "blocked"
    assert leaky.leakage[0].index > 0.9 > 0.05 > cured.leakage[0].index
    assert leaky.leakage[0].by_group < 0.05
    assert cured.verdict == "clean"
    # Half of the text of nearly every held-out question is known, and of nearly none once cured.
    half = leaky.leakage[0].thresholds.index(0.5)
    assert leaky.leakage[0].curve[half] > 0.9 > 0.05 > cured.leakage[0].curve[half]


def test_questions_on_abstracts_are_clean_and_a_set_is_found_in_itself(real_data):
    data = json.loads((real_data / "pubmedqa" / "pqal_dev.json").read_text(encoding="utf-8"))
    rows = [
        {
            "id": pmid,
            "context": "\n\n".join(v["CONTEXTS"]),
            "question": v["QUESTION"],
            "answer": f"{v['final_decision']}. {v['LONG_ANSWER']}",
            "pmid": pmid,
            "split": side(pmid),
        }
        for pmid, v in data.items()
    ]
    assert audit(rows, group="pmid").verdict == "clean"
    items = [{"question": r["question"], "answer": r["answer"]} for r in rows]
    report = audit(rows, group="pmid", against={"pubmedqa": items})
    found = {i for f in report.check("contamination").findings for i in f.ids}
    long = {r["id"] for r in rows if len(f"{r['question']} {r['answer']}".split()) >= 13}
    assert long <= found
    errors = {
        i for f in report.check("contamination").findings if f.severity == "error" for i in f.ids
    }
    assert errors == {r["id"] for r in rows if r["id"] in long and r["split"] == "train"}


def test_dialogues_and_notes_without_groups_are_never_called_clean(real_data):
    path = real_data / "mts_dialog" / "MTS-Dialog-ValidationSet.csv"
    with path.open(encoding="utf-8", newline="") as handle:
        rows = [
            {
                "id": r["ID"],
                "prompt": r["dialogue"],
                "completion": r["section_text"],
                "domain": "medicine",
                "split": side(r["ID"]),
            }
            for r in csv.DictReader(handle)
        ]
    report = audit(rows)
    assert report.verdict == "warnings"
    assert report.check("group_overlap").status == "not_verified"
    assert report.check("residual_phi").status == "passed"
    assert report.exit_code == 0
