"""Choices that look random and never change: a hash of the seed and of what is chosen.

Global randomness would make the rows depend on order and on the number of workers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

__all__ = ["choose", "fraction", "rank", "shuffled"]

T = TypeVar("T")


def rank(*parts: object) -> int:
    """Return a 64-bit integer that depends on the parts alone.

    >>> rank(1, "a") == rank(1, "a"), rank(1, "a") == rank(2, "a")
    (True, False)
    """
    text = "\x1f".join(str(p) for p in parts)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def fraction(*parts: object) -> float:
    """Return a number in [0, 1) that depends on the parts alone."""
    return rank(*parts) / 2**64


def choose(items: Sequence[T], *parts: object) -> T:
    """Return one of the items; each is as likely as the others over many parts."""
    return items[rank(*parts) % len(items)]


def shuffled(items: Iterable[T], *parts: object, key: Any = None) -> list[T]:
    """Return the items in an order that depends on the parts and on each item's own key."""
    return sorted(items, key=lambda item: rank(*parts, key(item) if key else item))
