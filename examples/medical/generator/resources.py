"""The person, the visits and what is stated about them: problems, drugs, allergies, vaccines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .case import Case
from .tables import ATC, CLASSES, CVX, HL7, ICD10, ROUTES, RXNORM, SNOMED, UCUM

Resource = dict[str, Any]


def number(text: str) -> int | float:
    """Return a number of a case file as JSON writes it."""
    return float(text) if "." in text else int(text)


def codeable(system: str, code: str, display: str, *more: dict[str, str]) -> Resource:
    """Return a CodeableConcept whose text is its display; without a code it has the text alone."""
    own = [{"system": system, "code": code, "display": display}] if code else []
    coding = [*own, *more]
    return {"coding": coding, "text": display} if coding else {"text": display}


def term(entry: list[str]) -> Resource:
    """Return a SNOMED concept `[code, display]`, with ICD-10 where a third item names it."""
    more = [{"system": ICD10, "code": entry[2], "display": entry[1]}] if len(entry) > 2 else []
    return codeable(SNOMED, entry[0], entry[1], *more)


def _status(kind: str, code: str) -> Resource:
    return {"coding": [{"system": f"{HL7}/{kind}", "code": code}]}


def check_character(digits: str) -> str:
    """Return the check character of a Chinese identity number (GB 11643, ISO 7064 mod 11-2)."""
    total = sum(int(d) * (2 ** (17 - i) % 11) for i, d in enumerate(digits))
    return "10X98765432"[total % 11]


def _identifiers(case: Case) -> list[Resource]:
    person = case.data["patient"]
    kind = {"coding": [{"system": f"{HL7}/v2-0203", "code": "MR", "display": "Medical Record Number"}],
            "text": "Medical Record Number"}  # fmt: skip
    found = [
        {
            "type": kind,
            "system": f"urn:example:{case.data['site']['key']}:mrn",
            "value": person["mrn"],
        }
    ]
    if case.chinese:
        # region 999999 is not assigned: the number can belong to nobody
        digits = "999999" + person["birth"].replace("-", "") + person["sequence"]
        found.append(
            {"system": "urn:oid:2.16.156.10011.1.3", "value": digits + check_character(digits)}
        )
    else:
        social = {"coding": [{"system": f"{HL7}/v2-0203", "code": "SS", "display": "Social Security Number"}],
                  "text": "Social Security Number"}  # fmt: skip
        found.append(
            {"type": social, "system": "http://hl7.org/fhir/sid/us-ssn", "value": person["ssn"]}
        )
    return found


def patient(case: Case) -> Resource:
    """Return the Patient."""
    person = case.data["patient"]
    name: Resource = {
        "use": "official",
        "family": person["family"],
        "given": person["given"].split(),
    }
    if case.chinese:
        name["text"] = person["family"] + person["given"]
    married = {"M": "Married", "S": "Never Married", "D": "Divorced", "W": "Widowed"}[
        person["marital"]
    ]
    language = ("zh", "中文") if case.chinese else ("en-US", "English")
    return {
        "resourceType": "Patient",
        "id": case.uid("Patient"),
        "identifier": _identifiers(case),
        "active": True,
        "name": [name],
        "telecom": [{"system": "phone", "value": person["phone"], "use": "home"}],
        "gender": person["gender"],
        "birthDate": person["birth"],
        "address": [
            {"line": [person["line"]], "city": person["city"], "state": person["state"],
             "postalCode": person["postal"], "country": "CN" if case.chinese else "US"}
        ],
        "maritalStatus": codeable(f"{HL7}/v3-MaritalStatus", person["marital"], married),
        "communication": [{"language": codeable("urn:ietf:bcp:47", *language)}],
    }  # fmt: skip


def staff(case: Case) -> Iterator[Resource]:
    """Yield the hospital and the clinicians."""
    site = case.data["site"]
    yield {
        "resourceType": "Organization", "id": case.uid("Organization"), "active": True,
        "type": [codeable(f"{HL7}/organization-type", "prov", "Healthcare Provider")],
        "name": site["name"],
        "address": [{"city": site["city"], "state": site["state"], "country": "CN" if case.chinese else "US"}],
    }  # fmt: skip
    for key, name in case.data["staff"].items():
        given, _, family = name.rpartition(" ")
        whole = family + given if case.chinese else f"Dr. {name}"
        yield {"resourceType": "Practitioner", "id": case.uid("Practitioner", key), "active": True,
               "name": [{"text": whole, "family": family, "given": given.split(), "prefix": ["Dr."]}]}  # fmt: skip


def _leaving(encounter: Resource) -> Resource:
    if encounter["class"] != "IMP":
        return {}
    code, display = encounter.get(
        "leaves", ["01", "Discharged to home care or self care (routine discharge)"]
    )
    return {
        "hospitalization": {
            "dischargeDisposition": codeable("http://www.nubc.org/patient-discharge", code, display)
        }
    }


def encounters(case: Case) -> Iterator[Resource]:
    """Yield the visits and stays."""
    for key, encounter in case.data["encounters"].items():
        yield {
            "resourceType": "Encounter", "id": case.uid("Encounter", key), "status": "finished",
            "class": {"system": f"{HL7}/v3-ActCode", "code": encounter["class"], "display": CLASSES[encounter["class"]][case.chinese]},
            "type": [term(encounter["type"])],
            "subject": case.ref("Patient"),
            "participant": [{"individual": case.ref("Practitioner", encounter["by"])}],
            "period": {"start": encounter["start"], "end": encounter["end"]},
            **({"reasonCode": [term(encounter["reason"])]} if "reason" in encounter else {}),
            **_leaving(encounter),
            "serviceProvider": case.ref("Organization"),
        }  # fmt: skip


def conditions(case: Case) -> Iterator[Resource]:
    """Yield the problems; a refuted one has no clinical status, as FHIR wants it."""
    for n, entry in enumerate(case.data["conditions"]):
        verified = entry.get("verification", "confirmed")
        status = entry.get("status", "active")
        made: Resource = {"resourceType": "Condition", "id": case.uid("Condition", str(n))}
        if verified != "refuted":
            made["clinicalStatus"] = _status("condition-clinical", status)
        made |= {
            "verificationStatus": _status("condition-ver-status", verified),
            "category": [
                codeable(f"{HL7}/condition-category", "encounter-diagnosis", "Encounter Diagnosis")
            ],
            "code": term(entry["code"]),
            "subject": case.ref("Patient"),
            "encounter": case.ref("Encounter", entry["in"]),
        }
        made |= {"onsetDateTime": entry["onset"]} if "onset" in entry else {}
        made |= {"abatementDateTime": entry["abatement"]} if "abatement" in entry else {}
        made["recordedDate"] = case.encounter(entry["in"])["start"]
        yield made


def allergies(case: Case) -> Iterator[Resource]:
    """Yield the allergy list; a case without the key has none on record."""
    for n, entry in enumerate(case.data.get("allergies", [])):
        made: Resource = {
            "resourceType": "AllergyIntolerance", "id": case.uid("AllergyIntolerance", str(n)),
            "clinicalStatus": _status("allergyintolerance-clinical", entry.get("status", "active")),
            "verificationStatus": _status("allergyintolerance-verification", "confirmed"),
        }  # fmt: skip
        if "reaction" in entry:
            made |= {
                "type": entry.get("type", "allergy"),
                "category": [entry["category"]],
                "criticality": entry["criticality"],
            }
        made |= {
            "code": term(entry["code"]),
            "patient": case.ref("Patient"),
            "encounter": case.ref("Encounter", entry["in"]),
            "recordedDate": entry.get("recorded", case.encounter(entry["in"])["start"]),
        }
        if "reaction" in entry:
            made["reaction"] = [
                {"manifestation": [term(entry["reaction"])], "severity": entry["severity"]}
            ]
        yield made


def _dosage(case: Case, drug: Resource) -> Resource:
    code, display, chinese = ROUTES[drug["route"]]
    times, period, unit = drug["every"]
    value, dose_unit = drug["dose"]
    return {
        "sequence": 1,
        "text": drug["sig"],
        "timing": {"repeat": {"frequency": int(times), "period": number(period), "periodUnit": unit}},
        "asNeededBoolean": drug.get("prn") == "true",
        "route": codeable(SNOMED, code, display) | {"text": chinese if case.chinese else drug["route"]},
        "doseAndRate": [{
            "type": {"coding": [{"system": f"{HL7}/dose-rate-type", "code": "ordered", "display": "Ordered"}]},
            "doseQuantity": {"value": number(value), "unit": dose_unit},
        }],
    }  # fmt: skip


def medications(case: Case) -> Iterator[Resource]:
    """Yield the prescriptions: RxNorm in English records, ATC in Chinese ones."""
    for key, drug in case.data["medications"].items():
        yield {
            "resourceType": "MedicationRequest", "id": case.uid("MedicationRequest", key),
            "status": drug.get("status", "active"), "intent": "order",
            "medicationCodeableConcept": codeable(ATC if case.chinese else RXNORM, *drug["code"]),
            "subject": case.ref("Patient"),
            "encounter": case.ref("Encounter", drug["in"]),
            "authoredOn": drug.get("ordered", case.encounter(drug["in"])["start"]),
            "requester": case.ref("Practitioner", case.encounter(drug["in"])["by"]),
            "dosageInstruction": [_dosage(case, drug)],
        }  # fmt: skip


def immunizations(case: Case) -> Iterator[Resource]:
    """Yield the vaccines given."""
    for n, entry in enumerate(case.data.get("immunizations", [])):
        yield {
            "resourceType": "Immunization", "id": case.uid("Immunization", str(n)), "status": "completed",
            "vaccineCode": codeable(CVX, *entry["code"]),
            "patient": case.ref("Patient"),
            "encounter": case.ref("Encounter", entry["in"]),
            "occurrenceDateTime": case.encounter(entry["in"])["start"],
            "primarySource": True,
        }  # fmt: skip


def procedures(case: Case) -> Iterator[Resource]:
    """Yield what was done."""
    for n, entry in enumerate(case.data.get("procedures", [])):
        yield {
            "resourceType": "Procedure", "id": case.uid("Procedure", str(n)), "status": "completed",
            "code": term(entry["code"]),
            "subject": case.ref("Patient"),
            "encounter": case.ref("Encounter", entry["in"]),
            "performedPeriod": {"start": entry["start"], "end": entry["end"]},
        }  # fmt: skip


def quantity(value: str, unit: str, ucum: str) -> Resource:
    """Return a Quantity with printed unit and UCUM code."""
    return {"value": number(value), "unit": unit, "system": UCUM, "code": ucum}
