"""The folder of a run: manifest, metrics, and checkpoints that are known to be complete.

config.yaml      the filled configuration
manifest.json    dataset digest, template lock, base model, versions, forced faults, results
metrics.jsonl    a line for each step, and for each evaluation
template.jinja   the chat template that was trained
plots/           loss and learning rate, PNG and SVG
adapter/         the adapter of the best checkpoint (`model/` for a full fine-tuning)
checkpoints/     what training goes on from
README.md        the model card
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from sftdata.errors import ConfigError

__all__ = [
    "CHECKPOINTS",
    "Checkpoint",
    "RunFolder",
    "TrainManifest",
    "newest_checkpoint",
    "open_run",
    "replace_folder",
    "seal_checkpoint",
    "write_atomically",
]

CHECKPOINTS = "checkpoints"
_SEAL = "complete.json"

Status = Literal["running", "interrupted", "finished"]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class TrainManifest(_Record):
    """What a run was made of and what came of it."""

    format: Literal["sftdata.train/1"] = "sftdata.train/1"
    name: str
    status: Status = "running"
    fingerprint: dict[str, str]
    """What a resumed run must share: `data`, `config`, `model`, `template`, `batches`."""
    dataset: dict[str, JsonValue]
    """Folder, digest, verdict, counts of the build."""
    template_lock: str
    template: str
    """How the model's template compares with the build's, in words."""
    forced: tuple[str, ...] = ()
    """Faults that were overridden; empty for a clean run."""
    model: dict[str, JsonValue]
    """Base model: name, path, architecture, digest, parameters."""
    config: dict[str, JsonValue]
    plan: dict[str, JsonValue]
    versions: dict[str, str] = Field(default_factory=dict)
    results: dict[str, JsonValue] = Field(default_factory=dict)
    """Losses, best step, steps done, why it ended."""
    measured: dict[str, JsonValue] = Field(default_factory=dict)
    """Clock times, speed and memory: they differ from run to run."""

    def to_json(self) -> str:
        """Return the manifest as JSON."""
        return json.dumps(self.model_dump(mode="json"), ensure_ascii=False, indent=2) + "\n"


class Checkpoint(_Record):
    """A seal: the checkpoint was written whole. Holds the size of each of its files."""

    step: int
    ended: bool
    """Training was over at this step; going on would train one step too many."""
    files: dict[str, int]


class RunFolder:
    """Where a run keeps everything. Only the main process writes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.checkpoints = path / CHECKPOINTS
        self.metrics = path / "metrics.jsonl"

    def __repr__(self) -> str:
        return f"RunFolder({str(self.path)!r})"

    @property
    def exists(self) -> bool:
        """Whether a run was begun here."""
        return (self.path / "manifest.json").is_file()

    def manifest(self) -> TrainManifest:
        """Read the manifest.

        Raises:
            ConfigError: this is no run, or its manifest cannot be read.
        """
        return open_run(self.path)

    def claim(self, manifest: TrainManifest, *, resume: bool) -> Checkpoint | None:
        """Begin or go on; return the checkpoint to go on from, none for the beginning.

        Raises:
            ConfigError: the folder holds something else, a run that would be overwritten, or a
                run of other data, model or settings.
        """
        if not self.exists:
            self._require_empty()
            return None
        before = self.manifest()
        changed = sorted(
            key
            for key in {*before.fingerprint, *manifest.fingerprint}
            if before.fingerprint.get(key) != manifest.fingerprint.get(key)
        )
        if changed:
            raise ConfigError(
                f"--out {self.path}: a run with other {' and '.join(changed)} is here; name "
                "another folder, or give the settings of that run (its config.yaml)"
            )
        if before.status != "finished" and not resume:
            raise ConfigError(
                f"--out {self.path}: an unfinished run is here; go on with --resume, or name "
                "another folder"
            )
        return newest_checkpoint(self.checkpoints)

    def _require_empty(self) -> None:
        if self.path.is_file():
            raise ConfigError(f"--out {self.path}: this is a file; name a folder")
        found = sorted(p.name for p in self.path.iterdir()) if self.path.exists() else []
        if found:
            raise ConfigError(
                f"--out {self.path}: the folder is not empty and not a run ({found[0]!r} is in "
                "it); name another one"
            )

    def begin(self, manifest: TrainManifest, config: str, template: str, step: int) -> None:
        """Write what is known before the first step, and take back what came after `step`."""
        self.checkpoints.mkdir(parents=True, exist_ok=True)
        write_atomically(self.path / "config.yaml", config)
        write_atomically(self.path / "template.jinja", template)
        self.write(manifest)
        kept = [row for row in self.read_metrics() if step and row["step"] <= step]
        lines = "".join(json.dumps(row) + "\n" for row in kept)
        write_atomically(self.metrics, lines)

    def write(self, manifest: TrainManifest) -> None:
        """Write the manifest, whole or not at all."""
        write_atomically(self.path / "manifest.json", manifest.to_json())

    def add_metrics(self, row: Mapping[str, float]) -> None:
        """Append one line to the metrics."""
        with self.metrics.open("a", encoding="utf-8") as file:
            file.write(json.dumps(dict(row)) + "\n")

    def read_metrics(self) -> list[dict[str, Any]]:
        """Return the metrics, oldest first; a half-written last line is left out."""
        return list(_lines(self.metrics))


def open_run(path: str | Path) -> TrainManifest:
    """Read the manifest of a run.

    Raises:
        ConfigError: there is none, or it is not what sftdata writes.
    """
    file = Path(path) / "manifest.json"
    try:
        return TrainManifest.model_validate_json(file.read_bytes())
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ConfigError(
            f"{path} is not a run: it has no manifest.json; `sftdata train` makes one"
        ) from error
    except ValidationError as error:
        raise ConfigError(f"{file} is not the manifest of a training run") from error


def _lines(file: Path) -> Iterator[dict[str, Any]]:
    if not file.is_file():
        return
    for line in file.read_text(encoding="utf-8").splitlines():
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            continue
        if isinstance(row, dict) and "step" in row:
            yield row


def newest_checkpoint(folder: Path) -> Checkpoint | None:
    """Return the newest checkpoint whose files are all there, or none.

    The highest number may be half written: its seal is missing, or a file is shorter.
    """
    found = []
    for path in folder.glob("checkpoint-*"):
        try:
            seal = Checkpoint.model_validate_json((path / _SEAL).read_bytes())
        except (OSError, ValidationError):
            continue
        if all(_size(path / name) == size for name, size in seal.files.items()):
            found.append(seal)
    return max(found, key=lambda seal: seal.step, default=None)


def seal_checkpoint(path: Path, step: int, *, ended: bool) -> None:
    """Mark a checkpoint as whole, after its bytes have reached the disk."""
    files = {}
    for file in sorted(p for p in path.rglob("*") if p.is_file() and p.name != _SEAL):
        with file.open("rb") as handle:
            os.fsync(handle.fileno())
        files[file.relative_to(path).as_posix()] = file.stat().st_size
    seal = Checkpoint(step=step, ended=ended, files=files)
    write_atomically(path / _SEAL, seal.model_dump_json(indent=2) + "\n")


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else -1


def write_atomically(path: Path, text: str) -> None:
    """Write a text file so that a reader sees the old one or the new one, never half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


def replace_folder(made: Path, place: Path) -> None:
    """Put a folder that was made beside it in the place of another."""
    if place.exists():
        shutil.rmtree(place)
    made.replace(place)
