"""Bring any dataset into an `AuditData`, and say by which bytes it is known."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sftdata.audit_chat import chat_from, decoded, template_of
from sftdata.audit_groups import group_columns, read_aliases, with_groups
from sftdata.dataset import AuditData
from sftdata.errors import ConfigError
from sftdata.report import DataFile
from sftdata.shapes import canonical
from sftdata.stages.render import Render
from sftdata.table_files import READABLE, concat, from_rows, read_file

__all__ = ["data_files", "digest_files", "digest_table", "load", "rows_of"]

Raw = list[tuple[str, pa.Table]]


def load(
    dataset: Any,
    *,
    group: str | Sequence[str] | None = None,
    text: str | Sequence[str] | None = None,
    splits: Mapping[str, str | Path] | None = None,
    excerpts: bool = True,
    against: Mapping[str, Any] | None = None,
    aliases: Mapping[str, Sequence[str]] | str | Path | None = None,
    template: str | Render | None = None,
    tokenizer: str | None = None,
) -> AuditData:
    """Read a dataset of any known kind and shape.

    Args:
        dataset: a build folder of sftdata, a file or folder of any format that `audit` names, a
            `Dataset`, `DatasetDict`, table or list of dicts; None when `splits` names the files.
        group: the column, or columns, whose values may not stand in two splits.
        text: the columns to read as text; the last of several is the completion.
        splits: name of the split → its file, under the folder `dataset` where there is one.
        excerpts: whether findings may show excerpts.
        against: name of an evaluation set → its file, folder or table.
        aliases: a name → the group values that are one, or a YAML or JSON file of this.
        template: the chat template that the rows are for; a build names its own.
        tokenizer: the tokenizer that they are for.

    Raises:
        ConfigError, SourceError: a path, column, shape or file that cannot be used.
    """
    root = Path(dataset) if isinstance(dataset, str | Path) else None
    if splits:
        raw, files = _named(root, splits)
    elif root is not None:
        raw, files = _from_path(root)
    else:
        raw, files = _from_object(dataset), []
    table = _stack(raw)
    names, columns_named = group_columns(group), [text] if isinstance(text, str) else text
    columns, absent = canonical(table, group=names[0] if names else None, text=columns_named)
    columns = with_groups(columns, table, names, read_aliases(aliases))
    build = root if not splits else None
    render = template_of(build, template, tokenizer)
    chat = chat_from(table, columns, render)
    columns = decoded(columns, render)
    absent |= {"chat": chat} if isinstance(chat, str) else {}
    base = root if root is not None and root.is_dir() else None
    digest, listed = digest_files(files, base) if files else (digest_table(table), ())
    name = root.name if root is not None else _name_of(dataset, files)
    return AuditData(
        table=columns,
        documents=_lineage(build) if build is not None else None,
        name=name or "dataset",
        files=listed,
        digest=digest,
        absent=absent,
        excerpts=excerpts,
        chat=None if isinstance(chat, str) else chat,
        timed=build is not None and _is_timed(build),
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
    table = concat([part.replace_schema_metadata(None) for _, part in raw])
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
    if root is None and len({p.name for p in files}) < len(files):
        root = Path(os.path.commonpath([p.parent for p in files]))
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


def digest_table(table: pa.Table) -> str:
    """Return the SHA-256 over the rows of a table that stands in no file."""
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
        raw.append((split, read_file(path)))
        files.append(path)
    return raw, files


def _from_path(root: Path) -> tuple[Raw, list[Path]]:
    if not root.exists():
        raise ConfigError(f"dataset: {root} does not exist")
    files = _files_of(root)
    if root.is_file():
        return [("", read_file(root))], files
    if _is_saved(root):
        import datasets

        return _from_object(datasets.load_from_disk(str(root))), files
    return [(_split_name(p), read_file(p)) for p in files], files


def _is_saved(root: Path) -> bool:
    return (root / "dataset_dict.json").is_file() or (root / "state.json").is_file()


def _files_of(root: Path) -> list[Path]:
    """Return the files that a path stands for, those of which a report is about."""
    if root.is_file():
        return [root]
    if _is_saved(root):
        every = (p for p in root.rglob("*") if p.is_file() and not p.name.startswith("cache-"))
        return sorted(every)
    folder = root / "data" if (root / "data").is_dir() else root
    files = [p for p in sorted(folder.iterdir()) if p.suffix.lower() in READABLE and p.is_file()]
    files = [p for p in files if p.name not in ("manifest.json", "dataset_info.json")]
    files = [p for p in files if not _is_report(p)]
    if not files:
        raise ConfigError(f"dataset: {root} holds no data file ({', '.join(READABLE)})")
    return files


def _is_report(path: Path) -> bool:
    """Return whether a file beside the data is a report on it, or one that is about to be written.

    `sftdata audit . --json > report.json` opens the file before the audit begins.
    """
    if path.suffix.lower() != ".json":
        return False
    with path.open("rb") as handle:
        head = handle.read(200)
    return not head or b'"sftdata.audit/' in head


def data_files(
    dataset: Any, splits: Mapping[str, str | Path] | None = None
) -> tuple[list[Path], Path | None]:
    """Return the files of a dataset that are there, and the folder that they are named from.

    Raises:
        ConfigError: nothing is there.
    """
    root = Path(dataset) if isinstance(dataset, str | Path) else None
    if root is not None and not root.exists():
        raise ConfigError(f"dataset: {root} does not exist")
    base = root if root is not None and root.is_dir() else None
    if splits:
        given = (root / p if root is not None else Path(p) for p in splits.values())
        return [p for p in given if p.is_file()], base
    return (_files_of(root), base) if root is not None else ([], None)


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


def _is_timed(root: Path) -> bool:
    """Return whether a build says in its manifest that it was split by time alone."""
    try:
        manifest = json.loads((root / "manifest.json").read_bytes())
        return bool(manifest["config"]["split"]["mode"] == "temporal")
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False


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
        return [("", from_rows(iter(dataset)))]
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
    stacked = concat(parts)
    if stacked.num_rows == 0:
        raise ConfigError("dataset: there are no rows")
    return stacked
