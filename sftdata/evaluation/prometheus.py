"""A monitor report in the text format that Prometheus scrapes (node exporter's text collector)."""

from __future__ import annotations

from collections.abc import Iterator

from sftdata.evaluation.monitor import Day, MonitorReport

__all__ = ["prometheus_text"]


def prometheus_text(report: MonitorReport) -> str:
    """Return gauges for the whole log and for its last day (`window="all"`, `window="last_day"`).

    Every figure is a gauge: the log may be rotated, so that counters would fall.
    """
    windows = [("all", report.total)]
    dated = [day for day in report.days if day.day != "unknown"]
    if dated:
        windows.append(("last_day", dated[-1]))
    lines: list[str] = []
    for name, about, values in _families(windows, report):
        lines += [f"# HELP sftdata_{name} {about}", f"# TYPE sftdata_{name} gauge"]
        lines += [f"sftdata_{name}{labels} {value:.10g}" for labels, value in values]
    return "\n".join(lines) + "\n"


_Family = tuple[str, str, list[tuple[str, float]]]


def _families(windows: list[tuple[str, Day]], report: MonitorReport) -> Iterator[_Family]:
    def gauge(name: str, about: str, attribute: str) -> _Family:
        found = [(w, getattr(day, attribute)) for w, day in windows]
        return name, about, [(_labels(window=w), float(v)) for w, v in found if v is not None]

    rates = [(w, name, rate) for w, day in windows for name, rate in day.rates.items()]
    found = [
        gauge("records", "Records read.", "records"),
        ("rate", "Share of outputs.", [(_labels(window=w, kind=n), r.rate) for w, n, r in rates]),
        (
            "rate_z",
            "Two-proportion z against the baseline.",
            [(_labels(window=w, kind=n), r.z) for w, n, r in rates if r.z is not None],
        ),
        gauge("length_characters", "Mean length of an output.", "length"),
        gauge("length_psi", "Stability index of lengths against the baseline.", "psi"),
        gauge("latency_p50_seconds", "Median latency.", "latency_p50"),
        gauge("latency_p95_seconds", "95th percentile of latency.", "latency_p95"),
        gauge("cost", "Cost in the currency of the log.", "cost"),
        ("unreadable", "Lines that are no record.", [("", float(report.unreadable))]),
        ("breaches", "Thresholds crossed.", [("", float(len(report.breaches)))]),
    ]
    yield from (family for family in found if family[2])


def _labels(**labels: str) -> str:
    inner = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return f"{{{inner}}}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
