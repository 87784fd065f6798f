"""`sftdata template`: check, show, lint and lock, each with its exit code and its JSON."""

import json
import sys
from pathlib import Path

import pytest
from command import Command
from project import write_project

from sftdata.pipeline import build

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(capsys)


@pytest.fixture
def jinja(tmp_path: Path) -> Path:
    path = tmp_path / "chat.jinja"
    path.write_text(CHATML, encoding="utf-8")
    return path


def test_show(run: Command, jinja: Path) -> None:
    lines = run("template", "show", "qwen").out.splitlines()
    assert lines[1].split() == ["stop", "<|im_end|>"]
    assert "You are Qwen" in lines[2]
    told = json.loads(run("template", "show", jinja, "--json").out)
    assert (told["stop"], told["after_answer"]) == ("<|im_end|>", "<|im_end|>\n")
    assert told["example"].endswith("<|im_start|>assistant\n第二。<|im_end|>\n")


def test_lint_passes_and_fails(run: Command, jinja: Path) -> None:
    good = run("template", "lint", jinja)
    assert good.code == 0
    assert [line.split()[0] for line in good.out.splitlines()[:5]] == ["passed"] * 5
    jinja.write_text("<s>{{ strftime_now('%d %b %Y') }}</s>" + CHATML, encoding="utf-8")
    bad = run("template", "lint", jinja)
    assert bad.code == 1
    assert "error: the template writes '26 Jul 2024'" in bad.out
    found = json.loads(run("template", "lint", jinja, "--json").out)
    assert {r["name"] for r in found if r["status"] == "failed"} == {"template_time"}


def test_lint_takes_variables(run: Command, jinja: Path) -> None:
    jinja.write_text("{% if quiet is false %}LOUD\n{% endif %}" + CHATML, encoding="utf-8")
    assert "'LOUD'" not in run("template", "lint", jinja).out
    assert "'LOUD'" in run("template", "lint", jinja, "--var", "quiet=false").out
    assert "write it as key=value" in run("template", "lint", jinja, "--var", "quiet").err


def test_lock_names_its_parts(run: Command, jinja: Path) -> None:
    told = json.loads(run("template", "lock", jinja, "--json").out)
    assert set(told["parts"]) == {
        *("template", "special_tokens", "variables", "today", "system_prompt", "tokenizer"),
    }
    assert run("template", "lock", jinja).out.splitlines()[0].split() == ["lock", told["lock"]]
    jinja.write_text(CHATML + " ", encoding="utf-8")
    assert json.loads(run("template", "lock", jinja, "--json").out)["lock"] != told["lock"]


def test_check_without_a_tokenizer_compares_characters(run: Command, jinja: Path) -> None:
    done = run("template", "check", jinja)
    assert done.code == 0
    assert "compared by characters" in done.err
    told = json.loads(run("template", "check", jinja, "--json").out)
    assert told["equal"]
    assert {cells["transformers"]["status"] for cells in told["probes"].values()} == {"equal"}


def test_check_says_what_is_missing(run: Command, jinja: Path) -> None:
    done = run("template", "check", jinja, "--against", "llamafactory:qwen")
    assert done.code == 2
    assert "needs the folder of a tokenizer" in done.err
    done = run("template", "check", jinja, "--against", "vllm")
    assert "write it as llamafactory:NAME" in done.err


def test_no_such_template_is_one_line(run: Command) -> None:
    done = run("template", "show", "no-such.jinja")
    assert (done.code, done.err.count("\n")) == (2, 1)


@pytest.mark.slow
def test_a_model_is_held_to_a_build(run: Command, tmp_path: Path) -> None:
    """The folder of a tokenizer with ChatML of its own, and with another one."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from tokenizers.trainers import BpeTrainer
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    special = ["<|im_start|>", "<|im_end|>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = BpeTrainer(special_tokens=special, initial_alphabet=alphabet, show_progress=False)
    backend.train_from_iterator(["net sales 净利润"], trainer)
    for name, source in (("same", CHATML), ("other", CHATML.replace("m.role", "m.role | upper"))):
        tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<|im_end|>")
        tokenizer.chat_template = source
        tokenizer.save_pretrained(tmp_path / name)
    out = build(write_project(tmp_path, families={"use": ["finance/cover_page"]})).path
    done = run("template", "lock", tmp_path / "same", "--build", out)
    assert done.code == 0
    assert "gives the build's tokens for all" in done.out
    done = run("template", "lock", tmp_path / "other", "--build", out)
    assert done.code == 2
    assert "▸" in done.err
    # The matrix with a tokenizer: the server's prompt is the beginning of the trained row.
    told = json.loads(run("template", "check", tmp_path / "same", "--json").out)
    assert told["equal"]
    assert told["compared"] == "tokens"
    assert {len(cells) for cells in told["probes"].values()} == {3}
    # An interpreter without LLaMA-Factory is a message, not a traceback.
    done = run(
        *("template", "check", tmp_path / "same", "--against", "llamafactory:qwen"),
        *("--llamafactory-python", sys.executable),
    )
    assert done.code == 2
    assert "No module named 'llamafactory'" in done.err
