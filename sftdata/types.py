"""The nouns of sftdata, and the Arrow schema derived from each.

One source: the dataclass. Parquet columns, JSON Schema and documentation follow from it, so a
field can never mean two things. Every span in the project is a `[start, end)` range of character
offsets into `Document.text`.
"""

from __future__ import annotations

import dataclasses
import types as pytypes
import typing
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any, TypeVar

import pyarrow as pa

__all__ = [
    "DOCUMENTS",
    "REJECTS",
    "SAMPLES",
    "Check",
    "Document",
    "Evidence",
    "Fact",
    "Key",
    "Message",
    "Passage",
    "Reject",
    "Sample",
    "Section",
    "Source",
    "from_table",
    "schema_of",
    "to_table",
]

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One name by which a document's company, patient or publication is known.

    Two documents that share a key belong together. `kind` is the namespace (`cik`, `ticker`,
    `company_name`, `former_name`, `patient`, `mrn`, `document`), `value` the normalised name.
    """

    kind: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a document came from: path as given, SHA-256 of the file, and the reader's name."""

    path: str
    sha256: str
    reader: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A titled part of a document. `kind` is the standard name (`item_7`, `medications`)."""

    title: str
    kind: str
    level: int
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One labelled value that the source's own structure carries: gold without a model.

    Law: `document.text[start:end] == as_reported`, and re-reading it (with `format`, `scale` and
    sign) gives `value`. A fact that is not visible in the text has `start is None`; it may serve
    as metadata, never as the target of a sample.
    """

    fact_id: str
    name: str
    """Qualified name: `us-gaap:Revenues`, `loinc:8480-6`, `rxnorm:860975`."""
    label: str
    """What the document itself calls it: the row label, the display name."""
    kind: str
    """`numeric`, `text`, `date`, `boolean`, `code`, `text_block`."""
    value: str | None
    """Normalised: plain decimal digits, ISO date, `true`/`false`, text. None: reported as nil."""
    as_reported: str = ""
    number: Decimal | None = None
    """`value` as a number, unscaled units (94036000000, not 94,036)."""
    unit: str | None = None
    """`USD`, `USD/shares`, `mg/dL` (UCUM)."""
    scale: int = 0
    """Power of ten by which the reported digits are multiplied."""
    decimals: str | None = None
    period: str | None = None
    """`2024-09-29/2025-06-28` (duration) or `2025-06-28` (instant). ISO 8601, end inclusive."""
    entity: str | None = None
    dimensions: tuple[Key, ...] = ()
    """Axis and member, for facts about a segment or class rather than the whole entity."""
    start: int | None = None
    end: int | None = None
    row_start: int | None = None
    row_end: int | None = None
    """The table row or sentence in which the fact stands: what a person would quote."""
    source: str = ""
    """What tagged it: `ixbrl`, `fhir`, `note`."""
    attributes: tuple[Key, ...] = ()
    """Further labelled detail: status, dose, route, table caption, column header."""

    def attribute(self, kind: str, default: str = "") -> str:
        """Return the first attribute of this kind.

        >>> Fact(fact_id="f", name="n", label="l", kind="code", value="v",
        ...      attributes=(Key(kind="dose", value="5 mg"),)).attribute("dose")
        '5 mg'
        """
        return next((a.value for a in self.attributes if a.kind == kind), default)


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One source document as it is trained on.

    `text` is the one canonical plain text (tables as pipe tables, reading order kept);
    `group` and `split` are empty until the decisions *link* and *split* have filled them.
    """

    document_id: str
    source: Source
    domain: str
    locale: str
    title: str
    published: str | None
    """ISO date."""
    text: str
    kind: str = ""
    """Document type: `10-K`, `10-Q`, `patient_chart`, `visit_note`, `clinical_note`."""
    sections: tuple[Section, ...] = ()
    facts: tuple[Fact, ...] = ()
    keys: tuple[Key, ...] = ()
    metadata: tuple[Key, ...] = ()
    text_origin: str = "source"
    """`source`: the text stands in the file; `rendered`: written out from structured data."""
    group: str = ""
    split: str = ""

    def meta(self, kind: str, default: str = "") -> str:
        """Return the first metadata value of this kind."""
        return next((m.value for m in self.metadata if m.kind == kind), default)

    def key_values(self, kind: str) -> tuple[str, ...]:
        """Return every key of this kind."""
        return tuple(k.value for k in self.keys if k.kind == kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject:
    """A source, or one record in it, that could not be used. `detail` never holds document text."""

    path: str
    locator: str
    """Where in the file: a row number, an entry index; empty for the whole file."""
    reason: str
    detail: str
    reader: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One chat turn; `role` is `system`, `user` or `assistant`."""

    role: str
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A span of a document that stands verbatim in a prompt."""

    document_id: str
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A span that supports the answer. Law: the document's `text[start:end] == quote`."""

    document_id: str
    start: int
    end: int
    quote: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """The outcome of one check on one sample; `detail` says what was compared."""

    name: str
    passed: bool
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One SFT sample: prompt and completion (TRL's own shape) with its whole lineage.

    `sample_id` is a hash of content and lineage, so order, engine and worker count cannot change
    it. Messages are the truth; a rendered string is a view that is made at the end.
    """

    sample_id: str
    family: str
    family_version: int
    kind: str
    domain: str
    locale: str
    split: str
    document_ids: tuple[str, ...]
    group: str
    prompt: tuple[Message, ...]
    completion: tuple[Message, ...]
    question: str
    """What is asked, without the context: with the answer it is the *task text*."""
    answer: str
    """JSON. For writing: `{"text": …}`."""
    answer_schema: str = ""
    """File under `schemas/` that `answer` satisfies; empty when there is none."""
    context: tuple[Passage, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    facts: tuple[str, ...] = ()
    """`entity|name|period|dimensions=value` of each fact that the answer states."""
    phrasing: str = ""
    """Which wording of the question was used, e.g. `en/2`."""
    twin_of: str | None = None
    """For refusals: the answerable sample that differs by its evidence only."""
    reason_code: str | None = None
    text_origin: str = "source"
    checks: tuple[Check, ...] = ()
    prompt_tokens: int = 0
    completion_tokens: int = 0
    tokens_estimated: bool = True
    over_length: bool = False


def _arrow_type(hint: Any) -> tuple[pa.DataType, bool]:
    """Return the Arrow type of a type hint and whether it may be null."""
    scalars = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
    if hint in scalars:
        return scalars[hint], False
    if hint is Decimal:
        return pa.string(), False
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, pytypes.UnionType):
        inner = next(a for a in args if a is not type(None))
        return _arrow_type(inner)[0], True
    if origin is tuple:
        item, nullable = _arrow_type(args[0])
        return pa.list_(pa.field("item", item, nullable)), False
    if dataclasses.is_dataclass(hint):
        return pa.struct(list(schema_of(typing.cast("type", hint)))), False
    raise TypeError(f"no Arrow type for {hint!r}")


@cache
def schema_of(cls: type) -> pa.Schema:
    """Derive the Arrow schema of a dataclass.

    >>> schema_of(Message).names
    ['role', 'content']
    """
    hints = typing.get_type_hints(cls)
    fields = []
    for field in dataclasses.fields(cls):
        arrow, nullable = _arrow_type(hints[field.name])
        fields.append(pa.field(field.name, arrow, nullable))
    return pa.schema(fields)


def _row(item: Any) -> Any:
    if dataclasses.is_dataclass(item):
        return {f.name: _row(getattr(item, f.name)) for f in dataclasses.fields(item)}
    if isinstance(item, tuple):
        return [_row(i) for i in item]
    if isinstance(item, Decimal):
        return format(item, "f")
    return item


def to_table(items: Iterable[Any], cls: type) -> pa.Table:
    """Turn dataclass instances into an Arrow table with the schema of `cls`.

    The schema is given, not inferred: an empty or all-null batch keeps its columns.
    """
    return pa.Table.from_pylist([_row(i) for i in items], schema=schema_of(cls))


@cache
def _hints(cls: type) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def _build(hint: Any, value: Any) -> Any:
    if value is None:
        return None
    if hint is Decimal:
        return Decimal(value)
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, pytypes.UnionType):
        return _build(next(a for a in args if a is not type(None)), value)
    if origin is tuple:
        return tuple(_build(args[0], v) for v in value)
    if dataclasses.is_dataclass(hint):
        return _from_row(typing.cast("type", hint), value)
    return value


def _from_row(cls: type[T], row: dict[str, Any]) -> T:
    hints = _hints(typing.cast("type", cls))
    return cls(**{name: _build(hints[name], row[name]) for name in hints if name in row})


def from_table(table: pa.Table, cls: type[T]) -> Iterator[T]:
    """Yield one `cls` per row; columns that `cls` does not have are ignored."""
    names = [n for n in schema_of(typing.cast("type", cls)).names if n in table.column_names]
    for batch in table.select(names).to_batches(max_chunksize=64):
        for row in batch.to_pylist():
            yield _from_row(cls, row)


DOCUMENTS: pa.Schema = schema_of(Document)
SAMPLES: pa.Schema = schema_of(Sample)
REJECTS: pa.Schema = schema_of(Reject)
