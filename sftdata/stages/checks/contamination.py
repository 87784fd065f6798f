"""Is a named evaluation set part of the training data?"""

from __future__ import annotations

from typing import ClassVar

import pyarrow as pa
from pydantic import Field

from sftdata.dataset import AuditData
from sftdata.part import Part
from sftdata.report import CheckResult, Example, Finding, Severity
from sftdata.similarity.contamination import Overlap, contaminated, items_of

__all__ = ["ContaminationCheck"]

LEVELS: tuple[Severity, ...] = ("error", "warning", "info")


class ContaminationCheck(Part):
    """Looks for 13-word runs (characters in Chinese) of evaluation items in the samples.

    Hits are found by hash and verified on the text. An item of which `share` or more stands in a
    train sample is contaminated: an error; a smaller piece warns if it is `run` words or longer,
    and is otherwise told. Hits in held-out splits are told: nobody learns from them.
    """

    name: ClassVar[str] = "contamination"
    title: ClassVar[str] = "Free of evaluation sets"
    question: ClassVar[str] = "Does the data hold items of the evaluation sets that were named?"
    fault: ClassVar[str] = "samples that hold evaluation items"
    why: ClassVar[str] = (
        "A public benchmark that was learnt by heart no longer measures anything; its authors "
        "cannot see that, only the owner of the training data can."
    )
    action: ClassVar[str] = "Remove these samples, or do not report that benchmark."
    severity: ClassVar[str] = "error"
    needs: ClassVar[tuple[str, ...]] = ("prompt",)
    across: ClassVar[bool] = False

    against: dict[str, str] = Field(default_factory=dict)
    """Name of each evaluation set → its file: JSONL, Parquet, CSV or a folder."""
    n: int = Field(13, ge=5, le=50)
    share: float = Field(0.5, gt=0, le=1)
    run: int = Field(26, ge=5)

    def __call__(self, data: AuditData) -> CheckResult:
        """Compare every sample with every named set."""
        if not data.against:
            return CheckResult.not_verified(
                self, "no evaluation set was named (against={name: path})"
            )
        findings: list[Finding] = []
        counts: dict[str, int] = {}
        compared = []
        for name, texts in data.against.items():
            items = items_of(texts, n=self.n)
            found = contaminated(data.text, items, texts, n=self.n)
            compared.append(f"{items.count:,} items of {name}")
            counts[name] = len({o.item for o in found})
            findings += self._findings(data, name, texts, found)
        return CheckResult.of(
            self,
            findings,
            compared=f"{data.rows:,} samples with {' and '.join(compared)} by runs of {self.n}",
            metrics={"items_found": dict(counts), "n": self.n},
        )

    def _findings(
        self, data: AuditData, name: str, texts: pa.Array, found: list[Overlap]
    ) -> list[Finding]:
        by_item: dict[int, list[Overlap]] = {}
        for overlap in found:
            by_item.setdefault(overlap.item, []).append(overlap)
        out = []
        for item, overlaps in sorted(by_item.items()):
            ranked = sorted(overlaps, key=lambda o: (self._level(data, o), -o.share, o.row))
            best = ranked[0]
            severity = LEVELS[self._level(data, best)]
            same = [o.row for o in ranked if self._level(data, o) == self._level(data, best)]
            label = f"{name}:{item + 1}"
            out.append(
                Finding.of(
                    self.name,
                    severity,
                    f"{best.share:.0%} of item {label} stands in {data.ids[best.row]}"
                    + (f" ({data.split_of[best.row]})" if data.splits else "")
                    + f", up to {best.run} words in a row",
                    subject=label,
                    ids=data.named(same),
                    example=_example(data, texts, best, label),
                    action=self.action if severity != "info" else "",
                )
            )
        return out

    def _level(self, data: AuditData, overlap: Overlap) -> int:
        """Return 0 for an error, 1 for a warning, 2 for information."""
        if data.splits and data.split_of[overlap.row] != data.train:
            return 2
        if overlap.share >= self.share:
            return 0
        return 1 if overlap.run >= self.run else 2


def _example(data: AuditData, texts: pa.Array, overlap: Overlap, label: str) -> Example | None:
    item = texts[overlap.item].as_py()
    pair = (_from_match(data.text[overlap.row].as_py(), item), item)
    shown = data.side_by_side(overlap.row, overlap.row, pair, overlap.share)
    if shown is None:
        return None
    return shown.model_copy(update={"right_id": label, "right_title": "evaluation item"})


def _from_match(text: str, item: str) -> str:
    """Return a text from about where the item's first words stand in it."""
    words = item.split() if " " in item else [item[i : i + 6] for i in range(0, len(item), 6)]
    folded = text.casefold()
    places = [folded.find(" ".join(words[i : i + 4]).casefold()) for i in range(0, len(words), 4)]
    known = [p for p in places if p >= 0]
    return text[max(0, known[0] - 20) :] if known else text
