"""Which files a run reads: glob patterns under one root, as a table."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

import pyarrow as pa

from sftdata.errors import ConfigError

__all__ = ["FILES", "list_files"]

FILES: pa.Schema = pa.schema(
    [pa.field(n, pa.string(), nullable=False) for n in ("path", "sha256", "reader", "domain")]
)
"""Files to read: path under the root; `reader` empty: detect; `domain` empty: the reader's."""


def list_files(
    patterns: Iterable[str], root: Path, *, reader: str = "", domain: str = ""
) -> pa.Table:
    """Return the files under `root` that match the glob patterns, as a table of `FILES`.

    Sorted by path, each file once, hidden files and folders left out. A file that cannot be read
    is listed without its SHA-256: `Read` says why.

    Raises:
        ConfigError: a pattern matches no file, is absolute, or leaves the root with `..`.
    """
    if not root.is_dir():
        raise ConfigError(f"the folder of documents {str(root)!r} does not exist")
    found: set[str] = set()
    for pattern in patterns:
        matched = set(_matches(pattern, root))
        if not matched:
            raise ConfigError(
                f"the pattern {pattern!r} matches no file under {str(root)!r}; "
                "`**/*.htm` also looks into sub-folders"
            )
        found |= matched
    rows = [
        {"path": path, "sha256": _sha256(root / path), "reader": reader, "domain": domain}
        for path in sorted(found)
    ]
    return pa.Table.from_pylist(rows, schema=FILES)


def _matches(pattern: str, root: Path) -> Iterator[str]:
    parts = PurePosixPath(pattern).parts
    if not parts or PurePosixPath(pattern).is_absolute() or ".." in parts:
        raise ConfigError(
            f"the pattern {pattern!r} must stay inside the folder of documents; "
            "name another folder as root instead"
        )
    for path in root.glob(pattern):
        name = path.relative_to(root)
        if not any(p.startswith(".") for p in name.parts) and not path.is_dir():
            # A name that is not UTF-8 cannot be stored; escaped, it is listed and then rejected.
            yield os.fsencode(name.as_posix()).decode("utf-8", "backslashreplace")


def _sha256(path: Path) -> str:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return ""
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        # Not lost: `Read` meets the same file and rejects it with the reason.
        return ""
