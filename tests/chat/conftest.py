"""Tokenizers for the chat tests: tiny ones made on the spot, real ones where a folder has them."""

import os
from pathlib import Path

import pytest
from chat_probes import KINDS
from tokenizers import AddedToken, decoders, models, normalizers, pre_tokenizers, processors
from tokenizers import Tokenizer as Backend
from tokenizers.trainers import BpeTrainer

from sftdata.chat.tokenizer import load_tokenizer

SPECIAL = ["<s>", "</s>", "<unk>", "<|im_start|>", "<|im_end|>", "<|eot_id|>", "<start_of_turn>"]
SPECIAL += ["<end_of_turn>", "<|end|>", "<|start_header_id|>", "<|end_header_id|>"]
CORPUS = [
    "Total net sales were $94,036 million, compared with $85,777 million a year earlier.\n",
    "The patient reports chest pain. Blood pressure 142/91 mmHg.\n\n  Plan: follow up.",
    "营业收入为1.2亿元，同比增长百分之十二。患者血压为142/91毫米汞柱。\n",
    " answer\n\n the and of revenue 净利润 净利润 净利润 营业收入 营业收入",
]


def _backend(kind):
    backend = Backend(models.BPE(unk_token="<unk>" if kind == "metaspace" else None))
    if kind == "metaspace":
        backend.normalizer = normalizers.Sequence(
            [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
        )
        backend.decoder = decoders.Sequence(
            [decoders.Replace("▁", " "), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
        )
        trainer = BpeTrainer(vocab_size=400, special_tokens=SPECIAL, show_progress=False)
    else:
        backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        backend.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer = BpeTrainer(
            vocab_size=520,
            special_tokens=SPECIAL,
            initial_alphabet=alphabet,
            show_progress=False,
        )
    if kind == "trimmed":
        backend.post_processor = processors.ByteLevel(trim_offsets=True)
    if kind == "nfc":
        backend.normalizer = normalizers.NFC()
    backend.train_from_iterator(CORPUS * 4, trainer)
    backend.add_tokens([AddedToken("<think>", special=False), AddedToken("<table>", special=False)])
    # A limit saved in the file, as some hub repositories have: it must not cut anything.
    backend.enable_truncation(24)
    return backend


def make_tokenizer(folder, kind, chat_template=None):
    from transformers import PreTrainedTokenizerFast

    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=_backend(kind), bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    )
    tokenizer.chat_template = chat_template
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def new_tokenizer():
    """Return the function (folder, kind, chat template) that saves a tiny tokenizer."""
    return make_tokenizer


@pytest.fixture(scope="session")
def tiny_folders(tmp_path_factory):
    own = "{% for m in messages %}<s>{{ m.role }}\n{{ m.content }}</s>{% endfor %}"
    own += "{% if add_generation_prompt %}<s>assistant\n{% endif %}"
    return {
        kind: make_tokenizer(tmp_path_factory.mktemp(kind), kind, own if kind != "nfc" else None)
        for kind in KINDS
    }


@pytest.fixture(scope="session")
def tiny(tiny_folders):
    return {kind: load_tokenizer(str(folder)) for kind, folder in tiny_folders.items()}


@pytest.fixture(scope="session")
def chat_templates(real_data: Path):
    return sorted((real_data / "chat_templates").glob("*.jinja"))


@pytest.fixture(scope="session")
def real_tokenizers():
    """Return folders of real tokenizers, one per sub-folder of SFTDATA_TOKENIZERS."""
    root = os.environ.get("SFTDATA_TOKENIZERS")
    if not root:
        pytest.skip("SFTDATA_TOKENIZERS is not set (a folder of tokenizer folders)")
    folders = sorted(p.parent for p in Path(root).glob("*/tokenizer.json"))
    if not folders:
        pytest.skip(f"no tokenizers under {root}")
    return folders
