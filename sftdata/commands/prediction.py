"""`predict`: a model's answers to the prompts of a build."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from sftdata.commands.arguments import AsJson, dump
from sftdata.errors import ConfigError

__all__ = ["verbs"]

verbs = typer.Typer()

Build = Annotated[Path, typer.Argument(help="The folder of a build.", show_default=False)]
Model = Annotated[
    str, typer.Option(metavar="DIR|NAME", help="Weights, or the name that a server serves.")
]
Out = Annotated[Path, typer.Option(metavar="FILE", help="JSONL file to write.")]
Split = Annotated[str, typer.Option(metavar="NAME", help="Which prompts.")]
Adapter = Annotated[
    str | None, typer.Option(metavar="RUN", help="LoRA adapter on top of the weights.")
]
Backend = Annotated[
    Literal["transformers", "vllm", "openai"],
    typer.Option(metavar="NAME", help="transformers, vllm, or openai: any server that speaks so."),
]
BaseUrl = Annotated[
    str | None, typer.Option(metavar="URL", help="The server, e.g. http://localhost:8000/v1")
]
Shots = Annotated[
    int, typer.Option(metavar="N", help="Worked train examples before each question.")
]
Limit = Annotated[int | None, typer.Option(metavar="N", help="At most so many prompts.")]
Longest = Annotated[int, typer.Option(metavar="N", help="Longest answer, in tokens.")]
BatchSize = Annotated[
    int, typer.Option(metavar="N", help="Prompts in a batch, or requests at a time.")
]
Dtype = Annotated[
    Literal["auto", "float32", "bfloat16", "float16"],
    typer.Option(metavar="TYPE", help="Of the weights: auto, float32, bfloat16 or float16."),
]
Price = Annotated[
    str | None,
    typer.Option(metavar="IN,OUT", help="Price of a million tokens, of prompts and of answers."),
]
Prompts = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Ask these (JSONL: sample_id, messages), not the samples."),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace the file.")]
Force = Annotated[
    bool, typer.Option("--force", help="Go on with a build that its audit does not cover.")
]
Mismatch = Annotated[
    bool, typer.Option("--allow-template-mismatch", help="Go on where tokens would differ.")
]


@verbs.command()
def predict(
    build: Build,
    model: Model,
    out: Out,
    split: Split = "test",
    prompts: Prompts = None,
    adapter: Adapter = None,
    backend: Backend = "transformers",
    base_url: BaseUrl = None,
    shots: Shots = 0,
    limit: Limit = None,
    max_new_tokens: Longest = 1024,
    batch_size: BatchSize = 32,
    dtype: Dtype = "auto",
    price: Price = None,
    overwrite: Overwrite = False,
    force: Force = False,
    allow_template_mismatch: Mismatch = False,
    as_json: AsJson = False,
) -> None:
    """Ask a model about every sample of a split, greedily. A killed run goes on where it was."""
    from sftdata.console import progress
    from sftdata.prediction.predict import predict as ask

    settings: dict[str, Any] = {
        "model": model,
        "adapter": adapter,
        "backend": backend,
        "base_url": base_url,
        "split": split,
        "shots": shots,
        "limit": limit,
        "max_new_tokens": max_new_tokens,
        "batch_size": batch_size,
        "dtype": dtype,
        **_prices(price),
    }
    with progress() as tell:
        made = ask(
            build,
            out=out,
            prompts=prompts,
            force=force,
            allow_template_mismatch=allow_template_mismatch,
            overwrite=overwrite,
            progress=tell,
            **settings,
        )
    _show(made.summary, None if prompts else build, as_json)


def _show(summary: dict[str, Any], build: Path | None, as_json: bool) -> None:
    from sftdata.console import say, write

    if as_json:
        write(dump(summary))
        return
    for name, value in summary.items():
        if value is not None:
            shown = f"{value:,}" if isinstance(value, int) else str(value)
            write(f"{name.replace('_', ' '):<18} {shown}")
    if build is not None:
        say(f"next: sftdata evaluate {summary['path']} --dataset {build}")


def _prices(price: str | None) -> dict[str, float]:
    if price is None:
        return {}
    try:
        paid, got = (float(p) for p in price.split(","))
    except ValueError as error:
        raise ConfigError(f"--price {price!r}: write it as 2.5,10") from error
    return {"price_in": paid, "price_out": got}
