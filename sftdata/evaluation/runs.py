"""What is told of one run beside its metrics: completeness, fields, worst outputs, coverage."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from sftdata.evaluation.fields import Tally
from sftdata.evaluation.report import FieldScore, Histogram, ModelRun, WorstOutput
from sftdata.evaluation.scoring import Row
from sftdata.predictions import Prediction

__all__ = ["LENGTH_EDGES", "TRUNCATED", "field_scores", "lengths", "model_run", "worst_outputs"]

LENGTH_EDGES = (0, 1, 25, 50, 100, 150, 200, 300, 400, 600, 800, 1200, 1600, 2400, 3200, 4800, 9600)
"""Edges in characters; the last bin is open."""
TRUNCATED = frozenset({"length", "max_tokens"})
_WORST = 6
_QUESTION, _TEXT = 300, 700
_STEPS = 20


def lengths(outputs: Sequence[str]) -> Histogram:
    """Count outputs by length.

    >>> lengths(["", "abc", "x" * 10_000]).counts[:2], lengths(["x" * 10_000]).counts[-1]
    ((1, 1), 1)
    """
    places = np.searchsorted(LENGTH_EDGES, [len(o) for o in outputs], side="right") - 1
    counts = np.bincount(places.astype(np.int64), minlength=len(LENGTH_EDGES))
    return Histogram(edges=LENGTH_EDGES, counts=tuple(int(c) for c in counts))


def model_run(
    name: str, file: Path, predictions: Sequence[Prediction], rows: Sequence[Row]
) -> ModelRun:
    """Return what is known of a file of predictions, over the samples of the split."""
    wanted = {row.sample.sample_id for row in rows}
    mine = [p for p in predictions if p.sample_id in wanted]
    times = [p.latency_s for p in mine if p.latency_s is not None]
    costs = [p.cost for p in mine if p.cost is not None]
    middle, late = np.percentile(times, [50, 95]) if times else (None, None)
    stances: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        if row.sample.kind in ("evidence", "refusal"):
            stances[row.sample.kind][row.stance] += 1
    return ModelRun(
        name=name,
        model=" ".join(sorted({p.model for p in mine if p.model})),
        file=file.name,
        sha256=hashlib.sha256(file.read_bytes()).hexdigest(),
        predictions=len(mine),
        missing=len(wanted) - len(mine),
        unknown=len(predictions) - len(mine),
        errors=sum(bool(p.error) for p in mine),
        truncated=sum(p.finish_reason in TRUNCATED for p in mine),
        empty=sum(not p.output.strip() for p in mine),
        prompt_tokens=sum(p.prompt_tokens for p in mine),
        completion_tokens=sum(p.completion_tokens for p in mine),
        latency_median_s=None if middle is None else round(float(middle), 6),
        latency_p95_s=None if late is None else round(float(late), 6),
        cost=round(sum(costs), 6) if costs else None,
        lengths=lengths([p.output for p in mine]),
        stances={kind: dict(sorted(found.items())) for kind, found in sorted(stances.items())},
        coverage=_coverage(rows),
    )


def _coverage(rows: Sequence[Row]) -> tuple[tuple[float, float], ...]:
    """Return accuracy over the answers kept when the least confident ones are dropped.

    Only answers count, whole or partial; an answer to an unanswerable question is wrong. Answers
    of equal confidence are kept in equal parts.
    """
    answered = [
        (row.confidence, row.columns.get("answer_right", 0.0))
        for row in rows
        if row.confidence is not None and row.stance in ("answer", "partial")
    ]
    if not answered:
        return ()
    by_level: dict[float, list[float]] = defaultdict(list)
    for confidence, right in answered:
        by_level[confidence].append(right)
    ordered = [
        sum(rights) / len(rights)
        for _, rights in sorted(by_level.items(), reverse=True)
        for _ in rights
    ]
    sums = np.cumsum(ordered)
    kept = np.unique(np.ceil(np.arange(1, _STEPS + 1) / _STEPS * len(ordered)).astype(np.int64))
    return tuple((round(k / len(ordered), 4), round(float(sums[k - 1] / k), 6)) for k in kept)


def field_scores(name: str, rows: Sequence[Row]) -> Iterator[FieldScore]:
    """Yield the scores of every field of every family, in the order of family and path."""
    sums: dict[tuple[str, str], Tally] = {}
    for row in rows:
        for path, tally in row.fields.items():
            found = sums.setdefault((row.sample.family, path), Tally())
            found.add(tally)
    for (family, path), tally in sorted(sums.items()):
        whole = tally.gold + tally.given
        if not (tally.gold or tally.null_gold):
            continue  # a key that only the model has; counted as a value too many
        yield FieldScore(
            run=name,
            family=family,
            path=path,
            f1=round(2 * tally.right / whole, 6) if whole else None,
            right=tally.right,
            gold=tally.gold,
            given=tally.given,
            missing=tally.missing,
            hallucinated=tally.hallucinated,
        )


def worst_outputs(name: str, rows: Sequence[Row], excerpts: bool) -> Iterator[WorstOutput]:
    """Yield the lowest outputs of each kind, each family at most twice."""
    for kind in sorted({row.sample.kind for row in rows}):
        mine = [row for row in rows if row.sample.kind == kind and row.score < 1]
        taken: Counter[str] = Counter()
        for row in sorted(mine, key=lambda r: (r.score, r.sample.sample_id)):
            if taken.total() == _WORST:
                break
            if taken[row.sample.family] < 2:
                taken[row.sample.family] += 1
                yield _worst(name, row, excerpts)


def _worst(name: str, row: Row, excerpts: bool) -> WorstOutput:
    sample = row.sample
    gold = "\n".join(m.content for m in sample.completion)
    return WorstOutput(
        run=name,
        sample_id=sample.sample_id,
        kind=sample.kind,
        family=sample.family,
        group=sample.group,
        score=round(row.score, 6),
        fault=row.fault,
        question=_cut(sample.question, _QUESTION) if excerpts else "",
        gold=_cut(gold, _TEXT) if excerpts else "",
        output=_cut(row.output, _TEXT) if excerpts else "",
    )


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"
