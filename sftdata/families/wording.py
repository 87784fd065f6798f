"""Words from data: Jinja in the immutable sandbox, and the views of facts that templates see.

Templates and questions are data that users may bring, so they run in Jinja's immutable sandbox
with `StrictUndefined`, and see strings and numbers only.
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from sftdata.errors import FamilyError
from sftdata.families.family import Family, Term
from sftdata.formatting import money, percent, unit_words
from sftdata.quantities import date_words, period_words
from sftdata.types import Document, Fact

__all__ = [
    "amount",
    "bare_time",
    "called",
    "environment",
    "fact_view",
    "fill",
    "fiscal_number",
    "moved_period",
    "span_of_time",
    "time_words",
]

_CURRENCY = re.compile(r"^(?:[A-Z]{3}(?:/.+)?|shares|pure)$")
_PLAIN = re.compile(r"[\d,]+(?:\.\d+)?")
_GAP = re.compile(r"[ \t]+\n")
_BLANK_LINES = re.compile(r"\n{3,}")
_BETWEEN_BULLETS = re.compile(r"(?m)(?<=\.|。)\n\n(?=- )")
_TWO_STOPS = re.compile(r"(?<!\.)\.\.(?!\.)")
_LOOSE_MARK = re.compile(r" +([，。；：、？！）])")
_ADVERBIAL = re.compile(r"^(?:for|as of|on|at) ")


@cache
def environment(locale: str) -> ImmutableSandboxedEnvironment:
    """Return the sandbox for one locale, with its filters bound to that locale."""
    env = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False
    )
    env.filters.clear()
    for name in ("join", "length", "lower", "upper", "trim", "first", "last", "replace", "abs",
                 "select"):  # fmt: skip
        env.filters[name] = _default_filter(name)
    env.filters["percent"] = lambda v: percent(Decimal(str(v)), locale)
    env.filters["date"] = lambda v: date_words(v, locale)
    env.filters["period"] = lambda v: period_words(v, locale)
    env.filters["unit"] = lambda v: unit_words(v, locale)
    env.filters["whose"] = lambda v: f"{v}'" if v.endswith("s") else f"{v}'s"
    env.filters["capfirst"] = lambda v: v[:1].upper() + v[1:]
    env.globals.clear()
    return env


def _default_filter(name: str) -> Any:
    from jinja2.filters import FILTERS

    return FILTERS[name]


@lru_cache(maxsize=2048)
def _compiled(source: str, locale: str) -> Template:
    return environment(locale).from_string(source)


def fill(source: str, locale: str, where: str, *, tidy: bool = True, **values: Any) -> str:
    """Render a template; `where` names it in errors.

    `tidy` closes gaps that unused branches leave between lines; it is off for prompts, which carry
    document text verbatim.

    Raises:
        FamilyError: the template is broken or uses a name that it is not given.
    """
    try:
        text = _compiled(source, locale).render(**values)
    except TemplateError as error:
        raise FamilyError(f"{where}: {type(error).__name__}: {error.message}") from None
    except (TypeError, ValueError, ArithmeticError, LookupError, AttributeError) as error:
        # The words of such an error may hold document text, so only its class is told.
        raise FamilyError(f"{where}: the template fails with {type(error).__name__}") from None
    if tidy:
        text = _BETWEEN_BULLETS.sub("\n", _BLANK_LINES.sub("\n\n", _GAP.sub("\n", text)))
        text = _TWO_STOPS.sub(".", text)
        text = _LOOSE_MARK.sub(r"\1", text)
    return text.strip()


def amount(fact: Fact, locale: str) -> str:
    """Return a fact's value as a person would write it, exactly (never rounded).

    It keeps the digits that the document prints (`$1.40`, not `$1.4`). What is counted per share
    or in shares is said by its name, not again by its unit.
    """
    printed = _ANNOTATION.sub("", fact.attribute("printed_unit"))
    if printed:
        return f"{fact.as_reported}{'' if printed[0] in '/%' else ' '}{printed}"
    if fact.number is None:
        return fact.as_reported or fact.value or ""
    if fact.unit and fact.unit.endswith("/shares") and _CURRENCY.match(fact.unit):
        shown = money(Decimal(1), fact.unit, locale)
        value = fact.as_reported if _PLAIN.fullmatch(fact.as_reported) else f"{abs(fact.number)}"
        words = shown.replace("1", value, 1).removesuffix(" per share").removeprefix("每股")
        return ("-" if fact.number < 0 else "") + words
    if fact.unit == "pure" and fact.scale == -2 and _PLAIN.fullmatch(fact.as_reported):
        return f"{'-' if fact.number < 0 else ''}{fact.as_reported}%"
    if fact.unit and _CURRENCY.match(fact.unit):
        words = money(fact.number, fact.unit, locale, scale=fact.scale)
        return _as_precise(words.removesuffix(" shares"), fact.as_reported)
    unit = unit_words(fact.unit or "", locale)
    if unit.startswith("%"):
        return f"{fact.as_reported}{unit}"
    return f"{fact.as_reported} {unit}".strip()


_ZEROS = re.compile(r"([\d,]+\.\d*?)0+")


def _as_precise(words: str, printed: str) -> str:
    """Keep the zeros that the document prints: `$1,136.0 million`."""
    if not _ZEROS.fullmatch(printed):
        return words
    short = printed.rstrip("0").rstrip(".")
    return re.sub(rf"(?<![\d,.]){re.escape(short)}(?= (?:b|m|tr)illion| thousand)", printed, words)


def span_of_time(period: str) -> int | None:
    """Return a duration's length in days, both ends included; None for an instant."""
    if "/" not in period:
        return None
    start, end = (date.fromisoformat(p) for p in period.split("/"))
    return (end - start).days + 1


def time_words(
    fact: Fact,
    doc: Document,
    locale: str,
    *,
    labelled: bool = False,
    shift: int = 0,
    fiscal_only: bool = False,
) -> str:
    """Return the time of a fact as an adverbial: `for the fiscal year ended …`, `as of …`, `on …`.

    Args:
        fact: the fact.
        doc: its document, whose fiscal calendar gives names such as `fiscal 2024`.
        locale: `en` or `zh`.
        labelled: use the fiscal name where there is one.
        shift: years to move the fiscal name by; there is then no other form, and the result is
            empty where the fact's time has no name.
        fiscal_only: the fiscal name or nothing.
    """
    if not fact.period:
        return ""
    if fact.source != "ixbrl":
        return _on_day(fact.period, locale, shift)
    if labelled or shift or fiscal_only:
        name = _fiscal_name(fact, doc, locale, shift)
        if name or shift or fiscal_only:
            return name
    if "/" in fact.period:
        words = _trailing_year(fact, doc, locale) or period_words(fact.period, locale)
        return words if locale == "zh" else f"for {words}"
    day = date_words(fact.period, locale)
    return f"截至{day}" if locale == "zh" else f"as of {day}"


_ANNOTATION = re.compile(r"\{[^{}]*\}")
"""A UCUM remark that is no unit: `{INR}`, `{score}`."""
_WEEKS_OF_A_YEAR = 53
"""A visit is moved by whole weeks: it stays on its day of the week, and leaves its date."""


def _on_day(period: str, locale: str, shift: int) -> str:
    """Return the day of a clinical fact, or both of a stay; moved, another one of its weekday."""
    first, _, last = period.partition("/")
    if last and not shift and len(first) == len(last) == len("2019-03-02"):
        days = [date_words(day, locale) for day in dict.fromkeys((first, last))]
        if len(days) == 2:
            return "至".join(days) if locale == "zh" else f"from {days[0]} to {days[1]}"
        period = first
    if len(period) != len("2019-03-02"):
        return ""
    day = date_words(_other_visit(period, shift), locale)
    return day if locale == "zh" else f"on {day}"


def _other_visit(day: str, shift: int) -> str:
    moved = date.fromisoformat(day) + timedelta(weeks=shift * _WEEKS_OF_A_YEAR)
    return moved.isoformat()


def moved_period(fact: Fact, shift: int) -> str:
    """Return a fact's period moved by years (29 February becomes the 28th); a visit, by weeks."""
    if fact.source != "ixbrl":
        day = fact.period or ""
        return _other_visit(day, shift) if len(day) == len("2019-03-02") else ""
    moved = []
    for day in (fact.period or "").split("/"):
        year, rest = int(day[:4]) + shift, day[4:]
        moved.append(f"{year:04d}{'-02-28' if rest == '-02-29' else rest}")
    return "/".join(moved)


def _trailing_year(fact: Fact, doc: Document, locale: str) -> str:
    """Name a year that is not the fiscal year: `the twelve months ended June 30, 2023`."""
    assert fact.period is not None
    end, last = fact.period.split("/")[1], doc.meta("period_end")
    days = span_of_time(fact.period) or 0
    if not last or not 350 <= days <= 380:
        return ""
    if doc.meta("fiscal_period") == "FY" or _whole_years(end, last) is None:
        return ""
    day = date_words(end, locale)
    return f"截至{day}止十二个月" if locale == "zh" else f"the twelve months ended {day}"


_QUARTERS = {"Q1": "first", "Q2": "second", "Q3": "third", "Q4": "fourth"}


def _fiscal_name(fact: Fact, doc: Document, locale: str, shift: int) -> str:
    """Return `for fiscal 2024`, `for the third quarter of fiscal 2025`, … or an empty string."""
    named = fiscal_number(fact, doc)
    if not named or not fact.period:
        return ""
    number = int(named) + shift
    days, part = span_of_time(fact.period), doc.meta("fiscal_period") or "FY"
    if days is None or 350 <= days <= 380:
        if part != "FY":
            return ""
        if days is None:
            return f"{number}财年末" if locale == "zh" else f"at the end of fiscal {number}"
        return f"{number}财年" if locale == "zh" else f"for fiscal {number}"
    return _part_of_year(days, part, number, locale)


def fiscal_number(fact: Fact, doc: Document) -> str:
    """Return the number of a fact's fiscal year, when it ends as the document's own period does."""
    year, last = doc.meta("fiscal_year"), doc.meta("period_end")
    if not (year.isdigit() and last and fact.period):
        return ""
    away = _whole_years(fact.period.split("/")[-1], last)
    return "" if away is None else str(int(year) - away)


def _part_of_year(days: int, part: str, number: int, locale: str) -> str:
    if part not in _QUARTERS:
        return ""
    if 80 <= days <= 100:
        if locale == "zh":
            return f"{number}财年第{'一二三四'[int(part[1]) - 1]}季度"
        return f"for the {_QUARTERS[part]} quarter of fiscal {number}"
    months = {"Q2": (170, 190, "six", "六"), "Q3": (260, 285, "nine", "九")}.get(part)
    if months and months[0] <= days <= months[1]:
        if locale == "zh":
            return f"{number}财年前{months[3]}个月"
        return f"for the first {months[2]} months of fiscal {number}"
    return ""


def _whole_years(earlier: str, later: str) -> int | None:
    """Return how many years lie between two ISO dates, when they are anniversaries (±9 days)."""
    days = (date.fromisoformat(later) - date.fromisoformat(earlier)).days
    years = round(days / 365.25)
    return years if abs(days - years * 365.25) <= 9 else None


def bare_time(when: str) -> str:
    """Return a time without its preposition: `fiscal 2024`, `September 28, 2024`.

    >>> bare_time("as of September 28, 2024"), bare_time("截至2024年9月28日")
    ('September 28, 2024', '2024年9月28日')
    """
    if when.startswith("截至") and "止" not in when:
        return when.removeprefix("截至")
    return _ADVERBIAL.sub("", when)


def called(fact: Fact) -> str:
    """Return what the document itself calls it: of a note's free entry, the entry itself.

    A drug on a note's list has the label of the list; its own name is its value.
    """
    if fact.source == "note" and fact.kind == "text" and fact.value:
        return fact.value
    return fact.label or fact.name.split(":")[-1]


_WORDS_OF_GENERICS = """
acetaminophen acyclovir albuterol alendronate allopurinol alprazolam amiodarone amitriptyline
amlodipine amoxicillin ampicillin apixaban aspirin atenolol atorvastatin azithromycin baclofen
benazepril bisoprolol bupropion buspirone captopril carbamazepine carvedilol cefazolin cefepime
ceftriaxone celecoxib cephalexin cetirizine ciprofloxacin citalopram clarithromycin clindamycin
clonazepam clonidine clopidogrel codeine colchicine cyclobenzaprine dapagliflozin dexamethasone
diazepam diclofenac digoxin diltiazem diphenhydramine docusate donepezil doxycycline duloxetine
empagliflozin enalapril enoxaparin epinephrine erythromycin escitalopram esomeprazole famotidine
fentanyl fexofenadine fluconazole fluoxetine fluticasone folate furosemide gabapentin gentamicin
glimepiride glipizide glyburide haloperidol heparin hydralazine hydrochlorothiazide hydrocodone
hydrocortisone hydromorphone hydroxychloroquine hydroxyzine ibuprofen insulin iodine ketorolac
labetalol lamotrigine lansoprazole latex levetiracetam levofloxacin levothyroxine lidocaine
lisinopril lithium loratadine lorazepam losartan meloxicam meperidine metformin methadone
methotrexate methylprednisolone metoclopramide metoprolol metronidazole mirtazapine montelukast
morphine naproxen nifedipine nitrofurantoin nitroglycerin olanzapine omeprazole ondansetron
oxycodone pantoprazole paroxetine peanut peanuts penicillin penicillins phenytoin potassium
pravastatin prednisolone prednisone pregabalin prochlorperazine promethazine propranolol
quetiapine quinapril ramipril ranitidine risperidone rivaroxaban rosuvastatin sertraline
shellfish simvastatin sitagliptin spironolactone sulfa sulfamethoxazole sumatriptan tamoxifen
tamsulosin tetracycline ticagrelor topiramate tramadol trazodone triamcinolone valacyclovir
valsartan vancomycin venlafaxine verapamil warfarin zolpidem
"""
_GENERICS = frozenset(_WORDS_OF_GENERICS.split())
"""Drugs and allergens that notes begin with a capital though they are no names: a brand is one."""


def _small_generic(name: str) -> str:
    """Write a drug's generic name small, as inside a sentence; brands and acronyms stay.

    >>> [_small_generic(n) for n in ("Penicillin V", "CODEINE", "Bactrim", "NSAIDs", "ASA")]
    ['penicillin V', 'codeine', 'Bactrim', 'NSAIDs', 'ASA']
    """
    word = name.partition(" ")[0]
    return word.lower() + name[len(word) :] if word.lower().rstrip(",") in _GENERICS else name


_CAPITAL = re.compile(r"[A-Z][a-z]+(?![a-z'’])[^A-Z]*")


def _in_a_sentence(name: str, fact: Fact, locale: str) -> str:
    """Write a coded diagnosis and a generic drug small, as inside a sentence; the rest as is."""
    if locale == "en":
        name = _small_generic(name)
    small = fact.name.startswith("snomed:") and _CAPITAL.fullmatch(name)
    return name[0].lower() + name[1:] if small else name


def _spoken(fact: Fact, term: Term | None, locale: str) -> tuple[str, bool]:
    """Return how to name a fact and whether the name is plural: the document's own words first."""
    if term is None:
        return _in_a_sentence(called(fact), fact, locale), False
    if not fact.value and not fact.as_reported:  # asked for though no document lists it
        return term.bare(locale), term.plural
    if fact.number is not None and fact.number < 0 and locale in term.negative:
        return term.negative[locale], False
    own = fact.label.casefold().strip(" :：")
    if locale == "en" and own in term.spoken:
        last = own.split()[-1] if own.split() else ""
        return own, last.endswith("s") and not re.search(r" (?:for|of) |ss$", own)
    return term.name(locale), term.plural


def fact_view(fact: Fact, family: Family, locale: str, cite: str = "") -> dict[str, Any]:
    """Return what a template may see of a fact: plain strings."""
    term = family.words.term(fact)
    name, plural = _spoken(fact, term, locale)
    negative = fact.number is not None and fact.number < 0
    shown = amount(fact, locale)
    if negative and term and name == term.negative.get(locale):
        shown = shown.replace("-", "", 1).replace("−", "", 1)
    return {
        "name": fact.name,
        "concept": name,
        "label": fact.label,
        "value": fact.value or "",
        "as_reported": fact.as_reported,
        "amount": shown,
        "unit": fact.unit or "",
        "negative": negative,
        "period": fact.period or "",
        "date": date_words(fact.period, locale) if fact.period and "/" not in fact.period else "",
        "was": "were" if plural else "was",
        "cite": cite,
        "attr": {a.kind: a.value for a in fact.attributes},
    }
