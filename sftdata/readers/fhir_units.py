"""Units of measured values: how a UCUM code is printed, and how else a note may write it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

__all__ = ["is_remark", "printed_unit", "spellings", "unit_at"]

_PRINTED = {
    "mm[Hg]": "mmHg",
    "Cel": "°C",
    "[degF]": "°F",
    "mL/min/{1.73_m2}": "mL/min/1.73 m2",
    "[lb_av]": "lb",
    "[in_i]": "in",
    "a": "years",
    "1": "",
    "[pH]": "",
}
_REMARK = re.compile(r"\{[^{}]*\}")
_POWER = re.compile(r"^10\*(\d+)")
_INTERNATIONAL = re.compile(r"\[i?IU?\]", re.IGNORECASE)
_MICRO = re.compile(r"(?<![A-Za-z])u(?=(?:mol|g|L|IU|U|kat|m|s)(?![A-Za-z]))")

# Spellings that say the same number, folded: a value in one of them is the value in any other.
_SAME: tuple[tuple[str, ...], ...] = (
    ("/min", "次/分", "次/分钟", "次/min", "bpm", "beats/min", "beats/minute", "beatsperminute",
     "breaths/min", "breaths/minute", "breathsperminute", "perminute"),
    ("mmhg", "毫米汞柱"),
    ("cel", "°c", "c", "℃", "度", "摄氏度", "degreescelsius", "degc", "degreesc"),
    ("degf", "°f", "f", "degreesfahrenheit", "degreesf"),
    ("%", "percent"),
    ("kg", "公斤", "千克", "kilograms"),
    ("cm", "厘米", "centimeters"),
    ("mg/dl", "mg%"),
    ("g/dl", "gm/dl", "gm%", "g%"),
    ("g/l", "克/升"),
    ("109/l", "10e9/l", "103/ul", "10e3/ul", "k/ul", "103/mm3", "k/mm3", "thousand/ul", "个/nl"),
    ("1012/l", "10e12/l", "106/ul", "10e6/ul", "m/ul", "106/mm3"),
    ("mmol/l", "毫摩尔/升"),
    ("umol/l", "mcmol/l", "微摩尔/升"),
    ("ug/dl", "mcg/dl"),
    ("ng/ml", "ug/l", "mcg/l"),
    ("pg/ml", "ng/l"),
    ("miu/l", "mu/l", "uiu/ml", "uu/ml"),
    ("iu/ml", "kiu/l"),
    ("u/l", "iu/l"),
    ("mm/h", "mm/hr", "mm/hour", "mm/小时"),
    ("ml/min/1.73m2", "ml/min·1.73m2", "ml/min.1.73m2", "ml/min/1.73sqm", "ml/min"),
    ("l/min", "升/分"),
)  # fmt: skip
_GROUPS = {spelling: frozenset(group) for group in _SAME for spelling in group}
_LONGEST = 28
_FOLDED_AWAY = re.compile(r"[\s\[\]^*×()]+")


def is_remark(unit: str) -> bool:
    """Return whether a UCUM code is no unit but a remark on what is counted.

    >>> [is_remark(u) for u in ("{INR}", "{score}", "1", "", "{beats}/min")]
    [True, True, True, True, False]
    """
    return unit in ("", "1") or not _REMARK.sub("", unit)


def printed_unit(unit: str, code: str = "") -> str:
    """Return a UCUM unit as it is printed in a chart (the pain score is out of ten).

    Remarks in braces say what is counted and are not printed.

    >>> printed_unit("mm[Hg]"), printed_unit("10*3/uL"), printed_unit("mg/dL")
    ('mmHg', 'x10^3/uL', 'mg/dL')
    >>> printed_unit("{INR}"), printed_unit("{beats}/min"), printed_unit("m[IU]/L")
    ('', '/min', 'mIU/L')
    >>> printed_unit("umol/L") == chr(0xB5) + "mol/L"
    True
    """
    if unit == "{score}" and code == "72514-3":
        return "/10"
    known = _PRINTED.get(unit)
    if known is not None:
        return known
    plain = _INTERNATIONAL.sub("IU", _REMARK.sub("", unit))
    if _POWER.match(plain):
        return _POWER.sub(r"x10^\1", plain)
    return _MICRO.sub("\u00b5", plain)


def _fold(unit: str) -> str:
    """Return a unit without case, width, spaces, brackets, power signs; micro is `u`."""
    plain = unicodedata.normalize("NFKC", unit.replace("℃", "°C").replace("℉", "°F")).casefold()
    plain = plain.replace("\u03bc", "u").replace("\u2215", "/").replace("\u2103", "°c")
    plain = _FOLDED_AWAY.sub("", plain)
    return re.sub(r"^[x·](?=10)", "", plain)


def spellings(units: Iterable[str]) -> frozenset[str]:
    """Return the folded spellings of a value's unit: as coded, as printed, as people write it.

    >>> "次/分" in spellings(["/min"]), "umol/l" in spellings(["μmol/L"])
    (True, True)
    """
    found: set[str] = set()
    for unit in units:
        folded = _fold(_REMARK.sub("", unit) if "1.73" not in unit else printed_unit(unit))
        if folded and folded != "1":
            found |= {folded} | _GROUPS.get(folded, frozenset())
    return frozenset(found)


def unit_at(text: str, at: int, allowed: frozenset[str]) -> tuple[int, int] | None:
    """Return the span of an allowed unit right behind a number that ends at `at`, or None.

    >>> note = "尿酸 542 μmol/L，体温 37.8 ℃"
    >>> [note[slice(*unit_at(note, note.index(n) + len(n), spellings([u])))]
    ...  for n, u in (("542", "umol/L"), ("37.8", "Cel"))]
    ['μmol/L', '℃']
    """
    start = at
    while start < len(text) and start - at < 4 and text[start] in " |":
        start += 1
    for end in range(min(len(text), start + _LONGEST), start, -1):
        shape = text[start:end]
        if not _fold(shape[-1]) and shape[-1] not in ")]":
            continue
        if shape.count("(") != shape.count(")") or shape.count("[") != shape.count("]"):
            continue
        if _fold(shape) not in allowed:
            continue
        after = text[end : end + 1]
        if after and after in "/^*²³" and shape != "%":
            continue
        letters = shape[-1].isascii() and shape[-1].isalnum()
        if letters and after.isascii() and (after.isalnum() or after == "_"):
            continue
        return start, end
    return None
