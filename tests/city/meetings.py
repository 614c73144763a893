"""Who came near whom before one camera, from true tracks: when, how near, and for how long within given distances."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np

from tests.city.streets import Bools, Floats, Ints
from tests.city.tracks import Tracks, expand

_AT_ONCE = 2_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Meetings:
    """Tracks `a` < `b` of one camera within reach from `start` to `end`; `nearest_m` is the smallest true distance."""

    a: Ints
    b: Ints
    start: Floats
    end: Floats
    nearest_m: Floats

    def __len__(self) -> int:
        return len(self.a)

    def take(self, rows: Ints | Bools) -> Meetings:
        return Meetings(*(getattr(self, field.name)[rows] for field in fields(self)))


def meetings(tracks: Tracks, reach_m: float, shortest_s: float = 0.0) -> Meetings:
    """All pairs of different people within `reach_m` for at least `shortest_s`. `tracks` are in order of start."""
    parts = [_near(tracks, a, b, reach_m, shortest_s) for a, b in _overlapping(tracks)]
    if not parts:
        none = np.zeros(0, np.int64)
        return Meetings(none, none, none.astype(float), none.astype(float), none.astype(float))
    return Meetings(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Meetings)))


def within(tracks: Tracks, a: Ints, b: Ints, reach_m: float | Floats) -> tuple[Floats, Floats, Floats]:
    """From when to when the pairs are within `reach_m`, and how near they came; end < start where they never are.
    `reach_m` is one for all, or one a pair.

    Both move evenly, so the squared distance over time is a parabola: a·τ² + 2b·τ + c.
    """
    first, last = np.maximum(tracks.start[a], tracks.start[b]), np.minimum(tracks.end[a], tracks.end[b])
    apart = tracks.at(a, first) - tracks.at(b, first)
    closing = tracks.velocity[a] - tracks.velocity[b]
    a2, b1 = (closing**2).sum(axis=1), (apart * closing).sum(axis=1)
    c0 = (apart**2).sum(axis=1)
    still = a2 < 1e-9
    safe = np.where(still, 1.0, a2)
    root = np.sqrt(np.maximum(b1**2 - safe * (c0 - reach_m**2), 0))
    never = np.where(still, c0 > reach_m**2, b1**2 < safe * (c0 - reach_m**2))
    begin = np.where(still, 0.0, ((-b1 - root) / safe).clip(0, last - first))
    finish = np.where(still, last - first, ((-b1 + root) / safe).clip(0, last - first))
    at_nearest = np.where(still, 0.0, (-b1 / safe).clip(0, last - first))
    nearest = np.sqrt(np.maximum(c0 + 2 * b1 * at_nearest + a2 * at_nearest**2, 0))
    return first + begin, np.where(never, first + begin - 1, first + finish), nearest


def _near(tracks: Tracks, a: Ints, b: Ints, reach_m: float, shortest_s: float) -> Meetings:
    start, end, nearest = within(tracks, a, b, reach_m)
    kept = (end - start >= shortest_s) & (end > start) & (nearest <= reach_m)
    return Meetings(a, b, start, end, nearest).take(kept)


def _overlapping(tracks: Tracks) -> Iterator[tuple[Ints, Ints]]:
    """Pairs of different people at one camera at one time, in portions."""
    day = float(tracks.end.max(initial=0.0)) + 1.0
    order = np.lexsort((tracks.start, tracks.camera))
    key = tracks.camera[order] * day + tracks.start[order]
    until = np.searchsorted(key, tracks.camera[order] * day + tracks.end[order])
    later = until - np.arange(len(order)) - 1
    portion = np.cumsum(later) // _AT_ONCE
    for number in np.unique(portion):
        rows = np.flatnonzero(portion == number)
        i, k = expand(later[rows])
        first, second = order[rows[i]], order[rows[i] + 1 + k]
        different = tracks.person[first] != tracks.person[second]
        first, second = first[different], second[different]
        yield np.minimum(first, second), np.maximum(first, second)
