"""An irregular street grid as a graph, and ways along it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components, dijkstra

from tests.city.plan import CityPlan

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

# People do not all take the very shortest way: to each place lengths are felt a little differently.
_FELT_SD = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class Streets:
    """Crossings at `xy` [n, 2] metres, streets from crossing `u` to crossing `v` with `length` metres."""

    xy: Floats
    u: Ints
    v: Ints
    length: Floats

    @property
    def along(self) -> Floats:
        """Unit vectors [streets, 2] from u to v."""
        return np.asarray((self.xy[self.v] - self.xy[self.u]) / self.length[:, None])

    def between(self, a: Ints, b: Ints) -> Ints:
        """The street between two neighbouring crossings, by row."""
        n = len(self.xy)
        keys = np.minimum(self.u, self.v) * n + np.maximum(self.u, self.v)
        order = np.argsort(keys)
        return np.asarray(order[np.searchsorted(keys, np.minimum(a, b) * n + np.maximum(a, b), sorter=order)])


def make_streets(plan: CityPlan) -> Streets:
    """Crossings of a jittered grid; some streets are missing, and what that cuts off is dropped."""
    random = plan.random("streets")
    n = max(3, round(plan.side_m / plan.block_m) + 1)
    rows, columns = (index.ravel() for index in np.mgrid[0:n, 0:n])
    xy = np.stack([columns, rows], axis=1) * plan.block_m - (n - 1) * plan.block_m / 2
    xy = xy + random.normal(0, plan.jitter * plan.block_m / 2, xy.shape).clip(-0.35 * plan.block_m, 0.35 * plan.block_m)
    east, north = columns < n - 1, rows < n - 1
    at = np.arange(n * n)
    u, v = np.concatenate([at[east], at[north]]), np.concatenate([at[east] + 1, at[north] + n])
    kept = random.random(len(u)) >= plan.missing_streets
    return _largest(xy, u[kept], v[kept])


def _largest(xy: Floats, u: Ints, v: Ints) -> Streets:
    graph = csr_matrix((np.ones(len(u)), (u, v)), (len(xy), len(xy)))
    part = connected_components(graph, directed=False)[1]
    inside = part == np.bincount(part).argmax()
    renumbered = np.cumsum(inside) - 1
    kept = inside[u]
    u, v, xy = renumbered[u[kept]], renumbered[v[kept]], xy[inside]
    return Streets(xy, u, v, np.linalg.norm(xy[u] - xy[v], axis=1))


def ways_to(
    streets: Streets, roots: Ints, random: np.random.Generator, into: npt.NDArray[Any] | None = None
) -> npt.NDArray[Any]:
    """For each root a row with every crossing's next crossing on the way there; -9999 at the root itself. A large
    city's are written `into` an array on disk."""
    n = len(streets.xy)
    ways = np.empty((len(roots), n), np.int32) if into is None else into
    for row, root in enumerate(roots):
        felt = streets.length * np.exp(random.normal(0, _FELT_SD, len(streets.length)))
        graph = csr_matrix((felt, (streets.u, streets.v)), (n, n))
        ways[row] = dijkstra(graph, directed=False, indices=int(root), return_predecessors=True)[1]
    return ways
