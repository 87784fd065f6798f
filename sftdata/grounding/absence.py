"""Proof that a context does not answer a question: what makes a refusal true.

A question whose evidence was taken away may still be answerable: the figure may be told a second
time, rounded, in another row, as a sum. Every check here is strict: where it is in doubt, it
fails, and the sample is not made.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal

from sftdata.grounding.asked import (
    Asked,
    Unit,
    labelled,
    missing,
    names_period,
    names_time,
    outcome,
    pattern,
    period_names,
    units,
)
from sftdata.grounding.derivation import no_comparison, not_derivable
from sftdata.quantities import (
    Match,
    NumberMention,
    find_dates,
    find_numbers,
    parse_number,
    same_number,
)
from sftdata.text import normalise
from sftdata.types import Check

__all__ = ["METHODS", "Asked", "prove_absent"]


def prove_absent(context: str, asked: Asked) -> tuple[Check, ...]:
    """Return the checks which together prove that `context` does not answer the question.

    Per method:
      - `span_removed`, `illegible_or_truncated`: `absent_value` (no mention of the value: other
        scales, rounded, other date forms), `absent_label` (no label in a sentence or row that
        names the asked period, or that holds a number and names no period), `not_derivable`,
        `absent_fact` (no tagged fact with the asked name and period).
      - `field_absent`: no label anywhere, no tagged fact of the name, no identity for it.
      - `period_not_in_context`: nothing names the period, no fact has it, and no comparison with
        an unnamed period reaches it.
      - `entity_not_in_context`, `segment_not_in_context`: no alias.
      - `out_of_scope_advice`, `future_prediction`: the context itself neither advises nor
        forecasts what is asked.
    A method without a proof gives one failed check.

    A value that is a whole number under 10 or looks like a year stands everywhere; it counts as
    mentioned only beside a label of the asked field.

    >>> asked = Asked(method="span_removed", numbers=(Decimal("94036000000"),),
    ...               labels=("Net sales",), period="2024-03-31/2024-06-29")
    >>> [c.name for c in prove_absent("Sales were about $94.0 billion.", asked) if not c.passed]
    ['absent_value']
    """
    proof = METHODS.get(asked.method)
    if proof is None:
        return (Check(name="absent_value", passed=False, detail="no proof for this reason"),)
    return tuple(check(context, asked) for check in proof.values())


def _absent_value(context: str, asked: Asked) -> Check:
    name = "absent_value"
    numbers = [*asked.numbers, *(n for v in asked.values if (n := parse_number(v)) is not None)]
    texts = [v for v in asked.values if v.strip() and parse_number(v) is None]
    if not numbers and not texts:
        return missing(name, "value")
    hits = []
    key = normalise(context)
    days = {d.value for d in find_dates(context) if d.precision == "day"}
    for text in texts:
        dated = {d.value for d in find_dates(text) if d.precision == "day"}
        if (dated & days) or pattern(text).search(key):
            hits.append("the value as text or date")
    for mention in find_numbers(context):
        for number in numbers:
            match = _equivalent(mention, number)
            if match and not (_common(number) and not _beside_label(context, mention, asked)):
                hits.append(f"an equivalent number ({match})")
    return outcome(name, hits, f"{len(numbers)} numbers and {len(texts)} texts searched")


def _equivalent(mention: NumberMention, number: Decimal) -> Match:
    """Compare without sign ("a loss of 5"); a rounded form needs two digits or a scale word."""
    match = same_number(abs(mention.value), abs(number))
    shown = len(mention.value.as_tuple().digits)
    if match is Match.ROUNDED and shown < 2 and not mention.scale_word:
        return Match.NONE
    if match is Match.RESCALED and _common(mention.value) and not mention.scale_word:
        return Match.RESCALED if shown >= 2 else Match.NONE
    return match


def _common(number: Decimal) -> bool:
    """Say whether a number stands everywhere: a whole number under 10, or a year."""
    whole = number == number.to_integral_value()
    return whole and (abs(number) < 10 or 1900 <= number <= 2100)


def _beside_label(context: str, mention: NumberMention, asked: Asked) -> bool:
    line_start = context.rfind("\n", 0, mention.start) + 1
    line_end = context.find("\n", mention.end)
    line = context[max(line_start, mention.start - 300) : None if line_end < 0 else line_end][:600]
    return any(labelled([Unit(line, normalise(line), line, heading=False)], asked.labels))


def _absent_label(context: str, asked: Asked) -> Check:
    """No label of what is asked stands with the asked period, or with a number and no period."""
    name = "absent_label"
    labels = [label for label in asked.labels if label.strip()]
    if not labels:
        return missing(name, "label")
    hits = []
    for unit in labelled(units(context), labels):
        if names_period(unit.around, asked):
            hits.append("a label with the asked period")
        elif not names_time(unit.around) and find_numbers(unit.text):
            hits.append("a label with a number and no period")
    return outcome(name, hits, f"{len(labels)} labels searched")


def _absent_field(context: str, asked: Asked) -> Check:
    """No label of a field that the document does not have, wherever it may stand."""
    name = "absent_label"
    labels = [label for label in asked.labels if label.strip()]
    if not labels:
        return missing(name, "label")
    hits = ["a label" for _ in labelled(units(context), labels)]
    return outcome(name, hits, f"{len(labels)} labels searched")


def _absent_fact(context: str, asked: Asked) -> Check:
    """No tagged fact of the context has the asked name and period, whatever its segment."""
    del context
    name = "absent_fact"
    if not asked.names:
        return missing(name, "name") if asked.facts_in_context else outcome(name, [], "no facts")
    same = [f for f in asked.facts_in_context if f.name in asked.names]
    if asked.method != "field_absent" and asked.period:
        same = [f for f in same if f.period == asked.period]
    done = f"{len(asked.facts_in_context)} tagged facts compared"
    return outcome(name, ["a tagged fact with the same key"] * len(same), done)


def _absent_period(context: str, asked: Asked) -> Check:
    name = "absent_period"
    if not asked.period and not asked.period_texts:
        return missing(name, "period")
    hits = ["the asked period"] if names_period(context, asked) else []
    return outcome(name, hits, f"{len(period_names(asked))} names of the period searched")


def _absent_entity(context: str, asked: Asked) -> Check:
    name = "absent_entity"
    aliases = [short for alias in asked.entity_aliases for short in _entity_names(alias)]
    if not aliases:
        return missing(name, "entity")
    key = normalise(context)
    hits = ["an alias" for alias in aliases if pattern(alias).search(key)]
    return outcome(name, hits, f"{len(aliases)} names searched")


_LEGAL_FORM = re.compile(
    r"(?:[\s,]+(?:inc|incorporated|corp|corporation|co|company|companies|ltd|limited|llc|l\.l\.c|plc"
    r"|lp|l\.p|sa|s\.a|nv|n\.v|ag|se|group|holdings?|the)\b\.?)+$"
    r"|(?:集团)?(?:股份)?(?:有限)?(?:责任)?公司$|集团$"
)


def _entity_names(alias: str) -> list[str]:
    """Return the name, without its legal form, and a person's name the other way round."""
    key = normalise(alias)
    bare = _LEGAL_FORM.sub("", key).strip(" ,.") or key
    names = [key, bare]
    words = bare.split()
    if len(words) in (2, 3) and all(w.isalpha() and w.isascii() for w in words):
        names.append(f"{words[-1]}, {words[0]}")
    return list(dict.fromkeys(n for n in names if len(n) > 1))


_ADVISES = re.compile(
    r"price target|target price|(?:buy|sell|hold|outperform|underperform|overweight|underweight)"
    r" (?:rating|recommendation)|(?:we|analysts?) recommends? (?:buying|selling|holding"
    r"|that (?:investors|shareholders) (?:buy|sell|hold))|目标价|(?:买入|卖出|增持|减持|持有)评级"
    r"|(?:建议|推荐)(?:买入|卖出|增持|减持)"
)
_ADVISES_HERE = re.compile(
    r"recommend|advis|should|discontinue|stop taking|increase the dose|titrate|plan to|suggest"
    r"|建议|推荐|应当|应该|停用|停药|加量|减量"
)
_FORECASTS = re.compile(
    r"guidance|outlook|forecast|project(?:ed|ion)s?\b|prognosis|likely to"
    r"|(?:we|management|company) (?:expects?|anticipates?)|(?:is|are) expected to|estimated? to"
    r"|will (?:be|increase|decrease|grow|decline)"
    r"|预计|预期|预测|展望|指引|将会|有望|预后"
)


def _no_recommendation(context: str, asked: Asked) -> Check:
    """The context neither advises (anywhere for a rating; else beside a label)."""
    hits = ["a rating or price target"] if _ADVISES.search(normalise(context)) else []
    hits += [
        "advice on what is asked"
        for unit in labelled(units(context), asked.labels)
        if _ADVISES_HERE.search(unit.key)
    ]
    return outcome("no_recommendation_in_context", hits, "no advice found")


def _no_forecast(context: str, asked: Asked) -> Check:
    hits = [
        "a forecast of what is asked"
        for unit in labelled(units(context), asked.labels)
        if _FORECASTS.search(unit.key)
    ]
    return outcome("no_forecast_in_context", hits, "no forecast found")


_Proof = Callable[[str, Asked], Check]
_REMOVED: dict[str, _Proof] = {
    "absent_value": _absent_value,
    "absent_label": _absent_label,
    "not_derivable": not_derivable,
    "absent_fact": _absent_fact,
}
METHODS: dict[str, dict[str, _Proof]] = {
    "span_removed": _REMOVED,
    "illegible_or_truncated": _REMOVED,
    "field_absent": {
        "absent_label": _absent_field,
        "not_derivable": not_derivable,
        "absent_fact": _absent_fact,
    },
    "period_not_in_context": {
        "absent_period": _absent_period,
        "not_derivable": no_comparison,
        "absent_fact": _absent_fact,
    },
    "entity_not_in_context": {"absent_entity": _absent_entity},
    "segment_not_in_context": {"absent_entity": _absent_entity},
    "out_of_scope_advice": {"no_recommendation_in_context": _no_recommendation},
    "future_prediction": {
        "no_recommendation_in_context": _no_recommendation,
        "no_forecast_in_context": _no_forecast,
    },
}
"""Reason code → name of each check of its proof → the check."""
