"""Do versions of one document, or siblings of one sample, stand on both sides?"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sftdata.dataset import AuditData, Divided
from sftdata.part import Part
from sftdata.report import CheckResult, Finding, Severity
from sftdata.similarity.clusters import components

__all__ = ["VersionsCheck"]

_SAME = ("doi", "pmid", "set_id", "accession", "version_of", "amends", "preprint_of", "note_id")
"""Keys and metadata that name one work, whatever its version."""
_AMENDED = re.compile(r"(?:/|-|_)?(?:a|amend(?:ed|ment)?)(?:no)?\d*$", re.IGNORECASE)
_MARK = re.compile(
    r"(?:[-_. ]?(?:v|ver|version|rev|revision|addendum|amendment|amended|corrected|erratum|"
    r"correction|preprint|draft|final|修订版|更正版|更正后|修订稿|补充|更新后|第[一二三四五]版)"
    r"[-_. ]?\d{0,3})+$",
    re.IGNORECASE,
)
_TAIL = re.compile(r"[-_][0-9a-f]{8}$")
_FORM = re.compile(
    r"(?<=[-_ ])(10-?[KQ]|20-?F|8-?K|40-?F|S-?1)(?:/A|-A|A|_A)(?=$|[-_ ])", re.IGNORECASE
)
TITLE_WORDS = 6


class VersionsCheck(Part):
    """Finds versions of one work, and samples made from one sample, in two splits.

    A work is known by its DOI, PMID, label set, accession or amended filing where the lineage
    says so, by the document's name without its version (`-v2`, `_amended`, `10-K/A`, `更正版`),
    and by form and period of one company. Samples are siblings when one names the other
    (`twin_of`, `paraphrase_of`, `augmented_from`) or when both name the same one. Equal long
    titles of two documents warn: a preprint and its article, a note and its addendum.
    """

    name: ClassVar[str] = "versions"
    title: ClassVar[str] = "Versions and siblings together"
    question: ClassVar[str] = (
        "Do versions of one document, or variants of one sample, stand in two splits?"
    )
    fault: ClassVar[str] = "versions or siblings in two splits"
    why: ClassVar[str] = (
        "An amendment, an addendum, a preprint or a paraphrase says what the original says; one "
        "of them in train gives the other away."
    )
    action: ClassVar[str] = "Give all versions and siblings the group of the original, and split."
    severity: ClassVar[str] = "error"
    needs: ClassVar[tuple[str, ...]] = ("split",)
    across: ClassVar[bool] = True

    def __call__(self, data: AuditData) -> CheckResult:
        """Compare works, then siblings, across every two splits."""
        parts: list[str] = []
        findings: list[Finding] = []
        if data.has("document_ids"):
            works = _works(data)
            parts.append(f"{len(works):,} documents by work and title")
            findings += self._documents(data, works)
        if data.has("twin_of") or data.has("derived_from"):
            rows, keys = _siblings(data)
            parts.append(f"{len(pc.unique(keys)):,} families of siblings")
            findings += [
                self._finding(data, d, "error", f"Variants of {d.key} stand in {d}")
                for d in data.divided(rows, keys)
            ]
        if not parts:
            return CheckResult.not_verified(
                self, "no row names its document or the sample that it was made from"
            )
        return CheckResult.of(
            self,
            findings,
            compared=f"{' and '.join(parts)} across {len(data.splits)} splits",
            metrics={"in_two_splits": len(findings)},
        )

    def _documents(
        self, data: AuditData, works: Mapping[str, tuple[str, ...]]
    ) -> Iterable[Finding]:
        lists = data.array("document_ids")
        parents = np.asarray(pc.list_parent_indices(lists), dtype=np.int64).tolist()
        names = pc.list_flatten(lists).to_pylist()
        members: dict[str, set[str]] = defaultdict(set)
        rows: list[int] = []
        keys: list[str] = []
        for row, name in zip(parents, names, strict=True):
            for key in works.get(name, ()):
                members[key].add(name)
                rows.append(row)
                keys.append(key)
        for found in data.divided(np.array(rows, dtype=np.int64), pa.array(keys, pa.string())):
            versions = sorted(members[found.key])
            # One document in two splits is the business of another check.
            if len(versions) < 2:
                continue
            titled = found.key.startswith("title:")
            if titled and len(versions) > 3:
                continue
            what = "Documents with one title" if titled else "Versions of one document"
            listed = ", ".join(versions[:4]) + (" …" if len(versions) > 4 else "")
            yield self._finding(
                data, found, "warning" if titled else "error", f"{what} ({listed}) stand in {found}"
            )

    def _finding(self, data: AuditData, found: Divided, severity: Severity, words: str) -> Finding:
        return Finding.of(
            self.name,
            severity,
            words,
            subject=found.key,
            ids=data.named(found.named),
            count=found.count,
            split_pair=found.pair,
            action=self.action,
        )


def _works(data: AuditData) -> dict[str, tuple[str, ...]]:
    """Return, for each document, the keys of the works that it may be a version of."""
    lineage = _described(data)
    names = pc.unique(pc.list_flatten(data.array("document_ids"))).to_pylist()
    return {name: tuple(_keys(name, lineage.get(name, {}))) for name in names if name}


def _described(data: AuditData) -> dict[str, dict[str, Any]]:
    if data.documents is None:
        return {}
    wanted = ("document_id", "title", "kind", "group", "keys", "metadata")
    table = data.documents.select([c for c in wanted if c in data.documents.column_names])
    return {row["document_id"]: row for row in table.to_pylist()}


def _keys(name: str, described: Mapping[str, Any]) -> Iterable[str]:
    yield "name:" + _stem(name)
    facts = {f["kind"]: f["value"] for c in ("keys", "metadata") for f in described.get(c) or ()}
    for kind in _SAME:
        if facts.get(kind):
            yield f"{kind}:{_folded(facts[kind])}"
    period, form = facts.get("period_end"), facts.get("form") or described.get("kind") or ""
    owner = facts.get("cik") or described.get("group") or ""
    if period and form and owner:
        yield f"filing:{owner}:{_AMENDED.sub('', form) or form}:{period}"
    title = _folded(described.get("title") or "")
    if len(re.findall(r"[\u4e00-\u9fff]|\w+", title)) >= TITLE_WORDS:
        yield "title:" + title


def _stem(name: str) -> str:
    """Return a document's name without what tells its versions apart.

    >>> _stem("doc-7-v2"), _stem("cik-1-10-K/A-2024-09-28-1a2b3c4d"), _stem("年报2024更正版")
    ('doc-7', 'cik-1-10-k-2024-09-28', '年报2024')
    """
    text = _FORM.sub(lambda m: m[1], _TAIL.sub("", _folded(name)))
    return _MARK.sub("", text) or text


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _siblings(data: AuditData) -> tuple[np.ndarray[Any, np.dtype[np.int64]], pa.Array]:
    """Return each row that belongs to a family of siblings, with the least id of the family.

    A family is all that `twin_of` and `derived_from` tie together, over any number of steps, also
    through an original that is not in the data.
    """
    places: dict[str, int] = {}
    edges: list[tuple[int, int]] = []
    for column in ("twin_of", "derived_from"):
        if data.has(column):
            for name, parent in zip(data.ids, data.values(column), strict=True):
                if parent and str(parent) != name:
                    own = places.setdefault(name, len(places))
                    edges.append((own, places.setdefault(str(parent), len(places))))
    labels = components(len(places), np.array(edges, dtype=np.int64).reshape(-1, 2)).tolist()
    least: dict[int, str] = {}
    for name, place in places.items():
        least[labels[place]] = min(least.get(labels[place], name), name)
    rows = [row for row, name in enumerate(data.ids) if name in places]
    keys = [least[labels[places[data.ids[row]]]] for row in rows]
    return np.array(rows, dtype=np.int64), pa.array(keys, pa.string())
