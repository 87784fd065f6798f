"""What was measured and written: observations, panels, reports and notes."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

from .case import Case
from .resources import codeable, quantity
from .tables import CATEGORIES, HL7, LOINC, MEASURES, NOTE_TYPES, PANELS, SMOKING, SNOMED

Resource = dict[str, Any]
_PRESSURES = (
    ("8480-6", "Systolic Blood Pressure", "收缩压"),
    ("8462-4", "Diastolic Blood Pressure", "舒张压"),
)
_FLAGS = {"H": "High", "L": "Low", "N": "Normal"}


def _bound(measure: Resource, side: str, sex: str) -> float | None:
    bound = measure.get(side)
    return bound.get(sex) if isinstance(bound, dict) else bound


def _range(measure: Resource, value: str, sex: str) -> Resource:
    """Return reference range and interpretation of a result that has a normal range."""
    low, high = _bound(measure, "low", sex), _bound(measure, "high", sex)
    if low is None and high is None:
        return {}
    flag = (
        "L"
        if low is not None and float(value) < low
        else "H"
        if high is not None and float(value) > high
        else "N"
    )
    sides = {side: quantity(str(bound), measure["unit"], measure["ucum"])
             for side, bound in (("low", low), ("high", high)) if bound is not None}  # fmt: skip
    return {
        "interpretation": [
            {
                "coding": [
                    {
                        "system": f"{HL7}/v3-ObservationInterpretation",
                        "code": flag,
                        "display": _FLAGS[flag],
                    }
                ]
            }
        ],
        "referenceRange": [sides],
    }


def _value(case: Case, key: str, value: str) -> tuple[str, Resource]:
    """Return the category of an observation and its code and value."""
    chinese = case.chinese
    if key == "bp":
        parts = [
            {
                "code": codeable(LOINC, code, zh if chinese else en),
                "valueQuantity": quantity(v, "mmHg", "mm[Hg]"),
            }
            for (code, en, zh), v in zip(_PRESSURES, value.split("/"), strict=True)
        ]
        return "vital-signs", {
            "code": codeable(LOINC, "85354-9", "血压" if chinese else "Blood Pressure"),
            "component": parts,
        }
    if key == "smoking":
        code, en, zh = SMOKING[value]
        return "social-history", {
            "code": codeable(
                LOINC, "72166-2", "吸烟状况" if chinese else "Tobacco smoking status NHIS"
            ),
            "valueCodeableConcept": codeable(SNOMED, code, zh if chinese else en),
        }
    measure = MEASURES[key]
    return CATEGORIES[measure["category"]], {
        "code": codeable(LOINC, measure["loinc"], measure["zh" if chinese else "en"]),
        "valueQuantity": quantity(value, measure["unit"], measure["ucum"]),
        **_range(measure, value, case.data["patient"]["gender"]),
    }


def observations(case: Case) -> Iterator[Resource]:
    """Yield vitals, results and scores, in the order of the case file."""
    for visit, encounter in case.data["encounters"].items():
        for key, value in encounter.get("values", {}).items():
            category, stated = _value(case, key, value)
            when = encounter[MEASURES.get(key, {}).get("at", "start")]
            yield {
                "resourceType": "Observation", "id": case.uid("Observation", f"{visit}/{key}"), "status": "final",
                "category": [codeable(f"{HL7}/observation-category", category, category)],
                "subject": case.ref("Patient"),
                "encounter": case.ref("Encounter", visit),
                "effectiveDateTime": when,
                "issued": when,
                **stated,
            }  # fmt: skip


def panels(case: Case) -> Iterator[Resource]:
    """Yield a DiagnosticReport for each panel of which at least two results are there."""
    for visit, encounter in case.data["encounters"].items():
        for panel, (code, en, zh) in PANELS.items():
            held = [
                k for k in encounter.get("values", {}) if MEASURES.get(k, {}).get("panel") == panel
            ]
            if len(held) < 2:
                continue
            yield {
                "resourceType": "DiagnosticReport", "id": case.uid("DiagnosticReport", f"{visit}/{panel}"), "status": "final",
                "category": [codeable(f"{HL7}/v2-0074", "LAB", "Laboratory")],
                "code": codeable(LOINC, code, zh if case.chinese else en),
                "subject": case.ref("Patient"),
                "encounter": case.ref("Encounter", visit),
                "effectiveDateTime": encounter["start"],
                "issued": encounter["start"],
                "result": [case.ref("Observation", f"{visit}/{k}") for k in held],
            }  # fmt: skip


def _note(case: Case, n: int, note: Resource) -> Resource:
    code, en, zh = NOTE_TYPES[note["type"]]
    name = codeable(LOINC, code, zh if case.chinese else en)
    data = base64.b64encode(case.fill(note).encode("utf-8")).decode("ascii")
    attachment = {"contentType": "text/plain; charset=utf-8", "language": case.data["language"], "data": data,
                  "title": note.get("title", zh if case.chinese else en)}  # fmt: skip
    encounter = case.encounter(note["in"])
    when = note.get("written", encounter["end"])
    author = case.ref("Practitioner", note.get("by", encounter["by"]))
    if note.get("as") == "report":
        made = {
            "resourceType": "DiagnosticReport", "id": case.uid("DiagnosticReport", f"note/{n}"), "status": "final",
            "category": [codeable(f"{HL7}/v2-0074", "RAD", "Radiology")],
            "code": name, "subject": case.ref("Patient"), "encounter": case.ref("Encounter", note["in"]),
            "effectiveDateTime": when, "issued": when, "performer": [author],
        }  # fmt: skip
        made |= {"conclusion": note["conclusion"]} if "conclusion" in note else {}
        return made | {"presentedForm": [attachment]}
    return {
        "resourceType": "DocumentReference", "id": case.uid("DocumentReference", str(n)), "status": "current",
        "docStatus": "final", "type": name, "subject": case.ref("Patient"), "date": when, "author": [author],
        "custodian": case.ref("Organization"),
        "content": [{"attachment": attachment}],
        "context": {"encounter": [case.ref("Encounter", note["in"])],
                    "period": {"start": encounter["start"], "end": encounter["end"]}},
    }  # fmt: skip


def notes(case: Case) -> Iterator[Resource]:
    """Yield the notes: reports of examinations as DiagnosticReport, all others as DocumentReference."""
    for n, note in enumerate(case.data["notes"]):
        yield _note(case, n, note)
