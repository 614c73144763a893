"""Where a tester was, as their own device recorded it: GPX, GeoJSON or a table of time, latitude, longitude."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from typing import Any, Final
from xml.etree import ElementTree

import numpy as np
import numpy.typing as npt

from central.routes.camera_graph import CameraPlace
from central.walk_test.passages import BadWalk, Passage
from shared.clock import from_unix
from shared.geo import haversine_m

Floats = npt.NDArray[np.float64]
MOST_POINTS: Final = 200_000
MOST_BYTES: Final = 64 * 1024 * 1024
RADIUS_M: Final = 25.0  # about how far a camera of a street sees
_AWAY: Final = 30.0  # seconds out of a camera's reach after which the next passage begins
_HINT: Final = "GPX with times, GeoJSON with coordTimes or points with a time, or a table time,latitude,longitude"
_Point = tuple[datetime, float, float]


@dataclass(frozen=True, slots=True)
class Track:
    """Unix seconds in order, degrees; all [n]."""

    seconds: Floats
    latitude: Floats
    longitude: Floats

    def at(self, moment: datetime) -> tuple[float, float] | None:
        """Latitude and longitude, straight between two points; None before the first and after the last."""
        t = moment.timestamp()
        if not self.seconds[0] <= t <= self.seconds[-1]:
            return None
        return tuple(float(np.interp(t, self.seconds, axis)) for axis in (self.latitude, self.longitude))  # type: ignore[return-value]


def read_track(raw: bytes) -> Track:
    """Raises BadWalk for what is none of the three, has no times, or too many points."""
    if len(raw) > MOST_BYTES:
        raise BadWalk(f"a track is at most {MOST_BYTES >> 20} MiB", hint="cut it to the walk")
    start = raw.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    try:
        points = list(_gpx(raw) if start == b"<" else _geojson(raw) if start == b"{" else _table(raw))
    except (
        ElementTree.ParseError,
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        csv.Error,
        RecursionError,
    ) as error:
        raise BadWalk("the track cannot be read", hint=_HINT) from error
    if not 2 <= len(points) <= MOST_POINTS:
        raise BadWalk(f"a track has 2 to {MOST_POINTS} points with a time, this has {len(points)}", hint=_HINT)
    if any(at.tzinfo is None for at, _, _ in points):
        raise BadWalk("a time of the track has no zone", hint="write it as 2026-11-24T09:00:00+09:00")
    table = np.array(sorted((at.timestamp(), lat, lon) for at, lat, lon in points))
    if not (np.isfinite(table).all() and (abs(table[:, 1]) <= 90).all() and (abs(table[:, 2]) <= 180).all()):
        raise BadWalk("a point of the track is nowhere on earth", hint="degrees; in GeoJSON longitude comes first")
    return Track(table[:, 0], table[:, 1], table[:, 2])


def passages_of(track: Track, places: Iterable[CameraPlace], radius_m: float = RADIUS_M) -> tuple[Passage, ...]:
    """When the track came nearest to each camera, each time that it came within reach of it, in order of time."""
    found = [one for place in places for one in _passages(track, place, radius_m)]
    return tuple(sorted(found, key=lambda one: (one.at, one.place.camera)))


def timed(planned: Iterable[Passage], walked: Iterable[Passage], within_s: float) -> tuple[Passage, ...]:
    """The plan with the times at which the tester really passed; planned passages that were not walked are left out."""
    by_camera: dict[str, list[Passage]] = {}
    for one in walked:
        by_camera.setdefault(one.place.camera, []).append(one)
    found = []
    for one in planned:
        real = by_camera.get(one.place.camera, [])
        nearest = min(real, key=lambda other: abs(other.at - one.at), default=None)
        if nearest is not None and abs(nearest.at - one.at).total_seconds() <= within_s:
            real.remove(nearest)
            found.append(replace(one, at=nearest.at))
    return tuple(sorted(found, key=lambda one: (one.at, one.place.camera)))


def _passages(track: Track, place: CameraPlace, radius_m: float) -> Iterator[Passage]:
    away = haversine_m(place.latitude, place.longitude, track.latitude, track.longitude)
    near = np.flatnonzero(away <= radius_m)
    if not len(near):
        return
    breaks = [k + 1 for k, (a, b) in enumerate(pairwise(near)) if track.seconds[b] - track.seconds[a] > _AWAY]
    for some in np.split(near, breaks):
        yield Passage(place, from_unix(float(track.seconds[some[away[some].argmin()]])))


def _gpx(raw: bytes) -> Iterator[_Point]:
    if b"<!DOCTYPE" in raw or b"<!ENTITY" in raw:
        raise ValueError("a track defines entities")  # nothing that a device records needs them
    for point in ElementTree.fromstring(raw).iter():  # noqa: S314  (no entities, and the tester's own file)
        time = point.find("{*}time")
        if point.tag.rpartition("}")[2] == "trkpt" and time is not None and time.text:
            yield datetime.fromisoformat(time.text.strip()), float(point.attrib["lat"]), float(point.attrib["lon"])


def _geojson(raw: bytes) -> Iterator[_Point]:
    whole = json.loads(raw.decode("utf-8-sig"))
    for feature in whole["features"] if whole["type"] == "FeatureCollection" else [whole]:
        geometry, about = feature["geometry"], feature.get("properties") or {}
        if geometry and geometry["type"] == "Point" and about.get("time"):
            yield _point(about["time"], geometry["coordinates"])
        elif geometry and geometry["type"] == "LineString":
            times = about.get("coordTimes") or about.get("coordinateProperties", {}).get("times", [])
            for time, position in zip(times, geometry["coordinates"], strict=True):
                yield _point(time, position)


def _point(time: str, position: list[Any]) -> _Point:
    return datetime.fromisoformat(time), float(position[1]), float(position[0])


def _table(raw: bytes) -> Iterator[_Point]:
    for row in csv.DictReader(io.StringIO(raw.decode("utf-8-sig"), newline=""), strict=True):
        yield datetime.fromisoformat(row["time"].strip()), float(row["latitude"]), float(row["longitude"])
