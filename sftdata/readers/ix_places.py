"""Where a fact stands: its table row and column headings, or its sentence."""

from __future__ import annotations

import bisect
import re
from dataclasses import dataclass

from sftdata.readers.html_render import Canonical, Line, TableSpan
from sftdata.readers.html_table import Row, is_amount, is_periodlike
from sftdata.text import sentences
from sftdata.types import Key

__all__ = ["Place", "Places"]

_MAX_CAPTION = 400
_SUBTOTAL = re.compile(r"net (?:cash|\(?(?:in|de)crease|change)", re.IGNORECASE)
_ASIDE = re.compile(r"(?:see|the) accompanying\b", re.IGNORECASE)
_UNIT_NOTE = re.compile(r"\(?(?:[\w$]+\s){0,2}in\s(?:thousands|millions|billions)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Place:
    """The row or sentence around a fact, its label, and what the table says about it."""

    start: int
    end: int
    label: str = ""
    attributes: tuple[Key, ...] = ()


class Places:
    """Finds the place of any range of a canonical text."""

    def __init__(self, page: Canonical) -> None:
        self._page = page
        self._tables = [t.start for t in page.tables]
        self._lines = [line.start for line in page.lines]
        self._known: dict[int, _Headings] = {}
        self._sentences: dict[int, list[tuple[int, int]]] = {}

    def of(self, start: int, end: int) -> Place:
        """Return the place of `text[start:end]`."""
        n = bisect.bisect_right(self._tables, start) - 1
        if n >= 0 and end <= self._page.tables[n].end:
            return self._in_table(n, start, end)
        return self._in_prose(start, end)

    def _in_table(self, n: int, start: int, end: int) -> Place:
        table = self._page.tables[n]
        if n not in self._known:
            self._known[n] = self._headings(n)
        known = self._known[n]
        at = bisect.bisect_right(known.starts, start) - 1
        span = table.rows[max(at, 0)]
        last = bisect.bisect_left(known.starts, end) - 1
        attributes = [
            Key(kind="table_start", value=str(table.start)),
            Key(kind="table_end", value=str(table.end)),
        ]
        if known.caption:
            attributes.append(Key(kind="caption", value=known.caption))
        if last > at:  # a block that covers several rows has no label
            return Place(span.start, table.rows[last].end, "", tuple(attributes))
        column = self._column_of(span.start, start, table.width)
        heading = known.columns[at].get(column, "")
        for kind, value in (("column", heading), ("parent", known.parents[at])):
            if value:
                attributes.append(Key(kind=kind, value=value))
        return Place(span.start, span.end, span.row.label(), tuple(attributes))

    def _headings(self, n: int) -> _Headings:
        """Return a table's headings; a table right below another has what it lacks from there."""
        table = self._page.tables[n]
        found = caption(self._page, table)
        before = self._page.tables[n - 1] if n else None
        if before is None or self._page.text[before.end : table.start].strip():
            return _Headings(table, found)
        for m in range(self._first_of_run(n), n):
            if m not in self._known:
                self._known[m] = self._headings(m)
        above = self._known[n - 1]
        alike = before.width == table.width and not table.rows[0].row.header
        return _Headings(table, found or above.caption, above.last if alike else None)

    def _first_of_run(self, n: int) -> int:
        """Return the first of the tables that follow each other without text between."""
        tables = self._page.tables
        while n and not self._page.text[tables[n - 1].end : tables[n].start].strip():
            n -= 1
        return n

    def _column_of(self, row_start: int, start: int, width: int) -> int:
        before = self._page.text[row_start:start].replace("\\|", "")
        return min(before.count("|") - 1, width - 1)

    def _in_prose(self, start: int, end: int) -> Place:
        n = max(bisect.bisect_right(self._lines, start) - 1, 0)
        last = max(bisect.bisect_left(self._lines, end) - 1, n)
        if not self._page.lines:
            return Place(start, end)
        first = self._around(n, start)
        final = self._around(last, end - 1) if end - 1 >= first[1] else first
        return Place(min(first[0], start), max(final[1], end))

    def _around(self, n: int, at: int) -> tuple[int, int]:
        line = self._page.lines[n]
        if n not in self._sentences:
            self._sentences[n] = sentences(self._page.text, line.start, line.end)
        found = (s for s in self._sentences[n] if s[0] <= at < s[1])
        return next(found, (line.start, line.end))


class _Headings:
    """For each row of a table: the heading of each column, and the label of the group it is in."""

    def __init__(
        self, table: TableSpan, caption_text: str, goes_on: dict[int, list[str]] | None = None
    ) -> None:
        self.starts = [row.start for row in table.rows]
        self.caption = caption_text
        self.columns: list[dict[int, str]] = []
        self.parents: list[str] = []
        self._headings: dict[int, list[str]] = dict(goes_on or {})
        self._fresh = True
        self._groups: list[tuple[float, str]] = []
        self._indents = len({_indent(row.row) for row in table.rows if not row.row.header}) > 1
        for span in table.rows:
            self._take(span.row)
        self.last = self._headings

    def _take(self, row: Row) -> None:
        if row.header or _is_heading_row(row):
            if not self._fresh:
                self._headings, self._fresh = {}, True
            for cell in row.cells:
                for column in cell.columns:
                    if column:
                        self._headings.setdefault(column, []).append(cell.text)
            self.columns.append({})
            self.parents.append("")
            return
        self._fresh = False
        self.columns.append({c: " ".join(parts) for c, parts in self._headings.items()})
        self.parents.append(self._group(row))

    def _group(self, row: Row) -> str:
        """Return the label that the row stands under, and open a group where the row is a label."""
        indent = _indent(row)
        label = row.label()
        if not self._indents and _SUBTOTAL.match(label):
            self._groups.clear()
        while self._indents and self._groups and self._groups[-1][0] >= indent:
            self._groups.pop()
        parent = self._groups[-1][1] if self._groups else ""
        if label and len(row.cells) == 1:
            if not self._indents:
                self._groups.clear()
                parent = ""
            self._groups.append((indent, label))
        elif label.lower().startswith("total") and self._groups:
            # A total ends its group, however deep the rows after it are set.
            self._groups = self._groups[:-1] if self._indents else []
        return parent


def _indent(row: Row) -> float:
    return row.cells[0].raw.indent if row.cells else 0.0


def _is_heading_row(row: Row) -> bool:
    """Return whether a row in the midst of a table gives new column headings."""
    if not row.cells or any(0 in c.columns for c in row.cells):
        return False
    return all(is_periodlike(c.text) and not is_amount(c.text) for c in row.cells)


def caption(page: Canonical, table: TableSpan) -> str:
    """Return the text just before a table that says what it shows and in what unit.

    Title lines are taken together ("CONSOLIDATED BALANCE SHEETS (In millions)"); otherwise it is
    the last sentence of the paragraph before the table. A title or unit that stands in the first
    column of the heading rows belongs to it as well.
    """
    inside = " ".join(
        cell.text
        for span in table.rows
        if span.row.header
        for cell in span.row.cells[:1]
        if 0 in cell.columns and any(ch.isalpha() for ch in cell.text)
    )[:_MAX_CAPTION]
    if inside and not _UNIT_NOTE.match(inside):
        return inside
    return " ".join(part for part in (_text_before(page, table), inside) if part)


def _text_before(page: Canonical, table: TableSpan) -> str:
    before = [line for line in _lines_before(page, table) if not _ASIDE.match(line.text)]
    if not before:
        return ""
    taken: list[Line] = []
    for line in reversed(before[-4:]):
        if not _is_title(line):
            break
        taken.insert(0, line)
    text = " ".join(line.text for line in taken)
    if taken and len(text) <= _MAX_CAPTION:
        return text
    last = before[-1]
    ends = sentences(page.text, last.start, last.end)
    start, end = ends[-1] if ends else (last.start, last.end)
    return page.text[start:end][-_MAX_CAPTION:]


def _lines_before(page: Canonical, table: TableSpan) -> list[Line]:
    """Return the lines between this table and the one before it, at most six."""
    at = bisect.bisect_left(page.lines, table.start, key=lambda line: line.start)
    tables = bisect.bisect_left(page.tables, table.start, key=lambda t: t.start)
    floor = page.tables[tables - 1].end if tables else 0
    return [line for line in page.lines[max(0, at - 6) : at] if line.start >= floor]


def _is_title(line: Line) -> bool:
    text = line.text
    if len(text) > 200 or text.endswith("."):
        return text.startswith("(") and len(text) <= 200
    return line.stands_out() or line.centre or (text.startswith("(") and text.endswith(")"))
