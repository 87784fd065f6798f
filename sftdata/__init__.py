"""Raw finance and medical documents to audited SFT datasets.

    build(config)     documents → samples → dataset, lineage and leakage report
    read(files)       documents with sections, facts and keys
    audit(dataset)    the leakage report of any dataset
    prompt(family)    the very messages that training saw, for inference

Nothing heavy is imported before it is used: every name below is looked up when it is asked for.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sftdata.audit import audit
    from sftdata.config import BuildConfig, load_config
    from sftdata.errors import (
        ConfigError,
        ContractError,
        FamilyError,
        MissingExtraError,
        SftdataError,
        SourceError,
    )
    from sftdata.pipeline import build
    from sftdata.prompting import prompt
    from sftdata.reading import read
    from sftdata.report import AuditReport, RunManifest
    from sftdata.result import BuildResult, Documents
    from sftdata.types import Document, Evidence, Fact, Message, Reject, Sample

__version__ = "0.1.0"

__all__ = [
    "AuditReport",
    "BuildConfig",
    "BuildResult",
    "ConfigError",
    "ContractError",
    "Document",
    "Documents",
    "Evidence",
    "Fact",
    "FamilyError",
    "Message",
    "MissingExtraError",
    "Reject",
    "RunManifest",
    "Sample",
    "SftdataError",
    "SourceError",
    "__version__",
    "audit",
    "build",
    "load_config",
    "prompt",
    "read",
]

_HOMES = {
    "audit": ("audit",),
    "config": ("BuildConfig", "load_config"),
    "errors": (
        "ConfigError",
        "ContractError",
        "FamilyError",
        "MissingExtraError",
        "SftdataError",
        "SourceError",
    ),
    "pipeline": ("build",),
    "prompting": ("prompt",),
    "reading": ("read",),
    "report": ("AuditReport", "RunManifest"),
    "result": ("BuildResult", "Documents"),
    "types": ("Document", "Evidence", "Fact", "Message", "Reject", "Sample"),
}
_HOME_OF = {name: f"sftdata.{module}" for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'sftdata' has no attribute {name!r}")
    return getattr(import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    return __all__


class _Face(ModuleType):
    """The package, in which `sftdata.audit` is always the function.

    Importing the module `sftdata.audit` would otherwise put the module in the function's place.
    """

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in _HOME_OF and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Face
