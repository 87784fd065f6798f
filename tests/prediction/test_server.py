"""Answers from a server: what is sent, what is tried again, what is refused, and what is kept."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from sftdata.errors import ConfigError
from sftdata.prediction.predict import predict

pytest.importorskip("httpx")


@contextmanager
def serving(answer):
    """Serve `answer(body, number) -> (status, headers, body)` on loopback; yield address and log."""
    log, lock = [], threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            with lock:
                headers = {k.lower(): v for k, v in self.headers.items()}
                log.append((self.path, headers, body))
                number = len(log)
            status, extra, found = answer(body, number)
            data = found if isinstance(found, bytes) else json.dumps(found).encode()
            self.send_response(status)
            for name, value in extra.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1", log
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def said(text, reason="stop", **more):
    choice = {"message": {"role": "assistant", "content": text}, "finish_reason": reason}
    return {"choices": [choice], "usage": {"prompt_tokens": 100, "completion_tokens": 10}, **more}


def echo(body, _number):
    return 200, {}, said(f"{len(body['messages'])}:{body['messages'][-1]['content'][-9:]}")


def ask(made, tmp_path, url, **settings):
    given = {"batch_size": 4, "retries": 2} | settings
    out = tmp_path / "answers.jsonl"
    return predict(made.path, out=out, model="served", backend="openai", base_url=url, **given)


def test_the_samples_messages_are_sent_and_the_answers_joined_by_id(made, tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    samples = made.samples("test")
    with serving(echo) as (url, log):
        got = ask(made, tmp_path, url, max_new_tokens=77, price_in=1, price_out=10)
    assert [p.sample_id for p in got.predictions] == [s.sample_id for s in samples]
    for row, sample in zip(got.predictions, samples, strict=True):
        assert row.output == f"{len(sample.prompt)}:{sample.prompt[-1].content[-9:]}"
        assert row.cost == pytest.approx((100 * 1 + 10 * 10) / 1e6)
    sent = [json.dumps(body["messages"], ensure_ascii=False) for _, _, body in log]
    wanted = [
        json.dumps([{"role": m.role, "content": m.content} for m in s.prompt], ensure_ascii=False)
        for s in samples
    ]
    assert sorted(sent) == sorted(wanted)
    path, headers, body = log[0]
    assert path == "/v1/chat/completions"
    assert headers["authorization"] == "Bearer sk-secret"
    assert (body["model"], body["temperature"]) == ("served", 0)
    assert body["max_completion_tokens"] == 77
    assert "sk-secret" not in (tmp_path / "answers.jsonl").read_text(encoding="utf-8")


def test_a_busy_server_is_asked_again(made, tmp_path):
    def busy(body, number):
        if number % 3 == 1:
            return 429, {"retry-after": "0"}, {"error": "slow down"}
        return echo(body, number)

    with serving(busy) as (url, log):
        got = ask(made, tmp_path, url, batch_size=1)
    assert got.summary["failed"] == 0
    assert len(log) > len(got.predictions)


def test_an_older_server_knows_max_tokens_only(made, tmp_path):
    def old(body, number):
        if "max_completion_tokens" in body:
            return 400, {}, {"error": "unknown field max_completion_tokens"}
        return echo(body, number)

    with serving(old) as (url, log):
        got = ask(made, tmp_path, url, max_new_tokens=9)
    assert got.summary["failed"] == 0
    assert log[-1][2]["max_tokens"] == 9
    assert sum("max_completion_tokens" in body for _, _, body in log) < len(log) / 2


def flaky(body, number):
    if number == 2:
        return 400, {}, {"error": "content policy"}
    if number == 3:
        return 200, {}, {"choices": []}
    return echo(body, number)


def test_single_failures_are_rows(made, tmp_path):
    with serving(flaky) as (url, _):
        got = ask(made, tmp_path, url, batch_size=1)
    errors = [p.error for p in got.predictions if p.error]
    assert len(errors) == 2
    assert any("400" in e for e in errors)
    assert any("shape" in e for e in errors)
    assert all(p.output == "" for p in got.predictions if p.error)


def test_what_failed_is_asked_again_when_a_killed_run_goes_on(made, tmp_path):
    healed = []

    def kill(_name, finished, _all):
        if finished >= 5 and not healed:
            raise KeyboardInterrupt

    def answer(body, number):
        return echo(body, number) if healed else flaky(body, number)

    with serving(answer) as (url, log):
        with pytest.raises(KeyboardInterrupt):
            ask(made, tmp_path, url, batch_size=1, progress=kill)
        before = len(log)
        healed.append(True)
        got = ask(made, tmp_path, url, batch_size=1)
    assert got.resumed == before - 2
    assert len(log) == len(got.predictions) + 2
    assert got.summary["failed"] == 0


@pytest.mark.parametrize(("status", "problem"), [(401, "answers 401"), (404, "answers 404")])
def test_a_server_that_refuses_the_first_request_ends_the_run(made, tmp_path, status, problem):
    with (
        serving(lambda _b, _n: (status, {}, {"error": "no"})) as (url, log),
        pytest.raises(ConfigError, match=problem),
    ):
        ask(made, tmp_path, url)
    assert len(log) == 1


def test_no_server_at_all_is_one_line(made, tmp_path):
    with pytest.raises(ConfigError, match="does not answer") as caught:
        ask(made, tmp_path, "http://127.0.0.1:9/v1", retries=0)
    assert "\n" not in str(caught.value)
