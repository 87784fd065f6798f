"""Does the template speak with a system text that nobody wrote?"""

from __future__ import annotations

from typing import ClassVar

from sftdata.chat.faults import chat_of, faults_of
from sftdata.dataset import AuditData
from sftdata.part import Part
from sftdata.report import CheckResult, Finding

__all__ = ["DefaultSystemCheck"]


class DefaultSystemCheck(Part):
    """Finds rows without a system message to which the template adds one of its own."""

    name: ClassVar[str] = "template_default"
    title: ClassVar[str] = "No system text of the template"
    question: ClassVar[str] = "Does the template add a system text that the data does not hold?"
    fault: ClassVar[str] = "samples with a system text that the template added"
    why: ClassVar[str] = (
        'A default such as "You are Qwen, created by Alibaba Cloud" is trained into every '
        "answer and changes with the model. Nobody audited it."
    )
    action: ClassVar[str] = (
        "Give every sample an explicit system message (an empty one, where the template takes it)."
    )
    severity: ClassVar[str] = "warning"
    needs: ClassVar[tuple[str, ...]] = ("chat",)
    across: ClassVar[bool] = False

    def __call__(self, data: AuditData) -> CheckResult:
        """Look for rows without a system message, where the template has a default."""
        chat, faults = chat_of(data), faults_of(data)
        role = chat.template.system_role
        without = set(faults.system) | set(faults.refused)
        rows = [r for r in range(data.rows) if r not in without] if role.default else []
        findings = []
        if rows:
            findings.append(
                Finding.of(
                    self.name,
                    "warning",
                    f"{len(rows):,} samples have no system message, and the template writes "
                    f"{role.default[:120]!r} into them",
                    subject="default",
                    ids=data.named(rows),
                    action=self.action,
                )
            )
        if role.preamble and faults.system:
            findings.append(
                Finding.of(
                    self.name,
                    "info",
                    f"the template writes {role.preamble[:120]!r} before the system message",
                    subject="preamble",
                    count=len(faults.system),
                    action="Serve with the same template, or this text is missing there.",
                )
            )
        return CheckResult.of(
            self,
            findings,
            compared=f"{data.rows:,} conversations, rendered with {chat.template.name}",
            metrics={"default": role.default[:120]},
        )
