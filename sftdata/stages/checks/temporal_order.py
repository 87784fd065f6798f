"""Does a held-out split lie after train in time?"""

from __future__ import annotations

import re
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from sftdata.dataset import AuditData
from sftdata.part import Part
from sftdata.report import CheckResult, Finding, Severity

__all__ = ["TemporalOrderCheck"]

_ISO = re.compile(r"^\s*(\d{4})(?:[-/.年]?(\d{1,2})(?:[-/.月]?(\d{1,2}))?)?")
_KINDS = ("period_end", "date", "encounter_date", "note_date", "visit_date")
UNKNOWN = ""


class TemporalOrderCheck(Part):
    """Compares the dates of train with those of each held-out split.

    Where the split is meant to be by time (`order="required"`), every sample of train must be
    dated before the first held-out one: those that are not are errors. With `order="auto"` a
    split counts as one by time when at most `stragglers` of the rows are out of order; these few
    are then warned of. Any other split is one by group: the dates are told and nothing is blamed,
    but nothing has passed either.
    """

    name: ClassVar[str] = "temporal_order"
    title: ClassVar[str] = "Train before test in time"
    question: ClassVar[str] = "Is every training sample older than the held-out ones?"
    fault: ClassVar[str] = "training samples from after the test period"
    why: ClassVar[str] = (
        "A later document states how earlier questions turned out: last year's figures, the "
        "course of an illness, a restated number."
    )
    action: ClassVar[str] = "Move the named train samples out, or split again at a date."
    severity: ClassVar[str] = "error"
    needs: ClassVar[tuple[str, ...]] = ("split",)
    across: ClassVar[bool] = True

    order: Literal["auto", "required"] = "auto"
    stragglers: float = Field(0.1, ge=0, lt=0.5)

    def __call__(self, data: AuditData) -> CheckResult:
        """Date each row by its latest document, or by its own column `published`."""
        dates = _dates(data)
        known = dates != UNKNOWN
        if not known[data.rows_of(data.train)].any():
            return CheckResult.not_verified(
                self, "no training sample has a date (`published`, `period_end`)"
            )
        findings: list[Finding] = []
        spans = []
        by_time = True
        for held in data.splits[1:]:
            left = data.rows_of(data.train)
            right = data.rows_of(held)
            left, right = left[known[left]], right[known[right]]
            if not len(right):
                continue
            spans.append(f"{data.train} to {max(dates[left])}, {held} from {min(dates[right])}")
            found, ordered = self._compare(data, dates, held, (left, right))
            findings += found
            by_time &= ordered
        if not spans:
            return CheckResult.not_verified(self, "no held-out sample has a date")
        undated = int((~known).sum())
        more = f"; {undated:,} samples have no date" if undated else ""
        told = f"{'; '.join(spans)}{more}"
        if not by_time:
            told = f"not a split by time: {told}"
        metrics = {"undated": undated, "out_of_order": sum(f.count for f in findings)}
        if by_time or findings:
            return CheckResult.of(self, findings, compared=told, metrics=metrics)
        open_question = CheckResult.not_verified(self, told)
        return open_question.model_copy(update={"compared": told, "metrics": metrics})

    def _compare(
        self,
        data: AuditData,
        dates: NDArray[np.object_],
        held: str,
        rows: tuple[NDArray[np.int64], NDArray[np.int64]],
    ) -> tuple[list[Finding], bool]:
        """Return what is out of order, and whether this is a split by time at all."""
        cut, late, early, share = _disorder(dates[rows[0]], dates[rows[1]])
        if not (late.any() or early.any()):
            return [], True
        if self.order == "auto" and share > self.stragglers:
            return [], False
        severity: Severity = "error" if self.order == "required" else "warning"
        late_rows, early_rows = rows[0][late], rows[1][early]
        finding = Finding.of(
            self.name,
            severity,
            f"{len(late_rows):,} samples of {data.train} are dated {cut} or later, "
            f"{len(early_rows):,} of {held} before it",
            subject=f"{data.train}:{held}",
            ids=data.named([*late_rows.tolist(), *early_rows.tolist()]),
            split_pair=(data.train, held),
            action=self.action,
        )
        return [finding], True


def _disorder(
    left: NDArray[np.object_], right: NDArray[np.object_]
) -> tuple[str, NDArray[np.bool_], NDArray[np.bool_], float]:
    """Return the date that parts the two sides best, who is on the wrong side of it, what share.

    The share is that of the side with more rows out of order, so that a small test split
    counts as much as a large train split.
    """
    cuts = np.unique(right)
    ordered_left, ordered_right = np.sort(left), np.sort(right)
    late = 1 - np.searchsorted(ordered_left, cuts, side="left") / len(left)
    early = np.searchsorted(ordered_right, cuts, side="left") / len(right)
    best = int(np.argmin(late + early))
    cut = cuts[best]
    return (
        str(cut),
        np.asarray(left >= cut, dtype=bool),
        np.asarray(right < cut, dtype=bool),
        float(max(late[best], early[best])),
    )


def _dates(data: AuditData) -> NDArray[np.object_]:
    """Return an ISO date per row: its own, or the latest of its documents; empty if unknown."""
    own = np.full(data.rows, UNKNOWN, dtype=object)
    if data.has("published"):
        own[:] = [_iso(str(v or "")) for v in data.values("published")]
    if data.documents is None or not data.has("document_ids"):
        return own
    dated = _document_dates(data)
    for row, names in enumerate(data.array("document_ids").to_pylist()):
        if not own[row]:
            own[row] = max((dated.get(n, UNKNOWN) for n in names or ()), default=UNKNOWN)
    return own


def _document_dates(data: AuditData) -> dict[str, str]:
    """Return the date of each document: when it was published, else the end of its period."""
    if data.documents is None:
        return {}
    names = data.documents.column_names
    ids = data.documents.column("document_id").to_pylist()
    rows = len(ids)
    published = data.documents.column("published").to_pylist() if "published" in names else ()
    metadata = data.documents.column("metadata").to_pylist() if "metadata" in names else ()
    found: dict[str, str] = {}
    for name, date, more in zip(
        ids, published or [None] * rows, metadata or [None] * rows, strict=True
    ):
        stated = {m["kind"]: m["value"] for m in more or ()}
        known = (_iso(v) for v in (date, *(stated.get(k) for k in _KINDS)) if v)
        found[name] = next((d for d in known if d), UNKNOWN)
    return found


def _iso(text: str) -> str:
    """Return a date so written that text order is time order; the missing parts stay away.

    >>> _iso("2024年3月5日"), _iso("2024-12"), _iso("n/a")
    ('2024-03-05', '2024-12', '')
    """
    found = _ISO.match(text)
    if not found or not 1800 <= int(found[1]) <= 2200:
        return UNKNOWN
    parts = [found[1], *(p.zfill(2) for p in found.groups()[1:] if p)]
    return "-".join(parts)
