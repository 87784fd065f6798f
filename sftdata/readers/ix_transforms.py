"""Inline-XBRL transformations: what is printed to what is meant.

Source of the rules: the Inline XBRL Transformation Registries 1 to 5 (`ixt`) and the SEC's own
registry (`ixt-sec`). Names are matched without hyphens, so that one rule serves every registry
version (`numdotdecimal` of 2010 and `num-dot-decimal` of 2020). A name that is not known here gives
`None`: an unread value is never gold.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation

from sftdata.readers.ix_words import (
    EXCHANGES,
    FILER_CATEGORIES,
    MONTHS,
    REGIONS,
    words_to_number,
)

__all__ = ["is_known", "plain_digits", "reread", "transform"]

_MAX_SCALE = 40
_MAX_DIGITS = 60
_MAX_TEXT = 300
"""Longer text is no number, date or name; only a fixed value may stand for a whole paragraph."""
_CONSTANTS = frozenset(
    {
        "fixedtrue",
        "fixedfalse",
        "booleantrue",
        "booleanfalse",
        "fixedempty",
        "nocontent",
        "fixedzero",
    }
)
_TRUE = frozenset("☒☑✓✔✗✘×xX")
_FALSE = frozenset("☐□o")


def reread(
    as_reported: str, *, numeric: bool, name: str = "", scale: int = 0, sign: str = ""
) -> str | None:
    """Return the value that printed text stands for, or `None` where it cannot be read.

    Why public: it is the law of a fact that re-reading `as_reported` gives `value`, and a check
    must be able to hold it.

    Args:
        as_reported: The text as it stands in the document.
        numeric: Whether the element is `ix:nonFraction`.
        name: Transformation, prefixed or not (`ixt:num-dot-decimal`); empty for none.
        scale: Power of ten by which the printed digits are multiplied.
        sign: `-` when the value is negative; parentheses in print mean nothing.

    >>> reread("94,036", numeric=True, name="ixt:num-dot-decimal", scale=6)
    '94036000000'
    >>> reread("12.3", numeric=True, scale=-2, sign="-")
    '-0.123'
    >>> reread("June 28, 2025", numeric=False, name="ixt:date-monthname-day-year-en")
    '2025-06-28'
    """
    text = " ".join(as_reported.split())
    if name:
        read = transform(name, text)
        if read is None:
            return None
        text = read
    if not numeric:
        return text
    number = _decimal(text, scale, sign)
    return None if number is None else plain_digits(number)


def plain_digits(number: Decimal) -> str:
    """Return a number as digits without exponent or idle zeros.

    >>> plain_digits(Decimal("1E+3")), plain_digits(Decimal("0.50")), plain_digits(Decimal("-0"))
    ('1000', '0.5', '0')
    """
    text = format(number, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def is_known(name: str) -> bool:
    """Return whether a transformation can be read.

    >>> is_known("ixt:num-dot-decimal"), is_known("ixt:date-jpn-era-year-month-day")
    (True, False)
    """
    return _key(name) in _RULES


def transform(name: str, text: str) -> str | None:
    """Apply one transformation to text; `None` when it is unknown or does not fit the text."""
    key = _key(name)
    rule = _RULES.get(key)
    if rule is None or (len(text) > _MAX_TEXT and key not in _CONSTANTS):
        return None
    return rule(text.strip())


def _key(name: str) -> str:
    return name.rpartition(":")[2].replace("-", "").lower()


def _decimal(text: str, scale: int, sign: str) -> Decimal | None:
    digits = text.replace(" ", "")
    if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)", digits, re.ASCII) or len(digits) > _MAX_DIGITS:
        return None
    if abs(scale) > _MAX_SCALE:
        return None
    try:
        parts = Decimal(digits).as_tuple()
    except InvalidOperation:  # pragma: no cover - the pattern above leaves nothing to refuse
        return None
    # Shifting the exponent is exact at any length; multiplying rounds at the context's 28 digits.
    number = Decimal((parts.sign, parts.digits, int(parts.exponent) + scale))
    return number.copy_negate() if sign == "-" else number


def _number(group: str, point: str) -> Callable[[str], str | None]:
    whole = re.compile(rf"\d[\d{group}\s]*(?:[{point}]\d*)?|[{point}]\d+", re.ASCII)

    def read(text: str) -> str | None:
        if not whole.fullmatch(text):
            return None
        digits = re.sub(rf"[{group}\s]", "", text)
        return re.sub(rf"[{point}]", ".", digits)

    return read


def _unit_decimal(text: str) -> str | None:
    found = re.fullmatch(r"([\d,. ]+)\s*[^\d]+?\s*(\d{1,2})\s*[^\d]*", text, re.ASCII)
    if not found:
        return None
    whole = re.sub(r"[,. ]", "", found.group(1))
    return f"{whole}.{int(found.group(2)):02d}"


def _constant(value: str) -> Callable[[str], str | None]:
    return lambda _text: value


def _zero_dash(text: str) -> str | None:
    return "0" if re.fullmatch(r"[-\u2010-\u2015\u2212\u02d7\ufe58\uff0d]+", text) else None


def _ballot(text: str) -> str | None:
    if len(text) != 1:
        return None
    return "true" if text in _TRUE else "false" if text in _FALSE else None


_NAME = r"([A-Za-z]+)\.?"
_SEP = r"[\s,./\-\u2010-\u2015]*"
_FIELDS = {"day": r"(\d{1,2})(?:st|nd|rd|th)?", "month": r"(\d{1,2})", "monthname": _NAME}
_FIELDS["year"] = r"(\d{4}|\d{1,2})"


def _date(*order: str) -> Callable[[str], str | None]:
    """Return a rule for a date whose fields stand in this order; missing fields stay missing."""
    separator = r"[\s,.]*(?:of\s+)?" if "monthname" in order else r"\D{1,3}"
    pattern = re.compile(separator.join(_FIELDS[f] for f in order) + r"\.?", re.IGNORECASE)

    def read(text: str) -> str | None:
        found = pattern.fullmatch(re.sub(r"\s+,", ",", text))
        if not found:
            return None
        fields = dict(zip(order, found.groups(), strict=True))
        month = fields.get("month") or MONTHS.get(fields.get("monthname", "")[:3].lower(), "")
        return _iso(fields.get("year", ""), month, fields.get("day", ""))

    return read


def _iso(year: str, month: str, day: str) -> str | None:
    if not month or not 1 <= int(month) <= 12 or (day and not 1 <= int(day) <= 31):
        return None
    if year and len(year) < 4:
        year = f"20{int(year):02d}"
    if not year:
        return f"--{int(month):02d}-{int(day):02d}"
    return f"{year}-{int(month):02d}" + (f"-{int(day):02d}" if day else "")


def _duration(text: str, unit: str) -> str | None:
    """Return an ISO 8601 duration; a fraction of a year becomes months and days, as EDGAR does."""
    text = text.replace(",", "")
    if not re.fullmatch(r"\d+(?:\.\d+)?", text, re.ASCII):
        worded = words_to_number(text)
        if worded is None:
            return None
        text = str(worded)
    number = Decimal(text)
    if number == int(number):
        return {"W": f"P{int(number)}W", "H": f"PT{int(number)}H"}.get(
            unit, f"P{int(number)}{unit}"
        )
    return _fraction(number, unit)


def _fraction(number: Decimal, unit: str) -> str | None:
    """Split a fraction as EDGAR's own transformation does: months of 30.4375 days, cut off."""
    whole = int(number)
    rest = number - whole
    parts: tuple[tuple[int, str], ...]
    if unit == "Y":
        months = rest * 12
        days = (months - int(months)) * Decimal("30.4375")
        parts = ((whole, "Y"), (int(months), "M"), (int(days), "D"))
    elif unit == "M":
        parts = ((whole, "M"), (int(rest * Decimal("30.4375")), "D"))
    elif unit == "W":
        parts = ((whole * 7 + int(rest * 7), "D"),)
    elif unit == "D":
        hours = int(rest * 24)
        return f"P{whole}D" + (f"T{hours}H" if hours else "")
    else:
        minutes = int(rest * 60)
        return f"PT{whole}H" + (f"{minutes}M" if minutes else "")
    return "P" + "".join(f"{n}{u}" for n, u in parts if n) if any(n for n, _ in parts) else "P0D"


_UNITS = {"year": "Y", "month": "M", "week": "W", "day": "D", "hour": "H"}


def _duration_words(text: str) -> str | None:
    """Read "three years", "18 months and 5 days", "two-year"."""
    flat = re.sub(r"[-\u2010-\u2015,]", " ", text.lower())
    found = re.findall(
        r"((?:(?!\b(?:years?|months?|weeks?|days?|hours?)\b).)+?)\s*"
        r"\b(year|month|week|day|hour)s?\b",
        flat,
    )
    if not found:
        return None
    out = ""
    for amount, unit in found:
        piece = _duration(re.sub(r"^\s*and\b", "", amount).strip(), _UNITS[unit])
        if piece is None:
            return None
        out += piece.removeprefix("P")
    return "P" + out


def _words_number(text: str) -> str | None:
    if re.fullmatch(r"no|none|nil|zero", text.strip(), re.IGNORECASE):
        return "0"
    number = words_to_number(text)
    return None if number is None else str(number)


def _lookup(table: dict[str, str]) -> Callable[[str], str | None]:
    def read(text: str) -> str | None:
        key = re.sub(r"[^a-z0-9]+", " ", text.lower().replace("&", " and ")).strip()
        return table.get(key.removeprefix("the ").strip())

    return read


_DOT = _number(",'\u2019\u066c", ".")
_COMMA = _number(".'\u2019", ",")
_DATES: dict[str, tuple[str, ...]] = {
    "datemonthdayyear": ("month", "day", "year"),
    "dateslashus": ("month", "day", "year"),
    "datedotus": ("month", "day", "year"),
    "datedaymonthyear": ("day", "month", "year"),
    "dateslasheu": ("day", "month", "year"),
    "datedoteu": ("day", "month", "year"),
    "dateyearmonthday": ("year", "month", "day"),
    "datemonthday": ("month", "day"),
    "dateslashmonthdayus": ("month", "day"),
    "datedaymonth": ("day", "month"),
    "dateslashdaymontheu": ("day", "month"),
    "datemonthyear": ("month", "year"),
    "dateyearmonth": ("year", "month"),
    "datemonthnamedayyearen": ("monthname", "day", "year"),
    "datelongus": ("monthname", "day", "year"),
    "dateshortus": ("monthname", "day", "year"),
    "datedaymonthnameyearen": ("day", "monthname", "year"),
    "datelonguk": ("day", "monthname", "year"),
    "dateshortuk": ("day", "monthname", "year"),
    "datemonthdayyearen": ("monthname", "day", "year"),
    "datedaymonthyearen": ("day", "monthname", "year"),
    "datemonthdayen": ("monthname", "day"),
    "datedaymonthen": ("day", "monthname"),
    "datemonthyearen": ("monthname", "year"),
    "dateyearmonthen": ("year", "monthname"),
    "datemonthnamedayen": ("monthname", "day"),
    "datelongmonthdayus": ("monthname", "day"),
    "dateshortmonthdayus": ("monthname", "day"),
    "datedaymonthnameen": ("day", "monthname"),
    "datelongdaymonthuk": ("day", "monthname"),
    "dateshortdaymonthuk": ("day", "monthname"),
    "datemonthnameyearen": ("monthname", "year"),
    "datelongmonthyear": ("monthname", "year"),
    "dateshortmonthyear": ("monthname", "year"),
    "dateyearmonthnameen": ("year", "monthname"),
    "datelongyearmonth": ("year", "monthname"),
    "dateshortyearmonth": ("year", "monthname"),
}

_RULES: dict[str, Callable[[str], str | None]] = {
    "numdotdecimal": _DOT,
    "numcommadot": _DOT,
    "numspacedot": _DOT,
    "numcommadecimal": _COMMA,
    "numdotcomma": _COMMA,
    "numspacecomma": _COMMA,
    "numunitdecimal": _unit_decimal,
    "fixedzero": _constant("0"),
    "zerodash": _zero_dash,
    "numdash": _zero_dash,
    "fixedempty": _constant(""),
    "nocontent": _constant(""),
    "fixedtrue": _constant("true"),
    "booleantrue": _constant("true"),
    "fixedfalse": _constant("false"),
    "booleanfalse": _constant("false"),
    "boolballotbox": _ballot,
    "yesnoballotbox": lambda t: {"true": "Yes", "false": "No"}.get(_ballot(t) or ""),
    "numwordsen": _words_number,
    "durwordsen": _duration_words,
    "duryear": lambda t: _duration(t, "Y"),
    "durmonth": lambda t: _duration(t, "M"),
    "durweek": lambda t: _duration(t, "W"),
    "durday": lambda t: _duration(t, "D"),
    "durhour": lambda t: _duration(t, "H"),
    "stateprovnameen": _lookup(REGIONS),
    "exchnameen": _lookup(EXCHANGES),
    "entityfilercategoryen": _lookup(FILER_CATEGORIES),
    **{name: _date(*order) for name, order in _DATES.items()},
}
