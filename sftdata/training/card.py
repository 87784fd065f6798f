"""The card of a trained model: what it was made of, how well it does, and what is not known.

Every sentence is made from the manifest; nothing is claimed that was not measured.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from sftdata.training.folder import TrainManifest

__all__ = ["model_card"]

_LIMITS = (
    "The validation loss says how well the model foretells answers of this dataset's form; it is "
    "not a measure of truth. Predict on the test split and evaluate before use.",
    "The answers of the dataset come from rules over documents: what no family asks was not "
    "taught.",
    "Not for clinical or investment decisions without a person who checks the sources.",
)


def model_card(manifest: TrainManifest, *, merged: str = "") -> str:
    """Return the card as Markdown with a YAML header that the Hugging Face hub understands.

    Args:
        manifest: of the run.
        merged: for merged weights, how they compare with base and adapter, in words.
    """
    return "\n".join(_lines(manifest, merged)) + "\n"


def _lines(manifest: TrainManifest, merged: str) -> Iterator[str]:
    model, data, plan = manifest.model, manifest.dataset, manifest.plan
    adapter = plan["method"] != "full" and not merged
    header: dict[str, Any] = {
        "base_model": model["path"],
        "library_name": "peft" if adapter else "transformers",
        "pipeline_tag": "text-generation",
        "tags": ["sft", "sftdata", *(["lora"] if adapter else [])],
    }
    yield "---"
    yield yaml.safe_dump(header, sort_keys=False).rstrip()
    yield "---"
    yield f"\n# {manifest.name}\n"
    whole = "Adapter merged into" if merged else "Fine-tuning of all weights of"
    what = "Adapter for" if adapter else whole
    yield f"{what} `{model['name']}` ({model['parameters']:,} parameters), {manifest.status}."
    for fault in manifest.forced:
        yield f"\n> **Forced**: {fault}"
    yield "\n## Data\n"
    yield from _table(
        {
            "dataset": data["name"],
            "digest": f"`{data['digest']}`",
            "audit": f"**{data['verdict']}**: {data['meaning']}",
            "samples": f"{data['samples']:,} ({data['tokens']:,} tokens, "
            f"{data['trained_tokens']:,} of them trained)",
            "left out, too long": data["left_out"],
            "validation samples": data["validation_samples"],
            "template lock": f"`{manifest.template_lock}`",
            "template": manifest.template,
        }
    )
    yield "\n## Result\n"
    yield from _table(_result(manifest))
    if merged:
        yield f"\nMerged against unmerged: {merged}."
    else:
        yield "\n![Loss](plots/loss.png)\n\n![Learning rate](plots/learning_rate.png)"
    yield "\n## How it was trained\n"
    device: Any = plan["device"]
    yield from _table(
        {
            "method": plan["method"],
            "trained parameters": f"{plan['trainable']:,}",
            "precision": f"{device['dtype']} ({device['why']})",
            "device": f"{device['processes']} × {device['name']}",
            "steps": f"{plan['steps']:,} planned, {plan['step_tokens']:,} tokens each",
            "base model": f"`{model['digest']}`",
            "versions": ", ".join(f"{k} {v}" for k, v in sorted(manifest.versions.items())),
        }
    )
    if not merged:
        yield "\nEvery setting stands in `config.yaml`, every step in `metrics.jsonl`."
    yield "\n## Limits\n"
    yield from (f"- {text}" for text in _LIMITS)
    if plan["method"] == "qlora":
        yield (
            "- The adapter was trained against 4-bit weights; merged into full precision it is a "
            "slightly other model: evaluate the merged one."
        )


def _result(manifest: TrainManifest) -> dict[str, Any]:
    found = manifest.results
    base, best = found.get("base_validation_loss"), found.get("best_validation_loss")
    rows = {
        "validation loss": _loss(best),
        "of the base model": _loss(base),
        "kept step": found.get("best_step"),
        "steps made": found.get("steps"),
        "ended": found.get("ended"),
    }
    if found.get("better_than_base") is False:
        rows["verdict"] = "**not better than the base model**"
    return rows


def _loss(value: Any) -> str:
    return "not measured" if value is None else f"{value:.4f}"


def _table(rows: dict[str, Any]) -> Iterator[str]:
    yield "| | |"
    yield "| --- | --- |"
    for name, value in rows.items():
        yield f"| {name} | {str(value).replace('|', '/')} |"
