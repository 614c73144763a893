"""Candidates become a route: which of them are the patient, and what lies between.

A hidden-Markov model over time with the candidates as observations. The patient's way is a path through some of them;
what is not on it is a stranger's (explanations.py). Being seen in a plausible order is no evidence in itself: it only
ties sightings together whose faces and clothes must then speak for themselves. The path may be empty.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import numpy.typing as npt

from central.contacts.meetings import meetings_of
from central.routes.between import gaps, legs, stays
from central.routes.camera_graph import CameraGraph, CameraPlace, Floats
from central.routes.explanations import CERTAIN, Setting, Steps, explain, on_the_path
from central.routes.hmm import Chain, viterbi
from central.routes.movement import log_next
from central.routes.observations import Observations, observe, weigh
from central.routes.route import Route, Visit
from central.routes.route_json import route_from_map, route_to_map
from central.routes.searched import Searched
from central.routes.template_shift import template_shifts
from central.routes.travel import log_still_unseen
from central.search.candidates import Candidate
from shared.calibration.curves import Calibration
from shared.epochs import Modality
from shared.errors import BadInput

__all__ = ["Route", "Told", "reconstruct", "route_from_map", "route_to_map"]

_AT_ONCE = 32  # observations whose steps are made together, some 50,000
# A visit is reported from this posterior on. Above 1/2 any two of them are on one possible path together.
ACCEPT = 0.5


@dataclass(frozen=True, slots=True)
class Told:
    """What a tracer knows: sightings that are the patient's, and sightings that are not."""

    confirmed: frozenset[str] = frozenset()
    rejected: frozenset[str] = frozenset()


def reconstruct(
    candidates: Iterable[Candidate],
    graph: CameraGraph,
    window: tuple[datetime, datetime],
    calibration: Calibration,
    *,
    searched: Searched | Mapping[Modality, int] | int | None = None,
    pseudonym_key: bytes | None = None,
    told: Told = Told(),
) -> Route:
    """The patient's route within `window`.

    `searched` is what was compared, or how many sightings were (estimated from the candidates when unknown);
    `pseudonym_key` are the case's random bytes, drawn afresh when not given; `told` outweighs every distance, but never
    what is possible.
    Raises CalibrationMissing, and BadInput for an empty window.
    """
    found = weighed(candidates, graph, window, calibration, searched=searched, told=told)
    return route_of(found, graph, window, pseudonym_key)


def route_of(
    found: Weighed, graph: CameraGraph, window: tuple[datetime, datetime], pseudonym_key: bytes | None = None
) -> Route:
    """The same from candidates that are weighed already, so that questions and alternatives need no second weighing."""
    seen, chosen = found.seen, most_right(found.confidence, found.ways)
    key = pseudonym_key or secrets.token_bytes(32)
    own = frozenset(seen.parts[j][0].sighting for j in chosen)
    visits = tuple(_visit(seen.parts[j][0], float(found.confidence[j]), graph.places, key, own) for j in chosen)
    dwelt = stays(visits, graph)
    return Route(window, visits, dwelt, legs(visits, dwelt, graph), gaps(visits, dwelt, graph, window), seen.unplaced)


@dataclass(frozen=True, slots=True, eq=False)
class Weighed:
    """Observations in order of time, P(each is the patient) [n], which steps are possible, and the model itself."""

    seen: Observations
    confidence: Floats
    ways: Steps
    chain: Chain

    @property
    def names(self) -> list[str]:
        return [parts[0].sighting for parts in self.seen.parts]

    def heeding(self, told: Told) -> Weighed:
        """The same once a tracer has told more."""
        chain = replace(self.chain, emission=self.chain.emission + _word(self.seen, told))
        return Weighed(self.seen, on_the_path(chain), self.ways, chain)


def weighed(
    candidates: Iterable[Candidate],
    graph: CameraGraph,
    window: tuple[datetime, datetime],
    calibration: Calibration,
    *,
    searched: Searched | Mapping[Modality, int] | int | None = None,
    told: Told = Told(),
) -> Weighed:
    """How surely each candidate is the patient. Raises as reconstruct does."""
    if window[0] >= window[1]:
        raise BadInput("the window is empty", hint="let it end after it begins")
    looked_at = Searched.of(searched)
    seen = observe(candidates, graph, window, calibration, told.confirmed, looked_at)
    length_s, word = (window[1] - window[0]).total_seconds(), _word(seen, told)
    evidence, ways = weigh(seen.parts, calibration, looked_at), movements(seen, graph)
    most = max(looked_at.sightings.values(), default=0) or evidence.stands_for.sum()
    compared = float(max(most, len(seen), 1))
    log_crowd = math.log(compared / (len(graph) * length_s))
    setting = Setting(compared, log_crowd, log_still_unseen(length_s - seen.end))
    chain = explain(ways, evidence, setting, word)
    confidence = on_the_path(chain)
    shifts = template_shifts(seen, confidence, looked_at, calibration)
    if any(shifts.values()):
        chain = explain(ways, weigh(seen.parts, calibration, looked_at, shifts), setting, word)
        confidence = on_the_path(chain)
    return Weighed(seen, confidence, ways, chain)


def most_right(confidence: Floats, ways: Steps) -> list[int]:
    """The possible path with the greatest expected number of right visits (maximum expected accuracy, Holmes and Durbin
    1998): the best path through posteriors, not through weights."""
    gain = (confidence - ACCEPT).astype(np.float32)
    steps = [np.where(np.isfinite(way), gain[j], np.float32(-np.inf)) for j, way in enumerate(ways)]
    path = viterbi(gain, steps, np.zeros(len(gain)), 0.0)
    return [j for j in path if gain[j] >= 0]


def movements(seen: Observations, graph: CameraGraph) -> Steps:
    """`ways[j]` [j]: ln density of being seen next where and when j was, after each earlier observation."""
    graph.count_around(np.unique(seen.camera))
    ways: list[npt.NDArray[np.float32]] = []
    for first in range(0, len(seen), _AT_ONCE):
        last = min(first + _AT_ONCE, len(seen))
        ways += [row[:j] for j, row in enumerate(log_next(graph, seen, first, last).astype(np.float32), first)]
    return ways


def _word(seen: Observations, told: Told) -> Floats:
    names = [parts[0].sighting for parts in seen.parts]
    word = [CERTAIN * ((name in told.confirmed) - (name in told.rejected)) for name in names]
    return np.array(word, np.float64)


def _visit(
    candidate: Candidate, confidence: float, places: Mapping[str, CameraPlace], key: bytes, own: frozenset[str]
) -> Visit:
    met = meetings_of(candidate, own, key)
    return Visit(replace(candidate, partners=()), confidence, places[candidate.camera], met)
