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


EXAM = [
    {
        "question": "Which of the three vats at the tannery on the old canal was drained first after "
        "the spring flood of that year, and who signed the order for it?",
        "answer": "The northern vat; the foreman signed the order on the eve of the feast.",
    },
    {
        "question": "How many barges left the upper lock before the ice closed the river for good "
        "in the winter when the mill burned, according to the toll book?",
        "answer": "Forty-one barges, of which three turned back at the second bridge.",
    },
]


def contaminated(files: tuple[Path, Path], folder: Path) -> Path:
    """Write an exam, and its second question into train."""
    exam = write(folder / "exam.jsonl", EXAM)
    asked = EXAM[1]
    sample = {"prompt": asked["question"], "completion": asked["answer"], "company": "Alder"}
    write(files[0], [*rows(COMPANIES[:6]), sample])
    return exam


def test_an_evaluation_set_in_train_is_found_and_named(
    run: Command, files: tuple[Path, Path], tmp_path: Path
) -> None:
    exam = contaminated(files, tmp_path)
    other = write(tmp_path / "other.jsonl", EXAM[:1])
    args = ("audit", "--splits", named(files), "--group", "company")
    assert run(*args).code == 0
    done = run(*args, "--against", f"exam={exam}", "--against", f"other={other}", "--json")
    assert done.code == 1
    check = AuditReport.from_json(done.out).check("contamination")
    assert check.metrics["items_found"] == {"exam": 1, "other": 0}
    (finding,) = check.findings
    assert "exam:2" in finding.message
    assert finding.ids == ("train:49",)
    assert "exam:2" in run(*args, "--against", f"exam={exam}").out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--against", "exam.jsonl"), "name=file.jsonl"),
        (("--against", "exam="), "name=file.jsonl"),
        (("--against", "a=x.jsonl", "--against", "a=y.jsonl"), "--against a: named twice"),
        (("--against", "a=nowhere.jsonl"), "against.a: nowhere.jsonl does not exist"),
        (("--baseline", "nowhere.json"), "baseline: nowhere.json is not a file"),
        (("--fix", "purge"), "name its folder with --out"),
        (("--out", "fixed"), "add --fix purge, merge or drop"),
        (("--fix", "burn", "--out", "fixed"), "unknown 'burn'; there are purge, merge and drop"),
        (("--fix", "purge", "--out", "fixed", "--baseline", "x"), "does not take --baseline"),
    ],
)
def test_options_that_make_no_sense_are_one_line(
    run: Command,
    files: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, ...],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run("audit", "--splits", named(files), *options)
    assert done.code == 2
    assert said in done.err
    assert done.err.startswith("error: ")
    assert done.err.count("\n") == 1
    assert done.out == ""
    assert not (tmp_path / "fixed").exists()


def test_worse_than_the_baseline_is_exit_code_1(
    run: Command, files: tuple[Path, Path], tmp_path: Path
) -> None:
    args = ("audit", "--splits", named(files), "--group", "company")
    old = tmp_path / "old.json"
    old.write_text(run(*args, "--json").out, encoding="utf-8")
    same = run(*args, "--baseline", old, "--json")
    assert same.code == 0
    assert AuditReport.from_json(same.out).check("baseline").status == "passed"
    keyless = [
        {**row, "company": row["company"] if n else ""} for n, row in enumerate(rows(("Elm",)))
    ]
    write(files[0], [*rows(COMPANIES[:4]), *keyless])
    # One sample without a company only warns, but it is worse than what was signed.
    assert run(*args).code == 0
    worse = run(*args, "--baseline", old, "--json")
    assert worse.code == 1
    check = AuditReport.from_json(worse.out).check("baseline")
    assert any("missing_groups was passed and is warned" in f.message for f in check.findings)
    assert "regressed: missing_groups" in run(*args, "--baseline", old).out


def test_the_report_carries_what_fails(run: Command, files: tuple[Path, Path]) -> None:
    args = ("audit", "--splits", named(files), "--json")
    lax, strict = run(*args), run(*args, "--fail-on", "warning")
    for done, level in ((lax, "error"), (strict, "warning")):
        report = AuditReport.from_json(done.out)
        assert report.fail_on == level
        assert report.exit_code == done.code
        assert report.verdict == "warnings"
    assert (lax.code, strict.code) == (0, 1)


def test_purge_writes_a_dataset_that_is_not_blocked(
    run: Command, files: tuple[Path, Path], tmp_path: Path
) -> None:
    exam = contaminated(files, tmp_path)
    leak = rows(COMPANIES[6:7])[0]
    with files[0].open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(leak) + "\n")
    kept = [path.read_bytes() for path in files]
    out, page = tmp_path / "fixed", tmp_path / "page.html"
    rules = ("--group", "company", "--against", f"exam={exam}")
    assert run("audit", "--splits", named(files), *rules).code == 1
    done = run(
        "audit", "--splits", named(files), *rules, "--fix", "purge", "--out", out, "--html", page
    )
    assert done.code == 0, done
    assert "blocked before, " in done.out
    assert "1 of train removed (contamination)" in done.out
    assert f"repaired: {out}" in done.err
    assert "fixed" in page.read_text(encoding="utf-8")
    again = run("audit", out, *rules, "--json")
    report = AuditReport.from_json(again.out)
    assert again.code == 0
    assert report.verdict != "blocked"
    assert report.check("contamination").status == "passed"
    assert report.totals.by_split == {"train": 48, "test": 16}
    assert [path.read_bytes() for path in files] == kept
    taken = run("audit", "--splits", named(files), *rules, "--fix", "purge", "--out", out)
    assert taken.code == 2
    assert "exists already; give a new folder" in taken.err


def test_a_repair_exits_as_its_audit_does(
    run: Command, files: tuple[Path, Path], tmp_path: Path
) -> None:
    args = ("audit", "--splits", named(files), "--json", "--fix", "merge")
    calm = run(*args, "--out", tmp_path / "calm")
    assert calm.code == 0
    summary = json.loads(calm.out)
    assert (summary["how"], summary["verdict"]["after"]) == ("merge", "warnings")
    assert run(*args, "--out", tmp_path / "strict", "--fail-on", "warning").code == 1
    exam = contaminated(files, tmp_path)
    # Merging removes nothing, so that what is contaminated stays.
    left = run(*args, "--out", tmp_path / "left", "--against", f"exam={exam}")
    assert left.code == 1
    assert "Do not train" in left.err
    assert run("audit", "--fix", "purge", "--out", tmp_path / "none").code == 2
