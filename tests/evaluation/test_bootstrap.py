"""Intervals over groups against scipy, and what they are for: alike samples are not many samples."""

import numpy as np
import pytest
from scipy.stats import bootstrap as reference

from sftdata.evaluation.bootstrap import Resampling, interval, replicates
from sftdata.evaluation.metrics import METRICS, area_under_curve, metric_named

RNG = np.random.default_rng(7)
SUMS = np.column_stack([RNG.integers(0, 9, 40), np.full(40, 9)]).astype(float)


def ratio(sums):
    return sums[..., 0] / sums[..., 1]


def test_intervals_are_those_of_scipy():
    """The mean of groups of equal size, so that the ratio of sums is scipy's mean."""
    skewed = np.random.default_rng(5).exponential(size=12) ** 2
    sums = np.column_stack([skewed, np.ones(12)])
    ends = {}
    for how in ("percentile", "bca"):
        ours = interval(sums, ratio, Resampling(resamples=20_000, method=how))
        theirs = reference(
            (skewed,), np.mean, n_resamples=20_000, method=how, rng=np.random.default_rng(1)
        ).confidence_interval
        ends[how] = ours.high
        assert ours.low == pytest.approx(theirs.low, rel=0.03)
        assert ours.high == pytest.approx(theirs.high, rel=0.03)
    assert ends["bca"] > ends["percentile"] * 1.1  # skewed, so the correction is seen


def test_the_same_seed_gives_the_same_interval():
    first, again = (interval(SUMS, ratio, Resampling(seed=3)) for _ in range(2))
    assert first == again
    assert interval(SUMS, ratio, Resampling(seed=4)) != first


def test_one_group_has_no_interval():
    assert interval(SUMS[:1], ratio, Resampling()) is None


def test_samples_of_one_group_do_not_make_the_interval_narrow():
    """Twenty alike samples in each of ten groups say as much as ten samples."""
    answers = RNG.integers(0, 2, 10).astype(float)
    alone = np.column_stack([answers, np.ones(10)])
    many = alone * 20
    assert interval(alone, ratio, Resampling()) == interval(many, ratio, Resampling())


def test_large_numbers_of_groups_are_drawn_in_pieces():
    sums = np.ones((30_000, 2))
    assert len(replicates(sums, ratio, Resampling(resamples=300))) == 300


def test_metrics_against_scikit_learn():
    from sklearn.metrics import f1_score, roc_auc_score

    gold, given = RNG.integers(0, 2, 200), RNG.integers(0, 2, 200)
    counts = np.array(
        [
            given.sum(), (1 - given).sum(), gold.sum(), (1 - gold).sum(),
            (gold & given).sum(), ((1 - gold) & (1 - given)).sum(),
        ],
        dtype=float,
    )  # fmt: skip
    macro = metric_named("grounded_refusal_f1").formula(counts)
    assert float(macro) == pytest.approx(f1_score(gold, given, average="macro"))
    binary = metric_named("refusal_f1").formula(counts[[4, 2, 0]])
    assert float(binary) == pytest.approx(f1_score(gold, given))
    score = np.round(RNG.random(200) + gold * 0.4, 1)  # ties
    levels = np.unique(score)
    sums = np.array(
        [[((score == v) & (gold == side)).sum() for v in levels] for side in (0, 1)], dtype=float
    )
    assert float(area_under_curve(sums.ravel())) == pytest.approx(roc_auc_score(gold, score))


def test_macro_f1_of_classes_against_scikit_learn():
    from sklearn.metrics import f1_score

    gold, given = RNG.integers(0, 4, 100), RNG.integers(0, 5, 100)
    sums = np.array(
        [
            [(given == c).sum(), (gold == c).sum(), ((gold == c) & (given == c)).sum()]
            for c in range(6)  # class 5 occurs on neither side and does not count
        ],
        dtype=float,
    )
    ours = metric_named("reason_macro_f1").formula(sums.ravel())
    assert float(ours) == pytest.approx(f1_score(gold, given, average="macro"))


def test_every_metric_says_what_it_is():
    names = [metric.name for metric in METRICS]
    assert len(set(names)) == len(names)
    assert all(metric.definition.endswith(".") and metric.title for metric in METRICS)


def test_trust_score_by_hand():
    """Refused 3 (2 rightly) of 4 unanswerable; answered 5 (3 rightly) of 4 answerable."""
    # stance: refused, answered, gold refuse, gold answer, right refuse, right answer
    stance = [3.0, 5.0, 4.0, 4.0, 2.0, 3.0]
    refuse, answer = 2 * 2 / (3 + 4), 2 * 3 / (5 + 4)
    calibrated = [2.4, 5.0, 4.0]  # answer quality 2.4 of 5 answered and of 4 answerable
    precision, recall = 2.4 / 5, 2.4 / 4
    cites = [6.0, 8.0, 5.0, 10.0]  # 6 of 8 citations right, 5 of 10 spans covered
    p, r = 6 / 8, 5 / 10
    wanted = (
        (refuse + answer) / 2 + 2 * precision * recall / (precision + recall) + 2 * p * r / (p + r)
    ) / 3
    found = metric_named("trust_score").formula(np.array([*stance, *calibrated, *cites]))
    assert float(found) == pytest.approx(wanted)
