"""What of a sample is compared: its task (question and answer), its context, its evidence.

A row is a mapping with the columns of `SAMPLES`; columns that are missing count as empty.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sftdata.similarity.clusters import components
from sftdata.similarity.lsh import bands_for, candidates
from sftdata.similarity.minhash import EMPTY, estimate

__all__ = ["answer_text", "context_text", "evidence_groups", "subjects", "task_text"]

I64 = NDArray[np.int64]
Row = Mapping[str, Any]

_LABEL = re.compile(r"^P\d{1,3}$|\[P\d{1,3}\]")
"""A passage's number in its prompt: the same answer may cite the same text as P1 or P3."""


def task_text(row: Row) -> str:
    """Return question and answer: the task without its context."""
    return f"{row.get('question') or ''}\n{answer_text(row)}"


def answer_text(row: Row) -> str:
    """Return what a sample answers, as words: the strings and numbers of its JSON answer.

    Why not the JSON itself: field names are the same in every sample, and would make short
    answers alike. Passage numbers (`P2`) go too: they depend on the order of the context. An
    answer that is not JSON is taken as it is; where there is none, the completion is.

    >>> answer_text({"answer": '{"answerable": true, "answer": "5 %", "value": 0.05,'
    ...                        ' "citations": [{"passage": "P2", "quote": "rose 5 %"}]}'})
    '5 % 0.05 rose 5 %'
    """
    answer = row.get("answer") or _said(row.get("completion"))
    try:
        parsed = json.loads(answer, parse_float=str, parse_int=str)
    except (ValueError, RecursionError):
        parsed = answer
    found = (_LABEL.sub(" ", value).strip() for value in _values(parsed))
    return " ".join(value for value in found if value)


def _said(turns: Any) -> str:
    if isinstance(turns, str):
        return turns
    return "\n\n".join(turn["content"] for turn in turns or [])


def _values(node: Any) -> list[str]:
    """Return the strings of parsed JSON in order; without recursion, for hostile nesting."""
    found, left = [], [node]
    while left:
        item = left.pop()
        if isinstance(item, str):
            found.append(item)
        elif isinstance(item, dict):
            left.extend(reversed(item.values()))
        elif isinstance(item, list):
            left.extend(reversed(item))
    return found


def context_text(row: Row) -> str:
    r"""Return the user turns of a sample without its question: the passages and their frame.

    >>> context_text({"question": "How much?", "prompt": [
    ...     {"role": "user", "content": "[P1] Cash was $5.\n\nHow much?"}]})
    '[P1] Cash was $5.\n\n '
    """
    turns = row.get("prompt") or []
    if isinstance(turns, str):
        turns = [{"role": "user", "content": turns}]
    text = _said([turn for turn in turns if turn["role"] == "user"])
    question = row.get("question") or ""
    return text.replace(question, " ") if question else text


def subjects(row: Row) -> list[str]:
    """Return the documents that a sample is about: the first of its list and those it quotes.

    The other documents of its context are distractors.
    """
    quoted = [evidence["document_id"] for evidence in row.get("evidence") or []]
    return sorted({*(row.get("document_ids") or [])[:1], *quoted})


def evidence_groups(
    contexts: NDArray[np.uint32], documents: Sequence[Sequence[str]], threshold: float
) -> I64:
    """Return a number per row: equal where rows rest on the same evidence.

    Rows do when they are about one document or when their contexts are near-duplicates. Rows
    with neither document nor context are taken together: nothing tells them apart.

    Args:
        contexts: MinHash signatures of the contexts. Their similarity is estimated, because the
            shingles of every context would be many times the size of all else.
        documents: per row, the documents that it is about (`subjects`).
        threshold: least similarity of near-equal contexts.
    """
    distinct, first, inverse = np.unique(contexts, axis=0, return_index=True, return_inverse=True)
    inverse = inverse.ravel()
    found = candidates(distinct, *bands_for(threshold, contexts.shape[1]))
    near = estimate(distinct[found[:, 0]], distinct[found[:, 1]]) >= threshold
    filled = (distinct != EMPTY).any(axis=1)[inverse]
    same = np.column_stack([np.arange(len(contexts)), first[inverse]])[filled]
    owner: dict[str, int] = {}
    shared: list[tuple[int, int]] = []
    for row, (names, has_context) in enumerate(zip(documents, filled.tolist(), strict=True)):
        # An empty name stands for "nothing known": no document has it.
        known = names or ([] if has_context else [""])
        shared.extend((row, owner.setdefault(name, row)) for name in known)
    edges = [first[found[near]], same, np.array(shared, dtype=np.int64).reshape(-1, 2)]
    return components(len(contexts), np.concatenate(edges).astype(np.int64))
