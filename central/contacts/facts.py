"""Exposures: who was near the patient, where, when and how near. Raw facts, as measured; no rule is in them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from central.routes.camera_graph import CameraPlace
from central.routes.route import Route
from shared.clock import as_utc
from shared.face_mask import FaceMask
from shared.sightings import REACHES_M


@dataclass(frozen=True, slots=True)
class Exposure:
    """Two people near each other at one place; `pseudonym` is the other person within this case.

    `min_distance_m` is None where the two were only seen in one view, without a distance; `distance_error_m` is one
    standard error. `near_s` are the seconds within each of REACHES_M; None where the box did not count them.
    """

    pseudonym: str
    place: CameraPlace
    start: datetime
    end: datetime
    min_distance_m: float | None
    distance_error_m: float
    patient_mask: FaceMask
    other_mask: FaceMask
    confidence: float
    near_s: tuple[float, ...] | None = None

    @property
    def minutes(self) -> float:
        return (self.end - self.start) / timedelta(minutes=1)

    @property
    def indoor(self) -> bool:
        return self.place.indoor

    @property
    def both_masked(self) -> bool:
        return self.patient_mask is self.other_mask is FaceMask.WORN

    @property
    def mask_unknown(self) -> bool:
        """Whether a mask that was not seen decides: the other person's state alone does not."""
        masks = {self.patient_mask, self.other_mask}
        return FaceMask.UNKNOWN in masks and not masks & {FaceMask.ABSENT, FaceMask.INCORRECT}


def exposures(route: Route) -> tuple[Exposure, ...]:
    """The meetings of all visits that the route rests on, in order of time."""
    found = [
        Exposure(
            pseudonym=met.pseudonym,
            place=visit.place,
            start=met.start,
            end=met.end,
            min_distance_m=met.min_distance_m,
            distance_error_m=met.distance_error_m,
            patient_mask=visit.candidate.mask,
            other_mask=met.mask,
            confidence=visit.confidence,
            near_s=met.near_s,
        )
        for visit in route.visits
        for met in visit.met
    ]
    return tuple(sorted(found, key=lambda one: (one.start, one.end, one.pseudonym)))


def exposure_to_map(one: Exposure) -> dict[str, Any]:
    """Plain JSON values."""
    return {
        "pseudonym": one.pseudonym,
        "camera": one.place.camera,
        "latitude": one.place.latitude,
        "longitude": one.place.longitude,
        "indoor": one.indoor,
        "start": as_utc(one.start).isoformat(),
        "end": as_utc(one.end).isoformat(),
        "minutes": round(one.minutes, 1),
        "near_s": None if one.near_s is None else dict(zip(map(str, REACHES_M), one.near_s, strict=True)),
        "min_distance_m": one.min_distance_m,
        "distance_error_m": one.distance_error_m,
        "patient_mask": one.patient_mask.label,
        "other_mask": one.other_mask.label,
        "confidence": round(one.confidence, 3),
    }
