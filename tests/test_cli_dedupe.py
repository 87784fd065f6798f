"""`sftdata dedupe`: what a threshold does, pairs to choose it by, the rest written."""

import json
import re

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command import Command

from sftdata.types import DOCUMENTS, Document, Source, to_table

LONG = (
    "Net sales rose by 5% in the third quarter of {} fiscal year, driven by higher demand for "
    "services, while operating expenses fell because fewer people were hired than in the year before"
)
CHINESE = "本公司主要从事动力电池的研发、生产{}销售，2024年营业收入为3620亿元，同比增长百分之十二。"


@pytest.fixture
def sftdata(capsys):
    return Command(capsys)


@pytest.fixture
def rows(tmp_path):
    path = tmp_path / "rows.jsonl"
    texts = [LONG.format("the"), LONG.format("this"), CHINESE.format("和"), CHINESE.format("与")]
    lines = [json.dumps({"text": t}, ensure_ascii=False) for t in [*texts, "Nothing alike."]]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_table_and_pairs_on_both_sides_are_shown_with_what_differs_marked(sftdata, rows):
    done = sftdata("dedupe", rows, "--threshold", "0.71", "--at", "0.6", "--at", "0.9", "-n", "1")
    assert done.code == 0
    table = [li.split() for li in done.out.splitlines() if re.match(r" *[\d.]+ +\d+ ", li)]
    assert [(row[0], row[1]) for row in table] == [("0.6", "2"), ("0.71", "1"), ("0.9", "0")]
    above, _, below = done.out.partition("most similar pairs below 0.71")
    assert "‹和›" in above
    assert "‹与›" in above
    assert "‹the›" in below
    assert "‹this›" in below


def test_no_excerpts_shows_no_text(sftdata, rows):
    shown = sftdata("dedupe", rows, "--no-excerpts")
    assert "row:1" in shown.out
    assert "Net sales" not in shown.out
    found = json.loads(sftdata("dedupe", rows, "--no-excerpts", "--json").out)
    assert {pair["left"] for pair in found["below"]} == {""}


def test_json_names_every_dropped_row_and_its_survivor(sftdata, rows, tmp_path):
    out = tmp_path / "out"
    done = sftdata("dedupe", rows, "--threshold", "0.6", "--json", "--out", out)
    found = json.loads(done.out)
    assert {(r["id"], r["because_of"]) for r in found["duplicates"]} == {
        ("row:1", "row:2"),
        ("row:4", "row:3"),
    }
    assert found["dropped"] == 2
    assert found["rows"] == 5
    assert str(out) in done.err
    kept = (out / "data" / "rows.jsonl").read_text(encoding="utf-8").splitlines()
    lines = rows.read_text(encoding="utf-8").splitlines()
    assert kept == [lines[1], lines[2], lines[4]]
    assert sftdata("dedupe", rows, "--threshold", "0.6", "--json").out == done.out


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--threshold", "0.4"], "at least the floor (0.5)"),
        (["--at", "1.2"], "at most 1"),
        (["--column", "body"], "there is no column 'body'"),
        (["--mask", "nmaes"], "there are numbers, dates, names"),
        (["--grain", "passage"], "only a build"),
        (["--splits", "train"], "--splits 'train'"),
        (["--floor", "0"], "similarity is above 0"),
    ],
)
def test_wrong_input_is_one_line(sftdata, rows, more, said):
    done = sftdata("dedupe", rows, *more)
    assert done.code == 2
    assert said in done.err
    assert done.err.count("\n") == 1
    assert done.out == ""


def test_documents_and_passages_of_a_build_are_listed_but_not_written(sftdata, tmp_path):
    build = tmp_path / "build"
    (build / "data").mkdir(parents=True)
    (build / "lineage").mkdir()
    pq.write_table(pa.table({"text": ["one row of the data"]}), build / "data" / "train.parquet")
    text = "\n\n".join(LONG.format(word) for word in ("the", "that", "a", "our"))
    documents = [
        Document(
            document_id=name,
            source=Source(path=name, sha256="", reader="test"),
            domain="finance",
            locale="en",
            title=name,
            published=None,
            text=text + tail,
            split="train",
        )
        for name, tail in (("a", ""), ("b", " End."))
    ]
    table = to_table(documents, Document).cast(DOCUMENTS)
    pq.write_table(table, build / "lineage" / "documents.parquet")
    found = json.loads(sftdata("dedupe", build, "--grain", "document", "--json").out)
    assert [(r["id"], r["because_of"]) for r in found["duplicates"]] == [("a", "b")]
    found = json.loads(sftdata("dedupe", build, "--grain", "passage", "--json").out)
    assert found["rows"] >= 2
    assert all(r["id"].startswith("a:") for r in found["duplicates"])
    refused = sftdata("dedupe", build, "--grain", "document", "--out", tmp_path / "out")
    assert refused.code == 2
    assert "build again" in refused.err
    assert not (tmp_path / "out").exists()
