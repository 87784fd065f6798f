"""How long samples are in tokens, what each limit would cost, and which one to take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from sftdata.audit_sources import load
from sftdata.chat.faults import NO_LIMIT, Chat, chat_of
from sftdata.chat.measured import Measured, measured
from sftdata.chat.survival import (
    CANDIDATES,
    WHOLE,
    WHOLE_OF_A_KIND,
    percentiles,
    recommended,
    survivals,
)
from sftdata.dataset import AuditData
from sftdata.errors import ConfigError
from sftdata.stages.render import Render

__all__ = ["LengthReport", "SurvivalRow", "lengths_of"]

_GROUPS = ("kind", "family", "split", "locale")


class SurvivalRow(BaseModel):
    """Shares (0 to 1) that a limit leaves whole."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    length: int
    cut: str
    """`start`: the first tokens are kept (TRL); `prompt`: the prompt's end goes (LLaMA-Factory)."""
    samples: float
    answers: float
    """Whole answers, the stop token included."""
    questions: float
    evidence: float


class LengthReport(BaseModel):
    """Lengths of a dataset in tokens, and what is left of it at each limit."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    dataset: str
    template: str
    tokenizer: str
    """Folder or hub id; empty where lengths are estimates."""
    estimated: bool
    samples: int
    refused: int
    """Samples that the template cannot render."""
    whole: dict[str, int]
    """All samples: number, percentiles and greatest length of prompt and answer together."""
    prompts: dict[str, int]
    answers: dict[str, int]
    by: dict[str, dict[str, dict[str, int]]] = Field(default_factory=dict)
    """Column (`kind`, `family`, `split`, `locale`) → value → percentiles."""
    survival: tuple[SurvivalRow, ...]
    evidence: int
    """Pieces of evidence that stand in a prompt."""
    max_length: int | None
    """The limit that the build was made with."""
    recommended: int
    rule: str
    memory: str
    """What the recommended length costs where it hurts most."""


def lengths_of(
    dataset: Any,
    *,
    tokenizer: str | None = None,
    template: str | None = None,
    splits: Mapping[str, str | Path] | None = None,
) -> LengthReport:
    """Measure a build or any dataset of conversations.

    Args:
        dataset: as for `sftdata.audit`.
        tokenizer: folder or hub id. A build names its own; without one lengths are estimates.
        template: bundled name, Jinja file, or a tokenizer's folder; by default the build's own, the
            tokenizer's own, or ChatML.
        splits: name of a split → its file.

    Raises:
        ConfigError: the rows are no conversations, or a tokenizer or template cannot be found.
        SourceError: a file cannot be read.

    >>> rows = [{"prompt": "Net sales in 2024?", "completion": "94,036", "split": "train"}]
    >>> report = lengths_of(rows)
    >>> report.estimated, report.whole["max"], report.recommended
    (True, 22, 512)
    """
    data = load(dataset, splits=splits, template=template, tokenizer=tokenizer)
    if data.chat is None and not template and not tokenizer:
        data = load(dataset, splits=splits, template=Render(max_length=NO_LIMIT))
    if data.chat is None:
        raise ConfigError(f"lengths: {data.absent.get('chat', 'the rows are no conversations')}")
    return _report(data, chat_of(data), measured(data))


def _report(data: AuditData, chat: Chat, found: Measured) -> LengthReport:
    rows = found.rendered
    kinds = data.values("kind") if data.has("kind") else None
    best = recommended(found, kinds)
    return LengthReport(
        dataset=data.name,
        template=chat.template.name,
        tokenizer=chat.tokenizer.name if chat.tokenizer else "",
        estimated=found.estimated,
        samples=data.rows,
        refused=int((~rows).sum()),
        whole=percentiles(found.total[rows]),
        prompts=percentiles(found.prompt[rows]),
        answers=percentiles((found.total - found.prompt)[rows]),
        by={name: _by(data.values(name), found.total, rows) for name in _GROUPS if data.has(name)},
        survival=tuple(
            SurvivalRow(
                length=s.length,
                cut=s.cut,
                samples=s.samples,
                answers=s.answers,
                questions=s.questions,
                evidence=s.evidence,
            )
            for s in survivals(found)
        ),
        evidence=len(found.evidence_ends),
        max_length=None if chat.max_length == NO_LIMIT else chat.max_length,
        recommended=best,
        rule=f"the shortest of {', '.join(map(str, CANDIDATES))} that keeps {WHOLE:.1%} of all "
        f"samples whole, and {WHOLE_OF_A_KIND:.0%} of every kind with 20 samples or more",
        memory=_memory(chat, best),
    )


def _by(
    values: Sequence[object], total: NDArray[np.int64], rows: NDArray[np.bool_]
) -> dict[str, dict[str, int]]:
    names = np.array([str(value or "") for value in values], dtype=object)
    known = sorted(set(names[rows].tolist()))
    return {name: percentiles(total[(names == name) & rows]) for name in known}


def _memory(chat: Chat, length: int) -> str:
    grows = "activations grow in step with the length"
    if chat.tokenizer is None:
        return grows
    size = chat.tokenizer.vocabulary_size
    gigabytes = length * size * 4 / 1e9
    return (
        f"{grows}; the logits of one row of {length:,} tokens over {size:,} ids are "
        f"{gigabytes:.1f} GB in float32, and their gradient as much again"
    )
