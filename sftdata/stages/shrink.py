"""Shrink: samples over the limit give up distractor passages, never what the answer rests on."""

from __future__ import annotations

import fnmatch
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import Field

from sftdata.errors import FamilyError
from sftdata.families.draft import messages, name_of_sample
from sftdata.families.family import Family
from sftdata.families.load import digest, load_families
from sftdata.part import Stage
from sftdata.stages.render import Render
from sftdata.stages.verify import Verify
from sftdata.types import SAMPLES, Check, Message, Passage, Sample, from_table, to_table

__all__ = ["HEADS", "SHRUNK", "Shrink", "heads_of", "shrunk_counts"]

SHRUNK = "shrunk"
"""Check on a sample that gave up passages; its detail names them and the sample's earlier id."""

HEADS: pa.Schema = pa.schema(
    [
        pa.field("document_id", pa.string(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("start", pa.int64(), nullable=False),
    ]
)
"""Where the sections of documents begin."""

KINDS = ("evidence", "extraction")
"""Kinds that may shrink. What is written is made of all its passages; a refusal is one half of a
minimal pair, and says what its passages cover."""

_LABEL = re.compile(r"\[P(\d+)\]")
_LOOSE_LABEL = re.compile(r"(?<![\w\[])P\d+(?!\w)")


class Shrink(Stage):
    """Make rows that *render* marked as too long shorter: drop passages, the longest first.

    A passage may go when no evidence stands in it, the answer does not cite it, and the family
    does not show it in every prompt. The prompt is made anew by the family's own templates, the
    passages are numbered again and the citations with them; the sample is verified and measured
    again, and its id, a hash of its content, is a new one. What cannot be made to fit stays as it
    was, marked. Refusals, their answered twins and written texts are never touched.
    """

    output: ClassVar[pa.Schema] = SAMPLES

    render: Render
    """Template and limit."""
    paths: tuple[str, ...] = ()
    """Folders of users' own families."""
    digest: str
    """What the families say (see `families.load.digest`)."""
    families: tuple[str, ...]
    """Ids of the families in use."""
    twins: Path = Field(exclude=True)
    """Parquet file with the `id`s of samples that a refusal has as its twin."""
    twins_digest: str
    heads: Path = Field(exclude=True)
    """Parquet file (`HEADS`) of the sections of all documents."""
    heads_digest: str

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Return the batch with every row that could be shortened in place of what it was."""
        over = batch.column("over_length").to_pylist()
        if not any(over):
            return batch
        twins = _ids(self.twins)
        families = _families(self.paths, self.families, self.digest)
        rows = []
        for sample, long in zip(from_table(batch, Sample), over, strict=True):
            free = long and sample.kind in KINDS and sample.sample_id not in twins
            shorter = self._shortened(sample, families) if free else None
            rows.append(sample if shorter is None else shorter)
        return to_table(rows, Sample)

    def _shortened(self, sample: Sample, families: Mapping[str, Family]) -> Sample | None:
        """Return the sample without as many passages as it takes; None where it cannot fit."""
        family = families.get(sample.family)
        shown = _read_prompt(sample, family) if family else None
        if family is None or shown is None:
            return None
        texts, question_first = shown
        kept = list(range(len(sample.context)))
        for place in self._removable(sample, family):
            kept.remove(place)
            made = _without(sample, family, kept, (texts, question_first))
            if made is None:
                return None
            done = self._measured(made)
            if done is not None and not done.over_length:
                gone = [p for i, p in enumerate(sample.context) if i not in kept]
                return _noted(done, sample, gone, self.render.max_length)
        return None

    def _removable(self, sample: Sample, family: Family) -> list[int]:
        """Return the places of passages that may go, the longest first, of equals the last."""
        cited = {int(n) - 1 for n in _cited(json.loads(sample.answer))}
        heads = _heads(self.heads)
        always = family.context.always
        free = [
            place
            for place, passage in enumerate(sample.context)
            if place not in cited
            and not any(_touches(passage, e.document_id, e.start, e.end) for e in sample.evidence)
            and not any(
                passage.start <= start < passage.end and _fits(kind, always)
                for kind, start in heads.get(passage.document_id, ())
            )
        ]
        if not sample.evidence or len(free) == len(sample.context):
            return []
        size = {place: sample.context[place].end - sample.context[place].start for place in free}
        return sorted(free, key=lambda place: (-size[place], -place))

    def _measured(self, sample: Sample) -> Sample | None:
        """Verify and measure a sample anew; None where a check fails."""
        (done,) = from_table(self.render(Verify()(to_table([sample], Sample))), Sample)
        return done if all(check.passed for check in done.checks) else None


def _touches(passage: Passage, document: str, start: int, end: int) -> bool:
    return passage.document_id == document and passage.start < end and start < passage.end


def _fits(kind: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(kind, pattern) for pattern in patterns)


def _read_prompt(sample: Sample, family: Family) -> tuple[list[dict[str, str]], bool] | None:
    """Read the passages out of a prompt again; None unless they make the same prompt.

    Their lengths are known, so a document that writes `[P2]` itself misleads nobody for long: the
    prompt made of what was read must be the very one that was read.
    """
    user = sample.prompt[-1].content
    shown, at = [], 0
    for number, passage in enumerate(sample.context, 1):
        label = f"[P{number}]"
        start = user.find(label, at)
        line = user.find("\n", start)
        if start < 0 or line < 0:
            return None
        heading = user[start + len(label) : line].strip()
        while line < len(user) and user[line] == "\n":
            line += 1
        at = line + passage.end - passage.start
        shown.append({"heading": heading, "text": user[line:at]})
    for question_first in (False, True):
        made = _prompt(sample, family, shown, question_first)
        if made == sample.prompt:
            return shown, question_first
    return None


def _prompt(
    sample: Sample, family: Family, shown: Sequence[dict[str, str]], question_first: bool
) -> tuple[Message, ...]:
    return messages(family, sample.locale, shown, sample.question, question_first=question_first)


def _without(
    sample: Sample,
    family: Family,
    kept: Sequence[int],
    shown: tuple[list[dict[str, str]], bool],
) -> Sample | None:
    """Return the sample with these passages only, numbered anew; None if its labels are unclear."""
    said = sample.completion[-1].content
    answer = json.loads(sample.answer)
    if len(sample.completion) != 1 or said != json.dumps(answer, ensure_ascii=False):
        return None
    number = {str(old + 1): str(new + 1) for new, old in enumerate(kept)}
    if any(_LOOSE_LABEL.search(text) for text in _prose(answer)):
        return None
    renamed = json.dumps(_renamed(answer, number), ensure_ascii=False)
    texts, question_first = shown
    prompt = _prompt(sample, family, [texts[i] for i in kept], question_first)
    context = tuple(sample.context[i] for i in kept)
    documents = tuple(dict.fromkeys([sample.document_ids[0], *(p.document_id for p in context)]))
    completion = (Message(role="assistant", content=renamed),)
    return replace(
        sample,
        sample_id=name_of_sample(family, sample.locale, documents, (*prompt, *completion)),
        document_ids=documents,
        prompt=prompt,
        completion=completion,
        answer=renamed,
        context=context,
    )


def _noted(done: Sample, before: Sample, gone: Sequence[Passage], limit: int) -> Sample:
    named = ", ".join(f"{p.document_id}:{p.start}:{p.end}" for p in gone)
    detail = f"{len(gone)} passages left out to fit {limit} tokens: {named}; was {before.sample_id}"
    return replace(done, checks=(*done.checks, Check(name=SHRUNK, passed=True, detail=detail)))


def _strings(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Yield every string of a JSON answer, with the key that it stands under."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _strings(item, name)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item, key)
    elif isinstance(value, str):
        yield key, value


def _prose(answer: Any) -> list[str]:
    """Return what an answer says in its own words: not quotes, and not labels by themselves."""
    return [text for key, text in _strings(answer) if key not in ("quote", "passage")]


def _cited(answer: Any) -> set[str]:
    """Return the numbers of the passages that an answer cites.

    >>> sorted(_cited({"answer": "12 [P2]", "citations": [{"passage": "P1", "quote": "[P9]"}]}))
    ['1', '2']
    """
    found = {n for text in _prose(answer) for n in _LABEL.findall(text)}
    labels = [text for key, text in _strings(answer) if key == "passage"]
    return found | {label[1:] for label in labels if re.fullmatch(r"P\d+", label)}


def _renamed(value: Any, number: Mapping[str, str], key: str = "") -> Any:
    """Return an answer whose labels are the new ones; quotes stay as the document has them."""
    if isinstance(value, dict):
        return {name: _renamed(item, number, name) for name, item in value.items()}
    if isinstance(value, list):
        return [_renamed(item, number, key) for item in value]
    if not isinstance(value, str) or key == "quote":
        return value
    if key == "passage" and re.fullmatch(r"P\d+", value):
        return f"P{number.get(value[1:], value[1:])}"
    return _LABEL.sub(lambda found: f"[P{number.get(found[1], found[1])}]", value)


def heads_of(documents: pa.Table) -> pa.Table:
    """Return where the sections of documents begin, with the schema `HEADS`."""
    rows = [
        {"document_id": row["document_id"], "kind": section["kind"], "start": section["start"]}
        for batch in documents.select(["document_id", "sections"]).to_batches(max_chunksize=256)
        for row in batch.to_pylist()
        for section in row["sections"]
    ]
    return pa.Table.from_pylist(rows, schema=HEADS)


def shrunk_counts(samples: pa.Table) -> dict[str, int]:
    """Return how many samples gave up passages, and how many these were; empty if none did."""
    details = [
        check["detail"]
        for checks in samples.column("checks").to_pylist()
        for check in checks
        if check["name"] == SHRUNK
    ]
    if not details:
        return {}
    passages = sum(int(detail.partition(" ")[0]) for detail in details)
    return {"shrunk": len(details), "shrunk.passages": passages}


@cache
def _ids(path: Path) -> frozenset[str]:
    return frozenset(pc.drop_null(pq.read_table(path).column("id")).to_pylist())


@cache
def _heads(path: Path) -> dict[str, list[tuple[str, int]]]:
    found: dict[str, list[tuple[str, int]]] = {}
    for row in pq.read_table(path).to_pylist():
        found.setdefault(row["document_id"], []).append((row["kind"], row["start"]))
    return found


@lru_cache(maxsize=2)
def _families(paths: tuple[str, ...], names: tuple[str, ...], said: str) -> dict[str, Family]:
    known = load_families([Path(p) for p in paths])
    if digest(names, known) != said:
        raise FamilyError("the families changed during the build; build again")
    return known
