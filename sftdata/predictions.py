"""What a model answered, a row per sample: prediction and import write, evaluation reads."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sftdata.errors import ConfigError, SourceError

__all__ = ["Prediction", "prediction_schema", "read_predictions", "write_predictions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """The answer of one model to the prompt of one sample.

    Attributes:
        sample_id: the sample; predictions join by it and by nothing else.
        output: the text that the model gave, as it gave it; empty where it failed.
        model: name or folder of the model, as the person named it.
        finish_reason: `stop`, `length`, or what a server said.
        error: why there is no output; empty where there is one.
        prompt_tokens: tokens of the prompt, 0 where not known.
        completion_tokens: tokens of the output, 0 where not known.
        latency_s: seconds for this answer (of its batch, divided by the rows); None if unknown.
        cost: in the currency of the price given; None where no price was given.
        confidence: how sure the model is that the question is answerable, 0 to 1, where known.
        mean_logprob: mean natural log probability of the output's tokens, where known.
    """

    sample_id: str
    output: str
    model: str = ""
    finish_reason: str = ""
    error: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    latency_s: float | None = None
    cost: float | None = None
    confidence: float | None = None
    mean_logprob: float | None = None


_FIELDS = {f.name: f for f in dataclasses.fields(Prediction)}
_TYPES: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "float | None": (float, int, type(None)),
}


def write_predictions(predictions: Iterable[Prediction], path: str | Path) -> None:
    """Write JSONL in UTF-8, one prediction per line, in the order given."""
    with Path(path).open("w", encoding="utf-8") as handle:
        for prediction in predictions:
            row = dataclasses.asdict(prediction)
            handle.write(json.dumps(row, ensure_ascii=False) + "\n")


def read_predictions(path: str | Path) -> list[Prediction]:
    """Read what `write_predictions` wrote.

    Raises:
        ConfigError: no such file, or a sample is answered twice.
        SourceError: a line is no prediction; names the line, never its text.
    """
    file = Path(path)
    if not file.is_file():
        raise ConfigError(f"predictions: {file} does not exist")
    found = list(_rows(file))
    repeated = _repeated([p.sample_id for p in found])
    if repeated:
        raise ConfigError(f"predictions: {file} answers sample {repeated} twice")
    return found


def prediction_schema() -> dict[str, Any]:
    """Return the JSON Schema of one line.

    >>> prediction_schema()["required"]
    ['sample_id', 'output']
    """
    words = {"str": "string", "int": "integer", "float | None": ["number", "null"]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Prediction",
        "description": "The answer of one model to the prompt of one sample.",
        "type": "object",
        "properties": {n: {"type": words[str(f.type)]} for n, f in _FIELDS.items()},
        "required": ["sample_id", "output"],
        "additionalProperties": False,
    }


def _rows(file: Path) -> Iterator[Prediction]:
    with file.open(encoding="utf-8-sig") as handle:
        for number, line in enumerate(handle, 1):
            if line.strip():
                yield _row(line, f"{file}: line {number}")


def _row(line: str, where: str) -> Prediction:
    try:
        row = json.loads(line)
    except (json.JSONDecodeError, RecursionError) as error:
        raise SourceError("unreadable_predictions", f"{where} is not JSON") from error
    if not isinstance(row, dict) or not {"sample_id", "output"} <= row.keys():
        raise SourceError("unreadable_predictions", f"{where} lacks sample_id or output")
    unknown = sorted(set(row) - set(_FIELDS))
    if unknown:
        raise SourceError("unreadable_predictions", f"{where} has unknown fields")
    for name, value in row.items():
        if not isinstance(value, _TYPES[str(_FIELDS[name].type)]):
            raise SourceError("unreadable_predictions", f"{where}: {name} has another type")
    return Prediction(**row)


def _repeated(ids: Sequence[str]) -> str:
    seen: set[str] = set()
    for name in ids:
        if name in seen:
            return name
        seen.add(name)
    return ""
