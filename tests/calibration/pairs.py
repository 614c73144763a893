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

Distances = npt.NDArray[np.int64]
Embeddings = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]
Names = npt.NDArray[np.str_]


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Distances [m, n, tracks] of templates to tracks of photos, and who is on each; a photo is not paired with itself
    where both sides list the same photos."""

    templates: Names
    seen: Names
    distances: Distances

    def other(self, inside: Bools) -> Distances:
        """Distances of two people, for tracks `inside` [n, tracks]."""
        strangers = (self.templates[:, None] != self.seen[None])[:, :, None] & inside
        return np.asarray(self.distances[strangers])

    def same(self, inside: Bools, most: int | None = MOST_OF_ONE, seed: int = 1) -> Distances:
        """Distances of one person, `most` of each at random, so that the much-photographed do not decide."""
        i, j, track = np.nonzero(self._same()[:, :, None] & inside)
        order = np.random.default_rng(seed).permutation(len(i))
        taken, kept = Counter[str](), []
        for k in order:
            name = str(self.templates[i[k]])
            taken[name] += 1
            if most is None or taken[name] <= most:
                kept.append(k)
        return np.asarray(self.distances[i[kept], j[kept], track[kept]])

    def correlations(self) -> tuple[float, float]:
        """Of distances of one template to two photos of one person: the template's own, and a stranger."""
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
                other += list(zip(first[strange][::10], second[strange][::10], strict=True))
        return _correlation(same), _correlation(other)

    def template_spread(self) -> float:
        """Standard deviation, over templates, of the distance that one stranger in twenty is within."""
        strangers = self.templates[:, None] != self.seen[None]
        rows = zip(self.distances[:, :, 0], strangers, strict=True)
        return float(np.std([np.quantile(row[strange], 0.05) for row, strange in rows]))

    def _itself(self) -> bool:
        return self.templates is self.seen

    def _same(self) -> Bools:
        same = self.templates[:, None] == self.seen[None]
        if self._itself():
            np.fill_diagonal(same, False)
        return np.asarray(same)


def between(templates: Embeddings, seen: Embeddings, bits: int) -> Distances:
    """Hamming distances [m, n, tracks] of templates [m, d] to sightings [n, tracks, d], each track under one of a few
    keys."""
    distances = np.empty((len(templates), *seen.shape[:2]), np.int64)
    for track in range(seen.shape[1]):
        key = bytes([1 + track % KEYS]) * 32
        a, b = (np.unpackbits(encode(x, key, bits), axis=1) * np.float32(2) - 1 for x in (templates, seen[:, track]))
        distances[:, :, track] = np.rint((bits - a @ b.T) / 2)
    return distances


def _correlation(pairs: Sequence[tuple[int, int]]) -> float:
    a, b = np.array(pairs, np.float64).T
    return float(np.clip(np.corrcoef(a, b)[0, 1], 0.0, 0.95))
