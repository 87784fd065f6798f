"""Shingles in the chunks of a table: the same answers as from one array, in any order."""

import itertools

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sftdata.similarity.chunked import ChunkedShingles, gather
from sftdata.similarity.fast import using
from sftdata.similarity.lsh import jaccard, near_pairs
from sftdata.similarity.minhash import signatures
from sftdata.similarity.shingles import shingle
from sftdata.stages.decisions.dedupe import Dedupe

TEXTS = st.lists(st.text(alphabet="ab 净利", max_size=30), min_size=1, max_size=24)


def chunked(shingles, cuts, spare):
    """Lay shingles out as a table might hold them: chunks that are slices of longer ones."""
    lists = pa.LargeListArray.from_arrays(shingles.offsets, pa.array(shingles.hashes))
    borders = [0, *sorted(c % (len(lists) + 1) for c in cuts), len(lists)]
    filler = pa.array([[1, 2, 3]] * spare, lists.type)
    chunks = []
    for start, end in itertools.pairwise(borders):
        longer = pa.concat_arrays([filler, lists.slice(start, end - start), filler])
        chunks.append(longer.slice(spare, end - start))
    return ChunkedShingles.of(pa.chunked_array(chunks, lists.type), shingles.digests)


@settings(max_examples=150, deadline=None)
@given(
    texts=TEXTS,
    cuts=st.lists(st.integers(0, 40), max_size=4),
    spare=st.integers(0, 2),
    order=st.randoms(use_true_random=False),
    compiled=st.booleans(),
)
def test_the_same_as_in_one_array(texts, cuts, spare, order, compiled):
    whole = shingle(pa.array(texts), words=2)
    rows = np.array(order.sample(range(len(texts)), len(texts)), dtype=np.int64)
    parts = chunked(whole, cuts, spare).select(rows)
    straight = shingle(pa.array([texts[r] for r in rows]), words=2)
    assert parts.sizes.tolist() == straight.sizes.tolist()
    some = np.array(order.sample(range(len(texts)), len(texts) // 2), dtype=np.int64)
    assert gather(parts, some).tolist() == gather(straight, some).tolist()
    with using(compiled):
        assert (signatures(parts) == signatures(straight)).all()
        assert (signatures(parts, rows=some) == signatures(straight)[some]).all()
        found, expected = (near_pairs(s, threshold=0.5) for s in (parts, straight))
        assert found.array().tolist() == expected.array().tolist()
        assert found.similarity.tolist() == expected.similarity.tolist()
        pairs = np.array([[i, j] for i in range(len(texts)) for j in range(3)]) % len(texts)
        assert jaccard(parts, pairs).tolist() == jaccard(straight, pairs).tolist()
        both = jaccard(parts, pairs, straight)
        assert both.tolist() == jaccard(straight, pairs, parts).tolist()


@pytest.mark.parametrize("grain", ["passage", "document"])
def test_verdicts_hold_for_rows_in_any_order_and_chunks(grain):
    name = {"passage": "id", "document": "document_id"}[grain]
    texts = [f"net sales of region {i % 7} rose by {i % 5} percent in the year" for i in range(60)]
    rows = pa.table({name: [f"{i:03}" for i in range(60)], "text": texts})
    decision = Dedupe(grain=grain, threshold=0.6)
    expected = decision.decide(decision.keys(rows)).to_pylist()
    assert 0 < sum(r["verdict"] == "drop" for r in expected) < 60
    order = np.random.default_rng(1).permutation(60)
    shuffled = rows.take(order)
    keys = pa.concat_tables([decision.keys(shuffled.slice(i, 7)) for i in range(0, 60, 7)])
    assert decision.decide(keys).to_pylist() == expected
