"""Numbers and units as people write them, English and Chinese: the filters of templates.

Law: nothing is rounded. `quantities.find_numbers` reads every formatted amount back to the value
that was given.
"""

from __future__ import annotations

import re
from decimal import Context, Decimal, InvalidOperation

__all__ = ["amount", "money", "number", "percent", "unit_words"]

_SYMBOL_EN = {"USD": "$", "EUR": "€", "GBP": "£", "HKD": "HK$", "CAD": "C$", "AUD": "A$"}
_NAME_ZH = {"USD": "美元", "EUR": "欧元", "GBP": "英镑", "CNY": "元", "RMB": "元", "HKD": "港元",
            "JPY": "日元", "CAD": "加元", "AUD": "澳元", "SGD": "新加坡元", "CHF": "瑞士法郎",
            "KRW": "韩元", "TWD": "新台币元"}  # fmt: skip
_SCALE_EN = {12: "trillion", 9: "billion", 6: "million", 3: "thousand"}
_SCALE_ZH = {12: "万亿", 8: "亿", 4: "万"}
_PLACES_ZH = {12: 4, 8: 4, 4: 2}
"""Decimals up to which a Chinese amount takes a scale word: 2.619亿, but 4,199.05万."""
# Exactness must not end at the 28 digits of the default context.
_EXACT = Context(prec=120)
_MOST_PLACES = 3
"""An amount that needs more decimals at its scale is written with all its digits."""
_CURRENCY = re.compile(r"[A-Z]{3}")

_UCUM = {
    "%": "%", "1": "", "Cel": "°C", "[degF]": "°F", "[lb_av]": "lb", "[oz_av]": "oz",
    "[in_i]": "in", "[ft_i]": "ft", "mm[Hg]": "mmHg", "cm[H2O]": "cmH2O", "[iU]": "IU",
    "[IU]": "IU", "m[iU]": "mIU", "u[iU]": "µIU", "k[iU]": "kIU", "m[IU]": "mIU", "u[IU]": "µIU",
    "ug": "µg", "um": "µm", "us": "µs", "uL": "µL", "umol": "µmol", "meq": "mEq", "eq": "Eq",
    "m2": "m²", "m3": "m³", "cm2": "cm²", "10*3": "×10^3", "10*6": "×10^6", "10*9": "×10^9",
    "10*12": "×10^12", "[pH]": "", "[ppm]": "ppm", "[drp]": "drops", "[tbs_us]": "tbsp",
    "[tsp_us]": "tsp", "1.73_m2": "1.73 m²", "1.73.m2": "1.73 m²",
}  # fmt: skip
_TIME_EN = {"a": "years", "mo": "months", "wk": "weeks", "d": "days", "h": "hours",
            "min": "minutes", "s": "seconds"}  # fmt: skip
_TIME_ZH = {"a": "年", "mo": "个月", "wk": "周", "d": "天", "h": "小时", "min": "分钟", "s": "秒"}
_XBRL = {"pure": "", "shares": "shares"}
_ANNOTATION = re.compile(r"\{([^{}]*)\}")


def _decimal(value: Decimal | int | str) -> Decimal:
    try:
        return value if isinstance(value, Decimal) else Decimal(str(value).replace(",", ""))
    except InvalidOperation:
        raise ValueError("not a number: a formatting filter needs plain decimal digits") from None


def _plain(value: Decimal) -> Decimal:
    """Return the value without an exponent and without trailing zeros after the point."""
    short = value.normalize(_EXACT)
    exponent = short.as_tuple().exponent
    return short.quantize(Decimal(1), context=_EXACT) if exponent in range(1, 99) else short


def number(value: Decimal | int | str) -> str:
    """Return a number with thousands separators, exactly.

    >>> number(Decimal("14935826000")), number("-0.50")
    ('14,935,826,000', '-0.50')
    """
    exact = _decimal(value)
    if exact.as_tuple().exponent in ("n", "N", "F"):
        raise ValueError("not a finite number")
    return f"{exact:,f}"


def percent(value: Decimal | int | str, locale: str = "en") -> str:
    """Return a pure fraction as per cent, exactly: 0.123 is 12.3%.

    >>> percent("0.123"), percent(Decimal("-0.05"), "zh")
    ('12.3%', '-5%')
    """
    del locale  # the same in both languages; a filter is called with the locale all the same
    return f"{_plain(_decimal(value).scaleb(2, _EXACT)):,f}%"


def _places(value: Decimal, power: int) -> int:
    """Return how many decimal places the value needs at a scale of 10^power."""
    exponent = _plain(value.scaleb(-power, _EXACT)).as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 99


def _scale_en(value: Decimal, scale: int | None) -> int:
    if scale is not None:
        return scale if scale in _SCALE_EN and _places(value, scale) <= _MOST_PLACES else 0
    fits = (p for p in (12, 9, 6) if abs(value) >= Decimal(10) ** p and _places(value, p) <= 2)
    return next(fits, 0)


def _scale_zh(value: Decimal, scale: int | None) -> int:
    if scale == 0:
        return 0
    fits = (
        power
        for power, places in _PLACES_ZH.items()
        if abs(value) >= Decimal(10) ** power and _places(value, power) <= places
    )
    return next(fits, 0)


def money(
    value: Decimal | int | str, unit: str = "USD", locale: str = "en", scale: int | None = None
) -> str:
    """Return an amount of money, never rounded.

    `scale` is the power of ten in which it was reported: 6 for a table in millions. Without it
    the largest scale word that needs at most two decimals is taken; 0 writes all digits. Chinese
    amounts are written in 亿 if that is exact to four decimals, or 万 to two. A unit
    `USD/shares` is an amount per share; a unit that is no currency is left to `amount`.

    >>> money(Decimal("94036000000"), "USD", "en", 6), money("1.57", "USD/shares")
    ('$94,036 million', '$1.57 per share')
    >>> money("94036000000", "USD", "zh", 6), money("1.57", "USD/shares", "zh")
    ('940.36亿美元', '每股1.57美元')
    >>> money("-2500000000"), money("94036500000", "CNY", "zh", 6)
    ('-$2.5 billion', '940.365亿元')
    """
    exact = _decimal(value)
    currency, _, per = unit.partition("/")
    if not _CURRENCY.fullmatch(currency):
        return amount(exact, unit, locale, scale)
    chinese = locale.startswith("zh")
    if per:
        scale = 0
    if scale == 3 and abs(exact) >= 10**6 and _places(exact, 6) <= _MOST_PLACES:
        scale = 6  # a table in thousands; people speak of millions
    power = _scale_zh(exact, scale) if chinese else _scale_en(exact, scale)
    scaled = _plain(exact.scaleb(-power, _EXACT)) if power else exact
    if chinese:
        words = f"{scaled:,f}{_SCALE_ZH.get(power, '')}{_NAME_ZH.get(currency, currency)}"
        return f"每{_PER_ZH.get(per, per)}{words}" if per else words
    sign, digits = ("-" if scaled < 0 else ""), f"{abs(scaled):,f}"
    symbol = _SYMBOL_EN.get(currency, f"{currency} ")
    words = f"{sign}{symbol}{digits}" + (f" {_SCALE_EN[power]}" if power else "")
    return f"{words} per {_PER_EN.get(per, per)}" if per else words


_PER_EN = {"shares": "share"}
_PER_ZH = {"shares": "股", "share": "股"}


def amount(
    value: Decimal | int | str, unit: str | None, locale: str = "en", scale: int | None = None
) -> str:
    """Return a value with whatever unit a fact carries: money, shares, a pure ratio, UCUM.

    A ratio that was reported in per cent has scale -2 and is written as such; another stays as is.

    >>> amount("14935826000", "shares"), amount("0.241", "pure", scale=-2)
    ('14,935,826,000 shares', '24.1%')
    >>> amount("120", "mm[Hg]"), amount("14935826000", "shares", "zh")
    ('120 mmHg', '14,935,826,000股')
    >>> amount("10383000000", "shares", "en", 6), amount("10383000000", "shares", "zh", 6)
    ('10,383 million shares', '103.83亿股')
    """
    currency = (unit or "").partition("/")[0]
    if _CURRENCY.fullmatch(currency):
        return money(value, unit or "", locale, scale)
    if unit in (None, "", "pure"):
        return percent(value, locale) if scale == -2 else number(value)
    words = unit_words(unit, locale)
    glue = "" if words in ("", "%", "股") or words.startswith("°") else " "
    if unit == "shares" and scale:
        return f"{_scaled(_decimal(value), scale, chinese=locale.startswith('zh'))}{glue}{words}"
    return f"{number(value)}{glue}{words}"


def _scaled(value: Decimal, scale: int, *, chinese: bool) -> str:
    """Return a count with its scale word, where people use one: `10,383 million`, `103.83亿`."""
    power = _scale_zh(value, scale) if chinese else _scale_en(value, scale)
    if power < 6:
        return number(value)
    digits = f"{_plain(value.scaleb(-power, _EXACT)):,f}"
    return f"{digits}{_SCALE_ZH[power]}" if chinese else f"{digits} {_SCALE_EN[power]}"


def unit_words(unit: str | None, locale: str = "en") -> str:
    """Return a UCUM or XBRL unit as it is written in a note or report; empty for no unit.

    >>> unit_words("mm[Hg]"), unit_words("{score}"), unit_words("10*3/uL"), unit_words("kg/m2")
    ('mmHg', '', '×10^3/µL', 'kg/m²')
    >>> unit_words("{beats}/min"), unit_words("/min", "zh"), unit_words("USD/shares")
    ('beats/min', '次/分', 'USD per share')
    """
    if not unit:
        return ""
    chinese = locale.startswith("zh")
    if unit in _XBRL:
        return "股" if chinese and unit == "shares" else _XBRL[unit]
    if unit.endswith("/shares"):
        name = unit.removesuffix("/shares")
        return f"每股{_NAME_ZH.get(name, name)}" if chinese else f"{name} per share"
    if _CURRENCY.fullmatch(unit):
        return _NAME_ZH.get(unit, unit) if chinese else unit
    if "/" not in unit and unit in _TIME_EN:
        return (_TIME_ZH if chinese else _TIME_EN)[unit]
    if chinese and unit in ("/min", "{beats}/min", "{breaths}/min"):
        return "次/分"
    return _ucum(unit)


def _ucum(unit: str) -> str:
    parts = unit.split("/")
    words = []
    for part in parts:
        bare = _ANNOTATION.sub("", part)
        if not bare and len(parts) > 1:
            bare = " ".join(_ANNOTATION.findall(part)).replace("_", " ")
            bare = "1.73 m²" if bare.startswith("1.73") else bare
        words.append(_UCUM.get(bare, bare))
    return "/".join(words)
