"""Two hundred samples for each template and tokenizer: tokens, mask and prefix, by properties.

Six kinds take turns: English, Chinese, white-space ends, an empty system message, several turns,
and text of control tokens. The oracle for tokens is `apply_chat_template`; the mask is held to
what the row says: the decoded trained tokens are the answer and its stop token, and nothing else.
"""

import itertools
import random
from dataclasses import dataclass, field

import pytest
from chat_probes import as_dicts, turn

from sftdata.chat.sandbox import RenderRefusedError
from sftdata.chat.template import BUNDLED, load_template
from sftdata.chat.tokenizer import load_tokenizer
from sftdata.chat.tokens import tokenise
from sftdata.chat.turns import render_sample

SAMPLES = 200
KINDS = ("english", "chinese", "blank_ends", "empty_system", "multi_turn", "special_text")
ENGLISH = [
    "What",
    "were",
    "total",
    "net",
    "sales",
    "of",
    "the",
    "year",
    "2024?",
    "Gross",
    "margin",
    "rose",
    "4.2",
    "%",
    "to",
    "$94,036",
    "million",
]
CHINESE = list("营业收入为一亿二千万元同比增长百分之十二患者血压正常出院医嘱每日一次，。")
CONTROL = ["<|im_end|>", "<|im_start|>", "</s>", "<|eot_id|>", "<end_of_turn>", "[INST]", "<s>"]
BLANKS = [" ", "\n", "  ", "\t", "\n\n", "\u3000", "\r\n"]


def words(rng, *, chinese=False):
    """A few words, an amount among them."""
    pool = CHINESE if chinese else ENGLISH
    text = ("" if chinese else " ").join(rng.choices(pool, k=rng.randint(1, 12)))
    return f"{text} {rng.randint(1, 10**6):,}"


def sample(number):
    """Return kind, prompt and completion of one sample; the same for every template."""
    kind = KINDS[number % len(KINDS)]
    rng = random.Random(number)
    chinese = kind == "chinese" or (kind != "english" and rng.random() < 0.5)

    def say():
        text = words(rng, chinese=chinese)
        if kind == "blank_ends":
            return rng.choice(BLANKS) + text + rng.choice(BLANKS)
        if kind == "special_text":
            at = rng.randrange(len(text))
            return text[:at] + rng.choice(CONTROL) + text[at:]
        return text

    system = {"empty_system": "", "english": "You extract figures.", "chinese": "你是财务助手。"}
    head = [turn("system", system[kind])] if kind in system else []
    earlier = [turn(role, say()) for _ in range(2) for role in ("user", "assistant")]
    turns = earlier if kind == "multi_turn" else []
    # The answer of a special-text sample is plain: what ends a turn there is the frame's alone.
    said = words(rng, chinese=chinese) if kind == "special_text" else say()
    return kind, [*head, *turns, turn("user", say())], [turn("assistant", said)]


@dataclass
class Tally:
    """What became of the samples of one template with one tokenizer."""

    rendered: int = 0
    tokens_equal: int = 0
    mask_exact: int = 0
    prefix_stable: int = 0
    kinds: set[str] = field(default_factory=set)
    refused: int = 0
    border: int = 0
    """Masks of which a border token also holds a character of the frame: told, not exact."""


def judge(template, tokenizer, hf):
    """Hold every sample to the oracle; return the tally."""
    tally = Tally()
    for number in range(SAMPLES):
        kind, prompt, completion = sample(number)
        messages = [*prompt, *completion]
        expected = oracle(hf, template, messages)
        try:
            rendered = render_sample(template, prompt, completion)
        except RenderRefusedError:
            assert expected is None, (template.name, kind)
            tally.refused += 1
            continue
        tally.rendered += 1
        tally.kinds.add(kind)
        (row,) = tokenise(tokenizer, [rendered]).rows
        tally.tokens_equal += row.ids.tolist() == expected
        tally.prefix_stable += rendered.prefix_stable
        exact = mask_is_the_answer(template, tokenizer, rendered, row, completion[0].content)
        tally.mask_exact += exact and row.exact
        tally.border += exact and not row.exact
    return tally


def oracle(hf, template, messages):
    import jinja2

    try:
        return hf.apply_chat_template(
            as_dicts(messages),
            chat_template=template.source,
            return_dict=False,
            **template.variables,
        )
    except (jinja2.TemplateError, TypeError):
        return None


def mask_is_the_answer(template, tokenizer, rendered, row, answer):
    """One run of trained tokens; decoded it is the answer as rendered, with its stop token."""
    runs = [key for key, _ in itertools.groupby(row.mask.tolist())]
    said = tokenizer.decode(row.ids[row.mask])
    (only,) = rendered.turns
    shown = rendered.text[only.start : only.end]
    # The text that is trained is the answer, apart from white space that the template rewrites.
    body, stop = rendered.text[only.start : only.content_end], template.stop
    assert " ".join(body.split()) == " ".join(answer.split()), (template.name, body)
    assert rendered.text[only.content_end : only.end] in {"", stop}, template.name
    assert runs.count(True) == 1, template.name
    if row.exact:
        return said == shown
    return shown in said


def assert_all(tally, *, allow_refused=0, unstable=0):
    assert tally.rendered + tally.refused == SAMPLES
    assert tally.refused <= allow_refused
    assert tally.tokens_equal == tally.rendered
    assert tally.mask_exact + tally.border == tally.rendered
    assert tally.prefix_stable == tally.rendered - unstable


def show(name, tokenizer, tally):
    print(  # the table of `pytest -s`
        f"| {name} | {tokenizer} | {tally.rendered} | {tally.tokens_equal} | {tally.mask_exact} "
        f"| {tally.border} | {tally.prefix_stable} | {tally.refused} |"
    )


@pytest.fixture(scope="module")
def hf(tiny_folders):
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(tiny_folders["bytes"])


@pytest.mark.parametrize("name", sorted(BUNDLED))
def test_bundled_templates(name, hf, tiny):
    template = load_template(name, tokenizer=tiny["bytes"])
    tally = judge(template, tiny["bytes"], hf)
    show(name, "tiny byte-level", tally)
    assert tally.kinds == set(KINDS)
    assert_all(tally)


@pytest.mark.real_data
@pytest.mark.slow
@pytest.mark.parametrize("layout", ["as stored", "as used"])
def test_public_templates(layout, chat_templates, hf, tiny):
    """Some files are laid out for reading; their authors take the layout out before use."""
    assert len(chat_templates) >= 18
    for path in chat_templates:
        template = load_template(str(path), tokenizer=tiny["bytes"])
        if layout == "as used" and "{%-" not in template.source:
            source = template.source.replace("    ", "").replace("\n", "")
            template = template.model_copy(update={"source": source})
        tally = judge(template, tiny["bytes"], hf)
        show(f"{path.stem}, {layout}", "tiny byte-level", tally)
        if layout == "as used":
            assert tally.prefix_stable == tally.rendered, path.stem
        assert tally.rendered + tally.refused == SAMPLES, path.stem
        assert tally.tokens_equal == tally.rendered >= SAMPLES // 2, path.stem
        assert tally.mask_exact + tally.border == tally.rendered, path.stem


@pytest.mark.slow
def test_real_tokenizers_with_their_own_templates(real_tokenizers):
    from transformers import AutoTokenizer

    for folder in real_tokenizers:
        tokenizer = load_tokenizer(str(folder))
        template = load_template("tokenizer", tokenizer=tokenizer)
        tally = judge(template, tokenizer, AutoTokenizer.from_pretrained(folder))
        show("own", folder.name, tally)
        assert tally.kinds == set(KINDS)
        assert_all(tally)


@pytest.mark.real_data
@pytest.mark.slow
def test_public_templates_with_real_tokenizers(chat_templates, real_tokenizers):
    """Each public template with each real tokenizer that has the tokens it names."""
    from transformers import AutoTokenizer

    judged = 0
    for folder in real_tokenizers:
        tokenizer = load_tokenizer(str(folder))
        theirs = AutoTokenizer.from_pretrained(folder)
        for path in chat_templates:
            source = path.read_text(encoding="utf-8")
            needs = [n for n in ("bos_token", "eos_token") if n in source]
            if any(n not in tokenizer.special_tokens for n in needs):
                continue
            template = load_template(str(path), tokenizer=tokenizer)
            tally = judge(template, tokenizer, theirs)
            show(path.stem, folder.name, tally)
            assert tally.tokens_equal == tally.rendered >= SAMPLES // 2, path.stem
            assert tally.mask_exact + tally.border == tally.rendered, path.stem
            judged += 1
    assert judged >= 18
