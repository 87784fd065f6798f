"""A page of canonical text on which the place of every fact is noted as it is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from sftdata.types import Fact, Section

__all__ = ["Page", "Piece"]

Piece = str | Fact | tuple[Fact, ...]
"""Plain text, a fact that is written as its `as_reported`, or a fact with its parts: the first is
written, the others are found inside it in order (`118/76`, then `118` and `76`)."""


@dataclass(slots=True)
class Page:
    """Lines, headings and pipe tables; facts get their span and their row on the way.

    >>> page = Page("visit-1")
    >>> page.heading("VITAL SIGNS", "vitals")
    >>> page.line("Pulse: ", Fact(fact_id="", name="loinc:8867-4", label="Pulse", kind="numeric",
    ...           value="72", as_reported="72"), " bpm")
    >>> text, sections, facts = page.finish()
    >>> text[facts[0].start:facts[0].end], text[facts[0].row_start:facts[0].row_end]
    ('72', 'Pulse: 72 bpm')
    """

    document_id: str
    _parts: list[str] = field(default_factory=list)
    _at: int = 0
    _facts: list[Fact] = field(default_factory=list)
    _sections: list[Section] = field(default_factory=list)

    def _write(self, text: str) -> None:
        self._parts.append(text)
        self._at += len(text)

    def line(self, *pieces: Piece) -> None:
        """Write one line; its facts take the line as their row."""
        row_start = self._at
        placed: list[Fact] = []
        for piece in pieces:
            if isinstance(piece, str):
                self._write(piece)
                continue
            placed += self._place(piece if isinstance(piece, tuple) else (piece,))
        row_end = self._at
        self._write("\n")
        for fact in placed:
            number = len(self._facts) + 1
            self._facts.append(
                replace(
                    fact,
                    fact_id=f"{self.document_id}#f{number}",
                    row_start=row_start,
                    row_end=row_end,
                )
            )

    def _place(self, facts: tuple[Fact, ...]) -> list[Fact]:
        whole, *parts = facts
        start = self._at
        self._write(whole.as_reported)
        placed = [replace(whole, start=start, end=self._at)]
        within = 0
        for part in parts:
            within = whole.as_reported.index(part.as_reported, within)
            end = within + len(part.as_reported)
            placed.append(replace(part, start=start + within, end=start + end))
            within = end
        return placed

    def heading(self, title: str, kind: str, level: int = 1) -> None:
        """Begin a section; the one before it ends here."""
        self._close()
        if self._parts:
            self._write("\n")
        self._sections.append(
            Section(title=title, kind=kind, level=level, start=self._at, end=self._at)
        )
        self._write(f"{title}\n")

    def table(self, header: Sequence[str], rows: Sequence[Sequence[Sequence[Piece]]]) -> None:
        """Write a pipe table: header, rule, one line a row; a cell is a list of pieces."""
        self.line("| ", " | ".join(header), " |")
        self.line("|", "|".join(" --- " for _ in header), "|")
        for row in rows:
            pieces: list[Piece] = ["|"]
            for cell in row:
                filled = [p for p in cell if p]
                pieces += [" ", *filled, " |"] if filled else [" |"]
            self.line(*pieces)

    def _close(self) -> None:
        if self._sections:
            self._sections[-1] = replace(self._sections[-1], end=self._at - 1)

    def finish(self) -> tuple[str, tuple[Section, ...], tuple[Fact, ...]]:
        """Return the text, its sections and its facts."""
        self._close()
        return "".join(self._parts).rstrip(), tuple(self._sections), tuple(self._facts)
