"""Arithmetic on facts, and numbers as the document prints them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from sftdata.families.family import Ratio
from sftdata.families.wording import span_of_time
from sftdata.formatting import number
from sftdata.types import Fact

__all__ = [
    "change",
    "digits",
    "display_unit",
    "like_before",
    "newest",
    "printed",
    "quotient",
    "shown_number",
]

_DIGITS = re.compile(r"\d+(?:\.\d+)?|\.\d+")


def change(new: Decimal, old: Decimal) -> dict[str, Any]:
    """Return the difference and the change in percent, one decimal, half up.

    >>> change(Decimal(110), Decimal(100))["percent"]
    Decimal('10.0')
    """
    difference = new - old
    part = (abs(difference) / abs(old) * 100).quantize(Decimal("0.1"), ROUND_HALF_UP)
    return {
        "difference": difference,
        "percent": part,
        "direction": "up" if difference > 0 else "down" if difference < 0 else "flat",
    }


def quotient(ratio: Ratio, top: Fact, bottom: Fact) -> str:
    """Return a ratio of two facts as it is written: `46.5%`, or `0.87` for `times`."""
    assert top.number is not None
    assert bottom.number is not None
    factor = 100 if ratio.form == "percent" else 1
    step = Decimal(1).scaleb(-ratio.digits)
    value = (top.number / bottom.number * factor).quantize(step, ROUND_HALF_UP)
    shown = f"{value}".replace("-", "−")
    return f"{shown}%" if ratio.form == "percent" else shown


def shown_number(fact: Fact) -> Decimal:
    """Return the number in the scale in which the document prints it."""
    assert fact.number is not None
    return Decimal(printed(fact))


def printed(fact: Fact) -> str:
    """Return the digits of a fact as the document prints them, without separators.

    `1.40` stays `1.40`; a number in words, or a dash for nothing, is written in digits.
    """
    assert fact.number is not None
    if not fact.number:
        return "0"
    as_printed = fact.as_reported.replace(",", "").strip()
    sign = "-" if fact.number < 0 else ""
    if _DIGITS.fullmatch(as_printed):
        return sign + as_printed
    return number(fact.number.scaleb(-fact.scale)).replace(",", "")


_SCALES = {3: "thousands", 6: "millions", 9: "billions"}


def display_unit(fact: Fact) -> str | None:
    """Return in what a figure is printed: `USD millions`, `percent`; None for a bare number."""
    if fact.unit == "pure":
        return "percent" if fact.scale == -2 else None
    return f"{fact.unit or ''} {_SCALES.get(fact.scale, '')}".strip() or None


def digits(value: Decimal) -> str:
    """Return a plain number with thousands separators, as many decimals as it has.

    >>> digits(Decimal("94036")), digits(Decimal("1.40"))
    ('94,036', '1.40')
    """
    return f"{value:,f}".replace("-", "−")


def like_before(facts: Sequence[Fact], period: str) -> tuple[Fact, Fact] | None:
    """Return the fact of a period and that of the like period before.

    For a duration that is the one a year earlier; for a date, the latest date before it.
    """
    now = next((f for f in facts if f.period == period), None)
    if now is None or now.number is None:
        return None
    before = [
        f
        for f in facts
        if f.period and f.unit == now.unit and f.number and _precedes(f.period, period)
    ]
    return (now, max(before, key=lambda f: f.period or "")) if before else None


def _precedes(earlier: str, later: str) -> bool:
    lengths = (span_of_time(earlier), span_of_time(later))
    if lengths == (None, None):
        return earlier < later
    if lengths[0] is None or lengths[1] is None:
        return False
    ends = sorted((earlier.split("/")[1], later.split("/")[1]))
    gap = span_of_time("/".join(ends)) or 0
    return earlier < later and 355 <= gap <= 380 and abs(lengths[0] - lengths[1]) <= 10


def newest(facts: Sequence[Fact]) -> list[tuple[Fact, Fact | None]]:
    """Return, per name, the newest fact and the like one before it, in reading order."""
    by_name: dict[str, list[Fact]] = {}
    for fact in facts:
        if fact.period and fact.number is not None:
            by_name.setdefault(fact.name, []).append(fact)
    found: list[tuple[Fact, Fact | None]] = []
    for same in by_name.values():
        now = max(same, key=lambda f: ((f.period or "").split("/")[-1], f.period or ""))
        pair = like_before(same, now.period or "")
        found.append(pair or (now, None))
    return found
