"""One sample and one output to the counts that every metric is made of."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from sftdata.evaluation.citations import cited, score_citations
from sftdata.evaluation.fields import Tally, compare
from sftdata.evaluation.formats import enumerated, schema_faults
from sftdata.evaluation.outputs import Reading, read_json, read_text
from sftdata.evaluation.refusals import Stance, flag_of, reason_of, stance_of, stance_of_text
from sftdata.evaluation.spans import entities, shared_entities
from sftdata.evaluation.squad import exact_match, number_match, token_f1
from sftdata.evaluation.tokens import without_citations
from sftdata.evaluation.writing import (
    cited_passages,
    grounding,
    missing_headings,
    rouge,
    words,
)
from sftdata.predictions import Prediction
from sftdata.types import Sample

__all__ = ["Row", "score"]

_OTHER = "other"
_ALIKE = 0.5
"""Token F1 from which an answer without a number counts as right in accuracy-coverage."""
_CONFIDENCE = {"high": 1.0, "partial": 0.5, "conflict": 0.5, "none": 0.0}
_FAULTS: dict[Stance, str] = {
    "refuse": "",
    "partial": "answered in part what cannot be answered",
    "answer": "answered what cannot be answered",
    "none": "no output",
}
_CITED = "answers/cited_answer.json"
_LONGEST = 8_000
"""Characters of an answer's words that are compared; gold ones have a few hundred."""


@dataclass(slots=True)
class Row:
    """The scores of one output.

    Attributes:
        sample: what was asked.
        output: what the model wrote; empty where there is no prediction.
        columns: counts by name, those of `metrics.METRICS`; a column that does not apply is
            absent.
        score: one number between 0 and 1 for finding the worst outputs.
        stance: whether it refused, for questions.
        confidence: how sure the model is that the question can be answered, if it says so.
        fields: tallies by path, for extraction.
        fault: what is worst about it, in a few words.
    """

    sample: Sample
    output: str
    columns: dict[str, float] = field(default_factory=dict)
    score: float = 0.0
    stance: Stance = "none"
    confidence: float | None = None
    fields: dict[str, Tally] = field(default_factory=dict)
    fault: str = ""

    def add(self, **columns: float) -> None:
        """Set columns."""
        self.columns.update({name: float(value) for name, value in columns.items()})


def score(sample: Sample, prediction: Prediction | None) -> Row:
    """Score one output by the rules of its kind; no prediction is an empty output.

    Raises:
        MissingExtraError: a writing sample, and rouge-score is not installed.
    """
    output = prediction.output if prediction else ""
    row = Row(sample, output)
    if sample.kind == "writing":
        _score_writing(row)
        return row
    reading = read_json(output)
    _score_format(row, reading)
    if sample.kind == "extraction":
        _score_extraction(row, reading)
    else:
        row.confidence = prediction.confidence if prediction else None
        _score_question(row, reading)
    return row


def _score_format(row: Row, reading: Reading) -> None:
    row.add(
        json=1,
        json_strict=reading.how == "strict",
        json_fenced=reading.how in ("strict", "fenced"),
        json_found=reading.how != "none",
    )
    if not row.sample.answer_schema:
        return
    row.add(schema=1, schema_valid=0)
    if reading.value is None:
        return
    faults = schema_faults(reading.value, row.sample.answer_schema)
    row.add(
        schema_valid=faults.valid,
        schema_read=1,
        schema_missing=faults.missing_keys > 0,
        schema_extra=faults.extra_keys > 0,
        schema_types=faults.types > 0,
        schema_enums=faults.enums > 0,
    )


def _score_extraction(row: Row, reading: Reading) -> None:
    gold = json.loads(row.sample.answer)
    row.fields = compare(gold, reading.value)
    total = Tally()
    for tally in row.fields.values():
        total.add(tally)
    exact = total.right == total.gold == total.given and not total.hallucinated
    exact = exact and reading.value is not None
    row.add(
        documents=1,
        document_exact=exact,
        field_right=total.right,
        field_gold=total.gold,
        field_given=total.given,
        field_missing=total.missing,
        field_null=total.null_gold,
        field_hallucinated=total.hallucinated,
        field_extra=total.extra,
        numbers=total.numbers,
        number_exact=total.numbers_exact,
        number_near=total.numbers_near,
    )
    source = "\n".join(m.content for m in row.sample.prompt if m.role == "user")
    wanted, given = entities(gold, source), entities(reading.value, source)
    row.add(
        entity_right=shared_entities(wanted, given),
        entity_gold=len(wanted),
        entity_given=len(given),
    )
    _score_labels(row)
    whole = total.gold + total.given
    row.score = 2 * total.right / whole if whole else float(exact)
    row.fault = (
        f"{total.right} of {total.gold} values right, {total.missing} missing, "
        f"{total.hallucinated + total.extra} made up"
    )


def _score_labels(row: Row) -> None:
    """Count the values of closed lists as classes: what the schema does not list is `other`."""
    right = labels = 0
    for path, allowed in enumerated(row.sample.answer_schema).items():
        known = {value.casefold() for value in allowed}
        for gold, given in row.fields[path].labels if path in row.fields else ():
            labels += 1
            right += gold == given
            _add_class(
                row, f"label:{path}=", gold, given if given in known or not given else _OTHER
            )
    if labels:
        row.add(labels=labels, label_right=right)


def _add_class(row: Row, prefix: str, gold: str, given: str) -> None:
    for name in {gold, given} - {""}:
        for part in ("given", "gold", "right"):
            row.columns.setdefault(f"{prefix}{name}:{part}", 0.0)
    if gold:
        row.columns[f"{prefix}{gold}:gold"] += 1
    if given:
        row.columns[f"{prefix}{given}:given"] += 1
    if gold == given:
        row.columns[f"{prefix}{gold}:right"] += 1


def _score_writing(row: Row) -> None:
    sample, text = row.sample, read_text(row.output)
    gold = "\n".join(m.content for m in sample.completion if m.role == "assistant")
    found = rouge(gold, text, sample.locale)
    wanted, missing = missing_headings(gold, text)
    both, cites, given = cited_passages(gold, text)
    row.add(
        texts=1,
        rouge1=found.rouge1,
        rouge2=found.rouge2,
        rouge_lsum=found.rouge_lsum,
        words=words(text),
        words_gold=words(gold),
    )
    if wanted:
        row.add(sections=wanted, sections_right=wanted - missing, sectioned=1)
        row.add(sections_complete=not missing)
    if cites or given:
        row.add(cited_right=both, cited_gold=cites, cited_given=given)
    wrong = _score_grounding(row, text)
    row.score = found.rouge_lsum if not wrong else found.rouge_lsum / 2
    row.fault = f"ROUGE-Lsum {found.rouge_lsum:.2f}, {wrong} numbers ungrounded"
    row.fault += f", {missing} of {wanted} sections missing" if wanted else ""


def _score_grounding(row: Row, text: str) -> int:
    """Count where the numbers come from; return how many come from nowhere."""
    row.add(checked=1, faithful=0)
    if not text.strip():
        return 0
    found = grounding(row.sample, text)
    row.add(
        faithful=not found.ungrounded,
        uses=found.numbers,
        use_verbatim=found.verbatim,
        use_rescaled=found.rescaled,
        use_derived=found.derived,
        use_ungrounded=found.ungrounded,
    )
    return found.ungrounded


def _score_question(row: Row, reading: Reading) -> None:
    sample, answer = row.sample, reading.value
    said = _words_of(reading)
    row.stance = stance_of(answer, reading.text)
    flag = flag_of(answer)
    if row.confidence is None and isinstance(answer, dict) and flag is not None:
        row.confidence = _CONFIDENCE.get(str(answer.get("confidence")), float(flag))
    if flag is not None:
        other = {True: "refuse", False: "answer"}[flag]
        row.add(flags=1, flag_contradicted=stance_of_text(said) == other)
    _score_stance(row, reason_of(answer))
    prose = [said]
    if isinstance(answer, dict) and isinstance(answer.get("calculation"), str):
        prose.append(answer["calculation"][:_LONGEST])
    wrong = _score_grounding(row, "\n".join(prose))
    cites = cited(answer, reading.text)
    found = score_citations(sample, cites)
    if any(quote for _, quote in cites):
        quotes = sum(bool(quote) for _, quote in cites)
        row.add(quotes=quotes, quote_verbatim=found.verbatim, quote_found=found.found)
    if sample.evidence:
        row.add(cite_given=found.given, cite_right=found.right)
        row.add(cite_gold=found.gold, cite_covered=found.covered)
    if sample.kind == "refusal":
        right = float(row.stance == "refuse")
        row.add(answers=1, answer_em=right, answer_f1=right, no_answer=1, no_right=right)
        row.score = right
        row.fault = {
            "answer": "answered what cannot be answered",
            "partial": "answered in part",
        }.get(row.stance, "no output" if row.stance == "none" else "")
        return
    _score_answer(row, said)
    row.fault = "refused what can be answered" if row.stance == "refuse" else row.fault
    if wrong:
        row.score /= 2
        row.fault += f", {wrong} numbers ungrounded"


def _words_of(reading: Reading) -> str:
    """Return what an answer says in words: its `answer`, or all of an output without one."""
    answer = reading.value
    if isinstance(answer, dict) and "answer" in answer:
        said = answer["answer"]
        return (said if isinstance(said, str) else "" if said is None else str(said))[:_LONGEST]
    return reading.text[:_LONGEST]


def _score_stance(row: Row, reason: str) -> None:
    refusal, stance = row.sample.kind == "refusal", row.stance
    row.add(
        stances=1,
        stance_refused=stance == "refuse",
        stance_answered=stance == "answer",
        stance_partial=stance == "partial",
        stance_gold_refuse=refusal,
        stance_gold_answer=not refusal,
        stance_right_refuse=refusal and stance == "refuse",
        stance_right_answer=not refusal and stance == "answer",
        stance_right=stance == ("refuse" if refusal else "answer"),
        calibrated=0,
        calibrated_answered=stance == "answer",
        calibrated_answerable=not refusal,
    )
    if not refusal:
        row.add(over_refused=stance == "refuse")
        return
    row.add(false_answered=stance == "answer")
    gold = row.sample.reason_code or ""
    known = enumerated(_CITED)["reason"] | {gold}
    given = reason if stance == "refuse" else ""
    if gold:
        _add_class(row, "reason:", gold, given if given in known or not given else _OTHER)
    if gold and stance == "refuse":
        row.add(reasons=1, reason_right=reason == gold)


def _score_answer(row: Row, said: str) -> None:
    """Score the words and numbers of an answerable question; a refusal is the empty answer."""
    gold = without_citations(_gold_words(row.sample))
    given = without_citations(said) if row.stance in ("answer", "partial") else ""
    em, f1 = exact_match(gold, given, row.sample.locale), token_f1(gold, given, row.sample.locale)
    row.add(answers=1, answer_em=em, answer_f1=f1, has_answer=1, has_em=em, has_f1=f1)
    if row.stance == "answer":
        row.add(calibrated=f1)
    numbers = number_match(gold, given)
    row.add(answer_right=f1 >= _ALIKE)
    row.score = f1
    row.fault = f"F1 {f1:.2f}"
    if numbers.gold or numbers.given:
        row.add(
            quantity_right=numbers.same, quantity_gold=numbers.gold, quantity_given=numbers.given
        )
    if numbers.gold:
        row.add(tat=1, tat_right=numbers.tat == numbers.gold == numbers.given)
        row.add(scale=numbers.digits, scale_right=numbers.scaled)
        row.add(answer_right=numbers.same == numbers.gold)
        row.score = (f1 + numbers.same / numbers.gold) / 2
        row.fault += f", {numbers.same} of {numbers.gold} numbers right"


def _gold_words(sample: Sample) -> str:
    gold: Any = json.loads(sample.answer)
    return str(gold["answer"]) if isinstance(gold, dict) and "answer" in gold else sample.answer
