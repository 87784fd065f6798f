"""Duplicates by meaning: against all pairs compared, from given embeddings and a local model."""

import json
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sftdata.config import load_config
from sftdata.deduplication import near_pairs
from sftdata.errors import ConfigError, MissingExtraError
from sftdata.similarity import cosine as module
from sftdata.similarity.cosine import cosine_pairs, unit
from sftdata.similarity.embedding import embed, model_digest

TEXTS = [
    "Revenue went up by five percent in the third quarter.",
    "Third-quarter sales grew five percent.",
    "The patient reports no known allergies to any drug.",
    "公司第三季度收入增长百分之五。",
]


def by_hand(vectors: np.ndarray, threshold: float) -> dict[tuple[int, int], float]:
    """Return every pair by plain sums, in double precision."""
    found = {}
    for a in range(len(vectors)):
        for b in range(a + 1, len(vectors)):
            x, y = vectors[a].astype(float), vectors[b].astype(float)
            norms = sum(v * v for v in x) ** 0.5 * sum(v * v for v in y) ** 0.5
            value = sum(p * q for p, q in zip(x, y, strict=True)) / norms if norms else 0.0
            if value >= threshold:
                found[a, b] = value
    return found


@given(st.integers(0, 10_000), st.integers(2, 40), st.sampled_from([0.5, 0.9, 0.99]))
@settings(deadline=None, max_examples=25)
def test_pairs_by_cosine_are_all_pairs_whatever_the_block(seed, rows, threshold):
    rng = np.random.default_rng(seed)
    base = rng.normal(size=(max(rows // 4, 1), 16))
    vectors = base[rng.integers(0, len(base), rows)] + rng.normal(scale=0.2, size=(rows, 16))
    vectors[0] = 0
    expected = by_hand(unit(vectors), threshold)
    block, module.BLOCK = module.BLOCK, 7
    try:
        found = cosine_pairs(unit(vectors), threshold=threshold)
    finally:
        module.BLOCK = block
    pairs = zip(found.left.tolist(), found.right.tolist(), strict=True)
    # On the very edge two orders of summation may part; nowhere else.
    edge = {p for p, v in expected.items() if abs(v - threshold) < 1e-9}
    assert set(pairs) - edge == set(expected) - edge
    assert 0 not in found.left.tolist()


def test_too_many_pairs_are_refused_not_collected(monkeypatch):
    monkeypatch.setattr(module, "MOST_PAIRS", 100)
    with pytest.raises(ValueError, match="more than 100 pairs"):
        cosine_pairs(unit(np.ones((40, 3))), threshold=0.9)


def rows_with(vectors: list[list[float]], texts: list[str] = TEXTS) -> list[dict]:
    return [{"text": t, "vector": v} for t, v in zip(texts, vectors, strict=True)]


NEAR = [[1.0, 0.1, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]


def test_given_embeddings_drop_what_means_the_same_with_its_cosine():
    assert near_pairs(rows_with(NEAR)).at(0.8).dropped.num_rows == 0
    done = near_pairs(
        rows_with(NEAR), semantic={"column": "vector", "threshold": 0.9}, excerpts=False
    ).at(0.8)
    (row,) = done.dropped.to_pylist()
    assert (row["id"], row["because_of"], row["reason"]) == ("row:2", "row:1", "semantic_duplicate")
    assert row["similarity"] == pytest.approx(1 / 1.01**0.5)
    strict = near_pairs(rows_with(NEAR), semantic={"column": "vector", "threshold": 0.999})
    assert strict.at(0.8).dropped.num_rows == 0


def test_other_numbers_are_other_facts_however_close_the_meaning():
    texts = ["Revenue was 36 million in 2024.", "In 2024 sales came to 37 million."]
    same = ["Revenue was 36 million in 2024.", "Sales of 36 million were seen in 2024."]
    vectors = [[1.0, 0.0], [1.0, 0.0]]
    meant = {"semantic": {"column": "vector", "threshold": 0.9}}
    assert near_pairs(rows_with(vectors, texts), **meant).at(0.8).dropped.num_rows == 0
    assert near_pairs(rows_with(vectors, same), **meant).at(0.8).dropped.num_rows == 1


def test_a_row_without_embedding_stays_and_a_copy_in_words_keeps_its_own_reason():
    texts = [TEXTS[0], TEXTS[0] + "!", TEXTS[1], TEXTS[2]]
    vectors = [[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], None]
    done = near_pairs(
        rows_with(vectors, texts), semantic={"column": "vector", "threshold": 0.9}
    ).at(0.8)
    assert done.reasons == {"exact_duplicate": 1, "semantic_duplicate": 1}
    assert done.kept["text"].to_pylist()[-1] == TEXTS[2]


@pytest.mark.parametrize(
    ("semantic", "said"),
    [
        ({"column": "missing"}, "there is no column 'missing'"),
        ({"column": "text"}, "does not hold lists of numbers"),
    ],
)
def test_a_column_that_holds_no_embeddings_is_named(semantic, said):
    with pytest.raises(ConfigError, match=said):
        near_pairs(rows_with(NEAR), semantic=semantic)


def test_a_model_folder_that_is_none_or_brings_code_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="holds no model"):
        embed(["a"], tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"auto_map": {"AutoModel": "x.Y"}}))
    with pytest.raises(ConfigError, match="code of its own, which is never run"):
        model_digest(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "modeling.py").write_text("raise SystemExit")
    with pytest.raises(ConfigError, match="code of its own"):
        embed(["a"], tmp_path)


def test_without_the_extra_the_message_says_how_to_get_it(tmp_path, monkeypatch):
    (tmp_path / "config.json").write_text("{}")
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'sftdata\[semantic\]'"):
        embed(["a"], tmp_path)
    (tmp_path / "modules.json").write_text("[]")
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(MissingExtraError, match="sentence-transformers is not installed"):
        embed(["a"], tmp_path)


def test_a_build_takes_a_model_and_no_column():
    base = {"documents": {"files": ["*.htm"]}}
    with pytest.raises(ConfigError, match="a build has no column of embeddings"):
        load_config(base | {"dedupe": {"semantic": {"column": "vector"}}})
    with pytest.raises(ConfigError, match="either a column"):
        load_config(base | {"dedupe": {"semantic": {"threshold": 0.9}}})
    assert load_config(base).dedupe.semantic is None


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    """Return the folder of a tiny encoder with random weights."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    torch.set_num_threads(1)
    torch.manual_seed(0)
    words = sorted({w for t in TEXTS for w in t.lower().replace(".", " .").split()} | set(TEXTS[3]))
    vocabulary = {w: i for i, w in enumerate(["[PAD]", "[UNK]", *words])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    folder = tmp_path_factory.mktemp("encoder")
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", model_max_length=32
    ).save_pretrained(folder)
    BertModel(
        BertConfig(vocab_size=len(vocabulary), hidden_size=16, num_hidden_layers=1,
                   num_attention_heads=2, intermediate_size=32, max_position_embeddings=32)
    ).save_pretrained(folder)  # fmt: skip
    return folder


@pytest.mark.slow
def test_a_local_model_embeds_each_text_by_itself(encoder):
    """The mean of the last states, whatever else is in the batch: padding must not count."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    texts = [*TEXTS, TEXTS[0] * 20, ""]
    found = embed(texts, encoder)
    tokenizer, model = AutoTokenizer.from_pretrained(encoder), AutoModel.from_pretrained(encoder)
    for text, vector in zip(TEXTS, found, strict=False):
        given = tokenizer(text, return_tensors="pt", truncation=True, max_length=32)
        with torch.no_grad():
            states = model.eval()(
                input_ids=given["input_ids"], attention_mask=given["attention_mask"]
            ).last_hidden_state
        assert np.allclose(vector, states[0].mean(dim=0).numpy(), atol=1e-5)
    assert np.isfinite(found).all()
    assert found.shape == (len(texts), 16)
    assert np.allclose(embed(texts[::-1], encoder)[::-1], found, atol=1e-6)


@pytest.mark.slow
def test_a_model_folder_finds_what_brute_force_over_its_vectors_finds(encoder):
    texts = [*TEXTS, "Third quarter sales grew by five percent in the third quarter."]
    vectors = unit(embed(texts, encoder))
    values = sorted(by_hand(vectors, -1).values())
    threshold = round((values[-2] + values[-1]) / 2, 6)
    ((a, b),) = by_hand(vectors, threshold)
    done = near_pairs(
        [{"text": t} for t in texts], semantic={"model": str(encoder), "threshold": threshold}
    ).at(0.9)
    (row,) = done.dropped.to_pylist()
    assert {row["id"], row["because_of"]} == {f"row:{a + 1}", f"row:{b + 1}"}
    assert row["reason"] == "semantic_duplicate"
    assert row["similarity"] == pytest.approx(values[-1], abs=1e-6)
