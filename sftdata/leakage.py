"""How much of each held-out split stands in train, as it is split and as it could have been."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sftdata.chance import rank
from sftdata.dataset import AuditData
from sftdata.report import Leakage
from sftdata.similarity.shingles import grams

__all__ = ["THRESHOLDS", "leakages"]

THRESHOLDS = tuple(round(t / 20, 2) for t in range(1, 21))
"""Where the curve is read: share of a sample's runs from which it counts as known."""

WORDS = 8
MOST = 24_000_000
"""Runs that are compared at once; of more, those are taken whose hash is divisible."""
I64 = NDArray[np.int64]
F64 = NDArray[np.float64]


@dataclass(frozen=True)
class Runs:
    """Runs of eight words, sorted by their hash: `places[first[k]:first[k + 1]]` are equal.

    Why sorted once: each way of splitting the rows then takes one pass of sums, not a new set.
    """

    first: I64
    rows: NDArray[np.int32]
    sampled: float
    """Part of all runs that is compared; 1 is all of them."""

    def known(self, train: NDArray[np.bool_], held: NDArray[np.bool_]) -> tuple[I64, I64]:
        """Return per row how many of its runs stand in train, and how many it has.

        Rows that are not held out have zeros.
        """
        taught = np.add.reduceat(train[self.rows], self.first[:-1], dtype=np.int64) > 0
        asked = held[self.rows]
        seen = np.repeat(taught, np.diff(self.first)) & asked
        size = len(held)
        return (
            np.bincount(self.rows[seen], minlength=size),
            np.bincount(self.rows[asked], minlength=size),
        )


def leakages(data: AuditData, seed: int) -> tuple[Leakage, ...]:
    """Return the leakage of train into each held-out split, beside three other ways to split.

    The other ways keep the sizes: rows at random, documents at random, groups at random. They
    show, for these very rows, what splitting by company or patient is worth.
    """
    if len(data.splits) < 2 or not data.has("prompt"):
        return ()
    used = np.isin(data.split_of, data.splits)
    runs = _runs(data.text, used)
    if runs is None:
        return ()
    train = data.split_of == data.train
    keys = _keys(data)
    out = []
    for held in data.splits[1:]:
        mine = data.split_of == held
        index, curve = _measure(runs, train, mine)
        both = np.flatnonzero(train | mine)
        others = {
            name: _by(runs, both, [values[r] for r in both.tolist()], int(mine.sum()), seed)
            for name, values in keys.items()
        }
        out.append(
            Leakage(
                train=data.train,
                held_out=held,
                index=round(index, 4),
                by_row=_index_of(others.get("row")),
                by_document=_index_of(others.get("document")),
                by_group=_index_of(others.get("group")),
                thresholds=THRESHOLDS,
                curve=curve,
                curves={name: found[1] for name, found in others.items() if found is not None},
                compared=round(runs.sampled, 4),
            )
        )
    return tuple(out)


def _index_of(found: tuple[float, tuple[float, ...]] | None) -> float | None:
    return None if found is None else round(found[0], 4)


def _keys(data: AuditData) -> dict[str, Sequence[str]]:
    """Return the names by which rows could be shuffled: alone, by document, by group."""
    keys: dict[str, Sequence[str]] = {"row": data.ids}
    if data.has("document_ids"):
        lists = data.array("document_ids").to_pylist()
        keys["document"] = [(names or [""])[0] or "" for names in lists]
    if (data.group_codes >= 0).any():
        keys["group"] = [
            f"g{code}" if code >= 0 else f"r{row}"
            for row, code in enumerate(data.group_codes.tolist())
        ]
    return keys


def _by(
    runs: Runs, both: I64, keys: Sequence[str], size: int, seed: int
) -> tuple[float, tuple[float, ...]] | None:
    """Measure a split of these rows by shuffled keys, with about `size` rows held out."""
    order = np.argsort([rank(seed, k) for k in keys], kind="stable")
    named = np.array(keys, dtype=object)[order]
    starts = np.flatnonzero(np.append(True, named[1:] != named[:-1]))
    if len(starts) < 2:
        return None
    end = starts[min(max(int(np.searchsorted(starts, size)), 1), len(starts) - 1)]
    rows = int(runs.rows.max()) + 1 if len(runs.rows) else 0
    held, train = (np.zeros(max(rows, int(both.max()) + 1), dtype=np.bool_) for _ in range(2))
    held[both[order[:end]]] = True
    train[both[order[end:]]] = True
    return _measure(runs, train, held)


def _measure(
    runs: Runs, train: NDArray[np.bool_], held: NDArray[np.bool_]
) -> tuple[float, tuple[float, ...]]:
    """Return the share of held-out runs that stand in train, and the share of samples by threshold.

    A row without any run (no text, or none that was drawn) takes no part.
    """
    seen, total = runs.known(train, held)
    index = float(seen.sum() / total.sum()) if total.sum() else 0.0
    some = total > 0
    share = seen[some] / total[some]
    curve = tuple(
        round(float((share >= t - 1e-9).mean()), 4) if len(share) else 0.0 for t in THRESHOLDS
    )
    return index, curve


def _runs(texts: pa.Array, used: NDArray[np.bool_]) -> Runs | None:
    """Hash every run of eight words once, and sort.

    Hash and row share one 64-bit number: sorting numbers is what numpy does fastest. Of the hash
    40 bits stay at most 16 million rows: two different runs meet by chance once in 10^4 or less.
    """
    bits = max(int(len(texts) - 1).bit_length(), 1)
    if bits > 30:
        raise ValueError("more than a thousand million rows cannot be compared at once")
    size = int(pc.sum(pc.binary_length(texts)).as_py() or 0)
    part = max(1, int(np.ceil(size / 5 / MOST)))
    keys, before, total, kept = [np.empty(0, dtype=np.uint64)], 0, 0, 0
    high = np.uint64(bits)
    for found in grams(texts, words=WORDS, mask_numbers=True):
        sizes = np.diff(found.offsets)
        rows = np.repeat(np.arange(len(sizes), dtype=np.uint64) + np.uint64(before), sizes)
        chosen = used[rows.astype(np.int64)]
        total += int(chosen.sum())
        if part > 1:
            chosen &= (found.hashes % np.uint64(part)) == 0
        keys.append(((found.hashes[chosen] >> high) << high) | rows[chosen])
        kept += len(keys[-1])
        before += len(sizes)
    every = np.concatenate(keys)
    del keys
    if not len(every):
        return None
    every.sort()
    hashes = every >> high
    first = np.flatnonzero(np.append(True, hashes[1:] != hashes[:-1]))
    first = np.append(first, len(every)).astype(np.int64)
    rows32 = (every & np.uint64((1 << bits) - 1)).astype(np.int32)
    return Runs(first, rows32, kept / max(total, 1))
