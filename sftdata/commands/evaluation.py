"""`evaluate`, its general `probes`, and `monitor` for what runs in production."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from sftdata.commands.arguments import AsJson
from sftdata.errors import ConfigError

if TYPE_CHECKING:
    from sftdata.evaluation.monitor import MonitorReport
    from sftdata.evaluation.report import EvaluationReport

__all__ = ["probes", "verbs"]

verbs = typer.Typer()
probes = typer.Typer(no_args_is_help=True, help="General questions that show what tuning costs.")

Predictions = Annotated[
    Path, typer.Argument(help="JSONL that `predict` wrote.", show_default=False)
]
Dataset = Annotated[
    Path, typer.Option("--dataset", metavar="DIR", help="The build.", show_default=False)
]
Force = Annotated[
    bool, typer.Option("--force", help="Go on where the audit blocks; the report says so.")
]
Split = Annotated[str, typer.Option(metavar="NAME", help="The split that was predicted.")]


Against = Annotated[
    list[Path], typer.Option(metavar="FILE", help="Predictions of a base model; repeatable.")
]
Page = Annotated[Path | None, typer.Option(metavar="FILE", help="Write the report as one page.")]
JsonOut = Annotated[
    Path | None, typer.Option("--json-out", metavar="FILE", help="Write the report as JSON.")
]
Probes = Annotated[
    list[Path],
    typer.Option(
        metavar="FILE", help="Answers to the general probes: this model's, then the base's."
    ),
]
Resamples = Annotated[
    int, typer.Option(min=100, max=100_000, help="Bootstrap resamples of groups.")
]
Interval = Annotated[Literal["percentile", "bca"], typer.Option(help="How intervals are made.")]
Suspicious = Annotated[
    float,
    typer.Option(min=0.05, max=1, help="Share of known 8-word runs that makes a row suspect."),
]
Excerpts = Annotated[bool, typer.Option(help="Whether the report may show excerpts of samples.")]


@verbs.command()
def evaluate(
    predictions: Predictions,
    dataset: Dataset,
    against: Against = [],  # noqa: B006
    split: Split = "test",
    out: Page = None,
    json_out: JsonOut = None,
    probe: Probes = [],  # noqa: B006
    resamples: Resamples = 1000,
    interval: Interval = "percentile",
    seed: Annotated[int, typer.Option(help="Seed of the resamples.")] = 0,
    suspicious: Suspicious = 0.5,
    excerpts: Excerpts = True,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Score predictions: by kind, family, language and group, with intervals over groups."""
    from sftdata.console import progress, say, write
    from sftdata.evaluation.bootstrap import Resampling
    from sftdata.evaluation.evaluate import Options, evaluate

    how = Resampling(resamples=resamples, seed=seed, method=interval)
    options = Options(
        split=split,
        force=force,
        how=how,
        suspicious=suspicious,
        excerpts=excerpts,
        probes=tuple(probe),
    )
    with progress() as tell:
        report = evaluate(predictions, dataset, against=against, options=options, progress=tell)
    write(report.to_json()) if as_json else _show(report)
    if json_out is not None:
        _write(json_out, report.to_json() + "\n")
        say(f"scores: {json_out}")
    if out is not None:
        from sftdata.evaluation.page import html_report

        _write(out, html_report(report))
        say(f"report: {out}")


def _write(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    import os

    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, encoding="utf-8", newline="\n")
    os.replace(part, path)  # noqa: PTH105


def _show(report: EvaluationReport) -> None:
    """Print the headline figures of every run, with intervals."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from sftdata.evaluation.metrics import HEADLINES, metric_named
    from sftdata.evaluation.summary import gap_words, score_words

    console = Console()
    console.width = max(console.width, 44 + 30 * len(report.runs) + 30 * (len(report.runs) > 1))
    counts = ", ".join(f"{n:,} {kind}" for kind, n in report.counts.items())
    console.print(
        f"{report.dataset}, split {report.settings.split}: {report.samples:,} samples "
        f"({counts}) of {report.groups:,} groups",
        highlight=False,
        soft_wrap=True,
    )
    table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    table.add_column("metric", no_wrap=True)
    for run in report.runs:
        table.add_column(Text(run.name), justify="right", no_wrap=True)
    gaps = {(d.metric, d.of): d for d in report.differences if (d.by, d.value) == ("all", "")}
    if len(report.runs) > 1:
        table.add_column("difference", justify="right", no_wrap=True)
    scores = {(s.run, s.metric): s for s in report.scores if s.by == "all"}
    for name in HEADLINES:
        cells = [scores.get((run.name, name)) for run in report.runs]
        if not any(cells):
            continue
        metric = metric_named(name)
        row = [score_words(metric, cell) if cell else "—" for cell in cells]
        gap = gaps.get((name, f"model - {report.runs[-1].name}"))
        if len(report.runs) > 1:
            row.append(gap_words(metric, gap) if gap else "—")
        table.add_row(metric.title + (" (less is better)" if metric.lower else ""), *row)
    console.print(table)
    for run in report.runs:
        lost = {"missing": run.missing, "errors": run.errors, "truncated": run.truncated}
        told = ", ".join(f"{n:,} {what}" for what, n in lost.items() if n)
        if told:
            rule = "missing outputs and errors count as wrong"
            console.print(Text(f"{run.name}: {told}; {rule}", style="yellow"))
    for note in report.notes:
        console.print(Text(note), soft_wrap=True)


@probes.command("write")
def probes_write(
    file: Annotated[Path, typer.Argument(help="JSONL to write.", show_default=False)],
) -> None:
    """Write the probe questions as JSONL of `sample_id` and `messages`, for any model to answer."""
    from sftdata.console import write
    from sftdata.evaluation.probe import write_probes

    if file.exists():
        raise ConfigError(f"{file} exists already; name a new file")
    write(f"{write_probes(file)} questions in {file}")


@verbs.command()
def monitor(
    logs: Annotated[Path, typer.Argument(help="Production log, JSONL.", show_default=False)],
    baseline: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="JSON of `evaluate` or of an earlier `monitor`."),
    ] = None,
    fail_on: Annotated[
        list[str],
        typer.Option(metavar="NAME>NUMBER", help="Exit 1, e.g. `refusal>30%`; repeatable."),
    ] = [],  # noqa: B006
    fields: Annotated[
        list[str],
        typer.Option("--field", metavar="NAME=PATH", help="Where the log has it; repeatable."),
    ] = [],  # noqa: B006
    schema: Annotated[
        str, typer.Option(metavar="FILE", help="Schema under schemas/ that outputs must satisfy.")
    ] = "",
    prometheus: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write gauges for Prometheus.")
    ] = None,
    least: Annotated[
        int, typer.Option(min=1, help="Records from which a day is held against thresholds.")
    ] = 20,
    as_json: AsJson = False,
) -> None:
    """Watch production logs by day. Exit code 1: a threshold was crossed."""
    from sftdata.console import say, write
    from sftdata.evaluation.monitor import Threshold
    from sftdata.evaluation.monitor import monitor as watch
    from sftdata.evaluation.prometheus import prometheus_text

    named = [text.partition("=") for text in fields]
    if not all(name and path for name, _, path in named):
        raise ConfigError("--field: write it as output=response.text")
    report = watch(
        logs,
        baseline=baseline,
        fail_on=[Threshold.parse(text) for text in fail_on],
        fields={name: path for name, _, path in named},
        schema=schema,
        least=least,
    )
    write(report.model_dump_json(indent=2)) if as_json else _show_monitor(report)
    if prometheus is not None:
        _write(prometheus, prometheus_text(report))
        say(f"prometheus: {prometheus}")
    for breach in report.breaches:
        say(f"{breach.day}: {breach.condition}, it is {breach.value:g}", "red")
    raise typer.Exit(report.exit_code)


def _show_monitor(report: MonitorReport) -> None:
    """Print a line per day."""
    from rich.console import Console
    from rich.table import Table

    from sftdata.evaluation.monitor import RATES

    console = Console()
    console.width = max(console.width, 120)
    used = [name for name in RATES if name in report.total.rates]
    table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for column in ("day", "records", *used, "length", "psi", "p50 s", "p95 s", "cost"):
        table.add_column(column, justify="left" if column == "day" else "right", no_wrap=True)
    for day in (*report.days, report.total):
        rates = [day.rates.get(name) for name in used]
        cells = [f"{r.rate:.1%}" + (f" (z {r.z:+.1f})" if r.z else "") if r else "" for r in rates]
        rest = [day.psi, day.latency_p50, day.latency_p95, day.cost]
        cells += [f"{day.length:.0f}", *("" if v is None else f"{v:.3g}" for v in rest)]
        table.add_row(day.day, f"{day.records:,}", *cells)
    console.print(table)
    if report.unreadable:
        console.print(f"{report.unreadable:,} lines are no record", highlight=False)


@probes.command("ask")
def probes_ask(
    base_url: Annotated[
        str, typer.Option(metavar="URL", help="OpenAI-compatible, e.g. http://127.0.0.1:8000/v1.")
    ],
    model: Annotated[str, typer.Option(metavar="NAME", help="The model's name there.")],
    out: Annotated[
        Path, typer.Option(metavar="FILE", help="Answers to write, JSONL.", show_default=False)
    ],
    allow_host: Annotated[
        list[str], typer.Option(metavar="HOST", help="Host beside this machine; repeatable.")
    ] = [],  # noqa: B006
    api_key_env: Annotated[
        str, typer.Option(metavar="NAME", help="Environment variable with the API key.")
    ] = "",
) -> None:
    """Put the probe questions to a served model; `evaluate --probe` reads the answers."""
    from sftdata.console import write
    from sftdata.evaluation.judge_client import Endpoint
    from sftdata.evaluation.probe_ask import ask_probes
    from sftdata.predictions import write_predictions

    if out.exists():
        raise ConfigError(f"{out} exists already; name a new file")
    endpoint = Endpoint(
        base_url=base_url, model=model, allowed=tuple(allow_host), key_variable=api_key_env
    )
    answers = ask_probes(endpoint)
    write_predictions(answers, out)
    write(f"{len(answers)} answers in {out}")
