"""`export` and `import-predictions`: a dataset to a trainer or server, and its answers back."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from sftdata.commands.arguments import AsJson, dump
from sftdata.errors import ConfigError

__all__ = ["verbs"]

verbs = typer.Typer()

Build = Annotated[Path, typer.Argument(help="The folder of a build.", show_default=False)]
Force = Annotated[
    bool, typer.Option("--force", help="Go on where audit or tokenizer do not fit; recorded.")
]
Splits = Annotated[
    list[str], typer.Option("--split", metavar="NAME", help="Only this split; repeatable.")
]


@verbs.command()
def export(
    build: Build,
    to: Annotated[
        str,
        typer.Option(
            metavar="FORMAT",
            show_default=False,
            help="trl, llamafactory, axolotl, unsloth, openai, vllm, sharegpt, alpaca, hf, "
            "argilla, label-studio, or a plug-in.",
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", show_default=False, help="Folder to write.")],
    model: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Model: folder or hub id; by default the build's."),
    ] = None,
    splits: Splits = [],  # noqa: B006
    batch: Annotated[
        bool, typer.Option("--batch", help="For openai: batch requests instead of training files.")
    ] = False,
    settings: Annotated[
        list[str],
        typer.Option("--set", metavar="KEY=VALUE", help="A setting of the target; repeatable."),
    ] = [],  # noqa: B006
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Write a judged build for a trainer, a server, the hub or reviewers."""
    from sftdata.console import say, write
    from sftdata.exporting.run import export as run

    given = _settings(settings)
    if batch:
        given["batch"] = True
    record = run(build, to, out, model=model, splits=splits, settings=given, force=force)
    if as_json:
        write(record.to_json())
        return
    counts = ", ".join(f"{split} {n:,}" for split, n in record.counts.items())
    write(f"{record.target}: {counts}")
    for name, n in record.excluded.items():
        write(f"left out    {n:,}: {record.reasons[name]}")
    for loss in record.loses:
        say(f"not kept: {loss}", "yellow")
    for fault in record.forced:
        say(f"forced: {fault}", "red")
    for warning in record.warnings:
        if "left out" not in warning:
            say(f"warning: {warning}", "yellow")
    write(f"written     {out} ({len(record.files)} files, and export.json)")
    places = {"{out}": shlex.quote(str(out)), "{build}": shlex.quote(str(build))}
    for step in record.next:
        for name, path in places.items():
            step = step.replace(name, path)  # noqa: PLW2901
        write(f"next        {step}")


@verbs.command("import-predictions")
def import_predictions(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="Answers, in JSONL.", show_default=False),
    ],
    format: Annotated[  # noqa: A002
        str,
        typer.Option(metavar="FORMAT", show_default=False, help="openai, vllm, or llamafactory."),
    ],
    dataset: Annotated[
        Path, typer.Option(metavar="DIR", show_default=False, help="The build that was exported.")
    ],
    out: Annotated[
        Path, typer.Option(metavar="FILE", show_default=False, help="Predictions to write.")
    ],
    ids: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="For llamafactory: the export's SPLIT.ids.jsonl."),
    ] = None,
    splits: Splits = [],  # noqa: B006
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Join the answers of a server or trainer to the samples they are for."""
    from sftdata.console import say, write
    from sftdata.exporting.importing import AnswerFormat
    from sftdata.exporting.importing import import_predictions as run

    chosen = cast("AnswerFormat", format)
    found = run(
        cast("Sequence[Path]", files), chosen, dataset, out, ids=ids, splits=splits, force=force
    )
    if as_json:
        write(dump({"splits": found.splits, **found.counts, "unknown_ids": found.unknown[:100]}))
        return
    write(", ".join(f"{n:,} {name}" for name, n in found.counts.items()))
    if found.unknown:
        say(f"{len(found.unknown):,} ids are not in the dataset and were not written", "yellow")
    say(f"predictions: {out} ({', '.join(found.splits)})")


def _settings(given: Sequence[str]) -> dict[str, Any]:
    """Return settings by name, from KEY=VALUE with the value as JSON or as text."""
    found: dict[str, Any] = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not (key and equals):
            raise ConfigError(f"--set {text!r}: write it as key=value, e.g. rank=32")
        try:
            found[key] = json.loads(value)
        except ValueError:
            found[key] = value
    return found
