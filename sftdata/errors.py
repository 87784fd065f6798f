"""Every error that sftdata raises on purpose.

A message says what is wrong, where, and what to do about it.

    SftdataError
    ├── ConfigError (ValueError)        the user's configuration
    ├── FamilyError (ValueError)        a task family: its YAML, templates or examples
    ├── SourceError (ValueError)        a document that cannot be read
    ├── ContractError (TypeError)       a stage or plug-in broke the protocol
    └── MissingExtraError (ImportError) an optional dependency is not installed
"""

from __future__ import annotations

__all__ = [
    "ConfigError",
    "ContractError",
    "FamilyError",
    "MissingExtraError",
    "SftdataError",
    "SourceError",
]


class SftdataError(Exception):
    """The root: catch this to catch whatever sftdata raises on purpose."""


class ConfigError(SftdataError, ValueError):
    """The configuration cannot be used; the message names the key path."""


class FamilyError(SftdataError, ValueError):
    """A task family cannot be used; the message names the file."""


class SourceError(SftdataError, ValueError):
    """A source document cannot be read. `reason` is a short machine-readable code.

    Why a code: rejects are counted by reason, and a reason must not carry document text.

    >>> SourceError("empty_file", "report.htm is empty").reason
    'empty_file'
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail

    def __reduce__(self) -> tuple[type[SourceError], tuple[str, str]]:
        """Survive the trip between processes."""
        return (type(self), (self.reason, self.detail))


class ContractError(SftdataError, TypeError):
    """A stage, decision or plug-in returned what its protocol does not allow."""


class MissingExtraError(SftdataError, ImportError):
    """An optional dependency is missing; the message says which extra brings it."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"{package} is not installed: pip install 'sftdata[{extra}]'")
        self.package = package
        self.extra = extra

    def __reduce__(self) -> tuple[type[MissingExtraError], tuple[str, str]]:
        """Survive the trip between processes."""
        return (type(self), (self.package, self.extra))
