"""Streets and cameras as one graph: pieces of way with their metres, each camera at its place on the nearest one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from shared.geo import haversine_m

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# A camera farther from any way than this is on none: the map lacks its way, or it hangs where nobody walks.
FARTHEST_M: Final = 100.0
# Ways that hang together for less than this and with nothing else are courtyards, or what the extract's edge cut off.
SMALLEST_PART_M: Final = 1_000.0
_SHORTEST_M: Final = 0.001  # a sparse graph has no piece of no length
_SAMPLE_M: Final = 25.0


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """`size` points and the pieces between them: from `one` to `other`, either way, `metres` long."""

    size: int
    one: Ints
    other: Ints
    metres: Floats

    def matrix(self) -> csr_array:
        """As scipy's graphs are, both ways."""
        ends = np.concatenate([self.one, self.other]), np.concatenate([self.other, self.one])
        return coo_array((np.tile(self.metres, 2), ends), shape=(self.size, self.size)).tocsr()


@dataclass(frozen=True, slots=True, eq=False)
class Snapped:
    """Of each camera the piece of way that it hangs at (-1: none is near), how far along (0..1), and how far off."""

    piece: Ints
    along: Floats
    off_m: Floats


def network_of(latitude: Floats, longitude: Floats, one: Ints, other: Ints) -> Network:
    """Pieces of way between points in degrees, the shortest between two of them, without scraps that lead nowhere."""
    metres = haversine_m(latitude[one], longitude[one], latitude[other], longitude[other])
    whole = _shortest(Network(len(latitude), one, other, np.maximum(metres, _SHORTEST_M)))
    _, part = connected_components(whole.matrix(), directed=False)
    long = np.bincount(part[whole.one], whole.metres, minlength=part.max(initial=0) + 1)
    return _only(whole, long[part[whole.one]] >= SMALLEST_PART_M)


def snap(network: Network, points: Floats, cameras: Floats) -> Snapped:
    """The piece of way nearest to each camera; points and cameras [n, 2] are metres on one plane."""
    start, step = points[network.one], points[network.other] - points[network.one]
    piece, sample = _samples(start, step)
    none = Snapped(np.full(len(cameras), -1), np.zeros(len(cameras)), np.full(len(cameras), np.inf))
    if not len(piece):
        return none
    tree = cKDTree(sample)
    nearest, _ = tree.query(cameras, distance_upper_bound=FARTHEST_M + _SAMPLE_M)
    # The nearest piece is no farther than the nearest sample, and a sample of its own is half a step farther at most.
    around = tree.query_ball_point(cameras, np.where(np.isfinite(nearest), nearest + _SAMPLE_M / 2, 0.0))
    counts = np.array([len(some) for some in around], np.int64)
    if not counts.any():
        return none
    camera, near = np.repeat(np.arange(len(cameras)), counts), piece[np.concatenate([np.array(s) for s in around if s])]
    along, off = _projected(cameras[camera], start[near], step[near])
    best = np.lexsort((near, off, camera))
    camera, first = np.unique(camera[best], return_index=True)
    at = best[first]
    camera, at = camera[off[at] <= FARTHEST_M], at[off[at] <= FARTHEST_M]
    found = replace(none)
    found.piece[camera], found.along[camera], found.off_m[camera] = near[at], along[at], off[at]
    return found


def with_cameras(network: Network, snapped: Snapped) -> tuple[Network, Ints]:
    """The pieces cut where cameras hang, and the point of each camera (-1: of none)."""
    hung = np.flatnonzero(snapped.piece >= 0)
    hung = hung[np.lexsort((hung, snapped.along[hung], snapped.piece[hung]))]
    piece, along = snapped.piece[hung], snapped.along[hung]
    new = network.size + np.arange(len(hung))
    first = np.r_[True, piece[1:] != piece[:-1]][: len(hung)]
    last = np.r_[piece[1:] != piece[:-1], True][: len(hung)]
    before = np.where(first, network.one[piece], new - 1)
    begins = np.where(first, 0.0, np.r_[0.0, along[:-1]][: len(hung)])
    left = np.ones(len(network.one), np.bool_)
    left[piece] = False
    kept, whole = _only(network, left), network.metres[piece]
    cut = Network(
        network.size + len(hung),
        np.concatenate([kept.one, before, new[last]]),
        np.concatenate([kept.other, new, network.other[piece[last]]]),
        np.concatenate([kept.metres, (along - begins) * whole, ((1 - along) * whole)[last]]),
    )
    at = np.full(len(snapped.piece), -1)
    at[hung] = new
    return replace(cut, metres=np.maximum(cut.metres, _SHORTEST_M)), at


def contracted(network: Network, keep: Ints) -> tuple[Network, Ints]:
    """The same distances between the points `keep` with fewer points: bends, where nothing branches, become pieces.

    Also says where the kept points are now.
    """
    degree = np.bincount(np.concatenate([network.one, network.other]), minlength=network.size)
    bend = degree == 2
    bend[keep] = False
    inner, outer = bend[network.one] & bend[network.other], bend[network.one] ^ bend[network.other]
    _, chain = connected_components(_only(network, inner).matrix(), directed=False)
    length = np.bincount(chain[network.one[inner]], network.metres[inner], minlength=chain.max(initial=0) + 1)
    ends = _only(network, outer)
    of = chain[np.where(bend[ends.one], ends.one, ends.other)]
    end = np.where(bend[ends.one], ends.other, ends.one)
    order = np.argsort(of, kind="stable")  # two ends a chain, in pairs
    a, b = order[0::2], order[1::2]
    plain = _only(network, ~bend[network.one] & ~bend[network.other])
    left = ~bend & (degree > 0)
    number = np.cumsum(left) - 1
    joined = Network(
        int(np.count_nonzero(left)),
        number[np.concatenate([plain.one, end[a]])],
        number[np.concatenate([plain.other, end[b]])],
        np.concatenate([plain.metres, ends.metres[a] + ends.metres[b] + length[of[a]]]),
    )
    return _shortest(joined), number[keep]


def _samples(start: Floats, step: Floats) -> tuple[Ints, Floats]:
    """Points along each piece, none of whose points is farther than half of _SAMPLE_M from one of them."""
    parts = np.maximum(np.ceil(np.linalg.norm(step, axis=1) / _SAMPLE_M), 1).astype(np.int64)
    piece = np.repeat(np.arange(len(parts)), parts)
    within = np.arange(len(piece)) - np.repeat(np.cumsum(parts) - parts, parts)
    return piece, start[piece] + step[piece] * ((within + 0.5) / parts[piece])[:, None]


def _projected(camera: Floats, start: Floats, step: Floats) -> tuple[Floats, Floats]:
    """How far along the piece its point nearest to the camera is, 0..1, and how far that is off."""
    squared = np.maximum((step**2).sum(axis=1), 1e-12)
    along = np.clip(((camera - start) * step).sum(axis=1) / squared, 0, 1)
    return along, np.linalg.norm(camera - start - step * along[:, None], axis=1)


def _shortest(network: Network) -> Network:
    """One piece, the shortest, between any two points, and none from a point to itself."""
    low, high = np.minimum(network.one, network.other), np.maximum(network.one, network.other)
    order = np.lexsort((network.metres, low * network.size + high))
    order = order[low[order] != high[order]]
    _, first = np.unique((low * network.size + high)[order], return_index=True)
    at = order[first]
    return Network(network.size, low[at], high[at], network.metres[at])


def _only(network: Network, those: npt.NDArray[np.bool_]) -> Network:
    return Network(network.size, network.one[those], network.other[those], network.metres[those])
