"""Near-duplicates of any dataset: sought once, then judged at any threshold.

pairs = near_pairs("data/train.jsonl", floor=0.5)
pairs.thresholds()        how many rows leave at each threshold
pairs.around(0.8, n=5)    the pairs next to a threshold, side by side, to choose it by
pairs.at(0.8).kept        the rows that stay; .dropped says why each of the others leaves
pairs.at(0.8).write(out)  the dataset without them, in the format in which it came
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from sftdata.audit_sources import data_files, load, rows_of
from sftdata.dataset import AuditData
from sftdata.dedupe_output import write_kept
from sftdata.errors import ConfigError
from sftdata.near_duplicates import NearPairs, Source
from sftdata.similarity.tasks import task_text
from sftdata.stages.decisions.dedupe import Dedupe
from sftdata.stages.decisions.likeness import Likeness
from sftdata.stages.decisions.skeletons import guessed_names, names_of, spoken_forms
from sftdata.stages.generate import CutPassages
from sftdata.types import DOCUMENTS, Document, from_table

__all__ = ["Grain", "near_pairs"]

Grain = Literal["sample", "task", "document", "passage"]
_LINEAGE = Path("lineage") / "documents.parquet"


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows of a dataset that can be written again."""

    dataset: Any
    splits: Mapping[str, str | Path] | None

    @property
    def root(self) -> Path | None:
        return Path(self.dataset) if isinstance(self.dataset, str | Path) else None

    def rows(self) -> pa.Table:
        return rows_of(self.dataset, self.splits)

    def write(self, keep: NDArray[np.bool_], folder: Path) -> None:
        root = self.root
        saved = root is not None and any(
            (root / n).is_file() for n in ("dataset_dict.json", "state.json")
        )
        if saved and not self.splits:
            _write_saved(str(root), keep, folder)
            return
        files, base = data_files(self.dataset, self.splits)
        if files:
            write_kept(files, base, keep, folder)
        else:
            _write_parquet(self.rows().filter(pa.array(keep)), folder)
        lineage = root / "lineage" if root is not None else None
        if lineage is not None and lineage.is_dir():
            shutil.copytree(lineage, folder / "lineage")


def _write_saved(path: str, keep: NDArray[np.bool_], folder: Path) -> None:
    import datasets

    loaded = datasets.load_from_disk(path)
    parts = loaded if isinstance(loaded, Mapping) else {"": loaded}
    start, kept = 0, {}
    for name, part in parts.items():
        mine = keep[start : start + part.num_rows]
        kept[name] = part.select(np.flatnonzero(mine))
        start += part.num_rows
    whole = datasets.DatasetDict(kept) if isinstance(loaded, Mapping) else kept[""]
    whole.save_to_disk(str(folder))


def _write_parquet(rows: pa.Table, folder: Path) -> None:
    (folder / "data").mkdir()
    splits = rows["split"].to_pylist() if "split" in rows.column_names else ["all"] * len(rows)
    for split in sorted({s or "all" for s in splits}):
        if not str(split).replace("_", "").replace("-", "").isalnum():
            raise ConfigError(
                "dedupe: the name of a split is no name for a file; write it yourself"
            )
        mine = pa.array([(s or "all") == split for s in splits], pa.bool_())
        pq.write_table(rows.filter(mine), folder / "data" / f"{split}-00000-of-00001.parquet")


@dataclass(frozen=True, slots=True)
class _Made:
    """Documents or passages of a build: they can be listed, and left out by a new build only."""

    root: Path | None
    table: pa.Table

    def rows(self) -> pa.Table:
        return self.table

    def write(self, keep: NDArray[np.bool_], folder: Path) -> None:
        del keep, folder
        raise ConfigError(
            "--out: samples are made of documents and passages; set `dedupe.threshold` in the "
            "configuration and build again, or take --grain task or sample"
        )


def near_pairs(
    dataset: Any,
    *,
    floor: float = 0.5,
    grain: Grain | None = None,
    column: str | None = None,
    text: str | Sequence[str] | None = None,
    splits: Mapping[str, str | Path] | None = None,
    across: bool = False,
    excerpts: bool = True,
    names: str | None = None,
    pairs: str | Path | None = None,
    **settings: Any,
) -> NearPairs:
    """Seek the pairs of alike rows in a dataset, for every threshold from `floor` on.

    What counts as a duplicate is said in `stages.decisions.dedupe`, recall in `NearPairs.recall`.

    Args:
        dataset: whatever `audit` reads.
        floor: least similarity that is kept; a lower one costs time and memory.
        grain: `sample` (prompt and completion), `task` (question and answer, where kind, split,
            numbers and evidence agree), `document` and `passage` (those of a build; of other
            datasets `document` is the text). By default `task` for a build, else `sample`.
        column: compare this one column instead.
        text: the columns to read as text, where the shape is not known.
        splits: name of the split → its file.
        across: compare rows of different splits too; of two, the held-out one stays.
        excerpts: whether `NearPairs.around` may show texts.
        names: a column of names that `mask: [names, …]` blanks. Without it those of a build's
            documents, elsewhere what looks like a name (`skeletons.guessed_names`).
        pairs: a Parquet file to keep the pairs in. If it is there, they are taken from it.
        settings: fields of `Dedupe`: `linkage` (here `direct` by default), `survivor`,
            `max_per_template`, `mask`, `semantic`, `permutations`, `words`.

    Raises:
        ConfigError: no such column or grain; a file of pairs that others have made.

    >>> rows = [{"text": "Net sales rose by 5% in the third quarter of the year."},
    ...         {"text": "Net sales rose by 5% in the third quarter of this year."}]
    >>> found = near_pairs(rows)
    >>> found.at(0.5).dropped["because_of"].to_pylist(), found.at(0.9).kept.num_rows
    (['row:2'], 2)
    """
    _check_floor(floor)
    known = load(dataset, text=[column] if column else text, splits=splits, excerpts=excerpts)
    kind = None if column else grain or ("task" if _is_build(known) and not splits else "sample")
    decision = Dedupe(
        grain="task" if kind == "task" else "passage", **{"linkage": "direct", **settings}
    )
    table, source = _chosen_rows(known, kind, dataset, splits)
    if across and "split" in table.column_names:
        table = table.drop_columns(["split"])
    if decision.max_per_template is not None and "names" in decision.mask:
        table = _with_names(table, known, source.rows() if names else None, names)
    if decision.semantic is not None and decision.semantic.column:
        table = _with_column(table, source.rows(), decision.semantic.column)
    what = column or str(kind)
    made = NearPairs.of(known, table, decision, source, floor=floor, what=what, across=across)
    return made.with_likeness(_likeness(made, pairs))


def _check_floor(floor: float) -> None:
    if not 0 < floor <= 1:
        raise ConfigError(f"floor {floor:g}: similarity is above 0 and at most 1")


def _is_build(data: AuditData) -> bool:
    return data.documents is not None


def _chosen_rows(
    data: AuditData, kind: str | None, dataset: Any, splits: Mapping[str, str | Path] | None
) -> tuple[pa.Table, Source]:
    if kind in ("document", "passage") and _is_build(data) and not splits:
        return _of_documents(Path(dataset), kind)
    if kind == "passage":
        raise ConfigError(
            "grain passage: only a build keeps the documents that passages are cut of"
        )
    return _of_rows(data, kind), _Rows(dataset, splits)


def _likeness(made: NearPairs, pairs: str | Path | None) -> Likeness:
    """Seek the pairs, or take them from the file that was made of the same rows."""
    if pairs is None or not Path(pairs).exists():
        found = made.decision.likeness(made.rows, made.floor)
        if pairs is not None:
            made.with_likeness(found).save(pairs)
        return found
    try:
        table = pq.read_table(pairs)
    except pa.ArrowInvalid:
        raise ConfigError(f"pairs: {pairs} is no Parquet file; name another one") from None
    if (table.schema.metadata or {}).get(b"sftdata.pairs") != made.key:
        raise ConfigError(
            f"pairs: {pairs} was made of other rows or with other settings (floor, words, "
            "permutations); remove it or name another file"
        )
    columns = ("left_row", "right_row", "similarity", "numbers")
    return Likeness(*(table[n].to_numpy() for n in columns))


def _numbered(rows: int) -> pa.Array:
    """Number the rows so that their order is that of their names: ties go to the first row."""
    return pa.array([f"{row:012d}" for row in range(rows)], pa.string())


def _of_rows(data: AuditData, kind: str | None) -> pa.Table:
    """Return the rows of a dataset as `Dedupe.keys` wants them."""
    columns: dict[str, Any] = {"id": _numbered(data.rows)}
    wanted = [
        "document_ids",
        "kind",
        "split",
        "locale",
        "twin_of",
        "published",
        "checks",
        "evidence",
    ]
    if kind == "task":
        if not data.has("question", "answer"):
            raise ConfigError(
                "grain task: there is no question or no answer; take --grain sample or --column"
            )
        wanted += ["question", "answer", "completion", "prompt"]
        columns["sample_id"] = columns["id"]
    else:
        columns["text"] = columns["shown"] = data.text if kind else data.array("prompt")
    columns |= {n: data.array(n) for n in wanted if n in data.table.column_names}
    if kind == "task":
        pairs = zip(data.values("question"), data.values("answer"), strict=True)
        tasks = [task_text({"question": q, "answer": a}) for q, a in pairs]
        columns["shown"] = pa.array(tasks, pa.large_string())
    if "twin_of" in columns:
        columns["twin_of"] = _twin_rows(data)
    columns["own_id"] = pa.array(data.ids, pa.string())
    columns["own_split"] = pa.array([str(s) for s in data.split_of], pa.string())
    return pa.table(columns)


def _twin_rows(data: AuditData) -> pa.Array:
    places = {name: f"{row:012d}" for row, name in enumerate(data.ids)}
    twins = [None if not t else places.get(str(t), "absent") for t in data.values("twin_of")]
    return pa.array(twins, pa.string())


def _of_documents(root: Path, kind: str) -> tuple[pa.Table, _Made]:
    """Return the documents or passages of a build."""
    documents = pq.read_table(root / _LINEAGE).cast(DOCUMENTS)
    if kind == "document":
        ids, texts = documents["document_id"], documents["text"]
        dated = documents["published"].fill_null("")
    else:
        parts = [CutPassages()(batch) for batch in _sliced(documents)]
        cut = pa.concat_tables(parts)
        ids, texts = cut["id"], cut["text"]
        dated = pa.chunked_array([[""] * cut.num_rows], pa.string())
    of = dict(zip(*(documents[n].to_pylist() for n in ("document_id", "split")), strict=True))
    owners = [n if kind == "document" else n.rsplit(":", 2)[0] for n in ids.to_pylist()]
    columns = {
        "id": _numbered(len(ids)),
        "text": texts,
        "shown": texts,
        "published": dated,
        "own_id": ids,
        "own_split": pa.array([of[n] for n in owners], pa.string()),
    }
    rows = documents if kind == "document" else pa.table({"id": ids, "text": texts})
    return pa.table(columns), _Made(root, rows)


def _sliced(documents: pa.Table) -> list[pa.Table]:
    return [documents.slice(i, 16) for i in range(0, max(documents.num_rows, 1), 16)]


def _with_names(
    table: pa.Table, data: AuditData, source: pa.Table | None, column: str | None
) -> pa.Table:
    """Add the names that are blank in the skeleton of each row."""
    if source is not None and column is not None:
        if column not in source.column_names:
            have = ", ".join(source.column_names)
            raise ConfigError(f"names: there is no column {column!r}; the columns are {have}")
        found = [spoken_forms(_listed(value)) for value in source[column].to_pylist()]
    elif (
        data.documents is not None
        and data.has("document_ids")
        and "document_ids" in table.column_names
    ):
        known = {d.document_id: names_of(d) for d in _documents(data)}
        lists = [(row or [])[:1] for row in table["document_ids"].to_pylist()]
        found = [sorted({n for d in ids or () for n in known.get(d, ())}) for ids in lists]
    else:
        found = [guessed_names(text or "") for text in table["shown"].to_pylist()]
    return table.append_column("names", pa.array(found, pa.list_(pa.string())))


def _with_column(table: pa.Table, source: pa.Table, name: str) -> pa.Table:
    if name not in source.column_names:
        have = ", ".join(source.column_names)
        raise ConfigError(f"semantic: there is no column {name!r}; the columns are {have}")
    if name in table.column_names:
        table = table.drop_columns([name])
    return table.append_column(name, source[name])


def _listed(value: Any) -> list[str]:
    if isinstance(value, list | tuple):
        return [str(v) for v in value if v]
    return [str(value)] if value not in (None, "") else []


def _documents(data: AuditData) -> list[Document]:
    assert data.documents is not None
    have = data.documents
    filled = {f.name: have[f.name] for f in DOCUMENTS if f.name in have.column_names}
    blank = {
        "source": {"path": "", "sha256": "", "reader": ""},
        "sections": [],
        "facts": [],
        "keys": [],
        "metadata": [],
    }
    columns = [
        filled[f.name].cast(f.type)
        if f.name in filled
        else pa.array([None if f.nullable else blank.get(f.name, "")] * len(have), f.type)
        for f in DOCUMENTS
    ]
    return list(from_table(pa.table(columns, schema=DOCUMENTS), Document))
