"""The rows that a run trains on: our ids and labels, drawn, packed, and counted afterwards."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sftdata.chance import rank
from sftdata.chat.template import ChatTemplate
from sftdata.chat.tokenizer import Tokenizer
from sftdata.errors import ConfigError, ContractError
from sftdata.packing import pack
from sftdata.trained_rows import TRAINED_ROWS, trained_rows
from sftdata.training.config import BatchConfig

__all__ = ["Rows", "make_rows", "require_same_rows"]

_IGNORED = -100
_COLLATED = 2048
"""Rows that are put through the trainer's collator when it is checked."""


@dataclass(frozen=True)
class Rows:
    """Samples of one split as tokens.

    Attributes:
        table: TRAINED_ROWS, sorted by sample id.
        dropped: samples that left because they are longer than the limit.
    """

    table: pa.Table
    dropped: int = 0

    @property
    def samples(self) -> int:
        """Number of samples."""
        return int(self.table.num_rows)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each sample."""
        counts = pc.list_value_length(self.table.column("input_ids"))
        return np.asarray(counts.to_numpy(zero_copy_only=False), dtype=np.int64)

    @property
    def tokens(self) -> int:
        """All tokens."""
        return int(self.lengths.sum())

    @property
    def labels(self) -> int:
        """Tokens that count in the loss."""
        flat = _flat(self.table.column("labels"))
        return int((flat != _IGNORED).sum())

    @property
    def digest(self) -> str:
        """SHA-256 over ids and labels of every row, whatever their order."""
        return _digest(_prints(_split(self.table, "input_ids"), _split(self.table, "labels")))

    def as_dataset(self, length: int | None) -> Any:
        """Return a `datasets.Dataset` for TRL; with a length, samples packed into such rows.

        A packed row has `seq_lengths`, from which TRL's collator makes position ids, so that
        samples in it never see each other.
        """
        from datasets import Dataset

        columns = ["input_ids", "labels"]
        if length is None:
            return Dataset(self.table.select(columns))
        packed, _ = pack(self.table, length)
        return Dataset(packed.select([*columns, "seq_lengths"]))


def make_rows(
    samples: pa.Table,
    template: ChatTemplate,
    tokenizer: Tokenizer,
    batch: BatchConfig,
    *,
    most: int | None = None,
    seed: int = 0,
) -> Rows:
    """Turn samples into rows: our masks, nothing cut.

    Args:
        samples: SAMPLES of one split.
        template: the chat template of the build.
        tokenizer: the model's.
        batch: the longest row, and what happens above it.
        most: keep so many, drawn by hash of seed and id; none: all.
        seed: for the draw.

    Raises:
        ConfigError: a sample is longer than `max_length`, or no sample is left.
    """
    if most is not None and most < samples.num_rows:
        ids = samples.column("sample_id").to_pylist()
        order = sorted(range(len(ids)), key=lambda i: rank(seed, "rows", ids[i]))
        samples = samples.take(sorted(order[:most]))
    batches = list(trained_rows(samples, template, tokenizer))
    table = pa.concat_tables([TRAINED_ROWS.empty_table(), *batches]).combine_chunks()
    rows = Rows(table)
    if batch.max_length is None:
        return rows
    fits = rows.lengths <= batch.max_length
    over = int((~fits).sum())
    if over and batch.over_length == "fail":
        raise ConfigError(
            f"batch.max_length: {over} of {rows.samples} samples are longer than "
            f"{batch.max_length} tokens (the longest has {int(rows.lengths.max())}); raise it, "
            "set batch.over_length to drop, or build with a lower template.max_length"
        )
    if over == rows.samples:
        raise ConfigError(f"batch.max_length: no sample has {batch.max_length} tokens or fewer")
    return Rows(table.filter(pa.array(fits)), dropped=over)


def require_same_rows(rows: Rows, dataset: Any, collate: Any) -> None:
    """Make sure that a trainer holds exactly our rows: none dropped, none cut, masks unchanged.

    Trainers filter and truncate without a count, so what they ended up with is compared: ids and
    labels of every sample, and the labels that come out of the collator.

    Args:
        rows: ours.
        dataset: the trainer's, packed or not.
        collate: the trainer's collator.

    Raises:
        ContractError: they differ.
    """
    table = dataset.data.table if hasattr(dataset.data, "table") else dataset.data
    missing = {"input_ids", "labels"} - set(table.column_names)
    if missing or dataset._indices is not None:
        raise ContractError("the trainer has changed the rows: other columns or another order")
    ids, labels = _split(table, "input_ids"), _split(table, "labels")
    if "seq_lengths" in table.column_names:
        cuts = table.column("seq_lengths").to_pylist()
        ids, labels = _unpacked(ids, cuts), _unpacked(labels, cuts)
    theirs = _prints(ids, labels)
    if len(theirs) != rows.samples or _digest(theirs) != rows.digest:
        raise ContractError(
            f"the trainer holds {len(theirs)} samples with "
            f"{sum(int((x != _IGNORED).sum()) for x in labels)} trained tokens, and not the "
            f"{rows.samples} with {rows.labels} that were made"
        )
    _require_collated(dataset, collate)


def _require_collated(dataset: Any, collate: Any) -> None:
    count = min(len(dataset), _COLLATED)
    ours, theirs = 0, 0
    for start in range(0, count, 8):
        examples = [dataset[i] for i in range(start, min(start + 8, count))]
        ours += sum(x != _IGNORED for e in examples for x in e["labels"])
        theirs += int((collate(examples)["labels"] != _IGNORED).sum())
    if ours != theirs:
        raise ContractError(f"the trainer's collator keeps {theirs} of {ours} trained tokens")


def _flat(column: pa.ChunkedArray) -> NDArray[np.int32]:
    values = pc.list_flatten(column)
    return np.asarray(values.to_numpy(zero_copy_only=False), dtype=np.int32)


def _split(table: pa.Table, name: str) -> list[NDArray[np.int32]]:
    column = table.column(name)
    lengths = pc.list_value_length(column).to_numpy(zero_copy_only=False)
    return np.split(_flat(column), np.cumsum(lengths)[:-1]) if table.num_rows else []


def _unpacked(
    rows: Sequence[NDArray[np.int32]], cuts: Sequence[Sequence[int]]
) -> list[NDArray[np.int32]]:
    found = []
    for row, lengths in zip(rows, cuts, strict=True):
        found += np.split(row, np.cumsum(lengths)[:-1])
    return found


def _prints(ids: Sequence[NDArray[np.int32]], labels: Sequence[NDArray[np.int32]]) -> list[bytes]:
    return [
        hashlib.blake2b(a.tobytes() + b"\0" + b.tobytes(), digest_size=16).digest()
        for a, b in zip(ids, labels, strict=True)
    ]


def _digest(prints: Sequence[bytes]) -> str:
    counted = sorted(Counter(prints).items())
    return hashlib.sha256(b"".join(p + str(n).encode() for p, n in counted)).hexdigest()
