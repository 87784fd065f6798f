"""Extraction: hand-counted fields, optimal pairing against brute force, seqeval for entities."""

import itertools
import random

import pytest

from sftdata.evaluation.fields import Tally, compare, normalised_value
from sftdata.evaluation.spans import entities, shared_entities


def total(gold, given):
    found = Tally()
    for tally in compare(gold, given).values():
        found.add(tally)
    return found


def test_values_are_compared_normalised():
    gold = {"form": "10-K", "shares": "50,611,240", "date": "2025-02-01", "flag": True, "x": "利润"}
    given = {
        "form": "10-k",
        "shares": 50611240,
        "date": "February 1, 2025",
        "flag": "true",
        "x": " 利润 ",
    }
    found = total(gold, given)
    assert (found.right, found.gold, found.given) == (5, 5, 5)


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ("021701", "21701", False),  # a postal code
        ("94036", "94,036.00", True),
        ("-5", "5", False),
        ("1.2亿", "120000000", True),
        ("", None, True),
        ("N/A", None, False),  # a model that writes N/A has made a value up
    ],
)
def test_normalised_values(left, right, same):
    assert (normalised_value(left) == normalised_value(right)) is same


def test_missing_hallucinated_and_extra_are_told_apart():
    gold = {"a": "1", "b": None, "c": ["x", "y"], "d": []}
    found = total(gold, {"b": "made up", "c": ["y", "z", "w"], "d": ["v"], "e": "new"})
    assert (found.gold, found.missing) == (3, 1)  # a is missing; x became z
    assert (found.null_gold, found.hallucinated) == (2, 2)  # b and d
    assert found.extra == 3  # w, v and e
    assert (found.right, found.given) == (1, 6)


def test_no_answer_misses_everything():
    found = total({"a": 1, "b": {"c": 2}, "l": [{"m": 3}]}, None)
    assert (found.right, found.given, found.gold, found.missing) == (0, 0, 3, 3)


def test_items_are_paired_so_that_most_values_agree():
    """Against brute force over every pairing, where the greedy choice would be wrong."""
    dice = random.Random(1)
    for _ in range(60):
        gold = [{k: dice.randint(0, 2) for k in "abc"} for _ in range(dice.randint(0, 4))]
        given = [{k: dice.randint(0, 2) for k in "abc"} for _ in range(dice.randint(0, 4))]
        short, long = sorted((gold, given), key=len)
        best = max(
            sum(sum(x[k] == y[k] for k in "abc") for x, y in zip(short, chosen, strict=True))
            for chosen in itertools.permutations(long, len(short))
        )
        assert total({"l": gold}, {"l": given}).right == best


def test_cells_of_a_table_keep_their_column():
    def table(*values):
        return {"columns": ["2024", "2023"], "rows": [{"label": "Cash", "values": list(values)}]}

    assert total(table("1", "2"), table("1", "2")).right == 5
    assert total(table("1", "2"), table("2", "1")).right == 3
    assert total({"l": ["1", "2"]}, {"l": ["2", "1"]}).right == 2


def test_numbers_exact_and_within_half_a_unit():
    gold = {"a": "182800000", "b": "182800000", "c": "182800000", "d": "182800000"}
    given = {"a": "182.8 million", "b": "183 million", "c": "182 million", "d": "183000000"}
    found = total(gold, given)
    assert (found.numbers, found.numbers_exact, found.numbers_near) == (4, 1, 2)


def test_paths_tell_the_field():
    found = compare(
        {"drugs": [{"name": "a", "dose": "5"}]}, {"drugs": [{"name": "a", "dose": "6"}]}
    )
    assert found["drugs[].name"].right == 1
    assert found["drugs[].dose"].right == 0


def test_a_huge_answer_is_scored_in_bounded_time():
    found = total({"l": [{"a": i} for i in range(30)]}, {"l": [{"a": 1}] * 100_000})
    assert found.right == 1
    assert found.given == 2_000


def test_hostile_shapes():
    deep = value = {}
    for _ in range(200):
        value["a"] = {}
        value = value["a"]
    for given in (
        {"a": deep},
        {"a": [[[]]]},
        [],
        "text",
        5,
        {"a": {"b": [None]}},
        {"a": float("inf")},
    ):
        assert total({"a": [{"b": "x"}]}, given).right == 0


def test_entities_agree_with_seqeval():
    metrics = pytest.importorskip("seqeval.metrics")
    scheme = pytest.importorskip("seqeval.scheme")
    source = "aspirin 5 mg and warfarin 2 mg for pain"
    gold = {"drug": ["aspirin", "warfarin"], "dose": ["5 mg", "2 mg"]}
    given = {"drug": ["aspirin", "pain"], "dose": ["2 mg", "for"]}

    def tags(found):
        words, at = [], 0
        for word in source.split():
            start = source.index(word, at)
            at = start + len(word)
            tag = "O"
            for path, a, b in found:
                if a <= start and at <= b:
                    tag = ("B-" if a == start else "I-") + path.replace("[]", "")
            words.append(tag)
        return words

    mine, theirs = entities(gold, source), entities(given, source)
    reference = metrics.f1_score([tags(mine)], [tags(theirs)], mode="strict", scheme=scheme.IOB2)
    ours = 2 * shared_entities(mine, theirs) / (len(mine) + len(theirs))
    assert ours == pytest.approx(reference)
