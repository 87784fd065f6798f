"""What stands inside the items: statements, notes to them, and sub-headings."""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterable, Sequence

from sftdata.readers.html_render import Canonical, Line, TableSpan
from sftdata.types import Fact, Section

__all__ = ["headings_of", "notes_of", "statements_of"]

_GAAP = "us-gaap:"
_STATEMENTS: dict[str, tuple[tuple[str, ...], ...]] = {
    "statement_balance_sheet": (("Assets",), ("LiabilitiesAndStockholdersEquity",)),
    "statement_cash_flows": (
        (
            "NetCashProvidedByUsedInOperatingActivities",
            "NetCashProvidedByUsedInOperatingActivitiesContinuingOperations",
        ),
        (
            "NetCashProvidedByUsedInInvestingActivities",
            "NetCashProvidedByUsedInInvestingActivitiesContinuingOperations",
        ),
        (
            "NetCashProvidedByUsedInFinancingActivities",
            "NetCashProvidedByUsedInFinancingActivitiesContinuingOperations",
        ),
    ),
    "statement_income": (
        ("NetIncomeLoss", "ProfitLoss", "NetIncomeLossAvailableToCommonStockholdersBasic"),
        (
            "IncomeTaxExpenseBenefit",
            "EarningsPerShareBasic",
            "EarningsPerShareBasicAndDiluted",
        ),
        (
            "Revenues",
            "RevenueFromContractWithCustomerExcludingAssessedTax",
            "RevenueFromContractWithCustomerIncludingAssessedTax",
            "InterestAndDividendIncomeOperating",
            "OperatingIncomeLoss",
            "IncomeLossFromContinuingOperationsBeforeIncomeTaxes"
            "ExtraordinaryItemsNoncontrollingInterest",
        ),
    ),
    "statement_comprehensive_income": (
        (
            "ComprehensiveIncomeNetOfTax",
            "ComprehensiveIncomeNetOfTaxIncludingPortionAttributableToNoncontrollingInterest",
        ),
    ),
    "statement_equity": (
        (
            "StockholdersEquity",
            "StockholdersEquityIncludingPortionAttributableToNoncontrollingInterest",
        ),
        ("NetIncomeLoss", "ProfitLoss"),
    ),
}
_TITLES = {
    "statement_balance_sheet": r"balance sheet|financial (?:position|condition)",
    "statement_cash_flows": "cash flow",
    "statement_income": "operations|income|earnings|loss",
    "statement_comprehensive_income": "comprehensive",
    "statement_equity": "equity|deficit|capital",
}
_PLAIN_TITLES = {
    "statement_balance_sheet": "Balance sheets",
    "statement_cash_flows": "Statements of cash flows",
    "statement_income": "Statements of income",
    "statement_comprehensive_income": "Statements of comprehensive income",
    "statement_equity": "Statements of stockholders' equity",
}
_NOTES_TITLE = re.compile(r"notes\s+to\s+.{0,60}financial\s+statements", re.IGNORECASE)
_EQUITY_AXIS = "us-gaap:StatementEquityComponentsAxis"
_NOTE = re.compile(
    r"(?:note\s+)?(?P<number>\d{1,2})\s*[.:)\u2010-\u2015-]+\s*(?P<title>\S.*)", re.IGNORECASE
)
_NOTE_WORD = re.compile(
    r"note\s+(?P<number>\d{1,2})\b[\s.:)\u2010-\u2015-]*(?P<title>.*)", re.IGNORECASE
)
_MAX_HEADING = 600


def statements_of(page: Canonical, facts: Sequence[Fact]) -> list[Section]:
    """Return the primary statements: title lines and table.

    A statement is known by the concepts tagged in its table, not by its title: titles are repeated
    in contents, indexes and audit reports, tagged totals are not.
    """
    tagged = _concepts(page, facts)
    found: list[Section] = []
    taken: set[int] = set()
    for kind, wanted in _STATEMENTS.items():
        at = _first_table(page, tagged, kind, wanted, taken)
        if at is None:
            continue
        taken.add(at)
        start, title = _title_before(page, page.tables[at], kind)
        found.append(Section(title=title, kind=kind, level=2, start=start, end=page.tables[at].end))
    return sorted(found, key=lambda s: s.start)


def _concepts(page: Canonical, facts: Sequence[Fact]) -> list[list[Fact]]:
    """Return the numeric facts of each table."""
    starts = [table.start for table in page.tables]
    tagged: list[list[Fact]] = [[] for _ in starts]
    for fact in facts:
        if fact.kind != "numeric" or fact.start is None:
            continue
        n = bisect.bisect_right(starts, fact.start) - 1
        if n >= 0 and fact.start < page.tables[n].end:
            tagged[n].append(fact)
    return tagged


def _first_table(
    page: Canonical,
    tagged: list[list[Fact]],
    kind: str,
    wanted: tuple[tuple[str, ...], ...],
    taken: set[int],
) -> int | None:
    """Return the table that carries the concepts; a matching title counts before order."""
    candidates = []
    for n, facts in enumerate(tagged):
        equity = kind == "statement_equity"
        names = {f.name.removeprefix(_GAAP) for f in facts if equity or not f.dimensions}
        if n in taken or not all(names.intersection(some) for some in wanted):
            continue
        if equity and not _rolls_equity(facts):
            continue
        title = _title_before(page, page.tables[n], kind)[1]
        named = re.search(_TITLES[kind], title, re.IGNORECASE) is not None
        candidates.append((not named, n))
    return min(candidates)[1] if candidates else None


def _rolls_equity(facts: Iterable[Fact]) -> bool:
    """Return whether a table shows several components of equity over time."""
    members = {key.value for fact in facts for key in fact.dimensions if key.kind == _EQUITY_AXIS}
    return len(members) >= 2


def _title_before(page: Canonical, table: TableSpan, kind: str) -> tuple[int, str]:
    """Return where a statement's title lines begin, and the line that names it."""
    at = bisect.bisect_left(page.lines, table.start, key=lambda line: line.start)
    start, title = table.start, ""
    n = bisect.bisect_left(page.tables, table.start, key=lambda t: t.start)
    floor = page.tables[n - 1].end if n else 0
    for line in reversed(page.lines[max(0, at - 5) : at]):
        titled = line.stands_out() or line.centre or line.text.startswith("(")
        if line.start < floor or len(line.text) > 200 or not titled:
            break
        if re.match(
            r"(?:part\s+i|item\s+\d|see accompanying|the accompanying)", line.text, re.IGNORECASE
        ):
            break
        start = line.start
        if re.search(_TITLES[kind], line.text, re.IGNORECASE) and not title:
            title = line.text
    return start, title or _title_inside(table, kind)


def _title_inside(table: TableSpan, kind: str) -> str:
    """Return the statement's title where it stands in the table's own first column."""
    cells = [row.row.cells[0] for row in table.rows[:4] if row.row.cells]
    titles = [
        c.text for c in cells if 0 in c.columns and re.search(_TITLES[kind], c.text, re.IGNORECASE)
    ]
    return titles[0] if titles else _PLAIN_TITLES[kind]


def notes_of(page: Canonical, within: Section | None) -> list[Section]:
    """Return the notes to the financial statements: numbered headings that count up from one."""
    if within is None:
        return []
    lines = [ln for ln in page.lines if within.start <= ln.start < within.end]
    numbered = [(n, ln) for ln in lines for n in [_note_number(ln)] if n]
    chain = _counting(numbered)
    if len(chain) < 2:
        return []
    if _note_number(chain[0]) == 2:
        chain = [*_unnumbered_first(lines, chain[0]), *chain]
    ends = [line.start for line in chain[1:]] + [within.end]
    return [
        Section(
            title=line.text,
            kind="note",
            level=2,
            start=line.start,
            end=line.start + len(page.text[line.start : end].rstrip()),
        )
        for line, end in zip(chain, ends, strict=True)
    ]


def _note_number(line: Line) -> int:
    """Return the number of a note's heading, or 0."""
    if (
        len(line.text) > 200
        or line.text.endswith((".", ";", ","))
        or "(continued)" in line.text.lower()
    ):
        return 0
    found = _NOTE_WORD.fullmatch(line.text) or _NOTE.fullmatch(line.text)
    if not found:
        return 0
    title = found.group("title")
    marked = line.stands_out() or line.text.isupper() or line.centre
    if not marked and not (line.bold > 0.5 and title[:1].isupper()):
        return 0
    return int(found.group("number"))


def _unnumbered_first(lines: list[Line], second: Line) -> list[Line]:
    """Return the heading of a first note without a number: the one below the notes' title."""
    below = False
    for line in lines:
        if line.start >= second.start:
            break
        if below and line.stands_out():
            return [line]
        below = below or _NOTES_TITLE.match(line.text) is not None
    return []


def _counting(numbered: list[tuple[int, Line]]) -> list[Line]:
    """Return the longest run 1, 2, 3 … of headings; single numbers may be missing."""
    best: list[Line] = []
    for first, (number, _) in enumerate(numbered):
        if number > 2:
            continue
        run: list[Line] = []
        expected = number
        for candidate, line in numbered[first:]:
            if candidate == expected or (run and candidate == expected + 1):
                run.append(line)
                expected = candidate + 1
        if len(run) > len(best):
            best = run
    return best


def headings_of(page: Canonical, sections: Sequence[Section]) -> list[Section]:
    """Return the sub-headings inside items: lines set apart in bold, italic or underline.

    Bold headings are one level below what holds them, italic or underlined ones two. Each reaches
    to the next heading of its level or to the end of what holds it.
    """
    found: list[Section] = []
    for holder in _holders(sections):
        lines = [
            line
            for line in page.lines
            if holder.start < line.start
            and line.end <= holder.end
            and _is_heading(line)
            and not holder.title.endswith(line.text)
        ]
        inner = [s for s in sections if s.level == holder.level + 1 and s.kind != "heading"]
        lines = [ln for ln in lines if not any(s.start <= ln.start < s.end for s in inner)]
        found += _nested(page, holder, lines, [s.start for s in inner])
    return found


def _holders(sections: Sequence[Section]) -> list[Section]:
    return [s for s in sections if "item_" in s.kind or s.kind == "note"]


def _is_heading(line: Line) -> bool:
    text = line.text
    if not line.stands_out() or len(text) > _MAX_HEADING or len(text) < 3:
        return False
    if text.startswith(("(", "•", "|", "See ", "_")) or text.endswith((":", ";", ",")):
        return False
    return any(ch.isalpha() for ch in text) and not re.match(
        r"(?:part\s+i|item\s+\d)", text, re.IGNORECASE
    )


def _nested(page: Canonical, holder: Section, lines: list[Line], stops: list[int]) -> list[Section]:
    ranks = [holder.level + 1 + (line.bold < 0.9 or line.italic >= 0.9) for line in lines]
    found = []
    for n, line in enumerate(lines):
        end = next(
            (lines[m].start for m in range(n + 1, len(lines)) if ranks[m] <= ranks[n]),
            holder.end,
        )
        end = min([end, *[s for s in stops if s > line.start]])
        end = line.start + len(page.text[line.start : end].rstrip())
        if end - line.end < 40:
            continue
        found.append(
            Section(title=line.text, kind="heading", level=ranks[n], start=line.start, end=end)
        )
    return found
