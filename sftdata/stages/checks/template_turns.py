"""Does the template take every conversation?"""

from __future__ import annotations

from typing import ClassVar

from sftdata.chat.faults import chat_of, faults_of
from sftdata.dataset import AuditData
from sftdata.part import Part
from sftdata.report import CheckResult, Finding

__all__ = ["TurnsCheck"]


class TurnsCheck(Part):
    """Finds conversations that the template refuses: turns that do not alternate, several turns."""

    name: ClassVar[str] = "template_turns"
    title: ClassVar[str] = "Every conversation is rendered"
    question: ClassVar[str] = (
        "Does the template take every conversation, those of several turns too?"
    )
    fault: ClassVar[str] = "samples that the template refuses"
    why: ClassVar[str] = (
        "A row that cannot be rendered is dropped or fails, depending on the trainer, and "
        "mostly without a count."
    )
    action: ClassVar[str] = (
        "Bring the turns into the order that the template wants, or leave these rows out."
    )
    severity: ClassVar[str] = "error"
    needs: ClassVar[tuple[str, ...]] = ("chat",)
    across: ClassVar[bool] = False

    def __call__(self, data: AuditData) -> CheckResult:
        """Look at the rows that could not be rendered."""
        chat, faults = chat_of(data), faults_of(data)
        no_system = chat.template.system_role.handling == "refused"
        told = set(faults.system) if no_system else set()
        by_words: dict[str, list[int]] = {}
        for row, words in faults.refused.items():
            if row not in told:
                by_words.setdefault(words, []).append(row)
        findings = [
            Finding.of(
                self.name,
                "error",
                f"{len(rows):,} samples cannot be rendered: {words}",
                subject=words,
                ids=data.named(rows),
                action=self.action,
            )
            for words, rows in sorted(by_words.items())
        ]
        return CheckResult.of(
            self,
            findings,
            compared=f"{data.rows:,} conversations, {len(faults.turns):,} of several turns",
            metrics={"refused": len(faults.refused), "several_turns": len(faults.turns)},
        )
