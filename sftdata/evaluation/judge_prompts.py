"""What a judge is asked, and what of its answer is taken: rubrics and verdicts."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from sftdata.evaluation.outputs import read_json
from sftdata.evaluation.tokens import is_chinese
from sftdata.types import Sample

__all__ = ["VERDICTS", "pair_messages", "single_messages", "verdict"]

VERDICTS: dict[str, dict[str, tuple[str, ...]]] = {
    "single": {"correct": ("yes", "partly", "no"), "grounded": ("yes", "no")},
    "pair": {"winner": ("A", "B", "tie")},
}
"""What a verdict must hold, and the allowed words: those that people are given in a review."""

_FILE = Path(__file__).resolve().parent / "data" / "rubrics.yaml"
_DOMAINS = {"finance": "金融", "medicine": "医疗", "medical": "医疗"}
_LONGEST = 60_000


@cache
def _rubrics() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    return found


def single_messages(sample: Sample, output: str) -> list[dict[str, str]]:
    """Return the conversation that asks for a verdict on one output."""
    return _messages(sample, "single", {"": output})


def pair_messages(sample: Sample, first: str, second: str) -> list[dict[str, str]]:
    """Return the conversation that asks which of two outputs is better."""
    return _messages(sample, "pair", {"A": first, "B": second})


def _messages(sample: Sample, mode: str, outputs: dict[str, str]) -> list[dict[str, str]]:
    """Put task, reference and outputs between boundary lines that none of them holds."""
    words = _rubrics()["zh" if is_chinese(sample.locale) else "en"]
    task = "\n\n".join(m.content for m in sample.prompt)[:_LONGEST]
    reference = "\n".join(m.content for m in sample.completion)
    parts = [(words["task"], task), (words["reference"], reference)]
    parts += [(f"{words['output']} {n}".strip(), text[:_LONGEST]) for n, text in outputs.items()]
    boundary = _boundary(parts)
    domain = _DOMAINS.get(sample.domain, sample.domain) if is_chinese(sample.locale) else None
    system = (
        words["system"]
        .replace("{domain}", domain or sample.domain)
        .replace("{boundary}", boundary)
        .replace("{kind}", words["kinds"].get(sample.kind, words["kinds"]["evidence"]))
    )
    blocks = [f"--- {boundary} {title} ---\n{text}\n--- {boundary} ---" for title, text in parts]
    user = "\n\n".join([*blocks, words[mode].strip()])
    return [{"role": "system", "content": system.strip()}, {"role": "user", "content": user}]


def _boundary(parts: list[tuple[str, str]]) -> str:
    """Return a mark made from the texts, so that none of them can have been made to hold it."""
    whole = "\x1f".join(text for _, text in parts)
    for turn in range(100):
        mark = "DATA-" + hashlib.sha256(f"{turn}\x1f{whole}".encode()).hexdigest()[:16]
        if mark not in whole:
            return mark
    raise AssertionError("a text holds its own hash")  # pragma: no cover


def verdict(reply: str, mode: str) -> dict[str, str] | None:
    """Return the verdict of a reply; None where it is not what was asked for.

    >>> verdict('{"winner": "B", "reason": "x"}', "pair")
    {'winner': 'B'}
    >>> verdict('{"winner": "both"}', "pair") is None
    True
    """
    value = read_json(reply).value
    if not isinstance(value, dict):
        return None
    found = {}
    for name, allowed in VERDICTS[mode].items():
        said = str(value.get(name, "")).strip().casefold()
        word = next((a for a in allowed if a.casefold() == said), None)
        if word is None:
            return None
        found[name] = word
    return found
