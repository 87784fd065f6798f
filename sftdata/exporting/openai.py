"""OpenAI: fine-tuning files, and batch requests for the test split."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from pydantic import Field

from sftdata.errors import ConfigError
from sftdata.exporting.exporter import TRAIN, VALIDATION, Exporter, Job
from sftdata.exporting.requests import MAX_BYTES, MAX_REQUESTS, write_requests
from sftdata.exporting.rows import Row, Rule, alternates, at_most, says_something, short_id
from sftdata.judged import Judged

__all__ = ["OpenAiExporter"]

MIN_ROWS = 10
"""A fine-tuning job with fewer examples is refused."""

MAX_FILE = 512 * 1024 * 1024
"""Bytes of an uploaded file, at most."""


class OpenAiExporter(Exporter):
    """Chat fine-tuning files (`messages`), or with `batch` requests for the Batch API.

    The fine-tuning format takes no further keys, so ids stand in a sidecar in row order.
    """

    name: ClassVar[str] = "openai"
    title: ClassVar[str] = "OpenAI fine-tuning messages; with --batch, batch requests"
    uses_model: ClassVar[bool] = False

    batch: bool = False
    """Write requests for the Batch API instead of training files."""
    max_tokens: int = Field(default=65_536, ge=1)
    """Longest example that the model trains on; what is longer would be cut by the service."""
    answer_tokens: int = Field(default=1024, ge=1)
    """`max_completion_tokens` of a request."""
    temperature: float | None = Field(default=0.0, ge=0, le=2)
    """Temperature of a request; null leaves it out, for models that refuse it."""
    requests_per_file: int = Field(default=MAX_REQUESTS, ge=1, le=MAX_REQUESTS)
    bytes_per_file: int = Field(default=MAX_BYTES, ge=10_000, le=MAX_BYTES)

    def chosen(self, judged: Judged, wanted: Sequence[str]) -> tuple[str, ...]:
        """Return train and validation for training; for requests what is held out for tests."""
        if not wanted:
            held_out = [s for s in judged.splits if s not in (TRAIN, VALIDATION)]
            trained = [s for s in judged.splits if s in (TRAIN, VALIDATION)]
            wanted = held_out if self.batch else trained
        return super().chosen(judged, wanted)

    def rules(self, job: Job) -> Sequence[Rule]:
        """Return the rules of the service: roles, text in every turn, length."""
        del job
        if self.batch:
            return (alternates, says_something, short_id)
        return (alternates, says_something, at_most(self.max_tokens))

    def write(self, job: Job) -> None:
        """Write requests, or a training file per split with its ids.

        Raises:
            ConfigError: fewer than ten training examples, or a file larger than can be uploaded.
        """
        if self.batch:
            self._requests(job)
            return
        if job.trains and job.counts[TRAIN] < MIN_ROWS:
            raise ConfigError(
                f"--to openai: {job.counts[TRAIN]} training examples; the service asks for at "
                f"least {MIN_ROWS}"
            )
        for split in job.splits:
            name, sidecar = f"{split}.jsonl", f"{split}.ids.jsonl"
            job.folder.jsonl(name, _examples(job, split), split=split, ids=sidecar)
            size = job.folder.path(name).stat().st_size
            if size > MAX_FILE:
                raise ConfigError(
                    f"--to openai: {name} has {size:,} bytes; at most {MAX_FILE:,} can be uploaded"
                )
            job.folder.ids(sidecar, job.ids(split), split=split)
        if not job.counted:
            job.warnings.append("lengths are estimates: the build had no tokenizer")
        job.next += [
            f"openai api files.create --file {split}.jsonl --purpose fine-tune"
            for split in job.splits
            if split in (TRAIN, VALIDATION)
        ]

    def _requests(self, job: Job) -> None:
        if not job.model.name:
            raise ConfigError("--to openai --batch: name the model that answers with --model")
        body: dict[str, Any] = {
            "model": job.model.name,
            "max_completion_tokens": self.answer_tokens,
        }
        if self.temperature is not None:
            body["temperature"] = self.temperature
        names = write_requests(job, body, limit=self.requests_per_file, size=self.bytes_per_file)
        job.next += [
            f"openai api files.create --file {names[0]} --purpose batch",
            "sftdata import-predictions OUTPUT.jsonl --format openai --dataset {build} "
            "--out predictions.jsonl",
        ]


def _examples(job: Job, split: str) -> Iterator[dict[str, Any]]:
    """Yield rows; assistant turns of the prompt get weight 0, so the completion is trained."""
    for row in job.rows(split):
        yield {"messages": [*_unweighted(row), *row.completion]}


def _unweighted(row: Row) -> list[dict[str, Any]]:
    return [{**m, "weight": 0} if m["role"] == "assistant" else m for m in row.prompt]
