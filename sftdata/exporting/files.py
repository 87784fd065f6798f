"""Files of an export: written beside the folder, hashed, and moved in when all is whole.

Nothing is replaced but what an earlier export wrote and its `export.json` names, so adapters that
a trainer has saved in the same folder stay.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from sftdata.errors import ConfigError
from sftdata.exporting.record import EXPORT_FORMAT, ExportFile

__all__ = ["ExportFolder", "dumps", "script"]

_RECORD = "export.json"
_ESCAPED = {ord(c): f"\\u{ord(c):04x}" for c in "\u0085\u2028\u2029"}
"""Line ends to `str.splitlines` and to some readers of JSONL, though not to JSON."""


def dumps(value: Any, *, indent: int | None = None) -> str:
    r"""Return JSON that stays on one line for every reader; Chinese as it is.

    >>> dumps({"a": "净\u2028利"})
    '{"a": "净\\u2028利"}'
    """
    return json.dumps(value, ensure_ascii=False, indent=indent).translate(_ESCAPED)


def script(name: str, values: Mapping[str, Any]) -> str:
    """Return a bundled script with its constants filled in, each as a Python literal.

    A placeholder is the string `"@NAME@"`; what stands in its place is `repr` of the value, so no
    name of a model or a dataset can become code.
    """
    text = (Path(__file__).parent / "scripts" / name).read_text(encoding="utf-8")
    for key, value in values.items():
        text = text.replace(f'"@{key}@"', repr(value))
    return text


class ExportFolder:
    """A folder under construction. Use it as a context: a failure leaves the old export whole.

    Raises:
        ConfigError: the folder holds something that no export has made.
    """

    def __init__(self, out: Path) -> None:
        self.out = out
        self._earlier = _earlier_files(out)
        self._work = out.with_name(f".{out.name}.partial")
        self.files: list[ExportFile] = []

    def __enter__(self) -> Self:
        shutil.rmtree(self._work, ignore_errors=True)
        self._work.mkdir(parents=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        shutil.rmtree(self._work, ignore_errors=True)

    def path(self, name: str) -> Path:
        """Return where a file is being written."""
        path = self._work / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def text(self, name: str, content: str) -> None:
        """Write a small text file."""
        self.path(name).write_bytes(content.encode())
        self._note(name)

    def json(self, name: str, value: Any) -> None:
        """Write a small JSON file."""
        self.text(name, dumps(value, indent=2) + "\n")

    def yaml(self, name: str, value: Mapping[str, Any], head: str = "") -> None:
        """Write a YAML file, keys in the order given, under a comment."""
        body = yaml.safe_dump(dict(value), allow_unicode=True, sort_keys=False, width=10_000)
        comment = "".join(f"# {line}\n" for line in head.splitlines())
        self.text(name, comment + body)

    def jsonl(
        self, name: str, rows: Iterable[Mapping[str, Any]], *, split: str = "", ids: str = ""
    ) -> int:
        """Write one JSON object per line and return how many; `ids` says where the ids stand."""
        count = 0
        with self.path(name).open("wb") as handle:
            for row in rows:
                handle.write(dumps(row).encode() + b"\n")
                count += 1
        self._note(name, rows=count, split=split, ids=ids)
        return count

    def array(
        self, name: str, rows: Iterable[Mapping[str, Any]], *, split: str = "", ids: str = ""
    ) -> int:
        """Write a JSON array, an object per line, and return how many."""
        count = 0
        with self.path(name).open("wb") as handle:
            handle.write(b"[")
            for row in rows:
                handle.write((b",\n" if count else b"\n") + dumps(row).encode())
                count += 1
            handle.write(b"\n]\n")
        self._note(name, rows=count, split=split, ids=ids)
        return count

    def parquet(
        self, name: str, tables: Iterable[pa.Table], schema: pa.Schema, *, split: str = ""
    ) -> int:
        """Write tables one after the other into one Parquet file."""
        count = 0
        with pq.ParquetWriter(self.path(name), schema) as writer:
            for table in tables:
                writer.write_table(table)
                count += table.num_rows
        self._note(name, rows=count, split=split, ids="sample_id")
        return count

    def ids(self, name: str, sample_ids: Iterable[str], *, split: str = "") -> None:
        """Write the sidecar: the id of each row of a data file, in its order."""
        rows = ({"row": n, "sample_id": i} for n, i in enumerate(sample_ids))
        self.jsonl(name, rows, split=split, ids="sample_id")

    def copy(self, source: Path, name: str, *, split: str = "") -> None:
        """Copy a file as it is."""
        shutil.copyfile(source, self.path(name))
        rows = pq.read_metadata(source).num_rows if source.suffix == ".parquet" else None
        self._note(name, rows=rows, split=split, ids="sample_id" if rows is not None else "")

    def commit(self, record: str) -> None:
        """Put every file in its place, `export.json` last.

        Raises:
            ConfigError: a file of that name is there and is not from an earlier export.
        """
        names = [f.path for f in self.files]
        foreign = [n for n in names if n not in self._earlier and (self.out / n).exists()]
        if foreign:
            raise ConfigError(
                f"--out {self.out}: {foreign[0]} is there and no export has made it; "
                "move it, or name another folder"
            )
        self.out.mkdir(parents=True, exist_ok=True)
        (self.out / _RECORD).unlink(missing_ok=True)
        for name in self._earlier:
            (self.out / name).unlink(missing_ok=True)
        for name in names:
            (self.out / name).parent.mkdir(parents=True, exist_ok=True)
            (self._work / name).replace(self.out / name)
        (self._work / _RECORD).write_bytes(record.encode())
        (self._work / _RECORD).replace(self.out / _RECORD)

    def _note(self, name: str, *, rows: int | None = None, split: str = "", ids: str = "") -> None:
        path = self._work / name
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        size = path.stat().st_size
        self.files.append(
            ExportFile(path=name, sha256=digest, bytes=size, rows=rows, split=split, ids=ids)
        )


def _earlier_files(out: Path) -> tuple[str, ...]:
    if out.is_file():
        raise ConfigError(f"--out {out}: this is a file; name a folder")
    found = sorted(p.name for p in out.iterdir()) if out.is_dir() else []
    if not found:
        return ()
    try:
        record = json.loads((out / _RECORD).read_bytes())
    except (OSError, ValueError):
        record = None
    if not isinstance(record, dict) or record.get("format") != EXPORT_FORMAT:
        raise ConfigError(
            f"--out {out}: the folder is not empty and no export ({found[0]!r} is in it); "
            "name another one"
        )
    files = record.get("files")
    names = [f.get("path") for f in files if isinstance(f, dict)] if isinstance(files, list) else []
    return tuple(n for n in names if isinstance(n, str) and _inside(n))


def _inside(name: str) -> bool:
    """Return whether a name from a record stays in the folder: the record may have been edited."""
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and "\\" not in name
