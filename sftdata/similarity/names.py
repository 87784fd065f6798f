"""Company names that are nearly the same: for a person to look at, never to link by."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

__all__ = ["NearName", "near_names"]

_GENERIC = re.compile(
    r"the|of|and|holding|holdings|group|groups|international|worldwide|global|enterprises|"
    r"industries|usa|us|america|americas|china|hong|kong|hk|uk|europe|asia|pacific|bancorp|"
    r"bancorporation|bancshares|partners|trust|financial|services|systems|technologies|"
    r"technology|solutions"
)
"""Words that a company takes on or drops without becoming another one."""
_SHORT = {
    "intl": "international", "int'l": "international", "grp": "group", "hldg": "holding",
    "hldgs": "holdings", "tech": "technology", "technologies": "technology", "sys": "systems",
    "svcs": "services", "mfg": "manufacturing", "pharma": "pharmaceuticals",
    "pharmaceutical": "pharmaceuticals", "bancorporation": "bancorp", "fin": "financial",
    "natl": "national", "inds": "industries", "ind": "industries", "labs": "laboratories",
    "laboratory": "laboratories", "comm": "communications", "communication": "communications",
}  # fmt: skip
_GENERIC_ZH = re.compile(
    "集团|控股|股份|中国|香港|国际|科技|技术|实业|投资|公司|（[^）]*）|\\([^)]*\\)"
)
_CJK = re.compile(r"[\u3400-\u9fff]")
_SERIES = re.compile(r"\d+|\b[ivx]+\b|\b[a-z]\b|[一二三四五六七八九十]")
_SHORTEST = 6
_SHORTEST_ZH = 4
_MOST_ALIKE = 50


@dataclass(frozen=True, slots=True, order=True)
class NearName:
    """Two different names that may be one company's.

    `why`: `generic_words` (they differ in words such as *Holdings*, *International*, 集团, or in
    how these are abbreviated), `spacing`, `word_order`, or `one_letter` (one letter more, less or
    other, or two neighbours swapped).
    """

    left: str
    right: str
    why: str


def near_names(names: Iterable[str]) -> list[NearName]:
    """Return the pairs of names that may be one company's, sorted.

    Names that differ in a number, a Roman numeral or a single letter alone are a series (*Fund II*,
    *Trust 2021-1*) and not listed. Time is about linear in the number of names: names meet only
    in a bucket of an equal form.

    Args:
        names: normalised: one case, no punctuation, no legal form.

    >>> [(n.left, n.right, n.why) for n in near_names(["alphabet", "alphabet holdings", "aflac"])]
    [('alphabet', 'alphabet holdings', 'generic_words')]
    >>> near_names(["growth fund ii", "growth fund iii"])
    []
    """
    distinct = sorted({name for name in names if name})
    found: dict[tuple[str, str], str] = {}
    for why, pairs in (
        ("spacing", _by_form(distinct, _letters)),
        ("word_order", _by_form(distinct, _word_set)),
        ("generic_words", _by_form(distinct, _core)),
        ("one_letter", _by_edit(distinct)),
    ):
        for pair in pairs:
            found.setdefault(pair, why)
    return sorted(NearName(left, right, why) for (left, right), why in found.items())


def _by_form(names: Sequence[str], form: Callable[[str], str]) -> Iterator[tuple[str, str]]:
    """Yield neighbours among the names that have one form: a chain tells all of a large bucket."""
    buckets: dict[str, list[str]] = defaultdict(list)
    for name in names:
        key = form(name)
        if key:
            buckets[key].append(name)
    for bucket in buckets.values():
        yield from pairwise(bucket)


def _letters(name: str) -> str:
    return name.replace(" ", "")


def _word_set(name: str) -> str:
    words = name.split()
    return " ".join(sorted(words)) if len(words) > 1 else ""


def _core(name: str) -> str:
    """Return what is left without words that say little; empty where too little is left."""
    if _CJK.search(name):
        bare = _GENERIC_ZH.sub("", name)
        return bare if len(bare) >= 2 else ""
    words = [_SHORT.get(w, w) for w in name.split()]
    core = [w for w in words if not _GENERIC.fullmatch(w)]
    return " ".join(core) if len("".join(core)) >= 3 else " ".join(words)


def _by_edit(names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield names one edit apart: they meet where one letter has been left out of each."""
    buckets: dict[str, list[str]] = defaultdict(list)
    for name in names:
        shortest = _SHORTEST_ZH if _CJK.search(name) else _SHORTEST
        if len(name) >= shortest:
            for form in {name, *(name[:i] + name[i + 1 :] for i in range(len(name)))}:
                buckets[form].append(name)
    for bucket in buckets.values():
        # So many names with one letter between them are a numbered list, not slips of the pen.
        if 1 < len(bucket) <= _MOST_ALIKE:
            for left, right in combinations(bucket, 2):
                if _one_edit(left, right) and not _series(left, right):
                    yield left, right


def _one_edit(left: str, right: str) -> bool:
    """Return whether one insertion, deletion, substitution or swap of neighbours is between them.

    >>> _one_edit("google", "gogole"), _one_edit("google", "gooogle"), _one_edit("abcd", "badc")
    (True, True, False)
    """
    start = next((i for i, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), None)
    if start is None:
        return abs(len(left) - len(right)) == 1
    a, b = left[start:], right[start:]
    same = a[1:] == b[1:] or a[1:] == b or a == b[1:]
    return same or (a[:2] == b[1::-1] and a[2:] == b[2:])


def _series(left: str, right: str) -> bool:
    return _SERIES.sub("#", left) == _SERIES.sub("#", right)
