"""What an earlier build decided stays; folds keep groups whole."""

from collections import Counter, defaultdict

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from sftdata.errors import ConfigError, ContractError
from sftdata.stages.decisions.folds import folds
from sftdata.stages.decisions.link import Link
from sftdata.stages.decisions.split import QUARANTINE, Split
from sftdata.types import Document, Key, Source, to_table

RATIOS = {"train": 0.8, "validation": 0.1, "test": 0.1}
ORDER = list(RATIOS)


def doc(document_id, *keys, text="x", kind="10-K"):
    return Document(
        document_id=document_id,
        source=Source(path="", sha256="", reader=""),
        domain="finance",
        locale="en",
        title="",
        published=None,
        text=text,
        kind=kind,
        keys=tuple(Key(kind=k.split(":", 1)[0], value=k.split(":", 1)[1]) for k in keys),
    )


def build(docs, split, link=None):
    """Link and split as a build does; return the rows of lineage/groups.parquet."""
    link = link or Link()
    table = to_table(docs, Document).sort_by("document_id")
    groups = link.decide(link.keys(table))
    number = table.schema.get_field_index("group")
    table = table.set_column(number, table.schema.field(number), groups["verdict"])
    keys = split.keys(table).append_column("keys", groups["keys"])
    verdicts = split.decide(keys)
    return groups.rename_columns({"id": "document_id", "verdict": "group"}).append_column(
        "split", verdicts["verdict"]
    ), {row["id"]: row for row in verdicts.to_pylist()}


def earlier(folder, *rows):
    """Write lineage/groups.parquet by hand: (document, group, keys, split)."""
    names = ["document_id", "group", "keys", "split"]
    table = pa.table(
        {n: pa.array([r[i] for r in rows]) for i, n in enumerate(names)},
    )
    (folder / "lineage").mkdir(parents=True, exist_ok=True)
    pq.write_table(table, folder / "lineage" / "groups.parquet")
    return folder


def split_of(found):
    return {i: row["verdict"] for i, row in found.items()}


def test_growing_data_leaves_every_old_group_where_it_was(tmp_path):
    rng = np.random.default_rng(5)
    old = [doc(f"d{i}", f"cik:{i // 2}", text="x" * int(rng.integers(50, 900))) for i in range(80)]
    table, before = build(old, Split())
    pq.write_table(table, tmp_path / "groups.parquet")
    new = [
        doc(f"e{i}", f"cik:{30 + i // 2}", text="x" * int(rng.integers(50, 900))) for i in range(80)
    ]
    for mode in ("balanced", "hash"):
        split = Split(frozen=tmp_path / "groups.parquet", mode=mode, seed=9)
        _, after = build([*old, *new], split)
        assert all(after[i]["verdict"] == before[i]["verdict"] for i in before)
        # Companies 30 to 39 are old: their new documents go where they are.
        for i in range(20):
            assert after[f"e{i}"]["verdict"] == before[f"d{60 + i}"]["verdict"]
            assert after[f"e{i}"]["reason"] == "frozen"
        assert {after[f"e{i}"]["reason"] for i in range(20, 80)} == {mode}


def test_new_groups_fill_up_the_ratios(tmp_path):
    frozen = earlier(
        tmp_path, *((f"d{i}", f"cik-{i:010d}", [f"cik:{i:010d}"], "train") for i in range(50))
    )
    docs = [doc(f"d{i}", f"cik:{i}", text="x" * 100) for i in range(100)]
    _, after = build(docs, Split(frozen=frozen))
    assert Counter(split_of(after).values()) == {"train": 80, "validation": 10, "test": 10}
    assert {split_of(after)[f"d{i}"] for i in range(50)} == {"train"}
    # Where the old ones alone are too many for train, all new ones are held out.
    _, after = build(docs[:60], Split(frozen=frozen))
    assert Counter(split_of(after).values()) == {"train": 50, "validation": 5, "test": 5}


def test_a_company_is_known_again_by_document_name_or_key(tmp_path):
    frozen = earlier(
        tmp_path,
        ("old1", "company_name-google", ["company_name:google"], "test"),
        ("old2", "cik-0000000007", ["cik:0000000007", "ticker:SEVN"], "validation"),
        ("old3", "document-old3", [], "test"),
        ("old4", "company_name-acme", ["company_name:acme"], "train"),
    )
    _, after = build(
        [
            # Its group is now named after a CIK that the earlier build had not seen.
            doc("new1", "cik:1652044", "company_name:Google Inc"),
            doc("new2", "ticker:sevn"),
            doc("old3"),
            doc("new4", "cik:99", "company_name:ACME Corp"),
        ],
        Split(frozen=frozen),
    )
    assert split_of(after) == {
        "new1": "test",
        "new2": "validation",
        "old3": "test",
        "new4": "train",
    }
    assert {r["reason"] for r in after.values()} == {"frozen"}
    assert after["new1"]["because_of"] == "company_name-google"


def test_a_reused_ticker_is_no_proof_of_identity(tmp_path):
    frozen = earlier(
        tmp_path,
        ("old", "cik-0000000001", ["cik:0000000001", "ticker:META"], "test"),
        ("other", "cik-0000000005", ["cik:0000000005"], "train"),
    )
    ratios = {"train": 0.5, "test": 0.5}
    # Without a CIK the ticker is all there is.
    _, after = build(
        [doc("bare", "ticker:META"), doc("other", "cik:5")], Split(frozen=frozen, ratios=ratios)
    )
    assert (after["bare"]["verdict"], after["bare"]["reason"]) == ("test", "frozen")
    _, after = build(
        [doc("fund", "cik:2", "ticker:META"), doc("more", "cik:3"), doc("old", "cik:1")],
        Split(frozen=frozen, ratios=ratios),
    )
    assert after["fund"]["reason"] == "balanced"
    assert (after["old"]["verdict"], after["old"]["reason"]) == ("test", "frozen")


def test_a_component_that_touches_two_splits_is_quarantined(tmp_path):
    frozen = earlier(
        tmp_path,
        ("a", "cik-0000000001", ["cik:0000000001"], "train"),
        ("b", "cik-0000000002", ["cik:0000000002"], "test"),
        ("c", "cik-0000000003", ["cik:0000000003"], "validation"),
        ("d", "cik-0000000004", ["cik:0000000004"], "train"),
    )
    docs = [doc(x, f"cik:{i + 1}") for i, x in enumerate("abcd")]
    _, after = build([*docs, doc("merger", "cik:1", "cik:2")], Split(frozen=frozen))
    # What is tested on stays; the train side, and the document that tied them, leave.
    assert split_of(after) == {
        "a": QUARANTINE, "b": "test", "c": "validation", "d": "train", "merger": QUARANTINE
    }  # fmt: skip
    assert after["merger"]["reason"] == after["a"]["reason"] == "touches_two_splits"
    assert after["merger"]["because_of"] == "cik-0000000001 (train), cik-0000000002 (test)"
    # Two groups of one split may grow together.
    _, after = build([*docs, doc("merger", "cik:1", "cik:4")], Split(frozen=frozen))
    assert after["merger"]["verdict"] == "train"


def test_a_document_that_had_left_is_free_again(tmp_path):
    frozen = earlier(
        tmp_path,
        ("a", "cik-0000000001", ["cik:0000000001"], "train"),
        ("b", "cik-0000000002", ["cik:0000000002"], QUARANTINE),
        ("c", "cik-0000000003", ["cik:0000000003"], "test"),
    )
    docs = [doc(x, f"cik:{i + 1}") for i, x in enumerate("abc")]
    _, after = build(docs, Split(frozen=frozen, ratios={"train": 0.5, "test": 0.5}))
    assert after["b"]["reason"] == "balanced"


def test_what_cannot_be_kept_is_said(tmp_path):
    one = earlier(tmp_path / "one", ("a", "g", [], "dev"))
    two = earlier(tmp_path / "two", ("a", "g", [], "train"), ("b", "g", [], "test"))
    bare = tmp_path / "bare.parquet"
    pq.write_table(pa.table({"document_id": ["a"], "group": ["g"], "split": ["train"]}), bare)
    text = tmp_path / "text.parquet"
    text.write_text("no parquet", encoding="utf-8")
    for path, words in (
        (one, "the earlier build has a split 'dev', this one has only train, validation, test"),
        (two, "group 'g' stands in two splits"),
        (bare, "has no column 'keys'"),
        (text, "not readable as Parquet"),
        (tmp_path / "none", r"is no build and no lineage/groups.parquet"),
    ):
        with pytest.raises(ConfigError, match=words):
            build([doc(x, f"cik:{x}") for x in "123"], Split(frozen=path))
    split = Split(frozen=one)
    with pytest.raises(ContractError, match="needs the column 'keys'"):
        split.decide(split.keys(to_table([doc("a")], Document)).set_column(1, "group", [["g"]]))


def test_frozen_groups_may_fill_all_splits_but_a_bare_one_needs_a_new_group(tmp_path):
    frozen = earlier(tmp_path, ("a", "cik-0000000001", ["cik:0000000001"], "train"))
    with pytest.raises(
        ConfigError, match=r"1 group\(s\) found, 2 needed, one for each of validation, test"
    ):
        build([doc("a", "cik:1"), doc("b", "cik:2")], Split(frozen=frozen))
    _, after = build([doc(x, f"cik:{i + 1}") for i, x in enumerate("abc")], Split(frozen=frozen))
    assert after["a"]["verdict"] == "train"
    assert {after["b"]["verdict"], after["c"]["verdict"]} == {"validation", "test"}


COMPANIES = st.lists(
    st.lists(st.integers(1, 30), min_size=1, max_size=2, unique=True), min_size=4, max_size=14
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    COMPANIES, COMPANIES, st.sampled_from(["balanced", "hash"]), st.randoms(use_true_random=False)
)
def test_frozen_groups_never_move(tmp_path, first, second, mode, random):
    old = [doc(f"o{i}", *(f"cik:{c}" for c in ciks)) for i, ciks in enumerate(first)]
    ratios = {"train": 0.6, "test": 0.4}
    new = [doc(f"n{i}", *(f"cik:{c}" for c in ciks)) for i, ciks in enumerate(second)]
    split = Split(ratios=ratios, frozen=tmp_path / "groups.parquet", mode=mode, seed=3)
    try:
        table, before = build(old, Split(ratios=ratios))
        pq.write_table(table, tmp_path / "groups.parquet")
        grown, after = build([*old, *new], split)
    except ConfigError:
        assume(False)  # everything became one component
    # By plain sets: which old splits does each component of everything touch?
    touched = defaultdict(set)
    for row in grown.to_pylist():
        if row["document_id"] in before:
            touched[row["group"]].add(before[row["document_id"]]["verdict"])
    splits_of_group = defaultdict(set)
    for row in grown.to_pylist():
        was, now = before.get(row["document_id"]), row["split"]
        sides = touched[row["group"]]
        if now != QUARANTINE:
            splits_of_group[row["group"]].add(now)
        if len(sides) == 2:
            assert now == ("test" if was and was["verdict"] == "test" else QUARANTINE)
        elif sides:
            assert {now} == sides
        else:
            assert now in ratios
    assert all(len(s) == 1 for s in splits_of_group.values())
    docs = [*old, *new]
    random.shuffle(docs)
    assert build(docs, split)[1] == after


def test_folds_are_alike_in_size_and_strata():
    rng = np.random.default_rng(2)
    groups = [f"g{i}" for i in range(300)]
    weights = rng.lognormal(0, 1, 300)
    labels = [str(x) for x in rng.choice(3, 300, p=[0.6, 0.3, 0.1])]
    found = np.asarray(folds(groups, weights.tolist(), 5, strata=[labels]))
    shares = np.bincount(found, weights=weights) / weights.sum()
    assert np.abs(shares - 0.2).max() < 0.005
    rare = np.asarray(labels) == "2"
    rare_shares = np.bincount(found[rare], weights=weights[rare]) / weights[rare].sum()
    assert np.abs(rare_shares - 0.2).max() < 0.05
    assert folds(groups, weights.tolist(), 5, seed=1) != folds(groups, weights.tolist(), 5)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 9), st.floats(0, 100)), min_size=4, max_size=40),
    st.integers(2, 4),
    st.randoms(use_true_random=False),
)
def test_a_group_is_in_one_fold_whatever_the_order(rows, k, random):
    groups, weights = [f"g{r[0]}" for r in rows], [r[1] for r in rows]
    if len(set(groups)) < k:
        with pytest.raises(ConfigError, match=f"{len(set(groups))} group.s. found, {k} needed"):
            folds(groups, weights, k)
        return
    found = folds(groups, weights, k)
    fold_of = dict(zip(groups, found, strict=True))
    assert [fold_of[g] for g in groups] == found
    assert set(found) == set(range(k))
    order = list(range(len(rows)))
    random.shuffle(order)
    again = folds([groups[i] for i in order], [weights[i] for i in order], k)
    assert again == [found[i] for i in order]


def test_a_build_numbers_the_folds_of_what_may_be_trained_on():
    split = Split(folds=4)
    docs = [doc(f"d{i}", f"cik:{i // 2}") for i in range(60)]
    link = Link()
    table = to_table(docs, Document)
    groups = link.decide(link.keys(table))
    table = table.sort_by("document_id").set_column(
        table.schema.get_field_index("group"), "group", groups["verdict"]
    )
    rows = split.decide(split.keys(table)).to_pylist()
    fold_of = defaultdict(set)
    for row in rows:
        assert (row["fold"] is None) == (row["verdict"] == "test")
        fold_of[row["because_of"]].add(row["fold"])
    assert all(len(f) == 1 for f in fold_of.values())
    assert {f for s in fold_of.values() for f in s} == {None, 0, 1, 2, 3}
    plain = Split().decide(split.keys(table)).to_pylist()
    assert [r["verdict"] for r in plain] == [r["verdict"] for r in rows]
