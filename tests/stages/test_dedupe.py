"""Dedupe: what leaves, because of what, and what must stay."""

import csv
import json
import random
import re
import unicodedata
from collections import defaultdict
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import html
from similarity.oracle import jaccard_of

from sftdata.errors import ContractError
from sftdata.part import VERDICTS
from sftdata.stages.decisions.dedupe import DEDUPE_VERDICTS, Dedupe
from sftdata.stages.decisions.skeletons import ListNames, skeletons
from sftdata.stages.decisions.survivors import quality
from sftdata.types import (
    DOCUMENTS,
    SAMPLES,
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

PROSE = (
    "The Company designs, manufactures and markets smartphones, personal computers and tablets, "
    "and sells a variety of related services through its retail stores and its direct sales force."
)


def verdicts(decision: Dedupe, table: pa.Table) -> dict[str, dict]:
    found = decision.decide(decision.keys(table))
    assert found.schema == DEDUPE_VERDICTS
    assert found.schema.names[: len(VERDICTS)] == VERDICTS.names
    assert found["id"].to_pylist() == sorted(found["id"].to_pylist())
    return {row["id"]: row for row in found.to_pylist()}


def passages(**texts: str) -> pa.Table:
    return pa.table({"id": list(texts), "text": list(texts.values())})


def document(name: str, text: str, published: str | None = None) -> Document:
    return Document(
        document_id=name,
        source=Source(path=f"{name}.txt", sha256="0" * 64, reader="notes"),
        domain="finance",
        locale="en",
        title="",
        published=published,
        text=text,
    )


def sample(name: str, question: str, answer: str, document_id: str, context: str, **rest) -> Sample:
    quoted = rest.pop("quoted", document_id)
    fields = {
        "family": "finance/single_fact",
        "family_version": 1,
        "kind": "evidence",
        "domain": "finance",
        "locale": "en",
        "split": "train",
        "document_ids": (document_id,) if document_id else (),
        "group": document_id,
        "prompt": (
            Message(role="system", content="Answer from the passages."),
            Message(role="user", content=f"Passages:\n\n[P1]\n\n{context}\n\nQuestion: {question}"),
        ),
        "completion": (Message(role="assistant", content=answer),),
        "question": question,
        "answer": json.dumps({"answerable": True, "answer": answer, "citations": ["P1"]}),
        "evidence": (Evidence(document_id=quoted, start=0, end=1, quote="x"),) if quoted else (),
        "context": (Passage(document_id=document_id, start=0, end=1),) if document_id else (),
    }
    return Sample(sample_id=name, **(fields | rest))


def task_verdicts(*samples: Sample, **config) -> dict[str, dict]:
    return verdicts(Dedupe(grain="task", **config), to_table(samples, Sample))


def reasons(found: dict[str, dict]) -> dict[str, str]:
    return {name: row["reason"] for name, row in found.items()}


def test_exact_and_near_duplicates_leave_with_survivor_and_similarity():
    near = PROSE.replace("related services", "other services")
    found = verdicts(
        Dedupe(grain="passage", threshold=0.6),
        passages(c=PROSE.upper(), a=PROSE, b=near, d="Other."),
    )
    assert reasons(found) == {"a": "", "b": "near_duplicate", "c": "exact_duplicate", "d": ""}
    dropped = [r for r in found.values() if r["verdict"] == "drop"]
    assert all(found[r["because_of"]]["verdict"] == "keep" for r in dropped)
    assert all(0.6 <= r["similarity"] <= 1 for r in dropped)
    assert found["d"]["similarity"] is None


@pytest.mark.parametrize(
    ("left", "right", "reason"),
    [
        (PROSE, PROSE.replace(" ", "\n").upper(), "exact_duplicate"),
        ("公司2024年营业收入为12.5亿元。", "公司２０２４年营业收入为12.5亿元", "exact_duplicate"),
        (
            f"{PROSE} Net sales were $94,036 million.",
            f"{PROSE} Net sales were $85,777 million.",
            "",
        ),
        (
            "本公司主要从事动力电池的研发、生产和销售，2024年营业收入为3620亿元。",
            "本公司主要从事动力电池的研发、生产和销售，2023年营业收入为4009亿元。",
            "",
        ),
        ("", "", ""),
        ("---", "---", ""),
    ],
)
def test_words_and_numbers_decide(left, right, reason):
    found = verdicts(Dedupe(grain="passage", threshold=0.7), passages(a=left + "  ", b=right))
    assert {reason, ""} == set(reasons(found).values())


def test_the_same_note_with_other_readings_is_not_a_duplicate():
    """Same wording, other figures: two visits. Jaccard alone would drop one."""
    note = "The patient was seen today and is doing well without any complaint."
    text = " ".join(
        f"{note} Organ system {chr(97 + i) * 4} was examined in detail." for i in range(20)
    )
    one, two = (
        f"{text} Blood pressure 120/80, pulse 72.",
        f"{text} Blood pressure 155/95, pulse 101.",
    )
    assert jaccard_of(one, two) > 0.8
    found = verdicts(Dedupe(), to_table([document("a", one), document("b", two)], Document))
    assert [r["verdict"] for r in found.values()] == ["keep", "keep"]
    copy = one.replace("doing well", "doing fine", 1)
    found = verdicts(Dedupe(), to_table([document("a", one), document("b", copy)], Document))
    assert reasons(found) == {"a": "", "b": "near_duplicate"}


def test_survivor_is_the_longest_then_the_newest_then_the_first_id():
    table = to_table(
        [
            document("a", PROSE, "2022-01-01"),
            document("b", PROSE, "2024-01-01"),
            document("c", PROSE, None),
            document("d", PROSE + "!!!", "2020-01-01"),
        ],
        Document,
    )
    assert {r["because_of"] for r in verdicts(Dedupe(), table).values()} == {"", "d"}
    assert {r["because_of"] for r in verdicts(Dedupe(), table.slice(0, 3)).values()} == {"", "b"}
    same = to_table([document(n, PROSE) for n in "zyx"], Document)
    assert {r["because_of"] for r in verdicts(Dedupe(), same).values()} == {"", "x"}


def test_a_chain_resolves_to_one_survivor_with_its_own_similarity():
    words = [f"word{chr(97 + i // 26)}{chr(97 + i % 26)}" for i in range(120)]
    texts = {
        name: " ".join(words[start : start + 100])
        for name, start in zip("abc", (0, 8, 16), strict=True)
    }
    found = verdicts(Dedupe(grain="passage"), passages(**texts))
    survivor = [n for n, r in found.items() if r["verdict"] == "keep"]
    assert survivor == ["a"]
    assert found["b"]["similarity"] == pytest.approx(88 / 104)
    assert found["c"]["similarity"] == pytest.approx(80 / 112)
    assert found["c"]["similarity"] < 0.8
    found = verdicts(Dedupe(grain="passage", linkage="direct"), passages(**texts, d=texts["b"]))
    assert {n: r["because_of"] for n, r in found.items()} == {"a": "", "b": "a", "c": "", "d": "a"}


def test_an_id_may_stand_once():
    table = pa.table({"id": ["a", "a"], "text": ["x", "y"]})
    with pytest.raises(ContractError, match="an id stands twice"):
        verdicts(Dedupe(grain="passage"), table)


@pytest.mark.parametrize(
    ("grain", "schema"),
    [
        ("document", DOCUMENTS),
        ("task", SAMPLES),
        ("passage", pa.schema([("id", pa.string()), ("text", pa.string())])),
    ],
)
def test_no_rows(grain, schema):
    assert verdicts(Dedupe(grain=grain, max_per_template=1), schema.empty_table()) == {}


WORDS = ["net", "sales", "cash", "rose", "5", "7", "患", "者", "the", "of"]
BASE = [" ".join(random.Random(i).choices(WORDS, k=12 * i)) for i in range(6)]


@st.composite
def tables(draw):
    texts = []
    for base in draw(st.lists(st.sampled_from(BASE), min_size=1, max_size=8)):
        words = base.split()
        for _ in range(draw(st.integers(0, 2))):
            if words:
                words[draw(st.integers(0, len(words) - 1))] = draw(st.sampled_from(WORDS))
        texts.append(" ".join(words))
    return {f"p{i}": t for i, t in enumerate(texts)}


@given(
    tables(),
    st.randoms(use_true_random=False),
    st.sampled_from([None, 1, 2]),
    st.sampled_from(["cluster", "direct"]),
)
@settings(deadline=None, max_examples=60)
def test_order_does_not_matter_and_what_is_kept_is_kept_again(texts, rng, cap, linkage):
    decision = Dedupe(grain="passage", threshold=0.5, max_per_template=cap, linkage=linkage)
    table = passages(**texts)
    first = decision.decide(decision.keys(table))
    order = list(range(len(texts)))
    rng.shuffle(order)
    assert decision.decide(decision.keys(table.take(order))).equals(first)
    parts = [decision.keys(table.slice(i, 2)) for i in range(0, len(texts), 2)]
    assert decision.decide(pa.concat_tables(parts)).equals(first)
    kept = table.filter(pc.equal(first["verdict"], "keep"))
    again = decision.decide(decision.keys(kept))
    assert set(again["verdict"].to_pylist()) <= {"keep"}
    rows = {r["id"]: r for r in first.to_pylist()}
    for row in rows.values():
        assert row["because_of"] == "" or rows[row["because_of"]]["verdict"] == "keep"
        if row["reason"] in {"exact_duplicate", "near_duplicate"}:
            similarity = jaccard_of(texts[row["id"]], texts[row["because_of"]])
            assert row["similarity"] == pytest.approx(similarity)
            assert similarity >= 0.5 or linkage == "cluster"


APPLE = "[Apple] Net sales of iPhone were higher in the third quarter. " + PROSE


def test_same_question_same_evidence_same_answer_is_one_task():
    other_order = APPLE + "\n\nA distractor about leases."
    found = task_verdicts(
        sample("a", "What were net sales of Apple in 2024?", "$391 million", "apple", APPLE),
        sample("b", "What were net sales of Apple in 2024?", "$391 million", "apple", other_order),
    )
    assert reasons(found) == {"a": "", "b": "exact_duplicate"}


def test_two_questions_on_one_passage_are_two_tasks():
    found = task_verdicts(
        sample("a", "What were net sales of Apple in 2024?", "$391 million", "apple", APPLE),
        sample("b", "What was the cost of sales of Apple in 2024?", "$210 million", "apple", APPLE),
    )
    assert set(reasons(found).values()) == {""}


def test_the_same_question_about_two_patients_is_two_tasks():
    question, answer = (
        "Does the patient have any known allergies?",
        "No known allergies are recorded.",
    )
    one = "Chart of Ann Lee. Born 1950. Hypertension since 2001, treated with lisinopril. No known allergies."
    two = "Chart of Bob May. Diabetes found in 2015 on a routine visit; metformin was begun. No known allergies."
    charts = [sample("a", question, answer, "ann", one), sample("b", question, answer, "bob", two)]
    assert set(reasons(task_verdicts(*charts)).values()) == {""}
    filed_twice = sample("c", question, answer, "ann-again", one)
    assert reasons(task_verdicts(*charts, filed_twice)) == {
        "a": "",
        "b": "",
        "c": "exact_duplicate",
    }


def test_a_shared_distractor_does_not_make_two_documents_one():
    question, answer = "Is revenue recognised over time?", "Yes, over the term of the contract."
    first = sample("a", question, answer, "acme", "Acme text one.", document_ids=("acme", "zeta"))
    second = sample(
        "b",
        question,
        answer,
        "bolt",
        "Bolt, quite different words here.",
        document_ids=("bolt", "zeta"),
    )
    assert set(reasons(task_verdicts(first, second)).values()) == {""}


@pytest.mark.parametrize("change", [{"kind": "extraction"}, {"split": "test"}])
def test_another_kind_or_split_is_never_a_duplicate(change):
    given = ("What were net sales of Apple in 2024?", "$391 million", "apple", APPLE)
    found = task_verdicts(sample("a", *given), sample("b", *given, **change))
    assert set(reasons(found).values()) == {""}


def test_a_refusal_is_no_duplicate_of_its_twin_and_leaves_with_it():
    given = ("What were net sales of Apple in 2024?", "$391 million in all", "apple", APPLE)
    refusal = sample("r", *given, kind="refusal", twin_of="b")
    found = task_verdicts(sample("b", *given), refusal)
    assert set(reasons(found).values()) == {""}
    # `a` has the smaller id, but `b` has a refusal that needs it.
    assert reasons(task_verdicts(sample("a", *given), sample("b", *given), refusal)) == {
        "a": "exact_duplicate",
        "b": "",
        "r": "",
    }
    second = sample(
        "s", "Why?", "Not stated in the passages.", "apple", APPLE, kind="refusal", twin_of="a"
    )
    found = task_verdicts(sample("a", *given), sample("b", *given), refusal, second)
    assert reasons(found) == {"a": "", "b": "exact_duplicate", "r": "twin_dropped", "s": ""}
    assert found["r"]["because_of"] == "b"


def test_numbers_tell_tasks_apart_even_in_long_answers():
    answer = PROSE + " In all, {} stores were open."
    found = task_verdicts(
        sample("a", "Summarise the business.", answer.format(510), "apple", APPLE),
        sample("b", "Summarise the business.", answer.format(530), "apple", APPLE),
        sample(
            "c",
            "Summarise the business.",
            answer.format(530).replace("tablets", "watches"),
            "apple",
            APPLE,
        ),
        threshold=0.6,
    )
    assert reasons(found) == {"a": "", "b": "", "c": "near_duplicate"}


def test_template_siblings_are_capped():
    asked = [
        sample(
            f"s{i}",
            f"What were net sales of Apple in fiscal {2000 + i}?",
            f"${i * 37} million",
            f"d{i}",
            f"{APPLE} {i}",
        )
        for i in range(9)
    ]
    assert set(reasons(task_verdicts(*asked)).values()) == {""}
    found = task_verdicts(*asked, max_per_template=4)
    assert sorted(reasons(found).values()) == [""] * 4 + ["template_cap"] * 5
    kept = {n for n, r in found.items() if r["verdict"] == "keep"}
    assert all(
        r["because_of"] in kept and 0 <= r["similarity"] <= 1 for r in found.values() if r["reason"]
    )


def test_tasks_without_context_or_document_are_compared_by_text_alone():
    table = pa.table(
        {
            "sample_id": ["a", "b", "c"],
            "question": ["What is EBITDA?"] * 3,
            "answer": ["Earnings before interest"] * 2 + ["Something else"],
        }
    )
    assert reasons(verdicts(Dedupe(grain="task"), table)) == {
        "a": "",
        "b": "exact_duplicate",
        "c": "",
    }


def test_planted_clusters_are_found_in_english_and_chinese():
    rng = random.Random(11)
    english = [
        f"{a}{b}"
        for a in ("net", "gross", "cash", "tax", "debt", "fund")
        for b in ("ing", "ed", "er", "al", "ity", "ment", "s", "ive")
    ]
    chinese = list("营业收入净利润患者发热咳嗽年度增长下降资产负债表现金流量诊断治疗手术用药检查")
    texts, truth = {}, {}
    for cluster in range(200):
        words = english if cluster % 2 else chinese
        base = rng.choices(words, k=200)
        for copy in range(3):
            changed = list(base)
            for _ in range(copy * 2):
                changed[rng.randrange(200)] = rng.choice(words)
            name = f"{cluster:03}-{copy}"
            texts[name], truth[name] = (" " if cluster % 2 else "").join(changed), cluster
    found = verdicts(Dedupe(grain="passage"), passages(**texts))
    kept = [truth[n] for n, r in found.items() if r["verdict"] == "keep"]
    assert len(set(kept)) == 200
    assert len(kept) <= 204
    assert all(truth[n] == truth[r["because_of"]] for n, r in found.items() if r["because_of"])


@pytest.mark.real_data
def test_notes_filed_under_several_specialties_are_found(real_data):
    with (real_data / "mtsamples" / "mtsamples_dev.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    table = pa.table(
        {
            "id": [f"m{r['note_id']}-{i}" for i, r in enumerate(rows)],
            "text": [r["transcription"] for r in rows],
        }
    )
    found = verdicts(Dedupe(grain="passage"), table)
    same = defaultdict(list)
    for name, text in zip(table["id"].to_pylist(), table["text"].to_pylist(), strict=True):
        plain = re.sub(r"[\W_]+", " ", unicodedata.normalize("NFKC", text).casefold()).strip()
        if plain:
            same[plain].append(name)
    repeated = [names for names in same.values() if len(names) > 1]
    assert len(repeated) > 20
    for names in repeated:
        assert sum(found[n]["verdict"] == "keep" for n in names) <= 1
    exact = sum(r["reason"] == "exact_duplicate" for r in found.values())
    assert exact >= 0.9 * sum(len(n) - 1 for n in repeated)


@pytest.mark.real_data
def test_a_filing_downloaded_twice_is_one_document(real_data):
    files = sorted((real_data / "sec_ixbrl").glob("320193_*"))
    texts = [
        html.fromstring(f.read_bytes(), parser=html.HTMLParser(huge_tree=True)).text_content()
        for f in files
    ]
    table = to_table([document(f.stem, t) for f, t in zip(files, texts, strict=True)], Document)
    found = verdicts(Dedupe(), table)
    content = defaultdict(list)
    for file in files:
        content[file.read_bytes()].append(file.stem)
    twins = next(names for names in content.values() if len(names) == 2)
    dropped = {n: r for n, r in found.items() if r["verdict"] == "drop"}
    assert set(dropped) == {max(twins)}
    assert dropped[max(twins)]["reason"] == "exact_duplicate"
    assert dropped[max(twins)]["because_of"] == min(twins)


def test_a_task_that_a_refusal_needs_stays_whatever_the_rule():
    given = ("What were net sales of Apple in 2024?", "$391 million in all", "apple", APPLE)
    rows = (
        sample("a", *given),
        sample("b", *given),
        sample("r", *given, kind="refusal", twin_of="b"),
    )
    for rule in ("longest", "newest", "best_quality", "first"):
        assert reasons(task_verdicts(*rows, survivor=rule))["a"] == "exact_duplicate"


def test_best_quality_is_evidence_and_passed_checks_before_length():
    given = ("What were net sales of Apple in 2024?", "$391 million in all", "apple", APPLE)
    checked = {"checks": (Check(name="number_recomputes", passed=True),)}
    failed = {"checks": (Check(name="number_recomputes", passed=False),)}
    found = task_verdicts(
        sample("a", *given, **failed), sample("b", *given, **checked), survivor="best_quality"
    )
    assert reasons(found) == {"a": "exact_duplicate", "b": ""}
    assert reasons(
        task_verdicts(sample("a", *given, **failed), sample("b", *given, **checked))
    ) == {
        "a": "",
        "b": "exact_duplicate",
    }


@pytest.mark.parametrize(
    ("good", "poor"),
    [
        ("The café's sales rose.", "The cafÃ©'s sales rose."),
        ("The company’s sales rose.", "The companyâ€™s sales rose."),
        ("公司营业收入增长。", "公司锟斤拷营业收入增长。"),
        ("Net sales rose by 5%.", "Net sales rose by 5%.\ufffd"),
        ("Net sales rose by 5%.", "*** Net sales rose by 5%. ***"),
        ("\n".join(f"Costs of plant {c} fell" for c in "abcdefgh"), "Costs of plant a fell\n" * 8),
    ],
)
def test_quality_prefers_the_clean_copy(good, poor):
    assert quality(good) > quality(poor)


def named_samples(names: dict[str, str]) -> list[Sample]:
    return [
        sample(
            f"s{i}",
            f"What were net sales of {spoken} in fiscal {2000 + i}?",
            f"{spoken}'s net sales were ${i * 37} million.",
            name,
            f"{PROSE} {i}",
        )
        for i, (name, spoken) in enumerate(names.items())
    ]


def test_names_of_the_documents_are_masked_on_request_and_siblings_capped_not_deduplicated(
    tmp_path,
):
    companies = {
        "acme": ("ACME MILLS, INC.", "Acme Mills"),
        "bolt": ("Bolt Corp", "Bolt"),
        "delta": ("Delta Harbor & Sons plc", "Delta Harbor & Sons"),
    }
    documents = to_table(
        [
            replace(document(n, PROSE), keys=(Key(kind="company_name", value=full),))
            for n, (full, _) in companies.items()
        ],
        Document,
    )
    file = tmp_path / "names.parquet"
    pq.write_table(ListNames()(documents), file)
    rows = named_samples({n: spoken for n, (_, spoken) in companies.items()})
    assert set(reasons(task_verdicts(*rows, max_per_template=1)).values()) == {""}
    masked = {"mask": ("numbers", "dates", "names"), "names": file, "max_per_template": 1}
    found = task_verdicts(*rows, **masked)
    assert sorted(reasons(found).values()) == ["", "template_cap", "template_cap"]
    # The names of other documents stay words: a sample about two companies is no sibling.
    other = sample("t", "What were net sales of Bolt in fiscal 2000?", "$1 million.", "acme", PROSE)
    assert reasons(task_verdicts(*rows[:1], other, **masked)) == {"s0": "", "t": ""}


def test_a_mask_blanks_what_it_names_and_nothing_else():
    texts = pa.array(
        [
            "On May 1, 2024 Acme had 5 stores.",
            "On May 1, 2024 Acme had 7 stores.",
            "On June 3, 2023 Acme had 5 stores.",
            "On May 1, 2024 Bolt had 5 stores.",
        ]
    )
    names = [["Acme"], ["Acme"], ["Acme"], ["Bolt"]]

    def same(*mask):
        first, *others = skeletons(texts, mask, names).tolist()
        return [first == other for other in others]

    assert same() == [False, False, False]
    assert same("numbers") == [True, False, False]
    assert same("dates") == [False, True, False]
    assert same("names") == [False, False, True]
    assert same("numbers", "dates", "names") == [True, True, True]


def test_masked_names_are_text_not_patterns_and_whole_words():
    texts = pa.array(["A+ (B) rose.", "C rose.", "Applesauce rose.", "sauce rose."])
    found = skeletons(texts, ["names"], [["A+ (B)"], ["C"], ["Apple"], []]).tolist()
    assert found[0] == found[1]
    assert len(set(found[1:])) == 3
