"""Documents of one patient: the chart summary and a note for each visit that has content."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

from sftdata.readers.fhir_bundle import Resource, clean, dig
from sftdata.readers.fhir_page import Page, Piece
from sftdata.readers.fhir_patient import Patient, age_fact, short_id
from sftdata.readers.fhir_records import Record, iso_date
from sftdata.readers.fhir_render import charted_once, render_sections
from sftdata.readers.fhir_resources import encounter_label
from sftdata.readers.fhir_words import Style, style_of
from sftdata.types import Document, Fact, Key, Source

__all__ = ["Chart", "chart_document", "visit_documents"]

_CHART = [
    ("problems", "problems"), ("medications", "medications"), ("allergies", "allergies"),
    ("vitals", "vitals"), ("labs", "labs"), ("social", "social"), ("findings", "findings"),
    ("reports", "reports"), ("procedures", "procedures"), ("immunizations", "immunizations"),
    ("plan", "plan"), ("encounters", "encounters"),
]  # fmt: skip
_VISIT = [
    ("reason", "reason"), ("vitals", "vitals"), ("social", "social"), ("labs", "labs"),
    ("findings", "findings"), ("reports", "reports"), ("allergies", "allergies"),
    ("problems", "assessment"), ("procedures", "procedures_visit"),
    ("immunizations", "immunizations_visit"), ("medications", "medications_visit"),
    ("plan", "plan"), ("disposition", "disposition"),
]  # fmt: skip
_HEADER_ONLY = {"encounters", "reason", "disposition"}
_NEWEST_FIRST = {"encounters", "medications", "immunizations", "procedures"}
_SETTINGS = {"AMB": "AMB", "EMER": "EMER", "IMP": "IMP", "ACUTE": "IMP", "NONAC": "IMP"}


@dataclass(frozen=True, slots=True)
class Chart:
    """A patient, the records about them, and the encounters that the records may belong to."""

    patient: Patient
    records: tuple[Record, ...]
    encounters: dict[str, Resource]
    source: Source
    locale: str


def _named(name: str, label: str, text: str, chart: Chart, kind: str = "code") -> Fact:
    return Fact(
        fact_id="", name=name, label=label, kind=kind, value=text, as_reported=text,
        entity=chart.patient.id, source="fhir",
        attributes=(Key(kind="resource", value="Patient"), Key(kind="display", value=label)),
    )  # fmt: skip


def _sex(chart: Chart, style: Style) -> Fact | None:
    if not chart.patient.sex:
        return None
    fact = _named("loinc:46098-0", "Sex", chart.patient.sex, chart)
    return replace(fact, as_reported=style.code(chart.patient.sex))


def _age(chart: Chart, style: Style, when: str) -> list[Piece]:
    fact = age_fact(chart.patient, when)
    if fact is None:
        return []
    return [fact, style.say("years" if fact.unit == "a" else "months")]


def _owned(records: list[Record], patient: Patient) -> list[Record]:
    """Give every fact its entity."""
    return [
        replace(r, facts=tuple(replace(f, entity=patient.id) for f in r.facts)) for r in records
    ]


_LATER = {
    "problems": {"status", "abatement", "clinicalStatus"},
    "medications": {"status"},
    "plan": {"status"},
}
"""What a resource says as of today: a note of that day could not have said it."""


def _at_visit(record: Record, day: str) -> Record:
    """Return a record as it stood on the day of the visit: no later outcome, no later status."""
    hidden = _LATER.get(record.section, set())
    if not hidden or (record.note("abatement") and record.note("abatement") <= day):
        return record
    facts = tuple(
        replace(f, attributes=tuple(a for a in f.attributes if a.kind not in hidden))
        for f in record.facts
    )
    notes = tuple(n for n in record.notes if n.kind not in hidden)
    return replace(record, facts=facts, notes=notes)


def _order(records: list[Record]) -> list[Record]:
    """Order records as a chart reads: active problems first, history newest first."""
    by_date = sorted(records, key=lambda r: (r.date, r.key))
    newest = [r for r in reversed(by_date) if r.section in _NEWEST_FIRST]
    rest = [r for r in by_date if r.section not in _NEWEST_FIRST]
    rest.sort(key=lambda r: r.section == "problems" and r.note("status") != "active")
    return rest + newest


def _person_lines(page: Page, chart: Chart, style: Style, when: str) -> None:
    colon, patient = style.say("colon"), chart.patient
    if patient.name:
        page.line(style.say("patient"), colon, patient.name)
    age, sex = _age(chart, style, when), _sex(chart, style)
    if style.layout == "compact" and age and sex:
        page.line(f"{style.say('age')}/{style.say('sex')}", colon, *age, " / ", sex)
        return
    if age:
        page.line(style.say("age"), colon, *age)
    if sex:
        page.line(style.say("sex"), colon, sex)


def _chart_person(page: Page, chart: Chart, style: Style, when: str) -> None:
    _person_lines(page, chart, style, when)
    colon, patient = style.say("colon"), chart.patient
    for phrase, code, value in (
        ("marital", "loinc:45404-1", patient.marital),
        ("language", "loinc:54899-0", patient.language),
    ):
        if value:
            label = style.say(phrase)
            fact = _named(code, label, value, chart)
            page.line(label, colon, replace(fact, as_reported=style.code(value)))
    if patient.death:
        label = style.say("deceased")
        page.line(label, colon, _named("loinc:81954-0", label, patient.death, chart, "date"))


def _document(
    page: Page, chart: Chart, style: Style, *, title: str, kind: str, published: str,
    metadata: tuple[Key, ...] = (),
) -> Document:  # fmt: skip
    text, sections, facts = page.finish()
    return Document(
        document_id=page.document_id,
        source=chart.source,
        domain="medicine",
        locale=chart.locale,
        title=title,
        published=published or None,
        text=text,
        kind=kind,
        sections=sections,
        facts=facts,
        keys=chart.patient.keys,
        metadata=(
            Key(kind="template", value=style.template),
            *metadata,
            *chart.patient.phi,
        ),
        text_origin="rendered",
    )


def chart_document(chart: Chart, document_id: str) -> Document:
    """Write the patient's chart summary: everything that is known, most recent results only."""
    style = style_of(document_id, chart.locale)
    everything = _owned(list(chart.records), chart.patient)
    dates = [r.date for r in everything if len(r.date) == 10]
    when = chart.patient.death or max(dates, default="")
    page = Page(document_id)
    page.heading(style.heading("chart"), "header")
    if when:
        page.line(style.say("summary_date"), style.say("colon"), when)
    page.heading(style.heading("demographics"), "demographics", level=2)
    _chart_person(page, chart, style, when)
    ordered = _order(everything)
    shown = charted_once(ordered)
    render_sections(page, shown, style, _CHART[:2], dated=True)
    if not any(r.section == "allergies" for r in shown):
        page.heading(style.heading("allergies"), "allergies")
        page.line(style.say("no_allergies"))
    render_sections(page, shown, style, _CHART[2:], dated=True)
    title = f"{style.heading('chart').capitalize()} {short_id(chart.patient.id)}"
    return _document(page, chart, style, title=title, kind="patient_chart", published=when)


def _visit(chart: Chart, encounter: Resource, records: list[Record], document_id: str) -> Document:
    style = style_of(document_id, chart.locale)
    when = iso_date(dig(encounter, "period", "start"))
    end = iso_date(dig(encounter, "period", "end"))
    setting = clean(dig(encounter, "class", "code"), 20)
    title = style.visit_heading(_SETTINGS.get(setting, ""))
    page = Page(document_id)
    colon = style.say("colon")
    page.heading(title, "header")
    _person_lines(page, chart, style, when)
    page.line(style.say("visit_date"), colon, when if not end or end == when else f"{when} - {end}")
    kind = [r for r in records if r.section == "encounters"]
    if kind:
        page.line(style.say("visit_type"), colon, kind[0].facts[0])
    ordered = [_at_visit(r, end or when) for r in _order(records)]
    before, after = _VISIT[:7], _VISIT[7:]
    render_sections(page, ordered, style, before, dated=False)
    if not any(r.section == "problems" for r in ordered):
        page.heading(style.heading("assessment"), "problems")
        page.line(style.say("none_assessment"))
    render_sections(page, ordered, style, after, dated=False)
    label = encounter_label(encounter)
    known = (("encounter", clean(encounter.get("id"), 80)), ("encounter_class", setting),
             ("encounter_type", label))  # fmt: skip
    return _document(
        page, chart, style, title=f"{title.capitalize()} {when}", kind="visit_note",
        published=when, metadata=tuple(Key(kind=k, value=v) for k, v in known if v),
    )  # fmt: skip


def visit_documents(chart: Chart) -> list[Document]:
    """Write one note for each dated encounter at which something was found, given or done."""
    by_encounter: dict[str, list[Record]] = {}
    for record in _owned(list(chart.records), chart.patient):
        by_encounter.setdefault(record.encounter, []).append(record)
    dated = sorted(
        (iso_date(dig(resource, "period", "start")), key)
        for key, resource in chart.encounters.items()
    )
    counts: Counter[str] = Counter()
    documents: list[Document] = []
    for when, key in dated:
        records = by_encounter.get(key, [])
        if not when or all(r.section in _HEADER_ONLY for r in records):
            continue
        counts[when] += 1
        document_id = f"patient-{short_id(chart.patient.id)}-visit-{when}-{counts[when]}"
        documents.append(_visit(chart, chart.encounters[key], records, document_id))
    return documents
