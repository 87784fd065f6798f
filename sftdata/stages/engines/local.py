"""The engine that works in several processes of this machine."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from types import TracebackType
from typing import Self, cast

import pyarrow as pa

from sftdata.errors import ConfigError, SftdataError
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

__all__ = ["LocalEngine"]


class LocalEngine:
    """Works in `workers` spawned processes. The rows are those of every other engine.

    Processes are spawned, not forked: Arrow and BLAS hold threads, and a fork of a threaded
    process may hang. They start with the first step, serve all steps, and end with `close` (or at
    the end of a `with` block). At most two batches per worker are under way, so memory is bounded
    by workers times batch size. A script that uses this engine needs the usual
    `if __name__ == "__main__":`.

    `work` and `code` are those of `InlineEngine`; the parts of one engine serve the other.
    """

    def __init__(
        self,
        work: Path,
        code: str,
        workers: int | None = None,
        *,
        progress: Progress | None = None,
    ) -> None:
        if workers is not None and workers < 1:
            raise ConfigError(f"workers is {workers}; it must be at least 1")
        self._work = work
        self._code = code
        self._workers = workers or os.cpu_count() or 1
        self._progress = progress
        self._pool: ProcessPoolExecutor | None = None

    def load(self, table: pa.Table, batch_rows: int) -> Data:
        """Write a table into the work folder, cut into batches of `batch_rows`."""
        return load(self._work, table, batch_rows)

    def map(self, data: Data, stage: Stage, *, step: str) -> Data:
        """Apply a stage to every batch; the batches keep their order.

        Raises:
            ContractError: the stage returned another schema than its `output`.
            SftdataError: the stage failed, or a worker process died; the message names step and
                batch. Batches that were finished are kept for the next run.
        """
        return self._run(data, stage, step)

    def keys(self, data: Data, decision: Decision, *, step: str) -> pa.Table:
        """Collect `decision.keys` of every batch into one table."""
        return collect(self._run(data, decision, step))

    def collect(self, data: Data, columns: Sequence[str] | None = None) -> pa.Table:
        """Bring columns into memory as one table."""
        return collect(cast("Parts", data), columns)

    def close(self) -> None:
        """End the worker processes; batches that are under way are finished first."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=True, cancel_futures=True)

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
            run=self._spread,
            progress=self._progress,
        )

    def _spread(self, tasks: list[Task]) -> Iterator[tuple[int, int]]:
        """Yield (batch number, rows) as batches finish; on any trouble the pool is closed."""
        waiting = iter(tasks)
        running: dict[Future[int], Task] = {}
        try:
            while True:
                self._fill(waiting, running)
                if not running:
                    return
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                yield from _outcomes(done, running)
        except BaseException:
            # KeyboardInterrupt too: what is under way is finished and kept, the rest is dropped.
            self.close()
            raise

    def _fill(self, waiting: Iterator[Task], running: dict[Future[int], Task]) -> None:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(
                self._workers,
                mp_context=multiprocessing.get_context("spawn"),
                initializer=_start_worker,
            )
        while len(running) < 2 * self._workers:
            task = next(waiting, None)
            if task is None:
                return
            try:
                running[self._pool.submit(execute, task)] = task
            except BrokenProcessPool as error:
                raise _died([*running.values(), task]) from error


def _outcomes(
    done: set[Future[int]], running: dict[Future[int], Task]
) -> Iterator[tuple[int, int]]:
    """Yield finished batches; of several failures the first batch's is raised."""
    failed = None
    for future in sorted(done, key=lambda f: running[f].index):
        error = future.exception()
        if isinstance(error, BrokenProcessPool):
            raise _died(list(running.values())) from error
        if error is not None:
            failed = failed or error
            continue
        yield running.pop(future).index, future.result()
    if failed is not None:
        raise failed


def _died(tasks: list[Task]) -> SftdataError:
    numbers = ", ".join(str(n) for n in sorted(t.index for t in tasks))
    return SftdataError(
        f"step {tasks[0].step!r}: a worker process died while batches {numbers} were under way. "
        "Most often memory ran out: use fewer workers or smaller batches. A script needs "
        "`if __name__ == '__main__':` around its call. Finished batches are kept."
    )


def _start_worker() -> None:
    """Prepare a worker: the parent alone handles Ctrl-C, and no worker outlives its parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    pa.set_cpu_count(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
