"""The grammars behind clinical facts: what counts, and what must not."""

import pytest

from sftdata.readers.clinical_entities import allergies, complaint, diagnoses, person
from sftdata.readers.clinical_medications import medications
from sftdata.readers.clinical_negation import is_negated, is_uncertain
from sftdata.readers.clinical_sections import find_sections
from sftdata.readers.clinical_text import canonical, line_at
from sftdata.readers.clinical_values import labs, vitals


def _found(grammar, text, *more, **named):
    return [(m.name, m.value) for m in grammar(text, 0, len(text), *more, **named)]


@pytest.mark.parametrize(
    "text",
    ["goal blood pressure 130/80", "blood pressure 120/70 to 150/90", "BP 120/300", "BP 12/08/2010", "pulse 2+ bilaterally",
     "temperature 100.9-102.7", "ideal body weight 60 kg", "birth weight 3 kg", "weight loss of 20 pounds", "T4 0.85", "P2Y12 90",
     "HR 60-80", "weight 80", "血压 120/80-140/90", "pulse 72 mg"],
)  # fmt: skip
def test_what_is_no_vital_sign(text):
    assert _found(vitals, text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [("Blood pressure of 97/54, heart rate of 97", [("bp_systolic", "97"), ("bp_diastolic", "54"), ("pulse", "97")]),
     ("BP:120/80 HR:72 RR:16", [("bp_systolic", "120"), ("bp_diastolic", "80"), ("pulse", "72"), ("respiratory_rate", "16")]),
     ("T 36.8℃，P 78次/分，R 18次/分", [("temperature", "36.8"), ("pulse", "78"), ("respiratory_rate", "18")]),
     ("体重 65kg，身高 170cm", [("weight", "65"), ("height", "170")]), ("SpO2: 98%", [("oxygen_saturation", "98")])],
)  # fmt: skip
def test_vital_signs(text, expected):
    assert _found(vitals, text) == expected


@pytest.mark.parametrize(
    "text",
    ["potassium chloride 20 mEq daily", "white count was 12,200", "platelet count 611,000", "urine glucose 100", "spinal fluid glucose 75",
     "INR 2-3", "hemoglobin and hematocrit 12.3 and 36", "BUN/creatinine 18/1.2", "WBC 5-10/hpf", "goal LDL 70", "calcium 500 mg",
     "glucose 5% in water", "血红蛋白 98", "尿白细胞 10×10^9/L", "creatinine clearance 60"],
)  # fmt: skip
def test_what_is_no_laboratory_value(text):
    assert _found(labs, text) == []


@pytest.mark.parametrize(
    "text",
    ["Aspirin daily", "Aspirin 81 mg", "blood loss 40 mL daily", "The patient takes 40 mg daily", "Stop Lasix 40 mg daily",
     "Lasix 40 mg daily was discontinued", "allergic to Bactrim 40 mg daily", "停用硝苯地平 30mg 口服 qd"],
)  # fmt: skip
def test_what_is_no_medication(text):
    assert _found(medications, text) == []


def test_medication_lists_in_one_line():
    text = (
        "Lasix 40 mg b.i.d., aspirin 81 mg p.o. daily p.r.n., and Vitamin D 400 units twice daily."
    )
    found = list(medications(text, 0, len(text)))
    assert [(m.value, dict(m.detail)["dose"], dict(m.detail)["frequency"]) for m in found] == [
        ("Lasix", "40 mg", "b.i.d."), ("aspirin", "81 mg", "daily"), ("Vitamin D", "400 units", "twice daily")]  # fmt: skip
    assert dict(found[1].detail)["as_needed"] == "p.r.n."


@pytest.mark.parametrize(
    ("text", "expected"),
    [("None.", ["no known allergies"]), ("NKDA", ["no known drug allergies"]), ("She has no known drug allergies.", ["no known drug allergies"]),
     ("Penicillin, sulfa, and latex.", ["Penicillin", "sulfa", "latex"]), ("TO BACTRIM AND CIPRO.", ["BACTRIM", "CIPRO"]),
     ("CODEINE. NO SHRIMP, SEAFOOD, OR DYE ALLERGY.", []), ("Penicillin, which gave her a rash years ago", []), ("", []),
     ("No known allergies except penicillin.", []), ("no allergies to penicillin", []), ("对青霉素过敏。", ["青霉素"]),
     ("否认青霉素过敏。", []), ("否认药物过敏史。", ["no known drug allergies"]), ("无食物及药物过敏史", ["no known allergies"])],
)  # fmt: skip
def test_allergies(text, expected):
    assert [v for _, v in _found(allergies, text)] == expected


def test_diagnosis_items_their_status_and_their_doubts():
    text = "1. Hypertension.\n2. Rule out gout.\n3. Status post appendectomy.\n4. Family history of cancer.\n5. The patient will return.\n6. Same.\n7. Left carpal tunnel syndrome (354.0)."
    found = list(diagnoses(text, 0, len(text), "discharge_diagnosis", numbered=False))
    assert [(m.value, {k: v for k, v in m.detail if k not in ("section", "status")}) for m in found] == [
        ("Hypertension", {}), ("Rule out gout", {"certainty": "uncertain"}),
        ("Status post appendectomy", {"temporality": "history"}),
        ("Family history of cancer", {"subject": "family"}),
        ("Left carpal tunnel syndrome (354.0)", {})]  # fmt: skip
    assert all(text[m.start : m.end] == m.value for m in found)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("Her mother is a 62-year-old female", []), ("A 2-month-old female with cough", [("age", "2"), ("sex", "female")]),
     ("The patient is an 80-year-old right-handed white gentleman", [("age", "80"), ("sex", "male")]),
     ("患者，男，45岁，因咳嗽入院", [("sex", "male"), ("age", "45")]), ("fell 10 years ago", [])],
)  # fmt: skip
def test_age_and_sex_are_the_patients_own(text, expected):
    assert sorted((m.name, m.value) for m in person(text)) == sorted(expected)


@pytest.mark.parametrize(
    ("text", "word", "negated"),
    [("No evidence of gout", "gout", True), ("Denies chest pain or gout", "gout", True), ("No fever. Gout", "Gout", False),
     ("denies fever but has gout", "gout", False), ("gout was ruled out", "gout", True), ("未见肿块，伴有咳嗽", "咳嗽", False),
     ("否认高血压、糖尿病史", "糖尿病", True), ("四肢无力，咳嗽", "咳嗽", False), ("HBsAg（-）", "HBsAg", True)],
)  # fmt: skip
def test_negation(text, word, negated):
    at = text.index(word)
    assert is_negated(text, at, at + len(word)) is negated


def test_doubt_and_relatives():
    assert is_uncertain("possible gout", 9, 13)
    assert is_uncertain("冠心病？", 0, 3)
    assert is_uncertain("mother had gout", 11, 15)
    assert not is_uncertain("He has gout", 7, 11)


def test_complaints():
    assert _found(complaint, "发热2天。") == [("chief_complaint", "发热")]
    assert _found(complaint, "The patient was seen today for a long story about many things") == []


def test_sections_end_where_the_next_begins_and_unknown_headers_are_kept():
    text = "Intro\nPAST MEDICAL HISTORY: Gout.\n\nEBL: 10 cc\n【现病史】咳嗽\n二、既往史：无"
    found = find_sections(text)
    assert [(s.title, s.kind) for s in found] == [
        ("PAST MEDICAL HISTORY", "pmh"), ("EBL", "other"), ("现病史", "hpi"), ("既往史", "pmh")]  # fmt: skip
    assert text[found[0].start : found[0].end] == "PAST MEDICAL HISTORY: Gout."


def test_rows_are_lines_or_sentences_of_long_lines():
    text = "First one is here. " + "Second has BP 120/80 in it. " + "X " * 150
    at = text.index("120")
    start, end = line_at(text, at, at + 3)
    assert text[start:end] == "Second has BP 120/80 in it."


@pytest.mark.parametrize("text", ["a\r\n\r\n\r\nb \tc ", "\ufeffA\u00a0\u3000b", "e\u0301\x00\x1f"])
def test_canonical_text_is_stable(text):
    once = canonical(text)
    assert canonical(once) == once
    assert "\n\n\n" not in once
    assert not any(c in once for c in "\r\t\x00\ufeff\u00a0")
