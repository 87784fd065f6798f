"""MinHash signatures, bit-identical to datasketch 2.0 (`scheme="affine32"`, seed 1).

The permutations are datasketch's, and a row wraps as its `MinHash` (`as_datasketch`), so its LSH,
its storage and its estimators can be used on our signatures; it is the oracle of our tests too.
What is done here is the work on whole batches, without a Python object per shingle.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache

import numpy as np
from datasketch import MinHash
from numpy.typing import NDArray

from sftdata.similarity import kernels
from sftdata.similarity.chunked import AnyShingles, Stretch, sizes_of, stretches
from sftdata.similarity.fast import in_order, ready
from sftdata.similarity.ranges import blocks, spread

__all__ = ["EMPTY", "as_datasketch", "estimate", "signatures"]

U32 = NDArray[np.uint32]
I64 = NDArray[np.int64]

EMPTY = np.uint32(0xFFFFFFFF)
"""The value in every column of a text without shingles."""
SEED = 1
SCHEME = "affine32"
BLOCK = 1 << 16
"""Shingles at a time: three arrays of this size stay in the processor's second cache."""


@cache
def _permutations(count: int) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """Return datasketch's multipliers and increments: `h -> a * h + b (mod 2^32)`, `a` odd.

    Asked of the library itself, so that a change there cannot part the two.
    """
    a, b = MinHash(num_perm=count, seed=SEED, scheme=SCHEME).permutations
    return np.asarray(a, dtype=np.uint32), np.asarray(b, dtype=np.uint32)


def as_datasketch(row: NDArray[np.uint32]) -> MinHash:
    """Wrap a signature as datasketch's `MinHash`, for its LSH indexes, unions and storage.

    >>> import pyarrow as pa
    >>> from sftdata.similarity.shingles import shingle
    >>> texts = pa.array(["net sales rose by five percent", "net sales rose by five percent"])
    >>> one, two = (as_datasketch(row) for row in signatures(shingle(texts)))
    >>> one.jaccard(two)
    1.0
    """
    return MinHash(hashvalues=row, seed=SEED, scheme=SCHEME)


def _mix(hashes: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Return the MurmurHash3 finaliser of each hash, as datasketch applies it before permuting."""
    mixed = hashes ^ (hashes >> np.uint32(16))
    mixed *= np.uint32(0x85EBCA6B)
    mixed ^= mixed >> np.uint32(13)
    mixed *= np.uint32(0xC2B2AE35)
    mixed ^= mixed >> np.uint32(16)
    return mixed


def signatures(
    shingles: AnyShingles, *, permutations: int = 128, rows: NDArray[np.int64] | None = None
) -> NDArray[np.uint32]:
    """Return one MinHash signature per text, shape `(len(shingles), permutations)`.

    With `rows` only those texts are signed: `(len(rows), permutations)`.

    >>> import pyarrow as pa
    >>> from sftdata.similarity.shingles import shingle
    >>> signatures(shingle(pa.array(["net sales rose by five percent", ""]))).shape
    (2, 128)
    """
    rows = np.arange(len(shingles), dtype=np.int64) if rows is None else rows
    signed = np.full((len(rows), permutations), EMPTY, dtype=np.uint32)
    pairs = _permutations(permutations)
    compiled = ready(int(sizes_of(shingles, rows).sum()) * 4)

    def sign(piece: Stretch) -> None:
        hashes, starts, ends, places = piece
        if compiled:
            kernels.sign(hashes, starts, ends, pairs, signed, places)
        else:
            _sign(hashes, starts, ends, signed, places)

    for _ in in_order(sign, _pieces(stretches(shingles, rows))):
        pass
    return signed


def _pieces(found: Iterable[Stretch]) -> Iterator[Stretch]:
    """Cut the texts of each array into pieces of about `BLOCK` shingles."""
    for hashes, starts, ends, places in found:
        for first, last in blocks(ends - starts, BLOCK):
            here = slice(first, last)
            yield hashes, starts[here], ends[here], places[here]


def _sign(hashes: U32, starts: I64, ends: I64, out: U32, rows: I64) -> None:
    """Write the signatures of some rows; there are few of them, or one that is long."""
    sizes = ends - starts
    if sizes[0] > BLOCK:
        row, first = out[rows[0]], np.zeros(1, dtype=np.int64)
        for start in range(int(starts[0]), int(ends[0]), BLOCK):
            part = _mix(hashes[start : min(start + BLOCK, int(ends[0]))])
            np.minimum(row, _lowest(part, first, len(row))[0], out=row)
        return
    whole = (starts[1:] == ends[:-1]).all()
    chosen = hashes[starts[0] : ends[-1]] if whole else hashes[spread(starts, sizes)]
    out[rows] = _lowest(_mix(chosen), np.cumsum(sizes) - sizes, out.shape[1])


def _lowest(hashes: U32, starts: I64, permutations: int) -> U32:
    """Return the smallest value of each permutation over each stretch of mixed hashes."""
    found = np.empty((permutations, len(starts)), dtype=np.uint32)
    values = np.empty_like(hashes)
    for column, (a, b) in enumerate(zip(*_permutations(permutations), strict=True)):
        np.multiply(hashes, a, out=values)
        np.add(values, b, out=values)
        np.minimum.reduceat(values, starts, out=found[column])
    return found.T


def estimate(left: NDArray[np.uint32], right: NDArray[np.uint32]) -> NDArray[np.float64]:
    """Estimate the Jaccard similarity of rows: the share of equal columns.

    Its standard deviation is `sqrt(J (1 - J) / permutations)`, 0.035 at J = 0.8 and 128.
    """
    return np.asarray((left == right).mean(axis=1), dtype=np.float64)
