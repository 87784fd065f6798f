"""The keys whose values may not stand in two splits: several at once, and their aliases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import yaml
from numpy.typing import NDArray

from sftdata.columns import folded
from sftdata.errors import ConfigError
from sftdata.similarity.clusters import components

__all__ = ["group_columns", "read_aliases", "with_groups"]

Aliases = Mapping[str, Sequence[str]]


def group_columns(group: str | Sequence[str] | None) -> tuple[str, ...]:
    """Return the names of the group columns, each once.

    >>> group_columns("company"), group_columns(["patient", "site", "patient"])
    (('company',), ('patient', 'site'))
    """
    if not group:
        return ()
    return (group,) if isinstance(group, str) else tuple(dict.fromkeys(group))


def read_aliases(given: Aliases | str | Path | None) -> dict[str, tuple[str, ...]]:
    """Return aliases: a name of your choice → what the data calls it.

    Args:
        given: the mapping itself, or a YAML or JSON file that holds one.

    Raises:
        ConfigError: no such file, or not a mapping of names to lists of names.
    """
    if given is None:
        return {}
    found: Any = given
    if isinstance(given, str | Path):
        try:
            found = yaml.safe_load(Path(given).read_text(encoding="utf-8-sig"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise ConfigError(
                f"aliases: {given} cannot be read ({type(error).__name__}); give a YAML or JSON "
                "file of `name: [one name, another name]`"
            ) from error
    if not isinstance(found, Mapping):
        raise ConfigError("aliases: write `name: [one name, another name]`, a line for each")
    out: dict[str, tuple[str, ...]] = {}
    for name, values in found.items():
        if isinstance(values, str) or not isinstance(values, Sequence) or not values:
            raise ConfigError(f"aliases.{name}: give a list of the names that are one")
        if not all(isinstance(v, str | int) and not isinstance(v, bool) for v in values):
            raise ConfigError(f"aliases.{name}: every name must be text (put it in quotes)")
        out[str(name)] = tuple(str(v) for v in values)
    return out


def with_groups(
    columns: pa.Table, raw: pa.Table, names: Sequence[str], aliases: Mapping[str, Sequence[str]]
) -> pa.Table:
    """Return the canonical table with its group keys, aliases taken for what they stand for.

    One key becomes the column `group`. Of several, each becomes `key:<name>`, and `group` what is
    tied together by any of them: rows that share a patient or a site, directly or through others.

    Args:
        columns: as `shapes.canonical` returned them.
        raw: the rows as they were read.
        names: the group columns; empty takes the column `group` as it is.
        aliases: a name → what the data calls it: a value, or `column:value`.

    Raises:
        ConfigError: no such column, or the aliases name nothing that there is.
    """
    for name in names:
        if name not in raw.column_names:
            raise ConfigError(
                f"group: there is no column {name!r}; the columns are {', '.join(raw.column_names)}"
            )
    if len(names) < 2:
        if not aliases:
            return columns
        if "group" not in columns.column_names:
            raise ConfigError("aliases: there is no group key; name its column with group=…")
        own = {(names or ("group",))[0]: _whole(columns.column("group"))}
        return _put(columns, "group", _renamed(own, aliases)[(names or ("group",))[0]])
    keys = {name: _text(raw.column(name)) for name in names}
    if aliases:
        keys = _renamed(keys, aliases)
    for name, values in keys.items():
        columns = _put(columns, f"key:{name}", values)
    return _put(columns, "group", _united(keys))


def _put(table: pa.Table, name: str, values: pa.Array) -> pa.Table:
    if name in table.column_names:
        return table.set_column(table.column_names.index(name), name, values)
    return table.append_column(name, values)


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return pa.concat_arrays(column.chunks or [pa.array([], column.type)])


def _text(column: pa.ChunkedArray) -> pa.Array:
    array = _whole(column)
    if pa.types.is_dictionary(array.type):
        array = array.cast(array.type.value_type)
    if pa.types.is_nested(array.type):
        raise ConfigError("group: a group column must hold one plain value per row")
    strings = array.cast(pa.string())
    return pc.if_else(pc.equal(strings, ""), pa.scalar(None, pa.string()), strings)


def _renamed(keys: Mapping[str, pa.Array], aliases: Aliases) -> dict[str, pa.Array]:
    """Return the keys with the alias in place of each name that it stands for."""
    wanted: dict[tuple[str, str], str] = {}
    for alias, values in aliases.items():
        for value in values:
            column, _, rest = value.partition(":")
            places = [(column, rest)] if column in keys and rest else [(c, value) for c in keys]
            for place, text in places:
                other = wanted.setdefault((place, folded(text)), alias)
                if other != alias:
                    raise ConfigError(f"aliases: one name stands under {other!r} and {alias!r}")
    used = 0
    out = {}
    for column, values in keys.items():
        encoded = values.dictionary_encode()
        names = encoded.dictionary.to_pylist()
        new = [wanted.get((column, folded(n or "")), n) for n in names]
        used += sum((column, folded(n or "")) in wanted for n in names)
        out[column] = pa.array(new, pa.string()).take(encoded.indices)
    if not used:
        raise ConfigError(
            f"aliases: none of their names is a value of {', '.join(keys)}; write them as the "
            "data does (case, width and white space do not matter)"
        )
    return out


def _united(keys: Mapping[str, pa.Array]) -> pa.Array:
    """Return, per row, the name of all that is tied to it by any key; null without a key.

    A component is named after its first key in the order of the columns, and of text.
    """
    rows = len(next(iter(keys.values())))
    edges: list[NDArray[np.int64]] = []
    offset = rows
    for values in keys.values():
        codes = np.asarray(values.dictionary_encode().indices.fill_null(-1), dtype=np.int64)
        known = np.flatnonzero(codes >= 0)
        edges.append(np.column_stack([known, codes[known] + offset]))
        offset += int(codes.max(initial=-1)) + 1
    labels = components(offset, np.concatenate(edges))[:rows]
    label_of: dict[int, tuple[int, str]] = {}
    for place, values in enumerate(keys.values()):
        pairs = pa.table({"label": labels, "key": values}).group_by(["label", "key"]).aggregate([])
        for label, key in zip(
            pairs.column("label").to_pylist(), pairs.column("key").to_pylist(), strict=True
        ):
            if key is not None:
                label_of[label] = min(label_of.get(label, (place, key)), (place, key))
    names = list(keys)
    shown = {label: f"{names[place]}={key}" for label, (place, key) in label_of.items()}
    return pa.array([shown.get(label) for label in labels.tolist()], pa.string())
