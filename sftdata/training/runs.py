"""Run folders side by side: which model came from which data, and the way back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sftdata.errors import ConfigError
from sftdata.training.folder import TrainManifest, open_run

__all__ = ["Difference", "Run", "compare_runs", "current_run", "find_run", "list_runs", "rollback"]

CURRENT = "current"
"""A link beside the run folders: what is in use."""


@dataclass(frozen=True)
class Run:
    """A run folder and its manifest."""

    path: Path
    manifest: TrainManifest
    current: bool = False

    @property
    def name(self) -> str:
        """The name of the folder."""
        return self.path.name

    def as_dict(self) -> dict[str, Any]:
        """Return what a list shows."""
        found, results = self.manifest, self.manifest.results
        return {
            "run": self.name,
            "current": self.current,
            "status": found.status,
            "started": found.measured.get("started"),
            "model": found.model["name"],
            "method": found.plan["method"],
            "dataset": found.dataset["name"],
            "digest": found.dataset["digest"],
            "verdict": found.dataset["verdict"],
            "forced": list(found.forced),
            "steps": results.get("steps"),
            "base_validation_loss": results.get("base_validation_loss"),
            "best_validation_loss": results.get("best_validation_loss"),
        }


@dataclass(frozen=True)
class Difference:
    """One thing that differs between two runs; `area` is `data`, `model`, `config` or `result`."""

    area: str
    key: str
    left: Any
    right: Any


def list_runs(folder: str | Path = "runs") -> list[Run]:
    """Return the runs of a folder, oldest first; other folders in it are passed over.

    Raises:
        ConfigError: there is no such folder.
    """
    place = Path(folder)
    if not place.is_dir():
        raise ConfigError(f"{place} is not a folder of runs; `sftdata train` makes one")
    found = []
    for path in sorted(p for p in place.iterdir() if p.is_dir() and not p.is_symlink()):
        try:
            found.append((path, open_run(path)))
        except ConfigError:
            continue
    found.sort(key=lambda pair: (str(pair[1].measured.get("started", "~")), pair[0].name))
    now = _current(place, [path for path, manifest in found if manifest.status == "finished"])
    return [Run(path, manifest, path.name == now) for path, manifest in found]


def _current(place: Path, finished: list[Path]) -> str:
    """Return the run in use: where the link points, else the newest that is finished."""
    link = place / CURRENT
    if link.is_symlink():
        return link.readlink().name
    return finished[-1].name if finished else ""


def current_run(folder: str | Path = "runs") -> Run | None:
    """Return the run in use, or none."""
    return next((run for run in list_runs(folder) if run.current), None)


def find_run(name: str | Path, folder: str | Path = "runs") -> Run:
    """Return a run by its path, or by its name in a folder of runs.

    Raises:
        ConfigError: there is no such run; the message lists those that there are.
    """
    path = Path(name)
    if (path / "manifest.json").is_file():
        return Run(path, open_run(path))
    known = list_runs(folder)
    for run in known:
        if run.name == str(name):
            return run
    names = ", ".join(r.name for r in known) or "none"
    raise ConfigError(f"no run {str(name)!r} in {folder}; there are: {names}")


def compare_runs(left: TrainManifest, right: TrainManifest) -> list[Difference]:
    """Return everything in which two runs differ: data, base model, settings, results."""
    areas: tuple[tuple[str, Mapping[str, Any], Mapping[str, Any]], ...] = (
        ("data", _without_path(left.dataset), _without_path(right.dataset)),
        ("data", _lock(left), _lock(right)),
        ("model", _without_path(left.model), _without_path(right.model)),
        ("config", left.config, right.config),
        ("versions", left.versions, right.versions),
        ("result", left.results, right.results),
        ("result", left.measured, right.measured),
    )
    found = []
    for area, one, two in areas:
        a, b = _flat(one), _flat(two)
        found += [
            Difference(area, key, a.get(key), b.get(key))
            for key in dict.fromkeys([*a, *b])
            if a.get(key) != b.get(key)
        ]
    return found


def _without_path(data: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in data.items() if key != "path"}


def _lock(manifest: TrainManifest) -> dict[str, Any]:
    return {"template_lock": manifest.template_lock, "forced": list(manifest.forced)}


def _flat(data: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in data.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = value
    return found


def rollback(folder: str | Path = "runs", to: str | None = None) -> tuple[Run, Run | None]:
    """Point `current` at an earlier run; return it and the one that was in use.

    The link is put in place in one step: whoever serves `current` sees the old or the new run.

    Args:
        folder: the folder of runs.
        to: name of the run; none: the finished one before that in use.

    Raises:
        ConfigError: there is no such run, it is not finished, or there is none before.
    """
    place = Path(folder)
    known = list_runs(place)
    before = next((run for run in known if run.current), None)
    target = find_run(to, place) if to else _earlier(known, before, place)
    if target.path.parent.resolve() != place.resolve():
        raise ConfigError(f"{to} is not in {place}; name a run of that folder")
    if target.manifest.status != "finished":
        raise ConfigError(f"{target.name} is {target.manifest.status}, not finished")
    link = place / CURRENT
    if link.exists() and not link.is_symlink():
        raise ConfigError(f"{link} is not a link that sftdata made; move it away")
    beside = place / f".{CURRENT}.tmp"
    beside.unlink(missing_ok=True)
    beside.symlink_to(target.name, target_is_directory=True)
    beside.replace(link)
    return Run(target.path, target.manifest, current=True), before


def _earlier(known: list[Run], before: Run | None, place: Path) -> Run:
    finished = [run for run in known if run.manifest.status == "finished"]
    at = next((i for i, run in enumerate(finished) if before and run.name == before.name), 0)
    if at == 0:
        raise ConfigError(f"{place} has no finished run before the one in use; name one")
    return finished[at - 1]
