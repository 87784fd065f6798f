"""A second test set from elsewhere: an industry, a specialty, a kind of document, a source."""

from __future__ import annotations

import difflib
import fnmatch
import re
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Literal

import pyarrow as pa
from pydantic import Field, field_validator

from sftdata.chance import rank
from sftdata.errors import ConfigError
from sftdata.part import Part
from sftdata.text import normalise

__all__ = ["OutOfDistribution", "attributes"]

_COLUMNS = ("domain", "kind", "locale")
_NAMED = {
    "industry": ("sic", "sic_code", "industry"),
    "specialty": ("specialty", "medical_specialty"),
}
"""What readers call an attribute that goes by several names."""
_SIC = re.compile(r"(?<!\d)(\d{4})(?!\d)")
_DIVISIONS = (
    (range(1, 10), "agriculture"),
    (range(10, 15), "mining"),
    (range(15, 18), "construction"),
    (range(20, 40), "manufacturing"),
    (range(40, 50), "transportation and utilities"),
    (range(50, 52), "wholesale trade"),
    (range(52, 60), "retail trade"),
    (range(60, 68), "finance"),
    (range(70, 90), "services"),
    (range(91, 100), "public administration"),
)
"""Divisions of the Standard Industrial Classification (1987) by the first two digits."""


def attributes(batch: pa.Table, by: str) -> list[list[str]]:
    """Return what each document has of an attribute.

    Args:
        batch: rows of DOCUMENTS.
        by: `domain`, `kind` (or `document_type`), `locale`, `source` (the file's path),
            `industry` (SIC code, its words and its division), `specialty`, `metadata:<kind>` or
            `key:<kind>`.
    """
    by = "kind" if by == "document_type" else by
    if by in _NAMED:
        rows = [
            [pair["value"] for pair in row if pair["kind"] in _NAMED[by]]
            for row in batch.column("metadata").to_pylist()
        ]
        return [_industries(row) for row in rows] if by == "industry" else rows
    if by in _COLUMNS:
        return [[value] for value in batch.column(by).to_pylist()]
    if by == "source":
        return [[source["path"]] for source in batch.column("source").to_pylist()]
    where, _, kind = by.partition(":")
    column = "keys" if where == "key" else where
    pairs: list[list[dict[str, Any]]] = batch.column(column).to_pylist()
    return [[pair["value"] for pair in row if pair["kind"] == kind] for row in pairs]


def _industries(values: Sequence[str]) -> list[str]:
    """Return by what names an industry is asked for: as written, its code, words and division.

    >>> _industries(["ELECTRONIC COMPUTERS [3571]"])
    ['ELECTRONIC COMPUTERS [3571]', '3571', 'ELECTRONIC COMPUTERS', 'manufacturing']
    """
    found = list(values)
    for value in values:
        codes = _SIC.findall(value)
        found += codes
        words = _SIC.sub("", value).strip(" []()-")
        found += [words] if codes and words else []
        found += [name for code in codes for span, name in _DIVISIONS if int(code[:2]) in span]
    return list(dict.fromkeys(found))


class OutOfDistribution(Part):
    """Hold out what the model is to meet for the first time, as a split of its own.

    No document that matches is left in another split, and no group stands in two: of a group with
    matching documents those that do not match leave (`siblings: quarantine`) or come along
    (`siblings: hold_out`). With `share` below 1 only that share of the groups is held out, and of
    the others the matching documents leave: so a *kind* that every company has can be held out.
    """

    by: str = Field(
        pattern=r"^(domain|kind|document_type|locale|source|industry|specialty|"
        r"metadata:\S+|key:\S+)$"
    )
    """`domain`, `kind` (also `document_type`), `locale`, `source` (path as listed), `industry`
    (SIC code such as `3571` or `36*`, its words, or a division such as `finance`), `specialty`,
    `metadata:<kind>`, or `key:<kind>`."""
    values: tuple[str, ...] = Field(min_length=1)
    """Patterns (`*`, `?`, `[…]`) that a value must match; case and width do not matter."""
    name: str = Field(default="test_ood", pattern=r"^test_[a-z0-9_]+$")
    """Name of the split; it begins with `test_`, so that everybody takes it for held out."""
    share: float = Field(default=1.0, gt=0, le=1)
    """Share of the groups with matching documents that is held out."""
    siblings: Literal["quarantine", "hold_out"] = "quarantine"
    """What becomes of a held-out group's documents that do not match."""

    @field_validator("values")
    @classmethod
    def _not_everything(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        if not all(v.strip("*") for v in values):
            raise ConfigError("ood.values: a pattern that is empty or only '*' names nothing")
        return values

    def matches(self, values: Sequence[str]) -> bool:
        """Return whether a document with these values is meant."""
        known = [normalise(v) for v in values]
        patterns = [normalise(p) for p in self.values]
        return any(fnmatch.fnmatchcase(v, p) for v in known for p in patterns)

    def place(
        self, groups: Sequence[str], values: Sequence[Sequence[str]], seed: int
    ) -> dict[int, tuple[bool, str]]:
        """Return, for each row that is concerned, whether it is held out, and the reason.

        Rows that are not held out leave: they may stand in no split.

        Raises:
            ConfigError: nothing matches.
        """
        matching = [self.matches(v) for v in values]
        concerned = {g for g, hit in zip(groups, matching, strict=True) if hit}
        if not concerned:
            raise ConfigError(self._nothing(values))
        ranked = sorted(concerned, key=lambda g: (rank(seed, "ood", g), g))
        chosen = set(ranked[: max(1, round(self.share * len(ranked)))])
        found = {}
        for i, (group, hit) in enumerate(zip(groups, matching, strict=True)):
            if group in chosen:
                found[i] = (hit or self.siblings == "hold_out", "ood" if hit else "ood_sibling")
            elif hit:
                found[i] = (False, "ood_not_chosen")
        return found

    def _nothing(self, values: Sequence[Sequence[str]]) -> str:
        """Say what there is, but show no values that may come from a document's text."""
        counts: dict[str, int] = defaultdict(int)
        for row in values:
            for value in row:
                counts[value] += 1
        what = f"split.ood: no document matches {self.by} {', '.join(map(repr, self.values))}"
        if not counts:
            return f"{what}: none of {len(values)} documents has a {self.by}"
        if self.by not in _COLUMNS:
            return f"{what}; there are {len(counts)} other value(s)"
        near = difflib.get_close_matches(self.values[0], counts, n=1)
        hint = f"Did you mean {near[0]!r}? " if near else ""
        return f"{what}. {hint}There is: {', '.join(sorted(counts)[:12])}"
