"""Reading families: nothing is skipped silently, and every error names the file."""

from pathlib import Path

import pytest

from sftdata.errors import FamilyError
from sftdata.families.load import family_named, load_families
from sftdata.resources import folder

GOOD = """
version: 1
kind: evidence
recipe: lookup
title: A figure
questions: {en: ["What was {{ fact.concept }}?"]}
"""


def _family(root: Path, name: str, text: str = GOOD, templates: bool = True) -> Path:
    place = root / name
    (place / "en").mkdir(parents=True)
    (place / "family.yaml").write_text(text, encoding="utf-8")
    if templates:
        for role in ("system", "user", "assistant"):
            (place / "en" / f"{role}.j2").write_text("{{ question }}", encoding="utf-8")
    return place


def test_every_built_in_family_loads_and_speaks_two_languages():
    families = load_families()
    assert len(families) >= 16
    for family in families.values():
        assert family.locales == ("en", "zh"), family.id
    kinds = {(f.domain, f.kind) for f in families.values()}
    assert {("finance", k) for k in ("extraction", "writing", "evidence", "refusal")} <= kinds


def test_users_families_are_found_beside_the_built_in_ones(tmp_path):
    _family(tmp_path, "finance/mine")
    families = load_families([tmp_path])
    assert families["finance/mine"].folder == tmp_path / "finance" / "mine"
    assert "finance/single_fact" in families


def test_the_same_id_twice_names_both_folders(tmp_path):
    mine = _family(tmp_path, "finance/single_fact")
    with pytest.raises(FamilyError) as caught:
        load_families([tmp_path])
    built_in = folder("task_families") / "finance" / "single_fact"
    assert str(mine) in str(caught.value)
    assert str(built_in) in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("version: 1\nkind: evidence\nrecipe: [", ["family.yaml", "line "]),
        (GOOD + "wieght: 2\n", ["family.yaml", "wieght"]),
        (GOOD.replace("evidence", "evidense"), ["family.yaml", "kind"]),
        ("version: 1\nkind: refusal\nrecipe: remove\ntitle: x\n", ["of:"]),
        (
            "version: 1\nkind: refusal\nrecipe: remove\ntitle: x\nof: finance/single_fct\n",
            ["Did you mean 'finance/single_fact'"],
        ),
        (GOOD + "lexicon: ../../../etc/passwd\n", ["a file name, not a path"]),
    ],
)
def test_a_broken_family_is_an_error_that_names_it(tmp_path, text, words):
    _family(tmp_path, "finance/broken", text)
    with pytest.raises(FamilyError) as caught:
        load_families([tmp_path])
    for word in words:
        assert word in str(caught.value)


def test_a_missing_template_is_named(tmp_path):
    _family(tmp_path, "other/bare", templates=False)
    with pytest.raises(FamilyError, match=r"no templates|en/system\.j2 is missing|system"):
        load_families([tmp_path])


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(FamilyError, match="Did you mean 'finance/single_fact'"):
        family_named("finance/single_facts", load_families())


@pytest.mark.parametrize(
    "attack",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ question.__init__.__globals__ }}",
        "{% for x in passages.append({}) %}{% endfor %}",
        "{% include '/etc/passwd' %}",
        "{{ undefined_name }}",
    ],
)
def test_a_hostile_template_is_refused_when_it_is_rendered(tmp_path, attack):
    from sftdata.families.draft import messages

    place = _family(tmp_path, "other/evil")
    (place / "en" / "user.j2").write_text(attack, encoding="utf-8")
    family = load_families([tmp_path])["other/evil"]
    with pytest.raises(FamilyError, match="other/evil"):
        messages(family, "en", [{"text": "t"}], "q")


def test_document_text_is_never_run_as_a_template():
    from sftdata.families.draft import messages

    family = load_families()["finance/single_fact"]
    text = "Net sales {{ 7 * 7 }} {% raw %} {# note #}"
    _, user = messages(family, "en", [{"text": text}], "{{ 6 * 7 }}?")
    assert text in user.content
    assert "{{ 6 * 7 }}?" in user.content


def test_a_users_family_speaks_with_the_prompts_and_names_of_its_domain(tmp_path):
    place = tmp_path / "finance" / "mine"
    (place / "en").mkdir(parents=True)
    (place / "family.yaml").write_text(GOOD, encoding="utf-8")
    (place / "en" / "assistant.j2").write_text("{{ fact.amount }}", encoding="utf-8")
    families = load_families([tmp_path])
    mine, theirs = families["finance/mine"], families["finance/single_fact"]
    assert mine.template("en", "system") == theirs.template("en", "system")
    assert mine.words == theirs.words
    assert mine.template("en", "assistant") == "{{ fact.amount }}"
