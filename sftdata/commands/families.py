"""`families list|show|check`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sftdata.commands.arguments import AsJson, Folders, dump

__all__ = ["verbs"]

verbs = typer.Typer(no_args_is_help=True, help="Task families: list, show, check.")


@verbs.command("list")
def families_list(folders: Folders = [], as_json: AsJson = False) -> None:  # noqa: B006
    """List the task families, sorted by id."""
    from sftdata.console import show_families, write
    from sftdata.families.load import load_families

    found = [family for _, family in sorted(load_families(folders).items())]
    if as_json:
        keys = ("version", "kind", "recipe", "title")
        write(dump([{"id": f.id, **{k: getattr(f, k) for k in keys}} for f in found]))
    else:
        show_families(found)


@verbs.command("show")
def families_show(
    family: Annotated[str, typer.Argument(metavar="ID", show_default=False, help="Family id.")],
    folders: Folders = [],  # noqa: B006
    as_json: AsJson = False,
) -> None:
    """Show one family: its questions, its prompts and what it needs."""
    from sftdata.console import show_family, write
    from sftdata.families.load import family_named, load_families

    known = load_families(folders)
    found = family_named(family, known)
    if as_json:
        settings = found.model_dump(mode="json", by_alias=True)
        write(dump({"id": found.id, **settings, "templates": found.templates}))
    else:
        show_family(found, known[found.of] if found.of else found)


@verbs.command("check")
def families_check(
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="DIR", help="A family, a domain or a folder of them; else all."),
    ] = None,
    update: Annotated[
        bool,
        typer.Option("--update", help="Write what is made now, for you to read as a diff."),
    ] = False,
    folders: Folders = [],  # noqa: B006
    as_json: AsJson = False,
) -> None:
    """Run the golden examples of families. Exit code 1: one gives another result."""
    from sftdata.console import show_checks, write
    from sftdata.family_check import check_families

    checks = check_families(folder, update=update, extra=folders)
    if as_json:
        keys = ("family", "ok", "cases", "problems", "updated")
        write(dump([{k: getattr(c, k) for k in keys} for c in checks]))
    else:
        show_checks(checks)
    raise typer.Exit(0 if all(c.ok for c in checks) else 1)
