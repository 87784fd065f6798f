"""Medication items in notes: `drug dose unit [route] [frequency]`, route or frequency required."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sftdata.readers.clinical_text import Mention

__all__ = ["medications"]

_ROUTE = (
    r"(?:p\.?o\.?|by mouth|orally|i\.?v\.?|i\.?m\.?|subcutaneous(?:ly)?|subq|s\.?q\.?|"
    r"sublingual(?:ly)?|"
    r"inhaled|topical(?:ly)?|per rectum|p\.?r\.?(?![a-z.])|intranasal(?:ly)?|transdermal(?:ly)?|"
    r"口服|静滴|静脉滴注|静脉注射|肌注|皮下注射|外用|吸入)"
)
_FREQUENCY = (
    r"(?:once (?:a day|daily)|twice (?:a day|daily)|three times (?:a day|daily)|"
    r"four times (?:a day|daily)|one time a day|two times a day|every other day|"
    r"every \d{1,2}(?:-\d{1,2}| to \d{1,2})? hours|every (?:day|night|morning|evening|week|"
    r"month)|"
    r"q\.?[ ]?\d{1,2}(?:-\d{1,2})?[ ]?h(?:\.|ours|rs)?|q\.?a\.?m\.?|q\.?p\.?m\.?|q\.?h\.?s\.?|"
    r"q\.?o\.?d\.?|"
    r"q\.?d\.?|q\.?day|q[ .]?daily|q[ .]?week(?:ly)?|b\.?i\.?d\.?|t\.?i\.?d\.?|q\.?i\.?d\.?|"
    r"daily|nightly|"
    r"weekly|monthly|(?:at|each) bedtime|h\.s\.|a day|per day|in the morning|"
    r"每日(?:[一二三四两]|\d)次|"
    r"每天(?:[一二三四两]|\d)次|每晚(?:[一两]|\d)次|qd|bid|tid|qid|qn)"
)
_DOSE = (
    r"\d+(?:,\d{3})*(?:\.\d+)?(?:[-/]\d+(?:\.\d+)?)?[ -]?"
    r"(?:mg|mcg|milligrams?|micrograms?|g|gm|grams?|units?|mEq|IU|μg|ug|mL|ml|毫克|微克|单位|克)"
    r"(?:/\d*(?:mL|ml|hr?))?"
)
_DRUG = (
    r"[A-Za-z][A-Za-z]+(?:[ -][A-Za-z0-9]+){0,2}?|"
    r"[\u4e00-\u9fff]{2,10}?(?:片|胶囊|注射液|缓释片|颗粒|肠溶片|分散片)?"
)
_MEDICATION = re.compile(
    rf"(?:^|(?<=\n)|(?<=[,;.，；、] )|(?<=[，；、])|(?<=\d\. )|(?<=\d\.)|(?<=: )|(?<=：)|"
    rf"(?<=:\n)|(?<=- )|"
    rf"(?<=\band ))"
    rf"(?:and )?(?P<drug>{_DRUG})[ ,，]*(?P<dose>{_DOSE})(?![A-Za-z])"
    rf"(?P<form>[ ]+(?:tablets?|capsules?|pills?|tabs?|one tablet|one|1 tablet|1 tab))?"
    rf"(?:[ ,，]+(?P<route>{_ROUTE})(?![A-Za-z]))?"
    rf"(?:[ ,，]+(?:one |1 )?(?P<freq>{_FREQUENCY})(?![A-Za-z]))?"
    rf"(?P<prn>[ ,]+(?:p\.?r\.?n\.?|as needed))?",
    re.IGNORECASE | re.MULTILINE,
)
_NOT_DRUG = re.compile(
    r"\b(?:the|a|an|of|and|or|with|to|in|on|at|for|by|from|patient|he|she|they|was|is|were|"
    r"are|has|had|"
    r"takes?|taking|took|received|given|gave|dose|doses|total|about|approximately|at|plus|"
    r"then|also|"
    r"continue|continued|start|started|stop|stopped|hold|held|discontinue|discontinued|increase|"
    r"increased|decrease|decreased|resume|change|changed|switch|less|more|than|up|his|her|weight|"
    r"tablets?|capsules?|pills?|medications?|meds|blood|loss|this|that|if|no|not|denies|allergic|"
    r"allergy|use|using|include|includes|including|currently|milligrams?|daily|mg|one|two|three|"
    r"oral|injection|saw|old|new|prior|former|previously|per|every|home|last|next|extra|"
    r"additional)\b|停用|停药|改用|改为|加用|给予|继续|口服|服用|^予|^用|患者|剂量|每",
    re.IGNORECASE,
)
_CHANGED = re.compile(
    r"\b(?:stop|stopped|discontinu\w+|hold|held|allerg\w+|not taking|no longer|avoid|former|"
    r"previous\w*|"
    r"decrease|increase|taper)\b|停用|停药",
    re.IGNORECASE,
)


def medications(text: str, start: int, end: int) -> Iterator[Mention]:
    """Yield `drug dose unit [route] frequency` items; route or frequency must be there.

    >>> note = "1. Lasix 40 mg p.o. daily."
    >>> [(m.value, dict(m.detail)["dose"]) for m in medications(note, 0, len(note))]
    [('Lasix', '40 mg')]
    """
    for match in _MEDICATION.finditer(text, start, end):
        drug = match["drug"].strip()
        if not (match["route"] or match["freq"]) or _NOT_DRUG.search(drug) or len(drug) < 3:
            continue
        line_start = text.rfind("\n", 0, match.start()) + 1
        before = re.split(r"[.;,；，。、]", text[line_start : match.start()])[-1]
        line_end = text.find("\n", match.end())
        after = text[match.end() : line_end if line_end >= 0 else len(text)][:60]
        if _CHANGED.search(before) or _CHANGED.search(re.split(r"[.;；。，、]", after)[0]):
            continue
        detail = [("dose", match["dose"]), ("route", match["route"] or ""),
                  ("frequency", match["freq"] or ""),
                  ("as_needed", (match["prn"] or "").strip(" ,"))]  # fmt: skip
        at = match.start("drug")
        yield Mention("medication", "Medication", drug, at, at + len(drug),
                      detail=tuple((k, v) for k, v in detail if v))  # fmt: skip
