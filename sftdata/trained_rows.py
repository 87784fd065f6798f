"""Samples as the rows that are trained: token ids and labels, with our own mask, nothing cut.

Training takes these rows as they are, the pre-tokenised export writes them, and the audit of what
is trained looks at them; so there is one way from a sample to its tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sftdata.chat.template import ChatTemplate
from sftdata.chat.tokenizer import Tokenizer
from sftdata.chat.tokens import tokenise_stream
from sftdata.chat.turns import Rendered, render_sample
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

_BATCH = 128


def trained_rows(
    samples: pa.Table, template: ChatTemplate, tokenizer: Tokenizer
) -> Iterator[pa.Table]:
    """Yield the rows of SAMPLES in batches with the schema TRAINED_ROWS, in the same order.

    Raises:
        RenderRefusedError: the template refuses a conversation (a build drops such samples).
    """
    wanted = samples.select(["sample_id", "prompt", "completion"])
    batches = wanted.to_batches(max_chunksize=_BATCH)
    texts = (_rendered(batch, template) for batch in batches)
    for batch, tokens in zip(batches, tokenise_stream(tokenizer, texts), strict=True):
        yield pa.table(
            [
                batch.column("sample_id"),
                _lists([row.ids for row in tokens.rows]),
                _lists([row.labels for row in tokens.rows]),
            ],
            schema=TRAINED_ROWS,
        )


def _rendered(batch: pa.RecordBatch, template: ChatTemplate) -> list[Rendered]:
    prompts = batch.column("prompt").to_pylist()
    completions = batch.column("completion").to_pylist()
    return [
        render_sample(template, _messages(p), _messages(c))
        for p, c in zip(prompts, completions, strict=True)
    ]


def _lists(rows: Sequence[NDArray[np.int32]]) -> pa.ListArray:
    ends = np.cumsum([0, *map(len, rows)], dtype=np.int32)
    flat = np.concatenate([np.zeros(0, dtype=np.int32), *rows])
    return pa.ListArray.from_arrays(pa.array(ends), pa.array(flat))


def _messages(rows: list[dict[str, str]]) -> list[Message]:
    return [Message(role=r["role"], content=r["content"]) for r in rows]
