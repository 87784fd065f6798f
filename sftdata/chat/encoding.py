"""Texts to ids as fast as the tokenizer can: what comes again is cut once, and no core idles.

Rendered samples repeat themselves: a family's system message stands in each of its samples. Where
a tokenizer allows it (`Tokenizer.borders`), texts are cut at control tokens and each piece is
tokenised once; and while one batch is tokenised the next one is rendered.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, pairwise
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from sftdata.chat.tokenizer import Tokenizer, all_cores

__all__ = ["Encoded", "Encoder", "encoder_of"]

T = TypeVar("T")
Number = TypeVar("Number", bound=np.generic)
Ids = NDArray[np.int32]
Sizes = NDArray[np.int64]

REMEMBERED = 2048
"""Pieces that an encoder keeps for later batches, of those that came twice."""
LONGEST = 8192
"""Characters of the longest piece that it keeps: with the number above, 200 MB at the very most."""
AHEAD = 2
"""Batches under way: while one waits for Python's lock, the other keeps the cores busy."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """A text as tokens.

    Attributes:
        ids: int32.
        sizes: int64, the bytes of the text that each id stands for; None where the tokenizer
            rewrites text, so that its tokens are not known to be the text's bytes.
    """

    ids: Ids
    sizes: Sizes | None


class Encoder:
    """A tokenizer with a memory for pieces. The ids are those of `Tokenizer.encode`, always."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._speller = _Speller(tokenizer.spelling)
        self._known: dict[str, Encoded] = {}
        self._seen: set[int] = set()

    def encode(self, texts: Sequence[str]) -> list[Encoded]:
        """Return the tokens of each text, nothing added."""
        plan = _Plan(texts, self._tokenizer.borders, self._known)
        with all_cores():
            return self._finish(plan, self._tokenizer.encode_lists(plan.missing))

    def stream(
        self, batches: Iterable[tuple[T, Sequence[str]]]
    ) -> Iterator[tuple[T, list[Encoded]]]:
        """Yield what belongs to each batch, with the tokens of its texts, in order.

        The next batch is drawn from `batches` (and so rendered) while the last ones are tokenised.
        """
        waiting: deque[tuple[T, _Plan, Future[list[list[int]]]]] = deque()
        with all_cores(), ThreadPoolExecutor(AHEAD) as pool:
            for what, texts in batches:
                plan = _Plan(texts, self._tokenizer.borders, self._known)
                future = pool.submit(self._tokenizer.encode_lists, plan.missing)
                waiting.append((what, plan, future))
                if len(waiting) > AHEAD:
                    first, made, ids = waiting.popleft()
                    yield first, self._finish(made, ids.result())
            for first, made, ids in waiting:
                yield first, self._finish(made, ids.result())

    def _finish(self, plan: _Plan, ids: Sequence[Sequence[int]]) -> list[Encoded]:
        new = self._speller.encoded(plan.missing, ids)
        found = {**plan.found, **dict(zip(plan.missing, new, strict=True))}
        if self._tokenizer.borders is not None:
            self._remember(plan, found)
        return _joined([[found[piece] for piece in pieces] for pieces in plan.rows])

    def _remember(self, plan: _Plan, found: dict[str, Encoded]) -> None:
        """Keep what came twice, in one batch or in two; what was used last stays longest."""
        for piece, times in plan.times.items():
            again = times > 1 or piece in self._known or hash(piece) in self._seen
            if again and len(piece) <= LONGEST:
                kept = self._known.pop(piece, None) or _copied(found[piece])
                self._known[piece] = kept
        self._seen = {hash(piece) for piece in plan.times} | (
            self._seen if len(self._seen) < 64 * REMEMBERED else set()
        )
        for piece in list(self._known)[: max(0, len(self._known) - REMEMBERED)]:
            del self._known[piece]


class _Plan:
    """The pieces of each text, and which of them are still to be tokenised."""

    def __init__(
        self, texts: Sequence[str], borders: re.Pattern[str] | None, known: dict[str, Encoded]
    ) -> None:
        if borders is None:
            self.rows = [[text] for text in texts]
        else:
            self.rows = [[piece for piece in borders.split(text) if piece] for text in texts]
        self.times: dict[str, int] = {}
        for piece in chain.from_iterable(self.rows):
            self.times[piece] = self.times.get(piece, 0) + 1
        self.found = {piece: known[piece] for piece in self.times if piece in known}
        self.missing = [piece for piece in self.times if piece not in self.found]


class _Speller:
    """Compares ids with the bytes of their texts, for a whole batch at once.

    A token's first 16 bytes are two numbers; few are longer.
    """

    def __init__(self, table: Sequence[bytes]) -> None:
        self._table = table
        self._sizes = np.fromiter(map(len, table), np.int64, count=len(table))
        heads = b"".join([spelled[:16].ljust(16, b"\0") for spelled in table])
        self._words = np.frombuffer(heads, "<u8").reshape(-1, 2).T.copy()

    def encoded(self, pieces: Sequence[str], ids: Sequence[Sequence[int]]) -> list[Encoded]:
        """Return each piece's tokens, with sizes where these spell the piece."""
        counts = np.fromiter(map(len, ids), np.int64, count=len(ids))
        bounds = np.concatenate([[0], counts.cumsum()])
        flat = np.fromiter(chain.from_iterable(ids), np.int32, count=int(bounds[-1]))
        if not self._table:
            return [Encoded(part, None) for part in _cut(flat, bounds)]
        sizes = self._sizes[flat]
        raw = [piece.encode() for piece in pieces]
        ends = np.concatenate([[0], sizes.cumsum()])
        good = np.diff(ends[bounds]) == np.fromiter(map(len, raw), np.int64, count=len(raw))
        inside = np.repeat(good, counts)
        data = b"".join([text for text, fits in zip(raw, good.tolist(), strict=True) if fits])
        wrong = np.flatnonzero(inside)[self._wrong(flat[inside], sizes[inside], data)]
        good[bounds.searchsorted(wrong, side="right") - 1] = False
        pairs = zip(_cut(flat, bounds), _cut(sizes, bounds), good.tolist(), strict=True)
        return [Encoded(part, size if fits else None) for part, size, fits in pairs]

    def _wrong(self, ids: Ids, sizes: Sizes, data: bytes) -> NDArray[np.int64]:
        """Return the places of ids whose bytes are not those that stand in `data`."""
        padded = data + bytes(16)
        view: NDArray[np.uint64] = np.ndarray((len(data) + 9,), "<u8", padded, 0, (1,))
        starts = sizes.cumsum() - sizes
        wrong = view[starts] & _KEEP[np.minimum(sizes, 8)] != self._words[0][ids]
        long = np.flatnonzero(sizes > 8)
        rest = np.minimum(sizes[long] - 8, 8)
        wrong[long] |= view[starts[long] + 8] & _KEEP[rest] != self._words[1][ids[long]]
        for place in np.flatnonzero(sizes > 16).tolist():
            start = int(starts[place])
            spelled = self._table[ids[place]]
            wrong[place] |= data[start : start + len(spelled)] != spelled
        return np.flatnonzero(wrong)


_KEEP = np.array([(1 << 8 * kept) - 1 for kept in range(9)], dtype=np.uint64)
"""Masks that keep the first bytes of eight."""


def _cut(flat: NDArray[Number], bounds: Sizes) -> list[NDArray[Number]]:
    edges = bounds.tolist()
    return [flat[start:end] for start, end in pairwise(edges)]


def _copied(encoded: Encoded) -> Encoded:
    """Return the same in memory of its own: a view would keep its whole batch alive."""
    return Encoded(encoded.ids.copy(), None if encoded.sizes is None else encoded.sizes.copy())


def _joined(rows: Sequence[Sequence[Encoded]]) -> list[Encoded]:
    """Return one `Encoded` per row, made of its pieces."""
    pieces = list(chain.from_iterable(rows))
    if not pieces:
        return [Encoded(np.zeros(0, np.int32), np.zeros(0, np.int64)) for _ in rows]
    ids = np.concatenate([piece.ids for piece in pieces])
    sizes = np.concatenate(
        [np.zeros(len(p.ids), np.int64) if p.sizes is None else p.sizes for p in pieces]
    )
    per_row = [sum([len(piece.ids) for piece in row]) for row in rows]
    bounds = np.concatenate([[0], np.cumsum(per_row)]).astype(np.int64)
    known = [all(piece.sizes is not None for piece in row) for row in rows]
    parts = zip(_cut(ids, bounds), _cut(sizes, bounds), known, strict=True)
    return [Encoded(part, size if fits else None) for part, size, fits in parts]


@lru_cache(maxsize=4)
def encoder_of(tokenizer: Tokenizer) -> Encoder:
    """Return the one encoder of a tokenizer, so that what it remembers serves later batches."""
    return Encoder(tokenizer)
