"""What stands still in a large city: streets, rooms, lines, cameras, and the blocks in which its people are made.

A block is a few thousand people with a share of the city's offices: who works together lives in one block, so that a
block's days can be made without any other's. Everything else, they share with the whole city.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from tests.city.cameras import Cameras, make_cameras
from tests.city.days import Town, live
from tests.city.people import make_people
from tests.city.plan import CityPlan
from tests.city.sites import ByRegister, Register
from tests.city.streets import Floats, Ints, Streets, make_streets
from tests.city.tracks import Tracks, day_tracks
from tests.city.transit import Transit, make_lines, make_transit
from tests.city.venues import KINDS, WORK, Venues, make_venues
from tests.city.walks import Ways, make_ways

_STATION = next(k for k, kind in enumerate(KINDS) if kind.name == "transport")


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """`group` is the part of the city each camera [cameras] belongs to: whole neighbouring cells."""

    plan: CityPlan
    streets: Streets
    venues: Venues
    ways: Ways = field(repr=False)
    transit: Transit | None = field(repr=False)
    cameras: Cameras = field(repr=False)
    group: Ints = field(repr=False)

    @property
    def blocks(self) -> int:
        return -(-self.plan.people // self.plan.block_people)

    @property
    def groups(self) -> int:
        return int(self.group.max()) + 1

    def first_person(self, block: int) -> int:
        return block * self.plan.block_people

    def tracks(self, block: int, day: int) -> Tracks:
        """One block's day, as its people truly went; persons are numbered city-wide."""
        town = self._town(block)
        made = day_tracks(town, self.cameras, live(town, day), day)
        return replace(made, person=made.person + self.first_person(block))

    def _town(self, block: int) -> Town:
        size = min(self.plan.block_people, self.plan.people - self.first_person(block))
        plan = replace(self.plan.of_part("block", block), people=size)
        offices = np.flatnonzero(self.venues.kind == WORK)
        own = offices[block :: self.blocks]
        people = make_people(plan, self.streets, self.venues, own if len(own) else offices)
        return Town(plan, self.streets, self.venues, people, self.ways, self.transit)


def make_ground(plan: CityPlan, register: Register, folder: Path) -> Ground:
    """`folder` takes the ways to every crossing, which are too many for the memory: two bytes each."""
    streets = make_streets(plan)
    lines = make_lines(plan, streets)
    venues = _with_stations(make_venues(plan, streets), streets, lines.stations)
    room_of = {crossing: k for k, crossing in enumerate(lines.stations.tolist())}
    transit = make_transit(plan, streets, lines, room_of)
    stops = transit.crossing if transit else np.zeros(0, np.int64)
    ways = make_ways(plan, streets, np.concatenate([venues.crossing, stops]), folder / "ways.npy")
    cameras = _hidden(plan, make_cameras(plan, streets, venues, ByRegister(register)))
    cells = sorted({place.cell for place in cameras.places})
    group = {cell: number // plan.group_cells for number, cell in enumerate(cells)}
    return Ground(
        plan, streets, venues, ways, transit, cameras, np.array([group[place.cell] for place in cameras.places])
    )


def _with_stations(venues: Venues, streets: Streets, crossings: Ints) -> Venues:
    """A room for each station, first of all, since the first rooms have cameras: stations always do."""
    corner = streets.xy[crossings] + np.array([14.0, 10.0])
    return Venues(
        np.concatenate([crossings, venues.crossing]),
        np.concatenate([np.full(len(crossings), _STATION), venues.kind]),
        np.concatenate([streets.xy[crossings], venues.xy]),
        np.concatenate([corner, venues.corner]),
        large=True,
    )


def _hidden(plan: CityPlan, cameras: Cameras) -> Cameras:
    """Of some cameras a tree or a sign hides the farther half of what they seem to watch."""
    hidden = (plan.random("hidden").random(len(cameras.xy)) < plan.hidden_share) & ~cameras.indoor
    middle: Floats = (cameras.near + cameras.far) / 2
    return replace(
        cameras,
        near=np.where(hidden & (cameras.looks < 0), middle, cameras.near),
        far=np.where(hidden & (cameras.looks > 0), middle, cameras.far),
    )
