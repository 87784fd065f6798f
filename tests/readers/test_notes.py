"""Notes reader: files of every kind become documents, with facts that the note itself states."""

import contextlib
import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sftdata.errors import SourceError
from sftdata.readers.notes import NotesReader
from sftdata.readers.notes_layout import looks_flattened, restore_lines
from sftdata.readers.notes_rows import detect_encoding
from sftdata.types import Document, Reject, from_table, to_table

ENGLISH = """CHIEF COMPLAINT: Cough and fever.
HISTORY OF PRESENT ILLNESS: This is a 62-year-old female with cough. She denies chest pain.
ALLERGIES: Penicillin and sulfa.
MEDICATIONS:
1. Lasix 40 mg p.o. daily.
2. Metoprolol 25 mg b.i.d.
3. Stopped aspirin 81 mg daily.
VITAL SIGNS: BP 132/85 mmHg, pulse 72, RR 18, temperature 98.6 F, SpO2 97%, weight 154 pounds.
LABORATORY DATA: Sodium 140, potassium 4.2, white count 12,200, hemoglobin 12.3 g/dL. Urine glucose 100.
DISCHARGE DIAGNOSES:
1. Pneumonia, left lower lobe.
2. No evidence of heart failure.
3. Possible pulmonary embolism.
DATE OF ADMISSION: 01/02/2008
"""
CHINESE = """姓名：张某  性别：女  年龄：62岁
主诉：反复咳嗽、咳痰3年
现病史：患者3年前出现咳嗽，否认发热。
过敏史：否认药物及食物过敏史。
体格检查：T：36.5℃ P：82次/分 R：20次/分 BP：142/88mmHg
辅助检查：血红蛋白 98 g/L，白细胞 11.2×10^9/L，肌酐 132 umol/L，总胆固醇正常。
初步诊断：1.慢性阻塞性肺疾病急性加重 2.高血压病2级 3.冠心病？
出院带药：硝苯地平缓释片 30mg 口服 每日一次；停用阿司匹林肠溶片 100mg 口服 qd
入院日期：2019年3月2日
"""


def _read(path, content=None, encoding="utf-8", **fields):
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    items = list(NotesReader(**fields).read(path))
    documents = [i for i in items if isinstance(i, Document)]
    for document in documents:
        _assert_lawful(document)
    return documents, [i for i in items if isinstance(i, Reject)]


def _assert_lawful(document):
    for fact in document.facts:
        assert document.text[fact.start : fact.end] == fact.as_reported != ""
        assert fact.row_start <= fact.start < fact.end <= fact.row_end <= len(document.text)
        assert fact.number is None or str(fact.number) == fact.value
        if fact.kind == "numeric":
            assert fact.as_reported == fact.value
        for detail in fact.attributes:
            if detail.kind in ("dose", "route", "frequency"):
                assert detail.value in document.text[fact.row_start : fact.row_end]
    starts = [(s.start, s.end) for s in document.sections]
    assert all(a < b for a, b in starts)
    assert all(one[1] <= two[0] for one, two in pairwise(starts))


def _values(document, *names):
    return [
        (f.name[5:], f.value, f.unit) for f in document.facts if not names or f.name[5:] in names
    ]


def test_an_english_note_gives_exactly_what_it_states(tmp_path):
    (note,), _ = _read(tmp_path / "visit 1.txt", ENGLISH)
    assert (note.document_id, note.locale, note.kind, note.keys) == (
        "visit-1",
        "en",
        "clinical_note",
        (),
    )
    assert [s.kind for s in note.sections] == [
        "chief_complaint", "hpi", "allergies", "medications", "vitals", "labs",
        "discharge_diagnosis", "dates"]  # fmt: skip
    assert _values(note) == [
        ("chief_complaint", "Cough and fever", None), ("age", "62", "a"), ("sex", "female", None),
        ("allergy", "Penicillin", None), ("allergy", "sulfa", None),
        ("medication", "Lasix", None), ("medication", "Metoprolol", None),
        ("bp_systolic", "132", "mm[Hg]"), ("bp_diastolic", "85", "mm[Hg]"), ("pulse", "72", None),
        ("respiratory_rate", "18", None), ("temperature", "98.6", "[degF]"),
        ("oxygen_saturation", "97", "%"), ("weight", "154", "[lb_av]"),
        ("sodium", "140", None), ("potassium", "4.2", None), ("hemoglobin", "12.3", "g/dL"),
        ("diagnosis", "Pneumonia, left lower lobe", None),
        ("diagnosis", "No evidence of heart failure", None),
        ("diagnosis", "Possible pulmonary embolism", None),
        ("admission_date", "2008-01-02", None)]  # fmt: skip
    drug = next(f for f in note.facts if f.value == "Lasix")
    assert [drug.attribute(k) for k in ("dose", "route", "frequency")] == ["40 mg", "p.o.", "daily"]
    one, denied, doubtful = (f for f in note.facts if f.name == "note:diagnosis")
    assert (one.attribute("status"), one.attribute("negated"), one.attribute("certainty")) == (
        "discharge",
        "",
        "",
    )
    assert denied.attribute("negated") == "true"
    assert doubtful.attribute("certainty") == "uncertain"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_a_chinese_record_in_any_encoding(tmp_path, encoding):
    (note,), _ = _read(tmp_path / "病历.txt", CHINESE, encoding)
    assert note.locale == "zh"
    assert [s.kind for s in note.sections][1:6] == [
        "chief_complaint", "hpi", "allergies", "physical_exam", "imaging"]  # fmt: skip
    assert _values(note) == [
        ("sex", "female", None), ("age", "62", "a"), ("chief_complaint", "反复咳嗽、咳痰", None),
        ("allergy", "no known allergies", None), ("temperature", "36.5", "Cel"),
        ("pulse", "82", "/min"), ("respiratory_rate", "20", "/min"),
        ("bp_systolic", "142", "mm[Hg]"), ("bp_diastolic", "88", "mm[Hg]"),
        ("hemoglobin", "98", "g/L"), ("wbc", "11.2", "10*9/L"), ("creatinine", "132", "umol/L"),
        ("diagnosis", "慢性阻塞性肺疾病急性加重", None), ("diagnosis", "高血压病2级", None),
        ("diagnosis", "冠心病？", None), ("medication", "硝苯地平缓释片", None),
        ("admission_date", "2019-03-02", None)]  # fmt: skip
    facts = {f.value: f for f in note.facts}
    assert facts["反复咳嗽、咳痰"].attribute("duration") == "3年"
    assert facts["冠心病？"].attribute("certainty") == "uncertain"
    assert facts["no known allergies"].attribute("negated") == "true"


MIMIC3 = 'ROW_ID,SUBJECT_ID,HADM_ID,CHARTDATE,CATEGORY,DESCRIPTION,ISERROR,TEXT\n1,77,9,2101-03-04,Discharge summary,Report,,"HPI: well\nPLAN: home"\n2,77,9,2101-03-04,Nursing,Report,1,wrong patient\n3,78,9,,Nursing,Report,,"  "\n'


def test_mimic_columns_keys_errors_and_empty_rows(tmp_path):
    (note,), rejects = _read(tmp_path / "NOTEEVENTS.csv", MIMIC3)
    assert note.document_id == "mimic-iii-1"
    assert note.key_values("patient") == ("77",)
    assert (note.published, note.meta("specialty"), note.text) == (
        "2101-03-04",
        "Discharge summary",
        "HPI: well\nPLAN: home",
    )
    assert [(r.locator, r.reason) for r in rejects] == [
        ("row 2", "entered_in_error"),
        ("row 3", "empty_text"),
    ]
    assert not any("wrong" in r.detail for r in rejects)


def test_mimic_iv_tsv_and_jsonl(tmp_path):
    (note,), _ = _read(
        tmp_path / "d.tsv",
        "note_id\tsubject_id\thadm_id\tnote_type\tcharttime\ttext\n10-DS-1\t10\t2\tDS\t2180-05-07 00:00:00\tHPI: ok\n",
    )
    assert (note.document_id, note.published, note.key_values("patient")) == (
        "mimic-iv-10-DS-1",
        "2180-05-07",
        ("10",),
    )
    lines = [
        json.dumps({"id": "a", "text": "HPI: ok"}),
        "{broken",
        "[1]",
        "",
        json.dumps({"id": "a", "text": "HPI: other"}),
    ]
    notes, rejects = _read(tmp_path / "set.jsonl", "\n".join(lines))
    assert [n.document_id for n in notes] == ["set-a", f"set-a-{notes[1].source.sha256[:8]}-row-5"]
    assert [(r.locator, r.reason) for r in rejects] == [
        ("row 2", "invalid_json"),
        ("row 3", "not_an_object"),
    ]


def test_columns_may_be_named(tmp_path):
    (note,), _ = _read(
        tmp_path / "x.csv",
        "k,who,words\n5,p9,HPI: ok\n",
        text_column="words",
        id_column="k",
        patient_column="who",
        locale="zh",
    )
    assert (note.document_id, note.key_values("patient"), note.locale) == ("x-5", ("p9",), "zh")
    with pytest.raises(SourceError) as caught:
        _read(tmp_path / "x.csv", text_column="absent")
    assert caught.value.reason == "no_such_column"


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [("a.csv", "a,b\n1,2\n", "no_text_column"), ("a.csv", "", "empty_file"), ("a.jsonl", "\n\n", "empty_file"),
     ("a.txt", "  \n ", "empty_text"), ("a.txt", b"PK\x03\x04\x00\x00", "binary_file"),
     ("a.csv", "id,text\n1," + "x" * 5000 + "\n", "line_too_long"), ("a.txt", "x" * 5000, "too_large"),
     ("a.csv", 'id,text\n1,"' + "word\n" * 900, "field_too_long")],
)  # fmt: skip
def test_files_that_cannot_be_read(tmp_path, name, content, reason):
    with pytest.raises(SourceError) as caught:
        _read(tmp_path / name, content, max_chars=2000)
    assert caught.value.reason == reason


def test_a_missing_file_is_a_source_error(tmp_path):
    with pytest.raises(SourceError) as caught:
        list(NotesReader().read(tmp_path / "none.csv"))
    assert caught.value.reason == "unreadable"


def test_an_endless_line_is_refused_without_being_read(tmp_path):
    import tracemalloc

    path = tmp_path / "huge.csv"
    with path.open("wb") as file:
        file.write(b"id,text\n1,")
        for _ in range(40):
            file.write(b"x" * (1 << 20))
    tracemalloc.start()
    with pytest.raises(SourceError) as caught:
        list(NotesReader(max_chars=100_000).read(path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert caught.value.reason == "line_too_long"
    assert peak < 16 << 20


def test_a_western_quotation_mark_is_not_taken_for_chinese(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes("The patient\u2019s cough \u2013 worse at 38\u00b0C".encode("cp1252"))
    assert detect_encoding(path) == "cp1252"
    (note,), _ = _read(path)
    assert note.text == "The patient\u2019s cough \u2013 worse at 38\u00b0C"


def test_existing_masks_are_never_facts(tmp_path):
    (note,), _ = _read(
        tmp_path / "a.txt",
        "DISCHARGE DIAGNOSES:\n1. Cancer of ___.\n2. Gout.\nDATE OF ADMISSION: [**2101-3-4**]\n",
    )
    assert _values(note) == [("diagnosis", "Gout", None)]


@pytest.mark.parametrize(
    ("head", "name", "score"),
    [(b"note_id,text\n1,x", "a.csv", 0.8), (b"a,b\n1,2", "a.csv", 0.1), (b"\x50\x4b\x03\x04", "a.txt", 0),
     (b"a\x00b", "a.txt", 0), (ENGLISH.encode(), "a.txt", 0.6), (CHINESE.encode("gb18030"), "a.txt", 0.6),
     (b"Once upon a time", "a.txt", 0.3), (b'{"text": "x"}\n', "a.jsonl", 0.8), (b'{"resourceType": "Patient"}\n', "a.jsonl", 0),
     (b"<html>patient diagnosis medications", "a.txt", 0), (b"", "a.csv", 0)],
)  # fmt: skip
def test_sniff(head, name, score):
    assert NotesReader.sniff(Path(name), head) == score


@pytest.mark.parametrize(
    ("flat", "lines"),
    [
        ("HEADER:,  text one.,NEXT HEADER:, two", ["HEADER: text one.", "NEXT HEADER: two"]),
        ("DX:  ,1.  Gout.,2.  Acne.", ["DX:", "1. Gout.", "2. Acne."]),
        ("A cough, fever, and 1,200 mL.,Next line", ["A cough, fever, and 1,200 mL.", "Next line"]),
        ("Dr. X, M.D., saw him.,ANESTHESIA:,  None", ["Dr. X, M.D., saw him.", "ANESTHESIA: None"]),
        (
            "Otitis media,POSTOPERATIVE DIAGNOSES:,  Same",
            ["Otitis media", "POSTOPERATIVE DIAGNOSES: Same"],
        ),
    ],
)
def test_lines_are_put_back_and_real_commas_stay(flat, lines):
    assert looks_flattened(flat)
    assert restore_lines(flat).split("\n") == lines


@given(st.text(alphabet="abcAB .,:;()1289-\u4e2d", max_size=200))
def test_restoring_lines_changes_commas_and_white_space_only(text):
    def bare(value):
        return "".join(c for c in value if c not in ", \n")

    assert bare(restore_lines(text)) == bare(text)


_words = st.sampled_from([
    "BP 120/80", "pulse", "72", "T: 36.6℃", "denies", "ALLERGIES:", "MEDICATIONS:", "Lasix 40 mg daily", "\n", ". ", ", ",
    "1. ", "DIAGNOSES:", "gout", "?", "This is a 62-year-old male", "过敏史：", "否认", "对青霉素过敏", "主诉：", "咳嗽3天", "初步诊断：",
    "sodium 140", "血红蛋白 98 g/L", "|", "___", "\u00a0", "e\u0301", "CHIEF COMPLAINT:", ":", "  "])  # fmt: skip


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(_words, min_size=1, max_size=25))
def test_any_note_keeps_the_span_law(tmp_path, words):
    text = "x" + "".join(words)
    documents, _ = _read(tmp_path / "n.txt", text)
    (note,) = documents
    assert list(from_table(to_table([note], Document), Document)) == [note]
    assert note.text == note.text.strip("\n")


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(tmp_path, data):
    for name in ("b.csv", "b.jsonl", "b.txt"):
        with contextlib.suppress(SourceError):
            _read(tmp_path / name, data)


# --- real transcriptions -----------------------------------------------------------------------

# What a person reads in each note: (field, value), by note id; the text itself is not kept here.
_GOLD = {
    61: {("psa", "14.6")},
    1584: {("chief_complaint", "Left hemibody numbness"), ("bp_systolic", "112"), ("bp_diastolic", "76"), ("pulse", "52"), ("respiratory_rate", "16")},
    2060: {("age", "18"), ("sex", "male"), ("bp_systolic", "116"), ("bp_diastolic", "68"), ("pulse", "68"), ("temperature", "98.1"), ("weight", "165")},
    2863: {("pulse", "95"), ("respiratory_rate", "20"), ("temperature", "36.6"), ("bp_systolic", "169")},
    3341: {("age", "50"), ("sex", "female"), ("allergy", "Ciprofloxacin"), ("allergy", "Enteric coated aspirin"), ("medication", "prednisone"), ("medication", "ethambutol")},
    3384: {("wbc", "6.3"), ("hemoglobin", "12.4"), ("hematocrit", "38"), ("glucose", "124"), ("creatinine", "1.07"), ("sodium", "146"), ("potassium", "3.4")},
    3924: {("temperature", "98"), ("pulse", "152"), ("weight", "3.98"), ("sodium", "138"), ("chloride", "103"), ("diagnosis", "Goldenhar syndrome")},
    3930: {("age", "48"), ("bp_systolic", "137"), ("pulse", "90"), ("bun", "14"), ("creatinine", "1.0"), ("diagnosis", "Urinary tract infection")},
    4182: {("weight", "154"), ("diagnosis", "Eczematous dermatitis on right third finger")},
    4277: {("pulse", "100"), ("weight", "211"), ("esr", "6"), ("tsh", "3.94"), ("hba1c", "6.0"), ("age", "63")},
    4526: {("allergy", "BACTRIM"), ("allergy", "SIMVASTATIN"), ("allergy", "CIPRO"), ("pulse", "100")},
    4562: {("bmi", "46"), ("weight", "285.4"), ("age", "55"), ("sex", "female"), ("medication", "Norvasc")},
    91: {("diagnosis", "Right ureteropelvic junction obstruction"), ("diagnosis", "Retroperitoneal fibrosis"), ("age", "62"), ("sex", "female")},
}  # fmt: skip
# What a careless reader would take from the note, and is not there: goals, ranges, other fluids.
_NEVER = {
    4475: {("weight", "190"), ("weight", "204")},
    3392: {("wbc", "12"), ("glucose", "75")},
    4362: {("platelets", "184"), ("wbc", "8.9")},
    3433: {("platelets", "611")},
    3566: {("temperature", "100.9"), ("temperature", "102.7")},
    4179: {("bp_systolic", "137"), ("bp_systolic", "142")},
    3147: {("allergy", "SEAFOOD"), ("allergy", "SHRIMP")},
}


@pytest.fixture(scope="module")
def mtsamples(real_data):
    items = list(NotesReader().read(real_data / "mtsamples" / "mtsamples_dev.csv"))
    assert not [i for i in items if isinstance(i, Reject)]
    return {d.document_id: d for d in items}


@pytest.mark.real_data
def test_mtsamples_rows_become_documents_with_lines_and_sections(mtsamples):
    assert len(mtsamples) == 498
    for document in mtsamples.values():
        _assert_lawful(document)
        assert document.keys == ()
        assert document.meta("specialty")
        assert document.title == document.meta("title")
    assert sum(len(d.sections) >= 2 for d in mtsamples.values()) > 420
    assert sum(len(d.facts) for d in mtsamples.values()) > 1500


@pytest.mark.real_data
def test_mtsamples_values_match_what_a_person_reads(mtsamples):
    for number, expected in _GOLD.items():
        found = {(f.name[5:], f.value) for f in mtsamples[f"mtsamples-{number}"].facts}
        assert expected <= found, (number, expected - found)


@pytest.mark.real_data
def test_mtsamples_traps_are_not_taken_for_values(mtsamples):
    for number, traps in _NEVER.items():
        found = {(f.name[5:], f.value) for f in mtsamples[f"mtsamples-{number}"].facts}
        assert not traps & found, (number, traps & found)


@pytest.mark.real_data
def test_a_real_gb18030_table_is_decoded(real_data):
    reader = NotesReader(text_column="answer")
    documents = [
        d
        for d in reader.read(real_data / "zh_medqa_gb18030" / "neike.csv")
        if isinstance(d, Document)
    ]
    assert len(documents) > 100
    assert {d.locale for d in documents} == {"zh"}
    assert not any("\ufffd" in d.text for d in documents)


@pytest.mark.parametrize(
    ("column", "written", "published"),
    [("chart_date", "2023-02-11", "2023-02-11"), ("visit_date", "2023/2/11", "2023-02-11"),
     ("date_of_service", "2023-02-11 08:30", "2023-02-11"), ("note_date", "2023-02-31", None),
     ("就诊日期", "2024年3月5日", "2024-03-05"), ("chart_date", "11/02/2023", None)],
)  # fmt: skip
def test_the_day_of_a_note_is_its_publication_date(tmp_path, column, written, published):
    path = tmp_path / "n.csv"
    path.write_text(f"note_id,{column},text\n1,{written},HPI: well\n", encoding="utf-8")
    (document,) = NotesReader().read(path)
    assert document.published == published
