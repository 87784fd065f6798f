"""Is the share of refusals in each split within bounds?"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from sftdata.dataset import AuditData
from sftdata.part import Part
from sftdata.report import CheckResult, Finding

__all__ = ["RefusalRatioCheck"]


class RefusalRatioCheck(Part):
    """Counts refusals by split; warns where the share is surely outside the bounds.

    Surely: the 95 % Wilson interval of the share lies outside, so that a split of a few rows is
    not judged by chance.
    """

    name: ClassVar[str] = "refusal_ratio"
    title: ClassVar[str] = "Refusals in proportion"
    question: ClassVar[str] = "Is the share of refusals in every split within its bounds?"
    fault: ClassVar[str] = "refusals out of proportion"
    why: ClassVar[str] = (
        "Too few refusals and the model makes things up; too many and it refuses what it could "
        "answer."
    )
    action: ClassVar[str] = "Set the share of refusals in the balance step."
    severity: ClassVar[str] = "warning"
    needs: ClassVar[tuple[str, ...]] = ("kind",)
    across: ClassVar[bool] = False

    low: float = Field(0.02, ge=0, le=1)
    high: float = Field(0.6, ge=0, le=1)

    def __call__(self, data: AuditData) -> CheckResult:
        """Compare the share of rows of kind `refusal` with `low` and `high`."""
        refusals = np.array([k == "refusal" for k in data.values("kind")], dtype=bool)
        if not refusals.any():
            return CheckResult.not_verified(self, "there is no sample of the kind 'refusal'")
        findings, shares = [], {}
        for split in data.splits or ("",):
            rows = data.rows_of(split)
            share, low, high = _wilson(refusals[rows])
            shares[split or "all"] = round(share, 4)
            if high < self.low or low > self.high:
                findings.append(
                    Finding.of(
                        self.name,
                        "warning",
                        f"{share:.1%} of {split or 'the data'} are refusals; the bounds are "
                        f"{self.low:.0%} to {self.high:.0%}",
                        subject=split,
                        count=int(refusals[rows].sum()),
                        action=self.action,
                    )
                )
        listed = ", ".join(f"{share:.1%} of {split}" for split, share in shares.items())
        return CheckResult.of(
            self, findings, compared=f"refusals: {listed}", metrics={"share": dict(shares)}
        )


def _wilson(hits: NDArray[np.bool_], z: float = 1.96) -> tuple[float, float, float]:
    """Return the share of hits and its Wilson score interval (Wilson 1927)."""
    n = len(hits)
    if n == 0:
        return 0.0, 0.0, 1.0
    share = float(hits.mean())
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return share, float(centre - half), float(centre + half)
