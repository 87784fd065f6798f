"""`sftdata predict`: what it prints, what it writes, and how it fails."""

import json

import pytest
from command import Command
from project import write_project
from tiny_model import write_tiny_model

from sftdata.pipeline import build
from sftdata.predictions import read_predictions

torch = pytest.importorskip("torch")
ONE = {"use": ["finance/cover_page"]}


@pytest.fixture
def run(capsys):
    return Command(capsys)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("cli")
    made = build(write_project(folder, families=ONE))
    texts = [m.content for s in made.samples() for m in (*s.prompt, *s.completion)]
    return made, write_tiny_model(folder / "tiny", texts)


def test_answers_are_written_and_summed_up(run, place, tmp_path):
    made, model = place
    out = tmp_path / "p.jsonl"
    args = ["predict", made.path, "--model", model, "--out", out, "--max-new-tokens", 4]
    done = run(*args, "--price", "1,2", "--json")
    assert done.code == 0, done.err
    summary = json.loads(done.out)
    rows = read_predictions(out)
    assert summary["samples"] == len(rows) == len(made.samples("test"))
    assert summary["completion_tokens"] == sum(r.completion_tokens for r in rows)
    cost = sum(r.prompt_tokens + 2 * r.completion_tokens for r in rows) / 1e6
    assert summary["cost"] == pytest.approx(cost, abs=1e-6)
    again = run(*args)
    assert again.code == 2
    assert "exists" in again.err
    assert run(*args, "--overwrite").code == 0


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        (["--price", "cheap"], "write it as 2.5,10"),
        (["--backend", "openai"], "base_url"),
        (["--split", "dev"], "has no split 'dev'"),
        (["--adapter", "nowhere"], "no adapter_config.json"),
    ],
)
def test_wrong_input_is_one_line_and_exit_code_2(run, place, tmp_path, more, problem):
    made, model = place
    out = tmp_path / "p.jsonl"
    args = ["predict", made.path, "--model", model, "--out", out, "--limit", 1, *more]
    done = run(*args)
    assert done.code == 2
    assert problem in done.err
    assert done.err.count("\n") == 1
    assert not out.exists()
