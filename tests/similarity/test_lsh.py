"""Pairs: true without exception, complete at the threshold, and the same in any order."""

import random
from itertools import combinations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from similarity.oracle import jaccard_of, words_of

from sftdata.similarity.clusters import components
from sftdata.similarity.lsh import bands_for, candidates, jaccard, near_pairs, similar_pairs
from sftdata.similarity.shingles import shingle

EN = [
    "revenue",
    "cost",
    "patient",
    "dose",
    "fever",
    "segment",
    "cash",
    "tax",
    "the",
    "of",
    "in",
    "rose",
    "fell",
]
ZH = list("营业收入净利润患者发热咳嗽年度增长下降资产负债表现金流量")


def varied(seed: int, length: int, changes: int, words: list[str]) -> tuple[list[str], list[str]]:
    rng = random.Random(seed)
    text = [
        rng.choice(words) + (str(rng.randrange(999)) if words is EN else "") for _ in range(length)
    ]
    copy = list(text)
    for place in rng.sample(range(length), changes):
        copy[place] = rng.choice(words)
    return text, copy


@st.composite
def collections(draw):
    """A few texts and altered copies of them, English, Chinese and mixed, short and long."""
    texts = []
    for _ in range(draw(st.integers(1, 5))):
        words = draw(st.sampled_from([EN, ZH, EN + ZH]))
        length = draw(st.integers(0, 60))
        for _ in range(draw(st.integers(1, 3))):
            changes = draw(st.integers(0, min(length, 3)))
            texts.append(" ".join(varied(draw(st.integers(0, 3)), length, changes, words)[1]))
    return draw(st.permutations(texts))


@given(collections(), st.sampled_from([0.3, 0.5, 0.8, 1.0]))
@settings(deadline=None, max_examples=60)
def test_agreement_with_all_pairs(texts, threshold):
    found = similar_pairs(pa.array(texts, pa.string()), threshold=threshold, every_pair=True)
    exact = {(i, j): jaccard_of(texts[i], texts[j]) for i, j in combinations(range(len(texts)), 2)}
    for i, j, similarity in zip(
        found.left.tolist(), found.right.tolist(), found.similarity.tolist(), strict=True
    ):
        assert similarity == pytest.approx(exact[i, j], abs=1e-12)
        assert similarity >= threshold
    pairs = set(map(tuple, found.array().tolist()))
    # Well above the threshold a miss has a chance below one in a million.
    assert {p for p, s in exact.items() if s >= min(1.0, threshold + 0.15)} <= pairs


@given(collections(), collections())
@settings(deadline=None, max_examples=40)
def test_two_collections_agree_with_all_pairs(left, right):
    arrays = pa.array(left, pa.string()), pa.array(right, pa.string())
    found = similar_pairs(arrays[0], threshold=0.7, against=arrays[1], every_pair=True)
    exact = {(i, j): jaccard_of(a, b) for i, a in enumerate(left) for j, b in enumerate(right)}
    for i, j, similarity in zip(
        found.left.tolist(), found.right.tolist(), found.similarity.tolist(), strict=True
    ):
        assert similarity == pytest.approx(exact[i, j], abs=1e-12)
    assert {p for p, s in exact.items() if s >= 0.85} <= set(map(tuple, found.array().tolist()))
    short = similar_pairs(arrays[0], threshold=0.7, against=arrays[1])
    assert set(short.left.tolist()) == set(found.left.tolist())
    assert set(short.right.tolist()) == set(found.right.tolist())


@given(collections())
@settings(deadline=None, max_examples=40)
def test_identical_texts_cost_a_line_not_a_square_and_clusters_are_the_same(texts):
    array = pa.array(texts, pa.string())
    short = similar_pairs(array, threshold=0.8)
    full = similar_pairs(array, threshold=0.8, every_pair=True)
    assert len(short) <= len(full)
    assert (
        components(len(texts), short.array()).tolist()
        == components(len(texts), full.array()).tolist()
    )


@given(collections(), st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=30)
def test_order_does_not_matter(texts, rng):
    order = list(range(len(texts)))
    rng.shuffle(order)
    first = similar_pairs(pa.array(texts, pa.string()), threshold=0.8, every_pair=True)
    second = similar_pairs(
        pa.array([texts[i] for i in order], pa.string()), threshold=0.8, every_pair=True
    )
    back = {tuple(sorted((order[i], order[j]))) for i, j in second.array().tolist()}
    assert back == set(map(tuple, first.array().tolist()))


@pytest.mark.parametrize("words", [EN, ZH], ids=["en", "zh"])
def test_planted_copies_at_the_threshold_are_found(words):
    texts, planted = [], []
    for seed in range(600):
        pair = [" ".join(t) for t in varied(seed, 150 + seed % 50, 1 + seed % 4, words)]
        if jaccard_of(*pair) >= 0.8:
            planted.append((len(texts), len(texts) + 1))
            texts += pair
    found = set(
        map(tuple, similar_pairs(pa.array(texts), threshold=0.8, every_pair=True).array().tolist())
    )
    assert len(planted) > 350
    assert sum(p in found for p in planted) / len(planted) >= 0.99


def test_recall_does_not_fall_with_more_permutations():
    texts = [" ".join(t) for s in range(150) for t in varied(s, 160, 3, EN)]
    true = {(i, i + 1) for i in range(0, 300, 2) if jaccard_of(texts[i], texts[i + 1]) >= 0.8}
    for permutations in (64, 128, 256):
        pairs = similar_pairs(pa.array(texts), threshold=0.8, permutations=permutations).array()
        found = set(map(tuple, pairs.tolist()))
        assert len(true & found) / len(true) >= 0.99


@pytest.mark.parametrize(
    ("threshold", "permutations"), [(0.5, 128), (0.8, 128), (0.8, 256), (0.9, 64), (1.0, 128)]
)
def test_bands_reach_the_recall_and_longer_rows_would_not(threshold, permutations):
    bands, rows = bands_for(threshold, permutations)
    assert bands * rows <= permutations
    assert 1 - (1 - threshold**rows) ** bands >= 0.99
    longer = rows + 1
    if longer <= permutations:
        assert 1 - (1 - threshold**longer) ** (permutations // longer) < 0.99


@pytest.mark.parametrize(
    ("threshold", "permutations"), [(0.0, 128), (1.1, 128), (-1, 128), (0.5, 0)]
)
def test_bands_need_a_threshold(threshold, permutations):
    with pytest.raises(ValueError, match="no bands for threshold"):
        bands_for(threshold, permutations)


def test_empty_texts_match_nothing():
    texts = pa.array(["", "  ", "...", None, "a b c", "A B C"])
    assert similar_pairs(texts, threshold=0.1, every_pair=True).array().tolist() == [[4, 5]]
    assert len(similar_pairs(texts, threshold=0.1, against=pa.array(["", "!"]))) == 0
    assert len(similar_pairs(pa.array([], pa.string()), threshold=0.5)) == 0
    both = shingle(pa.array(["", ""]))
    assert jaccard(both, np.array([[0, 1]])).tolist() == [0.0]


def test_ten_thousand_copies_cost_a_line():
    texts = pa.array(["the same notice in every file of the collection"] * 10_000 + ["another one"])
    found = similar_pairs(texts, threshold=0.8)
    assert len(found) == 9_999
    assert set(found.left.tolist()) == {0}


def test_a_full_bucket_of_near_copies_stays_one_cluster():
    common = " ".join(f"word{i}" for i in range(300))
    texts = pa.array([f"{common} variant{i}" for i in range(1_000)])
    found = similar_pairs(texts, threshold=0.8)
    assert len(found) < 1_000 * 64
    assert len(set(components(1_000, found.array()).tolist())) == 1


def test_in_a_bucket_that_is_not_full_all_are_paired_with_all():
    signed = np.zeros((100, 4), dtype=np.uint32)
    assert candidates(signed, 2, 2).tolist() == [
        [i, j] for i in range(100) for j in range(i + 1, 100)
    ]


@pytest.mark.parametrize("count", [129, 1_000])
def test_in_a_full_bucket_rows_meet_their_neighbours_and_the_first_ones(count):
    found = candidates(np.zeros((count, 4), dtype=np.uint32), 2, 2)
    expected = [[i, j] for i in range(count) for j in range(i + 1, count) if j - i <= 16 or i < 16]
    assert found.tolist() == expected
    assert len(found) < 32 * count


def test_kinds_that_share_a_full_bucket_are_each_found_whole():
    """Twelve templates in turn, alike enough to share buckets, not to be one another's copies."""
    common = " ".join(f"word{i}" for i in range(100))
    kinds = [" ".join(f"kind{k}x{i}" for i in range(15)) for k in range(12)]
    texts = pa.array([f"{common} {kinds[i % 12]} variant{i}" for i in range(2_400)])
    found = similar_pairs(texts, threshold=0.8)
    assert components(2_400, found.array()).tolist() == [i % 12 for i in range(2_400)]


@pytest.mark.slow
def test_pairs_of_fifty_thousand_identical_texts_and_of_a_template_are_linear():
    notice = " ".join(f"word{chr(97 + i % 26)}{chr(97 + i // 26)}" for i in range(58))
    same = similar_pairs(pa.array([notice] * 50_000), threshold=0.8)
    assert len(same) == 49_999
    for count in (5_000, 25_000):
        texts = pa.array([f"{notice} in {i} of {i * 7}" for i in range(count)])
        found = similar_pairs(texts, threshold=0.8)
        assert len(found) < 70 * count
        assert set(components(count, found.array()).tolist()) == {0}


def test_texts_shorter_than_a_shingle_are_compared_whole():
    texts = pa.array(["net sales", "Net sales.", "net sales rose", "营业", "营业。", "营", ""])
    found = similar_pairs(texts, threshold=0.1, every_pair=True)
    assert found.array().tolist() == [[0, 1], [3, 4]]
    assert found.similarity.tolist() == [1.0, 1.0]


def test_within_keeps_parts_apart():
    texts = pa.array(["one and the same text here"] * 4)
    parts = np.array([7, 8, 7, 8], dtype=np.uint64)
    found = near_pairs(shingle(texts), threshold=0.8, within=parts)
    assert found.array().tolist() == [[0, 2], [1, 3]]


@given(st.integers(1, 30), st.lists(st.tuples(st.integers(0, 29), st.integers(0, 29)), max_size=30))
def test_components_are_those_of_union_find(count, raw):
    pairs = [(a % count, b % count) for a, b in raw]
    parent = list(range(count))

    def root(i):
        while parent[i] != i:
            i = parent[i]
        return i

    for a, b in pairs:
        low, high = sorted((root(a), root(b)))
        parent[high] = low
    found = components(count, np.array(pairs, dtype=np.int64).reshape(-1, 2))
    assert found.tolist() == [root(i) for i in range(count)]


def test_rephrased_pairs_of_chinese_are_told_from_copies():
    original = "本公司二零二四年度营业收入较上年同期增长百分之十二，主要系主营产品销量上升所致，毛利率保持稳定。"
    copy = original.replace("，", ", ").replace("。", ".")
    other = "患者因反复咳嗽、咳痰三天入院，无发热，既往体健，否认药物过敏史，查体双肺呼吸音粗。"
    found = similar_pairs(pa.array([original, copy, other]), threshold=0.8)
    assert found.array().tolist() == [[0, 1]]
    assert len(words_of(original)) > 40
