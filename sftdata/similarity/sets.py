"""Shingle sets and the sizes of their intersections, by sorting."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sftdata.similarity import kernels
from sftdata.similarity.chunked import AnyShingles, gather, sizes_of
from sftdata.similarity.fast import in_order, ready
from sftdata.similarity.ranges import blocks, spread

__all__ = ["Sets", "blocks", "intersections", "shingle_sets", "spread"]

LOW = np.uint64(0xFFFFFFFF)
HIGH = np.uint64(32)


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


def shingle_sets(shingles: AnyShingles, rows: NDArray[np.int64] | None = None) -> Sets:
    """Return the shingle sets of some rows (all by default; sorted and distinct if given)."""
    if rows is None:
        rows = np.arange(len(shingles), dtype=np.int64)
    lengths = sizes_of(shingles, rows)
    sizes = np.zeros(len(rows), dtype=np.int64)
    hashes = np.empty(int(lengths.sum()), dtype=np.uint32)

    def sort(part: tuple[int, int]) -> NDArray[np.uint64]:
        span = slice(*part)
        keys = _tagged(gather(shingles, rows[span]), lengths[span])
        keys.sort()
        return keys[np.append(True, keys[1:] != keys[:-1])] if keys.size else keys

    parts, end = blocks(lengths), 0
    for (first, last), keys in zip(parts, in_order(sort, parts), strict=True):
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
    compiled = ready(int((a + b).sum()) * 4)

    def count(part: tuple[int, int]) -> None:
        span = slice(*part)
        here, there = left_places[span], right_places[span]
        if compiled:
            one, other = (left.offsets, left.hashes), (right.offsets, right.hashes)
            kernels.overlaps(one, other, here, there, shared[span])
            return
        positions = spread(left.offsets[here], a[span])
        others = spread(right.offsets[there], b[span])
        keys = np.concatenate(
            [_tagged(left.hashes[positions], a[span]), _tagged(right.hashes[others], b[span])]
        )
        keys.sort()
        twice = keys[1:][keys[1:] == keys[:-1]] >> HIGH
        shared[span] = np.bincount(twice.astype(np.int64), minlength=len(here))

    for _ in in_order(count, blocks(a + b)):
        pass
    return shared
