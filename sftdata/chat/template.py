"""Which text a model sees: a chat template with its special tokens, and a lock on both."""

from __future__ import annotations

import datetime
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from sftdata.chat.sandbox import CompiledTemplate, RenderRefusedError, compile_template
from sftdata.chat.system_role import SystemRole, system_role
from sftdata.chat.tokenizer import Tokenizer, load_tokenizer
from sftdata.errors import ConfigError
from sftdata.types import Message

__all__ = ["BUNDLED", "OWN", "ChatTemplate", "Scalar", "load_template"]

Scalar = str | int | bool

OWN = "tokenizer"
"""The template name that means: the one that the configured tokenizer carries."""

_FOLDER = Path(__file__).parent / "templates"

BUNDLED: Mapping[str, Mapping[str, str]] = {
    "chatml": {"eos_token": "<|im_end|>"},
    "deepseek": {"bos_token": "<｜begin▁of▁sentence｜>", "eos_token": "<｜end▁of▁sentence｜>"},
    "gemma": {"bos_token": "<bos>", "eos_token": "<end_of_turn>"},
    "llama3": {"bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>"},
    "mistral": {"bos_token": "<s>", "eos_token": "</s>"},
    "phi3": {"eos_token": "<|end|>"},
    "qwen": {"eos_token": "<|im_end|>"},
}
"""Templates that come with sftdata, and the special tokens they use without a tokenizer."""

_MARK = "\ue000"
_PIPES = re.compile(r"<\|[^\s|<>]{1,48}\|>|<｜[^\s｜<>]{1,48}｜>")
_FRAME = re.compile(
    rf"{_PIPES.pattern}|<</?[A-Z]{{2,12}}>>|</?[A-Za-z_][\w]{{0,40}}>|\[/?[A-Z][A-Z_]{{1,24}}\]"
)


class ChatTemplate(BaseModel):
    """A chat template, ready to render. Load one with `load_template`."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    name: str
    source: str
    """The Jinja text."""
    special_tokens: dict[str, str] = {}
    """`bos_token`, `eos_token` … as the template may name them."""
    added_tokens: dict[str, bool] = {}
    """Text of the tokenizer's added tokens → whether special; empty without a tokenizer."""
    variables: dict[str, Scalar] = {}
    """What else the template reads, e.g. `enable_thinking: false`."""
    today: datetime.date | None = None
    """The day a template that prints the date is told. Without it such a template is an error."""
    tokenizer_digest: str = ""

    @property
    def _compiled(self) -> CompiledTemplate:
        return compile_template(self.source, self.today)

    def render(self, messages: Sequence[Message], *, add_generation_prompt: bool = False) -> str:
        r"""Return the text; equal to `tokenizer.apply_chat_template(..., tokenize=False)`.

        Raises:
            RenderRefusedError: the template refuses the conversation.
            ConfigError: it asks for the date or for chance, or there is no message.

        >>> load_template("chatml").render([Message(role="user", content="营收？")])
        '<|im_start|>user\n营收？<|im_end|>\n'
        """
        if not messages:
            raise ConfigError("a conversation without messages cannot be rendered")
        return self._compiled.render(
            [{"role": m.role, "content": m.content} for m in messages],
            tools=None,
            documents=None,
            add_generation_prompt=add_generation_prompt,
            **{**self.special_tokens, **self.variables},
        )

    @property
    def suffix(self) -> str:
        r"""What the template writes after the last assistant turn's content.

        >>> load_template("chatml").suffix
        '<|im_end|>\n'
        """
        return _suffix(self._key)

    @property
    def gap(self) -> str:
        """What it usually writes between the generation prompt and the content; mostly nothing."""
        return _gap(self._key)

    @property
    def stop(self) -> str:
        r"""The part of `suffix` that tells the model to stop; empty where there is none.

        White space before the stop token belongs to it: a model has to write it to get there.

        >>> load_template("chatml").stop
        '<|im_end|>'
        """
        after = self.suffix
        start = len(after) - len(after.lstrip())
        ends = [
            start + len(token) for token in self.control_tokens if after.startswith(token, start)
        ]
        return after[: max(ends)] if ends else ""

    @property
    def control_tokens(self) -> tuple[str, ...]:
        """Text that steers the model and so must not stand in a document, longest first.

        Special tokens, added tokens that the template writes, and whatever looks like a control
        token in the template's own text (that one works without a tokenizer).
        """
        return _control_tokens(self._key)

    def special_text_in(self, text: str) -> tuple[str, ...]:
        """Return the control tokens that stand in this text, sorted.

        Why: `<|im_end|>` inside a filing or a note ends the turn, and what follows speaks with
        the voice of the user or the system.

        >>> load_template("chatml").special_text_in("Pay now<|im_end|>")
        ('<|im_end|>',)
        """
        return tuple(sorted(set(_control_pattern(self._key).findall(text))))

    @property
    def system_role(self) -> SystemRole:
        """What the template does with system messages, and what it writes where there is none.

        >>> load_template("qwen").system_role.default
        'You are Qwen, created by Alibaba Cloud. You are a helpful assistant.'
        """
        return _system_role(self._key)

    def special_spans_in(self, text: str) -> tuple[tuple[int, str], ...]:
        """Return where control tokens stand in this text, and which, from left to right."""
        found = _control_pattern(self._key).finditer(text)
        return tuple((match.start(), match.group()) for match in found)

    def lock_parts(self) -> dict[str, str]:
        """Return what the lock is made of: long parts as digests, short ones to be read.

        Two locks can be told apart by part, and a person sees how.
        """
        return {
            "template": hashlib.sha256(self.source.encode()).hexdigest(),
            "special_tokens": _canonical(self.special_tokens),
            "variables": _canonical(self.variables),
            "today": self.today.isoformat() if self.today else "",
            "system_prompt": str(self.system_role),
            "tokenizer": self.tokenizer_digest,
        }

    def lock(self) -> str:
        """Return the SHA-256 over template, special tokens, variables, tokenizer and system role.

        Training, prediction, merge and serving compare it: the same lock, the same tokens.
        """
        return hashlib.sha256(_canonical(self.lock_parts()).encode()).hexdigest()

    @property
    def _key(self) -> _Key:
        # One template renders many samples; only what is this very object may be taken for it.
        key = _LATEST[0]
        if key is None or key.template is not self:
            key = _LATEST[0] = _Key(self)
        return key


class _Key:
    """A template by the content of its lock, so that what is derived from it can be cached."""

    def __init__(self, template: ChatTemplate) -> None:
        self.template = template
        self._identity = (
            template.source,
            template.today,
            template.tokenizer_digest,
            tuple(sorted(template.special_tokens.items())),
            tuple(sorted((k, repr(v)) for k, v in template.variables.items())),
            len(template.added_tokens),
        )
        self._hash = hash(self._identity)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and self._identity == other._identity


_LATEST: list[_Key | None] = [None]
"""The key that was asked for last: to make one takes as long as to look six things up by it."""


def _canonical(value: Mapping[str, Any]) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def _probe(template: ChatTemplate) -> tuple[str, str]:
    """Render a short conversation of marks; return it whole, and as a prompt."""
    system = Message(role="system", content=_MARK)
    user = Message(role="user", content=_MARK)
    answer = Message(role="assistant", content=_MARK)
    refusal: RenderRefusedError | None = None
    for prompt in ([system, user], [user]):
        try:
            whole = template.render([*prompt, answer])
            return whole, template.render(prompt, add_generation_prompt=True)
        except RenderRefusedError as error:
            refusal = refusal or error
    raise ConfigError(f"template {template.name!r} cannot render a chat: {refusal}")


@lru_cache(maxsize=64)
def _suffix(key: _Key) -> str:
    whole, _ = _probe(key.template)
    if _MARK not in whole:
        raise ConfigError(f"template {key.template.name!r} does not print the assistant's turn")
    return whole.rpartition(_MARK)[2]


@lru_cache(maxsize=64)
def _gap(key: _Key) -> str:
    whole, prompt = _probe(key.template)
    head = whole.rpartition(_MARK)[0]
    return head.removeprefix(prompt) if head.startswith(prompt) else ""


@lru_cache(maxsize=64)
def _system_role(key: _Key) -> SystemRole:
    pattern = _control_pattern(key)
    return system_role(key.template.render, lambda text: pattern.sub(" ", text))


@lru_cache(maxsize=64)
def _control_tokens(key: _Key) -> tuple[str, ...]:
    template = key.template
    literals = template._compiled.literals
    written = "\0".join(literals)
    frame = "\0".join(_probe(template))
    found = set(_PIPES.findall(written)) | set(_FRAME.findall(frame))
    found |= {token for token in template.special_tokens.values() if token.strip()}
    for token, special in template.added_tokens.items():
        # Added tokens may also be ordinary text (runs of blanks, `<table>`): those may stand.
        steers = special or _PIPES.fullmatch(token) or (token[0] in "<[" and token in written)
        if token.strip() and steers:
            found.add(token)
    return tuple(sorted(found, key=lambda t: (-len(t), t)))


@lru_cache(maxsize=64)
def _control_pattern(key: _Key) -> re.Pattern[str]:
    tokens = _control_tokens(key)
    return re.compile("|".join(map(re.escape, tokens)) or r"(?!)")


def _source(template: str, tokenizer: Tokenizer | None) -> tuple[str, str, dict[str, str]]:
    """Return name, Jinja text and special tokens of a template that is not a tokenizer's own."""
    if template in BUNDLED:
        text = (_FOLDER / f"{template}.jinja").read_text(encoding="utf-8")
        tokens = tokenizer.special_tokens if tokenizer else dict(BUNDLED[template])
        return template, text, tokens
    path = Path(template)
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"template {template!r} is not UTF-8 text") from error
    return path.name, text, tokenizer.special_tokens if tokenizer else {}


def load_template(
    template: str = "chatml",
    *,
    tokenizer: Tokenizer | None = None,
    variables: Mapping[str, Scalar] | None = None,
    today: datetime.date | None = None,
    allow_download: bool = False,
) -> ChatTemplate:
    """Find a chat template.

    Args:
        template: a bundled name (`chatml`, `llama3`, `qwen` …), `tokenizer` (the template that
            `tokenizer` carries), a Jinja file, or a tokenizer's folder or hub id.
        tokenizer: what the text will be cut into tokens with; its special tokens fill the
            template's `bos_token` and `eos_token`, and its digest enters the lock.
        variables: what else the template reads (`enable_thinking`, `date_string` …).
        today: the day for templates that print one.
        allow_download: let a hub id be fetched.

    Raises:
        ConfigError: there is no such template; the message lists what there is.

    >>> load_template("llama3").stop
    '<|eot_id|>'
    """
    if template not in BUNDLED and template != OWN and not Path(template).is_file():
        tokenizer = tokenizer or _named(template, allow_download)
        name, source = template, _named(template, allow_download).chat_template
        tokens = tokenizer.special_tokens
    elif template == OWN:
        if tokenizer is None:
            raise ConfigError(f"template {OWN!r} means the tokenizer's own: set `tokenizer` too")
        name, source, tokens = tokenizer.name, tokenizer.chat_template, tokenizer.special_tokens
    else:
        name, source, tokens = _source(template, tokenizer)
    if not source:
        raise ConfigError(
            f"tokenizer {name!r} carries no chat template: name one of {', '.join(BUNDLED)}, "
            "or a Jinja file"
        )
    loaded = ChatTemplate(
        name=name,
        source=source,
        special_tokens=tokens,
        added_tokens=tokenizer.added_tokens if tokenizer else {},
        variables=dict(variables or {}),
        today=today,
        tokenizer_digest=tokenizer.digest if tokenizer else "",
    )
    # What cannot render a short chat is the configuration's fault, not that of ten thousand rows.
    _ = loaded.suffix
    return loaded


def _named(template: str, allow_download: bool) -> Tokenizer:
    try:
        return load_tokenizer(template, allow_download=allow_download)
    except ConfigError as error:
        raise ConfigError(
            f"template {template!r} is none of {', '.join(BUNDLED)}, no file, and "
            f"no tokenizer: {error}"
        ) from error
