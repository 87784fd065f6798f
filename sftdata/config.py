"""The configuration of a build: a tree of the parts, read from YAML.

A mistake is one line: the key path, what is wrong, and the nearest thing that would be right.
"""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, Field, PrivateAttr, ValidationError, field_validator

from sftdata import registry
from sftdata.errors import ConfigError
from sftdata.families.family import Family
from sftdata.families.load import load_families
from sftdata.part import Part
from sftdata.stages.decisions.balance import Balance
from sftdata.stages.decisions.dedupe import Mask, Semantic, Survivor
from sftdata.stages.decisions.link import Link
from sftdata.stages.decisions.purge import Purge
from sftdata.stages.decisions.split import Split
from sftdata.stages.render import Render

__all__ = [
    "BuildConfig",
    "CardConfig",
    "DedupeConfig",
    "DocumentsConfig",
    "EngineConfig",
    "FamiliesConfig",
    "Files",
    "explain",
    "load_config",
    "override",
    "read_settings",
]


class Files(Part):
    """Files of one kind, where the format is named instead of detected."""

    match: str
    """Glob pattern under `documents.root`."""
    reader: str = ""
    """Name of a reader; empty: detected from the content."""
    domain: str = ""
    """`finance` or `medical`; empty: what the reader says."""


class DocumentsConfig(Part):
    """Which documents are read."""

    root: Path = Path()
    """Folder of the documents, relative to the configuration file."""
    files: tuple[str | Files, ...]
    """Glob patterns under `root`, or entries with `match`, `reader` and `domain`."""
    options: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """Settings of readers, by reader name."""
    max_file_bytes: int = Field(default=512 * 1024 * 1024, gt=0)
    """Larger files become rejects."""

    @field_validator("options")
    @classmethod
    def _known_readers(cls, options: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        for name in options:
            registry.readers.get(name)
        return options


class FamiliesConfig(Part):
    """Which task families make samples."""

    use: tuple[str, ...] = ("*",)
    """Ids or patterns: `finance/*`, `medical/single_value`."""
    exclude: tuple[str, ...] = ()
    paths: tuple[Path, ...] = ()
    """Folders of your own families, relative to the configuration file."""
    locales: dict[str, dict[str, float]] = Field(
        default_factory=lambda: {"en": {"en": 0.65, "zh": 0.35}, "zh": {"zh": 1.0}}
    )
    """Language of the document → language of the prompt → share."""


class DedupeConfig(Part):
    """Near-duplicates: MinHash finds the candidates, exact Jaccard decides."""

    threshold: float = Field(default=0.8, gt=0, le=1)
    """Jaccard similarity of 5-word (or, for Chinese, character) shingles from which two texts
    are the same."""
    permutations: int = Field(default=128, ge=16, le=1024)
    linkage: Literal["direct", "cluster"] = "direct"
    """`direct`: a dropped text is itself this similar to the one that stays; `cluster`: chains of
    similar texts count as one."""
    survivor: Survivor = "longest"
    """Which of several duplicates stays: `longest`, `newest` (documents have dates), `best_quality`
    (checks passed, evidence, no broken characters, letters, length without repeated lines) or
    `first` (the smallest id). What the rule leaves open goes to the longest, then the smallest id;
    a sample that a refusal has as its twin comes first."""
    documents: bool = True
    passages: bool = True
    tasks: bool = True
    max_per_template: int | None = Field(default=200, ge=1)
    """Most samples of one kind and split that differ only in what `mask` leaves blank."""
    mask: tuple[Mask, ...] = ("numbers", "dates")
    """What is left blank when templates are told: `numbers` (words with digits), `dates` (whole
    dates and the names of months), `names` (those of the company or patient that the sample is
    about, as its documents give them)."""
    semantic: Semantic | None = None
    """Drop passages and samples that mean the same as others, too: `model`, a folder relative to
    the configuration file, and `threshold`, a cosine (extra `semantic`). Off by default."""

    @field_validator("semantic")
    @classmethod
    def _by_model(cls, semantic: Semantic | None) -> Semantic | None:
        if semantic is not None and semantic.model is None:
            raise ValueError("a build has no column of embeddings; name the folder of a model")
        return semantic


class EngineConfig(Part):
    """Where the work runs."""

    use: str = "local"
    """`inline` (this process) or `local` (several processes): the rows are the same."""
    workers: int | None = Field(default=None, ge=1)
    """Processes of `local`; none: one per processor."""
    batch_rows: int = Field(default=4, ge=1)
    """Documents per batch; samples go in batches of 64 times as many."""
    keep_work: bool = False
    """Keep the work folder after a finished build, so that the next one with another setting
    starts from the step that changed. It holds document text."""


class CardConfig(Part):
    """What the dataset card says beside what the build knows."""

    title: str = ""
    license: str = "other"
    """Licence of the *documents*; `other` until you say."""
    description: str = ""


class BuildConfig(Part):
    """Everything that decides what a build makes."""

    name: str = Field(default="dataset", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    seed: int = 0
    """Seed of every choice; parts that name a seed of their own keep it."""
    documents: DocumentsConfig
    families: FamiliesConfig = FamiliesConfig()
    dedupe: DedupeConfig = DedupeConfig()
    link: Link = Link()
    split: Split = Split()
    balance: Balance = Balance()
    purge: Purge = Purge()
    template: Render = Render()
    """The model's tokenizer or chat template, the length limit and what happens above it."""
    audit: dict[str, Any] = Field(default_factory=dict)
    """Settings of checks, by check name."""
    engine: EngineConfig = EngineConfig()
    card: CardConfig = CardConfig()

    _base: Path = PrivateAttr(default_factory=Path)

    @property
    def base(self) -> Path:
        """The folder that relative paths start from: that of the configuration file."""
        return self._base

    @property
    def root(self) -> Path:
        """The folder of the documents."""
        return self._base / self.documents.root

    @property
    def family_paths(self) -> tuple[Path, ...]:
        """Folders of users' own families."""
        return tuple(self._base / p for p in self.families.paths)

    @property
    def splitting(self) -> Split:
        """The split, with the earlier build found from the folder of the configuration."""
        frozen = self.split.frozen
        return (
            self.split.model_copy(update={"frozen": self._base / frozen}) if frozen else self.split
        )

    @property
    def auditing(self) -> dict[str, Any]:
        """The settings of checks, with what the kind of split means for them."""
        if self.split.mode != "temporal":
            return self.audit
        return {"group_overlap": {"by_design": True}, **self.audit}

    @property
    def purging(self) -> Purge:
        """The purge between the splits that there are, unless it names its own."""
        splits = self.split.splits
        if "splits" in self.purge.model_fields_set or len(splits) < 2:
            return self.purge
        return self.purge.model_copy(update={"splits": splits})

    def chosen_families(self) -> list[Family]:
        """Return the families in use, sorted by id.

        Raises:
            ConfigError: a pattern fits no family; the message suggests the nearest.
        """
        known = load_families(self.family_paths)
        for pattern in (*self.families.use, *self.families.exclude):
            if not fnmatch.filter(known, pattern):
                near = difflib.get_close_matches(pattern, known, n=1, cutoff=0.4)
                hint = f" Did you mean {near[0]!r}?" if near else ""
                raise ConfigError(f"families: {pattern!r} fits no family.{hint}")
        return [
            family
            for name, family in sorted(known.items())
            if any(fnmatch.fnmatchcase(name, p) for p in self.families.use)
            and not any(fnmatch.fnmatchcase(name, p) for p in self.families.exclude)
        ]


def load_config(
    source: str | Path | Mapping[str, Any] | BuildConfig, overrides: Sequence[str] = ()
) -> BuildConfig:
    """Read a configuration and apply overrides such as `dedupe.threshold=0.7`.

    Args:
        source: a YAML file, a mapping, or a finished configuration.
        overrides: `dotted.key=value`, the value as YAML.

    Raises:
        ConfigError: one line with the key path and a suggestion.
    """
    if isinstance(source, BuildConfig):
        if not overrides:
            return source
        base, data = source.base, source.model_dump(mode="json", exclude_unset=True)
    elif isinstance(source, Mapping):
        base, data = Path(), dict(source)
    else:
        base, data = Path(source).resolve().parent, read_settings(Path(source))
    for change in overrides:
        override(data, change)
    _spread_seed(data)
    try:
        config = BuildConfig.model_validate(data)
    except ValidationError as error:
        raise ConfigError(explain(error, BuildConfig)) from None
    config._base = base
    return config


def read_settings(path: Path) -> dict[str, Any]:
    """Read a YAML file that holds a mapping of settings.

    Raises:
        ConfigError: there is no such file, or it is not one; names the line.
    """
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(
            f"there is no configuration {str(path)!r}; `sftdata init DIR` makes one"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {type(error).__name__}") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise ConfigError(f"{path}{line}: {getattr(error, 'problem', error)}") from None
    if not isinstance(data, dict):
        raise ConfigError(f"{path}: expected a mapping of settings, found {type(data).__name__}")
    return data


def override(data: dict[str, Any], change: str) -> None:
    """Apply one `dotted.key=value`, the value as YAML, to a mapping of settings.

    >>> data = {"seed": 1}
    >>> override(data, "dedupe.threshold=0.7")
    >>> data
    {'seed': 1, 'dedupe': {'threshold': 0.7}}
    """
    key, equals, value = change.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f"--set {change!r}: write it as key=value, e.g. dedupe.threshold=0.7")
    *path, last = key.strip().split(".")
    place = data
    for part in path:
        inner = place.setdefault(part, {})
        if not isinstance(inner, dict):
            raise ConfigError(f"--set {key}: {part!r} holds a value, not a group of settings")
        place = inner
    try:
        place[last] = yaml.safe_load(value)
    except yaml.YAMLError:
        raise ConfigError(f"--set {key}: {value!r} is not a YAML value") from None


def _spread_seed(data: dict[str, Any]) -> None:
    """Give the seed to the parts that have one and do not name their own."""
    if "seed" in data:
        for part in ("split", "balance"):
            if isinstance(data.setdefault(part, {}), dict):
                data[part].setdefault("seed", data["seed"])


def explain(error: ValidationError, model: type[BaseModel]) -> str:
    """Say in one line what is wrong with settings of `model`: key path, fault, suggestion."""
    first = error.errors()[0]
    path = ".".join(str(p) for p in first["loc"] if not str(p).startswith("function-"))
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    if first["type"] == "extra_forbidden":
        known = _fields_at(model, [str(p) for p in first["loc"][:-1]])
        near = difflib.get_close_matches(str(first["loc"][-1]), known, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else f" Known: {', '.join(known)}"
        return f"{path}: there is no such setting.{hint}{more}"
    if first["type"] == "missing":
        return f"{path}: is required{more}"
    message = first["msg"].removeprefix("Value error, ")
    shown = repr(first["input"])
    given = f" (given: {shown})" if len(shown) <= 60 else ""
    return f"{path}: {message}{given}{more}"


def _fields_at(model: type[BaseModel], path: list[str]) -> list[str]:
    for name in path:
        field = model.model_fields.get(name)
        inner = field.annotation if field else None
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return []
        model = inner
    return sorted(model.model_fields)
