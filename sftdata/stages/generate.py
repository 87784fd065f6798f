"""Generate: documents in, samples out, inside each split."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import ClassVar

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field

from sftdata.chance import rank
from sftdata.errors import FamilyError
from sftdata.families.cases import Case, cases
from sftdata.families.draft import Work
from sftdata.families.family import Family
from sftdata.families.kinds import evidence, extraction, refusal, writing
from sftdata.families.load import digest, family_named, load_families
from sftdata.families.naming import entity_name
from sftdata.families.peers import ALONE, ASKED, AskedOf, Peers, peers_of
from sftdata.families.shelf import PassageText, Shelf, passage_spans
from sftdata.part import Stage
from sftdata.types import SAMPLES, Document, Sample, from_table, to_table

__all__ = [
    "PASSAGES",
    "POOL",
    "CutPassages",
    "Generate",
    "ListAsked",
    "PickForPool",
    "generate",
    "store",
]

PASSAGES: pa.Schema = pa.schema(
    [pa.field("id", pa.string(), nullable=False), pa.field("text", pa.string(), nullable=False)]
)

POOL: pa.Schema = pa.schema(
    [
        pa.field("split", pa.string(), nullable=False),
        pa.field("document_id", pa.string(), nullable=False),
        pa.field("group", pa.string(), nullable=False),
        pa.field("domain", pa.string(), nullable=False),
        pa.field("entity", pa.string(), nullable=False),
        pa.field("start", pa.int64(), nullable=False),
        pa.field("end", pa.int64(), nullable=False),
        pa.field("heading", pa.string(), nullable=False),
        pa.field("text", pa.string(), nullable=False),
    ]
)

_KINDS: dict[str, Callable[[Work, Shelf], Iterator[Sample]]] = {
    "extraction": extraction.samples,
    "writing": writing.samples,
    "evidence": evidence.samples,
    "refusal": refusal.samples,
}


class CutPassages(Stage):
    """Cut every document into passages, so that repeated ones can be found before generation."""

    output: ClassVar[pa.Schema] = PASSAGES

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Return `id` (`document:start:end`) and `text` of every passage."""
        rows = [
            {"id": f"{doc.document_id}:{start}:{end}", "text": doc.text[start:end]}
            for doc in from_table(batch, Document)
            for start, end in passage_spans(doc)
        ]
        return pa.Table.from_pylist(rows, schema=PASSAGES)


class PickForPool(Stage):
    """Take a few passages of every document, as distractors for others of the same split."""

    output: ClassVar[pa.Schema] = POOL

    seed: int = 0
    each: int = 6
    """Passages per document."""

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Return the chosen passages, at most `each` per document."""
        rows = []
        for doc in from_table(batch, Document):
            long = [p for p in Shelf(doc).passages if 300 <= len(p.text) <= 2400]
            long.sort(key=lambda p: rank(self.seed, "pool", p.document_id, p.start))
            names = doc.key_values("company_name")
            entity = doc.meta("entity_name") or (names[0] if names else "")
            rows += [
                {
                    "split": doc.split,
                    "document_id": doc.document_id,
                    "group": doc.group,
                    "domain": doc.domain,
                    "entity": entity,
                    "start": passage.start,
                    "end": passage.end,
                    "heading": passage.heading,
                    "text": passage.text,
                }
                for passage in sorted(long[: self.each], key=lambda p: p.start)
            ]
        return pa.Table.from_pylist(rows, schema=POOL)


class ListAsked(Stage):
    """List what the evidence families that refusals start from ask of each document."""

    output: ClassVar[pa.Schema] = ASKED

    families: tuple[str, ...]
    """Ids of the families in use."""
    paths: tuple[str, ...] = ()
    """Folders of users' own families."""
    digest: str = ""
    """What the families said when the run began."""
    seed: int = 0

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Return one row per document and evidence family."""
        used, known = _families(self.paths, self.families, self.digest)
        bases = [known[name] for name in sorted({f.of for f in used if f.of})]
        rows = []
        for doc in from_table(batch, Document):
            shelf = Shelf(doc)
            chosen = (base for base in bases if base.applies_to(doc.kind, doc.domain))
            rows += [self._asked_of(shelf, base) for base in chosen]
        return pa.Table.from_pylist(rows, schema=ASKED)

    def _asked_of(self, shelf: Shelf, base: Family) -> dict[str, object]:
        doc = shelf.doc
        work = Work(family=base, base=base, seed=self.seed, locales=((doc.locale, 1.0),))
        found = cases(work, shelf)[: base.per_document]
        moved = [_direction(case) for case in found]
        return {
            "split": doc.split,
            "domain": doc.domain,
            "locale": doc.locale,
            "group": doc.group,
            "document_id": doc.document_id,
            "family": base.id,
            "entity": entity_name(doc) if found else "",
            "names": [case.facts[0].name for case in found],
            "periods": [case.facts[0].period for case in found if case.facts[0].period],
            "rose": moved.count(1),
            "fell": moved.count(-1),
        }


def _direction(case: Case) -> int:
    if len(case.facts) < 2:
        return 0
    new, old = case.facts[0].number or 0, case.facts[1].number or 0
    return (new > old) - (new < old)


def store(table: pa.Table, folder: Path, name: str) -> tuple[Path, str]:
    """Write a side table for `Generate` and return its path and digest."""
    digest = hashlib.sha256()
    for batch in table.to_batches():
        digest.update(repr(batch.to_pylist()).encode())
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{digest.hexdigest()[:16]}.parquet"
    aside = path.with_suffix(".tmp")
    pq.write_table(table, aside)
    aside.replace(path)
    return path, digest.hexdigest()


def generate(
    shelf: Shelf,
    families: Sequence[Family],
    known: dict[str, Family],
    *,
    seed: int = 0,
    locales: tuple[tuple[str, float], ...] = (("en", 1.0),),
    entities: tuple[str, ...] = (),
    peers: Mapping[str, Peers] | None = None,
) -> list[Sample]:
    """Return every sample that these families make of one document, sorted by id.

    `peers` is what else is asked about in the document's split, by evidence family.
    """
    doc = shelf.doc
    found: dict[str, Sample] = {}
    for family in families:
        base = known[family.of] if family.of else family
        if not family.applies_to(doc.kind, doc.domain) or not base.applies_to(doc.kind, doc.domain):
            continue
        work = Work(
            family=family,
            base=base,
            seed=seed,
            locales=locales,
            entities=entities,
            peers=(peers or {}).get(base.id, ALONE),
        )
        for sample in _KINDS[family.kind](work, shelf):
            found.setdefault(sample.sample_id, sample)
    return [found[key] for key in sorted(found)]


class Generate(Stage):
    """Make samples of documents with task families.

    A prompt carries passages of its own document and, for a share of them, of another document
    of the *same split*, from the pool: never of a held-out document.
    """

    output: ClassVar[pa.Schema] = SAMPLES

    families: tuple[str, ...]
    """Ids of the families to use."""
    paths: tuple[str, ...] = ()
    """Folders of users' own families."""
    digest: str = ""
    """What the families said when the run began (see `families.load.digest`)."""
    seed: int = 0
    locales: dict[str, dict[str, float]] = Field(
        default_factory=lambda: {"en": {"en": 0.65, "zh": 0.35}, "zh": {"zh": 1.0}}
    )
    """Document language → language of the prompt → share."""
    pool: Path | None = Field(default=None, exclude=True)
    """Parquet file (`POOL`) of passages for other documents of the same split."""
    pool_digest: str = ""
    asked: Path | None = Field(default=None, exclude=True)
    """Parquet file (`ASKED`) of what is asked about in every document."""
    asked_digest: str = ""
    dropped: Path | None = Field(default=None, exclude=True)
    """Parquet file with the `id`s of passages that the deduplication took out."""
    dropped_digest: str = ""
    folds: dict[str, int] = Field(default_factory=dict)
    """Group → fold of cross-validation: a prompt carries no passage of another fold either."""

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Return the samples of the batch's documents."""
        families, known = _families(self.paths, self.families, self.digest)
        pool, dropped = _pool(self.pool), _dropped(self.dropped)
        asked = _asked(self.asked)
        samples: list[Sample] = []
        for doc in from_table(batch, Document):
            others = [
                row
                for row in pool.get((doc.split, doc.domain), ())
                if row[0] != doc.group and self.folds.get(row[0]) == self.folds.get(doc.group)
            ]
            shelf = Shelf(
                doc,
                dropped=dropped.get(doc.document_id, frozenset()),
                foreign=[passage for _, _, passage in others],
            )
            samples += generate(
                shelf,
                families,
                known,
                seed=self.seed,
                locales=tuple(sorted(self.locales.get(doc.locale, {doc.locale: 1.0}).items())),
                entities=tuple(sorted({entity for _, entity, _ in others if entity})),
                peers=self._peers(doc, asked.get((doc.split, doc.domain), ())),
            )
        return to_table(samples, Sample)

    def _peers(self, doc: Document, rows: Sequence[AskedOf]) -> dict[str, Peers]:
        """Return what the document's own split, and fold, asks about."""
        fold = self.folds.get(doc.group)
        near = (row for row in rows if self.folds.get(row.group) == fold)
        return peers_of(near, group=doc.group, document_id=doc.document_id, locale=doc.locale)


def _families(
    paths: tuple[str, ...], names: tuple[str, ...], said: str
) -> tuple[list[Family], dict[str, Family]]:
    return _kept(paths, names, said) if said else _read(paths, names)


def _read(paths: tuple[str, ...], names: tuple[str, ...]) -> tuple[list[Family], dict[str, Family]]:
    known = load_families([Path(p) for p in paths])
    return [family_named(name, known) for name in names], known


@lru_cache(maxsize=2)
def _kept(
    paths: tuple[str, ...], names: tuple[str, ...], said: str
) -> tuple[list[Family], dict[str, Family]]:
    """Read the families once per process, and make sure that they still say the same."""
    families, known = _read(paths, names)
    if digest(names, known) != said:
        raise FamilyError("the families changed during the build; build again")
    return families, known


@cache
def _pool(path: Path | None) -> dict[tuple[str, str], list[tuple[str, str, PassageText]]]:
    found: dict[tuple[str, str], list[tuple[str, str, PassageText]]] = defaultdict(list)
    if path is None:
        return found
    for row in pq.read_table(path).to_pylist():
        passage = PassageText(
            document_id=row["document_id"],
            start=row["start"],
            end=row["end"],
            heading=row["heading"],
            text=row["text"],
        )
        found[(row["split"], row["domain"])].append((row["group"], row["entity"], passage))
    return found


@cache
def _asked(path: Path | None) -> dict[tuple[str, str], list[AskedOf]]:
    found: dict[tuple[str, str], list[AskedOf]] = defaultdict(list)
    for row in pq.read_table(path).to_pylist() if path is not None else ():
        lists = {name: tuple(row[name]) for name in ("names", "periods")}
        found[(row["split"], row["domain"])].append(AskedOf(**(row | lists)))
    return found


@cache
def _dropped(path: Path | None) -> dict[str, frozenset[tuple[int, int]]]:
    found: dict[str, set[tuple[int, int]]] = defaultdict(set)
    if path is not None:
        for name in pq.read_table(path, columns=["id"]).column("id").to_pylist():
            document, start, end = name.rsplit(":", 2)
            found[document].add((int(start), int(end)))
    return {document: frozenset(spans) for document, spans in found.items()}
