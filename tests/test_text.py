"""Sentences, blocks and passages: hard cases of both languages, and the laws on real documents."""

import csv
import itertools
import json
import re
import time
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sftdata.text import blocks, estimate_tokens, normalise, passages, sentences
from sftdata.types import Section


def cut(text: str) -> list[str]:
    return [text[a:b] for a, b in sentences(text)]


@pytest.mark.parametrize(
    "parts",
    [
        ["Apple Inc. reported net sales of $94.0 billion.", "Services grew 13%."],
        ["Apple Inc.", "The company reported net sales."],
        ["It sells in the U.S. market and in the U.K. as well.", "Europe follows."],
        ["Sales grew in the U.S.", "The increase was due to iPhone."],
        ["See Note No. 5 and Fig. 2 for details.", "Other items follow."],
        ["Dr. Smith vs. Mr. Jones, e.g. J. P. Morgan & Co. and others.", "The court agreed."],
        ["Item 7. Management’s Discussion and Analysis"],
        ["See Item 7.", "The following table shows it."],
        ["The year ended Sept. 28, 2024 had 52 weeks.", "It ended on a Saturday."],
        ["Rates rose by 0.25 points to 5.5.", "They fell later."],
        ["He said “we will not pay.”", "Then he left."],
        ["Revenue (net of returns) grew.", "(See Note 3.)", "Costs fell."],
        ["Was it fair?", "No!", "Yahoo! agreed."],
        ["Lisinopril 2.5 mg p.o. b.i.d.", "Follow up in 2 weeks."],
        ["Aspirin 81 mg p.o. q.d. with food.", "No bleeding."],
        ["She has hepatitis B.", "The liver is normal."],
        ["PLAN: 1. Rest at home.", "2. Fluids.", "3. Return in 5 days."],
        ["Smith et al. reported it.", "We agree."],
        ["营业收入同比增长12.5%。", "净利润为3.2亿元；", "每股收益1.57元。"],
        ["“收入增长。”", "他说。"],
        ["真的吗？", "是的！", "好。"],
        ["ABC Inc.公司的收入增长。", "利润下降。"],
        ["患者3天前出现发热。", "T:36.5℃，P:80次/分。"],
    ],
)
def test_hard_sentences(parts: list[str]) -> None:
    for glue in (" ", "\n\n"):
        assert cut(glue.join(parts)) == parts


def test_chinese_without_spaces() -> None:
    assert cut("收入增长。利润下降！原因？") == ["收入增长。", "利润下降！", "原因？"]


def test_lines_that_are_sentences() -> None:
    text = "Risks\n- We may lose money\n- We may not\n| a | 1. B |\n| c | 2 |\n一、概况\n二、风险"
    assert cut(text) == text.split("\n")


def test_hard_wrapped_lines_are_one_sentence() -> None:
    wrapped = (
        "The Company designs, manufactures and markets smartphones and\n"
        "Personal computers in a way that the lines are filled up, and\n"
        "sells them."
    )
    assert cut(wrapped) == [wrapped]
    assert len(cut("Overview\nThe Company designs things.\nIt sells them.")) == 3


def test_blocks() -> None:
    text = "A\nB\n| x |\n| y |\nC\n\n\n| z |\n"
    assert [(b.kind, text[b.start : b.end]) for b in blocks(text)] == [
        ("paragraph", "A\nB"),
        ("table", "| x |\n| y |"),
        ("paragraph", "C"),
        ("table", "| z |"),
    ]


PIECES = st.sampled_from(
    ["Net sales rose. ", "净利润增长。", "\n", "\n\n", "| a | 1 |\n", " ", "U.S. ", "3.5%", "x", "“", "。”", "\t", "1. ", "A" * 90]
)  # fmt: skip
TEXTS = st.lists(PIECES, max_size=60).map("".join)


def check_cover(text: str, spans: list[tuple[int, int]]) -> None:
    """Ordered, without overlap, trimmed, and nothing but white space outside."""
    at = 0
    for start, end in spans:
        assert at <= start < end
        assert not text[at:start].strip()
        assert text[start:end].strip() == text[start:end]
        at = end
    assert not text[at:].strip()


@given(TEXTS)
def test_every_character_is_in_one_sentence(text: str) -> None:
    check_cover(text, sentences(text))


@given(TEXTS, st.lists(st.integers(0, 400), max_size=4), st.integers(40, 300), st.integers(0, 80))
def test_every_character_is_in_one_passage(
    text: str, cuts: list[int], max_chars: int, min_chars: int
) -> None:
    borders = sorted(min(c, len(text)) for c in cuts)
    sections = [
        Section(title="", kind="", level=1, start=a, end=b) for a, b in itertools.pairwise(borders)
    ]
    spans = passages(text, sections, max_chars=max_chars, min_chars=min_chars)
    check_cover(text, spans)
    assert spans == passages(text, sections[::-1], max_chars=max_chars, min_chars=min_chars)
    rows = {m.span() for m in re.finditer(r"(?m)^[ \t]*\|.*$", text)}
    for start, end in spans:
        for row_start, row_end in rows:
            inside = start <= row_end and row_start < end
            trimmed = text[row_start:row_end].rstrip()
            assert not inside or end >= row_start + len(trimmed) or end <= row_start
        if end - start > max_chars:
            assert "|" in text[start:end]


def test_caption_stays_and_no_row_is_lost() -> None:
    rows = "\n".join(f"| row {i} | {i * 7} |" for i in range(100))
    text = f"{'Some prose. ' * 60}\n\nNet sales by segment (in millions):\n\n{rows}\n\nText after."
    spans = passages(text, [], max_chars=500, min_chars=50)
    cut_texts = [text[a:b] for a, b in spans]
    first = next(t for t in cut_texts if "| row 0 |" in t)
    assert first.startswith("Net sales by segment")
    kept = [line for t in cut_texts for line in t.split("\n") if line.startswith("|")]
    assert kept == rows.split("\n")
    assert all(len(t) <= 500 for t in cut_texts)


def test_passages_end_at_section_borders() -> None:
    one, two = "Alpha sentence. " * 20, "Beta sentence. " * 20
    text = one + "\n\n" + two
    border = len(one) + 2
    sections = [
        Section(title="a", kind="a", level=1, start=0, end=border),
        Section(title="b", kind="b", level=1, start=border, end=len(text)),
    ]
    assert [text[a:b] for a, b in passages(text, sections)] == [one.strip(), two.strip()]


@pytest.mark.parametrize(
    "unit",
    ["Net sales of Apple Inc. rose 3.5% in the U.S. market. ", "净利润增长。", "| a | 1 |\n", "Heading\n",
     "x", "a\n\n", "1. ", "“”", ".", "…", "?”", " ", "A.", "\n"],
)  # fmt: skip
def test_time_grows_linearly(unit: str) -> None:
    def seconds(size: int) -> float:
        text = unit * (size // len(unit))
        started = time.perf_counter()
        sentences(text)
        passages(text, [])
        return time.perf_counter() - started

    seconds(10_000)
    small = max(min(seconds(50_000) for _ in range(3)), 0.002)
    assert seconds(400_000) / small < 8 * 4


@given(st.text())
def test_normalise_is_idempotent_on_letters_and_space(text: str) -> None:
    once = normalise(text)
    assert not re.search(r"\s\s|^\s|\s$", once)
    assert unicodedata.is_normalized("NFKC", normalise(once)) or once


def test_normalise_masks_numbers() -> None:
    a = normalise("Sales of $94,036 million in 2024", mask_numbers=True)
    assert a == normalise("Sales of $8.5 million in 2019", mask_numbers=True)


def test_estimate_tokens_counts_both_scripts() -> None:
    assert estimate_tokens("净利润" * 100) == 300
    assert 200 <= estimate_tokens("net income " * 100) <= 300


@pytest.mark.real_data
def test_laws_on_real_documents(real_data: Path) -> None:
    texts = []
    for path in sorted((real_data / "sec_10k_items").glob("*.json"))[:3]:
        items = json.loads(path.read_text(encoding="utf-8"))
        texts += [v for v in items.values() if isinstance(v, str) and len(v) > 500][:4]
    for path in sorted((real_data / "zh_annual_report").glob("*.txt")):
        texts.append(path.read_text(encoding="utf-8")[:60_000])
    with (real_data / "mtsamples" / "mtsamples_dev.csv").open(encoding="utf-8") as file:
        texts += [max(row.values(), key=lambda v: len(v or "")) for row in csv.DictReader(file)][
            :40
        ]
    assert len(texts) > 40
    for text in texts:
        check_cover(text, sentences(text))
        check_cover(text, passages(text, []))


@pytest.mark.real_data
def test_real_sentences_do_not_end_in_abbreviations(real_data: Path) -> None:
    """An oracle that the cutter does not share: a sentence begins with no lower-case letter."""
    path = min((real_data / "sec_10k_items").glob("*2021*.json"))
    items = json.loads(path.read_text(encoding="utf-8"))
    text = max((v for v in items.values() if isinstance(v, str)), key=len)
    found = cut(text[:200_000])
    prose = [s for s in found if len(s) > 40]
    assert len(prose) > 200
    assert sum(s[0].islower() for s in prose) / len(prose) < 0.02
    assert not [
        s for s in prose if re.search(r"\b(?:Inc|Mr|Dr|vs|e\.g|i\.e)\.$", s) and len(s) < 60
    ]
