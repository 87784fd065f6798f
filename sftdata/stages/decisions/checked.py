"""Checked: samples that failed a check, or lost their twin, leave."""

from __future__ import annotations

from typing import Literal

import pyarrow as pa

from sftdata.part import VERDICTS, Decision

__all__ = ["Checked"]

_KEYS = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("failed", pa.string(), nullable=False),
        pa.field("twin_of", pa.string()),
    ]
)


class Checked(Decision):
    """Drop each sample with a failed check, and each refusal whose answerable twin is gone.

    Why the second: the pair differs by its evidence alone; half of it teaches a shortcut.
    Reasons: the name of the first failed check, `over_length`, `twin_dropped`.
    """

    over_length: Literal["drop", "flag", "fail"] = "flag"
    """`drop`: samples that *render* marked as too long leave as well."""

    def keys(self, batch: pa.Table) -> pa.Table:
        """Return `id`, the first failed check (or nothing) and the twin."""
        columns = ["sample_id", "checks", "over_length", "twin_of"]
        rows = []
        for row in batch.select(columns).to_pylist():
            failed = next((c["name"] for c in row["checks"] if not c["passed"]), "")
            if not failed and row["over_length"] and self.over_length == "drop":
                failed = "over_length"
            rows.append({"id": row["sample_id"], "failed": failed, "twin_of": row["twin_of"]})
        return pa.Table.from_pylist(rows, schema=_KEYS)

    def decide(self, keys: pa.Table) -> pa.Table:
        """Return `keep` or `drop` for every sample."""
        rows = keys.sort_by("id").to_pylist()
        kept = {row["id"] for row in rows if not row["failed"]}
        verdicts = []
        for row in rows:
            reason, because = row["failed"], ""
            if not reason and row["twin_of"] and row["twin_of"] not in kept:
                reason, because = "twin_dropped", row["twin_of"]
            verdicts.append(
                {
                    "id": row["id"],
                    "verdict": "drop" if reason else "keep",
                    "reason": reason,
                    "because_of": because,
                }
            )
        return pa.Table.from_pylist(verdicts, schema=VERDICTS)
