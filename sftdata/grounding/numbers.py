"""Numeric faithfulness: is every number of an output one of the context's, or made from them?"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Context, Decimal
from functools import lru_cache
from typing import Literal

from sftdata.quantities import DateMention, NumberMention, find_dates, find_numbers
from sftdata.text import normalise, sentences

__all__ = ["NumberUse", "number_uses", "ungrounded_numbers"]

_EXACT = Context(prec=60)
_POWERS = (3, 4, 6, 8, 9)
_CITATION = re.compile(
    r"[\[【(（]\s?(?:[PpDdSs]?\d{1,3}|[PpDd]\d{1,3}:\d+[-–]\d+)"
    r"(?:\s?[,;，、–-]\s?[PpDdSs]?\d{1,3})*\s?[\]】]"
    r"|[(（]\s?[PpDd]\d{1,3}(?:\s?[,;，、]\s?[PpDd]\d{1,3})*\s?[)）]"
)
_LIST_NUMBER = re.compile(
    r"^[ \t]*(?:#+[ \t]*)?(?:\d{1,2}(?:[.)、．](?!\d)|\.\d{1,2}[ \t])|[(（]\d{1,2}[)）])",
    re.MULTILINE,
)
_TIME_LENGTH = re.compile(r"(?<=止)(?:[一二三四五六七八九十]{1,3}|\d{1,2})(?:个月|周)")
"""The length of a period, told with its last day
(`截至2024年6月30日止十二个月`): the day is checked,
and the length in words counts for nothing in English either (`the twelve months ended`)."""
_SURE_DIGITS = 3
"""A number with fewer digits matches another scale too easily; then the scale must be said."""
_SCALE_SAID = {
    3: re.compile(r"\bthousands\b|千(?:美|港|欧)?元|[’']000", re.IGNORECASE),
    4: re.compile(r"[万萬](?:美|港|欧)?元"),
    6: re.compile(r"\bmillions\b|百万", re.IGNORECASE),
    8: re.compile(r"[亿億](?:美|港|欧)?元"),
    9: re.compile(r"\bbillions\b|十亿", re.IGNORECASE),
}
_DASH_CELL = re.compile(r"\|\s*(?:[$¥€£]\s*)?[—–-]\s*(?=\||$)", re.MULTILINE)
_CALENDAR_DAY = re.compile(
    r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}\.? \d{1,2}(?!\d)"
    r"|(?<!\d)\d{1,2}月\d{1,2}日"
)
_MOST_OPERANDS = 40
"""Numbers of one row or sentence that are paired; a longer one is a list, not a comparison."""

_MOST_ROWS = 40
_TOTAL = re.compile(r"合计|总计|[(（].*[)）]")

How = Literal["verbatim", "rescaled", "rounded", "question", "derived", "ungrounded"]


@dataclass(frozen=True, slots=True)
class NumberUse:
    """A number or date of an output, and where it comes from."""

    start: int
    end: int
    raw: str
    how: How


@dataclass(frozen=True, slots=True)
class _Source:
    """What the numbers of an output may come from: numbers by size, dates, sentences and rows."""

    mentions: tuple[NumberMention, ...]
    """Sorted by absolute value."""
    sizes: tuple[float, ...]
    units: tuple[int, ...]
    """The row or sentence in which each mention stands."""
    rows: dict[int, tuple[Decimal, ...]]
    """The numbers of each row or sentence, in order."""
    names: dict[int, str]
    """What a table row is called: its first cell, normalised, without `total`."""
    scales: frozenset[int]
    """Powers of ten that the text names as the unit of its tables."""
    nothing: bool
    """Whether a table cell holds a dash, which accounts read as zero."""
    days: frozenset[date]
    calendar: frozenset[tuple[int, int]]
    """Month and day of dates whose year stands elsewhere: `Year ended December 31,` over `2024`."""
    months: frozenset[tuple[int, int]]
    years: frozenset[int]


def ungrounded_numbers(output: str, context: str, *, question: str = "") -> list[str]:
    """Return the numbers of `output` that are neither the context's nor made from its numbers.

    Grounded is a number that stands in the context or question; the same at another scale
    (`94,036` of a table in millions as `$94.036 billion`); the same rounded, within half a unit;
    or the difference, sum, ratio, growth or share of two numbers that stand in one row or
    sentence of the context, or that the output itself takes from it. Pairs from anywhere are not
    enough: among a hundred numbers some pair gives any percentage. Citation marks, ordinals and
    list numbers do not count. A date must be one of the context or question, in any form. No
    number may be more precise than its source, or negative where that is not.

    >>> row = "| Net sales (in millions) | 94,036 | 85,777 |"
    >>> ungrounded_numbers("1. Net sales were $94.0 billion, up 9.6% [P1].", row)
    []
    >>> ungrounded_numbers("Net sales were $95.0 billion.", row)
    ['$95.0 billion']
    """
    uses = number_uses(output, context, question=question)
    return [use.raw for use in uses if use.how == "ungrounded"]


def number_uses(output: str, context: str, *, question: str = "") -> list[NumberUse]:
    """Return every number and date of `output`, in order, with where it comes from.

    >>> [(u.raw, u.how) for u in number_uses("up 5 to 12", "from 7 to 12")]
    [('5', 'derived'), ('12', 'verbatim')]
    """
    plain = _LIST_NUMBER.sub(_blank, _CITATION.sub(_blank, output))
    plain = _TIME_LENGTH.sub(_blank, plain)
    source, asked = _source(context), _source(question)
    uses = [_date_use(d, plain, source, asked) for d in find_dates(plain)]
    dated = [(u.start, u.end) for u in uses]
    found = [
        (mention, _direct(mention, source), _direct(mention, asked))
        for mention in find_numbers(plain)
        if not any(a <= mention.start and mention.end <= b for a, b in dated)
    ]
    pairs = _Pairs(plain, source, found)
    for mention, hit, in_question in found:
        how: How = hit[0] if hit else "question" if in_question else "ungrounded"
        if how == "ungrounded" and _told_otherwise(mention, source, asked):
            how = "verbatim"
        elif how == "ungrounded" and pairs.make(mention):
            how = "derived"
        raw = output[mention.start : mention.end]
        uses.append(NumberUse(mention.start, mention.end, raw, how))
    return sorted(uses, key=lambda use: use.start)


def _blank(match: re.Match[str]) -> str:
    return " " * (match.end() - match.start())


@lru_cache(maxsize=128)
def _source(text: str) -> _Source:
    numbers = find_numbers(text)
    mentions = sorted(numbers, key=lambda m: (abs(m.value), m.start))
    spans = sentences(text)
    starts = [start for start, _ in spans]
    rows: dict[int, list[Decimal]] = {}
    for mention in numbers:
        rows.setdefault(bisect_right(starts, mention.start), []).append(mention.value)
    found = find_dates(text)
    whole = [m.value for m in mentions if m.plain and "," not in m.raw]
    return _Source(
        mentions=tuple(mentions),
        sizes=tuple(abs(float(m.value)) for m in mentions),
        units=tuple(bisect_right(starts, m.start) for m in mentions),
        rows={unit: tuple(values) for unit, values in rows.items()},
        names={
            u: _row_name(text, *spans[u - 1]) for u in rows if u and text[spans[u - 1][0]] == "|"
        },
        scales=frozenset(p for p, said in _SCALE_SAID.items() if said.search(text)),
        nothing=_DASH_CELL.search(text) is not None,
        calendar=frozenset(_calendar_days(text)),
        days=frozenset(d.value for d in found if d.precision == "day"),
        months=frozenset((d.value.year, d.value.month) for d in found if d.precision != "year"),
        years=frozenset(d.value.year for d in found)
        | frozenset(int(v) for v in whole if 1800 <= v <= 2100),
    )


def _row_name(text: str, start: int, end: int) -> str:
    name = normalise(text[start + 1 : end].split("|", 1)[0]).removeprefix("total ")
    return _TOTAL.sub("", name).strip(" :：,，")


def _calendar_days(text: str) -> Iterator[tuple[int, int]]:
    """Yield (month, day) of dates without a year, by reading them in a leap year."""
    for match in _CALENDAR_DAY.finditer(text):
        day = f"2000年{match.group()}" if match.group()[0].isdigit() else f"{match.group()}, 2000"
        yield from ((d.value.month, d.value.day) for d in find_dates(day) if d.precision == "day")


def _date_use(found: DateMention, plain: str, source: _Source, asked: _Source) -> NumberUse:
    how: How = "ungrounded"
    for where, kind in ((source, "verbatim"), (asked, "question")):
        day, month = found.value, (found.value.year, found.value.month)
        composed = day.year in where.years and (day.month, day.day) in where.calendar
        known = {"day": day in where.days or composed, "month": month in where.months,
                 "year": day.year in where.years}[found.precision]  # fmt: skip
        if known and how == "ungrounded":
            how = "verbatim" if kind == "verbatim" else "question"
    return NumberUse(found.start, found.end, plain[found.start : found.end], how)


def _told_otherwise(mention: NumberMention, source: _Source, asked: _Source) -> bool:
    """Say whether a number is the year of some date, or the zero of a dash in a table."""
    if not mention.value:
        return source.nothing
    return mention.plain and mention.value in (source.years | asked.years)


def _direct(mention: NumberMention, source: _Source) -> tuple[How, int] | None:
    """Return how a number stands in the source, and the index of the mention it is taken from."""
    best: tuple[How, int] | None = None
    for power in (0, *_POWERS, *(-p for p in _POWERS), 2, -2):
        for index in _near(mention, source, power):
            kind = _taken(mention, source.mentions[index], power, source.scales)
            if kind == "verbatim":
                return kind, index
            if kind and (best is None or kind == "rescaled"):
                best = kind, index
    return best


def _near(mention: NumberMention, source: _Source, power: int) -> range:
    """Return the mentions whose value times 10^power lies within half a shown unit."""
    size, half = abs(float(mention.value)), float(mention.precision) / 2
    factor = 10.0**power
    slack = size * 1e-12
    low = bisect_left(source.sizes, (size - half - slack) / factor)
    return range(low, bisect_right(source.sizes, (size + half + slack) / factor))


def _taken(
    mention: NumberMention, other: NumberMention, power: int, scales: frozenset[int]
) -> How | None:
    """Say how `mention` is `other` times 10^power, if it may be."""
    if not _may_rescale(mention, other, power, scales):
        return None
    value = other.value.scaleb(power, _EXACT)
    if mention.value < 0 < value and not other.raw.startswith("("):
        return None
    wanted, size = abs(mention.value), abs(value)
    if wanted == size:
        return "rescaled" if power else "verbatim"
    coarser = mention.precision > other.precision.scaleb(power, _EXACT)
    if coarser and wanted and abs(wanted - size) * 2 <= mention.precision:
        return "rounded"
    return None


def _may_rescale(
    mention: NumberMention, other: NumberMention, power: int, scales: frozenset[int]
) -> bool:
    """Say whether the two may be in different units.

    Only a bare number has an unsaid unit. Per cent against bare is 10^2; else 10^3 and its like:
    the units that the source names for its tables, or, where it names none, any of them for a
    number of enough digits not to match by chance.
    """
    if not power:
        fraction = mention.precision < 1 or _digits(other) >= _SURE_DIGITS
        return mention.percent == other.percent or fraction
    bare = other if power > 0 else mention
    if abs(power) == 2:
        marked, unmarked = (mention, other) if power < 0 else (other, mention)
        return marked.percent and not (unmarked.percent or unmarked.scale_word)
    if bare.percent or bare.scale_word or mention.percent:
        return False
    said = mention if power > 0 else other
    own = power < 0 and said.scale_word and _WORD_POWER.get(said.scale_word.lower()) == -power
    # Where the source names its units, no other unit is meant: 391,035 in millions is no billion.
    return bool(own) or (abs(power) in scales if scales else _digits(bare) >= _SURE_DIGITS)


_WORD_POWER = {"thousand": 3, "million": 6, "billion": 9, "百万": 6, "亿": 8, "万": 4, "千": 3}


def _digits(mention: NumberMention) -> int:
    return len(mention.value.as_tuple().digits)


_Found = tuple[NumberMention, tuple[How, int] | None, tuple[How, int] | None]


class _Pairs:
    """The pairs of numbers from which a number of the output may be derived.

    From anywhere would be too many: among a hundred numbers some pair gives any percentage. So:
    numbers of one sentence of the output; numbers of one row or sentence of the context; and
    numbers that stand at the same place of two rows. Of the context, only rows and sentences that
    the output takes a number from, or rows that it names, count.
    """

    def __init__(self, plain: str, source: _Source, found: Sequence[_Found]) -> None:
        self._powers = tuple(sorted(source.scales)) or _POWERS
        self._starts = [start for start, _ in sentences(plain)]
        self._said: dict[int, list[Decimal]] = {}
        for mention, hit, in_question in found:
            if hit or in_question:
                values = self._said.setdefault(self._sentence(mention), [])
                values.append(mention.value)
                # As printed too: a payment of 211.8 stands as (211.8), and so does its ratio.
                values += [source.mentions[hit[1]].value] if hit else []
        asked = [mention.value for mention, hit, in_question in found if in_question and not hit]
        for values in self._said.values():
            values += [abs(v) for v in (*values, *asked)]
        taken = {source.units[hit[1]] for _, hit, _ in found if hit}
        key = normalise(plain)
        named = {unit for unit, name in source.names.items() if name and name in key}
        self._rows = [source.rows[unit][:_MOST_OPERANDS] for unit in sorted(taken | named)]
        self._tables = [source.rows[unit][:_MOST_OPERANDS] for unit in sorted(taken | named)
                        if unit in source.names][:_MOST_ROWS]  # fmt: skip

    def _sentence(self, mention: NumberMention) -> int:
        return bisect_right(self._starts, mention.start)

    def make(self, mention: NumberMention) -> bool:
        """Return whether a listed formula over one of the pairs gives the number."""
        said = self._said.get(self._sentence(mention), [])
        groups = [said, *self._rows]
        if not mention.value:
            return any(len(set(map(abs, row))) < len(row) for row in self._rows)
        for group in groups:
            sizes = list(dict.fromkeys([*group, *map(abs, group)]))[: 2 * _MOST_OPERANDS]
            if any(_made_of(mention, a, b, self._powers) for a in sizes for b in sizes if a != b):
                return True
        return any(
            _made_of(mention, a, b, self._powers)
            for upper in self._tables
            for lower in self._tables
            if upper is not lower and len(upper) == len(lower)
            for a, b in zip(upper, lower, strict=True)
        )


def _made_of(mention: NumberMention, left: Decimal, right: Decimal, powers: Iterable[int]) -> bool:
    """Say whether the number is a listed formula of two others, to the digits it shows.

    Formulas: a - b, a + b, a / b, (a - b) / |b|. The last two need a per cent sign or decimals: any
    small whole number is near some ratio. A difference may be told without its sign.
    """
    a, b = float(left), float(right)
    wanted, unit = abs(float(mention.value)), float(mention.precision)
    # A whole number of one digit is near the difference of some decimals; it must be exact.
    half = 0.0 if _digits(mention) < 2 and unit >= 1 else unit / 2
    least = min(abs(a), abs(b))
    shifts = [10.0**power for power in ((0,) if mention.percent else (0, *powers))]
    # An operand too small to be seen at this precision makes no difference: 391,035 - 0.02.
    sums = [(r, r * f) for r in (a - b, a + b) for f in shifts if least * f >= unit / 2]
    shares = [a / b, (a - b) / abs(b)] if b and (mention.percent or unit < 1) else []
    told = [*sums, *((r, r) for r in shares)]
    return any(
        abs(wanted - abs(size)) <= half + abs(size) * 1e-9
        for result, size in told
        if mention.value > 0 or result < 0
    )
