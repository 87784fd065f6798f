"""Argilla: a dataset folder as `rg.Dataset.from_disk` reads it, with settings and records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from sftdata.exporting.exporter import Exporter, Job
from sftdata.exporting.review import GUIDELINES, ISSUES, VERDICTS_ASKED, evidence_text
from sftdata.exporting.rows import Row, Rule

__all__ = ["ArgillaExporter"]

_METADATA = ("sample_id", "split", "kind", "family", "domain", "locale")


class ArgillaExporter(Exporter):
    """Fields prompt (chat), answer and evidence; questions verdict, issues, correction, comment.

    The record's id is the sample id, so what is written back joins by it.
    """

    name: ClassVar[str] = "argilla"
    title: ClassVar[str] = "Argilla 2: records and settings for human review"
    uses_model: ClassVar[bool] = False

    reviewers: int = 1
    """How many people judge each sample (`min_submitted`)."""

    def rules(self, job: Job) -> Sequence[Rule]:
        """Return no rule: a reviewer should see every row."""
        del job
        return ()

    def write(self, job: Job) -> None:
        """Write settings, the dataset's description, and the records of all splits."""
        distribution = {"strategy": "overlap", "min_submitted": self.reviewers}
        settings = {
            "guidelines": GUIDELINES,
            "questions": _questions(),
            "fields": _fields(),
            "vectors": [],
            "metadata": [_term(name) for name in _METADATA],
            "allow_extra_metadata": False,
            "distribution": distribution,
            "mapping": None,
        }
        dataset = {
            "name": job.name,
            "status": "draft",
            "guidelines": GUIDELINES,
            "allow_extra_metadata": False,
            "distribution": distribution,
        }
        job.folder.json(".argilla/settings.json", settings)
        job.folder.json(".argilla/dataset.json", dataset)
        job.folder.array("records.json", _records(job), ids="id")
        job.next.append(
            'python -c "import argilla as rg; rg.Argilla(); '
            "rg.Dataset.from_disk('{out}', workspace='WORKSPACE')\""
        )


def _records(job: Job) -> Iterator[dict[str, Any]]:
    for split in job.splits:
        for row in job.rows(split):
            yield _record(row)


def _record(row: Row) -> dict[str, Any]:
    return {
        "id": row.sample_id,
        "fields": {
            "prompt": row.messages[:-1],
            "answer": row.messages[-1]["content"],
            "evidence": evidence_text(row),
        },
        "metadata": {name: getattr(row, name) for name in _METADATA},
        "suggestions": {},
        "responses": {},
        "vectors": {},
        "status": "pending",
    }


def _fields() -> list[dict[str, Any]]:
    chat = {"type": "chat", "use_markdown": False}
    text = {"type": "text", "use_markdown": False}
    return [
        _part("prompt", "Prompt / 提示", chat, required=True),
        _part("answer", "Answer / 答案", text, required=True),
        _part("evidence", "Evidence / 证据", text, required=False),
    ]


def _questions() -> list[dict[str, Any]]:
    shown = {"visible_options": None}
    verdict = {"type": "label_selection", "options": _options(VERDICTS_ASKED), **shown}
    issues = {"type": "multi_label_selection", "options": _options(ISSUES), **shown}
    issues["options_order"] = "natural"
    text = {"type": "text", "use_markdown": False}
    return [
        _part("verdict", "Is the answer right? / 答案是否正确？", verdict, required=True),
        _part("issues", "What is wrong? / 问题在哪里？", issues, required=False),
        _part("correction", "The right answer / 正确答案", text, required=False),
        _part("comment", "Comment / 备注", text, required=False),
    ]


def _part(name: str, title: str, settings: Mapping[str, Any], *, required: bool) -> dict[str, Any]:
    return {
        "name": name,
        "title": title,
        "description": None,
        "required": required,
        "settings": dict(settings),
        "type": settings["type"],
    }


def _options(words: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"value": value, "text": text} for value, text in words.items()]


def _term(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "title": name,
        "settings": {"type": "terms", "values": None, "visible_for_annotators": True},
        "visible_for_annotators": True,
    }
