"""Does a company, patient or other declared unit stand in two splits?"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from sftdata.dataset import AuditData
from sftdata.part import Part
from sftdata.report import CheckResult, Finding

__all__ = ["GroupOverlapCheck"]


class GroupOverlapCheck(Part):
    """Finds group keys in more than one split: the leak that makes every score too good."""

    name: ClassVar[str] = "group_overlap"
    title: ClassVar[str] = "Groups kept apart"
    question: ClassVar[str] = "Does any company, patient or other group stand in two splits?"
    fault: ClassVar[str] = "groups in two splits"
    why: ClassVar[str] = (
        "A model that has read a company's or patient's other documents is tested on what it "
        "knows already: filings repeat most of last year's text, notes are copied forward."
    )
    action: ClassVar[str] = "Split again by the group key, or remove the group from all but one."
    severity: ClassVar[str] = "error"
    needs: ClassVar[tuple[str, ...]] = ("split", "group")
    across: ClassVar[bool] = True

    by_design: bool = False
    """The split is by time and lets groups stand on both sides: told as a warning."""

    def __call__(self, data: AuditData) -> CheckResult:
        """Compare the group keys of every two splits."""
        divided = data.divided(np.arange(data.rows), data.array("group"))
        findings = [
            Finding.of(
                self.name,
                "warning" if self.by_design else "error",
                f"Group {d.key} stands in {len(d.rows)} splits: {d}",
                subject=d.key,
                ids=data.named(d.named),
                count=d.count,
                split_pair=d.pair,
                action=self.action,
            )
            for d in divided
        ]
        groups = len(np.unique(data.group_codes[data.group_codes >= 0]))
        return CheckResult.of(
            self,
            findings,
            compared=f"{groups:,} groups across {len(data.splits)} splits",
            metrics={"groups": groups, "groups_in_two_splits": len(divided)},
        )
