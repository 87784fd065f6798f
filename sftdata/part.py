"""The protocol: what a part, a stage, a decision, a reader and an engine are. Nothing else."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol

import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from sftdata.types import Document, Reject

__all__ = ["VERDICTS", "Data", "Decision", "Engine", "Part", "Reader", "Stage"]

VERDICTS: pa.Schema = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("verdict", pa.string(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("because_of", pa.string(), nullable=False),
    ]
)
"""The least that a decision returns: one row per id; a decision may add columns after these."""


class Part(BaseModel):
    """A frozen piece of configuration that is also the code that uses it."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Stage(Part):
    """A step that looks at one batch at a time: `table -> table`.

    Law: `stage(concat(a, b)) == concat(stage(a), stage(b))`. A stage holds no state and uses no
    global randomness (choose by a hash of seed and id), so that every engine gives the same rows.
    """

    output: ClassVar[pa.Schema]

    @abstractmethod
    def __call__(self, batch: pa.Table) -> pa.Table:
        """Return the stage's rows for this batch, with the schema `output`."""


class Decision(Part):
    """A step that must see every row: *keys* (map), then *decide* (one small table)."""

    @abstractmethod
    def keys(self, batch: pa.Table) -> pa.Table:
        """Return `id` and the few small columns that the decision needs of each row."""

    @abstractmethod
    def decide(self, keys: pa.Table) -> pa.Table:
        """Return one verdict per id: `VERDICTS` columns first, then whatever else is worth keeping.

        The result is sorted by `id` and does not depend on the order of `keys`.
        """


class Reader(Part):
    """Reads one source format. A file may hold several documents."""

    name: ClassVar[str]
    suffixes: ClassVar[tuple[str, ...]]

    @classmethod
    @abstractmethod
    def sniff(cls, path: Path, head: bytes) -> float:
        """Return how sure this reader is (0 to 1) that it can read a file that begins with `head`.

        `head` is the first 64 KiB.
        """

    @abstractmethod
    def read(self, path: Path) -> Iterator[Document | Reject]:
        """Yield the file's documents, and a `Reject` for each record that cannot be used.

        Raises:
            SourceError: the file as a whole cannot be read.
        """


class Data(Protocol):
    """An ordered collection of batches that an engine holds (in memory or on disk)."""

    def batches(self) -> Iterator[pa.Table]:
        """Yield the batches in order."""
        ...  # pragma: no cover

    @property
    def rows(self) -> int:
        """Number of rows."""
        ...  # pragma: no cover


class Engine(Protocol):
    """Where the work runs. The same stages give the same rows on every engine."""

    def load(self, table: pa.Table, batch_rows: int) -> Data:
        """Bring a table in, cut into batches of `batch_rows`: the cut never depends on workers."""
        ...  # pragma: no cover

    def map(self, data: Data, stage: Stage, *, step: str) -> Data:
        """Apply a stage to every batch, in order; `step` names the work in progress and logs."""
        ...  # pragma: no cover

    def keys(self, data: Data, decision: Decision, *, step: str) -> pa.Table:
        """Collect `decision.keys` of every batch into one table."""
        ...  # pragma: no cover

    def collect(self, data: Data, columns: Sequence[str] | None = None) -> pa.Table:
        """Bring columns into memory as one table."""
        ...  # pragma: no cover


def dump(part: Part) -> Mapping[str, Any]:
    """Return the JSON form of a part, every field written out."""
    return part.model_dump(mode="json")
