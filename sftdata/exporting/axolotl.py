"""axolotl: messages and a configuration that trains the completions and refuses to cut."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from pydantic import Field

from sftdata.exporting.exporter import TRAIN, VALIDATION, Exporter, Job
from sftdata.exporting.rows import Row, Rule, alternates, no_control_text, says_something

__all__ = ["AxolotlExporter"]


class AxolotlExporter(Exporter):
    """`train.jsonl`, `validation.jsonl` and `config.yaml` for `axolotl train`."""

    name: ClassVar[str] = "axolotl"
    title: ClassVar[str] = "axolotl: messages and a QLoRA configuration"
    splits: ClassVar[tuple[str, ...]] = (TRAIN, VALIDATION)

    rank: int = Field(default=16, ge=1)
    """Rank of the adapter."""
    alpha: int = Field(default=32, ge=1)
    dropout: float = Field(default=0.05, ge=0, lt=1)
    rate: float = Field(default=2e-4, gt=0)
    """Learning rate."""
    epochs: float = Field(default=2.0, gt=0)
    batch: int = Field(default=1, ge=1)
    accumulate: int = Field(default=16, ge=1)
    packing: bool = False
    """Several rows in one sequence (`sample_packing`)."""

    def rules(self, job: Job) -> Sequence[Rule]:
        """Return the rules: turns in order, and no text that works as a control token."""
        return (alternates, says_something, no_control_text(job.model.template))

    def write(self, job: Job) -> None:
        """Write a file per split and the configuration."""
        model = job.model.named(self.name)
        for split in job.splits:
            job.folder.jsonl(f"{split}.jsonl", self._rows(job, split), split=split, ids="sample_id")
        if not job.trains:
            return
        config: dict[str, Any] = {
            "base_model": model,
            "trust_remote_code": False,
            "load_in_4bit": True,
            "adapter": "qlora",
            "lora_r": self.rank,
            "lora_alpha": self.alpha,
            "lora_dropout": self.dropout,
            "lora_target_linear": True,
            **self._template(job),
            "datasets": [self._dataset(job, TRAIN)],
            **({"test_datasets": [self._dataset(job, VALIDATION)]} if job.evaluates else {}),
            # Never a random part of the training rows: they share companies and patients.
            "val_set_size": 0,
            "sequence_len": job.row_limit(),
            "excess_length_strategy": "raise",
            "sample_packing": self.packing,
            **({"eval_sample_packing": False} if job.evaluates else {}),
            "output_dir": "./model",
            "micro_batch_size": self.batch,
            "gradient_accumulation_steps": self.accumulate,
            "learning_rate": self.rate,
            "num_epochs": self.epochs,
            "optimizer": "adamw_torch",
            "lr_scheduler": "cosine",
            "warmup_ratio": 0.03,
            "bf16": "auto",
            "gradient_checkpointing": True,
            "logging_steps": 10,
            "saves_per_epoch": 1,
            **({"evals_per_epoch": 1} if job.evaluates else {}),
        }
        head = "QLoRA. Run in this folder: axolotl train config.yaml"
        job.folder.yaml("config.yaml", config, head)
        job.next += [
            "cd {out} && axolotl preprocess config.yaml --debug",
            "axolotl train config.yaml",
            "axolotl merge-lora config.yaml",
        ]

    def _rows(self, job: Job, split: str) -> Iterator[dict[str, Any]]:
        """Yield messages; where prompts hold assistant turns every turn says if it is trained."""
        for row in job.rows(split):
            yield {"messages": _marked(row, job.has_history), "sample_id": row.sample_id}

    def _dataset(self, job: Job, split: str) -> dict[str, Any]:
        entry: dict[str, Any] = {
            "path": f"{split}.jsonl",
            "ds_type": "json",
            "type": "chat_template",
            "field_messages": "messages",
            "message_property_mappings": {"role": "role", "content": "content"},
            "roles_to_train": ["assistant"],
            "train_on_eos": "turn",
        }
        if split != TRAIN:
            entry["split"] = "train"  # what `datasets` calls the one split of a file
        if job.has_history:
            # With a mark on every turn the roles would only add turns that are not to be trained.
            entry |= {"roles_to_train": [], "message_field_training": "train"}
        return entry

    def _template(self, job: Job) -> dict[str, str]:
        """Use the model's own template where it is the audited one, and ours in full otherwise."""
        if job.model.tokenizer is None:
            job.warnings.append(
                f"the tokenizer of {job.model.name} is not on this machine: axolotl uses the "
                "template that it carries, and lengths are estimates"
            )
        if job.model.carries_template or job.model.tokenizer is None:
            return {"chat_template": "tokenizer_default"}
        return {"chat_template": "jinja", "chat_template_jinja": job.model.template.source}


def _marked(row: Row, mark: bool) -> list[dict[str, Any]]:
    if not mark:
        return list(row.messages)
    completion = [{**m, "train": m["role"] == "assistant"} for m in row.completion]
    return [*({**m, "train": False} for m in row.prompt), *completion]
