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
words with digits and month names are blank, and on request (`mask`) the names of whom it is about.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic import Field, model_validator

from sftdata.errors import ConfigError
from sftdata.part import VERDICTS, Decision, Part
from sftdata.similarity.clusters import components
from sftdata.similarity.cosine import cosine
from sftdata.similarity.embedding import embed
from sftdata.similarity.minhash import signatures
from sftdata.similarity.shingles import Shingles, read, shingle
from sftdata.similarity.tasks import context_text, subjects, task_text
from sftdata.stages.decisions.likeness import (
    ALONE,
    KEYS,
    Likeness,
    Rows,
    column_of,
    groups_of,
    hashed,
    likeness,
    meanings,
)
from sftdata.stages.decisions.skeletons import Mask, guessed_names, names_of, skeletons
from sftdata.stages.decisions.survivors import Account, Survivor, preference, quality
from sftdata.types import Document, from_table

__all__ = ["DEDUPE_VERDICTS", "Dedupe", "Likeness", "Mask", "Rows", "Semantic", "Survivor"]

I64 = NDArray[np.int64]

DEDUPE_VERDICTS: pa.Schema = VERDICTS.append(pa.field("similarity", pa.float64()))
"""`similarity` is the exact Jaccard similarity with `because_of`; null for what is kept."""


class Semantic(Part):
    """Duplicates by meaning: the same thing said in other words, told by embeddings.

    Every pair is compared (no index), and its numbers must agree as those of near-duplicates do.
    """

    column: str = ""
    """Column of the rows that holds an embedding each (a list of numbers)."""
    model: Path | None = None
    """Folder on this machine with an encoder of `transformers` or `sentence-transformers` (extra
    `semantic`); it may not bring code of its own."""
    threshold: float = Field(default=0.95, gt=0, le=1)
    """Least cosine of two duplicates. What it means depends on the model: choose it by eye."""
    digest: str = ""
    """SHA-256 of the model, so that no step of another model is taken again."""

    @model_validator(mode="after")
    def _one_source(self) -> Semantic:
        if bool(self.column) == (self.model is not None):
            raise ValueError("name either a column with embeddings or the folder of a model")
        return self


class Dedupe(Decision):
    """Decide which rows repeat another.

    Duplicates form clusters (connected components of the pairs). One row of a cluster stays: by
    the rule `survivor`, then the longest, then the newest, then the one with the smallest id; of
    tasks first of all one that a refusal has as its twin. The others are dropped because
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
    survivor: Survivor = "longest"
    """Which of several duplicates stays: `longest`, `newest`, `best_quality` or `first` (the
    smallest id). What the rule leaves open goes to the longest, the newest, the smallest id."""
    evidence: float = Field(default=0.8, gt=0, le=1)
    """Least similarity of two contexts that are the same evidence (tasks)."""
    max_per_template: int | None = Field(default=None, ge=1)
    """Most rows of one kind, split and skeleton that stay; none: no cap."""
    mask: tuple[Mask, ...] = ("numbers", "dates")
    """What a skeleton leaves blank."""
    semantic: Semantic | None = None
    """Drop what means the same too; off by default. Reason `semantic_duplicate`, with the cosine
    as `similarity`; a row leaves only if it is itself this close to one that stays."""
    names: Path | None = Field(default=None, exclude=True)
    """Parquet file (`NAMES`) with the names that are blank in samples and passages: those of the
    documents that they are about. Documents have their own."""
    names_digest: str = ""

    def keys(self, batch: pa.Table) -> pa.Table:
        """Return what `decide` needs of each row, with the schema `KEYS`.

        Args:
            batch: `DOCUMENTS` rows (grain document), a table with `id` and `text` (passage), or
                `SAMPLES` rows (task). Passages may have `kind`, `split`, `twin_of` and `names`
                too.
        """
        name = {"document": "document_id", "passage": "id", "task": "sample_id"}[self.grain]
        columns = {"id": column_of(batch, name)}
        rows = batch.select([n for n in _TASK_COLUMNS if n in batch.column_names]).to_pylist()
        if self.grain == "task":
            texts = pa.array([task_text(r) for r in rows], pa.string())
            columns |= self._task_columns(rows)
        else:
            texts = column_of(batch, "text")
            columns |= _own_columns(batch)
        if "published" in batch.column_names:
            columns["published"] = pc.fill_null(column_of(batch, "published"), "")
        reading = read(texts, words=self.words, skeletons=False)
        if self.max_per_template is not None:
            columns["skeleton"] = pa.array(self._skeletons(batch, texts, rows))
        if self.survivor == "best_quality":
            columns["quality"] = _qualities(batch, texts)
        if self.semantic is not None:
            columns["embedding"] = _embeddings(batch, texts, self.semantic)
        columns |= {
            "length": pc.cast(pc.utf8_length(pc.fill_null(texts, "")), pa.int64()),
            "digest": pa.array(reading.shingles.digests),
            "words": pa.array(reading.shingles.words),
            "shingles": _lists(reading.shingles),
            "number_digest": pa.array(reading.numbers.digests),
            "numbers": _lists(reading.numbers),
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

    def _skeletons(
        self, batch: pa.Table, texts: pa.Array, rows: list[dict[str, Any]]
    ) -> NDArray[np.uint64]:
        if "names" not in self.mask:
            return skeletons(texts, self.mask, [])
        names: list[list[str]]
        if "names" in batch.column_names:
            names = [row or [] for row in batch["names"].to_pylist()]
        elif self.grain == "document":
            names = [names_of(doc) for doc in from_table(batch, Document)]
        elif self.names is not None:
            known = _known_names(self.names)
            about = [subjects(r) for r in rows] if self.grain == "task" else _owners(batch)
            names = [sorted({n for d in found for n in known.get(d, ())}) for found in about]
        else:
            names = [guessed_names(text or "") for text in texts.to_pylist()]
        return skeletons(texts, self.mask, names)

    def decide(self, keys: pa.Table) -> pa.Table:
        """Return one verdict per id, sorted by id, with the schema `DEDUPE_VERDICTS`.

        Raises:
            ContractError: an id stands twice.
        """
        rows = self.rows(keys)
        return self.settle(rows, self.likeness(rows, self.threshold))

    def rows(self, keys: pa.Table) -> Rows:
        """Return the keys as `likeness` and `settle` want them.

        Raises:
            ContractError: an id stands twice.
        """
        return Rows(keys, tasks=self.grain == "task", evidence=self.evidence)

    def likeness(self, rows: Rows, floor: float) -> Likeness:
        """Return the pairs that are alike from `floor` on: enough for every threshold above it."""
        return likeness(rows, floor, self.permutations)

    def meanings(self, rows: Rows) -> Likeness:
        """Return the pairs that mean the same; none where meaning is not compared."""
        if self.semantic is None:
            return Likeness.none()
        return meanings(rows, self.semantic.threshold)

    def settle(
        self,
        rows: Rows,
        pairs: Likeness,
        precedence: I64 | None = None,
        *,
        meant: Likeness | None = None,
    ) -> pa.Table:
        """Return the verdicts at `threshold`, from pairs that were sought at it or lower down.

        With `precedence`, a number per row, the smallest stays, whatever the rule says. `meant` is
        what `meanings` returns.
        """
        rank = preference(rows.keys, self.survivor, rows.wanted, precedence)
        account = Account(rank, rows.classes)
        meant = self.meanings(rows) if meant is None else meant
        alike = meant.numbers >= self.threshold
        close = np.column_stack([meant.left[alike], meant.right[alike]])
        edges = (pairs.at(self.threshold), close)
        self._settle(rows, edges, account, np.flatnonzero(rows.twins == ALONE))
        paired = np.flatnonzero(rows.twins != ALONE)
        for row in paired[rows.twins[paired] >= 0].tolist():
            if account.reason[rows.twins[row]]:
                account.drop(row, "twin_dropped", int(rows.twins[row]))
        self._settle(rows, edges, account, account.left(paired))
        return _verdicts(rows, account)

    def _settle(self, rows: Rows, pairs: tuple[I64, I64], account: Account, chosen: I64) -> None:
        """Drop repeats, then what means the same, then what exceeds the cap."""
        if not len(chosen):
            return
        edges = rows.edges(pairs[0], chosen)
        if self.linkage == "direct":
            account.keep_independent(edges, "near_duplicate")
        else:
            for members in groups_of(components(len(rows.ids), edges)):
                if len(members) > 1:
                    account.keep_best(members, "near_duplicate")
        here = np.isin(pairs[1], account.left(chosen)).all(axis=1)
        account.keep_independent(pairs[1][here], "semantic_duplicate")
        if self.max_per_template is not None:
            left = account.left(chosen)
            for members in groups_of(rows.templates(left)):
                self._cap(rows, account, left[members], self.max_per_template)

    def _cap(self, rows: Rows, account: Account, members: I64, limit: int) -> None:
        """Drop what exceeds the limit; which rows stay is decided by a hash of their ids."""
        if len(members) <= limit:
            return
        wanted = rows.wanted
        order = sorted(members.tolist(), key=lambda r: (not wanted[r], hashed(rows.ids[r])))
        for row in order[limit:]:
            account.drop(row, "template_cap", order[0])


_TASK_COLUMNS = (
    *("question", "answer", "completion", "prompt", "document_ids", "evidence"),
    *("kind", "split", "locale", "twin_of"),
)
_OWN_COLUMNS = ("kind", "split", "locale", "twin_of")


def _verdicts(rows: Rows, account: Account) -> pa.Table:
    similarity = np.full(len(rows.ids), np.nan)
    gone = np.flatnonzero(account.because >= 0)
    similarity[gone] = rows.similarity(gone, account.because[gone])
    meant = np.flatnonzero(account.reason == "semantic_duplicate")
    similarity[meant] = cosine(rows.vectors, meant, account.because[meant])
    ids = [*rows.ids, ""]
    return pa.table(
        {
            "id": rows.ids,
            "verdict": np.where(account.reason == "", "keep", "drop"),
            "reason": pa.array(account.reason, pa.string()),
            "because_of": pa.array([ids[row] for row in account.because.tolist()], pa.string()),
            "similarity": pa.array(similarity, from_pandas=True),
        },
        schema=DEDUPE_VERDICTS,
    )


def _own_columns(batch: pa.Table) -> dict[str, pa.Array]:
    """Return what documents and passages lack, and rows of any dataset may have."""
    if "id" not in batch.column_names:
        return {}
    found = {n: column_of(batch, n) for n in _OWN_COLUMNS if n in batch.column_names}
    return {n: pc.fill_null(c, "") if n != "twin_of" else c for n, c in found.items()}


def _owners(batch: pa.Table) -> list[list[str]]:
    """Return the document of each passage, from its id `document:start:end`."""
    return [[name.rsplit(":", 2)[0]] for name in batch["id"].to_pylist()]


@lru_cache(maxsize=2)
def _known_names(path: Path) -> dict[str, list[str]]:
    table = pq.read_table(path)
    pairs = zip(table["document_id"].to_pylist(), table["names"].to_pylist(), strict=True)
    return dict(pairs)


def _qualities(batch: pa.Table, texts: pa.Array) -> pa.Array:
    """Return the quality of each row, with its checks and evidence where it has them."""
    empty: list[Any] = [[]] * len(batch)
    checks, evidence = (
        batch[name].to_pylist() if name in batch.column_names else empty
        for name in ("checks", "evidence")
    )
    rows = zip(texts.to_pylist(), checks, evidence, strict=True)
    found = [quality(text or "", made or (), len(quoted or ())) for text, made, quoted in rows]
    return pa.array(found, pa.float64())


def _embeddings(batch: pa.Table, texts: pa.Array, semantic: Semantic) -> pa.Array:
    kind = pa.large_list(pa.float32())
    if semantic.model is not None:
        known = [text or "" for text in texts.to_pylist()]
        return pa.array(list(embed(known, semantic.model)), kind)
    if semantic.column not in batch.column_names:
        have = ", ".join(batch.column_names)
        raise ConfigError(f"semantic: there is no column {semantic.column!r}; there are: {have}")
    try:
        found = column_of(batch, semantic.column).cast(kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise ConfigError(
            f"semantic: the column {semantic.column!r} does not hold lists of numbers"
        ) from None
    return pc.fill_null(found, pa.scalar([], kind))


def _lists(shingles: Shingles) -> pa.Array:
    return pa.LargeListArray.from_arrays(shingles.offsets, pa.array(shingles.hashes))


def _keys_table(columns: dict[str, Any], rows: int) -> pa.Table:
    """Put the columns together; those that this grain does not have are empty."""
    empty = {pa.string(): "", pa.uint64(): 0, pa.int64(): 0, pa.float64(): 0.0}
    arrays = [
        columns[f.name].cast(f.type)
        if f.name in columns
        else pa.array([None if f.nullable else empty.get(f.type, [])] * rows, f.type)
        for f in KEYS
    ]
    return pa.table(arrays, schema=KEYS)
