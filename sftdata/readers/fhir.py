"""FHIR R4 bundles as documents: a chart per patient, a note per visit, and the notes they carry.

Facts come from the resources themselves: LOINC results, SNOMED problems and procedures, RxNorm
drugs, CVX vaccines. Rendered text is marked as such (`text_origin="rendered"`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from sftdata.part import Reader
from sftdata.readers.clinical_sections import find_sections
from sftdata.readers.clinical_text import locale_of
from sftdata.readers.fhir_attachments import Note, NoteProblem, notes_of
from sftdata.readers.fhir_bundle import Bundle, Resource, bundles, clean
from sftdata.readers.fhir_chart import Chart, chart_document, visit_documents
from sftdata.readers.fhir_grounding import ground
from sftdata.readers.fhir_patient import Patient, patient_of, short_id
from sftdata.readers.fhir_records import Record, UnusableError, concept
from sftdata.readers.fhir_resources import PATIENT_FIELDS, records
from sftdata.types import Document, Key, Reject, Source

__all__ = ["FhirReader"]


@dataclass(slots=True)
class _Person:
    """What a bundle holds about one patient, while it is being collected."""

    patient: Patient
    records: list[Record] = field(default_factory=list)
    encounters: dict[str, Resource] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)


class FhirReader(Reader):
    """Reads FHIR R4 bundles (`.json`) and NDJSON (bundles or bulk-export resources).

    Every fact's span is noted while the text is written, so `text[start:end] == as_reported`
    holds by construction. Numbers are charted with clinical precision; where that takes digits
    away, the source's own number is the attribute `source_value`.

    >>> FhirReader.sniff(Path("b.json"), b'{"resourceType": "Bundle", "entry": []}')
    0.95
    """

    name: ClassVar[str] = "fhir"
    suffixes: ClassVar[tuple[str, ...]] = (".json", ".ndjson")

    max_bytes: int = Field(default=200_000_000, gt=0)
    """The largest file that is read; a larger one is a `too_large` error."""
    locale: Literal["auto", "en", "zh"] = "auto"
    """Language in which charts are written; `auto` follows the displays of the resources."""
    charts: bool = True
    """Whether to write a chart summary per patient."""
    visits: bool = True
    """Whether to write a note per visit."""

    @classmethod
    def sniff(cls, path: Path, head: bytes) -> float:
        """Return 0.95 for a bundle, 0.6 for other FHIR resources, 0 for anything else."""
        start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
        if not start.startswith(b"{") or b'"resourceType"' not in head:
            return 0.0
        compact = head.replace(b" ", b"").replace(b"\n", b"").replace(b"\r", b"")
        if b'"resourceType":"Bundle"' in compact:
            return 0.95
        return 0.9 if path.suffix.lower() == ".ndjson" else 0.3

    def read(self, path: Path) -> Iterator[Document | Reject]:
        """Yield charts, visit notes and carried notes, and a reject per unusable resource.

        Raises:
            SourceError: `unreadable`, `too_large`, `invalid_json`, `too_deep`, `not_fhir_bundle`.
        """
        path = Path(path)
        source: Source | None = None
        seen: set[str] = set()
        for bundle in bundles(path, self.max_bytes):
            source = source or Source(path=str(path), sha256=_digest(path), reader=self.name)
            for locator, reason in bundle.broken:
                yield self._reject(path, locator, reason)
            for item in self._bundle(bundle, source):
                if isinstance(item, Reject):
                    yield item
                    continue
                yield _unique(item, seen, source.sha256)

    def _reject(self, path: Path | str, locator: str, reason: str, detail: str = "") -> Reject:
        return Reject(
            path=str(path), locator=locator, reason=reason, detail=detail, reader=self.name
        )

    def _bundle(self, bundle: Bundle, source: Source) -> Iterator[Document | Reject]:
        locale = _locale(bundle) if self.locale == "auto" else self.locale
        people: dict[str, _Person] = {}
        for _, resource in bundle.resources:
            if resource.get("resourceType") == "Patient" and clean(resource.get("id"), 80):
                person = _Person(patient_of(resource))
                people.setdefault(f"Patient/{person.patient.id}", person)
        yield from self._collect(bundle, people, source, locale)
        for person in people.values():
            chart = Chart(person.patient, tuple(person.records), person.encounters, source, locale)
            if self.charts and (person.records or person.encounters):
                yield chart_document(chart, f"patient-{short_id(person.patient.id)}-chart")
            if self.visits:
                yield from visit_documents(chart)
            yield from self._notes(person, chart)

    def _collect(
        self, bundle: Bundle, people: dict[str, _Person], source: Source, locale: str
    ) -> Iterator[Reject]:
        """Give every resource to its patient; yield what belongs to nobody or states nothing."""
        panels = _panels(bundle, locale)
        for locator, resource in bundle.resources:
            kind = str(resource.get("resourceType"))
            if kind not in PATIENT_FIELDS:
                continue
            person = _owner(resource, bundle, people)
            if person is None:
                yield self._reject(source.path, locator, "no_patient", kind[:40])
                continue
            if kind == "Encounter":
                person.encounters[f"Encounter/{clean(resource.get('id'), 80)}"] = resource
            for found in notes_of(resource, bundle):
                if isinstance(found, Note):
                    person.notes.append(found)
                else:
                    yield self._problem(source, locator, found)
            try:
                stated = records(resource, bundle, locale)
            except UnusableError as skip:
                yield self._reject(source.path, locator, skip.reason, skip.detail or kind[:40])
                continue
            person.records += [replace(r, panel=panels.get(r.key, "") or r.panel) for r in stated]

    def _problem(self, source: Source, locator: str, found: NoteProblem) -> Reject:
        return self._reject(source.path, locator, found.reason, found.detail)

    def _notes(self, person: _Person, chart: Chart) -> Iterator[Document | Reject]:
        texts: set[tuple[str, str]] = set()
        for number, note in enumerate(person.notes, start=1):
            if (note.encounter, note.text) in texts:
                yield self._reject(chart.source.path, note.key, "duplicate_note")
                continue
            texts.add((note.encounter, note.text))
            yield _note_document(note, number, person, chart)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _unique(document: Document, seen: set[str], digest: str) -> Document:
    """Rename a document whose id was given before in this file."""
    name, number = document.document_id, 1
    while name in seen:
        tail = digest[:8] if number == 1 else f"{digest[:8]}-{number}"
        name, number = f"{document.document_id}-{tail}", number + 1
    seen.add(name)
    if name == document.document_id:
        return document
    facts = tuple(
        replace(f, fact_id=f"{name}#{f.fact_id.rpartition('#')[2]}") for f in document.facts
    )
    return replace(document, document_id=name, facts=facts)


def _locale(bundle: Bundle) -> str:
    shown = [
        clean(value.get("text")) or clean((value.get("coding") or [{}])[0].get("display"))
        for _, resource in bundle.resources[:500]
        if isinstance(value := resource.get("code"), dict)
        and isinstance(value.get("coding") or [{}], list)
        and isinstance((value.get("coding") or [{}])[0], dict)
    ]
    return locale_of(" ".join(shown))


def _owner(resource: Resource, bundle: Bundle, people: dict[str, _Person]) -> _Person | None:
    """Return the patient a resource is about; a patient known by reference only is added."""
    reference = resource.get(PATIENT_FIELDS[str(resource.get("resourceType"))])
    key = bundle.key_of(reference, resource)
    if key in people:
        return people[key]
    if not key.startswith("Patient/") or key == "Patient/":
        return None
    held = bundle.resolve(reference, resource)
    identity = clean(key.removeprefix("Patient/"), 80)
    patient = (
        patient_of(held)
        if held is not None
        else Patient(id=identity, keys=(Key(kind="patient", value=identity),))
    )
    people[key] = _Person(patient)
    return people[key]


def _panels(bundle: Bundle, locale: str) -> dict[str, str]:
    """Return the name of the report under which each observation was resulted."""
    found: dict[str, str] = {}
    for _, resource in bundle.resources:
        if resource.get("resourceType") != "DiagnosticReport":
            continue
        term = concept(resource.get("code"), locale)
        title = term.charted if term else ""
        results = resource.get("result")
        for result in results if title and isinstance(results, list) else []:
            key = bundle.key_of(result, resource)
            if key:
                found.setdefault(key, title)
    return found


def _note_document(note: Note, number: int, person: _Person, chart: Chart) -> Document:
    """Build the document of a carried note; facts of the same encounter where it names one."""
    patient = person.patient
    near = [r for r in person.records if not note.encounter or r.encounter == note.encounter]
    owned = [replace(r, facts=tuple(replace(f, entity=patient.id) for f in r.facts)) for r in near]
    when = f"-{note.date}" if note.date else ""
    document_id = f"patient-{short_id(patient.id)}-note{when}-{number}"
    locale = locale_of(note.text)
    sections = find_sections(note.text, locale)
    known = (("resource", note.key), ("encounter", note.encounter),
             ("narrative_status", note.narrative_status))  # fmt: skip
    return Document(
        document_id=document_id,
        source=chart.source,
        domain="medicine",
        locale=locale,
        title=note.title or document_id,
        published=note.date or None,
        text=note.text,
        kind="clinical_note",
        sections=sections,
        facts=ground(note.text, owned, document_id, sections),
        keys=patient.keys,
        metadata=(*(Key(kind=k, value=v) for k, v in known if v), *patient.phi),
    )
