"""A large city as a stream, hour by hour and part by part: the same bytes however much of it is in memory at once.

First a day's people go their ways, block by block, and their tracks go to disk; then cameras see them, one hour of one
part of the city at a time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tests.city.cameras import Cameras
from tests.city.clothes import clothes_vectors
from tests.city.dark import all_outages, during
from tests.city.faces import Centres, Float32, face_vectors, is_covered, reference_vectors
from tests.city.following import Chosen, Following
from tests.city.ground import make_ground
from tests.city.looks import Looks
from tests.city.meetings import meetings
from tests.city.patients import Patient, look_alikes
from tests.city.plan import HOUR, CityPlan
from tests.city.sites import Register, read_register
from tests.city.spill import AT_ONCE, Spill
from tests.city.streets import Bools, Floats, Ints
from tests.city.tracks import Tracks, joined
from tests.city.watching import Encounters, Sightings, noted, watch

Tell = Callable[[str], None]
_DAY_HOURS = 24
_TELL_EVERY = 20  # blocks


@dataclass(frozen=True, slots=True, eq=False)
class Unit:
    """What one part of the city saw begin in one hour (counted from the plan's start). Its first sighting is number
    `first` of the city, and encounters name sightings by these numbers, earlier hours' too. `covered` is truth: whose
    face was behind a mask. `faces` and `clothes` are those of the sightings that have them, [n, d] each."""

    hour: int
    group: int
    first: int
    sightings: Sightings = field(repr=False)
    encounters: Encounters = field(repr=False)
    faces: Float32 = field(repr=False)
    clothes: Float32 = field(repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class _Held:
    """Tracks that go on into the next hour, and their sightings."""

    tracks: Tracks
    rows: Ints


class StreamedCity:
    """One city, to be streamed once. `folder` takes what is too large for the memory, and may be deleted afterwards.

    `patients` are known when the stream has ended; `persons` when it has begun.
    """

    def __init__(
        self,
        plan: CityPlan,
        folder: Path,
        *,
        register: Register | None = None,
        vectors: bool = True,
        at_once: int = AT_ONCE,
        tell: Tell = lambda _: None,
    ) -> None:
        self.plan, self._folder, self._vectors, self._tell = plan, folder, vectors, tell
        self.register = register or read_register()
        tell(f"streets, rooms, lines and ways; {self.register.about}")
        self.ground = make_ground(plan, self.register, folder)
        self.outages = all_outages(plan, self.cameras)
        self._spill = Spill(folder, self.ground.group, at_once)
        self._following = Following(plan, [])
        self._looks: Looks | None = None
        self._worn: Centres = np.zeros((1, 0, 0), np.float16)
        self._rows = 0

    @property
    def cameras(self) -> Cameras:
        return self.ground.cameras

    @property
    def hours(self) -> int:
        return math.ceil(self.plan.seconds / HOUR)

    @property
    def patients(self) -> tuple[Patient, ...]:
        return self._following.patients(self.cameras)

    @property
    def references(self) -> Float32:
        """Two rows a patient: without a mask and with one."""
        if self._looks is None or not self._following.persons:
            return np.zeros((0, self.plan.face_dimensions), np.float32)
        return reference_vectors(self.plan, self._looks.identities, self._following.persons)

    def pictures(self) -> Float32:
        """Clothes on the full-length pictures of the patients who gave one, as worn on the last day."""
        person = np.array([one.person for one in self.patients if one.full_length_picture], np.int64)
        return _together(
            clothes_vectors(self.plan.of_part("pictures"), person, np.zeros(len(person)), self._worn),
            self.plan.appearance_dimensions,
        )

    def units(self) -> Iterator[Unit]:
        """Every hour of every part, in order of hour and part."""
        held: dict[int, _Held] = {}
        for day in range(self.plan.days):
            self._live(day)
            for hour in range(day * _DAY_HOURS, min((day + 1) * _DAY_HOURS, self.hours)):
                began = self._rows
                for group in range(self.ground.groups):
                    yield self._unit(hour, group, held)
                self._tell(f"day {day + 1}, hour {hour % _DAY_HOURS + 1}: {self._rows - began:,} sightings")

    def _live(self, day: int) -> None:
        chosen = Chosen(self.plan, self.cameras.indoor)

        def blocks() -> Iterator[Tracks]:
            for block in range(self.ground.blocks):
                tracks = self.ground.tracks(block, day)
                chosen.look_at(block, tracks)
                if (block + 1) % _TELL_EVERY == 0:
                    self._tell(f"day {day + 1}: {block + 1} of {self.ground.blocks} blocks of people")
                yield tracks

        total = self._spill.add_all(blocks())
        self._tell(f"day {day + 1}: {total:,} tracks before {len(self.cameras.xy):,} cameras")
        if day == 0:
            self._following = Following(self.plan, chosen.persons)
            if len(chosen.persons) < self.plan.patients:
                self._tell(f"only {len(chosen.persons)} people were before cameras often enough to be patients")
        if self._vectors:
            alike = look_alikes(self.plan, self._following.persons)
            self._looks = self._looks or Looks(self.plan, self._folder, alike)
            self._worn = self._looks.clothes(day)

    def _unit(self, hour: int, group: int, held: dict[int, _Held]) -> Unit:
        """What was going on and what begins are held against each other; what goes on is remembered."""
        plan, begins = self.plan.of_part("unit", hour, group), self._spill.take(hour, group)
        until = float(begins.end.max(initial=0.0))
        seen = watch(plan, self.cameras, during(self.outages, hour * HOUR, until), begins)
        rows = np.full(len(begins), -1)
        rows[seen.track] = self._rows + np.arange(len(seen))
        if group in held:
            tracks, all_rows = joined([held[group].tracks, begins]), np.concatenate([held[group].rows, rows])
        else:
            tracks, all_rows = begins, rows
        begun = len(tracks) - len(begins)
        met = meetings(tracks, plan.encounter_reach_m + 3 * plan.distance_sd_m)
        met = met.take(np.maximum(met.a, met.b) >= begun)
        self._following.look_at(tracks, all_rows, begun, met)
        lasting = np.flatnonzero(tracks.end > (hour + 1) * HOUR)
        held[group] = _Held(tracks.take(lasting), all_rows[lasting])
        covered = is_covered(begins.mask[seen.track])
        faces, clothes = self._seen_of(plan, seen, covered)
        self._rows += len(seen)
        return Unit(hour, group, self._rows - len(seen), seen, noted(plan, all_rows, met), faces, clothes)

    def _seen_of(self, plan: CityPlan, seen: Sightings, covered: Bools) -> tuple[Float32, Float32]:
        if self._looks is None:
            return _together(iter(()), plan.face_dimensions), _together(iter(()), plan.appearance_dimensions)
        face, worn = seen.take(seen.has_face), seen.person[seen.has_clothes]
        portions = face_vectors(plan, self._looks.identities, face.person, covered[seen.has_face], face.quality)
        today: Floats = np.zeros(len(worn))
        clothes = clothes_vectors(plan, worn, today, self._worn)
        return _together(portions, plan.face_dimensions), _together(clothes, plan.appearance_dimensions)


def _together(portions: Iterator[Float32], dimensions: int) -> Float32:
    return np.concatenate([np.zeros((0, dimensions), np.float32), *portions])
