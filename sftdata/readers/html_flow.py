"""Text with marks: the tokens a page is made of, and the writer that turns them into offsets.

A page is a stream of tokens: strings (raw text), even and odd numbers (a tagged element opens and
closes) and `BREAK` (a line break). Only the writer knows positions, so cells may be merged, blocks
moved and furniture dropped before any offset exists, and no offset ever has to be corrected.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

__all__ = ["BREAK", "Token", "Writer", "clean", "closing", "marks_of", "opening", "plain"]

Token = str | int

BREAK = -1
_DROPPED = dict.fromkeys(map(ord, "\u00ad\u200b\u200c\u200d\u2060\ufeff"))


def opening(mark: int) -> int:
    """Return the token that opens a mark."""
    return 2 * mark


def closing(mark: int) -> int:
    """Return the token that closes a mark."""
    return 2 * mark + 1


def clean(text: str) -> str:
    r"""Return text in NFC without invisible characters; white space is left as it stands.

    >>> clean("cafe\u0301\u200b")
    'café'
    """
    if text.isascii():
        return text
    return unicodedata.normalize("NFC", text.translate(_DROPPED))


def plain(tokens: Iterable[Token]) -> str:
    """Return the words of a token stream on one line.

    >>> plain(["a ", 0, "b", 1, BREAK, "c"])
    'a b c'
    """
    return " ".join(
        "".join(" " if t == BREAK else t if isinstance(t, str) else "" for t in tokens).split()
    )


def marks_of(tokens: Iterable[Token]) -> list[Token]:
    """Return only the marks of a token stream, so that text can go and marks stay."""
    return [t for t in tokens if isinstance(t, int) and t != BREAK]


class Writer:
    """Writes tokens as canonical text and learns where each mark begins and ends.

    White space collapses to one space, and is written only when a visible character follows: so a
    mark begins at its first visible character and ends after its last.

    >>> w = Writer()
    >>> w.write(["Net  sales: $", opening(0), " 94,036 ", closing(0), "."])
    >>> w.text()[w.starts[0]:w.ends[0]]
    '94,036'
    """

    def __init__(self) -> None:
        self.length = 0
        self.starts: dict[int, int] = {}
        self.ends: dict[int, int] = {}
        self._parts: list[str] = []
        self._gap = 0
        self._space = False
        self._waiting: list[int] = []

    def text(self) -> str:
        """Return what has been written."""
        return "".join(self._parts)

    def gap(self, lines: int) -> None:
        """Ask for at least this many line ends before the next visible character."""
        self._gap = max(self._gap, lines)

    def space(self) -> None:
        """Ask for a space before the next visible character."""
        self._space = True

    def write(self, tokens: Iterable[Token], *, breaks: bool = True) -> None:
        """Write tokens; with `breaks=False` (in a table cell) line breaks become spaces."""
        for token in tokens:
            if isinstance(token, str):
                self._words(token)
            elif token == BREAK:
                if breaks:
                    self._gap += 1 if self._gap < 2 else 0
                else:
                    self._space = True
            elif token & 1:
                self._close(token >> 1)
            else:
                self._waiting.append(token >> 1)

    def literal(self, text: str) -> None:
        """Write text exactly as it is (table borders)."""
        self._flush()
        self._emit(text)

    def _close(self, mark: int) -> None:
        if mark in self._waiting:
            self._waiting.remove(mark)
        elif mark in self.starts:
            self.ends[mark] = self.length

    def _words(self, raw: str) -> None:
        words = raw.split()
        if not words:
            self._space = self._space or bool(raw)
            return
        if raw[0].isspace():
            self._space = True
        composed = self._composed(words[0])
        if composed is not None:
            words[0] = composed
        else:
            self._flush()
        self._emit(" ".join(words))
        self._space = raw[-1].isspace()

    def _flush(self) -> None:
        """Write the white space that is owed, then let waiting marks begin."""
        if self._gap and self.length:
            self._emit("\n" * min(self._gap, 2))
        elif self._space and self.length:
            self._emit(" ")
        self._gap = 0
        self._space = False
        for mark in self._waiting:
            self.starts[mark] = self.length
        self._waiting.clear()

    def _composed(self, word: str) -> str | None:
        """Fold a combining mark that opens a run into the character before it, to stay NFC."""
        if word[0] < "\u0300" or not self._parts or self._space or self._gap:
            return None
        last = self._parts[-1]
        pair = last[-1] + word[0]
        joined = unicodedata.normalize("NFC", pair)
        if joined == pair or len(joined) != 1:
            return None
        self._parts[-1] = last[:-1] + joined
        return word[1:]

    def _emit(self, text: str) -> None:
        if text:
            self._parts.append(text)
            self.length += len(text)
