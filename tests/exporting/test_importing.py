"""Answers come back to the samples they are for, and every one of them is accounted for."""

import json

import pytest
from command import Command
from conftest import plain_samples, write_build

from sftdata.errors import ConfigError, SourceError
from sftdata.exporting.importing import MISSING, import_predictions
from sftdata.exporting.run import export
from sftdata.judged import open_judged
from sftdata.predictions import read_predictions


@pytest.fixture
def write(tmp_path):
    def writer(*lines, name="answers.jsonl"):
        path = tmp_path / name
        text = [line if isinstance(line, str) else json.dumps(line) for line in lines]
        path.write_text("\n".join(text) + "\n", encoding="utf-8")
        return path

    return writer


@pytest.fixture
def bring(plain, tmp_path):
    def importer(*files, format="vllm", **more):  # noqa: A002
        return import_predictions(files, format, plain, tmp_path / "p.jsonl", **more)

    return importer


def body(text, **more):
    return {"choices": [{"message": {"content": text}, "finish_reason": "stop"}], **more}


def answer(name, text, *, older=False):
    said = body(text, model="m", usage={"prompt_tokens": 7, "completion_tokens": 3})
    response = said if older else {"status_code": 200, "request_id": "r", "body": said}
    return {"id": "x", "custom_id": name, "response": response, "error": None}


@pytest.mark.parametrize("older", [False, True])
def test_both_shapes_of_a_response_are_read(write, bring, tmp_path, older):
    path = write(*(answer(f"test-{n:04}", f"净\u2028{n}", older=older) for n in (2, 0, 3, 1)))
    found = bring(path)
    rows = read_predictions(tmp_path / "p.jsonl")
    assert tuple(rows) == found.predictions
    assert [r.sample_id for r in rows] == [f"test-{n:04}" for n in range(4)]
    assert [r.output for r in rows] == [f"净\u2028{n}" for n in range(4)]
    first = rows[0]
    assert (first.model, first.finish_reason, first.prompt_tokens) == ("m", "stop", 7)
    assert found.counts == {"answered": 4, "failed": 0, "missing": 0, "unknown": 0}


def test_failures_stay_as_rows_with_their_reason(write, bring):
    found = bring(
        write(
            answer("test-0000", "ok"),
            {"custom_id": "test-0001", "response": None, "error": {"code": "e", "message": "a\nb"}},
            {"custom_id": "test-0002", "response": {"status_code": 500, "body": None}},
            {"custom_id": "elsewhere", "response": {"status_code": 200, "body": body("x")}},
        )
    )
    errors = {p.sample_id: p.error for p in found.predictions}
    assert errors == {
        "test-0000": "", "test-0001": "e: a b", "test-0002": "status 500", "test-0003": MISSING,
    }  # fmt: skip
    assert found.counts == {"answered": 1, "failed": 2, "missing": 1, "unknown": 1}
    assert found.unknown == ("elsewhere",)


@pytest.mark.parametrize(
    ("choices", "error"),
    [
        ([{"message": {"content": None, "refusal": "no"}}], "the service refused"),
        ([{"message": {"content": None}}], "the response has no answer"),
        ([], "the response has no answer"),
        ("text", "the response has no answer"),
        ([7], "the response has no answer"),
    ],
)
def test_an_answer_without_text_is_a_failure(write, bring, choices, error):
    found = bring(write({"custom_id": "test-0000", "response": {"body": {"choices": choices}}}))
    assert found.predictions[0].error == error
    assert found.predictions[0].output == ""


def test_a_second_try_goes_before_an_error_and_two_answers_are_refused(write, bring):
    failed = {"custom_id": "test-0000", "error": {"message": "expired"}}
    errors = write(failed, name="errors.jsonl")
    answers = write(answer("test-0000", "yes"), name="answers.jsonl")
    for order in ((errors, answers), (answers, errors)):
        assert bring(*order).predictions[0].output == "yes"
    again = write(answer("test-0000", "no"), name="again.jsonl")
    with pytest.raises(SourceError, match=r"again.jsonl: line 1: its id has an answer already"):
        bring(answers, again)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{secret", "line 2 is not JSON"),
        ('["secret"]', "line 2 is no object"),
        ('{"id": "secret"}', "line 2 has no custom_id"),
        ('{"custom_id": 4}', "line 2 has no custom_id"),
    ],
)
def test_a_bad_line_is_named_without_its_text(write, bring, line, problem):
    with pytest.raises(SourceError, match=problem) as caught:
        bring(write(answer("test-0000", "x"), line))
    assert "secret" not in str(caught.value)


def test_answers_of_another_build_are_refused(write, bring):
    with pytest.raises(ConfigError, match="the answers belong to another build"):
        bring(write(answer("other", "x")))
    with pytest.raises(ConfigError, match="answers 1 samples of other splits"):
        bring(write(answer("train-0000", "x")), splits=["test"])
    found = bring(write(answer("train-0000", "x")))
    assert found.splits == ("train",)
    assert found.missing == 11
    with pytest.raises(ConfigError, match="does not exist"):
        bring(write().with_name("none.jsonl"))
    with pytest.raises(ConfigError, match="one of openai, vllm, llamafactory"):
        bring(write(answer("test-0000", "x")), format="csv")


def test_only_predictions_are_replaced(write, bring, tmp_path):
    path = write(answer("test-0000", "one"))
    bring(path)
    bring(write(answer("test-0000", "two")))
    assert read_predictions(tmp_path / "p.jsonl")[0].output == "two"
    (tmp_path / "p.jsonl").write_text("my notes")
    with pytest.raises(ConfigError, match="holds no predictions"):
        bring(path)
    assert (tmp_path / "p.jsonl").read_text() == "my notes"


@pytest.fixture
def generated(plain, tmp_path):
    """Return the sidecar, and rows as LLaMA-Factory writes them: decoded, and without ids."""
    export(plain, "llamafactory", tmp_path / "lf", model="Qwen/Qwen2.5-7B")
    rows = []
    for sample in open_judged(plain).samples("test"):
        turns = "".join(f"<|im_start|>{m.role}\n{m.content}<|im_end|>\n" for m in sample.prompt)
        said = sample.completion[0].content
        rows.append({"prompt": turns, "predict": f"re {sample.sample_id}", "label": said + "\n"})
    return tmp_path / "lf/test.ids.jsonl", rows


def test_rows_without_ids_are_joined_by_order(write, bring, generated):
    ids, rows = generated
    found = bring(write(*rows), format="llamafactory", ids=ids)
    assert [p.output for p in found.predictions] == [f"re test-{n:04}" for n in range(4)]
    short = bring(write(*rows[:3]), format="llamafactory", ids=ids)
    assert short.counts == {"answered": 3, "failed": 0, "missing": 1, "unknown": 0}
    rows[1]["predict"] = "  "
    assert bring(write(*rows), format="llamafactory", ids=ids).failed == 1


@pytest.mark.parametrize("fault", ["swapped", "skipped", "label", "prompt"])
def test_a_lost_order_is_noticed(write, bring, generated, fault):
    ids, rows = generated
    if fault == "swapped":
        rows[1], rows[2] = rows[2], rows[1]
    elif fault == "skipped":
        del rows[1]
    else:
        rows[1][fault] = "something else"
    with pytest.raises(ConfigError, match=r"line 2: .* not those of sample test-0001"):
        bring(write(*rows), format="llamafactory", ids=ids)


def test_a_sidecar_that_does_not_fit_is_refused(write, bring, generated, tmp_path):
    ids, rows = generated
    answers = write(*rows)
    short = write(*ids.read_text().splitlines()[:3], name="short.jsonl")
    with pytest.raises(ConfigError, match="4 answers for 3 ids"):
        bring(answers, format="llamafactory", ids=short)
    foreign = write({"row": 0, "sample_id": "foreign"}, name="foreign.jsonl")
    with pytest.raises(ConfigError, match="1 of its 1 ids are not in"):
        bring(answers, format="llamafactory", ids=foreign)
    with pytest.raises(ConfigError, match="name the sidecar"):
        bring(write(*rows), format="llamafactory")


def test_the_verb_counts(plain, write, tmp_path, capsys):
    command = Command(capsys)
    path = write(answer("test-0000", "ok"))
    given = ["--dataset", plain, "--out", tmp_path / "p.jsonl"]
    done = command("import-predictions", path, "--format", "openai", *given)
    assert done.code == 0, done.err
    assert done.out == "1 answered, 0 failed, 3 missing, 0 unknown\n"
    done = command("import-predictions", path, "--format", "openai", *given, "--json")
    assert json.loads(done.out)["missing"] == 3
    assert command("import-predictions", path, "--format", "csv", *given).code == 2


def test_answers_to_a_changed_build_are_refused(write, tmp_path):
    build = write_build(tmp_path / "out", plain_samples(), verdict="blocked")
    path = write(answer("test-0000", "ok"))
    with pytest.raises(ConfigError, match="its audit blocks it"):
        import_predictions([path], "openai", build, tmp_path / "p.jsonl")
    assert import_predictions([path], "openai", build, tmp_path / "p.jsonl", force=True).answered
