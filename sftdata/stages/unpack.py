"""Rows of `Read` become documents with unique ids, and rejects."""

from __future__ import annotations

import hashlib
from typing import ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from sftdata.errors import ContractError
from sftdata.part import Part, Stage
from sftdata.types import DOCUMENTS, REJECTS

__all__ = ["IDENTITY", "Rename", "Unpack", "documents", "rejects", "renames", "unique_ids"]

IDENTITY = ["path", "document_ids"]
"""The columns of `Read.output` that `renames` needs."""


class Rename(Part):
    """A document whose id another file's document already has."""

    path: str
    old: str
    new: str


class Unpack(Stage):
    """Turn rows of `Read` into documents, with ids that are unique in the whole run.

    Byte-identical copies of a filing get the same id from the reader; `renames` finds them.
    """

    output: ClassVar[pa.Schema] = DOCUMENTS

    renames: tuple[Rename, ...] = ()

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Return the documents of all files of the batch, in order."""
        table = documents(batch)
        if not self.renames:
            return table
        new = {(r.path, r.old): r.new for r in self.renames}
        old = table.column("document_id").to_pylist()
        paths = _source_paths(table)
        ids = [new.get(pair, pair[1]) for pair in zip(paths, old, strict=True)]
        number = table.schema.get_field_index("document_id")
        return table.set_column(number, DOCUMENTS.field(number), pa.array(ids, pa.string()))


def documents(table: pa.Table) -> pa.Table:
    """Return the documents in a table of `Read`, as a table of `DOCUMENTS`."""
    return _flat(table, "documents", DOCUMENTS)


def rejects(table: pa.Table) -> pa.Table:
    """Return the rejects in a table of `Read`, as a table of `REJECTS`."""
    return _flat(table, "rejects", REJECTS)


def renames(identity: pa.Table) -> tuple[Rename, ...]:
    """Find the documents that need another id, from the columns `path` and `document_ids`.

    The document of the first path (sorted) keeps its id; later ones get `-` and 6 hex digits of
    the SHA-256 of their path (more if that is taken too), so the order of files does not matter.
    """
    pairs = sorted(
        (path, document_id)
        for path, ids in zip(
            identity.column("path").to_pylist(),
            identity.column("document_ids").to_pylist(),
            strict=True,
        )
        for document_id in ids
    )
    if len(set(pairs)) < len(pairs):
        raise ContractError("a file is listed twice; list each path once")
    taken = {document_id for _, document_id in pairs}
    first: set[str] = set()
    changes = []
    for path, old in pairs:
        if old not in first:
            first.add(old)
            continue
        digest = hashlib.sha256(path.encode()).hexdigest()
        new = next(n for n in (f"{old}-{digest[:k]}" for k in range(6, 65)) if n not in taken)
        taken.add(new)
        changes.append(Rename(path=path, old=old, new=new))
    return tuple(changes)


def unique_ids(table: pa.Table) -> pa.Table:
    """Return a table of `DOCUMENTS` in which every id occurs once (see `renames`).

    For tables that are in memory; in a run, `Unpack` does the same batch by batch.
    """
    paths, ids = _source_paths(table), table.column("document_id").to_pylist()
    identity = pa.table({"path": paths, "document_ids": [[i] for i in ids]})
    new = {(r.path, r.old): r.new for r in renames(identity)}
    changed = [new.get(pair, pair[1]) for pair in zip(paths, ids, strict=True)]
    number = table.schema.get_field_index("document_id")
    return table.set_column(number, DOCUMENTS.field(number), pa.array(changed, pa.string()))


def _flat(table: pa.Table, column: str, schema: pa.Schema) -> pa.Table:
    flat = table.column(column).combine_chunks().flatten()
    return pa.Table.from_arrays(flat.flatten(), schema=schema)


def _source_paths(table: pa.Table) -> list[str]:
    paths: list[str] = pc.struct_field(table.column("source"), "path").to_pylist()
    return paths
