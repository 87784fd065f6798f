"""Time an audit of synthetic samples with every column a build has, at several sizes.

    python benchmarks/audit.py 10000 100000
    python benchmarks/audit.py 100000 --profile

Each sample has a context of about 350 words in three paragraphs, a question, a JSON answer with its
schema, evidence and facts; a thousandth of the held-out samples are copies of train samples.
Prints processor seconds (a busy machine does not blur them) and the memory that the audit took
over its data.
"""

from __future__ import annotations

import argparse
import importlib
import json
import resource
import time

import numpy as np
import pyarrow as pa

from sftdata.audit_sources import load

# The package's face has a function of the same name.
auditing = importlib.import_module("sftdata.audit")

SPLITS = np.array(["train"] * 8 + ["validation", "test"], dtype=object)


def samples(count: int, seed: int = 0) -> pa.Table:
    rng = np.random.default_rng(seed)
    pool = np.array([f"{a}{b}" for a in CONSONANTS for b in ENDINGS], dtype=object)
    weights = 1 / np.arange(5, len(pool) + 5)
    weights /= weights.sum()
    groups = rng.integers(0, max(count // 50, 10), count)
    rows = []
    for n in range(count):
        words = rng.choice(pool, 350, p=weights)
        figure = f"{rng.integers(10_000, 9_999_999):,}"
        label = f"{words[0]} {words[1]}".capitalize()
        table = f"| {label} | {figure} | {rng.integers(10_000, 99_999):,} |"
        parts = [
            " ".join(words[:150]),
            table + "\n" + " ".join(words[150:250]),
            " ".join(words[250:]),
        ]
        group, question = int(groups[n]), f"What was {label} of firm {groups[n]} in 2024?"
        start = len(parts[0]) + 2
        answer = json.dumps(
            {
                "answerable": True,
                "answer": figure,
                "citations": [{"passage": "P1", "quote": table}],
                "calculation": None,
                "confidence": "high",
                "reason": None,
                "needed": [],
            }
        )
        rows.append(
            {
                "sample_id": f"s{n:08d}",
                "family": f"f{n % 7}",
                "kind": "evidence",
                "domain": "finance",
                "locale": "en",
                "split": str(SPLITS[group % 10]),
                "group": f"g{group}",
                "document_ids": [f"d{group}-{n % 4}"],
                "prompt": "\n\n".join([*parts, question]),
                "completion": answer,
                "question": question,
                "answer": answer,
                "answer_schema": "answers/cited_answer.json",
                "evidence": [
                    {
                        "document_id": f"d{group}-{n % 4}",
                        "start": start,
                        "end": start + len(table),
                        "quote": table,
                    }
                ],
                "facts": [f"g{group}|{label}|2024|={figure}"],
                "checks": [{"name": "evidence_requotes", "passed": True, "detail": ""}],
                "phrasing": f"en/{n % 3}",
            }
        )
    held = [n for n in range(count) if rows[n]["split"] != "train"]
    taught = [n for n in range(count) if rows[n]["split"] == "train"]
    for n in held[::1000]:
        rows[n]["prompt"] = rows[taught[n % len(taught)]]["prompt"]
    return pa.Table.from_pylist(rows)


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


def timed(table: pa.Table) -> dict[str, float]:
    data = load(table)
    seconds: dict[str, float] = {}
    ask, leaks = auditing._ask, auditing.leakages

    def asked(part, given):
        started = time.process_time()
        try:
            return ask(part, given)
        finally:
            seconds[part.name] = time.process_time() - started

    def leaked(given, seed):
        started = time.process_time()
        try:
            return leaks(given, seed)
        finally:
            seconds["leakage index"] = time.process_time() - started

    auditing._ask, auditing.leakages = asked, leaked
    try:
        started = time.process_time()
        report = auditing.audit_data(data)
        seconds["all"] = time.process_time() - started
    finally:
        auditing._ask, auditing.leakages = ask, leaks
    assert report.verdict == "blocked", "the planted copies were not found"
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", nargs="+", type=int)
    parser.add_argument("--profile", action="store_true", help="list every check")
    options = parser.parse_args()
    for size in options.sizes:
        table = samples(size)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        seconds = timed(table)
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        whole = seconds.pop("all")
        print(
            f"{size:>9,} samples, {table.nbytes / 2**20:,.0f} MiB: {whole:6.1f} s, "
            f"{size / whole:,.0f} samples/s, +{grown:,.0f} MiB"
        )
        if options.profile:
            for name, spent in sorted(seconds.items(), key=lambda item: -item[1]):
                print(f"{spent:10.2f} s  {name}")


if __name__ == "__main__":
    main()
