"""The JSON Schemas of everything that sftdata reads and writes, published under `schemas/`.

Documents and samples are derived from the dataclasses, as the Arrow schemas are; the rest from
the pydantic models. A committed file that differs from the code is drift, which `check` finds.
"""

from __future__ import annotations

import dataclasses
import json
import types as pytypes
import typing
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from sftdata.config import BuildConfig
from sftdata.evaluation.judge import JudgeReport
from sftdata.evaluation.monitor import MonitorReport
from sftdata.evaluation.report import EvaluationReport
from sftdata.families.family import Family
from sftdata.predictions import prediction_schema
from sftdata.report import RunManifest, report_schema
from sftdata.resources import folder
from sftdata.types import Document, Sample

__all__ = ["check", "schemas", "write"]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_SCALARS: dict[Any, dict[str, Any]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    Decimal: {"type": "string", "pattern": r"^-?\d+(\.\d+)?$"},
}


def schemas() -> dict[str, dict[str, Any]]:
    """Return every schema by its file name.

    >>> sorted(schemas())[:3]
    ['audit_report.schema.json', 'build_config.schema.json', 'document.schema.json']
    """
    return {
        "audit_report.schema.json": report_schema(),
        "build_config.schema.json": _of_model(BuildConfig, "validation"),
        "document.schema.json": _of_dataclass(Document),
        "evaluation_report.schema.json": _of_model(EvaluationReport, "serialization"),
        "family.schema.json": _of_model(Family, "validation"),
        "judge_report.schema.json": _of_model(JudgeReport, "serialization"),
        "monitor_report.schema.json": _of_model(MonitorReport, "serialization"),
        "prediction.schema.json": prediction_schema(),
        "run_manifest.schema.json": _of_model(RunManifest, "serialization"),
        "sample.schema.json": _of_dataclass(Sample),
    }


def write(root: Path | None = None) -> list[Path]:
    """Write every schema and return the paths."""
    target = root or folder("schemas")
    target.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, schema in schemas().items():
        (target / name).write_text(_text(schema), encoding="utf-8", newline="\n")
        paths.append(target / name)
    return paths


def check(root: Path | None = None) -> list[str]:
    """Return one line for each file that is missing, differs from the code, or has no model."""
    target, wanted = root or folder("schemas"), schemas()
    problems = []
    for name, schema in wanted.items():
        path = target / name
        if not path.is_file():
            problems.append(f"{name}: missing")
        elif path.read_text(encoding="utf-8") != _text(schema):
            problems.append(f"{name}: differs from the code")
    strange = sorted(p.name for p in target.glob("*.schema.json") if p.name not in wanted)
    return problems + [f"{name}: nothing in the code has this schema" for name in strange]


def _text(schema: dict[str, Any]) -> str:
    return json.dumps(schema, ensure_ascii=False, indent=2) + "\n"


def _of_model(model: type[BaseModel], mode: typing.Literal["validation", "serialization"]) -> Any:
    return {"$schema": _DIALECT, **model.model_json_schema(mode=mode)}


def _of_dataclass(kind: type) -> dict[str, Any]:
    found: dict[str, Any] = {}
    schema = _object(kind, found)
    return {"$schema": _DIALECT, "title": kind.__name__, **schema, "$defs": found}


def _object(kind: type, found: dict[str, Any]) -> dict[str, Any]:
    hints = typing.get_type_hints(kind)
    names = [f.name for f in dataclasses.fields(kind)]
    return {
        "type": "object",
        "description": (kind.__doc__ or "").split("\n\n")[0],
        "properties": {name: _hint(hints[name], found) for name in names},
        "required": names,
        "additionalProperties": False,
    }


def _hint(hint: Any, found: dict[str, Any]) -> dict[str, Any]:
    if hint in _SCALARS:
        return dict(_SCALARS[hint])
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, pytypes.UnionType):
        inner = next(a for a in args if a is not type(None))
        return {"anyOf": [_hint(inner, found), {"type": "null"}]}
    if origin is tuple:
        return {"type": "array", "items": _hint(args[0], found)}
    if hint.__name__ not in found:
        found[hint.__name__] = {}
        found[hint.__name__] = _object(hint, found)
    return {"$ref": f"#/$defs/{hint.__name__}"}
