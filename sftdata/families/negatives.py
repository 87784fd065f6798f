"""A question without an answer in its context, and what proves that there is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sftdata.families.cases import Case
from sftdata.families.display import display_title
from sftdata.families.draft import Work
from sftdata.families.naming import bare_title
from sftdata.families.shelf import PassageText, Shelf
from sftdata.families.wording import called, time_words
from sftdata.grounding.absence import Asked
from sftdata.types import Check

__all__ = ["Negative", "asked_for", "context_of", "headings"]


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


def context_of(passages: Sequence[PassageText]) -> str:
    """Return passages as one text, as a proof searches it."""
    return "\n\n".join(f"{p.heading}\n{p.text}" for p in passages)


def asked_for(work: Work, shelf: Shelf, case: Case, method: str, **more: Any) -> Asked:
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


def headings(passages: Sequence[PassageText], shelf: Shelf) -> list[str]:
    """Return what the passages are about: the titles of their sections."""
    mine = [p for p in passages if p.document_id == shelf.doc.document_id]
    titles = [
        bare_title(p.heading.removeprefix(display_title(shelf.doc)).lstrip(" —")) for p in mine
    ]
    told = [t for t in titles if t and t not in ("Table of contents", "Cover page")]
    return list(dict.fromkeys(f"“{t}”" for t in told))[:4]
