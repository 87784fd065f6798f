"""Train, validation and test: groups stay whole, sizes and strata come out as asked."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Literal, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pydantic import Field, field_validator, model_validator

from sftdata.chance import fraction
from sftdata.errors import ConfigError, ContractError
from sftdata.part import VERDICTS, Decision
from sftdata.stages.decisions.folds import folds
from sftdata.stages.decisions.split_frozen import Earlier
from sftdata.stages.decisions.split_ood import OutOfDistribution, attributes
from sftdata.stages.decisions.split_rows import Rows, stratum
from sftdata.stages.decisions.split_search import Problem, solve
from sftdata.stages.decisions.split_time import SPAN_FIELDS, Periods, days, spans
from sftdata.text import estimate_tokens

__all__ = ["QUARANTINE", "Split"]

QUARANTINE = "quarantine"
"""The verdict on a document that may stand in no split: it leaves, and its reason is kept."""

_ORDER = (r"train", r"val|dev", r"(?!test|holdout)", r"test|holdout")
"""Beginnings of split names, weakest first; names that begin alike stand as written."""


class Split(Decision):
    """Assign every group (company, patient) to one split.

    `balanced`: groups, largest first, go where most is missing; then groups are moved or swapped
    as long as the cost falls (see `split_search.solve`). `hash`: a group's split depends on seed
    and group id alone, so that it stays where it is when documents are added; sizes then vary by
    chance. `temporal`: documents are divided by date, train strictly before validation strictly
    before test; companies then stand on both sides, which the audit says. `group_temporal`:
    groups are divided as well, and of each group only the documents of its split's period stay.

    Every split with a ratio above 0 gets at least one group, and in balanced mode at least one of
    each stratum (combination of `stratify` values) that has as many groups as there are splits:
    five large companies beside hundreds of small patients are still tested. With few groups,
    shares are as near to the ratios as whole groups allow.

    Verdict: the split, or `quarantine`. Reason: the mode, `frozen`, `ood`, or why the document
    leaves: `undated`, `embargo`, `spans_cut` (a vague date), `outside_period`, `ood_sibling`,
    `ood_not_chosen`, `ood_in_frozen_group`, `touches_two_splits`. `because_of`: the group, the
    date, the period, or the earlier groups. With `folds`, a column `fold` follows.
    """

    ratios: dict[str, float] = Field(
        default_factory=lambda: {"train": 0.8, "validation": 0.1, "test": 0.1}
    )
    """Share of each split, by `weight`. The order in time is train, validation, others, test."""
    seed: int = 0
    stratify: tuple[str, ...] = ("domain", "locale", "kind")
    """What should be alike in every split: `domain`, `kind`, `locale`, `year`,
    `metadata:<kind>`."""
    mode: Literal["balanced", "hash", "temporal", "group_temporal"] = "balanced"
    weight: Literal["documents", "characters", "tokens", "facts", "groups"] = "characters"
    """What a group's size is: documents, characters of text, estimated tokens, facts that stand
    in the text; or `groups`, where each counts as one."""
    dates: tuple[str, ...] = Field(default=("published", "period_end", "date"), min_length=1)
    """Where a document's date is looked up, first found first: `published` or kinds of metadata.
    Filing and period end are months apart: name one where a corpus has both."""
    cutoffs: dict[str, date] = Field(default_factory=dict)
    """First day of each split but the first, for the two temporal modes; without it the days are
    chosen so that the ratios come out."""
    embargo_days: int = Field(default=0, ge=0)
    """Days before each cut whose documents leave, for the two temporal modes."""
    undated: Literal["error", "quarantine"] = "error"
    """What becomes of documents without a date in the two temporal modes."""
    ood: OutOfDistribution | None = None
    """A second test split of what train never shows: an industry, a specialty, a source."""
    frozen: Path | None = None
    """An earlier build, or its `lineage/groups.parquet`: its groups stay in their splits and new
    ones fill up the ratios."""
    folds: int | None = Field(default=None, ge=2)
    """Also number the groups of all splits but the test ones for k-fold cross-validation."""

    @field_validator("ratios")
    @classmethod
    def _ratios_add_up(cls, ratios: dict[str, float]) -> dict[str, float]:
        for name, ratio in ratios.items():
            if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
                raise ConfigError(f"ratios: {name!r} is no split name; use lower-case letters")
            if name in (QUARANTINE, "drop", "keep"):
                raise ConfigError(f"ratios: {name!r} is a verdict; choose another split name")
            if not 0 <= ratio <= 1:
                raise ConfigError(f"ratios.{name} is {ratio}; it must lie between 0 and 1")
        total = math.fsum(ratios.values())
        if abs(total - 1) > 1e-6:
            raise ConfigError(f"ratios add up to {total:g}; they must add up to 1")
        return ratios

    @field_validator("stratify")
    @classmethod
    def _strata_are_known(cls, stratify: tuple[str, ...]) -> tuple[str, ...]:
        for name in stratify:
            if not re.fullmatch(r"domain|kind|locale|year|metadata:\S+", name):
                raise ConfigError(
                    f"stratify: {name!r} is not one of domain, kind, locale, year, metadata:<kind>"
                )
        return stratify

    @model_validator(mode="after")
    def _settings_fit_the_mode(self) -> Self:
        if self._timed:
            for name in ("frozen", "folds"):
                if getattr(self, name) is not None:
                    raise ConfigError(
                        f"{name} needs mode balanced or hash; mode {self.mode} is kept by its "
                        "dates: set cutoffs"
                    )
        elif self.cutoffs or self.embargo_days:
            raise ConfigError("cutoffs and embargo_days need mode temporal or group_temporal")
        if self.ood and self.ood.name in self.ratios:
            raise ConfigError(f"ood.name {self.ood.name!r} is a split of ratios; choose another")
        later = list(self._used())[1:]
        if self.cutoffs and sorted(self.cutoffs) != sorted(later):
            raise ConfigError(f"cutoffs: name the first day of {', '.join(later)} and no other")
        first_days = [self.cutoffs[s] for s in later] if self.cutoffs else []
        if any(a >= b for a, b in pairwise(first_days)):
            raise ConfigError(f"cutoffs must rise in the order {', '.join(later)}")
        return self

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits that documents may come to, weakest first: what *purge* goes by.

        >>> Split(ood={"by": "kind", "values": ["8-K"]}).splits
        ('train', 'validation', 'test', 'test_ood')
        """
        return (*self._used(), *([self.ood.name] if self.ood else []))

    @property
    def _timed(self) -> bool:
        return self.mode in ("temporal", "group_temporal")

    def _used(self) -> dict[str, float]:
        """Return the ratios above 0, in an order that does not depend on how they are written."""
        place = {s: next(i for i, p in enumerate(_ORDER) if re.match(p, s)) for s in self.ratios}
        ordered = sorted(self.ratios, key=lambda s: place[s])
        return {s: self.ratios[s] for s in ordered if self.ratios[s] > 0}

    def keys(self, batch: pa.Table) -> pa.Table:
        """Return `id`, `group`, `weight`, the strata, and what mode and `ood` need."""
        when = spans(batch, self.dates) if self._timed or "year" in self.stratify else []
        fields = [VERDICTS.field("id"), ("group", pa.string()), ("weight", pa.float64())]
        columns = [batch.column("document_id"), batch.column("group"), self._weights(batch)]
        for name in self.stratify:
            fields.append((name, pa.string()))
            columns.append(pa.array(stratum(batch, name, when), pa.string()))
        if self._timed:
            fields += SPAN_FIELDS
            columns += [pa.array([s and s[end] for s in when], pa.date32()) for end in (0, 1)]
        if self.ood:
            fields.append(("ood", pa.list_(pa.string())))
            columns.append(pa.array(attributes(batch, self.ood.by), pa.list_(pa.string())))
        return pa.table(columns, schema=pa.schema(fields))

    def _weights(self, batch: pa.Table) -> pa.Array:
        if self.weight in ("documents", "groups"):
            return pa.array([1.0] * batch.num_rows, pa.float64())
        if self.weight == "facts":
            rows = batch.column("facts").to_pylist()
            located = [sum(f["start"] is not None for f in facts) for facts in rows]
            return pa.array(located, pa.float64())
        if self.weight == "tokens":
            texts = batch.column("text").to_pylist()
            return pa.array([estimate_tokens(t) for t in texts], pa.float64())
        return pc.utf8_length(batch.column("text")).cast(pa.float64())

    def decide(self, keys: pa.Table) -> pa.Table:
        """Return the split of every document.

        Args:
            keys: as `keys` gives them; with `frozen` also a column `keys`: those that *link*
                shows for each document.

        Raises:
            ConfigError: a split would stay empty, a date is missing, nothing matches `ood`, or
                the earlier build cannot be used.
            ContractError: a document has no group; *link* comes first.
        """
        rows = Rows.of(keys.sort_by("id"), by_group=self.weight == "groups")
        if rows.ids:
            earlier = self._keep_earlier(rows)
            self._hold_out(rows, earlier)
            divide = {"temporal": self._by_time, "group_temporal": self._by_group_and_time}
            divide.get(self.mode, self._by_group)(rows)
        return self._with_folds(rows)

    def _keep_earlier(self, rows: Rows) -> frozenset[str]:
        """Place what an earlier build has placed; return the ids that it knew."""
        if self.frozen is None:
            return frozenset()
        if "keys" not in rows.table.column_names:
            raise ContractError("split.frozen: decide needs the column 'keys' of link's verdicts")
        earlier = Earlier.load(self.frozen, self.splits)
        known = rows.table.column("keys").to_pylist()
        for i, kept in earlier.place(rows.ids, rows.groups, known, self.splits).items():
            rows.put(i, kept.split or QUARANTINE, kept.reason, kept.because_of)
        return frozenset(earlier.by_document)

    def _hold_out(self, rows: Rows, earlier: frozenset[str]) -> None:
        """Place what is out of distribution; an earlier document stays where it was."""
        if self.ood is None:
            return
        ood, values = self.ood, rows.table.column("ood").to_pylist()
        for i, split in enumerate(rows.verdicts):
            if split in ("", QUARANTINE) or rows.ids[i] in earlier:
                continue
            hit = ood.matches(values[i])
            if hit and split != ood.name:
                rows.put(i, QUARANTINE, "ood_in_frozen_group", rows.groups[i])
            elif not hit and split == ood.name and ood.siblings == "quarantine":
                rows.put(i, QUARANTINE, "ood_sibling", rows.groups[i])
        free = rows.open()
        if ood.name in rows.verdicts and not any(ood.matches(values[i]) for i in free):
            return
        placed = ood.place([rows.groups[i] for i in free], [values[i] for i in free], self.seed)
        for place, (held_out, reason) in placed.items():
            i = free[place]
            rows.put(i, ood.name if held_out else QUARANTINE, reason, rows.groups[i])

    def _by_group(self, rows: Rows) -> None:
        """Give whole groups to splits, by search or by hash."""
        free, used = rows.open(), self._used()
        names = sorted({rows.groups[i] for i in free})
        kept = [i for i, split in enumerate(rows.verdicts) if split in used]
        bare = [s for s in used if s not in {rows.verdicts[i] for i in kept}]
        if len(names) < len(bare):
            raise ConfigError(_too_few_groups(len(names), bare, rows))
        split_of = self._by_hash(names) if self.mode == "hash" else self._search(rows, free, kept)
        for i in free:
            rows.put(i, split_of[rows.groups[i]], self.mode, rows.groups[i])
        counts = Counter(split_of.values())
        empty = [s for s in bare if not counts[s]]
        if empty:
            found = ", ".join(f"{s} {counts[s]}" for s in used)
            raise ConfigError(
                f"split: mode {self.mode} gave {empty[0]} none of {len(names)} groups ({found}); "
                "use mode balanced, another seed, or more groups"
            )

    def _by_hash(self, names: Sequence[str]) -> dict[str, str]:
        used = self._used()
        edges, labels = np.cumsum(list(used.values())), list(used)
        edges[-1] = 1.0
        places = (fraction(self.seed, "split", name) for name in names)
        found = [labels[int(np.searchsorted(edges, place, "right"))] for place in places]
        return dict(zip(names, found, strict=True))

    def _search(self, rows: Rows, free: Sequence[int], kept: Sequence[int]) -> dict[str, str]:
        if not free:
            return {}
        used = self._used()
        labels, every = list(used), [*kept, *free]
        problem = Problem.of(
            [rows.groups[i] for i in every],
            rows.weights[every],
            list(used.values()),
            strata=rows.strata(self.stratify, every),
            fixed={rows.groups[i]: labels.index(rows.verdicts[i]) for i in kept},
        )
        return {g: labels[s] for g, s in solve(problem, seed=self.seed).items()}

    def _by_time(self, rows: Rows) -> None:
        """Give documents to splits by their date."""
        labels = list(self._used())
        free, earliest, latest = self._dated(rows)
        periods = self._periods(earliest, rows.weights[free], list(self._used().values()))
        inside, why = periods.place(earliest, latest)
        for i, split, reason, day in zip(free, inside, why, earliest.tolist(), strict=True):
            when = date.fromordinal(day).isoformat()
            verdict = labels[split] if split >= 0 else QUARANTINE
            rows.put(i, verdict, reason or self.mode, when)
        self._need_every_split(rows, periods)

    def _by_group_and_time(self, rows: Rows) -> None:
        """Give groups to splits, and take of each the documents of its split's period.

        What stays of a split is about its share of groups times its share of time, so both are
        cut by the square roots of the ratios.
        """
        used = self._used()
        labels = list(used)
        free, earliest, latest = self._dated(rows)
        roots = np.sqrt(list(used.values()))
        periods = self._periods(earliest, rows.weights[free], list(roots / roots.sum()))
        inside, why = periods.place(earliest, latest)
        groups = [rows.groups[i] for i in free]
        if len(set(groups)) < len(used):
            raise ConfigError(_too_few_groups(len(set(groups)), labels, rows))
        strata = rows.strata(self.stratify, free)
        problem = Problem.of(
            groups, rows.weights[free], list(used.values()), strata=strata, windows=inside
        )
        where = solve(problem, seed=self.seed)
        for place, i in enumerate(free):
            split, group = where[groups[place]], groups[place]
            if inside[place] == split:
                rows.put(i, labels[split], self.mode, group)
            else:
                because = f"{group} is in {labels[split]}: {periods.words(split)}"
                rows.put(i, QUARANTINE, why[place] or "outside_period", because)
        self._need_every_split(rows, periods)

    def _dated(self, rows: Rows) -> tuple[list[int], NDArray[np.int64], NDArray[np.int64]]:
        """Return the open rows that have a date, and its first and last day."""
        first, last = (rows.table.column(f.name).to_pylist() for f in SPAN_FIELDS)
        free = rows.open()
        undated = [i for i in free if first[i] is None]
        dated = [i for i in free if first[i] is not None]
        if undated and (self.undated == "error" or not dated):
            raise ConfigError(
                f"split: {len(undated)} of {len(free)} documents have no date "
                f"({', '.join(self.dates)}), the first is {rows.ids[undated[0]]!r}; name another "
                "source in split.dates, set split.undated to quarantine, or use mode balanced"
            )
        for i in undated:
            rows.put(i, QUARANTINE, "undated", rows.groups[i])
        return dated, days([first[i] for i in dated]), days([last[i] for i in dated])

    def _periods(
        self, earliest: NDArray[np.int64], weights: NDArray[np.float64], ratios: list[float]
    ) -> Periods:
        if self.cutoffs:
            starts = days([self.cutoffs[s] for s in list(self._used())[1:]])
            return Periods(starts, self.embargo_days)
        return Periods.cut(earliest, weights, ratios, self.embargo_days)

    def _need_every_split(self, rows: Rows, periods: Periods) -> None:
        counts = Counter(rows.verdicts)
        for number, split in enumerate(self._used()):
            if not counts[split]:
                raise ConfigError(
                    f"split: mode {self.mode} leaves no document for {split} "
                    f"({periods.words(number)}; quarantined: {_lost(rows)}); set other cutoffs, a "
                    "smaller embargo_days, or add documents of that time"
                )

    def _with_folds(self, rows: Rows) -> pa.Table:
        """Return the verdicts, and the fold of each document that may be trained on."""
        columns = [rows.ids, rows.verdicts, rows.reasons, rows.because]
        table = pa.table([pa.array(c, pa.string()) for c in columns], schema=VERDICTS)
        if self.folds is None:
            return table
        own = [s for s in self._used() if not re.match(_ORDER[-1], s)] or list(self._used())
        some = [i for i, split in enumerate(rows.verdicts) if split in own]
        numbers: list[int | None] = [None] * len(rows.ids)
        if some:
            found = folds(
                [rows.groups[i] for i in some],
                rows.weights[some].tolist(),
                self.folds,
                seed=self.seed,
                strata=rows.strata(self.stratify, some),
            )
            for i, fold in zip(some, found, strict=True):
                numbers[i] = fold
        return table.append_column("fold", pa.array(numbers, pa.int64()))


def _too_few_groups(found: int, splits: Sequence[str], rows: Rows) -> str:
    gone = _lost(rows)
    return (
        f"split: {found} group(s) found, {len(splits)} needed, one for each of "
        f"{', '.join(splits)}. Add documents of other companies or patients, set a ratio "
        "to 0, or link by document" + (f" (quarantined: {gone})" if gone != "none" else "")
    )


def _lost(rows: Rows) -> str:
    """Say how many documents have left so far, by reason."""
    pairs = zip(rows.verdicts, rows.reasons, strict=True)
    reasons = Counter(reason for verdict, reason in pairs if verdict == QUARANTINE)
    return ", ".join(f"{reason} {n}" for reason, n in sorted(reasons.items())) or "none"
