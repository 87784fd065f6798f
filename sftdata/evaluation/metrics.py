"""The metrics: what each is called, what it means, and how it follows from sums over samples.

A metric is a formula over columns that are summed over samples. That is what makes intervals over
groups cheap, and what lets a reader recompute every figure from the scores of the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["HEADLINES", "METRICS", "Metric", "area_under_curve", "metric_named"]

F64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One figure.

    Attributes:
        name: as in the JSON report.
        title: as in the HTML report.
        about: where it stands: `format`, `extraction`, `writing`, `evidence`, `refusal`.
        definition: what it is, in a sentence.
        columns: columns of the rows that it sums; a name ending in `:` stands for every column
            that begins with it, in sorted order.
        formula: from the sums (last axis) to the value.
        lower: whether less is better.
        scale: `share` is shown in per cent, `ratio` as it is.
        ranked: the formula needs a column for each value that a score takes (ROC).
    """

    name: str
    title: str
    about: str
    definition: str
    columns: tuple[str, ...]
    formula: Callable[[F64], F64]
    lower: bool = False
    scale: str = "share"
    ranked: bool = False


def _ratio(s: F64) -> F64:
    return s[..., 0] / s[..., 1]


def _f1(s: F64) -> F64:
    """From right, gold, given."""
    return 2 * s[..., 0] / (s[..., 1] + s[..., 2])


def _two_sided_f1(s: F64) -> F64:
    """From right, given, covered, gold: precision and recall count different things."""
    precision, recall = _share(s[..., 0], s[..., 1]), _share(s[..., 2], s[..., 3])
    return _harmonic(precision, recall)


def _share(part: F64, whole: F64) -> F64:
    """A share of nothing is 0: precision without any citation."""
    return np.divide(part, whole, out=np.zeros_like(whole), where=whole > 0)


def _harmonic(a: F64, b: F64) -> F64:
    total = a + b
    return np.divide(2 * a * b, total, out=np.zeros_like(total), where=total > 0)


def _macro_f1(s: F64) -> F64:
    """From (given, gold, right) of each class: the mean over classes that occur on either side."""
    classes = s.reshape(*s.shape[:-1], s.shape[-1] // 3, 3)
    given, gold, right = (classes[..., i] for i in range(3))
    there = (given + gold) > 0
    scores = np.divide(2 * right, given + gold, out=np.zeros_like(given), where=there)
    count = there.sum(axis=-1).astype(np.float64)
    return np.divide(scores.sum(axis=-1), count, out=np.full_like(count, np.nan), where=count > 0)


_STANCES = (
    "stance_refused", "stance_answered", "stance_gold_refuse", "stance_gold_answer",
    "stance_right_refuse", "stance_right_answer",
)  # fmt: skip


def _grounded_refusal(s: F64) -> F64:
    """Macro F1 of refusing and answering."""
    refused, answered, gold_refuse, gold_answer, right_refuse, right_answer = np.moveaxis(s, -1, 0)
    first = np.divide(2 * right_refuse, refused + gold_refuse)
    second = np.divide(2 * right_answer, answered + gold_answer)
    return (first + second) / 2


def _calibrated(s: F64) -> F64:
    """From answer quality where answering was right, answered, answerable."""
    return _harmonic(_share(s[..., 0], s[..., 1]), _share(s[..., 0], s[..., 2]))


def _trust(s: F64) -> F64:
    return (
        _grounded_refusal(s[..., :6]) + _calibrated(s[..., 6:9]) + _two_sided_f1(s[..., 9:])
    ) / 3


def area_under_curve(s: F64) -> F64:
    """Return the area under the ROC curve from counts by ascending score, negatives then positives.

    The last axis holds the negatives of each score, then the positives of each score. Ties count
    half (Mann-Whitney with average ranks).

    >>> float(area_under_curve(np.array([1.0, 1.0, 0.0, 0.0, 1.0, 2.0])))
    0.9166666666666666
    """
    half = s.shape[-1] // 2
    negatives, positives = s[..., :half], s[..., half:]
    below = np.cumsum(negatives, axis=-1) - negatives / 2
    return (positives * below).sum(axis=-1) / (negatives.sum(axis=-1) * positives.sum(axis=-1))


def _share_of(
    name: str, title: str, about: str, definition: str, columns: Sequence[str], lower: bool = False
) -> Metric:
    return Metric(
        name=name,
        title=title,
        about=about,
        definition=definition,
        columns=tuple(columns),
        formula=_ratio,
        lower=lower,
    )


_FORMAT = (
    _share_of("json_strict", "JSON as it stands", "format",
              "Outputs that are one JSON object and nothing else.", ("json_strict", "json")),
    _share_of("json_fenced", "JSON after fence stripping", "format",
              "The same after a code fence or thinking block is taken off.",
              ("json_fenced", "json")),
    _share_of("json_found", "JSON found anywhere", "format",
              "Outputs with a JSON object somewhere; content is scored on it.",
              ("json_found", "json")),
    _share_of("schema_valid", "Valid by the schema", "format",
              "Outputs whose JSON satisfies the answer's JSON Schema; no JSON is invalid.",
              ("schema_valid", "schema")),
    _share_of("missing_keys", "Keys missing", "format",
              "Parsed answers that lack a required key.", ("schema_missing", "schema_read"), True),
    _share_of("extra_keys", "Keys too many", "format",
              "Parsed answers with a key that the schema does not have.",
              ("schema_extra", "schema_read"), True),
    _share_of("type_errors", "Type errors", "format",
              "Parsed answers with a value of another type.",
              ("schema_types", "schema_read"), True),
    _share_of("enum_errors", "Values not allowed", "format",
              "Parsed answers with a value outside its list.",
              ("schema_enums", "schema_read"), True),
)  # fmt: skip

_EXTRACTION = (
    Metric(name="field_f1", title="Field F1", about="extraction", formula=_f1,
           definition="Micro F1 over (path, normalised value); list items matched one to one by "
                      "optimal assignment.",
           columns=("field_right", "field_gold", "field_given")),
    _share_of("field_precision", "Field precision", "extraction",
              "Predicted values that are right.", ("field_right", "field_given")),
    _share_of("field_recall", "Field recall", "extraction",
              "Gold values that were found.", ("field_right", "field_gold")),
    _share_of("document_exact", "Whole document exact", "extraction",
              "Answers whose every value is right, with none too many.",
              ("document_exact", "documents")),
    _share_of("missing_rate", "Values missing", "extraction",
              "Gold values for which the answer has none.", ("field_missing", "field_gold"), True),
    _share_of("hallucinated_rate", "Hallucinated fields", "extraction",
              "Fields that the gold answer leaves empty and the model filled.",
              ("field_hallucinated", "field_null"), True),
    _share_of("extra_rate", "Values too many", "extraction",
              "Predicted values in items or keys that the gold answer does not have.",
              ("field_extra", "field_given"), True),
    _share_of("numbers_exact", "Numbers exact", "extraction",
              "Gold numbers given exactly, at whatever scale they are written.",
              ("number_exact", "numbers")),
    _share_of("numbers_near", "Numbers within half a unit", "extraction",
              "Gold numbers given to the digits that the answer shows.",
              ("number_near", "numbers")),
    Metric(name="entity_f1", title="Entity F1", about="extraction", formula=_f1,
           definition="Text values that stand verbatim in the source, by type and both ends (as "
                      "seqeval counts).",
           columns=("entity_right", "entity_gold", "entity_given")),
    _share_of("label_accuracy", "Labels right", "extraction",
              "Values from a closed list (status, flag) that are right.",
              ("label_right", "labels")),
    Metric(name="label_macro_f1", title="Labels macro F1", about="extraction", formula=_macro_f1,
           definition="F1 of each label of each field, averaged.", columns=("label:",)),
)  # fmt: skip

_WRITING = (
    _share_of("rouge1", "ROUGE-1", "writing", "F-measure of words (characters in Chinese).",
              ("rouge1", "texts")),
    _share_of("rouge2", "ROUGE-2", "writing", "F-measure of pairs of words.", ("rouge2", "texts")),
    _share_of("rouge_lsum", "ROUGE-Lsum", "writing",
              "F-measure of longest common subsequences, sentence by sentence.",
              ("rouge_lsum", "texts")),
    _share_of("sections_present", "Sections present", "writing",
              "Headings and labels of the gold text that the text has.",
              ("sections_right", "sections")),
    _share_of("sections_complete", "All sections present", "writing",
              "Texts that lack none of them.", ("sections_complete", "sectioned")),
    Metric(name="cited_passages_f1", title="Cited passages F1", about="writing", formula=_f1,
           definition="Passages that the text cites against those that the gold text cites.",
           columns=("cited_right", "cited_gold", "cited_given")),
    Metric(name="length_ratio", title="Length", about="writing", formula=_ratio, scale="ratio",
           definition="Words of the texts divided by those of the gold texts.",
           columns=("words", "words_gold")),
    _share_of("faithful", "Numerically faithful", "writing",
              "Outputs without a number that is not grounded in the prompt (texts and answers; an "
              "output that is missing is not faithful).", ("faithful", "checked")),
    _share_of("numbers_verbatim", "Numbers verbatim", "writing",
              "Numbers of the outputs that stand in the prompt.", ("use_verbatim", "uses")),
    _share_of("numbers_rescaled", "Numbers rescaled or rounded", "writing",
              "Numbers at another scale or rounded.", ("use_rescaled", "uses")),
    _share_of("numbers_derived", "Numbers derived", "writing",
              "Numbers that a listed formula makes of others.", ("use_derived", "uses")),
    _share_of("numbers_ungrounded", "Numbers ungrounded", "writing",
              "Numbers without a source.", ("use_ungrounded", "uses"), True),
)  # fmt: skip

_EVIDENCE = (
    _share_of("answer_em", "Answer exact match", "evidence",
              "SQuAD 2.0 over all questions; a refusal is the empty answer.",
              ("answer_em", "answers")),
    _share_of("answer_f1", "Answer F1", "evidence", "SQuAD 2.0 token F1, likewise.",
              ("answer_f1", "answers")),
    _share_of("has_answer_em", "HasAns exact match", "evidence", "Answerable questions only.",
              ("has_em", "has_answer")),
    _share_of("has_answer_f1", "HasAns F1", "evidence", "Answerable questions only.",
              ("has_f1", "has_answer")),
    _share_of("no_answer", "NoAns", "evidence", "Unanswerable questions that were declined.",
              ("no_right", "no_answer")),
    Metric(name="answer_numbers_f1", title="Numbers of the answer F1", about="evidence",
           formula=_f1, definition="Quantities of the answer against gold: equal, or rounded to "
           "the digits shown.", columns=("quantity_right", "quantity_gold", "quantity_given")),
    _share_of("answer_numbers_tat", "Numbers right by TAT-QA", "evidence",
              "Answers whose numbers all agree after rounding to two places times scale.",
              ("tat_right", "tat")),
    _share_of("answer_scale", "Scale right", "evidence",
              "Of the numbers whose digits are right, those at the right scale.",
              ("scale_right", "scale")),
    _share_of("citation_precision", "Citation precision", "evidence",
              "Citations that cover 80 % of a gold span, or overlap it with an IoU of 0.5.",
              ("cite_right", "cite_given")),
    _share_of("citation_recall", "Citation recall", "evidence",
              "Gold evidence spans that a citation covers.", ("cite_covered", "cite_gold")),
    Metric(name="citation_f1", title="Citation F1", about="evidence", formula=_two_sided_f1,
           definition="Harmonic mean of citation precision and recall.",
           columns=("cite_right", "cite_given", "cite_covered", "cite_gold")),
    _share_of("quote_valid", "Quotes verbatim", "evidence",
              "Citations whose quote stands in the named passage, character by character.",
              ("quote_verbatim", "quotes")),
    _share_of("quote_found", "Quotes found", "evidence",
              "The same but for white space, width and the shape of marks.",
              ("quote_found", "quotes")),
    Metric(name="answer_calibrated_f1", title="Answer-calibrated F1", about="evidence",
           formula=_calibrated, definition="Answer F1 as precision over what was answered and "
           "recall over what is answerable (Trust-Align).",
           columns=("calibrated", "calibrated_answered", "calibrated_answerable")),
    Metric(name="trust_score", title="Trust-Score", about="evidence", formula=_trust,
           definition="Mean of grounded-refusal F1, answer-calibrated F1 and citation F1.",
           columns=(*_STANCES, "calibrated", "calibrated_answered", "calibrated_answerable",
                    "cite_right", "cite_given", "cite_covered", "cite_gold")),
)  # fmt: skip

_REFUSAL = (
    _share_of("refusal_precision", "Refusal precision", "refusal",
              "Refusals that were right to refuse.", ("stance_right_refuse", "stance_refused")),
    _share_of("refusal_recall", "Refusal recall", "refusal",
              "Unanswerable questions that were refused.",
              ("stance_right_refuse", "stance_gold_refuse")),
    Metric(name="refusal_f1", title="Refusal F1", about="refusal", formula=_f1,
           definition="F1 of refusing.",
           columns=("stance_right_refuse", "stance_gold_refuse", "stance_refused")),
    Metric(name="grounded_refusal_f1", title="Grounded-refusal F1", about="refusal",
           formula=_grounded_refusal, definition="Mean of the F1 of refusing and of answering.",
           columns=_STANCES),
    _share_of("over_refusal", "Over-refusal", "refusal",
              "Answerable questions that were refused.",
              ("over_refused", "stance_gold_answer"), True),
    _share_of("false_answer", "False answers", "refusal",
              "Unanswerable questions that were answered.",
              ("false_answered", "stance_gold_refuse"), True),
    _share_of("partial_answer", "Answered in part", "refusal",
              "Outputs that answer a part and decline the rest: the third class.",
              ("stance_partial", "stances")),
    _share_of("stance_accuracy", "Answerable or not", "refusal",
              "Two-class accuracy; an answer in part is neither.", ("stance_right", "stances")),
    _share_of("flag_contradicted", "Flag contradicts the words", "refusal",
              "Answers whose `answerable` says one thing and whose words the other.",
              ("flag_contradicted", "flags"), True),
    _share_of("reason_accuracy", "Reason right", "refusal",
              "Of the questions rightly refused, those with the right reason code.",
              ("reason_right", "reasons")),
    Metric(name="reason_macro_f1", title="Reason macro F1", about="refusal", formula=_macro_f1,
           definition="F1 of each reason code over all unanswerable questions, averaged.",
           columns=("reason:",)),
    _share_of("twins_consistent", "Twins consistent", "refusal",
              "Minimal pairs whose answerable half was answered and whose other half was refused.",
              ("twins_right", "twins")),
    Metric(name="confidence_auroc", title="Confidence AUROC", about="refusal",
           formula=area_under_curve, ranked=True, scale="ratio",
           definition="Chance that an answerable question has the higher confidence; ties half.",
           columns=("confidence", "answerable")),
)  # fmt: skip

METRICS: tuple[Metric, ...] = (*_FORMAT, *_EXTRACTION, *_WRITING, *_EVIDENCE, *_REFUSAL)
"""Every metric, in the order of the report."""

HEADLINES = (
    "field_f1", "document_exact", "hallucinated_rate", "schema_valid", "json_strict", "rouge_lsum",
    "faithful", "answer_f1", "answer_numbers_f1", "citation_f1", "refusal_f1", "over_refusal",
    "false_answer", "twins_consistent", "trust_score",
)  # fmt: skip
"""What a summary shows."""


def metric_named(name: str) -> Metric:
    """Return a metric by its name."""
    return next(m for m in METRICS if m.name == name)
