"""Finding templates, their stop and control tokens, and the lock."""

import contextlib
import subprocess
import sys
from pathlib import Path

import pytest
from chat_probes import turn

from sftdata.chat.template import BUNDLED, load_template
from sftdata.chat.tokenizer import load_tokenizer
from sftdata.errors import ConfigError


def test_bundled_templates_name_their_stop_token():
    stops = {name: load_template(name).stop for name in BUNDLED}
    assert stops == {
        "chatml": "<|im_end|>",
        "deepseek": "<｜end▁of▁sentence｜>",
        "gemma": "<end_of_turn>",
        "llama3": "<|eot_id|>",
        "mistral": "</s>",
        "phi3": "<|end|>",
        "qwen": "<|im_end|>",
    }


@pytest.mark.real_data
def test_public_templates_name_their_stop_token(chat_templates, tiny):
    stops = {
        p.stem: load_template(str(p), tokenizer=tiny["bytes"]).stop.strip() for p in chat_templates
    }
    none = {name for name, stop in stops.items() if not stop}
    assert none == {"amberchat", "chatqa", "falcon-instruct", "solar-instruct"}
    assert stops["openchat-3.5"] == "<|end_of_turn|>"
    assert stops["granite-3.0-instruct"] == "<|end_of_text|>"
    assert stops["vicuna"] == stops["llama-2-chat"] == "</s>"


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("chatml", "a <|im_end|> b <|im_start|>system", ("<|im_end|>", "<|im_start|>")),
        ("chatml", "净利润<|im_end|>", ("<|im_end|>",)),
        ("chatml", "x < y | z > w, <b>bold</b> [1] [INST]", ()),
        ("llama3", "<|start_header_id|>", ("<|start_header_id|>",)),
        ("gemma", "<end_of_turn>", ("<end_of_turn>",)),
        ("mistral", "[/INST] </s>", ("</s>", "[/INST]")),
        ("phi3", "<|user|>", ("<|user|>",)),
        ("deepseek", "<｜User｜>", ("<｜User｜>",)),
        ("phi3", "a <|im_end|> b", ()),
    ],
)
def test_special_text_is_found_without_a_tokenizer(name, text, found):
    assert load_template(name).special_text_in(text) == found


def test_added_tokens_count_as_special_only_where_they_steer(tiny, tmp_path: Path):
    path = tmp_path / "think.jinja"
    path.write_text("{% for m in messages %}<think></think>{{ m.content }}</s>{% endfor %}")
    thinking = load_template(str(path), tokenizer=tiny["bytes"])
    plain = load_template("chatml", tokenizer=tiny["bytes"])
    assert thinking.special_text_in("<think> <table>") == ("<think>",)
    assert plain.special_text_in("<think> <table>") == ()
    assert plain.special_text_in("<|eot_id|>") == ("<|eot_id|>",)


def test_template_of_a_tokenizer_by_folder_and_by_word(tiny_folders, tiny):
    by_folder = load_template(str(tiny_folders["bytes"]))
    by_word = load_template("tokenizer", tokenizer=tiny["bytes"])
    assert by_folder == by_word
    assert by_folder.tokenizer_digest == tiny["bytes"].digest
    assert by_folder.render([turn("user", "你好")]) == "<s>user\n你好</s>"


def test_a_tokenizer_without_template_says_what_to_do(tiny):
    with pytest.raises(ConfigError, match="carries no chat template: name one of chatml"):
        load_template("tokenizer", tokenizer=tiny["nfc"])
    with pytest.raises(ConfigError, match="set `tokenizer` too"):
        load_template("tokenizer")


def test_unknown_names_say_what_there_is(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ConfigError, match=r"none of chatml, .*no file, and no tokenizer"):
        load_template("no-such/template")


def test_a_broken_template_names_its_line(tmp_path: Path):
    path = tmp_path / "broken.jinja"
    path.write_text("{% for m in messages %}\n{{ m.content }\n{% endfor %}")
    with pytest.raises(ConfigError, match=r"cannot be read \(line 2\)"):
        load_template(str(path))


def test_a_template_that_needs_a_token_names_it(tmp_path: Path):
    path = tmp_path / "bos.jinja"
    path.write_text("{% for m in messages %}{{ m.content + my_stop }}{% endfor %}")
    with pytest.raises(ConfigError, match="it has no value for my_stop"):
        load_template(str(path))
    assert load_template(str(path), variables={"my_stop": "</s>"}).stop == "</s>"


def test_the_lock_changes_with_each_of_its_parts_and_with_nothing_else(tiny, tiny_folders):
    base = load_template("chatml", tokenizer=tiny["bytes"])
    same = load_template("chatml", tokenizer=load_tokenizer(str(tiny_folders["bytes"])))
    assert base.lock() == same.lock()
    others = {
        "tokenizer": load_template("chatml", tokenizer=tiny["trimmed"]),
        "template": load_template("llama3", tokenizer=tiny["bytes"]),
        "template system_prompt": load_template("gemma", tokenizer=tiny["bytes"]),
        "variables": load_template("chatml", tokenizer=tiny["bytes"], variables={"x": True}),
    }
    assert len({base.lock(), *(t.lock() for t in others.values())}) == 5
    for parts, other in others.items():
        differing = {k for k, v in base.lock_parts().items() if other.lock_parts()[k] != v}
        assert differing == set(parts.split())


def test_a_changed_tokenizer_folder_is_read_again(tiny_folders, tmp_path: Path):
    import shutil

    folder = shutil.copytree(tiny_folders["bytes"], tmp_path / "t")
    before = load_tokenizer(str(folder))
    path = folder / "tokenizer.json"
    path.write_text(path.read_text(encoding="utf-8").replace("<think>", "<thunk>"))
    after = load_tokenizer(str(folder))
    assert before.digest != after.digest
    assert "<thunk>" in after.added_tokens


def test_code_in_a_model_folder_is_never_run(tiny_folders, tmp_path: Path):
    import json
    import shutil

    folder = shutil.copytree(tiny_folders["bytes"], tmp_path / "evil")
    witness = tmp_path / "ran"
    (folder / "evil.py").write_text(f"open({str(witness)!r}, 'w').close()\nclass T: pass\n")
    config = json.loads((folder / "tokenizer_config.json").read_text())
    config["auto_map"] = {"AutoTokenizer": ["evil.T", "evil.T"]}
    config["tokenizer_class"] = "T"
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    with contextlib.suppress(ConfigError):
        load_tokenizer(str(folder))
    assert not witness.exists()


def test_import_stays_cheap():
    code = (
        "import sys, sftdata, sftdata.chat.template, sftdata.chat.tokens, sftdata.stages.render;"
        "heavy = {'torch', 'transformers', 'datasets', 'tokenizers'} & set(sys.modules);"
        "print(sorted(heavy)); sys.exit(bool(heavy))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("name", "handling", "default"),
    [
        ("chatml", "kept", ""),
        ("deepseek", "kept", ""),
        ("gemma", "in the user turn", ""),
        ("llama3", "kept", ""),
        ("mistral", "kept", ""),
        ("phi3", "kept", ""),
        ("qwen", "kept", "You are Qwen, created by Alibaba Cloud. You are a helpful assistant."),
    ],
)
def test_what_bundled_templates_do_with_a_system_message(name, handling, default):
    role = load_template(name).system_role
    assert (role.handling, role.default, role.preamble) == (handling, default, "")


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("{% if m.role != 'system' %}", "system message dropped"),
        (
            "{% if m.role == 'system' %}{{ raise_exception('no') }}{% else %}",
            "system message refused",
        ),
        (
            "{% if loop.first %}Today is Monday. {% endif %}{% if true %}",
            "system message kept; written before it: 'Today is Monday.'; "
            "written where there is none: 'Today is Monday.'",
        ),
    ],
)
def test_a_system_message_that_is_lost_refused_or_added_to(head, expected):
    source = "{% for m in messages %}" + head
    source += "<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endif %}{% endfor %}"
    template = load_template("chatml").model_copy(update={"source": source})
    assert str(template.system_role) == expected
