"""Judgements by people and by a model: `review` and `judge`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sftdata.commands.arguments import AsJson
from sftdata.errors import ConfigError

__all__ = ["review", "verbs"]

verbs = typer.Typer()
review = typer.Typer(no_args_is_help=True, help="Blind review by people.")

Predictions = Annotated[
    Path, typer.Argument(help="JSONL that `predict` wrote.", show_default=False)
]
Dataset = Annotated[
    Path, typer.Option("--dataset", metavar="DIR", help="The build.", show_default=False)
]
Force = Annotated[bool, typer.Option("--force", help="Go on where the audit blocks.")]
Split = Annotated[str, typer.Option(metavar="NAME", help="The split that was predicted.")]


@review.command("export")
def review_export(
    predictions: Predictions,
    dataset: Dataset,
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="New folder for the sheets.", show_default=False)
    ],
    against: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Predictions to compare side by side.")
    ] = None,
    split: Split = "test",
    items: Annotated[int, typer.Option("-n", min=1, help="How many samples.")] = 50,
    raters: Annotated[int, typer.Option(min=1, max=50, help="How many sheets.")] = 2,
    seed: Annotated[int, typer.Option(help="Seed of draw, order and sides.")] = 0,
    force: Force = False,
) -> None:
    """Write blind, shuffled sheets for raters, and the key beside the folder."""
    from sftdata.console import say, write
    from sftdata.evaluation.review import export_review
    from sftdata.judged import open_judged
    from sftdata.predictions import read_predictions

    files = {"model": predictions} | ({"base": against} if against else {})
    runs = {n: {p.sample_id: p for p in read_predictions(f)} for n, f in files.items()}
    samples = list(open_judged(dataset, force=force).samples(split))
    key = export_review(samples, runs, out, items=items, raters=raters, seed=seed)
    for path in sorted(out.iterdir()):
        write(str(path))
    say(f"key: {key} (keep it from the raters; the sheets hold document text)")


@review.command("import")
def review_import(
    key: Annotated[Path, typer.Argument(help="The key of the export.", show_default=False)],
    sheets: Annotated[list[Path], typer.Argument(help="Filled sheets, CSV.", show_default=False)],
    out: Annotated[
        Path, typer.Option(metavar="FILE", help="Ratings to write, CSV.", show_default=False)
    ],
) -> None:
    """Join filled sheets with the key: one rating per line."""
    from sftdata.console import write
    from sftdata.evaluation.review import import_review, write_ratings

    ratings = import_review(key, sheets)
    if out.exists():
        raise ConfigError(f"{out} exists already; name a new file")
    write_ratings(ratings, out)
    write(f"{len(ratings):,} ratings by {len({r.rater for r in ratings})} raters in {out}")


@review.command("agreement")
def review_agreement(
    ratings: Annotated[Path, typer.Argument(help="CSV of the import.", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """Say how far the raters agree: percent, Cohen's kappa, Krippendorff's alpha."""
    from sftdata.commands.arguments import dump
    from sftdata.console import write
    from sftdata.evaluation.review import agreement, read_ratings

    found = agreement(read_ratings(ratings))
    if as_json:
        write(dump([item.model_dump() for item in found]))
        return
    for item in found:
        told = [
            f"{name} {'—' if value is None else f'{value:.2f}'}"
            for name, value in (
                ("agree", item.percent),
                ("kappa", item.kappa),
                ("alpha", item.alpha),
            )
        ]
        counts = ", ".join(f"{label} {n}" for label, n in item.labels.items())
        over = f"{item.items} items, {item.raters} raters ({counts})"
        write(f"{item.criterion}: {', '.join(told)}; {over}")
