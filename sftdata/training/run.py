"""Train on a judged build: open, compare, plan, train, and leave a run folder behind."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sftdata.training.closing import close_run, is_main, wait_for_all
from sftdata.training.config import TrainConfig
from sftdata.training.folder import Checkpoint, RunFolder, TrainManifest
from sftdata.training.foundation import load_weights, quiet
from sftdata.training.plan import Plan
from sftdata.training.prepare import (
    Prepared,
    default_folder,
    describe_run,
    new_manifest,
    prepare,
    threads,
)
from sftdata.training.rows import require_same_rows
from sftdata.training.trainer import (
    Stop,
    arguments,
    lora_config,
    make_trainer,
    watch,
    watch_signals,
)

__all__ = ["Interrupted", "TrainResult", "plan_training", "train"]


class Interrupted(Exception):  # noqa: N818 - not an error: the run can go on
    """A signal stopped the run after a checkpoint. `signal` is its number."""

    def __init__(self, number: int, step: int, path: Path) -> None:
        super().__init__(
            f"stopped by signal {number} after step {step}; the checkpoint is written, go on with "
            f"--resume --out {path}"
        )
        self.number = number


@dataclass(frozen=True)
class TrainResult:
    """A finished run.

    Attributes:
        path: its folder.
        manifest: what stands in manifest.json.
        trained: whether steps were made now; False: it was finished already.
    """

    path: Path
    manifest: TrainManifest
    trained: bool


def plan_training(
    build: str | Path,
    config: TrainConfig,
    *,
    force: bool = False,
    allow_template_mismatch: bool = False,
) -> Plan:
    """Work out what `train` would do, without reading weights or writing anything.

    Raises:
        ConfigError: see `train`.
        MissingExtraError: the extra `train` is not installed.
    """
    return prepare(build, config, force=force, allow=allow_template_mismatch).plan


def train(
    build: str | Path,
    config: TrainConfig,
    out: str | Path | None = None,
    *,
    resume: bool = False,
    force: bool = False,
    allow_template_mismatch: bool = False,
    tell: Callable[[str], None] = lambda _: None,
) -> TrainResult:
    """Train on a build and write a run folder.

    Args:
        build: the folder of the build; its audit must be about its files and must not block.
        config: what to train and how.
        out: folder of the run; by default `runs/<dataset>-<model>-<fingerprint>`.
        resume: go on from the newest complete checkpoint.
        force: train in spite of a stale or blocking audit; the manifest says so.
        allow_template_mismatch: train in spite of another template; the manifest says so.
        tell: is told, line by line, what happens.

    Raises:
        ConfigError: the build is refused, the template is not the model's, a setting cannot be
            used, or the folder holds another run. One line.
        Interrupted: SIGTERM or Ctrl-C; a checkpoint was written.
        MissingExtraError: the extra `train` is not installed.
    """
    made = prepare(build, config, force=force, allow=allow_template_mismatch)
    manifest = new_manifest(made, config)
    folder = RunFolder(Path(out) if out is not None else default_folder(made, manifest))
    manifest = manifest.model_copy(update={"name": folder.path.resolve().name})
    say = tell if is_main() else _silent
    for line in describe_run(made, config):
        say(line)
    checkpoint = folder.claim(manifest, resume=resume)
    if folder.exists and folder.manifest().status == "finished":
        say(f"{folder.path} is finished; nothing to do")
        return TrainResult(folder.path, folder.manifest(), trained=False)
    wait_for_all()
    started = time.time()
    if is_main():
        step = checkpoint.step if checkpoint else 0
        folder.begin(manifest, config.to_yaml(), made.match.template.source, step)
        if checkpoint:
            say(f"going on from step {checkpoint.step}")
    wait_for_all()
    with threads(config), quiet():
        trainer = _trainer(made, config, folder, begins=checkpoint is None)
        outcome = _run(trainer, folder, config, checkpoint, say)
        manifest = close_run(trainer, folder, made, manifest, {**outcome, "started": started})
    if manifest.status == "interrupted":
        raise Interrupted(int(outcome["signal"]), int(outcome["step"]), folder.path)
    return TrainResult(folder.path, manifest, trained=True)


def _silent(line: str) -> None:
    del line


def _trainer(made: Prepared, config: TrainConfig, folder: RunFolder, *, begins: bool) -> Any:
    """Load the weights and build the trainer; make sure that it holds our rows."""
    from transformers import AutoTokenizer

    plan = made.plan
    settings = arguments(config, plan, folder, begins=begins)
    length = plan.row_length if config.batch.packing else None
    rows = made.rows.as_dataset(length)
    held_out = made.validation.as_dataset(length) if made.validation else None
    tokenizer = AutoTokenizer.from_pretrained(
        made.foundation.path,
        trust_remote_code=False,
        local_files_only=not made.foundation.allow_download,
    )
    tokenizer.chat_template = made.match.template.source
    model = load_weights(
        made.foundation,
        config,
        dtype=plan.device.dtype,
        device=plan.device.kind,
        index=settings.local_process_index,
    )
    trainer = make_trainer(
        model,
        settings,
        (rows, held_out),
        tokenizer,
        adapter=lora_config(config, made.foundation),
    )
    require_same_rows(made.rows, trainer.train_dataset, trainer.data_collator)
    if made.validation:
        require_same_rows(made.validation, trainer.eval_dataset, trainer.data_collator)
    return trainer


def _run(
    trainer: Any,
    folder: RunFolder,
    config: TrainConfig,
    checkpoint: Checkpoint | None,
    tell: Callable[[str], None],
) -> dict[str, Any]:
    """Make the steps that are left; return where it ended and why."""
    stop, begun = Stop(), time.perf_counter()
    watch(trainer, folder, stop, tell, config)
    start = checkpoint.step if checkpoint else 0
    if checkpoint is not None and checkpoint.ended:
        # The steps were done and only the closing was missed; training would add one more.
        from transformers import TrainerState

        place = folder.checkpoints / f"checkpoint-{checkpoint.step}" / "trainer_state.json"
        trainer.state = TrainerState.load_from_json(str(place))
    else:
        place = folder.checkpoints / f"checkpoint-{start}"
        with watch_signals(stop):
            trainer.train(resume_from_checkpoint=str(place) if checkpoint else None)
    step = int(trainer.state.global_step)
    return {
        "step": step,
        "steps_now": step - start,
        "seconds": time.perf_counter() - begun,
        "signal": stop.signal or 0,
        "interrupted": stop.asked and step < trainer.state.max_steps,
        "early": step < trainer.state.max_steps,
    }
