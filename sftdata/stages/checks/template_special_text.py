"""Does a document speak with the voice of the template?"""

from __future__ import annotations

from typing import ClassVar

from sftdata.chat.faults import chat_of, faults_of
from sftdata.chat.special_text import ESCAPED
from sftdata.dataset import AuditData
from sftdata.part import Part
from sftdata.report import CheckResult, Finding

__all__ = ["SpecialTextCheck"]


class SpecialTextCheck(Part):
    """Finds control tokens in the text of samples, and documents in which they were escaped."""

    name: ClassVar[str] = "template_special_text"
    title: ClassVar[str] = "No control tokens in the text"
    question: ClassVar[str] = (
        "Does any message hold text that the tokenizer reads as a control token?"
    )
    fault: ClassVar[str] = "samples that hold control tokens as text"
    why: ClassVar[str] = (
        "Such text inside a filing or note ends the turn, and what follows speaks as the user "
        "or the system: an injection, in training and in use."
    )
    action: ClassVar[str] = (
        "Leave these samples out (template.special_text: reject), or build again with "
        "template.special_text: escape."
    )
    severity: ClassVar[str] = "error"
    needs: ClassVar[tuple[str, ...]] = ("chat",)
    across: ClassVar[bool] = False

    def __call__(self, data: AuditData) -> CheckResult:
        """Look for control tokens in every message, and for escaped ones in the documents."""
        chat, faults = chat_of(data), faults_of(data)
        findings = []
        if faults.special:
            tokens = sorted({t for found in faults.special.values() for t in found})
            findings.append(
                Finding.of(
                    self.name,
                    "error",
                    f"{len(faults.special):,} samples hold {', '.join(tokens[:8])}",
                    subject="special",
                    ids=data.named(faults.special),
                    action=self.action,
                )
            )
        escaped = _escaped(data)
        if escaped:
            findings.append(
                Finding.of(
                    self.name,
                    "info",
                    f"{len(escaped):,} documents hold control tokens, which were escaped",
                    subject="escaped",
                    ids=escaped,
                    action="Look whether these documents are what they seem.",
                )
            )
        return CheckResult.of(
            self,
            findings,
            compared=f"{data.rows:,} samples, {len(chat.template.control_tokens):,} control tokens",
        )


def _escaped(data: AuditData) -> list[str]:
    """Return the ids of the documents in which control tokens were escaped."""
    documents = data.documents
    if documents is None or "metadata" not in documents.column_names:
        return []
    pairs = zip(
        documents.column("document_id").to_pylist(),
        documents.column("metadata").to_pylist(),
        strict=True,
    )
    return sorted(i for i, notes in pairs if any(n["kind"] == ESCAPED for n in notes or ()))
