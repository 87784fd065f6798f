"""Is what a server sends the beginning of what is trained?"""

from __future__ import annotations

from typing import ClassVar

from sftdata.chat.faults import faults_of
from sftdata.dataset import AuditData
from sftdata.part import Part
from sftdata.report import CheckResult, Finding

__all__ = ["PrefixCheck"]


class PrefixCheck(Part):
    """Finds rows whose prompt alone is not the beginning of the whole text."""

    name: ClassVar[str] = "template_prefix"
    title: ClassVar[str] = "Prompt is a prefix"
    question: ClassVar[str] = "Is the rendered prompt the beginning of the rendered sample?"
    fault: ClassVar[str] = "samples whose prompt is not the beginning of their text"
    why: ClassVar[str] = (
        "The server renders the prompt alone. Where that is not how the trained text begins, "
        "the model is asked in a way that it was never trained on."
    )
    action: ClassVar[str] = (
        "Take another template, or set the variables that make both alike (thinking, dates)."
    )
    severity: ClassVar[str] = "error"
    needs: ClassVar[tuple[str, ...]] = ("chat",)
    across: ClassVar[bool] = False

    def __call__(self, data: AuditData) -> CheckResult:
        """Compare the prompt alone with the beginning of the whole text."""
        faults = faults_of(data)
        findings = []
        if faults.unstable:
            findings.append(
                Finding.of(
                    self.name,
                    "error",
                    f"{len(faults.unstable):,} samples are rendered otherwise with their answer "
                    "than without it",
                    subject="unstable",
                    ids=data.named(faults.unstable),
                    action=self.action,
                )
            )
        return CheckResult.of(
            self,
            findings,
            compared=f"{data.rows - len(faults.refused):,} prompts with the samples they belong to",
        )
