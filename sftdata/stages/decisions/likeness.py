"""The rows of a deduplication as arrays, and how alike the pairs among them are.

What is computed here holds for every threshold from the floor on, so that a threshold can be
chosen, and changed, without reading a text again.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sftdata.errors import ConfigError, ContractError
from sftdata.similarity.chunked import ChunkedShingles
from sftdata.similarity.cosine import cosine_pairs, unit
from sftdata.similarity.lsh import jaccard, near_pairs
from sftdata.similarity.tasks import evidence_groups

__all__ = [
    "ABSENT",
    "ALONE",
    "KEYS",
    "Likeness",
    "Rows",
    "groups_of",
    "hashed",
    "likeness",
    "meanings",
]

I64 = NDArray[np.int64]
U64 = NDArray[np.uint64]
F64 = NDArray[np.float64]

ALONE, ABSENT = -1, -2
"""Row of a twin: it has none; it has one that is not here."""

KEYS: pa.Schema = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("length", pa.int64(), nullable=False),
        pa.field("published", pa.string(), nullable=False),
        pa.field("quality", pa.float64(), nullable=False),
        pa.field("digest", pa.uint64(), nullable=False),
        pa.field("words", pa.int64(), nullable=False),
        pa.field("shingles", pa.large_list(pa.uint32()), nullable=False),
        pa.field("number_digest", pa.uint64(), nullable=False),
        pa.field("numbers", pa.large_list(pa.uint32()), nullable=False),
        pa.field("skeleton", pa.uint64(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("split", pa.string(), nullable=False),
        pa.field("locale", pa.string(), nullable=False),
        pa.field("twin_of", pa.string()),
        pa.field("subjects", pa.large_list(pa.string()), nullable=False),
        pa.field("context", pa.large_list(pa.uint32()), nullable=False),
        pa.field("embedding", pa.large_list(pa.float32()), nullable=False),
    ]
)
"""What `Dedupe.keys` returns, about 1.5 kB for a text of 350 words. `kind`, `split` and `twin_of`
are those of samples; `subjects` and `context` (MinHash signature of the context) are filled for
tasks alone, `quality` where it decides, `embedding` where meaning is compared."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """Pairs of rows that are alike to some degree: one pair for any two different texts.

    `left < right`, rows in the order of their ids. Rows with the same words in the same order
    are not listed: they are one class of `Rows.classes`, and a pair stands for all of its rows.
    """

    left: I64
    right: I64
    similarity: F64
    """Exact Jaccard similarity of the shingles."""
    numbers: F64
    """Exact Jaccard similarity of the words with digits; 1 where they are the same in order."""

    @classmethod
    def none(cls) -> Likeness:
        """Return no pairs."""
        rows, shares = np.zeros(0, dtype=np.int64), np.zeros(0)
        return cls(rows, rows, shares, shares)

    def __len__(self) -> int:
        """Return the number of pairs."""
        return len(self.left)

    @property
    def score(self) -> F64:
        """The threshold up to which a pair counts as duplicates: the lesser of the two."""
        return np.minimum(self.similarity, self.numbers)

    def at(self, threshold: float) -> I64:
        """Return the pairs that are duplicates at a threshold, shape `(m, 2)`."""
        near = self.score >= threshold
        return np.column_stack([self.left[near], self.right[near]])


class Rows:
    """The keys of all rows as arrays, in the order of their ids."""

    def __init__(self, keys: pa.Table, *, tasks: bool, evidence: float) -> None:
        order = pc.sort_indices(keys["id"]).to_numpy().astype(np.int64)
        self.keys = keys.drop_columns(["shingles", "numbers", "embedding"]).take(order)
        self.ids: list[str] = self.keys["id"].to_pylist()
        if len(set(self.ids)) < len(self.ids):
            raise ContractError("dedupe: an id stands twice among the rows")
        self.vectors = _vectors(keys)[order]
        self.shingles = _shingles(keys, "shingles", "digest").select(order)
        self.numbers = _shingles(keys, "numbers", "number_digest").select(order)
        self.twins = self._twins()
        self.places = self._places(tasks, evidence)
        self.classes = self._classes()

    def _twins(self) -> I64:
        """Return the row of each row's twin."""
        index = {name: i for i, name in enumerate(self.ids)}
        twins = self.keys["twin_of"].to_pylist()
        found = [ALONE if not t else index.get(t, ABSENT) for t in twins]
        return np.array(found, dtype=np.int64)

    @property
    def wanted(self) -> NDArray[np.bool_]:
        """Which rows some refusal has as its twin."""
        found = np.zeros(len(self.ids), dtype=np.bool_)
        found[self.twins[self.twins >= 0]] = True
        return found

    def _places(self, tasks: bool, threshold: float) -> U64:
        """Return a number per row; only rows of one number can be duplicates."""
        named = pc.not_equal(
            pc.binary_join_element_wise(self.keys["kind"], self.keys["split"], ""), ""
        )
        if not tasks and not pc.any(named).as_py():
            return np.zeros(len(self.ids), dtype=np.uint64)
        kinds, splits = self.keys["kind"].to_pylist(), self.keys["split"].to_pylist()
        paired = (self.twins != ALONE).tolist()
        evidence = numbers = [0] * len(self.ids)
        if tasks and self.ids:
            signed = column_of(self.keys, "context").flatten().to_numpy()
            signed = signed.reshape(len(self.ids), -1)
            about = self.keys["subjects"].to_pylist()
            evidence = evidence_groups(signed, about, threshold).tolist()
            numbers = self.numbers.digests.tolist()
        known: dict[tuple[object, ...], int] = {}
        names = zip(kinds, splits, paired, evidence, numbers, strict=True)
        return np.array([_number(known, name) for name in names], dtype=np.uint64)

    def _classes(self) -> I64:
        """Return a number per row: equal for rows of one place and one text."""
        digests = self.shingles.digests ^ (self.places * np.uint64(0x9E3779B97F4A7C15))
        _, classes = np.unique(digests, return_inverse=True)
        empty = np.flatnonzero(self.shingles.sizes == 0)
        found = classes.astype(np.int64)
        found[empty] = len(self.ids) + empty  # a text without a word is like no other
        return found

    def edges(self, pairs: I64, chosen: I64) -> I64:
        """Return the pairs as edges between chosen rows, and ties among those of one class.

        A pair stands for two classes: where its own rows are not chosen, the first ones that are
        take their places.
        """
        names, first, own = np.unique(self.classes[chosen], return_index=True, return_inverse=True)
        heads = chosen[first]
        ties = np.column_stack([heads[own], chosen])[heads[own] != chosen]
        wanted = self.classes[pairs]
        at = np.minimum(np.searchsorted(names, wanted), max(len(names) - 1, 0))
        here = (names[at] == wanted).all(axis=1) if len(names) else np.zeros(0, dtype=np.bool_)
        return np.concatenate([heads[at[here]], ties])

    def similarity(self, rows: I64, others: I64) -> F64:
        """Return the exact Jaccard similarity of rows with others; 1 for the same words."""
        same = self.shingles.digests[rows] == self.shingles.digests[others]
        pairs = np.column_stack([rows, others])
        return np.where(same, 1.0, jaccard(self.shingles, pairs))

    def templates(self, rows: I64) -> I64:
        """Return a number per row: equal for rows of one kind, split and skeleton."""
        columns = [self.keys[n].to_pylist() for n in ("kind", "split", "skeleton")]
        known: dict[tuple[object, ...], int] = {}
        names = [tuple(c[r] for c in columns) for r in rows.tolist()]
        names = [n if n[-1] else (*n, i) for i, n in enumerate(names)]
        return np.array([_number(known, n) for n in names], dtype=np.int64)


def likeness(rows: Rows, floor: float, permutations: int) -> Likeness:
    """Return the pairs of different texts that are at least this alike in words."""
    found = near_pairs(
        rows.shingles, threshold=floor, within=rows.places, permutations=permutations
    )
    other = rows.classes[found.left] != rows.classes[found.right]
    left, right = found.left[other], found.right[other]
    same = rows.numbers.digests[left] == rows.numbers.digests[right]
    share = jaccard(rows.numbers, np.column_stack([left, right]))
    return Likeness(left, right, found.similarity[other], np.where(same, 1.0, share))


def meanings(rows: Rows, threshold: float) -> Likeness:
    """Return the pairs whose embeddings have at least this cosine, as `similarity`.

    Raises:
        ConfigError: so many pairs that the threshold tells nothing.
    """
    try:
        found = cosine_pairs(rows.vectors, threshold=threshold, within=rows.places)
    except ValueError as error:
        raise ConfigError(f"dedupe.semantic.threshold: {error}; raise it") from None
    same = rows.numbers.digests[found.left] == rows.numbers.digests[found.right]
    share = jaccard(rows.numbers, found.array())
    return Likeness(found.left, found.right, found.similarity, np.where(same, 1.0, share))


def groups_of(labels: I64) -> list[I64]:
    """Return the positions of each label, in the order of the labels."""
    order = np.argsort(labels, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(labels[order])) + 1) if len(labels) else []


def hashed(*parts: object) -> int:
    """Return a 64-bit number made of the parts."""
    text = "\x1f".join(map(str, parts))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def column_of(batch: pa.Table, name: str) -> pa.Array:
    """Return a column as one array."""
    column = batch.column(name)
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)


def _number(known: dict[tuple[object, ...], int], name: tuple[object, ...]) -> int:
    return known.setdefault(name, len(known))


def _vectors(keys: pa.Table) -> NDArray[np.float32]:
    """Return the embeddings as unit vectors; rows without one as zeros."""
    column = column_of(keys, "embedding")
    sizes = np.diff(column.offsets.to_numpy())
    width = int(sizes.max(initial=0))
    if width and not np.isin(sizes, (0, width)).all():
        raise ContractError("dedupe: embeddings are not all of one length")
    found = np.zeros((len(sizes), width), dtype=np.float32)
    if width:
        found[sizes > 0] = column.flatten().to_numpy(zero_copy_only=False).reshape(-1, width)
    return unit(found)


def _shingles(keys: pa.Table, name: str, digest: str) -> ChunkedShingles:
    """Look at shingles where they lie in the table: they are most of its memory."""
    return ChunkedShingles.of(keys.column(name), column_of(keys, digest).to_numpy())
