"""The engine that works in this process: for small builds, tests and debuggers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self, cast

import pyarrow as pa

from sftdata.part import Data, Decision, Stage
from sftdata.stages.engines.parts import (
    Parts,
    Progress,
    Task,
    collect,
    execute,
    load,
    map_parts,
)

__all__ = ["InlineEngine"]


class InlineEngine:
    """Works batch after batch, here. The rows are those of every other engine.

    `work` holds the parts (see `sftdata.stages.engines.parts`); `code` is the digest of the code
    that the rows depend on, from `code_digest`. A second run over the same input, configuration
    and code takes the parts of the first.

    >>> import tempfile
    >>> from sftdata.stages.engines.parts import code_digest
    >>> with tempfile.TemporaryDirectory() as work:
    ...     engine = InlineEngine(Path(work), code_digest())
    ...     data = engine.load(pa.table({"n": [1, 2, 3]}), batch_rows=2)
    ...     [batch.num_rows for batch in data.batches()]
    [2, 1]
    """

    def __init__(self, work: Path, code: str, *, progress: Progress | None = None) -> None:
        self._work = work
        self._code = code
        self._progress = progress

    def load(self, table: pa.Table, batch_rows: int) -> Data:
        """Write a table into the work folder, cut into batches of `batch_rows`."""
        return load(self._work, table, batch_rows)

    def map(self, data: Data, stage: Stage, *, step: str) -> Data:
        """Apply a stage to every batch, in order.

        Raises:
            ContractError: the stage returned another schema than its `output`.
            SftdataError: the stage failed; the message names step and batch.
        """
        return self._run(data, stage, step)

    def keys(self, data: Data, decision: Decision, *, step: str) -> pa.Table:
        """Collect `decision.keys` of every batch into one table."""
        return collect(self._run(data, decision, step))

    def collect(self, data: Data, columns: Sequence[str] | None = None) -> pa.Table:
        """Bring columns into memory as one table."""
        return collect(cast("Parts", data), columns)

    def close(self) -> None:
        """Do nothing: there is nothing to give back."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _run(self, data: Data, part: Stage | Decision, step: str) -> Parts:
        return map_parts(
            cast("Parts", data),
            part,
            step,
            work=self._work,
            code=self._code,
            run=_in_order,
            progress=self._progress,
        )


def _in_order(tasks: list[Task]) -> Iterator[tuple[int, int]]:
    for task in tasks:
        yield task.index, execute(task)
