"""Where a large city's cameras stand: as thick as a public register of real ones says, or a process fitted to it.

The register: 1,763 sites of Gangnam-gu with 4,742 cameras on 39.5 km². 43 in 100 sites have one camera, 17 three, 26
four, 13 five. Sites are half a block apart (62 m in the median). Around a site there are more others than evenly spread
ones would be: 1.65 times as many at 120 to 160 m, 1.4 times at 300 m, still 1.25 times at a kilometre. Fitted to that:
two Thomas processes one over the other (Thomas 1949), with a pair correlation of 1 + exp(-r²/4σ²)/(4πκσ²) each: hills
with σ = 170 m and 6.9 centres a km², and quarters with σ = 1,500 m and 0.14 centres a km².
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from shared.geo import EARTH_RADIUS_M
from tests.city.cameras import Views
from tests.city.plan import CityPlan
from tests.city.streets import Floats, Streets

DATA = Path(__file__).parents[3] / "shared" / "data"
REGISTER = DATA / "geo" / "gangnam_cctv.csv"
SIZES, SIZE_SHARES = (1, 3, 4, 5), (0.435, 0.17, 0.265, 0.13)
HILLS, QUARTERS = (170.0, 6.9), (1500.0, 0.14)  # σ in metres, centres a km²
_WINDOW_M = 5000.0
_SMOOTH_M = 120.0
_TRIED = 16
_FEWEST = 30  # sites, to be as thick as anything
_LEAST = 0.03  # of the mean density, where the register has no site at all
_FROM_CROSSING_M, _APART_M = 2.0, 24.0


class BadRegister(ValueError):
    """A file of real camera sites cannot be read as one."""


@dataclass(frozen=True, slots=True, eq=False)
class Register:
    """Real sites [n, 2] in metres from their middle. `about` says what a city made with them is made of."""

    xy: Floats | None
    about: str

    def density(self, plan: CityPlan, points: Floats) -> Floats:
        """How thick sites stand around points of the simulated city; only ratios matter."""
        return _fitted(plan, points) if self.xy is None else self._seen(plan, points)

    def _seen(self, plan: CityPlan, points: Floats) -> Floats:
        """The register's, from a window of 5 km around its middle, mirrored at its edges and laid out side by side.

        Of some random places in it the one that is most built up: nobody's city lies half on a mountain.
        """
        tree, random = cKDTree(self.xy), plan.random("register")
        tried = []
        for shift in random.uniform(0, 2 * _WINDOW_M, (_TRIED, 2)):
            folded = np.abs((points + shift) % (2 * _WINDOW_M) - _WINDOW_M) - _WINDOW_M / 2
            tried.append(tree.query_ball_point(folded, _SMOOTH_M, return_length=True))
        near = max(tried, key=lambda one: float((one > 0).mean()))
        return np.asarray(near / max(near.mean(), 1e-9) + _LEAST, np.float64)


def read_register(path: Path | None = REGISTER) -> Register:
    """The register where it lies, else the fitted process. Raises BadRegister, and OSError."""
    if path is None or not path.exists():
        return Register(None, "sites by a cluster process fitted to the register of Gangnam-gu")
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            degrees = np.array([(float(row["lat"]), float(row["lon"])) for row in csv.DictReader(file)])
    except (KeyError, TypeError, ValueError, csv.Error):
        raise BadRegister(f"{path.name} is no CSV with numbers in columns lat and lon") from None
    if len(degrees) < _FEWEST or not (np.abs(degrees) <= (90, 180)).all():
        raise BadRegister(f"{path.name} names fewer than {_FEWEST} sites, or some that are nowhere on earth")
    middle = np.median(degrees, axis=0)
    north, east = np.radians(degrees - middle).T * EARTH_RADIUS_M
    east *= np.cos(np.radians(middle[0]))
    return Register(np.stack([east, north], axis=1), f"sites as thick as in the register of Gangnam-gu ({path.name})")


@dataclass(frozen=True, slots=True, eq=False)
class ByRegister:
    """Sites at crossings and in the middle of streets, drawn by the register's density."""

    register: Register

    def __call__(self, plan: CityPlan, streets: Streets, count: int) -> Views:
        random = plan.random("sites")
        middles = (streets.xy[streets.u] + streets.xy[streets.v]) / 2
        points = np.concatenate([streets.xy, middles])
        weight = self.register.density(plan, points)
        order = random.choice(len(points), len(points), replace=False, p=weight / weight.sum())
        sizes = random.choice(SIZES, len(points), p=SIZE_SHARES)
        views = _views(streets)
        chosen: list[tuple[int, float, int]] = []
        for site, size in zip(order.tolist(), sizes.tolist(), strict=True):
            picked = random.permutation(len(views[site]))[:size]
            chosen += [views[site][k] for k in picked.tolist()]
            if len(chosen) >= count:
                break
        street, at, looks = zip(*chosen[:count], strict=True)
        return np.array(street, np.int64), np.array(at, np.float64), np.array(looks, np.int64)


def _views(streets: Streets) -> list[list[tuple[int, float, int]]]:
    """What cameras of one site may watch: each street of a crossing, and its next stretch; a street both ways."""
    at_crossing: list[list[tuple[int, float, int]]] = [[] for _ in streets.xy]
    midway = []
    for street, (u, v, length) in enumerate(zip(streets.u, streets.v, streets.length.tolist(), strict=True)):
        for away in (_FROM_CROSSING_M, _APART_M):
            at_crossing[u].append((street, away, 1))
            at_crossing[v].append((street, length - away, -1))
        half, apart = length / 2, min(_APART_M, length / 4)
        midway.append([(street, half, 1), (street, half, -1), (street, half + apart, 1), (street, half - apart, -1)])
    return at_crossing + midway


def _fitted(plan: CityPlan, points: Floats) -> Floats:
    random, density = plan.random("quarters"), np.ones(len(points))
    for sigma, a_km2 in (HILLS, QUARTERS):
        half = plan.side_m / 2 + 3 * sigma
        centres = random.uniform(-half, half, (random.poisson(a_km2 * (2 * half / 1000) ** 2), 2))
        hills = np.zeros(len(points))
        for centre in centres:
            hills += np.exp(-((points - centre) ** 2).sum(axis=1) / (2 * sigma**2))
        density *= hills / max(hills.mean(), 1e-9) if len(centres) else 1.0
    return density + _LEAST
