"""Diagnoses, allergies, age, sex and dates in notes, by strict grammar.

Each finding is a span of the note itself. What is not certain from the words alone is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from sftdata.readers.clinical_negation import is_negated, is_uncertain, speaks_of_doubt
from sftdata.readers.clinical_text import Mention

__all__ = ["allergies", "complaint", "dates", "diagnoses", "person"]


_ITEM = re.compile(
    r"[ ]*(?:\(?(?P<n>\d{1,2})[.)、．][ ]*|[-•*][ ]+)?(?P<text>\S[^\n]*?)[ ]*(?=\n|$)"
)
_INNER = re.compile(
    r"(?:(?<=[.;。；] )|(?<=[。；])|(?<=[\u4e00-\u9fff ]))\d{1,2}[.、．)][ ]*(?=[^\d\s])"
)
_PAST = re.compile(
    r"(?:status[ -]post|s/p|history of|h/o|prior|previous|remote)\b|既往", re.IGNORECASE
)
_FAMILY = re.compile(r"family history|家族", re.IGNORECASE)
_OPERATION = re.compile(r"(?:ectomy|otomy|ostomy|plasty)\b|(?<!恶)术$", re.IGNORECASE)
_SENTENCE_WORD = re.compile(
    r"\b(?:the|patient|he|she|we|i|they|will|was|were|is|are|am|has|have|had|should|would|"
    r"could|can|may|"
    r"follow\w*|continue\w*|recommend\w*|return\w*|discuss\w*|plan\w*|start\w*|obtain\w*|"
    r"check|see|"
    r"given|due to|because|noted|show\w*|demonstrat\w*|reveal\w*|appear\w*|seen|if|there|this|"
    r"that|"
    r"her|his|your|please|proceed\w*|need\w*|admit\w*|monitor\w*|schedul\w*|refer\w*|consider\w*|"
    r"underwent|performed|prophylaxis|management|code|same|above|below|none|per|n/a|unknown|"
    r"deferred|pending|as)\b",
    re.IGNORECASE,
)
_NORMAL = re.compile(
    r"^(?:normal|negative|unremarkable|stable|good|satisfactory|xxxx?|\*+|_+)\b", re.IGNORECASE
)
_DENIED = re.compile(r"(?:no|without|negative)\b|无(?!力)|未", re.IGNORECASE)
_MASK = re.compile(r"_{2,}|\[\*\*|\*{2,}|XX")
_NKA = re.compile(
    r"\b(?:NKDA|NKA|NKMA|no known (?:drug |medical |medication |food )?(?:or food )?allergies|"
    r"no known (?:drug|medication) allergy|no (?:drug |medication )?allergies(?! to (?!any|"
    r"medic|drugs)))\b"
    r"|否认(?:有)?(?:药物|食物)?(?:[、及和与或](?:食物|药物))?过敏史?|无(?:药物|食物)?(?:[、及和与或](?:食物|药物))?过敏史",
    re.IGNORECASE,
)
_DRUGS_ONLY = re.compile(r"NKDA|NKMA|drug|medicat|^(?!.*食物).*药物", re.IGNORECASE)
_NONE = re.compile(r"^(?:none|none known|no known|nil|negative|无)[.。]?$", re.IGNORECASE)
_ALLERGIC_ZH = re.compile(r"对(?P<what>[\u4e00-\u9fffA-Za-z、]{2,12}?)过敏")
_ALLERGEN = re.compile(r"^[A-Za-z][A-Za-z\-]+(?: [A-Za-z\-]+){0,2}$")
_BETWEEN = re.compile(r"(,?\s+and\s+|[,;/])", re.IGNORECASE)
_LEAD = re.compile(r"(?:to|and)\s+", re.IGNORECASE)
_NO_ITEM = re.compile(r"(?:and|no|unknown|see|known|with|to|none|allerg\w*)\b", re.IGNORECASE)
_PERSON = re.compile(
    r"(?P<age>\d{1,3})[- ]?(?P<unit>year|month|week|day)s?[- ]old,?"
    r"(?:[ ,]+(?:right|left)[- ]hand(?:ed)?(?:[- ]dominant)?|[ ,]+[A-Za-z\-]+){0,2}?[ ,]+"
    r"(?P<sex>female|male|woman|man|gentleman|lady|boy|girl)\b",
    re.IGNORECASE,
)
_SUBJECT = re.compile(
    r"(?:patient is (?:an? )?|this is (?:an? )?|this (?:very )?\w* ?|^|\n|\. |is an? |"
    r": ?)(?:\w+ ){0,2}$",
    re.IGNORECASE,
)
_RELATIVE = re.compile(
    r"\b(?:mother|father|brother|sister|son|daughter|wife|husband|aunt|uncle|child|children|"
    r"her|his|whose|with an?)\b",
    re.IGNORECASE,
)
_SEX = {"female": "female", "woman": "female", "lady": "female", "girl": "female", "male": "male",
        "man": "male", "gentleman": "male", "boy": "male",
        "女": "female", "男": "male"}  # fmt: skip
_AGE_UNIT = {"year": "a", "month": "mo", "week": "wk", "day": "d"}
_PERSON_ZH = re.compile(r"(?P<sex>男|女)(?:性)?[，, ]{0,2}(?:患者[，,]?)?(?P<age>\d{1,3})岁")
_ZH_FIELD = re.compile(r"性别[:：][ ]*(?P<sex>男|女)|年龄[:：][ ]*(?P<age>\d{1,3})[ ]*岁")
_DATE_FIELD = re.compile(
    r"(?P<label>date of admission|admission date|date of discharge|discharge date|"
    r"date of procedure|"
    r"date of operation|date of surgery|date of service|"
    r"入院(?:日期|时间)|出院(?:日期|时间)|手术日期)"
    r"[ ]*[:：][ ]*(?P<d>\d{1,2}/\d{1,2}/\d{4}|\d{4}-\d{1,2}-\d{1,2}|\d{4}年\d{1,2}月\d{1,2}日"
    r"|[A-Z][a-z]+ \d{1,2}, \d{4})",
    re.IGNORECASE,
)
_DATE_NAMES = {
    "admission": "admission_date", "入院": "admission_date", "discharge": "discharge_date",
    "出院": "discharge_date", "procedure": "procedure_date", "operation": "procedure_date",
    "surgery": "procedure_date", "手术": "procedure_date", "service": "service_date",
}  # fmt: skip
_MONTHS = [
    "january", "february", "march", "april", "may", "june", "july", "august", "september",
    "october", "november", "december",
]  # fmt: skip
_DURATION_ZH = re.compile(
    r"(?P<what>[\u4e00-\u9fff、，,/A-Za-z]{2,24}?)"
    r"(?P<long>(?:[\d.]+|[一二两三四五六七八九十半数]+)[ ]?[+＋余]?"
    r"(?:年|个?月|周|天|日|小时|分钟)余?)[。.]?$"
)


def _items(text: str, start: int, end: int) -> Iterator[tuple[int, int, bool]]:
    """Yield the list items (span without number and full stop, and whether it was numbered)."""
    at = start
    while at < end:
        match = _ITEM.match(text, at, end)
        line_end = text.find("\n", at, end)
        at = line_end + 1 if line_end >= 0 else end
        if match is None:
            continue
        low, high = match.span("text")
        cuts = [low]
        for cut in _INNER.finditer(text, low, high) if match["n"] else ():
            cuts += [cut.start(), cut.end()]
        cuts.append(high)
        for a, b in zip(cuts[::2], cuts[1::2], strict=True):
            stop = a + len(text[a:b].rstrip(" .。;；,，"))
            yield a, stop, bool(match["n"])


_STATUS = {
    "preop_diagnosis": "preoperative", "postop_diagnosis": "postoperative",
    "admission_diagnosis": "admission", "discharge_diagnosis": "discharge",
}  # fmt: skip


def diagnoses(text: str, start: int, end: int, kind: str, *, numbered: bool) -> Iterator[Mention]:
    """Yield the diagnoses of a section, item by item.

    Args:
        text: the note.
        start: where the body of the section begins (behind its header).
        end: where it ends.
        kind: the section's kind; a diagnosis section tells the status.
        numbered: accept numbered items only (assessments mix diagnoses with prose).
    """
    items = list(_items(text, start, end))
    if not numbered and any(n for _, _, n in items):
        items = [i for i in items if i[2]]
    for low, high, has_number in items:
        value = text[low:high]
        words = value.split()
        chinese = any("\u4e00" <= c <= "\u9fff" for c in value)
        too_long = len(value) > 40 if chinese else len(words) > 14 or len(value) > 110
        if (numbered and not has_number) or too_long or len(value) < 3 or ":" in value:
            continue
        if _SENTENCE_WORD.search(value) or _NORMAL.match(value) or _MASK.search(value):
            continue
        if re.search(r"[。!]|[.][ ]+\S", value) or not re.match(
            r"[A-Za-z\u4e00-\u9fff0-9(]", value
        ):
            continue
        past = bool(_PAST.match(value))
        if not re.search(r"[A-Za-z]{3}|[\u4e00-\u9fff]{2}", value) or (
            _OPERATION.search(value) and not past
        ):
            continue
        negated = bool(_DENIED.match(value)) or is_negated(text, low, high)
        family = bool(_FAMILY.match(value))
        if _FAMILY.search(value) and not family:
            continue
        doubt = is_uncertain(text, low, high) or speaks_of_doubt(value)
        detail = [("section", kind), ("status", _STATUS.get(kind, "")),
                  ("negated", "true" if negated else ""),
                  ("certainty", "uncertain" if doubt and not family else ""),
                  ("temporality", "history" if past else ""),
                  ("subject", "family" if family else "")]  # fmt: skip
        name = "impression" if kind == "impression" else "diagnosis"
        yield Mention(name, name.capitalize(), value, low, high,
                      detail=tuple((k, v) for k, v in detail if v))  # fmt: skip


def allergies(text: str, start: int, end: int) -> Iterator[Mention]:
    """Yield allergies of an allergy section; a stated absence is a negative finding.

    >>> [(m.value, m.detail) for m in allergies("NKDA.", 0, 5)]
    [('no known drug allergies', (('negated', 'true'),))]
    """
    none = _NKA.search(text, start, end)
    body = text[start:end].strip()
    offset = start + len(text[start:end]) - len(text[start:end].lstrip())
    if none:
        rest = (text[start : none.start()] + text[none.end() : end]).strip(" .,;:\n。，；")
        if not re.search(r"\b(?:except|but|other than)\b|对", rest, re.IGNORECASE):
            drugs = bool(_DRUGS_ONLY.search(none.group()))
            value = "no known drug allergies" if drugs else "no known allergies"
            yield Mention("allergy", "Allergies", value, *none.span(),
                          detail=(("negated", "true"),))  # fmt: skip
        return
    if _NONE.match(body):
        stop = offset + len(body.rstrip(".。"))
        yield Mention("allergy", "Allergies", "no known allergies", offset, stop,
                      detail=(("negated", "true"),))  # fmt: skip
        return
    for match in _ALLERGIC_ZH.finditer(text, start, end):
        if not is_negated(text, *match.span("what")) and text[match.start() - 1] not in "不无":
            yield Mention("allergy", "Allergies", match["what"], *match.span("what"))
    mixed = _SENTENCE_WORD.search(body) or re.search(r"\bno\b|\.\s+\S", body, re.IGNORECASE)
    if len(body) > 160 or mixed or "\n" in body:
        return
    at = offset
    items: list[tuple[str, int]] = []
    for part in _BETWEEN.split(body.rstrip(". ")):
        item = part.strip()
        if item and not _BETWEEN.fullmatch(part):
            lead = _LEAD.match(item)
            cut = lead.end() if lead else 0
            items.append((item[cut:], at + len(part) - len(part.lstrip()) + cut))
        at += len(part)
    if all(_ALLERGEN.match(item) and not _NO_ITEM.match(item) for item, _ in items):
        for item, low in items:
            yield Mention("allergy", "Allergies", item, low, low + len(item))


def person(text: str) -> Iterator[Mention]:
    """Yield age and sex from the note's own opening words, not those of a relative.

    >>> [(m.name, m.value) for m in person("This is a 62-year-old female with pain.")]
    [('age', '62'), ('sex', 'female')]
    """
    match = _PERSON.search(text) or _PERSON_ZH.search(text)
    if match and match.re is _PERSON:
        before = text[max(0, match.start() - 40) : match.start()]
        if not _SUBJECT.search(before) or _RELATIVE.search(before):
            return
    if match and int(match["age"]) <= 115:
        unit = "year" if match.re is _PERSON_ZH else match["unit"].lower()
        yield Mention("age", "Age", match["age"], *match.span("age"), "numeric", _AGE_UNIT[unit])
        sex = match["sex"].lower()
        yield Mention("sex", "Sex", _SEX[sex], *match.span("sex"), "code")
        return
    for field in _ZH_FIELD.finditer(text[:2000]):
        if field["sex"]:
            yield Mention("sex", "性别", _SEX[field["sex"]], *field.span("sex"), "code")
        else:
            yield Mention("age", "年龄", field["age"], *field.span("age"), "numeric", "a")


def _iso(raw: str) -> str:
    numbers = [int(n) for n in re.findall(r"\d+", raw)]
    if "/" in raw:
        month, day, year = numbers
    elif raw[0].isdigit():
        year, month, day = numbers
    else:
        word = raw.split()[0].lower()
        if word not in _MONTHS:
            return ""
        day, year = numbers
        month = _MONTHS.index(word) + 1
    try:
        return date(year, month, day).isoformat()
    except ValueError:
        return ""


def dates(text: str) -> Iterator[Mention]:
    """Yield labelled dates (admission, discharge, procedure); `m/d/yyyy` is read as in the US.

    >>> [(m.name, m.value) for m in dates("DATE OF ADMISSION: 01/02/2008")]
    [('admission_date', '2008-01-02')]
    """
    for match in _DATE_FIELD.finditer(text):
        value = _iso(match["d"])
        name = next((n for word, n in _DATE_NAMES.items() if word in match["label"].lower()), "")
        if value and name:
            yield Mention(name, match["label"].capitalize(), value, *match.span("d"), "date")


def complaint(text: str, start: int, end: int) -> Iterator[Mention]:
    """Yield the chief complaint where it is one short line; Chinese ones carry their duration.

    >>> [(m.value, m.detail) for m in complaint("反复咳嗽、咳痰3年。", 0, 10)]
    [('反复咳嗽、咳痰', (('duration', '3年'),))]
    """
    body = text[start:end].strip()
    if not body or "\n" in body or len(body) > 80:
        return
    low = text.index(body, start)
    chinese = _DURATION_ZH.match(body)
    if chinese:
        yield Mention("chief_complaint", "主诉", chinese["what"], low, low + len(chinese["what"]),
                      detail=(("duration", chinese["long"].strip()),))  # fmt: skip
        return
    value = body.rstrip(".。 ")
    sentence = _SENTENCE_WORD.search(value) or re.search(r"[.!?。]\s?\S", value) or ":" in value
    if not sentence and len(value.split()) <= 10 and len(value) >= 3 and not _MASK.search(value):
        yield Mention("chief_complaint", "Chief complaint", value, low, low + len(value))
