"""A small build and a tiny model that shares its tokenizer; training on one thread, to the bit."""

import pytest
from documents import filing
from project import write_project
from tiny_model import write_tiny_model

from sftdata.pipeline import build
from sftdata.training.config import load_train_config

FAMILIES = {"use": ["finance/cover_page", "finance/reported_facts"]}
SETTINGS = {
    "precision": "fp32",
    "max_steps": 6,
    "threads": 1,
    "batch": {"tokens": 1200},
    "optimiser": {"learning_rate": 1e-3},
    "evaluation": {"max_samples": 2},
}


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    texts = [filing(company, 2024) for company in range(2)]
    return write_tiny_model(tmp_path_factory.mktemp("base") / "tiny", texts, vocabulary=1024)


@pytest.fixture(scope="session")
def made(model, tmp_path_factory):
    template = {"tokenizer": str(model), "template": "tokenizer", "max_length": 8192}
    folder = tmp_path_factory.mktemp("trained")
    return build(write_project(folder, companies=8, families=FAMILIES, template=template)).path


@pytest.fixture(scope="session")
def settings(model):
    def make(method="qlora", **changes):
        given = {**SETTINGS, "method": method, "model": str(model)}
        for key, value in changes.items():
            given[key] = (
                {**given[key], **value} if isinstance(value, dict) and key in given else value
            )
        return load_train_config(given)

    return make
