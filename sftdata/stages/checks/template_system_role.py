"""What becomes of system messages?"""

from __future__ import annotations

from typing import ClassVar

from sftdata.chat.faults import chat_of, faults_of
from sftdata.dataset import AuditData
from sftdata.part import Part
from sftdata.report import CheckResult, Finding

__all__ = ["SystemRoleCheck"]


class SystemRoleCheck(Part):
    """Finds system messages that the template drops, refuses, or merges into the user turn."""

    name: ClassVar[str] = "template_system_role"
    title: ClassVar[str] = "System messages are kept"
    question: ClassVar[str] = "Does the template take system messages as what they are?"
    fault: ClassVar[str] = "samples whose system message the template loses or refuses"
    why: ClassVar[str] = (
        "A template without a system role refuses such rows, puts their instructions into the "
        "user turn, or drops them without a word."
    )
    action: ClassVar[str] = (
        "Put the instructions into the user turn yourself, or take a template with a system role."
    )
    severity: ClassVar[str] = "error"
    needs: ClassVar[tuple[str, ...]] = ("chat",)
    across: ClassVar[bool] = False

    def __call__(self, data: AuditData) -> CheckResult:
        """Look at the rows that have a system message."""
        chat, faults = chat_of(data), faults_of(data)
        handling = chat.template.system_role.handling
        lost = faults.lost
        refused = [r for r in faults.system if r in faults.refused] if handling == "refused" else []
        findings = [
            Finding.of(
                self.name,
                "error",
                f"{len(rows):,} samples have a system message that the template {words}",
                subject=words,
                ids=data.named(rows),
                action=self.action,
            )
            for rows, words in ((lost, "drops or rewrites"), (refused, "refuses"))
            if rows
        ]
        if handling == "in the user turn" and faults.system:
            findings.append(
                Finding.of(
                    self.name,
                    "info",
                    f"{len(faults.system):,} system messages are written into the user turn",
                    subject="merged",
                    count=len(faults.system),
                    action="Nothing, as long as the server uses the same template.",
                )
            )
        return CheckResult.of(
            self,
            findings,
            compared=f"{len(faults.system):,} conversations with a system message: {handling}",
            metrics={"handling": handling},
        )
