"""Names that may be one company's are listed; series and strangers are not."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sftdata.similarity.names import near_names


@pytest.mark.parametrize(
    ("left", "right", "why"),
    [
        ("alphabet", "alphabet holdings", "generic_words"),
        ("first bancorp", "first bancorporation", "generic_words"),
        ("honeywell intl", "honeywell international", "generic_words"),
        ("face book", "facebook", "spacing"),
        ("bank america", "america bank", "word_order"),
        ("microsoft", "mircosoft", "one_letter"),
        ("walmart", "walmarts", "one_letter"),
        ("procter and gamble", "proctor and gamble", "one_letter"),
        ("贵州茅台", "贵州茅台集团", "generic_words"),
        ("海尔智家", "海尔智能", "one_letter"),
        ("腾讯控股", "腾讯", "generic_words"),
    ],
)
def test_names_that_a_person_should_look_at(left, right, why):
    found = near_names([left, "unrelated oil", right])
    assert [(n.left, n.right, n.why) for n in found] == [(*sorted((left, right)), why)]
    assert near_names([right, left, right, "unrelated oil"]) == found


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("growth fund ii", "growth fund iii"),
        ("ford credit trust 2021 1", "ford credit trust 2021 2"),
        ("series a", "series b"),
        ("apple", "maple"),
        ("aflac", "alphabet"),
        ("平安银行", "平安证券"),
        ("中国一重", "中国二重"),
        ("visa", "vista"),
        ("group", "holdings"),
    ],
)
def test_series_and_strangers_are_not_listed(left, right):
    assert near_names([left, right]) == []


def edits(a, b):
    """Optimal string alignment distance, by the textbook table."""
    rows = [[i + j if i * j == 0 else 0 for j in range(len(b) + 1)] for i in range(len(a) + 1)]
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            rows[i][j] = min(
                rows[i - 1][j] + 1,
                rows[i][j - 1] + 1,
                rows[i - 1][j - 1] + (a[i - 1] != b[j - 1]),
            )
            if i > 1 and j > 1 and a[i - 1] == b[j - 2] and a[i - 2] == b[j - 1]:
                rows[i][j] = min(rows[i][j], rows[i - 2][j - 2] + 1)
    return rows[-1][-1]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.text("klmo", min_size=6, max_size=9), min_size=2, max_size=8, unique=True))
def test_one_edit_is_what_the_textbook_says(names):
    found = {(n.left, n.right) for n in near_names(names)}
    expected = {(a, b) for a in names for b in names if a < b and edits(a, b) == 1}
    assert found == expected


def test_twenty_thousand_names_are_quick():
    names = [
        f"{'bcdfghjklm'[i % 10]}{'aeiou'[i // 10 % 5]}rno{chr(97 + i // 50 % 26)}k word{i}"
        for i in range(20_000)
    ]
    started = time.process_time()
    near_names([*names, "acme widget", "acme widgets"])
    assert time.process_time() - started < 5
