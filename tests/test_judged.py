"""A later step starts from files that were judged, and from no others."""

import json
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from project import write_project

from sftdata.errors import ConfigError
from sftdata.judged import open_judged
from sftdata.pipeline import build

ONE = {"use": ["finance/cover_page"]}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("judged")
    return build(write_project(folder, families=ONE)).path


@pytest.fixture
def copy(made, tmp_path):
    return shutil.copytree(made, tmp_path / "out")


def test_a_finished_build_is_opened_with_what_later_steps_need(made):
    judged = open_judged(made)
    assert judged.splits == ("test", "train", "validation")
    rows = pq.read_table(made / "data" / "train-00000-of-00001.parquet")
    assert judged.table("train").equals(rows)
    assert [s.sample_id for s in judged.samples("train")] == rows["sample_id"].to_pylist()
    assert judged.digest == json.loads((made / "audit/report.json").read_text())["digest"]
    assert judged.render.template == "chatml"
    assert judged.forced == ()
    with pytest.raises(ConfigError, match="no split 'dev'; it has test, train, validation"):
        judged.table("dev")


@pytest.mark.parametrize("change", ["edit", "more", "less"])
def test_files_that_changed_after_the_audit_are_refused_and_named(copy, change):
    path = copy / "data" / "train-00000-of-00001.parquet"
    if change == "edit":
        table = pq.read_table(path)
        column = table.schema.get_field_index("question")
        other = pa.array(["?"] * table.num_rows)
        pq.write_table(table.set_column(column, table.schema.field(column), other), path)
    elif change == "more":
        path = shutil.copy(path, path.with_name("train-00001-of-00001.parquet"))
    else:
        path.unlink()
    with pytest.raises(ConfigError, match="not those that its audit judged") as caught:
        open_judged(copy)
    assert f"data/{path.name.split('/')[-1]}" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(open_judged(copy, force=True).forced) == 1


def test_a_blocked_verdict_is_refused(copy):
    path = copy / "audit" / "report.json"
    report = json.loads(path.read_text()) | {"verdict": "blocked", "meaning": "Groups leak."}
    path.write_text(json.dumps(report))
    with pytest.raises(ConfigError, match=r"its audit blocks it: Groups leak\. Build again"):
        open_judged(copy)
    assert open_judged(copy, force=True).forced == ("its audit blocks it: Groups leak.",)


@pytest.mark.parametrize("name", ["manifest.json", "audit/report.json"])
def test_an_unfinished_build_is_refused(copy, name):
    (copy / name).write_text("{}")
    with pytest.raises(ConfigError, match="is not what sftdata writes"):
        open_judged(copy)
    (copy / name).unlink()
    with pytest.raises(ConfigError, match=f"no {name}"):
        open_judged(copy, force=True)
