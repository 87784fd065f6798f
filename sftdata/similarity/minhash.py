"""MinHash signatures, bit-identical to datasketch 2.0 (`scheme="affine32"`, seed 1).

The permutations are datasketch's, and a row wraps as its `MinHash` (`as_datasketch`), so its LSH,
its storage and its estimators can be used on our signatures; it is the oracle of our tests too.
What is done here is the work on whole batches, without a Python object per shingle.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from datasketch import MinHash
from numpy.typing import NDArray

from sftdata.similarity.shingles import Shingles

__all__ = ["EMPTY", "as_datasketch", "estimate", "signatures"]

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


def signatures(shingles: Shingles, *, permutations: int = 128) -> NDArray[np.uint32]:
    """Return one MinHash signature per text, shape `(len(shingles), permutations)`.

    >>> import pyarrow as pa
    >>> from sftdata.similarity.shingles import shingle
    >>> signatures(shingle(pa.array(["net sales rose by five percent", ""]))).shape
    (2, 128)
    """
    result = np.full((len(shingles), permutations), EMPTY, dtype=np.uint32)
    filled = np.flatnonzero(np.diff(shingles.offsets))
    starts = shingles.offsets[filled]
    ends = shingles.offsets[filled + 1]
    row = 0
    while row < len(filled):
        stop = int(np.searchsorted(ends, starts[row] + BLOCK, side="right"))
        if stop <= row:
            _sign_long(shingles.hashes[starts[row] : ends[row]], result[filled[row]])
            row += 1
            continue
        hashes = _mix(shingles.hashes[starts[row] : ends[stop - 1]])
        result[filled[row:stop]] = _sign(hashes, starts[row:stop] - starts[row], permutations)
        row = stop
    return result


def _sign(
    hashes: NDArray[np.uint32], starts: NDArray[np.int64], permutations: int
) -> NDArray[np.uint32]:
    found = np.empty((permutations, len(starts)), dtype=np.uint32)
    values = np.empty_like(hashes)
    for column, (a, b) in enumerate(zip(*_permutations(permutations), strict=True)):
        np.multiply(hashes, a, out=values)
        np.add(values, b, out=values)
        np.minimum.reduceat(values, starts, out=found[column])
    return found.T


def _sign_long(hashes: NDArray[np.uint32], row: NDArray[np.uint32]) -> None:
    """Sign one text that is longer than a block, a block at a time."""
    first = np.zeros(1, dtype=np.int64)
    for start in range(0, len(hashes), BLOCK):
        part = _sign(_mix(hashes[start : start + BLOCK]), first, len(row))
        np.minimum(row, part[0], out=row)


def estimate(left: NDArray[np.uint32], right: NDArray[np.uint32]) -> NDArray[np.float64]:
    """Estimate the Jaccard similarity of rows: the share of equal columns.

    Its standard deviation is `sqrt(J (1 - J) / permutations)`, 0.035 at J = 0.8 and 128.
    """
    return np.asarray((left == right).mean(axis=1), dtype=np.float64)
