"""The invented filings are what they claim to be: read here with lxml alone, not with our reader."""

import re
import subprocess
import sys
from collections import defaultdict
from decimal import Decimal
from functools import cache
from itertools import combinations
from pathlib import Path

import pytest
from lxml import etree

FINANCE = Path(__file__).resolve().parents[2] / "examples" / "finance"
FILINGS = sorted((FINANCE / "documents").glob("*.htm"))
ANNUAL = [p for p in FILINGS if p.stem.endswith("_10k")]
IX = "{http://www.xbrl.org/2013/inlineXBRL}"
XBRLI = "{http://www.xbrl.org/2003/instance}"
HTML = "{http://www.w3.org/1999/xhtml}"
each_filing = pytest.mark.parametrize("path", FILINGS, ids=lambda p: p.stem)
each_annual = pytest.mark.parametrize("path", ANNUAL, ids=lambda p: p.stem)


@cache
def tree(path):
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    return etree.parse(str(path), parser).getroot()


@cache
def contexts(path):
    found = {}
    for context in tree(path).iter(f"{XBRLI}context"):
        dates = [e.text for e in context.find(f"{XBRLI}period")]
        members = [
            (m.get("dimension"), m.text)
            for m in context.iter("{http://xbrl.org/2006/xbrldi}explicitMember")
        ]
        found[context.get("id")] = ("/".join(dates), tuple(sorted(members)))
    return found


def number(element):
    if element.get("{http://www.w3.org/2001/XMLSchema-instance}nil") == "true":
        return None
    text = "".join(element.itertext()).strip()
    form = (element.get("format") or "").rpartition(":")[2]
    if form == "fixed-zero":
        return Decimal(0)
    if form == "numwordsen":
        return Decimal(["zero", "one", "two", "three", "four", "five"].index(text))
    value = Decimal(text.replace(",", "")).scaleb(int(element.get("scale", "0")))
    return -value if element.get("sign") == "-" else value


@cache
def facts(path):
    """Return every value by (concept, period, members), with the precision it was reported at."""
    found = defaultdict(list)
    for element in tree(path).iter(f"{IX}nonFraction"):
        value = number(element)
        if value is not None:
            key = (
                element.get("name").removeprefix("us-gaap:"),
                *contexts(path)[element.get("contextRef")],
            )
            found[key].append((value, element.get("decimals")))
    return found


def sharpest(path, concept, period):
    """Return the value reported most precisely, without dimensions; None where there is none."""
    values = facts(path).get((concept, period, ()))
    if not values:
        return None
    return max(values, key=lambda v: 99 if v[1] == "INF" else int(v[1]))[0]


def cover(path, name):
    return next(
        "".join(e.itertext())
        for e in tree(path).iter(f"{IX}nonNumeric")
        if e.get("name") == f"dei:{name}"
    )


def main_period(path):
    element = next(
        e for e in tree(path).iter(f"{IX}nonNumeric") if e.get("name") == "dei:DocumentType"
    )
    return contexts(path)[element.get("contextRef")][0]


def instants(path):
    return sorted({p for c, p, m in facts(path) if c == "Assets" and not m})


def visible(path):
    body = tree(path).find(f"{HTML}body")
    pieces = []

    def walk(e):
        if e.tag == f"{IX}header":
            return
        pieces.append(e.text or "")
        for child in e:
            walk(child)
            pieces.append(child.tail or "")
        if e.tag in {f"{HTML}{t}" for t in ("p", "div", "tr", "table", "td")}:
            pieces.append("\n" if e.tag != f"{HTML}td" else " ")

    walk(body)
    return re.sub(r"[ \xa0]+", " ", "".join(pieces))


def item(path, number_):
    """Return the text of an item, after the table of contents."""
    text = visible(path)
    heads = list(re.finditer(r"(?m)^\s*Item (\d+[A-C]?)\.", text))
    starts = [m for m in heads if m.group(1) == number_]
    start = starts[-1].end()
    end = next(m.start() for m in heads if m.start() > start)
    return text[start:end]


def test_seven_companies_with_two_years_and_three_quarters():
    by_company = defaultdict(list)
    for path in FILINGS:
        by_company[cover(path, "EntityCentralIndexKey")].append(cover(path, "DocumentType"))
    assert len(by_company) == 7
    assert all(kinds.count("10-K") == 2 for kinds in by_company.values())
    assert sum(kinds.count("10-Q") for kinds in by_company.values()) == 3
    assert all(re.fullmatch(r"000199\d{4}", cik) for cik in by_company)


def test_the_generator_writes_the_committed_bytes(tmp_path):
    command = [sys.executable, str(FINANCE / "make_documents.py"), "--out", str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    assert [p.name for p in sorted(tmp_path.iterdir())] == [p.name for p in FILINGS]
    for path in FILINGS:
        assert (tmp_path / path.name).read_bytes() == path.read_bytes(), path.name


@each_filing
def test_references_inside_the_document_resolve(path):
    root = tree(path)
    ids = [e.get("id") for e in root.iter() if isinstance(e.tag, str) and e.get("id")]
    assert len(ids) == len(set(ids))
    units = {e.get("id") for e in root.iter(f"{XBRLI}unit")}
    used = set()
    for element in root.iter(f"{IX}nonFraction", f"{IX}nonNumeric"):
        assert element.get("contextRef") in contexts(path)
        used.add(element.get("contextRef"))
        assert element.get("continuedAt", ids[0]) in ids
        if element.tag == f"{IX}nonFraction":
            assert element.get("unitRef") in units
    assert used == set(contexts(path))
    links = [a.get("href") for a in root.iter(f"{HTML}a")]
    assert len(links) > 10
    assert all(link[1:] in ids for link in links)


@each_filing
def test_a_continuation_is_reached_once(path):
    root = tree(path)
    chain = {e.get("id") for e in root.iter(f"{IX}continuation")}
    targets = [
        e.get("continuedAt")
        for e in root.iter(f"{IX}nonNumeric", f"{IX}continuation")
        if e.get("continuedAt")
    ]
    assert len(targets) == len(set(targets))
    assert set(targets) == chain


@each_filing
def test_the_balance_sheet_balances(path):
    days = instants(path)
    assert len(days) == 2
    for day in days:
        assets, both = (
            sharpest(path, "Assets", day),
            sharpest(path, "LiabilitiesAndStockholdersEquity", day),
        )
        assert assets == both
        assert assets == sharpest(path, "Liabilities", day) + sharpest(
            path, "StockholdersEquity", day
        )


@each_filing
def test_cash_flows_explain_the_change_in_cash(path):
    flows = (
        "NetCashProvidedByUsedInOperatingActivities",
        "NetCashProvidedByUsedInInvestingActivities",
        "NetCashProvidedByUsedInFinancingActivities",
    )
    change = "CashCashEquivalentsRestrictedCashAndRestrictedCashEquivalentsPeriodIncreaseDecreaseIncludingExchangeRateEffect"
    fx = "EffectOfExchangeRateOnCashCashEquivalentsRestrictedCashAndRestrictedCashEquivalents"
    periods = [p for c, p, m in facts(path) if c == change and not m]
    assert len(periods) >= 2
    cash = "CashAndCashEquivalentsAtCarryingValue"
    for period in periods:
        total = sum(sharpest(path, f, period) for f in flows) + (sharpest(path, fx, period) or 0)
        assert total == sharpest(path, change, period)
    period = main_period(path)
    start, end = sorted(instants(path))
    assert sharpest(path, cash, end) - sharpest(path, cash, start) == sharpest(path, change, period)


@each_filing
def test_earnings_per_share_times_shares_is_net_income(path):
    checked = 0
    pairs = (
        ("EarningsPerShareBasic", "WeightedAverageNumberOfSharesOutstandingBasic"),
        ("EarningsPerShareDiluted", "WeightedAverageNumberOfDilutedSharesOutstanding"),
        (
            "EarningsPerShareBasicAndDiluted",
            "WeightedAverageNumberOfSharesOutstandingBasicAndDiluted",
        ),
    )
    for name, shares in pairs:
        for period in [p for c, p, m in facts(path) if c == name and not m]:
            count, income = sharpest(path, shares, period), sharpest(path, "NetIncomeLoss", period)
            assert abs(sharpest(path, name, period) * count - income) <= Decimal("0.0051") * count
            checked += 1
    assert checked >= 2


@each_filing
def test_no_fact_is_reported_with_two_values(path):
    for key, values in facts(path).items():
        best = max(values, key=lambda v: 99 if v[1] == "INF" else int(v[1]))[0]
        for value, decimals in values:
            room = 0 if decimals == "INF" else Decimal(1).scaleb(-int(decimals)) / 2
            assert abs(value - best) <= room, key


@each_annual
def test_parts_add_up_to_their_total(path):
    """Segments, products, regions and loan classes: members of one axis sum to the total, where all are shown."""
    axes = {
        "us-gaap:StatementBusinessSegmentsAxis", "srt:ProductOrServiceAxis", "srt:StatementGeographicalAxis", "us-gaap:FinancingReceivablePortfolioSegmentAxis",
    }  # fmt: skip
    groups = defaultdict(list)
    for (concept, period, members), values in facts(path).items():
        if len(members) == 1 and members[0][0] in axes and concept != "OperatingIncomeLoss":
            groups[concept, period, members[0][0]].append(values[0][0])
    for (concept, period, _), parts in groups.items():
        assert sum(parts) == sharpest(path, concept, period)


@each_annual
def test_last_years_column_is_last_years_filing(path):
    cik = cover(path, "EntityCentralIndexKey")
    year = int(cover(path, "DocumentFiscalYearFocus"))
    before = next(
        (
            p
            for p in ANNUAL
            if cover(p, "EntityCentralIndexKey") == cik
            and int(cover(p, "DocumentFiscalYearFocus")) == year - 1
        ),
        None,
    )
    if before is None:
        assert any(
            int(cover(p, "DocumentFiscalYearFocus")) == year + 1
            for p in ANNUAL
            if cover(p, "EntityCentralIndexKey") == cik
        )
        return
    shared = set(facts(path)) & set(facts(before))
    assert len(shared) > 60
    for key in shared:
        ours, theirs = (
            {v for v, d in f(key) if d != "-5"} for f in (facts(path).get, facts(before).get)
        )
        assert not ours or not theirs or ours & theirs, key


@each_annual
def test_items_are_there_in_order_and_have_substance(path):
    text = visible(path)
    order = [m.group(1) for m in re.finditer(r"(?m)^\s*Item (\d+[A-C]?)\.", text)]
    body = order[len(order) // 2 :]
    late = cover(path, "DocumentPeriodEndDate")
    wanted = [
        "1",
        "1A",
        "1B",
        "2",
        "3",
        "4",
        "5",
        "6",
        "7",
        "7A",
        "8",
        "9",
        "9A",
        "9B",
        "9C",
        "10",
        "11",
        "12",
        "13",
        "14",
        "15",
        "16",
    ]
    assert [i for i in body if i != "1C"] == wanted, late
    for name, words in (("1", 250), ("1A", 500), ("7", 350)):
        assert len(item(path, name).split()) > words, name


@each_annual
def test_risk_factors_have_headings_of_their_own(path):
    marked = 0
    for span in tree(path).iter(f"{HTML}span", f"{HTML}b"):
        style = span.get("style") or ""
        slanted = "font-style:italic" in style and "font-weight:700" in style
        nested = span.tag == f"{HTML}b" and span.find(f"{HTML}i") is not None
        text = "".join(span.itertext()).strip()
        marked += (slanted or nested) and text.endswith(".") and len(text.split()) > 5
    assert marked >= 10


def shingles(text, words=5):
    tokens = re.sub(r"\d+", "0", text.lower()).split()
    return {tuple(tokens[i : i + words]) for i in range(len(tokens) - words + 1)}


def test_companies_do_not_share_risk_factors_but_years_repeat():
    grams = {p: shingles(item(p, "1A")) for p in ANNUAL}
    for a, b in combinations(ANNUAL, 2):
        overlap = len(grams[a] & grams[b]) / min(len(grams[a]), len(grams[b]))
        if cover(a, "EntityCentralIndexKey") == cover(b, "EntityCentralIndexKey"):
            assert 0.3 < overlap < 0.95, (a.stem, b.stem, overlap)
        else:
            assert overlap < 0.05, (a.stem, b.stem, overlap)


@each_annual
def test_the_discussion_quotes_the_statements(path):
    """The year's net income stands in the text of Item 7, at the precision of the discussion."""
    income = abs(sharpest(path, "NetIncomeLoss", main_period(path)))
    millions = income / 1_000_000
    forms = {f"{millions:.0f}", f"{millions:,.1f}", f"{income / 1000:,.0f}"}
    assert any(form in item(path, "7") for form in forms)


def test_one_company_has_a_53_week_year_and_year_ends_differ():
    ends, weeks = set(), set()
    for path in ANNUAL:
        start, end = main_period(path).split("/")
        ends.add(end[5:7])
        weeks.add((_day(end) - _day(start)).days + 1)
    assert 371 in weeks
    assert 364 in weeks
    assert len(ends) >= 5


def _day(text):
    from datetime import date

    return date.fromisoformat(text)


@each_annual
def test_audit_cover_and_hidden_facts(path):
    for name in (
        "AuditorName",
        "AuditorLocation",
        "AuditorFirmId",
        "EntityFileNumber",
        "TradingSymbol",
        "SecurityExchangeName",
    ):
        assert cover(path, name)
    hidden = {e.get("name") for e in tree(path).iter(f"{IX}hidden") for e in e}
    assert {
        "dei:AmendmentFlag",
        "dei:EntityCentralIndexKey",
        "dei:DocumentFiscalYearFocus",
    } <= hidden


def test_every_filing_says_that_it_is_invented():
    assert all(b"SYNTHETIC EXAMPLE" in p.read_bytes()[:400] for p in FILINGS)
    assert "synthetic" in (FINANCE / "README.md").read_text(encoding="utf-8").lower()
