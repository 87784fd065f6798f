"""Runs side by side: list, show, compare, roll back; manifests written by hand."""

import json
from pathlib import Path

import pytest
from command import Command

from sftdata.errors import ConfigError
from sftdata.training.folder import TrainManifest
from sftdata.training.runs import list_runs, rollback


def manifest(name: str, *, day: int, status: str = "finished", rate: float = 1e-4, **data: str):
    return TrainManifest(
        name=name,
        status=status,
        fingerprint={"data": "d"},
        dataset={"path": f"/data/{name}", "name": "filings", "digest": "a" * 64, "verdict": "clean"} | data,
        template_lock="f" * 64,
        template="the same",
        model={"name": "base", "path": "/models/base", "digest": "sha256:1", "parameters": 10},
        config={"method": "lora", "optimiser": {"learning_rate": rate}},
        plan={"method": "lora"},
        results={"steps": 10, "base_validation_loss": 2.0, "best_validation_loss": 1.0 + rate},
        measured={"started": f"2026-01-{day:02d}T00:00:00Z"},
    )  # fmt: skip


@pytest.fixture
def runs(tmp_path):
    made = (
        manifest("zebra", day=1),
        manifest("apple", day=2, rate=2e-4, digest="b" * 64),
        manifest("mango", day=3, status="interrupted"),
    )
    for one in made:
        (tmp_path / one.name).mkdir()
        (tmp_path / one.name / "manifest.json").write_text(one.to_json())
    (tmp_path / "notes").mkdir()
    return tmp_path


def test_runs_are_listed_by_age_and_the_newest_finished_one_is_in_use(runs):
    found = list_runs(runs)
    assert [(r.name, r.current) for r in found] == [
        ("zebra", False),
        ("apple", True),
        ("mango", False),
    ]


def test_the_list_says_which_model_came_from_which_data(runs, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    told = Command(capsys)("runs", "list", runs)
    assert told.code == 0
    line = next(line for line in told.out.splitlines() if "apple" in line)
    for word in (
        "*",
        "finished",
        "lora",
        "base",
        "filings bbbbbbbbbbbb",
        "clean",
        "2.0000",
        "1.0002",
    ):
        assert word in line
    data = json.loads(Command(capsys)("runs", "list", runs, "--json").out)
    assert [row["digest"][0] for row in data] == ["a", "b", "a"]


def test_comparing_shows_what_differs_and_nothing_else(runs, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    told = Command(capsys)("runs", "compare", "zebra", "apple", "--in", runs, "--json")
    found = {(d["area"], d["key"]): (d["left"], d["right"]) for d in json.loads(told.out)}
    assert found == {
        ("data", "digest"): ("a" * 64, "b" * 64),
        ("config", "optimiser.learning_rate"): (1e-4, 2e-4),
        ("result", "best_validation_loss"): (1.0001, 1.0002),
        ("result", "started"): ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"),
    }
    assert (
        "optimiser.learning_rate"
        in Command(capsys)("runs", "compare", "zebra", "apple", "--in", runs).out
    )


def test_rolling_back_points_at_the_run_before_and_says_the_way_back(runs, capsys):
    told = Command(capsys)("runs", "rollback", runs)
    assert told.code == 0
    assert (runs / "current").readlink() == Path("zebra")
    assert f"sftdata runs rollback {runs} --to apple" in told.err
    assert [r.name for r in list_runs(runs) if r.current] == ["zebra"]
    rollback(runs, "apple")
    assert (runs / "current").resolve() == (runs / "apple").resolve()
    assert json.loads(Command(capsys)("runs", "show", runs / "current").out)["name"] == "apple"


@pytest.mark.parametrize(
    ("to", "said"),
    [("mango", "is interrupted, not finished"), ("pear", "no run 'pear' .* zebra, apple, mango")],
)
def test_what_cannot_be_served_is_not_pointed_at(runs, to, said):
    with pytest.raises(ConfigError, match=said):
        rollback(runs, to)
    assert not (runs / "current").exists()


def test_there_is_a_first_run(runs):
    rollback(runs)
    with pytest.raises(ConfigError, match="no finished run before"):
        rollback(runs)


def test_a_folder_named_current_is_left_alone(runs):
    (runs / "current").mkdir()
    with pytest.raises(ConfigError, match="is not a link that sftdata made"):
        rollback(runs)
