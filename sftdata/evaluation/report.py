"""What an evaluation found: small frozen models that are written as JSON."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "Difference",
    "EvaluationReport",
    "FieldScore",
    "Forgetting",
    "Histogram",
    "ModelRun",
    "Score",
    "Settings",
    "WorstOutput",
]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Histogram(_Record):
    """Counts between edges; the last bin is open."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]


class ModelRun(_Record):
    """One file of predictions, and how complete it is."""

    name: str
    """`model` for the predictions, `base`, `base2`, … for those it is held against."""
    model: str
    file: str
    sha256: str
    predictions: int
    missing: int
    """Samples without a prediction; they count as wrong everywhere."""
    unknown: int
    """Predictions for samples that are not in this split; left out."""
    errors: int
    """Predictions that are an error instead of an output; they count as wrong."""
    truncated: int
    """Outputs that were cut at the token limit (`finish_reason` is `length`)."""
    empty: int
    """Outputs without a character that is not white space, errors included."""
    prompt_tokens: int
    completion_tokens: int
    latency_median_s: float | None = None
    latency_p95_s: float | None = None
    cost: float | None = None
    lengths: Histogram
    """Characters of the outputs; what production lengths are compared with."""
    stances: dict[str, dict[str, int]] = Field(default_factory=dict)
    """Kind → stance → outputs: refused, answered in part, answered, no output."""
    coverage: tuple[tuple[float, float], ...] = ()
    """Accuracy-coverage: share of answers kept, most confident first, and the share right."""


class Score(_Record):
    """One metric of one run over one slice of the samples."""

    run: str
    metric: str
    by: str
    """`all`, `kind`, `family`, `locale`, `domain`, `group`, `reason` or `overlap`."""
    value: str
    """Which one: `finance/…`, `zh`, a group."""
    score: float
    samples: int
    groups: int
    low: float | None = None
    high: float | None = None


class Difference(_Record):
    """A metric of one run minus that of another, or of clean minus suspicious rows."""

    metric: str
    by: str
    value: str
    of: str
    """What is compared: `model - base`, or `suspicious - clean`."""
    difference: float
    samples: int
    groups: int
    low: float | None = None
    high: float | None = None

    @property
    def certain(self) -> bool:
        """Whether the interval leaves out zero."""
        if self.low is None or self.high is None:
            return False
        return self.low > 0 or self.high < 0


class FieldScore(_Record):
    """One field of extracted objects."""

    run: str
    family: str
    path: str
    f1: float | None
    right: int
    gold: int
    given: int
    missing: int
    hallucinated: int


class WorstOutput(_Record):
    """An output worth reading, with short excerpts unless they were switched off."""

    run: str
    sample_id: str
    kind: str
    family: str
    group: str
    score: float
    fault: str
    question: str = ""
    gold: str = ""
    output: str = ""


class Forgetting(_Record):
    """Answers to general questions, before and after: what tuning has cost."""

    run: str
    items: int
    answered: int
    accuracy: float
    by_topic: dict[str, float]
    drop: float | None = None
    """Accuracy of the base run minus this one's."""
    low: float | None = None
    high: float | None = None


class Settings(_Record):
    """How intervals and slices were made."""

    split: str
    resamples: int
    level: float
    method: str
    seed: int
    suspicious: float
    """Share of a row's 8-word runs that stand in train, from which it is suspicious."""


class EvaluationReport(_Record):
    """Scores of one or more files of predictions on one split of a build."""

    format: str = "sftdata-evaluation/1"
    dataset: str
    digest: str
    """Digest of the data files that were audited."""
    forced: tuple[str, ...] = ()
    settings: Settings
    samples: int
    groups: int
    counts: dict[str, int]
    """Kind → samples."""
    runs: tuple[ModelRun, ...]
    scores: tuple[Score, ...]
    differences: tuple[Difference, ...] = ()
    fields: tuple[FieldScore, ...] = ()
    worst: tuple[WorstOutput, ...] = ()
    forgetting: tuple[Forgetting, ...] = ()
    notes: tuple[str, ...] = ()
    """What a reader must know: why there is no interval, what was not scored."""
    versions: dict[str, str] = Field(default_factory=dict)

    def score(self, metric: str, *, run: str = "model", by: str = "all", value: str = "") -> float:
        """Return one figure.

        Raises:
            KeyError: it was not measured.
        """
        return self.scored(metric, run=run, by=by, value=value).score

    def scored(self, metric: str, *, run: str = "model", by: str = "all", value: str = "") -> Score:
        """Return one figure with its interval.

        Raises:
            KeyError: it was not measured.
        """
        for found in self.scores:
            if (found.metric, found.run, found.by, found.value) == (metric, run, by, value):
                return found
        raise KeyError(f"{metric} of {run} by {by} {value}".strip())

    def to_json(self) -> str:
        """Return the JSON form, indented."""
        return self.model_dump_json(indent=2)

    @classmethod
    def from_json(cls, text: str | bytes) -> EvaluationReport:
        """Read what `to_json` wrote."""
        return cls.model_validate_json(text)
