"""What clinicians write for coded terms: charted displays, bedside names, charted precision."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal

from sftdata.readers.fhir_names import NAMES

__all__ = [
    "SYSTEMS",
    "chart_rank",
    "charted_number",
    "charted_term",
    "term_name",
]

SYSTEMS = {
    "http://loinc.org": "loinc",
    "http://snomed.info/sct": "snomed",
    "http://www.nlm.nih.gov/research/umls/rxnorm": "rxnorm",
    "http://hl7.org/fhir/sid/cvx": "cvx",
    "http://hl7.org/fhir/sid/icd-10-cm": "icd-10-cm",
    "http://hl7.org/fhir/sid/icd-10": "icd-10",
    "http://www.ama-assn.org/go/cpt": "cpt",
    "http://hl7.org/fhir/sid/ndc": "ndc",
}

_RANKS = {code: rank for rank, code in enumerate(NAMES)}

_TAG = re.compile(
    r"\s*\((?:disorder|finding|procedure|situation|regime/therapy|event|observable entity|"
    r"substance|person|morphologic abnormality|product|qualifier value|context-dependent category|"
    r"environment|record artifact|social concept)\)$"
)
_NDA = re.compile(r"^A?NDA\d+\s+")
_BRAND = re.compile(r"(?<=\S)\[")
_STRENGTH_UNIT = re.compile(r"(?<=\d)\s?(MG|ML|MCG|UNT|MEQ|HR)\b")
_STRENGTH_CASE = {"MG": "mg", "ML": "mL", "MCG": "mcg", "UNT": "units", "MEQ": "mEq", "HR": "hr"}
_PER_ML = re.compile(r"/ML\b")


def charted_term(display: str) -> str:
    """Return a display as a clinician charts it: no semantic tag, no NDA number, units in case.

    >>> charted_term("Viral sinusitis (disorder)")
    'Viral sinusitis'
    >>> charted_term("NDA020800 0.3 ML Epinephrine 1 MG/ML Auto-Injector")
    '0.3 mL Epinephrine 1 mg/mL Auto-Injector'
    >>> charted_term("Carbamazepine[Tegretol]")
    'Carbamazepine [Tegretol]'
    """
    text = _NDA.sub("", _TAG.sub("", display))
    text = _PER_ML.sub("/mL", _BRAND.sub(" [", text))
    return " ".join(_STRENGTH_UNIT.sub(lambda m: f" {_STRENGTH_CASE[m[1]]}", text).split())


def term_name(code: str, display: str, locale: str = "en") -> str:
    """Return the bedside name of a LOINC code, or the charted display.

    >>> term_name("718-7", "Hemoglobin [Mass/volume] in Blood")
    'Hemoglobin'
    """
    known = NAMES.get(code)
    if known is None:
        return charted_term(display)
    return known[1] if locale == "zh" else known[0]


def chart_rank(code: str) -> int:
    """Return the place of a result on a chart: WBC before RBC before hemoglobin; unknown last."""
    return _RANKS.get(code, len(_RANKS))


def _decimals(code: str, value: Decimal) -> int:
    known = NAMES.get(code)
    if known is not None:
        return known[2]
    size = abs(value)
    if size >= 100 or size == 0:
        return 0
    return 1 if size >= 10 else 2 if size >= 1 else 2 - value.adjusted()


def charted_number(code: str, value: Decimal) -> Decimal:
    """Round as the value is charted; digits are only taken away, never added.

    A value whose source already has at most two decimals stands as it is unless the code is
    charted with fewer.

    >>> str(charted_number("8302-2", Decimal("178.88023499217553")))
    '178.9'
    >>> str(charted_number("x", Decimal("7.25"))), str(charted_number("718-7", Decimal("12")))
    ('7.25', '12')
    """
    exponent = value.as_tuple().exponent
    have = -exponent if isinstance(exponent, int) else 0
    want = _decimals(code, value)
    if have <= want or (code not in NAMES and have <= 2):
        return value
    return value.quantize(Decimal(1).scaleb(-want), rounding=ROUND_HALF_UP)
