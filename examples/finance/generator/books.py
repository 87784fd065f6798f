"""Books every fiscal year and interim period of a company from its postings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import ROUND_HALF_UP, Decimal

from generator.model import CASH, Company, Flow, Line, Number, jitter


def _terms(formula: str) -> Iterable[tuple[int, str]]:
    for term in formula.split():
        yield (-1, term[1:]) if term.startswith("-") else (1, term.lstrip("+"))


def evaluate(lines: Sequence[Line], book: dict[str, Number]) -> None:
    """Fill the formula lines of a book in order; a formula only looks at keys that are there."""
    for line in lines:
        if (
            line.formula
            and line.key not in book
            and all(k in book for _, k in _terms(line.formula))
        ):
            book[line.key] = sum(sign * book[key] for sign, key in _terms(line.formula))


def _leaf(line: Line, index: int, share: float, salt: str) -> Number:
    value = line.values[index]
    if share == 1 or not line.scaled or line.instant:
        return value
    return round(int(value) * share * jitter(salt, line.key, spread=0.003))


def close_books(company: Company) -> None:
    """Book every fiscal year and every interim period of the company."""
    _book_backwards(company)
    for index, year in enumerate(company.years[1:]):
        _book(company, str(year), str(year - 1), index, 1)
    for interim in company.interims:
        for n, year in enumerate((interim.year, interim.year - 1)):
            index = year - company.first_year
            name = f"{year}Q{interim.quarter}"
            own = {key: shares[n] for key, shares in interim.shares.items()}
            _book(company, f"{name}Y", str(year - 1), index, interim.share[n], own)
            _quarter(company, name, interim.last_quarter[n], interim.last_shares)


def _book_backwards(company: Company) -> None:
    """Book the year before the first: known closing balances, opening ones by undoing its postings.

    Annual reports show three years of flows, so the oldest filing needs one more year than the
    company writes down; it is the first year's pattern on a smaller scale.
    """
    year, share = company.first_year - 1, 1 / (1 + company.growth_before)
    closing = {a.key: a.opening for a in company.accounts}
    targets = {
        f.key: round(
            closing[f.account] * company.growth_before * jitter(company.ticker, f.key, spread=0.8)
        )
        for f in company.flows
        if f.to
    }
    book, inflows, posted = _postings(company, str(year), 0, share, lambda f, _: targets[f.key], {})
    balance = dict(closing)
    for _, account, inflow in posted:
        balance[account] -= -inflow if _side(company, account) == "asset" else inflow
    balance[CASH] -= sum(inflows.values())
    company.books[str(year - 1)] = {
        a.key: -balance[a.key] if a.negate else balance[a.key] for a in company.accounts
    }
    evaluate(company.lines, company.books[str(year - 1)])
    _close(company, str(year), book, inflows, closing)


def _side(company: Company, account: str) -> str:
    return next(a.side for a in company.accounts if a.key == account)


def _quarter(company: Company, name: str, share: float, own: dict[str, float]) -> None:
    """Book the income statement of the quarter alone as a share of the year to date."""
    ytd: dict[str, Number] = company.books[f"{name}Y"]
    if share == 1:
        company.books[name] = dict(ytd)
        return
    book: dict[str, Number] = {}
    leaves = {line.key for line in company.lines if line.values and not line.instant}
    for line in company.lines:
        if line.key in leaves and line.key in ytd:
            book[line.key] = (
                round(
                    int(ytd[line.key])
                    * own.get(line.key, share * jitter(name, line.key, spread=0.003))
                )
                if line.scaled
                else ytd[line.key]
            )
    evaluate(company.lines, book)
    for move in company.moves:
        if move.key:
            book[move.key] = round(int(ytd[move.key]) * share)
    for flow in company.flows:
        if flow.section == "fx":
            book[f"cf_{flow.key}"] = round(int(ytd[f"cf_{flow.key}"]) * share)
    evaluate(company.lines, book)
    company.books[name] = book
    _per_share(company, book)


def _book(
    company: Company,
    period: str,
    before: str,
    index: int,
    share: float,
    own: dict[str, float] | None = None,
) -> None:
    """Book one period from the balances before it."""
    opening = {
        a.key: int(company.books[before][a.key]) * (-1 if a.negate else 1) for a in company.accounts
    }

    def target(flow: Flow, moved: int) -> int:
        start, gap = opening[flow.account], flow.to[index] - opening[flow.account]
        if share != 1:
            gap = round(gap * share * jitter(period, flow.key, spread=0.2))
        return start + gap - (start + moved)

    book, inflows, posted = _postings(company, period, index, share, target, own or {})
    balance = dict(opening)
    for _, account, inflow in posted:
        balance[account] += -inflow if _side(company, account) == "asset" else inflow
    balance[CASH] += sum(inflows.values())
    _close(company, period, book, inflows, balance)


def _postings(
    company: Company,
    period: str,
    index: int,
    share: float,
    target: Callable[[Flow, int], int],
    own: dict[str, float],
) -> tuple[dict[str, Number], dict[str, int], list[tuple[str, str, int]]]:
    """Return the leaf figures, the cash flows and every posting (label, account, inflow) of a period."""
    book: dict[str, Number] = {}
    posted: list[tuple[str, str, int]] = []
    moved = {a.key: 0 for a in company.accounts}
    for line in company.lines:
        if line.values:
            book[line.key] = (
                round(int(line.values[index]) * own[line.key])
                if line.key in own
                else _leaf(line, index, share, period)
            )
    evaluate(company.lines, book)

    def post(account: str, inflow: int, label: str) -> None:
        moved[account] += -inflow if _side(company, account) == "asset" else inflow
        posted.append((label, account, inflow))

    def part(amount: int, key: str) -> int:
        return amount if share == 1 else round(amount * own.get(key, share * jitter(period, key)))

    for move in company.moves:
        amount = part(move.amounts[index], move.up + move.other)
        rises = _side(company, move.up) == "asset"
        post(move.up, -amount if rises else amount, move.label)
        post(move.other, amount if rises else -amount, move.label)
        if move.key:
            book[move.key] = amount
    inflows: dict[str, int] = {}
    for flow in sorted(company.flows, key=lambda f: bool(f.to)):
        if flow.to:
            gap = target(flow, moved[flow.account])
            amount = -gap if _side(company, flow.account) == "asset" else gap
        elif flow.of:
            amount = int(book[flow.of.lstrip("-")]) * (-1 if flow.of.startswith("-") else 1)
        else:
            amount = part(flow.amounts[index], flow.key)
        inflows[flow.key] = amount
        post(flow.account, amount, flow.equity or flow.label)
    company.postings[period] = posted
    return book, inflows, posted


def _close(
    company: Company,
    period: str,
    book: dict[str, Number],
    inflows: dict[str, int],
    balance: dict[str, int],
) -> None:
    """Add flows, balances and every total to a book and file it."""
    for flow in company.flows:
        book[f"cf_{flow.key}"] = -inflows[flow.key] if flow.negate else inflows[flow.key]
    for section in ("op", "inv", "fin", "fx"):
        book[f"net_{section}"] = sum(inflows[f.key] for f in company.flows if f.section == section)
    book["cash_change"] = sum(inflows.values())
    for a in company.accounts:
        book[a.key] = -balance[a.key] if a.negate else balance[a.key]
    evaluate(company.lines, book)
    _per_share(company, book)
    company.books[period] = book


def _per_share(company: Company, book: dict[str, Number]) -> None:
    for basis in ("basic", "diluted"):
        if f"sh_{basis}" in book:
            earned = (
                Decimal(int(book.get("ni_common", book["ni"])))
                * company.unit
                / (Decimal(int(book[f"sh_{basis}"])) * 1000)
            )
            book[f"eps_{basis}"] = earned.quantize(Decimal("0.01"), ROUND_HALF_UP)
