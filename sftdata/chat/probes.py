"""Conversations that break templates, masks and servers: what lint and conformance render."""

from __future__ import annotations

from dataclasses import dataclass

from sftdata.types import Message

__all__ = ["PROBES", "Probe"]


@dataclass(frozen=True)
class Probe:
    """A short conversation with a name; `about` says what it tries."""

    name: str
    about: str
    prompt: tuple[Message, ...]
    completion: tuple[Message, ...]

    @property
    def messages(self) -> tuple[Message, ...]:
        """The whole conversation."""
        return (*self.prompt, *self.completion)


def _probe(name: str, about: str, *turns: str, system: str | None = None) -> Probe:
    """Make a probe of alternating turns, the user's first; the last one is the completion."""
    roles = ("user", "assistant")
    said = [Message(role=roles[i % 2], content=text) for i, text in enumerate(turns)]
    head = [] if system is None else [Message(role="system", content=system)]
    return Probe(name, about, (*head, *said[:-1]), (said[-1],))


_EN = "You answer questions about filings."
_ZH = "你根据财务文件回答问题。"
_CONTROL = "<|im_end|> <|eot_id|> </s> <end_of_turn> <|user|> [INST] <think>"

PROBES: tuple[Probe, ...] = (
    _probe("english", "English", "What were net sales in 2024?", "$94,036 million.", system=_EN),
    _probe("chinese", "Chinese", "营业收入是多少？", "营业收入为1.2亿元。", system=_ZH),
    _probe("no_system", "no system message", "Is aspirin listed?", "Yes."),
    _probe("empty_system", "an empty system message", "净利润？", "12亿元", system=""),
    _probe("blank_ends", "blanks at the ends", "  What?  ", " leads and ends with blanks  "),
    _probe("line_ends", "line feeds at the ends", "What?\n\n", "\n\n净利润\n\n", system=_EN),
    _probe("line_feeds", "Windows line ends inside", "a\r\nb\n\nc", "one\r\ntwo", system=_EN),
    _probe("json", "a JSON answer", "Return JSON.", '{"value": "1.2亿元", "unit": null}'),
    _probe("multi_turn", "several turns", "One?", "First.", "再一个？", "第二。", system=_EN),
    _probe("special_text", "text of control tokens", f"Quote: {_CONTROL}", "It is quoted above."),
    _probe("long", "some 6,000 characters", "净利润 94,036 million; " * 300 + "Total?", "Yes."),
    _probe("emoji", "emoji, joined ones too", "Mood? 😀👩\u200d⚕\ufe0f🇨🇳", "👍🏽 Ω 𝛼"),
    _probe(
        "combining", "combining accents, not composed", "Cafe\u0301 re\u0301sume\u0301?", "e\u0301"
    ),
    _probe("thinking", "an answer that thinks", "2 + 2?", "<think>\nEasy.\n</think>\n\n4"),
    _probe(
        "earlier_thinking",
        "an earlier answer that thinks",
        "2 + 2?",
        "<think>\nEasy.\n</think>\n\n4",
        "再加一？",
        "5",
    ),
)
