"""Judgements by people and by a model: `review` and `judge`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sftdata.commands.arguments import AsJson
from sftdata.errors import ConfigError

if TYPE_CHECKING:
    from sftdata.evaluation.judge import JudgeReport

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


BaseUrl = Annotated[
    str, typer.Option(metavar="URL", help="OpenAI-compatible, e.g. http://127.0.0.1:8000/v1.")
]
Model = Annotated[str, typer.Option(metavar="NAME", help="The judge's name there.")]
Report = Annotated[
    Path, typer.Option(metavar="FILE", help="Report to write, JSON.", show_default=False)
]
Against = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Compare with these, in both orders.")
]
Human = Annotated[Path | None, typer.Option(metavar="FILE", help="Ratings of `review import`.")]
Count = Annotated[int | None, typer.Option("-n", min=1, help="Judge this many, by chance.")]
Cache = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Answers kept; by default beside --out.")
]
Hosts = Annotated[
    list[str], typer.Option(metavar="HOST", help="Host that documents may be sent to; repeatable.")
]
KeyName = Annotated[
    str, typer.Option(metavar="NAME", help="Environment variable with the API key.")
]
PriceIn = Annotated[float | None, typer.Option(min=0, help="Price of a million prompt tokens.")]
PriceOut = Annotated[
    float | None, typer.Option(min=0, help="Price of a million completion tokens.")
]


@verbs.command()
def judge(
    predictions: Predictions,
    dataset: Dataset,
    base_url: BaseUrl,
    model: Model,
    out: Report,
    against: Against = None,
    human: Human = None,
    split: Split = "test",
    n: Count = None,
    seed: Annotated[int, typer.Option(help="Seed of the draw and the resamples.")] = 0,
    cache: Cache = None,
    allow_host: Hosts = [],  # noqa: B006
    api_key_env: KeyName = "",
    price_in: PriceIn = None,
    price_out: PriceOut = None,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Requests at a time.")] = 4,
    force: Force = False,
) -> None:
    """Have a model judge outputs by a rubric; with --against, pairs in both orders."""
    from sftdata.console import progress, say, write
    from sftdata.evaluation.bootstrap import Resampling
    from sftdata.evaluation.judge import drawn, judge_pairs, judge_single
    from sftdata.evaluation.judge_client import Endpoint, Judge
    from sftdata.evaluation.review import read_ratings
    from sftdata.judged import open_judged
    from sftdata.predictions import read_predictions

    files = [predictions] + ([against] if against else [])
    runs = [{p.sample_id: p for p in read_predictions(f)} for f in files]
    ratings = read_ratings(human) if human else []
    samples = drawn(list(open_judged(dataset, force=force).samples(split)), n, seed)
    endpoint = Endpoint(
        base_url=base_url,
        model=model,
        allowed=tuple(allow_host),
        key_variable=api_key_env,
        price_in=price_in,
        price_out=price_out,
    )
    asked = Judge(endpoint, cache or out.with_name(f"{out.stem}.cache"))
    how = Resampling(seed=seed)
    try:
        with progress() as tell:
            if len(runs) > 1:
                report = judge_pairs(asked, samples, runs[0], runs[1], human=ratings, how=how,
                                     workers=workers, progress=tell)  # fmt: skip
            else:
                report = judge_single(asked, samples, runs[0], human=ratings, how=how,
                                      workers=workers, progress=tell)  # fmt: skip
    finally:
        asked.close()
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(report.model_dump_json(indent=2) + "\n", encoding="utf-8", newline="\n")
    for line in _told(report):
        write(line)
    say(f"report: {out}")


def _told(report: JudgeReport) -> Iterator[str]:
    """Yield the report in lines."""
    for score in report.scores:
        if score.by == "all":
            ends = "" if score.low is None else f" [{score.low:.1%}, {score.high:.1%}]"
            yield f"{score.name}: {score.score:.1%}{ends} of {score.samples:,}"
    if report.swap_consistency is not None:
        yield f"same winner in both orders: {report.swap_consistency:.1%}"
    if report.verbosity is not None:
        yield f"correlation with length: {report.verbosity:+.2f}"
    for item in report.human:
        kappa = "—" if item.kappa is None else f"{item.kappa:.2f}"
        agreed = f"agree {item.percent:.1%}, kappa {kappa}, {item.pairs} pairs"
        yield f"people, {item.criterion}: {agreed}"
    cost = "" if report.cost is None else f", cost {report.cost:.4f}"
    kept = f"{report.cached:,} from the cache, {report.failed:,} failed"
    yield f"{report.requests:,} requests, {kept}{cost}"
