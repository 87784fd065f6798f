"""A generator of leaks: every kind, many variants, English and Chinese, finance and medicine.

Each variant is planted into a clean build by hash; the finding must name every planted row.
"""

from dataclasses import replace

import pytest
from conftest import make_build, pick, write_build

from sftdata.audit import audit_data
from sftdata.audit_sources import load
from sftdata.types import Check, Message, Sample


@pytest.fixture(scope="module")
def build():
    return make_build(groups=24, per_document=4)


def user(sample):
    return next(m.content for m in sample.prompt if m.role == "user")


def with_user(sample, content, **changes):
    prompt = tuple(replace(m, content=content) if m.role == "user" else m for m in sample.prompt)
    return replace(sample, prompt=prompt, **changes)


def told(sample, text):
    return replace(sample, completion=(Message(role="assistant", content=text),))


class Variant:
    """The rows that one variant works on: one of train, one held out, of one language."""

    def __init__(self, samples, number):
        self.number = number
        self.locale = "zh" if number % 3 == 2 else "en"
        self.held_split = "test" if number % 2 else "validation"
        self.train = self.one(samples, "train", "train")
        self.held = self.one(samples, self.held_split, "held")

    def one(self, samples, split, role, kind="evidence"):
        locales = {s.locale for s in samples if s.split == split}
        locale = self.locale if self.locale in locales else min(locales)
        found = [s for s in samples if (s.split, s.kind, s.locale) == (split, kind, locale)]
        return pick(found, "variant", self.number, role)


BARE = {"document_ids": ("planted-source",), "context": (), "evidence": (), "facts": ()}


def group(v, samples):
    new = replace(v.train, sample_id="planted", group=v.held.group)
    return [*samples, new], "group_overlap", {"planted"}


def document(v, samples):
    new = replace(v.train, document_ids=(*v.train.document_ids, *v.held.document_ids))
    return swap(samples, {v.train: new}), "document_overlap", {new.sample_id}


def exact(v, samples):
    new = replace(v.held, sample_id="planted", split="train", group="Other", **BARE)
    return [*samples, new], "exact_duplicates", {"planted", v.held.sample_id}


def near(v, samples):
    text = user(v.held)
    place = 20 + v.number * 7 % (len(text) - 40)
    ends = [" 谨此。", " Kind regards.", "\n\nSee also page 4."]
    changed = text[:place] + (" " if v.locale == "en" else "，") + text[place:] + ends[v.number % 3]
    new = with_user(v.held, changed, sample_id="planted", split="train", group="Other", **BARE)
    return [*samples, new], "near_samples", {"planted", v.held.sample_id}


def passage(v, samples):
    block = user(v.held).split("\n\n")[v.number % 2]
    new = with_user(v.train, f"{block}\n\n{user(v.train)}")
    return swap(samples, {v.train: new}), "near_contexts", {new.sample_id, v.held.sample_id}


def task(v, samples):
    new = replace(v.train, question=v.held.question, answer=v.held.answer,
                  facts=v.held.facts)  # fmt: skip
    return swap(samples, {v.train: new}), "near_tasks", {new.sample_id, v.held.sample_id}


def fact(v, samples):
    new = replace(v.train, facts=(*v.train.facts, *v.held.facts))
    return swap(samples, {v.train: new}), "shared_facts", {new.sample_id, v.held.sample_id}


def answer(v, samples):
    quote = v.held.evidence[0].quote
    new = with_user(v.train, f"{user(v.train)} {quote}", group="")
    return swap(samples, {v.train: new}), "answers_in_train", {new.sample_id, v.held.sample_id}


def version(v, samples):
    marks = ["-v2", "-amended", "-addendum", "_rev1", "更正版", "-preprint"]
    name = v.held.document_ids[0] + marks[v.number % len(marks)]
    new = replace(v.train, sample_id="planted", document_ids=(name,), **{
        k: BARE[k] for k in ("context", "evidence", "facts")})  # fmt: skip
    return [*samples, new], "versions", {"planted", v.held.sample_id}


def twin(v, samples):
    refusal = v.one(samples, "train", "refusal", kind="refusal")
    new = replace(refusal, twin_of=v.held.sample_id)
    return swap(samples, {refusal: new}), "refusal_twins", {refusal.sample_id, v.held.sample_id}


def sibling(v, samples):
    refusal = v.one(samples, "train", "sibling", kind="refusal")
    new = replace(refusal, twin_of=v.held.sample_id)
    return swap(samples, {refusal: new}), "versions", {refusal.sample_id, v.held.sample_id}


def alias(v, samples):
    old = v.held.group
    other = f"{old}有限公司" if v.number % 4 == 3 else f"{old.upper()}, Inc."
    planted = replace(v.train, sample_id="planted", group=other)
    return [*samples, planted], "group_names", {"planted"}


def evidence(v, samples):
    span = v.held.evidence[0]
    shift = 1 + v.number % 5
    moved = replace(span, start=span.start + shift, end=span.end + shift)
    new = replace(v.held, evidence=(moved,))
    return swap(samples, {v.held: new}), "evidence", {v.held.sample_id}


def schema(v, samples):
    wrong = ["", "{", '{"answer": 5}', "[]", '{"answerable": 1, "answer": null}']
    new = replace(v.train, answer=wrong[v.number % len(wrong)])
    return swap(samples, {v.train: new}), "answer_schema", {v.train.sample_id}


def failed(v, samples):
    new = replace(v.train, checks=(*v.train.checks, Check(name=f"c{v.number}", passed=False)))
    return swap(samples, {v.train: new}), "sample_checks", {v.train.sample_id}


def unproved(v, samples):
    refusal = v.one(samples, v.held_split, "unproved", kind="refusal")
    new = replace(refusal, **({"checks": ()} if v.number % 2 else {"reason_code": None}))
    return swap(samples, {refusal: new}), "refusal_proof", {refusal.sample_id}


def conflict(v, samples):
    new = replace(told(v.train, f"something else {v.number}"), sample_id="planted")
    return [*samples, new], "conflicting_targets", {"planted", v.train.sample_id}


def keyless(v, samples):
    return (
        swap(samples, {v.train: replace(v.train, group="")}),
        "missing_groups",
        {v.train.sample_id},
    )


def cut(v, samples):
    new = told(v.train, '{"answerable": true, "answer": "' + "9" * (v.number + 1))
    return swap(samples, {v.train: new}), "truncation", {v.train.sample_id}


def empty(v, samples):
    new = told(v.train, " \n\t"[: v.number % 4])
    return swap(samples, {v.train: new}), "length", {v.train.sample_id}


def phi(v, samples):
    area, serial = 201 + v.number, 1000 + 37 * v.number
    said = [
        f"SSN {area}-45-{serial}",
        f"MRN: {serial}00{area}",
        f"住院号：{area}{serial}",
        f"手机 138{serial}{serial}",
    ][v.number % 4]
    new = with_user(v.train, f"{user(v.train)} {said}")
    return swap(samples, {v.train: new}), "residual_phi", {v.train.sample_id}


PLANTS = (
    group, document, exact, near, passage, task, fact, answer, version, twin, sibling, alias,
    evidence, schema, failed, unproved, conflict, keyless, cut, empty, phi,
)  # fmt: skip


def swap(samples, changed):
    by_id = {old.sample_id: new for old, new in changed.items()}
    return [by_id.get(s.sample_id, s) for s in samples]


def judged(folder, documents, samples, schemas, check=None):
    data = load(write_build(folder, documents, samples))
    names = [check] if check else None
    given = {"answer_schema": {"schemas": schemas}} if check in (None, "answer_schema") else {}
    return audit_data(data, checks=names, options=given)


def found(plant, number, build, folder, schemas):
    documents, samples = build
    if number % 2:
        samples = [medical(s) for s in samples]
    planted, check, rows = plant(Variant(samples, number), samples)
    report = judged(folder, documents, planted, schemas, check)
    loud = [f for f in report.check(check).findings if f.severity != "info"]
    named = {i for f in loud for i in f.ids}
    assert rows <= named, f"{check} named {sorted(named)[:6]}, planted were {sorted(rows)}"


def medical(sample: Sample) -> Sample:
    return replace(sample, domain="medicine", family=sample.family.replace("finance", "medical"))


def test_nothing_is_found_where_nothing_was_planted(build, tmp_path, schemas):
    documents, samples = build
    for number, rows in enumerate((samples, [medical(s) for s in samples])):
        report = judged(tmp_path / str(number), documents, rows, schemas)
        assert report.verdict == "clean"


@pytest.mark.parametrize("plant", PLANTS, ids=lambda p: p.__name__)
def test_a_planted_fault_is_found_and_named(plant, build, tmp_path, schemas):
    for number in (0, 2):
        found(plant, number, build, tmp_path / str(number), schemas)


@pytest.mark.slow
@pytest.mark.parametrize("plant", PLANTS, ids=lambda p: p.__name__)
def test_every_variant_of_a_planted_fault_is_found(plant, build, tmp_path, schemas):
    for number in range(24):
        found(plant, number, build, tmp_path / str(number), schemas)
