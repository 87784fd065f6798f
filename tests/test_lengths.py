"""Lengths counted by hand, and what a cut leaves, by cutting."""

import json

import numpy as np
import pytest
from byte_tokenizer import make_byte_tokenizer
from command import Command
from hypothesis import given, settings
from hypothesis import strategies as st

from sftdata.chat.measured import Measured
from sftdata.chat.survival import percentiles, recommended, survival
from sftdata.errors import ConfigError
from sftdata.lengths import lengths_of


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_byte_tokenizer(tmp_path_factory.mktemp("bytes"))


def found(prompts, answers, asked=(), evidence=()):
    n = len(prompts)
    prompt = np.array(prompts, dtype=np.int64)
    total = prompt + np.array(answers, dtype=np.int64)
    question = np.array(asked or [0] * n, dtype=np.int64)
    pairs = np.array(evidence or np.zeros((0, 2)), dtype=np.int64).reshape(-1, 2)
    return Measured(False, 10**9, prompt, total, total, question, pairs[:, 0], pairs[:, 1])


def test_the_example_that_was_measured_with_llama_factory():
    """A prompt of 5,000 and an answer of 300 tokens at 2,048 keep 1,748 and 300."""
    for end, left in ((1748, 1.0), (1749, 0.0)):
        told = survival(found([5000], [300], [end], [(0, end)]), 2048, "prompt")
        assert (told.samples, told.answers) == (0.0, 1.0)
        assert (told.questions, told.evidence) == (left, left)


RECORDED = [
    (1101, 2332, 512, 165, 347),
    (3683, 1935, 4096, 2161, 1935),
    (4977, 9, 4096, 4087, 9),
    (2182, 2956, 1024, 435, 589),
    (4843, 419, 2048, 1629, 419),
    (5322, 2218, 512, 362, 150),
    (3123, 2812, 1024, 539, 485),
    (3458, 2974, 512, 276, 236),
    (4323, 909, 4096, 3187, 909),
    (4062, 2265, 1024, 658, 366),
]
"""Prompt, answer, `cutoff_len` → what `infer_seqlen` of LLaMA-Factory 0.9.5 keeps of both."""


@pytest.mark.parametrize(("prompt", "answer", "length", "shown", "said"), RECORDED)
def test_the_cut_is_that_of_llama_factory(prompt, answer, length, shown, said):
    for end, left in ((shown, 1.0), (shown + 1, 0.0)):
        if 0 < end <= prompt:
            told = survival(found([prompt], [answer], [end]), length, "prompt")
            assert told.questions == left
            assert told.answers == (said == answer)


def test_a_long_answer_loses_its_own_share_there():
    # Neither side is under half of 100: each keeps its share, 100 * 80/140 = 57 of the answer.
    told = survival(found([60], [80], [43]), 100, "prompt")
    assert (told.answers, told.questions) == (0.0, 1.0)
    assert survival(found([60], [80], [44]), 100, "prompt").questions == 0.0
    # A short prompt stays whole: the answer gets the rest.
    assert survival(found([40], [80], [40]), 100, "prompt").questions == 1.0


ROWS = st.lists(st.tuples(st.integers(2, 60), st.integers(1, 60)), min_size=1, max_size=12)


@settings(max_examples=150, deadline=None)
@given(rows=ROWS, length=st.integers(1, 130))
def test_keeping_the_start_is_slicing(rows, length):
    """The oracle cuts lists of marks and looks at what is left."""
    told = survival(
        found(
            [p for p, _ in rows],
            [a for _, a in rows],
            [p // 2 + 1 for p, _ in rows],
            [(i, p) for i, (p, _) in enumerate(rows)],
        ),
        length,
        "start",
    )
    cut = [(["p"] * p + ["a"] * a)[:length] for p, a in rows]
    whole = [c.count("p") == p and c.count("a") == a for c, (p, a) in zip(cut, rows, strict=True)]
    answers = [c.count("a") == a for c, (_, a) in zip(cut, rows, strict=True)]
    asked = [c.count("p") > p // 2 for c, (p, _) in zip(cut, rows, strict=True)]
    shown = [c.count("p") == p for c, (p, _) in zip(cut, rows, strict=True)]
    for share, flags in (
        (told.samples, whole),
        (told.answers, answers),
        (told.questions, asked),
        (told.evidence, shown),
    ):
        assert share == round(sum(flags) / len(flags), 4)


def test_percentiles_are_lengths_that_exist():
    told = percentiles(np.arange(1, 101))
    assert told == {"samples": 100, "p50": 50, "p90": 90, "p95": 95, "p99": 99, "max": 100}
    assert percentiles(np.array([], dtype=np.int64))["max"] == 0


def test_the_recommendation_keeps_every_kind():
    many = found([400] * 1000 + [900] * 4, [50] * 1004)
    assert recommended(many) == 512
    kinds = ["a"] * 975 + ["b"] * 25
    few = found([400] * 1000, [50] * 1000)
    assert recommended(few, kinds) == 512
    # Three of 25 are over: half a per cent of all is not reached, but 2 % of their kind is.
    few.total[-3:] = 700
    assert recommended(few, None) == 512
    assert recommended(few, kinds) == 1024
    huge = found([40_000] * 10, [50] * 10)
    assert recommended(huge) == 40_960


def conversations(tmp_path, n=30):
    made = [
        {
            "prompt": f"Passages:\n\n{'净' * (i % 7)} Net sales 94,036.\n\nQuestion: {i % 3}?",
            "completion": "94,036",
            "question": f"Question: {i % 3}?",
            "kind": "a" if i % 2 else "b",
            "split": "train" if i % 5 else "test",
        }
        for i in range(n)
    ]
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(json.dumps(r) for r in made), encoding="utf-8")
    return path, made


def test_a_foreign_dataset_is_counted_by_the_tokenizer_named(folder, tmp_path):
    path, made = conversations(tmp_path)
    report = lengths_of(path, tokenizer=folder, template="chatml")
    head, tail = len("<user\n"), len(">\n<assistant\n")
    prompts = sorted(head + len(r["prompt"].encode()) + tail for r in made)
    assert (report.prompts["max"], report.prompts["p50"]) == (prompts[-1], prompts[14])
    assert report.answers["max"] == len("94,036>\n")
    assert report.by["kind"]["a"]["samples"] == report.by["kind"]["b"]["samples"] == 15
    assert set(report.by) == {"kind", "split"}
    assert not report.estimated
    assert report.max_length is None
    assert "logits of one row of 512 tokens over 260 ids" in report.memory


def test_without_a_tokenizer_lengths_are_said_to_be_estimates(tmp_path, capsys):
    path, _ = conversations(tmp_path)
    report = lengths_of(path)
    assert report.estimated
    assert report.recommended == 512
    told = Command(capsys)("lengths", path)
    assert told.code == 0
    assert "Lengths in tokens (estimated)" in told.out
    assert "recommended max_length: 512" in told.out


def test_the_verb_prints_json_for_machines(folder, tmp_path, capsys):
    path, made = conversations(tmp_path)
    told = Command(capsys)("lengths", path, "--tokenizer", folder, "--template", "chatml", "--json")
    data = json.loads(told.out)
    assert data["samples"] == len(made)
    assert [row["length"] for row in data["survival"][::2]][:3] == [512, 1024, 2048]
    assert data["survival"][0]["samples"] == 1.0


def test_rows_that_are_no_conversations_are_refused(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({"text": "only text"}), encoding="utf-8")
    with pytest.raises(ConfigError, match="lengths: the rows are plain text"):
        lengths_of(path)
