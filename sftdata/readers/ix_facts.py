"""Marked elements and the canonical text to `Fact`s, with the law held at birth.

Each value is computed twice: from the element as the specification says, and by re-reading what
stands in the canonical text. Where the two differ the fact keeps its value and loses its place, so
that it can never be the target of a sample.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from lxml import etree

from sftdata.readers.html_render import Canonical
from sftdata.readers.html_style import local_name
from sftdata.readers.ix_context import Context, Header, attribute, is_fact, is_inline
from sftdata.readers.ix_places import Places
from sftdata.readers.ix_transforms import is_known, reread
from sftdata.types import Fact, Key

__all__ = ["read_facts"]

_NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"
_ISO_DATE = re.compile(r"(?:19|20)\d\d-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])")
_BOOLEAN_FORMATS = ("fixed-true", "fixed-false", "booleantrue", "booleanfalse", "boolballotbox")
_MAX_CHAIN = 1000


@dataclass(frozen=True, slots=True)
class _Tag:
    """What one fact's element says about itself."""

    element: etree._Element
    name: str
    numeric: bool
    format: str
    sign: str
    scale: int | None
    nil: bool


@dataclass(frozen=True, slots=True)
class _Reading:
    """A value, its place, and the reasons (attributes) why a value is missing."""

    as_reported: str
    value: str | None
    start: int | None = None
    end: int | None = None
    problems: tuple[Key, ...] = ()


def read_facts(
    marked: list[etree._Element],
    invisible: list[etree._Element],
    page: Canonical,
    header: Header,
) -> tuple[Fact, ...]:
    """Return every fact of a page: the visible ones in reading order, then the invisible ones.

    Args:
        marked: Element `n` carries mark `n` of `page`.
        invisible: Facts in parts that are not shown; they get no place.
        page: The canonical text and its offsets.
        header: Contexts, units and continuations.
    """
    reader = _FactReader(marked, page, header)
    facts = [reader.read(element) for element in marked if is_fact(element)]
    facts += [reader.read(element) for element in invisible if is_fact(element)]
    return tuple(_with_unique_ids(facts))


class _FactReader:
    def __init__(self, marked: list[etree._Element], page: Canonical, header: Header) -> None:
        self._mark_of = {element: n for n, element in enumerate(marked)}
        self._page = page
        self._header = header
        self._places = Places(page)

    def read(self, element: etree._Element) -> Fact:
        tag = _tag(element)
        context = self._header.contexts.get(attribute(element, "contextRef"))
        unit = self._header.units.get(attribute(element, "unitRef")) if tag.numeric else None
        reading = self._checked(tag, context, unit)
        kind = _kind(tag, reading.value)
        attributes = [
            Key(kind=name, value=value)
            for name, value in (
                ("format", tag.format),
                ("sign", tag.sign),
                ("context", attribute(element, "contextRef")),
            )
            if value
        ]
        attributes += reading.problems
        row, label = (reading.start, reading.end), ""
        if reading.start is not None and reading.end is not None and kind != "text_block":
            place = self._places.of(reading.start, reading.end)
            row, label = (place.start, place.end), place.label
            attributes += place.attributes
        known = kind == "numeric" and reading.value is not None
        return Fact(
            fact_id=attribute(element, "id"),
            name=tag.name,
            label=label,
            kind=kind,
            value=reading.value,
            as_reported=reading.as_reported,
            number=Decimal(reading.value) if known and reading.value else None,
            unit=unit or None,
            scale=tag.scale or 0,
            decimals=attribute(element, "decimals") or None,
            period=context.period if context else None,
            entity=context.entity if context else None,
            dimensions=context.dimensions if context else (),
            start=reading.start,
            end=reading.end,
            row_start=row[0],
            row_end=row[1],
            source="ixbrl",
            attributes=tuple(attributes),
        )

    def _checked(self, tag: _Tag, context: Context | None, unit: str | None) -> _Reading:
        problems = _problems(tag, context, unit)
        parts = list(self._chain(tag.element))
        raw = " ".join(" ".join(_own_text(p).split()) for p in parts).strip()
        span = self._span(parts)
        shown = self._page.text[span[0] : span[1]] if span else self._apart(parts, raw)
        if problems or tag.nil:
            value = None
        else:
            value = _value(tag, shown if not tag.numeric and not tag.format else raw)
            if value is None:
                problems = (Key(kind="invalid", value="unreadable_value"),)
        if span and value is not None and _value(tag, shown) != value:
            return _Reading(raw, value, problems=problems)
        if span is None:
            return _Reading(shown, value, problems=problems)
        return _Reading(shown, value, span[0], span[1], problems)

    def _chain(self, element: etree._Element) -> Iterator[etree._Element]:
        """Yield an element and its continuations, in order; a circle ends where it closes."""
        seen: set[str] = set()
        at: etree._Element | None = element
        while at is not None and len(seen) < _MAX_CHAIN:
            yield at
            following = attribute(at, "continuedAt")
            if not following or following in seen:
                return
            seen.add(following)
            at = self._header.continuations.get(following)

    def _apart(self, parts: list[etree._Element], raw: str) -> str:
        """Return the text of parts that do not stand together; `raw` where one is hidden."""
        pieces = []
        for part in parts:
            mark = self._mark_of.get(part, -1)
            start, end = self._page.starts.get(mark), self._page.ends.get(mark)
            if start is None or end is None or next(_excluded(part), None) is not None:
                return raw
            pieces.append(self._page.text[start:end])
        return "\n\n".join(pieces)

    def _span(self, parts: list[etree._Element]) -> tuple[int, int] | None:
        """Return the range of all parts when nothing but white space stands between them."""
        page = self._page
        found: tuple[int, int] | None = None
        for part in parts:
            mark = self._mark_of.get(part)
            if mark is None or next(_excluded(part), None) is not None:
                return None
            start, end = page.starts.get(mark), page.ends.get(mark)
            if start is None or end is None:
                if _own_text(part).strip():
                    return None
                continue
            if found and (start < found[1] or page.text[found[1] : start].strip()):
                return None
            found = (found[0] if found else start, end)
        return found


def _tag(element: etree._Element) -> _Tag:
    scale = attribute(element, "scale") or "0"
    return _Tag(
        element,
        name=attribute(element, "name"),
        numeric=local_name(element.tag) != "nonnumeric",
        format=_format(element),
        sign=attribute(element, "sign"),
        scale=int(scale) if re.fullmatch(r"[+-]?\d{1,3}", scale, re.ASCII) else None,
        nil=(element.get(_NIL) or element.get("xsi:nil") or "").strip() in ("true", "1"),
    )


def _format(element: etree._Element) -> str:
    """Return the transformation with its registry's usual prefix, whatever the page binds."""
    prefix, colon, name = attribute(element, "format").rpartition(":")
    if not name:
        return ""
    namespace = (element.nsmap.get(prefix) or "") if colon else ""
    if "sec.gov/inlineXBRL" in namespace:
        return f"ixt-sec:{name}"
    if "xbrl.org/inlineXBRL/transformation" in namespace:
        return f"ixt:{name}"
    return f"{prefix}:{name}"


def _problems(tag: _Tag, context: Context | None, unit: str | None) -> tuple[Key, ...]:
    found = []
    if tag.format and not (tag.format.startswith("ixt") and is_known(tag.format)):
        found.append(Key(kind="transform_unknown", value=tag.format))
    if context is None:
        found.append(Key(kind="invalid", value="missing_context"))
    if tag.numeric and not unit:
        found.append(Key(kind="invalid", value="missing_unit"))
    if tag.scale is None or local_name(tag.element.tag) == "fraction":
        found.append(Key(kind="invalid", value="unreadable_value"))
    return tuple(found)


def _value(tag: _Tag, text: str) -> str | None:
    if tag.name.endswith("TextBlock"):
        return text
    return reread(text, numeric=tag.numeric, name=tag.format, scale=tag.scale or 0, sign=tag.sign)


def _kind(tag: _Tag, value: str | None) -> str:
    if tag.numeric:
        return "numeric"
    if tag.name.endswith("TextBlock"):
        return "text_block"
    if tag.format.rpartition(":")[2] in _BOOLEAN_FORMATS:
        return "boolean"
    if value in ("true", "false") and not tag.format:
        return "boolean"
    return "date" if value and _ISO_DATE.fullmatch(value) else "text"


def _excluded(element: etree._Element) -> Iterator[etree._Element]:
    for inner in element.iter(etree.Element):
        if inner is not element and local_name(inner.tag) == "exclude" and is_inline(inner):
            yield inner


def _own_text(element: etree._Element) -> str:
    """Return an element's text without what `ix:exclude` takes out."""
    gone = {part for outer in _excluded(element) for part in outer.iter()}
    if not gone:
        return "".join(map(str, element.itertext(etree.Element)))
    pieces = []
    for node in element.iter():
        if isinstance(node.tag, str) and node not in gone and node.text:
            pieces.append(node.text)
        # The tail of an excluded element itself is outside of it.
        inside = node in gone and node.getparent() in gone
        if node is not element and not inside and node.tail:
            pieces.append(node.tail)
    return "".join(pieces)


def _with_unique_ids(facts: list[Fact]) -> Iterator[Fact]:
    """Give facts without an id, or with one that is taken, a stable id of their own."""
    seen: set[str] = set()
    for n, fact in enumerate(facts):
        name = fact.fact_id
        if not name or name in seen:
            name = f"{name or 'fact'}-{n}"
        seen.add(name)
        yield fact if name == fact.fact_id else dataclasses.replace(fact, fact_id=name)
