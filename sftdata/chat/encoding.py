"""Texts to ids as fast as the tokenizer can: what comes again is cut once, and no core idles.

Rendered samples repeat themselves: a family's system message stands in each of its samples, and a
passage in each that asks about it. Where a tokenizer allows it (`Tokenizer.pieces`), texts are cut
at control tokens and empty lines and each piece is tokenised once; and while some batches are
tokenised the next one is rendered.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, pairwise
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from sftdata.chat.tokenizer import Tokenizer, all_cores, own_threads

__all__ = ["Encoded", "Encoder", "encoder_of"]

T = TypeVar("T")
Number = TypeVar("Number", bound=np.generic)
Ids = NDArray[np.int32]
Sizes = NDArray[np.int64]

REMEMBERED = 8_000_000
"""Characters of the pieces that an encoder keeps for later batches: 120 MB at the very most."""
LONGEST = 8192
"""Characters of the longest piece that it keeps."""
WORTHWHILE = 0.08
"""Share of the characters that must be spared for cutting at empty lines to pay."""


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
        self._room = REMEMBERED
        self._trial = _Trial()

    def encode(self, texts: Sequence[str]) -> list[Encoded]:
        """Return the tokens of each text, nothing added."""
        plan = self._plan(texts)
        with all_cores():
            return self._finish(plan, self._encoded(plan.missing))

    def stream(
        self, batches: Iterable[tuple[T, Sequence[str]]]
    ) -> Iterator[tuple[T, list[Encoded]]]:
        """Yield what belongs to each batch, with the tokens of its texts, in order.

        Each batch is tokenised in one thread; the next ones are drawn from `batches` (and so
        rendered) meanwhile, one more than there are threads.
        """
        waiting: deque[tuple[T, _Plan, Future[list[Encoded]]]] = deque()
        with own_threads() as count, ThreadPoolExecutor(count) as pool:
            for what, texts in batches:
                plan = self._plan(texts)
                waiting.append((what, plan, pool.submit(self._encoded, plan.missing)))
                if len(waiting) > count:
                    first, made, new = waiting.popleft()
                    yield first, self._finish(made, new.result())
            for first, made, new in waiting:
                yield first, self._finish(made, new.result())

    def _plan(self, texts: Sequence[str]) -> _Plan:
        cutting = self._trial.cutting
        plan = _Plan([self._tokenizer.pieces(text, cutting) for text in texts], self._known)
        self._trial.note(cutting, plan.spared)
        return plan

    def _encoded(self, pieces: Sequence[str]) -> list[Encoded]:
        return self._speller.encoded(pieces, self._tokenizer.encode_lists(pieces))

    def _finish(self, plan: _Plan, new: Sequence[Encoded]) -> list[Encoded]:
        found = {**plan.found, **dict(zip(plan.missing, new, strict=True))}
        if self._tokenizer.borders is not None:
            self._remember(found)
        return _joined([[found[piece] for piece in pieces] for pieces in plan.rows])

    def _remember(self, found: dict[str, Encoded]) -> None:
        """Keep the pieces of a batch; what was used last stays longest."""
        known = self._known
        for piece, encoded in found.items():
            kept = known.pop(piece, None)
            if kept is not None:
                # What is used again may stay for long, and a view keeps its whole batch.
                known[piece] = kept if kept.ids.base is None else _copied(kept)
            elif len(piece) <= LONGEST:
                known[piece] = encoded
                self._room -= len(piece)
        while self._room < 0:
            oldest = next(iter(known))
            del known[oldest]
            self._room += len(oldest)


class _Trial:
    """Whether to cut at empty lines: where nothing comes again, smaller pieces only cost.

    Eight batches show what that spares, and every thirty-second after them the other way.
    """

    def __init__(self) -> None:
        self._batches = 0
        self._spared = {True: 0.0, False: 0.0}

    @property
    def cutting(self) -> bool:
        """Whether the next batch is to be cut."""
        pays = self._spared[True] - self._spared[False] > WORTHWHILE
        return self._batches < 8 or pays != (self._batches % 32 == 8)

    def note(self, cutting: bool, spared: float) -> None:
        """Take down which share of a batch's characters was known already."""
        self._spared[cutting] = spared
        self._batches += 1


class _Plan:
    """The pieces of each text, and which of them are still to be tokenised."""

    def __init__(self, rows: list[list[str]], known: dict[str, Encoded]) -> None:
        self.rows = rows
        pieces = dict.fromkeys(chain.from_iterable(rows))
        self.found = {piece: known[piece] for piece in pieces if piece in known}
        self.missing = [piece for piece in pieces if piece not in self.found]

    @property
    def spared(self) -> float:
        """Share of the characters that need not be tokenised."""
        given = sum(map(len, chain.from_iterable(self.rows)))
        return 1 - sum(map(len, self.missing)) / max(given, 1)


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
        if good.all():
            wrong = self._wrong(flat, sizes, b"".join(raw))
        else:
            inside = np.flatnonzero(np.repeat(good, counts))
            data = b"".join([text for text, fits in zip(raw, good.tolist(), strict=True) if fits])
            wrong = inside[self._wrong(flat[inside], sizes[inside], data)]
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
