"""The story of a build, top to bottom.

```
documents   read → dedupe → link → split
samples     generate → verify → dedupe → purge → balance → render
dataset     write → audit → card, manifest
```
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from sftdata.audit import audit
from sftdata.config import BuildConfig, load_config
from sftdata.output import claim, clear, describe, tool_versions, write_dataset, write_lineage
from sftdata.preparation import generation, shrinking
from sftdata.report import RunManifest
from sftdata.reporting.html import html_report
from sftdata.reporting.published import write_cards
from sftdata.result import BuildResult
from sftdata.run import Progress, Run
from sftdata.stages.decisions.checked import Checked
from sftdata.stages.escape import Escape
from sftdata.stages.shrink import shrunk_counts
from sftdata.stages.verify import Verify
from sftdata.types import SAMPLES
from sftdata.validation import validate

__all__ = ["build"]


def build(
    config: str | Path | Mapping[str, Any] | BuildConfig,
    out: str | Path | None = None,
    *,
    overrides: Sequence[str] = (),
    progress: Progress | None = None,
) -> BuildResult:
    """Build a dataset from documents and audit it.

    Args:
        config: a YAML file, a mapping, or a `BuildConfig`.
        out: the folder to write; by default `out` beside the configuration.
        overrides: settings such as `dedupe.threshold=0.7`.
        progress: called with step, finished batches and all batches.

    Returns:
        The result: `.dataset`, `.report`, `.manifest`, `.path`.

    Raises:
        ConfigError: the configuration, or documents that cannot be split as asked.
        FamilyError: a task family that cannot be used.
    """
    settings = load_config(config, overrides)
    target = Path(out) if out is not None else settings.base / "out"
    validate(settings)
    claim(target)
    with Run(settings, target / ".work", progress) as run:
        files = run.list_files()
        documents = split_documents(run, files)
        samples = make_samples(run, documents)
        manifest = publish(run, files, documents, samples, target)
    if not settings.engine.keep_work:
        shutil.rmtree(target / ".work")
    return BuildResult(path=target, manifest=manifest)


def split_documents(run: Run, files: pa.Table) -> Any:
    """Read, drop duplicates, find who belongs together, and assign the splits."""
    config = run.config
    documents = run.read(files)
    if config.template.special_text == "escape":
        documents = run.map(documents, Escape(render=config.template.locked()), "escape")
    if config.dedupe.documents:
        documents = run.drop(documents, run.dedupe("document"), "dedupe_documents")
    documents = run.fill(documents, config.link, "group", "link")
    return run.fill(documents, config.splitting, "split", "split")


def make_samples(run: Run, documents: Any) -> Any:
    """Generate inside each split, and keep what is proved, distinct, balanced and short enough."""
    config = run.config
    samples = run.map(documents, generation(run, documents), "generate")
    samples = run.rebatch(samples, SAMPLES)
    samples = run.map(samples, Verify(), "verify")
    samples = run.drop(samples, Checked(), "checked")
    if config.dedupe.tasks:
        samples = run.drop(samples, run.dedupe("task"), "dedupe_tasks")
    samples = run.drop(samples, config.purging, "purge")
    samples = run.drop(samples, config.balance, "balance")
    samples = run.map(samples, config.template.locked(), "render")
    over = config.template.over_length
    if over == "shrink":
        samples = run.rebatch(
            run.map(samples, shrinking(run, documents, samples), "shrink"), SAMPLES
        )
    return run.drop(samples, Checked(over_length="drop" if over == "shrink" else over), "fit")


def publish(run: Run, files: pa.Table, documents: Any, samples: Any, target: Path) -> RunManifest:
    """Write dataset and lineage, audit them, and close the build with its manifest."""
    config, table = run.config, run.collect(samples)
    started = time.perf_counter()
    run.require_samples(table)
    clear(target)
    lineage = run.lineage(documents)
    outputs = write_dataset(table, target) + write_lineage(lineage, target)
    run.note("write", table.num_rows, started)
    started = time.perf_counter()
    report = audit(target, options=config.auditing, seed=config.seed, template=config.template)
    report = report.model_copy(update={"dataset": config.card.title or config.name})
    folder = target / "audit"
    folder.mkdir()
    (folder / "report.json").write_text(report.to_json(), encoding="utf-8")
    (folder / "report.html").write_text(html_report(report), encoding="utf-8")
    run.note("audit", len(report.checks), started)
    cards = write_cards(run.card_inputs(table, lineage, report), describe(outputs, target), target)
    outputs += [*cards, folder / "report.json", folder / "report.html"]
    template = config.template.load()[0]
    manifest = RunManifest(
        config=config.model_dump(mode="json"),
        template_lock=template.lock(),
        template_parts=template.lock_parts(),
        versions=tool_versions(),
        inputs=run.inputs(files),
        outputs=describe(outputs, target),
        counts=run.counts(table, lineage) | shrunk_counts(table),
        steps=tuple(run.steps),
    )
    (target / "manifest.json").write_text(manifest.to_json(), encoding="utf-8")
    return manifest
