"""A model as judge: verdicts on outputs or on pairs, and how far the judge can be trusted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from pydantic import BaseModel, ConfigDict

from sftdata.chance import shuffled
from sftdata.evaluation.agreement import cohen_kappa, percent_agreement, rank_correlation
from sftdata.evaluation.bootstrap import Resampling, interval
from sftdata.evaluation.judge_client import Judge, JudgeError
from sftdata.evaluation.judge_prompts import pair_messages, single_messages, verdict
from sftdata.evaluation.review import Rating
from sftdata.evaluation.writing import words
from sftdata.predictions import Prediction
from sftdata.types import Sample

__all__ = ["HumanAgreement", "JudgeReport", "JudgeScore", "Verdict", "drawn", "judge_pairs"]
__all__ += ["judge_single"]

Runs = Mapping[str, Prediction]
Progress = Callable[[str, int, int], None]
_POINTS = {"yes": 1.0, "partly": 0.5, "no": 0.0}


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Verdict(_Record):
    """The judge's labels for one sample; empty where it gave none that can be used."""

    sample_id: str
    kind: str
    locale: str
    group: str
    labels: dict[str, str]
    consistent: bool | None = None
    """Pairs: whether the same output won in both orders."""


class JudgeScore(_Record):
    """A share with its interval over groups."""

    name: str
    by: str
    value: str
    score: float
    samples: int
    groups: int
    low: float | None = None
    high: float | None = None


class HumanAgreement(_Record):
    """Judge against people on one criterion; each person's label is a pair of its own."""

    criterion: str
    pairs: int
    percent: float | None
    kappa: float | None


class JudgeReport(_Record):
    """What a judge said, and how far it can be trusted."""

    format: str = "sftdata-judge/1"
    mode: str
    judge: str
    host: str
    samples: int
    failed: int
    """Samples without a usable verdict, after asking again."""
    scores: tuple[JudgeScore, ...]
    swap_consistency: float | None = None
    """Pairs: share in which the same output won whichever stood first."""
    verbosity: float | None = None
    """Spearman's rho of verdict and length; far from 0: the judge likes (or dislikes) length."""
    human: tuple[HumanAgreement, ...] = ()
    requests: int = 0
    cached: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float | None = None
    verdicts: tuple[Verdict, ...] = ()


def judge_single(
    judge: Judge,
    samples: Sequence[Sample],
    run: Runs,
    *,
    human: Sequence[Rating] = (),
    how: Resampling | None = None,
    workers: int = 4,
    progress: Progress | None = None,
) -> JudgeReport:
    """Have every output judged `correct` (yes, partly, no) and `grounded` (yes, no).

    A broken answer of the judge is asked for once more; then the sample counts as failed and in
    no score. Samples without a prediction are not judged.

    Raises:
        JudgeError: the endpoint cannot be reached; what was answered is kept in the cache.
    """
    asked = [s for s in samples if s.sample_id in run]

    def one(sample: Sample) -> Verdict:
        messages = single_messages(sample, run[sample.sample_id].output)
        return _verdict(sample, _ask(judge, messages, sample, "single") or {})

    verdicts = list(_worked(one, asked, workers, progress))
    lengths = [float(words(run[v.sample_id].output)) for v in verdicts if v.labels]
    points = [_POINTS[v.labels["correct"]] for v in verdicts if v.labels]
    scores = [
        s for name in ("correct", "grounded") for s in _scores(name, verdicts, _labelled(name), how)
    ]
    return _report(judge, "single", verdicts, scores).model_copy(
        update={
            "verbosity": _rounded(rank_correlation(points, lengths)),
            "human": tuple(_with_humans(verdicts, human, "model")),
        }
    )


def judge_pairs(
    judge: Judge,
    samples: Sequence[Sample],
    run: Runs,
    base: Runs,
    *,
    human: Sequence[Rating] = (),
    how: Resampling | None = None,
    workers: int = 4,
    progress: Progress | None = None,
) -> JudgeReport:
    """Have pairs of outputs compared, each in both orders; a winner must win both, else a tie.

    Raises:
        JudgeError: the endpoint cannot be reached; what was answered is kept in the cache.
    """
    asked = [s for s in samples if s.sample_id in run and s.sample_id in base]

    def one(sample: Sample) -> Verdict:
        mine, theirs = run[sample.sample_id].output, base[sample.sample_id].output
        first = _ask(judge, pair_messages(sample, mine, theirs), sample, "pair")
        second = _ask(judge, pair_messages(sample, theirs, mine), sample, "pair")
        if first is None or second is None:
            return _verdict(sample, {})
        winners = (
            {"A": "model", "B": "base", "tie": "tie"}[first["winner"]],
            {"A": "base", "B": "model", "tie": "tie"}[second["winner"]],
        )
        same = winners[0] == winners[1]
        return _verdict(sample, {"preference": winners[0] if same else "tie"}, consistent=same)

    verdicts = list(_worked(one, asked, workers, progress))
    told = [v for v in verdicts if v.labels]
    scores = [
        s
        for name in ("model", "tie", "base")
        for s in _scores(name, verdicts, _preferring(name), how)
    ]
    gap = [float(words(run[v.sample_id].output) - words(base[v.sample_id].output)) for v in told]
    wins = [{"model": 1.0, "tie": 0.0, "base": -1.0}[v.labels["preference"]] for v in told]
    consistent = [bool(v.consistent) for v in told]
    share = sum(consistent) / len(consistent) if consistent else None
    return _report(judge, "pair", verdicts, scores).model_copy(
        update={
            "swap_consistency": _rounded(share),
            "verbosity": _rounded(rank_correlation(wins, gap)),
            "human": tuple(_with_humans(verdicts, human, "")),
        }
    )


def _labelled(name: str) -> Callable[[Verdict], float]:
    return lambda v: _POINTS[v.labels[name]]


def _preferring(name: str) -> Callable[[Verdict], float]:
    return lambda v: float(v.labels["preference"] == name)


def drawn(samples: Sequence[Sample], count: int | None, seed: int) -> list[Sample]:
    """Return `count` samples by chance, in the order of their ids; all of them without a count."""
    if count is None or count >= len(samples):
        return list(samples)
    chosen = shuffled(samples, seed, "judge", key=lambda s: s.sample_id)[:count]
    return sorted(chosen, key=lambda s: s.sample_id)


def _ask(
    judge: Judge, messages: list[dict[str, str]], sample: Sample, mode: str
) -> dict[str, str] | None:
    for attempt in (0, 1):
        reply = judge.ask(messages, subject=f"{mode}:{sample.sample_id}", attempt=attempt)
        found = verdict(reply.text, mode)
        if found is not None:
            return found
    return None


def _worked(
    one: Callable[[Sample], Verdict],
    samples: Sequence[Sample],
    workers: int,
    progress: Progress | None,
) -> Iterator[Verdict]:
    """Yield verdicts in the order of the samples; after a failure no more requests are begun."""
    with ThreadPoolExecutor(max_workers=workers) as pool:
        waiting = [pool.submit(one, sample) for sample in samples]
        try:
            for number, future in enumerate(waiting, 1):
                yield future.result()
                if progress is not None:
                    progress("judge", number, len(samples))
        except JudgeError:
            for future in waiting:
                future.cancel()
            raise


def _verdict(sample: Sample, labels: dict[str, str], consistent: bool | None = None) -> Verdict:
    return Verdict(
        sample_id=sample.sample_id,
        kind=sample.kind,
        locale=sample.locale,
        group=sample.group,
        labels=labels,
        consistent=consistent,
    )


def _scores(
    name: str,
    verdicts: Sequence[Verdict],
    points: Callable[[Verdict], float],
    how: Resampling | None,
) -> Iterator[JudgeScore]:
    told = [v for v in verdicts if v.labels]
    parts: list[tuple[str, str, list[Verdict]]] = [("all", "", told)]
    for by in ("kind", "locale"):
        values = sorted({getattr(v, by) for v in told})
        parts += [(by, value, [v for v in told if getattr(v, by) == value]) for value in values]
    for by, value, mine in parts:
        if not mine:
            continue
        sums: dict[str, list[float]] = {}
        for v in mine:
            pair = sums.setdefault(v.group or v.sample_id, [0.0, 0.0])
            pair[0] += points(v)
            pair[1] += 1
        table = np.array([sums[g] for g in sorted(sums)])
        ends = interval(table, lambda s: s[..., 0] / s[..., 1], how or Resampling())
        yield JudgeScore(
            name=name,
            by=by,
            value=value,
            score=round(float(table[:, 0].sum() / table[:, 1].sum()), 6),
            samples=len(mine),
            groups=len(table),
            low=round(ends.low, 6) if ends else None,
            high=round(ends.high, 6) if ends else None,
        )


def _with_humans(
    verdicts: Sequence[Verdict], human: Sequence[Rating], output: str
) -> Iterator[HumanAgreement]:
    """Compare each label of the judge with each person's label of the same sample and run."""
    labels = {v.sample_id: v.labels for v in verdicts if v.labels}
    for criterion in ("correct", "grounded", "preference"):
        pairs = [
            (labels[r.sample_id][criterion], r.label)
            for r in human
            if r.criterion == criterion
            and r.output == output
            and criterion in labels.get(r.sample_id, {})
        ]
        if not pairs:
            continue
        left, right = [a for a, _ in pairs], [b for _, b in pairs]
        yield HumanAgreement(
            criterion=criterion,
            pairs=len(pairs),
            percent=_rounded(percent_agreement(left, right)),
            kappa=_rounded(cohen_kappa(left, right)),
        )


def _report(
    judge: Judge, mode: str, verdicts: Sequence[Verdict], scores: Sequence[JudgeScore]
) -> JudgeReport:
    usage = judge.usage
    return JudgeReport(
        mode=mode,
        judge=judge.endpoint.model,
        host=judge.endpoint.host(),
        samples=len(verdicts),
        failed=sum(not v.labels for v in verdicts),
        scores=tuple(scores),
        requests=usage.requests,
        cached=usage.cached,
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        cost=usage.cost,
        verdicts=tuple(verdicts),
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
