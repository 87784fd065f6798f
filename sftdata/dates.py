"""Dates and periods in English and Chinese text: find them, and put them into words."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import date
from typing import Literal

__all__ = ["DateMention", "date_words", "find_dates", "period_days", "period_texts", "period_words"]

_MONTHS = tuple(calendar.month_name)[1:]
_MONTH_NUMBER = {
    name.lower(): number
    for number, full in enumerate(_MONTHS, 1)
    for name in (full, full[:3], full[:4] if full == "September" else full)
}
_MONTH = (
    r"(?P<month>January|February|March|April|May|June|July|August|September|October|November"
    r"|December|(?:Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept|Sep|Oct|Nov|Dec)\b\.?)"
)
_ZH_DIGIT = {c: i for i, c in enumerate("零一二三四五六七八九")} | {"〇": 0, "○": 0, "两": 2}
_YEAR = r"(?P<year>(?:1[89]|20)\d{2})"
_ZH_YEAR = r"(?P<year>(?:1[89]|20)\d{2}|[一二][〇○零一二三四五六七八九]{3})"
_ZH_NUM = r"(?:\d{1,2}|[一二三四五六七八九十]{1,3})"
# ASCII on purpose: a date may touch Chinese letters, which are \w too.
_FREE = r"(?<![A-Za-z0-9_.])", r"(?![A-Za-z0-9_]|[.,]\d)"
_DIGITS = r"(?<![A-Za-z0-9_.\-/])", r"(?!\d|[\-/]\d|(?-i:[A-SU-Za-z_])|\.\d)"

_SHAPES: tuple[re.Pattern[str], ...] = tuple(
    re.compile(shape, re.IGNORECASE)
    for shape in (
        rf"{_ZH_YEAR}\s?年\s?(?P<month>{_ZH_NUM})\s?月\s?(?P<day>{_ZH_NUM})\s?[日号]",
        rf"{_ZH_YEAR}\s?年\s?(?P<month>{_ZH_NUM})\s?月(?!份?\s?\d)",
        rf"{_ZH_YEAR}\s?财?年(?!\s?\d{{1,2}}\s?月)",
        rf"{_DIGITS[0]}{_YEAR}([-/.])(?P<month>\d{{1,2}})\2(?P<day>\d{{1,2}}){_DIGITS[1]}",
        rf"{_FREE[0]}{_MONTH}\s+(?P<day>\d{{1,2}})(?:st|nd|rd|th)?,?\s+{_YEAR}{_FREE[1]}",
        rf"{_FREE[0]}(?P<day>\d{{1,2}})(?:st|nd|rd|th)?[\s\-]+{_MONTH},?[\s\-]+{_YEAR}{_FREE[1]}",
        rf"{_FREE[0]}{_MONTH},?\s+{_YEAR}{_FREE[1]}",
        rf"{_DIGITS[0]}(?P<a>\d{{1,2}})/(?P<b>\d{{1,2}})/(?P<year>(?:1[89]|20)\d{{2}}|\d{{2}})"
        rf"{_DIGITS[1]}",
        rf"{_FREE[0]}(?:fiscal(?:\s+year)?|FY)\s?{_YEAR}{_FREE[1]}",
    )
)


@dataclass(frozen=True, slots=True)
class DateMention:
    """A date in a text. With precision `month` or `year`, `value` is the first day of it."""

    start: int
    end: int
    value: date
    precision: Literal["day", "month", "year"]


def find_dates(text: str) -> list[DateMention]:
    """Find dates, in order and without overlap.

    ISO (`2024-09-28`, `2024/9/28`), English (`September 28, 2024`, `28 Sep 2024`, `May 2024`,
    `fiscal 2024`), American `9/28/2024` (day first only where the month cannot be), Chinese
    (`2024年9月28日`, `二〇二四年九月`, `2024年`). Days that no calendar has are no dates. Two-digit
    years from 70 on are of the 20th century. A bare `2024` is a number, not a date.

    >>> [(m.value.isoformat(), m.precision) for m in find_dates("28 Sep 2024, 2024年6月")]
    [('2024-09-28', 'day'), ('2024-06-01', 'month')]
    """
    found: list[DateMention] = []
    taken = bytearray(len(text))
    for shape in _SHAPES:
        for match in shape.finditer(text):
            if taken[match.start()] or taken[match.end() - 1]:
                continue
            mention = _mention(match)
            if mention:
                found.append(mention)
                taken[mention.start : mention.end] = b"\1" * (mention.end - mention.start)
    return sorted(found, key=lambda m: m.start)


def _mention(match: re.Match[str]) -> DateMention | None:
    parts = match.groupdict()
    year = _number(parts["year"])
    if len(parts["year"]) == 2:
        year += 1900 if year >= 70 else 2000
    month, day = _number(parts.get("month") or ""), _number(parts.get("day") or "")
    if "a" in parts:
        month, day = int(parts["a"]), int(parts["b"])
        if month > 12:
            month, day = day, month
    precision: Literal["day", "month", "year"] = "day" if day else "month" if month else "year"
    try:
        value = date(year, month or 1, day or 1)
    except ValueError:
        return None
    return DateMention(match.start(), match.end(), value, precision)


def _number(text: str) -> int:
    """Read digits, a month name or Chinese numerals (positional years, 1-31); empty is 0."""
    lower = text.lower().rstrip(".")
    if lower in _MONTH_NUMBER:
        return _MONTH_NUMBER[lower]
    if text.isdecimal() or not text:
        return int(text or 0)
    if "十" in text:
        tens, _, ones = text.partition("十")
        return 10 * (_ZH_DIGIT.get(tens, 1) if tens else 1) + _ZH_DIGIT.get(ones, 0)
    return int("".join(str(_ZH_DIGIT[c]) for c in text))


def date_words(iso: str, locale: str = "en") -> str:
    """Return an ISO date (or year, or year and month) as it is written in prose.

    >>> date_words("2024-09-28"), date_words("2024-09-28", "zh"), date_words("2024-09")
    ('September 28, 2024', '2024年9月28日', 'September 2024')
    """
    year, *rest = (int(part) for part in iso[:10].split("-"))
    if locale.startswith("zh"):
        return f"{year}年" + "".join(f"{n}{w}" for n, w in zip(rest, "月日", strict=False))
    if not rest:
        return str(year)
    month = _MONTHS[rest[0] - 1]
    return f"{month} {rest[1]}, {year}" if len(rest) == 2 else f"{month} {year}"


def period_days(period: str) -> int:
    """Return the length in days, both ends counted; 0 for an instant.

    >>> period_days("2024-03-31/2024-06-29"), period_days("2024-06-29")
    (91, 0)
    """
    start, _, end = period.partition("/")
    if not end:
        return 0
    return (date.fromisoformat(end[:10]) - date.fromisoformat(start[:10])).days + 1


_SPANS = (((80, 100), 3), ((170, 190), 6), ((260, 285), 9))
_COUNT_EN = {1: "one", 2: "two", 3: "three", 4: "four", 5: "five", 6: "six", 7: "seven",
             8: "eight", 9: "nine", 10: "ten", 11: "eleven"}  # fmt: skip
_COUNT_ZH = dict(enumerate([*"一两三四五六七八九十", "十一"], 1))


def _length(period: str) -> tuple[int, str]:
    """Return how a duration is counted: (1, year), (3, month), (16, week), (0, "") for neither."""
    days = period_days(period)
    start, _, end = period.partition("/")
    first, last = date.fromisoformat(start[:10]), date.fromisoformat(end[:10])
    if 350 <= days <= 380:
        return 1, "year"
    if first.day == 1 and last.day == calendar.monthrange(last.year, last.month)[1]:
        months = 12 * (last.year - first.year) + last.month - first.month + 1
        if 1 <= months <= 11:
            return months, "month"
    for (low, high), months in _SPANS:
        if low <= days <= high:
            return months, "month"
    return (days // 7, "week") if days % 7 == 0 and 0 < days < 350 else (0, "")


def period_words(
    period: str, locale: str = "en", form: Literal["phrase", "noun", "short"] = "phrase"
) -> str:
    """Return a period as a filing names it.

    `period` is ISO 8601 with an inclusive end (`2024-03-31/2024-06-29`) or an instant. Retail
    calendars are known: 350 to 380 days are a fiscal year, 80 to 100 three months, 170 to 190 six,
    260 to 285 nine; else whole calendar months, whole weeks, or both dates. `phrase` fits after
    "for" or, for an instant, after the verb; `noun` has no article and no "as of"; `short` is for
    labels. The fiscal year's number is not given: only the filer knows it.

    >>> period_words("2024-03-31/2024-06-29")
    'the three months ended June 29, 2024'
    >>> period_words("2023-10-01/2024-09-28", "zh"), period_words("2024-09-28")
    ('截至2024年9月28日止财政年度', 'as of September 28, 2024')
    >>> period_words("2024-03-31/2024-06-29", form="short")
    '3 months to 2024-06-29'
    """
    start, _, end = period.partition("/")
    chinese = locale.startswith("zh")
    if not end:
        words = start[:10] if form == "short" else date_words(start, locale)
        return (f"截至{words}" if chinese else f"as of {words}") if form == "phrase" else words
    count, unit = _length(period)
    if form == "short":
        return _short(count, unit, start[:10], end[:10], chinese=chinese)
    last = date_words(end, locale)
    if chinese:
        return _duration_zh(count, unit, date_words(start, locale), last)
    if not unit:
        words = f"period from {date_words(start)} to {last}"
    elif unit == "year":
        words = f"fiscal year ended {last}"
    else:
        number = _COUNT_EN.get(count, str(count))
        words = f"{unit if count == 1 else f'{number} {unit}s'} ended {last}"
    return f"the {words}" if form == "phrase" else words


def _duration_zh(count: int, unit: str, first: str, last: str) -> str:
    if not unit:
        return f"{first}至{last}"
    if unit == "year":
        return f"截至{last}止财政年度"
    counted = f"{_COUNT_ZH[count]}个月" if unit == "month" else f"{count}周"
    return f"截至{last}止{counted}"


def _short(count: int, unit: str, start: str, end: str, *, chinese: bool) -> str:
    if not unit:
        return f"{start}/{end}"
    if chinese:
        name = {"year": "财年", "month": f"{count}个月", "week": f"{count}周"}[unit]
        return f"截至{end}{name}"
    return f"{'year' if unit == 'year' else f'{count} {unit}s'} to {end}".replace(
        "1 months", "month"
    )


def period_texts(period: str) -> tuple[str, ...]:
    """Return strings that name a period in a document: its end date in the usual forms, its year.

    Why: to find a sentence or row that speaks about the period. The year comes last and is the
    weakest: it names other periods too.

    >>> period_texts("2023-10-01/2024-09-28")[:3]
    ('2024-09-28', 'September 28, 2024', 'Sep 28, 2024')
    >>> period_texts("2023-10-01/2024-09-28")[3:]
    ('28 September 2024', '9/28/2024', '2024年9月28日', '2024')
    """
    last = date.fromisoformat((period.partition("/")[2] or period)[:10])
    month = _MONTHS[last.month - 1]
    texts = (
        last.isoformat(),
        f"{month} {last.day}, {last.year}",
        f"{month[:3]} {last.day}, {last.year}",
        f"{last.day} {month} {last.year}",
        f"{last.month}/{last.day}/{last.year}",
        f"{last.year}年{last.month}月{last.day}日",
        str(last.year),
    )
    return tuple(dict.fromkeys(texts))
