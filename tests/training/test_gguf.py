"""A GGUF file becomes a folder to train on; anything else is refused in one line."""

import numpy as np
import pytest
from command import Command

from sftdata.errors import ConfigError
from sftdata.training.gguf import convert_gguf

gguf = pytest.importorskip("gguf")

HIDDEN, INNER, LAYERS, HEADS = 64, 128, 1, 4
TOKENS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *map(chr, range(33, 127)), "Ġ", "Ċ", "ab"]


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """Write a Llama of one layer with the package that llama.cpp publishes for it."""
    path = tmp_path_factory.mktemp("gguf") / "tiny.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(128)
    writer.add_embedding_length(HIDDEN)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(HIDDEN // HEADS)
    writer.add_vocab_size(len(TOKENS))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(TOKENS)
    writer.add_token_types([3, 3, 3] + [1] * (len(TOKENS) - 3))
    writer.add_token_merges(["a b"])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_chat_template("{% for m in messages %}{{ m['content'] }}{% endfor %}")
    dice = np.random.default_rng(0)

    def tensor(name, *shape):
        writer.add_tensor(name, dice.normal(size=shape).astype(np.float32))

    tensor("token_embd.weight", len(TOKENS), HIDDEN)
    tensor("output.weight", len(TOKENS), HIDDEN)
    tensor("output_norm.weight", HIDDEN)
    for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
        tensor(f"blk.0.{name}.weight", HIDDEN, HIDDEN)
    tensor("blk.0.ffn_gate.weight", INNER, HIDDEN)
    tensor("blk.0.ffn_up.weight", INNER, HIDDEN)
    tensor("blk.0.ffn_down.weight", HIDDEN, INNER)
    tensor("blk.0.attn_norm.weight", HIDDEN)
    tensor("blk.0.ffn_norm.weight", HIDDEN)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_weights_tokenizer_and_template_come_over(file, tmp_path, capsys):
    from safetensors.torch import load_file
    from transformers import AutoTokenizer

    told = Command(capsys)("model", "convert", file, "--out", tmp_path / "model")
    assert told.code == 0, told.err
    weights = load_file(tmp_path / "model" / "model.safetensors")
    theirs = {t.name: t.data for t in gguf.GGUFReader(file).tensors}
    assert np.array_equal(
        weights["model.layers.0.mlp.down_proj.weight"].numpy(), theirs["blk.0.ffn_down.weight"]
    )
    own = AutoTokenizer.from_pretrained(tmp_path / "model")
    assert own.eos_token == "<|im_end|>"
    assert own.chat_template.startswith("{% for m in messages %}")


def test_what_is_no_gguf_file_is_refused(file, tmp_path):
    (tmp_path / "other.gguf").write_bytes(b"PK\3\4")
    with pytest.raises(ConfigError, match="is not a GGUF file"):
        convert_gguf(tmp_path / "other.gguf", tmp_path / "model")
    with pytest.raises(ConfigError, match="is not an empty folder"):
        convert_gguf(file, tmp_path)
