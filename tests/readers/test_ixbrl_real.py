"""The inline-XBRL reader on real filings, against the SEC's own extracted instance and labels."""

import json
import re
import xml.etree.ElementTree as ET
from collections import Counter
from decimal import Decimal
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

from sftdata.errors import SourceError
from sftdata.readers.ix_transforms import reread
from sftdata.readers.ixbrl import IxbrlReader
from sftdata.types import Document

pytestmark = pytest.mark.real_data

XBRLI = "{http://www.xbrl.org/2003/instance}"
XBRLDI = "{http://xbrl.org/2006/xbrldi}"
STATEMENTS = {
    "statement_income",
    "statement_balance_sheet",
    "statement_cash_flows",
    "statement_comprehensive_income",
    "statement_equity",
}


@cache
def read(path: Path) -> Document:
    (document,) = IxbrlReader().read(path)
    assert isinstance(document, Document)
    return document


@pytest.fixture(scope="module")
def filings(real_data: Path) -> list[Path]:
    found = sorted((real_data / "sec_ixbrl").glob("*.html"))
    assert len(found) == 15
    return found


@pytest.fixture(scope="module")
def gold(real_data: Path) -> ET.Element:
    (path,) = (real_data / "sec_ixbrl_gold").glob("*.instance.xml")
    return ET.parse(path).getroot()


@pytest.fixture(scope="module")
def march(real_data: Path) -> Document:
    (path,) = (real_data / "sec_ixbrl").glob("320193_10-Q_2025_March-29-2025*")
    return read(path)


def contexts_of(gold: ET.Element) -> dict[str, tuple]:
    found = {}
    for node in gold.iter(f"{XBRLI}context"):
        period = node.find(f"{XBRLI}period")
        instant = period.findtext(f"{XBRLI}instant")
        when = instant or "/".join(
            (period.findtext(f"{XBRLI}startDate"), period.findtext(f"{XBRLI}endDate"))
        )
        members = tuple(
            sorted((m.get("dimension"), m.text) for m in node.iter(f"{XBRLDI}explicitMember"))
            + sorted(
                (m.get("dimension"), "".join(m.itertext()).strip())
                for m in node.iter(f"{XBRLDI}typedMember")
            )
        )
        entity = node.find(f"{XBRLI}entity/{XBRLI}identifier").text
        found[node.get("id")] = (entity, when, tuple(sorted(members)))
    return found


def units_of(gold: ET.Element) -> dict[str, str]:
    found = {}
    for node in gold.iter(f"{XBRLI}unit"):
        measures = [m.text.split(":")[-1] for m in node.iter(f"{XBRLI}measure")]
        found[node.get("id")] = "/".join(measures)
    return found


def prefixes(gold_path: Path) -> dict[str, str]:
    text = gold_path.read_text(encoding="utf-8")[:20_000]
    return {uri: prefix for prefix, uri in re.findall(r'xmlns:([\w-]+)="([^"]+)"', text)}


def gold_facts(real_data: Path, gold: ET.Element, *, numeric: bool) -> Counter:
    (path,) = (real_data / "sec_ixbrl_gold").glob("*.instance.xml")
    names, contexts, units = prefixes(path), contexts_of(gold), units_of(gold)
    found: Counter = Counter()
    for node in gold:
        if node.get("contextRef") is None or (node.get("unitRef") is not None) != numeric:
            continue
        uri, _, local = node.tag[1:].partition("}")
        nil = node.get("{http://www.w3.org/2001/XMLSchema-instance}nil") == "true"
        raw = "".join(node.itertext()).strip()
        if numeric:
            value = None if nil else Decimal(raw)
            rest = (units[node.get("unitRef")],)
        else:
            value, rest = None if nil else raw, ()
        found[(f"{names[uri]}:{local}", value, *rest, *contexts[node.get("contextRef")])] += 1
    return found


def test_every_numeric_fact_equals_the_sec_instance(
    real_data: Path, gold: ET.Element, march: Document
) -> None:
    wanted = set(gold_facts(real_data, gold, numeric=True))
    got = {
        (
            f.name,
            f.number,
            f.unit,
            f.entity,
            f.period,
            tuple(sorted((d.kind, d.value) for d in f.dimensions)),
        )
        for f in march.facts
        if f.kind == "numeric"
    }
    assert len(wanted) > 600
    assert got == wanted


def test_every_text_fact_equals_the_sec_instance(
    real_data: Path, gold: ET.Element, march: Document
) -> None:
    def letters(text: str | None) -> str | None:
        return None if text is None else re.sub(r"[^A-Za-z0-9]+", "", text)

    got: dict[tuple, set] = {}
    for fact in march.facts:
        if fact.kind != "numeric":
            dims = tuple(sorted((d.kind, d.value) for d in fact.dimensions))
            got.setdefault((fact.name, fact.entity, fact.period, dims), set()).add(fact.value)
    short = blocks = 0
    for name, value, entity, period, dims in gold_facts(real_data, gold, numeric=False):
        ours = got[(name, entity, period, dims)]
        if "<" in value:
            plain = re.sub(r"<[^>]*>", " ", value)
            plain = re.sub(r"&#?\w+;", " ", plain)
            wanted = Counter(re.findall(r"[A-Za-z]{3,}", plain))
            best = max(
                sum((wanted & Counter(re.findall(r"[A-Za-z]{3,}", o))).values()) for o in ours
            )
            assert best >= 0.97 * sum(wanted.values()), name
            blocks += 1
        else:
            assert letters(value) in {letters(o) for o in ours}, name
            short += 1
    assert short > 50
    assert blocks > 20


def test_the_law_of_spans_holds_in_every_filing(filings: list[Path]) -> None:
    visible = 0
    for path in filings:
        document = read(path)
        for fact in document.facts:
            assert (fact.start is None) == (fact.end is None)
            if fact.start is None:
                continue
            visible += 1
            assert document.text[fact.start : fact.end] == fact.as_reported
            assert fact.as_reported
            assert fact.row_start <= fact.start
            assert fact.end <= fact.row_end
            if fact.value is not None and fact.kind != "text_block":
                again = reread(
                    fact.as_reported,
                    numeric=fact.kind == "numeric",
                    name=fact.attribute("format"),
                    scale=fact.scale,
                    sign=fact.attribute("sign"),
                )
                assert again == fact.value
    assert visible > 15_000


def test_hardly_any_number_is_left_without_a_place(filings: list[Path]) -> None:
    for path in filings:
        numbers = [f for f in read(path).facts if f.kind == "numeric" and f.value is not None]
        lost = [f for f in numbers if f.start is None]
        assert len(lost) <= 6, path.name
        assert not [f for f in numbers if f.attribute("invalid")]


def test_the_text_is_canonical(filings: list[Path]) -> None:
    import unicodedata

    for path in filings:
        text = read(path).text
        assert unicodedata.is_normalized("NFC", text)
        assert not re.search(r"[\u00a0\u200b\ufeff\t\r]|[ ]\n|\n\n\n|  ", text)
        widths = [
            {line.replace("\\|", "").count("|") for line in block.splitlines()}
            for block in text.split("\n\n")
            if block.startswith("| ")
        ]
        assert all(len(w) == 1 for w in widths), path.name


def test_page_furniture_is_gone(filings: list[Path]) -> None:
    for path in filings:
        text = read(path).text
        lines = text.splitlines()
        assert not [n for n in lines if re.fullmatch(r"\d{1,3}", n.strip())], path.name
        assert sum(n.strip().lower() == "table of contents" for n in lines) <= 2
        assert not re.search(r"Form 10-[KQ] \| \d+", text)


def test_table_facts_have_row_labels_and_columns(filings: list[Path]) -> None:
    facts = [
        f
        for path in filings
        for f in read(path).facts
        if f.kind == "numeric" and f.start is not None and f.attribute("table_start")
    ]
    assert len(facts) > 9000
    assert sum(bool(f.label) for f in facts) / len(facts) > 0.99
    assert sum(bool(f.attribute("column")) for f in facts) / len(facts) > 0.94
    assert sum(bool(f.attribute("caption")) for f in facts) / len(facts) > 0.97


def test_items_against_the_labels(real_data: Path) -> None:
    """Every labelled item whose heading stands in the filing at all is found."""
    wanted = found = 0
    for path in sorted((real_data / "sec_ixbrl_labels").glob("*.expected-top-level-sections.json")):
        stem = path.name.removesuffix(".expected-top-level-sections.json")
        document = read(real_data / "sec_ixbrl" / f"{stem}.html")
        kinds = {s.kind for s in document.sections if s.level == 1}
        page = (real_data / "sec_ixbrl" / f"{stem}.html").read_text(encoding="utf-8")
        plain = " ".join(re.sub(r"<[^>]+>|&#160;|\s+", " ", page).split()).lower()
        for entry in json.loads(path.read_text()):
            name = entry["identifier"]
            part = re.fullmatch(r"part(\d)item(\w+)", name)
            kind = f"part_{'i' * int(part[1])}_item_{part[2]}" if part else f"item_{name.lower()}"
            title = {"part2item3": "defaults upon", "part2item4": "mine safety"}
            title |= {"part1item3": "quantitative and qualitative disclosures about market risk"}
            title |= {"part2item1": "item 1. legal", "part2item5": "item 5. other"}
            if kind not in kinds and name in title:
                assert title[name] not in plain, (stem, name)
                continue
            wanted += 1
            found += kind in kinds
    assert wanted >= 140
    assert found == wanted


def test_item_lengths_follow_the_labels(real_data: Path) -> None:
    """An item that is long in the labels (they count HTML) is long here, in like proportion."""
    name = "320193_10-K_2024_September-28_S_0000320193-24-000123"
    document = read(real_data / "sec_ixbrl" / f"{name}.html")
    lengths = {s.kind: s.end - s.start for s in document.sections if s.level == 1}
    assert lengths["item_1a"] > 50_000
    assert lengths["item_7"] > 15_000
    assert lengths["item_8"] > 50_000
    assert lengths["item_1b"] < 200
    assert lengths["item_6"] < 200


def test_statements_and_notes_are_found_in_every_filing(filings: list[Path]) -> None:
    for path in filings:
        document = read(path)
        kinds = {s.kind for s in document.sections}
        assert kinds >= STATEMENTS, path.name
        assert {"cover_page", "signatures"} <= kinds
        notes = [s for s in document.sections if s.kind == "note"]
        assert len(notes) >= 7, path.name
        income = next(s for s in document.sections if s.kind == "statement_income")
        assert re.search("operations|income|earnings", income.title, re.IGNORECASE)
        body = document.text[income.start : income.end]
        assert re.search("net (income|earnings|loss)", body, re.IGNORECASE)


def test_sections_nest(filings: list[Path]) -> None:
    for path in filings:
        document = read(path)
        tops = [s for s in document.sections if s.level == 1]
        for before, after in pairwise(tops):
            assert before.end <= after.start
        for section in document.sections:
            assert 0 <= section.start < section.end <= len(document.text)
            assert document.text[section.start : section.end].strip()
            assert section.title.strip()


def test_risk_factors_have_headings(filings: list[Path]) -> None:
    for path in filings:
        document = read(path)
        if document.kind != "10-K":
            continue
        item = next(s for s in document.sections if s.kind == "item_1a")
        heads = [
            s for s in document.sections if s.kind == "heading" and item.start < s.start < item.end
        ]
        assert len(heads) >= 20, path.name


def test_apple_reads_as_an_analyst_would_expect(real_data: Path) -> None:
    (path,) = (real_data / "sec_ixbrl").glob("320193_10-Q_2025_June*")
    document = read(path)
    assert document.title == "Apple Inc. 10-Q for the quarter ended June 28, 2025"
    assert document.document_id == f"cik-0000320193-10-Q-2025-06-28-{document.source.sha256[:8]}"
    assert "| Total net sales | 94,036 | 85,777 | 313,695 | 296,105 |" in document.text
    assert {(k.kind, k.value) for k in document.keys} == {
        ("cik", "0000320193"),
        ("company_name", "Apple Inc."),
        ("ticker", "AAPL"),
    }
    assert document.meta("fiscal_year") == "2025"
    assert document.meta("fiscal_period") == "Q3"
    sales = next(f for f in document.facts if f.as_reported == "94,036")
    assert sales.label == "Total net sales"
    assert sales.value == "94036000000"
    assert sales.period == "2025-03-30/2025-06-28"
    assert sales.attribute("column") == "Three Months Ended June 28, 2025"
    assert sales.attribute("parent") == "Net sales:"
    assert sales.attribute("caption").startswith("CONDENSED CONSOLIDATED STATEMENTS OF OPERATIONS")
    loss = next(f for f in document.facts if f.label == "Other income/(expense), net")
    assert (loss.as_reported, loss.value) == ("171", "-171000000")


def test_byte_identical_copies_get_one_id_and_other_years_do_not(filings: list[Path]) -> None:
    ids = Counter(read(path).document_id for path in filings)
    assert sorted(ids.values()) == [1] * 13 + [2]


def test_old_html_without_facts_is_refused_by_reason(real_data: Path) -> None:
    for name in ("0000950153-99-001234.html", "0001104659-03-004925.html"):
        with pytest.raises(SourceError) as caught:
            list(IxbrlReader().read(real_data / "sec_old_html" / name))
        assert caught.value.reason == "no_ixbrl_facts"


def test_current_reports_of_other_software_are_read(real_data: Path) -> None:
    """8-Ks tagged by other tools than the annual reports, with an older transformation registry."""
    paths = [p for p in (real_data / "sec_8k_raw").glob("*.htm") if b"inlineXBRL" in p.read_bytes()]
    assert len(paths) >= 10
    for path in paths:
        document = read(path)
        assert document.kind == "8-K"
        assert document.meta("period_end")
        items = [s for s in document.sections if re.fullmatch(r"item_\d_\d\d", s.kind)]
        assert items, path.name
        for fact in document.facts:
            assert not fact.attribute("invalid")
            if fact.start is not None:
                assert document.text[fact.start : fact.end] == fact.as_reported


def test_a_filing_cut_in_half_is_whole_facts_or_an_error(march: Document, tmp_path: Path) -> None:
    data = Path(march.source.path).read_bytes()
    whole = {f.fact_id: (f.name, f.value, f.period) for f in march.facts}
    outcomes = []
    for share in (0.2, 0.5, 0.8):
        cut = tmp_path / "cut.htm"
        cut.write_bytes(data[: int(len(data) * share)])
        document, reason = attempt(cut)
        outcomes.append(reason or "read")
        for fact in document.facts if document else ():
            assert document.meta("truncated") == "true"
            if fact.kind not in ("text_block", "text"):
                assert (fact.name, fact.value, fact.period) == whole[fact.fact_id]
    assert set(outcomes) <= {"read", "truncated_html", "damaged_html"}
    assert "read" in outcomes


def attempt(path: Path) -> tuple[Document | None, str]:
    try:
        (document,) = IxbrlReader(truncated="keep").read(path)
    except SourceError as error:
        return None, error.reason
    return document, ""
