"""A second opinion: plain sets and loops, none of the library's code, on small random datasets."""

import itertools
import re
import unicodedata

from hypothesis import given, settings
from hypothesis import strategies as st

from sftdata.audit import audit

VOCABULARY = [
    "net",
    "sales",
    "rose",
    "fell",
    "margin",
    "patient",
    "dose",
    "收入",
    "增长",
    "Ａ",
    "fever",
]
texts = st.lists(st.sampled_from(VOCABULARY), min_size=1, max_size=9).map(" ".join)
rows = st.lists(
    st.fixed_dictionaries(
        {
            "prompt": texts,
            "completion": st.sampled_from(["yes", "no"]),
            "company": st.sampled_from(["A", "B", "C", "D", "", None]),
            "split": st.sampled_from(["train", "validation", "test"]),
        }
    ),
    min_size=2,
    max_size=14,
)


def words(text):
    folded = unicodedata.normalize("NFKC", text).casefold()
    return re.findall(r"[\u4e00-\u9fff]|[a-z0-9]+", folded)


def shingles(text):
    found = words(text)
    return {tuple(found[i : i + 5]) for i in range(max(1, len(found) - 4))}


def jaccard(left, right):
    return len(left & right) / len(left | right)


def named(report, check, *severities):
    return {i for f in report.check(check).findings if f.severity in severities for i in f.ids}


@settings(max_examples=50, deadline=None)
@given(rows)
def test_brute_force_agrees(data):
    report = audit([{**r, "id": f"r{i}"} for i, r in enumerate(data)], group="company")
    across = [
        (i, j)
        for i, j in itertools.combinations(range(len(data)), 2)
        if data[i]["split"] != data[j]["split"]
    ]
    same_split = [
        (i, j)
        for i, j in itertools.combinations(range(len(data)), 2)
        if data[i]["split"] == data[j]["split"]
    ]
    whole = [
        unicodedata.normalize("NFKC", r["prompt"] + " " + r["completion"]).casefold() for r in data
    ]
    prompts = [unicodedata.normalize("NFKC", r["prompt"]).casefold() for r in data]
    sets = [shingles(r["prompt"] + "\n" + r["completion"]) for r in data]

    groups = {
        f"r{k}"
        for i, j in across
        for k in (i, j)
        if data[i]["company"] and data[i]["company"] == data[j]["company"]
    }
    copied = {f"r{k}" for i, j in across for k in (i, j) if prompts[i] == prompts[j]}
    inside = {f"r{k}" for i, j in same_split for k in (i, j) if whole[i] == whole[j]}
    near = {f"r{k}" for i, j in across for k in (i, j) if jaccard(sets[i], sets[j]) >= 0.8}
    conflicts = {
        f"r{k}"
        for i, j in itertools.combinations(range(len(data)), 2)
        for k in (i, j)
        if prompts[i] == prompts[j] and data[i]["completion"] != data[j]["completion"]
    }
    missing = {f"r{i}" for i, r in enumerate(data) if not r["company"]}

    several = len({r["split"] for r in data}) > 1
    assert named(report, "missing_groups", "warning") == missing
    if several and any(r["company"] for r in data):
        assert named(report, "group_overlap", "error") == groups
    else:
        assert report.check("group_overlap").status == "not_verified"
    assert named(report, "exact_duplicates", "error") == copied
    assert named(report, "exact_duplicates", "warning") == inside
    assert named(report, "near_samples", "error", "warning", "info") == near
    assert named(report, "conflicting_targets", "warning") == conflicts
    blocking = bool(groups or copied) or any(f.severity == "error" for f in report.findings)
    assert (report.exit_code == 1) == blocking
    assert several or report.verdict != "clean"
