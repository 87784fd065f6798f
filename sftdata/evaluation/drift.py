"""Has production moved? Wilson intervals, a test of two proportions, and the stability index."""

from __future__ import annotations

import math
from collections.abc import Sequence

from scipy.stats import norm

__all__ = ["stability_index", "wilson", "z_test"]

_LEAST = 0.5


def wilson(hits: int, total: int, level: float = 0.95) -> tuple[float, float]:
    """Return the Wilson score interval of a proportion (Wilson 1927).

    Why not the normal one: it is wrong where a rate is near 0, as failure rates should be.

    >>> low, high = wilson(0, 100)
    >>> round(low, 4), round(high, 4)
    (0.0, 0.037)
    """
    if not total:
        return 0.0, 1.0
    z = float(norm.ppf((1 + level) / 2))
    share, spread = hits / total, z * z / total
    middle = share + spread / 2
    half = z * math.sqrt(share * (1 - share) / total + spread / (4 * total))
    low, high = (middle - half) / (1 + spread), (middle + half) / (1 + spread)
    return (0.0 if not hits else low), (1.0 if hits == total else high)


def z_test(hits: int, total: int, base_hits: float, base_total: int) -> float | None:
    """Return z of the difference of two proportions, pooled; positive where the rate has risen.

    None where either side is empty or nothing varies.

    >>> round(z_test(30, 100, 20, 100), 3)
    1.633
    """
    if not total or not base_total:
        return None
    pooled = (hits + base_hits) / (total + base_total)
    error = math.sqrt(pooled * (1 - pooled) * (1 / total + 1 / base_total))
    return (hits / total - base_hits / base_total) / error if error else None


def stability_index(counts: Sequence[int], base: Sequence[int]) -> float | None:
    """Return the population stability index: below 0.1 stable, above 0.25 moved.

    Sum over bins of `(p - q) ln(p / q)`. An empty bin counts half an item, so that one output in
    a new bin is not infinite.

    >>> round(stability_index([50, 50], [50, 50]), 3), round(stability_index([90, 10], [50, 50]), 3)
    (0.0, 0.879)
    """
    if len(counts) != len(base) or not sum(counts) or not sum(base):
        return None
    total = 0.0
    for have, had in zip(counts, base, strict=True):
        if have or had:
            p, q = max(have, _LEAST) / sum(counts), max(had, _LEAST) / sum(base)
            total += (p - q) * math.log(p / q)
    return total
