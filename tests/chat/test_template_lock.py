"""A model sees the tokens that were audited, or the step stops and says where they part."""

import json
import re
import shutil
from pathlib import Path

import pytest
from chat_probes import as_dicts
from project import write_project

from sftdata.chat.template import load_template
from sftdata.errors import ConfigError
from sftdata.judged import open_judged
from sftdata.pipeline import build
from sftdata.template_match import compare_locks, require_same_template

ONE = {"use": ["finance/cover_page"]}


@pytest.fixture(scope="module")
def made(tmp_path_factory, tiny_folders):
    """A build for the model of the `bytes` folder, with the template that it carries."""
    template = {"tokenizer": str(tiny_folders["bytes"]), "template": "tokenizer"}
    folder = tmp_path_factory.mktemp("locked")
    return build(write_project(folder, families=ONE, template=template)).path


@pytest.fixture(scope="module")
def bundled(tmp_path_factory):
    """A build without a tokenizer, with a bundled template."""
    folder = tmp_path_factory.mktemp("bundled")
    return build(write_project(folder, families=ONE)).path


@pytest.fixture
def model(tiny_folders, tmp_path) -> Path:
    return Path(shutil.copytree(tiny_folders["bytes"], tmp_path / "model"))


def edit(folder, **changes):
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_the_manifest_names_the_parts_of_its_lock(made, tiny):
    manifest = open_judged(made).manifest
    template = load_template("tokenizer", tokenizer=tiny["bytes"])
    assert manifest.template_lock == template.lock()
    assert manifest.template_parts == template.lock_parts()
    assert json.loads(manifest.template_parts["special_tokens"])["eos_token"] == "</s>"


def test_a_copy_of_the_model_has_the_same_lock(made, model):
    match = require_same_template(open_judged(made), model)
    assert (match.changes, match.samples, match.forced) == ((), 0, "")
    assert match.lock == open_judged(made).manifest.template_lock
    assert str(match) == "the model's template is the build's (same lock)"


def test_another_lock_with_the_same_tokens_is_accepted_and_said(made, model):
    edit(model, pad_token="</s>")
    source = (model / "chat_template.jinja").read_text(encoding="utf-8")
    (model / "chat_template.jinja").write_text("{# theirs #}" + source, encoding="utf-8")
    match = require_same_template(open_judged(made), model)
    assert {c.part for c in match.changes} == {"special_tokens", "template"}
    assert match.samples == open_judged(made).report.totals.rows
    assert not match.forced
    assert "gives the build's tokens for all" in str(match)


def test_a_bundled_template_is_compared_with_the_models_own(bundled, tmp_path, new_tokenizer):
    """ChatML by hand in the model's folder: the build had no tokenizer, the tokens are equal."""
    source = (
        "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
    model = new_tokenizer(tmp_path / "model", "bytes", source)
    judged = open_judged(bundled)
    assert require_same_template(judged, model).samples == judged.report.totals.rows
    other = new_tokenizer(tmp_path / "other", "bytes", source.replace("{{ m.role }}\n", ""))
    with pytest.raises(ConfigError, match="does not see what was audited"):
        require_same_template(judged, other)


def test_the_first_difference_is_shown_on_both_sides(made, model):
    """The oracle is transformers: ids of the first sample in order, cut by both folders."""
    from transformers import AutoTokenizer

    source = (model / "chat_template.jinja").read_text(encoding="utf-8")
    changed = source.replace("{{ m.content }}", "{{ m.content | trim }}\n")
    (model / "chat_template.jinja").write_text(changed, encoding="utf-8")
    judged = open_judged(made)
    with pytest.raises(ConfigError) as caught:
        require_same_template(judged, model)
    said = str(caught.value)
    assert "\n" not in said
    assert "lock differs in template;" in said
    first = next(judged.samples("train"))
    messages = as_dicts([*first.prompt, *first.completion])
    tokenizer = AutoTokenizer.from_pretrained(model)
    ours, theirs = (
        tokenizer.apply_chat_template(messages, chat_template=s, return_dict=False)
        for s in (source, changed)
    )
    at = next(i for i, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b)
    assert f"sample {first.sample_id} (train): token {at} differs" in said
    assert f"build ({len(ours)} tokens)" in said
    assert f"model ({len(theirs)} tokens)" in said
    marked = re.findall(r"▸(\d+) ", said)
    assert marked == [str(ours[at]), str(theirs[at])]
    # Three tokens before and four from there on, on each side: not a document.
    assert len(re.findall(r"\d+ '", said)) <= 2 * 7


def test_an_overridden_mismatch_goes_on_with_the_models_template_and_says_so(made, model):
    source = (model / "chat_template.jinja").read_text(encoding="utf-8")
    (model / "chat_template.jinja").write_text("<s>" + source, encoding="utf-8")
    match = require_same_template(open_judged(made), model, allow=True)
    assert "token 1 differs" in match.forced
    assert match.template.source.startswith("<s>")
    assert str(match).startswith("template mismatch overridden")


def test_another_tokenizer_is_another_model(made, tiny_folders):
    with pytest.raises(ConfigError, match=r"lock differs in .*tokenizer.*token \d+ differs"):
        require_same_template(open_judged(made), tiny_folders["metaspace"])


def test_a_model_without_a_template_takes_the_builds(bundled, tiny_folders):
    match = require_same_template(open_judged(bundled), tiny_folders["nfc"])
    assert match.template.name == "chatml"
    assert {c.part for c in match.changes} >= {"tokenizer"}
    assert not match.forced


def test_a_template_named_by_the_step_counts(bundled, tiny_folders):
    judged = open_judged(bundled)
    assert not require_same_template(judged, tiny_folders["bytes"], template="chatml").forced
    with pytest.raises(ConfigError, match="differs"):
        require_same_template(judged, tiny_folders["bytes"], template="llama3")


def test_variables_that_change_the_text_are_a_mismatch(made, model):
    source = (model / "chat_template.jinja").read_text(encoding="utf-8")
    (model / "chat_template.jinja").write_text(
        "{% if loud %}LOUD{% endif %}" + source, encoding="utf-8"
    )
    judged = open_judged(made)
    assert not require_same_template(judged, model).forced
    with pytest.raises(ConfigError, match=r"variables \({} → {\"loud\":true}\)"):
        require_same_template(judged, model, variables={"loud": True})


def test_a_template_that_refuses_a_sample_is_a_mismatch(made, model):
    source = (model / "chat_template.jinja").read_text(encoding="utf-8")
    refuse = "{% if messages[0].role == 'system' %}{{ raise_exception('no system') }}{% endif %}"
    (model / "chat_template.jinja").write_text(refuse + source, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"the model's: the chat template refuses .* no system"):
        require_same_template(open_judged(made), model)


def test_a_build_whose_tokenizer_is_gone_is_judged_by_its_lock(tmp_path, tiny_folders, model):
    home = Path(shutil.copytree(tiny_folders["bytes"], tmp_path / "home"))
    template = {"tokenizer": str(home), "template": "tokenizer"}
    out = build(write_project(tmp_path / "p", families=ONE, template=template)).path
    judged = open_judged(out)
    shutil.rmtree(home)
    assert not require_same_template(judged, model).changes
    edit(model, pad_token="</s>")
    with pytest.raises(ConfigError, match=r"lock differs in special_tokens .* is gone"):
        require_same_template(judged, model)


def test_parts_are_named_with_what_can_be_read():
    plain, loud = load_template("chatml"), load_template("chatml", variables={"a": 1})
    assert compare_locks(plain.lock_parts(), plain.lock_parts()) == ()
    (change,) = compare_locks(plain.lock_parts(), loud.lock_parts())
    assert (change.part, change.ours, change.theirs) == ("variables", "{}", '{"a":1}')
