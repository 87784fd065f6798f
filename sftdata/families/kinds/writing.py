"""Structured writing: passages in, a summary, outline or section out, each statement sourced.

Recipes: `figures` (facts in named roles with their change since the period before; the template
writes the prose), `record` (every fact of a document by role), `outline` (the headings of a
section), `section` (one section of a document from the others: what its author wrote).
"""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sftdata.chance import rank, shuffled
from sftdata.families.cases import change, entity_name, quotient, usable
from sftdata.families.draft import Draft, Work, cite, evidence_of, fact_key, pick, to_sample
from sftdata.families.shelf import PassageText, Shelf
from sftdata.families.wording import bare_time, fact_view, fill, span_of_time, time_words
from sftdata.grounding.numbers import ungrounded_numbers
from sftdata.types import Evidence, Fact, Sample, Section

__all__ = ["samples"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One text to be written: its context, what the template may name, what supports it."""

    passages: tuple[PassageText, ...]
    lineage: tuple[object, ...]
    says: dict[str, Any]
    evidence: tuple[Evidence, ...]
    facts: tuple[Fact, ...] = ()
    text: str = ""
    """The target itself, when the document holds it."""


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
        says = {"entity": entity_name(shelf), "title": doc.title, **piece.says.get(locale, {})}
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
    for period in sorted({f.period for f in anchor if f.period and "/" in f.period}):
        pairs = {
            role: pair
            for role, facts in roles.items()
            if (pair := _pair(facts, period)) is not None
        }
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


def _pair(facts: Sequence[Fact], period: str) -> tuple[Fact, Fact] | None:
    """Return the fact of a period and that of the like period one year before."""
    now = next((f for f in facts if f.period == period), None)
    if now is None or now.number is None:
        return None
    days = span_of_time(period)
    for fact in facts:
        if fact.period and "/" in fact.period and fact.unit == now.unit and fact.number:
            gap = span_of_time(f"{fact.period.split('/')[1]}/{period.split('/')[1]}")
            length = span_of_time(fact.period)
            if gap and length and days and 355 <= gap <= 380 and abs(length - days) <= 10:
                return now, fact
    return None


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
    when = [time_words(fact, shelf.doc, locale) for fact in first]
    return told | {
        "when": when[0],
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
                "cite": cite(passages, spot.start, spot.end),
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
    view = fact_view(now, work.family, locale, cite(passages, spot.start, spot.end))
    earlier = fact_view(before, work.family, locale)
    assert now.number is not None
    assert before.number is not None
    moved = change(now.number, before.number) if before.number > 0 and now.number > 0 else None
    return view | {
        "was_amount": earlier["amount"],
        "was_concept": earlier["concept"],
        "was_was": earlier["was"],
        "direction": moved["direction"] if moved else "",
        "percent": f"{moved['percent']}%" if moved else "",
    }


def _record(work: Work, shelf: Shelf) -> Iterator[Piece]:
    """One text per document: every matching fact, by role, from the whole document."""
    family, doc = work.family, shelf.doc
    if len(doc.text) > family.context.max_chars:
        return
    facts = [f for f in doc.facts if family.facts.matches(f, family.words)]
    roles: dict[str, list[Fact]] = {
        role: [f for f in facts if any(fnmatch.fnmatchcase(f.name, n) for n in names)]
        for role, names in family.roles.items()
    }
    if not all(roles.get(role) for role in family.required_roles):
        return
    whole = PassageText(
        document_id=doc.document_id, start=0, end=len(doc.text), heading=doc.title, text=doc.text
    )
    says = {
        loc: {
            role: [
                fact_view(f, family, loc, "P1") | {"when": time_words(f, doc, loc)} for f in found
            ]
            for role, found in roles.items()
        }
        for loc in family.locales
    }
    used = [f for found in roles.values() for f in found]
    yield Piece(
        passages=(whole,),
        lineage=("record",),
        says=says,
        evidence=tuple(dict.fromkeys(evidence_of(doc, f) for f in used)),
        facts=tuple(used),
    )


def _outline(work: Work, shelf: Shelf) -> Iterator[Piece]:
    """Runs of consecutive headings of a section, with their bodies as passages."""
    family, doc = work.family, shelf.doc
    for section in shelf.section(family.context.sections):
        heads = [
            s
            for s in doc.sections
            if s.kind == "heading" and section.start <= s.start and s.end <= section.end
        ]
        bodies = [_body(shelf, head, heads, section) for head in heads]
        for run in _runs(bodies, family.context.passages, family.context.max_chars):
            passages = tuple(p for _, p in run)
            says = {
                "headings": [h.title for h, _ in run],
                "items": [
                    {"heading": h.title.rstrip(" .。"), "cite": f"P{i}"}
                    for i, (h, _) in enumerate(run, 1)
                ],
            }
            evidence = tuple(_heading_evidence(shelf, h, p) for h, p in run)
            yield Piece(
                passages=passages,
                lineage=(passages[0].start,),
                says=dict.fromkeys(family.locales, says),
                evidence=evidence,
            )


def _body(
    shelf: Shelf, head: Section, heads: Sequence[Section], section: Section
) -> tuple[Section, PassageText]:
    later = [h.start for h in heads if h.start > head.start]
    end = min([*later, section.end])
    text = shelf.doc.text[head.start : end].rstrip()
    passage = PassageText(
        document_id=shelf.doc.document_id,
        start=head.start,
        end=head.start + len(text),
        heading=f"{shelf.doc.title} — {section.title}",
        text=text,
    )
    return head, passage


def _heading_evidence(shelf: Shelf, head: Section, passage: PassageText) -> Evidence:
    line_end = passage.text.find("\n")
    end = passage.start + (line_end if line_end > 0 else len(passage.text))
    return Evidence(
        document_id=shelf.doc.document_id,
        start=head.start,
        end=end,
        quote=shelf.doc.text[head.start : end],
    )


def _runs(
    bodies: Sequence[tuple[Section, PassageText]], size: tuple[int, int], max_chars: int
) -> Iterator[list[tuple[Section, PassageText]]]:
    """Cut into runs of headings that have a body, within the context's limits."""
    run: list[tuple[Section, PassageText]] = []
    for head, passage in bodies:
        has_body = len(passage.text) - len(head.title) >= 200
        fits = sum(len(p.text) for _, p in run) + len(passage.text) <= max_chars
        if has_body and fits and len(run) < size[1]:
            run.append((head, passage))
            continue
        if len(run) >= size[0]:
            yield run
        run = [(head, passage)] if has_body and len(passage.text) <= max_chars else []
    if len(run) >= size[0]:
        yield run


def _section(work: Work, shelf: Shelf) -> Iterator[Piece]:
    """One section as its author wrote it, from the sections before it."""
    family, doc = work.family, shelf.doc
    for target in shelf.section(family.target):
        body = _without_title(doc.text[target.start : target.end], target.title)
        sources = [s for s in shelf.section(family.context.sections) if s.end <= target.start]
        passages = tuple(_whole(shelf, s) for s in sources if s.end - s.start > 40)
        context = "\n\n".join(p.text for p in passages)
        if not (family.context.passages[0] <= len(passages) <= family.context.passages[1]):
            continue
        if len(context) > family.context.max_chars or not _supported(body, context):
            continue
        start = doc.text.find(body, target.start, target.end)
        yield Piece(
            passages=passages,
            lineage=(target.start,),
            says={loc: {"section": target.title} for loc in family.locales},
            evidence=(
                Evidence(
                    document_id=doc.document_id, start=start, end=start + len(body), quote=body
                ),
            ),
            text=body,
        )


def _without_title(text: str, title: str) -> str:
    body = text.strip()
    if title and body.lower().startswith(title.lower()):
        body = body[len(title) :]
    return body.lstrip(" :：\n").strip()


def _whole(shelf: Shelf, section: Section) -> PassageText:
    text = shelf.doc.text[section.start : section.end].rstrip()
    return PassageText(
        document_id=shelf.doc.document_id,
        start=section.start,
        end=section.start + len(text),
        heading=shelf.doc.title,
        text=text,
    )


def _supported(target: str, context: str) -> bool:
    """Return whether a target can be written from its context.

    It brings no number of its own, and most of its content words stand there.
    """
    if not 60 <= len(target) <= 2500 or len(context) < 2 * len(target):
        return False
    if ungrounded_numbers(target, context):
        return False
    words = {w.strip(".,;:()").lower() for w in target.split()}
    content = {w for w in words if len(w) > 4}
    known = context.lower()
    return bool(content) and sum(w[:6] in known for w in content) / len(content) >= 0.7


_RECIPES: dict[str, Callable[[Work, Shelf], Iterator[Piece]]] = {
    "figures": _figures,
    "record": _record,
    "outline": _outline,
    "section": _section,
}
