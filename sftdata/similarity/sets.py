"""Shingle sets and the sizes of their intersections, by sorting."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sftdata.similarity.shingles import Shingles

__all__ = ["Sets", "intersections", "shingle_sets"]

LOW = np.uint64(0xFFFFFFFF)
HIGH = np.uint64(32)
BLOCK = 1 << 20
"""Elements at a time; three arrays of 8 MiB."""


@dataclass(frozen=True, slots=True)
class Sets:
    """Sorted, distinct shingle hashes of some rows; row `r` is set `places[r]`."""

    rows: NDArray[np.int64]
    offsets: NDArray[np.int64]
    hashes: NDArray[np.uint32]

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Number of distinct shingles per set."""
        return np.diff(self.offsets)

    def places(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return which set belongs to each row."""
        return np.searchsorted(self.rows, rows)


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


def shingle_sets(shingles: Shingles, rows: NDArray[np.int64] | None = None) -> Sets:
    """Return the shingle sets of some rows (all by default; sorted and distinct if given)."""
    if rows is None:
        rows = np.arange(len(shingles), dtype=np.int64)
    starts = shingles.offsets[rows]
    lengths = shingles.offsets[rows + 1] - starts
    sizes = np.zeros(len(rows), dtype=np.int64)
    hashes = np.empty(int(lengths.sum()), dtype=np.uint32)
    end = 0
    for first, last in blocks(lengths):
        span = lengths[first:last]
        keys = _tagged(shingles.hashes[spread(starts[first:last], span)], span)
        keys.sort()
        keys = keys[np.append(True, keys[1:] != keys[:-1])] if keys.size else keys
        sizes[first:last] = np.bincount((keys >> HIGH).astype(np.int64), minlength=last - first)
        hashes[end : end + len(keys)] = keys & LOW
        end += len(keys)
    hashes.resize(end, refcheck=False)
    offsets = np.zeros(len(rows) + 1, dtype=np.int64)
    np.cumsum(sizes, out=offsets[1:])
    return Sets(rows, offsets, hashes)


def _tagged(hashes: NDArray[np.uint32], sizes: NDArray[np.int64]) -> NDArray[np.uint64]:
    tags = np.repeat(np.arange(len(sizes), dtype=np.uint64) << HIGH, sizes)
    tags |= hashes
    return tags


def intersections(
    left: Sets, right: Sets, left_places: NDArray[np.int64], right_places: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return how many shingles each pair of sets has in common."""
    shared = np.zeros(len(left_places), dtype=np.int64)
    a, b = left.sizes[left_places], right.sizes[right_places]
    for first, last in blocks(a + b):
        span = slice(first, last)
        positions = spread(left.offsets[left_places[span]], a[span])
        others = spread(right.offsets[right_places[span]], b[span])
        keys = np.concatenate(
            [_tagged(left.hashes[positions], a[span]), _tagged(right.hashes[others], b[span])]
        )
        keys.sort()
        twice = keys[1:][keys[1:] == keys[:-1]] >> HIGH
        shared[span] = np.bincount(twice.astype(np.int64), minlength=last - first)
    return shared
