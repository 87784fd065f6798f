"""What is asked of a model: the prompts of a split, the same that training saw."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sftdata.errors import ConfigError, SourceError
from sftdata.judged import Judged
from sftdata.types import Message, Sample

__all__ = ["Request", "longest_first", "make_requests", "read_requests"]


@dataclass(frozen=True, slots=True)
class Request:
    """One prompt.

    Attributes:
        sample_id: the sample whose prompt it is.
        messages: what is sent, few-shot examples included.
    """

    sample_id: str
    messages: tuple[Message, ...]


def make_requests(
    judged: Judged, split: str, *, shots: int = 0, limit: int | None = None
) -> list[Request]:
    """Return the prompts of a split in the order of its samples.

    Args:
        judged: the build.
        split: which split to ask about.
        shots: worked examples before each question: train samples of the same kind and language
            as earlier turns, of the same family first, so that a base model has a fair chance.
            Which ones is a hash of the two ids: the same in every run.
        limit: at most so many, the first by a hash of their ids, so that a part is a fair one.

    Raises:
        ConfigError: no such split, or examples are asked for out of `train` for `train` itself.
    """
    if shots and split == "train":
        raise ConfigError("shots: examples come from train; ask about another split")
    samples = list(judged.samples(split))
    if limit is not None and limit < len(samples):
        first = sorted(samples, key=lambda s: _rank("limit", s.sample_id))[:limit]
        chosen = {s.sample_id for s in first}
        samples = [s for s in samples if s.sample_id in chosen]
    shelf = _shelf(judged) if shots else {}
    return [Request(s.sample_id, _messages(s, shelf, shots)) for s in samples]


def read_requests(path: str | Path) -> list[Request]:
    """Read prompts that are no samples of a build: general probes, questions of your own.

    One JSON object a line: `sample_id`, and `messages` with `role` and `content`.

    Raises:
        ConfigError: no such file, or an id stands twice.
        SourceError: a line that is no prompt; names the line, never its text.
    """
    file = Path(path)
    if not file.is_file():
        raise ConfigError(f"prompts: {file} does not exist")
    found: dict[str, Request] = {}
    with file.open(encoding="utf-8-sig") as handle:
        for number, line in enumerate(handle, 1):
            if line.strip():
                request = _request(line, f"{file}: line {number}")
                if request.sample_id in found:
                    raise ConfigError(f"prompts: {file} has {request.sample_id} twice")
                found[request.sample_id] = request
    return list(found.values())


def _request(line: str, where: str) -> Request:
    try:
        row = json.loads(line)
        messages = tuple(Message(role=m["role"], content=m["content"]) for m in row["messages"])
        parts = [row["sample_id"], *(p for m in messages for p in (m.role, m.content))]
    except (json.JSONDecodeError, RecursionError, KeyError, TypeError) as error:
        raise SourceError("unreadable_prompts", f"{where} lacks sample_id or messages") from error
    if not messages or not all(isinstance(part, str) for part in parts):
        raise SourceError("unreadable_prompts", f"{where}: messages are role and content, as text")
    return Request(row["sample_id"], messages)


def _shelf(judged: Judged) -> dict[tuple[str, str], list[Sample]]:
    found: dict[tuple[str, str], list[Sample]] = {}
    for sample in judged.samples("train"):
        found.setdefault((sample.kind, sample.locale), []).append(sample)
    return found


def _messages(
    sample: Sample, shelf: dict[tuple[str, str], list[Sample]], shots: int
) -> tuple[Message, ...]:
    known = shelf.get((sample.kind, sample.locale), []) if shots else []

    def nearest(other: Sample) -> tuple[bool, bytes]:
        return other.family != sample.family, _rank(sample.sample_id, other.sample_id)

    examples = sorted(known, key=nearest)[:shots]
    head = [m for m in sample.prompt if m.role == "system"]
    turns = [m for m in sample.prompt if m.role != "system"]
    before = [m for e in examples for m in (*e.prompt, *e.completion) if m.role != "system"]
    return (*head, *before, *turns)


def _rank(*parts: str) -> bytes:
    return hashlib.sha256("\x1f".join(parts).encode()).digest()


def longest_first(lengths: Sequence[int], size: int, tokens: int) -> list[list[int]]:
    """Cut rows into batches of similar length, the longest first.

    Why: rows of a batch are padded to its longest; and a batch that is too large for the memory
    fails at once, not after an hour.

    Args:
        lengths: tokens of each row, the answer's share included.
        size: most rows in a batch.
        tokens: most tokens in a batch, padding included; a longer row is a batch of its own.

    >>> longest_first([5, 30, 6, 29], size=2, tokens=60)
    [[1, 3], [2, 0]]
    >>> longest_first([5, 30, 6, 29], size=4, tokens=30)
    [[1], [3], [2, 0]]
    """
    order = sorted(range(len(lengths)), key=lambda i: (-lengths[i], i))
    batches: list[list[int]] = []
    for row in order:
        last = batches[-1] if batches else []
        if last and len(last) < size and lengths[last[0]] * (len(last) + 1) <= tokens:
            last.append(row)
        else:
            batches.append([row])
    return batches
