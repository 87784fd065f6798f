"""`sftdata schemas`: the published JSON Schemas are those of the code, and say what is true."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest
import yaml
from command import Command
from jsonschema import Draft202012Validator
from project import write_project

import sftdata
from sftdata.part import Part
from sftdata.resources import folder
from sftdata.schemas import schemas
from sftdata.sketch import sketch


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(capsys)


def validator(name: str) -> Draft202012Validator:
    schema = schemas()[f"{name}.schema.json"]
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def test_the_published_ones_are_up_to_date(run: Command) -> None:
    done = run("schemas", "check")
    assert done.code == 0, done.out
    assert done.out == f"{len(schemas())} schemas are up to date\n"


def test_drift_is_found_and_named(run: Command, tmp_path: Path) -> None:
    assert run("schemas", "write", tmp_path).code == 0
    assert run("schemas", "check", tmp_path).code == 0
    sample = tmp_path / "sample.schema.json"
    sample.write_text(sample.read_text().replace('"sample_id"', '"id"'))
    (tmp_path / "document.schema.json").unlink()
    (tmp_path / "old.schema.json").write_text("{}")
    done = run("schemas", "check", tmp_path)
    assert done.code == 1
    assert done.out.splitlines() == [
        "document.schema.json: missing",
        "sample.schema.json: differs from the code",
        "old.schema.json: nothing in the code has this schema",
    ]


def test_what_a_build_makes_satisfies_them(tmp_path: Path) -> None:
    config = write_project(tmp_path, companies=1)
    for sample in sketch(config, 5).samples:
        validator("sample").validate(json.loads(json.dumps(asdict(sample))))
    (doc,) = sftdata.read(tmp_path / "documents")
    row = json.loads(json.dumps(asdict(doc), default=str))
    validator("document").validate(row)
    row["facts"][0]["colour"] = "red"
    assert not validator("document").is_valid(row)
    settings = yaml.safe_load(config.read_text(encoding="utf-8"))
    validator("build_config").validate(settings)
    assert not validator("build_config").is_valid({**settings, "dedup": {}})


def test_every_family_satisfies_its_schema() -> None:
    for path in sorted(folder("task_families").glob("*/*/family.yaml")):
        given = yaml.safe_load(path.read_text(encoding="utf-8"))
        for error in validator("family").iter_errors(given):
            # One name may stand for a list of one; the model takes both.
            assert error.validator == "type", f"{path}: {error.json_path}: {error.message}"
            assert isinstance(error.instance, str), f"{path}: {error.json_path}"
            assert error.validator_value == "array", f"{path}: {error.json_path}"


def test_every_part_forbids_what_it_does_not_know() -> None:
    assert Part.model_config["extra"] == "forbid"
    assert schemas()["build_config.schema.json"]["additionalProperties"] is False
