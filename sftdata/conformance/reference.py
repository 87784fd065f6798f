"""What transformers itself makes of a conversation: the reference that vLLM uses too."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import jinja2

from sftdata.chat.probes import Probe
from sftdata.chat.template import ChatTemplate
from sftdata.chat.tokenizer import Tokenizer

__all__ = ["Reference"]


class Reference:
    """`apply_chat_template` of a tokenizer; without one, the Jinja of transformers alone.

    vLLM's /v1/chat/completions renders with the same function, and tokenises without special
    tokens; so `prompt` is what it sends to the model.
    """

    def __init__(self, template: ChatTemplate, tokenizer: Tokenizer | None, name: str) -> None:
        self._template = template
        self._tokenizer: Any = None
        if tokenizer is not None:
            from transformers import AutoTokenizer

            self._tokenizer = AutoTokenizer.from_pretrained(
                name, trust_remote_code=False, local_files_only=True
            )

    @property
    def versions(self) -> dict[str, str]:
        """Versions of what was compared with."""
        return {name: version(name) for name in ("transformers", "tokenizers")}

    def whole(self, probe: Probe) -> list[int] | str | None:
        """Return the ids (or text) of a whole conversation; None where it is refused."""
        return self._rendered(probe, whole=True)

    def prompt(self, probe: Probe) -> list[int] | str | None:
        """Return the ids (or text) that a server sends for the prompt."""
        return self._rendered(probe, whole=False)

    def _rendered(self, probe: Probe, *, whole: bool) -> list[int] | str | None:
        said = probe.messages if whole else probe.prompt
        messages = [{"role": m.role, "content": m.content} for m in said]
        options: dict[str, Any] = {**self._template.variables, "add_generation_prompt": not whole}
        try:
            if self._tokenizer is None:
                return self._text(messages, options)
            ids: list[int] = self._tokenizer.apply_chat_template(
                messages, chat_template=self._template.source, return_dict=False, **options
            )
        except (jinja2.TemplateError, TypeError):
            return None
        return ids

    def _text(self, messages: list[dict[str, str]], options: dict[str, Any]) -> str:
        from transformers.utils.chat_template_utils import render_jinja_template

        rendered, _ = render_jinja_template(
            [messages],
            chat_template=self._template.source,
            **{**self._template.special_tokens, **options},
        )
        return str(rendered[0])
