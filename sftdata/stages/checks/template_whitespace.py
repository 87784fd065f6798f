"""Does the template rewrite answers?"""

from __future__ import annotations

from typing import ClassVar

from sftdata.chat.faults import chat_of, faults_of
from sftdata.dataset import AuditData
from sftdata.part import Part
from sftdata.report import CheckResult, Finding

__all__ = ["WhitespaceCheck"]


class WhitespaceCheck(Part):
    """Finds answers that come out of the template with other white space, or changed."""

    name: ClassVar[str] = "template_whitespace"
    title: ClassVar[str] = "Answers as written"
    question: ClassVar[str] = "Does every answer stand in the rendered text as it was written?"
    fault: ClassVar[str] = "samples whose answer the template rewrites"
    why: ClassVar[str] = (
        "A template that trims answers trains another text than the data holds; where blanks "
        "matter (code, tables, JSON lines) the model cannot learn them."
    )
    action: ClassVar[str] = "Strip the answers in the data, so that it says what is trained."
    severity: ClassVar[str] = "warning"
    needs: ClassVar[tuple[str, ...]] = ("chat",)
    across: ClassVar[bool] = False

    def __call__(self, data: AuditData) -> CheckResult:
        """Compare every trained turn with what the row holds."""
        chat, faults = chat_of(data), faults_of(data)
        findings = []
        if faults.rewritten:
            findings.append(
                Finding.of(
                    self.name,
                    "warning",
                    f"{len(faults.rewritten):,} answers are rendered otherwise than written",
                    subject="rewritten",
                    ids=data.named(faults.rewritten),
                    action=self.action,
                )
            )
        return CheckResult.of(
            self,
            findings,
            compared=f"{data.rows:,} conversations, rendered with {chat.template.name}",
        )
