"""Evidence answers: a question, passages, and an answer that cites the line it rests on."""

from __future__ import annotations

from collections.abc import Iterator

from sftdata.families.cases import answered, cases
from sftdata.families.draft import Work, to_sample
from sftdata.families.shelf import Shelf
from sftdata.types import Sample

__all__ = ["samples"]


def samples(work: Work, shelf: Shelf) -> Iterator[Sample]:
    """Yield the family's samples of one document, at most `per_document`."""
    made = 0
    for case in cases(work, shelf):
        if made >= work.family.per_document:
            return
        draft = answered(work, shelf, case)
        if draft is not None:
            made += 1
            yield to_sample(draft)
