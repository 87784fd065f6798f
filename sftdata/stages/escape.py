"""The escape stage: control tokens in documents become plain text before anything is made of them.

Escaped is the document, not the sample: facts, passages, evidence and answers are all cut out of
the same text, so they agree with each other and with what the model reads.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import replace
from typing import Any, ClassVar

import pyarrow as pa

from sftdata.chat.special_text import ESCAPED, escape
from sftdata.chat.template import ChatTemplate
from sftdata.part import Stage
from sftdata.stages.render import LockedRender
from sftdata.types import DOCUMENTS, Document, Fact, Key, from_table, to_table

__all__ = ["Escape"]


class Escape(Stage):
    """Escape what the template reads as control tokens, and note it at the document.

    The note (metadata `escaped_special_text`, JSON) holds position and token of each, so that the
    text of the source can be had back. Names by which documents are linked stay as they are.
    """

    output: ClassVar[pa.Schema] = DOCUMENTS

    render: LockedRender
    """The template whose control tokens count."""

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Return the documents with their text, titles and facts escaped."""
        template = self.render.load()[0]
        return to_table((_escaped(d, template) for d in from_table(batch, Document)), Document)


def _escaped(document: Document, template: ChatTemplate) -> Document:
    text, found = escape(document.text, template)
    facts = tuple(_fact(fact, text, template) for fact in document.facts)
    changed = replace(
        document,
        text=text,
        title=escape(document.title, template)[0],
        sections=_plain(document.sections, template),
        metadata=_plain(document.metadata, template),
        facts=facts,
    )
    if changed == document:
        return document
    note = Key(kind=ESCAPED, value=json.dumps(found, ensure_ascii=False))
    return replace(changed, metadata=(*changed.metadata, note))


def _fact(fact: Fact, text: str, template: ChatTemplate) -> Fact:
    """Escape a fact; what it says was reported is cut out of the text again."""
    plain: Fact = _plain(fact, template)
    if fact.start is None or fact.end is None:
        return plain
    reported = text[fact.start : fact.end]
    value = reported if fact.value == fact.as_reported else plain.value
    return replace(plain, as_reported=reported, value=value)


def _plain(item: Any, template: ChatTemplate) -> Any:
    """Return the item with every text in it escaped."""
    if isinstance(item, str):
        return escape(item, template)[0]
    if isinstance(item, tuple):
        return tuple(_plain(i, template) for i in item)
    if dataclasses.is_dataclass(item) and not isinstance(item, type):
        fields = {f.name: _plain(getattr(item, f.name), template) for f in dataclasses.fields(item)}
        return replace(item, **fields)
    return item
