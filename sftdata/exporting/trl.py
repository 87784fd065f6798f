"""TRL: prompt and completion as messages, and the very tokens and labels that were audited."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar, Literal

import pyarrow as pa
import pyarrow.compute as pc

from sftdata.chat.tokenizer import Tokenizer
from sftdata.errors import ConfigError
from sftdata.exporting.exporter import TRAIN, VALIDATION, Exporter, Job
from sftdata.exporting.files import script
from sftdata.exporting.rows import Rule, no_control_text, says_something
from sftdata.trained_rows import TRAINED_ROWS, trained_rows
from sftdata.types import SAMPLES

__all__ = ["TrlExporter"]

_IGNORED = -100
_MESSAGES = pa.schema([SAMPLES.field(n) for n in ("prompt", "completion", "sample_id")])


class TrlExporter(Exporter):
    """Rows for `SFTTrainer`: as messages, and (with a tokenizer) as `input_ids` and `labels`.

    The pre-tokenised rows are the only ones that a trainer cannot mask or cut in its own way;
    `train.py` takes them as they are and checks that the trainer has kept every row and label.
    """

    name: ClassVar[str] = "trl"
    title: ClassVar[str] = "TRL: prompt/completion rows, and pre-tokenised input_ids and labels"
    splits: ClassVar[tuple[str, ...]] = (TRAIN, VALIDATION)

    data: Literal["jsonl", "parquet"] = "jsonl"
    """Form of the prompt/completion rows."""
    tokens: bool | None = None
    """Write pre-tokenised rows; none: where there is a tokenizer."""

    def rules(self, job: Job) -> Sequence[Rule]:
        """Return the rules: answers say something, and no text works as a control token."""
        return (says_something, no_control_text(job.model.template))

    def write(self, job: Job) -> None:
        """Write the messages, the tokens, and the script that trains on them."""
        for split in job.splits:
            self._messages(job, split)
        tokenizer = job.model.tokenizer
        if self.tokens and tokenizer is None:
            raise ConfigError(
                "--to trl: pre-tokenised rows need a tokenizer; name it with --model, or build "
                "with `template.tokenizer`"
            )
        if tokenizer is None or self.tokens is False:
            job.warnings.append(
                "no pre-tokenised rows: TRL renders, masks and cuts the messages in its own way; "
                "set max_length=None and completion_only_loss=True"
            )
            job.next.append("export again with --model FOLDER for tokens/ and train.py")
            return
        self._tokens(job, tokenizer)

    def _messages(self, job: Job, split: str) -> None:
        if self.data == "parquet":
            tables = [job.table(split).select(_MESSAGES.names).cast(_MESSAGES)]
            job.folder.parquet(f"messages/{split}.parquet", tables, _MESSAGES, split=split)
            return
        rows = (
            {"prompt": r.prompt, "completion": r.completion, "sample_id": r.sample_id}
            for r in job.rows(split)
        )
        job.folder.jsonl(f"messages/{split}.jsonl", rows, split=split, ids="sample_id")

    def _tokens(self, job: Job, tokenizer: Tokenizer) -> None:
        files, rows, labels = {}, {}, {}
        longest = 0
        for split in job.splits:
            tally = _Tally()
            tables = tally.of(trained_rows(job.table(split), job.model.template, tokenizer))
            files[split] = f"tokens/{split}.parquet"
            rows[split] = job.folder.parquet(files[split], tables, TRAINED_ROWS, split=split)
            labels[split] = tally.labels
            longest = tally.longest if split == TRAIN else longest
        if not job.trains:
            return
        wired = [s for s in (TRAIN, VALIDATION) if rows.get(s)]
        values = {
            "MODEL": job.model.path,
            "MODEL_HINT": job.model.name or "YOUR-MODEL",
            "FILES": {s: files[s] for s in wired},
            "ROWS": {s: rows[s] for s in wired},
            "LABELS": {s: labels[s] for s in wired},
            "LONGEST": longest,
        }
        job.folder.text("train.py", script("trl_train.py.txt", values))
        job.next.append("python train.py --qlora --output model")


class _Tally:
    """Counts what is trained while the rows pass through."""

    def __init__(self) -> None:
        self.labels = 0
        self.longest = 0

    def of(self, tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
        for table in tables:
            flat = pc.list_flatten(table["labels"])
            self.labels += int(pc.sum(pc.not_equal(flat, _IGNORED)).as_py() or 0)
            lengths = pc.max(pc.list_value_length(table["input_ids"])).as_py()
            self.longest = max(self.longest, int(lengths or 0))
            yield table
