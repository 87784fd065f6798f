"""What is known before a weight is read: build, template, base, rows, plan, manifest."""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sftdata.errors import ConfigError
from sftdata.judged import Judged, open_judged
from sftdata.output import tool_versions
from sftdata.template_match import TemplateMatch, require_same_template
from sftdata.training.config import TrainConfig
from sftdata.training.folder import TrainManifest
from sftdata.training.foundation import (
    Foundation,
    digest_of_model,
    lay_out,
    quiet,
    require_extra,
)
from sftdata.training.plan import Plan, find_device, make_plan
from sftdata.training.rows import Rows, make_rows

__all__ = ["Prepared", "default_folder", "describe_run", "new_manifest", "prepare", "threads"]

_PACKAGES = ("torch", "trl", "peft", "transformers", "accelerate", "bitsandbytes", "datasets")
_FREE = ("report_to", "threads", "allow_download", "keep_checkpoints", "model")
"""Settings that change no weight; a model is told by its digest, not by the path to it."""


@dataclass(frozen=True)
class Prepared:
    """What is known before weights are read.

    Attributes:
        judged: the build with its audit.
        match: template and tokenizer, and how they compare with the build's.
        foundation: the base model.
        rows: what is trained on.
        validation: what is evaluated on, or none.
        plan: batches, steps and memory.
        forced: faults that were overridden.
    """

    judged: Judged
    match: TemplateMatch
    foundation: Foundation
    rows: Rows
    validation: Rows | None
    plan: Plan
    forced: tuple[str, ...]


def prepare(build: str | Path, config: TrainConfig, *, force: bool, allow: bool) -> Prepared:
    """Open the build, compare templates, make the rows and the plan.

    Raises:
        ConfigError: the build or the model is refused, or a setting cannot be used.
        MissingExtraError: the extra `train` is not installed.
    """
    require_extra(*(["bitsandbytes"] if config.method == "qlora" else []))
    for tracker in config.report_to:
        if importlib.util.find_spec(tracker) is None:
            raise ConfigError(f"report_to: {tracker} is not installed: pip install {tracker}")
    judged = open_judged(build, force=force)
    with quiet():
        foundation = lay_out(config.model, allow_download=config.allow_download)
        match = require_same_template(
            judged, foundation.path, allow=allow, allow_download=config.allow_download
        )
        rows = make_rows(
            judged.table(config.split),
            match.template,
            match.tokenizer,
            config.batch,
            most=config.max_samples,
            seed=config.seed,
        )
        validation = _validation(judged, match, config)
        with threads(config):
            plan = make_plan(foundation, config, find_device(config), rows, validation)
    forced = (*judged.forced, *([match.forced] if match.forced else []))
    return Prepared(judged, match, foundation, rows, validation, plan, forced)


def _validation(judged: Judged, match: TemplateMatch, config: TrainConfig) -> Rows | None:
    split = config.evaluation.split
    if not config.evaluation.during or split not in judged.splits:
        return None
    if split == config.split:
        raise ConfigError(f"evaluation.split: {split!r} is what is trained on; name another split")
    return make_rows(
        judged.table(split),
        match.template,
        match.tokenizer,
        config.batch,
        most=config.evaluation.max_samples,
        seed=config.seed,
    )


def new_manifest(made: Prepared, config: TrainConfig) -> TrainManifest:
    """Return the manifest of a run that has not begun; its name is the folder's."""
    judged, foundation, plan = made.judged, made.foundation, made.plan
    digest = digest_of_model(foundation)
    settings = {k: v for k, v in config.model_dump(mode="json").items() if k not in _FREE}
    batches = (plan.rows_per_device, plan.accumulation, plan.device.processes, plan.device.dtype)
    fingerprint = {
        "data": _hash([judged.digest, made.rows.digest]),
        "settings": _hash(settings),
        "model": _hash(digest),
        "template": made.match.lock,
        "batches": _hash(batches),
    }
    dataset = {
        "path": str(judged.path.resolve()),
        "name": judged.report.dataset,
        "digest": judged.digest,
        "verdict": judged.report.verdict,
        "meaning": judged.report.meaning,
        "split": config.split,
        "samples": made.rows.samples,
        "tokens": made.rows.tokens,
        "trained_tokens": made.rows.labels,
        "left_out": made.rows.dropped,
        "validation_samples": plan.validation_samples,
    }
    model = {
        "name": foundation.name,
        "path": foundation.path,
        "architecture": type(foundation.skeleton).__name__,
        "digest": digest,
        "parameters": plan.parameters,
    }
    return TrainManifest(
        name="",
        fingerprint=fingerprint,
        dataset=dataset,
        template_lock=made.match.lock,
        template=str(made.match),
        forced=made.forced,
        model=model,
        config=config.model_dump(mode="json"),
        plan=json.loads(json.dumps(plan.as_dict())),
        versions=tool_versions() | _versions(),
    )


def _hash(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _versions() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def default_folder(made: Prepared, manifest: TrainManifest) -> Path:
    """Return `runs/<dataset>-<model>-<fingerprint>`: the same run has the same folder."""
    data = Path(made.judged.report.dataset or made.judged.path.name).name
    model = Path(made.foundation.name).name
    return Path("runs") / f"{data}-{model}-{_hash(manifest.fingerprint)[:8]}"


def describe_run(made: Prepared, config: TrainConfig) -> list[str]:
    """Return what a person should know before it begins."""
    plan = made.plan
    share = plan.trainable / plan.parameters
    return [
        *(f"FORCED: {fault}" for fault in made.forced),
        str(made.match),
        f"{plan.device.dtype} on {plan.device.name} ({plan.device.why})",
        f"{config.method}: {plan.trainable:,} of {plan.parameters:,} parameters ({share:.2%})",
        f"{plan.samples:,} samples, {plan.tokens:,} tokens ({plan.trained_tokens:,} trained) in "
        f"{plan.rows:,} rows; {plan.steps:,} steps of about {plan.step_tokens:,} tokens",
        *(f"warning: {text}" for text in plan.warnings),
    ]


@contextmanager
def threads(config: TrainConfig) -> Iterator[None]:
    """Compute with the threads that were asked for, and set the number back."""
    import torch

    before = torch.get_num_threads()
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
