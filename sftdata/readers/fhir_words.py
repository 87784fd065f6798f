"""The words of rendered charts: headings, captions and phrases, EN and ZH, in seeded wordings."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

__all__ = ["LAYOUTS", "Style", "style_of"]

LAYOUTS = ("table", "lines", "compact")
_WORDINGS = 3

_HEADINGS: dict[str, dict[str, tuple[str, str, str]]] = {
    "en": {
        "chart": ("PATIENT CHART SUMMARY", "CLINICAL SUMMARY", "MEDICAL RECORD SUMMARY"),
        "visit_AMB": ("OFFICE VISIT NOTE", "OUTPATIENT VISIT NOTE", "CLINIC NOTE"),
        "visit_EMER": ("EMERGENCY DEPARTMENT NOTE", "EMERGENCY ROOM NOTE", "ED VISIT NOTE"),
        "visit_IMP": ("INPATIENT NOTE", "HOSPITAL STAY SUMMARY", "INPATIENT ENCOUNTER NOTE"),
        "visit": ("VISIT NOTE", "ENCOUNTER NOTE", "PROGRESS NOTE"),
        "demographics": ("DEMOGRAPHICS", "PATIENT INFORMATION", "PATIENT"),
        "problems": ("PROBLEM LIST", "PROBLEMS", "DIAGNOSES"),
        "assessment": ("ASSESSMENT", "DIAGNOSES THIS VISIT", "IMPRESSION"),
        "medications": ("MEDICATIONS", "MEDICATION LIST", "CURRENT AND PAST MEDICATIONS"),
        "medications_visit": ("MEDICATIONS ORDERED", "PRESCRIPTIONS", "MEDICATION ORDERS"),
        "allergies": ("ALLERGIES", "ALLERGIES AND INTOLERANCES", "ALLERGY LIST"),
        "immunizations": ("IMMUNIZATIONS", "IMMUNIZATION HISTORY", "VACCINES"),
        "immunizations_visit": ("IMMUNIZATIONS GIVEN", "VACCINES ADMINISTERED", "IMMUNIZATIONS"),
        "procedures": ("PROCEDURES", "PROCEDURE HISTORY", "PROCEDURES PERFORMED"),
        "procedures_visit": ("PROCEDURES", "PROCEDURES THIS VISIT", "PROCEDURES PERFORMED"),
        "vitals": ("VITAL SIGNS", "VITALS", "VITAL SIGNS"),
        "labs": ("LABORATORY RESULTS", "LABS", "LABORATORY DATA"),
        "social": ("SOCIAL HISTORY", "SOCIAL HISTORY", "SCREENING AND SOCIAL HISTORY"),
        "findings": ("OTHER FINDINGS", "OTHER OBSERVATIONS", "FINDINGS"),
        "reports": ("DIAGNOSTIC REPORTS", "REPORTS", "DIAGNOSTIC STUDIES"),
        "plan": ("CARE PLAN", "PLAN", "PLAN OF CARE"),
        "encounters": ("ENCOUNTERS", "VISIT HISTORY", "ENCOUNTER HISTORY"),
        "reason": ("CHIEF COMPLAINT", "REASON FOR VISIT", "PRESENTING PROBLEM"),
        "disposition": ("DISPOSITION", "DISCHARGE DISPOSITION", "DISPOSITION"),
    },
    "zh": {
        "chart": ("患者病历摘要", "临床摘要", "病历汇总"),
        "visit_AMB": ("门诊病历", "门诊就诊记录", "门诊记录"),
        "visit_EMER": ("急诊病历", "急诊就诊记录", "急诊记录"),
        "visit_IMP": ("住院病历", "住院记录", "住院诊疗记录"),
        "visit": ("就诊记录", "诊疗记录", "病程记录"),
        "demographics": ("一般项目", "基本信息", "患者信息"),
        "problems": ("诊断列表", "疾病列表", "诊断"),
        "assessment": ("本次诊断", "诊断", "初步诊断"),
        "medications": ("用药记录", "药物列表", "用药情况"),
        "medications_visit": ("本次处方", "处方", "医嘱用药"),
        "allergies": ("过敏史", "过敏及不耐受", "过敏记录"),
        "immunizations": ("预防接种史", "接种记录", "疫苗接种"),
        "immunizations_visit": ("本次接种", "接种疫苗", "预防接种"),
        "procedures": ("操作与手术", "诊疗操作", "手术及操作"),
        "procedures_visit": ("操作", "本次操作", "诊疗操作"),
        "vitals": ("生命体征", "生命体征", "体征"),
        "labs": ("检验结果", "实验室检查", "化验结果"),
        "social": ("个人史", "个人史", "筛查与个人史"),
        "findings": ("其他检查所见", "其他观察", "其他"),
        "reports": ("检查报告", "报告", "辅助检查"),
        "plan": ("诊疗计划", "计划", "护理计划"),
        "encounters": ("就诊经过", "就诊史", "历次就诊"),
        "reason": ("就诊原因", "主诉", "就诊事由"),
        "disposition": ("离院去向", "出院去向", "离院方式"),
    },
}

_PHRASES: dict[str, dict[str, tuple[str, str, str]]] = {
    "en": {
        "patient": ("Patient", "Patient name", "Name"),
        "age": ("Age", "Age", "Age"),
        "sex": ("Sex", "Gender", "Sex"),
        "language": ("Preferred language", "Language", "Preferred language"),
        "marital": ("Marital status", "Marital status", "Marital status"),
        "deceased": ("Date of death", "Deceased", "Died"),
        "visit_date": ("Date of visit", "Visit date", "Date of service"),
        "visit_type": ("Encounter", "Visit type", "Type of encounter"),
        "summary_date": ("Date of summary", "Summary as of", "Record as of"),
        "onset": ("onset", "since", "onset"),
        "abatement": ("resolved", "ended", "resolved"),
        "recorded": ("recorded", "noted", "recorded"),
        "authored": ("ordered", "prescribed", "started"),
        "reaction": ("reaction", "reaction", "causes"),
        "none_assessment": (
            "No new diagnosis was recorded at this visit.",
            "No new diagnoses.",
            "No diagnosis recorded for this encounter.",
        ),
        "no_allergies": (
            "No allergy information is recorded.",
            "Allergy status not documented.",
            "No allergy entries in the record.",
        ),
        "reference": ("reference", "ref.", "reference range"),
        "reason": ("reason:", "for", "reason:"),
        "columns_result": ("Test", "Result", "Unit"),
        "columns_range": ("Reference", "Flag", "Date"),
        "columns_problem": ("Problem", "Status", "Onset"),
        "columns_drug": ("Medication", "Instructions", "Status"),
        "columns_more": ("Resolved", "Date", "Vaccine"),
        "columns_visit": ("Visit", "Setting", "Reason"),
        "columns_allergy": ("Allergen", "Reaction", "Recorded"),
        "procedure": ("Procedure", "Procedure", "Procedure"),
        "years": (" years", " years", " y"),
        "months": (" months", " months", " mo"),
        "colon": (": ", ": ", ": "),
        "comma": (", ", ", ", ", "),
        "semicolon": ("; ", "; ", "; "),
        "open": (" (", " (", " ("),
        "close": (")", ")", ")"),
        "stop": (".", ".", "."),
        "nil": ("not recorded", "not recorded", "not recorded"),
        "yes": ("yes", "yes", "yes"),
        "no": ("no", "no", "no"),
    },
    "zh": {
        "patient": ("患者", "患者姓名", "姓名"),
        "age": ("年龄", "年龄", "年龄"),
        "sex": ("性别", "性别", "性别"),
        "language": ("常用语言", "语言", "常用语言"),
        "marital": ("婚姻状况", "婚姻", "婚姻状况"),
        "deceased": ("死亡日期", "死亡日期", "死亡日期"),
        "visit_date": ("就诊日期", "日期", "就诊时间"),
        "visit_type": ("就诊类型", "就诊类别", "就诊类型"),
        "summary_date": ("摘要日期", "资料截至", "记录截至"),
        "onset": ("起病", "始于", "发病"),
        "abatement": ("缓解", "结束", "缓解"),
        "recorded": ("记录于", "登记于", "记录于"),
        "authored": ("开立于", "处方日期", "开始于"),
        "reaction": ("反应", "表现", "引起"),
        "none_assessment": ("本次就诊未记录新诊断。", "无新诊断。", "本次未登记诊断。"),
        "no_allergies": ("未记录过敏信息。", "过敏情况未登记。", "病历中无过敏记录。"),
        "reference": ("参考值", "参考", "参考范围"),
        "reason": ("原因：", "因", "原因："),
        "columns_result": ("项目", "结果", "单位"),
        "columns_range": ("参考值", "提示", "日期"),
        "columns_problem": ("诊断", "状态", "起病"),
        "columns_drug": ("药物", "用法", "状态"),
        "columns_more": ("缓解", "日期", "疫苗"),
        "columns_visit": ("就诊", "类别", "原因"),
        "columns_allergy": ("过敏原", "反应", "记录日期"),
        "procedure": ("操作", "操作", "操作"),
        "years": ("岁", "岁", "岁"),
        "months": ("个月", "个月", "个月"),
        "colon": ("：", "：", "："),
        "comma": ("，", "，", "，"),
        "semicolon": ("；", "；", "；"),
        "open": ("（", "（", "（"),
        "close": ("）", "）", "）"),
        "stop": ("。", "。", "。"),
        "nil": ("未记录", "未记录", "未记录"),
        "yes": ("是", "是", "是"),
        "no": ("否", "否", "否"),
    },
}

_CODES_EN = {
    "AMB": "ambulatory",
    "EMER": "emergency",
    "IMP": "inpatient",
    "ACUTE": "inpatient acute",
    "OBSENC": "observation",
    "HH": "home health",
    "VR": "virtual",
    "SS": "short stay",
    "on-hold": "on hold",
    "in-progress": "in progress",
}
_CODES_ZH = {
    "AMB": "门诊", "EMER": "急诊", "IMP": "住院", "ACUTE": "住院", "NONAC": "住院",
    "OBSENC": "留观", "HH": "家庭病床", "VR": "远程", "SS": "日间", "FLD": "院外",
    "PRENC": "入院前",
    "ambulatory": "门诊", "emergency": "急诊", "inpatient encounter": "住院", "inpatient": "住院",
    "inpatient acute": "住院", "observation encounter": "留观", "home health": "家庭病床",
    "virtual": "远程", "short stay": "日间",
    "active": "活动性", "resolved": "已缓解", "inactive": "非活动性", "remission": "缓解期",
    "recurrence": "复发", "relapse": "复发", "confirmed": "确诊", "provisional": "初步诊断",
    "differential": "鉴别诊断", "unconfirmed": "待确认",
    "completed": "已完成", "stopped": "已停用", "on-hold": "暂停", "ended": "已结束",
    "in-progress": "进行中", "not-started": "未开始", "scheduled": "已安排", "not-done": "未进行",
    "unknown": "状态不明", "final": "已审核", "preliminary": "初步结果", "amended": "已修订",
    "corrected": "已更正",
    "mild": "轻度", "moderate": "中度", "severe": "重度", "low": "低", "high": "高",
    "unable-to-assess": "无法评估",
    "male": "男", "female": "女",
    "Married": "已婚", "Never married": "未婚", "Divorced": "离异", "Widowed": "丧偶",
    "Separated": "分居",
    "English": "英语", "Chinese": "中文", "Mandarin": "普通话", "Spanish": "西班牙语",
    "as needed": "必要时",
    "oral": "口服", "oral route": "口服", "by mouth": "口服", "intravenous": "静脉给药",
    "intravenous route": "静脉给药", "intramuscular": "肌内注射",
    "intramuscular route": "肌内注射", "subcutaneous": "皮下注射",
    "subcutaneous route": "皮下注射", "inhalation": "吸入", "respiratory tract route": "吸入",
    "topical": "外用", "topical route": "外用", "cutaneous route": "外用",
    "sublingual": "舌下含服", "sublingual route": "舌下含服", "rectal": "直肠给药",
    "rectal route": "直肠给药",
    "nasal": "经鼻给药", "nasal route": "经鼻给药", "ophthalmic": "滴眼",
    "ophthalmic route": "滴眼",
    "transdermal": "经皮给药", "transdermal route": "经皮给药", "vaginal": "阴道给药",
    "vaginal route": "阴道给药",
}  # fmt: skip
_STATUS_ZH = {
    "medications": {"active": "使用中", "completed": "疗程结束"},
    "allergies": {"active": "现存", "inactive": "已失效", "resolved": "已消除"},
    "procedures": {"stopped": "已中止"},
    "plan": {"active": "执行中", "stopped": "已中止"},
}
"""A status word says something else of a drug than of a disease: 使用中, not 活动性."""
_OFTEN_ZH = {"once": "一次", "twice": "两次", "three times": "三次", "four times": "四次"}
_UNITS_ZH = {
    "hour": "小时",
    "day": "日",
    "week": "周",
    "month": "个月",
    "minute": "分钟",
    "year": "年",
}
_HOW_OFTEN = re.compile(
    r"(?:(?P<times>once|twice|three times|four times|\d+ times) ?)?"
    r"(?:(?P<daily>daily)|(?:per|every) (?:(?P<count>\d+) )?"
    r"(?P<unit>hour|day|week|month|minute|year)s?)"
)


def _often_zh(words: str) -> str:
    """Say a frequency in Chinese: `twice daily` is 每日两次, `every 4 hours` is 每4小时一次."""
    found = _HOW_OFTEN.fullmatch(words)
    if found is None:
        return words
    times = found["times"] or "once"
    often = _OFTEN_ZH.get(times, times.replace(" times", "次"))
    return f"每{found['count'] or ''}{_UNITS_ZH[found['unit'] or 'day']}{often}"


@dataclass(frozen=True, slots=True)
class Style:
    """How one document is written: locale, layout and wording, and the name of that template."""

    locale: str
    layout: str
    wording: int

    @property
    def template(self) -> str:
        """The template id by which templates can be held out: `en/table/1`."""
        return f"{self.locale}/{self.layout}/{self.wording}"

    def heading(self, kind: str) -> str:
        """Return the heading of a section."""
        return _HEADINGS[self.locale][kind][self.wording]

    def visit_heading(self, setting: str) -> str:
        """Return the title of a visit note for an encounter class (`AMB`, `EMER`, `IMP`)."""
        known = f"visit_{setting}"
        return self.heading(known if known in _HEADINGS[self.locale] else "visit")

    def say(self, phrase: str) -> str:
        """Return a phrase in this wording."""
        return _PHRASES[self.locale][phrase][self.wording]

    def columns(self, *groups: tuple[str, int]) -> list[str]:
        """Return column headings by group and place, whatever the wording."""
        return [_PHRASES[self.locale][f"columns_{g}"][n] for g, n in groups]

    def code(self, word: str, section: str = "") -> str:
        """Return a status, route, severity or frequency word in the locale of the document.

        >>> zh = Style("zh", "table", 0)
        >>> zh.code("active"), zh.code("active", "medications"), zh.code("every 8 hours")
        ('活动性', '使用中', '每8小时一次')
        """
        if self.locale != "zh":
            return _CODES_EN.get(word, word)
        own = _STATUS_ZH.get(section, {}).get(word) or _CODES_ZH.get(word)
        return own or _often_zh(word)


def style_of(document_id: str, locale: str) -> Style:
    """Choose layout and wording by a hash of the document id: stable, no global randomness.

    >>> style_of("patient-1-chart", "en") == style_of("patient-1-chart", "en")
    True
    """
    digest = hashlib.sha256(document_id.encode()).digest()
    return Style(locale, LAYOUTS[digest[0] % len(LAYOUTS)], digest[1] % _WORDINGS)
