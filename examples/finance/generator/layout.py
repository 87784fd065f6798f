"""EDGAR-style HTML: paragraphs, headings and tables in the manner of two filing agents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

BREAK = '<hr style="page-break-after:always"/>'


@dataclass(frozen=True, slots=True)
class Cell:
    """One figure of a table: currency sign, body, closing parenthesis or percent sign."""

    body: str = ""
    before: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One row: a label and a cell per column. `total` rows are ruled."""

    label: str
    cells: tuple[Cell, ...] = ()
    total: bool = False
    indent: int = 0
    bold: bool = False


@dataclass(frozen=True, slots=True)
class Look:
    """The house style of a filing agent: fonts, shading, and whether text sits in spans or in paragraphs."""

    font: str
    size: str
    shade: str
    spans: bool
    justify: bool

    def para(self, inner: str, *, style: str = "", weight: str = "", extra: str = "") -> str:
        """Return one paragraph; `inner` is already HTML."""
        align = "text-align:justify" if self.justify and "text-align" not in style else ""
        outer = ";".join(
            s for s in ("margin-top:9pt" if self.spans else "margin:0 0 8pt", style, align) if s
        )
        text = ";".join(s for s in (weight, extra) if s)
        if self.spans:
            return (
                f'<div style="{outer}">'
                + (f'<span style="{text}">{inner}</span>' if text else f"<span>{inner}</span>")
                + "</div>"
            )
        outer += f";font:{self.size} {self.font}"
        for css, tag in (
            ("text-decoration:underline", "u"),
            ("font-style:italic", "i"),
            ("font-weight:700", "b"),
        ):
            if css in text:
                inner = f"<{tag}>{inner}</{tag}>"
        return f'<p style="{outer}">{inner}</p>'

    def head(self, inner: str, level: int) -> str:
        """Return a heading; levels differ in weight and slant only, as they do in filings."""
        weight = {
            1: "font-weight:700",
            2: "font-weight:700;font-style:italic",
            3: "font-style:italic;text-decoration:underline",
        }[level]
        return self.para(inner, weight=weight, style="text-align:left")

    def centre(self, inner: str, *, bold: bool = True) -> str:
        """Return a centred line."""
        return self.para(
            inner,
            style="text-align:center",
            weight="font-weight:700" if bold else "font-weight:400",
        )

    def bullet(self, inner: str) -> str:
        """Return a bullet: a hanging indent, or a two-cell table as older software makes them."""
        if self.spans:
            return f'<div style="margin-top:6pt;padding-left:36pt;text-indent:-18pt"><span>&#8226;&#160;&#160;&#160;{inner}</span></div>'
        return f'<table style="width:100%;font:{self.size} {self.font}"><tr><td style="width:18pt"></td><td style="width:18pt;vertical-align:top">&#8226;</td><td>{inner}</td></tr></table>'

    def table(
        self, heads: Sequence[Sequence[tuple[str, int]]], rows: Sequence[Row], columns: int
    ) -> str:
        """Return a table; `heads` are header rows of (text, number of columns spanned)."""
        out = [
            f'<table style="border-collapse:collapse;width:100%;font-family:{self.font};font-size:{self.size};margin-bottom:5pt">'
        ]
        lead = 3 if self.spans else 1
        widths = (
            f'<td style="width:1%"/><td style="width:{96 - 13 * columns}%"/><td style="width:0.1%"/>'
            if self.spans
            else ""
        )
        if self.spans:
            out.append(
                "<tr>"
                + widths
                + '<td style="width:0.5%"/><td style="width:1%"/><td style="width:11%"/><td style="width:0.5%"/>'
                * columns
                + "</tr>"
            )
        out.extend(
            f'<tr><td colspan="{lead}"></td>'
            + "".join(self._head(text, span) for text, span in head)
            + "</tr>"
            for head in heads
        )
        for n, row in enumerate(rows):
            out.append(self._row(row, columns, lead, shade=n % 2 == 0))
        out.append("</table>")
        return f'<div style="margin-top:6pt">{"".join(out)}</div>' if self.spans else "".join(out)

    def _head(self, text: str, span: int) -> str:
        rule = "border-bottom:1pt solid #000000;" if text else ""
        return f'<td style="padding:0 1pt"></td><td colspan="{4 * span - 1}" style="{rule}text-align:center;vertical-align:bottom"><b>{text}</b></td>'

    def _row(self, row: Row, columns: int, lead: int, *, shade: bool) -> str:
        ground = f' style="background-color:{self.shade}"' if shade else ""
        label = "&#160;" * (3 * row.indent) + row.label if self.spans else row.label
        pad = "" if self.spans or not row.indent else f' style="padding-left:{10 * row.indent}pt"'
        label = f"<b>{label}</b>" if row.bold else label
        span = f' colspan="{lead}"' if lead > 1 else ""
        cells = [f"<td{span}{pad}>{label}</td>"]
        if not row.cells:
            cells.append(f'<td colspan="{4 * columns}"/>')
        rule = ' style="border-top:1pt solid #000000"' if row.total else ""
        right = (
            'style="text-align:right;border-top:1pt solid #000000"'
            if row.total
            else 'align="right"'
        )
        for cell in row.cells:
            sign = f"<td{rule}>{cell.before}</td>" if cell.before else f"<td{rule}/>"
            after = f"<td>{cell.after}</td>" if cell.after else "<td/>"
            cells.append(f"<td/>{sign}<td {right}>{cell.body}</td>{after}")
        return f"<tr{ground}>" + "".join(cells) + "</tr>"


def look_of(style: dict[str, str]) -> Look:
    """Return the look named by the company."""
    return Look(
        font=style.get("font", "Times New Roman"),
        size=style.get("size", "10pt"),
        shade=style.get("shade", "#cceeff"),
        spans=style.get("agent", "spans") == "spans",
        justify=style.get("justify", "yes") == "yes",
    )
