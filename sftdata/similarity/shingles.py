"""Texts to shingles: runs of five consecutive words, as hashes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sftdata.similarity import kernels
from sftdata.similarity.fast import in_order, ready
from sftdata.similarity.words import (
    TextArray,
    Words,
    chunks,
    prefix_hashes,
    span_hashes,
    word_hashes,
)

__all__ = ["Grams", "Reading", "Shingles", "grams", "read", "shingle"]


Part = TypeVar("Part")


@dataclass(frozen=True, slots=True)
class Grams:
    """The n-grams of a chunk of texts with their 64-bit hashes, in text order, repeats included."""

    offsets: NDArray[np.int64]
    hashes: NDArray[np.uint64]
    digests: NDArray[np.uint64]
    words: NDArray[np.int64]
    found: Words


@dataclass(frozen=True, slots=True)
class Shingles:
    """The shingles of many texts, row after row (CSR).

    Text `i` has `hashes[offsets[i]:offsets[i + 1]]`, in text order and with repeats: a *set* is
    made of them where one is needed. An empty text has none.
    """

    offsets: NDArray[np.int64]
    hashes: NDArray[np.uint32]
    digests: NDArray[np.uint64]
    """One number per text; equal if and only if the texts have the same words in the same order
    (up to a 64-bit collision). 0 for an empty text."""
    words: NDArray[np.int64]
    """Words per text; a CJK character is a word."""

    def __len__(self) -> int:
        """Return the number of texts."""
        return len(self.offsets) - 1

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Number of shingles per text, repeats included."""
        return np.diff(self.offsets)


def shingle(texts: TextArray, *, words: int = 5, mask_numbers: bool = False) -> Shingles:
    """Return the shingles of every text.

    What a word is, and what is ignored, is said in `sftdata.similarity.words`. A text of fewer
    than `words` words gives one shingle of all it has, so that short texts can be equal.
    Five words is the usual choice for prose (a copy with one word in fifty changed keeps J ≈ .8).

    >>> import pyarrow as pa
    >>> texts = pa.array(["the cat sat on the mat", "THE CAT sat, on the mat!", "患者无发热"])
    >>> found = shingle(texts)
    >>> found.offsets.tolist(), found.words.tolist()
    ([0, 2, 4, 5], [6, 6, 5])
    >>> bool(found.digests[0] == found.digests[1])
    True
    """
    return _collect(_bytes(texts) // 2, _mapped(_halved, texts, words, mask_numbers))


@dataclass(frozen=True, slots=True)
class Reading:
    """What deduplication wants to know of texts, from one pass over them."""

    shingles: Shingles
    numbers: Shingles
    """The words with digits of each text, one a shingle; `digests` tell them apart in order."""
    skeletons: NDArray[np.uint64]
    """Like `digests`, with every word with digits and every month name as the same blank."""


def read(texts: TextArray, *, words: int = 5, skeletons: bool = True) -> Reading:
    """Return shingles, numbers and skeleton of every text (without `skeletons`: 0 for each).

    Two texts with one skeleton differ in numbers and dates alone: they come from one template.

    >>> import pyarrow as pa
    >>> found = read(pa.array(["Cash on June 28, 2025: $36", "Cash on May 1, 2024: $1,234.5"]))
    >>> found.numbers.words.tolist(), bool(found.skeletons[0] == found.skeletons[1])
    ([3, 3], True)
    """
    numbers: list[Shingles] = []
    blanked = [np.zeros(0, dtype=np.uint64)]

    def reading(part: Grams) -> tuple[Shingles, Shingles, NDArray[np.uint64]]:
        found = _halved(_grams(_numbers_of(part.found), 1))
        blank = _skeletons(part.found) if skeletons else np.zeros_like(part.digests)
        return _halved(part), found, blank

    def passing() -> Iterator[Shingles]:
        for part, found, blank in _mapped(reading, texts, words, mask_numbers=False):
            numbers.append(found)
            blanked.append(blank)
            yield part

    shingles = _collect(_bytes(texts) // 2, passing())
    return Reading(shingles, _collect(0, numbers), np.concatenate(blanked))


MONTHS = (
    "january february march april may june july august september october november december "
    "jan feb mar apr jun jul aug sep sept oct nov dec"
)
BLANK = np.uint64(1)


SUSPECT_BITS = np.uint64(64 - 12)


@cache
def _months() -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
    """Return the hashes of the months, and which first 12 bits are those of one."""
    months = np.sort(word_hashes(pa.array([MONTHS], pa.large_string())).hashes)
    suspects = np.zeros(1 << 12, dtype=np.bool_)
    suspects[months >> SUSPECT_BITS] = True
    return months, suspects


def _numbers_of(found: Words) -> Words:
    before = np.zeros(len(found.hashes) + 1, dtype=np.int64)
    np.cumsum(found.numeric, out=before[1:])
    kept = found.numeric
    return Words(before[found.offsets], found.hashes[kept], kept[kept])


def _skeletons(found: Words) -> NDArray[np.uint64]:
    months, suspects = _months()
    if ready(found.hashes.nbytes):
        arrays = (found.offsets, found.hashes, found.numeric)
        return np.asarray(kernels.blanked(*arrays, suspects, months, BLANK))
    blank = found.numeric.copy()
    maybe = np.flatnonzero(suspects[found.hashes >> SUSPECT_BITS])
    blank[maybe] |= np.isin(found.hashes[maybe], months)
    sums = prefix_hashes(np.where(blank, BLANK, found.hashes))
    begins, ends = found.offsets[:-1], found.offsets[1:]
    return np.where(ends > begins, span_hashes(sums, begins, ends), np.uint64(0))


def _halved(part: Grams) -> Shingles:
    """Keep 32 bits of each hash: enough for sets of one text, and half the memory."""
    hashes = np.empty(len(part.hashes), dtype=np.uint32)
    np.right_shift(part.hashes, np.uint64(32), out=hashes, casting="unsafe")
    return Shingles(part.offsets, hashes, part.digests, part.words)


def _collect(room: int, parts: Iterable[Shingles]) -> Shingles:
    """Put the parts together, with room for about as many hashes as there will be.

    A word takes two bytes or more, but for a few characters that NFKC makes several words of.
    """
    offsets = [np.zeros(1, dtype=np.int64)]
    digests = [np.zeros(0, dtype=np.uint64)]
    counts = [np.zeros(0, dtype=np.int64)]
    # Pages that are not written take no memory.
    hashes = np.empty(room, dtype=np.uint32)
    end = 0
    for part in parts:
        stop = end + len(part.hashes)
        if stop > len(hashes):
            hashes.resize(2 * stop, refcheck=False)
        hashes[end:stop] = part.hashes
        offsets.append(part.offsets[1:] + end)
        digests.append(part.digests)
        counts.append(part.words)
        end = stop
    hashes.resize(end, refcheck=False)
    return Shingles(
        np.concatenate(offsets), hashes, np.concatenate(digests), np.concatenate(counts)
    )


def grams(texts: TextArray, *, words: int, mask_numbers: bool = False) -> Iterator[Grams]:
    """Yield the n-grams of every text, a chunk of texts at a time.

    Raises:
        ValueError: `words` is less than 1.
    """
    return _mapped(lambda part: part, texts, words, mask_numbers)


def _mapped(
    function: Callable[[Grams], Part], texts: TextArray, words: int, mask_numbers: bool
) -> Iterator[Part]:
    """Yield what the function makes of each chunk, in order; reading and function in threads."""
    if words < 1:
        raise ValueError(f"words must be at least 1, not {words}")
    return in_order(
        lambda chunk: function(_grams(word_hashes(chunk, mask_numbers=mask_numbers), words)),
        chunks(texts),
    )


def _grams(found: Words, words: int) -> Grams:
    offsets, hashes = found.offsets, found.hashes
    if ready(hashes.nbytes):
        return _compiled_grams(found, words)
    sums = prefix_hashes(hashes)
    counts = np.diff(offsets)
    begins, ends = offsets[:-1], offsets[1:]
    whole = np.ones(len(hashes) + 1, dtype=np.bool_)
    for back in range(1, words):
        whole[np.maximum(ends - back, begins)] = False
    whole[begins] = True
    starts = np.flatnonzero(whole[:-1])
    sizes = np.where(counts > 0, np.maximum(counts - words + 1, 1), 0)
    places = np.zeros(len(offsets), dtype=np.int64)
    np.cumsum(sizes, out=places[1:])
    stops = starts + words
    short = np.flatnonzero((counts > 0) & (counts < words))
    stops[places[short]] = ends[short]
    return Grams(
        offsets=places,
        hashes=span_hashes(sums, starts, stops),
        digests=np.where(counts > 0, span_hashes(sums, begins, ends), np.uint64(0)),
        words=counts,
        found=found,
    )


def _compiled_grams(found: Words, words: int) -> Grams:
    places = np.zeros(len(found.offsets), dtype=np.int64)
    hashes = np.empty(len(found.hashes), dtype=np.uint64)
    digests = np.empty(len(found.offsets) - 1, dtype=np.uint64)
    kernels.grams(found.offsets, found.hashes, words, places, hashes, digests)
    return Grams(places, hashes[: places[-1]], digests, np.diff(found.offsets), found)


def _bytes(texts: TextArray) -> int:
    return int(pc.sum(pc.binary_length(texts)).as_py() or 0)
