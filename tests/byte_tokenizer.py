"""A tokenizer with one token per UTF-8 byte, so that lengths can be counted by hand."""

from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers

MARKERS = ["<s>", "</s>", "<|im_start|>", "<|im_end|>"]


def make_byte_tokenizer(folder: Path) -> str:
    from transformers import PreTrainedTokenizerFast

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    backend = Tokenizer(models.BPE({c: i for i, c in enumerate(letters)}, []))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    backend.add_special_tokens(MARKERS)
    wrapped = PreTrainedTokenizerFast(tokenizer_object=backend, bos_token="<s>", eos_token="</s>")
    wrapped.save_pretrained(folder)
    return str(folder)
