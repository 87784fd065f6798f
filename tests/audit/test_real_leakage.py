"""Real filings and notes: what a split by sample, document or owner is worth, and the repair."""

import csv
import hashlib
import json
import re

import pyarrow.parquet as pq
import pytest

from sftdata.audit import audit
from sftdata.audit_fix import repair
from sftdata.reading import read
from sftdata.reporting.html import html_report
from sftdata.text import passages

pytestmark = [pytest.mark.real_data, pytest.mark.slow]
ESSENTIAL = ["group_overlap", "document_overlap", "exact_duplicates"]


def draw(key, seed=0):
    return int(hashlib.sha256(f"{seed}:{key}".encode()).hexdigest(), 16)


def divided(rows, by, share=0.3):
    """Hold out about a share of the rows, whole keys at a time, in the order of a hash."""
    keys = sorted({r[by] for r in rows}, key=draw)
    held, count = set(), 0
    for key in keys[:-1]:
        if count >= share * len(rows):
            break
        held.add(key)
        count += sum(r[by] == key for r in rows)
    return [{**r, "split": "test" if r[by] in held else "train"} for r in rows]


@pytest.fixture(scope="module")
def filings(real_data):
    """The passages of two years of each company, each a row."""
    rows, seen = [], set()
    for doc in read(real_data / "sec_ixbrl" / "*.html"):
        if (doc.title, doc.published) in seen:
            continue  # one filing is there twice
        seen.add((doc.title, doc.published))
        rows += [
            {"id": f"{doc.document_id}#{n}", "prompt": doc.text[start:end],
             "completion": doc.title, "document_id": doc.document_id,
             "company": doc.key_values("cik")[0]}
            for n, (start, end) in enumerate(passages(doc.text, doc.sections))
        ]  # fmt: skip
    return rows


def test_filings_by_sample_by_document_and_by_company(filings):
    assert len({r["company"] for r in filings}) == 5
    index, reports = {}, {}
    for by in ("id", "document_id", "company"):
        reports[by] = audit(divided(filings, by), group="company", checks=ESSENTIAL)
        index[by] = reports[by].leakage[0].index
    assert index["company"] < index["document_id"] < index["id"]
    assert index["company"] < index["id"] / 2
    # The same order stands side by side in the report of the company split itself.
    told = reports["company"].leakage[0]
    assert told.index < told.by_document < told.by_row
    assert reports["company"].check("group_overlap").status == "passed"
    assert reports["document_id"].check("group_overlap").status == "failed"
    assert reports["id"].check("document_overlap").status == "failed"
    page = html_report(reports["company"])
    for value in (told.index, told.by_row, told.by_document):
        assert f"{value:.1%}" in page.replace(" %", "%")
    print({k: round(v, 3) for k, v in index.items()})


@pytest.fixture(scope="module")
def notes(real_data):
    path = real_data / "mtsamples" / "mtsamples_dev.csv"
    with path.open(encoding="utf-8", newline="") as handle:
        rows = [r for r in csv.DictReader(handle) if r["transcription"].strip()]
    return [
        {"id": f"note-{n}", "prompt": r["transcription"], "completion": r["medical_specialty"],
         "cluster": " ".join(re.findall(r"\w+", r["transcription"].lower()))}
        for n, r in enumerate(rows)
    ]  # fmt: skip


def test_notes_by_note_and_by_text(notes):
    leaky = audit(divided(notes, "id"))
    cured = audit(divided(notes, "cluster"), group="cluster")
    assert leaky.verdict == "blocked"
    assert cured.verdict != "blocked"
    assert cured.leakage[0].index < leaky.leakage[0].index / 2
    page = html_report(leaky)
    assert f"{leaky.leakage[0].index:.1%}" in page.replace(" %", "%")
    print(leaky.leakage[0].index, cured.leakage[0].index)


@pytest.fixture(scope="module")
def pages(real_data):
    rows = []
    with (real_data / "convfinqa" / "convfinqa_dev.jsonl").open(encoding="utf-8") as handle:
        for row in map(json.loads, handle):
            found = re.match(r"(?:Single|Double)_(\w+)/(\d+)/page_\d+", row["id"])
            text = f"{row['doc']['pre_text']}\n\n{row['doc']['post_text']}"
            asked = zip(
                row["dialogue"]["conv_questions"], row["dialogue"]["conv_answers"], strict=True
            )
            rows += [
                {"id": f"{row['id']}#{n}", "prompt": f"{text}\n\n{q}", "completion": a,
                 "company": found[1], "year": found[2]}
                for n, (q, a) in enumerate(asked)
            ]  # fmt: skip
    return rows


def written(folder, rows):
    folder.mkdir()
    for split in ("train", "test"):
        lines = [json.dumps(r) for r in rows if r["split"] == split]
        (folder / f"{split}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return folder


@pytest.mark.parametrize("how", ["purge", "merge", "drop"])
@pytest.mark.parametrize("what", ["pages", "notes"])
def test_repair_of_published_data_leaves_no_error_and_changes_nothing_twice(
    request, tmp_path, what, how
):
    rows = divided(request.getfixturevalue(what), "id")
    group = "company" if what == "pages" else None
    source = written(tmp_path / "in", rows)
    before = {p.name: p.read_bytes() for p in source.iterdir()}
    once = repair(source, tmp_path / "once", how, group=group, excerpts=False, fail_on="error")
    assert once.before.verdict == "blocked"
    assert not [f for f in once.after.findings if f.severity == "error"]
    assert {p.name: p.read_bytes() for p in source.iterdir()} == before
    assert not any(f.example for f in once.after.findings)
    held = {r["id"] for r in rows if r["split"] == "test"}
    kept = {
        r["id"]: r["split"]
        for p in (tmp_path / "once" / "data").iterdir()
        for r in pq.read_table(p).to_pylist()
    }
    if how == "merge":
        assert kept.keys() == {r["id"] for r in rows}
    else:
        lost = held - {i for i, s in kept.items() if s == "test"}
        # Only a sample without an answer is faulty in itself, and only `drop` takes it away.
        bare = {r["id"] for r in rows if not r["completion"].strip()} if how == "drop" else set()
        assert lost == held & bare
    twice = repair(tmp_path / "once", tmp_path / "twice", how, group=group, excerpts=False)
    assert twice.changes.num_rows == 0
    for name in ("train", "test"):
        files = [tmp_path / x / f"data/{name}-00000-of-00001.parquet" for x in ("once", "twice")]
        assert files[0].read_bytes() == files[1].read_bytes()
    assert twice.after.digest == once.after.digest
    print(what, how, str(once).replace("\n", " | "))
