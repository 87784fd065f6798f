"""The command line: each verb parses, calls the library, and prints."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

import sftdata
from sftdata.commands import (
    audit,
    dedupe,
    evaluation,
    export,
    families,
    judging,
    lengths,
    prediction,
    schemas,
    template,
    training,
)
from sftdata.commands.arguments import AsJson, Config, Overrides, dump
from sftdata.errors import SftdataError

__all__ = ["app", "main"]

_DATA = "Data"
_MODEL = "Models, and what others train"
_ANSWERS = "Answers"
_FAMILIES = "Families and formats"

app = typer.Typer(
    name="sftdata",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Raw finance and medical documents to audited SFT datasets.",
)


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 ok, 1 blocked or failed, 2 wrong input, 130 interrupted."""
    try:
        app(args=args, prog_name="sftdata")
    except SftdataError as error:
        _fail(str(error))
    except OSError as error:
        # A path that the user named and that cannot be used; anything else keeps its traceback.
        if error.filename is None:
            raise
        _fail(f"{error.filename}: {error.strerror}")


def _fail(message: str) -> None:
    sys.stderr.write(f"error: {' '.join(message.split())}\n")
    raise SystemExit(2)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"sftdata {sftdata.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Raw finance and medical documents to audited SFT datasets."""


@app.command(rich_help_panel=_DATA)
def init(
    folder: Annotated[Path, typer.Argument(help="The project's folder.", show_default=False)],
) -> None:
    """Make a project: a commented configuration and a folder layout."""
    from sftdata.console import say, write
    from sftdata.scaffold import init as make

    made = make(folder)
    for path in made:
        write(str(path))
    say(f"Put documents into {made[1]}, then run: sftdata preview {made[0]}")


@app.command(rich_help_panel=_DATA)
def validate(config: Config, overrides: Overrides = [], as_json: AsJson = False) -> None:  # noqa: B006
    """Check a configuration and its families without reading documents."""
    from sftdata.console import write
    from sftdata.validation import validate as check

    found = check(config, overrides)
    if as_json:
        write(dump(found.as_dict()))
        return
    kinds = ", ".join(f"{n} {kind}" for kind, n in found.families.items())
    write(f"{config} is valid")
    write(f"families    {sum(found.families.values())} ({kinds})")
    write(f"files       {', '.join(f'{p}: {n:,}' for p, n in found.files.items())}")
    write(f"template    {found.template}")


@app.command(rich_help_panel=_DATA)
def preview(
    config: Config,
    n: Annotated[int, typer.Option("-n", min=1, metavar="N", help="How many samples.")] = 5,
    family: Annotated[str, typer.Option(metavar="ID", help="Only samples of this family.")] = "",
    full: Annotated[bool, typer.Option("--full", help="Fold nothing.")] = False,
    overrides: Overrides = [],  # noqa: B006
    as_json: AsJson = False,
) -> None:
    """Show a few samples as they are trained on; no dataset is written."""
    from sftdata.console import say, write
    from sftdata.inspect import preview as show
    from sftdata.sketch import sketch

    found = sketch(config, n, family=family, overrides=overrides)
    if as_json:
        for sample in found.samples:
            write(json.dumps(asdict(sample), ensure_ascii=False))
    else:
        template, tokenizer = found.config.template.load()
        show(found.samples, template, n, tokenizer=tokenizer, full=full)
    for reject in found.rejects:
        say(f"rejected: {reject.path}: {reject.reason}: {reject.detail}", "yellow")
    say(
        f"{len(found.samples)} samples from {found.read} of {found.files} files; deduplication, "
        "splits, balance and purge are left to `sftdata build`"
    )


@app.command(rich_help_panel=_DATA)
def build(
    config: Config,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder to write; by default `out`.")
    ] = None,
    overrides: Overrides = [],  # noqa: B006
    as_json: AsJson = False,
) -> None:
    """Build a dataset and audit it. Exit code 1: the audit found what blocks."""
    from sftdata.console import progress, show_build, write

    with progress() as tell:
        result = sftdata.build(config, out, overrides=overrides, progress=tell)
    if as_json:
        report = result.report
        summary = {"verdict": report.verdict, "meaning": report.meaning, "counts": result.counts}
        write(dump({"path": str(result.path), "report": str(result.report_html), **summary}))
    else:
        show_build(result)
    raise typer.Exit(result.report.exit_code)


def _hang(panel: str, verbs: typer.Typer, name: str | None = None) -> None:
    """Add verbs under a heading of the help: a group by its name, single verbs as they are."""
    if name is None:
        for verb in verbs.registered_commands:
            verb.rich_help_panel = panel
    app.add_typer(verbs, name=name, rich_help_panel=panel)


_hang(_DATA, dedupe.verbs)
_hang(_DATA, audit.verbs)
_hang(_DATA, lengths.verbs)
_hang(_DATA, template.verbs, "template")
_hang(_MODEL, training.model, "model")
_hang(_MODEL, training.verbs)
_hang(_MODEL, training.runs, "runs")
_hang(_MODEL, export.verbs)
_hang(_ANSWERS, prediction.verbs)
_hang(_ANSWERS, evaluation.verbs)
_hang(_ANSWERS, evaluation.probes, "probes")
_hang(_ANSWERS, judging.verbs)
_hang(_ANSWERS, judging.review, "review")
_hang(_FAMILIES, families.verbs, "families")
_hang(_FAMILIES, schemas.verbs, "schemas")
