"""`export.json`: what was written for whom, from which bytes, and what was left out and why."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

__all__ = ["EXPORT_FORMAT", "ExportFile", "ExportRecord"]

EXPORT_FORMAT: Literal["sftdata.export/1"] = "sftdata.export/1"


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class ExportFile(_Record):
    """A file of the export by its bytes."""

    path: str
    sha256: str
    bytes: int
    rows: int | None = None
    """Samples in it; none for settings and scripts."""
    split: str = ""
    ids: str = ""
    """Where the sample ids stand: a column, or the name of the sidecar file."""


class ExportRecord(_Record):
    """The whole account. Holds no clock time: the same dataset gives the same bytes."""

    format: Literal["sftdata.export/1"] = EXPORT_FORMAT
    target: str
    settings: dict[str, JsonValue] = Field(default_factory=dict)
    """The exporter's settings, every default written out."""
    dataset: str
    dataset_digest: str
    """Digest of the build's data files, as in its audit report."""
    verdict: str
    """What the audit says of them."""
    forced: tuple[str, ...] = ()
    """Faults that were overridden with `--force`."""
    model: str = ""
    template: str = ""
    template_lock: str = ""
    """Lock of the chat template and tokenizer that the rows were checked with; empty for targets
    that take messages."""
    build_template_lock: str = ""
    """Lock that the build was rendered with; another one where a build had no tokenizer."""
    longest: int = 0
    """Tokens of the longest row that was written."""
    lengths: Literal["counted", "estimated"] = "estimated"
    counts: dict[str, int] = Field(default_factory=dict)
    """Samples written, by split."""
    excluded: dict[str, int] = Field(default_factory=dict)
    """Samples left out, by reason."""
    excluded_ids: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    reasons: dict[str, str] = Field(default_factory=dict)
    """The reasons in words."""
    loses: tuple[str, ...] = ()
    """What the format cannot hold."""
    warnings: tuple[str, ...] = ()
    next: tuple[str, ...] = ()
    """The commands that a person runs now; `{out}` is this folder, `{build}` the build's."""
    files: tuple[ExportFile, ...] = ()
    version: str = ""

    def to_json(self) -> str:
        """Return the record as JSON."""
        return self.model_dump_json(indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> ExportRecord:
        """Read back what `to_json` wrote."""
        return cls.model_validate_json(text)
