"""A report bound to the bytes it judged: does it still speak of these files?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from sftdata.audit_sources import data_files, digest_files, digest_table, rows_of
from sftdata.errors import ConfigError
from sftdata.report import AuditReport

__all__ = ["Verified", "verify_report"]


@dataclass(frozen=True)
class Verified:
    """Whether a report is about a dataset, and how the two differ.

    Attributes:
        report: the report that was compared.
        digest: of the dataset as it is now; equal to `report.digest` where nothing has changed.
        changed: files of the report whose bytes are others now.
        missing: files of the report that are not there.
        added: files that the report does not know.
    """

    report: AuditReport
    digest: str
    changed: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    added: tuple[str, ...] = ()

    @property
    def same(self) -> bool:
        """Whether the report is about exactly these bytes."""
        return self.digest == self.report.digest

    @property
    def exit_code(self) -> int:
        """0 when the bytes are the same, else 1."""
        return 0 if self.same else 1

    def __str__(self) -> str:
        if self.same:
            what = f"{len(self.report.files)} files" if self.report.files else "these rows"
            return (
                f"same bytes: the report is about {what} ({self.digest[:12]}); "
                f"its verdict is {self.report.verdict}"
            )
        parts = [
            f"{word}: {', '.join(names)}"
            for word, names in (
                ("changed", self.changed), ("missing", self.missing), ("added", self.added),
            )
            if names
        ]  # fmt: skip
        told = "; ".join(parts) or "the rows are others"
        return f"other bytes: the report is not about this dataset ({told})"


def verify_report(
    report: AuditReport | str | Path,
    dataset: Any = None,
    *,
    splits: Mapping[str, str | Path] | None = None,
) -> Verified:
    """Compare the digest that a report holds with that of a dataset as it is now.

    Args:
        report: a report, or the JSON file that `sftdata audit --json` wrote.
        dataset: what was audited: a build, a file, a folder, a table.
        splits: name of a split → its file, where the audit was made so.

    Raises:
        ConfigError: no such report or dataset.

    >>> from sftdata.audit import audit
    >>> rows = [{"prompt": "a", "completion": "b", "split": "train"}]
    >>> report = audit(rows)
    >>> verify_report(report, rows).same, verify_report(report, [{**rows[0], "prompt": "c"}]).same
    (True, False)
    """
    known = report if isinstance(report, AuditReport) else _read(Path(report))
    files, root = data_files(dataset, splits)
    if not files:
        return Verified(known, digest_table(rows_of(dataset)))
    digest, listed = digest_files(files, root)
    then = {f.path: f.sha256 for f in known.files}
    now = {f.path: f.sha256 for f in listed}
    return Verified(
        known,
        digest,
        changed=tuple(sorted(n for n in then.keys() & now.keys() if then[n] != now[n])),
        missing=tuple(sorted(then.keys() - now.keys())),
        added=tuple(sorted(now.keys() - then.keys())),
    )


def _read(path: Path) -> AuditReport:
    try:
        return AuditReport.from_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise ConfigError(
            f"verify: {path} is not an audit report as `sftdata audit --json` writes it"
        ) from error
