"""The code transform against a plain reading of its definition, and what its bits say and do not say."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.codes import FACE_BITS, MAX_DIMENSIONS, encode_quantised, hadamard, hamming
from shared.errors import BadEmbedding, BadInput

Int8 = npt.NDArray[np.int8]
Int64 = npt.NDArray[np.int64]


def butterflies(y: Int64) -> Int64:
    """H·y by sums and differences, in integers that cannot overflow here."""
    h, d = 1, len(y)
    while h < d:
        for at in range(0, d, 2 * h):
            left, right = y[at : at + h].copy(), y[at + h : at + 2 * h].copy()
            y[at : at + h], y[at + h : at + 2 * h] = left + right, left - right
        h *= 2
    return y


def by_definition(x: Int8, key: bytes, bits: int, largest: list[int] | None = None) -> bytes:
    """The code of one quantised embedding, written as the design writes it; notes the largest |y| of each block."""
    d = max(8, 1 << (len(x) - 1).bit_length())
    code = []
    for block in range(-(-bits // d)):
        nonce = bytes(4) + block.to_bytes(12, "little")
        stream = Cipher(ChaCha20(key, nonce), mode=None).encryptor().update(bytes(3 * d // 8))
        signs = 1 - 2 * np.unpackbits(np.frombuffer(stream, np.uint8)).astype(np.int64).reshape(3, d)
        y = np.zeros(d, np.int64)
        y[: len(x)] = x
        for one in signs:
            y = butterflies(y * one)
        if largest is not None:
            largest.append(int(np.abs(y).max()))
        code.append(np.packbits(y >= 0))
    return np.concatenate(code)[: bits // 8].tobytes()


def embeddings(seed: int, n: int, d: int) -> Int8:
    return np.random.default_rng(seed).integers(-127, 128, (n, d)).astype(np.int8)


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    d=st.sampled_from([1, 5, 8, 9, 100, 192, 256, 257, 363, 512, 1280]),
    bits=st.sampled_from([8, 64, 512, 1000, 1024]),
    n=st.integers(0, 3),
    keys=st.integers(0, 3),
)
def test_the_code_is_the_one_that_the_design_defines(seed: int, d: int, bits: int, n: int, keys: int) -> None:
    """For any shape, every bit equals that of sums and differences in 64-bit integers."""
    x, some = embeddings(seed, n, d), [np.random.default_rng(seed + k).bytes(32) for k in range(keys)]
    codes = encode_quantised(x, some, bits)
    assert codes.shape == (keys, n, bits // 8)
    assert [[code.tobytes() for code in of_key] for of_key in codes] == [
        [by_definition(row, key, bits) for row in x] for key in some
    ]


@pytest.mark.parametrize("kind", ["largest", "alternating", "one", "random"])
def test_nothing_is_lost_at_the_largest_size(kind: str) -> None:
    """With 4,096 dimensions at full scale the bits still equal those of 64-bit integers, and |y| stays below 2³¹."""
    d = MAX_DIMENSIONS
    x = {
        "largest": np.full(d, 127),
        "alternating": np.where(np.arange(d) % 2, 127, -127),
        "one": np.eye(1, d)[0] * 127,
        "random": embeddings(1, 1, d)[0],
    }[kind].astype(np.int8)
    largest: list[int] = []
    assert encode_quantised(x[None], [bytes(32)], 4096)[0, 0].tobytes() == by_definition(x, bytes(32), 4096, largest)
    assert max(largest) <= 127 * d * d < 2**31


@pytest.mark.parametrize(("d", "exact"), [(256, 2**24), (512, 2**53), (4096, 2**53)])
def test_the_transform_is_exact_up_to_its_bound(d: int, exact: int) -> None:
    """A vector that one round turns into its largest possible entry, at the bound of the third round, comes out whole.

    127·d² is the most that the third round can reach; its input is then at most 127·d in every entry.
    """
    kind = np.float32 if exact == 2**24 else np.float64
    assert 127 * d * d < exact
    most = np.full((d, 1), 127 * d, np.int64)
    most[1::2] -= 1  # odd sums, which a float of too few bits would round
    assert (hadamard(most.astype(kind)).astype(np.int64) == butterflies(most.copy())).all()


@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.integers(1, 40))
@settings(deadline=None, max_examples=25)
def test_the_order_of_rows_and_keys_is_kept(seed: int, n: int, keys: int) -> None:
    """Mixing embeddings and keys mixes the codes alike: no code depends on its neighbours."""
    rng = np.random.default_rng(seed)
    x, some = embeddings(seed, n, 192), [rng.bytes(32) for _ in range(keys)]
    codes = encode_quantised(x, some, FACE_BITS)
    rows, columns = rng.permutation(n), rng.permutation(keys)
    mixed = encode_quantised(x[rows], [some[k] for k in columns], FACE_BITS)
    assert (mixed == codes[columns][:, rows]).all()


def test_more_keys_than_fit_at_once_give_the_same_codes() -> None:
    """Where keys are worked off in groups, the codes at the seams equal those made alone."""
    x, keys = embeddings(1, 5, 192), [np.random.default_rng(k).bytes(32) for k in range(120)]
    codes = encode_quantised(x, keys, FACE_BITS)
    for k in (0, 11, 12, 13, 23, 24, 25, 60, 119):
        assert (codes[k] == encode_quantised(x, [keys[k]], FACE_BITS)[0]).all()


def rotated(seed: int, cosine: float, n: int) -> tuple[Int8, Int8]:
    """Pairs of embeddings at one angle, quantised finely enough to keep it."""
    rng = np.random.default_rng(seed)
    a, b = rng.standard_normal((2, n, 192))
    a /= np.linalg.norm(a, axis=1, keepdims=True)
    b -= (a * b).sum(axis=1, keepdims=True) * a
    b *= np.sqrt(1 - cosine**2) / np.linalg.norm(b, axis=1, keepdims=True)
    pair = (a, cosine * a + b)
    first, second = (np.rint(127 * x / np.abs(x).max(axis=1, keepdims=True)).astype(np.int8) for x in pair)
    return first, second


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32 - 1), st.floats(-0.99, 0.99))
def test_within_an_epoch_the_distance_follows_the_angle(seed: int, cosine: float) -> None:
    """Under any key the share of differing bits is the angle over pi, within what 40 codes can show."""
    a, b = rotated(seed, cosine, 40)
    key = [np.random.default_rng(seed).bytes(32)]
    share = hamming(encode_quantised(a, key, FACE_BITS), encode_quantised(b, key, FACE_BITS)).mean() / FACE_BITS
    assert share == pytest.approx(np.arccos(cosine) / np.pi, abs=0.02)  # 40 · 1,024 bits: five deviations are 0.012


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32 - 1), st.integers(0, 255), st.integers(1, 255))
def test_across_epochs_the_distance_is_a_half_whatever_the_angle(seed: int, at: int, change: int) -> None:
    """Under two keys that differ in any one byte, the same embedding differs in half of the bits."""
    x = rotated(seed, 0.5, 40)[0]
    key = bytearray(np.random.default_rng(seed).bytes(32))
    other = bytearray(key)
    other[at % 32] ^= change
    codes = encode_quantised(x, [bytes(key), bytes(other)], FACE_BITS)
    assert hamming(codes[0], codes[1]).mean() / FACE_BITS == pytest.approx(0.5, abs=0.015)


@pytest.mark.parametrize("bad", [np.zeros((1, 192), np.int16), np.zeros(192, np.int8), np.zeros((1, 4097), np.int8)])
def test_what_is_no_quantised_embedding_is_refused(bad: npt.NDArray[np.int8]) -> None:
    """Another type, one dimension or too many are named errors."""
    with pytest.raises(BadEmbedding):
        encode_quantised(bad, [bytes(32)], FACE_BITS)


@pytest.mark.parametrize(("key", "bits"), [(bytes(31), 1024), (bytes(33), 1024), (bytes(32), 1020), (bytes(32), 0)])
def test_a_key_or_length_that_is_none_is_refused(key: bytes, bits: int) -> None:
    """A short key never makes a weaker code, and a code has whole bytes."""
    with pytest.raises(BadInput):
        encode_quantised(embeddings(1, 1, 192), [bytes(32), key], bits)
