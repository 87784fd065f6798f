"""Every known kind and shape of dataset loads, and is bound to its bytes."""

import csv
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sftdata.audit import audit
from sftdata.audit_sources import load
from sftdata.errors import ConfigError, SourceError
from sftdata.report import report_schema
from sftdata.resources import folder
from sftdata.shapes import canonical

QUESTION, ANSWER = "Was ist 净利润?", "42 万元"


def chat(user=QUESTION, answer=ANSWER):
    return [
        {"role": "system", "content": "be exact"},
        {"role": "user", "content": user},
        {"role": "assistant", "content": answer},
    ]


SHAPES = {
    "prompt/completion": {"prompt": QUESTION, "completion": ANSWER},
    "prompt/completion messages": {"prompt": chat()[:2], "completion": chat()[2:]},
    "messages": {"messages": chat()},
    "messages as JSON": {"messages": json.dumps(chat())},
    "message parts": {
        "messages": [{"role": "user", "content": [{"type": "text", "text": QUESTION}]}, chat()[2]]
    },
    "sharegpt": {
        "conversations": [
            {"from": "system", "value": "x"},
            {"from": "human", "value": QUESTION},
            {"from": "gpt", "value": ANSWER},
        ]
    },
    "alpaca": {"instruction": QUESTION, "input": "", "output": ANSWER},
    "question/answer": {"question": QUESTION, "answer": ANSWER},
}


@pytest.mark.parametrize("shape", SHAPES)
def test_shape(tmp_path, shape):
    rows = [SHAPES[shape], SHAPES[shape]]
    path = tmp_path / "rows.jsonl"
    path.write_text(
        "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows), encoding="utf-8"
    )
    for data in (load(path), load(rows)):
        assert data.values("prompt") == [QUESTION] * 2
        assert data.values("completion") == [ANSWER] * 2
        assert data.ids == ["row:1", "row:2"]


def test_text_shape_and_named_columns():
    assert load([{"text": "one"}]).values("prompt") == ["one"]
    data = load([{"a": "x", "b": "y", "c": "z", "firm": 7}], text=["a", "b", "c"], group="firm")
    assert (data.values("prompt"), data.values("completion"), data.values("group")) == (
        ["x\n\ny"],
        ["z"],
        ["7"],
    )


def test_multi_turn_keeps_the_last_answer_as_target():
    turns = [
        *chat("first", "second"),
        {"role": "user", "content": "third"},
        {"role": "assistant", "content": "fourth"},
    ]
    data = load([{"messages": turns}, {"messages": turns[:2]}])
    assert data.values("prompt") == ["first\n\nsecond\n\nthird", "first"]
    assert data.values("completion") == ["fourth", ""]


def rows_of(split, count=3):
    return [
        {"prompt": f"{split} {i}", "completion": "0" * i + "1", "firm": f"00{i}-{split}"}
        for i in range(count)
    ]


def write(path, rows):
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix == ".json":
        path.write_text(json.dumps(rows), encoding="utf-8")
    elif path.suffix in (".csv", ".tsv"):
        with path.open("w", encoding="utf-8-sig", newline="") as handle:
            writer = csv.DictWriter(
                handle, rows[0], delimiter="\t" if path.suffix == ".tsv" else ","
            )
            writer.writeheader()
            writer.writerows(rows)
    elif path.suffix == ".arrow":
        table = pa.Table.from_pylist(rows)
        with pa.ipc.new_file(path, table.schema) as out:
            out.write_table(table)
    else:
        path.write_text("\n".join(json.dumps(r) for r in rows), encoding="utf-8")
    return path


@pytest.mark.parametrize("suffix", [".parquet", ".json", ".jsonl", ".csv", ".tsv", ".arrow"])
def test_folder_of_files_and_named_splits(tmp_path, suffix):
    for split in ("train", "test"):
        write(tmp_path / f"{split}{suffix}", rows_of(split))
    by_folder = load(tmp_path, group="firm")
    by_name = load(
        tmp_path, group="firm", splits={"train": f"train{suffix}", "test": f"test{suffix}"}
    )
    for data in (by_folder, by_name):
        assert data.splits == ("train", "test")
        assert sorted(data.values("group")) == sorted(
            r["firm"] for s in ("train", "test") for r in rows_of(s)
        )
        assert data.ids[:2] in (["test:1", "test:2"], ["train:1", "train:2"])
    assert by_folder.digest == by_name.digest


def test_datasets_objects_and_saved_folders(tmp_path):
    from datasets import Dataset, DatasetDict

    both = DatasetDict({s: Dataset.from_list(rows_of(s)) for s in ("train", "test")})
    both.save_to_disk(tmp_path / "both")
    both["train"].save_to_disk(tmp_path / "one")
    for source in (both, tmp_path / "both"):
        assert load(source).splits == ("train", "test")
    assert load(both["train"].select([0, 2])).values("prompt") == ["train 0", "train 2"]
    assert load(tmp_path / "one").rows == 3


def test_pandas_and_arrow():
    table = pa.Table.from_pylist(rows_of("x"))
    assert load(table).values("prompt") == load(table.to_pandas()).values("prompt")
    assert load(table).digest == load(pa.concat_tables([table.slice(0, 1), table.slice(1)])).digest


def test_digest_follows_the_bytes(tmp_path):
    path = write(tmp_path / "train.jsonl", rows_of("train"))
    before = load(path).digest
    assert load(path).digest == before
    path.write_text(path.read_text().replace("train 1", "train l"))
    assert load(path).digest != before
    import hashlib

    sha = hashlib.sha256(path.read_bytes()).hexdigest()
    assert load(path).digest == hashlib.sha256(f"{sha}  train.jsonl\n".encode()).hexdigest()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"group": "company"}, "there is no column 'company'; the columns are"),
        ({"text": ["body"]}, "text: there is no column 'body'"),
        ({"splits": {"test": "nothing.jsonl"}}, "splits.test"),
    ],
)
def test_errors_name_what_there_is(tmp_path, options, words):
    write(tmp_path / "train.jsonl", rows_of("train"))
    with pytest.raises(ConfigError, match=words):
        load(tmp_path, **options)


def test_unknown_shape_lists_the_columns():
    with pytest.raises(ConfigError, match="the columns are body, label"):
        load([{"body": "x", "label": 1}])


def test_no_rows_no_path_and_no_dataset(tmp_path):
    for source in ([], tmp_path / "gone", tmp_path, 7):
        with pytest.raises(ConfigError):
            load(source)
    with pytest.raises(ConfigError, match="nothing to audit"):
        audit()


def test_broken_files_name_the_line_and_never_the_text(tmp_path):
    path = tmp_path / "train.jsonl"
    path.write_text('{"prompt": "a", "completion": "b"}\n{"prompt": "secret\n', encoding="utf-8")
    with pytest.raises(SourceError, match="line 2 is not JSON") as caught:
        load(path)
    assert "secret" not in str(caught.value)
    (tmp_path / "x.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(SourceError, match="unreadable_dataset"):
        load(tmp_path / "x.parquet")


def test_mixed_types_in_one_column_become_text():
    data = load(
        [
            {"prompt": "a", "completion": "b", "group": 1},
            {"prompt": "c", "completion": "d", "group": "x"},
        ]
    )
    assert data.values("group") == ["1", "x"]


def test_missing_columns_are_not_verified_with_their_reason():
    report = audit([{"prompt": "a", "completion": "b", "company": "c"}])
    status = {c.name: c.status for c in report.checks}
    assert status["group_overlap"] == status["near_samples"] == status["evidence"] == "not_verified"
    assert "pass group='company'" in report.check("group_overlap").why
    assert "no column 'evidence'" in report.check("evidence").why
    assert report.verdict == "warnings"
    assert "none can be ruled out" in report.meaning


def test_json_matches_the_published_schema():
    import jsonschema

    published = json.loads(
        (folder("schemas") / "audit_report.schema.json").read_text(encoding="utf-8")
    )
    assert published == report_schema(), "write schemas/audit_report.schema.json again"
    rows = [{"prompt": "一 two", "completion": "x", "split": s} for s in ("train", "test")]
    report = audit(rows)
    jsonschema.validate(json.loads(report.to_json()), published)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(json.loads(report.to_json()) | {"verdict": "fine"}, published)
    assert type(report).from_json(report.to_json()) == report


def test_options_reach_the_check_and_wrong_ones_are_named():
    rows = [{"prompt": "a b c d e f", "completion": "x", "split": s} for s in ("train", "test")]
    with pytest.raises(ConfigError, match=r"checks\.near_samples\.threshold"):
        audit(rows, options={"near_samples": {"threshold": 2}})
    with pytest.raises(ConfigError, match="Did you mean 'near_samples'"):
        audit(rows, checks=["near_sample"])
    with pytest.raises(ConfigError, match="not made: length"):
        audit(rows, checks=["near_samples"], options={"length": {}})
    assert [c.name for c in audit(rows, checks=["length"]).checks] == ["length"]


def test_excerpts_can_be_left_out():
    rows = [
        {"prompt": "very secret words of a patient", "completion": "x", "split": s}
        for s in ("train", "test")
    ]
    assert "very secret" in audit(rows).to_json()
    assert "very secret" not in audit(rows, excerpts=False).to_json()


def test_canonical_keeps_only_what_is_typed_right():
    table = pa.table(
        {"prompt": ["a"], "completion": ["b"], "evidence": ["text"], "prompt_tokens": ["7"]}
    )
    columns, absent = canonical(table)
    assert "evidence" not in columns.column_names
    assert "prompt_tokens" not in columns.column_names
    assert "does not have the fields" in absent["evidence"]


@pytest.mark.parametrize("shape", ["plain", "messages", "alpaca"])
def test_texts_over_the_limit_of_small_offsets_give_the_same_report(monkeypatch, shape):
    """Arrow's plain strings end at two gigabytes a column; here the limit is set to a few bytes."""
    text = " ".join(f"word{n}" for n in range(60))

    def row(n, split):
        said = f"{text} {n if n != 3 else 7}"
        if shape == "messages":
            turns = [{"role": "user", "content": said}, {"role": "assistant", "content": f"a{n}"}]
            return {"messages": turns, "split": split}
        if shape == "alpaca":
            return {"instruction": said, "input": text, "output": f"a{n}", "split": split}
        return {"prompt": said, "completion": f"a{n}", "split": split}

    parts = [pa.Table.from_pylist([row(n, "test" if n % 3 == 0 else "train")]) for n in range(9)]
    table = pa.concat_tables(parts)
    small = audit(table)
    monkeypatch.setattr("sftdata.shapes.LARGE", 40)
    monkeypatch.setattr("sftdata.dataset.LARGE", 40)
    wide = [n for n in table.column_names if pa.types.is_string(table.schema.field(n).type)]
    for name in wide:
        place = table.column_names.index(name)
        table = table.set_column(place, name, table.column(name).cast(pa.large_string()))
    large = audit(table)
    assert small.verdict == "blocked"
    assert large.checks == small.checks
    assert large.leakage == small.leakage
