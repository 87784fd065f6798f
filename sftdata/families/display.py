"""How a document and its company are written where people read them."""

from __future__ import annotations

import re

from sftdata.types import Document

__all__ = ["display_title", "short_name", "spoken_name"]


def spoken_name(name: str) -> str:
    """Return a registrant's name as people write it, when the register shouts it.

    >>> spoken_name("AMAZON.COM, INC."), spoken_name("AT&T INC."), spoken_name("Apple Inc.")
    ('Amazon.com, Inc.', 'AT&T Inc.', 'Apple Inc.')
    """
    if not name.isupper():
        return name
    words: list[str] = []
    for word in name.split():
        bare = word.strip(".,()")
        if bare in ("OF", "AND", "THE", "FOR") and words:
            words.append(word.lower())
        elif "&" in word or len(bare) == 1 or (len(bare) <= 4 and not set(bare) & set("AEIOU")):
            words.append(word)
        else:
            words.append(word.capitalize())
    return " ".join(words)


_LEGAL_FORM = re.compile(
    r"[\s,]+(?:inc|incorporated|corp|corporation|co|company|ltd|limited|llc|plc|l\.?p|s\.?a|n\.?v"
    r"|ag|se|a/s)\.?$|[\s,]+(?:&|and)$|\s*/[a-z]{2,3}/?$",
    re.IGNORECASE,
)


def short_name(name: str) -> str:
    """Return a company's name as people say it: without its legal form.

    >>> short_name("Amazon.com, Inc."), short_name("Deere & Company"), short_name("The Gap, Inc.")
    ('Amazon.com', 'Deere', 'Gap')
    """
    short = name
    while (cut := _LEGAL_FORM.sub("", short)) != short:
        short = cut
    return short.removeprefix("The ").strip(" ,") or name


def display_title(doc: Document) -> str:
    """Return a document's title with its company's name as people write it."""
    for name in doc.key_values("company_name"):
        if doc.title.startswith(name):
            return spoken_name(name) + doc.title[len(name) :]
    return doc.title
