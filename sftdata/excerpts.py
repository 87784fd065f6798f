"""Short excerpts of two texts, cut around where they differ."""

from __future__ import annotations

__all__ = ["EXCERPT", "cut_excerpt"]

EXCERPT = 360
"""Characters of a text that a report may show."""


def cut_excerpt(left: str, right: str, size: int = EXCERPT) -> tuple[str, str]:
    """Cut two texts to `size` characters, beginning shortly before they first differ.

    >>> cut_excerpt("same " * 100 + "old", "same " * 100 + "new", size=20)
    ('… same same same old', '… same same same new')
    """
    limit = min(len(left), len(right))
    start = next((i for i in range(limit) if left[i] != right[i]), limit)
    longest = max(len(left), len(right))
    start = 0 if start == longest or longest <= size else max(0, start - size * 3 // 4 - 2)
    return _window(left, start, size), _window(right, start, size)


def _window(text: str, start: int, size: int) -> str:
    if start:
        blank = text.find(" ", start, start + 12)
        start = blank + 1 if blank >= 0 else start
    piece = text[start : start + size]
    before = "… " if start else ""
    after = " …" if start + size < len(text) else ""
    return f"{before}{piece}{after}"
