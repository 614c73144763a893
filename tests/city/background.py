"""Other people's sightings of one hour, in a simulated city laid around real cameras: what a demo's other boxes saw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt

from central.routes.camera_graph import CameraPlace
from shared.face_mask import FaceMask
from shared.geo import haversine_m
from tests.city.cameras import Cameras
from tests.city.city import City, make_city
from tests.city.clothes import clothes_vectors
from tests.city.faces import Float32, face_vectors, is_covered
from tests.city.plan import HOUR, CityPlan
from tests.city.streets import Bools, Ints
from tests.city.watching import Encounters, Sightings

# The hour shown is the busy one after noon: the seventh of a city's day, which begins at 06:00.
_BUSY = 6 * HOUR
# No simulated camera hangs where a real one sees.
_KEEP_AWAY_M = 40.0


@dataclass(frozen=True, slots=True)
class CitySighting:
    """One sighting; `face` and `clothes` are rows of its CellHour's arrays, or -1 where none were seen."""

    camera: str
    start: datetime
    end: datetime
    face: int
    clothes: int
    mask: FaceMask
    quality: float
    east_m: float
    north_m: float


@dataclass(frozen=True, slots=True)
class CityEncounter:
    """Two sightings of one camera, by their places in the CellHour's `sightings`."""

    a: int
    b: int
    start: datetime
    end: datetime
    min_distance_m: float


@dataclass(frozen=True, slots=True, eq=False)
class CellHour:
    """Everything one cell's node would seal: unit vectors float32 [n, d] are what it would encode."""

    cell: str
    sightings: tuple[CitySighting, ...] = field(repr=False)
    encounters: tuple[CityEncounter, ...] = field(repr=False)
    faces: Float32 = field(repr=False)
    clothes: Float32 = field(repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class Background:
    """The simulated cameras, and what each of their cells saw; cells that saw nobody are left out."""

    places: tuple[CameraPlace, ...]
    cells: tuple[CellHour, ...]

    @property
    def people(self) -> int:
        return sum(len(cell.sightings) for cell in self.cells)


def background(plan: CityPlan, start: datetime, end: datetime, around: Sequence[CameraPlace]) -> Background:
    """Sightings that lie wholly within [start, end], at most an hour or two, in a city around the given cameras.

    Names begin with `sim-`, so that they never meet real ones. There are no patients, and no look-alikes of any.
    """
    laid = replace(
        plan,
        start=start - timedelta(seconds=_BUSY),
        day_hours=max(plan.day_hours, 9),
        patients=0,
        latitude=float(np.mean([place.latitude for place in around])) if around else plan.latitude,
        longitude=float(np.mean([place.longitude for place in around])) if around else plan.longitude,
    )
    city = make_city(laid)
    free = _free(city.cameras, around)
    until = _BUSY + (end - start).total_seconds()
    seen = city.sightings
    rows = np.flatnonzero((seen.start >= _BUSY) & (seen.end <= until) & free[seen.camera])
    places = tuple(_renamed(place) for place in city.cameras.places)
    cells = np.array([place.cell for place in places])[seen.camera[rows]]
    rows = rows[np.argsort(cells, kind="stable")]
    vectors = _vectors(city, seen.take(rows))
    made = tuple(_cell_hour(city, places, group, vectors) for group in _groups(city, np.sort(cells), rows))
    return Background(tuple(place for place, kept in zip(places, free, strict=True) if kept), made)


def _vectors(city: City, seen: Sightings) -> tuple[Float32, Float32]:
    """Faces and clothes of the sightings that have them, in their order."""
    with_face, with_clothes = seen.take(seen.has_face), seen.take(seen.has_clothes)
    covered = is_covered(city.tracks.mask[with_face.track])
    faces = face_vectors(city.plan, city.identities, with_face.person, covered, with_face.quality)
    clothes = clothes_vectors(city.plan, with_clothes.person, with_clothes.start)
    return (
        np.concatenate([np.zeros((0, city.plan.face_dimensions), np.float32), *faces]),
        np.concatenate([np.zeros((0, city.plan.appearance_dimensions), np.float32), *clothes]),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Group:
    """One cell's sightings, by row of the city, and where their vectors lie."""

    cell: str
    rows: Ints
    faces: slice
    clothes: slice


def _groups(city: City, cells: npt.NDArray[np.str_], rows: Ints) -> list[_Group]:
    """`rows` in order of `cells`, split by cell."""
    faces = np.r_[0, np.cumsum(city.sightings.has_face[rows])]
    clothes = np.r_[0, np.cumsum(city.sightings.has_clothes[rows])]
    names, first, counts = np.unique(cells, return_index=True, return_counts=True)
    return [
        _Group(str(name), rows[a:b], slice(faces[a], faces[b]), slice(clothes[a], clothes[b]))
        for name, a, b in zip(names, first, first + counts, strict=True)
    ]


def _free(cameras: Cameras, around: Sequence[CameraPlace]) -> Bools:
    latitude, longitude = (np.array([getattr(p, name) for p in cameras.places]) for name in ("latitude", "longitude"))
    free = np.ones(len(cameras.places), np.bool_)
    for real in around:
        free &= haversine_m(latitude, longitude, real.latitude, real.longitude) > _KEEP_AWAY_M
    return free


def _renamed(place: CameraPlace) -> CameraPlace:
    return replace(place, camera=f"sim-{place.camera}", cell=f"sim-{place.cell}")


def _cell_hour(city: City, places: Sequence[CameraPlace], group: _Group, vectors: tuple[Float32, Float32]) -> CellHour:
    seen = city.sightings.take(group.rows)
    return CellHour(
        cell=group.cell,
        sightings=_sightings(city.plan, places, seen),
        encounters=_encounters(city, group.rows),
        faces=vectors[0][group.faces],
        clothes=vectors[1][group.clothes],
    )


def _sightings(plan: CityPlan, places: Sequence[CameraPlace], seen: Sightings) -> tuple[CitySighting, ...]:
    face = np.where(seen.has_face, np.cumsum(seen.has_face) - 1, -1)
    clothes = np.where(seen.has_clothes, np.cumsum(seen.has_clothes) - 1, -1)
    return tuple(
        CitySighting(
            camera=places[int(seen.camera[k])].camera,
            start=plan.start + timedelta(seconds=float(seen.start[k])),
            end=plan.start + timedelta(seconds=float(seen.end[k])),
            face=int(face[k]),
            clothes=int(clothes[k]),
            mask=FaceMask(int(seen.mask[k])),
            quality=float(seen.quality[k]),
            east_m=float(seen.place[k, 0]),
            north_m=float(seen.place[k, 1]),
        )
        for k in range(len(seen))
    )


def _encounters(city: City, rows: Ints) -> tuple[CityEncounter, ...]:
    at = np.full(len(city.sightings), -1)
    at[rows] = np.arange(len(rows))
    both: Encounters = city.encounters.take((at[city.encounters.a] >= 0) & (at[city.encounters.b] >= 0))
    begin = city.plan.start
    return tuple(
        CityEncounter(
            a=int(at[both.a[k]]),
            b=int(at[both.b[k]]),
            start=begin + timedelta(seconds=float(both.start[k])),
            end=begin + timedelta(seconds=float(both.end[k])),
            min_distance_m=float(both.min_distance_m[k]),
        )
        for k in range(len(both))
    )
