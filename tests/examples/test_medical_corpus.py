"""The invented patient records are what they claim to be: read here as plain JSON, not with our reader."""

import base64
import csv
import json
import re
import subprocess
import sys
from collections import defaultdict
from functools import cache
from itertools import combinations
from pathlib import Path

import pytest

MEDICAL = Path(__file__).resolve().parents[2] / "examples" / "medical"
BUNDLES = sorted((MEDICAL / "documents").glob("*.json"))
NOTES = MEDICAL / "documents" / "notes.csv"
FILED_TWICE = {("T-0006", "T-0007"), ("T-0014", "T-0015")}
each_bundle = pytest.mark.parametrize("path", BUNDLES, ids=lambda p: p.stem)


@cache
def entries(path):
    return json.loads(path.read_text(encoding="utf-8"))["entry"]


def resources(path, kind):
    return [e["resource"] for e in entries(path) if e["resource"]["resourceType"] == kind]


def references(value):
    if isinstance(value, dict):
        if isinstance(value.get("reference"), str):
            yield value["reference"]
        value = list(value.values())
    for item in value if isinstance(value, list) else []:
        yield from references(item)


@cache
def notes(path):
    """Return encounter reference, date and text of every note that the bundle carries."""
    found = [
        (r["context"]["encounter"][0]["reference"], r["date"], content["attachment"])
        for r in resources(path, "DocumentReference")
        for content in r["content"]
    ]
    found += [
        (r["encounter"]["reference"], r["issued"], form)
        for r in resources(path, "DiagnosticReport")
        for form in r.get("presentedForm", [])
    ]
    return [
        (encounter, when, base64.b64decode(form["data"], validate=True).decode("utf-8"))
        for encounter, when, form in found
    ]


def rows():
    with NOTES.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def stands_in(number, text):
    """Whether a number stands in a text by itself: 7.4 neither in 7.45 nor in 17.4."""
    forms = {str(number), f"{number:g}"}
    return any(re.search(rf"(?<![\d.]){re.escape(f)}(?!\d|\.\d)", text) for f in forms)


def quantities(observation):
    held = [observation, *observation.get("component", [])]
    return [h["valueQuantity"]["value"] for h in held if "valueQuantity" in h]


def shingles(text):
    """Return the 5-grams of a text: of characters where it is Chinese, else of words."""
    chinese = len(re.findall(r"[\u4e00-\u9fff]", text)) * 5 > len(text)
    parts = re.findall(r"\S", text) if chinese else re.findall(r"\w+", text.lower())
    return {tuple(parts[i : i + 5]) for i in range(len(parts) - 4)}


def all_notes():
    """Return patient and text of every note, a note that is filed twice once."""
    found = [(p.stem, text) for p in BUNDLES for _, _, text in notes(p)]
    second = {b for _, b in FILED_TWICE}
    return found + [(r["patient_id"], r["text"]) for r in rows() if r["note_id"] not in second]


def test_the_generator_writes_the_same_bytes(tmp_path):
    subprocess.run(
        [sys.executable, str(MEDICAL / "make_documents.py"), "--out", str(tmp_path)],
        check=True,
        capture_output=True,
        timeout=60,
    )
    shipped = sorted(p.name for p in (MEDICAL / "documents").iterdir())
    assert sorted(p.name for p in tmp_path.iterdir()) == shipped
    for name in shipped:
        assert (tmp_path / name).read_bytes() == (MEDICAL / "documents" / name).read_bytes(), name


def test_fourteen_patients_at_least_four_of_them_in_chinese():
    first = [resources(p, "DocumentReference")[0]["content"][0] for p in BUNDLES]
    languages = [content["attachment"]["language"] for content in first]
    assert len(BUNDLES) == 14
    assert languages.count("zh") >= 4
    assert len({r["id"] for p in BUNDLES for r in resources(p, "Patient")}) == 14


@each_bundle
def test_every_reference_resolves_and_ids_are_unique(path):
    urls = [e["fullUrl"] for e in entries(path)]
    assert len(set(urls)) == len(urls)
    for entry in entries(path):
        assert entry["fullUrl"] == f"urn:uuid:{entry['resource']['id']}"
        assert set(references(entry["resource"])) <= set(urls)


@each_bundle
def test_every_resource_is_marked_as_test_data(path):
    assert all(e["resource"]["meta"]["tag"][0]["code"] == "HTEST" for e in entries(path))


@each_bundle
def test_identifiers_can_belong_to_nobody(path):
    (patient,) = resources(path, "Patient")
    numbers = [i["value"] for i in patient["identifier"][1:]]
    assert numbers
    assert all(n.startswith(("999-", "999999")) for n in numbers)
    assert patient["telecom"][0]["value"].startswith(("555-01", "1990000"))


@each_bundle
def test_two_to_four_visits_with_notes_that_decode(path):
    visits = {e for e, _, _ in notes(path)}
    assert 2 <= len(visits) <= 4
    assert len(notes(path)) >= 2
    for _, _, text in notes(path):
        assert len(text) > 100
        assert not re.search(r"[{}]", text), "a slot was left open"


@each_bundle
def test_notes_are_dated_within_or_soon_after_their_visit(path):
    periods = {
        f"urn:uuid:{r['id']}": (r["period"]["start"], r["period"]["end"])
        for r in resources(path, "Encounter")
    }
    for encounter, when, _ in notes(path):
        start, end = periods[encounter]
        assert start[:10] <= when[:10]
        assert when[:10] <= end[:10] or when[:7] == end[:7]


@each_bundle
def test_every_charted_value_stands_in_a_note_of_its_visit(path):
    said = defaultdict(str)
    for encounter, _, text in notes(path):
        said[encounter] += text
    checked = 0
    for observation in resources(path, "Observation"):
        encounter = observation["encounter"]["reference"]
        for value in quantities(observation):
            assert stands_in(value, said[encounter]), (observation["code"]["text"], value)
            checked += 1
    assert checked >= 15


@each_bundle
def test_results_are_flagged_as_their_range_says(path):
    for observation in resources(path, "Observation"):
        if "referenceRange" not in observation:
            continue
        value, (bounds,) = observation["valueQuantity"]["value"], observation["referenceRange"]
        low, high = (bounds.get(s, {}).get("value") for s in ("low", "high"))
        flag = observation["interpretation"][0]["coding"][0]["code"]
        below, above = low is not None and value < low, high is not None and value > high
        assert flag == ("L" if below else "H" if above else "N")


@each_bundle
def test_body_mass_index_follows_from_weight_and_height(path):
    held = defaultdict(dict)
    for o in resources(path, "Observation"):
        if "valueQuantity" in o:
            held[o["effectiveDateTime"]][o["code"]["coding"][0]["code"]] = o["valueQuantity"][
                "value"
            ]
    heights = [v["8302-2"] for v in held.values() if "8302-2" in v]
    for values in held.values():
        if "39156-5" in values:
            height = values.get("8302-2", heights[0]) / 100
            assert abs(values["39156-5"] - values["29463-7"] / height**2) < 0.06


@each_bundle
def test_doses_in_the_instruction_are_the_coded_doses(path):
    for order in resources(path, "MedicationRequest"):
        (dosage,) = order["dosageInstruction"]
        dose = dosage["doseAndRate"][0]["doseQuantity"]
        assert dosage["text"]
        assert dosage["timing"]["repeat"]["frequency"] >= 1
        if re.search(rf"\d\s*{re.escape(dose['unit'])}", dosage["text"]):
            assert stands_in(dose["value"], dosage["text"])


@each_bundle
def test_one_diagnosis_is_refuted_and_without_clinical_status(path):
    refuted = [
        c
        for c in resources(path, "Condition")
        if c["verificationStatus"]["coding"][0]["code"] == "refuted"
    ]
    assert len(refuted) == 1
    assert "clinicalStatus" not in refuted[0]


def case(name):
    (path,) = [p for p in BUNDLES if p.stem.startswith(f"{name}_")]
    return path


def series(path, loinc):
    found = [
        (o["effectiveDateTime"], o["valueQuantity"]["value"])
        for o in resources(path, "Observation")
        if o["code"]["coding"][0]["code"] == loinc
    ]
    return [value for _, value in sorted(found)]


@pytest.mark.parametrize(
    ("name", "loinc", "values"),
    [
        ("diabetes-kidney", "4548-4", [8.2, 7.8, 7.4]),
        ("diabetes-kidney", "2160-0", [1.48, 1.58, 1.52]),
        ("heart-failure", "29463-7", [98.6, 92.1, 91.8, 90.2]),
        ("iron-deficiency", "718-7", [8.4, 8.9, 12.6]),
        ("hypothyroidism-zh", "3016-3", [48.6, 14.3, 2.7]),
        ("depression", "44261-6", [19, 13, 4]),
    ],
)
def test_trends_over_the_visits(name, loinc, values):
    assert series(case(name), loinc) == values


def text_of(path):
    return "\n".join(text for _, _, text in notes(path))


def test_an_allergy_denied_is_not_an_allergy_unrecorded():
    denied, silent = case("copd"), case("iron-deficiency")
    assert "denies any drug or food allergies" in text_of(denied)
    assert resources(denied, "AllergyIntolerance")[0]["code"]["coding"][0]["code"] == "716186003"
    assert "llerg" not in text_of(silent)
    assert not resources(silent, "AllergyIntolerance")
    silent = case("gestational-diabetes-zh")
    assert "过敏" not in text_of(silent)
    assert not resources(silent, "AllergyIntolerance")


def test_the_knee_patient_has_the_documented_conflict():
    path = case("knee-replacement")
    listed = [a["code"]["coding"][0]["code"] for a in resources(path, "AllergyIntolerance")]
    assert listed == ["716186003"]
    assert "ALLERGIES: Penicillin" in text_of(path)


def test_the_table_holds_its_two_documented_repeats_and_no_other():
    table = rows()
    assert len(table) == 20
    assert list(table[0]) == ["note_id", "patient_id", "note_type", "chart_date", "text"]
    same = {
        (a["note_id"], b["note_id"]) for a, b in combinations(table, 2) if a["text"] == b["text"]
    }
    assert same == FILED_TWICE
    held = {r["note_id"]: r for r in table}
    for one, two in FILED_TWICE:
        assert held[one]["note_type"] != held[two]["note_type"]
        assert held[one]["patient_id"] == held[two]["patient_id"]


def test_two_rows_of_the_table_are_of_patients_with_a_bundle():
    ids = {r["id"] for p in BUNDLES for r in resources(p, "Patient")}
    assert sorted(r["note_id"] for r in rows() if r["patient_id"] in ids) == ["T-0012", "T-0019"]


def test_no_two_patients_have_near_duplicate_notes():
    held = [(who, shingles(text)) for who, text in all_notes()]
    assert len(held) > 60
    for (one, a), (two, b) in combinations(held, 2):
        if one != two:
            assert len(a & b) / min(len(a), len(b)) < 0.15, (one, two)


def test_one_patients_notes_repeat_less_than_half():
    """Follow-up notes quote earlier values and drug lists, but none is a copy of another."""
    held = [(who, shingles(text)) for who, text in all_notes()]
    for (one, a), (two, b) in combinations(held, 2):
        if one == two:
            assert len(a & b) / len(a | b) < 0.5, one
