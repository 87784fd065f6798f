"""What a word is: agreement with a plain reading of the text, one character at a time."""

from itertools import pairwise

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from similarity.oracle import numbers_of, shingles_of, words_of

from sftdata.similarity.shingles import read, shingle
from sftdata.similarity.words import chunks, word_hashes

ALPHABET = (
    "ab zXY 019.,,.-_()'\t\n\u00a0ＡＢ１２，．。、《》营业收入增长１éÉe\u0301ñß"
    "İŒﬁ™½㎏…㈱①カｶﾞ한글ั้😀\u200b한"
)
TEXTS = st.lists(st.text(alphabet=ALPHABET, max_size=40), min_size=1, max_size=12)


def hashes_of(texts: list[str], *, mask_numbers: bool = False) -> list[list[int]]:
    rows: list[list[int]] = []
    for chunk in chunks(pa.array(texts, pa.string())):
        found = word_hashes(chunk, mask_numbers=mask_numbers)
        ends = found.offsets.tolist()
        values = found.hashes.tolist()
        rows += [values[a:b] for a, b in pairwise(ends)]
    return rows


def assert_same_words(texts: list[str], *, mask_numbers: bool = False) -> None:
    """The hashes must be one-to-one with the words of the oracle."""
    forward: dict[str, int] = {}
    back: dict[int, str] = {}
    for text, row in zip(texts, hashes_of(texts, mask_numbers=mask_numbers), strict=True):
        words = words_of(text, mask_numbers=mask_numbers)
        assert len(words) == len(row), ascii(text)
        for word, value in zip(words, row, strict=True):
            assert forward.setdefault(word, value) == value, ascii(text)
            assert back.setdefault(value, word) == word, ascii(text)


@given(TEXTS, st.booleans())
@settings(deadline=None, max_examples=300)
def test_words_are_those_of_a_plain_reading(texts, mask):
    assert_same_words(texts, mask_numbers=mask)


def test_every_character_of_the_basic_plane_is_read_as_nfkc_and_category_say():
    points = [
        *range(0xD800),
        *range(0xE000, 0x11000),
        *range(0x1F000, 0x1F700),
        *range(0x20000, 0x20100),
        *range(0x2F800, 0x2FA1E),
    ]
    assert_same_words([f"a{chr(p)}b 1{chr(p)}2" for p in points])


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        (" \n\t ", 0),
        ("--- ... 。！？ $%&", 0),
        ("net sales", 2),
        ("营业收入", 4),
        ("2024年营业收入为1,234.5亿元", 10),
        ("Apple 公司's Q3", 5),
        ("1,234.5 and 2. 3", 4),
        ("３，４５６", 1),
    ],
)
def test_words_per_text(text, count):
    assert shingle(pa.array([text])).words.tolist() == [count]


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("Net  Sales\u00a0rose", "net sales ROSE"),
        ("ＮＥＴ sales", "net sales"),
        ("the patient, afebrile.", "The patient (afebrile)"),
        ("营业收入，增长", "营业收入 增长。"),
        ("１２３", "123"),
        ("caf\u00e9 ½", "cafe\u0301 1\u20442"),
    ],
)
def test_form_does_not_matter(left, right):
    digests = shingle(pa.array([left, right])).digests
    assert digests[0] == digests[1] != 0


@pytest.mark.parametrize(
    ("left", "right"),
    [("net sales", "sales net"), ("1.5", "1 5"), ("ab c", "a bc"), ("收入", "入收"), ("5", "50")],
)
def test_content_matters(left, right):
    digests = shingle(pa.array([left, right])).digests
    assert digests[0] != digests[1]


def test_masked_numbers_are_all_the_same():
    texts = pa.array(["sales of $1,234.5 in FY2024", "sales of $9 in FY99"])
    masked = shingle(texts, mask_numbers=True)
    assert masked.digests[0] == masked.digests[1]
    plain = shingle(texts)
    assert plain.digests[0] != plain.digests[1]


@given(TEXTS, st.integers(1, 7), st.booleans())
@settings(deadline=None, max_examples=150)
def test_shingles_are_runs_of_words(texts, n, mask):
    found = shingle(pa.array(texts, pa.string()), words=n, mask_numbers=mask)
    expected = [shingles_of(t, n, mask_numbers=mask) for t in texts]
    assert [len(e) for e in expected] == (found.offsets[1:] - found.offsets[:-1]).tolist()
    known: dict[tuple[str, ...], int] = {}
    flat = [s for row in expected for s in row]
    for run, value in zip(flat, found.hashes.tolist(), strict=True):
        assert known.setdefault(run, value) == value
    assert len(set(known.values())) == len(known)


def test_nulls_slices_and_chunks_make_no_difference():
    texts = [f"text {i} 第{i}号 of the collection, with some words" for i in range(700)] + [
        None,
        "",
    ]
    whole = shingle(pa.array(texts))
    cut = shingle(
        pa.chunked_array(
            [pa.array(texts[:3]), pa.array(texts[3:3], pa.string()), pa.array(texts[3:])]
        )
    )
    sliced = shingle(pa.array(["x y z", *texts, "end"]).slice(1, len(texts)))
    for other in (cut, sliced):
        assert other.offsets.tolist() == whole.offsets.tolist()
        assert other.hashes.tolist() == whole.hashes.tolist()
        assert other.digests.tolist() == whole.digests.tolist()
    assert whole.digests[-2:].tolist() == [0, 0]


@pytest.mark.parametrize("filler", ["lorem ipsum dolor ", "éclair über ", "营业收入 "])
def test_a_text_longer_than_a_chunk_reads_like_a_short_one(filler):
    long = filler * 120_000 + "the end of it all"
    found = shingle(pa.array([long, "the end of it all"]))
    assert found.hashes[-2] == found.hashes[-1]
    assert found.words[0] == 120_000 * len(words_of(filler)) + 5


@pytest.mark.parametrize("bad", [0, -1])
def test_no_shingle_without_a_word(bad):
    with pytest.raises(ValueError, match="words must be at least 1"):
        shingle(pa.array(["a"]), words=bad)


def test_skeleton_blanks_numbers_and_months_but_not_names():
    texts = [
        "Net sales of Acme on September 28, 2024: $94,036",
        "Net sales of Acme on June 1, 2023: $7",
        "Net sales of Bolt on June 1, 2023: $7",
    ]
    one, two, three = read(pa.array(texts)).skeletons.tolist()
    assert one == two != three


@given(TEXTS)
@settings(deadline=None, max_examples=100)
def test_numbers_are_the_words_with_digits_at_an_end(texts):
    found = read(pa.array(texts, pa.string())).numbers
    assert found.words.tolist() == [len(numbers_of(t)) for t in texts]
