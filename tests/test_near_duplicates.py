"""Pairs sought once, judged at any threshold: against brute force, and in every file format."""

import csv
import json
import random
import re
from pathlib import Path

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from similarity.oracle import jaccard_of

from sftdata.deduplication import near_pairs
from sftdata.errors import ConfigError
from sftdata.stages.decisions.dedupe import Dedupe

WORDS = [
    *("net", "sales", "cash", "rose", "fell", "debt", "lease", "fund"),
    *("tax", "loan", "rate", "cost", "plan", "fee", "note", "bond"),
]
HAN = list("营业收入净利润患者发热咳嗽年度增长下降资产负债表现金流量")


def copies(seed: int, chinese: bool, count: int = 12, numbers: bool = True) -> list[str]:
    """Return clusters of texts, each copy with a few more words changed."""
    rng = random.Random(seed)
    words = HAN if chinese else WORDS
    texts = []
    for _ in range(count):
        base = rng.choices(words, k=60)
        if numbers:
            base[10] = str(rng.randrange(100, 999))
        for copy in range(4):
            changed = list(base)
            for _ in range(copy):
                changed[rng.randrange(20, 60)] = rng.choice(words)
            if numbers and rng.random() < 0.2:
                changed[10] = "7"
            texts.append(("" if chinese else " ").join(changed))
    rng.shuffle(texts)
    return texts


def numbers_alike(left: str, right: str) -> float:
    a, b = (re.findall(r"\d+", t) for t in (left, right))
    return 1.0 if a == b else len({*a} & {*b}) / max(len({*a} | {*b}), 1)


def brute_force(texts: list[str], threshold: float) -> set[int]:
    """Return which rows leave with direct linkage: the longest first, by plain loops."""
    order = sorted(range(len(texts)), key=lambda i: (-len(texts[i]), i))
    gone: set[int] = set()
    for best in order:
        if best in gone:
            continue
        for other in range(len(texts)):
            if other != best and other not in gone:
                alike = jaccard_of(texts[best], texts[other])
                if min(alike, numbers_alike(texts[best], texts[other])) >= threshold:
                    gone.add(other)
    return gone


@pytest.mark.parametrize("chinese", [False, True])
def test_every_threshold_agrees_with_all_pairs_compared(chinese):
    texts = copies(3, chinese, count=8)
    found = near_pairs([{"text": t} for t in texts], floor=0.3)
    left_at = {}
    for threshold in (0.3, 0.45, 0.6, 0.7, 0.8, 0.9, 1.0):
        done = found.at(threshold)
        gone = {i for i, v in enumerate(done.verdicts["verdict"].to_pylist()) if v == "drop"}
        assert gone == brute_force(texts, threshold)
        for row in done.dropped.to_pylist():
            survivor, own = (int(row[n].split(":")[1]) - 1 for n in ("because_of", "id"))
            assert survivor not in gone
            assert row["similarity"] == pytest.approx(jaccard_of(texts[survivor], texts[own]))
        left_at[threshold] = len(gone)
    assert len(set(left_at.values())) > 3
    assert {lv.threshold: lv.dropped for lv in found.thresholds(sorted(left_at))} == left_at


@given(st.integers(0, 10_000), st.booleans(), st.sampled_from(["direct", "cluster"]))
@settings(deadline=None, max_examples=15)
def test_a_threshold_answered_from_the_floor_is_that_of_a_run_of_its_own(seed, chinese, linkage):
    texts = copies(seed, chinese, count=4)
    found = near_pairs([{"text": t} for t in texts], floor=0.4, linkage=linkage)
    table = pa.table({"id": [f"{i:03}" for i in range(len(texts))], "text": texts})
    for threshold in (0.4, 0.62, 0.81):
        alone = Dedupe(grain="passage", threshold=threshold, linkage=linkage, permutations=512)
        expected = alone.decide(alone.keys(table))
        assert found.at(threshold).verdicts["reason"].equals(expected["reason"])


def test_pairs_next_to_the_threshold_are_shown_and_no_others():
    texts = copies(5, chinese=False, numbers=False)
    found = near_pairs([{"text": t} for t in texts], floor=0.3)
    every = sorted(jaccard_of(a, b) for i, a in enumerate(texts) for b in texts[i + 1 :] if a != b)
    shown = found.around(0.7, n=1)
    assert shown.above[0].score == pytest.approx(min(s for s in every if s >= 0.7), abs=1e-4)
    assert shown.below[0].score == pytest.approx(max(s for s in every if s < 0.7), abs=1e-4)
    many = found.around(0.7, n=6)
    assert [p.score for p in many.above] == sorted(p.score for p in many.above)
    assert all(p.score >= 0.7 for p in many.above)
    assert all(p.score < 0.7 for p in many.below)
    assert all(p.left and p.right for p in (*many.above, *many.below))
    quiet = near_pairs([{"text": t} for t in texts], floor=0.3, excerpts=False).around(0.7)
    assert all(not p.left and not p.right for p in (*quiet.above, *quiet.below))


def test_a_threshold_below_the_floor_cannot_be_answered():
    found = near_pairs([{"text": t} for t in copies(1, False, count=2)], floor=0.6)
    with pytest.raises(ConfigError, match=r"known from the floor 0\.6"):
        found.at(0.5)
    assert found.thresholds()[0].threshold == 0.6
    assert found.recall(0.6) >= 0.99
    assert found.recall(0.9) > found.recall(0.6)


def test_kept_pairs_are_taken_again_and_those_of_other_rows_refused(tmp_path, monkeypatch):
    rows = [{"text": t} for t in copies(2, True, count=5)]
    file = tmp_path / "kept" / "pairs.parquet"
    first = near_pairs(rows, pairs=file)
    assert set(pq.read_table(file).column_names) >= {"left", "right", "similarity"}
    monkeypatch.setattr(Dedupe, "likeness", lambda *_: pytest.fail("sought anew"))
    again = near_pairs(rows, pairs=file)
    assert again.at(0.7).verdicts.equals(first.at(0.7).verdicts)
    with pytest.raises(ConfigError, match="made of other rows"):
        near_pairs(rows[1:], pairs=file)
    with pytest.raises(ConfigError, match="other settings"):
        near_pairs(rows, floor=0.7, pairs=file)


def test_who_stays_follows_the_rule():
    base = " ".join(copies(9, False, count=1, numbers=False)[0].split()[:40])
    broken = base.replace("net", "nâ€™t").replace("cash", "câ€¦sh")
    rows = [
        {"id": "a", "text": base + " â€™ â€¦ Ã©", "date": "2021-01-01"},
        {"id": "b", "text": base + " .", "date": "2024-01-01"},
        {"id": "c", "text": base + " end.", "date": "2020-01-01"},
    ]
    assert broken != base
    stays = {
        rule: near_pairs(rows, survivor=rule).at(0.5).kept["id"].to_pylist()
        for rule in ("longest", "newest", "best_quality", "first")
    }
    assert stays == {"longest": ["a"], "newest": ["b"], "best_quality": ["c"], "first": ["a"]}


def test_splits_stay_apart_unless_asked_and_then_the_held_out_row_stays():
    text = copies(4, False, count=1)[0]
    rows = [
        {"text": text + " and much more of it", "split": "train"},
        {"text": text, "split": "test"},
        {"text": text + " .", "split": "validation"},
    ]
    assert near_pairs(rows).at(0.8).dropped.num_rows == 0
    done = near_pairs(rows, across=True).at(0.8)
    assert done.kept["split"].to_pylist() == ["test"]
    assert set(done.dropped["because_of"].to_pylist()) == {"test:1"}


def test_one_column_alone_is_compared_on_request():
    rows = [
        {"q": "what were net sales of the company in all", "a": f"about {n} dollars"} for n in "xyz"
    ]
    assert near_pairs(rows, column="q").at(1.0).kept.num_rows == 1
    assert near_pairs(rows, column="a").at(1.0).kept.num_rows == 3
    with pytest.raises(ConfigError, match="there is no column 'b'"):
        near_pairs(rows, column="b")
    with pytest.raises(ConfigError, match="grain task: there is no question"):
        near_pairs([{"text": "a"}], grain="task")
    with pytest.raises(ConfigError, match="grain passage: only a build"):
        near_pairs([{"text": "a"}], grain="passage")


ROWS = [
    {"text": t, "n": str(i), "note": 'with "quotes",\nand a line' if i % 3 else ""}
    for i, t in enumerate(copies(8, False, count=3) + copies(8, True, count=3))
]


def write_rows(folder: Path, kind: str) -> Path:
    folder.mkdir()
    half = len(ROWS) // 2
    for name, rows in (("train", ROWS[:half]), ("test", ROWS[half:])):
        path = folder / f"{name}.{kind}"
        if kind == "parquet":
            table = pa.Table.from_pylist(rows).replace_schema_metadata({"made": "by hand"})
            pq.write_table(table, path)
        elif kind == "jsonl":
            # Members in an order of their own, escapes, and no last newline.
            lines = [json.dumps(dict(reversed(r.items()))) for r in rows]
            path.write_text("\n".join(lines), encoding="utf-8")
        elif kind == "json":
            path.write_text(json.dumps({"data": rows, "version": 3}), encoding="utf-8")
        elif kind in ("csv", "tsv"):
            with path.open("w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, ROWS[0], delimiter="," if kind == "csv" else "\t")
                writer.writeheader()
                writer.writerows(rows)
        elif kind == "arrow":
            table = pa.Table.from_pylist(rows)
            with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as out:
                out.write_table(table)
    if kind == "saved":
        for path in folder.iterdir():
            path.unlink()
        parts = {"train": ROWS[:half], "test": ROWS[half:]}
        datasets.DatasetDict(
            {n: datasets.Dataset.from_list(r) for n, r in parts.items()}
        ).save_to_disk(str(folder))
    return folder


@pytest.mark.parametrize("kind", ["jsonl", "json", "csv", "tsv", "parquet", "arrow", "saved"])
def test_the_rest_is_written_in_the_format_in_which_it_came(tmp_path, kind):
    source = write_rows(tmp_path / "source", kind)
    done = near_pairs(source, floor=0.6).at(0.7)
    wanted = [row["n"] for row in done.kept.to_pylist()]
    assert 0 < len(wanted) < len(ROWS)
    out = done.write(tmp_path / "out")
    again = near_pairs(out, floor=0.6)
    rows = again.source.rows().to_pylist()
    assert [r["n"] for r in rows] == wanted
    assert {r["n"]: (r["text"], r["note"]) for r in rows} == {
        r["n"]: (r["text"], r["note"]) for r in ROWS if r["n"] in wanted
    }
    assert again.at(0.7).dropped.num_rows == 0
    listed = pq.read_table(out / "lineage" / "duplicates.parquet")
    assert listed["id"].to_pylist() == done.dropped["id"].to_pylist()
    assert json.loads((out / "dedupe.json").read_text())["dropped"] == listed.num_rows
    if kind == "jsonl":
        before = (source / "train.jsonl").read_text().splitlines()
        after = (out / "data" / "train.jsonl").read_text().splitlines()
        assert set(after) < set(before)
    if kind == "parquet":
        assert pq.read_schema(out / "data" / "train.parquet").metadata == {b"made": b"by hand"}
    if kind == "json":
        assert json.loads((out / "data" / "train.json").read_text())["version"] == 3


def test_a_folder_of_others_is_left_alone_and_an_own_one_replaced(tmp_path):
    source = write_rows(tmp_path / "source", "jsonl")
    done = near_pairs(source, floor=0.6)
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "thesis.txt").write_text("mine")
    for target in (foreign, source, tmp_path, source / "train.jsonl"):
        with pytest.raises(ConfigError, match="--out"):
            done.at(0.7).write(target)
    assert (foreign / "thesis.txt").read_text() == "mine"
    assert sorted(p.name for p in source.iterdir()) == ["test.jsonl", "train.jsonl"]
    out = done.at(0.6).write(tmp_path / "out")
    few = (out / "data" / "train.jsonl").read_bytes()
    assert done.at(0.95).write(out) == out
    assert len((out / "data" / "train.jsonl").read_bytes()) > len(few)
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_rows_from_memory_become_parquet_by_split(tmp_path):
    rows = [dict(r, split="train" if i % 2 else "dev") for i, r in enumerate(ROWS)]
    done = near_pairs(rows, floor=0.6).at(0.7)
    out = done.write(tmp_path / "out")
    files = sorted(p.name for p in (out / "data").iterdir())
    assert files == ["dev-00000-of-00001.parquet", "train-00000-of-00001.parquet"]
    assert sum(pq.read_metadata(out / "data" / f).num_rows for f in files) == done.kept.num_rows


def test_a_refusal_leaves_with_its_twin_and_only_rows_of_a_kind_are_compared():
    text = copies(6, False, count=1, numbers=False)[0]
    rows = [
        {"id": "a", "text": text + " x", "kind": "evidence", "twin_of": None},
        {"id": "b", "text": text, "kind": "evidence", "twin_of": None},
        {"id": "r", "text": text, "kind": "refusal", "twin_of": "b"},
        {"id": "s", "text": text, "kind": "writing", "twin_of": None},
    ]
    done = near_pairs(rows).at(0.7)
    # `b` has a refusal that needs it, so it stays before the longer `a`.
    assert done.kept["id"].to_pylist() == ["b", "r", "s"]
    assert done.clusters == [["b", "a"]]


def test_names_are_blank_in_skeletons_on_request_by_column_and_by_rule():
    rows = [
        {"text": f"{name} reported net sales of {i} million for May {2000 + i}.", "company": name}
        for i, name in enumerate(["Acme Mills Inc.", "Bolt Harbor Corp.", "Cedar Lane Ltd."])
    ]
    rows += [
        {"text": f"{name}{2020 + i}年营业收入为{i}亿元。", "company": name}
        for i, name in enumerate(["联创电子股份有限公司", "东方海洋股份有限公司"])
    ]
    settings = {"max_per_template": 1}
    assert near_pairs(rows, **settings).at(0.8).kept.num_rows == 5
    masks = ("numbers", "dates", "names")
    for more in ({"names": "company"}, {}):
        done = near_pairs(rows, mask=masks, **more, **settings).at(0.8)
        assert done.reasons == {"template_cap": 3}
        assert done.kept.num_rows == 2


def test_keep_and_verdicts_are_in_the_order_of_the_rows():
    rows = [{"text": t} for t in copies(7, False, count=4)]
    done = near_pairs(rows).at(0.6)
    assert done.verdicts["id"].to_pylist() == [f"row:{i + 1}" for i in range(len(rows))]
    expected = [r["text"] for r, k in zip(rows, done.keep, strict=True) if k]
    assert done.kept["text"].to_pylist() == expected
    assert np.count_nonzero(~done.keep) == done.dropped.num_rows
