"""Blocks to the canonical text, with the offsets of every mark, line and table row."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from sftdata.readers.html_blocks import Block
from sftdata.readers.html_flow import BREAK, Token, Writer, marks_of
from sftdata.readers.html_furniture import drop_furniture
from sftdata.readers.html_table import Cell, Row, Table, arrange

__all__ = ["Canonical", "Line", "RowSpan", "TableSpan", "render"]

_SHORT = 160
_RULE = re.compile(r"[\s_=*\u2010-\u2015-]{3,}")
"""A line that is drawn with characters: it says nothing."""


@dataclass(slots=True)
class Line:
    """One paragraph of the canonical text: its range and how it was set."""

    start: int
    end: int
    text: str
    bold: float
    """Share of its characters set in bold (0 to 1); the same for italic and underline."""
    italic: float
    underline: float
    centre: bool
    heading: bool
    anchors: tuple[str, ...]
    links: tuple[str, ...]

    def stands_out(self) -> bool:
        """Return whether the whole line is set apart as headings are."""
        return self.heading or max(self.bold, self.italic, self.underline) >= 0.8


@dataclass(slots=True)
class RowSpan:
    """One row of a table in the text."""

    start: int
    end: int
    row: Row


@dataclass(slots=True)
class TableSpan:
    """A table in the text, with its logical rows."""

    start: int
    end: int
    rows: list[RowSpan]
    width: int
    anchors: tuple[str, ...] = ()
    links: tuple[str, ...] = ()


@dataclass(slots=True)
class Canonical:
    """The canonical text of a page and what is known of its places.

    `lines` and `tables` are in reading order; `starts` and `ends` give the range of each mark that
    has visible text.
    """

    text: str
    lines: list[Line]
    tables: list[TableSpan]
    starts: dict[int, int]
    ends: dict[int, int]


@dataclass(slots=True)
class _State:
    writer: Writer
    lines: list[Line] = field(default_factory=list)
    tables: list[TableSpan] = field(default_factory=list)
    anchors: list[str] = field(default_factory=list)
    before: Block | None = None


def render(blocks: list[Block]) -> Canonical:
    r"""Return the canonical text of the blocks.

    Paragraphs are parted by a blank line, lines that belong together (title lines, list items) by
    a line end; tables are pipe tables with a rule below their heading rows.

    >>> c = render([Block(tokens=["One"], chars=3), Block(tokens=["Two"], chars=3, gap=True)])
    >>> c.text
    'One\n\nTwo'
    """
    state = _State(Writer())
    for block in drop_furniture(list(_laid_out(blocks))):
        state.anchors += block.anchors
        if block.rows is not None:
            table = arrange(block.rows)
            assert isinstance(table, Table)
            _write_table(state, block, table)
        elif block.chars and not _RULE.fullmatch(block.words()):
            _write_line(state, block)
        else:
            state.writer.write(marks_of(block.tokens))
    writer = state.writer
    return Canonical(writer.text(), state.lines, state.tables, writer.starts, writer.ends)


def _laid_out(blocks: Iterable[Block]) -> Iterable[Block]:
    """Yield the blocks with layout tables turned into the paragraphs that they are."""
    for block in blocks:
        found = arrange(block.rows) if block.rows is not None else None
        if isinstance(found, list):
            yield from found
        else:
            yield block


def _write_line(state: _State, block: Block) -> None:
    writer = state.writer
    if block.glued:
        writer.space()
    else:
        writer.gap(_gap(state.before, block))
    mark = -len(state.lines) - 2  # never a mark of the page: those count from zero
    tokens = _escaped(block.tokens) if block.words().startswith("|") else block.tokens
    writer.write([2 * mark, *tokens, 2 * mark + 1])
    start, end = writer.starts.pop(mark, None), writer.ends.pop(mark, None)
    if start is None or end is None:
        return
    size = max(block.chars, 1)
    line = Line(
        start,
        end,
        block.words(),
        block.bold / size,
        block.italic / size,
        block.underline / size,
        block.centre,
        block.heading,
        tuple(state.anchors),
        tuple(block.links),
    )
    state.anchors = []
    if block.glued and state.lines:
        last = state.lines[-1]
        last.end, last.text = end, f"{last.text} {line.text}"
    else:
        state.lines.append(line)
    state.before = block


def _gap(before: Block | None, block: Block) -> int:
    """Return 1 for lines that belong together (titles, list items), 2 for a new paragraph."""
    if before is None or before.rows is not None or block.gap:
        return 1 if before is not None and _listed(before) and _listed(block) else 2
    titles = _titled(before) and _titled(block)
    return 1 if titles or (_listed(before) and _listed(block)) else 2


def _titled(block: Block) -> bool:
    size = max(block.chars, 1)
    return block.chars <= _SHORT and (block.centre or block.bold >= 0.9 * size)


def _listed(block: Block) -> bool:
    return block.rows is None and block.words()[:1] in (
        "•",
        "●",
        "▪",
        "■",
        "◦",
        "·",
        "‣",
        "➢",
        "☐",
        "☒",
    )


def _write_table(state: _State, block: Block, table: Table) -> None:
    writer = state.writer
    writer.gap(2)
    rows: list[RowSpan] = []
    heads = sum(row.header for row in table.rows)
    for n, row in enumerate(table.rows):
        if not row.cells:
            writer.write(row.marks)
            continue
        if n:
            writer.gap(1)
        rows.append(_write_row(writer, row, table.width))
        if heads and n == heads - 1:
            writer.gap(1)
            writer.literal("|" + " --- |" * table.width)
    links = [link for raw in block.rows or () for cell in raw for link in cell.links]
    state.tables.append(
        TableSpan(
            rows[0].start, writer.length, rows, table.width, tuple(state.anchors), tuple(links)
        )
    )
    state.anchors = []
    state.before = block
    writer.gap(2)


def _write_row(writer: Writer, row: Row, width: int) -> RowSpan:
    cells: list[list[list[Token]]] = [[] for _ in range(width)]
    for cell in row.cells:
        for copy, column in enumerate(_shown_in(row, cell)):
            tokens = (
                cell.tokens
                if copy == 0
                else [t for t in cell.tokens if isinstance(t, str) or t == BREAK]
            )
            cells[column].append(_escaped(tokens))
    cells[0].insert(0, row.marks)
    writer.literal("|")
    start = writer.length - 1
    for parts in cells:
        for part in parts:
            writer.space()
            writer.write(part, breaks=False)
        writer.space()
        writer.literal("|")
    return RowSpan(start, writer.length, row)


def _shown_in(row: Row, cell: Cell) -> tuple[int, ...]:
    """Return the columns a cell is written in: a heading stands over each that it spans."""
    return cell.columns if row.header and cell.columns[0] else cell.columns[:1]


def _escaped(tokens: list[Token]) -> list[Token]:
    return [t.replace("|", "\\|") if isinstance(t, str) else t for t in tokens]
