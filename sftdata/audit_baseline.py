"""Compare an audit with an earlier one: what got worse is a finding of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from pydantic import ValidationError

from sftdata.errors import ConfigError
from sftdata.part import Part
from sftdata.report import AuditReport, CheckResult, Finding

__all__ = ["against_baseline", "read_baseline"]

_RANK = {"passed": 0, "not_verified": 1, "warned": 2, "failed": 3}
LEAK = 0.01
"""Rise of a leakage index from which it counts: one percent of the held-out text."""


class _Baseline(Part):
    """The words of this comparison; it is no check, because it needs two reports."""

    name: ClassVar[str] = "baseline"
    title: ClassVar[str] = "No worse than before"
    question: ClassVar[str] = "Is anything worse than in the report that was given as baseline?"
    fault: ClassVar[str] = "what got worse since the baseline"
    why: ClassVar[str] = (
        "Data that was good enough to be signed may change; whatever is worse than what was "
        "signed has to be looked at again."
    )
    action: ClassVar[str] = "Mend what regressed, or sign this report as the new baseline."


def read_baseline(path: str | Path) -> AuditReport:
    """Read an earlier report.

    Raises:
        ConfigError: there is no such file, or it is no audit report.
    """
    file = Path(path)
    if not file.is_file():
        raise ConfigError(f"baseline: {file} is not a file")
    try:
        return AuditReport.from_json(file.read_bytes())
    except ValidationError as error:
        raise ConfigError(
            f"baseline: {file} is not an audit report as `sftdata audit --json` writes it"
        ) from error


def against_baseline(report: AuditReport, old: AuditReport) -> CheckResult:
    """Return what is worse in `report` than in `old`, as errors named `regressed`.

    Worse is: a check that passed and now warns, fails or cannot be made; new findings in a check
    that had others, or more samples concerned; a leakage index that rose by a hundredth. What the
    baseline had already is not held against the new data: it was known when it was signed.

    >>> from sftdata.audit import audit
    >>> rows = [{"prompt": f"Revenue of {c}?", "completion": c, "split": s}
    ...         for c, s in (("A", "train"), ("B", "train"), ("C", "test"))]
    >>> old, new = audit(rows), audit([*rows, {**rows[0], "split": "test"}])
    >>> result = against_baseline(new, old)
    >>> result.status, "exact_duplicates was passed" in result.findings[0].message
    ('failed', True)
    """
    findings = [*_checks(report, old), *_leaks(report, old)]
    before = {f.finding_id for f in old.findings}
    now = {f.finding_id for f in report.findings}
    return CheckResult.of(
        _Baseline,
        findings,
        compared=f"{len(report.checks)} checks with those of the report on {old.digest[:12]}: "
        f"{len(now - before):,} findings are new, {len(before - now):,} are gone",
        metrics={
            "baseline_digest": old.digest,
            "baseline_verdict": old.verdict,
            "new_findings": len(now - before),
            "gone_findings": len(before - now),
        },
    )


def _regressed(subject: str, message: str, **details: object) -> Finding:
    return Finding.of(
        "baseline",
        "error",
        f"regressed: {message}",
        subject=subject,
        action=_Baseline.action,
        **details,  # type: ignore[arg-type]
    )


def _checks(report: AuditReport, old: AuditReport) -> Iterator[Finding]:
    before = {c.name: c for c in old.checks}
    for check in report.checks:
        was = before.pop(check.name, None)
        if was is None or check.name == "baseline":
            continue
        fresh = _fresh(check, was)
        ids = tuple(dict.fromkeys(i for f in fresh for i in f.ids))
        if _RANK[check.status] > _RANK[was.status]:
            yield _regressed(
                check.name,
                f"{check.name} was {was.status.replace('_', ' ')} and is "
                f"{check.status.replace('_', ' ')}",
                ids=ids,
                count=max(len(ids), check.count),
            )
        elif check.status in ("warned", "failed") and (fresh or check.count > was.count):
            yield _regressed(
                check.name,
                f"{check.name} has {len(fresh):,} new findings; {check.count:,} samples are "
                f"concerned, {was.count:,} before",
                ids=ids,
                count=max(len(ids), check.count - was.count),
            )
    for name in before:
        if name != "baseline":
            yield _regressed(name, f"{name} was made before and is not made now", count=0)


def _fresh(check: CheckResult, was: CheckResult) -> list[Finding]:
    """Return the errors and warnings that the baseline does not have at the same severity."""
    known = {(f.finding_id, f.severity) for f in was.findings}
    known |= {(f.finding_id, "warning") for f in was.findings if f.severity == "error"}
    return [
        f
        for f in check.findings
        if f.severity != "info" and (f.finding_id, f.severity) not in known
    ]


def _leaks(report: AuditReport, old: AuditReport) -> Iterator[Finding]:
    before = {(x.train, x.held_out): x.index for x in old.leakage}
    for item in report.leakage:
        was = before.get((item.train, item.held_out))
        if was is not None and item.index > was + LEAK:
            yield _regressed(
                f"leakage:{item.held_out}",
                f"{item.index:.1%} of the text of {item.held_out} stands in {item.train}, "
                f"{was:.1%} before",
                count=0,
                split_pair=(item.train, item.held_out),
            )
