"""Which row of a set of duplicates stays, by a rule that is stated, and who left because of it.

The order of preference is total: what the rule leaves open is decided by length, then date, then
id, so that the same rows give the same survivor on every machine and in every order.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

__all__ = ["Account", "Survivor", "preference", "quality"]

I64 = NDArray[np.int64]

Survivor = Literal["longest", "newest", "best_quality", "first"]
"""`longest`: most characters; `newest`: last published; `best_quality`: highest `quality`;
`first`: smallest id."""

_BROKEN = re.compile(
    "[\ufffd\ue000-\uf8ff\x80-\x9f\x00-\x08\x0b\x0c\x0e-\x1f]"
    # UTF-8 read as Latin-1 or Windows-1252, and U+FFFD read as GBK
    "|[ÂÃ][\x80-\xbf\u0152-\u0178\u02c6\u02dc\u2013-\u2122]|â(?:€|\x80).|锟斤拷|烫烫烫|屯屯屯"
)
_BODY = 2000


def quality(text: str, checks: Iterable[Mapping[str, Any]] = (), evidence: int = 0) -> float:
    """Return how good a row is, 0 to 5, to choose between copies of one text.

    The sum of five parts, each 0 to 1, none of which needs a model:

    * the share of its checks that passed (1 where none are recorded);
    * evidence: `n / (n + 1)` for `n` quoted spans;
    * unbroken characters: 1 less 20 times the share of replacement characters, control characters
      and mojibake (UTF-8 read in another encoding: `Ã©`, `â€™`, `锟斤拷`), at least 0;
    * the share of letters and digits among all characters that are not white space;
    * body: `m / (m + 2000)` for the `m` characters of the lines that stand in it once: a text that
      is longer by repeated headers alone is not better.

    >>> quality("Net sales rose by 5% in 2024.") > quality("Net sales rose by 5% in 2024â€¦")
    True
    >>> quality("a", [{"passed": True}]) - quality("a", [{"passed": False}])
    1.0
    """
    passed = [bool(check["passed"]) for check in checks]
    solid = "".join(text.split())
    broken = len(_BROKEN.findall(text)) / max(len(solid), 1)
    letters = sum(c.isalnum() for c in solid) / max(len(solid), 1)
    body = sum(map(len, {line.strip() for line in text.splitlines()}))
    parts = (
        sum(passed) / len(passed) if passed else 1.0,
        evidence / (evidence + 1),
        max(0.0, 1 - 20 * broken),
        letters,
        body / (body + _BODY),
    )
    return round(sum(parts), 9)


def preference(
    keys: pa.Table, rule: Survivor, wanted: NDArray[np.bool_], precedence: I64 | None = None
) -> I64:
    """Return the place of each row in the order of preference; the smallest stays.

    Args:
        keys: rows sorted by id, with `length`, `published` and `quality`.
        rule: what decides.
        wanted: rows that come before all others (a refusal has them as its twin).
        precedence: a number per row that comes before even that; the smallest stays.
    """
    _, age = np.unique(keys["published"].to_numpy(), return_inverse=True)
    length = keys["length"].to_numpy()
    order: dict[Survivor, tuple[NDArray[Any], ...]] = {
        "longest": (-length, -age),
        "newest": (-age, -length),
        "best_quality": (-keys["quality"].to_numpy(), -length, -age),
        "first": (),
    }
    by_id = np.arange(keys.num_rows)
    first = (~wanted, *order[rule], by_id)
    if precedence is not None:
        first = (precedence, *first)
    placed = np.lexsort(first[::-1])
    rank = np.empty(keys.num_rows, dtype=np.int64)
    rank[placed] = by_id
    return rank


class Account:
    """Which rows leave, why, and because of which: filled step by step.

    Args:
        rank: the place of each row in the order of preference.
        classes: equal for rows with the same words in the same order.
    """

    def __init__(self, rank: I64, classes: I64) -> None:
        self.rank = rank
        self.classes = classes
        self.reason = np.full(len(rank), "", dtype=object)
        self.because = np.full(len(rank), -1, dtype=np.int64)

    def left(self, rows: I64) -> I64:
        """Return those of the rows that have not been dropped."""
        return rows[self.reason[rows] == ""]

    def drop(self, row: int, reason: str, because: int) -> None:
        """Note that a row leaves because of another."""
        self.reason[row] = reason
        self.because[row] = because

    def keep_best(self, members: I64, reason: str) -> None:
        """Drop all members of a cluster but the best."""
        best = int(members[np.argmin(self.rank[members])])
        for row in members.tolist():
            if row != best:
                same = self.classes[row] == self.classes[best]
                self.drop(row, "exact_duplicate" if same else reason, best)

    def keep_independent(self, edges: I64, reason: str) -> None:
        """Go through the rows from the best on; each one that is left drops its own duplicates.

        An edge between two rows ties all rows of their classes.
        """
        alike: dict[int, set[int]] = defaultdict(set)
        near: dict[int, set[int]] = defaultdict(set)
        for left, right in edges.tolist():
            a, b = int(self.classes[left]), int(self.classes[right])
            alike[a].add(left)
            alike[b].add(right)
            near[a].add(b)
            near[b].add(a)
        rows = np.unique(edges)
        for best in rows[np.argsort(self.rank[rows])].tolist():
            if self.reason[best]:
                continue
            own = int(self.classes[best])
            for other in sorted({own, *near[own]}):
                for row in sorted(alike[other]):
                    if row != best and not self.reason[row]:
                        self.drop(row, "exact_duplicate" if other == own else reason, best)
