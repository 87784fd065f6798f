"""What is fixed for all patients: code systems, panels, note types, statuses."""

from __future__ import annotations

from pathlib import Path

import yaml

HERE = Path(__file__).resolve().parent
MEASURES: dict[str, dict] = yaml.safe_load((HERE / "codes.yaml").read_text(encoding="utf-8"))

SNOMED = "http://snomed.info/sct"
LOINC = "http://loinc.org"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
ATC = "http://www.whocc.no/atc"
CVX = "http://hl7.org/fhir/sid/cvx"
ICD10 = "http://hl7.org/fhir/sid/icd-10"
UCUM = "http://unitsofmeasure.org"
HL7 = "http://terminology.hl7.org/CodeSystem"

CATEGORIES = {"v": "vital-signs", "l": "laboratory", "s": "survey", "i": "imaging"}

PANELS = {
    "cbc": (
        "58410-2",
        "Complete blood count (hemogram) panel - Blood by Automated count",
        "血常规",
    ),
    "bmp": ("51990-0", "Basic metabolic panel - Blood", "基础代谢组合"),
    "lipid": ("57698-3", "Lipid panel with direct LDL - Serum or Plasma", "血脂"),
    "iron": ("50190-8", "Iron and Iron binding capacity panel - Serum or Plasma", "铁代谢"),
    "renal": ("24362-6", "Renal function panel - Serum or Plasma", "肾功能"),
    "thyroid": ("34533-0", "Thyroid function panel - Serum or Plasma", "甲状腺功能"),
    "ogtt": ("24353-5", "Glucose tolerance panel", "口服葡萄糖耐量试验"),
}

NOTE_TYPES = {
    "progress": ("11506-3", "Progress note", "病程记录"),
    "clinic": ("34108-1", "Outpatient Note", "门诊病历"),
    "history": ("34117-2", "History and physical note", "入院记录"),
    "discharge": ("18842-5", "Discharge summary", "出院小结"),
    "consult": ("11488-4", "Consult note", "会诊记录"),
    "emergency": ("34111-5", "Emergency department Note", "急诊病历"),
    "operation": ("11504-8", "Surgical operation note", "手术记录"),
    "telephone": ("34748-4", "Telephone encounter Note", "随访记录"),
    "psychiatry": ("34788-0", "Psychiatry Consult note", "精神科会诊记录"),
    "xr_chest": ("36643-5", "XR Chest 2 Views", "胸部X线检查"),
    "ct_chest": ("24627-2", "CT Chest", "胸部CT检查"),
    "ct_head": ("30799-1", "CT Head WO contrast", "头颅CT检查"),
    "mr_brain": ("24590-2", "MR Brain", "头颅MRI检查"),
    "mammogram": ("26346-7", "MG Breast - bilateral Diagnostic", "乳腺X线检查"),
    "echo": ("34552-0", "2D echocardiogram panel", "超声心动图"),
    "xr_knee": ("36642-7", "XR Knee 3 Views", "膝关节X线检查"),
    "colonoscopy": ("18746-8", "Colonoscopy study", "结肠镜检查"),
    "us_thyroid": ("24842-7", "US Thyroid gland", "甲状腺超声"),
    "us_ob": ("11525-3", "US Pelvis Fetus for pregnancy", "产科超声"),
    "us_joint": ("24531-6", "US Joint", "关节超声"),
}

CLASSES = {
    "AMB": ("ambulatory", "门诊"),
    "EMER": ("emergency", "急诊"),
    "IMP": ("inpatient encounter", "住院"),
    "VR": ("virtual", "远程"),
}

SMOKING = {
    "never": ("266919005", "Never smoked tobacco (finding)", "从不吸烟"),
    "former": ("8517006", "Ex-smoker (finding)", "已戒烟"),
    "current": ("449868002", "Smokes tobacco daily (finding)", "每日吸烟"),
}

ROUTES = {
    "oral": ("26643006", "Oral route (qualifier value)", "口服"),
    "inhaled": ("447694001", "Respiratory tract route (qualifier value)", "吸入"),
    "subcutaneous": ("34206005", "Subcutaneous route (qualifier value)", "皮下注射"),
    "intravenous": ("47625008", "Intravenous route (qualifier value)", "静脉滴注"),
    "topical": ("6064005", "Topical route (qualifier value)", "外用"),
}
