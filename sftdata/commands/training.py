"""`train`, `merge`, `runs list|show|compare|rollback`, `model convert`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from sftdata.commands.arguments import AsJson, Overrides, dump
from sftdata.errors import ConfigError

if TYPE_CHECKING:
    from sftdata.training.config import TrainConfig
    from sftdata.training.plan import Plan

__all__ = ["model", "runs", "verbs"]

verbs = typer.Typer()
runs = typer.Typer(no_args_is_help=True, help="Training runs: list, show, compare, roll back.")
model = typer.Typer(no_args_is_help=True, help="Base models: convert.")

Folder = Annotated[Path, typer.Argument(metavar="[DIR]", help="The folder of runs.")]
RunName = Annotated[str, typer.Argument(metavar="RUN", help="Name or folder.", show_default=False)]
In = Annotated[Path, typer.Option("--in", metavar="DIR", help="The folder of runs.")]
RUNS = Path("runs")


@verbs.command()
def train(
    build: Annotated[Path, typer.Argument(help="The folder of a build.", show_default=False)],
    model: Annotated[
        str | None, typer.Option(metavar="DIR|ID", help="The base: folder or hub id.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Training configuration, YAML.")
    ] = None,
    method: Annotated[
        Literal["qlora", "lora", "full"] | None,
        typer.Option(metavar="HOW", help="qlora (default), lora or full."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="RUN", help="Folder of the run; by default one under `runs/`."),
    ] = None,
    overrides: Overrides = [],  # noqa: B006
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the plan: no weights are read.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the newest complete checkpoint.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Train in spite of the audit; the manifest says so.")
    ] = False,
    allow_template_mismatch: Annotated[
        bool,
        typer.Option("--allow-template-mismatch", help="Train though tokens would differ."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Train on a build: QLoRA, LoRA or all weights. A killed run goes on with --resume."""
    from sftdata.console import say
    from sftdata.training.closing import is_main
    from sftdata.training.config import load_train_config
    from sftdata.training.run import Interrupted, plan_training
    from sftdata.training.run import train as start

    settings = load_train_config(config, overrides, model=model, method=method)
    allowed = {"force": force, "allow_template_mismatch": allow_template_mismatch}
    if dry_run:
        _show_plan(plan_training(build, settings, **allowed), as_json)
        return
    try:
        made = start(build, settings, out, resume=resume, tell=say, **allowed)
    except Interrupted as stopped:
        say(str(stopped), "yellow")
        raise typer.Exit(128 + stopped.number) from None
    if is_main():
        _show_run(made.path, settings, made.manifest.results, as_json)


def _show_plan(plan: Plan, as_json: bool) -> None:
    from sftdata.console import say, write

    if as_json:
        write(dump(plan.as_dict()))
        return
    memory, device = plan.memory, plan.device
    parts = ", ".join(
        f"{name} {getattr(memory, name) / 2**30:.2f}"
        for name in ("weights", "trained", "kept", "work", "head")
    )
    rows = {
        "method": plan.method + (f" on {', '.join(plan.targets)}" if plan.targets else ""),
        "parameters": f"{plan.parameters:,}, trained {plan.trainable:,} "
        f"({plan.trainable / plan.parameters:.2%})",
        "device": f"{device.processes} × {device.name}, {device.dtype}: {device.why}",
        "memory": f"{memory.total / 2**30:.2f} GiB of {device.memory / 2**30:.2f} free ({parts})",
        "samples": f"{plan.samples:,} in {plan.rows:,} rows of at most {plan.row_length:,} tokens",
        "tokens": f"{plan.tokens:,} an epoch, {plan.trained_tokens:,} of them trained",
        "batch": f"{plan.rows_per_device} rows × {plan.accumulation} accumulated × "
        f"{device.processes} processes, about {plan.step_tokens:,} tokens a step",
        "steps": f"{plan.steps:,} ({plan.epochs:g} epochs), {plan.warmup_steps:,} of them warm-up",
        "validation": f"{plan.validation_samples:,} samples, every {plan.evaluate_every:,} steps",
    }
    for name, value in rows.items():
        write(f"{name:<11} {value}")
    for text in plan.warnings:
        say(f"warning: {text}", "yellow")


def _show_run(path: Path, config: TrainConfig, results: dict[str, Any], as_json: bool) -> None:
    from sftdata.console import say, write

    if as_json:
        write(dump({"path": str(path), **results}))
        return
    write(str(path))
    base, best = results.get("base_validation_loss"), results.get("best_validation_loss")
    if base is not None and best is not None:
        verb = "from" if best < base else "NOT better than"
        style = "green" if best < base else "red"
        say(f"validation loss {best:.4f}, {verb} {base:.4f} of the base model", style)
    say(f"kept: step {results.get('best_step')} of {results.get('steps')}; {results.get('ended')}")
    where = path / ("adapter" if config.adapts else "model")
    say(f"weights: {where}; next: sftdata merge {path} --out {path}-merged")


@verbs.command()
def merge(
    run: Annotated[Path, typer.Argument(help="The folder of a finished run.", show_default=False)],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder to write.")],
    base: Annotated[
        str | None, typer.Option(metavar="DIR|ID", help="Where the base model is now, if it moved.")
    ] = None,
    dtype: Annotated[
        Literal["auto", "float32", "bfloat16", "float16"],
        typer.Option(metavar="TYPE", help="Of the stored weights; auto: that of the base."),
    ] = "auto",
    samples: Annotated[
        int, typer.Option(min=1, metavar="N", help="Samples on which the merge is checked.")
    ] = 4,
    as_json: AsJson = False,
) -> None:
    """Merge a run into its base: weights, tokenizer, template; checked on samples of the build."""
    from dataclasses import asdict

    from sftdata.console import say, write
    from sftdata.training.merge import merge as put_together
    from sftdata.training.merge import serving_commands

    made = put_together(run, out, base=base, dtype=dtype, samples=samples, tell=say)
    commands = serving_commands(made.path, _factory_template(made.path))
    if as_json:
        data = {"path": str(made.path), "dtype": made.dtype, "stop_token_ids": list(made.stops)}
        write(dump({**data, "check": asdict(made.check), "commands": list(commands)}))
        return
    write(str(made.path))
    say(f"{made.dtype}; an answer ends with token {' or '.join(map(str, made.stops))}; serve it:")
    for line in commands:
        write(line)


def _factory_template(path: Path) -> str:
    """Return the template of LLaMA-Factory that makes this model's text; empty: there is none."""
    from sftdata.chat.template import OWN, load_template
    from sftdata.chat.tokenizer import load_tokenizer
    from sftdata.exporting.llamafactory_templates import same_text, slot_templates

    template = load_template(OWN, tokenizer=load_tokenizer(str(path)))
    fitting = [t for t in slot_templates() if not t.reasoning and same_text(t, template)]
    return fitting[-1].template if fitting else ""


@runs.command("list")
def runs_list(folder: Folder = RUNS, as_json: AsJson = False) -> None:
    """List the runs of a folder, oldest first: which model came from which data."""
    from rich.console import Console
    from rich.table import Table

    from sftdata.console import write
    from sftdata.training.runs import list_runs

    rows = [run.as_dict() for run in list_runs(folder)]
    if as_json:
        write(dump(rows))
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("", "run", "status", "method", "model", "dataset", "audit", "steps"):
        table.add_column(name)
    table.add_column("base loss", justify="right")
    table.add_column("loss", justify="right")
    for row in rows:
        table.add_row(
            "*" if row["current"] else "",
            row["run"],
            row["status"] + (" (forced)" if row["forced"] else ""),
            row["method"],
            Path(row["model"]).name,
            f"{row['dataset']} {row['digest'][:12]}",
            row["verdict"],
            str(row["steps"] or ""),
            _loss(row["base_validation_loss"]),
            _loss(row["best_validation_loss"]),
        )
    Console().print(table)


def _loss(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


@runs.command("show")
def runs_show(run: RunName, folder: In = RUNS) -> None:
    """Print the manifest of a run."""
    from sftdata.console import write
    from sftdata.training.runs import find_run

    write(find_run(run, folder).manifest.to_json())


@runs.command("compare")
def runs_compare(
    left: RunName,
    right: Annotated[str, typer.Argument(metavar="OTHER", help="The other run.")],
    folder: In = RUNS,
    as_json: AsJson = False,
) -> None:
    """Show what differs between two runs: data, base model, settings, results."""
    from dataclasses import asdict

    from rich.console import Console
    from rich.table import Table

    from sftdata.console import write
    from sftdata.training.runs import compare_runs, find_run

    one, two = find_run(left, folder), find_run(right, folder)
    found = compare_runs(one.manifest, two.manifest)
    if as_json:
        write(dump([asdict(d) for d in found]))
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("", "what", one.name, two.name):
        table.add_column(name, overflow="fold")
    for item in found:
        table.add_row(item.area, item.key, _shown(item.left), _shown(item.right))
    Console().print(table)


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return "" if value is None else str(value)


@runs.command("rollback")
def runs_rollback(
    folder: Folder = RUNS,
    to: Annotated[
        str | None, typer.Option(metavar="RUN", help="By default the finished run before.")
    ] = None,
) -> None:
    """Point `current` at an earlier run, in one step, and say the way back."""
    from sftdata.console import say, write
    from sftdata.training.runs import rollback

    now, before = rollback(folder, to)
    write(f"{folder / 'current'} -> {now.name}")
    if before is not None and before.name != now.name:
        say(f"back: sftdata runs rollback {folder} --to {before.name}")


@model.command("convert")
def model_convert(
    file: Annotated[Path, typer.Argument(help="A GGUF file.", show_default=False)],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder to write.")],
    dtype: Annotated[
        Literal["float32", "bfloat16", "float16"],
        typer.Option(metavar="TYPE", help="Of the stored weights."),
    ] = "float32",
) -> None:
    """Turn a GGUF file into a folder that can be trained on."""
    from sftdata.console import write
    from sftdata.training.gguf import convert_gguf

    if out.resolve() == file.resolve().parent:
        raise ConfigError(f"--out {out}: name another folder than that of the GGUF file")
    write(str(convert_gguf(file, out, dtype=dtype)))
