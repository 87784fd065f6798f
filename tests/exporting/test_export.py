"""What an export promises: judged data only, the target's rules, an account, the same bytes."""

import ast
import hashlib
import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml
from command import Command
from conftest import (
    CHATML,
    conversation,
    plain_samples,
    read_jsonl,
    sample,
    save_model,
    save_tokenizer,
    write_build,
)

from sftdata import registry
from sftdata.chat.template import BUNDLED, load_template
from sftdata.errors import ConfigError
from sftdata.exporting.llamafactory_templates import match_template, slot_templates
from sftdata.exporting.model import TargetModel
from sftdata.exporting.record import ExportRecord
from sftdata.exporting.run import export, make_exporter
from sftdata.exporting.unsloth import response_parts

ALL = registry.exporters.names()


@pytest.fixture
def command(capsys):
    return Command(capsys)


def files(folder):
    return {
        p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


@pytest.mark.parametrize("name", ALL)
def test_the_record_names_every_file_and_the_bytes_are_the_same_again(counted, tmp_path, name):
    record = export(counted, name, tmp_path / "a")
    export(counted, name, tmp_path / "b")
    found = files(tmp_path / "a")
    assert found == files(tmp_path / "b")
    assert found.pop("export.json")
    assert {f.path: f.sha256 for f in record.files} == found
    assert ExportRecord.from_json((tmp_path / "a/export.json").read_bytes()) == record
    assert (
        record.dataset_digest == json.loads((counted / "audit/report.json").read_text())["digest"]
    )
    assert record.forced == ()
    assert record.excluded == {}
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("name", ["trl", "llamafactory", "axolotl", "unsloth", "openai"])
def test_held_out_rows_never_stand_in_what_is_trained(counted, tmp_path, name):
    export(counted, name, tmp_path / "x")
    for path in (tmp_path / "x").rglob("*"):
        if path.is_file() and "train" in path.name:
            assert b"test-0000" not in path.read_bytes(), path
            assert b"validation-0000" not in path.read_bytes(), path


def test_only_judged_bytes_are_exported(tmp_path):
    build = write_build(tmp_path / "out", plain_samples(), verdict="blocked")
    with pytest.raises(ConfigError, match="its audit blocks it"):
        export(build, "sharegpt", tmp_path / "x")
    assert not (tmp_path / "x").exists()
    record = export(build, "sharegpt", tmp_path / "x", force=True)
    assert record.forced == ("its audit blocks it: Nothing was checked.",)
    assert record.verdict == "blocked"


def test_a_foreign_folder_is_left_alone_and_a_trained_adapter_stays(plain, tmp_path):
    out = tmp_path / "x"
    out.mkdir()
    (out / "mine.txt").write_text("mine")
    with pytest.raises(ConfigError, match=r"not empty and no export \('mine.txt' is in it\)"):
        export(plain, "sharegpt", out)
    (out / "export.json").write_text('{"format": "sftdata.export/1", "files": [{"path": "../up"}]}')
    (tmp_path / "up").write_text("not of the export")
    export(plain, "sharegpt", out)
    assert (tmp_path / "up").read_text() == "not of the export"
    export(plain, "alpaca", out)
    assert set(files(out)) == {
        "export.json",
        "mine.txt",
        "test.json",
        "train.json",
        "validation.json",
    }
    (out / "train.jsonl").write_text("mine too")
    with pytest.raises(ConfigError, match=r"train.jsonl is there and no export has made it"):
        export(plain, "sharegpt", out)
    assert (out / "train.jsonl").read_text() == "mine too"
    assert (out / "train.json").is_file()


def test_a_failure_leaves_the_earlier_export_whole(plain, tmp_path):
    export(plain, "sharegpt", tmp_path / "x")
    before = files(tmp_path / "x")
    with pytest.raises(ConfigError, match="name it with --model"):
        export(plain, "axolotl", tmp_path / "x")
    assert files(tmp_path / "x") == before
    assert not list(tmp_path.glob(".*"))


def test_names_and_settings_that_do_not_exist(plain, tmp_path):
    with pytest.raises(ConfigError, match="Did you mean 'llamafactory'"):
        export(plain, "llama-factory", tmp_path / "x")
    with pytest.raises(ConfigError, match=r"no such setting\. Known: data, tokens"):
        export(plain, "trl", tmp_path / "x", settings={"dta": "parquet"})
    with pytest.raises(ConfigError, match="--set rank: Input should be greater"):
        make_exporter("axolotl", {"rank": 0})
    with pytest.raises(ConfigError, match=r"--split dev: .* has test, train, validation"):
        export(plain, "trl", tmp_path / "x", splits=["dev"])
    with pytest.raises(ConfigError, match="writes every split"):
        export(plain, "hf", tmp_path / "x", splits=["train"])


def test_another_tokenizer_than_the_build_s_is_refused(counted, tmp_path):
    other = save_tokenizer(tmp_path / "other", CHATML.replace("assistant", "assistant:"))
    with pytest.raises(ConfigError, match="has another tokenizer or template than the build"):
        export(counted, "trl", tmp_path / "x", model=str(other))
    record = export(counted, "trl", tmp_path / "x", model=str(other), force=True)
    assert len(record.forced) == 1
    assert record.template_lock != record.build_template_lock


def test_a_build_without_a_tokenizer_is_measured_with_the_model_s(
    plain, tokenizer_folder, tmp_path
):
    record = export(plain, "trl", tmp_path / "x", model=str(tokenizer_folder))
    assert record.lengths == "counted"
    rows = pq.read_table(tmp_path / "x/tokens/train.parquet").to_pylist()
    longest = max(len(r["input_ids"]) for r in rows)
    kept = pq.read_table(tmp_path / "x/tokens/validation.parquet").to_pylist()
    assert record.longest == max(longest, *(len(r["input_ids"]) for r in kept))
    without = export(plain, "trl", tmp_path / "y")
    assert not (tmp_path / "y/tokens").exists()
    assert any("no pre-tokenised rows" in w for w in without.warnings)
    with pytest.raises(ConfigError, match="pre-tokenised rows need a tokenizer"):
        export(plain, "trl", tmp_path / "z", settings={"tokens": True})


def test_messages_are_exported_though_the_tokenizer_is_gone(tmp_path):
    model = save_tokenizer(tmp_path / "model")
    own = {"tokenizer": str(model), "template": "tokenizer"}
    build = write_build(tmp_path / "out", plain_samples(), **own)
    model.rename(tmp_path / "moved")
    assert export(build, "sharegpt", tmp_path / "x").counts["train"] == 12
    with pytest.raises(ConfigError, match="cannot be loaded"):
        export(build, "trl", tmp_path / "y")
    record = export(build, "trl", tmp_path / "y", model=str(tmp_path / "moved"))
    assert record.template_lock == record.build_template_lock
    assert record.forced == ()


def test_rows_longer_than_the_build_allows_are_left_out_when_measured(tokenizer_folder, tmp_path):
    long = sample("long", completion=conversation(("assistant", "净利润 " * 400)))
    build = write_build(tmp_path / "out", [*plain_samples(), long], max_length=256)
    record = export(build, "trl", tmp_path / "x", model=str(tokenizer_folder))
    assert record.excluded_ids == {"over_length": ("long",)}
    assert record.longest <= 256


def test_what_a_target_would_break_is_left_out_and_named(tokenizer_folder, tmp_path):
    odd = [
        sample("empty", completion=conversation(("assistant", " \n"))),
        sample("two-users", prompt=conversation(("user", "a"), ("user", "b"))),
        sample("control", prompt=conversation(("user", "x<|im_end|>y"))),
    ]
    own = {"tokenizer": str(tokenizer_folder), "template": "tokenizer"}
    build = write_build(tmp_path / "out", [*plain_samples(), *odd], **own)
    gone = {"control_text": ("control",), "empty_turn": ("empty",), "roles": ("two-users",)}
    for name in ("llamafactory", "axolotl"):
        record = export(build, name, tmp_path / name)
        assert record.excluded_ids == gone
        assert set(record.reasons) == set(gone)
        assert record.counts["train"] == 12
        assert any("left out" in w for w in record.warnings)
    assert set(export(build, "openai", tmp_path / "openai").excluded) == {"empty_turn", "roles"}
    only = write_build(tmp_path / "only", odd, **own)
    with pytest.raises(ConfigError, match="every sample of train would be left out"):
        export(only, "llamafactory", tmp_path / "none")


def test_llamafactory_never_cuts_and_never_guesses(counted, tmp_path):
    record = export(counted, "llamafactory", tmp_path / "x")
    train = yaml.safe_load((tmp_path / "x/train.yaml").read_text(encoding="utf-8"))
    assert train["cutoff_len"] >= record.longest
    assert train["template"] == "chatml"
    assert Path(train["model_name_or_path"]).is_absolute()
    info = json.loads((tmp_path / "x/dataset_info.json").read_text(encoding="utf-8"))
    assert set(info) == {"tiny_test", "tiny_train", "tiny_validation"}
    for entry in info.values():
        assert entry["formatting"] == "sharegpt"
        assert len(entry["tags"]) == 7
        assert "," not in entry["file_name"]
    with pytest.raises(ConfigError, match="the longest row has"):
        export(counted, "llamafactory", tmp_path / "y", settings={"cutoff": 32})


def test_a_model_that_no_template_matches_is_an_error(tmp_path):
    odd = "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }}</s>{% endfor %}"
    odd += "{% if add_generation_prompt %}<assistant>{% endif %}"
    model = save_tokenizer(tmp_path / "finance-model", odd)
    own = {"tokenizer": str(model), "template": "tokenizer"}
    build = write_build(tmp_path / "out", plain_samples(), **own)
    with pytest.raises(ConfigError, match="no template of LLaMA-Factory is known to match"):
        export(build, "llamafactory", tmp_path / "x")
    record = export(build, "llamafactory", tmp_path / "x", settings={"template": "qwen"})
    assert any("makes another text than" in w for w in record.warnings)


@pytest.mark.parametrize(
    ("model", "template"),
    [
        ("Qwen/Qwen2.5-7B-Instruct", "qwen"),
        ("Qwen/Qwen3-8B", "qwen3"),
        ("Qwen/Qwen3-30B-A3B-Instruct-2507", "qwen3_nothink"),
        ("meta-llama/Llama-3.1-8B-Instruct", "llama3"),
        ("meta-llama/Llama-2-13b-chat-hf", "llama2"),
        ("mistralai/Mistral-Nemo-Instruct-2407", "ministral"),
        ("google/gemma-3-1b-it", "gemma2"),
        ("google/medgemma-27b-text-it", "gemma3"),
        ("deepseek-ai/DeepSeek-R1-Distill-Qwen-7B", "deepseekr1"),
        ("deepseek-ai/DeepSeek-V3", "deepseek3"),
        ("THUDM/glm-4-9b-chat", "glm4"),
        ("microsoft/Phi-3.5-mini-instruct", "phi"),
        ("microsoft/phi-4", "phi4"),
        ("Duxiaoman-DI/XuanYuan-6B-Chat", "xuanyuan"),
        ("HuggingFaceTB/SmolLM2-135M-Instruct", "smollm2"),
        ("/data/models/Qwen2.5-7B-Instruct/", "qwen"),
    ],
)
def test_templates_by_the_names_of_models(model, template):
    target = TargetModel(name=model, template=load_template("chatml"), config={})
    assert match_template(target).template == template


@pytest.mark.parametrize(
    ("kind", "source", "template"),
    [
        ("qwen2", "… You are Qwen, created by Alibaba Cloud. …", "qwen"),
        ("qwen3", "<|im_start|> … <think> …", "qwen3"),
        ("qwen3", "<|im_start|> …", "qwen3_nothink"),
        ("llama", "<|start_header_id|>", "llama3"),
        ("llama", "<<SYS>>", "llama2"),
    ],
)
def test_templates_of_renamed_folders_by_what_is_in_them(kind, source, template):
    target = TargetModel(
        name="saves/merged",
        template=load_template("mistral"),
        own_template=source,
        config={"model_type": kind},
    )
    assert match_template(target).template == template


def test_reasoning_templates_keep_their_empty_block_out_of_the_loss(plain, tmp_path):
    export(plain, "llamafactory", tmp_path / "x", model="Qwen/Qwen3-8B")
    for name in ("train", "merge", "chat", "predict-test"):
        settings = yaml.safe_load((tmp_path / f"x/{name}.yaml").read_text(encoding="utf-8"))
        assert settings["enable_thinking"] is False
    assert len({t.template for t in slot_templates()}) == len(slot_templates())


@pytest.mark.parametrize("name", sorted(BUNDLED))
def test_response_parts_find_every_answer(name):
    """By a masker written from Unsloth's description: from response part to instruction part."""
    template = load_template(name)
    instruction, response = response_parts(template)
    turns = [("user", "Q1?"), ("assistant", "净 A1"), ("user", "Q2?"), ("assistant", "A2")]
    text = template.render(conversation(*turns))
    found = [part.partition(instruction)[0] for part in text.split(response)[1:]]
    assert len(found) == 2
    assert found[0].lstrip().startswith("净 A1")
    assert found[1].lstrip().startswith("A2")
    assert "Q" not in "".join(found)


def test_openai_files_keep_the_rules_of_the_service(plain, tmp_path):
    few = write_build(tmp_path / "few", plain_samples(train=9))
    with pytest.raises(ConfigError, match="9 training examples; the service asks for at least 10"):
        export(few, "openai", tmp_path / "x")
    export(plain, "openai", tmp_path / "x")
    for row in read_jsonl(tmp_path / "x/train.jsonl"):
        assert set(row) == {"messages"}
        assert row["messages"][-1]["role"] == "assistant"
    long = export(plain, "openai", tmp_path / "x", settings={"max_tokens": 29})
    assert long.excluded == {}
    with pytest.raises(ConfigError, match="would be left out"):
        export(plain, "openai", tmp_path / "y", settings={"max_tokens": 28})
    with pytest.raises(ConfigError, match="name the model that answers"):
        export(plain, "openai", tmp_path / "y", settings={"batch": True})


def test_requests_are_sharded_by_number_and_by_bytes(plain, tmp_path):
    model = "Qwen/Qwen2.5-7B-Instruct"
    record = export(plain, "vllm", tmp_path / "x", model=model, settings={"requests_per_file": 3})
    sizes = [len(read_jsonl(p)) for p in sorted((tmp_path / "x").glob("requests-*"))]
    assert sizes == [3, 1]
    script = (tmp_path / "x/run_batch.sh").read_text()
    assert "-o answers-00001-of-00002.jsonl" in script
    assert any("not on this machine" in w for w in record.warnings)
    big = [sample(f"b{n}", "test", prompt=conversation(("user", "净" * 2000))) for n in range(5)]
    build = write_build(tmp_path / "big", big)
    export(build, "vllm", tmp_path / "y", model=model, settings={"bytes_per_file": 13_000})
    paths = sorted((tmp_path / "y").glob("requests-*"))
    assert [len(read_jsonl(p)) for p in paths] == [2, 2, 1]
    assert all(p.stat().st_size <= 13_000 for p in paths)
    huge = [sample("h", "test", prompt=conversation(("user", "净" * 5000)))]
    with pytest.raises(ConfigError, match="its request alone has"):
        export(
            write_build(tmp_path / "huge", huge),
            "vllm",
            tmp_path / "z",
            model=model,
            settings={"bytes_per_file": 13_000},
        )


def test_ids_that_no_request_can_carry_are_left_out(tmp_path):
    build = write_build(tmp_path / "out", [sample("x" * 65, "test"), sample("y" * 64, "test")])
    record = export(build, "vllm", tmp_path / "x", model="m")
    assert record.excluded_ids == {"id_too_long": ("x" * 65,)}


def test_names_of_models_stay_words_in_scripts(plain, tokenizer_folder, tmp_path):
    name = 'm\'; touch /tmp/owned; """$(id)'
    export(plain, "vllm", tmp_path / "x", model=name)
    fake = tmp_path / "vllm"
    fake.write_text('#!/bin/sh\nprintf "%s\\n" "$2"\n')
    fake.chmod(0o755)
    done = subprocess.run(
        ["sh", tmp_path / "x/serve.sh"], capture_output=True, text=True, check=False,
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}"},
    )  # fmt: skip
    assert done.stdout.splitlines()[:1] == [name], done.stderr
    odd = tmp_path / "a'\"b"
    odd.mkdir()
    for path in tokenizer_folder.iterdir():
        (odd / path.name).write_bytes(path.read_bytes())
    for target in ("trl", "unsloth"):
        export(plain, target, tmp_path / target, model=str(odd))
        tree = ast.parse((tmp_path / target / "train.py").read_text(encoding="utf-8"))
        constants = {
            n.targets[0].id: ast.literal_eval(n.value)
            for n in tree.body
            if isinstance(n, ast.Assign) and n.targets[0].id.isupper() and n.targets[0].id != "HERE"
        }
        assert constants["MODEL"] == str(odd)
        assert constants["ROWS"] == {"train": 12, "validation": 3}


def test_axolotl_trains_completions_and_refuses_to_cut(counted, tmp_path):
    export(counted, "axolotl", tmp_path / "x")
    config = yaml.safe_load((tmp_path / "x/config.yaml").read_text(encoding="utf-8"))
    assert config["val_set_size"] == 0
    assert config["excess_length_strategy"] == "raise"
    assert config["chat_template"] == "tokenizer_default"
    assert [d["path"] for d in (*config["datasets"], *config["test_datasets"])] == [
        "train.jsonl",
        "validation.jsonl",
    ]
    assert config["datasets"][0]["roles_to_train"] == ["assistant"]


def test_review_files_ask_the_same_in_both_tools(plain, tmp_path):
    export(plain, "argilla", tmp_path / "a")
    export(plain, "label-studio", tmp_path / "l")
    settings = json.loads((tmp_path / "a/.argilla/settings.json").read_text(encoding="utf-8"))
    fields = {f["name"] for f in settings["fields"]}
    for record in json.loads((tmp_path / "a/records.json").read_text(encoding="utf-8")):
        assert set(record["fields"]) == fields
        assert set(record["metadata"]) == {m["name"] for m in settings["metadata"]}
    tree = ElementTree.parse(tmp_path / "l/config.xml")
    tasks = json.loads((tmp_path / "l/tasks.json").read_text(encoding="utf-8"))
    shown = {t.get("value", "")[1:] for t in tree.iter() if t.get("value", "").startswith("$")}
    assert all(shown <= set(task["data"]) for task in tasks)
    controls = {t.get("name") for t in tree.iter() if t.get("toName")}
    assert controls == {q["name"] for q in settings["questions"]}
    for question in settings["questions"]:
        if "options" in question["settings"]:
            theirs = {
                c.get("alias")
                for c in tree.iterfind(f".//Choices[@name='{question['name']}']/Choice")
            }
            assert theirs == {o["value"] for o in question["settings"]["options"]}


def test_the_hub_folder_is_the_build_without_its_lineage(plain, tmp_path):
    export(plain, "hf", tmp_path / "x")
    found = files(tmp_path / "x")
    assert {n.partition("/")[0] for n in found} == {
        "README.md",
        "README_zh.md",
        "croissant.json",
        "audit",
        "data",
        "export.json",
    }
    for name in set(found) - {"export.json"}:
        assert (tmp_path / "x" / name).read_bytes() == (plain / name).read_bytes()


def test_the_verb_says_what_was_left_out_and_what_to_run(counted, tmp_path, command):
    done = command(
        "export", counted, "--to", "llamafactory", "--out", tmp_path / "a b", "--set", "rank=8"
    )
    assert done.code == 0, done.err
    assert "llamafactory: train 12, validation 3, test 4" in done.out
    assert f"cd '{tmp_path}/a b' && llamafactory-cli train train.yaml" in done.out
    assert yaml.safe_load((tmp_path / "a b/train.yaml").read_text())["lora_rank"] == 8
    done = command("export", counted, "--to", "alpaca", "--out", tmp_path / "x", "--json")
    assert json.loads(done.out)["target"] == "alpaca"
    done = command("export", counted, "--to", "alpaca", "--out", tmp_path / "x")
    assert "not kept: the system message" in done.err
    assert command("export", counted, "--to", "x", "--out", tmp_path / "y").code == 2
    assert (
        command("export", counted, "--to", "trl", "--out", tmp_path / "y", "--set", "rank").code
        == 2
    )


@pytest.mark.slow
def test_the_trl_script_trains_the_very_rows(tmp_path):
    model = save_model(save_tokenizer(tmp_path / "model"))
    own = {"tokenizer": str(model), "template": "tokenizer"}
    build = write_build(tmp_path / "out", plain_samples(), **own)
    export(build, "trl", tmp_path / "x")
    args = ["--cpu", "--steps", "2", "--accumulate", "1", "--rank", "4", "--output", tmp_path / "m"]
    done = subprocess.run(
        [sys.executable, tmp_path / "x/train.py", *args],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert (tmp_path / "m/adapter_model.safetensors").is_file()
