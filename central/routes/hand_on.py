"""Which sightings count as confirmed, and where their clothes are looked for: how a search asks for a hand-off.

Clothes mean little among strangers and much beside a face: they are looked for only around sightings that are taken
for the patient's, as far as somebody walks within half an hour.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np

from central.probes.hand_off import MOST_SIGHTINGS, NEIGHBOURING_HOURS
from central.routes.camera_graph import MODES, VIEW_M, CameraGraph
from central.routes.route import Route
from central.search.candidates import Candidate, some_named
from central.search.case_search import SearchAnswer
from shared.clock import from_unix
from shared.epochs import HOUR_S, Epoch, Modality
from shared.releases import CaseScope

# How sure it must be, faces and times taken together, that a sighting is the patient's.
CONFIRMED = 0.9
# Whoever walks on is seen again within this time or not at all. Who rode away is looked for by the face alone.
WITHIN = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Confirmed:
    """Chooses what is handed on. `route_of` rebuilds the way from what the faces gave; `by_tracer` are sightings that a
    person has confirmed."""

    graph: CameraGraph
    scope: CaseScope
    route_of: Callable[[SearchAnswer], Route]
    by_tracer: Collection[str] = ()
    _cells: Mapping[str, np.ndarray] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        rows: dict[str, list[int]] = {}
        for camera, place in self.graph.places.items():
            if place.cell in self.scope.cells:
                rows.setdefault(place.cell, []).append(self.graph.index[camera])
        object.__setattr__(self, "_cells", {cell: np.array(of_cell, np.intp) for cell, of_cell in rows.items()})

    def __call__(self, answer: SearchAnswer) -> dict[str, list[Epoch]]:
        """By sighting, the epochs in which its clothes may be seen."""
        sure = [visit for visit in self.route_of(answer).visits if visit.confidence >= CONFIRMED]
        best = sorted(sure, key=lambda visit: (-visit.confidence, visit.start))
        faces = [visit.candidate for visit in best if visit.candidate.modality is Modality.FACE]
        by_tracer = some_named(answer.candidates, self.by_tracer)
        chosen = {one.sighting: one for one in (*by_tracer, *faces)}
        targets = {name: self._epochs(one, answer) for name, one in list(chosen.items())[:MOST_SIGHTINGS]}
        return {name: epochs for name, epochs in targets.items() if epochs}

    def _epochs(self, one: Candidate, answer: SearchAnswer) -> list[Epoch]:
        found: list[Epoch] = []
        for hour in range(one.epoch.hour - NEIGHBOURING_HOURS, one.epoch.hour + NEIGHBOURING_HOURS + 1):
            seconds = _seconds(one, hour)
            if seconds > 0 and hour <= answer.until_hour and _day(hour).isoformat() not in answer.not_covered:
                found += [Epoch(cell, hour) for cell in self._in_reach(one.camera, seconds)]
        first, last = int(self.scope.start.timestamp()) // HOUR_S, -(-int(self.scope.end.timestamp()) // HOUR_S)
        return [epoch for epoch in found if first <= epoch.hour < last]

    def _in_reach(self, camera: str, seconds: float) -> list[str]:
        """Cells with a camera that a walker comes to in the time, along a straight street."""
        metres, here = MODES[0].usual_m_s * seconds + 2 * VIEW_M, np.array(self.graph.index[camera])
        return [cell for cell, rows in self._cells.items() if (self.graph.straight_m(here, rows) <= metres).any()]


def _seconds(one: Candidate, hour: int) -> float:
    """The longest time within WITHIN between the sighting and a moment of the hour; 0 or less where there is none."""
    start, end = from_unix(hour * HOUR_S), from_unix((hour + 1) * HOUR_S)
    if start - one.end >= WITHIN or one.start - end >= WITHIN:
        return 0.0
    return min(WITHIN, max(end - one.end, one.start - start)).total_seconds()


def _day(hour: int) -> date:
    return from_unix(hour * HOUR_S).date()
