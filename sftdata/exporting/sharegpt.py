"""ShareGPT: `conversations` with `from` and `value`, which most older trainers read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from sftdata.exporting.exporter import Exporter, Job
from sftdata.exporting.rows import Rule, alternates, says_something

__all__ = ["ShareGptExporter"]

_FROM = {"system": "system", "user": "human", "assistant": "gpt"}


class ShareGptExporter(Exporter):
    """One file per split; `id` holds the sample id."""

    name: ClassVar[str] = "sharegpt"
    title: ClassVar[str] = "ShareGPT conversations (from, value)"
    uses_model: ClassVar[bool] = False
    loses: ClassVar[tuple[str, ...]] = (
        "which turns are trained: readers of this format train every gpt turn",
        "lineage: documents, evidence and checks stay in the build",
    )

    def rules(self, job: Job) -> Sequence[Rule]:
        """Return the rules: a system message at most, then human and gpt in turn."""
        del job
        return (alternates, says_something)

    def write(self, job: Job) -> None:
        """Write one JSONL file per split."""
        for split in job.splits:
            rows = (
                {
                    "id": row.sample_id,
                    "conversations": [
                        {"from": _FROM[m["role"]], "value": m["content"]} for m in row.messages
                    ],
                }
                for row in job.rows(split)
            )
            job.folder.jsonl(f"{split}.jsonl", rows, split=split, ids="id")
        if job.has_history:
            job.warnings.append(
                "prompts hold assistant turns: a reader of this format trains those as well"
            )
