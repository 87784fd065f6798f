"""Tell copied text from boilerplate: what many groups share is nobody's own.

Filings share legal paragraphs and notes share headings. Two texts that are alike only in such
shingles do not leak; two that are alike in shingles which few others have, do. The measure is the
document frequency of a shingle, counted in groups (companies, patients), not in rows, because one
group may have thousands of rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sftdata.similarity.lsh import Pairs, near_pairs
from sftdata.similarity.sets import Sets, blocks, intersections, shingle_sets, spread
from sftdata.similarity.shingles import Shingles

__all__ = ["Distinctive", "across", "common_from", "distinctive", "take"]

I64 = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Distinctive:
    """What is left of the likeness of pairs once common shingles are set aside."""

    similarity: NDArray[np.float64]
    """Jaccard similarity over the distinctive shingles alone; 0 where there are none."""
    shared: I64
    """Distinctive shingles that both sides have."""
    share: NDArray[np.float64]
    """Part of all shared shingles that is distinctive, 0 to 1."""


def take(shingles: Shingles, rows: I64) -> Shingles:
    """Return the shingles of some rows, in the order given.

    >>> import pyarrow as pa
    >>> from sftdata.similarity.shingles import shingle
    >>> take(shingle(pa.array(["a b", "c d", "e"])), np.array([2, 0])).words.tolist()
    [1, 2]
    """
    rows = np.asarray(rows, dtype=np.int64)
    sizes = shingles.offsets[rows + 1] - shingles.offsets[rows]
    offsets = np.zeros(len(rows) + 1, dtype=np.int64)
    np.cumsum(sizes, out=offsets[1:])
    hashes = shingles.hashes[spread(shingles.offsets[rows], sizes)]
    return Shingles(offsets, hashes, shingles.digests[rows], shingles.words[rows])


def across(shingles: Shingles, held: I64, train: I64, *, threshold: float) -> Pairs:
    """Return the similar pairs between two sets of texts, best first for each held-out text.

    `left` is the number of a held-out text, `right` of a train text.
    """
    found = near_pairs(take(shingles, held), threshold=threshold, against=take(shingles, train))
    order = np.lexsort((found.right, -found.similarity, found.left))
    return Pairs(held[found.left[order]], train[found.right[order]], found.similarity[order])


def common_from(groups: I64, *, least: int = 3, share: float = 0.02) -> tuple[I64, int]:
    """Return an owner per row, and from how many owners on a shingle is common property.

    Where rows have groups (codes ≥ 0), the owner is the group, and common is what `share` of the
    groups have, at least `least`; two groups alone can never tell boilerplate from a leak. Where
    none has, each row owns itself, and common is what 5 % of the rows have, at least 20.

    >>> common_from(np.array([0, 0, 1, 2]))[1], common_from(np.full(1000, -1))[1]
    (3, 50)
    """
    lone = groups < 0
    if lone.all():
        return np.arange(len(groups), dtype=np.int64), max(20, int(np.ceil(len(groups) * 0.05)))
    count = len(np.unique(groups[~lone]))
    owners = np.where(lone, groups.max() + 1 + np.arange(len(groups)), groups)
    return owners, max(least, int(np.ceil(count * share)))


def distinctive(
    shingles: Shingles, pairs: I64, *, texts: I64, owners: I64, limit: int
) -> Distinctive:
    """Return how alike pairs of texts are in shingles that fewer than `limit` owners have.

    Args:
        shingles: of every text, also of those in no pair: frequencies are counted over all.
        pairs: text numbers, shape `(m, 2)`.
        texts: a text number per entry: `texts[i]` belongs to `owners[i]`.
        owners: the group (company, patient) of each entry.
        limit: from how many owners on a shingle is common property.
    """
    rows = np.unique(pairs)
    sets = shingle_sets(shingles, rows)
    wanted = np.unique(sets.hashes)
    counts = _owners_of(shingles, wanted, texts, owners)
    own = _without(sets, wanted[counts >= limit])
    left, right = sets.places(pairs[:, 0]), sets.places(pairs[:, 1])
    shared = intersections(own, own, left, right)
    every = intersections(sets, sets, left, right)
    union = own.sizes[left] + own.sizes[right] - shared
    return Distinctive(
        similarity=shared / np.maximum(union, 1),
        shared=shared,
        share=shared / np.maximum(every, 1),
    )


def _owners_of(shingles: Shingles, wanted: NDArray[np.uint32], texts: I64, owners: I64) -> I64:
    """Count the distinct owners of each wanted shingle hash."""
    entries = np.unique(np.stack([owners, texts]), axis=1)
    _, owner = np.unique(entries[0], return_inverse=True)
    rows = entries[1]
    sizes = shingles.offsets[rows + 1] - shingles.offsets[rows]
    counts = np.zeros(len(wanted), dtype=np.int64)
    last = np.full(len(wanted), -1, dtype=np.int64)
    # Nearly no shingle is wanted: a table of their first 24 bits answers for most of them.
    table = np.zeros(1 << 24, dtype=np.bool_)
    table[wanted >> np.uint32(8)] = True
    for first, stop in blocks(sizes):
        span = slice(first, stop)
        hashes = shingles.hashes[spread(shingles.offsets[rows[span]], sizes[span])]
        near = np.flatnonzero(table[hashes >> np.uint32(8)])
        hashes = hashes[near]
        places = np.minimum(np.searchsorted(wanted, hashes), len(wanted) - 1)
        known = wanted[places] == hashes
        keys = (np.repeat(owner[span], sizes[span])[near[known]] << 32) | places[known]
        keys = np.unique(keys)
        who, place = keys >> 32, keys & 0xFFFFFFFF
        # Owners come in order, so only a block's first owner can have been counted before.
        fresh = last[place] != who
        counts += np.bincount(place[fresh], minlength=len(wanted))
        last[place] = who
    return counts


def _without(sets: Sets, common: NDArray[np.uint32]) -> Sets:
    keep = ~np.isin(sets.hashes, common)
    ends = np.concatenate([[0], np.cumsum(keep)])
    return Sets(sets.rows, ends[sets.offsets], sets.hashes[keep])
