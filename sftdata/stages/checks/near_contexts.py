"""Does a passage of a held-out prompt stand in a train prompt?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pydantic import Field

from sftdata.dataset import AuditData
from sftdata.part import Part
from sftdata.report import CheckResult, Finding
from sftdata.similarity.boilerplate import across, common_from, distinctive
from sftdata.similarity.overlap import containment_pairs
from sftdata.similarity.shingles import Shingles, shingle

__all__ = ["NearContextsCheck"]

I64 = NDArray[np.int64]


@dataclass(frozen=True)
class _Shared:
    """One paragraph of held-out rows that stands in rows of another split."""

    held: int
    train: int
    similarity: float
    held_rows: I64
    train_rows: I64
    boilerplate: bool


class NearContextsCheck(Part):
    """Compares the paragraphs of prompts across splits, exact and near.

    Legal boilerplate is told apart in two ways: its words stand in many groups, or (where the
    lineage of a build is at hand) it stands in the own documents of both sides. The second is an
    error where most of a held-out prompt is such text, a warning where a held-out answer rests on
    it, and otherwise only told: a shared phrase of a cover page gives nothing away.
    """

    name: ClassVar[str] = "near_contexts"
    title: ClassVar[str] = "Passages kept apart"
    question: ClassVar[str] = "Does a passage of a held-out prompt stand in a train prompt?"
    fault: ClassVar[str] = "passages in two splits"
    why: ClassVar[str] = (
        "The answer of a test question can be read in a train context long before it is asked."
    )
    action: ClassVar[str] = "Remove the train samples that carry the passage."
    severity: ClassVar[str] = "error"
    needs: ClassVar[tuple[str, ...]] = ("split", "prompt")
    across: ClassVar[bool] = True

    threshold: float = Field(0.8, gt=0, le=1)
    covered: float = Field(0.5, gt=0, le=1)
    """Share of a held-out prompt's paragraphs from which shared source text is an error."""

    def __call__(self, data: AuditData) -> CheckResult:
        """Compare paragraphs of at least 160 bytes, each distinct text once."""
        chunks = data.chunks
        if not len(chunks.texts):
            return CheckResult.not_verified(
                self, "no prompt holds a paragraph that is long enough to compare"
            )
        findings: list[Finding] = []
        boilerplate = 0
        documents = _own_documents(data)
        shingles = shingle(chunks.texts)
        for first in data.splits[:-1]:
            for second, shared in self._shared(data, shingles, first).items():
                boilerplate += sum(s.boilerplate for s in shared)
                heavy = _covered(data, second, shared, self.covered)
                findings += [
                    self._finding(data, found, heavy, documents)
                    for found in shared
                    if not found.boilerplate
                ]
        return CheckResult.of(
            self,
            findings,
            compared=f"{len(chunks.texts):,} distinct paragraphs of {data.rows:,} prompts at "
            f"similarity {self.threshold:g}",
            metrics={
                "threshold": self.threshold,
                "paragraphs": len(chunks.texts),
                "boilerplate_paragraphs": boilerplate,
            },
        )

    def _shared(self, data: AuditData, shingles: Shingles, first: str) -> dict[str, list[_Shared]]:
        """Return what each later split shares with the first: one comparison for all of them."""
        chunks = data.chunks
        splits = data.split_of[chunks.rows]
        later = data.splits[data.splits.index(first) + 1 :]
        train = np.unique(chunks.codes[splits == first])
        held = {s: np.unique(chunks.codes[splits == s]) for s in later}
        every = np.unique(np.concatenate(list(held.values())))
        if not len(train) or not len(every):
            return {}
        pairs = across(shingles, every, train, threshold=self.threshold)
        if not len(pairs):
            return {}
        owners, limit = common_from(data.group_codes)
        rest = distinctive(
            shingles,
            np.column_stack([pairs.left, pairs.right]),
            texts=chunks.codes,
            owners=owners[chunks.rows],
            limit=limit,
        )
        rows = chunks.rows_by_text
        _, best = np.unique(pairs.left, return_index=True)
        return {
            second: [
                _Shared(
                    held=int(pairs.left[i]),
                    train=int(pairs.right[i]),
                    similarity=float(pairs.similarity[i]),
                    held_rows=_of(data, rows[pairs.left[i]], second),
                    train_rows=_of(data, rows[pairs.right[i]], first),
                    boilerplate=bool(rest.share[i] < 0.5),
                )
                for i in best[np.isin(pairs.left[best], held[second])].tolist()
            ]
            for second in later
        }

    def _finding(
        self,
        data: AuditData,
        found: _Shared,
        heavy: set[int],
        documents: dict[str, tuple[str, str, str]],
    ) -> Finding:
        left, right = int(found.train_rows[0]), int(found.held_rows[0])
        first, second = str(data.split_of[left]), str(data.split_of[right])
        texts = (data.chunks.texts[found.train].as_py(), data.chunks.texts[found.held].as_py())
        own = bool(documents) and all(
            _stands_in_own(data, row, text, documents)
            for row, text in zip((left, right), texts, strict=True)
        )
        recurs = data.timed and _one_group(data, found.train_rows, found.held_rows)
        mild = recurs or (own and not heavy.intersection(found.held_rows.tolist()))
        severity = "warning" if mild or first != data.train else "error"
        if mild and not _rests_on(data, found.held_rows, texts[1]):
            severity = "info"
        source = " (it stands in the sources of both)" if own else ""
        source = " (one company or patient, by design of a split by time)" if recurs else source
        return Finding.of(
            self.name,
            severity,  # type: ignore[arg-type]
            f"A passage of {len(found.held_rows)} samples of {second} stands in "
            f"{len(found.train_rows)} of {first}, {found.similarity:.0%} alike{source}",
            subject=min(data.named(found.held_rows)) + str(len(texts[1])),
            ids=data.named([*found.train_rows, *found.held_rows]),
            split_pair=(first, second),
            example=data.side_by_side(left, right, texts, found.similarity),
            action=self.action,
        )


def _one_group(data: AuditData, left: I64, right: I64) -> bool:
    """Return whether every side is about groups that the other side is about as well."""
    codes = data.group_codes
    return -1 not in codes[right] and set(codes[right]) <= set(codes[left])


def _of(data: AuditData, rows: I64, split: str) -> I64:
    return np.unique(rows[data.split_of[rows] == split])


def _covered(data: AuditData, split: str, shared: list[_Shared], limit: float) -> set[int]:
    """Return the rows of which this share of paragraphs (by length) stands in the other split."""
    chunks = data.chunks
    sizes = np.asarray(pc.binary_length(chunks.texts), dtype=np.int64)[chunks.codes]
    known = np.isin(chunks.codes, [s.held for s in shared if not s.boilerplate])
    total = np.bincount(chunks.rows, weights=sizes, minlength=data.rows)
    seen = np.bincount(chunks.rows, weights=sizes * known, minlength=data.rows)
    rows = np.flatnonzero((seen >= limit * total) & (total > 0))
    return set(rows[data.split_of[rows] == split].tolist())


def _rests_on(data: AuditData, rows: I64, text: str) -> bool:
    """Return whether an answer of these rows has its evidence in the text (unknown: yes)."""
    if not data.has("evidence"):
        return True
    quotes = (e for row in rows.tolist() for e in data.array("evidence")[row].as_py() or ())
    return any(" ".join(e["quote"].split()) in " ".join(text.split()) for e in quotes)


def _own_documents(data: AuditData) -> dict[str, tuple[str, str, str]]:
    """Return text, split and group of each document of the lineage."""
    if data.documents is None:
        return {}
    columns = [
        data.documents.column(c).to_pylist()
        if c in data.documents.column_names
        else [""] * data.documents.num_rows
        for c in ("document_id", "text", "split", "group")
    ]
    return {str(d): (t or "", s or "", g or "") for d, t, s, g in zip(*columns, strict=True)}


def _stands_in_own(
    data: AuditData, row: int, text: str, documents: dict[str, tuple[str, str, str]]
) -> bool:
    """Return whether a paragraph stands in a source document of the row's own split and group."""
    names: list[str] = []
    for column in ("document_ids", "context"):
        if data.has(column):
            values = data.array(column)[row].as_py() or []
            names += [v if isinstance(v, str) else v["document_id"] for v in values]
    split = str(data.split_of[row])
    group = data.array("group")[row].as_py() if data.has("group") else ""
    for name in dict.fromkeys(names):
        source, document_split, document_group = documents.get(name, ("", "", ""))
        foreign = (document_split and document_split != split) or (
            document_group and group and document_group != group
        )
        if not foreign and source and _holds(source, text):
            return True
    return False


def _holds(source: str, text: str) -> bool:
    """Return whether a text stands in its source, if only in part (a refusal has spans cut out)."""
    if text in source:
        return True
    found = containment_pairs(pa.array([text]), pa.array([source]), threshold=0.8)
    return len(found) > 0
