"""Does a row begin twice?"""

from __future__ import annotations

from typing import ClassVar

from sftdata.chat.faults import chat_of, faults_of
from sftdata.dataset import AuditData
from sftdata.part import Part
from sftdata.report import CheckResult, Finding

__all__ = ["BosCheck"]


class BosCheck(Part):
    """Finds texts with two BOS tokens, and tokenizers that would add a second one."""

    name: ClassVar[str] = "template_bos"
    title: ClassVar[str] = "One BOS token"
    question: ClassVar[str] = "Does every row begin with one BOS token at most?"
    fault: ClassVar[str] = "samples that begin with two BOS tokens"
    why: ClassVar[str] = (
        "Rendered text has its own BOS. Whoever tokenises it with special tokens puts a "
        "second one in front, which the model has never seen."
    )
    action: ClassVar[str] = "Take the BOS out of the data or of the template."
    severity: ClassVar[str] = "error"
    needs: ClassVar[tuple[str, ...]] = ("chat",)
    across: ClassVar[bool] = False

    def __call__(self, data: AuditData) -> CheckResult:
        """Look at the beginning of every rendered row, and at what the tokenizer adds."""
        chat, faults = chat_of(data), faults_of(data)
        findings = []
        if faults.doubled:
            findings.append(
                Finding.of(
                    self.name,
                    "error",
                    f"{len(faults.doubled):,} samples begin with two BOS tokens",
                    subject="doubled",
                    ids=data.named(faults.doubled),
                    action=self.action,
                )
            )
        before = chat.tokenizer.added_around[0] if chat.tokenizer is not None else ()
        begins = [r for r in faults.begins if r not in set(faults.doubled)]
        if before and chat.tokenizer is not None and begins:
            findings.append(
                Finding.of(
                    self.name,
                    "info",
                    f"the template begins with BOS, and the tokenizer adds "
                    f"{chat.tokenizer.decode(before)!r} once more if asked for special tokens",
                    subject="added",
                    count=len(begins),
                    action="Send token ids or messages to a server; text only with "
                    "add_special_tokens=False (the tokens of this dataset are made so).",
                )
            )
        return CheckResult.of(
            self,
            findings,
            compared=f"the beginnings of {len(faults.begins):,} rows with a BOS token",
        )
