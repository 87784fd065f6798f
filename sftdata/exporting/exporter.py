"""What an exporter is, and the job that it is handed: rows that keep, a folder, a model."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import ClassVar

import pyarrow as pa

from sftdata.chat.sandbox import RenderRefusedError
from sftdata.chat.tokens import estimate_lengths, tokenise
from sftdata.chat.turns import Rendered, render_sample
from sftdata.errors import ConfigError
from sftdata.exporting.files import ExportFolder
from sftdata.exporting.model import TargetModel
from sftdata.exporting.rows import Row, Rule, first_fault, rows_of
from sftdata.judged import Judged
from sftdata.part import Part
from sftdata.types import Message

__all__ = ["TRAIN", "VALIDATION", "Exporter", "Job"]

TRAIN = "train"
VALIDATION = "validation"

_BATCH = 256


class Job:
    """One export under way: exporters take their rows from it and write their files through it.

    Attributes:
        judged: the build.
        model: whom it is for.
        folder: where files are written.
        splits: what is to be written, `train` first.
        warnings: what the person should know; exporters add to it.
        next: the commands to run next; exporters fill it.
    """

    def __init__(
        self, judged: Judged, model: TargetModel, folder: ExportFolder, splits: Sequence[str]
    ) -> None:
        self.judged = judged
        self.model = model
        self.folder = folder
        self.splits = tuple(splits)
        self.rules: tuple[Rule, ...] = ()
        self.warnings: list[str] = []
        self.next: list[str] = []
        self._surveys: dict[str, _Survey] = {}
        self._known: dict[str, dict[str, tuple[int, int]]] = {}

    @property
    def name(self) -> str:
        """The build's name: safe in file names and in the lists of trainers."""
        return str(self.judged.manifest.config["name"])

    @property
    def trains(self) -> bool:
        """Whether the train split is among those that are written."""
        return TRAIN in self.splits

    @property
    def evaluates(self) -> bool:
        """Whether there are validation rows."""
        return VALIDATION in self.splits and self.counts[VALIDATION] > 0

    def rows(self, split: str) -> Iterator[Row]:
        """Yield the rows of a split that the target keeps whole, sorted by id."""
        reasons = self._survey(split).reasons
        return (row for row in self._measured(split) if row.sample_id not in reasons)

    def table(self, split: str) -> pa.Table:
        """Return the same rows as SAMPLES."""
        table = self.judged.table(split)
        reasons = self._survey(split).reasons
        keep = [i not in reasons for i in table["sample_id"].to_pylist()]
        return table.filter(pa.array(keep, pa.bool_()))

    def ids(self, split: str) -> Iterator[str]:
        """Yield the ids of the same rows."""
        return iter(self.table(split)["sample_id"].to_pylist())

    @cached_property
    def counts(self) -> dict[str, int]:
        """How many rows each split keeps."""
        return {s: self._survey(s).kept for s in self.splits}

    @cached_property
    def excluded(self) -> dict[str, tuple[str, ...]]:
        """The ids of rows that are left out, by reason."""
        found: dict[str, list[str]] = {}
        for split in self.splits:
            for name, reason in self._survey(split).reasons.items():
                found.setdefault(reason, []).append(name)
        return {reason: tuple(sorted(ids)) for reason, ids in sorted(found.items())}

    @property
    def longest(self) -> int:
        """Tokens of the longest row that is kept."""
        return max((self._survey(s).longest for s in self.splits), default=0)

    @property
    def longest_prompt(self) -> int:
        """Tokens of the longest prompt that is kept."""
        return max((self._survey(s).longest_prompt for s in self.splits), default=0)

    @property
    def counted(self) -> bool:
        """Whether every length was counted with a tokenizer."""
        return not any(self._survey(s).estimated for s in self.splits)

    @property
    def has_history(self) -> bool:
        """Whether any prompt holds assistant turns."""
        return any(self._survey(s).history for s in self.splits)

    @property
    def without_system(self) -> int:
        """How many rows have no system message."""
        return sum(self._survey(s).without_system for s in self.splits)

    def row_limit(self, step: int = 128, spare: int = 64) -> int:
        """Return a row length that holds the longest row: with room, and a multiple of `step`.

        Estimated lengths get half as much again: a tokenizer may need more than was guessed.
        """
        longest = self.longest if self.counted else self.longest * 3 // 2
        return -(-(longest + spare) // step) * step

    def _survey(self, split: str) -> _Survey:
        """Look at every row of a split once."""
        if split in self._surveys:
            return self._surveys[split]
        limit = self.judged.render.max_length
        drops = self.model.fresh and self.judged.render.over_length != "flag"
        survey = self._surveys[split] = _Survey()
        for row in self._measured(split):
            reason = "template_refuses" if row.prompt_tokens < 0 else first_fault(row, self.rules)
            if not reason and drops and not row.tokens_estimated and row.tokens > limit:
                reason = "over_length"
            survey.add(row, reason)
        return survey

    def _measured(self, split: str) -> Iterator[Row]:
        """Yield every row; measured anew where the build had another tokenizer or none.

        A row that the model's template refuses has -1 tokens.
        """
        table = self.judged.table(split)
        if not self.model.fresh:
            yield from rows_of(table)
            return
        for start in range(0, table.num_rows, _BATCH):
            part = table.slice(start, _BATCH)
            lengths = self._lengths(split, part)
            for row, (prompt, completion) in zip(rows_of(part), lengths, strict=True):
                yield replace(
                    row,
                    prompt_tokens=prompt,
                    completion_tokens=completion,
                    tokens_estimated=self.model.tokenizer is None,
                )

    def _lengths(self, split: str, part: pa.Table) -> list[tuple[int, int]]:
        ids = part["sample_id"].to_pylist()
        known = self._known.setdefault(split, {})
        if all(i in known for i in ids):
            return [known[i] for i in ids]
        rendered: list[Rendered | None] = []
        for row in rows_of(part):
            messages = [_messages(row.prompt), _messages(row.completion)]
            try:
                rendered.append(render_sample(self.model.template, *messages))
            except RenderRefusedError:
                rendered.append(None)
        texts = [r for r in rendered if r is not None]
        tokenizer = self.model.tokenizer
        if tokenizer is None:
            counted = iter([estimate_lengths(t) for t in texts])
        else:
            rows = tokenise(tokenizer, texts).rows
            counted = iter([(r.prompt_tokens, r.completion_tokens) for r in rows])
        lengths = [(-1, 0) if r is None else next(counted) for r in rendered]
        known.update(zip(ids, lengths, strict=True))
        return lengths


@dataclass(slots=True)
class _Survey:
    """What one look at the rows of a split has found."""

    reasons: dict[str, str] = field(default_factory=dict)
    """Id → why it is left out; rows that stay are not in it."""
    kept: int = 0
    longest: int = 0
    longest_prompt: int = 0
    estimated: bool = False
    history: bool = False
    without_system: int = 0

    def add(self, row: Row, reason: str) -> None:
        if reason:
            self.reasons[row.sample_id] = reason
            return
        self.kept += 1
        self.longest = max(self.longest, row.tokens)
        self.longest_prompt = max(self.longest_prompt, row.prompt_tokens)
        self.estimated |= row.tokens_estimated
        self.history |= row.has_history
        self.without_system += not row.system


class Exporter(Part):
    """One target: its fields are its settings, `write` makes its files.

    A plug-in is a subclass under the entry point group `sftdata.exporters`.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    """What it is for, in a few words."""
    splits: ClassVar[tuple[str, ...]] = ()
    """What is written unless `--split` says otherwise; empty: every split of the build."""
    loses: ClassVar[tuple[str, ...]] = ()
    """What the format cannot hold."""
    uses_model: ClassVar[bool] = True
    """Whether the target tokenises with a model's own tokenizer, so that rows are held to it."""

    @abstractmethod
    def rules(self, job: Job) -> Sequence[Rule]:
        """Return the rules that a row must keep for the target not to break it."""

    @abstractmethod
    def write(self, job: Job) -> None:
        """Write the files.

        Raises:
            ConfigError: the target would not take the dataset; one line that says what to do.
        """

    def chosen(self, judged: Judged, wanted: Sequence[str]) -> tuple[str, ...]:
        """Return the splits to write, `train` first, then `validation`, then by name.

        Raises:
            ConfigError: a split that the build does not have, or none at all.
        """
        unknown = sorted(set(wanted) - set(judged.splits))
        if unknown:
            known = ", ".join(judged.splits)
            raise ConfigError(f"--split {unknown[0]}: {judged.path} has {known}")
        splits = wanted or [s for s in judged.splits if not self.splits or s in self.splits]
        if not splits:
            raise ConfigError(
                f"--to {self.name} writes {' and '.join(self.splits)}, which {judged.path} does "
                "not have; name a split with --split"
            )
        order = {TRAIN: 0, VALIDATION: 1}
        return tuple(sorted(set(splits), key=lambda s: (order.get(s, 2), s)))


def _messages(rows: Sequence[dict[str, str]]) -> list[Message]:
    return [Message(role=r["role"], content=r["content"]) for r in rows]
