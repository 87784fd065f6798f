"""Time is cut so that train ends before validation begins, and what is unsure leaves."""

from collections import Counter, defaultdict
from datetime import date, timedelta
from itertools import combinations, pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from sftdata.errors import ConfigError
from sftdata.stages.decisions.split import QUARANTINE, Split
from sftdata.stages.decisions.split_time import Periods, days, read_span, spans
from sftdata.stages.files import list_files
from sftdata.stages.read import Read
from sftdata.stages.unpack import documents
from sftdata.types import Document, Key, Source, to_table

NAMES = ("train", "validation", "test")
START = date(2020, 1, 1)


def doc(document_id, published=None, group="g", text="x" * 100, **metadata):
    return Document(
        document_id=document_id,
        source=Source(path="", sha256="", reader=""),
        domain="finance",
        locale="en",
        title="",
        published=published,
        text=text,
        kind="10-K",
        metadata=tuple(Key(kind=k, value=v) for k, v in metadata.items()),
        group=group,
    )


def decide(split, *docs):
    table = split.decide(split.keys(to_table(docs, Document)))
    return {row["id"]: row for row in table.to_pylist()}


def keys(rows):
    """Rows of (group, first day, last day, weight), days counted from 2020."""
    return pa.table(
        {
            "id": [f"d{i:03d}" for i in range(len(rows))],
            "group": [f"g{r[0]}" for r in rows],
            "weight": pa.array([float(r[3]) for r in rows]),
            "domain": ["finance"] * len(rows),
            "kind": ["10-K"] * len(rows),
            "locale": ["en"] * len(rows),
            "earliest": pa.array([_day(r[1]) for r in rows], pa.date32()),
            "latest": pa.array([_day(r[2]) for r in rows], pa.date32()),
        }
    )


def _day(n):
    return None if n is None else START + timedelta(days=n)


def simple(days_of, group=None):
    return [(group or i, d, d, 1.0) for i, d in enumerate(days_of)]


@pytest.mark.parametrize(
    ("value", "first", "last"),
    [
        ("2024-02-29", "2024-02-29", "2024-02-29"),
        ("2024", "2024-01-01", "2024-12-31"),
        ("2023-02", "2023-02-01", "2023-02-28"),
        ("2024-05-06T07:08:09Z", "2024-05-06", "2024-05-06"),
        ("2023-10-01/2024-09-28", "2024-09-28", "2024-09-28"),
    ],
)
def test_dates_are_read_as_the_days_they_may_mean(value, first, last):
    assert read_span(value) == (date.fromisoformat(first), date.fromisoformat(last))


@pytest.mark.parametrize(
    "value", ["", "2023-02-30", "soon", "24-01-01", "2024-13", "0000", "２０２４"]
)
def test_what_is_no_date_is_none(value):
    assert read_span(value) is None


def test_the_first_source_with_a_date_counts():
    docs = [
        doc("a", "2024-01-02", period_end="2023-12-31"),
        doc("b", None, period_end="2022-12-31", date="2023"),
        doc("c", "unknown", date="2021-06"),
        doc("d"),
    ]
    table = to_table(docs, Document)
    found = spans(table, ("published", "period_end", "date"))
    assert [s and s[1].isoformat() for s in found] == [
        "2024-01-02",
        "2022-12-31",
        "2021-06-30",
        None,
    ]
    assert spans(table, ("period_end",))[0][0] == date(2023, 12, 31)


def test_temporal_mode_divides_documents_by_day_and_says_the_day():
    docs = [doc(f"d{i}", f"202{i // 4}-0{i % 4 + 1}-15") for i in range(20)]
    rows = decide(Split(mode="temporal"), *docs)
    order = [rows[f"d{i}"]["verdict"] for i in range(20)]
    assert order == ["train"] * 16 + ["validation"] * 2 + ["test"] * 2
    assert (rows["d3"]["reason"], rows["d3"]["because_of"]) == ("temporal", "2020-04-15")


def test_cutoffs_are_first_days():
    split = Split(mode="temporal", cutoffs={"validation": "2022-01-01", "test": "2023-01-01"})
    rows = decide(
        split, doc("a", "2021-12-31"), doc("b", "2022-01-01"), doc("c", "2022-12-31"),
        doc("d", "2023-01-01"), doc("month", "2022-12"), doc("vague", "2022"),
    )  # fmt: skip
    found = {i: r["verdict"] for i, r in rows.items()}
    assert found == {
        "a": "train", "b": "validation", "c": "validation", "d": "test", "month": "validation",
        "vague": "validation",
    }  # fmt: skip
    split = Split(mode="temporal", cutoffs={"validation": "2022-01-01", "test": "2022-07-01"})
    rows = decide(
        split,
        doc("a", "2021-12-31"),
        doc("b", "2022-01"),
        doc("c", "2022-08"),
        doc("vague", "2022"),
    )
    assert (rows["vague"]["verdict"], rows["vague"]["reason"]) == (QUARANTINE, "spans_cut")


def test_an_embargo_keeps_days_free_before_each_cut():
    cutoffs = {"validation": "2022-01-01", "test": "2023-01-01"}
    split = Split(mode="temporal", cutoffs=cutoffs, embargo_days=30)
    rows = decide(
        split, doc("a", "2021-12-01"), doc("b", "2021-12-02"), doc("c", "2022-01-01"),
        doc("d", "2022-12-31"), doc("e", "2023-01-01"),
    )  # fmt: skip
    assert [rows[i]["verdict"] for i in "abcde"] == [
        "train", QUARANTINE, "validation", QUARANTINE, "test"
    ]  # fmt: skip
    assert rows["b"]["reason"] == "embargo"


def test_undated_documents_stop_the_build_or_leave():
    docs = [doc("a", "2020"), doc("b", "2021"), doc("c", "2022"), doc("none")]
    words = r"1 of 4 documents have no date \(published, period_end, date\), the first is 'none'"
    with pytest.raises(ConfigError, match=words):
        decide(Split(mode="temporal"), *docs)
    rows = decide(Split(mode="temporal", undated="quarantine"), *docs)
    assert (rows["none"]["verdict"], rows["none"]["reason"]) == (QUARANTINE, "undated")
    assert [rows[i]["verdict"] for i in "abc"] == list(NAMES)
    with pytest.raises(ConfigError, match="2 of 2 documents have no date"):
        decide(Split(mode="temporal", undated="quarantine"), doc("a"), doc("b"))


def test_too_few_days_and_empty_periods_say_what_to_do():
    with pytest.raises(ConfigError, match=r"2 different date\(s\) found, 3 needed"):
        Split(mode="temporal").decide(keys(simple([1, 1, 2])))
    split = Split(mode="temporal", cutoffs={"validation": "2021-01-01", "test": "2022-01-01"})
    words = r"leaves no document for validation \(2021-01-01 to 2021-12-31; quarantined: none\)"
    with pytest.raises(ConfigError, match=words):
        split.decide(keys(simple([1, 2, 900])))


@pytest.mark.parametrize(
    ("settings_", "words"),
    [
        ({"cutoffs": {"test": "2024-01-01"}}, "need mode temporal"),
        ({"embargo_days": 3}, "need mode temporal"),
        ({"mode": "temporal", "cutoffs": {"test": "2024-01-01"}}, "first day of validation, test"),
        (
            {"mode": "temporal", "cutoffs": {"validation": "2024-01-02", "test": "2024-01-02"}},
            "must rise in the order validation, test",
        ),
        ({"mode": "temporal", "folds": 3}, "folds needs mode balanced or hash"),
        ({"mode": "group_temporal", "frozen": "old"}, "frozen needs mode balanced or hash"),
        ({"stratify": ["colour"]}, "'colour' is not one of domain"),
        ({"ratios": {"train": 0.5, "quarantine": 0.5}}, "is a verdict"),
    ],
)
def test_settings_that_do_not_fit_are_named(settings_, words):
    with pytest.raises(ValidationError, match=words):
        Split(**settings_)


def test_the_order_in_which_ratios_are_written_does_not_matter():
    table = keys(simple(range(40)))
    backwards = {"test": 0.1, "validation": 0.1, "train": 0.8}
    for mode in ("balanced", "hash", "temporal"):
        one, two = Split(mode=mode), Split(mode=mode, ratios=backwards)
        assert one.decide(table).equals(two.decide(table))
    assert Split(ratios=backwards).splits == NAMES


ROWS = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 40), st.integers(0, 6), st.floats(0.1, 100)),
    min_size=3,
    max_size=40,
).map(lambda rows: [(g, day, day + more, w) for g, day, more, w in rows])


@settings(max_examples=80, deadline=None)
@given(ROWS, st.integers(0, 5), st.sampled_from([2, 3]), st.randoms(use_true_random=False))
def test_train_is_strictly_before_validation_strictly_before_test(rows, embargo, splits, random):
    ratios = (
        {"train": 0.6, "test": 0.4}
        if splits == 2
        else {"train": 0.6, "validation": 0.2, "test": 0.2}
    )
    split = Split(mode="temporal", ratios=ratios, embargo_days=embargo)
    table = keys(rows)
    try:
        verdicts = split.decide(table)
    except ConfigError:
        assume(False)
    assert sorted(verdicts["id"].to_pylist()) == sorted(table["id"].to_pylist())
    first, last = {}, {}
    for row, verdict in zip(table.sort_by("id").to_pylist(), verdicts.to_pylist(), strict=True):
        name = verdict["verdict"]
        if name != QUARANTINE:
            first[name] = min(first.get(name, date.max), row["earliest"])
            last[name] = max(last.get(name, date.min), row["latest"])
    names = list(ratios)
    assert set(first) == set(names)
    for earlier, later in pairwise(names):
        assert (first[later] - last[earlier]).days > embargo
    order = list(range(len(rows)))
    random.shuffle(order)
    assert split.decide(table.take(order)).equals(verdicts)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 12), st.floats(0.5, 20)), min_size=3, max_size=25).filter(
        lambda rows: len({r[0] for r in rows}) >= 3
    ),
    st.sampled_from([(0.8, 0.1, 0.1), (0.5, 0.3, 0.2), (0.2, 0.2, 0.6)]),
)
def test_cuts_are_the_best_of_all(rows, ratios):
    periods = Periods.cut(
        np.asarray([r[0] for r in rows]), np.asarray([r[1] for r in rows]), ratios
    )
    whole = sum(r[1] for r in rows)

    def cost(cuts):
        edges = [-1, *cuts, 99]
        parts = [sum(w for d, w in rows if a <= d < b) / whole for a, b in pairwise(edges)]
        return sum((p - r) ** 2 for p, r in zip(parts, ratios, strict=True))

    days_ = sorted({r[0] for r in rows})
    best = min(cost(cuts) for cuts in combinations(days_[1:], 2))
    assert cost(periods.starts.tolist()) == pytest.approx(best, abs=1e-9)


def test_twenty_thousand_days_are_cut_to_a_tenth_of_a_percent():
    rng = np.random.default_rng(0)
    weights = rng.lognormal(0, 1, 50_000)
    when = rng.integers(0, 20_000, 50_000)
    periods = Periods.cut(when, weights, [0.8, 0.1, 0.1])
    inside, _ = periods.place(when, when)
    shares = np.bincount(inside, weights=weights) / weights.sum()
    assert np.abs(shares - [0.8, 0.1, 0.1]).max() < 0.001


def test_group_temporal_keeps_groups_apart_and_time_in_order():
    docs = [doc(f"{g}-{y}", f"{y}-03-01", group=g) for g in "abcdefghij" for y in range(2015, 2025)]
    split = Split(mode="group_temporal")
    rows = decide(split, *docs)
    place, years = {}, defaultdict(set)
    for row_id, row in rows.items():
        group, year = row_id.split("-")
        if row["verdict"] != QUARANTINE:
            assert place.setdefault(group, row["verdict"]) == row["verdict"]
            years[row["verdict"]].add(int(year))
        else:
            assert row["reason"] == "outside_period"
            assert row["because_of"].startswith(f"{group} is in ")
    assert max(years["train"]) < min(years["validation"])
    assert max(years["validation"]) < min(years["test"])
    kept = Counter(r["verdict"] for r in rows.values())
    whole = sum(kept[s] for s in NAMES)
    # Of 10 groups x 10 years, 6 x 6 + 2 x 2 + 2 x 2 = 44 fit at best in these proportions.
    assert whole >= 40
    assert kept["train"] / whole == pytest.approx(0.8, abs=0.05)


def test_group_temporal_finds_the_groups_that_live_in_one_period():
    # Old groups stopped before the cut, new ones began after it: nothing need be lost.
    old = [doc(f"o{i}-{y}", f"{y}-01-01", group=f"o{i}") for i in range(8) for y in (2018, 2019)]
    new = [doc(f"n{i}-{y}", f"{y}-01-01", group=f"n{i}") for i in range(2) for y in (2022, 2023)]
    ratios = {"train": 0.8, "test": 0.2}
    rows = decide(
        Split(mode="group_temporal", ratios=ratios, cutoffs={"test": "2021-01-01"}), *old, *new
    )
    assert Counter(r["verdict"] for r in rows.values()) == {"train": 16, "test": 4}


def test_group_temporal_says_when_too_few_groups_or_days_are_there():
    with pytest.raises(ConfigError, match=r"2 group\(s\) found, 3 needed"):
        decide(
            Split(mode="group_temporal"),
            *(doc(f"{g}{y}", str(y), group=g) for g in "ab" for y in range(2015, 2020)),
        )
    with pytest.raises(ConfigError, match=r"leaves no document for \w+ .*outside_period"):
        # Every group lives on one and the same day of its own period but the last is empty.
        decide(
            Split(
                mode="group_temporal", cutoffs={"validation": "2016-01-01", "test": "2030-01-01"}
            ),
            *(doc(f"{g}{y}", str(y), group=g) for g in "abc" for y in range(2015, 2020)),
        )


@settings(max_examples=60, deadline=None)
@given(ROWS, st.randoms(use_true_random=False))
def test_group_temporal_is_a_partition_whole_in_groups_and_ordered_in_time(rows, random):
    split = Split(mode="group_temporal", ratios={"train": 0.7, "test": 0.3})
    table = keys(rows)
    try:
        verdicts = split.decide(table)
    except ConfigError:
        assume(False)
    groups, last, first = defaultdict(set), date.min, date.max
    for row, verdict in zip(table.sort_by("id").to_pylist(), verdicts.to_pylist(), strict=True):
        assert row["id"] == verdict["id"]
        if verdict["verdict"] != QUARANTINE:
            groups[row["group"]].add(verdict["verdict"])
        if verdict["verdict"] == "train":
            last = max(last, row["latest"])
        if verdict["verdict"] == "test":
            first = min(first, row["earliest"])
    assert date.min < last < first < date.max
    assert all(len(found) == 1 for found in groups.values())
    order = list(range(len(rows)))
    random.shuffle(order)
    assert split.decide(table.take(order)).equals(verdicts)


def test_years_can_be_strata():
    docs = [doc(f"d{i}", f"{2020 + i % 2}-05-05", group=f"g{i}") for i in range(40)]
    split = Split(stratify=("year",), ratios={"train": 0.8, "test": 0.2})
    table = split.keys(to_table([*docs, doc("none", group="none")], Document))
    assert Counter(table["year"].to_pylist()) == {"2020": 20, "2021": 20, "": 1}
    rows = decide(split, *docs)
    held = [int(i[1:]) % 2 for i, r in rows.items() if r["verdict"] == "test"]
    assert Counter(held) == {0: 4, 1: 4}


def test_days_are_day_numbers():
    assert days([date(1, 1, 1), date(2024, 1, 1)]).tolist() == [1, date(2024, 1, 1).toordinal()]


@pytest.mark.slow
@pytest.mark.real_data
def test_real_filings_are_cut_at_the_year_that_their_names_say(real_data):
    files = list_files(["sec_ixbrl/*_10-K_*.html"], real_data)
    read = Read(root=real_data)
    tables = [documents(read(files.slice(i, 1))) for i in range(files.num_rows)]
    split = Split(
        mode="temporal",
        dates=("period_end",),
        cutoffs={"test": "2024-07-01"},
        ratios={"train": 0.5, "test": 0.5},
    )
    table = pa.concat_tables(tables)
    group = table.schema.get_field_index("group")
    table = table.set_column(group, table.schema.field(group), table["document_id"])
    verdicts = {r["id"]: r["verdict"] for r in split.decide(split.keys(table)).to_pylist()}
    sides = defaultdict(set)
    for row in table.to_pylist():
        # <cik>_10-K_<fiscal year>_…: a fiscal year 2024 ends after June 2024, whatever was read.
        late = int(row["source"]["path"].split("_10-K_")[1][:4]) >= 2024
        sides[verdicts[row["document_id"]]].add(late)
    assert sides == {"train": {False}, "test": {True}}
