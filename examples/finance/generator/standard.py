"""The lines most companies share: accounts, cash flows and totals by short name, with their us-gaap concepts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from generator.kit import REVENUE, S, T
from generator.model import Account, Flow, Line, TableSpec

ACCOUNTS = {
    "cash": ("Cash and cash equivalents", "CashAndCashEquivalentsAtCarryingValue", "asset"),
    "stinv": ("Short-term investments", "ShortTermInvestments", "asset"),
    "ar": ("Accounts receivable, net", "AccountsReceivableNetCurrent", "asset"),
    "inv": ("Inventories", "InventoryNet", "asset"),
    "commissions": ("Deferred commissions, current", "CapitalizedContractCostNetCurrent", "asset"),
    "commissions_lt": (
        "Deferred commissions, noncurrent",
        "CapitalizedContractCostNetNoncurrent",
        "asset",
    ),
    "prepaid": (
        "Prepaid expenses and other current assets",
        "PrepaidExpenseAndOtherAssetsCurrent",
        "asset",
    ),
    "ppe": ("Property and equipment, net", "PropertyPlantAndEquipmentNet", "asset"),
    "rou": ("Operating lease right-of-use assets", "OperatingLeaseRightOfUseAsset", "asset"),
    "goodwill": ("Goodwill", "Goodwill", "asset"),
    "intang": ("Intangible assets, net", "FiniteLivedIntangibleAssetsNet", "asset"),
    "dta": ("Deferred income taxes", "DeferredIncomeTaxAssetsNet", "asset"),
    "oth_a": ("Other assets", "OtherAssetsNoncurrent", "asset"),
    "ap": ("Accounts payable", "AccountsPayableCurrent", "liability"),
    "accrued": ("Accrued liabilities", "AccruedLiabilitiesCurrent", "liability"),
    "payroll": (
        "Accrued compensation and benefits",
        "EmployeeRelatedLiabilitiesCurrent",
        "liability",
    ),
    "defrev": ("Deferred revenue", "ContractWithCustomerLiabilityCurrent", "liability"),
    "defrev_lt": (
        "Deferred revenue, noncurrent",
        "ContractWithCustomerLiabilityNoncurrent",
        "liability",
    ),
    "lease_cur": (
        "Current portion of operating lease liabilities",
        "OperatingLeaseLiabilityCurrent",
        "liability",
    ),
    "debt_cur": ("Current portion of long-term debt", "LongTermDebtCurrent", "liability"),
    "debt_lt": ("Long-term debt, net", "LongTermDebtNoncurrent", "liability"),
    "converts": ("Convertible senior notes, net", "ConvertibleLongTermNotesPayable", "liability"),
    "lease_lt": (
        "Operating lease liabilities, net of current portion",
        "OperatingLeaseLiabilityNoncurrent",
        "liability",
    ),
    "dtl_net": ("Deferred income taxes", "DeferredIncomeTaxLiabilitiesNet", "liability"),
    "pension": (
        "Pension and other postretirement benefits",
        "PensionAndOtherPostretirementDefinedBenefitPlansLiabilitiesNoncurrent",
        "liability",
    ),
    "oth_l": ("Other long-term liabilities", "OtherLiabilitiesNoncurrent", "liability"),
    "stock": ("Common stock", "CommonStockValue", "equity"),
    "apic": ("Additional paid-in capital", "AdditionalPaidInCapital", "equity"),
    "re": ("Retained earnings", "RetainedEarningsAccumulatedDeficit", "equity"),
    "aoci": (
        "Accumulated other comprehensive loss",
        "AccumulatedOtherComprehensiveIncomeLossNetOfTax",
        "equity",
    ),
}
MEMBERS = {
    "stock": "CommonStockMember", "apic": "AdditionalPaidInCapitalMember", "re": "RetainedEarningsMember", "aoci": "AccumulatedOtherComprehensiveIncomeMember", "treasury": "TreasuryStockCommonMember",
}  # fmt: skip
# label, concept, section, account, shown with the opposite sign
FLOWS = {
    "ni": ("Net income", "NetIncomeLoss", "op", "re", False),
    "dep": ("Depreciation and amortization", "DepreciationDepletionAndAmortization", "op", "ppe", False),
    "amort": ("Amortization of acquired intangible assets", "AmortizationOfIntangibleAssets", "op", "intang", False),
    "sbc": ("Stock-based compensation", "ShareBasedCompensation", "op", "apic", False),
    "deferred": ("Deferred income taxes", "DeferredIncomeTaxExpenseBenefit", "op", "dta", False),
    "lease_exp": ("Non-cash operating lease expense", "OperatingLeaseRightOfUseAssetAmortizationExpense", "op", "rou", False),
    "debt_am": ("Amortization of debt issuance costs", "AmortizationOfFinancingCosts", "op", "debt_lt", False),
    "accretion": ("Net accretion of discounts on investments", "AccretionAmortizationOfDiscountsAndPremiumsInvestments", "op", "stinv", True),
    "impair": ("Impairment of long-lived assets", "ImpairmentOfLongLivedAssetsHeldForUse", "op", "ppe", False),
    "ar": ("Accounts receivable", "IncreaseDecreaseInAccountsReceivable", "op", "ar", True),
    "inv": ("Inventories", "IncreaseDecreaseInInventories", "op", "inv", True),
    "commissions": ("Deferred commissions", "IncreaseDecreaseInDeferredCharges", "op", "commissions_lt", True),
    "prepaid": ("Prepaid expenses and other current assets", "IncreaseDecreaseInPrepaidDeferredExpenseAndOtherAssets", "op", "prepaid", True),
    "oth_a": ("Other assets", "IncreaseDecreaseInOtherNoncurrentAssets", "op", "oth_a", True),
    "ap": ("Accounts payable", "IncreaseDecreaseInAccountsPayable", "op", "ap", False),
    "accrued": ("Accrued liabilities", "IncreaseDecreaseInAccruedLiabilities", "op", "accrued", False),
    "payroll": ("Accrued compensation and benefits", "IncreaseDecreaseInEmployeeRelatedLiabilities", "op", "payroll", False),
    "defrev": ("Deferred revenue", "IncreaseDecreaseInContractWithCustomerLiability", "op", "defrev", False),
    "lease_pay": ("Operating lease liabilities", "IncreaseDecreaseInOperatingLeaseLiability", "op", "lease_lt", False),
    "pension": ("Pension and other postretirement benefits", "IncreaseDecreaseInPensionAndPostretirementObligations", "op", "pension", False),
    "oth_l": ("Other long-term liabilities", "IncreaseDecreaseInOtherNoncurrentLiabilities", "op", "oth_l", False),
    "capex": ("Purchases of property and equipment", "PaymentsToAcquirePropertyPlantAndEquipment", "inv", "ppe", True),
    "acq": ("Acquisitions of businesses, net of cash acquired", "PaymentsToAcquireBusinessesNetOfCashAcquired", "inv", "goodwill", True),
    "disposals": ("Proceeds from sale of property", "ProceedsFromSaleOfPropertyPlantAndEquipment", "inv", "ppe", False),
    "inv_buy": ("Purchases of investments", "PaymentsToAcquireInvestments", "inv", "stinv", True),
    "inv_sell": ("Maturities and sales of investments", "ProceedsFromSaleMaturityAndCollectionsOfInvestments", "inv", "stinv", False),
    "issue": ("Proceeds from issuance of debt, net", "ProceedsFromIssuanceOfLongTermDebt", "fin", "debt_lt", False),
    "repay": ("Repayments of debt", "RepaymentsOfLongTermDebt", "fin", "debt_cur", True),
    "buyback": ("Repurchases of common stock", "PaymentsForRepurchaseOfCommonStock", "fin", "re", True),
    "div": ("Dividends paid", "PaymentsOfDividends", "fin", "re", True),
    "espp": ("Proceeds from employee stock plans", "ProceedsFromStockPlans", "fin", "apic", False),
    "offering": ("Proceeds from issuance of common stock, net", "ProceedsFromIssuanceOfCommonStock", "fin", "apic", False),
    "net_settle": ("Taxes paid on net settlement of awards", "PaymentsRelatedToTaxWithholdingForShareBasedCompensation", "fin", "apic", True),
    "fx": ("Effect of exchange rate changes on cash", "EffectOfExchangeRateOnCashCashEquivalentsRestrictedCashAndRestrictedCashEquivalents", "fx", "aoci", False),
}  # fmt: skip
EQUITY = {
    "eq:Net income": "NetIncomeLoss", "eq:Net loss": "NetIncomeLoss",
    "eq:Stock-based compensation": "AdjustmentsToAdditionalPaidInCapitalSharebasedCompensationRequisiteServicePeriodRecognitionValue",
    "eq:Repurchases of common stock": "-StockRepurchasedAndRetiredDuringPeriodValue", "eq:Dividends paid": "-DividendsCommonStockCash",
    "eq:Proceeds from employee stock plans": "StockIssuedDuringPeriodValueEmployeeStockPurchasePlan",
    "eq:Proceeds from issuance of common stock, net": "StockIssuedDuringPeriodValueNewIssues",
    "eq:Foreign currency translation": "OtherComprehensiveIncomeLossForeignCurrencyTransactionAndTranslationAdjustmentNetOfTax",
    "eq:Unrealized gain (loss) on investments": "OtherComprehensiveIncomeLossAvailableForSaleSecuritiesAdjustmentNetOfTax",
    "eq:Pension adjustments, net of tax": "OtherComprehensiveIncomeLossPensionAndOtherPostretirementBenefitPlansAdjustmentNetOfTax",
    "eq:Taxes paid on net settlement of awards": "-AdjustmentsRelatedToTaxWithholdingForShareBasedCompensation",
    **{f"member:{k}": v for k, v in MEMBERS.items()},
}  # fmt: skip
CHANGES = {
    "ar",
    "inv",
    "commissions",
    "prepaid",
    "oth_a",
    "ap",
    "accrued",
    "payroll",
    "defrev",
    "lease_pay",
    "pension",
    "oth_l",
}


@dataclass(frozen=True, slots=True)
class To:
    """The balances an account shall reach."""

    balances: tuple[int, ...]


def to(*balances: int) -> To:
    """Return target balances."""
    return To(balances)


def accounts(labels: dict[str, str] | None = None, **opening: int) -> list[Account]:
    """Return standard accounts in the order given."""
    out = []
    for key, balance in opening.items():
        label, concept, side = ACCOUNTS[key]
        out.append(Account(key, (labels or {}).get(key, label), concept, balance, side))
    return out


def flows(
    labels: dict[str, str] | None = None,
    accounts_of: dict[str, str] | None = None,
    **amounts: tuple[int, ...] | To | str,
) -> list[Flow]:
    """Return standard cash flow lines: amounts, `to(...)`, or the name of a line of the income statement."""
    out = []
    for key, amount in amounts.items():
        label, concept, section, account, negate = FLOWS[key]
        out.append(
            Flow(
                key, (labels or {}).get(key, label), concept, section, (accounts_of or {}).get(key, account), negate=negate,
                amounts=amount if isinstance(amount, tuple) else (), to=amount.balances if isinstance(amount, To) else (),
                of=amount if isinstance(amount, str) else "", equity="Foreign currency translation" if key == "fx" else "",
            )
        )  # fmt: skip
    return out


def totals(owners: str = "stockholders") -> list[Line]:
    """Return the totals of the cash flow statement."""
    return [
        S("cfo", "Net cash provided by (used in) operating activities", "NetCashProvidedByUsedInOperatingActivities", "net_op"),
        S("cfi", "Net cash provided by (used in) investing activities", "NetCashProvidedByUsedInInvestingActivities", "net_inv"),
        S("cff", "Net cash provided by (used in) financing activities", "NetCashProvidedByUsedInFinancingActivities", "net_fin"),
        S("dcash", "Net increase (decrease) in cash and cash equivalents", "CashCashEquivalentsRestrictedCashAndRestrictedCashEquivalentsPeriodIncreaseDecreaseIncludingExchangeRateEffect", "cash_change"),
        S("fcf", "Free cash flow", "", "cfo -cf_capex"),
        T("liab equity", f"Total liabilities and {owners}’ equity", "LiabilitiesAndStockholdersEquity", "le"),
        T("debt_cur debt_lt", "Total debt", "LongTermDebt", "debt_all"),
    ]  # fmt: skip


def cash_statement(
    lines: Sequence[Flow], supplement: Sequence[str], *, loss: bool = False
) -> TableSpec:
    """Return the rows of the cash flow statement in the usual order."""

    def keys(section: str, changes: bool | None = None) -> list[str]:
        return [
            f">cf_{f.key}"
            for f in lines
            if f.section == section
            and f.key != "ni"
            and (changes is None or (f.key in CHANGES) == changes)
        ]

    word = "net loss" if loss else "net income"
    rows = [
        "#Operating activities:",
        "cf_ni",
        f"#Adjustments to reconcile {word} to net cash from operating activities:",
        *keys("op", changes=False),
    ]
    rows += [
        "#Changes in operating assets and liabilities:",
        *keys("op", changes=True),
        "cfo",
        "#Investing activities:",
        *keys("inv"),
        "cfi",
        "#Financing activities:",
        *keys("fin"),
        "cff",
    ]
    rows += [r[1:] for r in keys("fx")] + [
        "dcash",
        "cash@-1|Cash and cash equivalents, beginning of period",
        "cash|Cash and cash equivalents, end of period",
        *(["#Supplemental disclosures:"] if supplement else []),
        *(f">{k}" for k in supplement),
    ]
    return TableSpec(tuple(rows))


def revenue(key: str, label: str, *values: int, **more: object) -> Line:
    """Return a line of revenue from contracts with customers."""
    return Line(key, label, REVENUE, tuple(values), **more)  # type: ignore[arg-type]
