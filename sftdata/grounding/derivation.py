"""Can the answer be worked out? Identities, segments, sums, changes and comparisons."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal

from sftdata.grounding.asked import (
    YEAR,
    Asked,
    labelled,
    missing,
    outcome,
    period_names,
    units,
)
from sftdata.quantities import find_dates, find_numbers
from sftdata.text import normalise
from sftdata.types import Check

__all__ = ["no_comparison", "not_derivable"]

_IDENTITIES: tuple[tuple[str, ...], ...] = (
    ("Assets", "Liabilities", "StockholdersEquity"),
    ("Assets", "AssetsCurrent", "AssetsNoncurrent"),
    ("LiabilitiesAndStockholdersEquity", "Liabilities", "StockholdersEquity"),
    ("Liabilities", "LiabilitiesCurrent", "LiabilitiesNoncurrent"),
    ("GrossProfit", "Revenues", "CostOfRevenue"),
    ("GrossProfit", "Revenues", "CostOfGoodsAndServicesSold"),
    (
        "GrossProfit",
        "RevenueFromContractWithCustomerExcludingAssessedTax",
        "CostOfGoodsAndServicesSold",
    ),
    ("GrossProfit", "RevenueFromContractWithCustomerExcludingAssessedTax", "CostOfRevenue"),
    ("OperatingIncomeLoss", "GrossProfit", "OperatingExpenses"),
    (
        "IncomeLossFromContinuingOperationsBeforeIncomeTaxesExtraordinaryItemsNoncontrollingInterest",
        "NetIncomeLoss",
        "IncomeTaxExpenseBenefit",
    ),
    ("EarningsPerShareBasic", "NetIncomeLoss", "WeightedAverageNumberOfSharesOutstandingBasic"),
    (
        "EarningsPerShareDiluted",
        "NetIncomeLoss",
        "WeightedAverageNumberOfDilutedSharesOutstanding",
    ),
    ("loinc:39156-5", "loinc:29463-7", "loinc:8302-2"),
)
"""Of each three, two give the third: balance sheet, income, per share, body mass index."""

_CHANGE = re.compile(
    r"increas|decreas|declin|grew|grow|rose|fell|risen|fallen|higher|lower|\bup\b|\bdown\b|change"
    r"|增|减|降|升|上涨|下滑|变动|同比|环比"
)
_OTHER_TIME = re.compile(
    r"prior|previous|preceding|last (?:fiscal )?(?:year|quarter)"
    r"|(?:year|quarter)[- ](?:ago|earlier)|year[- ]over[- ]year|next (?:fiscal )?year"
    r"|same (?:period|quarter)|compared (?:to|with)"
    r"|\bchange\b|上年|去年|上期|前年|同期|同比|上一年|次年|下一年|期初"
)


def not_derivable(context: str, asked: Asked) -> Check:
    """No operands of a known formula: identities, segments, sums, a change and its other end."""
    name = "not_derivable"
    hits = [*_by_identity(asked), *by_sum(asked)]
    hits += [
        "a change in per cent of what is asked"
        for unit in labelled(units(context), asked.labels)
        if _CHANGE.search(unit.key) and any(m.percent for m in find_numbers(unit.text))
    ]
    if any(_AGE.search(normalise(label)) for label in asked.labels) and _BORN.search(context):
        hits.append("a date of birth")
    return outcome(name, hits, f"{len(_IDENTITIES)} identities, segments, sums and changes tried")


_AGE = re.compile(r"(?<![a-z])age(?![a-z])|年龄")
_BORN = re.compile(r"\bborn\b|\bbirth|\bDOB\b|出生|生日", re.IGNORECASE)


def _local(name: str) -> str:
    return name if name.startswith("loinc:") else name.rpartition(":")[2]


def _by_identity(asked: Asked) -> Iterator[str]:
    """Yield each identity whose other operands are tagged in the context for one period."""
    wanted = {_local(name) for name in asked.names}
    at: dict[str | None, set[str]] = {}
    for fact in asked.facts_in_context:
        if not fact.dimensions:
            at.setdefault(fact.period, set()).add(_local(fact.name))
    periods = list(at)
    if asked.period and asked.method != "field_absent":
        # EPS over a year needs figures of that year; a balance needs those of its day.
        periods = [
            p for p in periods if p and p.rpartition("/")[2] == asked.period.rpartition("/")[2]
        ]
    for identity in _IDENTITIES:
        others = set(identity) - wanted
        if len(others) == len(identity) - 1 and any(others <= at[p] for p in periods):
            yield "both operands of an identity"


def by_sum(asked: Asked) -> Iterator[str]:
    """Yield a hit where tagged values add up to the asked one, or its segments are there."""
    same = [f for f in asked.facts_in_context if f.name in asked.names]
    if asked.method != "field_absent" and any(
        f.dimensions and f.period == asked.period for f in same
    ):
        yield "figures of its segments"
    for number in asked.numbers:
        if len(number.as_tuple().digits) - _trailing_zeros(number) < _SUM_DIGITS:
            continue
        values = {f.number for f in asked.facts_in_context if f.number is not None} - {number}
        if any(number - v in values or v - number in values for v in values if v):
            yield "a sum or difference of two tagged values"


_SUM_DIGITS = 3
"""With fewer digits some two of many values give the number by chance."""


def _trailing_zeros(number: Decimal) -> int:
    digits = "".join(map(str, number.as_tuple().digits))
    return len(digits) - len(digits.rstrip("0"))


def no_comparison(context: str, asked: Asked) -> Check:
    """The period is not reached from its neighbour: "up 4% from the prior year"."""
    name = "not_derivable"
    years = {int(y) for n in period_names(asked) for y in YEAR.findall(n)}
    here = {int(y) for y in YEAR.findall(context)} | {d.value.year for d in find_dates(context)}
    if not years:
        return missing(name, "year")
    near = any(abs(a - b) == 1 for a in years for b in here) or not here
    hits = [
        "a comparison with a period that is not named"
        for unit in (labelled(units(context), asked.labels) if near else ())
        if _OTHER_TIME.search(unit.key) and (find_numbers(unit.text) or unit.heading)
    ]
    hits += by_sum(asked)
    return outcome(name, hits, "no comparison reaches the asked period")
