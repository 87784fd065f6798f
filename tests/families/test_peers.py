"""Refusals ask only for what their split also asks with an answer, and for nothing of another."""

import re

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from documents import filing, name_of

import sftdata
from sftdata.families.cases import Case
from sftdata.families.draft import Work
from sftdata.families.load import digest, load_families
from sftdata.families.peers import AskedOf, Peers, peers_of, weighted
from sftdata.families.shelf import Shelf
from sftdata.families.swaps import evenly_turned
from sftdata.stages.generate import Generate, ListAsked
from sftdata.stages.verify import Verify
from sftdata.types import DOCUMENTS, Document, Fact, Sample, Source, from_table, to_table

FAMILIES = tuple(
    f"finance/{name}"
    for name in ("absent_figure", "compare_periods", "false_premise", "single_fact",
                 "wrong_company", "wrong_period")
)  # fmt: skip
SAID = digest(FAMILIES, load_families())
SPLITS = {0: "train", 1: "train", 2: "train", 3: "test", 4: "test"}


@pytest.fixture(scope="module")
def documents(tmp_path_factory) -> pa.Table:
    """Return two filings of each of five companies, three of them in train."""
    folder = tmp_path_factory.mktemp("filings")
    for company in SPLITS:
        for year in (2022, 2024):
            path = folder / f"{company}-{year}.htm"
            path.write_text(filing(company, year), encoding="utf-8")
    table = sftdata.read(str(folder / "*.htm")).table.cast(DOCUMENTS)
    names = [str(row["path"]).rsplit("/", 1)[-1] for row in table["source"].to_pylist()]
    companies = [int(name.split("-")[0]) for name in names]
    for column, values in (
        ("split", [SPLITS[c] for c in companies]),
        ("group", [f"company-{c}" for c in companies]),
    ):
        place = table.column_names.index(column)
        table = table.set_column(place, DOCUMENTS.field(column), pa.array(values))
    return table


def listed(table: pa.Table) -> pa.Table:
    return ListAsked(families=FAMILIES, digest=SAID)(table)


def made(documents: pa.Table, asked: pa.Table | None, folder, **more) -> list[Sample]:
    file = None
    if asked is not None:
        file = folder / f"asked-{asked.num_rows}-{documents.num_rows}.parquet"
        pq.write_table(asked, file)
    stage = Generate(
        families=FAMILIES, digest=SAID, locales={"en": {"en": 1.0}}, asked=file, **more
    )
    return list(from_table(stage(documents), Sample))


def in_split(table: pa.Table, split: str) -> pa.Table:
    return table.filter(pc.equal(table["split"], split))


def by_reason(samples: list[Sample], reason: str) -> list[Sample]:
    return [s for s in samples if s.reason_code == reason]


@pytest.mark.slow
def test_companies_times_and_figures_of_refusals_are_asked_about_with_answers(documents, tmp_path):
    samples = made(documents, listed(documents), tmp_path)
    checked = from_table(Verify()(to_table(samples, Sample)), Sample)
    assert all(check.passed for s in checked for check in s.checks)
    for split in ("train", "test"):
        mine = [s for s in samples if s.split == split]
        answered = " ".join(s.question for s in mine if not s.reason_code)
        strangers = by_reason(mine, "entity_not_in_context")
        assert strangers
        own = {name_of(c) for c, where in SPLITS.items() if where == split}
        for sample in strangers:
            named = {
                name for name in own if name.rsplit(" ", 1)[0].split(",")[0] in sample.question
            }
            assert len(named) == 1, sample.question
        times = by_reason(mine, "period_not_in_context")
        assert times
        for sample in times:
            years = set(re.findall(r"20\d\d", sample.question))
            assert years <= {"2021", "2022", "2023", "2024"}
            context = " ".join(m.content for m in sample.prompt).replace(sample.question, "")
            passages = context[context.index("[P1]") :]
            bodies = re.sub(r"\[P\d\].*", "", passages)
            assert not any(year in bodies for year in years)
        assert answered


@pytest.mark.slow
def test_what_is_held_out_changes_nothing_in_train(documents, tmp_path):
    """Whatever the test split holds, train asks the same: nothing of it can have leaked."""
    train = in_split(documents, "train")
    alone = made(train, listed(train), tmp_path)
    together = made(train, listed(documents), tmp_path)
    assert together == alone
    held_out = {name_of(c).split()[0] for c, split in SPLITS.items() if split == "test"}
    assert not any(name in s.question for s in together for name in held_out)


@pytest.mark.slow
def test_another_fold_is_another_split(documents, tmp_path):
    train = in_split(documents, "train")
    folds = {"company-0": 0, "company-1": 0, "company-2": 1}
    strangers = by_reason(
        made(train, listed(train), tmp_path, folds=folds), "entity_not_in_context"
    )
    for sample in strangers:
        if sample.group in ("company-0", "company-1"):
            assert name_of(2).split()[0] not in sample.question
    assert any(s.group == "company-0" for s in strangers)


@pytest.mark.slow
def test_order_of_documents_and_cut_into_batches_do_not_matter(documents, tmp_path):
    asked = listed(documents)
    parts = [listed(documents.slice(i, 3)) for i in range(0, len(documents), 3)]
    assert pa.concat_tables(parts).equals(asked)
    turned = asked.take(list(reversed(range(len(asked)))))
    first = made(documents.slice(0, 2), asked, tmp_path)
    assert made(documents.slice(0, 2), turned, tmp_path) == first


def row(**given) -> AskedOf:
    plain = {
        "split": "train", "domain": "medical", "locale": "en", "group": "g", "document_id": "d",
        "family": "f", "entity": "", "names": (), "periods": (), "rose": 0, "fell": 0,
    }  # fmt: skip
    return AskedOf(**(plain | given))


def test_peers_are_seen_from_one_document():
    rows = [
        row(names=("a", "b"), periods=("2024-01-01",), entity="Ann", rose=3),
        row(document_id="e", names=("b",), periods=("2023-01-01",), entity="Ann", fell=1),
        row(document_id="x", group="h", names=("c",), periods=("2022-01-01",), entity="Bea"),
        row(document_id="y", group="i", locale="zh", entity="王小明"),
    ]
    found = peers_of(rows, group="g", document_id="d", locale="en")["f"]
    assert found.names == {"b": 1, "c": 1}
    assert found.entities == {"Bea": 1}
    assert found.own_periods == {"2024-01-01": 1, "2023-01-01": 1}
    assert set(found.periods) == {"2024-01-01", "2023-01-01", "2022-01-01"}
    assert found.rising == pytest.approx(4 / 6)
    chinese = peers_of(rows, group="j", document_id="z", locale="zh")["f"]
    assert set(chinese.entities) == {"王小明"}


def test_what_is_asked_more_often_is_drawn_more_often():
    drawn = [weighted({"a": 8, "b": 1, "c": 1, "never": 0}, seed)[0] for seed in range(2000)]
    assert 0.76 < drawn.count("a") / 2000 < 0.84
    assert "never" not in drawn
    assert weighted({"a": 1, "b": 2}, 5) == weighted({"b": 2, "a": 1}, 5)


def change(number: int, new: int, old: int) -> Case:
    facts = [
        Fact(fact_id=f"{number}-{n}", name="n", label="l", kind="numeric", value=str(v), number=v)
        for n, v in enumerate((new, old))
    ]
    return Case(facts=tuple(facts))


def test_turned_questions_say_rose_as_often_as_true_ones():
    """Three of four figures rise: so must three of four turned questions say (of the falls)."""
    family = load_families()["finance/compare_periods"]
    source = Source(path="", sha256="", reader="")
    said = {"rise": 0, "fall": 0}
    for number in range(400):
        doc = Document(document_id=f"d{number}", source=source, domain="finance", locale="en",
                       title="", published=None, text="text")  # fmt: skip
        work = Work(family=family, base=family, seed=0, locales=(("en", 1.0),),
                    peers=Peers(known=True, rising=0.75))  # fmt: skip
        cases = [change(i, 5, 3) for i in range(30)] + [change(40 + i, 3, 5) for i in range(10)]
        for case in list(evenly_turned(work, Shelf(doc), cases))[:8]:
            fell = case.facts[0].number < case.facts[1].number
            said["rise" if fell else "fall"] += 1
    assert 0.72 < said["rise"] / sum(said.values()) < 0.78
