"""Texts to vectors with a model that lies in a local folder: nothing is fetched, no code is run.

A folder of `sentence-transformers` (with `modules.json`) is used as it says; any other encoder of
`transformers` with the mean of its last hidden states over the tokens of the text.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sftdata.errors import ConfigError, MissingExtraError

__all__ = ["embed", "model_digest"]

BATCH = 32
MOST_TOKENS = 512
F32 = NDArray[np.float32]


def embed(texts: Sequence[str], model: Path) -> F32:
    """Return one vector per text, shape `(len(texts), d)`.

    Texts are cut to the model's own length, at most 512 tokens. Batches are of texts of like
    length, so that padding costs little; the result is in the order given.

    Raises:
        ConfigError: there is no model in the folder, or it brings code of its own.
        MissingExtraError: the extra `semantic` is not installed.
    """
    _check_folder(model)
    order = sorted(range(len(texts)), key=lambda row: (len(texts[row]), row))
    parts = []
    for start in range(0, len(order), BATCH):
        batch = [texts[row] for row in order[start : start + BATCH]]
        sentences = (model / "modules.json").is_file()
        parts.append((_by_sentences if sentences else _by_encoder)(batch, model))
    if not parts:
        return np.zeros((0, 0), dtype=np.float32)
    found = np.concatenate(parts)
    back = np.empty(len(order), dtype=np.int64)
    back[order] = np.arange(len(order))
    return np.asarray(found[back], dtype=np.float32)


def model_digest(model: Path) -> str:
    """Return the SHA-256 over the names and bytes of a model's files, in order of the names.

    Raises:
        ConfigError: there is no model in the folder, or it brings code of its own.
    """
    _check_folder(model)
    digest = hashlib.sha256()
    for path in sorted(p for p in model.rglob("*") if p.is_file()):
        with path.open("rb") as file:
            sha = hashlib.file_digest(file, "sha256").hexdigest()
        digest.update(f"{sha}  {path.relative_to(model).as_posix()}\n".encode())
    return digest.hexdigest()


def _check_folder(model: Path) -> None:
    file = model / "config.json"
    if not file.is_file():
        raise ConfigError(
            f"semantic.model: {model} holds no model (config.json); name a folder on this machine"
        )
    try:
        config = json.loads(file.read_bytes())
    except ValueError:
        raise ConfigError(f"semantic.model: {file} is not JSON") from None
    if not isinstance(config, dict) or "auto_map" in config or any(model.rglob("*.py")):
        raise ConfigError(
            f"semantic.model: {model} brings code of its own, which is never run; name another one"
        )


@lru_cache(maxsize=1)
def _sentences(model: Path) -> Any:
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError:
        raise MissingExtraError("sentence-transformers", "semantic") from None
    return SentenceTransformer(
        str(model), device="cpu", trust_remote_code=False, local_files_only=True
    )


def _by_sentences(texts: Sequence[str], model: Path) -> F32:
    found = _sentences(model).encode(
        list(texts), batch_size=BATCH, show_progress_bar=False, convert_to_numpy=True
    )
    return np.asarray(found, dtype=np.float32)


@lru_cache(maxsize=1)
def _encoder(model: Path) -> tuple[Any, Any]:
    try:
        import torch  # noqa: F401
        from transformers import AutoModel, AutoTokenizer
    except ImportError:
        raise MissingExtraError("torch", "semantic") from None
    options = {"trust_remote_code": False, "local_files_only": True}
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(model), **options)
        loaded = AutoModel.from_pretrained(str(model), use_safetensors=True, **options)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"semantic.model: {model} cannot be loaded: {type(error).__name__}"
        ) from None
    return tokenizer, loaded.eval()


def _by_encoder(texts: Sequence[str], model: Path) -> F32:
    tokenizer, encoder = _encoder(model)
    import torch

    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
    own = getattr(encoder.config, "max_position_embeddings", MOST_TOKENS)
    limit = min(MOST_TOKENS, int(tokenizer.model_max_length), int(own))
    given = tokenizer(
        list(texts), padding=True, truncation=True, max_length=limit, return_tensors="pt"
    )
    with torch.inference_mode():
        states = encoder(
            input_ids=given["input_ids"], attention_mask=given["attention_mask"]
        ).last_hidden_state
    mask = given["attention_mask"].unsqueeze(-1).to(states.dtype)
    means = (states * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1)
    return np.asarray(means.float().numpy(), dtype=np.float32)
