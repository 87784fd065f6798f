"""Reading outputs, formats, refusals, citations, sections: behaviour on good and hostile ones."""

import json

import pytest
from evaluated import EN, ZH, cited, question, refusal, sample
from hypothesis import given
from hypothesis import strategies as st

from sftdata.evaluation.citations import cited as citations_of
from sftdata.evaluation.citations import passages_of, score_citations
from sftdata.evaluation.formats import schema_faults
from sftdata.evaluation.outputs import read_json
from sftdata.evaluation.refusals import stance_of, stance_of_text
from sftdata.evaluation.scoring import score
from sftdata.evaluation.writing import grounding, headings, missing_headings, rouge
from sftdata.predictions import Prediction


@pytest.mark.parametrize(
    ("output", "how"),
    [
        ('{"a": 1}', "strict"),
        (' \n{"a": 1}\n', "strict"),
        ('```json\n{"a": 1}\n```', "fenced"),
        ('~~~\n{"a": 1}\n~~~\n', "fenced"),
        ('<think>hm {"b": 2}</think>\n{"a": 1}', "fenced"),
        ('Here it is:\n```\n{"a": 1}\n```\nDone.', "embedded"),
        ('The answer: {"a": 1}.', "embedded"),
        ('{"a": NaN}', "none"),
        ('{"a": 1, "a": 2}', "none"),
        ('{"a": 1', "none"),
        ("5", "none"),
        ("", "none"),
        ("{" * 100_000, "none"),
        ("[" * 100_000, "none"),
        ('{"a": ' + "9" * 5_000 + "}", "none"),
    ],
)
def test_how_strict_a_reading_was_needed(output, how):
    reading = read_json(output)
    assert reading.how == how
    assert reading.value == ({"a": 1} if how != "none" else None)


@given(st.text())
def test_any_text_can_be_read_and_scored(text):
    row = score(question(), Prediction(sample_id="q", output=text))
    assert 0 <= row.score <= 1


def test_faults_by_the_schema():
    good = cited("x", citations=[("P1", "q")])
    assert schema_faults(good, "answers/cited_answer.json").valid
    bad = dict(good, answerable="yes", extra=1, more=2, confidence="sure")
    del bad["needed"]
    found = schema_faults(bad, "answers/cited_answer.json")
    # Not allowed: the confidence, and no reason where the answer is not `true`.
    assert (found.missing_keys, found.extra_keys, found.types, found.enums) == (1, 2, 1, 2)


REFUSALS = [
    "I'm sorry, but the provided passages do not contain information about net income.",
    "The information is not available in the given context.",
    "I cannot answer this question based on the passages.",
    "There is not enough information to determine the dose.",
    "None of the passages mentions a temperature.",
    "Unable to determine from the record.",
    "The document does not specify this.",
    "This question assumes that sales fell, which is not what the filing says.",
    "抱歉，根据提供的资料无法回答该问题。",
    "文件中未提及该患者的体温。",
    "资料不足，无法计算。",
    "所给病历没有血糖的记录。",
    "该数据未披露。",
    "不能确定，资料里没有相关信息。",
]
ANSWERS = [
    "Net sales were $94,036 million [P1].",
    "The patient denies chest pain.",
    "No known drug allergies [P2].",
    "Warfarin was stopped on July 2, 2018.",
    "The margin was not affected by the sale and stayed at 5.1%.",
    "营业收入为1.2亿元[P1]。",
    "患者否认药物过敏史[P2]。",
    "双肺未闻及干湿性啰音。",
    "无已知过敏[P1]。",
    "血压未见异常，为128/76 mmHg。",
]
PARTS = [
    "The passages do not state the 2021 figure; however, 2022 sales were $5.1 million [P1].",
    "The note does not record a temperature, but the pulse was 88/min.",
    "资料没有披露2021年的数据，但2022年营业收入为1.2亿元[P1]。",
    "无法计算增长率，不过2024年净利润为3,000万元。",
]


@pytest.mark.parametrize("text", REFUSALS)
def test_refusals_in_words(text):
    assert stance_of_text(text) == "refuse"


@pytest.mark.parametrize("text", ANSWERS)
def test_answers_in_words(text):
    assert stance_of_text(text) == "answer"


@pytest.mark.parametrize("text", PARTS)
def test_answers_in_part(text):
    assert stance_of_text(text) == "partial"


def test_the_flag_decides_over_the_words():
    assert stance_of({"answerable": False, "answer": "It was 5."}, "") == "refuse"
    assert stance_of({"answerable": True, "answer": "not stated"}, "") == "answer"
    assert stance_of({"answerable": True, "confidence": "partial", "answer": "x"}, "") == "partial"
    assert stance_of({"answer": "The note does not say."}, "") == "refuse"
    assert stance_of(None, "  ") == "none"


def test_passages_are_read_from_the_prompt_verbatim():
    hostile = "First line.\n\n[P2] not a heading\n\nmore"
    made = sample("s", "evidence", cited("x"), passage=hostile)
    assert passages_of(made) == [hostile]


def test_citations_by_cover_and_overlap():
    half = EN[: len(EN) // 2]
    made = question()
    full = score_citations(made, [(1, EN)])
    assert (full.right, full.covered, full.verbatim) == (1, 1, 1)
    assert score_citations(made, [(1, half)]).right == 1  # IoU of one half
    assert score_citations(made, [(1, half[:-2])]).right == 0
    assert score_citations(made, [(2, EN)]).right == 0  # another passage
    moved = score_citations(made, [(1, EN.replace(" ", "  "))])
    assert (moved.verbatim, moved.found, moved.right) == (0, 1, 1)
    invented = score_citations(made, [(1, "Net sales were $1.")])
    assert (invented.given, invented.found, invented.right) == (1, 0, 0)
    assert score_citations(made, citations_of(None, "It rose [P1].")).right == 1


def test_repeated_citations_count_once():
    answer = cited("x", citations=[("P1", EN)] * 50)
    assert len(citations_of(answer, "")) == 1


def test_numbers_of_an_answer_are_grounded_or_not():
    made = question(question="What changed from 85,777 to 94,036?")
    found = grounding(
        made, "Sales were $94,036 million, 9.6% above $85,777 million, or $94.0 billion."
    )
    assert (found.ungrounded, found.derived) == (0, 1)
    assert grounding(made, "Sales were $95,000 million.").ungrounded == 1
    asked = grounding(question(question="Are sales above 77,777?"), "They are above 77,777.")
    assert asked.numbers == 0  # the question's own number needs no source and earns no credit
    zh = sample("z", "writing", {"text": "x"}, passage=ZH, locale="zh")
    assert grounding(zh, "营业收入1.2亿元，净利润3,000万元[P1]。").ungrounded == 0
    assert grounding(zh, "营业收入1.3亿元。").ungrounded == 1


def test_sections():
    gold = "Past problems\n- Fatigue [P1].\n\n- 就诊原因：肺炎[P1]。\n**Plan**: rest."
    assert headings(gold) == ["past problems", "就诊原因", "plan"]
    assert missing_headings(gold, "## Past problems\n1. 就诊原因: x") == (3, 1)
    assert headings("Cash rose 5% to $1 million [P1].") == []


def test_rouge_agrees_with_rouge_score():
    scorer = pytest.importorskip("rouge_score.rouge_scorer")
    gold, text = "The cat sat on the mat.\nIt slept.", "A cat was sitting on a mat.\nIt sleeps."
    reference = scorer.RougeScorer(["rouge1", "rouge2", "rougeLsum"], use_stemmer=True).score(
        gold, text
    )
    ours = rouge(gold, text, "en")
    assert ours.rouge1 == pytest.approx(reference["rouge1"].fmeasure)
    assert ours.rouge2 == pytest.approx(reference["rouge2"].fmeasure)
    assert ours.rouge_lsum == pytest.approx(reference["rougeLsum"].fmeasure)


def test_rouge_of_chinese_by_hand():
    ours = rouge("净利润增加", "净利润减少", "zh")  # 3 of 5 characters; 2 of 4 pairs
    assert (ours.rouge1, ours.rouge2) == (pytest.approx(0.6), pytest.approx(0.5))
    assert rouge("净利润", "", "zh").rouge1 == 0


def test_scores_of_one_question():
    row = score(
        question(), Prediction(sample_id="q", output=json.dumps(cited("It was $94.0 billion.")))
    )
    assert row.columns["quantity_right"] == 1
    assert row.columns["cite_given"] == 0
    assert row.columns["faithful"] == 1
    refused = score(
        question(), Prediction(sample_id="q", output=json.dumps(cited("", answerable=False)))
    )
    assert refused.columns["over_refused"] == 1
    assert refused.columns["answer_f1"] == 0
    wrong = score(
        refusal(), Prediction(sample_id="r", output=json.dumps(cited("It was $5 million.")))
    )
    assert wrong.columns["false_answered"] == 1
    assert wrong.columns["faithful"] == 0
    nothing = score(refusal(), None)
    assert nothing.stance == "none"
    assert nothing.columns["no_right"] == 0
