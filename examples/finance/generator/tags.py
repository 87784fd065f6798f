"""Inline XBRL: contexts, units and facts, written as the large filing agents write them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from generator.model import Company, Dims, Period

When = tuple[str, date, date]

NAMESPACES = {
    "xmlns": "http://www.w3.org/1999/xhtml",
    "xmlns:ix": "http://www.xbrl.org/2013/inlineXBRL",
    "xmlns:ixt": "http://www.xbrl.org/inlineXBRL/transformation/2020-02-12",
    "xmlns:ixt-sec": "http://www.sec.gov/inlineXBRL/transformation/2015-08-31",
    "xmlns:xbrli": "http://www.xbrl.org/2003/instance",
    "xmlns:xbrldi": "http://xbrl.org/2006/xbrldi",
    "xmlns:iso4217": "http://www.xbrl.org/2003/iso4217",
    "xmlns:link": "http://www.xbrl.org/2003/linkbase",
    "xmlns:xlink": "http://www.w3.org/1999/xlink",
    "xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance",
}
UNITS = {
    "usd": "<xbrli:measure>iso4217:USD</xbrli:measure>",
    "shares": "<xbrli:measure>xbrli:shares</xbrli:measure>",
    "usdPerShare": "<xbrli:divide><xbrli:unitNumerator><xbrli:measure>iso4217:USD</xbrli:measure></xbrli:unitNumerator>"
    "<xbrli:unitDenominator><xbrli:measure>xbrli:shares</xbrli:measure></xbrli:unitDenominator></xbrli:divide>",
    "number": "<xbrli:measure>xbrli:pure</xbrli:measure>",
}


def during(period: Period) -> When:
    """Return the duration of a period."""
    return ("d", period.start, period.end)


def at(day: date) -> When:
    """Return an instant."""
    return ("i", day, day)


@dataclass(slots=True)
class Tagger:
    """Hands out fact tags and remembers the contexts and units they need."""

    company: Company
    contexts: dict[tuple[When, Dims], str] = field(default_factory=dict)
    units: dict[str, None] = field(default_factory=dict)
    hidden: list[str] = field(default_factory=list)
    count: int = 0

    def context(self, when: When, dims: Dims = ()) -> str:
        """Return the id of the context, new or known."""
        key = (when, tuple(sorted(dims)))
        if key not in self.contexts:
            self.contexts[key] = self._name(key)
        return self.contexts[key]

    def _name(self, key: tuple[When, Dims]) -> str:
        if self.company.look["contexts"] == "short":
            return f"c-{len(self.contexts) + 1}"
        (kind, start, end), dims = key
        name = f"AsOf{end:%m_%d_%Y}" if kind == "i" else f"From{start:%m_%d_%Y}To{end:%m_%d_%Y}"
        return "_".join([name, *(m.replace(":", "-") for _, m in dims)])

    def _id(self) -> str:
        self.count += 1
        return (
            f"f-{self.count}"
            if self.company.look["contexts"] == "short"
            else f"Fact{self.count:06d}"
        )

    def concept(self, name: str) -> str:
        """Return the qualified concept name; the company's own names start with a colon."""
        if name.startswith(":"):
            return f"{self.company.slug}{name}"
        return name if ":" in name else f"us-gaap:{name}"

    def number(
        self,
        concept: str,
        value: int | Decimal,
        text: str,
        *,
        when: When,
        unit: str,
        scale: int = 0,
        decimals: str = "INF",
        dims: Dims = (),
    ) -> str:
        """Return a tagged number. `text` is what stands on the page, `value` gives the sign."""
        self.units[unit] = None
        parts = [
            f'unitRef="{unit}" contextRef="{self.context(when, self.dims(dims))}" decimals="{decimals}" name="{self.concept(concept)}"'
        ]
        if text in {"—", "-"}:
            parts.append('format="ixt:fixed-zero"')
        else:
            parts.append('format="ixt:num-dot-decimal"')
        if scale:
            parts.append(f'scale="{scale}"')
        if value < 0:
            parts.append('sign="-"')
        return f'<ix:nonFraction {" ".join(parts)} id="{self._id()}">{text}</ix:nonFraction>'

    def words(self, concept: str, text: str, *, when: When, dims: Dims = ()) -> str:
        """Return a number that is written out ("three")."""
        self.units["number"] = None
        return (
            f'<ix:nonFraction unitRef="number" contextRef="{self.context(when, self.dims(dims))}" decimals="INF" '
            f'name="{self.concept(concept)}" format="ixt-sec:numwordsen" id="{self._id()}">{text}</ix:nonFraction>'
        )

    def nil(self, concept: str, when: When) -> str:
        """Return a fact that is reported as nil: an empty line such as commitments."""
        self.units["usd"] = None
        return f'<ix:nonFraction unitRef="usd" contextRef="{self.context(when)}" name="{self.concept(concept)}" xsi:nil="true" id="{self._id()}"></ix:nonFraction>'

    def text(
        self,
        concept: str,
        inner: str,
        *,
        when: When,
        dims: Dims = (),
        form: str = "",
        escape: bool = False,
        continued: str = "",
    ) -> str:
        """Return a tagged text, date, flag or block."""
        extra = f' format="{form}"' if form else ""
        extra += f' continuedAt="{continued}"' if continued else ""
        extra += ' escape="true"' if escape else ""
        return f'<ix:nonNumeric contextRef="{self.context(when, self.dims(dims))}" name="{self.concept(concept)}" id="{self._id()}"{extra}>{inner}</ix:nonNumeric>'

    def hide(self, concept: str, value: str, when: When) -> None:
        """Put a fact into the hidden part of the header."""
        self.hidden.append(self.text(concept, value, when=when))

    def dims(self, dims: Dims) -> Dims:
        """Return dimensions with qualified names."""
        return tuple((self.concept(axis), self.concept(member)) for axis, member in dims)

    def header(self, schema: str) -> str:
        """Return `ix:header` with hidden facts, schema reference, contexts and units."""
        units = "".join(f'<xbrli:unit id="{u}">{UNITS[u]}</xbrli:unit>' for u in self.units)
        contexts = "".join(self._context(key, name) for key, name in self.contexts.items())
        return (
            '<div style="display:none"><ix:header><ix:hidden>'
            + "".join(self.hidden)
            + "</ix:hidden>"
            f'<ix:references xml:lang="en-US"><link:schemaRef xlink:type="simple" xlink:href="{schema}"/></ix:references>'
            f"<ix:resources>{contexts}{units}</ix:resources></ix:header></div>"
        )

    def _context(self, key: tuple[When, Dims], name: str) -> str:
        (kind, start, end), dims = key
        segment = "".join(
            f'<xbrldi:explicitMember dimension="{axis}">{member}</xbrldi:explicitMember>'
            for axis, member in dims
        )
        segment = f"<xbrli:segment>{segment}</xbrli:segment>" if segment else ""
        when = (
            f"<xbrli:instant>{end}</xbrli:instant>"
            if kind == "i"
            else f"<xbrli:startDate>{start}</xbrli:startDate><xbrli:endDate>{end}</xbrli:endDate>"
        )
        return (
            f'<xbrli:context id="{name}"><xbrli:entity><xbrli:identifier scheme="http://www.sec.gov/CIK">{self.company.cik}</xbrli:identifier>'
            f"{segment}</xbrli:entity><xbrli:period>{when}</xbrli:period></xbrli:context>"
        )
