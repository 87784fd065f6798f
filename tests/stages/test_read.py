"""Files are found, read and checked; whatever goes wrong inside one becomes a reject."""

import hashlib
import os
from dataclasses import replace
from decimal import Decimal
from typing import ClassVar

import pyarrow as pa
import pytest
from pydantic import Field, ValidationError

from sftdata import registry
from sftdata.errors import ConfigError, ContractError, SourceError
from sftdata.part import VERDICTS, Reader
from sftdata.stages.apply import ApplyToDocuments
from sftdata.stages.engines.inline import InlineEngine
from sftdata.stages.files import FILES, list_files
from sftdata.stages.read import Read
from sftdata.stages.unpack import IDENTITY, Unpack, documents, rejects, renames, unique_ids
from sftdata.types import (
    DOCUMENTS,
    REJECTS,
    Document,
    Fact,
    Key,
    Reject,
    Section,
    Source,
    from_table,
    to_table,
)

TEXT = "Net sales were 94,036 million. 净销售额。"


def fact(**changes):
    fields = {
        "fact_id": "f1",
        "name": "us-gaap:Revenues",
        "label": "Net sales",
        "kind": "numeric",
        "value": "94036000000",
        "number": Decimal(94036000000),
        "as_reported": "94,036",
        "start": 15,
        "end": 21,
        "row_start": 0,
        "row_end": 30,
    }
    return Fact(**{**fields, **changes})


def document(document_id="d1", **changes):
    fields = {
        "source": Source(path="whatever", sha256="", reader=""),
        "domain": "finance",
        "locale": "en",
        "title": "T",
        "published": None,
        "text": TEXT,
        "facts": (fact(),),
        "keys": (Key(kind="cik", value="0000320193"),),
        "sections": (Section(title="S", kind="item_1", level=1, start=0, end=len(TEXT)),),
    }
    return Document(document_id=document_id, **{**fields, **changes})


class PlainReader(Reader):
    """Behaves as the file tells it to: the first word after `plain:` is what to do."""

    name: ClassVar[str] = "plain"
    suffixes: ClassVar[tuple[str, ...]] = (".txt",)
    limit: int = Field(default=10, gt=0)

    @classmethod
    def sniff(cls, path, head):
        if head.startswith(b"crash-sniff"):
            raise RuntimeError("Jane Doe")
        return 0.9 if head.startswith(b"plain:") else 0.1

    def read(self, path):
        order = path.read_text("utf-8").removeprefix("plain:").split()
        for word in order:
            yield from ACTIONS[word](path)


class TableReader(PlainReader):
    name: ClassVar[str] = "table"

    @classmethod
    def sniff(cls, path, head):
        return 0.5 if b"table" in head else 0.0


def raises(error):
    def action(path):
        raise error

    return action


def deep(path):
    return deep(path)


ACTIONS = {
    "good": lambda p: [document()],
    "second": lambda p: [document("d2")],
    "record": lambda p: [Reject(path="x", locator="row 7", reason="no_text", detail="")],
    "nothing": lambda p: [],
    "table": lambda p: [],
    "source": raises(SourceError("not_xbrl", "no ix elements")),
    "bug": raises(ValueError("could not parse 'Jane Doe'")),
    "memory": raises(MemoryError()),
    "deep": deep,
    "foreign": lambda p: ["a string"],
    "changed": lambda p: [document(source=Source(path="", sha256="0" * 64, reader=""))],
    "surrogate": lambda p: [document(title="\ud800")],
    "wrongtype": lambda p: [document(title=7)],
    "hugescale": lambda p: [document(facts=(fact(scale=10**30),))],
    "emptytext": lambda p: [document(text=" \n", facts=(), sections=())],
    "emptyid": lambda p: [document("")],
    "emptykey": lambda p: [document(keys=(Key(kind="cik", value=" "),))],
    "section": lambda p: [
        document(sections=(Section(title="", kind="", level=1, start=5, end=len(TEXT) + 1),))
    ],
    "shifted": lambda p: [document(facts=(fact(), fact(start=14, end=20)))],
    "outside": lambda p: [document(facts=(fact(end=1000),))],
    "halfspan": lambda p: [document(facts=(fact(end=None),))],
    "row": lambda p: [document(facts=(fact(row_start=-1),))],
    "hidden": lambda p: [document(facts=(replace(fact(), start=None, end=None),))],
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    known = {"plain": f"{__name__}:PlainReader", "table": f"{__name__}:TableReader"}
    monkeypatch.setattr(registry, "readers", registry.Registry("reader", known))
    root = tmp_path / "docs"
    root.mkdir()
    return root


def run(root, content, **options):
    """Read one file and return its documents and rejects."""
    (root / "a.txt").write_text(content)
    files = list_files(["*.txt"], root)
    out = Read(root=root, **options)(files)
    assert out.schema.equals(Read.output)
    return list(from_table(documents(out), Document)), list(from_table(rejects(out), Reject))


def test_a_document_arrives_whole_with_its_source(folder):
    (got,), lost = run(folder, "plain: good")
    assert lost == []
    digest = hashlib.sha256(b"plain: good").hexdigest()
    assert got == document(source=Source(path="a.txt", sha256=digest, reader="plain"))


def test_domain_and_reader_of_the_list_count(folder):
    (folder / "a.txt").write_text("good")
    files = list_files(["*.txt"], folder, reader="table", domain="medicine")
    (got,) = from_table(documents(Read(root=folder)(files)), Document)
    assert (got.domain, got.source.reader) == ("medicine", "table")


@pytest.mark.parametrize(
    ("order", "reason", "detail"),
    [
        ("source", "not_xbrl", "no ix elements"),
        ("nothing", "no_documents", ""),
        ("bug", "reader_error", "ValueError at test_read:"),
        ("memory", "reader_error", "MemoryError at test_read:"),
        ("deep", "reader_error", "RecursionError at test_read:"),
        ("foreign", "reader_error", "ContractError"),
        ("changed", "file_changed", ""),
        ("surrogate", "contract_violation", "UnicodeEncodeError"),
        ("wrongtype", "contract_violation", ""),
        ("hugescale", "contract_violation", "OverflowError"),
        ("emptytext", "contract_violation", "text is empty"),
        ("emptyid", "contract_violation", "document_id is empty"),
        ("emptykey", "contract_violation", "keys[0]"),
        ("section", "contract_violation", "sections[0]: span [5, "),
        ("shifted", "contract_violation", "facts[1]: the text at [14, 20) is not as_reported"),
        ("outside", "contract_violation", "facts[0]: span [15, 1000)"),
        ("halfspan", "contract_violation", "facts[0]: span [15, None)"),
        ("row", "contract_violation", "facts[0]: row span [-1, 30)"),
    ],
)
def test_what_goes_wrong_in_a_file_is_a_reject(folder, order, reason, detail):
    kept, (lost,) = run(folder, f"plain: {order}")
    assert kept == []
    assert (lost.path, lost.reason, lost.reader) == ("a.txt", reason, "plain")
    assert detail in lost.detail
    assert "Jane" not in lost.detail
    assert "94" not in lost.detail


def test_what_was_read_before_a_crash_stays_and_a_refused_file_gives_nothing(folder):
    for order in ("bug", "deep", "foreign", "shifted", "surrogate"):
        kept, (lost,) = run(folder, f"plain: second {order}")
        assert [d.document_id for d in kept] == ["d2"]
        assert lost.reason in {"reader_error", "contract_violation"}
    kept, (lost,) = run(folder, "plain: second source")
    assert kept == []
    assert lost.reason == "not_xbrl"


def test_a_bad_record_keeps_its_locator_and_gets_the_path(folder):
    kept, (lost,) = run(folder, "plain: good record second")
    assert [d.document_id for d in kept] == ["d1", "d2"]
    assert (lost.path, lost.locator, lost.reason) == ("a.txt", "row 7", "no_text")


def test_an_id_twice_in_a_file_is_a_reject(folder):
    kept, (lost,) = run(folder, "plain: good good")
    assert len(kept) == 1
    assert (lost.reason, lost.locator) == ("duplicate_id", "d1")


def test_a_fact_that_is_not_visible_is_allowed(folder):
    kept, lost = run(folder, "plain: hidden")
    assert len(kept) == 1
    assert lost == []


def test_the_surest_reader_wins_and_none_is_a_reject(folder):
    (got,), _ = run(folder, "plain: good table")
    assert got.source.reader == "plain"
    kept, (lost,) = run(folder, "something else")
    assert kept == []
    assert lost.reason == "unknown_format"
    assert ".txt" in lost.detail


def test_a_reader_that_crashes_while_sniffing_does_not_hide_the_others(folder):
    _, (lost,) = run(folder, "crash-sniff")
    assert (lost.reason, lost.detail[:31]) == ("reader_error", "plain.sniff: RuntimeError at te")
    assert "Jane" not in lost.detail
    (folder / "a.txt").write_text("crash-sniff table")
    out = Read(root=folder)(list_files(["*.txt"], folder))
    assert rejects(out).column("reader").to_pylist() == ["table"]


def test_files_that_cannot_be_opened_have_reasons(folder, tmp_path):
    (folder / "empty.txt").touch()
    (folder / "sub").mkdir()
    (tmp_path / "secret.txt").write_text("plain: good")
    (folder / "away.txt").symlink_to(tmp_path / "secret.txt")
    (folder / "dangling.txt").symlink_to(folder / "absent")
    (folder / "large.txt").write_text("plain: good" + " " * 100)
    os.mkfifo(folder / "pipe.txt")
    files = list_files(["*.txt"], folder)
    rows = [*files.to_pylist(), *(
        {"path": p, "sha256": "", "reader": "", "domain": ""}
        for p in ("sub", "absent.txt", "../secret.txt", str(tmp_path / "secret.txt"))
    )]  # fmt: skip
    out = Read(root=folder, max_file_bytes=50)(pa.Table.from_pylist(rows, schema=FILES))
    assert documents(out).num_rows == 0
    reasons = {r.path: r.reason for r in from_table(rejects(out), Reject)}
    assert reasons == {
        "absent.txt": "not_found",
        "away.txt": "outside_root",
        "dangling.txt": "not_found",
        "empty.txt": "empty_file",
        "large.txt": "file_too_large",
        "pipe.txt": "not_a_file",
        "sub": "not_a_file",
        "../secret.txt": "outside_root",
        str(tmp_path / "secret.txt"): "outside_root",
    }


def test_a_link_inside_the_root_is_read(folder):
    (folder / "store").mkdir()
    (folder / "store" / "blob").write_text("plain: good")
    (folder / "a.txt").symlink_to(folder / "store" / "blob")
    out = Read(root=folder)(list_files(["*.txt"], folder))
    assert documents(out).num_rows == 1


def test_options_reach_the_reader_and_wrong_ones_are_named(folder):
    assert Read(root=folder, options={"plain": {"limit": 3}}).options == {"plain": {"limit": 3}}
    with pytest.raises(ValidationError, match=r"options.plain.limit: .* greater than 0"):
        Read(root=folder, options={"plain": {"limit": 0}})
    with pytest.raises(ValidationError, match=r"Did you mean 'plain'"):
        Read(root=folder, options={"plane": {}})
    (folder / "a.txt").write_text("x")
    with pytest.raises(ConfigError, match="unknown reader 'nope'"):
        Read(root=folder)(list_files(["*.txt"], folder, reader="nope"))


def test_reading_in_batches_is_reading_at_once(folder):
    for number, order in enumerate(["good", "nothing", "second record", "bug", "good second"]):
        (folder / f"{number}.txt").write_text(f"plain: {order}")
    files, read = list_files(["*.txt"], folder), Read(root=folder)
    whole = read(files)
    assert whole.num_rows == 5
    pieces = pa.concat_tables([read(files.slice(0, 2)), read(files.slice(2))])
    assert pieces.equals(whole)
    assert read(files.slice(0, 0)).schema.equals(Read.output)
    assert documents(read(files.slice(0, 0))).schema.equals(DOCUMENTS)
    assert rejects(read(files.slice(0, 0))).schema.equals(REJECTS)


def test_the_root_is_not_part_of_the_key(folder, tmp_path):
    (tmp_path / "other").mkdir()
    assert Read(root=folder).model_dump() == Read(root=tmp_path / "other").model_dump()


def test_list_files_is_sorted_unique_and_leaves_hidden_ones_out(folder):
    for name in (
        "b.txt",
        "a.txt",
        ".hidden.txt",
        "sub/c.txt",
        ".git/d.txt",
        "sub/.e.txt",
        "日本.txt",
    ):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(name)
    table = list_files(["**/*.txt", "a.*", "*"], folder)
    assert table.schema.equals(FILES)
    assert table.column("path").to_pylist() == ["a.txt", "b.txt", "sub/c.txt", "日本.txt"]
    for row in table.to_pylist():
        assert row["sha256"] == hashlib.sha256(row["path"].encode()).hexdigest()


def test_list_files_says_what_is_wrong_with_a_pattern(folder, tmp_path):
    (folder / "a.txt").touch()
    with pytest.raises(ConfigError, match=r"'\*\.htm' matches no file"):
        list_files(["*.txt", "*.htm"], folder)
    for pattern in ("../*.txt", str(folder / "*.txt"), "sub/../../*", ""):
        with pytest.raises(ConfigError, match="must stay inside the folder"):
            list_files([pattern], folder)
    with pytest.raises(ConfigError, match="does not exist"):
        list_files(["*"], tmp_path / "absent")


def test_a_file_name_that_is_no_text_is_listed_and_rejected(folder):
    (folder / os.fsdecode(b"bad\xff.txt")).write_text("plain: good")
    table = list_files(["*.txt"], folder)
    assert table.column("path").to_pylist() == ["bad\\xff.txt"]
    (lost,) = from_table(rejects(Read(root=folder)(table)), Reject)
    assert lost.reason == "not_found"


def test_copies_of_a_file_get_ids_of_their_own_whatever_the_order(folder, tmp_path):
    for name in ("c", "a", "b"):
        (folder / f"{name}.txt").write_text("plain: good second" if name == "b" else "plain: good")
    engine = InlineEngine(tmp_path / "work", "code")
    files = list_files(["*.txt"], folder)
    ids = []
    for table in (files, files.take([2, 0, 1])):
        raw = engine.map(engine.load(table, 1), Read(root=folder), step="read")
        new = renames(engine.collect(raw, IDENTITY))
        docs = engine.collect(engine.map(raw, Unpack(renames=new), step="documents"))
        paths = [s["path"] for s in docs.column("source").to_pylist()]
        ids.append(set(zip(paths, docs.column("document_id").to_pylist(), strict=True)))
        assert set(
            unique_ids(documents(engine.collect(raw))).column("document_id").to_pylist()
        ) == {i for _, i in ids[-1]}
    b, c = (hashlib.sha256(f"{n}.txt".encode()).hexdigest()[:6] for n in "bc")
    assert ids[0] == ids[1]
    assert ids[0] == {("a.txt", "d1"), ("b.txt", f"d1-{b}"), ("b.txt", "d2"), ("c.txt", f"d1-{c}")}


def test_a_new_id_never_takes_one_that_is_there():
    tail = hashlib.sha256(b"b").hexdigest()
    table = pa.table({"path": ["a", "b", "c"], "document_ids": [["x"], ["x"], [f"x-{tail[:6]}"]]})
    assert [(r.path, r.new) for r in renames(table)] == [("b", f"x-{tail[:7]}")]
    with pytest.raises(ContractError, match="listed twice"):
        renames(pa.table({"path": ["a", "a"], "document_ids": [["x"], ["x"]]}))


def test_apply_keeps_drops_and_fills(tmp_path):
    docs = to_table([document("a"), document("b"), document("c")], Document)
    verdicts = [("c", "keep"), ("a", "keep"), ("b", "drop")]
    table = pa.Table.from_pylist(
        [{"id": i, "verdict": v, "reason": "", "because_of": ""} for i, v in verdicts], VERDICTS
    )
    kept = ApplyToDocuments.of(table, tmp_path)(docs)
    assert kept.schema.equals(DOCUMENTS)
    assert kept.column("document_id").to_pylist() == ["a", "c"]
    stage = ApplyToDocuments.of(table, tmp_path, fill="group")
    filled = stage(docs)
    assert filled.schema.equals(DOCUMENTS)
    assert filled.column("group").to_pylist() == ["keep", "drop", "keep"]
    assert stage(docs.slice(0, 0)).num_rows == 0
    # The order of the verdicts and the folder are no part of a step's key; the verdicts are.
    other = ApplyToDocuments.of(table.take([1, 2, 0]), tmp_path / "other", fill="group")
    assert other.model_dump() == stage.model_dump()
    assert ApplyToDocuments.of(table.slice(1), tmp_path).digest != stage.digest


def test_apply_refuses_rows_without_a_verdict_and_changed_verdicts(tmp_path):
    docs = to_table([document("a"), document("b")], Document)
    row = {"id": "a", "verdict": "keep", "reason": "", "because_of": ""}
    one = pa.Table.from_pylist([row], VERDICTS)
    with pytest.raises(ContractError, match="document_id 'b' has no verdict"):
        ApplyToDocuments.of(one, tmp_path)(docs)
    with pytest.raises(ContractError, match="'a' has two verdicts"):
        ApplyToDocuments.of(pa.concat_tables([one, one]), tmp_path)
    both = pa.Table.from_pylist([row, {**row, "id": "b"}], VERDICTS)
    stage = ApplyToDocuments.of(both, tmp_path)
    ApplyToDocuments.of(one, tmp_path).verdicts.replace(stage.verdicts)
    with pytest.raises(ContractError, match="does not hold the verdicts"):
        stage(docs)


@pytest.mark.real_data
def test_real_files_are_read_by_the_readers_of_the_package(real_data):
    patterns = [
        "sec_ixbrl/354950_10-Q_2023_July-30-2023_S_0000354950-23-000185.html",
        "fhir_r4/Gustavo*.json",
        "MANIFEST.tsv",
    ]
    files = list_files(patterns, real_data)
    out = Read(root=real_data)(files)
    docs = list(from_table(documents(out), Document))
    assert {d.source.reader for d in docs} == {"ixbrl", "fhir"}
    assert all(d.text[f.start : f.end] == f.as_reported for d in docs for f in d.facts if f.end)
    assert sum(f.start is not None for d in docs for f in d.facts) > 500
    lost = {r.path: r.reason for r in from_table(rejects(out), Reject)}
    assert lost == {"MANIFEST.tsv": "unknown_format"}
