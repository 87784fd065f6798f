"""A sample as exporters see it, and the rules by which a target would break one.

A rule looks at one row and returns the reason why the target would break it without a word, or
nothing. A row that breaks a rule is left out, counted, and named in `export.json`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from sftdata.chat.template import ChatTemplate

__all__ = [
    "REASONS",
    "ROW_COLUMNS",
    "Row",
    "Rule",
    "alternates",
    "at_most",
    "first_fault",
    "no_control_text",
    "no_history",
    "no_part_in_text",
    "one_turn",
    "rows_of",
    "says_something",
    "short_id",
    "single_completion",
]

REASONS: Mapping[str, str] = {
    "control_text": "a message holds text that the target's template reads as a control token",
    "empty_turn": "a user or assistant turn is empty",
    "history_would_be_trained": "the prompt holds assistant turns, which the target would train",
    "id_too_long": "the id is longer than the 64 characters of a request id",
    "mask_part_in_text": "a message holds the very text by which the target finds the answers",
    "only_last_turn_trained": "the completion has several assistant turns; the target trains one",
    "over_length": "longer than the limit of the build, counted with the target's tokenizer",
    "roles": "after an optional system message, user and assistant do not take turns",
    "several_turns": "the target holds one question and one answer",
    "template_refuses": "the target's chat template refuses the conversation",
    "too_long": "longer than the target accepts",
}
"""Why a row is left out, in words."""

ROW_COLUMNS = (
    "sample_id",
    "split",
    "kind",
    "family",
    "domain",
    "locale",
    "question",
    "prompt",
    "completion",
    "evidence",
    "prompt_tokens",
    "completion_tokens",
    "tokens_estimated",
)
"""The columns of SAMPLES that exporters read."""

MAX_REQUEST_ID = 64
_BATCH = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One sample: messages as plain dictionaries, in the order of SAMPLES."""

    sample_id: str
    split: str
    kind: str
    family: str
    domain: str
    locale: str
    question: str
    prompt: tuple[dict[str, str], ...]
    completion: tuple[dict[str, str], ...]
    evidence: tuple[dict[str, Any], ...]
    prompt_tokens: int
    completion_tokens: int
    tokens_estimated: bool

    @property
    def messages(self) -> list[dict[str, str]]:
        """The whole conversation."""
        return [*self.prompt, *self.completion]

    @property
    def tokens(self) -> int:
        """Length of the whole row."""
        return self.prompt_tokens + self.completion_tokens

    @property
    def system(self) -> str:
        """The system message; empty where there is none."""
        first = self.prompt[0] if self.prompt else {"role": "", "content": ""}
        return first["content"] if first["role"] == "system" else ""

    @property
    def turns(self) -> list[dict[str, str]]:
        """The conversation without its system message."""
        messages = self.messages
        return messages[1:] if messages and messages[0]["role"] == "system" else messages

    @property
    def has_history(self) -> bool:
        """Whether the prompt holds assistant turns, which are not to be trained."""
        return any(m["role"] == "assistant" for m in self.prompt)

    @property
    def answers(self) -> int:
        """How many assistant turns the completion has."""
        return sum(m["role"] == "assistant" for m in self.completion)


Rule = Callable[[Row], str]


def rows_of(samples: pa.Table) -> Iterator[Row]:
    """Yield the rows of SAMPLES, in order, a small batch in memory at a time."""
    for batch in samples.select(list(ROW_COLUMNS)).to_batches(max_chunksize=_BATCH):
        for row in batch.to_pylist():
            for name in ("prompt", "completion", "evidence"):
                row[name] = tuple(row[name])
            yield Row(**row)


def first_fault(row: Row, rules: Sequence[Rule]) -> str:
    """Return the reason of the first rule that the row breaks; empty where it breaks none."""
    for rule in rules:
        reason = rule(row)
        if reason:
            return reason
    return ""


def says_something(row: Row) -> str:
    """Every user and assistant turn has text: servers refuse empty ones, trainers learn silence."""
    empty = any(not m["content"].strip() for m in row.messages if m["role"] != "system")
    return "empty_turn" if empty else ""


def alternates(row: Row) -> str:
    """An optional system message, then user and assistant in turn, the assistant last."""
    roles = [m["role"] for m in row.turns]
    expected = ["user", "assistant"] * (len(roles) // 2)
    return "" if roles and roles == expected else "roles"


def one_turn(row: Row) -> str:
    """One question and one answer."""
    return "" if [m["role"] for m in row.turns] == ["user", "assistant"] else "several_turns"


def no_history(row: Row) -> str:
    """No assistant turn stands in the prompt."""
    return "history_would_be_trained" if row.has_history else ""


def single_completion(row: Row) -> str:
    """The completion is one assistant turn."""
    return "only_last_turn_trained" if row.answers > 1 else ""


def short_id(row: Row) -> str:
    """The id fits into the `custom_id` of a request."""
    return "id_too_long" if len(row.sample_id) > MAX_REQUEST_ID else ""


def no_control_text(template: ChatTemplate) -> Rule:
    """Return the rule that no message holds a control token of this template."""

    def rule(row: Row) -> str:
        found = any(template.special_text_in(m["content"]) for m in row.messages)
        return "control_text" if found else ""

    return rule


def no_part_in_text(*parts: str) -> Rule:
    """Return the rule that none of these parts stands in a message."""

    def rule(row: Row) -> str:
        found = any(part.strip() in m["content"] for part in parts for m in row.messages)
        return "mask_part_in_text" if found else ""

    return rule


def at_most(tokens: int) -> Rule:
    """Return the rule that a row has at most so many tokens."""

    def rule(row: Row) -> str:
        return "too_long" if row.tokens > tokens else ""

    return rule
