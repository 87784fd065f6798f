"""How facts, companies and sections are named in a sentence."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sftdata.families.display import spoken_name
from sftdata.families.draft import evidence_of
from sftdata.families.family import Term
from sftdata.text import normalise
from sftdata.types import Document, Fact

__all__ = [
    "bare_title",
    "entity_name",
    "is_named",
    "listed",
    "spaced",
]


def entity_name(doc: Document) -> str:
    """Return how people name whom the document is about."""
    return doc.meta("entity_name") or spoken_name(next(iter(doc.key_values("company_name")), ""))


def spaced(name: str, locale: str) -> str:
    """Set a Latin name apart from the Chinese around it by a blank, as Chinese typesetting does."""
    return f"{name} " if locale == "zh" and name and name[-1].isascii() else name


_GENERIC = frozenset(
    [
        "total",
        "net",
        "gross",
        "other",
        "current",
        "non",
        "noncurrent",
        "long",
        "short",
        "term",
        "basic",
        "diluted",
        "income",
        "expense",
        "expenses",
        "cost",
        "costs",
        "liabilities",
        "liability",
        "assets",
        "asset",
        "amount",
        "amounts",
        "equity",
        "shares",
        "share",
        "cash",
        "and",
        "the",
        "of",
        "for",
        "from",
        "per",
        "outstanding",
        "end",
        "year",
        "period",
        "operating",
    ]
)
_WORD = re.compile(r"[a-z]{3,}|[\u4e00-\u9fff]{2,}")


def is_named(doc: Document, fact: Fact, term: Term) -> bool:
    """Return whether the row or sentence itself says what the fact is.

    A tag may sit in a row that names something wider (a lease liability in "Other long-term
    liabilities"); quoting that row would prove nothing.
    """
    names = [normalise(name) for name in term.labels()]
    label = normalise(fact.label).strip(" :：")
    if label in names:
        return True
    if fact.label:
        said = f"{label} {normalise(fact.attribute('parent'))}"
    else:
        spot = evidence_of(doc, fact)
        said = normalise(spot.quote)
    if any(name in said for name in names if name not in _GENERIC):
        return True
    words = {w[:7] for w in _WORD.findall(said) if w not in _GENERIC}
    return any(words & {w[:7] for w in _WORD.findall(n) if w not in _GENERIC} for n in names)


_NUMBERING = re.compile(r"^(?:(?:item|note)\s+\d{1,2}[a-c]?|\d{1,2})\s*[.:–—-]*\s*", re.IGNORECASE)
_SMALL = frozenset({"and", "of", "the", "in", "for", "to", "with", "on", "by"})


def bare_title(text: str) -> str:
    """Return a section's title without its number, and not in capitals.

    >>> bare_title("ITEM 2. Properties."), bare_title("5. DEBT AND DERIVATIVE INSTRUMENTS")
    ('Properties', 'Debt and Derivative Instruments')
    """
    bare = _NUMBERING.sub("", text).strip(" .。—–-:：")
    if not bare.isupper():
        return bare
    words = bare.lower().split()
    return " ".join(w if w in _SMALL and i else w.capitalize() for i, w in enumerate(words))


def listed(words: Sequence[str], locale: str) -> str:
    """Return a list as a person writes it.

    >>> listed(["a", "b", "c"], "en"), listed(["甲", "乙"], "zh")
    ('a, b and c', '甲和乙')
    """
    *most, last = words or [""]
    if locale == "zh":
        return "、".join(most) + ("和" if most else "") + last
    return ", ".join(most) + (" and " if most else "") + last
