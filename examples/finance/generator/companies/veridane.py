"""Veridane Therapeutics, Inc.: a clinical-stage biotechnology company; calendar year; smaller reporting company."""

from __future__ import annotations

from generator import disclose, longterm
from generator.books import close_books
from generator.kit import L, M, S, T, ymd
from generator.model import Company, Cover, TableSpec
from generator.standard import EQUITY, accounts, cash_statement, flows, revenue, to, totals

FACTS = EQUITY | {
    "incorporated": "Delaware", "irs": "84-9906690", "street": "301 Seawright Avenue", "city": "Durham", "state": "North Carolina", "zip": "27703",
    "area": "919", "phone": "555-0155", "file_number": "001-99106", "security": "Common Stock, $0.0001 par value", "exchange": "The Nasdaq Stock Market LLC",
    "filer": "non", "small": True, "auditor": "Tilden Brock LLP", "auditor_city": "Raleigh, North Carolina", "auditor_id": "9904", "auditor_since": "2018",
    "ceo": "Noor Haddad-Lindgren, M.D., Ph.D., Chief Executive Officer", "cfo": "Stephen Akintola, Chief Financial Officer", "cao": "Rebecca Sloane, Vice President, Finance", "directors": "William T. Harcourt; Dr. Mei-Ling Shu; Annika Rosenqvist",
    "cyber": "Clinical trial data are held by our contract research organizations and by an electronic data capture vendor, whose controls we review before each study begins; identifiable patient data do not enter our own network.",
    "cyber_committee": "Audit Committee", "ciso": "is a contractor with more than ten years of experience at life science companies",
    "exhibits": (("10.1+", "2019 Stock Incentive Plan"), ("10.4", "Collaboration and License Agreement with Kestrel Pharma AG (portions redacted)"), ("10.7", "Lease for 301 Seawright Avenue")),
}  # fmt: skip


def company() -> Company:
    """Return the company with closed books and notes."""
    c = Company(
        name="Veridane Therapeutics, Inc.", slug="vrda", ticker="VRDA", cik="0001990106", facts=FACTS, first_year=2022, unit=1000, years_shown=2, growth_before=0.3,
        year_ends=tuple(ymd(f"{y}-12-31") for y in range(2020, 2025)), lines=LINES, accounts=ACCOUNTS, flows=FLOWS, moves=MOVES, statements=STATEMENTS, tables=dict(TABLES), covers=COVERS,
        look={"agent": "spans", "font": "Times New Roman", "size": "10pt", "shade": "#cceeff", "contexts": "short", "columns": "year", "title_income": "CONSOLIDATED STATEMENTS OF OPERATIONS", "title_comprehensive": "CONSOLIDATED STATEMENTS OF COMPREHENSIVE LOSS", "caption": "(In thousands, except per share data)"},
    )  # fmt: skip
    close_books(c)
    longterm.leases(c, "cf_lease_exp", ("5.8", "4.8", "3.8"), ("7.1", "7.1", "7.2"), variable=0.25)
    disclose.awards(
        c,
        {
            "rd": ("Research and development", "us-gaap:ResearchAndDevelopmentExpenseMember", 0.58),
            "ga": (
                "General and administrative",
                "us-gaap:GeneralAndAdministrativeExpenseMember",
                0.42,
            ),
        },
    )
    return c


LINES = [
    revenue("rev", "Collaboration revenue", 18_400, 24_150, 11_320), L("rd_101", "VRD-101 (lupus nephritis)", "", 41_220, 58_930, 71_415), L("rd_204", "VRD-204 (IgA nephropathy)", "", 18_340, 19_205, 12_690), L("rd_disc", "Discovery and preclinical", "", 11_905, 11_440, 13_260),
    L("rd", "Research and development", "ResearchAndDevelopmentExpense", 96_310, 118_420, 131_905), S("rd_int", "Personnel, facilities and other unallocated", "", "rd -rd_101 -rd_204 -rd_disc"), S("rd_all", "Total research and development expense", "", "rd"),
    L("ga", "General and administrative", "GeneralAndAdministrativeExpense", 27_110, 30_240, 33_180), S("opex", "Total operating expenses", "OperatingExpenses", "rd ga"), S("opinc", "Loss from operations", "OperatingIncomeLoss", "rev -opex"), L("int_inc", "Interest income", "InvestmentIncomeInterest", 2_410, 9_820, 11_340),
    S("ni", "Net loss", "NetIncomeLoss", "opinc int_inc"), L("sh_basic", "Weighted-average shares, basic and diluted (in thousands)", "WeightedAverageNumberOfSharesOutstandingBasicAndDiluted", 41_310, 48_920, 57_405, unit="shares", scaled=False), L("eps_basic", "Net loss per share, basic and diluted", "EarningsPerShareBasicAndDiluted", unit="eps"),
    L("antidil", "Shares excluded", "AntidilutiveSecuritiesExcludedFromComputationOfEarningsPerShareAmount", 6_210, 7_340, 8_115, unit="shares", scaled=False), L("paid_rou", "Right-of-use assets obtained in exchange for lease liabilities", "RightOfUseAssetObtainedInExchangeForOperatingLeaseLiability", 0, 0, 0),
    L("nol", "Federal net operating loss carryforwards", "OperatingLossCarryforwards", 214_300, 262_100, 331_800, instant=True, scaled=False), L("va", "Valuation allowance", "DeferredTaxAssetsValuationAllowance", 88_410, 121_350, 158_720, instant=True, scaled=False),
    L("acc_cro", "Clinical trial and research cost", "", 9_120, 11_540, 13_905, instant=True, scaled=False), L("acc_pay", "Compensation", "EmployeeRelatedLiabilitiesCurrent", 6_010, 7_035, 7_820, instant=True, scaled=False), S("acc_oth", "Other", "OtherAccruedLiabilitiesCurrent", "accrued -acc_cro -acc_pay", instant=True),
    T("cash stinv prepaid", "Total current assets", "AssetsCurrent", "ca"), T("ca ppe rou oth_a", "Total assets", "Assets", "assets"), T("ap accrued defrev lease_cur", "Total current liabilities", "LiabilitiesCurrent", "cl"), T("cl lease_lt", "Total liabilities", "Liabilities", "liab"),
    T("stock apic aoci re", "Total stockholders’ equity", "StockholdersEquity", "equity"), T("cash stinv", "", "", "liquid"), *totals(), S("oci", "Unrealized gain (loss) on investments", "OtherComprehensiveIncomeLossAvailableForSaleSecuritiesAdjustmentNetOfTax", "m_inv"), S("ci", "Comprehensive loss", "ComprehensiveIncomeNetOfTax", "ni oci"),
]  # fmt: skip
ACCOUNTS = accounts(
    {"re": "Accumulated deficit", "defrev": "Deferred revenue, current"}, cash=84_210, stinv=142_300, prepaid=6_410, ppe=9_820, rou=14_320, oth_a=2_110, ap=5_120, accrued=14_330, defrev=16_200, lease_cur=2_410, lease_lt=13_010, stock=4, apic=512_316, aoci=-120, re=-304_100,
)  # fmt: skip
FLOWS = flows(
    {"ni": "Net loss", "dep": "Depreciation", "espp": "Proceeds from exercise of options and employee stock purchases"}, ni="ni", dep=(2_210, 2_480, 2_610), sbc=(14_310, 16_920, 18_405), accretion=(-410, -4_120, -3_980), lease_exp=(2_120, 2_210, 2_300),
    prepaid=to(7_920, 8_410, 9_870), ap=to(6_240, 5_910, 8_330), accrued=to(17_810, 21_420, 24_980), defrev=to(9_650, 5_320, 0), lease_pay=(-2_010, -2_180, -2_340), capex=(-2_910, -1_840, -1_220), inv_buy=(-121_000, -188_200, -164_300), inv_sell=(146_000, 131_400, 208_700), offering=(48_300, 172_400, 61_900), espp=(1_120, 1_940, 1_310),
)  # fmt: skip
MOVES = [
    M("stinv", "aoci", -610, 720, 140, label="Unrealized gain (loss) on investments", key="m_inv"),
    M("lease_cur", "lease_lt", 160, 170, 180),
]
STATEMENTS = {
    "balance": TableSpec(("#ASSETS", "#Current assets:", ">cash", ">stinv", ">prepaid", "ca", "ppe", "rou", "oth_a", "assets", "#LIABILITIES AND STOCKHOLDERS’ EQUITY", "#Current liabilities:", ">ap", ">accrued", ">defrev", ">lease_cur", "cl", "lease_lt", "liab", "nil:CommitmentsAndContingencies|Commitments and contingencies (Note 9)", "#Stockholders’ equity:", ">stock", ">apic", ">aoci", ">re", "equity", "le"), instant=True),
    "income": TableSpec(("rev", "#Operating expenses:", ">rd", ">ga", "opex", "opinc", "int_inc", "ni", "eps_basic", "sh_basic")), "comprehensive": TableSpec(("ni", "oci", "ci")), "equity": TableSpec(()), "cashflow": cash_statement(FLOWS, (), loss=True),
}  # fmt: skip
TABLES = {
    "programs": TableSpec(("rd_101", "rd_204", "rd_disc", "rd_int", "rd_all"), tagged=False), "results": TableSpec(("rev", "rd", "ga", "opinc", "int_inc", "ni"), tagged=False), "accrued": TableSpec(("acc_cro", "acc_pay", "acc_oth", "accrued|Total accrued liabilities"), instant=True, block="ScheduleOfAccruedLiabilitiesTableTextBlock"), "liquidity": TableSpec(("cfo", "cfi", "cff"), tagged=False),
}  # fmt: skip
COVERS = {
    2023: Cover(ymd("2024-03-14"), 54_902_331, ymd("2024-03-07"), 501, ymd("2023-06-30")),
    2024: Cover(ymd("2025-03-13"), 60_318_774, ymd("2025-03-06"), 388, ymd("2024-06-28")),
}
