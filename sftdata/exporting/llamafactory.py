"""LLaMA-Factory: data, `dataset_info.json`, and YAML files to train, merge, predict and chat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from pydantic import Field

from sftdata.errors import ConfigError
from sftdata.exporting.exporter import TRAIN, VALIDATION, Exporter, Job
from sftdata.exporting.llamafactory_templates import (
    SlotTemplate,
    match_template,
    same_text,
    template_named,
)
from sftdata.exporting.rows import Rule, alternates, no_control_text, says_something

__all__ = ["LlamaFactoryExporter"]

_TAGS = {
    "role_tag": "role",
    "content_tag": "content",
    "user_tag": "user",
    "assistant_tag": "assistant",
    "observation_tag": "observation",
    "function_tag": "function_call",
    "system_tag": "system",
}
"""All of them: once one is given, LLaMA-Factory sets every other to None."""

_ADAPTER = "saves/adapter"


class LlamaFactoryExporter(Exporter):
    """A folder to `cd` into: `llamafactory-cli train train.yaml`, then `export merge.yaml`.

    Rows stand as ShareGPT with tags and OpenAI's role names: `formatting: openai` would write
    words of its own into every system prompt. Validation rows have an entry of their own.
    """

    name: ClassVar[str] = "llamafactory"
    title: ClassVar[str] = "LLaMA-Factory: data, dataset_info.json, YAMLs for QLoRA, merge, chat"

    template: str = ""
    """Template of LLaMA-Factory; empty: found from the model, or an error."""
    rank: int = Field(default=16, ge=1)
    """Rank of the adapter."""
    alpha: int = Field(default=32, ge=1)
    dropout: float = Field(default=0.05, ge=0, lt=1)
    rate: float = Field(default=2e-4, gt=0)
    """Learning rate."""
    epochs: float = Field(default=2.0, gt=0)
    batch: int = Field(default=1, ge=1)
    """Rows per device and step."""
    accumulate: int = Field(default=16, ge=1)
    """Steps whose gradients are added up."""
    packing: bool = False
    """Several rows in one sequence, kept apart (`neat_packing`)."""
    cutoff: int | None = Field(default=None, ge=16)
    """`cutoff_len`; none: room for the longest row. Smaller than that is refused."""

    def rules(self, job: Job) -> Sequence[Rule]:
        """Return the rules: strict turns, no control tokens, and turns masked as we mean it."""
        template = job.model.template

        def masked(row: Any) -> str:
            # Either all assistant turns are trained or, with mask_history, the last one.
            both = row.has_history and row.answers > 1
            return "only_last_turn_trained" if both else ""

        return (alternates, says_something, no_control_text(template), masked)

    def write(self, job: Job) -> None:
        """Write data, entries, sidecars of ids and settings."""
        model = job.model.named(self.name)
        entry = self._entry(job)
        if not job.counted:
            job.warnings.append(
                f"the tokenizer of {job.model.name} is not on this machine: cutoff_len rests on "
                "estimated lengths"
            )
        cutoff = self._cutoff(job)
        info: dict[str, Any] = {}
        for split in job.splits:
            rows = ({"messages": r.messages, "sample_id": r.sample_id} for r in job.rows(split))
            job.folder.jsonl(f"{split}.jsonl", rows, split=split, ids=f"{split}.ids.jsonl")
            job.folder.ids(f"{split}.ids.jsonl", job.ids(split), split=split)
            info[_named(job, split)] = {
                "file_name": f"{split}.jsonl",
                "formatting": "sharegpt",
                "columns": {"messages": "messages"},
                "tags": _TAGS,
            }
        job.folder.json("dataset_info.json", info)
        common = {"template": entry.template, **self._thinking(entry)}
        if job.trains:
            self._train(job, model, common, cutoff)
        self._use(job, model, common, cutoff)

    def _entry(self, job: Job) -> SlotTemplate:
        """Return the template, and warn where it is not what the model itself carries."""
        if self.template:
            found = template_named(self.template)
            if found is None:
                job.warnings.append(
                    f"template {self.template} is not in the table of sftdata: nothing is known "
                    "of the tokens that it makes"
                )
                return SlotTemplate(template=self.template, text="")
        else:
            found = match_template(job.model)
        known = job.model.tokenizer is not None and not found.reasoning
        if known and not same_text(found, job.model.template):
            job.warnings.append(
                f"LLaMA-Factory's template {found.template} makes another text than "
                f"{job.model.template.name}, the template that the rows were audited with: serve "
                f"the model with the template {found.template}, not with the tokenizer's own"
            )
        if found.default_system and job.without_system:
            job.warnings.append(
                f"{job.without_system:,} samples have no system message; template "
                f"{found.template} writes its own into them"
            )
        return found

    def _cutoff(self, job: Job) -> int:
        """Return `cutoff_len`. What is longer loses the end of its prompt without a word."""
        needed = job.row_limit()
        if self.cutoff is None:
            return needed
        if self.cutoff < job.longest:
            raise ConfigError(
                f"--set cutoff={self.cutoff}: the longest row has {job.longest} tokens, and "
                "LLaMA-Factory would cut the end of its prompt; at least that, please"
            )
        return self.cutoff

    def _thinking(self, entry: SlotTemplate) -> dict[str, bool]:
        """Keep the empty think block, which reasoning templates add, out of the loss."""
        return {"enable_thinking": False} if entry.reasoning else {}

    def _train(self, job: Job, model: str, common: dict[str, Any], cutoff: int) -> None:
        settings: dict[str, Any] = {
            "model_name_or_path": model,
            "trust_remote_code": False,
            "stage": "sft",
            "do_train": True,
            "finetuning_type": "lora",
            "lora_rank": self.rank,
            "lora_alpha": self.alpha,
            "lora_dropout": self.dropout,
            "lora_target": "all",
            "quantization_bit": 4,
            "quantization_method": "bnb",
            "quantization_type": "nf4",
            "double_quantization": True,
            "dataset_dir": ".",
            "dataset": _named(job, TRAIN),
            **({"eval_dataset": _named(job, VALIDATION)} if job.evaluates else {}),
            **common,
            "cutoff_len": cutoff,
            "packing": self.packing,
            "neat_packing": self.packing,
            "mask_history": job.has_history,
            "overwrite_cache": True,
            "output_dir": _ADAPTER,
            "per_device_train_batch_size": self.batch,
            "gradient_accumulation_steps": self.accumulate,
            "learning_rate": self.rate,
            "num_train_epochs": self.epochs,
            "lr_scheduler_type": "cosine",
            "warmup_ratio": 0.03,
            "bf16": True,
            "logging_steps": 10,
            "save_strategy": "epoch",
            "report_to": "none",
            "plot_loss": True,
        }
        if job.evaluates:
            settings |= {"eval_strategy": "epoch", "per_device_eval_batch_size": self.batch}
        head = "QLoRA. Run in this folder: llamafactory-cli train train.yaml"
        job.folder.yaml("train.yaml", settings, head)
        job.next += [
            "cd {out} && llamafactory-cli train train.yaml",
            "llamafactory-cli export merge.yaml",
        ]

    def _use(self, job: Job, model: str, common: dict[str, Any], cutoff: int) -> None:
        merge = {
            "model_name_or_path": model,
            "adapter_name_or_path": _ADAPTER,
            "trust_remote_code": False,
            **common,
            "finetuning_type": "lora",
            "export_dir": "saves/merged",
            "export_size": 5,
            "export_device": "cpu",
            "export_legacy_format": False,
        }
        # No quantisation here: an adapter is merged into the base in full precision.
        job.folder.yaml("merge.yaml", merge, "Merge: llamafactory-cli export merge.yaml")
        chat = {
            "model_name_or_path": model,
            "adapter_name_or_path": _ADAPTER,
            "trust_remote_code": False,
            **common,
            "finetuning_type": "lora",
            "infer_backend": "huggingface",
        }
        head = "llamafactory-cli chat chat.yaml, or webchat, or api (infer_backend: vllm is faster)"
        job.folder.yaml("chat.yaml", chat, head)
        for split in (s for s in job.splits if s != TRAIN and job.counts[s]):
            predict = {
                "model_name_or_path": model,
                "adapter_name_or_path": _ADAPTER,
                "trust_remote_code": False,
                "stage": "sft",
                "do_predict": True,
                "predict_with_generate": True,
                "finetuning_type": "lora",
                "dataset_dir": ".",
                "eval_dataset": _named(job, split),
                **common,
                "cutoff_len": cutoff,
                "mask_history": job.has_history,
                "overwrite_cache": True,
                "output_dir": f"saves/predict-{split}",
                "per_device_eval_batch_size": 1,
                "max_new_tokens": self._answer_room(job),
                "do_sample": False,
                "bf16": True,
                "report_to": "none",
            }
            head = (
                f"Answers for {split}, in the order of {split}.ids.jsonl. No max_samples here: "
                "answers are joined to samples by their order."
            )
            job.folder.yaml(f"predict-{split}.yaml", predict, head)
            job.next.append(
                f"llamafactory-cli train predict-{split}.yaml; then sftdata import-predictions "
                f"saves/predict-{split}/generated_predictions.jsonl --format llamafactory "
                f"--ids {split}.ids.jsonl --dataset {{build}} --out predictions.jsonl"
            )

    def _answer_room(self, job: Job) -> int:
        longest = max(r.completion_tokens for s in job.splits for r in job.rows(s))
        return -(-(longest * 3 // 2 + 16) // 64) * 64


def _named(job: Job, split: str) -> str:
    """Return the name of a split's entry: the build's names have no comma, which would cut it."""
    return f"{job.name}_{split}"
