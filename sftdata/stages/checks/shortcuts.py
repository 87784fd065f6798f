"""Can a refusal be told from the wording alone?"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import Field, JsonValue

from sftdata.chance import rank
from sftdata.dataset import AuditData
from sftdata.part import Part
from sftdata.report import CheckResult, Finding
from sftdata.similarity.classify import Guess, guess

__all__ = ["ShortcutsCheck"]

BY_QUESTION = ("out_of_scope_advice", "future_prediction")
"""Reasons that a question shows by right: what is asked for is not to be answered at all."""


LISTED = 3
"""Families that a finding names."""


@dataclass(frozen=True)
class _Task:
    """One thing to predict from one view of the samples."""

    view: str
    label: str
    rows: NDArray[np.int64]
    truth: NDArray[np.bool_]
    strata: NDArray[np.int64]
    """Only rows of one stratum are held against each other."""
    against: str
    """What the refusals are held against: `twins`, `domain` or `all`."""
    families: tuple[str, ...] = ()
    """The families of the answered samples, where they are those of twins."""

    @property
    def name(self) -> str:
        return f"{self.label} from the {self.view}"


@dataclass(frozen=True)
class _Score:
    """What a task came to."""

    task: _Task
    found: Guess
    refused: int
    answered: int
    groups: int
    """Groups of the side that has fewer of them."""
    telling: bool

    @property
    def words(self) -> str:
        task = self.task
        families = ", ".join(task.families[:LISTED])
        if len(task.families) > LISTED:
            families += f" and {len(task.families) - LISTED} more families"
        of = {"twins": f" of {families}", "domain": " of the same domain", "all": ""}[task.against]
        return (
            f"AUROC {self.found.auroc:.2f}, {self.refused:,} refusals beside {self.answered:,} "
            f"answered samples{of}, {self.groups} groups"
        )

    @property
    def metrics(self) -> dict[str, JsonValue]:
        return {
            "auroc": round(self.found.auroc, 4),
            "low": round(self.found.low, 4),
            "refused": self.refused,
            "answered": self.answered,
            "groups": self.groups,
            "against": self.task.against,
            "families": ", ".join(self.task.families),
            "telling": self.telling,
        }


class ShortcutsCheck(Part):
    """Trains small classifiers that see only the question, or only the context.

    Logistic regression on hashed word 1- and 2-grams, cross-validated by group, so that what is
    learnt of one company is tried on another. Area under the ROC curve: 0.5 is a coin, 1.0 an
    open book. A refusal should need both question and context; reasons such as a request for
    advice show in the question by right and are left out. It warns when the area is above `limit`
    beyond chance (lower end of its 95 % interval), and then tells for which reasons it is.

    A reason is held against answered samples of the families that its twins are of, family by
    family: another family words its questions otherwise, and that gives nothing away. Without
    twins it is held against the answered samples of its domain, and without those against all;
    `metrics["scores"]` says which (`against`: `twins`, `domain`, `all`), with the number of rows
    and groups. A value from fewer than `least_groups` groups stands there as not telling: it
    raises no finding, and where no other is left the question is not verified.
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
    least_groups: int = Field(5, ge=2)
    """Groups of each side that it takes for a value to tell something."""
    most: int = Field(4000, ge=100)
    """Samples that are looked at, chosen by hash."""

    def __call__(self, data: AuditData) -> CheckResult:
        """Predict `unanswerable` from each view, and each reason of refusal from the question."""
        labels = _labels(data)
        if labels is None:
            return CheckResult.not_verified(
                self, "there are no refusals beside answered samples to tell apart"
            )
        owners = _owners(data)
        tasks = self._tasks(data, labels)
        scores = [s for s in (self._score(data, t, owners) for t in tasks) if s is not None]
        if not scores:
            return CheckResult.not_verified(
                self,
                f"there are fewer than {self.least} samples on a side, or too few groups to try "
                "a classifier on unseen ones",
            )
        metrics: dict[str, JsonValue] = {
            "auroc": {s.task.name: round(s.found.auroc, 4) for s in scores},
            "scores": {s.task.name: s.metrics for s in scores},
        }
        telling = [s for s in scores if s.telling]
        if not telling:
            most = max(s.groups for s in scores)
            return CheckResult.not_verified(
                self, f"{most} groups are too few to tell; it takes {self.least_groups}"
            ).model_copy(update={"metrics": metrics})
        return CheckResult.of(
            self,
            [self._finding(data, s) for s in telling if s.found.low > self.limit],
            compared=self._compared(scores, telling),
            metrics=metrics,
        )

    def _compared(self, scores: list[_Score], telling: list[_Score]) -> str:
        whole = [s for s in telling if s.task.label == "unanswerable"] or telling
        worst = max(whole, key=lambda s: s.found.auroc)
        words = (
            f"{len(scores)} classifiers by group; the best guesses {worst.task.name} with an AUROC "
            f"of {worst.found.auroc:.2f} (limit {self.limit:g})"
        )
        silent = len(scores) - len(telling)
        if silent:
            words += f"; {silent} from fewer than {self.least_groups} groups, not telling"
        others = [
            s.task.label
            for s in scores
            if s.task.label != "unanswerable" and s.task.against != "twins"
        ]
        if others:
            words += f"; not beside their twins' families: {', '.join(others)}"
        return words

    def _tasks(
        self, data: AuditData, labels: tuple[NDArray[np.int64], NDArray[np.object_]]
    ) -> Iterator[_Task]:
        answerable, reasons = labels
        fair = ~np.isin(reasons, BY_QUESTION)
        known = np.flatnonzero((answerable >= 0) & fair)
        one = np.zeros(len(known), dtype=np.int64)
        for view in ("question", "context"):
            task = _Task(view, "unanswerable", known, answerable[known] == 0, one, "all")
            if self._large(task.truth):
                yield task
        counts = Counter(str(r) for r in reasons[(answerable == 0) & fair] if r)
        if len(counts) < 2:
            return
        families, domains = _families(data, answerable), _values(data, "domain")
        for reason in sorted(counts):
            refused = (answerable == 0) & (reasons == reason)
            for against, strata in (("twins", families), ("domain", domains), ("all", None)):
                task = _beside(reason, refused, answerable == 1, (against, strata))
                if self._large(task.truth):
                    yield task
                    break

    def _large(self, truth: NDArray[np.bool_]) -> bool:
        return min(int(truth.sum()), int((~truth).sum())) >= self.least

    def _score(self, data: AuditData, task: _Task, owners: NDArray[np.int64]) -> _Score | None:
        picked = _chosen(data, task, self.most)
        rows, truth = task.rows[picked], task.truth[picked]
        groups = owners[rows]
        texts = _view(data, task.view, rows)
        found = guess(texts, truth, groups, strata=task.strata[picked])
        if found is None:
            return None
        fewest = min(len(np.unique(groups[truth])), len(np.unique(groups[~truth])))
        sides = int(truth.sum()), int((~truth).sum())
        return _Score(task, found, *sides, fewest, telling=fewest >= self.least_groups)

    def _finding(self, data: AuditData, score: _Score) -> Finding:
        task = score.task
        rows = task.rows[task.truth]
        terms = ", ".join(f"“{t}”" for t in score.found.terms[:6]) if data.excerpts else ""
        words = f"{task.label} can be told from the {task.view}: {score.words}"
        return Finding.of(
            self.name,
            "warning" if task.label == "unanswerable" else "info",
            words + (f"; most telling: {terms}" if terms else ""),
            subject=f"{task.view}:{task.label}",
            ids=data.named(rows[:50].tolist()),
            count=len(rows),
            action=self.action,
        )


def _beside(
    reason: str,
    refused: NDArray[np.bool_],
    answered: NDArray[np.bool_],
    strata: tuple[str, NDArray[np.object_] | None],
) -> _Task:
    """Return the task to tell a reason's refusals from answered samples of the same strata."""
    against, names = strata
    if names is None:
        names = np.full(len(refused), "-", dtype=object)
    shared = (set(names[refused]) & set(names[answered])) - {""}
    codes = {name: number for number, name in enumerate(sorted(shared))}
    number = np.array([codes.get(name, -1) for name in names], dtype=np.int64)
    rows = np.flatnonzero((refused | answered) & (number >= 0))
    families = tuple(codes) if against == "twins" else ()
    return _Task("question", reason, rows, refused[rows], number[rows], against, families)


def _families(data: AuditData, answerable: NDArray[np.int64]) -> NDArray[np.object_]:
    """Return per row the family that answers it: its own, or for a refusal that of its twin.

    A refusal whose twin is not there is held against the family that most twins of its own family
    are of. Empty: there is none.
    """
    own = _values(data, "family")
    found = own.copy()
    refused = np.flatnonzero(answerable == 0)
    answering = set(own[answerable == 1]) - {""}
    place = {name: row for row, name in enumerate(data.ids)}
    twins = _values(data, "twin_of")
    usual: dict[str, Counter[str]] = defaultdict(Counter)
    for row in refused.tolist():
        twin = place.get(twins[row], -1)
        known = twin >= 0 and answerable[twin] == 1
        found[row] = own[twin] if known else ""
        if found[row]:
            usual[own[row]][found[row]] += 1
    for row in refused.tolist():
        if not found[row] and own[row] in usual:
            found[row] = min(usual[own[row]].items(), key=lambda item: (-item[1], item[0]))[0]
        elif not found[row] and own[row] in answering:
            found[row] = own[row]
    return found


def _values(data: AuditData, column: str) -> NDArray[np.object_]:
    """Return a column as strings; empty where there is nothing."""
    if not data.has(column):
        return np.full(data.rows, "", dtype=object)
    return np.array([str(v or "") for v in data.values(column)], dtype=object)


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
    reasons = _values(data, "reason_code")
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


def _chosen(data: AuditData, task: _Task, most: int) -> NDArray[np.int64]:
    """Return the places in the task's rows that are looked at."""
    if len(task.rows) <= most:
        return np.arange(len(task.rows))
    order = np.argsort([rank("shortcuts", data.ids[r]) for r in task.rows.tolist()])[:most]
    return np.sort(order)


def _view(data: AuditData, view: str, rows: NDArray[np.int64]) -> pa.Array:
    questions = data.array("question").take(pa.array(rows))
    if view == "question":
        return questions
    prompts = data.array("prompt").take(pa.array(rows)).to_pylist()
    pairs = zip(prompts, questions.to_pylist(), strict=True)
    return pa.array([(p or "").replace(q, " ") if q else p for p, q in pairs], pa.large_string())
