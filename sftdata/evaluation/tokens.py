"""Words for scoring answers: SQuAD's in English, characters and runs in Chinese."""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Sequence

from sftdata.sentences import CJK

__all__ = ["CjkTokenizer", "answer_tokens", "is_chinese", "normalised_answer", "without_citations"]

_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)
_CJK_OR_RUN = re.compile(rf"[{CJK}]|[^\W_{CJK}]+")
_CITATION = re.compile(r"\s?[\[【]\s?[Pp]\d{1,3}(?:\s?[,;，、–-]\s?[Pp]?\d{1,3})*\s?[\]】]")


def is_chinese(locale: str) -> bool:
    """Return whether answers in this locale are scored by the Chinese rules."""
    return locale.lower().replace("_", "-").split("-")[0] == "zh"


def without_citations(text: str) -> str:
    """Return the text without passage marks: they are scored apart.

    >>> without_citations("Sales rose [P2], costs fell【P1、P3】。")
    'Sales rose, costs fell。'
    """
    return _CITATION.sub("", text)


def normalised_answer(text: str, locale: str) -> str:
    """Return an answer as exact match compares it.

    English: lower case, no punctuation, no articles, single spaces (SQuAD 2.0, Rajpurkar et al.
    2018). Chinese: NFKC, case fold, no punctuation, no white space.

    >>> normalised_answer("The  revenue: $94,036 million.", "en")
    'revenue 94036 million'
    >>> normalised_answer("营业收入为 １.２亿元。", "zh")
    '营业收入为1.2亿元'
    """
    if is_chinese(locale):
        return "".join(answer_tokens(text, locale))
    bare = text.lower().translate(_PUNCTUATION)
    return " ".join(_ARTICLES.sub(" ", bare).split())


def answer_tokens(text: str, locale: str) -> list[str]:
    """Return the tokens whose overlap makes F1.

    A decimal number is one token in Chinese: `1.2` is not the two tokens `1` and `2`.

    >>> answer_tokens("净利润为1.2亿元，Apple 披露", "zh")
    ['净', '利', '润', '为', '1.2', '亿', '元', 'apple', '披', '露']
    """
    if not is_chinese(locale):
        return normalised_answer(text, locale).split()
    folded = _GROUPED.sub("", unicodedata.normalize("NFKC", text).casefold())
    return _ZH_TOKEN.findall(folded)


_GROUPED = re.compile(r"(?<=\d),(?=\d{3})")
_ZH_TOKEN = re.compile(rf"\d+(?:\.\d+)+|[{CJK}]|[^\W_{CJK}]+")


class CjkTokenizer:
    """Tokenizer for rouge-score: a CJK character is a token, so is a run of letters or digits.

    rouge-score's own tokenizer drops everything that is not a-z or 0-9, and scores Chinese as 0.

    >>> CjkTokenizer().tokenize("收入 94,036 USD")
    ['收', '入', '94', '036', 'usd']
    """

    def tokenize(self, text: str) -> Sequence[str]:
        """Return the tokens of a text."""
        return _CJK_OR_RUN.findall(unicodedata.normalize("NFKC", text).casefold())
