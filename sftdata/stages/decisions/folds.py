"""Folds for cross-validation: every group in one fold, folds alike in size and strata."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sftdata.errors import ConfigError
from sftdata.stages.decisions.split_search import Problem, solve

__all__ = ["folds"]


def folds(
    groups: Sequence[str],
    weights: Sequence[float],
    k: int,
    *,
    seed: int = 0,
    strata: Sequence[Sequence[str]] = (),
) -> list[int]:
    """Return the fold (0 to k - 1) of each row, so that no group stands in two.

    Train on all folds but one and validate on that one, k times.

    Args:
        groups: the group of each row.
        weights: the size of each row, in any unit.
        k: how many folds.
        seed: another seed is another assignment.
        strata: columns with a value per row, to be spread alike over the folds.

    Raises:
        ConfigError: there are fewer groups than folds.

    >>> folds(["a", "a", "b", "c"], [1, 1, 2, 2], 3)[:2] in ([0, 0], [1, 1], [2, 2])
    True
    """
    found = len(set(groups))
    if found < k:
        raise ConfigError(
            f"split.folds: {found} group(s) found, {k} needed, one for each fold; "
            "set fewer folds or add documents of other companies or patients"
        )
    # Sums of fractions depend on their order, and with it a tie: rows come in one order.
    order = sorted(
        range(len(groups)), key=lambda i: (groups[i], weights[i], *(column[i] for column in strata))
    )
    problem = Problem.of(
        [groups[i] for i in order],
        np.asarray([weights[i] for i in order], dtype=np.float64),
        [1 / k] * k,
        strata=[[column[i] for i in order] for column in strata],
    )
    fold_of = solve(problem, seed=seed, purpose="folds")
    return [fold_of[group] for group in groups]
