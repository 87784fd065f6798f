"""`sftdata audit`: any dataset, found leaks named, exit codes that a pipeline can use."""

import json
from pathlib import Path

import pytest
from command import Command

from sftdata.report import AuditReport

COMPANIES = ("Alder", "Birch", "Cedar", "Doum", "Elm", "Fir", "Ginkgo", "Hazel")
SUBJECTS = (
    "freight",
    "leases",
    "pensions",
    "inventory",
    "tariffs",
    "cyber risk",
    "patents",
    "rent",
)


def rows(names: tuple[str, ...]) -> list[dict[str, str]]:
    return [
        {
            "prompt": f"What does the {name} report of {year} say about {subject} in {name}'s plants?",
            "completion": f"{name} spent {len(name) * n + year} on {subject} and {subject[::-1]}.",
            "company": name,
        }
        for name in names
        for n, (year, subject) in enumerate(zip(range(2001, 2009), SUBJECTS, strict=True))
    ]


def write(path: Path, data: list[dict[str, str]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in data), encoding="utf-8")
    return path


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(capsys)


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    train, test = rows(COMPANIES[:6]), rows(COMPANIES[6:])
    return write(tmp_path / "a.jsonl", train), write(tmp_path / "b.jsonl", test)


def named(files: tuple[Path, Path]) -> str:
    return f"train={files[0]},test={files[1]}"


def test_a_planted_leak_is_named_and_exit_code_1(run: Command, files: tuple[Path, Path]) -> None:
    leaked = rows(COMPANIES[6:]) + rows(COMPANIES[:1])[:1]
    write(files[1], leaked)
    done = run("audit", "--splits", named(files), "--group", "company")
    assert done.code == 1
    assert "blocked: Do not train" in done.out
    assert "Alder" in done.out
    assert done.err == ""


def test_without_a_leak_it_is_0(run: Command, files: tuple[Path, Path]) -> None:
    done = run("audit", "--splits", named(files), "--group", "company", "--json")
    report = AuditReport.from_json(done.out)
    assert done.code == 0, report
    assert report.check("group_overlap").status == "passed"


def test_what_cannot_be_checked_fails_only_when_asked(
    run: Command, files: tuple[Path, Path]
) -> None:
    args = ("audit", "--splits", named(files))
    assert run(*args).code == 0
    assert "not verified" in run(*args).out
    assert run(*args, "--fail-on", "warning").code == 1
    assert run(*args, "--fail-on", "notice").code == 2


def test_columns_of_any_name(run: Command, files: tuple[Path, Path]) -> None:
    for path in files:
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace('"prompt"', '"ask"').replace('"completion"', '"say"'))
    done = run("audit", "--splits", named(files), "--text", "ask,say", "--json")
    assert AuditReport.from_json(done.out).check("near_samples").status != "not_verified"
    wrong = run("audit", "--splits", named(files), "--text", "ask,sya")
    assert wrong.code == 2
    assert "sya" in wrong.err


def test_the_page_stands_alone_and_can_be_free_of_text(
    run: Command, files: tuple[Path, Path], tmp_path: Path
) -> None:
    write(files[1], rows(COMPANIES[:1]))
    args = ("audit", "--splits", named(files), "--group", "company", "--html")
    shown, bare = tmp_path / "shown.html", tmp_path / "deep" / "bare.html"
    assert run(*args, shown).code == 1
    done = run(*args, bare, "--no-excerpts")
    assert f"report: {bare}" in done.err
    assert "plants?" in shown.read_text(encoding="utf-8")
    assert "plants?" not in bare.read_text(encoding="utf-8")
