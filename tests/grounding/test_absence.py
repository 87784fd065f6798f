"""The proof of a refusal: every planted way to answer after all must be found."""

from dataclasses import replace
from decimal import Decimal

import pytest

from sftdata.grounding.absence import METHODS, Asked, prove_absent
from sftdata.types import Fact, Key

YEAR = "2023-10-01/2024-09-28"
SALES = Asked(
    method="span_removed",
    values=("391,035",),
    numbers=(Decimal(391035000000),),
    labels=("Total net sales", "Net sales", "净销售额"),
    period=YEAR,
    names=("us-gaap:Revenues",),
)
SILENT = """Apple Inc. 10-K — Item 7

Services growth reflects advertising. In 2023, total net sales were $383.3 billion.

| | 2023 |
| --- | --- |
| Net sales | 383,285 |

研发费用为313.7亿美元。"""


def fact(name: str, value: str, period: str = YEAR, **more: object) -> Fact:
    given = {"fact_id": name + value, "label": name, "kind": "numeric"} | more
    return Fact(name=name, value=value, number=Decimal(value), period=period, **given)  # type: ignore[arg-type]


def failed(context: str, asked: Asked) -> list[str]:
    return [check.name for check in prove_absent(context, asked) if not check.passed]


def test_a_silent_context_is_proved() -> None:
    checks = prove_absent(SILENT, SALES)
    assert [c.name for c in checks] == [
        "absent_value",
        "absent_label",
        "not_derivable",
        "absent_fact",
    ]
    assert all(c.passed for c in checks)


@pytest.mark.parametrize(
    ("planted", "name"),
    [
        ("It was 391,035 in the end.", "absent_value"),
        ("It came to $391.0 billion.", "absent_value"),
        ("约为3,910亿美元。", "absent_value"),
        ("总额３９１，０３５百万美元。", "absent_value"),
        ("It lost (391,035).", "absent_value"),
        ("In fiscal 2024 total net sales grew.", "absent_label"),
        ("2024财年净销售额有所增长。", "absent_label"),
        ("As of September 28, 2024, NET  SALES were strong.", "absent_label"),
        ("| | 2024 |\n| Net sales | n/a |", "absent_label"),
        ("Net sales for 2024:\n| Americas | 5 |\n| Net sales | 7 |", "absent_label"),
        ("Net sales came to 390 of something.", "absent_label"),
        ("In 2023, net sales were 2 % lower than a year later.", "not_derivable"),
        ("2023年净销售额同比下降2%。", "not_derivable"),
    ],
)  # fmt: skip
def test_a_second_mention_is_found(planted: str, name: str) -> None:
    assert name in failed(f"{SILENT}\n\n{planted}", SALES)


@pytest.mark.parametrize(
    ("facts", "name"),
    [
        ([fact("us-gaap:Revenues", "391035000000")], "absent_fact"),
        ([fact("us-gaap:Revenues", "1", dimensions=(Key(kind="Segment", value="Americas"),))], "not_derivable"),
        ([fact("x:A", "200000000000"), fact("x:B", "191035000000")], "not_derivable"),
        ([fact("x:YTD", "500000000000"), fact("x:Q", "108965000000")], "not_derivable"),
        ([fact("us-gaap:GrossProfit", "1"), fact("us-gaap:CostOfRevenue", "2")], "not_derivable"),
    ],
)  # fmt: skip
def test_a_tagged_way_to_the_answer_is_found(facts: list[Fact], name: str) -> None:
    assert name in failed(SILENT, replace(SALES, facts_in_context=tuple(facts)))


def test_facts_of_another_period_prove_nothing() -> None:
    other = [fact("us-gaap:Revenues", "383285000000", "2022-09-25/2023-09-30")]
    assert failed(SILENT, replace(SALES, facts_in_context=tuple(other))) == []


def test_small_numbers_and_years_count_beside_a_label_only() -> None:
    asked = Asked(
        method="span_removed",
        values=("7",),
        numbers=(Decimal(7),),
        labels=("pain score",),
        period="2024-05-01",
    )
    assert failed("On 2023-01-01 she took 7 tablets.", asked) == []
    assert "absent_value" in failed("On 2023-01-01 the pain score was 7.", asked)


def test_values_as_text_and_dates() -> None:
    asked = Asked(
        method="span_removed",
        values=("2024-05-01", "lisinopril"),
        labels=("drug",),
        period="2020-01-01",
    )
    assert failed("Metformin since 2023.", asked) == []
    assert "absent_value" in failed("Started on May 1, 2024.", asked)
    assert "absent_value" in failed("Started LISINOPRIL in 2023.", asked)


def test_absent_field() -> None:
    asked = Asked(method="field_absent", labels=("Goodwill", "商誉"), names=("us-gaap:Goodwill",))
    assert failed("Intangible assets were $5 million.", asked) == []
    assert failed("We test goodwill each year.", asked) == ["absent_label"]
    assert failed("公司无商誉。", asked) == ["absent_label"]
    tagged = replace(asked, facts_in_context=(fact("us-gaap:Goodwill", "5"),))
    assert failed("Text.", tagged) == ["absent_fact"]


def test_absent_period() -> None:
    asked = Asked(
        method="period_not_in_context",
        labels=("Net sales", "净销售额"),
        period="2021-09-26/2022-09-24",
        period_texts=("2022",),
        names=("us-gaap:Revenues",),
    )
    assert failed("In 2024 net sales were 5. In 2023 they were 4.", asked) == []
    assert "absent_period" in failed("Net sales in FY22 were 5.", asked)
    assert "absent_period" in failed("截至2022年9月24日止年度", asked)
    assert "not_derivable" in failed("In 2023 net sales rose 4% from the prior year.", asked)
    assert "not_derivable" in failed("2023年净销售额同比增长4%。", asked)
    old = (fact("us-gaap:Revenues", "5", "2021-09-26/2022-09-24"),)
    assert failed("In 2024.", replace(asked, facts_in_context=old)) == ["absent_fact"]


@pytest.mark.parametrize(
    ("alias", "planted"),
    [
        ("Mastercard Incorporated", "We compete with MasterCard and others."),
        ("Netflix, Inc.", "Netflix is a customer."),
        ("Maria Gonzalez", "Patient: GONZALEZ, MARIA"),
        ("四方科技集团股份有限公司", "四方科技的订单增加。"),
    ],
)
def test_absent_entity(alias: str, planted: str) -> None:
    asked = Asked(method="entity_not_in_context", entity_aliases=(alias,))
    assert failed("Apple Inc. reported net sales.", asked) == []
    assert failed(f"Apple Inc. {planted}", asked) == ["absent_entity"]


def test_advice_and_forecasts() -> None:
    advice = Asked(method="out_of_scope_advice", labels=("shares", "metformin", "二甲双胍"))
    assert failed("The company repurchased shares in 2024.", advice) == []
    for planted in (
        "Our price target is $50.",
        "Discontinue metformin.",
        "建议停用二甲双胍。",
        "维持买入评级",
    ):
        assert failed(planted, advice) == ["no_recommendation_in_context"]
    future = Asked(method="future_prediction", labels=("net sales",))
    assert failed("Net sales grew in 2024.", future) == []
    assert failed("We expect net sales to grow.", future) == ["no_forecast_in_context"]


@pytest.mark.parametrize("method", [*METHODS, "ambiguous_reference", "nonsense"])
def test_a_proof_without_its_premises_fails(method: str) -> None:
    checks = prove_absent("Text.", Asked(method=method))
    if method in ("out_of_scope_advice", "future_prediction"):
        assert all(c.passed for c in checks)
    else:
        assert not all(c.passed for c in checks)


def test_details_hold_no_text_of_the_context() -> None:
    for check in prove_absent("Total net sales were $391,035 million for Jane Roe in 2024.", SALES):
        assert "391" not in check.detail
        assert "Jane" not in check.detail
