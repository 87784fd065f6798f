"""The three cards that a build leaves beside its data: English, Chinese, and for machines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sftdata.report import DataFile
from sftdata.reporting.card import dataset_card
from sftdata.reporting.card_counts import CardInputs
from sftdata.reporting.card_zh import dataset_card_zh
from sftdata.reporting.croissant import croissant

__all__ = ["CARDS", "write_cards"]

CARDS = ("README.md", "README_zh.md", "croissant.json")


def write_cards(inputs: CardInputs, files: Sequence[DataFile], out: Path) -> list[Path]:
    """Write the cards and return their paths; `files` are the data files by their hashes."""
    texts = (dataset_card(inputs), dataset_card_zh(inputs), croissant(inputs, files))
    paths = [out / name for name in CARDS]
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text, encoding="utf-8")
    return paths
