"""The Chinese data card says what the English one says, and nothing that was not measured."""

import pytest
from test_card import audit, inputs, mixed_samples, table_under

from sftdata.registry import BUILTIN
from sftdata.report import CheckResult
from sftdata.reporting.card_counts import CardInputs, Count, count_samples, summarise_lengths
from sftdata.reporting.card_zh import _CHECKS, dataset_card_zh


def privacy(**changes):
    values = {"name": "residual_phi", "title": "t", "question": "?", "status": "passed"}
    return CheckResult(**{**values, **changes})


def audited(check):
    return audit(checks=(check,))


def test_every_number_of_the_contents_was_counted():
    head, *rows = table_under(dataset_card_zh(inputs()), "任务类型")
    assert head == ["任务类型", "训练集 英文", "训练集 中文", "测试集 英文", "测试集 中文"]
    assert {row[0]: row[1:] for row in rows} == {
        "结构化抽取": ["1", "0", "0", "0"],
        "带证据的回答": ["6", "0", "0", "0"],
        "拒答（上下文无法回答）": ["0", "0", "0", "3"],
        "合计": ["7", "0", "0", "3"],
    }
    origin = table_under(dataset_card_zh(inputs()), "文本来源")[1:]
    assert origin == [["生成", "1", "10.0%"], ["原文", "9", "90.0%"]]


def test_the_audit_stands_in_it_and_open_checks_are_not_passed():
    card = dataset_card_zh(inputs(audit=audit()))
    assert "审计结论：**有警告，无阻断项**" in card
    rows = table_under(card, "检查项")
    assert ["分组（公司、患者）不跨集合", "通过", "0"] in rows
    assert ["Near duplicates", "未验证", "—"] in rows  # no check of ours: it keeps its title
    assert "- 未验证：Near duplicates" in card
    assert "本数据集尚未审计" in dataset_card_zh(inputs())


def test_personal_data_are_told_as_the_scan_found_them():
    assert "去标识化状态未验证" in dataset_card_zh(inputs())
    clean = dataset_card_zh(inputs(audit=audited(privacy())))
    assert "扫描结果：未发现" in clean
    hits = privacy(status="warned", count=3, metrics={"hits": {"id_card": 2, "mobile": 5}})
    card = dataset_card_zh(inputs(audit=audited(hits)))
    assert "3 条样本含疑似个人标识" in card
    assert ["居民身份证号", "2"] in table_under(card, "类别")
    # Whether consent was given nobody has measured: it is never claimed.
    for text in (clean, card):
        assert "须由数据处理者自行确认" in text
        assert "已匿名" not in text


@pytest.mark.parametrize(
    ("domain", "words", "absent"),
    [("finance", "投资", "诊断"), ("medical", "诊断", "投资"), ("law", "专业建议", "诊断")],
)
def test_unsuitable_use_fits_the_domain(domain, words, absent):
    key = ("evidence", "train", "en", "f", domain, "source")
    card = dataset_card_zh(inputs(samples=(Count(key=key, rows=1),)))
    assert words in card
    assert absent not in card


def test_a_model_s_words_are_not_called_the_document_s():
    key = ("evidence", "train", "en", "f", "finance", "teacher")
    card = dataset_card_zh(inputs(samples=(Count(key=key, rows=1),)))
    assert "不由大模型生成" not in card
    assert "不由大模型生成" in dataset_card_zh(inputs())


def test_hostile_names_stay_inside_their_cells():
    key = ("evidence", "train", "en", "a|b<script>`\n# x", "finance", "source")
    hostile = CardInputs(
        title="T {{ 7 * 7 }}\n# y<img>",
        description="{% for %}\n# z",
        samples=(Count(key=key, rows=1),),
        removed={"x|y\n# q": 1},
        linked_by=("a`b",),
    )
    card = dataset_card_zh(hostile)
    for text in ("<script>", "<img>", "\n# x", "\n# y", "\n# z", "\n# q", "49"):
        assert text not in card
    assert "{{ 7 * 7 }}" in card


def test_lengths_and_gaps():
    lengths = summarise_lengths(mixed_samples())
    card = dataset_card_zh(inputs(lengths=lengths, max_length=4096, known_gaps=("2019 年前无",)))
    assert "按分词器计数）：中位数 115 个词元，95% 不超过 119，最长 119。上限 4,096" in card
    for gap in ("2019 年前无", "没有验证集", "测试集没有英文、中文的「带证据的回答」样本"):
        assert f"- {gap}" in card
    assert dataset_card_zh(inputs(samples=()))


def test_it_is_the_same_each_time():
    shuffled = mixed_samples().take(list(range(9, -1, -1)))
    assert dataset_card_zh(inputs(samples=count_samples(shuffled))) == dataset_card_zh(inputs())


def test_every_check_has_a_title_in_chinese():
    """A new check needs one in card_zh.py: otherwise Chinese readers get English."""
    assert sorted(BUILTIN["check"]) == sorted(set(_CHECKS) & set(BUILTIN["check"]))
