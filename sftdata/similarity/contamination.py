"""Which texts hold pieces of named evaluation items: 13-grams by hash, then verified by reading.

A run of 13 words (characters in Chinese) is the measure of Brown et al. 2020 (GPT-3, appendix C).
Runs that stand in many items of the evaluation set are its frame (instructions, answer options)
and prove nothing; they are left out.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sftdata.similarity.quoted import Seeker
from sftdata.similarity.shingles import grams
from sftdata.similarity.words import TextArray

__all__ = ["Items", "Overlap", "contaminated", "items_of"]

I64 = NDArray[np.int64]
COMMON = 10
"""Items from which a run is the frame of the evaluation set (Brown et al. drop such n-grams)."""
_WORD = re.compile(
    r"[\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3041-\u30ff\u3105-\u312f\u31a0-\u31ff\u3400-\u9fff"
    r"\uf900-\ufaff\U0001b000-\U0001b16f\U00020000-\U000323af]"
    r"|(?:(?<=\d)[.,](?=\d)|[^\W_\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3041-\u30ff\u3105-\u312f"
    r"\u31a0-\u31ff\u3400-\u9fff\uf900-\ufaff])+"
)


@dataclass(frozen=True, slots=True)
class Items:
    """The distinctive n-grams of an evaluation set: `places[k]` of `seeker.wanted` in `owners[k]`.

    Sorted by place, so that the items of one n-gram stand together.
    """

    seeker: Seeker
    places: I64
    owners: I64
    count: int
    frame: int
    """N-grams that were left out because many items have them."""


@dataclass(frozen=True, slots=True)
class Overlap:
    """A text that holds a run of an evaluation item, verified word by word."""

    row: int
    item: int
    run: int
    """Words of the longest run that both have."""
    share: float
    """Part of the item's words that stand in common runs of at least n words."""


def items_of(texts: TextArray, *, n: int = 13) -> Items:
    """Read an evaluation set; items of fewer than `n` words count as a whole."""
    hashes, owners = [np.empty(0, dtype=np.uint64)], [np.empty(0, dtype=np.int64)]
    before = 0
    for part in grams(texts, words=n):
        sizes = np.diff(part.offsets)
        # A very short item ("yes") would be found everywhere.
        sizes_kept = np.repeat(part.words >= min(n, 8), sizes)
        hashes.append(part.hashes[sizes_kept])
        owners.append((np.repeat(np.arange(len(sizes)), sizes) + before)[sizes_kept])
        before += len(sizes)
    every, owner = np.concatenate(hashes), np.concatenate(owners)
    names, inverse = np.unique(every, return_inverse=True)
    pairs = np.unique(np.column_stack([inverse, owner]), axis=0)
    counts = np.bincount(pairs[:, 0], minlength=len(names))
    common = counts > max(COMMON, 0.05 * before)
    kept = pairs[~common[pairs[:, 0]]]
    seeker = Seeker(names[~common])
    places = np.searchsorted(seeker.wanted, names[kept[:, 0]])
    return Items(seeker, places, kept[:, 1], before, int(common.sum()))


def contaminated(
    texts: TextArray, items: Items, evaluation: TextArray, *, n: int = 13
) -> list[Overlap]:
    """Return every text that holds a distinctive run of an item, with its best item first.

    >>> import pyarrow as pa
    >>> item = "the quick brown fox jumps over the lazy dog and runs away from the bear"
    >>> evaluation = pa.array([item])
    >>> found = contaminated(pa.array(["no", "He said: " + item.upper()]), items_of(evaluation),
    ...                      evaluation)
    >>> [(o.row, o.item, o.run, o.share) for o in found]
    [(1, 0, 15, 1.0)]
    """
    starts = np.searchsorted(items.places, np.arange(len(items.seeker.wanted) + 1))
    hits: dict[tuple[int, int], int] = {}
    for rows, places in items.seeker.occurrences(texts, words=n):
        for row, place in set(zip(rows.tolist(), places.tolist(), strict=True)):
            for owner in items.owners[starts[place] : starts[place + 1]].tolist():
                hits[row, owner] = hits.get((row, owner), 0) + 1
    read: dict[int, list[str]] = {}
    out = []
    last, words = -1, [""]
    for row, item in sorted(hits):
        if row != last:
            last, words = row, words_of(texts[row].as_py() or "")
        if item not in read:
            read[item] = words_of(evaluation[item].as_py() or "")
        run, share = _common(words, read[item], min(n, len(read[item])))
        if run:
            out.append(Overlap(row, item, run, share))
    return sorted(out, key=lambda o: (o.row, -o.share, -o.run, o.item))


def words_of(text: str) -> list[str]:
    """Return the words of a text as n-grams count them; a CJK character is a word.

    >>> words_of("Net sales: 1,234.5 万元")
    ['net', 'sales', '1,234.5', '万', '元']
    """
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def _common(text: list[str], item: list[str], n: int) -> tuple[int, float]:
    """Return the longest common run, and the share of the item's words in runs of n or more."""
    if not n:
        return 0, 0.0
    known: dict[tuple[str, ...], list[int]] = {}
    for i in range(len(text) - n + 1):
        known.setdefault(tuple(text[i : i + n]), []).append(i)
    covered = np.zeros(len(item), dtype=np.bool_)
    longest = 0
    # `before[i]` is how long the common run is that reaches from an earlier start to i.
    before: dict[int, int] = {}
    for i in range(len(item) - n + 1):
        now: dict[int, int] = {}
        for place in known.get(tuple(item[i : i + n]), ()):
            now[place] = before.get(place - 1, n - 1) + 1
            longest = max(longest, now[place])
        if now:
            covered[i : i + n] = True
        before = now
    return longest, float(covered.mean()) if longest else 0.0
