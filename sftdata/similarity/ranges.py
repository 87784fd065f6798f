"""Stretches of arrays: cut into pieces of bounded size, and spread out into positions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["BLOCK", "blocks", "spread"]

BLOCK = 1 << 18
"""Elements at a time; an array of 2 MiB."""


def blocks(sizes: NDArray[np.int64], limit: int = BLOCK) -> list[tuple[int, int]]:
    """Cut consecutive items into ranges of about `limit` elements in all.

    >>> blocks(np.array([3, 3, 9, 1, 1]), limit=6)
    [(0, 2), (2, 3), (3, 5)]
    """
    ends = np.cumsum(sizes)
    ranges, start, before = [], 0, 0
    while start < len(sizes):
        stop = max(int(np.searchsorted(ends, before + limit, side="right")), start + 1)
        ranges.append((start, stop))
        before = int(ends[stop - 1])
        start = stop
    return ranges


def spread(starts: NDArray[np.int64], sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the positions `starts[i] … starts[i] + sizes[i] - 1` of every `i`, one after another.

    >>> spread(np.array([10, 50]), np.array([3, 2])).tolist()
    [10, 11, 12, 50, 51]
    """
    before = np.cumsum(sizes) - sizes
    return np.arange(int(sizes.sum()), dtype=np.int64) + np.repeat(starts - before, sizes)
