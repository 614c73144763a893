"""Why a gap is one: no camera could have seen the patient, cameras sent nothing, or they saw only others.

Absence of evidence is evidence of absence only where somebody watched. A gap is judged by the cameras that a walk
between its two ends leads past, and by whether their boxes sent anything in its hours: batches' headers say so without
a key. A box that sent nothing was down, or nobody passed; neither says that the patient was elsewhere.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import numpy as np

from central.batches.store import BatchStore
from central.routes.camera_graph import CameraGraph, Indices
from central.routes.route import Gap, Route, Visit, Why
from shared.clock import from_unix
from shared.epochs import HOUR_S

# A walk leads past cameras that lengthen it by no more than this; of one end alone, past those within it.
DETOUR_M = 150.0
ASIDE_M = 300.0
# From this share of the cameras on, or of the hours.
MOSTLY = 0.5


@dataclass(frozen=True, slots=True)
class Heard:
    """How many boxes sent a batch, by cell and hour, and the hours that could not be searched though released."""

    boxes: Mapping[tuple[str, int], int] = field(default_factory=dict)
    unsearched: frozenset[int] = frozenset()


def heard_of(
    store: BatchStore,
    cells: Sequence[str],
    hours: range,
    lost_days: Collection[str],
    until_hour: int | None = None,
    before: datetime | None = None,
) -> Heard:
    """What a search could hear: hours of `lost_days` (ISO) had no key any more, those after `until_hour` none yet.

    `before` is when the search ended, for one that is looked at later. What retention has dropped since is missing.
    """
    late = (hours.stop if until_hour is None else until_hour) + 1
    lost = frozenset(h for h in hours if h >= late or from_unix(h * HOUR_S).date().isoformat() in lost_days)
    return Heard(store.heard(cells, hours, before), lost)


def explained(route: Route, graph: CameraGraph, heard: Heard | None = None) -> Route:
    """The route, each of its gaps with what is known of the cameras on the way; of `heard` None nothing is known."""
    usual: dict[str, int] = {}
    for (cell, _), boxes in (heard.boxes if heard else {}).items():
        usual[cell] = max(usual.get(cell, 1), boxes)
    return replace(route, gaps=tuple(_explained(gap, route.visits, graph, (heard, usual)) for gap in route.gaps))


def _explained(
    gap: Gap, visits: Sequence[Visit], graph: CameraGraph, known: tuple[Heard | None, Mapping[str, int]]
) -> Gap:
    heard, usual = known
    near, hours = on_the_way(gap, visits, graph), hours_of(gap)
    if heard is None:
        return replace(gap, why=Why.UNSEEN if len(near) else Why.BLIND, cameras=len(near))
    places = list(graph.places.values())
    cells = [places[camera].cell for camera in near]
    silent = {cell: _silence(cell, hours, heard, usual.get(cell, 1)) for cell in set(cells)}
    dark = round(sum(silent[cell] for cell in cells))
    return replace(gap, why=_why(len(near), dark, hours, heard), cameras=len(near), dark=dark)


def cells_on_the_way(route: Route, graph: CameraGraph) -> tuple[str, ...]:
    """The cells of all cameras that could have seen somebody in any of the gaps."""
    places = list(graph.places.values())
    return tuple(sorted({places[row].cell for gap in route.gaps for row in on_the_way(gap, route.visits, graph)}))


def on_the_way(gap: Gap, visits: Sequence[Visit], graph: CameraGraph) -> Indices:
    """Cameras that could have seen somebody who walked through the gap, without those at its ends."""
    ends = [visits[i].candidate.camera for i in (gap.after, gap.after + 1) if 0 <= i < len(visits)]
    everywhere = np.arange(len(graph))
    if not ends:
        return everywhere
    rows = [graph.index[camera] for camera in ends]
    far = graph.straight_m if graph.fit is None else graph.way_m  # over the bridge, not through the river
    metres = [far(np.array(row), everywhere) for row in rows]
    direct = float(far(np.array(rows[0]), np.array(rows[-1])))
    near = metres[0] <= ASIDE_M if len(rows) == 1 else metres[0] + metres[1] <= direct + DETOUR_M
    near[rows] = False
    return np.flatnonzero(near)


def hours_of(gap: Gap) -> range:
    """Unix hours that the gap touches."""
    last = gap.end - timedelta(microseconds=1)
    return range(int(gap.start.timestamp()) // HOUR_S, int(last.timestamp()) // HOUR_S + 1)


def _silence(cell: str, hours: range, heard: Heard, usual: int) -> float:
    """Which share of a cell's boxes sent nothing, in the mean over the hours."""
    return sum(1 - min(heard.boxes.get((cell, hour), 0) / usual, 1.0) for hour in hours) / max(len(hours), 1)


def _why(cameras: int, dark: int, hours: range, heard: Heard) -> Why:
    if sum(hour in heard.unsearched for hour in hours) > MOSTLY * len(hours):
        return Why.UNSEARCHED
    if not cameras:
        return Why.BLIND
    return Why.OUTAGE if dark >= max(1, MOSTLY * cameras) else Why.UNSEEN
