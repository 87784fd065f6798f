"""Do the labels of rows that came as tokens train the answer, all of it, and nothing else?"""

from __future__ import annotations

from collections import Counter
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from sftdata.chat.tokens import IGNORED
from sftdata.dataset import AuditData
from sftdata.part import Part
from sftdata.report import CheckResult, Finding

__all__ = ["TokenLabelsCheck"]

LEAST = 20
"""Rows from which a habit (which token ends an answer) can be seen."""

_WORDS = {
    "unequal": "have labels and input_ids of different lengths",
    "foreign": "have labels that are neither -100 nor the token at their place",
    "untrained": "have no token in the loss",
    "prompt_trained": "have their very first token in the loss, so the prompt is trained too",
    "unstopped": "do not end their answer with the stop token of the others, as cut answers do",
}


class TokenLabelsCheck(Part):
    """Looks at datasets that are tokens already (`input_ids` and `labels`), as trainers take them.

    Labels are the ids where trained and -100 elsewhere; something must be trained, but not from
    the first token on. Where nearly all answers end in one token, the stop token, those that end
    in another were cut.
    """

    name: ClassVar[str] = "token_labels"
    title: ClassVar[str] = "Labels fit tokens"
    question: ClassVar[str] = "Do labels train each answer with its stop token, and nothing else?"
    fault: ClassVar[str] = "rows with wrong labels"
    why: ClassVar[str] = (
        "Trainers take given labels as they are: a shifted or cut mask trains the prompt, or an "
        "answer without an end, and no message tells."
    )
    action: ClassVar[str] = "Make the tokens again from the samples, e.g. with the `trl` export."
    severity: ClassVar[str] = "error"
    needs: ClassVar[tuple[str, ...]] = ("input_ids", "labels")
    across: ClassVar[bool] = False

    habit: float = Field(0.9, gt=0.5, le=1)
    """Share of answers that must end in one token before the others stand out."""

    def __call__(self, data: AuditData) -> CheckResult:
        """Compare labels with tokens, row by row, all rows at once."""
        ids, bounds = _flat(data, "input_ids")
        labels, others = _flat(data, "labels")
        found: dict[str, NDArray[np.int64]] = {}
        found["unequal"] = np.flatnonzero(np.diff(bounds) != np.diff(others))
        last: Counter[int] = Counter()
        if not len(found["unequal"]):
            last = self._look(ids, labels, bounds, found)
        stop = last.most_common(1)[0][0] if last else None
        findings = [
            Finding.of(
                self.name,
                "error",
                f"{len(rows):,} rows {_WORDS[fault]}",
                subject=fault,
                ids=data.named(rows),
                action=self.action,
            )
            for fault, rows in found.items()
            if len(rows)
        ]
        trained = int((labels != IGNORED).sum())
        return CheckResult.of(
            self,
            findings,
            compared=f"{len(ids):,} tokens of {data.rows:,} rows, {trained:,} of them trained",
            metrics={"tokens": len(ids), "trained": trained, "stop_token": stop},
        )

    def _look(
        self,
        ids: NDArray[np.int64],
        labels: NDArray[np.int64],
        bounds: NDArray[np.int64],
        found: dict[str, NDArray[np.int64]],
    ) -> Counter[int]:
        """Fill `found`; return how often each token ends an answer."""
        rows = len(bounds) - 1
        row_of = np.repeat(np.arange(rows), np.diff(bounds))
        trained = labels != IGNORED
        found["foreign"] = np.unique(row_of[trained & (labels != ids)])
        counts = np.bincount(row_of[trained], minlength=rows)
        found["untrained"] = np.flatnonzero(counts == 0)
        starts = bounds[:-1][np.diff(bounds) > 0]
        found["prompt_trained"] = row_of[starts[trained[starts]]]
        places = np.flatnonzero(trained)
        final = np.append(row_of[places][1:] != row_of[places][:-1], True)[: len(places)]
        enders, rows_ended = ids[places[final]], row_of[places[final]]
        last = Counter(enders.tolist())
        token, times = last.most_common(1)[0] if last else (None, 0)
        found["unstopped"] = np.zeros(0, dtype=np.int64)
        if len(enders) >= LEAST and times >= self.habit * len(enders):
            found["unstopped"] = rows_ended[enders != token]
        return last


def _flat(data: AuditData, column: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the values of a list column, and the bounds of its rows."""
    lists = data.array(column)
    values = np.asarray(lists.flatten(), dtype=np.int64)
    sizes = np.asarray(lists.value_lengths().fill_null(0), dtype=np.int64)
    return values, np.concatenate([np.zeros(1, dtype=np.int64), sizes.cumsum()])
