"""What an audit found and what a build did: small frozen models that are written as JSON."""

from __future__ import annotations

import hashlib
import html
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, JsonValue

__all__ = [
    "AuditReport",
    "CheckResult",
    "DataFile",
    "Example",
    "Finding",
    "Histogram",
    "Leakage",
    "RunManifest",
    "RunStep",
    "Totals",
    "every_finding",
    "report_schema",
]

Severity = Literal["error", "warning", "info"]
Status = Literal["failed", "warned", "passed", "not_verified"]
Verdict = Literal["clean", "warnings", "blocked"]

LISTED = 100
"""Findings that a check lists one by one; the rest share one finding that still names every id."""
_LISTED: ContextVar[int | None] = ContextVar("listed", default=LISTED)


@contextmanager
def every_finding() -> Iterator[None]:
    """Let checks list every finding by itself: a repair must know which rows belong together."""
    token = _LISTED.set(None)
    try:
        yield
    finally:
        _LISTED.reset(token)


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Example(_Record):
    """Two rows (or two halves of one) side by side, cut to a short excerpt."""

    left_id: str
    right_id: str
    left_title: str = ""
    """What the left side is: a split, `document`, `schema`."""
    right_title: str = ""
    left: str = ""
    right: str = ""
    similarity: float | None = None


class Finding(_Record):
    """One thing that is wrong, with the rows that show it and what to do about it."""

    finding_id: str
    """Stable: the same problem in the same rows has the same id in the next audit."""
    check: str
    severity: Severity
    message: str
    count: int = 1
    """Rows concerned."""
    split_pair: tuple[str, str] | None = None
    ids: tuple[str, ...] = ()
    """Sample ids, train first where two splits are concerned."""
    example: Example | None = None
    action: str = ""

    @staticmethod
    def stable_id(check: str, subject: str, splits: Iterable[str] = ()) -> str:
        """Return a short hash of what the finding is about, never of how it is worded.

        >>> Finding.stable_id("group_overlap", "ACME", ("train", "test"))
        '40032347a5d6'
        """
        text = "\x1f".join((check, subject, *sorted(splits)))
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @classmethod
    def of(
        cls,
        check: str,
        severity: Severity,
        message: str,
        *,
        subject: str,
        ids: Iterable[str] = (),
        count: int | None = None,
        split_pair: tuple[str, str] | None = None,
        example: Example | None = None,
        action: str = "",
    ) -> Finding:
        """Make a finding; `subject` (a group, a pair of ids) is what its stable id is made of."""
        named = tuple(ids)
        return cls(
            finding_id=cls.stable_id(check, subject, split_pair or ()),
            check=check,
            severity=severity,
            message=message,
            count=len(named) if count is None else count,
            split_pair=split_pair,
            ids=named,
            example=example,
            action=action,
        )


class Histogram(_Record):
    """Counts per bin, one series per split; `threshold` is a line to draw."""

    title: str
    unit: str
    edges: tuple[float, ...]
    series: dict[str, tuple[int, ...]]
    threshold: float | None = None
    counted: bool = False
    """Draw counts; otherwise shares of each series, so that splits of any size compare."""
    note: str = ""


class CheckResult(_Record):
    """The answer to one audit question."""

    name: str
    title: str
    question: str
    status: Status
    fault: str = ""
    """What is wrong when it is wrong, as a noun: `groups in two splits`."""
    compared: str = ""
    """What was compared with what, in plain words with numbers."""
    count: int = 0
    """Samples concerned by errors and warnings, each once."""
    findings: tuple[Finding, ...] = ()
    why: str = ""
    """Why the question matters; for `not_verified`, why it could not be answered."""
    action: str = ""
    metrics: dict[str, JsonValue] = Field(default_factory=dict)
    histograms: tuple[Histogram, ...] = ()

    @classmethod
    def of(
        cls,
        check: Any,
        findings: Iterable[Finding],
        *,
        compared: str,
        metrics: Mapping[str, JsonValue] | None = None,
        histograms: tuple[Histogram, ...] = (),
        count: int | None = None,
    ) -> CheckResult:
        """Judge: any error fails, any warning warns, information passes.

        `check` is the part that asked, with `name`, `title`, `question`, `why` and `action`.
        At most `LISTED` findings of a severity are kept apart; the rest become one that names
        all their ids, so that a row is never lost and a report never grows without bound.
        """
        found = list(findings)
        loud = [f for f in found if f.severity != "info"]
        status: Status = "passed"
        if loud:
            status = "failed" if any(f.severity == "error" for f in loud) else "warned"
        return cls(
            name=check.name,
            title=check.title,
            question=check.question,
            status=status,
            fault=getattr(check, "fault", ""),
            compared=compared,
            count=_concerned(loud) if count is None else count,
            findings=_bounded(check.name, found),
            why=check.why,
            action=check.action if loud else "",
            metrics=dict(metrics or {}),
            histograms=histograms,
        )

    @classmethod
    def not_verified(cls, check: Any, reason: str) -> CheckResult:
        """Say that the question could not be answered, and why. It is never counted as passed."""
        return cls(
            name=check.name,
            title=check.title,
            question=check.question,
            status="not_verified",
            why=reason,
        )


def _concerned(findings: list[Finding]) -> int:
    """Count samples: those named, each once, and those that findings count without naming."""
    named = {i for f in findings for i in f.ids}
    return len(named) + sum(max(0, f.count - len(f.ids)) for f in findings)


def _bounded(check: str, found: list[Finding]) -> tuple[Finding, ...]:
    kept: list[Finding] = []
    for severity in get_args(Severity):
        level = [f for f in found if f.severity == severity]
        limit = _LISTED.get() or len(level)
        kept, rest = [*kept, *level[:limit]], level[limit:]
        if rest:
            ids = dict.fromkeys(i for f in rest for i in f.ids)
            kept.append(
                Finding.of(
                    check,
                    severity,
                    f"{len(rest)} more findings of this kind; every row is named in the JSON",
                    subject=f"rest:{severity}",
                    ids=ids,
                    count=sum(f.count for f in rest),
                    action=rest[0].action,
                )
            )
    return tuple(kept)


class Leakage(_Record):
    """Share of a held-out split's text that already stands in train.

    8-grams of words (characters for Chinese), numbers masked, so that a table whose figures were
    rolled forward by a year counts as known text.
    """

    train: str
    held_out: str
    index: float
    """0 (nothing known) to 1 (every 8-gram stands in train)."""
    by_row: float | None = None
    """The same rows, shuffled one by one into splits of the same size."""
    by_document: float | None = None
    """The same rows, whole documents shuffled."""
    by_group: float | None = None
    """The same rows, whole groups (companies, patients) shuffled."""
    thresholds: tuple[float, ...] = ()
    curve: tuple[float, ...] = ()
    """Share of held-out samples of which at least each threshold stands in train."""
    curves: dict[str, tuple[float, ...]] = Field(default_factory=dict)
    """The same curve had the rows been split by `row`, `document` or `group` at random."""
    compared: float = 1.0
    """Part of all 8-grams that was compared; below 1 they were drawn by hash."""


class DataFile(_Record):
    """A file by its bytes."""

    path: str
    sha256: str
    bytes: int
    rows: int | None = None


class Totals(_Record):
    """What the dataset is made of."""

    rows: int
    by_split: dict[str, int] = Field(default_factory=dict)
    by_kind: dict[str, int] = Field(default_factory=dict)
    by_family: dict[str, int] = Field(default_factory=dict)
    by_locale: dict[str, int] = Field(default_factory=dict)
    kind_by_split: dict[str, dict[str, int]] = Field(default_factory=dict)
    groups: int | None = None
    groups_by_split: dict[str, int] = Field(default_factory=dict)
    largest_groups: dict[str, dict[str, int]] = Field(default_factory=dict)
    """Rows per split of the groups with most rows, and of every group in two splits (to 60)."""


class AuditReport(_Record):
    """The whole judgement on one dataset, bound to the bytes it judged. Holds no clock time."""

    format: Literal["sftdata.audit/1"] = "sftdata.audit/1"
    dataset: str
    verdict: Verdict
    meaning: str
    """The verdict in one sentence."""
    digest: str
    """SHA-256 over the names and hashes of the data files (or over the rows, for a table)."""
    files: tuple[DataFile, ...] = ()
    totals: Totals
    checks: tuple[CheckResult, ...]
    leakage: tuple[Leakage, ...] = ()
    metrics: dict[str, JsonValue] = Field(default_factory=dict)
    settings: dict[str, JsonValue] = Field(default_factory=dict)
    versions: dict[str, str] = Field(default_factory=dict)
    fail_on: Literal["error", "warning"] = "error"
    """What makes the exit code 1."""

    @property
    def exit_code(self) -> int:
        """1 when the verdict is `blocked`, or not `clean` where warnings count; otherwise 0."""
        stops = ("blocked", "warnings") if self.fail_on == "warning" else ("blocked",)
        return 1 if self.verdict in stops else 0

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Every finding, in the order of the checks."""
        return tuple(f for check in self.checks for f in check.findings)

    def check(self, name: str) -> CheckResult:
        """Return one check's result.

        Raises:
            KeyError: no such check ran; the message lists those that did.
        """
        for result in self.checks:
            if result.name == name:
                return result
        raise KeyError(f"no check {name!r}; there are {', '.join(c.name for c in self.checks)}")

    def to_json(self) -> str:
        """Return the report as JSON (UTF-8 text, two blanks, one line feed at the end)."""
        data = self.model_dump(mode="json")
        return json.dumps(data, ensure_ascii=False, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> AuditReport:
        """Read back what `to_json` wrote."""
        return cls.model_validate_json(text)

    def __repr__(self) -> str:
        return f"AuditReport({self.dataset!r}, {self.verdict}, {len(self.checks)} checks)"

    def __str__(self) -> str:
        lines = [f"{self.verdict.upper()}: {self.meaning}"]
        for check in self.checks:
            detail = check.why if check.status == "not_verified" else check.compared
            lines.append(f"  {check.status:<12} {check.title}: {detail}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """Return a small table for notebooks; the full page is `sftdata.reporting`'s work."""
        rows = "".join(
            f"<tr><td>{html.escape(c.title)}</td><td>{c.status.replace('_', ' ')}</td>"
            f"<td>{c.count or ''}</td>"
            f"<td>{html.escape(c.why if c.status == 'not_verified' else c.compared)}</td></tr>"
            for c in self.checks
        )
        return (
            f"<p><b>{self.verdict.capitalize()}.</b> {html.escape(self.meaning)}</p>"
            "<table><thead><tr><th>check</th><th>status</th><th>count</th><th>compared</th></tr>"
            f"</thead><tbody>{rows}</tbody></table>"
        )


class RunStep(_Record):
    """One step of a build."""

    name: str
    rows: int
    seconds: float = 0.0


class RunManifest(_Record):
    """What a build read, did and wrote: enough to repeat it and to notice a changed file."""

    format: Literal["sftdata.run/1"] = "sftdata.run/1"
    config: dict[str, JsonValue]
    """The filled configuration, every default written out."""
    template_lock: str = ""
    """SHA-256 of chat template, variables and tokenizer files: the same lock, the same tokens."""
    template_parts: dict[str, str] = Field(default_factory=dict)
    """What the lock is made of, so that a later step can say which part is another one."""
    versions: dict[str, str] = Field(default_factory=dict)
    inputs: tuple[DataFile, ...] = ()
    outputs: tuple[DataFile, ...] = ()
    counts: dict[str, int] = Field(default_factory=dict)
    steps: tuple[RunStep, ...] = ()

    def to_json(self) -> str:
        """Return the manifest as JSON."""
        data = self.model_dump(mode="json")
        return json.dumps(data, ensure_ascii=False, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> RunManifest:
        """Read back what `to_json` wrote."""
        return cls.model_validate_json(text)


def report_schema() -> dict[str, Any]:
    """Return the JSON Schema of `AuditReport.to_json()`; published as audit_report.schema.json.

    >>> report_schema()["title"]
    'AuditReport'
    """
    schema = AuditReport.model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
