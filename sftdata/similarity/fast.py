"""When the compiled kernels are used, and how many threads similarity may take.

With the extra `fast` (numba) the inner loops run compiled, with the same values bit for bit. What
is compiled is kept in the user's cache folder, so a machine pays for it once. Loading takes
half a second even then, so the first 32 MiB of a process are worked on with numpy alone.

Environment:

* `SFTDATA_FAST`: `0` never uses the kernels, `1` uses them from the first byte on.
* `SFTDATA_THREADS`: threads of one process; by default one per core, and one in a worker process,
  where the processes are the parallelism already.
* `NUMBA_CACHE_DIR`: where compiled code is kept, instead of the user's cache folder.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import chain, islice
from multiprocessing import parent_process
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

from sftdata.errors import ConfigError, MissingExtraError
from sftdata.similarity import kernels

__all__ = ["in_order", "ready", "threads", "using"]

WORTHWHILE = 1 << 25
"""Bytes of work in a process from which loading the kernels pays."""
MOST_THREADS = 8
"""More gain little, since results are put together by one, and each takes memory."""

Item = TypeVar("Item")
Result = TypeVar("Result")


class _Switch:
    """What is decided once in a process: whether the kernels are loaded, and who forced it."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.loaded = False
        self.absent = False
        self.work = 0
        self.forced: bool | None = None

    def wanted(self) -> bool | None:
        if self.forced is not None:
            return self.forced
        return {"0": False, "1": True}.get(os.environ.get("SFTDATA_FAST", ""))


_SWITCH = _Switch()


def ready(work: int) -> bool:
    """Return whether to call the kernels, for so many bytes of work; loads them when it pays.

    Raises:
        MissingExtraError: the kernels are asked for by name, and numba is not installed.
    """
    wanted = _SWITCH.wanted()
    if wanted is False or (_SWITCH.absent and not wanted):
        return False
    if not _SWITCH.loaded:
        with _SWITCH.lock:
            _SWITCH.work += work
            if not _SWITCH.loaded and (wanted or _SWITCH.work >= WORTHWHILE):
                _SWITCH.loaded = _load(asked=wanted is True)
    return _SWITCH.loaded


@contextmanager
def using(kernels: bool) -> Iterator[None]:
    """Use the kernels, or do not, whatever the environment says; for comparing the two.

    >>> with using(False):
    ...     ready(1 << 40)
    False
    """
    before, _SWITCH.forced = _SWITCH.forced, kernels
    try:
        yield
    finally:
        _SWITCH.forced = before


def _load(*, asked: bool) -> bool:
    try:
        import numba
    except ImportError as error:
        if asked:
            raise MissingExtraError("numba", "fast") from error
        _SWITCH.absent = True
        return False
    before = numba.config.CACHE_DIR
    try:
        numba.config.CACHE_DIR = before or str(_cache_folder())
        for name in kernels.KERNELS:
            setattr(kernels, name, _compiled(numba, getattr(kernels, name)))
    finally:
        numba.config.CACHE_DIR = before
    return True


def _compiled(numba: Any, function: Callable[..., Any]) -> Callable[..., Any]:
    """Let numba compile a function when it is first called, or take it from the cache."""
    try:
        return numba.njit(function, cache=True, nogil=True, error_model="numpy")
    except RuntimeError:
        # No folder that may be written anywhere: every process compiles for itself.
        return numba.njit(function, nogil=True, error_model="numpy")


def _cache_folder() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    return (Path(home) if home else Path("~/.cache").expanduser()) / "sftdata" / "numba"


def threads() -> int:
    """Return how many threads this process may use.

    Raises:
        ConfigError: `SFTDATA_THREADS` is not a whole number above 0.
    """
    wanted = os.environ.get("SFTDATA_THREADS")
    if wanted:
        if not wanted.isdecimal() or int(wanted) < 1:
            raise ConfigError(f"SFTDATA_THREADS is {wanted!r}; it must be a whole number above 0")
        return int(wanted)
    if parent_process() is not None:
        return 1
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min(cores or 1, MOST_THREADS)


def in_order(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Yield `function(item)` of every item in their order, a few at work ahead in threads.

    >>> list(in_order(lambda n: n * n, range(5)))
    [0, 1, 4, 9, 16]
    """
    count = threads()
    rest = iter(items)
    first = list(islice(rest, 2))
    if count == 1 or len(first) < 2:
        yield from map(function, chain(first, rest))
        return
    with ThreadPoolExecutor(count) as pool:
        under_way: deque[Future[Result]] = deque()
        for item in chain(first, rest):
            under_way.append(pool.submit(function, item))
            if len(under_way) > count:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
