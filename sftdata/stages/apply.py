"""Apply a decision: rows leave, or a column is filled, as the table of verdicts says."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import ClassVar, Literal, Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import Field

from sftdata.errors import ContractError
from sftdata.part import VERDICTS, Stage
from sftdata.types import DOCUMENTS, SAMPLES

__all__ = ["Apply", "ApplyToDocuments", "ApplyToSamples"]


class Apply(Stage):
    """Look every row's verdict up by its id.

    Without `fill`, rows whose verdict is `keep` stay and the others leave. With `fill`, every row
    stays and the verdict goes into that column: *link* fills `group`, *split* fills `split`.

    The verdicts lie in a Parquet file beside the parts, because they may be millions; their
    digest is part of the configuration, so a changed verdict is a changed step, and the same
    verdicts in another folder are not. Use `of` to make one. A row without a verdict is an error:
    a row that no decision has seen must not slip through.
    """

    id_column: ClassVar[str]

    verdicts: Path = Field(exclude=True)
    """Parquet file with `id` and `verdict`, sorted by `id`."""
    digest: str
    """SHA-256 of the ids and verdicts."""
    fill: Literal["group", "split"] | None = None
    """Column that takes the verdict; none: keep or drop the row."""

    @classmethod
    def of(
        cls, verdicts: pa.Table, folder: Path, *, fill: Literal["group", "split"] | None = None
    ) -> Self:
        """Store the verdicts in `folder` and return the stage that applies them.

        Raises:
            ContractError: an id has two verdicts.
        """
        table = verdicts.select(["id", "verdict"]).sort_by("id").combine_chunks()
        table = table.cast(pa.schema([VERDICTS.field("id"), VERDICTS.field("verdict")]))
        digest = _digest(table)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"verdicts-{digest[:16]}.parquet"
        aside = path.with_suffix(".tmp")
        pq.write_table(table, aside, write_page_checksum=True)
        aside.replace(path)
        return cls(verdicts=path, digest=digest, fill=fill)

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Return the rows that stay, with the column filled."""
        known = _load(self.verdicts, self.digest)
        ids = batch.column(self.id_column).combine_chunks()
        places = pc.index_in(ids, value_set=known.column("id").combine_chunks())
        if places.null_count:
            missing = ids.filter(pc.is_null(places))[0].as_py()
            raise ContractError(
                f"{self.id_column} {missing!r} has no verdict: the decision was made on other rows"
            )
        found = known.column("verdict").take(places)
        if self.fill is None:
            return batch.filter(pc.equal(found, "keep"))
        number = batch.schema.get_field_index(self.fill)
        return batch.set_column(number, batch.schema.field(number), found)


class ApplyToDocuments(Apply):
    """Apply a decision to documents."""

    output: ClassVar[pa.Schema] = DOCUMENTS
    id_column: ClassVar[str] = "document_id"


class ApplyToSamples(Apply):
    """Apply a decision to samples."""

    output: ClassVar[pa.Schema] = SAMPLES
    id_column: ClassVar[str] = "sample_id"


def _digest(table: pa.Table) -> str:
    """Hash ids and verdicts; ids must be sorted and without repetition."""
    digest = hashlib.sha256()
    previous = None
    for batch in table.to_batches(max_chunksize=65536):
        pairs = zip(batch.column(0).to_pylist(), batch.column(1).to_pylist(), strict=True)
        for row_id, verdict in pairs:
            if row_id == previous:
                raise ContractError(f"{row_id!r} has two verdicts; ids must be unique")
            previous = row_id
            for value in (row_id, verdict):
                data = value.encode()
                digest.update(len(data).to_bytes(4, "big") + data)
    return digest.hexdigest()


@lru_cache(maxsize=4)
def _load(path: Path, digest: str) -> pa.Table:
    """Read verdicts once per process, and make sure that they are those that were decided."""
    with pq.ParquetFile(path, page_checksum_verification=True) as file:
        table = file.read()
    if _digest(table) != digest:
        raise ContractError(f"{path.name} does not hold the verdicts that were decided; run again")
    return table
