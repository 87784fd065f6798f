"""`schemas write|check`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["verbs"]

verbs = typer.Typer(no_args_is_help=True, help="The published JSON Schemas: write, check.")


@verbs.command("write")
def schemas_write(
    folder: Annotated[
        Path | None, typer.Argument(metavar="DIR", help="By default `schemas/` of sftdata.")
    ] = None,
) -> None:
    """Write the JSON Schemas of documents, samples, configuration, families and reports."""
    from sftdata.console import write
    from sftdata.schemas import write as write_schemas

    for path in write_schemas(folder):
        write(str(path))


@verbs.command("check")
def schemas_check(
    folder: Annotated[
        Path | None, typer.Argument(metavar="DIR", help="By default `schemas/` of sftdata.")
    ] = None,
) -> None:
    """Compare the published schemas with the code. Exit code 1: one has drifted."""
    from sftdata.console import write
    from sftdata.schemas import check, schemas

    problems = check(folder)
    for problem in problems:
        write(problem)
    if problems:
        raise typer.Exit(1)
    write(f"{len(schemas())} schemas are up to date")
