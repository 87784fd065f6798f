"""Answers from a server that speaks OpenAI's chat API: vLLM, transformers serve, a provider."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sftdata.errors import ConfigError, MissingExtraError
from sftdata.prediction.requests import Request
from sftdata.prediction.settings import Asking
from sftdata.predictions import Prediction

__all__ = ["Server"]

_KEY = "OPENAI_API_KEY"
_WAIT_S = 60.0


class Server:
    """A server. Its key comes from the environment variable OPENAI_API_KEY and goes nowhere else.

    Messages are sent as they are; the server renders them with the template that its model
    carries, so serve the merged model, whose folder has the template that was trained.
    """

    def __init__(self, settings: Asking) -> None:
        try:
            import httpx
        except ImportError as error:
            raise MissingExtraError("httpx", "teacher") from error
        self._settings = settings
        key = os.environ.get(_KEY, "")
        self._client = httpx.Client(
            base_url=(settings.base_url or "").rstrip("/"),
            timeout=settings.timeout_s,
            headers={"Authorization": f"Bearer {key}"} if key else {},
            limits=httpx.Limits(max_connections=settings.batch_size),
        )
        self._limit_name = "max_completion_tokens"

    def answers(
        self, requests: Sequence[Request], done: Sequence[str] = ()
    ) -> Iterator[list[Prediction]]:
        """Yield the answers as they are complete, `batch_size` requests at a time.

        Raises:
            ConfigError: the server refuses the first request, so it would refuse all.
        """
        finished = set(done)
        left = [r for r in requests if r.sample_id not in finished]
        size = self._settings.batch_size
        with self._client, ThreadPoolExecutor(size) as pool:
            for start in range(0, len(left), size):
                chunk = left[start : start + size]
                first = [self._ask(chunk[0])] if start == 0 else []
                if first and first[0].error and first[0].finish_reason == "refused":
                    raise ConfigError(f"base_url: {first[0].error}")
                yield first + list(pool.map(self._ask, chunk[len(first) :]))

    def _ask(self, request: Request) -> Prediction:
        started = time.perf_counter()
        try:
            body = self._post(self._body(request))
            return self._prediction(request, body, time.perf_counter() - started)
        except _RefusedError as error:
            return self._failed(request, str(error), "refused")
        except (KeyError, IndexError, TypeError, AttributeError):
            return self._failed(request, "the answer has not the shape of a chat completion", "")

    def _body(self, request: Request) -> dict[str, Any]:
        return {
            "model": self._settings.model,
            "messages": [{"role": m.role, "content": m.content} for m in request.messages],
            "temperature": 0,
            self._limit_name: self._settings.max_new_tokens,
        }

    def _post(self, body: dict[str, Any]) -> dict[str, Any]:
        """Post, again after a time-out, 429 or 5xx; older servers know `max_tokens` only."""
        import httpx
        from tenacity import Retrying, retry_if_exception_type, stop_after_attempt

        tries = Retrying(
            stop=stop_after_attempt(self._settings.retries + 1),
            retry=retry_if_exception_type((_BusyError, httpx.TransportError)),
            wait=_wait,
            reraise=True,
        )
        try:
            for attempt in tries:
                with attempt:
                    return self._once(body)
        except httpx.TransportError as error:
            raise _RefusedError(
                f"{self._settings.base_url} does not answer ({type(error).__name__})"
            ) from error
        raise AssertionError("a retry either returns or raises")

    def _once(self, body: dict[str, Any]) -> dict[str, Any]:
        answer = self._client.post("/chat/completions", json=body)
        known = "max_completion_tokens" in body and answer.status_code in (400, 422)
        if known and "max_completion_tokens" in answer.text:
            self._limit_name = "max_tokens"
            body["max_tokens"] = body.pop("max_completion_tokens")
            answer = self._client.post("/chat/completions", json=body)
        if answer.status_code == 429 or answer.status_code >= 500:
            raise _BusyError(answer.status_code, answer.headers.get("retry-after", ""))
        if answer.status_code >= 400:
            raise _RefusedError(f"{self._settings.base_url} answers {answer.status_code}")
        found: dict[str, Any] = answer.json()
        return found

    def _prediction(self, request: Request, body: dict[str, Any], seconds: float) -> Prediction:
        choice = body["choices"][0]
        usage = body.get("usage") or {}
        prompt_tokens = int(usage.get("prompt_tokens") or 0)
        tokens = int(usage.get("completion_tokens") or 0)
        return Prediction(
            sample_id=request.sample_id,
            output=choice["message"]["content"] or "",
            model=self._settings.model,
            finish_reason=str(choice.get("finish_reason") or ""),
            prompt_tokens=prompt_tokens,
            completion_tokens=tokens,
            latency_s=round(seconds, 4),
            cost=self._settings.cost(prompt_tokens, tokens) if usage else None,
        )

    def _failed(self, request: Request, error: str, reason: str) -> Prediction:
        return Prediction(
            sample_id=request.sample_id,
            output="",
            model=self._settings.model,
            finish_reason=reason,
            error=error,
        )


class _RefusedError(Exception):
    """The server will not answer this request, however often it is asked."""


class _BusyError(_RefusedError):
    """The server may answer later."""

    def __init__(self, status: int, retry_after: str) -> None:
        super().__init__(f"the server is busy ({status}) and stayed so")
        self.seconds = float(retry_after) if retry_after.isdigit() else None


def _wait(state: Any) -> float:
    """Return the seconds to wait: what the server asks for, otherwise twice as long each time."""
    error = state.outcome.exception() if state.outcome else None
    asked = getattr(error, "seconds", None)
    grown = 0.5 * 2.0 ** (state.attempt_number - 1)
    return min(asked if asked is not None else grown, _WAIT_S)
