"""Extraction: passages in, JSON of a fixed schema out; every value is a tagged fact.

Recipes: `object` (one record from a section, e.g. a cover page), `list` (every matching fact of a
passage), `table` (a statement as rows and periods), `named` (the values of the fields that the
question names, null for one that the passage does not mention).
"""

from __future__ import annotations

import fnmatch
import json
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from sftdata.chance import shuffled
from sftdata.families.display import display_title
from sftdata.families.draft import Draft, Work, evidence_of, fact_key, pick, to_sample
from sftdata.families.evident import all_tagged, month_count, prose_parts
from sftdata.families.family import FieldSource, Term
from sftdata.families.figures import display_unit, printed
from sftdata.families.itemised import every_item_is_a_fact
from sftdata.families.shelf import PassageText, Shelf
from sftdata.families.tables import read_table, table_parts
from sftdata.families.wording import fill
from sftdata.grounding.asked import pattern
from sftdata.text import normalise
from sftdata.types import Fact, Sample, Section

__all__ = ["samples"]

Found = tuple[tuple[PassageText, ...], dict[str, Any], list[Fact]]


def samples(work: Work, shelf: Shelf) -> Iterator[Sample]:
    """Yield the family's samples of one document, at most `per_document`."""
    family, doc = work.family, shelf.doc
    seed = (work.seed, family.id, doc.document_id)
    found = list(_RECIPES[family.recipe](work, shelf))
    order = shuffled(found, *seed, key=lambda f: f[0][0].start)
    for passages, answer, facts in order[: family.per_document]:
        lineage = (*seed, passages[0].start)
        locale = work.locale(*lineage)
        source, phrasing = pick(family.questions[locale], locale, *lineage)
        asked = next(iter(answer.values()), None)
        question = fill(
            source,
            locale,
            f"{family.id}: questions",
            title=display_title(doc),
            fields=list(asked) if isinstance(asked, dict) else list(answer),
        )
        yield to_sample(
            Draft(
                work=work,
                document=doc,
                locale=locale,
                question=question,
                phrasing=phrasing,
                passages=passages,
                completion=json.dumps(answer, ensure_ascii=False),
                answer=answer,
                evidence=tuple(dict.fromkeys(evidence_of(doc, f) for f in facts)),
                facts=tuple(dict.fromkeys(fact_key(f) for f in facts)),
            )
        )


def _passage_of(shelf: Shelf, section: Section) -> PassageText:
    """Return a section as one passage."""
    doc = shelf.doc
    text = doc.text[section.start : section.end]
    start = section.start + len(text) - len(text.lstrip())
    end = start + len(text.strip())
    title = display_title(doc)
    heading = f"{title} — {section.title}" if section.title else title
    return PassageText(
        document_id=doc.document_id, start=start, end=end, heading=heading, text=text.strip()
    )


def _scopes(work: Work, shelf: Shelf) -> list[PassageText]:
    """Return the candidate contexts: whole sections, or the passages inside them."""
    spec = work.family.context
    if spec.whole and not spec.sections:
        found = [shelf.whole()]
    elif spec.whole:
        found = [_passage_of(shelf, s) for s in shelf.section(spec.sections)]
    elif spec.sections:
        inside = shelf.section(spec.sections)
        found = [p for p in shelf.passages if any(s.start <= p.start < s.end for s in inside)]
    else:
        found = list(shelf.passages)
    return [p for p in dict.fromkeys(found) if 0 < len(p.text) <= spec.max_chars]


def _matching(work: Work, shelf: Shelf, passage: PassageText) -> list[Fact]:
    family = work.family
    inside = [f for f in shelf.facts_in([passage]) if family.facts.matches(f, family.words)]
    newest_first = sorted(inside, key=lambda f: (f.period or "", f.fact_id), reverse=True)
    return sorted(newest_first, key=lambda f: f.start or 0)


def _complete(work: Work, shelf: Shelf, passage: PassageText, facts: Sequence[Fact]) -> bool:
    """Return whether the lists that must be read to their end were."""
    parts = shelf.section(work.family.answer.complete)
    inside = [s for s in parts if s.start < passage.end and s.end > passage.start]
    return all(every_item_is_a_fact(shelf.doc, part, facts) for part in inside)


def _object(work: Work, shelf: Shelf) -> Iterator[Found]:
    """One record per section."""
    spec = work.family.answer
    for passage in _scopes(work, shelf):
        facts = _matching(work, shelf, passage)
        answer: dict[str, Any] = {}
        used: list[Fact] = []
        for name, source in spec.fields.items():
            chosen = _chosen(facts, source)
            used += chosen
            _put(answer, name, _field(chosen, source))
        if all(answer.get(name) not in (None, []) for name in spec.required) and used:
            if not _complete(work, shelf, passage, used):
                continue
            yield (passage,), answer, used


def _put(answer: dict[str, Any], name: str, value: Any) -> None:
    outer, dot, inner = name.partition(".")
    if dot:
        _put(answer.setdefault(outer, {}), inner, value)
    else:
        answer[name] = value


def _chosen(facts: Sequence[Fact], source: FieldSource) -> list[Fact]:
    if source.nested:
        return [f for f in facts if f.name in source.fact]
    for name in source.fact:
        found = [f for f in facts if fnmatch.fnmatchcase(f.name, name) and source.admits(f)]
        if found:
            return found if source.many else found[:1]
    return []


def _field(chosen: Sequence[Fact], source: FieldSource) -> Any:
    if source.nested:
        groups: dict[str, dict[str, str | None]] = {}
        for fact in chosen:
            groups.setdefault(fact.attribute(source.by), {})[fact.name] = _neat(fact.value or "")
        return [{k: g.get(name) for k, name in source.nested.items()} for g in groups.values()]
    if source.many:
        return list(dict.fromkeys(taken(f, source.take) for f in chosen))
    return taken(chosen[0], source.take) if chosen else None


def taken(fact: Fact, take: str) -> str | int | None:
    """Return one aspect of a fact as text; None when it has none.

    `displayed` is the number as printed, with its sign and without separators; `display_unit`
    says in what: `USD millions`; `months` is the length of its reporting period, a number.
    """
    kind, _, attribute = take.partition(":")
    if kind == "attribute":
        return fact.attribute(attribute) or None
    if kind == "displayed":
        return printed(fact) if fact.number is not None else fact.value
    if kind == "display_unit":
        return display_unit(fact)
    if kind == "directions":
        return _directions(fact)
    if kind == "months":
        return month_count(fact.period or "")
    if kind == "concept":
        return fact.name.split(":", 1)[-1]
    if kind == "members":
        members = [d.value.split(":", 1)[-1] for d in fact.dimensions]
        return "; ".join(members) or None
    if kind in ("period_start", "period_end"):
        days = (fact.period or "").split("/")
        return (days[0] if kind == "period_start" and len(days) == 2 else None) or (
            days[-1] if kind == "period_end" and days[-1] else None
        )
    found = getattr(fact, kind)
    return _neat(str(found)) if found not in (None, "") else None


_HAN = re.compile(r"[\u4e00-\u9fff]")


def _directions(fact: Fact) -> str | None:
    """Return how a drug is to be taken, as the record prints it; of a note, its parts in a row."""
    written = fact.attribute("directions") or fact.attribute("instruction")
    parts = [fact.attribute(k) for k in ("dose", "route", "frequency", "as_needed")]
    comma = "，" if any(_HAN.search(p) for p in parts) else ", "
    return written or comma.join(p for p in parts if p) or None


def _neat(text: str) -> str:
    """Return a value without marks that belong to the line around it: `Dallas,` and `(972)`."""
    bare = text.strip().rstrip(",;").rstrip()
    inner = bare[1:-1]
    return inner if bare == f"({inner})" and inner.isdigit() else bare


def _list(work: Work, shelf: Shelf) -> Iterator[Found]:
    """Every matching fact of a passage, in reading order."""
    spec = work.family.answer
    prose = work.family.facts.where == "prose"
    scopes = _scopes(work, shelf)
    if prose:
        scopes = [part for scope in scopes for part in prose_parts(shelf, scope)]
    for passage in scopes:
        facts = _matching(work, shelf, passage)
        items: list[dict[str, Any]] = []
        for fact in facts:
            item = {name: taken(fact, take) for name, take in spec.item.items()}
            if item not in items:
                items.append(item)
        whole = _complete(work, shelf, passage, facts)
        if prose:
            whole = whole and all_tagged(shelf, passage, facts)
        if spec.least <= len(items) <= spec.most and whole:
            yield (passage,), {spec.key: items}, facts


def _table(work: Work, shelf: Shelf) -> Iterator[Found]:
    """A statement: one row per line, one value per column, as printed."""
    spec = work.family.answer
    scopes = _scopes(work, shelf)
    if not work.family.context.whole:
        scopes = [part for scope in scopes for part in table_parts(scope)]
    for passage in scopes:
        facts = _matching(work, shelf, passage)
        table = read_table(shelf, passage, facts) if facts else None
        if table is not None and spec.least <= len(table["rows"]) <= spec.most:
            yield (passage,), table, facts


def _named(work: Work, shelf: Shelf) -> Iterator[Found]:
    """The fields that a question names: those told once, and one that is not mentioned at all."""
    spec, words = work.family.answer, work.family.words
    for passage in _scopes(work, shelf):
        by_name: dict[str, list[Fact]] = {}
        for fact in _matching(work, shelf, passage):
            by_name.setdefault(fact.name, []).append(fact)
        told = [
            same[0]
            for name, same in by_name.items()
            if len(same) == 1 and name in words.terms and _mentions(passage, words.terms[name]) == 1
        ]
        if not spec.least <= len(told) <= spec.most:
            continue
        seed = (work.seed, work.family.id, shelf.doc.document_id, passage.start)
        fields: dict[str, Any] = {
            f.name.split(":", 1)[-1]: {n: taken(f, take) for n, take in spec.item.items()}
            for f in told
        }
        ghosts = [
            name
            for name, term in words.terms.items()
            if name not in by_name
            and work.family.facts.admits_name(name, term)
            and not _mentions(passage, term)
        ]
        for name in shuffled(ghosts, *seed, "ghost")[:1]:
            fields[name.split(":", 1)[-1]] = None
        order = shuffled(fields, *seed, "fields")
        yield (passage,), {spec.key: {name: fields[name] for name in order}}, told


def _mentions(passage: PassageText, term: Term) -> int:
    """Count how often a passage names a term, by any of its names."""
    text = normalise(passage.text)
    spans = sorted(m.span() for label in term.labels() for m in pattern(label).finditer(text))
    count, end = 0, -1
    for start, stop in spans:
        count += start > end + 1
        end = max(end, stop)
    return count


_RECIPES: dict[str, Callable[[Work, Shelf], Iterator[Found]]] = {
    "object": _object,
    "list": _list,
    "named": _named,
    "table": _table,
}
