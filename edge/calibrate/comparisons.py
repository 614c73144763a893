"""Distances between templates and sightings of known people, and what is counted on them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from shared.codes import encode

KEYS: Final = 3
MOST_OF_ONE: Final = 6  # pairs of one person, so that the much-photographed do not decide
_NEAR_SHARE: Final = 0.05
_FEWEST_IN_CORRELATION: Final = 20
_EVERY: Final = 10  # strangers in a correlation: there are enough

Distances = npt.NDArray[np.int64]
Embeddings = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]
Names = npt.NDArray[np.str_]


@dataclass(frozen=True, slots=True, eq=False)
class Comparisons:
    """Distances [m, n, walks] of templates to walks of photos, and who is on each; a photo is not compared with itself
    where both sides list the same photos."""

    templates: Names
    seen: Names
    distances: Distances

    def other(self, inside: Bools) -> Distances:
        """Distances of two people, for walks `inside` [n, walks]."""
        strangers = (self.templates[:, None] != self.seen[None])[:, :, None] & inside
        return np.asarray(self.distances[strangers])

    def same(self, inside: Bools, most: int | None = MOST_OF_ONE, seed: int = 1) -> Distances:
        """Distances of one person, `most` of each at random, so that the much-photographed do not decide."""
        i, j, walk = np.nonzero(self._same()[:, :, None] & inside)
        order = np.random.default_rng(seed).permutation(len(i))
        taken, kept = Counter[str](), []
        for k in order:
            name = str(self.templates[i[k]])
            taken[name] += 1
            if most is None or taken[name] <= most:
                kept.append(k)
        return np.asarray(self.distances[i[kept], j[kept], walk[kept]])

    def correlations(self) -> tuple[float, float]:
        """Of distances of one template to two photos of one person: the template's own, and a stranger.

        Where too few people are on three photos, strangers' is taken for both, which doubts more.
        """
        same: list[tuple[int, int]] = []
        other: list[tuple[int, int]] = []
        itself = self._itself()
        for name in np.unique(self.seen):
            photos = np.flatnonzero(self.seen == name)
            for a, b in pairwise(photos):
                mine = (self.templates == name) & ~(itself & np.isin(np.arange(len(self.templates)), (a, b)))
                first, second = self.distances[:, a, 0], self.distances[:, b, -1]
                same += list(zip(first[mine][:MOST_OF_ONE], second[mine][:MOST_OF_ONE], strict=True))
                strange = self.templates != name
                other += list(zip(first[strange][::_EVERY], second[strange][::_EVERY], strict=True))
        strange_r = _correlation(other) or 0.0
        own_r = _correlation(same)
        return strange_r if own_r is None else own_r, strange_r

    def template_spread(self) -> float:
        """Standard deviation, over templates, of the distance that one stranger in twenty is within."""
        strangers = self.templates[:, None] != self.seen[None]
        rows = zip(self.distances[:, :, 0], strangers, strict=True)
        return float(np.std([np.quantile(row[strange], _NEAR_SHARE) for row, strange in rows]))

    def _itself(self) -> bool:
        return self.templates is self.seen

    def _same(self) -> Bools:
        same = self.templates[:, None] == self.seen[None]
        if self._itself():
            np.fill_diagonal(same, False)
        return np.asarray(same)


def between(templates: Embeddings, seen: Embeddings, bits: int) -> Distances:
    """Hamming distances [m, n, walks] of templates [m, d] to sightings [n, walks, d], each walk under one of a few
    keys."""
    distances = np.empty((len(templates), *seen.shape[:2]), np.int64)
    for walk in range(seen.shape[1]):
        key = bytes([1 + walk % KEYS]) * 32
        a, b = (np.unpackbits(encode(x, key, bits), axis=1) * np.float32(2) - 1 for x in (templates, seen[:, walk]))
        distances[:, :, walk] = np.rint((bits - a @ b.T) / 2)
    return distances


def _correlation(pairs: Sequence[tuple[int, int]]) -> float | None:
    """None where too few were compared to say."""
    if len(pairs) < _FEWEST_IN_CORRELATION:
        return None
    a, b = np.array(pairs, np.float64).T
    if not (a.std() and b.std()):
        return None
    return float(np.clip(np.corrcoef(a, b)[0, 1], 0.0, 0.95))
