"""The terminal preview: what is trained is told apart, with and without colours."""

import re
from io import StringIO

import pytest
from rich.cells import cell_len
from rich.console import Console

from sftdata.chat.template import load_template
from sftdata.inspect import preview
from sftdata.types import Check, Message, Sample


def sample(context="Net sales were 94,036.", answer="94,036", **changes):
    values = {
        "sample_id": "s-1",
        "family": "finance/single_fact",
        "family_version": 1,
        "kind": "evidence",
        "domain": "finance",
        "locale": "en",
        "split": "train",
        "document_ids": ("d",),
        "group": "g",
        "prompt": (
            Message(role="system", content="You answer."),
            Message(role="user", content=context),
        ),
        "completion": (Message(role="assistant", content=answer),),
        "question": "?",
        "answer": "{}",
    }
    return Sample(**{**values, **changes})


def shown(samples, *, width=80, encoding="utf-8", full=False, colour=False, n=3, tokenizer=None):
    class File(StringIO):
        pass

    file = File()
    File.encoding = encoding
    console = Console(
        file=file,
        width=width,
        force_terminal=colour,
        color_system="truecolor" if colour else None,
        legacy_windows=False,
    )
    count = preview(samples, load_template("chatml"), n, console, full=full, tokenizer=tokenizer)
    return file.getvalue(), count


def test_without_colours_marks_stand_around_exactly_the_trained_text():
    text, count = shown([sample()])
    assert count == 1
    assert re.findall(r"⟦(.*?)⟧", text)[1:] == ["94,036<|im_end|>"]
    assert "\x1b" not in text
    assert "evidence · finance/single_fact v1 · train · en · ~" in text


def test_with_colours_the_marks_are_colours(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    text, _ = shown([sample()], colour=True)
    assert "⟦" not in text
    assert re.search(r"\x1b\[1;32m94,036<\|im_end\|>\x1b\[0m", text)


def test_terminals_without_unicode_get_plain_marks():
    text, _ = shown([sample()], encoding="ascii")
    assert "[[94,036<|im_end|>]]" in text


def test_a_long_context_is_folded_with_a_count_and_the_answer_never_is():
    context = "\n".join(f"line {i}" for i in range(200))
    answer = "\n".join(f"said {i}" for i in range(60))
    folded, _ = shown([sample(context, answer)])
    (hidden,) = re.findall(r"… ([\d,]+) lines hidden …", folded)
    visible = len(re.findall(r"\bline \d", folded))
    assert visible + int(hidden) == 200 + 5 - (18 - visible)
    assert all(f"said {i}" in folded for i in range(60))
    whole, _ = shown([sample(context, answer)], full=True)
    assert "hidden" not in whole
    assert all(f"line {i}" in whole for i in range(200))


def test_a_long_line_is_folded_in_its_middle():
    text, _ = shown([sample("营" * 2000)])
    (hidden,) = re.findall(r"… ([\d,]+)\s+characters\s+hidden …", text)
    assert text.count("营") + int(hidden.replace(",", "")) == 2000


def test_chinese_fits_the_width():
    text, _ = shown([sample("营业收入为一亿二千万元，" * 30, "净利润" * 40)], width=40)
    assert all(cell_len(line) <= 40 for line in text.splitlines()[1:])
    assert "".join(text.split()).count("净利润") == 40


def test_a_document_cannot_steer_the_terminal():
    evil = "a\x1b[2Jb\x07c\u202ed\x9b31me\rf"
    text, _ = shown([sample(evil, evil)], colour=True)
    assert "\x1b[2J" not in text
    assert not set("\x07\u202e\x9b\r") & set(text)
    assert text.count(r"a\x1b[2Jb\x07c\u202ed\x9b31me\x0df") == 2


def test_markup_in_documents_is_text():
    text, _ = shown([sample("[bold]x[/bold] [link=http://a]y[/link]")])
    assert "[bold]x[/bold] [link=http://a]y[/link]" in text


def test_twins_failed_checks_and_counts_are_told():
    failing = Check(name="no_special_tokens", passed=False)
    refusal = sample(
        kind="refusal",
        twin_of="s-0",
        reason_code="not_in_context",
        checks=(failing,),
        prompt_tokens=1234,
        completion_tokens=5,
        tokens_estimated=False,
    )
    text, _ = shown([refusal], width=200)
    assert "1,234 + 5 tokens · twin of s-0 · not_in_context · failed: no_special_tokens" in text


@pytest.mark.parametrize("n", [0, 1, 2, 5])
def test_only_the_first_n_are_shown(n):
    text, count = shown([sample(sample_id=f"s-{i}") for i in range(3)], n=n)
    assert count == min(n, 3)
    assert [f"s-{i}" in text for i in range(3)] == [i < n for i in range(3)]


def test_a_refused_conversation_is_told_and_the_next_one_shown():
    gemma = load_template("gemma")
    twice = (Message(role="user", content="a"), Message(role="user", content="b"))
    file = StringIO()
    samples = [sample(prompt=twice), sample(sample_id="s-2")]
    assert preview(samples, gemma, 2, Console(file=file, width=100)) == 2
    assert "not rendered: the chat template refuses the conversation: user and" in file.getvalue()
    assert "94,036<end_of_turn>" in file.getvalue()
