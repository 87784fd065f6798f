"""An earlier build's assignment: what was train stays train, what was test stays test."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from sftdata.errors import ConfigError

__all__ = ["Earlier", "Kept", "groups_file"]

_NEEDED = ("document_id", "group", "keys", "split")


def groups_file(path: Path) -> Path:
    """Return the table of groups, where a build's folder or that file itself is named."""
    return path / "lineage" / "groups.parquet" if path.is_dir() else path


@dataclass(frozen=True, slots=True)
class Kept:
    """What the earlier build says of a document; an empty `split` means that it must leave."""

    split: str
    reason: str
    because_of: str


@dataclass(frozen=True)
class Earlier:
    """The groups of an earlier build: their splits, and by what they are known again.

    Groups are told by their documents, by their name, and by their keys: a company that was named
    after its name and now has a CIK is still the same. A ticker alone is no proof (they are
    reused) where both sides have a CIK.
    """

    split_of: dict[str, str]
    by_document: dict[str, str]
    by_key: dict[str, set[str]]
    with_cik: frozenset[str]

    @classmethod
    def load(cls, path: Path, splits: Sequence[str]) -> Earlier:
        """Read `lineage/groups.parquet` of a build.

        Args:
            path: that file, or the folder of the build.
            splits: the splits that this build may fill.

        Raises:
            ConfigError: it cannot be used; the message says why.
        """
        file = groups_file(path)
        if not file.is_file():
            raise ConfigError(
                f"split.frozen: {path} is no build and no lineage/groups.parquet of one"
            )
        try:
            table = pq.read_table(file)
        except (pa.ArrowInvalid, OSError) as error:
            raise ConfigError(f"split.frozen: {file} is not readable as Parquet") from error
        missing = [name for name in _NEEDED if name not in table.column_names]
        if missing:
            raise ConfigError(f"split.frozen: {file} has no column {missing[0]!r}")
        return cls.of(table, splits)

    @classmethod
    def of(cls, table: pa.Table, splits: Sequence[str]) -> Earlier:
        """Take the assignment from a table with the columns of `lineage/groups.parquet`.

        Documents that were in no split then are free now.
        """
        split_of: dict[str, str] = {}
        by_document: dict[str, str] = {}
        by_key: dict[str, set[str]] = defaultdict(set)
        with_cik = set()
        for row in table.select(list(_NEEDED)).to_pylist():
            group, split = row["group"], row["split"]
            if split in ("", "quarantine", None):
                continue
            if split not in splits:
                raise ConfigError(
                    f"split.frozen: the earlier build has a split {split!r}, this one has only "
                    f"{', '.join(splits)}"
                )
            if split_of.setdefault(group, split) != split:
                raise ConfigError(
                    f"split.frozen: group {group!r} stands in two splits of the earlier build; "
                    "only a build of mode balanced, hash or group_temporal can be kept"
                )
            by_document[row["document_id"]] = group
            for key in row["keys"] or ():
                by_key[key].add(group)
                if key.startswith("cik:"):
                    with_cik.add(group)
        return cls(split_of, by_document, dict(by_key), frozenset(with_cik))

    def place(
        self,
        ids: Sequence[str],
        groups: Sequence[str],
        keys: Sequence[Sequence[str]],
        splits: Sequence[str],
    ) -> dict[int, Kept]:
        """Return what is decided already, by row; rows of new groups are left out.

        A group that touches one earlier split goes there. One that touches several ties what was
        held apart: its documents leave, except the earlier documents of the strongest split, so
        that a test set never shrinks because train has grown.

        Args:
            ids: document ids.
            groups: the group of each, now.
            keys: the keys of each as *link* shows them.
            splits: names of the splits, weakest first.
        """
        rows_of: dict[str, list[int]] = defaultdict(list)
        for i, group in enumerate(groups):
            rows_of[group].append(i)
        found: dict[int, Kept] = {}
        for group, rows in rows_of.items():
            known = self._known(group, [ids[i] for i in rows], [keys[i] for i in rows])
            touched = sorted({self.split_of[g] for g in known}, key=splits.index)
            if not touched:
                continue
            for i in rows:
                mine = self.by_document.get(ids[i])
                stays = len(touched) == 1 or (mine and self.split_of[mine] == touched[-1])
                if stays:
                    found[i] = Kept(touched[-1], "frozen", mine or known[0])
                else:
                    tied = ", ".join(f"{g} ({self.split_of[g]})" for g in known)
                    found[i] = Kept("", "touches_two_splits", tied)
        return found

    def _known(self, group: str, ids: Iterable[str], keys: Iterable[Sequence[str]]) -> list[str]:
        """Return the earlier groups that this group is, or contains."""
        known = {self.by_document[i] for i in ids if i in self.by_document}
        if group in self.split_of:
            known.add(group)
        flat = {key for row in keys for key in row}
        has_cik = any(key.startswith("cik:") for key in flat)
        for key in flat:
            groups = self.by_key.get(key, set())
            if key.startswith("ticker:"):
                groups = {g for g in groups if not (has_cik and g in self.with_cik)}
                groups = groups if len(groups) == 1 else set()
            known |= groups
        return sorted(known)
