"""Merge an adapter into its base, in full precision, and prove that nothing got lost.

Merging inside a 4-bit model gives garbage after one forward pass (bitsandbytes 0.50), and rounds
in any case; so the base is read again, unquantised, and the sum is compared with base and adapter
side by side on samples of the build.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from sftdata.chat.template import ChatTemplate, load_template
from sftdata.chat.tokenizer import load_tokenizer
from sftdata.errors import ConfigError
from sftdata.judged import open_judged
from sftdata.training.card import model_card
from sftdata.training.config import BatchConfig
from sftdata.training.folder import RunFolder, TrainManifest, replace_folder, write_atomically
from sftdata.training.foundation import (
    Foundation,
    digest_of_model,
    lay_out,
    quiet,
    require_extra,
)
from sftdata.training.rows import make_rows

__all__ = ["MergeCheck", "MergeResult", "merge", "serving_commands"]

Precision = Literal["auto", "float32", "bfloat16", "float16"]

TOLERANCE = 1e-3
"""Largest difference of a logit between base with adapter and the merged model, both float32."""
KEPT_TOLERANCE = 0.01
"""Nats per token that the stored weights, rounded to their type, may be away from the merged
ones (mean Kullback-Leibler divergence)."""


@dataclass(frozen=True)
class MergeCheck:
    """What was compared, on the trained tokens of real samples.

    Attributes:
        samples: ids of the samples.
        tokens: tokens at which logits were compared.
        largest: largest absolute difference of a logit, base with adapter against merged, float32.
        divergence: mean Kullback-Leibler divergence in nats of what was stored from that.
        same_choice: share of tokens at which the stored model ranks the same token first.
        loss_with_adapter: mean loss of base with adapter.
        loss_merged: mean loss of what was stored.
    """

    samples: tuple[str, ...]
    tokens: int
    largest: float
    divergence: float
    same_choice: float
    loss_with_adapter: float
    loss_merged: float

    @property
    def passed(self) -> bool:
        """Whether both differences are within tolerance."""
        return self.largest <= TOLERANCE and self.divergence <= KEPT_TOLERANCE

    def __str__(self) -> str:
        return (
            f"{len(self.samples)} samples, {self.tokens} tokens: largest difference of a logit "
            f"{self.largest:.1e} (at most {TOLERANCE:.0e}); stored weights {self.divergence:.1e} "
            f"nats away (at most {KEPT_TOLERANCE:.0e}), same first choice {self.same_choice:.1%}; "
            f"loss {self.loss_with_adapter:.4f} → {self.loss_merged:.4f}"
        )


@dataclass(frozen=True)
class MergeResult:
    """A merged model on disk.

    Attributes:
        path: its folder.
        dtype: the type of its weights.
        check: how it compares with base and adapter.
        stops: ids of the tokens that end an answer.
    """

    path: Path
    dtype: str
    check: MergeCheck
    stops: tuple[int, ...]


def merge(
    run: str | Path,
    out: str | Path,
    *,
    base: str | None = None,
    dtype: Precision = "auto",
    samples: int = 4,
    tell: Callable[[str], None] = lambda _: None,
) -> MergeResult:
    """Write a model that needs no adapter: weights, tokenizer, template, generation settings.

    Args:
        run: a finished run.
        out: the folder to write; it must be new, or hold an earlier merge.
        base: where the base is now, if it moved; it must be the very same weights.
        dtype: type of the stored weights; `auto`: that of the base.
        samples: samples of the build on which merged and unmerged are compared.
        tell: is told what happens.

    Raises:
        ConfigError: the run is not finished, its base or dataset is not what it was, the folder
            holds something else, or the merged model differs by more than the tolerance.
    """
    require_extra()
    folder, place = RunFolder(Path(run)), Path(out)
    manifest = folder.manifest()
    if manifest.status != "finished":
        raise ConfigError(f"{run}: the run is {manifest.status}; finish it with --resume first")
    _require_free(place)
    with quiet():
        foundation = _foundation(manifest, base)
        template, rows = _samples(manifest, folder, foundation, samples)
        made = place.with_name(f".{place.name}.tmp")
        try:
            result = _merge(folder, foundation, rows, made, dtype, template)
        except Exception:
            _remove(made)
            raise
    if not result.check.passed:
        _remove(made)
        raise ConfigError(f"{run}: the merged model is not base and adapter: {result.check}")
    _write_words(made, manifest, foundation, result)
    replace_folder(made, place)
    tell(str(result.check))
    return MergeResult(place, result.dtype, result.check, result.stops)


def _require_free(place: Path) -> None:
    if place.is_file():
        raise ConfigError(f"--out {place}: this is a file; name a folder")
    found = sorted(p.name for p in place.iterdir()) if place.exists() else []
    if found and "merge.json" not in found:
        raise ConfigError(
            f"--out {place}: the folder is not empty and not a merged model ({found[0]!r} is in "
            "it); name another one"
        )


def _remove(folder: Path) -> None:
    import shutil

    shutil.rmtree(folder, ignore_errors=True)


def _foundation(manifest: TrainManifest, base: str | None) -> Foundation:
    """Return the base, which must have the weights that the adapter was trained on."""
    path = base or str(manifest.model["path"])
    allowed = bool(manifest.config.get("allow_download"))
    try:
        foundation = lay_out(path, allow_download=allowed)
    except ConfigError as error:
        raise ConfigError(
            f"the base model {path} is not here any more; say where with --base ({error})"
        ) from error
    digest = digest_of_model(foundation)
    if digest != manifest.model["digest"]:
        raise ConfigError(
            f"the base model {path} has other weights than the run was trained on ({digest[:19]}… "
            f"instead of {str(manifest.model['digest'])[:19]}…); name the right one with --base"
        )
    return foundation


def _samples(
    manifest: TrainManifest, folder: RunFolder, foundation: Foundation, count: int
) -> tuple[ChatTemplate, list[dict[str, Any]]]:
    """Return the template that was trained, and a few rows of the build, validation first."""
    judged = open_judged(str(manifest.dataset["path"]), force=bool(manifest.forced))
    if judged.digest != manifest.dataset["digest"]:
        raise ConfigError(f"{judged.path}: the build is not the one that the run was trained on")
    tokenizer = load_tokenizer(foundation.path, allow_download=foundation.allow_download)
    file = folder.path / "template.jinja"
    render = judged.render
    template = load_template(
        str(file), tokenizer=tokenizer, variables=render.variables, today=render.today
    )
    held_out = str(dict(manifest.config["evaluation"])["split"])  # type: ignore[arg-type]
    split = held_out if held_out in judged.splits else str(manifest.dataset["split"])
    table = judged.table(split)
    rows = make_rows(table, template, tokenizer, BatchConfig(), most=count, seed=0)
    return template, rows.table.to_pylist()


def _merge(
    folder: RunFolder,
    foundation: Foundation,
    rows: Sequence[dict[str, Any]],
    made: Path,
    dtype: Precision,
    template: ChatTemplate,
) -> MergeResult:
    import torch
    from transformers import AutoModelForCausalLM

    source: dict[str, Any] = {
        "trust_remote_code": False,
        "local_files_only": not foundation.allow_download,
    }
    kind = _stored(dtype, foundation)
    full = folder.path / "model"
    if full.is_dir():
        model = AutoModelForCausalLM.from_pretrained(full, dtype=torch.float32, **source)
        apart = merged = _logits(model, rows)
    else:
        from peft import PeftModel

        model = AutoModelForCausalLM.from_pretrained(foundation.path, dtype=torch.float32, **source)
        model = PeftModel.from_pretrained(model, str(folder.path / "adapter")).eval()
        apart = _logits(model, rows)
        model = model.merge_and_unload()
        merged = _logits(model, rows)
    model.config.use_cache = True
    stops = _save(model.to(getattr(torch, kind)), foundation, template, made)
    del model
    again = AutoModelForCausalLM.from_pretrained(made, dtype="auto", local_files_only=True)
    check = _compare(rows, apart, merged, _logits(again, rows))
    return MergeResult(made, kind, check, stops)


def _stored(dtype: Precision, foundation: Foundation) -> str:
    if dtype != "auto":
        return dtype
    own = str(foundation.config.dtype or "").removeprefix("torch.")
    return own if own in ("float32", "bfloat16", "float16") else "bfloat16"


def _logits(model: Any, rows: Sequence[dict[str, Any]]) -> list[Any]:
    """Return the logits that foretell the trained tokens of each row, in float32."""
    import torch

    model.eval()
    found = []
    with torch.inference_mode():
        for row in rows:
            ids = torch.tensor([row["input_ids"]])
            at = [i - 1 for i, label in enumerate(row["labels"]) if label != -100 and i]
            found.append(model(input_ids=ids).logits[0, at].float())
    return found


def _compare(
    rows: Sequence[dict[str, Any]], apart: list[Any], merged: list[Any], stored: list[Any]
) -> MergeCheck:
    import torch
    from torch.nn.functional import cross_entropy, kl_div, log_softmax

    one, two, three = torch.cat(apart), torch.cat(merged), torch.cat(stored)
    labels = torch.tensor([x for r in rows for x in r["labels"][1:] if x != -100])
    nats = kl_div(
        log_softmax(three, -1), log_softmax(two, -1), reduction="batchmean", log_target=True
    )
    return MergeCheck(
        samples=tuple(r["sample_id"] for r in rows),
        tokens=len(labels),
        largest=float((one - two).abs().max()),
        divergence=max(0.0, float(nats)),
        same_choice=float((two.argmax(-1) == three.argmax(-1)).float().mean()),
        loss_with_adapter=float(cross_entropy(one, labels)),
        loss_merged=float(cross_entropy(three, labels)),
    )


def _save(
    model: Any, foundation: Foundation, template: ChatTemplate, made: Path
) -> tuple[int, ...]:
    """Write weights, tokenizer with the trained template, and generation settings that stop."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(
        foundation.path, trust_remote_code=False, local_files_only=not foundation.allow_download
    )
    tokenizer.chat_template = template.source
    settings = model.generation_config
    known = settings.eos_token_id
    given = known if isinstance(known, list) else [known] if known is not None else []
    stop = tokenizer.convert_tokens_to_ids(template.stop.strip()) if template.stop.strip() else None
    if (
        stop is not None
        and stop == tokenizer.unk_token_id
        and template.stop.strip() not in (tokenizer.get_vocab())
    ):
        stop = None
    own = [i for i in (stop, tokenizer.eos_token_id) if i is not None]
    stops = tuple(dict.fromkeys([*own, *given]))
    settings.eos_token_id = list(stops) if len(stops) > 1 else (stops[0] if stops else None)
    if settings.pad_token_id is None:
        pad = tokenizer.pad_token_id
        settings.pad_token_id = pad if pad is not None else (stops[0] if stops else None)
    model.save_pretrained(made)
    settings.save_pretrained(made)
    tokenizer.save_pretrained(made)
    return stops


def _write_words(
    made: Path, manifest: TrainManifest, foundation: Foundation, result: MergeResult
) -> None:
    record = {
        "format": "sftdata.merge/1",
        "run": manifest.name,
        "fingerprint": manifest.fingerprint,
        "base": {"path": foundation.path, "digest": manifest.model["digest"]},
        "dataset_digest": manifest.dataset["digest"],
        "template_lock": manifest.template_lock,
        "forced": list(manifest.forced),
        "dtype": result.dtype,
        "stop_token_ids": list(result.stops),
        "check": asdict(result.check),
        "tolerance": {"logit": TOLERANCE, "nats": KEPT_TOLERANCE},
    }
    text = json.dumps(record, ensure_ascii=False, indent=2) + "\n"
    write_atomically(made / "merge.json", text)
    card = model_card(manifest, merged=str(result.check))
    write_atomically(made / "README.md", card)


def serving_commands(model: str | Path, llamafactory: str = "") -> tuple[str, ...]:
    """Return the commands that serve a merged model with the template that it carries.

    Args:
        model: folder of the merged model.
        llamafactory: name of the template of LLaMA-Factory that makes the same text; empty: it
            has none, and must not serve this model.

    >>> for line in serving_commands("merged", "chatml"): print(line)
    vllm serve merged --port 8000
    transformers serve merged --port 8000
    llamafactory-cli chat --model_name_or_path merged --template chatml --infer_backend huggingface
    llamafactory-cli api --model_name_or_path merged --template chatml --infer_backend huggingface
    """
    name = shlex.quote(str(model))
    lines = [f"vllm serve {name} --port 8000", f"transformers serve {name} --port 8000"]
    if llamafactory:
        lines += [
            f"llamafactory-cli {verb} --model_name_or_path {name} --template {llamafactory} "
            "--infer_backend huggingface"
            for verb in ("chat", "api")
        ]
    return tuple(lines)
