"""Who shared a view with a hit where no box could measure how near: a camera whose ground is not known, or somebody
whose feet were never seen. Pure functions of the batches that are held together.

Two whose places are known had an encounter, or were further apart than encounters reach, and are not looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from central.search.candidates import UNMEASURED
from central.search.joining import Held, Meetings
from central.search.people import Int64
from shared.sightings import NOWHERE, REACHES_M

# Passers-by share a view for a quarter of a minute, and without a distance only minutes tell anything.
SHORTEST_MS = 30_000
# Those who stayed longest: 50,000 hits of a city without a single known ground still fit into one answer (182 MB).
MOST_IN_VIEW = 64
_PAIRS_AT_ONCE = 1 << 20
_CAMERA_BITS = 32
_NOT_MEASURED = [UNMEASURED, 0, *[-1] * len(REACHES_M)]


class _Pairs(NamedTuple):
    """A hit, by place, and another sighting, by row, before one camera from `start` to `end`."""

    hit: Int64
    other: Int64
    start: Int64
    end: Int64

    def of(self, some: npt.NDArray[np.intp] | npt.NDArray[np.bool_]) -> _Pairs:
        return _Pairs(*(column[some] for column in self))


class InView(NamedTuple):
    """Hits with their cases, the window int64 [cases, 2] of each case, and the camera of every row, if it is needed."""

    rows: Int64
    case: Int64
    windows: Int64
    camera: Callable[[], Int64]


def with_those_in_view(held: Held, asked: InView, met: Meetings) -> Meetings:
    """The meetings, and those with whoever else was in a hit's view for half a minute within the window of its case,
    where one of the two has no place. An encounter of the same two knows more, and stays alone."""
    nowhere = held.column("east") == NOWHERE
    if not nowhere.any():  # as in most batches of a city whose grounds are known
        return met
    stayed = held.column("end") - held.column("start") >= SHORTEST_MS
    if not (nowhere & stayed).any():
        return met
    among = np.flatnonzero(stayed)
    view = held.boots[held.batch[among]] << _CAMERA_BITS | asked.camera()[among]
    views = np.unique(view, return_inverse=True)[1]
    unmeasured = (np.bincount(views, nowhere[among]) > 0)[views]
    place = np.searchsorted(among, asked.rows).clip(max=len(among) - 1)
    hits = np.flatnonzero(stayed[asked.rows] & unmeasured[place])
    line = _Line.of(held, among, views)
    parts = [met]
    for hit, other in _together(line, place[hits]):
        pairs = _lasting(held, asked, hits[hit], among[other], nowhere)
        parts.append(_longest(_without(met, _meetings(pairs, held.key[pairs.other]))))
    return _in_order(parts)


class _Line(NamedTuple):
    """Rows on one line of time, the views behind each other, so that only times of one view overlap."""

    start: Int64
    end: Int64

    @classmethod
    def of(cls, held: Held, among: Int64, views: Int64) -> _Line:
        start, end = held.moment("start", among), held.moment("end", among)
        span = int(end.max()) - int(start.min()) + 2
        behind = views * span - int(start.min())
        return cls(start + behind, end + behind)


def _together(line: _Line, hits: Int64) -> Iterator[tuple[Int64, Int64]]:
    """Hits, by place among those given, and the rows that overlap them, some whole hits at a time."""
    order = np.argsort(line.start, kind="stable")
    # The latest end so far: nobody before the first who reaches a moment was still there.
    reached = np.maximum.accumulate(line.end[order])
    first = np.searchsorted(reached, line.start[hits], "right")
    last = np.searchsorted(line.start[order], line.end[hits], "left")
    many = (last - first).clip(0)
    portion = np.cumsum(many) // _PAIRS_AT_ONCE
    for number in np.unique(portion).tolist():
        some = np.flatnonzero(portion == number)
        counts = many[some]
        place = np.repeat(first[some] - (np.cumsum(counts) - counts), counts) + np.arange(counts.sum())
        yield np.repeat(some, counts), order[place]


def _lasting(held: Held, asked: InView, hit: Int64, other: Int64, nowhere: npt.NDArray[np.bool_]) -> _Pairs:
    """Of such pairs those who are two, of whom one has no place, opened for the case, and together long enough."""
    row, case = asked.rows[hit], asked.case[hit]
    windows = asked.windows[case]
    start = np.maximum(np.maximum(held.moment("start", row), held.moment("start", other)), windows[:, 0])
    end = np.minimum(np.minimum(held.moment("end", row), held.moment("end", other)), windows[:, 1])
    kept = (end - start >= SHORTEST_MS) & (nowhere[row] | nowhere[other]) & (held.key[row] != held.key[other])
    kept &= held.cases[held.batch[other]] >> case & 1 == 1
    return _Pairs(hit, other, start, end).of(kept)


def _meetings(pairs: _Pairs, partner: Int64) -> Meetings:
    facts = np.tile(np.array([0, 0, *_NOT_MEASURED], np.int64), (len(pairs.hit), 1))
    facts[:, 0], facts[:, 1] = pairs.start, pairs.end
    return Meetings(pairs.hit, partner, facts)


def _without(met: Meetings, some: Meetings) -> Meetings:
    """Some meetings without those of two who are in `met`."""
    partners = np.unique(met.partner)
    if not len(partners) or not len(some):
        return some
    # A hit and a partner as one number; a partner who is in no encounter gets somebody's, or one too many.
    pair_of = [one.hit * (len(partners) + 1) + np.searchsorted(partners, one.partner) for one in (met, some)]
    strangers = partners[np.searchsorted(partners, some.partner).clip(max=len(partners) - 1)] != some.partner
    return _some(some, strangers | ~np.isin(pair_of[1], pair_of[0]))


def _longest(some: Meetings) -> Meetings:
    """Each partner of a hit once, and those who were there longest."""
    lasted = some.facts[:, 1] - some.facts[:, 0]
    order = np.lexsort((some.facts[:, 0], -lasted, some.partner, some.hit))
    hit, partner = some.hit[order], some.partner[order]
    new = np.ones(len(order), np.bool_)
    new[1:] = (hit[1:] != hit[:-1]) | (partner[1:] != partner[:-1])
    order = order[new]
    order = order[np.lexsort((some.partner[order], -lasted[order], some.hit[order]))]
    _, first, many = np.unique(some.hit[order], return_index=True, return_counts=True)
    return _some(some, order[np.arange(len(order)) - np.repeat(first, many) < MOST_IN_VIEW])


def _some(of: Meetings, rows: npt.NDArray[np.intp] | npt.NDArray[np.bool_]) -> Meetings:
    return Meetings(of.hit[rows], of.partner[rows], of.facts[rows])


def _in_order(parts: list[Meetings]) -> Meetings:
    """All of them in the order of meetings; none is in two parts."""
    if not any(map(len, parts[1:])):
        return parts[0]
    columns = zip(*((one.hit, one.partner, one.facts) for one in parts), strict=True)
    both = Meetings(*map(np.concatenate, columns))
    return _some(both, np.lexsort((both.partner, both.facts[:, 0], both.hit)))
