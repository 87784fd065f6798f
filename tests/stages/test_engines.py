"""Both engines give the same rows, resume what a killed run left, and never serve what is stale."""

import importlib
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import ClassVar

import pyarrow as pa
import pytest

from sftdata.errors import ConfigError, ContractError, SftdataError
from sftdata.part import VERDICTS, Decision, Stage
from sftdata.registry import engines
from sftdata.stages.engines.inline import InlineEngine
from sftdata.stages.engines.local import LocalEngine
from sftdata.stages.engines.parts import Parts, code_digest

NUMBERS = pa.schema([pa.field("n", pa.int64(), False), pa.field("word", pa.string(), True)])


class Times(Stage):
    """Multiply; rows above `most` leave, so that parts differ in length."""

    output: ClassVar[pa.Schema] = NUMBERS
    factor: int = 2
    most: int = 10**9

    def __call__(self, batch):
        rows = [r for r in batch.to_pylist() if r["n"] <= self.most]
        rows = [{"n": r["n"] * self.factor, "word": r["word"]} for r in rows]
        return pa.Table.from_pylist(rows, schema=NUMBERS)


class SameFields(Times):
    """Another class with the same configuration is another step."""


class OtherColumns(Times):
    def __call__(self, batch):
        return batch.rename_columns(["n", "name"])


class OtherType(Times):
    def __call__(self, batch):
        return batch.set_column(0, "n", batch.column("n").cast(pa.int32()))


class Nulls(Times):
    def __call__(self, batch):
        return batch.set_column(0, "n", pa.array([None] * batch.num_rows, pa.int64()))


class NoTable(Times):
    def __call__(self, batch):
        return batch.to_pylist()


class Crashes(Times):
    def __call__(self, batch):
        if 5 in batch.column("n").to_pylist():
            raise ValueError("the patient's name is Jane Doe")
        return super().__call__(batch)


class Complains(Times):
    def __call__(self, batch):
        if 5 in batch.column("n").to_pylist():
            raise ConfigError("factor: too large, use 2")
        return super().__call__(batch)


class Dies(Times):
    def __call__(self, batch):
        if 5 in batch.column("n").to_pylist():
            os._exit(9)
        return super().__call__(batch)


class Odd(Decision):
    def keys(self, batch):
        ids = [str(n) for n in batch.column("n").to_pylist() if n % 2]
        return pa.table(
            {"id": pa.array(ids, pa.string())}, schema=pa.schema([VERDICTS.field("id")])
        )

    def decide(self, keys):
        kept = [
            {"id": i, "verdict": "keep", "reason": "", "because_of": ""}
            for i in keys["id"].to_pylist()
        ]
        return pa.Table.from_pylist(kept, schema=VERDICTS)


def test_a_part_that_lacks_a_method_of_its_protocol_cannot_be_made():
    class Half(Decision):
        def keys(self, batch):
            return batch

    with pytest.raises(TypeError, match="decide"):
        Half()


def table(rows):
    data = [{"n": i, "word": None if i < 4 else f"word {i} 词"} for i in range(rows)]
    return pa.Table.from_pylist(data, schema=NUMBERS)


def content(data: Parts):
    return [path.read_bytes() for path in data.paths]


@pytest.fixture
def inline(tmp_path):
    return InlineEngine(tmp_path / "work", "code 1")


@pytest.fixture(scope="module")
def pool(tmp_path_factory):
    with LocalEngine(tmp_path_factory.mktemp("local"), "code 1", workers=2) as engine:
        yield engine


def test_registry_knows_both_engines():
    assert engines.get("inline") is InlineEngine
    assert engines.get("local") is LocalEngine


def test_order_and_cut_depend_on_rows_alone(inline):
    data = inline.load(table(10), 4)
    assert [b.num_rows for b in data.batches()] == [4, 4, 2]
    result = inline.map(data, Times(factor=3, most=8), step="times")
    assert inline.collect(result).column("n").to_pylist() == [i * 3 for i in range(9)]
    assert result.rows == 9
    assert inline.collect(result, ["word"]).column_names == ["word"]


def test_zero_rows_and_all_null_batches_keep_their_columns(inline):
    empty = inline.map(inline.load(table(0), 4), Times(), step="times")
    assert inline.collect(empty).schema.equals(NUMBERS)
    nothing = inline.map(inline.load(table(8), 4), Times(most=-1), step="times")
    assert inline.collect(nothing).schema.equals(NUMBERS)
    assert nothing.rows == 0
    # The first batch has no word at all, the second has: a guessed schema would break here.
    mixed = inline.map(inline.load(table(8), 4), Times(), step="times")
    assert inline.collect(mixed).column("word").null_count == 4


def test_local_gives_the_same_bytes_as_inline(inline, pool):
    stage = Times(factor=5, most=17)
    here = inline.map(inline.load(table(23), 3), stage, step="times")
    there = pool.map(pool.load(table(23), 3), stage, step="times")
    assert content(here) == content(there)
    assert here.key == there.key
    keys = inline.keys(here, Odd(), step="odd")
    assert keys.equals(pool.keys(there, Odd(), step="odd"))
    assert keys.column("id").to_pylist() == [str(5 * n) for n in range(18) if n % 2]


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 3])
def test_the_number_of_workers_changes_nothing(inline, tmp_path, workers):
    here = inline.map(inline.load(table(23), 3), Times(), step="times")
    with LocalEngine(tmp_path / "local", "code 1", workers=workers) as engine:
        there = engine.map(engine.load(table(23), 3), Times(), step="times")
    assert content(here) == content(there)


def test_changed_config_code_input_or_class_is_never_served_stale(inline, tmp_path):
    data = inline.load(table(6), 3)
    first = inline.map(data, Times(factor=2), step="times")
    assert inline.map(data, Times(factor=2), step="times").key == first.key
    assert inline.map(data, Times(factor=3), step="times").key != first.key
    assert inline.map(data, SameFields(factor=2), step="times").key != first.key
    newer = InlineEngine(tmp_path / "work", "code 2")
    assert newer.map(data, Times(factor=2), step="times").key != first.key
    other = inline.load(table(7), 3)
    assert inline.map(other, Times(factor=2), step="times").key != first.key
    assert [r * 3 for r in range(6)] == inline.collect(
        inline.map(data, Times(factor=3), step="times")
    ).column("n").to_pylist()


def test_the_cut_is_part_of_the_key(inline):
    assert inline.load(table(6), 3).key != inline.load(table(6), 2).key


def test_equal_tables_load_equal_however_they_are_chunked(inline):
    whole = table(6)
    pieces = pa.concat_tables([whole.slice(0, 1), whole.slice(1, 4), whole.slice(5)])
    assert content(inline.load(whole, 4)) == content(inline.load(pieces, 4))


def damage_truncate(path):
    path.write_bytes(path.read_bytes()[:-20])


def damage_empty(path):
    path.write_bytes(b"")


def damage_flip(path):
    data = bytearray(path.read_bytes())
    data[60] ^= 0xFF
    path.write_bytes(bytes(data))


@pytest.mark.parametrize("damage", [damage_truncate, damage_empty, damage_flip])
def test_a_damaged_part_is_made_again_and_a_whole_one_is_kept(inline, damage):
    data = inline.load(table(600), 300)
    result = inline.map(data, Times(), step="times")
    before = content(result)
    damage(result.paths[0])
    kept = result.paths[1].stat().st_mtime_ns
    again = inline.map(data, Times(), step="times")
    assert content(again) == before
    assert again.paths[1].stat().st_mtime_ns == kept


def test_a_part_of_another_key_in_the_folder_is_not_taken(inline):
    data = inline.load(table(6), 3)
    wrong = inline.map(data, Times(factor=7), step="times")
    right = inline.map(data, Times(factor=2), step="times")
    right.paths[0].write_bytes(wrong.paths[0].read_bytes())
    again = inline.map(data, Times(factor=2), step="times")
    assert inline.collect(again).column("n").to_pylist() == [i * 2 for i in range(6)]


def test_leftovers_of_dead_writers_go_and_those_of_live_ones_stay(inline):
    data = inline.load(table(6), 3)
    folder = inline.map(data, Times(), step="times").folder
    child = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"],
                           capture_output=True, check=True, text=True)  # fmt: skip
    dead = folder / f"part-00000.parquet.{child.stdout.strip()}.tmp"
    live = folder / f"part-00001.parquet.{os.getppid()}.tmp"
    dead.write_bytes(b"half")
    live.write_bytes(b"half")
    inline.map(data, Times(), step="times")
    assert not dead.exists()
    assert live.exists()


@pytest.mark.parametrize(
    ("stage", "words"),
    [
        (OtherColumns(), "OtherColumns returned .* column 1 is 'name', expected 'word'"),
        (OtherType(), "column 'n' is int32, expected int64"),
        (Nulls(), "Nulls returned 4 nulls in 'n'"),
        (NoTable(), "NoTable returned list, expected an Arrow table"),
    ],
)
def test_a_stage_that_breaks_its_schema_is_named(inline, stage, words):
    with pytest.raises(ContractError, match=f"step 'bad', batch 0: .*{words}"):
        inline.map(inline.load(table(8), 4), stage, step="bad")


@pytest.mark.parametrize("engine", ["inline", "pool"])
def test_a_crash_names_step_batch_and_place_but_no_document_text(engine, request):
    engine = request.getfixturevalue(engine)
    data = engine.load(table(12), 3)
    with pytest.raises(SftdataError) as caught:
        engine.map(data, Crashes(), step="crash")
    message = str(caught.value)
    assert message.startswith("step 'crash', batch 1: ValueError at test_engines.py:")
    assert "Jane" not in message
    with pytest.raises(ConfigError, match=r"step 'words', batch 1: factor: too large, use 2"):
        engine.map(data, Complains(), step="words")
    # The engine can still be used, and what was finished before is kept.
    assert engine.map(data, Times(), step="after").rows == 12


def test_a_worker_that_dies_is_reported(pool):
    with pytest.raises(SftdataError, match=r"step 'die': a worker process died .* batches .*1"):
        pool.map(pool.load(table(12), 3), Dies(), step="die")
    assert pool.map(pool.load(table(6), 3), Times(), step="after").rows == 6


def test_progress_is_told_from_what_is_there_to_the_end(tmp_path):
    calls = []
    engine = InlineEngine(tmp_path, "c", progress=lambda *call: calls.append(call))
    data = engine.load(table(6), 3)
    engine.map(data, Times(), step="times")
    assert calls == [("times", 0, 2), ("times", 1, 2), ("times", 2, 2)]
    calls.clear()
    engine.map(data, Times(), step="times")
    assert calls == [("times", 2, 2)]


def test_wrong_use_is_said_plainly(inline, tmp_path):
    data = inline.load(table(2), 3)
    with pytest.raises(ContractError, match=r"step name '\.\./x'"):
        inline.map(data, Times(), step="../x")
    with pytest.raises(ConfigError, match="batch_rows is 0"):
        inline.load(table(2), 0)
    with pytest.raises(ConfigError, match="workers is 0"):
        LocalEngine(tmp_path, "c", workers=0)
    with pytest.raises(ContractError, match="has no column 'absent'; it has: n, word"):
        inline.collect(data, ["absent"])


def test_code_digest_sees_contents_names_and_new_files(tmp_path):
    (tmp_path / "a.py").write_text("x = 1")
    (tmp_path / "note.pyc").write_text("ignored")
    first = code_digest(tmp_path)
    (tmp_path / "note.pyc").write_text("still ignored")
    assert code_digest(tmp_path) == first
    (tmp_path / "a.py").write_text("x = 2")
    second = code_digest(tmp_path)
    (tmp_path / "a.py").rename(tmp_path / "b.py")
    third = code_digest(tmp_path)
    assert len({first, second, third}) == 3
    with pytest.raises(ConfigError, match="not a folder"):
        code_digest(tmp_path / "absent")


SLOW = """
import os, time
from pathlib import Path
from typing import ClassVar
import pyarrow as pa
from sftdata.part import Stage
from sftdata.stages.engines.local import LocalEngine

class Slow(Stage):
    output: ClassVar[pa.Schema] = pa.schema([("n", pa.int64())])

    def __call__(self, batch):
        with open(os.environ["PIDS"], "a") as file:
            file.write(f"{os.getpid()}\\n")
        time.sleep(float(os.environ["NAP"]))
        return pa.table({"n": [n * 2 for n in batch["n"].to_pylist()]}, schema=self.output)

def main(work):
    with LocalEngine(Path(work), "c", workers=2) as engine:
        data = engine.load(pa.table({"n": list(range(24))}), 2)
        print(engine.map(data, Slow(), step="slow").folder)

if __name__ == "__main__":
    import sys, slow
    slow.main(sys.argv[1])
"""


def start(tmp_path, work, nap):
    (tmp_path / "slow.py").write_text(textwrap.dedent(SLOW))
    paths = [str(tmp_path), *(p for p in sys.path if p)]
    pids = tmp_path / f"pids-{work}"
    pids.touch()
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "NAP": str(nap), "PIDS": str(pids)}
    command = [sys.executable, str(tmp_path / "slow.py"), str(tmp_path / work)]
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE), pids


def parts_in(folder: Path):
    return sorted(folder.glob("slow-*/part-*.parquet"))


def wait_for(condition, seconds=20.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def alive(pid):
    status = Path(f"/proc/{pid}/status")
    return status.exists() and "State:\tZ" not in status.read_text()


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs /proc to see processes")
@pytest.mark.parametrize(
    "how", [signal.SIGKILL, pytest.param(signal.SIGINT, marks=pytest.mark.slow)]
)
def test_a_killed_run_resumes_to_the_same_bytes(tmp_path, monkeypatch, how):
    run, pids = start(tmp_path, "work", nap=0.1)
    wait_for(lambda: len(parts_in(tmp_path / "work")) >= 3)
    run.send_signal(how)
    _, errors = run.communicate(timeout=20)
    assert run.returncode != 0
    if how == signal.SIGINT:
        assert errors.decode().rstrip().endswith("KeyboardInterrupt")
        assert "Process SpawnProcess" not in errors.decode()
    # No worker outlives the run, however it ended.
    wait_for(lambda: not any(alive(pid) for pid in set(pids.read_text().split())))
    left = {p: p.stat().st_mtime_ns for p in parts_in(tmp_path / "work")}
    assert 3 <= len(left) < 12

    # The same step, now in this process: taken up where it was left, and once more from nothing.
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("NAP", "0")
    monkeypatch.setenv("PIDS", str(pids))
    stage = importlib.import_module("slow").Slow()
    table = pa.table({"n": list(range(24))})
    results = []
    for folder in ("work", "fresh"):
        engine = InlineEngine(tmp_path / folder, "c")
        results.append(engine.map(engine.load(table, 2), stage, step="slow"))
    resumed, fresh = results
    assert content(resumed) == content(fresh)
    assert InlineEngine(tmp_path, "c").collect(fresh)["n"].to_pylist() == list(range(0, 48, 2))
    assert set(left) <= set(resumed.paths)
    assert all(p.stat().st_mtime_ns == made for p, made in left.items())
    assert not list((tmp_path / "work").rglob("*.tmp"))
    sys.modules.pop("slow")
