"""What the system found of a walk: recall by camera and by circumstance, offsets in time, errors in metres. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from statistics import median
from typing import Any, Final

import numpy as np

from central.routes.route import Visit
from central.walk_test.passages import Passage
from central.walk_test.sun import is_dark
from central.walk_test.tracks import Track
from shared.geo import EARTH_RADIUS_M, haversine_m

TOLERANCE_S: Final = 120.0  # a plan is walked faster or slower; clocks of boxes and testers differ by seconds


@dataclass(frozen=True, slots=True)
class Found:
    """A passage and the visit that the route has for it; None: the camera missed it.

    `offset_s` is how much later the system saw the tester than they passed; `error_m` how far the position that the box
    measured is from where the tester's device was at that moment, None where either is unknown.
    """

    walked: Passage
    visit: Visit | None
    offset_s: float | None
    error_m: float | None

    @property
    def circumstances(self) -> tuple[str, ...]:
        """Indoors, or dark or light outdoors, and the tester's own word."""
        place = self.walked.place
        dark = is_dark(self.walked.at, place.latitude, place.longitude)
        light = "indoors" if place.indoor else "dark" if dark else "daylight"
        return (light, self.walked.condition) if self.walked.condition else (light,)


@dataclass(frozen=True, slots=True)
class WalkScore:
    """`extra` are visits in the walk's time to cameras that the tester did not pass then: they are somebody else."""

    found: tuple[Found, ...]
    extra: tuple[Visit, ...]

    @property
    def recall(self) -> float:
        return _recall(self.found)

    @property
    def precision(self) -> float | None:
        """None when the route has no visit in the walk's time."""
        hits = sum(one.visit is not None for one in self.found)
        return hits / (hits + len(self.extra)) if hits or self.extra else None

    def to_map(self) -> dict[str, Any]:
        """Plain JSON values; only the tester's own passages are in it."""
        cameras = sorted({one.walked.place.camera for one in self.found})
        words = sorted({word for one in self.found for word in one.circumstances})
        hits = [one for one in self.found if one.visit is not None]
        return {
            **_map("all", self.found),
            "precision": None if self.precision is None else round(self.precision, 3),
            "cameras": [_map(name, [one for one in self.found if one.walked.place.camera == name]) for name in cameras],
            "circumstances": [_map(word, [one for one in self.found if word in one.circumstances]) for word in words],
            "found_by": _counts(hits, lambda visit: visit.candidate.modality.value),
            "masks_seen": _counts(hits, lambda visit: visit.candidate.mask.label),
            "missed": [
                {"camera": one.walked.place.camera, "time": one.walked.at.isoformat(), "as": list(one.circumstances)}
                for one in self.found if one.visit is None
            ],
            "extra": [{"camera": one.place.camera, "time": one.start.isoformat()} for one in self.extra],
        }  # fmt: skip


def score_walk(
    passages: Sequence[Passage], visits: Sequence[Visit], track: Track | None = None, tolerance_s: float = TOLERANCE_S
) -> WalkScore:
    """Each passage gets at most one visit of its camera within the tolerance, the nearest in time first, and each visit
    at most one passage. Visits further than it before the first and after the last are no part of the walk."""
    pairs = sorted(
        (apart, i, k)
        for i, one in enumerate(passages)
        for k, visit in enumerate(visits)
        if visit.place.camera == one.place.camera and (apart := _apart(one, visit)) <= tolerance_s
    )
    taken: dict[int, int] = {}
    used: set[int] = set()
    for _, i, k in pairs:
        if i not in taken and k not in used:
            taken[i] = k
            used.add(k)
    found = tuple(_found(one, visits[taken[i]] if i in taken else None, track) for i, one in enumerate(passages))
    return WalkScore(found, tuple(_during(passages, visits, used, tolerance_s)))


def _during(
    passages: Sequence[Passage], visits: Sequence[Visit], taken: set[int], tolerance_s: float
) -> Iterable[Visit]:
    if not passages:
        return
    slack = timedelta(seconds=tolerance_s)
    first, last = min(one.at for one in passages) - slack, max(one.at for one in passages) + slack
    yield from (
        visit for k, visit in enumerate(visits) if k not in taken and visit.start <= last and visit.end >= first
    )


def _apart(one: Passage, visit: Visit) -> float:
    """Seconds between a passage and a visit; 0 within it."""
    return max((visit.start - one.at).total_seconds(), (one.at - visit.end).total_seconds(), 0.0)


def _found(walked: Passage, visit: Visit | None, track: Track | None) -> Found:
    if visit is None:
        return Found(walked, None, None, None)
    middle = visit.start + (visit.end - visit.start) / 2
    return Found(walked, visit, (middle - walked.at).total_seconds(), _error_m(visit, track))


def _error_m(visit: Visit, track: Track | None) -> float | None:
    seen = visit.candidate
    middle = visit.start + (visit.end - visit.start) / 2
    real = track.at(middle) if track else None
    if real is None or seen.east_m is None or seen.north_m is None:
        return None
    latitude = visit.place.latitude + np.degrees(seen.north_m / EARTH_RADIUS_M)
    circle = EARTH_RADIUS_M * np.cos(np.radians(visit.place.latitude))
    longitude = visit.place.longitude + np.degrees(seen.east_m / circle)
    return float(haversine_m(*real, float(latitude), float(longitude)))


def _map(name: str, found: Sequence[Found]) -> dict[str, Any]:
    hits = [one for one in found if one.visit is not None]
    offsets = [one.offset_s for one in hits if one.offset_s is not None]
    errors = [one.error_m for one in hits if one.error_m is not None]
    return {
        "name": name,
        "passages": len(found),
        "seen": len(hits),
        "recall": round(_recall(found), 3),
        "offset_s": round(median(offsets), 1) if offsets else None,
        "error_m": round(median(errors), 1) if errors else None,
    }


def _recall(found: Sequence[Found]) -> float:
    return sum(one.visit is not None for one in found) / len(found) if found else 0.0


def _counts(hits: Iterable[Found], word: Callable[[Visit], str]) -> Mapping[str, int]:
    return dict(sorted(Counter(word(one.visit) for one in hits if one.visit is not None).items()))
