"""SQuAD 2.0 rules, Chinese rules, TAT-QA numbers: cases worked out by hand."""

import pytest

from sftdata.evaluation.squad import exact_match, number_match, tat_equal, token_f1
from sftdata.evaluation.tokens import CjkTokenizer, normalised_answer
from sftdata.quantities import find_numbers

SQUAD = [
    # gold, answer, EM, F1, by the published evaluation script's rules
    ("Denver Broncos", "the Denver Broncos!", 1, 1.0),
    ("94,036 million", "revenue of 94,036 million", 0, 2 / 3),  # 2 shared of 2 and 4
    ("", "", 1, 1.0),
    ("", "anything", 0, 0.0),
    ("something", "", 0, 0.0),
    ("a cat sat", "the cat sat on an mat", 0, 2 * 2 / (2 + 4)),  # articles are no tokens
    ("U.S.", "US", 1, 1.0),  # punctuation is deleted, not replaced by a space
    ("cat cat", "cat", 0, 2 / 3),  # a multiset: one of two
    ("x-ray", "x ray", 0, 0.0),  # "xray" is one token
]


@pytest.mark.parametrize(("gold", "answer", "em", "f1"), SQUAD)
def test_squad_rules(gold, answer, em, f1):
    assert exact_match(gold, answer, "en") == em
    assert token_f1(gold, answer, "en") == pytest.approx(f1)


def test_chinese_is_compared_by_character_and_run():
    assert exact_match("营业收入为１.２亿元。", "营业收入为 1.2亿元", "zh") == 1
    # 营 业 收 入 1.2 亿 元 against 收 入 1.2 亿 元: 5 shared of 7 and 5
    assert token_f1("营业收入1.2亿元", "收入1.2亿元", "zh-CN") == pytest.approx(10 / 12)
    assert token_f1("营业收入1.2亿元", "营业收入1.3亿元", "zh") == pytest.approx(12 / 14)
    assert normalised_answer("1,234万元", "zh") == "1234万元"
    assert CjkTokenizer().tokenize("净利润Net income") == ["净", "利", "润", "net", "income"]


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ("$34.902 million", "$34.90 million", True),  # both 34.90 times a million
        ("$34.91 million", "$34.90 million", False),
        ("$34.90 million", "$34.90 billion", False),  # the scale is wrong
        ("9.6%", "9.60%", True),
        ("9.604%", "9.60%", True),
        ("94,036 million", "94.036 billion", False),  # 94.04 billion after rounding
    ],
)
def test_numbers_by_the_rule_of_tat_qa(left, right, same):
    (a,), (b,) = find_numbers(left), find_numbers(right)
    assert tat_equal(a, b) is same


def test_numbers_are_matched_one_to_one():
    found = number_match("rose 9.6% to $94,036 million", "It was $94,036 million, $94,036 million.")
    assert (found.gold, found.given, found.same) == (2, 2, 1)
    assert number_match("3,490.2万美元", "34.902 million dollars").same == 1
    assert number_match("$94,036 million", "$94 billion").same == 1  # rounded to what it shows
    assert number_match("$94,036 million", "$95 billion").same == 0
    wrong_scale = number_match("$94,036 million", "$94,036 billion")
    assert (wrong_scale.same, wrong_scale.digits, wrong_scale.scaled) == (0, 1, 0)


def test_dates_and_years_are_no_quantities():
    found = number_match("5 units on March 1, 2024", "5 units in 2023")
    assert (found.gold, found.given, found.same) == (1, 1, 1)
