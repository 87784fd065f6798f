"""The command line as a whole: verbs, exit codes, and who speaks on which stream."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import typer
from command import Command
from project import write_project

import sftdata
from sftdata.cli import app

VERBS = {
    "init", "validate", "preview", "build", "dedupe", "audit", "lengths",
    "template check", "template show", "template lint", "template lock",
    "model convert", "train", "merge",
    "runs list", "runs show", "runs compare", "runs rollback",
    "export", "import-predictions", "predict", "evaluate", "monitor", "judge",
    "probes write", "probes ask", "review export", "review import", "review agreement",
    "families list", "families show", "families check", "schemas write", "schemas check",
}  # fmt: skip


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(capsys)


def test_the_verbs_are_these() -> None:
    found = set()
    for name, command in typer.main.get_command(app).commands.items():
        inner = getattr(command, "commands", None)
        found |= {f"{name} {i}" for i in inner} if inner else {name}
    assert found == VERBS


def test_the_version_is_data(run: Command) -> None:
    done = run("--version")
    assert (done.code, done.out, done.err) == (0, f"sftdata {sftdata.__version__}\n", "")


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["validate", "none.yaml"], "there is no configuration 'none.yaml'; `sftdata init DIR`"),
        (["build", "none.yaml"], "there is no configuration 'none.yaml'"),
        (["preview", "none.yaml"], "there is no configuration 'none.yaml'"),
        (["audit", "none.jsonl"], "dataset: none.jsonl does not exist"),
        (["audit"], "dataset: nothing to audit"),
        (
            ["audit", "--splits", "train"],
            "--splits 'train': write it as train=a.jsonl,test=b.jsonl",
        ),
        (["families", "show", "finance/singel_fact"], "Did you mean 'finance/single_fact'"),
        (["families", "check", "nowhere"], "nowhere: no such folder"),
        (["families", "list", "--families", "nowhere"], "families folder nowhere does not exist"),
    ],
)
def test_wrong_input_is_one_line_and_exit_code_2(
    run: Command, args: list[str], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run(*args)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: ")
    assert done.err.count("\n") == 1
    assert words in done.err


def test_an_unknown_verb_or_option_is_exit_code_2(run: Command) -> None:
    assert run("bild").code == 2
    assert run("build", "--cold").code == 2


def test_a_path_that_cannot_be_written_is_wrong_input(run: Command, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = run("schemas", "write", tmp_path / "file" / "below")
    assert done.code == 2
    assert done.err == f"error: {tmp_path / 'file' / 'below'}: Not a directory\n"


def test_an_error_of_ours_keeps_its_traceback(
    run: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bug must not be told as if it were the user's mistake."""
    monkeypatch.setattr("sftdata.schemas.check", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run("schemas", "check")


@pytest.mark.slow
def test_an_interrupted_build_ends_with_130(tmp_path: Path) -> None:
    config = write_project(tmp_path, companies=12, few=False)
    process = subprocess.Popen(
        [sys.executable, "-m", "sftdata", "build", str(config)],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "NO_COLOR": "1"},
    )
    assert process.stderr is not None
    assert process.stderr.readline().startswith("read")
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 130
    assert "Traceback" not in process.stderr.read()
    assert not (tmp_path / "out" / "manifest.json").exists()
