"""Did a sample fail one of its own checks?"""

from __future__ import annotations

from collections import Counter
from typing import ClassVar

from sftdata.dataset import AuditData
from sftdata.part import Part
from sftdata.report import CheckResult, Finding

__all__ = ["SampleChecksCheck"]


class SampleChecksCheck(Part):
    """Finds samples whose recorded checks (evidence, numbers, absence) hold a failure."""

    name: ClassVar[str] = "sample_checks"
    title: ClassVar[str] = "Samples passed their own checks"
    question: ClassVar[str] = "Did any sample fail a check that was made when it was built?"
    fault: ClassVar[str] = "samples that failed their own checks"
    why: ClassVar[str] = (
        "Each sample carries the checks of its numbers, quotes and form. A failed one must not "
        "be trained on."
    )
    action: ClassVar[str] = "Drop these samples, or mend the family that made them."
    severity: ClassVar[str] = "error"
    needs: ClassVar[tuple[str, ...]] = ("checks",)
    across: ClassVar[bool] = False

    def __call__(self, data: AuditData) -> CheckResult:
        """Read the `checks` of every row."""
        made: Counter[str] = Counter()
        failed: dict[str, list[int]] = {}
        column = data.table.column("checks")
        row = 0
        for batch in column.chunks:
            for checks in batch.to_pylist():
                for check in checks or ():
                    made[check["name"]] += 1
                    if not check["passed"]:
                        failed.setdefault(check["name"], []).append(row)
                row += 1
        findings = [
            Finding.of(
                self.name,
                "error",
                f"{len(rows):,} samples failed their check {name!r}",
                subject=name,
                ids=data.named(rows),
                action=self.action,
            )
            for name, rows in sorted(failed.items())
        ]
        return CheckResult.of(
            self,
            findings,
            compared=f"{made.total():,} recorded checks of {len(made)} kinds",
            metrics={"checks": dict(sorted(made.items()))},
        )
