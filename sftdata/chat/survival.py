"""What survives when a trainer cuts rows at a length: samples, answers, questions, evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sftdata.chat.measured import Measured

__all__ = [
    "CANDIDATES",
    "PERCENTILES",
    "Survival",
    "percentiles",
    "recommended",
    "survival",
    "survivals",
]

CANDIDATES = (512, 1024, 2048, 4096, 8192, 16384, 32768)
"""The lengths that are tried."""

PERCENTILES = (50, 90, 95, 99)

WHOLE = 0.995
"""Share of all samples that a recommended length keeps whole."""

WHOLE_OF_A_KIND = 0.98
"""Share of the samples of each kind (of those with 20 or more) that it keeps whole."""

_ENOUGH = 20

Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Survival:
    """Shares (0 to 1) that are left of a dataset cut at `length` tokens; 1 where there is none.

    Attributes:
        length: where rows are cut.
        cut: `start`: the first tokens of the row are kept, as TRL does; `prompt`: the prompt's
            first tokens and the answer, as LLaMA-Factory does (`cutoff_len`).
        samples: rows that are not cut at all.
        answers: rows whose answer is whole, its stop token included.
        questions: rows whose question is whole, of those in which it is known.
        evidence: pieces of evidence that are whole.
    """

    length: int
    cut: str
    samples: float
    answers: float
    questions: float
    evidence: float


def survival(found: Measured, length: int, cut: str) -> Survival:
    """Return what is left when rows are cut at a length.

    The rule of `prompt` is that of `infer_seqlen` in LLaMA-Factory's `data/processor`.
    """
    rows = found.rendered
    prompt, answer = _kept(found, length, cut)
    total, asked = found.total[rows], found.question_end[rows]
    known = asked > 0
    in_prompt = prompt[found.evidence_rows]
    return Survival(
        length=length,
        cut=cut,
        samples=_share(total <= length),
        answers=_share((answer >= found.answer_end - found.prompt)[rows]),
        questions=_share((asked <= prompt[rows])[known]),
        evidence=_share(found.evidence_ends <= in_prompt),
    )


def _kept(found: Measured, length: int, cut: str) -> tuple[Counts, Counts]:
    """Return how many tokens of each prompt and of each answer are kept."""
    source, target = found.prompt, found.total - found.prompt
    if cut == "start":
        return np.minimum(source, length), np.clip(length - source, 0, target)
    share = (length * (target / np.maximum(source + target, 1))).astype(np.int64)
    most = np.where(source * 2 < length, length - source, share)
    most = np.where(target * 2 < length, length, most)
    answer = np.minimum(most, target)
    return np.minimum(np.maximum(length - answer, 0), source), answer


def _share(kept: NDArray[np.bool_]) -> float:
    return round(float(kept.mean()), 4) if len(kept) else 1.0


def survivals(found: Measured, lengths: Sequence[int] = CANDIDATES) -> tuple[Survival, ...]:
    """Return what is left at each length, for both ways to cut."""
    return tuple(survival(found, n, cut) for n in lengths for cut in ("start", "prompt"))


def recommended(found: Measured, kinds: Sequence[object] | None = None) -> int:
    """Return the shortest candidate that keeps 99.5 % of the samples whole, and 98 % of each kind.

    A kind counts from 20 samples on. Where no candidate does, the next multiple of 1,024 that
    keeps every sample. 0 for a dataset of which nothing can be rendered.
    """
    rows = found.rendered
    total = found.total[rows]
    if not len(total):
        return 0
    names = np.array([str(k or "") for k in kinds], dtype=object)[rows] if kinds else None
    groups = [] if names is None else [total[names == n] for n in sorted(set(names.tolist()))]
    large = [group for group in groups if len(group) >= _ENOUGH]
    for length in CANDIDATES:
        enough = (total <= length).mean() >= WHOLE
        if enough and all((group <= length).mean() >= WHOLE_OF_A_KIND for group in large):
            return length
    return -(-int(total.max()) // 1024) * 1024


def percentiles(lengths: Counts) -> dict[str, int]:
    """Return samples, percentiles (the smallest length that so many samples do not exceed) and max.

    >>> percentiles(np.array([10, 20, 30, 40]))
    {'samples': 4, 'p50': 20, 'p90': 40, 'p95': 40, 'p99': 40, 'max': 40}
    """
    if not len(lengths):
        return {"samples": 0, **{f"p{p}": 0 for p in PERCENTILES}, "max": 0}
    values = np.percentile(lengths, PERCENTILES, method="inverted_cdf")
    told = {f"p{p}": int(v) for p, v in zip(PERCENTILES, values, strict=True)}
    return {"samples": len(lengths), **told, "max": int(lengths.max())}
