"""Medical families: what they make of records and notes, held against the records themselves."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from sftdata.families.itemised import every_item_is_a_fact, items, told_once
from sftdata.families.load import load_families
from sftdata.families.shelf import Shelf
from sftdata.readers.fhir import FhirReader
from sftdata.readers.notes import NotesReader
from sftdata.resources import folder
from sftdata.stages.generate import generate
from sftdata.stages.verify import CHECKS
from sftdata.types import Document, Fact, Key, Sample, Section, Source

ROOT = Path(__file__).resolve().parents[2]
BUNDLES = ROOT / "examples" / "medical" / "documents"
FAMILIES = {name: f for name, f in load_families().items() if f.domain == "medical"}
LEXICON = FAMILIES["medical/single_value"].words


def _documents(path: Path) -> list[Document]:
    found = [d for d in FhirReader().read(path) if isinstance(d, Document)]
    return [replace(d, split="train", group="g") for d in found]


@cache
def _corpus() -> tuple[tuple[Path, Document], ...]:
    files = sorted(BUNDLES.glob("*.json"))
    return tuple((path, doc) for path in files for doc in _documents(path))


@cache
def _samples(*names: str, locale: str = "en") -> tuple[tuple[Path, Document, Sample], ...]:
    families = [FAMILIES[f"medical/{name}"] for name in names]
    return tuple(
        (path, doc, sample) for path, doc in _corpus() for sample in _made(doc, families, locale)
    )


def _made(doc: Document, families: list, locale: str) -> list[Sample]:
    language = "zh" if doc.locale == "zh" else locale
    return generate(Shelf(doc), families, FAMILIES, locales=((language, 1.0),))


def _user(sample: Sample) -> str:
    return sample.prompt[1].content


def _answer(sample: Sample) -> dict:
    return json.loads(sample.completion[0].content)


def _resources(path: Path, kind: str) -> Iterator[dict]:
    for entry in json.loads(path.read_text(encoding="utf-8"))["entry"]:
        if entry["resource"]["resourceType"] == kind:
            yield entry["resource"]


def _note(text: str, *sections: tuple[str, str], facts: tuple[Fact, ...] = ()) -> Document:
    """A note whose sections begin at their titles."""
    starts = [(kind, title, text.index(title)) for kind, title in sections]
    ends = [s[2] for s in starts[1:]] + [len(text)]
    return Document(
        document_id="note-1",
        source=Source(path="n.csv", sha256="0" * 64, reader="notes"),
        domain="medicine",
        locale="en",
        title="Note",
        published=None,
        text=text,
        kind="clinical_note",
        sections=tuple(
            Section(title=title.rstrip(":"), kind=kind, level=1, start=start, end=end)
            for (kind, title, start), end in zip(starts, ends, strict=True)
        ),
        facts=facts,
        split="train",
        group="g",
    )


def _facts(text: str, *values: str, name: str = "note:medication") -> tuple[Fact, ...]:
    return tuple(
        Fact(fact_id=f"f{i}", name=name, label="Medication", kind="text", value=v, as_reported=v,
             start=text.index(v), end=text.index(v) + len(v), source="note")
        for i, v in enumerate(values)
    )  # fmt: skip


# --- the data of the families


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_both_languages_have_three_wordings(name):
    family = FAMILIES[name]
    assert family.locales == ("en", "zh")
    if family.kind == "refusal":
        wordings = family.questions or FAMILIES[family.of].questions
        assert all(len(p.en) and len(p.zh) for p in family.premises)
    else:
        wordings = family.questions
    assert all(len(set(wordings[locale])) >= 3 for locale in ("en", "zh"))


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_answers_have_a_schema_that_is_one(name):
    file = FAMILIES[name].answer.schema_
    if FAMILIES[name].kind in ("extraction", "evidence"):
        assert file
    if file:
        Draft202012Validator.check_schema(json.loads((folder("schemas") / file).read_text()))


def test_no_clinical_wording_speaks_of_fiscal_periods():
    for file in (folder("task_families") / "medical").rglob("*"):
        if file.is_file():
            text = file.read_text(encoding="utf-8").lower()
            assert not re.search(r"fiscal|quarter|财年|季度|filing|披露", text), file


def test_the_lexicon_names_every_kind_in_both_languages():
    assert len(LEXICON.terms) >= 90
    by_nature = {term.nature for term in LEXICON.terms.values()}
    assert {"measurement", "condition", "medication", "vaccine"} <= by_nature
    for name, term in LEXICON.terms.items():
        assert term.en.strip(), name
        assert term.zh.strip(), name
        assert term.topic, name
        assert re.match(r"(?:loinc|snomed|rxnorm|cvx|note|code):\S+$", name)


def test_the_invented_people_stand_in_no_record():
    names = {n for names in LEXICON.others.values() for n in names}
    assert len(names) >= 20
    assert not [n for _, doc in _corpus() for n in names if n in doc.text]


# --- every sample of the example records


def test_every_family_of_records_makes_samples_that_verify():
    kinds = {"patient_chart", "visit_note"}
    seen: set[str] = set()
    for _, doc in _corpus()[::6]:
        for sample in _made(doc, list(FAMILIES.values()), "en"):
            seen.add(sample.family)
            for name, check in CHECKS.items():
                assert not check(sample), (sample.family, name, check(sample))
    for name, family in FAMILIES.items():
        base = FAMILIES[family.of] if family.of else family
        if base.documents and set(base.documents) <= kinds:
            assert name in seen, f"{name} makes nothing of the example records"


def test_laboratory_values_are_those_of_the_resources():
    checked = 0
    for path, doc, sample in _samples("lab_results"):
        observed = {
            (o["effectiveDateTime"][:10], Decimal(str(o["valueQuantity"]["value"])))
            for o in _resources(path, "Observation")
            if "valueQuantity" in o
        }
        for item in _answer(sample)["results"]:
            value = Decimal(item["value"])
            assert any(
                day == item["date"] and abs(number - value) <= Decimal(1).scaleb(
                    value.as_tuple().exponent) / 2
                for day, number in observed
            ), (doc.document_id, item)  # fmt: skip
            checked += 1
    assert checked > 100


def test_a_problem_has_the_status_and_dates_of_its_resource():
    for path, doc, sample in _samples("problem_list"):
        if doc.kind != "patient_chart":
            continue
        told = {
            (p["problem"].casefold(), p["status"], p["onset"], p["resolved"])
            for p in _answer(sample)["problems"]
        }
        coded = [c for c in _resources(path, "Condition")
                 if c.get("verificationStatus", {}).get("coding", [{}])[0].get("code")
                 not in ("refuted", "entered-in-error")]  # fmt: skip
        for problem, status, onset, resolved in told:
            assert any(
                problem in json.dumps(c, ensure_ascii=False).casefold()
                and (status is None or c["clinicalStatus"]["coding"][0]["code"] == status)
                and (onset is None or str(c.get("onsetDateTime", "")).startswith(onset))
                and (resolved is None or c["abatementDateTime"].startswith(resolved))
                for c in coded
            ), (doc.document_id, problem)


def test_a_value_is_cited_with_the_line_of_its_day():
    """A visit gives its day once: the answer that names it cites that line too."""
    for _, doc, sample in _samples("single_value"):
        quotes = [c["quote"] for c in _answer(sample)["citations"]]
        assert all(q in _user(sample) for q in quotes)
        day = sample.facts[0].split("|")[2]
        assert any(day in q for q in quotes), (doc.document_id, sample.question)


def test_a_trend_tells_the_true_direction():
    rising = re.compile(r"rose|increased|went up|升至")
    for _, _, sample in _samples("trend"):
        new, old = (Decimal(f.rpartition("=")[2]) for f in sample.facts)
        assert bool(rising.search(_answer(sample)["answer"])) == (new > old)
        assert _answer(sample)["calculation"].endswith(f"{new - old:f}".replace("-", "−"))


def test_a_false_premise_turns_the_direction_and_is_corrected():
    pairs = [s for _, _, s in _samples("false_premise")]
    twins = {s.sample_id: s for s in pairs if s.kind == "evidence"}
    refusals = [s for s in pairs if s.kind == "refusal"]
    assert refusals
    up = re.compile(r"\brise\b|went up|increase|升高")
    for sample in refusals:
        new, old = (Decimal(f.rpartition("=")[2]) for f in twins[sample.twin_of or ""].facts)
        assert bool(up.search(sample.question)) == (new < old)
        assert sample.question != twins[sample.twin_of or ""].question


# --- refusals: what is asked is not there


@pytest.mark.parametrize(
    "family",
    ["value_not_recorded", "note_value_not_recorded", "drug_status_not_listed",
     "problem_not_listed", "vaccine_not_recorded"],
)  # fmt: skip
def test_what_is_said_not_to_be_recorded_is_nowhere_in_the_prompt(family):
    refusals = [s for _, _, s in _samples(family) if s.kind == "refusal"]
    assert refusals
    for sample in refusals:
        terms = [t for t in LEXICON.terms.values() if t.bare(sample.locale) in sample.question]
        term = max(terms, key=lambda t: len(t.bare(sample.locale)))
        strength = r"\d ?(?:mg|mcg|g|units)\b"
        assert not re.search(strength, sample.question), "a colleague asks for the drug, not a pack"
        passages = _user(sample).replace(sample.question, "").casefold()
        for label in term.labels():
            if len(label) > 4 or not label.isascii():
                assert label.casefold() not in passages, (sample.question, label)


def test_another_date_is_not_in_the_record():
    for _, doc, sample in _samples("wrong_date"):
        if sample.kind == "refusal":
            year = re.search(r"\b(20\d\d|19\d\d)\b|(\d{4})年", sample.question)
            assert year is not None
            passages = _user(sample).replace(sample.question, "")
            assert (year[1] or year[2]) not in passages, doc.document_id


def test_another_patient_is_not_the_one_of_the_record():
    for _, doc, sample in _samples("wrong_patient"):
        own = next(m.value for m in doc.metadata if m.kind == "phi_name")
        passages = _user(sample).replace(sample.question, "")
        assert own in passages, "the record must show whose it is"
        if sample.kind == "refusal":
            assert own not in sample.question
            assert own in _answer(sample)["answer"]
        else:
            assert own in sample.question


def test_advice_is_declined_and_the_record_told():
    for _, _, sample in _samples("clinical_advice"):
        if sample.kind == "refusal":
            answer = _answer(sample)
            assert not answer["answerable"]
            assert not re.search(r"weight|height|体重(?!指数)|身高", sample.question)
            assert answer["citations"], "it tells what the record does state"
            assert sample.reason_code in ("out_of_scope_advice", "future_prediction")


def test_directions_of_a_chinese_list_stand_in_the_record_as_they_are_given():
    given = [
        (item["directions"], doc.text)
        for _, doc, sample in _samples("medication_list", locale="zh")
        if doc.locale == "zh"
        for item in _answer(sample)["medications"]
        if item["directions"]
    ]
    assert given
    assert all(told in text for told, text in given)


# --- notes


def test_no_known_allergies_is_an_answer():
    text = "ALLERGIES: No known drug allergies.\nPLAN: Return in one week for a check of the wound."
    (fact,) = _facts(text, "No known drug allergies", name="note:allergy")
    negative = replace(
        fact, value="no known drug allergies", attributes=(Key(kind="negated", value="true"),)
    )
    doc = _note(text, ("allergies", "ALLERGIES:"), ("plan", "PLAN:"), facts=(negative,))
    (sample,) = _made(doc, [FAMILIES["medical/note_allergies"]], "en")
    answer = _answer(sample)
    assert answer["answerable"] is True
    assert "no known drug allergies" in answer["answer"]


def test_a_list_that_the_grammar_half_read_gives_no_gold():
    text = "MEDICATIONS: Aspirin 81 mg daily, Lasix 40 mg b.i.d., and a cream for the rash."
    doc = _note(text, ("medications", "MEDICATIONS:"), facts=_facts(text, "Aspirin", "Lasix"))
    assert not every_item_is_a_fact(doc, doc.sections[0], doc.facts)
    assert _made(doc, [FAMILIES["medical/note_medications"]], "en") == []
    whole = text.replace(", and a cream for the rash", "")
    doc = _note(whole, ("medications", "MEDICATIONS:"), facts=_facts(whole, "Aspirin", "Lasix"))
    (sample,) = _made(doc, [FAMILIES["medical/note_medications"]], "en")
    assert [m["drug"] for m in _answer(sample)["medications"]] == ["Aspirin", "Lasix"]


def test_a_field_told_twice_is_not_asked_for():
    fact = replace(_facts("x Creatinine 1.8", "1.8", name="note:creatinine")[0], label="Creatinine")
    term = LEXICON.terms["note:creatinine"]
    assert told_once("Creatinine 1.8. The wound is clean.", term, fact)
    assert not told_once("Creatinine 1.8. Last year creatinine was 1.2.", term, fact)


OPERATION = """PREOPERATIVE DIAGNOSIS: Right inguinal hernia.
POSTOPERATIVE DIAGNOSES:
1. Right indirect inguinal hernia.
2. Lipoma of the cord.
PROCEDURE: Open repair with mesh.
ANESTHESIA: Spinal.
COMPLICATIONS: None.
DESCRIPTION: The patient was brought to the operating room and placed supine on the table."""


def test_an_operation_in_brief_keeps_the_surgeons_words():
    doc = _note(
        OPERATION,
        ("preop_diagnosis", "PREOPERATIVE DIAGNOSIS:"),
        ("postop_diagnosis", "POSTOPERATIVE DIAGNOSES:"),
        ("procedure", "PROCEDURE:"),
        ("anesthesia", "ANESTHESIA:"),
        ("complications", "COMPLICATIONS:"),
        ("procedure", "DESCRIPTION:"),
    )
    (sample,) = _made(doc, [FAMILIES["medical/operative_summary"]], "en")
    assert sample.completion[0].content.splitlines() == [
        "- Preoperative diagnosis: Right inguinal hernia [P1].",
        "- Postoperative diagnosis: Right indirect inguinal hernia; Lipoma of the cord [P1].",
        "- Procedure: Open repair with mesh [P1].",
        "- Anesthesia: Spinal [P1].",
        "- Complications: none [P1].",
    ]


FINDINGS = (
    "FINDINGS: The liver is enlarged and shows diffuse fatty infiltration. The gallbladder holds "
    "several small stones without wall thickening. The common duct is not dilated. The spleen and "
    "both kidneys are normal in size and texture.\n"
)


@pytest.mark.parametrize(
    ("impression", "kept"),
    [
        ("Enlarged liver with diffuse fatty infiltration. Small gallbladder stones.", True),
        ("Enlarged fatty liver. Small gallbladder stones; recommend surgical referral.", False),
        ("Enlarged liver with diffuse fatty infiltration. Metastatic pancreatic carcinoma.", False),
        ("Enlarged liver of 21 cm with diffuse fatty infiltration. Gallbladder stones.", False),
    ],
)
def test_an_impression_is_a_target_only_if_the_findings_carry_it(impression, kept):
    doc = _note(
        f"{FINDINGS}IMPRESSION: {impression}",
        ("findings", "FINDINGS:"),
        ("impression", "IMPRESSION:"),
    )
    made = _made(doc, [FAMILIES["medical/impression_from_findings"]], "en")
    assert [s.completion[0].content for s in made] == ([impression] if kept else [])


@given(
    st.lists(st.sampled_from(["Aspirin 81 mg daily", "Lasix", "Coreg 25 mg b.i.d."]), min_size=1)
)
def test_items_are_in_order_and_lose_no_word(drugs):
    text = ", ".join(drugs)
    spans = items(text, 0, len(text))
    assert all(a < b for a, b in spans)
    assert all(left[1] <= right[0] for left, right in pairwise(spans))
    kept = "".join(text[a:b] for a, b in spans)
    assert re.sub(r"\W", "", kept) == re.sub(r"\W", "", text)


# --- real documents


@pytest.mark.slow
@pytest.mark.real_data
def test_real_bundles_and_notes_verify(real_data):
    docs = [
        d
        for path in sorted((real_data / "fhir_r4").glob("*.json"))[:2]
        for d in FhirReader().read(path)
        if isinstance(d, Document)
    ]
    notes = [
        d
        for d in NotesReader().read(real_data / "mtsamples" / "mtsamples_dev.csv")
        if isinstance(d, Document)
    ]
    made: dict[str, int] = {}
    failed: list[tuple[str, str]] = []
    for doc in [*docs, *notes[::12]]:
        placed = replace(doc, split="train", group="g")
        for sample in _made(placed, list(FAMILIES.values()), "en"):
            made[sample.family] = made.get(sample.family, 0) + 1
            failed += [(sample.family, n) for n, check in CHECKS.items() if check(sample)]
    # `HR52` is one word to the number check: such a value is given up, and little else.
    assert {name for _, name in failed} <= {"numbers_grounded", "question_keeps_answer"}
    assert len(failed) <= sum(made.values()) // 50, failed
    kinds = {FAMILIES[name].kind for name in made}
    assert kinds == {"extraction", "writing", "evidence", "refusal"}
    assert len(made) >= 28
