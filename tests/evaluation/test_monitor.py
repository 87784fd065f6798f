"""Monitoring: rates by day worked out by hand, drift, thresholds, odd logs, bounded memory."""

import json
import random
import tracemalloc

import pytest
from command import Command
from scipy.stats import binomtest

from sftdata.errors import ConfigError, SourceError
from sftdata.evaluation.drift import stability_index, wilson, z_test
from sftdata.evaluation.logs import read_logs
from sftdata.evaluation.monitor import MonitorReport, Threshold, monitor
from sftdata.evaluation.prometheus import prometheus_text

PROMPT = "Answer in JSON. [P1] Net sales were $94,036 million."
GOOD = '{"answerable": true, "answer": "Net sales were $94.0 billion."}'
MADE_UP = '{"answerable": true, "answer": "Net sales were $95.0 billion."}'
REFUSED = '{"answerable": false, "answer": "The passages do not say."}'
BROKEN = "Net sales were $94,036 million."


def write(path, rows):
    path.write_text(
        "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows), encoding="utf-8"
    )
    return path


def row(output, day=1, **more):
    return {"prompt": PROMPT, "output": output, "timestamp": f"2025-03-{day:02d}T10:00:00Z"} | more


def test_rates_by_day_by_hand(tmp_path):
    rows = [row(GOOD), row(MADE_UP), row(REFUSED), row(BROKEN), row(GOOD, 2), row("", 2, error="x")]
    report = monitor(write(tmp_path / "l.jsonl", rows))
    first, second = report.days
    assert (first.day, first.records, second.records) == ("2025-03-01", 4, 2)
    counted = {n: (r.hits, r.total) for n, r in first.rates.items()}
    assert counted == {
        "errors": (0, 4), "truncated": (0, 4), "empty": (0, 4), "refusal": (1, 4),
        "ungrounded": (1, 4), "format": (1, 4),
    }  # fmt: skip
    assert (second.rates["errors"].hits, second.rates["refusal"].total) == (1, 1)
    assert report.total.records == 6


def test_openai_and_other_shapes_are_read(tmp_path):
    messages = [{"role": "system", "content": "s"}, {"role": "user", "content": "你好"}]
    body = {"choices": [{"message": {"content": "答"}, "finish_reason": "length"}],
            "usage": {"completion_tokens": 7}, "created": 1740823200}  # fmt: skip
    rows = [
        {"custom_id": "a", "request": {"body": {"messages": messages}}, "latency_ms": 1500,
         "response": {"status_code": 200, "body": body}},
        {"messages": messages, **body, "cost": 0.5},
        {"input": "q", "text": {"said": "x"}, "ts": 1740823200000},
        {"prompt": "q", "status_code": 500},
    ]  # fmt: skip
    path = write(tmp_path / "l.jsonl", rows)
    found = list(read_logs(path, {"output": "text.said"}))
    assert found[:2] == [None, None]  # the configured place is the only one
    assert found[2].day == "2025-03-01"
    batch, chat, _, failed = list(read_logs(path))
    assert (batch.output, batch.latency_s, batch.truncated, batch.tokens) == ("答", 1.5, True, 7)
    assert batch.prompt == chat.prompt == "s\n你好"
    assert (chat.cost, chat.day) == (0.5, "2025-03-01")
    assert failed.failed


def test_lines_that_are_no_record_are_counted(tmp_path):
    path = tmp_path / "l.jsonl"
    good = json.dumps(row(GOOD))
    path.write_bytes(b'not json\n[1]\n{"a": 1}\n\xff\xfe\n' + b"[" * 50_000 + b"\n" + good.encode())
    report = monitor(path)
    assert (report.records, report.unreadable) == (1, 5)
    with pytest.raises(SourceError, match="no line has an output"):
        monitor(write(tmp_path / "none.jsonl", [{"a": 1}]))
    with pytest.raises(ConfigError, match="does not exist"):
        monitor(tmp_path / "gone.jsonl")
    with pytest.raises(ConfigError, match="no such field"):
        monitor(path, fields={"outputs": "x"})


def test_wilson_is_that_of_scipy():
    for hits, total in ((0, 10), (3, 10), (10, 10), (17, 400)):
        ours = wilson(hits, total)
        theirs = binomtest(hits, total).proportion_ci(method="wilson")
        assert ours == (pytest.approx(theirs.low), pytest.approx(theirs.high))


def test_drift_by_hand():
    # pooled .25, error sqrt(.25 * .75 * (2/100)) = .061237, difference .1
    assert z_test(30, 100, 20, 100) == pytest.approx(1.63299, abs=1e-5)
    assert z_test(0, 10, 0, 10) is None
    # (.9 - .5) ln(1.8) + (.1 - .5) ln(.2)
    assert stability_index([90, 10], [50, 50]) == pytest.approx(0.87888, abs=1e-5)
    assert stability_index([5], [1, 2]) is None


def test_a_rise_against_the_baseline_is_seen(tmp_path):
    calm = write(tmp_path / "calm.jsonl", [row(GOOD)] * 190 + [row(REFUSED)] * 10)
    base = tmp_path / "base.json"
    base.write_text(monitor(calm).model_dump_json(indent=2), encoding="utf-8")
    worse = write(tmp_path / "worse.jsonl", [row(GOOD)] * 150 + [row(REFUSED)] * 50)
    limits = [Threshold.parse(t) for t in ("z>3", "psi>0.25", "refusal>30%", "ungrounded>0.01")]
    report = monitor(worse, baseline=base, fail_on=limits)
    assert report.total.rates["refusal"].z > 5
    assert {(b.day, b.condition) for b in report.breaches} == {
        ("all", "z>3"), ("2025-03-01", "z>3"),
    }  # fmt: skip
    assert report.exit_code == 1
    assert monitor(calm, baseline=base, fail_on=limits).exit_code == 0
    longer = write(tmp_path / "longer.jsonl", [row(BROKEN * 40)] * 100)
    assert monitor(longer, baseline=base).total.psi > 0.25


def test_small_days_are_not_judged(tmp_path):
    rows = [row(GOOD)] * 100 + [row(REFUSED, 2)] * 3
    path = write(tmp_path / "l.jsonl", rows)
    limit = [Threshold.parse("refusal>0.5")]
    assert monitor(path, fail_on=limit).exit_code == 0
    assert monitor(path, fail_on=limit, least=3).exit_code == 1


def test_latency_quantiles_are_near_the_true_ones(tmp_path):
    dice = random.Random(1)
    times = [dice.lognormvariate(0, 1) for _ in range(4_000)]
    path = write(tmp_path / "l.jsonl", [{"output": "x", "latency_s": t} for t in times])
    total = monitor(path).total
    assert total.latency_p50 == pytest.approx(sorted(times)[2_000], rel=0.15)
    assert total.latency_p95 == pytest.approx(sorted(times)[3_800], rel=0.15)


def test_memory_does_not_grow_with_the_log(tmp_path):
    def peak(lines):
        path = write(tmp_path / f"{lines}.jsonl", [{"output": "x" * 500}] * lines)
        tracemalloc.start()
        monitor(path)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(10)
    assert peak(1_600) < peak(160) * 1.5 + 50_000


def test_prometheus_text_can_be_parsed(tmp_path):
    rows = [row(GOOD, latency_s=1.0, cost=0.01), row(REFUSED, 2, latency_s=2.0)]
    text = prometheus_text(monitor(write(tmp_path / "l.jsonl", rows)))
    values = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            values[name] = float(value)
    assert values['sftdata_rate{window="all",kind="refusal"}'] == 0.5
    assert values['sftdata_rate{window="last_day",kind="refusal"}'] == 1
    assert values['sftdata_cost{window="all"}'] == 0.01
    assert text.count("# TYPE") == text.count("# HELP") == len({n.split("{")[0] for n in values})


@pytest.mark.parametrize(
    "text", ["", "refusal", "refusal>", "x>1", "refusal>a", "refusal=1", "拒绝>1"]
)
def test_conditions_that_are_none(text):
    with pytest.raises(ConfigError, match="names are refusal"):
        Threshold.parse(text)


def test_the_verb(tmp_path, capsys):
    run = Command(capsys)
    path = write(tmp_path / "l.jsonl", [row(MADE_UP)] * 30)
    gauges = tmp_path / "sftdata.prom"
    done = run("monitor", path, "--fail-on", "ungrounded>5%", "--prometheus", gauges)
    assert done.code == 1
    assert "ungrounded>0.05, it is 1" in done.err
    assert "2025-03-01" in done.out
    assert gauges.read_text(encoding="utf-8").startswith("# HELP")
    report = MonitorReport.model_validate_json(run("monitor", path, "--json").out)
    assert report.records == 30
    assert run("monitor", path, "--fail-on", "nothing>1").code == 2
