"""The inner loops of similarity as plain functions that numba compiles; see `fast.py`.

Each gives, bit for bit, what the numpy code beside its caller gives; that code says why.
Arrays in, arrays out, no Python object: the functions run without the interpreter's lock, so that
several chunks of texts are read at once. Nothing here is called before it is compiled.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "AWKWARD",
    "BASE",
    "COMMA",
    "INVERSE",
    "KERNELS",
    "MIXER",
    "NINE",
    "POINT",
    "SINGLE",
    "ZERO",
    "band_keys",
    "blanked",
    "grams",
    "overlaps",
    "read_words",
    "sign",
]

U8 = NDArray[np.uint8]
U32 = NDArray[np.uint32]
U64 = NDArray[np.uint64]
I64 = NDArray[np.int64]
Flags = NDArray[np.bool_]
Loop = TypeVar("Loop", bound=Callable[..., Any])

SINGLE = np.uint32(1 << 31)
"""Marks a code point that is a word by itself."""
AWKWARD = np.uint32(1 << 30)
"""Marks a code point whose NFKC form depends on its neighbours or is longer than one."""
POINT, COMMA, ZERO, NINE = 46, 44, 48, 57
BASE = np.uint64(0x9E3779B97F4A7C15)
INVERSE = np.uint64(pow(0x9E3779B97F4A7C15, -1, 1 << 64))
MIXER = np.uint64(0xD6E8FEB86659FD93)

_ONE = np.uint64(1)
_NONE = np.uint64(0)
_HALF = np.uint64(32)
_BAND = np.uint64(29)
_PLAIN = np.uint32(0xFFFFFFFF & ~(1 << 30))
_AWKWARD, _BROKEN = -1, -2

KERNELS: list[str] = []
"""Names of the functions to compile; each stands after those that it calls."""


def _kernel(function: Loop) -> Loop:
    KERNELS.append(function.__name__)
    return function


@_kernel
def mix(value: Any) -> Any:
    """Spread the bits of a 64-bit sum."""
    value ^= value >> _HALF
    value *= MIXER
    return value ^ (value >> _HALF)


@_kernel
def decode(data: U8, at: int, stop: int) -> tuple[int, int]:
    """Return code point and length of one UTF-8 sequence of two bytes or more; length 0: broken."""
    lead: Any = np.int64(data[at])
    size = 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4
    if lead < 0xC2 or lead > 0xF4 or at + size > stop:
        return 0, 0
    point = lead & (0x7F >> size)
    for k in range(1, size):
        follow = np.int64(data[at + k])
        if follow & 0xC0 != 0x80:
            return 0, 0
        point = point << 6 | follow & 0x3F
    if size == 3 and (point < 0x800 or 0xD800 <= point <= 0xDFFF):
        return 0, 0
    if size == 4 and (point < 0x10000 or point > 0x10FFFF):
        return 0, 0
    return point, size


@_kernel
def fold(data: U8, start: int, stop: int, table: U32, strict: bool, codes: U32) -> int:
    """Write the folded code points of one text; return how many, or why not (below 0)."""
    seen = 0
    for i in range(start, stop):
        seen |= data[i]
    if seen < 128:
        for i in range(start, stop):
            codes[i - start] = table[data[i]]
        return stop - start
    count, at = 0, start
    marks = np.uint32(0)
    while at < stop:
        point: Any = np.int64(data[at])
        size = 1
        if point >= 128:
            point, size = decode(data, at, stop)
            if size == 0:
                return _BROKEN
        code = table[point]
        marks |= code
        codes[count] = code & _PLAIN
        count += 1
        at += size
    return _AWKWARD if strict and marks & AWKWARD else count


@_kernel
def joins(codes: U32, at: int, count: int) -> bool:
    """Return whether the `.` or `,` at a place stands between two digits."""
    if at == 0 or at + 1 >= count:
        return False
    return bool(ZERO <= codes[at - 1] <= NINE and ZERO <= codes[at + 1] <= NINE)


@_kernel
def split(codes: U32, count: int, mask: bool, hashes: U64, numeric: Flags, end: int) -> int:
    """Write hash and numeric flag of each word of one text; return where they end."""
    total, power = _NONE, _ONE
    inside, opened, last = False, False, False
    for at in range(count):
        code = codes[at]
        digit = ZERO <= code <= NINE
        if (code == POINT) | (code == COMMA):
            if not joins(codes, at, count):
                code = np.uint32(0)
            elif mask:
                digit = True
        if mask and digit:
            if last:
                continue
            code = np.uint32(ZERO)
        if code == 0 or code >= SINGLE:
            if inside:
                hashes[end] = mix(total)
                numeric[end] = opened or last
                end += 1
            inside, last = False, False
            if code >= SINGLE:
                hashes[end] = mix(np.uint64(code))
                numeric[end] = False
                end += 1
            continue
        if not inside:
            total, power = _NONE, _ONE
            inside, opened = True, digit
        total += np.uint64(code) * power
        power *= BASE
        last = digit
    if inside:
        hashes[end] = mix(total)
        numeric[end] = opened or last
        end += 1
    return end


@_kernel
def read_words(
    data: U8,
    offsets: I64,
    row: int,
    table: U32,
    options: tuple[bool, bool],
    out: tuple[U32, U64, Flags, I64],
) -> tuple[int, int]:
    """Read texts from `row` on; return the row at which it stopped and why (0: all were read).

    Args:
        data: the bytes of the chunk; text `i` is `data[offsets[i]:offsets[i + 1]]`.
        offsets: where the texts begin.
        row: the first text to read; `places[row]` says where its words go.
        table: folded form of every code point.
        options: whether a text with awkward code points stops the reading; whether to mask numbers.
        out: room for the code points of one text; hashes, numeric flags and places of words.
    """
    strict, mask = options
    codes, hashes, numeric, places = out
    for i in range(row, len(offsets) - 1):
        count = fold(data, offsets[i], offsets[i + 1], table, strict, codes)
        if count < 0:
            return i, count
        places[i + 1] = split(codes, count, mask, hashes, numeric, places[i])
    return len(offsets) - 1, 0


@_kernel
def grams(offsets: I64, words: U64, n: int, places: I64, hashes: U64, digests: U64) -> None:
    """Write the hashes of all runs of `n` words and the digest of each text."""
    top = _ONE
    for _ in range(n - 1):
        top *= BASE
    end = 0
    for i in range(len(offsets) - 1):
        start, stop = offsets[i], offsets[i + 1]
        total, power = _NONE, _ONE
        for j in range(start, stop):
            total += words[j] * power
            power *= BASE
        digests[i] = mix(total) if stop > start else _NONE
        if 0 < stop - start < n:
            hashes[end] = digests[i]
            end += 1
        elif stop > start:
            total, power = _NONE, _ONE
            for j in range(start, start + n):
                total += words[j] * power
                power *= BASE
            hashes[end] = mix(total)
            end += 1
            for j in range(start + n, stop):
                total = (total - words[j - n]) * INVERSE + words[j] * top
                hashes[end] = mix(total)
                end += 1
        places[i + 1] = end


@_kernel
def blanked(
    offsets: I64, words: U64, numeric: Flags, suspects: Flags, known: U64, blank: np.uint64
) -> U64:
    """Return the digest of each text with numeric and known words as `blank`.

    `suspects[h]` is set for the first bits of each known hash: nearly no other word is looked up.
    """
    digests = np.zeros(len(offsets) - 1, dtype=np.uint64)
    shift = np.uint64(64 - 12)
    for i in range(len(digests)):
        total, power = _NONE, _ONE
        for j in range(offsets[i], offsets[i + 1]):
            word = words[j]
            if numeric[j]:
                word = blank
            elif suspects[np.int64(word >> shift)]:
                for month in known:
                    if month == words[j]:
                        word = blank
            total += word * power
            power *= BASE
        if offsets[i + 1] > offsets[i]:
            digests[i] = mix(total)
    return digests


@_kernel
def permuted(hashes: U32, a: U32, b: U32, row: U32) -> None:
    """Lower a signature by shingles, four at a time: so that a row is loaded once for four."""
    for k in range(0, len(hashes) - 3, 4):
        h0, h1, h2, h3 = hashes[k], hashes[k + 1], hashes[k + 2], hashes[k + 3]
        for j in range(len(row)):
            v0 = np.uint32(a[j] * h0 + b[j])
            v1 = np.uint32(a[j] * h1 + b[j])
            v2 = np.uint32(a[j] * h2 + b[j])
            v3 = np.uint32(a[j] * h3 + b[j])
            row[j] = min(v0, v1, v2, v3, row[j])
    for k in range(len(hashes) // 4 * 4, len(hashes)):
        for j in range(len(row)):
            row[j] = min(np.uint32(a[j] * hashes[k] + b[j]), row[j])


@_kernel
def sign(
    hashes: U32, starts: I64, ends: I64, permutations: tuple[U32, U32], out: U32, rows: I64
) -> None:
    """Lower row `rows[i]` of `out` to the MinHash signature of `hashes[starts[i]:ends[i]]`."""
    a, b = permutations
    mixed = np.empty(1 << 10, dtype=np.uint32)
    for i in range(len(starts)):
        for first in range(starts[i], ends[i], len(mixed)):
            count = min(ends[i] - first, len(mixed))
            for k in range(count):
                h = hashes[first + k]
                h = np.uint32(h ^ (h >> np.uint32(16)))
                h = np.uint32(h * np.uint32(0x85EBCA6B))
                h = np.uint32(h ^ (h >> np.uint32(13)))
                h = np.uint32(h * np.uint32(0xC2B2AE35))
                mixed[k] = np.uint32(h ^ (h >> np.uint32(16)))
            permuted(mixed[:count], a, b, out[rows[i]])


@_kernel
def band_keys(signed: U32, first: int, last: int, keys: U64) -> None:
    """Write one key per row of the columns `first` to `last` (left out)."""
    for i in range(len(signed)):
        key = _NONE
        for column in range(first, last):
            key ^= np.uint64(signed[i, column])
            key *= BASE
            key ^= key >> _BAND
        keys[i] = key


@_kernel
def overlaps(
    left: tuple[I64, U32], right: tuple[I64, U32], here: I64, there: I64, shared: I64
) -> None:
    """Count what pairs of sorted sets have in common; a set is a stretch of (offsets, hashes)."""
    left_offsets, left_hashes = left
    right_offsets, right_hashes = right
    for i in range(len(here)):
        a, a_end = left_offsets[here[i]], left_offsets[here[i] + 1]
        b, b_end = right_offsets[there[i]], right_offsets[there[i] + 1]
        count = 0
        while a < a_end and b < b_end:
            x, y = left_hashes[a], right_hashes[b]
            count += x == y
            a += x <= y
            b += y <= x
        shared[i] = count
