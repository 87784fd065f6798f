"""The inline-XBRL reader on small pages: one trap each."""

import time
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sftdata.errors import SourceError
from sftdata.readers.ix_transforms import reread
from sftdata.readers.ixbrl import IxbrlReader
from sftdata.types import Document, Fact

HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<html xmlns="http://www.w3.org/1999/xhtml" xmlns:ix="http://www.xbrl.org/2013/inlineXBRL"
 xmlns:xbrli="http://www.xbrl.org/2003/instance" xmlns:xbrldi="http://xbrl.org/2006/xbrldi"
 xmlns:ixt="http://www.xbrl.org/inlineXBRL/transformation/2020-02-12"
 xmlns:t="http://www.xbrl.org/inlineXBRL/transformation/2015-02-26"
 xmlns:ixt-sec="http://www.sec.gov/inlineXBRL/transformation/2015-08-31"
 xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<head><title>never seen</title></head><body><div style="display:none"><ix:header><ix:hidden>
<ix:nonNumeric contextRef="c1" name="dei:EntityCentralIndexKey" id="h1">0000001234</ix:nonNumeric>
<ix:nonNumeric contextRef="c1" name="dei:DocumentType" id="h2">10-Q</ix:nonNumeric>
<ix:nonNumeric contextRef="c1" name="dei:EntityRegistrantName" id="h3">Acme Corp</ix:nonNumeric>
<ix:nonNumeric contextRef="c1" name="dei:DocumentPeriodEndDate" id="h4">2025-03-31</ix:nonNumeric>
</ix:hidden><ix:resources>
<xbrli:context id="c1"><xbrli:entity><xbrli:identifier scheme="s">1234</xbrli:identifier>
</xbrli:entity><xbrli:period><xbrli:startDate>2025-01-01</xbrli:startDate>
<xbrli:endDate>2025-03-31</xbrli:endDate></xbrli:period></xbrli:context>
<xbrli:context id="c2"><xbrli:entity><xbrli:identifier scheme="s">1234</xbrli:identifier>
<xbrli:segment><xbrldi:explicitMember dimension="srt:AAxis">x:OneMember</xbrldi:explicitMember>
<xbrldi:typedMember dimension="x:TAxis"><x:id xmlns:x="urn:x">7</x:id></xbrldi:typedMember>
</xbrli:segment></xbrli:entity>
<xbrli:period><xbrli:instant>2025-04-01T00:00:00</xbrli:instant></xbrli:period></xbrli:context>
<xbrli:unit id="usd"><xbrli:measure>iso4217:USD</xbrli:measure></xbrli:unit>
<xbrli:unit id="eps"><xbrli:divide><xbrli:unitNumerator><xbrli:measure>iso4217:USD</xbrli:measure>
</xbrli:unitNumerator><xbrli:unitDenominator><xbrli:measure>xbrli:shares</xbrli:measure>
</xbrli:unitDenominator></xbrli:divide></xbrli:unit>
</ix:resources></ix:header></div>
"""


def number(text: str, ident: str = "f1", name: str = "us-gaap:Revenues", **more: str) -> str:
    given = {
        "contextRef": "c1",
        "unitRef": "usd",
        "decimals": "-6",
        "format": "ixt:num-dot-decimal",
    }
    given |= {key.replace("_", ":"): value for key, value in more.items()}
    attributes = " ".join(f'{k}="{v}"' for k, v in given.items() if v)
    return f'<ix:nonFraction id="{ident}" name="{name}" {attributes}>{text}</ix:nonFraction>'


def words(text: str, ident: str = "t1", name: str = "x:Words", **more: str) -> str:
    attributes = " ".join(f'{k}="{v}"' for k, v in ({"contextRef": "c1"} | more).items())
    return f'<ix:nonNumeric id="{ident}" name="{name}" {attributes}>{text}</ix:nonNumeric>'


@pytest.fixture
def read(tmp_path: Path):
    def reader(
        body: str,
        *,
        before: str = "",
        after: str = "</body></html>",
        form: str = "10-Q",
        **settings: str,
    ) -> Document:
        path = tmp_path / "page.htm"
        head = HEAD.replace(">10-Q<", f">{form}<")
        path.write_bytes((before + head + body + after).encode())
        (document,) = IxbrlReader(**settings).read(path)
        for fact in document.facts:
            if fact.start is not None:
                assert document.text[fact.start : fact.end] == fact.as_reported
        return document

    return reader


def fact(document: Document, ident: str = "f1") -> Fact:
    return next(f for f in document.facts if f.fact_id == ident)


def refused(tmp_path: Path, data: bytes, **settings: int) -> str:
    path = tmp_path / "bad.htm"
    path.write_bytes(data)
    with pytest.raises(SourceError) as caught:
        list(IxbrlReader(**settings).read(path))
    return caught.value.reason


def test_a_number_keeps_its_digits_and_gets_its_value(read) -> None:
    found = fact(read(f"<p>Sales were ${number('94,036', scale='6')} million.</p>"))
    assert (found.as_reported, found.value, found.number) == ("94,036", "94036000000", 94036000000)
    assert (found.unit, found.scale, found.decimals) == ("USD", 6, "-6")
    assert (found.period, found.entity) == ("2025-01-01/2025-03-31", "0000001234")


def test_the_sentence_is_the_row_of_a_fact_in_prose(read) -> None:
    document = read(f"<p>Acme Inc. grew. Sales were ${number('5.1')} in the U.S. market. More.</p>")
    found = fact(document)
    quote = document.text[found.row_start : found.row_end]
    assert quote == "Sales were $5.1 in the U.S. market."
    assert found.label == ""


def test_parentheses_mean_nothing_and_the_sign_attribute_everything(read) -> None:
    document = read(f"<p>({number('171', 'a')}) ({number('5', 'b', sign='-')})</p>")
    assert (fact(document, "a").value, fact(document, "b").value) == ("171", "-5")
    assert fact(document, "b").as_reported == "5"


def test_nil_is_none_and_never_zero(read) -> None:
    found = fact(read(f"<p>x {number('—', xsi_nil='true', format='')}</p>"))
    assert found.value is None
    assert found.number is None


def test_fixed_zero_reads_a_dash_as_zero(read) -> None:
    assert fact(read(f"<p>x {number('—', format='ixt:fixed-zero')}</p>")).value == "0"


def test_an_unknown_transformation_gives_no_gold(read) -> None:
    found = fact(read(f"<p>{number('五', format='ixt:num-of-tomorrow')}</p>"))
    assert found.value is None
    assert found.as_reported == "五"
    assert found.attribute("transform_unknown") == "ixt:num-of-tomorrow"


def test_the_prefix_of_a_registry_may_be_any(read) -> None:
    found = fact(read(f"<p>{number('1,5', format='t:numcommadecimal')}</p>"))
    assert (found.value, found.attribute("format")) == ("1.5", "ixt:numcommadecimal")


def test_units_dimensions_and_midnight(read) -> None:
    found = fact(read(f"<p>{number('1.57', contextRef='c2', unitRef='eps')}</p>"))
    assert found.unit == "USD/shares"
    assert found.period == "2025-03-31"
    assert [(d.kind, d.value) for d in found.dimensions] == [
        ("srt:AAxis", "x:OneMember"),
        ("x:TAxis", "7"),
    ]


def test_a_missing_context_or_unit_gives_no_value(read) -> None:
    document = read(f"<p>{number('1', 'a', contextRef='c9')} {number('1', 'b', unitRef='u9')}</p>")
    assert [fact(document, i).attribute("invalid") for i in "ab"] == [
        "missing_context",
        "missing_unit",
    ]
    assert fact(document, "a").value is None


def test_a_hostile_scale_is_not_computed(read) -> None:
    began = time.perf_counter()
    document = read(
        f"<p>{number('1', 'a', scale='999')} {number('1', 'b', scale='1000000000')}</p>"
    )
    assert [fact(document, i).value for i in "ab"] == [None, None]
    assert time.perf_counter() - began < 2


def test_nested_facts_share_their_text(read) -> None:
    document = read(f"<p>{words('about ' + number('7') + ' items', 'out')}</p>")
    assert fact(document).as_reported == "7"
    assert fact(document, "out").value == "about 7 items"


def test_continuations_that_touch_are_one_span(read) -> None:
    document = read(
        f"<div>{words('<p>One.</p>', 'b', 'us-gaap:ATextBlock', continuedAt='k', escape='true')}</div>"
        '<div>12</div><hr style="page-break-after:always"/>'
        '<ix:continuation id="k"><p>Two.</p></ix:continuation>'
    )
    found = fact(document, "b")
    assert (found.kind, found.value) == ("text_block", "One.\n\nTwo.")
    assert found.start is not None
    assert "12" not in document.text


def test_continuations_apart_have_a_value_but_no_place(read) -> None:
    document = read(
        f"<div>{words('<p>One.</p>', 'b', 'us-gaap:ATextBlock', continuedAt='k')}</div><p>Between.</p>"
        '<ix:continuation id="k" continuedAt="k"><p>Two.</p></ix:continuation>'
    )
    found = fact(document, "b")
    assert found.start is None
    assert found.value == "One.\n\nTwo."


def test_excluded_text_is_not_in_the_value(read) -> None:
    document = read(f"<p>{words('kept <ix:exclude>dropped <b>too</b></ix:exclude> kept')}</p>")
    found = fact(document, "t1")
    assert found.value == "kept kept"
    assert found.start is None
    assert "dropped too" in document.text


def test_hidden_and_undisplayed_facts_have_no_place(read) -> None:
    document = read(f"<p>Seen.</p><div style='display:none'>{number('7')}</div>")
    assert fact(document).start is None
    assert fact(document, "h1").start is None
    assert "7" not in document.text
    assert "never seen" not in document.text


def test_a_header_is_hidden_wherever_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "page.htm"
    open_head = HEAD.replace('<div style="display:none">', "<div>")
    path.write_text(f"{open_head}<p>{number('4')}</p></body></html>", encoding="utf-8")
    (document,) = IxbrlReader().read(path)
    assert document.text == "4"
    assert fact(document, "h1").start is None


def test_a_paragraph_never_looks_like_a_table(read) -> None:
    assert read(f"<p>| {number('4')} |</p>").text == "\\| 4 \\|"


def test_booleans_dates_and_text(read) -> None:
    document = read(
        f"<p>{words('☒', 'a', format='ixt-sec:boolballotbox')}"
        f"{words('JUNE&#160;28, 2025', 'b', format='ixt:date-monthname-day-year-en')} "
        f"{words('two-year', 'c', format='ixt-sec:durwordsen')} "
        f"{words('September 28', 'd', format='ixt:date-monthname-day-en')}</p>"
    )
    got = [(fact(document, i).kind, fact(document, i).value) for i in "abcd"]
    assert got == [
        ("boolean", "true"),
        ("date", "2025-06-28"),
        ("text", "P2Y"),
        ("text", "--09-28"),
    ]


TABLE = f"""<p style="font-weight:bold">STATEMENTS OF INCOME</p><p>(In millions)</p>
<table><tr><td></td><td></td><td></td></tr>
<tr><td colspan="2"></td><td colspan="7" style="text-align:center">Years ended</td></tr>
<tr><td colspan="2"></td><td colspan="3">2025</td><td></td><td colspan="3">2024</td></tr>
<tr><td colspan="2">Operating expenses:</td></tr>
<tr><td colspan="2" style="padding-left:9pt">Research</td><td>$</td><td>{number("1,200", "a")}</td><td></td>
<td></td><td>$</td><td>(</td><td>{number("7", "b", sign="-")})</td></tr>
<tr><td colspan="2" style="padding-left:9pt">Growth</td><td colspan="2">{number("12", "c")}</td><td>%</td>
<td></td><td colspan="2">{number("3", "d")}</td><td>%</td></tr>
<tr><td colspan="2">Net income</td><td></td><td>{number("9", "e")}</td><td></td>
<td></td><td></td><td>{number("8", "f")}</td></tr></table>"""


def test_a_sec_table_reads_as_one(read) -> None:
    document = read(TABLE)
    table = document.text[document.text.index("|") :]
    assert table.splitlines() == [
        "| | Years ended | Years ended |",
        "| | 2025 | 2024 |",
        "| --- | --- | --- |",
        "| Operating expenses: | | |",
        "| Research | $ 1,200 | $ (7) |",
        "| Growth | 12% | 3% |",
        "| Net income | 9 | 8 |",
    ]


def test_a_fact_in_a_table_knows_its_row_column_group_and_caption(read) -> None:
    document = read(TABLE)
    found = fact(document, "b")
    assert document.text[found.row_start : found.row_end] == "| Research | $ 1,200 | $ (7) |"
    assert (found.label, found.as_reported, found.value) == ("Research", "7", "-7")
    assert found.attribute("column") == "Years ended 2024"
    assert found.attribute("parent") == "Operating expenses:"
    assert found.attribute("caption") == "STATEMENTS OF INCOME (In millions)"
    start, end = int(found.attribute("table_start")), int(found.attribute("table_end"))
    assert document.text[start:end] == document.text[document.text.index("| | Years") :]
    assert fact(document, "e").attribute("parent") == ""


def test_a_raised_footnote_sign_never_joins_a_number(read) -> None:
    document = read(f"<p>{number('1,234')}<sup>1</sup> and 5<sup>th</sup></p>")
    assert document.text == "1,234 (1) and 5th"


def test_bullets_and_layout_tables_become_lines(read) -> None:
    document = read(
        "<table><tr><td>•</td><td>First</td></tr><tr><td>•</td><td>Second</td></tr></table>"
        f"<div><span>•</span><span style='padding-left:14pt'>Third</span></div><p>{number('1')}</p>"
    )
    assert document.text == "• First\n• Second\n• Third\n\n1"


def test_pages_are_joined_and_furniture_goes(read) -> None:
    page = '<div>Acme | {n}</div><hr style="page-break-after:always"/><div><a href="#t">Table of Contents</a></div>'
    long = "This paragraph goes over the end of its page and is long enough,"
    body = "".join(f"<p>Para {n} ends.</p>" + page.format(n=n) for n in range(1, 5))
    document = read(
        f"{body}<p>{long}</p>{page.format(n=5)}<p>as the reader sees {number('4')}.</p>"
    )
    assert f"{long} as the reader sees 4." in document.text
    assert "Acme" not in document.text
    assert "Contents" not in document.text


def test_text_before_the_declaration_and_named_entities(read) -> None:
    document = read(f"<p>R&amp;D&nbsp;&mdash; {number('4')}</p>", before="10-K 1 aeon.htm\n\n")
    assert document.text == "R&D — 4"


def test_combining_marks_compose_across_elements(read) -> None:
    document = read(f"<p>Cafe<b>\u0301 x</b> {number('4')}\u200b</p>")
    assert document.text == "Café x 4"


def test_chinese_text_is_kept(read) -> None:
    document = read(f"<p>净利润为{number('1,200', scale='4')}万元。营业收入增长。</p>")
    found = fact(document)
    assert found.value == "12000000"
    assert document.text[found.row_start : found.row_end] == "净利润为1,200万元。"


def test_items_avoid_contents_and_cross_references(read) -> None:
    body = "word " * 200
    document = read(
        "<p>Cover</p><p>TABLE OF CONTENTS</p>"
        "<p>Item 1. Financial Statements</p><p>Item 2. Management’s Discussion</p><p>Item 1A. Risk Factors</p>"
        f"<p><b>PART I</b></p><p><b>Item 1. Financial Statements</b></p><p>{body}{number('4')}</p>"
        f"<p>Item 1A. Risk Factors of our annual report say more.</p>"
        f"<p><b>Item 2.</b></p><p><b>Management's Discussion and Analysis</b></p><p>{body}</p>"
        f"<p><b>PART II</b></p><p><b>Item 1A. Risk Factors</b></p><p><i>A risk.</i></p><p>{body}</p>"
        "<p><b>SIGNATURES</b></p><p>Acme</p>"
    )
    kinds = [s.kind for s in document.sections if s.level == 1]
    assert kinds == [
        "cover_page", "table_of_contents",
        "part_i_item_1", "part_i_item_2", "part_ii_item_1a", "signatures",
    ]  # fmt: skip
    found = {s.kind: document.text[s.start : s.end] for s in document.sections}
    assert found["cover_page"] == "Cover"
    assert found["part_i_item_2"].endswith("word")
    assert [s.title for s in document.sections if s.kind == "heading"] == ["A risk."]


def test_a_pointer_to_item_15_is_not_the_body_of_item_8(read) -> None:
    body = "word " * 200
    notes = "".join(f"<p><b>Note {n} - Topic</b></p><p>{body}</p>" for n in (1, 2))
    table = f"""<p><b>Balance Sheets</b></p><table><tr><td></td><td>2025</td></tr>
    <tr><td>Total assets</td><td>{number("4", "a", "us-gaap:Assets")}</td></tr>
    <tr><td>Total</td><td>{number("4", "l", "us-gaap:LiabilitiesAndStockholdersEquity")}</td></tr></table>"""
    document = read(
        "<p>Annual</p>"
        + words("10-K", "k", "dei:DocumentType")
        + f"<p><b>Item 7. Management's Discussion</b></p><p>{body}</p>"
        "<p><b>Item 8. Financial Statements</b></p><p>See Item 15.</p>"
        f"<p><b>Item 15. Exhibits</b></p>{table}{notes}",
        form="10-K",
    )
    kinds = {s.kind: s for s in document.sections}
    assert kinds["item_8_pointer"].end - kinds["item_8_pointer"].start < 100
    assert kinds["item_8"].level == 2
    assert "Total assets" in document.text[kinds["item_8"].start : kinds["item_8"].end]
    assert sum(s.kind == "note" for s in document.sections) == 2


def test_bad_files_are_refused_by_reason(tmp_path: Path) -> None:
    assert refused(tmp_path, b"") == "empty_file"
    assert refused(tmp_path, b"PK\x03\x04rest") == "not_html"
    assert refused(tmp_path, bytes(range(256)) * 10) == "not_html"
    assert refused(tmp_path, b"just words") == "not_html"
    assert refused(tmp_path, b"<html><body><p>No facts</p></body></html>") == "no_ixbrl_facts"
    assert refused(tmp_path, b"<html>" + b"x" * 100, max_bytes=50) == "too_large"
    assert (
        refused(tmp_path, b'<?xml version="1.0" encoding="UTF-7"?><html/>')
        == "unsupported_encoding"
    )


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_entity_declarations_are_refused(tmp_path: Path, encoding: str) -> None:
    bomb = '<!DOCTYPE html [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><html><body>&b;</body></html>'
    file = '<!DOCTYPE html [<!ENTITY x SYSTEM "file:///etc/hostname">]><html>&x;</html>'
    for page in (bomb, file):
        assert refused(tmp_path, page.encode(encoding)) == "unsafe_dtd"


def test_a_plain_doctype_is_no_threat(read) -> None:
    page = (
        '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "http://example.invalid/x.dtd">'
    )
    assert fact(read(f"<p>{number('4')}</p>", before=page)).value == "4"


def test_a_truncated_file_keeps_only_whole_facts(read) -> None:
    body = f"<p>{number('4,444', 'a')}</p><p>{number('94,0', 'b')[:-17]}"
    document = read(body, after="", truncated="keep")
    assert fact(document, "a").value == "4444"
    assert document.meta("truncated") == "true"
    assert not [f for f in document.facts if f.fact_id == "b"]


def test_a_file_that_breaks_off_is_refused_unless_it_shall_be_kept(tmp_path: Path) -> None:
    whole = f"{HEAD}<p>{number('4,444', 'a')}</p></body></html>".encode()
    assert refused(tmp_path, whole[:-8]) == "truncated_html"
    path = tmp_path / "whole.htm"
    path.write_bytes(whole + b"\n<!-- a signature of the filing agent -->\n")
    (document,) = IxbrlReader().read(path)
    assert fact(document, "a").value == "4444"


def test_a_file_cut_in_its_header_is_refused(tmp_path: Path) -> None:
    cut = HEAD[: HEAD.index("<xbrli:context")]
    assert refused(tmp_path, cut.encode()) in ("truncated_html", "no_ixbrl_facts")


def test_tag_soup_still_gives_its_facts(read) -> None:
    document = read(f"<p>One <b>two <i>three</b></i> {number('4,000')}<br>five & six")
    assert fact(document).value == "4000"
    assert document.meta("recovered") == "true"
    assert document.meta("truncated") == ""


def test_deep_nesting_does_not_break_the_reader(read) -> None:
    document = read("<div>" * 240 + f"<p>{number('4')}</p>" + "</div>" * 240)
    assert fact(document).value == "4"


def test_what_the_parser_has_lost_is_not_passed_over(tmp_path: Path) -> None:
    deep = HEAD + "<div>" * 9000 + f"<p>{number('4') * 50}</p>" + "</div>" * 9000 + "</body></html>"
    assert refused(tmp_path, deep.encode()) == "damaged_html"


def test_huge_spans_are_bounded(read) -> None:
    document = read(
        f'<table><tr><td colspan="999999999" rowspan="99999">a</td><td>{number("4")}</td></tr>'
        "<tr><td>b</td><td>c</td></tr></table>"
    )
    assert fact(document).value == "4"


def test_sniffing() -> None:
    assert IxbrlReader.sniff(Path("a.htm"), HEAD.encode()) > 0.9
    assert IxbrlReader.sniff(Path("a.htm"), b"<html><body>") == 0.1
    assert IxbrlReader.sniff(Path("a.json"), b"{}") == 0


@given(
    st.decimals(min_value=0, max_value=10**12, places=3, allow_nan=False),
    st.integers(-6, 12),
    st.booleans(),
)
def test_what_is_printed_is_read_exactly(value: Decimal, scale: int, negative: bool) -> None:
    printed = f"{value:,f}"
    sign = "-" if negative else ""
    got = reread(printed, numeric=True, name="ixt:num-dot-decimal", scale=scale, sign=sign)
    wanted = value.scaleb(scale) * (-1 if negative else 1)
    assert Decimal(got) == wanted
    assert "E" not in got.upper()


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("ixt:num-comma-decimal", "1.234,5", "1234.5"),
        ("ixt:numdotdecimal", "1 234.5", "1234.5"),
        ("ixt:zerodash", "—", "0"),
        ("ixt:num-dot-decimal", "(5)", None),
        ("ixt:num-dot-decimal", "five", None),
        ("ixt-sec:numwordsen", "twenty-five", "25"),
        ("ixt-sec:numwordsen", "no", "0"),
    ],
)
def test_numeric_transformations(name: str, text: str, value: str | None) -> None:
    assert reread(text, numeric=True, name=name) == value


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("ixt:date-month-day-year", "9/28/24", "2024-09-28"),
        ("ixt:date-day-month-year", "28.09.2024", "2024-09-28"),
        ("ixt:date-month-day-year", "13/28/24", None),
        ("ixt:date-day-monthname-year-en", "28 Sept. 2024", "2024-09-28"),
        ("ixt:date-monthname-year-en", "March 2025", "2025-03"),
        ("ixt:date-month-day", "9/28", "--09-28"),
        ("ixt-sec:duryear", "1.2", "P1Y2M12D"),
        ("ixt-sec:duryear", "2.7", "P2Y8M12D"),
        ("ixt-sec:durmonth", "18", "P18M"),
        ("ixt-sec:durday", "30", "P30D"),
        ("ixt-sec:durwordsen", "three years and six months", "P3Y6M"),
        ("ixt-sec:durwordsen", "thirty-six months", "P36M"),
        ("ixt-sec:durwordsen", "soon", None),
        ("ixt-sec:stateprovnameen", "California", "CA"),
        ("ixt-sec:exchnameen", "The Nasdaq Stock Market LLC", "NASDAQ"),
        ("ixt-sec:entityfilercategoryen", "Large accelerated filer", "Large Accelerated Filer"),
        ("ixt-sec:boolballotbox", "☐", "false"),
        ("ixt:fixed-true", "anything", "true"),
        ("ixt:fixed-empty", "anything", ""),
    ],
)
def test_text_transformations(name: str, text: str, value: str | None) -> None:
    assert reread(text, numeric=False, name=name) == value
