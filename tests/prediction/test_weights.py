"""Answers from weights: those of plain greedy decoding, in batches, and after a kill the same."""

import json

import pytest

from sftdata.errors import ConfigError
from sftdata.prediction.predict import predict
from sftdata.prediction.store import Store
from sftdata.predictions import read_predictions

torch = pytest.importorskip("torch")

NEW = 12


@pytest.fixture(scope="module")
def asked(made, model, tmp_path_factory):
    out = tmp_path_factory.mktemp("answers") / "test.jsonl"
    return predict(made.path, out=out, model=str(model), max_new_tokens=NEW, batch_size=4)


def one_by_one(model, messages):
    """Greedy decoding as the library's own documentation shows it, one prompt at a time."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model)
    weights = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
    for rows in messages:
        ids = tokenizer.apply_chat_template(
            rows, add_generation_prompt=True, return_tensors="pt", return_dict=True
        )
        with torch.inference_mode():
            made = weights.generate(**ids, do_sample=False, max_new_tokens=NEW)
        new = made[0, ids["input_ids"].shape[1] :]
        yield tokenizer.decode(new, skip_special_tokens=True), ids["input_ids"].shape[1]


def test_every_sample_is_answered_once_in_order(asked, made):
    samples = made.samples("test")
    rows = read_predictions(asked.path)
    assert [r.sample_id for r in rows] == [s.sample_id for s in samples]
    assert rows == list(asked.predictions)
    assert not any(r.error for r in rows)
    assert all(r.latency_s > 0 and r.completion_tokens <= NEW for r in rows)
    assert asked.summary["samples"] == len(samples)
    assert sorted(p.name for p in asked.path.parent.iterdir()) == ["test.jsonl"]


def test_batched_answers_are_those_of_one_prompt_at_a_time(asked, made, model):
    samples = made.samples("test")[:6]
    chats = [[{"role": m.role, "content": m.content} for m in s.prompt] for s in samples]
    expected = list(one_by_one(model, chats))
    for row, (text, prompt_tokens) in zip(asked.predictions, expected, strict=False):
        assert (row.output, row.prompt_tokens) == (text, prompt_tokens)


def test_log_probabilities_are_those_of_a_forward_pass(asked, made, model):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    sample, row = made.samples("test")[0], asked.predictions[0]
    tokenizer = AutoTokenizer.from_pretrained(model)
    weights = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
    chat = [{"role": m.role, "content": m.content} for m in sample.prompt]
    text = tokenizer.apply_chat_template(chat, add_generation_prompt=True, tokenize=False)
    prompt = tokenizer(text, add_special_tokens=False)["input_ids"]
    with torch.inference_mode():
        whole = weights.generate(torch.tensor([prompt]), do_sample=False, max_new_tokens=NEW)
        scores = weights(whole).logits.log_softmax(-1)[0]
    new = whole[0, len(prompt) :]
    picked = [scores[len(prompt) - 1 + i, t].item() for i, t in enumerate(new)]
    assert row.completion_tokens == len(new)
    assert row.mean_logprob == pytest.approx(sum(picked) / len(picked), abs=1e-4)


@pytest.mark.parametrize("broken", [False, True])
def test_a_killed_run_goes_on_and_gives_the_same_answers(asked, made, model, tmp_path, broken):
    out = tmp_path / "test.jsonl"
    asks = []

    def kill(_name, finished, _all):
        asks.append(finished)
        if finished >= 8 and not broken:
            raise KeyboardInterrupt

    settings = {"model": str(model), "max_new_tokens": NEW, "batch_size": 4}
    if broken:
        with pytest.raises(KeyboardInterrupt):
            predict(made.path, out=out, progress=_stop_after(8), **settings)
        part = out.with_name("test.jsonl.part")
        part.write_bytes(part.read_bytes()[:-20])
    else:
        with pytest.raises(KeyboardInterrupt):
            predict(made.path, out=out, progress=kill, **settings)
    assert not out.exists()
    again = predict(made.path, out=out, **settings)
    assert 0 < again.resumed < len(again.predictions)
    plain = [(p.sample_id, p.output, p.mean_logprob) for p in asked.predictions]
    assert [(p.sample_id, p.output, p.mean_logprob) for p in again.predictions] == plain


def _stop_after(count):
    def tell(_name, finished, _all):
        if finished >= count:
            raise KeyboardInterrupt

    return tell


def test_other_settings_do_not_go_on_with_an_unfinished_run(made, model, tmp_path):
    out = tmp_path / "test.jsonl"
    settings = {"model": str(model), "max_new_tokens": NEW, "batch_size": 4}
    with pytest.raises(KeyboardInterrupt):
        predict(made.path, out=out, progress=_stop_after(4), **settings)
    with pytest.raises(ConfigError, match="an unfinished run with other settings"):
        predict(made.path, out=out, **settings | {"max_new_tokens": NEW + 1})


def test_what_exists_is_not_overwritten(tmp_path):
    out = tmp_path / "a.jsonl"
    out.write_text("mine")
    with pytest.raises(ConfigError, match="exists"):
        Store(out, {})
    assert out.read_text() == "mine"


def test_a_prompt_that_does_not_fit_is_a_row_with_an_error(made, model, tmp_path):
    config = json.loads((model / "config.json").read_text())
    short = tmp_path / "short"
    short.mkdir()
    for path in model.iterdir():
        (short / path.name).write_bytes(path.read_bytes())
    lengths = [p.prompt_tokens for p in predict(
        made.path, out=tmp_path / "l.jsonl", model=str(model), max_new_tokens=1
    ).predictions]  # fmt: skip
    room = sorted(lengths)[len(lengths) // 2]
    (short / "config.json").write_text(json.dumps(config | {"max_position_embeddings": room}))
    got = predict(made.path, out=tmp_path / "s.jsonl", model=str(short), max_new_tokens=1)
    for row, length in zip(got.predictions, lengths, strict=True):
        assert bool(row.error) == (length >= room)
    assert 0 < got.summary["failed"] < len(lengths)


def test_a_folder_without_weights_is_one_line(made, tmp_path):
    with pytest.raises(ConfigError) as caught:
        predict(made.path, out=tmp_path / "x.jsonl", model=str(tmp_path / "none"))
    assert "\n" not in str(caught.value)
