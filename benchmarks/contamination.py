"""Time the search for evaluation items in training text, beside the usual loop over sets.

    python benchmarks/contamination.py
    python benchmarks/contamination.py --texts 20000 --items 2000 --rounds 3

English texts of about 350 words (Chinese: 350 characters) and items of about 60; one text in a
hundred holds an item or a piece of one. Both sides must find the same pairs. The set loop is what
evaluation harnesses do: a set of 13-word tuples per evaluation set, and every tuple of every text
looked up in it, without even telling which item it was.
"""

from __future__ import annotations

import argparse
import re
import time

import numpy as np
import pyarrow as pa

from sftdata.similarity.contamination import contaminated, items_of

N = 13
WORD = re.compile(r"[\u4e00-\u9fff]|[^\W_\u4e00-\u9fff]+")


def corpus(texts: int, items: int, seed: int, *, zh: bool) -> tuple[list[str], list[str]]:
    rng = np.random.default_rng(seed)
    pool = (
        [chr(0x4E00 + n) for n in range(2000)] if zh else [f"{a}{b}" for a in HEADS for b in TAILS]
    )
    weights = 1 / np.arange(8, len(pool) + 8)
    draws = rng.choice(len(pool), texts * 350 + items * 60, p=weights / weights.sum())
    words = np.array(pool, dtype=object)[draws]
    gap = "" if zh else " "
    rows = [list(words[n * 350 : (n + 1) * 350]) for n in range(texts)]
    rest = words[texts * 350 :]
    evaluation = [list(rest[n * 60 : (n + 1) * 60]) for n in range(items)]
    for n in range(0, texts, 100):
        length = int(rng.integers(8, 61))
        place = int(rng.integers(0, 280))
        rows[n][place : place + length] = evaluation[n % items][:length]
    return [gap.join(r) for r in rows], [gap.join(e) for e in evaluation]


HEADS = [
    "ba",
    "de",
    "flo",
    "gri",
    "ho",
    "ka",
    "lu",
    "mi",
    "no",
    "pra",
    "ri",
    "sto",
    "tu",
    "ve",
    "wa",
]
TAILS = [
    f"{c}{v}{e}" for c in "bdklmnrst" for v in "aeo" for e in ("", "n", "r", "st", "ly", "ment")
]


def naive(texts: list[str], items: list[str]) -> set[int]:
    known = {gram for item in items for gram in grams(item)}
    return {row for row, text in enumerate(texts) if any(g in known for g in grams(text))}


def grams(text: str) -> list[tuple[str, ...]]:
    words = WORD.findall(text.lower())
    return list(zip(*(words[i:] for i in range(N)), strict=False))


def ours(texts: pa.Array, evaluation: pa.Array) -> set[int]:
    return {o.row for o in contaminated(texts, items_of(evaluation, n=N), evaluation, n=N)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=20_000)
    parser.add_argument("--items", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    ours(pa.array(["a b c"]), pa.array(["d e f"]))
    for zh in (False, True):
        texts, items = corpus(options.texts, options.items, 0, zh=zh)
        # Each side gets the texts as it holds them: Python strings, or an Arrow column.
        columns = pa.array(texts), pa.array(items)
        spent: dict[str, list[float]] = {"set loop": [], "sftdata": []}
        for _ in range(options.rounds):
            started = time.process_time()
            expected = naive(texts, items)
            spent["set loop"].append(time.process_time() - started)
            started = time.process_time()
            found = ours(*columns)
            spent["sftdata"].append(time.process_time() - started)
            assert found == expected, "the two sides do not agree"
        medians = {name: float(np.median(values)) for name, values in spent.items()}
        print(f"{'Chinese' if zh else 'English'}: {len(expected):,} of {len(texts):,} texts")
        for name, seconds in medians.items():
            print(f"  {name:<10} {len(texts) / seconds:>10,.0f} texts/s")
        print(f"  {medians['set loop'] / medians['sftdata']:.1f} times as fast")


if __name__ == "__main__":
    main()
