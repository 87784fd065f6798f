import json
from pathlib import Path

import pytest

from sftdata.grounding.numbers import number_uses, ungrounded_numbers

CONTEXT = """Apple Inc. 10-K — Item 7
The following table shows net sales (dollars in millions):
| Year ended September | 2024 | Change | 2023 |
| --- | --- | --- | --- |
| Products | 294,866 | (1) % | 298,085 |
| Services | 96,169 | 13 % | 85,200 |
| Total net sales | 391,035 | 2 % | 383,285 |
| Net income (loss) | (2,722) | | 33,364 |
| Share issues | — | | 5 |

The effective tax rate was 24.1% on September 28, 2024. There were 164,000 employees."""


@pytest.mark.parametrize(
    ("output", "how"),
    [
        ("Total net sales were 391,035.", ["verbatim"]),
        ("Total net sales were $391,035 million.", ["rescaled"]),
        ("Total net sales were $391.035 billion [P1].", ["rescaled"]),
        ("Total net sales were about $391.0 billion (P2).", ["rounded"]),
        ("净销售额为3,910.35亿美元【1】。", ["rescaled"]),
        ("The rate was 24.1%, or 24.1 per cent.", ["verbatim", "verbatim"]),
        ("Services grew 12.9%.", ["derived"]),
        ("Products fell by $3,219 million.", ["derived"]),
        ("Services were 24.6% of net sales.", ["derived"]),
        ("Gross of services, 391,035 less 294,866 is 96,169.", ["verbatim"] * 3),
        ("The net loss was $2,722 million.", ["rescaled"]),
        ("There were 164 thousand employees.", ["verbatim"]),
        ("No shares were issued: $0 million.", ["verbatim"]),
        ("In 2024, and on 28 September 2024.", ["verbatim", "verbatim"]),
        ("1. First\n2) Second\n3、Third, the 4th [5] [P1, P2]", []),
    ],
)
def test_grounded(output: str, how: list[str]) -> None:
    assert [use.how for use in number_uses(output, CONTEXT)] == how


@pytest.mark.parametrize(
    ("output", "wrong"),
    [
        ("Total net sales were $391,036 million.", ["$391,036 million"]),
        ("Total net sales were $391.1 billion.", ["$391.1 billion"]),
        ("Total net sales were $391,035 billion.", ["$391,035 billion"]),
        ("The rate was 24.12%.", ["24.12%"]),
        ("Services grew 14.0%.", ["14.0%"]),
        ("A profit rose to -294,866.", ["-294,866"]),
        ("There were 9 of them in 2019.", ["9", "2019"]),
        ("On September 29, 2024.", ["September 29, 2024"]),
        ("净销售额为3,911亿美元，增长7.7%。", ["3,911亿美元", "7.7%"]),
    ],
)
def test_ungrounded(output: str, wrong: list[str]) -> None:
    assert ungrounded_numbers(output, CONTEXT) == wrong


def test_the_questions_own_numbers_do_not_count() -> None:
    asked = "Are there figures for fiscal 2017 and for 42 stores?"
    assert (
        ungrounded_numbers("No figures for fiscal 2017 or 42 stores.", "Text.", question=asked)
        == []
    )


def test_a_date_is_composed_of_header_and_column() -> None:
    table = "| Year Ended December 31, | 2022 | 2023 |\n| Sales | 1 | 2 |"
    assert ungrounded_numbers("As of December 31, 2022.", table) == []
    assert ungrounded_numbers("As of December 31, 2021.", table) == ["December 31, 2021"]


def test_growth_needs_its_own_operands() -> None:
    """A hundred rows hold a pair for nearly any percentage; only named rows may give one."""
    rows = "\n".join(f"| item{i:03d} | {1000 + 37 * i} | {2000 + 91 * i} |" for i in range(100))
    assert ungrounded_numbers("It grew 43.7%.", rows) == ["43.7%"]
    grown = 100 * ((2000 + 91 * 5) / (1000 + 37 * 5) - 1)
    assert ungrounded_numbers(f"item005 grew {grown:.1f}%.", rows) == []


def test_a_bare_small_number_is_not_rescaled_by_chance() -> None:
    assert ungrounded_numbers("It paid $5 million.", "See 5 notes.") == ["$5 million"]
    assert ungrounded_numbers("It paid $5 million.", "In millions: | paid | 5 |") == []


@pytest.mark.real_data
def test_people_s_arithmetic_answers_are_grounded(real_data: Path) -> None:
    """Oracle: analysts' answers over the row or rows that they used (TAT-QA derivations)."""
    pages = json.loads((real_data / "tatqa" / "tatqa_dev_60.json").read_text(encoding="utf-8"))
    good = bad = total = 0
    for page in pages:
        table = "\n".join("| " + " | ".join(row) + " |" for row in page["table"]["table"])
        text = "\n".join(p["text"] for p in page["paragraphs"])
        for question in page["questions"]:
            derivation = question.get("derivation") or ""
            if question["answer_type"] != "arithmetic" or derivation.count("/") > 1:
                continue
            if any(op in derivation for op in "+*[") or not question["answer"]:
                continue
            total += 1
            percent = "%" if question["scale"] == "percent" else ""
            said = f"{derivation.replace('-', ' - ')} = {question['answer']}{percent}"
            good += not ungrounded_numbers(
                said, f"{table}\n\n{text}", question=question["question"]
            )
            wrong = f"{derivation.replace('-', ' - ')} = {float(question['answer']) * 1.37 + 1:.2f}{percent}"
            bad += bool(
                ungrounded_numbers(wrong, f"{table}\n\n{text}", question=question["question"])
            )
    assert total >= 20
    assert good / total >= 0.85
    assert bad / total >= 0.9


def test_the_length_of_a_period_is_no_figure_in_either_language():
    row = "| | Twelve months ended June 30, 2023 |\n| Net income (in millions) | 1,294 |"
    told = {
        "zh": "截至2023年6月30日止十二个月净利润为12.94亿美元。",
        "en": "Net income for the twelve months ended June 30, 2023 was $1,294 million.",
    }
    for text in told.values():
        assert ungrounded_numbers(text, row) == []
    assert ungrounded_numbers("止于十二个门店。", row) == ["十二"]
