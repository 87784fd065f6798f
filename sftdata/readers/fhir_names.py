"""What clinicians call a test: bedside names of LOINC codes, EN and ZH, and how else they say it.

The tables also give the decimals with which a value is charted. A code that is not listed keeps
its display and a precision by magnitude.
"""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["NAMES", "inside_longer_name", "spoken_names"]

# code: (bedside name EN, ZH, decimals as charted); the order is that of a chart
NAMES: dict[str, tuple[str, str, int]] = {
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
    "44261-6": ("PHQ-9 total score", "PHQ-9总分", 0),
    "70274-6": ("GAD-7 total score", "GAD-7总分", 0),
    "70184-7": ("NIHSS total score", "NIHSS评分", 0),
    "9269-2": ("Glasgow Coma Scale", "格拉斯哥昏迷评分", 0),
    "58410-2": ("Complete blood count (CBC)", "血常规", 0),
    "57698-3": ("Lipid panel", "血脂", 0),
    "51990-0": ("Basic metabolic panel", "基础代谢组合", 0),
    "24323-8": ("Comprehensive metabolic panel", "综合代谢组合", 0),
    "2093-3": ("Total cholesterol", "总胆固醇", 0),
    "14647-2": ("Total cholesterol", "总胆固醇", 2),
    "2571-8": ("Triglycerides", "甘油三酯", 0),
    "14927-8": ("Triglycerides", "甘油三酯", 2),
    "18262-6": ("LDL cholesterol", "低密度脂蛋白胆固醇", 0),
    "13457-7": ("LDL cholesterol", "低密度脂蛋白胆固醇", 0),
    "2089-1": ("LDL cholesterol", "低密度脂蛋白胆固醇", 0),
    "22748-8": ("LDL cholesterol", "低密度脂蛋白胆固醇", 2),
    "2085-9": ("HDL cholesterol", "高密度脂蛋白胆固醇", 0),
    "14646-4": ("HDL cholesterol", "高密度脂蛋白胆固醇", 2),
    "43396-1": ("Non-HDL cholesterol", "非高密度脂蛋白胆固醇", 0),
    "33914-3": ("eGFR", "估算肾小球滤过率", 0),
    "62238-1": ("eGFR", "估算肾小球滤过率", 0),
    "98979-8": ("eGFR", "估算肾小球滤过率", 0),
    "6690-2": ("WBC", "白细胞", 1),
    "770-8": ("Neutrophils", "中性粒细胞百分比", 1),
    "751-8": ("Absolute neutrophils", "中性粒细胞", 2),
    "736-9": ("Lymphocytes", "淋巴细胞百分比", 1),
    "731-0": ("Absolute lymphocytes", "淋巴细胞", 2),
    "711-2": ("Absolute eosinophils", "嗜酸性粒细胞", 2),
    "713-8": ("Eosinophils", "嗜酸性粒细胞百分比", 1),
    "789-8": ("RBC", "红细胞", 2),
    "718-7": ("Hemoglobin", "血红蛋白", 1),
    "4544-3": ("Hematocrit", "红细胞压积", 1),
    "787-2": ("MCV", "平均红细胞体积", 1),
    "785-6": ("MCH", "平均红细胞血红蛋白量", 1),
    "786-4": ("MCHC", "平均红细胞血红蛋白浓度", 1),
    "21000-5": ("RDW", "红细胞分布宽度", 1),
    "788-0": ("RDW", "红细胞分布宽度", 1),
    "777-3": ("Platelets", "血小板", 0),
    "32207-3": ("Platelet distribution width", "血小板分布宽度", 0),
    "32623-1": ("Mean platelet volume", "平均血小板体积", 1),
    "4548-4": ("Hemoglobin A1c", "糖化血红蛋白", 1),
    "17856-6": ("Hemoglobin A1c", "糖化血红蛋白", 1),
    "2339-0": ("Glucose", "葡萄糖", 0),
    "2345-7": ("Glucose", "葡萄糖", 0),
    "14749-6": ("Glucose", "血糖", 1),
    "1558-6": ("Fasting glucose", "空腹血糖", 0),
    "14771-0": ("Fasting glucose", "空腹血糖", 1),
    "38483-4": ("Creatinine", "肌酐", 2),
    "2160-0": ("Creatinine", "肌酐", 2),
    "14682-9": ("Creatinine", "肌酐", 0),
    "6299-2": ("BUN", "尿素氮", 0),
    "3094-0": ("BUN", "尿素氮", 0),
    "22664-7": ("Urea", "尿素", 1),
    "3084-1": ("Uric acid", "尿酸", 1),
    "14933-6": ("Uric acid", "尿酸", 0),
    "49765-1": ("Calcium", "血钙", 1),
    "17861-6": ("Calcium", "血钙", 1),
    "2000-8": ("Calcium", "血钙", 2),
    "2777-1": ("Phosphate", "血磷", 1),
    "14879-1": ("Phosphate", "血磷", 2),
    "19123-9": ("Magnesium", "血镁", 1),
    "2601-3": ("Magnesium", "血镁", 2),
    "2947-0": ("Sodium", "血钠", 0),
    "2951-2": ("Sodium", "血钠", 0),
    "6298-4": ("Potassium", "血钾", 1),
    "2823-3": ("Potassium", "血钾", 1),
    "2069-3": ("Chloride", "血氯", 0),
    "2075-0": ("Chloride", "血氯", 0),
    "20565-8": ("CO2", "二氧化碳", 0),
    "2028-9": ("CO2", "二氧化碳", 0),
    "1963-8": ("Bicarbonate", "碳酸氢根", 0),
    "14959-1": ("Urine microalbumin/creatinine ratio", "尿微量白蛋白肌酐比", 0),
    "9318-7": ("Urine albumin/creatinine ratio", "尿白蛋白肌酐比", 0),
    "2857-1": ("PSA", "前列腺特异性抗原", 1),
    "1742-6": ("ALT", "丙氨酸氨基转移酶", 0),
    "1743-4": ("ALT", "丙氨酸氨基转移酶", 0),
    "1920-8": ("AST", "天门冬氨酸氨基转移酶", 0),
    "30239-8": ("AST", "天门冬氨酸氨基转移酶", 0),
    "2324-2": ("GGT", "γ-谷氨酰转移酶", 0),
    "6768-6": ("Alkaline phosphatase", "碱性磷酸酶", 0),
    "1751-7": ("Albumin", "白蛋白", 1),
    "1975-2": ("Total bilirubin", "总胆红素", 1),
    "14631-6": ("Total bilirubin", "总胆红素", 1),
    "1968-7": ("Direct bilirubin", "直接胆红素", 1),
    "14629-0": ("Direct bilirubin", "直接胆红素", 1),
    "2885-2": ("Total protein", "总蛋白", 1),
    "2532-0": ("LDH", "乳酸脱氢酶", 0),
    "2157-6": ("CK", "肌酸激酶", 0),
    "3040-3": ("Lipase", "脂肪酶", 0),
    "1798-8": ("Amylase", "淀粉酶", 0),
    "89579-7": ("High-sensitivity troponin I", "高敏肌钙蛋白I", 0),
    "10839-9": ("Troponin I", "肌钙蛋白I", 2),
    "33762-6": ("NT-proBNP", "N末端脑钠肽前体", 0),
    "30934-4": ("BNP", "脑钠肽", 0),
    "10230-1": ("Left ventricular ejection fraction", "左室射血分数", 0),
    "6301-6": ("INR", "国际标准化比值", 2),
    "34714-6": ("INR", "国际标准化比值", 2),
    "5902-2": ("Prothrombin time", "凝血酶原时间", 1),
    "1988-5": ("CRP", "C反应蛋白", 1),
    "30522-7": ("hs-CRP", "超敏C反应蛋白", 1),
    "33959-8": ("Procalcitonin", "降钙素原", 2),
    "30341-2": ("ESR", "血沉", 0),
    "4537-7": ("ESR", "血沉", 0),
    "2276-4": ("Ferritin", "铁蛋白", 1),
    "2498-4": ("Iron", "血清铁", 0),
    "2500-7": ("TIBC", "总铁结合力", 0),
    "2502-3": ("Transferrin saturation", "转铁蛋白饱和度", 0),
    "3016-3": ("TSH", "促甲状腺激素", 2),
    "11580-8": ("TSH", "促甲状腺激素", 2),
    "3024-7": ("Free T4", "游离甲状腺素", 2),
    "14920-3": ("Free T4", "游离甲状腺素", 1),
    "3051-0": ("Free T3", "游离三碘甲状腺原氨酸", 2),
    "14928-6": ("Free T3", "游离三碘甲状腺原氨酸", 1),
    "8099-4": ("Anti-TPO", "甲状腺过氧化物酶抗体", 0),
    "13965-9": ("Homocysteine", "同型半胱氨酸", 1),
    "1989-3": ("25-hydroxyvitamin D", "25-羟维生素D", 1),
    "62292-8": ("25-hydroxyvitamin D", "25-羟维生素D", 1),
    "2132-9": ("Vitamin B12", "维生素B12", 0),
    "6875-9": ("CA 15-3", "糖类抗原15-3", 1),
}

_ALSO: dict[str, tuple[str, ...]] = {
    "Systolic blood pressure": ("systolic pressure",),
    "Diastolic blood pressure": ("diastolic pressure",),
    "Heart rate": ("pulse", "pulse rate", "HR", "脉搏", "脉率"),
    "Respiratory rate": ("respirations", "respiration", "resp rate", "RR", "呼吸"),
    "Temperature": ("body temperature", "temp", "T"),
    "Oxygen saturation": ("SpO2", "O2 saturation", "O2 sat", "氧饱和度", "指脉氧"),
    "SpO2": ("oxygen saturation", "O2 saturation", "O2 sat", "氧饱和度", "指脉氧"),
    "Weight": ("body weight", "wt"),
    "Height": ("body height", "ht"),
    "BMI": ("body mass index", "体质指数", "体质量指数"),
    "Pain score": ("pain", "pain level", "VAS评分", "NRS评分"),
    "PHQ-9 total score": ("PHQ-9", "PHQ9", "PHQ-9 score", "PHQ-9评分"),
    "GAD-7 total score": ("GAD-7", "GAD7", "GAD-7 score", "GAD-7评分"),
    "NIHSS total score": ("NIHSS", "NIHSS score", "NIH stroke scale"),
    "Glasgow Coma Scale": ("GCS", "GCS评分"),
    "Total cholesterol": ("cholesterol", "TC", "胆固醇"),
    "Triglycerides": ("triglyceride", "TG"),
    "LDL cholesterol": ("LDL", "LDL-C"),
    "HDL cholesterol": ("HDL", "HDL-C"),
    "eGFR": ("estimated GFR", "estimated glomerular filtration rate", "肾小球滤过率"),
    "WBC": ("white blood cell count", "white blood cells", "white count", "white cell count",
            "leukocytes", "白细胞计数"),
    "RBC": ("red blood cell count", "红细胞计数"),
    "Hemoglobin": ("Hgb", "Hb", "haemoglobin"),
    "Hematocrit": ("Hct", "haematocrit"),
    "Platelets": ("platelet count", "platelet", "PLT", "血小板计数"),
    "Hemoglobin A1c": ("HbA1c", "A1c", "glycated hemoglobin", "糖化"),
    "Glucose": ("blood glucose", "blood sugar", "血糖", "随机血糖"),
    "Fasting glucose": ("fasting blood glucose", "fasting blood sugar", "空腹葡萄糖"),
    "Creatinine": ("血肌酐", "Scr"),
    "BUN": ("urea nitrogen", "blood urea nitrogen"),
    "Uric acid": ("urate", "血尿酸"),
    "Calcium": ("钙", "血清钙"),
    "Sodium": ("血清钠",),
    "Potassium": ("血清钾", "钾离子"),
    "CO2": ("bicarbonate", "carbon dioxide"),
    "Urine microalbumin/creatinine ratio": (
        "albumin/creatinine ratio", "albumin-creatinine ratio", "albumin-to-creatinine ratio",
        "microalbumin/creatinine ratio", "UACR", "ACR", "尿白蛋白肌酐比", "尿白蛋白/肌酐"),
    "Urine albumin/creatinine ratio": (
        "albumin/creatinine ratio", "albumin-creatinine ratio", "albumin-to-creatinine ratio",
        "microalbumin/creatinine ratio", "UACR", "ACR", "尿微量白蛋白肌酐比", "尿白蛋白/肌酐"),
    "ALT": ("alanine aminotransferase", "SGPT", "谷丙转氨酶"),
    "AST": ("aspartate aminotransferase", "SGOT", "谷草转氨酶"),
    "GGT": ("gamma-glutamyl transferase", "谷氨酰转肽酶"),
    "Alkaline phosphatase": ("ALP", "alk phos"),
    "LDH": ("lactate dehydrogenase",),
    "CK": ("creatine kinase", "CPK"),
    "High-sensitivity troponin I": ("hs-troponin I", "hs-TnI", "troponin I", "troponin",
                                    "肌钙蛋白I", "高敏肌钙蛋白"),
    "NT-proBNP": ("N-terminal pro-BNP", "NT-pro-BNP", "氨基末端脑钠肽前体"),
    "BNP": ("B-type natriuretic peptide", "B型钠尿肽"),
    "Left ventricular ejection fraction": ("LVEF", "ejection fraction", "EF", "射血分数"),
    "INR": ("international normalized ratio",),
    "Prothrombin time": ("PT",),
    "CRP": ("C-reactive protein", "C 反应蛋白"),
    "hs-CRP": ("high-sensitivity CRP", "high-sensitivity C-reactive protein", "超敏CRP"),
    "Procalcitonin": ("PCT",),
    "ESR": ("erythrocyte sedimentation rate", "sed rate", "红细胞沉降率"),
    "Ferritin": ("serum ferritin", "血清铁蛋白"),
    "Iron": ("serum iron",),
    "TIBC": ("total iron-binding capacity", "total iron binding capacity"),
    "Transferrin saturation": ("TSAT", "iron saturation"),
    "TSH": ("thyroid-stimulating hormone", "thyroid stimulating hormone", "促甲状腺素"),
    "Free T4": ("FT4", "free thyroxine", "游离T4"),
    "Free T3": ("FT3", "free triiodothyronine", "游离T3"),
    "Anti-TPO": ("TPO antibodies", "TPO antibody", "TPOAb", "anti-TPO antibodies"),
    "25-hydroxyvitamin D": ("25-OH vitamin D", "vitamin D", "25(OH)D", "维生素D"),
    "Homocysteine": ("Hcy",),
}  # fmt: skip


def spoken_names(code: str) -> tuple[str, ...]:
    """Return every name under which notes report a LOINC code, both languages, or nothing.

    >>> "CRP" in spoken_names("1988-5"), "C反应蛋白" in spoken_names("1988-5"), spoken_names("x")
    (True, True, ())
    """
    known = NAMES.get(code)
    return (known[0], known[1], *_ALSO.get(known[0], ())) if known else ()


_EVERY = tuple(
    sorted({n.casefold() for c in NAMES for n in spoken_names(c)}, key=lambda n: (-len(n), n))
)


def _longer(name: str) -> Iterator[tuple[str, int]]:
    for other in _EVERY:
        at = other.find(name) if len(other) > len(name) else -1
        if at >= 0:
            yield other, at


def inside_longer_name(text: str, start: int, end: int) -> bool:
    """Return whether the name at `[start, end)` is only a part of another test's name there.

    >>> note = "糖化血红蛋白 6.1 %，血红蛋白 108 g/L"
    >>> [inside_longer_name(note, at, at + 4) for at in (2, 13)]
    [True, False]
    """
    name = text[start:end].casefold()
    return any(
        start >= at and text[start - at : start - at + len(other)].casefold() == other
        for other, at in _longer(name)
    )
