"""The second opinion on lineage: names, versions, facts, quotes, twins, dates; sets and loops only.

What is alike is written down by hand here; nothing is folded, parsed or hashed as the audit does.
"""

from collections import Counter, defaultdict
from itertools import combinations

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from sftdata.audit import audit

SPLITS = ["train", "validation", "test"]
# Name → the name that it stands for, as a person reads it.
NAMES = {
    "Alder Inc": "alder", "ALDER, INC.": "alder", "alder": "alder", "0042": "42", "cik-42": "42",
    "Birchwood Mills": "birchwood", "Cedar 1": "c1", "Cedar 2": "c2", "贵州茅台酒": "茅台",
    "贵州茅台酒股份有限公司": "茅台", "北京同仁堂": "同仁堂",
}  # fmt: skip
ONE_LETTER = {("Birchwood Mills", "Birchwood Mils"), ("Hawthorne Works", "Hawthorn Works")}
NAMES |= {name: name for pair in ONE_LETTER for name in pair}
# Document → the work that it is a version of.
WORKS = {
    "doc-1": "1", "doc-1-v2": "1", "doc-1_amended": "1", "cik-9-10-K-2024": "9",
    "cik-9-10-K/A-2024": "9", "年报": "n", "年报更正版": "n", "doc-2": "2", "doc-3": "3",
}  # fmt: skip
# Quote → significant digits of its figures, and whether it is long enough to tell by itself.
QUOTES = {
    "Net sales were 48,213 thousand.": (5, False),
    "Sales of 48,213 and costs of 37,119.": (10, False),
    "本年度营业收入为48213万元。": (5, False),
    "She fell twice.": (0, False),
    "The letter names a severe reaction to penicillin in early childhood.": (0, True),
    "出院小结记载患者幼年时曾对青霉素有严重过敏反应。": (0, True),
}
DATES = {
    "2023-12-31": "2023-12-31", "2024-01-05": "2024-01-05", "2024/3/9": "2024-03-09",
    "2024年10月2日": "2024-10-02", "2025-02-01T08:00:00": "2025-02-01", "n/a": "", "": "",
}  # fmt: skip
FACTS = ["acme|sales|2024|=5", "acme|sales|2023|=4", "甲公司|收入|2024|=9", "|sales|2024|=5"]
IDS = [f"r{n}" for n in range(14)]
SPAN = pa.struct([("document_id", pa.string()), ("start", pa.int64()), ("end", pa.int64())])
QUOTE = pa.struct([*SPAN, pa.field("quote", pa.string())])
LISTS = {
    "document_ids": pa.list_(pa.string()), "facts": pa.list_(pa.string()),
    "context": pa.list_(SPAN), "evidence": pa.list_(QUOTE),
}  # fmt: skip


def some(values, most=2):
    return st.lists(st.sampled_from(sorted(values)), max_size=most, unique=True)


row = st.fixed_dictionaries(
    {
        "split": st.sampled_from([*SPLITS, "train"]),
        "group": st.sampled_from(["", *sorted(NAMES)]),
        "kind": st.sampled_from(["evidence", "refusal"]),
        "document_ids": some(WORKS),
        "shown": some(WORKS, 1),
        "quotes": some(QUOTES),
        "told": some(QUOTES),
        "facts": some(FACTS),
        "twin_of": st.sampled_from([None, None, *IDS, "gone"]),
        "derived_from": st.sampled_from([None, None, *IDS, "lost"]),
        "published": st.sampled_from(sorted(DATES)),
        "family": st.sampled_from(["f", "g"]),
        "phrasing": st.sampled_from(["en/1", "en/2", "zh/1"]),
    }
)
datasets = st.lists(row, min_size=3, max_size=len(IDS))


def table(rows):
    out = []
    for n, r in enumerate(rows):
        span = {"document_id": (r["document_ids"] or ["doc-3"])[0], "start": 0, "end": 9}
        own = [*r["quotes"], *r["told"]]
        out.append(
            {k: v for k, v in r.items() if k not in ("shown", "quotes", "told")}
            | {
                "id": IDS[n],
                "prompt": f"row {n} " + " / ".join(own),
                "completion": f"said {n}",
                "question": "what is known",
                "context": [{"document_id": d, "start": 0, "end": 1} for d in r["shown"]],
                "evidence": [{**span, "quote": q} for q in r["quotes"]],
            }
        )
    schema = pa.schema([(k, LISTS.get(k, pa.string())) for k in out[0]])
    return pa.Table.from_pylist(out, schema=schema)


def named(report, check, *severities):
    found = report.check(check).findings
    return {i for f in found if not severities or f.severity in severities for i in f.ids}


def apart(rows, keys_of):
    """The rows whose key stands in two splits."""
    holders = defaultdict(set)
    for n, r in enumerate(rows):
        for key in keys_of(r):
            holders[key].add(n)
    split = [{rows[n]["split"] for n in held} for held in holders.values()]
    return {n for held, s in zip(holders.values(), split, strict=True) if len(s) > 1 for n in held}


def ids(numbers):
    return {IDS[n] for n in numbers}


def alike_names(rows):
    out = set()
    where = defaultdict(set)
    for n, r in enumerate(rows):
        if r["group"]:
            where[r["group"]].add(n)
    for a, b in combinations(sorted(where), 2):
        same = NAMES[a] == NAMES[b] or (a, b) in ONE_LETTER or (b, a) in ONE_LETTER
        if same and len({rows[n]["split"] for n in where[a] | where[b]}) > 1:
            out |= where[a] | where[b]
    return out


def versions(rows):
    members = defaultdict(set)
    for r in rows:
        for d in r["document_ids"]:
            members[WORKS[d]].add(d)
    return apart(
        rows, lambda r: {WORKS[d] for d in r["document_ids"] if len(members[WORKS[d]]) > 1}
    )


def siblings(rows):
    family = {i: {i} for i in [*IDS[: len(rows)], "gone", "lost", *IDS]}
    ties = set()
    for n, r in enumerate(rows):
        for parent in (r["twin_of"], r["derived_from"]):
            if parent and parent != IDS[n]:
                ties.add((IDS[n], parent))
    for a, b in ties:
        both = family[a] | family[b]
        for member in both:
            family[member] = both
    out = set()
    for n in range(len(rows)):
        mine = [k for k in range(len(rows)) if IDS[k] in family[IDS[n]]]
        if len({rows[k]["split"] for k in mine}) > 1:
            out.add(n)
    return out


def told_in_train(rows):
    """Quote by quote: who rests on it, who of train prints it, and whether that is no chance."""
    errors, all_ids = set(), set()
    for quote, (digits, long) in QUOTES.items():
        held = [n for n, r in enumerate(rows) if r["split"] != "train" and quote in r["quotes"]]
        train = [
            n
            for n, r in enumerate(rows)
            if r["split"] == "train" and quote in [*r["quotes"], *r["told"]]
        ]
        if not held or len({rows[n]["group"] for n in train} - {""}) >= 3:
            continue
        owners = {rows[n]["group"] for n in held}

        def maybe_same(n, owners=owners):
            return rows[n]["group"] in owners or rows[n]["group"] == "" or "" in owners

        def surely_same(n, owners=owners):
            return rows[n]["group"] in owners - {""}

        known = [
            n for n in train if (long and surely_same(n)) or digits >= (4 if maybe_same(n) else 8)
        ]
        if known:
            all_ids |= ids([*known, *held])
            if any(maybe_same(n) for n in known):
                errors |= ids([*known, *held])
    return errors, all_ids


@settings(max_examples=50, deadline=None)
@given(datasets)
def test_brute_force_agrees_on_lineage(rows):
    report = audit(table(rows))
    several = len({r["split"] for r in rows}) > 1
    if not several:
        for check in ("document_overlap", "shared_facts", "versions", "group_names"):
            assert report.check(check).status == "not_verified"
        return
    assert named(report, "document_overlap", "error") == ids(
        apart(
            rows,
            # A quote is of the first document, or of doc-3 where there is none.
            lambda r: (
                {*r["document_ids"], *r["shown"]}
                | ({"doc-3"} if r["quotes"] and not r["document_ids"] else set())
            ),
        )
    )
    facts = apart(rows, lambda r: {f for f in r["facts"] if not f.startswith("|")})
    assert named(report, "shared_facts", "error") == ids(facts)
    linked = any(r["twin_of"] or r["derived_from"] for r in rows)
    listed = any(r["document_ids"] for r in rows)
    wanted = (versions(rows) if listed else set()) | (siblings(rows) if linked else set())
    assert named(report, "versions", "error") == ids(wanted)
    if any(r["group"] for r in rows):
        assert named(report, "group_names", "warning") == ids(alike_names(rows))
    assert named(report, "missing_groups", "warning") == {
        IDS[n] for n, r in enumerate(rows) if not r["group"]
    }
    if "train" in {r["split"] for r in rows}:
        errors, every = told_in_train(rows)
        assert named(report, "answers_in_train", "error") == errors
        assert named(report, "answers_in_train", "error", "warning") == every


@settings(max_examples=50, deadline=None)
@given(datasets)
def test_brute_force_agrees_on_refusals_and_their_twins(rows):
    report = audit(table(rows), checks=["refusal_twins", "refusal_ratio"])
    where = {IDS[n]: r["split"] for n, r in enumerate(rows)}
    parted, lost = set(), set()
    for n, r in enumerate(rows):
        twin = r["twin_of"]
        if twin and twin not in where:
            lost.add(IDS[n])
        elif twin and where[twin] != r["split"]:
            parted |= {IDS[n], twin}
    if any(r["twin_of"] for r in rows):
        assert named(report, "refusal_twins", "error") == parted
        assert named(report, "refusal_twins", "warning") == lost
    if not any(r["kind"] == "refusal" for r in rows):
        assert report.check("refusal_ratio").status == "not_verified"
        return
    outside = set()
    for split in {r["split"] for r in rows}:
        mine = [r["kind"] == "refusal" for r in rows if r["split"] == split]
        band = binomtest(sum(mine), len(mine)).proportion_ci(0.95, method="wilson")
        if band.high < 0.02 or band.low > 0.6:
            outside.add(split)
        told = report.check("refusal_ratio").metrics["share"][split]
        assert abs(told - sum(mine) / len(mine)) < 1e-4
    words = [f.message for f in report.check("refusal_ratio").findings]
    assert {s for s in SPLITS if any(f"of {s} are refusals" in w for w in words)} == outside


@settings(max_examples=50, deadline=None)
@given(datasets)
def test_brute_force_agrees_on_time_and_templates(rows):
    report = audit(
        table(rows),
        checks=["temporal_order", "templates"],
        options={"temporal_order": {"order": "required"}},
    )
    splits = [s for s in SPLITS if any(r["split"] == s for r in rows)]
    if "train" not in splits or len(splits) < 2:
        return
    when = {IDS[n]: DATES[r["published"]] for n, r in enumerate(rows)}
    side = {s: [IDS[n] for n, r in enumerate(rows) if r["split"] == s] for s in splits}
    dated = {s: [i for i in side[s] if when[i]] for s in splits}
    check = report.check("temporal_order")
    if not dated["train"] or not any(dated[s] for s in splits[1:]):
        assert check.status == "not_verified"
    else:
        assert check.metrics["undated"] == sum(not w for w in when.values())
        bad = set()
        for held in splits[1:]:
            blamed = {i for f in check.findings if held in f.split_pair for i in f.ids}
            left = [when[i] for i in dated["train"] if i not in blamed]
            right = [when[i] for i in dated[held] if i not in blamed]
            # Without those that are blamed, train lies before the held-out split.
            assert not left or not right or max(left) < min(right)
            ordered = not dated[held] or max(when[i] for i in dated["train"]) < min(
                when[i] for i in dated[held]
            )
            assert (not blamed) == ordered
            bad |= blamed
        assert all(when[i] for i in bad)
        assert (check.status == "failed") == bool(bad)
    used = {s: Counter((rows[IDS.index(i)]["family"], rows[IDS.index(i)]["phrasing"]) for i in m)
            for s, m in side.items()}  # fmt: skip
    for held in splits[1:]:
        known = sum(n for t, n in used[held].items() if t in used["train"])
        assert abs(
            report.check("templates").metrics["share_known"][held] - known / len(side[held])
        ) < 1e-4  # fmt: skip


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from(["a", "b", "c", "d"]), min_size=1, max_size=9))
def test_brute_force_agrees_on_ids(names):
    rows = [{"id": i, "prompt": f"p{n}", "completion": f"c{n}"} for n, i in enumerate(names)]
    report = audit(rows, checks=["unique_ids"])
    assert named(report, "unique_ids", "warning") == {i for i in names if names.count(i) > 1}
