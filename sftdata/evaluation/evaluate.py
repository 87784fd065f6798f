"""Predictions against a build: every metric, by kind, family, language, domain and group."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sftdata.errors import ConfigError
from sftdata.evaluation.bootstrap import Resampling
from sftdata.evaluation.metrics import HEADLINES, METRICS, Metric, metric_named
from sftdata.evaluation.overlap import suspicious_rows
from sftdata.evaluation.probe import forgetting
from sftdata.evaluation.report import Difference, EvaluationReport, Score, Settings
from sftdata.evaluation.runs import field_scores, model_run, worst_outputs
from sftdata.evaluation.scoring import Row, score
from sftdata.evaluation.slices import Figure, Sheet, difference, figures
from sftdata.judged import Judged, open_judged
from sftdata.predictions import Prediction, read_predictions
from sftdata.types import Sample

__all__ = ["Options", "evaluate", "score_rows"]

Mask = NDArray[np.bool_]
Progress = Callable[[str, int, int], None]
_FEW_GROUPS = 10
_MOST_GROUPS = 300
_PACKAGES = ("sftdata", "rouge-score", "scipy", "numpy")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How predictions are evaluated.

    Attributes:
        split: the split that was predicted.
        force: go on where the audit does not fit the files or blocks; the report says so.
        how: intervals.
        suspicious: share of a row's 8-word runs in train from which it is suspicious.
        excerpts: whether the report may hold excerpts of samples and outputs.
        probes: predictions over the general probe set, main run first.
    """

    split: str = "test"
    force: bool = False
    how: Resampling = field(default_factory=Resampling)
    suspicious: float = 0.5
    excerpts: bool = True
    probes: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class _Run:
    name: str
    file: Path
    predictions: list[Prediction]
    rows: list[Row]
    sheet: Sheet


def evaluate(
    predictions: str | Path,
    dataset: str | Path,
    *,
    against: Sequence[str | Path] = (),
    options: Options | None = None,
    progress: Progress | None = None,
) -> EvaluationReport:
    """Score predictions on one split of a build, alone or beside those of other models.

    A sample without a prediction counts as wrong. Differences are paired: both models see the
    same groups drawn.

    Args:
        predictions: JSONL that `predict` or a batch import wrote; its run is called `model`.
        dataset: the build.
        against: further predictions, of base models: `base`, `base2`, …
        options: split, intervals, what is suspicious, excerpts.
        progress: called with step, done, total.

    Raises:
        ConfigError: the build or split cannot be used, or nothing in the file is of this split.
        SourceError: a line of the predictions cannot be read.
        MissingExtraError: the split has texts, and rouge-score is not installed.
    """
    chosen = options or Options()
    build = open_judged(dataset, force=chosen.force)
    samples = list(build.samples(chosen.split))
    if not samples:
        raise ConfigError(f"split: {dataset} has no samples in {chosen.split!r}")
    names = ["model", *(f"base{i}" if i > 1 else "base" for i in range(1, len(against) + 1))]
    files = [Path(file) for file in (predictions, *against)]
    given = [_predictions_of(file, samples) for file in files]
    scored = score_rows(samples, given, progress=progress)
    runs = [
        _Run(name, file, found, rows, Sheet(rows))
        for name, file, found, rows in zip(names, files, given, scored, strict=True)
    ]
    known, why = suspicious_rows(build, chosen.split, chosen.suspicious)
    slices = _slices(samples, known)
    scores = [s for run in runs for s in _scores(run, slices, chosen.how)]
    gaps = [d for run in runs[1:] for d in _gaps(runs[0], run, slices, chosen.how)]
    gaps += _leakage_gaps(runs[0], slices, chosen.how)
    return EvaluationReport(
        dataset=build.report.dataset,
        digest=build.digest,
        forced=build.forced,
        settings=_settings(chosen),
        samples=len(samples),
        groups=len({s.group for s in samples}),
        counts=dict(sorted(Counter(s.kind for s in samples).items())),
        runs=tuple(model_run(r.name, r.file, r.predictions, r.rows) for r in runs),
        scores=tuple(scores),
        differences=tuple(gaps),
        fields=tuple(f for run in runs for f in field_scores(run.name, run.rows)),
        worst=tuple(worst_outputs(runs[0].name, runs[0].rows, chosen.excerpts)),
        forgetting=forgetting(names, chosen.probes, chosen.how),
        notes=tuple(_notes(build, samples, known, why, chosen)),
        versions=dict(_versions()),
    )


def _settings(chosen: Options) -> Settings:
    how = chosen.how
    return Settings(
        split=chosen.split,
        resamples=how.resamples,
        level=how.level,
        method=how.method,
        seed=how.seed,
        suspicious=chosen.suspicious,
    )


def _versions() -> Iterator[tuple[str, str]]:
    for name in _PACKAGES:
        try:
            yield name, version(name)
        except PackageNotFoundError:
            continue


def _predictions_of(file: Path, samples: Sequence[Sample]) -> list[Prediction]:
    predictions = read_predictions(file)
    wanted = {s.sample_id for s in samples}
    if predictions and not any(p.sample_id in wanted for p in predictions):
        raise ConfigError(
            f"predictions: none of the {len(predictions)} in {file} is for a sample of this split; "
            "name the split and build that were predicted"
        )
    return predictions


def score_rows(
    samples: Sequence[Sample],
    runs: Sequence[Sequence[Prediction]],
    *,
    progress: Progress | None = None,
) -> list[list[Row]]:
    """Score one output per sample for each run, in the order of the samples, twins included.

    Sample by sample, so that what is read of a prompt serves every run.
    """
    by_id = [{p.sample_id: p for p in predictions} for predictions in runs]
    rows: list[list[Row]] = [[] for _ in runs]
    for number, sample in enumerate(samples, 1):
        for mine, found in zip(rows, by_id, strict=True):
            mine.append(score(sample, found.get(sample.sample_id)))
        if progress is not None:
            progress("score", number, len(samples))
    for mine, found in zip(rows, by_id, strict=True):
        _score_twins(mine)
        _score_confidence(mine, found)
    return rows


def _score_confidence(rows: Sequence[Row], by_id: Mapping[str, Prediction]) -> None:
    """Where any prediction has a number for its confidence, the words of the answers are not used.

    The two are on different scales; a ranking may not mix them.
    """
    told = any(p.confidence is not None for p in by_id.values())
    for row in rows:
        found = by_id.get(row.sample.sample_id)
        if told and (found is None or found.confidence is None):
            row.confidence = None
        if row.confidence is not None:
            row.add(confidence=row.confidence, answerable=row.sample.kind != "refusal")


def _score_twins(rows: Sequence[Row]) -> None:
    """A pair is consistent where the answerable half was answered and the other refused."""
    by_id = {row.sample.sample_id: row for row in rows}
    for row in rows:
        twin = by_id.get(row.sample.twin_of or "")
        if row.sample.kind == "refusal" and twin is not None:
            both = row.stance == "refuse" and twin.stance == "answer"
            row.add(twins=1, twins_right=both)


_Slice = tuple[str, str, Mask]


def _slices(samples: Sequence[Sample], known: dict[str, float]) -> list[_Slice]:
    """Return every part of the samples that is scored by itself, the whole first."""
    whole = np.ones(len(samples), dtype=np.bool_)
    found: list[_Slice] = [("all", "", whole)]
    labels = {
        "kind": [s.kind for s in samples],
        "locale": [s.locale for s in samples],
        "domain": [s.domain for s in samples],
        "family": [s.family for s in samples],
        "reason": [s.reason_code or "" for s in samples],
        "group": [s.group for s in samples],
    }
    if known and len(known) < len(samples):
        labels["overlap"] = ["suspicious" if s.sample_id in known else "clean" for s in samples]
    for by, values in labels.items():
        column = np.array(values, dtype=object)
        names = sorted(set(values) - {""})
        if by == "domain" and len(names) < 2:
            continue
        found += [(by, name, column == name) for name in names[:_MOST_GROUPS]]
    return found


def _scores(run: _Run, slices: Sequence[_Slice], how: Resampling) -> Iterator[Score]:
    headlines = tuple(metric_named(name) for name in HEADLINES)
    for by, value, mask in slices:
        alone = by == "group"
        chosen: tuple[Metric, ...] = headlines if alone else METRICS
        for found in figures(run.sheet, mask, None if alone else how, chosen):
            yield Score(run=run.name, by=by, value=value, **_figure(found, "score"))


def _gaps(run: _Run, base: _Run, slices: Sequence[_Slice], how: Resampling) -> Iterator[Difference]:
    for by, value, mask in slices:
        if by in ("group", "reason", "overlap"):
            continue
        for metric in METRICS:
            if metric.ranked:
                continue
            found = difference((run.sheet, mask), (base.sheet, mask), metric, how)
            if found is not None:
                of = f"{run.name} - {base.name}"
                yield Difference(by=by, value=value, of=of, **_figure(found, "difference"))


def _leakage_gaps(run: _Run, slices: Sequence[_Slice], how: Resampling) -> Iterator[Difference]:
    """Yield how much better the suspicious rows are: what leakage would have bought."""
    parts = {value: mask for by, value, mask in slices if by == "overlap"}
    if len(parts) < 2:
        return
    for name in HEADLINES:
        found = difference(
            (run.sheet, parts["suspicious"]), (run.sheet, parts["clean"]), metric_named(name), how
        )
        if found is not None:
            of = "suspicious - clean"
            yield Difference(by="overlap", value="", of=of, **_figure(found, "difference"))


def _figure(found: Figure, name: str) -> dict[str, object]:
    ends = found.interval
    return {
        "metric": found.metric.name,
        name: round(found.score, 6),
        "samples": found.samples,
        "groups": found.groups,
        "low": round(ends.low, 6) if ends else None,
        "high": round(ends.high, 6) if ends else None,
    }


def _notes(
    build: Judged, samples: Sequence[Sample], known: dict[str, float], why: str, chosen: Options
) -> Iterator[str]:
    groups = len({s.group for s in samples})
    if groups < 2:
        yield (
            "Every sample belongs to one group (company or patient), so no interval can be given: "
            "the figures say nothing about others."
        )
    elif groups < _FEW_GROUPS:
        yield f"Intervals rest on {groups} groups only and are rough: likely too narrow."
    if build.forced:
        yield f"Forced against the audit: {'; '.join(build.forced)}"
    share = len(known) / len(samples)
    yield (
        f"{len(known)} of {len(samples)} rows ({share:.0%}) are suspicious of leakage: at least "
        f"{chosen.suspicious:.0%} of their own 8-word runs stand in train, or the audit names them "
        f"with train ({why})."
        if known
        else f"No row is suspicious of leakage: {why}."
    )
