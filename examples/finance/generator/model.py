"""A small three-statement model: invented companies whose books balance because they are booked.

A company is written down as leaf numbers (revenue, capital expenditure, days of stock ...) and
every cash flow names the balance sheet account it moves. Balance sheets, totals, cash, earnings
per share and interim periods follow from postings, so `assets = liabilities + equity` is never
typed in by hand.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

Number = int | Decimal
Dims = tuple[tuple[str, str], ...]
CASH = "cash"


def jitter(*key: object, spread: float = 0.015) -> float:
    """Return a factor near 1 that depends on the key alone."""
    digest = hashlib.sha256("|".join(map(str, key)).encode()).digest()
    return 1 + spread * (int.from_bytes(digest[:4], "big") / 2**31 - 1)


@dataclass(frozen=True, slots=True)
class Line:
    """One disclosed quantity: a row of a statement or of a note.

    `values` are by fiscal year in display units; `formula` is a signed sum of other keys
    (`"revenue -cost"`). `negate` shows the figure with the opposite sign of the tagged value.
    """

    key: str
    label: str
    concept: str
    values: tuple[Number, ...] = ()
    formula: str = ""
    negate: bool = False
    dims: Dims = ()
    unit: str = "usd"
    instant: bool = False
    scaled: bool = True


@dataclass(frozen=True, slots=True)
class Flow:
    """One line of the cash flow statement and the account it moves.

    Give `amounts` (cash in is positive), `to` (the balance the account shall reach), or `of`
    (a key of the income statement, `-` for its opposite).
    """

    key: str
    label: str
    concept: str
    section: str
    account: str
    amounts: tuple[int, ...] = ()
    to: tuple[int, ...] = ()
    of: str = ""
    negate: bool = False
    equity: str = ""
    """What the statement of equity calls it, where that differs."""


@dataclass(frozen=True, slots=True)
class Move:
    """A posting without cash: `up` rises by the amount and so does (or: falls) its counterpart."""

    up: str
    other: str
    amounts: tuple[int, ...]
    label: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class Account:
    """A balance sheet account with its balance at the start of the first year."""

    key: str
    label: str
    concept: str
    opening: int
    side: str = "asset"
    negate: bool = False


@dataclass(frozen=True, slots=True)
class Period:
    """A reporting period: `key` is the fiscal year, or `2024Q2` / `2024Q2Y` for interim ones."""

    key: str
    start: date
    end: date
    words: str


@dataclass(frozen=True, slots=True)
class Interim:
    """A quarterly report: which quarter, and the share of the year that has passed."""

    year: int
    quarter: int
    ytd_end: date
    prior_end: date
    quarter_start: date
    prior_quarter_start: date
    share: tuple[float, float]
    last_quarter: tuple[float, float]
    filed: date
    ytd_words: str
    quarter_words: str
    outstanding: int
    shares: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Lines that do not run evenly through the year (an acquisition, a restructuring): their own shares."""
    last_shares: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cover:
    """What only the cover page of an annual report says."""

    filed: date
    outstanding: int
    outstanding_on: date
    public_float: int
    float_on: date
    holders: str = ""


@dataclass(frozen=True, slots=True)
class TableSpec:
    """A table of a note or of the discussion: rows are keys, `#heading`, or `key@-1`."""

    rows: tuple[str, ...]
    instant: bool = False
    years: int = 0
    block: str = ""
    tagged: bool = True


@dataclass(slots=True)
class Company:
    """Everything that the writer needs about one invented registrant."""

    name: str
    slug: str
    ticker: str
    cik: str
    facts: dict[str, Any]
    year_ends: tuple[date, ...]
    first_year: int
    unit: int
    lines: list[Line]
    accounts: list[Account]
    flows: list[Flow]
    moves: list[Move]
    statements: dict[str, TableSpec]
    covers: dict[int, Cover]
    tables: dict[str, TableSpec] = field(default_factory=dict)
    interims: list[Interim] = field(default_factory=list)
    look: dict[str, str] = field(default_factory=dict)
    years_shown: int = 3
    books: dict[str, dict[str, Number]] = field(default_factory=dict)
    postings: dict[str, list[tuple[str, str, int]]] = field(default_factory=dict)
    growth_before: float = 0.08

    @property
    def years(self) -> list[int]:
        """Return the modelled fiscal years; the first two only serve as comparatives."""
        return [self.first_year + i for i in range(-1, len(self.year_ends) - 2)]

    def period(self, key: str) -> Period:
        """Return the period with this key."""
        for interim in self.interims:
            for found in interim_periods(self, interim):
                if found.key == key:
                    return found
        start = self.year_end(int(key) - 1) + timedelta(days=1)
        return Period(key, start, self.year_end(int(key)), f"fiscal {key}")

    def year_end(self, year: int) -> date:
        """Return the last day of a fiscal year; the dates begin two years before the first year."""
        return self.year_ends[year - self.first_year + 2]

    def line(self, key: str) -> Line:
        """Return the line, account or flow with this key, as a line."""
        return self.index()[key]

    def index(self) -> dict[str, Line]:
        """Return every disclosed quantity by key."""
        found = {line.key: line for line in self.lines}
        for a in self.accounts:
            found[a.key] = Line(a.key, a.label, a.concept, negate=a.negate, instant=True)
        for f in self.flows:
            found[f"cf_{f.key}"] = Line(f"cf_{f.key}", f.label, f.concept, negate=f.negate)
        return found

    def value(self, key: str, period: str) -> Number:
        """Return the tagged value in display units (negated lines: as tagged, not as shown)."""
        return self.books[period][key]


def interim_periods(company: Company, interim: Interim) -> list[Period]:
    """Return the periods a quarterly report shows: quarter and year to date, this year and last."""
    out = []
    ends = (
        (interim.year, interim.ytd_end, interim.quarter_start),
        (interim.year - 1, interim.prior_end, interim.prior_quarter_start),
    )
    for year, end, quarter_start in ends:
        start = company.year_end(year - 1) + timedelta(days=1)
        name = f"{year}Q{interim.quarter}"
        out.append(Period(f"{name}Y", start, end, interim.ytd_words))
        out.append(Period(name, quarter_start, end, interim.quarter_words))
    return out
