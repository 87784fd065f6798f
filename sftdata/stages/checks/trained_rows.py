"""Is every row whole as it will be trained: tokenised, masked, and cut at the limit?"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from sftdata.chat.faults import NO_LIMIT, chat_of
from sftdata.chat.measured import Measured, measured
from sftdata.chat.survival import percentiles, recommended, survivals
from sftdata.dataset import AuditData
from sftdata.part import Part
from sftdata.report import CheckResult, Finding, Histogram, Severity

__all__ = ["TrainedRowsCheck"]

_WORDS = {
    "refused": "cannot be rendered, so they would not be trained",
    "untrained": "have no token in the loss",
    "answer_cut": "lose the end of the answer and its stop token at the limit",
    "question_cut": "lose the question at the limit",
    "evidence_cut": "lose evidence at the limit",
    "other_text": "train other text than their answer and its stop token",
    "no_stop": "train no stop token",
    "evidence_gone": "do not show their evidence in the decoded prompt",
    "question_gone": "do not show their question in the decoded prompt",
}
_CUT = ("answer_cut", "question_cut", "evidence_cut", "untrained")


class TrainedRowsCheck(Part):
    """Looks at the rows that will be trained: tokens and labels, cut where a trainer would cut.

    Rows are rendered, tokenised, masked, cut at `max_length` (the start is kept, as TRL does) and
    decoded again. The answer must be whole with its stop token and alone in the loss; question
    and evidence must still stand in the prompt. A row that a build has marked as over-long makes
    a warning, any other an error. It also tells lengths by kind, and what other limits would cost.
    """

    name: ClassVar[str] = "trained_rows"
    title: ClassVar[str] = "Trained rows whole"
    question: ClassVar[str] = "Are answer, stop token, question and evidence in what is trained?"
    fault: ClassVar[str] = "rows that are trained without a part"
    why: ClassVar[str] = (
        "Trainers cut rows without a word: an answer without its stop token teaches to go on for "
        "ever, and one without its evidence teaches to invent."
    )
    action: ClassVar[str] = "Raise max_length, shorten the contexts, or leave these samples out."
    severity: ClassVar[str] = "error"
    needs: ClassVar[tuple[str, ...]] = ("chat",)
    across: ClassVar[bool] = False

    def __call__(self, data: AuditData) -> CheckResult:
        """Tokenise every row as training does, and read it back."""
        chat = chat_of(data)
        if chat.tokenizer is None:
            return CheckResult.not_verified(
                self, "no tokenizer is named, so the tokens that are trained are not known"
            )
        found = measured(data)
        told = "nowhere" if chat.max_length == NO_LIMIT else f"at {chat.max_length:,} tokens"
        lengths = percentiles(found.total[found.rendered])
        return CheckResult.of(
            self,
            self._findings(data, found),
            compared=f"{data.rows:,} rows tokenised with {chat.template.name}, cut {told}, decoded",
            metrics=_metrics(data, found, lengths),
            histograms=_histograms(data, found, chat.max_length),
        )

    def _findings(self, data: AuditData, found: Measured) -> list[Finding]:
        declared = np.zeros(data.rows, dtype=bool)
        if data.has("over_length"):
            declared = np.array([bool(v) for v in data.values("over_length")])
        findings = []
        for fault, rows in found.faults.items():
            marked = [r for r in rows if declared[r] and fault in _CUT]
            others = sorted(set(rows) - set(marked))
            for severity, named in (("error", others), ("warning", marked)):
                if named:
                    findings.append(self._finding(data, fault, named, severity))
        return findings

    def _finding(self, data: AuditData, fault: str, rows: list[int], level: str) -> Finding:
        severity: Severity = "error" if level == "error" else "warning"
        return Finding.of(
            self.name,
            severity,
            f"{len(rows):,} rows {_WORDS[fault]}",
            subject=f"{fault}:{level}",
            ids=data.named(rows),
            action=self.action,
        )


def _metrics(data: AuditData, found: Measured, lengths: dict[str, int]) -> dict[str, JsonValue]:
    kinds = data.values("kind") if data.has("kind") else None
    left: list[JsonValue] = [
        {
            "length": s.length,
            "cut": s.cut,
            "samples": s.samples,
            "answers": s.answers,
            "questions": s.questions,
            "evidence": s.evidence,
        }
        for s in survivals(found)
    ]
    return {
        "rows": int(found.rendered.sum()),
        "lengths": dict(lengths),
        "recommended_max_length": recommended(found, kinds),
        "survival": left,
    }


def _histograms(data: AuditData, found: Measured, limit: int) -> tuple[Histogram, ...]:
    """Return tokens by kind, of at most six, in about 24 bins."""
    if not data.has("kind") or not found.rendered.any():
        return ()
    kinds = np.array([str(k or "") for k in data.values("kind")], dtype=object)
    top = int(found.total.max())
    step = max(1, -(-top // 24 // 8) * 8)
    edges = np.arange(0, top + 2 * step, step)
    names = sorted(set(kinds[found.rendered].tolist()))[:6]
    series = {name: _counts(found.total[(kinds == name) & found.rendered], edges) for name in names}
    return (
        Histogram(
            title="Trained tokens by kind",
            unit="tokens",
            edges=tuple(float(e) for e in edges),
            series=series,
            threshold=float(limit) if limit <= edges[-1] else None,
        ),
    )


def _counts(lengths: NDArray[np.int64], edges: NDArray[np.int64]) -> tuple[int, ...]:
    return tuple(int(n) for n in np.histogram(lengths, bins=edges)[0])
