"""The one shape in which any dataset is audited: an Arrow table with whatever columns there are."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sftdata.columns import LARGE, fingerprints, joined, whole
from sftdata.excerpts import EXCERPT, cut_excerpt
from sftdata.report import DataFile, Example

__all__ = [
    "EXCERPT",
    "LARGE",
    "AuditData",
    "Chunks",
    "Divided",
    "cut_excerpt",
    "fingerprints",
    "joined",
    "whole",
]

T = TypeVar("T")

_ORDER = ("train", "training", "validation", "valid", "val", "dev", "eval", "test", "holdout")


@dataclass(frozen=True)
class Chunks:
    """The paragraphs that stand in prompts: each text once, and every row that holds it.

    `rows[i]` holds the text `texts[codes[i]]`.
    """

    texts: pa.Array
    rows: NDArray[np.int64]
    codes: NDArray[np.int64]

    @cached_property
    def rows_by_text(self) -> list[NDArray[np.int64]]:
        """Return, for each text, the rows that hold it, ascending."""
        order = np.lexsort((self.rows, self.codes))
        bounds = np.searchsorted(self.codes[order], np.arange(1, len(self.texts)))
        return np.split(self.rows[order], bounds)


@dataclass(frozen=True)
class Divided:
    """A key (group, document, fact) that stands in more than one split, and its rows by split."""

    key: str
    rows: dict[str, list[int]]

    @property
    def count(self) -> int:
        """All rows concerned."""
        return sum(len(r) for r in self.rows.values())

    @property
    def pair(self) -> tuple[str, str]:
        """The first two splits: train and the first held-out one where train is concerned."""
        first, second = list(self.rows)[:2]
        return first, second

    @property
    def named(self) -> list[int]:
        """Rows to name: every row of all but the largest side, and 20 of the largest."""
        largest = max(self.rows, key=lambda s: len(self.rows[s]))
        return [r for s, rows in self.rows.items() for r in (rows[:20] if s == largest else rows)]

    def __str__(self) -> str:
        return ", ".join(f"{len(r)} in {s}" for s, r in self.rows.items())


@dataclass(frozen=True)
class AuditData:
    """A dataset as the checks see it.

    Columns, all optional but `id`: `split group kind family locale prompt completion question
    answer answer_schema document_ids context evidence facts twin_of derived_from reason_code
    domain phrasing published checks prompt_tokens completion_tokens tokens_estimated
    over_length`. `prompt` and `completion` are
    plain text; system messages, which every row of a family shares, stand apart in `system`.
    """

    table: pa.Table
    documents: pa.Table | None = None
    """Rows of `DOCUMENTS`, where the lineage of a build is at hand."""
    name: str = "dataset"
    files: tuple[DataFile, ...] = ()
    digest: str = ""
    absent: Mapping[str, str] = field(default_factory=dict)
    """Why a column is missing, where more can be said than that it is."""
    excerpts: bool = True
    """Whether findings may show short excerpts of samples."""
    timed: bool = False
    """The split is by time, so that groups stand on both sides by design."""
    against: Mapping[str, pa.Array] = field(default_factory=dict)
    """Named evaluation sets: the text of each of their items."""
    chat: object | None = None
    """Conversations and chat template (`sftdata.chat.faults.Chat`), where they are known."""
    _shared: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    def once(self, name: str, make: Callable[[], T]) -> T:
        """Return what `make` gave the first time: what several checks need is computed once."""
        if name not in self._shared:
            self._shared[name] = make()
        found: T = self._shared[name]
        return found

    @property
    def rows(self) -> int:
        """Number of samples."""
        return int(self.table.num_rows)

    def has(self, *columns: str) -> bool:
        """Return whether all these columns are there and not all null."""
        return not self.missing(columns)

    def missing(self, columns: Sequence[str]) -> list[str]:
        """Return those of the columns that are not there, or hold nothing at all."""
        return [c for c in columns if c not in self._present]

    @cached_property
    def _present(self) -> frozenset[str]:
        names = [
            name
            for name in self.table.column_names
            if self.table.column(name).null_count < self.rows or self.rows == 0
        ]
        if self.documents is not None and self.documents.num_rows:
            names.append("documents")
        if self.chat is not None:
            names.append("chat")
        return frozenset(names)

    def array(self, column: str) -> pa.Array:
        """Return a column as one Arrow array."""
        return self.once(f"column {column}", lambda: whole(self.table.column(column)))

    def values(self, column: str) -> list[object]:
        """Return a column as Python values."""
        return list(self.table.column(column).to_pylist())

    @cached_property
    def ids(self) -> list[str]:
        """The id of every row."""
        return [str(i) for i in self.table.column("id").to_pylist()]

    @cached_property
    def splits(self) -> tuple[str, ...]:
        """The names of the splits: train first, then held-out ones in their usual order."""
        if "split" not in self.table.column_names:
            return ()
        names = [s for s in pc.unique(self.table.column("split")).to_pylist() if s]
        if not any(n.lower().startswith("train") for n in names) and names:
            counts = {n: int((self.split_of == n).sum()) for n in names}
            largest = max(sorted(names), key=lambda n: counts[n])
            return (largest, *sorted((n for n in names if n != largest), key=_split_rank))
        return tuple(sorted(names, key=_split_rank))

    @cached_property
    def split_of(self) -> NDArray[np.object_]:
        """The split of every row; empty where there is none."""
        if "split" not in self.table.column_names:
            return np.full(self.rows, "", dtype=object)
        return np.array([s or "" for s in self.values("split")], dtype=object)

    @property
    def train(self) -> str:
        """The split that is learnt from: `train…` by name, else the largest."""
        return self.splits[0] if self.splits else ""

    @property
    def split_pairs(self) -> tuple[tuple[str, str], ...]:
        """Every two splits, the one learnt from first."""
        names = self.splits
        return tuple((a, b) for i, a in enumerate(names) for b in names[i + 1 :])

    def rows_of(self, split: str) -> NDArray[np.int64]:
        """Return the row numbers of a split."""
        return np.flatnonzero(self.split_of == split)

    @cached_property
    def group_columns(self) -> dict[str, str]:
        """Return name → column of each key that may not stand in two splits.

        One key is the column `group` itself. Of several each has a column `key:<name>`, and
        `group` holds what they tie together.
        """
        several = {n[4:]: n for n in self.table.column_names if n.startswith("key:")}
        return several or ({"": "group"} if "group" in self.table.column_names else {})

    def group_keys(self) -> tuple[NDArray[np.int64], pa.Array]:
        """Return rows and the keys that they carry: `Acme`, or `patient=7` where there are several.

        Rows without a key have null.
        """
        rows, keys = [], []
        for name, column in self.group_columns.items():
            values = self.array(column).cast(pa.string())
            rows.append(np.arange(self.rows, dtype=np.int64))
            filled = pc.if_else(pc.equal(values, ""), pa.scalar(None, pa.string()), values)
            named = pc.binary_join_element_wise(pa.scalar(name), filled, pa.scalar("="))
            keys.append(named if name else filled)
        if not rows:
            return np.empty(0, dtype=np.int64), pa.array([], pa.string())
        return np.concatenate(rows), pa.concat_arrays(keys)

    @cached_property
    def group_codes(self) -> NDArray[np.int64]:
        """A number per row for its group; rows without one have -1."""
        if "group" not in self.table.column_names:
            return np.full(self.rows, -1, dtype=np.int64)
        column = pc.if_else(
            pc.equal(self.array("group"), ""), pa.scalar(None, pa.string()), self.array("group")
        )
        indices = column.dictionary_encode().indices
        return np.asarray(indices.fill_null(-1).to_numpy(zero_copy_only=False), dtype=np.int64)

    @cached_property
    def text(self) -> pa.Array:
        """The whole sample without its system message: what two rows are compared by."""
        names = [c for c in ("prompt", "completion") if c in self.table.column_names]
        if not names:
            return pa.array([""] * self.rows, pa.string())
        return joined([self.array(c) for c in names], "\n")

    @cached_property
    def chunks(self) -> Chunks:
        """Paragraphs of at least 160 bytes in prompts, each text once.

        Why the prompt and not the declared context: the prompt is what is learnt from, and a
        passage that stands there undeclared leaks all the same. A question that stands beside
        passages is left out: a family words it alike in every split, and it gives nothing away.
        """
        prompts = pc.fill_null(self.array("prompt"), "")
        parts = pc.split_pattern_regex(prompts, r"\n[ \t\r]*\n")
        rows = np.asarray(pc.list_parent_indices(parts), dtype=np.int64)
        flat = pc.utf8_trim_whitespace(pc.list_flatten(parts))
        long = np.asarray(pc.greater_equal(pc.binary_length(flat), 160))
        if "question" in self.table.column_names:
            asked = pc.utf8_trim_whitespace(pc.fill_null(self.array("question"), ""))
            alone = np.asarray(pc.equal(asked, pc.utf8_trim_whitespace(prompts)))
            question = np.asarray(pc.equal(flat, asked.take(pa.array(rows))))
            long &= ~question | alone[rows]
        encoded = flat.filter(pa.array(long)).dictionary_encode()
        codes = np.asarray(encoded.indices, dtype=np.int64)
        return Chunks(texts=encoded.dictionary, rows=rows[long], codes=codes)

    def prints(self, column: str) -> NDArray[np.bytes_]:
        """Return a 128-bit hash of each text of a column; see `fingerprints`."""
        return self.once(f"prints of {column}", lambda: fingerprints(self.array(column)))

    @cached_property
    def whole_prints(self) -> NDArray[np.bytes_]:
        """A hash of each whole sample: of its prompt and its completion; empty if both are."""
        parts = [self.prints(c) for c in ("prompt", "completion") if c in self.table.column_names]
        if len(parts) < 2:
            return parts[0]
        pairs = zip(parts[0].tolist(), parts[1].tolist(), strict=True)
        hashed = [
            hashlib.blake2b(a.ljust(16, b"\0") + b, digest_size=16).digest() if a or b else b""
            for a, b in pairs
        ]
        return np.array(hashed, dtype="S16")

    def divided(self, rows: NDArray[np.int64], keys: pa.Array) -> list[Divided]:
        """Return every key that stands in more than one split, most rows first.

        Args:
            rows: the row of each key.
            keys: strings, one per entry of `rows`; null and empty keys are no key.
        """
        encoded = pc.if_else(
            pc.equal(pc.fill_null(keys, ""), ""), pa.scalar(None, pa.string()), keys
        ).dictionary_encode()
        codes = np.asarray(encoded.indices.fill_null(-1), dtype=np.int64)
        places = np.array([self.splits.index(s) if s else -1 for s in self.split_of[rows]])
        known = (codes >= 0) & (places >= 0)
        codes, places, rows = codes[known], places[known], rows[known]
        pairs = np.unique(np.stack([codes, places]), axis=1)
        seen, counts = np.unique(pairs[0], return_counts=True)
        wanted = seen[counts > 1]
        keep = np.isin(codes, wanted)
        found: dict[int, dict[str, list[int]]] = {int(c): {} for c in wanted}
        for code, place, row in zip(codes[keep], places[keep], rows[keep], strict=True):
            found[int(code)].setdefault(self.splits[place], []).append(int(row))
        names = encoded.dictionary
        out = [
            Divided(names[c].as_py(), {s: sorted(set(parts[s])) for s in self.splits if s in parts})
            for c, parts in found.items()
        ]
        return sorted(out, key=lambda d: (-d.count, d.key))

    def named(self, rows: Iterable[int]) -> tuple[str, ...]:
        """Return the ids of rows, in the order given, each once."""
        return tuple(dict.fromkeys(self.ids[int(r)] for r in rows))

    def pair(
        self, left: int, right: int, column: str = "", *, similarity: float | None = None
    ) -> Example | None:
        """Return two rows side by side, cut around where they differ."""
        if not self.excerpts:
            return None
        source = self.text if not column else self.array(column)
        return self.side_by_side(
            left, right, (source[left].as_py() or "", source[right].as_py() or ""), similarity
        )

    def side_by_side(
        self, left: int, right: int, texts: tuple[str, str], similarity: float | None = None
    ) -> Example | None:
        """Return two given texts of two rows side by side."""
        if not self.excerpts:
            return None
        first, second = cut_excerpt(*texts)
        return Example(
            left_id=self.ids[left],
            right_id=self.ids[right],
            left_title=str(self.split_of[left]),
            right_title=str(self.split_of[right]),
            left=first,
            right=second,
            similarity=None if similarity is None else round(float(similarity), 4),
        )


def _split_rank(name: str) -> tuple[int, str]:
    lowered = name.lower()
    for rank, known in enumerate(_ORDER):
        if lowered.startswith(known):
            return rank, name
    return len(_ORDER), name
