"""What becomes of thinking blocks?"""

from __future__ import annotations

from typing import ClassVar

from sftdata.chat.faults import chat_of, faults_of
from sftdata.dataset import AuditData
from sftdata.part import Part
from sftdata.report import CheckResult, Finding

__all__ = ["ThinkingCheck"]


class ThinkingCheck(Part):
    """Finds thinking that the template inserts or takes away, and answers that train it."""

    name: ClassVar[str] = "template_thinking"
    title: ClassVar[str] = "Thinking blocks as written"
    question: ClassVar[str] = "Does the template insert or strip thinking blocks?"
    fault: ClassVar[str] = "samples whose thinking blocks the template changes"
    why: ClassVar[str] = (
        "An inserted empty block stands between prompt and answer in training and not at the "
        "server; earlier thinking that is stripped is not in the text that is trained."
    )
    action: ClassVar[str] = (
        "Set the template variable that puts the block into the prompt (often "
        "template.variables.enable_thinking: false), and serve with the same value."
    )
    severity: ClassVar[str] = "warning"
    needs: ClassVar[tuple[str, ...]] = ("chat",)
    across: ClassVar[bool] = False

    def __call__(self, data: AuditData) -> CheckResult:
        """Look before each answer, and for the thinking of earlier turns."""
        chat, faults = chat_of(data), faults_of(data)
        findings = []
        if faults.inserted:
            block = "".join(min(faults.inserted.values()).split())
            findings.append(
                Finding.of(
                    self.name,
                    "warning",
                    f"the template writes {block[:60]!r} between generation prompt and answer of "
                    f"{len(faults.inserted):,} samples; a server does not send it",
                    subject="inserted",
                    ids=data.named(faults.inserted),
                    action=self.action,
                )
            )
        if faults.forgotten:
            findings.append(
                Finding.of(
                    self.name,
                    "warning",
                    f"the template takes the thinking of earlier turns out of "
                    f"{len(faults.forgotten):,} samples",
                    subject="forgotten",
                    ids=data.named(faults.forgotten),
                    action="Cut such conversations into one sample per answer, or leave the "
                    "thinking of earlier turns out yourself.",
                )
            )
        if faults.thinking:
            findings.append(
                Finding.of(
                    self.name,
                    "info",
                    f"{len(faults.thinking):,} answers hold a thinking block, which is trained",
                    subject="trained",
                    ids=data.named(faults.thinking),
                    action="Take the blocks out, if the model shall answer at once.",
                )
            )
        return CheckResult.of(
            self,
            findings,
            compared=f"{data.rows:,} conversations, rendered with {chat.template.name}",
        )
