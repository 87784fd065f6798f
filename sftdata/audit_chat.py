"""The conversations of any dataset, and the chat template that they are for, where it is known."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
from pydantic import ValidationError

from sftdata.chat.faults import CONVERSATIONS, NO_LIMIT, Chat
from sftdata.chat.tokenizer import load_tokenizer
from sftdata.config import BuildConfig
from sftdata.errors import ConfigError
from sftdata.report import RunManifest
from sftdata.shapes import shape_of
from sftdata.stages.render import Render

__all__ = ["chat_from", "decoded", "load_dated", "template_of"]

_DAY = datetime.date(2024, 7, 26)
"""The day that a template is told which asks for one and was given none: it is reported."""

_ROLES = {"human": "user", "gpt": "assistant", "model": "assistant", "chatgpt": "assistant"}
_ROLES |= {"bot": "assistant", "developer": "system"}
_BATCH = 1024
TOKENS = ["input_ids", "labels"]


def template_of(
    build: Path | None, template: str | Render | None = None, tokenizer: str | None = None
) -> Render | str:
    """Return what a dataset is rendered with, or why that is not known.

    What is named comes first; a build names its own in the manifest.
    """
    if isinstance(template, Render):
        return template
    if template or tokenizer:
        return Render(template=template or "tokenizer", tokenizer=tokenizer, max_length=NO_LIMIT)
    path = build / "manifest.json" if build is not None else None
    if path is None or not path.is_file():
        return "no chat template is known; name one (--template, --tokenizer)"
    try:
        manifest = RunManifest.from_json(path.read_bytes())
        render = BuildConfig.model_validate(manifest.config).template
    except ValidationError:
        return "the manifest beside the data is not that of a build"
    try:
        render.load()
    except ConfigError as error:
        return f"the build's template or tokenizer is not here ({error}); name where it is"
    return render


def decoded(columns: pa.Table, render: Render | str) -> pa.Table:
    """Add the text of rows that came as tokens alone, where a tokenizer is named.

    `prompt` is what stands before the first trained token, `completion` what is trained.
    """
    if isinstance(render, str) or render.tokenizer is None:
        return columns
    if "prompt" in columns.column_names or not set(TOKENS) <= set(columns.column_names):
        return columns
    tokenizer = load_tokenizer(render.tokenizer, allow_download=render.allow_download)
    prompts: list[str] = []
    completions: list[str] = []
    for batch in columns.select(TOKENS).to_batches(max_chunksize=_BATCH):
        rows = [(row["input_ids"] or [], row["labels"] or []) for row in batch.to_pylist()]
        trained = [[label for label in labels if label >= 0] for _, labels in rows]
        heads = [ids[: _first_trained(labels)] for ids, labels in rows]
        prompts += tokenizer.decode_all(heads)
        completions += tokenizer.decode_all(trained)
    texts = {"prompt": prompts, "completion": completions}
    for name, values in texts.items():
        columns = columns.append_column(name, pa.array(values, pa.string()))
    return columns


def _first_trained(labels: list[int]) -> int:
    return next((n for n, label in enumerate(labels) if label >= 0), len(labels))


def chat_from(table: pa.Table, columns: pa.Table, render: Render | str) -> Chat | str:
    """Return the conversations of a dataset with their template, or why there are none.

    Args:
        table: the rows as they are in the files.
        columns: the same rows in canonical columns.
        render: template and tokenizer, or why they are not known.

    Raises:
        ConfigError: a template or tokenizer that was named cannot be loaded.
    """
    if isinstance(render, str):
        return render
    found = _conversations(table, columns)
    if isinstance(found, str):
        return found
    return load_dated(render, found)


def load_dated(render: Render, conversations: pa.Table) -> Chat:
    """Load a template; one that asks for the date and was given none is told a fixed day."""
    dated = render.model_copy(update={"today": render.today or _DAY})
    template, tokenizer = dated.load()
    return Chat(template, tokenizer, conversations, render.max_length, render.today is not None)


def _conversations(table: pa.Table, columns: pa.Table) -> pa.Table | str:
    shape = shape_of(table.column_names)
    own = shape == "prompt/completion"
    if own and all(_is_typed(table.schema.field(n).type) for n in CONVERSATIONS.names):
        return table.select(CONVERSATIONS.names).cast(CONVERSATIONS)
    if "completion" not in columns.column_names:
        return "the rows are plain text, not conversations"
    names = {"messages": "messages", "sharegpt": "conversations"}
    if shape in names:
        system = [c for c in ("system",) if c in table.column_names]
        rows = _from_messages(table.select([names[shape], *system]), names[shape])
    else:
        rows = _from_columns(table, columns)
    return pa.Table.from_batches(list(_batches(rows)), schema=CONVERSATIONS)


def _is_typed(kind: pa.DataType) -> bool:
    wanted = CONVERSATIONS.field("prompt").type
    return bool(pa.types.is_list(kind) and kind.equals(wanted)) or _same_fields(kind)


def _same_fields(kind: pa.DataType) -> bool:
    """Return whether these are messages of just role and content, whatever may be null in them."""
    if not (pa.types.is_list(kind) and pa.types.is_struct(kind.value_type)):
        return False
    return {(f.name, str(f.type)) for f in kind.value_type} == {
        ("role", "string"),
        ("content", "string"),
    }


def _batches(rows: Iterator[dict[str, Any]]) -> Iterator[pa.RecordBatch]:
    held: list[dict[str, Any]] = []
    for row in rows:
        held.append(row)
        if len(held) == _BATCH:
            yield pa.RecordBatch.from_pylist(held, schema=CONVERSATIONS)
            held = []
    yield pa.RecordBatch.from_pylist(held, schema=CONVERSATIONS)


def _from_messages(table: pa.Table, name: str) -> Iterator[dict[str, Any]]:
    for batch in table.to_batches(max_chunksize=_BATCH):
        for row in batch.to_pylist():
            turns = _turns(row[name])
            if row.get("system"):
                turns = [{"role": "system", "content": str(row["system"])}, *turns]
            last = turns[-1:] if turns and turns[-1]["role"] == "assistant" else []
            yield {"prompt": turns[: len(turns) - len(last)], "completion": last}


def _from_columns(table: pa.Table, columns: pa.Table) -> Iterator[dict[str, Any]]:
    """Yield conversations of columns that are text, messages or their JSON, each on its own."""
    raw = [n for n in ("prompt", "completion", "system") if n in table.column_names]
    mixed = shape_of(table.column_names) == "prompt/completion"
    source = table.select(raw) if mixed else columns
    names = [n for n in ("system", "prompt", "completion") if n in source.column_names]
    for batch in source.select(names).to_batches(max_chunksize=_BATCH):
        for row in batch.to_pylist():
            prompt = _said(row["prompt"], "user")
            if row.get("system") and not any(t["role"] == "system" for t in prompt):
                prompt = [{"role": "system", "content": str(row["system"])}, *prompt]
            yield {"prompt": prompt, "completion": _said(row["completion"], "assistant")}


def _said(value: Any, role: str) -> list[dict[str, str]]:
    if isinstance(value, list) or (str(value).startswith('[{"') and '"role"' in str(value)):
        return _turns(value)
    return [{"role": role, "content": str(value or "")}]


def _turns(value: Any) -> list[dict[str, str]]:
    """Return messages of any spelling with the three roles that templates know."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (json.JSONDecodeError, RecursionError):
            return []
    turns = [t for t in value or () if isinstance(t, dict)]
    return [
        {
            "role": _role(t.get("role") or t.get("from")),
            "content": _content(t.get("content", t.get("value"))),
        }
        for t in turns
    ]


def _role(value: Any) -> str:
    name = str(value or "").lower()
    return _ROLES.get(name, name)


def _content(value: Any) -> str:
    if isinstance(value, list):
        return "\n".join(str(p.get("text") or "") for p in value if isinstance(p, dict))
    return "" if value is None else str(value)
