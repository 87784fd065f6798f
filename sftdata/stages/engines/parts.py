"""Parquet parts in a work folder: the form that both engines share, and how a run resumes.

One folder per step, `<step>-<key12>/part-00000.parquet`, one part per batch. A part appears under
its name when it is whole (written aside, then renamed), carries the full key of its step in its
metadata, and has page checksums: so a killed run leaves parts that can be taken as they are, and
a part that is half-written, damaged or of another step is made again.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import re
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from sftdata.errors import (
    ConfigError,
    ContractError,
    FamilyError,
    MissingExtraError,
    SftdataError,
)
from sftdata.part import Decision, Part, Stage, dump

__all__ = [
    "Parts",
    "Progress",
    "Task",
    "code_digest",
    "collect",
    "execute",
    "load",
    "map_parts",
]

Progress = Callable[[str, int, int], None]
"""Called with the step's name, the finished batches and all batches."""

_KEY = b"sftdata.key"
_STEP_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,60}")
_SOURCE_SUFFIXES = {".py", ".yaml", ".yml", ".j2", ".json", ".txt"}
_LIBRARIES = ("datasketch", "jinja2", "lxml", "numpy", "pandas", "pyarrow", "pydantic", "scipy")


@dataclass(frozen=True)
class Parts:
    """An ordered collection of batches on disk: what the engines hand out as `Data`."""

    folder: Path
    key: str
    """SHA-256 of all that these rows depend on."""
    counts: tuple[int, ...]
    """Rows of each batch. There is always at least one batch, so that columns are never lost."""

    @property
    def rows(self) -> int:
        """Number of rows."""
        return sum(self.counts)

    @property
    def paths(self) -> list[Path]:
        """The files, in order."""
        return [_part_path(self.folder, i) for i in range(len(self.counts))]

    def batches(self) -> Iterator[pa.Table]:
        """Yield the batches in order, one in memory at a time."""
        for path in self.paths:
            yield _read(path)


@dataclass(frozen=True)
class Task:
    """One batch of one step: what a worker is given."""

    part: Stage | Decision
    source: Path
    target: Path
    key: str
    step: str
    index: int


def code_digest(*folders: Path) -> str:
    """Return a SHA-256 of the code that rows depend on: give the package's and family folders.

    Counted are the contents and relative paths of source files (`.py .yaml .yml .j2 .json .txt`),
    the Python version and the versions of the libraries that read, cut or store. Why: a cache
    that does not know the code serves old rows after a fix.

    >>> from sftdata.resources import folder
    >>> code_digest(folder("schemas")) == code_digest(folder("schemas"))
    True
    """
    digest = hashlib.sha256(f"python {sys.version_info[:2]}".encode())
    for name in _LIBRARIES:
        digest.update(f"\x1f{name} {importlib.metadata.version(name)}".encode())
    for number, folder in enumerate(folders):
        if not folder.is_dir():
            raise ConfigError(f"cannot take the digest of {folder}: it is not a folder")
        for path in sorted(folder.rglob("*")):
            if path.suffix in _SOURCE_SUFFIXES and path.is_file():
                name = f"\x1f{number}/{path.relative_to(folder).as_posix()}\x1f"
                digest.update(name.encode("utf-8", "surrogateescape"))
                digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def load(work: Path, table: pa.Table, batch_rows: int) -> Parts:
    """Cut a table into parts of `batch_rows` rows; the key is a hash of the parts' bytes.

    An empty table makes one part without rows.
    """
    if batch_rows < 1:
        raise ConfigError(f"batch_rows is {batch_rows}; it must be at least 1")
    work.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="load-", suffix=".tmp", dir=work) as aside:
        digest, counts = hashlib.sha256(), []
        for index, start in enumerate(range(0, max(table.num_rows, 1), batch_rows)):
            batch = table.slice(start, batch_rows)
            path = _part_path(Path(aside), index)
            _write(batch, path, key="")
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
            counts.append(batch.num_rows)
        key = digest.hexdigest()
        parts = Parts(folder=work / f"load-{key[:12]}", key=key, counts=tuple(counts))
        parts.folder.mkdir(exist_ok=True)
        for path in parts.paths:
            (Path(aside) / path.name).replace(path)
    return parts


def map_parts(
    data: Parts,
    part: Stage | Decision,
    step: str,
    *,
    work: Path,
    code: str,
    run: Callable[[list[Task]], Iterable[tuple[int, int]]],
    progress: Progress | None,
) -> Parts:
    """Make every part of a step that is not there yet, and return them all.

    `run` is where the engines differ: it works the tasks off and yields (batch number, rows).
    """
    if not _STEP_NAME.fullmatch(step):
        raise ContractError(
            f"the step name {step!r} cannot be a folder name: use a-z, 0-9, _ and -"
        )
    key = _step_key(data, part, code)
    folder = work / f"{step}-{key[:12]}"
    folder.mkdir(parents=True, exist_ok=True)
    counts: dict[int, int] = {}
    tasks = []
    for index, source in enumerate(data.paths):
        target = _part_path(folder, index)
        rows = _finished(target, key)
        if rows is None:
            tasks.append(Task(part, source, target, key, step, index))
        else:
            counts[index] = rows
    total = len(data.counts)
    _tell(progress, step, len(counts), total)
    for index, rows in run(tasks):
        counts[index] = rows
        _tell(progress, step, len(counts), total)
    _remove_leftovers(folder)
    return Parts(folder=folder, key=key, counts=tuple(counts[i] for i in range(total)))


def execute(task: Task) -> int:
    """Make one part and return its number of rows.

    Raises:
        SftdataError: naming step and batch. A message of ours is repeated; of any other exception
            only class and place are told, because its words may hold document text.
    """
    try:
        batch = _read(task.source)
        if isinstance(task.part, Stage):
            result = _conform(task.part(batch), task.part.output, type(task.part).__name__)
        else:
            result = _table(task.part.keys(batch), f"{type(task.part).__name__}.keys")
        _write(result, task.target, task.key)
    except MissingExtraError:
        raise
    except Exception as error:
        raise _named(error, f"step {task.step!r}, batch {task.index}") from error
    return int(result.num_rows)


def collect(data: Parts, columns: Sequence[str] | None = None) -> pa.Table:
    """Bring columns of every batch into memory as one table, in order."""
    tables: list[pa.Table] = []
    for index, path in enumerate(data.paths):
        table = _read(path, columns)
        if tables and not table.schema.equals(tables[0].schema):
            difference = _difference(table.schema, tables[0].schema)
            raise ContractError(
                f"{data.folder.name}: batch {index} has other columns than batch 0 ({difference}); "
                "a part must build its table with one schema"
            )
        tables.append(table)
    return pa.concat_tables(tables)


def _part_path(folder: Path, index: int) -> Path:
    return folder / f"part-{index:05d}.parquet"


def _step_key(data: Parts, part: Part, code: str) -> str:
    name = f"{type(part).__module__}:{type(part).__qualname__}"
    role = "stage" if isinstance(part, Stage) else "keys"
    config = json.dumps(dump(part), sort_keys=True, ensure_ascii=True)
    fields = (data.key, role, name, config, code)
    return hashlib.sha256("\x1f".join(fields).encode()).hexdigest()


def _write(table: pa.Table, path: Path, key: str) -> None:
    """Write a part whole or not at all."""
    aside = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    # One chunk and no foreign metadata, so that the bytes depend on the values alone.
    table = table.combine_chunks().replace_schema_metadata({_KEY: key.encode()})
    pq.write_table(
        table,
        aside,
        compression="zstd",
        row_group_size=max(table.num_rows, 1),
        write_page_checksum=True,
    )
    aside.replace(path)


def _read(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    with pq.ParquetFile(path, page_checksum_verification=True) as file:
        known = file.schema_arrow.names
        absent = [c for c in columns or () if c not in known]
        if absent:
            raise ContractError(
                f"{path.parent.name} has no column {absent[0]!r}; it has: {', '.join(known)}"
            )
        table = file.read(columns=list(columns) if columns is not None else None)
    return table.replace_schema_metadata(None)


def _finished(path: Path, key: str) -> int | None:
    """Return the rows of a whole part made under this very key, else None."""
    if not path.is_file():
        return None
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            if (file.schema_arrow.metadata or {}).get(_KEY) != key.encode():
                return None
            # Every page is read: a footer alone does not tell that the data before it is sound.
            return sum(batch.num_rows for batch in file.iter_batches())
    except (pa.ArrowException, OSError):
        # Whatever is wrong with it, the part is made again: that is the report.
        return None


def _remove_leftovers(folder: Path) -> None:
    """Remove what writers that are no longer alive left half-written."""
    for path in folder.glob("*.tmp"):
        pid = path.name.split(".")[-2]
        if not pid.isdigit() or not _alive(int(pid)):
            path.unlink(missing_ok=True)


def _alive(pid: int) -> bool:
    if os.name != "posix":
        # Elsewhere signal 0 would end the process, so a leftover stays until the folder goes.
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _conform(table: pa.Table, schema: pa.Schema, name: str) -> pa.Table:
    """Return the table with exactly this schema.

    Raises:
        ContractError: another column, type or order, or a null where none may be.
    """
    difference = _difference(_table(table, name).schema, schema)
    if difference:
        raise ContractError(f"{name} returned a table that differs from its output: {difference}")
    for field, column in zip(schema, table.columns, strict=True):
        if not field.nullable and column.null_count:
            raise ContractError(
                f"{name} returned {column.null_count} nulls in {field.name!r}, which may hold none"
            )
    return pa.Table.from_arrays(table.columns, schema=schema)


def _table(result: object, name: str) -> pa.Table:
    if not isinstance(result, pa.Table):
        raise ContractError(f"{name} returned {type(result).__name__}, expected an Arrow table")
    return result


def _difference(got: pa.Schema, wanted: pa.Schema) -> str:
    """Say where two schemas first differ, or return an empty string."""
    for number, field in enumerate(wanted):
        if number >= len(got):
            return f"column {field.name!r} is missing"
        other = got.field(number)
        if other.name != field.name:
            return f"column {number} is {other.name!r}, expected {field.name!r}"
        if not other.type.equals(field.type):
            return f"column {field.name!r} is {other.type}, expected {field.type}"
    if len(got) > len(wanted):
        return f"column {got.field(len(wanted)).name!r} was not expected"
    return ""


def _named(error: Exception, where: str) -> SftdataError:
    if isinstance(error, ConfigError | ContractError | FamilyError):
        return type(error)(f"{where}: {error}")
    if isinstance(error, SftdataError):
        return SftdataError(f"{where}: {error}")
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return SftdataError(f"{where}: {type(error).__name__}{place}")


def _tell(progress: Progress | None, step: str, done: int, total: int) -> None:
    if progress is not None:
        progress(step, done, total)
