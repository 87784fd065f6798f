"""Sections of a clinical note: header lines against an alias table, EN and ZH.

Headers after the conventions of US transcription (`PAST MEDICAL HISTORY:`) and of the Chinese
rules for medical records (病历书写基本规范). An unknown header keeps its place as kind `other`.
"""

from __future__ import annotations

import re

from sftdata.types import Section

__all__ = ["ALIASES", "HEADER", "find_sections", "header_kind"]

ALIASES: dict[str, tuple[str, ...]] = {
    "chief_complaint": ("chief complaint", "chief complaints", "cc", "reason for visit",
        "reason for consultation", "reason for consult", "reason for admission",
        "presenting complaint", "presenting problem", "reason for referral", "主诉"),
    "hpi": ("history of present illness", "hpi", "present illness", "history", "brief history",
        "history of present complaint", "subjective", "interval history", "clinical history",
        "现病史", "病史"),
    "pmh": ("past medical history", "pmh", "medical history", "past history",
        "past medical/surgical history", "past medical and surgical history",
        "significant past medical history", "既往史"),
    "psh": ("past surgical history", "psh", "surgical history", "surgeries", "past surgeries",
        "手术史"),
    "medications": ("medications", "current medications", "meds", "medication",
        "home medications", "medications on admission", "meds on admission",
        "admission medications", "medication history", "present medications",
        "outpatient medications",
        "preadmission medications", "medications prior to admission", "current meds", "用药史",
        "目前用药"),
    "allergies": ("allergies", "allergy", "drug allergies", "all", "medication allergies",
        "allergies to medications", "known allergies", "过敏史", "药物过敏史"),
    "social_history": ("social history", "sh", "personal history", "habits", "psychosocial history",
        "personal and social history", "personal/social history", "个人史", "婚育史", "月经史",
        "婚姻史", "生育史"),
    "family_history": ("family history", "fh", "family medical history", "家族史"),
    "ros": ("review of systems", "ros", "systems review", "system review"),
    "vitals": ("vital signs", "vitals", "vitals signs", "vs",
        "vital signs on admission", "生命体征"),
    "physical_exam": ("physical examination", "physical exam", "pe", "exam", "examination",
        "objective", "physical findings", "physical examination on admission",
        "admission physical examination", "discharge physical examination",
        "general physical examination", "体格检查", "查体", "专科检查", "专科情况", "体检"),
    "labs": ("laboratory data", "laboratory work", "labs", "laboratory",
        "laboratory results", "lab data",
        "laboratory studies", "laboratory values", "lab results", "laboratory findings",
        "diagnostic data", "pertinent results", "pertinent laboratory data",
        "laboratory examination", "laboratory and x-ray data", "laboratory and radiographic data",
        "实验室检查", "化验", "化验检查"),
    "imaging": ("imaging", "radiology", "x-rays", "x-ray", "radiographic studies", "radiology data",
        "imaging studies", "diagnostic imaging", "radiologic studies", "diagnostic studies",
        "影像学检查", "辅助检查"),
    "hospital_course": ("hospital course", "brief hospital course", "course in hospital",
        "hospital course and treatment", "hospital course by problem",
        "emergency department course",
        "诊疗经过", "治疗经过", "住院经过", "诊治经过"),
    "assessment": ("assessment", "assessments", "assessment and plan", "assessment/plan",
        "assessment & plan", "a/p", "assessment and recommendations", "诊断及诊疗计划"),
    "plan": ("plan", "recommendations", "recommendation", "treatment plan", "plans",
        "plan of care", "treatment", "诊疗计划", "治疗计划", "处理"),
    "impression": ("impression", "impressions", "impression and plan", "impression/plan",
        "clinical impression", "conclusion", "conclusions", "印象"),
    "findings": ("findings", "operative findings", "intraoperative findings", "gross findings",
        "检查所见", "术中所见"),
    "procedure": ("procedure", "procedures", "procedure performed", "procedures performed",
        "operation", "operation performed", "operations performed", "title of operation",
        "operative procedure", "name of operation", "procedure in detail", "details of procedure",
        "description of procedure", "description of the procedure", "operative procedures",
        "title of procedure", "name of procedure", "description of operation", "手术名称",
        "手术经过", "手术及操作"),
    "indication": ("indication", "indications", "indication for procedure",
        "indications for procedure", "indications for surgery", "indication for operation",
        "indications for operation", "clinical indication", "indication for surgery",
        "indications for the procedure", "indication for the procedure", "手术指征"),
    "preop_diagnosis": ("preoperative diagnosis", "preoperative diagnoses",
        "pre-operative diagnosis",
        "pre-operative diagnoses", "preop diagnosis", "preprocedure diagnosis",
        "pre-procedure diagnosis", "术前诊断"),
    "postop_diagnosis": ("postoperative diagnosis", "postoperative diagnoses",
        "post-operative diagnosis", "post-operative diagnoses", "postop diagnosis",
        "postprocedure diagnosis", "post-procedure diagnosis", "术后诊断"),
    "admission_diagnosis": ("admission diagnosis", "admission diagnoses", "admitting diagnosis",
        "admitting diagnoses", "diagnosis on admission", "diagnoses on admission", "入院诊断"),
    "discharge_diagnosis": ("discharge diagnosis", "discharge diagnoses", "final diagnosis",
        "final diagnoses", "diagnosis on discharge", "diagnoses on discharge",
        "diagnosis at discharge", "principal discharge diagnosis", "出院诊断", "最后诊断"),
    "diagnosis": ("diagnosis", "diagnoses", "principal diagnosis", "primary diagnosis",
        "secondary diagnosis", "secondary diagnoses", "admitting impression", "dx", "初步诊断",
        "诊断", "门诊诊断", "主要诊断", "目前诊断", "确定诊断", "修正诊断"),
    "discharge_medications": ("discharge medications", "medications on discharge",
        "discharge meds",
        "medications at discharge", "meds on discharge", "出院带药"),
    "discharge_condition": ("discharge condition", "condition on discharge",
        "condition at discharge",
        "discharge disposition", "disposition", "出院情况"),
    "discharge_instructions": ("discharge instructions", "discharge plan", "instructions",
        "patient instructions", "出院医嘱", "医嘱"),
    "followup": ("followup", "follow-up", "follow up", "follow-up instructions",
        "followup instructions", "随访", "随诊"),
    "anesthesia": ("anesthesia", "type of anesthesia", "麻醉方式"),
    "complications": ("complications", "complication", "并发症"),
    "dates": ("date of admission", "date of discharge", "date of procedure", "date of operation",
        "date of surgery", "date of service", "date of consultation", "admission date",
        "discharge date", "入院日期", "出院日期", "手术日期", "记录日期", "入院时间", "出院时间"),
    "demographics": ("identifying data", "identification", "一般项目", "一般情况", "姓名"),
}  # fmt: skip

_KINDS = {alias: kind for kind, names in ALIASES.items() for alias in names}
_CHINESE = sorted((a for a in _KINDS if not a.isascii()), key=len, reverse=True)

_UPPER = r"[A-Z][A-Z0-9 /&,'()\-]{1,60}?"
_KNOWN = "|".join(
    sorted((re.escape(a) for a in _KINDS if a.isascii() and len(a) > 3), key=len, reverse=True)
)
_TITLE = rf"(?i:{_KNOWN})"
_SPACED = "|".join(r"\s*".join(name) for name in _CHINESE)
HEADER = re.compile(
    rf"^[ ]*(?:\*\*|#+ )?(?P<en>{_TITLE}|{_UPPER})(?:\*\*)?[ ]*:(?!\d)(?:\*\*)?"
    r"|^[ ]*(?:[一二三四五六七八九十]+、|\d+[.、])?[ ]*[【\[]?(?P<zh>"
    rf"{_SPACED})[】\]]?[ ]*(?:[:：]|(?<=[】\]])|$)"
    r"|^(?P<bare>[A-Z][A-Z &/\-]{3,40})$",
    re.MULTILINE,
)
"""A section header at the start of a line. A bare line in capitals counts when it is known."""


def header_kind(header: str) -> str:
    """Return the standard kind of a header, or `other`.

    >>> header_kind("PAST MEDICAL HISTORY"), header_kind("主 诉"), header_kind("EBL")
    ('pmh', 'chief_complaint', 'other')
    """
    plain = " ".join(header.lower().split()).strip(" *#:：")
    return _KINDS.get(plain) or _KINDS.get("".join(plain.split())) or "other"


def find_sections(text: str, locale: str = "en") -> tuple[Section, ...]:
    r"""Return the sections of a note, each from its header to the next one.

    Text before the first header belongs to no section. The header is part of its section.

    >>> [(s.title, s.kind) for s in find_sections("CHIEF COMPLAINT: Cough\nPLAN: Rest")]
    [('CHIEF COMPLAINT', 'chief_complaint'), ('PLAN', 'plan')]
    """
    del locale  # both header styles are looked for: Chinese records carry English headers too
    found: list[tuple[int, str, str]] = []
    for match in HEADER.finditer(text):
        title = match["en"] or match["zh"] or match["bare"]
        kind = header_kind(title)
        if match["bare"] and kind == "other":
            continue
        start = match.start() + len(match.group()) - len(match.group().lstrip(" "))
        found.append((start, " ".join(title.split()), kind))
    if not found:
        return ()
    ends = [*(start for start, _, _ in found[1:]), len(text)]
    return tuple(
        Section(title=title, kind=kind, level=1, start=start,
                end=start + len(text[start:end].rstrip()))
        for (start, title, kind), end in zip(found, ends, strict=True)
    )  # fmt: skip
