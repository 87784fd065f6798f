"""Notes that a FHIR record carries: attachments and Composition sections, as canonical text."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lxml import etree, html

from sftdata.readers.clinical_text import canonical
from sftdata.readers.fhir_bundle import Bundle, Resource, clean, dig, first
from sftdata.readers.fhir_records import concept, iso_date

__all__ = ["Note", "NoteProblem", "html_text", "notes_of"]

_MAX_NOTE_BYTES = 5_000_000
_BREAKS = {"p", "div", "br", "li", "tr", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "table"}
_DROPPED = {"script", "style", "head", "title"}
_VOID = {"entered-in-error", "cancelled", "superseded", "registered"}


@dataclass(frozen=True, slots=True)
class Note:
    """One narrative: its text, and what the resource says about it."""

    key: str
    encounter: str
    date: str
    title: str
    text: str
    narrative_status: str = ""


@dataclass(frozen=True, slots=True)
class NoteProblem:
    """A narrative that cannot be read, by reason."""

    reason: str
    detail: str = ""


def _walk(node: Any, parts: list[str]) -> None:
    """Collect text in reading order, without recursion: deep markup must not end the run."""
    for event, item in etree.iterwalk(node, events=("start", "end")):
        tag = item.tag if isinstance(item.tag, str) else ""
        inside = any(a.tag in _DROPPED for a in item.iterancestors() if isinstance(a.tag, str))
        if event == "start":
            if tag in _BREAKS:
                parts.append("\n")
            if tag in ("td", "th"):
                parts.append("\x1f")
            if tag and tag not in _DROPPED and not inside and item.text:
                parts.append(" ".join(f" {item.text} ".split(" ")).replace("\n", " "))
            continue
        if tag in _BREAKS and tag != "br":
            parts.append("\n")
        if item is not node and item.tail and not inside:
            parts.append(item.tail.replace("\n", " "))


def html_text(markup: bytes | str) -> str:
    r"""Return the text of HTML or an XHTML narrative; table rows become pipe rows.

    >>> html_text("<div><b>Dx</b><table><tr><td>HTN</td><td>active</td></tr></table></div>")
    'Dx\n| HTN | active |'
    """
    parser = html.HTMLParser(no_network=True, remove_comments=True, remove_pis=True)
    try:
        root = html.document_fromstring(markup, parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError, ValueError):
        return ""
    parts: list[str] = []
    _walk(root, parts)
    lines: list[str] = []
    for line in "".join(parts).split("\n"):
        cells = [" ".join(c.split()).replace("|", "/") for c in line.split("\x1f")]
        if len(cells) > 1:
            lines.append("| " + " | ".join(c for c in cells[1:]) + " |")
        elif cells[0]:
            lines.append(cells[0])
    return canonical("\n".join(lines))


def _attachment(value: Resource) -> str | NoteProblem:
    kind, _, parameters = clean(value.get("contentType"), 100).lower().partition(";")
    data = value.get("data")
    if not isinstance(data, str) or not data:
        return NoteProblem("attachment_not_embedded", "only a url, no data")
    if kind.strip() not in ("text/plain", "text/html", "application/xhtml+xml"):
        return NoteProblem("unsupported_attachment", f"content type {kind.strip()[:40] or 'none'}")
    if len(data) > _MAX_NOTE_BYTES:
        return NoteProblem("attachment_too_large", f"{len(data)} base64 characters")
    try:
        raw = base64.b64decode("".join(data.split()), validate=True)
    except (binascii.Error, ValueError):
        return NoteProblem("broken_attachment", "data is not base64")
    charset = re.search(r"charset=\"?([\w-]+)", parameters)
    for encoding in (charset[1] if charset else "utf-8", "utf-8-sig", "gb18030"):
        try:
            text = raw.decode(encoding).lstrip("\ufeff")
        except (UnicodeDecodeError, LookupError):
            continue
        return canonical(text) if kind.strip() == "text/plain" else html_text(text)
    return NoteProblem("broken_attachment", "text is in no known encoding")


def _sections(value: Any, depth: int = 0) -> Iterator[tuple[str, str, str]]:
    """Yield title, text and narrative status of Composition sections, nested ones too."""
    for section in value if isinstance(value, list) and depth < 8 else []:
        if not isinstance(section, dict):
            continue
        narrative = first(section.get("text"))
        div = narrative.get("div")
        text = html_text(div) if isinstance(div, str) else ""
        title = clean(section.get("title"), 120) or clean(dig(section, "code", "coding", "display"))
        if text:
            yield title, text, clean(narrative.get("status"), 20)
        yield from _sections(section.get("section"), depth + 1)


def _composition(resource: Resource) -> tuple[str, str]:
    parts: list[str] = []
    statuses: list[str] = []
    for title, text, status in _sections(resource.get("section")):
        body = text.removeprefix(title).lstrip(" :\n") if title else text
        parts.append(f"{title.upper()}:\n{body}" if title else body)
        statuses.append(status)
    return canonical("\n\n".join(parts)), ",".join(dict.fromkeys(s for s in statuses if s))


def _carried(resource: Resource) -> Iterator[Resource]:
    kind = resource.get("resourceType")
    if kind == "DocumentReference":
        listed = resource.get("content")
        for content in listed if isinstance(listed, list) else []:
            yield first(dig(content, "attachment"))
    elif kind == "DiagnosticReport":
        listed = resource.get("presentedForm")
        for form in listed if isinstance(listed, list) else []:
            yield first(form)


def notes_of(resource: Resource, bundle: Bundle) -> Iterator[Note | NoteProblem]:
    """Yield the narratives of one resource; what cannot be read is a `NoteProblem`."""
    if clean(resource.get("status"), 40) in _VOID:
        return
    kind = str(resource.get("resourceType"))
    key = f"{kind}/{clean(resource.get('id'), 80)}"
    linked = resource.get("encounter") or dig(resource, "context", "encounter")
    encounter = bundle.key_of(linked, resource) if linked else ""
    when = (
        iso_date(resource.get("date"))
        or iso_date(resource.get("effectiveDateTime"))
        or iso_date(resource.get("issued"))
    )
    named = concept(resource.get("type") or resource.get("code"))
    title = clean(resource.get("title"), 120) or (named.charted if named else "")
    if kind == "Composition":
        text, status = _composition(resource)
        if text:
            yield Note(key, encounter, when, title, text, status)
        return
    for attachment in _carried(resource):
        found = _attachment(attachment)
        if isinstance(found, NoteProblem):
            yield found
        elif found:
            yield Note(key, encounter, when, clean(attachment.get("title"), 120) or title, found)
        else:
            yield NoteProblem("empty_text", "the attachment holds no text")
