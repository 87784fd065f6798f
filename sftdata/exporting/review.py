"""What a person who reviews samples is shown and asked, in English and Chinese."""

from __future__ import annotations

from collections.abc import Mapping

from sftdata.exporting.rows import Row

__all__ = ["GUIDELINES", "ISSUES", "VERDICTS_ASKED", "evidence_text", "prompt_text"]

GUIDELINES = (
    "Read the prompt as a model would see it, then the answer. Judge from the context in the "
    "prompt alone, never from memory. The evidence is what the answer rests on, quoted from the "
    "source.\n\n"
    "请像模型一样先读提示，再读答案。只依据提示中的上下文判断，不凭记忆。证据是答案所依据的原文。"
)

VERDICTS_ASKED: Mapping[str, str] = {
    "correct": "Correct / 正确",
    "wrong": "Wrong / 错误",
    "unsure": "Cannot tell / 无法判断",
}

ISSUES: Mapping[str, str] = {
    "value": "Wrong value or unit / 数值或单位错误",
    "period": "Wrong period or date / 期间或日期错误",
    "evidence": "Evidence does not support it / 证据不支持",
    "incomplete": "Incomplete / 不完整",
    "refusal": "Refusal is wrong / 不应拒答",
    "wording": "Language or format / 语言或格式",
    "personal": "Names a person / 含个人信息",
}


def prompt_text(row: Row) -> str:
    """Return all but the last turn as one text with the roles above the turns."""
    return "\n\n".join(f"[{m['role']}]\n{m['content']}" for m in row.messages[:-1])


def evidence_text(row: Row) -> str:
    """Return the quotes of the evidence, each with its document and place."""
    return "\n\n".join(
        f"{e['document_id']} [{e['start']}, {e['end']})\n{e['quote']}" for e in row.evidence
    )
