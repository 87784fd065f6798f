"""`sftdata preview`: a few samples, rendered as trained, without a dataset."""

import json
from pathlib import Path

import pytest
from command import Command
from project import write_project


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(capsys)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_project(tmp_path_factory.mktemp("project"), companies=3)


def test_it_shows_what_is_trained_and_writes_nothing(run: Command, project: Path) -> None:
    before = sorted(project.parent.rglob("*"))
    done = run("preview", project, "-n", 3)
    assert done.code == 0
    assert done.out.count("⟦") == 4, "the legend, and one trained turn a sample"
    assert "3 samples from" in done.err
    assert sorted(project.parent.rglob("*")) == before


def test_few_samples_show_every_kind(run: Command, project: Path) -> None:
    lines = run("preview", project, "-n", 4, "--json").out.splitlines()
    samples = [json.loads(line) for line in lines]
    assert {s["kind"] for s in samples} == {"extraction", "writing", "evidence", "refusal"}
    assert all(c["passed"] for s in samples for c in s["checks"])


def test_one_family(run: Command, project: Path) -> None:
    done = run("preview", project, "-n", 2, "--family", "finance/cover_page", "--json")
    assert {json.loads(line)["family"] for line in done.out.splitlines()} == {"finance/cover_page"}
    wrong = run("preview", project, "--family", "finance/cover_pages")
    assert wrong.code == 2
    assert "Did you mean 'finance/cover_page'" in wrong.err


def test_full_folds_nothing(run: Command, project: Path) -> None:
    args = ("preview", project, "-n", 4)
    assert "lines hidden" in run(*args).out
    assert "hidden" not in run(*args, "--full").out


def test_rejects_are_told(run: Command, tmp_path: Path) -> None:
    config = write_project(tmp_path, companies=1)
    (tmp_path / "documents" / "a-first.htm").touch()
    done = run("preview", config, "-n", 1)
    assert done.code == 0
    assert "rejected: a-first.htm: empty_file" in done.err
