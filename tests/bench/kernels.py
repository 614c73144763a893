"""What the search could count bits with: the one in production, and those that were turned down, for comparison.

All answer the same question, in the shape that a search asks it: the smallest distance of each of a batch's codes to
the probes that its face mask allows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import faiss
import numba
import numpy as np
import numpy.typing as npt
from numba.core import types
from numba.extending import intrinsic

from central.search.kernel import distances

UInt8 = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Question:
    """Codes [n, b] and probes [m, b] of one epoch, with `valid` [n, m]."""

    codes: UInt8
    probes: UInt8
    valid: npt.NDArray[np.bool_]

    @property
    def far(self) -> int:
        return int(self.codes.shape[1]) * 8 + 1


def ours(q: Question) -> npt.NDArray[Any]:
    return np.asarray(np.where(q.valid.T, distances(q.codes, q.probes), q.far).min(axis=0))


def by_numpy(q: Question) -> npt.NDArray[Any]:
    words, probes = q.codes.view(np.uint64), q.probes.view(np.uint64)
    best = np.full(len(words), q.far, np.int32)
    for j in range(len(probes)):
        distance = np.bitwise_count(words ^ probes[j]).sum(axis=1, dtype=np.int32)
        np.minimum(best, distance, out=best, where=q.valid[:, j])
    return best


def by_faiss_index(q: Question) -> npt.NDArray[Any]:
    """An index of its own for each batch, and all pairs out of a range search."""
    index = faiss.IndexBinaryFlat(q.codes.shape[1] * 8)
    index.add(q.codes)
    starts, found, rows = index.range_search(q.probes, q.far)
    best = np.full(len(q.codes), q.far, np.int32)
    probe = np.repeat(np.arange(len(q.probes)), np.diff(starts.astype(np.int64)))
    kept = q.valid[rows, probe]
    np.minimum.at(best, rows[kept], found[kept].astype(np.int32))
    return best


def _population_count(_context: Any, _word: Any) -> Any:
    """The processor's own instruction, which numba has no name for."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.uint64(types.uint64), generate


_ones = intrinsic(_population_count)


def _nearest(words: Any, probes: Any, valid: Any, far: int) -> Any:
    best = np.full(len(words), far, np.int32)
    for i in range(len(words)):
        for j in range(len(probes)):
            if valid[i, j]:
                count = 0
                for k in range(words.shape[1]):
                    count += _ones(words[i, k] ^ probes[j, k])
                best[i] = min(best[i], count)
    return best


_compiled = numba.njit(nogil=True)(_nearest)


def by_numba(q: Question) -> npt.NDArray[Any]:
    return np.asarray(_compiled(q.codes.view(np.uint64), q.probes.view(np.uint64), q.valid, q.far))


Kernel = Callable[[Question], npt.NDArray[Any]]
KERNELS: Mapping[str, Kernel] = {
    "ours": ours,
    "numba": by_numba,
    "faiss_index": by_faiss_index,
    "numpy": by_numpy,
}


def some_question(n: int, m: int, seed: int = 1) -> Question:
    rng = np.random.default_rng(seed)
    codes, probes = (rng.integers(0, 256, (rows, 128), np.uint8) for rows in (n, m))
    return Question(codes, probes, rng.random((n, m)) < 0.9)
