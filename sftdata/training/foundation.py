"""The base model: which one it is, how large, and how it is loaded for training.

What a plan needs (parameters, layers, shapes) comes from the configuration alone, on PyTorch's
meta device: no weight is read before training begins.
"""

from __future__ import annotations

import hashlib
import importlib.util
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from sftdata.errors import ConfigError, MissingExtraError
from sftdata.training.config import LoraSettings, TrainConfig

__all__ = [
    "Foundation",
    "digest_of_model",
    "guard_4bit",
    "lay_out",
    "load_weights",
    "quiet",
    "require_extra",
]

_NEEDED = ("torch", "trl", "peft", "accelerate", "matplotlib")
_ATTENTION = frozenset(
    {"q_proj", "k_proj", "v_proj", "o_proj", "qkv_proj", "out_proj", "query_key_value"}
    | {"c_attn", "Wqkv", "wq", "wk", "wv", "wo"}
)
_ROUTERS = frozenset({"gate", "router", "shared_expert_gate"})
"""Linear layers that choose experts: an adapter there moves which expert is asked."""
_WEIGHTS = ("*.safetensors", "pytorch_model*.bin")


def require_extra(*more: str) -> None:
    """Make sure that what training needs is installed.

    Raises:
        MissingExtraError: it is not; the message names the extra.
    """
    for package in (*_NEEDED, *more):
        if importlib.util.find_spec(package) is None:
            raise MissingExtraError(package, "train")


@dataclass(frozen=True)
class Foundation:
    """A base model as its configuration describes it.

    Attributes:
        name: folder or hub id, as given.
        path: what resolves from anywhere: the absolute folder, or the hub id.
        config: the configuration that transformers reads.
        skeleton: the model on the meta device: shapes without weights.
        allow_download: whether the hub may be asked.
    """

    name: str
    path: str
    config: Any
    skeleton: Any
    allow_download: bool = False

    @cached_property
    def parameters(self) -> int:
        """All parameters, shared ones counted once."""
        return sum(p.numel() for p in self.skeleton.parameters())

    @cached_property
    def linears(self) -> dict[str, tuple[int, int]]:
        """Every linear layer but the output head, by dotted name: (inputs, outputs)."""
        from torch.nn import Linear

        head = self.skeleton.get_output_embeddings()
        return {
            name: (module.in_features, module.out_features)
            for name, module in self.skeleton.named_modules()
            if isinstance(module, Linear) and module is not head
        }

    def targets(self, lora: LoraSettings) -> tuple[str, ...]:
        """Return the names of the layers that get an adapter.

        Raises:
            ConfigError: the model has no such layer; the message lists those that it has.
        """
        leaves = {name.rpartition(".")[2] for name in self.linears}
        if lora.targets == "all":
            found = leaves - _ROUTERS
        elif lora.targets == "attention":
            found = leaves & _ATTENTION
        else:
            found = set(lora.targets)
        strangers = sorted(found - leaves)
        if strangers or not found:
            known = ", ".join(sorted(leaves))
            named = ", ".join(strangers) or lora.targets
            raise ConfigError(f"lora.targets: {self.name} has no layer {named}; it has {known}")
        return tuple(sorted(found))

    def trainable(self, config: TrainConfig) -> int:
        """Return how many parameters are trained: rank x (inputs + outputs) for each layer."""
        if not config.adapts:
            return self.parameters
        names = set(self.targets(config.lora))
        return sum(
            config.lora.rank * (inputs + outputs)
            for name, (inputs, outputs) in self.linears.items()
            if name.rpartition(".")[2] in names
        )


def lay_out(name: str, *, allow_download: bool = False) -> Foundation:
    """Read a model's configuration and build it without weights.

    Nothing of a model folder is executed (`trust_remote_code` is always False).

    Raises:
        ConfigError: there is no such model here, or it is no causal language model.
    """
    with quiet():
        import torch
        from transformers import AutoConfig, AutoModelForCausalLM

        try:
            config = AutoConfig.from_pretrained(
                name, trust_remote_code=False, local_files_only=not allow_download
            )
            with torch.device("meta"):
                skeleton = AutoModelForCausalLM.from_config(config, trust_remote_code=False)
        except (OSError, ValueError, KeyError, ImportError) as error:
            raise ConfigError(
                f"model: {name!r} cannot be read as a causal language model "
                f"({type(error).__name__}); name a folder with config.json and weights, or a hub "
                "id of the local cache (allow_download fetches one)"
            ) from error
    skeleton.tie_weights()
    folder = Path(name)
    path = str(folder.resolve()) if folder.is_dir() else name
    return Foundation(name, path, config, skeleton, allow_download)


def digest_of_model(foundation: Foundation) -> str:
    """Return what identifies the weights: SHA-256 over configuration and weight files.

    For a hub id the commit says it: files of a commit never change.

    Raises:
        ConfigError: the folder holds no weights.
    """
    commit = getattr(foundation.config, "_commit_hash", None)
    folder = Path(foundation.path)
    if not folder.is_dir():
        return f"commit:{commit}" if commit else f"name:{foundation.path}"
    weights = sorted(p for pattern in _WEIGHTS for p in folder.glob(pattern))
    if not weights:
        raise ConfigError(
            f"model: {foundation.name} holds no weights ({' or '.join(_WEIGHTS)}); a GGUF file is "
            "converted with `sftdata model convert`"
        )
    digest = hashlib.sha256()
    for path in [folder / "config.json", *weights]:
        with path.open("rb") as file:
            digest.update(path.name.encode() + hashlib.file_digest(file, "sha256").digest())
    return f"sha256:{digest.hexdigest()}"


def load_weights(
    foundation: Foundation, config: TrainConfig, *, dtype: str, device: str, index: int = 0
) -> Any:
    """Load the base for training: 4-bit for `qlora`, else in its training precision.

    `full` keeps its weights in float32 and computes in lower precision under autocast: small
    steps are lost when they are added to 16-bit weights.

    Args:
        foundation: which model.
        config: method, quantisation and attention.
        dtype: `bfloat16`, `float16` or `float32`: what is computed in.
        device: `cpu` or `cuda`.
        index: number of this process's GPU.
    """
    import torch
    from transformers import AutoModelForCausalLM

    kind = getattr(torch, dtype)
    settings: dict[str, Any] = {"dtype": kind if config.adapts else torch.float32}
    sharded = config.fsdp is not None or config.deepspeed is not None
    if not sharded:
        settings["device_map"] = {"": index if device == "cuda" else "cpu"}
    if config.attention:
        settings["attn_implementation"] = config.attention
    if config.method == "qlora":
        from transformers import BitsAndBytesConfig

        settings["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type=config.quantisation.type,
            bnb_4bit_use_double_quant=config.quantisation.double,
            bnb_4bit_compute_dtype=kind,
            # FSDP gathers parameters of one type only.
            bnb_4bit_quant_storage=kind if config.fsdp is not None else torch.uint8,
        )
    model = AutoModelForCausalLM.from_pretrained(
        foundation.path,
        trust_remote_code=False,
        local_files_only=not foundation.allow_download,
        **settings,
    )
    guard_4bit(model)
    model.config.use_cache = False
    return model


def guard_4bit(model: Any) -> int:
    """Keep bitsandbytes from re-packing 4-bit weights in an evaluation; return how many layers.

    On CPUs with AVX512_BF16 one forward pass in eval mode turns the weights into a layout that
    only inference reads: the training steps after it get wrong gradients, without a word
    (bitsandbytes 0.50).
    """
    guarded = 0
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False
            guarded += 1
    return guarded


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the libraries' bars and advice off the screen; errors still come through."""
    import datasets
    from transformers.utils import logging as talk

    for name in ("bitsandbytes", "trl", "accelerate"):
        logging.getLogger(name).setLevel(logging.ERROR)
    bars, level = datasets.are_progress_bars_disabled(), talk.get_verbosity()
    shown = talk.is_progress_bar_enabled()
    datasets.disable_progress_bars()
    talk.disable_progress_bar()
    talk.set_verbosity_error()
    try:
        with warnings.catch_warnings():
            # What the libraries will do to each other in later versions is no news for a user.
            warnings.simplefilter("ignore", FutureWarning)
            warnings.simplefilter("ignore", DeprecationWarning)
            yield
    finally:
        talk.set_verbosity(level)
        if shown:
            talk.enable_progress_bar()
        if not bars:
            datasets.enable_progress_bars()
