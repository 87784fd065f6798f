"""What is left of a text when numbers, dates and names are blank, and whose names are known.

Rows with one skeleton come from one template. They are not duplicates (each states facts of its
own), but many of them teach the same sentence, so they may be capped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import ClassVar, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sftdata.families.display import short_name, spoken_name
from sftdata.part import Stage
from sftdata.quantities import find_dates
from sftdata.similarity.shingles import read, shingle
from sftdata.types import Document, from_table

__all__ = ["NAMES", "ListNames", "Mask", "guessed_names", "names_of", "skeletons", "spoken_forms"]

Mask = Literal["numbers", "dates", "names"]
"""What a skeleton leaves blank. `numbers`: every word with digits, those of dates among them;
`dates`: whole dates, and the names of months; `names`: the names that are given for a row."""

NAMES: pa.Schema = pa.schema(
    [
        pa.field("document_id", pa.string(), nullable=False),
        pa.field("names", pa.list_(pa.string()), nullable=False),
    ]
)
"""What each document calls whom it is about."""

_BLANK = " 0 "
_BETWEEN = r"[ \t]+(?:(?:of|and|the|de|&)[ \t]+)?"
_CAPITAL = r"[A-Z][A-Za-z0-9'’&.-]*[A-Za-z0-9]|[A-Z]\b"
_RUN = re.compile(rf"(?<![\w.])(?:{_CAPITAL})(?:,?{_BETWEEN}(?:{_CAPITAL}))*")
_FORM = re.compile(
    r"\b(?:Inc|Corp|Corporation|Ltd|Limited|LLC|PLC|plc|Co|Company|Group|Holdings|Bank)\b\.?$"
)
_OPENS = re.compile(r"(?:^|[.!?:;\n]|[\"“(])[ \t]*$")
_TITLED = re.compile(r"(?:Mr|Mrs|Ms|Miss|Dr|Prof)\.?[ \t]+$")
_SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁"
    "任沈姚卢姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴"
)
_PERSON = re.compile(
    rf"(?:(?<=患者)|(?<=病人)|(?<=姓名：)|(?<=姓名:))[{_SURNAMES}][\u4e00-\u9fff]{{1,2}}(?![\u4e00-\u9fff])"
    rf"|[{_SURNAMES}][\u4e00-\u9fff]{{0,2}}(?=先生|女士|小姐|医生|医师|主任|教授)"
)
_FIRM = re.compile(
    r"(?:(?<=^)|(?<=[^\u4e00-\u9fff])|(?<=[在与和及向由对于是]))[\u4e00-\u9fff]{2,14}?"
    r"(?:股份有限公司|有限责任公司|有限公司|集团公司|公司|集团|银行|医院)"
)
_OURS = frozenset(["本公司", "该公司", "子公司", "母公司", "贵公司", "我公司", "各公司", "本集团"])


def names_of(doc: Document) -> list[str]:
    """Return what a document calls its own entity: company and patient names, and their forms.

    From its keys (`company_name`, `former_name`) and what its reader noted of the entity or the
    patient. Tickers and record numbers are no names: a symbol such as `A` is a word as well.
    """
    found = [*doc.key_values("company_name"), *doc.key_values("former_name")]
    found += [doc.meta(kind) for kind in ("entity_name", "phi_name", "patient_name")]
    return spoken_forms(found)


class ListNames(Stage):
    """List what each document calls whom it is about, for the skeletons of its samples."""

    output: ClassVar[pa.Schema] = NAMES

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Return `document_id` and `names` of every document."""
        rows = [
            {"document_id": doc.document_id, "names": names_of(doc)}
            for doc in from_table(batch, Document)
        ]
        return pa.Table.from_pylist(rows, schema=NAMES)


def spoken_forms(names: Iterable[str]) -> list[str]:
    """Return each name with the forms in which it is spoken, longest first.

    >>> spoken_forms(["APPLE INC."])
    ['APPLE INC.', 'Apple Inc.', 'Apple']
    """
    found: dict[str, None] = {}
    for name in (n.strip() for n in names):
        spoken = spoken_name(name)
        short = re.sub(
            r"(?:股份有限公司|有限责任公司|有限公司|公司|集团)+$", "", short_name(spoken)
        )
        found |= dict.fromkeys(n for n in (name, spoken, short_name(spoken), short) if len(n) > 1)
    return sorted(found, key=lambda n: (-len(n), n))


def guessed_names(text: str) -> list[str]:
    """Return what looks like a name, by rule alone: for texts of which nothing else is known.

    English: a run of two or more capitalised words (`of`, `and`, `&` may stand between), or one
    that a title or a legal form marks; the first word of a sentence alone is none. Chinese: what
    ends in 公司, 集团, 银行 or 医院 after something that is not Chinese or a preposition, and a
    common surname after 患者 or before 先生, 女士, 医生. The rule is crude: headings in capitals
    count as names, and a single given name in running text does not.

    >>> guessed_names("In 2024 Harrowgate Mills Inc. hired Dr. Chen. Sales rose.")
    ['Harrowgate Mills Inc', 'Chen']
    >>> guessed_names("2024年，联创电子股份有限公司的收入增长；患者王小明，62岁。")
    ['联创电子股份有限公司', '王小明']
    """
    found: list[str] = []
    for match in _RUN.finditer(text):
        name, before = match.group(), text[max(match.start() - 12, 0) : match.start()]
        words = name.split()
        if _OPENS.search(before) and len(words) > 1 and f" {words[0].lower()} " in _OPENERS:
            name, words = name.partition(" ")[2], words[1:]
        titled = bool(_TITLED.search(before))
        if len(words) > 1 and words[0].rstrip(".") in _TITLES:
            name, words, titled = name.partition(" ")[2], words[1:], True
        if len(words) > 1 or titled or (words and len(words[0]) > 1 and _FORM.search(name)):
            found.append(name)
    found += [m.group() for m in _FIRM.finditer(text) if m.group() not in _OURS]
    found += [m.group() for m in _PERSON.finditer(text)]
    return list(dict.fromkeys(found))


_TITLES = frozenset(["Mr", "Mrs", "Ms", "Miss", "Dr", "Prof"])
_OPENERS = (
    " a an and as at but by did do does for from had has have how if in is it of on our she he "
    "that the their these they this those to was we were what when where which who why with "
)


def skeletons(
    texts: pa.Array, masks: Sequence[Mask], names: Sequence[Sequence[str]] = ()
) -> NDArray[np.uint64]:
    """Return a number per text: equal for texts that differ in what is masked alone.

    Args:
        texts: strings.
        masks: what is left blank.
        names: for each text the names that are blank in it, where `masks` asks for names.

    >>> texts = pa.array(["Net sales of Acme Inc. in May 2024", "Net sales of Bolt in June 2023"])
    >>> one, two = skeletons(texts, ["numbers", "dates", "names"], [["Acme Inc."], ["Bolt"]])
    >>> bool(one == two)
    True
    """
    if "names" in masks and len(names):
        pairs = zip(texts.to_pylist(), names, strict=True)
        texts = pa.array([_without(text or "", known) for text, known in pairs], pa.large_string())
    if "numbers" in masks and "dates" in masks:
        return read(texts).skeletons
    if "dates" in masks:
        blanked = [_without_dates(text or "") for text in texts.to_pylist()]
        texts = pa.array(blanked, pa.large_string())
    return shingle(texts, mask_numbers="numbers" in masks).digests


def _without(text: str, names: Sequence[str]) -> str:
    if not names:
        return text
    longest = sorted(set(names), key=lambda n: (-len(n), n))
    found = "|".join(_whole(name) for name in longest if name)
    return re.sub(found, _BLANK, text, flags=re.IGNORECASE) if found else text


def _whole(name: str) -> str:
    """Return the pattern of a name as a whole word, with its genitive; CJK has no word borders."""
    key = re.escape(name)
    left = r"(?<![A-Za-z0-9])" if name[0].isascii() else ""
    right = r"(?:['’]s?)?(?![A-Za-z0-9])" if name[-1].isascii() else ""
    return f"{left}{key}{right}"


def _without_dates(text: str) -> str:
    parts, end = [], 0
    for date in find_dates(text):
        parts += [text[end : date.start], _BLANK]
        end = date.end
    return "".join([*parts, text[end:]])
