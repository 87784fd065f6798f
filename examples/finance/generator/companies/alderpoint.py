"""Alderpoint Logistics Trust, Inc.: a real estate investment trust of warehouses; calendar year; smaller reporting company."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from generator import disclose, longterm
from generator.books import close_books
from generator.kit import A, L, M, S, T, ymd
from generator.model import Company, Cover, Flow, Line, TableSpec
from generator.standard import EQUITY, accounts, flows, to, totals

FACTS = EQUITY | {
    "incorporated": "Maryland", "irs": "47-9907718", "street": "55 Wharfinger Street, 9th Floor", "city": "Nashville", "state": "Tennessee", "zip": "37201",
    "area": "615", "phone": "555-0133", "file_number": "001-99107", "security": "Common Stock, $0.01 par value per share", "exchange": "The New York Stock Exchange",
    "filer": "accelerated", "small": True, "auditor": "Bexley Strand &amp; Company", "auditor_city": "Nashville, Tennessee", "auditor_id": "9903", "auditor_since": "2015",
    "ceo": "Rosalind A. Tate, Chief Executive Officer and Chair", "cfo": "Owen Maclaren, Chief Financial Officer", "cao": "Yuki Tanabe-Ford, Chief Accounting Officer", "directors": "Leonard Voss; Patrice N'Diaye; Marion Eccles",
    "eq:Dividends declared": "-DividendsCommonStockCash",
    "cyber": "Building access and energy systems at our properties are operated by vendors on networks that do not connect to our accounting systems.",
    "cyber_committee": "Audit Committee", "ciso": "fifteen years of experience in information technology, and is assisted by a managed security provider",
    "exhibits": (("4.1", "Description of securities"), ("10.1", "Second Amended and Restated Credit Agreement"), ("10.4", "Note Purchase Agreement dated March 2, 2020")),
}  # fmt: skip


def company() -> Company:
    """Return the company with closed books and notes."""
    c = Company(
        name="Alderpoint Logistics Trust, Inc.", slug="adlt", ticker="ADLT", cik="0001990107", facts=FACTS, first_year=2022, unit=1000, years_shown=2,
        year_ends=tuple(ymd(f"{y}-12-31") for y in range(2020, 2025)), lines=LINES, accounts=ACCOUNTS, flows=FLOWS, moves=MOVES, statements=STATEMENTS, tables=dict(TABLES), covers=COVERS,
        look={"agent": "paragraphs", "font": "Times New Roman", "size": "10pt", "shade": "#cceeff", "contexts": "long", "columns": "year", "title_income": "CONSOLIDATED STATEMENTS OF OPERATIONS", "caption": "(In thousands, except share and per share data)"},
    )  # fmt: skip
    close_books(c)
    disclose.earnings(c)
    longterm.debt(c, {
        "tl27": ("Term loan due 2027", ":TermLoanDue2027Member", (150_000, 150_000, 150_000)), "tl28": ("Term loan due 2028", ":TermLoanDue2028Member", (0, 75_000, 75_000)),
        "n30": ("4.21% senior notes due 2030", ":SeniorNotesDue2030Member", (120_000, 120_000, 120_000)),
    }, ((0, 0, 0, 0, 150_000, 120_000), (0, 0, 0, 150_000, 75_000, 120_000), (0, 0, 150_000, 75_000, 0, 120_000)), carrying="debt_lt")  # fmt: skip
    disclose.put(
        c,
        Line("ffo_sh", "FFO per diluted share", "", unit="eps"),
        lambda y: (
            Decimal(int(c.books[str(y)]["ffo"])) / int(c.books[str(y)]["sh_diluted"])
        ).quantize(Decimal("0.01"), ROUND_HALF_UP),
    )
    disclose.ratio(c, "noi_margin", "Net operating income margin", "", "noi", "rev")
    return c


def _future(n: int, *values: int) -> Line:
    names = (
        "NextTwelveMonths",
        "InTwoYears",
        "InThreeYears",
        "InFourYears",
        "InFiveYears",
        "Thereafter",
    )
    concepts = (
        "LessorOperatingLeasePaymentsToBeReceivedNextTwelveMonths",
        "LessorOperatingLeasePaymentsToBeReceivedTwoYears",
        "LessorOperatingLeasePaymentsToBeReceivedThreeYears",
        "LessorOperatingLeasePaymentsToBeReceivedFourYears",
        "LessorOperatingLeasePaymentsToBeReceivedFiveYears",
        "LessorOperatingLeasePaymentsToBeReceivedThereafter",
    )
    return Line(
        f"rent_due{n}",
        "Thereafter" if names[n] == "Thereafter" else f"Year {n + 1}",
        concepts[n],
        tuple(values),
        instant=True,
        scaled=False,
    )


LINES = [
    L("rent", "Rental revenue", "OperatingLeaseLeaseIncome", 81_240, 88_915, 96_330), L("oth_rev", "Other revenue", "OtherIncome", 1_420, 1_610, 1_705), S("rev", "Total revenues", "Revenues", "rent oth_rev"),
    L("prop", "Property operating", "DirectCostsOfLeasedAndRentedPropertyOrEquipment", 9_310, 10_240, 11_020), L("re_tax", "Real estate taxes", "RealEstateTaxExpense", 12_105, 13_390, 14_610),
    L("dep_re", "", "", 27_900, 30_310, 32_210), L("am_in", "", "", 5_510, 5_810, 6_030), S("da", "Depreciation and amortization", "DepreciationDepletionAndAmortization", "dep_re am_in"),
    L("ga", "General and administrative", "GeneralAndAdministrativeExpense", 11_205, 12_010, 12_480), L("impair", "Impairment of real estate", "ImpairmentOfRealEstate", 0, 0, 4_310), S("opex", "Total expenses", "CostsAndExpenses", "prop re_tax da ga impair"),
    L("gain", "Gain on sale of real estate", "GainLossOnSaleOfProperties", 0, 8_415, 12_960), L("int_exp", "Interest expense", "InterestExpense", 12_320, 15_905, 18_640, negate=True),
    S("ni", "Net income", "NetIncomeLoss", "rev -opex gain -int_exp"), S("noi", "Net operating income", "", "rev -prop -re_tax"),
    S("ffo", "Funds from operations (FFO)", "", "ni da -gain impair"),
    L("sh_basic", "Basic", "WeightedAverageNumberOfSharesOutstandingBasic", 41_210, 43_905, 45_120, unit="shares", scaled=False), L("sh_diluted", "Diluted", "WeightedAverageNumberOfDilutedSharesOutstanding", 41_380, 44_090, 45_330, unit="shares", scaled=False),
    L("eps_basic", "Net income per share, basic", "EarningsPerShareBasic", unit="eps"), L("eps_diluted", "Net income per share, diluted", "EarningsPerShareDiluted", unit="eps"),
    L("props", "Number of properties", "NumberOfRealEstateProperties", 71, 74, 75, unit="count", instant=True, scaled=False),
    _future(0, 74_100, 81_220, 86_940), _future(1, 68_300, 74_510, 80_120), _future(2, 59_420, 65_330, 69_870), _future(3, 47_880, 53_910, 58_030), _future(4, 38_210, 43_020, 46_450), _future(5, 92_610, 101_340, 108_720),
    S("rent_due", "Total", "LessorOperatingLeasePaymentsToBeReceived", "rent_due0 rent_due1 rent_due2 rent_due3 rent_due4 rent_due5", instant=True),
    L("paid_int", "Cash paid for interest, net of amounts capitalized", "InterestPaidNet", 11_310, 14_820, 17_605),
    T("re_gross -re_acc", "Real estate, net", "RealEstateInvestmentPropertyNet", "re_net"), T("re_net cash intang rent_def oth_a", "Total assets", "Assets", "assets"),
    T("debt_lt revolver payables div_pay bml", "Total liabilities", "Liabilities", "liab"), T("stock apic re", "Total stockholders’ equity", "StockholdersEquity", "equity"), T("debt_lt revolver", "", "", "borrowings"), *totals(),
]  # fmt: skip
ACCOUNTS = [
    A("re_gross", "Real estate, at cost", "RealEstateInvestmentPropertyAtCost", 918_400), A("re_acc", "Less: accumulated depreciation", "RealEstateInvestmentPropertyAccumulatedDepreciation", -121_300, negate=True),
    *accounts({"intang": "Lease intangibles, net"}, cash=18_240, intang=41_300), A("rent_def", "Deferred rent receivable", "DeferredRentReceivablesNet", 22_410), *accounts(oth_a=12_080),
    *accounts({"debt_lt": "Term loans and senior notes, net"}, debt_lt=266_900), A("revolver", "Revolving credit facility", "LongTermLineOfCredit", 64_000, "liability"), A("payables", "Accounts payable, accrued expenses and other", "AccountsPayableAndAccruedLiabilitiesCurrentAndNoncurrent", 23_330, "liability"),
    A("div_pay", "Dividends payable", "DividendsPayableCurrentAndNoncurrent", 8_240, "liability"), A("bml", "Below-market lease liabilities, net", "BelowMarketLeaseNet", 9_410, "liability"),
    *accounts(stock=412, apic=598_838), A("re", "Distributions in excess of accumulated earnings", "AccumulatedDistributionsInExcessOfNetIncome", -80_000, "equity"),
]  # fmt: skip
FLOWS = [
    *flows(ni="ni"), Flow("dep", "Depreciation", "Depreciation", "op", "re_acc", of="dep_re"), Flow("am", "Amortization of lease intangibles", "AmortizationOfIntangibleAssets", "op", "intang", of="am_in"),
    Flow("slr", "Straight-line rent", "StraightLineRent", "op", "rent_def", (-3_110, -2_840, -2_520), negate=True), Flow("bml", "Amortization of below-market leases", "AmortizationOfBelowMarketLease", "op", "bml", (-1_210, -1_180, -1_090), negate=True),
    Flow("gain", "Gain on sale of real estate", "GainLossOnSaleOfProperties", "op", "re_gross", of="-gain", negate=True), Flow("impair", "Impairment of real estate", "ImpairmentOfRealEstate", "op", "re_gross", of="impair"),
    *flows(sbc=(3_210, 3_540, 3_820), debt_am=(890, 920, 1_040), oth_a=to(12_910, 13_220, 13_840)), Flow("payables", "Accounts payable, accrued expenses and other", "IncreaseDecreaseInAccountsPayableAndAccruedLiabilities", "op", "payables", to=(24_020, 25_330, 25_905)),
    Flow("buy", "Acquisitions of real estate", "PaymentsToAcquireRealEstateHeldForInvestment", "inv", "re_gross", (-96_400, -71_200, -58_900), negate=True), Flow("capex", "Building and tenant improvements", "PaymentsForCapitalImprovements", "inv", "re_gross", (-11_200, -12_940, -14_110), negate=True),
    Flow("sale", "Proceeds from sale of real estate", "ProceedsFromSaleOfRealEstateHeldforinvestment", "inv", "re_gross", (0, 22_400, 31_750)), *flows({"issue": "Proceeds from term loan, net of costs"}, issue=(0, 74_300, 0)),
    Flow("revolver", "Net borrowings (repayments) under revolving credit facility", "ProceedsFromRepaymentsOfLinesOfCredit", "fin", "revolver", (58_000, -41_000, -6_000)), *flows(offering=(52_100, 38_400, 12_300)),
    Flow("div", "Dividends paid", "PaymentsOfDividends", "fin", "re", (-33_100, -36_200, -37_800), negate=True, equity="Dividends declared"),
]  # fmt: skip
MOVES = [
    M("intang", "re_gross", 8_100, 6_020, 4_900),
    M("re_acc", "re_gross", 0, 4_120, 5_880),
    M("div_pay", "re", 410, 520, 310, label="Dividends declared"),
]
STATEMENTS = {
    "balance": TableSpec(("#ASSETS", ">re_gross", ">re_acc", "re_net", "cash", "intang", "rent_def", "oth_a", "assets", "#LIABILITIES AND STOCKHOLDERS’ EQUITY", "debt_lt", "revolver", "payables", "div_pay", "bml", "liab", "nil:CommitmentsAndContingencies|Commitments and contingencies (Note 8)", "#Stockholders’ equity:", ">stock", ">apic", ">re", "equity", "le"), instant=True),
    "income": TableSpec(("#Revenues:", ">rent", ">oth_rev", "rev", "#Expenses:", ">prop", ">re_tax", ">da", ">ga", ">impair", "opex", "gain", "int_exp", "ni", "eps_basic", "eps_diluted", "#Weighted-average shares (in thousands):", ">sh_basic", ">sh_diluted")),
    "equity": TableSpec(()),
    "cashflow": TableSpec(("#Operating activities:", "cf_ni", ">cf_dep", ">cf_am", ">cf_slr", ">cf_bml", ">cf_gain", ">cf_impair", ">cf_sbc", ">cf_debt_am", "#Changes in assets and liabilities:", ">cf_oth_a", ">cf_payables", "cfo", "#Investing activities:", ">cf_buy", ">cf_capex", ">cf_sale", "cfi", "#Financing activities:", ">cf_issue", ">cf_revolver", ">cf_offering", ">cf_div", "cff", "dcash", "cash@-1|Cash and cash equivalents, beginning of year", "cash|Cash and cash equivalents, end of year", "#Supplemental disclosure:", ">paid_int")),
}  # fmt: skip
TABLES = {
    "ffo": TableSpec(("ni", "da|Depreciation and amortization", "-gain|Less: gain on sale of real estate", "impair", "ffo", "ffo_sh"), tagged=False), "results": TableSpec(("rent", "oth_rev", "rev", "prop", "re_tax", "noi", "noi_margin"), tagged=False),
    "rents": TableSpec((*(f"rent_due{n}" for n in range(6)), "rent_due"), instant=True, years=1, block="LessorOperatingLeasePaymentsToBeReceivedMaturityTableTextBlock"), "liquidity": TableSpec(("cfo", "cfi", "cff"), tagged=False),
}  # fmt: skip
COVERS = {
    2023: Cover(ymd("2024-02-27"), 44_812_006, ymd("2024-02-20"), 618, ymd("2023-06-30")),
    2024: Cover(ymd("2025-02-26"), 45_407_551, ymd("2025-02-19"), 641, ymd("2024-06-28")),
}
