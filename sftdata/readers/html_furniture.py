"""Page furniture: running heads, page numbers and the cuts that page breaks make in paragraphs.

A filing is printed in pages; its text is not. What repeats beside the page breaks goes, its marks
stay, and a paragraph that a break has cut in two becomes one again.
"""

from __future__ import annotations

import re
from collections import Counter

from sftdata.readers.html_blocks import Block
from sftdata.readers.html_flow import Token, marks_of

__all__ = ["drop_furniture"]

_PAGE_NUMBER = re.compile(
    r"[-\u2013\u2014]?\s*(?:page\s*)?[A-Z]?-?#(?:\s*(?:of|/)\s*#)?\s*[-\u2013\u2014]?|[ivxlc]{1,6}",
    re.IGNORECASE,
)
_BACK_LINK = re.compile(r"(?:back to )?(?:table of contents|contents|index)", re.IGNORECASE)
_MAX_CHARS = 150
_SHARE = 0.3
_CLOSED = re.compile(r"[.:;!?。：；！？…][\"'”’)\]]*$")


def drop_furniture(blocks: list[Block]) -> list[Block]:
    """Return the blocks without page furniture and page breaks, cut paragraphs joined.

    A line beside a page break goes when it is a page number, a link back to the contents, or
    repeats (digits apart) at three in ten of the breaks. Lines with a tagged fact always stay.
    """
    breaks = [n for n, block in enumerate(blocks) if block.page_break]
    if not breaks:
        return blocks
    near = [n for at in [*breaks, len(blocks)] for n in _beside(blocks, at)]
    repeats = Counter(_mask(blocks[n]) for n in set(near))
    least = max(3, int(_SHARE * len(breaks)))
    gone = _running_heads(blocks, breaks)
    for at in [-1, *breaks, len(blocks)]:
        for side in (-1, 1):
            for n in _beside(blocks, at, side):
                if n in gone:
                    continue
                if not _is_furniture(blocks[n], repeats, least):
                    break
                gone.add(n)
    return _rebuilt(blocks, gone)


def _beside(blocks: list[Block], at: int, side: int = 0) -> list[int]:
    """Return up to three short paragraphs nearest to a break, on one side or both."""
    if side == 0:
        return _beside(blocks, at, -1) + _beside(blocks, at, 1)
    found: list[int] = []
    n = at + side
    while 0 <= n < len(blocks) and len(found) < 3:
        block = blocks[n]
        if block.page_break or block.rows is not None:
            break
        if block.chars:
            if block.chars > _MAX_CHARS:
                break
            found.append(n)
        n += side
    return found


def _running_heads(blocks: list[Block], breaks: list[int]) -> set[int]:
    """Return the title lines that head page after page, all but the first time.

    Such a head is two or three lines together, or one that says it is continued: a company's name
    alone may head each of its statements and belongs there.
    """
    groups: dict[str, list[list[int]]] = {}
    for at in breaks:
        lines = [n for n in _beside(blocks, at, 1) if not _BACK_LINK.fullmatch(_mask(blocks[n]))]
        for size in (1, 2, 3):
            if len(lines) >= size and all(_set_apart(blocks[n]) for n in lines[:size]):
                key = "\n".join(_mask(blocks[n]) for n in lines[:size])
                groups.setdefault(key, []).append(lines[:size])
    gone: set[int] = set()
    for key, places in groups.items():
        if "continued" in key.lower() or ("\n" in key and len(places) >= 3):
            again = places if "continued" in key.lower() else places[1:]
            gone.update(n for lines in again for n in lines if not _holds_fact(blocks[n]))
    return gone


def _set_apart(block: Block) -> bool:
    return block.centre or block.bold >= 0.8 * block.chars


def _mask(block: Block) -> str:
    return re.sub(r"\d+", "#", re.sub(r"\s[ivxlc]{1,6}$", " #", block.words()))


def _is_furniture(block: Block, repeats: Counter[str], least: int) -> bool:
    mask = _mask(block)
    if _holds_fact(block):
        return False
    if _PAGE_NUMBER.fullmatch(mask) or _BACK_LINK.fullmatch(mask):
        return True
    return repeats[mask] >= least and not mask.endswith(".")


def _holds_fact(block: Block) -> bool:
    opened: set[Token] = {t for t in block.tokens if isinstance(t, int) and t >= 0 and not t & 1}
    return any(isinstance(t, int) and t & 1 and t - 1 in opened for t in block.tokens if t != -1)


def _rebuilt(blocks: list[Block], gone: set[int]) -> list[Block]:
    kept: list[Block] = []
    broken = False
    for n, block in enumerate(blocks):
        if block.page_break:
            broken = True
            continue
        if n in gone:
            kept.append(Block(tokens=marks_of(block.tokens), anchors=block.anchors))
            continue
        if broken and (block.chars or block.rows is not None):
            block.glued = _goes_on(kept, block)
            broken = False
        kept.append(block)
    return kept


def _goes_on(kept: list[Block], block: Block) -> bool:
    """Return whether a paragraph after a page break continues the one before it."""
    before = next((b for b in reversed(kept) if b.chars or b.rows is not None), None)
    if before is None or before.rows is not None or block.rows is not None:
        return False
    text, last = block.words(), before.words()
    if not text[:1].islower() or before.heading or _CLOSED.search(last):
        return False
    return len(last) > 40
