"""How well can a label be guessed from words? Logistic regression on hashed n-grams.

Not a model to be used: an instrument that shows whether a label has a tell-tale wording.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.sparse import csr_matrix
from scipy.special import expit
from scipy.stats import rankdata

from sftdata.similarity.shingles import grams
from sftdata.similarity.words import TextArray

__all__ = ["Guess", "auroc", "guess"]

BITS = 18
FOLDS = 5
F64 = NDArray[np.float64]
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\W_\u3040-\u30ff\u3400-\u9fff]+")


@dataclass(frozen=True, slots=True)
class Guess:
    """How well the label was guessed on groups that the classifier had not seen."""

    auroc: float
    low: float
    """Lower end of the 95 % interval of the area (Hanley and McNeil 1982)."""
    terms: tuple[str, ...]
    """The n-grams that speak loudest for the label, or (with a minus) against it."""


def guess(
    texts: TextArray,
    truth: NDArray[np.bool_],
    groups: NDArray[np.int64],
    *,
    strata: NDArray[np.int64] | None = None,
    l2: float = 1.0,
) -> Guess | None:
    """Return how well `truth` is guessed from the words of each text, by group.

    Presence of word 1- and 2-grams (characters in Chinese), hashed to 2^18 columns, each row scaled
    to length 1. Every group is in one of five folds; each fold is guessed by a classifier
    trained on the others. The AUROC is the mean over folds, weighted by pairs, so that a fold in
    which scores are shifted does not count against or for it. None: no fold has both labels.

    Args:
        texts: one text per row.
        truth: the label of each row.
        groups: the group of each row.
        strata: a number per row; only pairs of rows of one stratum count. Where each stratum has a
            wording of its own, what tells strata apart then counts for nothing.
        l2: weight of the penalty.

    >>> texts = pa.array(["ask a", "tell a", "ask b", "tell b"] * 10)
    >>> found = guess(texts, np.array([True, False] * 20), np.arange(40) // 4)
    >>> found.auroc, found.terms[0]
    (1.0, 'ask')
    """
    features = _features(texts)
    folds = _folds(groups)
    strata = np.zeros(len(truth), dtype=np.int64) if strata is None else strata
    area = weight = 0.0
    for fold in range(FOLDS):
        test = folds == fold
        if not _both(truth[test]) or not _both(truth[~test]):
            continue
        weights, bias = _fit(features[~test], truth[~test], l2)
        scores = features[test] @ weights + bias
        for part in _parts(strata[test]):
            label = truth[test][part]
            pairs = float(label.sum()) * float((~label).sum())
            if pairs:
                area += pairs * auroc(scores[part], label)
                weight += pairs
    if not weight:
        return None
    weights, _ = _fit(features, truth, l2)
    found = area / weight
    low = found - 1.96 * _stratified_error(found, truth, strata)
    return Guess(found, low, _terms(texts, features, weights, truth))


def auroc(scores: F64, truth: NDArray[np.bool_]) -> float:
    """Return the chance that a true row scores above a false one; ties count half.

    Mann and Whitney 1947: from the sum of the ranks of the true rows.

    >>> auroc(np.array([0.1, 0.4, 0.4, 0.9]), np.array([False, False, True, True]))
    0.875
    """
    positives, negatives = int(truth.sum()), int((~truth).sum())
    ranks = rankdata(scores)
    above = ranks[truth].sum() - positives * (positives + 1) / 2
    return float(above / (positives * negatives))


def _error(area: float, positives: int, negatives: int) -> float:
    """Return the standard error of an area under the ROC curve (Hanley and McNeil 1982)."""
    first, second = area / (2 - area), 2 * area * area / (1 + area)
    spread = area * (1 - area)
    spread += (positives - 1) * (first - area * area) + (negatives - 1) * (second - area * area)
    return float(np.sqrt(max(spread, 0.0) / (positives * negatives)))


def _stratified_error(area: float, truth: NDArray[np.bool_], strata: NDArray[np.int64]) -> float:
    """Return the standard error of the mean over strata, each weighted by its pairs."""
    sides = [(int(truth[p].sum()), int((~truth[p]).sum())) for p in _parts(strata)]
    pairs = sum(p * n for p, n in sides)
    errors = [p * n / pairs * _error(area, p, n) for p, n in sides if p and n]
    return float(np.sqrt(sum(e * e for e in errors)))


def _parts(codes: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Return the rows of each code."""
    order = np.argsort(codes, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(codes[order])) + 1)


def _both(truth: NDArray[np.bool_]) -> bool:
    return bool(truth.any() and not truth.all())


def _folds(groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """Give whole groups to folds, the largest first, each to the emptiest fold."""
    names, inverse, counts = np.unique(groups, return_inverse=True, return_counts=True)
    filled = np.zeros(FOLDS, dtype=np.int64)
    place = np.zeros(len(names), dtype=np.int64)
    for name in np.lexsort((names, -counts)):
        place[name] = int(np.argmin(filled))
        filled[place[name]] += counts[name]
    return np.asarray(place[inverse])


def _features(texts: TextArray) -> csr_matrix:
    rows, columns = [], []
    for words in (1, 2):
        before = 0
        for part in grams(texts, words=words):
            sizes = np.diff(part.offsets)
            rows.append(np.repeat(np.arange(len(sizes)) + before, sizes))
            columns.append((part.hashes >> np.uint64(64 - BITS)).astype(np.int64))
            before += len(sizes)
    keys = (np.concatenate(rows) << BITS) | np.concatenate(columns)
    # Sorted by hand: numpy's own way of finding distinct numbers is ten times slower here.
    keys.sort()
    keys = keys[np.append(True, keys[1:] != keys[:-1])] if len(keys) else keys
    row, column = keys >> BITS, keys & ((1 << BITS) - 1)
    counts = np.bincount(row, minlength=len(texts))
    values = 1 / np.sqrt(np.maximum(counts[row], 1))
    return csr_matrix((values, (row, column)), shape=(len(texts), 1 << BITS))


def _fit(features: csr_matrix, truth: NDArray[np.bool_], l2: float) -> tuple[F64, float]:
    """Minimise the mean log-loss with both labels of equal weight, plus l2 · |w|² / 2n."""
    used = np.flatnonzero(np.bincount(features.indices, minlength=features.shape[1]))
    small = features[:, used]
    across = small.T.tocsr()
    sign = np.where(truth, 1.0, -1.0)
    share = float(truth.mean())
    balance = np.where(truth, 0.5 / share, 0.5 / (1 - share)) / len(truth)
    penalty = np.append(np.full(len(used), l2 / len(truth)), 0.0)

    def loss(point: F64) -> tuple[float, F64]:
        margin = sign * (small @ point[:-1] + point[-1])
        value = float(balance @ np.logaddexp(0, -margin) + 0.5 * (penalty * point) @ point)
        slope = -balance * sign * expit(-margin)
        return value, np.append(across @ slope, slope.sum()) + penalty * point

    def curvature(point: F64, step: F64) -> F64:
        chance = expit(small @ point[:-1] + point[-1])
        bent = balance * chance * (1 - chance) * (small @ step[:-1] + step[-1])
        return np.append(across @ bent, bent.sum()) + penalty * step

    # Newton with conjugate gradients: L-BFGS-B spends nine tenths of its time on its own matrices
    # where there are a quarter of a million columns.
    found = minimize(
        loss,
        np.zeros(len(used) + 1),
        jac=True,
        hessp=curvature,
        method="trust-ncg",
        options={"gtol": 1e-6},
    )
    weights = np.zeros(features.shape[1])
    weights[used] = found.x[:-1]
    return weights, float(found.x[-1])


def _terms(
    texts: TextArray, features: csr_matrix, weights: F64, truth: NDArray[np.bool_]
) -> tuple[str, ...]:
    """Read the loudest columns back as words, from a row that holds them.

    A column counts by its weight and by how many rows have it. Words that speak against the
    label are marked with a minus.
    """
    held = np.asarray(features.astype(bool).sum(axis=0)).ravel()
    loudest = np.argsort(-np.abs(weights) * np.sqrt(held), kind="stable")[:12]
    by_column = features.tocsc()
    found: list[str] = []
    for column in loudest.tolist():
        if not weights[column] or not held[column]:
            break
        rows = by_column.indices[by_column.indptr[column] : by_column.indptr[column + 1]]
        sides = [r for r in rows.tolist() if truth[r] == (weights[column] > 0)]
        term = _read(texts[(sides or rows.tolist())[0]].as_py() or "", column)
        if term and term.lstrip("-") not in (f.lstrip("-") for f in found):
            found.append(term if weights[column] > 0 else f"-{term}")
    return tuple(found)


def _read(text: str, column: int) -> str:
    """Return the 1- or 2-gram of a text that falls into a column."""
    tokens = _WORD.findall(unicodedata.normalize("NFKC", text).casefold())
    pairs = [f"{a} {b}" for a, b in pairwise(tokens)]
    for words, terms in ((1, tokens), (2, pairs)):
        distinct = list(dict.fromkeys(terms))[:20_000]
        if not distinct:
            continue
        for number, part in enumerate(_hashes(distinct, words)):
            if part == column:
                return distinct[number]
    return ""


def _hashes(terms: list[str], words: int) -> list[int]:
    out: list[int] = []
    for part in grams(pa.array(terms, pa.large_string()), words=words):
        # A term is one n-gram; if the text was cut otherwise there, its first one is taken.
        starts = part.offsets[:-1]
        sizes = np.diff(part.offsets)
        columns = part.hashes[np.minimum(starts, max(len(part.hashes) - 1, 0))]
        out += np.where(sizes > 0, (columns >> np.uint64(64 - BITS)).astype(np.int64), -1).tolist()
    return out
