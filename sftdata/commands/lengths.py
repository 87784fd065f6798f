"""`lengths`: how long samples are in tokens, and what a limit would cost."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sftdata.commands.arguments import AsJson, dump

if TYPE_CHECKING:
    from rich.table import Table

    from sftdata.lengths import LengthReport

__all__ = ["verbs"]

verbs = typer.Typer()

_PERCENTILES = ("samples", "p50", "p90", "p95", "p99", "max")
_BAR = 9


@verbs.command()
def lengths(
    dataset: Annotated[
        Path, typer.Argument(help="A build, or any dataset of conversations.", show_default=False)
    ],
    tokenizer: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Folder or hub id; a build names its own."),
    ] = None,
    template: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Bundled name, Jinja file or tokenizer's folder."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show token lengths, what each limit would cut, and the max_length to take."""
    from sftdata.console import say, write
    from sftdata.lengths import lengths_of

    report = lengths_of(dataset, tokenizer=tokenizer, template=template)
    if as_json:
        write(dump(report.model_dump(mode="json")))
        return
    _show(report)
    if report.estimated:
        say("estimated: no tokenizer is named (--tokenizer)", "yellow")


def _show(report: LengthReport) -> None:
    from rich.console import Console

    console = Console()
    console.print(_percentiles(report))
    console.print(_survival(report))
    made = f" (the build was made with {report.max_length:,})" if report.max_length else ""
    console.print(f"recommended max_length: {report.recommended:,}{made}", highlight=False)
    console.print(f"  {report.rule}", highlight=False)
    console.print(f"  {report.memory}", highlight=False)


def _percentiles(report: LengthReport) -> Table:
    from rich.box import SIMPLE
    from rich.markup import escape
    from rich.table import Table

    unit = "tokens (estimated)" if report.estimated else "tokens"
    table = Table(
        title=f"Lengths in {unit}", title_justify="left", box=SIMPLE, padding=(0, 1, 0, 0)
    )
    table.add_column("", no_wrap=True)
    for name in _PERCENTILES:
        table.add_column(name, justify="right", min_width=5 if name != "samples" else 7)
    table.add_column("p50 █ p99 ░", min_width=11)
    top = max(report.whole["max"], 1)
    rows = [("all", report.whole), ("prompts", report.prompts), ("answers", report.answers)]
    for column, values in report.by.items():
        rows += [(f"  {value or '(none)'}", told) for value, told in values.items()]
        rows[-len(values) : -len(values)] = [(f"by {column}", {})]
    for name, told in rows:
        if not told:
            table.add_row(name)
            continue
        full, light = (round(_BAR * told[p] / top) for p in ("p50", "p99"))
        bar = "█" * full + "░" * (light - full)
        table.add_row(escape(name), *(f"{told[p]}" for p in _PERCENTILES), bar)
    return table


def _survival(report: LengthReport) -> Table:
    from rich.box import SIMPLE
    from rich.table import Table

    title = "Whole after a cut that keeps the row's start (TRL), or cuts the prompt (LLaMA-Factory)"
    table = Table(title=title, title_justify="left", box=SIMPLE, padding=(0, 1, 0, 0))
    for name in ("limit", "samples", "answers", "questions", "evidence"):
        table.add_column(name, justify="right")
    for name in ("answers", "questions", "evidence"):
        table.add_column(f"{name} (LF)", justify="right")
    pairs = zip(report.survival[::2], report.survival[1::2], strict=True)
    for start, prompt in pairs:
        told = [start.samples, start.answers, start.questions, start.evidence]
        told += [prompt.answers, prompt.questions, prompt.evidence]
        table.add_row(f"{start.length:,}", *(f"{share:.1%}" for share in told))
    return table
