"""What a build leaves behind: the dataset, its lineage, and the manifest that closes it.

The manifest is written last: a folder without one is not a finished build.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sftdata.errors import ConfigError
from sftdata.report import DataFile, RunManifest
from sftdata.types import SAMPLES

__all__ = [
    "Lineage",
    "claim",
    "clear",
    "describe",
    "tool_versions",
    "write_dataset",
    "write_lineage",
]

DUPLICATES: pa.Schema = pa.schema(
    [
        pa.field("grain", pa.string(), nullable=False),
        pa.field("id", pa.string(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("because_of", pa.string(), nullable=False),
        pa.field("similarity", pa.float64()),
    ]
)
VERDICTS_KEPT: pa.Schema = pa.schema(
    [pa.field(n, pa.string(), nullable=False) for n in ("step", "id", "reason", "because_of")]
)
_FOLDERS = ("data", "audit", "lineage")
_MARK = "# The work folder of an sftdata build; it holds document text.\n*\n"
_ROWS_PER_FILE = 100_000


@dataclass(frozen=True, kw_only=True)
class Lineage:
    """Tables that say where each row came from, and why each lost row left."""

    documents: pa.Table
    groups: pa.Table
    duplicates: pa.Table
    rejects: pa.Table
    verdicts: pa.Table
    near_names: pa.Table
    """Groups that may be one company, by their names; nothing was linked by it."""


def claim(out: Path) -> None:
    """Make sure that a folder may be written to, and mark it as a build's.

    An earlier build stays as it is until `clear`: one that fails half-way costs nothing.

    Raises:
        ConfigError: the folder holds something that no build has made.
    """
    if out.is_file():
        raise ConfigError(f"--out {out}: this is a file; name a folder")
    found = sorted(p.name for p in out.iterdir()) if out.exists() else []
    if found and not _is_build(out):
        raise ConfigError(
            f"--out {out}: the folder is not empty and not a build ({found[0]!r} is in it); "
            "name another one"
        )
    (out / ".work").mkdir(parents=True, exist_ok=True)
    (out / ".work" / ".gitignore").write_text(_MARK, encoding="utf-8")


def _is_build(out: Path) -> bool:
    """Return whether a build made this folder: a name such as `data` is no proof of that."""
    mark, manifest = out / ".work" / ".gitignore", out / "manifest.json"
    if mark.is_file() and mark.read_bytes() == _MARK.encode():
        return True
    try:
        data = json.loads(manifest.read_bytes()) if manifest.is_file() else None
    except ValueError:
        return False
    return (
        isinstance(data, dict) and data.get("format") == RunManifest.model_fields["format"].default
    )


def clear(out: Path) -> None:
    """Take away what an earlier build left, its manifest first."""
    for name in ("manifest.json", "README.md", "README_zh.md", "croissant.json"):
        (out / name).unlink(missing_ok=True)
    for name in _FOLDERS:
        if (out / name).exists():
            shutil.rmtree(out / name)


def write_dataset(samples: pa.Table, out: Path) -> list[Path]:
    """Write `data/<split>-00000-of-0000N.parquet`, rows sorted by `sample_id`."""
    folder = out / "data"
    folder.mkdir(parents=True)
    paths = []
    for split in sorted(set(samples.column("split").to_pylist())):
        rows = samples.filter(pc.equal(samples.column("split"), split)).sort_by("sample_id")
        rows = rows.cast(SAMPLES)
        files = max(1, -(-rows.num_rows // _ROWS_PER_FILE))
        for number in range(files if rows.num_rows else 0):
            path = folder / f"{split}-{number:05d}-of-{files:05d}.parquet"
            pq.write_table(rows.slice(number * _ROWS_PER_FILE, _ROWS_PER_FILE), path)
            paths.append(path)
    return paths


def write_lineage(lineage: Lineage, out: Path) -> list[Path]:
    """Write the lineage tables, each sorted so that equal builds give equal bytes."""
    folder = out / "lineage"
    folder.mkdir(parents=True)
    tables: Mapping[str, tuple[pa.Table, list[str]]] = {
        "documents": (lineage.documents, ["document_id"]),
        "groups": (lineage.groups, ["document_id"]),
        "duplicates": (lineage.duplicates, ["grain", "id"]),
        "rejects": (lineage.rejects, ["path", "locator"]),
        "verdicts": (lineage.verdicts, ["step", "id"]),
        "near_names": (lineage.near_names, ["left", "right", "left_name", "right_name"]),
    }
    paths = []
    for name, (table, keys) in tables.items():
        path = folder / f"{name}.parquet"
        pq.write_table(table.sort_by([(k, "ascending") for k in keys]), path)
        paths.append(path)
    return paths


def describe(paths: list[Path], root: Path) -> tuple[DataFile, ...]:
    """Return name, hash, size and rows of each file."""
    found = []
    for path in sorted(paths):
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        rows = pq.read_metadata(path).num_rows if path.suffix == ".parquet" else None
        found.append(
            DataFile(
                path=path.relative_to(root).as_posix(),
                sha256=digest,
                bytes=path.stat().st_size,
                rows=rows,
            )
        )
    return tuple(found)


def tool_versions() -> dict[str, str]:
    """Return the versions of the packages that decide what a build makes."""
    names = ("sftdata", "pyarrow", "numpy", "datasketch", "jinja2", "lxml", "pydantic", "scipy")
    found = {}
    for name in (*names, "tokenizers", "transformers"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # an editable checkout without metadata
            found[name] = "unknown"
    return found
