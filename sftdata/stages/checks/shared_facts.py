"""Is the same fact asked for on both sides?"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pyarrow.compute as pc

from sftdata.dataset import AuditData, Divided
from sftdata.part import Part
from sftdata.report import CheckResult, Finding, Severity

__all__ = ["SharedFactsCheck"]


class SharedFactsCheck(Part):
    """Finds facts (entity, name, period, value) that samples of two splits state.

    In a split by time the same company stands on both sides by design, and prints last year's
    figure again: that is told. It warns where a held-out answer states nothing that train does not.
    """

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
        divided = data.divided(rows[keep], keys.filter(named))
        known = _known(data, divided) if data.timed else set()
        findings = [self._finding(data, d, known) for d in divided]
        distinct = len(pc.unique(keys))
        return CheckResult.of(
            self,
            findings,
            compared=f"{distinct:,} facts across {len(data.splits)} splits"
            + ("; that they recur is by design of a split by time" if data.timed else ""),
            metrics={
                "facts": distinct,
                "facts_in_two_splits": len(findings),
                "facts_without_entity": int((~keep).sum()),
            },
        )

    def _finding(self, data: AuditData, found: Divided, known: set[int]) -> Finding:
        severity: Severity = "error"
        words = f"The fact {found.key.partition('=')[0]} is stated in {len(found.rows)} splits"
        if data.timed:
            held = [r for split, rows in found.rows.items() if split != data.train for r in rows]
            whole = [r for r in held if r in known]
            severity = "warning" if whole else "info"
            words += f", {len(whole)} times as all that an answer states" if whole else ""
        return Finding.of(
            self.name,
            severity,
            f"{words}: {found}",
            subject=found.key,
            ids=data.named(found.named),
            count=found.count,
            split_pair=found.pair,
            action=self.action,
        )


def _known(data: AuditData, divided: list[Divided]) -> set[int]:
    """Return the held-out rows of whose facts every one is stated in train."""
    taught = {d.key for d in divided if data.train in d.rows}
    held = {r for d in divided for s, rows in d.rows.items() if s != data.train for r in rows}
    facts = data.array("facts")
    return {r for r in held if taught.issuperset(facts[r].as_py())}
