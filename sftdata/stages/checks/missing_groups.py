"""Do samples lack the key that says whom they are about?"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pydantic import JsonValue

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
        findings = []
        counts: dict[str, JsonValue] = {}
        for name, column in data.group_columns.items():
            values = pc.fill_null(data.array(column).cast(pa.string()), "")
            missing = np.flatnonzero(np.asarray(pc.equal(values, "")))
            counts[name or "group"] = len(missing)
            for split in data.splits or ("",):
                rows = missing[data.split_of[missing] == split]
                if len(rows):
                    findings.append(self._finding(data, rows, split, name))
        return CheckResult.of(
            self,
            findings,
            compared=f"{data.rows:,} samples"
            + (f", each by {' and '.join(counts)}" if len(counts) > 1 else ""),
            metrics={"missing": counts["group"] if len(counts) == 1 else counts},
        )

    def _finding(
        self, data: AuditData, rows: NDArray[np.int64], split: str, column: str
    ) -> Finding:
        where = f" of {split}" if split else ""
        key = f"value of {column}" if column else "group key"
        return Finding.of(
            self.name,
            "warning",
            f"{len(rows):,} samples{where} have no {key}",
            subject=f"{split}:{column}" if column else split,
            ids=data.named(rows),
            action=self.action,
        )
