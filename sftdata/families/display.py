"""How a document and its company are written where people read them."""

from __future__ import annotations

import re

from sftdata.types import Document

__all__ = ["display_title", "short_name", "small_generic", "spoken_name"]


def spoken_name(name: str) -> str:
    """Return a registrant's name as people write it, when the register shouts it.

    >>> spoken_name("AMAZON.COM, INC."), spoken_name("AT&T INC."), spoken_name("Apple Inc.")
    ('Amazon.com, Inc.', 'AT&T Inc.', 'Apple Inc.')
    """
    if not name.isupper():
        return name
    words: list[str] = []
    for word in name.split():
        bare = word.strip(".,()")
        if bare in ("OF", "AND", "THE", "FOR") and words:
            words.append(word.lower())
        elif "&" in word or len(bare) == 1 or (len(bare) <= 4 and not set(bare) & set("AEIOU")):
            words.append(word)
        else:
            words.append(word.capitalize())
    return " ".join(words)


_LEGAL_FORM = re.compile(
    r"[\s,]+(?:inc|incorporated|corp|corporation|co|company|ltd|limited|llc|plc|l\.?p|s\.?a|n\.?v"
    r"|ag|se|a/s)\.?$|[\s,]+(?:&|and)$|\s*/[a-z]{2,3}/?$",
    re.IGNORECASE,
)


def short_name(name: str) -> str:
    """Return a company's name as people say it: without its legal form.

    >>> short_name("Amazon.com, Inc."), short_name("Deere & Company"), short_name("The Gap, Inc.")
    ('Amazon.com', 'Deere', 'Gap')
    """
    short = name
    while (cut := _LEGAL_FORM.sub("", short)) != short:
        short = cut
    return short.removeprefix("The ").strip(" ,") or name


def display_title(doc: Document) -> str:
    """Return a document's title with its company's name as people write it."""
    for name in doc.key_values("company_name"):
        if doc.title.startswith(name):
            return spoken_name(name) + doc.title[len(name) :]
    return doc.title


_WORDS_OF_GENERICS = """
acetaminophen acyclovir albuterol alendronate allopurinol alprazolam amiodarone amitriptyline
amlodipine amoxicillin ampicillin apixaban aspirin atenolol atorvastatin azithromycin baclofen
benazepril bisoprolol bupropion buspirone captopril carbamazepine carvedilol cefazolin cefepime
ceftriaxone celecoxib cephalexin cetirizine ciprofloxacin citalopram clarithromycin clindamycin
clonazepam clonidine clopidogrel codeine colchicine cyclobenzaprine dapagliflozin dexamethasone
diazepam diclofenac digoxin diltiazem diphenhydramine docusate donepezil doxycycline duloxetine
empagliflozin enalapril enoxaparin epinephrine erythromycin escitalopram esomeprazole famotidine
fentanyl fexofenadine fluconazole fluoxetine fluticasone folate furosemide gabapentin gentamicin
glimepiride glipizide glyburide haloperidol heparin hydralazine hydrochlorothiazide hydrocodone
hydrocortisone hydromorphone hydroxychloroquine hydroxyzine ibuprofen insulin iodine ketorolac
labetalol lamotrigine lansoprazole latex levetiracetam levofloxacin levothyroxine lidocaine
lisinopril lithium loratadine lorazepam losartan meloxicam meperidine metformin methadone
methotrexate methylprednisolone metoclopramide metoprolol metronidazole mirtazapine montelukast
morphine naproxen nifedipine nitrofurantoin nitroglycerin olanzapine omeprazole ondansetron
oxycodone pantoprazole paroxetine peanut peanuts penicillin penicillins phenytoin potassium
pravastatin prednisolone prednisone pregabalin prochlorperazine promethazine propranolol
quetiapine quinapril ramipril ranitidine risperidone rivaroxaban rosuvastatin sertraline
shellfish simvastatin sitagliptin spironolactone sulfa sulfamethoxazole sumatriptan tamoxifen
tamsulosin tetracycline ticagrelor topiramate tramadol trazodone triamcinolone valacyclovir
valsartan vancomycin venlafaxine verapamil warfarin zolpidem
"""
_GENERICS = frozenset(_WORDS_OF_GENERICS.split())
"""Drugs and allergens that notes begin with a capital though they are no names: a brand is one."""


def small_generic(name: str) -> str:
    """Write a drug's generic name small, as inside a sentence; brands and acronyms stay.

    >>> [small_generic(n) for n in ("Penicillin V", "CODEINE", "Bactrim", "NSAIDs", "ASA")]
    ['penicillin V', 'codeine', 'Bactrim', 'NSAIDs', 'ASA']
    """
    word = name.partition(" ")[0]
    return word.lower() + name[len(word) :] if word.lower().rstrip(",") in _GENERICS else name
