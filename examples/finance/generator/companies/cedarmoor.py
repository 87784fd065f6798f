"""Cedarmoor Bancshares, Inc.: a community bank holding company; calendar year; smaller reporting company."""

from __future__ import annotations

from decimal import Decimal

from generator import disclose
from generator.books import close_books
from generator.kit import A, L, M, S, T, ymd
from generator.model import Company, Cover, Dims, Flow, Line, TableSpec
from generator.standard import EQUITY, accounts, flows, totals

FACTS = EQUITY | {
    "incorporated": "Wisconsin", "irs": "39-9903306", "street": "12 Lantern Square", "city": "Wausau", "state": "Wisconsin", "zip": "54403",
    "area": "715", "phone": "555-0187", "file_number": "001-99103", "security": "Common Stock, $1.00 par value", "exchange": "The Nasdaq Stock Market LLC",
    "filer": "accelerated", "small": True, "auditor": "Tilden Brock LLP", "auditor_city": "Milwaukee, Wisconsin", "auditor_id": "9904", "auditor_since": "2011",
    "ceo": "Harold J. Nystrom, President and Chief Executive Officer", "cfo": "Angela Brandvold, Executive Vice President and Chief Financial Officer", "cao": "Curtis Leland, Senior Vice President and Controller",
    "directors": "Ruth Ann Pfeiffer; Dennis O. Maki; Shirley Vang; Thomas G. Reinholt; Carla Espenscheid",
    "cyber": "We are examined for information security by federal and state banking agencies, and we follow the guidance of the Federal Financial Institutions Examination Council, including annual tests of our ability to restore core banking data from immutable copies.",
    "cyber_committee": "Enterprise Risk Committee", "ciso": "served as an information technology examiner before joining the Bank in 2014",
    "exhibits": (("4.1", "Form of 4.875% Fixed-to-Floating Rate Subordinated Note due 2031"), ("10.1+", "2020 Equity Incentive Plan"), ("10.3+", "Change in control agreements")),
}  # fmt: skip


def company() -> Company:
    """Return the company with closed books and notes."""
    c = Company(
        name="Cedarmoor Bancshares, Inc.", slug="cedm", ticker="CEDM", cik="0001990103", facts=FACTS, first_year=2022, unit=1000, years_shown=2, growth_before=0.06,
        year_ends=tuple(ymd(f"{y}-12-31") for y in range(2020, 2025)), lines=LINES, accounts=ACCOUNTS, flows=FLOWS, moves=MOVES, statements=STATEMENTS, tables=dict(TABLES), covers=COVERS,
        look={"agent": "spans", "font": "Times New Roman", "size": "10pt", "shade": "#cceeff", "contexts": "short", "columns": "year", "title_income": "CONSOLIDATED STATEMENTS OF INCOME", "title_comprehensive": "CONSOLIDATED STATEMENTS OF COMPREHENSIVE INCOME", "caption": "(In thousands, except per share data)", "ruled": "assets nii ni ci"},
    )  # fmt: skip
    close_books(c)
    disclose.taxes(c, {"state": 0.2}, {
        "state": ("State income taxes, net of federal benefit", "IncomeTaxReconciliationStateAndLocalIncomeTaxes", 0.16),
        "muni": ("Tax-exempt interest", "IncomeTaxReconciliationTaxExemptIncome", -0.075), "boli": ("Bank-owned life insurance", "IncomeTaxReconciliationNondeductibleExpenseLifeInsurance", -0.038),
    })  # fmt: skip
    disclose.earnings(c)
    margins = {2022: "3.71", 2023: "3.61", 2024: "3.57"}
    disclose.put(
        c,
        Line("nim", "Net interest margin (tax-equivalent)", "", unit="percent"),
        lambda y: Decimal(margins.get(y, "3.60")),
    )
    disclose.ratio(
        c,
        "acl_pct",
        "Allowance to total loans",
        "FinancingReceivableAllowanceForCreditLossToOutstandingPercent",
        "acl",
        "loans",
    )
    disclose.ratio(c, "npl_pct", "Nonaccrual loans to total loans", "", "npl", "loans")
    disclose.ratio(c, "ldr", "Loans to deposits", "", "loans", "deposits")
    return c


def kind(member: str) -> Dims:
    """Return the dimension of a loan portfolio segment."""
    return (("FinancingReceivablePortfolioSegmentAxis", member),)


LOAN = "FinancingReceivableExcludingAccruedInterestBeforeAllowanceForCreditLoss"
LINES = [
    L("i_loans", "Loans, including fees", "InterestAndFeeIncomeLoansAndLeases", 141_320, 189_440, 211_905), L("i_sec", "Taxable securities", "InterestIncomeSecuritiesTaxable", 14_210, 16_905, 17_340), L("i_muni", "Tax-exempt securities", "InterestIncomeSecuritiesTaxExempt", 3_110, 3_020, 2_890),
    L("i_cash", "Deposits with banks", "InterestIncomeDepositsWithFinancialInstitutions", 2_180, 5_640, 7_910), S("i_inc", "Total interest income", "InterestAndDividendIncomeOperating", "i_loans i_sec i_muni i_cash"),
    L("x_dep", "Deposits", "InterestExpenseDeposits", 12_640, 58_310, 84_220), L("x_stb", "Short-term borrowings", "InterestExpenseShortTermBorrowings", 3_940, 11_205, 7_610), L("x_sub", "Subordinated notes", "InterestExpenseLongTermDebt", 3_020, 3_020, 3_020), S("x_int", "Total interest expense", "InterestExpense", "x_dep x_stb x_sub"),
    S("nii", "Net interest income", "InterestIncomeExpenseNet", "i_inc -x_int"), L("prov", "Provision for credit losses", "ProvisionForLoanAndLeaseLosses", 6_210, 9_840, 14_120), S("nii_net", "Net interest income after provision for credit losses", "InterestIncomeExpenseAfterProvisionForLoanLoss", "nii -prov"),
    L("f_dep", "Service charges on deposit accounts", "FeesAndCommissionsDepositorAccounts", 9_810, 9_640, 9_905), L("f_trust", "Wealth management fees", "FeesAndCommissionsFiduciaryAndTrustActivities", 8_420, 8_870, 9_960), L("f_mort", "Gain on sale of mortgage loans", "GainLossOnSalesOfLoansNet", 5_210, 2_140, 2_905),
    L("f_sec", "Gain (loss) on sale of securities", "DebtSecuritiesAvailableForSaleRealizedGainLoss", 0, -6_120, 0), L("f_oth", "Other noninterest income", "NoninterestIncomeOtherOperatingIncome", 3_905, 4_110, 4_320), S("f_inc", "Total noninterest income", "NoninterestIncome", "f_dep f_trust f_mort f_sec f_oth"),
    L("e_sal", "Salaries and employee benefits", "LaborAndRelatedExpense", 62_310, 66_905, 70_240), L("e_occ", "Occupancy and equipment", "OccupancyNet", 11_420, 11_905, 12_330), L("e_it", "Data processing", "InformationTechnologyAndDataProcessing", 9_640, 10_820, 11_705), L("e_fdic", "FDIC insurance", "FederalDepositInsuranceCorporationPremiumExpense", 1_410, 2_640, 2_910),
    L("e_prof", "Professional fees", "ProfessionalFees", 4_020, 4_510, 4_880), L("e_oth", "Other noninterest expense", "OtherNoninterestExpense", 13_220, 14_105, 14_640), S("e_exp", "Total noninterest expense", "NoninterestExpense", "e_sal e_occ e_it e_fdic e_prof e_oth"),
    S("pretax", "Income before income taxes", "IncomeLossFromContinuingOperationsBeforeIncomeTaxesExtraordinaryItemsNoncontrollingInterest", "nii_net f_inc -e_exp"), L("tax", "Income tax expense", "IncomeTaxExpenseBenefit", 11_470, 7_470, 7_755), S("ni", "Net income", "NetIncomeLoss", "pretax -tax"),
    L("sh_basic", "Basic", "WeightedAverageNumberOfSharesOutstandingBasic", 21_410, 21_205, 20_988, unit="shares", scaled=False), L("sh_diluted", "Diluted", "WeightedAverageNumberOfDilutedSharesOutstanding", 21_530, 21_310, 21_102, unit="shares", scaled=False), L("eps_basic", "Basic earnings per share", "EarningsPerShareBasic", unit="eps"), L("eps_diluted", "Diluted earnings per share", "EarningsPerShareDiluted", unit="eps"),
    L("l_own", "Commercial real estate, owner-occupied", LOAN, 512_400, 538_910, 561_220, dims=kind(":CommercialRealEstateOwnerOccupiedMember"), instant=True, scaled=False), L("l_nown", "Commercial real estate, non-owner-occupied", LOAN, 921_300, 1_012_450, 1_048_305, dims=kind(":CommercialRealEstateNonOwnerOccupiedMember"), instant=True, scaled=False),
    L("l_ci", "Commercial and industrial", LOAN, 588_210, 612_330, 655_940, dims=kind("us-gaap:CommercialPortfolioSegmentMember"), instant=True, scaled=False), L("l_con", "Construction and land development", LOAN, 231_800, 262_140, 248_015, dims=kind(":ConstructionAndLandDevelopmentMember"), instant=True, scaled=False),
    L("l_res", "Residential real estate", LOAN, 624_100, 688_920, 756_480, dims=kind("us-gaap:ResidentialPortfolioSegmentMember"), instant=True, scaled=False), S("l_cons", "Consumer and other", LOAN, "loans -l_own -l_nown -l_ci -l_con -l_res", dims=kind("us-gaap:ConsumerPortfolioSegmentMember"), instant=True),
    L("co", "Charge-offs", "FinancingReceivableExcludingAccruedInterestAllowanceForCreditLossWriteoff", 3_640, 6_105, 10_730, negate=True), S("nco", "Net charge-offs", "", "m_nco"), S("rec", "Recoveries", "FinancingReceivableExcludingAccruedInterestAllowanceForCreditLossRecovery", "co -m_nco"),
    L("npl", "Nonaccrual loans", "FinancingReceivableExcludingAccruedInterestNonaccrual", 14_210, 21_340, 37_905, instant=True, scaled=False), L("mm", "Money market and savings", "DepositsMoneyMarketDeposits", 1_204_300, 1_182_600, 1_221_400, instant=True, scaled=False), L("dda", "Interest-bearing demand", "InterestBearingDomesticDepositDemand", 642_100, 655_300, 671_900, instant=True, scaled=False),
    S("cds", "Time deposits", "TimeDeposits", "ib -mm -dda", instant=True), L("unins", "Estimated uninsured deposits", "", 1_104_000, 962_000, 985_000, instant=True, scaled=False),
    L("paid_int", "Interest paid", "InterestPaidNet", 17_905, 66_120, 95_240), L("paid_tax", "Income taxes paid", "IncomeTaxesPaidNet", 10_120, 8_905, 8_110),
    T("loans -acl", "Loans, net", "FinancingReceivableExcludingAccruedInterestAfterAllowanceForCreditLoss", "loans_net"), T("cash afs loans_net ppe goodwill dta boli oth_a", "Total assets", "Assets", "assets"), T("nib ib", "Total deposits", "Deposits", "deposits"),
    T("deposits stb sub oth_l", "Total liabilities", "Liabilities", "liab"), T("apic re aoci", "Total stockholders’ equity", "StockholdersEquity", "equity"), *totals(),
    S("oci", "Unrealized gain (loss) on securities available for sale, net of tax", "OtherComprehensiveIncomeLossNetOfTax", "m_afs m_dta"), S("ci", "Comprehensive income (loss)", "ComprehensiveIncomeNetOfTax", "ni oci"),
]  # fmt: skip
ACCOUNTS = [
    *accounts(cash=310_220), A("afs", "Securities available for sale, at fair value", "AvailableForSaleSecuritiesDebtSecurities", 812_400), A("loans", "Loans", LOAN, 2_640_300), A("acl", "Allowance for credit losses", "FinancingReceivableAllowanceForCreditLossExcludingAccruedInterest", -30_110, negate=True),
    *accounts({"ppe": "Premises and equipment, net", "dta": "Deferred tax assets, net"}, ppe=58_320, goodwill=74_110, dta=14_020), A("boli", "Bank-owned life insurance", "BankOwnedLifeInsurance", 61_230), A("oth_a", "Accrued interest and other assets", "OtherAssets", 42_410),
    A("nib", "Noninterest-bearing", "NoninterestBearingDepositLiabilities", 981_300, "liability"), A("ib", "Interest-bearing", "InterestBearingDepositLiabilities", 2_420_600, "liability"), A("stb", "Short-term borrowings", "ShortTermBorrowings", 40_000, "liability"),
    A("sub", "Subordinated notes, net", "SubordinatedDebt", 59_200, "liability"), A("oth_l", "Accrued interest and other liabilities", "OtherLiabilities", 41_300, "liability"), A("apic", "Common stock and surplus", "CommonStocksIncludingAdditionalPaidInCapital", 168_200, "equity"),
    *accounts(re=268_900), A("aoci", "Accumulated other comprehensive income (loss)", "AccumulatedOtherComprehensiveIncomeLossNetOfTax", 3_400, "equity"),
]  # fmt: skip
FLOWS = [
    *flows(ni="ni"), Flow("prov", "Provision for credit losses", "ProvisionForLoanAndLeaseLosses", "op", "acl", of="prov"), *flows({"dep": "Depreciation"}, dep=(5_210, 5_430, 5_610), sbc=(2_410, 2_620, 2_705), deferred=(-410, -620, -510)),
    Flow("sec", "Loss on sale of securities", "DebtSecuritiesAvailableForSaleRealizedGainLoss", "op", "afs", of="-f_sec", negate=True), Flow("prem", "Net amortization of premiums on securities", "AccretionAmortizationOfDiscountsAndPremiumsInvestments", "op", "afs", (4_120, 3_210, 2_480), negate=True),
    Flow("boli", "Income from bank-owned life insurance", "BankOwnedLifeInsuranceIncome", "op", "boli", (-1_410, -1_480, -1_620), negate=True), Flow("oth_a", "Accrued interest and other assets", "IncreaseDecreaseInOtherOperatingAssets", "op", "oth_a", to=(48_220, 56_910, 58_330), negate=True), Flow("oth_l", "Accrued interest and other liabilities", "IncreaseDecreaseInOtherOperatingLiabilities", "op", "oth_l", to=(46_800, 61_240, 59_110)),
    Flow("buy", "Purchases of securities available for sale", "PaymentsToAcquireAvailableForSaleSecuritiesDebt", "inv", "afs", (-142_300, -38_400, -121_700), negate=True), Flow("mat", "Maturities and calls of securities", "ProceedsFromMaturitiesPrepaymentsAndCallsOfAvailableForSaleSecurities", "inv", "afs", (88_400, 76_210, 92_380)), Flow("sold", "Sales of securities", "ProceedsFromSaleOfAvailableForSaleSecuritiesDebt", "inv", "afs", (0, 104_300, 0)),
    Flow("lend", "Net increase in loans", "PaymentsForProceedsFromLoansAndLeases", "inv", "loans", (-318_400, -241_900, -168_300), negate=True), *flows({"capex": "Purchases of premises and equipment"}, capex=(-4_210, -6_120, -5_440)),
    Flow("deposits", "Net increase in deposits", "IncreaseDecreaseInDeposits", "fin", "ib", (54_300, 118_200, 96_400)), Flow("stb", "Net change in short-term borrowings", "ProceedsFromRepaymentsOfShortTermDebt", "fin", "stb", (140_000, 15_000, -85_000)), *flows(div=(-17_980, -18_450, -18_890), buyback=(-6_210, -4_320, -9_105), espp=(620, 640, 655)),
]  # fmt: skip
MOVES = [
    M("acl", "loans", 2_910, 5_320, 9_480, key="m_nco"), M("nib", "ib", 31_100, -141_100, -24_400), M("afs", "aoci", -81_300, 14_210, 6_040, label="Unrealized gain (loss) on investments", key="m_afs"), M("dta", "aoci", 17_073, -2_984, -1_268, label="Unrealized gain (loss) on investments", key="m_dta"),
]  # fmt: skip
STATEMENTS = {
    "balance": TableSpec(("#ASSETS", "cash", "afs", ">loans", ">acl", "loans_net", "ppe", "goodwill", "dta", "boli", "oth_a", "assets", "#LIABILITIES", "#Deposits:", ">nib", ">ib", "deposits", "stb", "sub", "oth_l", "liab", "#STOCKHOLDERS’ EQUITY", ">apic", ">re", ">aoci", "equity", "le"), instant=True),
    "income": TableSpec(("#Interest income:", ">i_loans", ">i_sec", ">i_muni", ">i_cash", "i_inc", "#Interest expense:", ">x_dep", ">x_stb", ">x_sub", "x_int", "nii", "prov", "nii_net", "#Noninterest income:", ">f_dep", ">f_trust", ">f_mort", ">f_sec", ">f_oth", "f_inc", "#Noninterest expense:", ">e_sal", ">e_occ", ">e_it", ">e_fdic", ">e_prof", ">e_oth", "e_exp", "pretax", "tax", "ni", "eps_basic", "eps_diluted")),
    "comprehensive": TableSpec(("ni", "oci", "ci")), "equity": TableSpec(()),
    "cashflow": TableSpec(("#Operating activities:", "cf_ni", ">cf_prov", ">cf_dep", ">cf_sbc", ">cf_deferred", ">cf_sec", ">cf_prem", ">cf_boli", ">cf_oth_a", ">cf_oth_l", "cfo", "#Investing activities:", ">cf_buy", ">cf_mat", ">cf_sold", ">cf_lend", ">cf_capex", "cfi", "#Financing activities:", ">cf_deposits", ">cf_stb", ">cf_div", ">cf_buyback", ">cf_espp", "cff", "dcash", "cash@-1|Cash and cash equivalents, beginning of year", "cash|Cash and cash equivalents, end of year", "#Supplemental disclosures:", ">paid_int", ">paid_tax")),
}  # fmt: skip
TABLES = {
    "loans": TableSpec((">l_own", ">l_nown", ">l_ci", ">l_con", ">l_res", ">l_cons", "loans|Total loans"), instant=True, block="ScheduleOfAccountsNotesLoansAndFinancingReceivableTextBlock"),
    "acl": TableSpec(("+acl@-1|Balance at beginning of year", "prov", "co", "rec", "+acl|Balance at end of year"), block="FinancingReceivableAllowanceForCreditLossTableTextBlock"), "deposits": TableSpec((">nib", ">dda", ">mm", ">cds", "deposits"), instant=True),
    "quality": TableSpec(("npl", "npl_pct", "+acl", "acl_pct"), instant=True, tagged=False), "results": TableSpec(("nii", "prov", "f_inc", "e_exp", "ni", "nim"), tagged=False),
}  # fmt: skip
COVERS = {
    2023: Cover(ymd("2024-03-08"), 21_118_440, ymd("2024-02-29"), 412, ymd("2023-06-30")),
    2024: Cover(ymd("2025-03-07"), 20_884_917, ymd("2025-02-28"), 438, ymd("2024-06-28")),
}
