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
    train: TextArray, test: TextArray, *, n: int = 8, mask_numbers: bool = False
) -> tuple[I64, I64]:
    """Return per test text how many of its n-gram positions occur in train, and how many it has.

    Compared by 64-bit hashes: with 32 bits, one in a hundred n-grams of an unrelated text would
    be found in fifty million. Texts shorter than `n` words have one position.
    """
    parts = [part.hashes for part in grams(train, words=n, mask_numbers=mask_numbers)]
    known = np.concatenate([np.empty(0, dtype=np.uint64), *parts])
    known.sort()
    seen, total = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.int64)]
    for part in grams(test, words=n, mask_numbers=mask_numbers):
        place = np.minimum(np.searchsorted(known, part.hashes), max(len(known) - 1, 0))
        hits = known[place] == part.hashes if len(known) else np.zeros(len(part.hashes), np.bool_)
        sums = np.zeros(len(hits) + 1, dtype=np.int64)
        np.cumsum(hits, out=sums[1:])
        seen.append(np.diff(sums[part.offsets]))
        total.append(np.diff(part.offsets))
    return np.concatenate(seen), np.concatenate(total)


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
