"""Places where people stop: each a room at a crossing, of a kind that says how long they stay and whether they eat."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from tests.city.plan import CityPlan
from tests.city.streets import Bools, Floats, Ints, Streets


@dataclass(frozen=True, slots=True)
class Kind:
    """`share` of errands, minutes stayed (median of a ln-normal), the room in metres, and whether masks come off."""

    name: str
    share: float
    minutes: float
    room: tuple[float, float]
    eating: bool = False


# Shares as in published itineraries (shape only); "other" takes the rest. Work has no share: workers go there.
KINDS = (
    Kind("work", 0.0, 480, (18, 14)),
    Kind("hospital", 0.29, 50, (18, 14)),
    Kind("shop", 0.10, 25, (16, 12)),
    Kind("restaurant", 0.08, 50, (14, 10), eating=True),
    Kind("transport", 0.06, 8, (24, 10)),
    Kind("pharmacy", 0.04, 8, (8, 6)),
    Kind("church", 0.02, 75, (20, 14)),
    Kind("cafe", 0.02, 45, (10, 8), eating=True),
    Kind("pc-cafe", 0.01, 110, (12, 9)),
    Kind("school", 0.01, 240, (18, 14)),
    Kind("other", 0.37, 40, (12, 9)),
)
WORK, RESTAURANT = 0, 3
_ROOM_AWAY = np.array([14.0, 10.0])  # a room's corner lies this far from its crossing


@dataclass(frozen=True, slots=True, eq=False)
class Venues:
    """`crossing` and `kind` of each; `xy` of its door's crossing and `corner` of its room, metres. In a `large` city a
    dozen random ones would all be far away: places are looked for where the wanted distance leads."""

    crossing: Ints
    kind: Ints
    xy: Floats
    corner: Floats
    large: bool = False

    @property
    def room(self) -> Floats:
        """Width and depth [n, 2]."""
        return np.array([kind.room for kind in KINDS], np.float64)[self.kind]

    @property
    def eating(self) -> Bools:
        return np.array([kind.eating for kind in KINDS])[self.kind]

    @property
    def minutes(self) -> Floats:
        return np.array([kind.minutes for kind in KINDS])[self.kind]


def make_venues(plan: CityPlan, streets: Streets) -> Venues:
    """At least two of each kind, near the middle more often; in random order, so that any first n are a sample."""
    random = plan.random("venues")
    count = max(3 * len(KINDS), round(plan.people / plan.people_a_venue * 1.6))
    shares = np.array([kind.share for kind in KINDS])
    shares[WORK] = plan.workers * 1.2
    kind = np.concatenate(
        [np.repeat(np.arange(len(KINDS)), 2), random.choice(len(KINDS), count, p=shares / shares.sum())]
    )
    kind = random.permutation(kind)
    weight = 0.4 + np.exp(-((np.linalg.norm(streets.xy, axis=1) / (0.3 * plan.side_m)) ** 2))
    crossing = random.choice(len(streets.xy), len(kind), p=weight / weight.sum())
    xy = streets.xy[crossing]
    corner = xy + _ROOM_AWAY + random.uniform(0, 20, xy.shape)
    return Venues(crossing, kind, xy, corner)


def nearest_to(target_m: Floats, origin: Floats, venues: Venues, among: Ints, random: np.random.Generator) -> Ints:
    """For each origin [n, 2] the venue, of a dozen random ones, whose distance is most like the wanted one."""
    if venues.large:
        return _where_it_leads(target_m, origin, venues.xy[among], among, random)
    offered = among[random.integers(len(among), size=(len(origin), 12))]
    away = np.linalg.norm(venues.xy[offered] - origin[:, None], axis=2)
    unlike = np.abs(np.log((away + 30.0) / (target_m[:, None] + 30.0)))
    return np.asarray(np.take_along_axis(offered, unlike.argmin(axis=1)[:, None], axis=1)[:, 0])


def _where_it_leads(target_m: Floats, origin: Floats, xy: Floats, among: Ints, random: np.random.Generator) -> Ints:
    """One of the three places nearest to a point at the wanted distance, in the first of eight random directions that
    stays in the city, or the one that leaves it least."""
    turn = random.uniform(0, 2 * np.pi, (len(origin), 8))
    points = origin[:, None] + target_m[:, None, None] * np.stack([np.cos(turn), np.sin(turn)], axis=2)
    outside = np.maximum(np.abs(points).max(axis=2) - np.abs(xy).max(), 0)
    chosen = points[np.arange(len(origin)), outside.argmin(axis=1)]
    offered = cKDTree(xy).query(chosen, min(3, len(xy)))[1].reshape(len(origin), min(3, len(xy)))
    pick = random.integers(offered.shape[1], size=len(origin))
    return np.asarray(among[offered[np.arange(len(origin)), pick]])
