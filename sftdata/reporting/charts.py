"""Charts as plain geometry; a template draws them as inline SVG.

Widths are in CSS pixels for a column of 360, so that text keeps its size on a phone.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sftdata.report import Histogram, Leakage

__all__ = ["Chart", "composition", "group_picture", "histogram", "leakage_bars", "leakage_curve"]

WIDTH = 360
LABEL = 118
"""Width of the column of row labels."""
BAR = 16
ROW = 26


@dataclass
class Chart:
    """Shapes to draw. `css` is a class name; colours live in the style sheet."""

    title: str
    description: str
    """The chart in words, for those who cannot see it."""
    height: float = 0
    legend: list[tuple[str, str]] = field(default_factory=list)
    bars: list[tuple[float, float, float, float, str, str]] = field(default_factory=list)
    """x, y, width, height, css, tooltip."""
    lines: list[tuple[float, float, float, float, str]] = field(default_factory=list)
    texts: list[tuple[float, float, str, str, str]] = field(default_factory=list)
    """x, y, text, anchor, css."""
    paths: list[tuple[str, str]] = field(default_factory=list)
    note: str = ""
    width: float = WIDTH

    def bar(self, x: float, y: float, width: float, height: float, css: str, tip: str) -> None:
        """Add a bar, rounded to a tenth of a pixel."""
        shape = (round(x, 1), round(y, 1), round(max(width, 0.6), 1), round(height, 1), css, tip)
        self.bars.append(shape)

    def text(self, x: float, y: float, text: str, anchor: str = "start", css: str = "t") -> None:
        """Add a text."""
        self.texts.append((round(x, 1), round(y, 1), text, anchor, css))

    def line(self, x1: float, y1: float, x2: float, y2: float, css: str = "rule") -> None:
        """Add a line."""
        self.lines.append((round(x1, 1), round(y1, 1), round(x2, 1), round(y2, 1), css))


def short(text: str, width: int = 17) -> str:
    """Cut a label to a width in Latin letters; a wide (CJK) character counts as two.

    >>> short("a very long company name"), short("贵州茅台酒股份有限公司")
    ('a very long comp…', '贵州茅台酒股份有…')
    """
    widths = [2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text]
    if sum(widths) <= width:
        return text
    kept = 0
    while sum(widths[: kept + 1]) < width:
        kept += 1
    return text[:kept].rstrip() + "…"


def composition(rows: Mapping[str, Mapping[str, int]], splits: Sequence[str]) -> Chart | None:
    """Draw samples per kind as stacked bars, a colour per split."""
    if not rows or not splits:
        return None
    ranked = sorted(rows.items(), key=lambda item: (-sum(item[1].values()), item[0]))[:12]
    top = max(sum(counts.values()) for _, counts in ranked)
    chart = Chart(
        "Samples by kind and split",
        "; ".join(f"{k or 'no kind'}: {_counts(c, splits)}" for k, c in ranked),
        legend=[(s, f"s{i % 6}") for i, s in enumerate(splits)],
    )
    scale = (WIDTH - LABEL - 52) / top
    for number, (kind, counts) in enumerate(ranked):
        y, x = number * ROW + 4, float(LABEL)
        chart.text(LABEL - 8, y + 12, short(kind or "(none)"), "end")
        for i, split in enumerate(splits):
            if count := counts.get(split, 0):
                chart.bar(x, y, count * scale, BAR, f"s{i % 6}", f"{kind}, {split}: {count:,}")
                x += count * scale
        chart.text(x + 6, y + 12, f"{sum(counts.values()):,}", "start", "n")
    chart.height = len(ranked) * ROW + 4
    return chart


def _counts(counts: Mapping[str, int], splits: Sequence[str]) -> str:
    return ", ".join(f"{counts.get(s, 0):,} in {s}" for s in splits)


def leakage_bars(leakage: Sequence[Leakage]) -> Chart | None:
    """Draw the leakage index beside what random splits of the same rows would have given."""
    if not leakage:
        return None
    chart = Chart(
        "Held-out text already in train",
        "; ".join(
            f"{item.held_out}: {item.index:.0%}"
            + (f", by random groups {item.by_group:.0%}" if item.by_group is not None else "")
            + (f", by random documents {item.by_document:.0%}" if item.by_document else "")
            + (f", by random rows {item.by_row:.0%}" if item.by_row else "")
            for item in leakage
        ),
        note="Share of 8-word runs (characters in Chinese), numbers masked.",
    )
    y, scale = 0.0, (WIDTH - LABEL - 52)
    for item in leakage:
        chart.text(0, y + 13, item.held_out, "start", "h")
        y += 20
        given = (
            ("this split", item.index, "own"),
            ("random groups", item.by_group, "ref"),
            ("random documents", item.by_document, "ref"),
            ("random rows", item.by_row, "ref"),
        )
        for label, value, css in given:
            if value is None:
                continue
            chart.text(LABEL - 8, y + 12, label, "end")
            chart.bar(LABEL, y, scale, BAR, "track", "")
            chart.bar(LABEL, y, value * scale, BAR, css, f"{label}: {value:.1%}")
            chart.text(LABEL + scale + 6, y + 12, f"{value:.0%}", "start", "n")
            y += ROW - 4
        y += 8
    chart.height = y
    return chart


_WAYS = {"group": "random groups", "document": "random documents", "row": "random rows"}


def leakage_curve(leakage: Sequence[Leakage]) -> Chart | None:
    """Draw, for the last held-out split, how many samples are known to each degree.

    A curve that falls early is good: few samples have much of their text in train.
    """
    if not leakage or not leakage[-1].curve:
        return None
    item = leakage[-1]
    ways = {n: c for n, c in item.curves.items() if n in _WAYS}
    series = {"this split": item.curve, **{_WAYS[n]: ways[n] for n in _WAYS if n in ways}}
    half = item.thresholds.index(0.5) if 0.5 in item.thresholds else len(item.thresholds) // 2
    chart = Chart(
        f"How much of each sample of {short(item.held_out)} is known",
        "; ".join(f"{n}: {c[half]:.0%} of samples are half known" for n, c in series.items()),
        note="Samples (up) of which at least this share (right) of 8-word runs stands in train.",
    )
    left, top, bottom = 34.0, 12.0, 150.0
    for part in (0.0, 0.5, 1.0):
        y = bottom - (bottom - top) * part
        chart.line(left, y, WIDTH - 6, y, "rule" if part else "axis")
        chart.text(left - 5, y + 4, f"{part:.0%}", "end", "n")
    width = WIDTH - left - 6
    for number, (name, values) in enumerate(series.items()):
        css = f"s{number % 6}"
        chart.legend.append((name, css))
        points = [
            f"{left + width * t:.1f} {bottom - (bottom - top) * v:.1f}"
            for t, v in zip(item.thresholds, values, strict=True)
        ]
        # Drawn last first, so that this split lies on top.
        chart.paths.insert(0, ("M" + "L".join(points), css))
    for part in (0.0, 0.25, 0.5, 0.75, 1.0):
        chart.text(
            left + width * part, bottom + 15, f"{part:.0%}", "middle" if part < 1 else "end", "n"
        )
    chart.height = bottom + 22
    return chart


def group_picture(
    groups: Mapping[str, Mapping[str, int]], splits: Sequence[str], total: int
) -> Chart | None:
    """Draw groups as rows and splits as columns: a clean split has one bar in every row."""
    if not groups or len(splits) < 2:
        return None
    divided = [g for g, counts in groups.items() if len(counts) > 1]
    shown = list(groups)[:18]
    top = max(max(counts.values()) for counts in groups.values())
    column = (WIDTH - LABEL) / len(splits)
    chart = Chart(
        "Groups by split",
        f"{len(divided)} of the groups shown stand in more than one split"
        + (f": {', '.join(divided[:8])}" if divided else ""),
    )
    for i, split in enumerate(splits):
        chart.text(LABEL + i * column + 6, 12, short(split, int(column // 7)), "start", "h")
        chart.line(LABEL + i * column, 0, LABEL + i * column, 22 + len(shown) * 20)
    for number, name in enumerate(shown):
        y, counts = 22.0 + number * 20, groups[name]
        bad = len(counts) > 1
        chart.text(LABEL - 8, y + 11, short(name), "end", "bad" if bad else "t")
        for i, split in enumerate(splits):
            if count := counts.get(split, 0):
                width = (column - 12) * count / top
                css = "alarm" if bad else f"s{i % 6}"
                chart.bar(LABEL + i * column, y, width, 13, css, f"{name}, {split}: {count:,}")
    chart.height = 24 + len(shown) * 20
    if total > len(shown):
        chart.note = (
            f"{len(shown)} of {total:,} groups: those in two splits first, then the largest."
        )
    return chart


def histogram(data: Histogram, splits: Sequence[str] = ()) -> Chart:
    """Draw the first series as bars and the others as stepped lines, a colour per split."""
    chart = Chart(data.title, _in_words(data), note=data.note)
    left, top, bottom = 34.0, 22.0, 160.0
    series = {name: counts for name, counts in data.series.items() if any(counts)}
    sums = {name: 1 if data.counted else sum(counts) for name, counts in series.items()}
    values = {name: [c / sums[name] for c in counts] for name, counts in series.items()}
    peak = max((max(v) for v in values.values()), default=1.0)
    low, high = data.edges[0], data.edges[-1]
    at = [left + (WIDTH - left - 6) * (e - low) / (high - low) for e in data.edges]
    for part in (0.5, 1.0) if peak > 1 or not data.counted else (1.0,):
        y = bottom - (bottom - top) * part
        chart.line(left, y, WIDTH - 6, y)
        label = f"{peak * part:,.0f}" if data.counted else f"{peak * part:.0%}"
        chart.text(left - 5, y + 4, label, "end", "n")
    chart.line(left, bottom, WIDTH - 6, bottom, "axis")
    for number, (name, heights) in enumerate(values.items()):
        css = f"s{(splits.index(name) if name in splits else number) % 6}"
        chart.legend.append((name, css))
        scaled = [(bottom - top) * v / peak for v in heights]
        if number:
            chart.paths.append((_steps(at, [bottom - h for h in scaled], bottom), css))
            continue
        for i, height in enumerate(scaled):
            if height:
                tip = f"{name}, {data.edges[i]:g} to {data.edges[i + 1]:g}: {series[name][i]:,}"
                chart.bar(at[i], bottom - height, at[i + 1] - at[i] - 1, height, css, tip)
    for i in range(0, len(data.edges), max(1, (len(data.edges) - 1) // 4)):
        chart.text(at[i], bottom + 15, _number(data.edges[i]), "middle", "n")
    chart.text(WIDTH - 6, bottom + 31, data.unit, "end")
    chart.height = bottom + 36
    if data.threshold is not None and low <= data.threshold <= high:
        x = at[0] + (at[-1] - at[0]) * (data.threshold - low) / (high - low)
        chart.line(x, 4, x, bottom, "limit")
        chart.text(x + 5, 12, f"threshold {data.threshold:g}", "start", "bad")
    return chart


def _steps(at: list[float], tops: list[float], bottom: float) -> str:
    points = [f"M{at[0]:.1f} {bottom:.1f}"]
    points += [f"V{y:.1f}H{at[i + 1]:.1f}" for i, y in enumerate(tops)]
    return "".join([*points, f"V{bottom:.1f}"])


def _number(value: float) -> str:
    if value >= 1000:
        return f"{value / 1000:g}k"
    return f"{value:.2f}".rstrip("0").rstrip(".") if value % 1 else f"{value:g}"


def _in_words(data: Histogram) -> str:
    parts = []
    for name, counts in data.series.items():
        if not any(counts):
            continue
        most = max(range(len(counts)), key=counts.__getitem__)
        parts.append(
            f"{name}: most between {data.edges[most]:g} and {data.edges[most + 1]:g} {data.unit}"
        )
    return "; ".join(parts) or "no values"
