"""What a run will do, worked out before a weight is read: batches, steps, memory.

The estimate of memory is a sum of five parts, in bytes (formulas in docs/training.md):

- weights: parameters x bytes of their type; NF4 takes 4 bits and a scale for 64 weights (8 bits
  with double quantisation, 32 without), embeddings and norms stay in 16 or 32 bits;
- trained: weights in float32, their gradients, and the two moments of AdamW;
- kept: the input of each layer, for each token (gradient checkpointing), or everything;
- at work: one layer's activations while it is computed anew;
- head: one chunk of logits in float32, and its gradient.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any

from sftdata.errors import ConfigError
from sftdata.packing import pack_lengths
from sftdata.training.config import TrainConfig
from sftdata.training.foundation import Foundation
from sftdata.training.rows import Rows

__all__ = ["Device", "Memory", "Plan", "find_device", "make_plan"]

_SHARE = 0.8
"""Part of the memory that a plan may fill; the rest is for fragments and what else runs there."""
_BYTES = {"bfloat16": 2, "float16": 2, "float32": 4}
_FEW_STEPS = 30
_HEAD_TOKENS = 1024
"""Tokens whose logits exist at once: TRL computes the loss in chunks."""
_MOST_ROWS = 64
_GPU_ROW = 2048


@dataclass(frozen=True)
class Device:
    """Where a run computes.

    Attributes:
        kind: `cuda` or `cpu`.
        name: as the driver calls it.
        memory: bytes that are free now.
        processes: processes of the whole run.
        dtype: `bfloat16`, `float16` or `float32`.
        why: why that precision.
    """

    kind: str
    name: str
    memory: int
    processes: int
    dtype: str
    why: str


@dataclass(frozen=True)
class Memory:
    """Estimated bytes on one device."""

    weights: int
    trained: int
    kept: int
    work: int
    head: int

    @property
    def total(self) -> int:
        """All parts."""
        return self.weights + self.trained + self.kept + self.work + self.head


@dataclass(frozen=True)
class Plan:
    """What a run will do. `as_dict` is what a dry run prints and the manifest keeps."""

    method: str
    parameters: int
    trainable: int
    targets: tuple[str, ...]
    device: Device
    memory: Memory
    samples: int
    rows: int
    """Rows of an epoch, after packing."""
    tokens: int
    trained_tokens: int
    row_length: int
    """Tokens of the longest row."""
    rows_per_device: int
    accumulation: int
    step_tokens: int
    """Tokens of an average step, over all processes."""
    steps_per_epoch: int
    steps: int
    epochs: float
    evaluate_every: int
    warmup_steps: int
    validation_samples: int
    warnings: tuple[str, ...] = field(default=())

    def as_dict(self) -> dict[str, Any]:
        """Return the plan as plain data, the total of memory with its parts."""
        data = asdict(self)
        data["memory"] = {**asdict(self.memory), "total": self.memory.total}
        return data


def find_device(config: TrainConfig) -> Device:
    """Find where to compute and in which precision.

    Raises:
        ConfigError: what was asked for is not here.
    """
    import psutil  # type: ignore[import-untyped]
    import torch
    from accelerate import PartialState

    gpu = torch.cuda.is_available() and config.device != "cpu"
    if config.device == "cuda" and not gpu:
        raise ConfigError("device: there is no CUDA GPU here; set device to auto or cpu")
    processes = PartialState(cpu=not gpu).num_processes
    if gpu and processes == 1 and torch.cuda.device_count() > 1:
        raise ConfigError(
            f"device: {torch.cuda.device_count()} GPUs are visible to one process; run "
            "`accelerate launch -m sftdata train …`, or show one with CUDA_VISIBLE_DEVICES=0"
        )
    dtype, why = _precision(config, gpu)
    if not gpu:
        free = int(psutil.virtual_memory().available)
        return Device("cpu", f"CPU, {torch.get_num_threads()} threads", free, processes, dtype, why)
    free, _ = torch.cuda.mem_get_info()
    return Device("cuda", torch.cuda.get_device_name(), int(free), processes, dtype, why)


def _precision(config: TrainConfig, gpu: bool) -> tuple[str, str]:
    import torch

    named = {"bf16": "bfloat16", "fp16": "float16", "fp32": "float32"}
    able = torch.cuda.is_bf16_supported(including_emulation=False) if gpu else _cpu_has_bf16()
    if config.precision == "fp16" and not gpu:
        raise ConfigError(
            "precision: fp16 with loss scaling needs a GPU; on a CPU use fp32 or bf16"
        )
    if config.precision == "bf16" and gpu and not able:
        raise ConfigError("precision: this GPU has no bfloat16; use fp16 or auto")
    if config.precision != "auto":
        return named[config.precision], "as configured"
    if able:
        return "bfloat16", "the device computes in it: the range of float32, no loss scaling"
    if gpu:
        return "float16", "the GPU has no bfloat16: float16 with loss scaling"
    return "float32", "this CPU has no instructions for bfloat16"


def _cpu_has_bf16() -> bool:
    import torch

    found = torch.cpu.get_capabilities()
    return bool(found.get("avx512_bf16") or found.get("amx_bf16"))


def make_plan(
    foundation: Foundation,
    config: TrainConfig,
    device: Device,
    rows: Rows,
    validation: Rows | None,
) -> Plan:
    """Work out batches, steps and memory.

    Rows of one device at a time are the most that fit into 80 % of its free memory; gradients are
    accumulated until a step has the tokens that were asked for.
    """
    lengths = rows.lengths
    longest = int(lengths.max())
    row_length = _row_length(longest, config, device) if config.batch.packing else longest
    packed = len(pack_lengths(lengths, row_length)) if config.batch.packing else rows.samples
    mean = rows.tokens / packed
    wanted = max(1, round(config.batch.tokens / mean / device.processes))
    # Packed rows are laid end to end. Without a kernel that knows where samples end, the work of
    # attention grows with the square of that: then one row at a time, and more accumulation.
    flat = config.batch.packing and not (config.attention or "").startswith("flash")
    fits = 1 if flat else _fitting(foundation, config, device, row_length)
    per_device = config.batch.rows_per_device or max(1, min(wanted, fits, _MOST_ROWS))
    accumulation = max(1, round(wanted / per_device))
    per_step = per_device * accumulation * device.processes
    per_epoch = max(
        1, math.ceil(math.ceil(packed / (per_device * device.processes)) / accumulation)
    )
    steps = config.max_steps or max(1, math.ceil(config.epochs * per_epoch))
    memory = estimate_memory(foundation, config, device.dtype, per_device * row_length)
    plan = Plan(
        method=config.method,
        parameters=foundation.parameters,
        trainable=foundation.trainable(config),
        targets=foundation.targets(config.lora) if config.adapts else (),
        device=device,
        memory=memory,
        samples=rows.samples,
        rows=packed,
        tokens=rows.tokens,
        trained_tokens=rows.labels,
        row_length=row_length,
        rows_per_device=per_device,
        accumulation=accumulation,
        step_tokens=round(mean * min(per_step, packed)),
        steps_per_epoch=per_epoch,
        steps=steps,
        epochs=round(steps / per_epoch, 3),
        evaluate_every=max(1, per_epoch // config.evaluation.per_epoch),
        warmup_steps=math.ceil(config.warmup * steps),
        validation_samples=validation.samples if validation else 0,
    )
    return _with_warnings(plan, config, foundation, rows)


def estimate_memory(foundation: Foundation, config: TrainConfig, dtype: str, tokens: int) -> Memory:
    """Estimate the bytes that training takes on one device with so many tokens at once."""
    size = _BYTES[dtype]
    shape = foundation.config.get_text_config()
    layers, hidden = shape.num_hidden_layers, shape.hidden_size
    linear = sum(i * o for i, o in foundation.linears.values())
    rest = foundation.parameters - linear
    trainable = foundation.trainable(config)
    if config.method == "qlora":
        scale = (8 + 32 / 256) / 64 if config.quantisation.double else 32 / 64
        weights = linear * (4 + scale) / 8 + rest * size
    else:
        weights = foundation.parameters * size if config.adapts else 0
    eight_bit = config.optimiser.name.endswith("8bit") or _paged(config, dtype)
    trained = trainable * (4 + 4 + (2 if eight_bit else 8))
    inside = _layer_values(foundation, layers) * tokens * size
    kept = layers * hidden * tokens * size if config.gradient_checkpointing else layers * inside
    work = inside if config.gradient_checkpointing else 0
    head = 3 * min(tokens, _HEAD_TOKENS) * shape.vocab_size * 4
    return Memory(int(weights), int(trained), int(kept), int(work), int(head))


def _paged(config: TrainConfig, dtype: str) -> bool:
    return config.optimiser.name == "auto" and config.method == "qlora" and dtype != "float32"


def _layer_values(foundation: Foundation, layers: int) -> float:
    """Return the values per token that one layer keeps for its backward pass.

    Input and output of every linear layer, two norms and the attention's inputs: what autograd
    saves, without the matrix of attention scores (flash and SDPA kernels never keep it).
    """
    hidden = foundation.config.get_text_config().hidden_size
    linear = sum(i + o for i, o in foundation.linears.values()) / layers
    return linear + 8 * hidden


def _fitting(foundation: Foundation, config: TrainConfig, device: Device, length: int) -> int:
    """Return how many rows of this length fit, at least one."""
    room = device.memory * _SHARE
    fits = 1
    while fits < _MOST_ROWS:
        need = estimate_memory(foundation, config, device.dtype, 2 * fits * length)
        if need.total > room:
            break
        fits *= 2
    return fits


def _row_length(longest: int, config: TrainConfig, device: Device) -> int:
    """Return the length that samples are packed into.

    The limit, or a little above the longest; on a GPU, which idles over short rows, at least 2,048.
    """
    least = _GPU_ROW if device.kind == "cuda" else 0
    wanted = config.batch.max_length or max(-(-longest // 64) * 64, least)
    return max(longest, min(wanted, config.batch.tokens))


def _with_warnings(plan: Plan, config: TrainConfig, foundation: Foundation, rows: Rows) -> Plan:
    from dataclasses import replace

    found = []
    if plan.memory.total > plan.device.memory:
        found.append(
            f"the estimate of {plan.memory.total / 2**30:.1f} GiB is more than the "
            f"{plan.device.memory / 2**30:.1f} GiB that are free"
        )
    if plan.steps < _FEW_STEPS:
        found.append(
            f"{plan.steps} steps are few: lower batch.tokens ({config.batch.tokens:,}) or train "
            "for more epochs"
        )
    limit = getattr(foundation.config.get_text_config(), "max_position_embeddings", None)
    longest = int(rows.lengths.max())
    if limit and longest > limit:
        found.append(f"the longest sample has {longest} tokens, the model knows {limit} positions")
    if not plan.validation_samples:
        found.append("no validation: no early stopping, and the last checkpoint is taken")
    if rows.dropped:
        found.append(f"{rows.dropped} samples are longer than batch.max_length and left out")
    return replace(plan, warnings=tuple(found))
