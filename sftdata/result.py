"""What a build or a read hands to a notebook."""

from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from sftdata.report import AuditReport, RunManifest
from sftdata.types import Document, Reject, Sample, from_table

if TYPE_CHECKING:
    import pandas as pd
    from datasets import DatasetDict

__all__ = ["BuildResult", "Documents"]

_SPLITS = ("train", "validation", "test")
_KINDS = ("extraction", "writing", "evidence", "refusal")


@dataclass(frozen=True)
class BuildResult:
    """A finished build: its folder, its manifest, its audit and its rows."""

    path: Path
    manifest: RunManifest

    @cached_property
    def dataset(self) -> DatasetDict:
        """The samples as a `datasets.DatasetDict`, one split per key."""
        from datasets import DatasetDict, load_dataset

        paths = {s: sorted((self.path / "data").glob(f"{s}-*.parquet")) for s in self.splits}
        files = {s: [str(p) for p in parts] for s, parts in paths.items() if parts}
        # By the folder's name `datasets` would give back the rows of an earlier build: its cache
        # knows a local folder with a card by the patterns of that card alone.
        found = load_dataset("parquet", data_files=files)
        assert isinstance(found, DatasetDict)
        return found

    @cached_property
    def report(self) -> AuditReport:
        """The leakage audit of exactly these files."""
        return AuditReport.from_json((self.path / "audit" / "report.json").read_bytes())

    @property
    def report_html(self) -> Path:
        """The report as a page that opens offline."""
        return self.path / "audit" / "report.html"

    @property
    def counts(self) -> dict[str, int]:
        """Figures of the summary, by dotted name."""
        return self.manifest.counts

    @property
    def splits(self) -> tuple[str, ...]:
        """The usual three splits, then those that this build has beside them."""
        prefix = "samples.split."
        found = [name.removeprefix(prefix) for name in self.counts if name.startswith(prefix)]
        return (*_SPLITS, *(name for name in sorted(found) if name not in _SPLITS))

    @property
    def documents(self) -> Documents:
        """The documents as trained on, with sections, facts, keys, group and split."""
        return Documents(pq.read_table(self.path / "lineage" / "documents.parquet"))

    def samples(self, split: str | None = None) -> list[Sample]:
        """Return the samples of a split (or all) as objects, sorted by id."""
        pattern = f"{split or '*'}-*.parquet"
        paths = sorted((self.path / "data").glob(pattern))
        return [s for path in paths for s in from_table(pq.read_table(path), Sample)]

    def __repr__(self) -> str:
        """Return one line: a manifest's own repr would fill the screen."""
        rows = self.counts.get("samples", 0)
        return f"BuildResult({str(self.path)!r}, {rows:,} samples, {self.report.verdict})"

    def _repr_html_(self) -> str:
        """Return the summary for a notebook: kinds by split, then the verdict."""
        counts = self.counts
        head = "".join(f"<th>{s}</th>" for s in self.splits)
        rows = "".join(
            f"<tr><td>{kind}</td>"
            + "".join(f"<td>{counts.get(f'samples.{kind}.{s}', 0):,}</td>" for s in self.splits)
            + "</tr>"
            for kind in _KINDS
        )
        total = "".join(f"<td>{counts.get(f'samples.split.{s}', 0):,}</td>" for s in self.splits)
        verdict = html.escape(f"{self.report.verdict}: {self.report.meaning}")
        return (
            f"<p><b>{counts['samples']:,} samples</b> from {counts['documents']:,} documents of "
            f"{counts['groups']:,} groups; {counts['rejects']:,} rejects</p>"
            f"<table><thead><tr><th>kind</th>{head}</tr></thead><tbody>{rows}"
            f"<tr><td><b>all</b></td>{total}</tr></tbody></table>"
            f"<p>Audit: {verdict} (<code>{html.escape(str(self.report_html))}</code>)</p>"
        )


class Documents:
    """Documents that were read, as objects, an Arrow table or a pandas frame."""

    def __init__(self, table: pa.Table, rejects: tuple[Reject, ...] = ()) -> None:
        self.table = table
        self.rejects = rejects

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def __iter__(self) -> Iterator[Document]:
        return from_table(self.table, Document)

    def __getitem__(self, index: int) -> Document:
        if not -len(self) <= index < len(self):
            raise IndexError(f"document {index} of {len(self)}")
        return next(from_table(self.table.slice(index % len(self), 1), Document))

    def __repr__(self) -> str:
        return f"Documents({len(self)} documents, {len(self.rejects)} rejects)"

    def to_pandas(self) -> pd.DataFrame:
        """Return one row per document, with counts in place of the nested columns."""
        frame = self.table.to_pandas()
        for name in ("sections", "facts"):
            frame[name] = frame[name].map(len)
        frame["characters"] = frame["text"].str.len()
        return frame

    def facts(self) -> pd.DataFrame:
        """Return one row per fact, with its document's id."""
        import pandas as pd

        rows = [
            {"document_id": doc.document_id}
            | {n: getattr(fact, n) for n in fact.__dataclass_fields__}
            for doc in self
            for fact in doc.facts
        ]
        return pd.DataFrame(rows)

    def _repr_html_(self) -> str:
        frame = self.to_pandas()[
            ["document_id", "domain", "kind", "locale", "title", "sections", "facts", "characters"]
        ]
        return str(frame.head(20).to_html(index=False))
