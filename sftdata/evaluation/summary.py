"""Figures in words: shares in per cent, intervals in brackets, differences in points."""

from __future__ import annotations

from sftdata.evaluation.metrics import Metric
from sftdata.evaluation.report import Difference, Score

__all__ = ["gap_words", "score_words", "value_words"]


def value_words(metric: Metric, value: float) -> str:
    """Return a value as it is shown: per cent with one digit, or a ratio with two.

    >>> from sftdata.evaluation.metrics import metric_named
    >>> value_words(metric_named("field_f1"), 0.9871), value_words(metric_named("length_ratio"), 1)
    ('98.7%', '1.00')
    """
    return f"{value:.1%}" if metric.scale == "share" else f"{value:.2f}"


def score_words(metric: Metric, score: Score) -> str:
    """Return a score with its interval, where it has one."""
    text = value_words(metric, score.score)
    if score.low is None or score.high is None:
        return text
    low, high = (value_words(metric, v).removesuffix("%") for v in (score.low, score.high))
    return f"{text} [{low}, {high}]"


def gap_words(metric: Metric, gap: Difference) -> str:
    """Return a difference in percentage points with its interval."""
    factor, digits = (100, 1) if metric.scale == "share" else (1, 2)
    text = f"{gap.difference * factor:+.{digits}f}"
    if gap.low is None or gap.high is None:
        return text
    return f"{text} [{gap.low * factor:+.{digits}f}, {gap.high * factor:+.{digits}f}]"
