"""Is the same question, with the same answer, asked on both sides?"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field

from sftdata.dataset import AuditData, joined
from sftdata.part import Part
from sftdata.report import CheckResult, Finding
from sftdata.similarity.boilerplate import Distinctive, across, common_from, distinctive
from sftdata.similarity.shingles import shingle

__all__ = ["NearTasksCheck"]

OWN_WORDS = 20
"""Distinctive shingles that two tasks must share before the likeness is more than a template."""


class NearTasksCheck(Part):
    """Compares task texts (question and answer, without the context) of two splits.

    The same question about another company is not a leak: an error needs the same fact, or a
    prompt that is nothing but the question. A long answer in the same, uncommon words warns.
    Where questions do not stand apart, the completions alone are compared.
    """

    name: ClassVar[str] = "near_tasks"
    title: ClassVar[str] = "Questions and answers kept apart"
    question: ClassVar[str] = "Is a held-out question asked in train with almost the same answer?"
    fault: ClassVar[str] = "tasks asked on both sides"
    why: ClassVar[str] = (
        "Contexts can differ while question and answer are the same: what is learnt is then the "
        "answer, not how to find it."
    )
    action: ClassVar[str] = "Remove the train sample, or cap the samples per question template."
    severity: ClassVar[str] = "error"
    needs: ClassVar[tuple[str, ...]] = ("split",)
    across: ClassVar[bool] = True

    threshold: float = Field(0.9, gt=0, le=1)

    def __call__(self, data: AuditData) -> CheckResult:
        """Compare question + answer of train with those of each held-out split."""
        tasks = _tasks(data)
        if tasks is None:
            return CheckResult.not_verified(
                self, "the data has neither the columns 'question' and 'answer' nor completions"
            )
        what = "questions with answers" if data.has("question", "answer") else "answers"
        shingles = shingle(tasks)
        owners, limit = common_from(data.group_codes)
        findings: list[Finding] = []
        siblings = 0
        for held in data.splits[1:]:
            rows = data.rows_of(held), data.rows_of(data.train)
            found = across(shingles, *rows, threshold=self.threshold)
            pairs = np.column_stack([found.left, found.right])
            if not len(pairs):
                continue
            rest = distinctive(
                shingles, pairs, texts=np.arange(data.rows), owners=owners, limit=limit
            )
            fresh = self._judge(data, tasks, pairs, (found.similarity, rest))
            siblings += len(np.unique(pairs[:, 0])) - len(fresh)
            findings += fresh
        return CheckResult.of(
            self,
            findings,
            compared=f"{data.rows:,} {what} at similarity {self.threshold:g}",
            metrics={
                "threshold": self.threshold,
                "template_siblings": siblings,
                "common_from_groups": limit,
            },
        )

    def _judge(
        self,
        data: AuditData,
        tasks: pa.Array,
        pairs: np.ndarray[tuple[int, int], np.dtype[np.int64]],
        likeness: tuple[np.ndarray[tuple[int], np.dtype[np.float64]], Distinctive],
    ) -> list[Finding]:
        similarity, rest = likeness
        what = "task" if data.has("question", "answer") else "answer"
        facts = data.array("facts") if data.has("facts") else None
        own = (rest.similarity >= self.threshold / 2) & (rest.shared >= OWN_WORDS)
        findings: dict[int, Finding] = {}
        for i, (held, train) in enumerate(pairs.tolist()):
            if held in findings:
                continue
            reason = ""
            if facts is not None and _same_fact(facts, held, train):
                reason = "and states the same fact"
            elif own[i] and data.has("question", "answer") and _only_question(data, tasks, held):
                reason = "and the prompt holds nothing else"
            elif not own[i]:
                continue
            findings[held] = Finding.of(
                self.name,
                "error" if reason else "warning",
                f"The {what} of {data.ids[held]} ({data.split_of[held]}) is "
                f"{similarity[i]:.0%} like that of {data.ids[train]} "
                f"({data.split_of[train]}) {reason}".rstrip(),
                subject=data.ids[held],
                ids=data.named((train, held)),
                split_pair=(str(data.split_of[train]), str(data.split_of[held])),
                example=data.side_by_side(
                    train, held, (tasks[train].as_py(), tasks[held].as_py()), similarity[i]
                ),
                action=self.action,
            )
        return list(findings.values())


def _tasks(data: AuditData) -> pa.Array | None:
    """Return question and answer of each row, else its completion; None where there is neither."""
    if data.has("question", "answer"):
        return joined([data.array("question"), data.array("answer")], "\n")
    return joined([data.array("completion")], "") if data.has("completion") else None


def _same_fact(facts: pa.Array, left: int, right: int) -> bool:
    """Return whether two rows state a fact of the same named entity."""
    shared = set(facts[left].as_py() or ()) & set(facts[right].as_py() or ())
    return any(not fact.startswith("|") for fact in shared)


def _only_question(data: AuditData, tasks: pa.Array, row: int) -> bool:
    """Return whether a prompt is hardly longer than its question: there is no context."""
    prompt = data.array("prompt")[row].as_py() or "" if data.has("prompt") else ""
    return len(prompt) <= 1.5 * len(tasks[row].as_py()) + 80
