"""What the cards of a dataset are made of: counts, summed up along the keys that readers ask."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict, Field

from sftdata.report import AuditReport

__all__ = ["KIND_ORDER", "SPLITS", "CardInputs", "Count", "LengthSummary", "Tally"]
__all__ += ["count_documents", "count_samples", "line", "summarise_lengths", "sums", "table"]

SPLITS = ("train", "validation", "test")
"""The splits that are published as files, in the order of the cards."""

KIND_ORDER = ("extraction", "writing", "evidence", "refusal")
"""The kinds of tasks, in the order of the cards."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Count(_Record):
    """A number of rows that share the values of some columns."""

    key: tuple[str, ...]
    rows: int


class LengthSummary(_Record):
    """Lengths of the samples, prompt and completion together, in tokens."""

    median: int
    p95: int
    longest: int
    estimated: bool
    """No tokenizer was configured."""
    over_limit: int = 0
    """Samples that are in the dataset though longer than the limit."""


class CardInputs(_Record):
    """What a card is made of. Counts come from `count_samples` and `count_documents`."""

    title: str
    description: str = ""
    license: str = "other"
    """An identifier that the hub knows, or `other`."""
    license_note: str = ""
    """What `other` means: whose terms the documents carry."""
    samples: tuple[Count, ...]
    """Keys: kind, split, locale, family, domain, text_origin."""
    documents: tuple[Count, ...] = ()
    """Keys: reader, domain, locale, split."""
    groups: dict[str, int] = Field(default_factory=dict)
    """Groups (companies, patients) per split."""
    linked_by: tuple[str, ...] = ()
    """What makes documents belong together: `company`, `patient`."""
    mixture: dict[str, float] = Field(default_factory=dict)
    """Share of each kind that was asked for."""
    removed: dict[str, int] = Field(default_factory=dict)
    """Reason → how many documents or samples left for it."""
    lengths: LengthSummary | None = None
    max_length: int | None = None
    template: str = ""
    template_lock: str = ""
    known_gaps: tuple[str, ...] = ()
    """What the maker knows to be missing; gaps that show in the counts are added."""
    audit: AuditReport | None = None
    generator: str = "sftdata"
    """Name and version of the program."""


_SAMPLE_KEYS = ("kind", "split", "locale", "family", "domain", "text_origin")


def count_samples(samples: pa.Table) -> tuple[Count, ...]:
    """Count SAMPLES by kind, split, locale, family, domain and text origin, sorted.

    >>> row = {k: ["x"] for k in ("kind", "split", "locale", "family", "domain", "text_origin")}
    >>> count_samples(pa.table(row))[0].rows
    1
    """
    return _counted(samples.select(list(_SAMPLE_KEYS)))


def count_documents(documents: pa.Table) -> tuple[Count, ...]:
    """Count DOCUMENTS by reader, domain, locale and split, sorted."""
    reader = pc.struct_field(documents["source"].combine_chunks(), "reader")
    columns = {name: documents[name] for name in ("domain", "locale", "split")}
    return _counted(pa.table({"reader": reader, **columns}))


def _counted(table: pa.Table) -> tuple[Count, ...]:
    names = table.column_names
    grouped = table.group_by(names).aggregate([([], "count_all")]).to_pylist()
    rows = (Count(key=tuple(r[n] for n in names), rows=r["count_all"]) for r in grouped)
    return tuple(sorted(rows, key=lambda count: count.key))


def summarise_lengths(samples: pa.Table) -> LengthSummary | None:
    """Summarise the token counts of SAMPLES; None where there are no rows."""
    if samples.num_rows == 0:
        return None
    total = pc.add(samples["prompt_tokens"], samples["completion_tokens"]).to_numpy()
    median, p95 = np.percentile(total, [50, 95], method="higher")
    return LengthSummary(
        median=int(median),
        p95=int(p95),
        longest=int(total.max()),
        estimated=bool(pc.any(samples["tokens_estimated"]).as_py()),
        over_limit=int(pc.sum(samples["over_length"]).as_py() or 0),
    )


class Tally:
    """The counts, summed up along one or more keys."""

    def __init__(self, inputs: CardInputs) -> None:
        self.inputs = inputs
        self.rows = sum(count.rows for count in inputs.samples)

    def by(self, *keys: str) -> dict[tuple[str, ...], int]:
        """Return rows by the values of these keys, sorted."""
        places = [_SAMPLE_KEYS.index(key) for key in keys]
        return sums(self.inputs.samples, places)

    def names(self, key: str) -> list[str]:
        """Return the values of one key, sorted."""
        return [name for (name,) in self.by(key)]

    @property
    def splits(self) -> list[str]:
        """The splits that have rows: the usual three in their order, then others."""
        found = self.names("split")
        return [s for s in SPLITS if s in found] + [s for s in found if s not in SPLITS]

    @property
    def kinds(self) -> list[str]:
        """The kinds of tasks that have rows."""
        found = self.names("kind")
        return [k for k in KIND_ORDER if k in found] + [k for k in found if k not in KIND_ORDER]

    @property
    def languages(self) -> list[str]:
        """The languages of the prompts, as the hub writes them."""
        return sorted({re.split(r"[-_]", name)[0].lower() for name in self.names("locale")} - {""})


def sums(counts: Iterable[Count], places: Sequence[int]) -> dict[tuple[str, ...], int]:
    """Sum rows up along some of the columns that were counted.

    >>> sums([Count(key=("a", "x"), rows=2), Count(key=("a", "y"), rows=3)], [0])
    {('a',): 5}
    """
    found: dict[tuple[str, ...], int] = {}
    for count in counts:
        key = tuple(count.key[place] for place in places)
        found[key] = found.get(key, 0) + count.rows
    return dict(sorted(found.items()))


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; cells stay in their cells whatever they hold."""
    lines = [f"| {' | '.join(map(line, head))} |", f"|{' --- |' * len(head)}"]
    return "\n".join(lines + [f"| {' | '.join(map(line, row))} |" for row in rows])


def line(text: str) -> str:
    """Put text on one line of Markdown, with nothing in it that would open a cell or a tag."""
    plain = " ".join(text.split())
    return plain.replace("|", "\\|").replace("<", "&lt;").replace("`", "'")
