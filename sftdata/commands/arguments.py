"""Arguments and options that several verbs share, and the JSON that they print."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

__all__ = ["AsJson", "Config", "Folders", "Overrides", "dump"]

Config = Annotated[Path, typer.Argument(help="The YAML configuration.", show_default=False)]
Overrides = Annotated[
    list[str],
    typer.Option("--set", metavar="KEY=VALUE", help="Override a setting; may be repeated."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
Folders = Annotated[
    list[Path],
    typer.Option("--families", metavar="DIR", help="Folder of your own families; repeatable."),
]


def dump(data: Any) -> str:
    """Return data as the JSON that `--json` prints."""
    return json.dumps(data, ensure_ascii=False, indent=2)
