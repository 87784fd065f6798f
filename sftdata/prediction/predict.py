"""Ask a model about a split of a build, and keep its answers by sample."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sftdata.judged import Judged, open_judged
from sftdata.prediction.requests import Request, make_requests, read_requests
from sftdata.prediction.server import Server
from sftdata.prediction.settings import Asking, asking
from sftdata.prediction.store import Store
from sftdata.prediction.vllm_engine import VllmEngine
from sftdata.prediction.weights import Weights
from sftdata.predictions import Prediction
from sftdata.template_match import require_same_template

__all__ = ["Predicted", "predict"]

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Predicted:
    """A finished run of questions.

    Attributes:
        path: the JSONL file.
        predictions: one per sample of the split, in its order.
        resumed: how many were there from an earlier run.
    """

    path: Path
    predictions: tuple[Prediction, ...]
    resumed: int = 0

    @property
    def summary(self) -> dict[str, Any]:
        """Counts, tokens, seconds and cost."""
        rows = self.predictions
        costs = [p.cost for p in rows if p.cost is not None]
        times = sorted(p.latency_s for p in rows if p.latency_s is not None)
        return {
            "path": str(self.path),
            "samples": len(rows),
            "resumed": self.resumed,
            "failed": sum(bool(p.error) for p in rows),
            "cut": sum(p.finish_reason == "length" for p in rows),
            "prompt_tokens": sum(p.prompt_tokens for p in rows),
            "completion_tokens": sum(p.completion_tokens for p in rows),
            "median_latency_s": times[len(times) // 2] if times else None,
            "cost": round(sum(costs), 6) if costs else None,
        }


def predict(
    build: str | Path,
    *,
    out: str | Path,
    prompts: str | Path | None = None,
    force: bool = False,
    allow_template_mismatch: bool = False,
    overwrite: bool = False,
    progress: Progress | None = None,
    **settings: Any,
) -> Predicted:
    """Ask a model about every sample of a split: the prompts and template of the dataset.

    Greedy decoding, batched by length. Answers are on disk batch by batch; a killed run goes on
    where it was, and gives the file that it would have given.

    Args:
        build: a build whose audit is about its files and does not block.
        out: the JSONL file to write.
        prompts: ask these instead of the samples, see `read_requests`; the build then gives the
            template alone.
        force: go on where the audit does not fit or blocks.
        allow_template_mismatch: go on where the model's template makes other tokens.
        overwrite: replace `out`.
        progress: called with a name, finished samples and all samples.
        settings: fields of `Asking`, such as `model`, `split`, `backend`, `shots`.

    Raises:
        ConfigError: a setting, build or model that cannot be used; the model makes other tokens.
        MissingExtraError: the backend's package is not installed.
    """
    wanted = asking(**settings)
    judged = open_judged(build, force=force)
    if prompts is not None:
        requests = read_requests(prompts)
    else:
        requests = make_requests(judged, wanted.split, shots=wanted.shots, limit=wanted.limit)
    order = [r.sample_id for r in requests]
    named = {"dataset": judged.digest, "asked": _asked(requests), **wanted.model_dump(mode="json")}
    with Store(Path(out), named, overwrite=overwrite) as store:
        resumed = sum(i in store.done for i in order)
        if resumed < len(order):
            backend = _backend(judged, wanted, allow_template_mismatch)
            if progress is not None:
                progress("predict", resumed, len(order))
            for batch in backend.answers(requests, tuple(store.done)):
                store.add(batch)
                if progress is not None:
                    progress("predict", len(store.done), len(order))
        store.finish(order)
        return Predicted(Path(out), tuple(store.done[i] for i in order), resumed)


def _asked(requests: Sequence[Request]) -> str:
    """Return the SHA-256 of what is asked: another run's answers are to other questions."""
    parts = [[r.sample_id, *(p for m in r.messages for p in (m.role, m.content))] for r in requests]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _backend(
    judged: Judged, settings: Asking, allow_mismatch: bool
) -> Weights | VllmEngine | Server:
    if settings.backend == "openai":
        return Server(settings)
    same = require_same_template(
        judged, settings.model, allow=allow_mismatch, allow_download=settings.allow_download
    )
    kind = VllmEngine if settings.backend == "vllm" else Weights
    return kind(settings, same.template, same.tokenizer)
