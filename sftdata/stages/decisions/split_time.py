"""When a document is from, and where time is cut: train ends before validation begins."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sftdata.errors import ConfigError

__all__ = ["SPAN_FIELDS", "Periods", "days", "read_span", "spans"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

SPAN_FIELDS = (pa.field("earliest", pa.date32()), pa.field("latest", pa.date32()))
"""First and last day that a document may be from; null where it has no date."""

_DATE = re.compile(r"(?:\S+/)?(\d{4})(?:-(\d{2})(?:-(\d{2})(?:[T ]\S*)?)?)?", re.ASCII)
_NEAREST = 200
_NEVER = np.iinfo(np.int64).max


def read_span(value: str) -> tuple[date, date] | None:
    """Return the first and last day that an ISO date may mean; of a period, those of its end.

    A year or month alone is a span: whoever cuts time inside it cannot know the side.

    >>> read_span("2024-02")
    (datetime.date(2024, 2, 1), datetime.date(2024, 2, 29))
    >>> read_span("2024-01-01/2024-06-30")[0]
    datetime.date(2024, 6, 30)
    >>> read_span("2024-02-30") is read_span("soon") is None
    True
    """
    match = _DATE.fullmatch(value.strip())
    if not match:
        return None
    year, month, day = (int(part) if part else 0 for part in match.groups())
    try:
        first = date(year, month if match[2] else 1, day if match[3] else 1)
    except ValueError:
        return None
    if match[3]:
        return first, first
    last_month = first.month if match[2] else 12
    return first, date(year, last_month, monthrange(year, last_month)[1])


def spans(batch: pa.Table, sources: Sequence[str]) -> list[tuple[date, date] | None]:
    """Return when each document is from: the first of `sources` that holds a date.

    Args:
        batch: rows of DOCUMENTS.
        sources: `published`, or kinds of metadata such as `period_end`.
    """
    published = batch.column("published").to_pylist()
    metadata = batch.column("metadata").to_pylist()
    return [_span(p, m, sources) for p, m in zip(published, metadata, strict=True)]


def _span(
    published: str | None, metadata: list[dict[str, Any]], sources: Sequence[str]
) -> tuple[date, date] | None:
    for source in sources:
        values = (
            [published or ""]
            if source == "published"
            else [m["value"] for m in metadata if m["kind"] == source]
        )
        found = next((span for span in map(read_span, values) if span), None)
        if found:
            return found
    return None


def days(dates: Sequence[date]) -> Ints:
    """Return dates as day numbers."""
    return np.asarray([d.toordinal() for d in dates], dtype=np.int64)


@dataclass(frozen=True)
class Periods:
    """One period per split, one after the other."""

    starts: Ints
    """(splits - 1,) first day of every split but the first."""
    embargo: int = 0
    """Days before each start that belong to no split."""

    @classmethod
    def cut(
        cls, earliest: Ints, weights: Floats, ratios: Sequence[float], embargo: int = 0
    ) -> Periods:
        """Cut time so that the periods' shares of weight are as near to the ratios as days allow.

        Documents of one day stay together. The cuts make the sum of squared deviations least,
        by dynamic programming over the days near to where each cut would best lie.

        Raises:
            ConfigError: there are fewer different days than splits.
        """
        dates, rows = np.unique(earliest, return_inverse=True)
        if len(dates) < len(ratios):
            raise ConfigError(
                f"split: {len(dates)} different date(s) found, {len(ratios)} needed, one for each "
                "split; add documents of other dates, set a ratio to 0, or use mode balanced"
            )
        sums = np.bincount(rows, weights=weights, minlength=len(dates))
        before = np.concatenate([[0.0], np.cumsum(sums)]) / max(float(sums.sum()), 1e-12)
        chosen = _best_cuts(before, np.asarray(ratios, dtype=np.float64))
        return cls(dates[chosen], embargo)

    def place(self, earliest: Ints, latest: Ints) -> tuple[Ints, list[str]]:
        """Return the split of each document by number, and why it has none where it is -1.

        Reasons: `embargo`, or `spans_cut` where the date is too vague to tell the side.
        """
        inside = np.searchsorted(self.starts, earliest, side="right")
        ends = np.append(self.starts, _NEVER)[inside]
        early = latest < ends - self.embargo
        reasons = np.where(early, "", np.where(latest < ends, "embargo", "spans_cut"))
        return np.where(early, inside, -1).astype(np.int64), [str(r) for r in reasons]

    def words(self, split: int) -> str:
        """Say which days a split takes: `2023-01-01 to 2023-12-31`."""
        first = "" if split == 0 else date.fromordinal(int(self.starts[split - 1])).isoformat()
        if split == len(self.starts):
            return f"from {first}"
        end = int(self.starts[split]) - self.embargo - 1
        last = date.fromordinal(max(end, 1)).isoformat()
        return f"{first} to {last}" if first else f"to {last}"


def _best_cuts(before: Floats, ratios: Floats) -> list[int]:
    """Return the day at which each split but the first begins.

    `before[i]` is the share of weight before day `i`. Every split gets at least one day.
    """
    splits, count = len(ratios), len(before) - 1
    places = np.arange(1, count)
    if count > splits * _NEAREST:
        targets = np.cumsum(ratios)[:-1]
        near = [np.argsort(np.abs(before[1:-1] - t), kind="stable")[:_NEAREST] for t in targets]
        places = np.unique(np.concatenate(near)) + 1
    places = np.concatenate([[0], places, [count]])
    share = before[places][None, :] - before[places][:, None]
    later = places[None, :] > places[:, None]
    cost = np.where(later, (share - ratios[0]) ** 2, np.inf)[0]
    steps = []
    for ratio in ratios[1:]:
        total = cost[:, None] + np.where(later, (share - ratio) ** 2, np.inf)
        steps.append(total.argmin(axis=0))
        cost = total.min(axis=0)
    at, cuts = len(places) - 1, []
    for step in reversed(steps):
        at = int(step[at])
        cuts.append(int(places[at]))
    return cuts[::-1]
