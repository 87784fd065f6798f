"""Lint of chat templates as audit checks: each fault is planted, found, and named by its rows."""

import json
import shutil
from pathlib import Path

import pytest
from command import Command
from project import write_project

import sftdata
from sftdata.errors import ConfigError
from sftdata.pipeline import build
from sftdata.registry import BUILTIN

NAMES = [n for n in BUILTIN["check"] if n.startswith("template_")]
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def row(answer="12亿元", *, system="Extract.", turns=(), ask="净利润？"):
    head = [] if system is None else [{"role": "system", "content": system}]
    earlier = [
        {"role": role, "content": text}
        for user, said in turns
        for role, text in (("user", user), ("assistant", said))
    ]
    prompt = [*head, *earlier, {"role": "user", "content": ask}]
    return {"prompt": prompt, "completion": [{"role": "assistant", "content": answer}]}


@pytest.fixture
def look(tmp_path):
    """Audit rows with a template's text; return the results by the end of the check's name."""

    def audit(source, *rows, **options):
        path = tmp_path / "chat.jinja"
        path.write_text(source, encoding="utf-8")
        report = sftdata.audit(
            [{"id": f"r{i}", **r} for i, r in enumerate(rows)],
            checks=NAMES,
            template=str(path),
            **options,
        )
        return {c.name.removeprefix("template_"): c for c in report.checks}

    return audit


def only(results, name, status):
    """Return the findings of the one check that is not passed."""
    loud = {n: c.status for n, c in results.items() if c.status != "passed"}
    assert loud == ({name: status} if status != "passed" else {})
    return results[name].findings


def test_a_good_template_passes_all(look):
    rows = [row(), row(system=""), row(turns=[("一？", "1")], answer=" blanks ")]
    results = look(CHATML, *rows)
    assert len(results) == len(NAMES) == 10
    assert {c.status for c in results.values()} == {"passed"}
    assert not any(c.findings for c in results.values())


def test_without_a_template_nothing_is_verified():
    report = sftdata.audit([row(), row("7")], checks=NAMES)
    assert {c.status for c in report.checks} == {"not_verified"}
    assert {c.why for c in report.checks} == {
        "no chat template is known; name one (--template, --tokenizer)"
    }


@pytest.mark.parametrize(
    "clock", ["%d %b %Y", "%H:%M", "%A", "%y", "%S"], ids=["date", "time", "day", "year", "second"]
)
def test_the_clock_is_found_by_rendering(look, clock):
    source = "<s>{{ strftime_now('" + clock + "') }}</s>\n" + CHATML
    (finding,) = only(look(source, row(), row()), "time", "failed")
    assert finding.severity == "error"
    assert finding.ids == ("r0", "r1")


def test_a_clock_that_is_never_asked_is_no_fault(look):
    source = "{% if tools %}{{ strftime_now('%Y') }}{% endif %}" + CHATML
    assert only(look(source, row()), "time", "passed") == ()


def test_a_clock_that_only_some_conversations_ask_is_found(look):
    source = "{% if messages[0].role != 'system' %}{{ strftime_now('%Y') }}\n{% endif %}" + CHATML
    results = look(source, row())
    assert results["time"].findings[0].message.startswith("the template writes '2024' once")


def test_a_default_system_text_names_the_rows_that_get_it(look):
    source = (
        "{% if messages[0].role != 'system' %}<|im_start|>system\nYou are Q.<|im_end|>\n"
        "{% endif %}" + CHATML
    )
    (finding,) = only(look(source, row(), row(system=None)), "default", "warned")
    assert finding.ids == ("r1",)
    assert "'You are Q.'" in finding.message
    only(look(source, row()), "default", "passed")


@pytest.mark.parametrize(
    ("head", "words"),
    [
        ("{{ raise_exception('System role not supported') }}", "refuses"),
        ("", "drops or rewrites"),
    ],
)
def test_a_lost_system_message_names_its_rows(look, head, words):
    source = "{% for m in messages %}{% if m.role == 'system' %}" + head + "{% else %}"
    source += "<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endif %}{% endfor %}"
    source += "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    (finding,) = only(look(source, row(), row(system=None)), "system_role", "failed")
    assert finding.ids == ("r0",)
    assert finding.message.endswith(words)


def test_a_merged_system_message_is_told(look):
    results = look((folder() / "gemma.jinja").read_text(encoding="utf-8"), row())
    (finding,) = results["system_role"].findings
    assert (finding.severity, finding.count) == ("info", 1)


def folder():
    return Path(sftdata.__file__).parent / "chat" / "templates"


def test_two_bos_tokens_are_found_and_one_that_a_tokenizer_would_add_is_told(tiny_folder, look):
    once, twice = "{{ bos_token }}" + CHATML, "{{ bos_token }}{{ bos_token }}" + CHATML
    (finding,) = only(look(twice, row(), tokenizer=tiny_folder), "bos", "failed")
    assert finding.ids == ("r0",)
    found = look(once, row(), tokenizer=tiny_folder)["bos"]
    assert [(f.severity, f.message[:31]) for f in found.findings] == [
        ("info", "the template begins with BOS, a")
    ]
    assert look(CHATML, row(), tokenizer=tiny_folder)["bos"].findings == ()


@pytest.fixture(scope="module")
def tiny_folder(tmp_path_factory):
    """A tokenizer that puts BOS in front of a text where special tokens are asked for."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
    from tokenizers.trainers import BpeTrainer
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    special = ["<s>", "</s>", "<|im_start|>", "<|im_end|>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = BpeTrainer(special_tokens=special, initial_alphabet=alphabet, show_progress=False)
    backend.train_from_iterator(["net sales 净利润"], trainer)
    backend.post_processor = processors.TemplateProcessing("<s> $A", special_tokens=[("<s>", 0)])
    folder = tmp_path_factory.mktemp("with_bos")
    PreTrainedTokenizerFast(
        tokenizer_object=backend, bos_token="<s>", eos_token="</s>"
    ).save_pretrained(folder)
    return str(folder)


def test_a_stop_token_outside_the_loss_is_found(look):
    source = CHATML.replace("<|im_end|>", "")
    (finding,) = only(look(source, row(), row()), "stop", "failed")
    assert finding.ids == ("r0", "r1")


def test_a_stop_token_that_the_tokenizer_cuts_is_found(tiny_folder, look):
    found = look(CHATML.replace("im_end", "eot_id"), row(), tokenizer=tiny_folder)["stop"]
    assert found.status == "failed"
    assert "cuts the stop token '<|eot_id|>' into" in found.findings[0].message


def test_another_end_of_turn_than_eos_is_told(tiny_folder, look):
    (finding,) = look(CHATML, row(), tokenizer=tiny_folder)["stop"].findings
    assert (finding.severity, "'<|im_end|>'" in finding.message) == ("info", True)


THINKS = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n"
    "{% set said = m.content %}"
    "{% if m.role == 'assistant' and '</think>' in said and not loop.last %}"
    "{% set said = said.split('</think>')[-1] %}{% endif %}"
    "{% if m.role == 'assistant' and loop.last and '</think>' not in said %}"
    "<think>\n\n</think>\n\n{% endif %}{{ said }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def test_inserted_stripped_and_trained_thinking_are_told_apart(look):
    thought = "<think>\nhm\n</think>\n\n4"
    results = look(
        THINKS, row(), row(thought), row(turns=[("一？", "<think>so</think>3")], answer=thought)
    )
    findings = only(results, "thinking", "warned")
    assert [(f.severity, f.ids) for f in findings] == [
        ("warning", ("r0",)),
        ("warning", ("r2",)),
        ("info", ("r1", "r2")),
    ]


def test_control_tokens_in_documents_are_errors_and_the_text_is_not_shown(look):
    rows = [row(), row(ask="Pay now<|im_end|>"), row(answer="a<|im_start|>b")]
    results = look(CHATML, *rows)
    found = results["special_text"]
    assert (found.status, found.findings[0].ids) == ("failed", ("r1", "r2"))
    assert "Pay" not in found.findings[0].message


def test_thinking_tags_of_an_answer_are_no_injection(look):
    assert look(THINKS, row("<think>x</think>4"))["special_text"].status == "passed"
    assert look(THINKS, row(ask="<think>x</think>"))["special_text"].status == "failed"


def test_a_prompt_that_is_no_prefix_is_an_error(look):
    results = look("{{ messages | length }} turns\n" + CHATML, row())
    assert only(results, "prefix", "failed")[0].ids == ("r0",)


def test_a_template_that_trims_names_the_answers_it_changes(look):
    source = CHATML.replace("{{ m.content }}", "{{ m.content | trim }}")
    (finding,) = only(look(source, row(), row(" x\n")), "whitespace", "warned")
    assert finding.ids == ("r1",)


def test_refused_conversations_are_named_with_the_words_of_the_template(look):
    source = "{% if messages | length > 3 %}{{ raise_exception('one turn') }}{% endif %}" + CHATML
    (finding,) = only(look(source, row(), row(turns=[("一？", "1")])), "turns", "failed")
    assert finding.ids == ("r1",)
    assert finding.message.endswith("one turn")


@pytest.mark.parametrize(
    "rows",
    [
        [{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": " a "}]}],
        [
            {
                "messages": json.dumps(
                    [{"from": "human", "value": "q"}, {"from": "gpt", "value": " a "}]
                )
            }
        ],
        [{"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": " a "}]}],
        [{"instruction": "q", "input": "", "output": " a "}],
        [{"prompt": "q", "completion": " a "}],
        [{"question": "q", "answer": " a "}],
    ],
)
def test_every_shape_of_dataset_is_rendered(look, rows):
    source = CHATML.replace("{{ m.content }}", "{{ m.content | trim }}")
    results = look(source, *[{**r} for r in rows])
    assert only(results, "whitespace", "warned")[0].ids == ("r0",)


def test_plain_text_has_no_conversations():
    report = sftdata.audit([{"text": "a"}, {"text": "b"}], checks=NAMES, template="chatml")
    assert {c.why for c in report.checks} == {"the rows are plain text, not conversations"}


def test_a_template_that_does_not_exist_is_one_line():
    with pytest.raises(ConfigError, match="none of chatml"):
        sftdata.audit([row()], checks=NAMES, template="no-such.jinja")


def test_the_command_line_takes_template_and_tokenizer(tmp_path, capsys, tiny_folder):
    data = tmp_path / "data.jsonl"
    lines = [json.dumps({"id": f"r{i}", **row(system=None)}) for i in range(2)]
    data.write_text("\n".join(lines), encoding="utf-8")
    run = Command(capsys)
    done = run("audit", data, "--template", "qwen", "--tokenizer", tiny_folder, "--json")
    report = json.loads(done.out)
    found = {c["name"]: c for c in report["checks"] if c["name"] in NAMES}
    assert found["template_default"]["findings"][0]["ids"] == ["r0", "r1"]
    assert found["template_stop"]["status"] == "passed"
    assert report["settings"]["template"] == "qwen"
    assert report["settings"]["tokenizer"] == tiny_folder
    done = run("audit", data, "--fix", "purge", "--out", tmp_path / "o", "--template", "qwen")
    assert (done.code, "--fix does not take --template" in done.err) == (2, True)


def test_a_build_whose_tokenizer_is_not_here_is_audited_all_the_same(tmp_path, tiny_folder):
    home = shutil.copytree(tiny_folder, tmp_path / "home")
    template = {"template": "chatml", "tokenizer": str(home)}
    families = {"use": ["finance/cover_page"]}
    out = build(write_project(tmp_path, families=families, template=template)).path
    assert sftdata.audit(out, checks=NAMES).metrics["not_verified"] == 0
    shutil.rmtree(home)
    report = sftdata.audit(out, checks=["unique_ids", *NAMES])
    assert report.check("unique_ids").status == "passed"
    assert report.metrics["not_verified"] == len(NAMES)
    assert "is not here" in report.check("template_bos").why
    named = sftdata.audit(out, checks=NAMES, template="chatml")
    assert named.metrics["not_verified"] == 0


def test_a_build_is_judged_with_its_own_template(tmp_path):
    families = {"use": ["finance/cover_page"]}
    out = build(write_project(tmp_path, families=families)).path
    report = sftdata.audit(out, checks=NAMES)
    assert {c.status for c in report.checks} == {"passed"}
    made = json.loads((out / "audit" / "report.json").read_text(encoding="utf-8"))
    then = {c["name"]: c for c in made["checks"] if c["name"] in NAMES}
    assert then == {c.name: json.loads(c.model_dump_json()) for c in report.checks}
