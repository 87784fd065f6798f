"""One filing's view of the books: which periods it shows, tagged tables and tagged sentences."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from generator.layout import Cell, Look, Row
from generator.model import Company, Dims, Interim, Line, Number, Period, TableSpec
from generator.show import DASH, Shown, day, in_prose, in_table, plain, whole
from generator.tags import Tagger, When, at, during

DURATION_UNITS = {"Y": "duryear", "M": "durmonth"}


@dataclass(slots=True)
class Sheet:
    """Draws a company's figures into one filing."""

    company: Company
    tagger: Tagger
    look: Look
    year: int
    interim: Interim | None = None

    @property
    def main(self) -> Period:
        """Return the period of the cover page: the year, or the year to date."""
        name = f"{self.year}Q{self.interim.quarter}Y" if self.interim else str(self.year)
        return self.company.period(name)

    def period(self, offset: int = 0, part: str = "", *, instant: bool = False) -> Period:
        """Return the period `offset` years from this one (interim: `Q` quarter, `Y` year to date)."""
        if self.interim and not (instant and offset):
            return self.company.period(
                f"{self.year + offset}Q{self.interim.quarter}"
                + ("Y" if part == "Y" or instant else "")
            )
        return self.company.period(str(self.year + offset))

    def value(self, key: str, offset: int = 0, part: str = "") -> Number:
        """Return the tagged value of a key."""
        period = self.period(offset, part, instant=self.company.line(key).instant)
        return self.company.value(key, period.key)

    def when(self, line: Line, period: Period) -> When:
        """Return the context period of a line."""
        return at(period.end) if line.instant else during(period)

    # Sentences ---------------------------------------------------------------------------------

    def tagged(self, key: str, offset: int = 0, part: str = "") -> str:
        """Return a tagged figure for a sentence; the sign is left to the words around it."""
        line = self.company.line(key)
        period = self.period(offset, part, instant=line.instant)
        value = self.company.value(key, period.key)
        shown = in_prose(line, value, self.company.unit)
        return shown.before + self._number(line, value, shown, period) + shown.after

    def money(self, key: str, offset: int = 0, part: str = "") -> str:
        """Return the same figure without a tag."""
        return whole(
            in_prose(self.company.line(key), self.value(key, offset, part), self.company.unit)
        )

    def change(self, key: str, part: str = "", offset: int = 0) -> str:
        """Return the absolute change to the year before, in per cent: `12.3%`."""
        now, then = (
            Decimal(self.value(key, offset, part)),
            Decimal(self.value(key, offset - 1, part)),
        )
        return f"{plain(abs(now / then - 1) * 100, 1)}%"

    def delta(self, key: str, part: str = "") -> str:
        """Return the absolute change to the year before in money."""
        gap = Decimal(self.value(key, 0, part)) - Decimal(self.value(key, -1, part))
        return whole(in_prose(self.company.line(key), gap, self.company.unit))

    def moved(self, key: str, part: str = "") -> str:
        """Return `increased` or `decreased`."""
        return (
            "increased"
            if Decimal(self.value(key, 0, part)) >= Decimal(self.value(key, -1, part))
            else "decreased"
        )

    def ratio(self, key: str, of: str, offset: int = 0, part: str = "", places: int = 1) -> str:
        """Return one figure as a percentage of another."""
        share = Decimal(self.value(key, offset, part)) / Decimal(self.value(of, offset, part)) * 100
        return f"{plain(share, places)}%"

    def fact(
        self,
        concept: str,
        amount: str,
        unit: str = "usd",
        *,
        scale: int = 0,
        when: date | str = "",
        dims: Dims = (),
    ) -> str:
        """Return an ad hoc tagged number of a sentence, e.g. a covenant or a rate."""
        digits = amount.replace(",", "")
        places = len(digits.partition(".")[2])
        period = (
            at(when)
            if isinstance(when, date)
            else at(self.main.end)
            if when == "i"
            else during(self.main)
        )
        return self.tagger.number(
            concept,
            Decimal(digits),
            amount,
            when=period,
            unit=unit,
            scale=scale,
            decimals=str(places - scale),
            dims=dims,
        )

    def words(self, concept: str, text: str) -> str:
        """Return a tagged count written in words."""
        return self.tagger.words(concept, text, when=during(self.main))

    def term(self, concept: str, text: str, dims: Dims = ()) -> str:
        """Return a tagged duration written in words ("five years")."""
        return self.tagger.text(
            concept, text, when=during(self.main), dims=dims, form="ixt-sec:durwordsen"
        )

    # Tables ------------------------------------------------------------------------------------

    def table(self, name: str) -> str:
        """Return a statement or note table by name."""
        spec = self.company.statements.get(name) or self.company.tables[name]
        periods = self._columns(spec, ytd_only=name == "cashflow")
        rows, first = [], True
        for n, entry in enumerate(spec.rows, 1):
            row = self._row(
                entry,
                periods,
                tagged=spec.tagged,
                sign=first
                or (n == len(spec.rows) and bool(self._formula(entry)))
                or entry in self.company.look.get("ruled", "assets ni ci").split(),
            )
            first = first and not row.cells
            rows.append(row)
        html = self.look.table(self._heads(periods, instant=spec.instant), rows, len(periods))
        return (
            self.tagger.text(spec.block, html, when=during(self.main), escape=True)
            if spec.block
            else html
        )

    def _formula(self, entry: str) -> str:
        key = entry.partition("|")[0].lstrip(">+-")
        return "" if key.startswith("#") or "@" in key else self.company.line(key).formula

    def grid(self, head: list[str], rows: list[list[str]]) -> str:
        """Return a table of plain words and numbers, as Item 5 and the business section have them."""
        body = [
            Row(
                r[0],
                tuple(Cell(c.lstrip("$"), "$" if c.startswith("$") else "") for c in r[1:]),
                total=r[0].startswith("Total"),
            )
            for r in rows
        ]
        return self.look.table([[(h, 1) for h in head]], body, len(head))

    def _columns(self, spec: TableSpec, *, ytd_only: bool) -> list[Period]:
        if spec.instant:
            return [self.period(-n, instant=True) for n in range(spec.years or 2)]
        if not self.interim:
            return [self.period(-n) for n in range(spec.years or self.company.years_shown)]
        parts = ["Y"] if ytd_only or self.interim.quarter == 1 else ["", "Y"]
        return [self.period(-n, part) for part in parts for n in (0, 1)]

    def _heads(self, periods: list[Period], *, instant: bool) -> list[list[tuple[str, int]]]:
        style = self.company.look["columns"]
        if instant:
            return [[(self._split(p.end), 1) for p in periods]]
        if self.interim:
            groups: dict[str, list[Period]] = {}
            for p in periods:
                groups.setdefault(p.words, []).append(p)
            return [
                [(words, len(ps)) for words, ps in groups.items()],
                [(self._split(p.end), 1) for p in periods],
            ]
        n = len(periods)
        if style == "year":
            return [
                [(f"Year Ended {day(periods[0].end, year=False)},", n)],
                [(str(p.end.year), 1) for p in periods],
            ]
        if style == "weeks":
            weeks = [((p.end - p.start).days + 1) // 7 for p in periods]
            return [
                [("Fiscal Year Ended", n)],
                [
                    (f"{self._split(p.end)}<br/>({w} Weeks)", 1)
                    for p, w in zip(periods, weeks, strict=True)
                ],
            ]
        return [[("Fiscal Years Ended", n)], [(self._split(p.end), 1) for p in periods]]

    def _split(self, d: date) -> str:
        return f"{day(d, year=False)},<br/>{d.year}"

    def _row(self, entry: str, periods: list[Period], *, tagged: bool, sign: bool) -> Row:
        if entry.startswith("#"):
            return Row(entry[1:], bold=True)
        if entry.startswith("nil:"):
            concept, _, label = entry[4:].partition("|")
            label = re.sub(r" \(Note \d+\)", "", label) if self.interim else label
            return Row(label, tuple(Cell(self.tagger.nil(concept, at(p.end))) for p in periods))
        key, _, label = entry.partition("|")
        key, _, at_offset = key.partition("@")
        indent, key = (1, key[1:]) if key.startswith(">") else (0, key)
        line = self.company.line(key.lstrip("+-"))
        if key[0] in "+-":
            line = replace(line, negate=key[0] == "-")
        cells = tuple(
            self._cell(line, p, int(at_offset or 0), tagged=tagged, sign=sign or line.unit == "eps")
            for p in periods
        )
        total = bool(line.formula) and line.unit in {"usd", "percent"} and not indent
        return Row(label or line.label, cells, total=total, indent=indent)

    def _cell(self, line: Line, period: Period, offset: int, *, tagged: bool, sign: bool) -> Cell:
        if offset:
            period = self.company.period(str(int(period.key[:4]) + offset))
        book = self.company.books[period.key]
        if line.key not in book:
            return Cell()
        value = book[line.key]
        if line.unit in DURATION_UNITS:
            body = self.tagger.text(
                line.concept,
                str(value),
                when=self.when(line, period),
                dims=line.dims,
                form=f"ixt-sec:{DURATION_UNITS[line.unit]}",
            )
            return Cell(body + (" years" if line.unit == "Y" else " months"))
        shown = in_table(line, value, self.company.unit)
        body = self._number(line, value, shown, period) if tagged and line.concept else shown.digits
        minus = value != 0 and (value < 0) != line.negate
        before = shown.before if sign else ""
        after = shown.after if shown.digits != DASH else ""
        return Cell(("(" if minus else "") + body, before, (")" if minus else "") + after)

    def _number(self, line: Line, value: Number, shown: Shown, period: Period) -> str:
        return self.tagger.number(
            line.concept,
            Decimal(value),
            shown.digits,
            when=self.when(line, period),
            unit=shown.unit,
            scale=shown.scale,
            decimals=shown.decimals,
            dims=line.dims,
        )

    def equity(self) -> str:
        """Return the statement of stockholders' equity, built from the postings to its accounts."""
        accounts = [a for a in self.company.accounts if a.side in {"equity", "contra"}]
        keys = [a.key for a in accounts]
        shown = [self.period(-n) for n in reversed(range(self.company.years_shown))]
        rows = [
            self._equity_balance(
                f"Balance at {day(self._opening(shown[0]).end)}", self._opening(shown[0]), keys
            )
        ]
        for period in shown:
            moves: dict[str, dict[str, int]] = {}
            for label, account, inflow in self.company.postings[period.key]:
                if account in keys and inflow:
                    entry = moves.setdefault(label, {})
                    entry[account] = entry.get(account, 0) + inflow
            for label, amounts in moves.items():
                if any(amounts.values()):
                    rows.append(self._equity_row(label, amounts, keys, period))
            rows.append(self._equity_balance(f"Balance at {day(period.end)}", period, keys))
        heads = [[(a.label, 1) for a in accounts] + [("Total", 1)]]
        return self.look.table(heads, rows, len(keys) + 1)

    def _opening(self, period: Period) -> Period:
        year = int(period.key) - 1
        end = self.company.year_end(year)
        return Period(str(year), end, end, "")

    def _equity_balance(self, label: str, period: Period, keys: list[str]) -> Row:
        cells, total = [], 0
        for key in keys:
            line = self.company.line(key)
            held = int(self.company.books[period.key][key]) * (-1 if line.negate else 1)
            total += held
            cells.append(
                self._equity_cell("StockholdersEquity", held, at(period.end), key, sign=True)
            )
        cells.append(self._equity_cell("StockholdersEquity", total, at(period.end), "", sign=True))
        return Row(label, tuple(cells), total=True, bold=True)

    def _equity_row(
        self, label: str, amounts: dict[str, int], keys: list[str], period: Period
    ) -> Row:
        concept, negative = self.company.facts.get(f"eq:{label}", ""), False
        if concept.startswith("-"):
            concept, negative = concept[1:], True
        when = during(period)
        cells = [
            self._equity_cell(concept, amounts.get(k, 0), when, k, negative=negative) for k in keys
        ]
        return Row(
            label,
            (
                *cells,
                self._equity_cell(concept, sum(amounts.values()), when, "", negative=negative),
            ),
        )

    def _equity_cell(
        self,
        concept: str,
        amount: int,
        when: When,
        key: str,
        *,
        sign: bool = False,
        negative: bool = False,
    ) -> Cell:
        line = Line("", "", concept)
        if amount == 0:
            return Cell(DASH)
        shown = in_table(line, amount, self.company.unit)
        dims: Dims = (
            ((("StatementEquityComponentsAxis", self.company.facts[f"member:{key}"])),)
            if key
            else ()
        )
        tag = -amount if negative else amount
        body = shown.digits
        if concept:
            body = self.tagger.number(
                concept,
                tag,
                shown.digits,
                when=when,
                unit="usd",
                scale=shown.scale,
                decimals=shown.decimals,
                dims=dims,
            )
        return Cell(
            ("(" if amount < 0 else "") + body, "$" if sign else "", ")" if amount < 0 else ""
        )
