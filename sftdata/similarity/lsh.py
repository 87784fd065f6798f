"""Near-duplicate pairs: bands for recall, exact Jaccard for precision.

A pair is a *candidate* when one band of its signatures agrees. Bands are chosen so that a pair at
the threshold is found with probability ≥ `recall`; that lets in many pairs below the threshold,
which the exact Jaccard similarity of the shingle sets then removes: what is returned is true.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from sftdata.similarity import kernels
from sftdata.similarity.chunked import AnyShingles
from sftdata.similarity.fast import in_order, ready
from sftdata.similarity.minhash import EMPTY, signatures
from sftdata.similarity.ranges import spread
from sftdata.similarity.sets import intersections, shingle_sets
from sftdata.similarity.shingles import shingle
from sftdata.similarity.words import TextArray

__all__ = [
    "Pairs",
    "bands_for",
    "candidates",
    "cross_candidates",
    "jaccard",
    "near_pairs",
    "similar_pairs",
]

FULL = 128
"""Rows of a bucket from which on not all are paired with all: bounds hostile input."""
NEIGHBOURS = 16
"""In a fuller bucket a row is paired with so many next to it, and with so many first ones."""
WINDOW = 64
"""Partners of a row in a bucket of another collection."""
HALF = np.uint64(32)
LOW = np.uint64(0xFFFFFFFF)
SALT = np.uint64(0xC2B2AE3D27D4EB4F)
I64 = NDArray[np.int64]
F64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Pairs:
    """Similar rows. Without `against`, `left < right`; sorted by left, then right.

    `similarity` is the exact Jaccard similarity of the shingle sets.
    """

    left: I64
    right: I64
    similarity: F64

    def __len__(self) -> int:
        """Return the number of pairs."""
        return len(self.left)

    def array(self) -> NDArray[np.int64]:
        """Return the pairs as rows of an `(m, 2)` array."""
        return np.column_stack([self.left, self.right])


@cache
def bands_for(threshold: float, permutations: int = 128, recall: float = 0.99) -> tuple[int, int]:
    """Return `(bands, rows)`: the longest rows that still find a pair at the threshold.

    The chance that a pair of similarity `s` shares a band is `1 - (1 - s^rows)^bands`
    (Leskovec, Rajaraman, Ullman: Mining of Massive Datasets, 3.4). Longer rows mean fewer false
    candidates, so the longest that reach `recall` are taken. If none does, one row a band.

    >>> bands_for(0.8, 128)
    (21, 6)

    Raises:
        ValueError: the threshold is not in (0, 1], or there are no permutations.
    """
    if not 0 < threshold <= 1 or permutations < 1:
        raise ValueError(f"no bands for threshold {threshold} and {permutations} permutations")
    for rows in range(permutations, 1, -1):
        bands = permutations // rows
        if 1 - (1 - threshold**rows) ** bands >= recall:
            return bands, rows
    return permutations, 1


def _band_keys(signed: NDArray[np.uint32], band: int, rows: int) -> NDArray[np.uint64]:
    """Mix the columns of one band into a 64-bit key per row."""
    keys = np.zeros(len(signed), dtype=np.uint64)
    if ready(signed.nbytes // signed.shape[1] * rows):
        kernels.band_keys(signed, band * rows, (band + 1) * rows, keys)
        return keys
    for column in range(band * rows, (band + 1) * rows):
        keys ^= signed[:, column]
        keys *= np.uint64(0x9E3779B97F4A7C15)
        keys ^= keys >> np.uint64(29)
    return keys


def _distinct(packed: list[NDArray[np.uint64]]) -> NDArray[np.uint64]:
    merged = np.sort(np.concatenate([np.empty(0, dtype=np.uint64), *packed]))
    return merged[np.append(True, merged[1:] != merged[:-1])] if merged.size else merged


def _unpack(packed: NDArray[np.uint64]) -> I64:
    return np.column_stack([packed >> HALF, packed & LOW]).astype(np.int64)


def candidates(
    signed: NDArray[np.uint32], bands: int, rows: int, *, within: NDArray[np.uint64] | None = None
) -> I64:
    """Return the pairs of rows that agree in a band, shape `(m, 2)`, first < second, sorted.

    With `within`, a number per row, only rows of the same number are paired.

    Rows without shingles are in no pair. In a bucket of more than 128 rows each row is paired with
    the 16 next to it and the 16 first ones rather than with all: the bucket stays connected, at
    linear cost, since it is the same rows that come first in every band.
    """
    filled = _filled(signed)
    known = np.flatnonzero(filled).astype(np.uint64)
    salt = np.uint64(0) if within is None else within[filled] * SALT
    if not filled.all():
        signed = signed[filled]
    found = np.empty(0, dtype=np.uint64)

    def paired(band: int) -> list[NDArray[np.uint64]]:
        keys = _band_keys(signed, band, rows) ^ salt
        order = _repeated(keys)
        return _bucket_pairs(keys[order], known[order])

    for fresh in in_order(paired, range(bands)):
        found = _distinct([found, *fresh])
    return _unpack(found)


def _repeated(keys: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return the rows whose key is not theirs alone, sorted by key, then row.

    Half of a key and the row in one number sort several times faster than the keys with `argsort`,
    and leave few rows; only where two keys agree in that half, they are sorted again.
    """
    packed = (keys & ~LOW) | np.arange(len(keys), dtype=np.uint64)
    packed.sort()
    high = packed >> HALF
    same = high[1:] == high[:-1]
    some = np.flatnonzero(np.append(same, False) | np.append(False, same))
    rows = (packed[some] & LOW).astype(np.int64)
    chosen, high = keys[rows], high[some]
    if ((chosen[1:] != chosen[:-1]) & (high[1:] == high[:-1])).any():
        rows = rows[np.lexsort((rows, chosen))]
    return rows


def _filled(signed: NDArray[np.uint32]) -> NDArray[np.bool_]:
    """Return which rows have shingles: the first column alone decides all but a few."""
    filled = signed[:, 0] != EMPTY
    unsure = np.flatnonzero(~filled)
    filled[unsure] = (signed[unsure] != EMPTY).any(axis=1)
    return np.asarray(filled)


def _bucket_pairs(keys: NDArray[np.uint64], rows: NDArray[np.uint64]) -> list[NDArray[np.uint64]]:
    """Pair the rows of equal keys (sorted by key, then row)."""
    borders = np.flatnonzero(np.append(True, keys[1:] != keys[:-1])) if len(keys) else keys
    sizes = np.diff(np.append(borders, len(keys))).astype(np.int64)
    begins = np.repeat(borders.astype(np.int64), sizes)
    ends = begins + np.repeat(sizes, sizes)
    full = ends - begins > FULL
    pairs = []
    first = np.arange(len(keys))
    for step in range(1, FULL):
        first = first[first + step < ends[first]]
        if step == NEIGHBOURS + 1:
            first = first[~full[first]]
        if not first.size:
            break
        pairs.append((rows[first] << HALF) | rows[first + step])
    other = np.flatnonzero(full)
    for place in range(NEIGHBOURS):
        other = other[other - begins[other] > place + NEIGHBOURS]
        pairs.append((rows[begins[other] + place] << HALF) | rows[other])
    return pairs


def cross_candidates(
    left: NDArray[np.uint32], right: NDArray[np.uint32], bands: int, rows: int
) -> I64:
    """Return the pairs (row of left, row of right) that agree in a band, shape `(m, 2)`, sorted.

    A row of `left` gets at most 64 partners from one bucket.
    """
    here, there = np.flatnonzero(_filled(left)), np.flatnonzero(_filled(right))
    left, right = left[here], right[there]
    found = np.empty(0, dtype=np.uint64)
    for band in range(bands):
        keys = _band_keys(right, band, rows)
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        wanted = _band_keys(left, band, rows)
        begin = np.searchsorted(keys, wanted, side="left")
        sizes = np.minimum(np.searchsorted(keys, wanted, side="right") - begin, WINDOW)
        partners = there[order[spread(begin, sizes)]].astype(np.uint64)
        owners = np.repeat(here, sizes).astype(np.uint64)
        found = _distinct([found, (owners << HALF) | partners])
    return _unpack(found)


def jaccard(shingles: AnyShingles, pairs: I64, against: AnyShingles | None = None) -> F64:
    """Return the exact Jaccard similarity `|A ∩ B| / |A ∪ B|` of each pair of shingle sets.

    Two empty texts have similarity 0: nothing is known to be shared.
    """
    if not len(pairs):
        return np.empty(0, dtype=np.float64)
    if against is None:
        left = right = shingle_sets(shingles, np.unique(pairs))
    else:
        left = shingle_sets(shingles, np.unique(pairs[:, 0]))
        right = shingle_sets(against, np.unique(pairs[:, 1]))
    places, others = left.places(pairs[:, 0]), right.places(pairs[:, 1])
    shared = intersections(left, right, places, others)
    union = left.sizes[places] + right.sizes[others] - shared
    return np.asarray(shared / np.maximum(union, 1), dtype=np.float64)


def similar_pairs(
    texts: TextArray,
    *,
    threshold: float,
    against: TextArray | None = None,
    permutations: int = 128,
    words: int = 5,
    mask_numbers: bool = False,
    every_pair: bool = False,
) -> Pairs:
    """Return the pairs of texts whose shingle sets have a Jaccard similarity ≥ `threshold`.

    Every pair returned is true; a pair at the threshold is found with probability ≥ 0.99, one well
    above it always. Texts without a word are in no pair.

    Args:
        texts: the left side, and without `against` the right side too.
        threshold: 0 < threshold ≤ 1.
        against: texts to compare with (train against held-out).
        permutations: length of the signatures.
        words: words (CJK: characters) per shingle.
        mask_numbers: look at the texts with their numbers masked.
        every_pair: list also the pairs *between* identical texts, which can be many. Without it
            identical texts are tied to the first of them: every text that has a partner is in
            some pair, and `components` are the same, at linear cost.

    >>> import pyarrow as pa
    >>> found = similar_pairs(pa.array(["net sales rose by 5%", "a b", "Net sales rose by 5 %"]),
    ...                       threshold=0.8)
    >>> found.left.tolist(), found.right.tolist(), found.similarity.tolist()
    ([0], [2], [1.0])
    """
    left = shingle(texts, words=words, mask_numbers=mask_numbers)
    right = None
    if against is not None:
        right = shingle(against, words=words, mask_numbers=mask_numbers)
    return near_pairs(
        left, threshold=threshold, against=right, permutations=permutations, every_pair=every_pair
    )


def near_pairs(
    shingles: AnyShingles,
    *,
    threshold: float,
    against: AnyShingles | None = None,
    within: NDArray[np.uint64] | None = None,
    permutations: int = 128,
    every_pair: bool = False,
) -> Pairs:
    """Do what `similar_pairs` does, for shingles that exist already.

    With `within`, a number per row, only rows of the same number are paired (not for `against`).
    """
    bands, rows = bands_for(threshold, permutations)
    if within is not None:
        shingles = replace(shingles, digests=shingles.digests ^ (within * SALT))
    alike = _alike(shingles)
    signed = signatures(shingles, permutations=permutations, rows=alike.first)
    if against is None:
        parts = None if within is None else within[alike.first]
        found = candidates(signed, bands, rows, within=parts)
        del signed  # 51 MB for 100,000 texts, which the verification can use
        near, similarity = _verified(alike, alike, found, shingles, None, threshold)
        return _sorted_pairs(*_within(alike, near, similarity, every_pair))
    others = _alike(against)
    other_signed = signatures(against, permutations=permutations, rows=others.first)
    found = cross_candidates(signed, other_signed, bands, rows)
    found = np.unique(np.concatenate([found, _shared(alike, others)]), axis=0)
    near, similarity = _verified(alike, others, found, shingles, against, threshold)
    return _sorted_pairs(*_expand(alike, others, near, similarity, every_pair))


@dataclass(frozen=True, slots=True)
class _Alike:
    """Groups of texts with the same words; group `g` is `members[offsets[g]:offsets[g + 1]]`."""

    digests: NDArray[np.uint64]
    offsets: I64
    members: I64

    @property
    def first(self) -> I64:
        return self.members[self.offsets[:-1]]

    @property
    def sizes(self) -> I64:
        return np.diff(self.offsets)


def _alike(shingles: AnyShingles) -> _Alike:
    filled = np.flatnonzero(shingles.sizes)
    _, first, group = np.unique(shingles.digests[filled], return_index=True, return_inverse=True)
    order = np.argsort(first)
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    members = filled[np.argsort(place[group], kind="stable")]
    sizes = np.bincount(place[group], minlength=len(order))
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    return _Alike(shingles.digests[filled[first[order]]], offsets, members)


def _shared(left: _Alike, right: _Alike) -> I64:
    """Return the groups that stand on both sides: no bucket, however full, may hide them."""
    _, here, there = np.intersect1d(
        left.digests, right.digests, assume_unique=True, return_indices=True
    )
    return np.column_stack([here, there]).astype(np.int64)


def _verified(
    left: _Alike,
    right: _Alike,
    found: I64,
    shingles: AnyShingles,
    against: AnyShingles | None,
    threshold: float,
) -> tuple[I64, F64]:
    """Keep the pairs of groups whose exact similarity reaches the threshold."""
    pairs = np.column_stack([left.first[found[:, 0]], right.first[found[:, 1]]])
    similarity = jaccard(shingles, pairs, against)
    near = similarity >= threshold
    return found[near], similarity[near]


_Edges = tuple[I64, I64, F64]


def _within(alike: _Alike, near: I64, similarity: F64, every_pair: bool) -> _Edges:
    groups = np.arange(len(alike.sizes))
    same = np.column_stack([groups, groups])
    if every_pair:
        a, b, s = _product(alike, alike, near, similarity)
        c, d, t = _product(alike, alike, same, np.ones(len(groups)))
    else:
        a, b, s = alike.first[near[:, 0]], alike.first[near[:, 1]], similarity
        c, d, t = np.repeat(alike.first, alike.sizes), alike.members, np.ones(len(alike.members))
    kept = c < d
    a, b = np.minimum(a, b), np.maximum(a, b)
    return np.append(a, c[kept]), np.append(b, d[kept]), np.append(s, t[kept])


def _expand(left: _Alike, right: _Alike, near: I64, similarity: F64, every_pair: bool) -> _Edges:
    if every_pair:
        return _product(left, right, near, similarity)
    first, second = near[:, 0], near[:, 1]
    sizes, others = left.sizes[first], right.sizes[second] - 1
    members = left.members[spread(left.offsets[first], sizes)]
    rest = right.members[spread(right.offsets[second] + 1, others)]
    return (
        np.append(members, np.repeat(left.first[first], others)),
        np.append(np.repeat(right.first[second], sizes), rest),
        np.append(np.repeat(similarity, sizes), np.repeat(similarity, others)),
    )


def _product(left: _Alike, right: _Alike, near: I64, similarity: F64) -> _Edges:
    a, b = left.sizes[near[:, 0]], right.sizes[near[:, 1]]
    inner = spread(np.zeros(len(near), dtype=np.int64), a * b)
    width = np.repeat(b, a * b)
    here = np.repeat(left.offsets[near[:, 0]], a * b) + inner // width
    there = np.repeat(right.offsets[near[:, 1]], a * b) + inner % width
    return left.members[here], right.members[there], np.repeat(similarity, a * b)


def _sorted_pairs(left: I64, right: I64, similarity: F64) -> Pairs:
    order = np.lexsort((right, left))
    return Pairs(left[order], right[order], similarity[order])
