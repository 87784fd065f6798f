"""EDGAR full submissions: the header's industry, and the page that is read out of the wrapper."""

from pathlib import Path

import pytest
from documents import filing

from sftdata.errors import SourceError
from sftdata.readers.edgar_submission import Company, open_submission
from sftdata.readers.ixbrl import IxbrlReader
from sftdata.registry import readers
from sftdata.types import Document

HEADER = """-----BEGIN PRIVACY-ENHANCED MESSAGE-----
Proc-Type: 2001,MIC-CLEAR

<SEC-DOCUMENT>0000000000-25-000001.txt : 20250415
<SEC-HEADER>0000000000-25-000001.hdr.sgml : 20250415
ACCESSION NUMBER:\t\t0000000000-25-000001
CONFORMED SUBMISSION TYPE:\t10-K

{filers}</SEC-HEADER>
"""
FILER = """FILER:

\tCOMPANY DATA:\t
\t\tCOMPANY CONFORMED NAME:\t\t\t{name}
\t\tCENTRAL INDEX KEY:\t\t\t{cik}
{sic}\t\tFISCAL YEAR END:\t\t\t1231

"""
SIC = "\t\tSTANDARD INDUSTRIAL CLASSIFICATION:\t{}\n"
FILE = "<DOCUMENT>\n<TYPE>{kind}\n<SEQUENCE>1\n<FILENAME>{name}\n<TEXT>\n{text}\n</TEXT>\n</DOCUMENT>\n"


def filer(cik, industry="", name="ACME CORP"):
    return FILER.format(name=name, cik=cik, sic=SIC.format(industry) if industry else "")


def submission(*filers, files=()):
    inside = "".join(FILE.format(kind=k, name=n, text=t) for k, n, t in files)
    return (HEADER.format(filers="".join(filers)) + inside + "</SEC-DOCUMENT>\n").encode()


def companies(industry):
    return open_submission(submission(filer("0000001234", industry))).companies


@pytest.mark.parametrize(
    ("said", "sic", "words"),
    [
        ("PHARMACEUTICAL PREPARATIONS [2834]", "2834", "PHARMACEUTICAL PREPARATIONS"),
        (
            "SEMICONDUCTORS &amp; RELATED  DEVICES [3674]",
            "3674",
            "SEMICONDUCTORS & RELATED DEVICES",
        ),
        ("AGRICULTURAL PRODUCTION-CROPS [100]", "0100", "AGRICULTURAL PRODUCTION-CROPS"),
        ("PLASTICS [RESINS] [2821]", "2821", "PLASTICS [RESINS]"),
        ("[6770]", "6770", ""),
        ("UNKNOWN SIC - 0000 [0000]", "", ""),
        ("NO CODE", "", ""),
        ("[]", "", ""),
        ("ODD [28341]", "", ""),
    ],
)
def test_the_industry_as_headers_write_it(said, sic, words):
    assert companies(said) == (Company("0000001234", sic, words),)


def test_what_is_no_submission():
    assert open_submission(b"") is None
    assert open_submission(filing(1, 2024).encode()) is None
    quoted = b"<html><body><p>&lt;SEC-HEADER> <SEC-HEADER> CENTRAL INDEX KEY: 1</p></body></html>"
    assert open_submission(quoted) is None


def read(path: Path, data: bytes) -> Document:
    path.write_bytes(data)
    (document,) = IxbrlReader().read(path)
    assert isinstance(document, Document)
    return document


def test_the_page_is_read_as_if_it_stood_alone(tmp_path):
    page = filing(1, 2024)
    alone = read(tmp_path / "alone.htm", page.encode())
    files = (
        ("EX-99", "letter.htm", "<html><body><p>Dear shareholders, fiscal 1999.</p></body></html>"),
        ("10-K", "acme.htm", f"<XBRL>\n{page}</XBRL>"),
        ("GRAPHIC", "logo.jpg", "begin 644 logo.jpg\nM_]C_X  02D9)\nend"),
        ("XML", "R1.htm", "<html><body><p>Cover page of the viewer</p></body></html>"),
    )
    cik = alone.key_values("cik")[0]
    head = filer(cik, "ELECTRONIC COMPUTERS [3571]")
    inside = read(tmp_path / "whole.txt", submission(head, files=files))
    assert inside.text == alone.text
    assert inside.facts == alone.facts
    assert inside.sections == alone.sections
    assert (inside.meta("sic"), inside.meta("industry")) == ("3571", "ELECTRONIC COMPUTERS")
    assert inside.meta("recovered") == inside.meta("truncated") == ""
    assert {m.kind for m in inside.metadata} - {m.kind for m in alone.metadata} == {
        "sic",
        "industry",
    }


def test_of_co_registrants_the_one_on_the_cover_counts(tmp_path):
    page = filing(1, 2024)
    cik = read(tmp_path / "alone.htm", page.encode()).key_values("cik")[0]
    parent = filer("0000000007", "STATE COMMERCIAL BANKS [6022]", "PARENT")
    files = (("10-K", "acme.htm", page),)

    def sic(*filers):
        return read(tmp_path / "x.txt", submission(*filers, files=files)).meta("sic")

    assert sic(parent, filer(cik, "ELECTRONIC COMPUTERS [3571]")) == "3571"
    assert sic(parent, filer(cik.lstrip("0"), "ELECTRONIC COMPUTERS [3571]")) == "3571"
    # Whose industry is not stated has none; the parent's is another one.
    assert sic(parent, filer(cik)) == ""
    assert sic(parent) == "6022"
    assert sic() == ""


def test_a_page_that_breaks_off_is_noticed_inside_a_submission(tmp_path):
    """The other files of the submission end as they should, and once hid what was missing."""
    page = filing(1, 2024)
    files = (
        ("10-K", "acme.htm", page[: len(page) * 2 // 3]),
        ("XML", "R1.htm", "<html><body><p>viewer</p></body></html>"),
    )
    with pytest.raises(SourceError, match="truncated_html"):
        read(tmp_path / "x.txt", submission(filer("1"), files=files))


def test_a_submission_without_an_inline_page_is_rejected_with_a_reason(tmp_path):
    files = (("8-K", "a.htm", "<html><body><p>Plain.</p></body></html>"),)
    with pytest.raises(SourceError, match="no_ixbrl_facts"):
        read(tmp_path / "x.txt", submission(filer("1"), files=files))


def test_a_hostile_header_costs_little():
    line = b"\t" * 200_000 + b"STANDARD INDUSTRIAL CLASSIFICATION:" + b"[" * 200_000 + b"\n"
    data = b"<SEC-HEADER>\nCENTRAL INDEX KEY: 1\n" + line * 3 + b"<DOCUMENT>\n" * 20_000
    found = open_submission(data)
    assert found.companies == (Company("0000000001"),)
    assert found.files == ()


@pytest.mark.real_data
def test_a_real_submission(real_data, tmp_path):
    (path,) = (real_data / "sec_submission_sgml").glob("0001213900-25-032135.txt")
    data = path.read_bytes()
    assert readers.get("ixbrl").sniff(path, data[:65_536]) > readers.get("notes").sniff(
        path, data[:65_536]
    )
    document = read(tmp_path / path.name, data)
    assert document.meta("sic") == "2834"
    assert document.meta("industry") == "PHARMACEUTICAL PREPARATIONS"
    assert document.meta("recovered") == ""
    assert "Date of Report (Date of earliest event reported): April 15, 2025" in document.text
    # The press release and the viewer's pages are other files of the submission.
    first, last = data.index(b"<html"), data.index(b"</html>") + len(b"</html>")
    alone = read(tmp_path / "page.htm", data[first:last])
    assert (document.text, document.facts) == (alone.text, alone.facts)
