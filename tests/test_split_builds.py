"""Builds that are split in other ways than at random: what leaves is listed, and makes no sample."""

import re
from collections import Counter, defaultdict

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from documents import finance, write_filings

from sftdata.audit import audit
from sftdata.errors import ConfigError
from sftdata.pipeline import build

ONE = {"use": ["finance/cover_page"]}
TWO = {"use": ["finance/cover_page", "finance/single_fact"]}


@pytest.fixture(scope="module")
def filings(tmp_path_factory):
    return write_filings(tmp_path_factory.mktemp("filings"), 6, (2021, 2022, 2023, 2024))


def lineage(result, name):
    return pq.read_table(result.path / "lineage" / f"{name}.parquet").to_pylist()


def samples(result):
    paths = sorted((result.path / "data").iterdir())
    return pa.concat_tables(pq.read_table(p) for p in paths).to_pylist()


def test_the_wrong_quadrant_leaves_with_a_reason_and_makes_no_sample(filings, tmp_path):
    made = build(finance(filings, families=ONE, split={"mode": "group_temporal"}), tmp_path / "out")
    groups = {row["document_id"]: row for row in lineage(made, "groups")}
    assert len(groups) == 24
    gone = {i for i, row in groups.items() if row["split"] == "quarantine"}
    assert {r["id"] for r in lineage(made, "verdicts") if r["step"] == "split"} == gone
    assert made.counts["dropped.split.outside_period"] == len(gone) > 0
    assert {d["document_id"] for d in lineage(made, "documents")} == set(groups) - gone
    years, sides = defaultdict(set), defaultdict(set)
    for row in samples(made):
        for document in row["document_ids"]:
            assert document not in gone
            assert row["split"] == groups[document]["split"]
            years[row["split"]].add(document.split("-")[-4])
            sides[groups[document]["group"]].add(row["split"])
    assert max(years["train"]) < min(years["validation"]) <= max(years["validation"])
    assert max(years["validation"]) < min(years["test"])
    assert all(len(s) == 1 for s in sides.values())


def test_a_split_out_of_distribution_is_written_audited_and_loaded(filings, tmp_path):
    split = {"ood": {"by": "source", "values": ["c003*", "c004*"]}}
    made = build(finance(filings, families=ONE, split=split), tmp_path / "out")
    assert made.splits == ("train", "validation", "test", "test_ood")
    assert made.dataset["test_ood"].num_rows == made.counts["samples.split.test_ood"] > 0
    assert made.report.totals.by_split["test_ood"] == made.dataset["test_ood"].num_rows
    assert {r["split"] for r in samples(made)} == set(made.splits)
    assert "data/test_ood-*.parquet" in (made.path / "README.md").read_text(encoding="utf-8")
    ciks = defaultdict(set)
    for row in lineage(made, "groups"):
        ciks[row["split"]].add(row["group"])
    assert len(ciks["test_ood"]) == 2
    assert not ciks["test_ood"] & ciks["train"]
    assert "test_ood" in made._repr_html_()


def test_an_industry_of_the_submission_header_is_held_out(filings, tmp_path):
    """Full submissions as the SEC gives them out: only their header names the industry."""
    banks = {2, 5}
    for path in sorted(filings.glob("*.htm")):
        company = int(path.name[1:4])
        words = (
            "STATE COMMERCIAL BANKS [6022]" if company in banks else "ELECTRONIC COMPUTERS [3571]"
        )
        head = (
            f"<SEC-DOCUMENT>{path.stem}.txt\n<SEC-HEADER>{path.stem}.hdr.sgml\n\nFILER:\n\n"
            f"\tCOMPANY DATA:\t\n\t\tCENTRAL INDEX KEY:\t\t\t{1_000_000 + company:010d}\n"
            f"\t\tSTANDARD INDUSTRIAL CLASSIFICATION:\t{words}\n</SEC-HEADER>\n"
            "<DOCUMENT>\n<TYPE>10-K\n<TEXT>\n<XBRL>\n"
        )
        page = path.read_text(encoding="utf-8")
        (tmp_path / f"{path.stem}.txt").write_text(
            f"{head}{page}\n</XBRL>\n</TEXT>\n</DOCUMENT>\n</SEC-DOCUMENT>\n", encoding="utf-8"
        )
    config = finance(
        tmp_path, families=ONE, split={"ood": {"by": "industry", "values": ["finance"]}}
    )
    config["documents"] = {"root": str(tmp_path), "files": ["*.txt"]}
    made = build(config, tmp_path / "out")
    held = {r["document_id"] for r in lineage(made, "groups") if r["split"] == "test_ood"}
    banking = {
        d["document_id"]
        for d in lineage(made, "documents")
        if {"kind": "sic", "value": "6022"} in d["metadata"]
    }
    assert held == banking
    assert len(held) == len(banks) * 4
    assert {
        d["source"]["path"][:4] for d in lineage(made, "documents") if d["document_id"] in held
    } == {
        "c002",
        "c005",
    }
    assert made.dataset["test_ood"].num_rows > 0


def test_a_grown_corpus_keeps_its_test_set(tmp_path):
    docs = write_filings(tmp_path / "docs", 4, (2023,))
    first = build(finance(docs, families=ONE), tmp_path / "out")
    before = {row["group"]: row["split"] for row in lineage(first, "groups")}
    was = (first.path / "lineage" / "groups.parquet").read_bytes()
    write_filings(docs, 8, (2023, 2024))
    split = {
        "frozen": str(tmp_path / "out"),
        "ratios": {"train": 0.6, "validation": 0.2, "test": 0.2},
    }
    # Into the same folder: the earlier build is read before it is replaced.
    again = build(finance(docs, families=ONE, split=split), tmp_path / "out")
    after = {row["group"]: row["split"] for row in lineage(again, "groups")}
    assert {g: after[g] for g in before} == before
    assert len(after) == 8
    kept = again.manifest.inputs[-1]
    assert (kept.path, kept.bytes) == (str(tmp_path / "out"), len(was))
    with pytest.raises(ConfigError, match=r"split\.frozen: .* is no build"):
        build(finance(docs, split={"frozen": str(tmp_path / "none")}), tmp_path / "other")


@pytest.mark.slow
def test_folds_keep_groups_and_their_passages_apart(filings, tmp_path):
    split = {"ratios": {"train": 0.7, "test": 0.3}, "folds": 2}
    made = build(finance(filings, families=TWO, split=split), tmp_path / "out")
    fold_of = {r["document_id"]: (r["group"], r["fold"]) for r in lineage(made, "groups")}
    by_group = defaultdict(set)
    for group, fold in fold_of.values():
        by_group[group].add(fold)
    assert all(len(f) == 1 for f in by_group.values())
    assert set(Counter(f for s in by_group.values() for f in s)) == {None, 0, 1}
    foreign = 0
    for row in samples(made):
        folds = {fold_of[p["document_id"]][1] for p in row["context"]}
        assert len(folds) == 1
        foreign += len({p["document_id"] for p in row["context"]}) > 1
    assert foreign > 0


@pytest.mark.slow
def test_the_rows_that_are_loaded_are_those_of_this_build(filings, tmp_path):
    """`datasets` keeps what it has loaded by the folder's name; another build may have had it."""
    for values, companies in (("c003*", 1), ("c00[35]*", 2)):
        split = {"ood": {"by": "source", "values": [values]}}
        made = build(finance(filings, families=ONE, split=split), tmp_path / values[3] / "out")
        assert made.dataset["test_ood"].num_rows == 4 * companies


def test_names_that_may_be_one_company_are_listed(filings, tmp_path):
    docs = write_filings(tmp_path / "docs", 5, (2023,))
    page = docs / "c004-2023.htm"
    name = lineage_name(docs / "c003-2023.htm")
    page.write_text(
        page.read_text(encoding="utf-8").replace(lineage_name(page), f"{name} Holdings"),
        encoding="utf-8",
    )
    made = build(finance(docs, families=ONE), tmp_path / "out")
    (near,) = lineage(made, "near_names")
    assert near["why"] == "generic_words"
    assert near["left"] != near["right"]
    assert len({r["group"] for r in lineage(made, "groups")}) == 5


def lineage_name(page):
    """Return the registrant's name without its legal form."""
    text = page.read_text(encoding="utf-8")
    return re.search(r'name="dei:EntityRegistrantName"[^>]*>([^<]+?) Corp<', text)[1]


def test_shards_of_two_test_splits_are_told_apart_without_a_split_column(tmp_path):
    rows = {"train": 3, "test": 2, "test_ood": 4}
    for split, n in rows.items():
        table = pa.table({"prompt": [f"{split} {i}?" for i in range(n)], "completion": ["a"] * n})
        pq.write_table(table, tmp_path / f"{split}-00000-of-00001.parquet")
    assert audit(tmp_path).totals.by_split == rows
