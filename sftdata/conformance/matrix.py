"""The conformance matrix: the probes as we, transformers, LLaMA-Factory and vLLM make tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from sftdata.chat.probes import PROBES, Probe
from sftdata.chat.sandbox import RenderRefusedError
from sftdata.chat.template import ChatTemplate
from sftdata.chat.tokenizer import Tokenizer
from sftdata.chat.windows import first_difference, text_window, token_window
from sftdata.conformance.llamafactory import slot_rows
from sftdata.conformance.reference import Reference
from sftdata.errors import ConfigError
from sftdata.stages.render import Render

__all__ = ["INFORMATIVE", "Cell", "Matrix", "conformance"]

Row = list[int] | str
"""Token ids; or text, where there is no tokenizer."""

INFORMATIVE = ("vllm_completions",)
"""Columns that show a trap and do not make the matrix fail."""


@dataclass(frozen=True)
class Cell:
    """One probe on one side, compared with ours.

    `status` is `equal`, `differs`, `refused` where both sides refuse the conversation, or `merges`:
    the prompt is the same, but in the trained row its last characters and the first ones of the
    answer are one token (an answer that begins with a line feed), which no server can send.
    """

    status: Literal["equal", "differs", "refused", "merges"]
    at: int | None = None
    ours: str = ""
    theirs: str = ""


@dataclass(frozen=True)
class Matrix:
    """Every probe against every side.

    Attributes:
        model: what was checked.
        columns: the sides, in order.
        rows: probe → side → cell.
        by: `tokens`, or `characters` where there is no tokenizer.
        versions: of the packages on the other side.
    """

    model: str
    columns: tuple[str, ...]
    rows: dict[str, dict[str, Cell]]
    by: Literal["tokens", "characters"]
    versions: dict[str, str] = field(default_factory=dict)

    @property
    def equal(self) -> bool:
        """Whether no side differs, apart from those that only show a trap."""
        return not any(
            cell.status == "differs" and side not in INFORMATIVE
            for cells in self.rows.values()
            for side, cell in cells.items()
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the matrix as JSON holds it."""
        rows = {
            name: {
                side: {k: v for k, v in vars(cell).items() if v not in (None, "")}
                for side, cell in cells.items()
            }
            for name, cells in self.rows.items()
        }
        return {
            "model": self.model,
            "equal": self.equal,
            "compared": self.by,
            "versions": self.versions,
            "probes": rows,
        }


def conformance(
    render: Render,
    *,
    against: str = "",
    python: str | Path | None = None,
    probes: Sequence[Probe] = PROBES,
) -> Matrix:
    """Render the probes on every side and compare their tokens.

    Sides: `transformers` (the whole conversation by `apply_chat_template`), `vllm_chat` (the
    prompt that /v1/chat/completions makes, which must be the beginning of the trained row),
    `vllm_completions` (our prompt as text to /v1/completions, which adds special tokens), and
    what `against` names.

    Args:
        render: template and tokenizer. Without a tokenizer characters are compared, with the
            Jinja of transformers alone.
        against: `llamafactory:NAME`.
        python: the interpreter that has LLaMA-Factory; None: this one.
        probes: the conversations.

    Raises:
        ConfigError: a side is not at hand, or `against` is not understood.
    """
    template, tokenizer = render.load()
    reference = Reference(template, tokenizer, render.tokenizer or render.template)
    theirs: dict[str, list[tuple[Row | None, Row | None]]] = {"transformers": []}
    for probe in probes:
        theirs["transformers"].append((_ours(template, tokenizer, probe), reference.whole(probe)))
    if tokenizer is not None:
        theirs["vllm_chat"] = [_served(template, tokenizer, reference, p) for p in probes]
        theirs["vllm_completions"] = [_completions(template, tokenizer, p) for p in probes]
    versions = reference.versions
    if against:
        side, rows, more = _against(against, (render, tokenizer), probes, python)
        ours = [_ours(template, tokenizer, p) for p in probes]
        theirs[side] = list(zip(ours, rows, strict=True))
        versions |= {f"{side.partition(':')[0]}: {k}": v for k, v in more.items()}
    table = {
        probe.name: {side: _cell(tokenizer, *pairs[i]) for side, pairs in theirs.items()}
        for i, probe in enumerate(probes)
    }
    if tokenizer is not None:
        _mark_merges(template, tokenizer, reference, [(p, table[p.name]) for p in probes])
    by: Literal["tokens", "characters"] = "tokens" if tokenizer is not None else "characters"
    return Matrix(render.tokenizer or render.template, tuple(theirs), table, by, versions)


def _ours(template: ChatTemplate, tokenizer: Tokenizer | None, probe: Probe) -> Row | None:
    """Return our row for a whole conversation; None where the template refuses it."""
    return _row(template, tokenizer, probe, whole=True)


def _row(
    template: ChatTemplate, tokenizer: Tokenizer | None, probe: Probe, *, whole: bool
) -> Row | None:
    try:
        messages = probe.messages if whole else probe.prompt
        text = template.render(messages, add_generation_prompt=not whole)
    except RenderRefusedError:
        return None
    return text if tokenizer is None else tokenizer.encode([text])[0].tolist()


def _served(
    template: ChatTemplate, tokenizer: Tokenizer, reference: Reference, probe: Probe
) -> tuple[Row | None, Row | None]:
    """Return the beginning of our trained row, as long as the server's prompt, and that prompt."""
    ours, theirs = _ours(template, tokenizer, probe), reference.prompt(probe)
    if ours is None or theirs is None:
        return ours, theirs
    return ours[: len(theirs)], theirs


def _mark_merges(
    template: ChatTemplate,
    tokenizer: Tokenizer,
    reference: Reference,
    cells: Sequence[tuple[Probe, dict[str, Cell]]],
) -> None:
    """Tell a token across the border of prompt and answer from another prompt."""
    for probe, row in cells:
        cell = row["vllm_chat"]
        if cell.status != "differs" or cell.at is None:
            continue
        ours, theirs = _row(template, tokenizer, probe, whole=False), reference.prompt(probe)
        whole = template.render(probe.messages)
        begins = whole.startswith(template.render(probe.prompt, add_generation_prompt=True))
        if ours == theirs and begins:
            row["vllm_chat"] = replace(cell, status="merges")


def _completions(
    template: ChatTemplate, tokenizer: Tokenizer, probe: Probe
) -> tuple[Row | None, Row | None]:
    """Return our prompt, and what a server makes of it that adds special tokens to a text."""
    ours = _row(template, tokenizer, probe, whole=False)
    if ours is None or isinstance(ours, str):
        return ours, ours
    before, _ = tokenizer.added_around
    return ours, [*before, *ours]


def _against(
    against: str,
    side: tuple[Render, Tokenizer | None],
    probes: Sequence[Probe],
    python: str | Path | None,
) -> tuple[str, list[Row | None], dict[str, str]]:
    render, tokenizer = side
    kind, _, name = against.partition(":")
    if kind != "llamafactory" or not name:
        raise ConfigError(f"--against {against!r}: write it as llamafactory:NAME")
    folder = render.tokenizer or render.template
    if tokenizer is None or not Path(folder).is_dir():
        raise ConfigError("--against llamafactory needs the folder of a tokenizer (--tokenizer)")
    found, versions = slot_rows(
        folder, name, [p.messages for p in probes], python=python, variables=render.variables
    )
    return against, [None if isinstance(r, str) else r for r in found], versions


def _cell(tokenizer: Tokenizer | None, ours: Row | None, theirs: Row | None) -> Cell:
    if ours is None or theirs is None:
        if ours is None and theirs is None:
            return Cell("refused")
        return Cell(
            "differs", None, *("refused" if r is None else "rendered" for r in (ours, theirs))
        )
    at = first_difference(ours, theirs)
    if at is None:
        return Cell("equal")
    return Cell("differs", at, *(_shown(tokenizer, row, at) for row in (ours, theirs)))


def _shown(tokenizer: Tokenizer | None, row: Row, at: int) -> str:
    if tokenizer is None or isinstance(row, str):
        return text_window(str(row), at)
    return token_window(tokenizer, row, at)
