"""Files and lists of rows as Arrow tables: Parquet, JSON lines, JSON, CSV and Arrow."""

from __future__ import annotations

import csv
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from sftdata.errors import ConfigError, SourceError

__all__ = ["READABLE", "concat", "from_rows", "read_file"]

READABLE = (".parquet", ".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".arrow")
_BATCH = 4096


def concat(parts: list[pa.Table]) -> pa.Table:
    """Concatenate; a column whose types do not agree becomes JSON text."""
    try:
        return pa.concat_tables(parts, promote_options="permissive")
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        names = dict.fromkeys(n for p in parts for n in p.column_names)
        for name in names:
            kinds = {p.schema.field(name).type for p in parts if name in p.column_names}
            if len(kinds - {pa.null()}) > 1:
                parts = [_as_json(p, name) for p in parts]
        return pa.concat_tables(parts, promote_options="permissive")


def _as_json(table: pa.Table, name: str) -> pa.Table:
    if name not in table.column_names:
        return table
    column = _json_column(table.column(name).to_pylist())
    return table.set_column(table.column_names.index(name), name, column)


def _json_column(values: Sequence[Any]) -> pa.Array:
    dumped = [
        v if v is None or isinstance(v, str) else json.dumps(v, ensure_ascii=False, default=str)
        for v in values
    ]
    return pa.array(dumped, pa.string())


def read_file(path: Path) -> pa.Table:
    """Return the rows of a file.

    Raises:
        SourceError: it cannot be read.
        ConfigError: it is of no known kind.
    """
    suffix = path.suffix.lower()
    try:
        if suffix == ".parquet":
            return pq.read_table(path)
        if suffix in (".jsonl", ".ndjson"):
            return from_rows(_json_lines(path))
        if suffix == ".json":
            return from_rows(_json_array(path))
        if suffix in (".csv", ".tsv"):
            return _csv(path, "\t" if suffix == ".tsv" else ",")
        if suffix == ".arrow":
            return _arrow(path)
    except (pa.ArrowInvalid, UnicodeDecodeError) as error:
        raise SourceError("unreadable_dataset", f"{path}: {type(error).__name__}") from error
    raise ConfigError(f"dataset: {path} is none of {', '.join(READABLE)}")


def _arrow(path: Path) -> pa.Table:
    with pa.memory_map(str(path)) as source:
        try:
            return pa.ipc.open_stream(source).read_all()
        except pa.ArrowInvalid:
            source.seek(0)
            return pa.ipc.open_file(source).read_all()


def _csv(path: Path, delimiter: str) -> pa.Table:
    """Read every column as text: a key such as 000320193 must not lose its zeros."""
    with path.open(encoding="utf-8-sig", newline="") as handle:
        header = next(csv.reader(handle, delimiter=delimiter), [])
    return pacsv.read_csv(
        path,
        parse_options=pacsv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
        convert_options=pacsv.ConvertOptions(
            column_types=dict.fromkeys(header, pa.string()), strings_can_be_null=False
        ),
    )


def _json_lines(path: Path) -> Iterator[Any]:
    with path.open(encoding="utf-8-sig") as handle:
        for number, line in enumerate(handle, 1):
            if line.strip():
                yield _decode(line, path, f"line {number}")


def _json_array(path: Path) -> Iterator[Any]:
    data = _decode(path.read_text(encoding="utf-8-sig"), path, "the file")
    rows = data.get("data", data.get("rows")) if isinstance(data, dict) else data
    if not isinstance(rows, list):
        raise SourceError("unreadable_dataset", f"{path}: expected an array of objects")
    yield from rows


def _decode(text: str, path: Path, where: str) -> Any:
    try:
        return json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise SourceError("unreadable_dataset", f"{path}: {where} is not JSON") from error


def from_rows(rows: Iterator[Any]) -> pa.Table:
    """Return a table of mappings; a column of mixed types becomes JSON text."""
    parts = []
    while batch := list(itertools.islice(rows, _BATCH)):
        if not all(isinstance(row, Mapping) for row in batch):
            raise SourceError("unreadable_dataset", "a row is not an object with named fields")
        names = dict.fromkeys(str(n) for row in batch for n in row)
        parts.append(pa.table({n: _column([row.get(n) for row in batch]) for n in names}))
    return concat(parts) if parts else pa.table({})


def _column(values: list[Any]) -> pa.Array:
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError):
        return _json_column(values)
