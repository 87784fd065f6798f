"""Does the model learn to stop?"""

from __future__ import annotations

from typing import ClassVar

from sftdata.chat.faults import chat_of, faults_of
from sftdata.dataset import AuditData
from sftdata.part import Part
from sftdata.report import CheckResult, Finding

__all__ = ["StopCheck"]


class StopCheck(Part):
    """Finds trained turns that no stop token ends, or whose stop token is no end for a server."""

    name: ClassVar[str] = "template_stop"
    title: ClassVar[str] = "Stop token is trained"
    question: ClassVar[str] = "Does every trained turn end with a stop token that is in the loss?"
    fault: ClassVar[str] = "samples whose answer has no stop token"
    why: ClassVar[str] = (
        "A model that never learns the stop token talks on until the limit of the server."
    )
    action: ClassVar[str] = "Take a template that writes an end-of-turn token after the answer."
    severity: ClassVar[str] = "error"
    needs: ClassVar[tuple[str, ...]] = ("chat",)
    across: ClassVar[bool] = False

    def __call__(self, data: AuditData) -> CheckResult:
        """Look at the end of every trained turn."""
        chat, faults = chat_of(data), faults_of(data)
        findings = []
        if faults.unstopped:
            findings.append(
                Finding.of(
                    self.name,
                    "error",
                    f"{len(faults.unstopped):,} samples have a trained turn without a stop token",
                    subject="unstopped",
                    ids=data.named(faults.unstopped),
                    action=self.action,
                )
            )
        stop = chat.template.stop.strip()
        tokenizer = chat.tokenizer
        if stop and tokenizer is not None and not faults.unstopped:
            pieces = len(tokenizer.encode([stop])[0])
            if pieces != 1:
                findings.append(
                    Finding.of(
                        self.name,
                        "error",
                        f"the tokenizer cuts the stop token {stop!r} into {pieces} pieces",
                        subject="pieces",
                        count=data.rows,
                        action="Take the template that belongs to this tokenizer.",
                    )
                )
            elif tokenizer.special_tokens.get("eos_token") != stop:
                findings.append(
                    Finding.of(
                        self.name,
                        "info",
                        f"turns end with {stop!r}, the tokenizer's eos_token is "
                        f"{tokenizer.special_tokens.get('eos_token')!r}",
                        subject="other_eos",
                        count=data.rows,
                        action=f"Let a server stop at {stop!r} too (generation_config.json).",
                    )
                )
        return CheckResult.of(
            self,
            findings,
            compared=f"{data.rows:,} conversations, rendered with {chat.template.name}",
            metrics={"stop": stop},
        )
