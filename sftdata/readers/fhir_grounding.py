"""Facts of a carried note: what resources state, kept only where the note says it too."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from decimal import Decimal

from sftdata.readers.clinical_negation import is_negated, is_uncertain
from sftdata.readers.clinical_text import line_at
from sftdata.readers.fhir_records import Record
from sftdata.types import Fact

__all__ = ["ground"]

_WORD = re.compile(r"\w")


def _pattern(term: str) -> re.Pattern[str]:
    """Match a term case-insensitively, over any white space, between token borders."""
    words = [re.escape(w) for w in term.split()]
    left = r"(?<![\w.])" if _WORD.match(term[0]) and term[0].isascii() else ""
    right = r"(?!\w)(?!\.\d)" if _WORD.match(term[-1]) and term[-1].isascii() else ""
    return re.compile(left + r"\s+".join(words) + right, re.IGNORECASE)


def _places(term: str, text: str) -> Iterator[tuple[int, int]]:
    if len(term) < 2:
        return
    for match in _pattern(term).finditer(text):
        if not is_negated(text, *match.span()) and not is_uncertain(text, *match.span()):
            yield match.span()


def _value_after(text: str, end: int, row_end: int, fact: Fact) -> tuple[int, int] | None:
    """Find the fact's number, with its unit, close behind its label in the same row."""
    printed = fact.attribute("printed_unit")
    raw = fact.attribute("source_value")
    for value in dict.fromkeys([fact.as_reported, raw]):
        if not value:
            continue
        units = {u for u in (printed, fact.unit or "") if u}
        tail = "|".join(re.escape(u) for u in sorted(units, key=len, reverse=True))
        shape = rf"(?<![\w.,/-]){re.escape(value)}" + (
            rf"(?=\s*(?:{tail})(?![\w/]))" if tail else r"(?![\w%/]|[.,]\d)"
        )
        match = re.compile(shape, re.IGNORECASE).search(text, end, row_end)
        if match and match.start() - end <= 40 and not re.search(r"\d", text[end : match.start()]):
            return match.span()
    return None


def _placed(fact: Fact, span: tuple[int, int], text: str) -> Fact:
    start, end = span
    row_start, row_end = line_at(text, start, end)
    return replace(
        fact,
        start=start,
        end=end,
        row_start=row_start,
        row_end=row_end,
        as_reported=text[start:end],
    )


def _labels(fact: Fact) -> list[str]:
    return list(dict.fromkeys(x for x in (fact.attribute("display"), fact.label) if x))


def _numeric(fact: Fact, text: str) -> Fact | None:
    for label in _labels(fact):
        for _, end in _places(label, text):
            row_end = line_at(text, end, end)[1]
            span = _value_after(text, end, row_end, fact)
            if span is not None:
                placed = _placed(fact, span, text)
                raw = fact.attribute("source_value")
                if placed.as_reported == raw:
                    return replace(placed, value=raw, number=Decimal(raw))
                return placed
    return None


def _code(fact: Fact, text: str) -> Fact | None:
    value_terms = [fact.attribute("value_display"), fact.value or ""]
    is_result = bool(fact.attribute("value_code"))
    terms = value_terms if is_result else [fact.attribute("display"), fact.value or ""]
    for term in dict.fromkeys(t for t in terms if t):
        for span in _places(term, text):
            return _placed(fact, span, text)
    return None


def ground(text: str, records: Iterable[Record], document_id: str) -> tuple[Fact, ...]:
    """Return the facts that the note states, with the span where it does.

    A coded statement counts when its display stands in the note, not negated and not in doubt; a
    number counts when its label, the number as charted (or as stored) and its unit stand in one
    row. Everything else that the resources know is left out: it is not in this text.
    """
    found: list[Fact] = []
    taken: set[tuple[str, int]] = set()
    for record in records:
        for fact in record.facts:
            if fact.value is None or fact.kind not in ("numeric", "code"):
                continue
            placed = _numeric(fact, text) if fact.kind == "numeric" else _code(fact, text)
            if placed is None or placed.start is None or (fact.name, placed.start) in taken:
                continue
            taken.add((fact.name, placed.start))
            found.append(replace(placed, fact_id=f"{document_id}#f{len(found) + 1}"))
    return tuple(found)
