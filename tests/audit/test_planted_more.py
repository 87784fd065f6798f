"""More kinds of planted leaks, twenty variants each: numbers changed, siblings, versions, names."""

from dataclasses import replace

import pytest
from conftest import make_build, pick, write_build

from sftdata.audit import audit_data
from sftdata.audit_sources import load
from sftdata.types import Key

VARIANTS = [0, 1, *(pytest.param(n, marks=pytest.mark.slow) for n in range(2, 20))]
TITLES = {
    "en": "Incidence of late cardiac events after elective surgery in adults, series {n}",
    "zh": "成人择期手术后迟发心脏事件发生率的回顾性研究第{n}组",
}


@pytest.fixture(scope="module", params=["finance", "medicine"])
def build(request):
    documents, samples = make_build(groups=24, per_document=4)
    return documents, [replace(s, domain=request.param) for s in samples]


def user(sample):
    return next(m.content for m in sample.prompt if m.role == "user")


def with_user(sample, text, **more):
    prompt = tuple(replace(m, content=text) if m.role == "user" else m for m in sample.prompt)
    return replace(sample, prompt=prompt, **more)


def two(samples, n, kind="evidence"):
    """A sample of train and a held-out one, of one language."""
    locale = "zh" if n % 2 else "en"

    def of(split):
        found = [s for s in samples if (s.split, s.kind, s.locale) == (split, kind, locale)]
        return pick(found, "more", n, split) if found else None

    held = of("test") if n % 3 else of("validation") or of("test")
    return of("train"), held


def judged(folder, build, samples, check, documents=None, **options):
    out = write_build(folder, documents or build[0], samples)
    return audit_data(load(out), checks=[check], options=options)


def named(report, check, *severities):
    found = report.check(check).findings
    return {i for f in found if f.severity in (severities or ("error", "warning")) for i in f.ids}


@pytest.mark.parametrize("n", VARIANTS)
def test_the_same_sample_with_other_numbers(build, tmp_path, n):
    _, samples = build
    train, held = two(samples, n)
    figures = [f"{1000 + 37 * n + k}.{k}" for k in range(9)]
    zh = held.locale == "zh"
    words = " ".join if not zh else "".join
    form = words(f"{w} {{}}" for w in ("血压读数", "心率测量", "体温记录", "血氧饱和", "随访天数"))
    if not zh:
        form = "pressure read {} then pulse rate {} then temperature {} then oxygen {} then days {}"
    first, second = form.format(*figures), form.format(*reversed(figures))
    long = user(held).split("\n\n")[0]
    # The same note, filled in with other readings.
    left = with_user(train, f"{long} {first}", group=held.group, context=(), evidence=())
    right = with_user(held, f"{long} {second}")
    for digit in "123456789":
        left = with_user(left, user(left).replace(digit, str((int(digit) + n) % 9 + 1)))
    rows = [left if s is train else right if s is held else s for s in samples]
    report = judged(tmp_path / "b", build, rows, "near_samples")
    assert {left.sample_id, right.sample_id} <= named(report, "near_samples")


@pytest.mark.parametrize("n", VARIANTS)
def test_paraphrases_of_one_sample(build, tmp_path, n):
    """An augmented copy names the sample that it was made from, in any wording of the column."""
    import pyarrow as pa

    from sftdata.audit_sources import rows_of

    _, samples = build
    train, held = two(samples, n)
    column = ("derived_from", "paraphrase_of", "augmented_from", "parent_id", "original_id")[n % 5]
    table = rows_of(write_build(tmp_path / "b", build[0], samples))
    ids = table.column("sample_id").to_pylist()
    # Directly, or both from an original that is not there.
    given = {train.sample_id: held.sample_id}
    if n % 2:
        given = {train.sample_id: "original-1", held.sample_id: "original-1"}
    table = table.append_column(column, pa.array([given.get(i) for i in ids], pa.string()))
    report = audit_data(load(table), checks=["versions"])
    assert named(report, "versions", "error") >= {train.sample_id, held.sample_id}


@pytest.mark.parametrize("n", VARIANTS)
def test_preprint_and_article_label_versions_addenda_and_amendments(build, tmp_path, n):
    documents, samples = build
    train, held = two(samples, n)
    kind, severity = (
        ("doi", "error"), ("pmid", "error"), ("set_id", "error"), ("accession", "error"),
        ("note_id", "error"), ("amends", "error"), ("preprint_of", "error"), ("title", "warning"),
    )[n % 8]  # fmt: skip
    works = {train.document_ids[0], held.document_ids[0]}

    def tied(doc, place):
        if kind == "title":
            return replace(doc, title=TITLES[held.locale].format(n=n))
        # A DOI is written in capitals and without.
        value = f"10.1000/Heart-{n}".upper() if place else f"10.1000/heart-{n}"
        return replace(doc, metadata=(*doc.metadata, Key(kind=kind, value=value)))

    changed = [
        tied(d, d.document_id == held.document_ids[0]) if d.document_id in works else d
        for d in documents
    ]
    report = judged(tmp_path / "b", build, samples, "versions", documents=changed)
    assert named(report, "versions", severity) >= {train.sample_id, held.sample_id}


def slip(name, n):
    """One letter changed, doubled or left out."""
    place = 1 + n % (len(name) - 2)
    letter = name[place]
    other = "bcdfghjklm"[n % 10]
    other = other if other != letter.lower() else "z"
    return [
        name[:place] + other + name[place + 1 :],
        name[:place] + letter + name[place:],
        name[:place] + name[place + 1 :],
    ][n % 3]


@pytest.mark.parametrize("n", VARIANTS)
def test_near_miss_names(tmp_path, n):
    first = (
        "Hawthorne Textile Works",
        "Birchwood Paper Mills",
        "江苏安靠智能输电工程科技",
        "四方冷链装备",
    )[n % 4]
    zh = n % 4 > 1
    second = f"{first}{'股份有限公司' if n % 8 < 4 else '有限公司'}" if zh else slip(first, n)
    rows = [
        {"id": f"r{i}", "prompt": f"p{i}", "completion": f"c{i}", "company": c, "split": s}
        for i, (c, s) in enumerate(
            [(first, "train"), (second, "test"), ("Elm 7", "train"), ("Elm 8", "test")]
        )
    ]
    report = audit_data(load(rows, group="company"), checks=["group_names"])
    assert named(report, "group_names", "warning") == {"r0", "r1"}


@pytest.mark.parametrize("n", VARIANTS)
def test_a_refusal_parted_from_its_twin(build, tmp_path, n):
    _, samples = build
    refusals = [s for s in samples if s.kind == "refusal" and s.split == "train"]
    refusal = pick(refusals, "twin", n)
    moved = replace(refusal, split=("test", "validation")[n % 2])
    rows = [moved if s is refusal else s for s in samples]
    report = judged(tmp_path / "b", build, rows, "refusal_twins")
    assert named(report, "refusal_twins", "error") == {refusal.sample_id, refusal.twin_of}
    report = judged(tmp_path / "c", build, rows, "versions")
    assert {refusal.sample_id, refusal.twin_of} <= named(report, "versions", "error")


@pytest.mark.parametrize("n", VARIANTS)
def test_an_evaluation_item_in_train(build, tmp_path, n):
    _, samples = build
    train, held = two(samples, n)
    item = user(held).split("\n\n")[0]
    leaky = with_user(train, f"{user(train)}\n\n{item}")
    rows = [leaky if s is train else s for s in samples if s is not held]
    data = load(write_build(tmp_path / "b", build[0], rows), against={"exam": [{"text": item}]})
    report = audit_data(data, checks=["contamination"])
    assert named(report, "contamination", "error") == {train.sample_id}


@pytest.mark.parametrize("n", VARIANTS)
def test_a_train_sample_from_after_the_test_period(tmp_path, n):
    months = [f"2024-{m:02}-{1 + n:02}" for m in range(1, 13)]
    rows = [
        {"id": f"r{m}", "prompt": f"p{m}", "completion": f"c{m}", "published": day,
         "split": "train" if m < 9 else "test"}
        for m, day in enumerate(months)
    ]  # fmt: skip
    late = f"2025年{1 + n % 12}月3日" if n % 2 else f"2025-0{1 + n % 9}-03"
    rows.append({**rows[0], "id": "late", "published": late})
    options = {"temporal_order": {"order": ("auto", "required")[n % 2]}}
    if n % 2 == 0:
        rows += [{**rows[0], "id": f"more{k}", "published": "2023-05-05"} for k in range(20)]
    report = audit_data(load(rows), checks=["temporal_order"], options=options)
    assert named(report, "temporal_order") == {"late"}


def test_none_of_this_is_found_in_the_clean_build(build, tmp_path):
    checks = ["near_samples", "versions", "group_names", "refusal_twins"]
    report = audit_data(load(write_build(tmp_path / "b", *build)), checks=checks)
    assert {c.status for c in report.checks} == {"passed"}
    assert report.check("near_samples").metrics["alike_but_for_numbers"] == 0
