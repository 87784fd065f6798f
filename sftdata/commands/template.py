"""`template check|show|lint|lock`: chat templates before anything is trained on them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
import yaml

from sftdata.commands.arguments import AsJson, dump
from sftdata.errors import ConfigError

if TYPE_CHECKING:
    from sftdata.chat.template import Scalar
    from sftdata.conformance.matrix import Matrix
    from sftdata.report import CheckResult
    from sftdata.stages.render import Render

__all__ = ["verbs"]

verbs = typer.Typer(no_args_is_help=True, help="Chat templates: check, show, lint, lock.")

Model = Annotated[
    str,
    typer.Argument(
        metavar="MODEL_OR_FILE",
        show_default=False,
        help="Folder or hub id of a model, a Jinja file, or a bundled name.",
    ),
]
Tokenizer = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Tokenizer, where MODEL_OR_FILE has none of its own."),
]
Variables = Annotated[
    list[str],
    typer.Option(
        "--var", metavar="KEY=VALUE", help="What the template reads: enable_thinking=false."
    ),
]
Against = Annotated[
    str, typer.Option(metavar="SIDE", help="Compare with this too: llamafactory:NAME.")
]
LlamaFactory = Annotated[
    Path | None,
    typer.Option(metavar="PATH", help="Interpreter of an environment that has LLaMA-Factory."),
]
Build = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="A build: is this model's template the one it is for?"),
]


@verbs.command()
def check(
    model: Model,
    against: Against = "",
    llamafactory_python: LlamaFactory = None,
    tokenizer: Tokenizer = None,
    variables: Variables = [],  # noqa: B006
    as_json: AsJson = False,
) -> None:
    """Compare our tokens with those of transformers, vLLM and LLaMA-Factory.

    Exit code 1: they differ.
    """
    from sftdata.conformance.matrix import conformance
    from sftdata.console import write

    render = _render(model, tokenizer, variables)
    matrix = conformance(render, against=against, python=llamafactory_python)
    write(dump(matrix.as_dict())) if as_json else _show_matrix(matrix)
    raise typer.Exit(0 if matrix.equal else 1)


@verbs.command()
def show(
    model: Model,
    tokenizer: Tokenizer = None,
    variables: Variables = [],  # noqa: B006
    as_json: AsJson = False,
) -> None:
    """Show what a template writes around a conversation, and what it reads."""
    from sftdata.audit_chat import load_dated
    from sftdata.chat.faults import conversations
    from sftdata.chat.probes import PROBES
    from sftdata.console import write

    chat = load_dated(_render(model, tokenizer, variables), conversations([]))
    template, example = chat.template, next(p for p in PROBES if p.name == "multi_turn")
    told = {
        "template": template.name,
        "stop": template.stop,
        "after_answer": template.suffix,
        "system_role": str(template.system_role),
        "control_tokens": list(template.control_tokens),
        "example": template.render(example.messages),
    }
    if as_json:
        write(dump(told))
        return
    for name in ("template", "stop", "system_role"):
        write(f"{name:<13}{told[name]}")
    tokens = template.control_tokens
    more = f" and {len(tokens) - 12} more" if len(tokens) > 12 else ""
    write(f"{'control':<13}{' '.join(tokens[:12])}{more}")
    write(f"\n{told['example']}")


@verbs.command()
def lint(
    model: Model,
    tokenizer: Tokenizer = None,
    variables: Variables = [],  # noqa: B006
    as_json: AsJson = False,
) -> None:
    """Find what would go wrong with a template: dates, default system text, BOS, stop, thinking.

    Exit code 1: a finding is an error.
    """
    from sftdata.console import write
    from sftdata.template_lint import lint as look

    results = look(_render(model, tokenizer, variables))
    if as_json:
        write(dump([r.model_dump(mode="json") for r in results]))
    else:
        _show_lint(results)
    raise typer.Exit(1 if any(r.status == "failed" for r in results) else 0)


@verbs.command()
def lock(
    model: Model,
    build: Build = None,
    tokenizer: Tokenizer = None,
    variables: Variables = [],  # noqa: B006
    as_json: AsJson = False,
) -> None:
    """Print the template lock and its parts, or hold a model to that of a build.

    Exit code 2: with `--build`, a sample of the build gives other tokens.
    """
    from sftdata.console import write
    from sftdata.judged import open_judged
    from sftdata.template_match import require_same_template

    render = _render(model, tokenizer, variables)
    if build is None:
        template = render.load()[0]
        found = {"lock": template.lock(), "parts": template.lock_parts()}
        if as_json:
            write(dump(found))
            return
        write(f"{'lock':<16}{template.lock()}")
        for name, value in template.lock_parts().items():
            write(f"{name:<16}{value}")
        return
    match = require_same_template(
        open_judged(build),
        tokenizer or model,
        template=model if tokenizer else "",
        variables=render.variables or None,
    )
    parts = [{"part": c.part, "build": c.ours, "model": c.theirs} for c in match.changes]
    told = {"lock": match.lock, "changes": parts, "samples": match.samples}
    write(dump(told) if as_json else str(match))


def _render(model: str, tokenizer: str | None, variables: list[str]) -> Render:
    from sftdata.stages.render import Render

    values: dict[str, Scalar] = {}
    for given in variables:
        key, equals, value = given.partition("=")
        if not equals or not key:
            raise ConfigError(f"--var {given!r}: write it as key=value, e.g. enable_thinking=false")
        read = yaml.safe_load(value)
        values[key] = read if isinstance(read, str | int | bool) else value
    return Render(template=model, tokenizer=tokenizer, variables=values)


def _show_matrix(matrix: Matrix) -> None:
    """Print a table of the probes, and below it the first difference of each cell that differs."""
    from sftdata.console import say, write

    words = {"equal": "equal", "refused": "refused"}
    width = max(map(len, matrix.rows)) + 2
    write("probe".ljust(width) + "  ".join(side.ljust(16) for side in matrix.columns).rstrip())
    for name, cells in matrix.rows.items():
        shown = [words.get(c.status, f"{c.status} at {c.at}") for c in cells.values()]
        places = zip(shown, matrix.columns, strict=True)
        line = "  ".join(text.ljust(max(16, len(side))) for text, side in places)
        write((name.ljust(width) + line).rstrip())
    for side in matrix.columns:
        differing = [(n, c[side]) for n, c in matrix.rows.items() if c[side].status == "differs"]
        if differing:
            name, cell = differing[0]
            write(f"\n{side} differs in {len(differing)} of {len(matrix.rows)}; first, {name}:")
            write(f"  ours    {cell.ours}\n  theirs  {cell.theirs}")
    versions = ", ".join(f"{name} {number}" for name, number in matrix.versions.items())
    say(f"compared by {matrix.by}; {versions}")


def _show_lint(results: tuple[CheckResult, ...]) -> None:
    from sftdata.console import write

    for result in results:
        name = result.name.removeprefix("template_")
        write(f"{result.status:<8}{name:<15}{result.title}")
        for finding in result.findings:
            probes = f" ({', '.join(finding.ids)})" if finding.ids else ""
            write(f"{'':<8}{finding.severity}: {finding.message}{probes}")
            write(f"{'':<8}→ {finding.action}")
