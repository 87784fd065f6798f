"""Recognise the shape of a dataset's rows and bring them into the columns an audit reads.

Known shapes: sftdata's own, prompt/completion (text or messages), messages, ShareGPT
(`conversations`), Alpaca (`instruction`, `input`, `output`), question/answer with or without
context, plain text, and tokens (`input_ids`, `labels`). What is not recognised is an error that
names the columns there are.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sftdata.dataset import LARGE, whole
from sftdata.errors import ConfigError

__all__ = ["canonical", "shape_of"]

_ALIASES: dict[str, tuple[str, ...]] = {
    "id": ("sample_id", "id", "uid", "example_id", "_id", "qid"),
    "kind": ("kind", "task_type"),
    "family": ("family", "task"),
    "locale": ("locale", "lang", "language"),
    "group": ("group", "group_id"),
    "question": ("question", "query"),
    "answer": ("answer", "response"),
    "answer_schema": ("answer_schema",),
    "twin_of": ("twin_of",),
    "reason_code": ("reason_code",),
    "split": ("split",),
    "domain": ("domain",),
    "phrasing": ("phrasing", "template_id"),
    "published": ("published", "filing_date", "published_date", "visit_date", "period_end", "date"),
    "derived_from": ("derived_from", "paraphrase_of", "augmented_from", "parent_id", "original_id"),
}
_LIKELY_GROUPS = (
    *("company", "cik", "ticker", "issuer", "patient", "patient_id", "subject_id", "mrn"),
    *("entity", "source", "document_id", "doc_id", "filename", "pmid"),
)
_COUNTS = ("prompt_tokens", "completion_tokens")
_FLAGS = ("over_length", "tokens_estimated")
_LISTS = ("document_ids", "facts")
_TOKENS = ("input_ids", "labels")
_STRUCTS = {
    "evidence": {"document_id", "start", "end", "quote"},
    "context": {"document_id", "start", "end"},
    "checks": {"name", "passed"},
}
_ASSISTANT = ("assistant", "gpt", "model", "chatgpt", "bot")

Columns = dict[str, pa.Array]


def shape_of(names: Sequence[str]) -> str:
    """Return the name of the shape that these columns have, or an empty string.

    >>> shape_of(["instruction", "input", "output"])
    'alpaca'
    """
    have = set(names)
    shapes: tuple[tuple[str, set[str]], ...] = (
        ("prompt/completion", {"prompt", "completion"}),
        ("messages", {"messages"}),
        ("sharegpt", {"conversations"}),
        ("alpaca", {"instruction", "output"}),
        ("question/answer", {"question", "answer"}),
        ("text", {"text"}),
        ("tokens", {"input_ids", "labels"}),
    )
    return next((name for name, needs in shapes if needs <= have), "")


def canonical(
    table: pa.Table, *, group: str | None = None, text: Sequence[str] | None = None
) -> tuple[pa.Table, dict[str, str]]:
    """Return the table with canonical columns, and why those that are missing are missing.

    Args:
        table: rows of any known shape; a column `split` is kept.
        group: the column that names the company, patient or other unit that may not be divided.
        text: columns to read as text, in order; the last of several is the completion.

    Raises:
        ConfigError: a named column is absent, or no known shape fits.
    """
    _must_have(table, "group", [group] if group else [])
    _must_have(table, "text", text or [])
    columns = _texts(table, text)
    for name, aliases in _ALIASES.items():
        found = group if name == "group" and group else _first(table, aliases)
        if found is not None and name not in columns:
            strings = _strings(table.column(found))
            columns[name] = strings if name in ("id", "question", "answer") else _nulled(strings)
    columns.update(_typed(table))
    columns.setdefault("id", _row_ids(columns, table.num_rows))
    absent: dict[str, str] = {}
    if "group" not in columns:
        likely = [c for c in _LIKELY_GROUPS if c in table.column_names]
        absent["group"] = "no column is named as the group key"
        if likely:
            absent["group"] += f"; pass group={likely[0]!r} if that is what may not be divided"
    if "split" not in columns:
        absent["split"] = "the rows are not assigned to splits (give splits={...} or a column)"
    for name in _STRUCTS:
        if name in table.column_names and name not in columns:
            absent[name] = f"the column {name!r} does not have the fields {sorted(_STRUCTS[name])}"
    return pa.table(columns), absent


def _must_have(table: pa.Table, option: str, names: Sequence[str]) -> None:
    for name in names:
        if name not in table.column_names:
            raise ConfigError(
                f"{option}: there is no column {name!r}; "
                f"the columns are {', '.join(table.column_names)}"
            )


def _first(table: pa.Table, names: Sequence[str]) -> str | None:
    return next((n for n in names if n in table.column_names), None)


def _texts(table: pa.Table, text: Sequence[str] | None) -> Columns:
    if text:
        given = [_strings(table.column(n)) for n in text]
        if len(given) == 1:
            return {"prompt": given[0]}
        return {"prompt": _join(given[:-1]), "completion": given[-1]}
    shape = shape_of(table.column_names)
    if not shape:
        raise ConfigError(
            "no known sample shape (prompt/completion, messages, conversations, "
            "instruction/output, question/answer, text, input_ids/labels); "
            f"the columns are {', '.join(table.column_names)}; name the text columns with text=[…]"
        )
    return _SHAPES[shape](table)


def _prompt_completion(table: pa.Table) -> Columns:
    out: Columns = {}
    prompt = table.column("prompt")
    if _is_messages(prompt):
        out["system"], out["prompt"], _ = _dialogue(prompt, cut_last=False)
    else:
        out["prompt"] = _strings(prompt)
    completion = table.column("completion")
    if _is_messages(completion):
        out["completion"] = _dialogue(completion, cut_last=False)[1]
    else:
        out["completion"] = _strings(completion)
    return out


def _messages(table: pa.Table) -> Columns:
    name = "messages" if "messages" in table.column_names else "conversations"
    column = table.column(name)
    if not _is_messages(column):
        raise ConfigError(f"the column {name!r} holds no messages (role/content or from/value)")
    system, prompt, completion = _dialogue(column, cut_last=True)
    return {"system": system, "prompt": prompt, "completion": completion}


def _alpaca(table: pa.Table) -> Columns:
    instruction = _strings(table.column("instruction"))
    parts = [instruction]
    if "input" in table.column_names:
        parts.append(_strings(table.column("input")))
    output = _strings(table.column("output"))
    return {
        "prompt": _join(parts),
        "completion": output,
        "question": instruction,
        "answer": output,
    }


def _question_answer(table: pa.Table) -> Columns:
    question, answer = _strings(table.column("question")), _strings(table.column("answer"))
    parts = [question]
    if "context" in table.column_names and not _is_struct_list(table.column("context").type):
        parts = [_strings(table.column("context")), question]
    return {"prompt": _join(parts), "completion": answer, "question": question, "answer": answer}


def _plain(table: pa.Table) -> Columns:
    return {"prompt": _strings(table.column("text"))}


_SHAPES: dict[str, Callable[[pa.Table], Columns]] = {
    "prompt/completion": _prompt_completion,
    "messages": _messages,
    "sharegpt": _messages,
    "alpaca": _alpaca,
    "question/answer": _question_answer,
    "text": _plain,
    "tokens": lambda _: {},
}


def _typed(table: pa.Table) -> Columns:
    out: Columns = {}
    for name in _COUNTS:
        if name in table.column_names and pa.types.is_integer(table.column(name).type):
            out[name] = whole(table.column(name)).cast(pa.int64())
    for name in _FLAGS:
        if name in table.column_names and pa.types.is_boolean(table.column(name).type):
            out[name] = whole(table.column(name))
    for name in _LISTS:
        if name in table.column_names and pa.types.is_list(table.column(name).type):
            out[name] = whole(table.column(name)).cast(pa.list_(pa.string()))
    for name in _TOKENS:
        if name in table.column_names and _is_integers(table.column(name).type):
            out[name] = whole(table.column(name)).cast(pa.large_list(pa.int32()))
    single = _first(table, ("document_id", "doc_id"))
    if "document_ids" not in out and single:
        values = _strings(table.column(single))
        out["document_ids"] = pa.ListArray.from_arrays(np.arange(len(values) + 1), values)
    for name, fields in _STRUCTS.items():
        if name in table.column_names and _has_fields(table.column(name).type, fields):
            out[name] = whole(table.column(name))
    return out


def _row_ids(columns: Columns, rows: int) -> pa.Array:
    """Number the rows inside their split from 1: what a person finds again in the file."""
    splits = columns["split"].to_pylist() if "split" in columns else ["row"] * rows
    seen: dict[str, int] = {}
    ids = []
    for split in splits:
        seen[split] = seen.get(split, 0) + 1
        ids.append(f"{split or 'row'}:{seen[split]}")
    return pa.array(ids, pa.string())


def _strings(column: pa.ChunkedArray) -> pa.Array:
    """Return any column as text: numbers in their plain form, nested values as JSON."""
    array = whole(column)
    if pa.types.is_string(array.type):
        return array
    if pa.types.is_large_string(array.type):
        return array if array.nbytes > LARGE else array.cast(pa.string())
    if pa.types.is_dictionary(array.type):
        array = array.cast(array.type.value_type)
    if pa.types.is_nested(array.type):
        dumped = [
            None if v is None else json.dumps(v, ensure_ascii=False, default=str)
            for v in array.to_pylist()
        ]
        return pa.array(dumped, pa.string())
    return array.cast(pa.string())


def _join(parts: Sequence[pa.Array]) -> pa.Array:
    """Join columns with a blank line, leaving out what is empty."""
    if sum(part.nbytes for part in parts) > LARGE:
        parts = [part.cast(pa.large_string()) for part in parts]
    kind = next((p.type for p in parts if pa.types.is_large_string(p.type)), pa.string())
    parts = [part.cast(kind) for part in parts]
    joined = pc.binary_join_element_wise(
        *map(_nulled, parts), pa.scalar("\n\n", kind), null_handling="skip"
    )
    return pc.fill_null(joined, "")


def _nulled(strings: pa.Array) -> pa.Array:
    """Return the strings with empty ones as null: an empty key is no key."""
    empty = pc.equal(pc.fill_null(strings, ""), "")
    return pc.if_else(empty, pa.scalar(None, strings.type), strings)


def _is_struct_list(kind: pa.DataType) -> bool:
    lists = pa.types.is_list(kind) or pa.types.is_large_list(kind)
    return lists and pa.types.is_struct(kind.value_type)


def _is_integers(kind: pa.DataType) -> bool:
    lists = pa.types.is_list(kind) or pa.types.is_large_list(kind)
    return lists and pa.types.is_integer(kind.value_type)


def _has_fields(kind: pa.DataType, fields: set[str]) -> bool:
    return _is_struct_list(kind) and fields <= {f.name for f in kind.value_type}


def _message_fields(kind: pa.DataType) -> tuple[str, str] | None:
    for fields in (("role", "content"), ("from", "value")):
        if _has_fields(kind, set(fields)):
            content = kind.value_type.field(fields[1]).type
            if pa.types.is_string(content) or pa.types.is_large_string(content):
                return fields
    return None


def _is_messages(column: pa.ChunkedArray) -> bool:
    """Return whether a column holds messages, as Arrow structs or as their JSON."""
    if _is_struct_list(column.type):
        names = {f.name for f in column.type.value_type}
        return {"role", "content"} <= names or {"from", "value"} <= names
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return False
    first = next((v.as_py() for v in column if v.is_valid), "")
    return bool(first.startswith('[{"') and ('"role"' in first or '"from"' in first))


def _dialogue(column: pa.ChunkedArray, *, cut_last: bool) -> tuple[pa.Array, pa.Array, pa.Array]:
    """Return system text, the other turns' text, and the last assistant turn if `cut_last`."""
    parts = [_turns(chunk, cut_last=cut_last) for chunk in column.chunks]
    empty = pa.array([], pa.string())
    first, second, third = (
        whole(pa.chunked_array([p[i] for p in parts] or [empty])) for i in range(3)
    )
    return first, second, third


def _turns(array: pa.Array, *, cut_last: bool) -> tuple[pa.Array, pa.Array, pa.Array]:
    fields = _message_fields(array.type)
    if fields is None:
        array, fields = _parsed(array), ("role", "content")
    rows = len(array)
    parents = np.asarray(pc.list_parent_indices(array), dtype=np.int64)
    flat = pc.list_flatten(array)
    roles = np.asarray(pc.utf8_lower(pc.struct_field(flat, fields[0])), dtype=object)
    contents = pc.fill_null(pc.struct_field(flat, fields[1]).cast(pa.string()), "")
    system = np.isin(roles, ("system", "developer"))
    last = np.zeros(len(parents), dtype=bool)
    if cut_last and len(parents):
        ends = np.append(parents[1:] != parents[:-1], True)
        last = ends & np.isin(roles, _ASSISTANT)
    rest = ~system & ~last
    return (
        _by_row(contents, parents, system, rows),
        _by_row(contents, parents, rest, rows),
        _by_row(contents, parents, last, rows),
    )


def _by_row(
    contents: pa.Array, parents: NDArray[np.int64], mask: NDArray[np.bool_], rows: int
) -> pa.Array:
    offsets = np.concatenate([[0], np.cumsum(np.bincount(parents[mask], minlength=rows))])
    lists = pa.ListArray.from_arrays(offsets.astype(np.int32), contents.filter(pa.array(mask)))
    return pc.binary_join(lists, "\n\n")


def _parsed(array: pa.Array) -> pa.Array:
    """Read messages that Arrow does not type well: JSON text, or contents made of parts."""
    kind = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
    rows = []
    for value in array.to_pylist():
        turns = json.loads(value) if isinstance(value, str) else (value or [])
        rows.append(
            [
                {
                    "role": str(t.get("role") or t.get("from") or ""),
                    "content": _content(t.get("content", t.get("value"))),
                }
                for t in turns
            ]
        )
    return pa.array(rows, kind)


def _content(value: Any) -> str:
    """Return the text of a content that may be made of parts (`[{"type": "text", …}]`)."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "\n".join(str(p.get("text") or "") for p in value if isinstance(p, dict))
    return json.dumps(value, ensure_ascii=False)
