"""`sftdata build`: progress on one stream, the summary on the other, the verdict as exit code."""

import json
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from command import Command
from project import write_project

import sftdata
from sftdata.report import AuditReport


@dataclass(frozen=True)
class Project:
    config: Path
    out: Path


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(capsys)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Project:
    folder = tmp_path_factory.mktemp("project")
    config = write_project(folder, companies=5)
    sftdata.build(config, folder / "out")
    return Project(config, folder / "out")


def test_it_builds_and_says_what_came_out(run: Command, tmp_path: Path) -> None:
    config = write_project(tmp_path, companies=5)
    (tmp_path / "documents" / "bad.htm").write_bytes(b"PK\x03\x04" + bytes(200))
    done = run("build", config)
    report = AuditReport.from_json((tmp_path / "out/audit/report.json").read_bytes())
    assert done.code == report.exit_code
    rows = pq.read_table(tmp_path / "out" / "data").num_rows
    assert f"{rows:,}" in done.out
    assert f"{report.verdict}: {report.meaning}" in done.out
    assert str(tmp_path / "out/audit/report.html") in done.out
    assert "5 in 5 groups" in done.out
    assert "rejects     unknown format 1" in done.out
    steps = [line.split("  ")[0].strip() for line in done.err.splitlines()]
    assert steps[:2] == ["read", "documents"]
    assert "generate" in steps
    assert not [s for s in steps if "applied" in s]


def test_for_machines(run: Command, built: Project, tmp_path: Path) -> None:
    done = run("build", built.config, "--out", tmp_path / "o", "--json", "--set", "seed=5")
    summary = json.loads(done.out)
    assert summary["verdict"] in ("clean", "warnings", "blocked")
    assert summary["counts"]["samples"] == pq.read_table(tmp_path / "o" / "data").num_rows
    manifest = json.loads((tmp_path / "o" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["config"]["seed"] == 5
    assert Path(summary["report"]).is_file()


def test_a_blocked_audit_is_exit_code_1(
    run: Command, built: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A check that finds an error makes the build fail, however fine the rest is."""
    real = sftdata.audit

    def blocked(*args: object, **given: object) -> AuditReport:
        return real(*args, **given).model_copy(update={"verdict": "blocked", "meaning": "planted"})

    monkeypatch.setattr("sftdata.pipeline.audit", blocked)
    done = run("build", built.config, "--out", tmp_path / "o")
    assert done.code == 1
    assert "blocked: planted" in done.out


def test_a_folder_that_is_not_a_build_is_left_alone(
    run: Command, built: Project, tmp_path: Path
) -> None:
    (tmp_path / "thesis.txt").write_text("years of work", encoding="utf-8")
    done = run("build", built.config, "--out", tmp_path)
    assert done.code == 2
    assert "not a build" in done.err
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]


def test_the_build_can_be_audited_again(run: Command, built: Project) -> None:
    done = run("audit", built.out, "--json")
    again = AuditReport.from_json(done.out)
    first = AuditReport.from_json((built.out / "audit/report.json").read_bytes())
    assert again.digest == first.digest
    assert again.verdict == first.verdict
