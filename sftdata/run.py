"""One run: the engine, and the account of every row that left and of every step's time."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cached_property
from importlib.resources import files as package_files
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import pyarrow as pa
import pyarrow.compute as pc

from sftdata import registry
from sftdata.config import BuildConfig, Files
from sftdata.errors import ConfigError
from sftdata.output import DUPLICATES, VERDICTS_KEPT, Lineage
from sftdata.part import Decision, Stage
from sftdata.report import AuditReport, DataFile, RunStep
from sftdata.reporting.card_counts import (
    CardInputs,
    count_documents,
    count_samples,
    summarise_lengths,
)
from sftdata.resources import folder
from sftdata.similarity.embedding import model_digest
from sftdata.stages.apply import ApplyToDocuments, ApplyToSamples
from sftdata.stages.decisions.dedupe import Dedupe, Semantic
from sftdata.stages.decisions.link import near_misses
from sftdata.stages.decisions.skeletons import ListNames
from sftdata.stages.decisions.split import QUARANTINE, Split
from sftdata.stages.decisions.split_frozen import groups_file
from sftdata.stages.engines.parts import code_digest
from sftdata.stages.files import FILES, list_files
from sftdata.stages.generate import store
from sftdata.stages.read import Read
from sftdata.stages.unpack import IDENTITY, Unpack, rejects, renames
from sftdata.types import DOCUMENTS

__all__ = ["Progress", "Run"]

Progress = Callable[[str, int, int], None]


class Run:
    """The steps of `pipeline.py` in their plainest form: map, drop, fill, collect."""

    def __init__(self, config: BuildConfig, work: Path, progress: Progress | None = None) -> None:
        self.config = config
        self.work = work
        self.steps: list[RunStep] = []
        self._lost: list[pa.Table] = []
        self._duplicates: list[pa.Table] = []
        self._groups: pa.Table | None = None
        self._splits: pa.Table | None = None
        self._earlier: tuple[DataFile, ...] = ()
        self._rejects: pa.Table | None = None
        self._names: tuple[Path | None, str] = (None, "")
        engine = registry.engines.get(config.engine.use)
        more = {"workers": config.engine.workers} if config.engine.use == "local" else {}
        self._engine = engine(work, _code(), progress=progress, **more)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._engine.close()

    def note(self, name: str, rows: int, started: float) -> None:
        """Record a finished step."""
        seconds = round(time.perf_counter() - started, 3)
        self.steps.append(RunStep(name=name, rows=rows, seconds=seconds))

    def list_files(self) -> pa.Table:
        """Return the files to read; the first pattern that matches a file decides its reader."""
        seen: set[str] = set()
        tables = []
        for entry in self.config.documents.files:
            files = entry if isinstance(entry, Files) else Files(match=entry)
            found = list_files(
                [files.match], self.config.root, reader=files.reader, domain=files.domain
            )
            new = pa.array([p not in seen for p in found.column("path").to_pylist()], pa.bool_())
            tables.append(found.filter(new))
            seen.update(found.column("path").to_pylist())
        table = pa.concat_tables([FILES.empty_table(), *tables])
        return self._without_output(table).sort_by("path")

    def _without_output(self, files: pa.Table) -> pa.Table:
        """Leave out what an earlier build wrote, where the output lies among the documents."""
        root, out = self.config.root.resolve(), self.work.parent.resolve()
        if not out.is_relative_to(root):
            return files
        paths = files.column("path").to_pylist()
        mine = [(root / path).is_relative_to(out) for path in paths]
        return files.filter(pa.array([not m for m in mine], pa.bool_()))

    def read(self, files: pa.Table) -> Any:
        """Read files into documents with ids that are unique in this run."""
        started = time.perf_counter()
        documents = self.config.documents
        reader = Read(
            root=self.config.root,
            options=documents.options,
            max_file_bytes=documents.max_file_bytes,
        )
        data = self._engine.load(files, 1)
        rows = self._engine.map(data, reader, step="read")
        self._rejects = rejects(self._engine.collect(rows, ["rejects"]))
        unpack = Unpack(renames=renames(self._engine.collect(rows, IDENTITY)))
        table = self._engine.collect(self._engine.map(rows, unpack, step="documents"))
        self.note("read", table.num_rows, started)
        if not table.num_rows:
            raise ConfigError(
                f"documents: none of the {files.num_rows} files could be read: {self._why()}"
            )
        return self._engine.load(table.sort_by("document_id"), self.config.engine.batch_rows)

    def _why(self) -> str:
        reasons = self._rejects.column("reason").to_pylist() if self._rejects else []
        return ", ".join(f"{reason} ×{n}" for reason, n in Counter(reasons).most_common())

    def map(self, data: Any, stage: Stage, step: str) -> Any:
        """Apply a stage to every batch."""
        started = time.perf_counter()
        result = self._engine.map(data, stage, step=step)
        self.note(step, result.rows, started)
        return result

    def rebatch(self, data: Any, schema: pa.Schema) -> Any:
        """Cut samples into larger batches, sorted by id, each id once."""
        table = self._engine.collect(data).cast(schema).sort_by("sample_id")
        ids = table.column("sample_id").to_pylist()
        first = pa.array([i == 0 or ids[i - 1] != ids[i] for i in range(len(ids))], pa.bool_())
        return self._engine.load(table.filter(first), 64 * self.config.engine.batch_rows)

    def collect(self, data: Any, columns: Sequence[str] | None = None) -> pa.Table:
        """Bring a step's rows, or some of their columns, into memory."""
        return self._engine.collect(data, columns)

    def decide(self, data: Any, decision: Decision, step: str) -> pa.Table:
        """Take a decision over all rows, and keep account of who left and why."""
        started = time.perf_counter()
        keys = self._engine.keys(data, decision, step=step)
        if isinstance(decision, Split):
            keys = self._with_link_keys(keys)
            self._earlier = self._note_earlier(decision)
        verdicts = decision.decide(keys)
        self.note(step, verdicts.num_rows, started)
        gone = pa.array(["drop", QUARANTINE])
        left = verdicts.filter(pc.is_in(verdicts.column("verdict"), value_set=gone))
        if left.num_rows:
            named = left.select(["id", "reason", "because_of"])
            step_column = pa.array([step] * left.num_rows, pa.string())
            self._lost.append(named.add_column(0, "step", step_column).cast(VERDICTS_KEPT))
        if isinstance(decision, Dedupe) and left.num_rows:
            columns = left.select(["id", "reason", "because_of", "similarity"])
            grain = pa.array([decision.grain] * left.num_rows, pa.string())
            self._duplicates.append(columns.add_column(0, "grain", grain).cast(DUPLICATES))
        return verdicts

    def drop(self, data: Any, decision: Decision, step: str) -> Any:
        """Let the rows go that a decision drops."""
        verdicts = self.decide(data, decision, step)
        if not verdicts.num_rows:
            return data
        samples = not step.endswith("documents")
        kind = ApplyToSamples if samples else ApplyToDocuments
        return self._engine.map(data, kind.of(verdicts, self.work), step=f"{step}_applied")

    def fill(
        self, data: Any, decision: Decision, column: Literal["group", "split"], step: str
    ) -> Any:
        """Write a decision's verdicts into a column of the documents; quarantined ones leave."""
        verdicts = self.decide(data, decision, step)
        if column == "group":
            self._groups = verdicts
        else:
            self._splits = verdicts
        stage = ApplyToDocuments.of(verdicts, self.work, fill=column)
        filled = self._engine.map(data, stage, step=f"{step}_applied")
        if column == "split" and "names" in self.config.dedupe.mask:
            named = self._engine.collect(
                self._engine.map(filled, ListNames(), step="names_applied")
            )
            self._names = store(named, self.work, "names")
        out = pc.equal(verdicts.column("verdict"), QUARANTINE)
        if not pc.any(out).as_py():
            return filled
        kept = verdicts.set_column(1, "verdict", pc.if_else(out, "drop", "keep"))
        stay = ApplyToDocuments.of(kept, self.work)
        return self._engine.map(filled, stay, step=f"{QUARANTINE}_applied")

    def _with_link_keys(self, keys: pa.Table) -> pa.Table:
        """Add what each document is known by, so that an earlier build's groups are found again."""
        assert self._groups is not None
        known = self._groups.select(["id", "keys"])
        places = pc.index_in(keys.column("id"), value_set=known.column("id").combine_chunks())
        return keys.append_column("keys", known.column("keys").take(places))

    def _note_earlier(self, split: Split) -> tuple[DataFile, ...]:
        """Return what the split was bound to, now: this build may be about to replace it."""
        if split.frozen is None:
            return ()
        data = groups_file(split.frozen).read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        name = (self.config.split.frozen or split.frozen).as_posix()
        return (DataFile(path=name, sha256=digest, bytes=len(data)),)

    @cached_property
    def _semantic(self) -> Semantic | None:
        """Return how meaning is compared, the model found from the configuration's folder."""
        semantic = self.config.dedupe.semantic
        if semantic is None or semantic.model is None:
            return None
        model = self.config.base / semantic.model
        return semantic.model_copy(update={"model": model, "digest": model_digest(model)})

    def dedupe(self, grain: Literal["document", "passage", "task"]) -> Dedupe:
        """Return the deduplication of one grain."""
        config = self.config.dedupe
        return Dedupe(
            grain=grain,
            threshold=config.threshold,
            permutations=config.permutations,
            linkage=config.linkage,
            survivor=config.survivor,
            max_per_template=config.max_per_template if grain == "task" else None,
            mask=config.mask,
            semantic=self._semantic if grain != "document" else None,
            names=self._names[0],
            names_digest=self._names[1],
        )

    @staticmethod
    def dropped_ids(verdicts: pa.Table) -> pa.Table:
        """Return the ids of the rows that a decision drops."""
        return verdicts.filter(pc.equal(verdicts.column("verdict"), "drop")).select(["id"])

    def require_samples(self, table: pa.Table) -> None:
        """Make sure that there is something to train on.

        Raises:
            ConfigError: no sample is left; the message says where they went.
        """
        if table.num_rows:
            return
        lost = self._all(self._lost, VERDICTS_KEPT).column("reason").to_pylist()
        reasons = ", ".join(f"{r} ×{n}" for r, n in Counter(lost).most_common(5))
        raise ConfigError(
            "families: no sample was made from these documents"
            + (f"; dropped: {reasons}" if reasons else "; `families list` says what each one needs")
        )

    def lineage(self, documents: Any) -> Lineage:
        """Return the tables that say where each row came from and why each lost row left."""
        table = self._engine.collect(documents).cast(DOCUMENTS)
        assert self._groups is not None
        assert self._rejects is not None
        assert self._splits is not None
        groups = self._groups.rename_columns({"id": "document_id", "verdict": "group"})
        # Both decisions give one row per document, sorted by id.
        groups = groups.append_column("split", self._splits.column("verdict"))
        if "fold" in self._splits.column_names:
            groups = groups.append_column("fold", self._splits.column("fold"))
        return Lineage(
            documents=table,
            groups=groups,
            duplicates=self._all(self._duplicates, DUPLICATES),
            rejects=self._rejects,
            verdicts=self._all(self._lost, VERDICTS_KEPT),
            near_names=near_misses(self._groups),
        )

    @staticmethod
    def _all(tables: list[pa.Table], schema: pa.Schema) -> pa.Table:
        return pa.concat_tables([schema.empty_table(), *tables])

    def inputs(self, files: pa.Table) -> tuple[DataFile, ...]:
        """Return the files that were read, by their hashes; an earlier build's groups last."""
        found = []
        for row in files.to_pylist():
            path = self.config.root / row["path"]
            size = path.stat().st_size if path.is_file() else 0
            found.append(DataFile(path=row["path"], sha256=row["sha256"], bytes=size))
        return (*found, *self._earlier)

    def fold_of_groups(self) -> dict[str, int]:
        """Return the fold of each group for cross-validation; empty where none was asked for."""
        if self._groups is None or self._splits is None or "fold" not in self._splits.column_names:
            return {}
        groups = self._groups.column("verdict").to_pylist()
        pairs = zip(groups, self._splits.column("fold").to_pylist(), strict=True)
        return {group: fold for group, fold in pairs if fold is not None}

    def counts(self, samples: pa.Table, lineage: Lineage) -> dict[str, int]:
        """Return the figures of the summary: rows by table, split and kind, losses by reason."""
        counts = {"documents": lineage.documents.num_rows, "samples": samples.num_rows}
        for column in ("split", "kind", "locale"):
            for name, n in sorted(Counter(samples.column(column).to_pylist()).items()):
                counts[f"samples.{column}.{name}"] = n
        pairs = zip(
            samples.column("kind").to_pylist(), samples.column("split").to_pylist(), strict=True
        )
        for (kind, split), n in sorted(Counter(pairs).items()):
            counts[f"samples.{kind}.{split}"] = n
        counts["groups"] = len(set(lineage.documents.column("group").to_pylist()))
        counts["rejects"] = lineage.rejects.num_rows
        for reason, n in sorted(Counter(lineage.rejects.column("reason").to_pylist()).items()):
            counts[f"rejects.{reason}"] = n
        grains = Counter(lineage.duplicates.column("grain").to_pylist())
        for grain, n in sorted(grains.items()):
            counts[f"duplicates.{grain}"] = n
        lost = zip(
            lineage.verdicts.column("step").to_pylist(),
            lineage.verdicts.column("reason").to_pylist(),
            strict=True,
        )
        for (step, reason), n in sorted(Counter(lost).items()):
            counts[f"dropped.{step}.{reason}"] = n
        return counts

    def card_inputs(self, samples: pa.Table, lineage: Lineage, report: AuditReport) -> CardInputs:
        """Return what the dataset card tells."""
        config = self.config
        lost = Counter(lineage.verdicts.column("reason").to_pylist())
        splits = zip(
            lineage.documents.column("split").to_pylist(),
            lineage.documents.column("group").to_pylist(),
            strict=True,
        )
        return CardInputs(
            title=config.card.title or config.name,
            description=config.card.description,
            license=config.card.license,
            samples=count_samples(samples),
            documents=count_documents(lineage.documents),
            groups=dict(sorted(Counter(split for split, _ in set(splits)).items())),
            linked_by=config.link.by,
            mixture=config.balance.mixture,
            removed=dict(sorted(lost.items())),
            lengths=summarise_lengths(samples),
            max_length=config.template.max_length,
            template=config.template.tokenizer or config.template.template,
            template_lock=config.template.lock(),
            audit=report,
        )


def _code() -> str:
    """Return a digest of the code that every step depends on; families and templates have theirs.

    A changed family makes samples anew and leaves the documents that were read as they are.
    """
    return code_digest(Path(str(package_files("sftdata"))), folder("schemas"))
