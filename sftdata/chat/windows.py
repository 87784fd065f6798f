r"""The few tokens around a place in a row, to be read in a message.

Three before and four from there on: enough to see the frame of a template, too few to tell a
document.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from sftdata.chat.tokenizer import Tokenizer

__all__ = ["first_difference", "text_window", "token_window"]

_BEFORE, _AFTER = 3, 4
_PIECE = 24


def first_difference(ours: Sequence[object], theirs: Sequence[object]) -> int | None:
    """Return the first index at which two sequences differ, or None.

    >>> first_difference([1, 2, 3], [1, 2]), first_difference("净利", "净利")
    (2, None)
    """
    pairs = enumerate(zip_longest(ours, theirs, fillvalue=None))
    return next((i for i, (a, b) in pairs if a != b), None)


def token_window(tokenizer: Tokenizer, ids: Sequence[int], at: int) -> str:
    r"""Show the tokens around one, that one in arrows: `8948 'system' ▸198 '\n'◂ …`."""
    first, last = max(0, at - _BEFORE), min(len(ids), at + _AFTER)
    shown = []
    for index in range(first, last):
        text = tokenizer.decode([ids[index]])
        text = text if len(text) <= _PIECE else text[:_PIECE] + "…"
        piece = f"{ids[index]} {text!r}"
        shown.append(f"▸{piece}◂" if index == at else piece)
    if at >= len(ids):
        shown.append("▸end◂")
    return ("… " if first else "") + " ".join(shown) + (" …" if last < len(ids) else "")


def text_window(text: str, at: int) -> str:
    r"""Show the characters around one, where there is no tokenizer.

    >>> text_window("<|im_start|>user\nRevenue?", 12)
    "…_start|> ▸'u'◂ 'ser\\nReve'…"
    """
    if at >= len(text):
        return f"…{text[-8:]} ▸end◂"
    before = ("…" if at > 8 else "") + text[max(0, at - 8) : at].lstrip("\n")
    rest = text[at + 1 : at + 9]
    return f"{before} ▸{text[at]!r}◂ {rest!r}" + ("…" if at + 9 < len(text) else "")
