"""Documents of one company or patient come into one group; strangers never do."""

import re

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from sftdata.errors import ConfigError
from sftdata.part import VERDICTS
from sftdata.stages.decisions.link import (
    NEAR_NAMES,
    Link,
    company_name,
    near_misses,
    normalise_key,
)
from sftdata.stages.files import list_files
from sftdata.stages.read import Read
from sftdata.stages.unpack import documents
from sftdata.types import Document, Key, Source, to_table


def doc(document_id, *keys):
    return Document(
        document_id=document_id,
        source=Source(path="p", sha256="", reader=""),
        domain="finance",
        locale="en",
        title="",
        published=None,
        text="x",
        keys=tuple(Key(kind=k.split(":", 1)[0], value=k.split(":", 1)[1]) for k in keys),
    )


def decide(link, *docs):
    table = link.decide(link.keys(to_table(docs, Document)))
    assert table.schema.names[:4] == VERDICTS.names
    return {row["id"]: row for row in table.to_pylist()}


def groups(link, *docs):
    return {i: row["verdict"] for i, row in decide(link, *docs).items()}


def test_documents_of_one_cik_are_one_company_however_it_is_written():
    rows = decide(Link(), doc("a", "cik:320193"), doc("b", "cik:0000320193", "ticker:aapl"))
    assert {r["verdict"] for r in rows.values()} == {"cik-0000320193"}
    assert {(r["reason"], r["because_of"]) for r in rows.values()} == {("cik", "cik:0000320193")}
    assert rows["b"]["keys"] == ["cik:0000320193", "ticker:AAPL"]


def test_a_former_name_ties_the_older_filing_and_says_through_which_document():
    rows = decide(
        Link(),
        doc("new", "cik:1652044", "company_name:Alphabet Inc."),
        doc("bridge", "company_name:ALPHABET INC", "former_name:Google Inc."),
        doc("old", "company_name:Google, Inc"),
        doc("other", "company_name:Googol Inc"),
    )
    assert rows["old"]["verdict"] == rows["new"]["verdict"] == "cik-0001652044"
    assert (rows["bridge"]["reason"], rows["bridge"]["because_of"]) == ("company_name", "new")
    assert (rows["old"]["reason"], rows["old"]["because_of"]) == ("company_name", "bridge")
    assert rows["other"]["verdict"] == "company_name-googol"


def test_co_registrants_are_one_group():
    got = groups(Link(), doc("both", "cik:1", "cik:2"), doc("one", "cik:1"), doc("two", "cik:2"))
    assert set(got.values()) == {"cik-0000000001"}


def test_a_ticker_alone_ties_unless_two_companies_used_it():
    tied = groups(Link(), doc("a", "cik:1", "ticker:X"), doc("b", "ticker:x"))
    assert tied["a"] == tied["b"]
    rows = decide(
        Link(),
        doc("meta", "cik:1326801", "ticker:META", "company_name:Meta Platforms"),
        doc("fund", "cik:1683471", "ticker:META", "company_name:Roundhill"),
        doc("bare", "ticker:META"),
        doc("bare2", "ticker:META"),
        doc("named", "company_name:Meta Platforms, Inc.", "ticker:META"),
    )
    assert rows["meta"]["verdict"] != rows["fund"]["verdict"]
    assert rows["named"]["verdict"] == rows["meta"]["verdict"]
    # Those that have nothing but the disputed ticker stay together, with neither company.
    assert rows["bare"]["verdict"] == rows["bare2"]["verdict"] == "ticker-META"
    assert {(r["reason"], r["because_of"]) for r in rows.values()} == {
        ("ticker_conflict", "ticker:META")
    }


def test_one_company_with_two_ciks_and_one_name_keeps_its_ticker():
    rows = decide(
        Link(),
        doc("before", "cik:1001039", "ticker:DIS", "company_name:WALT DISNEY CO/"),
        doc("after", "cik:1744489", "ticker:DIS", "company_name:Walt Disney Co"),
    )
    assert rows["before"]["verdict"] == rows["after"]["verdict"] == "cik-0001001039"
    assert rows["before"]["reason"] == "cik"


def test_chinese_names_lose_their_legal_form_only():
    assert company_name("贵州茅台酒股份有限公司") == company_name("貴州茅台酒".replace("貴", "贵"))
    got = groups(
        Link(),
        doc("a", "company_name:平安银行股份有限公司", "ticker:000001"),
        doc("b", "company_name:平安银行"),
        doc("c", "company_name:平安证券股份有限公司"),
    )
    assert got["a"] == got["b"] == "ticker-000001"
    assert got["c"] == "company_name-平安证券"


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ("APPLE INC", "Apple, Inc.", True),
        ("AT&T Inc.", "AT and T", True),
        ("BANK OF AMERICA CORP /DE/", "Bank of America Corporation", True),
        ("Ｔｏｙｏｔａ Ｍｏｔｏｒ", "Toyota Motor Corp", True),
        ("L'Oréal S.A.", "L’Oréal", True),
        ("Alphabet Inc", "Alphabet Holdings Inc", False),
        ("First Bancorp", "First Bancorporation", False),
        ("Co", "Inc", False),
    ],
)
def test_company_names_are_compared_conservatively(left, right, same):
    assert (company_name(left) == company_name(right)) is same


@pytest.mark.parametrize(
    "value", ["unknown", "N/A", "0000000", "--", "99999999", "未知", "XXXX", " "]
)
def test_placeholders_tie_nobody(value):
    assert normalise_key("patient_identifier", value) is None
    key = f"patient_identifier:{value}"
    rows = decide(Link(), doc("a", key), doc("b", key))
    assert rows["a"]["verdict"] == "document-a"
    assert {r["reason"] for r in rows.values()} == {"missing_key"}


def test_patients_are_tied_by_any_identifier_and_never_shown(monkeypatch):
    docs = [
        doc("visit1", "patient:Jane-Doe-77", "patient_identifier:mrn|12345678"),
        doc("visit2", "patient_identifier:MRN|12345678"),
        doc("visit3", "patient:jane-doe-78"),
    ]
    rows = decide(Link(by=("patient",)), *docs)
    assert rows["visit1"]["verdict"] == rows["visit2"]["verdict"] != rows["visit3"]["verdict"]
    assert all(re.fullmatch(r"patient-[0-9a-f]{20}", r["verdict"]) for r in rows.values())
    for trace in ("12345678", "jane", "doe"):
        assert trace not in str(list(rows.values())).casefold()
    monkeypatch.setenv("LINK_SECRET", "a long secret")
    keyed = decide(Link(by=("patient",), secret_env="LINK_SECRET"), *docs)
    assert keyed["visit1"]["verdict"] == keyed["visit2"]["verdict"] != rows["visit1"]["verdict"]
    monkeypatch.delenv("LINK_SECRET")
    with pytest.raises(ConfigError, match="LINK_SECRET is empty"):
        decide(Link(by=("patient",), secret_env="LINK_SECRET"), *docs)


def test_a_document_without_a_key_stands_alone_and_says_so():
    rows = decide(Link(), doc("a"), doc("b"), doc("c", "doi:10.1/x"))
    assert {i: r["verdict"] for i, r in rows.items()} == {i: f"document-{i}" for i in "abc"}
    assert {r["reason"] for r in rows.values()} == {"missing_key"}
    assert rows["a"]["because_of"] == ""


def test_by_chooses_the_keys():
    pair = [doc("a", "cik:1", "doi:10.1/x"), doc("b", "cik:1", "doi:10.1/y")]
    assert len(set(groups(Link(by=("company",)), *pair).values())) == 1
    assert len(set(groups(Link(by=("doi",)), *pair).values())) == 2
    rows = decide(Link(by=("document",)), *pair)
    assert {(r["verdict"], r["reason"]) for r in rows.values()} == {
        ("document-a", "document"),
        ("document-b", "document"),
    }


def test_aliases_tie_what_the_keys_do_not():
    link = Link(aliases={"alphabet": ("cik:1652044", "cik:1288776", "ticker:GOOG")})
    rows = decide(link, doc("a", "cik:1652044"), doc("b", "cik:1288776"), doc("c", "ticker:goog"))
    assert {r["verdict"] for r in rows.values()} == {"cik-0001288776"}
    assert (rows["b"]["reason"], rows["b"]["because_of"]) == ("cik", "cik:0001288776")
    assert (rows["a"]["reason"], rows["a"]["because_of"]) == ("alias", "alias:alphabet")
    with pytest.raises(ValidationError, match="'1652044' is not a key; write 'kind:value'"):
        Link(aliases={"alphabet": ("1652044",)})


KEYS = st.lists(
    st.tuples(
        st.sampled_from(["cik", "ticker", "company_name", "former_name", "patient"]),
        st.sampled_from(["1", "2", "3", "4", "5"]),
    ).map(":".join),
    max_size=3,
)


def brute_force(keys):
    """Group by flooding: no ticker may join two groups that have CIKs of their own."""
    names = [
        {("name" if "name" in k else k.split(":")[0], k.split(":")[1]) for k in ks} for ks in keys
    ]

    def flood(sets):
        labels = list(range(len(sets)))
        changed = True
        while changed:
            changed = False
            for i, left in enumerate(sets):
                for j, right in enumerate(sets):
                    if left & right and labels[i] != labels[j]:
                        labels = [
                            min(labels[i], labels[j]) if x in (labels[i], labels[j]) else x
                            for x in labels
                        ]
                        changed = True
        return labels

    firm = flood([{n for n in s if n[0] != "ticker"} for s in names])
    with_cik = {firm[i] for i, s in enumerate(names) if any(n[0] == "cik" for n in s)}
    tickers = {n for s in names for n in s if n[0] == "ticker"}
    disputed = {
        t for t in tickers if len({firm[i] for i, s in enumerate(names) if t in s} & with_cik) > 1
    }
    final = [s if firm[i] not in with_cik else s - disputed for i, s in enumerate(names)]
    return flood(final)


@settings(max_examples=150, deadline=None)
@given(st.lists(KEYS, min_size=1, max_size=9), st.randoms(use_true_random=False))
def test_groups_equal_brute_force_and_order_changes_nothing(keys, random):
    docs = [doc(f"d{i}", *dict.fromkeys(ks)) for i, ks in enumerate(keys)]
    link = Link()
    table = link.keys(to_table(docs, Document))
    verdicts = link.decide(table)
    order = list(range(len(docs)))
    random.shuffle(order)
    assert link.decide(table.take(order)).equals(verdicts)
    got = [r["verdict"] for r in sorted(verdicts.to_pylist(), key=lambda r: int(r["id"][1:]))]
    expected = brute_force(keys)
    for i in range(len(docs)):
        for j in range(len(docs)):
            assert (got[i] == got[j]) == (expected[i] == expected[j])


def test_nothing_to_link_is_an_empty_table():
    link = Link()
    table = link.keys(to_table([], Document))
    assert link.decide(table).num_rows == 0
    assert pa.concat_tables([table, link.keys(to_table([doc("a")], Document))]).num_rows == 1


@pytest.mark.slow
@pytest.mark.real_data
def test_fifteen_real_filings_are_five_companies(real_data):
    files = list_files(["sec_ixbrl/*.html"], real_data)
    link = Link(by=("company",))
    tables = [link.keys(documents(Read(root=real_data)(files.slice(i, 1)))) for i in range(15)]
    verdicts = link.decide(pa.concat_tables(tables)).column("verdict").to_pylist()
    expected = {name.split("/")[1].split("_")[0] for name in files.column("path").to_pylist()}
    assert {f"cik-{int(c):010d}" for c in expected} == set(verdicts)
    assert len(set(verdicts)) == 5


def test_a_document_is_named_in_an_alias_by_its_id():
    link = Link(by=("patient",), aliases={"article": ("document:Preprint-1", "document:pmid-7")})
    rows = decide(link, doc("Preprint-1"), doc("pmid-7"), doc("pmid-8"), doc("PREPRINT-10"))
    assert rows["Preprint-1"]["verdict"] == rows["pmid-7"]["verdict"]
    assert len({r["verdict"] for r in rows.values()}) == 3
    assert {rows["pmid-8"]["reason"], rows["PREPRINT-10"]["reason"]} == {"missing_key"}
    # A document may hold together what has keys of its own.
    link = Link(aliases={"chart": ("document:note-1", "patient:77")})
    rows = decide(link, doc("note-1"), doc("note-2", "patient:77"), doc("note-3"))
    assert rows["note-1"]["verdict"] == rows["note-2"]["verdict"] != rows["note-3"]["verdict"]
    assert re.fullmatch(r"patient-[0-9a-f]{20}", rows["note-1"]["verdict"])


def test_several_keys_of_any_kind_tie_at_once():
    link = Link(by=("company", "doi", "lei"))
    rows = decide(
        link,
        doc("a", "cik:1", "lei:5493001KJTIIGC8Y1R12"),
        doc("b", "lei:5493001kjtiigc8y1r12", "doi:10.1/X"),
        doc("c", "doi:10.1/x", "patient:1"),
        doc("d", "patient:1"),
    )
    assert {rows[i]["verdict"] for i in "abc"} == {"cik-0000000001"}
    assert rows["d"]["reason"] == "missing_key"
    assert (rows["c"]["reason"], rows["c"]["because_of"]) == ("doi", "b")


def test_near_miss_names_are_listed_and_not_linked():
    link = Link()
    table = link.decide(
        link.keys(
            to_table(
                [
                    doc("a", "cik:1", "company_name:Alphabet Inc."),
                    doc("b", "cik:2", "company_name:Alphabet Holdings, Inc."),
                    doc("c", "cik:3", "company_name:Alhpabet"),
                    doc("d", "cik:1", "former_name:Alphabet Group"),
                    doc("e", "cik:9", "company_name:Aflac", "patient:alphabett"),
                ],
                Document,
            )
        )
    )
    found = near_misses(table)
    assert found.schema.equals(NEAR_NAMES)
    pairs = {(r["left"], r["right"], r["why"]) for r in found.to_pylist()}
    one, two, three = (f"cik-000000000{n}" for n in (1, 2, 3))
    # A company's own former name is no near miss.
    assert pairs == {(one, two, "generic_words"), (one, three, "one_letter")}
    assert len(set(table["verdict"].to_pylist())) == 4
    assert near_misses(link.decide(link.keys(to_table([], Document)))).num_rows == 0
