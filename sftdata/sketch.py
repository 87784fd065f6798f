"""A few samples in a moment: what a configuration would make, before a dataset is built."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice, zip_longest
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from sftdata.config import BuildConfig, load_config
from sftdata.families.load import family_named
from sftdata.run import Run
from sftdata.stages.decisions.checked import Checked
from sftdata.stages.escape import Escape
from sftdata.stages.generate import Generate
from sftdata.stages.read import Read
from sftdata.stages.unpack import documents, rejects
from sftdata.stages.verify import Verify
from sftdata.types import Reject, Sample, from_table

__all__ = ["Sketch", "sketch"]

MOST_FILES = 25
"""Files that are read at most: a preview answers in seconds or says that it found nothing."""


@dataclass(frozen=True)
class Sketch:
    """Samples that were made in memory, and what they were made of."""

    config: BuildConfig
    samples: list[Sample] = field(default_factory=list)
    read: int = 0
    """Files that were opened."""
    files: int = 0
    """Files that the configuration names."""
    rejects: list[Reject] = field(default_factory=list)


def sketch(
    config: str | Path | Mapping[str, Any] | BuildConfig,
    n: int = 5,
    *,
    family: str = "",
    overrides: Sequence[str] = (),
) -> Sketch:
    """Make up to `n` samples from the first documents, spread over families; write nothing.

    The samples are generated, verified and measured as in a build. What needs all documents
    (deduplication, splits, balance, purge, passages of other documents) is left out.

    Args:
        config: a YAML file, a mapping, or a `BuildConfig`.
        n: how many samples.
        family: id of the one family to use.
        overrides: settings such as `template.max_length=2048`.

    Raises:
        ConfigError: the configuration, or a pattern that matches no file.
        FamilyError: no such family.
    """
    settings = load_config(config, overrides)
    known = {f.id: f for f in settings.chosen_families()}
    chosen = (family_named(family, known).id,) if family else tuple(known)
    made: list[Sample] = []
    lost: list[Reject] = []
    opened = 0
    with TemporaryDirectory(prefix="sftdata-") as folder:
        inline = settings.model_copy(
            update={"engine": settings.engine.model_copy(update={"use": "inline"})}
        )
        inline._base = settings.base
        with Run(inline, Path(folder)) as run:
            files = run.list_files()
    for rows in _read(settings, files.slice(0, MOST_FILES)):
        opened += 1
        lost += from_table(rejects(rows), Reject)
        made += _samples(settings, chosen, _plain(settings, documents(rows)))
        if len(made) >= n:
            break
    return Sketch(settings, _spread(made, n), opened, files.num_rows, lost)


def _read(config: BuildConfig, files: pa.Table) -> Iterator[pa.Table]:
    stage = Read(
        root=config.root,
        options=config.documents.options,
        max_file_bytes=config.documents.max_file_bytes,
    )
    for number in range(files.num_rows):
        yield stage(files.slice(number, 1))


def _plain(config: BuildConfig, table: pa.Table) -> pa.Table:
    """Escape control tokens in documents, where the build would."""
    if config.template.special_text != "escape":
        return table
    return Escape(render=config.template.locked())(table)


def _samples(config: BuildConfig, families: tuple[str, ...], table: pa.Table) -> Iterable[Sample]:
    generate = Generate(
        families=families,
        paths=tuple(str(p) for p in config.family_paths),
        seed=config.seed,
        locales=config.families.locales,
    )
    samples = config.template(_kept(Verify()(generate(table)), Checked()))
    checked = Checked(over_length=config.template.over_length)
    return from_table(_kept(samples, checked), Sample)


def _kept(samples: pa.Table, decision: Checked) -> pa.Table:
    verdicts = decision.decide(decision.keys(samples))
    ids = verdicts.filter(pc.equal(verdicts.column("verdict"), "keep")).column("id")
    return samples.filter(pc.is_in(samples.column("sample_id"), value_set=ids.combine_chunks()))


def _spread(samples: Iterable[Sample], n: int) -> list[Sample]:
    """Take from every family in turn, kinds mixed, so that few samples show much."""
    by_kind: dict[str, dict[str, list[Sample]]] = {}
    for sample in sorted(samples, key=lambda s: s.sample_id):
        by_kind.setdefault(sample.kind, {}).setdefault(sample.family, []).append(sample)
    turns = [_in_turn(families.values()) for _, families in sorted(by_kind.items())]
    return list(islice(_in_turn(turns), n))


def _in_turn(lists: Iterable[Iterable[Sample]]) -> Iterator[Sample]:
    return (s for s in chain.from_iterable(zip_longest(*lists)) if s is not None)
