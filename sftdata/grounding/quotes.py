"""Quotes: does the evidence stand where it says, and where does a quote stand?"""

from __future__ import annotations

import unicodedata

from sftdata.text import Span
from sftdata.types import Evidence

__all__ = ["find_quote", "requotes"]

_ALIKE = str.maketrans("‘’‛“”„‐‑‒–—−", "'''\"\"\"------")


def requotes(text: str, evidence: Evidence) -> bool:
    """Return whether the evidence's span of `text` is its quote, character by character.

    >>> requotes("Net sales rose.", Evidence(document_id="d", start=0, end=9, quote="Net sales"))
    True
    """
    inside = 0 <= evidence.start < evidence.end <= len(text)
    return inside and text[evidence.start : evidence.end] == evidence.quote


def find_quote(text: str, quote: str) -> Span | None:
    r"""Return the span of a quote in `text`: the exact one, else one that differs in form only.

    Form is white space, full and half width, and the shape of quotation marks and dashes: what a
    person or a model changes without noticing. Letters, case, digits and all other marks must be
    the same. The span is of the original text, whose wording the caller should then quote.

    >>> find_quote("Net  sales\nrose １２%", "sales rose 12%")
    (5, 19)
    >>> find_quote("Net sales rose", "net sales") is None
    True
    """
    wanted = quote.strip()
    if not wanted:
        return None
    at = text.find(wanted)
    if at >= 0:
        return at, at + len(wanted)
    squeezed, offsets = _squeezed(text)
    key, _ = _squeezed(wanted)
    at = squeezed.find(key) if key else -1
    return (offsets[at], offsets[at + len(key) - 1] + 1) if at >= 0 else None


def _squeezed(text: str) -> tuple[str, list[int]]:
    """Return the text without white space, in one width, and each character's old offset."""
    characters: list[str] = []
    offsets: list[int] = []
    for offset, character in enumerate(text):
        for folded in unicodedata.normalize("NFKC", character).translate(_ALIKE):
            if not folded.isspace():
                characters.append(folded)
                offsets.append(offset)
    return "".join(characters), offsets
