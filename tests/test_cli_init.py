"""`sftdata init`: a project that works as it is, once documents are in it."""

from pathlib import Path

import pytest
import yaml
from command import Command
from documents import write_filings

from sftdata.config import BuildConfig, load_config
from sftdata.scaffold import init


def test_it_makes_a_layout_and_says_what_is_next(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    done = Command(capsys)("init", tmp_path / "my project")
    assert done.code == 0
    assert [Path(line).name for line in done.out.splitlines()] == [
        "config.yaml",
        "documents",
        "families",
    ]
    assert "sftdata preview" in done.err
    write_filings(tmp_path / "my project" / "documents", companies=1, years=(2024,))
    again = Command(capsys)("validate", tmp_path / "my project" / "config.yaml")
    assert again.code == 0, again.err


def test_it_never_overwrites(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    init(tmp_path)
    (tmp_path / "config.yaml").write_text("mine", encoding="utf-8")
    done = Command(capsys)("init", tmp_path)
    assert done.code == 2
    assert "config.yaml exists already" in done.err
    assert (tmp_path / "config.yaml").read_text(encoding="utf-8") == "mine"


def test_what_it_writes_out_are_the_defaults(tmp_path: Path) -> None:
    """The commented configuration shows defaults: it may not quietly change one."""
    init(tmp_path / "shop")
    written = load_config(tmp_path / "shop" / "config.yaml")
    given = yaml.safe_load((tmp_path / "shop" / "config.yaml").read_text(encoding="utf-8"))
    plain = BuildConfig(documents={"files": ["**/*"]})
    for group in set(given) - {"name", "seed", "documents", "card", "families"}:
        for key in given[group]:
            assert getattr(getattr(written, group), key) == getattr(getattr(plain, group), key), key
    assert written.families.locales == plain.families.locales
    assert written.seed == plain.seed
    assert (written.name, written.card.title) == ("shop", "shop")
