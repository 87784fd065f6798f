"""Charts of an evaluation, as the geometry that the report's templates draw."""

from __future__ import annotations

from collections.abc import Sequence

from sftdata.evaluation.metrics import HEADLINES, metric_named
from sftdata.evaluation.report import EvaluationReport, ModelRun, Score
from sftdata.evaluation.summary import score_words, value_words
from sftdata.reporting.charts import Chart, short

__all__ = ["pictures"]

_WIDE = 720
_LABEL = 190
_NARROW, _NARROW_LABEL = 360, 118
_STANCES = (("refuse", "s0", "refused"), ("partial", "s2", "in part"), ("answer", "s1", "answered"),
            ("none", "alarm", "no output"))  # fmt: skip


def pictures(report: EvaluationReport) -> list[Chart]:
    """Return the charts of a report; one that has nothing to show is left out."""
    drawn = [
        _headlines(report),
        *(_stances(run) for run in report.runs[:2]),
        _coverage(report.runs),
        *_families(report),
        _lengths(report.runs),
    ]
    return [chart for chart in drawn if chart is not None]


def _axis(chart: Chart, left: float, right: float, bottom: float) -> None:
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        x = left + (right - left) * share
        chart.line(x, 0, x, bottom, "axis" if not share else "rule")
        chart.text(x, bottom + 14, f"{share:.0%}", "middle", "n")


def _headlines(report: EvaluationReport) -> Chart | None:
    """Draw a bar with its interval for each run under each headline metric."""
    scores = {(s.run, s.metric): s for s in report.scores if s.by == "all"}
    names = [n for n in HEADLINES if any((r.name, n) in scores for r in report.runs)]
    if not names:
        return None
    chart = Chart("Headline metrics with intervals", "", width=_WIDE)
    chart.legend = [(run.name, f"s{i % 6}") for i, run in enumerate(report.runs)]
    right, step = _WIDE - 66.0, 13.0
    y, told = 4.0, []
    for name in names:
        metric = metric_named(name)
        top = y
        for i, run in enumerate(report.runs):
            score = scores.get((run.name, name))
            if score is not None:
                tip = f"{metric.title}, {run.name}: {score_words(metric, score)}"
                told.append(tip)
                _bar(chart, (_LABEL, right), y, score, (f"s{i % 6}", tip))
            y += step
        title = metric.title + (" ↓" if metric.lower else "")
        chart.text(_LABEL - 8, top + step * len(report.runs) / 2 + 4, short(title, 28), "end")
        y += 9
    chart.description = "; ".join(told)
    _axis(chart, _LABEL, right, y)
    chart.height = y + 22
    chart.note = "↓ less is better. Whiskers: interval over groups."
    return chart


def _bar(
    chart: Chart, ends: tuple[float, float], y: float, score: Score, look: tuple[str, str]
) -> None:
    left, right = ends
    width = right - left
    chart.bar(left, y, min(score.score, 1) * width, 10, *look)
    x = left + min(score.score, 1) * width
    if score.low is not None and score.high is not None:
        low, high = (left + width * min(max(v, 0), 1) for v in (score.low, score.high))
        chart.line(low, y + 5, high, y + 5, "whisker")
        chart.line(low, y + 2, low, y + 8, "whisker")
        chart.line(high, y + 2, high, y + 8, "whisker")
        x = max(x, high)
    chart.text(x + 6, y + 9, value_words(metric_named(score.metric), score.score), "start", "n")


def _stances(run: ModelRun) -> Chart | None:
    """Draw what was done with answerable and unanswerable questions."""
    if not run.stances:
        return None
    rows = [("answerable", "evidence"), ("unanswerable", "refusal")]
    rows = [(name, kind) for name, kind in rows if kind in run.stances]
    chart = Chart(f"Answered or refused: {run.name}", "")
    chart.legend = [(word, css) for _, css, word in _STANCES]
    told = []
    for number, (name, kind) in enumerate(rows):
        counts, y, x = run.stances[kind], number * 30 + 4, float(_NARROW_LABEL)
        total = sum(counts.values())
        chart.text(_NARROW_LABEL - 8, y + 13, name, "end")
        for stance, css, word in _STANCES:
            count = counts.get(stance, 0)
            if count:
                width = (_NARROW - _NARROW_LABEL - 44) * count / total
                chart.bar(x, y, width, 18, css, f"{name}, {word}: {count:,}")
                told.append(f"{name}, {word}: {count:,} of {total:,}")
                x += width
        chart.text(x + 6, y + 13, f"{total:,}", "start", "n")
    chart.description = "; ".join(told)
    chart.height = len(rows) * 30 + 4
    return chart


def _coverage(runs: Sequence[ModelRun]) -> Chart | None:
    """Draw accuracy over the share of answers kept, most confident first."""
    shown = [run for run in runs if len(run.coverage) > 1]
    if not shown:
        return None
    left, right, top, bottom = 40.0, _NARROW - 10.0, 8.0, 160.0
    chart = Chart("Accuracy and coverage", "", note="Answers kept, most confident first.")
    chart.legend = [(run.name, f"s{i % 6}") for i, run in enumerate(runs) if run in shown]
    for share in (0.0, 0.5, 1.0):
        y = bottom - (bottom - top) * share
        chart.line(left, y, right, y, "axis" if not share else "rule")
        chart.text(left - 6, y + 4, f"{share:.0%}", "end", "n")
        chart.text(left + (right - left) * share, bottom + 15, f"{share:.0%}", "middle", "n")
    for i, run in enumerate(runs):
        points = [
            (left + (right - left) * kept, bottom - (bottom - top) * accuracy)
            for kept, accuracy in run.coverage
        ]
        if len(points) > 1:
            way = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
            chart.paths.append((f"M{way}", f"s{i % 6}"))
    chart.description = "; ".join(
        f"{run.name}: {run.coverage[-1][1]:.0%} right of all answers" for run in shown
    )
    chart.height = bottom + 22
    return chart


_MAIN = (("extraction", "field_f1"), ("evidence", "answer_f1"), ("refusal", "refusal_recall"),
         ("writing", "rouge_lsum"))  # fmt: skip


def _families(report: EvaluationReport) -> list[Chart]:
    """Draw the main metric of each family, a chart per kind."""
    drawn = []
    run = report.runs[0].name
    totals = {(s.metric, s.value): s for s in report.scores if s.run == run and s.by == "family"}
    for kind, name in _MAIN:
        metric = metric_named(name)
        found = [
            s
            for (m, _), s in totals.items()
            if m == name and (kind != "evidence" or ("has_answer_f1", s.value) in totals)
        ]
        if kind == "refusal":
            found = [s for s in found if ("no_answer", s.value) in totals]
        found = sorted(found, key=lambda s: (s.score, s.value))[:14]
        if not found:
            continue
        chart = Chart(f"{metric.title} by family", "", height=len(found) * 22 + 20)
        for i, score in enumerate(found):
            label = short(score.value.rpartition("/")[2].replace("_", " "))
            chart.text(_NARROW_LABEL - 8, i * 22 + 13, label, "end")
            tip = f"{score.value}: {score_words(metric, score)}, {score.samples} samples"
            _bar(chart, (_NARROW_LABEL, _NARROW - 56.0), i * 22 + 4, score, ("s0", tip))
        chart.description = "; ".join(f"{s.value} {s.score:.0%}" for s in found)
        drawn.append(chart)
    return drawn


def _lengths(runs: Sequence[ModelRun]) -> Chart | None:
    """Draw the lengths of the outputs as stepped lines."""
    shares = [[c / max(1, sum(r.lengths.counts)) for c in r.lengths.counts] for r in runs]
    peak = max((max(s, default=0) for s in shares), default=0)
    if not peak:
        return None
    left, right, top, bottom = 40.0, _NARROW - 10.0, 8.0, 140.0
    edges = runs[0].lengths.edges
    chart = Chart("Length of the outputs", "", note="Characters; bins of growing width.")
    chart.legend = [(run.name, f"s{i % 6}") for i, run in enumerate(runs)]
    at = [left + (right - left) * i / len(edges) for i in range(len(edges) + 1)]
    chart.line(left, bottom, right, bottom, "axis")
    for i, series in enumerate(shares):
        tops = [bottom - (bottom - top) * value / peak for value in series]
        way = "".join(f"V{y:.1f}H{at[n + 1]:.1f}" for n, y in enumerate(tops))
        chart.paths.append((f"M{at[0]:.1f} {bottom:.1f}{way}V{bottom:.1f}", f"s{i % 6}"))
    for n in range(0, len(edges), 4):
        chart.text(at[n], bottom + 15, f"{edges[n]:g}", "middle", "n")
    chart.text(left - 6, top + 8, f"{peak:.0%}", "end", "n")
    chart.description = "; ".join(f"{run.name}: {sum(run.lengths.counts)} outputs" for run in runs)
    chart.height = bottom + 22
    return chart
