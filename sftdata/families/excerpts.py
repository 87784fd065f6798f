"""Texts to be written: the piece of work itself, and the two that quote a document's own structure.

`outline` lists the headings of a section; `section` is one section as its author wrote it, from
the sections before it.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sftdata.families.display import display_title
from sftdata.families.draft import Work
from sftdata.families.itemised import body
from sftdata.families.shelf import PassageText, Shelf
from sftdata.grounding.numbers import ungrounded_numbers
from sftdata.types import Evidence, Fact, Section

__all__ = ["Piece", "outline", "parts", "section"]

_STOP = re.compile(r"(?<!\.[A-Z])[.。]\s*$")
"""The full stop of a heading; that of an abbreviation ("outside the U.S.") stays."""


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
                    {"heading": _STOP.sub("", h.title), "cite": f"P{i}"}
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
        yield Piece(
            passages=passages,
            lineage=(target.start,),
            says={loc: {"section": target.title} for loc in family.locales},
            evidence=tuple(_evidence(p) for p in passages),
            text=body,
        )


_LONGEST_PART = 420


def parts(work: Work, shelf: Shelf) -> Iterator[Piece]:
    """The short sections of a document by role, in its author's words: an operation in brief."""
    family, doc = work.family, shelf.doc
    if len(doc.text) > family.context.max_chars:
        return
    told: dict[str, str] = dict.fromkeys(family.roles, "")
    evidence: list[Evidence] = []
    for role, kinds in family.roles.items():
        found = _named_so(shelf, kinds)
        for part in found:
            start, end = body(doc, part)
            if 0 < end - start <= _LONGEST_PART and "___" not in doc.text[start:end]:
                quote = doc.text[start:end]
                told[role] = _on_one_line(quote)
                evidence.append(
                    Evidence(document_id=doc.document_id, start=start, end=end, quote=quote)
                )
                break
        if found and not told[role]:
            return  # what is stated at length must not be left out of a summary
    if all(told[role] for role in family.required_roles):
        yield Piece(
            passages=(shelf.whole(),),
            lineage=("parts",),
            says=dict.fromkeys(family.locales, told),
            evidence=tuple(dict.fromkeys(evidence)),
        )


def _named_so(shelf: Shelf, patterns: Sequence[str]) -> list[Section]:
    """Return the sections of a kind, or whose title matches `title=…`, in order."""
    titles = [p.removeprefix("title=") for p in patterns if p.startswith("title=")]
    kinds = [p for p in patterns if not p.startswith("title=")]
    return [
        s
        for s in shelf.doc.sections
        if any(fnmatch.fnmatchcase(s.kind, k) for k in kinds)
        or any(fnmatch.fnmatchcase(s.title.casefold(), t) for t in titles)
    ]


_NUMBER = re.compile(r"^\s*\(?\d{1,2}[.)、]\s*")


def _on_one_line(text: str) -> str:
    r"""Write a numbered list as one line: `1. A.\n2. B.` as `A; B`."""
    lines = [_NUMBER.sub("", line).strip().rstrip(" .;。；") for line in text.splitlines()]
    return ("；" if _HAN.search(text) else "; ").join(line for line in lines if line)


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


def _evidence(passage: PassageText) -> Evidence:
    return Evidence(
        document_id=passage.document_id,
        start=passage.start,
        end=passage.end,
        quote=passage.text,
    )


_JUDGES = re.compile(
    r"recommend|suggest|advis|should|would benefit|candidate|follow[- ]?up|will (?:be|need|have)"
    r"|is to be|return to|consider|建议|随访|复查|应当|考虑",
    re.IGNORECASE,
)
_LATIN = re.compile(r"[^\s\u4e00-\u9fff]+")
_HAN = re.compile(r"[\u4e00-\u9fff]+")
_ITEM_SUPPORT, _WHOLE_SUPPORT = 0.6, 0.8


def _supported(target: str, context: str) -> bool:
    """Return whether a target can be written from its context.

    It brings no number of its own and no recommendation, most of the content words of each of its
    lines stand there, and nearly all of the whole.
    """
    size = len(target) + sum(len(run) for run in _HAN.findall(target))  # a character says more
    if not 60 <= size <= 2500 or len(context) < 2 * len(target):
        return False
    if ungrounded_numbers(target, context) or _JUDGES.search(target) or "___" in target:
        return False
    known = context.lower()
    lines = [share for line in target.splitlines() if (share := _known_share(line, known)) >= 0]
    whole = _known_share(target, known)
    return whole >= _WHOLE_SUPPORT and min(lines, default=1.0) >= _ITEM_SUPPORT


def _known_share(text: str, known: str) -> float:
    """Return the share of a text's content words that stand in the context; -1 without any."""
    words = {w.strip(".,;:()").lower() for w in _LATIN.findall(text)}
    content = {w[:6] for w in words if len(w) > 4}
    content |= {run[i : i + 2] for run in _HAN.findall(text) for i in range(len(run) - 1)}
    return sum(w in known for w in content) / len(content) if content else -1.0
