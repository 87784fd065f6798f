"""What a question asks for, and where a context speaks of it: labels, periods, sentences, rows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from sftdata.quantities import find_dates, period_texts
from sftdata.text import blocks, normalise, sentences
from sftdata.types import Check, Fact, Key

__all__ = [
    "YEAR",
    "Asked",
    "Unit",
    "labelled",
    "missing",
    "names_period",
    "names_time",
    "outcome",
    "pattern",
    "period_names",
    "units",
]

YEAR = re.compile(r"(?<!\d)(?:19|20)\d{2}(?!\d)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a question asks for, and how its absence came about.

    `method` is the reason code. Which fields a proof needs depends on it; one that lacks what it
    needs fails.
    """

    method: str
    values: tuple[str, ...] = ()
    """The answer as reported, in every form that is known."""
    numbers: tuple[Decimal, ...] = ()
    labels: tuple[str, ...] = ()
    """Names of what is asked for, aliases of both languages."""
    period: str | None = None
    period_texts: tuple[str, ...] = ()
    """Further texts that name the asked period: `fiscal 2024`."""
    names: tuple[str, ...] = ()
    """Qualified names of the asked facts: `us-gaap:Revenues`."""
    dimensions: tuple[Key, ...] = ()
    entity_aliases: tuple[str, ...] = ()
    facts_in_context: tuple[Fact, ...] = ()


@dataclass(frozen=True, slots=True)
class Unit:
    """A sentence or table row of the context, with what stands around it."""

    text: str
    key: str
    """Normalised, for the search of labels."""
    around: str
    """A table and its caption; the sentence itself in prose."""
    heading: bool
    """A line that is no sentence: what it names is told below it."""


def outcome(name: str, hits: Sequence[str], done: str) -> Check:
    """Return a check that passes without hits; its detail tells kinds of hits, never the text."""
    if hits:
        return Check(name=name, passed=False, detail=f"{len(hits)} found: {hits[0]}")
    return Check(name=name, passed=True, detail=done)


def missing(name: str, what: str) -> Check:
    """Return a failed check: what the proof needs was not given."""
    return Check(name=name, passed=False, detail=f"not proven: {what} not given")


@lru_cache(maxsize=256)
def units(context: str) -> tuple[Unit, ...]:
    """Cut a context into sentences and table rows; a table knows the paragraph before it."""
    found: list[Unit] = []
    caption = ""
    for block in blocks(context):
        text = context[block.start : block.end]
        for start, end in sentences(context, block.start, block.end):
            unit = context[start:end]
            table = block.kind == "table"
            heading = not table and unit[-1] not in ".。！!?？;；" and len(unit) <= 160
            around = f"{caption}\n{text}" if table else unit
            found.append(Unit(unit, normalise(unit), around, heading))
            caption = unit if not table else ""
    return tuple(found)


@lru_cache(maxsize=4096)
def pattern(label: str) -> re.Pattern[str]:
    """Compile a label: whole words with an optional plural in Latin script, anywhere in CJK."""
    key = re.escape(normalise(label))
    left = r"(?<![a-z0-9])" if key[:1].isascii() else ""
    right = r"(?:e?s)?(?![a-z0-9])" if key[-1:].isascii() else ""
    return re.compile(left + key + right)


def labelled(units: Sequence[Unit], labels: Sequence[str]) -> Iterator[Unit]:
    """Yield the sentences and rows in which a label stands."""
    patterns = [pattern(label) for label in labels if normalise(label)]
    return (unit for unit in units if any(p.search(unit.key) for p in patterns))


def period_names(asked: Asked) -> tuple[str, ...]:
    """Return every text that names the asked period, its year included."""
    texts = [*asked.period_texts, *(period_texts(asked.period) if asked.period else ())]
    years = [year for text in asked.period_texts for year in YEAR.findall(text)]
    short = [f"{mark}{year[2:]}" for year in years for mark in ("fy", "fy ", "'", "’")]
    return tuple(dict.fromkeys(t for t in [*texts, *years, *short] if t.strip()))


def names_period(text: str, asked: Asked) -> bool:
    """Say whether a text names the asked period, in any of its names or date forms."""
    key = normalise(text)
    if any(pattern(name).search(key) for name in period_names(asked)):
        return True
    days = {d.value for n in period_names(asked) for d in find_dates(n) if d.precision == "day"}
    return any(d.value in days for d in find_dates(text) if d.precision == "day")


def names_time(text: str) -> bool:
    """Say whether a text names any year or date."""
    return bool(YEAR.search(text) or find_dates(text))
