"""Notes that follow from the books: taxes, leases, property, debt, earnings per share, awards.

Each function adds lines to a company whose books are closed, so that every note adds up to the
statement line it explains; the last part of a split is always what is left.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_UP, Decimal

from generator.books import evaluate
from generator.model import Company, Line, Number, TableSpec, jitter

Shares = Mapping[str, tuple[str, str, float]]


def put(company: Company, line: Line, of: Callable[[int], Number] | None = None) -> None:
    """Add a line and its value for every fiscal year."""
    company.lines.append(line)
    for year in company.years:
        book = company.books[str(year)]
        if of is not None and line.instant and year < company.first_year:
            continue
        if of is not None:
            book[line.key] = of(year)
        else:
            evaluate([line], book)


def split(
    company: Company,
    total: str,
    parts: Shares,
    prefix: str,
    *,
    instant: bool = False,
    negate: bool = False,
) -> list[str]:
    """Split a total into parts; the last one takes the rest. Returns the keys."""
    keys: list[str] = []
    names = list(parts)
    for name in names:
        label, concept, share = parts[name]
        key = f"{prefix}_{name}"
        line = Line(key, label, concept, instant=instant, negate=negate)
        if name == names[-1]:
            put(
                company,
                Line(
                    key,
                    label,
                    concept,
                    formula=f"{total} " + " ".join(f"-{k}" for k in keys),
                    instant=instant,
                    negate=negate,
                ),
            )
        else:
            put(company, line, lambda y, s=share, k=key: part_of(company, y, total, s, k))
        keys.append(key)
    return keys


def part_of(company: Company, year: int, total: str, share: float, key: str) -> int:
    return round(
        int(company.books[str(year)][total])
        * share
        * jitter(company.ticker, year, key, spread=0.06)
    )


def taxes(company: Company, parts: Mapping[str, float], reconciliation: Shares) -> None:
    """Add provision, rate reconciliation and effective rate. `parts`: shares of state and foreign."""
    keys = ["fed", "state", "for"]
    names = {"fed": "Federal", "state": "StateAndLocal", "for": "Foreign"}
    labels = {"fed": "Federal", "state": "State", "for": "Foreign"}
    have = [k for k in keys if k == "fed" or k in parts]
    put(
        company,
        Line(
            "tax_cur", "Total current", "CurrentIncomeTaxExpenseBenefit", formula="tax -cf_deferred"
        ),
    )
    put(
        company,
        Line("tax_def", "Total deferred", "DeferredIncomeTaxExpenseBenefit", formula="cf_deferred"),
    )
    for kind, stem in (("cur", "Current"), ("def", "Deferred")):
        for k in have[1:]:
            line = Line(
                f"tax_{kind}_{k}",
                labels[k],
                f"{stem}{names[k]}{'Income' if kind == 'def' else ''}TaxExpenseBenefit".replace(
                    "LocalIncomeTax", "LocalIncomeTax"
                ),
            )
            put(
                company,
                line,
                lambda y, t=f"tax_{kind}", s=parts[k], n=f"{kind}{k}": part_of(company, y, t, s, n),
            )
        rest = " ".join(f"-tax_{kind}_{k}" for k in have[1:])
        put(
            company,
            Line(
                f"tax_{kind}_fed",
                "Federal",
                f"{stem}FederalIncomeTaxExpenseBenefit"
                if kind == "def"
                else "CurrentFederalTaxExpenseBenefit",
                formula=f"tax_{kind} {rest}",
            ),
        )
    rows = [
        row
        for kind, head in (("cur", "#Current:"), ("def", "#Deferred:"))
        for row in (head, *(f">tax_{kind}_{k}" for k in have), f"tax_{kind}")
    ]
    company.tables["tax_provision"] = TableSpec(
        (*rows, "tax"), block="ScheduleOfComponentsOfIncomeTaxExpenseBenefitTableTextBlock"
    )
    _reconcile(company, reconciliation)


def _reconcile(company: Company, parts: Shares) -> None:
    put(
        company,
        Line(
            "rec_stat",
            "Tax at federal statutory rate of 21%",
            "IncomeTaxReconciliationIncomeTaxExpenseBenefitAtFederalStatutoryIncomeTaxRate",
        ),
        lambda y: round(int(company.books[str(y)]["pretax"]) * 0.21),
    )
    keys = ["rec_stat"]
    for name, (label, concept, share) in parts.items():
        negate = share < 0 and "Credit" in concept
        size = abs(share) if negate else share
        put(
            company,
            Line(f"rec_{name}", label, concept, negate=negate),
            lambda y, s=size, n=name: part_of(company, y, "rec_stat", s, n),
        )
        keys.append(f"rec_{name}")
    rest = " ".join(k if company.line(k).negate else f"-{k}" for k in keys)
    put(
        company,
        Line(
            "rec_other",
            "Other, net",
            "IncomeTaxReconciliationOtherReconcilingItems",
            formula=f"tax {rest}",
        ),
    )
    put(
        company,
        Line(
            "etr",
            "Effective tax rate",
            "EffectiveIncomeTaxRateContinuingOperations",
            unit="percent",
        ),
        lambda y: percent(company, y, "tax", "pretax"),
    )
    company.tables["tax_rate"] = TableSpec(
        (*keys, "rec_other", "tax", "etr"),
        block="ScheduleOfEffectiveIncomeTaxRateReconciliationTableTextBlock",
    )


def percent(company: Company, year: int | str, part: str, whole: str, places: int = 1) -> Decimal:
    """Return a ratio in per cent."""
    book = company.books[str(year)]
    return (Decimal(int(book[part])) / Decimal(int(book[whole])) * 100).quantize(
        Decimal(1).scaleb(-places), ROUND_HALF_UP
    )


def ratio(company: Company, key: str, label: str, concept: str, part: str, whole: str) -> None:
    """Add a ratio of two lines in per cent."""
    instant = company.line(part).instant
    put(
        company,
        Line(key, label, concept, unit="percent", instant=instant),
        lambda y: percent(company, y, part, whole),
    )
    for period, book in company.books.items():
        if "Q" in period and part in book and whole in book:
            book[key] = percent(company, period, part, whole)


def earnings(company: Company) -> None:
    """Add the dilutive shares and the table of earnings per share."""
    put(
        company,
        Line(
            "sh_dilutive",
            "Dilutive effect of stock awards",
            "IncrementalCommonSharesAttributableToShareBasedPaymentArrangements",
            formula="sh_diluted -sh_basic",
            unit="shares",
        ),
    )
    earned = "ni_common" if "ni_common" in company.index() else "ni"
    rows = (
        earned,
        "#Shares (in thousands):",
        ">sh_basic",
        ">sh_dilutive",
        ">sh_diluted",
        "#Per share:",
        ">eps_basic",
        ">eps_diluted",
    )
    company.tables["eps"] = TableSpec(
        rows, block="ScheduleOfEarningsPerShareBasicAndDilutedTableTextBlock"
    )


def awards(company: Company, parts: Shares) -> None:
    """Split stock-based compensation by line of the income statement."""
    keys = []
    names = list(parts)
    for name in names:
        label, member, share = parts[name]
        rest = "cf_sbc " + " ".join(f"-{k}" for k in keys) if name == names[-1] else ""
        line = Line(
            f"sbc_{name}",
            label,
            "AllocatedShareBasedCompensationExpense",
            formula=rest,
            dims=(("IncomeStatementLocationAxis", member),),
        )
        put(
            company,
            line,
            None if rest else lambda y, s=share, k=name: part_of(company, y, "cf_sbc", s, k),
        )
        keys.append(line.key)
    put(
        company,
        Line(
            "sbc_total",
            "Total stock-based compensation",
            "AllocatedShareBasedCompensationExpense",
            formula=" ".join(keys),
        ),
    )
    company.tables["sbc"] = TableSpec(
        (*keys, "sbc_total"),
        block="ScheduleOfEmployeeServiceShareBasedCompensationAllocationOfRecognizedPeriodCostsTableTextBlock",
    )


def deferred(
    company: Company, parts: Shares, net: str, *, liability: float, allowance: float = 0.0
) -> None:
    """Add deferred tax assets and liabilities; the net is the balance sheet's `net`."""

    def gross(y: int) -> int:
        base = abs(int(company.books[str(y)][net])) or 100
        return round(base * (1 + liability) / (1 - allowance))

    put(
        company,
        Line("dta_gross", "Total deferred tax assets", "DeferredTaxAssetsGross", instant=True),
        gross,
    )
    keys = split(company, "dta_gross", parts, "dta", instant=True)
    put(
        company,
        Line(
            "dta_va",
            "Valuation allowance",
            "DeferredTaxAssetsValuationAllowance",
            negate=True,
            instant=True,
        ),
        lambda y: round(int(company.books[str(y)]["dta_gross"]) * allowance),
    )
    put(
        company,
        Line(
            "dtl",
            "Deferred tax liabilities",
            "DeferredIncomeTaxLiabilities",
            formula=f"dta_gross -dta_va -{net}",
            negate=True,
            instant=True,
        ),
    )
    put(
        company,
        Line(
            "dta_net",
            "Net deferred tax assets",
            "DeferredTaxAssetsLiabilitiesNet",
            formula=net,
            instant=True,
        ),
    )
    rows = (*keys, "dta_gross", *(("dta_va",) if allowance else ()), "dtl", "dta_net")
    company.tables["dta"] = TableSpec(
        rows, instant=True, block="ScheduleOfDeferredTaxAssetsAndLiabilitiesTableTextBlock"
    )
