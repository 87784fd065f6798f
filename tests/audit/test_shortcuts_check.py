"""Each reason of refusal is held against what its twins' families ask, and nothing else."""

import json
import random

import numpy as np
import pyarrow as pa
import pytest

from sftdata.audit import audit
from sftdata.similarity.classify import auroc, guess

WORDS = [f"w{i}" for i in range(50)]


def question(pick, family, tell=""):
    """A question in its family's own wording, with or without a word that gives it away."""
    words = pick.choices(WORDS, k=8)
    if tell:
        words[3] = tell
    return f"{family} asks of {' '.join(words)}?"


def row(number, family, asked, reason="", twin=None, group="", domain="finance"):
    return {
        "id": f"q{number}",
        "family": family,
        "domain": domain,
        "question": asked,
        "prompt": asked,
        "completion": "none" if reason else "some",
        "answer": json.dumps({"answerable": not reason}),
        "reason_code": reason or None,
        "twin_of": twin,
        "company": group,
    }


def build(*, tell=None, twins=True, groups=20, count=120):
    """Two families, each with answers and one reason; `tell` gives a word to one reason."""
    pick, rows = random.Random(7), []
    for family, reason in (("alpha", "span_removed"), ("beta", "field_absent")):
        for n in range(count):
            number, group = len(rows), f"c{n % groups}"
            rows.append(row(number, family, question(pick, family), group=group))
            word = "whatever" if tell == reason and n % 10 else ""
            rows.append(
                row(
                    number + 1,
                    f"{family}_refused",
                    question(pick, family, word),
                    reason,
                    f"q{number}" if twins else None,
                    group,
                )
            )
    return rows


def shortcuts(rows, **options):
    report = audit(rows, group="company", checks=["shortcuts"], options={"shortcuts": options})
    return report.check("shortcuts")


def by_sklearn(rows, reason, family):
    """Another library's answer: n-grams, logistic regression, five folds by group."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import GroupKFold, cross_val_predict

    chosen = [
        r
        for r in rows
        if r["reason_code"] == reason or (r["family"] in family and not r["reason_code"])
    ]
    words = TfidfVectorizer(ngram_range=(1, 2), binary=True, use_idf=False)
    features = words.fit_transform([r["question"] for r in chosen])
    truth = np.array([r["reason_code"] is not None for r in chosen])
    scores = cross_val_predict(
        LogisticRegression(class_weight="balanced"),
        features,
        truth,
        groups=[r["company"] for r in chosen],
        cv=GroupKFold(5),
        method="decision_function",
    )
    return roc_auc_score(truth, scores)


@pytest.mark.parametrize("tell", [None, "span_removed"])
def test_a_reason_is_held_against_its_twins_family(tell):
    rows = build(tell=tell)
    check = shortcuts(rows)
    for reason, family in (("span_removed", "alpha"), ("field_absent", "beta")):
        score = check.metrics["scores"][f"{reason} from the question"]
        assert score["auroc"] == pytest.approx(by_sklearn(rows, reason, [family]), abs=0.06)
        assert score["against"] == "twins"
        assert score["families"] == family
        assert (score["refused"], score["answered"], score["groups"]) == (120, 120, 20)
        # The family's wording alone tells the reason from all answered samples.
        assert by_sklearn(rows, reason, ["alpha", "beta"]) > score["auroc"] + 0.03
    named = {f.message.split()[0] for f in check.findings if f.severity == "info"}
    assert named == ({tell} if tell else set())
    told = check.metrics["auroc"]["span_removed from the question"]
    assert told > 0.85 if tell else abs(told - 0.5) < 0.12


def test_families_of_several_twins_are_compared_one_by_one():
    """Refusals mostly of one family, answers mostly of the other: the mix gives nothing away."""
    pick, rows = random.Random(3), []
    for family, answers, refusals in (("alpha", 200, 60), ("beta", 60, 200)):
        first = len(rows)
        for n in range(answers):
            rows.append(row(len(rows), family, question(pick, family), group=f"c{n % 20}"))
        for n in range(refusals):
            twin = f"q{first + n % answers}"
            asked = question(pick, family)
            rows.append(row(len(rows), f"{family}_no", asked, "span_removed", twin, f"c{n % 20}"))
    rows += [
        row(len(rows) + n, "gamma_no", question(pick, "gamma"), "field_absent", "q0", f"c{n}")
        for n in range(20)
    ]
    score = shortcuts(rows).metrics["scores"]["span_removed from the question"]
    assert score["families"] == "alpha, beta"
    assert abs(score["auroc"] - 0.5) < 0.1
    assert by_sklearn(rows, "span_removed", ["alpha", "beta"]) > 0.65


def test_a_lost_twin_is_replaced_by_what_its_family_usually_has():
    rows = build()
    for r in rows[1:100:2]:
        r["twin_of"] = "gone"
    score = shortcuts(rows).metrics["scores"]["span_removed from the question"]
    assert (score["refused"], score["families"]) == (120, "alpha")


def test_without_twins_the_domain_and_then_all_are_compared_and_it_is_said():
    rows = build(twins=False)
    for r in rows:
        r["domain"] = "finance" if r["family"].startswith("alpha") else "medical"
    check = shortcuts(rows)
    score = check.metrics["scores"]["span_removed from the question"]
    assert (score["against"], score["answered"]) == ("domain", 120)
    assert "not beside their twins' families: field_absent, span_removed" in check.compared
    for r in rows:
        r["domain"] = None
    score = shortcuts(rows).metrics["scores"]["span_removed from the question"]
    assert (score["against"], score["answered"]) == ("all", 240)


def test_few_groups_tell_nothing():
    rows = build(tell="span_removed", groups=4)
    check = shortcuts(rows)
    assert check.status == "not_verified"
    assert check.why.startswith("4 groups are too few")
    assert not check.findings
    assert {s["telling"] for s in check.metrics["scores"].values()} == {False}
    assert shortcuts(rows, least_groups=4).findings
    # One reason in few groups: its value stands in the report, but no finding is made of it.
    rows = build(tell="span_removed")
    for r in rows:
        if r["reason_code"] == "span_removed":
            r["company"] = f"c{int(r['id'][1:]) % 3}"
    check = shortcuts(rows)
    assert check.metrics["scores"]["span_removed from the question"]["groups"] == 3
    assert not check.metrics["scores"]["span_removed from the question"]["telling"]
    assert check.metrics["scores"]["field_absent from the question"]["telling"]
    assert "1 from fewer than 5 groups, not telling" in check.compared
    assert not [f for f in check.findings if f.message.startswith("span_removed")]


def test_areas_agree_with_scikit_learn():
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(4)
    truth = np.arange(40) % 2 == 0
    apart = np.where(truth, 2.0, 1.0) + rng.random(40) / 2
    mixed = np.round(rng.random(40), 1)
    for scores, area in ((apart, 1.0), (mixed, roc_auc_score(truth, mixed))):
        assert auroc(scores, truth) == pytest.approx(roc_auc_score(truth, scores))
        assert auroc(scores, truth) == pytest.approx(area)
    assert 0.2 < auroc(mixed, truth) < 0.8


def test_what_tells_strata_apart_counts_for_nothing():
    """The word is the stratum's: over all rows it tells the label, inside a stratum nothing does."""
    strata = np.repeat([0, 1], 200)
    truth = np.concatenate([np.arange(200) % 10 == 0, np.arange(200) % 10 != 0])
    texts = pa.array([f"{'left' if s == 0 else 'right'} side" for s in strata])
    groups = np.arange(400) % 25
    assert guess(texts, truth, groups).auroc > 0.85
    inside = guess(texts, truth, groups, strata=strata)
    assert inside.auroc == pytest.approx(0.5)
    assert inside.low < 0.5
