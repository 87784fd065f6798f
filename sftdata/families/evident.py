"""Whether a passage itself shows when a figure is from and in what unit: what makes a row a proof.

A tag knows its period and scale; a reader knows only what is printed. A figure whose column says
"Fiscal 2021" is not proof for "the year ended January 30, 2022", and a table without its
"in millions" does not say how much 4,531 is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date

from sftdata.families.draft import evidence_of
from sftdata.families.shelf import PassageText, Shelf, part_of
from sftdata.families.wording import fiscal_number, moved_period, span_of_time, time_words
from sftdata.quantities import find_numbers, period_texts
from sftdata.text import blocks, normalise
from sftdata.types import Document, Fact

__all__ = [
    "all_tagged",
    "common_ways",
    "is_evident",
    "month_count",
    "prose_parts",
    "scale_shown",
    "standing",
    "time_told",
    "ways_to_date",
    "worth_comparing",
]

_ABOVE_A_TABLE = 600
_SHORTEST_PARAGRAPH = 120
_MONTH = re.compile(
    r"\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\b|月", re.IGNORECASE
)
_OPENING = re.compile(r"\bbeginning|\bopening\b|\bjanuary 1\b|\bprior year end|期初|年初")
_BOUND = re.compile(r"\b(?:less|more|fewer|greater) than|\b(?:over|under|nearly|at least)\s\W*$")
_SCALE_WORDS = {3: ("thousands", "000s?"), 6: ("millions",), 9: ("billions",)}
_IN_SCALE = (
    r"(?:\bin\b[^.|\n]{{0,30}}|[(|$]\s*|\bdollars,\s*){0}\b(?! of)"
    r"|\b{0} of (?:[a-z.]+ )?(?:dollars|euros|pounds|yen|yuan|shares)\b"
)


def scale_shown(text: str, fact: Fact) -> bool:
    """Return whether a text says in what scale the figures of a table are ("in millions").

    A number in prose carries its own word ("$3.5 billion"), a plain number needs none.
    """
    words = _SCALE_WORDS.get(fact.scale)
    if words is None or not fact.attribute("table_start"):
        return True
    return any(re.search(_IN_SCALE.format(word), text, re.IGNORECASE) for word in words)


def ways_to_date(doc: Document, fact: Fact, above: str = "") -> frozenset[str]:
    """Return how a question may name a fact's time so that its row shows it.

    `day`: by its last day; `fiscal`: by the number of its fiscal year. `above` is what stands over
    its table.
    """
    if fact.source != "ixbrl" or not fact.period:
        return frozenset(("day", "fiscal"))
    end = date.fromisoformat(fact.period.split("/")[-1])
    column = fact.attribute("column")
    row = "" if column else evidence_of(doc, fact).quote
    here = normalise(f"{column} {row}")
    around = f"{here} {normalise(above)} {normalise(doc.title)}"
    *full, year = period_texts(fact.period)
    month_day = normalise(full[1]).split(",")[0] if len(full) > 1 else ""
    by_day = any(normalise(t) in around for t in full) or (year in here and month_day in around)
    number = fiscal_number(fact, doc)
    by_year = bool(number) and number in here
    by_year = by_year and (by_day or "fiscal" in here or not _MONTH.search(column))
    found = {"day"} if by_day else set()
    if by_year or (by_day and number == str(end.year)):
        found.add("fiscal")
    return frozenset(found)


def _above(shelf: Shelf, fact: Fact, home: PassageText) -> str:
    """Return what stands right over a fact's table, as far as its passage shows it."""
    start = int(fact.attribute("table_start") or 0)
    return shelf.doc.text[max(home.start, start - _ABOVE_A_TABLE) : start] if start else ""


def _is_bound(doc: Document, fact: Fact) -> bool:
    """Return whether a text gives a bound, not the figure: `less than $1 million`."""
    start = fact.start or 0
    return bool(_BOUND.search(doc.text[max(0, start - 24) : start].lower()))


def is_evident(shelf: Shelf, fact: Fact, home: PassageText) -> bool:
    """Return whether a passage shows a fact's time and scale, and it is not an opening balance.

    An opening balance stands in the column of another time: "January 1" under "2023".
    """
    if fact.source != "ixbrl":
        return True
    if _is_bound(shelf.doc, fact):
        return False
    end = fact.end if fact.row_end is None else fact.row_end
    if not scale_shown(shelf.doc.text[home.start : end], fact):
        return False
    if fact.period and "/" not in fact.period and _OPENING.search(normalise(fact.label)):
        return False
    return bool(ways_to_date(shelf.doc, fact, _above(shelf, fact, home)))


def common_ways(shelf: Shelf, facts: Sequence[Fact]) -> set[str]:
    """Return the ways in which the rows of all these facts show their times."""
    ways = {"day", "fiscal"}
    for fact in facts:
        home = shelf.home(fact)
        ways &= ways_to_date(shelf.doc, fact, _above(shelf, fact, home) if home else "")
        if not time_words(fact, shelf.doc, "en", fiscal_only=True):
            ways.discard("fiscal")
    return ways


def time_told(shelf: Shelf, facts: Sequence[Fact], *, prefer_fiscal: bool = False) -> bool:
    """Return whether facts are to be dated by fiscal year: as preferred, where the rows show it."""
    ways = common_ways(shelf, facts)
    return "fiscal" in ways if len(ways) == 1 else prefer_fiscal


_STATEMENTS = ("statement_income", "statement_balance_sheet", "statement_cash_flows")


def standing(shelf: Shelf, fact: Fact) -> int:
    """Rank the places of a figure: the primary statements first, as an analyst would cite it."""
    home = shelf.home(fact) if fact.source == "ixbrl" else None
    part = shelf.section_at(home.start, home.end) if home else None
    return _STATEMENTS.index(part.kind) if part and part.kind in _STATEMENTS else len(_STATEMENTS)


def worth_comparing(doc: Document, facts: Sequence[Fact]) -> bool:
    """Return whether two balances are a year apart, or the later one is the newest."""
    if len(facts) != 2 or facts[0].source != "ixbrl":
        return True
    later, earlier = (f.period or "" for f in facts)
    if "/" in later or later == doc.meta("period_end"):
        return True
    return 350 <= (span_of_time(f"{earlier}/{later}") or 0) <= 381


def month_count(period: str) -> int | None:
    """Return how many months a reporting period has: 3, 6, 9 or 12; None for any other.

    >>> month_count("2024-09-29/2024-12-28"), month_count("2024-12-28")
    (3, None)
    """
    days = span_of_time(period)
    spans = {3: (80, 100), 6: (170, 190), 9: (260, 285), 12: (350, 380)}
    return next((m for m, (low, high) in spans.items() if days and low <= days <= high), None)


def prose_parts(shelf: Shelf, passage: PassageText) -> list[PassageText]:
    """Return a passage of prose, and if it has tables or untagged figures, its paragraphs."""
    facts = [f for f in shelf.facts_in([passage]) if f.kind == "numeric"]
    if all_tagged(shelf, passage, facts):
        return [passage]
    return [
        part_of(passage, passage.start + b.start, passage.start + b.end)
        for b in blocks(passage.text)
        if b.kind == "paragraph" and b.end - b.start >= _SHORTEST_PARAGRAPH
        if passage.text[b.end - 1] != ":" and passage.text[b.start] != "("
    ]


def all_tagged(shelf: Shelf, passage: PassageText, facts: Sequence[Fact]) -> bool:
    """Return whether facts are all that a passage of prose reports, each with a time it shows.

    Every amount (with a currency, a per cent sign or a word such as "million") must be one of
    them, and there is no table. A member of the company's own making has a name that nobody could
    know from the text.
    """
    if any(line.startswith("|") for line in passage.text.split("\n")):
        return False
    told = [(f.start or 0, f.end or 0) for f in facts]
    for mention in find_numbers(passage.text):
        if not (mention.currency or mention.percent or mention.scale_word):
            continue
        start, end = passage.start + mention.start, passage.start + mention.end
        if not any(start < last and first < end for first, last in told):
            return False
    keys = {(f.start, f.name, f.period) for f in facts}
    if len(keys) != len(facts):  # told of two segments at once: who knows of which?
        return False
    known = {f.fact_id for f in facts}
    others = [f for f in shelf.facts_in([passage]) if f.kind == "numeric"]
    return all(f.fact_id in known for f in others) and all(_readable(shelf, f) for f in facts)


_STANDARD = ("us-gaap:", "srt:", "country:", "currency:", "stpr:", "exch:", "ecd:")


def _readable(shelf: Shelf, fact: Fact) -> bool:
    if not any(c.isdigit() for c in fact.as_reported) or _is_bound(shelf.doc, fact):
        return False
    if not all(d.value.startswith(_STANDARD) for d in fact.dimensions):
        return False
    duration = "/" in (fact.period or "")
    if duration and month_count(fact.period or "") is None:
        return False
    return "day" in ways_to_date(shelf.doc, fact) and moved_period(fact, 0) == fact.period
