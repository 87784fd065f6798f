"""How figures look on the page and in a sentence: text, scale and precision of the tag."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from generator.model import Line, Number

DASH = "—"
MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]


def day(d: date, *, year: bool = True) -> str:
    """Return `June 30, 2024`."""
    return f"{MONTHS[d.month - 1]} {d.day}" + (f", {d.year}" if year else "")


def plain(value: Decimal, places: int) -> str:
    """Return digits with thousands separators, rounded half up."""
    return f"{value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP):,}"


@dataclass(frozen=True, slots=True)
class Shown:
    """A figure as printed: digits without sign, what surrounds them, scale and decimals of the tag."""

    digits: str
    before: str = ""
    after: str = ""
    scale: int = 0
    decimals: str = "INF"
    unit: str = "usd"


def in_table(line: Line, value: Number, unit: int) -> Shown:
    """Return the figure as a table cell prints it, without sign."""
    size = abs(Decimal(value))
    if line.unit == "usd":
        places, scale = (1, 6) if unit == 100_000 else (0, 6 if unit == 1_000_000 else 3)
        digits = plain(size * unit / Decimal(10) ** scale, places)
        return Shown(DASH if value == 0 else digits, "$", "", scale, str(places - scale), "usd")
    if line.unit == "shares":
        return Shown(DASH if value == 0 else plain(size, 0), "", "", 3, "-3", "shares")
    if line.unit == "eps":
        return Shown(plain(size, 2), "$", "", 0, "2", "usdPerShare")
    if line.unit == "percent":
        places = max(0, -int(Decimal(value).as_tuple().exponent))
        return Shown(
            DASH if value == 0 else plain(size, places), "", "%", -2, str(places + 2), "number"
        )
    return Shown(DASH if value == 0 else plain(size, 0), "", "", 0, "INF", "number")


def in_prose(line: Line, value: Number, unit: int) -> Shown:
    """Return the figure as a sentence prints it: `$1.24 billion`, `$61.3 million`, `3.2%`."""
    if line.unit == "shares":
        size = abs(Decimal(value))
        return Shown(plain(size / 1000, 1), "", " million shares", 6, "-5", "shares")
    if line.unit != "usd":
        return in_table(line, value, unit)
    dollars = abs(Decimal(value)) * unit
    if dollars >= 1_000_000_000:
        return Shown(plain(dollars / 10**9, 2), "$", " billion", 9, "-7", "usd")
    places = 0 if unit == 1_000_000 else 1
    return Shown(plain(dollars / 10**6, places), "$", " million", 6, str(places - 6), "usd")


def whole(shown: Shown) -> str:
    """Return the figure with what surrounds it."""
    return f"{shown.before}{shown.digits}{shown.after}"
