"""What lies between a route's visits: stays, legs and gaps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np

from central.routes.camera_graph import MODES, CameraGraph
from central.routes.route import Gap, Leg, Stay, Visit

# Cameras this close watch one place, such as the doors of one shop.
NEARBY_M = 60.0
SHORTEST_STAY = timedelta(minutes=5)
# Somebody unseen for longer may have been anywhere in between, also when next seen at the same door.
LONGEST_ABSENCE = timedelta(minutes=60)
# Unseen for this much longer than the way takes on foot is a gap.
SHORTEST_GAP = timedelta(minutes=15)


def stays(visits: Sequence[Visit], graph: CameraGraph) -> tuple[Stay, ...]:
    """Times of at least SHORTEST_STAY within NEARBY_M of where they began, without a long absence."""
    found, first = [], 0
    for last in range(len(visits)):
        if last + 1 < len(visits) and _goes_on(visits, first, last + 1, graph):
            continue
        end = max(visit.end for visit in visits[first : last + 1])
        if end - visits[first].start >= SHORTEST_STAY:
            found.append(Stay(visits[first].place, visits[first].start, end, first, last))
        first = last + 1
    return tuple(found)


def legs(visits: Sequence[Visit], stays: Sequence[Stay], graph: CameraGraph) -> tuple[Leg, ...]:
    """The ways between visits in a row that are not within one stay and took about as long as the way takes."""
    return tuple(
        Leg(i, visits[i].end, max(visits[i].end, visits[i + 1].start), metres, _mode(metres, _silence(visits, i)))
        for i, metres in _ways(visits, stays, graph)
        if not _is_gap(metres, _silence(visits, i))
    )


def gaps(
    visits: Sequence[Visit], stays: Sequence[Stay], graph: CameraGraph, window: tuple[datetime, datetime]
) -> tuple[Gap, ...]:
    """Time without evidence, the beginning and the end of the window included."""
    if not visits:
        return (Gap(-1, *window),)
    before = [Gap(-1, window[0], visits[0].start)] if visits[0].start - window[0] >= SHORTEST_GAP else []
    between = [
        Gap(i, visits[i].end, visits[i + 1].start)
        for i, metres in _ways(visits, stays, graph)
        if _is_gap(metres, _silence(visits, i))
    ]
    last = max(visit.end for visit in visits)
    after = [Gap(len(visits) - 1, last, window[1])] if window[1] - last >= SHORTEST_GAP else []
    return (*before, *between, *after)


def _goes_on(visits: Sequence[Visit], first: int, following: int, graph: CameraGraph) -> bool:
    near = _metres(visits[first], visits[following], graph) <= NEARBY_M
    return near and visits[following].start - visits[following - 1].end <= LONGEST_ABSENCE


def _ways(visits: Sequence[Visit], stays: Sequence[Stay], graph: CameraGraph) -> Iterator[tuple[int, float]]:
    """Position and metres of each way from one visit to the next that is not within one stay."""
    inside = {i for stay in stays for i in range(stay.first, stay.last)}
    for i, (one, following) in enumerate(pairwise(visits)):
        if i not in inside:
            yield i, _metres(one, following, graph, along_streets=True)


def _silence(visits: Sequence[Visit], i: int) -> timedelta:
    return max(visits[i + 1].start - visits[i].end, timedelta(0))


def _is_gap(metres: float, silence: timedelta) -> bool:
    return silence - timedelta(seconds=metres / MODES[0].usual_m_s) >= SHORTEST_GAP


def _mode(metres: float, silence: timedelta) -> str:
    """The slowest way of getting about that fits."""
    seconds = silence.total_seconds() + 5
    return next((mode.name for mode in MODES if metres <= mode.greatest_m_s * seconds), MODES[-1].name)


def _metres(a: Visit, b: Visit, graph: CameraGraph, along_streets: bool = False) -> float:
    one, other = (np.array(graph.index[visit.candidate.camera]) for visit in (a, b))
    return float(graph.way_m(one, other) if along_streets else graph.straight_m(one, other))
