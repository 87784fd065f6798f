"""Find sentences again, word for word, in many texts: by one rare run of words, then by reading."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sftdata.similarity.shingles import grams
from sftdata.similarity.words import TextArray

__all__ = ["Seeker", "holders"]

U64 = NDArray[np.uint64]
I64 = NDArray[np.int64]


class Seeker:
    """Knows a set of 64-bit hashes, and tells quickly which of many others are in it.

    Most hashes are in no set: a bit table answers for them (one read each), and only the rest
    is looked up by bisection. The answer is exact.

    >>> seeker = Seeker(np.array([7 << 40, 9 << 40], dtype=np.uint64))
    >>> seeker.find(np.array([1 << 40, 9 << 40], dtype=np.uint64))
    (array([1]), array([1]))
    """

    def __init__(self, wanted: U64) -> None:
        self.wanted = np.unique(wanted)
        bits = int(np.clip(np.ceil(np.log2(max(len(self.wanted), 1) * 8)), 16, 27))
        self._shift = np.uint64(64 - bits)
        self._table = np.zeros(1 << bits, dtype=np.bool_)
        self._table[self.wanted >> self._shift] = True

    def find(self, hashes: U64) -> tuple[I64, I64]:
        """Return the positions of the hashes that are wanted, and which of `wanted` each is."""
        at = np.flatnonzero(self._table.take((hashes >> self._shift).view(np.int64)))
        if not len(at) or not len(self.wanted):
            return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
        places = np.minimum(np.searchsorted(self.wanted, hashes[at]), len(self.wanted) - 1)
        true = self.wanted[places] == hashes[at]
        return at[true], places[true]

    def occurrences(self, texts: TextArray, *, words: int) -> Iterator[tuple[I64, I64]]:
        """Yield, a chunk of texts at a time, rows and places of the wanted n-grams they hold."""
        before = 0
        for part in grams(texts, words=words):
            at, places = self.find(part.hashes)
            rows = np.searchsorted(part.offsets, at, side="right") - 1 + before
            before += len(part.offsets) - 1
            if len(at):
                yield rows, places


def holders(quotes: pa.Array, texts: pa.Array, *, words: int = 5) -> dict[int, I64]:
    """Return, for each quote that stands in any of the texts, the rows of those texts.

    Case, width and white space do not matter. Quotes of fewer than `words` words (characters in
    Chinese) are not looked for: they stand everywhere.

    >>> holders(pa.array(["Cash rose to five dollars."]),
    ...         pa.array(["no", "In May cash  rose to five dollars. Then it fell."]))
    {0: array([1])}
    """
    rarest, owners = _keys(quotes, texts, words)
    if not len(rarest):
        return {}
    seeker = Seeker(rarest)
    waiting: dict[int, list[int]] = {}
    for quote, key in zip(owners.tolist(), np.searchsorted(seeker.wanted, rarest), strict=True):
        waiting.setdefault(int(key), []).append(quote)
    found: dict[int, list[int]] = {}
    for rows, places in seeker.occurrences(texts, words=words):
        for row, place in set(zip(rows.tolist(), places.tolist(), strict=True)):
            text = _folded(texts[row].as_py() or "")
            for quote in waiting[place]:
                if _folded(quotes[quote].as_py()) in text:
                    found.setdefault(quote, []).append(row)
    return {quote: np.array(sorted(set(rows))) for quote, rows in sorted(found.items())}


def _keys(quotes: pa.Array, texts: pa.Array, words: int) -> tuple[U64, I64]:
    """Return the n-gram of each quote that is rarest in the texts, for quotes that can be there."""
    hashes, owners = [np.empty(0, dtype=np.uint64)], [np.empty(0, dtype=np.int64)]
    before = 0
    for part in grams(quotes, words=words):
        sizes = np.where(part.words >= words, np.diff(part.offsets), 0)
        kept = np.repeat(part.words >= words, np.diff(part.offsets))
        hashes.append(part.hashes[kept])
        owners.append(np.repeat(np.arange(len(sizes)), sizes) + before)
        before += len(sizes)
    every, owner = np.concatenate(hashes), np.concatenate(owners)
    seeker = Seeker(every)
    counts = np.zeros(len(seeker.wanted), dtype=np.int64)
    for _, places in seeker.occurrences(texts, words=words):
        counts += np.bincount(places, minlength=len(counts))
    frequency = counts[np.searchsorted(seeker.wanted, every)] if len(every) else counts
    order = np.lexsort((every, frequency, owner))
    first = order[np.append(True, owner[order][1:] != owner[order][:-1])] if len(order) else order
    # A quote with a run that no text has stands in no text.
    first = first[frequency[first] > 0]
    return every[first], owner[first]


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())
