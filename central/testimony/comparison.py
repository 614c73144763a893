"""What the patient says beside what the cameras saw: each stated stay, and the visits that no stated stay covers.

A camera that saw somebody is evidence; a camera that saw nobody is none. So only being seen elsewhere contradicts a
stay. Where cameras were in reach, searched and sending, and did not see the patient, that is said as just that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import numpy as np

from central.routes.camera_graph import MODES, VIEW_M, CameraPlace
from central.routes.route import Route, Visit
from shared.epochs import HOUR_S
from shared.geo import haversine_m

# Times from memory are rounded, and often to the quarter of an hour: this much either way is no contradiction.
SLACK = timedelta(minutes=10)
# A camera this near sees who comes and goes: its view, and how far a stated place may be from its door.
REACH_M = 100.0
# Whoever is seen farther away than this was not just outside for a moment.
AWAY_M = 300.0
# A sighting less sure than this contradicts nobody.
SURE = 0.8
_FASTEST_M_S = max(mode.greatest_m_s for mode in MODES)


class Verdict(StrEnum):
    """What the cameras say of one stated stay."""

    CONFIRMED = "confirmed"
    CONTRADICTED = "contradicted"
    NOT_SEEN = "not seen"
    NOT_COVERED = "not covered"


class Why(StrEnum):
    """Why no camera says anything of a stay."""

    NO_PLACE = "no place"
    OUTSIDE = "outside the window"
    NO_CAMERA = "no camera in reach"
    NOT_SEARCHED = "not searched"
    NOT_SENT = "nothing was sent"


class Looked(StrEnum):
    """What became of one hour of one cell."""

    NOT_SEARCHED = "not searched"
    NOT_SENT = "not sent"
    SENT = "sent"


@dataclass(frozen=True, slots=True)
class Stated:
    """A stay as the patient told it; degrees, or None where the place is words only."""

    name: str
    start: datetime
    end: datetime
    latitude: float | None = None
    longitude: float | None = None


@dataclass(frozen=True, slots=True)
class Coverage:
    """The cameras in reach, and of how many hours of their cells (`hours`) so many were searched, and had sent."""

    cameras: tuple[str, ...] = ()
    hours: int = 0
    searched: int = 0
    sent: int = 0


@dataclass(frozen=True, slots=True)
class Compared:
    """One stay's verdict and what it rests on; `elsewhere` are visits that contradict it, with the metres between."""

    stated: Stated
    verdict: Verdict
    why: Why | None
    coverage: Coverage
    there: tuple[Visit, ...] = ()
    elsewhere: tuple[tuple[Visit, float], ...] = ()

    @property
    def confidence(self) -> float | None:
        """How sure the sightings are on which the verdict rests; None where it rests on none."""
        visits = [visit for visit, _ in self.elsewhere] or list(self.there)
        return max((visit.confidence for visit in visits), default=None)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Every stay in the order in which it was given, and the visits that no stay covers."""

    stays: tuple[Compared, ...]
    missed: tuple[Visit, ...]


def compare(
    stated: Sequence[Stated], route: Route, cameras: Mapping[str, CameraPlace], looked: Callable[[str, int], Looked]
) -> Comparison:
    """`looked` tells of a cell and an hour (since 1970) whether it was searched and had sent anything."""
    missed = tuple(visit for visit in route.visits if not any(_meets(visit, one) for one in stated))
    return Comparison(tuple(_compared(one, route, cameras, looked) for one in stated), missed)


def _compared(
    one: Stated, route: Route, cameras: Mapping[str, CameraPlace], looked: Callable[[str, int], Looked]
) -> Compared:
    if one.latitude is None or one.longitude is None:
        return Compared(one, Verdict.NOT_COVERED, Why.NO_PLACE, Coverage())
    visits = [visit for visit in route.visits if _meets(visit, one)]
    away = list(zip(visits, _metres(one, [visit.place for visit in visits]), strict=True))
    there = tuple(visit for visit, metres in away if metres <= REACH_M)
    elsewhere = tuple((visit, metres) for visit, metres in away if metres > AWAY_M and _excludes(visit, metres, one))
    coverage = _coverage(one, route.window, cameras, looked)
    verdict = Verdict.CONTRADICTED if elsewhere else Verdict.CONFIRMED if there else Verdict.NOT_SEEN
    why = _why(one, route, coverage)
    if verdict is Verdict.NOT_SEEN and why:
        return Compared(one, Verdict.NOT_COVERED, why, coverage)
    return Compared(one, verdict, None, coverage, there, elsewhere)


def _meets(visit: Visit, one: Stated) -> bool:
    """Whether the visit was during the stay, as far as times from memory go."""
    return visit.start <= one.end + SLACK and visit.end >= one.start - SLACK


def _excludes(visit: Visit, metres: float, one: Stated) -> bool:
    """Whether who was seen so far away cannot have stayed there: it was in the middle of the stay, or nobody could have
    been there at any moment of it."""
    if visit.confidence < SURE:
        return False
    if visit.start < one.end - SLACK and visit.end > one.start + SLACK:
        return True
    on_the_way = timedelta(seconds=max(0.0, metres - 2 * VIEW_M) / _FASTEST_M_S)
    return visit.start - on_the_way < one.start - SLACK and visit.end + on_the_way > one.end + SLACK


def _coverage(
    one: Stated,
    window: tuple[datetime, datetime],
    cameras: Mapping[str, CameraPlace],
    looked: Callable[[str, int], Looked],
) -> Coverage:
    """Hours outside the window count as not searched without being looked up: a stay may be as long as a life."""
    near = in_reach(one, cameras)
    cells, hours, within = sorted({place.cell for place in near}), _hours(one.start, one.end), _hours(*window)
    asked = range(max(hours.start, within.start), min(hours.stop, within.stop))
    found = [looked(cell, hour) for cell in cells for hour in asked]
    searched = sum(each is not Looked.NOT_SEARCHED for each in found)
    return Coverage(tuple(place.camera for place in near), len(cells) * len(hours), searched, found.count(Looked.SENT))


def in_reach(one: Stated, cameras: Mapping[str, CameraPlace]) -> list[CameraPlace]:
    """The cameras that see who comes to a stay's place, or goes; none where the place is words only."""
    if one.latitude is None or one.longitude is None:
        return []
    places = list(cameras.values())
    return [place for place, away in zip(places, _metres(one, places), strict=True) if away <= REACH_M]


def _hours(start: datetime, end: datetime) -> range:
    """The hours since 1970 that a time touches, at least one."""
    last = end - timedelta(microseconds=1) if end > start else end
    return range(int(start.timestamp()) // HOUR_S, int(last.timestamp()) // HOUR_S + 1)


def _why(one: Stated, route: Route, coverage: Coverage) -> Why | None:
    """Why the cameras' silence says nothing; None where most of the time they were searched and sending."""
    if one.end < route.window[0] or one.start > route.window[1]:
        return Why.OUTSIDE
    if not coverage.cameras:
        return Why.NO_CAMERA
    if 2 * coverage.searched < coverage.hours:
        return Why.NOT_SEARCHED
    return Why.NOT_SENT if 2 * coverage.sent < coverage.hours else None


def _metres(one: Stated, places: Sequence[CameraPlace]) -> list[float]:
    if one.latitude is None or one.longitude is None or not places:
        return []
    latitude = np.array([place.latitude for place in places], np.float64)
    longitude = np.array([place.longitude for place in places], np.float64)
    found: list[float] = haversine_m(one.latitude, one.longitude, latitude, longitude).tolist()
    return found
