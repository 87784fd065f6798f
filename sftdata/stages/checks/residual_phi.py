"""Do texts still hold what names a person?"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sftdata.dataset import AuditData
from sftdata.part import Part
from sftdata.report import CheckResult, Finding

__all__ = ["ResidualPhiCheck"]


@dataclass(frozen=True)
class Pattern:
    """One kind of identifier: how it is found quickly, read exactly, and told from a number."""

    name: str
    words: str
    quick: str
    """RE2, without look-around: which texts are worth reading."""
    exact: re.Pattern[str]
    valid: Callable[[re.Match[str]], bool]
    sure: bool
    """Whether a checksum or a cue word proves it: then it is told in any domain."""


class ResidualPhiCheck(Part):
    """Looks for identifiers of persons: e-mail, phone, SSN, Chinese id and mobile, record numbers.

    Numbers count only if their checksum, their ranges or a cue word say so. In medicine every
    kind is told; elsewhere only what is proved, because companies print phone numbers on purpose.
    Findings never show what was found.
    """

    name: ClassVar[str] = "residual_phi"
    title: ClassVar[str] = "No identifiers of persons left"
    question: ClassVar[str] = "Do samples hold e-mail addresses, phone, identity or record numbers?"
    fault: ClassVar[str] = "identifiers of persons"
    why: ClassVar[str] = (
        "What names a patient must not be learnt, and an identifier that stands in two splits ties "
        "them together."
    )
    action: ClassVar[str] = "De-identify the sources again and rebuild; look at every named sample."
    severity: ClassVar[str] = "warning"
    needs: ClassVar[tuple[str, ...]] = ("prompt",)
    across: ClassVar[bool] = False

    scope: Literal["auto", "all", "proved"] = "auto"
    """`all`: every kind everywhere; `proved`: only what a checksum or cue proves."""

    def __call__(self, data: AuditData) -> CheckResult:
        """Read prompts and completions."""
        medical = _medical(data)
        found: dict[str, set[int]] = defaultdict(set)
        hits: dict[str, int] = defaultdict(int)
        for column in ("prompt", "completion"):
            if not data.has(column):
                continue
            texts = data.array(column)
            for pattern in PATTERNS:
                for row in _suspects(texts, pattern.quick):
                    if not (pattern.sure or self.scope == "all" or self._all_of(medical, row)):
                        continue
                    count = sum(
                        pattern.valid(m) for m in pattern.exact.finditer(texts[row].as_py())
                    )
                    if count:
                        found[pattern.name].add(row)
                        hits[pattern.name] += count
        findings = [
            Finding.of(
                self.name,
                "warning",
                f"{len(rows):,} samples hold {next(p.words for p in PATTERNS if p.name == name)}",
                subject=name,
                ids=data.named(sorted(rows)),
                action=self.action,
            )
            for name, rows in sorted(found.items())
        ]
        return CheckResult.of(
            self,
            findings,
            compared=f"{data.rows:,} samples with {len(PATTERNS)} kinds of identifiers"
            + ("" if medical.any() else "; outside medicine only those that are proved"),
            metrics={"hits": dict(sorted(hits.items()))},
        )

    def _all_of(self, medical: np.ndarray[tuple[int], np.dtype[np.bool_]], row: int) -> bool:
        return self.scope == "auto" and bool(medical[row])


def _medical(data: AuditData) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    if not data.has("domain"):
        return np.zeros(data.rows, dtype=np.bool_)
    known = {
        "medicine",
        "medical",
        "clinical",
        "health",
        "healthcare",
        "biomedical",
        "医疗",
        "医学",
    }
    return np.array([str(v or "").casefold() in known for v in data.values("domain")], dtype=bool)


def _suspects(texts: pa.Array, quick: str) -> list[int]:
    mask = pc.fill_null(pc.match_substring_regex(texts, quick), False)
    return list(np.flatnonzero(np.asarray(mask)).tolist())


def _id_card(match: re.Match[str]) -> bool:
    """Return whether 18 digits are a Chinese identity number: birth date and check digit.

    GB 11643-1999: weights 2^(17-i) mod 11.
    """
    text = match[0].upper()
    year, month, day = int(text[6:10]), int(text[10:12]), int(text[12:14])
    if not (1900 <= year <= 2035 and 1 <= month <= 12 and 1 <= day <= 31):
        return False
    total = sum(int(c) * (2 ** (17 - i) % 11) for i, c in enumerate(text[:17]))
    return "10X98765432"[total % 11] == text[17] and bool(_PROVINCES.match(text))


_PROVINCES = re.compile(r"1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[12]")


def _ssn(match: re.Match[str]) -> bool:
    """Return whether a number can be an SSN: no area 000, 666 or 9xx, no empty group or serial."""
    area, group, serial = match[1], match[2], match[3]
    sample = match[0] in {"078-05-1120", "219-09-9999", "123-45-6789"}
    return (
        area not in ("000", "666")
        and area[0] != "9"
        and not sample
        and (group != "00" and serial != "0000")
    )


def _email(match: re.Match[str]) -> bool:
    domain = match[1].casefold()
    made_up = ("example.com", "example.org", "example.net", "test.com", "domain.com")
    return domain not in made_up and not domain.endswith((".example", ".invalid", ".test"))


def _phone(match: re.Match[str]) -> bool:
    """Return whether a North American number is assigned: 555 is for fiction, N11 for services."""
    area, exchange = match[1], match[2]
    if "555" in (area, exchange) or area[1:] == "11" or exchange[1:] == "11":
        return False
    return area[0] not in "01" and exchange[0] not in "01" and area not in ("800", "888", "877")


def _always(_: re.Match[str]) -> bool:
    return True


PATTERNS: tuple[Pattern, ...] = (
    Pattern(
        "email",
        "e-mail addresses",
        r"[A-Za-z0-9]@[A-Za-z0-9]",
        re.compile(
            r"(?<![\w.+-])[A-Za-z0-9][\w.+-]{0,63}@((?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,24})\b"
        ),
        _email,
        sure=False,
    ),
    Pattern(
        "phone",
        "phone numbers",
        r"\d{3}[-. )]{1,2}\d{3}[-. ]\d{4}",
        re.compile(r"(?<![\d.,-])\(?(\d{3})(?:\)\s?|[-. ])(\d{3})[-. ](\d{4})(?![\d.,-]?\d)"),
        _phone,
        sure=False,
    ),
    Pattern(
        "ssn",
        "US social security numbers",
        r"\d{3}-\d{2}-\d{4}",
        re.compile(r"(?<![\d-])(\d{3})-(\d{2})-(\d{4})(?![\d-])"),
        _ssn,
        sure=True,
    ),
    Pattern(
        "id_card",
        "Chinese identity card numbers",
        r"\d{17}[\dXx]",
        re.compile(r"(?<![\dA-Za-z])\d{17}[\dXx](?![\dA-Za-z])"),
        _id_card,
        sure=True,
    ),
    Pattern(
        "mobile",
        "Chinese mobile numbers",
        r"1[3-9]\d[- ]?\d{4}[- ]?\d{4}",
        re.compile(
            r"(?:手机|电话|联系方式|联系人|mobile|phone|tel)[^\d\n]{0,12}(?:\+?86[- ]?)?"
            r"(1[3-9]\d[- ]?\d{4}[- ]?\d{4})(?!\d)",
            re.IGNORECASE,
        ),
        _always,
        sure=True,
    ),
    Pattern(
        "record_number",
        "medical record numbers",
        r"(?i)(?:\bmrn\b|medical record|record number|病历号|住院号|门诊号|病案号|登记号)",
        re.compile(
            r"(?:\bMRN|medical record (?:number|no\.?)|record number|病历号|住院号|门诊号|病案号"
            r"|登记号)"
            r"(?:码)?\s*(?:is|:|：|#|为|是)?\s*#?\s*(?=[A-Z-]{0,4}\d)[A-Z0-9-]{5,20}(?![A-Z0-9])",
            re.IGNORECASE,
        ),
        _always,
        sure=True,
    ),
)
