"""Refusal negatives: the evidence is missing, so the answer declines and says what is needed.

Each one is a minimal pair: it starts from a case of the evidence family that it refuses (`of:`),
uses the very prompts of that family, and comes with the answered twin. Each carries a proof that
its context does not hold the answer; without the proof there is no sample.

Recipes: `remove` (the passages with the fact are taken out), `period` (another year is asked
for), `entity` (somebody else is asked about), `absent` (a figure that the document does not
report), `premise` (a question that assumes the wrong direction), `advice` (a question that no
document answers).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sftdata.chance import choose, rank, shuffled
from sftdata.families.cases import Case, answered, asked, cases, gold, values
from sftdata.families.display import display_title, short_name, spoken_name
from sftdata.families.draft import Draft, Work, cite, cited_answer, dated_evidence, to_sample
from sftdata.families.evident import time_told
from sftdata.families.family import Premise, Term
from sftdata.families.naming import bare_title, entity_name, listed, spaced
from sftdata.families.shelf import PassageText, Shelf
from sftdata.families.wording import bare_time, called, fill, moved_period, time_words
from sftdata.grounding.absence import Asked, prove_absent
from sftdata.types import Check, Sample

__all__ = ["samples"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Negative:
    """A question without an answer in this context, and what the refusal may say."""

    case: Case
    passages: tuple[PassageText, ...]
    reason: str
    checks: tuple[Check, ...]
    question: str
    phrasing: str
    says: dict[str, Any]
    """Further values for the refusal's template."""
    cites: bool = False
    """Whether the refusal quotes the facts (it corrects a premise, or tells what is reported)."""


def samples(work: Work, shelf: Shelf) -> Iterator[Sample]:
    """Yield pairs: the answered twin (of the evidence family), then the refusal."""
    recipe = _RECIPES[work.family.recipe]
    base = replace(work, family=work.base)
    made = 0
    for case in cases(work, shelf):
        if made >= work.family.per_document:
            return
        if not work.family.facts.matches(case.facts[0], work.base.words):
            continue
        twin_draft = answered(base, shelf, case)
        if twin_draft is None or twin_draft.locale not in work.family.locales:
            continue
        negative = recipe(work, shelf, case, twin_draft)
        if negative is None or not all(c.passed for c in negative.checks):
            continue
        twin = to_sample(twin_draft)
        made += 1
        yield twin
        yield to_sample(_refuse(work, shelf, negative, twin_draft, twin.sample_id))


def _refuse(work: Work, shelf: Shelf, negative: Negative, twin: Draft, twin_id: str) -> Draft:
    family, locale = work.family, twin.locale
    given = values(work, shelf, negative.case, locale, negative.passages) | negative.says
    where = f"{family.id}/{locale}/assistant.j2"
    text = fill(family.template(locale, "assistant") or "", locale, where, **given)
    needed = [
        fill(n, locale, f"{family.id}: needed", **given) for n in family.needed.get(locale, ())
    ]
    evidence = dated_evidence(shelf.doc, negative.case.facts, negative.passages)
    shown = evidence if negative.cites else ()
    answer = cited_answer(
        text,
        answerable=False,
        citations=[{"passage": cite(negative.passages, e), "quote": e.quote} for e in shown],
        confidence="none",
        reason=negative.reason,
        needed=needed,
    )
    return Draft(
        work=work,
        document=shelf.doc,
        locale=locale,
        question=negative.question,
        phrasing=negative.phrasing,
        passages=negative.passages,
        question_first=twin.question_first,
        completion=json.dumps(answer, ensure_ascii=False),
        answer=answer,
        evidence=shown,
        twin_of=twin_id,
        reason_code=negative.reason,
        checks=negative.checks,
    )


def _context(passages: Sequence[PassageText]) -> str:
    return "\n\n".join(f"{p.heading}\n{p.text}" for p in passages)


def _asked(work: Work, shelf: Shelf, case: Case, method: str, **more: Any) -> Asked:
    """Describe what is asked for, so that its absence can be proved."""
    facts = case.facts
    labels: list[str] = []
    for fact in facts:
        term = work.base.words.term(fact)
        labels += [*(term.labels() if term else ()), called(fact)]
    when = [time_words(f, shelf.doc, loc, shift=case.shift) for f in facts for loc in ("en", "zh")]
    given: dict[str, Any] = {
        "method": method,
        "values": tuple(f.as_reported for f in facts),
        "numbers": tuple(f.number for f in facts if f.number is not None),
        "labels": tuple(dict.fromkeys(x for x in labels if x)),
        "period": facts[0].period,
        "period_texts": tuple(dict.fromkeys(w for w in when if w)),
        "names": tuple(f.name for f in facts),
    }
    return Asked(**(given | more))


def _remove(work: Work, shelf: Shelf, case: Case, twin: Draft) -> Negative | None:
    """Take the passages that hold the fact out, and put others in their place."""
    homes = gold(shelf, case)
    asked_for = _asked(work, shelf, case, "span_removed")
    spec = work.base.context

    def silent(passage: PassageText) -> bool:
        facts = tuple(shelf.facts_in([passage]))
        alone = replace(asked_for, facts_in_context=facts)
        return all(c.passed for c in prove_absent(_context([passage]), alone))

    kept = [p for p in twin.passages if p not in homes and silent(p)]
    seed = (work.seed, work.family.id, shelf.doc.document_id, *case.lineage)
    others = [p for p in shelf.passages if p not in twin.passages and len(p.text) >= spec.shortest]
    near = sorted(others, key=lambda p: abs(p.start - homes[0].start))[:12]
    for passage in shuffled(near, *seed, "fill", key=lambda p: p.start):
        if len(kept) >= len(twin.passages):
            break
        if silent(passage):
            kept.append(passage)
    if len(kept) < min(2, len(twin.passages)):
        return None
    order = shelf.arranged(kept, spec, seed)
    checks = prove_absent(
        _context(order), replace(asked_for, facts_in_context=tuple(shelf.facts_in(order)))
    )
    return Negative(
        case=case,
        passages=tuple(order),
        reason="span_removed",
        checks=tuple(checks),
        question=twin.question,
        phrasing=twin.phrasing,
        says={"covered": _headings(order, shelf)},
    )


def _headings(passages: Sequence[PassageText], shelf: Shelf) -> list[str]:
    """Return what the passages are about: the titles of their sections."""
    mine = [p for p in passages if p.document_id == shelf.doc.document_id]
    titles = [
        bare_title(p.heading.removeprefix(display_title(shelf.doc)).lstrip(" —")) for p in mine
    ]
    told = [t for t in titles if t and t not in ("Table of contents", "Cover page")]
    return list(dict.fromkeys(f"“{t}”" for t in told))[:4]


def _period(work: Work, shelf: Shelf, case: Case, twin: Draft) -> Negative | None:
    """Ask for a year that the passages do not reach: the nearest such, which is the hardest."""
    seed = (work.seed, work.family.id, shelf.doc.document_id, *case.lineage)
    fact = case.facts[0]
    context = _context(twin.passages)
    shifts = shuffled((-1, 1, -2, -3) if fact.period else (), *seed, "shift")
    for shift in sorted(shifts, key=abs):
        moved = replace(case, shift=shift)
        period = moved_period(fact, shift)
        year = period.split("/")[-1][:4]
        if year in context or not time_words(fact, shelf.doc, "en", shift=shift):
            continue
        question, phrasing = asked(work, shelf, moved, twin.locale)
        checks = prove_absent(
            context,
            _asked(
                work,
                shelf,
                moved,
                "period_not_in_context",
                values=(),
                numbers=(),
                period=period,
                period_texts=(year,),
                facts_in_context=tuple(shelf.facts_in(twin.passages)),
            ),
        )
        return Negative(
            case=moved,
            passages=twin.passages,
            reason="period_not_in_context",
            checks=tuple(checks),
            question=question,
            phrasing=phrasing,
            says={"covered": _times(shelf, case, twin)},
        )
    return None


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


def _entity(work: Work, shelf: Shelf, case: Case, twin: Draft) -> Negative | None:
    """Ask the same about somebody whom the passages do not mention."""
    seed = (work.seed, work.family.id, shelf.doc.document_id, *case.lineage)
    own = entity_name(shelf.doc)
    if (case.facts[0].number or 0) < 0:  # a loss of one company says nothing of another's
        return None
    context = _context(twin.passages)
    known = [_called_short(n) for n in work.entities]
    others = [_called_short(n) for n in work.base.words.others.get(twin.locale, ())]
    pool = [n for n in known if n != own] or others
    names = [n for n in shuffled(pool, *seed, "other") if n and n not in context]
    if not names:
        return None
    moved = replace(case, entity=names[0])
    question, phrasing = asked(work, shelf, moved, twin.locale)
    checks = prove_absent(
        _context(twin.passages),
        _asked(
            work,
            shelf,
            moved,
            "entity_not_in_context",
            values=(),
            numbers=(),
            labels=(),
            entity_aliases=(names[0],),
        ),
    )
    return Negative(
        case=moved,
        passages=twin.passages,
        reason="entity_not_in_context",
        checks=tuple(checks),
        question=question,
        phrasing=phrasing,
        says={"own": spaced(own, twin.locale)},
    )


def _absent(work: Work, shelf: Shelf, case: Case, twin: Draft) -> Negative | None:
    """Ask for a figure that this document does not report anywhere."""
    seed = (work.seed, work.family.id, shelf.doc.document_id, *case.lineage)
    words = work.base.words
    mine = words.term(case.facts[0])
    present = {f.name for f in shelf.doc.facts}
    known = {label for n in present if n in words.terms for label in words.terms[n].labels()}
    near = [
        (name, term)
        for name, term in words.terms.items()
        if name not in present
        and not term.derived
        and (
            (term.nature, term.topic) == (mine.nature, mine.topic)
            if mine
            else term.nature in work.family.natures
        )
        and known.isdisjoint(term.labels())
    ]
    for name, term in shuffled(near, *seed, "term", key=lambda pair: pair[0])[:6]:
        negative = _without(work, shelf, case, twin, name, term)
        if all(c.passed for c in negative.checks):
            return negative
    return None


def _without(work: Work, shelf: Shelf, case: Case, twin: Draft, name: str, term: Term) -> Negative:
    ghost = replace(case.facts[0], name=name, label=term.en, value="", as_reported="", number=None)
    moved = replace(case, facts=(ghost,))
    question, phrasing = asked(work, shelf, moved, twin.locale)
    checks = prove_absent(
        _context(twin.passages),
        _asked(
            work,
            shelf,
            moved,
            "field_absent",
            values=(),
            numbers=(),
            labels=tuple(dict.fromkeys([*term.labels(), term.bare("en"), term.bare("zh")])),
            facts_in_context=tuple(shelf.facts_in(twin.passages)),
        ),
    )
    return Negative(
        case=moved,
        passages=twin.passages,
        reason="field_absent",
        checks=tuple(checks),
        question=question,
        phrasing=phrasing,
        says={"covered": _headings(twin.passages, shelf)},
    )


def _premise(work: Work, shelf: Shelf, case: Case, twin: Draft) -> Negative | None:
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


def _advice(work: Work, shelf: Shelf, case: Case, twin: Draft) -> Negative | None:
    """Ask what no document of this kind answers; the refusal tells what it does report.

    What it tells is of the newest period: somebody who asks about tomorrow wants no old figure.
    """
    last = shelf.doc.meta("period_end")
    if last and not (case.facts[0].period or "").endswith(last):
        return None
    seed = (work.seed, work.family.id, shelf.doc.document_id, *case.lineage)
    premise: Premise = choose(work.family.premises, *seed, "premise")
    wordings = premise.zh if twin.locale == "zh" else premise.en
    index = rank(*seed, "wording") % len(wordings)
    given = values(work, shelf, case, twin.locale, twin.passages)
    question = fill(wordings[index], twin.locale, f"{work.family.id}: premises", **given)
    checks = prove_absent(
        _context(twin.passages), _asked(work, shelf, case, premise.reason, values=(), numbers=())
    )
    return Negative(
        case=case,
        passages=twin.passages,
        reason=premise.reason,
        checks=tuple(checks),
        question=question,
        phrasing=f"{twin.locale}/{premise.reason}/{index}",
        says={"reason": premise.reason},
        cites=True,
    )


_RECIPES: dict[str, Callable[[Work, Shelf, Case, Draft], Negative | None]] = {
    "remove": _remove,
    "period": _period,
    "entity": _entity,
    "absent": _absent,
    "premise": _premise,
    "advice": _advice,
}
