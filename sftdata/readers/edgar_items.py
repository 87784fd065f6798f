"""Items of a 10-K, 10-Q or 8-K: where each begins and ends.

Headings are found by number *and* title; of all hits the chain with increasing numbers and the
longest bodies wins, so that tables of contents and cross references lose. Hits that the table of
contents links to count more.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from sftdata.readers.html_render import Canonical, Line
from sftdata.types import Section

__all__ = ["items_of"]

_HEAD = re.compile(
    r"(?:part\s+(?P<part>i{1,3}v?)\b[\s,.:\u2010-\u2015-]*)?items?\s*"
    r"(?P<number>\d{1,2})\s*(?:\(?(?P<letter>[abc])\)?(?![a-z]))?"
    r"(?:\s*(?:and|&)\s*\d{1,2}[abc]?)?[\s.:;\u2010-\u2015-]*(?P<title>.*)",
    re.IGNORECASE | re.DOTALL,
)
_PART = re.compile(r"part\s+(i{1,3}v?|iv)\b.{0,60}", re.IGNORECASE)
_ANNUAL: dict[str, str] = {
    "1": "business",
    "1a": "risk factors",
    "1b": "unresolved staff",
    "1c": "cybersecurity",
    "2": "properties|description of propert",
    "3": "legal proceedings",
    "4": "mine safety|submission of matters|removed|reserved",
    "5": "market for",
    "6": r"\[?\(?reserved|selected (?:consolidated )?financial",
    "7": "management.{0,3}s discussion",
    "7a": "quantitative and qualitative",
    "8": "(?:consolidated )?financial statements",
    "9": "changes in and disagreements|disagreements",
    "9a": "controls and procedures",
    "9b": "other information",
    "9c": "disclosure regarding",
    "10": "directors",
    "11": "executive compensation",
    "12": "security ownership",
    "13": "certain relationships",
    "14": "principal account",
    "15": "exhibit",
    "16": "form 10-k summary|summary",
}
_QUARTERLY: dict[str, str] = {
    "part_i_item_1": r"(?:(?:unaudited|condensed|consolidated|interim) ){0,4}financial (?:st|info)",
    "part_i_item_2": "management.{0,3}s discussion",
    "part_i_item_3": "quantitative and qualitative",
    "part_i_item_4": "(?:disclosure )?controls and procedures",
    "part_ii_item_1": "legal proceedings",
    "part_ii_item_1a": "risk factors",
    "part_ii_item_2": "unregistered sale|(?:issuer |share )?(?:re)?purchase|changes in securities",
    "part_ii_item_3": "defaults upon",
    "part_ii_item_4": "mine safety|submission of matters",
    "part_ii_item_5": "other information",
    "part_ii_item_6": "exhibit",
}
_CURRENT = re.compile(
    r"item\s*(?P<part>[1-9])\.(?P<number>\d\d)[\s.:;\u2010-\u2015-]*(?P<title>.*)",
    re.IGNORECASE | re.DOTALL,
)
_MENTION = re.compile(r"(?:of|above|below|is|are|in|and|to)\b", re.IGNORECASE)
_POINTER = re.compile(r"\bitem\s*15\b|incorporated (?:herein )?by reference|part iv", re.IGNORECASE)
_POINTER_CHARS = 500
_TOP_LEVEL = ("signature", "signatures")


@dataclass(frozen=True, slots=True)
class _Hit:
    line: int
    start: int
    rank: int
    kind: str
    title: str
    bonus: float


def items_of(page: Canonical, form: str) -> list[Section]:
    """Return cover page, contents, items and signatures of a filing, in reading order.

    Args:
        page: The canonical text of the filing.
        form: `10-K`, `10-Q`, `8-K` or an amendment of them; other forms have no items here.
    """
    if form.upper().startswith("8-K"):
        return _current_report(page)
    quarterly = form.upper().startswith("10-Q")
    if not quarterly and not form.upper().startswith("10-K"):
        return []
    table = _QUARTERLY if quarterly else {f"item_{k}": v for k, v in _ANNUAL.items()}
    hits = _hits(page, table)
    chain = _best_chain(hits, len(page.text))
    if not chain:
        return []
    last = _signatures(page, chain[-1].start)
    ends = [hit.start for hit in chain[1:]] + [last[0] if last else len(page.text)]
    sections = _front(page, chain[0].start)
    for hit, end in zip(chain, ends, strict=True):
        stop = _without_part_heading(page, hit, end)
        sections.append(Section(title=hit.title, kind=hit.kind, level=1, start=hit.start, end=stop))
    sections += _closing(page, last)
    return [_pointer_marked(page, section) for section in sections]


def _current_report(page: Canonical) -> list[Section]:
    """Return the items of an 8-K, each named by its number (`item_2_02`)."""
    heads: list[tuple[Line, str, str]] = []
    for n, line in enumerate(page.lines):
        match = _CURRENT.fullmatch(line.text) if len(line.text) <= 300 else None
        if not match or _MENTION.match(match.group("title")):
            continue
        following = page.lines[n + 1].text if n + 1 < len(page.lines) else ""
        title = match.group("title") or (following if len(following) <= 200 else "")
        number = f"{match.group('part')}.{match.group('number')}"
        heads.append((line, number.replace(".", "_"), f"Item {number} {title}".strip()))
    if not heads:
        return []
    last = _signatures(page, heads[-1][0].start)
    ends = [line.start for line, _, _ in heads[1:]] + [last[0] if last else len(page.text)]
    sections = _front(page, heads[0][0].start)
    for (line, number, title), end in zip(heads, ends, strict=True):
        stop = line.start + len(page.text[line.start : end].rstrip())
        sections.append(
            Section(title=title, kind=f"item_{number}", level=1, start=line.start, end=stop)
        )
    return sections + _closing(page, last)


def _closing(page: Canonical, last: tuple[int, int] | None) -> list[Section]:
    """Return the section of the signatures, which reaches to the end."""
    if last is None:
        return []
    title = page.text[last[0] : last[1]]
    end = len(page.text)
    return [Section(title=title, kind="signatures", level=1, start=last[0], end=end)]


def _hits(page: Canonical, table: dict[str, str]) -> list[_Hit]:
    linked = {link for t in page.tables for link in t.links}
    linked |= {link for line in page.lines for link in line.links}
    ranks = {kind: n for n, kind in enumerate(table)}
    found = []
    for n, line in enumerate(page.lines):
        match = _HEAD.match(line.text) if len(line.text) <= 400 else None
        if not match:
            continue
        title = match.group("title").strip()
        if not title and n + 1 < len(page.lines) and len(page.lines[n + 1].text) <= 200:
            title = page.lines[n + 1].text.strip()
        kind = _kind_of(match, title, table)
        if kind:
            bonus = 3.0 * bool(linked.intersection(line.anchors)) + 2.0 * line.stands_out()
            shown = " ".join(f"{match.group(0)[: match.start('title')].strip()} {title}".split())
            found.append(_Hit(n, line.start, ranks[kind], kind, shown, bonus))
    return found


def _kind_of(match: re.Match[str], title: str, table: dict[str, str]) -> str:
    number = match.group("number") + (match.group("letter") or "").lower()
    for kind, words in table.items():
        if kind.endswith(f"item_{number}") and re.match(words, title, re.IGNORECASE):
            return kind
    return ""


def _best_chain(hits: list[_Hit], length: int) -> list[_Hit]:
    """Return the heaviest chain of hits with rising rank; a hit weighs the log of its body."""
    if not hits:
        return []
    ends = [hit.start for hit in hits[1:]] + [length]
    weights = [
        math.log1p(max(end - hit.start, 1)) + hit.bonus for hit, end in zip(hits, ends, strict=True)
    ]
    best = list(weights)
    before = [-1] * len(hits)
    for n, hit in enumerate(hits):
        for m in range(n):
            if hits[m].rank < hit.rank and best[m] + weights[n] > best[n]:
                best[n], before[n] = best[m] + weights[n], m
    at = max(range(len(hits)), key=lambda n: (best[n], n))
    chain = []
    while at >= 0:
        chain.append(hits[at])
        at = before[at]
    return chain[::-1]


def _front(page: Canonical, first: int) -> list[Section]:
    """Return the cover page and the table of contents, which end where the first item begins."""
    first = _part_heading_before(page, first)
    contents = _contents_start(page, first)
    cover_end = first if contents is None else contents
    sections = []
    if cover_end > 0:
        end = len(page.text[:cover_end].rstrip())
        sections.append(Section(title="Cover page", kind="cover_page", level=1, start=0, end=end))
    if contents is not None:
        end = len(page.text[:first].rstrip())
        sections.append(
            Section(
                title="Table of contents",
                kind="table_of_contents",
                level=1,
                start=contents,
                end=end,
            )
        )
    return sections


def _contents_start(page: Canonical, first: int) -> int | None:
    for line in page.lines:
        if line.start >= first:
            break
        if re.fullmatch(r"(?:table of )?contents|index", line.text, re.IGNORECASE):
            return line.start
    for table in page.tables:
        if table.start < first and len(table.links) >= 5:
            return table.start
    return None


def _part_heading_before(page: Canonical, start: int) -> int:
    """Return where the `PART II` line begins that stands just before an item heading."""
    for line in reversed(_lines_until(page, start)[-2:]):
        if _PART.fullmatch(line.text) and not page.text[line.end : start].strip():
            return line.start
    return start


def _lines_until(page: Canonical, start: int) -> list[Line]:
    return [line for line in page.lines if line.end <= start]


def _without_part_heading(page: Canonical, hit: _Hit, end: int) -> int:
    end = max(_part_heading_before(page, end), hit.start)
    return hit.start + len(page.text[hit.start : end].rstrip())


def _signatures(page: Canonical, after: int) -> tuple[int, int] | None:
    for line in page.lines:
        if line.start > after and line.text.strip(" .:").lower() in _TOP_LEVEL:
            return line.start, line.end
    return None


def _pointer_marked(page: Canonical, section: Section) -> Section:
    """Mark an item that only points elsewhere: its few words are not the item's body."""
    if section.kind != "item_8" or section.end - section.start > _POINTER_CHARS:
        return section
    if not _POINTER.search(page.text, section.start, section.end):
        return section
    return Section(
        title=section.title,
        kind="item_8_pointer",
        level=1,
        start=section.start,
        end=section.end,
    )
