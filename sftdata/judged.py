"""A build whose audit is about these very bytes: what every later step starts from.

Training, export and prediction open a dataset here and nowhere else, so none of them can use files
that were changed after the audit, a dataset that the audit blocks, or one that was never audited.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from sftdata.audit_sources import digest_files
from sftdata.config import BuildConfig
from sftdata.errors import ConfigError
from sftdata.report import AuditReport, DataFile, RunManifest
from sftdata.stages.render import Render
from sftdata.types import SAMPLES, Sample, from_table

__all__ = ["Judged", "open_judged"]

Record = TypeVar("Record", AuditReport, RunManifest)


@dataclass(frozen=True)
class Judged:
    """A build with its manifest and the audit of exactly its files.

    Attributes:
        path: the folder of the build.
        report: the audit.
        manifest: how it was built.
        forced: faults that were overridden with `force`; a later step keeps them in its own
            manifest.
    """

    path: Path
    report: AuditReport
    manifest: RunManifest
    forced: tuple[str, ...] = field(default=())

    @property
    def digest(self) -> str:
        """The digest of the data files, by which a run names what it was trained on."""
        return self.report.digest

    @cached_property
    def files(self) -> dict[str, tuple[Path, ...]]:
        """The Parquet files of each split, splits and files sorted by name."""
        found: dict[str, list[Path]] = {}
        for path in _data_files(self.path):
            found.setdefault(path.name.partition("-")[0], []).append(path)
        return {split: tuple(paths) for split, paths in sorted(found.items())}

    @property
    def splits(self) -> tuple[str, ...]:
        """The names of the splits that have a file."""
        return tuple(self.files)

    def table(self, split: str) -> pa.Table:
        """Return the samples of one split, with the schema SAMPLES, sorted by id.

        Raises:
            ConfigError: no such split; the message lists those that there are.
        """
        if split not in self.files:
            known = ", ".join(self.splits)
            raise ConfigError(f"split: {self.path} has no split {split!r}; it has {known}")
        return pa.concat_tables([pq.read_table(p) for p in self.files[split]]).select(SAMPLES.names)

    def samples(self, split: str) -> Iterator[Sample]:
        """Yield the samples of one split as objects."""
        yield from from_table(self.table(split), Sample)

    @cached_property
    def render(self) -> Render:
        """Template, tokenizer and length as the build was configured."""
        return BuildConfig.model_validate(self.manifest.config).template


def open_judged(build: str | Path, *, force: bool = False) -> Judged:
    """Open a build for a step that comes after the audit.

    Args:
        build: the folder that `sftdata build` wrote.
        force: go on where the audit does not fit the files or blocks; what was overridden stands
            in `Judged.forced`.

    Raises:
        ConfigError: the folder is no finished build; its files are not those that its audit
            judged; or the verdict is `blocked`. One line that says what to do.
    """
    path = Path(build)
    report = _read(path, "audit/report.json", AuditReport)
    manifest = _read(path, "manifest.json", RunManifest)
    faults = []
    digest, files = digest_files(_data_files(path), path)
    if digest != report.digest:
        faults.append(f"the files are not those that its audit judged ({_changed(report, files)})")
    if report.verdict == "blocked":
        faults.append(f"its audit blocks it: {report.meaning}")
    if faults and not force:
        reasons = "; ".join(fault.rstrip(".") for fault in faults)
        raise ConfigError(f"{path}: {reasons}. Build again, or see `sftdata audit {path}`")
    return Judged(path=path, report=report, manifest=manifest, forced=tuple(faults))


def _data_files(path: Path) -> list[Path]:
    return sorted((path / "data").glob("*.parquet"))


def _read(path: Path, name: str, kind: type[Record]) -> Record:
    try:
        return kind.from_json((path / name).read_bytes())
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ConfigError(
            f"{path} is not a finished build: it has no {name}; run `sftdata build` first"
        ) from error
    except ValidationError as error:
        raise ConfigError(f"{path / name} is not what sftdata writes; build again") from error


def _changed(report: AuditReport, now: tuple[DataFile, ...]) -> str:
    then = {f.path: f.sha256 for f in report.files}
    have = {f.path: f.sha256 for f in now}
    names = sorted(n for n in {*then, *have} if then.get(n) != have.get(n))
    return ", ".join(names) if names else "other names"
