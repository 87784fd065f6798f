"""Each kind of leak or defect, planted into clean data: found, and the planted rows named."""

from dataclasses import replace

import pytest

from sftdata.registry import BUILTIN
from sftdata.report import Finding
from sftdata.types import Check, Evidence, Message, Passage


def of(samples, split, kind="evidence", locale="en"):
    return [s for s in samples if s.split == split and s.kind == kind and s.locale == locale]


def user(sample):
    return next(m.content for m in sample.prompt if m.role == "user")


def with_user(sample, content, **changes):
    prompt = tuple(replace(m, content=content) if m.role == "user" else m for m in sample.prompt)
    return replace(sample, prompt=prompt, **changes)


def named(report, check, severity="error"):
    found = [f for f in report.check(check).findings if f.severity == severity]
    return {i for f in found for i in f.ids}


def test_clean_build_is_clean(judge, clean):
    report = judge(*clean)
    assert report.verdict == "clean"
    assert report.exit_code == 0
    assert {c.name for c in report.checks if c.status != "passed"} == {
        "contamination",
        "temporal_order",
        "token_labels",
        "trained_rows",
        *(n for n in BUILTIN["check"] if n.startswith("template_")),
    }
    assert "no evaluation set was named" in report.check("contamination").why
    assert {f.check for f in report.findings} <= {"templates"}


@pytest.mark.parametrize("locale", ["en", "zh"])
def test_copied_row(judge, clean, locale):
    documents, samples = clean
    leaked = of(samples, "train" if locale == "zh" else "test", locale=locale)[1]
    target = "test" if locale == "zh" else "train"
    copy = replace(
        leaked,
        sample_id="planted",
        split=target,
        group="Other",
        document_ids=("x",),
        context=(),
        evidence=(),
        facts=(),
    )
    report = judge(documents, [*samples, copy])
    assert report.verdict == "blocked"
    assert report.exit_code == 1
    assert {"planted", leaked.sample_id} <= named(report, "exact_duplicates")
    assert {"planted", leaked.sample_id} <= named(report, "near_samples")


@pytest.mark.parametrize("locale", ["en", "zh"])
def test_near_copied_row(judge, clean, locale):
    documents, samples = clean
    source, target = ("train", "test") if locale == "zh" else ("test", "train")
    leaked = of(samples, source, locale=locale)[0]
    text = user(leaked)
    changed = (
        text.replace("，", "、", 1) + "（摘录）"
        if locale == "zh"
        else text.replace(" ", "  ", 3) + " Please advise."
    )
    copy = with_user(
        leaked,
        changed,
        sample_id="planted",
        split=target,
        group="Other",
        document_ids=("x",),
        context=(),
        evidence=(),
        facts=(),
    )
    report = judge(documents, [*samples, copy])
    assert {"planted", leaked.sample_id} <= named(report, "near_samples")
    assert "planted" not in named(report, "exact_duplicates")
    finding = next(f for f in report.check("near_samples").findings if "planted" in f.ids)
    assert set(finding.split_pair) == {"train", "test"}
    assert 0.8 <= finding.example.similarity < 1


def test_group_in_two_splits(judge, clean):
    documents, samples = clean
    moved = replace(of(samples, "test")[0], split="train", sample_id="planted", twin_of=None)
    report = judge(documents, [*samples, moved])
    finding = report.check("group_overlap").findings[0]
    assert "planted" in finding.ids
    assert moved.group in finding.message
    assert report.verdict == "blocked"
    assert "planted" in named(report, "document_overlap")
    assert "planted" in named(report, "shared_facts")


def test_copied_passage_that_the_lineage_does_not_declare(judge, clean):
    documents, samples = clean
    held = of(samples, "test")[0]
    victim = of(samples, "train")[0]
    passage = user(held).split("\n\n")[1]
    leaky = with_user(victim, passage + "\n\n" + user(victim))
    report = judge(documents, [leaky if s is victim else s for s in samples])
    assert {leaky.sample_id, held.sample_id} <= named(report, "near_contexts")
    assert report.check("document_overlap").status == "passed"


def test_copied_passage_that_the_lineage_declares(judge, clean):
    documents, samples = clean
    held, victim = of(samples, "test")[0], of(samples, "train")[0]
    passage = held.context[1]
    text = next(d.text for d in documents if d.document_id == passage.document_id)
    leaky = with_user(
        victim,
        text[passage.start : passage.end] + "\n\n" + user(victim),
        context=(
            *victim.context,
            Passage(document_id=passage.document_id, start=passage.start, end=passage.end),
        ),
    )
    report = judge(documents, [leaky if s is victim else s for s in samples])
    assert leaky.sample_id in named(report, "near_contexts")
    assert leaky.sample_id in named(report, "document_overlap")


def test_near_copied_chinese_passage(judge, clean):
    documents, samples = clean
    source = of(samples, "train", locale="zh")[0]
    victim = of(samples, "test", locale="en")[0]
    passage = user(source).split("\n\n")[1].replace("增", "减", 1)
    leaky = with_user(victim, passage + "\n\n" + user(victim))
    report = judge(documents, [leaky if s is victim else s for s in samples])
    assert {leaky.sample_id, source.sample_id} <= named(report, "near_contexts")


def test_boilerplate_of_many_groups_is_no_leak(judge, clean):
    documents, samples = clean
    legal = (
        "This report contains forward-looking statements within the meaning of the securities laws. "
        * 3
    )
    everywhere = [
        with_user(s, legal + "\n\n" + user(s)) if s.locale == "en" else s for s in samples
    ]
    report = judge(documents, everywhere)
    assert report.verdict == "clean"
    assert report.check("near_contexts").metrics["boilerplate_paragraphs"] >= 1


@pytest.mark.parametrize("rests", [True, False])
def test_text_shared_by_two_sources_warns_only_if_an_answer_rests_on_it(judge, clean, rests):
    documents, samples = clean
    legal = (
        "Indicate by check mark whether the registrant is a shell company as defined in rule twelve. "
        * 2
    ).strip()
    held, victim = of(samples, "test")[0], of(samples, "train")[0]
    owners = {held.document_ids[0], victim.document_ids[0]}
    sources = [
        replace(d, text=d.text + "\n\n" + legal) if d.document_id in owners else d
        for d in documents
    ]
    both = []
    for sample in samples:
        if sample in (held, victim):
            sample = with_user(sample, legal + "\n\n" + user(sample))
        if rests and sample.sample_id == held.sample_id:
            text = next(d.text for d in sources if d.document_id == held.document_ids[0])
            start = text.index(legal)
            quote = Evidence(
                document_id=held.document_ids[0], start=start, end=len(text), quote=legal
            )
            sample = replace(sample, evidence=(*sample.evidence, quote))
        both.append(sample)
    report = judge(sources, both)
    assert report.verdict == ("warnings" if rests else "clean")
    severity = "warning" if rests else "info"
    assert {held.sample_id, victim.sample_id} <= named(report, "near_contexts", severity)


@pytest.mark.parametrize("shift", [-3, 1])
def test_broken_evidence(judge, clean, shift):
    documents, samples = clean
    good = of(samples, "validation")[0]
    span = good.evidence[0]
    broken = replace(
        good, evidence=(replace(span, start=span.start + shift, end=span.end + shift),)
    )
    report = judge(documents, [broken if s is good else s for s in samples])
    assert named(report, "evidence") == {good.sample_id}
    assert report.verdict == "blocked"


def test_evidence_that_the_prompt_does_not_show(judge, clean):
    documents, samples = clean
    good = of(samples, "train")[0]
    document = next(d for d in documents if d.document_id == good.document_ids[0])
    start = len(document.text) - 40
    hidden = Evidence(
        document_id=document.document_id,
        start=start,
        end=start + 30,
        quote=document.text[start : start + 30],
    )
    bad = replace(good, evidence=(hidden,))
    report = judge(documents, [bad if s is good else s for s in samples])
    assert named(report, "evidence") == {good.sample_id}
    assert "does not stand in the prompt" in report.check("evidence").findings[0].message


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ('{"answerable": "yes", "answer": null}', "'type'"),
        ("not json", "not JSON"),
        ('{"answer": null}', "'required'"),
    ],
)
def test_answer_that_breaks_its_schema(judge, clean, answer, words):
    documents, samples = clean
    good = of(samples, "train")[0]
    bad = replace(good, answer=answer)
    report = judge(documents, [bad if s is good else s for s in samples])
    assert named(report, "answer_schema") == {good.sample_id}
    assert words in report.check("answer_schema").findings[0].message


@pytest.mark.parametrize("name", ["../secret.json", "/etc/passwd", "nothing.json"])
def test_schema_outside_the_folder_is_not_opened(judge, clean, name):
    documents, samples = clean
    bad = replace(samples[0], answer_schema=name)
    report = judge(documents, [bad, *samples[1:]])
    assert named(report, "answer_schema") == {bad.sample_id}


def test_twin_in_another_split_and_twin_missing(judge, clean):
    documents, samples = clean
    refusal = of(samples, "train", "refusal")[0]
    other, gone = of(samples, "test")[0], of(samples, "validation", "refusal")[0]
    changed = {refusal.sample_id: other.sample_id, gone.sample_id: "s_nothing"}
    rows = [replace(s, twin_of=changed.get(s.sample_id, s.twin_of)) for s in samples]
    report = judge(documents, rows)
    assert named(report, "refusal_twins") == {refusal.sample_id, other.sample_id}
    assert named(report, "refusal_twins", "warning") == {gone.sample_id}


def test_refusal_without_proof_and_failed_check(judge, clean):
    documents, samples = clean
    first, second = of(samples, "train", "refusal")[:2]
    rows = [replace(s, checks=()) if s is first else s for s in samples]
    rows = [
        replace(s, checks=(Check(name="absent", passed=False),)) if s is second else s for s in rows
    ]
    report = judge(documents, rows)
    assert named(report, "refusal_proof") == {first.sample_id, second.sample_id}
    assert named(report, "sample_checks") == {second.sample_id}


def test_missing_group_is_a_warning_and_never_a_silent_group(judge, clean):
    documents, samples = clean
    lost = of(samples, "train")[0]
    report = judge(documents, [replace(s, group="") if s is lost else s for s in samples])
    assert report.verdict == "warnings"
    assert named(report, "missing_groups", "warning") == {lost.sample_id}


def test_conflicting_targets(judge, clean):
    documents, samples = clean
    good = of(samples, "train")[0]
    other = replace(
        good, sample_id="planted", completion=(Message(role="assistant", content="another answer"),)
    )
    report = judge(documents, [*samples, other])
    assert named(report, "conflicting_targets", "warning") == {good.sample_id, "planted"}


def test_copy_inside_a_split_warns(judge, clean):
    documents, samples = clean
    twin = replace(of(samples, "train")[0], sample_id="planted")
    report = judge(documents, [*samples, twin])
    assert report.verdict == "warnings"
    assert "planted" in named(report, "exact_duplicates", "warning")


def test_lengths(judge, clean):
    documents, samples = clean
    empty, long = samples[0], samples[1]
    rows = [
        replace(s, completion=(Message(role="assistant", content=" \n"),)) if s is empty else s
        for s in samples
    ]
    rows = [replace(s, over_length=True) if s is long else s for s in rows]
    report = judge(documents, rows)
    assert named(report, "length") == {empty.sample_id}
    assert named(report, "length", "warning") == {long.sample_id}


def test_drift_and_refusal_bounds(judge, clean):
    documents, samples = clean
    rows = [s for s in samples if s.split != "test" or s.kind == "refusal"]
    report = judge(documents, rows, refusal_ratio={"high": 0.5})
    assert report.check("label_mix").status == "warned"
    assert [f.message for f in report.check("refusal_ratio").findings] == [
        "100.0% of test are refusals; the bounds are 2% to 50%"
    ]
    assert report.check("refusal_twins").status == "warned"


def test_held_out_side_is_named_for_every_row_of_many(judge, clean):
    documents, samples = clean
    held = of(samples, "test")
    copies = [
        replace(s, sample_id=f"copy-{i}", split="train", group=f"G{i}") for i, s in enumerate(held)
    ]
    report = judge(documents, [*samples, *copies])
    assert {f"copy-{i}" for i in range(len(held))} <= named(report, "exact_duplicates")


def test_finding_ids_stay_when_wording_or_order_change(judge, clean):
    documents, samples = clean
    copy = replace(of(samples, "test")[0], sample_id="planted", split="train")
    first = judge(documents, [*samples, copy])
    second = judge(list(reversed(documents)), [copy, *reversed(samples)])
    assert [f.finding_id for f in first.findings] == [f.finding_id for f in second.findings]
    assert first.to_json().replace(first.dataset, "") == second.to_json().replace(
        second.dataset, ""
    )
    assert len(Finding.stable_id("a", "b")) == 12
