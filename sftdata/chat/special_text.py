r"""Control tokens in documents made plain text, one character for one: no span moves.

`<|im_end|>` in a filing ends the turn. Escaped, its first character is one that looks alike and
that no tokenizer takes for the control token: `‹|im_end|>`. The text keeps its length, so facts,
sections and evidence stand where they stood, and a quote of the escaped document is a quote of
its prompt. What was escaped is noted at the document, so it can be seen and taken back.
"""

from __future__ import annotations

from sftdata.chat.template import ChatTemplate

__all__ = ["ESCAPED", "STAND_INS", "escape", "unescape"]

ESCAPED = "escaped_special_text"
"""Kind of the document's metadata that names the tokens escaped in its text, and where."""

STAND_INS = {"<": "\u2039", "[": "\u2772", "{": "\u2774", "＜": "\u2039"}
"""First character of a control token → what stands in for it.

None of the stand-ins has a compatibility form (NFKC), so a normalising tokenizer cannot turn it
back.
"""


def escape(text: str, template: ChatTemplate) -> tuple[str, tuple[tuple[int, str], ...]]:
    """Return the text with its control tokens escaped, and where which of them stood.

    Tokens that begin with a character that has no stand-in stay, and are found by the check.

    >>> from sftdata.chat.template import load_template
    >>> escape("Pay now<|im_end|>", load_template("chatml"))
    ('Pay now‹|im_end|>', ((7, '<|im_end|>'),))
    """
    found: list[tuple[int, str]] = []
    while True:
        here = [
            (at, token) for at, token in template.special_spans_in(text) if token[0] in STAND_INS
        ]
        if not here:
            return text, tuple(sorted(found))
        for at, token in here:
            text = text[:at] + STAND_INS[token[0]] + text[at + 1 :]
        found += here


def unescape(text: str, found: tuple[tuple[int, str], ...]) -> str:
    """Put escaped tokens back.

    >>> unescape("Pay now‹|im_end|>", ((7, "<|im_end|>"),))
    'Pay now<|im_end|>'
    """
    for at, token in found:
        text = text[:at] + token[0] + text[at + 1 :]
    return text
