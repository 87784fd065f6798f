"""Near-duplicates: texts a second, recall, precision and memory, beside other libraries.

    python benchmarks/dedupe.py --texts 20000
    python benchmarks/dedupe.py --texts 100000 --repeat 3 --systems sftdata datasketch rensa

Every system gets the same seeded texts (about 350 words; one in ten has copies with some words
changed) and returns pairs, in a process of its own. Systems that are not installed are skipped.
Texts in, pairs out: shingling, signatures, index and look-up are all timed. `recall` is the share
of planted pairs with a true similarity at or above the threshold of which not both stay;
`precision` the share of returned pairs that truly reach it. `sftdata` is `similar_pairs`,
`dedupe` the whole decision with a reason per text. Claims are the ratios of one run on one machine.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from statistics import median

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

THRESHOLD, PERMUTATIONS, WORDS = 0.8, 128, 5
Pairs = set[tuple[int, int]]


def planted(count: int, seed: int = 7) -> tuple[list[str], list[tuple[int, int]]]:
    """Return texts and the pairs of each text with its altered copies."""
    rng, numbers = random.Random(seed), np.random.default_rng(seed)
    letters = "etaoinshrdlucmfwypvbgkjqxz"
    vocabulary = np.array(
        ["".join(rng.choices(letters, k=rng.randint(2, 10))) for _ in range(30_000)], dtype=object
    )
    texts: list[str] = []
    pairs = []
    while len(texts) < count:
        length = int(numbers.integers(300, 400))
        words = vocabulary[np.minimum(numbers.zipf(1.2, length) - 1, len(vocabulary) - 1)]
        first = len(texts)
        texts.append(" ".join(words))
        for _ in range(rng.randint(1, 3) if rng.random() < 0.1 else 0):
            changed = words.copy()
            places = numbers.integers(0, length, rng.randint(0, 10))
            changed[places] = numbers.choice(vocabulary, len(places))
            pairs.append((first, len(texts)))
            texts.append(" ".join(changed))
    return texts[:count], [p for p in pairs if p[1] < count]


def grams(text: str) -> set[str]:
    words = text.split()
    return {" ".join(words[i : i + WORDS]) for i in range(max(len(words) - WORDS + 1, 1))}


def exact(texts: list[str], pair: tuple[int, int]) -> float:
    left, right = grams(texts[pair[0]]), grams(texts[pair[1]])
    return len(left & right) / len(left | right)


def by_sftdata(array: pa.Array) -> Callable[[], Pairs]:
    from sftdata.similarity.lsh import similar_pairs

    similar_pairs(array.slice(0, 300), threshold=THRESHOLD)

    def run() -> Pairs:
        found = similar_pairs(array, threshold=THRESHOLD, permutations=PERMUTATIONS, words=WORDS)
        return set(map(tuple, found.array().tolist()))

    return run


def by_dedupe(array: pa.Array, linkage: str = "cluster") -> Callable[[], Pairs]:
    """The whole decision: keys in batches, one verdict with its reason per text.

    The pairs are (survivor, dropped).
    """
    from sftdata.stages.decisions.dedupe import Dedupe

    decision = Dedupe(grain="passage", linkage=linkage, threshold=THRESHOLD)
    table = pa.table({"id": [f"{i:09}" for i in range(len(array))], "text": array})
    decision.keys(table.slice(0, 300))

    def run() -> Pairs:
        keys = pa.concat_tables(
            [decision.keys(table.slice(i, 1000)) for i in range(0, len(table), 1000)]
        )
        found = decision.decide(keys)
        pairs = zip(found["id"].to_pylist(), found["because_of"].to_pylist(), strict=True)
        return {(int(survivor), int(dropped)) for dropped, survivor in pairs if survivor}

    return run


def by_dedupe_direct(array: pa.Array) -> Callable[[], Pairs]:
    return by_dedupe(array, "direct")


def by_datasketch(array: pa.Array) -> Callable[[], Pairs]:
    """MinHash.bulk with its default hash and MinHashLSH with its default bands."""
    from datasketch import MinHash, MinHashLSH

    texts = array.to_pylist()

    def run() -> Pairs:
        rows = ([g.encode() for g in grams(text)] for text in texts)
        sketches = MinHash.bulk(rows, num_perm=PERMUTATIONS)
        index = MinHashLSH(threshold=THRESHOLD, num_perm=PERMUTATIONS)
        found: Pairs = set()
        for i, sketch in enumerate(sketches):
            found.update((j, i) for j in index.query(sketch))
            index.insert(i, sketch)
        return found

    return run


def by_rensa(array: pa.Array) -> Callable[[], Pairs]:
    """RMinHash and its LSH as its read-me shows them, on the same shingles."""
    import rensa

    texts = array.to_pylist()

    def run() -> Pairs:
        index = rensa.RMinHashLSH(
            threshold=THRESHOLD, num_perm=PERMUTATIONS, num_bands=PERMUTATIONS // 8
        )
        found: Pairs = set()
        for i, text in enumerate(texts):
            sketch = rensa.RMinHash(num_perm=PERMUTATIONS, seed=42)
            sketch.update(list(grams(text)))
            found.update((j, i) for j in index.query(sketch))
            index.insert(i, sketch)
        return found

    return run


SYSTEMS = {
    "sftdata": by_sftdata,
    "dedupe": by_dedupe,
    "dedupe-direct": by_dedupe_direct,
    "datasketch": by_datasketch,
    "rensa": by_rensa,
}


def memory(field: str) -> float:
    """Return a line of /proc/self/status in MB; 0 where there is none."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(x.split()[1]) / 1024 for x in lines if x.startswith(field)), 0.0)


def measure(system: str, folder: Path, repeat: int) -> dict[str, float]:
    """Run one system on the stored texts; strings are made only for those that need them."""
    array = pq.read_table(folder / "texts.parquet")["text"].combine_chunks()
    run = SYSTEMS[system](array)
    before = memory("VmRSS")
    peak = Path("/proc/self/clear_refs")
    if peak.exists():
        peak.write_text("5")
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        found = run()
        times.append(time.perf_counter() - start)
    after = memory("VmHWM")
    texts = array.to_pylist()
    pairs = json.loads((folder / "pairs.json").read_text())
    true = [p for p in pairs if exact(texts, p) >= THRESHOLD]
    leaving = _leaving(system, len(texts), found)
    right = sum(exact(texts, p) >= THRESHOLD for p in found)
    return {
        "texts_per_s": len(texts) / median(times),
        "recall": sum(a in leaving or b in leaving for a, b in true) / max(len(true), 1),
        "precision": right / len(found) if found else 1.0,
        "memory_mb": after - before,
        "pairs": len(found),
    }


def _leaving(system: str, count: int, found: Pairs) -> set[int]:
    """Return the texts that leave: all of a cluster but its first, or what a decision drops."""
    if system.startswith("dedupe"):
        return {dropped for _, dropped in found}
    from sftdata.similarity.clusters import components

    labels = components(count, np.array(sorted(found), dtype=np.int64).reshape(-1, 2))
    return set(np.flatnonzero(labels != np.arange(count)).tolist())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--texts", type=int, default=20_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--systems", nargs="+", choices=SYSTEMS, default=list(SYSTEMS))
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        print(json.dumps(measure(args.one[0], Path(args.one[1]), args.repeat)))
        return
    print(f"{args.texts:,} texts, {os.cpu_count()} cores, Python {platform.python_version()}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        texts, pairs = planted(args.texts)
        pq.write_table(pa.table({"text": texts}), folder / "texts.parquet")
        (folder / "pairs.json").write_text(json.dumps(pairs))
        report(run_all(args.systems, folder, args.repeat))


def run_all(systems: list[str], folder: Path, repeat: int) -> dict[str, dict[str, float]]:
    """Measure each system in a process of its own."""
    results: dict[str, dict[str, float]] = {}
    for system in systems:
        if system == "rensa" and find_spec("rensa") is None:
            print("rensa is not installed: skipped")
            continue
        command = [sys.executable, __file__, "--one", system, str(folder)]
        command += ["--repeat", str(repeat)]
        # Arrow's own pool keeps what is freed, which would hide what the run itself needs.
        environment = {**os.environ, "ARROW_DEFAULT_MEMORY_POOL": "system"}
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
        results[system] = json.loads(done.stdout)
    return results


def report(results: dict[str, dict[str, float]]) -> None:
    base = results.get("datasketch", {}).get("texts_per_s", 0.0)
    print(
        f"{'system':<15}{'texts/s':>10}{'× datasketch':>14}{'recall':>9}{'precision':>11}{'MB':>8}"
    )
    for system, r in results.items():
        ratio = f"{r['texts_per_s'] / base:.1f}" if base else "–"
        print(
            f"{system:<15}{r['texts_per_s']:>10,.0f}{ratio:>14}{r['recall']:>9.4f}"
            f"{r['precision']:>11.4f}{r['memory_mb']:>8,.0f}"
        )


if __name__ == "__main__":
    main()
