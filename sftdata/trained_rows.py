"""Samples as the rows that are trained: token ids and labels, with our own mask, nothing cut.

Training takes these rows as they are, the pre-tokenised export writes them, and the audit of what
is trained looks at them; so there is one way from a sample to its tokens.
"""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from sftdata.chat.template import ChatTemplate
from sftdata.chat.tokenizer import Tokenizer
from sftdata.chat.tokens import tokenise
from sftdata.chat.turns import render_sample
from sftdata.types import Message

__all__ = ["TRAINED_ROWS", "trained_rows"]

TRAINED_ROWS: pa.Schema = pa.schema(
    [
        pa.field("sample_id", pa.string(), nullable=False),
        pa.field("input_ids", pa.list_(pa.int32()), nullable=False),
        pa.field("labels", pa.list_(pa.int32()), nullable=False),
    ]
)
"""`labels` is `input_ids` where trained and -100 elsewhere."""

_BATCH = 256


def trained_rows(
    samples: pa.Table, template: ChatTemplate, tokenizer: Tokenizer
) -> Iterator[pa.Table]:
    """Yield the rows of SAMPLES in batches with the schema TRAINED_ROWS, in the same order.

    Raises:
        RenderRefusedError: the template refuses a conversation (a build drops such samples).
    """
    wanted = samples.select(["sample_id", "prompt", "completion"])
    for batch in wanted.to_batches(max_chunksize=_BATCH):
        rows = batch.to_pylist()
        rendered = [
            render_sample(template, _messages(r["prompt"]), _messages(r["completion"]))
            for r in rows
        ]
        tokens = tokenise(tokenizer, rendered).rows
        yield pa.table(
            [
                [r["sample_id"] for r in rows],
                [t.ids for t in tokens],
                [t.labels for t in tokens],
            ],
            schema=TRAINED_ROWS,
        )


def _messages(rows: list[dict[str, str]]) -> list[Message]:
    return [Message(role=r["role"], content=r["content"]) for r in rows]
