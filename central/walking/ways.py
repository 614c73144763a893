"""Metres on foot between cameras, as a table: what the builder writes and a camera graph looks up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import numpy as np
import numpy.typing as npt

from shared.cells import Placed
from shared.geo import haversine_m

Floats = npt.NDArray[np.float64]
Int32 = npt.NDArray[np.int32]
Indices = npt.NDArray[np.intp]
Bools = npt.NDArray[np.bool_]

# A camera that has moved farther than this hangs elsewhere: its ways are not known any more.
MOVED_M: Final = 10.0
ATTRIBUTION: Final = "© OpenStreetMap contributors, ODbL"


@dataclass(frozen=True, slots=True)
class Source:
    """Which extract of the map, how new it is where it says so, and when it was read."""

    name: str
    dated: datetime | None
    read_at: datetime


@dataclass(frozen=True, slots=True, eq=False)
class Ways:
    """n cameras in order of their names, and p pairs of them, `one` before `other`, in order, with metres on foot.

    A pair that is not there is farther apart than `reach_m`; of cameras that are not `near_way` nothing is known.
    """

    names: tuple[str, ...]
    latitude: Floats
    longitude: Floats
    near_way: Bools
    one: Int32
    other: Int32
    metres: npt.NDArray[np.float32]
    reach_m: float
    source: Source

    def fit(self, places: Iterable[Placed]) -> Fit:
        """Which of these cameras it knows, where it says that they hang."""
        index = {name: i for i, name in enumerate(self.names)}
        fit = Fit()
        for place in places:
            at = index.get(place.camera)
            if at is None:
                fit.unknown.append(place.camera)
            elif haversine_m(place.latitude, place.longitude, self.latitude[at], self.longitude[at]) > MOVED_M:
                fit.moved.append(place.camera)
            elif not self.near_way[at]:
                fit.far.append(place.camera)
            else:
                fit.known[place.camera] = at
        return fit

    def between(self, known: Mapping[str, int], index: Mapping[str, int]) -> OnFoot:
        """For the cameras `known`, of a graph that numbers cameras by `index`, in order of their names as here."""
        number = np.full(len(self.names), -1, np.int64)
        for name, at in known.items():
            number[at] = index[name]
        one, other = number[self.one], number[self.other]
        both = (one >= 0) & (other >= 0)
        there = np.zeros(len(index), np.bool_)
        there[number[number >= 0]] = True
        one, other = one[both], other[both]
        keys = np.concatenate([one * len(index) + other, other * len(index) + one])
        order = np.argsort(keys)
        return OnFoot(there, keys[order], np.tile(self.metres[both], 2)[order], self.reach_m)


@dataclass(frozen=True, slots=True)
class Fit:
    """Cameras by what a table of ways knows of them: their place in it; not there; elsewhere since; far from a way."""

    known: dict[str, int] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)
    moved: list[str] = field(default_factory=list)
    far: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, eq=False)
class OnFoot:
    """The same for the n cameras of one graph, each pair both ways: `keys` are first·n + second, in order."""

    known: Bools
    keys: npt.NDArray[np.int64]
    metres: npt.NDArray[np.float32]
    reach_m: float

    def between_m(self, a: Indices, b: Indices) -> Floats:
        """Metres on foot; broadcasts, and is quick to one camera `b` from many. Not a number where one is not known,
        infinite beyond the reach."""
        n = np.int64(len(self.known))
        wanted, keys, metres = b * n + a, self.keys, self.metres
        if np.ndim(b) == 0:
            row = slice(*np.searchsorted(keys, (b * n, b * n + n)))
            keys, metres = keys[row], metres[row]
        found = np.full(wanted.shape, np.inf)
        if len(keys):
            at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
            found = np.where(keys[at] == wanted, metres[at], np.inf)
        found = np.where(a == b, 0.0, found)
        return np.asarray(np.where(self.known[a] & self.known[b], found, np.nan), np.float64)
