"""From a worked-out case to a `Sample`: the prompt, the completion and the lineage."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sftdata.chance import fraction, rank
from sftdata.errors import FamilyError
from sftdata.families.family import Family
from sftdata.families.peers import ALONE, Peers
from sftdata.families.shelf import PassageText
from sftdata.families.wording import fill
from sftdata.types import Check, Document, Evidence, Fact, Message, Passage, Sample

__all__ = [
    "Draft",
    "Work",
    "cite",
    "cited_answer",
    "dated_evidence",
    "evidence_of",
    "fact_key",
    "messages",
    "name_of_sample",
    "to_sample",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a kind is given: one family, the seed, the share of each locale, and known entities."""

    family: Family
    base: Family
    """The family whose prompts are used: itself, or for a refusal the one it refuses."""
    seed: int
    locales: tuple[tuple[str, float], ...]
    entities: tuple[str, ...] = ()
    """Names of other entities in the same split."""
    peers: Peers = ALONE
    """What the base family asks elsewhere in the split."""

    def locale(self, *parts: object) -> str:
        """Choose the language of a sample by its lineage."""
        shares = [(loc, w) for loc, w in self.locales if loc in self.base.locales]
        if not shares:
            return self.base.locales[0]
        total = sum(w for _, w in shares)
        point = fraction(self.seed, "locale", *parts) * total
        for locale, weight in shares:
            point -= weight
            if point < 0:
                return locale
        return shares[-1][0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """Everything a sample is made of, before it has an id."""

    work: Work
    document: Document
    locale: str
    question: str
    phrasing: str
    passages: tuple[PassageText, ...]
    completion: str
    answer: dict[str, Any]
    question_first: bool = False
    evidence: tuple[Evidence, ...] = ()
    facts: tuple[str, ...] = ()
    twin_of: str | None = None
    reason_code: str | None = None
    checks: tuple[Check, ...] = ()


def messages(
    family: Family,
    locale: str,
    passages: Sequence[dict[str, str]],
    question: str,
    *,
    question_first: bool = False,
) -> tuple[Message, ...]:
    """Return the system and user messages of a family: at training and at inference alike.

    Args:
        family: an extraction, writing or evidence family.
        locale: `en` or `zh`.
        passages: each with `text` and, where there is one, `heading`; they are numbered P1, P2, …
        question: the question or instruction.
        question_first: whether the question stands before the passages.

    Raises:
        FamilyError: the family has no prompt in this locale.
    """
    shown = [
        {"id": f"P{i}", "heading": p.get("heading", ""), "text": p["text"]}
        for i, p in enumerate(passages, 1)
    ]
    parts = []
    for role in ("system", "user"):
        source = family.template(locale, role)
        if source is None:
            known = ", ".join(family.locales)
            raise FamilyError(f"family {family.id!r} has no {locale!r} prompt; it has: {known}")
        text = fill(
            source,
            locale,
            f"{family.id}/{locale}/{role}.j2",
            tidy=False,
            passages=shown,
            question=question,
            question_first=question_first,
        )
        parts.append(Message(role=role, content=text))
    return tuple(parts)


def to_sample(draft: Draft) -> Sample:
    """Give a draft its prompt and its id: a hash of content and lineage."""
    family, base, doc = draft.work.family, draft.work.base, draft.document
    prompt = messages(
        base,
        draft.locale,
        [{"text": p.text, "heading": p.heading} for p in draft.passages],
        draft.question,
        question_first=draft.question_first,
    )
    completion = (Message(role="assistant", content=draft.completion),)
    documents = tuple(dict.fromkeys([doc.document_id, *(p.document_id for p in draft.passages)]))
    return Sample(
        sample_id=name_of_sample(family, draft.locale, documents, (*prompt, *completion)),
        family=family.id,
        family_version=family.version,
        kind=family.kind,
        domain=family.domain,
        locale=draft.locale,
        split=doc.split,
        document_ids=documents,
        group=doc.group,
        prompt=prompt,
        completion=completion,
        question=draft.question,
        answer=json.dumps(draft.answer, ensure_ascii=False),
        answer_schema=(base if family.kind == "refusal" else family).answer.schema_,
        context=tuple(
            Passage(document_id=p.document_id, start=p.start, end=p.end) for p in draft.passages
        ),
        evidence=draft.evidence,
        facts=draft.facts,
        phrasing=draft.phrasing,
        twin_of=draft.twin_of,
        reason_code=draft.reason_code,
        text_origin=doc.text_origin,
        checks=draft.checks,
    )


def name_of_sample(
    family: Family, locale: str, documents: Sequence[str], said: Sequence[Message]
) -> str:
    """Return the id of a sample: a hash of its content and lineage, the same wherever it is made.

    Args:
        family: the family that the sample is of.
        locale: `en` or `zh`.
        documents: ids of the documents in its prompt, its own first.
        said: every message of prompt and completion.
    """
    content = [family.id, family.version, locale, *documents, *(m.content for m in said)]
    return hashlib.sha256("\x1f".join(map(str, content)).encode()).hexdigest()[:24]


def fact_key(fact: Fact) -> str:
    """Return `entity|name|period|dimensions=value`: what must not be asked on both sides."""
    axes = ",".join(f"{d.kind}:{d.value}" for d in fact.dimensions)
    return f"{fact.entity or ''}|{fact.name}|{fact.period or ''}|{axes}={fact.value}"


def cite(passages: Sequence[PassageText], spot: Evidence) -> str:
    """Return the label (`P2`) of the passage that holds the evidence; empty when none does.

    A passage of another document may cover the same offsets; it is not the one.
    """
    for i, passage in enumerate(passages, 1):
        if passage.document_id == spot.document_id and passage.holds(spot.start, spot.end):
            return f"P{i}"
    return ""


def evidence_of(doc: Document, fact: Fact) -> Evidence:
    """Return the row or sentence of a fact as evidence."""
    start, end = fact.row_start, fact.row_end
    if start is None or end is None:
        assert fact.start is not None
        assert fact.end is not None
        start, end = fact.start, fact.end
    if fact.source == "fhir" and fact.start is not None and fact.end is not None:
        start, end = _entry(doc.text, (start, end), (fact.start, fact.end))
    return Evidence(document_id=doc.document_id, start=start, end=end, quote=doc.text[start:end])


def dated_evidence(
    doc: Document, facts: Sequence[Fact], passages: Sequence[PassageText]
) -> tuple[Evidence, ...]:
    """Return the rows of facts, each with the line of its date where the row has none of its own.

    A visit states its day once, in its head; an answer that gives the day rests on that line too.
    """
    found: list[Evidence] = []
    for fact in facts:
        spot = evidence_of(doc, fact)
        dated = _date_line(doc, fact, spot.quote, passages)
        found += [spot, dated] if dated else [spot]
    return tuple(dict.fromkeys(found))


def _date_line(
    doc: Document, fact: Fact, row: str, passages: Sequence[PassageText]
) -> Evidence | None:
    day = fact.period or ""
    measured = fact.source == "fhir" and fact.attribute("resource") == "Observation"
    if not measured or not day or day in row:
        return None
    for passage in passages:
        at = passage.text.find(day) if passage.document_id == doc.document_id else -1
        if at < 0:
            continue
        start = passage.text.rfind("\n", 0, at) + 1
        end = passage.text.find("\n", at)
        quote = passage.text[start : end if end > 0 else None]
        start += passage.start
        return Evidence(
            document_id=doc.document_id, start=start, end=start + len(quote), quote=quote
        )
    return None


_LONG_ROW = 160
_OPENS, _CLOSES, _PARTS = "(（", ")）", ";；"


def _entry(text: str, row: tuple[int, int], inside: tuple[int, int]) -> tuple[int, int]:
    """Return the one entry of a running line of results (`WBC 6.0; Hemoglobin 14.1`) that is meant.

    A clinician would quote that, not a line of twenty. Semicolons in brackets part nothing.
    """
    if row[1] - row[0] <= _LONG_ROW:
        return row
    start, depth = row[0], 0
    for at in range(row[0], row[1]):
        depth += (text[at] in _OPENS) - (text[at] in _CLOSES)
        if text[at] not in _PARTS or depth:
            continue
        if at >= inside[1]:
            return start, at
        if at < inside[0]:
            start = at + 1 + (text[at + 1] == " ")
    return start, row[1]


def cited_answer(text: str, **given: Any) -> dict[str, Any]:
    """Return the one shape of evidence answers and refusals: every key, always, in this order."""
    answer: dict[str, Any] = {
        "answerable": True,
        "answer": text,
        "citations": [],
        "calculation": None,
        "confidence": "high",
        "reason": None,
        "needed": [],
    }
    answer.update(given)
    return answer


def pick(wordings: Sequence[str], locale: str, *parts: object) -> tuple[str, str]:
    """Choose one wording by lineage; return it with its name, e.g. `en/2`."""
    index = rank(*parts, "wording") % len(wordings)
    return wordings[index], f"{locale}/{index}"
