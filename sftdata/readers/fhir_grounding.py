"""Facts of a carried note: what resources state, kept only where the note says it too."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from sftdata.readers.clinical_text import line_at
from sftdata.readers.fhir_measures import find_number, find_pressure, placed
from sftdata.readers.fhir_places import Terms, mentions
from sftdata.readers.fhir_records import Record
from sftdata.types import Fact, Section

__all__ = ["ground"]

_NOT_IN_NOTES = {"encounters"}
"""How a visit is registered is no statement of the note: CONSULTATION in a heading is no fact."""
_ELSEWHERE = {
    "problems": {"family_history", "allergies"},
    "medications": {"family_history", "allergies"},
    "reason": {"family_history"},
    "procedures": {"family_history"},
}
_ALLERGIC = re.compile(
    r"allerg|intoleran|anaphyla|adverse reaction|过敏|不耐受|皮疹|荨麻疹|不良反应", re.IGNORECASE
)
_NO_ALLERGY = {
    "716186003": r"no known allerg(?:y|ies)|\bNKA\b|无已知过敏|"
    r"否认(?:任何|药物[及、和]食物)?过敏史?|"
    r"无(?:药物[及、和]食物)?过敏史?|否认食物[及、和]药物过敏",
    "409137002": r"no known (?:drug|medication) allerg(?:y|ies)|\bNKDA\b|(?:否认|无)药物过敏",
}
_ABOUT = 40


def _kind_at(sections: Sequence[Section], at: int) -> str:
    return next((s.kind for s in reversed(sections) if s.start <= at < s.end), "")


def _terms(fact: Fact) -> list[str]:
    """Return the displays by which a note may state a coded fact."""
    first = fact.attribute("value_display" if fact.attribute("value_code") else "display")
    return list(dict.fromkeys(t for t in (first, fact.value or "") if t))


def _fits(record: Record, text: str, span: tuple[int, int], sections: Sequence[Section]) -> bool:
    """Return whether a mention stands where such a statement is made.

    An allergen counts only where the note speaks of allergy (an antibiogram names drugs too), a
    drug only where it does not.
    """
    kind = _kind_at(sections, span[0])
    if kind in _ELSEWHERE.get(record.section, ()):
        return False
    row_start, row_end = line_at(text, *span)
    if record.section == "allergies":
        around = text[max(row_start, span[0] - _ABOUT) : min(row_end, span[1] + _ABOUT)]
        return kind == "allergies" or bool(_ALLERGIC.search(around))
    if record.section == "medications":
        return not re.match(r"\s*(?:过敏|allerg)", text[span[1] : span[1] + 12], re.IGNORECASE)
    return True


def _code(
    record: Record, fact: Fact, text: str, known: Terms, sections: Sequence[Section]
) -> Fact | None:
    if fact.attribute("negated"):
        shape = _NO_ALLERGY.get(fact.attribute("code"))
        match = re.search(shape, text, re.IGNORECASE) if shape else None
        if match:
            return placed(fact, match.span(), text)
    for term in _terms(fact):
        for span in mentions(term, text, known):
            if _fits(record, text, span, sections):
                return placed(fact, span, text)
    return None


def _stated(
    record: Record, text: str, known: Terms, sections: Sequence[Section]
) -> list[Fact | None]:
    if record.facts[0].attribute("components") and len(record.facts) == 3:
        pressure = find_pressure(record, text)
        if pressure:
            return list(pressure)
    found: list[Fact | None] = []
    for fact in record.facts:
        if fact.value is not None and fact.kind == "numeric":
            found.append(find_number(fact, text))
        elif fact.value is not None and fact.kind == "code":
            found.append(_code(record, fact, text, known, sections))
    return found


def ground(
    text: str, records: Iterable[Record], document_id: str, sections: Sequence[Section] = ()
) -> tuple[Fact, ...]:
    """Return the facts that the note states, with the span where it does.

    A coded statement counts when its display stands in the note, not negated and not in doubt; a
    number counts when its name, the number as charted (or as stored) and its unit stand in one
    row. Everything else that the resources know is left out: it is not in this text.

    Args:
        text: canonical text of the note.
        records: what the resources of the same encounter state.
        document_id: prefix of the fact ids.
        sections: the note's sections; a relative's disease is not the patient's.
    """
    used = [r for r in records if r.section not in _NOT_IN_NOTES]
    known = Terms(text, (t for r in used for f in r.facts if f.kind == "code" for t in _terms(f)))
    found: list[Fact] = []
    taken: set[tuple[str, int]] = set()
    for record in used:
        for fact in _stated(record, text, known, sections):
            if fact is None or fact.start is None or (fact.name, fact.start) in taken:
                continue
            taken.add((fact.name, fact.start))
            found.append(replace(fact, fact_id=f"{document_id}#f{len(found) + 1}"))
    return tuple(found)
