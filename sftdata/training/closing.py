"""The end of a run: results, weights of the best checkpoint, plots and card."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sftdata.training.card import model_card
from sftdata.training.folder import RunFolder, TrainManifest, replace_folder, write_atomically
from sftdata.training.plan import Plan
from sftdata.training.plots import draw_curves
from sftdata.training.prepare import Prepared

__all__ = ["close_run", "is_main", "wait_for_all"]


def close_run(
    trainer: Any,
    folder: RunFolder,
    made: Prepared,
    manifest: TrainManifest,
    outcome: Mapping[str, Any],
) -> TrainManifest:
    """Write results, plots, adapter and card; return the manifest."""
    wait_for_all()
    best = trainer.state.best_model_checkpoint
    place = Path(best) if best else folder.checkpoints / f"checkpoint-{outcome['step']}"
    results = _results(folder, outcome, best)
    update: dict[str, Any] = {
        "results": results,
        "measured": _measured(trainer, made.plan, outcome),
        "status": "interrupted" if outcome["interrupted"] else "finished",
    }
    closed = manifest.model_copy(update=update)
    if not outcome["interrupted"]:
        _keep_weights(trainer, folder, place, made)
    if is_main():
        draw_curves(folder.read_metrics(), folder.path / "plots", best_step=results["best_step"])
        write_atomically(folder.path / "README.md", model_card(closed))
        folder.write(closed)
    wait_for_all()
    return closed


def _results(folder: RunFolder, outcome: Mapping[str, Any], best: str | None) -> dict[str, Any]:
    metrics = folder.read_metrics()
    losses = {r["step"]: r["validation_loss"] for r in metrics if "validation_loss" in r}
    base = losses.pop(0, None)
    step = int(Path(best).name.rpartition("-")[2]) if best else outcome["step"]
    trained = [r["loss"] for r in metrics if "loss" in r]
    found = {
        "steps": outcome["step"],
        "ended": _why(outcome),
        "train_loss": trained[-1] if trained else None,
        "base_validation_loss": base,
        "best_step": step,
        "best_validation_loss": losses.get(step),
    }
    if base is not None and losses.get(step) is not None:
        found["better_than_base"] = losses[step] < base
    return found


def _why(outcome: Mapping[str, Any]) -> str:
    if outcome["interrupted"]:
        return "interrupted"
    return "no better validation loss for a while" if outcome["early"] else "all steps made"


def _measured(trainer: Any, plan: Plan, outcome: Mapping[str, Any]) -> dict[str, Any]:
    import torch

    tokens = outcome["steps_now"] * plan.step_tokens
    seconds = outcome["seconds"]
    found = {
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(outcome["started"])),
        "seconds": round(seconds, 1),
        "steps": outcome["steps_now"],
        "tokens_per_second": round(tokens / seconds, 1) if seconds and tokens else 0.0,
    }
    if trainer.args.device.type == "cuda":
        found["peak_memory"] = int(torch.cuda.max_memory_allocated())
    return found


def _keep_weights(trainer: Any, folder: RunFolder, best: Path, made: Prepared) -> None:
    """Put the weights of the best checkpoint where the next step looks for them."""
    adapts = made.plan.method != "full"
    name = "adapter" if adapts else "model"
    pattern = "adapter_model*" if adapts else "model*.safetensors*"
    made_beside = folder.path / f".{name}.tmp"
    if not any(best.glob(pattern)):
        # Sharded training keeps checkpoints in pieces; the trainer gathers them.
        trainer.save_model(str(made_beside))
    elif is_main():
        shutil.rmtree(made_beside, ignore_errors=True)
        made_beside.mkdir()
        for path in [
            *best.glob(pattern),
            *best.glob("adapter_config.json" if adapts else "*config.json"),
        ]:
            shutil.copy2(path, made_beside / path.name)
    wait_for_all()
    if not is_main():
        return
    settings = made_beside / "adapter_config.json"
    if settings.is_file():
        data = json.loads(settings.read_text(encoding="utf-8"))
        data["base_model_name_or_path"] = made.foundation.path
        write_atomically(settings, json.dumps(data, indent=2, sort_keys=True) + "\n")
    replace_folder(made_beside, folder.path / name)


def is_main() -> bool:
    """Whether this is the process that writes."""
    return int(os.environ.get("RANK", "0")) == 0


def wait_for_all() -> None:
    """Wait until every process of the run is here."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        from accelerate import PartialState

        PartialState().wait_for_everyone()
