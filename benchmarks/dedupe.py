"""Near-duplicates: texts a second, recall, precision and memory, beside other libraries.

    python benchmarks/dedupe.py                                        # 100,000 English texts
    python benchmarks/dedupe.py --corpus zh --texts 20000
    python benchmarks/dedupe.py --corpus short --texts 100000 1000000 --systems base fast
    python benchmarks/dedupe.py --corpus identical --texts 50000 --systems base fast
    python benchmarks/dedupe.py --corpus skeleton --texts 100000 --systems base fast

Corpora, all from one seed:

    en         about 350 words; one text in ten has one to three copies with 0 to 10 words changed
    zh         about 350 Chinese characters, copies likewise
    short      about 25 words; copies with 0 to 6 words added
    identical  one text over and over
    skeleton   one notice of 60 words with other numbers in each

Systems, each in a process of its own, on the same texts and cores, one after the other; what is
not installed is skipped and said:

    base, fast     `similar_pairs` with numpy alone, and with the kernels of the extra fast
    dedupe-base, dedupe-fast
                   the whole decision: keys in batches of 1,000 rows, a verdict per text
    datasketch     `MinHash.bulk` with its default hash and `MinHashLSH` with its default bands
    rensa, rensa-c `RMinHashDeduplicator` as its read-me shows, and `CMinHashDeduplicator`

Texts in, pairs or verdicts out: shingling, signatures, index, look-up and verification are timed;
imports, compiling and the reading of the file are not. All get the same word (zh: character)
5-grams, 128 permutations and the threshold 0.8. The columns:

    texts/s      median of `--repeat` runs
    CPU µs       processor time per text, of all threads; holds on a busy machine too
    × datasketch, × rensa    the ratio to them in this run; claims are these ratios, never texts/s
    recall       of the pairs with an exact Jaccard similarity ≥ 0.8 (those of the generator, each
                 computed from sets of strings): the share of which not both texts stay
    .80–.85      the same for pairs in that range, where bands miss most
    precision    share of the texts that leave which are in such a pair
    true pairs   share of the returned pairs (of 200,000 of them, if there are more) that reach
                 0.8; – where a system returns none
    MB           peak resident memory over that of the process with the texts loaded
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
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from itertools import combinations
from pathlib import Path
from statistics import median

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

THRESHOLD, PERMUTATIONS, WORDS = 0.8, 128, 5
SAMPLE = 200_000
Pairs = list[tuple[int, int]]
Found = tuple[set[int], Pairs | None]
"""The texts that leave, and the pairs that were returned, if any were."""


def changed(words: np.ndarray, vocabulary: np.ndarray, numbers: np.random.Generator) -> np.ndarray:
    """Return a copy with up to ten words replaced."""
    copy = words.copy()
    places = numbers.integers(0, len(words), numbers.integers(0, 11))
    copy[places] = numbers.choice(vocabulary, len(places))
    return copy


def lengthened(words: np.ndarray, vocabulary: np.ndarray, numbers: np.random.Generator):
    """Return a copy with up to six words added: 20 shared 5-grams of 20 to 26."""
    return np.append(words, numbers.choice(vocabulary, numbers.integers(0, 7)))


def clusters(corpus: str, seed: int = 7) -> Iterator[list[str]]:
    """Yield texts without end, each with its altered copies if it has any."""
    rng, numbers = random.Random(seed), np.random.default_rng(seed)
    if corpus == "zh":
        vocabulary = np.array([chr(0x4E00 + i) for i in range(3_000)], dtype=object)
    else:
        letters = "etaoinshrdlucmfwypvbgkjqxz"
        words = ("".join(rng.choices(letters, k=rng.randint(2, 10))) for _ in range(30_000))
        vocabulary = np.array(list(words), dtype=object)
    shortest, longest = (20, 30) if corpus == "short" else (300, 400)
    alter, joined = lengthened if corpus == "short" else changed, "" if corpus == "zh" else " "
    while True:
        length = int(numbers.integers(shortest, longest))
        if corpus == "short":
            first = vocabulary[numbers.integers(0, len(vocabulary), length)]
        else:
            first = vocabulary[np.minimum(numbers.zipf(1.2, length) - 1, len(vocabulary) - 1)]
        copies = rng.randint(1, 3) if rng.random() < 0.1 else 0
        group = [first, *(alter(first, vocabulary, numbers) for _ in range(copies))]
        yield [joined.join(words) for words in group]


def planted(corpus: str, count: int) -> tuple[list[str], list[tuple[int, int, float]]]:
    """Return texts, and the pairs in which they repeat each other with their exact similarity."""
    texts: list[str] = []
    pairs: list[tuple[int, int, float]] = []
    if corpus == "identical":
        return ["the same notice in every file of the collection, word for word"] * count, []
    if corpus == "skeleton":
        notice = " ".join(f"word{chr(97 + i % 26)}{chr(97 + i // 26)}" for i in range(58))
        return [f"{notice} in {i} of {i * 7}" for i in range(count)], []
    for cluster in clusters(corpus):
        group = cluster[: count - len(texts)]
        sets = [grams(text) for text in group] if len(group) > 1 else []
        for a, b in combinations(range(len(group)), 2):
            pairs.append((len(texts) + a, len(texts) + b, similarity(sets[a], sets[b])))
        texts += group
        if len(texts) == count:
            return texts, pairs
    raise AssertionError


def grams(text: str) -> set[str]:
    """Return the 5-grams of words, or of characters where there is no space."""
    words = text.split() if " " in text else list(text)
    return {" ".join(words[i : i + WORDS]) for i in range(max(len(words) - WORDS + 1, 1))}


def similarity(left: set[str], right: set[str]) -> float:
    return len(left & right) / len(left | right)


def by_pairs(array: pa.Array) -> Callable[[], Found]:
    from sftdata.similarity.clusters import components
    from sftdata.similarity.lsh import similar_pairs

    similar_pairs(array.slice(0, 300), threshold=THRESHOLD)

    def run() -> Found:
        found = similar_pairs(array, threshold=THRESHOLD, permutations=PERMUTATIONS, words=WORDS)
        labels = components(len(array), found.array())
        leaving = np.flatnonzero(labels != np.arange(len(array)))
        return set(leaving.tolist()), list(map(tuple, found.array().tolist()))

    return run


def by_dedupe(array: pa.Array) -> Callable[[], Found]:
    from sftdata.stages.decisions.dedupe import Dedupe

    decision = Dedupe(grain="passage", threshold=THRESHOLD, linkage="direct")
    table = pa.table({"id": [f"{i:09}" for i in range(len(array))], "text": array})
    decision.decide(decision.keys(table.slice(0, 300)))

    def run() -> Found:
        keys = [decision.keys(table.slice(i, 1000)) for i in range(0, len(table), 1000)]
        found = decision.decide(pa.concat_tables(keys))
        names = zip(found["id"].to_pylist(), found["because_of"].to_pylist(), strict=True)
        pairs = [(int(survivor), int(leaving)) for leaving, survivor in names if survivor]
        return {leaving for _, leaving in pairs}, pairs

    return run


def by_datasketch(array: pa.Array) -> Callable[[], Found]:
    from datasketch import MinHash, MinHashLSH

    texts = array.to_pylist()

    def run() -> Found:
        rows = ([g.encode() for g in grams(text)] for text in texts)
        index = MinHashLSH(threshold=THRESHOLD, num_perm=PERMUTATIONS)
        pairs: Pairs = []
        for i, sketch in enumerate(MinHash.bulk(rows, num_perm=PERMUTATIONS)):
            pairs += [(j, i) for j in index.query(sketch)]
            index.insert(i, sketch)
        return {later for _, later in pairs}, pairs

    return run


def by_rensa(array: pa.Array, name: str = "RMinHashDeduplicator") -> Callable[[], Found]:
    import rensa

    texts = array.to_pylist()
    more = {"use_lsh": True} if name.startswith("R") else {}

    def run() -> Found:
        index = getattr(rensa, name)(threshold=THRESHOLD, num_perm=PERMUTATIONS, **more)
        kept = index.add_pairs((str(i), list(grams(text))) for i, text in enumerate(texts))
        return {i for i, stays in enumerate(kept) if not stays}, None

    return run


def by_rensa_c(array: pa.Array) -> Callable[[], Found]:
    return by_rensa(array, "CMinHashDeduplicator")


SYSTEMS = {
    "base": by_pairs,
    "fast": by_pairs,
    "dedupe-base": by_dedupe,
    "dedupe-fast": by_dedupe,
    "datasketch": by_datasketch,
    "rensa": by_rensa,
    "rensa-c": by_rensa_c,
}
NEEDS = {"fast": "numba", "dedupe-fast": "numba", "rensa": "rensa", "rensa-c": "rensa"}


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
    times, work = [], []
    for _ in range(repeat):
        start, used = time.perf_counter(), time.process_time()
        leaving, pairs = run()
        times.append(time.perf_counter() - start)
        work.append(time.process_time() - used)
    after = memory("VmHWM")
    texts = array.to_pylist()
    true = [p for p in json.loads((folder / "pairs.json").read_text()) if p[2] >= THRESHOLD]
    found = [a in leaving or b in leaving for a, b, _ in true]
    hard = [f for f, p in zip(found, true, strict=True) if p[2] < 0.85]
    repeated = {row for pair in true for row in pair[:2]}
    looked = random.Random(1).sample(pairs, SAMPLE) if len(pairs or []) > SAMPLE else pairs or []
    reach = [similarity(grams(texts[a]), grams(texts[b])) >= THRESHOLD for a, b in looked]
    nothing = float("nan")
    return {
        "texts_per_s": len(texts) / median(times),
        "cpu_us": median(work) / len(texts) * 1e6,
        "recall": sum(found) / len(found) if found else nothing,
        "hard": sum(hard) / len(hard) if hard else nothing,
        "precision": len(leaving & repeated) / len(leaving) if leaving and true else nothing,
        "true_pairs": sum(reach) / len(reach) if reach else nothing,
        "memory_mb": after - before,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    corpora = ("en", "zh", "short", "identical", "skeleton")
    parser.add_argument("--corpus", choices=corpora, default="en")
    parser.add_argument("--texts", type=int, nargs="+", default=[100_000])
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--systems", nargs="+", choices=SYSTEMS, default=list(SYSTEMS))
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        print(json.dumps(measure(args.one[0], Path(args.one[1]), args.repeat)))
        return
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}, numpy {np.__version__}")
    results = []
    for count in args.texts:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            texts, pairs = planted(args.corpus, count)
            pq.write_table(pa.table({"text": texts}), folder / "texts.parquet")
            (folder / "pairs.json").write_text(json.dumps(pairs))
            near = sum(p[2] >= THRESHOLD for p in pairs)
            print(f"\n{count:,} texts ({args.corpus}), {near:,} pairs at or above {THRESHOLD}")
            del texts, pairs
            results.append(run_all(args.systems, folder, args.repeat))
            report(results[-1])
    for system in results[0] if len(results) > 1 else ():
        first, last = results[0][system]["texts_per_s"], results[-1][system]["texts_per_s"]
        print(f"{system}: time per text {first / last:.2f} × that at {args.texts[0]:,}")


def run_all(systems: list[str], folder: Path, repeat: int) -> dict[str, dict[str, float]]:
    """Measure each system in a process of its own."""
    results: dict[str, dict[str, float]] = {}
    for system in systems:
        needed = NEEDS.get(system)
        if needed and find_spec(needed) is None:
            print(f"{system}: {needed} is not installed, skipped")
            continue
        command = [sys.executable, __file__, "--one", system, str(folder)]
        command += ["--repeat", str(repeat)]
        # Arrow's own pool keeps what is freed, which would hide what the run itself needs.
        environment = {**os.environ, "ARROW_DEFAULT_MEMORY_POOL": "system"}
        environment["SFTDATA_FAST"] = "1" if system.endswith("fast") else "0"
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True, env=environment)
        results[system] = json.loads(done.stdout)
    return results


def report(results: dict[str, dict[str, float]]) -> None:
    def ratio(mine: float, *peers: str) -> str:
        speeds = [results[p]["texts_per_s"] for p in peers if p in results]
        return f"{mine / max(speeds):.1f}" if speeds else "–"

    def share(value: float) -> str:
        return "–" if np.isnan(value) else f"{value:.4f}"

    names = ("texts/s", "CPU µs", "× datasketch", "× rensa", "recall", ".80–.85", "precision")
    print(f"{'system':<13}" + "".join(f"{n:>13}" for n in (*names, "true pairs", "MB")))
    for system, r in results.items():
        cells = [f"{r['texts_per_s']:,.0f}", f"{r['cpu_us']:.1f}"]
        cells.append(ratio(r["texts_per_s"], "datasketch"))
        cells.append(ratio(r["texts_per_s"], "rensa", "rensa-c"))
        cells += [share(r[n]) for n in ("recall", "hard", "precision", "true_pairs")]
        print(f"{system:<13}" + "".join(f"{c:>13}" for c in (*cells, f"{r['memory_mb']:,.0f}")))


if __name__ == "__main__":
    main()
