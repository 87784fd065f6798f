"""A split by time: one company on both sides is by design; what gives an answer away is not."""

import json
from dataclasses import replace

import pytest
from conftest import write_build

from sftdata.audit import audit

BY_TIME = {"group_overlap": {"by_design": True}}


def found(report, check):
    return {(f.severity, i) for f in report.check(check).findings for i in f.ids}


def first(samples, split, locale):
    wanted = (split, "evidence", locale)
    return next(s for s in samples if (s.split, s.kind, s.locale) == wanted)


def user(sample):
    return next(m.content for m in sample.prompt if m.role == "user")


def with_user(sample, text):
    prompt = tuple(replace(m, content=text) if m.role == "user" else m for m in sample.prompt)
    return replace(sample, prompt=prompt)


@pytest.fixture(params=["en", "zh"])
def sides(request, clean):
    """A train sample that is about the group of a held-out one, as in a split by time."""
    documents, samples = clean
    # The build's Chinese groups stand in train and test.
    held = first(samples, "test", request.param if request.param == "zh" else "en")
    train = replace(first(samples, "train", held.locale), group=held.group)
    rest = [train if s.sample_id == train.sample_id else s for s in samples]
    return documents, rest, train, held


def test_groups_on_both_sides_are_told_and_not_blamed(judge, sides):
    documents, samples, _, held = sides
    assert judge(documents, samples).check("group_overlap").status == "failed"
    check = judge(documents, samples, **BY_TIME).check("group_overlap")
    assert check.status == "passed"
    assert "by design" in check.compared
    assert held.group in check.findings[0].message


def test_a_figure_that_is_printed_again_is_told_and_a_whole_answer_warns(judge, sides):
    documents, samples, train, held = sides
    fact = held.facts[0]
    knows = replace(train, facts=(*train.facts, fact))
    rows = [knows if s is train else s for s in samples]
    assert ("error", held.sample_id) in found(judge(documents, rows), "shared_facts")
    assert ("warning", held.sample_id) in found(judge(documents, rows, **BY_TIME), "shared_facts")
    document = held.document_ids[0]
    asks_more = [
        replace(s, facts=(*s.facts, f"{s.group}|more|{s.sample_id}|=1"))
        if s.document_ids[0] == document and s.facts
        else s
        for s in rows
    ]
    report = judge(documents, asks_more, **BY_TIME)
    assert ("info", held.sample_id) in found(report, "shared_facts")
    assert report.check("shared_facts").status == "passed"


def test_the_evidence_word_for_word_still_warns(judge, sides):
    documents, samples, train, held = sides
    quote = held.evidence[0].quote
    rows = [with_user(s, f"{user(s)} {quote}") if s is train else s for s in samples]
    assert ("error", held.sample_id) in found(judge(documents, rows), "answers_in_train")
    timed = judge(documents, rows, **BY_TIME)
    assert ("warning", held.sample_id) in found(timed, "answers_in_train")


WORDS_ALONE = {
    "en": "The discharge letter names a severe reaction to penicillin in early childhood.",
    "zh": "出院小结记载患者幼年时曾对青霉素有严重过敏反应。",
}


def test_a_sentence_without_figures_tells_where_both_are_about_the_same_patient(judge, sides):
    documents, samples, train, held = sides
    said = WORDS_ALONE[held.locale]
    asked = replace(
        with_user(held, f"{user(held)}\n{said}"),
        evidence=(replace(held.evidence[0], quote=said),),
    )
    for group, known in ((held.group, True), ("Somebody Else", False)):
        told = replace(with_user(train, f"{user(train)} {said}"), group=group)
        rows = [told if s is train else asked if s is held else s for s in samples]
        named = found(judge(documents, rows), "answers_in_train")
        assert (("error", held.sample_id) in named) == known


def test_the_same_figure_in_another_table_is_told(judge, clean):
    documents, samples = clean
    held = first(samples, "test", "en")
    row = "| Net interest cost | 48,213 | 52,961 |"
    again = "| Net interest cost | 61,877 | 48,213 | 52,961 |"
    quote = replace(held.evidence[0], quote=row)
    asked = replace(with_user(held, f"{user(held)}\n{row}"), evidence=(quote,))
    train = first(samples, "train", "en")
    told = replace(with_user(train, f"{user(train)}\n{again}"), group=held.group)
    rows = [asked if s is held else told if s is train else s for s in samples]
    assert ("error", held.sample_id) in found(judge(documents, rows), "answers_in_train")
    timed = judge(documents, rows, **BY_TIME)
    assert ("info", held.sample_id) in found(timed, "answers_in_train")
    assert timed.check("answers_in_train").status == "passed"


def test_a_passage_of_the_same_company_is_told_unless_an_answer_rests_on_it(judge, sides):
    documents, samples, train, held = sides
    rests, other = user(held).split("\n\n")[:2]
    for block, severity in ((other, "info"), (rests, "warning")):
        rows = [with_user(s, f"{block}\n\n{user(s)}") if s is train else s for s in samples]
        assert ("error", held.sample_id) in found(judge(documents, rows), "near_contexts")
        timed = judge(documents, rows, **BY_TIME)
        assert (severity, held.sample_id) in found(timed, "near_contexts")
        assert not any(s == "error" for s, _ in found(timed, "near_contexts"))


def test_a_passage_of_another_company_is_an_error_all_the_same(judge, clean):
    documents, samples = clean
    train, held = first(samples, "train", "en"), first(samples, "test", "en")
    block = user(held).split("\n\n")[1]
    rows = [with_user(s, f"{block}\n\n{user(s)}") if s is train else s for s in samples]
    timed = judge(documents, rows, **BY_TIME)
    assert ("error", held.sample_id) in found(timed, "near_contexts")


def test_a_copied_sample_is_an_error_all_the_same(judge, sides):
    documents, samples, _, held = sides
    copy = replace(held, sample_id="copy", split="train")
    timed = judge(documents, [*samples, copy], **BY_TIME)
    assert ("error", held.sample_id) in found(timed, "exact_duplicates")
    assert ("error", held.sample_id) in found(timed, "near_samples")


def test_the_manifest_of_a_build_says_that_it_is_by_time(tmp_path, schemas, sides):
    documents, samples, _, _ = sides
    out = write_build(tmp_path / "by-time", documents, samples)
    options = {"answer_schema": {"schemas": schemas}}
    assert audit(out, options=options).check("group_overlap").status == "failed"
    for mode, status in (("temporal", "passed"), ("group_temporal", "failed")):
        manifest = {"config": {"split": {"mode": mode}}}
        (out / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
        assert audit(out, options=options).check("group_overlap").status == status
