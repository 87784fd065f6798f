"""What is not used is not imported: the face and `--help` start fast and need no heavy package."""

import json
from pathlib import Path

import pytest
from command import run_python

HEAVY = ("torch", "transformers", "datasets", "ray", "tokenizers", "scipy")
LOADED = "import json, sys; print(json.dumps([m for m in sys.modules if '.' not in m]))"


def loaded(code: str, cwd: Path | None = None) -> set[str]:
    done = run_python(f"{code}\n{LOADED}", cwd)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_importing_sftdata_costs_nothing() -> None:
    found = loaded("import sftdata; sftdata.__version__")
    assert not found & {*HEAVY, "pyarrow", "pandas", "numpy", "pydantic", "yaml", "jinja2", "rich"}


HELP = """
import sys
from sftdata.cli import main
try:
    main({args!r})
except SystemExit as leaving:
    assert not leaving.code, leaving.code
"""


@pytest.mark.parametrize(
    "args", [["--help"], ["build", "--help"], ["families", "--help"], ["--version"]]
)
def test_help_loads_nothing_heavy(args: list[str]) -> None:
    found = loaded(HELP.format(args=args))
    assert not found & {*HEAVY, "pyarrow", "pandas"}


def test_a_prompt_needs_no_tables() -> None:
    found = loaded("import sftdata; sftdata.prompt('finance/single_fact', question='Why?')")
    assert not found & {"torch", "transformers", "datasets", "ray", "tokenizers", "pandas", "scipy"}
