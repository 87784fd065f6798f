"""Audit any dataset: every question answered, or said to be not verified, with the reason."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import ValidationError

from sftdata.audit_baseline import against_baseline, read_baseline
from sftdata.audit_groups import read_aliases
from sftdata.audit_sources import digest_files, load
from sftdata.dataset import AuditData
from sftdata.errors import ConfigError
from sftdata.leakage import leakages
from sftdata.registry import BUILTIN
from sftdata.registry import checks as registered
from sftdata.report import AuditReport, CheckResult, Leakage, Totals, Verdict
from sftdata.stages.render import Render

__all__ = ["audit", "audit_data", "digest_files"]

ESSENTIAL = ("group_overlap", "exact_duplicates", "near_samples")
"""Without an answer to these nobody may call a split clean."""

LISTED_GROUPS = 60


def audit(
    dataset: Any = None,
    *,
    group: str | Sequence[str] | None = None,
    text: str | Sequence[str] | None = None,
    splits: Mapping[str, str | Path] | None = None,
    checks: Sequence[str] | None = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    against: Mapping[str, Any] | None = None,
    baseline: str | Path | AuditReport | None = None,
    fail_on: Literal["error", "warning"] = "error",
    excerpts: bool = True,
    seed: int = 0,
    aliases: Mapping[str, Sequence[str]] | str | Path | None = None,
    template: str | Render | None = None,
    tokenizer: str | None = None,
) -> AuditReport:
    """Audit a dataset and return the report; what was judged is not changed.

    Args:
        dataset: a build, a file or folder (Parquet, JSONL, JSON, CSV, Arrow, `save_to_disk`), a
            `Dataset`, `DatasetDict`, Arrow table, pandas frame or list of dicts.
        group: the columns whose values may not stand in two splits (company, patient).
        text: the columns to read, where the shape is not known; the last is the completion.
        splits: split → its file.
        checks: names of the checks to make.
        options: settings of single checks, such as `{"near_samples": {"threshold": 0.7}}`.
        against: name of an evaluation set → its file, folder or table, to be looked for.
        baseline: an earlier report (or its JSON file): what is worse than there is an error.
        fail_on: from which severity on `report.exit_code` is 1.
        excerpts: False leaves every excerpt out.
        seed: of the random splits that the leakage index is compared with.
        aliases: group values that are one, `{"Alphabet": ["Google Inc"]}`, or a file of this.
        template: the chat template that the rows are for; a build names its own.
        tokenizer: the tokenizer that they are for.

    Raises:
        ConfigError, SourceError: a path, column, check or file that cannot be used.

    >>> rows = [{"prompt": f"Revenue of {c}?", "completion": c, "company": c, "split": s}
    ...         for c, s in (("A", "train"), ("B", "train"), ("B", "test"))]
    >>> report = audit(rows, group="company")
    >>> report.verdict, report.check("group_overlap").findings[0].ids
    ('blocked', ('train:2', 'test:1'))
    """
    if dataset is None and not splits:
        raise ConfigError("dataset: nothing to audit; give a path, a table or splits={…}")
    sets = {**(options or {}).get("contamination", {}).get("against", {}), **(against or {})}
    names = read_aliases(aliases)
    where: dict[str, Any] = {"group": group, "text": text, "splits": splits, "aliases": names}
    where |= {"template": template, "tokenizer": tokenizer, "excerpts": excerpts, "against": sets}
    return audit_data(
        load(dataset, **where),
        checks=checks,
        options=options,
        baseline=read_baseline(baseline) if isinstance(baseline, str | Path) else baseline,
        fail_on=fail_on,
        seed=seed,
        settings=_settings(group, text, names, seed, (template, tokenizer)),
    )


def _settings(
    group: str | Sequence[str] | None,
    text: str | Sequence[str] | None,
    aliases: Mapping[str, Sequence[str]],
    seed: int,
    chat: tuple[str | Render | None, str | None],
) -> dict[str, Any]:
    """Return what was asked for, as the report holds it."""
    return {
        "group": list(group) if group and not isinstance(group, str) else group,
        "text": ([text] if isinstance(text, str) else list(text)) if text else None,
        "aliases": {name: list(values) for name, values in aliases.items()} or None,
        "seed": seed,
        # What a build names for itself stands in its manifest.
        "template": chat[0] if isinstance(chat[0], str) else None,
        "tokenizer": chat[1],
    }


def audit_data(
    data: AuditData,
    *,
    checks: Sequence[str] | None = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    baseline: AuditReport | None = None,
    fail_on: Literal["error", "warning"] = "error",
    seed: int = 0,
    settings: Mapping[str, Any] | None = None,
) -> AuditReport:
    """Audit what is in memory already; see `audit`."""
    parts = _parts(checks, options or {})
    if not data.timed and (options or {}).get("group_overlap", {}).get("by_design"):
        data = replace(data, timed=True)
    results = tuple(_ask(part, data) for part in parts)
    leakage = leakages(data, seed)
    report = _report(data, parts, results, (leakage, fail_on, settings or {}))
    if baseline is None:
        return report
    results = (*results, against_baseline(report, baseline))
    return _report(data, parts, results, (leakage, fail_on, settings or {}))


def _report(
    data: AuditData,
    parts: Sequence[Any],
    results: tuple[CheckResult, ...],
    more: tuple[tuple[Leakage, ...], Literal["error", "warning"], Mapping[str, Any]],
) -> AuditReport:
    leakage, fail_on, settings = more
    verdict, meaning = _judge(results, data)
    given = {k: v for k, v in settings.items() if v is not None}
    given["checks"] = {part.name: part.model_dump(mode="json") for part in parts}
    metrics: dict[str, Any] = {}
    if leakage:
        metrics["leakage_index"] = leakage[-1].index
        metrics["leakage_index_random_split"] = leakage[-1].by_row
    metrics["not_verified"] = sum(r.status == "not_verified" for r in results)
    return AuditReport(
        dataset=data.name,
        verdict=verdict,
        meaning=meaning,
        digest=data.digest,
        files=data.files,
        totals=_totals(data),
        checks=results,
        leakage=leakage,
        metrics=metrics,
        settings=given,
        versions=_versions(),
        fail_on=fail_on,
    )


def _parts(names: Sequence[str] | None, options: Mapping[str, Mapping[str, Any]]) -> list[Any]:
    known = registered.names()
    ordered = [n for n in BUILTIN["check"] if n in known]
    ordered += [n for n in known if n not in ordered]
    parts = []
    for name in [*(names if names is not None else ordered)]:
        kind = registered.get(name)
        try:
            parts.append(kind(**options.get(name, {})))
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(p) for p in first["loc"])
            raise ConfigError(f"checks.{name}.{place}: {first['msg']}") from error
    unused = set(options) - {part.name for part in parts}
    if unused:
        raise ConfigError(f"options for checks that are not made: {', '.join(sorted(unused))}")
    return parts


def _ask(part: Any, data: AuditData) -> CheckResult:
    """Ask one question, or say which columns are missing to ask it."""
    missing = data.missing(part.needs)
    if missing:
        reasons = [data.absent.get(c, _missing_words(c, data)) for c in missing]
        return CheckResult.not_verified(part, "; ".join(reasons))
    if part.across and len(data.splits) < 2:
        return CheckResult.not_verified(part, "there is only one split, so nothing to compare")
    result = part(data)
    if not isinstance(result, CheckResult):
        raise ConfigError(f"check {part.name!r} did not return a CheckResult")
    return result


def _missing_words(column: str, data: AuditData) -> str:
    if column in data.table.column_names:
        return f"every value of the column {column!r} is empty"
    return f"the data has no column {column!r}"


def _judge(results: Sequence[CheckResult], data: AuditData) -> tuple[Verdict, str]:
    failed = [r for r in results if r.status == "failed"]
    warned = [r for r in results if r.status == "warned"]
    unseen = [r for r in results if r.status == "not_verified"]
    open_questions = [r for r in unseen if r.name in ESSENTIAL]
    missing = f" {_count(unseen, 'check')} could not be made." if unseen else ""
    if failed:
        return "blocked", (
            f"Do not train or report scores on this data: {_faults(failed)}.{missing}"
        )
    if open_questions:
        what = "; ".join(f"{r.title.lower()}: {r.why}" for r in open_questions)
        return "warnings", f"No leak was found, but none can be ruled out. Not verified: {what}."
    if warned:
        return "warnings", f"No leak was found. To be looked at first: {_faults(warned)}.{missing}"
    return "clean", (
        f"No leak and no defect was found in {data.rows:,} samples across "
        f"{_count(data.splits, 'split')}.{missing}"
    )


def _faults(results: Sequence[CheckResult]) -> str:
    """Say what is wrong, most serious first, in a few words each."""
    listed = [f"{r.fault or r.title.lower()} ({_samples(r.count)})" for r in results[:3]]
    more = len(results) - len(listed)
    if more:
        listed.append(f"{more} more fault" + ("" if more == 1 else "s"))
    return ", ".join(listed[:-1]) + (" and " if len(listed) > 1 else "") + listed[-1]


def _samples(count: int) -> str:
    return f"{count:,} sample" + ("" if count == 1 else "s")


def _count(items: Sequence[Any], noun: str) -> str:
    return f"{len(items)} {noun}" + ("" if len(items) == 1 else "s")


def _totals(data: AuditData) -> Totals:
    by = {c: _tally(data, c) for c in ("kind", "family", "locale") if data.has(c)}
    by_split = {s: len(data.rows_of(s)) for s in data.splits}
    kind_by_split: dict[str, dict[str, int]] = {}
    label = next((c for c in ("kind", "family", "locale") if data.has(c)), None)
    if label is not None:
        pairs = Counter(zip(data.values(label), data.split_of.tolist(), strict=True))
        for (kind, split), count in sorted(pairs.items(), key=str):
            kind_by_split.setdefault(str(kind or ""), {})[split] = count
    known = data.group_codes >= 0
    groups = len(np.unique(data.group_codes[known])) if known.any() else None
    return Totals(
        rows=data.rows,
        by_split=by_split,
        by_kind=by.get("kind", {}),
        by_family=by.get("family", {}),
        by_locale=by.get("locale", {}),
        kind_by_split=kind_by_split,
        groups=groups,
        groups_by_split={
            s: len(np.unique(data.group_codes[known & (data.split_of == s)])) for s in data.splits
        }
        if groups
        else {},
        largest_groups=_largest_groups(data) if groups else {},
    )


def _tally(data: AuditData, column: str) -> dict[str, int]:
    counts = Counter(str(v or "") for v in data.values(column))
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _largest_groups(data: AuditData) -> dict[str, dict[str, int]]:
    pairs = Counter(zip(data.values("group"), data.split_of.tolist(), strict=True))
    found: dict[str, dict[str, int]] = {}
    for (group, split), count in pairs.items():
        if group:
            found.setdefault(str(group), {})[split] = count
    ranked = sorted(found, key=lambda g: (len(found[g]) < 2, -sum(found[g].values()), g))
    return {g: dict(sorted(found[g].items())) for g in ranked[:LISTED_GROUPS]}


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in ("sftdata", "numpy", "pyarrow"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed as a package"
    return dict(sorted(found.items()))
