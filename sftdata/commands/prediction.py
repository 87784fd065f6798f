"""`predict`: a model's answers to the prompts of a build."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from sftdata.commands.arguments import AsJson, dump

__all__ = ["verbs"]

verbs = typer.Typer()


@verbs.command()
def predict(
    build: Annotated[Path, typer.Argument(help="The folder of a build.", show_default=False)],
    model: Annotated[
        str, typer.Option(metavar="DIR|NAME", help="Weights, or the name that a server serves.")
    ],
    out: Annotated[Path, typer.Option(metavar="FILE", help="JSONL file to write.")],
    split: Annotated[str, typer.Option(metavar="NAME", help="Which prompts.")] = "test",
    adapter: Annotated[
        str | None, typer.Option(metavar="RUN", help="LoRA adapter on top of the weights.")
    ] = None,
    backend: Annotated[
        Literal["transformers", "vllm", "openai"],
        typer.Option(metavar="NAME", help="transformers, vllm or openai (any such server)."),
    ] = "transformers",
    base_url: Annotated[
        str | None, typer.Option(metavar="URL", help="The server, e.g. http://localhost:8000/v1")
    ] = None,
    shots: Annotated[
        int, typer.Option(metavar="N", help="Worked train examples before each question.")
    ] = 0,
    limit: Annotated[int | None, typer.Option(metavar="N", help="At most so many.")] = None,
    max_new_tokens: Annotated[int, typer.Option(metavar="N", help="Longest answer.")] = 1024,
    batch_size: Annotated[
        int, typer.Option(metavar="N", help="Prompts in a batch, or requests at a time.")
    ] = 32,
    dtype: Annotated[
        Literal["auto", "float32", "bfloat16", "float16"],
        typer.Option(metavar="TYPE", help="Of the weights."),
    ] = "auto",
    price: Annotated[
        str | None,
        typer.Option(metavar="IN,OUT", help="Price of a million tokens, prompt and answer."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Go on with a build that its audit does not cover.")
    ] = False,
    allow_template_mismatch: Annotated[
        bool,
        typer.Option("--allow-template-mismatch", help="Go on where tokens would differ."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Ask a model about every sample of a split, greedily. A killed run goes on where it was."""
    from sftdata.console import progress, say, write
    from sftdata.prediction.predict import predict as ask

    prices = _prices(price)
    with progress() as tell:
        made = ask(
            build,
            out=out,
            force=force,
            allow_template_mismatch=allow_template_mismatch,
            overwrite=overwrite,
            progress=tell,
            model=model,
            adapter=adapter,
            backend=backend,
            base_url=base_url,
            split=split,
            shots=shots,
            limit=limit,
            max_new_tokens=max_new_tokens,
            batch_size=batch_size,
            dtype=dtype,
            **prices,
        )
    found = made.summary
    if as_json:
        write(dump(found))
    else:
        for name, value in found.items():
            write(f"{name:<18} {value:,}" if isinstance(value, int) else f"{name:<18} {value}")
        say(f"next: sftdata evaluate {out} --dataset {build}")


def _prices(price: str | None) -> dict[str, float]:
    from sftdata.errors import ConfigError

    if price is None:
        return {}
    try:
        paid, got = (float(p) for p in price.split(","))
    except ValueError as error:
        raise ConfigError(f"--price {price!r}: write it as 2.5,10") from error
    return {"price_in": paid, "price_out": got}
