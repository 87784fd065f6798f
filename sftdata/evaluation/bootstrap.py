"""Confidence intervals that resample groups (companies, patients), never single samples.

Samples of one company are alike; resampling them one by one would give intervals that are much
too narrow. Every metric is a function of sums, so a replicate is one product of matrices.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

__all__ = ["Formula", "Interval", "Resampling", "interval", "replicates"]

F64 = NDArray[np.float64]
Formula = Callable[[F64], F64]
"""From sums in the last axis to the metric; not a number where it is not defined."""
Method = Literal["percentile", "bca"]
_CELLS = 4_000_000


@dataclass(frozen=True, slots=True)
class Interval:
    """Both ends of an interval."""

    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Resampling:
    """How intervals are made.

    Attributes:
        resamples: number of bootstrap replicates.
        level: coverage that is asked for.
        seed: the same seed and groups give the same interval.
        method: `percentile`, or `bca` (bias-corrected and accelerated, Efron 1987).
    """

    resamples: int = 1000
    level: float = 0.95
    seed: int = 0
    method: Method = "percentile"


def replicates(sums: F64, formula: Formula, how: Resampling) -> F64:
    """Return the metric in each resample of groups.

    Args:
        sums: a row of sums for each group, shape (groups, columns).
        formula: the metric.
        how: number of resamples and seed.

    >>> sums = np.array([[1.0, 2.0], [3.0, 4.0]])
    >>> found = replicates(sums, lambda s: s[..., 0] / s[..., 1], Resampling(resamples=50))
    >>> sorted({round(float(v), 3) for v in found})
    [0.5, 0.667, 0.75]
    """
    groups = len(sums)
    rng = np.random.default_rng([how.seed, groups])
    step = max(1, min(how.resamples, _CELLS // max(groups, 1)))
    parts, share = [], np.full(groups, 1 / groups)
    for start in range(0, how.resamples, step):
        drawn = rng.multinomial(groups, share, size=min(step, how.resamples - start))
        with np.errstate(divide="ignore", invalid="ignore"):
            parts.append(formula(drawn.astype(np.float64) @ sums))
    return np.concatenate(parts)


def interval(sums: F64, formula: Formula, how: Resampling) -> Interval | None:
    """Return the interval of a metric; None for fewer than two groups.

    Replicates in which the metric is not defined are left out; where that is more than half of
    them, there is no interval.
    """
    if len(sums) < 2:
        return None
    found = replicates(sums, formula, how)
    found = found[np.isfinite(found)]
    if len(found) * 2 < how.resamples:
        return None
    tails = np.array([(1 - how.level) / 2, (1 + how.level) / 2])
    if how.method == "bca":
        tails = _corrected(sums, formula, found, tails)
    low, high = np.quantile(found, tails)
    return Interval(float(low), float(high))


def _corrected(sums: F64, formula: Formula, found: F64, tails: F64) -> F64:
    """Return the quantiles that BCa reads; the plain ones where it cannot be worked out."""
    with np.errstate(divide="ignore", invalid="ignore"):
        total = sums.sum(axis=0)
        point = float(formula(total))
        left_out = formula(total - sums)
    below = (np.count_nonzero(found < point) + np.count_nonzero(found == point) / 2) / len(found)
    spread = left_out.mean() - left_out if np.isfinite(left_out).all() else np.zeros(1)
    size = float((spread**2).sum()) ** 1.5
    if not 0 < below < 1 or not size:
        return tails
    bias, bend = norm.ppf(below), float((spread**3).sum()) / (6 * size)
    shifted = bias + norm.ppf(tails)
    corrected: F64 = norm.cdf(bias + shifted / (1 - bend * shifted))
    return np.nan_to_num(corrected, nan=0.5)
