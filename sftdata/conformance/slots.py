"""Run by an interpreter that has LLaMA-Factory: conversations in, its token ids out.

LLaMA-Factory's templates are slots written by hand, not the model's Jinja, and its pins need an
environment apart; so this file imports nothing of ours and is given to that interpreter as it is.
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from typing import Any

__all__ = ["main"]


def _ids(template: Any, tokenizer: Any, messages: list[dict[str, str]]) -> list[int]:
    system = None
    if messages and messages[0]["role"] == "system":
        system, messages = messages[0]["content"], messages[1:]
    pairs = template.encode_multiturn(tokenizer, messages, system, None)
    ids = [i for source, target in pairs for i in (*source, *target)]
    return [*ids, tokenizer.eos_token_id] if template.efficient_eos else ids


def main() -> None:
    """Read `{model, template, conversations, variables}` from standard input; write ids as JSON."""
    from llamafactory.data.template import get_template_and_fix_tokenizer  # type: ignore[import-not-found]
    from llamafactory.hparams import DataArguments  # type: ignore[import-not-found]
    from transformers import AutoTokenizer

    asked = json.load(sys.stdin)
    tokenizer = AutoTokenizer.from_pretrained(asked["model"], local_files_only=True)
    options = {k: v for k, v in asked["variables"].items() if k == "enable_thinking"}
    arguments = DataArguments(template=asked["template"], **options)
    template = get_template_and_fix_tokenizer(tokenizer, arguments)
    rows: list[list[int] | str] = []
    for messages in asked["conversations"]:
        try:
            rows.append(_ids(template, tokenizer, messages))
        except (ValueError, NotImplementedError, IndexError) as error:
            # What its templates raise for a conversation that they have no slot for: the table
            # then says "refused" in place of ids.
            rows.append(f"{type(error).__name__}")
    names = ("llamafactory", "transformers", "tokenizers")
    sys.stdout.write("\n" + json.dumps({"rows": rows, "versions": {n: version(n) for n in names}}))


if __name__ == "__main__":
    main()
