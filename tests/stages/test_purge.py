"""Purge: what stands too near to held-out text leaves, and boilerplate does not count."""

import json
import random
from itertools import product

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from similarity.oracle import jaccard_of, numbers_of

from sftdata.errors import ContractError
from sftdata.part import VERDICTS
from sftdata.stages.decisions.purge import PURGE_VERDICTS, Purge
from sftdata.types import SAMPLES, Message, Sample, to_table

QUESTION = "What were the net sales of {} in the fiscal year 2024?"
ANSWER = "Net sales of {} were $391,035 million in fiscal 2024, up from $383,285 million."


def prose(seed: object, words: int = 40) -> str:
    """Text of its own for every seed: no two share a run of five words."""
    rng = random.Random(str(seed))
    return " ".join("".join(rng.choices("aeioulnrst", k=6)) for _ in range(words)) + "."


def sample(name: str, split: str, group: str, **rest) -> Sample:
    question = rest.pop("question", QUESTION.format(prose(name, 3)))
    answer = rest.pop("answer", prose((name, "a"), 4))
    passages = rest.pop("passages", [prose((name, "p"))])
    body = "Passages:\n\n" + "\n\n".join(f"[P{i}]\n\n{p}" for i, p in enumerate(passages, 1))
    fields = {
        "family": "finance/single_fact",
        "family_version": 1,
        "kind": "evidence",
        "domain": "finance",
        "locale": "en",
        "document_ids": (f"doc-{group}",),
        "prompt": (
            Message(role="system", content=prose("system", 60)),
            Message(role="user", content=f"{body}\n\nQuestion: {question}"),
        ),
        "completion": (Message(role="assistant", content=answer),),
        "answer": json.dumps({"answerable": True, "answer": answer, "citations": []}),
    }
    return Sample(sample_id=name, split=split, group=group, question=question, **(fields | rest))


def verdicts(*samples: Sample, **config) -> dict[str, dict]:
    decision = Purge(**config)
    found = decision.decide(decision.keys(to_table(samples, Sample)))
    assert found.schema == PURGE_VERDICTS
    assert found.schema.names[: len(VERDICTS)] == VERDICTS.names
    return {row["id"]: row for row in found.to_pylist()}


def told(found: dict[str, dict]) -> dict[str, tuple[str, str, str]]:
    return {
        n: (r["verdict"], r["reason"], r["because_of"]) for n, r in found.items() if r["reason"]
    }


def test_unrelated_samples_stay():
    rows = [sample(f"s{i}", s, f"g{i}") for i, s in enumerate(["train", "validation", "test"] * 3)]
    assert told(verdicts(*rows)) == {}


@pytest.mark.parametrize(
    ("shared", "reason"),
    [
        ({"question": QUESTION.format("Apple"), "answer": "$391,035 million"}, "near_held_out_task"),
        ({"answer": ANSWER.format("Apple")}, "near_held_out_answer"),
        ({"answer": "公司二零二四年营业收入为三千六百二十亿元，较上年同期下降百分之九点七。"}, "near_held_out_answer"),
        ({"passages": [prose("leak")]}, "near_held_out_context"),
        ({"passages": ["本公司主要从事动力电池及储能电池系统的研发、生产和销售，产品应用于电动汽车、工程机械、船舶等领域，公司坚持自主创新，持续加大研发投入，不断提升核心竞争力。"]}, "near_held_out_context"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("held", ["test", "validation"])
def test_a_planted_leak_leaves_train(shared, reason, held):
    found = verdicts(
        sample("t", "train", "a", **shared),
        sample("u", "train", "b"),
        sample("h", held, "c", **shared),
    )
    assert told(found) == {"t": ("drop", reason, "h")}
    assert found["t"]["similarity"] == 1.0


def test_one_leaked_passage_among_others_is_enough():
    leak = prose("leak", 80)
    other = leak.replace(leak.split()[20], "changed")
    found = verdicts(
        sample("t", "train", "a", passages=[prose(1), other, prose(2)]),
        sample("h", "test", "c", passages=[prose(3), prose(4), leak]),
    )
    assert told(found) == {"t": ("drop", "near_held_out_context", "h")}
    assert found["t"]["similarity"] == pytest.approx(jaccard_of(leak, other))
    assert told(verdicts(*_pair(passages=[leak]), threshold=1.0))


def _pair(**shared) -> tuple[Sample, Sample]:
    return sample("t", "train", "a", **shared), sample("h", "test", "b", **shared)


def test_validation_gives_way_to_test_and_what_left_purges_nothing():
    leak = prose("leak")
    rows = [sample(n, s, n, passages=[leak]) for n, s in (("v", "validation"), ("h", "test"))]
    lonely = prose("lonely")
    rows[0] = sample("v", "validation", "v", passages=[leak, lonely])
    train = sample("t", "train", "t", passages=[lonely])
    found = verdicts(*rows, train)
    assert told(found) == {"v": ("drop", "near_held_out_context", "h")}


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ({"answer": ANSWER.format("Apple")}, {"answer": "Net sales of Apple were $85,777 million in fiscal 2021, up from $81,797 million."}),
        ({"question": QUESTION.format("Apple"), "answer": "$391 million"}, {"question": QUESTION.format("Apple"), "answer": "$85 million"}),
        ({"answer": "Yes."}, {"answer": "Yes."}),
        ({"passages": ["Table of contents"]}, {"passages": ["Table of contents"]}),
        ({"passages": [prose(7)]}, {"answer": prose(7)}),
    ],
)  # fmt: skip
def test_what_is_no_leak(left, right):
    assert (
        told(verdicts(sample("t", "train", "a", **left), sample("h", "test", "b", **right))) == {}
    )


def test_the_system_prompt_is_no_leak_and_numbers_do_not_excuse_a_passage():
    table = prose("table", 60)
    found = verdicts(
        sample("t", "train", "a", passages=[f"{table} In all 5 million."]),
        sample("h", "test", "b", passages=[f"{table} In all 7 million."]),
    )
    assert told(found) == {"t": ("drop", "near_held_out_context", "h")}


@pytest.mark.parametrize("field", ["passages", "answer"])
def test_boilerplate_of_many_groups_is_reported_and_stays(field):
    shared = (
        {"answer": prose("refusal", 20)} if field == "answer" else {"passages": [prose("audit")]}
    )
    rows = [sample(f"t{i}", "train", f"g{i}", **shared) for i in range(4)]
    held = sample("h", "test", "held", **shared)
    found = verdicts(*rows, held)
    assert told(found) == {f"t{i}": ("keep", "boilerplate", "h") for i in range(4)}
    found = verdicts(*rows, held, boilerplate_groups=6)
    assert {v for v, _, _ in told(found).values()} == {"drop"}
    # The same text in many rows of few groups is no boilerplate.
    few = [sample(f"t{i}", "train", f"g{i % 2}", **shared) for i in range(12)]
    rest = [sample(f"u{i}", "train", f"g{i}") for i in range(4)]
    assert told(verdicts(*few, *rest, held)).keys() == {f"t{i}" for i in range(12)}
    assert {v for v, _, _ in told(verdicts(*few, *rest, held)).values()} == {"drop"}


def test_boilerplate_does_not_hide_a_leak_in_the_same_sample():
    notice, leak = prose("audit"), prose("leak", 80)
    nearly = leak.replace(leak.split()[3], "changed")
    rows = [sample(f"t{i}", "train", f"g{i}", passages=[notice]) for i in range(5)]
    bad = sample("x", "train", "g9", passages=[notice, nearly])
    found = verdicts(*rows, bad, sample("h", "test", "held", passages=[leak, notice]))
    assert found["x"]["reason"] == "near_held_out_context"
    assert {found[f"t{i}"]["reason"] for i in range(5)} == {"boilerplate"}


def test_the_frame_of_a_family_is_no_leak_even_with_two_groups():
    frame = prose("instructions", 50)
    rows = [
        sample(
            f"s{i}", "test" if i > 7 else "train", "a" if i > 7 else "b", passages=[frame, prose(i)]
        )
        for i in range(12)
    ]
    assert {v for v, _, _ in told(verdicts(*rows)).values()} == {"keep"}


def test_a_refusal_leaves_with_its_twin_and_not_the_other_way_round():
    leak = prose("leak")
    rows = [
        sample("a", "train", "g", passages=[leak]),
        sample("r", "train", "g", kind="refusal", twin_of="a"),
        sample("b", "train", "g"),
        sample("q", "train", "g", kind="refusal", twin_of="b", passages=[leak]),
        sample("h", "test", "t", passages=[leak]),
    ]
    assert told(verdicts(*rows)) == {
        "a": ("drop", "near_held_out_context", "h"),
        "r": ("drop", "twin_purged", "a"),
        "q": ("drop", "near_held_out_context", "h"),
    }


@pytest.mark.parametrize("split", ["", "dev"])
def test_an_unknown_split_is_an_error(split):
    with pytest.raises(ContractError, match="is not one of: train, validation, test"):
        verdicts(sample("a", split, "g"))


@pytest.mark.parametrize("splits", [("train",), ("train", "train")])
def test_splits_are_two_and_distinct(splits):
    with pytest.raises(ValidationError, match="at least two splits"):
        Purge(splits=splits)


def test_other_split_names():
    shared = {"passages": [prose("leak")]}
    found = verdicts(
        sample("a", "dev", "g", **shared),
        sample("b", "gold", "h", **shared),
        splits=("dev", "gold"),
    )
    assert told(found) == {"a": ("drop", "near_held_out_context", "b")}


def test_no_rows_and_an_id_twice():
    decision = Purge()
    assert decision.decide(decision.keys(SAMPLES.empty_table())).num_rows == 0
    with pytest.raises(ContractError, match="an id stands twice"):
        verdicts(sample("a", "train", "g"), sample("a", "test", "h"))


POOL = [prose(i, 30) for i in range(6)]
ROWS = st.lists(
    st.tuples(
        st.sampled_from(["train", "validation", "test"]),
        st.integers(0, 3),
        st.lists(st.sampled_from(POOL), max_size=2),
        st.sampled_from([*POOL[:2], "", "Yes 5"]),
        st.sampled_from(["", "x ", "x y z "]),
    ),
    min_size=1,
    max_size=9,
)


@given(ROWS, st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=80)
def test_agreement_with_every_pair_and_order(drawn, rng):
    rows = [
        sample(f"s{i}", split, f"g{group}", passages=[prefix + p for p in texts], answer=answer, question=f"Question {i} of {prose(i, 9)}?")
        for i, (split, group, texts, answer, prefix) in enumerate(drawn)
    ]  # fmt: skip
    decision = Purge()
    table = to_table(rows, Sample)
    first = decision.decide(decision.keys(table))
    order = list(range(len(rows)))
    rng.shuffle(order)
    assert decision.decide(decision.keys(table.take(order))).equals(first)
    rank = {"train": 0, "validation": 1, "test": 2}
    dropped: set[int] = set()
    for weak in (1, 0):
        for i, row in enumerate(drawn):
            strong = [s for j, s in enumerate(drawn) if rank[s[0]] > weak and j not in dropped]
            if rank[row[0]] == weak and any(_near(row, s) for s in strong):
                dropped.add(i)
    assert {f"s{i}" for i in dropped} == set(
        first.filter(pc.equal(first["verdict"], "drop"))["id"].to_pylist()
    )
    kept = table.filter(
        pc.is_in(
            table["sample_id"],
            first.filter(pc.equal(first["verdict"], "keep"))["id"].combine_chunks(),
        )
    )
    again = decision.decide(decision.keys(kept))
    assert set(again["verdict"].to_pylist()) <= {"keep"}


def _near(left: tuple, right: tuple) -> bool:
    """Four groups are too few for boilerplate, so every near text counts."""
    answers = left[3], right[3]
    if (
        min(map(len, answers)) >= 72
        and jaccard_of(*answers) >= 0.8
        and numbers_of(answers[0]) == numbers_of(answers[1])
    ):
        return True
    return any(jaccard_of(left[4] + a, right[4] + b) >= 0.8 for a, b in product(left[2], right[2]))


@pytest.mark.real_data
def test_a_report_known_under_two_companies_is_purged_and_others_are_not(real_data):
    folder = real_data / "sec_10k_items"
    files = sorted(folder.glob("*.json"))[:8]
    texts = {}
    for file in files:
        items = json.loads(file.read_text(encoding="utf-8"))
        body = " ".join(str(v) for k, v in items.items() if k.startswith("item"))
        texts[file.stem] = [body[i : i + 1500] for i in range(0, min(len(body), 30_000), 1500)]
    companies = {name: name.split("_")[0] for name in texts}
    held = companies[files[-1].stem]
    rows = [
        sample(f"{name}-{i}", "test" if company == held else "train", company, passages=[text])
        for name, company in companies.items()
        for i, text in enumerate(texts[name])
    ]
    copied = [text.upper() for text in texts[files[-1].stem]]
    rows += [sample(f"copy-{i}", "train", "alias", passages=[t]) for i, t in enumerate(copied)]
    found = verdicts(*rows)
    gone = {n for n, r in found.items() if r["verdict"] == "drop"}
    assert {f"copy-{i}" for i in range(len(copied))} <= gone
    assert all(found[n]["because_of"].startswith(held) for n in gone)
    assert len(gone) - len(copied) <= 0.05 * len(rows)


def test_keys_do_not_depend_on_the_cut_into_batches():
    rows = [sample(f"s{i}", "train", "g") for i in range(7)]
    table = to_table(rows, Sample)
    decision = Purge()
    parts = pa.concat_tables([decision.keys(table.slice(i, 3)) for i in range(0, 7, 3)])
    assert parts.combine_chunks().equals(decision.keys(table).combine_chunks())
