"""The way back: what a server or a trainer answered, joined to the samples it was asked about.

Nothing is lost: every sample that was asked for has a row, answered, failed or missing.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from sftdata.errors import ConfigError, SourceError
from sftdata.exporting.rows import Row, rows_of
from sftdata.judged import Judged, open_judged
from sftdata.predictions import Prediction, read_predictions, write_predictions

__all__ = ["FORMATS", "AnswerFormat", "Imported", "import_predictions"]

AnswerFormat = Literal["openai", "vllm", "llamafactory"]

FORMATS: tuple[str, ...] = get_args(AnswerFormat)

MISSING = "no answer in the file"

_HTTP_ERROR = 400


@dataclass(frozen=True, slots=True)
class Imported:
    """What came back.

    Attributes:
        predictions: a row per sample asked for, in the order of the dataset.
        answered: rows with an output.
        failed: rows for which the other side gave an error, or an empty answer.
        missing: samples without a row in the files.
        unknown: ids in the files that the dataset does not have; they are not written.
        splits: the splits that were asked for.
    """

    predictions: tuple[Prediction, ...]
    answered: int
    failed: int
    missing: int
    unknown: tuple[str, ...] = ()
    splits: tuple[str, ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        """The four numbers by name."""
        return {
            "answered": self.answered,
            "failed": self.failed,
            "missing": self.missing,
            "unknown": len(self.unknown),
        }


def import_predictions(
    files: Sequence[str | Path],
    format: AnswerFormat,  # noqa: A002  (the option's name)
    dataset: str | Path,
    out: str | Path,
    *,
    ids: str | Path | None = None,
    splits: Sequence[str] = (),
    force: bool = False,
) -> Imported:
    """Join answers to samples by id and write them as predictions.

    Args:
        files: what the other side wrote: JSONL, one or more shards, error files too.
        format: `openai`, `vllm` (both output shapes) or `llamafactory`.
        dataset: the build whose prompts were exported.
        out: file of predictions to write; an earlier one is replaced, nothing else is.
        ids: for `llamafactory`, whose rows have no ids: the sidecar that the export wrote.
        splits: the splits that were asked for; by default those of the ids that came back.
        force: go on although the dataset's audit does not fit its files or blocks it.

    Raises:
        ConfigError: a file is not there, or rows do not belong to this dataset.
        SourceError: a line is not what the format says; names the line, never its text.
    """
    if format not in FORMATS:
        raise ConfigError(f"--format {format!r}: one of {', '.join(FORMATS)}")
    target = Path(out)
    _own(target)
    judged = open_judged(dataset, force=force)
    known = {i: s for s in judged.splits for i in judged.table(s)["sample_id"].to_pylist()}
    answers = _Answers()
    if format == "llamafactory":
        if ids is None:
            raise ConfigError(
                "--format llamafactory: its answers have no ids; name the sidecar that the export "
                "wrote with --ids (for the test split: test.ids.jsonl)"
            )
        _by_order(files, Path(ids), judged, known, answers)
    else:
        for file in files:
            for where, line in _lines(Path(file)):
                answers.add(_answer(line, where), where)
    found = _joined(answers, judged, known, splits)
    partial = target.with_name(f".{target.name}.partial")
    target.parent.mkdir(parents=True, exist_ok=True)
    write_predictions(found.predictions, partial)
    partial.replace(target)
    return found


@dataclass
class _Answers:
    """Answers by id: one that says something goes before an error, and two never stand."""

    rows: dict[str, Prediction] = field(default_factory=dict)

    def add(self, row: Prediction, where: str) -> None:
        before = self.rows.get(row.sample_id)
        if before is not None and not before.error and not row.error:
            raise SourceError("answered_twice", f"{where}: its id has an answer already")
        if before is None or before.error:
            self.rows[row.sample_id] = row


def _own(out: Path) -> None:
    """Make sure that the file may be written: it is new, or holds predictions."""
    if not out.exists():
        return
    try:
        read_predictions(out)
    except (ConfigError, SourceError, OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"--out {out}: this is there and holds no predictions; name another file"
        ) from error


def _joined(
    answers: _Answers, judged: Judged, known: Mapping[str, str], splits: Sequence[str]
) -> Imported:
    unknown = tuple(sorted(set(answers.rows) - set(known)))
    if answers.rows and len(unknown) == len(answers.rows):
        raise ConfigError(
            f"--dataset {judged.path}: none of the {len(unknown):,} ids in the file is in it; "
            "the answers belong to another build"
        )
    wanted = tuple(splits) or tuple(sorted({known[i] for i in answers.rows if i in known}))
    for split in wanted:
        judged.table(split)
    rows = []
    for split in wanted:
        for name in (i for i, s in known.items() if s == split):
            row = answers.rows.get(name)
            rows.append(row or Prediction(sample_id=name, output="", error=MISSING))
    outside = sum(known[i] not in wanted for i in answers.rows if i in known)
    if outside:
        raise ConfigError(
            f"--split {', '.join(wanted)}: the file answers {outside:,} samples of other splits"
        )
    missing = sum(r.error == MISSING and r.sample_id not in answers.rows for r in rows)
    failed = sum(bool(r.error) for r in rows) - missing
    return Imported(
        predictions=tuple(rows),
        answered=len(rows) - failed - missing,
        failed=failed,
        missing=missing,
        unknown=unknown,
        splits=wanted,
    )


def _lines(file: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield place and object of each line; only a line feed ends a line."""
    if not file.is_file():
        raise ConfigError(f"{file} does not exist")
    with file.open("rb") as handle:
        for number, raw in enumerate(handle, 1):
            where = f"{file}: line {number}"
            text = raw.removeprefix(b"\xef\xbb\xbf") if number == 1 else raw
            if not text.strip():
                continue
            try:
                line = json.loads(text)
            except (ValueError, RecursionError) as error:
                raise SourceError("unreadable_answers", f"{where} is not JSON") from error
            if not isinstance(line, dict):
                raise SourceError("unreadable_answers", f"{where} is no object")
            yield where, line


def _answer(line: Mapping[str, Any], where: str) -> Prediction:
    """Read one line of a batch: the body in `response.body`, or, in older builds, in `response`."""
    name = line.get("custom_id")
    if not isinstance(name, str) or not name:
        raise SourceError("unreadable_answers", f"{where} has no custom_id")
    response = _mapping(line.get("response"))
    body = _mapping(response.get("body")) or response
    status = response.get("status_code")
    error = line.get("error") or body.get("error")
    if error:
        return Prediction(sample_id=name, output="", error=_said(error))
    if isinstance(status, int) and status >= _HTTP_ERROR:
        return Prediction(sample_id=name, output="", error=f"status {status}")
    choices = body.get("choices")
    first = _mapping(choices[0]) if isinstance(choices, list) and choices else {}
    message = _mapping(first.get("message"))
    content = message.get("content")
    usage = _mapping(body.get("usage"))
    refusal = message.get("refusal")
    reason = ""
    if not isinstance(content, str):
        reason = "the service refused" if refusal else "the response has no answer"
    return Prediction(
        sample_id=name,
        output=content if isinstance(content, str) else "",
        model=_text(body.get("model")),
        finish_reason=_text(first.get("finish_reason")),
        error=reason,
        prompt_tokens=_number(usage.get("prompt_tokens")),
        completion_tokens=_number(usage.get("completion_tokens")),
    )


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _number(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _said(error: Any) -> str:
    """Return code and message of an error, on one line and of bounded length."""
    parts = [error.get("code"), error.get("message")] if isinstance(error, dict) else [error]
    words = ": ".join(str(p) for p in parts if p) or "an error without words"
    return " ".join(words.split())[:300]


def _by_order(
    files: Sequence[str | Path],
    ids: Path,
    judged: Judged,
    known: Mapping[str, str],
    answers: _Answers,
) -> None:
    """Join rows without ids by their order; each is held against the sample's own answer."""
    names = [_id_of(line, where) for where, line in _lines(ids)]
    lines = [pair for file in files for pair in _lines(Path(file))]
    strange = sum(n not in known for n in names)
    if strange:
        raise ConfigError(
            f"--ids {ids}: {strange:,} of its {len(names):,} ids are not in {judged.path}; it "
            "belongs to another build"
        )
    if len(lines) > len(names):
        raise ConfigError(
            f"{len(lines):,} answers for {len(names):,} ids in {ids}: they are of another export"
        )
    wanted = {known[n] for n in names}
    rows = {r.sample_id: r for s in sorted(wanted) for r in rows_of(judged.table(s))}
    for name, (where, line) in zip(names, lines, strict=False):
        prompt, predict, label = (line.get(k) for k in ("prompt", "predict", "label"))
        if not (isinstance(predict, str) and isinstance(label, str) and isinstance(prompt, str)):
            raise SourceError("unreadable_answers", f"{where} lacks prompt, predict or label")
        if not _belongs(rows[name], prompt, label):
            raise ConfigError(
                f"{where}: its prompt and label are not those of sample {name}, which stands "
                f"there in {ids.name}; the order is lost (rows skipped, max_samples, another "
                "export?)"
            )
        error = "" if predict.strip() else "the response has no answer"
        answers.add(Prediction(sample_id=name, output=predict, error=error), where)


def _id_of(line: Mapping[str, Any], where: str) -> str:
    name = line.get("sample_id")
    if not isinstance(name, str):
        raise SourceError("unreadable_ids", f"{where} has no sample_id")
    return name


def _belongs(row: Row, prompt: str, label: str) -> bool:
    """Return whether prompt and label are this sample's, as far as decoded tokens can tell.

    Decoding may change white space and drop what a tokenizer does not know, so letters and digits
    are compared: all of the answer's, and the end of the question's.
    """
    said = _bare(row.completion[-1]["content"])
    asked = _bare(row.prompt[-1]["content"])
    return _bare(label) == said and asked[-200:] in _bare(prompt)


def _bare(text: str) -> str:
    # Tokenizers may normalise; what they decode to is then another spelling of the same letters.
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", text))
