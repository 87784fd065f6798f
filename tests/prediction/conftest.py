"""A small build and a tiny model to ask about it."""

import pytest
from project import write_project
from tiny_model import write_tiny_model

from sftdata.pipeline import build

FAMILIES = {"use": ["finance/cover_page", "finance/single_fact"]}


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    return build(write_project(tmp_path_factory.mktemp("asked"), families=FAMILIES))


@pytest.fixture(scope="session")
def model(made, tmp_path_factory):
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    texts = [m.content for s in made.samples() for m in (*s.prompt, *s.completion)]
    return write_tiny_model(tmp_path_factory.mktemp("model") / "tiny", texts)
