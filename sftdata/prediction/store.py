"""Answers on disk while a run goes on: killed, it goes on where it was, with the same settings."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sftdata.errors import ConfigError
from sftdata.predictions import Prediction, read_predictions, write_predictions

__all__ = ["Store"]


class Store:
    """Predictions in `PATH.part`, one line each, until all are there and `PATH` is written.

    Attributes:
        done: answers that were there already, by sample.
    """

    def __init__(self, path: Path, settings: Mapping[str, Any], *, overwrite: bool = False) -> None:
        self.path = path
        self._part = path.with_name(path.name + ".part")
        self._head = path.with_name(path.name + ".settings.json")
        if path.exists() and not overwrite:
            raise ConfigError(f"out: {path} exists; name another file, or allow to overwrite it")
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(settings, ensure_ascii=False, sort_keys=True, indent=2) + "\n"
        if self._part.exists():
            self._same(text)
        self._head.write_text(text, encoding="utf-8")
        self.done = {p.sample_id: p for p in self._earlier()}
        self._handle = self._part.open("a", encoding="utf-8")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._handle.close()

    def add(self, predictions: Iterable[Prediction]) -> None:
        """Keep answers; when this returns they are on disk."""
        for prediction in predictions:
            self._handle.write(json.dumps(dataclasses.asdict(prediction), ensure_ascii=False))
            self._handle.write("\n")
            self.done[prediction.sample_id] = prediction
        self._handle.flush()
        os.fsync(self._handle.fileno())

    def finish(self, order: Sequence[str]) -> None:
        """Write the file in the order of the samples, and drop what was kept on the way."""
        self._handle.close()
        temporary = self.path.with_name(self.path.name + ".new")
        write_predictions((self.done[i] for i in order), temporary)
        temporary.replace(self.path)
        self._part.unlink()
        self._head.unlink()

    def _same(self, text: str) -> None:
        before = self._head.read_text(encoding="utf-8") if self._head.exists() else ""
        if before != text:
            raise ConfigError(
                f"out: {self._part} is an unfinished run with other settings; remove it, or name "
                "another file"
            )

    def _earlier(self) -> list[Prediction]:
        """Read what an earlier run left, less a line that it did not finish writing."""
        if not self._part.exists():
            return []
        raw = self._part.read_bytes()
        whole = raw[: raw.rfind(b"\n") + 1]
        if len(whole) != len(raw):
            self._part.write_bytes(whole)
        return [p for p in read_predictions(self._part) if not p.error]
