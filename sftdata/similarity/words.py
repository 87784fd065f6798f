"""Texts to word hashes over whole Arrow buffers: the one reading of text that similarity has.

What counts as equal is decided here, once:

* *Case, width and compatibility forms* do not matter: NFKC, then case fold (`ＡＢＣ` is `abc`).
* *White space and punctuation* separate words and are otherwise ignored; so are symbols. A text
  of punctuation alone has no words, and matches nothing.
* *A number is one word*: `.` and `,` between two digits belong to it (`1,234.5`). Without this,
  `999` and `1,000` would have a different number of words and masked numbers would not align.
* *A CJK character (Han, kana, bopomofo) is a word*, because those scripts have no spaces. A run of
  five is then a character 5-gram in Chinese and a word 5-gram in English, and one changed
  character or word breaks the same number of runs in both. In mixed text both kinds stand in
  one sequence.
* With `mask_numbers` a run of digits, its separators included, becomes `0`: `FY2024` is `fy0`.
  Numbers in Chinese numerals are words like any other and stay.

No Python object is made per word: words are hashed by prefix sums of a polynomial modulo 2^64.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sftdata.similarity import kernels
from sftdata.similarity.fast import ready
from sftdata.similarity.kernels import AWKWARD, COMMA, NINE, POINT, SINGLE, ZERO

__all__ = ["TextArray", "Words", "chunks", "prefix_hashes", "span_hashes", "word_hashes"]

TextArray: TypeAlias = "pa.Array | pa.ChunkedArray"
U64: TypeAlias = NDArray[np.uint64]
I64: TypeAlias = NDArray[np.int64]

CHUNK_TEXTS = 256
CHUNK_BYTES = 1 << 20
SINGLE_RANGES = (
    (0x2E80, 0x2FDF),
    (0x3005, 0x3007),
    (0x3021, 0x3029),
    (0x3041, 0x3096),
    (0x309D, 0x30FF),
    (0x3105, 0x312F),
    (0x31A0, 0x31BF),
    (0x31F0, 0x31FF),
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x1B000, 0x1B16F),
    (0x20000, 0x323AF),
)


@dataclass(frozen=True, slots=True)
class Words:
    """The words of a chunk of texts: text `i` has `hashes[offsets[i]:offsets[i + 1]]`."""

    offsets: I64
    hashes: U64
    numeric: NDArray[np.bool_]
    """Whether the word begins or ends with a digit (`1,234`, `Q3`, `28th`)."""


def chunks(texts: TextArray) -> Iterator[pa.Array]:
    """Cut texts into pieces of at most 256 rows and about 1 MiB (one long text may exceed it).

    Why: every array that is made on the way then stays in the processor's cache.
    """
    for array in texts.chunks if isinstance(texts, pa.ChunkedArray) else [texts]:
        large = pc.fill_null(array, "").cast(pa.large_string())
        ends = _offsets(large)
        start = 0
        while start < len(large):
            room = int(np.searchsorted(ends, ends[start] + CHUNK_BYTES, side="right")) - 1
            stop = min(max(room, start + 1), start + CHUNK_TEXTS, len(large))
            yield large.slice(start, stop - start)
            start = stop


def word_hashes(texts: pa.Array, *, mask_numbers: bool = False) -> Words:
    """Return a 64-bit hash of every word of a chunk of texts (large_string, no nulls).

    Memory is about 40 bytes for each character of the chunk.

    >>> words = word_hashes(pa.array(["Net  SALES", "net sales", "营业收入"], pa.large_string()))
    >>> words.offsets.tolist(), bool((words.hashes[:2] == words.hashes[2:4]).all())
    ([0, 2, 4, 8], True)
    """
    if ready(_offsets(texts)[-1] - _offsets(texts)[0]):
        return _compiled_words(texts, mask_numbers)
    codes, offsets = _fold(texts)
    first = np.zeros(len(codes) + 1, dtype=np.bool_)
    first[offsets[:-1]] = True
    joiners = _join_numbers(codes, first)
    if mask_numbers:
        codes, offsets = _mask(codes, offsets, first, joiners)
        first = np.zeros(len(codes) + 1, dtype=np.bool_)
        first[offsets[:-1]] = True
    starts, ends = _bounds(codes, first)
    hashes = span_hashes(prefix_hashes(codes), starts, ends)
    numeric = _is_digit(codes[starts]) | _is_digit(codes[ends - 1])
    return Words(np.searchsorted(starts, offsets).astype(np.int64), hashes, numeric)


def _compiled_words(texts: pa.Array, mask_numbers: bool) -> Words:
    """Do the same with the compiled reader; it stops at each text that Python must normalise."""
    offsets = _offsets(texts)
    data = _data(texts, offsets)
    offsets = offsets - offsets[0]
    longest = int(np.diff(offsets).max(initial=0))
    places = np.zeros(len(offsets), dtype=np.int64)
    codes = np.empty(longest, dtype=np.uint32)
    hashes = np.empty(len(data), dtype=np.uint64)
    numeric = np.empty(len(data), dtype=np.bool_)
    row, table = 0, _wide_table()
    while True:
        out = (codes, hashes, numeric, places)
        row, why = kernels.read_words(data, offsets, row, table, (True, mask_numbers), out)
        if why == 0:
            break
        text = data[offsets[row] : offsets[row + 1]].tobytes().decode("utf-8")
        one = np.frombuffer(_nfkc_fold(text).encode(), dtype=np.uint8)
        # A character may become four words, so there may be more of them than there were bytes.
        room = places[row] + len(one) + len(data) - offsets[row + 1] - len(hashes)
        if room > 0:
            hashes = np.append(hashes, np.empty(room, dtype=np.uint64))
            numeric = np.append(numeric, np.empty(room, dtype=np.bool_))
        out = (np.empty(len(one), dtype=np.uint32), hashes, numeric, places[row : row + 2])
        ends = np.array([0, len(one)], dtype=np.int64)
        kernels.read_words(one, ends, 0, table, (False, mask_numbers), out)
        row += 1
    end = places[-1]
    return Words(places, hashes[:end], numeric[:end])


def _offsets(texts: pa.Array) -> I64:
    whole = np.frombuffer(texts.buffers()[1], dtype=np.int64)
    return whole[texts.offset : texts.offset + len(texts) + 1]


def _data(texts: pa.Array, offsets: I64) -> NDArray[np.uint8]:
    buffer = texts.buffers()[2]
    if buffer is None:
        return np.frombuffer(b"", dtype=np.uint8)
    return np.frombuffer(buffer, dtype=np.uint8)[offsets[0] : offsets[-1]]


def _fold(texts: pa.Array) -> tuple[NDArray[np.uint32] | NDArray[np.uint8], I64]:
    """Return folded code points (0 is a separator) and where each text begins."""
    offsets = _offsets(texts)
    data = _data(texts, offsets)
    if not (data & 0x80).any():
        return _ascii_table()[data], offsets - offsets[0]
    codes, starts = _fold_wide(texts, data)
    awkward = np.flatnonzero(codes & AWKWARD)
    if awkward.size:
        rows = np.unique(np.searchsorted(starts, awkward, side="right") - 1)
        texts = _renormalise(texts, rows)
        codes, starts = _fold_wide(texts, _data(texts, _offsets(texts)))
        codes &= ~AWKWARD
    return codes, starts


def _fold_wide(texts: pa.Array, data: NDArray[np.uint8]) -> tuple[NDArray[np.uint32], I64]:
    points = np.frombuffer(data.tobytes().decode("utf-8").encode("utf-32-le"), dtype=np.uint32)
    lengths = pc.utf8_length(texts).to_numpy(zero_copy_only=False)
    starts = np.zeros(len(texts) + 1, dtype=np.int64)
    np.cumsum(lengths, out=starts[1:])
    return _wide_table()[points], starts


def _renormalise(texts: pa.Array, rows: I64) -> pa.Array:
    """Normalise whole texts where looking at one character at a time is not enough."""
    strings = texts.to_pylist()
    for row in rows.tolist():
        strings[row] = _nfkc_fold(strings[row])
    return pa.array(strings, pa.large_string())


def _nfkc_fold(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold()
    return unicodedata.normalize("NFKC", folded)


@cache
def _ascii_table() -> NDArray[np.uint8]:
    return _wide_table()[:128].astype(np.uint8)


@cache
def _wide_table() -> NDArray[np.uint32]:
    """Return, for every code point, its folded form with the marks `SINGLE` and `AWKWARD`."""
    table = np.zeros(0x110000, dtype=np.uint32)
    table[0x20000:0x323B0] = np.arange(0x20000, 0x323B0)
    for point in (*range(0xD800), *range(0xF900, 0x20000), *range(0x2F800, 0x2FA20)):
        table[point] = _folded(point)
    single = np.zeros(0x110000, dtype=np.bool_)
    for start, end in SINGLE_RANGES:
        single[start : end + 1] = True
    plain = table & ~AWKWARD
    table[single[plain] & (plain > 0)] |= SINGLE
    return table


def _folded(point: int) -> int:
    form = _nfkc_fold(chr(point))
    kept = [ord(c) for c in form if unicodedata.category(c)[0] in "LNM" or c in ".,"]
    if point in (POINT, COMMA):
        return point
    if not kept or (len(form) > 1 and all(k in (POINT, COMMA) for k in kept)):
        return 0
    composes = unicodedata.category(form[0])[0] == "M" or 0x1160 <= point <= 0x11FF
    if len(form) > 1 or composes:
        return point | int(AWKWARD)
    return kept[0]


def _is_digit(codes: NDArray[np.uint32] | NDArray[np.uint8]) -> NDArray[np.bool_]:
    return np.asarray((codes >= ZERO) & (codes <= NINE))


def _join_numbers(codes: NDArray[np.uint32] | NDArray[np.uint8], first: NDArray[np.bool_]) -> I64:
    """Erase each `.` and `,` that does not stand between two digits; return where others stand."""
    at = np.flatnonzero((codes == POINT) | (codes == COMMA))
    before = codes[np.maximum(at - 1, 0)]
    after = codes[np.minimum(at + 1, len(codes) - 1)]
    joins = _is_digit(before) & _is_digit(after) & ~first[at] & ~first[at + 1]
    codes[at[~joins]] = 0
    return at[joins]


def _mask(
    codes: NDArray[np.uint32] | NDArray[np.uint8],
    offsets: I64,
    first: NDArray[np.bool_],
    joiners: I64,
) -> tuple[NDArray[np.uint32] | NDArray[np.uint8], I64]:
    number = _is_digit(codes)
    number[joiners] = True
    codes[number] = ZERO
    repeated = np.zeros(len(codes), dtype=np.bool_)
    repeated[1:] = number[1:] & number[:-1] & ~first[1:-1]
    moved = np.zeros(len(codes) + 1, dtype=np.int64)
    np.cumsum(~repeated, out=moved[1:])
    return codes[~repeated], moved[offsets]


def _bounds(
    codes: NDArray[np.uint32] | NDArray[np.uint8], first: NDArray[np.bool_]
) -> tuple[I64, I64]:
    """Return the `[start, end)` of every word."""
    word = codes != 0
    opens = first.copy()
    opens[1:-1] |= ~word[:-1]
    opens[-1] = True
    if codes.dtype == np.uint32:
        single = codes >= SINGLE
        opens[:-1] |= single
        opens[1:] |= single
    starts = np.flatnonzero(opens[:-1] & word)
    closes = opens[1:]
    closes[:-1] |= ~word[1:]
    return starts, np.flatnonzero(closes & word) + 1


BASE, INVERSE = int(kernels.BASE), int(kernels.INVERSE)
BLOCK = 1 << 12


def _powers(base: int, count: int, step: int = 1) -> U64:
    factor, value = pow(base, step, 1 << 64), 1
    powers = np.empty(count, dtype=np.uint64)
    for i in range(count):
        powers[i] = value
        value = value * factor & 0xFFFFFFFFFFFFFFFF
    return powers


@cache
def _low(base: int) -> U64:
    return _powers(base, BLOCK)


@cache
def _high(base: int, count: int) -> U64:
    return _powers(base, count, BLOCK)


def _all_powers(base: int, count: int) -> U64:
    blocks = -(-count // BLOCK)
    if blocks * BLOCK <= 2 * CHUNK_BYTES:
        return _cached_powers(base)[:count]
    return np.multiply.outer(_powers(base, blocks, BLOCK), _low(base)).ravel()[:count]


@cache
def _cached_powers(base: int) -> U64:
    return np.multiply.outer(_high(base, 2 * CHUNK_BYTES // BLOCK), _low(base)).ravel()


def prefix_hashes(values: NDArray[np.uint32] | NDArray[np.uint8] | U64) -> U64:
    """Return `sums` with `sums[i] = Σ values[j] · BASE^j` for `j < i`, modulo 2^64."""
    sums = np.zeros(len(values) + 1, dtype=np.uint64)
    weighted = np.multiply(values, _all_powers(BASE, len(values)), dtype=np.uint64)
    np.cumsum(weighted, out=sums[1:])
    return sums


def span_hashes(sums: U64, starts: I64, ends: I64) -> U64:
    """Return one well-mixed 64-bit hash per span, independent of where the span stands.

    The polynomial of the span is its difference of prefix sums, divided by `BASE^start`
    (`BASE` is odd, so it has an inverse modulo 2^64).
    """
    spans = sums[ends] - sums[starts]
    spans *= _inverse_powers(starts)
    spans ^= spans >> np.uint64(32)
    spans *= kernels.MIXER
    spans ^= spans >> np.uint64(32)
    return spans


def _inverse_powers(exponents: I64) -> U64:
    if not exponents.size:
        return np.empty(0, dtype=np.uint64)
    blocks = int(exponents[-1]) // BLOCK + 1
    if blocks * BLOCK <= 2 * CHUNK_BYTES:
        return _cached_powers(INVERSE)[exponents]
    high = _powers(INVERSE, blocks, BLOCK)
    return high[exponents // BLOCK] * _low(INVERSE)[exponents % BLOCK]
