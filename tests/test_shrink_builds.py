"""Samples that gave up passages: short enough, and still all that they say they are."""

import hashlib
import json
import re

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from byte_tokenizer import make_byte_tokenizer
from documents import finance, write_filings

from sftdata.audit import audit
from sftdata.chat.tokenizer import load_tokenizer
from sftdata.pipeline import build
from sftdata.stages.shrink import SHRUNK, Shrink, heads_of, shrunk_counts
from sftdata.types import Document, Sample, from_table

LABEL = re.compile(r"P(\d+)")


class Built:
    def __init__(self, result):
        self.result, self.path = result, result.path
        files = sorted((result.path / "data").iterdir())
        self.table = pa.concat_tables([pq.read_table(path) for path in files])
        self.samples = list(from_table(self.table, Sample))
        documents = pq.read_table(result.path / "lineage/documents.parquet")
        self.documents = {d.document_id: d for d in from_table(documents, Document)}
        self.shrunk = [s for s in self.samples if any(c.name == SHRUNK for c in s.checks)]

    def digests(self):
        files = [*(self.path / "data").iterdir(), *(self.path / "lineage").iterdir()]
        return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(files)}


def small(folder, out, limit, over, tokenizer=None):
    template = {"max_length": limit, "over_length": over, "tokenizer": tokenizer}
    families = {"use": ["finance/single_fact", "finance/out_of_scope", "finance/reported_facts"]}
    changes = {"template": template, "dedupe": {"tasks": False}, "families": families}
    return Built(build(finance(folder, **changes), out))


@pytest.fixture(scope="module")
def filings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("filings")
    write_filings(folder, companies=3, years=(2024,))
    return folder


@pytest.fixture(scope="module")
def synthetic(filings, tmp_path_factory):
    """Three small filings with a limit under the median: half of the samples are too long."""
    out = tmp_path_factory.mktemp("synthetic")
    tokenizer = make_byte_tokenizer(tmp_path_factory.mktemp("bytes"))
    every = small(filings, out / "all", 1_000_000, "drop", tokenizer)
    lengths = sorted(s.prompt_tokens + s.completion_tokens for s in every.samples)
    limit = lengths[len(lengths) // 2]
    return {
        "all": every,
        "drop": small(filings, out / "drop", limit, "drop", tokenizer),
        "shrink": small(filings, out / "shrink", limit, "shrink", tokenizer),
        "limit": limit,
        "tokenizer": tokenizer,
    }


@pytest.fixture(scope="module")
def real(real_data, tmp_path_factory):
    """Quarterly and annual reports of real companies, at a limit that most samples exceed."""
    config = {
        "documents": {"root": str(real_data / "sec_ixbrl"), "files": ["*10-Q*.html"]},
        "families": {"use": ["finance/single_fact", "finance/compare_periods"]},
        "template": {"max_length": 1300, "over_length": "shrink"},
        "engine": {"use": "inline"},
    }
    return {"shrink": Built(build(config, tmp_path_factory.mktemp("real") / "out")), "limit": 1300}


BOTH = [
    "synthetic",
    pytest.param("real", marks=[pytest.mark.real_data, pytest.mark.slow]),
]


@pytest.fixture(params=BOTH)
def made(request):
    return request.getfixturevalue(request.param)


def test_nothing_exceeds_the_limit_and_some_were_shortened(made):
    built = made["shrink"]
    assert len(built.shrunk) >= 3
    for sample in built.samples:
        assert sample.prompt_tokens + sample.completion_tokens <= made["limit"]
        assert not sample.over_length


def test_evidence_stays_and_every_quote_reads_again(made):
    for sample in made["shrink"].shrunk:
        user = sample.prompt[-1].content
        assert sample.evidence
        assert sample.question in user
        for evidence in sample.evidence:
            document = made["shrink"].documents[evidence.document_id]
            assert document.text[evidence.start : evidence.end] == evidence.quote
            assert evidence.quote in user


def test_prompt_context_and_citations_tell_the_same(made):
    built = made["shrink"]
    for sample in built.shrunk:
        user = sample.prompt[-1].content
        spots = [user.index(f"[P{n}]") for n in range(1, len(sample.context) + 1)]
        assert spots == sorted(spots)
        assert f"[P{len(sample.context) + 1}]" not in user
        parts = [user[a:b] for a, b in zip(spots, [*spots[1:], len(user)], strict=True)]
        for passage, part in zip(sample.context, parts, strict=True):
            text = built.documents[passage.document_id].text[passage.start : passage.end]
            assert text.strip() in part
        answer = json.loads(sample.answer)
        assert json.loads(sample.completion[0].content) == answer
        for citation in answer.get("citations", []):
            number = int(LABEL.fullmatch(citation["passage"])[1])
            assert citation["quote"] in parts[number - 1]
        for number in LABEL.findall(" ".join(re.findall(r"\[P\d+\]", answer.get("answer", "")))):
            assert int(number) <= len(parts)
        shown = {passage.document_id for passage in sample.context}
        assert set(sample.document_ids) - {sample.document_ids[0]} <= shown


def test_the_sample_tells_what_was_left_out(made):
    built = made["shrink"]
    for sample in built.shrunk:
        (check,) = [c for c in sample.checks if c.name == SHRUNK]
        told = re.fullmatch(
            r"(\d+) passages left out to fit (\d+) tokens: (.+); was ([0-9a-f]{24})", check.detail
        )
        gone = [name.rsplit(":", 2) for name in told[3].split(", ")]
        assert len(gone) == int(told[1])
        assert int(told[2]) == made["limit"]
        assert told[4] != sample.sample_id
        for document, start, end in gone:
            assert (document, int(start), int(end)) not in {
                (p.document_id, p.start, p.end) for p in sample.context
            }
            for evidence in sample.evidence:
                apart = int(end) <= evidence.start or evidence.end <= int(start)
                assert evidence.document_id != document or apart
    counts = built.result.counts
    assert counts["shrunk"] == len(built.shrunk)
    assert counts["shrunk.passages"] >= counts["shrunk"]


def test_pairs_and_texts_are_never_touched(made):
    built = made["shrink"]
    twins = {s.twin_of for s in built.samples if s.twin_of}
    ids = [s.sample_id for s in built.samples]
    assert len(ids) == len(set(ids))
    assert twins <= set(ids)
    for sample in built.shrunk:
        assert sample.kind in ("evidence", "extraction")
        assert sample.sample_id not in twins


def test_the_audit_of_it_is_as_clean(made):
    report = made["shrink"].result.report
    assert report.verdict != "blocked", report.meaning
    for name in ("evidence", "sample_checks", "refusal_twins", "unique_ids"):
        assert report.check(name).status in ("passed", "not_verified"), name


def test_more_is_kept_than_by_dropping_and_what_fits_is_the_same(synthetic):
    kept = {s.sample_id: s for s in synthetic["drop"].samples}
    shrunk = {s.sample_id: s for s in synthetic["shrink"].samples}
    assert kept.items() <= shrunk.items()
    assert len(shrunk) - len(kept) == len(synthetic["shrink"].shrunk) > 0
    before = {s.sample_id for s in synthetic["all"].samples}
    for sample in synthetic["shrink"].shrunk:
        (check,) = [c for c in sample.checks if c.name == SHRUNK]
        assert check.detail.rpartition(" ")[2] in before


def test_the_audit_of_trained_rows_agrees(synthetic):
    report = audit(
        synthetic["shrink"].path,
        checks=["trained_rows"],
        tokenizer=synthetic["tokenizer"],
        template="chatml",
    )
    assert report.check("trained_rows").status == "passed"
    tokenizer = load_tokenizer(synthetic["tokenizer"])
    told = report.check("trained_rows").metrics["lengths"]["max"]
    assert told <= synthetic["limit"]
    assert tokenizer.vocabulary_size == 260


@pytest.mark.slow
def test_the_same_build_gives_the_same_bytes(synthetic, filings, tmp_path):
    again = small(filings, tmp_path / "again", synthetic["limit"], "shrink", synthetic["tokenizer"])
    assert again.digests() == synthetic["shrink"].digests()


def test_a_build_without_shrinking_counts_nothing(synthetic):
    assert shrunk_counts(synthetic["drop"].table) == {}
    assert "shrunk" not in synthetic["drop"].result.counts
    assert heads_of(pa.table({"document_id": ["d"], "sections": [[]]})).num_rows == 0
    assert Shrink.output.names == synthetic["drop"].table.schema.names
