"""From an extract and cameras to a table of ways: read, snap, and one bounded search from each camera."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.sparse.csgraph import dijkstra

from central.routes.camera_graph import VIEW_M, CameraPlace
from central.walking.errors import TooDense
from central.walking.extract import Box, Streets, Tell, read_streets
from central.walking.network import Network, contracted, network_of, snap, with_cameras
from central.walking.ways import Source, Ways
from shared.errors import BadInput
from shared.geo import EARTH_RADIUS_M, haversine_m, plane_m

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

LONGEST_REACH_M: Final = 10_000.0
MOST_PAIRS: Final = 5_000_000  # 24 bytes each where a centre looks them up
_BEYOND_M: Final = 1_000.0  # of the box: a way leads outside it and comes back
_AT_ONCE: Final = 2**22  # distances in memory at a time, 8 bytes each
_TELL_EVERY: Final = 1_000


def build(path: Path, cameras: Sequence[CameraPlace], now: datetime, tell: Tell, reach_m: float) -> Ways:
    """Raises BadExtract, NoWays, TooDense, and BadInput without cameras or for a reach that nobody walks."""
    if not cameras:
        raise BadInput("there is no camera", hint="enter cameras first, or give --cameras FILE")
    if not 0 < reach_m <= LONGEST_REACH_M:
        raise BadInput("there is no such reach", hint=f"up to {LONGEST_REACH_M:.0f} m on foot")
    places = sorted(cameras, key=lambda place: place.camera)
    latitude = np.array([place.latitude for place in places], np.float64)
    longitude = np.array([place.longitude for place in places], np.float64)
    streets = read_streets(path, _around(latitude, longitude, reach_m + _BEYOND_M), tell)
    if streets.extent and not _around(latitude, longitude, reach_m).within(streets.extent):
        tell(f"note: {streets.name} ends within {reach_m:.0f} m of a camera; ways that lead outside are lacking")
    network, off_m, at = _joined(streets, latitude, longitude)
    tell(f"{np.count_nonzero(at >= 0)} of {len(places)} cameras hang near a way; {network.size} crossings and ends")
    one, other, metres = _pairs(network, at, np.maximum(off_m - VIEW_M, 0), reach_m, tell)
    straight = haversine_m(latitude[one], longitude[one], latitude[other], longitude[other])
    return Ways(
        tuple(place.camera for place in places), latitude, longitude, at >= 0, one.astype(np.int32),
        other.astype(np.int32), np.maximum(metres, straight).astype(np.float32), reach_m,
        Source(streets.name, streets.dated, now),
    )  # fmt: skip


def detours(ways: Ways, from_m: float = 50.0) -> Floats:
    """How many times as long as the straight line the ways are, of pairs at least so far apart."""
    lat, lon = ways.latitude, ways.longitude
    straight = haversine_m(lat[ways.one], lon[ways.one], lat[ways.other], lon[ways.other])
    far = straight >= from_m
    return np.asarray(ways.metres[far] / straight[far], np.float64)


def _around(latitude: Floats, longitude: Floats, metres: float) -> Box:
    north = np.degrees(metres / EARTH_RADIUS_M)
    south, top = latitude.min() - north, latitude.max() + north
    east = north / max(np.cos(np.radians(min(max(abs(south), abs(top)), 89.0))), 0.01)
    return Box(float(south), float(longitude.min() - east), float(top), float(longitude.max() + east))


def _joined(streets: Streets, latitude: Floats, longitude: Floats) -> tuple[Network, Floats, Ints]:
    """The network with the cameras on it, how far off each hangs, and its point (-1: none is near)."""
    middle = float(latitude.mean()), float(longitude.mean())
    whole = network_of(streets.latitude, streets.longitude, streets.one, streets.other)
    points = plane_m(streets.latitude, streets.longitude, middle)
    snapped = snap(whole, points, plane_m(latitude, longitude, middle))
    cut, at = with_cameras(whole, snapped)
    hung = at >= 0
    network, kept = contracted(cut, at[hung])
    at[hung] = kept
    return network, snapped.off_m, at


def _pairs(network: Network, at: Ints, off_m: Floats, reach_m: float, tell: Tell) -> tuple[Ints, Ints, Floats]:
    """Pairs of cameras within reach of each other, in order. People walk on the way before a camera, not up to it, so
    what it hangs off the way counts only beyond its view."""
    matrix, hung = network.matrix(), np.flatnonzero(at >= 0)
    rows = max(1, _AT_ONCE // max(network.size, 1))
    found: list[tuple[Ints, Ints, Floats]] = []
    total = 0
    for first in range(0, len(hung), rows):
        some = hung[first : first + rows]
        metres = dijkstra(matrix, indices=at[some], limit=reach_m)[:, at[hung]]
        metres += off_m[some][:, None] + off_m[hung]
        metres[hung[None, :] <= some[:, None]] = np.inf
        row, column = np.nonzero(metres <= reach_m)
        found.append((some[row], hung[column], metres[row, column]))
        total += len(row)
        if total > MOST_PAIRS:
            hint = f"give a shorter --reach than {reach_m:.0f} m"
            raise TooDense(f"over {MOST_PAIRS} pairs of cameras are within reach of each other", hint=hint)
        if first // _TELL_EVERY != (first + len(some)) // _TELL_EVERY:
            tell(f"  ways from {first + len(some)} of {len(hung)} cameras")
    none = np.zeros(0, np.int64)
    one, other, far = (np.concatenate(side) for side in zip((none, none, np.zeros(0)), *found, strict=True))
    return one, other, far
