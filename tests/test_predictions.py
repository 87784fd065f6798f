"""Predictions are read as they were written, and a bad line is named without its text."""

import dataclasses
import json

import jsonschema
import pytest

from sftdata.errors import ConfigError, SourceError
from sftdata.predictions import Prediction, prediction_schema, read_predictions, write_predictions

FULL = Prediction(
    sample_id="a", output="净利润 12\u2028x", model="m", finish_reason="stop", error="",
    prompt_tokens=3, completion_tokens=2, latency_s=0.5, cost=0.01, confidence=0.9, mean_logprob=-0.1,
)  # fmt: skip


def test_written_and_read_are_the_same(tmp_path):
    rows = [FULL, Prediction(sample_id="b", output="")]
    write_predictions(rows, tmp_path / "p.jsonl")
    assert read_predictions(tmp_path / "p.jsonl") == rows


def test_the_schema_takes_what_is_written_and_refuses_what_is_not_read():
    schema = prediction_schema()
    jsonschema.validate(dataclasses.asdict(FULL), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"sample_id": "a"}, schema)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{secret", "line 2 is not JSON"),
        ('["secret"]', "line 2 lacks sample_id or output"),
        ('{"sample_id": "secret"}', "line 2 lacks sample_id or output"),
        ('{"sample_id": "x", "output": 1}', "line 2: output has another type"),
        ('{"sample_id": "x", "output": "", "secret": 1}', "line 2 has unknown fields"),
    ],
)
def test_a_bad_line_is_named(tmp_path, line, problem):
    path = tmp_path / "p.jsonl"
    path.write_text(json.dumps({"sample_id": "a", "output": "b"}) + "\n" + line + "\n")
    with pytest.raises(SourceError, match=problem) as caught:
        read_predictions(path)
    assert "secret" not in str(caught.value)


def test_one_answer_per_sample(tmp_path):
    write_predictions([FULL, FULL], tmp_path / "p.jsonl")
    with pytest.raises(ConfigError, match="answers sample a twice"):
        read_predictions(tmp_path / "p.jsonl")
    with pytest.raises(ConfigError, match="does not exist"):
        read_predictions(tmp_path / "q.jsonl")
