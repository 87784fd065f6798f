"""Are samples empty, or too long to be read whole?"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from sftdata.dataset import AuditData
from sftdata.part import Part
from sftdata.report import CheckResult, Finding, Histogram

__all__ = ["LengthCheck"]


class LengthCheck(Part):
    """Finds empty prompts and completions (error) and samples over the limit (warning)."""

    name: ClassVar[str] = "length"
    title: ClassVar[str] = "Lengths in bounds"
    question: ClassVar[str] = "Is any prompt or completion empty, or cut off by the token limit?"
    fault: ClassVar[str] = "empty or over-long samples"
    why: ClassVar[str] = (
        "An empty target teaches silence. A sample over the limit is cut, and the cut may take "
        "the evidence or the answer."
    )
    action: ClassVar[str] = "Drop empty samples; shorten contexts or raise the limit."
    severity: ClassVar[str] = "error"
    needs: ClassVar[tuple[str, ...]] = ("prompt",)
    across: ClassVar[bool] = False

    def __call__(self, data: AuditData) -> CheckResult:
        """Measure tokens where they were counted, characters where not."""
        columns = [c for c in ("prompt", "completion") if c in data.table.column_names]
        findings = []
        for column in columns:
            text = pc.utf8_trim_whitespace(pc.fill_null(data.array(column), ""))
            empty = np.flatnonzero(np.asarray(pc.equal(text, "")))
            if len(empty):
                findings.append(
                    Finding.of(
                        self.name,
                        "error",
                        f"{len(empty):,} samples have an empty {column}",
                        subject=f"empty:{column}",
                        ids=data.named(empty),
                        action=self.action,
                    )
                )
        over = self._over(data)
        if over is not None:
            findings.append(over)
        lengths, unit = _lengths(data, columns)
        quantiles = np.quantile(lengths, [0.5, 0.95, 1.0]) if len(lengths) else np.zeros(3)
        return CheckResult.of(
            self,
            findings,
            compared=f"{data.rows:,} samples; median {quantiles[0]:,.0f} {unit}, "
            f"95 % under {quantiles[1]:,.0f}, longest {quantiles[2]:,.0f}",
            metrics={
                "unit": unit,
                "median": int(quantiles[0]),
                "p95": int(quantiles[1]),
                "longest": int(quantiles[2]),
            },
            histograms=(_histogram(data, lengths, unit),),
        )

    def _over(self, data: AuditData) -> Finding | None:
        if not data.has("over_length"):
            return None
        rows = np.flatnonzero(np.asarray(pc.fill_null(data.array("over_length"), False)))
        if not len(rows):
            return None
        return Finding.of(
            self.name,
            "warning",
            f"{len(rows):,} samples are longer than the limit",
            subject="over_length",
            ids=data.named(rows),
            action="Shorten the context, or leave these samples out.",
        )


def _lengths(data: AuditData, columns: list[str]) -> tuple[NDArray[np.int64], str]:
    """Return the length of every sample and its unit."""
    counted = [c for c in ("prompt_tokens", "completion_tokens") if data.has(c)]
    if counted:
        total = np.sum([np.asarray(pc.fill_null(data.array(c), 0)) for c in counted], axis=0)
        if total.any():
            estimated = data.has("tokens_estimated") and bool(
                pc.any(data.array("tokens_estimated")).as_py()
            )
            return total.astype(np.int64), "tokens (estimated)" if estimated else "tokens"
    lengths = [np.asarray(pc.utf8_length(pc.fill_null(data.array(c), ""))) for c in columns]
    return np.sum(lengths, axis=0).astype(np.int64), "characters"


def _histogram(data: AuditData, lengths: NDArray[np.int64], unit: str) -> Histogram:
    top = float(np.quantile(lengths, 0.995)) if len(lengths) else 1.0
    step = _round_step(max(top, 1.0) / 24)
    edges = np.arange(0, top + step, step)
    if len(edges) < 2:
        edges = np.array([0.0, step])
    clipped = np.clip(lengths, edges[0], edges[-1])
    series = {
        split or "all": tuple(
            int(n) for n in np.histogram(clipped[data.rows_of(split)], bins=edges)[0]
        )
        for split in data.splits or ("",)
    }
    note = "The last bar holds everything longer." if (lengths > edges[-1]).any() else ""
    return Histogram(
        title="Length of samples",
        unit=unit,
        edges=tuple(float(e) for e in edges),
        series=series,
        note=note,
    )


def _round_step(value: float) -> float:
    """Return the next of 1, 2, 2.5, 5 times a power of ten: bins that a person can read."""
    power = 10.0 ** np.floor(np.log10(value))
    return float(next(m for m in (1, 2, 2.5, 5, 10) if m * power >= value) * power)
