"""Read documents into memory, outside a build: to look at facts, or to use them elsewhere."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from sftdata import registry
from sftdata.errors import ConfigError
from sftdata.result import Documents
from sftdata.stages.files import list_files
from sftdata.stages.read import Read
from sftdata.stages.unpack import documents, rejects, unique_ids
from sftdata.types import DOCUMENTS, REJECTS, Reject, from_table

__all__ = ["read"]


def read(
    files: str | Path | Iterable[str | Path],
    *,
    reader: str = "",
    domain: str = "",
    options: Mapping[str, Any] | None = None,
) -> Documents:
    """Read files into documents, with sections, facts and keys.

    Args:
        files: glob patterns, files or folders (all that is in them), relative to the current
            folder or absolute.
        reader: name of the reader; empty: each file's format is detected.
        domain: `finance` or `medical`; empty: what the reader says.
        options: settings of the reader that is named.

    Returns:
        The documents, in the order of their paths. What could not be read stands in `.rejects`,
        with the reason: one bad file never stops the others.

    Raises:
        ConfigError: a pattern matches no file, or no such reader.

    >>> import sftdata
    >>> sftdata.read("no/such/*.htm")
    Traceback (most recent call last):
    ...
    sftdata.errors.ConfigError: the folder of documents 'no/such' does not exist
    """
    if reader:
        registry.readers.get(reader)
    elif options:
        raise ConfigError("options: name the reader whose settings they are")
    patterns = [files] if isinstance(files, str | Path) else list(files)
    tables, lost = [DOCUMENTS.empty_table()], [REJECTS.empty_table()]
    seen: set[Path] = set()
    for pattern in patterns:
        root, inside = _split(str(pattern))
        stage = Read(root=root, options={reader: dict(options)} if options else {})
        listed = list_files([inside], root, reader=reader, domain=domain)
        for number, name in enumerate(listed.column("path").to_pylist()):
            if (file := (root / name).resolve()) in seen:
                continue
            seen.add(file)
            rows = stage(listed.slice(number, 1))
            tables.append(_as_given(documents(rows), root))
            lost.append(_paths(rejects(rows), root))
    table = unique_ids(pa.concat_tables(tables))
    return Documents(table, tuple(from_table(pa.concat_tables(lost), Reject)))


def _split(pattern: str) -> tuple[Path, str]:
    """Cut a pattern into the folder that it starts from and the rest, which may hold wildcards.

    >>> _split("filings/2024/*.htm")
    (PosixPath('filings/2024'), '*.htm')
    >>> _split("*.htm")
    (PosixPath('.'), '*.htm')
    """
    path = Path(pattern)
    if path.is_dir():
        return path, "**/*"
    if path.is_file():
        return path.parent, glob.escape(path.name)
    parts = path.parts
    wild = next((i for i, part in enumerate(parts) if glob.has_magic(part)), len(parts) - 1)
    return Path(*parts[:wild]), os.path.join(*parts[wild:]) if parts else pattern  # noqa: PTH118


def _as_given(table: pa.Table, root: Path) -> pa.Table:
    """Let the sources name their files as the caller would."""
    number = table.schema.get_field_index("source")
    source = table.column(number).combine_chunks()
    inner = _paths(pa.Table.from_arrays(source.flatten(), schema=pa.schema(source.type)), root)
    arrays = [column.combine_chunks() for column in inner.columns]
    struct = pa.StructArray.from_arrays(arrays, fields=list(source.type))
    return table.set_column(number, table.schema.field(number), struct)


def _paths(table: pa.Table, root: Path) -> pa.Table:
    number = table.schema.get_field_index("path")
    named = [(root / name).as_posix() for name in table.column(number).to_pylist()]
    return table.set_column(number, table.schema.field(number), pa.array(named, pa.string()))
