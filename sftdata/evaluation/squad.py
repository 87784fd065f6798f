"""Exact match, token F1, and the numbers of an answer: SQuAD 2.0 and TAT-QA."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Context, Decimal

import numpy as np
from scipy.optimize import linear_sum_assignment

from sftdata.evaluation.tokens import answer_tokens, normalised_answer
from sftdata.quantities import NumberMention, find_dates, find_numbers

__all__ = ["NumberMatch", "answer_numbers", "exact_match", "number_match", "tat_equal", "token_f1"]

_EXACT = Context(prec=60)
_CENT = Decimal("0.01")


def exact_match(gold: str, answer: str, locale: str) -> float:
    """Return 1 where both are the same after normalisation; two empty answers are the same.

    >>> exact_match("The net income", "net income.", "en")
    1.0
    >>> exact_match("1.2亿元", "1.2 亿元。", "zh")
    1.0
    """
    return float(normalised_answer(gold, locale) == normalised_answer(answer, locale))


def token_f1(gold: str, answer: str, locale: str) -> float:
    """Return the F1 of the token multisets. If either has no token, 1 iff neither has one.

    >>> round(token_f1("94,036 million", "revenue of 94,036 million", "en"), 4)
    0.6667
    """
    wanted, given = answer_tokens(gold, locale), answer_tokens(answer, locale)
    if not wanted or not given:
        return float(wanted == given)
    same = sum((Counter(wanted) & Counter(given)).values())
    return 2 * same / (len(wanted) + len(given))


def answer_numbers(text: str) -> list[NumberMention]:
    """Return the quantities of an answer: numbers that are no part of a date and no bare year."""
    dated = [(d.start, d.end) for d in find_dates(text)]
    return [
        mention
        for mention in find_numbers(text)
        if not any(a <= mention.start and mention.end <= b for a, b in dated)
        and not (mention.plain and "," not in mention.raw and 1800 <= mention.value <= 2100)
    ]


class NumberMatch:
    """How the numbers of an answer fit those of the gold answer, one to one.

    Attributes:
        gold: numbers of the gold answer.
        given: numbers of the answer.
        same: pairs of equal value, or one rounded to the digits that it shows.
        tat: pairs that are equal by TAT-QA's rule.
        digits: pairs whose digits agree, whatever the scale.
        scaled: those of them whose scale agrees as well.
    """

    __slots__ = ("digits", "given", "gold", "same", "scaled", "tat")

    def __init__(self, gold: int, given: int) -> None:
        self.gold, self.given = gold, given
        self.same = self.tat = self.digits = self.scaled = 0


def number_match(gold: str, answer: str) -> NumberMatch:
    """Match the numbers of two answers one to one.

    >>> found = number_match("up 9.6% to $94,036 million", "rose to $94.0 billion (9.6 %)")
    >>> found.gold, found.given, found.same, found.tat
    (2, 2, 2, 1)
    """
    wanted, given = answer_numbers(gold), answer_numbers(answer)[:_MOST]
    found = NumberMatch(len(wanted), len(given))
    if not wanted or not given:
        return found
    found.same = _paired([[_same(w, g) for g in given] for w in wanted])
    found.tat = _paired([[tat_equal(w, g) for g in given] for w in wanted])
    found.digits = _paired([[_digits(w, g) for g in given] for w in wanted])
    found.scaled = min(found.same, found.digits)
    return found


_MOST = 200


def _paired(fits: Sequence[Sequence[bool]]) -> int:
    matrix = np.array(fits, dtype=np.float64)
    rows, columns = linear_sum_assignment(matrix, maximize=True)
    return int(matrix[rows, columns].sum())


def _same(left: NumberMention, right: NumberMention) -> bool:
    """Equal, or the coarser one is the other rounded (within half of its last shown unit)."""
    if left.value == right.value:
        return True
    if left.percent != right.percent:
        return False
    if (left.value < 0) != (right.value < 0):
        return False
    coarse = max(left.precision, right.precision)
    shown = left if left.precision == coarse else right
    close = abs(left.value - right.value) * 2 <= coarse
    return close and bool(shown.value) and left.precision != right.precision


def _shown(mention: NumberMention) -> tuple[Decimal, int]:
    """Return the number as it is printed, and the power of ten that its scale word stands for."""
    raw = mention.raw
    digits = [c for c in raw if c.isdigit() or c == "."]
    printed = "".join(digits).strip(".")
    if not printed or printed.count(".") > 1 or not mention.value:
        return mention.value, 0
    size = Decimal(printed)
    if not size:
        return mention.value, 0
    power = abs(mention.value).adjusted() - size.adjusted()
    return size.copy_sign(mention.value), power


def tat_equal(left: NumberMention, right: NumberMention) -> bool:
    """Compare as TAT-QA does: the printed number rounded to two places, times its scale.

    (Zhu et al., ACL 2021: numbers are compared after rounding, with the scale multiplied in.)

    >>> a, b = find_numbers("$34.902 million and $34.90 million")
    >>> tat_equal(a, b)
    True
    """
    return _tat(left) == _tat(right)


def _tat(mention: NumberMention) -> Decimal:
    size, power = _shown(mention)
    return size.quantize(_CENT, rounding=ROUND_HALF_UP, context=_EXACT).scaleb(power, _EXACT)


def _digits(left: NumberMention, right: NumberMention) -> bool:
    """Whether two numbers agree up to a power of ten that a scale could be."""
    if not left.value or not right.value:
        return left.value == right.value
    if _same(left, right):
        return True
    a, b = left.value.normalize(_EXACT), right.value.normalize(_EXACT)
    return a.as_tuple().digits == b.as_tuple().digits and a.is_signed() == b.is_signed()
