"""Does the chat template print the date?"""

from __future__ import annotations

from typing import ClassVar

from sftdata.chat.faults import chat_of, clock_text, faults_of
from sftdata.dataset import AuditData
from sftdata.part import Part
from sftdata.report import CheckResult, Finding

__all__ = ["TimeCheck"]


class TimeCheck(Part):
    """Finds templates whose text depends on the clock, by rendering at two moments."""

    name: ClassVar[str] = "template_time"
    title: ClassVar[str] = "Template does not read the clock"
    question: ClassVar[str] = "Will the same conversation be the same text tomorrow?"
    fault: ClassVar[str] = "a template that prints the date"
    why: ClassVar[str] = (
        "Tokens that change with the day are not those that were audited, and a model that "
        "was trained on one date is served with another."
    )
    action: ClassVar[str] = (
        "Give the template its own date variable (template.variables), or take the date out "
        "of it; with template.today alone a server still prints its own day."
    )
    severity: ClassVar[str] = "error"
    needs: ClassVar[tuple[str, ...]] = ("chat",)
    across: ClassVar[bool] = False

    def __call__(self, data: AuditData) -> CheckResult:
        """Render the probe conversations at two moments and compare."""
        chat = chat_of(data)
        found = clock_text(chat.template)
        findings = []
        if found is not None:
            fixed = chat.fixed_today
            told = (
                f"the dataset fixes it to {chat.template.today}, a server prints its own day"
                if fixed
                else "no day is fixed"
            )
            findings.append(
                Finding.of(
                    self.name,
                    "warning" if fixed else "error",
                    f"the template writes {found[0]!r} once and {found[1]!r} later; {told}",
                    subject="clock",
                    ids=data.named(r for r in range(data.rows) if r not in faults_of(data).refused),
                    action=self.action,
                )
            )
        return CheckResult.of(
            self,
            findings,
            compared=f"what {chat.template.name} writes at two moments",
        )
