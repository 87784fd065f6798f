"""Charts and visit notes written from records, as a clinician would read them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace

from sftdata.readers.fhir_page import Page, Piece
from sftdata.readers.fhir_records import Record, attributes
from sftdata.readers.fhir_terms import chart_rank
from sftdata.readers.fhir_words import Style
from sftdata.types import Fact

__all__ = ["charted_once", "render_sections"]

Cell = list[Piece]


def _shown(fact: Fact, style: Style) -> Fact:
    """Return the fact with the words of the locale for a nil or boolean value."""
    if fact.value is None:
        return replace(fact, as_reported=style.say("nil"))
    if fact.kind == "boolean":
        return replace(fact, as_reported=style.say("yes" if fact.value == "true" else "no"))
    return fact


def _joined(unit: str) -> str:
    """Return a unit with the space that belongs before it: `5/10`, `98 %`, `72 bpm`."""
    return f" {unit}" if unit and not unit.startswith("/10") else unit


def _value(record: Record, style: Style, *, unit: bool = True) -> list[Piece]:
    """Return the pieces of a result: the value, or the two pressures with their slash."""
    whole, *parts = record.facts
    printed = _joined(whole.attribute("printed_unit")) if unit and whole.value is not None else ""
    if len(parts) == 2:
        return [record.facts, printed]
    return [_shown(whole, style), printed]


def _full_table(page: Page, header: list[str], rows: list[list[Cell]]) -> None:
    """Write a table without the columns that are empty in every row."""
    kept = [n for n in range(len(header)) if any(any(row[n]) for row in rows)]
    page.table([header[n] for n in kept], [[row[n] for n in kept] for row in rows])


_VALUES_CHARTED = 3


def _latest(records: Iterable[Record], most: int) -> list[Record]:
    """Return the last records of each code by date, one a day."""
    by_code: dict[str, dict[str, Record]] = {}
    for record in records:
        by_code.setdefault(record.facts[0].name, {})[record.date] = record
    return [days[day] for days in by_code.values() for day in sorted(days, reverse=True)[:most]]


def charted_once(records: list[Record]) -> list[Record]:
    """Return what a summary shows: the last values of each vital sign and test, for their trend.

    Of screenings and other findings the most recent one stands.
    """
    kept: set[int] = set()
    for section, most in (("vitals", _VALUES_CHARTED), ("labs", _VALUES_CHARTED),
                          ("social", 1), ("findings", 1)):  # fmt: skip
        kept |= {id(r) for r in _latest((x for x in records if x.section == section), most)}
    once = {"vitals", "labs", "social", "findings"}
    return [r for r in records if r.section not in once or id(r) in kept]


def _rank(record: Record) -> tuple[int, str, str]:
    return (chart_rank(record.facts[0].attribute("code")), record.facts[0].label, record.date)


def _results_table(page: Page, records: list[Record], style: Style, *, dated: bool) -> None:
    ranges = any(r.facts[0].attribute("reference_range") for r in records)
    flags = any(r.facts[0].attribute("interpretation") for r in records)
    groups = [("result", 0), ("result", 1), ("result", 2)]
    groups += [("range", 0)] if ranges else []
    groups += [("range", 1)] if flags else []
    groups += [("range", 2)] if dated else []
    rows: list[list[Cell]] = []
    for record in records:
        fact = record.facts[0]
        unit = fact.attribute("printed_unit") if fact.value is not None else ""
        row: list[Cell] = [[fact.label], _value(record, style, unit=False), [unit]]
        row += [[fact.attribute("reference_range")]] if ranges else []
        row += [[fact.attribute("interpretation")]] if flags else []
        row += [[record.date]] if dated else []
        rows.append(row)
    _full_table(page, style.columns(*groups), rows)


def _result_pieces(record: Record, style: Style, *, dated: bool) -> list[Piece]:
    fact = record.facts[0]
    flag, span = fact.attribute("interpretation"), fact.attribute("reference_range")
    tail = [flag, f"{style.say('reference')} {span}" if span else "", record.date if dated else ""]
    told = style.say("semicolon").join(t for t in tail if t)
    between = " " if style.layout == "compact" else style.say("colon")
    return [
        fact.label, between, *_value(record, style),
        f"{style.say('open')}{told}{style.say('close')}" if told else "",
    ]  # fmt: skip


def _by_panel(records: list[Record]) -> list[tuple[str, list[Record]]]:
    panels: dict[str, list[Record]] = {}
    for record in records:
        panels.setdefault(record.panel, []).append(record)
    return list(panels.items())


def _results(page: Page, records: list[Record], style: Style, *, dated: bool) -> None:
    """Write vitals or labs: a table, a line each, or one running line a panel."""
    records = sorted(records, key=_rank)
    if style.layout == "table":
        _results_table(page, records, style, dated=dated)
        return
    for panel, members in _by_panel(records):
        if style.layout == "lines":
            if panel:
                page.line(panel, style.say("colon").rstrip())
            for record in members:
                page.line(*_result_pieces(record, style, dated=dated))
            continue
        pieces: list[Piece] = [panel, style.say("colon")] if panel else []
        for number, record in enumerate(members):
            pieces += [style.say("semicolon")] if number else []
            pieces += _result_pieces(record, style, dated=dated)
        page.line(*pieces, style.say("stop"))


def _dated(record: Record, style: Style, *kinds: str) -> list[str]:
    return [f"{style.say(k)} {record.note(k)}" for k in kinds if record.note(k)]


def _bracket(parts: list[str], style: Style) -> str:
    told = style.say("semicolon").join(p for p in parts if p)
    return f"{style.say('open')}{told}{style.say('close')}" if told else ""


def _bullet(style: Style, number: int) -> str:
    return "- " if style.layout == "lines" else f"{number}. "


def _problems(page: Page, records: list[Record], style: Style, *, dated: bool) -> None:
    del dated
    if style.layout == "table":
        _full_table(
            page,
            style.columns(("problem", 0), ("problem", 1), ("problem", 2), ("more", 0)),
            [
                [[r.facts[0]], [_status(r, style)], [r.note("onset") or r.note("recorded")],
                 [r.note("abatement")]]
                for r in records
            ],
        )  # fmt: skip
        return
    for number, record in enumerate(records, start=1):
        dates = _dated(record, style, "onset", "abatement")
        dates = dates or _dated(record, style, "recorded")
        told = [_status(record, style), *dates]
        page.line(_bullet(style, number), record.facts[0], _bracket(told, style))


_HOW = ("dose", "route", "frequency", "as_needed")
_WORDED = {*_HOW, "severity"}


def _printed(record: Record, style: Style) -> Record:
    """Return a record whose facts tell how a drug is taken in the words that the page prints.

    Where the source's own directions are printed, a part that they do not hold is not on the
    page, and no answer may be read from it. A status stays the code that it is.
    """
    own = record.note("instruction")
    told = _instructions(record, style) if record.section == "medications" else ""
    facts: list[Fact] = []
    for fact in record.facts:
        pairs = [
            (a.kind, style.code(a.value) if a.kind in _WORDED else a.value) for a in fact.attributes
        ]
        shown = [(k, _found(v, own) if own and k in _HOW else v) for k, v in pairs]
        facts.append(replace(fact, attributes=attributes([*shown, ("directions", told)])))
    return replace(record, facts=tuple(facts))


def _found(words: str, text: str) -> str:
    """Return words as a text prints them, its blanks aside (`30 mg` in `30mg口服`), or empty."""
    shape = r"(?<![\d.])" + r"\s*".join(re.escape(w) for w in words.split())
    found = re.search(shape, text, re.IGNORECASE)
    return found.group() if found else ""


def _status(record: Record, style: Style) -> str:
    status, doubt = record.note("status"), record.note("verification")
    return style.say("comma").join(style.code(s, record.section) for s in (status, doubt) if s)


def _instructions(record: Record, style: Style) -> str:
    if record.note("instruction"):
        return record.note("instruction")
    return style.say("comma").join(style.code(record.note(k)) for k in _HOW if record.note(k))


def _medications(page: Page, records: list[Record], style: Style, *, dated: bool) -> None:
    del dated
    if style.layout == "table":
        _full_table(
            page,
            style.columns(("drug", 0), ("drug", 1), ("drug", 2), ("range", 2)),
            [
                [[r.facts[0]], [_instructions(r, style)], [_status(r, style)], [r.note("authored")]]
                for r in records
            ],
        )
        return
    for number, record in enumerate(records, start=1):
        how = _instructions(record, style)
        told = [_status(record, style), *_dated(record, style, "authored")]
        page.line(
            _bullet(style, number), record.facts[0], f"{style.say('comma')}{how}" if how else "",
            _bracket(told, style),
        )  # fmt: skip


def _allergies(page: Page, records: list[Record], style: Style, *, dated: bool) -> None:
    del dated
    if style.layout == "table":
        _full_table(
            page,
            style.columns(("allergy", 0), ("allergy", 1), ("problem", 1), ("allergy", 2)),
            [
                [[r.facts[0]], [_reaction(r, style)], [_status(r, style)], [r.note("recorded")]]
                for r in records
            ],
        )
        return
    for number, record in enumerate(records, start=1):
        how = _reaction(record, style)
        told = [
            f"{style.say('reaction')} {how}" if how else "",
            _status(record, style),
            *_dated(record, style, "recorded"),
        ]
        page.line(_bullet(style, number), record.facts[0], _bracket(told, style))


def _reaction(record: Record, style: Style) -> str:
    parts = (record.note("reaction"), style.code(record.note("severity")))
    return style.say("comma").join(p for p in parts if p)


def _events(page: Page, records: list[Record], style: Style, *, dated: bool) -> None:
    """Write immunizations, procedures and care-plan activities: what, and when it was done."""
    if style.layout == "table":
        word = "more" if records[0].section == "immunizations" else ""
        first = style.columns((word, 2))[0] if word else style.say("procedure")
        if records[0].section == "plan":
            first = style.heading("plan").capitalize()
        _full_table(
            page,
            [first, *style.columns(("more", 1), ("problem", 1))],
            [[[r.facts[0]], [r.date], [_status(r, style)]] for r in records],
        )
        return
    for number, record in enumerate(records, start=1):
        if style.layout == "compact" and dated:
            page.line(
                record.date or "-", "  ", record.facts[0], _bracket([_odd(record, style)], style)
            )
            continue
        told = [_odd(record, style), record.date if dated else ""]
        page.line(_bullet(style, number), record.facts[0], _bracket(told, style))


def _odd(record: Record, style: Style) -> str:
    """Return the status where it says more than that the thing was done."""
    return "" if record.note("status") == "completed" else _status(record, style)


def _text(page: Page, records: list[Record], style: Style, *, dated: bool) -> None:
    for record in records:
        when = [record.date if dated else ""]
        page.line(record.facts[0].label, _bracket(when, style), style.say("colon"), record.facts[0])


def _plainly(page: Page, records: list[Record], style: Style, *, dated: bool) -> None:
    del style, dated
    for record in records:
        page.line(record.facts[0])


def _encounters(page: Page, records: list[Record], style: Style, *, dated: bool) -> None:
    del dated
    if style.layout == "table":
        _full_table(
            page,
            style.columns(("more", 1), ("visit", 0), ("visit", 1), ("visit", 2)),
            [
                [[r.date], [r.facts[0]], [style.code(r.note("class"))], [r.note("reason")]]
                for r in records
            ],
        )
        return
    for record in records:
        reason = record.note("reason")
        told = [
            style.code(record.note("class")),
            f"{style.say('reason')} {reason}".replace("： ", "：") if reason else "",
        ]
        page.line(
            "- " if style.layout == "lines" else "", record.date, "  ", record.facts[0],
            _bracket(told, style),
        )  # fmt: skip


_WRITERS: dict[str, Callable[..., None]] = {
    "reason": _plainly,
    "problems": _problems,
    "medications": _medications,
    "allergies": _allergies,
    "vitals": _results,
    "labs": _results,
    "social": _results,
    "findings": _results,
    "reports": _text,
    "procedures": _events,
    "immunizations": _events,
    "plan": _events,
    "disposition": _plainly,
    "encounters": _encounters,
}


def render_sections(
    page: Page, records: list[Record], style: Style, sections: Iterable[tuple[str, str]], *,
    dated: bool,
) -> None:  # fmt: skip
    """Write the named sections that have records, in the order given.

    Args:
        page: where to write.
        records: of one patient or one encounter, sorted as they shall be read.
        style: locale, layout and wording.
        sections: pairs of record section and heading name.
        dated: whether each result carries its own date (a summary over several visits).
    """
    for section, heading in sections:
        members = [_printed(r, style) for r in records if r.section == section]
        if members:
            page.heading(style.heading(heading), section)
            _WRITERS[section](page, members, style, dated=dated)
