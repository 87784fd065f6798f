"""Judged builds written straight from samples, and a tiny ChatML model trained on the spot."""

import json
from pathlib import Path

import pytest

from sftdata.audit_sources import digest_files
from sftdata.config import load_config
from sftdata.output import write_dataset
from sftdata.report import AuditReport, RunManifest, Totals
from sftdata.reporting.card_counts import CardInputs, count_samples
from sftdata.reporting.published import write_cards
from sftdata.types import Evidence, Message, Sample, to_table

CORPUS = [
    "Total net sales were $94,036 million, compared with $85,777 million a year earlier.\n",
    "The patient reports chest pain. Blood pressure 142/91 mmHg.\n\n  Plan: follow up.",
    "营业收入为1.2亿元，同比增长百分之十二。患者血压为142/91毫米汞柱。净利润\n",
    'system user assistant {"answer": "12", "evidence": "the and of revenue"}',
]
QWEN2_WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


def conversation(*turns):
    return tuple(Message(role=role, content=content) for role, content in turns)


def sample(name, split="train", *, prompt=None, completion=None, **changes):
    ask = conversation(
        ("system", "Answer from the text. 只依据原文。"), ("user", f"Revenue of {name}?")
    )
    say = conversation(("assistant", f'{{"value": "{len(name)}", "id": "{name}"}}'))
    values = {
        "sample_id": name,
        "family": "finance/any",
        "family_version": 1,
        "kind": "evidence",
        "domain": "finance",
        "locale": "en",
        "split": split,
        "document_ids": ("d",),
        "group": f"g-{split}",
        "prompt": prompt or ask,
        "completion": completion or say,
        "question": f"Revenue of {name}?",
        "answer": "{}",
        "evidence": (Evidence(document_id="d", start=0, end=4, quote="12 万"),),
        "prompt_tokens": 20,
        "completion_tokens": 9,
        "tokens_estimated": True,
    }
    return Sample(**{**values, **changes})


def plain_samples(train=12, validation=3, test=4):
    sizes = {"train": train, "validation": validation, "test": test}
    return [sample(f"{s}-{n:04}", s) for s, size in sizes.items() for n in range(size)]


def write_build(folder, samples, *, verdict="clean", **template):
    """Write a build of these very samples, with the audit's digest of its files and its cards."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    table = to_table(samples, Sample)
    config = load_config({"name": "tiny", "documents": {"files": ["*"]}, "template": template})
    if config.template.tokenizer:
        table = config.template(table)
    files = write_dataset(table, folder)
    digest, listed = digest_files(sorted(files), folder)
    report = AuditReport(
        dataset="tiny",
        verdict=verdict,
        meaning="Nothing was checked.",
        digest=digest,
        files=listed,
        totals=Totals(rows=table.num_rows),
        checks=(),
    )
    (folder / "audit").mkdir()
    (folder / "audit/report.json").write_text(report.to_json(), encoding="utf-8")
    manifest = RunManifest(
        config=config.model_dump(mode="json"), template_lock=config.template.lock()
    )
    (folder / "manifest.json").write_text(manifest.to_json(), encoding="utf-8")
    write_cards(CardInputs(title="tiny", samples=count_samples(table)), listed, folder)
    return folder


@pytest.fixture(scope="session")
def plain(tmp_path_factory):
    return write_build(tmp_path_factory.mktemp("plain") / "out", plain_samples())


def save_tokenizer(folder, template=CHATML):
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers
    from tokenizers.trainers import BpeTrainer
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(models.BPE())
    # As Qwen2's: transformers builds that class anew from the model's type, whatever the file says.
    backend.normalizer = normalizers.NFC()
    pieces = pre_tokenizers.Split(Regex(QWEN2_WORDS), behavior="isolated")
    bytes_ = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    backend.pre_tokenizer = pre_tokenizers.Sequence([pieces, bytes_])
    backend.decoder = decoders.ByteLevel()
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    trainer = BpeTrainer(
        vocab_size=600,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator(CORPUS * 4, trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend, eos_token="<|im_end|>", pad_token="<|endoftext|>"
    )
    tokenizer.chat_template = template
    tokenizer.save_pretrained(folder)
    return Path(folder)


@pytest.fixture(scope="session")
def tokenizer_folder(tmp_path_factory):
    """A tokenizer with ChatML, in a folder whose name tells nothing of the model."""
    return save_tokenizer(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="session")
def counted(tmp_path_factory, tokenizer_folder):
    """The same build, rendered with that tokenizer."""
    out = tmp_path_factory.mktemp("counted") / "out"
    own = {"tokenizer": str(tokenizer_folder), "template": "tokenizer"}
    return write_build(out, plain_samples(), **own)


def save_model(folder):
    """Add a Qwen2 of two layers to a tokenizer's folder."""
    import torch
    from transformers import AutoTokenizer, Qwen2Config, Qwen2ForCausalLM

    torch.set_num_threads(1)
    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    config = Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=2048,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        tie_word_embeddings=False,
    )
    Qwen2ForCausalLM(config).save_pretrained(folder)
    return Path(folder)


def read_jsonl(path):
    """Read JSONL in the strictest way: a record is a line of `str.splitlines`."""
    return [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]
