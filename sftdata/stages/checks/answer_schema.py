"""Does every answer fit the JSON Schema that its family promises?"""

from __future__ import annotations

import json
import re
from bisect import bisect_left, bisect_right
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar

import jsonschema

from sftdata.dataset import AuditData
from sftdata.part import Part
from sftdata.report import CheckResult, Finding
from sftdata.resources import folder

__all__ = ["AnswerSchemaCheck"]


class AnswerSchemaCheck(Part):
    """Validates answers against the schema that their row names."""

    name: ClassVar[str] = "answer_schema"
    title: ClassVar[str] = "Answers fit their schema"
    question: ClassVar[str] = "Is every answer valid JSON of the form that its task promises?"
    fault: ClassVar[str] = "answers that break their schema"
    why: ClassVar[str] = (
        "A model learns the format from every sample; one malformed target is a malformed answer "
        "in production."
    )
    action: ClassVar[str] = "Correct the family's target, or drop the samples."
    severity: ClassVar[str] = "error"
    needs: ClassVar[tuple[str, ...]] = ("answer", "answer_schema")
    across: ClassVar[bool] = False

    schemas: Path | None = None
    """Folder of the schema files; None: the one that comes with sftdata."""

    def __call__(self, data: AuditData) -> CheckResult:
        """Validate every answer: of those that a schema cannot tell apart, the first."""
        forms: dict[str, _Form] = {}
        findings: list[Finding] = []
        checked = 0
        pairs = zip(data.values("answer_schema"), data.values("answer"), strict=True)
        for row, (name, answer) in enumerate(pairs):
            if not name:
                continue
            checked += 1
            form = forms.get(str(name))
            if form is None:
                form = forms[str(name)] = self._form(str(name))
            problem = form.problem(str(answer or ""))
            if problem:
                findings.append(
                    Finding.of(
                        self.name,
                        "error",
                        f"The answer of {data.ids[row]} does not fit {name}: {problem}",
                        subject=data.ids[row],
                        ids=[data.ids[row]],
                        action=self.action,
                    )
                )
        return CheckResult.of(
            self,
            findings,
            compared=f"{checked:,} answers with {len(forms)} schemas",
            metrics={"validated": checked, "schemas": len(forms), "invalid": len(findings)},
        )

    def _form(self, name: str) -> _Form:
        """Return the form that a schema file prescribes, or one that says why there is none."""
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or "\\" in name:
            return _Form("the schema's name leaves the folder of schemas")
        file = (self.schemas or folder("schemas")) / path
        if not file.is_file():
            return _Form("there is no such schema file")
        schema = json.loads(file.read_text(encoding="utf-8"))
        kind = jsonschema.validators.validator_for(schema, jsonschema.Draft202012Validator)
        return _Form("", kind(schema), _Outline.of(schema))


class _Form:
    """A schema, and what it said of the outlines of answers so far."""

    def __init__(self, missing: str, validator: Any = None, outline: _Outline | None = None):
        self._missing = missing
        self._validator = validator
        self._outline = outline
        self._known: dict[Any, str] = {}

    def problem(self, answer: str) -> str:
        """Say what is wrong with an answer without showing any of its text."""
        if self._missing:
            return self._missing
        try:
            value = json.loads(answer)
            outline = self._outline.draw(value) if self._outline else answer
        except (json.JSONDecodeError, RecursionError):
            return "it is not JSON"
        if outline not in self._known:
            self._known[outline] = _judged(self._validator, value)
        return self._known[outline]


def _judged(validator: Any, value: Any) -> str:
    error = next(iter(validator.iter_errors(value)), None)
    if error is None:
        return ""
    place = "/".join(str(p) for p in error.absolute_path) or "the answer"
    return f"{place} breaks the rule {error.validator!r}"


_LENGTHS = ("minLength", "maxLength")
_BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
_SINGULAR = ("multipleOf", "uniqueItems")
"""Rules that an outline does not keep."""


@dataclass(frozen=True)
class _Outline:
    """What of a value decides whether it fits a schema: two values of one outline fare alike.

    Of a string: which patterns it matches, on which side of each length it is, and itself where
    the schema names it; of a number: whether it is whole, and between which bounds it lies. Names
    of fields and numbers of items stay. A hundred thousand answers have a few dozen outlines.
    """

    patterns: tuple[re.Pattern[str], ...]
    lengths: tuple[int, ...]
    bounds: tuple[float, ...]
    named: frozenset[Any]

    @classmethod
    def of(cls, schema: Any) -> _Outline | None:
        """Read the rules of a schema; None where values have to be judged one by one."""
        found: dict[str, list[Any]] = defaultdict(list)
        left = [schema]
        while left:
            node = left.pop()
            if isinstance(node, dict):
                for key, value in node.items():
                    found[key].append(value)
                    left.append(value)
            elif isinstance(node, list):
                left += node
        named = [v for values in found["enum"] if isinstance(values, list) for v in values]
        named += found["const"]
        if any(found[name] for name in _SINGULAR) or any(isinstance(v, dict | list) for v in named):
            return None
        return cls(
            tuple(re.compile(p) for p in found["pattern"] if isinstance(p, str)),
            tuple(sorted(n for k in _LENGTHS for n in found[k] if isinstance(n, int))),
            tuple(sorted(n for k in _BOUNDS for n in found[k] if isinstance(n, int | float))),
            frozenset((type(v), v) for v in named),
        )

    def draw(self, value: Any) -> Any:
        """Return the outline of a value: equal for values that the schema cannot tell apart."""
        if isinstance(value, str):
            own = value if (str, value) in self.named else None
            fits = tuple(p.search(value) is not None for p in self.patterns)
            return "s", own, fits, self._place(self.lengths, len(value))
        if isinstance(value, bool) or value is None:
            return (value,)
        if isinstance(value, int | float):
            known = any(v == value for kind, v in self.named if kind is not str)
            return (
                "n",
                value if known else None,
                value == value // 1,
                self._place(self.bounds, value),
            )
        if isinstance(value, dict):
            return "d", *((name, self.draw(item)) for name, item in value.items())
        return "l", *(self.draw(item) for item in value)

    @staticmethod
    def _place(bounds: tuple[float, ...], value: float) -> tuple[int, int]:
        return bisect_left(bounds, value), bisect_right(bounds, value)
