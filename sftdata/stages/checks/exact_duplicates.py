"""Is a sample there twice, letter for letter?"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sftdata.dataset import AuditData, Divided
from sftdata.part import Part
from sftdata.report import CheckResult, Finding

__all__ = ["ExactDuplicatesCheck"]


class ExactDuplicatesCheck(Part):
    """Finds equal samples, and equal prompts, in two splits (error) or in one (warning).

    Equal means: the same after folding case, width (full and half) and white space.
    """

    name: ClassVar[str] = "exact_duplicates"
    title: ClassVar[str] = "No copied samples"
    question: ClassVar[str] = "Does the same sample, or the same prompt, stand in the data twice?"
    fault: ClassVar[str] = "copied samples or prompts"
    why: ClassVar[str] = (
        "A test sample that stands in train measures memory. A sample that is there twice in "
        "train counts twice in the loss."
    )
    action: ClassVar[str] = "Remove the copy from train; keep the held-out sample."
    severity: ClassVar[str] = "error"
    needs: ClassVar[tuple[str, ...]] = ("prompt",)
    across: ClassVar[bool] = False

    def __call__(self, data: AuditData) -> CheckResult:
        """Compare hashes of whole samples, then of prompts."""
        prompts = data.prints("prompt")
        whole = data.whole_prints
        copies = _divided(data, whole)
        asked = _divided(data, prompts)
        known = {r for d in copies for rows in d.rows.values() for r in rows}
        findings = [self._across(data, d, "sample") for d in copies]
        findings += [
            self._across(data, d, "prompt")
            for d in asked
            if any(r not in known for rows in d.rows.values() for r in rows)
        ]
        inside = _inside(data, whole)
        findings += [self._inside(data, rows) for rows in inside]
        extra = sum(len(rows) - 1 for rows in inside)
        return CheckResult.of(
            self,
            findings,
            compared=f"{data.rows:,} samples and their prompts by hash",
            metrics={
                "copied_across_splits": len(copies),
                "prompts_across_splits": len(asked),
                "copies_inside_a_split": extra,
            },
        )

    def _across(self, data: AuditData, found: Divided, what: str) -> Finding:
        first, second = (found.rows[s][0] for s in found.pair)
        return Finding.of(
            self.name,
            "error",
            f"The same {what} stands in two splits: {found}",
            subject=what + ":" + min(data.named(found.named)),
            ids=data.named(found.named),
            count=found.count,
            split_pair=found.pair,
            example=data.pair(first, second, similarity=1.0 if what == "sample" else None),
            action=self.action,
        )

    def _inside(self, data: AuditData, rows: list[int]) -> Finding:
        split = str(data.split_of[rows[0]])
        return Finding.of(
            self.name,
            "warning",
            f"The same sample stands {len(rows)} times" + (f" in {split}" if split else ""),
            subject="inside:" + min(data.named(rows)),
            ids=data.named(rows),
            example=data.pair(rows[0], rows[1], similarity=1.0),
            action="Keep one of them.",
        )


def _divided(data: AuditData, prints: NDArray[np.bytes_]) -> list[Divided]:
    if len(data.splits) < 2:
        return []
    keys = pa.array([p.hex() for p in prints.tolist()], pa.string())
    return data.divided(np.arange(data.rows), keys)


def _inside(data: AuditData, prints: NDArray[np.bytes_]) -> list[list[int]]:
    """Return the rows of equal samples that stand in one split, a list for each."""
    seen: dict[tuple[str, bytes], list[int]] = {}
    for row, key in enumerate(zip(data.split_of.tolist(), prints.tolist(), strict=True)):
        if key[1]:
            seen.setdefault(key, []).append(row)
    return [rows for rows in seen.values() if len(rows) > 1]
