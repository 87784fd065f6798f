"""Is it recorded why each refusal is right?"""

from __future__ import annotations

from typing import ClassVar

from sftdata.dataset import AuditData
from sftdata.part import Part
from sftdata.report import CheckResult, Finding

__all__ = ["RefusalProofCheck"]


class RefusalProofCheck(Part):
    """Finds refusals without a reason code, or without a passed check on record."""

    name: ClassVar[str] = "refusal_proof"
    title: ClassVar[str] = "Refusals are proved"
    question: ClassVar[str] = "Does every refusal carry its reason and the checks that prove it?"
    fault: ClassVar[str] = "refusals without proof"
    why: ClassVar[str] = (
        "A refusal of a question that the context does answer teaches the model to look away."
    )
    action: ClassVar[str] = "Run the refusal proof again, or drop the samples."
    severity: ClassVar[str] = "error"
    needs: ClassVar[tuple[str, ...]] = ("kind", "checks")
    across: ClassVar[bool] = False

    def __call__(self, data: AuditData) -> CheckResult:
        """Look at every row of kind `refusal`: a reason code, at least one check, none failed."""
        codes = data.values("reason_code") if data.has("reason_code") else [None] * data.rows
        checks = data.array("checks")
        findings, refusals, proofs = [], 0, 0
        for row, kind in enumerate(data.values("kind")):
            if kind != "refusal":
                continue
            refusals += 1
            recorded = checks[row].as_py() or []
            proofs += len(recorded)
            problem = ""
            if not recorded:
                problem = "no check is on record"
            elif not codes[row]:
                problem = "no reason code"
            failed = [c["name"] for c in recorded if not c["passed"]]
            if failed:
                problem = f"its proof failed: {', '.join(failed)}"
            if problem:
                findings.append(
                    Finding.of(
                        self.name,
                        "error",
                        f"Refusal {data.ids[row]}: {problem}",
                        subject=data.ids[row],
                        ids=[data.ids[row]],
                        action=self.action,
                    )
                )
        if not refusals:
            return CheckResult.not_verified(self, "there is no sample of the kind 'refusal'")
        return CheckResult.of(
            self,
            findings,
            compared=f"{refusals:,} refusals with {proofs:,} recorded checks",
            metrics={"refusals": refusals, "unproved": len(findings)},
        )
