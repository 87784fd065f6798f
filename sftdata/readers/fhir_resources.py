"""Clinical resources other than observations, each turned into records of a chart."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from sftdata.readers.fhir_bundle import Bundle, Resource, clean, dig, first
from sftdata.readers.fhir_observations import observation
from sftdata.readers.fhir_records import (
    Concept,
    Record,
    UnusableError,
    attributes,
    concept,
    iso_date,
    status_code,
    term_fact,
)
from sftdata.types import Fact

__all__ = ["PATIENT_FIELDS", "encounter_label", "period_of", "records"]

PATIENT_FIELDS = {
    "Observation": "subject",
    "Condition": "subject",
    "MedicationRequest": "subject",
    "MedicationStatement": "subject",
    "AllergyIntolerance": "patient",
    "Immunization": "patient",
    "Procedure": "subject",
    "DiagnosticReport": "subject",
    "CarePlan": "subject",
    "Encounter": "subject",
    "DocumentReference": "subject",
    "Composition": "subject",
}
"""The resource types that a chart is made of, and the field that names the patient."""

_NO_KNOWN = {"716186003", "409137002", "428607008", "429625007", "428197003", "1003774007"}
_NO_KNOWN_TEXT = re.compile(r"^(?:no known|nkda?\b|nka\b|无已知|未发现.*过敏|否认)", re.IGNORECASE)
_STRENGTH = re.compile(r"(?<![\d.])\d+(?:\.\d+)? (?:mg|mcg|g|mEq|units)(?:/m?L)?(?=\s|$)")
_FORM = re.compile(
    r"\b(?:Oral Tablet|Oral Capsule|Oral Solution|Oral Suspension|Topical Cream|Auto-Injector|"
    r"Injectable Solution|Injection|Inhaler|Metered Dose Inhaler|Transdermal Patch)\b"
)
_PERIODS = {"h": "hour", "d": "day", "wk": "week", "mo": "month", "min": "minute", "a": "year"}
_TIMES = {1: "once", 2: "twice", 3: "three times", 4: "four times"}


def period_of(start: str, end: str) -> str:
    """Return an ISO 8601 period: one date, or `start/end` where they differ."""
    return f"{start}/{end}" if start and end and start != end else start or end


def _term(resource: Resource, field: str) -> Concept:
    found = concept(resource.get(field))
    if found is None:
        raise UnusableError("no_code", f"{resource.get('resourceType')}.{field} has no display")
    return found


def _refuse(status: str, void: set[str]) -> None:
    if status in void:
        raise UnusableError(status.replace("-", "_"))


def _one(
    section: str, key: str, encounter: str, when: str, fact: Fact, *notes: tuple[str, str]
) -> list[Record]:
    found = attributes(notes)
    return [
        Record(section=section, key=key, encounter=encounter, date=when, facts=(fact,), notes=found)
    ]


def _condition(resource: Resource, key: str, encounter: str, _: Bundle) -> list[Record]:
    verified = status_code(resource, "verificationStatus")
    _refuse(verified, {"refuted", "entered-in-error"})
    term = _term(resource, "code")
    status = status_code(resource, "clinicalStatus")
    recorded = iso_date(resource.get("recordedDate"))
    onset = iso_date(resource.get("onsetDateTime")) or iso_date(
        dig(resource, "onsetPeriod", "start")
    )
    abated = iso_date(resource.get("abatementDateTime")) or iso_date(
        dig(resource, "abatementPeriod", "start")
    )
    shown = [("status", status), ("onset", onset), ("abatement", abated), ("recorded", recorded),
             ("verification", "" if verified == "confirmed" else verified)]  # fmt: skip
    fact = term_fact(resource, term, when=onset or recorded, extra=[
        ("clinicalStatus", status), ("verificationStatus", verified), ("onset", onset),
        ("abatement", abated), ("recorded", recorded), ("encounter", encounter)])  # fmt: skip
    return _one("problems", key, encounter, onset or recorded, fact, *shown)


def _whole(value: Any) -> int:
    text = clean(value, 8)
    return int(text) if text.isascii() and text.isdigit() else 0


def _frequency(dosage: Resource) -> str:
    """Say `timing.repeat` in words: once daily, twice daily, every 4 hours."""
    repeat = first(dig(dosage, "timing", "repeat"))
    count, period = _whole(repeat.get("frequency")) or 1, _whole(repeat.get("period"))
    unit = _PERIODS.get(clean(repeat.get("periodUnit"), 4), "")
    if not unit or not period:
        return clean(dig(dosage, "timing", "code", "text"), 60)
    often = _TIMES.get(count, f"{count} times")
    if period == 1 and unit == "day":
        return f"{often} daily"
    if period == 1:
        return f"{often} per {unit}" if count > 1 else f"every {unit}"
    return f"every {period} {unit}s" if count == 1 else f"{often} every {period} {unit}s"


def _dosage(resource: Resource, field: str) -> list[tuple[str, str]]:
    dosage = first(resource.get(field))
    rate = first(dosage.get("doseAndRate"))
    dose = first(rate.get("doseQuantity")) or first(dosage.get("doseQuantity"))
    amount = " ".join(filter(None, [clean(dose.get("value"), 20), clean(dose.get("unit"), 30)]))
    as_needed = dosage.get("asNeededBoolean") is True or "asNeededCodeableConcept" in dosage
    route = clean(dig(dosage, "route", "text")) or clean(dig(dosage, "route", "coding", "display"))
    return [
        ("dose", amount),
        ("route", route.lower()),
        ("frequency", _frequency(dosage)),
        ("as_needed", "as needed" if as_needed else ""),
        ("instruction", clean(dosage.get("text"), 200)),
    ]


def _medication(resource: Resource, key: str, encounter: str, bundle: Bundle) -> list[Record]:
    status = status_code(resource, "status")
    _refuse(status, {"entered-in-error", "cancelled", "draft", "not-taken"})
    if clean(resource.get("intent")) in {"proposal", "plan", "option"}:
        raise UnusableError("not_ordered")
    if resource.get("doNotPerform") is True:
        raise UnusableError("do_not_perform")
    term = concept(resource.get("medicationCodeableConcept"))
    if term is None:
        drug = bundle.resolve(resource.get("medicationReference"), resource)
        term = concept((drug or {}).get("code"))
    if term is None:
        raise UnusableError("no_code", "the medication has no name")
    when = (
        iso_date(resource.get("authoredOn"))
        or iso_date(resource.get("effectiveDateTime"))
        or (
            iso_date(dig(resource, "effectivePeriod", "start"))
            or iso_date(resource.get("dateAsserted"))
        )
    )
    strengths = _STRENGTH.findall(term.charted)
    form = _FORM.search(term.charted)
    field = "dosageInstruction" if "dosageInstruction" in resource else "dosage"
    details = [("status", status), *_dosage(resource, field)]
    fact = term_fact(resource, term, when=when, extra=[
        *details, ("strength", strengths[0] if len(strengths) == 1 else ""),
        ("form", form.group() if form else ""), ("authored", when),
        ("encounter", encounter)])  # fmt: skip
    return _one("medications", key, encounter, when, fact, *details, ("authored", when))


def _allergy(resource: Resource, key: str, encounter: str, _: Bundle) -> list[Record]:
    verified = status_code(resource, "verificationStatus")
    _refuse(verified, {"refuted", "entered-in-error"})
    term = _term(resource, "code")
    when = iso_date(resource.get("recordedDate")) or iso_date(resource.get("onsetDateTime"))
    reaction = first(resource.get("reaction"))
    found = concept(reaction.get("manifestation"))
    negative = term.code in _NO_KNOWN or bool(_NO_KNOWN_TEXT.match(term.charted))
    shown = [
        ("reaction", found.charted if found else ""),
        ("severity", clean(reaction.get("severity"), 30)),
        ("criticality", clean(resource.get("criticality"), 30)),
        ("status", status_code(resource, "clinicalStatus")),
        ("recorded", when),
    ]
    fact = term_fact(resource, term, when=when, extra=[
        *shown, ("verificationStatus", verified), ("negated", "true" if negative else ""),
        ("encounter", encounter)])  # fmt: skip
    return _one("allergies", key, encounter, when, fact, *shown)


def _immunization(resource: Resource, key: str, encounter: str, _: Bundle) -> list[Record]:
    status = status_code(resource, "status")
    _refuse(status, {"entered-in-error", "not-done"})
    term = _term(resource, "vaccineCode")
    when = iso_date(resource.get("occurrenceDateTime")) or iso_date(resource.get("recorded"))
    fact = term_fact(
        resource, term, when=when, extra=[("status", status), ("encounter", encounter)]
    )
    return _one("immunizations", key, encounter, when, fact, ("status", status))


def _procedure(resource: Resource, key: str, encounter: str, _: Bundle) -> list[Record]:
    status = status_code(resource, "status")
    _refuse(status, {"entered-in-error", "not-done", "preparation"})
    term = _term(resource, "code")
    start = iso_date(resource.get("performedDateTime")) or iso_date(
        dig(resource, "performedPeriod", "start")
    )
    end = iso_date(dig(resource, "performedPeriod", "end"))
    fact = term_fact(resource, term, when=period_of(start, end), extra=[
        ("status", status), ("encounter", encounter)])  # fmt: skip
    return _one("procedures", key, encounter, start, fact, ("status", status))


def _report(resource: Resource, key: str, encounter: str, _: Bundle) -> list[Record]:
    status = status_code(resource, "status")
    _refuse(status, {"entered-in-error", "cancelled", "registered"})
    conclusion = clean(resource.get("conclusion"))
    if not conclusion:
        return []
    term = _term(resource, "code")
    when = iso_date(resource.get("effectiveDateTime")) or iso_date(resource.get("issued"))
    fact = Fact(
        fact_id="", name=term.name, label=term.charted, kind="text", value=conclusion,
        as_reported=conclusion, period=when or None, source="fhir",
        attributes=attributes([("resource", "DiagnosticReport"), ("status", status),
                               ("display", term.display), ("code", term.code),
                               ("encounter", encounter)]))  # fmt: skip
    return _one("reports", key, encounter, when, fact, ("status", status))


def _care_plan(resource: Resource, key: str, encounter: str, _: Bundle) -> list[Record]:
    status = status_code(resource, "status")
    _refuse(status, {"entered-in-error", "revoked", "draft"})
    category = concept(resource.get("category"))
    start, end = (iso_date(dig(resource, "period", side)) for side in ("start", "end"))
    listed = resource.get("activity")
    found: list[Record] = []
    for activity in listed if isinstance(listed, list) else []:
        term = concept(dig(activity, "detail", "code"))
        done = clean(dig(activity, "detail", "status"), 40)
        if term is None or done in {"cancelled", "entered-in-error"}:
            continue
        fact = term_fact(resource, term, when=period_of(start, end), extra=[
            ("status", done or status), ("encounter", encounter),
            ("category", category.charted if category else "")])  # fmt: skip
        found += _one("plan", key, encounter, start, fact, ("status", done or status),
                      ("plan", category.charted if category else ""))  # fmt: skip
    return found


def encounter_label(resource: Resource) -> str:
    """Return the encounter's type as it is charted, or its class."""
    found = concept(resource.get("type"))
    return found.charted if found else clean(dig(resource, "class", "code"), 40)


def _encounter(resource: Resource, key: str, _: str, __: Bundle) -> list[Record]:
    status = status_code(resource, "status")
    _refuse(status, {"entered-in-error", "cancelled", "planned"})
    start, end = (iso_date(dig(resource, "period", side)) for side in ("start", "end"))
    when = period_of(start, end)
    setting = clean(dig(resource, "class", "display"), 40) or clean(
        dig(resource, "class", "code"), 20
    )
    reason = concept(resource.get("reasonCode"))
    shared = [("status", status), ("class", setting), ("encounter", key)]
    found: list[Record] = []
    term = concept(resource.get("type"))
    if term is not None:
        fact = term_fact(resource, term, when=when, extra=[
            *shared, ("reason", reason.charted if reason else "")])  # fmt: skip
        found += _one("encounters", key, key, start, fact, ("class", setting), ("end", end),
                      ("reason", reason.charted if reason else ""))  # fmt: skip
    if reason is not None:
        fact = term_fact(resource, reason, when=when, extra=[*shared, ("category", "reason")])
        found += _one("reason", key, key, start, fact)
    leave = concept(dig(resource, "hospitalization", "dischargeDisposition"))
    if leave is not None:
        fact = term_fact(resource, leave, when=end or start, extra=[
            *shared, ("category", "discharge disposition")])  # fmt: skip
        found += _one("disposition", key, key, end or start, fact)
    return found


_READERS: dict[str, Callable[[Resource, str, str, Bundle], list[Record]]] = {
    "Condition": _condition,
    "MedicationRequest": _medication,
    "MedicationStatement": _medication,
    "AllergyIntolerance": _allergy,
    "Immunization": _immunization,
    "Procedure": _procedure,
    "DiagnosticReport": _report,
    "CarePlan": _care_plan,
    "Encounter": _encounter,
}


def records(resource: Resource, bundle: Bundle, locale: str) -> list[Record]:
    """Return the records of one resource; a type that is only a carrier of notes has none.

    Raises:
        UnusableError: nothing in it may be taught (refuted, void, without code or value).
    """
    kind = str(resource.get("resourceType"))
    key = f"{kind}/{clean(resource.get('id'), 80)}"
    linked = resource.get("encounter") or dig(resource, "context", "encounter")
    encounter = bundle.key_of(linked, resource) if linked else ""
    if kind == "Observation":
        return observation(resource, key, encounter, locale)
    read = _READERS.get(kind)
    return read(resource, key, encounter, bundle) if read else []
