"""Bytes of an (X)HTML file to an element tree, safely.

Filings come as strict XHTML, as tag soup, cut off half way, with text before the XML declaration,
and now and then with malice. Here is the one place that decides what is let in: no entity
declarations, no network, a size ceiling, and a known character encoding.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html.entities import name2codepoint

from lxml import etree

from sftdata.errors import SourceError

__all__ = ["Parsed", "parse_html"]

_DECLARED = re.compile(rb"""<\?xml[^>]{0,200}encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})""")
_META = re.compile(rb"""<meta[^>]{0,200}charset\s*=\s*["']?([A-Za-z0-9._-]{1,40})""", re.IGNORECASE)
_SAFE_ENCODING = re.compile(
    r"utf-?8|(us-)?ascii|iso-?8859-?\d+|latin-?1|windows-125\d|cp125\d|gb2312|gbk|gb18030"
    r"|big5(-hkscs)?|shift_jis|euc-(jp|kr)|utf-?16(le|be)?",
    re.IGNORECASE,
)
_ENTITY_DECLARATION = re.compile(r"<!\s*ENTITY", re.IGNORECASE)
_NAMED = re.compile(r"&([A-Za-z][A-Za-z0-9]{1,31});")
_XML_NAMES = frozenset({"amp", "lt", "gt", "quot", "apos"})
_ROOT = re.compile(r"<\?xml\b|<!DOCTYPE\s+html|<html[\s>]", re.IGNORECASE)
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")
_KEPT = 0.9
"""Share of the tagged elements that a recovered page must still have."""
_MAGIC = {b"PK\x03\x04": "a zip archive", b"%PDF": "a PDF", b"\x1f\x8b": "a gzip archive"}


@dataclass(frozen=True, slots=True)
class Parsed:
    """A parsed page: its root, whether the file broke off, whether it needed repair."""

    root: etree._Element
    truncated: bool
    recovered: bool


def parse_html(data: bytes) -> Parsed:
    """Return the element tree of an (X)HTML file: strict XML first, recovery after.

    Why in this order: only strict XML keeps namespaces and case for certain, and a recovered tree
    may have lost text, so it is used only where there is nothing better.

    Args:
        data: The file's bytes.

    Raises:
        SourceError: `empty_file`, `not_html`, `unsafe_dtd`, `unsupported_encoding`,
            `damaged_html`.

    >>> parse_html(b"<html><body><p>a&nbsp;b</p></body></html>").truncated
    False
    """
    _refuse_other_formats(data)
    text = _decode(data)
    if _ENTITY_DECLARATION.search(text):
        raise SourceError("unsafe_dtd", "the file declares entities")
    body = _cut_to_root(text)
    truncated = "</html>" not in body[-65_536:].lower()
    raw = _NAMED.sub(_numeric_reference, body).encode("utf-8", "replace")
    root = _strict(raw) if not truncated else None
    if root is not None:
        return Parsed(root, truncated, recovered=False)
    root = _recovered(_CONTROL.sub(" ", raw.decode("utf-8")).encode("utf-8"))
    return Parsed(root, truncated, recovered=True)


def _refuse_other_formats(data: bytes) -> None:
    if not data.strip():
        raise SourceError("empty_file", "the file holds no bytes")
    for magic, what in _MAGIC.items():
        if data.startswith(magic):
            raise SourceError("not_html", f"the file is {what}")
    head = data[:4096]
    if not head.startswith((b"\xff\xfe", b"\xfe\xff")) and head.count(0) > len(head) // 16:
        raise SourceError("not_html", "the file is binary")


def _decode(data: bytes) -> str:
    """Decode here, not in libxml2: what is searched for entities must be what is parsed."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    head = data[:8192]
    found = _DECLARED.search(head) or _META.search(head)
    encoding = found.group(1).decode("ascii").lower() if found else "utf-8"
    if not _SAFE_ENCODING.fullmatch(encoding):
        raise SourceError("unsupported_encoding", "the declared character encoding is not accepted")
    if encoding in ("ascii", "us-ascii") or encoding.startswith("utf"):
        # Declared ASCII often holds UTF-8; UTF-16 without a byte order mark is not UTF-16 here.
        encoding = "utf-8"
    elif encoding in ("iso-8859-1", "latin-1", "latin1"):
        encoding = "cp1252"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return data.decode("cp1252" if encoding == "utf-8" else encoding, "replace")


def _cut_to_root(text: str) -> str:
    """Drop what stands before the page (mail headers, SGML wrappers) and after its last end tag."""
    text = text.lstrip("\ufeff")
    found = _ROOT.search(text[:1_000_000])
    if not found:
        raise SourceError("not_html", "no <html> element in the first million characters")
    body = text[found.start() :]
    end = body.lower().rfind("</html>", max(0, len(body) - 4_000_000))
    return body[: end + 7] if end > 0 else body


def _numeric_reference(match: re.Match[str]) -> str:
    name = match.group(1)
    if name in _XML_NAMES or name not in name2codepoint:
        return match.group(0)
    return f"&#{name2codepoint[name]};"


def _strict(raw: bytes) -> etree._Element | None:
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, huge_tree=True, load_dtd=False, encoding="utf-8"
    )
    try:
        return etree.fromstring(raw, parser)
    except etree.XMLSyntaxError:
        return None


def _recovered(raw: bytes) -> etree._Element:
    """Return the better of recovered XML and HTML: the one that kept more tagged elements."""
    xml = etree.fromstring(
        raw,
        etree.XMLParser(
            resolve_entities=False,
            no_network=True,
            huge_tree=True,
            load_dtd=False,
            recover=True,
            encoding="utf-8",
        ),
    )
    expected = raw.count(b"<ix:non")
    if xml is not None and expected and _tagged(xml) >= expected:
        return xml
    # libxml2 takes an XML declaration in HTML for text.
    stripped = re.sub(rb"^\s*<\?xml[^>]*\?>", b"", raw)
    html = etree.fromstring(
        stripped, etree.HTMLParser(no_network=True, huge_tree=True, recover=True, encoding="utf-8")
    )
    found = [root for root in (xml, html) if root is not None]
    if not found:
        raise SourceError("not_html", "no element can be read")
    best = max(found, key=lambda root: (_tagged(root), root is html))
    if _tagged(best) < _KEPT * expected:
        raise SourceError("damaged_html", "too many of the tagged elements cannot be read")
    return best


def _tagged(root: etree._Element) -> int:
    return sum(
        1
        for element in root.iter(etree.Element)
        if "}non" in str(element.tag) or str(element.tag).lower().startswith("ix:non")
    )
