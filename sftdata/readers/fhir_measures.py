"""Where a note states a measured value: its name, the number as charted or stored, its unit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

from sftdata.readers.clinical_negation import is_uncertain
from sftdata.readers.clinical_text import line_at
from sftdata.readers.fhir_names import inside_longer_name, spoken_names
from sftdata.readers.fhir_records import Record
from sftdata.readers.fhir_units import is_remark, spellings, unit_at
from sftdata.types import Fact, Key

__all__ = ["find_number", "find_pressure", "placed"]

_HAN = "\u3400-\u9fff"
_LETTER = rf"[^\W{_HAN}]"
_REACH = 40
_GOAL = re.compile(
    r"[。；;\n<>≤≥＜＞]|\.\s|低于|高于|超过|小于|大于|不超|目标|参考|上限|下限|升至|"
    r"\b(?:goal|target|below|above|under|less|greater|range|limit|between|until)\b",
    re.IGNORECASE,
)
_OTHER_TIME = re.compile(
    r"(?:\b(?:urine|urinary|csf|pleural|peritoneal|ionized|goal|target|home|prior|previous|"
    r"baseline|last|old|outside|direct|fetal|maternal)|尿|脑脊液|胸水|腹水|引流液|前|微量|目标|家庭|"
    r"既往|原|胎儿?|上次|自测|外院|非)\s*$",
    re.IGNORECASE,
)
_SCORE_JOIN = (
    r"(?:\s*(?:total|sum|score|评分|总分|得分|值|分值))*"
    r"\s*(?:[:：=|]|\bof\b|\bis\b|\bwas\b|为|是)?\s*"
)
_AFTER_SCORE = re.compile(
    rf"(?:\s*(?P<unit>分(?!钟)|points?\b)|(?!{_LETTER})(?!\s*[\u3400-\u9fff%]))"
    r"(?!\s*[-–—~～/]\s*\d)(?!\.\d)"
)
_PRESSURE = re.compile(
    rf"(?<!{_LETTER})(?:BP|B/P|blood\s+pressure)(?!{_LETTER})|血压", re.IGNORECASE
)
_COUNTED = {"8867-4", "9279-1"}
"""Pulse and respirations: everybody counts them by the minute, few write it (`HR 88, RR 16`)."""
_MMHG = spellings(["mm[Hg]"])
_BEYOND = re.compile(
    r"\s*(?:mmHg\s*)?(?:以上|以下|上下|左右|or (?:higher|lower|above|below))", re.IGNORECASE
)


def placed(fact: Fact, span: tuple[int, int], text: str, unit: str = "") -> Fact:
    """Return the fact at its place in the note, with the unit as the note prints it."""
    start, end = span
    row_start, row_end = line_at(text, start, end)
    kept = tuple(a for a in fact.attributes if not unit or a.kind != "printed_unit")
    found = replace(
        fact, start=start, end=end, row_start=row_start, row_end=row_end,
        as_reported=text[start:end],
        attributes=(*kept, Key(kind="printed_unit", value=unit)) if unit else kept,
    )  # fmt: skip
    raw = fact.attribute("source_value")
    if raw and fact.kind == "numeric" and _plain(found.as_reported) == raw:
        return replace(found, value=raw, number=Decimal(raw))
    return found


def _plain(written: str) -> str:
    return re.sub("[−–]", "-", written)


def _values(fact: Fact) -> list[str]:
    return [v for v in dict.fromkeys([fact.as_reported, fact.attribute("source_value")]) if v]


def _number(value: str) -> str:
    """Return the shape of a number that stands alone; a minus sign may be typographic."""
    return (
        rf"(?<!{_LETTER})(?<![.,/−–~～-])"
        + re.escape(value).replace(r"\-", "[-−–]")
        + r"(?![.,]?\d)"
    )


def _names(fact: Fact) -> list[str]:
    own = (fact.attribute("display"), fact.label, *spoken_names(fact.attribute("code")))
    return [n for n in dict.fromkeys(own) if len(n) > 1 or n == "T"]


def _labels(fact: Fact, text: str) -> Iterator[tuple[int, int]]:
    """Yield the places of the test's names, each name whole and of this test only."""
    for name in _names(fact):
        words = r"\s+".join(re.escape(w) for w in name.split())
        left = rf"(?<!{_LETTER})(?<![./])(?<!{_LETTER}-)" if re.match(_LETTER, name[0]) else ""
        right = rf"(?!{_LETTER})(?!/{_LETTER})" if re.match(_LETTER, name[-1]) else ""
        for match in re.finditer(left + words + right, text, re.IGNORECASE):
            start, end = match.span()
            if _OTHER_TIME.search(text[max(0, start - 16) : start]):
                continue
            if not inside_longer_name(text, start, end) and not is_uncertain(text, start, end):
                yield start, end


def _with_unit(
    fact: Fact, text: str, end: int, allowed: frozenset[str]
) -> tuple[tuple[int, int], str] | None:
    row_end = line_at(text, end, end)[1]
    for value in _values(fact):
        match = re.compile(_number(value)).search(text, end, min(row_end, end + _REACH + 20))
        if match is None or match.start() - end > _REACH:
            continue
        between = text[end : match.start()]
        if re.search(r"\d", between) or _GOAL.search(between):
            continue
        unit = unit_at(text, match.end(), allowed)
        if unit is not None:
            return match.span(), text[slice(*unit)]
    return None


def _right_behind(fact: Fact, text: str, end: int) -> tuple[tuple[int, int], str] | None:
    """Find a number without unit: only joined to its name (`INR 2.3`, `NIHSS评分 6 分`)."""
    for value in _values(fact):
        match = re.compile(_SCORE_JOIN + f"(?P<n>{_number(value)})", re.IGNORECASE).match(text, end)
        after = _AFTER_SCORE.match(text, match.end("n")) if match else None
        if match and after:
            return match.span("n"), after["unit"] or ""
    return None


def find_number(fact: Fact, text: str) -> Fact | None:
    """Return the fact at the first place where the note gives its name, number and unit.

    A value without a unit of its own (a ratio, a score, a pulse) counts only right behind its name.
    """
    allowed = spellings(filter(None, [fact.unit or "", fact.attribute("printed_unit"),
                                      fact.attribute("source_unit")]))  # fmt: skip
    bare = is_remark(fact.unit or "") or fact.attribute("code") in _COUNTED
    found: list[Fact] = []
    for _, end in _labels(fact, text):
        hit = _with_unit(fact, text, end, allowed) if allowed else None
        if hit is None and bare:
            hit = _right_behind(fact, text, end)
        if hit is not None:
            found.append(placed(fact, hit[0], text, hit[1]))
    return min(found, key=lambda f: (f.start or 0, f.end or 0), default=None)


def _pair(record: Record) -> tuple[list[tuple[str, str]], str]:
    upper, lower = record.facts[1:]
    charted = (upper.as_reported, lower.as_reported)
    stored = tuple(f.attribute("source_value") or f.as_reported for f in (upper, lower))
    return list(dict.fromkeys([charted, (stored[0], stored[1])])), upper.unit or ""


def find_pressure(record: Record, text: str) -> list[Fact]:
    """Return a blood pressure's `118/76` and its two numbers where the note gives them, or nothing.

    The unit may be left out; a pressure that is a goal, or was measured at home, is another one.
    """
    pairs, unit = _pair(record)
    if not spellings([unit]) & _MMHG:
        return []
    for label in _PRESSURE.finditer(text):
        before = text[max(0, label.start() - 16) : label.start()]
        if _OTHER_TIME.search(before) or is_uncertain(text, *label.span()):
            continue
        for upper, lower in pairs:
            shape = rf"{_number(upper)}\s*[/／]\s*{re.escape(lower)}(?![\d/]|\.\d)"
            match = re.compile(shape).search(text, label.end(), label.end() + _REACH + 12)
            if match is None or match.start() - label.end() > _REACH:
                continue
            between = text[label.end() : match.start()]
            if re.search(r"\d", between) or _GOAL.search(between):
                continue
            if _BEYOND.match(text, match.end()):
                continue
            return _three(record, text, match, len(upper), len(lower))
    return []


def _three(record: Record, text: str, match: re.Match[str], upper: int, lower: int) -> list[Fact]:
    start, end = match.span()
    unit = unit_at(text, end, _MMHG)
    written = text[slice(*unit)] if unit else ""
    spans = [(start, end), (start, start + upper), (end - lower, end)]
    return [placed(f, s, text, written) for f, s in zip(record.facts, spans, strict=True)]
