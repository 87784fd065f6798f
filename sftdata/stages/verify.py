"""The verify stage: is each sample what it says it is? Every answer is a check, nothing is dropped.

The stage looks at one sample alone. What needs its document or the other samples (does the quote
stand in the document, is a fact asked on both sides of a split) is asked by the audit.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from functools import cache
from typing import Any, ClassVar

import pyarrow as pa
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from referencing import Registry

from sftdata.grounding.absence import METHODS
from sftdata.grounding.numbers import ungrounded_numbers
from sftdata.part import Stage
from sftdata.quantities import find_numbers, same_number
from sftdata.resources import folder
from sftdata.types import SAMPLES, Check, Sample, from_table, to_table

__all__ = ["CHECKS", "Verify"]


class Verify(Stage):
    """Add the outcome of every check in `CHECKS` to `checks`; rows and other columns stay.

    A check from an earlier run of this stage is replaced, so verifying twice changes nothing.
    Samples with a failed check leave in the pipeline, which counts them by the check's name.
    """

    output: ClassVar[pa.Schema] = SAMPLES

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Return the batch with its checks."""
        return to_table((_verified(sample) for sample in from_table(batch, Sample)), Sample)


def _verified(sample: Sample) -> Sample:
    earlier = tuple(check for check in sample.checks if check.name not in CHECKS)
    return replace(sample, checks=(*earlier, *(_run(name, sample) for name in CHECKS)))


def _run(name: str, sample: Sample) -> Check:
    problem = CHECKS[name](sample)
    return Check(name=name, passed=not problem, detail=problem)


def _user(sample: Sample) -> str:
    return "\n".join(m.content for m in sample.prompt if m.role == "user")


def _completion(sample: Sample) -> str:
    return "\n".join(m.content for m in sample.completion if m.role == "assistant")


def _answer(sample: Sample) -> Any:
    """Return the parsed answer, or None where it is not JSON (which `schema_valid` reports)."""
    try:
        return json.loads(sample.answer)
    except json.JSONDecodeError:
        return None


@cache
def _validator(name: str) -> Draft202012Validator | str:
    """Return the compiled validator of a schema, or why there is none.

    The registry is empty on purpose: a schema may not fetch another one from anywhere.
    """
    root = folder("schemas").resolve()
    path = (root / name).resolve()
    if not path.is_relative_to(root) or not path.is_file():
        return "no such schema"
    try:
        schema = json.loads(path.read_text(encoding="utf-8"))
        Draft202012Validator.check_schema(schema)
    except (json.JSONDecodeError, SchemaError):
        return "the schema itself is not valid"
    return Draft202012Validator(schema, registry=Registry())


def _schema_valid(sample: Sample) -> str:
    """The answer is JSON and satisfies its schema."""
    answer = _answer(sample)
    if answer is None:
        return "the answer is not JSON"
    if not sample.answer_schema:
        return ""
    validator = _validator(sample.answer_schema)
    if isinstance(validator, str):
        return f"{sample.answer_schema}: {validator}"
    error = next(iter(validator.iter_errors(answer)), None)
    if error is None:
        return ""
    # The message would hold the value, which is document text; the path and the rule do not.
    return f"{error.json_path}: {error.validator}"


def _answer_matches_completion(sample: Sample) -> str:
    """What the model learns to say is the answer: the same JSON, or for writing the same text."""
    answer, said = _answer(sample), _completion(sample)
    if sample.kind == "writing":
        same = isinstance(answer, dict) and answer.get("text") == said
        return "" if same else "the completion is not the answer's text"
    try:
        return "" if json.loads(said) == answer else "the completion is other JSON than the answer"
    except json.JSONDecodeError:
        return "the completion is not JSON"


def _completion_not_empty(sample: Sample) -> str:
    """There is an assistant's turn, and it says something."""
    roles = [m.role for m in sample.completion]
    if not roles or roles[-1] != "assistant":
        return "the completion does not end with the assistant"
    return "" if _completion(sample).strip() else "the completion is empty"


def _evidence_in_prompt(sample: Sample) -> str:
    """Every evidence quote stands verbatim in the user's message.

    A writing sample whose target is the author's own section has that section as its evidence.
    """
    user, said = _user(sample), _completion(sample)
    if sample.kind == "evidence" and not sample.evidence:
        return "an evidence answer without evidence"
    for index, evidence in enumerate(sample.evidence):
        own_target = sample.kind == "writing" and evidence.quote == said
        if not evidence.quote or (evidence.quote not in user and not own_target):
            return f"evidence {index} does not stand in the prompt"
    return ""


def _numbers_grounded(sample: Sample) -> str:
    """Every number of the answer is the prompt's or made from its numbers."""
    answer, user = _answer(sample), _user(sample)
    if sample.kind == "extraction":
        wrong = sum(not _leaf_grounded(n, user) for n in _number_leaves(answer))
    else:
        said = _completion(sample) if sample.kind == "writing" else _prose(answer)
        wrong = len(ungrounded_numbers(said, user, question=sample.question))
    return f"{wrong} of the answer's numbers are not grounded" if wrong else ""


_PLAIN = re.compile(r"-?\d+(?:\.\d+)?")
_NO_QUANTITY = re.compile(
    r"code|concept|period|date|(?:^|_)id$|identifier|phone|zip|cik", re.IGNORECASE
)


def _number_leaves(value: Any, key: str = "") -> Iterator[Decimal]:
    """Yield the numbers of a JSON answer; codes, ids and dates are no quantities."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _number_leaves(item, name)
    elif isinstance(value, list):
        for item in value:
            yield from _number_leaves(item, key)
    elif isinstance(value, bool) or _NO_QUANTITY.search(key):
        return
    elif isinstance(value, int | float) or (isinstance(value, str) and _PLAIN.fullmatch(value)):
        yield Decimal(str(value))


def _leaf_grounded(number: Decimal, user: str) -> bool:
    """Look for a number without its sign, which a tag may give against the text ("a loss of 5").

    A fraction may stand as per cent in a table whose header has the sign.
    """
    size = abs(number)
    if not number or not ungrounded_numbers(f"{size:f}", user):
        return True
    if size == size.to_integral_value() and size < len(_IN_WORDS):
        return _IN_WORDS[int(size)].search(user) is not None
    return size < 100 and not ungrounded_numbers(f"{size.scaleb(2):f}%", user)


_IN_WORDS = [
    re.compile(rf"\b{english}\b|{chinese}", re.IGNORECASE)
    for english, chinese in (
        ("zero", "零"),
        ("one", "一"),
        ("two", "[二两]"),
        ("three", "三"),
        ("four", "四"),
        ("five", "五"),
        ("six", "六"),
        ("seven", "七"),
        ("eight", "八"),
        ("nine", "九"),
        ("ten", "十"),
        ("eleven", "十一"),
        ("twelve", "十二"),
    )
]
"""Small counts that a filing tags in words: "four geographic segments"."""


def _prose(answer: Any) -> str:
    """Return what an answer says in words: its text and its calculation."""
    if not isinstance(answer, dict):
        return ""
    return "\n".join(str(answer[k]) for k in ("answer", "calculation") if answer.get(k))


_RESIDUE = re.compile(
    r"\{\{|\{%|\{#|\bNone\b|\bnan\b|\bNaN\b|\bUndefined\b"
    r"|(?<=\S) {2,}(?=\S)| [,;](?!\S)|(?<=\w) \.(?=\s|$)|\(\s*\)|（\s*）|[，。；、]{2,}|,,|\[\s*\]"
)
_UNFILLED = re.compile(r"\{\{|\{%|\{#")


def _no_template_residue(sample: Sample) -> str:
    """No trace of a template: unfilled names, `None`, doubled spaces or marks, empty brackets.

    What the document itself writes is no residue: a hit that stands in the passages or in the
    quoted evidence does not count. Instructions and prompts are searched for unfilled names only,
    because they may speak of `null` and passages may say "None".
    """
    user = _user(sample)
    sources = [user.replace(sample.question, ""), *(e.quote for e in sample.evidence)]
    said = _completion(sample) if sample.kind == "writing" else _prose(_answer(sample))
    asks = sample.kind in ("evidence", "refusal")
    for where, text in (("question", sample.question if asks else ""), ("answer", said)):
        for hit in _RESIDUE.finditer(text):
            near = text[max(0, hit.start() - 6) : hit.end() + 6]
            if not any(near in source for source in sources):
                return f"{where}: residue at {hit.start()}"
    for message in sample.prompt:
        unfilled = _UNFILLED.search(message.content)
        if unfilled:
            return f"{message.role}: unfilled template at {unfilled.start()}"
    return ""


def _refusal_proven(sample: Sample) -> str:
    """A refusal carries every check of its reason code's proof, and all of them passed."""
    if sample.kind != "refusal":
        return ""
    if not sample.reason_code:
        return "a refusal without a reason code"
    proof = {c.name: c.passed for c in sample.checks if c.name not in CHECKS}
    needed = METHODS.get(sample.reason_code, {})
    missing = [name for name in needed if name not in proof]
    if missing or not proof:
        return f"the proof lacks {', '.join(missing) or 'every check'}"
    failed = [name for name in proof if not proof[name]]
    return f"the proof failed at {', '.join(failed)}" if failed else ""


_SURE_DIGITS = 3


def _question_keeps_answer(sample: Sample) -> str:
    """The question does not give a number away that it asks for.

    Only for answers with a figure of three digits or more: smaller ones stand everywhere. A
    refusal that corrects a premise must name it, so refusals are left out.
    """
    if sample.kind not in ("evidence", "extraction"):
        return ""
    asked = [m.value for m in find_numbers(sample.question)]
    for fact in sample.facts:
        value = fact.rpartition("=")[2]
        shown = len(value.strip("-0.").replace(".", ""))
        if not _PLAIN.fullmatch(value) or shown < _SURE_DIGITS:
            continue
        if any(same_number(abs(Decimal(value)), abs(number)) for number in asked):
            return "the question holds the figure that it asks for"
    return ""


CHECKS: dict[str, Callable[[Sample], str]] = {
    "schema_valid": _schema_valid,
    "answer_matches_completion": _answer_matches_completion,
    "completion_not_empty": _completion_not_empty,
    "evidence_in_prompt": _evidence_in_prompt,
    "numbers_grounded": _numbers_grounded,
    "no_template_residue": _no_template_residue,
    "refusal_proven": _refusal_proven,
    "question_keeps_answer": _question_keeps_answer,
}
"""Name of a check → a function that returns what is wrong, or nothing."""
