"""Texts against gold texts: ROUGE, sections, numbers that are grounded, cited passages, length."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from sftdata.errors import MissingExtraError
from sftdata.evaluation.citations import cited
from sftdata.evaluation.tokens import CjkTokenizer, is_chinese, without_citations
from sftdata.grounding.numbers import number_uses
from sftdata.sentences import sentences
from sftdata.text import normalise
from sftdata.types import Sample

__all__ = ["Grounding", "Rouge", "cited_passages", "grounding", "headings", "missing_headings"]
__all__ += ["rouge", "words"]

_ROUGE = ("rouge1", "rouge2", "rougeLsum")
_LONGEST = 20_000
"""Characters of a text that are scored; ROUGE-L is quadratic."""
_CHECKED = 8_000
"""Characters whose numbers are looked for: an answer, not a loop of numbers."""
_BULLET = re.compile(r"^\s*(?:[-*•·–]|\d{1,2}[.)、．]|[(（]\d{1,2}[)）])\s*")
_LABEL = re.compile(r"^(?P<label>[^:：\n]{2,60}?)\s*[:：]")
_MARKUP = re.compile(r"^#{1,6}\s*|\*\*|__")
_SENTENCE_END = tuple(".。!！?？;；,，]】")
_DIGIT = re.compile(r"\d")


@dataclass(frozen=True, slots=True)
class Rouge:
    """F-measures of ROUGE-1, ROUGE-2 and ROUGE-Lsum."""

    rouge1: float
    rouge2: float
    rouge_lsum: float


@dataclass(frozen=True, slots=True)
class Grounding:
    """Where the numbers of a text come from, counted."""

    verbatim: int = 0
    rescaled: int = 0
    """At another scale, or rounded within half a unit of the digits shown."""
    derived: int = 0
    ungrounded: int = 0

    @property
    def numbers(self) -> int:
        """All numbers that need a source; those of the question do not."""
        return self.verbatim + self.rescaled + self.derived + self.ungrounded


@cache
def _scorer(chinese: bool) -> Any:
    try:
        from rouge_score.rouge_scorer import RougeScorer  # type: ignore[import-untyped]
    except ImportError as error:
        raise MissingExtraError("rouge-score", "evaluate") from error
    if chinese:
        return RougeScorer(list(_ROUGE), tokenizer=CjkTokenizer())
    return RougeScorer(list(_ROUGE), use_stemmer=True)


def rouge(gold: str, text: str, locale: str) -> Rouge:
    """Return ROUGE (Lin 2004) by rouge-score: stemmed in English, by character in Chinese.

    Citation marks do not count. For Lsum a text is cut into lines and sentences.

    Raises:
        MissingExtraError: rouge-score is not installed.

    >>> rouge("净利润增加", "净利润增加。", "zh").rouge1
    1.0
    """
    pair = [_lines(without_citations(t[:_LONGEST])) for t in (gold, text)]
    if not pair[0] or not pair[1]:
        same = float(pair[0] == pair[1])
        return Rouge(same, same, same)
    found = _scorer(is_chinese(locale)).score(*pair)
    one, two, longest = (found[name].fmeasure for name in _ROUGE)
    # A text of one word has no pair of words; two equal ones are equal all the same.
    return Rouge(one, 1.0 if pair[0] == pair[1] else two, longest)


def _lines(text: str) -> str:
    cut = (text[a:b].strip() for a, b in sentences(text))
    return "\n".join(line for line in cut if line)


def headings(text: str) -> list[str]:
    r"""Return what a text calls its parts: markdown and bare headings, labels before a colon.

    >>> headings("# Past problems\n- Fatigue [P1].\n\n- Reason: fatigue [P1].")
    ['past problems', 'reason']
    """
    return list(dict.fromkeys(_headings(text)))


def _headings(text: str) -> Iterator[str]:
    for line in text.splitlines():
        bare = _BULLET.sub("", _MARKUP.sub("", line)).strip()
        label = _LABEL.match(bare)
        if label and not _DIGIT.search(label["label"]):
            yield normalise(label["label"])
        elif _is_heading(line, bare):
            yield normalise(bare)


def _is_heading(line: str, bare: str) -> bool:
    if not bare or len(bare) > 60 or _BULLET.match(_MARKUP.sub("", line)) or _DIGIT.search(bare):
        return False
    return line.lstrip().startswith("#") or not bare.endswith(_SENTENCE_END)


def missing_headings(gold: str, text: str) -> tuple[int, int]:
    """Return how many headings of the gold text there are, and how many of them `text` lacks."""
    wanted, have = headings(gold), set(headings(text))
    return len(wanted), sum(heading not in have for heading in wanted)


def grounding(sample: Sample, text: str) -> Grounding:
    """Say of each number of a text whether the prompt has it.

    Citation marks, ordinals and numbers of the question count for nothing. See
    `grounding.numbers.number_uses` for what counts as derived.
    """
    user = "\n".join(m.content for m in sample.prompt if m.role == "user")
    context = user.replace(sample.question, " ") if sample.question else user
    how = [use.how for use in number_uses(text[:_CHECKED], context, question=sample.question)]
    return Grounding(
        verbatim=how.count("verbatim"),
        rescaled=how.count("rescaled") + how.count("rounded"),
        derived=how.count("derived"),
        ungrounded=how.count("ungrounded"),
    )


def words(text: str) -> int:
    """Return the length of a text: CJK characters and runs of letters or digits.

    >>> words("收入为 94,036 million")
    6
    """
    return len(CjkTokenizer().tokenize(text))


def cited_passages(gold: str, text: str) -> tuple[int, int, int]:
    """Return passages cited by both, by the gold text, and by `text`."""
    wanted = {number for number, _ in cited(None, gold)}
    given = {number for number, _ in cited(None, text)}
    return len(wanted & given), len(wanted), len(given)
