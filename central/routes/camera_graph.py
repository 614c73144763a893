"""Cameras as places: how far apart they are, and how long the way between two of them is.

The way is what the walking network says (central/walking), where there is one and it knows both cameras; else it is the
straight line times a detour factor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Protocol

import numpy as np
import numpy.typing as npt

from central.walking.ways import Fit, Ways
from shared.errors import BadInput
from shared.geo import EARTH_RADIUS_M, haversine_m, plane_m
from shared.ids import check_id

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]

# As of 2026-11. Streets are about 1.2 to 1.3 times as long as the straight line in grown cities (Levinson and
# El-Geneidy 2009, "The minimum circuity frontier and the journey to work"; Ballou et al. 2002 for whole countries).
DETOUR = 1.25
# A camera sees about this far, so people are not at the camera's own position.
VIEW_M = 25.0
# Two cameras' clocks may differ by this much (nodes report their clock error; this covers what they accept).
CLOCK_SLACK_S = 5.0
# Radii at which cameras are counted, each √2 of the last; in between, the count is interpolated.
_FIRST_RING_M = 25.0
_RINGS_M = np.concatenate([[0.0], _FIRST_RING_M * np.exp2(np.arange(23) / 2)])
_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class CameraPlace:
    """Where a camera hangs, in degrees; the cell is that of its keys."""

    camera: str
    latitude: float
    longitude: float
    indoor: bool
    cell: str


class Positioned(Protocol):
    """Whatever lies somewhere, in degrees."""

    @property
    def latitude(self) -> float: ...

    @property
    def longitude(self) -> float: ...


def apart_m(one: Positioned, other: Positioned) -> float:
    """Great-circle metres between two."""
    return float(haversine_m(one.latitude, one.longitude, other.latitude, other.longitude))


@dataclass(frozen=True, slots=True)
class Mode:
    """A way of getting about: `share` of legs, the usual and the greatest speed on the way, and time spent waiting."""

    name: str
    share: float
    usual_m_s: float
    greatest_m_s: float
    wait_s: float


# Walking: 1.34 m/s in the mean (Weidmann 1993, "Transporttechnik der Fussgänger", 0.26 m/s standard deviation), a
# runner's 3.5 m/s as the limit. Riding: 20 km/h door to door, after a wait; 80 km/h along the way is the limit, which
# Korean city streets (50 km/h since April 2021) do not reach, but urban motorways and metro lines do.
MODES = (
    Mode("walk", 0.85, usual_m_s=1.34, greatest_m_s=3.5, wait_s=0.0),
    Mode("ride", 0.15, usual_m_s=5.6, greatest_m_s=22.2, wait_s=60.0),
)


class CameraGraph:
    """Cameras and the ways between them; indices follow the order of the names, so input order never matters.

    `fit` says which cameras the walking network `ways` knows; None without one.
    """

    def __init__(self, places: Sequence[CameraPlace], ways: Ways | None = None) -> None:
        """Raises BadInput when a camera is named twice, or lies nowhere on earth."""
        ordered = sorted(places, key=lambda place: place.camera)
        self.places = MappingProxyType({_checked(place).camera: place for place in ordered})
        if len(self.places) != len(ordered):
            raise BadInput("a camera is listed twice", hint="give every camera one place")
        self.index = MappingProxyType({camera: i for i, camera in enumerate(self.places)})
        self.latitude = np.array([place.latitude for place in ordered], np.float64)
        self.longitude = np.array([place.longitude for place in ordered], np.float64)
        self.fit: Fit | None = ways.fit(ordered) if ways else None
        self._on_foot = ways.between(self.fit.known, self.index) if ways and self.fit else None

    def __len__(self) -> int:
        return len(self.places)

    def straight_m(self, a: Indices, b: Indices) -> Floats:
        """Great-circle metres between cameras by index; broadcasts.

        From chords, which takes a fraction of the time of the haversine formula and gives the same.
        """
        squared = sum((np.square(axis[a] - axis[b]) for axis in self._xyz), np.zeros(()))
        return np.asarray(2 * EARTH_RADIUS_M * np.arcsin(np.sqrt(squared) / 2), np.float64)

    def way_m(self, a: Indices, b: Indices) -> Floats:
        """Expected metres on foot between cameras by index; broadcasts. Never less than the straight line."""
        straight, walked = self.straight_m(a, b), self.walk_m(a, b)
        return DETOUR * straight if walked is None else np.where(np.isnan(walked), DETOUR * straight, walked)

    def walk_m(self, a: Indices, b: Indices) -> Floats | None:
        """Metres on foot by the walking network, not a number where it does not know both cameras; None without one.

        Beyond its reach a way is at least as long as that: the way around a river is long although its banks are near.
        """
        if self._on_foot is None:
            return None
        straight, walked = self.straight_m(a, b), self._on_foot.between_m(a, b)
        farther = np.maximum(self._on_foot.reach_m, DETOUR * straight)
        return np.maximum(np.where(np.isinf(walked), farther, walked), straight)

    def in_reach(self, camera: Indices, radius_m: Floats) -> Floats:
        """About how many cameras lie within `radius_m` of each, itself included; broadcasts, grows with the radius."""
        if not self._counts[camera, 0].all():
            self.count_around(np.unique(camera))
        ring = np.interp(radius_m, _RINGS_M, np.arange(len(_RINGS_M)))
        below = ring.astype(np.intp)
        lower = self._counts[camera, below]
        upper = self._counts[camera, np.minimum(below + 1, len(_RINGS_M) - 1)]
        return np.asarray(lower + (ring - below) * (upper - lower), np.float64)

    @cached_property
    def _xyz(self) -> Floats:
        """The cameras on the unit sphere [3, n]."""
        phi, theta = np.radians(self.latitude), np.radians(self.longitude)
        return np.stack([np.cos(phi) * np.cos(theta), np.cos(phi) * np.sin(theta), np.sin(phi)])

    @cached_property
    def _counts(self) -> Floats:
        return np.zeros((len(self), len(_RINGS_M)))  # filled row by row; a row that was counted is at least 1

    @cached_property
    def flat_m(self) -> Floats:
        """East and north of the cameras' middle in metres [n, 2]: exact enough within a city."""
        middle = float(self.latitude.mean()), float(self.longitude.mean())
        return plane_m(self.latitude, self.longitude, middle)

    def count_around(self, cameras: Indices) -> None:
        """Count once for `in_reach` what lies around these; it does so itself for those that it meets."""
        missing = cameras[self._counts[cameras, 0] == 0]
        for at in range(0, len(missing), _AT_ONCE):
            some = missing[at : at + _AT_ONCE]
            ring = _ring(sum(np.square(axis[some, None] - axis) for axis in self.flat_m.T))
            flat = ring + (len(_RINGS_M) + 1) * np.arange(len(some))[:, None]
            found = np.bincount(flat.ravel(), minlength=len(some) * (len(_RINGS_M) + 1))
            self._counts[some] = found.reshape(len(some), -1).cumsum(axis=1)[:, :-1]


def _ring(squared_m: Floats) -> npt.NDArray[np.int32]:
    """The first ring that holds who is so far away: the power of two that is no less than the square in squares of the
    first ring, which the number carries in its exponent."""
    mantissa, power = np.frexp(squared_m / _FIRST_RING_M**2)
    ring = np.clip(power - (mantissa == 0.5) + 1, 1, len(_RINGS_M))  # an exact power is half of the next
    return np.where(squared_m == 0, 0, ring)


def _checked(place: CameraPlace) -> CameraPlace:
    check_id(place.camera, "camera")
    if not (-90 <= place.latitude <= 90 and -180 <= place.longitude <= 180):
        raise BadInput(f"{place.camera} is nowhere on earth", hint="latitude and longitude in degrees")
    return place
