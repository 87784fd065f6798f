"""A configuration: round trips, one-line errors with the key path, overrides, the seed."""

from pathlib import Path

import pytest

from sftdata.config import BuildConfig, load_config
from sftdata.errors import ConfigError

MINIMAL = {"documents": {"files": ["*.htm"]}}


def _write(folder: Path, text: str) -> Path:
    path = folder / "config.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_dumped_configuration_loads_to_the_same_one():
    config = load_config(MINIMAL, ["seed=7", "dedupe.threshold=0.7", "split.ratios={train: 1}"])
    assert load_config(config.model_dump(mode="json")) == config


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "documents: {files: ['*.htm']}\ndedup: {threshold: 0.7}",
            ["dedup", "Did you mean 'dedupe'"],
        ),
        (
            "documents: {files: ['*.htm']}\ndedupe: {treshold: 0.7}",
            ["dedupe.treshold", "'threshold'"],
        ),
        ("documents: {files: ['*.htm']}\ndedupe: {threshold: 7}", ["dedupe.threshold", "given: 7"]),
        ("documents: {}", ["documents.files", "required"]),
        ("documents: {files: ['*.htm']}\nsplit: {ratios: {train: -1}}", ["split.ratios", "-1"]),
        ("documents: {files: ['*.htm'], options: {ixbr: {}}}", ["reader 'ixbr'", "'ixbrl'"]),
        ("documents: {files: [", ["line 1"]),
        ("- a\n- b", ["expected a mapping"]),
        ("documents: {files: ['*.htm']}\nname: ../../etc", ["name", "pattern"]),
        ("documents: {files: ['*.htm']}\nbalance: {mixture: {evidence: -2}}", ["balance.mixture"]),
    ],
)
def test_a_mistake_is_one_line_with_the_key_path(tmp_path, text, words):
    with pytest.raises(ConfigError) as caught:
        load_config(_write(tmp_path, text))
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message


def test_a_missing_file_says_how_to_make_one(tmp_path):
    with pytest.raises(ConfigError, match="sftdata init"):
        load_config(tmp_path / "nothing.yaml")


def test_overrides_reach_nested_settings_and_are_yaml():
    config = load_config(MINIMAL, ["split.ratios={train: 0.5, test: 0.5}", "link.by=[document]"])
    assert config.split.ratios == {"train": 0.5, "test": 0.5}
    assert config.link.by == ("document",)


@pytest.mark.parametrize("override", ["dedupe.threshold", "=3", "name.x=3"])
def test_a_malformed_override_is_named(override):
    with pytest.raises(ConfigError, match="--set"):
        load_config({**MINIMAL, "name": "a"}, [override])


def test_the_seed_reaches_the_parts_that_do_not_name_their_own():
    config = load_config({**MINIMAL, "seed": 11, "split": {"seed": 3}})
    assert (config.split.seed, config.balance.seed) == (3, 11)


def test_paths_start_from_the_folder_of_the_file(tmp_path):
    config = load_config(_write(tmp_path, "documents: {root: docs, files: ['*.htm']}"))
    assert config.root == tmp_path / "docs"


def test_an_unknown_family_is_an_error_with_a_suggestion():
    config = load_config({**MINIMAL, "families": {"use": ["finance/singel_fact"]}})
    with pytest.raises(ConfigError, match="Did you mean 'finance/single_fact'"):
        config.chosen_families()


def test_families_can_be_chosen_by_pattern():
    config = load_config(
        {**MINIMAL, "families": {"use": ["finance/*"], "exclude": ["finance/cover_page"]}}
    )
    names = [f.id for f in config.chosen_families()]
    assert names == sorted(names)
    assert "finance/single_fact" in names
    assert "finance/cover_page" not in names


def test_every_field_of_the_configuration_is_documented():
    def undocumented(model, path):
        for name, field in model.model_fields.items():
            inner = field.annotation
            if isinstance(inner, type) and issubclass(inner, BuildConfig.__mro__[1]):
                yield from undocumented(inner, f"{path}{name}.")
            elif not field.description:
                yield f"{path}{name}"

    allowed = {"name", "card.title", "card.license", "card.description", "families.exclude"}
    missing = set(undocumented(BuildConfig, "")) - allowed
    assert not {
        m
        for m in missing
        if not m.startswith(("link.", "split.", "balance.", "purge.", "template.", "dedupe."))
    }
