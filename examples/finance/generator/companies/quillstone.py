"""Quillstone Software, Inc.: cloud software for laboratories; fiscal year ends January 31 and is named for the year in which it ends."""

from __future__ import annotations

from generator import disclose, longterm
from generator.books import close_books
from generator.kit import A, L, M, S, T, place, product, ymd
from generator.model import Company, Cover, Interim, TableSpec
from generator.standard import EQUITY, accounts, cash_statement, flows, revenue, to, totals

FACTS = EQUITY | {
    "incorporated": "Delaware", "irs": "83-9904451", "street": "2 Tannery Wharf, Suite 600", "city": "Boston", "state": "Massachusetts", "zip": "02210",
    "area": "617", "phone": "555-0119", "file_number": "001-99104", "security": "Class A Common Stock, $0.0001 par value", "exchange": "The Nasdaq Stock Market LLC",
    "filer": "large", "auditor": "Hallett Pryor LLP", "auditor_city": "Boston, Massachusetts", "auditor_id": "9901", "auditor_since": "2016",
    "ceo": "Ines Carvalho-Reed, Chief Executive Officer", "cfo": "Jonathan K. Abara, Chief Financial Officer", "cao": "Melissa Thornbury, Chief Accounting Officer", "directors": "Raj Malhotra; Kirsten Aagaard; Edwin F. Poole",
    "cyber": "Customers' laboratory records are held in separate logical databases and encrypted with keys that are rotated at least yearly; customers regulated by the Food and Drug Administration receive our penetration test summaries and may audit us.",
    "cyber_committee": "Cybersecurity and Compliance Committee", "ciso": "led security engineering at a provider of hosted clinical trial software",
    "exhibits": (("4.3", "Indenture for the 0.625% Convertible Senior Notes due 2026"), ("10.1+", "2019 Equity Incentive Plan"), ("10.8", "Cloud services agreement (portions redacted)")),
    "trading_plan:2024": "On December 14, 2023, Jonathan K. Abara, our Chief Financial Officer, adopted a trading arrangement intended to satisfy the affirmative defense of Rule 10b5-1(c) for the sale of up to 48,000 shares of Class A common stock until December 31, 2024.",
}  # fmt: skip


def company() -> Company:
    """Return the company with closed books and notes."""
    c = Company(
        name="Quillstone Software, Inc.", slug="qlst", ticker="QLST", cik="0001990104", facts=FACTS, first_year=2022, unit=1000,
        year_ends=(ymd("2020-01-31"), ymd("2021-01-31"), ymd("2022-01-31"), ymd("2023-01-31"), ymd("2024-01-31")),
        lines=LINES, accounts=ACCOUNTS, flows=FLOWS, moves=MOVES, statements=STATEMENTS, tables=dict(TABLES), covers=COVERS, interims=[QUARTER], growth_before=0.24,
        look={"agent": "spans", "font": "Times New Roman", "size": "10pt", "shade": "#cceeff", "contexts": "short", "columns": "year", "title_comprehensive": "CONSOLIDATED STATEMENTS OF COMPREHENSIVE LOSS", "caption": "(In thousands, except per share data)"},
    )  # fmt: skip
    close_books(c)
    disclose.taxes(c, {"state": 0.12, "for": 0.75}, {
        "state": ("State income taxes, net of federal benefit", "IncomeTaxReconciliationStateAndLocalIncomeTaxes", 0.11),
        "sbc": ("Stock-based compensation", "IncomeTaxReconciliationNondeductibleExpenseShareBasedCompensationCost", -0.12),
        "va": ("Change in valuation allowance", "IncomeTaxReconciliationChangeInDeferredTaxAssetsValuationAllowance", -1.35),
    })  # fmt: skip
    longterm.leases(c, "cf_lease_exp", ("5.2", "4.4", "3.6"), ("4.1", "4.2", "4.4"), variable=0.14)
    disclose.awards(c, {
        "cos": ("Cost of revenue", "us-gaap:CostOfSalesMember", 0.10), "rd": ("Research and development", "us-gaap:ResearchAndDevelopmentExpenseMember", 0.36),
        "sm": ("Sales and marketing", "us-gaap:SellingAndMarketingExpenseMember", 0.29), "ga": ("General and administrative", "us-gaap:GeneralAndAdministrativeExpenseMember", 0.25),
    })  # fmt: skip
    disclose.ratio(c, "gm", "Gross margin", "", "gp", "rev")
    disclose.ratio(c, "gm_sub", "Subscription gross margin", "", "gp_sub", "rev_sub")
    return c


LINES = [
    revenue("rev_sub", "Subscription", 276_110, 338_720, 398_105, dims=product("us-gaap:SubscriptionAndCirculationMember")),
    revenue("rev_ps", "Professional services", 42_330, 43_185, 43_155, dims=product("us-gaap:TechnologyServiceMember")), revenue("rev", "Total revenue", formula="rev_sub rev_ps"),
    L("cost_sub", "Subscription", "CostOfGoodsAndServicesSold", 66_120, 80_415, 91_310, dims=product("us-gaap:SubscriptionAndCirculationMember")),
    L("cost_ps", "Professional services", "CostOfGoodsAndServicesSold", 39_870, 43_560, 41_020, dims=product("us-gaap:TechnologyServiceMember")), S("cost", "Total cost of revenue", "CostOfGoodsAndServicesSold", "cost_sub cost_ps"),
    S("gp", "Gross profit", "GrossProfit", "rev -cost"), S("gp_sub", "Subscription gross profit", "", "rev_sub -cost_sub"),
    L("rd", "Research and development", "ResearchAndDevelopmentExpense", 78_310, 97_640, 104_215), L("sm", "Sales and marketing", "SellingAndMarketingExpense", 138_220, 160_110, 163_405),
    L("ga", "General and administrative", "GeneralAndAdministrativeExpense", 48_905, 55_120, 56_380), L("amort", "Amortization of acquired intangible assets", "AmortizationOfIntangibleAssets", 4_210, 6_840, 6_840),
    L("restr", "Restructuring charges", "RestructuringCharges", 0, 0, 7_910), S("opex", "Total operating expenses", "OperatingExpenses", "rd sm ga amort restr"), S("opinc", "Loss from operations", "OperatingIncomeLoss", "gp -opex"),
    L("int_inc", "Interest income", "InvestmentIncomeInterest", 812, 6_940, 19_305), L("int_exp", "Interest expense", "InterestExpense", 2_860, 2_862, 2_864, negate=True), L("other", "Other income (expense), net", "OtherNonoperatingIncomeExpense", -310, -640, 205),
    S("pretax", "Loss before income taxes", "IncomeLossFromContinuingOperationsBeforeIncomeTaxesExtraordinaryItemsNoncontrollingInterest", "opinc int_inc -int_exp other"),
    L("tax", "Provision for income taxes", "IncomeTaxExpenseBenefit", 1_420, 1_905, 2_610), S("ni", "Net loss", "NetIncomeLoss", "pretax -tax"),
    L("sh_basic", "Weighted-average shares, basic and diluted (in thousands)", "WeightedAverageNumberOfSharesOutstandingBasicAndDiluted", 61_204, 63_118, 65_027, unit="shares", scaled=False),
    L("eps_basic", "Net loss per share, basic and diluted", "EarningsPerShareBasicAndDiluted", unit="eps"),
    L("geo_us", "United States", "RevenueFromContractWithCustomerExcludingAssessedTax", 229_310, 273_980, 313_840, dims=place("country:US")),
    L("geo_eu", "Europe", "RevenueFromContractWithCustomerExcludingAssessedTax", 63_720, 77_415, 92_120, dims=place("srt:EuropeMember")), S("geo_row", "Rest of world", "RevenueFromContractWithCustomerExcludingAssessedTax", "rev -geo_us -geo_eu", dims=place(":RestOfWorldMember")),
    L("rpo", "Remaining performance obligations", "RevenueRemainingPerformanceObligation", 402_300, 486_900, 571_400, instant=True, scaled=False),
    L("arr", "Annual recurring revenue", "", 301_400, 364_800, 421_700, instant=True, scaled=False),
    L("comm_am", "Amortization of deferred commissions", "CapitalizedContractCostAmortization", 15_210, 18_940, 21_630),
    L("antidil", "Shares excluded because antidilutive", "AntidilutiveSecuritiesExcludedFromComputationOfEarningsPerShareAmount", 9_820, 10_410, 10_905, unit="shares", scaled=False),
    L("paid_int", "Cash paid for interest", "InterestPaidNet", 1_438, 1_438, 1_438), L("paid_tax", "Cash paid for income taxes", "IncomeTaxesPaidNet", 1_120, 1_480, 2_205),
    T("cash stinv ar commissions prepaid", "Total current assets", "AssetsCurrent", "ca"), T("ca ppe rou commissions_lt goodwill intang oth_a", "Total assets", "Assets", "assets"),
    T("ap payroll accrued defrev lease_cur", "Total current liabilities", "LiabilitiesCurrent", "cl"), T("cl converts lease_lt defrev_lt oth_l", "Total liabilities", "Liabilities", "liab"),
    T("apic aoci re", "Total stockholders’ equity", "StockholdersEquity", "equity"), T("cash stinv", "", "", "liquid"), *totals(),
    S("oci_fx", "Foreign currency translation adjustment", "OtherComprehensiveIncomeLossForeignCurrencyTransactionAndTranslationAdjustmentNetOfTax", "cf_fx"),
    S("oci_inv", "Unrealized gain (loss) on investments", "OtherComprehensiveIncomeLossAvailableForSaleSecuritiesAdjustmentNetOfTax", "m_inv"),
    S("ci", "Comprehensive loss", "ComprehensiveIncomeNetOfTax", "ni oci_fx oci_inv"),
]  # fmt: skip
ACCOUNTS = [
    *accounts(
    {"oth_l": "Other liabilities", "re": "Accumulated deficit"}, cash=201_330, stinv=112_400, ar=78_220, commissions=14_310, prepaid=11_050, ppe=22_480, rou=31_110, commissions_lt=31_640, goodwill=88_210, intang=18_900, oth_a=4_120,
    ap=6_910, payroll=28_440, accrued=12_380, defrev=122_610, lease_cur=6_120, converts=222_100, lease_lt=28_330, defrev_lt=5_410, oth_l=2_980,
),
    A("apic", "Class A common stock and additional paid-in capital", "CommonStocksIncludingAdditionalPaidInCapital", 492_330, "equity"),
    A("aoci", "Accumulated other comprehensive loss", "AccumulatedOtherComprehensiveIncomeLossNetOfTax", -220, "equity"), A("re", "Accumulated deficit", "RetainedEarningsAccumulatedDeficit", -313_620, "equity"),
]  # fmt: skip
FLOWS = flows(
    {"ni": "Net loss", "acq": "Acquisition of Benchmark Assay Systems, net of cash acquired"}, {"deferred": "oth_a", "debt_am": "converts", "buyback": "apic"},
    ni="ni", dep=(10_220, 11_480, 12_110), amort="amort", sbc=(48_310, 66_420, 71_205), accretion=(-110, -1_820, -6_410), deferred=(-120, 85, -210), lease_exp=(5_310, 5_480, 5_020), debt_am=(1_420, 1_420, 1_420),
    ar=to(92_110, 108_940, 121_305), commissions=to(36_910, 41_220, 43_040), prepaid=to(13_420, 15_980, 16_210), oth_a=to(4_610, 5_020, 5_330), ap=to(7_820, 9_110, 6_940), payroll=to(34_120, 38_905, 41_330), accrued=to(14_880, 17_240, 18_020),
    defrev=to(148_930, 176_215, 203_480), lease_pay=(-5_120, -5_390, -5_610), oth_l=to(3_210, 3_420, 3_150), capex=(-11_920, -12_430, -9_880), acq=(0, -41_200, 0), inv_buy=(-96_000, -188_400, -221_300), inv_sell=(88_000, 141_200, 214_000),
    espp=(21_430, 17_905, 19_210), net_settle=(-1_210, -1_640, -2_105), buyback=(0, 0, -25_000), fx=(-210, -380, 140),
)  # fmt: skip
MOVES = [
    M("commissions", "commissions_lt", 2_510, 2_285, 1_605), M("intang", "goodwill", 0, 14_600, 0), M("rou", "lease_lt", 4_210, 2_980, 1_840), M("lease_cur", "lease_lt", 210, 160, 120),
    M("stinv", "aoci", -640, -910, 1_120, label="Unrealized gain (loss) on investments", key="m_inv"),
]  # fmt: skip
STATEMENTS = {
    "balance": TableSpec(("#ASSETS", "#Current assets:", ">cash", ">stinv", ">ar", ">commissions", ">prepaid", "ca", "ppe", "rou", "commissions_lt", "goodwill", "intang", "oth_a", "assets", "#LIABILITIES AND STOCKHOLDERS’ EQUITY", "#Current liabilities:", ">ap", ">payroll", ">accrued", ">defrev", ">lease_cur", "cl", "converts", "lease_lt", "defrev_lt", "oth_l", "liab", "nil:CommitmentsAndContingencies|Commitments and contingencies (Note 9)", "#Stockholders’ equity:", ">apic", ">aoci", ">re", "equity", "le"), instant=True),
    "income": TableSpec(("#Revenue:", ">rev_sub", ">rev_ps", "rev", "#Cost of revenue:", ">cost_sub", ">cost_ps", "cost", "gp", "#Operating expenses:", ">rd", ">sm", ">ga", ">amort", ">restr", "opex", "opinc", "int_inc", "int_exp", "other", "pretax", "tax", "ni", "eps_basic", "sh_basic")),
    "comprehensive": TableSpec(("ni", "#Other comprehensive income (loss):", ">oci_fx", ">oci_inv", "ci")),
    "equity": TableSpec(()), "cashflow": cash_statement(FLOWS, ("paid_int", "paid_tax"), loss=True),
}  # fmt: skip
TABLES = {
    "geography": TableSpec(
        ("geo_us", "geo_eu", "geo_row", "rev"), block="DisaggregationOfRevenueTableTextBlock"
    ),
    "results": TableSpec(
        (
            "rev_sub|Subscription revenue",
            "rev_ps|Professional services revenue",
            "rev",
            "gp",
            "rd",
            "sm",
            "ga",
            "opinc",
            "ni",
        ),
        tagged=False,
    ),
    "liquidity": TableSpec(("cfo", "cf_capex", "fcf"), tagged=False),
}
COVERS = {
    2023: Cover(ymd("2023-03-24"), 64_105_338, ymd("2023-03-17"), 1_412, ymd("2022-07-29")),
    2024: Cover(ymd("2024-03-22"), 65_318_902, ymd("2024-03-15"), 1_687, ymd("2023-07-31")),
}
QUARTER = Interim(
    year=2024, quarter=3, ytd_end=ymd("2023-10-31"), prior_end=ymd("2022-10-31"), quarter_start=ymd("2023-08-01"), prior_quarter_start=ymd("2022-08-01"),
    share=(0.741, 0.734), last_quarter=(0.345, 0.344), filed=ymd("2023-12-07"), ytd_words="Nine Months Ended October 31,", quarter_words="Three Months Ended October 31,", outstanding=65_190_447,
    shares={"acq": (1, 1), "intanggoodwill": (1, 1), "restr": (0.97, 0), "buyback": (0, 0)}, last_shares={"restr": 0.04},
)  # fmt: skip
