"""Every built-in family has golden examples in both languages, and they hold."""

import pytest

from sftdata.families.examples import read_cases
from sftdata.families.load import load_families
from sftdata.family_check import check_families

FAMILIES = load_families()


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_examples_hold(name: str) -> None:
    (check,) = check_families(FAMILIES[name].folder)
    assert check.family == name
    assert check.ok, "\n".join(check.problems)


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_examples_speak_both_languages(name: str) -> None:
    """A prompt that no person has read in a language is not finished in it."""
    cases = read_cases(FAMILIES[name].folder / "examples.yaml")
    shown = {case.locale for case in cases if case.expect and case.expect.samples}
    assert shown >= {"en", "zh"}
    for case in cases:
        assert len(case.document.text) < 2500, f"{case.name}: too long to be read"
