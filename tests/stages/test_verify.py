"""The verify stage: a good sample of each kind passes, and each planted fault is named."""

import json
from dataclasses import replace

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sftdata.stages.verify import CHECKS, Verify
from sftdata.types import SAMPLES, Check, Evidence, Message, Sample, from_table, to_table

ROW = "| Net sales (in millions) | 94,036 | 85,777 |"
QUESTION = "What were net sales for the quarter ended June 28, 2025?"
PROMPT = (
    Message(role="system", content='Reply with one JSON object: "reason" is null or a code.'),
    Message(role="user", content=f"[P1] Results\n\n| | June 28, 2025 | June 29, 2024 |\n{ROW}\n\n{QUESTION}"),
)  # fmt: skip


def cited(text: str, **more: object) -> dict[str, object]:
    quotes = [{"passage": "P1", "quote": ROW}]
    answer = {"answerable": True, "answer": text, "citations": quotes, "calculation": None,
              "confidence": "high", "reason": None, "needed": []}  # fmt: skip
    return answer | more


def sample(kind: str, answer: dict[str, object], **more: object) -> Sample:
    said = answer["text"] if kind == "writing" else json.dumps(answer)
    schema = {"extraction": "answers/reported_facts.json", "writing": ""}
    given: dict[str, object] = {
        "sample_id": "s", "family": "finance/x", "family_version": 1, "kind": kind,
        "domain": "finance", "locale": "en", "split": "train", "document_ids": ("d",),
        "group": "g", "prompt": PROMPT, "question": QUESTION, "answer": json.dumps(answer),
        "completion": (Message(role="assistant", content=str(said)),),
        "answer_schema": schema.get(kind, "answers/cited_answer.json"),
        "evidence": (Evidence(document_id="d", start=0, end=len(ROW), quote=ROW),),
        "facts": ("320193|us-gaap:Revenues|2025-03-30/2025-06-28|=94036000000",),
    }  # fmt: skip
    return Sample(**(given | more))  # type: ignore[arg-type]


FACT = {"concept": "us-gaap:Revenues", "value": "94036000000", "unit": "USD",
        "period_end": "2025-06-28", "period_months": 3, "members": None}  # fmt: skip
EVIDENCE = sample("evidence", cited("Net sales were $94,036 million, up 9.6% [P1].",
                                    calculation="(94,036 − 85,777) ÷ 85,777 = 9.6%"))  # fmt: skip
EXTRACTION = sample("extraction", {"facts": [FACT]})
WRITING = sample("writing", {"text": "- Net sales rose 9.6% to $94,036 million [P1]."})
REFUSAL = sample(
    "refusal",
    cited("The passages do not say.", answerable=False, confidence="none", citations=[],
          reason="span_removed", needed=["the income statement"]),
    evidence=(), facts=(), reason_code="span_removed",
    checks=tuple(Check(name=n, passed=True)
                 for n in ("absent_value", "absent_label", "not_derivable", "absent_fact")),
)  # fmt: skip
GOOD = [EVIDENCE, EXTRACTION, WRITING, REFUSAL]


def verify(*samples: Sample) -> list[Sample]:
    return list(from_table(Verify()(to_table(samples, Sample)), Sample))


def failed(one: Sample) -> list[str]:
    return [check.name for check in verify(one)[0].checks if not check.passed]


@pytest.mark.parametrize("good", GOOD, ids=lambda s: s.kind)
def test_a_good_sample_passes_every_check(good: Sample) -> None:
    assert failed(good) == []
    assert {c.name for c in verify(good)[0].checks} >= set(CHECKS)


def said(one: Sample, answer: dict[str, object]) -> Sample:
    text = answer["text"] if one.kind == "writing" else json.dumps(answer)
    completion = (Message(role="assistant", content=str(text)),)
    return replace(one, answer=json.dumps(answer), completion=completion)


def asking(one: Sample, question: str) -> Sample:
    user = PROMPT[1].content.replace(QUESTION, question)
    return replace(one, question=question, prompt=(PROMPT[0], Message(role="user", content=user)))


FAULTS = {
    "wrong key": (said(EVIDENCE, {"reply": "x"}), "schema_valid"),
    "wrong type": (said(EXTRACTION, {"facts": [FACT | {"value": 94036}]}), "schema_valid"),
    "unknown schema": (replace(EVIDENCE, answer_schema="answers/none.json"), "schema_valid"),
    "schema outside": (replace(EVIDENCE, answer_schema="../pyproject.toml"), "schema_valid"),
    "answer is not JSON": (replace(EVIDENCE, answer="{"), "schema_valid"),
    "other answer": (replace(EVIDENCE, answer=json.dumps(cited("No."))), "answer_matches_completion"),
    "other text": (replace(WRITING, answer='{"text": "x"}'), "answer_matches_completion"),
    "empty": (said(WRITING, {"text": "  "}), "completion_not_empty"),
    "no turn": (replace(WRITING, completion=()), "completion_not_empty"),
    "user's turn": (replace(WRITING, completion=PROMPT[1:]), "completion_not_empty"),
    "quote not shown": (
        replace(EVIDENCE, evidence=(Evidence(document_id="d", start=0, end=3, quote="| Net sales | 1 |"),)),
        "evidence_in_prompt",
    ),
    "no evidence": (replace(EVIDENCE, evidence=()), "evidence_in_prompt"),
    "wrong number": (said(EVIDENCE, cited("Net sales were $94,063 million [P1].")), "numbers_grounded"),
    "wrong scale": (said(EVIDENCE, cited("Net sales were $94,036 billion.")), "numbers_grounded"),
    "wrong growth": (said(WRITING, {"text": "Net sales rose 8.9%."}), "numbers_grounded"),
    "wrong fact": (said(EXTRACTION, {"facts": [FACT | {"value": "94036"} | {"value": "94037000000"}]}), "numbers_grounded"),
    "name not filled": (asking(EVIDENCE, "What is {{ fact.label }}?"), "no_template_residue"),
    "None in the answer": (said(WRITING, {"text": "Net sales of None rose."}), "no_template_residue"),
    "doubled space": (asking(EVIDENCE, "What were  net sales?"), "no_template_residue"),
    "loose comma": (said(WRITING, {"text": "Net sales , rose."}), "no_template_residue"),
    "empty brackets": (said(WRITING, {"text": "Net sales () rose."}), "no_template_residue"),
    "doubled marks": (said(WRITING, {"text": "净销售额增长，，不错"}), "no_template_residue"),
    "no proof": (replace(REFUSAL, checks=()), "refusal_proven"),
    "part of a proof": (replace(REFUSAL, checks=REFUSAL.checks[:3]), "refusal_proven"),
    "no reason": (replace(REFUSAL, reason_code=None), "refusal_proven"),
    "failed proof": (
        replace(REFUSAL, checks=(*REFUSAL.checks[1:], Check(name="absent_value", passed=False))),
        "refusal_proven",
    ),
    "answer in the question": (asking(EVIDENCE, "Were net sales $94.04 billion?"), "question_keeps_answer"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named(fault: str) -> None:
    bad, name = FAULTS[fault]
    assert name in failed(bad)


def test_a_premise_may_be_corrected() -> None:
    corrected = replace(
        REFUSAL,
        reason_code="false_premise",
        question="Why did net sales fall to $94,036 million?",
        checks=(Check(name="premise_contradicted", passed=True),),
    )
    assert failed(corrected) == []


def test_the_documents_own_words_are_no_residue() -> None:
    own = "ALLERGIES:  None , see (  )."
    note = replace(
        WRITING, prompt=(PROMPT[0], Message(role="user", content=f"{own}\n{QUESTION}")), evidence=()
    )
    assert failed(said(note, {"text": own})) == []


def test_the_authors_section_is_its_own_evidence() -> None:
    target = "Sales were strong in every region."
    quote = Evidence(document_id="d", start=0, end=len(target), quote=target)
    assert failed(said(replace(WRITING, evidence=(quote,)), {"text": target})) == []
    assert failed(said(replace(WRITING, evidence=(quote,)), {"text": "Sales fell."})) == [
        "evidence_in_prompt"
    ]


def test_no_check_tells_the_text() -> None:
    for bad, name in FAULTS.values():
        check = next(c for c in verify(bad)[0].checks if c.name == name)
        assert "Net sales" not in check.detail
        assert "94" not in check.detail.replace("at 94", "")


def test_the_stage_keeps_its_schema_also_when_empty() -> None:
    assert Verify()(SAMPLES.empty_table()).schema == SAMPLES
    assert Verify()(to_table(GOOD, Sample)).schema == SAMPLES


@given(
    st.lists(st.sampled_from([*GOOD, *(bad for bad, _ in FAULTS.values())]), max_size=5),
    st.integers(0, 5),
)
def test_batches_do_not_matter_and_twice_is_once(samples: list[Sample], at: int) -> None:
    whole = to_table(samples, Sample)
    apart = [Verify()(part) for part in (whole.slice(0, at), whole.slice(at))]
    assert pa.concat_tables(apart).to_pylist() == Verify()(whole).to_pylist()
    assert Verify()(Verify()(whole)).to_pylist() == Verify()(whole).to_pylist()
