"""What a template does to each conversation of a dataset, looked at once for all checks."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import cast

import pyarrow as pa

from sftdata.chat.probes import PROBES
from sftdata.chat.sandbox import RenderRefusedError
from sftdata.chat.template import ChatTemplate
from sftdata.chat.tokenizer import Tokenizer
from sftdata.chat.turns import Rendered, render_sample
from sftdata.dataset import AuditData
from sftdata.errors import ConfigError
from sftdata.types import Message

__all__ = [
    "CONVERSATIONS",
    "NO_LIMIT",
    "Chat",
    "Faults",
    "chat_of",
    "clock_text",
    "conversations",
    "faults_of",
]

_MESSAGES = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
CONVERSATIONS: pa.Schema = pa.schema([("prompt", _MESSAGES), ("completion", _MESSAGES)])

_THINK = re.compile(r"<(think|thinking|reasoning)>(.*?)</\1>", re.DOTALL)
_FRAME_BEGINS = re.compile(r"[\n<]")
_MOMENTS = (
    datetime.datetime(2024, 7, 26, 9, 5, 1, tzinfo=datetime.UTC),
    datetime.datetime(2031, 12, 3, 17, 48, 59, tzinfo=datetime.UTC),
)
"""Two moments that no format of `strftime` writes alike."""


NO_LIMIT = 2**31 - 1


@dataclass(frozen=True)
class Chat:
    """The conversations of a dataset, row by row, and the template that they are for."""

    template: ChatTemplate
    tokenizer: Tokenizer | None
    conversations: pa.Table
    """Schema `CONVERSATIONS`, in the order of the audited rows."""
    max_length: int = NO_LIMIT
    """Tokens at which a trainer would cut; `NO_LIMIT` where nobody has said."""
    fixed_today: bool = False
    """The dataset names the day that its template prints."""


@dataclass
class Faults:
    """Rows of a dataset by what the template does to them.

    Attributes:
        refused: rows that the template refuses, with its words.
        special: rows whose text holds control tokens, with these.
        unstable: rows whose prompt alone is not the beginning of the whole text.
        inserted: rows with text between generation prompt and answer, with that text.
        forgotten: rows in which the thinking of an earlier turn is taken out.
        thinking: rows whose trained answer holds thinking.
        rewritten: rows whose answer comes out with other white space, or otherwise changed.
        unstopped: rows with a trained turn that no stop token ends.
        doubled: rows that begin with two BOS tokens.
        begins: rows that begin with a BOS token.
        system: rows with a system message.
        lost: rows whose system message does not stand in the text.
        turns: rows with more than one turn of the user.
    """

    refused: dict[int, str] = field(default_factory=dict)
    special: dict[int, tuple[str, ...]] = field(default_factory=dict)
    unstable: list[int] = field(default_factory=list)
    inserted: dict[int, str] = field(default_factory=dict)
    forgotten: list[int] = field(default_factory=list)
    thinking: list[int] = field(default_factory=list)
    rewritten: list[int] = field(default_factory=list)
    unstopped: list[int] = field(default_factory=list)
    doubled: list[int] = field(default_factory=list)
    begins: list[int] = field(default_factory=list)
    system: list[int] = field(default_factory=list)
    lost: list[int] = field(default_factory=list)
    turns: list[int] = field(default_factory=list)


def chat_of(data: AuditData) -> Chat:
    """Return template and conversations of a dataset; only for checks that need `chat`."""
    return cast("Chat", data.chat)


def faults_of(data: AuditData) -> Faults:
    """Return what the template does to each row, rendered once for all checks."""
    return data.once("template faults", lambda: _look(chat_of(data)))


def conversations(
    pairs: Iterable[tuple[Sequence[Message], Sequence[Message]]],
) -> pa.Table:
    """Return (prompt, completion) pairs as a table with the schema `CONVERSATIONS`.

    >>> ask = Message(role="user", content="净利润？")
    >>> conversations([([ask], [])]).column("prompt").to_pylist()
    [[{'role': 'user', 'content': '净利润？'}]]
    """
    rows = [{"prompt": _dicts(p), "completion": _dicts(c)} for p, c in pairs]
    return pa.Table.from_pylist(rows, schema=CONVERSATIONS)


def clock_text(template: ChatTemplate) -> tuple[str, str] | None:
    """Return what a template writes at two moments where that differs, else None.

    Found by rendering: a template that reads the clock only for some conversations is found as
    well, and one that mentions the clock and never uses it is not.
    """
    for probe in PROBES:
        for messages, ask in ((probe.messages, False), (probe.prompt, True)):
            texts = [_at(template, moment, messages, ask) for moment in _MOMENTS]
            if texts[0] is not None and texts[1] is not None and texts[0] != texts[1]:
                return _parted(texts[0], texts[1])
    return None


def _at(
    template: ChatTemplate, moment: datetime.datetime, messages: Sequence[Message], ask: bool
) -> str | None:
    clock = {**template.variables, "strftime_now": moment.strftime}
    timed = template.model_copy(update={"variables": clock, "today": moment.date()})
    try:
        return timed.render(messages, add_generation_prompt=ask)
    except RenderRefusedError:
        return None


def _parted(a: str, b: str) -> tuple[str, str]:
    """Return the parts of the first line in which two texts differ."""
    at = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), 0)
    start = max(a.rfind("\n", 0, at), a.rfind(">", 0, at)) + 1
    first, second = (_FRAME_BEGINS.split(text[start:], maxsplit=1)[0] for text in (a, b))
    return first[:60], second[:60]


def _dicts(messages: Sequence[Message]) -> list[dict[str, str]]:
    return [{"role": m.role, "content": m.content} for m in messages]


def _messages(rows: Sequence[dict[str, str | None]] | None) -> list[Message]:
    return [Message(role=r["role"] or "", content=r["content"] or "") for r in rows or ()]


def _pairs(table: pa.Table) -> Iterator[tuple[list[Message], list[Message]]]:
    for batch in table.to_batches(max_chunksize=256):
        for row in batch.to_pylist():
            yield _messages(row["prompt"]), _messages(row["completion"])


def _look(chat: Chat) -> Faults:
    found = Faults()
    for row, (prompt, completion) in enumerate(_pairs(chat.conversations)):
        messages = [*prompt, *completion]
        if any(m.role == "system" for m in messages):
            found.system.append(row)
        if sum(m.role == "user" for m in messages) > 1:
            found.turns.append(row)
        special = {t for m in messages for t in chat.template.special_text_in(_spoken(m))}
        if special:
            found.special[row] = tuple(sorted(special))
        try:
            rendered = render_sample(chat.template, prompt, completion)
        except ConfigError as refusal:
            found.refused[row] = str(refusal)
            continue
        _look_at_row(chat, found, row, rendered, (prompt, completion))
    return found


def _spoken(message: Message) -> str:
    """Return a message without the thinking tags of the assistant, which belong where they are."""
    if message.role != "assistant":
        return message.content
    return _THINK.sub(lambda found: found[2], message.content)


def _look_at_row(
    chat: Chat,
    found: Faults,
    row: int,
    rendered: Rendered,
    conversation: tuple[list[Message], list[Message]],
) -> None:
    prompt, completion = conversation
    text, template = rendered.text, chat.template
    said = [m.content for m in completion if m.role == "assistant"]
    shown = [text[t.start : t.content_end] for t in rendered.turns]
    system = [m.content.strip() for m in prompt if m.role == "system"]
    bos = template.special_tokens.get("bos_token") or "\0"
    for rows, is_so in (
        (found.unstable, not rendered.prefix_stable),
        (found.forgotten, _forgets(text, prompt)),
        (found.thinking, any(_THINK.search(s) for s in said)),
        (found.rewritten, any(not a.endswith(b) for a, b in zip(shown, said, strict=True))),
        (found.unstopped, any(t.end == t.content_end for t in rendered.turns)),
        (found.doubled, text.startswith(bos * 2)),
        (found.begins, text.startswith(bos)),
        (found.lost, any(s not in text for s in system)),
    ):
        if is_so:
            rows.append(row)
    if rendered.inserted.strip():
        found.inserted[row] = rendered.inserted


def _forgets(text: str, prompt: Sequence[Message]) -> bool:
    """Return whether the thinking of an earlier turn is not in the text."""
    blocks = (
        block for m in prompt if m.role == "assistant" for block in _THINK.finditer(m.content)
    )
    return any(block[2].strip() and block[2].strip() not in text for block in blocks)
