"""What `train` refuses before a weight is read: one clear line, exit code 2; `--force` is kept."""

import json
import shutil

import pytest
from command import Command
from tiny_model import write_tiny_model

from sftdata.judged import open_judged
from sftdata.training.prepare import new_manifest, prepare


@pytest.fixture
def copy(made, tmp_path):
    return shutil.copytree(made, tmp_path / "out")


@pytest.fixture
def ask(capsys, model):
    command = Command(capsys)

    def run(build, *more, base=model):
        return command("train", build, "--model", base, "--dry-run", *more)

    return run


def refused(told, *words):
    assert told.code == 2
    assert told.out == ""
    lines = [line for line in told.err.splitlines() if line.startswith("error:")]
    assert len(lines) == 1
    for word in words:
        assert word in lines[0]


def blocked(build):
    path = build / "audit" / "report.json"
    report = json.loads(path.read_text()) | {"verdict": "blocked", "meaning": "Groups leak."}
    path.write_text(json.dumps(report))


def test_a_stale_audit_is_refused(copy, ask):
    shutil.copy(
        copy / "data/test-00000-of-00001.parquet", copy / "data/train-00001-of-00001.parquet"
    )
    refused(ask(copy), "not those that its audit judged", "Build again")


def test_a_blocked_verdict_is_refused(copy, ask):
    blocked(copy)
    refused(ask(copy), "its audit blocks it: Groups leak.")


def test_what_was_forced_stands_in_the_manifest(copy, ask, settings):
    blocked(copy)
    assert ask(copy, "--force").code == 0
    made = prepare(copy, settings(), force=True, allow=False)
    manifest = new_manifest(made, settings())
    assert manifest.forced == ("its audit blocks it: Groups leak.",)
    assert manifest.dataset["verdict"] == "blocked"


def test_a_model_with_another_template_is_refused(made, ask, model, tmp_path, settings):
    other = shutil.copytree(model, tmp_path / "other")
    jinja = other / "chat_template.jinja"
    jinja.write_text(jinja.read_text().replace("<|im_start|>", "<|endoftext|>"))
    refused(ask(made, base=other), "does not see what was audited", "sample", "token")
    told = ask(made, "--allow-template-mismatch", base=other)
    assert told.code == 0
    config = settings().model_copy(update={"model": str(other)})
    forced = prepare(made, config, force=False, allow=True).forced
    assert len(forced) == 1
    assert "the lock differs in" in forced[0]


def test_a_model_with_another_tokenizer_is_refused(made, ask, tmp_path):
    other = write_tiny_model(tmp_path / "other", ["entirely other words"], vocabulary=300)
    refused(ask(made, base=other), "does not see what was audited", "tokenizer")


def test_what_is_no_model_and_no_build_is_said_in_one_line(made, ask, tmp_path):
    (tmp_path / "empty").mkdir()
    refused(ask(tmp_path / "empty"), "is not a finished build")
    refused(ask(made, base=tmp_path / "empty"), "cannot be read as a causal language model")
    refused(ask(made, "--set", "report_to=[wandb]"), "report_to: wandb is not installed")
    refused(ask(made, "--set", "lora.rnk=3"), "lora.rnk", "Did you mean 'rank'")


def test_a_foreign_folder_is_not_written_into(made, model, tmp_path, capsys):
    (tmp_path / "thesis.txt").write_text("years of work")
    told = Command(capsys)("train", made, "--model", model, "--out", tmp_path)
    refused(told, "not empty and not a run", "thesis.txt")
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_split_is_not_both_trained_and_validated_on(made, ask):
    refused(ask(made, "--set", "evaluation.split=train"), "evaluation.split")
    assert open_judged(made).splits == ("test", "train", "validation")
