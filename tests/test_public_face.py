"""`import sftdata`: what it offers, that it is lazy, and that its names mean one thing."""

import importlib
import types
from dataclasses import replace
from pathlib import Path

import pytest
from documents import write_filings
from project import write_project

import sftdata
from sftdata.errors import ConfigError, FamilyError, SftdataError
from sftdata.sketch import sketch


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_project(tmp_path_factory.mktemp("project"), few=False)


def test_all_is_sorted_and_every_name_is_there() -> None:
    assert sftdata.__all__ == sorted(sftdata.__all__)
    assert len(set(sftdata.__all__)) == len(sftdata.__all__) <= 25
    for name in sftdata.__all__:
        assert not isinstance(getattr(sftdata, name), types.ModuleType), name
    assert dir(sftdata) == sorted(sftdata.__all__)


def test_every_public_thing_is_documented() -> None:
    for name in sftdata.__all__:
        if name != "__version__":
            assert getattr(sftdata, name).__doc__, name


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'bild'"):
        _ = sftdata.bild


def test_a_module_of_the_same_name_does_not_take_the_functions_place() -> None:
    importlib.reload(importlib.import_module("sftdata.audit"))
    assert callable(sftdata.audit)
    assert sftdata.audit.__module__ == "sftdata.audit"


def test_the_version_is_that_of_the_package() -> None:
    pyproject = Path(__file__).resolve().parent.parent / "pyproject.toml"
    assert f'\nversion = "{sftdata.__version__}"\n' in pyproject.read_text(encoding="utf-8")


def test_the_errors_are_one_family() -> None:
    errors = [getattr(sftdata, n) for n in sftdata.__all__ if n.endswith("Error")]
    assert len(errors) == 6
    assert all(issubclass(e, SftdataError) for e in errors)


def test_prompt_is_what_training_saw(project: Path) -> None:
    """For every sample of every family: the same messages, from the passages alone."""
    found = sketch(project, 400)
    documents = {d.document_id: d for d in sftdata.read(project.parent / "documents")}
    assert len({s.family for s in found.samples}) > 8
    assert len({s.locale for s in found.samples}) == 2
    for sample in found.samples:
        passages = [
            {"text": text, "heading": heading} for text, heading in _shown(sample, documents)
        ]
        user = sample.prompt[1].content
        made = sftdata.prompt(
            sample.family,
            passages=passages,
            question=sample.question,
            locale=sample.locale,
            question_first=user.find(sample.question) < user.find("[P1]"),
        )
        assert made == [{"role": m.role, "content": m.content} for m in sample.prompt]


def _shown(sample: sftdata.Sample, documents: dict[str, sftdata.Document]):
    """Yield each passage with its heading, which stands behind its label in the prompt."""
    user = sample.prompt[1].content
    for number, passage in enumerate(sample.context, 1):
        text = documents[passage.document_id].text[passage.start : passage.end]
        heading = user.split(f"[P{number}]", 1)[1].split("\n", 1)[0].strip()
        yield text, heading


def test_prompt_numbers_plain_texts() -> None:
    made = sftdata.prompt("finance/single_fact", passages=["First.", "Second."], question="Why?")
    assert [m["role"] for m in made] == ["system", "user"]
    places = [made[1]["content"].index(w) for w in ("[P1]", "First.", "[P2]", "Second.", "Why?")]
    assert places == sorted(places)
    first = sftdata.prompt(
        "finance/single_fact", passages=["First."], question="Why?", question_first=True
    )
    assert first[1]["content"].index("Why?") < first[1]["content"].index("First.")


def test_a_refusal_has_the_prompt_of_what_it_refuses() -> None:
    given = {"passages": ["Sales were $5."], "question": "What were sales?", "locale": "zh"}
    assert sftdata.prompt("finance/wrong_period", **given) == sftdata.prompt(
        "finance/single_fact", **given
    )


@pytest.mark.parametrize(
    ("family", "given", "error", "words"),
    [
        (
            "finance/singel_fact",
            {"question": "?"},
            FamilyError,
            "Did you mean 'finance/single_fact'",
        ),
        ("finance/single_fact", {}, ConfigError, "question: 'finance/single_fact' has no question"),
        ("finance/single_fact", {"question": "?", "locale": "fr"}, FamilyError, "it has: en, zh"),
        (
            "finance/single_fact",
            {"question": "?", "passages": [{"txt": "a"}]},
            ConfigError,
            "P1 needs `text`",
        ),
    ],
)
def test_prompt_says_what_is_wrong(family, given, error, words) -> None:
    with pytest.raises(error, match=words.replace("?", r"\?")):
        sftdata.prompt(family, **given)


def test_read_takes_patterns_folders_and_files(tmp_path, monkeypatch) -> None:
    write_filings(tmp_path / "filings", companies=2, years=(2024,))
    monkeypatch.chdir(tmp_path)
    by_pattern = sftdata.read("filings/*.htm")
    assert len(by_pattern) == 2
    assert {d.source.path for d in by_pattern} == {"filings/c000-2024.htm", "filings/c001-2024.htm"}
    assert [d.document_id for d in sftdata.read("filings")] == [d.document_id for d in by_pattern]
    absolute = sftdata.read(tmp_path / "filings" / "c000-2024.htm")
    assert absolute[0].text == by_pattern[0].text
    both = sftdata.read(["filings/*.htm", tmp_path / "filings"])
    assert len(both) == 2, "a file that two patterns name is read once"


def test_read_keeps_what_it_could_not_read(tmp_path) -> None:
    write_filings(tmp_path, companies=1, years=(2024,))
    (tmp_path / "empty.htm").touch()
    (tmp_path / "noise.htm").write_bytes(bytes(range(256)) * 40)
    found = sftdata.read(tmp_path / "*.htm")
    assert len(found) == 1
    assert {Path(r.path).name: r.reason for r in found.rejects} == {
        "empty.htm": "empty_file",
        "noise.htm": "unknown_format",
    }
    frame = found.to_pandas()
    assert frame.loc[0, "facts"] == len(found[0].facts) > 10
    assert len(found.facts()) == len(found[0].facts)
    for fact in found[0].facts:
        if fact.start is not None:
            assert found[0].text[fact.start : fact.end] == fact.as_reported


def test_the_same_filing_twice_gets_two_ids(tmp_path) -> None:
    write_filings(tmp_path, companies=1, years=(2024,))
    copy = tmp_path / "copy.htm"
    copy.write_bytes((tmp_path / "c000-2024.htm").read_bytes())
    first, second = sftdata.read(tmp_path / "*.htm")
    assert first.document_id != second.document_id
    assert replace(first, document_id="", source=second.source).text == second.text


@pytest.mark.parametrize(
    ("files", "given", "words"),
    [
        ("nothing/*.htm", {}, "folder of documents 'nothing' does not exist"),
        ("*.nothing", {}, "matches no file"),
        ("*.htm", {"reader": "ixbrll"}, "Did you mean 'ixbrl'"),
        ("*.htm", {"options": {"a": 1}}, "name the reader"),
    ],
)
def test_read_says_what_is_wrong(files, given, words, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=words):
        sftdata.read(files, **given)
