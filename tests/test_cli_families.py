"""`sftdata families`: list, show, and the golden examples with their diff."""

import json
import shutil
from pathlib import Path

import pytest
import yaml
from command import Command

from sftdata.errors import FamilyError
from sftdata.families.examples import ExampleDocument, read_cases, to_document
from sftdata.families.load import load_families
from sftdata.resources import folder

DOCS = Path(__file__).resolve().parent.parent / "docs"


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(capsys)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A folder of own families: two copies under another name, with the example of the docs."""
    root = tmp_path / "families"
    shutil.copytree(folder("task_families"), root, ignore=shutil.ignore_patterns("examples.yaml"))
    for place in [p for p in root.glob("*/*") if (p / "family.yaml").is_file()]:
        if place.parent.name != "finance" or place.name not in ("single_fact", "wrong_period"):
            shutil.rmtree(place)
    (root / "finance").rename(root / "funds")
    refusal = root / "funds/wrong_period/family.yaml"
    refusal.write_text(refusal.read_text(encoding="utf-8").replace("finance/", "funds/"))
    page = (DOCS / "families.md").read_text(encoding="utf-8")
    example = page.split("```yaml\n")[1].split("```")[0]
    for name in ("single_fact", "wrong_period"):
        (root / "funds" / name / "examples.yaml").write_text(example, encoding="utf-8")
    return root


def test_list(run: Command, own: Path) -> None:
    done = run("families", "list", "--json", "--families", own)
    ids = [f["id"] for f in json.loads(done.out)]
    assert ids == sorted(load_families([own]))
    assert "funds/single_fact" in ids
    lines = run("families", "list").out.splitlines()
    assert lines[0].split()[:2] == ["family", "kind"]
    assert any(line.startswith("finance/single_fact") for line in lines)


def test_show(run: Command) -> None:
    done = run("families", "show", "finance/wrong_period")
    assert "refusal, period of finance/single_fact" in done.out
    found = json.loads(run("families", "show", "finance/single_fact", "--json").out)
    assert found["kind"] == "evidence"
    assert found["answer"]["schema"] == "answers/cited_answer.json"
    assert found["questions"]["zh"]
    assert "en/evidence.system" in found["templates"]


def test_check_writes_then_holds_then_shows_a_diff(run: Command, own: Path) -> None:
    first = run("families", "check", own)
    assert first.code == 1
    assert first.out.count("FAILED") == 2
    file = own / "funds/single_fact/examples.yaml"
    before = file.read_text(encoding="utf-8")
    assert run("families", "check", own, "--update").code == 0
    written = file.read_text(encoding="utf-8")
    for line in before.splitlines():
        assert line in written, "what a person wrote stays"
    assert run("families", "check", own).code == 0
    assert run("families", "check", own, "--update").code == 0
    assert file.read_text(encoding="utf-8") == written
    template = own / "funds/en/evidence.system.j2"
    template.write_text("Kindly answer.\n" + template.read_text(encoding="utf-8"), encoding="utf-8")
    done = run("families", "check", own / "funds")
    assert done.code == 1
    assert "+++ made now" in done.out
    assert [line for line in done.out.splitlines() if line.startswith("+ ")] == [
        "+  Kindly answer."
    ] * 2


def test_check_json(run: Command, own: Path) -> None:
    run("families", "check", own, "--update")
    (own / "funds/wrong_period/examples.yaml").unlink()
    done = run("families", "check", own, "--json")
    found = {c["family"]: c for c in json.loads(done.out)}
    assert done.code == 1
    assert found["funds/single_fact"]["ok"]
    assert found["funds/single_fact"]["cases"] == 2
    assert "examples.yaml is missing" in found["funds/wrong_period"]["problems"][0]


def test_an_example_of_which_nothing_is_made_fails(run: Command, own: Path) -> None:
    file = own / "funds/single_fact/examples.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("kind: 10-K", "kind: 8-K"))
    done = run("families", "check", own / "funds" / "single_fact", "--update")
    assert done.code == 1
    assert "no sample is made of this document" in done.out
    assert "expect:" not in file.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("row: Net income", "row: Gross profit"), "'Gross profit' does not stand in the text"),
        (('as_reported: "120"', 'as_reported: "12"'), "'12' stands 0 times in the line of"),
        (("title: NOTES", "title: ITEM 1"), "section notes: 'ITEM 1' does not stand"),
        (("locale: en", "locale: en\n  colour: red"), "case 1: colour: Extra inputs"),
        (("    text: |", "    text: ''\n    txt: |"), "case 1: document"),
    ],
)
def test_a_wrong_example_is_named(run: Command, own: Path, change, words) -> None:
    file = own / "funds/single_fact/examples.yaml"
    text = file.read_text(encoding="utf-8")
    assert change[0] in text
    file.write_text(text.replace(*change, 1), encoding="utf-8")
    done = run("families", "check", own)
    assert done.code == 2
    assert words in done.err
    assert str(file) in done.err


def test_a_written_out_document_keeps_the_law(own: Path) -> None:
    case = read_cases(own / "funds/single_fact/examples.yaml")[0]
    doc = to_document(case.document, "finance", "here")
    for fact in doc.facts:
        assert doc.text[fact.start : fact.end] == fact.as_reported
        assert doc.text[fact.row_start : fact.row_end].startswith("| Net")
        assert fact.label in ("Net sales", "Net income")
        table = doc.text[int(fact.attribute("table_start")) : int(fact.attribute("table_end"))]
        assert table.startswith("|  | Year ended")
        assert table.count("\n") == 2
        assert fact.attribute("column").endswith(fact.period[:4])
    assert doc.facts[0].number == 1_234_000_000
    assert [(s.kind, doc.text[s.start :][:5]) for s in doc.sections] == [
        ("statement_income", "CONSO"),
        ("notes", "NOTES"),
    ]


def test_a_file_must_stay_in_its_family(own: Path, run: Command) -> None:
    file = own / "funds/single_fact/examples.yaml"
    case = {"name": "x", "document": {"file": "../../../secret.htm", "reader": "ixbrl"}}
    file.write_text(yaml.safe_dump([case]), encoding="utf-8")
    (own.parent / "secret.htm").write_text("<html></html>")
    done = run("families", "check", own)
    assert done.code == 2
    assert "there is no file" in done.err


def test_text_and_file_exclude_each_other() -> None:
    with pytest.raises(ValueError, match="either `file:` or `text:`"):
        ExampleDocument(file="a.htm", text="a")
    with pytest.raises(FamilyError, match="expected a list of cases"):
        read_cases(DOCS.parent / "tests/golden/registry.json")
