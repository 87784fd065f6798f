"""What is asked: the prompts of the split, and worked examples out of train only."""

import json
from collections import Counter

import pytest

from sftdata.errors import ConfigError, SourceError
from sftdata.judged import open_judged
from sftdata.prediction.requests import longest_first, make_requests, read_requests
from sftdata.prediction.settings import Asking, asking


def test_prompts_are_those_of_the_samples_in_their_order(made):
    judged = open_judged(made.path)
    samples = made.samples("test")
    found = make_requests(judged, "test")
    assert [r.sample_id for r in found] == [s.sample_id for s in samples]
    assert [r.messages for r in found] == [s.prompt for s in samples]


def test_worked_examples_are_train_samples_of_the_same_kind_and_language(made):
    judged = open_judged(made.path)
    train = {s.prompt[-1].content: s for s in made.samples("train")}
    there = Counter((s.kind, s.locale) for s in train.values())
    samples = {s.sample_id: s for s in made.samples("test")}
    found = make_requests(judged, "test", shots=2)
    assert found == make_requests(judged, "test", shots=2)
    choices, families = set(), Counter()
    for request in found:
        sample = samples[request.sample_id]
        roles = [m.role for m in request.messages]
        few = min(2, there[sample.kind, sample.locale])
        assert roles == ["system", *["user", "assistant"] * few, "user"]
        assert request.messages[0] == sample.prompt[0]
        assert request.messages[-1] == sample.prompt[-1]
        for ask, say in zip(request.messages[1:-1:2], request.messages[2:-1:2], strict=True):
            example = train[ask.content]
            assert (example.kind, example.locale) == (sample.kind, sample.locale)
            families[example.family == sample.family] += 1
            assert example.completion[0] == say
        choices.add(request.messages[1].content)
    assert len(choices) > 1
    assert families[True] > families[False]
    with pytest.raises(ConfigError, match="examples come from train"):
        make_requests(judged, "train", shots=1)


def test_a_limit_takes_the_same_part_whatever_the_order(made):
    judged = open_judged(made.path)
    every = [r.sample_id for r in make_requests(judged, "test")]
    part = [r.sample_id for r in make_requests(judged, "test", limit=5)]
    assert len(part) == 5
    assert part == [i for i in every if i in set(part)]
    assert set(part) < {r.sample_id for r in make_requests(judged, "test", limit=6)}


def test_batches_hold_every_row_once_and_keep_to_their_limits():
    lengths = [(i * 37) % 101 + 1 for i in range(500)]
    batches = longest_first(lengths, size=8, tokens=300)
    assert sorted(i for b in batches for i in b) == list(range(500))
    assert all(len(b) <= 8 for b in batches)
    assert all(max(lengths[i] for i in b) * len(b) <= 300 for b in batches if len(b) > 1)
    assert longest_first([], size=8, tokens=300) == []


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"backend": "openai"}, "base_url: the backend openai needs"),
        ({"base_url": "http://x"}, "base_url: only the backend openai"),
        ({"backend": "openai", "base_url": "http://x", "adapter": "a"}, "adapter: a server"),
        ({"price_in": 1.0}, "give both or none"),
        ({"shots": -1}, "shots: "),
        ({"dtyp": "float32"}, "dtyp: "),
    ],
)
def test_settings_that_cannot_be_are_one_line(settings, problem):
    with pytest.raises(ConfigError, match=problem) as caught:
        asking(model="m", **settings)
    assert "\n" not in str(caught.value)


def test_no_price_no_cost():
    assert Asking(model="m").cost(10, 10) is None


def test_prompts_of_ones_own_are_read_and_a_bad_line_is_named(tmp_path):
    path = tmp_path / "p.jsonl"
    rows = [
        {"sample_id": "a", "messages": [{"role": "user", "content": "2 + 2?\u2028现在"}]},
        {"sample_id": "b", "messages": [{"role": "system", "content": ""}]},
    ]
    path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows))
    found = read_requests(path)
    assert [(r.sample_id, r.messages[0].content) for r in found] == [
        ("a", "2 + 2?\u2028现在"),
        ("b", ""),
    ]
    path.write_text(json.dumps(rows[0]) + "\n" + json.dumps(rows[0]))
    with pytest.raises(ConfigError, match="has a twice"):
        read_requests(path)
    for bad in (
        "{",
        "[]",
        '{"sample_id": "x"}',
        '{"sample_id": 1, "messages": [{"role": "user", "content": "secret"}]}',
    ):
        path.write_text(json.dumps(rows[0]) + "\n" + bad)
        with pytest.raises(SourceError, match="line 2") as caught:
            read_requests(path)
        assert "secret" not in str(caught.value)
