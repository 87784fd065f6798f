"""Bring any dataset into an `AuditData`, and say by which bytes it is known."""

from __future__ import annotations

import csv
import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from sftdata.dataset import AuditData
from sftdata.errors import ConfigError, SourceError
from sftdata.report import DataFile
from sftdata.shapes import canonical

__all__ = ["digest_files", "load", "rows_of"]

_READABLE = (".parquet", ".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".arrow")
_BATCH = 4096

Raw = list[tuple[str, pa.Table]]


def load(
    dataset: Any,
    *,
    group: str | None = None,
    text: Sequence[str] | None = None,
    splits: Mapping[str, str | Path] | None = None,
    excerpts: bool = True,
    against: Mapping[str, Any] | None = None,
) -> AuditData:
    """Read a dataset of any known kind and shape.

    Args:
        dataset: a build folder of sftdata, a file or folder of Parquet, JSONL, JSON, CSV or
            Arrow, a folder written by `save_to_disk`, a `Dataset`, `DatasetDict`, Arrow table,
            pandas frame or list of dicts; None when `splits` names the files.
        group: the column whose values may not stand in two splits.
        text: the columns to read as text; the last of several is the completion.
        splits: name of the split → its file, under the folder `dataset` where there is one.
        excerpts: whether findings may show excerpts.
        against: name of an evaluation set → its file, folder or table.

    Raises:
        ConfigError: no such path, column or shape; the message lists what there is.
        SourceError: a file cannot be read.
    """
    if isinstance(text, str):
        text = [text]
    files: list[Path] = []
    root: Path | None = None
    documents: pa.Table | None = None
    if splits:
        root = Path(dataset) if dataset is not None else None
        raw, files = _named(root, splits)
    elif isinstance(dataset, str | Path):
        root = Path(dataset)
        if not root.exists():
            raise ConfigError(f"dataset: {root} does not exist")
        raw, files = _from_path(root)
        documents = _lineage(root)
    else:
        raw = _from_object(dataset)
    table = _stack(raw)
    columns, absent = canonical(table, group=group, text=text)
    base = root if root is not None and root.is_dir() else None
    digest, listed = digest_files(files, base) if files else (_digest_table(table), ())
    name = root.name if root is not None else _name_of(dataset, files)
    return AuditData(
        table=columns,
        documents=documents,
        name=name or "dataset",
        files=listed,
        digest=digest,
        absent=absent,
        excerpts=excerpts,
        against={name: _items(name, given) for name, given in (against or {}).items()},
    )


def _items(name: str, given: Any) -> pa.Array:
    """Return the text of each item of an evaluation set: its question with its answer.

    A set that also has a context counts without it: benchmarks share public passages with
    everybody, and what contaminates is the task. Of an unknown shape every text column counts.
    """
    if isinstance(given, str | Path) and not Path(given).exists():
        raise ConfigError(f"against.{name}: {given} does not exist")
    raw = _from_path(Path(given))[0] if isinstance(given, str | Path) else _from_object(given)
    table = _concat([part.replace_schema_metadata(None) for _, part in raw])
    try:
        columns = canonical(table)[0]
    except ConfigError:
        texts = [n for n in table.column_names if pa.types.is_string(table.schema.field(n).type)]
        if not texts:
            raise
        columns = canonical(table, text=texts)[0]
    wanted = ("question", "answer") if "question" in columns.column_names else ()
    names = [n for n in wanted or ("prompt", "completion") if n in columns.column_names]
    filled = [pc.fill_null(columns.column(n).combine_chunks(), "") for n in names]
    return pc.binary_join_element_wise(*filled, "\n") if len(filled) > 1 else filled[0]


def rows_of(dataset: Any, splits: Mapping[str, str | Path] | None = None) -> pa.Table:
    """Return the rows of a dataset as they are, in the order of `load`, with their split."""
    if splits:
        return _stack(_named(Path(dataset) if dataset is not None else None, splits)[0])
    if isinstance(dataset, str | Path):
        return _stack(_from_path(Path(dataset))[0])
    return _stack(_from_object(dataset))


def digest_files(
    files: Sequence[Path], root: Path | None = None
) -> tuple[str, tuple[DataFile, ...]]:
    """Return the digest of a set of files and what it is made of.

    The digest is the SHA-256 over the lines `sha256  name` in the order of the names, so that it
    changes with any byte, name or missing file, and a person can recompute it with `sha256sum`.
    """
    records = []
    for path in files:
        label = path.relative_to(root).as_posix() if root else path.name
        with path.open("rb") as handle:
            sha = hashlib.file_digest(handle, "sha256").hexdigest()
        records.append(DataFile(path=label, sha256=sha, bytes=path.stat().st_size))
    records.sort(key=lambda r: r.path)
    lines = "".join(f"{r.sha256}  {r.path}\n" for r in records)
    return hashlib.sha256(lines.encode()).hexdigest(), tuple(records)


class _Sink:
    """A file that keeps the hash of what is written to it."""

    closed = False

    def __init__(self) -> None:
        self.hash = hashlib.sha256()

    def write(self, data: Any) -> int:
        self.hash.update(data)
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""


def _digest_table(table: pa.Table) -> str:
    sink = _Sink()
    with pa.ipc.new_stream(pa.PythonFile(sink, mode="w"), table.schema) as writer:
        writer.write_table(table.combine_chunks().replace_schema_metadata(None), 65536)
    return sink.hash.hexdigest()


def _name_of(dataset: Any, files: Sequence[Path]) -> str:
    return files[0].parent.name if files else type(dataset).__name__


def _named(root: Path | None, splits: Mapping[str, str | Path]) -> tuple[Raw, list[Path]]:
    raw: Raw = []
    files = []
    for split, given in splits.items():
        path = root / given if root is not None else Path(given)
        if not path.is_file():
            raise ConfigError(f"splits.{split}: {path} is not a file")
        raw.append((split, _read(path)))
        files.append(path)
    return raw, files


def _from_path(root: Path) -> tuple[Raw, list[Path]]:
    if root.is_file():
        return [("", _read(root))], [root]
    if (root / "dataset_dict.json").is_file() or (root / "state.json").is_file():
        import datasets

        saved = sorted(
            p for p in root.rglob("*") if p.is_file() and not p.name.startswith("cache-")
        )
        return _from_object(datasets.load_from_disk(str(root))), saved
    folder = root / "data" if (root / "data").is_dir() else root
    files = [p for p in sorted(folder.iterdir()) if p.suffix.lower() in _READABLE and p.is_file()]
    files = [p for p in files if p.name not in ("manifest.json", "dataset_info.json")]
    if not files:
        raise ConfigError(f"dataset: {root} holds no data file ({', '.join(_READABLE)})")
    return [(_split_name(p), _read(p)) for p in files], files


def _split_name(path: Path) -> str:
    """Return `train` for `train-00000-of-00001.parquet`, `my_train.jsonl` or `train.csv`.

    A second test split is one of its own: `test_ood` for `test_ood-00000-of-00001.parquet`.
    """
    stem = path.stem.lower()
    words = stem.replace("_", "-").replace(".", "-").split("-")
    known = ("train", "validation", "valid", "val", "dev", "test", "eval", "holdout")
    if "-of-" in stem and words[0] in known:
        return stem.partition("-")[0]
    return next((w for w in words if w in known), words[0] if "-of-" in stem else path.stem)


def _lineage(root: Path) -> pa.Table | None:
    path = root / "lineage" / "documents.parquet"
    if not path.is_file():
        return None
    wanted = ("document_id", "text", "split", "group", "locale", "kind", "title")
    dated = ("published", "keys", "metadata")
    have = set(pq.read_schema(path).names)
    return pq.read_table(path, columns=[c for c in (*wanted, *dated) if c in have])


def _from_object(dataset: Any) -> Raw:
    module = type(dataset).__module__.split(".")[0]
    if isinstance(dataset, pa.Table):
        return [("", dataset)]
    if isinstance(dataset, Mapping):
        parts = [_from_object(part)[0][1] for part in dataset.values()]
        return list(zip(map(str, dataset.keys()), parts, strict=True))
    if module == "datasets":
        return [("", dataset.with_format("arrow")[:])]
    if module == "pandas":
        return [("", pa.Table.from_pandas(dataset, preserve_index=False))]
    if isinstance(dataset, Sequence) and not isinstance(dataset, str | bytes):
        return [("", _from_rows(iter(dataset)))]
    raise ConfigError(
        f"dataset: cannot audit a {type(dataset).__name__}; give a path, an Arrow table, a "
        "Dataset, a DatasetDict, a pandas frame or a list of dicts"
    )


def _stack(raw: Raw) -> pa.Table:
    """Put the parts one below the other, with the column `split` from the part's name."""
    parts = []
    for split, table in raw:
        if split and "split" not in table.column_names:
            column = pa.array([split] * table.num_rows, pa.string())
            table = table.append_column("split", column)  # noqa: PLW2901
        parts.append(table.replace_schema_metadata(None))
    stacked = _concat(parts)
    if stacked.num_rows == 0:
        raise ConfigError("dataset: there are no rows")
    return stacked


def _concat(parts: list[pa.Table]) -> pa.Table:
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


def _read(path: Path) -> pa.Table:
    suffix = path.suffix.lower()
    try:
        if suffix == ".parquet":
            return pq.read_table(path)
        if suffix in (".jsonl", ".ndjson"):
            return _from_rows(_json_lines(path))
        if suffix == ".json":
            return _from_rows(_json_array(path))
        if suffix in (".csv", ".tsv"):
            return _csv(path, "\t" if suffix == ".tsv" else ",")
        if suffix == ".arrow":
            return _arrow(path)
    except (pa.ArrowInvalid, UnicodeDecodeError) as error:
        raise SourceError("unreadable_dataset", f"{path}: {type(error).__name__}") from error
    raise ConfigError(f"dataset: {path} is none of {', '.join(_READABLE)}")


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


def _from_rows(rows: Iterator[Any]) -> pa.Table:
    parts = []
    while batch := list(itertools.islice(rows, _BATCH)):
        if not all(isinstance(row, Mapping) for row in batch):
            raise SourceError("unreadable_dataset", "a row is not an object with named fields")
        names = dict.fromkeys(str(n) for row in batch for n in row)
        parts.append(pa.table({n: _column([row.get(n) for row in batch]) for n in names}))
    return _concat(parts) if parts else pa.table({})


def _column(values: list[Any]) -> pa.Array:
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError):
        return _json_column(values)
