"""Which wordings of questions are in train and in held-out splits alike?"""

from __future__ import annotations

from collections import Counter
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sftdata.dataset import AuditData, joined
from sftdata.part import Part
from sftdata.report import CheckResult, Finding

__all__ = ["TemplatesCheck"]

_CAPITALS = r"(?:[A-Z][\w&.,'’-]*)(?:\s+(?:of|and|the|for|&)?\s*[A-Z][\w&.,'’-]*)*"
_QUOTED = r"[“\"«「『《][^”\"»」』》]{1,80}[”\"»」』》]"


class TemplatesCheck(Part):
    """Counts question templates that train and held-out splits share. It informs, never blames.

    A template is the wording that a family records (`phrasing`), or else the question with its
    numbers, names and quoted words blanked.
    """

    name: ClassVar[str] = "templates"
    title: ClassVar[str] = "Question templates told"
    question: ClassVar[str] = "How many held-out questions are worded by a template of train?"
    fault: ClassVar[str] = "templates in two splits"
    why: ClassVar[str] = (
        "A score on known wordings says how well the task is done, not how well other people's "
        "questions are understood. Both are worth knowing apart."
    )
    action: ClassVar[str] = ""
    severity: ClassVar[str] = "info"
    needs: ClassVar[tuple[str, ...]] = ("split", "question")
    across: ClassVar[bool] = True

    def __call__(self, data: AuditData) -> CheckResult:
        """Compare the templates of train with those of each held-out split."""
        names = _templates(data)
        train = Counter(names[data.rows_of(data.train)].tolist())
        findings, shares = [], {}
        for held in data.splits[1:]:
            rows = data.rows_of(held)
            mine = Counter(names[rows].tolist())
            shared = [name for name in mine if name in train]
            count = sum(mine[name] for name in shared)
            shares[held] = round(count / max(len(rows), 1), 4)
            if shared:
                top = max(shared, key=lambda name: (mine[name], name))
                findings.append(
                    Finding.of(
                        self.name,
                        "info",
                        f"{count:,} of {len(rows):,} questions of {held} use {len(shared):,} "
                        f"templates of {data.train}; the most used one {mine[top]:,} times",
                        subject=held,
                        count=count,
                        split_pair=(data.train, held),
                    )
                )
        return CheckResult.of(
            self,
            findings,
            compared=f"{len(set(names.tolist())):,} templates of {data.rows:,} questions",
            metrics={"templates": len(set(names.tolist())), "share_known": dict(shares)},
        )


def _templates(data: AuditData) -> NDArray[np.object_]:
    blanked = np.array(_blank(data.array("question")).to_pylist(), dtype=object)
    if not data.has("phrasing"):
        return blanked
    stated = data.values("phrasing")
    family = data.values("family") if data.has("family") else [""] * data.rows
    known = [f"{f}:{p}" if p else "" for f, p in zip(family, stated, strict=True)]
    return np.where(np.array([bool(k) for k in known]), np.array(known, dtype=object), blanked)


def _blank(questions: pa.Array) -> pa.Array:
    """Blank quoted words, names and numbers (the first word stays: it begins the sentence)."""
    text = pc.replace_substring_regex(pc.fill_null(questions, ""), _QUOTED, "_")
    text = pc.replace_substring_regex(text, r"\d[\d,.]*", "0")
    first = pc.utf8_lower(pc.utf8_slice_codeunits(text, 0, 1))
    rest = pc.utf8_slice_codeunits(text, 1)
    rest = pc.replace_substring_regex(rest, r"\b" + _CAPITALS, "_")
    text = joined([first, rest], "")
    return pc.utf8_trim_whitespace(pc.replace_substring_regex(text, r"\s+", " "))
