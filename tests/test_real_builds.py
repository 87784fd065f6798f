"""Whole builds of real documents, judged by code of our own over the files that they wrote."""

import csv
import hashlib
import json
import re
import unicodedata
from collections import Counter, defaultdict
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from jsonschema import Draft202012Validator

from sftdata.pipeline import build
from sftdata.resources import folder

pytestmark = [pytest.mark.slow, pytest.mark.real_data]

KINDS = {"extraction", "writing", "evidence", "refusal"}
SPLITS = {"train", "validation", "test"}
TWICE = {
    "320193_10-K_2024_September-28_E_32bfcde95d81.html",
    "320193_10-K_2024_September-28_S_0000320193-24-000123.html",
}


class Built:
    """What a build wrote, read with pyarrow alone."""

    def __init__(self, result):
        self.result = result
        self.path = result.path
        self.samples = [
            row
            for p in sorted((self.path / "data").iterdir())
            for row in pq.read_table(p).to_pylist()
        ]
        self.documents = self.table("documents")
        self.by_id = {d["document_id"]: d for d in self.documents}

    def table(self, name):
        return pq.read_table(self.path / f"lineage/{name}.parquet").to_pylist()

    def digests(self):
        files = [*(self.path / "data").iterdir(), *(self.path / "lineage").iterdir()]
        return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(files)}


@pytest.fixture(scope="module")
def filings(real_data):
    return {
        "name": "sec",
        "documents": {"root": str(real_data / "sec_ixbrl"), "files": ["*.html"]},
        "families": {"use": ["finance/*"]},
    }


@pytest.fixture(scope="module")
def sec(filings, tmp_path_factory):
    config = filings | {"engine": {"use": "local", "workers": 2}}
    return Built(build(config, tmp_path_factory.mktemp("sec") / "out"))


@pytest.fixture(scope="module")
def medical(real_data, tmp_path_factory):
    notes = {"match": "mtsamples/*.csv", "reader": "notes"}
    config = {
        "name": "medical",
        "documents": {"root": str(real_data), "files": ["fhir_r4/*.json", notes]},
        "families": {"use": ["medical/*"]},
        "engine": {"use": "local", "workers": 2},
    }
    return Built(build(config, tmp_path_factory.mktemp("medical") / "out"))


@pytest.fixture(params=["sec", "medical"])
def any_build(request):
    return request.getfixturevalue(request.param)


def folded(text: str) -> str:
    return re.sub(r"\s+", " ", unicodedata.normalize("NFKC", text)).casefold().strip()


# ---------------------------------------------------------------- what holds of both


def test_every_kind_stands_in_every_split_and_the_audit_is_clean(any_build):
    found = Counter((s["kind"], s["split"]) for s in any_build.samples)
    assert {kind for kind, _ in found} == KINDS
    assert {split for _, split in found} == SPLITS
    report = any_build.result.report
    assert [f.message for f in report.findings if f.severity == "error"] == []
    assert report.exit_code == 0


def test_every_fact_re_reads(any_build):
    placed = 0
    for doc in any_build.documents:
        for fact in doc["facts"]:
            if fact["start"] is not None:
                placed += 1
                assert doc["text"][fact["start"] : fact["end"]] == fact["as_reported"]
    assert placed > 1000


def test_every_quote_and_passage_re_reads_and_stands_in_its_prompt(any_build):
    quotes = passages = 0
    for sample in any_build.samples:
        user = "\n".join(m["content"] for m in sample["prompt"] if m["role"] == "user")
        said = sample["completion"][-1]["content"]
        for span in sample["evidence"]:
            quotes += 1
            text = any_build.by_id[span["document_id"]]["text"]
            assert text[span["start"] : span["end"]] == span["quote"]
            assert span["quote"] in user or (sample["kind"], said) == ("writing", span["quote"])
        for part in sample["context"]:
            passages += 1
            text = any_build.by_id[part["document_id"]]["text"]
            assert text[part["start"] : part["end"]] in user
    assert quotes > 500
    assert passages > 1000


def test_every_fact_that_an_answer_states_is_tagged_in_its_own_documents(any_build):
    known = defaultdict(set)
    for doc in any_build.documents:
        for fact in doc["facts"]:
            known[doc["document_id"]].add((fact["name"], fact["period"] or "", fact["value"]))
    stated = 0
    for sample in any_build.samples:
        own = set().union(*(known[i] for i in sample["document_ids"]))
        for text in sample["facts"]:
            key, _, value = text.rpartition("=")
            parts = key.split("|")
            stated += 1
            assert any(
                name in parts and (period in parts or not period) and told == value
                for name, period, told in own
            ), (sample["sample_id"], parts[1:3])
    assert stated > 500


def test_answers_satisfy_their_published_schema_and_are_what_is_trained(any_build):
    validators = {
        path.relative_to(folder("schemas")).as_posix(): Draft202012Validator(
            json.loads(path.read_text(encoding="utf-8"))
        )
        for path in (folder("schemas") / "answers").glob("*.json")
    }
    seen = Counter()
    for sample in any_build.samples:
        answer, said = json.loads(sample["answer"]), sample["completion"][-1]["content"]
        if sample["answer_schema"]:
            seen[sample["answer_schema"]] += 1
            assert not list(validators[sample["answer_schema"]].iter_errors(answer))
        trained = said if sample["kind"] == "writing" else json.loads(said)
        assert trained == (answer["text"] if sample["kind"] == "writing" else answer)
    assert sum(seen.values()) > 500


def test_every_refusal_has_its_twin_beside_it_and_a_proof(any_build):
    by_id = {s["sample_id"]: s for s in any_build.samples}
    refusals = [s for s in any_build.samples if s["kind"] == "refusal"]
    assert len(refusals) > 100
    for sample in refusals:
        twin = by_id[sample["twin_of"]]
        assert (twin["split"], twin["group"]) == (sample["split"], sample["group"])
        assert json.loads(twin["answer"])["answerable"] is True
        assert json.loads(sample["answer"])["answerable"] is False
        assert sample["reason_code"]
        proof = [c for c in sample["checks"] if c["passed"]]
        assert len(proof) == len(sample["checks"]) > 8


def test_a_group_and_a_text_are_in_one_split_and_so_are_distractors(any_build):
    groups, texts = defaultdict(set), defaultdict(set)
    for doc in any_build.documents:
        groups[doc["group"]].add(doc["split"])
        texts[folded(doc["text"])].add(doc["split"])
    assert all(len(splits) == 1 for splits in (*groups.values(), *texts.values()))
    for sample in any_build.samples:
        for part in (*sample["context"], *sample["evidence"]):
            assert any_build.by_id[part["document_id"]]["split"] == sample["split"]
    asked = defaultdict(set)
    for sample in any_build.samples:
        user = next(m["content"] for m in sample["prompt"] if m["role"] == "user")
        asked[folded(user)].add(sample["split"])
    assert all(len(splits) == 1 for splits in asked.values())


# ---------------------------------------------------------------- filings


def test_filings_make_a_dataset_of_the_size_that_was_promised(sec):
    assert len(sec.samples) >= 1500
    assert {s["locale"] for s in sec.samples} == {"en", "zh"}
    assert sec.result.counts["rejects"] == 0


def test_the_filing_that_is_there_twice_is_found(sec, real_data):
    first, second = (real_data / "sec_ixbrl" / name for name in sorted(TWICE))
    assert first.read_bytes() == second.read_bytes()
    (found,) = [r for r in sec.table("duplicates") if r["grain"] == "document"]
    assert found["reason"] == "exact_duplicate"
    assert found["similarity"] == 1.0
    assert len({d["source"]["path"] for d in sec.documents} & TWICE) == 1
    assert found["because_of"] in sec.by_id
    assert found["id"] not in sec.by_id
    assert len(sec.documents) == 14


def test_no_company_is_in_two_splits(sec):
    """The CIK of a file's name is known without reading the file."""
    splits = defaultdict(set)
    for doc in sec.documents:
        splits[doc["source"]["path"].split("_")[0]].add(doc["split"])
    assert len(splits) == 5
    assert all(len(found) == 1 for found in splits.values())
    cik_of = {d["document_id"]: d["source"]["path"].split("_")[0] for d in sec.documents}
    for sample in sec.samples:
        touched = {p["document_id"] for p in (*sample["context"], *sample["evidence"])}
        for cik in {cik_of[i] for i in (*sample["document_ids"], *touched)}:
            assert splits[cik] == {sample["split"]}


def test_one_worker_gives_the_bytes_of_two(sec, filings, tmp_path):
    config = filings | {"engine": {"use": "local", "workers": 1}}
    assert Built(build(config, tmp_path / "out")).digests() == sec.digests()


# ---------------------------------------------------------------- patients and notes


def test_no_patient_is_in_two_splits(medical, real_data):
    """Patient ids are taken from the bundles by hand: one file, one patient."""
    splits = defaultdict(set)
    patients = set()
    for path in sorted((real_data / "fhir_r4").glob("*.json")):
        entries = json.loads(path.read_bytes())["entry"]
        (patient,) = [
            e["resource"]["id"] for e in entries if e["resource"]["resourceType"] == "Patient"
        ]
        patients.add(patient)
        for doc in medical.documents:
            if doc["source"]["path"] == f"fhir_r4/{path.name}":
                splits[patient].add(doc["split"])
    assert len(patients) == 12
    assert all(len(found) == 1 for found in splits.values())
    assert set().union(*splits.values()) == SPLITS


def test_notes_that_stand_under_several_specialties_are_kept_once(medical, real_data):
    with (real_data / "mtsamples/mtsamples_dev.csv").open(encoding="utf-8", newline="") as file:
        rows = [r for r in csv.DictReader(file) if r["transcription"].strip()]
    same = defaultdict(list)
    for row in rows:
        same[folded(row["transcription"])].append(row)
    several = [g for g in same.values() if len({r["medical_specialty"] for r in g}) > 1]
    assert len(several) > 50
    dropped = {r["id"]: r for r in medical.table("duplicates") if r["grain"] == "document"}
    for group in several:
        ids = [f"mtsamples-{r['note_id']}" for r in group]
        kept = [i for i in ids if i in medical.by_id]
        assert len(kept) <= 1, ids
        for gone in set(ids) - set(kept):
            assert dropped[gone]["reason"] in {"exact_duplicate", "near_duplicate"}
    extra = sum(len(g) - 1 for g in same.values())
    exact = sum(r["reason"] == "exact_duplicate" for r in dropped.values())
    assert exact == extra


def test_medicine_has_charts_visits_and_notes(medical):
    kinds = Counter(d["kind"] for d in medical.documents)
    assert {"patient_chart", "visit_note", "clinical_note"} <= set(kinds)
    used = Counter(medical.by_id[s["document_ids"][0]]["kind"] for s in medical.samples)
    assert set(used) >= {"patient_chart", "visit_note", "clinical_note"}
    assert len(medical.samples) >= 1000


def test_where_the_tests_read_there_is_something_to_read(real_data):
    assert Path(real_data / "sec_ixbrl").is_dir()
    assert len(list((real_data / "fhir_r4").glob("*.json"))) == 12
