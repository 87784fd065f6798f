"""One clinical statement of a chart: the facts of one resource, before they are written out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from sftdata.readers.fhir_bundle import Resource, clean, dig, first
from sftdata.readers.fhir_terms import SYSTEMS, charted_term, term_name
from sftdata.types import Fact, Key

__all__ = ["Concept", "Record", "UnusableError", "attributes", "concept", "iso_date", "term_fact"]


class UnusableError(Exception):
    """A resource that states nothing we may teach; `reason` counts it."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """The facts of one resource, with where in a chart they belong.

    `facts[0]` is the statement itself; further facts are its components (the two pressures of a
    blood pressure). Their `as_reported` is what the chart will show; spans are set on writing.
    """

    section: str
    """`problems`, `medications`, `allergies`, `immunizations`, `procedures`, `vitals`, `labs`,
    `social`, `findings`, `reports`, `plan`, `encounters`, `reason`, `disposition`."""
    key: str
    """`Type/id` of the resource."""
    encounter: str
    """`Type/id` of the encounter, or empty."""
    date: str
    """ISO date, or empty."""
    facts: tuple[Fact, ...]
    notes: tuple[Key, ...] = ()
    """Detail that stands in the same row, by name: status, onset, dose, reference range."""
    panel: str = ""
    """Name of the report that the result belongs to."""

    def note(self, kind: str) -> str:
        """Return the first detail of this kind, or an empty string."""
        return next((n.value for n in self.notes if n.kind == kind), "")


@dataclass(frozen=True, slots=True)
class Concept:
    """A coded term: qualified name, display as the source has it, and as it is charted."""

    name: str
    code: str
    display: str
    charted: str


def concept(value: Any, locale: str = "en") -> Concept | None:
    """Read a CodeableConcept: the first coding of a known system, else the first with a code.

    A concept without any code keeps its text and is named `text`. Nothing readable gives None.
    """
    value = first(value)
    listed = value.get("coding")
    codings = [c for c in listed if isinstance(c, dict)] if isinstance(listed, list) else []
    coding = next((c for c in codings if c.get("system") in SYSTEMS), first(codings))
    code = clean(coding.get("code"), 80)
    display = clean(coding.get("display")) or clean(value.get("text"))
    if not display:
        return None
    system = clean(coding.get("system"))
    short = SYSTEMS.get(system, "code")
    name = f"{short}:{code}" if code else "text"
    charted = term_name(code, display, locale) if short == "loinc" else charted_term(display)
    return Concept(name, code, display, charted or display)


def iso_date(value: Any) -> str:
    """Return the date part of a FHIR date or dateTime (`2012-03`, `2012` stay short), or empty.

    >>> iso_date("2012-02-27T05:28:45+00:00"), iso_date("2012-13-01"), iso_date("2012-03")
    ('2012-02-27', '', '2012-03')
    """
    text = clean(value, 40)[:10]
    parts = text.split("-")
    widths = tuple(len(p) for p in parts)
    if widths not in ((4,), (4, 2), (4, 2, 2)) or not all(
        p.isascii() and p.isdigit() for p in parts
    ):
        return ""
    try:
        date(*(int(p) for p in [*parts, "01", "01"][:3]))
    except ValueError:
        return ""
    return text


def attributes(pairs: Iterable[tuple[str, str]]) -> tuple[Key, ...]:
    """Return the pairs that carry a value as attributes."""
    return tuple(Key(kind=k, value=v) for k, v in pairs if v)


def term_fact(
    resource: Resource, term: Concept, *, when: str, extra: Iterable[tuple[str, str]] = ()
) -> Fact:
    """Return the fact that a coded statement (problem, drug, procedure) makes."""
    return Fact(
        fact_id="",
        name=term.name,
        label=term.charted,
        kind="code",
        value=term.charted,
        as_reported=term.charted,
        period=when or None,
        source="fhir",
        attributes=attributes(
            [
                ("resource", clean(resource.get("resourceType"))),
                ("display", term.display),
                ("code", term.code),
                *extra,
            ]
        ),
    )


def status_code(resource: Resource, name: str) -> str:
    """Return a status that is a plain code or a CodeableConcept."""
    plain = clean(resource.get(name), 60)
    return (
        plain
        or clean(dig(resource, name, "coding", "code"), 60)
        or clean(dig(resource, name, "text"), 60)
    )
