"""Does a company, patient or other declared unit stand in two splits?"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pyarrow.compute as pc
from pydantic import JsonValue

from sftdata.dataset import AuditData, Divided
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
    """The split is by time and lets groups stand on both sides: told, not blamed."""

    def __call__(self, data: AuditData) -> CheckResult:
        """Compare the keys of every two splits: of every group column where there are several."""
        rows, keys = data.group_keys()
        divided = data.divided(rows, keys)
        by_design = self.by_design or data.timed
        findings = (
            _told(self, divided)
            if by_design
            else [
                Finding.of(
                    self.name,
                    "error",
                    f"Group {d.key} stands in {len(d.rows)} splits: {d}",
                    subject=d.key,
                    ids=data.named(d.named),
                    count=d.count,
                    split_pair=d.pair,
                    action=self.action,
                )
                for d in divided
            ]
        )
        groups = len(np.unique(data.group_codes[data.group_codes >= 0]))
        metrics: dict[str, JsonValue] = {"groups": groups, "groups_in_two_splits": len(divided)}
        compared = f"{groups:,} groups across {len(data.splits)} splits"
        if len(data.group_columns) > 1:
            tied = data.divided(np.arange(data.rows), data.array("group"))
            findings += _tied(self, data, tied)
            named = " and ".join(data.group_columns)
            counts = {n: _distinct(data, c) for n, c in data.group_columns.items()}
            compared = (
                f"{', '.join(f'{count:,} of {n}' for n, count in counts.items())} across "
                f"{len(data.splits)} splits; {groups:,} components that {named} tie together"
            )
            metrics |= {"keys": dict(counts), "components_in_two_splits": len(tied)}
        if by_design:
            compared += "; by design of a split by time they stand on both sides"
        return CheckResult.of(self, findings, compared=compared, metrics=metrics)


def _told(check: GroupOverlapCheck, divided: list[Divided]) -> list[Finding]:
    """Return one finding that names the groups on both sides of a split by time."""
    if not divided:
        return []
    listed = ", ".join(d.key for d in divided[:5]) + (" …" if len(divided) > 5 else "")
    return [
        Finding.of(
            check.name,
            "info",
            f"{len(divided):,} groups stand on both sides, by design of a split by time: {listed}",
            subject="by design",
            count=sum(d.count for d in divided),
            split_pair=divided[0].pair,
        )
    ]


def _tied(check: GroupOverlapCheck, data: AuditData, tied: list[Divided]) -> list[Finding]:
    """Say how much hangs together through the keys: what a new split has to keep whole."""
    if not tied:
        return []
    largest = tied[0]
    return [
        Finding.of(
            check.name,
            "info",
            f"{len(tied):,} component{'' if len(tied) == 1 else 's'} tied by "
            f"{' and '.join(data.group_columns)} stand in two "
            f"splits; the largest holds {largest.count:,} of {data.rows:,} samples",
            subject="components",
            count=sum(d.count for d in tied),
            split_pair=largest.pair,
        )
    ]


def _distinct(data: AuditData, column: str) -> int:
    return int(pc.count_distinct(data.array(column), mode="only_valid").as_py())
