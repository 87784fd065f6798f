"""Write the invented filings and visit notes of the training example.

Many small documents instead of a few long ones: a model of 135 million parameters has to see the
task often, and has two processors and a few minutes to do so. Every choice is made by hash, so the
same bytes come out every time.

    python examples/train/make_documents.py examples/train/out/documents
"""

import csv
import hashlib
import sys
from pathlib import Path

COMPANIES, PATIENTS = 48, 130

PAGE = """<?xml version="1.0" encoding="UTF-8"?>
<html xmlns="http://www.w3.org/1999/xhtml" xmlns:ix="http://www.xbrl.org/2013/inlineXBRL"
 xmlns:xbrli="http://www.xbrl.org/2003/instance"
 xmlns:ixt="http://www.xbrl.org/inlineXBRL/transformation/2020-02-12">
<head><title>10-K</title></head><body><div style="display:none"><ix:header><ix:hidden>
<ix:nonNumeric contextRef="now" name="dei:EntityCentralIndexKey" id="h1">{cik}</ix:nonNumeric>
<ix:nonNumeric contextRef="now" name="dei:AmendmentFlag" id="h2">false</ix:nonNumeric>
<ix:nonNumeric contextRef="now" name="dei:DocumentFiscalPeriodFocus" id="h3">FY</ix:nonNumeric>
</ix:hidden><ix:resources>
<xbrli:context id="now"><xbrli:entity><xbrli:identifier scheme="http://www.sec.gov/CIK">{cik}</xbrli:identifier></xbrli:entity>
<xbrli:period><xbrli:startDate>{year}-01-01</xbrli:startDate><xbrli:endDate>{year}-12-31</xbrli:endDate></xbrli:period></xbrli:context>
<xbrli:context id="end"><xbrli:entity><xbrli:identifier scheme="http://www.sec.gov/CIK">{cik}</xbrli:identifier></xbrli:entity>
<xbrli:period><xbrli:instant>{year}-12-31</xbrli:instant></xbrli:period></xbrli:context>
<xbrli:unit id="usd"><xbrli:measure>iso4217:USD</xbrli:measure></xbrli:unit>
</ix:resources></ix:header></div>
<p>FORM <ix:nonNumeric id="c1" name="dei:DocumentType" contextRef="now">10-K</ix:nonNumeric></p>
<p>For the fiscal year ended <ix:nonNumeric id="c2" name="dei:DocumentPeriodEndDate" contextRef="now" format="ixt:date-monthname-day-year-en">December 31, {year}</ix:nonNumeric></p>
<p><ix:nonNumeric id="c3" name="dei:EntityRegistrantName" contextRef="now">{name}</ix:nonNumeric></p>
<hr/><p style="font-weight:bold">Item 8. Financial Statements and Supplementary Data</p>
<p style="font-weight:bold">Notes to Consolidated Financial Statements</p>
{notes}</body></html>
"""

# Title, and sentences with their figures: (us-gaap name, context, lowest, highest) in millions.
NOTES = (
    ("Leases", (
        "Operating lease cost was ${0} million, and operating lease liabilities were ${1} million.",
        "We recognized operating lease cost of ${0} million and owed ${1} million under operating leases at year end.",
        "Rent under operating leases cost ${0} million; the lease liability stood at ${1} million on December 31.",
    ), (("OperatingLeaseCost", "now", 3, 60), ("OperatingLeaseLiability", "end", 20, 400))),
    ("Inventories", (
        "Finished goods were ${0} million and raw materials ${1} million.",
        "Inventories held ${0} million of finished goods and ${1} million of raw materials.",
        "At December 31 we carried finished goods of ${0} million, and raw materials of ${1} million.",
    ), (("InventoryFinishedGoodsNetOfReserves", "end", 10, 300), ("InventoryRawMaterialsNetOfReserves", "end", 5, 200))),
    ("Goodwill and Intangible Assets", (
        "Goodwill was ${0} million. Amortization of intangible assets was ${1} million.",
        "We amortized intangible assets of ${1} million, and goodwill stayed at ${0} million.",
        "Goodwill of ${0} million was not impaired; intangible assets were amortized by ${1} million.",
    ), (("Goodwill", "end", 50, 900), ("AmortizationOfIntangibleAssets", "now", 2, 70))),
    ("Income Taxes", (
        "Income tax expense was ${0} million. Unrecognized tax benefits were ${1} million.",
        "We provided ${0} million for income taxes, and unrecognized tax benefits amounted to ${1} million at year end.",
        "The provision for income taxes came to ${0} million, with unrecognized tax benefits of ${1} million.",
    ), (("IncomeTaxExpenseBenefit", "now", 5, 120), ("UnrecognizedTaxBenefits", "end", 1, 40))),
    ("Debt", (
        "Long-term debt was ${0} million and interest paid was ${1} million.",
        "We owed ${0} million of long-term debt, on which interest of ${1} million was paid.",
        "Borrowings due after one year were ${0} million. Cash paid for interest was ${1} million.",
    ), (("LongTermDebt", "end", 80, 950), ("InterestPaidNet", "now", 4, 60))),
    ("Stock-Based Compensation", (
        "Stock-based compensation expense was ${0} million, of which ${1} million is not yet recognized.",
        "We recorded ${0} million of stock-based compensation; ${1} million remains unrecognized.",
        "Share awards cost ${0} million, and ${1} million of that cost lies ahead.",
    ), (("ShareBasedCompensation", "now", 4, 90), ("EmployeeServiceShareBasedCompensationNonvestedAwardsTotalCompensationCostNotYetRecognized", "end", 6, 140))),
)  # fmt: skip

FIRST = """Alder Birch Cedar Dune Ember Fjord Garnet Harbor Indigo Juniper Kestrel Lark Maple North Onyx Pine Quarry Ridge Sable Tarn Umber Vale Willow Yarrow""".split()  # noqa: SIM905
SECOND = """Analytics Bearings Castings Dynamics Elements Foods Glass Homes Instruments Kinetics Labs Materials Networks Optics Packaging Robotics Systems Tools Valves Works""".split()  # noqa: SIM905

COMPLAINTS = (
    "cough",
    "knee pain",
    "dizziness",
    "heartburn",
    "a sore throat",
    "back pain",
    "fatigue",
    "a rash",
    "ankle swelling",
    "headache",
)
STORIES = (
    "It began {days} days ago and is worse in the evening.",
    "It has come and gone for {days} days. Rest helps a little.",
    "Present for {days} days, without fever or chills.",
    "Noticed {days} days ago after a long drive. Sleep is undisturbed.",
    "For {days} days, about the same each morning. Appetite is good.",
)
VITALS = (
    "VITAL SIGNS: Blood pressure {sbp}/{dbp} mmHg, pulse {pulse} bpm, temperature {temp} F, respirations {rr}, oxygen saturation {spo2}%.",
    "VITAL SIGNS: Temp {temp} F, BP {sbp}/{dbp}, pulse {pulse}, O2 saturation {spo2}% on room air.",
    "VITAL SIGNS: BP {sbp}/{dbp} mmHg. Pulse {pulse}. Temperature {temp} F. Weight {weight} kg.",
    "VITAL SIGNS: Pulse {pulse} bpm, blood pressure {sbp}/{dbp}, respirations {rr}, weight {weight} kg.",
)
LABS = (
    "LABORATORY DATA: Hemoglobin {hgb} g/dL, WBC {wbc}, creatinine {crea} mg/dL.",
    "LABORATORY DATA: Glucose {glu} mg/dL, creatinine {crea} mg/dL, hemoglobin {hgb} g/dL.",
    "LABORATORY DATA: WBC {wbc}, hemoglobin {hgb}, sodium {na} mEq/L, potassium {k} mEq/L.",
    "LABORATORY DATA: Sodium {na} mEq/L, potassium {k} mEq/L, glucose {glu} mg/dL.",
)
PLANS = (
    "PLAN: Fluids and rest. Return in {weeks} weeks.",
    "PLAN: Continue as before and call if it gets worse. Visit in {weeks} weeks.",
    "PLAN: Repeat the tests in {weeks} weeks.",
    "PLAN: Physical therapy twice a week. Review after {weeks} weeks.",
)


def chance(*parts):
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:6], "big")


def pick(items, *parts):
    return items[chance(*parts) % len(items)]


def between(low, high, *parts):
    return low + chance(*parts) % (high - low + 1)


def filing(number):
    year = 2022 + number % 3
    name = f"{FIRST[number % len(FIRST)]} {pick(SECOND, 'second', number)}, Inc."
    notes = sorted(NOTES, key=lambda note: chance("notes", number, note[0]))[:4]
    parts = []
    for place, (title, sentences, figures) in enumerate(notes, 1):
        tags = [
            f'<ix:nonFraction id="f{place}{n}" name="us-gaap:{concept}" contextRef="{context}" unitRef="usd" '
            f'decimals="-5" scale="6" format="ixt:num-dot-decimal">'
            f"{between(low, high, number, concept)}.{between(0, 9, 'tenth', number, concept)}</ix:nonFraction>"
            for n, (concept, context, low, high) in enumerate(figures)
        ]
        text = pick(sentences, "sentence", number, title).format(*tags)
        parts.append(f'<p style="font-weight:bold">Note {place} – {title}</p><p>{text}</p>')
    cik = f"{1_900_000 + number:010d}"
    return PAGE.format(cik=cik, year=year, name=name, notes="\n".join(parts))


def note(number):
    def value(low, high, what, digits=0):
        return f"{between(low, high, what, number) / 10**digits:.{digits}f}"

    values = {
        "sbp": value(98, 168, "sbp"), "dbp": value(56, 98, "dbp"), "pulse": value(54, 112, "pulse"),
        "temp": value(970, 1019, "temp", 1), "rr": value(12, 24, "rr"), "spo2": value(91, 99, "spo2"),
        "weight": value(480, 1180, "weight", 1), "hgb": value(92, 168, "hgb", 1), "wbc": value(38, 148, "wbc", 1),
        "crea": value(6, 19, "crea", 1), "glu": value(72, 210, "glu"), "na": value(130, 146, "na"), "k": value(32, 54, "k", 1),
    }  # fmt: skip
    who = f"{between(21, 88, 'age', number)}-year-old {pick(('man', 'woman'), 'sex', number)}"
    story = pick(STORIES, "story", number).format(days=between(2, 20, "days", number))
    return "\n\n".join(
        (
            f"HISTORY OF PRESENT ILLNESS: {who} with {pick(COMPLAINTS, 'complaint', number)}. {story}",
            pick(VITALS, "vitals", number).format(**values),
            pick(LABS, "labs", number).format(**values),
            pick(PLANS, "plan", number).format(weeks=between(1, 8, "weeks", number)),
        )
    )


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(COMPANIES):
        (folder / f"c{number:02d}_10k.htm").write_text(filing(number), encoding="utf-8")
    with (folder / "notes.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["note_id", "patient_id", "note_type", "chart_date", "text"])
        for number in range(PATIENTS):
            day = f"202{3 + number % 2}-{1 + number % 12:02d}-{1 + number % 28:02d}"
            rows.writerow([f"V-{number:04d}", f"P-{number:04d}", "Office Note", day, note(number)])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
