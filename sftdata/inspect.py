"""Look at samples in a terminal: what the model will see, and which part of it is trained."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from itertools import islice

from rich.console import Console
from rich.rule import Rule
from rich.text import Text

from sftdata.chat.sandbox import RenderRefusedError
from sftdata.chat.template import ChatTemplate
from sftdata.chat.tokenizer import Tokenizer
from sftdata.chat.tokens import estimate_lengths, tokenise
from sftdata.chat.turns import Rendered, render_sample
from sftdata.types import Sample

__all__ = ["preview"]

HEAD_LINES, TAIL_LINES = 10, 8
"""Lines of a long context that stay in front of and behind the fold."""

LINE_CHARS = 600
"""A line longer than this is folded in its middle too."""

TRAINED, CONTEXT, NOTE = "bold green", "default", "yellow"


def preview(
    samples: Iterable[Sample],
    template: ChatTemplate,
    n: int = 3,
    console: Console | None = None,
    *,
    tokenizer: Tokenizer | None = None,
    full: bool = False,
) -> int:
    """Print the first `n` samples as the template renders them, the trained part set apart.

    Trained text is green; where there are no colours it stands between ⟦ and ⟧ (`[[`, `]]` on
    terminals without Unicode). Long contexts are folded in the middle, with a count of what is
    hidden; trained text never is. Control and direction characters of documents are spelled out,
    so that no document can steer the terminal.

    Args:
        samples: what to show; only the first `n` are taken.
        template: the chat template to render with.
        n: how many.
        console: where to print; standard output when None.
        tokenizer: counts tokens; without it the sample's own counts are shown, or estimates.
        full: fold nothing.

    Returns:
        How many samples were shown.

    >>> from io import StringIO
    >>> from sftdata.chat.template import load_template
    >>> preview([], load_template("chatml"), console=Console(file=StringIO()))
    0
    """
    console = console or Console()
    marks = _marks(console)
    console.print(_legend(template, marks), soft_wrap=True)
    shown = 0
    for shown, sample in enumerate(islice(samples, n), start=1):
        try:
            rendered = render_sample(template, sample.prompt, sample.completion)
        except RenderRefusedError as refusal:
            console.print(Rule(_title(shown, sample)))
            console.print(Text(f"not rendered: {refusal}", style=NOTE))
            continue
        console.print(Rule(_title(shown, sample)))
        console.print(Text(_facts(sample, rendered, tokenizer)), highlight=False)
        console.print(_body(rendered, marks, full), overflow="fold", highlight=False)
    return shown


def _marks(console: Console) -> tuple[str, str]:
    """Return what stands around trained text; nothing where colour tells it."""
    if console.color_system is not None and not console.no_color:
        return "", ""
    return ("⟦", "⟧") if console.encoding.lower().startswith("utf") else ("[[", "]]")


def _legend(template: ChatTemplate, marks: tuple[str, str]) -> Text:
    left, right = marks
    return Text.assemble(
        f"template {template.name}: ",
        (f"{left}trained{right}", TRAINED),
        ", ",
        ("seen but not trained", CONTEXT),
        ", ",
        ("notes", NOTE),
    )


def _title(number: int, sample: Sample) -> Text:
    return Text(f"{number}  {_plain(sample.sample_id)}")


def _facts(sample: Sample, rendered: Rendered, tokenizer: Tokenizer | None) -> str:
    parts = [sample.kind, f"{sample.family} v{sample.family_version}"]
    parts += [sample.split or "no split", sample.locale, _tokens(sample, rendered, tokenizer)]
    if sample.twin_of:
        parts.append(f"twin of {sample.twin_of}")
    if sample.reason_code:
        parts.append(sample.reason_code)
    if not rendered.prefix_stable:
        parts.append("PROMPT IS NOT A PREFIX")
    failed = [check.name for check in sample.checks if not check.passed]
    if failed:
        parts.append(f"failed: {', '.join(failed)}")
    return _plain(" · ".join(parts))


def _tokens(sample: Sample, rendered: Rendered, tokenizer: Tokenizer | None) -> str:
    if tokenizer is not None:
        (row,) = tokenise(tokenizer, [rendered]).rows
        return f"{row.prompt_tokens:,} + {row.completion_tokens:,} tokens"
    counted = bool(sample.prompt_tokens) and not sample.tokens_estimated
    pair = (sample.prompt_tokens, sample.completion_tokens)
    prompt, completion = pair if counted else estimate_lengths(rendered)
    return f"{'' if counted else '~'}{prompt:,} + {completion:,} tokens"


def _body(rendered: Rendered, marks: tuple[str, str], full: bool) -> Text:
    body, at = Text(), 0
    left, right = marks
    for turn in rendered.turns:
        _context(body, rendered.text[at : turn.start], full)
        body.append(left + _plain(rendered.text[turn.start : turn.end]) + right, TRAINED)
        at = turn.end
    _context(body, rendered.text[at:].rstrip("\n"), full)
    return body


def _context(body: Text, text: str, full: bool) -> None:
    """Add text that is not trained, folded in the middle where it is long."""
    lines = text.split("\n")
    hidden = len(lines) - HEAD_LINES - TAIL_LINES
    if full or hidden < 2:
        _lines(body, lines, full)
        return
    _lines(body, lines[:HEAD_LINES], full)
    body.append(f"\n… {hidden:,} lines hidden …\n", NOTE)
    _lines(body, lines[-TAIL_LINES:], full)


def _lines(body: Text, lines: list[str], full: bool) -> None:
    for number, line in enumerate(lines):
        body.append("\n" if number else "")
        hidden = len(line) - LINE_CHARS
        if full or hidden < 2:
            body.append(_plain(line), CONTEXT)
            continue
        body.append(_plain(line[: LINE_CHARS // 2]), CONTEXT)
        body.append(f" … {hidden:,} characters hidden … ", NOTE)
        body.append(_plain(line[-LINE_CHARS // 2 :]), CONTEXT)


def _plain(text: str) -> str:
    return "".join(_spelled(c) if _steers(c) else c for c in text)


def _steers(character: str) -> bool:
    """Tell control, direction and other unseen characters, line feed and tab excepted."""
    return character not in "\n\t" and unicodedata.category(character) in {"Cc", "Cf", "Cs"}


def _spelled(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
