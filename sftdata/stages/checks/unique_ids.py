"""Can each sample be named?"""

from __future__ import annotations

from collections import Counter
from typing import ClassVar

from sftdata.dataset import AuditData
from sftdata.part import Part
from sftdata.report import CheckResult, Finding

__all__ = ["UniqueIdsCheck"]


class UniqueIdsCheck(Part):
    """Finds ids that several rows share."""

    name: ClassVar[str] = "unique_ids"
    title: ClassVar[str] = "Every sample has its own id"
    question: ClassVar[str] = "Does every sample have an id of its own?"
    fault: ClassVar[str] = "ids used twice"
    why: ClassVar[str] = "A finding, a removal request or a purge must name exactly one sample."
    action: ClassVar[str] = "Give each sample an id made from its content and source."
    severity: ClassVar[str] = "warning"
    needs: ClassVar[tuple[str, ...]] = ("id",)
    across: ClassVar[bool] = False

    def __call__(self, data: AuditData) -> CheckResult:
        """Count the ids."""
        shared = sorted((i, n) for i, n in Counter(data.ids).items() if n > 1)
        findings = [
            Finding.of(
                self.name,
                "warning",
                f"{count} samples have the id {name or '(empty)'}",
                subject=name,
                ids=[name],
                count=count,
                action=self.action,
            )
            for name, count in shared
        ]
        return CheckResult.of(
            self,
            findings,
            compared=f"{data.rows:,} ids",
            metrics={"shared_ids": len(shared)},
        )
