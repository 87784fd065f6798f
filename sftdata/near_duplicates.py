"""Pairs of alike rows that were sought once, and what any threshold makes of them."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from sftdata.dataset import AuditData, cut_excerpt
from sftdata.dedupe_output import FORMAT, new_folder, write_summary
from sftdata.errors import ConfigError
from sftdata.output import DUPLICATES
from sftdata.similarity.lsh import bands_for
from sftdata.stages.decisions.dedupe import Dedupe
from sftdata.stages.decisions.likeness import Likeness, Rows

__all__ = ["PAIRS", "Around", "Deduplicated", "Level", "NearPairs", "Shown", "Source"]

_LEVELS = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0)
PAIRS: pa.Schema = pa.schema(
    [
        pa.field("left", pa.string(), nullable=False),
        pa.field("right", pa.string(), nullable=False),
        pa.field("left_row", pa.int64(), nullable=False),
        pa.field("right_row", pa.int64(), nullable=False),
        pa.field("similarity", pa.float64(), nullable=False),
        pa.field("numbers", pa.float64(), nullable=False),
    ]
)
_BATCH = 1000


class Source(Protocol):
    """Where the rows came from: what can be written again."""

    @property
    def root(self) -> Path | None:
        """The path that was given; none for rows from memory."""
        ...  # pragma: no cover

    def rows(self) -> pa.Table:
        """Return the rows as they came, in their order."""
        ...  # pragma: no cover

    def write(self, keep: NDArray[np.bool_], folder: Path) -> None:
        """Write the rows that stay."""
        ...  # pragma: no cover


@dataclass(frozen=True, slots=True)
class Level:
    """What a threshold does: how many rows leave, and how surely a pair at it was found."""

    threshold: float
    dropped: int
    share: float
    reasons: Mapping[str, int]
    recall: float
    """Chance that a pair of exactly this similarity became a candidate; more above it."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A pair side by side. A pair is a duplicate where both likenesses reach the threshold."""

    left_id: str
    right_id: str
    similarity: float
    """Exact Jaccard similarity of the wording."""
    numbers: float
    """Exact Jaccard similarity of the words with digits."""
    left: str = ""
    right: str = ""

    @property
    def score(self) -> float:
        """Up to which threshold the two are duplicates."""
        return min(self.similarity, self.numbers)


@dataclass(frozen=True, slots=True)
class Around:
    """The pairs nearest to a threshold, on both sides of it, the nearest first."""

    threshold: float
    above: tuple[Shown, ...]
    below: tuple[Shown, ...]


@dataclass(frozen=True)
class Deduplicated:
    """A dataset at one threshold."""

    pairs: NearPairs
    threshold: float
    verdicts: pa.Table
    """`id, split, verdict, reason, because_of, similarity`: one row per row, in their order."""

    @property
    def keep(self) -> NDArray[np.bool_]:
        """For each row whether it stays."""
        return np.asarray(pc.equal(self.verdicts["verdict"], "keep").to_numpy())

    @property
    def dropped(self) -> pa.Table:
        """The rows that leave, with `reason`, `because_of` (the row that stays), `similarity`."""
        return self.verdicts.filter(pa.array(~self.keep))

    @property
    def kept(self) -> pa.Table:
        """The rows that stay, in the shape in which they came."""
        return self.pairs.source.rows().filter(pa.array(self.keep))

    @property
    def clusters(self) -> list[list[str]]:
        """The ids that belong together, each list beginning with the row that stays."""
        found: dict[str, list[str]] = {}
        for row in self.dropped.to_pylist():
            found.setdefault(row["because_of"], [row["because_of"]]).append(row["id"])
        return [found[name] for name in sorted(found)]

    @property
    def reasons(self) -> dict[str, int]:
        """How many rows leave for each reason."""
        return dict(sorted(Counter(self.dropped["reason"].to_pylist()).items()))

    def duplicates(self) -> pa.Table:
        """Return the dropped rows as a build lists them in `lineage/duplicates.parquet`."""
        left = self.dropped
        grain = pa.array([self.pairs.what] * left.num_rows, pa.string())
        columns = left.select(["id", "reason", "because_of", "similarity"])
        return columns.add_column(0, "grain", grain).cast(DUPLICATES)

    def write(self, out: str | Path) -> Path:
        """Write the rows that stay, in the files and format in which they came.

        `out/data` holds the rows, `out/lineage/duplicates.parquet` who left and why,
        `out/lineage/pairs.parquet` the pairs, `out/dedupe.json` the settings. A folder written
        by `save_to_disk` is written by it again; rows from memory become Parquet. A build's
        lineage comes along; the result is a dataset to be audited anew.

        Raises:
            ConfigError: `out` holds something that no deduplication wrote; or documents and
                passages of a build are judged, which only a new build can leave out.
        """
        target, source = Path(out), self.pairs.source
        with new_folder(target, source.root) as folder:
            source.write(self.keep, folder)
            lineage = folder / "lineage"
            lineage.mkdir(exist_ok=True)
            earlier = lineage / "duplicates.parquet"
            known = pq.read_table(earlier) if earlier.is_file() else DUPLICATES.empty_table()
            pq.write_table(pa.concat_tables([known.cast(DUPLICATES), self.duplicates()]), earlier)
            self.pairs.save(lineage / "pairs.parquet")
            write_summary(self.summary(), folder)
        return target

    def summary(self) -> dict[str, Any]:
        """Return settings and counts, as they stand in `dedupe.json`."""
        splits = Counter(self.verdicts["split"].to_pylist())
        gone = Counter(self.dropped["split"].to_pylist())
        return {
            "format": FORMAT,
            "digest": self.pairs.data.digest,
            "threshold": self.threshold,
            "settings": self.pairs.settings,
            "rows": self.verdicts.num_rows,
            "dropped": self.dropped.num_rows,
            "reasons": self.reasons,
            "splits": {s: {"rows": n, "dropped": gone[s]} for s, n in sorted(splits.items())},
            "recall": round(self.pairs.recall(self.threshold), 4),
        }


@dataclass(frozen=True)
class NearPairs:
    """Every pair of rows that is alike from `floor` on, and what any threshold makes of them."""

    data: AuditData
    ids: Sequence[str]
    split_of: Sequence[str]
    texts: pa.Array
    decision: Dedupe
    rows: Rows
    likeness: Likeness
    floor: float
    what: str
    """`sample`, `task`, `document`, `passage` or the name of a column."""
    across: bool
    source: Source = field(repr=False)

    @classmethod
    def of(
        cls,
        data: AuditData,
        table: pa.Table,
        decision: Dedupe,
        source: Source,
        *,
        floor: float,
        what: str,
        across: bool,
    ) -> NearPairs:
        """Return the rows without their pairs.

        Args:
            data: the dataset.
            table: what `Dedupe.keys` reads, and `own_id`, `own_split`, `shown` (the text).
            decision: how the rows are compared and who stays.
            source: where the rows came from.
            floor: least similarity of a pair.
            what: grain or column.
            across: whether rows of different splits are compared.
        """
        starts = range(0, max(len(table), 1), _BATCH)
        keys = pa.concat_tables([decision.keys(table.slice(i, _BATCH)) for i in starts])
        return cls(
            data=data,
            ids=table["own_id"].to_pylist(),
            split_of=table["own_split"].to_pylist(),
            texts=table["shown"].combine_chunks(),
            decision=decision,
            rows=decision.rows(keys),
            likeness=Likeness.none(),
            floor=floor,
            what=what,
            across=across,
            source=source,
        )

    def __len__(self) -> int:
        """Return the number of pairs of different texts."""
        return len(self.likeness)

    @cached_property
    def meant(self) -> Likeness:
        """The pairs that mean the same, where meaning is compared."""
        return self.decision.meanings(self.rows)

    def with_likeness(self, likeness: Likeness) -> NearPairs:
        """Return the same rows with these pairs."""
        return replace(self, likeness=likeness)

    @property
    def settings(self) -> dict[str, Any]:
        """What the pairs depend on, and how they are judged."""
        decision = self.decision
        return {
            "what": self.what,
            "floor": self.floor,
            "permutations": decision.permutations,
            "words": decision.words,
            "across": self.across,
            "linkage": decision.linkage,
            "survivor": decision.survivor,
            "max_per_template": decision.max_per_template,
            "mask": list(decision.mask) if decision.max_per_template else [],
            "semantic": decision.semantic.model_dump(mode="json") if decision.semantic else None,
        }

    def recall(self, threshold: float) -> float:
        """Return the chance that a pair of exactly this similarity became a candidate.

        `1 - (1 - s^r)^b` with the `b` bands of `r` rows that were chosen for the floor. What is
        returned is always true: candidates are verified by their exact similarity.
        """
        bands, rows = bands_for(self.floor, self.decision.permutations)
        return float(1 - (1 - threshold**rows) ** bands)

    def at(self, threshold: float) -> Deduplicated:
        """Return what stays and what leaves at a threshold, from the pairs that are known.

        Raises:
            ConfigError: the threshold is below the floor, or above 1.
        """
        if not self.floor <= threshold <= 1:
            raise ConfigError(
                f"threshold {threshold:g}: pairs are known from the floor {self.floor:g} to 1; "
                "seek them anew with a lower floor"
            )
        decision = self.decision.model_copy(update={"threshold": threshold})
        found = decision.settle(self.rows, self.likeness, self._precedence(), meant=self.meant)
        names = np.array([*self.ids, ""], dtype=object)
        survivors = [int(r) if r else -1 for r in found["because_of"].to_pylist()]
        columns = {
            "id": pa.array(list(self.ids), pa.string()),
            "split": pa.array(list(self.split_of), pa.string()),
            "verdict": found["verdict"],
            "reason": found["reason"],
            "because_of": pa.array(names[survivors].tolist(), pa.string()),
            "similarity": found["similarity"],
        }
        return Deduplicated(self, threshold, pa.table(columns))

    def _precedence(self) -> NDArray[np.int64] | None:
        """Across splits a held-out row never leaves for the sake of an earlier split."""
        if not self.across:
            return None
        order = {split: -place for place, split in enumerate(self.data.splits)}
        return np.array([order.get(s, 1) for s in self.split_of], dtype=np.int64)

    def thresholds(self, levels: Sequence[float] = _LEVELS) -> tuple[Level, ...]:
        """Return what each threshold from the floor on would do."""
        found = []
        for threshold in sorted({t for t in levels if t >= self.floor}):
            done = self.at(threshold)
            gone = done.dropped.num_rows
            share = gone / max(len(self.ids), 1)
            found.append(Level(threshold, gone, share, done.reasons, self.recall(threshold)))
        return tuple(found)

    def around(self, threshold: float, n: int = 5) -> Around:
        """Return the pairs nearest to a threshold: what it just joins, what it just leaves apart.

        Each row is shown once where there are enough others. Without excerpts in the data
        (`excerpts=False`) the pairs have no text.
        """
        score = self.likeness.score
        above = np.flatnonzero(score >= threshold)
        below = np.flatnonzero(score < threshold)
        return Around(
            threshold,
            self._shown(above[np.argsort(score[above], kind="stable")], n),
            self._shown(below[np.argsort(-score[below], kind="stable")], n),
        )

    def _shown(self, order: NDArray[np.int64], n: int) -> tuple[Shown, ...]:
        seen: set[int] = set()
        fresh: list[int] = []
        rest: list[int] = []
        for pair in order[: 200 * n].tolist():
            rows = {int(self.likeness.left[pair]), int(self.likeness.right[pair])}
            (rest if rows & seen else fresh).append(pair)
            seen |= rows
            if len(fresh) >= n:
                break
        return tuple(self._pair(pair) for pair in [*fresh, *rest][:n])

    def _pair(self, pair: int) -> Shown:
        likeness = self.likeness
        left, right = int(likeness.left[pair]), int(likeness.right[pair])
        texts = ("", "")
        if self.data.excerpts:
            texts = cut_excerpt(self.texts[left].as_py() or "", self.texts[right].as_py() or "")
        return Shown(
            left_id=self.ids[left],
            right_id=self.ids[right],
            similarity=round(float(likeness.similarity[pair]), 4),
            numbers=round(float(likeness.numbers[pair]), 4),
            left=texts[0],
            right=texts[1],
        )

    @cached_property
    def key(self) -> bytes:
        """What a file of pairs is bound to: the words of the rows, and how pairs were sought."""
        digest = hashlib.sha256(self.rows.shingles.digests.tobytes())
        digest.update(self.rows.places.tobytes())
        settings = {k: self.settings[k] for k in ("floor", "permutations", "words", "across")}
        return json.dumps({"rows": digest.hexdigest(), **settings}, sort_keys=True).encode()

    def table(self) -> pa.Table:
        """Return the pairs: ids and numbers of their rows, similarity, likeness in numbers."""
        likeness = self.likeness
        names = np.array(list(self.ids), dtype=object)
        return pa.table(
            {
                "left": pa.array(names[likeness.left].tolist(), pa.string()),
                "right": pa.array(names[likeness.right].tolist(), pa.string()),
                "left_row": likeness.left,
                "right_row": likeness.right,
                "similarity": likeness.similarity,
                "numbers": likeness.numbers,
            },
            schema=PAIRS,
        ).replace_schema_metadata({b"sftdata.pairs": self.key})

    def save(self, path: str | Path) -> Path:
        """Write the pairs to a Parquet file, from which `near_pairs(pairs=…)` takes them again."""
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = target.with_name(f".{target.name}.tmp")
        pq.write_table(self.table(), aside)
        aside.replace(target)
        return target
