"""Write the generated parts of the documentation, or `--check` that they have not drifted.

`docs/cli.md` comes from the commands, `docs/config.md` from `BuildConfig`, the field tables of
`docs/families.md` from the models of `family.yaml` and `examples.yaml`, and the table of
`docs/leakage.md` from the checks.
"""

from __future__ import annotations

import re
import sys
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from sftdata.cli import app
from sftdata.config import BuildConfig
from sftdata.families import examples, family
from sftdata.registry import BUILTIN, checks

DOCS = Path(__file__).resolve().parent
NOTE = "<!-- Written by docs/reference.py; edit the source, then run `make reference`. -->"
FAMILY_MODELS: tuple[type[BaseModel], ...] = (
    family.Family,
    family.FactFilter,
    family.Context,
    family.Answer,
    family.FieldSource,
    family.Ratio,
    family.Premise,
    family.Lexicon,
    family.Term,
)
EXAMPLE_MODELS: tuple[type[BaseModel], ...] = (
    examples.Case,
    examples.ExampleDocument,
    examples.ExampleSection,
    examples.ExampleFact,
    examples.OtherPassage,
    examples.Expect,
    examples.Expected,
)
_WORDS = {str: "text", int: "integer", float: "number", bool: "true or false", Path: "path"}


def pages() -> dict[str, str]:
    """Return every page that is generated, wholly or in part, by file name."""
    families = (DOCS / "families.md").read_text(encoding="utf-8")
    families = _filled(families, "family", "".join(_model(m) for m in FAMILY_MODELS))
    families = _filled(families, "examples", "".join(_model(m) for m in EXAMPLE_MODELS))
    leakage = (DOCS / "leakage.md").read_text(encoding="utf-8")
    return {
        "cli.md": "".join(_cli()),
        "config.md": "".join(_config()),
        "families.md": families,
        "leakage.md": _filled(leakage, "checks", "".join(_checks())),
    }


def _filled(page: str, name: str, text: str) -> str:
    """Put text between the marks of this name."""
    begin, end = f"<!-- {name}: generated -->", f"<!-- {name}: end -->"
    before, rest = page.split(begin)
    return f"{before}{begin}\n{text}{end}{rest.split(end)[1]}"


def _checks() -> Iterator[str]:
    yield "\n| check | question | why | what to do |\n|---|---|---|---|\n"
    for name in BUILTIN["check"]:
        kind = checks.get(name)
        yield f"| `{name}` | {kind.question} | {kind.why} | {kind.action} |\n"


def _cli() -> Iterator[str]:
    yield f"# Command line\n\n{NOTE}\n\n"
    yield (
        "Data goes to standard output, talk and progress to standard error. Exit codes: 0 done, "
        "1 the audit found what blocks (or a check failed), 2 the input is wrong (one line says "
        "what), 130 interrupted.\n\n"
    )
    root = typer.main.get_command(app)
    context = root.context_class(root, info_name="sftdata")
    yield from _command(root, context)


def _command(command: Any, context: Any) -> Iterator[str]:
    """Yield a section per verb, in the order of the code."""
    inner = getattr(command, "commands", {})
    for name in inner:
        child = inner[name]
        yield from _command(child, child.context_class(child, info_name=name, parent=context))
    if inner:
        return
    path = context.command_path
    usage = " ".join(command.collect_usage_pieces(context))
    rows = [_parameter(p) for p in command.params if p.name != "help"]
    yield f"## `{path}`\n\n{command.help}\n\n```text\n{path} {usage}\n```\n\n"
    yield "| option | default | |\n|---|---|---|\n" + "".join(rows) + "\n"


def _parameter(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        name = f"`{parameter.metavar or parameter.name.upper()}`"
    else:
        name = ", ".join(f"`{o}`" for o in (*parameter.opts, *parameter.secondary_opts))
        if not parameter.is_flag:
            name += f" `{parameter.metavar}`"
    default = "" if parameter.default in (None, False, "", []) else str(parameter.default)
    default = {"True": "yes"}.get(default, default)
    return f"| {name} | {default} | {parameter.help} |\n"


def _config() -> Iterator[str]:
    yield f"# Configuration\n\n{NOTE}\n\n"
    yield (
        "A build is one YAML file; `sftdata init` writes one with comments. Only `documents.files` "
        "is required. Any value can be changed for one run with `--set key=value`, where the key "
        "is the dotted path below and the value is YAML. An unknown key is an error. The filled "
        "configuration is kept in `manifest.json` of the build.\n\n"
    )
    groups = [(n, f) for n, f in BuildConfig.model_fields.items() if _model_of(f.annotation)]
    plain = [(n, f) for n, f in BuildConfig.model_fields.items() if not _model_of(f.annotation)]
    yield _table([_row(n, f) for n, f in plain])
    for name, field in groups:
        model = _model_of(field.annotation)
        assert model is not None
        yield (
            f"\n## `{name}`\n\n" + " ".join(filter(None, (_doc(model), field.description))) + "\n\n"
        )
        yield _table([_row(f"{name}.{n}", f) for n, f in model.model_fields.items()])
        for inner in _inner_models(model):
            yield f"\nEach {inner.__name__} entry: {_doc(inner)}\n\n"
            yield _table([_row(n, f) for n, f in inner.model_fields.items()])


def _inner_models(model: type[BaseModel]) -> list[type[BaseModel]]:
    found = []
    for field in model.model_fields.values():
        for part in _parts(field.annotation):
            if isinstance(part, type) and issubclass(part, BaseModel) and part not in found:
                found.append(part)
    return found


def _parts(hint: Any) -> Iterator[Any]:
    yield hint
    for inner in typing.get_args(hint):
        yield from _parts(inner)


def _model_of(hint: Any) -> type[BaseModel] | None:
    return hint if isinstance(hint, type) and issubclass(hint, BaseModel) else None


def _model(model: type[BaseModel]) -> str:
    name = model.__name__
    return f"\n#### {name}\n\n{_doc(model)}\n\n" + _table(
        [_row(n, f) for n, f in model.model_fields.items()]
    )


def _doc(model: type[BaseModel]) -> str:
    return " ".join((model.__doc__ or "").split("\n\n")[0].split())


def _table(rows: list[str]) -> str:
    return "| key | what it takes | default | |\n|---|---|---|---|\n" + "".join(rows)


def _row(name: str, field: FieldInfo) -> str:
    key = field.alias or name
    words = " ".join((field.description or "").split())
    cells = (f"`{key}`", _hint(field.annotation), _default(field), words)
    return f"| {' | '.join(c.replace('|', chr(92) + '|') for c in cells)} |\n"


def _hint(hint: Any) -> str:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return _hint(args[0])
    if origin is typing.Literal:
        return " or ".join(f"`{a}`" for a in args)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_hint(a) for a in args if a is not type(None))
    if origin in (tuple, list):
        if len(args) == 2 and args[1] is not Ellipsis:
            return " and ".join(_hint(a) for a in args)
        return f"list of {_hint(args[0])}"
    if origin is dict:
        return f"mapping of {_hint(args[0])} to {_hint(args[1])}"
    if _model_of(hint):
        return str(hint.__name__)
    return _WORDS.get(hint, "anything" if hint is Any else str(getattr(hint, "__name__", hint)))


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "**required**"
    value = field.get_default(call_default_factory=True)
    if value is PydanticUndefined or value is None or value in ("", (), {}):
        return ""
    if isinstance(value, BaseModel):
        return ""
    if isinstance(value, Path):
        return f"`{value}`"
    shown = list(value) if isinstance(value, tuple) else value
    text = re.sub(r"'", "", str(shown)) if not isinstance(value, bool) else str(value).lower()
    return f"`{text}`"


def main() -> int:
    """Write the pages, or say which have drifted."""
    checking = sys.argv[1:] == ["--check"]
    drifted = []
    for name, text in pages().items():
        path = DOCS / name
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        drifted.append(name)
        if not checking:
            path.write_text(text, encoding="utf-8", newline="\n")
    word = "drifted; run `make reference`" if checking else "written"
    sys.stdout.write("".join(f"docs/{name}: {word}\n" for name in drifted))
    return 1 if checking and drifted else 0


if __name__ == "__main__":
    sys.exit(main())
