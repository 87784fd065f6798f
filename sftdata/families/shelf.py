"""The passages of one document, and which of them stand in a prompt.

A prompt quotes documents verbatim: every passage is a span of `Document.text`, so what was read
can be proved afterwards. Distractors come from the same document first (they are the hard ones)
and, for a share of the prompts, from another document of the same split.
"""

from __future__ import annotations

import fnmatch
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from sftdata.chance import fraction, rank, shuffled
from sftdata.families.display import display_title
from sftdata.families.family import Context
from sftdata.text import passages as cut_passages
from sftdata.types import Document, Fact, Section

__all__ = ["PassageText", "Shelf", "part_of", "passage_spans"]

_STATEMENT_CHARS = 7000


@dataclass(frozen=True, slots=True, kw_only=True)
class PassageText:
    """A passage with its text and the heading under which it is shown."""

    document_id: str
    start: int
    end: int
    heading: str
    text: str

    def holds(self, start: int, end: int) -> bool:
        """Return whether a span of the same document lies inside."""
        return self.start <= start and end <= self.end


def passage_spans(doc: Document) -> list[tuple[int, int]]:
    """Cut a document into passages; a financial statement stays whole up to 7,000 characters."""
    spans = cut_passages(doc.text, doc.sections, max_chars=2400)
    whole = sorted(
        (s.start, s.end)
        for s in doc.sections
        if s.kind.startswith("statement_") and s.end - s.start <= _STATEMENT_CHARS
    )
    for start, end in whole:
        inside = [s for s in spans if s[0] < end and s[1] > start]
        if len(inside) > 1:
            joined = (min(inside[0][0], start), max(inside[-1][1], end))
            if joined[1] - joined[0] <= _STATEMENT_CHARS + 2400:
                spans = sorted([s for s in spans if s not in inside] + [joined])
    return spans


def part_of(passage: PassageText, start: int, end: int) -> PassageText:
    """Return a part of a passage, by document offsets, under the same heading."""
    text = passage.text[start - passage.start : end - passage.start]
    return replace(passage, start=start, end=end, text=text)


class Shelf:
    """One document's passages, ready to be asked for.

    `dropped` are spans that the passage deduplication has taken out; `foreign` are passages of
    other documents in the same split.
    """

    def __init__(
        self,
        doc: Document,
        *,
        dropped: frozenset[tuple[int, int]] = frozenset(),
        foreign: Sequence[PassageText] = (),
    ) -> None:
        self.doc = doc
        self.foreign = tuple(foreign)
        self.passages = tuple(
            self._passage(start, end)
            for start, end in passage_spans(doc)
            if (start, end) not in dropped
        )
        self._starts = [p.start for p in self.passages]

    def _passage(self, start: int, end: int) -> PassageText:
        doc = self.doc
        section = self.section_at(start, end)
        title = display_title(doc)
        heading = f"{title} — {section.title}" if section and section.title else title
        return PassageText(
            document_id=doc.document_id,
            start=start,
            end=end,
            heading=heading,
            text=doc.text[start:end],
        )

    def section_at(self, start: int, end: int) -> Section | None:
        """Return the innermost section that holds the middle of a span."""
        middle = (start + end) // 2
        inside = [s for s in self.doc.sections if s.start <= middle < s.end and s.kind != "heading"]
        return max(inside, key=lambda s: (s.level, s.start), default=None)

    def section(self, patterns: Sequence[str]) -> list[Section]:
        """Return the sections whose kind matches one of the patterns, in order."""
        return [
            s for s in self.doc.sections if any(fnmatch.fnmatchcase(s.kind, p) for p in patterns)
        ]

    def holding(self, start: int, end: int) -> PassageText | None:
        """Return the passage that holds a span whole."""
        index = bisect_right(self._starts, start) - 1
        if index >= 0 and self.passages[index].holds(start, end):
            return self.passages[index]
        return None

    def home(self, fact: Fact) -> PassageText | None:
        """Return the passage where a fact can be read: its row, and its table's head."""
        if fact.start is None or fact.end is None:
            return None
        start = fact.start if fact.row_start is None else fact.row_start
        end = fact.end if fact.row_end is None else fact.row_end
        passage = self.holding(start, end)
        head = fact.attribute("table_start")
        if passage is None or (head and int(head) < passage.start):
            return None
        return passage

    def whole(self) -> PassageText:
        """Return the whole document as one passage."""
        doc = self.doc
        return PassageText(
            document_id=doc.document_id,
            start=0,
            end=len(doc.text),
            heading=doc.title,
            text=doc.text,
        )

    def facts_in(self, passages: Sequence[PassageText]) -> list[Fact]:
        """Return the document's facts that can be read in these passages."""
        mine = [p for p in passages if p.document_id == self.doc.document_id]
        return [
            f
            for f in self.doc.facts
            if f.start is not None
            and f.end is not None
            and any(p.holds(f.start, f.end) for p in mine)
        ]

    def context(
        self,
        gold: Sequence[PassageText],
        spec: Context,
        seed: tuple[object, ...],
        allowed: Callable[[PassageText], bool] = lambda _: True,
    ) -> tuple[PassageText, ...] | None:
        """Return gold passages with distractors, in an order that does not tell which is which.

        None when the gold alone is longer than the context may be.
        """
        if not gold:
            return None
        gold = list(dict.fromkeys([*gold, *self.always(spec)]))
        length = sum(len(p.text) for p in gold)
        if length > spec.max_chars:
            return None
        low, high = spec.passages
        wanted = low + rank(*seed, "count") % (high - low + 1)
        chosen = list(gold)
        for passage in self._distractors(gold, spec, seed):
            if len(chosen) >= max(wanted, len(gold)):
                break
            if length + len(passage.text) <= spec.max_chars and allowed(passage):
                chosen.append(passage)
                length += len(passage.text)
        return tuple(self.arranged(chosen, spec, seed))

    def always(self, spec: Context) -> list[PassageText]:
        """Return the passages in which the sections begin that every prompt shows."""
        heads = self.section(spec.always) if spec.always else []
        return [p for p in self.passages if any(p.start <= s.start < p.end for s in heads)]

    def arranged(
        self, passages: Sequence[PassageText], spec: Context, seed: tuple[object, ...]
    ) -> list[PassageText]:
        """Return passages in the order of the prompt: the document's, or shuffled by lineage."""
        mine = self.doc.document_id
        if spec.in_order:
            return sorted(passages, key=lambda p: (p.document_id != mine, p.document_id, p.start))
        return shuffled(passages, *seed, "order", key=lambda p: (p.document_id, p.start))

    def _distractors(
        self, gold: Sequence[PassageText], spec: Context, seed: tuple[object, ...]
    ) -> list[PassageText]:
        others = [p for p in self.passages if p not in gold and len(p.text) >= spec.shortest]
        centre = gold[0].start
        near = sorted(others, key=lambda p: abs(p.start - centre))[:4]
        mixed = shuffled(near, *seed, "near", key=lambda p: p.start)[:1]
        mixed += [
            p for p in shuffled(others, *seed, "far", key=lambda p: p.start) if p not in mixed
        ]
        if self.foreign and fraction(*seed, "foreign") < spec.foreign:
            mixed.insert(0, self.foreign[rank(*seed, "which") % len(self.foreign)])
        return mixed
