"""SEC filings in inline XBRL (10-K, 10-Q, 8-K, 20-F …): text, sections and tagged facts."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Literal

from lxml import etree

from sftdata.errors import SourceError
from sftdata.part import Reader
from sftdata.readers.edgar_items import items_of
from sftdata.readers.edgar_sections import headings_of, notes_of, statements_of
from sftdata.readers.edgar_submission import Company, open_submission
from sftdata.readers.html_blocks import walk
from sftdata.readers.html_parse import parse_html
from sftdata.readers.html_render import Canonical, render
from sftdata.readers.ix_context import is_header, is_inline, read_header
from sftdata.readers.ix_facts import read_facts
from sftdata.types import Document, Fact, Key, Reject, Section, Source

__all__ = ["IxbrlReader"]

_NAMESPACE = re.compile(rb"http://www\.xbrl\.org/20\d\d/inlineXBRL")
_PERIOD_WORDS = {"10-K": "fiscal year ended", "10-Q": "quarter ended"}


class IxbrlReader(Reader):
    """Reads one inline-XBRL filing as one document.

    Why its own reader: exact offsets and exact values together are what makes a fact gold, and no
    library gives both. Every visible fact's range in the canonical text is what the filing prints
    for it, and re-reading that gives its value.

    Of an EDGAR full submission (`.txt`) the first inline-XBRL page is read, and the registrant's
    industry is taken from the SEC's header: metadata `sic` (`2834`) and `industry` (its words).
    """

    name: ClassVar[str] = "ixbrl"
    suffixes: ClassVar[tuple[str, ...]] = (".htm", ".html", ".xhtml")

    max_bytes: int = 100_000_000
    """Larger files are refused."""
    truncated: Literal["refuse", "keep"] = "refuse"
    """A file that breaks off: what a filing does *not* report cannot be told from it. `keep` reads
    the facts that are whole and notes `truncated` in the metadata."""

    @classmethod
    def sniff(cls, path: Path, head: bytes) -> float:
        """Return 0.95 for inline XBRL, 0.1 for other HTML, else 0."""
        if _NAMESPACE.search(head):
            return 0.95
        looks = re.search(rb"<html[\s>]|<!doctype html", head, re.IGNORECASE) is not None
        return 0.1 if looks or path.suffix.lower() in cls.suffixes else 0.0

    def read(self, path: Path) -> Iterator[Document | Reject]:
        """Yield the filing.

        Raises:
            SourceError: `empty_file`, `not_html`, `too_large`, `unsafe_dtd`,
                `unsupported_encoding`, `no_ixbrl_facts`, `damaged_html` or `truncated_html`.
        """
        size = path.stat().st_size
        if size > self.max_bytes:
            raise SourceError("too_large", f"{size} bytes, limit {self.max_bytes}")
        data = path.read_bytes()
        submission = open_submission(data)
        parsed = parse_html(submission.page(data, _NAMESPACE) if submission else data)
        if parsed.truncated and self.truncated == "refuse":
            raise SourceError("truncated_html", "the file breaks off before its end tag")
        open_at_end = _open_at_end(parsed.root) if parsed.truncated else set()
        found = walk(parsed.root, lambda e: is_inline(e) and e not in open_at_end, is_header)
        page = render(found.blocks)
        facts = read_facts(found.marked, found.invisible, page, read_header(parsed.root))
        _must_have_facts(facts, truncated=parsed.truncated)
        digest = hashlib.sha256(data).hexdigest()
        source = Source(path=str(path), sha256=digest, reader=self.name)
        flags = {"truncated": parsed.truncated, "recovered": parsed.recovered}
        cover = _Cover(facts)
        metadata = cover.metadata()
        metadata += _industry(submission.company(cover.cik)) if submission else ()
        metadata += tuple(Key(kind=flag, value="true") for flag, on in flags.items() if on)
        yield _document(page, facts, source, cover, metadata)


def _industry(company: Company) -> tuple[Key, ...]:
    found = (("sic", company.sic), ("industry", company.industry))
    return tuple(Key(kind=kind, value=value) for kind, value in found if value)


def _open_at_end(root: etree._Element) -> set[etree._Element]:
    """Return the elements that were open where the file broke off: their text is not whole."""
    path = set()
    at: etree._Element | None = root
    while at is not None:
        path.add(at)
        children = list(at.iterchildren(etree.Element, reversed=True))
        at = children[0] if children and not (children[0].tail or "").strip() else None
    return path


def _must_have_facts(facts: tuple[Fact, ...], *, truncated: bool) -> None:
    if not facts:
        raise SourceError("no_ixbrl_facts", "no inline-XBRL fact in the file")
    sound = sum(1 for fact in facts if not fact.attribute("invalid"))
    if truncated and sound < 0.9 * len(facts):
        raise SourceError("truncated_html", "the file breaks off and its facts are not consistent")


def _document(
    page: Canonical,
    facts: tuple[Fact, ...],
    source: Source,
    cover: _Cover,
    metadata: tuple[Key, ...],
) -> Document:
    return Document(
        document_id=cover.document_id(source.sha256),
        source=source,
        domain="finance",
        locale="en",
        title=cover.title(),
        published=None,
        text=page.text,
        kind=cover.form,
        sections=tuple(_sections(page, facts, cover.form)),
        facts=facts,
        keys=cover.keys(),
        metadata=metadata,
    )


def _sections(page: Canonical, facts: tuple[Fact, ...], form: str) -> list[Section]:
    items = items_of(page, form)
    statements = statements_of(page, facts)
    home = next((s for s in items if s.kind in ("item_8", "part_i_item_1")), None)
    if home is None or (statements and not home.start <= statements[0].start < home.end):
        home = _home_of(items, statements)
    notes = notes_of(page, home)
    outer = items + statements + notes
    if home is not None and home.kind == "item_15" and (statements or notes):
        inner = statements + notes
        outer.append(
            Section(
                title="Financial Statements",
                kind="item_8",
                level=2,
                start=min(s.start for s in inner),
                end=max(s.end for s in inner),
            )
        )
    found = outer + headings_of(page, outer)
    return sorted(found, key=lambda s: (s.start, -s.end, s.level))


def _home_of(items: list[Section], statements: list[Section]) -> Section | None:
    """Return the item that really holds the statements (Item 15 where Item 8 only points there)."""
    if not statements:
        return None
    at = statements[0].start
    return next((s for s in items if s.level == 1 and s.start <= at < s.end), None)


class _Cover:
    """What the cover facts (`dei`) say about the filing."""

    def __init__(self, facts: tuple[Fact, ...]) -> None:
        self._facts = [f for f in facts if f.name.startswith("dei:") and f.value]
        self.form = self.value("DocumentType")
        self.period_end = self._date("DocumentPeriodEndDate")
        self.name = self.value("EntityRegistrantName")
        cik = self.value("EntityCentralIndexKey") or next((f.entity for f in facts if f.entity), "")
        self.cik = cik.zfill(10) if cik.isascii() and cik.isdigit() else cik

    def value(self, concept: str) -> str:
        """Return a cover value, the undimensioned one first."""
        found = [f for f in self._facts if f.name == f"dei:{concept}"]
        found.sort(key=lambda f: len(f.dimensions))
        return " ".join((found[0].value or "").split()) if found else ""

    def _date(self, concept: str) -> str:
        value = self.value(concept)
        try:
            return dt.date.fromisoformat(value).isoformat() if value else ""
        except ValueError:
            return ""

    def document_id(self, sha256: str) -> str:
        """Return the readable id; the hash keeps amendments of one period apart."""
        parts = (self.cik, self.form.replace("/", "-"), self.period_end, sha256[:8])
        known = [re.sub(r"[^A-Za-z0-9.-]+", "-", part) for part in parts if part]
        return "-".join(["cik", *known] if self.cik else ["ixbrl", *known])

    def title(self) -> str:
        """Return `Apple Inc. 10-K for the fiscal year ended September 28, 2024`."""
        head = f"{self.name} {self.form}".strip() or "Inline XBRL filing"
        if not self.period_end:
            return head
        day = dt.date.fromisoformat(self.period_end)
        words = _PERIOD_WORDS.get(self.form[:4], "period ended")
        return f"{head} for the {words} {day:%B} {day.day}, {day.year}"

    def keys(self) -> tuple[Key, ...]:
        """Return cik, company name and tickers."""
        tickers = {
            (f.value or "").strip().upper() for f in self._facts if f.name == "dei:TradingSymbol"
        }
        found = [Key(kind="cik", value=self.cik), Key(kind="company_name", value=self.name)]
        found += [Key(kind="ticker", value=t) for t in sorted(tickers)]
        return tuple(k for k in found if k.value not in ("", "N/A", "NONE", "—", "–", "-"))

    def metadata(self) -> tuple[Key, ...]:
        """Return form, period end, fiscal year and period."""
        found = (
            ("form", self.form),
            ("period_end", self.period_end),
            ("fiscal_year", self.value("DocumentFiscalYearFocus")),
            ("fiscal_period", self.value("DocumentFiscalPeriodFocus")),
        )
        return tuple(Key(kind=kind, value=value) for kind, value in found if value)
