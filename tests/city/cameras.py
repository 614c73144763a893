"""Where the cameras hang: clustered sites at crossings and along streets, and rooms; each watches one of either."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from central.routes.camera_graph import CameraPlace
from provisioning.inventory import CameraRow, assign_cells
from shared.geo import EARTH_RADIUS_M
from tests.city.plan import CityPlan
from tests.city.streets import Bools, Floats, Ints, Streets
from tests.city.venues import Venues

_POLE_M = 3.0  # a camera hangs beside the street
_NEAREST_M = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class Cameras:
    """Outdoor cameras watch the stretch [near, far] of `street`, looking along it (+1 from u to v, -1 back); indoor
    ones have street -1 and watch the room of `venue`. `xy` [n, 2] metres from the city's middle."""

    places: tuple[CameraPlace, ...]
    xy: Floats
    street: Ints
    near: Floats
    far: Floats
    looks: Ints
    venue: Ints

    @property
    def indoor(self) -> Bools:
        return self.street < 0


Views = tuple[Ints, Floats, Ints]
Siting = Callable[[CityPlan, Streets, int], Views]


def make_cameras(plan: CityPlan, streets: Streets, venues: Venues, siting: Siting | None = None) -> Cameras:
    """Indoor cameras in the first rooms, the others on the streets, more of them where the city is dense.

    `siting` gives street, metres from its u, and direction of view of so many cameras, where not random hills do.
    """
    indoor = min(round(plan.cameras * plan.indoor_share), len(venues.xy))
    street, at, looks = (siting or _sites)(plan, streets, plan.cameras - indoor)
    reach = np.where(looks > 0, streets.length[street] - at, at).clip(0, plan.reach_m)
    end = at + looks * reach
    normal = streets.along[street] @ np.array([[0.0, 1.0], [-1.0, 0.0]])
    outdoors = streets.xy[streets.u[street]] + streets.along[street] * at[:, None] + _POLE_M * normal
    none = np.full(indoor, -1)
    cameras = Cameras(
        places=(),
        xy=np.concatenate([outdoors, venues.corner[:indoor]]),
        street=np.concatenate([street, none]),
        near=np.concatenate([np.minimum(at, end), np.zeros(indoor)]),
        far=np.concatenate([np.maximum(at, end), np.zeros(indoor)]),
        looks=np.concatenate([looks, np.zeros(indoor, np.int64)]),
        venue=np.concatenate([np.full(len(street), -1), np.arange(indoor)]),
    )
    return replace(cameras, places=_places(plan, cameras))


def to_degrees(plan: CityPlan, xy: Floats) -> tuple[Floats, Floats]:
    """Latitude and longitude of points in metres from the city's middle (equirectangular; right within a city)."""
    latitude = plan.latitude + np.degrees(xy[..., 1] / EARTH_RADIUS_M)
    longitude = plan.longitude + np.degrees(xy[..., 0] / EARTH_RADIUS_M / np.cos(np.radians(plan.latitude)))
    return np.asarray(latitude), np.asarray(longitude)


def _sites(plan: CityPlan, streets: Streets, count: int) -> Views:
    """Street, metres from its u, and direction of view of `count` cameras, site by site."""
    random = plan.random("sites")
    stubs = _stubs(plan, streets, random)
    chosen: list[tuple[int, float, int]] = []
    crossings = random.choice(len(streets.xy), len(streets.xy), replace=False, p=_density(plan, streets, random))
    for crossing in crossings:
        views = stubs[int(crossing)]
        size = int(random.choice([1, 3, 4, 5], p=[0.435, 0.17, 0.265, 0.13]))  # as in the register
        picked = random.permutation(len(views))[:size]
        chosen += [views[int(k)] for k in picked]
    while len(chosen) < count:  # a very dense city: between crossings too
        street = int(random.integers(len(streets.u)))
        chosen.append((street, float(streets.length[street] * random.uniform(0.3, 0.7)), int(random.choice([-1, 1]))))
    streets_of, at, looks = zip(*chosen[:count], strict=True)
    return np.array(streets_of, np.int64), np.array(at, np.float64), np.array(looks, np.int64)


def _stubs(plan: CityPlan, streets: Streets, random: np.random.Generator) -> list[list[tuple[int, float, int]]]:
    """The views that a site at each crossing may have: into each of its streets, and one from a street's middle."""
    stubs: list[list[tuple[int, float, int]]] = [[] for _ in streets.xy]
    for street, (u, v, length) in enumerate(zip(streets.u, streets.v, streets.length, strict=True)):
        stubs[u].append((street, _NEAREST_M, 1))
        stubs[v].append((street, float(length) - _NEAREST_M, -1))
        if random.random() < 0.3:
            stubs[u].append((street, float(length) * 0.5, int(random.choice([-1, 1]))))
    return stubs


def _density(plan: CityPlan, streets: Streets, random: np.random.Generator) -> Floats:
    """How likely each crossing is to have a site: a floor, and hills around a few busy quarters."""
    hills = random.uniform(-plan.side_m / 2, plan.side_m / 2, (max(2, plan.cameras // 120), 2))
    away = np.linalg.norm(streets.xy[:, None] - hills[None], axis=2)
    weight = 0.3 + np.exp(-((away / 350.0) ** 2)).sum(axis=1)
    return np.asarray(weight / weight.sum())


def _places(plan: CityPlan, cameras: Cameras) -> tuple[CameraPlace, ...]:
    latitude, longitude = to_degrees(plan, cameras.xy)
    rows = [
        CameraRow(f"cam-{k:05d}", round(float(latitude[k]), 7), round(float(longitude[k]), 7), bool(indoor), "")
        for k, indoor in enumerate(cameras.indoor)
    ]
    return tuple(CameraPlace(r.camera, r.latitude, r.longitude, r.indoor, r.cell) for r in assign_cells(rows))
