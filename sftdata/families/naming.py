"""How facts, companies and sections are named in a sentence."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sftdata.families.display import display_title, short_name, spoken_name
from sftdata.families.draft import evidence_of
from sftdata.families.family import Term
from sftdata.quantities import date_words
from sftdata.text import normalise
from sftdata.types import Document, Fact

__all__ = [
    "bare_title",
    "entity_name",
    "filing_words",
    "is_named",
    "listed",
    "patient_words",
    "spaced",
]


def entity_name(doc: Document) -> str:
    """Return how people name whom the document is about."""
    company = next(iter(doc.key_values("company_name")), "")
    if doc.meta("entity_name") or company:
        return doc.meta("entity_name") or short_name(spoken_name(company))
    person = doc.meta("phi_name")
    return person if person and person in doc.text else ""


_AGE = ("loinc:30525-0", "note:age")
_SEX = ("loinc:46098-0", "note:sex")
_ADULT = 18
_NOUNS = {("male", True): "man", ("female", True): "woman",
          ("male", False): "boy", ("female", False): "girl"}  # fmt: skip


def patient_words(doc: Document, locale: str) -> str:
    """Return the patient as a colleague would say it: `this 62-year-old woman`, or `the patient`.

    Age and sex are used where the text gives one of each, and the age is in years.
    """
    ages = {(f.value, f.unit) for f in doc.facts if f.name in _AGE and f.start is not None}
    sexes = {f.value for f in doc.facts if f.name in _SEX and f.start is not None}
    plain = "患者" if locale == "zh" else "the patient"
    if len(ages) != 1 or len(sexes) != 1:
        return plain
    (age, unit), sex = ages.pop(), sexes.pop()
    if unit != "a" or not (age or "").isdigit() or sex not in ("male", "female"):
        return plain
    if locale == "zh":
        return f"这位{age}岁{'男性' if sex == 'male' else '女性'}患者"
    return f"this {age}-year-old {_NOUNS[sex, int(age or 0) >= _ADULT]}"


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
_NARROWER = ("excluding",)
_WIDER = ("restricted", "non-operating")
"""Words that must be in the row too when they are in the name, or the other way round."""
_LONGEST_LABEL_OF_A_GROUP = 4
_WORD = re.compile(r"[a-z]{3,}|[\u4e00-\u9fff]{2,}")


def is_named(doc: Document, fact: Fact, term: Term) -> bool:
    """Return whether the row or sentence itself says what the fact is.

    A tag may sit in a row that names something wider (a lease liability in "Other long-term
    liabilities"); quoting that row would prove nothing.
    """
    names = [normalise(name) for name in term.labels()]
    label = normalise(fact.label).strip(" :：")
    if label in names and label not in _GENERIC:
        return True
    if fact.label:
        short = len(label.split()) <= _LONGEST_LABEL_OF_A_GROUP  # "Diluted", under its heading
        said = f"{label} {normalise(fact.attribute('parent'))}" if short else label
    else:
        spot = evidence_of(doc, fact)
        said = normalise(spot.quote)
    if any((w in said) > (w in " ".join(names)) for w in _NARROWER):
        return False
    if any((w in normalise(term.en)) > (w in said) for w in _WIDER):
        return False
    if any(name in said for name in names if name not in _GENERIC):
        return True
    words = {w[:7] for w in _WORD.findall(said) if w not in _GENERIC}
    return any(words & {w[:7] for w in _WORD.findall(n) if w not in _GENERIC} for n in names)


def filing_words(doc: Document, locale: str) -> str:
    """Return a filing as people call it: `Apple's 10-K for the fiscal year ended …`.

    Other documents, and filings without a period, have their title.
    """
    name, form, end = entity_name(doc), doc.meta("form"), doc.meta("period_end")
    if not (name and form and end):
        return display_title(doc)
    day, annual = date_words(end, locale), doc.meta("fiscal_period") == "FY"
    if locale == "zh":
        return f"{spaced(name, locale)}截至{day}止{'财政年度' if annual else '季度'}的 {form} "
    whose = f"{name}'" if name.endswith("s") else f"{name}'s"
    return f"{whose} {form} for the {'fiscal year' if annual else 'quarter'} ended {day}"


_NUMBERING = re.compile(r"^(?:(?:item|note)\s+\d{1,2}[a-c]?|\d{1,2})\s*[.:–—-]*\s*", re.IGNORECASE)
_ASIDE = re.compile(r"\s*\((?:unaudited|continued)\)", re.IGNORECASE)
_ACRONYMS = frozenset(
    [
        "heent",
        "hpi",
        "pmh",
        "psh",
        "ros",
        "ekg",
        "ecg",
        "mri",
        "ct",
        "cbc",
        "icu",
        "nicu",
        "ii",
        "iii",
        "iv",
        "sec",
        "ebitda",
        "us",
        "u.s.",
        "uk",
    ]
)
_SMALL = frozenset({"and", "of", "the", "in", "for", "to", "with", "on", "by"})


def bare_title(text: str) -> str:
    """Return a section's title without its number, and not in capitals.

    >>> bare_title("ITEM 2. Properties."), bare_title("5. DEBT AND DERIVATIVE INSTRUMENTS")
    ('Properties', 'Debt and Derivative Instruments')
    """
    bare = _NUMBERING.sub("", text).strip(" .。—–-:：")
    shouted = _ASIDE.sub("", bare)
    if not shouted.isupper():
        return bare
    words = shouted.lower().split()
    quiet = " ".join(
        w.upper() if w in _ACRONYMS else w if w in _SMALL and i else w.capitalize()
        for i, w in enumerate(words)
    )
    return quiet.replace("(loss)", "(Loss)")


def listed(words: Sequence[str], locale: str) -> str:
    """Return a list as a person writes it.

    >>> listed(["a", "b", "c"], "en"), listed(["甲", "乙"], "zh")
    ('a, b and c', '甲和乙')
    """
    *most, last = words or [""]
    if locale == "zh":
        return "、".join(most) + ("和" if most else "") + last
    return ", ".join(most) + (" and " if most else "") + last
