"""Containment and leakage: agreement with plain sets."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from similarity.oracle import shingles_of

from sftdata.similarity.overlap import containment_pairs, leakage_index, seen_shares

WORDS = st.sampled_from(["net", "sales", "rose", "5", "营", "收", "cash", "flow", "tax", "the"])
TEXT = st.lists(WORDS, max_size=25).map(" ".join)


@given(
    st.lists(TEXT, max_size=6),
    st.lists(TEXT, max_size=6),
    st.sampled_from([0.2, 0.5, 0.7, 0.8, 1.0]),
)
@settings(deadline=None, max_examples=200)
def test_containment_is_complete_and_exact(small, large, threshold):
    found = containment_pairs(
        pa.array(small, pa.string()), pa.array(large, pa.string()), threshold=threshold, words=3
    )
    expected = {}
    for i, a in enumerate(small):
        for j, b in enumerate(large):
            inner, outer = set(shingles_of(a, 3)), set(shingles_of(b, 3))
            if inner and len(inner & outer) / len(inner) >= threshold:
                expected[i, j] = len(inner & outer) / len(inner)
    assert dict(
        zip(
            zip(found.left.tolist(), found.right.tolist(), strict=True),
            found.similarity.tolist(),
            strict=True,
        )
    ) == pytest.approx(expected)


def test_a_passage_is_found_in_the_context_that_quotes_it():
    passage = "Net sales rose 5 % to $94,036 million in the third quarter of fiscal 2025."
    contexts = [f"[P{i}] Something else entirely was said here, number {i}." for i in range(500)]
    contexts[321] = f"[P1] Before it.\n\n{passage}\n\n[P2] 营业收入增长。"
    found = containment_pairs(pa.array([passage]), pa.array(contexts), threshold=0.8)
    assert found.right.tolist() == [321]


@pytest.mark.parametrize("threshold", [0, 1.5])
def test_containment_needs_a_threshold(threshold):
    with pytest.raises(ValueError, match="threshold must be in"):
        containment_pairs(pa.array(["a"]), pa.array(["a"]), threshold=threshold)


@given(st.lists(TEXT, max_size=6), st.lists(TEXT, max_size=6), st.booleans())
@settings(deadline=None, max_examples=150)
def test_leakage_index_is_the_share_of_positions(train, test, mask):
    n = 4
    known = {s for t in train for s in shingles_of(t, n, mask_numbers=mask)}
    places = [[s in known for s in shingles_of(t, n, mask_numbers=mask)] for t in test]
    arrays = pa.array(train, pa.string()), pa.array(test, pa.string())
    seen, total = seen_shares(*arrays, n=n, mask_numbers=mask)
    assert seen.tolist() == [sum(p) for p in places]
    assert total.tolist() == [len(p) for p in places]
    flat = [p for row in places for p in row]
    share = sum(flat) / len(flat) if flat else 0.0
    assert leakage_index(*arrays, n=n, mask_numbers=mask) == pytest.approx(share)


def test_leakage_of_last_years_report_shows_when_numbers_are_masked():
    last = "net sales of the segment rose by 5 percent to 100 million in 2023 and cash by 7 percent"
    this = "net sales of the segment rose by 9 percent to 210 million in 2024 and cash by 3 percent"
    plain = leakage_index(pa.array([last]), pa.array([this]))
    masked = leakage_index(pa.array([last]), pa.array([this]), mask_numbers=True)
    assert plain < 0.2 < masked == 1.0


@settings(max_examples=150, deadline=None)
@given(
    train=st.lists(st.tuples(st.integers(0, 4), st.lists(st.sampled_from("abcd"), max_size=8))),
    test=st.lists(st.lists(st.sampled_from("abcd"), max_size=8), min_size=1),
    shared_by=st.integers(2, 4),
)
def test_what_many_owners_share_is_not_counted(train, test, shared_by):
    """The oracle is plain sets of pairs of words."""

    def pairs_of(words):
        return [tuple(words[i : i + 2]) for i in range(len(words) - 1)] or [tuple(words)] * bool(
            words
        )

    owners = {}
    for owner, words in train:
        for pair in pairs_of(words):
            owners.setdefault(pair, set()).add(owner)
    own = [[p for p in pairs_of(w) if len(owners.get(p, ())) < shared_by] for w in test]
    found = seen_shares(
        pa.array([" ".join(words) for _, words in train], pa.string()),
        pa.array([" ".join(words) for words in test]),
        n=2,
        owners=np.array([owner for owner, _ in train], dtype=np.int64),
        shared_by=shared_by,
    )
    assert found[0].tolist() == [sum(p in owners for p in pairs) for pairs in own]
    assert found[1].tolist() == [len(pairs) for pairs in own]
