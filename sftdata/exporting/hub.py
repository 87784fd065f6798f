"""The Hugging Face hub: a folder that `datasets` loads and `upload_folder` publishes as it is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from sftdata.errors import ConfigError
from sftdata.exporting.exporter import Exporter, Job
from sftdata.exporting.rows import Rule
from sftdata.judged import Judged

__all__ = ["HubExporter"]

_CARDS = ("README.md", "README_zh.md", "croissant.json")


class HubExporter(Exporter):
    """Data files, cards and metadata, byte for byte those of the build, and the audit's JSON.

    Lineage stays behind: it holds the documents and their paths. The card counts every split, so
    all are exported.
    """

    name: ClassVar[str] = "hf"
    title: ClassVar[str] = "Hugging Face dataset folder, cards and Croissant included"
    uses_model: ClassVar[bool] = False

    def chosen(self, judged: Judged, wanted: Sequence[str]) -> tuple[str, ...]:
        """Return every split.

        Raises:
            ConfigError: only some were asked for.
        """
        if wanted and set(wanted) != set(judged.splits):
            raise ConfigError("--to hf writes every split: its card and digest speak of them all")
        return super().chosen(judged, wanted)

    def rules(self, job: Job) -> Sequence[Rule]:
        """Return no rule: the rows are published as they are."""
        del job
        return ()

    def write(self, job: Job) -> None:
        """Copy data, cards and the audit's report.

        Raises:
            ConfigError: the build has no card.
        """
        build = job.judged.path
        for split, paths in job.judged.files.items():
            for path in paths:
                job.folder.copy(path, f"data/{path.name}", split=split)
        for name in _CARDS:
            if (build / name).is_file():
                job.folder.copy(build / name, name)
            elif name == "README.md":
                raise ConfigError(f"{build} has no README.md, the card of the hub; build again")
        job.folder.copy(build / Path("audit", "report.json"), "audit/report.json")
        findings = [f for f in job.judged.report.findings if f.example is not None]
        if findings:
            job.warnings.append(
                f"audit/report.json shows excerpts of samples in {len(findings):,} findings"
            )
        job.next.append("hf upload NAME/DATASET {out} . --repo-type dataset")
