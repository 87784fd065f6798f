"""Cells as written to columns as read.

Filings draw one column with three or more cells (`$`, `94,036`, `)`), put empty spacer columns
between, and let headings span. Here cells that are parts of one amount become one, and overlapping
cells become one column, so that a row reads `| Net sales | $ 94,036 | $ 85,777 |`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from sftdata.readers.html_blocks import Block, RawCell
from sftdata.readers.html_flow import BREAK, Token, marks_of, plain

__all__ = ["Cell", "Row", "Table", "arrange", "is_amount", "is_periodlike"]

_PREFIX = re.compile(
    r"(?:(?:US|C|CA|A|AU|HK|NT|S|R|NZ)?[$€£¥₩₹￥]|RMB|EUR|USD|GBP|CAD|CHF)(?:\s?\()?|\("
)
_SUFFIX = re.compile(r"[)%]+(?:\s?%)?|\)\s?%|%\s?\)|pts?\.?|bps|x")
_NUMBERLIKE = re.compile(
    r"[-+(\[$€£¥ ]*(?:\d|[-\u2010-\u2015\u2212*]+\s*\)?%?$|N/?A$|nm$|NM$)", re.IGNORECASE
)
_AMOUNT = re.compile(
    r"(?:(?:US|C|A|HK)?[$€£¥]|RMB|USD|EUR)?\s*[-\u2013\u2212(]?\s*(?:[$€£¥]\s*)?"
    r"(?:\d[\d,]*(?:\.\d+)?|\.\d+|[-\u2012-\u2015\u2212])\s*[)%]*\s*(?:pts?\.?|bps|x|%)?"
)
_YEAR = re.compile(r"(?:FY\s?)?(?:19|20)\d\d(?:E|A|\s*\(\d\))?", re.IGNORECASE)
_PERIOD = re.compile(
    r"(?:19|20)\d\d|\b(?:jan|feb|mar|apr|may|june?|july?|aug|sep|oct|nov|dec)[a-z]*\.?\s+\d{1,2}\b"
    r"|\b(?:months|weeks|quarter|year|years) ended\b|\bended\b|\bas of\b|\bfiscal\b|\bchange\b",
    re.IGNORECASE,
)
_UNIT_NOTE = re.compile(
    r"\(?(?:[\w$]+\s){0,2}in\s(?:thousands|millions|billions|u\.?s\.?)", re.IGNORECASE
)
_BULLET = re.compile(r"[•●▪■◦·∙‣➢o*\u2012-\u2015-]|\(?[A-Za-z0-9]{1,3}[.)]|\([ivx]{1,5}\)")


@dataclass(slots=True)
class Cell:
    """One logical cell: tokens, text, grid range `[left, right)`."""

    tokens: list[Token]
    text: str
    left: int
    right: int
    raw: RawCell
    columns: tuple[int, ...] = ()


@dataclass(slots=True)
class Row:
    """One row of logical cells (empty ones left out)."""

    cells: list[Cell]
    header: bool = False
    marks: list[Token] = field(default_factory=list)
    """Marks of cells that hold no text."""

    def label(self) -> str:
        """Return the first cell with letters: what the row is about."""
        worded = next((c.text for c in self.cells if any(ch.isalpha() for ch in c.text)), "")
        first = self.cells[0] if self.cells else None
        if first is not None and first.columns[:1] == (0,) and _YEAR.fullmatch(first.text):
            return first.text
        return worded

    def has_amount(self) -> bool:
        """Return whether a cell after the first column is a number."""
        return any(c.columns and c.columns[0] > 0 and is_amount(c.text) for c in self.cells)


@dataclass(slots=True)
class Table:
    """Rows and the number of columns; header rows come first."""

    rows: list[Row]
    width: int


def _is_money(text: str) -> bool:
    """Return whether a cell is an amount that is more than a page number."""
    return is_amount(text) and not (text.isdigit() and len(text) <= 4)


def is_amount(text: str) -> bool:
    """Return whether a cell is a number (or a dash for none), and not just a year.

    >>> is_amount("$ (1,234)"), is_amount("2024"), is_amount("3.5%"), is_amount("Total")
    (True, False, True, False)
    """
    return _AMOUNT.fullmatch(text) is not None and not _YEAR.fullmatch(text)


def is_periodlike(text: str) -> bool:
    """Return whether a cell names a period, date or year, as column headings do."""
    return len(text) <= 120 and (_PERIOD.search(text) is not None or text in ("$", "%"))


def arrange(rows: list[list[RawCell]]) -> Table | list[Block]:
    """Return the logical table, or paragraphs where the table was only layout.

    A table is layout when it has one column, one row without an amount, or bullets for its first
    column.
    """
    placed = [_join_affixes(row) for row in _place(rows)]
    columns = _columns([cell for row in placed for cell in row.cells])
    for row in placed:
        for cell in row.cells:
            cell.columns = tuple(
                n for n, (a, b) in enumerate(columns) if cell.left < b and a < cell.right
            )
    table = Table(_carry_marks(placed), len(columns))
    if _is_layout(table):
        return [_paragraph(row) for row in table.rows]
    _find_headers(table)
    return table


def _place(rows: list[list[RawCell]]) -> list[Row]:
    """Give every cell its grid range, row spans included; cells without text leave their marks."""
    below: dict[int, int] = {}
    placed = []
    for raw_row in rows:
        row = Row([])
        column = 0
        taken = {c for c, n in below.items() if n > 0}
        below = {c: n - 1 for c, n in below.items() if n > 1}
        for raw in raw_row:
            while column in taken:
                column += 1
            text = plain(raw.tokens)
            if text:
                row.cells.append(Cell(raw.tokens, text, column, column + raw.colspan, raw))
            else:
                row.marks += marks_of(raw.tokens)
            if raw.rowspan > 1:
                below.update(dict.fromkeys(range(column, column + raw.colspan), raw.rowspan - 1))
            column += raw.colspan
        placed.append(row)
    return placed


def _join_affixes(row: Row) -> Row:
    """Join currency signs, brackets and percent signs with the number that they belong to."""
    joined: list[Cell] = []
    cells = row.cells
    for n, cell in enumerate(cells):
        before = joined[-1] if joined else None
        near = before is not None and cell.left - before.right <= 1
        if before is not None and near and _continues(before.text, cell.text):
            _append(before, cell, "" if before.text.endswith("(") else " ")
        elif before is not None and near and n and _SUFFIX.fullmatch(cell.text):
            if _NUMBERLIKE.match(before.text):
                _append(before, cell, "")
            else:
                joined.append(cell)
        else:
            joined.append(cell)
    row.cells = joined
    return row


def _continues(before: str, text: str) -> bool:
    if _PREFIX.fullmatch(before) is None:
        return False
    return text == "(" or _NUMBERLIKE.match(text) is not None


def _append(cell: Cell, other: Cell, space: str) -> None:
    cell.tokens = [*_stripped(cell.tokens), space, *_stripped(other.tokens)]
    cell.text = f"{cell.text}{space}{other.text}"
    cell.right = max(cell.right, other.right)
    cell.raw = other.raw if other.raw.chars >= cell.raw.chars else cell.raw


def _stripped(tokens: list[Token]) -> list[Token]:
    """Take the outer white space from tokens: the joint decides whether there is a space."""
    kept = [t for t in tokens if t != BREAK]
    for order, strip in ((range(len(kept)), str.lstrip), (range(len(kept))[::-1], str.rstrip)):
        for n in order:
            token = kept[n]
            if isinstance(token, str):
                kept[n] = strip(token)
                if kept[n]:
                    break
    return kept


def _columns(cells: list[Cell]) -> list[tuple[int, int]]:
    """Return the disjoint column ranges: narrow cells make columns, wide ones span them."""
    found: list[tuple[int, int]] = []
    for cell in sorted(cells, key=lambda c: (c.right - c.left, c.left)):
        over = [c for c in found if cell.left < c[1] and c[0] < cell.right]
        if not over:
            found.append((cell.left, cell.right))
        elif len(over) == 1:
            wider = (min(over[0][0], cell.left), max(over[0][1], cell.right))
            found[found.index(over[0])] = wider
    return sorted(found)


def _carry_marks(rows: list[Row]) -> list[Row]:
    """Drop rows without text and hand their marks on."""
    kept: list[Row] = []
    carried: list[Token] = []
    for row in rows:
        if row.cells:
            row.marks = carried + row.marks
            carried = []
            kept.append(row)
        else:
            carried += row.marks
    if kept:
        kept[-1].marks = kept[-1].marks + carried
    elif carried:
        kept.append(Row([], marks=carried))
    return kept


def _is_layout(table: Table) -> bool:
    rows = [r for r in table.rows if r.cells]
    if table.width <= 1 or not rows:
        return True
    amounts = any(row.has_amount() for row in rows)
    if len(rows) == 1:
        return len(rows[0].cells) <= 3 and not any(_is_money(c.text) for c in rows[0].cells)
    if table.width == 2 and not amounts:
        return all(len(r.cells) == 2 and _BULLET.fullmatch(r.cells[0].text) for r in rows)
    return False


def _paragraph(row: Row) -> Block:
    block = Block(tokens=list(row.marks))
    for cell in row.cells:
        block.tokens += [" ", *cell.tokens]
        block.chars += cell.raw.chars
        block.bold += cell.raw.bold
        block.italic += cell.raw.italic
        block.underline += cell.raw.underline
        block.links += cell.raw.links
        block.centre = block.centre or cell.raw.centre
    return block


def _find_headers(table: Table) -> None:
    """Mark the leading rows of headings; a title that spans the table may stand among them."""
    last = -1
    for n, row in enumerate(table.rows):
        if _heads(row, table.rows[n + 1] if n + 1 < len(table.rows) else None):
            last = n
        elif not (len(row.cells) == 1 and len(row.cells[0].columns) == table.width):
            break
    if last + 1 < len(table.rows):
        for row in table.rows[: last + 1]:
            row.header = True


def _heads(row: Row, after: Row | None) -> bool:
    """Return whether a leading row holds column headings rather than data."""
    later = [c for c in row.cells if c.columns and c.columns[0] > 0]
    if not later or any(is_amount(c.text) for c in later):
        return False
    dated = [_YEAR.fullmatch(c.text) is not None or is_periodlike(c.text) for c in later]
    if all(dated):
        return True
    worded = [any(ch.isalpha() for ch in c.text) for c in later]
    if not all(w or d for w, d in zip(worded, dated, strict=True)) or after is None:
        return False
    first = row.cells[0].text
    if len(later) == len(row.cells) or _UNIT_NOTE.match(first):
        return True
    return _emphasised(row) and not _emphasised(after)


def _emphasised(row: Row) -> bool:
    return all(
        c.raw.header or c.raw.centre or max(c.raw.bold, c.raw.underline) >= 0.8 * c.raw.chars
        for c in row.cells
    )
