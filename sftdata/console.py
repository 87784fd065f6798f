"""What the command line shows: tables on standard output, progress and errors on standard error."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars
from rich.table import Table
from rich.text import Text

from sftdata.families.family import Family
from sftdata.family_check import FamilyCheck
from sftdata.report import AuditReport
from sftdata.result import BuildResult

__all__ = [
    "progress",
    "say",
    "show_audit",
    "show_build",
    "show_checks",
    "show_families",
    "show_family",
    "write",
]

_KINDS = ("extraction", "writing", "evidence", "refusal")
_APPLIED = "_applied"
"""Suffix of the steps that only carry a decision out: seconds, and no news."""
_COLOURS = {
    "clean": "bold green",
    "warnings": "bold yellow",
    "blocked": "bold red",
    "failed": "red",
    "warned": "yellow",
    "passed": "green",
    "not_verified": "cyan",
}


def write(text: str) -> None:
    """Write data to standard output as it is: no colours, no wrapping."""
    Console(soft_wrap=True).out(text.rstrip("\n"), highlight=False)


def say(text: str, style: str = "") -> None:
    """Talk to the person on standard error."""
    Console(stderr=True, soft_wrap=True).print(Text(text, style=style), highlight=False)


@contextmanager
def progress() -> Iterator[Callable[[str, int, int], None]]:
    """Show the steps of a build: bars on a terminal, otherwise a line per finished step."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _lines()
        return
    columns = (
        TextColumn("{task.description:<18}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Bars(*columns, console=console) as bars:
        yield _bars(bars)


def _bars(bars: Bars) -> Callable[[str, int, int], None]:
    tasks = {}

    def tell(step: str, done: int, total: int) -> None:
        if step.endswith(_APPLIED):
            return
        if step not in tasks:
            tasks[step] = bars.add_task(_words(step), total=total)
        bars.update(tasks[step], completed=done, total=total)

    return tell


def _lines() -> Callable[[str, int, int], None]:
    started: dict[str, float] = {}

    def tell(step: str, done: int, total: int) -> None:
        start = started.setdefault(step, time.perf_counter())
        if done == total and not step.endswith(_APPLIED):
            say(f"{_words(step):<18}{done}/{total}  {time.perf_counter() - start:.1f} s")

    return tell


def _words(step: str) -> str:
    return step.replace("_", " ")


def show_build(result: BuildResult) -> None:
    """Print the summary of a build: samples, losses, verdict, and where everything is."""
    console, counts = Console(), result.counts
    splits = result.splits
    table = _table("kind", *splits, "all")
    for kind in _KINDS:
        row = [counts.get(f"samples.{kind}.{split}", 0) for split in splits]
        table.add_row(kind, *(f"{n:,}" for n in [*row, sum(row)]))
    table.add_section()
    totals = [counts.get(f"samples.split.{split}", 0) for split in splits]
    table.add_row("all", *(f"{n:,}" for n in [*totals, counts["samples"]]), style="bold")
    console.print(table)
    for name, value in _account(counts):
        console.print(
            Text(f"{name:<12}", style="bold").append(value, style="not bold"), soft_wrap=True
        )
    _verdict(console, result.report)
    for name, path in (("dataset", result.path), ("report", result.report_html)):
        console.print(Text(f"{name:<12}", style="bold").append(str(path)), soft_wrap=True)


def _account(counts: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    yield "documents", f"{counts['documents']:,} in {counts['groups']:,} groups"
    yield "duplicates", _by(counts, "duplicates.", "none")
    yield "rejects", _by(counts, "rejects.", "none")
    losses = {k: n for k, n in counts.items() if not k.startswith("dropped.dedupe_")}
    yield "dropped", _by(losses, "dropped.", "none", last=True)


def _by(counts: Mapping[str, int], prefix: str, none: str, *, last: bool = False) -> str:
    found: dict[str, int] = {}
    for key, n in counts.items():
        if key.startswith(prefix):
            name = key.removeprefix(prefix)
            name = name.rpartition(".")[2] if last else name
            found[name] = found.get(name, 0) + n
    ranked = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{name.replace('_', ' ')} {n:,}" for name, n in ranked) or none


def show_audit(report: AuditReport) -> None:
    """Print an audit: the verdict, then every check with what was compared."""
    console = Console()
    _verdict(console, report)
    table = _table("status", "check", "count", "what was compared", right=("count",))
    for check in report.checks:
        shown = check.why if check.status == "not_verified" else check.compared
        table.add_row(
            Text(check.status.replace("_", " "), style=_COLOURS[check.status]),
            Text(check.title),
            f"{check.count:,}" if check.count else "",
            Text(shown),
        )
    console.print(table)
    for finding in report.findings:
        if finding.severity != "info":
            style = "red" if finding.severity == "error" else "yellow"
            line = Text(f"{finding.severity}: ", style=style).append(finding.message, style="")
            if finding.ids:
                line.append(f" ({', '.join(finding.ids[:4])}{', …' * (len(finding.ids) > 4)})")
            console.print(line, highlight=False)


def _verdict(console: Console, report: AuditReport) -> None:
    head = Text("audit       ", style="bold")
    head.append(report.verdict, style=_COLOURS[report.verdict])
    console.print(
        head.append(f": {report.meaning}", style="not bold"), highlight=False, soft_wrap=True
    )


def show_families(families: Iterable[Family]) -> None:
    """Print one line per family."""
    table = _table("family", "kind", "prompts", "what it teaches", right=())
    for family in families:
        table.add_row(family.id, family.kind, " ".join(family.locales), Text(family.title))
    Console().print(table)


def show_family(family: Family, base: Family) -> None:
    """Print what one family asks, of which documents, and with which prompts."""
    console = Console()
    console.print(Text(f"{family.id} v{family.version}", style="bold"))
    facts = [
        ("title", family.title),
        ("kind", f"{family.kind}, {family.recipe}" + (f" of {family.of}" if family.of else "")),
        ("documents", ", ".join(family.documents or base.documents) or f"all of {family.domain}"),
        ("at most", f"{family.per_document} samples a document, weight {family.weight:g}"),
        ("answer", base.answer.schema_ or base.answer.form),
        ("folder", str(family.folder)),
    ]
    for name, value in facts:
        console.print(Text(f"  {name:<11}{value}"), soft_wrap=True, highlight=False)
    for locale in family.locales:
        console.print(Text(f"\nquestions ({locale})", style="bold"))
        for wording in family.questions.get(locale) or base.questions.get(locale, ()):
            console.print(Text(f"  - {wording}"), soft_wrap=True, highlight=False)
        console.print(Text(f"\nsystem prompt ({locale})", style="bold"))
        console.print(Text(base.template(locale, "system") or ""), soft_wrap=True, highlight=False)


def show_checks(checks: Sequence[FamilyCheck]) -> None:
    """Print one line per family, and what differs."""
    console = Console(soft_wrap=True)
    for check in checks:
        word, style = ("ok", "green") if check.ok else ("FAILED", "bold red")
        word = "updated" if check.ok and check.updated else word
        line = Text(f"{word:<8}", style=style).append(check.family, style="")
        console.print(line.append(f" ({check.cases} cases)"), highlight=False)
        for problem in check.problems:
            console.print(_coloured(problem), highlight=False)


def _coloured(diff: str) -> Text:
    text = Text()
    for line in diff.splitlines(keepends=True):
        text.append(line, style={"+": "green", "-": "red"}.get(line[:1], ""))
    return text


def _table(first: str, *others: str, right: Sequence[str] | None = None) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    table.add_column(first, no_wrap=True)
    for name in others:
        number = name in right if right is not None else True
        table.add_column(name, justify="right" if number else "left")
    return table
