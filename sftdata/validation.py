"""Everything about a build that can be found wrong before a document is read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import ValidationError

from sftdata import registry
from sftdata.config import BuildConfig, Files, load_config
from sftdata.errors import ConfigError
from sftdata.stages.decisions.split_frozen import Earlier

__all__ = ["Validated", "validate"]


@dataclass(frozen=True)
class Validated:
    """A configuration that holds, and what it would use."""

    config: BuildConfig
    families: dict[str, int]
    """Families in use, by kind."""
    files: dict[str, int]
    """Files that each pattern names, by pattern."""
    template: str
    """The chat template, and whether lengths are counted or estimated."""

    def as_dict(self) -> dict[str, Any]:
        """Return what a machine reads: the filled configuration and the counts."""
        return {
            "valid": True,
            "families": self.families,
            "files": self.files,
            "template": self.template,
            "config": self.config.model_dump(mode="json"),
        }


def validate(
    config: str | Path | Mapping[str, Any] | BuildConfig, overrides: Sequence[str] = ()
) -> Validated:
    """Check settings, families, readers, audit options, template and file patterns.

    Raises:
        ConfigError: one line with the key path and a suggestion.
        FamilyError: a task family that cannot be used; the message names the file.
    """
    settings = load_config(config, overrides)
    families = Counter(f.kind for f in settings.chosen_families())
    if not families:
        raise ConfigError("families: every family is excluded; nothing could be made")
    registry.engines.get(settings.engine.use)
    _audit_options(settings.audit)
    if settings.splitting.frozen:
        Earlier.load(settings.splitting.frozen, settings.split.splits)
    template, tokenizer = settings.template.load()
    how = "lengths are counted" if tokenizer else "lengths are estimates: no tokenizer is named"
    return Validated(
        config=settings,
        families=dict(sorted(families.items())),
        files=_count_files(settings),
        template=f"{template.name}; {how}",
    )


def _audit_options(options: Mapping[str, Any]) -> None:
    for name, given in options.items():
        check = registry.checks.get(name)
        if not isinstance(given, Mapping):
            raise ConfigError(f"audit.{name}: expected settings, found {type(given).__name__}")
        try:
            check(**given)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(p) for p in first["loc"])
            raise ConfigError(f"audit.{name}.{place}: {first['msg']}") from None


def _count_files(config: BuildConfig) -> dict[str, int]:
    if not config.root.is_dir():
        raise ConfigError(f"documents.root: the folder {str(config.root)!r} does not exist")
    counts = {}
    for entry in config.documents.files:
        pattern = entry.match if isinstance(entry, Files) else entry
        if isinstance(entry, Files) and entry.reader:
            registry.readers.get(entry.reader)
        if not pattern or PurePosixPath(pattern).is_absolute() or ".." in Path(pattern).parts:
            raise ConfigError(f"documents.files: {pattern!r} must stay inside documents.root")
        found = [p for p in config.root.glob(pattern) if p.is_file()]
        hidden = [p for p in found if _is_hidden(p.relative_to(config.root))]
        counts[pattern] = len(found) - len(hidden)
        if not counts[pattern]:
            raise ConfigError(
                f"documents.files: {pattern!r} matches no file under {str(config.root)!r}"
            )
    return counts


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)
