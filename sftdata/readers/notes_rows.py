"""Rows of note files with bounded memory: encodings, CSV/TSV/JSONL records, column names."""

from __future__ import annotations

import codecs
import csv
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from sftdata.errors import SourceError

__all__ = ["Columns", "Row", "columns_of", "detect_encoding", "read_all", "rows"]

_COLUMNS: dict[str, tuple[str, ...]] = {
    "text": ("text", "note_text", "transcription", "note", "report_text", "content", "body",
             "section_text", "clinical_note", "病历", "病历内容", "病历文本",
             "文本", "正文", "内容"),
    "id": ("note_id", "row_id", "id", "doc_id", "document_id", "encounter_id", "编号", "序号"),
    "patient": ("subject_id", "patient_id", "patient", "person_id", "mrn",
                "患者id", "病人id", "患者编号"),
    "date": ("charttime", "chartdate", "chart_date", "note_date", "date_of_service",
             "service_date", "visit_date", "encounter_date", "date",
             "日期", "记录日期", "就诊日期", "病历日期"),
    "specialty": ("medical_specialty", "specialty", "category", "note_type", "department", "科室"),
    "title": ("sample_name", "title", "标题"),
    "description": ("description", "描述"),
    "error": ("iserror",),
    "keywords": ("keywords", "关键词"),
}  # fmt: skip
_PAIRS = re.compile(rb"[\xa1-\xfe][\xa1-\xfe]")
_HIGH = re.compile(rb"[\x80-\xff]")
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Columns:
    """Which column holds what, and which data set the header is known to be from."""

    names: Mapping[str, str]
    dataset: str = ""

    def get(self, row: Mapping[str, Any], field: str) -> str:
        """Return the row's value of a field as text, or empty."""
        value = row.get(self.names.get(field, ""))
        return value if isinstance(value, str) else "" if value is None else str(value)


@dataclass(frozen=True, slots=True)
class Row:
    """One record, or (`value is None`) the reason why it cannot be used."""

    number: int
    value: Mapping[str, Any] | None
    reason: str = ""


def columns_of(header: list[str], chosen: Mapping[str, str]) -> Columns:
    """Match a header to fields: columns named by the user first, then by known names.

    Raises:
        SourceError: `no_text_column`, or a chosen column is not in the file.

    >>> columns_of(["ROW_ID", "SUBJECT_ID", "ISERROR", "TEXT"], {}).dataset
    'mimic-iii'
    """
    held = {name.strip().lower(): name for name in header if isinstance(name, str)}
    names: dict[str, str] = {}
    for field, known in _COLUMNS.items():
        if chosen.get(field):
            if chosen[field] not in header:
                raise SourceError("no_such_column", f"{field}_column is not in the file's header")
            names[field] = chosen[field]
            continue
        found = next((held[k] for k in known if k in held), None)
        if found is not None:
            names[field] = found
    if "text" not in names:
        raise SourceError("no_text_column", "name the column that holds the note: text_column")
    return Columns(names, _dataset(set(held)))


def _dataset(held: set[str]) -> str:
    if {"transcription", "medical_specialty", "sample_name"} <= held:
        return "mtsamples"
    if {"subject_id", "iserror", "text"} <= held:
        return "mimic-iii"
    if {"note_id", "subject_id", "charttime", "text"} <= held:
        return "mimic-iv"
    return ""


def detect_encoding(path: Path) -> str:
    """Return the encoding of a text file: a byte order mark, UTF-8, GB18030, else cp1252.

    The file is read once in pieces. GB18030 is believed where at least nine in ten high bytes
    come in pairs as Chinese text has them; a stray cp1252 quotation mark does not.

    Raises:
        SourceError: `binary_file` (NUL bytes), `unreadable`.
    """
    try:
        with path.open("rb") as file:
            head = file.read(4)
            if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                return "utf-16"
            file.seek(0)
            return _scan(file)
    except OSError as error:
        raise SourceError("unreadable", error.strerror or type(error).__name__) from error


def _scan(file: Any) -> str:
    decoder = codecs.getincrementaldecoder("utf-8")()
    utf8, high, paired = True, 0, 0
    while chunk := file.read(_CHUNK):
        if b"\0" in chunk:
            raise SourceError("binary_file", "the file holds NUL bytes")
        if utf8:
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError:
                utf8 = False
        high += len(_HIGH.findall(chunk))
        paired += 2 * len(_PAIRS.findall(chunk))
    if utf8:
        try:
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            utf8 = False
    if utf8:
        return "utf-8-sig"
    return "gb18030" if paired >= 0.9 * high else "cp1252"


def _lines(file: TextIO, limit: int) -> Iterator[str]:
    while line := file.readline(limit + 1):
        if len(line) > limit:
            raise SourceError("line_too_long", f"a line has more than {limit} characters")
        yield line


def read_all(path: Path, limit: int) -> str:
    """Return a whole text file of at most `limit` characters.

    Raises:
        SourceError: `too_large`, `binary_file`, `unreadable`.
    """
    encoding = detect_encoding(path)
    with path.open(encoding=encoding, errors="replace", newline="") as file:
        text = file.read(limit + 1)
    if len(text) > limit:
        raise SourceError("too_large", f"more than {limit} characters (max_chars)")
    return text


def rows(path: Path, limit: int) -> Iterator[Row]:
    """Yield the records of a `.csv`, `.tsv` or `.jsonl` file; no line is held beyond `limit`.

    Raises:
        SourceError: `line_too_long`, `field_too_long`, `binary_file`, `empty_file`, `unreadable`.
    """
    encoding = detect_encoding(path)
    with path.open(encoding=encoding, errors="replace", newline="") as file:
        if path.suffix.lower() == ".jsonl":
            yield from _jsonl(file, limit)
        else:
            yield from _table(file, limit, "\t" if path.suffix.lower() == ".tsv" else ",")


def _jsonl(file: TextIO, limit: int) -> Iterator[Row]:
    found = False
    for number, line in enumerate(_lines(file, limit), start=1):
        if not line.strip():
            continue
        found = True
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            yield Row(number, None, "invalid_json")
            continue
        yield (
            Row(number, value, "")
            if isinstance(value, dict)
            else Row(number, None, "not_an_object")
        )
    if not found:
        raise SourceError("empty_file", "the file has no record")


def _table(file: TextIO, limit: int, delimiter: str) -> Iterator[Row]:
    reader = csv.reader(_lines(file, limit), delimiter=delimiter)
    header = _next(reader, limit)
    if not header:
        raise SourceError("empty_file", "the file has no header")
    number = 0
    while (cells := _next(reader, limit)) is not None:
        if not any(cells):
            continue
        number += 1
        if len(cells) > len(header):
            yield Row(number, None, "too_many_cells")
            continue
        cells += [""] * (len(header) - len(cells))
        yield Row(number, dict(zip(header, cells, strict=True)))


def _next(reader: Any, limit: int) -> list[str] | None:
    """Return the next record; the csv module's limit is process-wide, so it is put back."""
    before = csv.field_size_limit(limit)
    try:
        return next(reader, None)
    except csv.Error as error:
        raise SourceError("field_too_long", f"near line {reader.line_num}") from error
    finally:
        csv.field_size_limit(before)
