"""A whole build on small filings: the same bytes everywhere, nothing stale, nothing half-done."""

import hashlib
import html
import json
import shutil
import signal
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from documents import filing, finance, write_filings
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sftdata import pipeline
from sftdata.audit import audit
from sftdata.errors import ConfigError
from sftdata.pipeline import build
from sftdata.report import RunManifest
from sftdata.resources import folder
from sftdata.result import BuildResult
from sftdata.types import DOCUMENTS, SAMPLES

SPLITS = ("train", "validation", "test")


@pytest.fixture(scope="module")
def filings(tmp_path_factory):
    folder = write_filings(tmp_path_factory.mktemp("filings"), companies=5, years=(2024,))
    return write_filings(folder, companies=1, years=(2023,))


@pytest.fixture(scope="module")
def built(filings, tmp_path_factory):
    return build(finance(filings), tmp_path_factory.mktemp("built") / "out")


class Steps:
    """Records what a build told of its progress: per step, (finished, all) as it went."""

    def __init__(self):
        self.told = defaultdict(list)

    def __call__(self, step, done, total):
        self.told[step].append((done, total))

    def reused(self, step):
        return self.told[step][0]


def digests(out: Path, *folders: str) -> dict[str, str]:
    return {
        path.relative_to(out).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for name in folders or ("data", "lineage")
        for path in sorted((out / name).iterdir())
    }


def samples(out: Path) -> pa.Table:
    return pa.concat_tables(pq.read_table(p) for p in sorted((out / "data").iterdir()))


def covers(docs: Path, **more) -> dict:
    """One family only: the cheapest build there is."""
    return finance(docs, families={"use": ["finance/cover_page"]}, **more)


def copy(built, out: Path) -> Path:
    shutil.copytree(built.path, out)
    return out


def whole(engine: str, **more) -> dict:
    return {"use": engine, "batch_rows": 2} | more


# ---------------------------------------------------------------- the same bytes


def test_a_build_has_every_kind_in_every_split_and_is_clean(built):
    assert built.report.verdict == "clean"
    rows = samples(built.path).to_pylist()
    kinds = {(r["kind"], r["split"]) for r in rows}
    assert kinds == {
        (k, s) for k in ("extraction", "writing", "evidence", "refusal") for s in SPLITS
    }
    assert {r["locale"] for r in rows} == {"en", "zh"}
    assert samples(built.path).schema.equals(SAMPLES)
    assert built.documents.table.schema.equals(DOCUMENTS)


SHUFFLED = ((3, 2024), (0, 2024), (4, 2024), (1, 2024), (0, 2023), (2, 2024))


@pytest.mark.parametrize(
    "engine",
    [
        {"use": "local", "workers": 2, "batch_rows": 2},
        pytest.param({"use": "inline", "batch_rows": 2}, marks=pytest.mark.slow),
    ],
    ids=["local", "inline"],
)
def test_processes_the_order_of_files_and_their_folder_do_not_matter(built, tmp_path, engine):
    moved = tmp_path / "elsewhere"
    for company, year in SHUFFLED:
        write_filings(moved, 1, (year,), first=company)
    patterns = ["c004*.htm", "c00[03]-2024.htm", "**/*.htm"]
    config = finance(moved, engine=engine)
    config["documents"] = {"root": str(moved), "files": patterns}
    again = build(config, tmp_path / "out")
    assert digests(again.path) == digests(built.path)
    for name in ("README.md", "README_zh.md", "croissant.json", "audit/report.json"):
        assert (again.path / name).read_bytes() == (built.path / name).read_bytes()


def test_the_size_of_batches_does_not_change_the_rows(built, filings, tmp_path):
    again = build(finance(filings, engine=whole("inline", batch_rows=5)), tmp_path / "out")
    assert samples(again.path).equals(samples(built.path))
    for name in ("documents", "groups", "duplicates", "verdicts"):
        path = f"lineage/{name}.parquet"
        assert pq.read_table(again.path / path).equals(pq.read_table(built.path / path)), name


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 3])
def test_any_number_of_workers_gives_the_same_bytes(tmp_path, workers):
    docs = write_filings(tmp_path / "docs", 6)
    one = build(finance(docs, few=False), tmp_path / "one" / "out")
    config = finance(docs, few=False, engine=whole("local", workers=workers))
    many = build(config, tmp_path / "many" / "out")
    assert one.counts["samples"] > 800
    assert digests(many.path) == digests(one.path)


@pytest.mark.slow
def test_another_seed_makes_other_samples(built, filings, tmp_path):
    again = build(finance(filings, seed=1), tmp_path / "out")
    ids = samples(again.path).column("sample_id").to_pylist()
    assert set(ids) != set(samples(built.path).column("sample_id").to_pylist())


# ---------------------------------------------------------------- killed, resumed, changed

KILL = """
import json, os, signal, sys
from sftdata.pipeline import build

def progress(step, done, total):
    if (step, done) == (sys.argv[3], int(sys.argv[4])):
        os.kill(os.getpid(), signal.SIGKILL)

if __name__ == "__main__":
    build(json.loads(sys.argv[1]), sys.argv[2], progress=progress)
"""


def kill(config, out, step, done, tmp_path):
    script = tmp_path / "killed.py"
    script.write_text(KILL, encoding="utf-8")
    command = [sys.executable, str(script), json.dumps(config), str(out), step, str(done)]
    ended = subprocess.run(command, capture_output=True, timeout=300, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
    assert not (out / "manifest.json").exists()
    assert not (out / "data").exists()


def test_a_killed_build_goes_on_where_it_stopped(built, filings, tmp_path):
    config, out, steps = finance(filings), tmp_path / "out", Steps()
    kill(config, out, "generate", 2, tmp_path)
    again = build(config, out, progress=steps)
    assert steps.reused("read") == (6, 6)
    assert steps.reused("passages") == (3, 3)
    assert steps.reused("generate") == (2, 3)
    assert steps.reused("verify")[0] == 0
    assert digests(again.path) == digests(built.path)
    assert not (out / ".work").exists()


@pytest.mark.slow
@pytest.mark.parametrize(("step", "done"), [("read", 3), ("generate", 1), ("verify", 0)])
def test_a_killed_build_with_workers_goes_on_where_it_stopped(built, filings, tmp_path, step, done):
    config, out = finance(filings, engine=whole("local", workers=2)), tmp_path / "out"
    kill(config, out, step, done, tmp_path)
    steps = Steps()
    again = build(config, out, progress=steps)
    assert steps.reused(step)[0] >= done
    assert digests(again.path) == digests(built.path)


@pytest.fixture
def own_family(tmp_path):
    """A family of the user's own, with the templates that it shares with its domain."""
    source, own = folder("task_families"), tmp_path / "own"
    for name in ("en", "zh", "finance/en", "finance/zh"):
        shutil.copytree(source / name, own / name)
    shutil.copytree(source / "finance/cover_page", own / "finance/front_page")
    return own


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def front_pages(filings, own, **more):
    use = {"use": ["finance/front_page"], "paths": [str(own)]}
    return finance(filings, families=use, engine=whole("inline", keep_work=True), **more)


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        pytest.param(
            "finance/front_page/family.yaml",
            "Extract the cover page",
            "Transcribe the front page",
            marks=pytest.mark.slow,
        ),
        pytest.param("finance/en/extraction.system.j2", "", "Be terse. ", marks=pytest.mark.slow),
        ("en/extraction.user.j2", "", "Dear colleague,\n\n"),
    ],
)
def test_a_changed_family_is_noticed_and_documents_are_not_read_again(
    filings, own_family, tmp_path, file, old, new
):
    config, out = front_pages(filings, own_family), tmp_path / "out"
    build(config, out)
    first = samples(out).to_pylist()
    if old:
        edit(own_family / file, old, new)
    else:
        path = own_family / file
        path.write_text(new + path.read_text(encoding="utf-8"), encoding="utf-8")
    steps = Steps()
    build(config, out, progress=steps)
    prompts = [m["content"] for r in samples(out).to_pylist() for m in r["prompt"]]
    assert any(new.strip() in p for p in prompts)
    assert not any(new.strip() in m["content"] for r in first for m in r["prompt"])
    assert steps.reused("read") == (6, 6)
    assert steps.reused("generate")[0] == 0


@pytest.mark.slow
def test_an_edited_example_of_a_family_costs_nothing(filings, own_family, tmp_path):
    config, out, steps = front_pages(filings, own_family), tmp_path / "out", Steps()
    build(config, out)
    (own_family / "finance/front_page/examples.yaml").write_text("[]\n", encoding="utf-8")
    build(config, out, progress=steps)
    assert all(told[0][0] == told[0][1] for told in steps.told.values())


def test_changed_settings_and_files_are_noticed(own_family, tmp_path):
    docs, out = write_filings(tmp_path / "docs", 4, (2024,)), tmp_path / "out"
    config = front_pages(docs, own_family)
    before = build(config, out)
    one = docs / "c000-2024.htm"
    one.write_text(filing(0, 2024, marker="Entirely new words."), encoding="utf-8")
    steps = Steps()
    after = build(config, out, progress=steps)
    assert steps.reused("read") == (0, 4)
    changed = {d.document_id: d.text for d in after.documents}
    assert sum("Entirely new words." in text for text in changed.values()) == 1
    hashes = [{f.path: f.sha256 for f in r.manifest.inputs} for r in (before, after)]
    assert [p for p in hashes[0] if hashes[0][p] != hashes[1][p]] == [one.name]
    assert hashes[1][one.name] == hashlib.sha256(one.read_bytes()).hexdigest()

    steps = Steps()
    build(config, out, overrides=["families.locales={en: {zh: 1.0}}"], progress=steps)
    assert steps.reused("read") == (4, 4)
    assert steps.reused("generate")[0] == 0
    assert set(samples(out).column("locale").to_pylist()) == {"zh"}


TEMPLATE = (
    "{% for m in messages %}<|{{ m.role }}|>\n{{ m.content }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)


def test_a_template_file_that_changes_behind_its_name_is_another_step(
    filings, own_family, tmp_path
):
    jinja, out = tmp_path / "chat.jinja", tmp_path / "out"
    jinja.write_text(TEMPLATE, encoding="utf-8")
    config = front_pages(filings, own_family, template={"template": str(jinja)})
    first = build(config, out)
    lengths = samples(out).column("prompt_tokens").to_pylist()
    jinja.write_text(TEMPLATE.replace("<|end|>", "<|end|>" + "=" * 400), encoding="utf-8")
    steps = Steps()
    second = build(config, out, progress=steps)
    assert steps.reused("balance") == (1, 1)
    assert steps.reused("render") == (0, 1)
    longer = samples(out).column("prompt_tokens").to_pylist()
    assert all(after >= before + 150 for before, after in zip(lengths, longer, strict=True))
    locks = [r.manifest.template_lock for r in (first, second)]
    assert len(set(locks)) == 2
    assert all(len(lock) == 64 for lock in locks)
    stored = RunManifest.from_json((out / "manifest.json").read_bytes())
    assert stored.template_lock == locks[1]
    assert locks[1] in (out / "README.md").read_text(encoding="utf-8")


def test_a_bundled_template_has_a_lock_too(built):
    assert built.manifest.template_lock == built.manifest.template_lock.lower()
    assert len(built.manifest.template_lock) == 64


# ---------------------------------------------------------------- what cannot be built


def test_documents_that_no_family_fits_make_no_sample(tmp_path):
    docs = write_filings(tmp_path / "docs", 3, (2024,))
    for path in docs.iterdir():
        edit(path, "10-K", "424B2")
    with pytest.raises(ConfigError, match=r"families: no sample was made .* `families list`"):
        build(finance(docs), tmp_path / "out")
    assert not (tmp_path / "out" / "manifest.json").exists()


def test_samples_that_all_left_are_told_with_their_reasons(tmp_path):
    docs = write_filings(tmp_path / "docs", 3, (2024,))
    config = finance(docs, template={"max_length": 16})
    with pytest.raises(ConfigError, match=r"no sample .* dropped: over_length ×\d+"):
        build(config, tmp_path / "out")


def test_too_few_companies_for_the_splits(tmp_path):
    docs = write_filings(tmp_path / "docs", 2, (2023, 2024))
    with pytest.raises(ConfigError, match=r"split: 2 group\(s\) found, 3 needed.*Add documents"):
        build(finance(docs), tmp_path / "out")
    halves = {"ratios": {"train": 0.5, "validation": 0.0, "test": 0.5}}
    result = build(covers(docs, split=halves), tmp_path / "out")
    assert [p.name.split("-")[0] for p in sorted((result.path / "data").iterdir())] == [
        "test",
        "train",
    ]


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("audit.near_samples.threshold=7", r"audit.near_samples.threshold"),
        ("audit.no_such_check={}", "no_such_check"),
        ("template.tokenizer=no/such/folder", "no/such/folder"),
        ("documents.files=['*.nope']", "matches no file"),
        ("engine.use=warp", "warp"),
        ("families.use=['finance/nope']", "fits no family"),
    ],
)
def test_a_mistake_is_found_before_anything_is_read_or_removed(built, filings, setting, words):
    before = digests(built.path)
    with pytest.raises(ConfigError, match=words):
        build(finance(filings), built.path, overrides=[setting])
    assert digests(built.path) == before
    assert (built.path / "manifest.json").is_file()
    assert not (built.path / ".work").exists()


# ---------------------------------------------------------------- the output folder


@pytest.mark.parametrize(
    "names",
    [
        ("notes.txt",),
        ("README.md", "data/mine.csv"),
        ("manifest.json", "data/mine.csv"),
        (".work/mine.txt", "lineage/family_tree.txt"),
    ],
)
def test_a_folder_that_no_build_has_made_is_refused_and_left_as_it_is(filings, tmp_path, names):
    out = tmp_path / "project"
    for name in names:
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_text('{"name": "my web app"}', encoding="utf-8")
    with pytest.raises(ConfigError, match="not empty and not a build"):
        build(finance(filings), out)
    found = {p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file()}
    assert found == set(names)


def test_a_file_is_no_output_folder(filings, tmp_path):
    (tmp_path / "out").write_text("x", encoding="utf-8")
    with pytest.raises(ConfigError, match="this is a file"):
        build(finance(filings), tmp_path / "out")


def test_a_rebuild_leaves_nothing_stale(built, tmp_path):
    out = copy(built, tmp_path / "out")
    shutil.copy(
        out / "data/train-00000-of-00001.parquet", out / "data/train-00001-of-00002.parquet"
    )
    (out / "my_notebook.ipynb").write_text("mine", encoding="utf-8")
    halves = {"ratios": {"train": 0.5, "validation": 0.0, "test": 0.5}}
    docs = write_filings(tmp_path / "docs", 2, (2024,), first=50)
    result = build(covers(docs, split=halves), out)
    there = {p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file()}
    listed = {f.path for f in result.manifest.outputs}
    assert there == listed | {"manifest.json", "my_notebook.ipynb"}
    assert {d.source.path for d in result.documents} == {"c050-2024.htm", "c051-2024.htm"}
    for file in result.manifest.outputs:
        assert hashlib.sha256((out / file.path).read_bytes()).hexdigest() == file.sha256


def test_a_rebuild_that_fails_keeps_the_old_build(built, tmp_path):
    out = copy(built, tmp_path / "out")
    before = digests(out, "data", "lineage", "audit")
    few = write_filings(tmp_path / "few", 2, (2024,))
    with pytest.raises(ConfigError, match="2 group"):
        build(covers(few), out)
    assert digests(out, "data", "lineage", "audit") == before
    assert RunManifest.from_json((out / "manifest.json").read_bytes()) == built.manifest


def test_the_manifest_is_written_last(built, filings, tmp_path, monkeypatch):
    out = copy(built, tmp_path / "out")

    def fails(*args):
        assert not (out / "manifest.json").exists()
        assert (out / "audit/report.html").is_file()
        raise RuntimeError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "write_cards", fails)
        with pytest.raises(RuntimeError, match="the disk is full"):
            build(covers(filings), out)
    assert not (out / "manifest.json").exists()
    again = build(covers(filings), out)
    others = [p for p in out.rglob("*") if p.is_file() and p.name != "manifest.json"]
    newest = max(p.stat().st_mtime_ns for p in others)
    assert (out / "manifest.json").stat().st_mtime_ns >= newest
    assert again.manifest.outputs


@pytest.mark.slow
def test_output_among_the_documents_is_never_read_as_a_document(tmp_path):
    docs = write_filings(tmp_path / "project", 3, (2024,))
    config = covers(docs) | {"documents": {"root": str(docs), "files": ["**/*"]}}
    first = build(config, docs / "out")
    before = digests(docs / "out")
    again = build(config, docs / "out")
    assert {f.path for f in again.manifest.inputs} == {f.path for f in first.manifest.inputs}
    assert len(again.manifest.inputs) == 3
    assert digests(docs / "out") == before


# ---------------------------------------------------------------- what a notebook gets


@pytest.fixture
def private_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    datasets.disable_progress_bars()


def test_datasets_loads_the_folder_as_it_is(built, private_cache):
    found = datasets.load_dataset(str(built.path))
    assert set(found) == set(SPLITS)
    for split in SPLITS:
        table = pq.read_table(next((built.path / "data").glob(f"{split}-*.parquet")))
        assert found[split].to_list() == table.to_pylist()
        assert list(found[split].column_names) == SAMPLES.names


def test_a_dataset_in_memory_gets_the_findings_of_its_folder(built, private_cache):
    folder_report = audit(built.path)
    memory = audit(built.dataset)
    assert memory.verdict == folder_report.verdict == "clean"
    known = {c.name: (c.status, c.count) for c in folder_report.checks}
    asked = [c for c in memory.checks if c.status != "not_verified"]
    assert {c.name: (c.status, c.count) for c in asked}.items() <= known.items()
    # Only the rows are in memory: what asks for the documents says so, and that is little.
    assert all(c.why for c in memory.checks if c not in asked)
    answered = sum(
        status != "not_verified" and not name.startswith("template_")
        for name, (status, _) in known.items()
    )
    assert answered - len(asked) <= 3
    assert {"group_overlap", "exact_duplicates", "near_contexts"} <= {c.name for c in asked}
    assert memory.totals == folder_report.totals
    for mine, theirs in zip(memory.leakage, folder_report.leakage, strict=True):
        for name in ("train", "held_out", "index", "by_row", "by_document", "curve"):
            assert getattr(mine, name) == getattr(theirs, name), name


def test_the_stored_report_is_that_of_the_stored_files(built):
    fresh = audit(built.path, seed=0)
    assert fresh.digest == built.report.digest
    named = fresh.model_copy(update={"dataset": built.report.dataset})
    assert named.to_json() == built.report.to_json()
    assert built.report_html.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_the_result_hands_out_rows_as_objects(built):
    everything = built.samples()
    assert len(everything) == built.counts["samples"]
    assert [s.sample_id for s in built.samples("test")] == sorted(
        s.sample_id for s in everything if s.split == "test"
    )
    docs = built.documents
    assert len(docs) == built.counts["documents"] == 6
    assert docs[-1].document_id == [d.document_id for d in docs][-1]
    frame = docs.facts()
    assert len(frame) == sum(len(d.facts) for d in docs)
    with pytest.raises(IndexError):
        docs[6]


def test_the_summary_of_a_notebook_escapes_what_it_shows(built, tmp_path):
    out = copy(built, tmp_path / "<img src=x onerror=alert(1)>")
    shown = BuildResult(path=out, manifest=built.manifest)._repr_html_()
    assert "<img" not in shown
    assert html.escape(str(out / "audit/report.html")) in shown
    assert "<td>extraction</td>" in shown


# ---------------------------------------------------------------- laws of any build

COMPANIES = st.lists(
    st.tuples(
        st.integers(0, 40), st.sets(st.sampled_from([2022, 2023, 2024]), min_size=1, max_size=2)
    ),
    min_size=3,
    max_size=4,
    unique_by=lambda c: c[0],
)


def laws_hold(out: Path) -> None:
    docs = {
        d["document_id"]: d for d in pq.read_table(out / "lineage/documents.parquet").to_pylist()
    }
    rows = samples(out).to_pylist()
    ids = [r["sample_id"] for r in rows]
    assert len(set(ids)) == len(ids)
    by_id = {r["sample_id"]: r for r in rows}
    splits_of = defaultdict(set)
    for doc in docs.values():
        splits_of[doc["group"]].add(doc["split"])
    assert all(len(splits) == 1 for splits in splits_of.values())
    for row in rows:
        home = docs[row["document_ids"][0]]
        assert (row["split"], row["group"]) == (home["split"], home["group"])
        for part in (*row["context"], *row["evidence"]):
            assert docs[part["document_id"]]["split"] == row["split"]
        user = next(m["content"] for m in row["prompt"] if m["role"] == "user")
        for part in row["context"]:
            assert docs[part["document_id"]]["text"][part["start"] : part["end"]] in user
        if row["kind"] == "refusal":
            assert by_id[row["twin_of"]]["split"] == row["split"]
            assert by_id[row["twin_of"]]["kind"] != "refusal"
    for name in SPLITS:
        stored = pq.read_table(next((out / "data").glob(f"{name}-*.parquet")), columns=["split"])
        assert set(stored.column("split").to_pylist()) == {name}


def check_corpus(tmp_path_factory, companies, seed):
    base = tmp_path_factory.mktemp("corpus")
    for company, years in companies:
        write_filings(base / "docs", 1, tuple(years), first=company)
    try:
        build(finance(base / "docs", seed=seed), base / "out")
        laws_hold(base / "out")
    finally:
        shutil.rmtree(base)


ANY = {"deadline": None, "suppress_health_check": list(HealthCheck), "derandomize": True}


@settings(max_examples=1, **ANY)
@given(companies=COMPANIES, seed=st.integers(0, 99))
def test_no_build_breaks_the_laws(tmp_path_factory, companies, seed):
    check_corpus(tmp_path_factory, companies, seed)


@pytest.mark.slow
@settings(max_examples=25, **ANY)
@given(companies=COMPANIES, seed=st.integers(100, 999))
def test_no_build_breaks_the_laws_on_many_corpora(tmp_path_factory, companies, seed):
    check_corpus(tmp_path_factory, companies, seed)


def test_the_small_build_is_lawful_and_the_laws_can_fail(built, tmp_path):
    laws_hold(built.path)
    broken = tmp_path / "broken"
    shutil.copytree(built.path, broken)
    path = broken / "lineage/documents.parquet"
    table = pq.read_table(path)
    other = pa.array(["train"] * table.num_rows, pa.string())
    number = table.schema.get_field_index("split")
    pq.write_table(table.set_column(number, table.schema.field(number), other), path)
    with pytest.raises(AssertionError):
        laws_hold(broken)
