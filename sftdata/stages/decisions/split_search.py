"""Divide whole groups among splits: largest first, then a local search on sizes and strata."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sftdata.chance import rank

__all__ = ["Problem", "solve"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_WINDOW = 1024
"""Groups whose moves are tried at once: bounds memory where there are many groups."""
_NEIGHBOURS = 8
_MOST_PAIRS = 8192
"""So many pairs are tried at once where groups are few; else neighbours by size alone."""
_MOST_STEPS = 5000
_FEW = 300
"""Up to so many groups the search by period begins anew from `_STARTS` other places."""
_STARTS = 15
_ENOUGH = 1e-6
_SLACK = 1e-3
"""Weight of the mean deviations beside the largest: lets the search cross plateaus."""
_NOTHING = 1e-12


@dataclass(frozen=True)
class Problem:
    """What there is to divide: what each group would bring into each split.

    Mostly that is the same for every split. Where a split takes only documents of its own period,
    a group brings into it what it has in that period.
    """

    names: list[str]
    mass: Floats
    """(groups, splits, 1) share of all weight."""
    strata: list[Floats]
    """Per stratified column (groups, splits, values): share of all weight."""
    wanted: list[Floats]
    """Per stratified column (values,): share of all weight."""
    ratios: Floats
    """(splits,)"""
    cells: Ints
    """(groups,) number of the stratum (combination of values) that most of a group belongs to."""
    fixed: Ints
    """(groups,) split that a group must stay in; -1: free."""

    @classmethod
    def of(
        cls,
        groups: Sequence[str],
        weights: Floats,
        ratios: Sequence[float],
        *,
        strata: Sequence[Sequence[str]] = (),
        windows: Ints | None = None,
        fixed: dict[str, int] | None = None,
    ) -> Problem:
        """Sum rows up to groups.

        Args:
            groups: the group of each row.
            weights: the size of each row, in any unit.
            ratios: the share that each split is to have.
            strata: columns, each with a value per row, to be spread alike over the splits.
            windows: the one split that can take each row (-1: none can); None: all can.
            fixed: group → split, where that is decided already.
        """
        names, rows = np.unique(np.asarray(groups, dtype=object), return_inverse=True)
        sums = _Sums(rows, _shares(weights), windows, (len(names), len(ratios)))
        columns, wanted = [], []
        cells = np.zeros(len(names), dtype=np.int64)
        for column in strata:
            values, codes = np.unique(np.asarray(column, dtype=object), return_inverse=True)
            if len(values) > 1:
                whole = sums.whole(codes, len(values))
                columns.append(sums.of(codes, len(values)))
                wanted.append(whole.sum(axis=0))
                cells = np.unique(cells * len(values) + whole.argmax(axis=1), return_inverse=True)[
                    1
                ].astype(np.int64)
        known = fixed or {}
        return cls(
            names=[str(name) for name in names],
            mass=sums.of(np.zeros(len(rows), dtype=np.int64), 1),
            strata=columns,
            wanted=wanted,
            ratios=np.asarray(ratios, dtype=np.float64),
            cells=cells,
            fixed=np.asarray([known.get(str(name), -1) for name in names], dtype=np.int64),
        )

    @property
    def sizes(self) -> Floats:
        """(groups,) the most that a group can bring."""
        sizes: Floats = self.mass[..., 0].max(axis=1)
        return sizes

    @property
    def by_period(self) -> bool:
        """Whether some group would bring more into one split than into another."""
        return bool((self.mass != self.mass[:, :1]).any())

    def present(self, where: Ints) -> Bools:
        """Return which groups bring anything into the split they are in."""
        return np.asarray(self.mass[np.arange(len(where)), where, 0] > 0)

    def leaves(self, where: Ints) -> Bools:
        """Return which groups may leave their split: not its last, nor the last of its stratum.

        Strata with fewer groups than splits cannot be in every split, so they are not held.
        """
        splits, there = len(self.ratios), self.present(where)
        counts = np.zeros((int(self.cells.max()) + 1, splits), dtype=np.int64)
        np.add.at(counts, (self.cells[there], where[there]), 1)
        held = counts.sum(axis=1) >= splits
        last_of_stratum = held[self.cells] & (counts[self.cells, where] == 1)
        last = counts.sum(axis=0)[where] == 1
        return (self.fixed < 0) & ~(there & (last | last_of_stratum))


@dataclass(frozen=True)
class _Sums:
    """Sums of rows by group, split and value."""

    rows: Ints
    weights: Floats
    windows: Ints | None
    shape: tuple[int, int]

    def whole(self, codes: Ints, values: int) -> Floats:
        """Return (groups, values): everything that a group has."""
        matrix = np.zeros((self.shape[0], values))
        np.add.at(matrix, (self.rows, codes), self.weights)
        return matrix

    def of(self, codes: Ints, values: int) -> Floats:
        """Return (groups, splits, values): what a group brings into each split."""
        if self.windows is None:
            every = self.whole(codes, values)[:, None, :]
            return np.broadcast_to(every, (*self.shape, values))
        cube = np.zeros((*self.shape, values))
        fits = self.windows >= 0
        np.add.at(cube, (self.rows[fits], self.windows[fits], codes[fits]), self.weights[fits])
        return cube


def _shares(weights: Floats) -> Floats:
    # An empty document still counts a little, so that no group is without weight.
    floor = max(float(weights.max()), 1.0) * 1e-9
    shares: Floats = np.maximum(weights, floor)
    return shares / shares.sum()


def solve(problem: Problem, *, seed: int, purpose: str = "split") -> dict[str, int]:
    """Return the split of every group, by number.

    Largest first where most is missing; then groups are moved or swapped as long as the cost
    falls. Cost = 3 x the largest deviation of a split's share from its ratio + the largest total
    variation distance between the strata of a split and of all (mean over the columns) + the
    share of weight that finds no place.

    >>> rows = Problem.of(["a", "b", "b", "c"], np.array([2.0, 1.0, 1.0, 4.0]), [0.5, 0.5])
    >>> found = solve(rows, seed=0)
    >>> found["a"] == found["b"] != found["c"]
    True
    """
    chance = [rank(seed, purpose, name) for name in problem.names]
    sizes = problem.sizes
    order = sorted(
        range(len(problem.names)), key=lambda i: (-_size_class(float(sizes[i])), chance[i])
    )
    drawn = sorted(order, key=lambda i: chance[i])
    starts = [_greedy(problem, order)]
    if problem.by_period and len(order) <= _FEW:
        starts += [_thrown(problem, (seed, purpose, n), order) for n in range(_STARTS)]
    found = [_search(problem, start, drawn) for start in starts]
    costs = [_State.of(problem, where).cost() for where in found]
    where = found[int(np.argmin(costs))]
    return {name: int(where[i]) for i, name in enumerate(problem.names)}


def _size_class(size: float) -> int:
    """Half powers of two: groups of about one size are drawn in an order that the seed decides."""
    return round(2 * math.log2(size)) if size > 0 else -10_000


def _greedy(problem: Problem, order: list[int]) -> Ints:
    """Give each group to the split that lacks most of its stratum; then no split stays empty."""
    where = np.maximum(problem.fixed, 0)
    sizes = problem.sizes
    members_of: dict[int, list[int]] = defaultdict(list)
    for i in order:
        members_of[int(problem.cells[i])].append(i)
    for cell in sorted(members_of):
        members = members_of[cell]
        lacking = problem.ratios * sizes[members].sum()
        for i in sorted(members, key=lambda i: problem.fixed[i] < 0):
            mass = problem.mass[i, :, 0]
            if problem.fixed[i] < 0:
                where[i] = int(np.argmax(np.where(mass > 0, lacking, lacking - 2.0)))
            lacking[where[i]] -= mass[where[i]]
        if len(members) >= len(problem.ratios):
            _fill_empty(problem, where, members)
    _fill_empty(problem, where, order)
    return where


def _thrown(problem: Problem, chance: tuple[object, ...], order: list[int]) -> Ints:
    """Give each group to a split by chance, among those that it brings something into.

    Why: what one group leaves behind in its split's period no other can fill, so the search has
    many dead ends there, and few groups find no way around them.
    """
    where = np.maximum(problem.fixed, 0)
    for i in order:
        able = np.flatnonzero(problem.mass[i, :, 0] > 0)
        if problem.fixed[i] < 0 and len(able):
            where[i] = able[rank(*chance, problem.names[i]) % len(able)]
    _fill_empty(problem, where, order)
    return where


def _fill_empty(problem: Problem, where: Ints, members: list[int]) -> None:
    """Bring the smallest group that can be spared into each split that has none of these."""
    chosen, sizes = np.asarray(members), problem.sizes
    for split in range(len(problem.ratios)):
        there = problem.present(where)[chosen]
        counts = np.bincount(where[chosen[there]], minlength=len(problem.ratios))
        if counts[split]:
            continue
        able = (problem.fixed[chosen] < 0) & (problem.mass[chosen, split, 0] > 0)
        spare = chosen[able & (~there | (counts[where[chosen]] > 1))]
        if len(spare):
            where[min(spare.tolist(), key=lambda i: (sizes[i], i))] = split


def _search(problem: Problem, where: Ints, order: list[int]) -> Ints:
    """Move single groups, else swap two of like size, as long as the cost falls."""
    free = [i for i in order if problem.fixed[i] < 0]
    windows = [np.asarray(free[i : i + _WINDOW]) for i in range(0, len(free), _WINDOW)]
    idle = 0
    for turn in range(_MOST_STEPS if windows else 0):
        window = windows[turn % len(windows)]
        state = _State.of(problem, where)
        change = state.best(_moves(problem, where, window))
        change = change or state.best(_swaps(problem, where, window))
        idle = 0 if change else idle + 1
        if idle == len(windows):
            break
        for group, split in change:
            where[group] = split
    return where


def _moves(problem: Problem, where: Ints, window: Ints) -> _Changes:
    """Return every move of one group to another split that leaves none without a stratum."""
    splits = len(problem.ratios)
    free = window[problem.leaves(where)[window]]
    group = np.repeat(free, splits)
    to = np.tile(np.arange(splits), len(free))
    away = to != where[group]
    group, to = group[away], to[away]
    return _Changes(group, np.full(len(group), -1), to)


def _swaps(problem: Problem, where: Ints, window: Ints) -> _Changes:
    """Return swaps of groups in different splits that are neighbours by size."""
    by_size = window[np.argsort(problem.sizes[window], kind="stable")]
    reach = max(_NEIGHBOURS, _MOST_PAIRS // max(len(by_size), 1))
    pairs = [(by_size[:-k], by_size[k:]) for k in range(1, reach + 1) if k < len(by_size)]
    if not pairs:
        return _Changes(by_size[:0], by_size[:0], by_size[:0])
    group, other = (np.concatenate(side) for side in zip(*pairs, strict=True))
    free = problem.leaves(where)
    anywhere: Bools = np.asarray((problem.mass[..., 0] > 0).all(axis=1))
    alike: Bools = np.asarray(problem.cells[group] == problem.cells[other])
    alike &= anywhere[group] & anywhere[other]
    apart: Bools = np.asarray(where[group] != where[other])
    fits = apart & (alike | (free[group] & free[other]))
    return _Changes(group[fits], other[fits], where[other[fits]])


@dataclass(frozen=True)
class _Changes:
    """Change `i` brings `group[i]` into split `to[i]` and, unless it is -1, `other[i]` back."""

    group: Ints
    other: Ints
    to: Ints


@dataclass(frozen=True)
class _State:
    """What each split holds, and what a change would cost."""

    problem: Problem
    where: Ints
    held: Floats
    """(splits, 1)"""
    strata: list[Floats]
    """Per stratified column (splits, values)."""

    @classmethod
    def of(cls, problem: Problem, where: Ints) -> _State:
        groups = np.arange(len(where))

        def total(cube: Floats) -> Floats:
            sums = np.zeros(cube.shape[1:])
            np.add.at(sums, where, cube[groups, where])
            return sums

        return cls(problem, where, total(problem.mass), [total(m) for m in problem.strata])

    def cost(self) -> float:
        """Return the cost of this state."""
        return float(self._cost(self.held[None], [s[None] for s in self.strata])[0])

    def best(self, changes: _Changes) -> list[tuple[int, int]]:
        """Return the change that lowers the cost most, as (group, new split); empty: none does."""
        if not len(changes.group):
            return []
        held = self._after(changes, self.held, self.problem.mass)
        strata = [
            self._after(changes, sums, cube)
            for sums, cube in zip(self.strata, self.problem.strata, strict=True)
        ]
        costs = self._cost(held, strata)
        i = int(np.argmin(costs))
        if costs[i] > self.cost() - _ENOUGH:
            return []
        group, other = int(changes.group[i]), int(changes.other[i])
        back = [(other, int(self.where[group]))] if other >= 0 else []
        return [(group, int(changes.to[i])), *back]

    def _after(self, changes: _Changes, sums: Floats, cube: Floats) -> Floats:
        """Return the sums (changes, splits, n) after each change."""
        home = self.where[changes.group]
        after = np.repeat(sums[None], len(home), axis=0)
        rows = np.arange(len(home))
        after[rows, home] -= cube[changes.group, home]
        after[rows, changes.to] += cube[changes.group, changes.to]
        back = np.flatnonzero(changes.other >= 0)
        other, to, home = changes.other[back], changes.to[back], home[back]
        after[back, to] -= cube[other, to]
        after[back, home] += cube[other, home]
        return after

    def _cost(self, held: Floats, strata: list[Floats]) -> Floats:
        """Return the cost of each state: `held` is (states, splits, 1)."""
        total = held[..., 0].sum(axis=1)
        shares = held[..., 0] / np.maximum(total, _NOTHING)[:, None]
        cost = 3 * _worst(np.abs(shares - self.problem.ratios)) + (1 - total)
        if strata:
            safe = np.maximum(held, _NOTHING)
            distances = [
                0.5 * np.abs(sums / safe - wanted).sum(axis=-1)
                for sums, wanted in zip(strata, self.problem.wanted, strict=True)
            ]
            cost = cost + _worst(np.mean(distances, axis=0))
        found: Floats = cost
        return found


def _worst(deviations: Floats) -> Floats:
    """Return the largest deviation over the splits, and a little of the mean."""
    worst: Floats = deviations.max(axis=-1) + _SLACK * deviations.mean(axis=-1)
    return worst
