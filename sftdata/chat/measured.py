"""The rows of a dataset as tokens, looked at once: how long, and what a trainer's cut would lose.

Where a tokenizer is named, each row is rendered, tokenised, masked and cut as it will be trained,
and decoded again: what the decoded row lacks is lost. Without one, lengths are estimates.
"""

from __future__ import annotations

import unicodedata
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sftdata.chat.faults import Chat, chat_of
from sftdata.chat.sandbox import RenderRefusedError
from sftdata.chat.tokenizer import Tokenizer
from sftdata.chat.tokens import TokenRow, tokenise_stream
from sftdata.chat.turns import Rendered, render_sample
from sftdata.dataset import AuditData
from sftdata.text import estimate_tokens
from sftdata.types import Message

__all__ = ["FAULTS", "Measured", "measured"]

Counts = NDArray[np.int64]

FAULTS: tuple[str, ...] = (
    "refused",
    "untrained",
    "answer_cut",
    "question_cut",
    "evidence_cut",
    "other_text",
    "no_stop",
    "evidence_gone",
    "question_gone",
)
"""What can be wrong with a trained row; `*_cut` at the limit, the others at any length."""

_AT_ONCE = 256


@dataclass
class Measured:
    """Lengths in tokens, an entry per row of the dataset; 0 for rows that cannot be rendered.

    Attributes:
        estimated: no tokenizer was named.
        limit: where rows were cut.
        prompt: tokens in front of the first trained one.
        answer_end: tokens up to the last trained one, the stop token included.
        total: tokens of the whole row.
        question_end: tokens up to the end of the question; 0 where none stands in the prompt.
        evidence_rows: the row of each piece of evidence that stands in a prompt.
        evidence_ends: tokens up to its end.
        faults: fault → rows that have it; see `FAULTS`. Empty without a tokenizer.
    """

    estimated: bool
    limit: int
    prompt: Counts
    answer_end: Counts
    total: Counts
    question_end: Counts
    evidence_rows: Counts
    evidence_ends: Counts
    faults: dict[str, list[int]] = field(default_factory=dict)

    @property
    def rendered(self) -> NDArray[np.bool_]:
        """The rows that could be rendered."""
        return self.total > 0


@dataclass
class _Sample:
    """One row before it is tokens. `asked` and `quotes` are those that stand in its prompt."""

    number: int
    rendered: Rendered
    answers: list[str]
    asked: str
    quotes: list[str]


def measured(data: AuditData) -> Measured:
    """Return the lengths and faults of a dataset whose chat template is known, looked at once."""
    return data.once("measured tokens", lambda: _measure(chat_of(data), _wanted(data)))


def _wanted(data: AuditData) -> tuple[list[str], list[list[str]]]:
    """Return each row's question and the quotes of its evidence."""
    rows = data.rows
    asked = [str(q or "") for q in data.values("question")] if data.has("question") else [""] * rows
    if not data.has("evidence"):
        return asked, [[] for _ in range(rows)]
    lists = data.table.column("evidence").to_pylist()
    return asked, [[e["quote"] for e in found or () if e["quote"]] for found in lists]


def _measure(chat: Chat, wanted: tuple[list[str], list[list[str]]]) -> Measured:
    rows = chat.conversations.num_rows
    found = Measured(
        estimated=chat.tokenizer is None,
        limit=chat.max_length,
        prompt=np.zeros(rows, dtype=np.int64),
        answer_end=np.zeros(rows, dtype=np.int64),
        total=np.zeros(rows, dtype=np.int64),
        question_end=np.zeros(rows, dtype=np.int64),
        evidence_rows=np.zeros(0, dtype=np.int64),
        evidence_ends=np.zeros(0, dtype=np.int64),
        faults={name: [] for name in FAULTS},
    )
    places: list[tuple[int, int]] = []
    batches = _batches(chat, wanted, found)
    if chat.tokenizer is None:
        for batch in batches:
            for sample in batch:
                places += _estimate(found, sample)
    else:
        waiting: deque[list[_Sample]] = deque()
        texts = _kept(batches, waiting)
        for tokens in tokenise_stream(chat.tokenizer, texts):
            samples = waiting.popleft()
            for sample, row in zip(samples, tokens.rows, strict=True):
                places += _count(found, sample, row)
            _judge(chat, found, samples, tokens.rows)
    pairs = np.array(places, dtype=np.int64).reshape(-1, 2)
    found.evidence_rows, found.evidence_ends = pairs[:, 0], pairs[:, 1]
    return found


def _kept(
    batches: Iterator[list[_Sample]], waiting: deque[list[_Sample]]
) -> Iterator[list[Rendered]]:
    for batch in batches:
        waiting.append(batch)
        yield [sample.rendered for sample in batch]


def _batches(
    chat: Chat, wanted: tuple[list[str], list[list[str]]], found: Measured
) -> Iterator[list[_Sample]]:
    """Yield the rows that the template takes, rendered; note those that it refuses."""
    number = 0
    for batch in chat.conversations.to_batches(max_chunksize=_AT_ONCE):
        samples = []
        for row in batch.to_pylist():
            prompt, completion = _messages(row["prompt"]), _messages(row["completion"])
            try:
                rendered = render_sample(chat.template, prompt, completion)
            except RenderRefusedError:
                found.faults["refused"].append(number)
            else:
                said = "\n".join(m.content for m in prompt)
                answers = [m.content for m in completion if m.role == "assistant"]
                asked = wanted[0][number].strip()
                quotes = [q for q in wanted[1][number] if q in said]
                asked = asked if asked and asked in said else ""
                samples.append(_Sample(number, rendered, answers, asked, quotes))
            number += 1
        yield samples


def _messages(rows: Sequence[dict[str, str | None]] | None) -> list[Message]:
    return [Message(role=r["role"] or "", content=r["content"] or "") for r in rows or ()]


def _estimate(found: Measured, sample: _Sample) -> Iterator[tuple[int, int]]:
    text, turns = sample.rendered.text, sample.rendered.turns
    found.prompt[sample.number] = estimate_tokens(text[: turns[0].start])
    found.answer_end[sample.number] = estimate_tokens(text[: turns[-1].end])
    found.total[sample.number] = estimate_tokens(text)
    if at := _end_of(text, sample.asked):
        found.question_end[sample.number] = estimate_tokens(text[:at])
    for quote in sample.quotes:
        if at := _end_of(text, quote):
            yield sample.number, estimate_tokens(text[:at])


def _count(found: Measured, sample: _Sample, row: TokenRow) -> Iterator[tuple[int, int]]:
    text = sample.rendered.text
    found.prompt[sample.number] = row.prompt_tokens
    found.total[sample.number] = len(row.ids)
    trained = np.flatnonzero(row.mask)
    found.answer_end[sample.number] = int(trained[-1]) + 1 if len(trained) else len(row.ids)
    if at := _end_of(text, sample.asked):
        found.question_end[sample.number] = row.tokens_until(text, at)
    for quote in sample.quotes:
        if at := _end_of(text, quote):
            yield sample.number, row.tokens_until(text, at)


def _end_of(text: str, part: str) -> int:
    """Return where a text first stands, by its end; 0 where it does not."""
    at = text.find(part) if part else -1
    return at + len(part) if at >= 0 else 0


def _judge(
    chat: Chat, found: Measured, samples: Sequence[_Sample], rows: Sequence[TokenRow]
) -> None:
    """Decode each row as it is trained, and note what is not in it that should be."""
    assert chat.tokenizer is not None
    limit, stop = chat.max_length, chat.template.stop
    prompts, trained = _decoded(chat.tokenizer, samples, rows, limit)
    for sample, row, prompt, said in zip(samples, rows, prompts, trained, strict=True):
        number = sample.number
        cut = int(found.answer_end[number]) > limit
        shown, learnt = _bare(prompt), _bare(said)
        wanted = _bare("".join(answer + stop for answer in sample.answers))
        over = len(row.ids) > limit
        gone = [quote for quote in sample.quotes if _bare(quote) not in shown]
        lost = bool(sample.asked) and _bare(sample.asked) not in shown
        notes = {
            "untrained": not row.mask[:limit].any(),
            "answer_cut": cut,
            "other_text": not cut and learnt not in (wanted, wanted.removesuffix(_bare(stop))),
            "no_stop": not cut and bool(stop) and not learnt.endswith(_bare(stop)),
            "evidence_cut" if over else "evidence_gone": bool(gone),
            "question_cut" if over else "question_gone": lost,
        }
        for name, is_so in notes.items():
            if is_so:
                found.faults[name].append(number)


def _decoded(
    tokenizer: Tokenizer, samples: Sequence[_Sample], rows: Sequence[TokenRow], limit: int
) -> tuple[list[str], list[str]]:
    """Return prompt and trained part of each row as it is after the cut, read back from ids.

    Where each token was found to be the very bytes of the text at its place, these are read;
    elsewhere the tokenizer decodes.
    """
    prompts, trained = [""] * len(rows), [""] * len(rows)
    others = [n for n, row in enumerate(rows) if not row.bytes_known]
    heads = [rows[n].ids[: min(rows[n].prompt_tokens, limit)].tolist() for n in others]
    tails = [rows[n].ids[:limit][rows[n].mask[:limit]].tolist() for n in others]
    decoded = zip(tokenizer.decode_all(heads), tokenizer.decode_all(tails), strict=True)
    for n, (prompt, said) in zip(others, decoded, strict=True):
        prompts[n], trained[n] = prompt, said
    for n, (sample, row) in enumerate(zip(samples, rows, strict=True)):
        if row.bytes_known:
            prompts[n], trained[n] = _read_back(sample.rendered.text.encode(), row, limit)
    return prompts, trained


def _read_back(raw: bytes, row: TokenRow, limit: int) -> tuple[str, str]:
    edges = [0, *row.ends[:limit].tolist()]
    mask = np.concatenate([[False], row.mask[:limit], [False]])
    turns = np.flatnonzero(mask[1:] != mask[:-1]).reshape(-1, 2).tolist()
    said = b"".join([raw[edges[first] : edges[last]] for first, last in turns])
    prompt = raw[: edges[min(row.prompt_tokens, len(edges) - 1)]]
    return prompt.decode(errors="replace"), said.decode(errors="replace")


def _bare(text: str) -> str:
    """Return a text composed and without white space, which templates and tokenizers may touch."""
    bare = "".join(text.split())
    return bare if bare.isascii() else unicodedata.normalize("NFC", bare)
