"""vLLM: batch requests, the audited chat template, and the commands that serve with it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any, ClassVar

from pydantic import Field

from sftdata.exporting.exporter import TRAIN, VALIDATION, Exporter, Job
from sftdata.exporting.requests import MAX_BYTES, MAX_REQUESTS, write_requests
from sftdata.exporting.rows import Rule, alternates, no_control_text, says_something, short_id
from sftdata.judged import Judged

__all__ = ["VllmExporter"]


class VllmExporter(Exporter):
    """Requests for `vllm run-batch`, and `serve.sh` for a server with the audited template.

    The batch runner takes no adapter and no template: merge the adapter first. What the merged
    folder's tokenizer carries is then the template, and the export says if that is another one.
    """

    name: ClassVar[str] = "vllm"
    title: ClassVar[str] = "vLLM batch requests, chat template and serve command"

    answer_tokens: int = Field(default=1024, ge=1)
    """`max_completion_tokens` of a request."""
    temperature: float = Field(default=0.0, ge=0, le=2)
    served_name: str = ""
    """Name under which the server knows the model; empty: the model as given."""
    requests_per_file: int = Field(default=MAX_REQUESTS, ge=1)
    bytes_per_file: int = Field(default=MAX_BYTES, ge=10_000)

    def chosen(self, judged: Judged, wanted: Sequence[str]) -> tuple[str, ...]:
        """Return what is held out for tests, unless a split is named."""
        if not wanted:
            wanted = [s for s in judged.splits if s not in (TRAIN, VALIDATION)]
        return super().chosen(judged, wanted)

    def rules(self, job: Job) -> Sequence[Rule]:
        """Return the rules: a server would read control tokens in a document as its own."""
        return (alternates, says_something, short_id, no_control_text(job.model.template))

    def write(self, job: Job) -> None:
        """Write requests, template and scripts."""
        model = job.model.named(self.name)
        served = self.served_name or model
        body: dict[str, Any] = {
            "model": served,
            "temperature": self.temperature,
            "max_completion_tokens": self.answer_tokens,
        }
        names = write_requests(job, body, limit=self.requests_per_file, size=self.bytes_per_file)
        known = job.model.tokenizer is not None
        if known:
            job.folder.text("template.jinja", job.model.template.source)
        room = -(-(job.longest_prompt + self.answer_tokens + 64) // 128) * 128
        job.folder.text("serve.sh", _serve(model, served, room, known))
        job.folder.text("run_batch.sh", _run_batch(names, model, served, room))
        job.next += [
            "sh run_batch.sh    (or: sh serve.sh)",
            "sftdata import-predictions answers-*.jsonl --format vllm --dataset {build} "
            "--out predictions.jsonl",
        ]
        if not known:
            job.warnings.append(
                f"the tokenizer of {job.model.name} is not on this machine, so nobody has looked "
                "at its template: both scripts use the one that it carries"
            )
        elif not job.model.carries_template:
            job.warnings.append(
                "run-batch uses the template that the model's tokenizer carries, which is not the "
                "audited one: serve with serve.sh (template.jinja), or put template.jinja into "
                "the merged folder as chat_template.jinja"
            )


def _serve(model: str, served: str, room: int, known: bool) -> str:
    template = "--chat-template template.jinja " if known else ""
    return (
        "#!/bin/sh\n"
        "# A server with the template that the rows were audited with. For an adapter that is not\n"
        "# merged add: --enable-lora --lora-modules NAME=FOLDER --max-lora-rank RANK\n"
        'cd "$(dirname "$0")" || exit 1\n'
        f"exec vllm serve {shlex.quote(model)} --served-model-name {shlex.quote(served)} "
        f'{template}--max-model-len {room} "$@"\n'
    )


def _run_batch(names: Sequence[str], model: str, served: str, room: int) -> str:
    lines = [
        f"vllm run-batch -i {name} -o {name.replace('requests', 'answers')} "
        f"--model {shlex.quote(model)} --served-model-name {shlex.quote(served)} "
        f'--max-model-len {room} "$@"\n'
        for name in names
    ]
    head = (
        "#!/bin/sh\n"
        "# Merge the adapter first: the batch runner takes none, and no chat template either.\n"
        'set -e\ncd "$(dirname "$0")"\n'
    )
    return head + "".join(lines)
