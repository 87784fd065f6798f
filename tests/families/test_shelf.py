"""The passages of a prompt: verbatim spans, gold always there, limits kept, order by hash."""

from hypothesis import given, settings
from hypothesis import strategies as st

from sftdata.families.draft import cite
from sftdata.families.family import Context
from sftdata.families.shelf import PassageText, Shelf
from sftdata.types import Document, Evidence, Section, Source


def _document(paragraphs: list[str]) -> Document:
    text = "\n\n".join(paragraphs)
    return Document(
        document_id="d",
        source=Source(path="p", sha256="0", reader="r"),
        domain="finance",
        locale="en",
        title="Acme 10-K",
        published=None,
        text=text,
        sections=(Section(title="All", kind="item_7", level=1, start=0, end=len(text)),),
    )


def _paragraph(i: int, size: int) -> str:
    words = [f"word{i}x{k}" for k in range(size)]
    return " ".join(words) + "."


PARAGRAPHS = st.lists(st.integers(20, 120), min_size=4, max_size=25)


@settings(max_examples=40, deadline=None)
@given(PARAGRAPHS, st.integers(0, 10**6))
def test_a_context_is_verbatim_holds_the_gold_and_keeps_its_limits(sizes, seed):
    doc = _document([_paragraph(i, n) for i, n in enumerate(sizes)])
    shelf = Shelf(doc)
    spec = Context(passages=(2, 4), max_chars=4000, foreign=0.0)
    gold = shelf.passages[seed % len(shelf.passages)]
    chosen = shelf.context([gold], spec, (seed,))
    if chosen is None:
        assert len(gold.text) > spec.max_chars
        return
    assert gold in chosen
    assert len(set(chosen)) == len(chosen) <= 4
    assert len(chosen) == 1 or sum(len(p.text) for p in chosen) <= 4000
    for passage in chosen:
        assert doc.text[passage.start : passage.end] == passage.text
    assert chosen == shelf.context([gold], spec, (seed,))


def test_the_place_of_the_gold_does_not_tell_which_it_is():
    doc = _document([_paragraph(i, 60) for i in range(40)])
    shelf = Shelf(doc)
    spec = Context(passages=(4, 4), max_chars=20_000, foreign=0.0)
    places = [0, 0, 0, 0]
    for seed in range(400):
        gold = shelf.passages[seed % len(shelf.passages)]
        chosen = shelf.context([gold], spec, (seed, "x"))
        assert chosen is not None
        places[chosen.index(gold)] += 1
    assert min(places) > 60  # 100 expected at each place


def test_dropped_passages_are_never_shown():
    doc = _document([_paragraph(i, 200) for i in range(12)])
    whole = Shelf(doc)
    out = {(p.start, p.end) for p in whole.passages[::2]}
    shelf = Shelf(doc, dropped=frozenset(out))
    assert {(p.start, p.end) for p in shelf.passages}.isdisjoint(out)
    spec = Context(passages=(3, 3), max_chars=20_000)
    for gold in shelf.passages:
        chosen = shelf.context([gold], spec, (gold.start,))
        assert chosen is not None
        assert {(p.start, p.end) for p in chosen}.isdisjoint(out)


def test_a_foreign_passage_comes_in_the_share_that_was_asked_for():
    doc = _document([_paragraph(i, 60) for i in range(40)])
    other = PassageText(document_id="e", start=0, end=5, heading="Other", text="other " * 60)
    shelf = Shelf(doc, foreign=[other])
    spec = Context(passages=(3, 3), max_chars=20_000, foreign=0.25)
    with_other = 0
    for seed in range(400):
        gold = shelf.passages[seed % len(shelf.passages)]
        chosen = shelf.context([gold], spec, (seed,))
        assert chosen is not None
        with_other += other in chosen
    assert 60 < with_other < 140


def test_a_citation_names_the_passage_of_the_same_document():
    """Two documents have the same offsets; only one of them holds the evidence."""
    spans = [("other", 0, 100), ("mine", 20, 60)]
    passages = [
        PassageText(document_id=d, start=a, end=b, heading="", text="x" * (b - a))
        for d, a, b in spans
    ]
    spot = Evidence(document_id="mine", start=30, end=40, quote="x" * 10)
    assert cite(passages, spot) == "P2"
    assert cite(passages[:1], spot) == ""
