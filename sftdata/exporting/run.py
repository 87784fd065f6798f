"""Export a judged build: open, choose, leave out what would break, write, and give account."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from sftdata import registry
from sftdata.chat.template import load_template
from sftdata.errors import ConfigError, ContractError
from sftdata.exporting.exporter import Exporter, Job
from sftdata.exporting.files import ExportFolder
from sftdata.exporting.model import TargetModel, resolve_model
from sftdata.exporting.record import ExportRecord
from sftdata.exporting.rows import REASONS
from sftdata.judged import Judged, open_judged

__all__ = ["export", "make_exporter"]


def export(
    build: str | Path,
    to: str | Exporter,
    out: str | Path,
    *,
    model: str | None = None,
    splits: Sequence[str] = (),
    settings: Mapping[str, Any] | None = None,
    force: bool = False,
) -> ExportRecord:
    """Write a build in the form that a trainer, a server or a reviewer takes.

    Args:
        build: the folder that `sftdata build` wrote.
        to: the target, by name or as an exporter with its settings.
        out: a new folder, or that of an earlier export.
        model: folder or hub id; by default what the build was rendered with.
        splits: what to write; by default what the target is for.
        settings: settings of the exporter, where it is given by name.
        force: go on where the audit blocks, the files have changed, or the tokenizer is another.

    Returns:
        The record that is also written as `export.json`.

    Raises:
        ConfigError: the build, the folder, the model or a setting cannot be used.
    """
    exporter = make_exporter(to, settings or {})
    judged = open_judged(build, force=force)
    chosen = exporter.chosen(judged, splits)
    target = _target(exporter, judged, model, force=force)
    with ExportFolder(Path(out)) as folder:
        job = Job(judged, target, folder, chosen)
        job.rules = tuple(exporter.rules(job))
        if not any(job.counts.values()):
            raise ConfigError(
                f"--to {exporter.name}: every sample of {', '.join(chosen)} would be left out "
                f"({_listed(job)})"
            )
        exporter.write(job)
        record = _record(exporter, job)
        folder.commit(record.to_json())
    return record


def make_exporter(to: str | Exporter, settings: Mapping[str, Any]) -> Exporter:
    """Return the exporter of this name with these settings.

    Raises:
        ConfigError: no such target, or no such setting; the message lists what there is.
    """
    if isinstance(to, Exporter):
        return to
    found = registry.exporters.get(to)
    if not (isinstance(found, type) and issubclass(found, Exporter)):
        raise ContractError(
            f"exporter {to!r} is no subclass of sftdata.exporting.exporter.Exporter"
        )
    unknown = sorted(set(settings) - set(found.model_fields))
    if unknown:
        known = ", ".join(sorted(found.model_fields)) or "no settings"
        raise ConfigError(f"--set {unknown[0]}: --to {to} has no such setting. Known: {known}")
    try:
        return found(**settings)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(p) for p in first["loc"])
        raise ConfigError(f"--set {where}: {first['msg'].removeprefix('Value error, ')}") from None


def _target(exporter: Exporter, judged: Judged, model: str | None, *, force: bool) -> TargetModel:
    if exporter.uses_model:
        return resolve_model(judged, model, force=force)
    # The target reads messages: whether the build's tokenizer is still there is not its concern.
    return TargetModel(name=model or "", template=load_template(), config={})


def _record(exporter: Exporter, job: Job) -> ExportRecord:
    judged, excluded = job.judged, job.excluded
    losses = [
        f"{len(ids):,} samples left out: {REASONS.get(reason, reason)}"
        for reason, ids in excluded.items()
    ]
    return ExportRecord(
        target=exporter.name,
        settings=exporter.model_dump(mode="json"),
        dataset=judged.report.dataset,
        dataset_digest=judged.digest,
        verdict=judged.report.verdict,
        forced=(*judged.forced, *job.model.faults),
        model=job.model.name,
        template=job.model.template.name if exporter.uses_model else "",
        template_lock=job.model.template.lock() if exporter.uses_model else "",
        build_template_lock=judged.manifest.template_lock,
        longest=job.longest,
        lengths="counted" if job.counted else "estimated",
        counts=job.counts,
        excluded={reason: len(ids) for reason, ids in excluded.items()},
        excluded_ids=excluded,
        reasons={r: REASONS.get(r, r) for r in excluded},
        loses=exporter.loses,
        warnings=(*losses, *job.warnings),
        next=tuple(job.next),
        files=tuple(sorted(job.folder.files, key=lambda f: f.path)),
        version=_version(),
    )


def _listed(job: Job) -> str:
    found = [f"{reason} {len(ids)}" for reason, ids in job.excluded.items()]
    return ", ".join(found) or "there are none"


def _version() -> str:
    try:
        return version("sftdata")
    except PackageNotFoundError:
        return "unknown"
