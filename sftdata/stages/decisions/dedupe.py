"""Which documents, passages or tasks repeat another, and which of them stays.

What counts as a duplicate, at every grain:

* The **words** are alike: Jaccard similarity of word 5-grams (CJK: character 5-grams) at or above
  the threshold, computed exactly. Case, width, punctuation and white space do not matter.
* The **numbers** are alike too. Two visit notes or two filings with the same wording and other
  figures are *template siblings*, not duplicates: dropping one would lose facts, and would punish
  boilerplate. So the sets of words with digits must be as alike as the threshold asks of the
  wording (documents, passages), or equal (tasks, where one number is the answer).

A **task** is question and answer, without the context, because two questions on one passage are
0.8 to 0.96 alike as whole samples. Two tasks are duplicates only where they also

* have the same kind and split (a refusal and its answerable twin are alike by construction;
  what is repeated *across* splits is for *purge* to judge, in favour of the held-out side);
* rest on the same evidence: the same document, or contexts that are themselves near-duplicates.
  "Any known allergies?" with the same answer in two patients' charts is two samples.

Template siblings may be capped (`max_per_template`): the skeleton of a text is what is left when
words with digits and month names are blank. Names are not blanked: we do not guess them.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pydantic import Field

from sftdata.errors import ContractError
from sftdata.part import VERDICTS, Decision
from sftdata.similarity.boilerplate import take
from sftdata.similarity.clusters import components
from sftdata.similarity.lsh import Pairs, jaccard, near_pairs
from sftdata.similarity.minhash import signatures
from sftdata.similarity.shingles import Shingles, read, shingle
from sftdata.similarity.tasks import context_text, evidence_groups, subjects, task_text

__all__ = ["DEDUPE_VERDICTS", "Dedupe"]

I64 = NDArray[np.int64]
U64 = NDArray[np.uint64]

DEDUPE_VERDICTS: pa.Schema = VERDICTS.append(pa.field("similarity", pa.float64()))
"""`similarity` is the exact Jaccard similarity with `because_of`; null for what is kept."""

KEYS: pa.Schema = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("length", pa.int64(), nullable=False),
        pa.field("published", pa.string(), nullable=False),
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
    ]
)
"""What `Dedupe.keys` returns, about 1.5 kB for a text of 350 words. The last six columns are
empty but for tasks; `context` is the MinHash signature of the context."""


class Dedupe(Decision):
    """Decide which rows repeat another.

    Duplicates form clusters (connected components of the pairs). One row of a cluster stays: of
    documents and passages the longest, then the newest, then the one with the smallest id; of
    tasks one that a refusal has as its twin, then the smallest id. The others are dropped because
    of it, with their own exact similarity to it. In a chain (a note copied forward from visit to
    visit) this may be below the threshold; with `linkage: direct` such a row stays.

    Verdicts: `keep` or `drop`; reasons `exact_duplicate`, `near_duplicate`, `template_cap` and
    `twin_dropped` (a refusal whose answerable twin leaves goes with it). They depend on the rows
    alone, not on their order, and what is kept is kept when decided again.

    Example:
        >>> texts = ["Cash was $5 million.", "cash was $5 million"]
        >>> rows = pa.table({"id": ["a", "b"], "text": texts})
        >>> decision = Dedupe(grain="passage")
        >>> decision.decide(decision.keys(rows)).to_pylist()[1]["because_of"]
        'a'
    """

    grain: Literal["document", "passage", "task"] = "document"
    """What is compared: whole documents, passages, or question and answer of samples."""
    threshold: float = Field(default=0.8, gt=0, le=1)
    """Least Jaccard similarity of two duplicates."""
    permutations: int = Field(default=128, ge=16, le=1024)
    """Length of the MinHash signatures by which pairs are sought."""
    words: int = Field(default=5, ge=1, le=32)
    """Words (CJK: characters) per shingle."""
    linkage: Literal["cluster", "direct"] = "cluster"
    """`cluster`: one row of a cluster stays; `direct`: a row leaves only if it is itself a
    duplicate of a row that stays."""
    max_per_template: int | None = Field(default=None, ge=1)
    """Most rows of one kind, split and skeleton that stay; none: no cap."""

    def keys(self, batch: pa.Table) -> pa.Table:
        """Return what `decide` needs of each row, with the schema `KEYS`.

        Args:
            batch: `DOCUMENTS` rows (grain document), a table with `id` and `text` (passage), or
                `SAMPLES` rows (task).
        """
        name = {"document": "document_id", "passage": "id", "task": "sample_id"}[self.grain]
        columns = {"id": _column(batch, name)}
        if self.grain == "task":
            rows = batch.select([n for n in _TASK_COLUMNS if n in batch.column_names]).to_pylist()
            texts = pa.array([task_text(r) for r in rows], pa.string())
            columns |= self._task_columns(rows)
        else:
            texts = _column(batch, "text")
        if "published" in batch.column_names:
            columns["published"] = pc.fill_null(_column(batch, "published"), "")
        reading = read(texts, words=self.words, skeletons=self.max_per_template is not None)
        columns |= {
            "length": pc.cast(pc.utf8_length(pc.fill_null(texts, "")), pa.int64()),
            "digest": pa.array(reading.shingles.digests),
            "words": pa.array(reading.shingles.words),
            "shingles": _lists(reading.shingles),
            "number_digest": pa.array(reading.numbers.digests),
            "numbers": _lists(reading.numbers),
            "skeleton": pa.array(reading.skeletons),
        }
        return _keys_table(columns, len(batch))

    def _task_columns(self, rows: list[dict[str, Any]]) -> dict[str, pa.Array]:
        contexts = pa.array([context_text(r) for r in rows], pa.string())
        signed = signatures(shingle(contexts, words=self.words), permutations=self.permutations)
        offsets = np.arange(len(rows) + 1, dtype=np.int64) * self.permutations
        columns = {n: pa.array([r.get(n) or "" for r in rows]) for n in ("kind", "split", "locale")}
        return columns | {
            "twin_of": pa.array([r.get("twin_of") for r in rows], pa.string()),
            "subjects": pa.array([subjects(r) for r in rows], pa.large_list(pa.string())),
            "context": pa.LargeListArray.from_arrays(offsets, pa.array(signed.ravel())),
        }

    def decide(self, keys: pa.Table) -> pa.Table:
        """Return one verdict per id, sorted by id, with the schema `DEDUPE_VERDICTS`.

        Raises:
            ContractError: an id stands twice.
        """
        rows = _Rows(_by_id(keys), self.grain == "task", self.threshold)
        twins = rows.twins
        self._settle(rows, np.flatnonzero(twins == _ALONE))
        paired = np.flatnonzero(twins != _ALONE)
        for row in paired[(twins[paired] >= 0)].tolist():
            if rows.reason[twins[row]]:
                rows.drop(row, "twin_dropped", int(twins[row]))
        self._settle(rows, paired[rows.reason[paired] == ""])
        return rows.verdicts()

    def _settle(self, rows: _Rows, chosen: I64) -> None:
        """Drop repeats, then what exceeds the cap, among the chosen rows."""
        if not len(chosen):
            return
        pairs = near_pairs(
            rows.part(chosen),
            threshold=self.threshold,
            within=rows.places[chosen],
            permutations=self.permutations,
        )
        edges = pairs.array()[rows.alike_in_numbers(chosen, pairs)]
        for members in _groups(components(len(chosen), edges)):
            if len(members) > 1 and self.linkage == "cluster":
                rows.keep_best(chosen[members])
        if self.linkage == "direct":
            rows.keep_independent(chosen[edges])
        if self.max_per_template is not None:
            left = chosen[rows.reason[chosen] == ""]
            for members in _groups(rows.templates(left)):
                rows.cap(left[members], self.max_per_template)


_ALONE, _ABSENT = -1, -2
_TASK_COLUMNS = (
    *("question", "answer", "completion", "prompt", "document_ids", "evidence"),
    *("kind", "split", "locale", "twin_of"),
)


class _Rows:
    """The keys of all rows as arrays, in the order of their ids, and the verdicts so far."""

    def __init__(self, keys: pa.Table, tasks: bool, threshold: float) -> None:
        self.ids: list[str] = keys["id"].to_pylist()
        if len(set(self.ids)) < len(self.ids):
            raise ContractError("dedupe: an id stands twice among the rows")
        self.keys = keys.drop_columns(["shingles", "numbers"])
        self.tasks = tasks
        self.threshold = threshold
        self.shingles = _shingles(keys, "shingles", "digest")
        self.numbers = _shingles(keys, "numbers", "number_digest")
        self.places = self._places()
        self.twins = self._twins()
        self.rank = self._rank()
        self.reason = np.full(len(self.ids), "", dtype=object)
        self.because = np.full(len(self.ids), "", dtype=object)
        self.pairs: list[tuple[int, int]] = []

    def part(self, rows: I64) -> Shingles:
        """Return the shingles of some rows; of all rows without a copy."""
        return self.shingles if len(rows) == len(self.ids) else take(self.shingles, rows)

    def _places(self) -> U64:
        """Return a number per row; only rows of one number can be duplicates."""
        if not self.tasks or not self.ids:
            return np.zeros(len(self.ids), dtype=np.uint64)
        count = len(self.ids)
        signed = _column(self.keys, "context").flatten().to_numpy().reshape(count, -1)
        documents = self.keys["subjects"].to_pylist()
        evidence = evidence_groups(signed, documents, self.threshold)
        names = zip(
            self.keys["kind"].to_pylist(),
            self.keys["split"].to_pylist(),
            evidence.tolist(),
            self.numbers.digests.tolist(),
            strict=True,
        )
        return np.array([_hash(*n) for n in names], dtype=np.uint64)

    def _twins(self) -> I64:
        """Return the row of each row's twin; -1: it has none, -2: the twin is not here."""
        index = {name: i for i, name in enumerate(self.ids)}
        twins = self.keys["twin_of"].to_pylist()
        found = [_ALONE if not t else index.get(t, _ABSENT) for t in twins]
        return np.array(found, dtype=np.int64)

    def _rank(self) -> I64:
        """Return the place of each row in the order of preference; the smallest stays."""
        count = len(self.ids)
        by_id = np.arange(count)
        if self.tasks:
            wanted = np.zeros(count, dtype=np.int64)
            wanted[self.twins[self.twins >= 0]] = 1
            order = np.lexsort((by_id, -wanted))
        else:
            _, age = np.unique(self.keys["published"].to_numpy(), return_inverse=True)
            order = np.lexsort((by_id, -age, -self.keys["length"].to_numpy()))
        rank = np.empty(count, dtype=np.int64)
        rank[order] = np.arange(count)
        return rank

    def alike_in_numbers(self, rows: I64, pairs: Pairs) -> NDArray[np.bool_]:
        """Return which pairs also have the same numbers, up to the threshold."""
        if not len(pairs):
            return np.empty(0, dtype=np.bool_)
        left, right = rows[pairs.left], rows[pairs.right]
        same = self.numbers.digests[left] == self.numbers.digests[right]
        share = jaccard(self.numbers, np.column_stack([left, right]))
        return np.asarray(same | (share >= self.threshold))

    def templates(self, rows: I64) -> I64:
        """Return a number per row: equal for rows of one kind, split and skeleton."""
        columns = [self.keys[n].to_pylist() for n in ("kind", "split", "skeleton")]
        seen: dict[tuple[Any, ...], int] = {}
        names = [tuple(c[r] for c in columns) for r in rows.tolist()]
        names = [n if n[-1] else (*n, i) for i, n in enumerate(names)]
        return np.array([seen.setdefault(n, len(seen)) for n in names], dtype=np.int64)

    def keep_best(self, members: I64) -> None:
        """Drop all members of a cluster but the best."""
        best = int(members[np.argmin(self.rank[members])])
        for row in members.tolist():
            if row != best:
                same = self.shingles.digests[row] == self.shingles.digests[best]
                self.drop(row, "exact_duplicate" if same else "near_duplicate", best)

    def keep_independent(self, edges: I64) -> None:
        """Go through the rows from the best on; each one that is left drops its own duplicates."""
        twin_words: dict[int, set[int]] = defaultdict(set)
        near: dict[int, set[int]] = defaultdict(set)
        digests = self.shingles.digests
        for left, right in edges.tolist():
            a, b = int(digests[left]), int(digests[right])
            twin_words[a].add(left)
            twin_words[b].add(right)
            near[a].add(b)
            near[b].add(a)
        rows = np.unique(edges)
        for row in rows[np.argsort(self.rank[rows])].tolist():
            if not self.reason[row]:
                self._drop_repeats_of(row, twin_words, near)

    def _drop_repeats_of(
        self, best: int, alike: dict[int, set[int]], near: dict[int, set[int]]
    ) -> None:
        own = int(self.shingles.digests[best])
        for digest in sorted({own, *near[own]}):
            for row in sorted(alike[digest]):
                if row != best and not self.reason[row] and self.places[row] == self.places[best]:
                    self.drop(row, "exact_duplicate" if digest == own else "near_duplicate", best)

    def cap(self, members: I64, limit: int) -> None:
        """Drop what exceeds the limit; which rows stay is decided by a hash of their ids."""
        if len(members) <= limit:
            return
        wanted = set(self.twins[self.twins >= 0].tolist())
        order = sorted(members.tolist(), key=lambda r: (r not in wanted, _hash(self.ids[r])))
        for row in order[limit:]:
            self.drop(row, "template_cap", order[0])

    def drop(self, row: int, reason: str, because: int) -> None:
        """Note that a row leaves because of another."""
        self.reason[row] = reason
        self.because[row] = self.ids[because]
        self.pairs.append((row, because))

    def verdicts(self) -> pa.Table:
        """Return the table of verdicts."""
        similarity = np.full(len(self.ids), np.nan)
        if self.pairs:
            pairs = np.array(self.pairs, dtype=np.int64)
            same = self.shingles.digests[pairs[:, 0]] == self.shingles.digests[pairs[:, 1]]
            similarity[pairs[:, 0]] = np.where(same, 1.0, jaccard(self.shingles, pairs))
        return pa.table(
            {
                "id": self.ids,
                "verdict": np.where(self.reason == "", "keep", "drop"),
                "reason": pa.array(self.reason, pa.string()),
                "because_of": pa.array(self.because, pa.string()),
                "similarity": pa.array(similarity, from_pandas=True),
            },
            schema=DEDUPE_VERDICTS,
        )


def _hash(*parts: object) -> int:
    text = "\x1f".join(map(str, parts))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def _groups(labels: I64) -> list[I64]:
    """Return the positions of each label, in the order of the labels."""
    order = np.argsort(labels, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(labels[order])) + 1) if len(labels) else []


def _column(batch: pa.Table, name: str) -> pa.Array:
    column = batch.column(name)
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)


def _lists(shingles: Shingles) -> pa.Array:
    return pa.LargeListArray.from_arrays(shingles.offsets, pa.array(shingles.hashes))


def _keys_table(columns: dict[str, Any], rows: int) -> pa.Table:
    """Put the columns together; those that this grain does not have are empty."""
    empty = {pa.string(): "", pa.uint64(): 0, pa.int64(): 0}
    arrays = [
        columns[f.name]
        if f.name in columns
        else pa.array([None if f.nullable else empty.get(f.type, [])] * rows, f.type)
        for f in KEYS
    ]
    return pa.table(arrays, schema=KEYS)


def _by_id(keys: pa.Table) -> pa.Table:
    """Sort by id; without a copy where the rows are sorted already."""
    order = pc.sort_indices(keys["id"]).to_numpy()
    return keys if (order[1:] > order[:-1]).all() else keys.take(order)


def _shingles(keys: pa.Table, name: str, digest: str) -> Shingles:
    """Take shingles out of the table again, a chunk at a time: they are most of its memory."""
    chunks = keys.column(name).chunks
    sizes = np.concatenate([[0], *(np.diff(c.offsets.to_numpy()) for c in chunks)])
    offsets = np.cumsum(sizes, dtype=np.int64)
    hashes = np.empty(int(offsets[-1]), dtype=np.uint32)
    end = 0
    for chunk in chunks:
        values = chunk.flatten().to_numpy()
        hashes[end : end + len(values)] = values
        end += len(values)
    words = _column(keys, "words").to_numpy()
    return Shingles(offsets, hashes, _column(keys, digest).to_numpy(), words)
