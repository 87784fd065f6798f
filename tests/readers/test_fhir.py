"""FHIR reader: what a bundle states becomes charted text with exact spans, and nothing else."""

import base64
import json
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sftdata.errors import SourceError
from sftdata.readers.fhir import FhirReader
from sftdata.readers.fhir_terms import charted_number
from sftdata.types import DOCUMENTS, Document, Reject, from_table, to_table

LOINC, SNOMED = "http://loinc.org", "http://snomed.info/sct"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
UCUM = "http://unitsofmeasure.org"


def _code(system, code, display):
    return {"coding": [{"system": system, "code": code, "display": display}], "text": display}


def _patient(identity="p1", **more):
    return {
        "resourceType": "Patient",
        "id": identity,
        "name": [{"family": "Okafor", "given": ["Ada"]}],
        "gender": "female",
        "birthDate": "1980-06-15",
        "identifier": [{"system": "http://hospital", "value": f"MRN-{identity}"}],
        "telecom": [{"system": "phone", "value": "555-0100"}],
        "address": [{"line": ["1 Elm Street"], "city": "Springfield"}],
        **more,
    }


def _about(kind, identity, patient="Patient/p1", encounter="Encounter/e1", **more):
    field = "patient" if kind in ("AllergyIntolerance", "Immunization") else "subject"
    made = {"resourceType": kind, "id": identity, field: {"reference": patient}, **more}
    if encounter and kind != "Encounter":
        made["encounter"] = {"reference": encounter}
    return made


def _encounter(identity="e1", day="2020-03-02", **more):
    return _about(
        "Encounter",
        identity,
        status="finished",
        class_={},
        type=[_code(SNOMED, "185349003", "Encounter for check up (procedure)")],
        period={"start": f"{day}T09:00:00Z", "end": f"{day}T09:30:00Z"},
        **more,
    ) | {"class": {"code": "AMB"}}


def _quantity(code, display, value, unit, identity="o1", category="laboratory", **more):
    return _about(
        "Observation", identity, status="final",
        category=[{"coding": [{"code": category}]}], code=_code(LOINC, code, display),
        effectiveDateTime="2020-03-02T09:10:00Z",
        valueQuantity={"value": value, "unit": unit, "code": unit, "system": UCUM}, **more,
    )  # fmt: skip


def _bundle(*resources):
    return {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"resource": r} for r in resources],
    }


def _read(tmp_path, value, name="b.json", **fields):
    path = tmp_path / name
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    items = list(FhirReader(**fields).read(path))
    documents = [i for i in items if isinstance(i, Document)]
    for document in documents:
        _assert_lawful(document)
    return documents, [i for i in items if isinstance(i, Reject)]


def _assert_lawful(document):
    ids = [f.fact_id for f in document.facts]
    assert len(ids) == len(set(ids))
    for fact in document.facts:
        assert document.text[fact.start : fact.end] == fact.as_reported != ""
        assert fact.row_start <= fact.start < fact.end <= fact.row_end
        assert "\n" not in document.text[fact.row_start : fact.row_end]
    for section in document.sections:
        assert document.text[section.start : section.end].startswith(section.title)
    assert "\n\n\n" not in document.text
    assert all(line == line.rstrip() for line in document.text.split("\n"))


def _facts(documents, name):
    return [f for d in documents for f in d.facts if f.name == name]


def test_numbers_are_charted_with_clinical_precision_and_keep_their_source(tmp_path):
    docs, rejects = _read(tmp_path, _bundle(
        _patient(), _encounter(),
        _quantity("8302-2", "Body Height", 178.88023449, "cm", category="vital-signs")))  # fmt: skip
    assert not rejects
    assert [d.kind for d in docs] == ["patient_chart", "visit_note"]
    for fact in _facts(docs, "loinc:8302-2"):
        assert (fact.value, fact.number, fact.unit) == ("178.9", Decimal("178.9"), "cm")
        assert fact.attribute("source_value") == "178.88023449"
        assert (fact.period, fact.entity, fact.label) == ("2020-03-02", "p1", "Height")
    assert len(_facts(docs, "loinc:8302-2")) == 2


def test_blood_pressure_is_charted_once_and_carries_three_facts(tmp_path):
    pressure = _about(
        "Observation", "bp", status="final", category=[{"coding": [{"code": "vital-signs"}]}],
        code=_code(LOINC, "85354-9", "Blood pressure panel"), effectiveDateTime="2020-03-02",
        component=[
            {"code": _code(LOINC, c, n), "valueQuantity": {"value": v, "code": "mm[Hg]"}}
            for c, n, v in (("8462-4", "Diastolic", 76.2), ("8480-6", "Systolic", 118.4))
        ])  # fmt: skip
    docs, _ = _read(tmp_path, _bundle(_patient(), _encounter(), pressure), charts=False)
    (note,) = docs
    by_name = {f.name: f for f in note.facts}
    assert by_name["loinc:85354-9"].as_reported == "118/76"
    assert (by_name["loinc:8480-6"].value, by_name["loinc:8462-4"].value) == ("118", "76")
    assert by_name["loinc:8480-6"].start == by_name["loinc:85354-9"].start
    assert by_name["loinc:8480-6"].unit == "mm[Hg]"
    assert note.text.count("118/76") == 1


@pytest.mark.parametrize(
    ("resource", "reason"),
    [
        (_about("Condition", "c", code=_code(SNOMED, "1", "Gout"), verificationStatus={"coding": [{"code": "refuted"}]}), "refuted"),
        (_about("Condition", "c", code=_code(SNOMED, "1", "Gout"), verificationStatus={"coding": [{"code": "entered-in-error"}]}), "entered_in_error"),
        (_about("Immunization", "i", status="not-done", vaccineCode=_code("http://hl7.org/fhir/sid/cvx", "140", "Influenza")), "not_done"),
        (_about("Procedure", "r", status="not-done", code=_code(SNOMED, "2", "Biopsy")), "not_done"),
        (_about("MedicationRequest", "m", status="active", intent="plan", medicationCodeableConcept=_code(RXNORM, "3", "Aspirin")), "not_ordered"),
        (_about("MedicationRequest", "m", status="active", doNotPerform=True, medicationCodeableConcept=_code(RXNORM, "3", "Aspirin")), "do_not_perform"),
        (_quantity("1", "Test", 1, "mg") | {"status": "entered-in-error"}, "entered_in_error"),
        (_about("Observation", "o", status="final", code=_code(LOINC, "1", "Test")), "no_value"),
        (_quantity("1", "Test", "1e400", "mg"), "broken_value"),
        (_about("Condition", "c", code={}), "no_code"),
        (_about("Condition", "c", patient="urn:uuid:missing", code=_code(SNOMED, "1", "Gout")), "no_patient"),
    ],
)  # fmt: skip
def test_what_states_nothing_is_rejected_with_its_reason_and_never_charted(
    tmp_path, resource, reason
):
    docs, rejects = _read(tmp_path, _bundle(_patient(), _encounter(), resource))
    assert [r.reason for r in rejects] == [reason]
    assert rejects[0].locator == "entry[2]"
    assert not any(
        word in d.text for d in docs for word in ("Gout", "Influenza", "Biopsy", "Aspirin")
    )


def test_no_known_allergies_is_a_negative_finding_and_absence_is_said_as_absence(tmp_path):
    none = _about(
        "AllergyIntolerance", "a", code=_code(SNOMED, "716186003", "No known allergy (situation)")
    )
    docs, _ = _read(tmp_path, _bundle(_patient(), _encounter(), none), visits=False)
    (fact,) = _facts(docs, "snomed:716186003")
    assert (fact.attribute("negated"), fact.value) == ("true", "No known allergy")
    without, _ = _read(tmp_path, _bundle(_patient(), _encounter()), visits=False)
    assert not any(f.attribute("resource") == "AllergyIntolerance" for f in without[0].facts)
    assert "llergy" in without[0].text or "llergies" in without[0].text


def test_absent_data_is_a_fact_without_value(tmp_path):
    absent = _about("Observation", "o", status="final", category=[{"coding": [{"code": "laboratory"}]}],
                    code=_code(LOINC, "718-7", "Hemoglobin"), effectiveDateTime="2020-03-02",
                    dataAbsentReason={"coding": [{"code": "not-performed"}]})  # fmt: skip
    docs, _ = _read(tmp_path, _bundle(_patient(), _encounter(), absent))
    for fact in _facts(docs, "loinc:718-7"):
        assert (fact.value, fact.number, fact.as_reported) == (None, None, "not recorded")
        assert fact.attribute("data_absent_reason") == "not-performed"


def test_a_comparator_is_never_lost(tmp_path):
    less = _quantity("2157-6", "CK", 5, "U/L")
    less["valueQuantity"]["comparator"] = "<"
    docs, _ = _read(tmp_path, _bundle(_patient(), _encounter(), less))
    assert {(f.kind, f.value, f.number) for f in _facts(docs, "loinc:2157-6")} == {
        ("text", "<5", None)
    }


def test_a_visit_note_does_not_know_the_future(tmp_path):
    gout = _about("Condition", "c", code=_code(SNOMED, "90560007", "Gout (disorder)"),
                  clinicalStatus={"coding": [{"code": "resolved"}]}, onsetDateTime="2020-03-02",
                  abatementDateTime="2021-01-09")  # fmt: skip
    drug = _about("MedicationRequest", "m", status="stopped", intent="order", authoredOn="2020-03-02",
                  medicationCodeableConcept=_code(RXNORM, "197319", "Allopurinol 100 MG Oral Tablet"),
                  dosageInstruction=[{"timing": {"repeat": {"frequency": 2, "period": 1, "periodUnit": "d"}},
                                      "route": {"text": "Oral"},
                                      "doseAndRate": [{"doseQuantity": {"value": 1, "unit": "tablet"}}]}])  # fmt: skip
    (chart, visit), _ = _read(tmp_path, _bundle(_patient(), _encounter(), gout, drug))
    assert "2021-01-09" in chart.text
    assert "stopped" in chart.text
    assert "2021-01-09" not in visit.text
    assert "stopped" not in visit.text
    (told,) = [f for f in visit.facts if f.name == "snomed:90560007"]
    assert (told.value, told.attribute("display")) == ("Gout", "Gout (disorder)")
    assert told.attribute("abatement") == told.attribute("clinicalStatus") == ""
    (ordered,) = [f for f in visit.facts if f.name == "rxnorm:197319"]
    row = visit.text[ordered.row_start : ordered.row_end]
    assert [ordered.attribute(k) for k in ("dose", "route", "frequency", "strength", "form")] == [
        "1 tablet", "oral", "twice daily", "100 mg", "Oral Tablet"]  # fmt: skip
    for kind in ("dose", "route", "frequency", "strength", "form"):
        assert ordered.attribute(kind) in row


def test_keys_hold_the_patient_and_known_values_are_metadata(tmp_path):
    (chart, *_), _ = _read(tmp_path, _bundle(_patient(), _encounter()))
    assert chart.key_values("patient") == ("p1",)
    assert chart.key_values("patient_identifier") == ("http://hospital|MRN-p1",)
    phi = {m.kind: m.value for m in chart.metadata}
    assert phi["phi_birth_date"] == "1980-06-15"
    assert phi["phi_phone"] == "555-0100"
    assert phi["phi_identifier"] == "MRN-p1"
    assert chart.text.count("Ada Okafor") == 1
    assert not any(v in chart.text for v in ("1980-06-15", "555-0100", "MRN-p1", "Elm Street"))
    assert (chart.text_origin, chart.domain, chart.locale) == ("rendered", "medicine", "en")


@pytest.mark.parametrize(
    ("birth", "day", "expected"),
    [("1980-06-15", "2020-06-14", ("39", "a")), ("1980-06-15", "2020-06-15", ("40", "a")),
     ("2019-01-31", "2020-03-02", ("13", "mo")), ("2021-01-01", "2020-03-02", None),
     ("1980-06", "2020-03-02", None)],
)  # fmt: skip
def test_age_is_counted_in_full_years_or_months(tmp_path, birth, day, expected):
    value = _quantity("718-7", "Hemoglobin", 12.3, "g/dL")
    docs, _ = _read(
        tmp_path, _bundle(_patient(birthDate=birth), _encounter(day=day), value), charts=False
    )
    found = [(f.value, f.unit) for f in _facts(docs, "loinc:30525-0")]
    assert found == ([expected] if expected else [])


@pytest.mark.parametrize(
    "reference",
    [
        "urn:uuid:p1",
        "Patient/p1",
        "https://fhir.example.org/r4/Patient/p1",
        "Patient/p1/_history/3",
    ],
)
def test_every_form_of_reference_finds_its_patient(tmp_path, reference):
    gout = _about(
        "Condition", "c", patient=reference, encounter="", code=_code(SNOMED, "1", "Gout")
    )
    docs, rejects = _read(tmp_path, _bundle(_patient(), gout))
    assert not rejects
    assert [f.value for f in _facts(docs, "snomed:1")] == ["Gout"]
    assert docs[0].document_id == "patient-p1-chart"


def test_contained_medication_is_read(tmp_path):
    drug = _about("MedicationRequest", "m", status="active", intent="order", authoredOn="2020-03-02",
                  contained=[{"resourceType": "Medication", "id": "d", "code": _code(RXNORM, "5", "Warfarin")}],
                  medicationReference={"reference": "#d"})  # fmt: skip
    docs, rejects = _read(tmp_path, _bundle(_patient(), drug))
    assert not rejects
    assert {f.value for f in _facts(docs, "rxnorm:5")} == {"Warfarin"}


def test_several_patients_get_a_chart_each_and_nothing_of_another(tmp_path):
    docs, _ = _read(tmp_path, _bundle(
        _patient("p1"), _patient("p2"),
        _about("Condition", "c1", encounter="", code=_code(SNOMED, "1", "Gout")),
        _about("Condition", "c2", patient="Patient/p2", encounter="", code=_code(SNOMED, "2", "Asthma"))))  # fmt: skip
    assert [d.document_id for d in docs] == ["patient-p1-chart", "patient-p2-chart"]
    assert "Asthma" not in docs[0].text
    assert "Gout" not in docs[1].text


def test_ndjson_of_bare_resources_and_of_bundles(tmp_path):
    lines = [
        json.dumps(r)
        for r in (
            _patient(),
            _about("Condition", "c", encounter="", code=_code(SNOMED, "1", "Gout")),
        )
    ]
    docs, rejects = _read(tmp_path, "\n".join([*lines, "{broken", ""]), "x.ndjson")
    assert [d.document_id for d in docs] == ["patient-p1-chart"]
    assert [(r.locator, r.reason) for r in rejects] == [("line 3", "invalid_json")]
    two = [json.dumps(_bundle(_patient(), _encounter())) for _ in range(2)]
    docs, _ = _read(tmp_path, "\n".join(two), "y.ndjson")
    assert docs[0].document_id == "patient-p1-chart"
    assert docs[1].document_id.startswith("patient-p1-chart-")
    assert docs[1].document_id.removeprefix("patient-p1-chart-") == docs[1].source.sha256[:8]


@pytest.mark.parametrize(
    ("text", "reason"),
    [("[1]", "not_fhir_bundle"), ('{"resourceType": "Patient"}', "not_fhir_bundle"), ("{", "invalid_json"),
     ("[" * 200_000, "too_deep"), ('{"resourceType":"Bundle","entry":{}}', "not_fhir_bundle"),
     ('{"a": ' + "9" * 5000 + "}", "invalid_json"), ("", "invalid_json")],
)  # fmt: skip
def test_a_file_that_is_no_bundle_is_a_source_error(tmp_path, text, reason):
    with pytest.raises(SourceError) as caught:
        _read(tmp_path, text)
    assert caught.value.reason == reason


def test_a_file_over_the_limit_is_not_read(tmp_path):
    with pytest.raises(SourceError) as caught:
        _read(tmp_path, _bundle(_patient()), max_bytes=20)
    assert caught.value.reason == "too_large"
    with pytest.raises(SourceError) as caught:
        list(FhirReader().read(tmp_path / "absent.json"))
    assert caught.value.reason == "unreadable"


def test_broken_entries_are_rejected_and_the_rest_is_read(tmp_path):
    value = _bundle(_patient(), _about("Condition", "c", code=_code(SNOMED, "1", "Gout")))
    value["entry"] += [None, {}, {"resource": 3}, {"resource": {"id": "x"}}]
    docs, rejects = _read(tmp_path, value)
    assert [r.locator for r in rejects] == ["entry[2]", "entry[3]", "entry[4]", "entry[5]"]
    assert len(_facts(docs, "snomed:1")) == 1


def test_hostile_strings_stay_on_their_line_and_in_their_cell(tmp_path):
    nasty = "Gout | \ud800\n\n# X \x00{{ 7*7 }}</script>"
    docs, _ = _read(tmp_path, _bundle(
        _patient(), _encounter(), _about("Condition", "c", code=_code(SNOMED, "1", nasty))))  # fmt: skip
    assert to_table(docs, Document).schema == DOCUMENTS
    assert {f.value for f in _facts(docs, "snomed:1")} == {"Gout / # X {{ 7*7 }}</script>"}


def _note(text, kind="text/plain", encounter="Encounter/e1", **more):
    attachment = {"contentType": kind, "data": base64.b64encode(text.encode()).decode()}
    return _about("DocumentReference", "d1", encounter="", status="current", date="2020-03-02",
                  type=_code(LOINC, "34117-2", "History and physical note"),
                  context={"encounter": [{"reference": encounter}]} if encounter else {},
                  content=[{"attachment": attachment}], **more)  # fmt: skip


def test_a_carried_note_keeps_only_the_facts_it_says(tmp_path):
    text = "ASSESSMENT: Patient has GOUT. Denies asthma. Possible anemia.\nHemoglobin 12.3 g/dL, ferritin 5 ng/mL."
    resources = [
        _patient(), _encounter(), _encounter("e2", "2021-01-01"), _note(text),
        *(_about("Condition", n, code=_code(SNOMED, n, n.capitalize() + " (disorder)")) for n in ("gout", "asthma", "anemia", "eczema")),
        _about("Condition", "other", encounter="Encounter/e2", code=_code(SNOMED, "x", "Patient")),
        _quantity("718-7", "Hemoglobin", 12.31, "g/dL", "h"), _quantity("2276-4", "Ferritin", 7, "ng/mL", "f"),
        _quantity("2857-1", "Denies", 5, "ng/mL", "z"),
    ]  # fmt: skip
    docs, rejects = _read(tmp_path, _bundle(*resources))
    assert not rejects
    (note,) = [d for d in docs if d.kind == "clinical_note"]
    assert (note.text, note.text_origin, note.published) == (text, "source", "2020-03-02")
    assert {(f.name, f.value, f.as_reported) for f in note.facts} == {
        ("snomed:gout", "Gout", "GOUT"), ("loinc:718-7", "12.3", "12.3")}  # fmt: skip


def test_html_notes_become_text_and_active_content_is_dropped(tmp_path):
    markup = "<html><head><title>t</title></head><body><p>HPI: <b>Gout</b> flare</p><script>alert(1)</script><table><tr><td>Hb</td><td>12</td></tr></table></body></html>"
    docs, _ = _read(tmp_path, _bundle(_patient(), _encounter(), _note(markup, "text/html")))
    (note,) = [d for d in docs if d.kind == "clinical_note"]
    assert note.text == "HPI: Gout flare\n| Hb | 12 |"


@pytest.mark.parametrize(
    ("attachment", "reason"),
    [({"contentType": "application/pdf", "data": "AAAA"}, "unsupported_attachment"),
     ({"contentType": "text/plain", "url": "https://x/1"}, "attachment_not_embedded"),
     ({"contentType": "text/plain", "data": "%%%"}, "broken_attachment"),
     ({"contentType": "text/plain", "data": "IA=="}, "empty_text")],
)  # fmt: skip
def test_an_unreadable_attachment_is_rejected(tmp_path, attachment, reason):
    note = _note("x")
    note["content"] = [{"attachment": attachment}]
    _, rejects = _read(tmp_path, _bundle(_patient(), _encounter(), note))
    assert [r.reason for r in rejects] == [reason]


def test_the_same_note_twice_is_one_document(tmp_path):
    report = _about("DiagnosticReport", "r", status="final", code=_code(LOINC, "34117-2", "H&P"),
                    presentedForm=[{"contentType": "text/plain", "data": base64.b64encode(b"HPI: well").decode()}])  # fmt: skip
    docs, rejects = _read(tmp_path, _bundle(_patient(), _encounter(), _note("HPI: well"), report))
    assert len([d for d in docs if d.kind == "clinical_note"]) == 1
    assert [r.reason for r in rejects] == ["duplicate_note"]


def test_composition_sections_keep_their_titles(tmp_path):
    composition = _about("Composition", "k", status="final", title="Discharge summary", date="2020-03-02",
                         section=[{"title": "Allergies", "text": {"status": "additional", "div": "<div>NKDA</div>"}},
                                  {"title": "Plan", "section": [{"title": "Diet", "text": {"div": "<div>Low salt</div>"}}]}])  # fmt: skip
    docs, _ = _read(tmp_path, _bundle(_patient(), _encounter(), composition))
    (note,) = [d for d in docs if d.kind == "clinical_note"]
    assert note.text == "ALLERGIES:\nNKDA\n\nDIET:\nLow salt"
    assert (note.title, note.meta("narrative_status")) == ("Discharge summary", "additional")
    assert note.sections[0].kind == "allergies"


def test_chinese_bundles_are_charted_in_chinese(tmp_path):
    patient = _patient(name=[{"family": "王", "given": ["小明"]}])
    docs, _ = _read(tmp_path, _bundle(
        patient, _encounter(), _about("Condition", "c", code=_code(SNOMED, "38341003", "高血压病")),
        _quantity("718-7", "血红蛋白", 98, "g/L")))  # fmt: skip
    chart = docs[0]
    assert chart.locale == "zh"
    assert "王小明" in chart.text
    assert [f.value for f in _facts([chart], "snomed:38341003")] == ["高血压病"]
    (sex,) = _facts([chart], "loinc:46098-0")
    assert (sex.value, sex.as_reported) == ("female", "女")
    assert not any(w in chart.text for w in ("Patient", "VITAL", "Age", "recorded"))


def test_layouts_vary_by_document_id_and_are_named(tmp_path):
    resources = [_patient(f"p{n}") for n in range(40)]
    resources += [
        _about(
            "Condition",
            f"c{n}",
            patient=f"Patient/p{n}",
            encounter="",
            code=_code(SNOMED, "1", "Gout"),
        )
        for n in range(40)
    ]
    docs, _ = _read(tmp_path, _bundle(*resources))
    templates = {d.meta("template") for d in docs}
    assert {t.split("/")[1] for t in templates} == {"table", "lines", "compact"}
    assert {t.split("/")[2] for t in templates} == {"0", "1", "2"}
    again, _ = _read(tmp_path, _bundle(*reversed(resources)))
    assert {d.document_id: d.text for d in again} == {d.document_id: d.text for d in docs}


def test_sniff_knows_bundles_only():
    assert (
        FhirReader.sniff(Path("a.json"), b'\xef\xbb\xbf{"type":1,\n "resourceType" : "Bundle"')
        == 0.95
    )
    assert FhirReader.sniff(Path("a.json"), b'{"facts": {}}') == 0
    assert FhirReader.sniff(Path("a.csv"), b"resourceType,Bundle") == 0


@given(
    st.decimals(
        allow_nan=False, allow_infinity=False, min_value=-(10**6), max_value=10**6, places=9
    )
)
def test_charting_never_moves_a_value_by_more_than_half_a_shown_digit(value):
    charted = charted_number("unlisted", value)
    exponent = charted.as_tuple().exponent
    assert abs(charted - value) <= Decimal(1).scaleb(exponent) / 2


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["code", "coding", "text", "value", "display", "reference", "start", "unit", "given"]), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip
_FIELDS = ["status", "code", "subject", "patient", "encounter", "valueQuantity", "valueCodeableConcept", "component",
           "category", "effectiveDateTime", "name", "identifier", "address", "communication", "dosageInstruction",
           "medicationCodeableConcept", "medicationReference", "reaction", "activity", "content", "section", "contained",
           "result", "period", "class", "type", "reasonCode", "referenceRange", "onsetDateTime", "birthDate", "gender"]  # fmt: skip
_TYPES = ["Patient", "Observation", "Condition", "MedicationRequest", "AllergyIntolerance", "Immunization", "Procedure",
          "Encounter", "DiagnosticReport", "CarePlan", "DocumentReference", "Composition"]  # fmt: skip


@settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(_TYPES), st.dictionaries(st.sampled_from(_FIELDS), _json, max_size=6)
        ),
        max_size=5,
    )
)
def test_resources_of_any_shape_never_crash_the_reader(tmp_path, drawn):
    resources = [_patient(), _encounter()]
    for number, (kind, fields) in enumerate(drawn):
        resources.append({**_about(kind, f"x{number}"), **fields})
    documents, _ = _read(tmp_path, _bundle(*resources))
    to_table(documents, Document)


def _expected_counts(path):
    """Count the codes a bundle's charts must carry, straight from its JSON (independent oracle)."""
    visit: Counter[str] = Counter()
    for entry in json.loads(path.read_text(encoding="utf-8"))["entry"]:
        resource = entry["resource"]
        kind = resource["resourceType"]
        if kind == "Observation":
            visit[resource["code"]["coding"][0]["code"]] += 1
            for part in resource.get("component", []):
                visit[part["code"]["coding"][0]["code"]] += 1
        elif kind in ("Condition", "Procedure"):
            visit[resource["code"]["coding"][0]["code"]] += 1
        elif kind == "MedicationRequest":
            visit[resource["medicationCodeableConcept"]["coding"][0]["code"]] += 1
        elif kind == "Immunization":
            visit[resource["vaccineCode"]["coding"][0]["code"]] += 1
        elif kind == "CarePlan":
            for activity in resource["activity"]:
                visit[activity["detail"]["code"]["coding"][0]["code"]] += 1
    return visit


@pytest.mark.real_data
def test_real_bundles_lose_no_statement_and_every_span_reads_back(real_data):
    paths = sorted((real_data / "fhir_r4").glob("*.json"))
    assert len(paths) == 12
    for path in paths:
        items = list(FhirReader().read(path))
        assert not [i for i in items if isinstance(i, Reject)]
        assert len({d.document_id for d in items}) == len(items)
        visits = [d for d in items if d.kind == "visit_note"]
        assert len(items) - len(visits) == 1
        shown = Counter(
            f.attribute("code") for d in visits for f in d.facts
            if f.attribute("resource") not in ("Encounter", "Patient"))  # fmt: skip
        assert shown == _expected_counts(path)
        for document in items:
            _assert_lawful(document)
        table = to_table(items, Document)
        assert list(from_table(table, Document)) == items


@pytest.mark.real_data
def test_real_charts_show_the_latest_value_of_every_test(real_data):
    path = next((real_data / "fhir_r4").glob("*fc712d1f*.json"))
    latest: dict[str, tuple[str, float]] = {}
    for entry in json.loads(path.read_text(encoding="utf-8"))["entry"]:
        resource = entry["resource"]
        if resource["resourceType"] == "Observation" and "valueQuantity" in resource:
            day = resource["effectiveDateTime"][:10]
            latest[resource["code"]["coding"][0]["code"]] = max(
                latest.get(resource["code"]["coding"][0]["code"], ("", 0.0)),
                (day, resource["valueQuantity"]["value"]))  # fmt: skip
    chart = next(d for d in FhirReader(visits=False).read(path) if isinstance(d, Document))
    numbers = {
        f.attribute("code"): f
        for f in chart.facts
        if f.kind == "numeric" and f.attribute("resource") == "Observation"
    }
    numbers = {c: f for c, f in numbers.items() if c in latest}
    assert set(numbers) == set(latest)
    for code, fact in numbers.items():
        day, value = latest[code]
        assert fact.period == day
        assert float(fact.number) == pytest.approx(value, rel=0.02, abs=0.5)


def _measured(code, display, value, ucum, unit, identity):
    made = _quantity(code, display, value, ucum, identity)
    made["valueQuantity"]["unit"] = unit
    return made


def _vital_pair(upper, lower, display="Blood pressure panel"):
    return _about(
        "Observation", "bp", status="final", category=[{"coding": [{"code": "vital-signs"}]}],
        code=_code(LOINC, "85354-9", display), effectiveDateTime="2020-03-02",
        component=[
            {"code": _code(LOINC, c, n), "valueQuantity": {"value": v, "code": "mm[Hg]"}}
            for c, n, v in (("8480-6", "Systolic", upper), ("8462-4", "Diastolic", lower))
        ])  # fmt: skip


def _grounded(tmp_path, text, *resources):
    docs, rejects = _read(tmp_path, _bundle(_patient(), _encounter(), _note(text), *resources),
                          charts=False, visits=False)  # fmt: skip
    assert not rejects
    (note,) = docs
    return [(f.name.split(":")[1], f.as_reported, f.attribute("printed_unit")) for f in note.facts]


@pytest.mark.parametrize(
    ("text", "unit"),
    [("VITALS: BP 118/76, pulse 70.", "mmHg"), ("Blood pressure of 118/76 mmHg.", "mmHg"),
     ("查体：血压118/76mmHg，心率70次/分。", "mmHg"), ("BP (sitting): 118 / 76 mm Hg", "mm Hg")],
)  # fmt: skip
def test_a_blood_pressure_in_a_note_is_three_facts(tmp_path, text, unit):
    found = _grounded(tmp_path, text, _vital_pair(118.4, 76.2))
    assert [f[0] for f in found] == ["85354-9", "8480-6", "8462-4"]
    assert [f[1].replace(" ", "") for f in found] == ["118/76", "118", "76"]
    assert {f[2] for f in found} == {unit}


@pytest.mark.parametrize(
    "text",
    ["Goal BP <118/76.", "Target blood pressure 118/76.", "家庭血压118/76mmHg。", "血压目标低于118/76mmHg",
     "BP 118/760", "BP 1118/76", "BP 118/76/5", "Home blood pressure 118/76", "血压118/76mmHg以上", "Ratio 118/76"],
)  # fmt: skip
def test_a_goal_or_another_pressure_is_not_the_measured_one(tmp_path, text):
    assert _grounded(tmp_path, text, _vital_pair(118, 76)) == []


@pytest.mark.parametrize(
    ("code", "display", "value", "ucum", "unit", "text", "expected"),
    [
        ("14933-6", "尿酸", 542, "umol/L", "μmol/L", "尿酸 542 μmol/L，肌酐", ("542", "μmol/L")),
        ("14933-6", "尿酸", 542, "umol/L", "umol/L", "尿酸542\u00b5mol/L", ("542", "\u00b5mol/L")),
        ("8310-5", "体温", 37.8, "Cel", "℃", "体温 37.8℃", ("37.8", "℃")),
        ("8310-5", "Body temperature", 37.8, "Cel", "Cel", "T 37.8 °C (oral)", ("37.8", "°C")),
        ("6690-2", "白细胞", 11.4, "10*9/L", "10^9/L", "白细胞11.4×10⁹/L", ("11.4", "×10⁹/L")),
        ("6690-2", "白细胞", 11.4, "10*9/L", "10^9/L", "WBC 11.4 x 10^9/L", ("11.4", "x 10^9/L")),
        ("8867-4", "心率", 82, "/min", "/min", "脉搏 82 次/分，", ("82", "次/分")),
        ("8867-4", "Heart rate", 82, "{beats}/min", "bpm", "HR 82, RR 16", ("82", "/min")),
        ("3016-3", "TSH", 2.1, "m[IU]/L", "mIU/L", "TSH 2.1 mIU/L.", ("2.1", "mIU/L")),
        ("3016-3", "TSH", 2.1, "m[IU]/L", "mIU/L", "| TSH | 2.1 | mIU/L |", ("2.1", "mIU/L")),
        ("1988-5", "CRP", 48.2, "mg/L", "mg/L", "C-reactive protein 48.2 mg/L", ("48.2", "mg/L")),
        ("2276-4", "Ferritin", 4, "ng/mL", "ng/mL", "铁蛋白 4 ｎg/mL", ("4", "ｎg/mL")),
        ("6301-6", "INR", 2.3, "{INR}", "{INR}", "an INR of 2.3 today", ("2.3", "")),
        ("44261-6", "PHQ-9 total score", 14, "{score}", "{score}", "PHQ-9 score of 14.", ("14", "")),
        ("70184-7", "NIHSS total score", 6, "{score}", "{score}", "NIHSS 6分，mRS 2分", ("6", "分")),
    ],
)  # fmt: skip
def test_a_value_is_found_by_its_spoken_name_and_any_writing_of_its_unit(
    tmp_path, code, display, value, ucum, unit, text, expected
):
    found = _grounded(tmp_path, text, _measured(code, display, value, ucum, unit, "o9"))
    assert found == [(code, *expected)]


@pytest.mark.parametrize(
    ("code", "display", "value", "ucum", "text"),
    [
        ("718-7", "血红蛋白", 61, "g/L", "糖化血红蛋白 61 g/L"),
        ("2160-0", "Creatinine", 45, "mg/g", "Albumin/creatinine ratio 45 mg/g"),
        ("14682-9", "肌酐", 104, "umol/L", "肌酐 104 mmol/L"),
        ("14933-6", "尿酸", 360, "umol/L", "目标尿酸低于360 μmol/L"),
        ("2093-3", "Total cholesterol", 71, "mg/dL", "LDL cholesterol 71 mg/dL"),
        ("6301-6", "INR", 2, "{INR}", "INR goal 2-3"),
        ("6301-6", "INR", 2, "{INR}", "INR 2.4; start below 2"),
        ("6301-6", "INR", 2, "{INR}", "INR 2-3"),
        ("6301-6", "INR", 2, "{INR}", "INR 2月复查"),
        ("70184-7", "NIHSS total score", 6, "{score}", "NIHSS checked at 6"),
        ("8867-4", "Heart rate", 82, "/min", "pulse oximetry 82"),
        ("718-7", "Hemoglobin", 12, "g/dL", "Hemoglobin 12-14 g/dL"),
    ],
)  # fmt: skip
def test_another_test_a_goal_or_a_range_is_not_the_value(
    tmp_path, code, display, value, ucum, text
):
    assert _grounded(tmp_path, text, _measured(code, display, value, ucum, ucum, "o9")) == []


@pytest.mark.parametrize(
    ("term", "text", "stands"),
    [
        ("痛风", "右侧小痛风石形成", False), ("痛风", "诊断：1. 痛风\n2. 高血压", True),
        ("高血压", "妊娠期高血压。", False), ("高血压", "高血压肾病。", False), ("高血压", "高血压家族史。", False),
        ("高血压", "患者高血压15年。", True), ("高血压", "否认高血压、糖尿病。", False), ("高血压", "无高血压", False),
        ("糖尿病", "否认高血压、糖尿病。", False), ("抑郁症", "不支持抑郁症诊断", False),
        ("桥本甲状腺炎", "符合桥本甲状腺炎声像图表现", False), ("脑梗死", "脑梗死后3个月", True),
        ("肺结核", "排除肺结核。", False), ("咳嗽", "主诉：发热、咳嗽4天。", True),
        ("糖尿病", "家族史：父亲患糖尿病", False), ("Asthma", "Asthma, moderate.", True),
        ("Asthma", "Asthma education given", False), ("Hypertension", "pulmonary hypertension", False),
        ("Diabetes", "pre-diabetes", False), ("Gout", "FAMILY HISTORY: Gout.", False),
    ],
)  # fmt: skip
def test_a_diagnosis_counts_only_as_a_whole_term_that_is_affirmed(tmp_path, term, text, stands):
    found = _grounded(tmp_path, text, _about("Condition", "c", code=_code(SNOMED, "1", term)))
    assert bool(found) == stands


def test_a_shorter_term_is_not_read_out_of_a_longer_one_of_the_record(tmp_path):
    failure = [
        _about("Condition", n, code=_code(SNOMED, n, t))
        for n, t in (("1", "Heart failure"), ("2", "Heart failure with reduced ejection fraction"))
    ]
    text = "DIAGNOSES: Heart failure with reduced ejection fraction, new."
    assert [f[0] for f in _grounded(tmp_path, text, *failure)] == ["2"]


def test_how_a_visit_is_registered_is_no_fact_of_its_note(tmp_path):
    visit = _encounter() | {"type": [_code(SNOMED, "11429006", "Consultation (procedure)")]}
    docs, _ = _read(tmp_path, _bundle(_patient(), visit, _note("CONSULTATION\nWell today.")))
    (note,) = [d for d in docs if d.kind == "clinical_note"]
    assert note.facts == ()


@pytest.mark.parametrize(
    ("text", "stands"),
    [("ALLERGIES: Penicillin.", True), ("He is allergic to penicillin.", True),
     ("Penicillin was given.", False), ("Culture: sensitive to penicillin.", False)],
)  # fmt: skip
def test_an_allergen_counts_where_the_note_speaks_of_allergy(tmp_path, text, stands):
    allergy = _about("AllergyIntolerance", "a", code=_code(SNOMED, "764146007", "Penicillin"))
    assert bool(_grounded(tmp_path, text, allergy)) == stands


@pytest.mark.parametrize(
    ("text", "shown"),
    [("ALLERGIES: No known allergies.", "No known allergies"), ("过敏史：否认药物及食物过敏史。", "否认药物及食物过敏史"),
     ("ALLERGIES: Latex.", None)],
)  # fmt: skip
def test_no_known_allergy_is_grounded_where_the_note_denies_them(tmp_path, text, shown):
    none = _about("AllergyIntolerance", "a", code=_code(SNOMED, "716186003", "No known allergy"))
    assert [f[1] for f in _grounded(tmp_path, text, none)] == ([shown] if shown else [])


def test_chinese_charts_say_codes_in_chinese(tmp_path):
    patient = _patient(
        name=[{"family": "王", "given": ["小明"]}],
        maritalStatus={"coding": [{"code": "W"}]},
    )
    allergy = _about("AllergyIntolerance", "a", code=_code(SNOMED, "1", "青霉素"),
                     clinicalStatus={"coding": [{"code": "active"}]}, criticality="high",
                     reaction=[{"manifestation": [_code(SNOMED, "2", "皮疹")], "severity": "moderate"}])  # fmt: skip
    drug = _about("MedicationRequest", "m", status="active", intent="order", authoredOn="2020-03-02",
                  medicationCodeableConcept=_code(RXNORM, "3", "阿司匹林肠溶片"),
                  dosageInstruction=[{"timing": {"repeat": {"frequency": 1, "period": 8, "periodUnit": "h"}},
                                      "route": {"text": "Oral"}}])  # fmt: skip
    gout = _about("Condition", "c", code=_code(SNOMED, "4", "痛风"),
                  clinicalStatus={"coding": [{"code": "active"}]})  # fmt: skip
    docs, _ = _read(tmp_path, _bundle(patient, _encounter(), allergy, drug, gout), visits=False)
    (chart,) = docs
    for word in ("丧偶", "中度", "使用中", "活动性", "口服", "每8小时一次"):
        assert word in chart.text
    for word in ("Widowed", "moderate", "active", "oral", "every", "hour"):
        assert word not in chart.text
    (marital,) = _facts([chart], "loinc:45404-1")
    assert (marital.value, marital.as_reported) == ("Widowed", "丧偶")


CORPUS = Path(__file__).resolve().parents[2] / "examples" / "medical" / "documents"
_PRINTED = ("dose", "route", "frequency", "as_needed", "severity", "directions", "instruction")


def _patients_pages(locale):
    reader = FhirReader()
    pages = [d for p in sorted(CORPUS.glob("*.json")) for d in reader.read(p)]
    return [
        d for d in pages
        if isinstance(d, Document) and d.locale == locale and d.kind in ("patient_chart", "visit_note")
    ]  # fmt: skip


@pytest.mark.parametrize("locale", ["en", "zh"])
def test_how_a_drug_is_taken_is_told_in_the_words_of_its_row(locale):
    pages = _patients_pages(locale)
    told = [
        (a.kind, a.value, d.text[f.row_start : f.row_end])
        for d in pages
        for f in d.facts
        for a in f.attributes
        if a.kind in _PRINTED
    ]
    assert {d.kind for d in pages} == {"patient_chart", "visit_note"}
    assert {"dose", "route", "frequency", "severity", "directions"} <= {k for k, _, _ in told}
    assert [(k, v) for k, v, row in told if v not in row] == []


def test_parts_of_directions_that_the_source_words_itself_are_dropped_unless_printed(tmp_path):
    drug = _about("MedicationRequest", "m", status="active", intent="order", authoredOn="2020-03-02",
                  medicationCodeableConcept=_code(RXNORM, "3", "Aspirin"),
                  dosageInstruction=[{"text": "Take 1 tablet at night", "route": {"text": "Oral"},
                                      "doseAndRate": [{"doseQuantity": {"value": 1, "unit": "tablet"}}]}])  # fmt: skip
    docs, _ = _read(tmp_path, _bundle(_patient(), _encounter(), drug), visits=False)
    (fact,) = _facts(docs, "rxnorm:3")
    assert (fact.attribute("dose"), fact.attribute("route")) == ("1 tablet", "")
    assert fact.attribute("directions") == "Take 1 tablet at night"


def test_remarks_in_braces_are_not_printed(tmp_path):
    docs, _ = _read(tmp_path, _bundle(
        _patient(), _encounter(), _quantity("6301-6", "INR", 2.3, "{INR}"),
        _quantity("9279-1", "Respiratory rate", 16, "{breaths}/min", "r")))  # fmt: skip
    assert docs
    assert not any("{" in d.text for d in docs)
    assert {f.attribute("printed_unit") for f in _facts(docs, "loinc:9279-1")} == {"/min"}
