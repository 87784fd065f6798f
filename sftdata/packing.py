"""Samples packed into rows of one length: nothing is cut, and no sample sees its neighbour.

Best-fit decreasing: samples from the longest to the shortest, each into the row with the least
space that still holds it. A packed row says where its samples begin (`seq_lengths`) and counts
positions anew for each, which is what attention over packed rows needs.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from sftdata.chat.tokens import IGNORED
from sftdata.errors import ConfigError

__all__ = ["PACKED_ROWS", "PackingReport", "pack", "pack_lengths", "packing_report"]

_INTS = pa.list_(pa.int32())
PACKED_ROWS: pa.Schema = pa.schema(
    [
        pa.field("sample_ids", pa.list_(pa.string()), nullable=False),
        pa.field("input_ids", _INTS, nullable=False),
        pa.field("labels", _INTS, nullable=False),
        pa.field("position_ids", _INTS, nullable=False),
        pa.field("seq_lengths", _INTS, nullable=False),
    ]
)
"""`position_ids` begin at 0 with each sample; `seq_lengths` are the tokens of each, in order."""


class PackingReport(BaseModel):
    """How well rows are filled. Lengths are in tokens."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    length: int
    """Tokens that a packed row may have."""
    samples: int
    tokens: int
    rows: int
    """Packed rows."""
    efficiency: float
    """Tokens by `rows * length`: what is not padding."""
    unpacked: float
    """The same with a sample per row, each padded to the longest sample."""
    fewest: int
    """Rows that no packing can go below: by all tokens, and by the samples over half a row."""
    samples_per_row: float


def pack_lengths(lengths: Sequence[int] | NDArray[np.int64], length: int) -> list[list[int]]:
    """Return which samples go into each packed row: their places in `lengths`.

    Best-fit decreasing; samples of equal length go in their order, and of rows with equal space
    the oldest is filled. So the same lengths give the same rows.

    Args:
        lengths: tokens of each sample.
        length: tokens that a row may have.

    Raises:
        ConfigError: a sample is longer than a row, or the length is below 1.

    >>> pack_lengths([3, 7, 5, 2, 3], 10)
    [[1, 0], [2, 4, 3]]
    """
    sizes = np.asarray(lengths, dtype=np.int64)
    if length < 1:
        raise ConfigError(f"packing: a row of {length} tokens holds nothing")
    over = np.flatnonzero(sizes > length)
    if len(over):
        raise ConfigError(
            f"packing: {len(over):,} samples are longer than a row of {length:,} tokens (the "
            f"first is number {int(over[0])}); samples are never split: leave them out, or pack "
            "longer rows"
        )
    rows: list[list[int]] = []
    by_space: dict[int, deque[int]] = {}
    spaces: list[int] = []
    for sample in np.argsort(-sizes, kind="stable").tolist():
        size = int(sizes[sample])
        at = bisect_left(spaces, size)
        if at == len(spaces):
            rows.append([])
            row, left = len(rows) - 1, length - size
        else:
            waiting = by_space[spaces[at]]
            row, left = waiting.popleft(), spaces[at] - size
            if not waiting:
                del by_space[spaces.pop(at)]
        rows[row].append(sample)
        if left:
            if left not in by_space:
                by_space[left] = deque()
                insort(spaces, left)
            by_space[left].append(row)
    return rows


def packing_report(lengths: Sequence[int] | NDArray[np.int64], length: int) -> PackingReport:
    """Return how well samples of these lengths fill rows of `length` tokens.

    Raises:
        ConfigError: as `pack_lengths`.

    >>> report = packing_report([3, 7, 5, 2, 3], 10)
    >>> report.rows, report.efficiency, report.fewest
    (2, 1.0, 2)
    """
    sizes = np.asarray(lengths, dtype=np.int64)
    return _report(sizes, length, len(pack_lengths(sizes, length)))


def _report(sizes: NDArray[np.int64], length: int, rows: int) -> PackingReport:
    tokens, longest = int(sizes.sum()), int(sizes.max(initial=0))
    return PackingReport(
        length=length,
        samples=len(sizes),
        tokens=tokens,
        rows=rows,
        efficiency=round(tokens / (rows * length), 4) if rows else 0.0,
        unpacked=round(tokens / (len(sizes) * longest), 4) if longest else 0.0,
        fewest=max(-(-tokens // length), int((2 * sizes > length).sum())),
        samples_per_row=round(len(sizes) / rows, 2) if rows else 0.0,
    )


def pack(rows: pa.Table, length: int) -> tuple[pa.Table, PackingReport]:
    """Pack rows as training takes them into rows of at most `length` tokens.

    The label of each sample's first token becomes -100: nothing of its own stands before it, and
    in an unpacked row it is not predicted either.

    Args:
        rows: schema TRAINED_ROWS (`sample_id`, `input_ids`, `labels`).
        length: tokens that a packed row may have.

    Returns:
        A table with the schema PACKED_ROWS, and how well its rows are filled.

    Raises:
        ConfigError: a sample is longer than a row.
    """
    ids, bounds = _flat(rows.column("input_ids"))
    labels, same = _flat(rows.column("labels"))
    if not np.array_equal(bounds, same):
        raise ConfigError("packing: input_ids and labels are not equally long in every row")
    sizes = np.diff(bounds)
    packs = pack_lengths(sizes, length)
    order = np.array([sample for members in packs for sample in members], dtype=np.int64)
    ordered = sizes[order]
    starts = ordered.cumsum() - ordered
    positions = np.arange(int(ordered.sum())) - np.repeat(starts, ordered)
    places = positions + np.repeat(bounds[order], ordered)
    trained = labels[places]
    trained[positions == 0] = IGNORED
    members = np.cumsum([0, *map(len, packs)])
    ends = np.concatenate([[0], ordered.cumsum()])[members]
    names = rows.column("sample_id").combine_chunks().take(pa.array(order))
    columns = [
        _lists(names, members),
        *(_lists(pa.array(values.astype(np.int32)), ends) for values in (ids[places], trained)),
        _lists(pa.array(positions.astype(np.int32)), ends),
        _lists(pa.array(ordered.astype(np.int32)), members),
    ]
    return pa.table(columns, schema=PACKED_ROWS), _report(sizes, length, len(packs))


def _flat(column: pa.ChunkedArray) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Return the values of a list column, and where each row begins and the last one ends."""
    chunks = [chunk for chunk in column.chunks if len(chunk)]
    values = [chunk.flatten().to_numpy(zero_copy_only=False) for chunk in chunks]
    sizes = [np.diff(chunk.offsets.to_numpy(zero_copy_only=False)) for chunk in chunks]
    counted = np.concatenate([np.zeros(1, dtype=np.int64), *sizes]).astype(np.int64)
    return np.concatenate([np.zeros(0, dtype=np.int32), *values]), counted.cumsum()


def _lists(values: pa.Array, bounds: NDArray[np.int64]) -> pa.ListArray:
    if int(bounds[-1]) >= 2**31:
        raise ConfigError("packing: more than two thousand million tokens at once; pack in parts")
    return pa.ListArray.from_arrays(pa.array(bounds.astype(np.int32)), values)
