"""Time an audit of a synthetic build, at several sizes, each in a process of its own.

    python benchmarks/audit.py 10000 100000
    python benchmarks/audit.py 100000 --profile
    python benchmarks/audit.py 1000000 --words 60

Each sample has a context of about 350 words (or `--words`) in three passages, a question and a
JSON answer with its schema; three of four rest on a table row (evidence, facts), the fourth is the
refusal twin of the one before, with its proof. The documents stand in the lineage, so every span
is read again. A thousandth of the held-out samples are copies of train samples. All checks are made
that need no second dataset. Prints wall and processor seconds, and the peak memory of the whole
process: the dataset is read from its Parquet files, as a user's is.
"""

from __future__ import annotations

import argparse
import importlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from sftdata.audit_sources import load
from sftdata.types import SAMPLES

# The package's face has a function of the same name.
auditing = importlib.import_module("sftdata.audit")

SPLITS = np.array(["train"] * 8 + ["validation", "test"], dtype=object)
CHUNK = 20_000
MADE = {
    *("group_overlap", "document_overlap", "exact_duplicates", "near_samples", "near_contexts"),
    *("near_tasks", "shared_facts", "answers_in_train", "versions", "group_names", "shortcuts"),
    *("residual_phi", "evidence", "answer_schema", "sample_checks", "refusal_proof", "length"),
    *("refusal_twins", "refusal_ratio", "conflicting_targets", "templates", "truncation"),
}
"""Checks without which the time would say little."""


CONSONANTS = [
    "b",
    "d",
    "fl",
    "g",
    "h",
    "k",
    "l",
    "m",
    "n",
    "p",
    "r",
    "s",
    "st",
    "t",
    "tr",
    "v",
    "w",
]
ENDINGS = [
    f"{v}{c}{e}" for v in "aeiou" for c in "bdklmnrst" for e in ("", "a", "en", "ing", "o", "y")
]


def build(folder: Path, count: int, words: int, seed: int = 0) -> None:
    """Write a build of `count` samples, chunk by chunk; a document feeds one chunk alone."""
    (folder / "data").mkdir(parents=True)
    (folder / "lineage").mkdir()
    pool = np.array([f"{a}{b}" for a in CONSONANTS for b in ENDINGS], dtype=object)
    weights = 1 / np.arange(5, len(pool) + 5)
    weights /= weights.sum()
    tables, documents, taught = [], [], ""
    for start in range(0, count, CHUNK):
        rng = np.random.default_rng([seed, start])
        size = min(CHUNK, count - start)
        drawn = pool[rng.choice(len(pool), (size, words), p=weights)]
        rows, texts = [], {}
        for n in range(size):
            rows.append(sample(start + n, drawn[n], rng, texts, rows))
        for row in rows[::1000]:
            if row["split"] == "train":
                taught = taught or row["prompt"][0]["content"]
            elif taught:
                row["prompt"] = [{"role": "user", "content": taught}]
        tables.append(pa.Table.from_pylist(rows, schema=SAMPLES))
        documents += [
            {"document_id": d, "text": "\n\n".join(t), "group": d.partition("-")[0], "title": d}
            for d, t in texts.items()
        ]
    table = pa.concat_tables(tables)
    for split in ("train", "validation", "test"):
        mine = table.filter(pa.compute.equal(table["split"], split))
        pq.write_table(mine, folder / "data" / f"{split}-00000-of-00001.parquet")
    pq.write_table(pa.Table.from_pylist(documents), folder / "lineage" / "documents.parquet")


def sample(n: int, words, rng, texts: dict[str, list[str]], rows: list) -> dict:
    refusal = n % 4 == 3 and bool(rows)
    group = int(rows[-1]["group"][1:]) if refusal else int(rng.integers(0, 400)) + n // CHUNK * 400
    name = rows[-1]["document_ids"][0] if refusal else f"g{group}-{n % 4}"
    figure = f"{rng.integers(10_000, 9_999_999):,}"
    label = f"{words[0]} {words[1]} {words[2]}".capitalize()
    table = f"| {label} | {figure} | {rng.integers(10_000, 99_999):,} |"
    third = len(words) // 3
    parts = [
        " ".join(words[:third]),
        table + "\n" + " ".join(words[third : 2 * third]),
        " ".join(words[2 * third :]),
    ]
    known = texts.setdefault(name, [])
    before = sum(len(t) + 2 for t in known)
    known += parts
    ends = np.cumsum([len(p) + 2 for p in parts])
    spans = [before + int(e) - len(p) - 2 for p, e in zip(parts, ends, strict=True)]
    context = [
        {"document_id": name, "start": s, "end": s + len(p)}
        for s, p in zip(spans, parts, strict=True)
    ]
    question = f"What was {label} of firm {group} in 2024?"
    quote = {"document_id": name, "start": spans[1], "end": spans[1] + len(table), "quote": table}
    answer = {
        "answerable": not refusal,
        "answer": None if refusal else figure,
        "citations": [] if refusal else [{"passage": "P1", "quote": table}],
        "calculation": None,
        "confidence": "high",
        "reason": "span_removed" if refusal else None,
        "needed": [label] if refusal else [],
    }
    said = json.dumps(answer)
    if refusal:
        parts[1] = parts[1].partition("\n")[2]
    check = "absent" if refusal else "evidence_requotes"
    prompt = "\n\n".join([*parts, question])
    return {
        "sample_id": f"s{n:08d}",
        "family": f"finance/f{n % 7}",
        "family_version": 1,
        "kind": "refusal" if refusal else "evidence",
        "domain": "finance",
        "locale": "en",
        "split": str(SPLITS[group % 10]),
        "group": f"g{group}",
        "document_ids": [name],
        "prompt": [{"role": "user", "content": prompt}],
        "completion": [{"role": "assistant", "content": said}],
        "question": question,
        "answer": said,
        "answer_schema": "answers/cited_answer.json",
        "context": context,
        "evidence": [] if refusal else [quote],
        "facts": [] if refusal else [f"g{group}|{label}|2024|={figure}"],
        "phrasing": f"en/{n % 3}",
        "twin_of": f"s{n - 1:08d}" if refusal else None,
        "reason_code": "span_removed" if refusal else None,
        "text_origin": "source",
        "checks": [{"name": check, "passed": True, "detail": ""}],
        "prompt_tokens": len(prompt) // 4,
        "completion_tokens": 40,
        "tokens_estimated": True,
        "over_length": False,
    }


def timed(folder: Path, page: Path | None) -> dict[str, float]:
    """Audit a build in this process; return seconds by check, and the peak memory."""
    started, spent = time.perf_counter(), time.process_time()
    seconds: dict[str, float] = {}
    data = load(folder)
    seconds["read"] = time.process_time() - spent
    ask, leaks = auditing._ask, auditing.leakages

    def asked(part, given):
        begun = time.process_time()
        try:
            return ask(part, given)
        finally:
            seconds[part.name] = time.process_time() - begun

    def leaked(given, seed):
        begun = time.process_time()
        try:
            return leaks(given, seed)
        finally:
            seconds["leakage index"] = time.process_time() - begun

    auditing._ask, auditing.leakages = asked, leaked
    report = auditing.audit_data(data)
    assert report.verdict == "blocked", "the planted copies were not found"
    unseen = {c.name for c in report.checks if c.status == "not_verified"}
    assert not unseen & MADE, unseen
    seconds |= {"wall": time.perf_counter() - started, "cpu": time.process_time() - spent}
    seconds["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    seconds["texts"] = data.text.nbytes / 2**20
    if page is not None:
        from sftdata.reporting.html import write_html

        write_html(report, page)
        seconds["page"] = page.stat().st_size / 2**20
        seconds["json"] = len(report.to_json().encode()) / 2**20
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", nargs="*", type=int)
    parser.add_argument("--words", type=int, default=350, help="words of context per sample")
    parser.add_argument("--profile", action="store_true", help="list every check")
    parser.add_argument("--page", type=Path, help="write the report as one page here")
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(timed(options.one, options.page)))
        return
    for size in options.sizes:
        with tempfile.TemporaryDirectory() as folder:
            made = Path(folder) / "build"
            # In a process of its own, so that no memory of it is counted or kept.
            call = [sys.executable, __file__]
            code = f"import audit, pathlib; audit.build(pathlib.Path({str(made)!r}), {size}, "
            subprocess.run(
                [sys.executable, "-c", code + f"{options.words})"],
                cwd=Path(__file__).parent, check=True,
            )  # fmt: skip
            more = ["--page", str(options.page)] if options.page else []
            told = subprocess.run(
                [*call, "--one", str(made), *more], check=True, capture_output=True, text=True
            ).stdout
        show(size, json.loads(told), profile=options.profile)


def show(size: int, seconds: dict[str, float], *, profile: bool) -> None:
    wall, cpu, peak, texts = (seconds.pop(k) for k in ("wall", "cpu", "peak", "texts"))
    page = [f"{k} {seconds.pop(k):.2f} MiB" for k in ("page", "json") if k in seconds]
    print(
        f"{size:>9,} samples, {texts:,.0f} MiB of text: {wall:6.1f} s wall, {cpu:6.1f} s cpu, "
        f"{1e6 * wall / size:,.0f} µs each, peak {peak:,.0f} MiB {' '.join(page)}"
    )
    if profile:
        for name, spent in sorted(seconds.items(), key=lambda item: -item[1]):
            print(f"{spent:10.2f} s  {name}")


if __name__ == "__main__":
    main()
