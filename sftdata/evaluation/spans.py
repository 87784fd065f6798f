"""Entities as spans: where each extracted text stands in the source, compared as seqeval does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from sftdata.evaluation.fields import leaves

__all__ = ["Entity", "entities", "shared_entities"]

Entity = tuple[str, int, int]
"""Type (the path in the answer), start and end in the source text."""

_SHORTEST = 2
_MOST = 2_000


def entities(answer: Any, source: str) -> list[Entity]:
    """Return the text values of an answer that stand verbatim in the source, with their place.

    A value that is listed twice takes the first two places. Numbers and what the source does not
    hold (codes, normalised dates) are fields, not mentions.

    >>> entities({"drugs": [{"name": "warfarin"}, {"name": "aspirin"}]}, "On aspirin, warfarin.")
    [('drugs[].name', 12, 20), ('drugs[].name', 3, 10)]
    """
    used: Counter[tuple[str, str]] = Counter()
    found: list[Entity] = []
    for path, value in leaves(answer):
        if not isinstance(value, str) or len(value.strip()) < _SHORTEST or len(found) >= _MOST:
            continue
        text = value.strip()
        start = _nth(source, text, used[path, text])
        if start >= 0:
            used[path, text] += 1
            found.append((path, start, start + len(text)))
    return found


def _nth(source: str, text: str, number: int) -> int:
    """Return the place of the n-th mention, or of the last one there is; -1 if there is none."""
    at = source.find(text)
    for _ in range(number):
        further = source.find(text, at + 1)
        if further < 0:
            break
        at = further
    return at


def shared_entities(gold: Sequence[Entity], given: Sequence[Entity]) -> int:
    """Return how many entities agree in type and both ends: seqeval's true positives.

    >>> shared_entities([("a", 0, 4)], [("a", 0, 4), ("b", 0, 4)])
    1
    """
    return sum((Counter(gold) & Counter(given)).values())
