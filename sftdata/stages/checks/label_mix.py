"""Is the held-out data made of the same things as train?"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from sftdata.dataset import AuditData
from sftdata.part import Part
from sftdata.report import CheckResult, Finding

__all__ = ["LabelMixCheck"]


class LabelMixCheck(Part):
    """Compares the shares of kinds, families, locales and reasons between train and the rest.

    The measure is the total variation distance: half the sum of the absolute differences of the
    shares, 0 (same mix) to 1 (nothing in common). A warning needs a distance beyond `limit` plus
    what two random samples of these sizes would differ by.
    """

    name: ClassVar[str] = "label_mix"
    title: ClassVar[str] = "Splits are alike"
    question: ClassVar[str] = "Do train and held-out splits hold the same mix of tasks?"
    fault: ClassVar[str] = "splits of a different mix"
    why: ClassVar[str] = "A score on another mix of tasks does not say how the model does on yours."
    action: ClassVar[str] = "Stratify the split by this label, or report scores per label."
    severity: ClassVar[str] = "warning"
    needs: ClassVar[tuple[str, ...]] = ("split",)
    across: ClassVar[bool] = True

    limit: float = Field(0.25, ge=0, le=1)

    def __call__(self, data: AuditData) -> CheckResult:
        """Compare each label column of train with each held-out split."""
        labels = [c for c in ("kind", "family", "locale", "reason_code") if data.has(c)]
        if not labels:
            return CheckResult.not_verified(
                self, "there is no label column (kind, family, locale, reason_code)"
            )
        findings = []
        distances: dict[str, dict[str, float]] = {}
        for label in labels:
            values = np.array([v or "" for v in data.values(label)], dtype=object)
            for split in data.splits[1:]:
                left, right = values[data.rows_of(data.train)], values[data.rows_of(split)]
                if label == "reason_code":
                    left, right = left[left != ""], right[right != ""]
                distance, chance, widest = _distance(left, right)
                distances.setdefault(label, {})[split] = round(distance, 4)
                if distance > self.limit + 2 * chance:
                    findings.append(
                        Finding.of(
                            self.name,
                            "warning" if label in ("kind", "locale") else "info",
                            f"{label}: {data.train} and {split} differ by {distance:.0%}, "
                            f"most in {widest}",
                            subject=label,
                            count=len(right),
                            split_pair=(data.train, split),
                            action=self.action,
                        )
                    )
        return CheckResult.of(
            self,
            findings,
            compared=f"{', '.join(labels)} of {data.train} with {', '.join(data.splits[1:])}",
            metrics={"total_variation": {k: dict(v) for k, v in distances.items()}},
        )


def _distance(left: NDArray[np.object_], right: NDArray[np.object_]) -> tuple[float, float, str]:
    """Return the distance, the distance expected by chance, and the label that differs most.

    By chance: E|p - q| of a label with share s in samples of n and m is about
    sqrt(2/pi * s(1-s) * (1/n + 1/m)).
    """
    if not len(left) or not len(right):
        return 0.0, 1.0, ""
    names = sorted(set(left) | set(right))
    p = np.array([(left == n).mean() for n in names])
    q = np.array([(right == n).mean() for n in names])
    share = (p * len(left) + q * len(right)) / (len(left) + len(right))
    noise = np.sqrt(2 / np.pi * share * (1 - share) * (1 / len(left) + 1 / len(right)))
    widest = names[int(np.argmax(np.abs(p - q)))]
    return float(np.abs(p - q).sum() / 2), float(noise.sum() / 2), str(widest)
