"""Does every refusal have its answerable twin, in the same split?"""

from __future__ import annotations

from typing import ClassVar

from sftdata.dataset import AuditData
from sftdata.part import Part
from sftdata.report import CheckResult, Finding

__all__ = ["RefusalTwinsCheck"]


class RefusalTwinsCheck(Part):
    """Looks up the twin that a refusal names."""

    name: ClassVar[str] = "refusal_twins"
    title: ClassVar[str] = "Refusals have their twins"
    question: ClassVar[str] = "Is the answerable twin of each refusal there, in the same split?"
    fault: ClassVar[str] = "refusals parted from their twins"
    why: ClassVar[str] = (
        "Without the answerable twin a model learns to refuse by the wording of the question. A "
        "twin in another split gives the question away."
    )
    action: ClassVar[str] = "Keep or drop a refusal and its twin together."
    severity: ClassVar[str] = "error"
    needs: ClassVar[tuple[str, ...]] = ("twin_of",)
    across: ClassVar[bool] = False

    def __call__(self, data: AuditData) -> CheckResult:
        """Follow `twin_of` of every row."""
        where = {name: row for row, name in enumerate(data.ids)}
        findings, twins = [], 0
        for row, twin in enumerate(data.values("twin_of")):
            if not twin:
                continue
            twins += 1
            other = where.get(str(twin))
            if other is None:
                findings.append(
                    Finding.of(
                        self.name,
                        "warning",
                        f"The twin {twin} of {data.ids[row]} is not in the data",
                        subject=data.ids[row],
                        ids=[data.ids[row]],
                        action=self.action,
                    )
                )
            elif data.split_of[other] != data.split_of[row]:
                findings.append(
                    Finding.of(
                        self.name,
                        "error",
                        f"{data.ids[row]} is in {data.split_of[row]}, its twin {twin} in "
                        f"{data.split_of[other]}",
                        subject=data.ids[row],
                        ids=data.named((other, row)),
                        split_pair=(str(data.split_of[other]), str(data.split_of[row])),
                        example=data.pair(other, row),
                        action=self.action,
                    )
                )
        return CheckResult.of(
            self,
            findings,
            compared=f"{twins:,} refusals that name a twin",
            metrics={"with_twin": twins},
        )
