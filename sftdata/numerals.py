"""Numbers in words: Chinese numerals (三千万, 百分之十二点三) and English ones (two million)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal

__all__ = ["chinese_value", "numerals"]

_ZH_NUMERAL = re.compile(
    r"(?P<hundredth>百分之)?(?P<numeral>[零〇一二两三四五六七八九十百千万亿点]{1,24})"
    r"(?P<last>[元股%个名人例次天岁年户家项份张吨台辆倍只件克米度分页条位美港欧毫公])?"
)
_WORD_NUMBER = re.compile(
    r"\b(?P<word>one|two|three|four|five|six|seven|eight|nine|ten|twelve|fifteen|twenty|fifty)"
    r"[\s-](?P<scale>thousand|million|billion|trillion)\b",
    re.IGNORECASE,
)
_POWERS = {"thousand": 3, "million": 6, "billion": 9, "trillion": 12}
_WORDS = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8,
          "nine": 9, "ten": 10, "twelve": 12, "fifteen": 15, "twenty": 20, "fifty": 50}  # fmt: skip


_ZH_DIGIT = {c: i for i, c in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2}
_ZH_SECTION = re.compile(
    r"(?:(?P<k>[一二两三四五六七八九])千)?(?:(?P<z1>零)?(?P<h>[一二两三四五六七八九])百)?"
    r"(?:(?P<z2>零)?(?P<t>[一二三四五六七八九]?)(?P<ten>十))?(?:(?P<z3>零)?(?P<o>[一二两三四五六七八九]))?"
)


def numerals(text: str) -> Iterator[tuple[int, int, Decimal, bool]]:
    """Yield (start, end, value, whether it is per cent) of the numbers written in words.

    A Chinese numeral counts only with a unit (十 or larger) and a measure word after it: 一般,
    十分 and 百度 are no numbers. An English one counts only before a scale word.

    >>> list(numerals("三千万元")), list(numerals("十分 百度 one of two million"))
    ([(0, 3, Decimal('30000000'), False)], [(13, 24, Decimal('2E+6'), False)])
    """
    for match in _WORD_NUMBER.finditer(text):
        value = Decimal(_WORDS[match["word"].lower()]).scaleb(_POWERS[match["scale"].lower()])
        yield *match.span(), value, False
    for match in _ZH_NUMERAL.finditer(text):
        numeral, hundredth = match["numeral"], match["hundredth"]
        earlier = text[match.start() - 1 : match.start()]
        counted = match["last"] and len(numeral) > 1 and any(c in "十百千万亿" for c in numeral)
        if not (hundredth or counted) or (earlier and earlier in "第.,几数0123456789"):
            continue
        read = chinese_value(numeral)
        if read is not None:
            share = -2 if hundredth else 0
            yield match.start(), match.end("numeral"), read.scaleb(share), bool(hundredth)


def chinese_value(numeral: str) -> Decimal | None:
    """Read a Chinese numeral; None where it is none or not clear (一千五).

    >>> chinese_value("一亿二千万"), chinese_value("十二点五"), chinese_value("一千五")
    (Decimal('120000000'), Decimal('12.5'), None)
    """
    whole, point, fraction = numeral.partition("点")
    value = _zh_whole(whole)
    if value is None or (point and not (fraction and all(c in _ZH_DIGIT for c in fraction))):
        return None
    digits = "".join(str(_ZH_DIGIT[c]) for c in fraction)
    return Decimal(f"{value}.{digits}") if digits else Decimal(value)


def _zh_whole(numeral: str) -> int | None:
    for unit, worth in (("亿", 10**8), ("万", 10**4)):
        left, found, right = numeral.rpartition(unit)
        if found:
            high = _zh_whole(left)
            low = _zh_whole(right.removeprefix("零")) if right else 0
            if high is None or low is None or low >= worth:
                return None
            return high * worth + low
    if numeral in _ZH_DIGIT:
        return _ZH_DIGIT[numeral]
    match = _ZH_SECTION.fullmatch(numeral)
    if not numeral or not match:
        return None
    if match["o"] and not (match["z3"] or match["ten"]) and (match["k"] or match["h"]):
        return None  # 一千五 may be 1500 or 1005
    worths = ((match["k"], 1000), (match["h"], 100), (match["o"], 1))
    tens = 10 * (_ZH_DIGIT[match["t"]] if match["t"] else 1) if match["ten"] else 0
    return tens + sum(_ZH_DIGIT[digit] * worth for digit, worth in worths if digit)
