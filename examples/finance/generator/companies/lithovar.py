"""Lithovar Systems, Inc.: deposition and metrology tools for chip makers; fiscal year ends June 30."""

from __future__ import annotations

from generator import disclose, longterm
from generator.books import close_books
from generator.kit import REVENUE, A, F, L, M, S, T, place, product, segment, ymd
from generator.model import Company, Cover, Interim, TableSpec

FACTS = {
    "incorporated": "Delaware", "irs": "94-9901017", "street": "4100 Quarry Lake Parkway", "city": "Pleasanton", "state": "California", "zip": "94588",
    "area": "925", "phone": "555-0142", "file_number": "001-99101", "security": "Common Stock, par value $0.001 per share", "exchange": "The Nasdaq Stock Market LLC",
    "filer": "large", "auditor": "Hallett Pryor LLP", "auditor_city": "San Jose, California", "auditor_id": "9901", "auditor_since": "2009",
    "ceo": "Marit Solheim-Okafor, President and Chief Executive Officer", "cfo": "Daniel R. Espinoza, Executive Vice President and Chief Financial Officer",
    "cao": "Priya Venkataraghavan, Vice President and Chief Accounting Officer", "directors": "Gregory T. Lindqvist; Anneliese Baumgart; Howard C. Nakagawa; Tolu Adeyemi-Brandt",
    "eq:Net income": "NetIncomeLoss", "eq:Stock-based compensation": "AdjustmentsToAdditionalPaidInCapitalSharebasedCompensationRequisiteServicePeriodRecognitionValue",
    "eq:Repurchases of common stock": "-StockRepurchasedAndRetiredDuringPeriodValue", "eq:Dividends paid": "-DividendsCommonStockCash",
    "eq:Proceeds from employee stock plans": "StockIssuedDuringPeriodValueEmployeeStockPurchasePlan", "eq:Foreign currency translation": "OtherComprehensiveIncomeLossForeignCurrencyTransactionAndTranslationAdjustmentNetOfTax",
    "eq:Unrealized gain (loss) on investments": "OtherComprehensiveIncomeLossAvailableForSaleSecuritiesAdjustmentNetOfTax",
    "eq:Taxes paid on net settlement of awards": "-AdjustmentsRelatedToTaxWithholdingForShareBasedCompensation",
    "cyber": "Because our tools run inside customers' fabs, the program extends to the software we ship: it is signed, scanned and delivered through a channel that customers control.", "cyber_committee": "Audit Committee", "ciso": "more than twenty years of experience in information security in the semiconductor and defense industries",
    "exhibits": (("4.1", "Indenture for senior debt securities"), ("10.1+", "2018 Equity Incentive Plan"), ("10.2", "Revolving Credit Agreement")),
    "member:apic": "CommonStockIncludingAdditionalPaidInCapitalMember", "member:re": "RetainedEarningsMember", "member:aoci": "AccumulatedOtherComprehensiveIncomeMember",
}  # fmt: skip
SEG_OI = "OperatingIncomeLoss"


def company() -> Company:
    """Return the company with closed books and notes."""
    c = Company(
        name="Lithovar Systems, Inc.", slug="lvar", ticker="LVAR", cik="0001990101", facts=FACTS, first_year=2022, unit=1_000_000,
        year_ends=(ymd("2020-06-30"), ymd("2021-06-30"), ymd("2022-06-30"), ymd("2023-06-30"), ymd("2024-06-30")),
        lines=LINES, accounts=ACCOUNTS, flows=FLOWS, moves=MOVES, statements=STATEMENTS, tables=dict(TABLES), covers=COVERS, interims=[QUARTER],
        look={"agent": "spans", "font": "Arial", "size": "9pt", "shade": "#cceeff", "contexts": "short", "columns": "date", "caption": "(In millions, except per share amounts; shares in thousands)"},
    )  # fmt: skip
    close_books(c)
    disclose.taxes(c, {"state": 0.05, "for": 0.46}, {
        "state": ("State income taxes, net of federal benefit", "IncomeTaxReconciliationStateAndLocalIncomeTaxes", 0.04),
        "foreign": ("Foreign rate differential", "IncomeTaxReconciliationForeignIncomeTaxRateDifferential", -0.17),
        "rd": ("Research and development credits", "IncomeTaxReconciliationTaxCreditsResearch", -0.16),
        "fdii": ("Foreign-derived intangible income deduction", "IncomeTaxReconciliationDeductionsOther", -0.07),
    })  # fmt: skip
    disclose.earnings(c)
    longterm.leases(c, "cf_lease_exp", ("6.1", "5.8", "6.0"), ("3.4", "3.9", "4.3"))
    longterm.property_table(c, {
        "land": ("Land and buildings", "us-gaap:LandAndBuildingMember", 0.34), "lab": ("Laboratory and manufacturing equipment", "us-gaap:MachineryAndEquipmentMember", 0.47),
        "it": ("Computers and software", "us-gaap:ComputerEquipmentMember", 0.12), "cip": ("Construction in progress", "us-gaap:ConstructionInProgressMember", 0.07),
    }, 702, (31, 44, 38))  # fmt: skip
    longterm.debt(c, {
        "n24": ("3.25% senior notes due May 2024", ":SeniorNotesDue2024Member", (400, 400, 0)), "n30": ("4.10% senior notes due June 2030", ":SeniorNotesDue2030Member", (800, 800, 800)),
        "n34": ("5.45% senior notes due March 2034", ":SeniorNotesDue2034Member", (0, 0, 500)),
    }, ((0, 400, 0, 0, 0, 800), (400, 0, 0, 0, 0, 800), (0, 0, 0, 0, 0, 1300)))  # fmt: skip
    disclose.awards(c, {
        "cos": ("Cost of revenue", "us-gaap:CostOfSalesMember", 0.14), "rd": ("Research and development", "us-gaap:ResearchAndDevelopmentExpenseMember", 0.44),
        "sga": ("Selling, general and administrative", "us-gaap:SellingGeneralAndAdministrativeExpensesMember", 0.42),
    })  # fmt: skip
    disclose.deferred(c, {
        "rd": ("Capitalized research and development", "DeferredTaxAssetsInProcessResearchAndDevelopment", 0.46), "res": ("Reserves and accruals", "DeferredTaxAssetsTaxDeferredExpenseReservesAndAccruals", 0.22),
        "rev": ("Deferred revenue", "DeferredTaxAssetsDeferredIncome", 0.17), "oth": ("Other", "DeferredTaxAssetsOther", 0.15),
    }, "dta", liability=0.42)  # fmt: skip
    disclose.ratio(c, "gm", "Gross margin", "", "gp", "rev")
    disclose.ratio(c, "om", "Operating margin", "", "opinc", "rev")
    disclose.ratio(
        c, "rd_pct", "Research and development as a percentage of revenue", "", "rd", "rev"
    )
    return c


LINES = [
    L("rev_prod", "Products", REVENUE, 2611, 2298, 2689, dims=product("us-gaap:ProductMember")),
    L("rev_svc", "Services", REVENUE, 801, 889, 966, dims=product("us-gaap:ServiceMember")),
    S("rev", "Total revenue", REVENUE, "rev_prod rev_svc"),
    L("cost_prod", "Products", "CostOfGoodsAndServicesSold", 1398, 1274, 1461, dims=product("us-gaap:ProductMember")),
    L("cost_svc", "Services", "CostOfGoodsAndServicesSold", 433, 471, 498, dims=product("us-gaap:ServiceMember")),
    S("cost", "Total cost of revenue", "CostOfGoodsAndServicesSold", "cost_prod cost_svc"),
    S("gp", "Gross profit", "GrossProfit", "rev -cost"),
    L("rd", "Research and development", "ResearchAndDevelopmentExpense", 512, 548, 587),
    L("sga", "Selling, general and administrative", "SellingGeneralAndAdministrativeExpense", 384, 391, 412),
    L("amort", "Amortization of acquired intangible assets", "AmortizationOfIntangibleAssets", 38, 36, 29),
    L("restr", "Restructuring charges", "RestructuringCharges", 0, 24, 0),
    S("opex", "Total operating expenses", "OperatingExpenses", "rd sga amort restr"),
    S("opinc", "Operating income", "OperatingIncomeLoss", "gp -opex"),
    L("int_inc", "Interest income", "InvestmentIncomeInterest", 11, 31, 44),
    L("int_exp", "Interest expense", "InterestExpense", 52, 54, 49, negate=True),
    L("other", "Other income (expense), net", "OtherNonoperatingIncomeExpense", 4, -3, 2),
    S("pretax", "Income before income taxes", "IncomeLossFromContinuingOperationsBeforeIncomeTaxesExtraordinaryItemsNoncontrollingInterest", "opinc int_inc -int_exp other"),
    L("tax", "Provision for income taxes", "IncomeTaxExpenseBenefit", 84, 54, 93),
    S("ni", "Net income", "NetIncomeLoss", "pretax -tax"),
    L("sh_basic", "Basic", "WeightedAverageNumberOfSharesOutstandingBasic", 118412, 116873, 115190, unit="shares", scaled=False),
    L("sh_diluted", "Diluted", "WeightedAverageNumberOfDilutedSharesOutstanding", 119887, 117805, 116304, unit="shares", scaled=False),
    L("eps_basic", "Basic", "EarningsPerShareBasic", unit="eps"), L("eps_diluted", "Diluted", "EarningsPerShareDiluted", unit="eps"),
    L("seg_met", "Process Metrology", REVENUE, 611, 574, 702, dims=segment(":ProcessMetrologyMember")),
    L("seg_svc", "Global Services", REVENUE, 801, 889, 966, dims=segment(":GlobalServicesMember")),
    S("seg_dep", "Deposition Systems", REVENUE, "rev -seg_met -seg_svc", dims=segment(":DepositionSystemsMember")),
    L("oi_dep", "Deposition Systems", SEG_OI, 472, 284, 441, dims=segment(":DepositionSystemsMember")),
    L("oi_met", "Process Metrology", SEG_OI, 96, 83, 127, dims=segment(":ProcessMetrologyMember")),
    L("oi_svc", "Global Services", SEG_OI, 241, 272, 309, dims=segment(":GlobalServicesMember")),
    S("oi_corp", "Corporate and unallocated", SEG_OI, "opinc -oi_dep -oi_met -oi_svc", dims=(("srt:ConsolidationItemsAxis", "us-gaap:CorporateNonSegmentMember"),)),
    L("geo_cn", "China", REVENUE, 1006, 1021, 1408, dims=place("country:CN")),
    L("geo_tw", "Taiwan", REVENUE, 861, 742, 701, dims=place("country:TW")),
    L("geo_kr", "South Korea", REVENUE, 648, 506, 612, dims=place("country:KR")),
    L("geo_us", "United States", REVENUE, 418, 452, 463, dims=place("country:US")),
    L("geo_jp", "Japan", REVENUE, 247, 241, 258, dims=place("country:JP")),
    S("geo_eu", "Europe and other", REVENUE, "rev -geo_cn -geo_tw -geo_kr -geo_us -geo_jp", dims=place(":EuropeAndOtherMember")),
    L("paid_int", "Cash paid for interest", "InterestPaidNet", 46, 47, 44), L("paid_tax", "Cash paid for income taxes, net", "IncomeTaxesPaidNet", 91, 83, 97),
    L("inv_raw", "Raw materials and spare parts", "InventoryRawMaterialsNetOfReserves", 422, 471, 455, instant=True, scaled=False),
    L("inv_wip", "Work in process", "InventoryWorkInProcessNetOfReserves", 218, 207, 196, instant=True, scaled=False),
    S("inv_fg", "Finished goods and evaluation tools", "InventoryFinishedGoodsNetOfReserves", "inv -inv_raw -inv_wip", instant=True),
    L("rpo", "Remaining performance obligations", "RevenueRemainingPerformanceObligation", 2418, 1977, 2236, instant=True, scaled=False),
    L("warr_exp", "Warranty expense", "ProductWarrantyAccrualWarrantiesIssued", 61, 52, 58),
    L("buyback_sh", "Shares repurchased", "StockRepurchasedAndRetiredDuringPeriodShares", 4010, 4702, 4388, unit="shares"),
    T("cash stinv ar inv prepaid", "Total current assets", "AssetsCurrent", "ca"),
    T("ca ppe rou goodwill intang dta oth_a", "Total assets", "Assets", "assets"),
    T("ap accrued defrev lease_cur debt_cur", "Total current liabilities", "LiabilitiesCurrent", "cl"),
    T("cl debt_lt lease_lt oth_l", "Total liabilities", "Liabilities", "liab"),
    T("apic re aoci", "Total stockholders’ equity", "StockholdersEquity", "equity"),
    T("liab equity", "Total liabilities and stockholders’ equity", "LiabilitiesAndStockholdersEquity", "le"),
    S("cfo", "Net cash provided by operating activities", "NetCashProvidedByUsedInOperatingActivities", "net_op"),
    S("cfi", "Net cash used in investing activities", "NetCashProvidedByUsedInInvestingActivities", "net_inv"),
    S("cff", "Net cash used in financing activities", "NetCashProvidedByUsedInFinancingActivities", "net_fin"),
    S("dcash", "Net increase (decrease) in cash and cash equivalents", "CashCashEquivalentsRestrictedCashAndRestrictedCashEquivalentsPeriodIncreaseDecreaseIncludingExchangeRateEffect", "cash_change"),
    T("debt_cur debt_lt", "Total debt", "LongTermDebt", "debt_all"), S("gp_prod", "", "", "rev_prod -cost_prod"), S("gp_svc", "", "", "rev_svc -cost_svc"), T("cash stinv", "", "", "liquid"),
    S("fcf", "Free cash flow", "", "cfo -cf_capex"),
    S("oci_fx", "Foreign currency translation adjustment", "OtherComprehensiveIncomeLossForeignCurrencyTransactionAndTranslationAdjustmentNetOfTax", "cf_fx"),
    S("oci_inv", "Unrealized gain (loss) on available-for-sale investments", "OtherComprehensiveIncomeLossAvailableForSaleSecuritiesAdjustmentNetOfTax", "m_inv"),
    S("oci", "Other comprehensive income (loss), net of tax", "OtherComprehensiveIncomeLossNetOfTax", "oci_fx oci_inv"),
    S("ci", "Comprehensive income", "ComprehensiveIncomeNetOfTax", "ni oci"),
]  # fmt: skip
ACCOUNTS = [
    A("cash", "Cash and cash equivalents", "CashAndCashEquivalentsAtCarryingValue", 742), A("stinv", "Short-term investments", "ShortTermInvestments", 310),
    A("ar", "Accounts receivable, net", "AccountsReceivableNetCurrent", 588), A("inv", "Inventories", "InventoryNet", 655),
    A("prepaid", "Prepaid expenses and other current assets", "PrepaidExpenseAndOtherAssetsCurrent", 118), A("ppe", "Property and equipment, net", "PropertyPlantAndEquipmentNet", 604),
    A("rou", "Operating lease right-of-use assets", "OperatingLeaseRightOfUseAsset", 121), A("goodwill", "Goodwill", "Goodwill", 812),
    A("intang", "Intangible assets, net", "FiniteLivedIntangibleAssetsNet", 171), A("dta", "Deferred income taxes", "DeferredIncomeTaxAssetsNet", 96), A("oth_a", "Other assets", "OtherAssetsNoncurrent", 74),
    A("ap", "Accounts payable", "AccountsPayableCurrent", 241, "liability"), A("accrued", "Accrued compensation and other liabilities", "AccruedLiabilitiesCurrent", 298, "liability"),
    A("defrev", "Deferred revenue and customer deposits", "ContractWithCustomerLiabilityCurrent", 262, "liability"), A("lease_cur", "Current portion of operating lease liabilities", "OperatingLeaseLiabilityCurrent", 27, "liability"),
    A("debt_cur", "Current portion of long-term debt", "LongTermDebtCurrent", 0, "liability"), A("debt_lt", "Long-term debt, net", "LongTermDebtNoncurrent", 1190, "liability"),
    A("lease_lt", "Operating lease liabilities, net of current portion", "OperatingLeaseLiabilityNoncurrent", 101, "liability"), A("oth_l", "Other long-term liabilities", "OtherLiabilitiesNoncurrent", 163, "liability"),
    A("apic", "Common stock and additional paid-in capital", "CommonStocksIncludingAdditionalPaidInCapital", 1164, "equity"), A("re", "Retained earnings", "RetainedEarningsAccumulatedDeficit", 871, "equity"),
    A("aoci", "Accumulated other comprehensive loss", "AccumulatedOtherComprehensiveIncomeLossNetOfTax", -26, "equity"),
]  # fmt: skip
FLOWS = [
    F("ni", "Net income", "NetIncomeLoss", "op", "re", of="ni"), F("dep", "Depreciation", "Depreciation", "op", "ppe", 98, 104, 109), F("amort", "Amortization of acquired intangible assets", "AmortizationOfIntangibleAssets", "op", "intang", of="amort"),
    F("sbc", "Stock-based compensation", "ShareBasedCompensation", "op", "apic", 96, 103, 112), F("deferred", "Deferred income taxes", "DeferredIncomeTaxExpenseBenefit", "op", "dta", -14, -22, -18),
    F("lease_exp", "Non-cash operating lease expense", "OperatingLeaseRightOfUseAssetAmortizationExpense", "op", "rou", 29, 31, 32), F("debt_am", "Amortization of debt issuance costs", "AmortizationOfFinancingCosts", "op", "debt_lt", 3, 3, 3),
    F("ar", "Accounts receivable", "IncreaseDecreaseInAccountsReceivable", "op", "ar", to=(664, 601, 702), negate=True), F("inv", "Inventories", "IncreaseDecreaseInInventories", "op", "inv", to=(801, 868, 834), negate=True),
    F("prepaid", "Prepaid expenses and other current assets", "IncreaseDecreaseInPrepaidDeferredExpenseAndOtherAssets", "op", "prepaid", to=(131, 126, 139), negate=True),
    F("oth_a", "Other assets", "IncreaseDecreaseInOtherNoncurrentAssets", "op", "oth_a", to=(81, 88, 95), negate=True), F("ap", "Accounts payable", "IncreaseDecreaseInAccountsPayable", "op", "ap", to=(303, 224, 271)),
    F("accrued", "Accrued and other liabilities", "IncreaseDecreaseInAccruedLiabilities", "op", "accrued", to=(331, 289, 345)), F("defrev", "Deferred revenue and customer deposits", "IncreaseDecreaseInContractWithCustomerLiability", "op", "defrev", to=(341, 318, 372)),
    F("lease_pay", "Operating lease liabilities", "IncreaseDecreaseInOperatingLeaseLiability", "op", "lease_lt", -28, -30, -31), F("oth_l", "Other long-term liabilities", "IncreaseDecreaseInOtherNoncurrentLiabilities", "op", "oth_l", to=(158, 171, 176)),
    F("capex", "Purchases of property and equipment", "PaymentsToAcquirePropertyPlantAndEquipment", "inv", "ppe", -158, -171, -149, negate=True), F("acq", "Acquisition of business, net of cash acquired", "PaymentsToAcquireBusinessesNetOfCashAcquired", "inv", "goodwill", 0, -142, 0, negate=True),
    F("inv_buy", "Purchases of investments", "PaymentsToAcquireInvestments", "inv", "stinv", -420, -388, -455, negate=True), F("inv_sell", "Maturities and sales of investments", "ProceedsFromSaleMaturityAndCollectionsOfInvestments", "inv", "stinv", 365, 402, 391),
    F("issue", "Proceeds from issuance of debt, net", "ProceedsFromIssuanceOfLongTermDebt", "fin", "debt_lt", 0, 0, 496), F("repay", "Repayment of debt", "RepaymentsOfLongTermDebt", "fin", "debt_cur", 0, 0, -400, negate=True),
    F("buyback", "Repurchases of common stock", "PaymentsForRepurchaseOfCommonStock", "fin", "re", -310, -355, -420, negate=True), F("div", "Dividends paid", "PaymentsOfDividends", "fin", "re", -118, -129, -141, negate=True),
    F("espp", "Proceeds from employee stock plans", "ProceedsFromStockPlans", "fin", "apic", 38, 41, 44), F("net_settle", "Taxes paid on net settlement of awards", "PaymentsRelatedToTaxWithholdingForShareBasedCompensation", "fin", "apic", -31, -33, -36, negate=True),
    F("fx", "Effect of exchange rate changes on cash", "EffectOfExchangeRateOnCashCashEquivalentsRestrictedCashAndRestrictedCashEquivalents", "fx", "aoci", -9, -6, -3, equity="Foreign currency translation"),
]  # fmt: skip
MOVES = [
    M("rou", "lease_lt", 31, 26, 38), M("lease_cur", "lease_lt", 2, 1, 2), M("intang", "goodwill", 0, 58, 0), M("debt_cur", "debt_lt", 0, 400, 0),
    M("stinv", "aoci", -6, 2, 4, label="Unrealized gain (loss) on investments", key="m_inv"),
]  # fmt: skip
STATEMENTS = {
    "balance": TableSpec(("#ASSETS", "#Current assets:", ">cash", ">stinv", ">ar", ">inv", ">prepaid", "ca", "ppe", "rou", "goodwill", "intang", "dta", "oth_a", "assets", "#LIABILITIES AND STOCKHOLDERS’ EQUITY", "#Current liabilities:", ">ap", ">accrued", ">defrev", ">lease_cur", ">debt_cur", "cl", "debt_lt", "lease_lt", "oth_l", "liab", "nil:CommitmentsAndContingencies|Commitments and contingencies (Note 11)", "#Stockholders’ equity:", ">apic", ">re", ">aoci", "equity", "le"), instant=True),
    "income": TableSpec(("#Revenue:", ">rev_prod", ">rev_svc", "rev", "#Cost of revenue:", ">cost_prod", ">cost_svc", "cost", "gp", "#Operating expenses:", ">rd", ">sga", ">amort", ">restr", "opex", "opinc", "int_inc", "int_exp", "other", "pretax", "tax", "ni", "#Earnings per share:", ">eps_basic", ">eps_diluted", "#Weighted-average shares (in thousands):", ">sh_basic", ">sh_diluted")),
    "comprehensive": TableSpec(("ni", "#Other comprehensive income (loss), net of tax:", ">oci_fx", ">oci_inv", "oci", "ci")),
    "equity": TableSpec(()),
    "cashflow": TableSpec(("#Operating activities:", "cf_ni", "#Adjustments to reconcile net income to net cash:", ">cf_dep", ">cf_amort", ">cf_sbc", ">cf_deferred", ">cf_lease_exp", ">cf_debt_am", "#Changes in operating assets and liabilities:", ">cf_ar", ">cf_inv", ">cf_prepaid", ">cf_oth_a", ">cf_ap", ">cf_accrued", ">cf_defrev", ">cf_lease_pay", ">cf_oth_l", "cfo", "#Investing activities:", ">cf_capex", ">cf_acq", ">cf_inv_buy", ">cf_inv_sell", "cfi", "#Financing activities:", ">cf_issue", ">cf_repay", ">cf_buyback", ">cf_div", ">cf_espp", ">cf_net_settle", "cff", "cf_fx", "dcash", "cash@-1|Cash and cash equivalents, beginning of year", "cash|Cash and cash equivalents, end of year", "#Supplemental disclosures:", ">paid_int", ">paid_tax"), years=0),
}  # fmt: skip
TABLES = {
    "results": TableSpec(("rev_prod|Product revenue", "rev_svc|Service revenue", "rev", "gp", "gm", "rd", "rd_pct", "sga", "opinc", "om", "ni"), tagged=False),
    "geo_mdna": TableSpec(("geo_cn", "geo_tw", "geo_kr", "geo_us", "geo_jp", "geo_eu", "rev"), tagged=False),
    "geography": TableSpec(("geo_cn", "geo_tw", "geo_kr", "geo_us", "geo_jp", "geo_eu", "rev"), block="RevenueFromExternalCustomersByGeographicAreasTableTextBlock"),
    "segments": TableSpec(("#Revenue:", ">seg_dep", ">seg_met", ">seg_svc", "rev", "#Operating income:", ">oi_dep", ">oi_met", ">oi_svc", ">oi_corp", "opinc"), block="ScheduleOfSegmentReportingInformationBySegmentTextBlock"),
    "mdna_segments": TableSpec(("#Revenue:", ">seg_dep", ">seg_met", ">seg_svc", "rev", "#Operating income:", ">oi_dep", ">oi_met", ">oi_svc", ">oi_corp", "opinc"), tagged=False),
    "inventories": TableSpec((">inv_raw", ">inv_wip", ">inv_fg", "inv"), instant=True, block="ScheduleOfInventoryCurrentTableTextBlock"),
    "liquidity": TableSpec(("cfo", "cf_capex", "fcf", "cf_buyback", "cf_div"), tagged=False),
}  # fmt: skip
COVERS = {
    2023: Cover(ymd("2023-08-18"), 115_806_412, ymd("2023-08-11"), 8_912, ymd("2022-12-30")),
    2024: Cover(ymd("2024-08-16"), 114_398_027, ymd("2024-08-09"), 10_457, ymd("2023-12-29")),
}
QUARTER = Interim(
    year=2024, quarter=1, ytd_end=ymd("2023-09-30"), prior_end=ymd("2022-09-30"), quarter_start=ymd("2023-07-01"), prior_quarter_start=ymd("2022-07-01"),
    share=(0.236, 0.262), last_quarter=(1.0, 1.0), filed=ymd("2023-10-27"), ytd_words="Three Months Ended", quarter_words="Three Months Ended", outstanding=115_492_903,
    shares={"acq": (0, 0), "issue": (0, 0), "repay": (0, 0), "restr": (0, 0), "intanggoodwill": (0, 0), "debt_curdebt_lt": (0, 0), "buyback": (0.2048, 0.24)},
)  # fmt: skip
