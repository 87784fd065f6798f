"""The checks of time, versions, names, answers, shortcuts, identifiers, cuts and evaluation sets."""

import json
import random
from dataclasses import replace

import pyarrow as pa
import pytest

from sftdata.audit import audit
from sftdata.similarity.classify import auroc, guess
from sftdata.similarity.quoted import holders


def named(report, check, *severities):
    wanted = severities or ("error", "warning")
    return {i for f in report.check(check).findings if f.severity in wanted for i in f.ids}


def texts(count, seed, words=40):
    pick = random.Random(seed)
    pool = [f"w{n}" for n in range(3000)]
    return [" ".join(pick.choices(pool, k=words)) for _ in range(count)]


def rows(count=60, **columns):
    out = []
    for n, text in enumerate(texts(count, "rows")):
        split = "test" if n % 4 == 0 else "train"
        row = {"id": f"r{n}", "prompt": text, "completion": f"answer {n}.", "split": split}
        out.append({**row, **{k: v(n, split) for k, v in columns.items()}})
    return out


# --- time


def dated(n, split):
    return f"2024-{1 + n % 12:02d}-10" if split == "test" else f"20{10 + n % 14}-06-01"


def test_split_by_time_with_one_straggler():
    data = rows(filing_date=dated)
    assert audit(data).check("temporal_order").status == "passed"
    data[1]["filing_date"] = "2025-02-03"
    report = audit(data)
    assert named(report, "temporal_order", "warning") == {"r1"}
    required = audit(data, options={"temporal_order": {"order": "required"}})
    assert required.check("temporal_order").status == "failed"


def test_split_by_group_is_not_blamed_for_its_dates():
    data = rows(date=lambda n, _: f"20{10 + n % 14}-06-01")
    check = audit(data).check("temporal_order")
    assert check.status == "not_verified"
    assert not check.findings
    assert check.compared.startswith("not a split by time: train to 2023-06-01, test from 2010")
    assert check.why == check.compared
    required = audit(data, options={"temporal_order": {"order": "required"}})
    assert required.check("temporal_order").status == "failed"


def test_undated_rows_are_counted_and_no_date_is_no_answer():
    data = rows(date=lambda n, split: "" if n % 2 else dated(n, split))
    assert audit(data).check("temporal_order").metrics["undated"] == 30
    assert audit(rows()).check("temporal_order").status == "not_verified"


def test_documents_of_a_build_are_dated_by_their_period(judge, clean):
    documents, samples = clean
    dates = {"train": "2022-12-31", "validation": "2023-06-30", "test": "2024-12-31"}
    sources = [replace(d, published=dates[d.split]) for d in documents]
    rule = {"temporal_order": {"order": "required"}}
    assert judge(sources, samples, **rule).verdict == "clean"
    late = next(d for d in sources if d.split == "train")
    moved = [replace(d, published="2024-12-31") if d is late else d for d in sources]
    report = judge(moved, samples, **rule)
    planted = {s.sample_id for s in samples if late.document_id in s.document_ids}
    assert planted <= named(report, "temporal_order", "error")


# --- versions and siblings


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("note-17", "note-17-addendum"),
        ("note-17-v1", "note-17-v2"),
        ("acme-10-K-2024", "acme-10-K/A-2024"),
        ("贵州茅台2024年报", "贵州茅台2024年报更正版"),
        ("trial-9-preprint", "trial-9"),
    ],
)
def test_versions_of_one_document(first, second):
    data = rows(document_id=lambda n, _: f"doc{n}")
    data[0]["document_id"], data[1]["document_id"] = first, second
    report = audit(data)
    assert named(report, "versions", "error") == {"r0", "r1"}
    assert report.check("document_overlap").status == "passed"
    data[1]["document_id"] = "other-18"
    assert audit(data).check("versions").status == "passed"


def test_paraphrase_in_another_split():
    data = rows(paraphrase_of=lambda n, _: "r8" if n == 5 else None)
    report = audit(data)
    assert named(report, "versions", "error") == {"r5", "r8"}
    data[5]["paraphrase_of"] = "r9"
    assert audit(data).check("versions").status == "passed"


def test_two_works_with_one_long_title_warn(judge, clean):
    documents, samples = clean
    title = "Outcomes of early mobility after hip replacement in older adults"
    chosen = [next(d for d in documents if d.split == s) for s in ("train", "test")]
    report = judge([replace(d, title=title) if d in chosen else d for d in documents], samples)
    findings = report.check("versions").findings
    assert [f.severity for f in findings] == ["warning"]
    assert all(d.document_id in findings[0].message for d in chosen)


# --- names


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("Apple Inc", "APPLE INC."),
        ("J.P. Morgan & Co.", "JP Morgan"),
        ("0000320193", "cik-320193"),
        ("贵州茅台酒股份有限公司", "贵州茅台酒"),
        ("Ａｃｍｅ Holdings", "acme"),
        ("Consolidated Freight", "Consolidated Freights Corp"),
    ],
)
def test_one_group_under_two_names(left, right):
    data = rows(company=lambda n, _: f"Firm number {n}")
    data[0]["company"], data[1]["company"] = left, right
    report = audit(data, group="company")
    assert named(report, "group_names", "warning") == {"r0", "r1"}
    data[0]["split"] = "train"
    assert audit(data, group="company").check("group_names").status == "passed"


def test_numbered_groups_are_different_groups():
    data = rows(patient=lambda n, _: f"patient-{n:04d}")
    assert audit(data, group="patient").check("group_names").status == "passed"


# --- answers that train prompts state


def test_figure_of_a_held_out_row_in_a_later_table(judge, clean):
    documents, samples = clean
    held = next(s for s in samples if s.split == "test" and s.kind == "evidence")
    victim = next(s for s in samples if s.split == "train" and s.locale == "en")
    row = "| Accrued liabilities | $ 383,285 | 391,035 |"
    document = next(d for d in documents if d.document_id == held.document_ids[0])
    sources = [replace(d, text=f"{d.text}\n\n{row}") if d is document else d for d in documents]
    span = replace(
        held.evidence[0],
        start=len(document.text) + 2,
        end=len(document.text) + 2 + len(row),
        quote=row,
    )
    later = "| Accrued  Liabilities | 402,113 | 383,285 |"

    def shown(sample, text):
        turns = tuple(
            replace(m, content=f"{text}\n\n{m.content}") if m.role == "user" else m
            for m in sample.prompt
        )
        return replace(sample, prompt=turns)

    asked = replace(shown(held, row), evidence=(span,))
    told = replace(shown(victim, later), group=held.group)
    changed = {held.sample_id: asked, victim.sample_id: told}
    report = judge(sources, [changed.get(s.sample_id, s) for s in samples])
    assert {held.sample_id, victim.sample_id} <= named(report, "answers_in_train", "error")
    # Of another company, one figure with a common label is chance.
    changed[victim.sample_id] = shown(victim, later)
    report = judge(sources, [changed.get(s.sample_id, s) for s in samples])
    assert report.check("answers_in_train").status == "passed"


def test_quoted_sentences_are_found_word_for_word():
    quotes = pa.array(
        ["公司报告期内实现营业收入12,345万元。", "Cash rose to $ 5,120 in the quarter.", "no"]
    )
    prompts = pa.array(
        [
            "经审计，公司报告期内实现营业收入１２,345万元。另见附注。",
            "CASH rose  to $ 5,120\nin the quarter. Then it fell.",
            "Cash rose to $ 5,121 in the quarter.",
        ]
    )
    found = {k: v.tolist() for k, v in holders(quotes, prompts).items()}
    assert found == {0: [0], 1: [1]}


# --- evaluation sets


def naive_hits(train, items, n=13):
    """Plain sets of word tuples: which item shares a run of n words with which row."""

    def grams(text):
        words = text.lower().split()
        return {tuple(words[i : i + n]) for i in range(len(words) - n + 1)}

    mine = [grams(t) for t in train]
    return {(i, j) for i, t in enumerate(mine) for j, item in enumerate(items) if t & grams(item)}


def test_contamination_agrees_with_plain_sets():
    items, train = texts(40, "items", 30), texts(120, "train", 60)
    rng = random.Random(5)
    for k in range(0, 40, 4):
        words, donor = train[k].split(), items[k].split()
        length = rng.choice([5, 12, 13, 20, 30])
        train[k] = " ".join([*words[:20], *donor[:length], *words[20:]])
    expected = naive_hits(train, items)
    data = [{"id": f"t{n}", "prompt": t, "completion": ""} for n, t in enumerate(train)]
    evaluation = pa.table({"text": items})
    report = audit(data, against={"bench": evaluation}, checks=["contamination"])
    found = {
        (int(i[1:]), int(f.message.split("bench:")[1].split()[0]) - 1)
        for f in report.findings
        for i in f.ids
    }
    assert found == expected
    assert len(expected) > 3


def test_contamination_in_chinese_and_in_a_file(tmp_path):
    question = "患者男性六十二岁因反复胸痛三天入院首先应当进行哪一项检查以明确诊断"
    path = tmp_path / "bench.jsonl"
    path.write_text(
        json.dumps({"question": question, "answer": "心电图"}, ensure_ascii=False) + "\n",
        encoding="utf-8",
    )
    data = rows()
    data[1]["prompt"] += f"\n{question}？"
    data[4]["prompt"] += f"\n{question}？"
    report = audit(data, against={"zh": path})
    finding = report.check("contamination").findings[0]
    assert finding.severity == "error"
    assert finding.ids == ("r1",)
    assert finding.example.right_id == "zh:1"
    assert named(
        audit(data, options={"contamination": {"against": {"zh": str(path)}}}), "contamination"
    ) == {"r1"}


def test_frame_of_an_evaluation_set_is_no_contamination():
    frame = "choose the one best answer to the following question about the patient and explain why it is best"
    items = pa.table({"text": [f"{frame} {t}" for t in texts(40, "framed", 15)]})
    data = rows()
    data[1]["prompt"] += " " + frame
    assert audit(data, against={"bench": items}).check("contamination").status == "passed"


# --- shortcuts


def asked(count=400, tell=0.0):
    pick, out = random.Random(1), []
    for n in range(count):
        refused = n % 2 == 0
        words = pick.choices([f"w{i}" for i in range(50)], k=8)
        if refused and pick.random() < tell:
            words[3] = "whatever"
        question = f"what of {' '.join(words)}?"
        out.append(
            {
                "id": f"q{n}",
                "question": question,
                "prompt": f"{' '.join(pick.choices(words, k=30))}\n\n{question}",
                "completion": "none" if refused else "some",
                "answer": json.dumps({"answerable": not refused}),
                "company": f"c{n % 20}",
            }
        )
    return out


def test_question_that_gives_the_refusal_away():
    fair = audit(asked(), group="company", checks=["shortcuts"])
    assert fair.check("shortcuts").status == "passed"
    assert (
        abs(fair.check("shortcuts").metrics["auroc"]["unanswerable from the question"] - 0.5) < 0.1
    )
    told = audit(asked(tell=0.9), group="company", checks=["shortcuts"])
    finding = told.check("shortcuts").findings[0]
    assert finding.severity == "warning"
    assert "“whatever”" in finding.message


def test_area_under_the_curve_is_the_share_of_ordered_pairs():
    rng = random.Random(3)
    import numpy as np

    scores = np.array([rng.choice([0.1, 0.2, 0.3, 0.5]) for _ in range(60)])
    truth = np.array([rng.random() < 0.4 for _ in range(60)])
    pairs = [(a > b) + 0.5 * (a == b) for a in scores[truth] for b in scores[~truth]]
    assert auroc(scores, truth) == pytest.approx(sum(pairs) / len(pairs))


def test_guess_needs_words_that_other_groups_use_too():
    """What is only learnt by heart (one name per group) does not carry over to unseen groups."""
    import numpy as np

    groups = np.arange(300) // 10
    truth = groups % 2 == 0
    found = guess(pa.array([f"company{g} and co" for g in groups]), truth, groups)
    assert abs(found.auroc - 0.5) < 0.35


# --- identifiers


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("SSN 212-09-4571 on file", "ssn"),
        ("身份证号11010519491231002X。", "id_card"),
        ("联系电话：13912345678", "mobile"),
        ("MRN: 00482913", "record_number"),
        ("住院号：ZY20240017", "record_number"),
        ("write to jane.roe@stlukes.org today", "email"),
        ("call (617) 432-1977 for results", "phone"),
    ],
)
def test_identifiers(text, kind):
    data = rows(domain=lambda *_: "medicine")
    data[3]["prompt"] += " " + text
    report = audit(data)
    assert named(report, "residual_phi", "warning") == {"r3"}
    assert set(report.check("residual_phi").metrics["hits"]) == {kind}
    secret = text.split()[-2] if " " in text else text[-8:]
    assert secret not in "".join(f.message for f in report.check("residual_phi").findings)


@pytest.mark.parametrize(
    "text",
    [
        "SSN 900-12-3456, 000-12-3456, 123-45-6789",
        "身份证号110105194912310021，订单号 123456789012345678",
        "call (617) 555-0142 or 1-800-555-0199",
        "total 212-094-571, LOINC 8480-6, NDC 0093-7146-56, 1.234.567 units",
        "mail a@example.com, @dose 5 mg@noon",
    ],
)
def test_numbers_that_identify_nobody(text):
    data = rows(domain=lambda *_: "medicine")
    data[3]["prompt"] += " " + text
    assert audit(data).check("residual_phi").status == "passed"


def test_phone_numbers_of_companies_are_meant_to_be_read():
    data = rows(domain=lambda *_: "finance")
    data[3]["prompt"] += " Investor relations (408) 996-1010, ir@apple.com"
    assert audit(data).check("residual_phi").status == "passed"
    strict = audit(data, options={"residual_phi": {"scope": "all"}})
    assert named(strict, "residual_phi", "warning") == {"r3"}


# --- cuts


def test_cut_completions():
    sentence = "The company reported higher net sales and a lower tax rate for the whole year."
    data = rows()
    for row in data:
        row["completion"] = f"{row['id']}: {sentence}"
    assert audit(data).check("truncation").status == "passed"
    data[2]["completion"] = f"r2: {sentence[:-9]}"
    data[3]["completion"] = '{"facts": [{"value": "12'
    data[5]["completion"] = "```json\n{}\n"
    report = audit(data)
    assert named(report, "truncation", "warning") == {"r2", "r3", "r5"}


def test_lengths_that_pile_up_at_a_limit():
    data = rows()
    for n in range(10, 22):
        data[n]["prompt"] = (data[n]["prompt"] * 9)[:600]
    report = audit(data)
    assert named(report, "truncation", "warning") == {f"r{n}" for n in range(10, 22)}


# --- templates


def test_templates_are_told_and_never_blamed():
    data = rows(
        question=lambda n, _: f"What was the net income of Acme {n} Corp in {2000 + n}?",
        answer=lambda n, _: str(n),
    )
    check = audit(data).check("templates")
    assert check.status == "passed"
    assert check.metrics["share_known"] == {"test": 1.0}
    assert check.findings[0].count == 15


SUMMARIES = {
    "en": "The patient was admitted with chest pain, treated with aspirin and heparin, watched for "
    "two nights on telemetry, and sent home in good condition with advice on diet, exercise and "
    "the tablets that were prescribed by the cardiologist on call.",
    "zh": "患者因胸痛入院，予阿司匹林及肝素治疗，心电监护两夜后症状缓解，复查心肌酶谱未见异常，"
    "出院时一般情况良好，嘱低盐低脂饮食并按时服用心内科医生所开药物。",
}


@pytest.mark.parametrize("locale", ["en", "zh"])
@pytest.mark.parametrize("long", [True, False])
def test_a_long_answer_that_was_learnt_with_another_prompt_warns(locale, long):
    answer = SUMMARIES[locale]
    copy = answer.replace("good", "fair").replace("良好", "尚可")
    if not long:
        answer, copy = ("no", "no") if locale == "en" else ("否", "否")
    rows = [
        {"id": f"r{n}", "prompt": f"dialogue {n} {chr(65 + n) * 9}", "completion": f"say {n}",
         "split": "train" if n < 6 else "test"}
        for n in range(8)
    ]  # fmt: skip
    rows[2]["completion"], rows[7]["completion"] = answer, copy
    check = audit(rows, checks=["near_tasks"], options={"near_tasks": {"threshold": 0.7}}).check(
        "near_tasks"
    )
    assert "8 answers" in check.compared
    named = {i for f in check.findings for i in f.ids if f.severity == "warning"}
    assert named == ({"r2", "r7"} if long else set())
