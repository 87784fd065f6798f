"""What else is asked about in a split: so that a refusal asks for nothing that gives it away.

A question that cannot be answered here must be one that is answered elsewhere: about a company,
a figure and a time of which other prompts of the same split ask with an answer in their context.
Else a model learns which names, figures and years are never answered, not to look.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from sftdata.chance import fraction

__all__ = ["ALONE", "ASKED", "AskedOf", "Peers", "peers_of", "weighted"]

ASKED: pa.Schema = pa.schema(
    [
        pa.field("split", pa.string(), nullable=False),
        pa.field("domain", pa.string(), nullable=False),
        pa.field("locale", pa.string(), nullable=False),
        pa.field("group", pa.string(), nullable=False),
        pa.field("document_id", pa.string(), nullable=False),
        pa.field("family", pa.string(), nullable=False),
        pa.field("entity", pa.string(), nullable=False),
        pa.field("names", pa.list_(pa.string()), nullable=False),
        pa.field("periods", pa.list_(pa.string()), nullable=False),
        pa.field("rose", pa.int64(), nullable=False),
        pa.field("fell", pa.int64(), nullable=False),
    ]
)
"""One row per document and evidence family: what that family asks of the document."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedOf:
    """A row of `ASKED`."""

    split: str
    domain: str
    locale: str
    group: str
    document_id: str
    family: str
    entity: str
    names: tuple[str, ...]
    periods: tuple[str, ...]
    rose: int
    fell: int


Counts = Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Peers:
    """What one evidence family asks in one split, seen from one document."""

    known: bool = False
    """Whether the split has been looked at: a single document by itself has no peers."""
    entities: Counts = field(default_factory=dict)
    """Names of other groups' entities, in documents of the same language → documents."""
    names: Counts = field(default_factory=dict)
    """Qualified names of facts in other documents → questions."""
    own_periods: Counts = field(default_factory=dict)
    """Times in documents of the same group → questions."""
    periods: Counts = field(default_factory=dict)
    """Times in documents of the split → questions."""
    rising: float = 0.5
    """Share of rises among the changes that are asked about."""


ALONE = Peers()
"""What is known of other questions where only one document is at hand."""


def peers_of(
    rows: Iterable[AskedOf], *, group: str, document_id: str, locale: str
) -> dict[str, Peers]:
    """Return, by evidence family, what the split asks, seen from one document.

    Args:
        rows: what is asked in the document's own split (and fold) and domain; never of another.
        group: the document's group.
        document_id: the document.
        locale: its language: a name in another script would show that it is a stranger's.
    """
    by_family: dict[str, list[AskedOf]] = defaultdict(list)
    for row in rows:
        by_family[row.family].append(row)
    return {name: _seen(found, group, document_id, locale) for name, found in by_family.items()}


def _seen(rows: list[AskedOf], group: str, document_id: str, locale: str) -> Peers:
    others = [row for row in rows if row.document_id != document_id]
    strangers = [row for row in rows if row.group != group and row.locale == locale]
    rose, fell = sum(r.rose for r in rows), sum(r.fell for r in rows)
    return Peers(
        known=True,
        entities=Counter(row.entity for row in strangers if row.entity),
        names=Counter(name for row in others for name in row.names),
        own_periods=Counter(p for row in rows if row.group == group for p in row.periods),
        periods=Counter(p for row in rows for p in row.periods),
        rising=(rose + 1) / (rose + fell + 2),
    )


def weighted(counts: Counts, *seed: object) -> list[str]:
    """Return the keys in an order by hash in which what is counted more tends to come first.

    Each key draws `u^(1/w)`, the largest first (Efraimidis and Spirakis 2006): the first one is
    drawn with a chance in proportion to its count.

    >>> firsts = [weighted({"a": 3, "b": 1}, seed)[0] for seed in range(400)]
    >>> 0.7 < firsts.count("a") / 400 < 0.8
    True
    """
    drawn = {key: math.log(max(fraction(*seed, key), 1e-12)) / n for key, n in counts.items() if n}
    return sorted(drawn, key=lambda key: (-drawn[key], key))
