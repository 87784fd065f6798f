"""Puts one filing together: cover page, table of contents, items, statements, notes, signatures."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from generator import cover
from generator.layout import BREAK, look_of
from generator.markup import block, curl, notes, sections
from generator.model import Company, Interim
from generator.sheet import Sheet
from generator.show import day
from generator.tags import NAMESPACES, Tagger, during

TEXT = Path(__file__).parent / "text"
CYBERSECURITY_SINCE = "2023-12-15"

ANNUAL = (
    ("PART I", ""),
    ("item1", "Item 1. | Business"),
    ("item1a", "Item 1A. | Risk Factors"),
    ("item1b", "Item 1B. | Unresolved Staff Comments"),
    ("item1c", "Item 1C. | Cybersecurity"),
    ("item2", "Item 2. | Properties"),
    ("item3", "Item 3. | Legal Proceedings"),
    ("item4", "Item 4. | Mine Safety Disclosures"),
    ("PART II", ""),
    (
        "item5",
        "Item 5. | Market for Registrant’s Common Equity, Related Stockholder Matters and Issuer Purchases of Equity Securities",
    ),
    ("item6", "Item 6. | [Reserved]"),
    (
        "item7",
        "Item 7. | Management’s Discussion and Analysis of Financial Condition and Results of Operations",
    ),
    ("item7a", "Item 7A. | Quantitative and Qualitative Disclosures About Market Risk"),
    ("item8", "Item 8. | Financial Statements and Supplementary Data"),
    (
        "item9",
        "Item 9. | Changes in and Disagreements with Accountants on Accounting and Financial Disclosure",
    ),
    ("item9a", "Item 9A. | Controls and Procedures"),
    ("item9b", "Item 9B. | Other Information"),
    ("item9c", "Item 9C. | Disclosure Regarding Foreign Jurisdictions that Prevent Inspections"),
    ("PART III", ""),
    ("item10", "Item 10. | Directors, Executive Officers and Corporate Governance"),
    ("item11", "Item 11. | Executive Compensation"),
    (
        "item12",
        "Item 12. | Security Ownership of Certain Beneficial Owners and Management and Related Stockholder Matters",
    ),
    (
        "item13",
        "Item 13. | Certain Relationships and Related Transactions, and Director Independence",
    ),
    ("item14", "Item 14. | Principal Accountant Fees and Services"),
    ("PART IV", ""),
    ("item15", "Item 15. | Exhibit and Financial Statement Schedules"),
    ("item16", "Item 16. | Form 10-K Summary"),
)
QUARTERLY = (
    ("PART I. FINANCIAL INFORMATION", ""),
    ("item8", "Item 1. | Financial Statements (Unaudited)"),
    (
        "item7",
        "Item 2. | Management’s Discussion and Analysis of Financial Condition and Results of Operations",
    ),
    ("item7a", "Item 3. | Quantitative and Qualitative Disclosures About Market Risk"),
    ("item9a", "Item 4. | Controls and Procedures"),
    ("PART II. OTHER INFORMATION", ""),
    ("item3", "Item 1. | Legal Proceedings"),
    ("item1a", "Item 1A. | Risk Factors"),
    ("item5", "Item 2. | Unregistered Sales of Equity Securities and Use of Proceeds"),
    ("item9b", "Item 5. | Other Information"),
    ("item15", "Item 6. | Exhibits"),
)
BREAK_BEFORE = {"item1", "item1a", "item1b", "item5", "item7", "item8", "item9a", "item15"}
STATEMENTS = (
    ("balance", "CONSOLIDATED BALANCE SHEETS"),
    ("income", "CONSOLIDATED STATEMENTS OF OPERATIONS"),
    ("comprehensive", "CONSOLIDATED STATEMENTS OF COMPREHENSIVE INCOME"),
    ("equity", "CONSOLIDATED STATEMENTS OF STOCKHOLDERS’ EQUITY"),
    ("cashflow", "CONSOLIDATED STATEMENTS OF CASH FLOWS"),
)


@dataclass(slots=True)
class Filing:
    """One 10-K or 10-Q in the making."""

    company: Company
    year: int
    interim: Interim | None = None

    def write(self) -> tuple[str, bytes]:
        """Return the file name and the bytes of the filing."""
        company = self.company
        tagger = Tagger(company)
        look = look_of(company.look)
        sheet = Sheet(company, tagger, look, self.year, self.interim)
        main = sheet.main
        tagger.context(during(main))
        front = cover.page(sheet)
        for concept, value in cover.hidden(sheet):
            tagger.hide(concept, value, during(main))
        body = "".join(self._body(sheet))
        text = front + BREAK + self._contents(body) + BREAK + body
        stem = f"{company.ticker.lower()}-{main.end:%Y%m%d}"
        page = self._wrap(tagger, self._pages(text), stem)
        form = "10q" if self.interim else "10k"
        encoding = "ascii" if look.spans else "utf-8"
        return f"{stem}_{form}.htm", page.encode(encoding, "xmlcharrefreplace")

    def _anchor(self, name: str) -> str:
        digest = hashlib.sha256(f"{self.company.ticker}{self.year}".encode()).hexdigest()
        return f"i{digest[:16]}_{name}"

    def _prose(self, sheet: Sheet) -> dict[str, list[str]]:
        env = Environment(
            loader=FileSystemLoader(TEXT),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            autoescape=False,
        )
        company, interim = self.company, self.interim
        first = self.year == company.years[2]
        name = f"{company.ticker.lower()}{'_q' if interim else ''}.md"
        return sections(
            env.get_template(name).render(
                T=sheet.tagged, M=sheet.money, chg=sheet.change, delta=sheet.delta, moved=sheet.moved, ratio=sheet.ratio, X=sheet.fact, W=sheet.words,
                term=sheet.term, table=sheet.table, grid=sheet.grid, value=sheet.value, c=company, f=company.facts, fy=self.year, day=day,
                first=first, y=lambda a, b: a if first else b, end=sheet.main.end, sheet=sheet, cover=company.covers.get(self.year), interim=interim,
            )
        )  # fmt: skip

    def _items(self) -> tuple[tuple[str, str], ...]:
        if self.interim:
            return QUARTERLY
        end = self.company.period(str(self.year)).end.isoformat()
        return tuple(i for i in ANNUAL if i[0] != "item1c" or end >= CYBERSECURITY_SINCE)

    def _body(self, sheet: Sheet) -> Iterator[str]:
        prose, look = self._prose(sheet), sheet.look
        yield "".join(block(b, look) for b in prose.get("forward", []))
        for name, title in self._items():
            if not title:
                yield look.centre(name)
                continue
            yield BREAK if name in BREAK_BEFORE else ""
            number, _, words = title.partition(" | ")
            yield f'<div id="{self._anchor(name)}"></div>'
            yield look.head(
                f"{number}{'&#160;&#160;&#160;&#160;' if look.spans else ' '}{words}", 1
            )
            if name == "item8":
                yield from self._statements(sheet, prose)
            else:
                yield "".join(block(b, look) for b in prose[name])
        yield BREAK
        yield from self._signatures(sheet)

    def _statements(self, sheet: Sheet, prose: dict[str, list[str]]) -> Iterator[str]:
        look = sheet.look
        for text in prose.get("item8", []):
            yield block(text, look)
        for name, title in STATEMENTS:
            if name not in self.company.statements or (self.interim and name == "equity"):
                continue
            yield BREAK
            heading = self.company.look.get(f"title_{name}", title)
            yield look.centre(curl(self.company.name.upper())) + look.centre(
                ("CONDENSED " if self.interim else "") + heading
            )
            yield look.centre(
                self.company.look["caption"] + (" (Unaudited)" if self.interim else ""), bold=False
            )
            yield sheet.equity() if name == "equity" else sheet.table(name)
            yield look.centre(
                "See accompanying notes to consolidated financial statements.", bold=False
            )
        yield BREAK
        yield look.centre(
            ("NOTES TO CONDENSED" if self.interim else "NOTES TO")
            + " CONSOLIDATED FINANCIAL STATEMENTS"
        )
        yield notes(prose["notes"], look, sheet.tagger, during(sheet.main))

    def _signatures(self, sheet: Sheet) -> Iterator[str]:
        look, facts = sheet.look, self.company.facts
        filed = self.interim.filed if self.interim else self.company.covers[self.year].filed
        yield look.centre("SIGNATURES")
        yield look.para(
            "Pursuant to the requirements of "
            + (
                "the Securities Exchange Act of 1934"
                if self.interim
                else "Section 13 or 15(d) of the Securities Exchange Act of 1934"
            )
            + ", the registrant has duly caused this report to be signed on its behalf by the undersigned, thereunto duly authorized."
        )
        yield look.para(f"<b>{curl(self.company.name.upper())}</b>")
        officers = [facts["ceo"], facts["cfo"], facts["cao"]]
        people = officers[1:2] if self.interim else officers + facts["directors"].split("; ")
        for person in people:
            who, _, title = person.partition(", ")
            yield look.para(
                f"Date: {day(filed)}&#160;&#160;&#160;/s/ {who}<br/>{who}<br/><i>{title or 'Director'}</i>",
                style="text-align:left",
            )

    def _contents(self, body: str) -> str:
        look = look_of(self.company.look)
        rows = []
        for name, title in self._items():
            if not title:
                rows.append(
                    f'<tr><td colspan="3" style="text-align:center"><b>{name}</b></td></tr>'
                )
                continue
            number, _, words = title.partition(" | ")
            anchor = self._anchor(name)
            page = 3 + body[: body.index(f'id="{anchor}"')].count(BREAK)
            cells = f'<td style="width:12%;vertical-align:top"><a href="#{anchor}">{number}</a></td><td><a href="#{anchor}">{words}</a></td>'
            rows.append(
                f'<tr>{cells}<td style="width:6%;text-align:right"><a href="#{anchor}">{page}</a></td></tr>'
            )
        table = f'<table style="width:100%;font-family:{look.font};font-size:{look.size}">{"".join(rows)}</table>'
        return (
            f'<div id="{self._anchor("toc")}"></div>'
            + look.centre("TABLE OF CONTENTS")
            + f"<div>{table}</div>"
        )

    def _pages(self, text: str) -> str:
        look = look_of(self.company.look)
        kind = f"{self.year} Form {'10-Q' if self.interim else '10-K'}"
        pieces = text.split(BREAK)
        out = [pieces[0]]
        for number, piece in enumerate(pieces[1:], 1):
            foot = f"{curl(self.company.name)} | {kind} | {number}" if look.spans else str(number)
            head = (
                ""
                if look.spans
                else f'<p style="margin:0;font:8pt {look.font}"><a href="#{self._anchor("toc")}">Table of Contents</a></p>'
            )
            out.append(
                f'<div style="text-align:center;font-size:8pt">{foot}</div>{BREAK}{head}{piece}'
            )
        return "".join(out)

    def _wrap(self, tagger: Tagger, text: str, stem: str) -> str:
        taxonomy = str(min(self.company.period(str(self.year)).end.year, 2024))
        spaces = dict(NAMESPACES)
        spaces["xmlns:dei"] = f"http://xbrl.sec.gov/dei/{taxonomy}"
        spaces["xmlns:us-gaap"] = f"http://fasb.org/us-gaap/{taxonomy}"
        spaces["xmlns:srt"] = f"http://fasb.org/srt/{taxonomy}"
        spaces[f"xmlns:{self.company.slug}"] = (
            f"http://www.{self.company.slug}.example/{stem.rpartition('-')[2]}"
        )
        root = " ".join(f'{k}="{v}"' for k, v in spaces.items())
        declaration = (
            "<?xml version='1.0' encoding='ASCII'?>"
            if look_of(self.company.look).spans
            else '<?xml version="1.0" encoding="utf-8"?>'
        )
        notice = "<!-- SYNTHETIC EXAMPLE: company, people and figures are invented; see examples/finance/README.md -->"
        look = look_of(self.company.look)
        style = (
            f' style="font-family:{look.font},sans-serif;font-size:{look.size}"'
            if look.spans
            else ""
        )
        html = f'{declaration}\n{notice}\n<html {root} xml:lang="en-US"><head><meta http-equiv="Content-Type" content="text/html"/><title>{stem}</title></head><body{style}>{tagger.header(stem + ".xsd")}'
        return (
            re.sub(r"(</(?:div|p|tr|table|xbrli:context)>)", r"\1\n", html + text)
            + "</body></html>\n"
        )
