"""`dedupe`: near-duplicates of any dataset, at a threshold that a person can choose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from sftdata.commands.arguments import AsJson, dump
from sftdata.errors import ConfigError

if TYPE_CHECKING:
    from sftdata.near_duplicates import Around, Deduplicated, Level, NearPairs, Shown

__all__ = ["verbs"]

verbs = typer.Typer()

_MASKS = ("numbers", "dates", "names")

Dataset = Annotated[
    Path | None,
    typer.Argument(help="A build, or any JSONL, Parquet, CSV, Arrow or saved dataset."),
]
Threshold = Annotated[
    float, typer.Option(metavar="J", help="Similarity that is shown and written.")
]
At = Annotated[
    list[float],
    typer.Option("--at", metavar="J", help="Row of the table of thresholds; repeatable."),
]
Floor = Annotated[float, typer.Option(metavar="J", help="Pairs are sought down to here.")]
Column = Annotated[str | None, typer.Option(metavar="COLUMN", help="Compare this column alone.")]
Grains = Annotated[
    Literal["sample", "task", "document", "passage"] | None,
    typer.Option(help="What is compared; by default `task` of a build, else `sample`."),
]
Texts = Annotated[
    str | None, typer.Option(metavar="COLUMN[,COLUMN]", help="Columns to read as text.")
]
Splits = Annotated[str | None, typer.Option(metavar="NAME=FILE[,…]", help="Files by split.")]
Across = Annotated[
    bool, typer.Option("--across", help="Compare splits too; the held-out row stays.")
]
Rule = Annotated[
    Literal["longest", "newest", "best_quality", "first"],
    typer.Option(help="Which of several duplicates stays."),
]
Linkage = Annotated[
    Literal["direct", "cluster"],
    typer.Option(help="A dropped row is itself alike to the one that stays, or tied by a chain."),
]
PerTemplate = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="Most rows of one skeleton.")
]
Masks = Annotated[
    str, typer.Option(metavar="WHAT[,…]", help="Blank in skeletons: numbers, dates, names.")
]
Names = Annotated[
    str | None, typer.Option(metavar="COLUMN", help="Column with the names to blank.")
]
Model = Annotated[
    Path | None,
    typer.Option(
        "--semantic-model", metavar="DIR", help="Drop what means the same too: a local encoder."
    ),
]
Vectors = Annotated[
    str | None,
    typer.Option("--semantic-column", metavar="COLUMN", help="The same, by given embeddings."),
]
Cosine = Annotated[
    float, typer.Option("--semantic-threshold", metavar="COS", help="Least cosine of such rows.")
]
Pairs = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Keep the pairs here; a later run takes them from it."),
]
Out = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Write the rows that stay, in their format.")
]
Count = Annotated[int, typer.Option("-n", min=0, metavar="N", help="Pairs shown a side.")]
Excerpts = Annotated[bool, typer.Option(help="Whether pairs are shown with text.")]


@verbs.command()
def dedupe(
    dataset: Dataset = None,
    threshold: Threshold = 0.8,
    at: At = [],  # noqa: B006
    floor: Floor = 0.5,
    column: Column = None,
    grain: Grains = None,
    text: Texts = None,
    splits: Splits = None,
    across: Across = False,
    survivor: Rule = "longest",
    linkage: Linkage = "direct",
    max_per_template: PerTemplate = None,
    mask: Masks = "numbers,dates",
    names: Names = None,
    model: Model = None,
    vectors: Vectors = None,
    cosine: Cosine = 0.95,
    pairs: Pairs = None,
    out: Out = None,
    n: Count = 5,
    excerpts: Excerpts = True,
    as_json: AsJson = False,
) -> None:
    """Find near-duplicates, choose a threshold by what it does, write the rest."""
    from sftdata.console import say, write
    from sftdata.deduplication import near_pairs

    _sensible(floor, [threshold, *at])
    found = near_pairs(
        dataset,
        floor=floor,
        grain=grain,
        column=column,
        text=text.split(",") if text else None,
        splits=_named(splits) if splits else None,
        across=across,
        excerpts=excerpts,
        names=names,
        pairs=pairs,
        survivor=survivor,
        linkage=linkage,
        max_per_template=max_per_template,
        mask=_masks(mask),
        semantic=_semantic(model, vectors, cosine),
    )
    done, levels = found.at(threshold), found.thresholds(sorted({threshold, *at})) if at else ()
    levels = levels or found.thresholds()
    near = found.around(threshold, n)
    if as_json:
        write(dump(_as_json(done, levels, near)))
    else:
        _show(found, done, levels, near)
    if out is not None:
        say(f"written: {done.write(out)}")


def _sensible(floor: float, thresholds: Sequence[float]) -> None:
    for value in thresholds:
        if not floor <= value <= 1:
            raise ConfigError(
                f"--threshold {value:g}: it is at least the floor ({floor:g}) and at most 1"
            )


def _semantic(model: Path | None, column: str | None, threshold: float) -> Any:
    from sftdata.similarity.embedding import model_digest

    if model is not None and column:
        raise ConfigError("--semantic-model and --semantic-column: take one of them")
    if not 0 < threshold <= 1:
        raise ConfigError(f"--semantic-threshold {threshold:g}: it is above 0 and at most 1")
    if model is not None:
        return {"model": model, "threshold": threshold, "digest": model_digest(model)}
    return {"column": column, "threshold": threshold} if column else None


def _masks(given: str) -> tuple[str, ...]:
    found = tuple(part.strip() for part in given.split(",") if part.strip())
    for name in found:
        if name not in _MASKS:
            raise ConfigError(f"--mask {name!r}: there are {', '.join(_MASKS)}")
    return found


def _named(given: str) -> dict[str, str]:
    pairs = [part.partition("=") for part in given.split(",")]
    if not all(name and equals and file for name, equals, file in pairs):
        raise ConfigError(f"--splits {given!r}: write it as train=a.jsonl,test=b.jsonl")
    return {name: file for name, _, file in pairs}


def _as_json(done: Deduplicated, levels: Sequence[Level], near: Around) -> dict[str, Any]:
    return {
        **done.summary(),
        "pairs": len(done.pairs),
        "thresholds": [asdict(level) for level in levels],
        "above": [asdict(pair) | {"score": pair.score} for pair in near.above],
        "below": [asdict(pair) | {"score": pair.score} for pair in near.below],
        "duplicates": done.dropped.to_pylist(),
    }


def _show(found: NearPairs, done: Deduplicated, levels: Sequence[Level], near: Around) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    console.print(
        f"{len(found.ids):,} rows ({found.what}), {len(found):,} pairs of different texts from "
        f"{found.floor:g} on",
        highlight=False,
    )
    table = Table(box=None, pad_edge=False)
    table.add_column("threshold", justify="right")
    table.add_column("rows that leave", justify="right")
    table.add_column("share", justify="right")
    table.add_column("recall at it", justify="right")
    table.add_column("why")
    for level in levels:
        why = ", ".join(f"{r.replace('_', ' ')} {n:,}" for r, n in level.reasons.items())
        style = "bold" if level.threshold == done.threshold else ""
        cells = (f"{level.threshold:g}", f"{level.dropped:,}", f"{level.share:.1%}")
        table.add_row(*cells, f"{min(level.recall, 0.9999):.2%}", why, style=style)
    console.print(table)
    for title, pairs in (
        (f"least similar pairs from {done.threshold:g} on: one of each two leaves", near.above),
        (f"most similar pairs below {done.threshold:g}: both stay", near.below),
    ):
        console.print(f"\n{title}" if pairs else f"\n{title}: none", style="bold", highlight=False)
        for pair in pairs:
            _show_pair(console, pair)


def _show_pair(console: Any, pair: Shown) -> None:
    """Print two texts one below the other: what both have is bold, or the rest in ‹ ›."""
    from rich.text import Text

    from sftdata.reporting.marks import shared_words

    head = f"{pair.similarity:.3f}"
    if pair.numbers < 1:
        head += f", numbers {pair.numbers:.3f}"
    console.print(f"\n{head}", highlight=False, style="cyan")
    sides = shared_words(pair.left, pair.right)
    plain = console.no_color or not console.is_terminal
    for name, pieces in zip((pair.left_id, pair.right_id), sides, strict=True):
        line = Text(f"  {name}: ", style="dim")
        for text, shared in pieces:
            shown = " ".join(text.split("\n"))
            if plain and not shared and shown.strip():
                shown = f"‹{shown}›"
            line.append(shown, style="bold" if shared else "red")
        console.print(line, highlight=False)
