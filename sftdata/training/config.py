"""The configuration of a training run: what a careful engineer would choose, each choice named.

Every default is explained in docs/training.md; the filled configuration lies in the run's folder.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, ValidationError, field_validator

from sftdata.config import explain, override, read_settings
from sftdata.errors import ConfigError
from sftdata.part import Part

__all__ = [
    "BatchConfig",
    "EvaluationConfig",
    "LoraSettings",
    "Method",
    "OptimiserConfig",
    "QuantisationConfig",
    "TrainConfig",
    "load_train_config",
]

Method = Literal["qlora", "lora", "full"]

_RATES: Mapping[str, float] = {"qlora": 1e-4, "lora": 1e-4, "full": 1e-5}
_WARMUPS: Mapping[str, float] = {"qlora": 0.1, "lora": 0.03, "full": 0.03}


class LoraSettings(Part):
    """The adapter (LoRA, Hu et al. 2021); unused by `full`."""

    rank: int = Field(default=16, ge=1, le=1024)
    """Rank r of the two small matrices. 16 suits tasks of form and grounding; vLLM serves it
    without a flag."""
    alpha: float | None = Field(default=None, gt=0)
    """Scale of the adapter; none: twice the rank, so that another rank keeps the learning rate."""
    dropout: float = Field(default=0.05, ge=0, lt=1)
    """Share of the adapter's inputs left out in training."""
    targets: Literal["all", "attention"] | tuple[str, ...] = "all"
    """`all` linear layers of attention and MLP (QLoRA, section 4: needed to match full
    fine-tuning), `attention` (q, k, v, o), or names of layers. Never the output head."""

    @property
    def scale(self) -> float:
        """The alpha that is used."""
        return self.alpha if self.alpha is not None else 2.0 * self.rank


class QuantisationConfig(Part):
    """How `qlora` holds the frozen base (bitsandbytes, 4 bit); unused by the other methods."""

    type: Literal["nf4", "fp4"] = "nf4"
    """NF4 fits weights that are normally distributed (QLoRA, Dettmers et al. 2023, section 3)."""
    double: bool = True
    """Quantise the scales too: 0.37 bit less for each parameter."""


class OptimiserConfig(Part):
    """How weights move."""

    name: Literal["auto", "adamw_torch", "adamw_torch_fused", "adamw_8bit", "paged_adamw_8bit"] = (
        "auto"
    )
    """`auto`: paged 8-bit AdamW for `qlora` on a GPU (peaks of memory spill to the host), else
    AdamW."""
    learning_rate: float | None = Field(default=None, gt=0, lt=1)
    """Peak rate; none: 1e-4 for adapters, 1e-5 for `full`."""
    schedule: Literal["cosine", "linear", "constant_with_warmup"] = "cosine"
    warmup: float | None = Field(default=None, ge=0, lt=1)
    """Share of all steps in which the rate rises; none: 0.1 for `qlora`, whose first gradients
    pass through rounded weights, else 0.03."""
    weight_decay: float = Field(default=0.0, ge=0, lt=1)
    max_grad_norm: float = Field(default=1.0, gt=0)
    """Longer gradients are scaled down to this length."""


class BatchConfig(Part):
    """What one step sees."""

    tokens: int = Field(default=16_384, ge=1)
    """Tokens that one step of the optimiser aims at, over all processes; gradients are
    accumulated until they are reached."""
    rows_per_device: int | None = Field(default=None, ge=1)
    """Rows that are computed at once on one device; none: what fits into 80 % of its memory."""
    packing: bool = True
    """Put several samples into one row; they never see each other."""
    max_length: int | None = Field(default=None, ge=16)
    """Longest row in tokens; none: the longest sample of the dataset."""
    over_length: Literal["fail", "drop"] = "fail"
    """What happens to a sample that is longer than `max_length`. None is ever cut."""


class EvaluationConfig(Part):
    """When the validation loss is taken, and what follows from it."""

    split: str = "validation"
    per_epoch: int = Field(default=4, ge=1)
    """Evaluations, and with them checkpoints, in each epoch; one more after the last step."""
    patience: int | None = Field(default=4, ge=1)
    """Stop after so many evaluations in a row without a better loss; none: never."""
    max_samples: int | None = Field(default=None, ge=1)
    """Samples that are evaluated, drawn by hash; none: all of the split."""
    during: bool = True
    """Off: no validation while training; the last checkpoint is taken."""


class TrainConfig(Part):
    """Everything that decides what a run makes of a dataset."""

    model: str
    """Folder, or hub id, of the base model."""
    method: Method = "qlora"
    """`qlora`: adapter on a 4-bit base; `lora`: adapter on the base as it is; `full`: all
    weights."""
    allow_download: bool = False
    """Fetch a hub id that is not in the local cache."""
    split: str = "train"
    seed: int = Field(default=0, ge=0, lt=2**32)
    """Seed of initial weights, order of rows and dropout."""
    epochs: float = Field(default=3.0, gt=0)
    max_steps: int | None = Field(default=None, ge=1)
    """Steps of the optimiser; when given, `epochs` does not count."""
    max_samples: int | None = Field(default=None, ge=1)
    """Samples that are trained on, drawn by hash; none: all."""
    precision: Literal["auto", "bf16", "fp16", "fp32"] = "auto"
    """`auto`: bf16 where the device computes in it, else fp16 with loss scaling on a GPU and fp32
    on a CPU."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    attention: str | None = None
    """Implementation of attention: `sdpa`, `flash_attention_2`, `eager`; none: the model's own."""
    gradient_checkpointing: bool = True
    """Compute activations twice instead of keeping them: a third slower, far less memory."""
    threads: int | None = Field(default=None, ge=1)
    """Threads of a CPU run; none: what PyTorch takes."""
    lora: LoraSettings = LoraSettings()
    quantisation: QuantisationConfig = QuantisationConfig()
    optimiser: OptimiserConfig = OptimiserConfig()
    batch: BatchConfig = BatchConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
    keep_checkpoints: int = Field(default=2, ge=2)
    """Checkpoints that stay, the best one beside them. Two, so that a kill while one is written
    leaves another."""
    report_to: tuple[Literal["tensorboard", "wandb", "mlflow"], ...] = ()
    """Trackers that get the same metrics; each needs its own package."""
    fsdp: dict[str, Any] | None = None
    """Handed to TRL as `fsdp_config`, with FSDP switched on; run with `accelerate launch`."""
    deepspeed: dict[str, Any] | Path | None = None
    """DeepSpeed configuration, or its file; run with `accelerate launch`."""

    @field_validator("model")
    @classmethod
    def _named(cls, model: str) -> str:
        if not model.strip():
            raise ValueError("name a folder or a hub id")
        return model

    @property
    def learning_rate(self) -> float:
        """The peak rate that is used."""
        given = self.optimiser.learning_rate
        return given if given is not None else _RATES[self.method]

    @property
    def warmup(self) -> float:
        """The share of steps in which the rate rises."""
        given = self.optimiser.warmup
        return given if given is not None else _WARMUPS[self.method]

    @property
    def adapts(self) -> bool:
        """Whether an adapter is trained rather than the model's own weights."""
        return self.method != "full"

    def to_yaml(self) -> str:
        """Return the filled configuration, every default written out."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def load_train_config(
    source: str | Path | Mapping[str, Any] | None = None,
    overrides: Sequence[str] = (),
    **given: Any,
) -> TrainConfig:
    """Read a training configuration and apply overrides such as `optimiser.learning_rate=2e-4`.

    Args:
        source: a YAML file, a mapping, or none for the defaults.
        overrides: `dotted.key=value`, the value as YAML.
        given: settings that stand above the file, e.g. `model` and `method` of the command line;
            None leaves the file's.

    Raises:
        ConfigError: one line with the key path and a suggestion.

    >>> load_train_config({"method": "lora"}, ["lora.rank=8"], model="m").lora.scale
    16.0
    """
    if source is None or isinstance(source, Mapping):
        data = dict(source or {})
    else:
        data = read_settings(Path(source))
        data = _beside(data, Path(source))
    data |= {key: value for key, value in given.items() if value is not None}
    for change in overrides:
        override(data, change)
    if "model" not in data:
        raise ConfigError("model: is required; name a folder or a hub id with --model")
    try:
        return TrainConfig.model_validate(data)
    except ValidationError as error:
        raise ConfigError(explain(error, TrainConfig)) from None


def _beside(data: dict[str, Any], file: Path) -> dict[str, Any]:
    """Read a model's or DeepSpeed's relative path from the folder of the configuration file."""
    found = dict(data)
    for key in ("model", "deepspeed"):
        value = data.get(key)
        if isinstance(value, str) and (file.parent / value).exists():
            found[key] = str(file.parent / value)
    return found
