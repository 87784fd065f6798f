"""Which test rows are suspicious: named with train by the audit, or made of train's own words."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from sftdata.judged import Judged
from sftdata.report import AuditReport
from sftdata.similarity.overlap import seen_shares

__all__ = ["suspicious_rows"]

_TRAIN = "train"
_COMPANY, _SHARE = 5, 0.02
"""Groups of train, in number and as a share of them all, that make a run of words boilerplate."""


def _texts(table: pa.Table) -> pa.Array:
    """Return prompt and completion of each sample without its system message."""
    rows = []
    for prompt, completion in zip(
        table["prompt"].to_pylist(), table["completion"].to_pylist(), strict=True
    ):
        parts = [m["content"] for m in (*prompt, *completion) if m["role"] != "system"]
        rows.append("\n".join(parts))
    return pa.array(rows, pa.large_string())


def suspicious_rows(build: Judged, split: str, threshold: float) -> tuple[dict[str, float], str]:
    """Return the suspicious samples of a split with their share of known words, and why.

    Suspicious is a row that a finding of the audit names with train, and one of which at least
    `threshold` of the 8-word runs (characters in Chinese, numbers masked) stand in train. Runs that
    many companies or patients of train share (a question's wording, a form's headings) tell
    nothing and are not counted. Nothing is suspicious where there is no train split.
    """
    if _TRAIN not in build.splits or split == _TRAIN:
        return {}, "there is no train split to compare with"
    table = build.table(split)
    train = build.table(_TRAIN)
    _, owners = np.unique(train["group"].to_numpy(), return_inverse=True)
    shared_by = max(_COMPANY, int(_SHARE * (owners.max(initial=0) + 1)))
    seen, total = seen_shares(
        _texts(train), _texts(table), n=8, mask_numbers=True, owners=owners, shared_by=shared_by
    )
    shares = np.divide(seen, total, out=np.zeros(len(seen)), where=total > 0)
    ids = table["sample_id"].to_pylist()
    named = _named(build.report, split)
    found = {
        name: float(share)
        for name, share in zip(ids, shares.tolist(), strict=True)
        if share >= threshold or name in named
    }
    return found, f"{len(named & set(ids))} named by the audit"


def _named(report: AuditReport, split: str) -> set[str]:
    """Return the ids in warnings and errors about train and this split."""
    return {
        name
        for finding in report.findings
        if finding.severity != "info"
        and finding.split_pair is not None
        and split in finding.split_pair
        for name in finding.ids
    }
