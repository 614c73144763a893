"""An embedding becomes a keyed binary code whose Hamming distance follows the angle, under one key only.

The transform is made of integers alone, so a Raspberry Pi and a server give the same bits: the embedding is quantised
to int8, padded to a power of two d, and turned by y = H·D₃·H·D₂·H·D₁·x, with H the Walsh–Hadamard transform and D
random signs. Structured random rotations of this kind stand in for a dense random matrix (Andoni et al. 2015,
"Practical and optimal LSH for angular distance", section 4). Bit i is y_i ≥ 0, so P(bits differ) ≈ angle/π
(Charikar 2002).
"""

from __future__ import annotations

from collections.abc import Sequence
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
# |y| ≤ d^1.5·‖x‖₂ ≤ 127·d², which stays within int32 up to here.
MAX_DIMENSIONS = 4096
_ROUNDS = 3

Int8 = npt.NDArray[np.int8]
Int32 = npt.NDArray[np.int32]
UInt8 = npt.NDArray[np.uint8]
Float32 = npt.NDArray[np.float32]


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
    x_q = np.asarray(x_q)
    if x_q.dtype != np.int8 or x_q.ndim != 2 or not 1 <= x_q.shape[1] <= MAX_DIMENSIONS:
        raise BadEmbedding(f"quantised embeddings are {x_q.dtype} {x_q.shape}", hint="pass int8 [n, d]")
    d = _padded(x_q.shape[1])
    signs = np.stack([_signs(key, d, bits) for key in keys]) if keys else np.empty((0, 1, _ROUNDS, d), np.int32)
    padded = np.zeros((x_q.shape[0], d), np.int32)
    padded[:, : x_q.shape[1]] = x_q
    y: npt.NDArray[Any] = np.broadcast_to(padded, (len(keys), signs.shape[1], *padded.shape))  # [keys, blocks, n, d]
    for r in range(_ROUNDS):
        y = hadamard(y * signs[:, :, r, None, :])
    flat = np.moveaxis(y, 1, 2).reshape(len(keys), x_q.shape[0], -1)[:, :, :bits]
    return np.packbits(flat >= 0, axis=2)


def decode(codes: UInt8, key: bytes, d: int) -> Float32:
    """Approximate unit embeddings [n, d] of codes [n, bits/8]: x̂ = Rᵀ·sign(Rx), R the rotation under `key`.

    Only who holds the key can do this; it is how a confirmed sighting's clothes are handed on to the next epoch.
    """
    bits, size = codes.shape[1] * 8, _padded(d)
    signs = _signs(key, size, bits)
    blocks = np.zeros((codes.shape[0], signs.shape[0] * size), np.float64)
    blocks[:, :bits] = np.unpackbits(codes, axis=1) * 2.0 - 1.0
    y: npt.NDArray[Any] = blocks.reshape(codes.shape[0], signs.shape[0], size)
    for r in reversed(range(_ROUNDS)):
        y = hadamard(y) * signs[None, :, r]  # H and D are symmetric, so Rᵀ runs the rounds backwards
    x = y.sum(axis=1)[:, :d]
    norms = np.linalg.norm(x, axis=1, keepdims=True)
    return np.asarray(x / np.maximum(norms, 1e-12), np.float32)


def hamming(a: UInt8, b: UInt8) -> Int32:
    """Number of differing bits along the last axis; the other axes broadcast."""
    return np.asarray(np.bitwise_count(np.bitwise_xor(a, b)).sum(axis=-1, dtype=np.int32))


def hadamard(y: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The unnormalised Walsh–Hadamard transform along the last axis, whose length is a power of two."""
    shape, d, h = y.shape, y.shape[-1], 1
    while h < d:
        pairs = y.reshape(*shape[:-1], d // (2 * h), 2, h)
        left, right = pairs[..., 0, :], pairs[..., 1, :]
        y = np.stack([left + right, left - right], axis=-2).reshape(shape)
        h *= 2
    return y


def _signs(key: bytes, d: int, bits: int) -> Int32:
    """Random signs [blocks, rounds, d]: block k takes the ChaCha20 stream (RFC 8439) under `key` with nonce k."""
    if len(key) != 32 or bits % 8 or bits < 8:
        raise BadInput("a code needs a 32-byte key and a multiple of 8 bits", hint="use the key from code_key")
    blocks = -(-bits // d)
    streams = []
    for k in range(blocks):
        cipher = Cipher(ChaCha20(key, bytes(4) + k.to_bytes(12, "little")), mode=None)
        streams.append(np.frombuffer(cipher.encryptor().update(bytes(_ROUNDS * d // 8 or 1)), np.uint8))
    ones = np.unpackbits(np.stack(streams), axis=1)[:, : _ROUNDS * d]
    return (1 - 2 * ones.astype(np.int32)).reshape(blocks, _ROUNDS, d)


def _padded(d: int) -> int:
    return max(8, 1 << (d - 1).bit_length())
