"""The mask: exactly what the assistant says and its stop token, for any template and tokenizer."""

import contextlib
import unicodedata

import numpy as np
import pytest
from chat_probes import KINDS, as_dicts, conversations, turn
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from sftdata.chat import encoding
from sftdata.chat.encoding import Encoder
from sftdata.chat.sandbox import RenderRefusedError
from sftdata.chat.template import BUNDLED, load_template
from sftdata.chat.tokenizer import load_tokenizer
from sftdata.chat.tokens import count_tokens, estimate_lengths, tokenise
from sftdata.chat.turns import render_sample

TRIMMING = {"llama3", "gemma", "mistral", "phi3"}


def said(template, content):
    return content.strip() if template.name in TRIMMING else content


def trained_text(rendered):
    return "".join(rendered.text[t.start : t.end] for t in rendered.turns)


def assert_mask_is_exact(tokenizer, rendered, row):
    """State the properties, with nothing but the tokenizer's own decode as judge."""
    assert row.mask.shape == row.ids.shape
    expected = trained_text(rendered)
    decoded = tokenizer.decode(row.ids[row.mask])
    if row.exact and row.bytes_known:
        assert decoded == expected
    elif row.bytes_known:
        # Border tokens carry characters of the frame; without them nothing but the turns is left.
        assert expected.strip() in decoded or len(rendered.turns) > 1
        assert len(decoded) - len(expected) <= 12 * len(rendered.turns)
    assert row.prompt_tokens + row.completion_tokens == len(row.ids)
    assert (row.labels[row.mask] == row.ids[row.mask]).all()
    assert (row.labels[~row.mask] == -100).all()


@pytest.mark.parametrize("kind", ["bytes", "trimmed", "nfc"])
@pytest.mark.parametrize("name", sorted(BUNDLED))
def test_mask_covers_the_completion_and_its_stop_token(name, kind, tiny):
    tokenizer = tiny[kind]
    template = load_template(name, tokenizer=tokenizer)
    seen = 0
    for prompt, completion in conversations():
        try:
            rendered = render_sample(template, prompt, completion)
        except RenderRefusedError:
            continue
        assert rendered.prefix_stable
        assert rendered.inserted == ""
        answers = [said(template, m.content) for m in completion if m.role == "assistant"]
        lead = " " if name == "mistral" else ""
        assert trained_text(rendered) == "".join(lead + a + template.stop for a in answers)
        (row,) = tokenise(tokenizer, [rendered]).rows
        assert row.bytes_known
        assert_mask_is_exact(tokenizer, rendered, row)
        seen += 1
    assert seen >= 20


@pytest.mark.parametrize("kind", KINDS)
def test_where_the_tokenizer_has_the_stop_token_the_mask_is_exact(kind, tiny):
    tokenizer = tiny[kind]
    template = load_template("llama3", tokenizer=tokenizer)
    for prompt, completion in conversations():
        rendered = render_sample(template, prompt, completion)
        (row,) = tokenise(tokenizer, [rendered]).rows
        stop = tokenizer.id_of("<|eot_id|>")
        trained = row.ids[row.mask]
        assert trained[-1] == stop
        assert (trained == stop).sum() == len(rendered.turns)
        assert row.bytes_known == (kind != "metaspace")
        if kind == "metaspace":
            decoded = tokenizer.decode(trained).replace(" ", "").replace("<unk>", "")
            wanted = trained_text(rendered).replace(" ", "")
            assert set(decoded) <= set(wanted)
        else:
            assert row.exact


WORDS = st.text(
    alphabet=st.one_of(
        st.sampled_from(list(" \n\t.,{}\"'<>|[]:0123456789abcXYZ$%-")),
        st.sampled_from(list("净利润营业收入，。：患者血压亿元％（）")),
        st.characters(exclude_categories=("Cs", "Co")),
    ),
    max_size=40,
)


@settings(max_examples=120, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    system=st.one_of(st.none(), WORDS),
    user=WORDS,
    answer=WORDS,
    name=st.sampled_from(sorted(BUNDLED)),
    kind=st.sampled_from(["bytes", "trimmed", "nfc"]),
)
def test_mask_properties(system, user, answer, name, kind, tiny):
    tokenizer = tiny[kind]
    template = load_template(name, tokenizer=tokenizer)
    assume(not template.special_text_in(" ".join([system or "", user, answer])))
    head = [] if system is None else [turn("system", system)]
    rendered = render_sample(template, [*head, turn("user", user)], [turn("assistant", answer)])
    assert rendered.prefix_stable
    lead = " " if name == "mistral" else ""
    assert trained_text(rendered) == lead + said(template, answer) + template.stop
    (row,) = tokenise(tokenizer, [rendered]).rows
    assert_mask_is_exact(tokenizer, rendered, row)
    # Every token is on the right side: the unmasked ones in front hold no byte of the answer.
    before = tokenizer.decode(row.ids[: row.prompt_tokens])
    if row.bytes_known and row.exact:
        assert before == rendered.text[: rendered.turns[0].start]


@settings(max_examples=60, deadline=None)
@given(texts=st.lists(WORDS, max_size=6))
def test_counting_is_encoding(texts, tiny):
    tokenizer = tiny["bytes"]
    lengths = [len(ids) for ids in tokenizer.encode(texts)]
    assert count_tokens(tokenizer, texts).tolist() == lengths


PIECES = st.lists(
    st.one_of(WORDS, st.sampled_from(["<s>", "</s>", "<|im_end|>", "<think>", "<table>", "\n\n"])),
    max_size=9,
).map("".join)


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(batches=st.lists(st.lists(PIECES, max_size=4), max_size=5), kind=st.sampled_from(KINDS))
def test_pieces_give_the_ids_of_the_whole_text(batches, kind, tiny):
    """The oracle is the tokenizer on each whole text; the encoder remembers from batch to batch."""
    encoder = Encoder(tiny[kind])
    expected = [[ids.tolist() for ids in tiny[kind].encode(texts)] for texts in batches]
    assert [[e.ids.tolist() for e in encoder.encode(texts)] for texts in batches] == expected
    streamed = list(encoder.stream((str(n), texts) for n, texts in enumerate(batches)))
    assert [name for name, _ in streamed] == [str(n) for n in range(len(batches))]
    assert [[e.ids.tolist() for e in encoded] for _, encoded in streamed] == expected
    for texts, (_, encoded) in zip(batches, streamed, strict=True):
        for text, one in zip(texts, encoded, strict=True):
            if one.sizes is not None:
                assert one.sizes.sum() == len(text.encode())
                ends = one.sizes.cumsum().tolist()
                for last, end in zip(one.ids.tolist(), ends, strict=True):
                    assert text.encode()[:end].endswith(tiny[kind].spelling[last])


def test_only_what_cannot_change_ids_is_cut_at_borders(tiny):
    """A SentencePiece model looks at where a piece begins; it is given whole texts."""
    assert tiny["bytes"].borders is not None
    assert tiny["bytes"].borders.split("a<s>b<|im_end|>c") == ["a", "<s>", "b", "<|im_end|>", "c"]
    assert tiny["metaspace"].borders is None


def test_memory_is_bounded(tiny, monkeypatch):
    monkeypatch.setattr(encoding, "REMEMBERED", 8)
    encoder = Encoder(tiny["bytes"])
    for number in range(40):
        encoder.encode([f"again {number}<s>{number}", f"again {number}<s>", f"once {number}"])
    assert 0 < len(encoder._known) <= 8


@pytest.mark.slow
def test_real_tokenizers_give_the_ids_of_the_whole_text(real_tokenizers):
    for folder in real_tokenizers:
        tokenizer = load_tokenizer(str(folder))
        template = load_template("tokenizer", tokenizer=tokenizer)
        texts = []
        for prompt, completion in conversations():
            with contextlib.suppress(RenderRefusedError):
                texts.append(render_sample(template, prompt, completion).text)
        odd = sorted(tokenizer.added_tokens)[:: max(1, len(tokenizer.added_tokens) // 40)]
        texts += [f"a {token}{token[:-1]} b\n{token}\n\n净利润{token}é " for token in odd]
        encoder = Encoder(tokenizer)
        for one, ids in zip(encoder.encode(texts * 2), tokenizer.encode(texts * 2), strict=True):
            assert one.ids.tolist() == ids.tolist(), folder.name


def test_nothing_is_cut_though_the_file_says_so(tiny):
    text = "净利润 94,036 " * 200
    ids = tiny["bytes"].encode([text])[0]
    assert len(ids) > 24
    assert tiny["bytes"].decode(ids) == text


def test_no_second_bos(tiny):
    tokenizer = tiny["bytes"]
    template = load_template("llama3", tokenizer=tokenizer)
    rendered = render_sample(template, [turn("user", "a")], [turn("assistant", "b")])
    (row,) = tokenise(tokenizer, [rendered]).rows
    assert (row.ids == tokenizer.id_of("<s>")).sum() == 1


def test_agrees_with_the_library_mask_where_that_one_is_right(tiny_folders, tiny):
    """`{% generation %}` markers and no white space at the ends: transformers is an oracle."""
    from transformers import AutoTokenizer

    source = (
        "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' }}"
        "{% if m.role == 'assistant' %}{% generation %}{{ m.content + '<|im_end|>' }}"
        "{% endgeneration %}{% else %}{{ m.content + '<|im_end|>' }}{% endif %}{{ '\n' }}"
        "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
    )
    theirs = AutoTokenizer.from_pretrained(tiny_folders["bytes"])
    template = load_template("chatml", tokenizer=tiny["bytes"]).model_copy(
        update={"source": source}
    )
    compared = 0
    for prompt, completion in conversations():
        contents = [m.content for m in completion if m.role == "assistant"]
        earlier = any(m.role == "assistant" for m in prompt)
        if earlier or any(c != c.strip() or not c for c in contents):
            continue
        expected = theirs.apply_chat_template(
            as_dicts([*prompt, *completion]),
            chat_template=source,
            return_dict=True,
            return_assistant_tokens_mask=True,
        )
        (row,) = tokenise(tiny["bytes"], [render_sample(template, prompt, completion)]).rows
        assert row.ids.tolist() == expected["input_ids"]
        assert row.mask.astype(int).tolist() == expected["assistant_masks"]
        compared += 1
    assert compared >= 8


def test_a_prompt_that_is_not_a_prefix_is_reported_and_still_masked(tiny):
    source = (
        "{{ messages | length }} turns\n{% for m in messages %}"
        "<s>{{ m.role }}\n{{ m.content }}</s>{% endfor %}"
        "{% if add_generation_prompt %}<s>assistant\n{% endif %}"
    )
    template = load_template("chatml", tokenizer=tiny["bytes"]).model_copy(
        update={"source": source}
    )
    rendered = render_sample(template, [turn("user", "一")], [turn("assistant", " 二 ")])
    assert not rendered.prefix_stable
    assert trained_text(rendered) == " 二 </s>"
    (row,) = tokenise(tiny["bytes"], [rendered]).rows
    assert row.exact


def test_inserted_think_blocks_are_reported_and_not_trained(tiny):
    source = (
        "{% for m in messages %}<s>{{ m.role }}\n"
        "{% if m.role == 'assistant' and '</think>' not in m.content %}"
        "<think>\n\n</think>\n\n{% endif %}{{ m.content }}</s>{% endfor %}"
        "{% if add_generation_prompt %}<s>assistant\n{% if quiet %}<think>\n\n</think>\n\n{% endif %}"
        "{% endif %}"
    )
    template = load_template("chatml", tokenizer=tiny["bytes"]).model_copy(
        update={"source": source}
    )
    ask = [turn("user", "?")]
    rendered = render_sample(template, ask, [turn("assistant", "42")])
    assert rendered.inserted == "<think>\n\n</think>\n\n"
    assert trained_text(rendered) == "42</s>"
    thought = render_sample(template, ask, [turn("assistant", "<think>x</think>42")])
    assert (thought.inserted, trained_text(thought)) == ("", "<think>x</think>42</s>")
    quiet = template.model_copy(update={"variables": {"quiet": True}})
    assert render_sample(quiet, ask, [turn("assistant", "42")]).inserted == ""


@pytest.mark.parametrize(
    "source",
    [
        "{% for m in messages %}{% if m.role == 'user' %}{{ m.content }}{% endif %}{% endfor %}",
        "{% for m in messages %}{{ m.content }}{{ m.content }}{% endfor %}",
    ],
)
def test_an_answer_that_is_hidden_or_doubled_is_refused(source):
    template = load_template("chatml").model_copy(update={"source": source})
    with pytest.raises((RenderRefusedError, Exception), match="print"):
        render_sample(template, [turn("user", "q")], [turn("assistant", "a")])


@pytest.mark.real_data
def test_public_templates_mask_the_answer(chat_templates, tiny):
    tokenizer = tiny["trimmed"]
    for path in chat_templates:
        template = load_template(str(path), tokenizer=tokenizer)
        seen = 0
        for prompt, completion in conversations():
            try:
                rendered = render_sample(template, prompt, completion)
            except RenderRefusedError:
                continue
            for one, message in zip(
                rendered.turns, [m for m in completion if m.role == "assistant"], strict=True
            ):
                shown = rendered.text[one.start : one.content_end]
                lines = " ".join(message.content.split())
                assert " ".join(shown.split()) == lines, path.stem
                assert rendered.text[one.content_end : one.end] in {"", template.stop}
            (row,) = tokenise(tokenizer, [rendered]).rows
            assert_mask_is_exact(tokenizer, rendered, row)
            seen += 1
        assert seen >= 10, path.stem


@pytest.mark.slow
def test_real_tokenizers_mask_exactly(real_tokenizers):
    for folder in real_tokenizers:
        tokenizer = load_tokenizer(str(folder))
        template = load_template("tokenizer", tokenizer=tokenizer)
        for prompt, completion in conversations():
            try:
                rendered = render_sample(template, prompt, completion)
            except RenderRefusedError:
                continue
            (row,) = tokenise(tokenizer, [rendered]).rows
            assert row.bytes_known, folder.name
            assert_mask_is_exact(tokenizer, rendered, row)
            assert row.ids[row.mask][-1] == tokenizer.id_of(template.stop)


def test_estimates_without_a_tokenizer():
    template = load_template("chatml")
    rendered = render_sample(template, [turn("user", "净" * 100)], [turn("assistant", "利" * 50)])
    prompt, completion = estimate_lengths(rendered)
    assert 100 <= prompt <= 120
    assert 50 <= completion <= 56


def test_rows_do_not_depend_on_their_company(tiny):
    template = load_template("chatml", tokenizer=tiny["bytes"])
    rendered = [render_sample(template, p, c) for p, c in conversations()]
    together = tokenise(tiny["bytes"], rendered)
    for one, row in zip(rendered, together.rows, strict=True):
        (alone,) = tokenise(tiny["bytes"], [one]).rows
        assert np.array_equal(alone.ids, row.ids)
        assert np.array_equal(alone.mask, row.mask)
    assert together.lengths.tolist() == [len(r.ids) for r in together.rows]


@pytest.mark.parametrize("ask", ["?", "\u0958?", "营e\u0301收"])
def test_where_the_tokenizer_rewrites_text_its_offsets_are_used(ask, tiny):
    """NFC shortens e + accent by a byte and lengthens U+0958 by three: sums can come out even."""
    tokenizer = tiny["nfc"]
    template = load_template("llama3", tokenizer=tokenizer)
    answer = "cafe\u0301, e\u0301, e\u0301 — 净利润"
    rendered = render_sample(template, [turn("user", ask)], [turn("assistant", answer)])
    (row,) = tokenise(tokenizer, [rendered]).rows
    assert not row.bytes_known
    wanted = unicodedata.normalize("NFC", answer) + "<|eot_id|>"
    assert tokenizer.decode(row.ids[row.mask]) == wanted
