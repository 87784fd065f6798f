"""The dataset card: the hub understands its header, and every number in it was counted."""

import ast
import re

import pyarrow.parquet as pq
import pytest
import yaml
from huggingface_hub import DatasetCard

from sftdata.report import AuditReport, CheckResult, Totals
from sftdata.reporting.card import dataset_card
from sftdata.reporting.card_counts import (
    CardInputs,
    Count,
    count_documents,
    count_samples,
    summarise_lengths,
)
from sftdata.types import Document, Message, Sample, Source, to_table


def sample(number, **changes):
    values = {
        "sample_id": f"s-{number:03}",
        "family": "finance/single_fact",
        "family_version": 1,
        "kind": "evidence",
        "domain": "finance",
        "locale": "en",
        "split": "train",
        "document_ids": ("d",),
        "group": "g",
        "prompt": (Message(role="user", content="q"),),
        "completion": (Message(role="assistant", content="a"),),
        "question": "?",
        "answer": "{}",
        "prompt_tokens": 100 + number,
        "completion_tokens": 10,
        "tokens_estimated": False,
    }
    return Sample(**{**values, **changes})


def mixed_samples():
    rows = [sample(i) for i in range(6)]
    rows += [sample(i, kind="refusal", split="test", locale="zh") for i in range(6, 9)]
    rows += [sample(9, kind="extraction", domain="medicine", text_origin="rendered")]
    return to_table(rows, Sample)


def inputs(**changes):
    values = {"title": "Filings and charts", "samples": count_samples(mixed_samples())}
    return CardInputs(**{**values, **changes})


def audit(**changes):
    checks = [
        CheckResult(
            name="group_overlap",
            title="Groups across splits",
            question="?",
            status="passed",
            compared="12 groups in 2 splits",
        ),
        CheckResult(
            name="near_duplicates",
            title="Near duplicates",
            question="?",
            status="not_verified",
            why="no task text",
        ),
    ]
    values = {
        "dataset": "out",
        "verdict": "warnings",
        "meaning": "Nothing blocks.",
        "digest": "0" * 64,
        "totals": Totals(rows=10),
        "checks": tuple(checks),
    }
    return AuditReport(**{**values, **changes})


def header(card):
    return yaml.safe_load(card.split("---\n")[1])


def table_under(card, first_column):
    """Return the rows of the table whose first head cell is this one."""
    lines = card.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith(f"| {first_column} |"))
    rows = []
    for line in (lines[start], *lines[start + 2 :]):
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split(" | ")])
    return rows


def test_the_hub_reads_the_header():
    card = DatasetCard(dataset_card(inputs(license="cc-by-4.0")))
    card.data.to_dict()
    assert card.data.language == ["en", "zh"]
    assert card.data.license == "cc-by-4.0"
    assert card.data.size_categories == ["n<1K"]
    assert card.data.configs[0]["data_files"] == [
        {"split": "train", "path": "data/train-*.parquet"},
        {"split": "test", "path": "data/test-*.parquet"},
    ]
    assert {"sft", "finance", "medicine", "refusal"} <= set(card.data.tags)


@pytest.mark.parametrize(
    ("rows", "size"),
    [(999, "n<1K"), (1000, "1K<n<10K"), (99_999, "10K<n<100K"), (2_000_000, "1M<n<10M")],
)
def test_size_category(rows, size):
    key = ("evidence", "train", "en", "f", "finance", "source")
    card = dataset_card(inputs(samples=(Count(key=key, rows=rows),)))
    assert header(card)["size_categories"] == [size]


def test_load_dataset_takes_the_data_and_nothing_beside_it(tmp_path, monkeypatch):
    import datasets

    table = mixed_samples()
    out = tmp_path / "out"
    for folder in ("data", "lineage", "audit", ".parts"):
        (out / folder).mkdir(parents=True)
    for split, slice_ in (("train", table.slice(0, 6)), ("test", table.slice(6, 3))):
        pq.write_table(slice_, out / "data" / f"{split}-00000-of-00001.parquet")
    pq.write_table(table.select(["sample_id"]), out / "lineage" / "documents.parquet")
    pq.write_table(table.select(["split"]), out / ".parts" / "train-00000.parquet")
    (out / "audit" / "report.json").write_text('{"verdict": "clean"}')
    (out / "manifest.json").write_text("{}")
    (out / "README.md").write_text(dataset_card(inputs()), encoding="utf-8")
    loaded = datasets.load_dataset(str(out), cache_dir=str(tmp_path / "cache"))
    assert {name: split.num_rows for name, split in loaded.items()} == {"train": 6, "test": 3}
    assert loaded["train"].column_names == table.column_names
    prompts = loaded.select_columns(["prompt", "completion"])["test"][0]
    assert prompts["completion"] == [{"role": "assistant", "content": "a"}]


def test_every_number_of_the_contents_was_counted():
    head, *rows = table_under(dataset_card(inputs()), "kind")
    assert head == ["kind", "train en", "train zh", "test en", "test zh"]
    assert {row[0]: row[1:] for row in rows} == {
        "extraction": ["1", "0", "0", "0"],
        "evidence": ["6", "0", "0", "0"],
        "refusal": ["0", "0", "0", "3"],
        "all": ["7", "0", "0", "3"],
    }
    origin = table_under(dataset_card(inputs()), "text origin")[1:]
    assert origin == [["rendered", "1", "10.0%"], ["source", "9", "90.0%"]]


def test_documents_groups_and_lengths():
    source = Source(path="p", sha256="0", reader="ixbrl")
    document = Document(
        document_id="d",
        source=source,
        domain="finance",
        locale="en",
        title="t",
        published=None,
        text="x",
        split="train",
    )
    documents = count_documents(to_table([document, document], Document))
    assert documents == (Count(key=("ixbrl", "finance", "en", "train"), rows=2),)
    lengths = summarise_lengths(mixed_samples())
    assert lengths is not None
    assert (lengths.median, lengths.longest, lengths.estimated) == (115, 119, False)
    card = dataset_card(
        inputs(documents=documents, groups={"train": 2}, lengths=lengths, max_length=4096)
    )
    assert table_under(card, "split")[1] == ["train", "7", "2", "2"]
    assert table_under(card, "reader")[1] == ["ixbrl", "finance", "en", "2"]
    assert "counted: median 115 tokens, 95 % within 119, longest 119. Limit: 4,096" in card


def test_the_audit_stands_in_the_card_with_what_it_could_not_verify():
    card = dataset_card(inputs(audit=audit()))
    assert "Audit verdict: **warnings**. Nothing blocks." in card
    assert ["Groups across splits", "passed", "12 groups in 2 splits"] in table_under(card, "check")
    assert "- Not verified: Near duplicates (no task text)" in card
    assert "has not been audited" in dataset_card(inputs())


def test_gaps_are_found_in_the_counts():
    card = dataset_card(inputs(known_gaps=("No filings before 2019.",)))
    assert "- No filings before 2019." in card
    assert "- No evidence samples in test for en, zh." in card
    assert "- There is no validation split." in card


@pytest.mark.parametrize(
    ("domain", "words", "absent"),
    [
        ("finance", "- Financial", "- Medical"),
        ("medical", "- Medical", "- Financial"),
        ("medicine", "- Medical", "- Financial"),
    ],
)
def test_unsuitable_use_fits_the_domain(domain, words, absent):
    key = ("evidence", "train", "en", "f", domain, "source")
    card = dataset_card(inputs(samples=(Count(key=key, rows=1),)))
    assert words in card
    assert absent not in card


def test_the_code_in_the_card_is_python_and_names_splits_that_exist():
    blocks = re.findall(r"```python\n(.*?)```", dataset_card(inputs()), flags=re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        ast.parse(block)
    # The test split is never offered for evaluation while training.
    assert set(re.findall(r'data\["(\w+)"\]', blocks[1])) == {"train"}
    rows = to_table([sample(1), sample(2, split="validation")], Sample)
    card = dataset_card(inputs(samples=count_samples(rows)))
    assert set(re.findall(r'data\["(\w+)"\]', card)) == {"train", "validation"}


def test_hostile_names_stay_inside_their_cells():
    key = ("evidence", "train", "en", "a|b<script>`\n# x", "finance", "source")
    card = dataset_card(
        inputs(
            title="T: |\n---\nlicense: mit", samples=(Count(key=key, rows=1),), removed={"x|y": 1}
        )
    )
    assert header(card)["license"] == "other"
    assert "<script>" not in card
    assert "\n# x" not in card
    assert ["x\\|y", "1"] in table_under(card, "reason")


def test_the_card_is_the_same_each_time():
    assert dataset_card(inputs()) == dataset_card(inputs())
    shuffled = mixed_samples().take(list(range(9, -1, -1)))
    assert dataset_card(inputs(samples=count_samples(shuffled))) == dataset_card(inputs())


def test_a_dataset_without_rows_still_has_a_card():
    card = dataset_card(inputs(samples=(), mixture={"evidence": 1.0}))
    assert "0 samples" in card
    assert summarise_lengths(mixed_samples().slice(0, 0)) is None
