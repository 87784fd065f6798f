"""Can the answer of a held-out sample be read in a train prompt?"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pydantic import Field

from sftdata.dataset import AuditData
from sftdata.part import Part
from sftdata.report import CheckResult, Finding, Severity
from sftdata.similarity.quoted import holders

__all__ = ["AnswersInTrainCheck"]

_NUMBER = re.compile(r"\d[\d,.]*\d|\d")
_LEFT, _RIGHT = r"^[|\s]*", r"[|\s]*$"
LONG = 8
"""Words from which a sentence about the same company or patient is told apart from chance."""
Entry = tuple[str, str]
"""Label and digits."""


class AnswersInTrainCheck(Part):
    """Looks for the evidence of held-out answers in train prompts, fact by fact.

    From a table row the label and each figure are taken (`Total revenue`, `383285`), so that a
    figure is found again in another table, beside another year; from a sentence the whole
    sentence. What stands in the prompts of many groups is common property. Figures with fewer
    than `digits` significant digits prove nothing: `Common stock, $0.001 par` is everybody's.
    In a split by time figures are printed again by design, which is told; the whole row or
    sentence, word for word, warns.
    """

    name: ClassVar[str] = "answers_in_train"
    title: ClassVar[str] = "Answers not told in train"
    question: ClassVar[str] = "Does a train prompt state what a held-out sample asks for?"
    fault: ClassVar[str] = "held-out answers that train prompts state"
    why: ClassVar[str] = (
        "Next year's report prints this year's figure again, a letter repeats the finding: the "
        "answer is then known although the passages differ."
    )
    action: ClassVar[str] = "Remove the named train samples, or split by company or patient."
    severity: ClassVar[str] = "error"
    needs: ClassVar[tuple[str, ...]] = ("split", "prompt", "evidence")
    across: ClassVar[bool] = True

    digits: int = Field(4, ge=2)
    """Significant digits from which a figure with its label is told apart from chance."""
    apart: int = Field(8, ge=2)
    """The same where the groups are known to differ: digits of all figures that a row shares."""

    def __call__(self, data: AuditData) -> CheckResult:
        """Take the evidence of every held-out split to the prompts of train."""
        held = np.flatnonzero(np.isin(data.split_of, data.splits[1:]))
        quotes, owners = _quotes(data, held)
        train = data.rows_of(data.train)
        rows = self._by_row(data, quotes, owners, train)
        sentences = self._by_sentence(data, quotes, owners, train)
        findings = [*rows, *sentences]
        return CheckResult.of(
            self,
            findings,
            compared=f"{len(quotes):,} distinct quotes of {len(held):,} held-out samples with "
            f"{len(train):,} train prompts",
            metrics={"by_label_and_figure": len(rows), "by_sentence": len(sentences)},
        )

    def _by_row(
        self,
        data: AuditData,
        quotes: list[str],
        owners: list[list[int]],
        train: NDArray[np.int64],
    ) -> list[Finding]:
        wanted: dict[Entry, list[int]] = defaultdict(list)
        for number, quote in enumerate(quotes):
            for line in quote.splitlines():
                for entry in _entries(line, self.digits):
                    wanted[entry].append(number)
        found: dict[tuple[int, int], set[Entry]] = defaultdict(set)
        for row, entry in _lines(data, train, wanted, self.digits):
            for number in wanted[entry]:
                found[number, row].add(entry)
        pairs = [
            (number, row, sum(len(e[1]) for e in entries))
            for (number, row), entries in sorted(found.items())
        ]
        what = {n: " and ".join(sorted({e[0] for e in found[n, r]})[:2]) for n, r in found}
        return self._findings(data, quotes, owners, pairs, what)

    def _by_sentence(
        self,
        data: AuditData,
        quotes: list[str],
        owners: list[list[int]],
        train: NDArray[np.int64],
    ) -> list[Finding]:
        plain = [i for i, q in enumerate(quotes) if not q.lstrip().startswith("|")]
        if not plain:
            return []
        prompts = data.array("prompt").take(pa.array(train))
        found = holders(pa.array([quotes[i] for i in plain], pa.string()), prompts)
        groups = data.group_codes
        common = max(3, int(0.02 * max(len(np.unique(groups[groups >= 0])), 1)))
        pairs = []
        for place, rows in found.items():
            number = plain[place]
            shared = train[rows]
            if len({int(g) for g in groups[shared] if g >= 0}) >= common:
                continue
            strength = sum(len(d) for d in _figures(quotes[number], self.digits))
            pairs += [(number, int(row), strength) for row in shared.tolist()]
        return self._findings(data, quotes, owners, pairs, {})

    def _findings(
        self,
        data: AuditData,
        quotes: list[str],
        owners: list[list[int]],
        pairs: list[tuple[int, int, int]],
        what: dict[int, str],
    ) -> list[Finding]:
        """Make one finding per quote, with all the train rows that state it."""
        by_quote: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for number, row, strength in pairs:
            by_quote[number].append((row, strength))
        findings = []
        for number, told in sorted(by_quote.items()):
            mine = owners[number]
            long = number not in what and _length(quotes[number]) >= LONG
            known = [r for r, strength in told if self._tells(data, mine, (r, strength), long=long)]
            if not known:
                continue
            severity = self._severity(data, mine, known, quotes[number])
            shown = f"{what[number]!r} with its figure" if number in what else "its sentence"
            findings.append(
                Finding.of(
                    self.name,
                    severity,
                    f"The evidence of {data.ids[mine[0]]} ({data.split_of[mine[0]]}) stands in "
                    f"{len(known)} prompts of {data.train}: {shown}",
                    subject=min(data.named(mine)) + "|" + _digest(quotes[number]),
                    ids=data.named([*known[:50], *mine]),
                    split_pair=(data.train, str(data.split_of[mine[0]])),
                    example=data.side_by_side(
                        known[0],
                        mine[0],
                        (_around(data, known[0], quotes[number]), quotes[number]),
                    ),
                    action=self.action,
                )
            )
        return findings

    def _severity(self, data: AuditData, held: list[int], known: list[int], quote: str) -> Severity:
        """Return how bad it is: by time, a figure printed again is no leak, and a copy warns."""
        if data.timed:
            prompts = data.array("prompt")
            told = (_label(prompts[r].as_py() or "") for r in known)
            return "warning" if any(_label(quote) in text for text in told) else "info"
        return "error" if any(_same_group(data, held, r) for r in known) else "warning"

    def _tells(
        self, data: AuditData, held: list[int], told: tuple[int, int], *, long: bool
    ) -> bool:
        """Return whether the likeness is more than chance, seen who the two sides are about.

        A long sentence needs no figure where both sides are known to be about the same one.
        """
        row, strength = told
        if long and int(data.group_codes[row]) in {int(c) for c in data.group_codes[held]} - {-1}:
            return True
        if _same_group(data, held, row):
            return strength >= self.digits
        return strength >= self.apart


def _same_group(data: AuditData, held: list[int], row: int) -> bool:
    """Return whether both are about one group; where a group is unknown, they may be."""
    code = int(data.group_codes[row])
    return any(code in (int(c), -1) or int(c) == -1 for c in data.group_codes[held])


def _quotes(data: AuditData, held: NDArray[np.int64]) -> tuple[list[str], list[list[int]]]:
    """Return the distinct quotes of held-out rows, and the rows that rest on each."""
    places: dict[str, int] = {}
    quotes: list[str] = []
    owners: list[list[int]] = []
    evidence = data.array("evidence")
    for row, spans in zip(held.tolist(), evidence.take(pa.array(held)).to_pylist(), strict=True):
        for span in spans or ():
            quote = span["quote"] or ""
            place = places.setdefault(quote, len(quotes))
            if place == len(quotes):
                quotes.append(quote)
                owners.append([])
            if not owners[place] or owners[place][-1] != row:
                owners[place].append(row)
    return quotes, owners


def _entries(line: str, digits: int) -> set[Entry]:
    """Return label and figure of each cell of a table row.

    >>> sorted(_entries("| Net sales | $ 391,035 | 383,285 | 2 % |", 4))
    [('net sales', '383285'), ('net sales', '391035')]
    """
    cells = line.strip().strip("|").split("|")
    label = _label(cells[0])
    if len(cells) < 2 or not any(c.isalpha() for c in label):
        return set()
    return {(label, figure) for cell in cells[1:] for figure in _figures(cell, digits)}


def _figures(text: str, digits: int) -> set[str]:
    """Return the numbers of a text as digits without separators and outer zeros.

    A year is no figure: four digits that begin with 19 or 20 and have no separator.
    """
    found = set()
    for raw in _NUMBER.findall(unicodedata.normalize("NFKC", text)):
        bare = raw.replace(",", "").replace(".", "").strip("0")
        if len(bare) >= digits and not (raw.isdigit() and re.fullmatch(r"(19|20)\d\d", raw)):
            found.add(bare)
    return found


def _label(cell: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", cell).casefold().split())


def _lines(
    data: AuditData, train: NDArray[np.int64], wanted: dict[Entry, list[int]], digits: int
) -> Iterator[tuple[int, Entry]]:
    """Yield each train row with each wanted entry that stands in a table of its prompt."""
    labels = {label for label, _ in wanted}
    if not labels:
        return
    for start in range(0, len(train), 2048):
        rows = train[start : start + 2048]
        lines = pc.split_pattern(pc.fill_null(data.array("prompt").take(pa.array(rows)), ""), "\n")
        parents = np.asarray(pc.list_parent_indices(lines), dtype=np.int64)
        flat = pc.list_flatten(lines)
        table = np.asarray(pc.starts_with(flat, "|"))
        encoded = flat.filter(pa.array(table)).dictionary_encode()
        known = [
            _entries(line, digits) & wanted.keys()
            if _label(line.strip().strip("|").split("|")[0]) in labels
            else set()
            for line in encoded.dictionary.to_pylist()
        ]
        codes = np.asarray(encoded.indices, dtype=np.int64)
        useful = np.array([bool(k) for k in known], dtype=bool)
        if not useful.any():
            continue
        hits = useful[codes]
        for row, code in zip(
            rows[parents[table][hits]].tolist(), codes[hits].tolist(), strict=True
        ):
            for entry in sorted(known[code]):
                yield row, entry


def _around(data: AuditData, row: int, quote: str) -> str:
    """Return the line of a prompt that has the quote's label or first words."""
    prompt = data.array("prompt")[row].as_py() or ""
    key = _label(quote.strip().strip("|").split("|")[0])[:60]
    for line in prompt.splitlines():
        if key and key in _label(line):
            return str(line)
    return str(prompt)


def _length(text: str) -> int:
    """Return the number of words; two Chinese characters count as one."""
    han = sum("\u3400" <= c <= "\u9fff" for c in text)
    return len(re.findall(r"[^\W\u3400-\u9fff]+", text)) + han // 2


def _digest(text: str) -> str:
    return Finding.stable_id("quote", text)
