"""Columns of text: joined, made whole, and hashed so that texts that read alike are equal."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

__all__ = ["LARGE", "fingerprints", "folded", "joined", "whole"]

LARGE = 2**31 - 2**20
"""Bytes of text from which Arrow needs 64-bit offsets."""


def fingerprints(texts: pa.Array) -> NDArray[np.bytes_]:
    """Return a 128-bit hash of each text: equal for texts that differ in case, width or space.

    Empty texts have the empty hash.

    >>> a, b, c = fingerprints(pa.array(["Net  sales", "ｎｅｔ sales ", " "])).tolist()
    >>> a == b, c
    (True, b'')
    """
    out = np.zeros(len(texts), dtype="S16")
    for start in range(0, len(texts), 4096):
        for i, value in enumerate(texts.slice(start, 4096).to_pylist(), start):
            plain = folded(value) if value else ""
            if plain:
                out[i] = hashlib.blake2b(plain.encode(), digest_size=16).digest()
    return out


def folded(text: str) -> str:
    """Fold case, width and white space: two texts that read alike become equal.

    >>> folded("Net  SALES ")
    'net sales'
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return " ".join(text.casefold().split())


def joined(parts: Sequence[pa.Array], separator: str) -> pa.Array:
    """Join columns row by row, null as nothing, with wide offsets: no text is too much.

    >>> joined([pa.array(["a", None]), pa.array(["b", "c"])], " ").to_pylist()
    ['a b', ' c']
    """
    wide = [pc.fill_null(part.cast(pa.large_string()), "") for part in parts]
    return pc.binary_join_element_wise(*wide, pa.scalar(separator, pa.large_string()))


def whole(column: pa.ChunkedArray) -> pa.Array:
    """Return a column as one array, with wide offsets where its text is over two gigabytes.

    >>> whole(pa.chunked_array([["a"], ["b"]])).to_pylist()
    ['a', 'b']
    """
    if column.num_chunks == 1:
        return column.chunk(0)
    if pa.types.is_string(column.type) and column.nbytes > LARGE:
        column = column.cast(pa.large_string())
    return pa.concat_arrays(column.chunks or [pa.array([], column.type)])
