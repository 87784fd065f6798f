"""What a template does with a system message, and what it writes where there is none.

Found by rendering marks, never by reading the template: two templates that do the same are the
same here, however they are written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Literal

from sftdata.chat.sandbox import RenderRefusedError
from sftdata.types import Message

__all__ = ["Renders", "SystemRole", "system_role"]

Renders = Callable[[Sequence[Message]], str]

Handling = Literal["kept", "in the user turn", "dropped", "refused"]

_SYSTEM, _USER, _ANSWER = "\ue001", "\ue002", "\ue003"
_ROLES = re.compile(r"\b(?:system|developer|user|human|assistant|model|bot)\b", re.IGNORECASE)
_HEADER = re.compile(r"^(?:system|developer)\b\s*|\s*\b(?:system|developer)$", re.IGNORECASE)
_WORD = re.compile(r"\w")


@dataclass(frozen=True)
class SystemRole:
    """How a template treats system messages.

    Attributes:
        handling: `kept` (a turn or a place of its own), `in the user turn` (merged into what the
            user says), `dropped` without a word, or `refused` with an error.
        default: text that the template writes where a conversation has no system message.
        preamble: text that it writes in front of a system message that is there.
    """

    handling: Handling
    default: str = ""
    preamble: str = ""

    def __str__(self) -> str:
        found = f"system message {self.handling}"
        if self.preamble:
            found += f"; written before it: {self.preamble!r}"
        return found + (f"; written where there is none: {self.default!r}" if self.default else "")


def system_role(render: Renders, control: Callable[[str], str]) -> SystemRole:
    r"""Find out how a template treats system messages.

    Args:
        render: the template; it raises `RenderRefusedError` for what it refuses.
        control: takes the control tokens out of a text.

    >>> def plain(messages):
    ...     return "".join(f"[{m.role}]{m.content}" for m in messages)
    >>> str(system_role(plain, lambda text: re.sub(r"\[\w+\]", "", text)))
    'system message kept'
    """
    user, answer = Message(role="user", content=_USER), Message(role="assistant", content=_ANSWER)
    alone = _tried(render, [user])
    first, second = _heads(render, [user, answer, user], alone)
    lead = _common_end(first, second)
    plain = control(first)
    own = _own_words(plain.removesuffix(_common_end(plain, control(second))))
    given = _tried(render, [Message(role="system", content=_SYSTEM), user])
    if given is None:
        return SystemRole("refused", own)
    if _SYSTEM not in given:
        return SystemRole("dropped", own)
    before, _, after = given.partition(_SYSTEM)
    between = after.partition(_USER)[0]
    merged = lead.strip() and lead.strip() in before and not between.strip().endswith(lead.strip())
    preamble = _own_words(control(before.removesuffix(lead) if merged else before))
    return SystemRole("in the user turn" if merged else "kept", own, preamble)


def _tried(render: Renders, messages: Sequence[Message]) -> str | None:
    try:
        return render(messages)
    except RenderRefusedError:
        return None


def _heads(render: Renders, turns: Sequence[Message], alone: str | None) -> tuple[str, str]:
    """Return what stands before the first user turn, and before the second one."""
    several = _tried(render, turns)
    second = ""
    if several is not None and several.count(_USER) == 2 and _ANSWER in several:
        second = several.partition(_ANSWER)[2].partition(_USER)[0]
    return (alone or "").partition(_USER)[0], second


def _common_end(a: str, b: str) -> str:
    same = takewhile(lambda pair: pair[0] == pair[1], zip(reversed(a), reversed(b), strict=False))
    return "".join(x for x, _ in same)[::-1]


def _own_words(text: str) -> str:
    """Return what is left of a frame without control tokens, if it is more than a role's name."""
    words = _HEADER.sub("", " ".join(text.split()))
    return words if _WORD.search(_ROLES.sub("", words)) else ""
