"""Samples and predictions for tests of the evaluation: small, made by hand, both languages."""

import json

from sftdata.types import Evidence, Message, Passage, Sample

EN = "Net sales were $94,036 million in 2024, up from $85,777 million in 2023."
ZH = "2024年营业收入为1.2亿元，净利润为3,000万元。"


def cited(text, *, answerable=True, citations=(), reason=None, **more):
    return {
        "answerable": answerable,
        "answer": text,
        "citations": [{"passage": p, "quote": q} for p, q in citations],
        "calculation": None,
        "confidence": "high" if answerable else "none",
        "reason": reason,
        "needed": [] if answerable else ["the annual report"],
    } | more


def sample(name, kind, answer, *, passage=EN, locale="en", group="acme", evidence=(), **more):
    """Return a sample whose prompt has one passage, [P1], of document `d`."""
    question = more.pop(
        "question", "What were net sales?" if locale == "en" else "营业收入是多少？"
    )
    said = answer["text"] if kind == "writing" else json.dumps(answer, ensure_ascii=False)
    given = {
        "family_version": 1,
        "family": f"finance/{kind}",
        "domain": "finance",
        "split": "test",
        "document_ids": ("d",),
        "answer_schema": "answers/cited_answer.json" if kind in ("evidence", "refusal") else "",
    }
    return Sample(
        sample_id=name,
        kind=kind,
        locale=locale,
        group=group,
        prompt=(
            Message(role="system", content="Answer from the passages."),
            Message(role="user", content=f"[P1] Report\n\n{passage}\n\nQuestion: {question}"),
        ),
        completion=(Message(role="assistant", content=said),),
        question=question,
        answer=json.dumps(answer, ensure_ascii=False),
        context=(Passage(document_id="d", start=100, end=100 + len(passage)),),
        evidence=tuple(
            Evidence(
                document_id="d",
                start=100 + passage.index(quote),
                end=100 + passage.index(quote) + len(quote),
                quote=quote,
            )
            for quote in evidence
        ),
        **(given | more),
    )


def question(name="q", **more):
    answer = cited("Net sales were $94,036 million [P1].", citations=[("P1", EN)])
    return sample(name, "evidence", answer, evidence=[EN], **more)


def refusal(name="r", reason="field_absent", **more):
    answer = cited("The passages do not state net income.", answerable=False, reason=reason)
    return sample(name, "refusal", answer, reason_code=reason, **more)
