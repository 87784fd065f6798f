"""Vital signs and laboratory values in prose, by a strict grammar: name, value, unit. EN and ZH.

A wrong label is worse than a missed one, so a value counts only right behind its name, within a
plausible range, not as part of a range, a goal or a ratio, and in a place where a reading stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["Reading", "labs", "vitals"]


@dataclass(frozen=True, slots=True)
class Reading:
    """One value found in text: what it is, where, and its unit where the note writes one."""

    name: str
    label: str
    value: str
    start: int
    end: int
    unit: str | None = None
    kind: str = "numeric"


_IS = (
    r"(?:[ ]*[:=：][ ]*|[ ]+(?:is|was|of|at|measured|standing|sitting|supine)[ ]*[:：]?[ ]*"
    r"|[ ]+(?:is|was)[ ]+(?:at[ ]+)?|[ ]*[,，]?[ ]*)"
)
_NUM = r"(?P<v>\d{1,3}(?:\.\d{1,2})?)"
_NOT_RANGE = (
    r"(?![\d.]*\d|,\d|[ ]*(?:[-–~/]|[×x*](?![ ]?10\^?\d+/)|to\b|至)[ ]*\d|"
    r"[ ]?[A-Za-z.° ]{0,16}(?:ranging|to \d)"
    r"|[ ]?[A-Za-z]{0,10} (?:on|in) \d)"
)

# name: (label, pattern of the name, units → UCUM, low, high, unit needed)
_VITALS: tuple[tuple[str, str, str, dict[str, str], float, float, bool], ...] = (
    ("pulse", "Pulse", r"pulse(?: rate)?|heart rate|HR|P(?=[ ]?[:：]?[ ]?\d)|脉搏|心率",
     {r"bpm|beats(?: per |/)min(?:ute)?|/min|per minute|次/分钟?": "/min"}, 25, 240, False),
    ("respiratory_rate", "Respiratory rate",
     r"respirations?|respiratory rate|RR|resp|R(?=[ ]?[:：]?[ ]?\d)|呼吸(?:频率)?",
     {r"/min|per minute|breaths per minute|次/分钟?": "/min"}, 6, 70, False),
    ("temperature", "Temperature", r"temperature|temp|T(?=[ ]?[:：]?[ ]?\d)|体温",
     {r"(?:degrees?[ ]*)?(?:F\b|Fahrenheit)|°[ ]?F|℉": "[degF]",
      r"(?:degrees?[ ]*)?(?:C\b|Celsius|centigrade)|°[ ]?C|℃": "Cel"}, 33, 109, False),
    ("oxygen_saturation", "Oxygen saturation",
     r"SpO2|SaO2|O2 sat(?:uration)?s?|oxygen saturation|pulse ox(?:imetry)?|血氧饱和度",
     {r"%|percent": "%"}, 50, 100, True),
    ("weight", "Weight", r"weight|wt|体重",
     {r"pounds|lbs?\b": "[lb_av]", r"kg|kilograms|公斤|千克": "kg"}, 2, 600, True),
    ("height", "Height", r"height|ht|身高",
     {r"inches|in\b": "[in_i]", r"cm|centimeters|厘米": "cm"}, 20, 250, True),
    ("bmi", "BMI", r"BMI|body mass index|体重指数",
     {r"kg/m2|kg/m²|kg/m\^2": "kg/m2"}, 10, 80, False),
)  # fmt: skip

_PRESSURE = re.compile(
    r"(?<![A-Za-z])(?:BP|B/P|blood pressure|血压)" + _IS + r"(?P<s>\d{2,3})[ ]?/[ ]?(?P<d>\d{2,3})"
    r"(?!\d|\.\d|[ ]*(?:[-–~/]|to\b|至)[ ]*\d)(?:[ ]*(?P<u>mm[ ]?Hg))?",
    re.IGNORECASE,
)
_WRONG_BEFORE = re.compile(
    r"(?:goal|target|birth|ideal|(?:ideal|lean|desired) body|dry|baseline|usual|normal|"
    r"maximum|minimum|max|min|peak|fetal|"
    r"paternal|maternal|molecular|desired|[A-Za-z]\s*(?:\band|\bor|/|&)|low|urine|urinary|csf|fluid|pleural|ascitic|"
    r"mean|previous|prior|repeat|urinalysis|u/a|ua|[A-Za-z]-)[ ]*$",
    re.IGNORECASE,
)
_LAB_UNITS = {
    r"mg/dl": "mg/dL",
    r"g/dl|gm/dl|grams per deciliter": "g/dL",
    r"g/l": "g/L",
    r"meq/l": "meq/L",
    r"mmol/l": "mmol/L",
    r"[uμµ]mol/l": "umol/L",
    r"iu/l|u/l": "U/L",
    r"ng/ml": "ng/mL",
    r"pg/ml": "pg/mL",
    r"[uμµ]?iu/ml": "u[IU]/mL",
    r"x?[ ]?10\^?9/l|[×x\*][ ]?10\^?9/l": "10*9/L",
    r"[×x\*][ ]?10\^?12/l": "10*12/L",
    r"k/ul|k/mm3|thousand": "10*3/uL",
    r"%|percent": "%",
    r"mm/h(?:r|our)?": "mm/h",
}

# name: (label, pattern of the name, low, high, units allowed, unit needed)
_LABS: tuple[tuple[str, str, str, float, float, str], ...] = (
    ("sodium", "Sodium", r"sodium|血钠", 105, 175, "meq/L mmol/L"),
    ("potassium", "Potassium", r"potassium|血钾", 1.5, 9, "meq/L mmol/L"),
    ("chloride", "Chloride", r"chloride|血氯", 70, 135, "meq/L mmol/L"),
    ("bicarbonate", "Bicarbonate", r"bicarbonate|bicarb|CO2", 5, 50, "meq/L mmol/L"),
    ("bun", "BUN", r"BUN|blood urea nitrogen", 2, 200, "mg/dL"),
    ("creatinine", "Creatinine", r"creatinine|肌酐", 0.2, 20, "mg/dL umol/L"),
    ("glucose", "Glucose", r"glucose|blood sugar|空腹血糖|血糖", 20, 999, "mg/dL mmol/L"),
    ("calcium", "Calcium", r"calcium|血钙", 5, 16, "mg/dL"),
    ("hemoglobin", "Hemoglobin", r"hemoglobin|hgb|血红蛋白", 3, 22, "g/dL g/L"),
    ("hematocrit", "Hematocrit", r"hematocrit|hct", 12, 70, "%"),
    ("wbc", "WBC",
     r"white blood cell count|white count|white cell count|WBC(?: count)?|白细胞(?:计数)?",
     0.5, 99, "10*3/uL 10*9/L"),
    ("platelets", "Platelets", r"platelet count|platelets|血小板(?:计数)?",
     5, 999, "10*3/uL 10*9/L"),
    ("inr", "INR", r"INR", 0.5, 15, ""),
    ("hba1c", "Hemoglobin A1c", r"hemoglobin A1c|HbA1c|A1c|糖化血红蛋白", 3.5, 18, "%"),
    ("total_cholesterol", "Total cholesterol",
     r"total cholesterol|总胆固醇", 60, 600, "mg/dL mmol/L"),
    ("triglycerides", "Triglycerides", r"triglycerides|甘油三酯", 20, 999, "mg/dL mmol/L"),
    ("hdl", "HDL", r"HDL(?: cholesterol)?", 10, 150, "mg/dL mmol/L"),
    ("ldl", "LDL", r"LDL(?: cholesterol)?", 10, 400, "mg/dL mmol/L"),
    ("tsh", "TSH", r"TSH|促甲状腺激素", 0.01, 150, "u[IU]/mL"),
    ("psa", "PSA", r"PSA", 0.01, 500, "ng/mL"),
    ("albumin", "Albumin", r"albumin|白蛋白", 0.8, 60, "g/dL g/L"),
    ("ast", "AST", r"AST|谷草转氨酶", 3, 999, "U/L"),
    ("alt", "ALT", r"ALT|谷丙转氨酶", 3, 999, "U/L"),
    ("esr", "ESR", r"ESR|sed rate|血沉", 0, 150, "mm/h"),
)  # fmt: skip

_FOREIGN_UNIT = re.compile(
    r"[ ]?(?:mg\b|mcg\b|g\b|ml\b|units?\b|tablets?\b|meq\b(?!/)|/hpf|per hpf|hpf|years?\b|"
    r"days?\b|"
    r"hours?\b|weeks?\b|months?\b|minutes?\b|cm\b|mm\b|\+|%|[a-z]*/[a-z])",
    re.IGNORECASE,
)
_URINE = re.compile(
    r"urin|\bUA\b|\bCSF\b|spinal|fluid|pleural|ascit|synovial|24-hour|\bstool|尿|脑脊液|胸水|腹水",
    re.IGNORECASE,
)


def _unit(text: str, at: int, units: dict[str, str]) -> tuple[str, int] | None:
    for shape, ucum in units.items():
        match = re.compile(rf"[ ]?(?:{shape})(?![A-Za-z])", re.IGNORECASE).match(text, at)
        if match:
            return ucum, match.end()
    return None


def _spoiled(text: str, start: int) -> bool:
    return bool(_WRONG_BEFORE.search(text[max(0, start - 16) : start]))


def _pressures(text: str, start: int, end: int) -> Iterator[Reading]:
    for match in _PRESSURE.finditer(text, start, end):
        high, low = int(match["s"]), int(match["d"])
        if not (60 <= high <= 280 and 25 <= low <= 180 and high > low):
            continue
        if _spoiled(text, match.start()):
            continue
        unit = "mm[Hg]" if match["u"] else None
        yield Reading("bp_systolic", "Systolic blood pressure", match["s"], *match.span("s"), unit)
        yield Reading(
            "bp_diastolic", "Diastolic blood pressure", match["d"], *match.span("d"), unit
        )


def _name(pattern: str) -> str:
    """Match a name whole; the one-letter forms (P, R, T) must be capitals on their own."""
    return rf"(?<![A-Za-z/.'-])(?:{pattern})"


def _temperature_ok(value: float, unit: str | None) -> bool:
    if unit == "Cel" or (unit is None and value < 50):
        return 33 <= value <= 43
    return 91 <= value <= 109


_VITAL_RULES = [
    (name, label, units, low, high, need,
     re.compile(_name(p) + _IS + _NUM + _NOT_RANGE, re.IGNORECASE if "(?=" not in p else 0))
    for name, label, pattern, units, low, high, need in _VITALS
    for p in ([pattern] if "(?=" not in pattern else
              [q for q in pattern.split("|") if "(?=" in q]
              + ["|".join(q for q in pattern.split("|") if "(?=" not in q)])
]  # fmt: skip


def vitals(text: str, start: int, end: int) -> list[Reading]:
    """Return the vital signs in `text[start:end]`, in reading order.

    >>> [(r.name, r.value, r.unit) for r in vitals("BP 132/85 mmHg, pulse 72, T 36.6℃", 0, 33)]
    [('bp_systolic', '132', 'mm[Hg]'), ('bp_diastolic', '85', 'mm[Hg]'), ('pulse', '72', None), \
('temperature', '36.6', 'Cel')]
    """
    found = list(_pressures(text, start, end))
    for name, label, units, low, high, need, rule in _VITAL_RULES:
        for match in rule.finditer(text, start, end):
            value, after = float(match["v"]), match.end("v")
            unit = _unit(text, after, units)
            if (need and unit is None) or not low <= value <= high:
                continue
            if name == "temperature" and not _temperature_ok(value, unit[0] if unit else None):
                continue
            if unit is None and _FOREIGN_UNIT.match(text, after):
                continue
            if _spoiled(text, match.start()):
                continue
            ucum = unit[0] if unit else None
            found.append(Reading(name, label, match["v"], *match.span("v"), ucum))
    return sorted(found, key=lambda r: r.start)


_LAB_RULES = [
    (name, label, low, high,
     {shape: u for shape, u in _LAB_UNITS.items() if u in allowed.split()},
     re.compile(rf"{_name(pattern)}(?: level)?(?:{_IS}){_NUM}{_NOT_RANGE}", re.IGNORECASE))
    for name, label, pattern, low, high, allowed in _LABS
]  # fmt: skip


def labs(text: str, start: int, end: int) -> list[Reading]:
    """Return the laboratory values in `text[start:end]`, in reading order.

    A value without unit counts only where a unit is commonly left out and the number is in the
    analyte's range; Chinese values need their unit. Urine and fluid values are left out.

    >>> [(r.name, r.value, r.unit) for r in labs("Sodium 140, hemoglobin 12.3 g/dL.", 0, 33)]
    [('sodium', '140', None), ('hemoglobin', '12.3', 'g/dL')]
    """
    found: list[Reading] = []
    for name, label, low, high, units, rule in _LAB_RULES:
        for match in rule.finditer(text, start, end):
            after = match.end("v")
            unit = _unit(text, after, units)
            chinese = not text[match.start()].isascii()
            if unit is None and (chinese or _FOREIGN_UNIT.match(text, after)):
                continue
            scale = 10 if unit and unit[0] == "g/L" else 90 if unit and unit[0] == "umol/L" else 1
            if not low <= float(match["v"]) / scale <= high and not (
                unit and scale == 1 and chinese
            ):
                continue
            context = text[max(start, match.start() - 160) : match.start()]
            if _spoiled(text, match.start()) or _URINE.search(context):
                continue
            ucum = unit[0] if unit else None
            found.append(Reading(name, label, match["v"], *match.span("v"), ucum))
    return sorted(found, key=lambda r: r.start)
