"""Train, validation and test: groups stay whole, sizes and strata come out as asked."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pydantic import Field, field_validator

from sftdata.chance import fraction, rank
from sftdata.errors import ConfigError, ContractError
from sftdata.part import VERDICTS, Decision
from sftdata.text import estimate_tokens

__all__ = ["Split"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_WINDOW = 1024
"""Groups whose moves are tried at once: bounds memory where there are many groups."""
_NEIGHBOURS = 8
_MOST_STEPS = 5000
_ENOUGH = 1e-6
_SLACK = 1e-3
"""Weight of the mean deviations beside the largest: lets the search cross plateaus."""


class Split(Decision):
    """Assign every group (company, patient) to one split.

    `balanced`: groups, largest first, go where most is missing; then groups are moved or swapped
    as long as the cost falls. Cost = 3 x the largest deviation of a split's share from its ratio
    + the largest total variation distance between the strata of a split and of all (mean over
    `stratify`). `hash`: a group's split depends on seed and group id alone, so that it stays where
    it is when documents are added; sizes then vary by chance.

    Every split with a ratio above 0 gets at least one group, and in balanced mode at least one of
    each stratum (combination of `stratify` values) that has as many groups as there are splits:
    five large companies beside hundreds of small patients are still tested. With few groups,
    shares are as near to the ratios as whole groups allow.

    Verdict: the split. Reason: the mode. `because_of`: the group.
    """

    ratios: dict[str, float] = Field(
        default_factory=lambda: {"train": 0.8, "validation": 0.1, "test": 0.1}
    )
    seed: int = 0
    stratify: tuple[Literal["domain", "kind", "locale"], ...] = ("domain", "locale")
    """Document columns whose shares should be alike in every split."""
    mode: Literal["balanced", "hash"] = "balanced"
    weight: Literal["documents", "characters", "tokens", "facts"] = "characters"
    """What a group's size is: documents, characters of text, estimated tokens, or facts that
    stand in the text."""

    @field_validator("ratios")
    @classmethod
    def _ratios_add_up(cls, ratios: dict[str, float]) -> dict[str, float]:
        for name, ratio in ratios.items():
            if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
                raise ConfigError(f"ratios: {name!r} is no split name; use lower-case letters")
            if not 0 <= ratio <= 1:
                raise ConfigError(f"ratios.{name} is {ratio}; it must lie between 0 and 1")
        total = math.fsum(ratios.values())
        if abs(total - 1) > 1e-6:
            raise ConfigError(f"ratios add up to {total:g}; they must add up to 1")
        return ratios

    def keys(self, batch: pa.Table) -> pa.Table:
        """Return `id`, `group`, `weight` and the strata of each document."""
        schema = pa.schema(
            [
                VERDICTS.field("id"),
                ("group", pa.string()),
                ("weight", pa.float64()),
                *((name, pa.string()) for name in self.stratify),
            ]
        )
        columns = [
            batch.column("document_id"),
            batch.column("group"),
            self._weights(batch),
            *(batch.column(name) for name in self.stratify),
        ]
        return pa.table(columns, schema=schema)

    def decide(self, keys: pa.Table) -> pa.Table:
        """Return the split of every document.

        Raises:
            ConfigError: there are fewer groups than splits, or `hash` left a split empty.
            ContractError: a document has no group; *link* comes first.
        """
        table = keys.sort_by("id")
        groups = table.column("group").to_pylist()
        if not all(groups):
            lacking = table.column("id")[groups.index("")].as_py()
            raise ContractError(f"document {lacking!r} has no group: link before split")
        names = sorted(set(groups))
        splits = self._assign(names, table, groups) if names else {}
        rows = [
            {"id": i, "verdict": splits[g], "reason": self.mode, "because_of": g}
            for i, g in zip(table.column("id").to_pylist(), groups, strict=True)
        ]
        return pa.Table.from_pylist(rows, schema=VERDICTS)

    def _weights(self, batch: pa.Table) -> pa.Array:
        if self.weight == "documents":
            return pa.array([1.0] * batch.num_rows, pa.float64())
        if self.weight == "facts":
            rows = batch.column("facts").to_pylist()
            located = [sum(f["start"] is not None for f in facts) for facts in rows]
            return pa.array(located, pa.float64())
        if self.weight == "tokens":
            texts = batch.column("text").to_pylist()
            return pa.array([estimate_tokens(t) for t in texts], pa.float64())
        return pc.utf8_length(batch.column("text")).cast(pa.float64())

    def _assign(self, names: list[str], table: pa.Table, groups: list[str]) -> dict[str, str]:
        used = {s: r for s, r in self.ratios.items() if r > 0}
        if len(names) < len(used):
            raise ConfigError(
                f"split: {len(names)} group(s) found, {len(used)} needed, one for each of "
                f"{', '.join(used)}. Add documents of other companies or patients, set a ratio "
                "to 0, or link by document"
            )
        if self.mode == "hash":
            return self._by_hash(names, used)
        problem = _problem(names, table, groups, used, self.stratify)
        order = sorted(
            range(len(names)),
            key=lambda i: (-_size_class(float(problem.sizes[i])), self._rank(names[i])),
        )
        where = _greedy(problem, order)
        where = _search(problem, where, sorted(order, key=lambda i: self._rank(names[i])))
        labels = list(used)
        return {name: labels[where[i]] for i, name in enumerate(names)}

    def _rank(self, group: str) -> int:
        return rank(self.seed, "split", group)

    def _by_hash(self, names: list[str], ratios: dict[str, float]) -> dict[str, str]:
        edges = np.cumsum(list(ratios.values()))
        edges[-1] = 1.0
        labels = list(ratios)
        splits = {
            name: labels[int(np.searchsorted(edges, fraction(self.seed, "split", name), "right"))]
            for name in names
        }
        counts = Counter(splits.values())
        empty = [s for s in labels if not counts[s]]
        if empty:
            found = ", ".join(f"{s} {counts[s]}" for s in labels)
            raise ConfigError(
                f"split: mode hash gave {empty[0]} none of {len(names)} groups ({found}); "
                "use mode balanced, another seed, or more groups"
            )
        return splits


@dataclass(frozen=True)
class _Problem:
    """What there is to divide: shares of the whole, per group."""

    sizes: Floats
    """(groups,) share of all weight."""
    strata: list[Floats]
    """Per stratified column (groups, values): share of all weight."""
    ratios: Floats
    """(splits,)"""
    cells: Ints
    """(groups,) number of the stratum (combination of values) that most of a group belongs to."""

    def leaves(self, where: Ints) -> NDArray[np.bool_]:
        """Return which groups may leave their split: not its last, nor the last of its stratum.

        Strata with fewer groups than splits cannot be in every split, so they are not held.
        """
        splits = len(self.ratios)
        counts = np.zeros((int(self.cells.max()) + 1, splits), dtype=np.int64)
        np.add.at(counts, (self.cells, where), 1)
        held = counts.sum(axis=1) >= splits
        last_of_stratum = held[self.cells] & (counts[self.cells, where] == 1)
        last = counts.sum(axis=0)[where] == 1
        return ~(last | last_of_stratum)


def _problem(
    names: list[str],
    table: pa.Table,
    groups: list[str],
    ratios: dict[str, float],
    stratify: Sequence[str],
) -> _Problem:
    number = {name: i for i, name in enumerate(names)}
    weights = np.asarray(table.column("weight").to_pylist(), dtype=np.float64)
    # An empty document still counts a little, so that no group is without weight.
    weights = np.maximum(weights, max(float(weights.max()), 1.0) * 1e-9)
    weights /= weights.sum()
    rows = np.asarray([number[g] for g in groups])
    sizes: Floats = np.zeros(len(names))
    np.add.at(sizes, rows, weights)
    strata = []
    cells = np.zeros(len(names), dtype=np.int64)
    for column in stratify:
        values, columns = np.unique(table.column(column).to_pylist(), return_inverse=True)
        if len(values) > 1:
            matrix = np.zeros((len(names), len(values)))
            np.add.at(matrix, (rows, columns), weights)
            strata.append(matrix)
            cells = cells * len(values) + matrix.argmax(axis=1)
    _, cells = np.unique(cells, return_inverse=True)
    return _Problem(sizes, strata, np.asarray(list(ratios.values())), cells)


def _size_class(size: float) -> int:
    """Half powers of two: groups of about one size are drawn in an order that the seed decides."""
    return round(2 * math.log2(size))


def _greedy(problem: _Problem, order: list[int]) -> Ints:
    """Give each group to the split that lacks most of its stratum; then no split stays empty."""
    where = np.zeros(len(order), dtype=np.int64)
    for cell in range(int(problem.cells.max()) + 1):
        members = [i for i in order if problem.cells[i] == cell]
        lacking = problem.ratios * problem.sizes[members].sum()
        for i in members:
            where[i] = int(np.argmax(lacking))
            lacking[where[i]] -= problem.sizes[i]
        if len(members) >= len(problem.ratios):
            _fill_empty(problem, where, members)
    _fill_empty(problem, where, order)
    return where


def _fill_empty(problem: _Problem, where: Ints, members: list[int]) -> None:
    """Bring the smallest group that can be spared into each split that has none of these."""
    for split in range(len(problem.ratios)):
        if (where[members] == split).any():
            continue
        counts = np.bincount(where[members], minlength=len(problem.ratios))
        spare = [i for i in members if counts[where[i]] > 1]
        where[min(spare, key=lambda i: (problem.sizes[i], i))] = split


def _search(problem: _Problem, where: Ints, order: list[int]) -> Ints:
    """Move single groups, else swap two of like size, as long as the cost falls."""
    windows = [np.asarray(order[i : i + _WINDOW]) for i in range(0, len(order), _WINDOW)]
    idle = 0
    for turn in range(_MOST_STEPS):
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


def _moves(problem: _Problem, where: Ints, window: Ints) -> _Changes:
    """Return every move of one group to another split that leaves none without a stratum."""
    splits = len(problem.ratios)
    free = window[problem.leaves(where)[window]]
    group = np.repeat(free, splits)
    to = np.tile(np.arange(splits), len(free))
    away = to != where[group]
    group, to = group[away], to[away]
    return _Changes(group, np.full(len(group), -1), to)


def _swaps(problem: _Problem, where: Ints, window: Ints) -> _Changes:
    """Return swaps of groups in different splits that are neighbours by size."""
    by_size = window[np.argsort(problem.sizes[window], kind="stable")]
    pairs = [(by_size[:-k], by_size[k:]) for k in range(1, _NEIGHBOURS + 1) if k < len(by_size)]
    if not pairs:
        return _Changes(by_size[:0], by_size[:0], by_size[:0])
    group, other = (np.concatenate(side) for side in zip(*pairs, strict=True))
    free = problem.leaves(where)
    alike = problem.cells[group] == problem.cells[other]
    fits = (where[group] != where[other]) & (alike | (free[group] & free[other]))
    return _Changes(group[fits], other[fits], where[other[fits]])


@dataclass(frozen=True)
class _Changes:
    """Change `i` brings `group[i]` into split `to[i]` and, unless it is -1, `other[i]` back."""

    group: Ints
    other: Ints
    to: Ints

    def shift(self, values: Floats) -> Floats:
        """Return what changes sides: `values` (groups, n) to (changes, n)."""
        back = np.where((self.other >= 0)[:, None], values[np.maximum(self.other, 0)], 0.0)
        moved: Floats = values[self.group] - back
        return moved


@dataclass(frozen=True)
class _State:
    """What each split holds, and what a change would cost."""

    problem: _Problem
    where: Ints
    held: Floats
    """(splits, 1)"""
    strata: list[Floats]
    """Per stratified column (splits, values)."""

    @classmethod
    def of(cls, problem: _Problem, where: Ints) -> _State:
        def total(matrix: Floats) -> Floats:
            sums = np.zeros((len(problem.ratios), matrix.shape[1]))
            np.add.at(sums, where, matrix)
            return sums

        held = total(problem.sizes[:, None])
        return cls(problem, where, held, [total(m) for m in problem.strata])

    def best(self, changes: _Changes) -> list[tuple[int, int]]:
        """Return the change that lowers the cost most, as (group, new split); empty: none does."""
        if not len(changes.group):
            return []
        held = self._after(changes, self.held, self.problem.sizes[:, None])
        strata = [
            self._after(changes, sums, matrix)
            for sums, matrix in zip(self.strata, self.problem.strata, strict=True)
        ]
        costs = self._cost(held, strata)
        now = self._cost(self.held[None], [s[None] for s in self.strata])[0]
        i = int(np.argmin(costs))
        if costs[i] > now - _ENOUGH:
            return []
        group, other = int(changes.group[i]), int(changes.other[i])
        back = [(other, int(self.where[group]))] if other >= 0 else []
        return [(group, int(changes.to[i])), *back]

    def _after(self, changes: _Changes, sums: Floats, values: Floats) -> Floats:
        """Return the sums (changes, splits, n) after each change."""
        shift = changes.shift(values)
        after = np.repeat(sums[None], len(shift), axis=0)
        rows = np.arange(len(shift))
        after[rows, self.where[changes.group]] -= shift
        after[rows, changes.to] += shift
        return after

    def _cost(self, held: Floats, strata: list[Floats]) -> Floats:
        """Return the cost of each state: `held` is (states, splits, 1)."""
        cost = 3 * _worst(np.abs(held[..., 0] - self.problem.ratios))
        if strata:
            distances = [
                0.5 * np.abs(sums / held - matrix.sum(axis=0)).sum(axis=-1)
                for sums, matrix in zip(strata, self.problem.strata, strict=True)
            ]
            cost = cost + _worst(np.mean(distances, axis=0))
        return cost


def _worst(deviations: Floats) -> Floats:
    """Return the largest deviation over the splits, and a little of the mean."""
    worst: Floats = deviations.max(axis=-1) + _SLACK * deviations.mean(axis=-1)
    return worst
