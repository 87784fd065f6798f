"""Is the same fact asked for on both sides?"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pyarrow.compute as pc

from sftdata.dataset import AuditData
from sftdata.part import Part
from sftdata.report import CheckResult, Finding

__all__ = ["SharedFactsCheck"]


class SharedFactsCheck(Part):
    """Finds facts (entity, name, period, value) that samples of two splits state."""

    name: ClassVar[str] = "shared_facts"
    title: ClassVar[str] = "Facts kept apart"
    question: ClassVar[str] = "Is the same fact of the same entity the answer in two splits?"
    fault: ClassVar[str] = "facts stated in two splits"
    why: ClassVar[str] = (
        "Last year's figure is printed again in this year's filing: a split by document can ask "
        "for the same number on both sides, in other words."
    )
    action: ClassVar[str] = "Split by the entity, or remove the train samples that state the fact."
    severity: ClassVar[str] = "error"
    needs: ClassVar[tuple[str, ...]] = ("split", "facts")
    across: ClassVar[bool] = True

    def __call__(self, data: AuditData) -> CheckResult:
        """Compare the facts of every two splits; a fact without an entity names nobody."""
        facts = data.array("facts")
        rows = np.asarray(pc.list_parent_indices(facts), dtype=np.int64)
        keys = pc.list_flatten(facts)
        named = pc.fill_null(pc.invert(pc.starts_with(keys, "|")), False)
        keep = np.asarray(named, dtype=bool)
        findings = [
            Finding.of(
                self.name,
                "error",
                f"The fact {d.key.partition('=')[0]} is stated in {len(d.rows)} splits: {d}",
                subject=d.key,
                ids=data.named(d.named),
                count=d.count,
                split_pair=d.pair,
                action=self.action,
            )
            for d in data.divided(rows[keep], keys.filter(named))
        ]
        distinct = len(pc.unique(keys))
        return CheckResult.of(
            self,
            findings,
            compared=f"{distinct:,} facts across {len(data.splits)} splits",
            metrics={
                "facts": distinct,
                "facts_in_two_splits": len(findings),
                "facts_without_entity": int((~keep).sum()),
            },
        )
