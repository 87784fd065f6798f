"""Shingles that lie in several arrays, as the chunks of a table do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sftdata.similarity.ranges import spread
from sftdata.similarity.shingles import Shingles

__all__ = ["AnyShingles", "ChunkedShingles", "Stretch", "gather", "sizes_of", "stretches"]

I64 = NDArray[np.int64]
U32 = NDArray[np.uint32]
U64 = NDArray[np.uint64]

Stretch = tuple[U32, I64, I64, I64]
"""`(hashes, starts, ends, places)`: texts of one array, and their places among those asked for."""


@dataclass(frozen=True, slots=True)
class ChunkedShingles:
    """The shingles of many texts, any row anywhere: nothing is copied to sort or choose rows.

    Text `i` has `parts[part[i]][starts[i]:starts[i] + sizes[i]]`. The hashes of 100,000 texts of
    350 words are 140 MB; next to a table that holds them, they must not be there twice.
    """

    parts: tuple[U32, ...]
    part: NDArray[np.int32]
    starts: I64
    sizes: I64
    digests: U64
    """As in `Shingles`."""

    def __len__(self) -> int:
        """Return the number of texts."""
        return len(self.sizes)

    @classmethod
    def of(cls, lists: pa.ChunkedArray, digests: U64) -> ChunkedShingles:
        """Look at a column of lists of hashes, as it lies there.

        >>> lists = pa.chunked_array([[[5, 6], []], [[7]]], pa.large_list(pa.uint32()))
        >>> ChunkedShingles.of(lists, np.array([1, 0, 2], dtype=np.uint64)).sizes.tolist()
        [2, 0, 1]
        """
        offsets = [chunk.offsets.to_numpy().astype(np.int64) for chunk in lists.chunks]
        counts = [len(chunk) for chunk in lists.chunks]
        none = np.zeros(0, dtype=np.int64)
        return cls(
            tuple(chunk.values.to_numpy() for chunk in lists.chunks),
            np.repeat(np.arange(len(counts), dtype=np.int32), counts),
            np.concatenate([none, *(found[:-1] for found in offsets)]),
            np.concatenate([none, *(np.diff(found) for found in offsets)]),
            digests,
        )

    def select(self, rows: I64) -> ChunkedShingles:
        """Return some rows, in the order given; their hashes stay where they are."""
        return ChunkedShingles(
            self.parts, self.part[rows], self.starts[rows], self.sizes[rows], self.digests[rows]
        )


AnyShingles = Shingles | ChunkedShingles


def sizes_of(shingles: AnyShingles, rows: I64) -> I64:
    """Return the number of shingles of some rows, repeats included."""
    if isinstance(shingles, Shingles):
        return shingles.offsets[rows + 1] - shingles.offsets[rows]
    return shingles.sizes[rows]


def stretches(shingles: AnyShingles, rows: I64 | None = None) -> Iterator[Stretch]:
    """Yield the texts (`rows` of them, or all) array by array; those without a shingle nowhere."""
    rows = np.arange(len(shingles), dtype=np.int64) if rows is None else rows
    sizes = sizes_of(shingles, rows)
    parts: tuple[U32, ...]
    if isinstance(shingles, Shingles):
        starts, parts = shingles.offsets[rows], (shingles.hashes,)
        part = np.zeros(len(rows), dtype=np.int32)
    else:
        starts, parts, part = shingles.starts[rows], shingles.parts, shingles.part[rows]
    filled = np.flatnonzero(sizes)
    order = filled[np.argsort(part[filled], kind="stable")]
    borders = np.flatnonzero(np.diff(part[order])) + 1
    for places in np.split(order, borders) if len(order) else ():
        begins = starts[places]
        yield parts[part[places[0]]], begins, begins + sizes[places], places


def gather(shingles: AnyShingles, rows: I64) -> U32:
    """Return the hashes of some rows, one row after another.

    >>> lists = pa.chunked_array([[[5, 6], []], [[7]]], pa.large_list(pa.uint32()))
    >>> found = ChunkedShingles.of(lists, np.array([1, 0, 2], dtype=np.uint64))
    >>> gather(found, np.array([2, 1, 0])).tolist()
    [7, 5, 6]
    """
    sizes = sizes_of(shingles, rows)
    if isinstance(shingles, Shingles):
        return shingles.hashes[spread(shingles.offsets[rows], sizes)]
    hashes = np.empty(int(sizes.sum()), dtype=np.uint32)
    begins = np.cumsum(sizes) - sizes
    for part, starts, ends, places in stretches(shingles, rows):
        hashes[spread(begins[places], sizes[places])] = part[spread(starts, ends - starts)]
    return hashes
