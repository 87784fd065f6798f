"""Whether a list in free text was read to its end.

A grammar may know three of the five drugs on a line. Those three are right, but as the answer to
"which drugs" they are wrong: a list is gold only when each of its items is a fact.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from sftdata.families.family import Term
from sftdata.grounding.asked import labelled, units
from sftdata.text import Span
from sftdata.types import Document, Fact, Section

__all__ = ["body", "every_item_is_a_fact", "items", "told_once"]

_MARK = re.compile(r"^[ \t]*(?:\(?\d{1,2}[.)、]|[-•*])[ \t]*", re.MULTILINE)
_BREAK = re.compile(
    r"[;；，、\n]|,(?!\d)|[.。](?=\s|$)|(?<=[A-Za-z])\.(?=\s+[A-Z])|\band\b|\bwith\b|以及|和"
)
_ABBREVIATION = re.compile(r"(?:\b[a-z](?:\.[a-z])*|\bDr|\bNo|\bapprox)$", re.IGNORECASE)
_FILLER = re.compile(
    r"^(?:the|a|an|he|she|his|her|patient|has|have|is|was|are|takes?|taking|on|to|of|for|also|known|"
    r"currently|include[sd]?|including|following|presently|at|her|as|above|vital|signs?|vitals)$",
    re.IGNORECASE,
)
_DIGIT = re.compile(r"\d")
_WORD = re.compile(r"[A-Za-z]+|[\u4e00-\u9fff]+|\d+")


def body(doc: Document, section: Section) -> Span:
    """Return the span of a section behind its title."""
    text = doc.text[section.start : section.end]
    start = section.start
    if section.title and text.lower().startswith(section.title.lower()):
        rest = text[len(section.title) :]
        start += len(section.title) + len(rest) - len(rest.lstrip(" :：\n\t"))
    end = section.start + len(text.rstrip())
    return min(start, end), end


def items(text: str, start: int, end: int) -> list[Span]:
    """Return the items of a list: its numbered lines, or else what commas and stops set apart.

    >>> t = "Aspirin 81 mg daily, Lasix 40 mg b.i.d. and Coreg."
    >>> [t[a:b] for a, b in items(t, 0, len(t))]
    ['Aspirin 81 mg daily', 'Lasix 40 mg b.i.d.', 'Coreg']
    """
    marks = list(_MARK.finditer(text, start, end))
    if len(marks) > 1:
        borders = [m.start() for m in marks] + [end]
        lead = [(start, marks[0].start())] if text[start : marks[0].start()].strip() else []
        return lead + list(pairwise(borders))
    cuts = [start]
    for found in _BREAK.finditer(text, start, end):
        stop = found.group() == "."
        if stop and _ABBREVIATION.search(text, cuts[-1], found.start()) and _goes_on(text, found):
            continue
        cuts += [found.start(), found.end()]
    cuts.append(end)
    spans = [(a, b) for a, b in zip(cuts[::2], cuts[1::2], strict=False)]
    return [_trimmed(text, a, b) for a, b in spans if text[a:b].strip()]


def _goes_on(text: str, found: re.Match[str]) -> bool:
    """Say whether the words after an abbreviation's stop belong to it: `q.6 h.`, `p.o. daily`."""
    after = text[found.end() : found.end() + 2].strip()
    return bool(after) and not after[0].isupper()


def _trimmed(text: str, start: int, end: int) -> Span:
    piece = text[start:end]
    left = len(piece) - len(piece.lstrip())
    return start + left, start + len(piece.rstrip())


def every_item_is_a_fact(doc: Document, section: Section, facts: Sequence[Fact]) -> bool:
    """Return whether each item of a section holds one of the facts, and at least one is there."""
    spans = [(f.start, f.end) for f in facts if f.start is not None and f.end is not None]
    start, end = body(doc, section)
    inside = [s for s in spans if s[0] < end and s[1] > start]
    return bool(inside) and all(
        any(a < e and b > s for s, e in inside) or _says_nothing(doc.text[a:b])
        for a, b in items(doc.text, start, end)
    )


def told_once(text: str, term: Term | None, fact: Fact) -> bool:
    """Return whether a document names a field beside a number in one line or sentence only.

    "Creatinine 1.8 … creatinine had been 1.2" leaves open which one is asked for.
    """
    labels = term.labels() if term else (fact.label,)
    return sum(bool(_DIGIT.search(unit.text)) for unit in labelled(units(text), labels)) <= 1


def _says_nothing(item: str) -> bool:
    words = _WORD.findall(item)
    return all(_FILLER.match(w) for w in words)
