"""Golden examples of a family: small documents in `examples.yaml`, and what is made of them.

A document is written out by hand, with its facts named by what stands in the text, so that a
reader of the file can check every expectation with the eyes; or it is a file that a reader reads.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BeforeValidator, Field, ValidationError, model_validator

from sftdata.errors import FamilyError
from sftdata.part import Part
from sftdata.text import sentences
from sftdata.types import Document, Fact, Key, Section, Source

__all__ = [
    "Case",
    "ExampleDocument",
    "ExampleFact",
    "ExampleSection",
    "Expect",
    "Expected",
    "OtherPassage",
    "read_cases",
    "to_document",
]


def _as_text(value: object) -> object:
    """Let YAML's own dates and numbers stand for what is written."""
    return value if value is None or isinstance(value, str | dict | list) else str(value)


Text = Annotated[str, BeforeValidator(_as_text)]
Named = dict[str, Text]


class ExampleFact(Part):
    """A fact of a written-out document; its place is found by what the text says."""

    name: str
    """Qualified name: `us-gaap:Revenues`, `loinc:8480-6`."""
    as_reported: Text
    """The value as the text prints it: this is searched for."""
    row: str = ""
    """Words of the line in which it stands; empty: the whole text is searched."""
    occurrence: int = Field(default=1, ge=1)
    """Which one, when it stands there more than once."""
    value: Text | None = None
    """Normalised value; by default `as_reported`."""
    label: str = ""
    """What the document calls it; by default the first cell of the table row."""
    kind: str = "numeric"
    """`numeric`, `text`, `date`, `boolean`, `code`, `text_block`."""
    unit: str | None = None
    """`USD`, `USD/shares`, `mg/dL`."""
    scale: int = 0
    """For numbers whose `value` is not given: power of ten of the printed digits."""
    decimals: Text | None = None
    period: Text | None = None
    """`2024-01-01/2024-12-31` (duration) or `2024-12-31` (instant)."""
    dimensions: Named = Field(default_factory=dict)
    """Axis → member."""
    attributes: Named = Field(default_factory=dict)
    """More than the table's place and column heading, which are found in the text."""
    source: str = ""
    """By default the document's `source`."""


class ExampleSection(Part):
    """A section of a written-out document."""

    kind: str
    """Standard name: `item_7`, `statement_income`, `medications`."""
    title: str
    level: int = 1
    """1 is the highest."""
    begins: str = ""
    """The words it begins with; by default its title."""
    ends: str = ""
    """The words before which it ends; by default the next section of its level, or the end."""


class ExampleDocument(Part):
    """A document: a `file` beside `examples.yaml` with its `reader`, or written out."""

    file: str = ""
    """A document in the family's folder, read as in a build; `reader` and `pick` go with it."""
    reader: str = ""
    """Name of the file's reader: `ixbrl`, `fhir`, `notes`."""
    pick: str = ""
    """Which document of the file, by id; empty: the first."""
    id: str = "example"
    domain: str = ""
    """By default that of the family."""
    kind: str = ""
    """Document type: `10-K`, `visit_note`."""
    locale: str = "en"
    """Language of the document."""
    title: str = ""
    """What stands over its passages in a prompt."""
    published: Text | None = None
    """ISO date."""
    source: str = ""
    """Where facts come from: `ixbrl`, `fhir`, `note`."""
    entity: Text | None = None
    """Whose facts they are: a CIK, a patient."""
    text_origin: str = "source"
    """`source`, or `rendered` for text that is written out from structured data."""
    keys: Named = Field(default_factory=dict)
    """Kind of key → value: `cik`, `company_name`, `patient`."""
    metadata: Named = Field(default_factory=dict)
    """What a reader would say of it: `entity_name`, `fiscal_year`, `period_end`."""
    text: str = ""
    """The whole text; tables as lines of `| a | b |`."""
    sections: tuple[ExampleSection, ...] = ()
    facts: tuple[ExampleFact, ...] = ()

    @model_validator(mode="after")
    def _one_of_two(self) -> ExampleDocument:
        if bool(self.file) == bool(self.text.strip()):
            raise ValueError("give either `file:` or `text:`")
        return self


class Expected(Part):
    """One sample as it must be."""

    question: str
    completion: Any
    """What the model learns to say: text, or a mapping where it is JSON."""
    reason: str | None = None
    """Refusals: why there is no answer."""
    evidence: tuple[str, ...] = ()
    """The quotes that the answer rests on."""
    twin: Any = None
    """Refusals: what the answerable twin says."""


class Expect(Part):
    """The outcome of a case: the whole prompt of the first sample, and every sample."""

    system: str
    user: str
    samples: tuple[Expected, ...]


class OtherPassage(Part):
    """A passage of another document, which may serve as a distractor."""

    heading: str = ""
    text: str


class Case(Part):
    """One entry of `examples.yaml`."""

    name: str
    """What the case shows, in a few words."""
    locale: str = "en"
    """Language of the prompt."""
    document: ExampleDocument
    """The document, or the name of one in a folder `_documents`, which other families use too."""
    most: int = Field(default=3, ge=1)
    """Samples that are written down, in the order of their evidence."""
    seed: int = 0
    entities: tuple[str, ...] = ()
    """Names of others, for questions about somebody else."""
    others: tuple[OtherPassage, ...] = ()
    nothing: str = ""
    """For a document of which no sample may be made: why. Such a case has no `expect`."""
    expect: Expect | None = None
    """Written by `sftdata families check --update`, read by a person."""

    @model_validator(mode="after")
    def _nothing_or_something(self) -> Case:
        if self.nothing and self.expect:
            raise ValueError("give either `nothing:` or `expect:`")
        return self


def read_cases(file: Path) -> list[Case]:
    """Read `examples.yaml`.

    Raises:
        FamilyError: the file cannot be read; the message names file, case and field.
    """
    data = _parsed(file)
    if not isinstance(data, list) or not data:
        raise FamilyError(f"{file}: expected a list of cases")
    cases = []
    for number, entry in enumerate(data, 1):
        try:
            cases.append(Case.model_validate(_with_document(entry, file, number)))
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(p) for p in first["loc"])
            raise FamilyError(f"{file}: case {number}: {place}: {first['msg']}") from None
    return cases


def _parsed(file: Path) -> Any:
    try:
        return yaml.safe_load(file.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise FamilyError(f"{file}{line}: {getattr(error, 'problem', error)}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise FamilyError(f"{file}: cannot be read: {type(error).__name__}") from None


def _with_document(entry: Any, file: Path, number: int) -> Any:
    """Put a shared document in the place of its name."""
    name = entry.get("document") if isinstance(entry, dict) else None
    if not isinstance(name, str):
        return entry
    return entry | {"document": _parsed(_shared(file, name, f"{file}: case {number}: document"))}


_NAME = re.compile(r"\w+")
_LEVELS_UP = 2
"""Folders above a family's own that may hold its documents: its domain's, and that of all."""


def _shared(file: Path, name: str, where: str) -> Path:
    """Return the document of this name in the nearest folder `_documents`."""
    above = [file.parent, *file.parent.parents[:_LEVELS_UP]]
    found = [path for folder in above if (path := folder / "_documents" / f"{name}.yaml").is_file()]
    if not _NAME.fullmatch(name) or not found:
        raise FamilyError(f"{where}: there is no _documents/{name}.yaml in this or a folder above")
    return found[0]


def to_document(spec: ExampleDocument, domain: str, where: str) -> Document:
    """Make the document of a written-out example; every span is found in its text.

    Raises:
        FamilyError: something that the example names does not stand in the text.
    """
    text = spec.text.strip("\n")
    facts = tuple(_fact(f, spec, text, f"{where}: facts.{i}") for i, f in enumerate(spec.facts))
    return Document(
        document_id=spec.id,
        source=Source(path="examples.yaml", sha256="", reader=spec.source),
        domain=spec.domain or domain,
        locale=spec.locale,
        title=spec.title,
        published=spec.published,
        text=text,
        kind=spec.kind,
        sections=_sections(spec.sections, text, where),
        facts=facts,
        keys=_keys(spec.keys),
        metadata=_keys(spec.metadata),
        text_origin=spec.text_origin,
        group=spec.id,
        split="train",
    )


def _keys(named: Named) -> tuple[Key, ...]:
    return tuple(Key(kind=kind, value=value) for kind, value in named.items())


def _sections(specs: tuple[ExampleSection, ...], text: str, where: str) -> tuple[Section, ...]:
    starts = []
    at = 0
    for spec in specs:
        at = _find(text, spec.begins or spec.title, at, f"{where}: section {spec.kind}")
        starts.append(at)
    sections = []
    for number, (spec, start) in enumerate(zip(specs, starts, strict=True)):
        later = zip(specs[number + 1 :], starts[number + 1 :], strict=True)
        end = next((s for other, s in later if other.level <= spec.level), len(text))
        if spec.ends:
            end = _find(text, spec.ends, start, f"{where}: section {spec.kind}")
        end = start + len(text[start:end].rstrip())
        sections.append(
            Section(title=spec.title, kind=spec.kind, level=spec.level, start=start, end=end)
        )
    return tuple(sections)


def _find(text: str, words: str, start: int, where: str) -> int:
    at = text.find(words, start)
    if at < 0:
        raise FamilyError(f"{where}: {words!r} does not stand in the text (in this order)")
    return at


def _fact(spec: ExampleFact, doc: ExampleDocument, text: str, where: str) -> Fact:
    start, end = _place(spec, text, where)
    row, label, found = _surroundings(text, start, end)
    value = spec.value if spec.value is not None else spec.as_reported
    number = None
    if spec.kind == "numeric":
        value, number = _number(spec, value, where)
    return Fact(
        fact_id=f"{doc.id}-{start}",
        name=spec.name,
        label=spec.label or label,
        kind=spec.kind,
        value=value,
        as_reported=spec.as_reported,
        number=number,
        unit=spec.unit,
        scale=spec.scale,
        decimals=spec.decimals,
        period=spec.period,
        entity=doc.entity,
        dimensions=_keys(spec.dimensions),
        start=start,
        end=end,
        row_start=row[0],
        row_end=row[1],
        source=spec.source or doc.source,
        attributes=_keys({**found, **spec.attributes}),
    )


def _place(spec: ExampleFact, text: str, where: str) -> tuple[int, int]:
    low, high = 0, len(text)
    if spec.row:
        at = _find(text, spec.row, 0, where)
        low, high = _line(text, at)
    found = [m.span() for m in _whole(spec.as_reported).finditer(text, low, high)]
    if len(found) < spec.occurrence:
        raise FamilyError(
            f"{where}: {spec.as_reported!r} stands {len(found)} times"
            + (f" in the line of {spec.row!r}" if spec.row else " in the text")
            + f"; occurrence {spec.occurrence} is asked for"
        )
    return found[spec.occurrence - 1]


def _whole(words: str) -> re.Pattern[str]:
    """Return a pattern of a value that is not part of a longer number or word: 88 in `88mmHg`."""
    after = ""
    if words[-1:].isdigit():
        after = r"(?!\d|[.,]\d)"
    elif words[-1:].isascii():
        after = r"(?![A-Za-z])"
    return re.compile(rf"(?<![0-9A-Za-z.,]){re.escape(words)}{after}")


def _number(spec: ExampleFact, value: str, where: str) -> tuple[str, Decimal]:
    """Return the normalised value; what is printed is scaled, what is given is taken as it is."""
    plain = value.replace(",", "").replace("，", "")
    try:
        number = Decimal(plain)
    except InvalidOperation:
        raise FamilyError(f"{where}: {value!r} is not a number; give `value:`") from None
    if spec.value is None:
        number = number.scaleb(spec.scale)
    return format(number, "f"), number


def _line(text: str, at: int) -> tuple[int, int]:
    start = text.rfind("\n", 0, at) + 1
    end = text.find("\n", at)
    return start, len(text) if end < 0 else end


def _surroundings(text: str, start: int, end: int) -> tuple[tuple[int, int], str, Named]:
    """Return the row or sentence, the row's label, and the place and heading in its table."""
    low, high = _line(text, start)
    if not text.startswith("|", low):
        around = [s for s in sentences(text, low, high) if s[0] <= start and end <= s[1]]
        return (around[0] if around else (low, high)), "", {}
    first, last = low, high
    while first and text.startswith("|", above := _line(text, first - 1)[0]):
        first = above
    while last < len(text) and text.startswith("|", last + 1):
        last = _line(text, last + 1)[1]
    column = text.count("|", low, start) - 1
    heads = _cells(text[slice(*_line(text, first))])
    found = {"table_start": str(first), "table_end": str(last)}
    if first < low and column < len(heads) and heads[column]:
        found["column"] = heads[column]
    cells = _cells(text[low:high])
    return (low, high), cells[0] if cells else "", found


def _cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip().strip("|").split("|")]
