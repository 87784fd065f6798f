"""EDGAR full submissions: what the SEC's header says of the filers, and the filing's own page.

A full submission (`0001213900-25-032135.txt`) is an SGML wrapper around every file of a filing.
Its header names an industry (SIC), which no page inside states.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from itertools import pairwise

__all__ = ["Company", "Submission", "open_submission"]

_HEADER = re.compile(rb"<(?:SEC|IMS)-HEADER>")
_HEADER_END = re.compile(rb"</(?:SEC|IMS)-HEADER>|^<DOCUMENT>", re.MULTILINE)
_PAGE = re.compile(rb"<(?:html|\?xml|DOCUMENT)[\s>]", re.IGNORECASE)
_FILE = re.compile(rb"^<DOCUMENT>[ \t]*\r?$", re.MULTILINE)
_TEXT = re.compile(rb"^<TEXT>", re.MULTILINE)
_TEXT_END = re.compile(rb"^</TEXT>", re.MULTILINE)
_CODE = re.compile(r"[0-9]{3,4}")
_FIRST = 65_536
"""The header begins within so many bytes; mail headers may stand before it."""
_LONGEST = 1_048_576
"""A header of hundreds of co-registrants is smaller than this."""


@dataclass(frozen=True, slots=True)
class Company:
    """A company of the header: its ten-digit CIK, the four digits of its SIC, and their words."""

    cik: str
    sic: str = ""
    industry: str = ""


@dataclass(frozen=True, slots=True)
class Submission:
    """The companies of a header, in its order, and where the files of the submission stand."""

    companies: tuple[Company, ...]
    files: tuple[tuple[int, int], ...]
    """Byte ranges of the contents of `<TEXT>`."""

    def page(self, data: bytes, holds: re.Pattern[bytes]) -> bytes:
        """Return the first file in which a pattern occurs; the whole submission if none has it."""
        for start, end in self.files:
            if holds.search(data, start, end):
                return data[start:end]
        return data

    def company(self, cik: str) -> Company:
        """Return the company with this CIK; for a CIK that is not named, the first company."""
        first = self.companies[0] if self.companies else Company("")
        return next((c for c in self.companies if c.cik == cik), first)


def open_submission(data: bytes) -> Submission | None:
    """Return what a full submission is made of; None where the file is none.

    Lines of the header are `NAME: value`. A company begins at its `CENTRAL INDEX KEY`; its
    industry stands as `STANDARD INDUSTRIAL CLASSIFICATION: NAME [1234]`. `0000` is the SEC's word
    for unknown.

    >>> found = open_submission(b'''<SEC-HEADER>
    ... FILER:
    ...   COMPANY DATA:
    ...     CENTRAL INDEX KEY:  0000001234
    ...     STANDARD INDUSTRIAL CLASSIFICATION:  ELECTRONIC COMPUTERS [3571]
    ... </SEC-HEADER>
    ... ''')
    >>> found.companies
    (Company(cik='0000001234', sic='3571', industry='ELECTRONIC COMPUTERS'),)
    """
    head = _HEADER.search(data, 0, _FIRST)
    page = _PAGE.search(data, 0, _FIRST)
    if head is None or (page is not None and page.start() < head.start()):
        return None
    end = _HEADER_END.search(data, head.end(), head.end() + _LONGEST)
    stop = end.start() if end else head.end() + _LONGEST
    companies = _companies(data[head.end() : stop].decode("utf-8", "replace"))
    return Submission(companies, _files(data, stop))


def _companies(header: str) -> tuple[Company, ...]:
    found: list[Company] = []
    for line in header.splitlines():
        name, _, value = line.partition(":")
        name, value = name.strip(), html.unescape(value.strip())
        if name == "CENTRAL INDEX KEY":
            found.append(Company(value.zfill(10)))
        elif name == "STANDARD INDUSTRIAL CLASSIFICATION" and found:
            words, _, code = value.removesuffix("]").rpartition("[")
            if _CODE.fullmatch(code) and int(code):
                words = " ".join(words.split())
                found[-1] = Company(found[-1].cik, code.zfill(4), words)
    return tuple(found)


def _files(data: bytes, start: int) -> tuple[tuple[int, int], ...]:
    """Return the contents of every `<TEXT>`; of a file that breaks off, up to where it does."""
    begins = [m.start() for m in _FILE.finditer(data, start)]
    found = []
    for at, until in pairwise([*begins, len(data)]):
        text = _TEXT.search(data, at, until)
        if text is not None:
            end = _TEXT_END.search(data, text.end(), until)
            found.append((text.end(), end.start() if end else until))
    return tuple(found)
