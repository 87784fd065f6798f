"""A leak planted in the files of a finished build: the audit of the folder blocks and names it."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from documents import finance, write_filings

from sftdata.audit import audit
from sftdata.cli import main
from sftdata.pipeline import build
from sftdata.report import AuditReport
from sftdata.types import SAMPLES


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    base = tmp_path_factory.mktemp("clean")
    docs = write_filings(base / "docs", 4, (2024,))
    result = build(finance(docs), base / "out")
    assert result.report.verdict == "clean"
    return result.path


@pytest.fixture
def out(clean, tmp_path):
    return Path(shutil.copytree(clean, tmp_path / "out"))


def rows(out: Path) -> list[dict]:
    return [r for p in sorted((out / "data").iterdir()) for r in pq.read_table(p).to_pylist()]


def write(out: Path, samples: list[dict]) -> None:
    for split in ("train", "validation", "test"):
        mine = sorted((s for s in samples if s["split"] == split), key=lambda s: s["sample_id"])
        path = out / f"data/{split}-00000-of-00001.parquet"
        pq.write_table(pa.Table.from_pylist(mine, schema=SAMPLES), path)


def one(samples: list[dict], split: str, kind: str = "evidence", skip: int = 0) -> dict:
    return [s for s in samples if s["split"] == split and s["kind"] == kind][skip]


def named(report, check: str, severity: str = "error") -> set[str]:
    found = [f for f in report.check(check).findings if f.severity == severity]
    return {i for f in found for i in f.ids}


def user(sample: dict) -> dict:
    return next(m for m in sample["prompt"] if m["role"] == "user")


def stranger(sample: dict, split: str) -> dict:
    """Return a copy that hides where it is from: another id and group, no lineage."""
    copy = json.loads(json.dumps(sample))
    return copy | {
        "sample_id": "planted",
        "split": split,
        "group": "cik-0009999999",
        "document_ids": [],
        "context": [],
        "evidence": [],
        "facts": [],
        "twin_of": None,
    }


def test_a_clean_build_passes_on_the_command_line(out, capsys):
    with pytest.raises(SystemExit) as leaving:
        main(["audit", str(out), "--json"])
    assert not leaving.value.code
    assert json.loads(capsys.readouterr().out)["verdict"] == "clean"


def moved_group(samples):
    victim = one(samples, "test")
    old = victim["sample_id"]
    victim["split"] = "train"
    return "group_overlap", {old}


def copied_row(samples):
    source = one(samples, "test")
    samples.append(stranger(source, "train"))
    return "exact_duplicates", {"planted", source["sample_id"]}


def near_copy(samples):
    source = one(samples, "test")
    copy = stranger(source, "train")
    message = user(copy)
    words = message["content"].split(" ")
    for place in range(20, len(words), 60):
        words[place] = "indeed"
    message["content"] = " ".join(words)
    assert message["content"] != user(source)["content"]
    samples.append(copy)
    return "near_samples", {"planted", source["sample_id"]}


def copied_context(samples):
    source, target = one(samples, "test"), one(samples, "train", "writing")
    passage = max(user(source)["content"].split("\n\n"), key=len)
    user(target)["content"] = f"{passage}\n\n{user(target)['content']}"
    return "near_contexts", {source["sample_id"], target["sample_id"]}


def broken_quote(samples):
    victim = one(samples, "train")
    victim["evidence"][0]["quote"] = victim["evidence"][0]["quote"][:-2] + "7|"
    return "evidence", {victim["sample_id"]}


def shifted_span(samples):
    victim = one(samples, "validation")
    victim["evidence"][0]["start"] += 1
    return "evidence", {victim["sample_id"]}


def broken_schema(samples):
    victim = one(samples, "test", "extraction")
    answer = json.loads(victim["answer"])
    first = next(iter(answer))
    victim["answer"] = json.dumps(answer | {first: {"not": ["what", "the", "schema", "says"]}})
    return "answer_schema", {victim["sample_id"]}


def twin_moved(samples):
    refusal = one(samples, "train", "refusal")
    other = one(samples, "test")
    refusal["twin_of"] = other["sample_id"]
    return "refusal_twins", {refusal["sample_id"], other["sample_id"]}


def proof_taken_away(samples):
    refusal = one(samples, "train", "refusal")
    refusal["checks"] = []
    return "refusal_proof", {refusal["sample_id"]}


PLANTS = [
    moved_group,
    copied_row,
    near_copy,
    copied_context,
    broken_quote,
    shifted_span,
    broken_schema,
    twin_moved,
    proof_taken_away,
]


@pytest.mark.parametrize("plant", PLANTS, ids=lambda f: f.__name__)
def test_what_is_planted_is_found_and_named(out, plant, capsys):
    samples = rows(out)
    check, ids = plant(samples)
    write(out, samples)
    with pytest.raises(SystemExit) as leaving:
        main(["audit", str(out), "--json"])
    assert leaving.value.code == 1
    report = AuditReport.from_json(capsys.readouterr().out)
    assert report.verdict == "blocked"
    assert report.check(check).status == "failed"
    assert ids <= named(report, check)


def test_a_pipeline_of_commands_stops_at_a_leak_and_people_read_its_name(out):
    samples = rows(out)
    _, ids = copied_row(samples)
    write(out, samples)
    ended = subprocess.run(
        [sys.executable, "-m", "sftdata", "audit", str(out)],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert ended.returncode == 1
    assert "BLOCKED" in ended.stdout.upper()
    assert any(i in ended.stdout for i in ids)


def test_a_refusal_whose_twin_is_gone_is_a_warning_that_can_be_made_to_fail(out):
    samples = rows(out)
    refusal = one(samples, "train", "refusal")
    left = [s for s in samples if s["sample_id"] != refusal["twin_of"]]
    others = {s["sample_id"] for s in left if s["twin_of"] == refusal["twin_of"]}
    write(out, left)
    report = audit(out)
    assert report.verdict == "warnings"
    assert named(report, "refusal_twins", "warning") == others
    for level, code in (("error", 0), ("warning", 1)):
        with pytest.raises(SystemExit) as leaving:
            main(["audit", str(out), "--fail-on", level])
        assert (leaving.value.code or 0) == code


def test_a_file_that_was_changed_no_longer_has_the_digest_of_its_report(out):
    stored = json.loads((out / "audit/report.json").read_bytes())
    assert audit(out).digest == stored["digest"]
    write(out, [s for s in rows(out) if s["split"] != "test" or s["kind"] != "writing"])
    assert audit(out).digest != stored["digest"]


def test_only_a_text_to_be_written_may_be_its_own_evidence(out):
    """A section that its author wrote is the target and the evidence: it is not in the prompt."""
    samples = rows(out)
    texts = {
        d["document_id"]: d["text"]
        for d in pq.read_table(out / "lineage/documents.parquet").to_pylist()
    }
    own = one(samples, "train", "writing")
    document = own["document_ids"][0]
    start = next(
        at
        for at in range(0, len(texts[document]) - 200, 50)
        if texts[document][at : at + 200] not in user(own)["content"]
    )
    target = texts[document][start : start + 200]
    span = {"document_id": document, "start": start, "end": start + 200, "quote": target}
    own |= {
        "completion": [{"role": "assistant", "content": target}],
        "answer": json.dumps({"text": target}),
        "evidence": [span],
    }
    write(out, samples)
    assert audit(out, checks=["evidence"]).check("evidence").status == "passed"
    own["kind"] = "evidence"
    write(out, samples)
    assert named(audit(out, checks=["evidence"]), "evidence") == {own["sample_id"]}
