"""An embedding becomes a keyed binary code whose Hamming distance follows the angle, under one key only.

The transform is made of integers alone, so a Raspberry Pi and a server give the same bits: the embedding is quantised
to int8, padded to a power of two d, and turned by y = H·D₃·H·D₂·H·D₁·x, with H the Walsh–Hadamard transform and D
random signs. The integers are carried in floats, which a processor multiplies fastest, wide enough to hold every one
of them exactly (see _carrier), so no rounding and no order of summation can change a bit. Structured random rotations
of this kind stand in for a dense random matrix (Andoni et al. 2015, "Practical and optimal LSH for angular distance",
section 4). Bit i is y_i ≥ 0, so P(bits differ) ≈ angle/π (Charikar 2002).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20

from shared.epochs import Modality
from shared.errors import BadEmbedding, BadInput

FACE_BITS = 1024
APPEARANCE_BITS = 512
BITS = {Modality.FACE: FACE_BITS, Modality.APPEARANCE: APPEARANCE_BITS}
MAX_DIMENSIONS = 4096
# How long the appearance embeddings of each model are: who decodes a code must know, and a code does not say.
DIMENSIONS: Mapping[str, int] = {"mnv2-stripes-1": 640, "reid-mnv2-1": 1280}
_ROUNDS = 3
# Signs that are made at once, and numbers that are turned at once: few calls, and they stay in the second cache.
_SIGNS_AT_ONCE, _NUMBERS_AT_ONCE = 2**15, 2**17

Int8 = npt.NDArray[np.int8]
Int32 = npt.NDArray[np.int32]
UInt8 = npt.NDArray[np.uint8]
Float32 = npt.NDArray[np.float32]
Floats = npt.NDArray[np.floating[Any]]


def quantise(x: Float32) -> Int8:
    """x_q = round(127·x/‖x‖∞) row by row, [n, d] → int8 [n, d]. Raises BadEmbedding for zero or non-finite rows."""
    x = np.asarray(x, np.float32)
    if x.ndim != 2 or not 1 <= x.shape[1] <= MAX_DIMENSIONS:
        raise BadEmbedding(f"embeddings have shape {x.shape}", hint=f"pass [n, d] with d ≤ {MAX_DIMENSIONS}")
    largest = np.abs(x).max(axis=1, keepdims=True)
    if not np.isfinite(largest).all() or (largest <= 0).any():
        raise BadEmbedding("an embedding is zero or not finite", hint="drop this picture; the model failed on it")
    return np.asarray(np.rint(x / largest * np.float32(127)), np.int8)


def encode(x: Float32, key: bytes, bits: int) -> UInt8:
    """Codes [n, bits/8] of float embeddings [n, d] under one key."""
    return np.asarray(encode_quantised(quantise(x), [key], bits)[0])


def encode_quantised(x_q: Int8, keys: Sequence[bytes], bits: int) -> UInt8:
    """Codes [len(keys), n, bits/8] of quantised embeddings [n, d], every embedding under every key."""
    x = padded(x_q)
    n, d = x.shape
    numbers = max(1, d * blocks_of(d, bits))  # that one row has under one key
    carried: npt.NDArray[Any] = x.astype(_carrier(d))[:, :, None]
    codes = np.empty((len(keys), n, bits // 8), np.uint8)
    step = max(1, min(len(keys), _SIGNS_AT_ONCE // numbers))
    rows = max(1, min(n, _NUMBERS_AT_ONCE // (step * numbers)))
    memory = np.empty((2, numbers * rows * step), carried.dtype)
    for at in range(0, len(keys), step):
        some = keys[at : at + step]
        signs = _signs(some, d, bits)
        for row in range(0, n, rows):
            packed = _bits(carried[row : row + rows], signs, memory).reshape(-1, len(some), numbers // 8)
            codes[at : at + step, row : row + rows] = packed.swapaxes(0, 1)[:, :, : bits // 8]
    return codes


def padded(x_q: Int8) -> Int8:
    """Quantised embeddings int8 [n, d] with zeros up to a power of two. Raises BadEmbedding for anything else."""
    x_q = np.asarray(x_q)
    if x_q.dtype != np.int8 or x_q.ndim != 2 or not 1 <= x_q.shape[1] <= MAX_DIMENSIONS:
        raise BadEmbedding(f"quantised embeddings are {x_q.dtype} {x_q.shape}", hint="pass int8 [n, d]")
    n, width = x_q.shape
    x = np.zeros((n, _padded(width)), np.int8)
    x[:, :width] = x_q
    return x


def decode(codes: UInt8, key: bytes, d: int) -> Float32:
    """Approximate unit embeddings [n, d] of codes [n, bits/8]: x̂ = Rᵀ·sign(Rx), R the rotation under `key`.

    Only who holds the key can do this; it is how a confirmed sighting's clothes are handed on to the next epoch.
    """
    n, bits, size = len(codes), codes.shape[1] * 8, _padded(d)
    signs = _signs([key], size, bits).astype(np.float64)
    blocks = np.zeros((n, signs.shape[2] * size))
    blocks[:, :bits] = np.unpackbits(codes, axis=1) * 2.0 - 1.0
    y: npt.NDArray[Any] = blocks.reshape(n, -1, size).transpose(2, 0, 1)  # [d, n, blocks]
    for r in reversed(range(_ROUNDS)):
        y = hadamard(y) * signs[r, :, None]  # H and D are symmetric, so Rᵀ runs the rounds backwards
    x = y.sum(axis=2)[:d].T
    norms = np.linalg.norm(x, axis=1, keepdims=True)
    return np.asarray(x / np.maximum(norms, 1e-12), np.float32)


def hamming(a: UInt8, b: UInt8) -> Int32:
    """Number of differing bits along the last axis; the other axes broadcast."""
    return np.asarray(np.bitwise_count(np.bitwise_xor(a, b)).sum(axis=-1, dtype=np.int32))


def hadamard(y: Floats) -> Floats:
    """The unnormalised Walsh–Hadamard transform along the first axis, whose length is a power of two.

    H of d is the Kronecker product of H of d's factors, so multiplying by one small matrix an axis gives the same as
    all the sums and differences (Van Loan 2000, "The ubiquitous Kronecker product", section 3).
    """
    memory = y.reshape(1, len(y), -1).copy(), np.empty((1, len(y), y[0].size), y.dtype)
    turned, _ = _transformed(*memory, _factors(len(y)))
    return turned.reshape(y.shape)


def _transformed(y: Floats, spare: Floats, factors: Sequence[int]) -> tuple[Floats, Floats]:
    """The transform of y [n, d, columns] by the first factors of d, and memory that is free again: both arrays are
    written to."""
    shape, before = y.shape, len(y)
    for size in factors:
        parts = (before, size, y.size // (before * size))
        np.matmul(_matrix(size).astype(y.dtype), y.reshape(parts), out=spare.reshape(parts))
        y, spare, before = spare, y, before * size
    return y.reshape(shape), spare.reshape(shape)


def _bits(x: Floats, signs: Floats, memory: Floats) -> UInt8:
    """Bits y ≥ 0 of y = H·D₃·H·D₂·H·D₁·x as bytes [n, columns, d/8], the first bit highest, for x [n, d, 1 or columns]
    and signs [rounds, d, columns]. `memory` is written to."""
    (n, d, _), columns = x.shape, signs.shape[2]
    y, spare = (part[: n * d * columns].reshape(n, d, columns) for part in memory)
    *factors, last = _factors(d)
    np.multiply(x, signs[0], out=y)
    for one in signs[1:]:
        y, spare = _transformed(y, spare, (*factors, last))
        np.multiply(y, one, out=y)
    y, spare = _transformed(y, spare, factors)
    # The last product is turned over as it is made, so that the bits of a byte lie side by side.
    parts = (y.size // (last * columns), last, columns)
    turned = spare.reshape(parts[0], columns, last)
    np.matmul(y.reshape(parts).transpose(0, 2, 1), _matrix(last).astype(y.dtype), out=turned)
    packed = np.packbits((turned >= 0).ravel()).reshape(n, d // last, columns, last // 8)
    return packed.transpose(0, 2, 1, 3).reshape(n, columns, d // 8)


def _signs(keys: Sequence[bytes], d: int, bits: int) -> Floats:
    """Random signs [rounds, d, keys · blocks]: -1 where a bit of `sign_streams` is set."""
    streams = np.frombuffer(sign_streams(keys, d, bits), np.uint8).reshape(-1, _ROUNDS * d // 8)
    ones = np.unpackbits(streams, axis=1)
    signs: npt.NDArray[Any] = 1 - 2 * np.ascontiguousarray(ones.T).astype(_carrier(d))
    return signs.reshape(_ROUNDS, d, len(ones))


def sign_streams(keys: Sequence[bytes], d: int, bits: int) -> bytes:
    """Three rounds of d bits for each block of each key: block k of a key takes its ChaCha20 stream (RFC 8439) with
    nonce k. Raises BadInput."""
    if bits % 8 or bits < 8 or any(len(key) != 32 for key in keys):
        raise BadInput("a code needs a 32-byte key and a multiple of 8 bits", hint="use the key from code_key")
    nonces = [bytes(4) + k.to_bytes(12, "little") for k in range(blocks_of(d, bits))]
    zeros = bytes(_ROUNDS * d // 8)
    return b"".join(_streams(key, nonces, zeros) for key in keys)


def _streams(key: bytes, nonces: Sequence[bytes], zeros: bytes) -> bytes:
    stream = Cipher(ChaCha20(key, nonces[0]), mode=None).encryptor()
    parts = [stream.update(zeros)]
    for nonce in nonces[1:]:  # a third of the cost of a cipher for each
        stream.reset_nonce(nonce)
        parts.append(stream.update(zeros))
    return b"".join(parts)


def _carrier(d: int) -> type[np.float32] | type[np.float64]:
    """The narrowest float that holds every number of the transform exactly.

    Whatever is summed up on the way, in any order, is a sum of some of the entries of one round's input v with some
    signs, so it is at most ‖v‖₁ ≤ √d·‖v‖₂. A round stretches the Euclidean norm by √d, and ‖x‖₂ ≤ 127·√d, so the
    third round stays within √d · d · 127·√d = 127·d². Floats hold all integers up to 2²⁴, doubles up to 2⁵³.
    """
    return np.float32 if 127 * d * d < 2**24 else np.float64


def _factors(d: int) -> list[int]:
    """Powers of two with the product d, the last 16 where there are so many, the others no more than 8 and much alike:
    fewer products than with larger ones, and fewer passes over the memory than with smaller ones."""
    last = min(d, 16)
    power = (d // last).bit_length() - 1
    count = -(-power // 3)
    return [*(1 << (power // count + (at < power % count)) for at in range(count)), last]


@cache
def _matrix(size: int) -> npt.NDArray[np.int8]:
    """Hadamard's matrix in Sylvester's order."""
    matrix = np.ones((1, 1), np.int8)
    while len(matrix) < size:
        matrix = np.block([[matrix, matrix], [matrix, -matrix]])
    return matrix


def blocks_of(d: int, bits: int) -> int:
    """How many transforms of length d a code of so many bits takes."""
    return -(-bits // d)


def _padded(d: int) -> int:
    return max(8, 1 << (d - 1).bit_length())
