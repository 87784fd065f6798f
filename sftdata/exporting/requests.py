"""Batch requests in the form of OpenAI's API, which vLLM's batch runner takes as well."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sftdata.errors import ConfigError
from sftdata.exporting.exporter import Job
from sftdata.exporting.files import dumps

__all__ = ["MAX_BYTES", "MAX_REQUESTS", "write_requests"]

MAX_REQUESTS = 50_000
"""Requests in one file, at most."""

MAX_BYTES = 200_000_000
"""Bytes of one file, at most."""


def write_requests(job: Job, body: Mapping[str, Any], *, limit: int, size: int) -> list[str]:
    """Write every prompt as a request with `custom_id` = sample id; return the files' names.

    Args:
        job: the export; all its splits go into the same files, the id tells them apart.
        body: what every request has beside its messages: model, temperature, length.
        limit: requests per file.
        size: bytes per file.

    Raises:
        ConfigError: one request alone is larger than a file may be, or an id is there twice.
    """
    shards = list(_shards(job, body, limit=limit, size=size))
    names = [f"requests-{n:05d}-of-{len(shards):05d}.jsonl" for n in range(len(shards))]
    rows = _requests(job, body)
    for name, count in zip(names, shards, strict=True):
        part = (next(rows) for _ in range(count))
        job.folder.jsonl(name, part, ids="custom_id")
    return names


def _requests(job: Job, body: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for split in job.splits:
        for row in job.rows(split):
            yield {
                "custom_id": row.sample_id,
                "method": "POST",
                "url": "/v1/chat/completions",
                "body": {**body, "messages": list(row.prompt)},
            }


def _shards(job: Job, body: Mapping[str, Any], *, limit: int, size: int) -> Iterator[int]:
    """Yield how many requests go into each file."""
    count = used = 0
    seen: set[str] = set()
    for request in _requests(job, body):
        name = request["custom_id"]
        if name in seen:
            raise ConfigError(f"sample {name} is there twice; requests are joined by id")
        seen.add(name)
        length = len(dumps(request).encode()) + 1
        if length > size:
            raise ConfigError(f"sample {name}: its request alone has {length:,} bytes")
        if count and (count == limit or used + length > size):
            yield count
            count = used = 0
        count, used = count + 1, used + length
    if count:
        yield count
