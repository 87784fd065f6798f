"""Rows as tokens: what a cut loses is found, in our rows and in rows that came as tokens."""

import json

import pytest
from byte_tokenizer import make_byte_tokenizer

from sftdata.audit import audit
from sftdata.stages.render import Render

NAMES = ["trained_rows", "token_labels", "length"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_byte_tokenizer(tmp_path_factory.mktemp("bytes"))


def rows(n=4, context="Net sales were 94,036.", **more):
    return [
        {
            "id": f"r{i}",
            "prompt": f"{context} {i}\n\n问题：营收？",
            "completion": f"94,036 ({i})",
            "question": "问题：营收？",
            "evidence": [
                {"document_id": "d", "start": 0, "end": 22, "quote": "Net sales were 94,036."}
            ],
            "split": "train" if i else "test",
            **more,
        }
        for i in range(n)
    ]


def check(dataset, name="trained_rows", **options):
    return audit(dataset, checks=NAMES, **options).check(name)


def render(folder, limit=10_000, **more):
    return Render(tokenizer=folder, template="chatml", max_length=limit, **more)


def length_of(row):
    text = f"<user\n{row['prompt']}>\n<assistant\n{row['completion']}>\n"  # a byte per marker
    return len(text.encode())


def faults(result):
    return {f.message.partition(" rows ")[2]: set(f.ids) for f in result.findings}


def test_whole_rows_pass_and_lengths_are_those_counted_by_hand(folder):
    made = rows()
    result = check(made, template=render(folder))
    assert result.status == "passed"
    assert result.metrics["lengths"]["max"] == max(map(length_of, made))
    assert result.metrics["rows"] == 4


def test_without_a_tokenizer_it_is_not_verified(folder):
    assert check(rows()).status == "not_verified"
    result = check(rows(), template="chatml")
    assert result.status == "not_verified"
    assert "no tokenizer" in result.why
    assert check(rows(), tokenizer=folder, template="chatml").status == "passed"


def test_each_part_that_the_cut_loses_is_named(folder):
    made = rows()
    size = length_of(made[0])
    head = len("<user\n")
    asked = head + len(made[0]["prompt"].encode())
    quoted = head + len(b"Net sales were 94,036.")
    answered = size - 1  # the line feed after the stop token is not trained
    words = {
        answered: set(),
        answered - 1: {"lose the end of the answer and its stop token at the limit"},
        asked: {
            "lose the end of the answer and its stop token at the limit",
            "have no token in the loss",
        },
        asked - 1: {
            "lose the end of the answer and its stop token at the limit",
            "have no token in the loss",
            "lose the question at the limit",
        },
        quoted - 1: {
            "lose the end of the answer and its stop token at the limit",
            "have no token in the loss",
            "lose the question at the limit",
            "lose evidence at the limit",
        },
    }
    for limit, expected in words.items():
        result = check(made, template=render(folder, limit))
        assert set(faults(result)) == expected, limit
        assert result.status == ("failed" if expected else "passed")
        assert all(len(ids) == 4 for ids in faults(result).values())


def test_only_the_rows_concerned_are_named_and_declared_ones_warn(folder):
    made = rows()
    made[2]["prompt"] = "Net sales were 94,036. " * 20 + made[2]["prompt"]
    limit = max(length_of(r) for r in made if r["id"] != "r2")
    result = check(made, template=render(folder, limit))
    assert result.status == "failed"
    assert {i for f in result.findings for i in f.ids} == {"r2"}
    for row in made:
        row["over_length"] = row["id"] == "r2"
    assert check(made, template=render(folder, limit)).status == "warned"


def test_a_template_that_drops_or_rewrites_the_answer_is_found(folder, tmp_path):
    path = tmp_path / "shout.jinja"
    body = "{% for m in messages %}<s>{{ m.role }}\n"
    body += "{{ m.content | upper if m.role == 'assistant' else m.content }}</s>{% endfor %}"
    body += "{% if add_generation_prompt %}<s>assistant\n{% endif %}"
    path.write_text(body, encoding="utf-8")
    made = rows()
    made[1]["completion"] = "net sales 94,036"
    result = check(made, template=Render(tokenizer=folder, template=str(path)))
    assert faults(result) == {"train other text than their answer and its stop token": {"r1"}}


def test_a_template_that_hides_the_system_evidence_is_found(folder, tmp_path):
    path = tmp_path / "mute.jinja"
    body = "{% for m in messages %}{% if m.role != 'system' %}<s>{{ m.role }}\n{{ m.content }}</s>"
    body += "{% endif %}{% endfor %}{% if add_generation_prompt %}<s>assistant\n{% endif %}"
    path.write_text(body, encoding="utf-8")
    made = [
        {
            **row,
            "prompt": [
                {"role": "system", "content": "Net sales were 94,036."},
                {"role": "user", "content": "问题：营收？"},
            ],
            "completion": [{"role": "assistant", "content": row["completion"]}],
        }
        for row in rows()
    ]
    result = check(made, template=Render(tokenizer=folder, template=str(path)))
    assert set(faults(result)) == {"do not show their evidence in the decoded prompt"}


def tokens(n=24):
    """Return rows of tokens by hand: 1… prompt, 7 7 answer, 9 stop, 10 line feed."""
    made = []
    for i in range(n):
        prompt = [1] * (3 + i % 4)
        made.append(
            {
                "id": f"t{i}",
                "input_ids": [*prompt, 7, 7, 9, 10],
                "labels": [-100] * len(prompt) + [7, 7, 9, -100],
                "split": "train" if i % 5 else "test",
            }
        )
    return made


PLANTED = {
    "untrained": ({"labels": [-100] * 7}, "have no token in the loss"),
    "foreign": ({"labels": [-100, -100, -100, 7, 8, 9, -100]}, "neither -100 nor the token"),
    "prompt": ({"labels": [1, 1, 1, 7, 7, 9, -100]}, "very first token in the loss"),
    "cut": ({"input_ids": [1, 1, 1, 7, 7], "labels": [-100, -100, -100, 7, 7]}, "stop token"),
    "unequal": ({"labels": [-100, 7, 9]}, "different lengths"),
}


def test_rows_that_came_as_tokens_pass(tmp_path):
    path = tmp_path / "train.jsonl"
    path.write_text("\n".join(json.dumps(r) for r in tokens()), encoding="utf-8")
    result = check(path, "token_labels")
    assert (result.status, result.metrics["stop_token"]) == ("passed", 9)
    assert result.metrics["trained"] == 72
    assert check(rows(), "token_labels").status == "not_verified"


@pytest.mark.parametrize("fault", sorted(PLANTED))
def test_planted_faults_in_tokens_are_named(fault):
    changes, words = PLANTED[fault]
    made = tokens()
    made[4] |= changes  # its prompt has three tokens
    result = check(made, "token_labels")
    assert result.status == "failed"
    (finding,) = result.findings
    assert words in finding.message
    assert finding.ids == ("t4",)


def test_a_whole_audit_of_tokens_runs_and_reads_them_with_their_tokenizer(folder):
    made = [
        {"input_ids": list(f"q{i}?".encode()), "labels": [-100] * 3, "split": s}
        for i, s in enumerate(("train", "test", "train"))
    ]
    for row in made:
        row["input_ids"] += list(b"yes")
        row["labels"] = [*row["labels"], *b"yes"]
    plain = audit(made)
    assert plain.check("token_labels").status == "passed"
    assert plain.check("near_samples").status == "not_verified"
    read = audit(made, tokenizer=folder)
    assert read.check("near_samples").status != "not_verified"
