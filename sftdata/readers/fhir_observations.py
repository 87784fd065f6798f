"""Observations as records: numbers as charted, coded and text values, panels, null values."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from sftdata.readers.fhir_bundle import Resource, clean, dig, first
from sftdata.readers.fhir_records import (
    Concept,
    Record,
    UnusableError,
    attributes,
    concept,
    iso_date,
    status_code,
)
from sftdata.readers.fhir_terms import charted_number, charted_term
from sftdata.readers.fhir_units import printed_unit
from sftdata.types import Fact

__all__ = ["observation", "observation_date"]

_VOID = {"entered-in-error", "cancelled", "registered"}
_PRESSURES = ("8480-6", "8462-4")
_SECTIONS = {
    "vital-signs": "vitals",
    "laboratory": "labs",
    "social-history": "social",
    "survey": "social",
}
_SOCIAL_CODES = {"72166-2"}
_WORST_EXPONENT = 30
"""A number of more digits than this is a broken value, and would be written out digit by digit."""


def observation_date(resource: Resource) -> str:
    """Return the ISO date at which the observation holds (effective, else issued)."""
    return (
        iso_date(resource.get("effectiveDateTime"))
        or iso_date(dig(resource, "effectivePeriod", "start"))
        or iso_date(resource.get("effectiveInstant"))
        or iso_date(resource.get("issued"))
    )


def _decimal(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        return None
    try:
        number = Decimal(value)
    except InvalidOperation:
        return None
    if not number.is_finite() or abs(number.adjusted()) > _WORST_EXPONENT:
        return None
    exponent = number.as_tuple().exponent
    return number if isinstance(exponent, int) and exponent > -_WORST_EXPONENT else None


def _quantity(term: Concept, value: Resource) -> dict[str, Any]:
    number = _decimal(value.get("value"))
    if number is None:
        raise UnusableError("broken_value", "Quantity.value is not a usable number")
    unit = clean(value.get("code"), 40) or clean(value.get("unit"), 40)
    comparator = clean(value.get("comparator"), 2)
    charted = format(charted_number(term.code, number), "f")
    written = clean(value.get("unit"), 40)
    printed = printed_unit(unit, term.code)
    extra = [("printed_unit", printed)]
    if written not in (unit, printed):
        extra.append(("source_unit", written))
    if charted != format(number, "f"):
        extra.append(("source_value", format(number, "f")))
    if comparator:
        text = f"{comparator}{charted}"
        extra.append(("comparator", comparator))
        return {"kind": "text", "value": text, "as_reported": text, "unit": unit or None,
                "extra": extra}  # fmt: skip
    return {"kind": "numeric", "value": charted, "as_reported": charted,
            "number": Decimal(charted), "unit": unit or None, "extra": extra}  # fmt: skip


def _coded(value: Resource) -> dict[str, Any]:
    found = concept(value)
    if found is None:
        raise UnusableError("broken_value", "coded value has no display")
    text = charted_term(found.display)
    return {"kind": "code", "value": text, "as_reported": text,
            "extra": [("value_code", found.name), ("value_display", found.display)]}  # fmt: skip


def _span(low: Resource, high: Resource, between: str) -> dict[str, Any]:
    numbers = [_decimal(low.get("value")), _decimal(high.get("value"))]
    if any(n is None for n in numbers):
        raise UnusableError("broken_value", "range or ratio lacks a number")
    text = between.join(format(n, "f") for n in numbers if n is not None)
    unit = clean(low.get("code"), 40) or clean(low.get("unit"), 40)
    return {"kind": "text", "value": text, "as_reported": text, "unit": unit or None,
            "extra": [("printed_unit", printed_unit(unit))]}  # fmt: skip


def _plain(text: str, kind: str = "text") -> dict[str, Any]:
    if not text:
        raise UnusableError("broken_value", "value is empty")
    return {"kind": kind, "value": text, "as_reported": text, "extra": []}


def _value(term: Concept, holder: Resource) -> dict[str, Any] | None:
    """Return the fields of a Fact for the `value[x]` (or `dataAbsentReason`) of an element."""
    if "valueQuantity" in holder:
        return _quantity(term, first(holder["valueQuantity"]))
    if "valueCodeableConcept" in holder:
        return _coded(first(holder["valueCodeableConcept"]))
    if "valueString" in holder:
        return _plain(clean(holder["valueString"]))
    if isinstance(holder.get("valueBoolean"), bool):
        yes = holder["valueBoolean"]
        return {"kind": "boolean", "value": str(yes).lower(), "as_reported": "yes" if yes else "no",
                "extra": []}  # fmt: skip
    if "valueInteger" in holder:
        return _quantity(term, {"value": holder["valueInteger"]})
    if "valueDateTime" in holder:
        return _plain(iso_date(holder["valueDateTime"]), "date")
    if "valueRange" in holder:
        span = first(holder["valueRange"])
        return _span(first(span.get("low")), first(span.get("high")), "-")
    if "valueRatio" in holder:
        ratio = first(holder["valueRatio"])
        return _span(first(ratio.get("numerator")), first(ratio.get("denominator")), ":")
    if "dataAbsentReason" in holder:
        reason = clean(dig(holder, "dataAbsentReason", "coding", "code")) or "unknown"
        return {"kind": "text", "value": None, "as_reported": "not recorded",
                "extra": [("data_absent_reason", reason)]}  # fmt: skip
    return None


def _reference_range(holder: Resource) -> str:
    ranges = first(holder.get("referenceRange"))
    text = clean(ranges.get("text"), 80)
    if text:
        return text
    low, high = (_decimal(dig(ranges, side, "value")) for side in ("low", "high"))
    if low is not None and high is not None:
        return f"{low:f}-{high:f}"
    if low is not None:
        return f">= {low:f}"
    return f"<= {high:f}" if high is not None else ""


def _fact(term: Concept, holder: Resource, shared: list[tuple[str, str]], when: str) -> Fact | None:
    fields = _value(term, holder)
    if fields is None:
        return None
    extra = fields.pop("extra")
    flag = clean(dig(holder, "interpretation", "coding", "code"), 10)
    own = [
        ("display", term.display),
        ("code", term.code),
        ("interpretation", flag),
        ("reference_range", _reference_range(holder)),
    ]
    return Fact(
        fact_id="",
        name=term.name,
        label=term.charted,
        period=when or None,
        source="fhir",
        attributes=attributes([("resource", "Observation"), *shared, *own, *extra]),
        **fields,
    )


def _pressure(term: Concept, parts: list[Fact], shared: list[tuple[str, str]]) -> Fact | None:
    """Return the charted `118/76` of a blood pressure whose two parts are numbers."""
    by_code = {p.attribute("code"): p for p in parts if p.kind == "numeric"}
    if not all(code in by_code for code in _PRESSURES):
        return None
    upper, lower = (by_code[code] for code in _PRESSURES)
    if upper.unit != lower.unit:
        return None
    text = f"{upper.as_reported}/{lower.as_reported}"
    return Fact(
        fact_id="",
        name=term.name,
        label=term.charted,
        kind="text",
        value=text,
        as_reported=text,
        unit=upper.unit,
        period=upper.period,
        source="fhir",
        attributes=attributes(
            [
                ("resource", "Observation"),
                *shared,
                ("display", term.display),
                ("code", term.code),
                ("printed_unit", upper.attribute("printed_unit")),
                ("components", "2"),
            ]
        ),
    )


def _components(
    resource: Resource, shared: list[tuple[str, str]], when: str, locale: str
) -> list[Fact]:
    listed = resource.get("component")
    found: list[Fact] = []
    for part in listed if isinstance(listed, list) else []:
        term = concept(dig(part, "code"), locale)
        fact = _fact(term, part, shared, when) if term else None
        if fact is not None:
            found.append(fact)
    return found


def observation(resource: Resource, key: str, encounter: str, locale: str) -> list[Record]:
    """Return the records of one Observation: one, or one per component of a panel.

    Raises:
        UnusableError: void status, no code, or no value that can be charted.
    """
    status = status_code(resource, "status")
    if status in _VOID:
        raise UnusableError(status.replace("-", "_"))
    term = concept(resource.get("code"), locale)
    if term is None:
        raise UnusableError("no_code", "Observation.code has no display")
    category = clean(dig(resource, "category", "coding", "code"), 40)
    section = "social" if term.code in _SOCIAL_CODES else _SECTIONS.get(category, "findings")
    when = observation_date(resource)
    shared = [("status", status), ("category", category), ("encounter", encounter)]
    parts = _components(resource, shared, when, locale)
    whole = _pressure(term, parts, shared) or _fact(term, resource, shared, when)
    record: dict[str, Any] = {"section": section, "key": key, "encounter": encounter, "date": when}
    if whole is not None and whole.attribute("components"):
        order = {code: n for n, code in enumerate(_PRESSURES)}
        pair = sorted((p for p in parts if p.attribute("code") in order),
                      key=lambda p: order[p.attribute("code")])  # fmt: skip
        others = [p for p in parts if p.attribute("code") not in order]
        return [
            Record(facts=(whole, *pair), **record),
            *(Record(facts=(p,), **record) for p in others),
        ]
    facts = ([whole] if whole is not None else []) + parts
    if not facts:
        raise UnusableError("no_value")
    panel = term.charted if parts else ""
    return [Record(facts=(f,), panel=panel, **record) for f in facts]
