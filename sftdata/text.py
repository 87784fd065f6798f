"""Cutting and comparing text: sentences, blocks, passages. English and Chinese are equals.

Every function is pure and runs in time linear in the text. A span is a `[start, end)` range of
character offsets into the text that was given, never into a normalised copy of it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from sftdata.sentences import CJK, Block, Span, blocks, sentences, trim

__all__ = [
    "Block",
    "Span",
    "blocks",
    "estimate_tokens",
    "normalise",
    "passages",
    "sentences",
]

_CJK_CHAR = re.compile(f"[{CJK}]")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_SPACE = re.compile(r"\s+")


class Titled(Protocol):
    """What `passages` needs of a section: where it starts and ends."""

    @property
    def start(self) -> int:
        """Offset of the first character."""
        ...  # pragma: no cover

    @property
    def end(self) -> int:
        """Offset after the last character."""
        ...  # pragma: no cover


def normalise(text: str, *, mask_numbers: bool = False) -> str:
    r"""Return the text as it is compared: NFKC, case folded, white space as single spaces.

    Why: full-width and half-width forms, ligatures and non-breaking spaces must not make two
    equal texts differ. Offsets are lost: never use the result for spans. With `mask_numbers`
    every number becomes `0`, so that two filings of different years compare as equal.

    >>> normalise("Ｎet  Sales\u00a0１，２３４")
    'net sales 1,234'
    >>> normalise("Sales rose 9.6% to $94,036 million", mask_numbers=True)
    'sales rose 0% to $0 million'
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    if mask_numbers:
        folded = _NUMBER.sub("0", folded)
    return _SPACE.sub(" ", folded).strip()


def estimate_tokens(text: str) -> int:
    """Estimate tokens where no tokenizer is configured: one per CJK character, 4 others a token.

    >>> estimate_tokens("净利润"), estimate_tokens("net income"), estimate_tokens("")
    (3, 3, 0)
    """
    cjk = len(_CJK_CHAR.findall(text))
    return cjk + -(-(len(text) - cjk) // 4)


_LEAD = 160
_CAPTION = 300
_LEADS = 3


def passages(
    text: str, sections: Iterable[Titled], *, max_chars: int = 1800, min_chars: int = 120
) -> list[Span]:
    r"""Cut a document into passages of whole blocks, in order, without overlap.

    Every character that is not white space is in exactly one passage. A passage ends at a section
    border, but a section shorter than `min_chars` (a lone heading) is joined to the next one.
    Headings and the caption stay with the block after them. A table that is too long is cut
    between rows, a paragraph between sentences, an endless sentence at a space. A table row is
    never cut, so one longer than `max_chars` makes a longer passage.

    >>> t = "Balance sheet\n| Cash | 1 |\n| Debt | 2 |\n\nText one. Text two."
    >>> [t[a:b] for a, b in passages(t, [], max_chars=40, min_chars=0)]
    ['Balance sheet\n| Cash | 1 |\n| Debt | 2 |', 'Text one. Text two.']
    """
    found: list[Span] = []
    for start, end in _regions(text, sections, min_chars):
        here: list[Span] = []
        for span in _pack(text, _units(text, start, end), max_chars):
            small = here and min(_length(here[-1]), _length(span)) < min_chars
            if small and span[1] - here[-1][0] <= max_chars:
                here[-1] = (here[-1][0], span[1])
            else:
                here.append(span)
        found.extend(here)
    return found


def _length(span: Span) -> int:
    return span[1] - span[0]


def _regions(text: str, sections: Iterable[Titled], min_chars: int) -> Iterator[Span]:
    """Yield the stretches between section borders, each short one together with the next."""
    inside = {offset for s in sections for offset in (s.start, s.end) if 0 < offset < len(text)}
    start = 0
    for border in [*sorted(inside), len(text)]:
        line_start = text.rfind("\n", start, border) + 1 or start
        in_row = (
            border < len(text)
            and text[line_start : min(border, line_start + 80)].lstrip()[:1] == "|"
        )
        span = None if in_row else trim(text, start, border)
        if span is None or (_length(span) < min_chars and border < len(text)):
            continue
        yield span
        start = border


def _units(text: str, start: int, end: int) -> Iterator[tuple[Span, Block]]:
    """Yield what a passage holds whole if it fits: a block, with the headings before it."""
    parts = list(_captions_apart(text, blocks(text, start, end)))
    held: list[Block] = []
    for block, following in zip(parts, [*parts[1:], None], strict=True):
        if following is not None and _leads(text, block, following):
            if len(held) == _LEADS:
                yield (held[0].start, held[-1].end), held[-1]
                held = []
            held.append(block)
            continue
        yield (held[0].start if held else block.start, block.end), block
        held = []


def _leads(text: str, block: Block, following: Block) -> bool:
    """Say whether a paragraph is a heading or a caption of the block after it."""
    if block.kind == "table":
        return False
    if following.kind == "table" and block.end - block.start <= _CAPTION:
        return True
    return block.end - block.start <= _LEAD and text[block.end - 1] not in ".。！!?？;；"


def _captions_apart(text: str, found: Sequence[Block]) -> Iterator[Block]:
    """Cut the last sentence off a long paragraph before a table: it is the table's caption."""
    for block, following in zip(found, [*found[1:], None], strict=True):
        before_table = following is not None and following.kind == "table"
        if before_table and block.kind == "paragraph" and block.end - block.start > _CAPTION:
            cut = sentences(text, block.start, block.end)
            if len(cut) > 1 and _length(cut[-1]) <= _CAPTION:
                yield Block(block.start, cut[-2][1], "paragraph")
                yield Block(*cut[-1], "paragraph")
                continue
        yield block


def _pack(text: str, units: Iterable[tuple[Span, Block]], max_chars: int) -> Iterator[Span]:
    """Fill passages with units up to `max_chars`; a unit that is too long begins a new one."""
    current: Span | None = None
    for span, block in units:
        fits = _length(span) <= max_chars
        if current and not fits:
            yield current
            current = None
        for piece in [span] if fits else _pieces(text, span, block, max_chars):
            if current and piece[1] - current[0] <= max_chars:
                current = (current[0], piece[1])
                continue
            if current:
                yield current
            current = piece
    if current:
        yield current


def _pieces(text: str, span: Span, block: Block, max_chars: int) -> Iterator[Span]:
    """Cut an over-long unit: rows of a table, sentences of a paragraph; headings lead the first."""
    first = span[0]
    for _, end in sentences(text, block.start, block.end):
        if block.kind == "table":
            yield first, end
        else:
            yield from _hard_cut(text, first, end, max_chars)
        first = _next_start(text, end, span[1])


def _next_start(text: str, offset: int, end: int) -> int:
    while offset < end and text[offset].isspace():
        offset += 1
    return offset


def _hard_cut(text: str, start: int, end: int, max_chars: int) -> Iterator[Span]:
    """Cut a sentence that no passage holds: at a line end, comma or space, else anywhere."""
    while end - start > max_chars:
        stop = start + max_chars
        for mark in ("\n", "，", "、", " "):
            at = text.rfind(mark, start + max_chars // 2, stop)
            if at >= 0:
                stop = at + 1
                break
        span = trim(text, start, stop)
        if span:
            yield span
        start = _next_start(text, stop, end)
    if start < end:
        yield start, end
