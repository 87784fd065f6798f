"""Human review: blind sheets, a key apart, and agreement against published and library figures."""

import csv
import json
import random
import shutil
import subprocess

import pytest
from command import Command
from evaluated import question, refusal, sample

from sftdata.errors import ConfigError
from sftdata.evaluation.agreement import cohen_kappa, krippendorff_alpha, rank_correlation
from sftdata.evaluation.review import (
    agreement,
    export_review,
    import_review,
    read_ratings,
    write_ratings,
)
from sftdata.predictions import Prediction

SAMPLES = [
    *(question(f"q{i}") for i in range(6)),
    *(refusal(f"r{i}") for i in range(6)),
    *(sample(f"z{i}", "writing", {"text": "净利润"}, locale="zh") for i in range(2)),
]


def runs(*names):
    return {
        n: {s.sample_id: Prediction(sample_id=s.sample_id, output=f"=text of {n}") for s in SAMPLES}
        for n in names
    }


def rows_of(path):
    with path.open(encoding="utf-8-sig", newline="") as handle:
        return list(csv.DictReader(handle))


def fill(path, label):
    rows = rows_of(path)
    for row in rows:
        for column in row:
            if column.partition("_")[0] in ("correct", "grounded", "preference"):
                row[column] = label(row, column)
    with path.open("w", encoding="utf-8-sig", newline="") as handle:
        writer = csv.DictWriter(handle, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def test_sheets_are_blind_and_the_key_is_apart(tmp_path):
    key = export_review(SAMPLES, runs("model", "base"), tmp_path / "s", items=8)
    assert key.parent == tmp_path
    assert sorted(p.name for p in (tmp_path / "s").iterdir()) == [
        "rater-1.csv", "rater-1.html", "rater-2.csv", "rater-2.html",
    ]  # fmt: skip
    one, two = (rows_of(tmp_path / "s" / f"rater-{i}.csv") for i in (1, 2))
    assert {r["item"] for r in one} == {r["item"] for r in two}
    assert [r["item"] for r in one] != [r["item"] for r in two]
    text = (tmp_path / "s" / "rater-1.csv").read_text(encoding="utf-8-sig")
    for hidden in ("q0", "r0", "refusal", "evidence", "field_absent", "sample"):
        assert hidden not in text
    items = json.loads(key.read_text(encoding="utf-8"))["items"]
    assert {i["sides"]["A"] for i in items.values()} == {"model", "base"}  # swapped by chance
    kinds = [i["kind"] for i in items.values()]
    assert {k: kinds.count(k) for k in set(kinds)} == {"evidence": 3, "refusal": 3, "writing": 2}


def test_cells_are_no_formulas(tmp_path):
    export_review(SAMPLES, runs("model"), tmp_path / "s", items=2)
    row = rows_of(tmp_path / "s" / "rater-1.csv")[0]
    assert row["output_A"].startswith("'=")
    assert "preference" not in row


def test_the_same_seed_draws_the_same_and_nothing_is_overwritten(tmp_path):
    for name in ("a", "b"):
        export_review(SAMPLES, runs("model"), tmp_path / name, items=5, seed=3)
    for end in ("csv", "html"):
        first, second = ((tmp_path / n / f"rater-1.{end}").read_bytes() for n in "ab")
        assert first == second
    with pytest.raises(ConfigError, match="exists already"):
        export_review(SAMPLES, runs("model"), tmp_path / "a")


def test_labels_come_back_to_the_run_that_they_are_about(tmp_path):
    key = export_review(SAMPLES, runs("model", "base"), tmp_path / "s", items=10)
    for i in (1, 2):

        def label(row, column):
            if column == "preference":
                return "A" if row["output_A"].endswith("model") else "b"
            if column.startswith("correct"):
                return "yes" if row[f"output_{column[-1]}"].endswith("model") else "no"
            return "yes"

        fill(tmp_path / "s" / f"rater-{i}.csv", label)
    ratings = import_review(key, sorted((tmp_path / "s").glob("*.csv")))
    assert {r.label for r in ratings if r.criterion == "preference"} == {"model"}
    assert {(r.output, r.label) for r in ratings if r.criterion == "correct"} == {
        ("model", "yes"), ("base", "no"),
    }  # fmt: skip
    write_ratings(ratings, tmp_path / "r.csv")
    assert read_ratings(tmp_path / "r.csv") == ratings
    found = {a.criterion: a for a in agreement(ratings)}
    assert (found["correct"].percent, found["correct"].kappa, found["correct"].alpha) == (1, 1, 1)
    assert found["grounded"].kappa is None  # one label throughout says nothing
    assert found["correct"].items == 20


def test_wrong_labels_and_files_are_named(tmp_path):
    key = export_review(SAMPLES, runs("model"), tmp_path / "s", items=3)
    sheet = tmp_path / "s" / "rater-1.csv"
    fill(sheet, lambda row, column: "maybe")
    with pytest.raises(ConfigError, match=r"rater-1.csv: item-\d+: correct_A must be one of yes"):
        import_review(key, [sheet])
    with pytest.raises(ConfigError, match="no key"):
        import_review(sheet, [sheet])
    with pytest.raises(ConfigError, match="no column `item`"):
        import_review(key, [key])


def test_kappa_is_that_of_scikit_learn():
    from sklearn.metrics import cohen_kappa_score

    dice = random.Random(2)
    for _ in range(20):
        left, right = ([dice.choice("abc") for _ in range(30)] for _ in range(2))
        assert cohen_kappa(left, right) == pytest.approx(cohen_kappa_score(left, right))
    assert cohen_kappa("aa", "aa") is None


def test_alpha_of_the_published_example():
    """Krippendorff (2011), Computing Krippendorff's Alpha-Reliability: nominal alpha is 0.743."""
    observers = [
        "1 2 3 3 2 1 4 1 2 . . .",
        "1 2 3 3 2 2 4 1 2 5 . 3",
        ". 3 3 3 2 3 4 2 2 5 1 .",
        "1 2 3 3 2 4 4 1 2 5 1 .",
    ]
    columns = zip(*(line.split() for line in observers), strict=True)
    units = [[None if v == "." else v for v in unit] for unit in columns]
    assert krippendorff_alpha(units) == pytest.approx(0.743, abs=5e-4)


def test_rank_correlation_is_that_of_scipy():
    from scipy.stats import spearmanr

    left, right = [3, 1, 2, 2, 5], [1, 1, 2, 4, 9]
    assert rank_correlation(left, right) == pytest.approx(spearmanr(left, right).statistic)
    assert rank_correlation([1, 1], [1, 2]) is None


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_the_script_of_the_sheet_is_javascript(tmp_path):
    from sftdata.evaluation.review import _TEMPLATES

    done = subprocess.run(["node", "--check", str(_TEMPLATES / "review.js")], check=False)
    assert done.returncode == 0


def test_a_hostile_output_stays_text_in_the_sheet(tmp_path):
    hostile = {"model": {s.sample_id: Prediction(sample_id=s.sample_id, output="<script>x</script>")
                         for s in SAMPLES}}  # fmt: skip
    export_review(SAMPLES, hostile, tmp_path / "s", items=2)
    page = (tmp_path / "s" / "rater-1.html").read_text(encoding="utf-8")
    assert "<script>x" not in page
    assert page.count("<script>") == 1


def test_the_verbs(tmp_path, capsys):
    run = Command(capsys)
    key = export_review(SAMPLES, runs("model"), tmp_path / "s", items=4)
    fill(tmp_path / "s" / "rater-1.csv", lambda row, column: "yes")
    fill(
        tmp_path / "s" / "rater-2.csv",
        lambda row, column: "no" if row["item"][-1] == "1" else "yes",
    )
    sheets = sorted((tmp_path / "s").glob("*.csv"))
    done = run("review", "import", key, *sheets, "--out", tmp_path / "r.csv")
    assert done.code == 0
    assert "16 ratings by 2 raters" in done.out
    told = run("review", "agreement", tmp_path / "r.csv")
    assert "correct: agree 0.75" in told.out
    assert json.loads(run("review", "agreement", tmp_path / "r.csv", "--json").out)
