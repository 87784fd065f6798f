"""One small build that the tests of evaluation share."""

import pytest
from documents import finance, write_filings

from sftdata import build
from sftdata.judged import open_judged


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """A small build; its train split has several companies."""
    folder = tmp_path_factory.mktemp("evaluated")
    write_filings(folder / "documents", companies=5, years=(2024,))
    locales = {"en": {"en": 0.5, "zh": 0.5}}
    config = finance(
        folder / "documents",
        families={"use": ["finance/*"], "locales": locales},
        balance={"max_per_document": 40, "max_group_share": 1.0},
    )
    return build(config, folder / "out").path


@pytest.fixture(scope="session")
def samples(built):
    return list(open_judged(built, force=True).samples("train"))
