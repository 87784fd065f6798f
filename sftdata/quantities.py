"""Numbers in English and Chinese text: find, read and compare them.

The front door to quantities: dates and periods (`dates.py`) and the filters that write amounts
(`formatting.py`) are importable from here.

A number's precision is the exponent of its `Decimal`: `94.0 billion` is `Decimal("9.40E+10")`,
known to 10^8, and compares equal to 94000000000.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Context, Decimal
from enum import StrEnum
from typing import NamedTuple

from sftdata.dates import (
    DateMention,
    date_words,
    find_dates,
    period_days,
    period_texts,
    period_words,
)
from sftdata.formatting import amount, money, number, percent, unit_words
from sftdata.numerals import numerals

__all__ = [
    "DateMention",
    "Match",
    "NumberMention",
    "amount",
    "date_words",
    "find_dates",
    "find_numbers",
    "money",
    "number",
    "parse_number",
    "percent",
    "period_days",
    "period_texts",
    "period_words",
    "same_number",
    "unit_words",
]

_EXACT = Context(prec=120)
_SCALES = {
    "thousand": 3, "million": 6, "billion": 9, "trillion": 12, "mn": 6, "mm": 6, "bn": 9, "tn": 12,
    "k": 3, "m": 6, "b": 9, "t": 12,
    "千": 3, "仟": 3, "万": 4, "萬": 4, "十万": 5, "百万": 6, "千万": 7, "亿": 8, "億": 8,
    "十亿": 9, "百亿": 10, "千亿": 11, "万亿": 12, "兆": 12,
}  # fmt: skip
_HALF_WIDTH = str.maketrans("０１２３４５６７８９．％（）－＋＄￥−﹣", "0123456789.%()-+$¥--")
_FULL_COMMA = re.compile(r"(?<=[０-９])，(?=[０-９]{3})")

_TOKEN = re.compile(r"(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?|(?<![\dA-Za-z)])\.\d+", re.ASCII)
_IDENTIFIER = re.compile(
    r"(?<![A-Za-z])[A-Za-z]++://\S++|(?<![\w.+-])[\w.+-]++@[\w-]++\.[\w.]++|(?<![\d.])\d+(?:\.\d+){2,}|(?<![\d-])\d+(?:-\d+){2,}"
    r"|[x×]?\s?10\^-?\d+|(?<!\d)\d{1,2}:\d{2}(?::\d{2})?(?!\d)",
    re.ASCII,
)
_CODES = {
    "$": "USD", "US$": "USD", "USD": "USD", "美元": "USD", "美金": "USD", "dollar": "USD",
    "dollars": "USD", "U.S. dollars": "USD", "€": "EUR", "EUR": "EUR", "欧元": "EUR",
    "euros": "EUR", "£": "GBP", "GBP": "GBP", "英镑": "GBP", "HK$": "HKD", "HKD": "HKD",
    "港元": "HKD", "港币": "HKD", "C$": "CAD", "CAD": "CAD", "加元": "CAD", "A$": "AUD",
    "AUD": "AUD", "澳元": "AUD", "瑞士法郎": "CHF",
    "新加坡元": "SGD", "韩元": "KRW", "新台币元": "TWD", "新台币": "TWD",
    "JPY": "JPY", "日元": "JPY", "CHF": "CHF", "SGD": "SGD",
    "KRW": "KRW", "TWD": "TWD", "RMB": "CNY", "CNY": "CNY", "人民币": "CNY", "元": "CNY",
    "yuan": "CNY", "¥": "CNY",
}  # fmt: skip
_BEFORE = re.compile(
    r"(?:(?<![A-Za-z])(?:US\$|HK\$|C\$|A\$|USD|EUR|GBP|CNY|RMB|HKD|JPY|CAD|AUD|CHF|SGD|KRW|TWD)"
    r"|人民币|港币|[$¥€£])\s?(?:\|\s*)?(?P<sign>[-+–])?$"
)
_AFTER = re.compile(
    r"(?:\s?(?P<percent>%|％)|\s(?P<word>per\s?cent\b|percentage\s+points?\b)|(?P<zh>个?百分点)"
    r"|(?P<basis>\s(?:basis\s+points?\b|bps\b)|个?基点))"
)
_SCALE = re.compile(
    r"(?:[ \u00a0-]?(?P<en>(?:thousand|million|billion|trillion)s?\b|(?:mn|bn|tn)\b)"
    r"| ?(?P<zh>[十百千万]?[亿億]|[十百千]?[万萬]|[千仟](?![克米瓦卡帕伏焦赫兆字])"
    r"|兆(?![赫瓦帕字])))",
    re.IGNORECASE,
)
_SHORT = re.compile(r"(?:[kKmMbBtT]|MM|mm)(?![A-Za-z0-9])")
_NAMED = re.compile(
    r"\s?(?:(?:U\.S\. )?dollars?\b|euros\b|yuan\b|USD\b|EUR\b|RMB\b|CNY\b|HKD\b|人民币|美元|美金"
    r"|港元|港币|欧元|英镑|日元|加元|澳元|韩元|瑞士法郎|新加坡元|新台币元?|元(?![素件年月旦]))"
)
_GLUED_UNIT = re.compile(
    r"(?:m?g|[kµμun]g|mcg|[mdcµμu]?[Ll]|mmHg|mEq|mmol|[µμu]mol|m?IU|U|[kcmµμn]?m|in|ft|lbs?|oz"
    r"|[kMG]?Hz|[kMGT]?B|[kM]?Wh?|V|C|F|cc|hrs?|h|mins?|secs?|s|yrs?|yo|y|mos?|wks?|d|bpm|x|kcal"
    r"|cal|kPa|Gy|mSv|ppm|Fr|G)(?![A-Za-z0-9])"
)
_ORDINAL = re.compile(r"(?:st|nd|rd|th)\b", re.IGNORECASE)
_CODED = re.compile(r"-[A-Z](?![a-z])|\([a-z]\)")
_SIGN = re.compile(r"(?<![A-Za-z0-9)%])(?P<sign>[-+–])$")
_CLOSE = re.compile(r"\s*(?:\|\s*)?\)")
_CELL_END = re.compile(r"\s*(?:\|\s*)?\)\s?%?\s*(?:\||$)", re.MULTILINE)

_LONGEST = 40
"""More digits than this are an identifier (and would make arithmetic inexact)."""


@dataclass(frozen=True, slots=True)
class NumberMention:
    """A number as it stands in a text, with its currency sign, scale word and per cent sign.

    `value` has the scale applied (`$2.5 billion` is 2500000000) and is a fraction for per cent
    (`12.3%` is 0.123); its exponent is the precision that is shown.
    """

    start: int
    end: int
    value: Decimal
    raw: str
    percent: bool = False
    scale_word: str = ""
    currency: str = ""

    @property
    def precision(self) -> Decimal:
        """The unit of the last digit that is shown: 10^8 for `94.0 billion`."""
        exponent = self.value.as_tuple().exponent
        return Decimal(1).scaleb(exponent if isinstance(exponent, int) else 0, _EXACT)

    @property
    def plain(self) -> bool:
        """Whether the mention is bare digits: no currency, scale word, per cent or decimals."""
        marked = self.percent or self.scale_word or self.currency
        return not marked and self.precision == 1


class Match(StrEnum):
    """How two numbers agree; `NONE` is false."""

    NONE = ""
    EXACT = "exact"
    RESCALED = "rescaled"
    ROUNDED = "rounded"


def parse_number(text: str) -> Decimal | None:
    """Return the value of a text that is one number and nothing else, or None.

    >>> parse_number("(1,234)"), parse_number("12.3%"), parse_number("１．２亿元")
    (Decimal('-1234'), Decimal('0.123'), Decimal('1.2E+8'))
    >>> parse_number("Q3 2024") is None, parse_number("—") is None
    (True, True)
    """
    stripped = text.strip()
    found = find_numbers(stripped)
    if len(found) == 1 and (found[0].start, found[0].end) == (0, len(stripped)):
        return found[0].value
    return None


def find_numbers(text: str) -> list[NumberMention]:
    """Find the numbers of a text, in order and without overlap.

    Read: thousands separators, full-width digits, currency, scale words of both languages, per
    cent, minus signs, Chinese numerals before a measure word, `two million`. Parentheses are a
    minus in a table cell, after a currency sign, and around digits with separators. Not numbers:
    dates to the day or month, clock times, ordinals, digits inside a name or code (`Q3`, `F-150`,
    `10-K`, `P2Y8M`, `10^3`, phone and accession numbers).

    >>> [(m.raw, m.value) for m in find_numbers("Sales of $94,036 million in Q3, up 9.6%")]
    [('$94,036 million', Decimal('9.4036E+10')), ('9.6%', Decimal('0.096'))]
    >>> [int(m.value) for m in find_numbers("净利润1.2亿元，成本三千万元")]
    [120000000, 30000000]
    """
    plain = _FULL_COMMA.sub(",", text).translate(_HALF_WIDTH)
    blocked = _blocked(plain)
    found = [
        mention
        for token in _TOKEN.finditer(plain)
        if not blocked[token.start()] and (mention := _read(text, plain, token))
    ]
    for mention in found:
        blocked[mention.start : mention.end] = b"\1" * (mention.end - mention.start)
    found += [
        NumberMention(start, end, value, text[start:end], share)
        for start, end, value, share in numerals(plain)
        if not any(blocked[start:end])
    ]
    return _joined(text, sorted(found, key=lambda m: m.start))


def _blocked(plain: str) -> bytearray:
    """Mark the characters that belong to dates and identifiers."""
    marks = bytearray(len(plain))
    spans = [(m.start, m.end) for m in find_dates(plain) if m.precision != "year"]
    spans += [match.span() for match in _IDENTIFIER.finditer(plain)]
    for start, end in spans:
        marks[start:end] = b"\1" * (end - start)
    return marks


class _Tail(NamedTuple):
    """What follows the digits: scale word, per cent sign, name of a currency."""

    end: int
    power: int = 0
    word: str = ""
    percent: bool = False
    currency: str = ""


def _read(text: str, plain: str, token: re.Match[str]) -> NumberMention | None:
    """Read the number around a digit token, or None when the digits belong to something else."""
    start, end = token.span()
    if end - start > _LONGEST or _in_name(plain, start, end):
        return None
    before = _BEFORE.search(plain, max(0, start - 8), start)
    currency = _currency(before)
    sign = before["sign"] if before else None
    start = before.start() if before else start
    tail = _tail(plain, end, bool(before), "." in token.group())
    if _coded(plain, tail):
        return None
    minus = _SIGN.search(plain, max(0, start - 3), start)
    if minus and not sign:
        start, sign = minus.start("sign"), minus["sign"]
    bracket = _bracketed(plain, start, tail.end, token, bool(before))
    if bracket:
        start, end, symbol = bracket
        outer = _tail(plain, end, priced=False, decimals=False)
        tail = outer if not (tail.power or tail.percent) else tail._replace(end=end)
        currency = currency or symbol
    value = Decimal(token.group().replace(",", "")).scaleb(tail.power, _EXACT)
    value = -value if bracket or sign in ("-", "–") else value
    raw = text[start : tail.end]
    return NumberMention(
        start, tail.end, value, raw, tail.percent, tail.word, tail.currency or currency
    )


def _currency(before: re.Match[str] | None) -> str:
    return _CODES.get(before.group().rstrip("-+–").rstrip(" |"), "") if before else ""


def _in_name(plain: str, start: int, end: int) -> bool:
    """Say whether the digits are part of a name, a code or an ordinal."""
    last, earlier = plain[start - 1 : start], plain[max(0, start - 2) : start - 1]
    if last and ((last.isascii() and last.isalpha()) or last in "_^#第"):
        return not (last.isalpha() and _BEFORE.search(plain, max(0, start - 8), start))
    if last == "-" and earlier.isascii() and earlier.isalpha():
        return True
    return bool(_ORDINAL.match(plain, end) or _CODED.match(plain, end))


def _tail(plain: str, end: int, priced: bool, decimals: bool) -> _Tail:
    """Read what follows the digits that end at `end`."""
    power, word = 0, ""
    scale, short = _SCALE.match(plain, end), _SHORT.match(plain, end)
    if scale:
        word = scale["en"] or scale["zh"]
        end, power = scale.end(), _SCALES[word.lower().removesuffix("s")]
    elif short and (priced or (decimals and short.group() in "KMBT")):
        end, power, word = short.end(), _SCALES[short.group().lower()], short.group()
    after = _AFTER.match(plain, end)
    if after:
        basis = after["basis"]
        return _Tail(after.end(), power - (4 if basis else 2), (basis or word).strip(), not basis)
    named = _NAMED.match(plain, end)
    if named:
        return _Tail(named.end(), power, word, currency=_CODES.get(named.group().strip(), ""))
    return _Tail(end, power, word)


def _coded(plain: str, tail: _Tail) -> bool:
    """Say whether letters touch the number that are no unit: then it is part of a code."""
    following = plain[tail.end : tail.end + 1]
    letter = following.isascii() and (following.isalpha() or following == "_")
    if tail.word or tail.currency or not letter:
        return False
    return not _GLUED_UNIT.match(plain, tail.end)


def _bracketed(
    plain: str, start: int, end: int, token: re.Match[str], priced: bool
) -> tuple[int, int, str] | None:
    """Return start, end and currency of a negative amount in parentheses.

    `(1,234)`, `$(1.5)` and, in a table cell, any `(5)` are negative; in prose `(12.3%)`, `(2024)`
    and `(3)` only stand in parentheses.
    """
    close = _CLOSE.match(plain, end)
    if plain[start - 1 : start] != "(" or not close:
        return None
    opened = start - 1
    symbol = _BEFORE.search(plain, max(0, opened - 8), opened)
    before = plain[max(0, opened - 8) : opened].rstrip(" ")
    cell = before[-1:] in ("", "|", "\n") and _CELL_END.match(plain, end)
    if not (symbol or cell or ("," in token.group() and not priced)):
        return None
    return (symbol.start() if symbol else opened), close.end(), _currency(symbol)


def _joined(text: str, found: list[NumberMention]) -> list[NumberMention]:
    """Add up an amount that is written with two scale words: 1亿2000万."""
    out: list[NumberMention] = []
    for mention in found:
        last = out[-1] if out else None
        if last and last.end == mention.start and _continues(last, mention):
            value = _EXACT.add(last.value, mention.value)
            raw = text[last.start : mention.end]
            currency = mention.currency or last.currency
            out[-1] = NumberMention(
                last.start, mention.end, value, raw, False, last.scale_word, currency
            )
        else:
            out.append(mention)
    return out


def _continues(last: NumberMention, mention: NumberMention) -> bool:
    power = _SCALES.get(last.scale_word, 0) if last.scale_word in ("亿", "万", "万亿") else 0
    whole = last.raw.endswith(last.scale_word) and last.value > 0
    return power > 0 and whole and 0 < mention.value < 10**power and not mention.percent


_POWERS = (2, 3, 4, 6, 8, 9, 12)
_ROUNDED_DIGITS = 3


def same_number(left: Decimal, right: Decimal) -> Match:
    """Say how two numbers agree: equal, equal up to a scale, or rounded to the digits shown.

    Scales are 10^2 (per cent), 10^3, 10^4 (万), 10^6, 10^8 (亿), 10^9 and 10^12. Rounded means
    within half a unit of the last digit shown by the coarser of the two; where a scale is missing
    as well, it must show three significant digits. Signs must agree.

    >>> same_number(Decimal("94036"), Decimal("94036000000"))
    <Match.RESCALED: 'rescaled'>
    >>> same_number(Decimal("9.40E+10"), Decimal("94036000000"))
    <Match.ROUNDED: 'rounded'>
    >>> bool(same_number(Decimal(5), Decimal(-5)))
    False
    """
    if left == right:
        return Match.EXACT
    if not left or not right or (left < 0) != (right < 0):
        return Match.NONE
    if abs(left.adjusted() - right.adjusted()) > _POWERS[-1] + 1:
        return Match.NONE
    shifts = [p for power in _POWERS for p in (power, -power)]
    if any(left.scaleb(p, _EXACT) == right for p in shifts):
        return Match.RESCALED
    if _rounds(left, right, 1) or any(
        _rounds(left.scaleb(p, _EXACT), right, _ROUNDED_DIGITS) for p in shifts
    ):
        return Match.ROUNDED
    return Match.NONE


def _rounds(left: Decimal, right: Decimal, digits: int) -> bool:
    if abs(left.adjusted() - right.adjusted()) > 1:
        return False
    coarse = left if _exponent(left) >= _exponent(right) else right
    unit = Decimal(1).scaleb(_exponent(coarse), _EXACT)
    shown = coarse.adjusted() - _exponent(coarse) + 1
    return shown >= digits and abs(left - right) * 2 <= unit


def _exponent(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    return exponent if isinstance(exponent, int) else 0
