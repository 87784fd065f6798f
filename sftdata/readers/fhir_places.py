"""Where a note states a coded term: whole words, not denied, not in doubt, not about a relative."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise

from sftdata.readers.clinical_negation import is_negated, is_uncertain

__all__ = ["Terms", "mentions"]

_HAN = "\u3400-\u9fff"
_LETTER = rf"[^\W{_HAN}]"
_IS_HAN = re.compile(f"[{_HAN}]")

# Chinese has no spaces: a term counts only between marks or beside a word that cannot be a part
# of a longer term (痛风 in 小痛风石, 高血压 in 妊娠期高血压 or 高血压肾病 is another diagnosis).
_LEFT_ZH = re.compile(
    r"(?:患者?|[因对有为示予用服加换行做查复及和与并伴致是呈由入]|诊断|确诊|接种|注射|口服|静滴|合并|"
    r"出现|发生|引起|导致|发现|联合|继续|维持|急性|慢性|原发性|轻度|中度|重度|双侧|左侧|右侧|"
    r"[12]型|反复|术后|植入)$"
)
_RIGHT_ZH = re.compile(
    r"(?:[及和与伴并予服]|合并|后(?!遗)|已(?!排除|除外)|未(?!见|排除|除外|提示|予|用)|病程|多年|数年|确诊|诊断明确|"
    r"控制|口服|静脉|静滴|肌注|治疗|发作|加重|好转|缓解|稳定|过敏|所致|引起|报告|术后|维持|"
    r"[一二三四五六七八九十半]年|[早中晚]期)"
)
_LEFT_EN = re.compile(
    r"(?:\b(?:gestational|pulmonary|portal|intracranial|ocular|white[- ]coat|maternal|neonatal|"
    r"drug-induced|pseudo|screen(?:ed|ing)? for|vaccine|vaccination|prevention of|excludes?|"
    r"excluded|excluding|not supported)\s+)$",
    re.IGNORECASE,
)
_RIGHT_EN = re.compile(
    r"\s+(?:vaccin\w*|screening|clinic|education|prophylaxis|risk|tests?|testing|specialist|"
    r"support group|is not supported|(?:is|was) (?:excluded|unlikely)|nephropathy|retinopathy)\b",
    re.IGNORECASE,
)
_SUPPOSED = re.compile(
    r"(?:不支持|不考虑|不符合|不诊断|未达|除外|符合|拟诊|鉴别|排查|预防|筛查|警惕|防止|[\"“'‘])"
    r"[^。；;\n，,]{0,12}$"
)


def _pattern(term: str) -> re.Pattern[str]:
    """Match a term case-insensitively, over any white space, between token borders."""
    first, last = term[0], term[-1]
    left = rf"(?<!{_LETTER})(?<!\.)(?<!{_LETTER}-)" if re.match(_LETTER, first) else ""
    right = rf"(?!{_LETTER})(?!\.\d)(?!-{_LETTER})" if re.match(_LETTER, last) else ""
    words = term.split()
    shape = re.escape(words[0])
    for before, word in pairwise(words):
        gap = r"\s*" if _IS_HAN.match(before[-1]) or _IS_HAN.match(word[0]) else r"\s+"
        shape += gap + re.escape(word)
    return re.compile(left + shape + right, re.IGNORECASE)


def _alone(text: str, start: int, end: int) -> bool:
    """Return whether what stands beside a mention leaves it the whole term."""
    before, after = text[max(0, start - 14) : start], text[end : end + 30]
    if _LEFT_EN.search(before) or _RIGHT_EN.match(after):
        return False
    if _IS_HAN.match(text[start]) and _IS_HAN.match(before[-1:]) and not _LEFT_ZH.search(before):
        return False
    if text[start].isdigit() and before[-1:].isdigit():
        return False
    return not (
        _IS_HAN.match(text[end - 1]) and _IS_HAN.match(after[:1]) and not _RIGHT_ZH.match(after)
    )


class Terms:
    """The terms a note's record knows: a mention inside a longer one of them is not its own.

    >>> known = Terms("Type 2 diabetes. 2型糖尿病肾病。", ["糖尿病肾病", "糖尿病"])
    >>> known.inside_longer(19, 22)
    True
    """

    def __init__(self, text: str, terms: Iterable[str]) -> None:
        self._spans = [m.span() for t in set(terms) if len(t) > 1
                       for m in _pattern(t).finditer(text)]  # fmt: skip

    def inside_longer(self, start: int, end: int) -> bool:
        """Return whether a longer term of the record covers the mention."""
        return any(a <= start and end <= b and b - a > end - start for a, b in self._spans)


def mentions(term: str, text: str, known: Terms) -> Iterator[tuple[int, int]]:
    """Yield the places at which the note states a term.

    >>> note = "否认糖尿病。诊断：痛风。右侧小痛风石。"
    >>> [list(mentions(t, note, Terms(note, [t]))) for t in ("糖尿病", "痛风")]
    [[], [(9, 11)]]
    """
    if len(term) < 2:
        return
    for match in _pattern(term).finditer(text):
        start, end = match.span()
        if not _alone(text, start, end) or known.inside_longer(start, end):
            continue
        if _SUPPOSED.search(text[max(0, start - 20) : start]):
            continue
        if not is_negated(text, start, end) and not is_uncertain(text, start, end):
            yield start, end
