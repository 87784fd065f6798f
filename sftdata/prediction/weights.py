"""Answers from weights in this process, by transformers: the same tokens that training saw."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sftdata.chat.template import ChatTemplate
from sftdata.chat.tokenizer import Tokenizer
from sftdata.errors import ConfigError, MissingExtraError
from sftdata.prediction.requests import Request, longest_first
from sftdata.prediction.settings import Asking
from sftdata.predictions import Prediction

__all__ = ["Weights", "adapter_folder", "prompt_ids", "stop_ids"]


def prompt_ids(
    template: ChatTemplate, tokenizer: Tokenizer, requests: Sequence[Request]
) -> list[NDArray[np.int32]]:
    """Return each prompt as ids, generation prompt included, nothing else added."""
    texts = [template.render(r.messages, add_generation_prompt=True) for r in requests]
    return tokenizer.encode(texts)


def stop_ids(template: ChatTemplate, tokenizer: Tokenizer, more: Sequence[int]) -> tuple[int, ...]:
    """Return the ids at which an answer ends: the template's, the tokenizer's and the model's."""
    named = [template.stop.strip(), str(tokenizer.special_tokens.get("eos_token", ""))]
    found = [tokenizer.id_of(token) for token in named if token]
    return tuple(sorted({*more, *(i for i in found if i is not None)}))


def adapter_folder(adapter: str) -> Path:
    """Return the folder with `adapter_config.json`: the one named, or `adapter/` in it.

    Raises:
        ConfigError: neither has one.
    """
    for folder in (Path(adapter), Path(adapter) / "adapter"):
        if (folder / "adapter_config.json").is_file():
            return folder
    raise ConfigError(f"adapter: {adapter} has no adapter_config.json")


class Weights:
    """A model in memory."""

    def __init__(self, settings: Asking, template: ChatTemplate, tokenizer: Tokenizer) -> None:
        self._settings = settings
        self._template = template
        self._tokenizer = tokenizer
        self._model, self._device = _load(settings)
        config = self._model.generation_config
        own = config.eos_token_id
        own = own if isinstance(own, list) else [] if own is None else [own]
        self._stops = stop_ids(template, tokenizer, own)
        # What a server leaves out of its answers: control tokens in the middle of them.
        added = tokenizer.added_tokens.items()
        hidden = (tokenizer.id_of(token) for token, special in added if special)
        self._hidden = [number for number in hidden if number is not None]
        self._room = int(getattr(self._model.config, "max_position_embeddings", 0) or 0)
        pad = config.pad_token_id
        self._pad = int(pad) if pad is not None else (self._stops[0] if self._stops else 0)

    def answers(
        self, requests: Sequence[Request], done: Sequence[str] = ()
    ) -> Iterator[list[Prediction]]:
        """Yield the answers batch by batch.

        Batches are cut over all requests, those that are done included: a run that goes on pads
        as the one that was killed would have, and gives the same answers.
        """
        ids = prompt_ids(self._template, self._tokenizer, requests)
        lengths = [len(i) + self._settings.max_new_tokens for i in ids]
        finished = set(done)
        batches = longest_first(lengths, self._settings.batch_size, self._settings.batch_tokens)
        for batch in batches:
            if all(requests[i].sample_id in finished for i in batch):
                continue
            fits = [i for i in batch if not self._room or len(ids[i]) < self._room]
            out = [self._too_long(requests[i], len(ids[i])) for i in batch if i not in fits]
            if fits:
                out += self._generate([requests[i] for i in fits], [ids[i] for i in fits])
            yield out

    def _too_long(self, request: Request, length: int) -> Prediction:
        return Prediction(
            sample_id=request.sample_id,
            output="",
            model=self._settings.model,
            error=f"the prompt has {length} tokens, the model takes {self._room}",
            prompt_tokens=length,
        )

    def _generate(
        self, requests: Sequence[Request], ids: Sequence[NDArray[np.int32]]
    ) -> list[Prediction]:
        import torch
        from transformers import LogitsProcessorList

        width = max(len(i) for i in ids)
        rows = torch.full((len(ids), width), self._pad, dtype=torch.long)
        mask = torch.zeros((len(ids), width), dtype=torch.long)
        for row, one in enumerate(ids):
            rows[row, width - len(one) :] = torch.from_numpy(one.astype(np.int64))
            mask[row, width - len(one) :] = 1
        new = self._settings.max_new_tokens
        new = min(new, self._room - width) if self._room else new
        seen = _Probabilities()
        started = time.perf_counter()
        with torch.inference_mode():
            made = self._model.generate(
                input_ids=rows.to(self._device),
                attention_mask=mask.to(self._device),
                do_sample=False,
                num_beams=1,
                max_new_tokens=max(new, 1),
                eos_token_id=list(self._stops) or None,
                pad_token_id=self._pad,
                logits_processor=LogitsProcessorList([seen]),
            )
        seconds = (time.perf_counter() - started) / len(ids)
        answers = made[:, width:].cpu().numpy()
        scores = seen.table()
        return [
            self._prediction(request, len(prompt), answers[row], scores[:, row], seconds)
            for row, (request, prompt) in enumerate(zip(requests, ids, strict=True))
        ]

    def _prediction(
        self,
        request: Request,
        prompt_tokens: int,
        answer: NDArray[np.int64],
        scores: NDArray[np.float32],
        seconds: float,
    ) -> Prediction:
        ends = np.flatnonzero(np.isin(answer, self._stops))
        stopped = len(ends) > 0
        kept = answer[: ends[0]] if stopped else answer
        counted = len(kept) + int(stopped)
        settings = self._settings
        return Prediction(
            sample_id=request.sample_id,
            output=self._tokenizer.decode(kept[~np.isin(kept, self._hidden)].tolist()),
            model=settings.model if settings.adapter is None else settings.adapter,
            finish_reason="stop" if stopped else "length",
            prompt_tokens=prompt_tokens,
            completion_tokens=counted,
            latency_s=round(seconds, 4),
            cost=settings.cost(prompt_tokens, counted),
            mean_logprob=round(float(scores[:counted].mean()), 6) if counted else None,
        )


class _Probabilities:
    """Notes the log probability of the most likely token at each step, and changes nothing."""

    def __init__(self) -> None:
        self._steps: list[Any] = []

    def __call__(self, input_ids: Any, scores: Any) -> Any:  # noqa: ARG002
        scored = scores.float()
        self._steps.append((scored.amax(-1) - scored.logsumexp(-1)).cpu())
        return scores

    def table(self) -> NDArray[np.float32]:
        """Return float32 of shape (steps, rows)."""
        return np.stack([s.numpy() for s in self._steps])


def _load(settings: Asking) -> tuple[Any, Any]:
    try:
        import torch
        from transformers import AutoModelForCausalLM
    except ImportError as error:
        raise MissingExtraError("torch", "train") from error
    device = settings.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    dtype = settings.dtype
    if dtype == "auto":
        fast = device.startswith("cuda") and torch.cuda.is_bf16_supported()
        dtype = "bfloat16" if fast else "float32"
    try:
        with _quiet():
            model = AutoModelForCausalLM.from_pretrained(
                settings.model,
                dtype=getattr(torch, dtype),
                local_files_only=not settings.allow_download,
                trust_remote_code=False,
            )
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0][:200]
        raise ConfigError(f"model: {settings.model} cannot be loaded: {reason}") from error
    if settings.adapter is not None:
        model = _with_adapter(model, adapter_folder(settings.adapter))
    return model.to(device).eval(), torch.device(device)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the library's own bars off the screen: progress is shown by samples."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def _with_adapter(model: Any, folder: Path) -> Any:
    try:
        from peft import PeftModel
    except ImportError as error:
        raise MissingExtraError("peft", "train") from error
    return PeftModel.from_pretrained(model, str(folder), is_trainable=False)
