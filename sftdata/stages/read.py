"""Files become documents: find the reader, read, check the law, and keep a reason for each loss.

One bad file never stops a run: whatever goes wrong inside a file becomes a row of rejects. Only
what is wrong with the configuration is an error.
"""

from __future__ import annotations

import os
import stat
import traceback
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
from pydantic import Field, ValidationError, field_validator

from sftdata import registry
from sftdata.errors import ConfigError, ContractError, SourceError
from sftdata.part import Reader, Stage
from sftdata.types import DOCUMENTS, REJECTS, Document, Fact, Reject, to_table

__all__ = ["Read"]

HEAD_BYTES = 64 * 1024
SURE_ENOUGH = 0.2

_DOCUMENT = pa.struct(list(DOCUMENTS))
_REJECT = pa.struct(list(REJECTS))


class Read(Stage):
    """Read files into documents and rejects; one output row per file.

    The input has the columns `path`, `sha256`, `reader` and, if there is one, `domain`: see
    `list_files` in `sftdata.stages.files`. `document_ids` names the documents of the row once
    more, so that ids can be looked at without loading texts. `sftdata.stages.unpack` takes the
    rows apart.

    Reject reasons made here: `not_found`, `not_a_file`, `outside_root`, `unreadable`,
    `empty_file`, `file_too_large`, `file_changed`, `unknown_format`, `no_documents`,
    `duplicate_id`, `reader_error`, `contract_violation`. Readers add their own.
    """

    output: ClassVar[pa.Schema] = pa.schema(
        [
            pa.field("path", pa.string(), nullable=False),
            pa.field("document_ids", pa.list_(pa.field("item", pa.string(), False)), False),
            pa.field("documents", pa.list_(pa.field("item", _DOCUMENT, False)), False),
            pa.field("rejects", pa.list_(pa.field("item", _REJECT, False)), False),
        ]
    )

    root: Path = Field(exclude=True)
    """Folder that the paths are relative to. Not part of a step's key: contents count, by hash."""
    options: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """Settings of readers, by reader name."""
    max_file_bytes: int = Field(default=512 * 1024 * 1024, gt=0)
    """Larger files are rejected: a parsed file takes several times its size in memory."""

    @field_validator("options")
    @classmethod
    def _options_fit(cls, options: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        for name, settings in options.items():
            _make_reader(name, settings)
        return options

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Return one row per file.

        Raises:
            ConfigError: a reader that is named does not exist.
        """
        rows = [self._read_file(row) for row in batch.to_pylist()]
        read = pa.concat_tables([r.documents for r in rows] or [to_table([], Document)])
        lost = to_table((reject for r in rows for reject in r.rejects), Reject)
        offsets = _offsets(r.documents.num_rows for r in rows)
        columns = [
            pa.array([r.path for r in rows], pa.string()),
            pa.ListArray.from_arrays(
                offsets,
                read.column("document_id").combine_chunks(),
                type=self.output.field("document_ids").type,
            ),
            pa.ListArray.from_arrays(
                offsets, _structs(read), type=self.output.field("documents").type
            ),
            pa.ListArray.from_arrays(
                _offsets(len(r.rejects) for r in rows),
                _structs(lost),
                type=self.output.field("rejects").type,
            ),
        ]
        return pa.Table.from_arrays(columns, schema=self.output)

    def _read_file(self, row: dict[str, str]) -> _FileRows:
        path = row["path"]
        result = _FileRows(path=path, documents=to_table([], Document), rejects=[])
        file = self.root / path
        reader: Reader | None = None
        try:
            _check_file(file, self.root, self.max_file_bytes)
            name = row["reader"] or _detect(file)
            reader = _make_reader(name, self.options.get(name, {}))
            result.documents = self._documents(reader, file, row, result.rejects)
            if not result.documents.num_rows and not result.rejects:
                raise SourceError("no_documents", "the reader found nothing in the file")
        except SourceError as error:
            result.rejects.append(
                Reject(
                    path=path,
                    locator="",
                    reason=error.reason,
                    detail=error.detail,
                    reader=reader.name if reader else "",
                )
            )
        return result

    def _documents(
        self, reader: Reader, file: Path, row: dict[str, str], lost: list[Reject]
    ) -> pa.Table:
        """Return the documents of a file that keep the law; the others go to `lost`."""
        tables, seen = [to_table([], Document)], set()
        for item in _safely(reader, file):
            if isinstance(item, Reject):
                lost.append(replace(item, path=row["path"], reader=item.reader or reader.name))
                continue
            reason, detail, table = _accept(item, row, reader.name)
            if table is not None and item.document_id in seen:
                reason, detail, table = "duplicate_id", "the file has this document id twice", None
            if table is None:
                locator = item.document_id if isinstance(item.document_id, str) else ""
                lost.append(
                    Reject(
                        path=row["path"],
                        locator=locator.encode("utf-8", "replace").decode(),
                        reason=reason,
                        detail=detail,
                        reader=reader.name,
                    )
                )
                continue
            seen.add(item.document_id)
            tables.append(table)
        return pa.concat_tables(tables).combine_chunks()


@dataclass
class _FileRows:
    path: str
    documents: pa.Table
    rejects: list[Reject]


def _check_file(file: Path, root: Path, limit: int) -> None:
    """Raise SourceError for whatever cannot or must not be opened."""
    try:
        if not file.resolve().is_relative_to(root.resolve()):
            raise SourceError("outside_root", "the path or a link in it leads out of the root")
        info = file.stat()
    except FileNotFoundError:
        raise SourceError("not_found", "no such file, or a link to nothing") from None
    except (OSError, RuntimeError) as error:
        raise SourceError("unreadable", type(error).__name__) from error
    if not stat.S_ISREG(info.st_mode):
        raise SourceError("not_a_file", "a folder, pipe or device")
    if info.st_size == 0:
        raise SourceError("empty_file", "the file has no bytes")
    if info.st_size > limit:
        raise SourceError("file_too_large", f"{info.st_size} bytes; the limit is {limit}")
    if not os.access(file, os.R_OK):
        raise SourceError("unreadable", "permission denied")


def _detect(file: Path) -> str:
    """Return the name of the reader that is surest of this file."""
    try:
        with file.open("rb") as stream:
            head = stream.read(HEAD_BYTES)
    except OSError as error:
        raise SourceError("unreadable", type(error).__name__) from error
    scores: list[tuple[float, str]] = []
    broken = ""
    for name in registry.readers.names():
        kind = registry.readers.get(name)
        try:
            scores.append((float(kind.sniff(file, head)), name))
        except Exception as error:  # noqa: BLE001 - one reader's bug must not hide the others
            broken = broken or f"{name}.sniff: {_place(error, kind)}"
    best, name = max(scores, key=lambda s: (s[0], [-ord(c) for c in s[1]]), default=(0.0, ""))
    if best >= SURE_ENOUGH:
        return name
    if broken:
        raise SourceError("reader_error", broken)
    raise SourceError("unknown_format", f"no reader knows this {file.suffix or 'nameless'} file")


def _make_reader(name: str, settings: dict[str, Any]) -> Reader:
    kind = registry.readers.get(name)
    try:
        reader: Reader = kind(**settings)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(p) for p in ("options", name, *first["loc"]))
        raise ConfigError(f"{where}: {first['msg']}") from error
    return reader


def _safely(reader: Reader, file: Path) -> Iterator[Document | Reject]:
    """Yield what the reader yields; an exception that is not a SourceError becomes a Reject.

    What was read before it stays. Class and place are told, never the exception's words: they
    may hold document text.
    """
    try:
        for item in reader.read(file):
            if not isinstance(item, Document | Reject):
                raise ContractError(f"{reader.name} yielded {type(item).__name__}")
            yield item
    except SourceError:
        raise
    except Exception as error:  # noqa: BLE001 - a hostile file may raise anything
        detail = _place(error, type(reader))
        yield Reject(path="", locator="", reason="reader_error", detail=detail, reader=reader.name)


def _place(error: Exception, kind: type) -> str:
    """Return `ValueError at sftdata.readers.fhir:120`: the last frame in ours or the plug-in's."""
    ours = {"sftdata", kind.__module__.partition(".")[0]}
    place = ""
    for frame, line in traceback.walk_tb(error.__traceback__):
        module = str(frame.f_globals.get("__name__", ""))
        if module.partition(".")[0] in ours and module != __name__:
            place = f" at {module}:{line}"
    return f"{type(error).__name__}{place}"


def _accept(
    document: Document, row: dict[str, str], reader: str
) -> tuple[str, str, pa.Table | None]:
    """Return the document as one row, or the reason and detail why it cannot be taken."""
    try:
        digest = document.source.sha256
        if digest and row["sha256"] and digest != row["sha256"]:
            return "file_changed", "the file is not the one that was listed; list it again", None
        broken = _broken_law(document)
        if broken:
            return "contract_violation", broken, None
        source = replace(
            document.source, path=row["path"], sha256=row["sha256"] or digest, reader=reader
        )
        document = replace(document, source=source, domain=row.get("domain") or document.domain)
        return "", "", to_table([document], Document)
    except (pa.ArrowException, ArithmeticError, AttributeError, TypeError, ValueError) as error:
        # A field of the wrong type, or text that is not Unicode (a lone surrogate).
        return "contract_violation", f"{type(error).__name__}: a field cannot be stored", None


def _broken_law(document: Document) -> str:
    """Say which law of `Document` is broken and where; empty when all hold. Never any text."""
    size = len(document.text)
    if not document.document_id.strip():
        return "document_id is empty"
    if not document.text.strip():
        return "text is empty"
    for number, section in enumerate(document.sections):
        if not 0 <= section.start <= section.end <= size:
            return f"sections[{number}]: span [{section.start}, {section.end}) of {size} characters"
    for number, key in enumerate(document.keys):
        if not key.kind.strip() or not key.value.strip():
            return f"keys[{number}]: kind or value is empty"
    for number, fact in enumerate(document.facts):
        broken = _broken_fact(fact, document.text)
        if broken:
            return f"facts[{number}]: {broken}"
    return ""


def _broken_fact(fact: Fact, text: str) -> str:
    for name, start, end in (
        ("span", fact.start, fact.end),
        ("row span", fact.row_start, fact.row_end),
    ):
        if start is None and end is None:
            continue
        if start is None or end is None or not 0 <= start <= end <= len(text):
            return f"{name} [{start}, {end}) of {len(text)} characters"
    if fact.start is not None and text[fact.start : fact.end] != fact.as_reported:
        return f"the text at [{fact.start}, {fact.end}) is not as_reported"
    return ""


def _offsets(lengths: Iterable[int]) -> pa.Array:
    offsets = [0]
    for length in lengths:
        offsets.append(offsets[-1] + length)
    return pa.array(offsets, pa.int32())


def _structs(table: pa.Table) -> pa.StructArray:
    arrays = [column.combine_chunks() for column in table.columns]
    return pa.StructArray.from_arrays(arrays, fields=list(table.schema))
