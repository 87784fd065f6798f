"""Line breaks put back into MTSamples transcriptions, whose line breaks were saved as commas.

`HEADER:,  text.,NEXT HEADER:,1.  Foo.,2.  Bar.` was, on the page, five lines. A comma stood for a
break where prose would not have one; every other comma is the writer's own and stays.
"""

from __future__ import annotations

import re

__all__ = ["looks_flattened", "restore_lines"]

_HEAD = r"[A-Z][A-Z0-9 /&()'\-]{2,60}:"
_AFTER_HEADER = re.compile(r"(?<=:)[ ]*,[ ]*(?=\S)")
_BREAK = re.compile(
    r"(?<=[.;:?!)\"*_])[ ]*,+(?=[^\s,])"  # sentence end, comma, no space
    r"|(?<=\S)[ ]+,+(?=[^\s,])"  # comma glued to the next word only
    rf"|,+[ ]*(?={_HEAD}(?:\s|,|$))"  # the next header
    r"|,+(?=\d{1,2}\.[ ]{1,3}[A-Z(])"  # the next list number
    r"|,{2,}"
)
_GLUED = re.compile(r"(?<=\w\w),(?=[A-Z]\w)(?![A-Z]\w?,)")
_COLON = re.compile(r"(?<=[A-Z]),[ ]*(?=:)")
_SPACES = re.compile(r"[ ]{2,}")


def looks_flattened(text: str) -> bool:
    """Return whether the text has break commas and no line breaks of its own.

    >>> looks_flattened("PLAN:,  Rest.,Return in a week."), looks_flattened("PLAN: Rest, fluids.")
    (True, False)
    """
    return "\n" not in text.strip() and bool(re.search(r"[.:;)][ ]*,(?=\S)|:[ ]*,", text))


def restore_lines(text: str) -> str:
    r"""Return the transcription with its lines; a real comma (followed by a space) stays.

    >>> print(restore_lines("DX:,1.  Gout, left toe.,2.  Anemia.,PLAN: , Rest, fluids."))
    DX:
    1. Gout, left toe.
    2. Anemia.
    PLAN: Rest, fluids.
    """
    text = _COLON.sub("", text)
    text = _AFTER_HEADER.sub(_after_header, text)
    text = _GLUED.sub("\n", text)
    text = _BREAK.sub("\n", text)
    lines = (_SPACES.sub(" ", line).strip(" ") for line in text.split("\n"))
    kept = [line.rstrip(",").rstrip() if line.endswith(" ,") else line for line in lines]
    return "\n".join(line for line in kept if line and line != ",")


def _after_header(match: re.Match[str]) -> str:
    """Keep `HEADER: text` on one line; text that begins right after the comma is a new line."""
    return " " if match.group().endswith(" ") else "\n"
