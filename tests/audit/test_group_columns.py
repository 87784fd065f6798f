"""Several keys in one audit, their aliases, and a report that is held to its bytes."""

import json

import pytest

from sftdata.audit import audit
from sftdata.audit_bytes import verify_report
from sftdata.audit_fix import repair
from sftdata.cli import main
from sftdata.errors import ConfigError

SPEECH = ["fever", "cough", "asthma", "fracture", "anaemia", "migraine", "gout", "hernia"]


def visit(number, patient, site, split):
    words = " ".join(f"{SPEECH[number % 8]}{number}{c}" for c in "abcdefgh")
    return {"id": f"v{number}", "prompt": f"Visit: {words}", "completion": words[::-1],
            "patient": patient, "site": site, "split": split}  # fmt: skip


# p1 at A and B, p2 at B, p3 at B and C: one chain of ties from A to C.
CHAIN = [
    visit(0, "p1", "A", "train"),
    visit(1, "p1", "B", "train"),
    visit(2, "p2", "B", "train"),
    visit(3, "p3", "B", "test"),
    visit(4, "p3", "C", "test"),
    visit(5, "p4", "D", "train"),
    visit(6, "p5", "E", "test"),
]


def named(report, check, severity="error"):
    found = [f for f in report.check(check).findings if f.severity == severity]
    return {i for f in found for i in f.ids}


def test_each_key_is_checked_and_what_they_tie_together():
    assert audit(CHAIN, group="patient").check("group_overlap").status == "passed"
    report = audit(CHAIN, group=["patient", "site"])
    assert named(report, "group_overlap") == {"v1", "v2", "v3"}
    messages = [f.message for f in report.check("group_overlap").findings]
    assert messages[0].startswith("Group site=B stands in 2 splits: 2 in train, 1 in test")
    assert "the largest holds 5 of 7 samples" in messages[1]
    assert report.check("group_overlap").metrics["components_in_two_splits"] == 1
    assert report.totals.groups == 3
    assert report.settings["group"] == ["patient", "site"]


def test_a_row_that_lacks_one_of_the_keys_is_told_with_its_column():
    rows = [*CHAIN, visit(7, "", "F", "train"), visit(8, "p8", None, "test")]
    found = audit(rows, group=["patient", "site"]).check("missing_groups")
    assert [(f.message, f.ids) for f in found.findings] == [
        ("1 samples of train have no value of patient", ("v7",)),
        ("1 samples of test have no value of site", ("v8",)),
    ]


def test_names_are_compared_inside_their_own_column():
    rows = [
        visit(0, "Alder Clinic", "North", "train"),
        visit(1, "Birch", "ALDER CLINIC", "test"),
        visit(2, "Cedar", "north", "test"),
    ]
    found = audit(rows, group=["patient", "site"]).check("group_names").findings
    assert [f.message for f in found] == ["site: North (train) and north (test) are the same name"]


@pytest.mark.parametrize("how", ["purge", "merge"])
def test_repair_takes_every_key_and_what_hangs_on_it(tmp_path, how):
    done = repair(CHAIN, tmp_path / how, how, group=["patient", "site"])
    changed = {r["id"]: r["action"] for r in done.changes.to_pylist()}
    if how == "purge":
        assert changed == {"v1": "removed", "v2": "removed"}
    else:
        assert changed == {"v3": "moved to train", "v4": "moved to train"}
    assert done.after.check("group_overlap").status == "passed"


def test_aliases_make_two_names_one_company(tmp_path):
    rows = [
        {**visit(0, "Google Inc", "", "train")},
        {**visit(1, "ＡＬＰＨＡＢＥＴ", "", "test")},
        {**visit(2, "贵州茅台", "", "train")},
        {**visit(3, "茅台集团", "", "test")},
        {**visit(4, "Other", "", "test")},
    ]
    assert not named(audit(rows, group="patient"), "group_overlap")
    given = {"Alphabet": ["google inc", "Alphabet"], "茅台": ["贵州茅台", "茅台集团"]}
    report = audit(rows, group="patient", aliases=given)
    assert named(report, "group_overlap") == {"v0", "v1", "v2", "v3"}
    file = tmp_path / "aliases.yaml"
    file.write_text("Alphabet: [google inc, Alphabet]\n茅台:\n- 贵州茅台\n- 茅台集团\n", "utf-8")
    assert audit(rows, group="patient", aliases=file).to_json() == report.to_json()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"A": ["nobody"]}, "none of their names is a value of patient"),
        ({"A": "p1"}, r"aliases\.A: give a list"),
        ({"A": ["p1"], "B": ["P1"]}, "one name stands under 'A' and 'B'"),
        ("missing.yaml", "cannot be read"),
        (["p1"], "write `name:"),
    ],
)
def test_aliases_that_cannot_be_meant_are_refused(given, words):
    with pytest.raises(ConfigError, match=words):
        audit(CHAIN, group="patient", aliases=given)


def test_a_column_that_is_not_there_is_named():
    with pytest.raises(ConfigError, match="group: there is no column 'hospital'"):
        audit(CHAIN, group=["patient", "hospital"])


@pytest.fixture
def folder(tmp_path):
    out = tmp_path / "set"
    out.mkdir()
    for split in ("train", "test"):
        lines = [json.dumps(r) for r in CHAIN if r["split"] == split]
        (out / f"{split}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return out


def run(*args):
    with pytest.raises(SystemExit) as leaving:
        main([str(a) for a in args])
    return leaving.value.code or 0


def test_the_command_line_takes_several_keys_and_an_alias_file(folder, tmp_path, capsys):
    assert run("audit", folder, "--group", "patient", "--group", "site", "--json") == 1
    assert json.loads(capsys.readouterr().out)["settings"]["group"] == ["patient", "site"]
    assert run("audit", folder, "--group", "patient") == 0
    aliases = tmp_path / "a.json"
    aliases.write_text(json.dumps({"one": ["p2", "p3"]}), encoding="utf-8")
    assert run("audit", folder, "--group", "patient", "--aliases", aliases) == 1
    out = tmp_path / "cured"
    args = ("--fix", "purge", "--out", out, "--aliases", aliases, "--no-excerpts")
    assert run("audit", folder, "--group", "patient", *args) == 0


def test_a_report_is_held_to_the_bytes_that_it_judged(folder, tmp_path, capsys):
    report = tmp_path / "report.json"
    run("audit", folder, "--group", "patient", "--json")
    report.write_text(capsys.readouterr().out, encoding="utf-8")
    assert run("audit", "--verify", report, folder) == 0
    assert "same bytes: the report is about 2 files" in capsys.readouterr().out
    with (folder / "train.jsonl").open("ab") as handle:
        handle.write(b"\n")
    (folder / "test.jsonl").rename(folder / "validation.jsonl")
    assert run("audit", "--verify", report, folder) == 1
    assert "changed: train.jsonl; missing: test.jsonl; added: validation.jsonl" in (
        " ".join(capsys.readouterr().err.split())
    )
    assert run("audit", "--verify", report, folder, "--json") == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["same"], told["changed"]) == (False, ["train.jsonl"])
    report.write_text("{}", encoding="utf-8")
    assert run("audit", "--verify", report, folder) == 2


def test_a_report_that_is_written_beside_the_data_is_no_part_of_it(folder, capsys):
    report = folder / "report.json"
    report.touch()
    assert run("audit", folder, "--json") == 0
    report.write_text(capsys.readouterr().out, encoding="utf-8")
    assert [f["path"] for f in json.loads(report.read_bytes())["files"]] == [
        "test.jsonl",
        "train.jsonl",
    ]
    assert run("audit", "--verify", report, folder) == 0


def test_files_of_one_name_in_two_folders_are_told_apart(folder, tmp_path):
    for split in ("train", "test"):
        (tmp_path / split).mkdir()
        (tmp_path / split / "part.jsonl").write_bytes((folder / f"{split}.jsonl").read_bytes())
    splits = {s: tmp_path / s / "part.jsonl" for s in ("train", "test")}
    report = audit(splits=splits)
    assert {f.path for f in report.files} == {"train/part.jsonl", "test/part.jsonl"}
    assert verify_report(report, splits=splits).same
    splits["test"].unlink()
    assert verify_report(report, splits=splits).missing == ("test/part.jsonl",) or (
        verify_report(report, splits=splits).exit_code == 1
    )
