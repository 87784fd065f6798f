"""One walk over the element tree: paragraphs, tables and page breaks, with marks in their tokens.

Which elements are marked is the caller's choice (`is_marked`); inline XBRL marks its facts. Marked
elements in invisible parts are returned apart. A table that holds another table is only layout and
is read as if it were not there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from lxml import etree

from sftdata.readers.html_flow import BREAK, Token, clean, closing, opening, plain
from sftdata.readers.html_style import (
    BLOCK_TAGS,
    PLAIN,
    SKIPPED_TAGS,
    TAG_STYLE,
    Style,
    local_name,
    parse_style,
)

__all__ = ["Block", "Page", "RawCell", "walk"]

_NBSP_POINTS = 2.5
"""Width of a non-breaking space in points: filings indent row labels with them."""
_SYMBOLS = str.maketrans(
    {"þ": "☑", "ý": "☒", "x": "☒", "o": "☐", "¨": "☐", "q": "☐", "ü": "✓", "§": "▪", "Ø": "➢"}
)
_SYMBOLS.update({0xF0FE: "☑", 0xF0FD: "☒", 0xF0A8: "☐", 0xF06F: "☐", 0xF0A7: "▪", 0xF0B7: "•"})


@dataclass(slots=True)
class RawCell:
    """A table cell as written: tokens, the grid columns it spans, and how it is set."""

    tokens: list[Token] = field(default_factory=list)
    colspan: int = 1
    rowspan: int = 1
    header: bool = False
    centre: bool = False
    indent: float = 0.0
    chars: int = 0
    bold: int = 0
    italic: int = 0
    underline: int = 0
    links: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Block:
    """A paragraph, a table (`rows` is not None) or a page break (`page_break`)."""

    tokens: list[Token] = field(default_factory=list)
    rows: list[list[RawCell]] | None = None
    page_break: bool = False
    centre: bool = False
    gap: bool = False
    heading: bool = False
    """Written as h1 to h6."""
    glued: bool = False
    """Goes on where the block before stopped: a paragraph cut by a page break."""
    chars: int = 0
    bold: int = 0
    italic: int = 0
    underline: int = 0
    anchors: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)

    def words(self) -> str:
        """Return the block's text on one line (a table's text is in its cells)."""
        return plain(self.tokens)


@dataclass(slots=True)
class Page:
    """The walk's result: blocks in reading order, and the marked elements."""

    blocks: list[Block]
    marked: list[etree._Element]
    """Mark `n` belongs to `marked[n]`."""
    invisible: list[etree._Element]


@dataclass(slots=True)
class _Frame:
    """What one open element inherits to its children, and what closing it must do."""

    name: str
    bold: bool
    italic: bool
    underline: bool
    centre: bool
    superscript: bool
    symbols: bool
    block: bool
    break_after: bool = False
    mark: int = -1
    transparent: bool = False


def _never(_element: etree._Element) -> bool:
    return False


def walk(
    root: etree._Element,
    is_marked: Callable[[etree._Element], bool],
    is_hidden: Callable[[etree._Element], bool] = _never,
) -> Page:
    """Return the visible blocks of a page, in reading order.

    Args:
        root: The page's root element.
        is_marked: Which elements get a mark; called once for each element.
        is_hidden: Which elements are not shown, besides those that HTML and CSS hide.

    >>> tree = etree.fromstring("<html><body><p>One</p><p>Two</p></body></html>")
    >>> [b.words() for b in walk(tree, lambda e: False).blocks]
    ['One', 'Two']
    """
    walker = _Walker(is_marked, is_hidden)
    events = etree.iterwalk(root, events=("start", "end", "comment", "pi"))
    for event, element in events:
        if event == "start":
            if not walker.start(element):
                events.skip_subtree()
        elif event == "end":
            walker.end(element)
        else:
            walker.add(element.tail)
    walker.flush()
    return Page(walker.blocks, walker.marked, walker.invisible)


class _Walker:
    def __init__(
        self,
        is_marked: Callable[[etree._Element], bool],
        is_hidden: Callable[[etree._Element], bool],
    ) -> None:
        self.is_marked = is_marked
        self.is_hidden = is_hidden
        self.blocks: list[Block] = []
        self.marked: list[etree._Element] = []
        self.invisible: list[etree._Element] = []
        self.frames = [_Frame("", False, False, False, False, False, False, block=True)]
        self.current = Block()
        self.rows: list[list[RawCell]] | None = None
        self.cell: RawCell | None = None
        self.loose: list[Token] = []
        """Marks that stand in a table but in none of its cells: they go into the next cell."""
        self.skipping = False

    def start(self, element: etree._Element) -> bool:
        """Open an element; return False to pass over its content."""
        name = local_name(element.tag)
        said = element.get("style")
        style = parse_style(said) if said else PLAIN
        if name in SKIPPED_TAGS or style.hidden or self.is_hidden(element):
            self.invisible += [e for e in element.iter(etree.Element) if self.is_marked(e)]
            self.skipping = True
            return False
        base = TAG_STYLE.get(name, PLAIN)
        frame = self._frame(name, base, style, element)
        if style.break_before:
            self._page_break()
        if frame.block:
            self._open_block(element, frame, style.gap or base.gap, style.indent)
        elif style.indent > 0:
            self.tokens().append(" ")
        self.frames.append(frame)
        self._mark(element, frame)
        if name == "br":
            self.tokens().append(BREAK)
        self._anchors(element, name)
        self.add(element.text)
        return True

    def _frame(self, name: str, base: Style, style: Style, element: etree._Element) -> _Frame:
        above = self.frames[-1]
        centre = style.centre if style.centre is not None else base.centre
        if centre is None and element.get("align"):
            centre = element.get("align", "").lower() == "center"
        symbols = style.symbols or "wingdings" in (element.get("face") or "").lower()
        return _Frame(
            name,
            bold=_said(style.bold, base.bold, above.bold),
            italic=_said(style.italic, base.italic, above.italic),
            underline=_said(style.underline, base.underline, above.underline),
            centre=above.centre if centre is None else centre,
            superscript=above.superscript or style.superscript or base.superscript,
            symbols=symbols or above.symbols,
            block=(name in BLOCK_TAGS and style.display != "inline") or style.display == "block",
            break_after=style.break_after,
        )

    def _mark(self, element: etree._Element, frame: _Frame) -> None:
        if not self.is_marked(element):
            return
        frame.mark = len(self.marked)
        self.marked.append(element)
        self.tokens().append(opening(frame.mark))

    def _anchors(self, element: etree._Element, name: str) -> None:
        anchor = element.get("id") or (element.get("name") if name == "a" else None)
        if anchor and self.rows is None:
            self.current.anchors.append(anchor)
        href = element.get("href") if name == "a" else None
        if href and href.startswith("#"):
            (self.cell or self.current).links.append(href[1:])

    def tokens(self) -> list[Token]:
        """Return where text goes now."""
        if self.cell is not None:
            return self.cell.tokens
        return self.loose if self.rows is not None else self.current.tokens

    def add(self, text: str | None) -> None:
        """Add text at the current place."""
        if not text:
            return
        size = len(text.strip())
        frame = self.frames[-1]
        if self.rows is not None and self.cell is None:
            if size:
                self.loose.append(clean(text))
            return
        if frame.symbols:
            text = text.translate(_SYMBOLS)
        if frame.superscript and size:
            text = self._raised(text)
        self.tokens().append(clean(text))
        if size:
            if self.cell is not None and not self.cell.chars:
                self.cell.indent += _NBSP_POINTS * (len(text) - len(text.lstrip("\u00a0")))
            self._count(self.cell or self.current, frame, size)

    def _count(self, target: Block | RawCell, frame: _Frame, size: int) -> None:
        target.chars += size
        target.bold += size * frame.bold
        target.italic += size * frame.italic
        target.underline += size * frame.underline
        target.centre = target.centre or frame.centre

    def _raised(self, text: str) -> str:
        """Set a raised footnote sign in parentheses, so that it never runs into a number."""
        sign = text.strip()
        if len(sign) <= 2 and (sign.isdigit() or (len(sign) == 1 and sign in "abcdefgh")):
            return f" ({sign})"
        return f" {text}" if sign.startswith("(") else text

    def end(self, element: etree._Element) -> None:
        """Close an element and add the text that follows it."""
        if self.skipping:
            self.skipping = False
            self.add(element.tail)
            return
        frame = self.frames.pop()
        if frame.mark >= 0:
            self.tokens().append(closing(frame.mark))
        if frame.name in ("td", "th") and self.cell is not None:
            self.cell = None
        elif frame.name == "table" and not frame.transparent:
            self._close_table()
        elif frame.block:
            self._break()
        if frame.break_after:
            self._page_break()
        self.add(element.tail)

    def _open_block(self, element: etree._Element, frame: _Frame, gap: bool, indent: float) -> None:
        name = frame.name
        if name == "table" and self.rows is None:
            if next(element.iterdescendants(element.tag), None) is None:
                self.flush()
                self.rows = []
            else:
                frame.transparent = True
                self._break()
        elif self.rows is not None and self.cell is None and name in ("tr", "td", "th"):
            self._open_cell(element, frame, indent)
        else:
            self._break()
            if self.cell is not None:
                self.cell.indent = max(self.cell.indent, indent)
            else:
                self.current.gap = self.current.gap or gap
                self.current.heading = len(name) == 2 and name[0] == "h" and name[1].isdigit()

    def _open_cell(self, element: etree._Element, frame: _Frame, indent: float) -> None:
        assert self.rows is not None
        if frame.name == "tr":
            self.rows.append([])
            return
        if not self.rows:
            self.rows.append([])
        self.cell = RawCell(
            tokens=self.loose,
            colspan=_span(element.get("colspan")),
            rowspan=_span(element.get("rowspan")),
            header=frame.name == "th",
            indent=indent,
        )
        self.loose = []
        self.rows[-1].append(self.cell)

    def _close_table(self) -> None:
        rows, self.rows, self.cell = self.rows, None, None
        if rows is not None:
            self.blocks.append(Block(rows=rows))
        self.current.tokens += self.loose
        self.loose = []

    def _break(self) -> None:
        """End the line: a new block outside tables, a line break inside a cell."""
        if self.cell is not None:
            self.cell.tokens.append(BREAK)
        elif self.rows is None and self.current.chars:
            self.flush()

    def _page_break(self) -> None:
        if self.rows is None:
            self.flush()
            self.blocks.append(Block(page_break=True))

    def flush(self) -> None:
        """End the current paragraph; a block that holds only marks is kept, for the marks."""
        if self.current.tokens:
            self.blocks.append(self.current)
            self.current = Block()


def _said(*values: bool | None) -> bool:
    return next((v for v in values if v is not None), False)


def _span(value: str | None) -> int:
    """Return a column or row span between 1 and 200: a hostile page may say a billion."""
    text = (value or "").strip()
    return min(max(int(text), 1), 200) if text.isascii() and text.isdigit() and len(text) < 6 else 1
