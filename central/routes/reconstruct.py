"""Candidates become a route: which of them are the patient, and what lies between.

A hidden-Markov model over time with the candidates as observations. The patient's way is a path through some of them;
what is not on it is a stranger who looks alike. Each step is weighed against the two ways in which a stranger can be
mistaken for the patient: somebody new, of whom there are more the more was searched, or the stranger of the step
before, who has a consistent day of his own. So being seen in a plausible order is no evidence in itself: it only ties
sightings together whose faces and clothes must then speak for themselves. The path may be empty.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

import numpy as np
import numpy.typing as npt

from central.contacts.pseudonyms import pseudonym, whom
from central.routes.between import gaps, legs, stays
from central.routes.camera_graph import CameraGraph, Floats
from central.routes.hmm import posterior, viterbi
from central.routes.likelihood import Calibration
from central.routes.observations import Observations, observe
from central.routes.route import Meeting, Route, Visit
from central.routes.route_json import route_from_map, route_to_map
from central.routes.template_shift import template_shifts
from central.routes.travel import log_still_unseen, log_transition
from central.search.candidates import Candidate
from shared.errors import BadInput

__all__ = ["Route", "reconstruct", "route_from_map", "route_to_map"]

Steps = list[npt.NDArray[np.float32]]

# Before any evidence: as likely as not, the patient was seen by some camera in the cells and hours searched.
SEEN_AT_ALL = 0.5
# A visit is reported from this posterior on. Above 1/2 any two of them are on one possible path together.
ACCEPT = 0.5
# How often strangers' nearness to this patient is estimated anew from what was found; more changes little.
ROUNDS = 2


def reconstruct(
    candidates: Iterable[Candidate],
    graph: CameraGraph,
    window: tuple[datetime, datetime],
    calibration: Calibration,
    *,
    searched: int | None = None,
    pseudonym_key: bytes | None = None,
) -> Route:
    """The patient's route within `window`.

    `searched` is how many sightings were compared (estimated from the candidates when unknown); `pseudonym_key` are the
    case's random bytes, drawn afresh when not given. Raises CalibrationMissing, and BadInput for an empty window.
    """
    if window[0] >= window[1]:
        raise BadInput("the window is empty", hint="let it end after it begins")
    known, length_s = list(candidates), (window[1] - window[0]).total_seconds()
    seen = observe(known, graph, window, calibration)
    confidence, chosen = decode(seen, graph, length_s, calibration, searched)
    for _ in range(ROUNDS if searched is not None else 0):
        shifts = template_shifts(seen, confidence, searched or 0, calibration)
        seen = observe(known, graph, window, calibration, shifts)
        confidence, chosen = decode(seen, graph, length_s, calibration, searched)
    key = pseudonym_key or secrets.token_bytes(32)
    visits = tuple(_visit(seen.candidates[j], float(confidence[j]), graph, key) for j in chosen)
    found = stays(visits, graph)
    return Route(window, visits, found, legs(visits, found, graph), gaps(visits, found, graph, window), seen.unplaced)


def decode(
    seen: Observations, graph: CameraGraph, length_s: float, calibration: Calibration, searched: int | None = None
) -> tuple[Floats, list[int]]:
    """Posterior of each observation [n], and those on the path with the greatest expected number of right visits."""
    steps = transitions(seen, graph, length_s, calibration, searched)
    initial = seen.log_ratio + math.log(SEEN_AT_ALL / _searched(seen, searched))
    final = log_still_unseen(length_s - seen.end)
    confidence = posterior(initial, steps, final, math.log1p(-SEEN_AT_ALL))
    # Maximum expected accuracy (Holmes and Durbin 1998): a best path through posteriors, not weights.
    gain = (confidence - ACCEPT).astype(np.float32)
    ways = [np.where(np.isfinite(step), gain[j], np.float32(-np.inf)) for j, step in enumerate(steps)]
    path = viterbi(gain, ways, np.zeros(len(gain)), 0.0)
    return confidence, [j for j in path if gain[j] >= 0]


def transitions(
    seen: Observations, graph: CameraGraph, length_s: float, calibration: Calibration, searched: int | None = None
) -> Steps:
    """`steps[j]` [j]: ln weight of going on from each earlier observation to j, its emission included.

    With h the density of the next sighting at that camera and time, λ that of strangers' sightings, s and o the
    densities of j's distance given i's for the patient and for a stranger: h·s / (λ·o + h·o(given i)).
    """
    crowd = math.log(_searched(seen, searched) / (len(graph) * length_s)) if len(seen) else 0.0
    same_r, other_r = calibration.correlations()
    steps: Steps = []
    for j in range(len(seen)):
        before = np.arange(j)
        moved = log_transition(graph, seen.camera[before], seen.camera[j], seen.start[j] - seen.end[before]) - crowd
        contained = seen.end[before] > seen.end[j] + 5
        same = log_link(seen.same_score[before], seen.same_score[j], same_r)
        other = log_link(seen.other_score[before], seen.other_score[j], other_r)
        weight = moved + seen.log_ratio[j] + same - np.logaddexp(0.0, moved + other)
        steps.append(np.where(contained, -np.inf, weight).astype(np.float32))
    return steps


def log_link(earlier: Floats, later: Floats, correlation: Floats) -> Floats:
    """ln of the factor by which the density of later scores [m] changes once earlier ones [n, m] are known, summed.

    The Gaussian copula with `correlation` [m]; a score of nan says nothing.
    """
    rest = 1 - correlation**2
    shift = (later - correlation * earlier) ** 2 / rest - later**2
    return np.asarray(np.nansum(-0.5 * (shift + np.log(rest)), axis=-1), np.float64)


def _searched(seen: Observations, searched: int | None) -> float:
    return float(max(searched if searched is not None else seen.stands_for.sum(), len(seen), 1))


def _visit(candidate: Candidate, confidence: float, graph: CameraGraph, key: bytes) -> Visit:
    met = tuple(
        Meeting(pseudonym(key, whom(candidate, p)), p.start, p.end, p.min_distance_m, p.distance_error_m, p.mask)
        for p in sorted(candidate.partners, key=lambda p: (p.start, p.end, p.number))
    )
    return Visit(replace(candidate, partners=()), confidence, graph.places[candidate.camera], met)
