"""Tokens of rendered samples, and the exact mask of what is trained.

The mask is laid over bytes, not over the offsets that tokenizers report: those lose white space
(`trim_offsets`) and overlap inside a Chinese character. Each id stands for known bytes; joined
they are the text, which is checked for every row, and a token is trained when it holds a byte of
a trained turn. Only where a tokenizer rewrites text (normalisation) are its offsets used.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sftdata.chat.encoding import Encoded, encoder_of
from sftdata.chat.tokenizer import Tokenizer
from sftdata.chat.turns import Rendered
from sftdata.text import estimate_tokens

__all__ = [
    "IGNORED",
    "TokenRow",
    "Tokenised",
    "count_tokens",
    "estimate_lengths",
    "tokenise",
    "tokenise_stream",
]

IGNORED = -100
"""The label that PyTorch's cross entropy leaves out (`ignore_index`)."""


@dataclass(frozen=True, slots=True)
class TokenRow:
    """One sample as tokens.

    Attributes:
        ids: int32, the whole row, nothing cut.
        mask: bool, same length: trained or not.
        exact: the trained tokens are exactly the trained text. False: a token at the border also
            holds a character of the frame (it is trained), or offsets had to be guessed.
        bytes_known: the mask was laid over the tokens' own bytes.
        ends: int64, where each token ends: in bytes of the text's UTF-8 where bytes are known, else
            in characters.
    """

    ids: NDArray[np.int32]
    mask: NDArray[np.bool_]
    exact: bool
    bytes_known: bool
    ends: NDArray[np.int64]

    def tokens_until(self, text: str, end: int) -> int:
        """Return how many tokens hold the first `end` characters of the row's text."""
        place = len(text[:end].encode()) if self.bytes_known else end
        return int(self.ends.searchsorted(place)) + 1 if end else 0

    @property
    def labels(self) -> NDArray[np.int32]:
        """The ids where trained, -100 elsewhere: what trainers take as `labels`."""
        return np.where(self.mask, self.ids, np.int32(IGNORED)).astype(np.int32)

    @property
    def prompt_tokens(self) -> int:
        """Tokens before the first trained one; the whole row where nothing is trained."""
        return int(np.argmax(self.mask)) if self.mask.any() else len(self.ids)

    @property
    def completion_tokens(self) -> int:
        """Tokens from the first trained one to the end of the row."""
        return len(self.ids) - self.prompt_tokens


@dataclass(frozen=True, slots=True)
class Tokenised:
    """Rows of tokens, in the order of the samples."""

    rows: tuple[TokenRow, ...]

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each row."""
        return np.fromiter((len(r.ids) for r in self.rows), np.int64, count=len(self.rows))


def tokenise(tokenizer: Tokenizer, rendered: Sequence[Rendered]) -> Tokenised:
    """Cut rendered samples into tokens and lay the mask over them.

    Nothing is added (the text has its own BOS) and nothing is cut.
    """
    encoded = encoder_of(tokenizer).encode([r.text for r in rendered])
    return Tokenised(tuple(_row(tokenizer, r, e) for r, e in zip(rendered, encoded, strict=True)))


def tokenise_stream(
    tokenizer: Tokenizer, batches: Iterable[Sequence[Rendered]]
) -> Iterator[Tokenised]:
    """Yield what `tokenise` returns for each batch, in order; renders ahead where `batches` does.

    Why: tokenising leaves Python's lock free. A generator of rendered batches makes the next one
    while the tokenizer is at work on the last.
    """
    pairs = ((batch, [r.text for r in batch]) for batch in batches)
    for batch, encoded in encoder_of(tokenizer).stream(pairs):
        yield Tokenised(tuple(_row(tokenizer, r, e) for r, e in zip(batch, encoded, strict=True)))


def _row(tokenizer: Tokenizer, rendered: Rendered, encoded: Encoded) -> TokenRow:
    ids, sizes = encoded.ids, encoded.sizes
    if sizes is not None:
        ends = sizes.cumsum()
        starts = ends - sizes
        total = int(ends[-1]) if len(ends) else 0
        spans = _byte_spans(rendered, total == len(rendered.text))
    else:
        starts, ends = _reported(tokenizer, rendered.text)
        spans = [(t.start, t.end) for t in rendered.turns]
    mask = np.zeros(len(ids), dtype=np.bool_)
    exact = True
    for start, end in spans:
        if start == end:
            continue
        # Tokens lie in order, so those that hold a byte of [start, end) are one run.
        first = int(ends.searchsorted(start, side="right"))
        last = int(starts.searchsorted(end, side="left"))
        mask[first:last] = True
        exact &= first < last and int(starts[first]) == start and int(ends[last - 1]) == end
    return TokenRow(ids, mask, exact, sizes is not None, ends)


def _byte_spans(rendered: Rendered, ascii_only: bool) -> list[tuple[int, int]]:
    if ascii_only:
        return [(t.start, t.end) for t in rendered.turns]
    spans, at, done = [], 0, 0
    for turn in rendered.turns:
        start = at + len(rendered.text[done : turn.start].encode())
        at = start + len(rendered.text[turn.start : turn.end].encode())
        done = turn.end
        spans.append((start, at))
    return spans


def _reported(tokenizer: Tokenizer, text: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return character starts and ends without gaps: lost white space goes to the next token."""
    pairs = np.asarray(tokenizer.offsets(text), dtype=np.int64).reshape(-1, 2)
    ends = np.maximum.accumulate(pairs[:, 1])
    starts = np.minimum(pairs[:, 0], np.concatenate([[0], ends[:-1]]))
    return np.maximum.accumulate(starts), ends


def count_tokens(tokenizer: Tokenizer | None, texts: Sequence[str]) -> NDArray[np.int64]:
    """Return tokens per text, nothing added; estimated where there is no tokenizer.

    >>> count_tokens(None, ["", "营业收入"]).tolist()[0]
    0
    """
    if tokenizer is not None:
        return tokenizer.count(texts)
    return np.fromiter((estimate_tokens(t) for t in texts), np.int64, count=len(texts))


def estimate_lengths(rendered: Rendered) -> tuple[int, int]:
    """Return estimated tokens before the trained part, and from there to the end."""
    border = rendered.turns[0].start
    return estimate_tokens(rendered.text[:border]), estimate_tokens(rendered.text[border:])
