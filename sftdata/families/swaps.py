"""Questions that differ from an answered one in one thing: time, entity, figure or direction.

What is put in its place is, wherever the split offers it, something that the split asks about with
an answer as well (`peers`): a question must not show by itself that it has none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from sftdata.chance import fraction, shuffled
from sftdata.families.cases import Case, asked, values
from sftdata.families.display import short_name, spoken_name
from sftdata.families.draft import Draft, Work
from sftdata.families.evident import time_told
from sftdata.families.family import Term
from sftdata.families.naming import entity_name, listed, spaced
from sftdata.families.negatives import Negative, asked_for, context_of, headings
from sftdata.families.peers import weighted
from sftdata.families.shelf import Shelf
from sftdata.families.wording import bare_time, moved_period, span_of_time, time_words
from sftdata.grounding.absence import prove_absent
from sftdata.grounding.asked import YEAR
from sftdata.quantities import find_dates
from sftdata.types import Check

__all__ = ["absent", "entity", "evenly_turned", "period", "premise"]

Seed = tuple[object, ...]


def _seed(work: Work, shelf: Shelf, case: Case) -> Seed:
    return (work.seed, work.family.id, shelf.doc.document_id, *case.lineage)


def period(work: Work, shelf: Shelf, case: Case, twin: Draft) -> Negative | None:
    """Ask for a time that the passages do not reach, and that other questions of the split ask for.

    A company's times are those of its own filings (its fiscal calendar is its own), a patient's
    those of all patients. Of a document alone nothing else is known: the nearest other year.
    """
    fact = case.facts[0]
    if not work.peers.known:
        return _nearest_year(work, shelf, case, twin)
    company = fact.source == "ixbrl"
    times = work.peers.own_periods if company else work.peers.periods
    alike = {when: n for when, n in times.items() if _same_length(when, fact.period or "")}
    context = context_of(twin.passages)
    for when in weighted(alike, *_seed(work, shelf, case), "period")[:24]:
        moved = replace(case, period=when)
        if when == fact.period or (_years_in if company else _month_in)(context, when):
            continue
        told = time_words(replace(fact, period=when), shelf.doc, "en")
        texts = tuple(dict.fromkeys([when[-10:][:4], *YEAR.findall(told)])) if company else ()
        named = _spoken_years(work, shelf, moved) if company else []
        if any(year in context for year in named):
            continue
        negative = _at(work, shelf, case, moved, twin, (when, (*texts, *named)))
        if all(c.passed for c in negative.checks):
            return negative
    return None


def _same_length(when: str, own: str) -> bool:
    first, second = span_of_time(when), span_of_time(own)
    if first is None or second is None:
        return first is second and len(when) == len(own)
    return abs(first - second) <= 10


def _years_in(context: str, when: str) -> bool:
    return when.split("/")[-1][:4] in context


def _month_in(context: str, when: str) -> bool:
    """Return whether a context names any day of the month in which this day lies."""
    month = when[:7]
    return any(d.value.isoformat()[:7] == month for d in find_dates(context))


def _spoken_years(work: Work, shelf: Shelf, case: Case) -> list[str]:
    """Return the years that a question names, also the number of a fiscal year."""
    given = values(work, shelf, case, "en")
    return YEAR.findall(str(given["fact"]["when"]))


def _nearest_year(work: Work, shelf: Shelf, case: Case, twin: Draft) -> Negative | None:
    """Ask for the nearest year that the passages do not reach: the hardest."""
    fact = case.facts[0]
    context = context_of(twin.passages)
    seed = _seed(work, shelf, case)
    shifts = shuffled((-1, 1, -2, -3) if fact.period else (), *seed, "shift")
    for shift in sorted(shifts, key=abs):
        when = moved_period(fact, shift)
        year = when.split("/")[-1][:4]
        if year in context or not time_words(fact, shelf.doc, "en", shift=shift):
            continue
        return _at(work, shelf, case, replace(case, shift=shift), twin, (when, (year,)))
    return None


def _at(
    work: Work,
    shelf: Shelf,
    case: Case,
    moved: Case,
    twin: Draft,
    when: tuple[str, tuple[str, ...]],
) -> Negative:
    """Return the question for another time, with the proof that the context does not tell it."""
    return _proved(
        work,
        shelf,
        moved,
        twin,
        "period_not_in_context",
        says={"covered": _times(shelf, case, twin)},
        period=when[0],
        period_texts=tuple(dict.fromkeys(when[1])),
        facts_in_context=tuple(shelf.facts_in(twin.passages)),
    )


def _proved(
    work: Work,
    shelf: Shelf,
    moved: Case,
    twin: Draft,
    reason: str,
    *,
    says: dict[str, Any],
    **sought: Any,
) -> Negative:
    """Ask about the changed case in the twin's context, with the checks that nothing answers it.

    The value is not known, as the document has none: what is sought is told by `sought`.
    """
    question, phrasing = asked(work, shelf, moved, twin.locale)
    what = asked_for(work, shelf, moved, reason, values=(), numbers=(), **sought)
    return Negative(
        case=moved,
        passages=twin.passages,
        reason=reason,
        checks=tuple(prove_absent(context_of(twin.passages), what)),
        question=question,
        phrasing=phrasing,
        says=says,
    )


def _times(shelf: Shelf, case: Case, twin: Draft) -> str:
    """Return the times for which the context gives the asked figure, as one adverbial."""
    asked_for = case.facts[0]
    inside = [
        f
        for f in shelf.facts_in(twin.passages)
        if f.name == asked_for.name and f.dimensions == asked_for.dimensions
    ]
    inside.sort(key=lambda f: (f.period or "").split("/")[-1], reverse=True)
    labelled = time_told(shelf, inside, prefer_fiscal=True)
    told = [time_words(f, shelf.doc, twin.locale, labelled=labelled) for f in inside]
    first, *more = dict.fromkeys(told)
    return listed([first, *(bare_time(when) for when in more)], twin.locale)


def _called_short(name: str) -> str:
    return short_name(spoken_name(name))


def _strangers(work: Work, locale: str, seed: Seed) -> list[str]:
    """Return whom else to ask about: whoever other questions of the split are about.

    Where the split has nobody else, names that stand in no document.
    """
    if work.peers.entities:
        return weighted(work.peers.entities, *seed, "other")
    known = [_called_short(n) for n in work.entities]
    others = [_called_short(n) for n in work.base.words.others.get(locale, ())]
    return [n for n in shuffled(known or others, *seed, "other") if n]


def entity(work: Work, shelf: Shelf, case: Case, twin: Draft) -> Negative | None:
    """Ask the same about somebody whom the passages do not mention."""
    seed = _seed(work, shelf, case)
    own = entity_name(shelf.doc)
    if (case.facts[0].number or 0) < 0:  # a loss of one company says nothing of another's
        return None
    context = context_of(twin.passages)
    names = [n for n in _strangers(work, twin.locale, seed) if n != own and n not in context]
    if not names:
        return None
    moved = replace(case, entity=names[0])
    return _proved(
        work,
        shelf,
        moved,
        twin,
        "entity_not_in_context",
        says={"own": spaced(own, twin.locale)},
        labels=(),
        entity_aliases=(names[0],),
    )


def absent(work: Work, shelf: Shelf, case: Case, twin: Draft) -> Negative | None:
    """Ask for a figure that this document does not report anywhere."""
    words = work.base.words
    mine = words.term(case.facts[0])
    present = {f.name for f in shelf.doc.facts}
    known = {label for n in present if n in words.terms for label in words.terms[n].labels()}
    seed = (*_seed(work, shelf, case), "term")
    near = {
        name: term
        for name, term in words.terms.items()
        if name not in present
        and not term.derived
        and (term.nature == mine.nature if mine else term.nature in work.family.natures)
        and known.isdisjoint(term.labels())
    }
    nearest = {n: t for n, t in near.items() if not mine or t.topic == mine.topic}
    asked_of = [
        {name: n for name, n in work.peers.names.items() if name in some}
        for some in (nearest, near)
    ]
    names = weighted(asked_of[0] or asked_of[1], *seed) or shuffled(nearest, *seed)
    for name, term in [(name, near[name]) for name in names[:6]]:
        negative = _without(work, shelf, case, twin, name, term)
        if all(c.passed for c in negative.checks):
            return negative
    return None


def _without(work: Work, shelf: Shelf, case: Case, twin: Draft, name: str, term: Term) -> Negative:
    ghost = replace(case.facts[0], name=name, label=term.en, value="", as_reported="", number=None)
    return _proved(
        work,
        shelf,
        replace(case, facts=(ghost,)),
        twin,
        "field_absent",
        says={"covered": headings(twin.passages, shelf)},
        labels=tuple(dict.fromkeys([*term.labels(), term.bare("en"), term.bare("zh")])),
        facts_in_context=tuple(shelf.facts_in(twin.passages)),
    )


def premise(work: Work, shelf: Shelf, case: Case, twin: Draft) -> Negative | None:
    """Assume the opposite of what happened; the refusal corrects it and cites the figures.

    It is the twin's own question with the direction turned: nothing in its wording gives it away.
    """
    if len(case.facts) < 2 or case.facts[0].number == case.facts[1].number:
        return None
    question, phrasing = asked(work, shelf, replace(case, contrary=True), twin.locale)
    if question == twin.question:  # this wording assumes no direction
        return None
    new, old = case.facts[0], case.facts[1]
    rose = (new.number or 0) > (old.number or 0)
    detail = f"{old.fact_id} {'<' if rose else '>'} {new.fact_id}"
    return Negative(
        case=case,
        passages=twin.passages,
        reason="false_premise",
        checks=(Check(name="premise_contradicted", passed=True, detail=detail),),
        question=question,
        phrasing=phrasing,
        says={},
        cites=True,
    )


def evenly_turned(work: Work, shelf: Shelf, found: Sequence[Case]) -> Iterator[Case]:
    """Yield changes so that turned questions say "rose" as often as true ones do.

    Most figures rise. If every change were as likely to be turned, "fell" would stand mostly in
    false questions. So each turned question says "rose" with the share of rises in the split, and
    is made of a fall; where one kind has run out, there are no more.
    """
    rises = iter([c for c in found if _rose(c)])
    falls = iter([c for c in found if not _rose(c)])
    seed = (work.seed, work.family.id, shelf.doc.document_id)
    for number in range(len(found)):
        says_rise = fraction(*seed, "direction", number) < work.peers.rising
        case = next(falls if says_rise else rises, None)
        if case is None:
            return
        yield case


def _rose(case: Case) -> bool:
    if len(case.facts) < 2:
        return True
    return (case.facts[0].number or 0) > (case.facts[1].number or 0)
