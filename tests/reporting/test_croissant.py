"""Croissant metadata: the files by their hashes, every column, and the official validator."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec

import pyarrow.parquet as pq
import pytest
from test_card import audit, inputs, mixed_samples

from sftdata.output import describe
from sftdata.reporting.croissant import croissant
from sftdata.reporting.published import CARDS, write_cards
from sftdata.types import SAMPLES


@pytest.fixture
def published(tmp_path):
    """Return a folder with data files and all cards, as a build or a hub export leaves it."""
    (tmp_path / "data").mkdir()
    table = mixed_samples()
    paths = []
    for split, rows in (("train", table.slice(0, 6)), ("test", table.slice(6, 3))):
        paths.append(tmp_path / "data" / f"{split}-00000-of-00001.parquet")
        pq.write_table(rows, paths[-1])
    write_cards(inputs(audit=audit(), license="mit"), describe(paths, tmp_path), tmp_path)
    return tmp_path


def test_files_and_columns_are_those_on_disk(published):
    assert {p.name for p in published.iterdir()} == {*CARDS, "data"}
    document = json.loads((published / "croissant.json").read_text(encoding="utf-8"))
    files = {f["@id"]: f["sha256"] for f in document["distribution"]}
    on_disk = describe(sorted((published / "data").iterdir()), published)
    assert files == {f.path: f.sha256 for f in on_disk}
    splits, *records = document["recordSet"]
    assert [row["splits/name"] for row in splits["data"]] == ["train", "test"]
    for record in records:
        assert [f["name"] for f in record["field"]] == SAMPLES.names
        name = record["name"]
        assert all(f["@id"].startswith(f"{name}/") for f in record["field"])
    ids = [f["@id"] for r in records for f in r["field"]]
    assert len(set(ids)) == len(ids)


def test_what_the_audit_found_is_in_the_fields_for_responsible_ai(published):
    document = json.loads((published / "croissant.json").read_text(encoding="utf-8"))
    assert "Not verified: Near duplicates (no task text)" in document["rai:dataLimitations"]
    assert "Audit verdict: warnings." in document["rai:dataBiases"][0]
    assert "evidence 60.0%" in document["rai:dataBiases"][0]
    bare = json.loads(croissant(inputs(), ()))
    assert "Not audited." in bare["rai:dataLimitations"]
    assert "rai:personalSensitiveInformation" not in bare


def test_no_clock_and_no_place_in_it(published):
    text = (published / "croissant.json").read_text(encoding="utf-8")
    assert str(published) not in text
    assert "datePublished" not in text


@pytest.mark.slow
def test_the_official_validator_takes_it_and_reads_the_rows(published):
    """`mlcroissant` weighs 370 MB: it is the extra `croissant`, or another environment's."""
    python = os.environ.get("SFTDATA_CROISSANT_PYTHON")
    if not python and find_spec("mlcroissant") is None:
        pytest.skip(
            "mlcroissant is not installed: pip install 'sftdata[croissant]', or name the Python "
            "of an environment that has it in SFTDATA_CROISSANT_PYTHON"
        )
    code = (
        "import json, mlcroissant as m; d = m.Dataset('croissant.json');"
        "print(json.dumps({'errors': sorted(d.metadata.ctx.issues.errors),"
        "'rows': {n: [{k.rpartition('/')[2]: str(v) for k, v in r.items()}"
        " for r in d.records(n)] for n in ('train-00000-of-00001', 'test-00000-of-00001')}}))"
    )
    done = subprocess.run(
        [python or sys.executable, "-W", "ignore", "-c", code],
        cwd=published,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert found["errors"] == []
    assert [len(rows) for rows in found["rows"].values()] == [6, 3]
    assert "s-006" in found["rows"]["test-00000-of-00001"][0]["sample_id"]
