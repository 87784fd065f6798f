"""The documentation: generated parts have not drifted, links lead somewhere, every block runs."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from sftdata.cli import app

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
BLOCK = re.compile(r"^```(bash|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)")

DRIVER = """
import json, subprocess, sys
blocks = json.load(open("blocks.json", encoding="utf-8"))
names = {"__name__": "page"}
if __name__ == "__main__":
    for language, code, line in blocks:
        print(f"--- line {line}", flush=True)
        if language == "bash":
            subprocess.run(["bash", "-euo", "pipefail", "-c", code], check=True)
        else:
            exec(compile("\\n" * line + code, "page", "exec"), names)
"""


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def blocks(path: Path) -> list[tuple[str, str, int]]:
    text = path.read_text(encoding="utf-8")
    return [(m[1], m[2], text.count("\n", 0, m.start()) + 1) for m in BLOCK.finditer(text)]


def test_the_generated_reference_has_not_drifted() -> None:
    command = [sys.executable, ROOT / "docs/reference.py", "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_verb_is_documented() -> None:
    text = (ROOT / "docs/cli.md").read_text(encoding="utf-8")
    for name, command in typer.main.get_command(app).commands.items():
        for inner in getattr(command, "commands", None) or [""]:
            assert f"## `sftdata {f'{name} {inner}'.strip()}`" in text


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{named(page)}: {target}"


def test_every_page_can_be_reached_from_the_readme() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for page in PAGES[1:]:
        assert page.name == "README.md" or f"docs/{page.name}" in text, page.name


@pytest.mark.slow
@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p)], ids=named)
def test_every_block_runs(page: Path, tmp_path: Path) -> None:
    """In an empty folder beside the examples, top to bottom, as a reader would.

    `make` is looked up, not run: continuous integration runs the very commands.
    """
    for name in ("examples", "task_families"):
        (tmp_path / name).symlink_to(ROOT / name)
    prepared = []
    for language, code, line in blocks(page):
        targets = re.findall(r"^make (\w+)", code, re.MULTILINE) if language == "bash" else []
        for target in targets:
            assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE), target
        left = re.sub(r"^make \w+.*$", "", code, flags=re.MULTILINE)
        prepared.append((language, left, line))
    (tmp_path / "blocks.json").write_text(json.dumps(prepared), encoding="utf-8")
    (tmp_path / "driver.py").write_text(DRIVER, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "driver.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "NO_COLOR": "1",
            "HF_HOME": str(tmp_path / ".hf"),
            "HF_HUB_OFFLINE": "1",
        },
    )
    assert done.returncode == 0, f"{named(page)}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
