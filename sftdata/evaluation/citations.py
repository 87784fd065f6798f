"""Citations against gold evidence: does the quoted span hold what the answer rests on?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sftdata.grounding.quotes import find_quote
from sftdata.types import Sample

__all__ = ["Cited", "Span", "cited", "passages_of", "score_citations"]

_COVER = 0.8
_IOU = 0.5
_MOST = 100
_MARK = re.compile(r"[\[【]\s?[Pp](\d{1,3})(?:\s?[,;，、]\s?[Pp]?\d{1,3})*\s?[\]】]")
_HEAD = re.compile(r"^\[P(\d{1,3})\]", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Span:
    """A `[start, end)` range of a document."""

    document_id: str
    start: int
    end: int

    def cites(self, gold: Span) -> bool:
        """Whether it covers at least 80 % of a gold span, or overlaps it with an IoU of 0.5.

        >>> Span("d", 0, 9).cites(Span("d", 0, 10)), Span("d", 0, 4).cites(Span("d", 0, 10))
        (True, False)
        """
        shared = min(self.end, gold.end) - max(self.start, gold.start)
        if self.document_id != gold.document_id or shared <= 0:
            return False
        union = (self.end - self.start) + (gold.end - gold.start) - shared
        return shared >= _COVER * (gold.end - gold.start) or shared >= _IOU * union


@dataclass(frozen=True, slots=True)
class Cited:
    """The citations of an answer, counted.

    Attributes:
        given: citations of the answer.
        right: those whose span holds gold evidence.
        verbatim: those whose quote stands in the named passage, character by character.
        found: those whose quote stands there but for white space, width and shape of marks.
        gold: spans of gold evidence.
        covered: those that a citation holds.
    """

    given: int = 0
    right: int = 0
    verbatim: int = 0
    found: int = 0
    gold: int = 0
    covered: int = 0


def passages_of(sample: Sample) -> list[str]:
    """Return the passages of a prompt, in the order of `sample.context`, verbatim.

    Read from the prompt, which is what the model saw; a `[P2]` inside a passage is no heading,
    because the length of each passage is known.
    """
    user = "\n".join(m.content for m in sample.prompt if m.role == "user")
    found, at = [], 0
    for number, passage in enumerate(sample.context, 1):
        head = next((m for m in _HEAD.finditer(user, at) if int(m[1]) == number), None)
        start = user.find("\n\n", head.end()) if head else -1
        if start < 0:
            found.append("")
            continue
        at = start + 2 + passage.end - passage.start
        found.append(user[start + 2 : at])
    return found


def cited(answer: Any, text: str) -> list[tuple[int, str]]:
    """Return passage number and quote of each citation, each once; a mark in text has no quote.

    >>> cited({"citations": [{"passage": "P2", "quote": "a"}, {"passage": 3}]}, "")
    [(2, 'a'), (3, '')]
    >>> cited(None, "Sales rose [P2, P4].")
    [(2, ''), (4, '')]
    """
    if isinstance(answer, dict) and "citations" in answer:
        given = answer["citations"]
        listed = given if isinstance(given, list) else [given]
        return list(dict.fromkeys(_one(c) for c in listed[:_MOST]))
    marks = [int(n) for mark in _MARK.finditer(text) for n in re.findall(r"\d{1,3}", mark[0])]
    return [(number, "") for number in dict.fromkeys(marks)][:_MOST]


def _one(citation: Any) -> tuple[int, str]:
    if not isinstance(citation, dict):
        return 0, ""
    label = re.search(r"\d{1,3}", str(citation.get("passage", ""))[:8])
    quote = citation.get("quote")
    return int(label[0]) if label else 0, quote if isinstance(quote, str) else ""


def score_citations(sample: Sample, citations: Sequence[tuple[int, str]]) -> Cited:
    """Compare citations with the sample's evidence.

    A quote is looked for in the passage that the citation names. A citation without a quote
    points at the whole passage, and so is right where that holds gold evidence.
    """
    gold = [Span(e.document_id, e.start, e.end) for e in sample.evidence]
    passages = passages_of(sample)
    spans, verbatim, found = [], 0, 0
    for number, quote in citations:
        inside = 1 <= number <= len(passages)
        text = passages[number - 1] if inside else ""
        verbatim += bool(quote) and quote in text
        place = find_quote(text, quote) if quote else ((0, len(text)) if text else None)
        if place is None or not inside:
            continue
        found += bool(quote)
        passage = sample.context[number - 1]
        span = Span(passage.document_id, passage.start + place[0], passage.start + place[1])
        spans.append(span)
    return Cited(
        given=len(citations),
        right=sum(any(s.cites(g) for g in gold) for s in spans),
        verbatim=verbatim,
        found=found,
        gold=len(gold),
        covered=sum(any(s.cites(g) for s in spans) for g in gold),
    )
