"""The audit report as one HTML page that needs nothing but itself."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from sftdata.report import AuditReport, CheckResult, Finding
from sftdata.reporting.charts import (
    Chart,
    composition,
    group_picture,
    histogram,
    leakage_bars,
    leakage_curve,
)
from sftdata.reporting.marks import Piece, shared_words

__all__ = ["html_report", "write_html"]

TEMPLATES = Path(__file__).resolve().parent / "templates"
SHOWN_FINDINGS = 40
SHOWN_EXAMPLES = 10
SHOWN_IDS = 12
WORDS = {
    "clean": "Clean",
    "warnings": "Warnings",
    "blocked": "Blocked",
    "failed": "Failed",
    "warned": "Warned",
    "passed": "Passed",
    "not_verified": "Not verified",
}
_BIDI = (*range(0x202A, 0x202F), *range(0x2066, 0x206A))
_CONTROL = dict.fromkeys((*range(9), 11, 12, *range(14, 32), 127, *_BIDI), "\ufffd")


@dataclass(frozen=True)
class Shown:
    """A finding as the page shows it: bounded, with the shared words of its example marked."""

    finding: Finding
    ids: tuple[str, ...]
    more_ids: int
    left: list[Piece]
    right: list[Piece]


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["clean"] = _clean
    environment.filters["grouped"] = "{:,}".format
    return environment


def _clean(text: object) -> str:
    """Replace control characters, and those that turn the direction of the text around."""
    return str(text).translate(_CONTROL)


def html_report(report: AuditReport, *, title: str = "Dataset audit") -> str:
    """Return the page: verdict, figures, charts, one card per check, provenance.

    Everything is inline, and the page's own policy forbids any request and any script but its
    own: text from hostile documents is escaped, and would not run if it were not.
    """
    style = (TEMPLATES / "audit.css").read_text(encoding="utf-8")
    script = (TEMPLATES / "audit.js").read_text(encoding="utf-8")
    splits = list(report.totals.by_split)
    counts = {s: sum(c.status == s for c in report.checks) for s in WORDS if s in _STATUSES}
    return (
        _environment()
        .get_template("audit.html.j2")
        .render(
            report=report,
            title=title,
            words=WORDS,
            style=Markup(style),  # noqa: S704  # the package's own file
            script=Markup(script),  # noqa: S704  # the package's own file
            policy=_policy(style, script),
            counts=counts,
            charts=_charts(report, splits),
            cards=[(check, _shown(check)) for check in _ordered(report)],
            shown_findings=SHOWN_FINDINGS,
            figures=_figures(report),
        )
    )


_STATUSES = ("failed", "warned", "passed", "not_verified")


def write_html(report: AuditReport, path: Path) -> None:
    """Write the page as UTF-8."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(html_report(report), encoding="utf-8", newline="\n")


def _policy(style: str, script: str) -> str:
    def digest(text: str) -> str:
        return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()

    return (
        "default-src 'none'; base-uri 'none'; form-action 'none'; "
        f"style-src 'sha256-{digest(style)}'; script-src 'sha256-{digest(script)}'"
    )


def _ordered(report: AuditReport) -> list[CheckResult]:
    """Return what failed first; inside a status the order of the checks."""
    return sorted(report.checks, key=lambda c: _STATUSES.index(c.status))


def _charts(report: AuditReport, splits: list[str]) -> list[Chart]:
    totals = report.totals
    drawn = [
        leakage_bars(report.leakage),
        leakage_curve(report.leakage),
        composition(totals.kind_by_split or {"all": totals.by_split}, splits),
        group_picture(totals.largest_groups, splits, totals.groups or 0),
    ]
    drawn += [histogram(h, splits) for check in report.checks for h in check.histograms]
    return [chart for chart in drawn if chart is not None]


def _figures(report: AuditReport) -> list[tuple[str, str, str]]:
    """Return the headline figures: label, value, what it means."""
    totals = report.totals
    splits = " · ".join(f"{count:,} {split}" for split, count in totals.by_split.items())
    figures = [("Samples", f"{totals.rows:,}", splits or "not split")]
    groups = "no group key given"
    if totals.groups:
        groups = " · ".join(f"{count:,} {split}" for split, count in totals.groups_by_split.items())
    figures.append(("Groups", f"{totals.groups:,}" if totals.groups else "—", groups))
    if report.leakage:
        last = report.leakage[-1]
        random = f"{last.by_row:.0%} if rows were split at random" if last.by_row else ""
        figures.append(("Leakage index", f"{last.index:.1%}", random or f"of {last.held_out}"))
    done = sum(c.status != "not_verified" for c in report.checks)
    failed = sum(c.status == "failed" for c in report.checks)
    warned = sum(c.status == "warned" for c in report.checks)
    figures.append(
        ("Checks made", f"{done} of {len(report.checks)}", f"{failed} failed · {warned} warned")
    )
    return figures


def _shown(check: CheckResult) -> list[Shown]:
    shown = []
    for number, finding in enumerate(check.findings[:SHOWN_FINDINGS]):
        left: list[Piece] = []
        right: list[Piece] = []
        if finding.example is not None and number < SHOWN_EXAMPLES:
            left, right = shared_words(finding.example.left, finding.example.right)
        ids = finding.ids[:SHOWN_IDS]
        shown.append(Shown(finding, ids, len(finding.ids) - len(ids), left, right))
    return shown
