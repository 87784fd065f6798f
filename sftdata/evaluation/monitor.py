"""Production logs by day: rates, lengths, latency and cost, held against a baseline."""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from sftdata.errors import ConfigError, SourceError
from sftdata.evaluation.drift import stability_index, wilson, z_test
from sftdata.evaluation.formats import schema_faults
from sftdata.evaluation.logs import LogRecord, read_logs
from sftdata.evaluation.outputs import Reading, read_json
from sftdata.evaluation.refusals import stance_of
from sftdata.evaluation.report import EvaluationReport
from sftdata.evaluation.runs import LENGTH_EDGES
from sftdata.grounding.numbers import ungrounded_numbers

__all__ = ["RATES", "Breach", "Day", "MonitorReport", "Rate", "Threshold", "monitor"]

RATES = ("refusal", "ungrounded", "format", "errors", "truncated", "empty")
"""What is counted of outputs, as in `--fail-on`."""
_VALUES = (*RATES, "latency_p50", "latency_p95", "length", "cost", "psi", "z")
_LATENCY_EDGES = (0.0, *(round(0.01 * 1.15**i, 4) for i in range(90)))
_MOST_DAYS = 3660
_CHECKED = 4_000
_CONTEXT = 60_000
"""Characters of an output, and of a prompt, in which numbers are looked for."""
_JSON_ASKED = re.compile(r"\bJSON\b")
_CONDITION = re.compile(r"(?P<name>[a-z_0-9]+)\s*(?P<sign>[<>])\s*(?P<value>-?\d+(?:\.\d+)?%?)")


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Rate(_Record):
    """A share of outputs with its Wilson interval, and how it differs from the baseline."""

    hits: int
    total: int
    rate: float
    low: float
    high: float
    z: float | None = None
    """Two proportions, pooled; positive: higher than the baseline."""


class Day(_Record):
    """One day of production, or all of it."""

    day: str
    records: int
    rates: dict[str, Rate]
    length: float
    """Mean characters of an output."""
    lengths: tuple[int, ...]
    """Outputs by length; edges are those of the evaluation report."""
    psi: float | None = None
    """Stability index of the lengths against the baseline."""
    latency_p50: float | None = None
    latency_p95: float | None = None
    cost: float | None = None


class Breach(_Record):
    """A threshold that a day has crossed."""

    day: str
    condition: str
    value: float


class MonitorReport(_Record):
    """What the logs say, day by day, and which thresholds were crossed."""

    format: str = "sftdata-monitor/1"
    records: int
    unreadable: int
    total: Day
    days: tuple[Day, ...]
    breaches: tuple[Breach, ...] = ()
    baseline: str = ""

    @property
    def exit_code(self) -> int:
        """1 where a threshold was crossed."""
        return 1 if self.breaches else 0


class Threshold(_Record):
    """A condition such as `refusal > 0.3`: true where production is not as it should be."""

    name: str
    above: bool
    value: float

    @classmethod
    def parse(cls, text: str) -> Threshold:
        """Read a condition.

        Raises:
            ConfigError: it is none.

        >>> Threshold.parse("ungrounded>5%")
        Threshold(name='ungrounded', above=True, value=0.05)
        """
        match = _CONDITION.fullmatch(text.strip())
        if match is None or match["name"] not in _VALUES:
            known = ", ".join(_VALUES)
            raise ConfigError(f"--fail-on {text!r}: write NAME>NUMBER; names are {known}")
        given = match["value"]
        value = float(given.rstrip("%")) / (100 if given.endswith("%") else 1)
        return cls(name=match["name"], above=match["sign"] == ">", value=value)

    def __str__(self) -> str:
        return f"{self.name}{'>' if self.above else '<'}{self.value:g}"


class _Tally:
    """Counts of one day in bounded memory."""

    def __init__(self) -> None:
        self.records = 0
        self.hits = dict.fromkeys(RATES, 0)
        self.totals = dict.fromkeys(RATES, 0)
        self.characters = 0
        self.lengths = [0] * len(LENGTH_EDGES)
        self.latency = [0] * len(_LATENCY_EDGES)
        self.costs = 0
        self.cost = 0.0

    def add(self, record: LogRecord, measured: Mapping[str, bool]) -> None:
        self.records += 1
        for name, hit in measured.items():
            self.totals[name] += 1
            self.hits[name] += hit
        if not record.failed:
            self.characters += len(record.output)
            self.lengths[bisect.bisect_right(LENGTH_EDGES, len(record.output)) - 1] += 1
        if record.latency_s is not None and record.latency_s >= 0:
            self.latency[bisect.bisect_right(_LATENCY_EDGES, record.latency_s) - 1] += 1
        if record.cost is not None:
            self.costs += 1
            self.cost += record.cost

    def quantile(self, share: float) -> float | None:
        """Return a latency, to the width of a bin (15 %)."""
        wanted, seen = share * sum(self.latency), 0
        if not wanted:
            return None
        for edge, count in enumerate(self.latency):
            seen += count
            if seen >= wanted:
                upper = _LATENCY_EDGES[min(edge + 1, len(_LATENCY_EDGES) - 1)]
                return round((_LATENCY_EDGES[edge] + upper) / 2, 4)
        return None  # pragma: no cover


class _Baseline(_Record):
    name: str
    rates: dict[str, tuple[float, int]]
    lengths: tuple[int, ...]


def monitor(
    path: Path,
    *,
    baseline: Path | None = None,
    fail_on: Sequence[Threshold] = (),
    fields: Mapping[str, str] | None = None,
    schema: str = "",
    least: int = 20,
) -> MonitorReport:
    """Read a log once, a line at a time, and report it by day.

    A refusal is an output that declines; an ungrounded output has a number that its prompt does
    not hold; the format has failed where the prompt asks for JSON (or a schema is given) and the
    output has none that is valid, fences apart.

    Args:
        path: JSONL; see `logs.FIELDS` for the names that are understood.
        baseline: JSON of `evaluate` or of an earlier `monitor`.
        fail_on: thresholds, held against every day of at least `least` records and the whole.
        fields: field → dotted path, where the log has other names.
        schema: a schema under `schemas/` that every output should satisfy.
        least: records from which a day is held against thresholds.

    Raises:
        ConfigError: a file is missing, or the baseline is none.
        SourceError: no line of the log can be read.
    """
    base = _read_baseline(baseline) if baseline is not None else None
    whole, days, unreadable = _Tally(), dict[str, _Tally](), 0
    for record in read_logs(path, fields):
        if record is None:
            unreadable += 1
            continue
        measured = dict(_measure(record, schema))
        day = record.day if record.day in days or len(days) < _MOST_DAYS else "unknown"
        for tally in (whole, days.setdefault(day, _Tally())):
            tally.add(record, measured)
    if not whole.records:
        raise SourceError(
            "unreadable_logs", f"{path}: no line has an output; name its field with --field"
        )
    told = tuple(_day(name, days[name], base) for name in sorted(days))
    total = _day("all", whole, base)
    judged = [d for d in told if d.records >= least]
    breaches = tuple(b for day in (total, *judged) for b in _breaches(day, fail_on))
    return MonitorReport(
        records=whole.records,
        unreadable=unreadable,
        total=total,
        days=told,
        breaches=breaches,
        baseline=base.name if base else "",
    )


def _measure(record: LogRecord, schema: str) -> Iterator[tuple[str, bool]]:
    """Yield what can be said of one record; what does not apply is left out."""
    yield "errors", record.failed
    if record.failed:
        return
    yield "truncated", record.truncated
    yield "empty", not record.output.strip()
    reading = read_json(record.output)
    told = _told(reading)
    if told is not None:
        yield "refusal", stance_of(reading.value, reading.text) == "refuse"
        if record.prompt and told.strip():
            found = ungrounded_numbers(told[:_CHECKED], record.prompt[-_CONTEXT:])
            yield "ungrounded", bool(found)
    if schema:
        valid = reading.how in ("strict", "fenced") and schema_faults(reading.value, schema).valid
        yield "format", not valid
    elif _JSON_ASKED.search(record.prompt):
        yield "format", reading.how not in ("strict", "fenced")


def _told(reading: Reading) -> str | None:
    """Return the words of an answer; None for extracted values, which are no sentences."""
    if reading.value is None:
        return reading.text
    if isinstance(reading.value, dict) and isinstance(reading.value.get("answer"), str):
        return str(reading.value["answer"])
    return None


def _day(name: str, tally: _Tally, base: _Baseline | None) -> Day:
    rates = {}
    for rate, total in tally.totals.items():
        if not total:
            continue
        hits = tally.hits[rate]
        low, high = wilson(hits, total)
        z = None
        if base is not None and rate in base.rates:
            share, count = base.rates[rate]
            z = z_test(hits, total, share * count, count)
        rates[rate] = Rate(
            hits=hits,
            total=total,
            rate=round(hits / total, 6),
            low=round(low, 6),
            high=round(high, 6),
            z=None if z is None else round(z, 4),
        )
    outputs = sum(tally.lengths)
    psi = stability_index(tally.lengths, base.lengths) if base is not None else None
    return Day(
        day=name,
        records=tally.records,
        rates=rates,
        length=round(tally.characters / outputs, 2) if outputs else 0.0,
        lengths=tuple(tally.lengths),
        psi=None if psi is None else round(psi, 6),
        latency_p50=tally.quantile(0.5),
        latency_p95=tally.quantile(0.95),
        cost=round(tally.cost, 6) if tally.costs else None,
    )


def _breaches(day: Day, thresholds: Iterable[Threshold]) -> Iterator[Breach]:
    for threshold in thresholds:
        value = _value(day, threshold.name)
        if value is None or value == threshold.value:
            continue
        if (value > threshold.value) == threshold.above:
            yield Breach(day=day.day, condition=str(threshold), value=value)


def _value(day: Day, name: str) -> float | None:
    if name in RATES:
        return day.rates[name].rate if name in day.rates else None
    if name == "z":  # the rate that has risen most
        found = [rate.z for rate in day.rates.values() if rate.z is not None]
        return max(found, default=None)
    value: float | None = getattr(day, name)
    return value


def _read_baseline(path: Path) -> _Baseline:
    if not path.is_file():
        raise ConfigError(f"--baseline: {path} does not exist")
    text = path.read_bytes()
    try:
        if b'"sftdata-monitor/1"' in text[:200]:
            earlier = MonitorReport.model_validate_json(text)
            rates = {name: (r.rate, r.total) for name, r in earlier.total.rates.items()}
            return _Baseline(name=path.name, rates=rates, lengths=earlier.total.lengths)
        report = EvaluationReport.from_json(text)
    except ValidationError as error:
        raise ConfigError(
            f"--baseline: {path} is neither a report of evaluate nor of monitor (JSON)"
        ) from error
    return _Baseline(
        name=path.name, rates=dict(_rates_of(report)), lengths=report.runs[0].lengths.counts
    )


def _rates_of(report: EvaluationReport) -> Iterator[tuple[str, tuple[float, int]]]:
    """Yield the rates of an evaluated model as production would count them."""
    run = report.runs[0]
    answers = [count for stances in run.stances.values() for count in stances.values()]
    refused = sum(stances.get("refuse", 0) for stances in run.stances.values())
    if sum(answers):
        yield "refusal", (refused / sum(answers), sum(answers))
    main = {s.metric: s for s in report.scores if s.by == "all" and s.run == run.name}
    for name, metric in (("ungrounded", "faithful"), ("format", "json_fenced")):
        if metric in main:
            yield name, (1 - main[metric].score, main[metric].samples)
    if run.predictions:
        yield "errors", (run.errors / run.predictions, run.predictions)
        yield "truncated", (run.truncated / run.predictions, run.predictions)
        yield "empty", (run.empty / run.predictions, run.predictions)
