"""Which train samples stand too near to held-out text, and leave.

Splits keep companies and patients apart. What is left is text that crosses such borders: a
document under two names, a quoted passage, a copied note. Instead of tying groups together by
similarity (a few hundred boilerplate links fuse most companies into one), the samples on the
weaker side leave, each with the held-out sample because of which it does.

Three texts of a sample are compared, each with the same kind of text on the other side:

* **task**: question and answer. Another company's or patient's numbers are another task, so the
  words with digits must be the same.
* **answer**, where it is long enough to be learnt by heart (72 bytes of UTF-8: about 12 English
  words or 24 Chinese characters), on the same condition.
* **context**: each paragraph or table of the user turn of 160 bytes and more, numbers or not. The
  prompt is compared rather than the declared passages, because it is what is learnt from.

**Boilerplate** is what no one owns: a text whose near-duplicates stand in at least
`boilerplate_groups` groups (and in 2 % of them all), such as an auditor's standard paragraph or
the wording of a refusal; and a paragraph that nine in ten prompts of a family share, its frame. A
sample that meets held-out text only in boilerplate stays, and its verdict says so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import Field, field_validator

from sftdata.errors import ContractError
from sftdata.part import VERDICTS, Decision
from sftdata.similarity.chunked import ChunkedShingles
from sftdata.similarity.lsh import jaccard, near_pairs
from sftdata.similarity.sets import spread
from sftdata.similarity.shingles import read
from sftdata.similarity.tasks import answer_text, context_text, task_text

__all__ = ["PURGE_VERDICTS", "Purge"]

I64 = NDArray[np.int64]

PURGE_VERDICTS: pa.Schema = VERDICTS.append(pa.field("similarity", pa.float64()))
"""`similarity` is the exact Jaccard similarity of the two texts; null where there are none."""

_LISTS = pa.large_list(pa.large_list(pa.uint32()))
KEYS: pa.Schema = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("split", pa.string(), nullable=False),
        pa.field("group", pa.string(), nullable=False),
        pa.field("family", pa.string(), nullable=False),
        pa.field("twin_of", pa.string()),
        pa.field("fields", pa.large_list(pa.uint8()), nullable=False),
        pa.field("digests", pa.large_list(pa.uint64()), nullable=False),
        pa.field("number_digests", pa.large_list(pa.uint64()), nullable=False),
        pa.field("shingles", _LISTS, nullable=False),
        pa.field("numbers", _LISTS, nullable=False),
    ]
)
"""What `Purge.keys` returns: the last five columns have one item per compared text."""

_FIELDS = ("task", "answer", "context")
_CONTEXT = 2
_PARAGRAPH = re.compile(r"\n[ \t\r]*\n")
_COLUMNS = ("sample_id", "split", "group", "family", "twin_of", "document_ids")
_TEXTS = ("question", "answer", "completion", "prompt")
_SALT = np.uint64(0x9E3779B97F4A7C15)


class Purge(Decision):
    """Decide which samples leave because they are near to held-out text.

    A sample is compared with all splits that are stronger than its own: validation with test,
    train with test and with what is left of validation. Rows of the strongest split never leave.

    Verdicts: `drop` with `near_held_out_task`, `near_held_out_answer` or `near_held_out_context`
    and the held-out id, or with `twin_purged` (a refusal whose answerable twin leaves goes with
    it); `keep` with no reason, or with `boilerplate` and the held-out id.

    Example:
        >>> decision = Purge()
        >>> columns = {"sample_id": ["a", "b"], "split": ["train", "test"], "group": ["x", "y"],
        ...            "question": ["What was cash of Acme in 2024?"] * 2, "answer": ["$5 m"] * 2}
        >>> decision.decide(decision.keys(pa.table(columns))).to_pylist()[0]["reason"]
        'near_held_out_task'
    """

    threshold: float = Field(default=0.8, gt=0, le=1)
    """Jaccard similarity of 5-grams from which two texts are near."""
    permutations: int = Field(default=128, ge=16, le=1024)
    """Length of the MinHash signatures by which pairs are sought."""
    words: int = Field(default=5, ge=1, le=32)
    """Words (CJK: characters) per shingle."""
    boilerplate_groups: int = Field(default=5, ge=3)
    """From how many groups on a text is boilerplate; fewer than three could be a leak itself."""
    answer_bytes: int = Field(default=72, ge=1)
    """Least length of an answer that is compared for itself."""
    passage_bytes: int = Field(default=160, ge=1)
    """Least length of a paragraph of context that is compared."""
    splits: tuple[str, ...] = ("train", "validation", "test")
    """The splits, weakest first."""

    @field_validator("splits")
    @classmethod
    def _distinct(cls, splits: tuple[str, ...]) -> tuple[str, ...]:
        if len(splits) < 2 or len(set(splits)) < len(splits):
            raise ValueError("name at least two splits, each once, weakest first")
        return splits

    def keys(self, batch: pa.Table) -> pa.Table:
        """Return the shingles of every compared text of `SAMPLES` rows, with the schema `KEYS`."""
        names = [n for n in (*_COLUMNS, *_TEXTS) if n in batch.column_names]
        rows = batch.select(names).to_pylist()
        found = [list(self._texts(row)) for row in rows]
        texts = [text for units in found for _, text in units]
        reading = read(pa.array(texts, pa.string()), words=self.words)
        ends = np.cumsum([0, *(len(units) for units in found)], dtype=np.int64)
        codes = [field for units in found for field, _ in units]
        items = [
            pa.array(codes, pa.uint8()),
            pa.array(reading.shingles.digests),
            pa.array(reading.numbers.digests),
            *(
                pa.LargeListArray.from_arrays(s.offsets, pa.array(s.hashes))
                for s in (reading.shingles, reading.numbers)
            ),
        ]
        return pa.table(
            [
                pa.array([row["sample_id"] for row in rows], pa.string()),
                pa.array([row.get("split") or "" for row in rows], pa.string()),
                pa.array([_owner(row) for row in rows], pa.string()),
                pa.array([row.get("family") or "" for row in rows], pa.string()),
                pa.array([row.get("twin_of") for row in rows], pa.string()),
                *(pa.LargeListArray.from_arrays(ends, item) for item in items),
            ],
            schema=KEYS,
        )

    def _texts(self, row: dict[str, Any]) -> list[tuple[int, str]]:
        """Return the texts of a sample that are compared, each with the number of its kind."""
        answer = answer_text(row)
        found = [(0, task_text(row))]
        if len(answer.encode()) >= self.answer_bytes:
            found.append((1, answer))
        parts = _PARAGRAPH.split(context_text(row))
        found += [(_CONTEXT, p) for p in parts if len(p.strip().encode()) >= self.passage_bytes]
        return found

    def decide(self, keys: pa.Table) -> pa.Table:
        """Return one verdict per id, sorted by id, with the schema `PURGE_VERDICTS`.

        Raises:
            ContractError: an id stands twice, or a row has a split that is not among `splits`.
        """
        rows = _Samples(keys.sort_by("id"), self.splits)
        if not rows.ids:
            return rows.verdicts()
        near = self._near(rows)
        for weak in range(len(self.splits) - 2, -1, -1):
            rows.purge(weak, near)
            rows.purge_twins(weak)
        return rows.verdicts()

    def _near(self, rows: _Samples) -> _Near:
        """Return the pairs of near texts, in both directions, and each text with itself."""
        units = rows.units
        found = near_pairs(
            units.shingles.select(units.first),
            threshold=self.threshold,
            within=units.field.astype(np.uint64),
            permutations=self.permutations,
        )
        itself = np.arange(len(units.first))
        left = np.concatenate([found.left, found.right, itself])
        right = np.concatenate([found.right, found.left, itself])
        similarity = np.concatenate([found.similarity, found.similarity, np.ones(len(itself))])
        common = rows.common(left, right, self.boilerplate_groups)
        alike = units.same_numbers(left, right, self.threshold)
        near = alike | (units.field[left] == _CONTEXT)
        return _Near(
            left[near], right[near], similarity[near], (common[left] | common[right])[near]
        )


@dataclass(frozen=True, slots=True)
class _Near:
    """Pairs of distinct texts, by number."""

    left: I64
    right: I64
    similarity: NDArray[np.float64]
    boilerplate: NDArray[np.bool_]


class _Units:
    """The distinct texts of all samples, and which sample has which."""

    def __init__(self, keys: pa.Table) -> None:
        fields = _column(keys, "fields")
        self.row = np.repeat(np.arange(len(keys)), np.diff(fields.offsets.to_numpy()))
        field = fields.flatten().to_numpy().astype(np.int64)
        digests = _column(keys, "digests").flatten().to_numpy()
        # A field may not stand in for another: the salt keeps equal texts of two fields apart.
        salted = digests ^ (field.astype(np.uint64) * _SALT)
        _, self.first, self.text = np.unique(salted, return_index=True, return_inverse=True)
        self.field = field[self.first]
        self.shingles = _shingles(keys, "shingles", digests)
        number_digests = _column(keys, "number_digests").flatten().to_numpy()
        self.numbers = _shingles(keys, "numbers", number_digests)
        order = np.argsort(self.text, kind="stable")
        self.holders = self.row[order]
        self.offsets = np.searchsorted(self.text[order], np.arange(len(self.first) + 1))

    def same_numbers(self, left: I64, right: I64, threshold: float) -> NDArray[np.bool_]:
        """Return which pairs of texts have the same numbers (answers: up to the threshold)."""
        a, b = self.first[left], self.first[right]
        same = self.numbers.digests[a] == self.numbers.digests[b]
        unsure = np.flatnonzero(~same & (self.field[left] == 1))
        share = jaccard(self.numbers, np.column_stack([a[unsure], b[unsure]]))
        same[unsure] = share >= threshold
        return np.asarray(same)


class _Samples:
    """The samples in the order of their ids, and the verdicts so far."""

    def __init__(self, keys: pa.Table, splits: tuple[str, ...]) -> None:
        self.ids: list[str] = keys["id"].to_pylist()
        if len(set(self.ids)) < len(self.ids):
            raise ContractError("purge: an id stands twice among the rows")
        names = keys["split"].to_pylist()
        unknown = sorted(set(names) - set(splits))
        if unknown:
            known = ", ".join(splits)
            raise ContractError(f"purge: split {unknown[0]!r} is not one of: {known}")
        self.strength = np.array([splits.index(n) for n in names], dtype=np.int64)
        _, self.group = np.unique(keys["group"].to_numpy(), return_inverse=True)
        _, self.family = np.unique(keys["family"].to_numpy(), return_inverse=True)
        index = {name: i for i, name in enumerate(self.ids)}
        self.twins = [index.get(t, -1) if t else -1 for t in keys["twin_of"].to_pylist()]
        self.units = _Units(keys)
        self.alive = np.ones(len(self.ids), dtype=np.bool_)
        self.reason = np.full(len(self.ids), "", dtype=object)
        self.because = np.full(len(self.ids), "", dtype=object)
        self.similarity = np.full(len(self.ids), np.nan)

    def common(self, left: I64, right: I64, least: int) -> NDArray[np.bool_]:
        """Return which texts are boilerplate: near-duplicates in many groups, or a frame."""
        units = self.units
        count = len(units.first)
        own = np.unique(np.column_stack([units.text, self.group[units.row]]), axis=0)
        begins = np.searchsorted(own[:, 0], np.arange(count + 1))
        sizes = np.diff(begins)[right]
        groups = own[spread(begins[right], sizes), 1]
        reached = np.unique(np.column_stack([np.repeat(left, sizes), groups]), axis=0)
        limit = max(least, -(-len(np.unique(self.group)) // 50))
        often = np.bincount(reached[:, 0], minlength=count) >= limit
        return often | self._frames()

    def _frames(self) -> NDArray[np.bool_]:
        """Return which texts are paragraphs that nine in ten prompts of a family share."""
        units = self.units
        frame = np.zeros(len(units.first), dtype=np.bool_)
        holds = np.unique(np.column_stack([units.text, units.row]), axis=0)
        shared, counts = np.unique(
            np.column_stack([holds[:, 0], self.family[holds[:, 1]]]), axis=0, return_counts=True
        )
        rows = np.bincount(self.family)[shared[:, 1]]
        frame[shared[(counts >= 0.9 * rows) & (rows >= 10), 0]] = True
        return frame & (units.field == _CONTEXT)

    def purge(self, weak: int, near: _Near) -> None:
        """Drop the rows of a split that are near to a living row of a stronger one."""
        units = self.units
        held = np.full(len(units.first), len(self.ids), dtype=np.int64)
        strong = (self.strength > weak) & self.alive
        np.minimum.at(held, units.text[strong[units.row]], units.row[strong[units.row]])
        chosen = np.flatnonzero(held[near.right] < len(self.ids))
        left = near.left[chosen]
        sizes = np.diff(units.offsets)[left]
        rows = units.holders[spread(units.offsets[left], sizes)]
        edge = np.repeat(chosen, sizes)
        weaker = (self.strength[rows] == weak) & self.alive[rows]
        rows, edge = rows[weaker], edge[weaker]
        because = held[near.right[edge]]
        field = units.field[near.left[edge]]
        order = np.lexsort((because, -near.similarity[edge], field, near.boilerplate[edge], rows))
        _, best = np.unique(rows[order], return_index=True)
        for i in order[best].tolist():
            common = bool(near.boilerplate[edge[i]])
            reason = "boilerplate" if common else f"near_held_out_{_FIELDS[field[i]]}"
            self._note(int(rows[i]), reason, int(because[i]), float(near.similarity[edge[i]]))
            self.alive[rows[i]] = common

    def purge_twins(self, weak: int) -> None:
        """Drop the refusals whose answerable twin has left."""
        for row in np.flatnonzero((self.strength == weak) & self.alive).tolist():
            twin = self.twins[row]
            if twin >= 0 and not self.alive[twin]:
                self._note(row, "twin_purged", twin, np.nan)
                self.alive[row] = False

    def _note(self, row: int, reason: str, because: int, similarity: float) -> None:
        self.reason[row] = reason
        self.because[row] = self.ids[because]
        self.similarity[row] = similarity

    def verdicts(self) -> pa.Table:
        """Return the table of verdicts."""
        return pa.table(
            {
                "id": self.ids,
                "verdict": np.where(self.alive, "keep", "drop"),
                "reason": pa.array(self.reason, pa.string()),
                "because_of": pa.array(self.because, pa.string()),
                "similarity": pa.array(self.similarity, from_pandas=True),
            },
            schema=PURGE_VERDICTS,
        )


def _owner(row: dict[str, Any]) -> str:
    """Return a sample's group; without one its first document, or itself."""
    documents = row.get("document_ids") or [""]
    return str(row.get("group") or documents[0] or row["sample_id"])


def _column(keys: pa.Table, name: str) -> pa.Array:
    column = keys.column(name)
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)


def _shingles(keys: pa.Table, name: str, digests: NDArray[np.uint64]) -> ChunkedShingles:
    """Look at the shingles of every text of every sample, where they lie in the table."""
    texts = [chunk.flatten() for chunk in keys.column(name).chunks]
    kind = keys.schema.field(name).type.value_type
    return ChunkedShingles.of(pa.chunked_array(texts, kind), digests)
