"""Texts to be written: the piece of work itself, and the two that quote a document's own structure.

`outline` lists the headings of a section; `section` is one section as its author wrote it, from
the sections before it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sftdata.families.display import display_title
from sftdata.families.draft import Work
from sftdata.families.shelf import PassageText, Shelf
from sftdata.grounding.numbers import ungrounded_numbers
from sftdata.types import Evidence, Fact, Section

__all__ = ["Piece", "outline", "section"]


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


def outline(work: Work, shelf: Shelf) -> Iterator[Piece]:
    """Runs of consecutive headings of a section, with their bodies as passages."""
    family, doc = work.family, shelf.doc
    for part in shelf.section(family.context.sections):
        heads = [
            s
            for s in doc.sections
            if s.kind == "heading" and part.start <= s.start and s.end <= part.end
        ]
        bodies = [_body(shelf, head, heads, part) for head in heads]
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
        heading=f"{display_title(shelf.doc)} — {section.title}",
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


def section(work: Work, shelf: Shelf) -> Iterator[Piece]:
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
        heading=display_title(shelf.doc),
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
