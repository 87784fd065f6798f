"""Negation and doubt in clinical prose: a NegEx-like window, EN and ZH.

After Chapman et al. 2001 (NegEx): a trigger negates what follows it in the same clause, up to a
few words; a trigger behind the finding (`was ruled out`) negates backwards.
"""

from __future__ import annotations

import re

__all__ = ["is_negated", "is_uncertain", "speaks_of_doubt"]

_WINDOW = 60
_BEFORE = re.compile(
    r"\b(?:no|not|denies|denied|denying|without|negative for|free of|never|neither|nor|none|"
    r"absence of|ruled out|rules out|unremarkable for|no evidence of|no history of|no known|"
    r"fails to reveal|declined|refused)\b|否认|未见|未发现|未闻及|未触及|未及|"
    r"无(?!力|法|菌|创)|没有|排除|不伴",
    re.IGNORECASE,
)
_AFTER = re.compile(
    r"^\W{0,3}(?:(?:was|is|are|were|has been|have been)\s+)?(?:ruled out|absent|negative|denied|"
    r"not (?:seen|present|noted|found|identified))\b|^\W{0,2}(?:阴性|\(-\)|（-）|已排除)",
    re.IGNORECASE,
)
_CLAUSE = re.compile(
    r"[.;:\n!?。；！？]|\bbut\b|\bhowever\b|\balthough\b|\bexcept\b|\bwho\b|\bwhich\b|但|伴有",
    re.IGNORECASE,
)
_DOUBT_BEFORE = re.compile(
    r"\b(?:possible|possibly|probable|probably|likely|suspected?|suspicion (?:of|for)|"
    r"question of|"
    r"questionable|rule out|r/o|versus|vs|concern for|concerning for|evaluate for|consider|"
    r"differential|risk (?:of|for)|consistent with|suggestive of|presumed|unless|if|"
    r"family history "
    r"of|mother|father|brother|sister|aunt|uncle|grandmother|grandfather)\b"
    r"|可疑|疑似|疑|考虑|可能|不除外|待排|家族史|父亲|母亲|风险",
    re.IGNORECASE,
)
_DOUBT_AFTER = re.compile(r"^\s*(?:[?？]|versus\b|vs\b|待排|可能|\(\?\)|（？）)", re.IGNORECASE)


def _clause(text: str, start: int) -> str:
    """Return the part of the clause that stands before `start`, within the window."""
    before = text[max(0, start - _WINDOW) : start]
    borders = list(_CLAUSE.finditer(before))
    return before[borders[-1].end() :] if borders else before


def is_negated(text: str, start: int, end: int) -> bool:
    """Return whether the mention at `[start, end)` is denied.

    >>> note = "Denies chest pain, but reports cough. 否认高血压，糖尿病史5年。"
    >>> [is_negated(note, note.index(w), note.index(w) + len(w)) for w in ("chest pain", "cough")]
    [True, False]
    >>> is_negated(note, note.index("高血压"), note.index("高血压") + 3)
    True
    """
    return bool(_BEFORE.search(_clause(text, start)) or _AFTER.match(text[end : end + 40]))


def is_uncertain(text: str, start: int, end: int) -> bool:
    """Return whether the mention is in doubt, conditional, or about a relative.

    >>> is_uncertain("Possible pneumonia.", 9, 18), is_uncertain("Pneumonia.", 0, 9)
    (True, False)
    """
    return bool(
        _DOUBT_BEFORE.search(_clause(text, start)) or _DOUBT_AFTER.match(text[end : end + 12])
    )


def speaks_of_doubt(value: str) -> bool:
    """Return whether a list item itself says that it is not certain.

    >>> speaks_of_doubt("Rule out appendicitis"), speaks_of_doubt("Acute appendicitis")
    (True, False)
    """
    return "?" in value or "？" in value or bool(_DOUBT_BEFORE.search(value))
