"""Questions that a document answers: which facts, what is asked, what the answer says.

Evidence samples are these cases; refusals start from one and take away what the answer rests on.

Recipes: `lookup` (one fact), `compare` (one fact at two times, with the change), `ratio` (two
facts of one period, computed), `members` (every fact of a kind, as a list).
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from sftdata.chance import fraction, rank, shuffled
from sftdata.families.draft import (
    Draft,
    Work,
    cite,
    cited_answer,
    dated_evidence,
    evidence_of,
    fact_key,
    pick,
)
from sftdata.families.evident import common_ways, is_evident, standing, time_told, worth_comparing
from sftdata.families.family import Ratio
from sftdata.families.figures import change, digits, quotient, shown_number
from sftdata.families.itemised import every_item_is_a_fact, told_once
from sftdata.families.naming import (
    entity_name,
    filing_words,
    is_named,
    patient_words,
    spaced,
)
from sftdata.families.shelf import PassageText, Shelf
from sftdata.families.wording import amount, bare_time, fact_view, fill, span_of_time, time_words
from sftdata.types import Fact

__all__ = [
    "Case",
    "answered",
    "asked",
    "cases",
    "draft",
    "gold",
    "question_leads",
    "usable",
    "values",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One question that the document answers: the facts of the answer, the newest first."""

    facts: tuple[Fact, ...]
    ratio: Ratio | None = None
    entity: str = ""
    """Whom the question names, when not the document's own entity."""
    shift: int = 0
    """Years by which the question's time is moved away from the facts' own."""
    period: str = ""
    """The time that the question names, when not the facts' own."""
    contrary: bool = False
    """Whether the question takes a rise for a fall."""

    @property
    def lineage(self) -> tuple[str, ...]:
        """What makes this case itself, for choices by hash."""
        return (*(f.fact_id for f in self.facts), self.ratio.en if self.ratio else "")


def usable(work: Work, shelf: Shelf) -> list[Fact]:
    """Return the facts that a family may ask for: visible, unambiguous, readable in a passage."""
    family = work.base
    if family.named and not entity_name(shelf.doc):
        return []
    matching = [f for f in shelf.doc.facts if family.facts.matches(f, family.words)]
    values: dict[tuple[str, ...], set[object]] = defaultdict(set)
    by_value = family.subject == "value"
    for fact in matching:
        values[_identity(fact, family.subject)].add(_told(fact) if by_value else fact.value)
    kept: dict[tuple[str, ...], Fact] = {}
    for fact in sorted(matching, key=lambda f: standing(shelf, f)):
        identity = _identity(fact, family.subject)
        if len(values[identity]) == 1 and identity not in kept and _readable(work, shelf, fact):
            kept[identity] = fact
    return list(kept.values())


_DETAILS = ("status", "clinicalStatus", "onset", "abatement", "authored", "dose", "route",
            "frequency", "as_needed", "instruction")  # fmt: skip


def _told(fact: Fact) -> tuple[str, ...]:
    """Return what the document tells of a drug or problem: told in two ways, it is ambiguous."""
    return (*(fact.attribute(kind) for kind in _DETAILS), fact.period or "")


def _identity(fact: Fact, subject: str) -> tuple[str, ...]:
    if subject == "field":
        return (fact.entity or "", fact.name)
    if subject == "value":
        return (fact.entity or "", fact.name, (fact.value or "").casefold())
    axes = tuple(f"{d.kind}={d.value}" for d in fact.dimensions)
    return (fact.entity or "", fact.name, fact.period or "", *axes)


def _readable(work: Work, shelf: Shelf, fact: Fact) -> bool:
    family = work.base
    term = family.words.term(fact)
    if fact.number is not None:
        if not fact.number or not any(c.isdigit() for c in fact.as_reported):
            return False
        if fact.number < 0 and not (term and set(family.locales) <= set(term.negative)):
            return False
    home = shelf.home(fact)
    if home is None or not is_evident(shelf, fact, home):
        return False
    if family.subject == "field" and not told_once(shelf.doc.text, term, fact):
        return False
    if term and family.facts.lexicon and not is_named(shelf.doc, fact, term):
        return False
    wanted = family.context.sections
    if not wanted:
        return True
    return any(s.start <= home.start < s.end for s in shelf.section(wanted))


def cases(work: Work, shelf: Shelf) -> list[Case]:
    """Return every case of a family's recipe in this document, best lineage order first.

    Refusal families that share an evidence family take its cases in orders of their own: one
    question must not stand beside many refusals of it.
    """
    found = _RECIPES[work.base.recipe](work, usable(work, shelf))
    found = [
        c
        for c in found
        if common_ways(shelf, c.facts) and (c.ratio or worth_comparing(shelf.doc, c.facts))
    ]
    if work.base.answer.complete:
        found = [c for c in found if _complete(work, shelf, c)]
    seed = (work.seed, work.family.id, shelf.doc.document_id)
    order = shuffled(found, *seed, key=lambda c: c.lineage)
    return _spread(order)


def _complete(work: Work, shelf: Shelf, case: Case) -> bool:
    """Return whether the case holds every item of each list that its facts stand in."""
    parts = [
        s
        for s in shelf.section(work.base.answer.complete)
        if any(s.start <= (f.start or 0) < s.end for f in case.facts)
    ]
    return all(every_item_is_a_fact(shelf.doc, part, case.facts) for part in parts)


def _spread(found: Sequence[Case]) -> list[Case]:
    """Take turns over fact names, so that one much-tagged fact does not fill the quota."""
    turns: dict[str, int] = defaultdict(int)
    placed = []
    for index, case in enumerate(found):
        name = case.facts[0].name + (case.ratio.en if case.ratio else "")
        placed.append((turns[name], index, case))
        turns[name] += 1
    return [case for _, _, case in sorted(placed, key=lambda p: p[:2])]


def _lookup(work: Work, facts: Sequence[Fact]) -> list[Case]:
    del work
    return [Case(facts=(f,)) for f in facts]


def _compare(work: Work, facts: Sequence[Fact]) -> list[Case]:
    """Pair each fact with the one nearest before it, of like length of time."""
    del work
    by_name: dict[tuple[str, ...], list[Fact]] = defaultdict(list)
    for fact in facts:
        if fact.number is not None and fact.number > 0 and fact.period:
            axes = tuple(f"{d.kind}={d.value}" for d in fact.dimensions)
            by_name[(fact.entity or "", fact.name, fact.unit or "", *axes)].append(fact)
    found = []
    for same in by_name.values():
        ordered = sorted(same, key=lambda f: (f.period or "").split("/")[-1])
        for later in ordered:
            earlier = [f for f in ordered if _comparable(f, later)]
            if earlier and _worth_telling(later, earlier[-1]):
                found.append(Case(facts=(later, earlier[-1])))
    return found


def _worth_telling(later: Fact, earlier: Fact) -> bool:
    """Return whether the change is more than a rounding and less than a change of base."""
    assert later.number is not None
    assert earlier.number is not None
    moved = change(later.number, earlier.number)["percent"]
    return Decimal("0.5") <= moved <= 999


def _comparable(earlier: Fact, later: Fact) -> bool:
    a, b = earlier.period or "", later.period or ""
    if a.split("/")[-1] >= b.split("/")[-1]:
        return False
    first, second = span_of_time(a), span_of_time(b)
    if first is None or second is None:
        return first is second
    return abs(first - second) <= 10 and a.split("/")[1] < b.split("/")[0]


def _ratio(work: Work, facts: Sequence[Fact]) -> list[Case]:
    found = []
    for ratio in work.base.ratios:
        tops = [f for f in facts if f.name in ratio.numerator]
        for top in tops:
            bottom = _first_named(facts, ratio.denominator, top)
            if bottom is not None and top.number and bottom.number and bottom.number > 0:
                found.append(Case(facts=(top, bottom), ratio=ratio))
    return found


def _first_named(facts: Sequence[Fact], names: Sequence[str], like: Fact) -> Fact | None:
    for name in names:
        for fact in facts:
            if fact.name == name and fact.period == like.period and fact.unit == like.unit:
                return fact
    return None


def _members(work: Work, facts: Sequence[Fact]) -> list[Case]:
    """Every fact of one list (the allergies, the diagnoses of one kind)."""
    least, most = work.base.answer.least, work.base.answer.most
    by_list: dict[tuple[str, ...], list[Fact]] = defaultdict(list)
    for fact in facts:
        kinds = (fact.attribute(k) for k in ("group", "section"))
        field = fact.attribute("resource") or fact.name
        by_list[(fact.entity or "", field, *kinds)].append(fact)
    return [
        Case(facts=tuple(group))
        for group in by_list.values()
        if least <= len(group) <= most and len({f.attribute("negated") for f in group}) == 1
    ]


_RECIPES: dict[str, Callable[[Work, Sequence[Fact]], list[Case]]] = {
    "lookup": _lookup,
    "compare": _compare,
    "ratio": _ratio,
    "members": _members,
}


def asked(work: Work, shelf: Shelf, case: Case, locale: str) -> tuple[str, str]:
    """Return the question of a case and the name of its wording."""
    family = work.base
    wordings = family.questions[locale]
    source, phrasing = pick(wordings, locale, work.seed, family.id, case.lineage)
    return fill(
        source, locale, f"{family.id}: questions", **values(work, shelf, case, locale)
    ), phrasing


def values(
    work: Work, shelf: Shelf, case: Case, locale: str, passages: Sequence[PassageText] = ()
) -> dict[str, Any]:
    """Return what questions and answers of a case may name."""
    family = work.base
    views = []
    prefer = fraction(work.seed, shelf.doc.document_id, case.lineage, "time") < 0.5
    labelled = time_told(shelf, case.facts, prefer_fiscal=prefer)
    for fact in case.facts:
        spot = evidence_of(shelf.doc, fact)
        label = cite(passages, spot)
        timed = replace(fact, period=case.period) if case.period else fact
        when = time_words(timed, shelf.doc, locale, labelled=labelled, shift=case.shift)
        view = fact_view(fact, family, locale, label)
        views.append(view | {"when": when, "time": bare_time(when)})
    name = case.entity or entity_name(shelf.doc)
    given: dict[str, Any] = {
        "entity": spaced(name, locale),
        "who": patient_words(shelf.doc, locale),
        "title": filing_words(shelf.doc, locale),
        "fact": views[0],
        "facts": views,
        "variant": rank(work.seed, family.id, shelf.doc.document_id, case.lineage, "variant"),
    }
    if family.recipe == "compare":
        given |= _comparison(case, views, locale)
    if case.ratio:
        given |= _quotient(case, locale)
    return given


def _comparison(case: Case, views: Sequence[dict[str, Any]], locale: str) -> dict[str, Any]:
    new, old = case.facts[0], case.facts[1]
    assert new.number is not None
    assert old.number is not None
    moved = change(new.number, old.number)
    new_shown, old_shown = shown_number(new), shown_number(old)
    delta = replace(
        new, number=abs(moved["difference"]), as_reported=digits(abs(new_shown - old_shown))
    )
    sign = "−" if moved["direction"] == "down" else ""
    calculation = (
        f"({digits(new_shown)} − {digits(old_shown)}) ÷ {digits(old_shown)}"
        f" = {sign}{moved['percent']}%"
    )
    if new.source != "ixbrl":  # a clinician reads the difference, not its share
        colon = "：" if locale == "zh" else ": "
        told = f"{digits(new_shown)} − {digits(old_shown)} = {digits(new_shown - old_shown)}"
        calculation = f"{views[0]['concept']}{colon}{told}"
    return {
        "new": views[0],
        "old": views[1],
        "direction": moved["direction"],
        "rose": (moved["direction"] == "up") != case.contrary,
        "difference": amount(delta, locale),
        "percent": f"{moved['percent']}%",
        "calculation": calculation,
    }


def _quotient(case: Case, locale: str) -> dict[str, Any]:
    ratio, (top, bottom) = case.ratio, case.facts[:2]
    assert ratio is not None
    shown = quotient(ratio, top, bottom)
    return {
        "ratio": ratio.zh if locale == "zh" else ratio.en,
        "result": shown,
        "calculation": f"{digits(shown_number(top))} ÷ {digits(shown_number(bottom))} = {shown}",
    }


def draft(
    work: Work, shelf: Shelf, case: Case, passages: tuple[PassageText, ...], locale: str
) -> Draft:
    """Return the answered case in this context."""
    family = work.base
    question, phrasing = asked(work, shelf, case, locale)
    given = values(work, shelf, case, locale, passages)
    where = f"{family.id}/{locale}/assistant.j2"
    text = fill(family.template(locale, "assistant") or "", locale, where, **given)
    evidence = dated_evidence(shelf.doc, case.facts, passages)
    answer = cited_answer(
        text,
        citations=[{"passage": cite(passages, e), "quote": e.quote} for e in evidence],
        calculation=given.get("calculation"),
    )
    return Draft(
        work=replace(work, family=family),
        document=shelf.doc,
        locale=locale,
        question=question,
        phrasing=phrasing,
        passages=passages,
        question_first=question_leads(work, shelf, case),
        completion=json.dumps(answer, ensure_ascii=False),
        answer=answer,
        evidence=evidence,
        facts=tuple(fact_key(f) for f in case.facts),
    )


def question_leads(work: Work, shelf: Shelf, case: Case) -> bool:
    """Return whether the question stands before the passages, by lineage."""
    parts = (work.seed, work.base.id, shelf.doc.document_id, *case.lineage)
    return fraction(*parts, "question first") < work.base.context.question_first


def gold(shelf: Shelf, case: Case) -> list[PassageText]:
    """Return the passages in which the facts of a case can be read."""
    homes = [shelf.home(f) for f in case.facts]
    return list(dict.fromkeys(h for h in homes if h is not None))


def answered(work: Work, shelf: Shelf, case: Case) -> Draft | None:
    """Return the answered case in a context of its own; None when it does not fit."""
    seed = (work.seed, work.base.id, shelf.doc.document_id, *case.lineage)
    passages = shelf.context(gold(shelf, case), work.base.context, seed)
    if passages is None:
        return None
    return draft(work, shelf, case, passages, work.locale(shelf.doc.document_id, *case.lineage))
