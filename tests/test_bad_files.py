"""One bad file among good ones: a reject with a reason, the run goes on, and no word leaks.

Every bad file carries a marker. It may not stand in any output, log, warning or error.
"""

import json
import logging
import os
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from documents import filing, finance, write_filings

from sftdata.errors import ConfigError
from sftdata.pipeline import build

MARKER = "ZEBRA-7731-Jane-Doe"
"""Stands for the text of a document that nobody may see in a log."""


def zipped(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{MARKER}.htm", f"<html>{MARKER}</html>")


def xxe(path: Path) -> None:
    secret = path.parent / "secret.txt"
    secret.write_text(MARKER, encoding="utf-8")
    page = filing(90, 2024, marker="&x;")
    entity = f'<!DOCTYPE html [<!ENTITY x SYSTEM "{secret.as_uri()}">]>'
    path.write_text(page.replace("?>\n", f"?>\n{entity}\n", 1), encoding="utf-8")


def laughs(path: Path) -> None:
    lines = [f'<!ENTITY a0 "{MARKER}">']
    lines += [f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12)]
    page = filing(91, 2024, marker="&a11;")
    head = f"<!DOCTYPE html [{''.join(lines)}]>"
    path.write_text(page.replace("?>\n", f"?>\n{head}\n", 1), encoding="utf-8")


def text(content: str | bytes):
    data = content.encode() if isinstance(content, str) else content
    return lambda path: path.write_bytes(data)


TRUNCATED = filing(92, 2024)[:3000]
BUNDLE = {"resourceType": "Bundle", "type": "collection", "entry": []}

BAD = {
    "truncated.htm": (text(TRUNCATED + MARKER), {"truncated_html"}),
    "empty.htm": (text(""), {"empty_file"}),
    "blank.htm": (text(" \n \n"), {"unknown_format"}),
    "binary.htm": (text(b"\x00\x01\xff\xfe" * 5000 + MARKER.encode()), {"unknown_format"}),
    "picture.htm": (text(b"\x89PNG\r\n\x1a\n" + MARKER.encode() * 9), {"unknown_format"}),
    "zip.htm": (zipped, {"unknown_format"}),
    "plain.htm": (text(f"<html><p>{MARKER}</p></html>"), {"unknown_format", "not_xbrl"}),
    "broken.json": (text('{"resourceType": "Bundle", "entry": [{"x": "' + MARKER), None),
    "other.json": (text(json.dumps({"hello": MARKER})), {"unknown_format"}),
    "list.json": (text(json.dumps([MARKER] * 3)), {"unknown_format"}),
    "hollow.json": (text(json.dumps(BUNDLE)), None),
    "deep.json": (text('{"resourceType": "Bundle", "entry": ' + "[" * 100_000), None),
    "nobody.json": (
        text(json.dumps(BUNDLE | {"entry": [{"resource": {"resourceType": "Observation",
             "valueString": MARKER}}]})),
        None,
    ),
    "head.csv": (text(f"note_id,transcription\n{MARKER}"), None),
    "noise.csv": (text(f'"{MARKER}\n' * 50), None),
}  # fmt: skip
"""Name → how it is written, and the reasons that fit (None: any, as long as there is one)."""


def outputs(out: Path) -> bytes:
    """Return every value and byte that a build left, compressed tables unpacked."""
    found = [p.read_bytes() for p in out.rglob("*") if p.is_file()]
    found += [
        json.dumps(pq.read_table(p).to_pylist(), ensure_ascii=False, default=str).encode()
        for p in out.rglob("*.parquet")
    ]
    return b"\n".join(found)


def rejects(result) -> list[dict]:
    return pq.read_table(result.path / "lineage/rejects.parquet").to_pylist()


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """Build good filings with every bad file among them, in a process whose output is kept."""
    base = tmp_path_factory.mktemp("mixed")
    docs = write_filings(base / "docs", 3, (2024,))
    for name, (write, _) in BAD.items():
        write(docs / name)
    (docs / "folder.htm").mkdir()
    (docs / "away.htm").symlink_to(base / "outside.htm")
    (base / "outside.htm").write_text(MARKER, encoding="utf-8")
    families = {"use": ["finance/cover_page"]}
    config = finance(docs, families=families)
    config["documents"] = {"root": str(docs), "files": ["**/*"]}
    script = (
        "import json, sys, logging; logging.basicConfig(level=0)\n"
        "from sftdata.pipeline import build\n"
        "build(json.loads(sys.argv[1]), sys.argv[2])\n"
    )
    ended = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "default", "-c", script, json.dumps(config),
         str(base / "out")],
        capture_output=True, timeout=300, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr.decode()[-3000:]
    return base / "out", ended


def test_good_files_are_built_and_each_bad_one_has_its_reason(mixed):
    out, _ = mixed
    found = {}
    for row in pq.read_table(out / "lineage/rejects.parquet").to_pylist():
        assert row["reason"]
        found.setdefault(row["path"], []).append(row["reason"])
    read = {
        d["source"]["path"] for d in pq.read_table(out / "lineage/documents.parquet").to_pylist()
    }
    assert read == {"c000-2024.htm", "c001-2024.htm", "c002-2024.htm"}
    assert set(found) == {*BAD, "away.htm"}
    for name, (_, fitting) in BAD.items():
        assert fitting is None or set(found[name]) <= fitting, (name, found[name])
    assert found["away.htm"] == ["outside_root"]
    counts = json.loads((out / "manifest.json").read_bytes())["counts"]
    assert counts["documents"] == 3
    assert counts["rejects"] == sum(map(len, found.values()))
    assert sum(n for k, n in counts.items() if k.startswith("rejects.")) == counts["rejects"]


def test_no_word_of_a_bad_file_leaves_it(mixed):
    out, ended = mixed
    for where, data in (("output", outputs(out)), ("out", ended.stdout), ("err", ended.stderr)):
        assert b"ZEBRA" not in data, where
        assert b"Jane-Doe" not in data, where


def test_the_search_for_the_marker_would_find_it(mixed, tmp_path):
    out, _ = mixed
    table = pq.read_table(out / "lineage/rejects.parquet")
    row = table.slice(0, 1).to_pylist()[0] | {"detail": MARKER}
    (tmp_path / "x").mkdir()
    pq.write_table(type(table).from_pylist([row], schema=table.schema), tmp_path / "x/r.parquet")
    assert b"ZEBRA" in outputs(tmp_path / "x")


def test_entities_are_never_expanded_and_pipes_do_not_hang(tmp_path, caplog):
    docs = write_filings(tmp_path / "docs", 3, (2024,))
    xxe(docs / "xxe.htm")
    laughs(docs / "laughs.htm")
    os.mkfifo(docs / "pipe.htm")
    (docs / "loop.htm").symlink_to(docs / "loop.htm")
    config = finance(docs, families={"use": ["finance/cover_page"]})
    with caplog.at_level(logging.DEBUG):
        result = build(config, tmp_path / "out")
    left = outputs(tmp_path / "out")
    assert len(left) < 1_000_000
    assert b"ZEBRA" not in left
    assert "ZEBRA" not in caplog.text
    assert {r["path"]: r["reason"] for r in rejects(result)} == {
        "laughs.htm": "unsafe_dtd",
        "loop.htm": "unreadable",
        "pipe.htm": "not_a_file",
        "xxe.htm": "unsafe_dtd",
    }


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_without_read_permission_is_a_reject(tmp_path):
    docs = write_filings(tmp_path / "docs", 3, (2024,))
    locked = docs / "locked.htm"
    locked.write_text(MARKER, encoding="utf-8")
    locked.chmod(0)
    try:
        result = build(finance(docs, families={"use": ["finance/cover_page"]}), tmp_path / "out")
    finally:
        locked.chmod(stat.S_IRUSR | stat.S_IWUSR)
    assert [(r["path"], r["reason"]) for r in rejects(result)] == [("locked.htm", "unreadable")]


def test_nothing_but_bad_files_is_one_error_with_counts(tmp_path, caplog, capfd):
    docs = tmp_path / "docs"
    docs.mkdir()
    for number in range(3):
        (docs / f"empty{number}.htm").touch()
    for name in ("zip.htm", "binary.htm", "broken.json"):
        BAD[name][0](docs / name)
    config = finance(docs)
    config["documents"] = {"root": str(docs), "files": ["*.htm", "*.json"]}
    with caplog.at_level(logging.DEBUG), pytest.raises(ConfigError) as caught:
        build(config, tmp_path / "out")
    assert str(caught.value).startswith("documents: none of the 6 files could be read: ")
    assert "empty_file ×3" in str(caught.value)
    assert "unknown_format ×2" in str(caught.value)
    shown = capfd.readouterr()
    assert "ZEBRA" not in f"{caught.value}{caught.value.__cause__}{caplog.text}{shown}"


def notes(rows: str) -> str:
    return "note_id,medical_specialty,transcription\n" + rows


def test_broken_rows_of_a_table_are_rejects_and_the_others_documents(tmp_path):
    import sftdata

    path = tmp_path / "notes.csv"
    body = "SUBJECTIVE: The patient takes Zyrtec daily and reports nasal congestion. " * 4
    path.write_text(
        notes(f'1,Allergy,"{body}"\n2,Allergy,\n3\n4,Allergy,"{body} More.",{MARKER},extra\n'
              f'5,Urology,"{body} Again."\n'),
        encoding="utf-8",
    )  # fmt: skip
    found = sftdata.read(str(path))
    assert [d.document_id for d in found] == ["notes-1", "notes-5"]
    assert [(r.locator, r.reason) for r in found.rejects] == [
        ("row 2", "empty_text"),
        ("row 3", "empty_text"),
        ("row 4", "too_many_cells"),
    ]
    assert all("ZEBRA" not in f"{r.detail}{r.locator}" for r in found.rejects)


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".htm", ".json", ".csv", ".txt"])
def test_one_line_of_200_megabytes(tmp_path, suffix):
    docs = write_filings(tmp_path / "docs", 3, (2024,))
    heads = {
        ".htm": filing(93, 2024).split("<hr/>")[0] + "<p>",
        ".json": '{"resourceType": "Bundle", "entry": [{"resource": {"x": "',
        ".csv": "note_id,transcription\n1,",
        ".txt": "SUBJECTIVE: ",
    }
    with (docs / f"line{suffix}").open("w", encoding="utf-8") as file:
        file.write(heads[suffix])
        for _ in range(200):
            file.write(f"{MARKER} word " * (1_000_000 // (len(MARKER) + 6)))
    config = finance(docs, families={"use": ["finance/cover_page"]})
    config["documents"] = {"root": str(docs), "files": ["*"]}
    result = build(config, tmp_path / "out")
    assert result.counts["documents"] == 3
    (lost,) = rejects(result)
    assert lost["path"] == f"line{suffix}"
    assert lost["reason"] in {"too_large", "invalid_json", "line_too_long"}
    assert b"ZEBRA" not in outputs(tmp_path / "out")
