"""The patient of a chart: keys, known PHI values, and the few demographics that a chart shows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from sftdata.readers.fhir_bundle import Resource, clean, dig, first
from sftdata.readers.fhir_records import iso_date
from sftdata.types import Fact, Key

__all__ = ["Patient", "age_fact", "patient_of", "short_id"]

_SEXES = {"male", "female"}
_HEX = set("0123456789abcdef")
_MARITAL = {"M": "Married", "S": "Never married", "D": "Divorced", "W": "Widowed", "L": "Separated"}
_INFANT_MONTHS = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """What is known of one patient. `id` alone is sure to be there."""

    id: str
    name: str = ""
    sex: str = ""
    birth: str = ""
    death: str = ""
    language: str = ""
    marital: str = ""
    keys: tuple[Key, ...] = ()
    phi: tuple[Key, ...] = ()


def short_id(identity: str) -> str:
    """Return the first 8 characters of a UUID, or an identifier made safe for a document id.

    >>> short_id("4e8ed886-fd5f-40bb-8feb-f339b04d853a"), short_id("Patient 10/01")
    ('4e8ed886', 'Patient-10-01')
    """
    plain = identity.replace("-", "").lower()
    if len(plain) == 32 and set(plain) <= _HEX:
        return plain[:8]
    safe = "".join(c if c.isascii() and c.isalnum() else "-" for c in identity).strip("-")
    return safe[:40] or "unnamed"


def _items(value: Any) -> list[Resource]:
    listed = value if isinstance(value, list) else [value]
    return [v for v in listed if isinstance(v, dict)]


def _name(entry: Resource) -> str:
    text = clean(entry.get("text"), 120)
    if text:
        return text
    listed = entry.get("given")
    given = [clean(g, 60) for g in listed] if isinstance(listed, list) else []
    family = clean(entry.get("family"), 60)
    if any("\u4e00" <= c <= "\u9fff" for c in family):
        return family + "".join(given)
    return " ".join(p for p in [*given, family] if p)


def _phi(resource: Resource) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for entry in _items(resource.get("name")):
        found.append(("phi_name", _name(entry)))
        listed = entry.get("given")
        parts = [entry.get("family"), *(listed if isinstance(listed, list) else [])]
        found += [("phi_name", clean(p, 60)) for p in parts]
    for extension in _items(resource.get("extension")):
        if clean(extension.get("url"), 200).endswith("mothersMaidenName"):
            found.append(("phi_name", clean(extension.get("valueString"), 120)))
    found.append(("phi_birth_date", iso_date(resource.get("birthDate"))))
    for entry in _items(resource.get("identifier")):
        found.append(("phi_identifier", clean(entry.get("value"), 120)))
    for entry in _items(resource.get("telecom")):
        found.append(("phi_phone", clean(entry.get("value"), 120)))
    for entry in _items(resource.get("address")):
        lines = entry.get("line")
        found += [("phi_address", clean(x, 200)) for x in lines] if isinstance(lines, list) else []
        found += [("phi_address", clean(entry.get(f), 80)) for f in ("city", "postalCode", "text")]
    return found


def patient_of(resource: Resource) -> Patient:
    """Read a Patient resource; every field but the id may be absent."""
    identity = clean(resource.get("id"), 80)
    keys = [Key(kind="patient", value=identity)]
    for entry in _items(resource.get("identifier")):
        system, value = clean(entry.get("system"), 200), clean(entry.get("value"), 120)
        if value:
            keys.append(Key(kind="patient_identifier", value=f"{system}|{value}"))
    names = _items(resource.get("name"))
    official = next((n for n in names if n.get("use") == "official"), first(names))
    sex = clean(resource.get("gender"), 20)
    marital = clean(dig(resource, "maritalStatus", "coding", "code"), 20)
    language = first(dig(resource, "communication", "language"))
    phi = dict.fromkeys((k, v) for k, v in _phi(resource) if v)
    return Patient(
        id=identity,
        name=_name(official),
        sex=sex if sex in _SEXES else "",
        birth=iso_date(resource.get("birthDate")),
        death=iso_date(resource.get("deceasedDateTime")),
        language=clean(language.get("text"), 60) or clean(dig(language, "coding", "display"), 60),
        marital=_MARITAL.get(marital, ""),
        keys=tuple(dict.fromkeys(keys)),
        phi=tuple(Key(kind=k, value=v) for k, v in phi),
    )


def age_fact(patient: Patient, when: str) -> Fact | None:
    """Return the age on a day in full years, or in months below two years (LOINC 30525-0).

    A birth date or day of less than day precision gives no age: it could be wrong by one.
    """
    if len(patient.birth) < 10 or len(when) < 10:
        return None
    born, day = date.fromisoformat(patient.birth), date.fromisoformat(when)
    months = (day.year - born.year) * 12 + day.month - born.month - (day.day < born.day)
    if months < 0:
        return None
    number, unit = (months, "mo") if months < _INFANT_MONTHS else (months // 12, "a")
    return Fact(
        fact_id="", name="loinc:30525-0", label="Age", kind="numeric", value=str(number),
        as_reported=str(number), number=Decimal(number), unit=unit, period=when,
        entity=patient.id, source="fhir",
        attributes=(Key(kind="resource", value="Patient"), Key(kind="display", value="Age")),
    )  # fmt: skip
