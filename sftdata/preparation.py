"""What steps that look at one batch must be told of all the others, before they begin."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sftdata.config import BuildConfig
from sftdata.families.load import digest, load_families
from sftdata.run import Run
from sftdata.stages.generate import CutPassages, Generate, ListAsked, PickForPool, store
from sftdata.stages.shrink import Shrink, heads_of

__all__ = ["generation", "shrinking"]


def shrinking(run: Run, documents: Any, samples: Any) -> Shrink:
    """Prepare what shrinking must know: which samples are twins, and where sections begin."""
    config = run.config
    twins = run.collect(samples, ["twin_of"]).rename_columns(["id"])
    sections = heads_of(run.collect(documents, ["document_id", "sections"]))
    kept, heads = store(twins, run.work, "twins"), store(sections, run.work, "heads")
    return Shrink(
        render=config.template.locked(),
        **_families_of(config),
        twins=kept[0],
        twins_digest=kept[1],
        heads=heads[0],
        heads_digest=heads[1],
    )


def _families_of(config: BuildConfig) -> dict[str, Any]:
    """Return the families in use, where they stand, and a digest of what they say."""
    names = tuple(f.id for f in config.chosen_families())
    return {
        "families": names,
        "paths": tuple(str(p) for p in config.family_paths),
        "digest": digest(names, load_families(config.family_paths)),
    }


def generation(run: Run, documents: Any) -> Generate:
    """Prepare what generation must know of other documents: passages, and what they are asked."""
    config = run.config
    dropped: tuple[Path | None, str] = (None, "")
    if config.dedupe.passages:
        passages = run.map(documents, CutPassages(), "passages")
        verdicts = run.decide(passages, run.dedupe("passage"), "dedupe_passages")
        dropped = store(run.dropped_ids(verdicts), run.work, "dropped")
    pool = store(
        run.collect(run.map(documents, PickForPool(seed=config.seed), "pool")), run.work, "pool"
    )
    said = {**_families_of(config), "seed": config.seed}
    asked = store(run.collect(run.map(documents, ListAsked(**said), "asked")), run.work, "asked")
    return Generate(
        **said,
        locales=config.families.locales,
        pool=pool[0],
        pool_digest=pool[1],
        asked=asked[0],
        asked_digest=asked[1],
        dropped=dropped[0],
        dropped_digest=dropped[1],
        folds=run.fold_of_groups(),
    )
