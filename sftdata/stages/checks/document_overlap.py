"""Does one source document feed two splits?"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sftdata.dataset import AuditData
from sftdata.part import Part
from sftdata.report import CheckResult, Finding

__all__ = ["DocumentOverlapCheck"]


class DocumentOverlapCheck(Part):
    """Finds documents whose text is used by samples of two splits, distractors included."""

    name: ClassVar[str] = "document_overlap"
    title: ClassVar[str] = "Documents kept apart"
    question: ClassVar[str] = "Does any source document stand behind samples of two splits?"
    fault: ClassVar[str] = "documents in two splits"
    why: ClassVar[str] = (
        "A held-out document that is quoted in a train prompt, if only as a distractor, has been "
        "read before the test."
    )
    action: ClassVar[str] = "Draw contexts from documents of the sample's own split only."
    severity: ClassVar[str] = "error"
    needs: ClassVar[tuple[str, ...]] = ("split", "document_ids")
    across: ClassVar[bool] = True

    def __call__(self, data: AuditData) -> CheckResult:
        """Compare the document ids (sources, contexts, evidence) of every two splits."""
        rows, keys = _documents(data)
        findings = [
            Finding.of(
                self.name,
                "error",
                f"Document {d.key} stands behind samples of {len(d.rows)} splits: {d}",
                subject=d.key,
                ids=data.named(d.named),
                count=d.count,
                split_pair=d.pair,
                action=self.action,
            )
            for d in data.divided(rows, keys)
        ]
        documents = len(pc.unique(keys))
        return CheckResult.of(
            self,
            findings,
            compared=f"{documents:,} documents across {len(data.splits)} splits",
            metrics={"documents": documents, "documents_in_two_splits": len(findings)},
        )


def _documents(data: AuditData) -> tuple[NDArray[np.int64], pa.Array]:
    """Return each row with each document that it names: as source, in its context, as evidence."""
    rows, keys = [], []
    for column in ("document_ids", "context", "evidence"):
        if not data.has(column):
            continue
        array = data.array(column)
        rows.append(np.asarray(pc.list_parent_indices(array), dtype=np.int64))
        flat = pc.list_flatten(array)
        keys.append(flat if column == "document_ids" else pc.struct_field(flat, "document_id"))
    return np.concatenate(rows), pa.concat_arrays([k.cast(pa.string()) for k in keys])
