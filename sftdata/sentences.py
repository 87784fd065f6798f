"""Sentences and blocks of a text, as spans; English and Chinese. `text.py` is the front door."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

__all__ = ["CJK", "Block", "Span", "blocks", "sentences", "trim"]

Span = tuple[int, int]

CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uac00-\ud7af\U00020000-\U0003134f"
"""Ranges for a character class: scripts that are written without spaces."""

_CJK_CHAR = re.compile(f"[{CJK}]")
_CLOSERS = "\"'”’」』）)】》\\]"
_STOP = re.compile(
    f"(?P<zh>(?:[。！？；｡]++|(?<!…)……++(?=[{_CLOSERS}]))[{_CLOSERS}]*)"
    f"|(?P<mark>(?<![.!?])[.!?]++[{_CLOSERS}]*)(?=\\s+\\S|\\s*$|[{CJK}“「『])"
)
_BULLET = re.compile(
    r"[ \t]*(?:[-*•·▪◦●■○–—o][ \t]|[☐☒☑]|\|"
    r"|\(?(?:\d{1,3}|[a-zA-Z]|[ivxIVX]{1,5})[.)](?=[ \t])"
    r"|\d{1,2}[、．]|[（(][一二三四五六七八九十\d]{1,3}[）)]|[一二三四五六七八九十]{1,3}、)"
)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ALWAYS = _words(
    "mr mrs ms dr drs prof messrs rev hon gen sen rep gov capt col lt sgt st mt ft vs v cf viz"
    " approx est ca tel ext attn dept pres supt e.g i.e eg ie resp incl excl c/o p.o i.v i.m s.c"
    " a.k.a d.b.a f/k/a"
)
_BEFORE_NUMBER = _words(
    "no nos fig figs eq eqs sec secs art arts ch vol vols pp p pt pts ex exh para paras reg regs"
    " tab ref refs nr jan feb mar apr jun jul aug sep sept oct nov dec"
)
_MAY_END = _words(
    "inc corp co cos ltd llc lp l.p l.l.c plc bros s.a n.v ag jr sr esq ph.d m.d d.o r.n p.a d.d.s"
    " etc al assn intl mfg univ u.s u.k u.s.a e.u d.c n.y a.m p.m bldg ave blvd"
)
_STARTERS = _words(
    "the this that these those it its we our he his she her they their there in on at as for from"
    " during after before since if when while although however although because but and or so to"
    " a an all any both each no not such under upon with within without our you your i my"
    " additionally also furthermore moreover therefore accordingly thus then patient total net"
    " revenue revenues management what which who see subject except pursuant"
)
_LABEL = _words(
    "item note part section article exhibit rule step chapter table figure schedule appendix"
    " annex class series type grade stage phase level vitamin hepatitis plan tier group"
)
_LINE_LABEL = re.compile(
    r"\s*(?:(?:item|note|part|section|article|exhibit|step|chapter|table|figure|schedule"
    r"|appendix|annex)\s+)?\(?(?:\d{1,3}[A-Ca-c]?|[A-Za-z]|[ivxIVX]{1,5})$",
    re.IGNORECASE,
)
_WORD_BEFORE = re.compile(r"[^\s|(\[{\"“‘,;:]+$")


@dataclass(frozen=True, slots=True)
class Block:
    """A table (consecutive lines that begin with `|`) or a paragraph; no outer white space."""

    start: int
    end: int
    kind: Literal["paragraph", "table"]


def trim(text: str, start: int, end: int) -> Span | None:
    """Return the span without outer white space, or None when nothing is left.

    >>> trim("  a b ", 0, 6), trim("   ", 0, 3)
    ((2, 5), None)
    """
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return (start, end) if start < end else None


def _lines(text: str, start: int, end: int) -> Iterator[Span]:
    """Yield the lines of a range, without their line feeds."""
    while start < end:
        stop = text.find("\n", start, end)
        stop = end if stop < 0 else stop
        yield start, stop
        start = stop + 1


def blocks(text: str, start: int = 0, end: int | None = None) -> list[Block]:
    r"""Cut a range into tables and paragraphs; blank lines are in none of them.

    >>> [(b.kind, b.start, b.end) for b in blocks("Sales\n| a | 1 |\n| b | 2 |\n\nText\nmore")]
    [('paragraph', 0, 5), ('table', 6, 25), ('paragraph', 27, 36)]
    """
    found: list[Block] = []
    kind: Literal["paragraph", "table"] | None = None
    for line_start, line_end in _lines(text, start, len(text) if end is None else end):
        line = trim(text, line_start, line_end)
        if line is None:
            kind = None
            continue
        here: Literal["paragraph", "table"] = "table" if text[line[0]] == "|" else "paragraph"
        if here == kind:
            found[-1] = Block(found[-1].start, line[1], here)
        else:
            found.append(Block(*line, here))
        kind = here
    return found


def sentences(text: str, start: int = 0, end: int | None = None) -> list[Span]:
    """Cut a range into sentences, in order and without outer white space.

    A table row and a bullet line are a sentence each. Abbreviations, initials, decimals and list
    numbers do not end one; a hard-wrapped line does not either. Together the spans hold every
    character of the range that is not white space.

    >>> t = "Apple Inc. reported $94.0 billion in the U.S. market. See No. 5. 净利润增长。稳定！"
    >>> for a, b in sentences(t):
    ...     print(t[a:b])
    Apple Inc. reported $94.0 billion in the U.S. market.
    See No. 5.
    净利润增长。
    稳定！
    """
    spans: list[Span] = []
    for block in blocks(text, start, end):
        if block.kind == "table":
            rows = (trim(text, *row) for row in _lines(text, block.start, block.end))
            spans.extend(row for row in rows if row)
            continue
        for run_start, run_end in _runs(text, block.start, block.end):
            spans.extend(_cut(text, run_start, run_end))
    return spans


def _runs(text: str, start: int, end: int) -> Iterator[Span]:
    """Join the lines of a paragraph that only a line width keeps apart."""
    lines = list(_lines(text, start, end))
    longest = max(b - a for a, b in lines)
    run_start, previous = lines[0]
    for line_start, line_end in lines[1:]:
        if not _wrapped(text, (run_start, previous), (line_start, line_end), longest):
            yield run_start, previous
            run_start = line_start
        previous = line_end
    yield run_start, previous


def _wrapped(text: str, before: Span, after: Span, longest: int) -> bool:
    """Say whether a line break stands there only because the line was full."""
    last = text[before[1] - 1] if before[1] > before[0] else "\n"
    if _BULLET.match(text, after[0], after[1]) or last in ":：。！？；":
        return False
    first = text[after[0] : after[1]].lstrip()[:1]
    if first.islower() and last not in ".!?":
        return True
    if longest > 120:
        return False
    line_start = text.rfind("\n", before[0], before[1]) + 1 or before[0]
    used = before[1] - max(line_start, before[0])
    if _CJK_CHAR.match(first):
        return longest >= 20 and used >= longest - 2
    word = re.compile(r"\s*\S+").match(text, after[0], after[1])
    width = word.end() - after[0] if word else 0
    return longest >= 50 and used + 1 + width > longest


def _cut(text: str, start: int, end: int) -> Iterator[Span]:
    """Cut a run of prose at its sentence ends."""
    here = start
    for stop in _STOP.finditer(text, start, end):
        if stop.group("mark") is not None and not _ends(text, here, stop, end):
            continue
        span = trim(text, here, stop.end())
        if span:
            yield span
        here = stop.end()
    span = trim(text, here, end)
    if span:
        yield span


def _ends(text: str, here: int, stop: re.Match[str], end: int) -> bool:
    """Say whether a full stop, `!` or `?` ends the sentence that began at `here`."""
    after = stop.end()
    while after < end and text[after].isspace():
        after += 1
    if after >= end:
        return True
    following = text[after]
    if following.islower() or following in ",;:%":
        return False
    marks = stop.group("mark")
    if marks[0] != "." or marks.startswith(".."):
        return True
    if after == stop.end() and not marks[1:]:
        # "ABC Inc.公司", "1.公司": a Latin full stop that touches CJK is no Chinese full stop.
        return False
    return _dot_ends(text, here, stop.start(), after, end)


def _dot_ends(text: str, here: int, dot: int, after: int, end: int) -> bool:
    """Decide on one full stop by the word before and the word after it."""
    tail = text[max(here, dot - 40) : dot]
    if len(tail) < 40 and _LINE_LABEL.match(tail):
        return False
    found = _WORD_BEFORE.search(tail)
    word = found.group() if found else ""
    lower = word.lower().lstrip("'‘")
    before = tail[: len(tail) - len(word)].rstrip()
    if len(word) == 1 and word.isupper():
        previous = before.rsplit(None, 1)[-1] if before else ""
        word_before = previous[:1].islower() and previous[-1] not in ".,"
        return word_before or previous.lower() in _LABEL
    if lower in _ALWAYS:
        return False
    if lower in _BEFORE_NUMBER:
        return not (text[after].isdigit() or text[after] in "(#§" or _is_roman(text, after, end))
    next_word = re.compile(r"[A-Za-z’']+").match(text, after, end)
    starts = bool(next_word and next_word.group().lower() in _STARTERS)
    if lower in _MAY_END:
        return starts or not (text[after].isalnum() or text[after] in "(&,")
    if word.isdigit() and len(word) <= 2 and _opens_item(before):
        return False
    if re.fullmatch(r"(?:[A-Za-z]\.)+[A-Za-z]", word):
        return starts or word[0].islower()
    return True


def _opens_item(before: str) -> bool:
    """Say whether a number after this text counts an item, as in `PLAN: 1. Rest. 2. Fluids.`."""
    last = before.rsplit(None, 1)[-1] if before else "."
    return last[-1] in ".:;!?," and last[:-1].lower() not in _BEFORE_NUMBER | _ALWAYS


def _is_roman(text: str, start: int, end: int) -> bool:
    word = re.compile(r"[IVX]+\b|[A-Z]\b").match(text, start, end)
    return word is not None
