"""A patient's way: visits in order of time, and what lies between them. Pure data; it names no stranger."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from central.routes.camera_graph import CameraPlace
from central.search.candidates import Candidate
from shared.face_mask import FaceMask


@dataclass(frozen=True, slots=True)
class Meeting:
    """Somebody near the patient during a visit, under the case's pseudonym.

    `min_distance_m` is None where the two were only seen in one view. `near_s` are the seconds within each of
    shared.sightings.REACHES_M; None where the box did not count them.
    """

    pseudonym: str
    start: datetime
    end: datetime
    min_distance_m: float | None
    distance_error_m: float
    mask: FaceMask
    near_s: tuple[float, ...] | None = None


@dataclass(frozen=True, slots=True)
class Visit:
    """One sighting that was taken for the patient's; `confidence` is the posterior probability 0..1 that it is.

    The candidate's partners are left out: whom the patient met is in `met`.
    """

    candidate: Candidate
    confidence: float
    place: CameraPlace
    met: tuple[Meeting, ...] = ()

    @property
    def start(self) -> datetime:
        return self.candidate.start

    @property
    def end(self) -> datetime:
        return self.candidate.end


@dataclass(frozen=True, slots=True)
class Stay:
    """Visits `first` to `last` (positions in the route) at one place or close by, and the time that they span."""

    place: CameraPlace
    start: datetime
    end: datetime
    first: int
    last: int

    @property
    def minutes(self) -> float:
        return _minutes(self.end - self.start)


@dataclass(frozen=True, slots=True)
class Leg:
    """The way from the visit at position `first` to the one after, along streets (estimated metres)."""

    first: int
    start: datetime
    end: datetime
    metres: float
    mode: str


class Why(StrEnum):
    """Why there is no evidence: cameras on the way saw others only, there are none, most of them sent nothing (they
    were down, or nobody passed), or the time could not be searched."""

    UNSEEN = "unseen"
    BLIND = "blind"
    OUTAGE = "outage"
    UNSEARCHED = "unsearched"


@dataclass(frozen=True, slots=True)
class Gap:
    """Time without evidence after the visit at position `after`; -1 stands for before the first.

    `cameras` could have seen somebody on the way, of whom about `dark` sent nothing in these hours.
    """

    after: int
    start: datetime
    end: datetime
    why: Why = Why.UNSEEN
    cameras: int = 0
    dark: int = 0

    @property
    def minutes(self) -> float:
        return _minutes(self.end - self.start)


@dataclass(frozen=True, slots=True)
class Route:
    """What was found within the window. Without visits: the patient was not seen, which is an answer.

    `unplaced` counts candidates that were set aside because their camera, cell or time did not fit.
    """

    window: tuple[datetime, datetime]
    visits: tuple[Visit, ...] = ()
    stays: tuple[Stay, ...] = ()
    legs: tuple[Leg, ...] = ()
    gaps: tuple[Gap, ...] = ()
    unplaced: int = 0


def _minutes(length: timedelta) -> float:
    return length / timedelta(minutes=1)
