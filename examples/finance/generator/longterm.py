"""Notes on what lasts: leases, property and debt, each adding up to its line of the balance sheet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from generator.disclose import Shares, part_of, put
from generator.model import Company, Dims, Line, TableSpec

AFTER_FIVE = (
    "InNextTwelveMonths",
    "InYearTwo",
    "InYearThree",
    "InYearFour",
    "InYearFive",
    "AfterYearFive",
)
LEASE_DUE = (
    "DueNextTwelveMonths",
    "DueYearTwo",
    "DueYearThree",
    "DueYearFour",
    "DueYearFive",
    "DueAfterYearFive",
)


def leases(
    company: Company,
    cost: str,
    term: Sequence[str],
    rate: Sequence[str],
    *,
    variable: float = 0.18,
    short: float = 0.06,
) -> None:
    """Add lease cost (from the non-cash lease expense `cost`), weighted averages and maturities."""

    def base(y: int) -> int:
        return round(int(company.books[str(y)][cost]) * 1.17)

    put(company, Line("lease_op", "Operating lease cost", "OperatingLeaseCost"), base)
    put(
        company,
        Line("lease_var", "Variable lease cost", "VariableLeaseCost"),
        lambda y: part_of(company, y, "lease_op", variable, "var"),
    )
    put(
        company,
        Line("lease_short", "Short-term lease cost", "ShortTermLeaseCost"),
        lambda y: part_of(company, y, "lease_op", short, "short"),
    )
    put(
        company,
        Line(
            "lease_cost", "Total lease cost", "LeaseCost", formula="lease_op lease_var lease_short"
        ),
    )
    company.tables["lease_cost"] = TableSpec(
        ("lease_op", "lease_var", "lease_short", "lease_cost"), block="LeaseCostTableTextBlock"
    )
    index = {y: i for i, y in enumerate(company.years[1:])}
    put(
        company,
        Line(
            "lease_term",
            "Weighted-average remaining lease term",
            "OperatingLeaseWeightedAverageRemainingLeaseTerm1",
            unit="Y",
            instant=True,
        ),
        lambda y: Decimal(term[index[y]]),
    )
    put(
        company,
        Line(
            "lease_rate",
            "Weighted-average discount rate",
            "OperatingLeaseWeightedAverageDiscountRatePercent",
            unit="percent",
            instant=True,
        ),
        lambda y: Decimal(rate[index[y]]),
    )
    company.tables["lease_averages"] = TableSpec(("lease_term", "lease_rate"), instant=True)
    _lease_maturities(company)


def _lease_maturities(company: Company) -> None:
    put(
        company,
        Line(
            "lease_total",
            "Operating lease liabilities",
            "OperatingLeaseLiability",
            formula="lease_cur lease_lt",
            instant=True,
        ),
    )
    shape = (0.27, 0.23, 0.18, 0.14, 0.10)

    def gross(y: int) -> int:
        book = company.books[str(y)]
        return round(
            int(book["lease_total"])
            * (1 + float(book["lease_rate"]) / 100 * float(book["lease_term"]) * 0.55)
        )

    put(
        company,
        Line(
            "lease_gross",
            "Total lease payments",
            "LesseeOperatingLeaseLiabilityPaymentsDue",
            instant=True,
        ),
        gross,
    )
    keys = []
    for n, due in enumerate(LEASE_DUE):
        key = f"lease_due{n}"
        line = Line(
            key, f"Year {n + 1}", f"LesseeOperatingLeaseLiabilityPayments{due}", instant=True
        )
        if n < len(shape):
            put(
                company, line, lambda y, s=shape[n], k=key: part_of(company, y, "lease_gross", s, k)
            )
        else:
            put(
                company,
                Line(
                    key,
                    "Thereafter",
                    line.concept,
                    formula="lease_gross " + " ".join(f"-{k}" for k in keys),
                    instant=True,
                ),
            )
        keys.append(key)
    put(
        company,
        Line(
            "lease_interest",
            "Less: imputed interest",
            "LesseeOperatingLeaseLiabilityUndiscountedExcessAmount",
            formula="lease_gross -lease_total",
            negate=True,
            instant=True,
        ),
    )
    rows = (*(f">{k}" for k in keys), "lease_gross", "lease_interest", "lease_total")
    company.tables["lease_maturity"] = TableSpec(
        tuple(rows),
        instant=True,
        years=1,
        block="LesseeOperatingLeaseLiabilityMaturityTableTextBlock",
    )


def property_table(
    company: Company, parts: Shares, opening_accumulated: int, retired: Sequence[int]
) -> None:
    """Add gross property by category and accumulated depreciation; the net is the balance sheet's."""
    accumulated, gone = {}, opening_accumulated
    for year, off in zip(company.years[1:], retired, strict=True):
        gone += int(company.books[str(year)]["cf_dep"]) - off
        accumulated[year] = gone
    put(
        company,
        Line(
            "ppe_acc",
            "Less: accumulated depreciation and amortization",
            "AccumulatedDepreciationDepletionAndAmortizationPropertyPlantAndEquipment",
            negate=True,
            instant=True,
        ),
        lambda y: accumulated[y],
    )
    put(
        company,
        Line(
            "ppe_gross",
            "Property and equipment, gross",
            "PropertyPlantAndEquipmentGross",
            formula="ppe ppe_acc",
            instant=True,
        ),
    )
    keys = []
    for name, (label, concept, share) in parts.items():
        dims: Dims = (("PropertyPlantAndEquipmentByTypeAxis", concept),)
        key = f"ppe_{name}"
        last = name == list(parts)[-1]
        formula = "ppe_gross " + " ".join(f"-{k}" for k in keys) if last else ""
        line = Line(
            key, label, "PropertyPlantAndEquipmentGross", formula=formula, dims=dims, instant=True
        )
        put(
            company,
            line,
            None if last else lambda y, s=share, k=key: part_of(company, y, "ppe_gross", s, k),
        )
        keys.append(key)
    company.tables["ppe"] = TableSpec(
        (*(f">{k}" for k in keys), "ppe_gross", "ppe_acc", "ppe"),
        instant=True,
        block="PropertyPlantAndEquipmentTextBlock",
    )


def debt(
    company: Company,
    instruments: Mapping[str, tuple[str, str, tuple[int, ...]]],
    maturities: Sequence[Sequence[int]],
    *,
    carrying: str = "debt_cur debt_lt",
) -> None:
    """Add the debt table (principal less issuance costs is the balance sheet's carrying amount) and maturities."""
    index = {y: i for i, y in enumerate(company.years[1:])}
    keys = []
    for name, (label, member, principal) in instruments.items():
        line = Line(
            f"debt_{name}",
            label,
            "DebtInstrumentCarryingAmount",
            dims=(("DebtInstrumentAxis", member),),
            instant=True,
        )
        put(company, line, lambda y, p=principal: p[index[y]])
        keys.append(line.key)
    put(
        company,
        Line(
            "debt_principal",
            "Total principal",
            "DebtInstrumentCarryingAmount",
            formula=" ".join(keys),
            instant=True,
        ),
    )
    put(company, Line("debt_total", "Total debt", "LongTermDebt", formula=carrying, instant=True))
    put(
        company,
        Line(
            "debt_costs",
            "Less: unamortized discount and issuance costs",
            "DebtInstrumentUnamortizedDiscountPremiumAndDebtIssuanceCostsNet",
            formula="debt_principal -debt_total",
            negate=True,
            instant=True,
        ),
    )
    rows = (*(f">{k}" for k in keys), "debt_principal", "debt_costs", "debt_total")
    if "debt_cur" in carrying:
        rows += ("debt_cur|Less: current portion", "debt_lt|Long-term debt, net of current portion")
    company.tables["debt"] = TableSpec(
        rows, instant=True, block="ScheduleOfLongTermDebtInstrumentsTextBlock"
    )
    due = []
    for n, when in enumerate(AFTER_FIVE):
        key = f"due{n}"
        put(
            company,
            Line(
                key,
                "Thereafter" if n == 5 else f"Year {n + 1}",
                f"LongTermDebtMaturitiesRepaymentsOfPrincipal{when}",
                instant=True,
            ),
            lambda y, n=n: maturities[index[y]][n],
        )
        due.append(key)
    for y in company.years[1:]:
        if (
            sum(int(company.books[str(y)][k]) for k in due)
            != company.books[str(y)]["debt_principal"]
        ):
            raise ValueError(f"{company.ticker} {y}: maturities do not add up to the principal")
    company.tables["maturities"] = TableSpec(
        (*due, "debt_principal"),
        instant=True,
        years=1,
        block="ScheduleOfMaturitiesOfLongTermDebtTableTextBlock",
    )
