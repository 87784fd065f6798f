"""Harrowgate Markets, Inc.: supermarkets in the Mid-Atlantic; 52/53-week year ending the Saturday closest to January 31."""

from __future__ import annotations

from generator import disclose, longterm
from generator.books import close_books
from generator.kit import L, M, S, T, product, ymd
from generator.model import Company, Cover, TableSpec
from generator.standard import EQUITY, accounts, cash_statement, flows, revenue, to, totals

FACTS = EQUITY | {
    "incorporated": "Maryland", "irs": "52-9902134", "street": "900 Canning House Lane", "city": "Frederick", "state": "Maryland", "zip": "21701",
    "area": "301", "phone": "555-0178", "file_number": "001-99102", "security": "Common Stock, $0.01 par value", "exchange": "The New York Stock Exchange",
    "filer": "large", "auditor": "Mercer Oakes &amp; Partners LLP", "auditor_city": "Baltimore, Maryland", "auditor_id": "9902", "auditor_since": "2004",
    "ceo": "Constance M. Albright-Ruiz, Chief Executive Officer", "cfo": "Peter J. Wojcik, Executive Vice President and Chief Financial Officer", "cao": "Denise Harmon-Lyle, Vice President and Controller",
    "directors": "Samuel O. Greer; Lucinda Pratt-Moreau; Victor Han; Theresa B. Quigley; Amadou Sarr",
    "cyber": "Payment cards are encrypted at the terminal and are not stored in our systems, and each store can sell for cash and from local price files for up to 48 hours without a connection to our data centers.",
    "cyber_committee": "Audit and Risk Committee", "ciso": "held security positions at two national retailers",
    "exhibits": (("4.2", "Indenture for the 5.125% Senior Notes due 2028"), ("10.3", "Credit Agreement"), ("10.6+", "2019 Omnibus Incentive Plan")),
}  # fmt: skip


def company() -> Company:
    """Return the company with closed books and notes."""
    c = Company(
        name="Harrowgate Markets, Inc.", slug="hgmk", ticker="HGMK", cik="0001990102", facts=FACTS, first_year=2022, unit=1000,
        year_ends=(ymd("2021-01-30"), ymd("2022-01-29"), ymd("2023-01-28"), ymd("2024-02-03"), ymd("2025-02-01")),
        lines=LINES, accounts=ACCOUNTS, flows=FLOWS, moves=MOVES, statements=STATEMENTS, tables=dict(TABLES), covers=COVERS, growth_before=0.045,
        look={"agent": "paragraphs", "font": "Times New Roman", "size": "10pt", "shade": "#e6efff", "contexts": "short", "columns": "weeks", "title_income": "CONSOLIDATED STATEMENTS OF INCOME",
              "caption": "(In thousands, except per share data)"},
    )  # fmt: skip
    close_books(c)
    disclose.taxes(c, {"state": 0.19}, {
        "state": ("State income taxes, net of federal benefit", "IncomeTaxReconciliationStateAndLocalIncomeTaxes", 0.2),
        "wotc": ("Work opportunity and other credits", "IncomeTaxReconciliationTaxCredits", -0.035),
    })  # fmt: skip
    disclose.earnings(c)
    longterm.leases(
        c,
        "cf_lease_exp",
        ("10.2", "10.4", "10.1"),
        ("4.6", "5.1", "5.4"),
        variable=0.22,
        short=0.02,
    )
    longterm.property_table(c, {
        "land": ("Land and buildings", "us-gaap:LandAndBuildingMember", 0.28), "lease": ("Leasehold improvements", "us-gaap:LeaseholdImprovementsMember", 0.33),
        "eq": ("Fixtures and equipment", "us-gaap:FurnitureAndFixturesMember", 0.35), "cip": ("Construction in progress", "us-gaap:ConstructionInProgressMember", 0.04),
    }, 1_108_400, (61_200, 74_900, 83_300))  # fmt: skip
    longterm.debt(c, {
        "tl26": ("Term loan due November 2026", ":TermLoanDue2026Member", (262_500, 250_000, 0)), "tl29": ("Term loan due November 2029", ":TermLoanDue2029Member", (0, 0, 300_000)),
        "n28": ("5.125% senior notes due June 2028", ":SeniorNotesDue2028Member", (300_000, 300_000, 300_000)),
    }, ((12_500, 12_500, 12_500, 225_000, 0, 300_000), (12_500, 12_500, 225_000, 0, 300_000, 0), (15_000, 15_000, 15_000, 315_000, 240_000, 0)))  # fmt: skip
    disclose.ratio(c, "gm", "Gross margin", "", "gp", "rev")
    disclose.ratio(
        c,
        "sga_pct",
        "Selling, general and administrative expenses as a percentage of sales",
        "",
        "sga",
        "rev",
    )
    return c


LINES = [
    revenue("rev_peri", "Perishables", 2_938_115, 3_124_480, 3_141_062, dims=product(":PerishablesMember")),
    revenue("rev_rx", "Pharmacy and other", 412_905, 451_330, 476_218, dims=product(":PharmacyAndOtherMember")),
    revenue("rev", "Net sales", 6_812_440, 7_184_315, 7_141_902),
    revenue("rev_dry", "Non-perishables", formula="rev -rev_peri -rev_rx", dims=product(":NonPerishablesMember")),
    L("cost", "Cost of sales", "CostOfGoodsAndServicesSold", 4_864_082, 5_151_154, 5_106_460),
    S("gp", "Gross profit", "GrossProfit", "rev -cost"),
    L("sga", "Selling, general and administrative expenses", "SellingGeneralAndAdministrativeExpense", 1_593_700, 1_671_420, 1_679_630),
    L("da", "Depreciation and amortization", "DepreciationDepletionAndAmortization", 152_310, 159_845, 166_204),
    L("impair", "Store closure and impairment charges", "ImpairmentOfLongLivedAssetsHeldForUse", 0, 6_412, 14_870),
    S("opinc", "Operating income", "OperatingIncomeLoss", "gp -sga -da -impair"),
    L("int_exp", "Interest expense", "InterestExpense", 31_240, 36_118, 35_402, negate=True), L("int_inc", "Interest income", "InvestmentIncomeInterest", 1_204, 5_870, 5_122),
    S("pretax", "Income before income taxes", "IncomeLossFromContinuingOperationsBeforeIncomeTaxesExtraordinaryItemsNoncontrollingInterest", "opinc -int_exp int_inc"),
    L("tax", "Income tax expense", "IncomeTaxExpenseBenefit", 42_216, 40_318, 35_103), S("ni", "Net income", "NetIncomeLoss", "pretax -tax"),
    L("sh_basic", "Basic", "WeightedAverageNumberOfSharesOutstandingBasic", 52_318, 51_204, 49_877, unit="shares", scaled=False),
    L("sh_diluted", "Diluted", "WeightedAverageNumberOfDilutedSharesOutstanding", 52_790, 51_603, 50_214, unit="shares", scaled=False),
    L("eps_basic", "Basic", "EarningsPerShareBasic", unit="eps"), L("eps_diluted", "Diluted", "EarningsPerShareDiluted", unit="eps"),
    L("paid_int", "Interest paid, net of amounts capitalized", "InterestPaidNet", 30_118, 34_902, 35_640), L("paid_tax", "Income taxes paid, net", "IncomeTaxesPaidNet", 34_210, 35_015, 38_880),
    L("stores", "Stores at end of year", "NumberOfStores", 236, 241, 243, unit="count", instant=True, scaled=False), L("opened", "Stores opened", "", 6, 8, 7, unit="count"), L("closed", "Stores closed", "", 1, 3, 5, unit="count"),
    L("lifo", "LIFO charge", "InventoryLIFOReserveEffectOnIncomeNet", 34_210, 21_905, 9_430), L("lifo_res", "LIFO reserve", "InventoryLIFOReserve", 61_340, 83_245, 92_675, instant=True, scaled=False),
    L("shrink_adv", "Advertising expense", "AdvertisingExpense", 41_330, 43_905, 45_210),
    T("cash ar inv prepaid", "Total current assets", "AssetsCurrent", "ca"), T("ca ppe rou goodwill intang oth_a", "Total assets", "Assets", "assets"),
    T("ap payroll accrued lease_cur debt_cur", "Total current liabilities", "LiabilitiesCurrent", "cl"), T("cl debt_lt lease_lt dtl_net oth_l", "Total liabilities", "Liabilities", "liab"),
    T("stock apic re", "Total stockholders’ equity", "StockholdersEquity", "equity"), *totals(),
]  # fmt: skip
ACCOUNTS = accounts(
    {"intang": "Trade names", "ar": "Receivables, net", "inv": "Inventories, at LIFO", "oth_l": "Other noncurrent liabilities"},
    cash=141_220, ar=88_310, inv=402_880, prepaid=41_205, ppe=1_212_450, rou=684_330, goodwill=212_600, intang=46_120, oth_a=38_940,
    ap=318_450, payroll=92_310, accrued=121_640, lease_cur=71_205, debt_cur=12_500, debt_lt=558_300, lease_lt=668_420, dtl_net=96_150, oth_l=54_080, stock=520, apic=318_480, re=556_000,
)  # fmt: skip
FLOWS = flows(
    {"impair": "Store closure and impairment charges", "ar": "Receivables", "oth_l": "Other noncurrent liabilities"}, {"deferred": "dtl_net"},
    ni="ni", dep="da", sbc=(15_210, 16_040, 15_322), deferred=(8_410, 5_212, -3_105), impair="impair", lease_exp=(68_210, 70_115, 72_440), debt_am=(1_120, 1_120, 960),
    ar=to(91_204, 97_880, 96_410), inv=to(438_215, 447_902, 441_300), prepaid=to(43_800, 46_020, 44_915), oth_a=to(40_210, 41_880, 43_005), ap=to(331_090, 338_415, 329_870),
    payroll=to(88_400, 95_220, 91_840), accrued=to(126_330, 131_905, 130_240), lease_pay=(-66_900, -69_020, -71_880), oth_l=to(55_300, 56_410, 57_020),
    capex=(-211_430, -236_820, -198_450), disposals=(4_210, 12_980, 6_105), issue=(0, 0, 297_200), repay=(-12_500, -12_500, -250_000), buyback=(-78_400, -92_310, -85_020),
    div=(-31_390, -33_795, -35_910), espp=(4_120, 4_305, 4_010), net_settle=(-6_210, -6_905, -5_880),
)  # fmt: skip
MOVES = [
    M("rou", "lease_lt", 82_300, 91_450, 64_820),
    M("lease_cur", "lease_lt", 1_810, 2_140, 1_020),
    M("debt_cur", "debt_lt", 12_500, 12_500, 252_500),
]
STATEMENTS = {
    "balance": TableSpec(("#ASSETS", "#Current assets:", ">cash", ">ar", ">inv", ">prepaid", "ca", "ppe", "rou", "goodwill", "intang", "oth_a", "assets", "#LIABILITIES AND STOCKHOLDERS’ EQUITY", "#Current liabilities:", ">ap", ">payroll", ">accrued", ">lease_cur", ">debt_cur", "cl", "debt_lt", "lease_lt", "dtl_net", "oth_l", "liab", "nil:CommitmentsAndContingencies|Commitments and contingencies (Note 9)", "#Stockholders’ equity:", ">stock", ">apic", ">re", "equity", "le"), instant=True),
    "income": TableSpec(("rev", "cost", "gp", "sga", "da", "impair", "opinc", "int_exp", "int_inc", "pretax", "tax", "ni", "#Earnings per share:", ">eps_basic", ">eps_diluted", "#Weighted-average shares outstanding (in thousands):", ">sh_basic", ">sh_diluted")),
    "equity": TableSpec(()), "cashflow": cash_statement(FLOWS, ("paid_int", "paid_tax")),
}  # fmt: skip
TABLES = {
    "sales": TableSpec(
        (">rev_dry", ">rev_peri", ">rev_rx", "rev"), block="DisaggregationOfRevenueTableTextBlock"
    ),
    "results": TableSpec(
        ("rev", "gp", "gm", "sga", "sga_pct", "opinc", "ni", "opened", "closed"), tagged=False
    ),
    "liquidity": TableSpec(("cfo", "cfi", "cff"), tagged=False),
}
COVERS = {
    2023: Cover(ymd("2024-03-28"), 50_611_240, ymd("2024-03-22"), 2_384, ymd("2023-07-28")),
    2024: Cover(ymd("2025-03-27"), 48_930_518, ymd("2025-03-21"), 2_117, ymd("2024-07-26")),
}
