"""Answers from weights by vLLM, which takes our ids as they are: one BOS, and our template."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

from sftdata.chat.template import ChatTemplate
from sftdata.chat.tokenizer import Tokenizer
from sftdata.errors import ConfigError
from sftdata.prediction.requests import Request
from sftdata.prediction.settings import Asking
from sftdata.prediction.weights import adapter_folder, prompt_ids, stop_ids
from sftdata.predictions import Prediction

__all__ = ["VllmEngine"]

_CHUNK = 1024
"""Requests handed over at once: vLLM schedules them itself, and a killed run loses no more."""


class VllmEngine:
    """A model in vLLM's engine. vLLM brings its own torch: install it in an environment apart."""

    def __init__(self, settings: Asking, template: ChatTemplate, tokenizer: Tokenizer) -> None:
        try:
            from vllm import LLM
        except ImportError as error:
            raise ConfigError(
                "backend: vllm is not installed. It pins its own torch, so give it an environment "
                "of its own and install sftdata there; or run `vllm serve` and use the backend "
                "openai"
            ) from error
        self._settings = settings
        self._template = template
        self._tokenizer = tokenizer
        dtype = "auto" if settings.dtype == "auto" else settings.dtype
        more = {"enable_lora": True} if settings.adapter else {}
        self._llm = LLM(model=settings.model, dtype=dtype, trust_remote_code=False, **more)

    def answers(
        self, requests: Sequence[Request], done: Sequence[str] = ()
    ) -> Iterator[list[Prediction]]:
        """Yield the answers in chunks."""
        finished = set(done)
        left = [r for r in requests if r.sample_id not in finished]
        for start in range(0, len(left), _CHUNK):
            yield self._generate(left[start : start + _CHUNK])

    def _generate(self, requests: Sequence[Request]) -> list[Prediction]:
        from vllm import SamplingParams

        ids = prompt_ids(self._template, self._tokenizer, requests)
        parameters = SamplingParams(
            temperature=0.0,
            max_tokens=self._settings.max_new_tokens,
            stop_token_ids=list(stop_ids(self._template, self._tokenizer, ())),
            logprobs=0,
        )
        more: dict[str, Any] = {}
        if self._settings.adapter:
            from vllm.lora.request import LoRARequest

            folder = adapter_folder(self._settings.adapter)
            more["lora_request"] = LoRARequest("adapter", 1, str(folder))
        started = time.perf_counter()
        prompts = [{"prompt_token_ids": [int(i) for i in one]} for one in ids]
        made = self._llm.generate(prompts, parameters, use_tqdm=False, **more)
        seconds = (time.perf_counter() - started) / len(requests)
        return [
            self._prediction(request, output, seconds)
            for request, output in zip(requests, made, strict=True)
        ]

    def _prediction(self, request: Request, output: Any, seconds: float) -> Prediction:
        best = output.outputs[0]
        settings = self._settings
        prompt_tokens, tokens = len(output.prompt_token_ids), len(best.token_ids)
        return Prediction(
            sample_id=request.sample_id,
            output=best.text,
            model=settings.model if settings.adapter is None else settings.adapter,
            finish_reason=best.finish_reason or "",
            prompt_tokens=prompt_tokens,
            completion_tokens=tokens,
            latency_s=round(seconds, 4),
            cost=settings.cost(prompt_tokens, tokens),
            mean_logprob=best.cumulative_logprob / tokens
            if best.cumulative_logprob is not None and tokens
            else None,
        )
