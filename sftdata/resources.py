"""Where `task_families/` and `schemas/` are: in a checkout beside the package, or in the wheel."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from sftdata.errors import SftdataError

__all__ = ["folder"]


@cache
def folder(name: str) -> Path:
    """Return the folder `task_families` or `schemas`.

    In a checkout it lies beside the package; a wheel carries it inside the package.

    >>> folder("schemas").is_dir()
    True
    """
    here = Path(__file__).resolve().parent
    for candidate in (here / name, here.parent / name):
        if candidate.is_dir():
            return candidate
    raise SftdataError(f"the folder {name!r} is missing from this installation; reinstall sftdata")
