"""Where the trained turns stand in the rendered text, exactly, for any template.

A turn's frame is found by rendering the conversation once more with a mark in the turn's place:
what stands before and after the mark is the template's, the rest is the turn. So a template may
trim or rewrite content, and needs no `{% generation %}` markers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sftdata.chat.sandbox import RenderRefusedError
from sftdata.chat.template import ChatTemplate
from sftdata.types import Message

__all__ = ["Rendered", "Turn", "render_sample"]

_LAST_PRIVATE = 0xF8FF


@dataclass(frozen=True, slots=True)
class Turn:
    """One trained turn, as character offsets into the rendered text.

    `[start, content_end)` is what the assistant says, `[content_end, end)` the stop token.
    `start` includes white space that the template puts between the generation prompt and the
    content: the served model has to write it.
    """

    start: int
    content_end: int
    end: int


@dataclass(frozen=True, slots=True)
class Rendered:
    """A sample as text.

    Attributes:
        text: prompt and completion, rendered together: what is trained.
        prompt: the prompt alone with the generation prompt: what a server would send.
        turns: the trained turns, in order.
        prefix_stable: every turn is preceded by just what a server would send, so training and
            serving see the same.
        inserted: text that the template puts between a generation prompt and the turn, such as
            an empty think block; it is not trained.
    """

    text: str
    prompt: str
    turns: tuple[Turn, ...]
    prefix_stable: bool
    inserted: str = ""


def render_sample(
    template: ChatTemplate, prompt: Sequence[Message], completion: Sequence[Message]
) -> Rendered:
    """Render a sample and find what is trained: the completion's assistant turns.

    Raises:
        RenderRefusedError: the template refuses the conversation, or hides the answer so that
            it cannot be found in the text.

    >>> from sftdata.chat.template import load_template
    >>> ask, say = Message(role="user", content="净利润？"), Message(role="assistant", content="12")
    >>> rendered = render_sample(load_template("chatml"), [ask], [say])
    >>> [rendered.text[t.start : t.end] for t in rendered.turns]
    ['12<|im_end|>']
    """
    messages = [*prompt, *completion]
    text = template.render(messages)
    before = template.render(prompt, add_generation_prompt=True)
    stable = text.startswith(before)
    if stable and len(completion) == 1:
        direct = _directly_after(template, text, before, completion[0].content)
        if direct is not None:
            turn, gap = direct
            return Rendered(text, before, (turn,), prefix_stable=True, inserted=gap)
    turns, gaps = [], []
    for index in range(len(prompt), len(messages)):
        if messages[index].role == "assistant":
            lead = before
            if index > len(prompt):
                lead = template.render(messages[:index], add_generation_prompt=True)
            turn, gap = _between_frames(template, text, messages, index, lead)
            stable &= text.startswith(lead)
            turns.append(turn)
            gaps.append(gap)
    if not turns:
        raise RenderRefusedError("the completion has no assistant turn")
    return Rendered(text, before, tuple(turns), stable, "".join(gaps))


def _directly_after(
    template: ChatTemplate, text: str, prompt: str, content: str
) -> tuple[Turn, str] | None:
    """Return turn and gap where the text is prompt, usual gap, content, suffix: nearly always."""
    suffix, gap = template.suffix, template.gap
    end = len(text) - len(suffix)
    if not text.endswith(suffix):
        return None
    for said in (content, content.strip()):
        start = end - len(said)
        if text[start:end] == said and text[len(prompt) : start] == gap:
            return _turn(template, text, start, end, gap)
    return None


def _turn(template: ChatTemplate, text: str, start: int, end: int, gap: str) -> tuple[Turn, str]:
    """Make a turn: white space in front is the model's to write, other text is reported."""
    if not gap.strip():
        start, gap = start - len(gap), ""
    stop = template.stop if text.startswith(template.stop, end) else ""
    return Turn(start, end, end + len(stop)), gap


def _between_frames(
    template: ChatTemplate, text: str, messages: Sequence[Message], index: int, lead: str
) -> tuple[Turn, str]:
    """Return the turn, and what the template puts between the generation prompt and it."""
    mark = _absent_character(text)
    marked = list(messages)
    marked[index] = replace(messages[index], content=mark)
    head, found, tail = template.render(marked).partition(mark)
    if not found or mark in tail or not text.endswith(tail):
        raise RenderRefusedError("the template does not print an assistant turn just once")
    end = len(text) - len(tail)
    served = len(lead) if text.startswith(lead) and len(lead) <= end else None
    start = len(head) if text.startswith(head) and len(head) <= end else served
    if start is None:
        raise RenderRefusedError("the template rewrites an assistant turn beyond recognition")
    gap = text[served:start] if served is not None else ""
    return _turn(template, text, start, end, gap)


def _absent_character(text: str) -> str:
    for code in range(0xE000, _LAST_PRIVATE):
        if chr(code) not in text:
            return chr(code)
    raise RenderRefusedError("the conversation uses every private character")
