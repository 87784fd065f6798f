"""The cover page with its `dei` facts."""

from __future__ import annotations

from generator.layout import Look
from generator.markup import curl
from generator.sheet import Sheet
from generator.show import day
from generator.tags import at, during

BOX = {True: "☒", False: "☐"}
RULES = {
    "large": "Large Accelerated Filer",
    "accelerated": "Accelerated Filer",
    "non": "Non-accelerated Filer",
}


def hidden(sheet: Sheet) -> list[tuple[str, str]]:
    """Return the cover facts that filings keep out of sight."""
    focus = f"Q{sheet.interim.quarter}" if sheet.interim else "FY"
    facts = [
        ("dei:AmendmentFlag", "false"),
        ("dei:DocumentFiscalYearFocus", str(sheet.year)),
        ("dei:DocumentFiscalPeriodFocus", focus),
        ("dei:EntityCentralIndexKey", sheet.company.cik),
    ]
    if sheet.look.spans:
        return facts
    return [
        *facts,
        ("dei:CurrentFiscalYearEndDate", f"--{sheet.company.period(str(sheet.year)).end:%m-%d}"),
    ]


def page(sheet: Sheet) -> str:
    """Return the cover page."""
    look, tagger, facts = sheet.look, sheet.tagger, sheet.company.facts
    main = during(sheet.main)

    def tag(concept: str, text: str, form: str = "") -> str:
        return tagger.text(f"dei:{concept}", text, when=main, form=form)

    annual = sheet.interim is None
    words = day(sheet.main.end)
    ended = tag(
        "DocumentPeriodEndDate", words.replace(" ", "&#160;", 1), "ixt:date-monthname-day-year-en"
    )
    if look.spans and annual:
        short = tag(
            "CurrentFiscalYearEndDate",
            day(sheet.main.end, year=False).replace(" ", "&#160;"),
            "ixt:date-monthname-day-en",
        )
        ended = tag(
            "DocumentPeriodEndDate",
            f"{short}, {sheet.main.end.year}",
            "ixt:date-monthname-day-year-en",
        )
    kind, span = ("ANNUAL", "fiscal year") if annual else ("QUARTERLY", "quarterly period")
    lines = [
        look.centre("UNITED STATES<br/>SECURITIES AND EXCHANGE COMMISSION"),
        look.centre("Washington, D.C. 20549"),
        look.centre(f"FORM {tag('DocumentType', '10-K' if annual else '10-Q')}"),
        look.para("(Mark One)"),
        look.centre(f"{tag('DocumentAnnualReport' if annual else 'DocumentQuarterlyReport', BOX[True], 'ixt-sec:boolballotbox')}&#160;&#160;{kind} REPORT PURSUANT TO SECTION 13 OR 15(d) OF THE SECURITIES EXCHANGE ACT OF 1934"),
        look.centre(f"For the {span} ended {ended}", bold=False),
        look.centre("or", bold=False),
        look.centre(f"{tag('DocumentTransitionReport', BOX[False], 'ixt-sec:boolballotbox')}&#160;&#160;TRANSITION REPORT PURSUANT TO SECTION 13 OR 15(d) OF THE SECURITIES EXCHANGE ACT OF 1934"),
        look.centre("For the transition period from ____________ to ____________", bold=False),
        look.centre(f"Commission File Number: {tag('EntityFileNumber', facts['file_number'])}", bold=False),
        look.centre(tag("EntityRegistrantName", curl(sheet.company.name))),
        look.centre("(Exact name of registrant as specified in its charter)", bold=False),
        _identity(sheet),
    ]  # fmt: skip
    lines += _flags(sheet)
    return "".join(lines)


def _identity(sheet: Sheet) -> str:
    tagger, facts, main = sheet.tagger, sheet.company.facts, during(sheet.main)

    def tag(concept: str, text: str, form: str = "") -> str:
        return tagger.text(f"dei:{concept}", text, when=main, form=form)

    def row(left: str, right: str) -> str:
        return f'<tr><td style="width:50%;text-align:center">{left}</td><td style="width:50%;text-align:center">{right}</td></tr>'

    rows = [
        row(
            tag(
                "EntityIncorporationStateCountryCode",
                facts["incorporated"],
                "ixt-sec:stateprovnameen",
            ),
            tag("EntityTaxIdentificationNumber", facts["irs"]),
        ),
        row(
            "(State or other jurisdiction of incorporation or organization)",
            "(I.R.S. Employer Identification No.)",
        ),
        row(tag("EntityAddressAddressLine1", facts["street"]), ""),
        row(
            f"{tag('EntityAddressCityOrTown', facts['city'])}, {tag('EntityAddressStateOrProvince', facts['state'], 'ixt-sec:stateprovnameen')}",
            tag("EntityAddressPostalZipCode", facts["zip"]),
        ),
        row("(Address of principal executive offices)", "(Zip Code)"),
    ]
    table = f'<table style="width:100%;font-family:{sheet.look.font};font-size:{sheet.look.size}">{"".join(rows)}</table>'
    phone = f"({tag('CityAreaCode', facts['area'])}) {tag('LocalPhoneNumber', facts['phone'])}"
    return (
        table
        + sheet.look.centre(phone)
        + sheet.look.centre("(Registrant’s telephone number, including area code)", bold=False)
        + _securities(sheet)
    )


def _securities(sheet: Sheet) -> str:
    tagger, facts, main = sheet.tagger, sheet.company.facts, during(sheet.main)
    cells = [
        tagger.text("dei:Security12bTitle", facts["security"], when=main),
        tagger.text("dei:TradingSymbol", sheet.company.ticker, when=main),
        tagger.text(
            "dei:SecurityExchangeName", facts["exchange"], when=main, form="ixt-sec:exchnameen"
        ),
    ]
    head = "".join(
        f'<td style="text-align:center;border-bottom:1pt solid #000000"><b>{h}</b></td>'
        for h in (
            "Title of each class",
            "Trading symbol(s)",
            "Name of each exchange on which registered",
        )
    )
    body = "".join(f'<td style="text-align:center">{c}</td>' for c in cells)
    return (
        sheet.look.para("Securities registered pursuant to Section 12(b) of the Act:")
        + f'<table style="width:100%;font-family:{sheet.look.font};font-size:{sheet.look.size}"><tr>{head}</tr><tr>{body}</tr></table>'
    )


def _flags(sheet: Sheet) -> list[str]:
    look, tagger, facts = sheet.look, sheet.tagger, sheet.company.facts
    main = during(sheet.main)
    known = facts["filer"] == "large"

    def yes(concept: str, answer: bool) -> str:
        form = "ixt:fixed-true" if answer else "ixt:fixed-false"
        word = tagger.text(f"dei:{concept}", BOX[True], when=main, form=form)
        return f"Yes {word} No {BOX[False]}" if answer else f"Yes {BOX[False]} No {word}"

    def box(concept: str, answer: bool) -> str:
        return tagger.text(f"dei:{concept}", BOX[answer], when=main, form="ixt-sec:boolballotbox")

    category = [
        (
            tagger.text(
                "dei:EntityFilerCategory", words, when=main, form="ixt-sec:entityfilercategoryen"
            )
            if key == facts["filer"]
            else words
        )
        + " "
        + BOX[key == facts["filer"]]
        for key, words in RULES.items()
    ]
    out = []
    if sheet.interim is None:
        out.append(look.para("Securities registered pursuant to Section 12(g) of the Act: None"))
        out.append(
            look.para(
                f"Indicate by check mark if the registrant is a well-known seasoned issuer, as defined in Rule 405 of the Securities Act. {yes('EntityWellKnownSeasonedIssuer', known)}"
            )
        )
        out.append(
            look.para(
                f"Indicate by check mark if the registrant is not required to file reports pursuant to Section 13 or Section 15(d) of the Act. {yes('EntityVoluntaryFilers', False)}"
            )
        )
    out.append(
        look.para(
            f"Indicate by check mark whether the registrant (1) has filed all reports required to be filed by Section 13 or 15(d) of the Securities Exchange Act of 1934 during the preceding 12 months, and (2) has been subject to such filing requirements for the past 90 days. {yes('EntityCurrentReportingStatus', True)}"
        )
    )
    out.append(
        look.para(
            f"Indicate by check mark whether the registrant has submitted electronically every Interactive Data File required to be submitted pursuant to Rule 405 of Regulation S-T during the preceding 12 months. {yes('EntityInteractiveDataCurrent', True)}"
        )
    )
    out.append(
        look.para(
            "Indicate by check mark whether the registrant is a large accelerated filer, an accelerated filer, a non-accelerated filer, a smaller reporting company, or an emerging growth company."
        )
    )
    out.append(
        look.para(
            "&#160;&#160;&#160;".join(
                [
                    *category,
                    f"Smaller reporting company {box('EntitySmallBusiness', facts.get('small', False))}",
                    f"Emerging growth company {box('EntityEmergingGrowthCompany', False)}",
                ]
            )
        )
    )
    if sheet.interim is None:
        out.append(
            look.para(
                f"Indicate by check mark whether the registrant has filed a report on and attestation to its management’s assessment of the effectiveness of its internal control over financial reporting under Section 404(b) of the Sarbanes-Oxley Act by the registered public accounting firm that prepared or issued its audit report. {box('IcfrAuditorAttestationFlag', facts['filer'] != 'non')}"
            )
        )
    out.append(
        look.para(
            f"Indicate by check mark whether the registrant is a shell company (as defined in Rule 12b-2 of the Act). {yes('EntityShellCompany', False)}"
        )
    )
    out.append(_shares(sheet))
    return out  # fmt: skip


def _shares(sheet: Sheet) -> str:
    look: Look = sheet.look
    tagger = sheet.tagger

    def count(value: int, when: object) -> str:
        return tagger.number(
            "dei:EntityCommonStockSharesOutstanding", value, f"{value:,}", when=when, unit="shares"
        )

    if sheet.interim:
        shares = count(sheet.interim.outstanding, at(sheet.interim.filed))
        return look.para(
            f"{shares} shares of the registrant’s common stock were outstanding as of {day(sheet.interim.filed)}."
        )
    c = sheet.company.covers[sheet.year]
    worth = tagger.number(
        "dei:EntityPublicFloat",
        c.public_float * 10**6,
        f"{c.public_float:,}",
        when=at(c.float_on),
        unit="usd",
        scale=6,
        decimals="-6",
    )
    shares = count(c.outstanding, at(c.outstanding_on))
    return (
        look.para(f"The aggregate market value of the voting stock held by non-affiliates of the registrant, as of {day(c.float_on)}, the last business day of the registrant’s most recently completed second fiscal quarter, was approximately ${worth} million.")
        + look.para(f"{shares} shares of common stock were issued and outstanding as of {day(c.outstanding_on)}.")
        + look.centre("DOCUMENTS INCORPORATED BY REFERENCE")
        + look.para(tagger.text("dei:DocumentsIncorporatedByReferenceTextBlock", f"Portions of the registrant’s definitive proxy statement for its {c.filed.year} annual meeting of stockholders are incorporated by reference into Part III of this report.", when=during(sheet.main)))
    )  # fmt: skip
