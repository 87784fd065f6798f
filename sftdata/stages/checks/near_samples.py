"""Does a held-out sample stand in train in almost the same words?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from sftdata.dataset import AuditData
from sftdata.part import Part
from sftdata.report import CheckResult, Finding, Histogram
from sftdata.similarity.boilerplate import Distinctive, across, common_from, distinctive
from sftdata.similarity.lsh import Pairs
from sftdata.similarity.shingles import shingle

__all__ = ["NearSamplesCheck"]

OWN_WORDS = 20
"""Distinctive shingles from which two texts that differ in numbers are more than one template."""
FLOOR = 0.2
"""How far below the threshold the histogram reaches, so that a person can judge the threshold."""


class NearSamplesCheck(Part):
    """Finds whole samples of two splits whose 5-word shingles overlap by `threshold` or more.

    Exact Jaccard similarity of every candidate; shingles common to many groups are set aside
    before a pair is called a copy.
    """

    name: ClassVar[str] = "near_samples"
    title: ClassVar[str] = "No near-copied samples"
    question: ClassVar[str] = "Does a sample of one split stand in another with small changes?"
    fault: ClassVar[str] = "near-copied samples"
    why: ClassVar[str] = (
        "A copy with a few words changed is found by no hash, and is known to the model all the "
        "same."
    )
    action: ClassVar[str] = "Remove the near copy from train; keep the held-out sample."
    severity: ClassVar[str] = "error"
    needs: ClassVar[tuple[str, ...]] = ("split", "prompt")
    across: ClassVar[bool] = True

    threshold: float = Field(0.8, gt=0, le=1)
    masked: bool = True
    """Also compare with every number masked: a table rolled forward by a year, a form filled in
    again. Such pairs warn where both may be about one group, and are otherwise told."""

    def __call__(self, data: AuditData) -> CheckResult:
        """Compare the samples (without system messages) of every two splits."""
        shingles = shingle(data.text)
        owners, limit = common_from(data.group_codes)
        findings: list[Finding] = []
        alike: list[NDArray[np.int64]] = []
        series: dict[str, tuple[int, ...]] = {}
        floor = max(self.threshold - FLOOR, 0.05)
        edges = np.linspace(floor, 1.0, 21)
        for place, train in enumerate(data.splits[:-1]):
            later = np.flatnonzero(np.isin(data.split_of, data.splits[place + 1 :]))
            found = across(shingles, later, data.rows_of(train), threshold=floor)
            if train == data.train:
                series = {s: _best(data, found, s, edges) for s in data.splits[1:]}
            near = found.similarity >= self.threshold
            pairs = np.column_stack([found.left[near], found.right[near]])
            alike.append(pairs[:, 0])
            if len(pairs):
                rest = distinctive(
                    shingles, pairs, texts=np.arange(data.rows), owners=owners, limit=limit
                )
                findings += self._judge(data, pairs, found.similarity[near], rest)
        copies = len(findings)
        if self.masked:
            findings += self._but_for_numbers(data, np.concatenate(alike), owners, limit)
        return CheckResult.of(
            self,
            findings,
            compared=f"{data.rows:,} samples across {len(data.splits)} splits at similarity "
            f"{self.threshold:g}",
            metrics={
                "threshold": self.threshold,
                "near_copies": sum(f.severity != "info" for f in findings[:copies]),
                "boilerplate_only": sum(f.severity == "info" for f in findings[:copies]),
                "alike_but_for_numbers": len(findings) - copies,
                "common_from_groups": limit,
            },
            histograms=_histogram(series, edges, self.threshold),
        )

    def _but_for_numbers(
        self, data: AuditData, known: NDArray[np.int64], owners: NDArray[np.int64], limit: int
    ) -> Iterator[Finding]:
        """Yield a finding for each held-out sample that differs from train in its numbers alone."""
        shingles = shingle(data.text, mask_numbers=True)
        for place, train in enumerate(data.splits[:-1]):
            later = np.flatnonzero(np.isin(data.split_of, data.splits[place + 1 :]))
            later = later[~np.isin(later, known)]
            found = across(shingles, later, data.rows_of(train), threshold=self.threshold)
            if not len(found):
                continue
            pairs = np.column_stack([found.left, found.right])
            rest = distinctive(
                shingles, pairs, texts=np.arange(data.rows), owners=owners, limit=limit
            )
            own = (rest.similarity >= self.threshold / 2) & (rest.shared >= OWN_WORDS)
            for held in np.unique(found.left[own]):
                mine = np.flatnonzero(own & (found.left == held))
                best = mine[np.argmax(found.similarity[mine])]
                row = int(found.right[best])
                codes = data.group_codes[[row, held]]
                one = codes[0] == codes[1] or -1 in codes
                yield Finding.of(
                    self.name,
                    "warning" if one else "info",
                    f"{data.ids[held]} ({data.split_of[held]}) is {found.similarity[best]:.0%} "
                    f"like {data.ids[row]} ({train}) but for its numbers",
                    subject="numbers:" + data.ids[held],
                    ids=data.named([*found.right[mine].tolist(), held]),
                    split_pair=(train, str(data.split_of[held])),
                    example=data.pair(row, int(held), similarity=float(found.similarity[best])),
                    action=self.action if one else "",
                )

    def _judge(
        self,
        data: AuditData,
        pairs: NDArray[np.int64],
        similarity: NDArray[np.float64],
        rest: Distinctive,
    ) -> list[Finding]:
        """Make one finding per held-out sample: with its best pair, naming all its partners."""
        copied = (rest.similarity >= self.threshold / 2) & (rest.shared > 0)
        findings = []
        for held in np.unique(pairs[:, 0]):
            mine = np.flatnonzero(pairs[:, 0] == held)
            guilty = mine[copied[mine]]
            chosen = guilty if len(guilty) else mine
            best = chosen[np.argmax(similarity[chosen])]
            findings.append(
                self._finding(
                    data,
                    (int(pairs[best, 1]), int(held)),
                    [int(r) for r in pairs[chosen, 1]],
                    float(similarity[best]),
                    copied=bool(len(guilty)),
                )
            )
        return findings

    def _finding(
        self,
        data: AuditData,
        pair: tuple[int, int],
        partners: list[int],
        similarity: float,
        *,
        copied: bool,
    ) -> Finding:
        left, right = pair
        first, second = str(data.split_of[left]), str(data.split_of[right])
        severity = "error" if first == data.train else "warning"
        words = f"{data.ids[right]} ({second}) is {similarity:.0%} like {data.ids[left]} ({first})"
        if not copied:
            words += ", in words that many groups share"
        return Finding.of(
            self.name,
            severity if copied else "info",  # type: ignore[arg-type]
            words,
            subject=data.ids[right],
            ids=data.named([*partners, right]),
            split_pair=(first, second),
            example=data.pair(left, right, similarity=similarity),
            action=self.action if copied else "",
        )


def _best(data: AuditData, found: Pairs, split: str, edges: NDArray[np.float64]) -> tuple[int, ...]:
    """Count samples of a held-out split by their similarity to the nearest sample of train."""
    _, first = np.unique(found.left, return_index=True)
    first = first[data.split_of[found.left[first]] == split]
    counts = np.histogram(np.clip(found.similarity[first], edges[0], 1.0), bins=edges)[0]
    return tuple(int(n) for n in counts)


def _histogram(
    series: dict[str, tuple[int, ...]], edges: NDArray[np.float64], threshold: float
) -> tuple[Histogram, ...]:
    if not any(any(counts) for counts in series.values()):
        return ()
    return (
        Histogram(
            title="Held-out samples by similarity to the nearest train sample",
            unit="similarity",
            edges=tuple(round(float(e), 4) for e in edges),
            series=series,
            threshold=threshold,
            counted=True,
            note=f"Samples below {edges[0]:g} are left out.",
        ),
    )
