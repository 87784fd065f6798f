"""`audit`: the leakage report of any dataset, and its repair."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn, cast

import typer

import sftdata
from sftdata.commands.arguments import AsJson, dump
from sftdata.errors import ConfigError

if TYPE_CHECKING:
    from sftdata.audit_fix import How
    from sftdata.report import AuditReport

__all__ = ["verbs"]

verbs = typer.Typer()

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


Group = Annotated[
    list[str],
    typer.Option(
        "--group", metavar="COLUMN", help="Its values may not stand in two splits; repeatable."
    ),
]
AliasFile = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="YAML or JSON of `name: [names that are one]`."),
]
Template = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Chat template: bundled name, Jinja file or model folder."),
]
Tokenizer = Annotated[
    str | None, typer.Option(metavar="NAME", help="Tokenizer: folder or hub id of the model.")
]
Verify = Annotated[
    Path | None,
    typer.Option(metavar="REPORT", help="Only compare the bytes with those of a JSON report."),
]


@verbs.command()
def audit(
    dataset: Annotated[
        Path | None,
        typer.Argument(help="A build, or any JSONL, Parquet, CSV, Arrow or saved dataset."),
    ] = None,
    group: Group = [],  # noqa: B006
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
    aliases: AliasFile = None,
    baseline: Baseline = None,
    fail_on: FailOn = "error",
    fix: Fix = None,
    out: FixedOut = None,
    verify: Verify = None,
    template: Template = None,
    tokenizer: Tokenizer = None,
    excerpts: Annotated[
        bool, typer.Option(help="Whether findings may show excerpts of samples.")
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Audit a dataset for leakage, or repair it. Exit code 1: it found what blocks."""
    from sftdata.console import show_audit, write

    parts = _splits(splits) if splits else None
    if verify is not None:
        _verified(verify, dataset, parts, as_json)
    given: dict[str, Any] = {
        "group": _columns(group),
        "text": text.split(",") if text else None,
        "splits": parts,
        "against": _sets(against),
        "aliases": aliases,
        "fail_on": fail_on,
        "excerpts": excerpts,
    }
    if fix is not None or out is not None:
        others = {"--baseline": baseline, "--template": template, "--tokenizer": tokenizer}
        _fixable(fix, out, {name: value is not None for name, value in others.items()})
        report = _repair(dataset, cast("Path", out), cast("How", fix), given, as_json)
    else:
        report = sftdata.audit(
            dataset, **given, baseline=baseline, template=template, tokenizer=tokenizer
        )
        write(report.to_json()) if as_json else show_audit(report)
    if html:
        _page(report, html)
    raise typer.Exit(report.exit_code)


def _verified(report: Path, dataset: Path | None, splits: Any, as_json: bool) -> NoReturn:
    """Say whether a report is about these bytes, and leave."""
    from sftdata.audit_bytes import verify_report
    from sftdata.console import say, write

    found = verify_report(report, dataset, splits=splits)
    if as_json:
        names = ("changed", "missing", "added")
        told = {"same": found.same, "digest": found.digest, "report": found.report.digest}
        write(dump(told | {name: list(getattr(found, name)) for name in names}))
    elif found.same:
        write(str(found))
    else:
        say(str(found), "red")
    raise typer.Exit(found.exit_code)


def _columns(given: Sequence[str]) -> str | list[str] | None:
    """Return the group columns: none, one, or several, also where commas part them."""
    names = [name for text in given for name in text.split(",") if name]
    return names if len(names) > 1 else (names[0] if names else None)


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
