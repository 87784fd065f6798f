"""Does an output keep the format that was asked for: JSON, the schema, no key too many or few?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError
from referencing import Registry

from sftdata.errors import ConfigError
from sftdata.resources import folder

__all__ = ["Faults", "enumerated", "schema_faults"]

_MOST_ERRORS = 500


@dataclass(frozen=True, slots=True)
class Faults:
    """What is wrong with an answer by its JSON Schema, counted."""

    missing_keys: int = 0
    extra_keys: int = 0
    types: int = 0
    enums: int = 0
    others: int = 0

    @property
    def valid(self) -> bool:
        """Whether there is no fault."""
        counts = (self.missing_keys, self.extra_keys, self.types, self.enums, self.others)
        return not any(counts)


def schema_faults(answer: Any, schema: str) -> Faults:
    """Count the faults of an answer by a schema under `schemas/`.

    Raises:
        ConfigError: there is no such schema.

    >>> schema_faults({"answerable": "yes", "extra": 1}, "answers/cited_answer.json").types
    1
    """
    counts = dict.fromkeys(Faults.__slots__, 0)
    seen: set[tuple[str, str, str]] = set()
    for error in islice(_validator(schema).iter_errors(answer), _MOST_ERRORS):
        name, count = _fault(error)
        # A condition of the schema may find the same fault at the same place again.
        told = error.message if name == "missing_keys" else ""
        key = (name, error.json_path, told)
        counts[name] += 0 if key in seen else count
        seen.add(key)
    return Faults(**counts)


def _fault(error: ValidationError) -> tuple[str, int]:
    if error.validator == "required":
        return "missing_keys", 1
    if error.validator == "additionalProperties" and isinstance(error.instance, dict):
        known = error.schema.get("properties", {}) if isinstance(error.schema, dict) else {}
        return "extra_keys", len(set(error.instance) - set(known))
    if error.validator == "type":
        return "types", 1
    return ("enums" if error.validator in ("enum", "const") else "others"), 1


@cache
def _schema(name: str) -> dict[str, Any]:
    root = folder("schemas").resolve()
    path = (root / name).resolve()
    if not path.is_relative_to(root) or not path.is_file():
        raise ConfigError(f"answer_schema: there is no schema {name!r} under schemas/")
    try:
        schema: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        Draft202012Validator.check_schema(schema)
    except (json.JSONDecodeError, SchemaError) as error:
        raise ConfigError(f"answer_schema: {name} is not a JSON Schema") from error
    return schema


@cache
def _validator(name: str) -> Draft202012Validator:
    """Return the validator; its registry is empty, so no schema fetches another one."""
    return Draft202012Validator(_schema(name), registry=Registry())


@cache
def enumerated(name: str) -> dict[str, frozenset[str]]:
    """Return the paths of an answer whose schema lists the allowed values, with these.

    >>> sorted(enumerated("answers/cited_answer.json"))
    ['confidence', 'reason']
    """
    return dict(_enums(_schema(name), "")) if name else {}


def _enums(schema: Any, path: str) -> Iterator[tuple[str, frozenset[str]]]:
    if not isinstance(schema, dict):
        return
    values = [v for v in schema.get("enum", ()) if isinstance(v, str)]
    if len(values) > 1:
        yield path, frozenset(values)
    for key, inner in schema.get("properties", {}).items():
        yield from _enums(inner, f"{path}.{key}" if path else key)
    yield from _enums(schema.get("items"), f"{path}[]")
