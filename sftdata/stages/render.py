"""The render stage: how long each sample is for a model, and whether its documents stay text.

The stage marks and never cuts or drops: what leaves is decided, and counted, in the pipeline.
"""

from __future__ import annotations

import datetime
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar, Literal

import pyarrow as pa
from pydantic import Field

from sftdata.chat.sandbox import RenderRefusedError
from sftdata.chat.template import ChatTemplate, Scalar, load_template
from sftdata.chat.tokenizer import Tokenizer, load_tokenizer
from sftdata.chat.tokens import estimate_lengths, tokenise_stream
from sftdata.chat.turns import Rendered, render_sample
from sftdata.errors import ConfigError
from sftdata.part import Stage
from sftdata.types import SAMPLES, Check, Message

__all__ = ["NO_SPECIAL_TOKENS", "TEMPLATE_RENDERS", "LockedRender", "Render"]

NO_SPECIAL_TOKENS = "no_special_tokens"
"""Check: no message holds text that the template or tokenizer reads as a control token."""

TEMPLATE_RENDERS = "template_renders"
"""Check: the template takes the conversation, and the answer stands in the text it makes."""


_AT_ONCE = 128
"""Rows that are rendered together while those before them are tokenised."""


class Render(Stage):
    """Fill `prompt_tokens`, `completion_tokens`, `tokens_estimated` and `over_length`.

    The two counts add up to the row that is trained: the prompt's share ends where the trained
    part begins. Two checks are added to every sample (`no_special_tokens`, `template_renders`).
    """

    output: ClassVar[pa.Schema] = SAMPLES

    tokenizer: str | None = None
    """Folder or hub id of the tokenizer that counts. None: lengths are estimated."""
    template: str = "chatml"
    """Bundled name, Jinja file, tokenizer folder or hub id, or `tokenizer` for its own."""
    max_length: int = Field(default=4096, ge=16)
    """Longest row, prompt and completion together, in tokens. Nothing is ever cut to fit."""
    over_length: Literal["drop", "shrink", "flag", "fail"] = "drop"
    """What happens to a longer sample: it leaves, counted; it gives up passages that its answer
    does not rest on, and leaves if that is not enough; it is marked; or the build stops."""
    special_text: Literal["reject", "escape"] = "reject"
    """Control tokens in documents (`<|im_end|>`): samples that hold them leave, counted; or the
    documents are escaped, character for character, so that they read the same and steer nothing."""
    variables: dict[str, Scalar] = Field(default_factory=dict)
    """Further values that the template reads, e.g. `enable_thinking: false`."""
    today: datetime.date | None = None
    """The day for templates that print one."""
    allow_download: bool = False
    """Fetch a hub id that is not in the local cache."""

    def load(self) -> tuple[ChatTemplate, Tokenizer | None]:
        """Return the template and the tokenizer that this configuration names.

        A template that is itself a tokenizer's counts with that tokenizer.

        Raises:
            ConfigError: either cannot be found.
        """
        named = self.tokenizer
        tokenizer = load_tokenizer(named, allow_download=self.allow_download) if named else None
        template = load_template(
            self.template,
            tokenizer=tokenizer,
            variables=self.variables,
            today=self.today,
            allow_download=self.allow_download,
        )
        if tokenizer is None and template.tokenizer_digest:
            tokenizer = load_tokenizer(self.template, allow_download=self.allow_download)
        return template, tokenizer

    def lock(self) -> str:
        """Return the template lock: changes when the files that the names point to change."""
        return self.load()[0].lock()

    def locked(self) -> LockedRender:
        """Return this stage bound to the files that its names point to now."""
        return LockedRender(**self.model_dump(), template_lock=self.lock())

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Mark one batch of SAMPLES.

        Raises:
            ConfigError: `over_length` is `fail` and a sample is too long; names the sample.
        """
        template, tokenizer = self.load()
        checks: list[list[Check]] = []
        lengths: list[tuple[int, int]] = []
        for row_checks, row_lengths in self._measured(batch, template, tokenizer):
            checks += row_checks
            lengths += row_lengths
        over = [sum(pair) > self.max_length for pair in lengths]
        if self.over_length == "fail" and any(over):
            self._fail(batch, lengths, over)
        columns = {
            "checks": _replaced(batch["checks"].to_pylist(), checks),
            "prompt_tokens": [p for p, _ in lengths],
            "completion_tokens": [c for _, c in lengths],
            "tokens_estimated": [tokenizer is None] * batch.num_rows,
            "over_length": over,
        }
        for name, values in columns.items():
            field = SAMPLES.field(name)
            at = batch.schema.get_field_index(name)
            batch = batch.set_column(at, field, pa.array(values, type=field.type))
        return batch.select(SAMPLES.names).cast(SAMPLES)

    @staticmethod
    def _measured(
        batch: pa.Table, template: ChatTemplate, tokenizer: Tokenizer | None
    ) -> Iterator[tuple[list[list[Check]], list[tuple[int, int]]]]:
        """Yield the checks and lengths of a few rows at a time; the next are rendered meanwhile."""
        done: deque[tuple[list[list[Check]], list[bool]]] = deque()

        def texts() -> Iterator[list[Rendered]]:
            for part in batch.select(["prompt", "completion"]).to_batches(max_chunksize=_AT_ONCE):
                found, checks, there = [], [], []
                for row in part.to_pylist():
                    prompt, completion = _messages(row["prompt"]), _messages(row["completion"])
                    rendered, outcome = _render(template, prompt, completion)
                    checks.append([_special(template, [*prompt, *completion]), outcome])
                    there.append(rendered is not None)
                    found += [rendered] if rendered is not None else []
                done.append((checks, there))
                yield found

        for counted in _lengths(tokenizer, texts()):
            checks, there = done.popleft()
            known = iter(counted)
            yield checks, [next(known) if known_text else (0, 0) for known_text in there]

    def _fail(self, batch: pa.Table, lengths: list[tuple[int, int]], over: list[bool]) -> None:
        at = over.index(True)
        raise ConfigError(
            f"sample {batch['sample_id'][at].as_py()} has {sum(lengths[at])} tokens, more than "
            f"max_length {self.max_length} ({sum(over)} such in this batch): raise max_length, "
            "or set over_length to drop"
        )


class LockedRender(Render):
    """A `Render` that knows its lock: with other files behind the same names it is another step."""

    template_lock: str

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Mark one batch of SAMPLES.

        Raises:
            ConfigError: the files have changed since the run began.
        """
        if self.lock() != self.template_lock:
            raise ConfigError("template: its files changed during the build; build again")
        return super().__call__(batch)


def _messages(rows: Iterable[dict[str, Any]]) -> list[Message]:
    return [Message(role=r["role"], content=r["content"]) for r in rows]


def _render(
    template: ChatTemplate, prompt: Sequence[Message], completion: Sequence[Message]
) -> tuple[Rendered | None, Check]:
    try:
        rendered = render_sample(template, prompt, completion)
    except RenderRefusedError as refusal:
        return None, Check(name=TEMPLATE_RENDERS, passed=False, detail=str(refusal))
    return rendered, Check(name=TEMPLATE_RENDERS, passed=True)


def _special(template: ChatTemplate, messages: Sequence[Message]) -> Check:
    for number, message in enumerate(messages, start=1):
        found = template.special_text_in(message.content)
        if found:
            detail = f"message {number} ({message.role}) holds {', '.join(found)}"
            return Check(name=NO_SPECIAL_TOKENS, passed=False, detail=detail)
    return Check(name=NO_SPECIAL_TOKENS, passed=True)


def _lengths(
    tokenizer: Tokenizer | None, batches: Iterable[Sequence[Rendered]]
) -> Iterator[list[tuple[int, int]]]:
    """Yield prompt and completion tokens of each rendered sample, batch after batch."""
    if tokenizer is None:
        for batch in batches:
            yield [estimate_lengths(r) for r in batch]
        return
    for tokens in tokenise_stream(tokenizer, batches):
        yield [(row.prompt_tokens, row.completion_tokens) for row in tokens.rows]


def _replaced(
    old: list[list[dict[str, Any]]], new: list[list[Check]]
) -> list[list[dict[str, Any]]]:
    """Put the new checks in place of those of an earlier rendering."""
    rows = []
    for before, checks in zip(old, new, strict=True):
        names = {check.name for check in checks}
        kept = [check for check in before if check["name"] not in names]
        added = [{"name": c.name, "passed": c.passed, "detail": c.detail} for c in checks]
        rows.append(kept + added)
    return rows
