"""Does every answer fit the JSON Schema that its family promises?"""

from __future__ import annotations

import json
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
        """Validate each distinct pair of schema and answer once."""
        validators: dict[str, Any] = {}
        known: dict[tuple[str, str], str] = {}
        findings: list[Finding] = []
        checked = 0
        pairs = zip(data.values("answer_schema"), data.values("answer"), strict=True)
        for row, (name, answer) in enumerate(pairs):
            if not name:
                continue
            checked += 1
            key = (str(name), str(answer or ""))
            if key not in known:
                if key[0] not in validators:
                    validators[key[0]] = self._validator(key[0])
                known[key] = _problem(validators[key[0]], key[1])
            if known[key]:
                findings.append(
                    Finding.of(
                        self.name,
                        "error",
                        f"The answer of {data.ids[row]} does not fit {name}: {known[key]}",
                        subject=data.ids[row],
                        ids=[data.ids[row]],
                        action=self.action,
                    )
                )
        return CheckResult.of(
            self,
            findings,
            compared=f"{checked:,} answers with {len(validators)} schemas",
            metrics={"validated": checked, "schemas": len(validators), "invalid": len(findings)},
        )

    def _validator(self, name: str) -> Any:
        """Return the validator of a schema file, or the words that say why there is none."""
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or "\\" in name:
            return "the schema's name leaves the folder of schemas"
        file = (self.schemas or folder("schemas")) / path
        if not file.is_file():
            return "there is no such schema file"
        schema = json.loads(file.read_text(encoding="utf-8"))
        kind = jsonschema.validators.validator_for(schema, jsonschema.Draft202012Validator)
        return kind(schema)


def _problem(validator: Any, answer: str) -> str:
    """Say what is wrong without showing any of the answer's text."""
    if isinstance(validator, str):
        return validator
    try:
        value = json.loads(answer)
    except (json.JSONDecodeError, RecursionError):
        return "it is not JSON"
    error = next(iter(validator.iter_errors(value)), None)
    if error is None:
        return ""
    place = "/".join(str(p) for p in error.absolute_path) or "the answer"
    return f"{place} breaks the rule {error.validator!r}"
