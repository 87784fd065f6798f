"""The documents that are to be split, and what has been decided of each so far."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sftdata.errors import ContractError
from sftdata.stages.decisions.split_ood import attributes

__all__ = ["Rows", "stratum"]


@dataclass
class Rows:
    """The documents by id, and what has been decided of each so far."""

    table: pa.Table
    ids: list[str]
    groups: list[str]
    weights: NDArray[np.float64]
    verdicts: list[str] = field(init=False)
    reasons: list[str] = field(init=False)
    because: list[str] = field(init=False)

    def __post_init__(self) -> None:
        self.verdicts, self.reasons, self.because = ([""] * len(self.ids) for _ in range(3))

    @classmethod
    def of(cls, table: pa.Table, *, by_group: bool) -> Rows:
        """Take the rows of a table of keys; `by_group` makes every group weigh the same."""
        ids, groups = table.column("id").to_pylist(), table.column("group").to_pylist()
        if not all(groups):
            lacking = ids[next(i for i, g in enumerate(groups) if not g)]
            raise ContractError(f"document {lacking!r} has no group: link before split")
        weights = np.asarray(table.column("weight").to_pylist(), dtype=np.float64)
        if by_group:
            sizes = Counter(groups)
            weights = np.asarray([1 / sizes[g] for g in groups], dtype=np.float64)
        return cls(table, ids, groups, weights)

    def open(self) -> list[int]:
        """Return the rows that nothing has been decided of."""
        return [i for i, verdict in enumerate(self.verdicts) if not verdict]

    def put(self, row: int, verdict: str, reason: str, because_of: str) -> None:
        """Decide of a row."""
        self.verdicts[row], self.reasons[row], self.because[row] = verdict, reason, because_of

    def strata(self, names: Iterable[str], rows: Sequence[int]) -> list[list[str]]:
        """Return the chosen strata of the chosen rows, a list per column."""
        columns = [self.table.column(name).to_pylist() for name in names]
        return [[column[i] or "" for i in rows] for column in columns]


def stratum(batch: pa.Table, name: str, when: Sequence[tuple[date, date] | None]) -> list[str]:
    """Return one value per document; empty where it has none."""
    if name == "year":
        return [str(span[1].year) if span else "" for span in when]
    return [values[0] if values else "" for values in attributes(batch, name)]
