"""A patient's bundle: every resource, in the order in which Synthea writes them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from .case import Case
from .resources import (
    allergies,
    conditions,
    encounters,
    immunizations,
    medications,
    patient,
    procedures,
    staff,
)
from .results import notes, observations, panels

Resource = dict[str, Any]
_TAG = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ActReason",
    "code": "HTEST",
    "display": "test health data",
}
_MAKERS = (
    encounters,
    conditions,
    allergies,
    medications,
    immunizations,
    procedures,
    observations,
    panels,
    notes,
)


def file_name(case: Case) -> str:
    """Return the file name: the case and the beginning of the patient's id."""
    return f"{case.name}_{case.uid('Patient')[:8]}.json"


def _resources(case: Case) -> Iterator[Resource]:
    yield patient(case)
    yield from staff(case)
    for make in _MAKERS:
        yield from make(case)


def bundle_bytes(case: Case) -> bytes:
    """Return the bundle as UTF-8 JSON, marked as test data on every resource."""
    case.check()
    kind = case.data.get("bundle", "transaction")
    entries = []
    for resource in _resources(case):
        resource["meta"] = {"tag": [_TAG]}
        entry: Resource = {"fullUrl": f"urn:uuid:{resource['id']}", "resource": resource}
        if kind == "transaction":
            entry["request"] = {"method": "POST", "url": resource["resourceType"]}
        entries.append(entry)
    bundle = {"resourceType": "Bundle", "type": kind, "entry": entries}
    return (json.dumps(bundle, ensure_ascii=False, indent=1) + "\n").encode("utf-8")
