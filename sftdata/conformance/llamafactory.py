"""What LLaMA-Factory makes of conversations: its own slots, in its own interpreter."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sftdata.errors import ConfigError
from sftdata.types import Message

__all__ = ["slot_rows"]

_SECONDS = 600


def slot_rows(
    model: str,
    template: str,
    conversations: Sequence[Sequence[Message]],
    *,
    python: str | Path | None = None,
    variables: Mapping[str, Any] | None = None,
) -> tuple[list[list[int] | str], dict[str, str]]:
    """Return the ids of each conversation by LLaMA-Factory's template, and its versions.

    Args:
        model: folder of the tokenizer.
        template: LLaMA-Factory's name, such as `qwen`.
        conversations: each as messages, a system message first or none.
        python: the interpreter that has LLaMA-Factory; None: this one.
        variables: of the template; LLaMA-Factory takes `enable_thinking`.

    Returns:
        ids, or the name of the error for a conversation that is refused.

    Raises:
        ConfigError: LLaMA-Factory is not there, or has no such template.
    """
    if python is None:
        if importlib.util.find_spec("llamafactory") is None:
            raise ConfigError(
                "LLaMA-Factory is not installed here, and its pins need an environment apart: "
                "name its interpreter with --llamafactory-python PATH"
            )
        python = sys.executable
    if not Path(python).is_file():
        raise ConfigError(f"--llamafactory-python {python}: there is no such file")
    asked = {
        "model": str(Path(model).resolve()),
        "template": template,
        "variables": dict(variables or {}),
        "conversations": [
            [{"role": m.role, "content": m.content} for m in messages] for messages in conversations
        ],
    }
    # As text and isolated: as a file it would bring this folder, and our modules, into its path.
    script = Path(__file__).with_name("slots.py").read_text(encoding="utf-8")
    try:
        done = subprocess.run(  # noqa: S603  (the interpreter is the user's own choice)
            [str(python), "-I", "-c", script],
            input=json.dumps(asked),
            capture_output=True,
            text=True,
            check=False,
            timeout=_SECONDS,
            env={**os.environ, "HF_HUB_OFFLINE": "1"},
        )
    except subprocess.TimeoutExpired:
        raise ConfigError(f"LLaMA-Factory did not answer within {_SECONDS} seconds") from None
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise ConfigError(f"LLaMA-Factory cannot render with template {template!r}: {last[:200]}")
    found = json.loads(done.stdout.rpartition("\n")[2])
    return found["rows"], found["versions"]
