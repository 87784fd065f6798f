"""Signatures: bit for bit those of datasketch."""

import numpy as np
import pyarrow as pa
import pytest
from datasketch import MinHash, MinHashLSH
from hypothesis import given, settings
from hypothesis import strategies as st

from sftdata.similarity.lsh import bands_for, candidates
from sftdata.similarity.minhash import BLOCK, EMPTY, estimate, signatures
from sftdata.similarity.shingles import Shingles, shingle


def shingles_from(rows: list[list[int]]) -> Shingles:
    offsets = np.cumsum([0, *map(len, rows)], dtype=np.int64)
    hashes = np.array([h for row in rows for h in row], dtype=np.uint32)
    digests = np.arange(1, len(rows) + 1, dtype=np.uint64)
    return Shingles(offsets, hashes, digests, np.diff(offsets))


def by_datasketch(hashes, permutations: int) -> np.ndarray:
    sketch = MinHash(num_perm=permutations, hashfunc=lambda h: h, scheme="affine32", seed=1)
    sketch.update_batch(hashes)
    return sketch.hashvalues


@given(
    st.lists(st.lists(st.integers(0, 2**32 - 1), max_size=30), max_size=8),
    st.sampled_from([1, 16, 64, 128, 200]),
)
@settings(deadline=None, max_examples=60)
def test_bit_identical_to_datasketch(rows, permutations):
    signed = signatures(shingles_from(rows), permutations=permutations)
    assert signed.dtype == np.uint32
    for row, hashes in zip(signed, rows, strict=True):
        assert row.tolist() == by_datasketch(hashes, permutations).tolist()


def test_long_rows_are_signed_in_blocks():
    values = np.random.default_rng(5).integers(0, 2**32, 2 * BLOCK + 17).tolist()
    rows = [[1, 2], values, [], values[: BLOCK - 1], [3]]
    signed = signatures(shingles_from(rows))
    for row, hashes in zip(signed, rows, strict=True):
        assert row.tolist() == by_datasketch(hashes, 128).tolist()
    assert (signed[2] == EMPTY).all()


def test_rows_wrap_as_datasketch_sketches_and_go_into_its_index():
    base = [
        f"the company reported item {i} in its annual statement of cash flows for the year"
        for i in range(40)
    ]
    texts = base + [t + " again" for t in base[:10]]
    signed = signatures(shingle(pa.array(texts)))
    bands, rows = bands_for(0.8, 128)
    index = MinHashLSH(num_perm=128, params=(bands, rows))
    sketches = [MinHash(hashvalues=row, scheme="affine32", seed=1) for row in signed]
    for i, sketch in enumerate(sketches):
        index.insert(i, sketch)
    theirs = {
        (min(i, j), max(i, j)) for i, s in enumerate(sketches) for j in index.query(s) if i != j
    }
    assert theirs == set(map(tuple, candidates(signed, bands, rows).tolist()))
    assert {(i, 40 + i) for i in range(10)} <= theirs
    assert estimate(signed[:1], signed[40:41])[0] == sketches[0].jaccard(sketches[40])


@pytest.mark.parametrize("permutations", [16, 128])
def test_empty_text_is_an_empty_sketch(permutations):
    row = signatures(shingle(pa.array([""])), permutations=permutations)[0]
    assert MinHash(hashvalues=row, scheme="affine32", seed=1).is_empty()
