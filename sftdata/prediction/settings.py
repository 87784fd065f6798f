"""How a model is asked."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from sftdata.errors import ConfigError

__all__ = ["Asking", "asking"]


class Asking(BaseModel):
    """How a model is asked. Decoding is always greedy, so that an answer can be repeated."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    model: str
    """Folder or hub id of the weights, or the name under which a server serves them."""
    adapter: str | None = None
    """Folder of a LoRA adapter, or of a run that has one; on top of `model`."""
    backend: Literal["transformers", "vllm", "openai"] = "transformers"
    """Where it runs: in this process, in vLLM, or on a server that speaks OpenAI's API."""
    base_url: str | None = None
    """The server's address, e.g. `http://localhost:8000/v1`."""
    split: str = "test"
    """Which prompts."""
    shots: int = Field(default=0, ge=0, le=16)
    """Worked examples out of train before each question."""
    limit: int | None = Field(default=None, ge=1)
    """At most so many prompts."""
    max_new_tokens: int = Field(default=1024, ge=1)
    """Longest answer; a longer one is cut and has the finish reason `length`."""
    batch_size: int = Field(default=32, ge=1)
    """Most prompts in one batch; on a server, most requests at a time."""
    batch_tokens: int = Field(default=32768, ge=1)
    """Most tokens in one batch, padding and answers included."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """Of the weights; `auto`: bfloat16 where the GPU has it, float32 on a CPU."""
    device: str = "auto"
    """`cpu`, `cuda`, `cuda:1`; `auto` takes a GPU where there is one."""
    price_in: float | None = Field(default=None, ge=0)
    """Price of a million prompt tokens."""
    price_out: float | None = Field(default=None, ge=0)
    """Price of a million answered tokens."""
    timeout_s: float = Field(default=120, gt=0)
    """Longest wait for a server's answer."""
    retries: int = Field(default=5, ge=0)
    """How often a request is sent again after a time-out, 429 or a 5xx status."""
    allow_download: bool = False
    """Fetch a hub id that is not in the local cache."""

    @model_validator(mode="after")
    def _fits(self) -> Asking:
        if self.backend == "openai" and not self.base_url:
            raise ValueError("base_url: the backend openai needs the server's address")
        if self.backend != "openai" and self.base_url:
            raise ValueError("base_url: only the backend openai has a server")
        if self.backend == "openai" and self.adapter:
            raise ValueError("adapter: a server has its own; give the name that it serves")
        if (self.price_in is None) != (self.price_out is None):
            raise ValueError("price_in, price_out: give both or none")
        return self

    def cost(self, prompt_tokens: int, completion_tokens: int) -> float | None:
        """Return the price of one answer, where prices are given.

        >>> Asking(model="m", price_in=2, price_out=8).cost(1000, 500)
        0.006
        """
        if self.price_in is None or self.price_out is None:
            return None
        return (prompt_tokens * self.price_in + completion_tokens * self.price_out) / 1e6


def asking(**settings: Any) -> Asking:
    """Make an `Asking`; what cannot be is one line.

    Raises:
        ConfigError: a setting of another type, or settings that do not go together.
    """
    try:
        return Asking(**settings)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(p) for p in first["loc"])
        message = first["msg"].removeprefix("Value error, ")
        raise ConfigError(f"{place}: {message}" if place else message) from error
