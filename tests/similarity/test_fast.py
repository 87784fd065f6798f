"""The compiled kernels give what numpy gives, bit for bit; without numba all works as before."""

import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from datasketch import MinHash
from hypothesis import given, settings
from hypothesis import strategies as st
from similarity.oracle import jaccard_of, shingles_of

from sftdata.errors import ConfigError, MissingExtraError
from sftdata.similarity import fast
from sftdata.similarity.fast import in_order, ready, threads, using
from sftdata.similarity.lsh import candidates, cross_candidates, jaccard, similar_pairs
from sftdata.similarity.minhash import signatures
from sftdata.similarity.shingles import Shingles, grams, read, shingle
from sftdata.similarity.words import chunks, word_hashes

numba = pytest.importorskip("numba", reason="needs the extra fast")

AWKWARD = "ab zXY 019.,,.-_()'\t\n\u00a0ＡＢ１２，．。、《》营业收入１éÉe\u0301ñßİŒﬁ™½㎏…㈱①カｶﾞ한글ั้😀\u200b한ﷺ𠀀"
EN = st.sampled_from(["net", "Sales", "1,234.5", "FY2024", "rose", "May", "28th", "3.", "U.S.", ""])
ZH = st.sampled_from(["营业", "收入", "２０２４年", "增长", "，", "1.2亿元", "患者", "cm²"])
TEXT = st.one_of(
    st.text(max_size=60),
    st.text(alphabet=AWKWARD, max_size=60),
    st.lists(EN, max_size=40).map(" ".join),
    st.lists(ZH, max_size=40).map("".join),
    st.lists(st.one_of(EN, ZH), max_size=40).map(" ".join),
    st.text(alphabet=AWKWARD, min_size=1, max_size=9).map(lambda t: t * 150),
)
TEXTS = st.lists(TEXT, max_size=9)
SHORT = {"deadline": None, "max_examples": 150}


def both(function):
    """Return what a function gives with numpy and with the kernels."""
    with using(False):
        plain = function()
    with using(True):
        compiled = function()
    return plain, compiled


def assert_same(one, other):
    for a, b in zip(one, other, strict=True):
        assert a.dtype == b.dtype
        assert a.tolist() == b.tolist()


def parts(found):
    return found.offsets, found.hashes, found.digests, found.words


@given(TEXTS, st.integers(1, 14), st.booleans())
@settings(**SHORT)
def test_shingles_and_grams_are_the_same(texts, n, mask):
    array = pa.array(texts, pa.string())
    assert_same(*both(lambda: parts(shingle(array, words=n, mask_numbers=mask))))
    plain, compiled = both(lambda: list(grams(array, words=n, mask_numbers=mask)))
    for one, other in zip(plain, compiled, strict=True):
        assert_same(parts(one), parts(other))
        assert_same((one.found.numeric,), (other.found.numeric,))


@given(TEXTS)
@settings(**SHORT)
def test_numbers_and_skeletons_are_the_same(texts):
    plain, compiled = both(lambda: read(pa.array(texts, pa.string())))
    assert_same(parts(plain.shingles), parts(compiled.shingles))
    assert_same(parts(plain.numbers), parts(compiled.numbers))
    assert_same((plain.skeletons,), (compiled.skeletons,))


def test_every_character_is_read_the_same():
    points = [p for p in range(0x32400) if not 0xD800 <= p < 0xE000]
    array = pa.array([f"a{chr(p)}b 1{chr(p)}2" for p in points])
    assert_same(*both(lambda: parts(shingle(array, words=1))))


@pytest.mark.parametrize("filler", ["lorem ipsum 3.5 ", "éclair über ", "营业收入", "ﷺ", "1,2"])
def test_a_text_longer_than_every_chunk_and_block(filler):
    texts = pa.array(["before", filler * 130_000, "", "after it all"])
    with using(False):
        plain = shingle(texts)
    with using(True):
        compiled = shingle(texts)
    assert np.array_equal(plain.hashes, compiled.hashes)
    assert_same(parts(plain)[2:], parts(compiled)[2:])
    assert_same(*both(lambda: (signatures(compiled),)))


def test_nulls_slices_and_chunks_are_the_same():
    texts = [f"text {i} 第{i}号 of ½ the collection {i}.5" for i in range(700)] + [None, "", "…"]
    sliced = pa.array(["x", *texts]).slice(1)
    cut = pa.chunked_array([sliced.slice(0, 3), sliced.slice(3, 0), sliced.slice(3)])
    for array in (sliced, cut, pa.array([], pa.string()), pa.array(texts, pa.large_string())):
        assert_same(*both(lambda array=array: parts(shingle(array))))


@pytest.mark.parametrize(
    "data",
    [
        *(b"ab\xff cd", b"\xc3", b"\xe8\x90", b"\xf0\x9f\x98", b"\xc0\x80", b"\xed\xa0\x80"),
        *(b"\xe0\x80\x80", b"\xf4\x90\x80\x80", b"\xf8\x88\x80\x80\x80", b"\x80", b"\xe8a\x90"),
    ],
)
@pytest.mark.parametrize("compiled", [False, True])
def test_bytes_that_are_no_text_are_refused(data, compiled):
    offsets = pa.py_buffer(np.array([0, len(data)], dtype=np.int64))
    array = pa.Array.from_buffers(pa.large_string(), 1, [None, offsets, pa.py_buffer(data)])
    with using(compiled), pytest.raises(UnicodeDecodeError):
        word_hashes(array)


def as_shingles(rows):
    offsets = np.cumsum([0, *map(len, rows)], dtype=np.int64)
    hashes = np.array([h for row in rows for h in row], dtype=np.uint32)
    digests = np.arange(1, len(rows) + 1, dtype=np.uint64)
    return Shingles(offsets, hashes, digests, np.diff(offsets))


ROWS = st.lists(st.lists(st.integers(0, 2**32 - 1), max_size=40), max_size=8)


@given(ROWS, st.sampled_from([1, 7, 16, 128, 200]), st.data())
@settings(deadline=None, max_examples=80)
def test_compiled_signatures_are_those_of_datasketch(rows, permutations, data):
    some = data.draw(
        st.lists(st.sampled_from(range(len(rows))), unique=True) if rows else st.just([])
    )
    shingles = as_shingles(rows)
    with using(True):
        signed = signatures(shingles, permutations=permutations)
    for row, hashes in zip(signed, rows, strict=True):
        sketch = MinHash(num_perm=permutations, hashfunc=lambda h: h, scheme="affine32", seed=1)
        sketch.update_batch(hashes)
        assert row.tolist() == sketch.hashvalues.tolist()
    chosen = np.array(some, dtype=np.int64)
    for part in both(lambda: signatures(shingles, permutations=permutations, rows=chosen)):
        assert part.tolist() == signed[chosen].tolist()


SMALL = st.lists(st.integers(0, 2), min_size=6, max_size=6)


@given(st.lists(SMALL, min_size=1, max_size=30), st.lists(SMALL, max_size=30))
@settings(deadline=None, max_examples=80)
def test_candidates_are_the_pairs_that_agree_in_a_band(left, right):
    a = np.array(left, dtype=np.uint32)
    b = np.array(right, dtype=np.uint32).reshape(-1, 6)
    expected = [
        [i, j]
        for i in range(len(left))
        for j in range(i + 1, len(left))
        if any(left[i][k : k + 2] == left[j][k : k + 2] for k in (0, 2, 4))
    ]
    across = [
        [i, j]
        for i in range(len(left))
        for j in range(len(right))
        if any(left[i][k : k + 2] == right[j][k : k + 2] for k in (0, 2, 4))
    ]
    for found in both(lambda: candidates(a, 3, 2)):
        assert found.tolist() == expected
    for found in both(lambda: cross_candidates(a, b, 3, 2)):
        assert found.tolist() == across


def test_keys_that_agree_in_their_first_half_alone_make_no_pair(monkeypatch):
    from sftdata.similarity import lsh

    keys = np.array([7 << 32 | 1, 7 << 32 | 2, 5, 7 << 32 | 1, 7 << 32 | 2, 9 << 32], np.uint64)
    monkeypatch.setattr(lsh, "_band_keys", lambda signed, band, rows: keys.copy())
    signed = np.zeros((6, 2), dtype=np.uint32)
    assert candidates(signed, 1, 2).tolist() == [[0, 3], [1, 4]]


@given(st.lists(st.lists(EN, max_size=12).map(" ".join), min_size=2, max_size=8), st.data())
@settings(deadline=None, max_examples=80)
def test_jaccard_is_that_of_python_sets(texts, data):
    places = st.integers(0, len(texts) - 1)
    drawn = data.draw(st.lists(st.tuples(places, places), max_size=12))
    pairs = np.array(drawn, dtype=np.int64).reshape(-1, 2)
    for found in both(lambda: jaccard(shingle(pa.array(texts), words=2), pairs)):
        assert found.tolist() == [jaccard_of(texts[a], texts[b], 2) for a, b in drawn]
    for found in both(
        lambda: jaccard(shingle(pa.array(texts)), pairs, shingle(pa.array(texts[::-1])))
    ):
        assert found.tolist() == [jaccard_of(texts[a], texts[::-1][b]) for a, b in drawn]


def collection(count):
    """Texts of a few hundred words, English and Chinese, every third an altered copy."""
    rng = np.random.default_rng(3)
    texts, words = [], []
    for i in range(count):
        if i % 3 < 2:
            pool = [chr(0x4E00 + k) for k in range(900)] if i % 2 else [f"w{k}" for k in range(900)]
            words = [pool[k] for k in rng.integers(0, 900, 150)]
        else:
            words = [*words[:100], "changed", *words[101:]]
        texts.append(("" if i % 2 else " ").join(words))
    return pa.array(texts)


def test_pairs_are_the_same_with_any_number_of_threads(monkeypatch):
    texts, results = collection(1500), []
    for count in ("1", "2", "5"):
        monkeypatch.setenv("SFTDATA_THREADS", count)
        pairs = both(lambda: similar_pairs(texts, threshold=0.8))
        results += [(found.array().tolist(), found.similarity.tolist()) for found in pairs]
    assert all(r == results[0] for r in results)
    assert len(results[0][0]) >= 250


@given(st.lists(st.integers(), max_size=30), st.sampled_from(["1", "2", "7"]))
@settings(deadline=None, max_examples=30)
def test_results_come_in_order_and_errors_come_through(items, count):
    before = os.environ.get("SFTDATA_THREADS")
    os.environ["SFTDATA_THREADS"] = count
    try:
        assert list(in_order(lambda n: n * 2, iter(items))) == [n * 2 for n in items]
        with pytest.raises(ZeroDivisionError):
            list(in_order(lambda n: n // 0, [1, *items]))
    finally:
        os.environ.pop("SFTDATA_THREADS") if before is None else None


@pytest.mark.parametrize("wanted", ["0", "-1", "two", "1.5"])
def test_threads_must_be_a_number(monkeypatch, wanted):
    monkeypatch.setenv("SFTDATA_THREADS", wanted)
    with pytest.raises(ConfigError, match="SFTDATA_THREADS"):
        threads()


def test_a_worker_process_takes_one_thread(monkeypatch):
    monkeypatch.delenv("SFTDATA_THREADS", raising=False)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(threads) == 1


PROGRAM = """
import sys
if BLOCK: sys.modules["numba"] = None
import pyarrow as pa
from sftdata.similarity.fast import WORTHWHILE, ready
from sftdata.similarity.lsh import similar_pairs
texts = pa.array(["net sales rose by five percent in 2024", "Net sales rose by five percent in 2024!"])
early, used = ready(1000), ready(WORTHWHILE)
found = similar_pairs(texts, threshold=0.8)
print(early, used, found.array().tolist(), "numba" in sys.modules and sys.modules["numba"] is not None)
"""


def run(block, environment):
    blank = {k: v for k, v in os.environ.items() if not k.startswith(("SFTDATA_", "NUMBA_"))}
    return subprocess.run(
        [sys.executable, "-c", PROGRAM.replace("BLOCK", str(block))],
        env=blank | environment,
        capture_output=True,
        text=True,
    )


def test_without_numba_all_works_and_asking_for_it_names_the_extra():
    assert run(True, {}).stdout.strip() == "False False [[0, 1]] False"
    failed = run(True, {"SFTDATA_FAST": "1"})
    assert "MissingExtraError: numba is not installed: pip install 'sftdata[fast]'" in failed.stderr


def test_switched_off_it_is_not_even_imported():
    assert run(False, {"SFTDATA_FAST": "0"}).stdout.strip() == "False False [[0, 1]] False"


def test_numba_that_is_missing_is_said_when_asked_for(monkeypatch):
    monkeypatch.setattr(fast, "_SWITCH", fast._Switch())
    monkeypatch.setitem(sys.modules, "numba", None)
    assert not ready(1 << 60)
    with using(True), pytest.raises(MissingExtraError):
        ready(1)


@pytest.mark.slow
def test_kernels_load_when_it_pays_and_are_kept_in_the_users_cache(tmp_path):
    package = Path(fast.__file__).parent
    before = sorted(p.name for p in package.rglob("*.nb?"))
    for _ in range(2):
        assert (
            run(False, {"XDG_CACHE_HOME": str(tmp_path)}).stdout.strip()
            == "False True [[0, 1]] True"
        )
        kept = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.nbc")}
        assert len(kept) >= 8
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.nbc")} == kept
    assert sorted(p.name for p in package.rglob("*.nb?")) == before


def test_shingle_counts_agree_with_the_plain_reading():
    texts = ["ﷺ ﷺ" * 50, "", "1,2", "营" * 7]
    for found in both(lambda: shingle(pa.array(texts))):
        assert np.diff(found.offsets).tolist() == [len(shingles_of(t)) for t in texts]
    assert len(list(chunks(pa.array(texts)))) == 1
