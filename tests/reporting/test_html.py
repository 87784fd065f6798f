"""The report page: complete, self-contained, safe with hostile text, readable."""

import html
import html.parser
import itertools
import json
import re
import shutil
import subprocess
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sftdata.audit import audit
from sftdata.report import AuditReport, CheckResult, Example, Finding, Histogram, Leakage, Totals
from sftdata.reporting.charts import group_picture, histogram, leakage_curve, short
from sftdata.reporting.html import TEMPLATES, WORDS, html_report, write_html
from sftdata.reporting.marks import shared_words

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'{{ 7*7 }}{% raw %}</style>\x00\u202e年报"


class Page(html.parser.HTMLParser):
    """What a browser would see: elements, attributes and text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.links, self.handlers, self.ids, self.text = [], [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        for name, value in attrs:
            if name in ("src", "href", "action", "xlink:href", "data"):
                self.links.append(value)
            if name.startswith("on") or name == "style":
                self.handlers.append((tag, name))
            if name == "id":
                self.ids.append(value)

    def handle_data(self, data):
        self.text.append(data)


def hostile_report():
    rows = [
        {
            "id": f"{s}{HOSTILE}",
            "prompt": f"{HOSTILE} words of a prompt",
            "completion": HOSTILE,
            "split": s,
            "company": HOSTILE,
            "kind": HOSTILE,
        }
        for s in ("train", "test")
    ]
    return audit(rows, group="company")


def rich_report(findings=3):
    example = Example(
        left_id="a",
        right_id="b",
        left_title="train",
        right_title="test",
        left="净利润增长 net sales rose",
        right="净利润下降 net sales fell",
        similarity=0.91,
    )
    found = tuple(
        Finding.of(
            "near_samples",
            "error",
            f"row {i}",
            subject=str(i),
            ids=[f"{i}-{k}" for k in range(40)],
            example=example,
        )
        for i in range(findings)
    )
    bars = Histogram(
        title="Length",
        unit="tokens",
        edges=(0, 100, 200),
        series={"train": (3, 4), "test": (0, 2)},
        threshold=150,
    )
    checks = tuple(
        CheckResult(
            name=f"check_{s}",
            title=f"Title {s}",
            question="Why?",
            status=s,
            findings=found if s == "failed" else (),
            count=7,
            histograms=(bars,) if s == "passed" else (),
            metrics={"a": {"b": 1}, "c": 2},
        )
        for s in ("passed", "failed", "not_verified", "warned")
    )
    return AuditReport(
        dataset="数据集 α",
        verdict="blocked",
        meaning="Do not train.",
        digest="0" * 64,
        totals=Totals(
            rows=9,
            by_split={"train": 7, "test": 2},
            kind_by_split={"evidence": {"train": 7, "test": 2}},
            groups=2,
            largest_groups={"贵州茅台": {"train": 3, "test": 1}, "B": {"train": 4}},
        ),
        checks=checks,
        leakage=(Leakage(train="train", held_out="test", index=0.11, by_row=0.76),),
    )


def test_hostile_text_stays_text():
    report = hostile_report()
    page = Page(html_report(report))
    assert page.tags.count("script") == 1
    assert "img" not in page.tags
    assert not page.handlers
    seen = "".join(page.text)
    assert "<script>alert(1)</script><img src=x onerror=alert(2)>" in seen
    assert "{{ 7*7 }}" in seen
    assert "\x00" not in seen
    assert "\u202e" not in seen


def test_page_asks_for_nothing_and_forbids_it():
    text = html_report(rich_report())
    page = Page(text)
    assert all(link.startswith("#") for link in page.links)
    assert not re.search(r"url\(|@import|https?://", text)
    assert "default-src 'none'" in html.unescape(text)
    assert not {"link", "iframe", "object", "embed", "form"} & set(page.tags)


def test_page_is_well_made():
    text = html_report(rich_report())
    page = Page(text)
    assert len(page.ids) == len(set(page.ids))
    assert {link[1:] for link in page.links} <= set(page.ids)
    heads = [int(t[1]) for t in page.tags if re.fullmatch("h[1-6]", t)]
    assert heads[0] == 1
    assert heads.count(1) == 1
    assert all(b - a <= 1 for a, b in itertools.pairwise(heads))
    assert text.count('role="img" aria') == text.count("<desc") == 4
    labels = "".join(page.text)
    for words in (
        "Blocked",
        "Do not train.",
        "数据集 α",
        "贵州茅台",
        "Title failed",
        "净利润",
        "11.0%",
        "76% if rows",
    ):
        assert words in labels
    order = [labels.index(f"Title {s}") for s in ("failed", "warned", "passed", "not_verified")]
    assert order == sorted(order)


def test_svg_is_sound():
    from lxml import etree

    for drawing in re.findall(r"<svg.*?</svg>", html_report(rich_report()), re.DOTALL):
        root = etree.fromstring(drawing)
        for shape in root.iter("rect"):
            assert float(shape.get("width")) > 0
            assert float(shape.get("x", 0)) + float(shape.get("width")) <= 362


def test_the_page_is_the_same_each_time(tmp_path):
    write_html(rich_report(), tmp_path / "a" / "report.html")
    assert (tmp_path / "a" / "report.html").read_text(encoding="utf-8") == html_report(
        rich_report()
    )


def test_size_is_bounded_and_the_json_names_every_row():
    example = Example(left_id="a", right_id="b", left="x " * 180, right="y " * 180)
    found = [
        Finding.of(
            "c",
            "error",
            "m " * 60,
            subject=str(i),
            ids=[f"row-{i}-{k}" for k in range(3)],
            example=example,
        )
        for i in range(20_000)
    ]

    class Asked:
        name = title = question = why = action = "c"

    result = CheckResult.of(Asked, found, compared="")
    report = rich_report().model_copy(
        update={"checks": tuple(result.model_copy(update={"name": f"c{i}"}) for i in range(18))}
    )
    assert len(html_report(report).encode()) < 3_000_000
    assert result.count == 60_000
    assert {i for f in result.findings for i in f.ids} == {i for f in found for i in f.ids}
    assert "more findings are in the JSON report" in html_report(report)


def luminance(colour):
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, two):
    low, high = sorted((luminance(one), luminance(two)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_contrast_reaches_wcag_aa(theme):
    blocks = re.findall(
        r":root \{(.*?)\}", (TEMPLATES / "audit.css").read_text(encoding="utf-8"), re.DOTALL
    )
    colours = dict(re.findall(r"--([\w]+): (#[0-9a-f]{6})", blocks[0 if theme == "light" else 1]))
    for name in ("ink", "soft", "accent", "failed", "warned", "passed", "unseen"):
        for ground in ("paper", "panel"):
            assert contrast(colours[name], colours[ground]) >= 4.5, (name, ground)
    assert contrast(colours["ink"], colours["mark"]) >= 4.5
    for split in ("s0", "s1", "s2", "s3", "s4", "s5"):
        assert contrast(colours[split], colours["paper"]) >= 3, split


@given(st.text(max_size=60), st.text(max_size=60))
def test_marks_keep_every_letter(left, right):
    mine, other = shared_words(left, right)
    assert "".join(t for t, _ in mine) == left
    assert "".join(t for t, _ in other) == right


def test_marks_work_by_word_and_by_character():
    mine, other = shared_words("公司净利润增长 5%", "公司净利润下降 5%")
    assert [t for t, same in mine if not same] == ["增长"]
    assert [t for t, same in other if not same] == ["下降"]
    assert shared_words("abcdef", "abcxyz")[0] == [("abcdef", False)]


def test_labels_are_cut_by_width():
    assert short("short") == "short"
    assert len(short("贵" * 30)) < len(short("x" * 30)) <= 17


def test_charts_say_in_words_what_they_show():
    chart = group_picture({"A": {"train": 1, "test": 2}, "B": {"train": 3}}, ["train", "test"], 2)
    assert chart.description == "1 of the groups shown stand in more than one split: A"
    data = Histogram(
        title="t", unit="tokens", edges=(0, 1, 2), series={"train": (0, 0), "test": (1, 3)}
    )
    assert histogram(data, ["train", "test"]).legend == [("test", "s1")]
    assert "test: most between 1 and 2 tokens" in histogram(data).description


def test_notebook_table_escapes():
    assert "<script>" not in hostile_report()._repr_html_()
    assert "Blocked" in hostile_report()._repr_html_()
    assert json.loads(hostile_report().to_json())["verdict"] == "blocked"


FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync"
)


def browse(folder, page, *flags):
    """Open a page in a real browser and return what it writes."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        pytest.skip("chromium is not installed")
    profile = f"--user-data-dir={folder / 'profile'}"
    command = [browser, *FLAGS.split(), profile, *flags, page.as_uri()]
    return subprocess.run(command, capture_output=True, timeout=90, check=True).stdout.decode()


@pytest.mark.slow
def test_filters_work_in_a_browser(tmp_path):
    page = tmp_path / "report.html"
    click = "document.querySelector('[data-filter=failed]').click();"
    text = html_report(hostile_report())
    script = (TEMPLATES / "audit.js").read_text(encoding="utf-8")
    page.write_text(
        re.sub(r"<meta http-equiv.*?>", "", text).replace(script, script + click), encoding="utf-8"
    )
    seen = browse(tmp_path, page, "--dump-dom")
    failed = sum(c.status == "failed" for c in hostile_report().checks)
    assert f"{failed} of {len(hostile_report().checks)} checks shown" in seen
    hidden = re.findall(r'<article[^>]*data-status="(\w+)"[^>]*hidden', seen)
    assert len(hidden) == len(hostile_report().checks) - failed
    assert "failed" not in hidden


def joined(text):
    """Letters without white space: lines break elsewhere on paper."""
    return "".join(unicodedata.normalize("NFKC", text).casefold().split())


@pytest.mark.slow
def test_everything_is_on_paper(tmp_path):
    """Printed, every card is open: also those that stand closed on the screen."""
    pdfium = pytest.importorskip(
        "pypdfium2", reason="pypdfium2 is not installed, so no PDF is read"
    )
    rows = [
        {
            "id": f"r{n}",
            "prompt": f"Revenue of company {n} was {n * 917} million. 营业收入{n}万元。",
            "completion": f"{n * 917}",
            "split": "test" if n % 3 == 0 else "train",
            "company": f"Company {n // 2}",
        }
        for n in range(30)
    ]
    report = audit(rows, group="company")
    page, paper = tmp_path / "report.html", tmp_path / "report.pdf"
    page.write_text(html_report(report), encoding="utf-8")
    assert page.read_text(encoding="utf-8").count("<details>") > 5
    browse(tmp_path, page, f"--print-to-pdf={paper}", "--no-pdf-header-footer")
    with pdfium.PdfDocument(paper) as opened:
        assert len(opened) > 0
        seen = joined("".join(p.get_textpage().get_text_range() for p in opened))
    cards = seen[seen.rindex(joined("Checks in detail")) :]
    assert len({c.status for c in report.checks}) > 2
    for check in report.checks:
        head = check.title + WORDS[check.status] + check.question
        assert joined(head) in cards, check.name
        # What stands inside the card, below its title.
        for inside in (check.compared, check.why, check.action):
            assert joined(inside) in cards, check.name
        for name in check.metrics:
            assert joined(name.replace("_", " ")) in cards, check.name


def test_the_curve_says_how_many_samples_are_half_known_and_lies_in_its_frame():
    thresholds = (0.25, 0.5, 0.75, 1.0)
    item = Leakage(
        train="train",
        held_out="test",
        index=0.2,
        by_row=0.9,
        thresholds=thresholds,
        curve=(0.8, 0.3, 0.1, 0.0),
        curves={"row": (1.0, 0.95, 0.9, 0.5), "group": (0.8, 0.4, 0.1, 0.0)},
    )
    chart = leakage_curve([item])
    assert [name for name, _ in chart.legend] == ["this split", "random groups", "random rows"]
    assert "this split: 30% of samples are half known" in chart.description
    assert chart.paths[-1][1] == "s0"
    for path, _ in chart.paths:
        points = [tuple(map(float, p.split())) for p in re.split("[ML]", path)[1:]]
        assert len(points) == 4
        assert all(0 <= x <= chart.width and 0 <= y <= chart.height for x, y in points)
        assert [y for _, y in points] == sorted(y for _, y in points)
    assert leakage_curve([]) is None
    assert leakage_curve([Leakage(train="train", held_out="test", index=0.1)]) is None
