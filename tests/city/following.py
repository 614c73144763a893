"""The patients of a streamed city: chosen as its people are made, followed as its hours go by, known at its end."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from tests.city.cameras import Cameras
from tests.city.contact_truth import true_contacts
from tests.city.meetings import Meetings
from tests.city.patients import Patient, testimony
from tests.city.plan import CityPlan
from tests.city.streets import Bools, Floats, Ints
from tests.city.tracks import Tracks, joined

_FEWEST_TRACKS = 10  # of the first day; a few may be missed
_SAT_S = 1200.0


Lots = list[tuple[float, int]]


@dataclass(slots=True)
class Chosen:
    """The patients drawn so far, by lot among all who were before cameras often enough; blocks may come in any order.

    Few rooms have a camera, and without one hardly anybody is seen near somebody for a quarter of an hour: so every
    second patient is drawn among those who sat before an indoor camera for that long. `indoor` is [cameras].
    """

    plan: CityPlan
    indoor: Bools
    anybody: Lots = field(default_factory=list)
    sat_inside: Lots = field(default_factory=list)

    def look_at(self, block: int, tracks: Tracks) -> None:
        person, of, often = np.unique(tracks.person, return_inverse=True, return_counts=True)
        inside = np.bincount(of, (tracks.end - tracks.start) * self.indoor[tracks.camera], len(person))
        lot = self.plan.random("lots", block).random(self.plan.block_people)[person - block * self.plan.block_people]
        enough = often >= _FEWEST_TRACKS
        self.anybody = self._least(self.anybody, lot[enough], person[enough])
        sat = enough & (inside >= _SAT_S)
        self.sat_inside = self._least(self.sat_inside, lot[sat], person[sat])

    def _least(self, known: Lots, lot: Floats, person: Ints) -> Lots:
        return sorted([*known, *zip(lot.tolist(), person.tolist(), strict=True)])[: self.plan.patients]

    @property
    def persons(self) -> list[int]:
        inside = self.sat_inside[: self.plan.patients // 2]
        rest = [one for one in self.anybody if one not in inside]
        return sorted(person for _, person in [*inside, *rest[: self.plan.patients - len(inside)]])


@dataclass(eq=False)
class Following:
    """Their tracks, and those of whoever was near them, with each one's sighting (-1 where it was missed)."""

    plan: CityPlan
    persons: list[int]
    _own: list[tuple[Tracks, Ints]] = field(default_factory=list, repr=False)
    _near: list[tuple[Tracks, Ints, Meetings]] = field(default_factory=list, repr=False)

    def look_at(self, tracks: Tracks, rows: Ints, begun: int, met: Meetings) -> None:
        """One hour of one part of the city; tracks before `begun` were looked at in an earlier one."""
        own = np.flatnonzero(np.isin(tracks.person, self.persons))
        new = own[own >= begun]
        if len(new):
            self._own.append((tracks.take(new), rows[new]))
        followed = np.zeros(len(tracks), np.bool_)
        followed[own] = True
        theirs = met.take(followed[met.a] | followed[met.b])
        if len(theirs):
            kept, place = np.unique(np.concatenate([theirs.a, theirs.b]), return_inverse=True)
            a, b = np.split(place.astype(np.int64), 2)
            pairs = Meetings(a, b, theirs.start, theirs.end, theirs.nearest_m)
            self._near.append((tracks.take(kept), rows[kept], pairs))

    def patients(self, cameras: Cameras) -> tuple[Patient, ...]:
        return tuple(self._patient(cameras, person) for person in self.persons)

    def _patient(self, cameras: Cameras, person: int) -> Patient:
        random = self.plan.random("patient", person)
        picture = bool(random.random() < 0.5)
        parts = [(tracks.take(tracks.person == person), rows[tracks.person == person]) for tracks, rows in self._own]
        own, rows = joined([tracks for tracks, _ in parts]), np.concatenate([rows for _, rows in parts])
        return Patient(
            person=person,
            full_length_picture=picture,
            testimony=testimony(self.plan, cameras, own, random),
            sightings=tuple(np.sort(rows[rows >= 0]).tolist()),
            contacts=self._contacts(person),
        )

    def _contacts(self, person: int) -> dict[str, tuple[tuple[int, ...], ...]]:
        if not self._near:
            return {}
        begin = np.cumsum([0, *(len(tracks) for tracks, _, _ in self._near)])
        tracks = joined([part for part, _, _ in self._near])
        rows = np.concatenate([part for _, part, _ in self._near])
        met = Meetings(
            np.concatenate([part.a + at for at, (_, _, part) in zip(begin, self._near, strict=False)]),
            np.concatenate([part.b + at for at, (_, _, part) in zip(begin, self._near, strict=False)]),
            *(np.concatenate([getattr(part, name) for _, _, part in self._near]) for name in _TIMES),
        )
        found = true_contacts(tracks, met, person)
        return {preset: _sighted(rows, of_preset) for preset, of_preset in found.items()}


_TIMES = ("start", "end", "nearest_m")


def _sighted(rows: Ints, of_preset: dict[int, Ints]) -> tuple[tuple[int, ...], ...]:
    """Sightings of each contact person, each once; a person of whom all were missed cannot be named."""
    found = [tuple(sorted(set(rows[tracks][rows[tracks] >= 0].tolist()))) for tracks in of_preset.values()]
    return tuple(some for some in found if some)
