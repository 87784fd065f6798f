"""Packing: every sample whole and once, as tight as the field's own packer."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sftdata.errors import ConfigError
from sftdata.packing import PACKED_ROWS, pack, pack_lengths, packing_report
from sftdata.trained_rows import TRAINED_ROWS


def rows_of(lengths, seed=0):
    rng = np.random.default_rng(seed)
    ids = [rng.integers(1, 1000, n).astype(np.int32) for n in lengths]
    labels = [np.where(np.arange(n) >= n // 2, i, -100) for i, n in zip(ids, lengths, strict=True)]
    names = [f"s-{n:04d}" for n in range(len(lengths))]
    return pa.table([names, [i.tolist() for i in ids], [x.tolist() for x in labels]], TRAINED_ROWS)


LENGTHS = st.lists(st.integers(1, 64), max_size=60)


@settings(max_examples=150, deadline=None)
@given(lengths=LENGTHS)
def test_every_sample_comes_back_whole_and_once(lengths):
    rows = rows_of(lengths)
    packed, report = pack(rows, 64)
    assert packed.schema.equals(PACKED_ROWS)
    given_rows = {r["sample_id"]: r for r in rows.to_pylist()}
    seen = []
    for row in packed.to_pylist():
        assert len(row["input_ids"]) == len(row["labels"]) == len(row["position_ids"])
        assert sum(row["seq_lengths"]) == len(row["input_ids"]) <= 64
        at = 0
        for name, size in zip(row["sample_ids"], row["seq_lengths"], strict=True):
            one = given_rows[name]
            assert row["input_ids"][at : at + size] == one["input_ids"]
            assert row["labels"][at] == -100
            assert row["labels"][at + 1 : at + size] == one["labels"][1:]
            assert row["position_ids"][at : at + size] == list(range(size))
            at += size
            seen.append(name)
    assert sorted(seen) == sorted(given_rows)
    assert report.tokens == sum(lengths)
    assert report.fewest <= report.rows
    # Best-fit decreasing never needs more than 11/9 of the fewest rows and one more (Johnson 1973).
    assert report.rows <= 11 / 9 * fewest_by_search(lengths, 64) + 1


def fewest_by_search(lengths, size):
    """Return the fewest rows, exactly for a few samples; else what no packing can go below."""
    if len(lengths) > 8:
        return max(-(-sum(lengths) // size), sum(2 * n > size for n in lengths))
    best = [len(lengths)]

    def place(rest, rows):
        if len(rows) >= best[0]:
            return
        if not rest:
            best[0] = len(rows)
            return
        for number, used in enumerate(rows):
            if used + rest[0] <= size:
                place(rest[1:], [*rows[:number], used + rest[0], *rows[number + 1 :]])
        place(rest[1:], [*rows, rest[0]])

    place(sorted(lengths, reverse=True), [])
    return best[0]


def test_rows_do_not_depend_on_how_the_table_is_cut():
    rows = rows_of([5, 9, 3, 3, 60, 20, 31])
    pieces = pa.concat_tables([rows.slice(n, 1) for n in range(rows.num_rows)])
    assert pack(rows, 64)[0].equals(pack(pieces, 64)[0])
    assert pack(rows.slice(2), 64)[1].samples == 5


def test_equal_lengths_go_in_their_order():
    assert pack_lengths([4, 4, 4, 4], 8) == [[0, 1], [2, 3]]


def test_the_best_fit_is_taken_and_not_the_first():
    # 7 and 6 open rows with 3 and 4 left; 3 goes into the tighter one.
    assert pack_lengths([7, 6, 3], 10) == [[0, 2], [1]]


def test_a_sample_is_never_split():
    with pytest.raises(ConfigError, match="1 samples are longer than a row of 8 tokens"):
        pack(rows_of([4, 9]), 8)
    with pytest.raises(ConfigError, match="holds nothing"):
        pack_lengths([], 0)


def test_nothing_packs_to_nothing():
    packed, report = pack(rows_of([]), 64)
    assert packed.num_rows == report.rows == report.fewest == 0


def test_report_by_hand():
    report = packing_report([6, 6, 4, 2], 10)
    assert (report.rows, report.fewest, report.efficiency) == (2, 2, 0.9)
    assert report.unpacked == round(18 / 24, 4)


def test_as_tight_as_trl_with_the_same_samples():
    trl = pytest.importorskip("trl")
    datasets = pytest.importorskip("datasets")
    rng = np.random.default_rng(3)
    lengths = np.clip(rng.lognormal(5.6, 0.6, 600), 8, 1024).astype(int).tolist()
    rows = rows_of(lengths, seed=4)
    ours, report = pack(rows, 1024)
    dataset = datasets.Dataset(rows.select(["input_ids", "labels"]))
    theirs = trl.pack_dataset(dataset, 1024, "bfd", map_kwargs={"batch_size": len(rows)})
    assert report.rows <= len(theirs)
    assert report.efficiency >= sum(lengths) / (len(theirs) * 1024) - 1e-4
    assert (
        samples_in(ours.to_pylist())
        == samples_in(theirs)
        == sorted(map(tuple, rows.column("input_ids").to_pylist()))
    )


def samples_in(packed):
    found = []
    for row in packed:
        at = 0
        for size in row["seq_lengths"]:
            found.append(tuple(row["input_ids"][at : at + size]))
            at += size
    return sorted(found)
