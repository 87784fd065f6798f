"""What a style attribute says that matters for plain text: emphasis, layout, visibility."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

__all__ = ["BLOCK_TAGS", "PLAIN", "SKIPPED_TAGS", "TAG_STYLE", "Style", "local_name", "parse_style"]

BLOCK_TAGS = frozenset(
    [
        "address",
        "article",
        "aside",
        "blockquote",
        "body",
        "center",
        "dd",
        "div",
        "dl",
        "dt",
        "fieldset",
        "figure",
        "footer",
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "li",
        "main",
        "nav",
        "ol",
        "p",
        "pre",
        "section",
        "table",
        "tbody",
        "td",
        "tfoot",
        "th",
        "thead",
        "tr",
        "ul",
        "caption",
        "html",
    ]
)
SKIPPED_TAGS = frozenset(
    ["script", "style", "head", "title", "noscript", "template", "iframe", "object", "svg"]
)


class Style(NamedTuple):
    """The few style properties that change how a page reads. `None`: not said, inherit."""

    bold: bool | None = None
    italic: bool | None = None
    underline: bool | None = None
    centre: bool | None = None
    hidden: bool = False
    display: str = ""
    indent: float = 0.0
    """Left padding or indent in points: row hierarchy, and the gap after a bullet."""
    gap: bool = False
    """White space above: a new paragraph rather than a new line."""
    break_before: bool = False
    break_after: bool = False
    superscript: bool = False
    symbols: bool = False
    """Set in a symbol font, where letters stand for ballot boxes and bullets."""


PLAIN = Style()

TAG_STYLE: dict[str, Style] = {
    "b": Style(bold=True),
    "strong": Style(bold=True),
    "i": Style(italic=True),
    "em": Style(italic=True),
    "u": Style(underline=True),
    "center": Style(centre=True),
    "sup": Style(superscript=True),
    "th": Style(bold=True),
    "p": Style(gap=True),
    **{f"h{n}": Style(bold=True, gap=True) for n in range(1, 7)},
}

_LENGTH = re.compile(r"(-?\d+(?:\.\d+)?)(pt|px|em|in|%)?")
_POINTS = {"pt": 1.0, "px": 0.75, "em": 10.0, "in": 72.0, "%": 4.0, None: 0.75}


@lru_cache(maxsize=8192)
def local_name(tag: str) -> str:
    """Return the lower-case name of a tag without namespace or prefix.

    >>> local_name("{http://www.w3.org/1999/xhtml}DIV"), local_name("ix:nonfraction")
    ('div', 'nonfraction')
    """
    return tag.rpartition("}")[2].rpartition(":")[2].lower()


@lru_cache(maxsize=8192)
def parse_style(style: str) -> Style:
    """Read one style attribute.

    >>> parse_style("font-weight:700;text-align:center").bold
    True
    """
    said: dict[str, str] = {}
    for part in style.lower().split(";"):
        name, _, value = part.partition(":")
        said[name.strip()] = value.strip()
    align = said.get("text-align", "")
    return Style(
        bold=_bold(said.get("font-weight", "")),
        italic=_flag(said.get("font-style", ""), "italic"),
        underline=True if "underline" in said.get("text-decoration", "") else None,
        centre=(align == "center") if align else None,
        hidden=said.get("display") == "none" or said.get("visibility") == "hidden",
        display=said.get("display", ""),
        indent=_indent(said),
        gap=_gap(said),
        break_before=said.get("page-break-before", said.get("break-before")) in ("always", "page"),
        break_after=said.get("page-break-after", said.get("break-after")) in ("always", "page"),
        superscript=_superscript(said),
        symbols="wingdings" in said.get("font-family", "") + said.get("font", ""),
    )


def _bold(weight: str) -> bool | None:
    if not weight:
        return None
    return weight in ("bold", "bolder") or (weight.isdigit() and int(weight) >= 600)


def _flag(value: str, on: str) -> bool | None:
    return None if not value else on in value


def _points(value: str) -> float:
    found = _LENGTH.match(value)
    return float(found.group(1)) * _POINTS[found.group(2)] if found else 0.0


def _sides(value: str) -> list[str]:
    parts = value.split()[:4]
    if not parts:
        return []
    top, right, bottom, left = (parts * 4)[:4] if len(parts) in (1, 2) else [*parts, parts[1]][:4]
    return [top, right, bottom, left]


def _indent(said: dict[str, str]) -> float:
    total = 0.0
    for box in ("padding", "margin"):
        sides = _sides(said.get(box, ""))
        total += _points(said.get(f"{box}-left", sides[3] if sides else ""))
    return total + _points(said.get("text-indent", ""))


def _gap(said: dict[str, str]) -> bool:
    for box in ("padding", "margin"):
        sides = _sides(said.get(box, ""))
        if _points(said.get(f"{box}-top", sides[0] if sides else "")) > 0:
            return True
    return False


def _superscript(said: dict[str, str]) -> bool:
    if said.get("vertical-align", "").startswith(("super", "text-top")):
        return True
    return said.get("position") == "relative" and said.get("top", "").startswith("-")
