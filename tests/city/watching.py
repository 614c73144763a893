"""What the cameras make of true tracks: some are missed, faces seen or not, masks misjudged, places a little off."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from shared.face_mask import FaceMask
from tests.city.cameras import Cameras
from tests.city.faces import is_covered
from tests.city.meetings import Meetings
from tests.city.plan import HOUR, CityPlan
from tests.city.streets import Bools, Floats, Ints
from tests.city.tracks import Tracks


@dataclass(frozen=True, slots=True, eq=False)
class Outages:
    """Cameras that saw nothing from `start` to `end`, seconds since the plan's start."""

    camera: Ints
    start: Floats
    end: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Sightings:
    """What was reported, in order of start. `track` and `person` are the truth behind it and leave the city with
    nobody. Times in seconds since the plan's start, whole milliseconds; `place` [n, 2] metres east and north."""

    track: Ints
    person: Ints
    camera: Ints
    start: Floats
    end: Floats
    has_face: Bools
    has_clothes: Bools
    mask: npt.NDArray[np.uint8]
    quality: Floats
    place: Floats

    def __len__(self) -> int:
        return len(self.track)

    def take(self, rows: Ints | Bools) -> Sightings:
        return Sightings(*(getattr(self, field.name)[rows] for field in fields(self)))


@dataclass(frozen=True, slots=True, eq=False)
class Encounters:
    """Pairs of sightings, by row, with the measured smallest distance."""

    a: Ints
    b: Ints
    start: Floats
    end: Floats
    min_distance_m: Floats

    def __len__(self) -> int:
        return len(self.a)

    def take(self, rows: Ints | Bools) -> Encounters:
        return Encounters(*(getattr(self, field.name)[rows] for field in fields(self)))


def make_outages(plan: CityPlan) -> Outages:
    """A share of the cameras fails once, for half an hour to three hours."""
    random = plan.random("outages")
    camera = np.flatnonzero(random.random(plan.cameras) < plan.outage_share)
    start = np.round(random.uniform(0, plan.seconds - 0.5 * HOUR, len(camera)))
    end = np.minimum(np.round(start + random.uniform(0.5, 3, len(camera)) * HOUR), plan.seconds)
    return Outages(camera, start, end)


def watch(plan: CityPlan, cameras: Cameras, outages: Outages, tracks: Tracks) -> Sightings:
    """The sightings of the tracks that were not missed, in their order."""
    random = plan.random("watching")
    dark = np.zeros(len(tracks), np.bool_)
    for camera, start, end in zip(outages.camera, outages.start, outages.end, strict=True):
        dark |= (tracks.camera == camera) & (tracks.start < end) & (tracks.end > start)
    track = np.flatnonzero((random.random(len(tracks)) >= plan.missed) & ~dark)
    seen = tracks.take(track)
    chances = np.array([plan.face_away, plan.face_toward, plan.face_indoors])
    has_face = random.random(len(track)) < chances[seen.facing]
    a, b = np.where(is_covered(seen.mask)[:, None], plan.quality_masked, plan.quality_bare).T
    quality = np.round(np.where(has_face, random.beta(a, b), random.beta(1.5, 6)), 3)
    middle = seen.at(np.arange(len(track)), (seen.start + seen.end) / 2)
    return Sightings(
        track=track,
        person=seen.person,
        camera=seen.camera,
        start=np.round(seen.start, 3),
        end=np.round(seen.end, 3),
        has_face=has_face,
        has_clothes=random.random(len(track)) < plan.clothes_seen,
        mask=_judged(plan, seen.mask, has_face, random),
        quality=quality.astype(np.float64),
        place=np.round(middle + random.normal(0, plan.position_sd_m, middle.shape), 2),
    )


def note_encounters(plan: CityPlan, sightings: Sightings, met: Meetings, tracks: int) -> Encounters:
    """The true meetings of which both sides were sighted, with a measured distance."""
    row = np.full(tracks, -1)
    row[sightings.track] = np.arange(len(sightings))
    return noted(plan, row, met)


def noted(plan: CityPlan, row: Ints, met: Meetings) -> Encounters:
    """The same, where `row` is the sighting of each track, or -1."""
    random = plan.random("encounters")
    measured = np.round((met.nearest_m + random.normal(0, plan.distance_sd_m, len(met))).clip(0.2), 2)
    a, b = row[met.a], row[met.b]
    start, end = np.round(met.start, 3), np.round(met.end, 3)
    lasting = met.end - met.start >= plan.encounter_shortest_s
    near = (a >= 0) & (b >= 0) & (measured <= plan.encounter_reach_m)
    return Encounters(a, b, start, end, measured).take(near & lasting)


def _judged(
    plan: CityPlan, truth: npt.NDArray[np.uint8], has_face: Bools, random: np.random.Generator
) -> npt.NDArray[np.uint8]:
    """What the box says of the mask: now and then wrong, and unknown without a face."""
    wrong = random.random(len(truth)) < plan.mask_misjudged
    said = np.where(wrong, (truth + random.integers(1, 3, len(truth))) % 3, truth)
    return np.where(has_face, said, FaceMask.UNKNOWN).astype(np.uint8)
