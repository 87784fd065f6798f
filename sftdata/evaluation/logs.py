"""Production logs line by line: our own predictions, plain records, and OpenAI-style ones."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from sftdata.errors import ConfigError

__all__ = ["FIELDS", "LogRecord", "read_logs"]

FIELDS: dict[str, tuple[str, ...]] = {
    "output": (
        "output", "completion", "answer", "response.body.choices.0.message.content",
        "response.choices.0.message.content", "choices.0.message.content", "choices.0.text",
    ),
    "prompt": (
        "prompt", "messages", "request.body.messages", "request.messages", "body.messages", "input",
    ),
    "timestamp": (
        "timestamp", "time", "created_at", "ts", "response.body.created", "response.created",
        "created",
    ),
    "latency_s": ("latency_s", "latency", "duration_s", "elapsed_s"),
    "latency_ms": ("latency_ms", "duration_ms", "elapsed_ms"),
    "cost": ("cost", "cost_usd", "price"),
    "error": ("error", "response.error", "exception"),
    "status": ("status_code", "response.status_code", "status"),
    "finish_reason": (
        "finish_reason", "response.body.choices.0.finish_reason",
        "response.choices.0.finish_reason", "choices.0.finish_reason",
    ),
    "tokens": (
        "completion_tokens", "usage.completion_tokens", "response.body.usage.completion_tokens",
        "response.usage.completion_tokens",
    ),
}  # fmt: skip
"""Where each field is looked for, by dotted path; the first that is there is taken."""

_LONGEST_LINE = 20_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRecord:
    """One answered request.

    Attributes:
        prompt: all user turns; empty where the log has none.
        output: what the model wrote.
        day: ISO date in UTC, or `unknown`.
        latency_s: seconds; None if unknown.
        cost: as logged; None if unknown.
        failed: whether the request gave an error instead of an output.
        truncated: whether the output was cut at the token limit.
        tokens: tokens of the output, 0 if unknown.
    """

    prompt: str = ""
    output: str = ""
    day: str = "unknown"
    latency_s: float | None = None
    cost: float | None = None
    failed: bool = False
    truncated: bool = False
    tokens: int = 0


def read_logs(path: Path, fields: Mapping[str, str] | None = None) -> Iterator[LogRecord | None]:
    """Yield a record per line, None for a line that is none; one line is in memory at a time.

    Args:
        path: JSONL.
        fields: field → dotted path, where the log's names are not among `FIELDS`.

    Raises:
        ConfigError: no such file, or an unknown field.
    """
    unknown = sorted(set(fields or {}) - set(FIELDS))
    if unknown:
        raise ConfigError(f"--field {unknown[0]}: no such field; known are {', '.join(FIELDS)}")
    if not path.is_file():
        raise ConfigError(f"logs: {path} does not exist")
    places = {**FIELDS, **{name: (where,) for name, where in (fields or {}).items()}}
    with path.open(encoding="utf-8-sig", errors="replace") as handle:
        for line in _lines(handle):
            if line is None or line.strip():
                yield _record(line, places) if line is not None else None


def _lines(handle: TextIO) -> Iterator[str | None]:
    """Yield lines; None for one that is too long to be a record, which is skipped in pieces."""
    skipping = False
    while piece := handle.readline(_LONGEST_LINE):
        whole = piece.endswith("\n") or len(piece) < _LONGEST_LINE
        if whole and not skipping:
            yield piece
        elif whole:
            skipping = False
        elif not skipping:
            skipping = True
            yield None


def _record(line: str, places: Mapping[str, tuple[str, ...]]) -> LogRecord | None:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(row, dict):
        return None
    found = {name: _first(row, paths) for name, paths in places.items()}
    output, error = found["output"], found["error"]
    status = _number(found["status"])
    failed = bool(error) or (status is not None and status >= 400)
    if output is None and not failed:
        return None
    seconds, thousandths = _number(found["latency_s"]), _number(found["latency_ms"])
    if seconds is None and thousandths is not None:
        seconds = thousandths / 1000
    return LogRecord(
        prompt=_prompt(found["prompt"]),
        output=_text(output),
        day=_day(found["timestamp"]),
        latency_s=seconds,
        cost=_number(found["cost"]),
        failed=failed,
        truncated=found["finish_reason"] in ("length", "max_tokens"),
        tokens=int(_number(found["tokens"]) or 0),
    )


def _first(row: dict[str, Any], paths: tuple[str, ...]) -> Any:
    for path in paths:
        value: Any = row
        for part in path.split("."):
            if isinstance(value, dict):
                value = value.get(part)
            elif isinstance(value, list) and part.isdigit() and int(part) < len(value):
                value = value[int(part)]
            else:
                value = None
        if value is not None:
            return value
    return None


def _text(value: Any) -> str:
    """Return the text of a message's content, which may be a list of parts."""
    if isinstance(value, list):
        parts = (p.get("text", "") if isinstance(p, dict) else p for p in value)
        return "\n".join(str(p) for p in parts)
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    return "" if value is None else str(value)


def _prompt(value: Any) -> str:
    if isinstance(value, list) and all(isinstance(m, dict) for m in value):
        turns = [m for m in value if m.get("role") != "assistant"]
        return "\n".join(_text(m.get("content")) for m in turns)
    return _text(value)


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or value is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if abs(number) < 1e18 else None


def _day(value: Any) -> str:
    """Return the UTC day of an ISO time or of seconds or milliseconds since 1970."""
    number = _number(value)
    try:
        if number is not None:
            seconds = number / 1000 if number > 1e11 else number
            return datetime.fromtimestamp(seconds, tz=UTC).date().isoformat()
        moment = datetime.fromisoformat(str(value))
    except (ValueError, OverflowError, OSError):
        return "unknown"
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC)
    return moment.date().isoformat()
