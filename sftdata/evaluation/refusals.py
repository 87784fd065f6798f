"""Did the model refuse, answer in part, or answer? Read from JSON flags, else from words."""

from __future__ import annotations

import re
from typing import Any, Literal

from sftdata.evaluation.squad import answer_numbers
from sftdata.evaluation.tokens import without_citations

__all__ = ["Stance", "flag_of", "reason_of", "stance_of", "stance_of_text"]

Stance = Literal["refuse", "partial", "answer", "none"]
"""`partial`: part is answered and the rest declined ("does not state X, however …"). `none`: there
is no output to judge."""

_ABOUT = r"(?:the |these |this |any |those |given |provided )*"
_SOURCE = (
    r"(?:passages?|records?|notes?|charts?|filings?|documents?|texts?|contexts?|excerpts?|sources?"
    r"|materials?|reports?|information|data|medication lists?|it|they|them)"
)
_TOLD = (
    r"(?:stat(?:e|es|ed)|giv(?:e|es|en)|provide[sd]?|contain(?:s|ed)?|mention(?:s|ed)?"
    r"|include[sd]?|disclos(?:e|es|ed)|report(?:s|ed)?|record(?:s|ed)?|specify|specifies|specified"
    r"|list(?:s|ed)?|indicate[sd]?|show(?:s|n)?|cover(?:s|ed)?|found|available|documented"
    r"|present|supplied|supported|support|address(?:es|ed)?|tells?|says?|answers?)"
)
_ACT = (
    r"(?:answer|determine|provide|calculate|compute|compare|give|confirm|find|tell|say|said|work"
    r"|identif(?:y|ied)|assess|predict|forecast|advise|recommend|comment|offer|verif(?:y|ied)"
    r"|conclude|infer|know|derive|locate|state|estimate|judge|diagnose|respond|help|assist|read"
    r"|be seen|be made|be worked)"
)
_REFUSES_EN = re.compile(
    rf"\b(?:can ?not|can['’]t|could not|could(?:n)['’]t|unable to|not able to|not possible to"
    rf"|impossible to)\b[^.;\n]{{0,40}}?\b{_ACT}"
    rf"|\b(?:does|do|did|is|are|was|were|has|have)(?: not|n['’]t)(?: \w+ly)?(?: been)? {_TOLD}\b"
    rf"|\b{_SOURCE} (?:record|report|state|give|list|contain|mention|show|hold|ha(?:s|ve))s? no\b"
    r"(?! known)"
    rf"|\bthere (?:is|are|was|were) no\b[^.;\n]{{1,80}}?\bin {_ABOUT}{_SOURCE}"
    rf"|\bnot on (?:the |this )?(?:record|file|list)\b|\bis unknown\b"
    rf"|\bno [^.;\n]{{1,80}}? can be \w+"
    rf"|\bnone of {_ABOUT}{_SOURCE}"
    rf"|\bneither\b[^.;\n]{{0,60}}\bnor\b"
    rf"|\b(?:no|not any|without)\b[^.;\n]{{0,60}}?\b(?:mention|information|record|entry|entries"
    rf"|data|figure|reference|forecast|evidence|details?|indication)\b"
    rf"|\bno [^.;\n]{{1,60}}? (?:is|are|was|were) {_TOLD}\b"
    rf"|\bnot {_TOLD}\b|\bbut not (?:for|on|in|as|at|of|from)\b|, not (?:for|on|in|of|from) "
    r"|\b(?:insufficient|not enough|lacks?|lacking|missing) (?:\w+ )?"
    r"(?:information|data|evidence|context|detail)"
    r"|\b(?:i )?(?:do not|don['’]t) (?:know|have)\b|\bunanswerable\b|\bnot answerable\b"
    r"|\b(?:outside|beyond) (?:the |my |this )?(?:scope|record|passages?|filing)"
    r"|\bi(?:['’]m| am) sorry\b|\bnot in a position to\b"
    r"|\b(?:does|do|is|are) not (?:\w+ )?(?:a |any |an )?"
    r"(?:medical|investment|financial|clinical|legal) advice"
    r"|\b(?:give|offer|provide|make)s? no (?:\w+ )?"
    r"(?:advice|forecasts?|recommendations?|predictions?|diagnos[ie]s)"
    r"|\b(?:decision|question|matter|one)s? (?:for|that only) (?:the |a |an )?\w+"
    r"|\bnot recorded\b|\bn/a\b",
    re.IGNORECASE,
)
_PREMISE = re.compile(
    r"\b(?:question|premise) (?:assumes?|presumes?|is (?:wrong|false|mistaken|incorrect))"
    r"|\b(?:contrary to|the opposite of|shows? the (?:opposite|reverse)|the reverse of"
    r"|(?:it is|that is) the other way)\b"
    r"|\bnot (?:a |an )?(?:rise|fall|increase|decrease|decline|drop|growth|gain|loss)\b"
    r"|\b(?:did|has|have) not (?:rise|risen|fall|fallen|increased?|decreased?|declined?|dropped?"
    r"|go(?:ne)? (?:up|down)|grow|grown)\b"
    r"|并未|并没有(?:增|减|升|降|上|下)|并非|(?:与|和).{0,16}相反|恰恰相反"
    r"|(?:前提|说法|假设).{0,8}(?:不|有误|错误)",
    re.IGNORECASE,
)
_REFUSES_ZH = re.compile(
    r"(?:无法|不能|难以|不足以|不便|无从)(?:据此|由此|直接|准确|就此)?"
    r"(?:回答|判断|确定|计算|算出|比较|给出|提供|得知|得出|确认|说明|预测|推断|核实|作答|评估|解答"
    r"|告知|建议|查到|找到|看出|知道)"
    r"|[未没](?:有|曾|予)?(?:明确)?(?:披露|提及|提到|提供|记录|记载|说明|给出|列出|列有|涉及|包含"
    r"|载明|注明|报告|写明|公布|找到|查到|显示|收录|写出|列示)"
    r"|(?:没有|并无|缺少|缺乏|不含|查无|无)(?:任何)?[^，。；\n]{0,40}?"
    r"(?:的记录|的信息|的结果|的数据|的资料|的内容|的披露|相关信息|相关记录|相关数据|有关信息|记录"
    r"|信息|依据|资料)"
    r"|没有[^，。；\n]{1,40}?的(?:数值|数字|数据|情况|值|日期)"
    r"|不(?:包含|包括|涉及|含有|提供|作(?:出)?(?:诊断|预测|推荐|判断)|构成|属于|做)"
    r"|(?:资料|信息|依据|数据|证据)不足|超出[^，。]{0,12}(?:范围|资料)|抱歉|对不起|不知道|不清楚"
    r"|没有[^，。；\n]{1,40}$|而非|不是[^，。；\n]{1,20}(?:的)?(?:病历|资料|文件|公告)"
)
_TURN = re.compile(
    r"\b(?:however|but|nevertheless|that said|instead|it does|they do|what (?:it|they) do(?:es)?"
    r"|what is (?:stated|reported|recorded)|on the other hand|although|though|only)\b"
    r"|不过|但|然而|可以看到|仅|只(?:有|记录|披露|给出)|可见|已披露的",
    re.IGNORECASE,
)
_MARK = re.compile(r"[\[【]\s?P\d")
_YES = frozenset({"true", "yes", "是", "1"})
_NO = frozenset({"false", "no", "否", "0"})


def flag_of(answer: Any) -> bool | None:
    """Return what the answer's own `answerable` says; None where it says nothing.

    >>> flag_of({"answerable": "False"}), flag_of({"answer": "5"})
    (False, None)
    """
    if not isinstance(answer, dict):
        return None
    flag = answer.get("answerable")
    if isinstance(flag, bool):
        return flag
    word = str(flag).strip().lower()
    return True if word in _YES else False if word in _NO else None


def reason_of(answer: Any) -> str:
    """Return the reason code that the answer gives; empty where there is none."""
    reason = answer.get("reason") if isinstance(answer, dict) else None
    return reason.strip() if isinstance(reason, str) else ""


def stance_of(answer: Any, text: str) -> Stance:
    """Say whether an output refuses, answers in part, or answers.

    The JSON's own flag decides; words are read where there is none. What says `answerable` with
    confidence `partial` answers in part.

    >>> stance_of({"answerable": False, "answer": "…"}, ""), stance_of(None, "")
    ('refuse', 'none')
    """
    flag = flag_of(answer)
    if flag is False:
        return "refuse"
    if flag is True:
        return "partial" if answer.get("confidence") == "partial" else "answer"
    if isinstance(answer, dict) and isinstance(answer.get("answer"), str):
        text = answer["answer"]
    return stance_of_text(text)


def stance_of_text(text: str) -> Stance:
    """Read the stance from words, in English and Chinese.

    A refusal that goes on to state something (a figure or a citation after *however*, *but*,
    不过) is an answer in part; one that corrects the question's premise is a refusal.

    >>> stance_of_text("The passages do not state net income for 2021.")
    'refuse'
    >>> stance_of_text("It does not give 2021; however, 2022 sales were $5.1 million [P1].")
    'partial'
    >>> stance_of_text("所给资料没有披露该数据。"), stance_of_text("病历记录无已知过敏[P3]。")
    ('refuse', 'answer')
    """
    if not text.strip():
        return "none"
    if _PREMISE.search(text):
        return "refuse"
    hits = [m for p in (_REFUSES_EN, _REFUSES_ZH) for m in p.finditer(without_citations(text))]
    if not hits:
        return "answer"
    turn = _TURN.search(text, min(hit.end() for hit in hits))
    if turn is None:
        return "refuse"
    rest = text[turn.end() :]
    return "partial" if _MARK.search(rest) or answer_numbers(without_citations(rest)) else "refuse"
