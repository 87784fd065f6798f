"""Extraction: passages in, JSON of a fixed schema out; every value is a tagged fact.

Recipes: `object` (one record from a section, e.g. a cover page), `list` (every matching fact of a
passage), `table` (a statement as rows and periods).
"""

from __future__ import annotations

import fnmatch
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from sftdata.chance import shuffled
from sftdata.families.display import display_title
from sftdata.families.draft import Draft, Work, evidence_of, fact_key, pick, to_sample
from sftdata.families.family import FieldSource
from sftdata.families.figures import printed
from sftdata.families.shelf import PassageText, Shelf
from sftdata.families.wording import fill
from sftdata.types import Fact, Sample, Section

__all__ = ["samples"]

_SCALES = {3: "thousands", 6: "millions", 9: "billions"}
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
        question = fill(source, locale, f"{family.id}: questions", title=display_title(doc))
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
    if spec.whole:
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
    return sorted(inside, key=lambda f: (f.start or 0, f.fact_id))


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
    for pattern in source.fact:
        found = [
            f
            for f in facts
            if fnmatch.fnmatchcase(f.name, pattern)
            and (source.dimensions == "any" or (source.dimensions == "some") == bool(f.dimensions))
        ]
        if found:
            return found if source.many else found[:1]
    return []


def _field(chosen: Sequence[Fact], source: FieldSource) -> Any:
    if source.nested:
        groups: dict[str, dict[str, str | None]] = {}
        for fact in chosen:
            groups.setdefault(fact.attribute(source.by), {})[fact.name] = fact.value
        return [{k: g.get(name) for k, name in source.nested.items()} for g in groups.values()]
    if source.many:
        return list(dict.fromkeys(taken(f, source.take) for f in chosen))
    return taken(chosen[0], source.take) if chosen else None


def taken(fact: Fact, take: str) -> str | None:
    """Return one aspect of a fact as text; None when it has none.

    `displayed` is the number as printed, with its sign and without separators; `display_unit`
    says in what: `USD millions`.
    """
    kind, _, attribute = take.partition(":")
    if kind == "attribute":
        return fact.attribute(attribute) or None
    if kind == "displayed":
        return printed(fact) if fact.number is not None else fact.value
    if kind == "display_unit":
        if fact.unit == "pure":
            return "percent" if fact.scale == -2 else None
        scale = _SCALES.get(fact.scale, "")
        return f"{fact.unit or ''} {scale}".strip() or None
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
    return str(found) if found not in (None, "") else None


def _list(work: Work, shelf: Shelf) -> Iterator[Found]:
    """Every matching fact of a passage, in reading order."""
    spec = work.family.answer
    for passage in _scopes(work, shelf):
        facts = _matching(work, shelf, passage)
        items: list[dict[str, Any]] = []
        for fact in facts:
            item = {name: taken(fact, take) for name, take in spec.item.items()}
            if item not in items:
                items.append(item)
        if spec.least <= len(items) <= spec.most:
            yield (passage,), {spec.key: items}, facts


def _table(work: Work, shelf: Shelf) -> Iterator[Found]:
    """A statement: one row per line, one value per column, as printed."""
    spec = work.family.answer
    for passage in _scopes(work, shelf):
        facts = [f for f in _matching(work, shelf, passage) if f.attribute("column")]
        lines: dict[int, list[Fact]] = {}
        for fact in facts:
            if fact.row_start is not None and fact.label:
                lines.setdefault(fact.row_start, []).append(fact)
        if len({f.attribute("table_start") for f in facts}) != 1 or _untagged(passage, lines):
            continue
        columns = list(dict.fromkeys(f.attribute("column") for f in facts))
        rows = [_line(shelf, line, columns) for line in lines.values()]
        complete = [row for row in rows if row is not None]
        if len(complete) == len(rows) and spec.least <= len(rows) <= spec.most:
            yield (passage,), {"columns": columns, "rows": complete}, facts


_CELL_NUMBER = re.compile(r"\|[^|]*?\d[\d,.]*\)?%?\s*(?=\|)")


def _untagged(passage: PassageText, lines: dict[int, list[Fact]]) -> bool:
    """Return whether a row of figures between the first and the last tagged row has no tag."""
    place = passage.start
    for line in passage.text.split("\n"):
        inside = min(lines) <= place <= max(lines)
        cells = line.split("|", 2)[-1]
        if inside and place not in lines and line.startswith("|") and _CELL_NUMBER.search(cells):
            return True
        place += len(line) + 1
    return False


def _line(shelf: Shelf, line: Sequence[Fact], columns: Sequence[str]) -> dict[str, Any] | None:
    """Return one row; None when a column stands twice in it or the units differ."""
    by_column = {f.attribute("column"): f for f in line}
    units = {taken(f, "display_unit") for f in line if f.number}
    if len(by_column) != len(line) or len(units) > 1:
        return None
    return {
        "label": line[0].label,
        "unit": next(iter(units), taken(line[0], "display_unit")),
        "values": [_printed(shelf, by_column.get(c)) for c in columns],
    }


def _printed(shelf: Shelf, fact: Fact | None) -> str | None:
    """Return the number as printed: parentheses make it negative, whatever the tag's own sign."""
    if fact is None or fact.number is None or fact.start is None:
        return None
    before = shelf.doc.text[max(0, fact.start - 3) : fact.start].rstrip(" $€£¥")
    value = printed(replace(fact, number=abs(fact.number)))
    negative = before.endswith(("(", "-", "−", "–")) and fact.number != 0
    return f"{'-' if negative else ''}{value}"


_RECIPES: dict[str, Callable[[Work, Shelf], Iterator[Found]]] = {
    "object": _object,
    "list": _list,
    "table": _table,
}
