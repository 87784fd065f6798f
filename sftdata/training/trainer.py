"""TRL's trainer with our rows, an exact validation loss, and a clean way to stop.

Made when called: `trl` is imported here and nowhere at the top of a module.
"""

from __future__ import annotations

import math
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sftdata.training.config import TrainConfig
from sftdata.training.folder import RunFolder, seal_checkpoint
from sftdata.training.foundation import Foundation
from sftdata.training.plan import Plan

__all__ = ["Stop", "arguments", "lora_config", "make_trainer", "watch", "watch_signals"]


class Stop:
    """A wish to stop after the step that is under way."""

    def __init__(self) -> None:
        self.signal: int | None = None

    @property
    def asked(self) -> bool:
        """Whether a signal has come."""
        return self.signal is not None


@contextmanager
def watch_signals(stop: Stop) -> Iterator[None]:
    """Turn SIGTERM and the first Ctrl-C into a wish to stop; a second Ctrl-C stops at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def note(number: int, frame: Any) -> None:
        del frame
        if stop.asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        stop.signal = number

    before = {n: signal.signal(n, note) for n in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def arguments(config: TrainConfig, plan: Plan, folder: RunFolder, *, begins: bool) -> Any:
    """Return TRL's SFTConfig; `begins`: this is the start of the run, not its resumption."""
    from trl import SFTConfig

    optimiser, evaluates = config.optimiser, _evaluates(config, plan)
    sharding: dict[str, Any] = {}
    if config.fsdp is not None:
        sharding |= {"fsdp": True, "fsdp_config": dict(config.fsdp)}
    if config.deepspeed is not None:
        given = config.deepspeed
        sharding["deepspeed"] = str(given) if isinstance(given, Path) else dict(given)
    return SFTConfig(
        output_dir=str(folder.checkpoints),
        run_name=folder.path.name,
        seed=config.seed,
        data_seed=config.seed,
        use_cpu=plan.device.kind == "cpu",
        bf16=plan.device.dtype == "bfloat16",
        fp16=plan.device.dtype == "float16",
        per_device_train_batch_size=plan.rows_per_device,
        per_device_eval_batch_size=plan.rows_per_device,
        gradient_accumulation_steps=plan.accumulation,
        max_steps=plan.steps,
        learning_rate=config.learning_rate,
        lr_scheduler_type=optimiser.schedule,
        warmup_steps=plan.warmup_steps,
        weight_decay=optimiser.weight_decay,
        max_grad_norm=optimiser.max_grad_norm,
        optim=_optimiser(config, plan),
        activation_checkpointing=config.gradient_checkpointing,
        activation_checkpointing_kwargs=(
            {"use_reentrant": False} if config.gradient_checkpointing else None
        ),
        # Our rows as they are: no second preparation, no cut, no filter.
        max_length=None,
        packing=False,
        padding_free=config.batch.packing,
        shuffle_dataset=False,
        dataset_kwargs={"skip_prepare_dataset": True},
        logging_strategy="steps",
        logging_steps=1,
        logging_nan_inf_filter=False,
        eval_strategy="steps" if evaluates else "no",
        eval_steps=plan.evaluate_every if evaluates else None,
        eval_on_start=evaluates and begins,
        save_strategy="steps",
        save_steps=plan.evaluate_every,
        save_total_limit=config.keep_checkpoints,
        metric_for_best_model="eval_loss" if evaluates else None,
        greater_is_better=False if evaluates else None,
        restore_callback_states_from_checkpoint=True,
        report_to=list(config.report_to) or "none",
        disable_tqdm=True,
        # Every weight that is trained takes part in every step.
        ddp_find_unused_parameters=False,
        dataloader_pin_memory=plan.device.kind == "cuda",
        prediction_loss_only=True,
        **sharding,
    )


def _evaluates(config: TrainConfig, plan: Plan) -> bool:
    return config.evaluation.during and plan.validation_samples > 0


def _optimiser(config: TrainConfig, plan: Plan) -> str:
    if config.optimiser.name != "auto":
        return config.optimiser.name
    on_gpu = plan.device.kind == "cuda"
    return "paged_adamw_8bit" if config.method == "qlora" and on_gpu else "adamw_torch"


def lora_config(config: TrainConfig, foundation: Foundation) -> Any:
    """Return PEFT's configuration of the adapter, or none for full fine-tuning."""
    if not config.adapts:
        return None
    from peft import LoraConfig

    return LoraConfig(
        r=config.lora.rank,
        lora_alpha=config.lora.scale,
        lora_dropout=config.lora.dropout,
        target_modules=list(foundation.targets(config.lora)),
        bias="none",
        task_type="CAUSAL_LM",
    )


def make_trainer(
    model: Any, settings: Any, datasets: tuple[Any, Any], tokenizer: Any, *, adapter: Any
) -> Any:
    """Return an SFTTrainer whose validation loss is exact and whose adapter is in float32.

    Args:
        model: the loaded base.
        settings: what `arguments` made.
        datasets: rows to train on and rows to evaluate (or None).
        tokenizer: transformers' own, for padding and for the checkpoints.
        adapter: PEFT's configuration, or none.
    """
    trainer = _trainer_class()(
        model=model,
        args=settings,
        train_dataset=datasets[0],
        eval_dataset=datasets[1],
        processing_class=tokenizer,
        peft_config=adapter,
    )
    if adapter is not None and not (trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled):
        # TRL casts the adapter of a 4-bit model to bfloat16, which loses small steps and has no
        # gradient scaler; the few weights that are trained can afford float32.
        for weight in trainer.model.parameters():
            if weight.requires_grad:
                weight.data = weight.data.float()
    return trainer


def _trainer_class() -> Any:
    import torch
    from trl import SFTTrainer

    class ExactTrainer(SFTTrainer):
        """Weighs the validation loss by trained tokens, and leaves the dice as they lay.

        transformers averages over batches, so that the loss depends on how rows fall into them.
        A data loader draws a seed when it begins: without a fork of the random state the dropout
        of the steps after an evaluation would differ from a run without one.
        """

        def evaluation_loop(self, *args: Any, **kwargs: Any) -> Any:
            self._loss = torch.zeros(2, dtype=torch.float64)
            with torch.random.fork_rng(devices=_devices(self)):
                output = super().evaluation_loop(*args, **kwargs)
            total = self.accelerator.reduce(self._loss.to(self.args.device).float(), "sum")
            loss, tokens = total.tolist() if _many(self) else self._loss.tolist()
            prefix = kwargs.get("metric_key_prefix", "eval")
            output.metrics[f"{prefix}_loss"] = loss / max(tokens, 1)
            output.metrics[f"{prefix}_trained_tokens"] = tokens
            return output

        def create_model_card(self, *args: Any, **kwargs: Any) -> None:
            """Write none: the run's own card says what its data are."""

        def prediction_step(self, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
            # The first token of a row has nothing before it and is never predicted.
            tokens = float((inputs["labels"][..., 1:] != -100).sum())
            found = super().prediction_step(model, inputs, *args, **kwargs)
            loss = found[0].detach().double().cpu()
            self._loss += torch.stack([loss * tokens, torch.tensor(tokens, dtype=torch.float64)])
            return found

    return ExactTrainer


def _many(trainer: Any) -> bool:
    return bool(trainer.accelerator.num_processes > 1)


def _devices(trainer: Any) -> list[int]:
    return [trainer.args.device.index or 0] if trainer.args.device.type == "cuda" else []


def watch(
    trainer: Any,
    folder: RunFolder,
    stop: Stop,
    tell: Callable[[str], None],
    config: TrainConfig,
) -> None:
    """Hang in what is ours: metrics, seals, early stopping, signals, and the last evaluation."""
    from transformers import EarlyStoppingCallback, PrinterCallback

    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(_observer(folder, _agreed(trainer, stop), tell))
    if trainer.args.eval_strategy == "steps" and config.evaluation.patience is not None:
        trainer.add_callback(EarlyStoppingCallback(config.evaluation.patience))


def _agreed(trainer: Any, stop: Stop) -> Callable[[], bool]:
    """Return whether any process was asked to stop: all of them must stop after the same step."""

    def asked() -> bool:
        if not _many(trainer):
            return stop.asked
        import torch

        mine = torch.tensor(float(stop.asked), device=trainer.args.device)
        return bool(trainer.accelerator.reduce(mine, "sum") > 0)

    return asked


def _observer(folder: RunFolder, asked: Callable[[], bool], tell: Callable[[str], None]) -> Any:
    from transformers import TrainerCallback

    class Observer(TrainerCallback):
        """Writes metrics and seals; on every process it also carries the wish to stop."""

        interrupted = False

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if state.global_step >= state.max_steps and args.eval_strategy == "steps":
                control.should_evaluate = True
            if asked():
                self.interrupted = True
                control.should_save = control.should_training_stop = True

        def on_log(self, _args: Any, state: Any, _control: Any, **kwargs: Any) -> None:
            row = _row(kwargs.get("logs") or {}, state)
            if row and state.is_world_process_zero:
                folder.add_metrics(row)
                tell(_line(row, state))

        def on_save(self, _args: Any, state: Any, control: Any, **_: Any) -> None:
            if state.is_world_process_zero:
                ended = state.global_step >= state.max_steps
                ended |= control.should_training_stop and not self.interrupted
                path = folder.checkpoints / f"checkpoint-{state.global_step}"
                seal_checkpoint(path, state.global_step, ended=ended)

    return Observer()


_KEPT = {
    "loss": "loss",
    "learning_rate": "learning_rate",
    "grad_norm": "grad_norm",
    "mean_token_accuracy": "token_accuracy",
    "eval_loss": "validation_loss",
    "eval_mean_token_accuracy": "validation_token_accuracy",
    "eval_trained_tokens": "validation_tokens",
}


def _row(logs: dict[str, Any], state: Any) -> dict[str, float]:
    """Return what is kept of a log entry: nothing that depends on the clock."""
    found = {_KEPT[key]: float(value) for key, value in logs.items() if key in _KEPT}
    if "loss" not in found and "validation_loss" not in found:
        return {}
    return {"step": int(state.global_step), "epoch": round(float(state.epoch or 0), 6), **found}


def _line(row: dict[str, float], state: Any) -> str:
    head = f"step {int(row['step']):>5}/{state.max_steps}"
    if "validation_loss" in row:
        who = "base model, before the first step" if not row["step"] else "validation"
        return f"{head}  {who}: loss {row['validation_loss']:.4f}"
    loss = row["loss"]
    shown = f"{loss:.4f}" if math.isfinite(loss) else "not a number"
    return f"{head}  loss {shown}  rate {row.get('learning_rate', 0.0):.2e}"
