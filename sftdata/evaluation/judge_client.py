"""Requests to a judge: an OpenAI-compatible endpoint, with retries, a cache, and a log of hashes.

Documents leave the machine only for hosts that were allowed by name. Nothing that is logged holds
text: a line has the hash of what was sent, its size, and what it cost.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sftdata.errors import ConfigError, MissingExtraError, SftdataError

__all__ = ["Endpoint", "Judge", "JudgeError", "Reply", "Usage"]

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_AGAIN = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
_LONGEST_REPLY = 2_000_000


class JudgeError(SftdataError):
    """The endpoint gave no usable answer; the message has status and host, never text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where the judge is, and what may be sent there.

    Attributes:
        base_url: up to and including `/v1`.
        model: the model's name there.
        allowed: hosts that documents may be sent to; loopback is always one of them.
        key_variable: environment variable with the API key; empty for none.
        timeout_s: of one request.
        attempts: how often a request is tried.
        longest_wait_s: between two tries.
        price_in: for a million prompt tokens.
        price_out: for a million completion tokens.
    """

    base_url: str
    model: str
    allowed: tuple[str, ...] = ()
    key_variable: str = ""
    timeout_s: float = 120.0
    attempts: int = 5
    longest_wait_s: float = 30.0
    price_in: float | None = None
    price_out: float | None = None

    def host(self) -> str:
        """Return the host that is sent to.

        Raises:
            ConfigError: the address is none, or its host is not allowed.
        """
        parts = urlsplit(self.base_url)
        host = (parts.hostname or "").lower()
        if parts.scheme not in ("http", "https") or not host:
            raise ConfigError(f"--base-url: {self.base_url!r} is no http address")
        if host not in _LOOPBACK and host not in {h.lower() for h in self.allowed}:
            raise ConfigError(
                f"--base-url: {host} is not allowed; prompts hold text of documents and would "
                f"leave this machine. If they may, add --allow-host {host}"
            )
        if parts.scheme == "http" and host not in _LOOPBACK:
            raise ConfigError(f"--base-url: {host} must be reached by https")
        return host


@dataclass(frozen=True, slots=True)
class Reply:
    """What the judge wrote, and the tokens that it took."""

    text: str
    prompt_tokens: int
    completion_tokens: int
    cached: bool


@dataclass(slots=True)
class Usage:
    """What a run has used; what came from the cache costs nothing again."""

    requests: int = 0
    cached: int = 0
    failed: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float | None = None


@dataclass(slots=True)
class Judge:
    """Asks an endpoint, once for each different request.

    Attributes:
        endpoint: where.
        cache: folder of answers by hash of the request; a second run asks nothing again.
        usage: what was used.
    """

    endpoint: Endpoint
    cache: Path
    usage: Usage = field(default_factory=Usage)
    _client: Any = None
    _lock: Any = field(default_factory=threading.Lock)
    _host: str = ""

    def __post_init__(self) -> None:
        """Check address and key, and open the connection.

        Raises:
            ConfigError: the host is not allowed, or the key's variable is empty.
            MissingExtraError: httpx or tenacity is not installed.
        """
        self._host = self.endpoint.host()
        try:
            import httpx
            import tenacity  # noqa: F401
        except ImportError as error:
            raise MissingExtraError(error.name or "httpx", "teacher") from error
        headers = {}
        if self.endpoint.key_variable:
            key = os.environ.get(self.endpoint.key_variable, "")
            if not key:
                raise ConfigError(f"--api-key-env: {self.endpoint.key_variable} is not set")
            headers["Authorization"] = f"Bearer {key}"
        self.cache.mkdir(parents=True, exist_ok=True)
        self._client = httpx.Client(
            headers=headers,
            timeout=self.endpoint.timeout_s,
            follow_redirects=False,
            trust_env=self._host not in _LOOPBACK,
        )

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def ask(self, messages: list[dict[str, str]], *, subject: str, attempt: int = 0) -> Reply:
        """Return the judge's answer, from the cache where there is one.

        Args:
            messages: the conversation.
            subject: for the log: which sample, never text.
            attempt: another number is another request, for asking again after a broken answer.

        Raises:
            JudgeError: no answer after the last try.
        """
        body = {"model": self.endpoint.model, "messages": messages, "temperature": 0}
        if attempt:
            body["seed"] = attempt
        text = json.dumps(body, ensure_ascii=False, sort_keys=True)
        name = hashlib.sha256(f"{self.endpoint.base_url}\n{text}".encode()).hexdigest()
        known = self._known(name)
        if known is not None:
            with self._lock:
                self.usage.cached += 1
            return known
        reply = self._send(body)
        self._keep(name, reply)
        self._count(name, subject, len(text.encode()), reply)
        return reply

    def _known(self, name: str) -> Reply | None:
        path = self.cache / f"{name}.json"
        try:
            row = json.loads(path.read_text(encoding="utf-8"))
            return Reply(row["text"], row["prompt_tokens"], row["completion_tokens"], cached=True)
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None

    def _keep(self, name: str, reply: Reply) -> None:
        row = {
            "text": reply.text,
            "prompt_tokens": reply.prompt_tokens,
            "completion_tokens": reply.completion_tokens,
        }
        part = self.cache / f".{name}.{threading.get_ident()}.part"
        part.write_text(json.dumps(row, ensure_ascii=False), encoding="utf-8")
        part.replace(self.cache / f"{name}.json")

    def _count(self, name: str, subject: str, size: int, reply: Reply) -> None:
        cost = self._cost(reply)
        line = {
            "request_sha256": name,
            "subject": subject,
            "host": self._host,
            "model": self.endpoint.model,
            "bytes": size,
            "prompt_tokens": reply.prompt_tokens,
            "completion_tokens": reply.completion_tokens,
            "cost": cost,
        }
        with self._lock:
            usage = self.usage
            usage.requests += 1
            usage.prompt_tokens += reply.prompt_tokens
            usage.completion_tokens += reply.completion_tokens
            if cost is not None:
                usage.cost = round((usage.cost or 0.0) + cost, 9)
            with (self.cache / "sent.jsonl").open("a", encoding="utf-8") as handle:
                handle.write(json.dumps(line) + "\n")

    def _cost(self, reply: Reply) -> float | None:
        if self.endpoint.price_in is None or self.endpoint.price_out is None:
            return None
        total = reply.prompt_tokens * self.endpoint.price_in
        return round((total + reply.completion_tokens * self.endpoint.price_out) / 1e6, 9)

    def _send(self, body: Mapping[str, Any]) -> Reply:
        """Send again after time-outs, lost connections, 429 and what a server recovers from.

        `Retry-After` is kept to, up to the longest wait.
        """
        import httpx
        from tenacity import Retrying, retry_if_exception_type, stop_after_attempt

        tries = Retrying(
            stop=stop_after_attempt(self.endpoint.attempts),
            wait=self._wait,
            retry=retry_if_exception_type((_TryAgainError, httpx.TransportError)),
            reraise=True,
        )
        try:
            return tries(self._once, body)
        except (_TryAgainError, httpx.TransportError) as error:
            with self._lock:
                self.usage.failed += 1
            what = (
                f"status {error.status}" if isinstance(error, _TryAgainError) else "no connection"
            )
            raise JudgeError(
                f"{self._host}: {what} after {self.endpoint.attempts} tries; run again to go on "
                "where it stopped"
            ) from error

    def _wait(self, state: Any) -> float:
        failure = state.outcome.exception() if state.outcome is not None else None
        given = failure.after if isinstance(failure, _TryAgainError) else None
        wait = given if given is not None else 0.5 * 2.0 ** (state.attempt_number - 1)
        return min(float(wait), self.endpoint.longest_wait_s)

    def _once(self, body: Mapping[str, Any]) -> Reply:
        url = f"{self.endpoint.base_url.rstrip('/')}/chat/completions"
        response = self._client.post(url, json=dict(body))
        if response.status_code in _AGAIN:
            raise _TryAgainError(response.status_code, response.headers.get("retry-after"))
        if response.status_code >= 300:
            raise JudgeError(f"{self._host}: status {response.status_code}; see the server's log")
        try:
            data = json.loads(response.content[:_LONGEST_REPLY])
            text = data["choices"][0]["message"]["content"] or ""
            usage = data.get("usage") or {}
            tokens = [int(usage.get(n) or 0) for n in ("prompt_tokens", "completion_tokens")]
        except (
            ValueError,
            KeyError,
            IndexError,
            TypeError,
            AttributeError,
            RecursionError,
        ) as error:
            raise _TryAgainError(response.status_code, None) from error
        return Reply(str(text), tokens[0], tokens[1], cached=False)


class _TryAgainError(Exception):
    def __init__(self, status: int, after: str | None) -> None:
        super().__init__(status)
        self.status = status
        try:
            self.after = None if after is None else max(0.0, float(after))
        except ValueError:  # a date; the usual wait will do
            self.after = None
