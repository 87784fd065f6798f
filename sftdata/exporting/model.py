"""The model that an export is for: its name, tokenizer and template, held against the build's."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sftdata.chat.template import BUNDLED, OWN, ChatTemplate, load_template
from sftdata.chat.tokenizer import Tokenizer, load_tokenizer
from sftdata.errors import ConfigError
from sftdata.judged import Judged
from sftdata.stages.render import Render

__all__ = ["TargetModel", "resolve_model"]

_LARGEST_CONFIG = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetModel:
    """What an exporter may know of the model.

    Attributes:
        name: folder or hub id; empty where nobody has named one.
        template: the chat template that rows are checked with.
        tokenizer: None where none is on this machine: lengths are the build's.
        own_template: the Jinja text that the model's own tokenizer carries, where it is known.
        config: the model's `config.json`, as far as it is on this machine.
        fresh: rows have to be measured with this tokenizer, because the build had none.
        faults: what `--force` has overridden.
    """

    name: str
    template: ChatTemplate
    tokenizer: Tokenizer | None = None
    own_template: str | None = None
    config: dict[str, Any]
    fresh: bool = False
    faults: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        """The name as it works from any folder: a local folder in full, a hub id as it is."""
        folder = Path(self.name)
        return str(folder.resolve()) if self.name and folder.is_dir() else self.name

    @property
    def carries_template(self) -> bool:
        """Whether the model's tokenizer carries the very template that rows are checked with."""
        return self.own_template is not None and self.own_template == self.template.source

    def named(self, target: str) -> str:
        """Return `path`, or say that the target cannot do without.

        Raises:
            ConfigError: nobody has named a model.
        """
        if not self.name:
            raise ConfigError(f"--to {target} writes settings for a model: name it with --model")
        return self.path


def resolve_model(judged: Judged, model: str | None, *, force: bool = False) -> TargetModel:
    """Return the model to export for.

    A build that was rendered with a tokenizer is exported for that tokenizer and for no other;
    one that was built without takes that of `--model`, and its rows are measured anew.

    Args:
        judged: the build.
        model: folder or hub id; None: what the build was rendered with.
        force: go on with another tokenizer or template; the fault stands in the result.

    Raises:
        ConfigError: the tokens would not be those that were audited, or a tokenizer is missing.
    """
    render, lock = judged.render, judged.manifest.template_lock
    if model is None:
        return _as_built(render, lock, force=force)
    own = _on_this_machine(model)
    config = _model_config(model)
    if own is None:
        template, tokenizer = render.load()
        return TargetModel(name=model, template=template, tokenizer=tokenizer, config=config)
    faults: tuple[str, ...] = ()
    candidates = _candidates(render, own)
    chosen = next((t for t in candidates if t.lock() == lock), None)
    counted = _was_counted(render)
    if chosen is None and counted:
        faults = (_faulty(f"{model} has another tokenizer or template than the build", force),)
    template = chosen or candidates[0]
    return TargetModel(
        name=model,
        template=template,
        tokenizer=own,
        own_template=own.chat_template,
        config=config,
        fresh=chosen is None,
        faults=faults,
    )


def _as_built(render: Render, lock: str, *, force: bool) -> TargetModel:
    template, tokenizer = render.load()
    faults: tuple[str, ...] = ()
    if template.lock() != lock:
        faults = (_faulty("the files of its tokenizer or template have changed", force),)
    name = render.tokenizer or ("" if tokenizer is None else render.template)
    return TargetModel(
        name=name,
        template=template,
        tokenizer=tokenizer,
        own_template=tokenizer.chat_template if tokenizer else None,
        config=_model_config(name) if name else {},
        fresh=bool(faults),
        faults=faults,
    )


def _faulty(fault: str, force: bool) -> str:
    if not force:
        raise ConfigError(
            f"template: {fault}, so the tokens would not be those that were audited; build again "
            "with `template.tokenizer` set to the model, or override with --force"
        )
    return fault


def _was_counted(render: Render) -> bool:
    named = render.template not in BUNDLED and not Path(render.template).is_file()
    return render.tokenizer is not None or named


def _candidates(render: Render, own: Tokenizer) -> list[ChatTemplate]:
    """Return the templates that the model may be meant to have: its own, then the build's."""
    found = []
    names = [OWN] if own.chat_template else []
    if render.template in BUNDLED or render.template == OWN or Path(render.template).is_file():
        names.append(render.template)
    for name in names:
        if name == OWN and not own.chat_template:
            continue
        found.append(
            load_template(name, tokenizer=own, variables=render.variables, today=render.today)
        )
    if not found:
        raise ConfigError(
            f"--model {own.name}: its tokenizer carries no chat template; build with "
            "`template.template` set to one"
        )
    return found


def _on_this_machine(model: str) -> Tokenizer | None:
    """Return the tokenizer of a folder or of the local cache; a hub id alone needs no network."""
    try:
        return load_tokenizer(model)
    except ConfigError:
        if Path(model).exists():
            raise
        return None


def _model_config(model: str) -> dict[str, Any]:
    path = Path(model) / "config.json"
    if not path.is_file():
        found = _cached_config(model)
        if found is None:
            return {}
        path = found
    try:
        if path.stat().st_size > _LARGEST_CONFIG:
            return {}
        config = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return config if isinstance(config, dict) else {}


def _cached_config(model: str) -> Path | None:
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        found = try_to_load_from_cache(model, "config.json")
    except HFValidationError:
        return None
    return Path(found) if isinstance(found, str) else None
