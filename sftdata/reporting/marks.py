"""Two excerpts side by side: which words both have, in order."""

from __future__ import annotations

import re
from collections import Counter
from difflib import SequenceMatcher

__all__ = ["Piece", "shared_words"]

Piece = tuple[str, bool]
"""A run of text, and whether the other side has it too."""

_TOKEN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\W_]+|\s+|.", re.DOTALL)
_CROSSINGS = 20_000
"""Equal pairs of tokens up to which the order of matches is worked out."""


def shared_words(left: str, right: str) -> tuple[list[Piece], list[Piece]]:
    """Return both texts cut into runs that are shared or not (CJK by character).

    The pieces of a side joined again are that side's text, letter for letter.

    >>> shared_words("net sales rose", "net income rose")[0]
    [('net ', True), ('sales', False), (' rose', True)]
    """
    a, b = _TOKEN.findall(left), _TOKEN.findall(right)
    mine, other = [False] * len(a), [False] * len(b)
    for start, place, size in _blocks([t.casefold() for t in a], [t.casefold() for t in b]):
        if any(t.isalnum() for t in a[start : start + size]):
            mine[start : start + size] = [True] * size
            other[place : place + size] = [True] * size
    return _runs(a, mine), _runs(b, other)


def _blocks(a: list[str], b: list[str]) -> list[tuple[int, int, int]]:
    """Return the runs that both have, as (place in a, place in b, length).

    What is equal at both ends is taken off first. If the rest repeats so few tokens that matching
    would take cubic time (`x x x …`), only the ends are matched: a report must not hang on a text.
    """
    limit = min(len(a), len(b))
    head = next((i for i in range(limit) if a[i] != b[i]), limit)
    rest = limit - head
    tail = next((i for i in range(rest) if a[-1 - i] != b[-1 - i]), rest)
    blocks = [(0, 0, head), (len(a) - tail, len(b) - tail, tail)]
    middle, against = a[head : len(a) - tail], b[head : len(b) - tail]
    counts = Counter(against)
    if sum(counts[t] for t in middle) <= _CROSSINGS:
        found = SequenceMatcher(None, middle, against, autojunk=False).get_matching_blocks()
        blocks += [(head + m.a, head + m.b, m.size) for m in found]
    return blocks


def _runs(tokens: list[str], shared: list[bool]) -> list[Piece]:
    runs: list[Piece] = []
    for token, flag in zip(tokens, shared, strict=True):
        if runs and runs[-1][1] == flag:
            runs[-1] = (runs[-1][0] + token, flag)
        else:
            runs.append((token, flag))
    return runs
