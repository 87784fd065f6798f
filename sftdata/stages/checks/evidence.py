"""Does the evidence stand where it says it stands?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sftdata.dataset import EXCERPT, AuditData
from sftdata.part import Part
from sftdata.report import CheckResult, Example, Finding

__all__ = ["EvidenceCheck"]


class EvidenceCheck(Part):
    """Re-reads every evidence span: in its document, and in the prompt that shows it."""

    name: ClassVar[str] = "evidence"
    title: ClassVar[str] = "Evidence re-reads"
    question: ClassVar[str] = "Is every quote the text at its span, and does the prompt show it?"
    fault: ClassVar[str] = "evidence that does not re-read"
    why: ClassVar[str] = (
        "A quote that is not in the prompt teaches the model to make up its sources; a span that "
        "points elsewhere cannot be checked by anyone."
    )
    action: ClassVar[str] = "Drop the samples, or make their spans again from the document."
    severity: ClassVar[str] = "error"
    needs: ClassVar[tuple[str, ...]] = ("prompt", "evidence")
    across: ClassVar[bool] = False

    def __call__(self, data: AuditData) -> CheckResult:
        """Compare `text[start:end]` with the quote, and look for the quote in the prompt."""
        texts = _texts(data)
        findings, quotes, reread = [], 0, 0
        evidence, prompts = data.array("evidence"), data.array("prompt")
        own = _own_targets(data)
        for row in range(data.rows):
            spans = evidence[row].as_py() or []
            prompt = (prompts[row].as_py() or "") if spans else ""
            target = own[row].as_py() if own is not None else None
            for number, span in enumerate(spans):
                quotes += 1
                reread += span["document_id"] in texts
                problem, found = _problem(span, (prompt, target), texts)
                if problem:
                    findings.append(self._finding(data, row, number, span, (problem, found)))
        lineage = (
            f"{reread:,} of them re-read in {len(texts):,} documents"
            if texts
            else "spans not re-read: the documents are not at hand"
        )
        return CheckResult.of(
            self,
            findings,
            compared=f"{quotes:,} quotes looked up in their prompts; {lineage}",
            metrics={"quotes": quotes, "re_read": reread, "broken": len(findings)},
        )

    def _finding(
        self,
        data: AuditData,
        row: int,
        number: int,
        span: Mapping[str, Any],
        problem: tuple[str, str],
    ) -> Finding:
        example = None
        if data.excerpts:
            example = Example(
                left_id=data.ids[row],
                right_id=f"{span['document_id']}:{span['start']}-{span['end']}",
                left_title="quote",
                right_title="text at the span",
                left=str(span["quote"])[:EXCERPT],
                right=problem[1][:EXCERPT],
            )
        return Finding.of(
            self.name,
            "error",
            f"Evidence {number + 1} of {data.ids[row]}: {problem[0]}",
            subject=f"{data.ids[row]}:{number}",
            ids=[data.ids[row]],
            example=example,
            action=self.action,
        )


def _texts(data: AuditData) -> dict[str, str]:
    """Return the text of each document that evidence points into."""
    if data.documents is None:
        return {}
    names = np.array(data.documents.column("document_id").to_pylist(), dtype=object)
    texts = data.documents.column("text")
    return {str(name): texts[i].as_py() or "" for i, name in enumerate(names)}


def _own_targets(data: AuditData) -> pa.Array | None:
    """Return the completions of writing samples, null elsewhere; None where kinds are unknown.

    A text to be written may be the author's own section: the target itself is then the evidence,
    and must not stand in the prompt.
    """
    if not data.has("kind", "completion"):
        return None
    writing = pc.equal(pc.fill_null(data.array("kind"), ""), "writing")
    said = data.array("completion")
    return pc.if_else(writing, said, pa.scalar(None, said.type))


def _problem(
    span: Mapping[str, Any], shown: tuple[str, str | None], texts: Mapping[str, str]
) -> tuple[str, str]:
    """Return what is wrong with a span, in words, and the text that stands there instead.

    `shown` is the prompt, and the target where that may be its own evidence.
    """
    quote, name = span["quote"] or "", span["document_id"]
    if not quote.strip():
        return "the quote is empty", ""
    if texts and name not in texts:
        return f"its document {name} is not in the lineage", ""
    if name in texts:
        there = texts[name][max(0, span["start"]) : max(0, span["end"])]
        if there != quote:
            return f"the text of {name} at {span['start']}-{span['end']} is not the quote", there
    prompt, target = shown
    if quote not in prompt and quote != target:
        return "the quote does not stand in the prompt", ""
    return "", ""
