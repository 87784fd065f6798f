"""Do samples lack the key that says whom they are about?"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from sftdata.dataset import AuditData
from sftdata.part import Part
from sftdata.report import CheckResult, Finding

__all__ = ["MissingGroupsCheck"]


class MissingGroupsCheck(Part):
    """Finds samples without a group key: nobody can say that they are kept apart."""

    name: ClassVar[str] = "missing_groups"
    title: ClassVar[str] = "Group keys present"
    question: ClassVar[str] = "Does every sample say which company, patient or group it is about?"
    fault: ClassVar[str] = "samples without a group key"
    why: ClassVar[str] = (
        "A sample without a key can belong to any group, also to one of another split. It is "
        "never silently taken as a group of its own."
    )
    action: ClassVar[str] = "Fill in the key, or leave these samples out of held-out splits."
    severity: ClassVar[str] = "warning"
    needs: ClassVar[tuple[str, ...]] = ("id",)
    across: ClassVar[bool] = False

    def __call__(self, data: AuditData) -> CheckResult:
        """Count the rows whose group is null or empty, by split."""
        if "group" not in data.table.column_names:
            reason = data.absent.get("group", "the data has no column 'group'")
            return CheckResult.not_verified(self, reason)
        missing = np.flatnonzero(data.group_codes < 0)
        findings = []
        for split in data.splits or ("",):
            rows = missing[data.split_of[missing] == split]
            if len(rows):
                where = f" of {split}" if split else ""
                findings.append(
                    Finding.of(
                        self.name,
                        "warning",
                        f"{len(rows):,} samples{where} have no group key",
                        subject=split,
                        ids=data.named(rows),
                        action=self.action,
                    )
                )
        return CheckResult.of(
            self,
            findings,
            compared=f"{data.rows:,} samples",
            metrics={"missing": len(missing)},
        )
