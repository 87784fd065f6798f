"""Cutting at empty lines: the tokenizer on the whole text is the oracle, for every known rule."""

import json
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import Regex, decoders, models, normalizers, pre_tokenizers
from tokenizers import Tokenizer as Backend
from tokenizers.trainers import BpeTrainer

from sftdata.chat import pieces as pieces_module
from sftdata.chat.encoding import Encoder
from sftdata.chat.pieces import cut_at_paragraphs, paragraphs
from sftdata.chat.tokenizer import load_tokenizer

SAID = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
END = r"\s*[\r\n]+|\s+(?!\S)|\s+"
UPPER, LOWER = r"\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}", r"\p{Ll}\p{Lm}\p{Lo}\p{M}"
OTHER = r"[^\r\n\p{L}\p{N}]?"
RULES = {
    "qwen": [rf"{SAID}|{OTHER}\p{{L}}+|\p{{N}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|{END}"],
    "llama3": [rf"{SAID}|{OTHER}\p{{L}}+|\p{{N}}{{1,3}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|{END}"],
    "qwen3.5": [
        rf"{SAID}|{OTHER}[\p{{L}}\p{{M}}]+|\p{{N}}| ?[^\s\p{{L}}\p{{M}}\p{{N}}]+[\r\n]*|{END}"
    ],
    "o200k": [
        rf"{OTHER}[{UPPER}]*[{LOWER}]+{SAID}?|{OTHER}[{UPPER}]+[{LOWER}]*{SAID}?"
        rf"|\p{{N}}{{1,3}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n/]*|{END}"
    ],
    "deepseek": [
        r"\p{N}{1,3}",
        "[一-龥\u3040-ゟ゠-ヿ]+",
        r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^"""
        "\r\n"
        r"\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+["
        "\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+",
    ],
}
CORPUS = [
    "[P1]\n\nNet sales were $94,036 million.\n\n\n| a | b |\n|---|---|\n\n 营业收入为1.2亿元。\n\n患者",
    "it's\n\nHE'LL /path\n/x\n\n//a  \n\n  b\t\n\n\r\n\r\nc\n\n1234.5%\n\n(12) é\n\nÉa ー カナ\n\n",
] * 6


def backend_of(rules, normalizer=None, tail=None, behavior="isolated"):
    backend = Backend(models.BPE())
    splits = [pre_tokenizers.Split(Regex(rule), behavior) for rule in rules]
    plain = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    backend.pre_tokenizer = pre_tokenizers.Sequence([*splits, tail or plain])
    backend.normalizer = normalizer
    backend.decoder = decoders.ByteLevel()
    trainer = BpeTrainer(
        vocab_size=700,
        special_tokens=["<s>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator(CORPUS, trainer)
    return backend


def config_of(backend):
    return json.loads(backend.to_str())


@pytest.fixture(scope="module")
def backends():
    return {name: backend_of(rules, normalizers.NFC()) for name, rules in RULES.items()}


PARTS = st.one_of(
    st.sampled_from(
        ["\n\n", "\n", "\r\n", " ", "  ", "\t", "/", "'s", "'", "[P1]", "| a |", "1", "12"]
    ),
    st.sampled_from(
        ["净利润", "患者", "カ", "é", "e\u0301", "\u0301", "ﬁ", "Ab", "x", ".", "。", "（"]
    ),
    st.characters(exclude_categories=("Cs",)),
)


@settings(max_examples=400, suppress_health_check=list(HealthCheck), deadline=None)
@given(text=st.lists(PARTS, max_size=30).map("".join), name=st.sampled_from(sorted(RULES)))
def test_no_word_reaches_over_an_empty_line(text, name, backends, monkeypatch):
    monkeypatch.setattr(pieces_module, "_LEAST", 0)
    backend = backends[name]
    assert cut_at_paragraphs(config_of(backend))
    found = paragraphs(text)
    assert "".join(found) == text
    ids = [i for piece in found for i in backend.encode(piece).ids]
    assert ids == backend.encode(text).ids


def test_paragraphs_are_cut_where_a_word_begins_for_sure(monkeypatch):
    monkeypatch.setattr(pieces_module, "_LEAST", 0)
    text = "[P1]\n\nSales\n\n/x\n\n\ny\n\n净利\n\n 12\n\n"
    assert paragraphs(text) == ["[P1]\n\n", "Sales\n\n/x\n\n\ny\n\n", "净利\n\n 12\n\n"]
    assert paragraphs("") == []
    assert paragraphs("\n\nA") == ["\n\n", "A"]


@pytest.mark.parametrize(
    "backend",
    [
        pytest.param(lambda: backend_of(RULES["qwen"], normalizers.NFKC()), id="NFKC"),
        pytest.param(lambda: backend_of(RULES["qwen"], normalizers.Strip()), id="strips"),
        pytest.param(lambda: backend_of([r"\s+(?!\S)|\s*[\r\n]+|\s+"]), id="blanks first"),
        pytest.param(lambda: backend_of([r"\p{L}+|\s+(?!\S)|\s+"]), id="no rule for lines"),
        pytest.param(lambda: backend_of([r"[^\s]+\s*|\s*[\r\n]+"]), id="unknown rule"),
        pytest.param(lambda: backend_of(RULES["qwen"], behavior="removed"), id="removed"),
        pytest.param(
            lambda: backend_of(RULES["qwen"], tail=pre_tokenizers.ByteLevel(use_regex=False)),
            id="prefix space",
        ),
        pytest.param(
            lambda: backend_of(RULES["qwen"], tail=pre_tokenizers.ByteLevel(False)), id="GPT-2 too"
        ),
        pytest.param(lambda: backend_of([], tail=pre_tokenizers.ByteLevel(False)), id="GPT-2"),
    ],
)
def test_what_is_not_sure_is_not_cut(backend):
    assert not cut_at_paragraphs(config_of(backend()))


def test_an_added_token_that_takes_blanks_forbids_it(backends):
    config = config_of(backends["qwen"])
    assert cut_at_paragraphs(config)
    for change in ({"lstrip": True}, {"rstrip": True}, {"single_word": True}, {"content": "\n\nA"}):
        added = [{**config["added_tokens"][0], **change}, *config["added_tokens"][1:]]
        assert not cut_at_paragraphs({**config, "added_tokens": added})


def passages(rng, count):
    words = [
        "Net sales",
        "$94,036",
        "rose 5.2%",
        "营业收入",
        "1,234.5万元",
        "mmHg",
        "\n",
        " ",
        "| a |",
    ]
    return ["".join(rng.choices(words, k=rng.randint(5, 60))) for _ in range(count)]


def sample_texts(rng, known, count):
    texts = []
    for _ in range(count):
        chosen = rng.sample(known, 4)
        body = "\n\n".join(f"[P{i}]\n\n{passage}" for i, passage in enumerate(chosen, 1))
        texts.append(f"<s>user\n{body}\n\nQuestion: {rng.random()}<|im_end|>")
    return texts


def test_passages_that_come_again_are_tokenised_once(tmp_path):
    """The ids stay those of the whole text, in whatever way a batch was cut."""
    from transformers import PreTrainedTokenizerFast

    PreTrainedTokenizerFast(tokenizer_object=backend_of(RULES["qwen"])).save_pretrained(tmp_path)
    tokenizer = load_tokenizer(str(tmp_path))
    rng = random.Random(3)
    known = passages(rng, 12)
    batches = [(n, sample_texts(rng, known, 16)) for n in range(12)]
    encoder, given = Encoder(tokenizer), []
    encode = tokenizer.encode_lists
    tokenizer.encode_lists = lambda texts: given.append(sum(map(len, texts))) or encode(texts)
    found = [[one.ids.tolist() for one in made] for _, made in encoder.stream(batches)]
    assert found == [[encode([text])[0] for text in texts] for _, texts in batches]
    assert sum(given[4:8]) < 0.4 * sum(len(t) for _, texts in batches[4:8] for t in texts)


def test_where_nothing_comes_again_little_is_cut(tmp_path):
    from transformers import PreTrainedTokenizerFast

    PreTrainedTokenizerFast(tokenizer_object=backend_of(RULES["qwen"])).save_pretrained(tmp_path)
    tokenizer = load_tokenizer(str(tmp_path))
    rng = random.Random(4)
    encoder, pieces = Encoder(tokenizer), []
    encode = tokenizer.encode_lists
    tokenizer.encode_lists = lambda texts: pieces.append(len(texts)) or encode(texts)
    for _ in range(41):
        encoder.encode([t for _ in range(4) for t in sample_texts(rng, passages(rng, 4), 1)])
    assert min(pieces[:8]) > 9
    assert max(pieces[9:40]) <= 6
    assert pieces[40] > 9


@pytest.mark.slow
def test_real_tokenizers_agree(real_tokenizers):
    rng = random.Random(5)
    known = [*passages(rng, 40), "it's\n\nHE'LL", "a/b\n\n/c", " x \n\n\n y", "é\n\n\u0301a"]
    for folder in real_tokenizers:
        tokenizer = load_tokenizer(str(folder))
        texts = sample_texts(rng, known, 200)
        cut = cut_at_paragraphs(tokenizer._config)
        assert cut == (folder.name in {"qwen3", "llama3_1", "deepseek_v3"}), folder.name
        made = Encoder(tokenizer).encode(texts)
        for one, whole in zip(made, tokenizer.encode(texts), strict=True):
            assert one.ids.tolist() == whole.tolist(), folder.name
