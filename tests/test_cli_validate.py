"""`sftdata validate`: whatever is wrong before a document is read."""

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
    return write_project(tmp_path_factory.mktemp("project"), companies=2)


def test_a_sound_configuration(run: Command, project: Path) -> None:
    done = run("validate", project)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"{project} is valid\n")
    assert "**/*.htm: 2" in done.out


def test_for_machines_it_gives_the_filled_configuration(run: Command, project: Path) -> None:
    done = run("validate", project, "--json", "--set", "dedupe.threshold=0.7", "--set", "seed=3")
    found = json.loads(done.out)
    assert found["config"]["dedupe"]["threshold"] == 0.7
    assert found["config"]["split"]["seed"] == 3
    assert sum(found["families"].values()) == 5
    assert found["files"] == {"**/*.htm": 2}


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("dedup.threshold=0.7", "Did you mean 'dedupe'"),
        ("dedupe.threshold=2", "dedupe.threshold:"),
        ("dedupe.threshold", "write it as key=value"),
        ("families.use=[finance/singel_fact]", "Did you mean 'finance/single_fact'"),
        ("families.exclude=['*']", "families: every family is excluded"),
        ("engine.use=cluster", "unknown engine 'cluster'"),
        ("template.template=chatmll", "chatmll"),
        ("documents.root=elsewhere", "documents.root: the folder"),
        ("documents.files=['*.pdf']", "documents.files: '*.pdf' matches no file"),
        ("documents.files=['../*.htm']", "must stay inside documents.root"),
        ("documents.files=[{match: '*.htm', reader: xbrl}]", "Did you mean 'ixbrl'"),
        ("audit.near_sample={}", "Did you mean 'near_samples'"),
        ("audit.near_samples={thresholds: 1}", "audit.near_samples.thresholds"),
        ("split.ratios={train: 0.5, test: 0.2}", "split"),
    ],
)
def test_each_mistake_is_named(run: Command, project: Path, setting: str, words: str) -> None:
    done = run("validate", project, "--set", setting)
    assert (done.code, done.out) == (2, "")
    assert words in done.err
    assert done.err.count("\n") == 1


def test_documents_are_not_read(run: Command, project: Path, monkeypatch) -> None:
    monkeypatch.setattr("sftdata.readers.ixbrl.IxbrlReader.read", lambda *_: 1 / 0)
    assert run("validate", project).code == 0
