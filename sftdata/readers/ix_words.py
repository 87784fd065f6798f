"""Words that inline-XBRL transformations turn into codes: numbers, months, regions, exchanges."""

from __future__ import annotations

import re

__all__ = ["EXCHANGES", "FILER_CATEGORIES", "MONTHS", "REGIONS", "words_to_number"]

MONTHS = {
    name: f"{n:02d}"
    for n, name in enumerate(
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
        start=1,
    )
}

_ONES = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_SMALL = {word: n for n, word in enumerate(_ONES)}
_SMALL.update({word: 10 * n for n, word in enumerate(_TENS, start=2)})
_SMALL.update({"no": 0, "none": 0, "a": 1, "an": 1})
_LARGE = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}


def words_to_number(text: str) -> int | None:
    """Read an English number word or plain digits.

    >>> words_to_number("twenty-five"), words_to_number("one hundred and five thousand")
    (25, 105000)
    >>> words_to_number("several") is None
    True
    """
    words = [w for w in re.split(r"[\s,\-\u2010-\u2015]+", text.lower().strip()) if w != "and"]
    words = [w for w in words if w]
    if not words or len(words) > 20:
        return None
    total = part = 0
    for word in words:
        if word.isascii() and word.isdigit() and len(word) <= 15:
            part += int(word)
        elif word in _SMALL:
            part += _SMALL[word]
        elif word == "hundred":
            part = (part or 1) * 100
        elif word in _LARGE:
            total += (part or 1) * _LARGE[word]
            part = 0
        else:
            return None
    return total + part


_REGION_LIST = (
    "AL Alabama|AK Alaska|AZ Arizona|AR Arkansas|CA California|CO Colorado|CT Connecticut"
    "|DE Delaware|FL Florida|GA Georgia|HI Hawaii|ID Idaho|IL Illinois|IN Indiana|IA Iowa"
    "|KS Kansas|KY Kentucky|LA Louisiana|ME Maine|MD Maryland|MA Massachusetts|MI Michigan"
    "|MN Minnesota|MS Mississippi|MO Missouri|MT Montana|NE Nebraska|NV Nevada|NH New Hampshire"
    "|NJ New Jersey|NM New Mexico|NY New York|NC North Carolina|ND North Dakota|OH Ohio"
    "|OK Oklahoma|OR Oregon|PA Pennsylvania|RI Rhode Island|SC South Carolina|SD South Dakota"
    "|TN Tennessee|TX Texas|UT Utah|VT Vermont|VA Virginia|WA Washington|WV West Virginia"
    "|WI Wisconsin|WY Wyoming|DC District of Columbia|DC Washington D C|PR Puerto Rico|GU Guam"
    "|VI Virgin Islands|VI U S Virgin Islands|AS American Samoa|MP Northern Mariana Islands"
    "|AB Alberta|BC British Columbia|MB Manitoba|NB New Brunswick|NL Newfoundland"
    "|NL Newfoundland and Labrador|NS Nova Scotia|ON Ontario|PE Prince Edward Island|QC Quebec"
    "|SK Saskatchewan|YT Yukon|NT Northwest Territories|NU Nunavut"
)
REGIONS: dict[str, str] = {}
for _entry in _REGION_LIST.split("|"):
    _code, _, _region = _entry.partition(" ")
    REGIONS[_region.lower()] = REGIONS[_code.lower()] = _code

EXCHANGES: dict[str, str] = {
    "new york stock exchange": "NYSE",
    "new york stock exchange llc": "NYSE",
    "new york stock exchange inc": "NYSE",
    "nyse": "NYSE",
    "nasdaq": "NASDAQ",
    "nasdaq stock market": "NASDAQ",
    "nasdaq stock market llc": "NASDAQ",
    "nasdaq stock market inc": "NASDAQ",
    "nasdaq global market": "NASDAQ",
    "nasdaq global select market": "NASDAQ",
    "nasdaq capital market": "NASDAQ",
    "nasdaq stock market llc nasdaq global select market": "NASDAQ",
    "nasdaq stock exchange": "NASDAQ",
    "nyse american": "NYSEAMER",
    "nyse american llc": "NYSEAMER",
    "nyse arca": "NYSEArca",
    "nyse arca inc": "NYSEArca",
    "nyse chicago": "CHX",
    "nyse chicago inc": "CHX",
    "chicago stock exchange": "CHX",
    "chicago stock exchange inc": "CHX",
    "nyse texas": "NYSETEX",
    "cboe bzx exchange inc": "CboeBZX",
    "cboe bzx exchange": "CboeBZX",
    "cboe byx exchange inc": "CboeBYX",
    "cboe edga exchange inc": "CboeEDGA",
    "cboe edgx exchange inc": "CboeEDGX",
    "boston stock exchange": "BX",
    "nasdaq bx inc": "BX",
    "nasdaq phlx llc": "Phlx",
    "box exchange llc": "BOX",
    "investors exchange llc": "IEX",
    "long term stock exchange inc": "LTSE",
    "memx llc": "MEMX",
    "miami international securities exchange llc": "MIAX",
    "none": "NONE",
}

FILER_CATEGORIES: dict[str, str] = {
    "large accelerated filer": "Large Accelerated Filer",
    "accelerated filer": "Accelerated Filer",
    "non accelerated filer": "Non-accelerated Filer",
}
