"""Alpaca: instruction, input, output. The smallest format, and the one that loses most."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from sftdata.exporting.exporter import Exporter, Job
from sftdata.exporting.rows import Rule, one_turn, says_something

__all__ = ["AlpacaExporter"]


class AlpacaExporter(Exporter):
    r"""One JSON array per split; `input` is empty, because trainers join it with a `\n`.

    The system message stands in a column of its own, which only some trainers read.
    """

    name: ClassVar[str] = "alpaca"
    title: ClassVar[str] = "Alpaca (instruction, input, output)"
    uses_model: ClassVar[bool] = False
    loses: ClassVar[tuple[str, ...]] = (
        "the system message, where a trainer reads instruction, input and output alone",
        "conversations of several turns, which are left out",
        "lineage: documents, evidence and checks stay in the build",
    )

    def rules(self, job: Job) -> Sequence[Rule]:
        """Return the rules: one question, one answer."""
        del job
        return (one_turn, says_something)

    def write(self, job: Job) -> None:
        """Write one JSON file per split."""
        for split in job.splits:
            rows = (
                {
                    "instruction": row.turns[0]["content"],
                    "input": "",
                    "output": row.turns[-1]["content"],
                    "system": row.system,
                    "id": row.sample_id,
                }
                for row in job.rows(split)
            )
            job.folder.array(f"{split}.json", rows, split=split, ids="id")
        job.warnings.append(
            "this format loses the system message in trainers that do not read the column "
            "`system`; the model would then see another prompt than the audited one"
        )
