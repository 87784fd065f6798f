"""The prose files' light markup, turned into filing HTML.

A prose file is a Jinja template. After rendering, blocks are separated by blank lines:
`@@ item1` starts a section, `#`/`##`/`###` are headings, `!` a risk factor heading, `-` a bullet,
`=== Concept | Title` a note to the financial statements, `%% Concept | Title` an accounting
policy inside a note, `[[pagebreak]]` a page break; a block of HTML passes through.
"""

from __future__ import annotations

import re

from generator.layout import BREAK, Look
from generator.tags import Tagger, When

_TAG = re.compile(r"(<[^>]+>)")


def curl(text: str) -> str:
    """Turn straight quotes into typographic ones, outside tags."""
    parts = _TAG.split(text)
    for i in range(0, len(parts), 2):
        part = re.sub(r'(^|[\s(\[—])"', r"\1“", parts[i]).replace('"', "”")
        parts[i] = re.sub(r"(^|[\s(\[—“])'", r"\1‘", part).replace("'", "’")
    return "".join(parts)


def sections(rendered: str) -> dict[str, list[str]]:
    """Return the blocks of each `@@` section."""
    found: dict[str, list[str]] = {}
    for part in re.split(r"^@@ *", rendered, flags=re.MULTILINE)[1:]:
        name, _, body = part.partition("\n")
        found[name.strip()] = [
            re.sub(r"\s*\n\s*", " ", b.strip()) if not b.strip().startswith("- ") else b.strip()
            for b in re.split(r"\n\s*\n", body)
            if b.strip()
        ]
    return found


def block(text: str, look: Look) -> str:
    """Return one block as HTML."""
    if text == "[[pagebreak]]":
        return BREAK
    if text.startswith(("<table", "<div", "<ix:nonNumeric", "<p", "<hr")):
        return text
    for mark, level in (("### ", 3), ("## ", 2), ("# ", 1)):
        if text.startswith(mark):
            return look.head(curl(text[len(mark) :]), level)
    if text.startswith("! "):
        return look.para(curl(text[2:]), weight="font-weight:700;font-style:italic")
    if text.startswith("- "):
        items = re.split(r"^- ", text, flags=re.MULTILINE)[1:]
        return "".join(look.bullet(curl(re.sub(r"\s*\n\s*", " ", item.strip()))) for item in items)
    if text.startswith("^ "):
        return look.centre(curl(text[2:]))
    return look.para(curl(text))


def notes(blocks: list[str], look: Look, tagger: Tagger, when: When) -> str:
    """Return the notes: each is one text block that is continued after its title and over page breaks."""
    out: list[str] = []
    groups: list[tuple[str, list[str]]] = []
    for text in blocks:
        if text.startswith("=== "):
            groups.append((text[4:], []))
        else:
            groups[-1][1].append(text)
    for number, (head, body) in enumerate(groups, 1):
        concept, _, title = (part.strip() for part in head.partition("|"))
        out.append(_note(number, concept, title, body, look=look, tagger=tagger, when=when))
    return "".join(out)


def _note(
    number: int,
    concept: str,
    title: str,
    body: list[str],
    *,
    look: Look,
    tagger: Tagger,
    when: When,
) -> str:
    chain = f"n-{number}"
    opening = tagger.text(concept, curl(title), when=when, escape=True, continued=f"{chain}-1")
    dash = "–" if look.spans else "."
    out = [
        look.head(
            f"Note {number} {dash} {opening}" if look.spans else f"NOTE {number}{dash} {opening}", 1
        )
    ]
    pieces: list[list[str]] = [[]]
    for text in body:
        if text == "[[pagebreak]]":
            pieces.append([])
        else:
            pieces[-1].append(text)
    for n, piece in enumerate(pieces, 1):
        more = f' continuedAt="{chain}-{n + 1}"' if n < len(pieces) else ""
        out.append(
            f'<ix:continuation id="{chain}-{n}"{more}>{_policies(piece, look=look, tagger=tagger, when=when)}</ix:continuation>'
        )
        out.append(BREAK if more else "")
    return "".join(out)


def _policies(body: list[str], *, look: Look, tagger: Tagger, when: When) -> str:
    out: list[str] = []
    open_policy: tuple[str, list[str]] | None = None
    for text in [*body, "%% |"]:
        if text.startswith("%% "):
            if open_policy is not None:
                out.append(
                    tagger.text(open_policy[0], "".join(open_policy[1]), when=when, escape=True)
                )
            concept, _, title = (part.strip() for part in text[3:].partition("|"))
            open_policy = (concept, [look.head(curl(title), 2)]) if concept else None
        elif open_policy is not None:
            open_policy[1].append(block(text, look))
        else:
            out.append(block(text, look))
    return "".join(out)
