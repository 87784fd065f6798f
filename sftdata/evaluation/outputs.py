"""What a model wrote, read as its kind of answer: how well-formed it is, and what it says.

Content is scored on the most lenient reading, so that a fence costs format points and nothing
else; how strict a reading was needed is kept and reported apart.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Literal, NoReturn

__all__ = ["Read", "Reading", "read_json", "read_text"]

Read = Literal["strict", "fenced", "embedded", "none"]
"""`strict`: the output is JSON. `fenced`: within a code fence or after a thinking block.
`embedded`: a JSON object somewhere in the text. `none`: there is no JSON object."""

_FENCE = re.compile(
    r"^\s*(`{3,}|~{3,})[ \t]*[\w+-]*[ \t]*\n(?P<inside>.*?)\n?[ \t]*\1\s*$", re.DOTALL
)
_ANY_FENCE = re.compile(r"(`{3,}|~{3,})[ \t]*[\w+-]*[ \t]*\n(?P<inside>.*?)\n?[ \t]*\1", re.DOTALL)
_THOUGHT = re.compile(r"^\s*<think>.*?</think>\s*", re.DOTALL)
_LONGEST = 400_000
"""Characters of an output that are read; a longer one is a loop, not an answer."""
_STARTS = 64
"""Opening braces that are tried."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A parsed output.

    Attributes:
        value: the JSON object or list; None where there is none.
        how: how strict a reading was needed.
        text: the output without thinking block, and without a fence around all of it.
    """

    value: Any
    how: Read
    text: str


def read_text(output: str) -> str:
    r"""Return an output without a thinking block before it and without a fence around all of it.

    >>> read_text("```markdown\n- one\n```")
    '- one'
    """
    text = _THOUGHT.sub("", output[:_LONGEST])
    fenced = _FENCE.match(text)
    return fenced["inside"].strip() if fenced else text.strip()


def read_json(output: str) -> Reading:
    r"""Read an output that should be one JSON object.

    `NaN`, infinity and a key that stands twice are not JSON here: they are no answer that a
    program could use.

    >>> read_json('{"a": 1}').how, read_json('```json\n{"a": 1}\n```').how
    ('strict', 'fenced')
    >>> read_json('Sure! {"a": 1} Anything else?')
    Reading(value={'a': 1}, how='embedded', text='Sure! {"a": 1} Anything else?')
    >>> read_json("no idea").how
    'none'
    """
    text = read_text(output)
    value = _parse(output[:_LONGEST])
    if value is not None:
        return Reading(value, "strict", text)
    value = _parse(text)
    if value is not None:
        return Reading(value, "fenced", text)
    value = _embedded(text)
    return Reading(value, "none" if value is None else "embedded", text)


def _parse(text: str) -> Any:
    try:
        value = _DECODER.decode(text.strip())
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict | list) else None


def _embedded(text: str) -> Any:
    """Return the first JSON object in the text: inside a fence, else anywhere."""
    for fence in _ANY_FENCE.finditer(text):
        value = _parse(fence["inside"])
        if value is not None:
            return value
    at = -1
    for _ in range(_STARTS):
        at = text.find("{", at + 1)
        if at < 0:
            return None
        try:
            value, _ = _DECODER.raw_decode(text, at)
        except (ValueError, RecursionError):
            continue
        if value:
            return value
    return None


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


_DECODER = json.JSONDecoder(parse_constant=_constant, object_pairs_hook=_object)
