"""The command line: each verb parses, calls the library, and prints."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import typer

import sftdata
from sftdata.errors import ConfigError, SftdataError

if TYPE_CHECKING:
    from sftdata.audit_fix import How
    from sftdata.report import AuditReport

__all__ = ["app", "main"]

app = typer.Typer(
    name="sftdata",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Raw finance and medical documents to audited SFT datasets.",
)
families_app = typer.Typer(no_args_is_help=True, help="Task families: list, show, check.")
schemas_app = typer.Typer(no_args_is_help=True, help="The published JSON Schemas: write, check.")
app.add_typer(families_app, name="families")
app.add_typer(schemas_app, name="schemas")

Config = Annotated[Path, typer.Argument(help="The YAML configuration.", show_default=False)]
Overrides = Annotated[
    list[str],
    typer.Option("--set", metavar="KEY=VALUE", help="Override a setting; may be repeated."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
Folders = Annotated[
    list[Path],
    typer.Option("--families", metavar="DIR", help="Folder of your own families; repeatable."),
]

Against = Annotated[
    list[str],
    typer.Option("--against", metavar="NAME=FILE", help="Evaluation set to look for; repeatable."),
]
Baseline = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Earlier report (`--json`): what is worse now is an error."),
]
Fix = Annotated[
    str | None,
    typer.Option(metavar="HOW", help="Write a repaired copy to `--out`: purge, merge or drop."),
]
FixedOut = Annotated[
    Path | None, typer.Option("--out", metavar="DIR", help="New folder for `--fix`.")
]
FailOn = Annotated[
    Literal["error", "warning"],
    typer.Option(metavar="LEVEL", help="What makes the exit code 1: error or warning."),
]


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


@app.command()
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


@app.command()
def validate(config: Config, overrides: Overrides = [], as_json: AsJson = False) -> None:  # noqa: B006
    """Check a configuration and its families without reading documents."""
    from sftdata.console import write
    from sftdata.validation import validate as check

    found = check(config, overrides)
    if as_json:
        write(_dump(found.as_dict()))
        return
    kinds = ", ".join(f"{n} {kind}" for kind, n in found.families.items())
    write(f"{config} is valid")
    write(f"families    {sum(found.families.values())} ({kinds})")
    write(f"files       {', '.join(f'{p}: {n:,}' for p, n in found.files.items())}")
    write(f"template    {found.template}")


@app.command()
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


@app.command()
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
        write(_dump({"path": str(result.path), "report": str(result.report_html), **summary}))
    else:
        show_build(result)
    raise typer.Exit(result.report.exit_code)


@app.command()
def audit(
    dataset: Annotated[
        Path | None,
        typer.Argument(help="A build, or any JSONL, Parquet, CSV, Arrow or saved dataset."),
    ] = None,
    group: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Its values may not stand in two splits.")
    ] = None,
    text: Annotated[
        str | None,
        typer.Option(metavar="COLUMN[,COLUMN]", help="Columns to read; the last is the answer."),
    ] = None,
    splits: Annotated[
        str | None,
        typer.Option(metavar="NAME=FILE[,…]", help="Files by split: train=a.jsonl,test=b.jsonl"),
    ] = None,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the report as one page.")
    ] = None,
    against: Against = [],  # noqa: B006
    baseline: Baseline = None,
    fail_on: FailOn = "error",
    fix: Fix = None,
    out: FixedOut = None,
    excerpts: Annotated[
        bool, typer.Option(help="Whether findings may show excerpts of samples.")
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Audit a dataset for leakage, or repair it. Exit code 1: it found what blocks."""
    from sftdata.console import show_audit, write

    given: dict[str, Any] = {
        "group": group,
        "text": text.split(",") if text else None,
        "splits": _splits(splits) if splits else None,
        "against": _sets(against),
    }
    if fix is not None or out is not None:
        _fixable(fix, out, {"--baseline": baseline is not None, "--no-excerpts": not excerpts})
        report = _repair(dataset, cast("Path", out), cast("How", fix), given, as_json)
        report = report.model_copy(update={"fail_on": fail_on})
    else:
        report = sftdata.audit(
            dataset, **given, baseline=baseline, fail_on=fail_on, excerpts=excerpts
        )
        write(report.to_json()) if as_json else show_audit(report)
    if html:
        _page(report, html)
    raise typer.Exit(report.exit_code)


def _fixable(fix: str | None, out: Path | None, others: dict[str, bool]) -> None:
    """Raise for options that do not go together, before anything is read."""
    if fix is None:
        raise ConfigError("--out is the folder of a repair; add --fix purge, merge or drop")
    if out is None:
        raise ConfigError(f"--fix {fix} writes a new dataset; name its folder with --out DIR")
    for option in (name for name, used in others.items() if used):
        raise ConfigError(f"--fix does not take {option}; audit {out} with it afterwards")


def _repair(
    dataset: Path | None, out: Path, how: How, given: dict[str, Any], as_json: bool
) -> AuditReport:
    """Repair, say what was done, and return the audit of the result."""
    from sftdata.audit_fix import repair
    from sftdata.console import say, write

    done = repair(dataset, out, how, **given)
    write((done.path / "repair.json").read_text(encoding="utf-8") if as_json else str(done))
    if done.after.verdict == "blocked":
        say(done.after.meaning, "red")
    say(f"repaired: {done.path}")
    return done.after


def _page(report: AuditReport, html: Path) -> None:
    from sftdata.console import say
    from sftdata.reporting.html import write_html

    write_html(report, html)
    say(f"report: {html}")


@families_app.command("list")
def families_list(folders: Folders = [], as_json: AsJson = False) -> None:  # noqa: B006
    """List the task families, sorted by id."""
    from sftdata.console import show_families, write
    from sftdata.families.load import load_families

    found = [family for _, family in sorted(load_families(folders).items())]
    if as_json:
        keys = ("version", "kind", "recipe", "title")
        write(_dump([{"id": f.id, **{k: getattr(f, k) for k in keys}} for f in found]))
    else:
        show_families(found)


@families_app.command("show")
def families_show(
    family: Annotated[str, typer.Argument(metavar="ID", show_default=False, help="Family id.")],
    folders: Folders = [],  # noqa: B006
    as_json: AsJson = False,
) -> None:
    """Show one family: its questions, its prompts and what it needs."""
    from sftdata.console import show_family, write
    from sftdata.families.load import family_named, load_families

    known = load_families(folders)
    found = family_named(family, known)
    if as_json:
        settings = found.model_dump(mode="json", by_alias=True)
        write(_dump({"id": found.id, **settings, "templates": found.templates}))
    else:
        show_family(found, known[found.of] if found.of else found)


@families_app.command("check")
def families_check(
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="DIR", help="A family, a domain or a folder of them; else all."),
    ] = None,
    update: Annotated[
        bool,
        typer.Option("--update", help="Write what is made now, for you to read as a diff."),
    ] = False,
    folders: Folders = [],  # noqa: B006
    as_json: AsJson = False,
) -> None:
    """Run the golden examples of families. Exit code 1: one gives another result."""
    from sftdata.console import show_checks, write
    from sftdata.family_check import check_families

    checks = check_families(folder, update=update, extra=folders)
    if as_json:
        keys = ("family", "ok", "cases", "problems", "updated")
        write(_dump([{k: getattr(c, k) for k in keys} for c in checks]))
    else:
        show_checks(checks)
    raise typer.Exit(0 if all(c.ok for c in checks) else 1)


@schemas_app.command("write")
def schemas_write(
    folder: Annotated[
        Path | None, typer.Argument(metavar="DIR", help="By default `schemas/` of sftdata.")
    ] = None,
) -> None:
    """Write the JSON Schemas of documents, samples, configuration, families and reports."""
    from sftdata.console import write
    from sftdata.schemas import write as write_schemas

    for path in write_schemas(folder):
        write(str(path))


@schemas_app.command("check")
def schemas_check(
    folder: Annotated[
        Path | None, typer.Argument(metavar="DIR", help="By default `schemas/` of sftdata.")
    ] = None,
) -> None:
    """Compare the published schemas with the code. Exit code 1: one has drifted."""
    from sftdata.console import write
    from sftdata.schemas import check, schemas

    problems = check(folder)
    for problem in problems:
        write(problem)
    if problems:
        raise typer.Exit(1)
    write(f"{len(schemas())} schemas are up to date")


def _splits(given: str) -> dict[str, str]:
    pairs = [part.partition("=") for part in given.split(",")]
    if not all(name and equals and file for name, equals, file in pairs):
        raise ConfigError(f"--splits {given!r}: write it as train=a.jsonl,test=b.jsonl")
    return {name: file for name, _, file in pairs}


def _sets(given: Sequence[str]) -> dict[str, str]:
    """Return the evaluation sets by name, from NAME=FILE."""
    found: dict[str, str] = {}
    for text in given:
        name, _, file = text.partition("=")
        if not (name and file):
            raise ConfigError(f"--against {text!r}: write it as name=file.jsonl")
        if name in found:
            raise ConfigError(f"--against {name}: named twice; give each set a name of its own")
        found[name] = file
    return found


def _dump(data: Any) -> str:
    return json.dumps(data, ensure_ascii=False, indent=2)
