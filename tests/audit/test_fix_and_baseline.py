"""Repairing what an audit blocked, and refusing what got worse than a signed report."""

import json
from dataclasses import replace

import pyarrow.parquet as pq
import pytest
from conftest import write_build

from sftdata.audit import audit
from sftdata.audit_fix import repair
from sftdata.errors import ConfigError
from sftdata.report import AuditReport


def rows_of(folder):
    return [r for p in sorted((folder / "data").iterdir()) for r in pq.read_table(p).to_pylist()]


@pytest.fixture
def leaky(tmp_path, clean):
    """A build with a copy of a test sample and a whole test group's sample in train."""
    documents, samples = clean
    held = [s for s in samples if s.split == "test" and s.kind == "evidence"]
    copy = replace(held[0], sample_id="copy", split="train", group="Other", document_ids=("x",),
                   context=(), evidence=(), facts=())  # fmt: skip
    moved = replace(held[1], sample_id="moved", split="train")
    return write_build(tmp_path / "leaky", documents, [*samples, copy, moved])


@pytest.fixture
def options(schemas):
    return {"answer_schema": {"schemas": schemas}}


def test_purge_removes_the_train_side_and_says_why(leaky, tmp_path, options):
    done = repair(leaky, tmp_path / "out", "purge", options=options)
    assert done.before.verdict == "blocked"
    assert done.after.verdict == "clean"
    changes = {r["id"]: r for r in done.changes.to_pylist()}
    assert set(changes) == {"copy", "moved"}
    assert {r["split"] for r in changes.values()} == {"train"}
    assert all(r["action"] == "removed" and r["reason"] for r in changes.values())
    known = {f.finding_id for f in done.before.findings}
    assert {r["because_of"] for r in changes.values()} <= known
    kept = {r["sample_id"]: r for r in rows_of(tmp_path / "out")}
    original = {r["sample_id"]: r for r in rows_of(leaky)}
    assert kept == {k: v for k, v in original.items() if k not in changes}
    stored = AuditReport.from_json((tmp_path / "out/audit/report.json").read_bytes())
    assert stored.digest == audit(tmp_path / "out", options=options).digest
    summary = json.loads((tmp_path / "out/repair.json").read_text())
    assert summary["actions"] == {"removed": 2}
    assert "blocked before, clean after" in str(done)


def test_merge_moves_the_group_and_removes_nothing(leaky, tmp_path, options):
    done = repair(leaky, tmp_path / "out", "merge", options=options)
    assert done.after.totals.rows == done.before.totals.rows
    assert done.after.check("group_overlap").status == "passed"
    moves = {r["id"]: r["action"] for r in done.changes.to_pylist()}
    assert moves["moved"] == "moved to test"
    assert done.after.verdict != "blocked"


def test_drop_removes_what_is_broken_in_itself(clean, tmp_path, options):
    documents, samples = clean
    bad = next(s for s in samples if s.split == "test")
    built = write_build(
        tmp_path / "bad", documents, [replace(s, answer="no") if s is bad else s for s in samples]
    )
    purged = repair(built, tmp_path / "purged", "purge", options=options)
    assert purged.after.verdict == "blocked"
    assert purged.changes.num_rows == 0
    dropped = repair(built, tmp_path / "dropped", "drop", options=options)
    assert dropped.changes.column("id").to_pylist() == [bad.sample_id]
    assert dropped.changes.column("reason").to_pylist() == ["answer_schema"]
    assert dropped.exit_code == 0


def test_a_large_side_is_removed_whole(tmp_path):
    """A finding names twenty rows of the larger side; the repair takes them all."""
    rows = [
        {"prompt": f"note {n} about " + " ".join(f"w{n}x{k}" for k in range(30)),
         "completion": f"c{n}", "patient": "A" if n < 80 else f"p{n}",
         "split": "test" if n % 40 == 0 or n > 110 else "train"}
        for n in range(120)
    ]  # fmt: skip
    done = repair(rows, tmp_path / "out", group="patient")
    assert done.before.check("group_overlap").status == "failed"
    assert done.changes.num_rows == 78
    assert done.after.check("group_overlap").status == "passed"
    assert set(pq.read_schema(tmp_path / "out/data/train-00000-of-00001.parquet").names) == {
        "prompt", "completion", "patient", "split",
    }  # fmt: skip


def test_a_repair_never_writes_into_what_is_there(leaky, tmp_path):
    with pytest.raises(ConfigError, match="exists already; give a new folder"):
        repair(leaky, leaky)
    with pytest.raises(ConfigError, match="there are purge, merge and drop"):
        repair(leaky, tmp_path / "new", "burn")


def test_baseline_blocks_what_got_worse(judge, clean, tmp_path, leaky, options):
    good = judge(*clean)
    path = tmp_path / "old.json"
    path.write_text(good.to_json(), encoding="utf-8")
    worse = audit(leaky, options=options, baseline=path)
    found = worse.check("baseline")
    assert found.status == "failed"
    assert worse.exit_code == 1
    assert all(f.message.startswith("regressed: ") for f in found.findings)
    assert any("group_overlap was passed and is failed" in f.message for f in found.findings)
    named = {i for f in found.findings for i in f.ids}
    assert {"copy", "moved"} <= named
    assert audit(leaky, options=options, baseline=worse).check("baseline").status == "passed"
    better = judge(*clean)
    assert "baseline" not in {c.name for c in better.checks}


def test_baseline_that_is_no_report(tmp_path, leaky):
    with pytest.raises(ConfigError, match="is not a file"):
        audit(leaky, baseline=tmp_path / "none.json")
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(ConfigError, match="is not an audit report"):
        audit(leaky, baseline=tmp_path / "x.json")


def test_warnings_can_be_made_to_count(judge, clean, tmp_path, schemas):
    documents, samples = clean
    lost = [replace(s, group="") if s is samples[0] else s for s in samples]
    built = write_build(tmp_path / "warned", documents, lost)
    given = {"answer_schema": {"schemas": schemas}}
    assert audit(built, options=given).exit_code == 0
    assert audit(built, options=given, fail_on="warning").exit_code == 1
    assert judge(documents, samples).exit_code == 0


LEAKS = 130
"""More than a report lists one by one."""


def many_copies():
    said = [f"answer {n} " + " ".join(f"w{n}x{k}" for k in range(12)) for n in range(LEAKS)]
    return [
        {"id": f"{split}-{n}", "prompt": text, "completion": text, "split": split}
        for n, text in enumerate(said)
        for split in ("train", "test")
    ]


@pytest.mark.parametrize("how", ["purge", "merge", "drop"])
def test_more_leaks_than_a_report_lists_are_repaired_each_by_itself(tmp_path, how):
    done = repair(many_copies(), tmp_path / how, how)
    assert len(done.before.check("exact_duplicates").findings) < LEAKS
    assert done.after.verdict != "blocked"
    changed = {r["id"]: r["action"] for r in done.changes.to_pylist()}
    if how == "merge":
        # Each pair moves to the split that is learnt from; none draws another with it.
        assert changed == {f"test-{n}": "moved to train" for n in range(LEAKS)}
    else:
        assert changed == {f"train-{n}": "removed" for n in range(LEAKS)}


def test_rows_without_splits_lose_only_what_is_faulty_in_itself(tmp_path):
    rows = [
        {"id": f"r{n}", "prompt": f"What is {n}?", "completion": f"It is {n}."} for n in range(9)
    ]
    rows[4]["completion"] = " "
    done = repair(rows, tmp_path / "out", "drop")
    assert done.changes.column("id").to_pylist() == ["r4"]
    assert [r["id"] for r in rows_of(tmp_path / "out")] == [f"r{n}" for n in range(9) if n != 4]
