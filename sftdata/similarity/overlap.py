"""How much of one text stands in another: passages in contexts, held-out text in training text."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sftdata.similarity.lsh import Pairs
from sftdata.similarity.sets import Sets, blocks, intersections, shingle_sets, spread
from sftdata.similarity.shingles import grams, shingle
from sftdata.similarity.words import TextArray

__all__ = ["containment_pairs", "leakage_index", "seen_shares"]

HALF = np.uint64(32)
BLOCK = 1 << 21
I64 = NDArray[np.int64]
U64 = NDArray[np.uint64]


def containment_pairs(
    small: TextArray,
    large: TextArray,
    *,
    threshold: float,
    words: int = 5,
    mask_numbers: bool = False,
) -> Pairs:
    """Return the pairs for which `|S ∩ L| / |S| ≥ threshold`: `small` stands in `large`.

    Exact, and complete: of `m` shingles of the small text at least `⌈threshold · m⌉` must be in
    the large one, so any `m - ⌈threshold · m⌉ + 1` of them include a shared one. The rarest are
    looked up in an inverted index (prefix filter: Chaudhuri, Ganti, Kaushik, ICDE 2006).
    In the result `left` is a row of `small`, `right` one of `large`.

    >>> import pyarrow as pa
    >>> found = containment_pairs(
    ...     pa.array(["net sales rose by five percent"]),
    ...     pa.array(["no", "In 2024 net sales rose by five percent over 2023."]), threshold=0.9)
    >>> found.left.tolist(), found.right.tolist(), found.similarity.tolist()
    ([0], [1], [1.0])
    """
    if not 0 < threshold <= 1:
        raise ValueError(f"threshold must be in (0, 1], not {threshold}")
    inner = shingle_sets(shingle(small, words=words, mask_numbers=mask_numbers))
    outer = shingle_sets(shingle(large, words=words, mask_numbers=mask_numbers))
    pairs = _prefix_candidates(inner, outer, threshold)
    shared = intersections(inner, outer, pairs[:, 0], pairs[:, 1])
    share = shared / np.maximum(inner.sizes[pairs[:, 0]], 1)
    kept = share >= threshold
    return Pairs(pairs[kept, 0], pairs[kept, 1], share[kept])


def _prefix_candidates(inner: Sets, outer: Sets, threshold: float) -> I64:
    """Return the pairs that share one of the small text's rarest shingles, sorted."""
    keys = np.repeat(np.arange(len(outer.sizes), dtype=np.uint64), outer.sizes)
    keys |= outer.hashes.astype(np.uint64) << HALF
    keys.sort()
    index = (keys >> HALF).astype(np.uint32)
    begin = np.searchsorted(index, inner.hashes, side="left")
    frequency = np.searchsorted(index, inner.hashes, side="right") - begin
    chosen = _rarest(inner, frequency, threshold)
    owners = np.repeat(np.arange(len(inner.sizes), dtype=np.uint64), inner.sizes)[chosen]
    begin, frequency = begin[chosen], frequency[chosen]
    found = [np.empty(0, dtype=np.uint64)]
    for first, last in blocks(frequency, BLOCK):
        sizes = frequency[first:last]
        partners = keys[spread(begin[first:last], sizes)] & np.uint64(0xFFFFFFFF)
        found.append(np.unique((np.repeat(owners[first:last], sizes) << HALF) | partners))
    packed = np.unique(np.concatenate(found))
    return np.column_stack([packed >> HALF, packed & np.uint64(0xFFFFFFFF)]).astype(np.int64)


def _rarest(inner: Sets, frequency: I64, threshold: float) -> I64:
    """Return the positions of the `m - ⌈threshold · m⌉ + 1` rarest shingles of each set."""
    owner = np.repeat(np.arange(len(inner.sizes)), inner.sizes)
    order = np.lexsort((inner.hashes, frequency, owner))
    # The slack keeps a product such as 0.7 · 10 = 7.000000000000001 from being rounded up to 8.
    needed = np.ceil(threshold * inner.sizes - 1e-9).astype(np.int64)
    quota = np.where(inner.sizes > 0, inner.sizes - np.maximum(needed, 1) + 1, 0)
    return order[spread(inner.offsets[:-1], quota)]


def seen_shares(
    train: TextArray,
    test: TextArray,
    *,
    n: int = 8,
    mask_numbers: bool = False,
    owners: I64 | None = None,
    shared_by: int = 0,
) -> tuple[I64, I64]:
    """Return per test text how many of its n-gram positions occur in train, and how many it has.

    Compared by 64-bit hashes: with 32 bits, one in a hundred n-grams of an unrelated text would
    be found in fifty million. Texts shorter than `n` words have one position.

    With `owners`, a number per train text, an n-gram that stands in texts of `shared_by` owners or
    more is boilerplate: wherever it occurs, it is not counted at all.

    >>> import pyarrow as pa
    >>> train = pa.array(["a b c", "x b c", "y b c"])
    >>> found = seen_shares(train, pa.array(["a b c"]), n=2, owners=np.arange(3), shared_by=3)
    >>> [counts.tolist() for counts in found]
    [[1], [1]]
    """
    parts, holders, first = [np.empty(0, dtype=np.uint64)], [np.empty(0, dtype=np.int64)], 0
    for part in grams(train, words=n, mask_numbers=mask_numbers):
        parts.append(part.hashes)
        if owners is not None:
            sizes = np.diff(part.offsets)
            holders.append(np.repeat(owners[first : first + len(sizes)], sizes))
            first += len(sizes)
    known = np.concatenate(parts)
    common = np.empty(0, dtype=np.uint64)
    if owners is not None:
        common = _held_by(known, np.concatenate(holders), shared_by)
    known.sort()
    seen, total = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.int64)]
    for part in grams(test, words=n, mask_numbers=mask_numbers):
        counts = ~_among(part.hashes, common)
        hits = _among(part.hashes, known) & counts
        seen.append(_per_text(hits, part.offsets))
        total.append(_per_text(counts, part.offsets))
    return np.concatenate(seen), np.concatenate(total)


def _held_by(hashes: U64, owners: I64, least: int) -> U64:
    """Return the hashes that so many owners have, sorted."""
    order = np.lexsort((owners, hashes))
    hashes, owners = hashes[order], owners[order]
    fresh = np.append(True, (hashes[1:] != hashes[:-1]) | (owners[1:] != owners[:-1]))
    distinct, counts = np.unique(hashes[fresh[: len(hashes)]], return_counts=True)
    return np.asarray(distinct[counts >= least])


def _among(hashes: U64, known: U64) -> NDArray[np.bool_]:
    """Return which hashes are among the known ones, which are sorted."""
    if not len(known):
        return np.zeros(len(hashes), np.bool_)
    place = np.minimum(np.searchsorted(known, hashes), len(known) - 1)
    return np.asarray(known[place] == hashes)


def _per_text(marked: NDArray[np.bool_], offsets: I64) -> I64:
    sums = np.zeros(len(marked) + 1, dtype=np.int64)
    np.cumsum(marked, out=sums[1:])
    return np.diff(sums[offsets])


def leakage_index(
    train: TextArray, test: TextArray, *, n: int = 8, mask_numbers: bool = False
) -> float:
    """Return the share of the n-gram positions of all test texts that occur in train.

    0 means nothing is repeated, 1 that every run of `n` words of test stands in train. Masked
    numbers show repeated wording (last year's report); unmasked ones repeated content.

    >>> import pyarrow as pa
    >>> leakage_index(pa.array(["a b c d"]), pa.array(["a b c d e f"]), n=3)
    0.5
    """
    seen, total = seen_shares(train, test, n=n, mask_numbers=mask_numbers)
    return float(seen.sum() / total.sum()) if total.sum() else 0.0
