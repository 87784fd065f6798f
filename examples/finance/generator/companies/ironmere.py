"""Ironmere Industries, Inc.: valves, hydraulics and seals; fiscal year ends October 31; reports in millions with one decimal."""

from __future__ import annotations

from generator import disclose, longterm
from generator.books import close_books
from generator.kit import REVENUE, A, L, M, S, T, segment, ymd
from generator.model import Company, Cover, Interim, TableSpec
from generator.standard import EQUITY, accounts, cash_statement, flows, revenue, to, totals

FACTS = EQUITY | {
    "incorporated": "Ohio", "irs": "34-9905582", "street": "1717 Foundry Row", "city": "Canton", "state": "Ohio", "zip": "44702",
    "area": "330", "phone": "555-0166", "file_number": "001-99105", "security": "Common Shares, without par value", "exchange": "The New York Stock Exchange",
    "filer": "large", "auditor": "Bexley Strand &amp; Company", "auditor_city": "Cleveland, Ohio", "auditor_id": "9903", "auditor_since": "1988",
    "ceo": "Walter E. Drummond, Chairman, President and Chief Executive Officer", "cfo": "Helena Straka, Senior Vice President and Chief Financial Officer", "cao": "Brian P. O'Hallaron, Vice President, Corporate Controller",
    "directors": "Margaret L. Tso; Dieter Vogelsang; Clarence W. Bright; Elena Marchetti; Raymond A. Koss",
    "eq:Repurchases of common stock": "-TreasuryStockValueAcquiredCostMethod",
    "cyber": "Plant control networks are separated from business networks at all of our larger sites, and each plant keeps offline copies of the programs that run its machine tools and test benches.",
    "cyber_committee": "Audit Committee", "ciso": "eighteen years of experience in industrial control system security",
    "exhibits": (("4.1", "Indenture dated June 1, 2017"), ("10.2+", "Supplemental Executive Retirement Plan"), ("10.5", "Term Loan Agreement dated February 28, 2023")),
    "trading_plan:2024": "On September 12, 2024, Walter E. Drummond, our Chief Executive Officer, terminated a Rule 10b5-1 trading arrangement adopted on September 15, 2023 for the sale of up to 60,000 shares, of which 41,200 had been sold.",
}  # fmt: skip


def company() -> Company:
    """Return the company with closed books and notes."""
    c = Company(
        name="Ironmere Industries, Inc.", slug="irnm", ticker="IRNM", cik="0001990105", facts=FACTS, first_year=2022, unit=100_000,
        year_ends=(ymd("2020-10-31"), ymd("2021-10-31"), ymd("2022-10-31"), ymd("2023-10-31"), ymd("2024-10-31")),
        lines=LINES, accounts=ACCOUNTS, flows=FLOWS, moves=MOVES, statements=STATEMENTS, tables=dict(TABLES), covers=COVERS, interims=[QUARTER], growth_before=0.07,
        look={"agent": "paragraphs", "font": "Times New Roman", "size": "10pt", "shade": "#ffffff", "contexts": "short", "columns": "year", "title_income": "CONSOLIDATED STATEMENTS OF INCOME",
              "title_equity": "CONSOLIDATED STATEMENTS OF SHAREHOLDERS’ EQUITY", "caption": "(In millions, except per share amounts)"},
    )  # fmt: skip
    close_books(c)
    disclose.taxes(c, {"state": 0.11, "for": 0.38}, {
        "state": ("State and local taxes, net of federal benefit", "IncomeTaxReconciliationStateAndLocalIncomeTaxes", 0.09),
        "foreign": ("Effect of foreign operations", "IncomeTaxReconciliationForeignIncomeTaxRateDifferential", 0.05), "rd": ("Research credit", "IncomeTaxReconciliationTaxCreditsResearch", -0.06),
    })  # fmt: skip
    disclose.earnings(c)
    longterm.leases(c, "cf_lease_exp", ("5.9", "5.6", "5.7"), ("3.8", "4.4", "4.7"))
    longterm.property_table(c, {
        "land": ("Land and improvements", "us-gaap:LandAndLandImprovementsMember", 0.06), "bld": ("Buildings", "us-gaap:BuildingMember", 0.27),
        "mach": ("Machinery and equipment", "us-gaap:MachineryAndEquipmentMember", 0.62), "cip": ("Construction in progress", "us-gaap:ConstructionInProgressMember", 0.05),
    }, 6_910, (320, 355, 410))  # fmt: skip
    longterm.debt(c, {
        "tl": ("Term loan due March 2026", ":TermLoanDue2026Member", (0, 1_500, 900)), "n27": ("3.90% notes due April 2027", ":NotesDue2027Member", (5_000, 5_000, 5_000)),
        "n31": ("4.75% notes due July 2031", ":NotesDue2031Member", (4_500, 4_500, 4_500)),
    }, ((0, 0, 0, 0, 5_000, 4_500), (150, 150, 1_200, 5_000, 0, 4_500), (150, 750, 5_000, 0, 0, 4_500)))  # fmt: skip
    disclose.ratio(c, "gm", "Gross margin", "", "gp", "rev")
    disclose.ratio(c, "om", "Operating margin", "", "opinc", "rev")
    return c


OI = "OperatingIncomeLoss"
FC, FP, ES = (
    segment(":FlowControlMember"),
    segment(":FluidPowerMember"),
    segment(":EngineeredSealsMember"),
)
LINES = [
    revenue("rev", "Net sales", 22_146, 24_028, 23_513), revenue("seg_fp", "Fluid Power", 7_420, 8_135, 7_388, dims=FP), revenue("seg_es", "Engineered Seals", 4_318, 4_702, 4_961, dims=ES),
    S("seg_fc", "Flow Control", REVENUE, "rev -seg_fp -seg_es", dims=FC), L("cost", "Cost of goods sold", "CostOfGoodsAndServicesSold", 14_682, 15_714, 15_243), S("gp", "Gross profit", "GrossProfit", "rev -cost"),
    L("sga", "Selling, general and administrative expenses", "SellingGeneralAndAdministrativeExpense", 4_108, 4_389, 4_412), L("rd", "Research and development expenses", "ResearchAndDevelopmentExpense", 498, 532, 561),
    L("amort", "Amortization of intangible assets", "AmortizationOfIntangibleAssets", 312, 318, 296), L("restr", "Restructuring charges", "RestructuringCharges", 0, 84, 146), S("opinc", "Operating income", OI, "gp -sga -rd -amort -restr"),
    L("int_exp", "Interest expense", "InterestExpense", 402, 561, 528, negate=True), L("other", "Other income, net", "OtherNonoperatingIncomeExpense", 64, 38, 41),
    S("pretax", "Income before income taxes", "IncomeLossFromContinuingOperationsBeforeIncomeTaxesExtraordinaryItemsNoncontrollingInterest", "opinc -int_exp other"), L("tax", "Income taxes", "IncomeTaxExpenseBenefit", 486, 551, 512), S("ni", "Net income", "NetIncomeLoss", "pretax -tax"),
    L("sh_basic", "Basic", "WeightedAverageNumberOfSharesOutstandingBasic", 43_210, 42_870, 42_310, unit="shares", scaled=False), L("sh_diluted", "Diluted", "WeightedAverageNumberOfDilutedSharesOutstanding", 43_702, 43_330, 42_735, unit="shares", scaled=False),
    L("eps_basic", "Basic", "EarningsPerShareBasic", unit="eps"), L("eps_diluted", "Diluted", "EarningsPerShareDiluted", unit="eps"),
    L("oi_fc", "Flow Control", OI, 1_648, 1_942, 2_071, dims=FC), L("oi_fp", "Fluid Power", OI, 842, 951, 688, dims=FP), L("oi_es", "Engineered Seals", OI, 712, 796, 868, dims=ES),
    S("oi_corp", "Corporate expense", OI, "opinc -oi_fc -oi_fp -oi_es", dims=(("srt:ConsolidationItemsAxis", "us-gaap:CorporateNonSegmentMember"),)),
    L("backlog", "Backlog", "RevenueRemainingPerformanceObligation", 7_810, 8_240, 7_935, instant=True, scaled=False), L("warr", "Product warranty accrual", "ProductWarrantyAccrual", 182, 196, 203, instant=True, scaled=False),
    L("env", "Environmental reserves", "AccrualForEnvironmentalLossContingencies", 141, 138, 167, instant=True, scaled=False), L("pbo", "Projected benefit obligation", "DefinedBenefitPlanBenefitObligation", 4_910, 4_620, 4_705, instant=True, scaled=False),
    S("plan_assets", "Fair value of plan assets", "DefinedBenefitPlanFairValueOfPlanAssets", "pbo -pension", instant=True), L("pens_cost", "Net periodic pension cost (income)", "DefinedBenefitPlanNetPeriodicBenefitCost", -31, 12, 9),
    L("paid_int", "Interest paid", "InterestPaidNet", 388, 540, 522), L("paid_tax", "Income taxes paid", "IncomeTaxesPaidNet", 501, 588, 561),
    T("cash ar inv prepaid", "Total current assets", "AssetsCurrent", "ca"), T("ca ppe rou goodwill intang oth_a", "Total assets", "Assets", "assets"),
    T("ap payroll accrued lease_cur debt_cur", "Total current liabilities", "LiabilitiesCurrent", "cl"), T("cl debt_lt lease_lt dtl_net pension oth_l", "Total liabilities", "Liabilities", "liab"),
    T("apic re aoci -treasury", "Total shareholders’ equity", "StockholdersEquity", "equity"), *totals("shareholders"),
    S("oci_fx", "Foreign currency translation", "OtherComprehensiveIncomeLossForeignCurrencyTransactionAndTranslationAdjustmentNetOfTax", "cf_fx"), S("oci_pens", "Pension and postretirement adjustments", "OtherComprehensiveIncomeLossPensionAndOtherPostretirementBenefitPlansAdjustmentNetOfTax", "m_pension"),
    S("oci", "Other comprehensive income, net of tax", "OtherComprehensiveIncomeLossNetOfTax", "oci_fx oci_pens"), S("ci", "Comprehensive income", "ComprehensiveIncomeNetOfTax", "ni oci"),
]  # fmt: skip
ACCOUNTS = [
    *accounts(
    {"oth_l": "Other liabilities"}, cash=2_140, ar=3_410, inv=3_865, prepaid=520, ppe=4_380, rou=610, goodwill=9_120, intang=2_860, oth_a=980, ap=1_960, payroll=890, accrued=1_340, lease_cur=150, debt_cur=0, debt_lt=9_420, lease_lt=480, dtl_net=690, pension=880, oth_l=410,
),
    A("apic", "Common shares", "CommonStocksIncludingAdditionalPaidInCapital", 3_120, "equity"), A("re", "Retained earnings", "RetainedEarningsAccumulatedDeficit", 12_480, "equity"),
    A("aoci", "Accumulated other comprehensive loss", "AccumulatedOtherComprehensiveIncomeLossNetOfTax", -1_525, "equity"), A("treasury", "Treasury shares, at cost", "TreasuryStockValue", -2_410, "contra", negate=True),
]  # fmt: skip
FLOWS = flows(
    {"acq": "Acquisition of Halvorsen Dynamics, net of cash acquired"}, {"deferred": "dtl_net", "buyback": "treasury"},
    ni="ni", dep=(498, 521, 540), amort="amort", sbc=(142, 151, 158), deferred=(-40, -62, -35), lease_exp=(148, 152, 156), debt_am=(12, 13, 14), ar=to(3_720, 3_985, 3_840), inv=to(4_490, 4_410, 4_185), prepaid=to(548, 575, 560), oth_a=to(990, 1_010, 1_045),
    ap=to(2_180, 2_075, 2_010), payroll=to(930, 985, 960), accrued=to(1_405, 1_460, 1_430), lease_pay=(-146, -150, -155), pension=(-60, -72, -65), oth_l=to(402, 415, 408), capex=(-585, -640, -612), acq=(0, -2_105, 0), disposals=(22, 18, 64),
    issue=(0, 1_800, 0), repay=(0, -300, -600), buyback=(-600, -450, -900), div=(-475, -498, -521), espp=(62, 58, 66), fx=(-85, 41, -28),
)  # fmt: skip
MOVES = [
    M("aoci", "pension", 120, 64, -48, label="Pension adjustments, net of tax", key="m_pension"), M("intang", "goodwill", 0, 820, 0), M("rou", "lease_lt", 132, 171, 140), M("lease_cur", "lease_lt", 4, 6, 2), M("debt_cur", "debt_lt", 0, 450, 600),
]  # fmt: skip
STATEMENTS = {
    "income": TableSpec(("rev", "cost", "gp", "sga", "rd", "amort", "restr", "opinc", "int_exp", "other", "pretax", "tax", "ni", "#Earnings per share:", ">eps_basic", ">eps_diluted", "#Weighted-average shares (in thousands):", ">sh_basic", ">sh_diluted")),
    "comprehensive": TableSpec(("ni", "#Other comprehensive income (loss), net of tax:", ">oci_fx", ">oci_pens", "oci", "ci")),
    "balance": TableSpec(("#ASSETS", "#Current assets:", ">cash", ">ar", ">inv", ">prepaid", "ca", "ppe", "rou", "goodwill", "intang", "oth_a", "assets", "#LIABILITIES AND SHAREHOLDERS’ EQUITY", "#Current liabilities:", ">ap", ">payroll", ">accrued", ">lease_cur", ">debt_cur", "cl", "debt_lt", "lease_lt", "dtl_net", "pension", "oth_l", "liab", "nil:CommitmentsAndContingencies|Commitments and contingencies (Note 12)", "#Shareholders’ equity:", ">apic", ">re", ">aoci", ">treasury", "equity", "le"), instant=True),
    "equity": TableSpec(()), "cashflow": cash_statement(FLOWS, ("paid_int", "paid_tax")),
}  # fmt: skip
SEGMENT_ROWS = (
    "#Net sales:",
    ">seg_fc",
    ">seg_fp",
    ">seg_es",
    "rev",
    "#Operating income:",
    ">oi_fc",
    ">oi_fp",
    ">oi_es",
    ">oi_corp",
    "opinc",
)
TABLES = {
    "segments": TableSpec(SEGMENT_ROWS, block="ScheduleOfSegmentReportingInformationBySegmentTextBlock"), "mdna_segments": TableSpec(SEGMENT_ROWS, tagged=False),
    "results": TableSpec(("rev", "gp", "gm", "opinc", "om", "ni"), tagged=False), "pension": TableSpec(("pbo", "plan_assets", "pension|Net liability recognized"), instant=True, block="ScheduleOfDefinedBenefitPlansDisclosuresTextBlock"),
    "liquidity": TableSpec(("cfo", "cf_capex", "fcf", "cf_acq", "cf_buyback", "cf_div"), tagged=False),
}  # fmt: skip
COVERS = {
    2023: Cover(ymd("2023-12-18"), 42_688_115, ymd("2023-12-08"), 3_214, ymd("2023-04-28")),
    2024: Cover(ymd("2024-12-17"), 41_905_630, ymd("2024-12-06"), 3_496, ymd("2024-04-30")),
}
QUARTER = Interim(
    year=2024, quarter=2, ytd_end=ymd("2024-04-30"), prior_end=ymd("2023-04-30"), quarter_start=ymd("2024-02-01"), prior_quarter_start=ymd("2023-02-01"),
    share=(0.487, 0.489), last_quarter=(0.516, 0.523), filed=ymd("2024-05-31"), ytd_words="Six Months Ended April 30,", quarter_words="Three Months Ended April 30,", outstanding=42_371_204,
    shares={"acq": (1, 1), "issue": (1, 1), "intanggoodwill": (1, 1), "restr": (0.66, 0.4), "repay": (0.5, 0)}, last_shares={"restr": 0.88},
)  # fmt: skip
