"""Samples as trained rows: the ids that transformers gives, labels on the answer and its stop."""

import dataclasses

import pytest
from byte_tokenizer import make_byte_tokenizer

from sftdata.chat.template import BUNDLED, load_template
from sftdata.chat.tokenizer import load_tokenizer
from sftdata.trained_rows import TRAINED_ROWS, trained_rows
from sftdata.types import Message, Sample, to_table

ANSWERS = ["94,036", "净利润为12亿元。", '{"a": null}', "a\n\nb", "é😀"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_byte_tokenizer(tmp_path_factory.mktemp("bytes"))


def samples(n):
    rows = []
    for number in range(n):
        ask = f"Passages:\n\n[P1] 年报\n\nNet sales {number}.\n\n问题：营收？"
        rows.append(
            Sample(
                sample_id=f"s-{number:03d}",
                family="f",
                family_version=1,
                kind="evidence",
                domain="finance",
                locale="en",
                split="train",
                document_ids=("d",),
                group="g",
                prompt=(
                    Message(role="system", content=f"System {number % 3}."),
                    Message(role="user", content=ask),
                ),
                completion=(Message(role="assistant", content=ANSWERS[number % 5]),),
                question="营收？",
                answer="{}",
            )
        )
    return rows


@pytest.mark.parametrize("name", ["chatml", "qwen", "llama3"])
def test_rows_are_those_of_transformers(name, folder):
    """Across batches, in order; more samples than three batches hold."""
    from transformers import AutoTokenizer

    tokenizer = load_tokenizer(folder)
    template = load_template(name, tokenizer=tokenizer)
    made = samples(600)
    tables = list(trained_rows(to_table(made, Sample), template, tokenizer))
    assert all(table.schema.equals(TRAINED_ROWS) for table in tables)
    rows = [row for table in tables for row in table.to_pylist()]
    assert [row["sample_id"] for row in rows] == [sample.sample_id for sample in made]
    theirs = AutoTokenizer.from_pretrained(folder)
    for sample, row in list(zip(made, rows, strict=True))[::37]:
        messages = [
            {"role": m.role, "content": m.content} for m in (*sample.prompt, *sample.completion)
        ]
        expected = theirs.apply_chat_template(
            messages, chat_template=template.source, tokenize=True, return_dict=True
        )
        assert row["input_ids"] == expected["input_ids"]


@pytest.mark.parametrize("name", sorted(BUNDLED))
def test_labels_are_the_answer_and_its_stop_token_and_nothing_else(name, folder):
    tokenizer = load_tokenizer(folder)
    template = load_template(name, tokenizer=tokenizer)
    made = samples(10)
    if name in ("gemma", "mistral"):
        made = [sample_without_system(s) for s in made]
    (table,) = trained_rows(to_table(made, Sample), template, tokenizer)
    for sample, row in zip(made, table.to_pylist(), strict=True):
        pairs = zip(row["input_ids"], row["labels"], strict=True)
        assert all(label in (-100, number) for number, label in pairs)
        trained = [label for label in row["labels"] if label != -100]
        first = next(i for i, label in enumerate(row["labels"]) if label != -100)
        # One run, to which nothing but the template's own white space is added.
        assert row["labels"][first : first + len(trained)] == trained
        said = tokenizer.decode(trained)
        assert said.strip() == sample.completion[0].content.strip() + template.stop.strip()
        assert template.stop
        before = tokenizer.decode(row["input_ids"][:first])
        assert sample.question in before
        assert sample.completion[0].content not in before.replace(sample.prompt[-1].content, "")


def sample_without_system(sample):
    return dataclasses.replace(sample, prompt=sample.prompt[1:])


def test_no_samples_make_no_rows(folder):
    tokenizer = load_tokenizer(folder)
    template = load_template("chatml", tokenizer=tokenizer)
    assert list(trained_rows(to_table([], Sample), template, tokenizer)) == []


def test_what_the_template_refuses_is_an_error_and_not_a_missing_row(folder):
    tokenizer = load_tokenizer(folder)
    template = load_template("gemma", tokenizer=tokenizer)
    twice = (Message(role="user", content="a"), Message(role="user", content="b"))
    bad = dataclasses.replace(samples(1)[0], prompt=twice)
    with pytest.raises(ValueError, match="refuses the conversation"):
        list(trained_rows(to_table([*samples(300)[1:], bad], Sample), template, tokenizer))
