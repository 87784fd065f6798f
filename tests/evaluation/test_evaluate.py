"""Whole builds: perfect, refusing, answering, shuffled, missing and hostile predictions."""

import json
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from command import Command

from sftdata import build
from sftdata.errors import ConfigError
from sftdata.evaluation.bootstrap import Resampling
from sftdata.evaluation.evaluate import Options, evaluate
from sftdata.evaluation.metrics import METRICS
from sftdata.evaluation.monitor import monitor
from sftdata.evaluation.page import html_report
from sftdata.evaluation.probe import passes, probes, write_probes
from sftdata.evaluation.report import EvaluationReport
from sftdata.judged import open_judged
from sftdata.predictions import Prediction, write_predictions

HOW = Resampling(resamples=200)
TRAIN = Options(split="train", how=HOW)


def gold(sample):
    return sample.completion[0].content


def written(path, samples, say, **more):
    write_predictions(
        [Prediction(sample_id=s.sample_id, output=say(s), **more) for s in samples], path
    )
    return path


def test_gold_completions_score_one_everywhere(built, samples, tmp_path):
    assert {(s.kind, s.locale) for s in samples} >= {
        (kind, locale)
        for kind in ("extraction", "evidence", "refusal", "writing")
        for locale in ("en", "zh")
    }
    report = evaluate(written(tmp_path / "p.jsonl", samples, gold), built, options=TRAIN)
    shares = {"numbers_verbatim", "numbers_rescaled", "numbers_derived", "partial_answer"}
    checked = [s for s in report.scores if s.metric not in shares]
    lower = {m.name for m in METRICS if m.lower}
    wrong = [s for s in checked if s.score != pytest.approx(float(s.metric not in lower))]
    assert not wrong
    assert {s.by for s in checked} == {"all", "kind", "locale", "family", "reason", "group"}
    assert {s.metric for s in checked} >= {
        "field_f1", "document_exact", "rouge2", "sections_complete", "faithful", "answer_em",
        "answer_numbers_tat", "citation_f1", "quote_valid", "trust_score", "twins_consistent",
        "reason_macro_f1", "confidence_auroc", "schema_valid", "entity_f1",
    }  # fmt: skip
    assert not report.worst


@pytest.mark.slow
@pytest.mark.parametrize("example", ["finance", "medical"])
def test_gold_completions_of_the_examples_score_one(example, tmp_path):
    root = Path(__file__).resolve().parents[2] / "examples" / example
    path = build(root / "config.yaml", tmp_path / "out").path
    samples = list(open_judged(path).samples("test"))
    file = written(tmp_path / "p.jsonl", samples, gold)
    report = evaluate(file, path, options=Options(how=HOW))
    for metric in ("field_f1", "document_exact", "rouge_lsum", "faithful", "answer_em",
                   "citation_f1", "quote_valid", "trust_score", "schema_valid"):  # fmt: skip
        assert report.score(metric) == 1, metric
    assert not report.worst


def refuse(sample):
    return json.dumps(
        {"answerable": False, "answer": "The passages do not say.", "citations": [],
         "calculation": None, "confidence": "none", "reason": "span_removed", "needed": ["it"]}
    )  # fmt: skip


def test_a_model_that_always_refuses(built, samples, tmp_path):
    report = evaluate(written(tmp_path / "p.jsonl", samples, refuse), built, options=TRAIN)
    assert report.score("over_refusal") == 1
    assert report.score("false_answer") == 0
    assert report.score("refusal_recall") == 1
    assert report.score("has_answer_f1") == 0
    assert report.score("no_answer") == 1
    assert report.score("twins_consistent") == 0
    assert report.score("field_f1") == 0
    assert report.score("grounded_refusal_f1") < 0.5


def test_a_model_that_always_answers(built, samples, tmp_path):
    by_id = {s.sample_id: s for s in samples}

    def answer(sample):
        return gold(by_id[sample.twin_of]) if sample.kind == "refusal" else gold(sample)

    report = evaluate(written(tmp_path / "p.jsonl", samples, answer), built, options=TRAIN)
    assert report.score("false_answer") == 1
    assert report.score("over_refusal") == 0
    assert report.score("refusal_recall") == 0
    assert report.score("has_answer_f1") == 1
    assert report.score("twins_consistent") == 0
    assert report.score("confidence_auroc") == 0.5


def test_answers_to_other_questions_are_wrong(built, samples, tmp_path):
    kinds = {}
    for sample in samples:
        kinds.setdefault((sample.kind, sample.family), []).append(sample)
    shifted = {
        mine.sample_id: gold(other)
        for same in kinds.values()
        for mine, other in zip(same, [*same[1:], same[0]], strict=True)
        if len(same) > 1
    }
    report = evaluate(
        written(tmp_path / "p.jsonl", samples, lambda s: shifted.get(s.sample_id, "")),
        built,
        options=TRAIN,
    )
    assert report.score("refusal_f1") > 0.9
    assert report.score("answer_numbers_f1") < 0.3
    assert report.score("citation_f1") < 0.5
    assert report.score("field_f1") < 0.7


def test_a_fence_costs_format_and_nothing_else(built, samples, tmp_path):
    fenced = written(tmp_path / "p.jsonl", samples, lambda s: f"```json\n{gold(s)}\n```")
    report = evaluate(fenced, built, options=TRAIN)
    assert report.score("json_strict") == 0
    assert report.score("json_fenced") == report.score("field_f1") == 1
    assert report.score("trust_score") == pytest.approx(1)


def test_missing_predictions_count_as_wrong(built, samples, tmp_path):
    half = written(tmp_path / "p.jsonl", samples[::2], gold)
    report = evaluate(half, built, options=TRAIN)
    run = report.runs[0]
    assert run.missing == len(samples) - len(samples[::2])
    assert report.samples == len(samples)
    kept = sum(s.kind == "refusal" for s in samples[::2])
    every = sum(s.kind == "refusal" for s in samples)
    assert report.score("no_answer") == pytest.approx(kept / every, abs=1e-6)


def test_errors_and_cut_outputs_are_counted(built, samples, tmp_path):
    rows = [
        Prediction(sample_id=samples[0].sample_id, output="", error="timeout"),
        Prediction(sample_id=samples[1].sample_id, output="{", finish_reason="length", cost=0.5),
        Prediction(sample_id="of another dataset", output="x"),
    ]
    write_predictions(rows, tmp_path / "p.jsonl")
    run = evaluate(tmp_path / "p.jsonl", built, options=TRAIN).runs[0]
    assert (run.errors, run.truncated, run.unknown, run.empty, run.cost) == (1, 1, 1, 1, 0.5)


def test_base_against_tuned_is_paired(built, samples, tmp_path):
    tuned = written(tmp_path / "t.jsonl", samples, gold)
    same = evaluate(tuned, built, against=[tuned], options=TRAIN)
    gap = next(d for d in same.differences if d.metric == "field_f1" and d.by == "all")
    assert (gap.difference, gap.low, gap.high) == (0, 0, 0)
    base = written(tmp_path / "b.jsonl", samples, refuse)
    report = evaluate(tuned, built, against=[base], options=TRAIN)
    gap = next(d for d in report.differences if d.metric == "over_refusal" and d.by == "all")
    assert gap.difference == -1
    assert gap.certain
    assert report.score("over_refusal", run="base") == 1


def test_order_of_predictions_changes_nothing(built, samples, tmp_path):
    one = evaluate(written(tmp_path / "p.jsonl", samples, gold), built, options=TRAIN)
    two = evaluate(written(tmp_path / "q.jsonl", samples[::-1], gold), built, options=TRAIN)
    named = {"runs": ()}
    assert one.model_copy(update=named) == two.model_copy(update=named)
    assert EvaluationReport.from_json(one.to_json()) == one


def test_suspicious_rows_are_told_from_clean_ones(built, tmp_path):
    """Every row that shares enough words with train is in one part, the rest in the other."""
    rows = list(open_judged(built, force=True).samples("test"))
    file = written(tmp_path / "p.jsonl", rows, gold)
    shares = [
        {s.value: s.samples for s in report.scores if s.by == "overlap" and s.metric == "faithful"}
        for cut in (0.2, 0.5, 0.9)
        for report in [evaluate(file, built, options=Options(how=HOW, suspicious=cut))]
    ]
    counts = [found.get("suspicious", 0) for found in shares]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > counts[-1]


def test_predictions_of_another_split_are_refused(built, samples, tmp_path):
    file = written(tmp_path / "p.jsonl", samples, gold)
    with pytest.raises(ConfigError, match=r"none of the .* is for a sample of this split"):
        evaluate(file, built)
    with pytest.raises(ConfigError, match="has no split 'dev'"):
        evaluate(file, built, options=Options(split="dev"))


class Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.text = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        assert not any(name.startswith("on") or name in ("src", "style") for name, _ in attrs)

    def handle_data(self, data):
        self.text.append(data)


HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>{{ 7*7 }}\x00\u202e</style>"


def test_the_page_is_safe_with_hostile_outputs(built, samples, tmp_path):
    file = written(tmp_path / "p.jsonl", samples, lambda s: HOSTILE, model=HOSTILE)
    page = html_report(evaluate(file, built, against=[file], options=TRAIN))
    seen = Page(page)
    assert "script" not in seen.tags
    assert "img" not in seen.tags
    assert "\u202e" not in page
    assert any("alert(1)" in text for text in seen.text)
    assert "http" not in page.replace("http-equiv", "")
    assert seen.tags.count("svg") > 4


def test_excerpts_can_be_left_out(built, samples, tmp_path):
    file = written(tmp_path / "p.jsonl", samples, refuse)
    options = replace(TRAIN, excerpts=False)
    report = evaluate(file, built, options=options)
    assert report.worst
    assert all(not (w.gold or w.output or w.question) for w in report.worst)


def test_the_verb(built, samples, tmp_path, capsys):
    run = Command(capsys)
    file = written(tmp_path / "p.jsonl", samples, gold)
    page, data = tmp_path / "r" / "report.html", tmp_path / "report.json"
    done = run("evaluate", file, "--dataset", built, "--split", "train", "--against", file,
               "--out", page, "--json-out", data, "--resamples", 100)  # fmt: skip
    assert done.code == 0
    assert "Field F1" in done.out
    assert "100.0%" in done.out
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    report = EvaluationReport.from_json(data.read_bytes())
    assert report.settings.resamples == 100
    again = run("evaluate", file, "--dataset", built, "--split", "train", "--against", file,
                "--resamples", 100, "--json")  # fmt: skip
    assert EvaluationReport.from_json(again.out) == report
    gone = run("evaluate", tmp_path / "none.jsonl", "--dataset", built)
    assert gone.code == 2
    assert gone.err.count("\n") == 1


RIGHT = {
    "contains": lambda p: f"I think it is {p.values[0]}.",
    "number": lambda p: f"The answer is {p.values[0]}.",
    "exact": lambda p: p.values[0].capitalize() + ".",
    "starts": lambda p: p.values[0] + ", of course",
    "lines": lambda p: "\n".join(["a"] * int(p.values[0])),
    "json": lambda p: p.values[0],
}


def test_probes_can_be_passed_and_failed():
    for probe in probes():
        assert passes(probe, RIGHT[probe.check](probe)), probe.probe_id
        for wrong in ("", "I do not know.", "Zürich 1999", '{"answerable": false}'):
            assert not passes(probe, wrong), (probe.probe_id, wrong)
    assert {p.locale for p in probes()} == {"en", "zh"}
    assert len({p.probe_id for p in probes()}) == len(probes()) == 40


def test_forgetting_is_the_drop_on_general_questions(built, samples, tmp_path, capsys):
    right = [Prediction(sample_id=p.probe_id, output=RIGHT[p.check](p)) for p in probes()]
    write_predictions(right, tmp_path / "base.jsonl")
    lost = [replace(p, output="") if i % 4 == 0 else p for i, p in enumerate(right)]
    write_predictions(lost, tmp_path / "tuned.jsonl")
    file = written(tmp_path / "p.jsonl", samples, gold)
    options = replace(TRAIN, probes=(tmp_path / "tuned.jsonl", tmp_path / "base.jsonl"))
    tuned, base = evaluate(file, built, against=[file], options=options).forgetting
    assert (tuned.accuracy, base.accuracy, tuned.drop) == (0.75, 1.0, 0.25)
    assert 0 < tuned.low < 0.25 < tuned.high < 0.5
    assert write_probes(tmp_path / "asked.jsonl") == 40
    done = Command(capsys)("probes", "write", tmp_path / "asked.jsonl")
    assert done.code == 2
    with pytest.raises(ConfigError, match="answers none of the bundled probes"):
        evaluate(file, built, options=replace(TRAIN, probes=(file,)))


def test_an_evaluation_is_a_baseline_for_production(built, samples, tmp_path):
    """The evaluated answers themselves, logged as requests, have not drifted."""
    file = written(tmp_path / "p.jsonl", samples, gold)
    report = evaluate(file, built, options=TRAIN)
    (tmp_path / "evaluation.json").write_text(report.to_json(), encoding="utf-8")
    logged = [
        {"messages": [{"role": m.role, "content": m.content} for m in s.prompt], "output": gold(s)}
        for s in samples
    ]
    log = tmp_path / "log.jsonl"
    log.write_text("".join(json.dumps(row) + "\n" for row in logged), encoding="utf-8")
    watched = monitor(log, baseline=tmp_path / "evaluation.json")
    assert watched.total.psi == 0
    assert watched.total.rates["format"].hits == 0
    assert watched.total.rates["ungrounded"].hits == 0
    assert set(watched.total.rates) >= {"refusal", "errors", "truncated", "empty"}
