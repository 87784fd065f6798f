"""Answers that share an outline are judged once: the verdict must be that of each by itself."""

import json

import jsonschema
import pytest

from sftdata.audit import audit

SCHEMA = {
    "type": "object",
    "required": ["a"],
    "properties": {
        "a": {"type": "string", "pattern": "^[0-9]+$", "minLength": 2, "maxLength": 4},
        "b": {"type": ["integer", "null"], "minimum": 0, "exclusiveMaximum": 10},
        "c": {"enum": ["yes", "no", 3, None, True]},
        "d": {"type": "array", "maxItems": 2, "items": {"$ref": "#/$defs/item"}},
        "e": {"const": 1},
    },
    "propertyNames": {"pattern": "^[a-f]"},
    "if": {"properties": {"c": {"const": "yes"}}, "required": ["c"]},
    "then": {"required": ["b"]},
    "$defs": {"item": {"type": ["number", "string"], "pattern": "x", "maximum": 5}},
}
VALUES = [
    *(
        "",
        "1",
        "12",
        "99",
        "1234",
        "9876",
        "12345",
        "yes",
        "no",
        "on",
        "x",
        "y",
        "ax",
        "ay",
        "值值",
    ),
    *(0, 1, 1.0, -1, 2, 3, 3.0, 4, 4.5, 5, 5.5, 9, 10, 11, True, False, None, 1e400, float("nan")),
]
ANSWERS = [
    {"a": "12", field: value}
    for field in "abcdez"
    for one in VALUES
    for value in (one, [one], [one, "x"], [one, one, one])
] + [{"a": "12", "b": b, "c": c} for b in VALUES for c in VALUES]


@pytest.mark.parametrize("unique", [False, True])
def test_every_answer_is_judged_as_by_itself(tmp_path, unique):
    schema = json.loads(json.dumps(SCHEMA))
    if unique:
        schema["properties"]["d"]["uniqueItems"] = True
    (tmp_path / "s.json").write_text(json.dumps(schema), encoding="utf-8")
    texts = [json.dumps(v) for v in ANSWERS]
    rows = [
        {"id": f"r{i}", "prompt": "p", "completion": "c", "answer": t, "answer_schema": "s.json"}
        for i, t in enumerate(texts)
    ]
    report = audit(rows, checks=["answer_schema"], options={"answer_schema": {"schemas": tmp_path}})
    found = {i for f in report.findings for i in f.ids}
    judge = jsonschema.Draft202012Validator(schema)
    assert found == {f"r{i}" for i, t in enumerate(texts) if not judge.is_valid(json.loads(t))}
