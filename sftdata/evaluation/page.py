"""The evaluation report as one HTML page that needs nothing but itself."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from sftdata.evaluation.metrics import HEADLINES, METRICS, Metric, metric_named
from sftdata.evaluation.pictures import pictures
from sftdata.evaluation.report import Difference, EvaluationReport, FieldScore, Score
from sftdata.evaluation.summary import gap_words, score_words, value_words
from sftdata.reporting.html import TEMPLATES as SHARED
from sftdata.reporting.marks import shared_words

__all__ = ["GATES", "html_report"]

GATES = {"over_refusal": 0.05, "false_answer": 0.10}
"""Where a model is usually not let into use; shown, never enforced."""
_TEMPLATES = Path(__file__).resolve().parent / "templates"
_TITLES = {
    "format": "Format",
    "extraction": "Extraction",
    "writing": "Writing and numeric faithfulness",
    "evidence": "Evidence answers",
    "refusal": "Refusals",
}
_SLICES = (("kind", "By kind"), ("locale", "By language"), ("domain", "By domain"),
           ("family", "By family"), ("reason", "Refusals by reason"),
           ("group", "By group, lowest first"))  # fmt: skip
_COLUMNS = ("field_f1", "answer_f1", "citation_f1", "refusal_recall", "rouge_lsum", "faithful",
            "schema_valid")  # fmt: skip
_SHOWN_FIELDS, _SHOWN_GROUPS = 40, 20
_BIDI = (*range(0x202A, 0x202F), *range(0x2066, 0x206A))
_CONTROL = dict.fromkeys((*range(9), 11, 12, *range(14, 32), 127, *_BIDI), "\ufffd")


@dataclass(frozen=True)
class Line:
    """A metric with the scores of every run and the differences from each base run."""

    metric: Metric
    scores: list[Score | None]
    gaps: list[Difference | None]
    samples: int
    gate: str = ""


def html_report(report: EvaluationReport) -> str:
    """Return the page: summary, charts, every metric, parts, fields and the worst outputs.

    Everything is inline and the page's own policy forbids any request and any script: text from
    hostile documents is escaped, and would not run if it were not.
    """
    style = (SHARED / "audit.css").read_text(encoding="utf-8")
    style += (_TEMPLATES / "evaluation.css").read_text(encoding="utf-8")
    fields, view = _fields(report), View(report)
    return (
        _environment()
        .get_template("evaluation.html.j2")
        .render(
            report=report,
            style=Markup(style),  # noqa: S704  # the package's own files
            policy=_policy(style),
            facts=_facts(report),
            headlines=[line for n in HEADLINES if (line := view.line(metric_named(n)))],
            tables=list(_tables(view)),
            charts=pictures(report),
            slices=list(_slices(view)),
            leakage=list(_leakage(view)),
            fields=fields[:_SHOWN_FIELDS],
            more_fields=max(0, len(fields) - _SHOWN_FIELDS),
            worst=[
                (w, *(shared_words(w.gold, w.output) if w.gold or w.output else ([], [])))
                for w in report.worst
            ],
        )
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        clean=_clean,
        grouped="{:,}".format,
        value=value_words,
        ends=lambda metric, score: score_words(metric, score).partition(" ")[2],
        gap=lambda metric, gap: gap_words(metric, gap).partition(" ")[0],
        gap_ends=lambda metric, gap: gap_words(metric, gap).partition(" ")[2],
        direction=_direction,
    )
    return environment


def _clean(text: object) -> str:
    """Replace control characters, and those that turn the direction of the text around."""
    return str(text).translate(_CONTROL)


def _direction(gap: Difference, metric: Metric) -> str:
    """Return the class of a difference: better, worse, or not certain."""
    if not gap.certain:
        return "even"
    return "up" if (gap.difference > 0) != metric.lower else "down"


def _policy(style: str) -> str:
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return (
        "default-src 'none'; base-uri 'none'; form-action 'none'; script-src 'none'; "
        f"style-src 'sha256-{digest}'"
    )


def _facts(report: EvaluationReport) -> list[tuple[str, str, str]]:
    main = report.runs[0]
    kinds = " · ".join(f"{count:,} {kind}" for kind, count in report.counts.items())
    lost = main.missing + main.errors
    told = f"{main.missing:,} missing · {main.errors:,} errors · {main.truncated:,} truncated"
    answers = sum(sum(c.values()) for c in main.stances.values())
    return [
        ("Samples", f"{report.samples:,}", kinds),
        ("Groups", f"{report.groups:,}", "companies or patients that intervals resample"),
        ("Outputs lost", f"{lost:,}", told),
        ("Questions", f"{answers:,}", "answerable and unanswerable ones"),
    ]


class View:
    """A report with its scores and differences by name."""

    def __init__(self, report: EvaluationReport) -> None:
        self.report = report
        self._scores = {(s.metric, s.run, s.by, s.value): s for s in report.scores}
        self._gaps = {(d.metric, d.of, d.by, d.value): d for d in report.differences}

    def score(self, metric: str, run: str, by: str, value: str) -> Score | None:
        """Return a score, or None where it was not measured."""
        return self._scores.get((metric, run, by, value))

    def line(self, metric: Metric) -> Line | None:
        """Return a metric over all samples; None where no run has it."""
        runs = [run.name for run in self.report.runs]
        scores = [self.score(metric.name, run, "all", "") for run in runs]
        if not any(scores):
            return None
        gaps = [self._gaps.get((metric.name, f"model - {run}", "all", "")) for run in runs[1:]]
        gate, first = GATES.get(metric.name), scores[0]
        over = gate is not None and first is not None and first.score > gate
        samples = max(s.samples for s in scores if s)
        return Line(metric, scores, gaps, samples, f"{gate:.0%}" if over else "")


def _tables(view: View) -> Iterator[tuple[str, list[Line]]]:
    for about, title in _TITLES.items():
        lines = [view.line(m) for m in METRICS if m.about == about]
        shown = [line for line in lines if line is not None]
        if shown:
            yield title, shown


def _slices(
    view: View,
) -> Iterator[tuple[str, list[Metric], list[tuple[str, int, list[tuple[Metric, Score | None]]]]]]:
    report, run = view.report, view.report.runs[0].name
    for by, title in _SLICES:
        values = list(dict.fromkeys(s.value for s in report.scores if s.by == by and s.run == run))
        rows = []
        for value in values:
            scores = [(metric_named(n), view.score(n, run, by, value)) for n in _COLUMNS]
            samples = max((s.samples for s in report.scores if s.by == by and s.value == value
                           and s.run == run), default=0)  # fmt: skip
            rows.append((value, samples, scores))
        used = [i for i in range(len(_COLUMNS)) if any(r[2][i][1] for r in rows)]
        if not used or (len(values) < 2 and by != "kind"):
            continue
        columns = [metric_named(_COLUMNS[i]) for i in used]
        picked = [(v, n, [scores[i] for i in used]) for v, n, scores in rows]
        if by == "group":
            picked = sorted(picked, key=lambda row: (_mean(row[2]), row[0]))[:_SHOWN_GROUPS]
        yield title, columns, picked


def _mean(scores: Sequence[tuple[Metric, Score | None]]) -> float:
    found = [s.score for _, s in scores if s is not None]
    return sum(found) / len(found) if found else 0.0


def _leakage(
    view: View,
) -> Iterator[tuple[Metric, Score | None, Score | None, Difference]]:
    report, run = view.report, view.report.runs[0].name
    for gap in report.differences:
        if gap.of == "suspicious - clean":
            clean, suspicious = (
                view.score(gap.metric, run, "overlap", v) for v in ("clean", "suspicious")
            )
            yield metric_named(gap.metric), clean, suspicious, gap


def _fields(report: EvaluationReport) -> list[FieldScore]:
    """Return the fields of the main run, lowest first."""
    mine = [f for f in report.fields if f.run == report.runs[0].name]
    return sorted(mine, key=lambda f: (1.0 if f.f1 is None else f.f1, f.family, f.path))
