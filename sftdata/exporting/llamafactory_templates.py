"""Which template of LLaMA-Factory belongs to a model: its command line never checks that."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from sftdata.chat.sandbox import RenderRefusedError
from sftdata.chat.template import ChatTemplate
from sftdata.errors import ConfigError
from sftdata.exporting.model import TargetModel
from sftdata.types import Message

__all__ = ["SlotTemplate", "match_template", "same_text", "slot_templates", "template_named"]

_PROBE = {"system": "Read the filing.", "user": "净利润 of 2024?", "assistant": '{"value": "12"}'}


class SlotTemplate(BaseModel):
    """One hand-written template of LLaMA-Factory; the fields are told in the YAML file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    template: str
    names: tuple[str, ...] = ()
    model_types: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()
    not_marks: tuple[str, ...] = ()
    reasoning: bool = False
    default_system: bool = False
    text: str

    def fits_name(self, name: str) -> bool:
        """Return whether the model is one of these by its name."""
        return any(re.search(pattern, name.lower()) for pattern in self.names)

    def fits_kind(self, model_type: str, source: str) -> bool:
        """Return whether architecture and the tokenizer's own template are those."""
        if model_type not in self.model_types:
            return False
        marked = not self.marks or any(mark in source for mark in self.marks)
        return marked and not any(mark in source for mark in self.not_marks)

    def render(self, special_tokens: Mapping[str, str]) -> str:
        """Return the text of the probe as LLaMA-Factory would write it."""
        values = {
            "bos": special_tokens.get("bos_token", ""),
            "eos": special_tokens.get("eos_token", ""),
            **_PROBE,
        }
        return re.sub(r"\{(\w+)\}", lambda m: values[m[1]], self.text)


@cache
def slot_templates() -> tuple[SlotTemplate, ...]:
    """Return every entry of the table, in its order.

    >>> slot_templates()[-1].template
    'chatml'
    """
    path = Path(__file__).with_name("llamafactory_templates.yaml")
    entries: list[dict[str, Any]] = yaml.safe_load(path.read_text(encoding="utf-8"))
    try:
        return tuple(SlotTemplate.model_validate(entry) for entry in entries)
    except ValidationError as error:  # pragma: no cover - the file is ours
        raise ConfigError(f"{path.name} cannot be read: {error}") from error


def template_named(name: str) -> SlotTemplate | None:
    """Return the entry of a template, or None for one that the table does not have."""
    return next((t for t in slot_templates() if t.template == name), None)


def match_template(model: TargetModel) -> SlotTemplate:
    """Return the template for a model: by its name, its architecture, or the text it makes.

    Raises:
        ConfigError: none fits; the message says how to name one.
    """
    known = slot_templates()
    base = str(model.config.get("_name_or_path") or "")
    for name in (model.name, base):
        for entry in known:
            # A folder's parents are the user's own words: only the last part names the model.
            if name and entry.fits_name(_last_part(name)):
                return entry
    kind, source = str(model.config.get("model_type") or ""), model.own_template or ""
    for entry in known:
        if kind and source and entry.fits_kind(kind, source):
            return entry
    same = [e for e in reversed(known) if not e.reasoning and same_text(e, model.template)]
    if source and same:
        return same[0]
    raise ConfigError(
        f"--model {model.name}: no template of LLaMA-Factory is known to match it"
        + (f" (model_type {kind})" if kind else "")
        + "; name one with --set template=NAME if you are sure (a wrong one trains other tokens "
        "than are served), or export --to trl, which needs none"
    )


def same_text(entry: SlotTemplate, template: ChatTemplate) -> bool:
    """Return whether both make the same text of a short conversation, white space at its end apart.

    >>> from sftdata.chat.template import load_template
    >>> same_text(slot_templates()[-1], load_template("chatml"))
    True
    """
    messages = [Message(role=role, content=text) for role, text in _PROBE.items()]
    try:
        theirs = template.render(messages)
    except RenderRefusedError:
        return False
    return entry.render(template.special_tokens).rstrip() == theirs.rstrip()


def _last_part(name: str) -> str:
    parts = [p for p in re.split(r"[/\\]", name) if p]
    return "/".join(parts[-2:]) if len(parts) == 2 and not Path(name).exists() else parts[-1]
