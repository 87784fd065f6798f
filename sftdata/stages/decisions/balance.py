"""Which samples stay: no document, company, kind or language may drown the others."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, field_validator

from sftdata.chance import rank
from sftdata.errors import ConfigError, ContractError
from sftdata.part import VERDICTS, Decision

__all__ = ["Balance"]

_REFUSAL = "refusal"
_EVIDENCE = "evidence"
_MIXTURE = {"extraction": 0.40, _EVIDENCE: 0.25, "writing": 0.15, _REFUSAL: 0.20}
_COLUMNS = ("kind", "family", "locale", "split", "group", "document", "phrasing")


class Balance(Decision):
    """Keep or drop samples so that the dataset is mixed as asked, split by split.

    Two rules are caps and always hold:

    1. `max_per_document`: samples that quote one document first.
    2. `max_group_share`: samples of one company or patient, as a share of what is kept. With few
       groups the share is widened to twice an equal one (5 companies: 40 %), and the cap never
       takes a build below `min_samples`.

    Three rules are soft: each drops at most `max_loss` of the samples that reach it, and none goes
    below `min_samples`. What is scarce is never a reason to throw most of the rest away; the
    dataset then keeps the mixture that the documents give.

    3. `locale_quota`: the largest language gives way until the others hold this share.
    4. `mixture`: no kind holds more than its target x (1 + `mixture_tolerance`), targets being
       shared out among the kinds that there are.
    5. `answerable_ratio`: answerable : unanswerable samples among the kinds evidence and refusal.
       Too many refusals teach to refuse, so this side is always cut; of the answers at most
       `max_loss` leave.

    A refusal with a twin stays only together with it: the pair differs by its evidence alone, and
    half of it would teach a shortcut. An answerable sample may stay without its refusal.

    Which samples stay is decided by a hash of seed and id, drawn in turn from kinds (by target),
    families (by weight), documents and phrasings, so that no part dominates and the order of the
    rows does not matter.

    Verdict: `keep` or `drop`. Reasons: `cap_document`, `cap_group`, `locale_quota`, `mixture`,
    `answerable_ratio`, `twin_dropped`. `because_of`: the document, group, language, kind or twin.
    """

    seed: int = 0
    mixture: dict[str, float] = Field(default_factory=lambda: dict(_MIXTURE))
    """Target share of each kind; only proportions count. A kind that is not named is neither cut
    nor counted."""
    mixture_tolerance: float = Field(default=0.25, ge=0)
    """How far a kind may exceed its target, relative to the target."""
    max_per_document: int | None = Field(default=200, ge=1)
    """For thousands of documents, 30 is a good value; with a few, it would leave too little."""
    max_group_share: float = Field(default=0.02, gt=0, le=1)
    answerable_ratio: tuple[float, float] = (1.25, 2.0)
    """Least and most answerable samples per unanswerable one, in `train`."""
    held_out_answerable_ratio: tuple[float, float] = (1.0, 1.0)
    """The same for the other splits."""
    locale_quota: float = Field(default=0.30, ge=0, le=0.5)
    """Least share of the smaller language where there are two; 0: no quota."""
    weights: dict[str, float] = Field(default_factory=dict)
    """Weight of a family within its kind; 1 where none is given."""
    max_loss: float = Field(default=0.4, ge=0, le=1)
    """The largest share of samples that one soft rule may drop in a split."""
    min_samples: int = Field(default=1500, ge=0)
    """Samples of the whole build, below which no rule but the document cap goes."""

    @field_validator("mixture", "weights")
    @classmethod
    def _are_positive(cls, values: dict[str, float]) -> dict[str, float]:
        for name, value in values.items():
            if not 0 < value < math.inf:
                raise ConfigError(f"{name} is {value}; a weight must be above 0")
        return values

    @field_validator("answerable_ratio", "held_out_answerable_ratio")
    @classmethod
    def _is_a_range(cls, ratio: tuple[float, float]) -> tuple[float, float]:
        if not 0 < ratio[0] <= ratio[1]:
            raise ConfigError(f"the ratio {ratio} must be (least, most), both above 0")
        return ratio

    def keys(self, batch: pa.Table) -> pa.Table:
        """Return `id` and what the rules look at, of each sample."""
        documents = batch.column("document_ids")
        first = [ids[0] if ids else "" for ids in documents.to_pylist()]
        refuses = pc.greater(pc.utf8_length(pc.fill_null(batch.column("reason_code"), "")), 0)
        columns: dict[str, Any] = {
            "id": batch.column("sample_id"),
            **{n: batch.column(n) for n in _COLUMNS if n != "document"},
            "document": pa.array(first, pa.string()),
            "twin_of": batch.column("twin_of"),
            "unanswerable": pc.or_(refuses, pc.equal(batch.column("kind"), _REFUSAL)),
        }
        schema = pa.schema(
            [
                VERDICTS.field("id"),
                *((n, pa.string()) for n in _COLUMNS if n != "document"),
                ("document", pa.string()),
                ("twin_of", pa.string()),
                ("unanswerable", pa.bool_()),
            ]
        )
        return pa.table(columns, schema=schema)

    def decide(self, keys: pa.Table) -> pa.Table:
        """Return `keep` or `drop` for every sample."""
        frame = keys.to_pandas().set_index("id").sort_index()
        if frame.index.has_duplicates:
            twice = frame.index[frame.index.duplicated()][0]
            raise ContractError(f"sample {twice!r} occurs twice; drop exact duplicates first")
        frame["hash"] = np.array([rank(self.seed, "balance", i) for i in frame.index], np.uint64)
        dropped: dict[str, tuple[str, str]] = {}
        for split, part in frame.groupby("split", sort=True):
            floor = math.ceil(self.min_samples * len(part) / len(frame))
            dropped |= _SplitRules(self, str(split), part, floor).apply()
        nothing = ("", "")
        rows = [
            {
                "id": i,
                "verdict": "drop" if i in dropped else "keep",
                "reason": dropped.get(i, nothing)[0],
                "because_of": dropped.get(i, nothing)[1],
            }
            for i in frame.index
        ]
        return pa.Table.from_pylist(rows, schema=VERDICTS)


class _SplitRules:
    """The rules, applied one after the other to the samples of one split."""

    def __init__(self, config: Balance, split: str, frame: pd.DataFrame, floor: int) -> None:
        self.config = config
        self.ratio = (
            config.answerable_ratio if split == "train" else config.held_out_answerable_ratio
        )
        self.frame = frame
        self.floor = floor
        self.dropped: dict[str, tuple[str, str]] = {}

    def apply(self) -> dict[str, tuple[str, str]]:
        """Return reason and cause of every sample that leaves."""
        self._drop_orphans()
        self._cap_documents()
        self._cap_groups()
        self._meet_locale_quota()
        self._meet_mixture()
        # The mixture made the whole smaller, so a share may have grown.
        self._cap_groups()
        self._meet_answerable_ratio()
        return self.dropped

    def _drop_orphans(self) -> None:
        """Refusals whose twin is not in this split at all (another rule or stage took it)."""
        while True:
            twins = self.frame["twin_of"].dropna()
            lost = twins[~twins.isin(self.frame.index)]
            if lost.empty:
                return
            self._drop({str(i): ("twin_dropped", str(t)) for i, t in lost.items()})

    def _cap_documents(self) -> None:
        if self.config.max_per_document is not None:
            documents = {d for d in self.frame["document"].tolist() if d}
            caps = dict.fromkeys(documents, self.config.max_per_document)
            self._limit("cap_document", self.frame["document"], caps, "document")

    def _cap_groups(self) -> None:
        sizes = Counter(g for g in self.frame["group"].tolist() if g)
        if sizes:
            share = max(self.config.max_group_share, 2 / len(sizes))
            cap = _group_cap(np.array(list(sizes.values())), share, self.floor)
            caps = dict.fromkeys(sizes, cap)
            self._limit("cap_group", self.frame["group"], caps, "group")

    def _meet_locale_quota(self) -> None:
        sizes = Counter(self.frame["locale"].tolist())
        quota = self.config.locale_quota
        if len(sizes) < 2 or quota == 0:
            return
        largest = max(sorted(sizes), key=lambda name: sizes[name])
        rest = sizes.total() - sizes[largest]
        wanted = math.floor(rest * (1 - quota) / quota)
        cap = max(wanted, self._least_left() - rest)
        self._limit("locale_quota", self.frame["locale"], {largest: cap}, "locale")

    def _meet_mixture(self) -> None:
        sizes = Counter(self.frame["kind"].tolist())
        named = {k: n for k, n in sizes.items() if k in self.config.mixture}
        if not named:
            return
        whole = sum(self.config.mixture[k] for k in named)
        tops = {
            k: self.config.mixture[k] / whole * (1 + self.config.mixture_tolerance) for k in named
        }
        unnamed = len(self.frame) - sum(named.values())
        caps = _mixture_caps(named, tops, self._least_left() - unnamed)
        self._limit("mixture", self.frame["kind"], caps, "kind")

    def _meet_answerable_ratio(self) -> None:
        asked = self.frame["kind"].isin([_EVIDENCE, _REFUSAL])
        refuses = self.frame["unanswerable"].map({True: "unanswerable", False: "answerable"})
        sides = refuses.where(asked, "")
        counts = Counter(sides.tolist())
        answers, refusals = counts["answerable"], counts["unanswerable"]
        if not answers or not refusals:
            return
        least, most = self.ratio
        if answers < least * refusals:
            caps = {"unanswerable": math.floor(answers / least)}
        else:
            # Measured on the answers alone: a few refusals must not wipe them out.
            least_left = math.ceil(answers * (1 - self.config.max_loss))
            floor = self.floor - (len(self.frame) - answers)
            caps = {"answerable": max(math.ceil(most * refusals), least_left, floor)}
        self._limit("answerable_ratio", sides, caps, "kind")

    def _least_left(self) -> int:
        """Samples that a soft rule must leave of those that reach it."""
        kept = math.ceil(len(self.frame) * (1 - self.config.max_loss))
        return min(len(self.frame), max(kept, self.floor))

    def _limit(
        self, reason: str, labels: pd.Series[Any], caps: Mapping[str, int], scope: str
    ) -> None:
        """Keep at most `caps[label]` samples of each label, in fair order, pairs together.

        The order is fair within each value of the column `scope`.
        """
        sizes = Counter(labels.tolist())
        if all(sizes[label] <= cap for label, cap in caps.items()):
            return
        label_of = {str(i): str(label) for i, label in labels.items()}
        twin_of = {str(i): str(t) for i, t in self.frame["twin_of"].dropna().items()}
        ranked = _in_fair_order(self.frame, scope, self.config)
        if scope == "kind":
            # Kinds have room of their own, so pairs go first: no sample alone takes their place.
            ranked.sort(key=lambda i: i not in twin_of)
        kept = _fill(ranked, label_of, twin_of, caps)
        self._drop(
            {
                i: ("twin_dropped", twin_of[i])
                if i in twin_of and twin_of[i] not in kept
                else (reason, label_of[i])
                for i in ranked
                if i not in kept
            }
        )

    def _drop(self, lost: dict[str, tuple[str, str]]) -> None:
        self.dropped |= lost
        self.frame = self.frame.drop(index=list(lost))


def _fill(
    ranked: list[str], label_of: dict[str, str], twin_of: dict[str, str], caps: Mapping[str, int]
) -> set[str]:
    """Take ids in order while their label has room; a refusal brings its twin or stays out."""
    room = dict(caps)
    kept: set[str] = set()
    for i in ranked:
        wanted: list[str] = []
        link: str | None = i
        while link is not None and link not in kept and link not in wanted:
            wanted.append(link)
            link = twin_of.get(link)
        need = Counter(label_of[j] for j in wanted)
        if all(room.get(label, n) >= n for label, n in need.items()):
            kept.update(wanted)
            room.update({label: room[label] - n for label, n in need.items() if label in room})
    return kept


def _in_fair_order(frame: pd.DataFrame, scope: str, config: Balance) -> list[str]:
    """Return the ids in the order in which they are drawn within each value of `scope`.

    From fine to coarse: phrasings take turns, then documents, then families by weight, then kinds
    by target share. A turn is `(position + 1/2) / weight`.
    """
    targets = frame["kind"].map(config.mixture).fillna(min(config.mixture.values(), default=1.0))
    weights = frame["family"].map(config.weights).fillna(1.0)
    turn = _turns(frame, [scope, "kind", "family", "document", "phrasing"], frame["hash"])
    turn = _turns(frame, [scope, "kind", "family", "document"], turn)
    turn = _turns(frame, [scope, "kind", "family"], turn) / weights
    turn = _turns(frame, [scope, "kind"], turn) / targets
    ordered = frame.assign(_turn=turn).sort_values(["_turn", "hash"], kind="stable")
    return [str(i) for i in ordered.index]


def _turns(frame: pd.DataFrame, columns: list[str], by: pd.Series[Any]) -> pd.Series[float]:
    """Return each row's position (from 1/2) among the rows that agree in `columns`."""
    unique = list(dict.fromkeys(columns))
    ordered = frame.assign(_by=by).sort_values(["_by", "hash"], kind="stable")
    turns: pd.Series[float] = ordered.groupby(unique, sort=False).cumcount() + 0.5
    return turns.reindex(frame.index)


def _group_cap(sizes: np.ndarray[Any, Any], share: float, floor: int) -> int:
    """Return the largest count that is at most `share` of what remains under it.

    A smaller cap also makes the whole smaller, so the cap is sought, not computed from the whole.
    It is raised as far as needed to leave `floor` samples.
    """

    def left(cap: int) -> int:
        return int(np.minimum(sizes, cap).sum())

    top = int(sizes.max())
    # Both conditions change once along the caps: `left` is concave and rises.
    fits = bisect_right(range(1, top + 1), False, key=lambda cap: cap > share * left(cap))
    enough = bisect_left(range(top), min(floor, left(top)), key=left)
    return max(fits, enough, 1)


def _mixture_caps(sizes: dict[str, int], tops: dict[str, float], least: int) -> dict[str, int]:
    """Return how many of each kind may stay: `min(size, top x T)` for one total T.

    T is the largest total at which no kind holds more than its top share, or what it takes to
    leave `least` samples: then the kinds that abound keep the proportions of their targets.
    """
    everything = sum(sizes.values())
    least = min(least, everything)

    def left(total: float) -> float:
        return sum(min(n, tops[k] * total) for k, n in sizes.items())

    # left(T) - T is concave and 0 at T = 0, so going down from the whole meets the largest root.
    total = float(everything)
    while left(total) < total - 0.5 and left(total) > least:
        total = left(total)
    while left(total) < least:
        total *= 1.01
    return {k: min(n, math.ceil(tops[k] * total)) for k, n in sizes.items()}
