"""Is one prompt answered in two ways?"""

from __future__ import annotations

from typing import ClassVar

from sftdata.dataset import AuditData
from sftdata.part import Part
from sftdata.report import CheckResult, Finding

__all__ = ["ConflictingTargetsCheck"]


class ConflictingTargetsCheck(Part):
    """Finds equal inputs (system message included) with different completions."""

    name: ClassVar[str] = "conflicting_targets"
    title: ClassVar[str] = "One input, one target"
    question: ClassVar[str] = "Is the same input paired with different targets?"
    fault: ClassVar[str] = "inputs with several targets"
    why: ClassVar[str] = (
        "Two targets for one input pull the model both ways; near refusals this is how a model "
        "comes to refuse at random."
    )
    action: ClassVar[str] = "Keep the right target, or make the inputs differ by what decides it."
    severity: ClassVar[str] = "warning"
    needs: ClassVar[tuple[str, ...]] = ("prompt", "completion")
    across: ClassVar[bool] = False

    def __call__(self, data: AuditData) -> CheckResult:
        """Group rows by the hash of their input, then count hashes of the target."""
        asked = data.prints("prompt").tolist()
        if data.has("system"):
            systems = data.prints("system").tolist()
            asked = [a and a + s for a, s in zip(asked, systems, strict=True)]
        told = data.prints("completion").tolist()
        seen: dict[bytes, list[int]] = {}
        for row, key in enumerate(asked):
            if key and told[row]:
                seen.setdefault(key, []).append(row)
        findings = []
        for rows in seen.values():
            first = rows[0]
            other = next((r for r in rows if told[r] != told[first]), None)
            if other is None:
                continue
            findings.append(
                Finding.of(
                    self.name,
                    "warning",
                    f"One input has {len({told[r] for r in rows})} different targets "
                    f"in {len(rows)} samples",
                    subject=min(data.named(rows)),
                    ids=data.named(rows),
                    example=data.pair(first, other, "completion"),
                    action=self.action,
                )
            )
        return CheckResult.of(
            self,
            findings,
            compared=f"{len(seen):,} distinct inputs of {data.rows:,} samples",
            metrics={"inputs": len(seen), "conflicts": len(findings)},
        )
