"""Numbers, dates and periods: tables of hard cases, and exact round trips in both languages."""

import itertools
import json
import time
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sftdata.quantities import (
    Match,
    amount,
    date_words,
    find_dates,
    find_numbers,
    money,
    number,
    parse_number,
    percent,
    period_days,
    period_texts,
    period_words,
    same_number,
    unit_words,
)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("94,036", ["94036"]),
        ("(1,234)", ["-1234"]),
        ("| (5) | (12.3)% | $ (1,234) | -3 |", ["-5", "-0.123", "-1234", "-3"]),
        ("a net loss of $(1.5) million", ["-1500000"]),
        ("grew (12.3%) in (2024), see (3)", ["0.123", "2024", "3"]),
        ("$2.5 billion, US$3.5B, $94m", ["2500000000", "3500000000", "94000000"]),
        ("RMB 5.2 million and HK$1,000", ["5200000", "1000"]),
        ("12.3% or 12.3 percent or 12.3 per cent", ["0.123"] * 3),
        ("up 2.5 percentage points, 25 basis points", ["0.025", "0.0025"]),
        ("-$94,036 million and $-5.00", ["-94036000000", "-5"]),
        ("５．２％ and １，２３４", ["0.052", "1234"]),
        ("1.2亿元，三千万元，1亿2000万元", ["120000000", "30000000", "120000000"]),
        ("940.36亿美元，94,036百万美元，5千克", ["94036000000", "94036000000", "5"]),
        ("百分之十二点三，增长12.5个百分点", ["0.123", "0.125"]),
        ("每股1.57美元，人民币1,234.56元", ["1.57", "1234.56"]),
        ("三十二例患者，一亿二千万元", ["32", "120000000"]),
        ("two million shares", ["2000000"]),
        ("BP 120/80 mmHg, HR 72bpm, 500mg, 36.2℃", ["120", "80", "72", "500", "36.2"]),
        ("55-year-old, 3-month, 5-10%", ["55", "3", "5", "0.10"]),
        ("WBC 7.2 ×10^3/uL", ["7.2"]),
        ("from –3.2 to 1.5–2.5", ["-3.2", "1.5", "2.5"]),
        ("(94,036 − 85,777) ÷ 85,777", ["94036", "85777", "85777"]),
        ("P:80次/分，R:18次/分", ["80", "18"]),
    ],
)
def test_numbers(text: str, values: list[str]) -> None:
    found = find_numbers(text)
    assert [m.value for m in found] == [Decimal(v) for v in values]
    assert all(text[m.start : m.end] == m.raw for m in found)


@pytest.mark.parametrize(
    "text",
    [
        "P2Y8M COVID-19 F-150 10-K 401(k) Q3 FY2024 3M H1N1 B12 A1c",
        "9/28/2024, September 28, 2024, 2024年9月28日, 2024-09-28T10:30:00Z",
        "tel 408-996-1010, 0001193125-20-123456, 10.1.2.3, v1.2.3, 10:30",
        "the 21st and 3rd, 第3季度, 第三节",
        "一般 十分 百度 万一 一千五",
        "https://example.com/2024/56 a1@b2.com",
        "9" * 60,
    ],
)
def test_not_numbers(text: str) -> None:
    assert find_numbers(text) == []


def test_currency_and_scale_are_known() -> None:
    found = find_numbers("$5 million 五 3.2亿欧元 £7 12,000元")
    assert [(m.currency, m.scale_word) for m in found] == [
        ("USD", "million"), ("EUR", "亿"), ("GBP", ""), ("CNY", ""),
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["", "n/a", "—", "Q3 2024", "1 2", "two"])
def test_not_one_number(text: str) -> None:
    assert parse_number(text) is None


VALUES = st.builds(
    lambda digits, exponent: Decimal(digits).scaleb(-exponent),
    st.integers(-(10**15), 10**15),
    st.integers(0, 4),
)
UNITS = st.sampled_from(["USD", "EUR", "CNY", "JPY", "HKD", "CHF", "USD/shares"])
LOCALES = st.sampled_from(["en", "zh"])


@given(VALUES, UNITS, LOCALES, st.sampled_from([None, 0, 3, 6, 9]), st.sampled_from("，,. 。"))
def test_money_reads_back(
    value: Decimal, unit: str, locale: str, scale: int | None, after: str
) -> None:
    text = f"为 {money(value, unit, locale, scale)}{after}"
    found = find_numbers(text)
    assert [m.value for m in found] == [value]
    assert found[0].currency == unit[:3]


@given(VALUES)
def test_number_and_percent_read_back(value: Decimal) -> None:
    assert parse_number(number(value)) == value
    assert parse_number(percent(value)) == value
    assert find_numbers(amount(value, "shares"))[0].value == value
    assert find_numbers(amount(value, "mm[Hg]", "zh"))[0].value == value


@given(st.integers(1, 9999), st.integers(1, 999))
def test_chinese_numerals_read_back(tens: int, low: int) -> None:
    """An independent writer of numerals: digits and units place by place."""

    def four(n: int) -> str:
        out = ""
        for power, unit in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
            digit = n // power % 10
            if digit:
                out += "零一二三四五六七八九"[digit] + unit
            elif out and not out.endswith("零") and n % power:
                out += "零"
        return out

    value = tens * 10**4 + low
    text = f"{four(tens)}万{'零' if low < 1000 else ''}{four(low)}元"
    assert [m.value for m in find_numbers(text)] == [Decimal(value)]


@pytest.mark.parametrize(
    ("text", "iso", "precision"),
    [
        ("September 28, 2024", "2024-09-28", "day"),
        ("as of Sept. 28, 2024.", "2024-09-28", "day"),
        ("28 Sep 2024", "2024-09-28", "day"),
        ("28-Sep-2024", "2024-09-28", "day"),
        ("9/28/2024", "2024-09-28", "day"),
        ("28/9/2024", "2024-09-28", "day"),
        ("3/4/68", "2068-03-04", "day"),
        ("2024-09-28T10:00:00+08:00", "2024-09-28", "day"),
        ("截至2024-09-28止", "2024-09-28", "day"),
        ("2024年9月28日", "2024-09-28", "day"),
        ("2024 年 9 月 28 日", "2024-09-28", "day"),
        ("二〇二四年九月二十八日", "2024-09-28", "day"),
        ("May 2024", "2024-05-01", "month"),
        ("2024年9月", "2024-09-01", "month"),
        ("2024年度", "2024-01-01", "year"),
        ("2018财年", "2018-01-01", "year"),
        ("fiscal 2024", "2024-01-01", "year"),
        ("FY2024", "2024-01-01", "year"),
    ],
)
def test_dates(text: str, iso: str, precision: str) -> None:
    assert [(m.value.isoformat(), m.precision) for m in find_dates(text)] == [(iso, precision)]


@pytest.mark.parametrize(
    "text", ["2024-02-30", "13/13/2024", "2024", "120/80", "Marching 2, 2024x"]
)
def test_not_dates(text: str) -> None:
    assert find_dates(text) == []


@given(st.dates(date(1900, 1, 1), date(2099, 12, 31)), LOCALES)
def test_dates_read_back(day: date, locale: str) -> None:
    for text in (date_words(day.isoformat(), locale), *period_texts(day.isoformat())[:-1]):
        assert [m.value for m in find_dates(f"to {text}, then")] == [day]


@pytest.mark.parametrize(
    ("period", "en", "zh"),
    [
        ("2024-03-31/2024-06-29", "the three months ended June 29, 2024", "截至2024年6月29日止三个月"),
        ("2023-10-01/2024-03-30", "the six months ended March 30, 2024", "截至2024年3月30日止六个月"),
        ("2023-10-01/2024-06-29", "the nine months ended June 29, 2024", "截至2024年6月29日止九个月"),
        ("2023-10-01/2024-09-28", "the fiscal year ended September 28, 2024", "截至2024年9月28日止财政年度"),
        ("2023-01-29/2024-02-03", "the fiscal year ended February 3, 2024", "截至2024年2月3日止财政年度"),
        ("2024-01-01/2024-01-31", "the month ended January 31, 2024", "截至2024年1月31日止一个月"),
        ("2024-01-01/2024-04-21", "the 16 weeks ended April 21, 2024", "截至2024年4月21日止16周"),
        ("2024-01-05/2024-01-20", "the period from January 5, 2024 to January 20, 2024", "2024年1月5日至2024年1月20日"),
        ("2024-09-28", "as of September 28, 2024", "截至2024年9月28日"),
    ],
)  # fmt: skip
def test_periods(period: str, en: str, zh: str) -> None:
    assert period_words(period) == en
    assert period_words(period, "zh") == zh
    assert period_words(period, form="noun") == en.removeprefix("the ").removeprefix("as of ")


@given(st.dates(date(1990, 1, 1), date(2090, 1, 1)), st.integers(1, 800), LOCALES)
def test_a_period_names_its_end(start: date, days: int, locale: str) -> None:
    end = start + timedelta(days - 1)
    period = f"{start}/{end}"
    assert period_days(period) == days
    assert find_dates(period_words(period, locale))[-1].value == end
    assert end.isoformat() in period_words(period, locale, form="short")


@pytest.mark.parametrize(
    ("value", "unit", "locale", "scale", "text"),
    [
        ("94036000000", "USD", "en", 6, "$94,036 million"),
        ("94036000000", "USD", "zh", 6, "940.36亿美元"),
        ("94036500000", "USD", "zh", 6, "940.365亿美元"),
        ("261900000", "USD", "zh", 6, "2.619亿美元"),
        ("41990500", "USD", "zh", 6, "4,199.05万美元"),
        ("150123456", "USD", "zh", 0, "150,123,456美元"),
        ("5000", "USD", "zh", 3, "5,000美元"),
        ("94000000000", "USD", "en", None, "$94 billion"),
        ("94036000000", "USD", "en", None, "$94,036 million"),
        ("94036123456", "USD", "en", 6, "$94,036,123,456"),
        ("1.57", "USD/shares", "en", 0, "$1.57 per share"),
        ("1.57", "USD/shares", "zh", 0, "每股1.57美元"),
        ("-2500000", "CNY", "en", 6, "-CNY 2.5 million"),
        ("12345678", "CNY", "zh", None, "12,345,678元"),
        ("14935826000", "shares", "en", 3, "14,935,826,000 shares"),
        ("10383000000", "shares", "en", 6, "10,383 million shares"),
        ("10383000000", "shares", "zh", 6, "103.83亿股"),
        ("0.241", "pure", "en", -2, "24.1%"),
        ("1.25", "pure", "en", 0, "1.25"),
    ],
)
def test_money(value: str, unit: str, locale: str, scale: int | None, text: str) -> None:
    assert money(Decimal(value), unit, locale, scale) == text


def test_money_refuses_what_is_no_number() -> None:
    with pytest.raises(ValueError, match="plain decimal digits"):
        money("about five")


@pytest.mark.parametrize(
    ("unit", "en", "zh"),
    [
        ("mg/dL", "mg/dL", "mg/dL"),
        ("mm[Hg]", "mmHg", "mmHg"),
        ("{score}", "", ""),
        ("10*3/uL", "×10^3/µL", "×10^3/µL"),
        ("/min", "/min", "次/分"),
        ("Cel", "°C", "°C"),
        ("kg/m2", "kg/m²", "kg/m²"),
        ("mL/min/{1.73_m2}", "mL/min/1.73 m²", "mL/min/1.73 m²"),
        ("a", "years", "年"),
        ("shares", "shares", "股"),
        ("pure", "", ""),
        ("USD/shares", "USD per share", "每股美元"),
        (None, "", ""),
    ],
)
def test_units(unit: str | None, en: str, zh: str) -> None:
    assert (unit_words(unit), unit_words(unit, "zh")) == (en, zh)


@pytest.mark.parametrize(
    ("left", "right", "match"),
    [
        ("5", "5.0", Match.EXACT),
        ("94036", "94036000000", Match.RESCALED),
        ("9403.6", "94036000", Match.RESCALED),
        ("0.123", "12.3", Match.RESCALED),
        ("9.40E+10", "94036000000", Match.ROUNDED),
        ("94.0", "94036000000", Match.ROUNDED),
        ("94", "94036000000", Match.NONE),
        ("94.1", "94036000000", Match.NONE),
        ("5", "-5", Match.NONE),
        ("0", "0.04", Match.NONE),
        ("12.3", "12.34", Match.ROUNDED),
        ("12.3", "12.36", Match.NONE),
    ],
)
def test_same_number(left: str, right: str, match: Match) -> None:
    assert same_number(Decimal(left), Decimal(right)) is match
    assert same_number(Decimal(right), Decimal(left)) is match
    assert bool(match) is (match is not Match.NONE)


@given(st.text(alphabet="0123456789,.()$%-–万亿千 |美元\nA年月日第三", max_size=60))
def test_any_text_can_be_read(text: str) -> None:
    found = find_numbers(text)
    assert all(a.end <= b.start for a, b in itertools.pairwise(found))
    assert all(text[m.start : m.end] == m.raw for m in [*found])
    find_dates(text)


@pytest.mark.parametrize(
    "unit",
    [
        "a",
        "1",
        "1,111",
        "1.",
        "1-",
        "(",
        "$ ",
        "| (5 ",
        "May ",
        "一二三万",
        "a@",
        "http://",
        "2024-",
        "2024年",
        "-",
        "%",
    ],
)
def test_reading_time_grows_linearly(unit: str) -> None:
    def seconds(size: int) -> float:
        text = unit * (size // len(unit))
        started = time.perf_counter()
        find_numbers(text)
        return time.perf_counter() - started

    seconds(1000)
    small = max(min(seconds(10_000) for _ in range(3)), 0.002)
    assert seconds(80_000) / small < 8 * 4


@pytest.mark.real_data
def test_gold_answers_of_tatqa_are_read(real_data: Path) -> None:
    """People wrote these spans; a span of digits must be one number, at its place in the text."""
    path = next((real_data / "tatqa").glob("*.json"))
    read = total = 0
    for page in json.loads(path.read_text(encoding="utf-8"))[:200]:
        for question in page["questions"]:
            if question["answer_type"] == "span" and len(question["answer"]) == 1:
                answer = str(question["answer"][0])
                if answer.replace(",", "").replace(".", "").strip("$()% ").isdigit():
                    total += 1
                    read += parse_number(answer) is not None
    assert total > 50
    assert read / total > 0.98
