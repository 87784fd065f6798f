"""How far do raters agree: percent, Cohen's kappa, Krippendorff's alpha; and rank correlation."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Sequence

from scipy.stats import rankdata

__all__ = ["cohen_kappa", "krippendorff_alpha", "percent_agreement", "rank_correlation"]


def percent_agreement(left: Sequence[Hashable], right: Sequence[Hashable]) -> float | None:
    """Return the share of items with the same label; None for no item.

    >>> percent_agreement("aab", "aac")
    0.6666666666666666
    """
    pairs = list(zip(left, right, strict=True))
    return sum(a == b for a, b in pairs) / len(pairs) if pairs else None


def cohen_kappa(left: Sequence[Hashable], right: Sequence[Hashable]) -> float | None:
    """Return agreement beyond chance of two raters (Cohen 1960).

    None where it is not defined: no item, or both gave one and the same label throughout.

    >>> round(cohen_kappa("yyynnn", "yynnny"), 4)
    0.3333
    """
    seen = percent_agreement(left, right)
    if seen is None:
        return None
    mine, theirs, total = Counter(left), Counter(right), len(left)
    chance = sum(mine[label] * theirs[label] for label in mine) / total**2
    return None if chance == 1 else (seen - chance) / (1 - chance)


def krippendorff_alpha(units: Sequence[Sequence[Hashable | None]]) -> float | None:
    """Return Krippendorff's alpha for nominal labels of any number of raters.

    Args:
        units: for each item the label of each rater, None where a rater gave none. Items with
            fewer than two labels say nothing and are left out.

    None where it is not defined: nothing to compare, or one label throughout.

    >>> round(krippendorff_alpha([("a", "a"), ("b", "b"), ("a", "b")]), 4)
    0.4444
    """
    together: dict[tuple[Hashable, Hashable], float] = {}
    for unit in units:
        labels = Counter(label for label in unit if label is not None)
        count = labels.total()
        if count < 2:
            continue
        for a, n in labels.items():
            for b, m in labels.items():
                pairs = (n * m - n * (a == b)) / (count - 1)
                together[a, b] = together.get((a, b), 0.0) + pairs
    sums: dict[Hashable, float] = {}
    for (a, _), weight in together.items():
        sums[a] = sums.get(a, 0.0) + weight
    total = sum(sums.values())
    if total < 2:
        return None
    expected = (total**2 - sum(n * n for n in sums.values())) / (total - 1)
    observed = sum(weight for (a, b), weight in together.items() if a != b)
    return 1 - observed / expected if expected else None


def rank_correlation(left: Sequence[float], right: Sequence[float]) -> float | None:
    """Return Spearman's rho, with average ranks for ties; None where one side does not vary.

    >>> rank_correlation([1, 2, 3], [10, 30, 20])
    0.5
    """
    if len(left) != len(right) or len(left) < 2:
        return None
    a, b = (rankdata(side) - (len(left) + 1) / 2 for side in (left, right))
    size = math.sqrt(float((a * a).sum()) * float((b * b).sum()))
    return float((a * b).sum()) / size if size else None
