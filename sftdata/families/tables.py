"""A printed table as rows and columns, from its tagged figures and its own cells.

The figures are the tags'; the cells say in which column each stands, what is left blank, and
whether there is a figure that no tag explains: a table with one is not taken.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sftdata.families.evident import scale_shown
from sftdata.families.figures import display_unit, printed
from sftdata.families.shelf import PassageText, Shelf, part_of
from sftdata.text import blocks
from sftdata.types import Fact

__all__ = ["Table", "read_table", "table_parts"]

Table = dict[str, Any]
"""`{"columns": [...], "rows": [{"label", "unit", "values"}]}`; a heading has no values."""

_OVER_A_TABLE = 2
"""Paragraphs over a table that go with it: a heading and a caption."""
_FEWEST_ROWS = 2
_CELL_END = re.compile(r"(?<!\\)\|")
_DASH = re.compile(r"[\s$€£¥%]*[-–—−][\s$€£¥%]*")
_RULE = re.compile(r"\|(?:\s*:?-{3,}:?\s*\|)+")


def table_parts(passage: PassageText) -> list[PassageText]:
    """Cut a passage into its tables, each with what stands over it; one table stays as it is."""
    found = blocks(passage.text)
    tables = [i for i, b in enumerate(found) if b.kind == "table"]
    if len(tables) < 2:
        return [passage]
    parts = []
    for i in tables:
        first = i
        while first and found[first - 1].kind != "table" and i - first < _OVER_A_TABLE:
            first -= 1
        start, end = found[first].start, found[i].end
        parts.append(part_of(passage, passage.start + start, passage.start + end))
    return parts


def read_table(shelf: Shelf, passage: PassageText, facts: Sequence[Fact]) -> Table | None:
    """Return the one table of a passage; None when it cannot be told in full from its tags.

    Args:
        shelf: the document.
        passage: where the table stands; it must be the only one there.
        facts: its tagged figures.

    Returns:
        Columns from left to right and a row for every line, headings among them without values;
        a dash is `0`, a blank cell is None. A table whose scale ("in millions") the passage does
        not show is not taken.
    """
    lines = _lines(passage)
    facts = [f for f in facts if _column_of(shelf, f)]  # not a par value inside a label
    rows: dict[int, list[Fact]] = {}
    for fact in facts:
        if fact.row_start not in lines or not fact.attribute("column") or not fact.label:
            return None
        if not scale_shown(passage.text, fact):
            return None
        rows.setdefault(fact.row_start, []).append(fact)
    columns = _columns(shelf, facts)
    if (
        not columns
        or len(rows) < _FEWEST_ROWS
        or len({f.attribute("table_start") for f in facts}) != 1
    ):
        return None
    told: list[dict[str, Any]] = []
    for start, cells in lines.items():
        if start in rows:
            row = _row(shelf, rows[start], cells, columns)
            if row is None:
                return None
            told.append(row)
        elif any(cells[1:]):
            return None
        elif cells[0]:
            told.append({"label": cells[0], "unit": None, "values": []})
    return {"columns": list(columns.values()), "rows": told}


def _lines(passage: PassageText) -> dict[int, list[str]]:
    """Return the cells of each line below the head by its place; nothing for two tables."""
    found: dict[int, list[str]] = {}
    place, tables, inside = passage.start, 0, False
    for line in passage.text.split("\n"):
        if line.startswith("|"):
            tables += not inside
            if _RULE.fullmatch(line.strip()):
                found.clear()
            else:
                found[place] = [c.strip() for c in _CELL_END.split(line)[1:-1]]
        inside = line.startswith("|")
        place += len(line) + 1
    return found if tables == 1 else {}


def _columns(shelf: Shelf, facts: Sequence[Fact]) -> dict[int, str]:
    """Return the heading of each column of figures, left to right; empty when one has two."""
    found: dict[int, str] = {}
    for fact in facts:
        heading = fact.attribute("column")
        if found.setdefault(_column_of(shelf, fact), heading) != heading:
            return {}
    if len(set(found.values())) != len(found):
        return {}
    return dict(sorted(found.items()))


def _column_of(shelf: Shelf, fact: Fact) -> int:
    """Return the place of a fact's cell in its line: 0 for the label."""
    before = shelf.doc.text[fact.row_start : fact.start]
    return len(_CELL_END.findall(before)) - 1


def _row(
    shelf: Shelf, facts: Sequence[Fact], cells: Sequence[str], columns: Mapping[int, str]
) -> dict[str, Any] | None:
    """Return one row; None when a cell holds what no tag explains, or the units differ."""
    by_column = {_column_of(shelf, f): f for f in facts}
    units = {display_unit(f) for f in facts if f.number}
    if len(by_column) != len(facts) or len(units) > 1:
        return None
    values: list[str | None] = []
    for index, cell in enumerate(cells):
        if index in by_column:
            values.append(_signed(shelf, by_column[index]))
        elif index in columns:
            values.append("0" if _DASH.fullmatch(cell) else None)
        if index and index not in by_column and cell and not _DASH.fullmatch(cell):
            return None
    return {
        "label": facts[0].label,
        "unit": next(iter(units), display_unit(facts[0])),
        "values": values,
    }


def _signed(shelf: Shelf, fact: Fact) -> str | None:
    """Return the number as printed: parentheses make it negative, whatever the tag's own sign."""
    if fact.number is None or fact.start is None:
        return None
    before = shelf.doc.text[max(0, fact.start - 3) : fact.start].rstrip(" $€£¥")
    value = printed(replace(fact, number=abs(fact.number)))
    negative = before.endswith(("(", "-", "−", "–")) and fact.number != 0
    return f"{'-' if negative else ''}{value}"
