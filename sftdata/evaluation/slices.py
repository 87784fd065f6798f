"""Scored rows as arrays, and the metrics of any part of them with intervals over groups."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sftdata.evaluation.bootstrap import Interval, Resampling, interval
from sftdata.evaluation.metrics import METRICS, Metric
from sftdata.evaluation.scoring import Row

__all__ = ["Figure", "Sheet", "difference", "figures"]

F64 = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Figure:
    """A metric over some rows."""

    metric: Metric
    score: float
    samples: int
    groups: int
    interval: Interval | None


class Sheet:
    """The rows of one run as columns of numbers; an absent value is not a number."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = rows
        names = sorted({name for row in rows for name in row.columns})
        self._place = {name: i for i, name in enumerate(names)}
        self._values = np.full((len(rows), len(names)), np.nan)
        for i, row in enumerate(rows):
            for name, value in row.columns.items():
                self._values[i, self._place[name]] = value

    @cached_property
    def groups(self) -> NDArray[np.int64]:
        """A number for the group of each row."""
        names = [row.sample.group or f"sample {row.sample.sample_id}" for row in self.rows]
        return np.unique(np.array(names, dtype=object), return_inverse=True)[1].astype(np.int64)

    def columns_of(self, metric: Metric) -> list[str]:
        """Return the columns that a metric sums; empty where one of them is in no row."""
        found: list[str] = []
        for name in metric.columns:
            if name.endswith(":"):
                found += [c for c in self._place if c.startswith(name)]
            elif name in self._place:
                found.append(name)
            else:
                return []
        return found

    def values(self, names: Sequence[str]) -> F64:
        """Return columns, shape (rows, names)."""
        return self._values[:, [self._place[n] for n in names]]


def _summed(sheet: Sheet, metric: Metric, mask: Mask) -> tuple[F64, Mask]:
    """Return per row what the metric sums, and which rows have something to add to it."""
    names = sheet.columns_of(metric)
    if not names:
        return np.zeros((len(mask), 0)), np.zeros(len(mask), dtype=np.bool_)
    values = sheet.values(names)
    if metric.ranked:
        there = mask & np.isfinite(values).all(axis=1)
        return _by_rank(values[:, 0], values[:, 1], there), there
    values = np.nan_to_num(values)
    return values, mask & (values != 0).any(axis=1)


def _by_rank(score: F64, positive: F64, there: Mask) -> F64:
    """Return a column per score: 1 where the row has it, negatives first, then positives."""
    levels = np.unique(score[there])
    at = np.searchsorted(levels, score)
    out = np.zeros((len(score), 2 * len(levels)))
    rows = np.flatnonzero(there)
    out[rows, at[rows] + np.where(positive[rows] > 0, len(levels), 0)] = 1
    return out


def _by_group(values: F64, groups: NDArray[np.int64]) -> F64:
    names, codes = np.unique(groups, return_inverse=True)
    sums = np.zeros((len(names), values.shape[1]))
    np.add.at(sums, codes, values)
    return sums


def _point(sums: F64, metric: Metric) -> float:
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(metric.formula(sums.sum(axis=0)))


def figures(
    sheet: Sheet, mask: Mask, how: Resampling | None, metrics: Sequence[Metric] = METRICS
) -> Iterator[Figure]:
    """Yield every metric that is defined over the rows of `mask`.

    Without `how` there are no intervals.
    """
    for metric in metrics:
        values, there = _summed(sheet, metric, mask)
        if not there.any() or not values.shape[1]:
            continue
        sums = _by_group(values[there], sheet.groups[there])
        score = _point(sums, metric)
        if not np.isfinite(score):
            continue
        ends = interval(sums, metric.formula, how) if how else None
        yield Figure(metric, score, int(there.sum()), len(sums), ends)


def difference(
    left: tuple[Sheet, Mask], right: tuple[Sheet, Mask], metric: Metric, how: Resampling
) -> Figure | None:
    """Return the metric of `left` minus that of `right`, paired: both see the same groups drawn.

    The rows of both sheets are the same samples in the same order.
    """
    parts = [_summed(sheet, metric, mask) for sheet, mask in (left, right)]
    if not all(there.any() and values.shape[1] for values, there in parts):
        return None
    groups = left[0].groups
    width = parts[0][0].shape[1]
    both = np.hstack([np.where(there[:, None], values, 0.0) for values, there in parts])
    either = parts[0][1] | parts[1][1]
    sums = _by_group(both[either], groups[either])

    def gap(s: F64) -> F64:
        return metric.formula(s[..., :width]) - metric.formula(s[..., width:])

    with np.errstate(divide="ignore", invalid="ignore"):
        found = float(gap(sums.sum(axis=0)))
    if not np.isfinite(found):
        return None
    return Figure(metric, found, int(either.sum()), len(sums), interval(sums, gap, how))
