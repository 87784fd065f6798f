"""A GGUF file as a folder that can be trained on: weights, tokenizer, template."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Literal

from sftdata.errors import ConfigError, MissingExtraError
from sftdata.training.folder import replace_folder
from sftdata.training.foundation import quiet, require_extra

__all__ = ["convert_gguf"]

_MAGIC = b"GGUF"


def convert_gguf(
    file: str | Path,
    out: str | Path,
    *,
    dtype: Literal["float32", "bfloat16", "float16"] = "float32",
) -> Path:
    """Unpack the quantised weights of a GGUF file and save them as transformers does.

    What quantisation has rounded stays rounded. The tokenizer is rebuilt from the file's own
    vocabulary, with the chat template that it carries.

    Args:
        file: the GGUF file.
        out: folder to write; it must not exist, or be empty.
        dtype: type of the stored weights.

    Raises:
        ConfigError: no GGUF file, an architecture that transformers cannot read, or a folder that
            holds something.
        MissingExtraError: the package `gguf` is missing.
    """
    require_extra()
    if importlib.util.find_spec("gguf") is None:
        raise MissingExtraError("gguf", "gguf")
    path, place = Path(file), Path(out)
    if not path.is_file() or path.open("rb").read(4) != _MAGIC:
        raise ConfigError(f"{file} is not a GGUF file")
    if place.exists() and (place.is_file() or any(place.iterdir())):
        raise ConfigError(f"--out {place}: is not an empty folder; name another one")
    made = place.with_name(f".{place.name}.tmp")
    with quiet():
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

        kind = getattr(torch, dtype)
        try:
            model = AutoModelForCausalLM.from_pretrained(
                path.parent,
                gguf_file=path.name,
                dtype=kind,
                # Without this the weights stay packed, and cannot be saved.
                quantization_config=GgufConfig(dequantize=True),
                local_files_only=True,
            )
            tokenizer = AutoTokenizer.from_pretrained(
                path.parent, gguf_file=path.name, local_files_only=True
            )
        except (OSError, ValueError, KeyError) as error:
            raise ConfigError(
                f"{file} cannot be converted ({type(error).__name__}): transformers does not read "
                "this architecture or this kind of quantisation"
            ) from error
        model.save_pretrained(made)
        tokenizer.save_pretrained(made)
    replace_folder(made, place)
    return place
