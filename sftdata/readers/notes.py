"""Plain clinical notes as documents: CSV and TSV tables, JSON lines, and single text files.

Known tables: MIMIC-III NOTEEVENTS, MIMIC-IV-Note, MTSamples (line breaks restored); any other
table with a text column. English and Chinese records.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from sftdata.errors import SourceError
from sftdata.part import Reader
from sftdata.readers.clinical_sections import find_sections
from sftdata.readers.clinical_text import canonical, locale_of
from sftdata.readers.notes_facts import note_facts
from sftdata.readers.notes_layout import looks_flattened, restore_lines
from sftdata.readers.notes_rows import Columns, Row, columns_of, read_all, rows
from sftdata.types import Document, Key, Reject, Source

__all__ = ["NotesReader"]

_CLINICAL = re.compile(
    r"\b(?:patient|diagnos[ei]s|history of present illness|chief complaint|medications|allergies|"
    r"physical exam|blood pressure|discharge|admitted)\b|主诉|现病史|既往史|体格检查|诊断|患者",
    re.IGNORECASE,
)
_DATE = re.compile(r"^(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})(?!\d)")
_TABLES = (".csv", ".tsv", ".jsonl")


@dataclass(frozen=True, slots=True)
class _Meta:
    """What a row says about its note besides the text."""

    note_id: str
    patient: str = ""
    when: str | None = None
    title: str = ""
    metadata: tuple[Key, ...] = ()


class NotesReader(Reader):
    r"""Reads notes from `.csv`, `.tsv`, `.jsonl` (one note a record) and `.txt` (one note a file).

    >>> NotesReader.sniff(Path("n.csv"), b"note_id,subject_id,charttime,text\n")
    0.8
    """

    name: ClassVar[str] = "notes"
    suffixes: ClassVar[tuple[str, ...]] = (".csv", ".tsv", ".txt", ".jsonl")

    text_column: str = ""
    """Column that holds the note; empty: found by its name."""
    id_column: str = ""
    """Column that names the note; empty: found by its name, else the row number."""
    patient_column: str = ""
    """Column that names the patient; empty: found by its name. Without one there is no key."""
    locale: Literal["auto", "en", "zh"] = "auto"
    """Language of the notes; `auto` looks at each note."""
    max_chars: int = Field(default=5_000_000, gt=0)
    """The longest line, field or text file, in characters; a longer one is an error."""

    @classmethod
    def sniff(cls, path: Path, head: bytes) -> float:
        """Return 0.8 for a table with a text column, 0.6 or 0.3 for a clinical or plain text."""
        if not head.strip() or (b"\0" in head and not head.startswith((b"\xff\xfe", b"\xfe\xff"))):
            return 0.0
        if head.startswith((b"PK\x03\x04", b"%PDF", b"\x1f\x8b", b"<")):
            return 0.0
        text = _decode_head(head)
        suffix = path.suffix.lower()
        if suffix in _TABLES:
            return _sniff_table(text, suffix)
        if suffix != ".txt":
            return 0.0
        return 0.6 if len({m.lower() for m in _CLINICAL.findall(text)}) >= 2 else 0.3

    def read(self, path: Path) -> Iterator[Document | Reject]:
        """Yield one document per note, and a reject per unusable row.

        Raises:
            SourceError: `unreadable`, `binary_file`, `empty_file`, `empty_text`, `no_text_column`,
                `no_such_column`, `line_too_long`, `field_too_long`, `too_large`.
        """
        path = Path(path)
        source = Source(path=str(path), sha256=_digest(path), reader=self.name)
        seen: set[str] = set()
        if path.suffix.lower() not in _TABLES:
            text = canonical(read_all(path, self.max_chars))
            if not text.strip():
                raise SourceError("empty_text", "the file holds no text")
            yield self._document(text, _Meta(_slug(path.stem)), source, _slug(path.stem))
            return
        columns: Columns | None = None
        chosen = {"text": self.text_column, "id": self.id_column, "patient": self.patient_column}
        for row in rows(path, self.max_chars):
            if row.value is None:
                yield self._reject(source, row, row.reason)
                continue
            if columns is None or path.suffix.lower() == ".jsonl":
                columns = columns_of(list(row.value), chosen)
            yield self._row(row, row.value, columns, source, seen)

    def _reject(self, source: Source, row: Row, reason: str, detail: str = "") -> Reject:
        locator = f"row {row.number}"
        return Reject(
            path=source.path, locator=locator, reason=reason, detail=detail, reader=self.name
        )

    def _row(
        self, row: Row, value: Mapping[str, object], columns: Columns, source: Source,
        seen: set[str],
    ) -> Document | Reject:  # fmt: skip
        if columns.get(value, "error").strip() in ("1", "1.0", "true", "True"):
            return self._reject(source, row, "entered_in_error")
        raw = columns.get(value, "text")
        if columns.dataset == "mtsamples" and looks_flattened(raw):
            raw = restore_lines(raw)
        text = canonical(raw)
        if not text.strip():
            return self._reject(source, row, "empty_text")
        meta = _meta(row, value, columns)
        stem = columns.dataset or _slug(Path(source.path).stem)
        document_id = f"{stem}-{meta.note_id}"
        if document_id in seen:
            document_id = f"{document_id}-{source.sha256[:8]}-row-{row.number}"
        seen.add(document_id)
        return self._document(text, meta, source, document_id)

    def _document(self, text: str, meta: _Meta, source: Source, document_id: str) -> Document:
        locale = locale_of(text) if self.locale == "auto" else self.locale
        sections = find_sections(text, locale)
        facts = note_facts(
            text, sections, document_id, entity=meta.patient or None, period=meta.when
        )
        header = sections[0].title if sections else ""
        return Document(
            document_id=document_id,
            source=source,
            domain="medicine",
            locale=locale,
            title=meta.title or header or document_id,
            published=meta.when,
            text=text,
            kind="clinical_note",
            sections=sections,
            facts=facts,
            keys=(Key(kind="patient", value=meta.patient),) if meta.patient else (),
            metadata=meta.metadata,
        )


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise SourceError("unreadable", error.strerror or type(error).__name__) from error


def _slug(name: str) -> str:
    return re.sub(r"[^\w.\-]+", "-", name).strip("-")[:80] or "note"


def _plain(value: str, limit: int = 300) -> str:
    return " ".join(canonical(value).split())[:limit]


def _published(value: str) -> str | None:
    match = _DATE.match(value.strip())
    if not match:
        return None
    try:
        return date(int(match[1]), int(match[2]), int(match[3])).isoformat()
    except ValueError:
        return None


def _meta(row: Row, value: Mapping[str, object], columns: Columns) -> _Meta:
    known = [(k, _plain(columns.get(value, k))) for k in ("specialty", "description", "keywords")]
    note_id = _slug(_plain(columns.get(value, "id"))) if columns.get(value, "id").strip() else ""
    title = _plain(columns.get(value, "title"), 200)
    return _Meta(
        note_id=note_id or f"row-{row.number}",
        patient=_plain(columns.get(value, "patient"), 120),
        when=_published(columns.get(value, "date")),
        title=title,
        metadata=tuple(Key(kind=k, value=v) for k, v in [("title", title), *known] if v),
    )


def _decode_head(head: bytes) -> str:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return head.decode("utf-16", errors="ignore")
    try:
        return head[:-4].decode("utf-8-sig") if len(head) > 1000 else head.decode("utf-8-sig")
    except UnicodeDecodeError:
        return head.decode("gb18030", errors="ignore")


def _sniff_table(text: str, suffix: str) -> float:
    first = text.lstrip().partition("\n")[0].strip()
    if suffix == ".jsonl":
        try:
            value = json.loads(first)
        except (ValueError, RecursionError):
            return 0.0
        header = list(value) if isinstance(value, dict) else []
        if "resourceType" in header:
            return 0.0
    else:
        header = [c.strip(' "') for c in first.split("\t" if suffix == ".tsv" else ",")]
    try:
        columns_of(header, {})
    except SourceError:
        return 0.1
    return 0.8
