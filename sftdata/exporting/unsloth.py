"""Unsloth: rendered text and a script whose mask starts where the template's answers start."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import pyarrow.compute as pc

from sftdata.chat.sandbox import RenderRefusedError
from sftdata.chat.template import ChatTemplate
from sftdata.chat.turns import render_sample
from sftdata.errors import ConfigError
from sftdata.exporting.exporter import TRAIN, VALIDATION, Exporter, Job
from sftdata.exporting.files import script
from sftdata.exporting.rows import (
    Rule,
    no_control_text,
    no_history,
    no_part_in_text,
    says_something,
    single_completion,
)
from sftdata.trained_rows import trained_rows
from sftdata.types import Message

__all__ = ["UnslothExporter", "response_parts"]

_MARKS = ("\ue010", "\ue011", "\ue012")


class UnslothExporter(Exporter):
    """Rows as the text that was audited, and `train.py` with response-only masking.

    Unsloth finds answers by text: from `response_part` to the next `instruction_part`. So rows in
    which either stands elsewhere, or whose prompt holds answers, are left out.
    """

    name: ClassVar[str] = "unsloth"
    title: ClassVar[str] = "Unsloth: rendered text and a script that masks all but the answers"
    splits: ClassVar[tuple[str, ...]] = (TRAIN, VALIDATION)

    def rules(self, job: Job) -> Sequence[Rule]:
        """Return the rules under which masking by text is exact."""
        template = job.model.template
        return (
            says_something,
            no_control_text(template),
            no_history,
            single_completion,
            no_part_in_text(*response_parts(template)),
        )

    def write(self, job: Job) -> None:
        """Write the texts and the script."""
        model = job.model.named(self.name)
        if job.model.tokenizer is None:
            raise ConfigError(
                "--to unsloth writes rendered text, which needs the model's tokenizer on this "
                "machine: give --model a folder, or fetch it (`hf download NAME`)"
            )
        template = job.model.template
        instruction, response = response_parts(template)
        rows = {}
        for split in job.splits:
            rows[split] = job.folder.jsonl(
                f"{split}.jsonl", _texts(job, split), split=split, ids="sample_id"
            )
        if not job.trains:
            return
        wired = [s for s in (TRAIN, VALIDATION) if rows.get(s)]
        values = {
            "MODEL": model,
            "FILES": {s: f"{s}.jsonl" for s in wired},
            "ROWS": {s: rows[s] for s in wired},
            "LABELS": _labels(job, wired),
            "MAX_LENGTH": job.row_limit(),
            "INSTRUCTION_PART": instruction,
            "RESPONSE_PART": response,
        }
        job.folder.text("train.py", script("unsloth_train.py.txt", values))
        job.next.append("python train.py --output model")
        if not job.model.carries_template:
            job.warnings.append(
                f"the tokenizer of {job.model.name} does not carry the template "
                f"{template.name} in which the rows are rendered: give it to the server as well"
            )


def _texts(job: Job, split: str) -> Iterator[dict[str, Any]]:
    for row in job.rows(split):
        prompt = [Message(**m) for m in row.prompt]
        completion = [Message(**m) for m in row.completion]
        text = render_sample(job.model.template, prompt, completion).text
        yield {"text": text, "sample_id": row.sample_id}


def _labels(job: Job, splits: Sequence[str]) -> dict[str, int] | None:
    """Return how many tokens are trained in each split; None without a tokenizer."""
    tokenizer = job.model.tokenizer
    if tokenizer is None:
        return None
    counts = {}
    for split in splits:
        rows = trained_rows(job.table(split), job.model.template, tokenizer)
        flat = (pc.list_flatten(table["labels"]) for table in rows)
        counts[split] = sum(int(pc.sum(pc.not_equal(f, -100)).as_py() or 0) for f in flat)
    return counts


def response_parts(template: ChatTemplate) -> tuple[str, str]:
    r"""Return what stands before every question, and what stands before every answer.

    Found by rendering marks, so it holds for any template; an empty think block that the template
    writes before answers belongs to the second part and so is not trained.

    Raises:
        ConfigError: the template has no text of its own there.

    >>> from sftdata.chat.template import load_template
    >>> response_parts(load_template("chatml"))
    ('<|im_start|>user\n', '<|im_start|>assistant\n')
    """
    ask, say, again = _MARKS
    turns = [("user", ask), ("assistant", say), ("user", again)]
    messages = [Message(role=role, content=text) for role, text in turns]
    try:
        first, both = template.render(messages[:2]), template.render(messages)
        alone = template.render(messages[:1])
    except RenderRefusedError as error:
        raise ConfigError(f"--to unsloth: template {template.name}: {error}") from error
    before_first = first.partition(ask)[0]
    before_again = both.partition(say)[2].partition(again)[0]
    instruction = _common_end(before_first, before_again.removeprefix(template.suffix))
    if not instruction.strip():
        instruction = _common_end(before_first, before_again)
    after_question = first.partition(ask)[2].partition(say)[0]
    # What closes the question is not what opens the answer, unless that is all there is.
    response = after_question.removeprefix(alone.partition(ask)[2])
    response = response if response.strip() else after_question
    # A blank at either end would be cut into one token with the words beside it.
    instruction, response = instruction.strip(" "), response.strip(" ")
    if not (instruction.strip() and response.strip()):
        raise ConfigError(
            f"--to unsloth: template {template.name} has no text before questions or answers by "
            "which they could be found; export --to trl instead"
        )
    return instruction, response


def _common_end(left: str, right: str) -> str:
    pairs = zip(reversed(left), reversed(right), strict=False)
    same = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))
    return left[len(left) - same :]
