"""Clinical text as the readers keep it: canonical form, language, the row around a mention."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

__all__ = ["Mention", "canonical", "line_at", "locale_of"]

_CONTROL = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f\ud800-\udfff\ufeff\u200b\u00ad]")
_TRAILING = re.compile(r"[ ]+$", re.MULTILINE)
_SENTENCE_END = re.compile(r"(?<=[a-z)\]%\d][.!?])\s+(?=[A-Z(])|(?<=[。！？])")
_LONG_ROW = 240


@dataclass(frozen=True, slots=True)
class Mention:
    """A labelled span: field name, label, normalised value, and further detail by name."""

    name: str
    label: str
    value: str
    start: int
    end: int
    kind: str = "text"
    unit: str | None = None
    detail: tuple[tuple[str, str], ...] = ()


def canonical(text: str) -> str:
    r"""Return text as the readers keep it: NFC, plain spaces, no trailing blanks, one blank line.

    >>> canonical("A\u00a0b  \r\n\r\n\r\n c\t1")
    'A b\n\n c 1'
    """
    text = unicodedata.normalize("NFC", text).replace("\u00a0", " ").replace("\u3000", " ")
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n").replace("\t", " ")
    text = _TRAILING.sub("", _CONTROL.sub("", text))
    return re.sub(r"\n{3,}", "\n\n", text).strip("\n").rstrip()


def locale_of(text: str) -> str:
    """Return `zh` where at least a fifth of the letters are Chinese characters, else `en`.

    >>> locale_of("血压132/85mmHg，体温36.5℃"), locale_of("BP 132/85")
    ('zh', 'en')
    """
    sample = text[:20_000]
    letters = sum(c.isalpha() for c in sample)
    chinese = sum("\u4e00" <= c <= "\u9fff" for c in sample)
    return "zh" if chinese and chinese * 5 >= letters else "en"


def line_at(text: str, start: int, end: int) -> tuple[int, int]:
    r"""Return the row a person would quote: the line, or in a long line the sentence.

    >>> line_at("a\nBP 120/80\nb", 5, 8)
    (2, 11)
    """
    low = text.rfind("\n", 0, start) + 1
    high = text.find("\n", end)
    high = len(text) if high < 0 else high
    if high - low <= _LONG_ROW:
        return low, high
    for border in _SENTENCE_END.finditer(text, low, high):
        if border.end() <= start:
            low = border.end()
        elif border.start() >= end:
            return low, border.start()
    return low, high
