"""A small dataset as a build writes it: four companies and four patients, EN and ZH, with lineage.

Everything is made by hash, so that a test can plant one defect and know that nothing else is wrong.
"""

import hashlib
import json
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sftdata.types import (
    Check,
    Document,
    Evidence,
    Key,
    Message,
    Passage,
    Sample,
    Source,
    to_table,
)

WORDS = [
    "revenue",
    "margin",
    "supply",
    "segment",
    "customer",
    "product",
    "pricing",
    "demand",
    "inventory",
    "freight",
    "currency",
    "lease",
    "covenant",
    "pension",
    "dividend",
    "backlog",
    "warranty",
    "licence",
    "plant",
    "market",
    "region",
    "quarter",
    "growth",
    "decline",
    "acquisition",
    "integration",
    "retention",
    "attrition",
    "clinic",
    "dosage",
    "follow",
    "examination",
    "symptom",
    "therapy",
    "imaging",
    "discharge",
    "referral",
    "baseline",
    "allergy",
    "vitals",
    "oxygen",
    "glucose",
    "sodium",
    "recovery",
    "mobility",
    "diet",
]
HAN = "营业收入增长率同比下降主要系原材料价格上涨影响公司报告期内客户需求变化门诊患者复查血压血糖用药剂量调整症状缓解建议随访住院检查结果正常"
SPLITS = {0: "train", 1: "train", 2: "train", 3: "train", 4: "validation", 5: "test"}


def pick(items, *parts):
    digest = hashlib.sha256("|".join(map(str, parts)).encode()).digest()
    return items[int.from_bytes(digest[:6], "big") % len(items)]


def prose(count, *seed, zh=False):
    """Text that no other seed gives."""
    if zh:
        return "".join(pick(HAN, "zh", i, *seed) for i in range(count * 2)) + "。"
    words = [pick(WORDS, i, *seed) for i in range(count)]
    return " ".join(words).capitalize() + "."


def sentence(name, group, figure, year, *, zh):
    if zh:
        return f"{year}年{group}实现营业收入{figure}万元，见{name}。"
    return f"Net sales of {group} were ${figure:,} thousand in {year}, as {name} states."


def document(name, group, split, *, zh, paragraphs=8):
    figure = pick(range(10_000, 99_999), name, "figure")
    fact = sentence(name, group, figure, pick(range(2010, 2024), name, "year"), zh=zh)
    # A refusal sees a sentence of the same words: its context alone must not give it away.
    other = pick(range(10_000, 99_999), name, "other")
    decoy = sentence(name, group, other, pick(range(2010, 2024), name, "past"), zh=zh)
    blocks = [prose(60, name, p, zh=zh) for p in range(paragraphs)]
    blocks[3] = decoy + " " + prose(30, name, "far", zh=zh)
    blocks.insert(2, fact + " " + prose(30, name, "near", zh=zh))
    text = "\n\n".join(blocks)
    doc = Document(
        document_id=name,
        source=Source(
            path=f"{name}.htm", sha256=hashlib.sha256(name.encode()).hexdigest(), reader="t"
        ),
        domain="finance",
        locale="zh" if zh else "en",
        title=name,
        published="2025-01-31",
        text=text,
        keys=(Key(kind="cik", value=group),),
        group=group,
        split=split,
    )
    return doc, fact, str(figure)


def sample(doc, number, fact, figure, *, refusal_of=None):
    zh = doc.locale == "zh"
    spans, at = [], 0
    for block in doc.text.split("\n\n"):
        spans.append((at, at + len(block)))
        at += len(block) + 2
    chosen = [2, 3 + number % 5] if refusal_of is None else [4, 3]
    passages = tuple(
        Passage(document_id=doc.document_id, start=spans[c][0], end=spans[c][1]) for c in chosen
    )
    shown = "\n\n".join(doc.text[p.start : p.end] for p in passages)
    item = prose(3, doc.document_id, number, "item", zh=zh)
    question = (
        f"{doc.group}的营业收入是多少？{item}"
        if zh
        else f"What were the net sales of {doc.group}? {item}"
    )
    start = doc.text.index(fact)
    evidence = ()
    if refusal_of is None:
        answer = {"answerable": True, "answer": figure}
        evidence = (
            Evidence(document_id=doc.document_id, start=start, end=start + len(fact), quote=fact),
        )
    else:
        answer = {"answerable": False, "reason": "span_removed", "answer": None}
    stem = f"{doc.document_id}-{number}-{'r' if refusal_of else 'a'}"
    return Sample(
        sample_id="s_" + hashlib.sha256(stem.encode()).hexdigest()[:12],
        family="finance/absent_field" if refusal_of else "finance/single_fact",
        family_version=1,
        kind="refusal" if refusal_of else "evidence",
        domain="finance",
        locale=doc.locale,
        split=doc.split,
        document_ids=(doc.document_id,),
        group=doc.group,
        prompt=(
            Message(role="system", content="Answer from the passages only. 只依据材料回答。 " * 5),
            Message(role="user", content=f"{shown}\n\n{question}"),
        ),
        completion=(
            Message(
                role="assistant", content=json.dumps(answer, ensure_ascii=False) + f" [{item}]"
            ),
        ),
        question=question,
        answer=json.dumps(answer, ensure_ascii=False),
        answer_schema="answer.json",
        context=passages,
        evidence=evidence,
        facts=() if refusal_of else (f"{doc.group}|sales|{doc.document_id}|={figure}",),
        twin_of=refusal_of,
        reason_code="span_removed" if refusal_of else None,
        checks=(Check(name="absent" if refusal_of else "evidence_requotes", passed=True),),
        prompt_tokens=len(shown) // 4,
        completion_tokens=20,
    )


def make_build(groups=12, per_document=5):
    """Return documents and samples: groups 0-7 by residue in train, validation, test."""
    documents, samples = [], []
    for g in range(groups):
        split, zh = SPLITS[g % 6], g % 4 == 3
        group = f"公司{g}号" if zh else f"Acme {g}"
        for year in (2023, 2024):
            doc, fact, figure = document(f"doc-{g}-{year}", group, split, zh=zh)
            documents.append(doc)
            for n in range(per_document):
                answered = sample(doc, n, fact, figure)
                samples.append(answered)
                if n % 2 == 0:
                    samples.append(sample(doc, n, fact, figure, refusal_of=answered.sample_id))
    return documents, samples


def write_build(folder, documents, samples):
    (folder / "data").mkdir(parents=True)
    (folder / "lineage").mkdir()
    table = to_table(sorted(samples, key=lambda s: s.sample_id), Sample)
    for split in ("train", "validation", "test"):
        part = table.filter(pa.compute.equal(table["split"], split))
        pq.write_table(part, folder / "data" / f"{split}-00000-of-00001.parquet")
    pq.write_table(to_table(documents, Document), folder / "lineage" / "documents.parquet")
    return folder


@pytest.fixture(scope="session")
def clean():
    return make_build()


@pytest.fixture
def schemas(tmp_path):
    folder = tmp_path / "schemas"
    folder.mkdir()
    schema = {
        "type": "object",
        "required": ["answerable", "answer"],
        "properties": {
            "answerable": {"type": "boolean"},
            "answer": {"type": ["string", "null"]},
            "reason": {"type": "string"},
        },
        "additionalProperties": False,
    }
    (folder / "answer.json").write_text(json.dumps(schema), encoding="utf-8")
    return folder


@pytest.fixture
def judge(tmp_path, schemas):
    """Write documents and samples as a build and audit it."""
    from sftdata.audit import audit

    def run(documents, samples, **options):
        folder = write_build(
            tmp_path / f"build-{len(list(tmp_path.iterdir()))}", documents, samples
        )
        given = {"answer_schema": {"schemas": schemas}, **options}
        return audit(folder, options=given)

    return run


@pytest.fixture
def plant():
    return replace
