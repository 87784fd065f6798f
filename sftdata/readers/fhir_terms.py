"""What clinicians write for coded terms: short lab names, charted precision, printed units.

The tables name LOINC codes by their usual bedside names and give the decimals with which the
value is charted. A code that is not listed keeps its display and a precision by magnitude.
"""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal

__all__ = [
    "SYSTEMS",
    "chart_rank",
    "charted_number",
    "charted_term",
    "printed_unit",
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

# code: (bedside name EN, ZH, decimals as charted)
_LOINC: dict[str, tuple[str, str, int]] = {
    "85354-9": ("Blood pressure", "血压", 0),
    "55284-4": ("Blood pressure", "血压", 0),
    "8480-6": ("Systolic blood pressure", "收缩压", 0),
    "8462-4": ("Diastolic blood pressure", "舒张压", 0),
    "8867-4": ("Heart rate", "心率", 0),
    "9279-1": ("Respiratory rate", "呼吸频率", 0),
    "8310-5": ("Temperature", "体温", 1),
    "8331-1": ("Temperature (oral)", "口温", 1),
    "2708-6": ("Oxygen saturation", "血氧饱和度", 0),
    "59408-5": ("SpO2", "血氧饱和度", 0),
    "29463-7": ("Weight", "体重", 1),
    "8302-2": ("Height", "身高", 1),
    "39156-5": ("BMI", "体重指数", 1),
    "59576-9": ("BMI percentile", "体重指数百分位", 0),
    "72514-3": ("Pain score", "疼痛评分", 0),
    "9843-4": ("Head circumference", "头围", 1),
    "72166-2": ("Tobacco smoking status", "吸烟状况", 0),
    "58410-2": ("Complete blood count (CBC)", "血常规", 0),
    "57698-3": ("Lipid panel", "血脂", 0),
    "51990-0": ("Basic metabolic panel", "基础代谢组合", 0),
    "24323-8": ("Comprehensive metabolic panel", "综合代谢组合", 0),
    "2093-3": ("Total cholesterol", "总胆固醇", 0),
    "2571-8": ("Triglycerides", "甘油三酯", 0),
    "18262-6": ("LDL cholesterol", "低密度脂蛋白胆固醇", 0),
    "2085-9": ("HDL cholesterol", "高密度脂蛋白胆固醇", 0),
    "33914-3": ("eGFR", "估算肾小球滤过率", 0),
    "6690-2": ("WBC", "白细胞", 1),
    "789-8": ("RBC", "红细胞", 2),
    "718-7": ("Hemoglobin", "血红蛋白", 1),
    "4544-3": ("Hematocrit", "红细胞压积", 1),
    "787-2": ("MCV", "平均红细胞体积", 1),
    "785-6": ("MCH", "平均红细胞血红蛋白量", 1),
    "786-4": ("MCHC", "平均红细胞血红蛋白浓度", 1),
    "21000-5": ("RDW", "红细胞分布宽度", 1),
    "777-3": ("Platelets", "血小板", 0),
    "32207-3": ("Platelet distribution width", "血小板分布宽度", 0),
    "32623-1": ("Mean platelet volume", "平均血小板体积", 1),
    "4548-4": ("Hemoglobin A1c", "糖化血红蛋白", 1),
    "2339-0": ("Glucose", "葡萄糖", 0),
    "2345-7": ("Glucose", "葡萄糖", 0),
    "38483-4": ("Creatinine", "肌酐", 2),
    "2160-0": ("Creatinine", "肌酐", 2),
    "6299-2": ("BUN", "尿素氮", 0),
    "3094-0": ("BUN", "尿素氮", 0),
    "49765-1": ("Calcium", "钙", 1),
    "17861-6": ("Calcium", "钙", 1),
    "2947-0": ("Sodium", "钠", 0),
    "2951-2": ("Sodium", "钠", 0),
    "6298-4": ("Potassium", "钾", 1),
    "2823-3": ("Potassium", "钾", 1),
    "2069-3": ("Chloride", "氯", 0),
    "2075-0": ("Chloride", "氯", 0),
    "20565-8": ("CO2", "二氧化碳", 0),
    "2028-9": ("CO2", "二氧化碳", 0),
    "14959-1": ("Urine microalbumin/creatinine ratio", "尿微量白蛋白肌酐比", 0),
    "2857-1": ("PSA", "前列腺特异性抗原", 1),
    "1742-6": ("ALT", "丙氨酸氨基转移酶", 0),
    "1920-8": ("AST", "天门冬氨酸氨基转移酶", 0),
    "6768-6": ("Alkaline phosphatase", "碱性磷酸酶", 0),
    "1751-7": ("Albumin", "白蛋白", 1),
    "1975-2": ("Total bilirubin", "总胆红素", 1),
    "2885-2": ("Total protein", "总蛋白", 1),
}

_RANKS = {code: rank for rank, code in enumerate(_LOINC)}

_UNITS = {
    "mm[Hg]": "mmHg",
    "Cel": "°C",
    "[degF]": "°F",
    "{score}": "",
    "10*3/uL": "x10^3/uL",
    "10*6/uL": "x10^6/uL",
    "10*9/L": "x10^9/L",
    "10*12/L": "x10^12/L",
    "kg/m2": "kg/m2",
    "mL/min/{1.73_m2}": "mL/min/1.73 m2",
    "/min": "/min",
    "{beats}/min": "bpm",
    "[lb_av]": "lb",
    "[in_i]": "in",
    "a": "years",
    "1": "",
    "{ratio}": "",
}

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
    known = _LOINC.get(code)
    if known is None:
        return charted_term(display)
    return known[1] if locale == "zh" else known[0]


def chart_rank(code: str) -> int:
    """Return the place of a result on a chart: WBC before RBC before hemoglobin; unknown last."""
    return _RANKS.get(code, len(_RANKS))


def _decimals(code: str, value: Decimal) -> int:
    known = _LOINC.get(code)
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
    if have <= want or (code not in _LOINC and have <= 2):
        return value
    return value.quantize(Decimal(1).scaleb(-want), rounding=ROUND_HALF_UP)


def printed_unit(unit: str, code: str = "") -> str:
    """Return a UCUM unit as it is printed in a chart (the pain score is out of ten).

    >>> printed_unit("mm[Hg]"), printed_unit("10*3/uL"), printed_unit("mg/dL")
    ('mmHg', 'x10^3/uL', 'mg/dL')
    """
    if unit == "{score}" and code == "72514-3":
        return "/10"
    return _UNITS.get(unit, unit)
