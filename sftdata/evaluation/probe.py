"""What tuning has cost: general questions with checkable answers, before and after."""

from __future__ import annotations

import json
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from sftdata.errors import ConfigError
from sftdata.evaluation.bootstrap import Resampling, interval
from sftdata.evaluation.outputs import read_json, read_text
from sftdata.evaluation.report import Forgetting
from sftdata.predictions import Prediction, read_predictions

__all__ = ["Probe", "forgetting", "passes", "probes", "write_probes"]

_FILE = Path(__file__).resolve().parent / "data" / "probes.jsonl"


@dataclass(frozen=True, slots=True)
class Probe:
    """A general question and how its answer is checked.

    Attributes:
        probe_id: stands as `sample_id` in predictions.
        locale: `en` or `zh`.
        topic: knowledge, arithmetic, instruction, language, code, reasoning.
        question: the user's message.
        check: `contains` (one of the values, as a word), `number` (the last number), `exact`,
            `lines` (that many lines), `json` (an object with these members), `without`
            (none of the values), `starts`.
        values: what the check compares with.
    """

    probe_id: str
    locale: str
    topic: str
    question: str
    check: str
    values: tuple[str, ...]


@cache
def probes() -> tuple[Probe, ...]:
    """Return the bundled probe set: about forty questions, half of them Chinese.

    >>> sorted({p.locale for p in probes()})
    ['en', 'zh']
    """
    rows = (json.loads(line) for line in _FILE.read_text(encoding="utf-8").splitlines())
    return tuple(Probe(**{**row, "values": tuple(row["values"])}) for row in rows)


def write_probes(path: Path) -> int:
    """Write the prompts as JSONL (`sample_id`, `messages`) and return how many there are."""
    with path.open("w", encoding="utf-8", newline="\n") as handle:
        for probe in probes():
            row = {
                "sample_id": probe.probe_id,
                "messages": [{"role": "user", "content": probe.question}],
            }
            handle.write(json.dumps(row, ensure_ascii=False) + "\n")
    return len(probes())


def passes(probe: Probe, output: str) -> bool:
    """Return whether an output answers a probe.

    >>> paris = Probe("p", "en", "knowledge", "Capital of France?", "contains", ("Paris",))
    >>> passes(paris, "It is paris."), passes(paris, "Comparison")
    (True, False)
    """
    text = unicodedata.normalize("NFKC", read_text(output)).strip()
    if not text:
        return False
    folded = text.casefold()
    values = [unicodedata.normalize("NFKC", v).casefold() for v in probe.values]
    if probe.check == "contains":
        return any(_holds(folded, value) for value in values)
    if probe.check == "without":
        return not any(_holds(folded, value) for value in values)
    if probe.check == "exact":
        return folded.strip(" .。!！\"'“”") in values
    if probe.check == "starts":
        return any(folded.startswith(value) for value in values)
    if probe.check == "number":
        found = re.findall(r"-?\d+(?:\.\d+)?", folded.replace(",", ""))
        return bool(found) and float(found[-1]) == float(values[0])
    if probe.check == "lines":
        return sum(bool(line.strip()) for line in text.splitlines()) == int(values[0])
    return _members(read_json(output).value, json.loads(probe.values[0]))


def _holds(text: str, value: str) -> bool:
    """Whether the value stands in the text: as a whole word where it is of letters."""
    edge = r"(?<![a-z0-9])" if value[:1].isascii() and value[:1].isalnum() else ""
    end = r"(?![a-z0-9])" if value[-1:].isascii() and value[-1:].isalnum() else ""
    return re.search(edge + re.escape(value) + end, text) is not None


def _members(value: Any, wanted: dict[str, Any]) -> bool:
    return isinstance(value, dict) and all(value.get(k) == v for k, v in wanted.items())


def forgetting(
    names: Sequence[str], files: Sequence[Path], how: Resampling
) -> tuple[Forgetting, ...]:
    """Score predictions over the probe set; the first file is the tuned model's.

    Raises:
        ConfigError: a file answers none of the probes.
    """
    scored = [_scores(read_predictions(file), file) for file in files]
    return tuple(_report(names, scored, how))


def _scores(predictions: Sequence[Prediction], file: Path) -> dict[str, bool]:
    by_id = {p.sample_id: p.output for p in predictions}
    if not any(probe.probe_id in by_id for probe in probes()):
        raise ConfigError(f"probes: {file} answers none of the bundled probes; see `probes write`")
    return {p.probe_id: passes(p, by_id.get(p.probe_id, "")) for p in probes()}


def _report(
    names: Sequence[str], scored: Sequence[dict[str, bool]], how: Resampling
) -> Iterator[Forgetting]:
    for place, found in enumerate(scored):
        topics: dict[str, list[bool]] = defaultdict(list)
        for probe in probes():
            topics[f"{probe.topic} {probe.locale}"].append(found[probe.probe_id])
        drop, low, high = None, None, None
        if place == 0 and len(scored) > 1:
            lost = np.array([[float(scored[1][k]) - float(found[k]), 1.0] for k in found])
            drop = float(lost[:, 0].mean())
            # Probes are independent questions, so each is a group of its own.
            ends = interval(lost, lambda s: s[..., 0] / s[..., 1], how)
            low, high = (round(ends.low, 6), round(ends.high, 6)) if ends else (None, None)
        yield Forgetting(
            run=names[place] if place < len(names) else f"probe{place}",
            items=len(found),
            answered=sum(found.values()),
            accuracy=round(sum(found.values()) / len(found), 6),
            by_topic={k: round(sum(v) / len(v), 6) for k, v in sorted(topics.items())},
            drop=None if drop is None else round(drop, 6),
            low=low,
            high=high,
        )
