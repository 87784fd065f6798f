"""Facts of a plain note: the grammars applied where they hold, section by section."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from decimal import Decimal

from sftdata.readers.clinical_entities import (
    allergies,
    complaint,
    dates,
    diagnoses,
    person,
)
from sftdata.readers.clinical_medications import medications
from sftdata.readers.clinical_negation import is_uncertain
from sftdata.readers.clinical_sections import HEADER
from sftdata.readers.clinical_text import Mention, line_at
from sftdata.readers.clinical_values import Reading, labs, vitals
from sftdata.types import Fact, Key, Section

__all__ = ["note_facts"]

_DIAGNOSIS = {"preop_diagnosis", "postop_diagnosis", "admission_diagnosis", "discharge_diagnosis",
              "diagnosis"}  # fmt: skip
_LISTED = {"assessment", "impression"}
_MEDICINES = {"medications", "discharge_medications"}
_MASKED = re.compile(r"_{2,}|\[\*\*|\*{2,}")
_MIN_TOGETHER = 2
_MIN_LABS = 3


def _body(text: str, section: Section) -> int:
    """Return where the section's text begins, behind its header."""
    match = HEADER.match(text, section.start)
    return match.end() if match and match.end() <= section.end else section.start


def _lines(text: str) -> Iterator[tuple[int, int]]:
    at = 0
    for line in text.split("\n"):
        yield at, at + len(line)
        at += len(line) + 1


def _kind_at(sections: tuple[Section, ...], at: int) -> str:
    return next((s.kind for s in reversed(sections) if s.start <= at < s.end), "")


def _readings(text: str, sections: tuple[Section, ...]) -> Iterator[tuple[Reading, str]]:
    """Yield vitals that stand together or in an examination, labs likewise."""
    for start, end in _lines(text):
        kind = _kind_at(sections, start)
        if kind in ("family_history", "indication", "plan", "discharge_instructions", "procedure"):
            continue
        found = vitals(text, start, end)
        names = {r.name for r in found} - {"bp_diastolic"}
        if kind in ("vitals", "physical_exam") or len(names) >= _MIN_TOGETHER:
            yield from ((r, kind) for r in found)
        tests = labs(text, start, end)
        with_unit = [r for r in tests if r.unit]
        if kind == "labs" or len({r.name for r in tests}) >= _MIN_LABS:
            yield from ((r, kind) for r in tests)
        else:
            yield from ((r, kind) for r in with_unit)


def _mentions(text: str, sections: tuple[Section, ...]) -> Iterator[Mention]:
    yield from person(text)
    yield from dates(text)
    for section in sections:
        body = _body(text, section)
        if section.kind == "chief_complaint":
            yield from complaint(text, body, section.end)
        elif section.kind == "allergies":
            yield from allergies(text, body, section.end)
        elif section.kind in _MEDICINES:
            listed = (("section", section.kind),)
            for found in medications(text, body, section.end):
                yield replace(found, detail=found.detail + listed)
        elif section.kind in _DIAGNOSIS:
            yield from diagnoses(text, body, section.end, section.kind, numbered=False)
        elif section.kind in _LISTED:
            yield from diagnoses(text, body, section.end, section.kind, numbered=True)


def _fact(
    text: str, mention: Mention | Reading, detail: Iterable[tuple[str, str]], fact_id: str,
    entity: str | None, period: str | None,
) -> Fact:  # fmt: skip
    row_start, row_end = line_at(text, mention.start, mention.end)
    numeric = mention.kind == "numeric"
    return Fact(
        fact_id=fact_id,
        name=f"note:{mention.name}",
        label=mention.label,
        kind=mention.kind,
        value=mention.value,
        as_reported=text[mention.start : mention.end],
        number=Decimal(mention.value) if numeric else None,
        unit=mention.unit,
        period=period,
        entity=entity,
        start=mention.start,
        end=mention.end,
        row_start=row_start,
        row_end=row_end,
        source="note",
        attributes=tuple(Key(kind=k, value=v) for k, v in detail if v),
    )


def note_facts(
    text: str, sections: tuple[Section, ...], document_id: str, *,
    entity: str | None = None, period: str | None = None,
) -> tuple[Fact, ...]:  # fmt: skip
    """Return the facts of a note in reading order.

    Args:
        text: canonical text of the note.
        sections: its sections.
        document_id: prefix of the fact ids.
        entity: the patient, where a column names one.
        period: ISO date of the note, where known.
    """
    found: list[tuple[Mention | Reading, tuple[tuple[str, str], ...]]] = [
        (m, m.detail) for m in _mentions(text, sections)
    ]
    found += [
        (reading, (("section", kind),))
        for reading, kind in _readings(text, sections)
        if not is_uncertain(text, reading.start, reading.end)
    ]
    facts: list[Fact] = []
    taken: set[tuple[str, int]] = set()
    for mention, detail in sorted(found, key=lambda f: (f[0].start, f[0].end, f[0].name)):
        if (mention.name, mention.start) in taken or _MASKED.search(
            text[mention.start : mention.end]
        ):
            continue
        taken.add((mention.name, mention.start))
        fact_id = f"{document_id}#f{len(facts) + 1}"
        facts.append(_fact(text, mention, detail, fact_id, entity, period))
    return tuple(facts)
