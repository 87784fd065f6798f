"""The matrix finds what differs, shows where, and knows which side is only a trap."""

import json
import os
from pathlib import Path

import pytest

from sftdata.chat.probes import PROBES
from sftdata.conformance.matrix import conformance
from sftdata.stages.render import Render


def statuses(matrix, side):
    return {name: cells[side].status for name, cells in matrix.rows.items()}


def test_the_tokens_of_a_tokenizer_are_those_of_transformers(tiny_folders):
    for kind in ("bytes", "trimmed", "metaspace"):
        matrix = conformance(Render(template=str(tiny_folders[kind])))
        assert matrix.equal
        assert matrix.by == "tokens"
        assert set(statuses(matrix, "transformers").values()) == {"equal"}


def test_an_answer_that_melts_into_the_prompt_is_told_and_no_other_prompt(tiny_folders):
    """`assistant\\n` and an answer that begins with line feeds: one token in the trained row."""
    matrix = conformance(Render(template=str(tiny_folders["bytes"])))
    found = statuses(matrix, "vllm_chat")
    assert {name for name, status in found.items() if status != "equal"} == {"line_ends"}
    assert found["line_ends"] == "merges"


def test_a_server_that_adds_bos_to_a_text_shows_the_second_one(new_tokenizer, tmp_path):
    folder = new_tokenizer(
        tmp_path / "m",
        "bytes",
        "{{ bos_token }}{% for m in messages %}{{ m.role }}: {{ m.content }}</s>{% endfor %}"
        "{% if add_generation_prompt %}assistant: {% endif %}",
    )
    path = folder / "tokenizer.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    begin = {"SpecialToken": {"id": "<s>", "type_id": 0}}
    config["post_processor"] = {
        "type": "TemplateProcessing",
        "single": [begin, {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [begin, {"Sequence": {"id": "A", "type_id": 0}}],
        "special_tokens": {"<s>": {"id": "<s>", "ids": [0], "tokens": ["<s>"]}},
    }
    path.write_text(json.dumps(config), encoding="utf-8")
    matrix = conformance(Render(template=str(folder)))
    cell = matrix.rows["english"]["vllm_completions"]
    assert (cell.status, cell.at) == ("differs", 1)
    assert cell.theirs.startswith("0 '<s>' ▸0 '<s>'◂")
    assert "differs" not in statuses(matrix, "vllm_chat").values()
    assert matrix.equal


def test_a_prompt_that_is_no_beginning_of_the_trained_row_differs(new_tokenizer, tmp_path):
    folder = new_tokenizer(
        tmp_path / "m",
        "bytes",
        "{% for m in messages %}<s>{{ m.role }}\n{{ m.content }}</s>{% endfor %}"
        "{% if add_generation_prompt %}<s>bot\n{% endif %}",
    )
    matrix = conformance(Render(template=str(folder)))
    assert set(statuses(matrix, "vllm_chat").values()) == {"differs"}
    assert not matrix.equal
    assert not matrix.as_dict()["equal"]


def test_what_both_sides_refuse_is_no_difference(new_tokenizer, tmp_path):
    source = (
        "{% if messages[0].role == 'system' %}{{ raise_exception('no system') }}{% endif %}"
        "{% for m in messages %}<s>{{ m.role }}\n{{ m.content }}</s>{% endfor %}"
        "{% if add_generation_prompt %}<s>assistant\n{% endif %}"
    )
    matrix = conformance(Render(template=str(new_tokenizer(tmp_path / "m", "bytes", source))))
    assert matrix.equal
    refused = {n for n, s in statuses(matrix, "transformers").items() if s == "refused"}
    assert refused == {p.name for p in PROBES if p.prompt[0].role == "system"}


@pytest.mark.real_data
def test_public_templates_without_a_tokenizer(chat_templates):
    compared = 0
    for path in chat_templates:
        source = path.read_text(encoding="utf-8")
        if "bos_token" in source or "eos_token" in source:
            continue
        matrix = conformance(Render(template=str(path)))
        assert matrix.equal, path.stem
        compared += 1
    assert compared >= 5


@pytest.mark.slow
@pytest.mark.parametrize(
    ("folder", "slots", "equal"),
    [
        ("qwen3", "qwen3", {"english", "chinese", "no_system", "json", "long", "emoji"}),
        ("llama3_1", "llama3", {"english", "chinese", "no_system", "multi_turn", "long", "emoji"}),
        ("gemma3", "gemma3", {"no_system", "json", "emoji"}),
    ],
)
def test_real_llamafactory(folder, slots, equal, real_tokenizers):
    python = Path(os.environ.get("SFTDATA_LLAMAFACTORY_PYTHON", "/nonexistent"))
    if not python.is_file():
        pytest.skip("SFTDATA_LLAMAFACTORY_PYTHON names no interpreter that has LLaMA-Factory")
    found = [f for f in real_tokenizers if f.name == folder]
    if not found:
        pytest.skip(f"no tokenizer folder named {folder}")
    side = f"llamafactory:{slots}"
    matrix = conformance(Render(template=str(found[0])), against=side, python=python)
    assert {n for n, s in statuses(matrix, side).items() if s == "equal"} >= equal
    assert matrix.versions["llamafactory: llamafactory"] >= "0.9.5"
