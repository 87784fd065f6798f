"""Were samples cut off before the audit saw them?"""

from __future__ import annotations

import json
import re
from typing import ClassVar

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray
from pydantic import Field

from sftdata.dataset import AuditData
from sftdata.part import Part
from sftdata.report import CheckResult, Finding

__all__ = ["TruncationCheck"]

_ENDS = r"[.!?。！？…:：;；)\]}）】」』”\"’'>|*`\d%％]\s*$"
_OPEN = re.compile(r"```")
LEAST = 20
"""Samples from which a habit (how completions end, how long texts are) can be seen."""


class TruncationCheck(Part):
    """Finds completions that stop in the middle, and lengths that pile up at a limit.

    A completion that begins as JSON must parse, a code fence must be closed. Where nearly all
    completions end like a sentence, those that end in the middle of a word or clause are told
    apart. Many texts of exactly the greatest length were cut by whoever wrote them. Where
    tokens were counted, a sample over the limit without its completion's end teaches no end.
    """

    name: ClassVar[str] = "truncation"
    title: ClassVar[str] = "Nothing cut off"
    question: ClassVar[str] = "Does any completion or prompt stop in the middle?"
    fault: ClassVar[str] = "samples that were cut off"
    why: ClassVar[str] = (
        "A model that learns from cut answers stops in the middle; a cut prompt has lost its "
        "question or its evidence."
    )
    action: ClassVar[str] = "Make these samples again with a higher limit, or drop them."
    severity: ClassVar[str] = "warning"
    needs: ClassVar[tuple[str, ...]] = ("completion",)
    across: ClassVar[bool] = False

    habit: float = Field(0.95, gt=0.5, le=1)
    """Share of completions that must end like a sentence before the others stand out."""

    def __call__(self, data: AuditData) -> CheckResult:
        """Look at the end of every completion, and at the longest prompts and completions."""
        completions = pc.utf8_trim_whitespace(pc.fill_null(data.array("completion"), ""))
        findings = []
        broken = _unclosed(completions)
        if len(broken):
            findings.append(
                self._finding(data, broken, "begin as JSON or code and are not closed", "unclosed")
            )
        open_ended = self._open_ended(completions, broken)
        if len(open_ended):
            findings.append(
                self._finding(data, open_ended, "end in the middle of a sentence", "open")
            )
        for column in ("prompt", "completion"):
            if data.has(column):
                rows, size = _piled(pc.fill_null(data.array(column), ""))
                if len(rows):
                    words = f"have a {column} of exactly {size:,} characters, the greatest length"
                    findings.append(self._finding(data, rows, words, f"pile:{column}"))
        return CheckResult.of(
            self,
            findings,
            compared=f"the ends and lengths of {data.rows:,} samples",
            metrics={"unclosed": len(broken), "open_ended": len(open_ended)},
        )

    def _open_ended(self, completions: object, broken: NDArray[np.int64]) -> NDArray[np.int64]:
        long = np.asarray(pc.greater(pc.utf8_length(completions), 40))
        closed = np.asarray(pc.match_substring_regex(completions, _ENDS))
        if long.sum() < LEAST or closed[long].mean() < self.habit:
            return np.empty(0, dtype=np.int64)
        return np.setdiff1d(np.flatnonzero(long & ~closed), broken)

    def _finding(
        self, data: AuditData, rows: NDArray[np.int64], words: str, subject: str
    ) -> Finding:
        return Finding.of(
            self.name,
            "warning",
            f"{len(rows):,} samples {words}",
            subject=subject,
            ids=data.named(rows.tolist()),
            action=self.action,
        )


def _unclosed(completions: object) -> NDArray[np.int64]:
    """Return the rows that begin as a JSON object or list, or open a code fence, without end."""
    brace = np.asarray(pc.match_substring_regex(completions, r'^(?:\{\s*"|\[\s*[\[{"\d])'))
    fence = np.asarray(pc.match_substring(completions, "```"))
    out = []
    for row in np.flatnonzero(brace | fence).tolist():
        text = completions[row].as_py()  # type: ignore[index]
        if (brace[row] and _stops(text)) or len(_OPEN.findall(text)) % 2:
            out.append(row)
    return np.array(out, dtype=np.int64)


def _stops(text: str) -> bool:
    """Return whether JSON ends too early; JSON that is wrong in its middle is another fault.

    >>> _stops('{"a": [1, 2'), _stops('{"a": }'), _stops('{"a": 1} and more')
    (True, False, False)
    """
    try:
        json.JSONDecoder().raw_decode(text)
    except json.JSONDecodeError as error:
        rest = text[error.pos :]
        cut_word = any(word.startswith(rest) for word in ("true", "false", "null", "-"))
        return cut_word or error.msg.startswith("Unterminated string")
    except RecursionError:
        return False
    return False


def _piled(texts: object) -> tuple[NDArray[np.int64], int]:
    """Return the rows of the greatest length, if suspiciously many different texts have it."""
    sizes = np.asarray(pc.utf8_length(texts), dtype=np.int64)
    top = int(sizes.max(initial=0))
    rows = np.flatnonzero(sizes == top)
    distinct = len({texts[int(r)].as_py() for r in rows[:200]})  # type: ignore[index]
    near = int((sizes >= 0.98 * top).sum())
    enough = distinct >= max(5, 0.005 * len(sizes)) and len(rows) > 0.5 * near
    return (rows, top) if enough and top >= 200 else (np.empty(0, dtype=np.int64), top)
