"""Small documents written for tests: inline-XBRL filings, FHIR bundles, notes as CSV.

Companies and patients differ in their words as well as in their numbers, as real ones do; whoever
is the same gets the same words. Everything is chosen by hash, so equal calls write equal bytes.
"""

import hashlib
from pathlib import Path

PAGE = """<?xml version="1.0" encoding="UTF-8"?>
<html xmlns="http://www.w3.org/1999/xhtml" xmlns:ix="http://www.xbrl.org/2013/inlineXBRL"
 xmlns:xbrli="http://www.xbrl.org/2003/instance"
 xmlns:ixt="http://www.xbrl.org/inlineXBRL/transformation/2020-02-12">
<head><title>{form}</title></head><body><div style="display:none"><ix:header><ix:hidden>
<ix:nonNumeric contextRef="now" name="dei:EntityCentralIndexKey" id="h1">{cik}</ix:nonNumeric>
<ix:nonNumeric contextRef="now" name="dei:AmendmentFlag" id="h2">false</ix:nonNumeric>
<ix:nonNumeric contextRef="now" name="dei:DocumentFiscalPeriodFocus" id="h3">FY</ix:nonNumeric>
</ix:hidden><ix:resources>{contexts}
<xbrli:unit id="usd"><xbrli:measure>iso4217:USD</xbrli:measure></xbrli:unit>
<xbrli:unit id="eps"><xbrli:divide><xbrli:unitNumerator><xbrli:measure>iso4217:USD</xbrli:measure>
</xbrli:unitNumerator><xbrli:unitDenominator><xbrli:measure>xbrli:shares</xbrli:measure>
</xbrli:unitDenominator></xbrli:divide></xbrli:unit>
</ix:resources></ix:header></div>{body}</body></html>
"""

CONTEXT = """<xbrli:context id="{name}"><xbrli:entity><xbrli:identifier
 scheme="http://www.sec.gov/CIK">{cik}</xbrli:identifier></xbrli:entity><xbrli:period>{period}
</xbrli:period></xbrli:context>"""

_ONSETS = (
    "b",
    "br",
    "c",
    "d",
    "dr",
    "f",
    "g",
    "h",
    "k",
    "l",
    "m",
    "n",
    "p",
    "qu",
    "r",
    "s",
    "t",
    "v",
)
_MIDDLES = ("a", "e", "i", "o", "u", "ae", "ia", "ou")
_ENDS = ("ling", "ton", "ric", "mar", "sen", "dale", "nix", "port", "vane", "wick", "ster", "lum")

INCOME = (
    ("Net sales", "us-gaap:Revenues", 900),
    ("Cost of sales", "us-gaap:CostOfRevenue", 500),
    ("Gross profit", "us-gaap:GrossProfit", 400),
    ("Research and development expense", "us-gaap:ResearchAndDevelopmentExpense", 90),
    ("Selling, general and administrative expenses", "us-gaap:SellingGeneralAndAdministrativeExpense", 120),
    ("Operating income", "us-gaap:OperatingIncomeLoss", 190),
    ("Income tax expense", "us-gaap:IncomeTaxExpenseBenefit", 40),
    ("Net income", "us-gaap:NetIncomeLoss", 150),
)  # fmt: skip
BALANCE = (
    ("Cash and cash equivalents", "us-gaap:CashAndCashEquivalentsAtCarryingValue", 210),
    ("Inventories", "us-gaap:InventoryNet", 80),
    ("Total current assets", "us-gaap:AssetsCurrent", 420),
    ("Property, plant and equipment, net", "us-gaap:PropertyPlantAndEquipmentNet", 330),
    ("Total assets", "us-gaap:Assets", 1100),
    ("Total current liabilities", "us-gaap:LiabilitiesCurrent", 260),
    ("Total liabilities", "us-gaap:Liabilities", 600),
    ("Total stockholders' equity", "us-gaap:StockholdersEquity", 500),
)  # fmt: skip


def chance(*parts: object) -> int:
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:6], "big")


def word(*parts: object) -> str:
    n = chance("word", *parts)
    first, second, third = n % 18, n // 18 % 8, n // 144 % 12
    return _ONSETS[first] + _MIDDLES[second] + _ENDS[third]


def name_of(company: int) -> str:
    return f"{word('name', company).title()}{word('more', company)} Corp"


def prose(sentences: int, *who: object) -> str:
    """Return sentences whose words are those of this writer."""
    own = [word(*who, n) for n in range(40)]
    lines = []
    for n in range(sentences):
        a, b, c, d, e = (own[chance(*who, n, k) % 40] for k in range(5))
        forms = (
            f"Our {a} {b} depends on the {c} of {d} and on {e} suppliers.",
            f"A shortage of {a} could delay {b} {c} and harm {d} of the {e} line.",
            f"Customers in {a} and {b} may move their {c} orders to {d} or {e}.",
            f"Rules on {a} {b} may change and make {c} of {d} more costly for {e}.",
        )
        lines.append(forms[chance(*who, n, "form") % 4])
    return " ".join(lines)


def figure(company: int, concept: str, year: int, base: int) -> int:
    drift = 100 + 3 * (year - 2020) + chance(company, concept, year) % 17
    return max(2, (base * (60 + chance(company, concept) % 80) * drift) // 10_000) + 1000


def _tag(ident: str, name: str, context: str, text: str, *, eps: bool = False) -> str:
    unit, decimals, scale = ("eps", "2", "") if eps else ("usd", "-6", ' scale="6"')
    return (
        f'<ix:nonFraction id="{ident}" name="{name}" contextRef="{context}" unitRef="{unit}" '
        f'decimals="{decimals}"{scale} format="ixt:num-dot-decimal">{text}</ix:nonFraction>'
    )


def _rows(company: int, year: int, lines: tuple, contexts: tuple[str, str], mark: str) -> str:
    out = []
    for n, (label, concept, base) in enumerate(lines):
        cells = "".join(
            f"<td>$</td><td>{_tag(f'{mark}{n}{context}', concept, context, f'{figure(company, concept, y, base):,}')}</td><td></td>"
            for context, y in zip(contexts, (year, year - 1), strict=True)
        )
        out.append(f"<tr><td>{label}</td>{cells}</tr>")
    return "".join(out)


def _table(caption: str, heads: tuple[str, str], rows: str) -> str:
    head = "".join(f'<td colspan="3">{h}</td>' for h in heads)
    return (
        f'<p style="font-weight:bold">{caption}</p><p>(In millions, except per share amounts)</p>'
        f"<table><tr><td></td>{head}</tr>{rows}</table>"
    )


def filing(company: int, year: int, *, marker: str = "") -> str:
    """Return a small 10-K of a company for a fiscal year that ends on 31 December."""
    cik = f"{1_000_000 + company:010d}"
    days = {
        "now": f"<xbrli:startDate>{year}-01-01</xbrli:startDate><xbrli:endDate>{year}-12-31</xbrli:endDate>",
        "before": f"<xbrli:startDate>{year - 1}-01-01</xbrli:startDate><xbrli:endDate>{year - 1}-12-31</xbrli:endDate>",
        "end": f"<xbrli:instant>{year}-12-31</xbrli:instant>",
        "start": f"<xbrli:instant>{year - 1}-12-31</xbrli:instant>",
    }
    contexts = "".join(CONTEXT.format(name=n, cik=cik, period=p) for n, p in days.items())
    return PAGE.format(form="10-K", cik=cik, contexts=contexts, body=_body(company, year, marker))


def _cover(company: int, year: int) -> str:
    def said(name: str, text: str, more: str = "") -> str:
        return f'<ix:nonNumeric id="d-{name}" name="dei:{name}" contextRef="now"{more}>{text}</ix:nonNumeric>'

    when = said(
        "DocumentPeriodEndDate", f"December 31, {year}", ' format="ixt:date-monthname-day-year-en"'
    )
    return (
        "<p>UNITED STATES SECURITIES AND EXCHANGE COMMISSION</p><p>Washington, D.C. 20549</p>"
        f"<p>FORM {said('DocumentType', '10-K')}</p><p>For the fiscal year ended {when}</p>"
        f"<p>Commission File Number: {said('EntityFileNumber', f'001-{30000 + company}')}</p>"
        f"<p>{said('EntityRegistrantName', name_of(company))}</p>"
        f"<p>{said('EntityAddressCityOrTown', word('city', company).title())}, "
        f"{said('EntityAddressPostalZipCode', str(10000 + company * 37 % 90000))}</p>"
    )  # fmt: skip


def _body(company: int, year: int, marker: str) -> str:
    risks = "".join(
        f'<p style="font-weight:bold">{prose(1, company, year, "risk", n)}</p>'
        f"<p>{prose(5, company, year, 'why', n)}</p>"
        for n in range(4)
    )
    income = _rows(company, year, INCOME, ("now", "before"), "i")
    eps = "".join(
        f"<td>$</td><td>{_tag(f'e{c}', 'us-gaap:EarningsPerShareDiluted', c, f'{1 + chance(company, y) % 900 / 100:.2f}', eps=True)}</td><td></td>"
        for c, y in (("now", year), ("before", year - 1))
    )
    income += f"<tr><td>Diluted earnings per share</td>{eps}</tr>"
    balance = _rows(company, year, BALANCE, ("end", "start"), "b")
    rent = figure(company, "rent", year, 30)
    rented = _tag("n1", "us-gaap:OperatingLeaseCost", "now", f"{rent:,}")
    owed = _tag("n2", "us-gaap:OperatingLeaseLiability", "end", f"{rent * 3:,}")
    paid = _tag("n3", "us-gaap:OperatingLeasePayments", "now", f"{rent + 2:,}")
    head = '<p style="font-weight:bold">'
    return (
        f"{_cover(company, year)}<hr/>"
        f"{head}Item 1. Business</p><p>{prose(8, company, year, 'business')} {marker}</p>"
        f"{head}Item 1A. Risk Factors</p>{risks}"
        f"{head}Item 7. Management's Discussion and Analysis</p><p>{prose(9, company, year, 'md')}</p>"
        f"<p>{prose(9, company, year, 'more')}</p>"
        f"{head}Item 8. Financial Statements and Supplementary Data</p>"
        + _table(
            f"{name_of(company)} CONSOLIDATED STATEMENTS OF OPERATIONS",
            (f"Year ended December 31, {year}", f"Year ended December 31, {year - 1}"),
            income,
        )
        + _table(
            f"{name_of(company)} CONSOLIDATED BALANCE SHEETS",
            (f"December 31, {year}", f"December 31, {year - 1}"),
            balance,
        )
        + f"{head}Notes to Consolidated Financial Statements</p>{head}Note 1 – Leases</p>"
        f"<p>{prose(4, company, year, 'lease')}</p>"
        f"<p>Operating lease cost was ${rented} million, cash paid was ${paid} million and the "
        f"liability was ${owed} million for {year}.</p><p>{prose(4, company, year, 'rent')}</p>"
    )


def write_filings(
    folder: Path, companies: int = 6, years: tuple[int, ...] = (2023, 2024), *, first: int = 0
) -> Path:
    """Write one filing per company and year and return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for company in range(first, first + companies):
        for year in years:
            path = folder / f"c{company:03d}-{year}.htm"
            path.write_text(filing(company, year), encoding="utf-8")
    return folder


FEW = ("cover_page", "reported_facts", "results_summary", "risk_outline", "out_of_scope")
"""Finance families that together make every kind, few samples each: for fast builds."""


def finance(folder: Path, *, few: bool = True, **changes: object) -> dict:
    """Return a configuration for the filings in a folder, to be built in this process."""
    config = {
        "name": "small",
        "documents": {"root": str(folder), "files": ["**/*.htm"]},
        "families": {"use": [f"finance/{n}" for n in FEW] if few else ["finance/*"]},
        "split": {"ratios": {"train": 0.6, "validation": 0.2, "test": 0.2}},
        "engine": {"use": "inline", "batch_rows": 2},
    }
    return config | changes
