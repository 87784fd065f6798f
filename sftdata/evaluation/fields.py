"""Extracted objects against gold: fields one by one, list items matched by optimal assignment."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Context, Decimal
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from sftdata.quantities import find_dates, find_numbers

__all__ = ["Tally", "compare", "leaves", "normalised_value", "value_as_number"]

_EXACT = Context(prec=60)
_SPACE = re.compile(r"\s+")
_LONGEST = 2000
"""Characters of a value that are searched for a date or number; a longer one is prose."""
_MOST_ITEMS = 2_000
_MOST_CELLS = 250_000
_LEADING_ZERO = re.compile(r"0\d")
_ISO_LENGTH = {"day": 10, "month": 7, "year": 4}
_CELLS = "rows[].values"
"""The path of a table's cells: their place is their column, so they are compared in order."""


@dataclass(slots=True)
class Tally:
    """What was counted in one document, or under one path of it.

    Attributes:
        right: values that are there and equal.
        gold: values that the gold answer has.
        given: values that the prediction has.
        missing: gold values where the prediction has none.
        null_gold: fields of which the gold answer says that there is no value.
        hallucinated: those of them for which the prediction has a value.
        extra: predicted values at a place that gold does not have: items or keys too many.
        numbers: gold values that are numbers.
        numbers_exact: those that were given exactly, at whatever scale they are written.
        numbers_near: those within half a unit of the last digit that the prediction shows.
    """

    right: int = 0
    gold: int = 0
    given: int = 0
    missing: int = 0
    null_gold: int = 0
    hallucinated: int = 0
    extra: int = 0
    numbers: int = 0
    numbers_exact: int = 0
    numbers_near: int = 0
    labels: list[tuple[str, str]] = field(default_factory=list)
    """Gold and predicted value, normalised, of each field that both have or that gold has."""

    def add(self, other: Tally) -> None:
        """Add the counts of another tally."""
        for name in _COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.labels += other.labels


_ABSENT = object()
"""Gold where it has no such place: an item too many, or a key that nobody asked for."""
_SOME = object()
"""A prediction that has values where gold has an empty list; each of them is counted by itself."""
_COUNTS = tuple(n for n in Tally.__slots__ if n != "labels")


def compare(gold: Any, given: Any) -> dict[str, Tally]:
    """Compare two JSON answers and return a tally per path (`medications[].dose`).

    Values are compared normalised. An object is compared key by key; the items of a list are
    matched one to one so that as many values as possible agree, whatever their order. The cells
    of a table row (`{"columns": …, "rows": [{"values": …}]}`) keep their order.

    >>> found = compare({"form": "10-K", "items": [{"v": "1,000"}, {"v": None}]},
    ...                 {"form": "10-k", "items": [{"v": 7}, {"v": 1000}]})
    >>> found["form"].right, found["items[].v"].right, found["items[].v"].hallucinated
    (1, 1, 1)
    """
    tallies: dict[str, Tally] = {}
    table = isinstance(gold, dict) and {"columns", "rows"} <= gold.keys()
    for path, pair in _pairs(gold, given, "", table):
        _count(tallies.setdefault(path, Tally()), *pair)
    return tallies


Pair = tuple[Any, Any]


def _pairs(gold: Any, given: Any, path: str, table: bool) -> Iterator[tuple[str, Pair]]:
    """Yield the path and both values of every leaf of either side."""
    if isinstance(gold, dict) or (_empty(gold) and isinstance(given, dict)):
        yield from _of_objects(gold, given, path, table)
    elif isinstance(gold, list) or (_empty(gold) and isinstance(given, list)):
        yield from _of_lists(gold, given, path, table)
    elif isinstance(given, dict | list):
        yield path, (gold, None)
        yield from _pairs(_ABSENT, given, path, table)
    else:
        yield path, (gold, given)


def _of_objects(gold: Any, given: Any, path: str, table: bool) -> Iterator[tuple[str, Pair]]:
    theirs = given if isinstance(given, dict) else {}
    if not isinstance(gold, dict):
        if gold is not _ABSENT:
            yield path, (None, None if _empty(theirs) else _SOME)
        gold = {}
    for key in dict.fromkeys([*gold, *theirs]):
        inner = f"{path}.{key}" if path else str(key)
        yield from _pairs(gold.get(key, _ABSENT), theirs.get(key), inner, table)
    if not isinstance(given, dict) and not _empty(given):
        yield from _pairs(_ABSENT, given, path, table)


def _of_lists(gold: Any, given: Any, path: str, table: bool) -> Iterator[tuple[str, Pair]]:
    theirs = _as_list(given)
    mine = gold if isinstance(gold, list) else []
    if not mine and gold is not _ABSENT:
        yield path, (None, _SOME if theirs else None)
    for left, right in _matched(mine, theirs, f"{path}[]", table):
        yield from _pairs(left, right, f"{path}[]", table)


def _as_list(given: Any) -> list[Any]:
    if isinstance(given, list):
        return given[:_MOST_ITEMS]
    return [] if _empty(given) else [given]


def _matched(gold: list[Any], given: list[Any], path: str, table: bool) -> Iterator[Pair]:
    """Yield the items of two lists side by side; None where one has no partner."""
    if table and path == f"{_CELLS}[]":
        for i in range(max(len(gold), len(given))):
            yield (gold[i] if i < len(gold) else _ABSENT), (given[i] if i < len(given) else None)
        return
    if not any(isinstance(item, dict | list) for item in (*gold, *given)):
        yield from _same_values(gold, given)
        return
    room = max(1, _MOST_CELLS // max(1, len(gold)))
    tried = given[: max(room, 4 * len(gold))]
    chosen = _assignment(gold, tried, path, table)
    taken = {j for _, j in chosen}
    partner = dict(chosen)
    for i, item in enumerate(gold):
        yield item, (tried[partner[i]] if i in partner else None)
    for j, item in enumerate(given):
        if j not in taken:
            yield _ABSENT, item


def _same_values(gold: Sequence[Any], given: Sequence[Any]) -> Iterator[Pair]:
    """Match equal values first: for plain values that is the optimal assignment."""
    left = list(given)
    keys = [normalised_value(item) for item in given]
    rest = []
    for item in gold:
        key = normalised_value(item)
        if key is not None and key in keys:
            at = keys.index(key)
            del keys[at]
            yield item, left.pop(at)
        else:
            rest.append(item)
    for i in range(max(len(rest), len(left))):
        yield (rest[i] if i < len(rest) else _ABSENT), (left[i] if i < len(left) else None)


def _assignment(
    gold: Sequence[Any], given: Sequence[Any], path: str, table: bool
) -> list[tuple[int, int]]:
    """Pair items so that the sum of agreeing values is greatest; of ties, the earlier order."""
    if not gold or not given:
        return []
    mine = [_bag(item, path, table) for item in gold]
    theirs = [_bag(item, path, table) for item in given]
    score = np.zeros((len(gold), len(given)))
    for i, wanted in enumerate(mine):
        for j, have in enumerate(theirs):
            score[i, j] = sum((wanted & have).values()) - 1e-6 * abs(i - j) / len(given)
    rows, columns = linear_sum_assignment(score, maximize=True)
    return list(zip(rows.tolist(), columns.tolist(), strict=True))


def _bag(item: Any, path: str, table: bool) -> Counter[tuple[str, int, str]]:
    """Return the values of an item by path, as they are counted when two items are paired."""
    found: Counter[tuple[str, int, str]] = Counter()
    for place, (name, value) in enumerate(leaves(item, path)):
        key = normalised_value(value)
        if key is not None:
            column = place if table and name.startswith(f"{_CELLS}[]") else 0
            found[name, column, key] += 1
    return found


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield path and value of every plain value of a JSON answer.

    >>> list(leaves({"a": [{"b": 1}, {"b": 2}]}))
    [('a[].b', 1), ('a[].b', 2)]
    """
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for item in value[:_MOST_ITEMS]:
            yield from leaves(item, f"{path}[]")
    else:
        yield path, value


def _empty(value: Any) -> bool:
    if isinstance(value, str):
        return not value.strip()
    return value is None or value is _ABSENT or value in ([], {})


def normalised_value(value: Any) -> str | None:
    """Return a value as it is compared; None for null, empty text and empty containers.

    Numbers by value (`94,036`, `94036.0` and `"９４０３６"` are one), dates in ISO form, text by
    NFKC, case and white space. Digits with a leading zero are a code, not a number.

    >>> normalised_value("94,036.0"), normalised_value("Feb 1, 2025"), normalised_value(" ")
    ('94036', '2025-02-01', None)
    >>> normalised_value("021701"), normalised_value(True), normalised_value("Ａ  b")
    ('021701', 'true', 'a b')
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    number = value_as_number(value)
    if number is not None:
        return format(number.normalize(_EXACT) if number else Decimal(0), "f")
    if _empty(value) or isinstance(value, dict | list):
        return None
    text = _SPACE.sub(" ", unicodedata.normalize("NFKC", str(value)).casefold()).strip()
    if len(text) <= _LONGEST:
        stripped = str(value).strip()
        dates = find_dates(stripped)
        if len(dates) == 1 and (dates[0].start, dates[0].end) == (0, len(stripped)):
            return dates[0].value.isoformat()[
                : {"day": 10, "month": 7, "year": 4}[dates[0].precision]
            ]
    return text


def value_as_number(value: Any) -> Decimal | None:
    """Return the number that a value is, with the precision that it shows; else None.

    >>> value_as_number("182.8 million"), value_as_number("001-99102")
    (Decimal('1.828E+8'), None)
    """
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return Decimal(str(value))
    if not isinstance(value, str) or len(value) > 80:
        return None
    text = unicodedata.normalize("NFKC", value).strip()
    if _LEADING_ZERO.match(text):
        return None
    found = find_numbers(text)
    whole = len(found) == 1 and (found[0].start, found[0].end) == (0, len(text))
    return found[0].value if whole else None


def _count(tally: Tally, gold: Any, given: Any) -> None:
    if given is _SOME:
        tally.null_gold += gold is not _ABSENT
        tally.hallucinated += gold is not _ABSENT
        return
    wanted, have = normalised_value(gold), normalised_value(given)
    tally.gold += wanted is not None
    tally.given += have is not None
    if wanted is None:
        tally.null_gold += gold is not _ABSENT
        tally.hallucinated += have is not None and gold is not _ABSENT
        tally.extra += have is not None and gold is _ABSENT
        return
    same = wanted == have
    tally.right += same
    tally.missing += have is None
    tally.labels.append((wanted, have or ""))
    number = value_as_number(gold)
    if number is not None:
        tally.numbers += 1
        tally.numbers_exact += same
        tally.numbers_near += same or _near(number, value_as_number(given))


def _near(gold: Decimal, given: Decimal | None) -> bool:
    """Whether the prediction is the gold number rounded to the digits that it shows."""
    if given is None or (gold < 0) != (given < 0) or not given:
        return False
    exponent = given.as_tuple().exponent
    if not isinstance(exponent, int):
        return False
    return abs(gold - given) * 2 <= Decimal(1).scaleb(exponent, _EXACT)
