"""Repair a dataset that an audit has blocked, into a new folder, with a reason for every change."""

from __future__ import annotations

import json
import shutil
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from sftdata.audit import audit, audit_data
from sftdata.audit_groups import read_aliases
from sftdata.audit_sources import load, rows_of
from sftdata.dataset import AuditData
from sftdata.errors import ConfigError
from sftdata.report import AuditReport, Finding, every_finding
from sftdata.similarity.clusters import components

__all__ = ["Repair", "repair"]

How = Literal["purge", "merge", "drop"]
ROUNDS = 8
"""Audits at most: taking a row away can uncover the next copy, as a rule once."""

GONE = "(removed)"
"""What stands in place of a split for a row that was taken out."""

_KEYED = {"group_overlap": "group", "document_overlap": "document_ids", "shared_facts": "facts"}
"""Checks whose findings name only the first rows of a large side, and the column to find all."""


@dataclass(frozen=True)
class Change:
    """What was done with one row, and which finding asked for it."""

    row: int
    action: str
    reason: str
    because_of: str


@dataclass(frozen=True)
class Repair:
    """What a repair did: the folder, the audits before and after, and every changed row."""

    path: Path
    how: How
    before: AuditReport
    after: AuditReport
    changes: pa.Table
    """`id, split, action, reason, because_of`: one row per removed or moved sample."""

    @property
    def exit_code(self) -> int:
        """Return that of the audit of the repaired dataset."""
        return self.after.exit_code

    def __str__(self) -> str:
        done = Counter(
            zip(
                self.changes.column("action").to_pylist(),
                self.changes.column("split").to_pylist(),
                self.changes.column("reason").to_pylist(),
                strict=True,
            )
        )
        lines = [f"{n:,} of {s} {a} ({r})" for (a, s, r), n in sorted(done.items())]
        leaks = [
            f"text of {new.held_out} known from {new.train}: {old.index:.1%} before, "
            f"{new.index:.1%} after"
            for old, new in zip(self.before.leakage, self.after.leakage, strict=False)
            if old.held_out == new.held_out
        ]
        verdicts = f"{self.before.verdict} before, {self.after.verdict} after"
        return "\n".join([verdicts, *(lines or ["nothing had to be changed"]), *leaks])


def repair(
    dataset: Any,
    out: str | Path,
    how: How = "purge",
    *,
    group: str | Sequence[str] | None = None,
    text: str | Sequence[str] | None = None,
    splits: Mapping[str, str | Path] | None = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    against: Mapping[str, Any] | None = None,
    aliases: Mapping[str, Sequence[str]] | str | Path | None = None,
    excerpts: bool = True,
    fail_on: Literal["error", "warning"] = "error",
) -> Repair:
    """Write a repaired copy of a dataset to `out`, and audit it.

    `purge` removes train samples that leak (between two held-out splits: those of the earlier),
    never held-out ones. `merge` removes nothing: it moves whole groups, with everything that is
    tied to them by a leak, into the one split in which most of their samples are. `drop` purges,
    and removes samples that are faulty in themselves (broken evidence, answers, proofs) too.
    Repeats until no error is left that it can act on. The dataset itself is not touched.

    Returns:
        the repair; `out` holds `data/*.parquet` in the rows' own shape, the lineage of a build,
        `audit/report.json` and `lineage/repair.parquet`.

    Raises:
        ConfigError: `out` exists and is not empty, or an unknown `how`.
    """
    if how not in ("purge", "merge", "drop"):
        raise ConfigError(f"fix: unknown {how!r}; there are purge, merge and drop")
    target = Path(out)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ConfigError(f"fix: {target} exists already; give a new folder")
    where: dict[str, Any] = {"group": group, "text": text, "against": against}
    where |= {"aliases": read_aliases(aliases), "excerpts": excerpts}
    data = load(dataset, splits=splits, **where)
    before = audit_data(data, options=options, fail_on=fail_on)
    state, changes = _settled(data, how, options)
    _write(rows_of(dataset, splits), state, data, target, dataset)
    table = _table(data, changes)
    (target / "lineage").mkdir(exist_ok=True)
    pq.write_table(table, target / "lineage" / "repair.parquet")
    after = audit(target, options=options, fail_on=fail_on, **where)
    (target / "audit").mkdir()
    (target / "audit" / "report.json").write_text(after.to_json(), encoding="utf-8", newline="\n")
    done = Repair(target, how, before, after, table)
    (target / "repair.json").write_text(_summary(done), encoding="utf-8", newline="\n")
    return done


def _settled(
    data: AuditData,
    how: How,
    options: Mapping[str, Mapping[str, Any]] | None,
) -> tuple[NDArray[np.object_], list[Change]]:
    """Return each row's split after the repair, `GONE` where it has none, and all changes."""
    state = data.split_of.copy()
    changes: list[Change] = []
    now, rows = data, np.arange(data.rows)
    for _ in range(ROUNDS):
        with every_finding():
            report = audit_data(now, options=options)
        found = list(_merged(now, report) if how == "merge" else _removed(now, report, how))
        if not found:
            break
        for change in found:
            row = int(rows[change.row])
            state[row] = change.action.partition(" to ")[2] or GONE
            changes.append(Change(row, change.action, change.reason, change.because_of))
        rows = np.flatnonzero(state != GONE)
        if not len(rows):
            break
        now = _with(data, rows, state)
    return state, changes


def _with(data: AuditData, rows: NDArray[np.int64], state: NDArray[np.object_]) -> AuditData:
    """Return the data as it is after the changes so far."""
    table = data.table.take(pa.array(rows))
    if "split" in table.column_names:
        place = table.column_names.index("split")
        table = table.set_column(place, "split", pa.array(state[rows].tolist(), pa.string()))
    return AuditData(
        table=table,
        documents=data.documents,
        name=data.name,
        absent=data.absent,
        against=data.against,
        timed=data.timed,
        excerpts=False,
    )


def _errors(report: AuditReport) -> Iterator[Finding]:
    return (f for f in report.findings if f.severity == "error")


def _removed(data: AuditData, report: AuditReport, how: How) -> Iterator[Change]:
    """Yield each row that has to go, once, with the first finding that names it."""
    places = _places(data)
    seen: set[int] = set()
    for finding in _errors(report):
        leak = finding.split_pair is not None
        if not leak and how != "drop" and finding.check != "contamination":
            continue
        for row in _rows(finding, places):
            guilty = row in seen or (leak and not _earlier(data, row, finding))
            if not guilty:
                seen.add(row)
                yield Change(row, "removed", finding.check, finding.finding_id)
    for check, column in _KEYED.items():
        if any(f.check == check for f in _errors(report)):
            for row in _divided_rows(data, column):
                if row not in seen:
                    seen.add(row)
                    yield Change(row, "removed", check, "")


def _earlier(data: AuditData, row: int, finding: Finding) -> bool:
    """Return whether a row stands in a split before the last one that the finding concerns."""
    pair = finding.split_pair or ("", "")
    order = data.splits.index
    own = str(data.split_of[row])
    return bool(own) and order(own) < max(order(s) for s in pair if s in data.splits)


def _places(data: AuditData) -> dict[str, list[int]]:
    places: dict[str, list[int]] = defaultdict(list)
    for row, name in enumerate(data.ids):
        places[name].append(row)
    return places


def _rows(finding: Finding, places: Mapping[str, list[int]]) -> Iterator[int]:
    for name in finding.ids:
        yield from places.get(name, ())


def _divided_rows(data: AuditData, column: str) -> Iterator[int]:
    """Yield every row whose key stands in a later split as well."""
    rows, keys = _keys(data, column)
    for found in data.divided(rows, keys):
        last = list(found.rows)[-1]
        for split, mine in found.rows.items():
            if split != last:
                yield from mine


def _keys(data: AuditData, column: str) -> tuple[NDArray[np.int64], pa.Array]:
    if column == "group":
        return data.group_keys()
    lists = data.array(column)
    rows = np.asarray(pc.list_parent_indices(lists), dtype=np.int64)
    keys = pc.list_flatten(lists)
    if column != "facts":
        return rows, keys
    named = pc.invert(pc.starts_with(keys, "|"))
    return rows[np.asarray(named)], keys.filter(named)


def _merged(data: AuditData, report: AuditReport) -> Iterator[Change]:
    """Yield a move for every row of a tied component that is not where most of it is.

    Ties are shared groups and the rows that one leak names; where a group has none of its rows in
    a leak, it stays where it is.
    """
    places = _places(data)
    edges: list[tuple[int, int]] = []
    why: dict[int, Finding] = {}
    for finding in _errors(report):
        if finding.split_pair is None:
            continue
        rows = list(_rows(finding, places))
        edges += [(rows[0], row) for row in rows[1:]]
        why.update({row: finding for row in rows if row not in why})
    if not why:
        return
    edges += _same_key(data, "group") if data.has("group") else []
    edges += _same_key(data, "document_ids") if data.has("document_ids") else []
    labels = components(data.rows, np.array(edges, dtype=np.int64).reshape(-1, 2))
    reason = {int(labels[row]): finding for row, finding in why.items()}
    order = {split: number for number, split in enumerate(data.splits)}
    members: dict[int, list[int]] = defaultdict(list)
    for row, label in enumerate(labels.tolist()):
        if label in reason:
            members[label].append(row)
    for label, rows in members.items():
        counts = Counter(str(data.split_of[r]) for r in rows if data.split_of[r])
        if len(counts) < 2:
            continue
        best = min(counts, key=lambda s: (-counts[s], order[s]))
        for row in rows:
            if data.split_of[row] not in ("", best):
                found = reason[label]
                yield Change(row, f"moved to {best}", found.check, found.finding_id)


def _same_key(data: AuditData, column: str) -> list[tuple[int, int]]:
    first: dict[str, int] = {}
    rows, keys = _keys(data, column)
    return [
        (first.setdefault(key, row), row)
        for row, key in zip(rows.tolist(), keys.to_pylist(), strict=True)
        if key
    ]


def _table(data: AuditData, changes: Iterable[Change]) -> pa.Table:
    listed = sorted(changes, key=lambda c: c.row)
    columns = {
        "id": [data.ids[c.row] for c in listed],
        "split": [str(data.split_of[c.row]) for c in listed],
        "action": [c.action for c in listed],
        "reason": [c.reason for c in listed],
        "because_of": [c.because_of for c in listed],
    }
    return pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})


def _write(
    raw: pa.Table,
    state: NDArray[np.object_],
    data: AuditData,
    target: Path,
    dataset: Any,
) -> None:
    """Write the rows in the shape they came in, one file per split, and the lineage beside them."""
    folder = target / "data"
    folder.mkdir(parents=True)
    if "split" in raw.column_names:
        place = raw.column_names.index("split")
        raw = raw.set_column(place, "split", pa.array(state.tolist(), pa.string()))
    for split in data.splits or ("",):
        rows = np.flatnonzero(state == split)
        name = f"{split or 'all'}-00000-of-00001.parquet"
        pq.write_table(raw.take(pa.array(rows)), folder / name)
    if isinstance(dataset, str | Path):
        lineage = Path(dataset) / "lineage"
        if lineage.is_dir():
            shutil.copytree(lineage, target / "lineage")


def _summary(done: Repair) -> str:
    actions = done.changes.column("action").to_pylist()
    reasons = done.changes.column("reason").to_pylist()
    found = {
        "format": "sftdata.repair/1",
        "how": done.how,
        "verdict": {"before": done.before.verdict, "after": done.after.verdict},
        "digest": {"before": done.before.digest, "after": done.after.digest},
        "rows": {"before": done.before.totals.rows, "after": done.after.totals.rows},
        "actions": dict(sorted(Counter(actions).items())),
        "reasons": dict(sorted(Counter(reasons).items())),
        "leakage": {
            side: {x.held_out: x.index for x in report.leakage}
            for side, report in (("before", done.before), ("after", done.after))
        },
    }
    return json.dumps(found, ensure_ascii=False, indent=2) + "\n"
