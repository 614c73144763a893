"""A streamed city as its nodes would seal it: one cell and one hour after the other, with vectors to encode.

For whoever needs sealed batches and no scenario: the benchmark of the search, or a node that is simulated.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from shared.epochs import HOUR_S, Epoch
from tests.city.faces import Float32
from tests.city.stream import StreamedCity, Unit
from tests.city.streets import Ints
from tests.city.watching import Encounters, Sightings


@dataclass(frozen=True, slots=True, eq=False)
class SeenInHour:
    """One cell-hour: city-wide `numbers` [n] of its sightings, in order of start; `face` and `clothes` [n] are rows of
    `faces` and `worn`, or -1. Times count in seconds from the plan's start. Encounters name sightings by number, and
    stand with the one that began last; its partner may have begun in an earlier hour."""

    epoch: Epoch
    numbers: Ints
    sightings: Sightings = field(repr=False)
    face: Ints = field(repr=False)
    clothes: Ints = field(repr=False)
    faces: Float32 = field(repr=False)
    worn: Float32 = field(repr=False)
    encounters: Encounters = field(repr=False)


def cell_hours(city: StreamedCity) -> Iterator[SeenInHour]:
    """Every cell-hour in which anybody was seen, hour by hour, in order of cells; not more in memory than one unit."""
    cells, of_camera = np.unique([place.cell for place in city.cameras.places], return_inverse=True)
    begin = int(city.plan.start.timestamp()) // HOUR_S
    for unit in city.units():
        yield from _split(unit, [str(cell) for cell in cells], of_camera[unit.sightings.camera], begin + unit.hour)


def _split(unit: Unit, cells: list[str], cell: Ints, hour: int) -> Iterator[SeenInHour]:
    seen, met = unit.sightings, unit.encounters
    face = np.where(seen.has_face, np.cumsum(seen.has_face) - 1, -1)
    clothes = np.where(seen.has_clothes, np.cumsum(seen.has_clothes) - 1, -1)
    last = np.maximum(met.a, met.b) - unit.first
    for number in np.unique(cell):
        rows = np.flatnonzero(cell == number)
        own_face, own_clothes = face[rows], clothes[rows]
        yield SeenInHour(
            epoch=Epoch(cells[number], hour),
            numbers=unit.first + rows,
            sightings=seen.take(rows),
            face=np.where(own_face >= 0, np.cumsum(own_face >= 0) - 1, -1),
            clothes=np.where(own_clothes >= 0, np.cumsum(own_clothes >= 0) - 1, -1),
            faces=unit.faces[own_face[own_face >= 0]],
            worn=unit.clothes[own_clothes[own_clothes >= 0]],
            encounters=met.take(cell[last] == number),
        )
