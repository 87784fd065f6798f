"""Who belongs together: documents that share a company, a patient or another declared key."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from pydantic import Field, field_validator
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from sftdata.errors import ConfigError
from sftdata.part import VERDICTS, Decision
from sftdata.similarity.names import near_names
from sftdata.text import normalise

__all__ = ["NEAR_NAMES", "Link", "company_name", "near_misses", "normalise_key"]

NEAR_NAMES: pa.Schema = pa.schema(
    [
        pa.field(n, pa.string(), nullable=False)
        for n in ("left", "right", "left_name", "right_name", "why")
    ]
)
"""Groups whose company names are nearly the same: `left` and `right` are groups."""

Name = tuple[str, str]
"""A key as it is compared: (kind, normalised value)."""

_KINDS = {
    "company": ("cik", "ticker", "company_name", "former_name"),
    "patient": ("patient", "patient_identifier"),
    "document": (),
}
_DOCUMENT = "document"
_PUBLIC = frozenset((*_KINDS["company"], _DOCUMENT))
"""Kinds whose values may be shown. All others may name a person, so only a hash is shown."""

_PLACEHOLDER = re.compile(
    r"unknown|none|null|nil|n\.?/?a\.?|not (available|applicable|known)|tbd"
    r"|未知|无|不详|暂无|[\W_]*|0+|9{4,}|x{3,}"
)
_STATE = re.compile(r"\s*[/\\][a-z]{2,3}[/\\]?\s*$")
_LEGAL = re.compile(
    r"inc|incorporated|corp|corporation|co|company|ltd|limited|llc|lp|llp|plc|nv|ag|se|sa"
)
_LEGAL_ZH = ("股份有限公司", "有限责任公司", "有限公司")
_ALIAS = "alias"


def company_name(name: str) -> str:
    """Return a company's name as it is compared.

    NFKC, case folded, without punctuation, EDGAR's state mark (`/DE/`) and trailing legal forms.
    Conservative: nothing else is dropped, so `Alphabet` and `Alphabet Holdings` stay apart.

    >>> company_name("APPLE, INC.") == company_name("Apple Inc")
    True
    >>> company_name("贵州茅台酒股份有限公司")
    '贵州茅台酒'
    """
    plain = _STATE.sub("", normalise(name)).replace("&", " and ")
    for form in _LEGAL_ZH:
        plain = plain.removesuffix(form)
    words = re.sub(r"[.'’]", "", plain)
    parts = re.sub(r"[\W_]+", " ", words).split()
    while len(parts) > 1 and _LEGAL.fullmatch(parts[-1]):
        parts.pop()
    return " ".join(parts) or normalise(name)


def normalise_key(kind: str, value: str) -> Name | None:
    """Return the key as it is compared, or None for a placeholder such as `unknown` or `000000`.

    A former name is compared with names: the older filing calls the company by it. Placeholders
    would tie strangers into one group.

    >>> normalise_key("cik", "320193")
    ('cik', '0000320193')
    >>> normalise_key("patient_identifier", "N/A") is None
    True
    """
    plain = normalise(value)
    if _PLACEHOLDER.fullmatch(plain):
        return None
    if kind in {"company_name", "former_name"}:
        return "company_name", company_name(value)
    if kind == "cik":
        return kind, plain.zfill(10) if plain.isdigit() else plain
    return kind, plain.upper() if kind == "ticker" else plain


class Link(Decision):
    """Put documents that share a declared key into one group: the unit that a split keeps whole.

    `by` names what ties documents: `company` (CIK, ticker, name, former name), `patient`
    (patient, patient identifier), `document` (nothing: each document alone), or any kind of key
    that a reader gives. Several may be named; a document uses those that it has.

    Groups come from declared keys and `aliases`, not from similar text: a few hundred boilerplate
    passages would fuse most companies into one group.

    Tickers are reused. Where the other keys leave two companies with different CIKs and one
    ticker, the ticker ties neither; reason `ticker_conflict` and the ticker are reported.

    Verdict: the group, named after its first key (`cik-0000320193`) or, for keys that may name a
    person, after a hash of it (`patient-9f8e…`). Reason: the kind of key that ties the document to
    its group (`alias` where an alias did, `missing_key` where there is none). `because_of`: the
    key, or the id of the document through which it belongs. `keys`: all keys of the document.
    """

    by: tuple[str, ...] = Field(default=("company", "patient"), min_length=1)
    aliases: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Keys of one owner, `kind:value`, under a name of your choice: parent and subsidiary, two
    CIKs of one reorganised company, two record numbers of one patient. `document:<id>` names a
    document itself: preprint and article, a note and its addendum."""
    secret_env: str | None = None
    """Environment variable with a secret that keys the hashes of patients. Without it a record
    number can be found again by hashing all possible numbers."""

    @field_validator("aliases")
    @classmethod
    def _aliases_are_keys(cls, aliases: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        for name, keys in aliases.items():
            for key in keys:
                kind, colon, value = key.partition(":")
                if not colon or not kind or normalise_key(kind, value) is None:
                    raise ConfigError(f"aliases.{name}: {key!r} is not a key; write 'kind:value'")
        return aliases

    def keys(self, batch: pa.Table) -> pa.Table:
        """Return `id` and the normalised keys of the chosen kinds, as `kind:value`."""
        wanted = self._kinds()
        named = {n for names in self._alias_edges().values() for n in names if n[0] == _DOCUMENT}
        rows = []
        ids = batch.column("document_id").cast(pa.string())
        for document_id, keys in zip(
            ids.to_pylist(), batch.column("keys").to_pylist(), strict=True
        ):
            names = {normalise_key(k["kind"], k["value"]) for k in keys if k["kind"] in wanted}
            names |= {normalise_key(_DOCUMENT, document_id)} & named
            rows.append([f"{n[0]}:{n[1]}" for n in sorted(n for n in names if n)])
        schema = pa.schema([VERDICTS.field("id"), ("keys", pa.list_(pa.string()))])
        return pa.table([ids, pa.array(rows, pa.list_(pa.string()))], schema=schema)

    def decide(self, keys: pa.Table) -> pa.Table:
        """Return one group per document: `VERDICTS`, then `keys`."""
        table = keys.sort_by("id")
        ids = table.column("id").to_pylist()
        names = [[_name(k) for k in row] for row in table.column("keys").to_pylist()]
        graph = _Graph.of(names, self._alias_edges())
        conflicts = graph.tie_tickers()
        tied = _trace(graph, ids)
        rows = [
            self._verdict(ids[i], names[i], graph.owner(i), tied[i], conflicts)
            for i in range(len(ids))
        ]
        schema = pa.schema([*VERDICTS, ("keys", pa.list_(pa.string()))])
        return pa.Table.from_pylist(rows, schema=schema)

    def _kinds(self) -> frozenset[str]:
        return frozenset(k for name in self.by for k in _KINDS.get(name, (name,)))

    def _alias_edges(self) -> dict[Name, list[Name]]:
        edges: dict[Name, list[Name]] = {}
        for alias, keys in sorted(self.aliases.items()):
            names = (normalise_key(*key.split(":", 1)) for key in keys)
            edges[_ALIAS, alias] = sorted({n for n in names if n})
        return edges

    def _verdict(
        self,
        document_id: str,
        names: list[Name],
        owner: Name | None,
        tied: tuple[str, str] | None,
        conflicts: set[Name],
    ) -> dict[str, Any]:
        if tied is None or owner is None:
            group = f"document-{document_id}"
            reason, because = ("document" if "document" in self.by else "missing_key"), ""
        else:
            group = self._shown(owner, separator="-")
            reason, because = tied
            because = because or self._shown(owner)
        disputed = [n for n in names if n in conflicts]
        if disputed:
            reason, because = "ticker_conflict", self._shown(disputed[0])
        return {
            "id": document_id,
            "verdict": group,
            "reason": reason,
            "because_of": because,
            "keys": [self._shown(n) for n in names],
        }

    def _shown(self, name: Name, separator: str = ":") -> str:
        """Write a key so that it gives no person away."""
        kind, value = name
        if kind in _PUBLIC or kind == _ALIAS:
            return f"{kind}{separator}{value if separator == ':' else value.replace(' ', '_')}"
        data = f"{kind}:{value}".encode()
        digest = hmac.new(self._secret(), data, hashlib.sha256).hexdigest()
        return f"{kind}{separator}{digest[:20]}"

    def _secret(self) -> bytes:
        if self.secret_env is None:
            return b"sftdata"
        secret = os.environ.get(self.secret_env, "")
        if not secret:
            raise ConfigError(
                f"secret_env: the environment variable {self.secret_env} is empty; "
                "set it to a long random text and keep it out of the dataset"
            )
        return secret.encode()


def near_misses(verdicts: pa.Table) -> pa.Table:
    """Return the groups that may be one company, by their names; nothing is linked by it.

    Whoever finds two of them to be one writes an alias.

    Args:
        verdicts: what `Link.decide` returned.

    Returns:
        Rows of `NEAR_NAMES`, sorted.

    >>> schema = pa.schema([*VERDICTS, ("keys", pa.list_(pa.string()))])
    >>> rows = [("a", "cik-1", ["company_name:aflac x"]), ("b", "cik-2", ["company_name:afalc x"])]
    >>> near_misses(pa.Table.from_pylist([
    ...     {"id": i, "verdict": g, "reason": "cik", "because_of": "", "keys": k}
    ...     for i, g, k in rows], schema=schema)).to_pylist()[0]["why"]
    'one_letter'
    """
    groups_of: dict[str, set[str]] = defaultdict(set)
    for row in verdicts.select(["verdict", "keys"]).to_pylist():
        for kind, name in map(_name, row["keys"]):
            if kind == "company_name":
                groups_of[name].add(row["verdict"])
    rows = set()
    for near in near_names(groups_of):
        for a in groups_of[near.left] - groups_of[near.right]:
            for b in groups_of[near.right] - groups_of[near.left]:
                (left, left_name), (right, right_name) = sorted([(a, near.left), (b, near.right)])
                rows.add((left, right, left_name, right_name, near.why))
    ordered = [dict(zip(NEAR_NAMES.names, row, strict=True)) for row in sorted(rows)]
    return pa.Table.from_pylist(ordered, schema=NEAR_NAMES)


@dataclass
class _Graph:
    """Documents and the names they carry. Aliases are documents that nobody sees."""

    carriers: list[list[Name]]
    """Names of each document, then of each alias, without tickers until they are tied."""
    all_names: list[list[Name]]
    aliases: list[str]
    labels: np.ndarray[Any, np.dtype[np.int32]] = field(default_factory=lambda: np.zeros(0, "i4"))
    owners: dict[int, Name] = field(default_factory=dict)
    """The key that names a group, by label."""

    @classmethod
    def of(cls, names: list[list[Name]], aliases: dict[Name, list[Name]]) -> _Graph:
        everything = [*names, *aliases.values()]
        firm = [[n for n in row if n[0] != "ticker"] for row in everything]
        firm = [*firm[: len(names)], *aliases.values()]
        graph = cls(firm, everything, [alias for _, alias in aliases])
        graph.labels = _components(firm)
        return graph

    def tie_tickers(self) -> set[Name]:
        """Add the tickers that name one company; return those that name several."""
        has_cik: dict[int, bool] = defaultdict(bool)
        by_ticker: dict[Name, set[int]] = defaultdict(set)
        for i, names in enumerate(self.all_names):
            label = int(self.labels[i])
            has_cik[label] |= any(kind == "cik" for kind, _ in names)
            for name in names:
                if name[0] == "ticker":
                    by_ticker[name].add(label)
        conflicts = {t for t, cs in by_ticker.items() if sum(has_cik[c] for c in cs) > 1}
        for i, names in enumerate(self.all_names):
            # Where a ticker is in dispute, those without a CIK may still be the same company.
            loose = not has_cik[int(self.labels[i])]
            self.carriers[i] = [n for n in names if n not in conflicts or loose]
        self.labels = _components(self.carriers)
        self._name_groups()
        return conflicts

    def _name_groups(self) -> None:
        for i, names in enumerate(self.carriers[: len(self.carriers) - len(self.aliases)]):
            label = int(self.labels[i])
            for name in names:
                if label not in self.owners or _precedence(name) < _precedence(self.owners[label]):
                    self.owners[label] = name

    def owner(self, document: int) -> Name | None:
        """Return the key that names the group of a document; None where it has no key."""
        return self.owners.get(int(self.labels[document]))


def _precedence(name: Name) -> tuple[int, str, str]:
    order = ("cik", "ticker", "company_name", "patient", "patient_identifier")
    rank = order.index(name[0]) if name[0] in order else len(order)
    return rank, name[0], name[1]


def _name(key: str) -> Name:
    kind, _, value = key.partition(":")
    return kind, value


def _components(carriers: Sequence[Sequence[Name]]) -> np.ndarray[Any, np.dtype[np.int32]]:
    """Return a component label per carrier: those that share a name have the same."""
    numbers: dict[Name, int] = {}
    rows, columns = [], []
    for i, names in enumerate(carriers):
        for name in names:
            rows.append(i)
            columns.append(len(carriers) + numbers.setdefault(name, len(numbers)))
    size = len(carriers) + len(numbers)
    edges = coo_array((np.ones(len(rows), dtype=np.int8), (rows, columns)), shape=(size, size))
    _, labels = connected_components(edges, directed=False)
    return np.asarray(labels[: len(carriers)], dtype=np.int32)


def _trace(graph: _Graph, ids: list[str]) -> list[tuple[str, str] | None]:
    """Return, per document, the kind of key that ties it and the document through which.

    Breadth first from each group's own key, so the reason is the shortest one; a document that
    carries that key has an empty second part.
    """
    by_name: dict[Name, list[int]] = defaultdict(list)
    for i, names in enumerate(graph.carriers):
        for name in names:
            by_name[name].append(i)
    tied: list[tuple[str, str] | None] = [None] * len(graph.carriers)
    starts = sorted(set(graph.owners.values()))
    queue: deque[tuple[Name, str, str]] = deque((n, n[0], "") for n in starts)
    seen = set(starts)
    while queue:
        name, reason, because = queue.popleft()
        for i in by_name[name]:
            if tied[i] is not None:
                continue
            tied[i] = (reason, because)
            alias = i >= len(ids)
            for other in graph.carriers[i]:
                if other in seen:
                    continue
                seen.add(other)
                through = f"alias:{graph.aliases[i - len(ids)]}" if alias else ids[i]
                queue.append((other, _ALIAS if alias else other[0], through))
    return tied[: len(ids)]
