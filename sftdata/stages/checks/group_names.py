"""Is one company or patient there under two names?"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import combinations, product
from typing import ClassVar

from sftdata.dataset import AuditData
from sftdata.part import Part
from sftdata.report import CheckResult, Finding, Severity

__all__ = ["GroupNamesCheck"]

_LEGAL = re.compile(
    r"inc|incorporated|corp|corporation|co|company|ltd|limited|llc|llp|lp|plc|sa|ag|nv|se|spa|gmbh|"
    r"holdings?|group|the|and|of"
)
_LEGAL_ZH = re.compile(
    r"(?:股份有限公司|有限责任公司|集团有限公司|有限公司|股份公司|集团公司|集团|公司)$"
)
_PREFIX = re.compile(r"^(?:cik|mrn|pid|patient|pt|subject|id|no|company)[\s:#_-]*(?=\d+$)")
_NAMED = ("company_name", "former_name")
_NUMBERED = ("ticker", "cik", "mrn")
LONG = 10
"""Letters from which one different letter is more likely a slip than another name."""


class GroupNamesCheck(Part):
    """Finds groups of two splits whose names read alike.

    Alike are names that are equal without case, width, punctuation, legal form and leading
    zeros (`Apple Inc` and `APPLE INC.`, `0000320193` and `cik-320193`), and long names that differ
    in one letter. Where the lineage knows further names of a group (ticker, former name), they
    are compared as well. Names that differ in a digit are different names.
    """

    name: ClassVar[str] = "group_names"
    title: ClassVar[str] = "One name for each group"
    question: ClassVar[str] = "Is one company or patient written in two ways, in two splits?"
    fault: ClassVar[str] = "groups whose names read alike"
    why: ClassVar[str] = (
        "A split by name keeps `Apple Inc` and `APPLE INC.` apart as if they were two companies, "
        "and then tests on one what was learnt from the other."
    )
    action: ClassVar[str] = "If they are one, declare the alias and split again."
    severity: ClassVar[str] = "warning"
    needs: ClassVar[tuple[str, ...]] = ("split", "group")
    across: ClassVar[bool] = True

    def __call__(self, data: AuditData) -> CheckResult:
        """Compare the names of the groups of every two splits."""
        findings: list[Finding] = []
        groups = alike = 0
        for name, column in data.group_columns.items():
            rows = _rows_by_group(data, column)
            pairs = list(_alike(_names(data, rows), keyed=data.has("documents")))
            groups, alike = groups + len(rows), alike + len(pairs)
            findings += self._findings(data, rows, pairs, name)
        return CheckResult.of(
            self,
            findings,
            compared=f"the names of {groups:,} groups across {len(data.splits)} splits",
            metrics={"pairs_alike": alike, "in_two_splits": len(findings)},
        )

    def _findings(
        self,
        data: AuditData,
        rows: dict[str, list[int]],
        pairs: list[tuple[str, str, str]],
        column: str,
    ) -> Iterator[Finding]:
        prefix = f"{column}: " if column else ""
        for left, right, why in pairs:
            apart = _apart(data, rows[left], rows[right])
            if apart is None:
                continue
            severity: Severity = "warning"
            yield Finding.of(
                self.name,
                severity,
                f"{prefix}{left} ({apart[0]}) and {right} ({apart[1]}) {why}",
                subject=prefix + "|".join(sorted((left, right))),
                ids=data.named([*rows[left][:20], *rows[right][:20]]),
                count=len(rows[left]) + len(rows[right]),
                split_pair=apart,
                action=self.action,
            )


def _rows_by_group(data: AuditData, column: str) -> dict[str, list[int]]:
    rows: dict[str, list[int]] = defaultdict(list)
    for row, (group, split) in enumerate(
        zip(data.values(column), data.split_of.tolist(), strict=True)
    ):
        if group and split:
            rows[str(group)].append(row)
    return dict(rows)


def _apart(data: AuditData, left: list[int], right: list[int]) -> tuple[str, str] | None:
    """Return a split of each, first train, if the two do not share all their splits."""
    a = {str(data.split_of[r]) for r in left}
    b = {str(data.split_of[r]) for r in right}
    if a == b and len(a) == 1:
        return None
    order = data.splits.index
    return next(
        ((x, y) for x in sorted(a, key=order) for y in sorted(b, key=order) if x != y), None
    )


def _names(data: AuditData, rows: Iterable[str]) -> dict[str, set[str]]:
    """Return each group's names, folded: its own, and those that the lineage knows."""
    found = {group: {folded} for group in rows if (folded := _folded(group))}
    table = data.documents
    if table is None or not {"group", "keys"} <= set(table.column_names):
        return found
    for group, keys in zip(
        table.column("group").to_pylist(), table.column("keys").to_pylist(), strict=True
    ):
        if group in found:
            for kind, value in ((k["kind"], _folded(k["value"])) for k in keys or ()):
                if value and kind in _NAMED:
                    found[group].add(value)
                elif value and kind in _NUMBERED:
                    found[group].add(f"{kind}:{value}")
    return found


def _alike(names: dict[str, set[str]], *, keyed: bool) -> Iterator[tuple[str, str, str]]:
    """Yield pairs of groups with equal folded names, then those one letter apart.

    Groups that a build has made from declared keys are not suspected for one letter.
    """
    owners: dict[str, set[str]] = defaultdict(set)
    for group, folded in names.items():
        for name in folded:
            owners[name].add(group)
    seen: set[tuple[str, str]] = set()
    for name in sorted(owners):
        for first, second in combinations(sorted(owners[name])[:50], 2):
            if (first, second) not in seen:
                seen.add((first, second))
                yield first, second, "are the same name"
    for one, other in () if keyed else _one_letter_apart(sorted(owners)):
        for a, b in product(sorted(owners[one]), sorted(owners[other])):
            pair = (min(a, b), max(a, b))
            if a != b and pair not in seen:
                seen.add(pair)
                yield (*pair, "differ in one letter")


def _one_letter_apart(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield pairs of long names that are equal but for one letter changed, added or left out.

    Names that differ so share one of their forms with a letter left out.
    """
    forms: dict[str, list[str]] = defaultdict(list)
    for name in names:
        if len(name) >= LONG and not any(c.isdigit() for c in name):
            for form in {name, *(name[:i] + name[i + 1 :] for i in range(len(name)))}:
                forms[form].append(name)
    for alike in forms.values():
        yield from combinations(alike[:20], 2)


def _folded(name: str) -> str:
    """Return what is left of a name when its legal form and its typography are taken away.

    >>> _folded("APPLE INC."), _folded("贵州茅台酒股份有限公司"), _folded("CIK 0000320193")
    ('apple', '贵州茅台酒', '320193')
    """
    text = unicodedata.normalize("NFKC", name).casefold().strip()
    text = _PREFIX.sub("", text)
    if text.isdigit():
        return text.lstrip("0") or "0"
    text = _LEGAL_ZH.sub("", text) or text
    # An initialism is one word: J.P. Morgan is JP Morgan.
    text = re.sub(r"(?<=\b\w)\.(?=\w\b)", "", text).replace("'", "")
    words = re.findall(r"[^\W_]+", text.replace("&", " and "))
    kept = [w for w in words if not _LEGAL.fullmatch(w)]
    return " ".join(kept if len("".join(kept)) > 2 else words)
