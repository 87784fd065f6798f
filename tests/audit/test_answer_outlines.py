"""Answers that share an outline are judged once: the verdict must be that of each by itself."""

import json

import jsonschema
from hypothesis import given, settings
from hypothesis import strategies as st

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
scalars = st.one_of(
    st.sampled_from(["", "1", "12", "1234", "12345", "yes", "no", "x", "ax", "值"]),
    st.sampled_from([0, 1, 1.0, -1, 3, 5, 5.5, 9, 10, True, False, None, 1e400, float("nan")]),
)
answers = st.dictionaries(
    st.sampled_from(["a", "b", "c", "d", "e", "z"]),
    st.one_of(scalars, st.lists(scalars, max_size=3)),
    max_size=4,
)


@settings(max_examples=40, deadline=None)
@given(st.lists(answers, min_size=1, max_size=40), st.booleans())
def test_every_answer_is_judged_as_by_itself(tmp_path_factory, values, unique):
    folder = tmp_path_factory.mktemp("schemas")
    schema = {**SCHEMA, "properties": {**SCHEMA["properties"]}}
    if unique:
        schema["properties"]["d"] = {**SCHEMA["properties"]["d"], "uniqueItems": True}
    (folder / "s.json").write_text(json.dumps(schema), encoding="utf-8")
    texts = [json.dumps(v) for v in values]
    rows = [
        {"id": f"r{i}", "prompt": "p", "completion": "c", "answer": t, "answer_schema": "s.json"}
        for i, t in enumerate(texts)
    ]
    report = audit(rows, checks=["answer_schema"], options={"answer_schema": {"schemas": folder}})
    found = {i for f in report.findings for i in f.ids}
    judge = jsonschema.Draft202012Validator(schema)
    assert found == {f"r{i}" for i, t in enumerate(texts) if not judge.is_valid(json.loads(t))}
