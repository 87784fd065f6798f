"""Contexts and units of an inline-XBRL page: who, when, which segment, in what unit."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date, timedelta

from lxml import etree

from sftdata.readers.html_style import local_name
from sftdata.types import Key

__all__ = ["Context", "Header", "attribute", "is_fact", "is_header", "is_inline", "read_header"]

_INLINE = re.compile(r"\{http://www\.xbrl\.org/20\d\d/inlineXBRL\}")
_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)(T\d\d:\d\d(?::\d\d)?)?")


@dataclass(frozen=True, slots=True)
class Context:
    """One `xbrli:context`: entity, period (ISO, end inclusive) and dimensions."""

    entity: str
    period: str | None
    dimensions: tuple[Key, ...] = ()


@dataclass(slots=True)
class Header:
    """What the page's resources say: contexts and units by id, continuations by id."""

    contexts: dict[str, Context] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    continuations: dict[str, etree._Element] = field(default_factory=dict)


def is_inline(element: etree._Element) -> bool:
    """Return whether an element is of the inline-XBRL namespace (or was, before recovery)."""
    tag = element.tag
    return isinstance(tag, str) and (_INLINE.match(tag) is not None or tag[:3].lower() == "ix:")


def is_fact(element: etree._Element) -> bool:
    """Return whether an element reports a value."""
    return is_inline(element) and local_name(element.tag) in (
        "nonfraction",
        "nonnumeric",
        "fraction",
    )


def is_header(element: etree._Element) -> bool:
    """Return whether an element holds the page's resources and hidden facts."""
    return local_name(element.tag) == "header" and is_inline(element)


def attribute(element: etree._Element, name: str) -> str:
    """Return an attribute's value, also where an HTML parser has put its name in lower case."""
    value = element.get(name)
    return (value if value is not None else element.get(name.lower()) or "").strip()


def read_header(root: etree._Element) -> Header:
    """Collect contexts, units and continuations of a page."""
    header = Header()
    for element in root.iter(etree.Element):
        name = local_name(element.tag)
        if name == "context":
            header.contexts.setdefault(element.get("id", ""), _context(element))
        elif name == "unit":
            header.units.setdefault(element.get("id", ""), _unit(element))
        elif name == "continuation" and is_inline(element):
            header.continuations.setdefault(element.get("id", ""), element)
    return header


def _text(element: etree._Element | None) -> str:
    return "" if element is None else " ".join("".join(map(str, element.itertext())).split())


def _find(element: etree._Element, name: str) -> etree._Element | None:
    wanted = name.lower()
    return next((e for e in element.iter(etree.Element) if local_name(e.tag) == wanted), None)


def _context(element: etree._Element) -> Context:
    entity = _text(_find(element, "identifier"))
    if entity.isascii() and entity.isdigit():
        entity = entity.zfill(10)
    dimensions = []
    for member in element.iter(etree.Element):
        name = local_name(member.tag)
        if name in ("explicitmember", "typedmember"):
            value = _text(member)
            dimensions.append(Key(kind=member.get("dimension", ""), value=value))
    return Context(entity, _period(element), tuple(sorted(dimensions, key=lambda k: k.kind)))


def _period(element: etree._Element) -> str | None:
    instant = _find(element, "instant")
    if instant is not None:
        return _day(_text(instant), closes=True)
    start = _day(_text(_find(element, "startDate")), closes=False)
    end = _day(_text(_find(element, "endDate")), closes=True)
    return f"{start}/{end}" if start and end else None


def _day(text: str, *, closes: bool) -> str | None:
    """Return an ISO date; a period that closes at 00:00 has closed the day before."""
    found = _DATE.match(text)
    if not found:
        return None
    try:
        day = date(int(found.group(1)), int(found.group(2)), int(found.group(3)))
    except ValueError:
        return None
    if closes and (found.group(4) or "").startswith("T00:00"):
        day -= timedelta(days=1)
    return day.isoformat()


def _unit(element: etree._Element) -> str:
    divide = _find(element, "divide")
    if divide is None:
        return _measures(element)
    over, under = _find(divide, "unitNumerator"), _find(divide, "unitDenominator")
    if over is None or under is None:
        return ""
    return f"{_measures(over)}/{_measures(under)}"


def _measures(element: etree._Element) -> str:
    found = [_text(e) for e in element.iter(etree.Element) if local_name(e.tag) == "measure"]
    return "*".join(m.rpartition(":")[2] for m in found)
