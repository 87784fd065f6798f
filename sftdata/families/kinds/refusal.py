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
from collections.abc import Callable, Iterator
from dataclasses import replace

from sftdata.chance import choose, rank, shuffled
from sftdata.families.cases import Case, answered, cases, gold, values
from sftdata.families.draft import Draft, Work, cite, cited_answer, dated_evidence, to_sample
from sftdata.families.family import Premise
from sftdata.families.negatives import Negative, asked_for, context_of, headings
from sftdata.families.shelf import PassageText, Shelf
from sftdata.families.swaps import absent, entity, evenly_turned, period, premise
from sftdata.families.wording import fill
from sftdata.grounding.absence import prove_absent
from sftdata.types import Sample

__all__ = ["samples"]


def samples(work: Work, shelf: Shelf) -> Iterator[Sample]:
    """Yield pairs: the answered twin (of the evidence family), then the refusal."""
    recipe = _RECIPES[work.family.recipe]
    base = replace(work, family=work.base)
    made = 0
    found = cases(work, shelf)
    if work.family.recipe == "premise" and work.peers.known:
        found = list(evenly_turned(work, shelf, found))
    for case in found:
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


def _remove(work: Work, shelf: Shelf, case: Case, twin: Draft) -> Negative | None:
    """Take the passages that hold the fact out, and put others in their place."""
    homes = gold(shelf, case)
    missing = asked_for(work, shelf, case, "span_removed")
    spec = work.base.context

    def silent(passage: PassageText) -> bool:
        facts = tuple(shelf.facts_in([passage]))
        alone = replace(missing, facts_in_context=facts)
        return all(c.passed for c in prove_absent(context_of([passage]), alone))

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
        context_of(order), replace(missing, facts_in_context=tuple(shelf.facts_in(order)))
    )
    return Negative(
        case=case,
        passages=tuple(order),
        reason="span_removed",
        checks=tuple(checks),
        question=twin.question,
        phrasing=twin.phrasing,
        says={"covered": headings(order, shelf)},
    )


def _advice(work: Work, shelf: Shelf, case: Case, twin: Draft) -> Negative | None:
    """Ask what no document of this kind answers; the refusal tells what it does report.

    What it tells is of the newest period: somebody who asks about tomorrow wants no old figure.
    """
    last = shelf.doc.meta("period_end")
    if last and not (case.facts[0].period or "").endswith(last):
        return None
    seed = (work.seed, work.family.id, shelf.doc.document_id, *case.lineage)
    wrong: Premise = choose(work.family.premises, *seed, "premise")
    wordings = wrong.zh if twin.locale == "zh" else wrong.en
    index = rank(*seed, "wording") % len(wordings)
    given = values(work, shelf, case, twin.locale, twin.passages)
    question = fill(wordings[index], twin.locale, f"{work.family.id}: premises", **given)
    checks = prove_absent(
        context_of(twin.passages), asked_for(work, shelf, case, wrong.reason, values=(), numbers=())
    )
    return Negative(
        case=case,
        passages=twin.passages,
        reason=wrong.reason,
        checks=tuple(checks),
        question=question,
        phrasing=f"{twin.locale}/{wrong.reason}/{index}",
        says={"reason": wrong.reason},
        cites=True,
    )


_RECIPES: dict[str, Callable[[Work, Shelf, Case, Draft], Negative | None]] = {
    "remove": _remove,
    "period": period,
    "entity": entity,
    "absent": absent,
    "premise": premise,
    "advice": _advice,
}
