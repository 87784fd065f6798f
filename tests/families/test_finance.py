"""What an analyst would ask of the finance samples: right figure, sign, unit and time, and proof."""

import json
import re
from dataclasses import replace
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest

from sftdata.families.display import short_name
from sftdata.families.draft import fact_key
from sftdata.families.evident import (
    all_tagged,
    is_evident,
    month_count,
    prose_parts,
    scale_shown,
    ways_to_date,
)
from sftdata.families.load import load_families
from sftdata.families.naming import bare_title, filing_words, is_named
from sftdata.families.shelf import Shelf
from sftdata.families.tables import read_table, table_parts
from sftdata.families.wording import amount, fill, time_words
from sftdata.quantities import find_dates, find_numbers
from sftdata.readers.ixbrl import IxbrlReader
from sftdata.stages.generate import generate
from sftdata.types import Document, Fact, Key, Sample, Section, Source

FILES = (
    "354950_10-Q_2023_July-30-2023_S_0000354950-23-000185.html",
    "1018724_10-Q_2023_June-30-2023_S_0001018724-23-000012.html",
    "1326380_10-K_2023_February-3_S_0001326380-24-000012.html",
)
ENTITIES = ("HOME DEPOT, INC.", "AMAZON.COM, INC.", "GameStop Corp.")


# ---- small filings, written here

MONTHS = ("December 31, 2023", "December 31, 2022")
YEARS = ("2023-01-01/2023-12-31", "2022-01-01/2022-12-31")
DAYS = ("2023-12-31", "2022-12-31")
ROWS = {
    "Net sales": ("us-gaap:Revenues", ("$ 5,310", "4,120")),
    "Cost of sales": ("us-gaap:CostOfRevenue", ("2,190", "1,987")),
    "Gross profit": ("us-gaap:GrossProfit", ("3,120", "2,133")),
    "Operating income": ("us-gaap:OperatingIncomeLoss", ("1,245", "978")),
    "Income tax expense": ("us-gaap:IncomeTaxExpenseBenefit", ("231", "(57)")),
    "Net income (loss)": ("us-gaap:NetIncomeLoss", ("$ 864", "$ (1,038)")),
    "Diluted earnings per share": ("us-gaap:EarningsPerShareDiluted", ("$ 1.40", "$ (1.71)")),
}


def _fact(text: str, place: int, cell: str, **given: object) -> Fact:
    """Return the fact of one cell: parentheses make it negative."""
    digits = re.search(r"[\d,.]+", cell)
    assert digits is not None
    start = text.index(cell, place) + digits.start()
    number = Decimal(digits[0].replace(",", "")) * (-1 if "(" in cell else 1)
    scale = 0 if given.get("unit") == "USD/shares" else 6
    value = number.scaleb(scale)
    return Fact(
        fact_id=f"f-{start}", kind="numeric", source="ixbrl", as_reported=digits[0],
        number=value, value=f"{value:f}", scale=scale, entity="7", start=start,
        end=start + len(digits[0]), **{"unit": "USD"} | given,
    )  # fmt: skip


def filing(
    rows: dict[str, tuple[str, tuple[str, ...]]],
    *,
    columns: tuple[str, ...] = MONTHS,
    periods: tuple[str, ...] = YEARS,
    caption: str = "STATEMENTS OF OPERATIONS (In millions, except per share amounts)",
    kind: str = "statement_income",
    before: str = "",
    after: str = "",
    year: tuple[str, str] = ("2023", "2023-12-31"),
) -> Document:
    """Return a 10-K whose only table has these rows; a row without a name is not tagged."""
    head = f"{before}\n\n{caption}\n\n".lstrip()
    width = len(columns)
    lines = ["| | " + " | ".join(columns) + " |", "| --- |" + " --- |" * width]
    lines += [f"| {label} | " + " | ".join(cells) + " |" for label, (_, cells) in rows.items()]
    text = head + "\n".join(lines) + f"\n\n{after}".rstrip()
    facts = []
    place = {"table_start": str(len(head))}
    at = len(head) + len(lines[0]) + len(lines[1]) + 2
    for line, (label, (name, cells)) in zip(lines[2:], rows.items(), strict=True):
        inside = at + len(label) + 3
        for cell, period, column in zip(cells, periods, columns, strict=True):
            if name and re.search(r"\d", cell):
                attributes = tuple(
                    Key(kind=k, value=v) for k, v in (place | {"column": column}).items()
                )
                fact = _fact(
                    text, inside, f"| {cell} |", name=name, label=label, period=period,
                    unit="USD/shares" if "per share" in label else "USD",
                    row_start=at, row_end=at + len(line), attributes=attributes,
                )  # fmt: skip
                facts.append(fact)
            inside = text.index("|", text.index(f"| {cell} |", inside) + 2)
        at += len(line) + 1
    number, end = year
    title = f"ACME CORP 10-K for the fiscal year ended {find_end(end)}"
    return Document(
        document_id="d", source=Source(path="d", sha256="0" * 64, reader="ixbrl"),
        domain="finance", locale="en", title=title, published=None, text=text, kind="10-K",
        sections=(Section(title="STATEMENTS (Unaudited)", kind=kind, level=2, start=0, end=len(text)),),
        facts=tuple(facts), keys=(Key(kind="company_name", value="ACME CORP"),),
        metadata=(Key(kind="form", value="10-K"), Key(kind="fiscal_year", value=number),
                  Key(kind="period_end", value=end), Key(kind="fiscal_period", value="FY")),
        group="g", split="train",
    )  # fmt: skip


def find_end(day: str) -> str:
    year, month, number = day.split("-")
    return f"{'January' if month == '01' else 'December'} {int(number)}, {year}"


def samples_of(doc: Document, *families: str, locale: str = "en") -> list[Sample]:
    known = known_families()
    chosen = [known[f"finance/{name}"] for name in families]
    return generate(Shelf(doc), chosen, known, locales=((locale, 1.0),), entities=ENTITIES)


@cache
def known_families():
    return load_families()


def said(sample: Sample) -> str:
    answer = json.loads(sample.answer)
    return answer.get("answer", "") or answer.get("text", "")


# ---- amounts and names


@pytest.mark.parametrize(
    ("printed", "unit", "scale", "en", "zh"),
    [
        ("1,136.0", "USD", 6, "$1,136.0 million", "11.36亿美元"),
        ("261.9", "USD", 6, "$261.9 million", "2.619亿美元"),
        ("85", "USD", 6, "$85 million", "8,500万美元"),
        ("2.90", "USD/shares", 0, "$2.90", "2.90美元"),
        ("10,383", "shares", 6, "10,383 million", "103.83亿股"),
        ("15,408,095", "shares", 3, "15,408,095,000", "15,408,095,000股"),
        ("24.0", "pure", -2, "24.0%", "24.0%"),
    ],
)
def test_an_amount_is_written_as_printed(printed, unit, scale, en, zh):
    number = Decimal(printed.replace(",", "")).scaleb(scale)
    fact = Fact(fact_id="f", name="n", label="l", kind="numeric", value=str(number), number=number,
                as_reported=printed, unit=unit, scale=scale)  # fmt: skip
    assert (amount(fact, "en"), amount(fact, "zh")) == (en, zh)


@pytest.mark.parametrize(
    ("registered", "said_as"),
    [
        ("Apple Inc.", "Apple"),
        ("Texas Instruments Incorporated", "Texas Instruments"),
        ("JPMorgan Chase & Co.", "JPMorgan Chase"),
        ("The Sherwin-Williams Company", "Sherwin-Williams"),
        ("Nestlé S.A.", "Nestlé"),
        ("WELLS FARGO & COMPANY/MN", "WELLS FARGO"),
        ("Corp", "Corp"),
    ],
)
def test_a_company_is_called_without_its_legal_form(registered, said_as):
    assert short_name(registered) == said_as


def test_possessives_titles_and_filings_are_written_as_people_write_them():
    assert (
        fill("{{ n | whose }} sales", "en", "t", n="Texas Instruments")
        == "Texas Instruments' sales"
    )
    assert fill("{{ n | whose }} sales", "en", "t", n="Apple") == "Apple's sales"
    shouted = "CONDENSED CONSOLIDATED STATEMENTS OF OPERATIONS (Unaudited)"
    assert bare_title(shouted) == "Condensed Consolidated Statements of Operations"
    doc = filing(ROWS)
    assert filing_words(doc, "en") == "Acme's 10-K for the fiscal year ended December 31, 2023"
    assert filing_words(doc, "zh") == "Acme 截至2023年12月31日止财政年度的 10-K "


# ---- what a row shows


@pytest.mark.parametrize(
    ("columns", "number", "ways"),
    [
        (MONTHS, "2023", {"day", "fiscal"}),
        (
            ("Year Ended December 31, 2023", "Year Ended December 31, 2022"),
            "2023",
            {"day", "fiscal"},
        ),
        (("Fiscal 2023", "Fiscal 2022"), "2023", {"day", "fiscal"}),
        (("2023", "2022"), "2023", {"day", "fiscal"}),
        (("This year", "Last year"), "2023", set()),
    ],
)
def test_a_column_tells_how_its_time_may_be_named(columns, number, ways):
    doc = filing(ROWS, columns=columns, year=(number, "2023-12-31"))
    earlier = next(f for f in doc.facts if f.period == YEARS[1])
    assert ways_to_date(doc, earlier) == ways


@pytest.mark.parametrize(
    ("columns", "ways"),
    [
        (("Fiscal 2022", "Fiscal 2021"), {"fiscal"}),
        (("January 29, 2023", "January 30, 2022"), {"day"}),
    ],
)
def test_a_year_that_ends_in_january_is_named_as_its_column_names_it(columns, ways):
    retail = ("2022-01-31/2023-01-29", "2021-02-01/2022-01-30")
    doc = filing(ROWS, columns=columns, periods=retail, year=("2022", "2023-01-29"))
    earlier = next(f for f in doc.facts if f.period == retail[1])
    assert ways_to_date(doc, earlier) == ways
    asked = {s.question for s in samples_of(doc, "single_fact")}
    assert asked
    wrong = "fiscal 20" if ways == {"day"} else "January 30, 2022"
    assert not any(wrong in q for q in asked)


@pytest.mark.parametrize(
    ("caption", "shown"),
    [
        ("(In millions, except per share data)", True),
        ("The components were as follows (dollars in millions):", True),
        ("(millions of dollars)", True),
        ("$ in millions", True),
        ("The components were as follows:", False),
        ("We serve millions of customers, as follows:", False),
        ("(in thousands)", False),
    ],
)
def test_figures_without_their_scale_are_no_proof(caption, shown):
    doc = filing(ROWS, caption=caption)
    fact = doc.facts[0]
    assert scale_shown(doc.text[: fact.row_end], fact) is shown
    asked = [s.question for s in samples_of(doc, "single_fact")]
    assert any("net sales" in q for q in asked) is shown
    assert any("per share" in q for q in asked)


def test_an_opening_balance_is_not_asked_for():
    rows = {
        "Balance at beginning of year": ("us-gaap:UnrecognizedTaxBenefits", ("3,242", "2,820")),
        "Gross unrecognized tax benefits": ("us-gaap:UnrecognizedTaxBenefits", ("4,002", "3,242")),
    }
    doc = filing(rows, periods=DAYS, kind="note")
    shelf = Shelf(doc)
    opening, *_, closing = doc.facts
    assert not is_evident(shelf, opening, shelf.passages[0])
    assert is_evident(shelf, closing, shelf.passages[0])


@pytest.mark.parametrize(
    ("label", "name", "named"),
    [
        ("Net sales", "us-gaap:Revenues", True),
        ("Cash and cash equivalents at end of period",
         "us-gaap:CashCashEquivalentsRestrictedCashAndRestrictedCashEquivalents", False),
        ("Cash, cash equivalents, and restricted cash, ending balances",
         "us-gaap:CashCashEquivalentsRestrictedCashAndRestrictedCashEquivalents", True),
        ("Depreciation and amortization, excluding amortization of intangible assets",
         "us-gaap:DepreciationDepletionAndAmortization", False),
        ("Shares: 2023 - 832; 2022 - 835", "us-gaap:TreasuryStockValue", False),
        ("Other income/(expense), net", "us-gaap:NonoperatingIncomeExpense", False),
    ],
)  # fmt: skip
def test_a_row_about_something_else_names_nothing(label, name, named):
    doc = filing({label: (name, ("5,310", "4,120"))})
    fact = replace(
        doc.facts[0],
        attributes=(*doc.facts[0].attributes, Key(kind="parent", value="Treasury stock")),
    )
    term = known_families()["finance/single_fact"].words.terms[name]
    assert is_named(doc, fact, term) is named


@pytest.mark.parametrize(
    ("period", "months"),
    [("2024-09-29/2024-12-28", 3), ("2023-01-29/2023-07-29", 6), ("2023-01-30/2024-01-28", 12),
     ("2023-02-22/2023-02-22", None), ("2023-07-29", None)],
)  # fmt: skip
def test_months_of_a_period(period, months):
    assert month_count(period) == months


# ---- tables


def _table(doc: Document):
    shelf = Shelf(doc)
    (passage,) = shelf.passages
    return read_table(shelf, passage, doc.facts)


def test_a_table_is_told_column_by_column_with_headings_dashes_and_blanks():
    rows = {
        "Cash": ("x:A", ("$ 25,061", "$ —", "$ 25,061")),
        "Level 1:": ("", ("", "", "")),
        "Money market funds": ("x:A", ("1,132", "(11)", "")),
        "Mutual funds": ("x:A", ("612", "81", "693")),
    }
    columns = ("Cost", "Unrealized Gains", "Fair Value")
    doc = filing(rows, columns=columns, periods=DAYS[:1] * 3, caption="Securities (in millions)")
    table = _table(doc)
    assert table is not None
    assert table["columns"] == list(columns)
    assert [(r["label"], r["unit"], r["values"]) for r in table["rows"]] == [
        ("Cash", "USD millions", ["25061", "0", "25061"]),
        ("Level 1:", None, []),
        ("Money market funds", "USD millions", ["1132", "-11", None]),
        ("Mutual funds", "USD millions", ["612", "81", "693"]),
    ]


@pytest.mark.parametrize(
    "change",
    [
        {"rows": ROWS | {"Store count": ("", ("1,012", "998"))}},
        {"caption": "Results were as follows:"},
        {"columns": ("2023", "2023")},
    ],
    ids=["a row without a tag", "no scale", "one heading for two columns"],
)
def test_a_table_that_cannot_be_told_in_full_is_left(change):
    given = {"rows": ROWS} | change
    assert _table(filing(given.pop("rows"), **given)) is None


def test_each_table_of_a_passage_goes_with_what_stands_over_it():
    doc = filing(
        ROWS,
        before="Revenue\n\nBy region (in millions):\n\n| | 2023 |\n| --- | --- |\n| Asia | 7 |",
    )
    shelf = Shelf(doc)
    first, second = table_parts(
        replace(shelf.passages[0], start=0, end=len(doc.text), text=doc.text)
    )
    assert first.text.startswith("Revenue")
    assert "Net sales" not in first.text
    assert second.text.startswith("STATEMENTS OF OPERATIONS")
    assert doc.text[second.start : second.end] == second.text


# ---- prose


def _prose(text: str, **given: object) -> Document:
    cell = re.search(r"\$[\d,.]+", text)
    assert cell is not None
    fact = _fact(text, 0, cell[0], name="us-gaap:LongTermDebt", label="", period=DAYS[0],
                 row_start=0, row_end=len(text), **given)  # fmt: skip
    return replace(filing(ROWS), text=text, facts=(fact,), sections=())


@pytest.mark.parametrize(
    ("text", "given", "whole"),
    [
        ("As of December 31, 2023, notes of $92 million were outstanding.", {}, True),
        ("As of December 31, 2023, notes of $92 million and loans of $7 million were due.", {}, False),
        ("As of December 31, 2023, notes of $92 million at 4.5% were outstanding.", {}, False),
        ("As of December 31, 2023, notes of less than $92 million were outstanding.", {}, False),
        ("At the last balance sheet date, notes of $92 million were outstanding.", {}, False),
        ("As of December 31, 2023, notes of $92 million were outstanding.\n\n| a | 1 |", {}, False),
        ("As of December 31, 2023, notes of $92 million were outstanding.",
         {"dimensions": (Key(kind="us-gaap:Axis", value="acme:OurOwnMember"),)}, False),
    ],
)  # fmt: skip
def test_prose_is_extracted_only_when_every_amount_is_tagged_and_dated(text, given, whole):
    doc = replace(_prose(text, **given), title="")
    shelf = Shelf(doc)
    passage = replace(shelf.whole(), heading="")
    assert all_tagged(shelf, passage, doc.facts) is whole


def test_a_paragraph_of_prose_stands_for_itself_beside_a_table():
    paragraph = "As of December 31, 2023, notes of $92 million were outstanding. " * 2
    text = (
        f"{paragraph}\n\n| a | 1 |\n\n(1) A footnote that is long enough to be a paragraph. "
        + "x" * 99
    )
    doc = _prose(text)
    shelf = Shelf(doc)
    assert [p.text for p in prose_parts(shelf, shelf.whole())] == [paragraph.strip()]


# ---- questions, answers and refusals


@pytest.mark.parametrize(("locale", "loss", "benefit"), [("en", "net loss", "income tax benefit"),
                                                        ("zh", "净亏损", "所得税收益")])  # fmt: skip
def test_a_loss_before_a_profit_is_called_a_loss(locale, loss, benefit):
    doc = filing(ROWS, kind="note")
    (digest,) = samples_of(doc, "note_digest", locale=locale)
    lines = said(digest).split("\n")
    assert any(loss in line and ("1,038" in line or "10.38亿" in line) for line in lines)
    assert any(benefit in line and ("57" in line or "5,700万" in line) for line in lines)
    summary = samples_of(filing(ROWS), "results_summary", locale=locale)
    assert summary
    assert all(loss in said(s) for s in summary)


def test_a_rate_moves_in_points():
    rows = ROWS | {
        "Effective tax rate": (
            "us-gaap:EffectiveIncomeTaxRateContinuingOperations",
            ("12.2", "12.8"),
        )
    }
    doc = filing(rows, kind="note")
    facts = [
        replace(f, unit="pure", scale=-2, number=Decimal(f.as_reported) / 100,
                value=str(Decimal(f.as_reported) / 100))
        if f.label == "Effective tax rate" else f
        for f in doc.facts
    ]  # fmt: skip
    (digest,) = samples_of(replace(doc, facts=tuple(facts)), "note_digest")
    assert "down 0.6 percentage points from 12.8%" in said(digest)


def test_a_false_premise_is_the_twins_question_turned_round():
    made = {s.sample_id: s for s in samples_of(filing(ROWS), "false_premise")}
    refusals = [s for s in made.values() if s.kind == "refusal"]
    assert refusals
    turned = {"increase": "decrease", "went up": "went down", "rise": "fall"}
    for refusal in refusals:
        twin = made[refusal.twin_of]
        question = twin.question
        for up, down in turned.items():
            question = question.replace(up, "\0").replace(down, up).replace("\0", down)
        assert question == refusal.question != twin.question
        assert refusal.phrasing == twin.phrasing
        assert refusal.context == twin.context


def test_a_period_refusal_tells_every_year_that_the_passages_give():
    rows = {"Income taxes paid": ("us-gaap:IncomeTaxesPaidNet", ("231", "(57)"))}
    refusals = [s for s in samples_of(filing(ROWS | rows), "wrong_period") if s.kind == "refusal"]
    assert refusals
    for refusal in refusals:
        assert "fiscal 2023" in said(refusal)
        assert "fiscal 2022" in said(refusal)
        assert "for for" not in said(refusal)


def test_no_loss_is_asked_of_another_company():
    rows = {"Net loss": ("us-gaap:NetIncomeLoss", ("$ (864)", "$ (1,038)"))}
    doc = filing(rows)
    assert samples_of(doc, "single_fact")
    assert not samples_of(doc, "wrong_company")


def test_nothing_that_can_be_worked_out_is_said_to_be_absent():
    terms = known_families()["finance/single_fact"].words.terms
    derived = {n for n, t in terms.items() if t.derived}
    sums = {
        "GrossProfit",
        "CostsAndExpenses",
        "Liabilities",
        "LongTermDebt",
        "OperatingLeaseLiability",
    }
    assert {f"us-gaap:{n}" for n in sums} <= derived
    labels = {t.en for n, t in terms.items() if n in derived}
    refusals = [s for s in samples_of(filing(ROWS), "absent_figure") if s.kind == "refusal"]
    assert refusals
    assert not any(re.search(rf"{re.escape(x)}\b", s.question) for s in refusals for x in labels
                   if x != "depreciation and amortization")  # fmt: skip


def test_every_term_has_its_negative_and_its_aliases_in_both_languages():
    for name, term in known_families()["finance/single_fact"].words.terms.items():
        assert set(term.negative) in (set(), {"en", "zh"}), name
        assert re.search(r"[\u4e00-\u9fff]", term.zh), name
        assert term.en == term.en.strip(), name
        assert "," not in term.en.removesuffix("excluding the current portion") or term.plural or (
            "selling, general" in term.en or "property, plant" in term.en or "cash, " in term.en
            or term.en.startswith("other ")
        ), name  # fmt: skip


# ---- laws over real filings


@pytest.fixture(scope="module")
def made(real_data: Path) -> tuple[dict[str, Document], list[Sample]]:
    """Return three filings and every finance sample of them, half of each language."""
    reader, known = IxbrlReader(), known_families()
    finance = [f for f in known.values() if f.domain == "finance"]
    docs, samples = {}, []
    for file in FILES:
        (doc,) = reader.read(real_data / "sec_ixbrl" / file)
        assert isinstance(doc, Document)
        docs[doc.document_id] = doc
        shares = (("en", 0.5), ("zh", 0.5))
        samples += generate(Shelf(doc), finance, known, locales=shares, entities=ENTITIES)
    return docs, samples


def _facts(docs: dict[str, Document], sample: Sample) -> list[Fact]:
    doc = docs[sample.document_ids[0]]
    wanted = set(sample.facts)
    return [f for f in doc.facts if f.start is not None and fact_key(f) in wanted]


@pytest.mark.real_data
def test_every_kind_is_made_in_both_languages(made):
    _, samples = made
    found = {(s.kind, s.locale) for s in samples}
    assert found == {(k, loc) for k in ("extraction", "writing", "evidence", "refusal")
                     for loc in ("en", "zh")}  # fmt: skip
    assert len(samples) > 400


@pytest.mark.real_data
def test_every_cited_row_prints_the_figure_and_its_passage_the_scale(made):
    docs, samples = made
    for sample in (s for s in samples if s.kind == "evidence"):
        quotes = [e.quote for e in sample.evidence]
        for fact in _facts(docs, sample):
            rows = [q for q in quotes if fact.as_reported in q]
            assert rows, sample.question
            if fact.scale == 6 and any(q.startswith("|") for q in rows):
                assert "millions" in sample.prompt[1].content


@pytest.mark.real_data
def test_every_day_that_a_question_names_can_be_read_in_its_prompt(made):
    _, samples = made
    for sample in (s for s in samples if s.kind in ("evidence", "writing")):
        user = sample.prompt[1].content
        context = user.replace(sample.question, "").replace(" | ", " ")
        for day in find_dates(sample.question):
            if day.precision == "day":
                month_day = f"{day.value:%B} {day.value.day}"
                assert month_day in context, sample.question
                assert str(day.value.year) in context, sample.question


@pytest.mark.real_data
def test_a_removed_figure_is_nowhere_in_the_context(made):
    docs, samples = made
    by_id = {s.sample_id: s for s in samples}
    removed = [s for s in samples if s.reason_code == "span_removed"]
    assert len(removed) > 40
    for refusal in removed:
        twin = by_id[refusal.twin_of]
        context = "\n".join(docs[p.document_id].text[p.start : p.end] for p in refusal.context)
        values = {abs(m.value) for m in find_numbers(context)}
        for fact in _facts(docs, twin)[:1]:
            printed = abs(fact.number).scaleb(-fact.scale)
            long = len(printed.normalize().as_tuple().digits) >= 3
            assert not (long and {abs(fact.number), printed} & values), refusal.question
        assert not any(e.quote in context for e in twin.evidence[:1])


@pytest.mark.real_data
def test_minimal_pairs_share_their_wording_and_where_they_can_their_context(made):
    _, samples = made
    by_id = {s.sample_id: s for s in samples}
    for refusal in (s for s in samples if s.kind == "refusal"):
        twin = by_id[refusal.twin_of]
        assert twin.kind == "evidence"
        assert refusal.locale == twin.locale
        assert refusal.prompt[0] == twin.prompt[0]
        if refusal.reason_code == "span_removed":
            assert refusal.question == twin.question
        else:
            assert refusal.context == twin.context
        if refusal.family != "finance/out_of_scope":
            assert refusal.phrasing == twin.phrasing


@pytest.mark.real_data
def test_a_negative_figure_is_never_told_by_its_positive_name(made):
    docs, samples = made
    terms = known_families()["finance/single_fact"].words.terms
    told = 0
    for sample in (s for s in samples if s.kind in ("evidence", "writing")):
        for fact in _facts(docs, sample):
            term = terms.get(fact.name)
            if term and fact.number is not None and fact.number < 0 and term.negative:
                assert term.negative[sample.locale].lower() in said(sample).lower()
                told += 1
    assert told > 10


@pytest.mark.real_data
def test_figures_of_a_digest_are_of_the_newest_period(made):
    docs, samples = made
    digests = [s for s in samples if s.family == "finance/note_digest"]
    assert digests
    for sample in digests:
        last = docs[sample.document_ids[0]].meta("period_end")
        by_name: dict[str, set[str]] = {}
        for fact in _facts(docs, sample):
            by_name.setdefault(fact.name, set()).add(fact.period.split("/")[-1])
        assert all(last in ends for ends in by_name.values())


@pytest.mark.real_data
def test_every_cell_of_a_table_answer_stands_in_its_line(made):
    docs, samples = made
    tables = [s for s in samples if s.family in ("finance/statement_table", "finance/note_table")]
    assert len(tables) > 20
    for sample in tables:
        (part,) = sample.context
        lines = docs[part.document_id].text[part.start : part.end].split("\n")
        answer = json.loads(sample.answer)
        place = 0
        for row in answer["rows"]:
            at = next(
                i for i in range(place, len(lines)) if lines[i].startswith(f"| {row['label']} |")
            )
            cells = [c.replace(",", "") for c in lines[at].split("|")[2:-1]]
            assert len(row["values"]) in (0, len(answer["columns"]))
            found = [v for v in row["values"] if v not in (None, "0")]
            filled = [c for c in cells if re.search(r"\d", c)]
            assert len(filled) == len([v for v in row["values"] if v is not None and v != "0"]) or (
                "0" in row["values"]
            )
            for value, cell in zip(found, filled, strict=False):
                assert value.lstrip("-") in cell
                assert value.startswith("-") == ("(" in cell)
            place = at + 1


@pytest.mark.real_data
def test_extracted_prose_reports_nothing_else(made):
    docs, samples = made
    lists = [s for s in samples if s.family == "finance/reported_facts"]
    assert len(lists) > 10
    for sample in lists:
        (part,) = sample.context
        text = docs[part.document_id].text[part.start : part.end]
        answer = json.loads(sample.answer)["facts"]
        values = {abs(Decimal(f["value"])) for f in answer}
        money = {abs(m.value) for m in find_numbers(text) if m.currency}
        assert money <= values, text
        assert all(f["members"] is None or f["members"].strip() for f in answer)


_SHOUTED = re.compile(r"\b[A-Z]{4,}(?:[ ,]+(?:[A-Z]{2,}))+\b")
_DOUBLED = re.compile(
    r"\b(for|as|of|the|at|in|from|per|share|on)\b \1\b|for as of|for at the|\.\.|  ", re.IGNORECASE
)


@pytest.mark.real_data
def test_nothing_is_shouted_doubled_or_left_over(made):
    _, samples = made
    for sample in (s for s in samples if s.kind != "extraction"):
        answer = json.loads(sample.answer)
        own = sample.family == "finance/risk_outline"  # in the filing's own words
        texts = [sample.question, *answer.get("needed", [])] + ([] if own else [said(sample)])
        for text in texts:
            assert not _SHOUTED.search(text), text
            assert not _DOUBLED.search(text), text
            assert "百万" not in text
            assert "每股收益为每股" not in text
            assert not re.search(r"\{\{|\}\}|None|'s's", text)


@pytest.mark.real_data
def test_wordings_of_questions_are_used_for_answers_and_refusals_alike(made):
    """No wording of an evidence family that refusals share tells by itself which it is."""
    _, samples = made
    counts: dict[tuple[str, str], list[int]] = {}
    known = known_families()
    for sample in samples:
        family = known[sample.family]
        if sample.family != "finance/out_of_scope" and sample.kind in ("evidence", "refusal"):
            pair = counts.setdefault((family.of or family.id, sample.phrasing), [0, 0])
            pair[sample.kind == "refusal"] += 1
    used = {key: pair for key, pair in counts.items() if sum(pair) >= 12}
    assert len(used) > 10
    for key, (answered, refused) in used.items():
        assert answered, key
        assert refused, key
        assert 0.2 <= refused / (answered + refused) <= 0.8, key


@pytest.mark.real_data
def test_time_is_named_by_day_and_by_fiscal_year_on_both_sides(made):
    _, samples = made
    share = {}
    for kind in ("evidence", "refusal"):
        asked = [s.question for s in samples if s.kind == kind and re.search(r"\d{4}", s.question)]
        fiscal = [q for q in asked if re.search(r"fiscal \d{4}|\d{4}财年", q)]
        share[kind] = len(fiscal) / len(asked)
    assert abs(share["evidence"] - share["refusal"]) < 0.2


def test_a_moved_time_keeps_its_form():
    doc = filing(ROWS)
    fact = doc.facts[0]
    assert time_words(fact, doc, "en", labelled=True) == "for fiscal 2023"
    assert time_words(fact, doc, "en", shift=-2) == "for fiscal 2021"
    assert time_words(fact, doc, "zh", shift=1) == "2024财年"
    balance = replace(fact, period=DAYS[0])
    assert time_words(balance, doc, "en", labelled=True) == "at the end of fiscal 2023"
