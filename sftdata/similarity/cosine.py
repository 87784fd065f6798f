"""Pairs of vectors by cosine similarity: every pair compared, a block of rows at a time.

No index and no sampling, so that recall is 1: time grows with the square of the rows (100,000
vectors of 384 numbers are 5 · 10^9 products, minutes on two cores), memory with the block.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sftdata.similarity.lsh import Pairs

__all__ = ["MOST_PAIRS", "cosine", "cosine_pairs", "unit"]

F32 = NDArray[np.float32]
BLOCK = 2048
"""Rows and columns compared at a time: 16 MiB of products."""
SLACK = 1e-4
"""Error of a product in single precision that is allowed for before the exact one is taken."""
MOST_PAIRS = 20_000_000


def unit(vectors: NDArray[np.floating]) -> F32:
    """Return the vectors scaled to length 1; what has no direction (zeros, NaN) becomes zeros.

    >>> unit(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist()
    [[0.6000000238418579, 0.800000011920929], [0.0, 0.0]]
    """
    found = np.asarray(vectors, dtype=np.float64)
    found = np.where(np.isfinite(found).all(axis=1, keepdims=True), found, 0.0)
    lengths = np.linalg.norm(found, axis=1, keepdims=True)
    return np.asarray(found / np.where(lengths > 0, lengths, 1), dtype=np.float32)


def cosine(vectors: F32, left: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the cosine of each pair of unit vectors, in double precision.

    Scaled again, so that it is at most 1 and that of equal vectors is 1.
    """
    found = np.empty(len(left), dtype=np.float64)
    for start in range(0, len(left), BLOCK):
        part = slice(start, start + BLOCK)
        a, b = vectors[left[part]].astype(np.float64), vectors[right[part]].astype(np.float64)
        lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
        dots = np.einsum("ij,ij->i", a, b) / np.where(lengths > 0, lengths, 1)
        found[part] = np.clip(np.round(dots, 12), -1, 1)
    return found


def cosine_pairs(
    vectors: F32, *, threshold: float, within: NDArray[np.uint64] | None = None
) -> Pairs:
    """Return every pair of unit vectors whose cosine is at least `threshold`.

    Args:
        vectors: shape `(n, d)`, from `unit`; zeros are in no pair.
        threshold: above 0, at most 1.
        within: a number per row; only rows of the same number are paired.

    Raises:
        ValueError: more than `MOST_PAIRS` pairs: the threshold is too low for these vectors.

    >>> found = cosine_pairs(unit(np.array([[1, 0], [1, 0.1], [0, 1]])), threshold=0.9)
    >>> found.left.tolist(), found.right.tolist(), found.similarity.round(3).tolist()
    ([0], [1], [0.995])
    """
    lefts, rights, count = [], [], 0
    for start in range(0, len(vectors), BLOCK):
        rows = vectors[start : start + BLOCK]
        for begin in range(start, len(vectors), BLOCK):
            near = rows @ vectors[begin : begin + BLOCK].T >= threshold - SLACK
            a, b = np.nonzero(near)
            a, b = a + start, b + begin
            fresh = a < b
            if within is not None:
                fresh &= within[a] == within[b]
            lefts.append(a[fresh])
            rights.append(b[fresh])
            count += len(lefts[-1])
            if count > MOST_PAIRS:
                raise ValueError(f"more than {MOST_PAIRS:,} pairs from {threshold:g} on")
    none = np.zeros(0, dtype=np.int64)
    left, right = np.concatenate([none, *lefts]), np.concatenate([none, *rights])
    similarity = cosine(vectors, left, right)
    near = similarity >= threshold
    left, right, similarity = left[near], right[near], similarity[near]
    order = np.lexsort((right, left))
    return Pairs(left[order], right[order], similarity[order])
