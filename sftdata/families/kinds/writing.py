"""Structured writing: passages in, a summary, outline or section out, each statement sourced.

Recipes: `figures` (facts in named roles with their change since the period before; the template
writes the prose), `digest` (the figures of one section), `record` (every fact of a document by
role), `outline` (the headings of a
section), `section` (one section of a document from the others: what its author wrote).
"""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any

from sftdata.chance import rank, shuffled
from sftdata.families.cases import usable
from sftdata.families.display import display_title
from sftdata.families.draft import Draft, Work, cite, evidence_of, fact_key, pick, to_sample
from sftdata.families.evident import common_ways, time_told
from sftdata.families.excerpts import Piece, outline, parts, section
from sftdata.families.figures import change, like_before, newest, quotient
from sftdata.families.naming import bare_title, entity_name, patient_words, spaced
from sftdata.families.shelf import PassageText, Shelf
from sftdata.families.wording import bare_time, fact_view, fill, time_words
from sftdata.types import Fact, Sample

__all__ = ["samples"]


def samples(work: Work, shelf: Shelf) -> Iterator[Sample]:
    """Yield the family's samples of one document, at most `per_document`."""
    family, doc = work.family, shelf.doc
    seed = (work.seed, family.id, doc.document_id)
    found = list(_RECIPES[family.recipe](work, shelf))
    made = 0
    for piece in shuffled(found, *seed, key=lambda p: p.lineage):
        if made >= family.per_document:
            return
        locale = work.locale(doc.document_id, *piece.lineage)
        source, phrasing = pick(family.questions[locale], locale, *seed, *piece.lineage)
        says = {
            "entity": spaced(entity_name(doc), locale),
            "who": patient_words(doc, locale),
            "title": display_title(doc),
            **piece.says.get(locale, {}),
        }
        question = fill(source, locale, f"{family.id}: questions", **says)
        text = piece.text or _write(work, locale, says, (*seed, *piece.lineage))
        if not text:
            continue
        made += 1
        yield to_sample(
            Draft(
                work=work,
                document=doc,
                locale=locale,
                question=question,
                phrasing=phrasing,
                passages=piece.passages,
                completion=text,
                answer={"text": text},
                evidence=piece.evidence,
                facts=tuple(dict.fromkeys(fact_key(f) for f in piece.facts)),
            )
        )


def _write(work: Work, locale: str, says: dict[str, Any], seed: tuple[object, ...]) -> str:
    source = work.family.template(locale, "assistant")
    if source is None:
        return ""
    where = f"{work.family.id}/{locale}/assistant.j2"
    return fill(source, locale, where, **says, variant=rank(*seed, "variant"))


def _by_role(work: Work, facts: Sequence[Fact]) -> dict[str, list[Fact]]:
    """Assign facts to roles: a role takes the facts of its first name that occurs."""
    roles = {}
    for role, names in work.family.roles.items():
        for name in names:
            found = [f for f in facts if fnmatch.fnmatchcase(f.name, name)]
            if found:
                roles[role] = found
                break
    return roles


def _figures(work: Work, shelf: Shelf) -> Iterator[Piece]:
    """One text per period: each role's figure and its change since the like period before."""
    roles = _by_role(work, usable(work, shelf))
    if any(role not in roles for role in work.family.required_roles):
        return
    anchor = roles[work.family.required_roles[0]]
    last = shelf.doc.meta("period_end")
    for period in sorted({f.period for f in anchor if f.period}):
        if "/" not in period and last and period != last:  # an old balance against an older one
            continue
        pairs = {
            role: pair
            for role, facts in roles.items()
            if (pair := like_before(facts, period)) is not None and common_ways(shelf, pair)
        }
        first = pairs.get(work.family.required_roles[0])
        pairs = {r: p for r, p in pairs.items() if first and p[1].period == first[1].period}
        if any(role not in pairs for role in work.family.required_roles):
            continue
        facts = [f for pair in pairs.values() for f in pair]
        homes = [h for f in facts if (h := shelf.home(f)) is not None]
        seed = (work.seed, work.family.id, shelf.doc.document_id, period)
        passages = shelf.context(list(dict.fromkeys(homes)), work.family.context, seed)
        if passages is None:
            continue
        yield Piece(
            passages=passages,
            lineage=(period,),
            says={loc: _told(work, shelf, pairs, passages, loc) for loc in work.family.locales},
            evidence=tuple(dict.fromkeys(evidence_of(shelf.doc, f) for f in facts)),
            facts=tuple(facts),
        )


def _told(
    work: Work,
    shelf: Shelf,
    pairs: dict[str, tuple[Fact, Fact]],
    passages: Sequence[PassageText],
    locale: str,
) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for role in work.family.roles:
        told[role] = None
        if role in pairs:
            now, before = pairs[role]
            told[role] = _movement(work, shelf, now, before, passages, locale)
    first = next(iter(pairs.values()))
    when = _times(shelf, first, locale)
    return told | {
        "when": when[0],
        "time": bare_time(when[0]),
        "before": bare_time(when[1]),
        "ratios": _ratios(work, shelf, pairs, passages, locale),
    }


def _ratios(
    work: Work,
    shelf: Shelf,
    pairs: dict[str, tuple[Fact, Fact]],
    passages: Sequence[PassageText],
    locale: str,
) -> list[dict[str, str]]:
    """Return the family's ratios for both periods, where both figures are there."""
    found = []
    by_name = {pair[0].name: pair for pair in pairs.values()}
    for ratio in work.family.ratios:
        top = next((by_name[n] for n in ratio.numerator if n in by_name), None)
        bottom = next((by_name[n] for n in ratio.denominator if n in by_name), None)
        if top is None or bottom is None or min(f.number or 0 for f in (*top, *bottom)) <= 0:
            continue
        spot = evidence_of(shelf.doc, top[0])
        found.append(
            {
                "name": ratio.zh if locale == "zh" else ratio.en,
                "now": quotient(ratio, top[0], bottom[0]),
                "before": quotient(ratio, top[1], bottom[1]),
                "cite": cite(passages, spot),
            }
        )
    return found


def _movement(
    work: Work,
    shelf: Shelf,
    now: Fact,
    before: Fact,
    passages: Sequence[PassageText],
    locale: str,
) -> dict[str, Any]:
    spot = evidence_of(shelf.doc, now)
    view = fact_view(now, work.family, locale, cite(passages, spot))
    earlier = fact_view(before, work.family, locale)
    assert now.number is not None
    assert before.number is not None
    direction, percent = "", ""
    if before.number > 0 and now.number > 0:
        moved = change(now.number, before.number)
        direction, percent = moved["direction"], f"{moved['percent']}%"
        if moved["percent"] > 999:
            direction = ""
        elif not moved["percent"] and direction != "flat":
            direction = "level"
        if now.unit == "pure" and now.scale == -2:
            percent = _points(now.number - before.number, locale)
    when = _times(shelf, (now, before), locale)
    return view | {
        "when": when[0],
        "before": bare_time(when[1]),
        "before_when": when[1],
        "was_amount": earlier["amount"],
        "was_concept": earlier["concept"],
        "was_was": earlier["was"],
        "direction": direction,
        "percent": percent,
    }


def _points(difference: Decimal, locale: str) -> str:
    """Return the change of a rate, which is in points, not in per cent of itself."""
    points = f"{abs(difference) * 100:f}".rstrip("0").rstrip(".")
    if locale == "zh":
        return f"{points}个百分点"
    return f"{points} percentage point{'' if points == '1' else 's'}"


def _times(shelf: Shelf, facts: Sequence[Fact], locale: str) -> list[str]:
    """Return the times of facts, all by day or all by fiscal year, as their rows show them."""
    labelled = time_told(shelf, facts)
    return [time_words(f, shelf.doc, locale, labelled=labelled) for f in facts]


def _record(work: Work, shelf: Shelf) -> Iterator[Piece]:
    """One text per document: every matching fact, by role, from the whole document."""
    family, doc = work.family, shelf.doc
    if len(doc.text) > family.context.max_chars:
        return
    facts = [f for f in doc.facts if family.facts.matches(f, family.words)]
    roles: dict[str, list[Fact]] = {
        role: _once(f for f in facts if any(_plays(f, n) for n in names))
        for role, names in family.roles.items()
    }
    if not all(roles.get(role) for role in family.required_roles):
        return
    whole = shelf.whole()
    used = [f for found in roles.values() for f in found]
    if len(used) < family.answer.least:
        return
    says = {
        loc: {role: _in_turn(work, shelf, found, loc) for role, found in roles.items()}
        for loc in family.locales
    }
    yield Piece(
        passages=(whole,),
        lineage=("record",),
        says=says,
        evidence=tuple(dict.fromkeys(evidence_of(doc, f) for f in used)),
        facts=tuple(used),
    )


def _in_turn(work: Work, shelf: Shelf, facts: Sequence[Fact], locale: str) -> list[dict[str, Any]]:
    """Return the views of a role's facts: which is the latest of its name, and the one before."""
    by_name: dict[str, list[Fact]] = {}
    for fact in sorted(facts, key=lambda f: f.period or ""):
        by_name.setdefault(fact.name, []).append(fact)

    def view(fact: Fact) -> dict[str, Any]:
        seen = fact_view(fact, work.family, locale, "P1")
        return seen | {"when": time_words(fact, shelf.doc, locale)}

    told = []
    for fact in facts:
        same = by_name[fact.name]
        is_latest = fact is same[-1]
        earlier = view(same[-2]) if is_latest and len(same) > 1 else None
        told.append(view(fact) | {"latest": is_latest, "earlier": earlier})
    return told


def _plays(fact: Fact, pattern: str) -> bool:
    """Return whether a fact plays a role: by its name, or by `attribute=value`."""
    kind, equals, value = pattern.partition("=")
    if equals:
        return fnmatch.fnmatchcase(fact.attribute(kind), value)
    return fnmatch.fnmatchcase(fact.name, pattern)


def _once(facts: Iterable[Fact]) -> list[Fact]:
    """Return the facts without those that say the same again."""
    said: dict[tuple[object, ...], Fact] = {}
    for fact in facts:
        said.setdefault((fact.name, fact.value, fact.period, fact.attributes), fact)
    return list(said.values())


def _digest(work: Work, shelf: Shelf) -> Iterator[Piece]:
    """The figures of one section (a note): each name once, newest first, with the one before."""
    family, doc = work.family, shelf.doc
    facts = usable(work, shelf)
    for part in shelf.section(family.context.sections):
        passages = tuple(p for p in shelf.passages if part.start <= p.start < part.end)
        passages = passages[: family.context.passages[1]]
        if not passages or sum(len(p.text) for p in passages) > family.context.max_chars:
            continue
        inside = [f for f in facts if (h := shelf.home(f)) is not None and h in passages]
        pairs = newest(sorted(inside, key=lambda f: f.start or 0))
        last = doc.meta("period_end")
        pairs = [(now, before) for now, before in pairs if (now.period or "").endswith(last)]
        if not 3 <= len(pairs) <= 10:
            continue
        used = [f for pair in pairs for f in pair if f is not None]
        says = {}
        for loc in family.locales:
            told = []
            for now, before in pairs:
                if before is None:
                    spot = evidence_of(doc, now)
                    view = fact_view(now, family, loc, cite(passages, spot))
                    told.append(view | {"when": _times(shelf, [now], loc)[0], "direction": "alone"})
                else:
                    told.append(_movement(work, shelf, now, before, passages, loc))
            says[loc] = {"items": told, "section": bare_title(part.title)}
        yield Piece(
            passages=passages,
            lineage=(part.start,),
            says=says,
            evidence=tuple(dict.fromkeys(evidence_of(doc, f) for f in used)),
            facts=tuple(used),
        )


_RECIPES: dict[str, Callable[[Work, Shelf], Iterator[Piece]]] = {
    "figures": _figures,
    "digest": _digest,
    "record": _record,
    "outline": outline,
    "parts": parts,
    "section": section,
}
