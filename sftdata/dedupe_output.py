"""Write the rows of a dataset that stay: the same files, columns and format, less what was dropped.

What a format can keep it keeps: JSON lines stay byte for byte, Parquet keeps its schema and
metadata, CSV its delimiter and header.
"""

from __future__ import annotations

import csv
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from sftdata.errors import ConfigError, ContractError

__all__ = ["FORMAT", "SUMMARY", "new_folder", "write_kept", "write_summary"]

SUMMARY = "dedupe.json"
FORMAT = "sftdata.dedupe/1"
Keep = NDArray[np.bool_]


@contextmanager
def new_folder(out: Path, dataset: Path | None = None) -> Iterator[Path]:
    """Give a folder to fill, which takes the place of `out` when all went well.

    Raises:
        ConfigError: `out` is a file, the dataset itself, or holds something that no
            deduplication wrote.
    """
    _check_free(out, dataset)
    out.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    try:
        yield aside
        aside.chmod(0o755)
        if out.exists():
            old = aside.with_name(f"{aside.name}-old")
            out.rename(old)
            aside.rename(out)
            shutil.rmtree(old)
        else:
            aside.rename(out)
    finally:
        if aside.exists():
            shutil.rmtree(aside)


def _check_free(out: Path, dataset: Path | None) -> None:
    if out.is_file():
        raise ConfigError(f"--out {out}: this is a file; name a folder")
    if dataset is not None:
        here, there = out.resolve(), dataset.resolve()
        if here == there or here in there.parents:
            raise ConfigError(f"--out {out}: the dataset is in it; name another folder")
    found = sorted(p.name for p in out.iterdir()) if out.exists() else []
    if found and not _is_ours(out / SUMMARY):
        raise ConfigError(
            f"--out {out}: the folder is not empty and no deduplication wrote it "
            f"({found[0]!r} is in it); name another one"
        )


def _is_ours(path: Path) -> bool:
    try:
        data = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(data, dict) and data.get("format") == FORMAT


def write_summary(summary: dict[str, Any], folder: Path) -> None:
    """Write the settings and counts, by which the folder is known as a deduplication's."""
    text = json.dumps(summary, ensure_ascii=False, indent=2) + "\n"
    (folder / SUMMARY).write_text(text, encoding="utf-8", newline="\n")


def write_kept(files: list[Path], base: Path | None, keep: Keep, target: Path) -> None:
    """Write each file of a dataset to `target/data`, with the rows that stay.

    Args:
        files: the data files, in the order in which their rows were read.
        base: the folder that they are named from.
        keep: for every row of all files whether it stays.
        target: the folder to fill.

    Raises:
        ContractError: the files do not hold as many rows as were judged.
    """
    start = 0
    for path in files:
        name = path.relative_to(base) if base is not None else Path(path.name)
        name = name if name.parts[0] == "data" else Path("data") / name
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        start += _WRITERS[path.suffix.lower()](path, target / name, keep[start:])
    if start != len(keep):
        raise ContractError(f"dedupe: {len(keep)} rows were judged, the files hold {start}")


def _part(keep: Keep, rows: int) -> Keep:
    if rows > len(keep):
        raise ContractError("dedupe: the files hold more rows than were judged")
    return keep[:rows]


def _parquet(path: Path, target: Path, keep: Keep) -> int:
    table = pq.read_table(path)
    kept = table.filter(pa.array(_part(keep, table.num_rows)))
    pq.write_table(kept, target)
    return int(table.num_rows)


def _json_lines(path: Path, target: Path, keep: Keep) -> int:
    rows = 0
    with path.open("rb") as source, target.open("wb") as sink:
        for line in source:
            if line.strip().removeprefix(b"\xef\xbb\xbf"):
                if _part(keep, rows + 1)[rows]:
                    sink.write(line if line.endswith(b"\n") else line + b"\n")
                rows += 1
    return rows


def _json(path: Path, target: Path, keep: Keep) -> int:
    data = json.loads(path.read_text(encoding="utf-8-sig"))
    key = next((k for k in ("data", "rows") if isinstance(data, dict) and k in data), "")
    rows: list[Any] = data[key] if key else data
    kept = [r for r, stays in zip(rows, _part(keep, len(rows)), strict=True) if stays]
    whole = {**data, key: kept} if key else kept
    target.write_text(
        json.dumps(whole, ensure_ascii=False, indent=1) + "\n", encoding="utf-8", newline="\n"
    )
    return len(rows)


def _csv(path: Path, target: Path, keep: Keep) -> int:
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    rows = 0
    csv.field_size_limit(max(csv.field_size_limit(), 1 << 30))
    with (
        path.open(encoding="utf-8-sig", newline="") as source,
        target.open("w", encoding="utf-8", newline="") as sink,
    ):
        reader = (row for row in csv.reader(source, delimiter=delimiter) if row)
        writer = csv.writer(sink, delimiter=delimiter, lineterminator="\n")
        writer.writerow(next(reader))
        for row in reader:
            if _part(keep, rows + 1)[rows]:
                writer.writerow(row)
            rows += 1
    return rows


def _arrow(path: Path, target: Path, keep: Keep) -> int:
    with pa.memory_map(str(path)) as source:
        try:
            table, make = pa.ipc.open_stream(source).read_all(), pa.ipc.new_stream
        except pa.ArrowInvalid:
            source.seek(0)
            table, make = pa.ipc.open_file(source).read_all(), pa.ipc.new_file
        kept = table.filter(pa.array(_part(keep, table.num_rows)))
        with pa.OSFile(str(target), "wb") as sink, make(sink, table.schema) as writer:
            writer.write_table(kept)
    return int(table.num_rows)


_WRITERS: dict[str, Callable[[Path, Path, Keep], int]] = {
    ".parquet": _parquet,
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
    ".json": _json,
    ".csv": _csv,
    ".tsv": _csv,
    ".arrow": _arrow,
}
