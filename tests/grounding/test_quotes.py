import pytest
from hypothesis import given
from hypothesis import strategies as st

from sftdata.grounding.quotes import find_quote, requotes
from sftdata.types import Evidence


def test_requotes_needs_the_very_characters() -> None:
    text = "净利润 rose 5%."
    assert requotes(text, Evidence(document_id="d", start=4, end=8, quote="rose"))
    for start, end, quote in [
        (4, 8, "Rose"),
        (5, 8, "rose"),
        (-4, 0, ""),
        (4, 80, "rose 5%."),
        (3, 3, ""),
    ]:
        assert not requotes(text, Evidence(document_id="d", start=start, end=end, quote=quote))


@pytest.mark.parametrize(
    ("text", "quote", "found"),
    [
        ("a rose 5% b", "rose 5%", "rose 5%"),
        ("a rose\n  5％ b", "rose 5%", "rose\n  5％"),
        ("the Company’s net—sales", "Company's net-sales", "Company’s net—sales"),
        ("净利润 为１２亿元。", "净利润为12亿元", "净利润 为１２亿元"),
        ("rose 5%", "Rose 5%", None),
        ("rose 5%", "rose 6%", None),
        ("rose 5%", "  ", None),
    ],
)
def test_find_quote(text: str, quote: str, found: str | None) -> None:
    span = find_quote(text, quote)
    assert (text[span[0] : span[1]] if span else None) == found


@given(st.text(min_size=1), st.data())
def test_every_part_of_a_text_is_found(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    quote = text[start:end].strip()
    if quote:
        span = find_quote(text, quote)
        assert span is not None
        assert text[span[0] : span[1]] == quote
