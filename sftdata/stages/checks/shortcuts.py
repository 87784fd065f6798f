"""Can a refusal be told from the wording alone?"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import Field

from sftdata.chance import rank
from sftdata.dataset import AuditData
from sftdata.part import Part
from sftdata.report import CheckResult, Finding
from sftdata.similarity.classify import Guess, guess

__all__ = ["ShortcutsCheck"]

BY_QUESTION = ("out_of_scope_advice", "future_prediction")
"""Reasons that a question shows by right: what is asked for is not to be answered at all."""


@dataclass(frozen=True)
class _Task:
    """One thing to predict from one view of the samples."""

    view: str
    label: str
    rows: NDArray[np.int64]
    truth: NDArray[np.bool_]


class ShortcutsCheck(Part):
    """Trains small classifiers that see only the question, or only the context.

    Logistic regression on hashed word 1- and 2-grams, cross-validated by group, so that what is
    learnt of one company is tried on another. Area under the ROC curve: 0.5 is a coin, 1.0 an
    open book. A refusal should need both question and context; reasons such as a request for
    advice show in the question by right and are left out. It warns when the area is above `limit`
    beyond chance (lower end of its 95 % interval), and then tells for which reasons it is.
    """

    name: ClassVar[str] = "shortcuts"
    title: ClassVar[str] = "No shortcut to the label"
    question: ClassVar[str] = (
        "Can one tell from the question alone, or the context alone, whether it is answerable?"
    )
    fault: ClassVar[str] = "labels that the wording gives away"
    why: ClassVar[str] = (
        "A model that can guess a refusal from its wording learns the wording, not to look whether "
        "the answer is there."
    )
    action: ClassVar[str] = "Word refusals like their answerable twins, with contexts of one kind."
    severity: ClassVar[str] = "warning"
    needs: ClassVar[tuple[str, ...]] = ("prompt", "question")
    across: ClassVar[bool] = False

    limit: float = Field(0.75, gt=0.5, le=1)
    least: int = Field(40, ge=10)
    """Samples of each side that it takes to say anything."""
    most: int = Field(4000, ge=100)
    """Samples that are looked at, chosen by hash."""

    def __call__(self, data: AuditData) -> CheckResult:
        """Predict `unanswerable` from each view, and each reason of refusal from the question."""
        labels = _labels(data)
        if labels is None:
            return CheckResult.not_verified(
                self, "there are no refusals beside answered samples to tell apart"
            )
        folds = _owners(data)
        scores: dict[str, float] = {}
        findings = []
        for task in self._tasks(labels):
            chosen, truth = _chosen(data, task, self.most)
            texts = _view(data, task.view, chosen)
            found = guess(texts, truth, folds[chosen])
            if found is None:
                continue
            scores[f"{task.label} from the {task.view}"] = round(found.auroc, 4)
            if found.low > self.limit:
                findings.append(self._finding(data, task, found, chosen[truth]))
        if not scores:
            return CheckResult.not_verified(
                self,
                f"there are fewer than {self.least} samples on a side, or too few groups to try "
                "a classifier on unseen ones",
            )
        whole = {k: v for k, v in scores.items() if k.startswith("unanswerable")} or scores
        worst = max(whole, key=lambda k: whole[k])
        return CheckResult.of(
            self,
            findings,
            compared=f"{len(scores)} classifiers by group; the best guesses {worst} with an AUROC "
            f"of {scores[worst]:.2f} (limit {self.limit:g})",
            metrics={"auroc": dict(scores)},
        )

    def _tasks(self, labels: tuple[NDArray[np.int64], NDArray[np.object_]]) -> Iterator[_Task]:
        answerable, reasons = labels
        fair = ~np.isin(reasons, BY_QUESTION)
        known = np.flatnonzero((answerable >= 0) & fair)
        for view in ("question", "context"):
            yield from self._large(_Task(view, "unanswerable", known, answerable[known] == 0))
        counts = Counter(str(r) for r in reasons[(answerable == 0) & fair] if r)
        for reason in sorted(counts) if len(counts) > 1 else ():
            rows = np.flatnonzero((answerable == 1) | (reasons == reason))
            yield from self._large(_Task("question", reason, rows, reasons[rows] == reason))

    def _large(self, task: _Task) -> Iterator[_Task]:
        sides = int(task.truth.sum()), int((~task.truth).sum())
        if min(sides) >= self.least:
            yield task

    def _finding(
        self, data: AuditData, task: _Task, found: Guess, rows: NDArray[np.int64]
    ) -> Finding:
        terms = ", ".join(f"“{t}”" for t in found.terms[:6]) if data.excerpts else ""
        words = f"{task.label} can be told from the {task.view}: AUROC {found.auroc:.2f}"
        return Finding.of(
            self.name,
            "warning" if task.label == "unanswerable" else "info",
            words + (f"; most telling: {terms}" if terms else ""),
            subject=f"{task.view}:{task.label}",
            ids=data.named(rows[:50].tolist()),
            count=len(rows),
            action=self.action,
        )


def _labels(data: AuditData) -> tuple[NDArray[np.int64], NDArray[np.object_]] | None:
    """Return 1, 0 or -1 (unknown) per row for answerable, and the reason of each refusal."""
    answerable = np.full(data.rows, -1, dtype=np.int64)
    kinds = data.values("kind") if data.has("kind") else [None] * data.rows
    answers = data.values("answer") if data.has("answer") else [None] * data.rows
    for row, (kind, answer) in enumerate(zip(kinds, answers, strict=True)):
        stated = _stated(str(answer or ""))
        if stated is not None:
            answerable[row] = stated
        elif kind == "refusal":
            answerable[row] = 0
        elif kind == "evidence":
            answerable[row] = 1
    reasons = np.full(data.rows, "", dtype=object)
    if data.has("reason_code"):
        reasons[:] = [str(r or "") for r in data.values("reason_code")]
    known = set(answerable[answerable >= 0].tolist())
    return (answerable, reasons) if known == {0, 1} else None


def _stated(answer: str) -> int | None:
    if '"answerable"' not in answer:
        return None
    try:
        value = json.loads(answer)
    except (json.JSONDecodeError, RecursionError):
        return None
    found = value.get("answerable") if isinstance(value, dict) else None
    return int(found) if isinstance(found, bool) else None


def _owners(data: AuditData) -> NDArray[np.int64]:
    """Return a number per row for its group, else its document, else itself."""
    if (data.group_codes >= 0).any():
        return data.group_codes
    if not data.has("document_ids"):
        return np.arange(data.rows, dtype=np.int64)
    names: dict[str, int] = {}
    lists = data.array("document_ids").to_pylist()
    return np.array([names.setdefault((d or [""])[0], len(names)) for d in lists], dtype=np.int64)


def _chosen(data: AuditData, task: _Task, most: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    if len(task.rows) <= most:
        return task.rows, task.truth
    order = np.argsort([rank("shortcuts", data.ids[r]) for r in task.rows.tolist()])[:most]
    order = np.sort(order)
    return task.rows[order], task.truth[order]


def _view(data: AuditData, view: str, rows: NDArray[np.int64]) -> pa.Array:
    questions = data.array("question").take(pa.array(rows))
    if view == "question":
        return questions
    prompts = data.array("prompt").take(pa.array(rows)).to_pylist()
    pairs = zip(prompts, questions.to_pylist(), strict=True)
    return pa.array([(p or "").replace(q, " ") if q else p for p, q in pairs], pa.large_string())
